//! Dates: the one of today, and those that a user writes.
//!
//! Owns: `today`, `parse`, `days_until`. Only here is the clock read.

use std::time::{SystemTime, UNIX_EPOCH};

/// Today in UTC, as `YYYY-MM-DD`.
pub(crate) fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    from_days(seconds / 86_400)
}

/// A date as the user writes it, if it is one.
pub(crate) fn parse(written: &str) -> Result<String, String> {
    let part = |range: std::ops::Range<usize>| written.get(range).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let dashed = written.len() == 10 && written.get(4..5) == Some("-") && written.get(7..8) == Some("-");
    let date = match (part(0..4), part(5..7), part(8..10)) {
        (Some(year), Some(month), Some(day)) if dashed => year.parse().ok().zip(month.parse().ok()).zip(day.parse().ok()),
        _ => None,
    };
    match date {
        Some(((year, month), day)) if (1..=days_of(year, month)).contains(&day) => Ok(written.to_owned()),
        _ => Err("there is no such date; one is written `YYYY-MM-DD`".to_owned()),
    }
}

/// How many days lie between two dates; negative if the second comes first. None if one of them is no date.
pub(crate) fn days_until(from: &str, to: &str) -> Option<i64> {
    let [from, to] = [from, to].map(|date| i64::try_from(to_days(date)?).ok());
    Some(to? - from?)
}

/// How many days after 1970-01-01 a date is; none for what is no date, or before.
fn to_days(date: &str) -> Option<u64> {
    parse(date).ok()?;
    let mut parts = date.split('-').map(|part| part.parse::<u64>().unwrap_or_default());
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let years = (1970..year).map(days_of_year).sum::<u64>();
    let months = (1..month).map(|month| days_of(year, month)).sum::<u64>();
    (year >= 1970).then_some(years + months + day - 1)
}

/// The date that is so many days after 1970-01-01.
fn from_days(mut days: u64) -> String {
    let mut year = 1970;
    while days >= days_of_year(year) {
        days -= days_of_year(year);
        year += 1;
    }
    let mut month = 1;
    while days >= days_of(year, month) {
        days -= days_of(year, month);
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", days + 1)
}

/// How many days a year has.
fn days_of_year(year: u64) -> u64 {
    (1..=12).map(|month| days_of(year, month)).sum()
}

/// How many days a month has; none if there is no such month.
fn days_of(year: u64, month: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        let dates = [0, 58, 59, 789, 19_782, 20_453, 47_540].map(from_days);
        assert_eq!(dates, ["1970-01-01", "1970-02-28", "1970-03-01", "1972-02-29", "2024-02-29", "2025-12-31", "2100-02-28"]);
        assert_eq!(from_days(47_541), "2100-03-01");
        assert_eq!(parse(&today()), Ok(today()));
    }

    #[test]
    fn dates_become_days() {
        for days in [0, 58, 59, 789, 19_782, 20_453, 47_540] {
            assert_eq!(to_days(&from_days(days)), Some(days));
        }
        assert_eq!(days_until("2027-02-27", "2027-03-31"), Some(32));
        assert_eq!(days_until("2027-03-31", "2027-03-30"), Some(-1));
        assert_eq!(days_until("2027-03-31", "soon"), None);
        assert_eq!(to_days("1969-12-31"), None);
    }

    #[test]
    fn only_dates_are_dates() {
        assert!(parse("2028-02-29").is_ok());
        for wrong in
            ["2027-02-29", "2027-13-01", "2027-00-01", "2027-01-00", "2027-1-01", "27-01-01", "2027/01/01", "2027-01-1x", "", "２０２７"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
