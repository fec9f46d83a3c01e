//! `twogate list --expiring`: rules that end soon.
//!
//! Owns: which rules these are, and how they are written.

use super::Form;
use crate::date::days_until;
use crate::exit::{Exit, Failure};
use crate::report::{self, Format, count};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use twogate::compile::{Input, to_be_asked};
use twogate::ir::{Ownership, Rule};
use twogate::source::{Location, Sources};

/// A rule that ends soon.
struct Expiring<'a> {
    rule: &'a Rule,
    until: &'a str,
    /// How many days are left; the last day is 0.
    days: i64,
    place: (&'a str, usize),
}

/// Lists the rules that last at most so many days from today, the next to end first.
pub(super) fn list(input: Input, today: &str, days: i64, format: Form) -> Result<Exit, Failure> {
    let outcome = to_be_asked(input);
    let exit = report::findings(&outcome.findings, &outcome.sources, Format::Human)?;
    // A rule that many namespaces share is one.
    let mut rules: BTreeMap<(&str, Location), Expiring<'_>> = BTreeMap::new();
    for rule in outcome.policy.rules.iter().filter(|rule| rule.ownership == Ownership::Managed) {
        let Some((until, _)) = &rule.until else { continue };
        let Some(left) = days_until(today, until).filter(|left| *left <= days) else { continue };
        let place = place(&outcome.sources, rule.location);
        rules.insert((until, rule.location), Expiring { rule, until, days: left, place });
    }
    let rules: Vec<Expiring<'_>> = rules.into_values().collect();
    report::print(&match format {
        Form::Text => text(&rules),
        Form::Json => object(&rules, today),
        Form::Csv => values(&rules),
        Form::Dot | Form::Mermaid => return Err(Failure::new("rules that expire are no graph; `text`, `json` and `csv` list them")),
    })?;
    Ok(exit)
}

/// A number of days as the user writes it: `30d`.
pub(super) fn days(written: &str) -> Result<i64, String> {
    let number = written.strip_suffix('d').and_then(|number| number.parse::<u16>().ok());
    number.map(i64::from).ok_or_else(|| "a number of days is written `30d`".to_owned())
}

fn place(sources: &Sources, location: Location) -> (&str, usize) {
    sources.get(location.file).map_or(("", 0), |source| (source.name(), source.position(location.span.start).line))
}

fn text(rules: &[Expiring<'_>]) -> String {
    if rules.is_empty() {
        return "no rule expires by then\n".to_owned();
    }
    let mut out = String::new();
    for Expiring { rule, until, days, place: (file, line) } in rules {
        let left = match days {
            0 => "today is its last day".to_owned(),
            days if *days < 0 => format!("past for {}", count(usize::try_from(-days).unwrap_or_default(), "day")),
            days => format!("{} left", count(usize::try_from(*days).unwrap_or_default(), "day")),
        };
        let because = rule.because.as_ref().map(|because| format!("  because \"{because}\"")).unwrap_or_default();
        let _ = writeln!(out, "{until}  {left}  {file}:{line}  {}{because}", rule.text);
    }
    out
}

fn object(rules: &[Expiring<'_>], today: &str) -> String {
    let rule = |one: &Expiring<'_>| {
        json!({
            "until": one.until, "days": one.days, "rule": one.rule.text, "namespace": &*one.rule.namespace,
            "because": one.rule.because, "file": one.place.0, "line": one.place.1,
        })
    };
    let mut text = serde_json::to_string_pretty(&json!({
        "version": 1, "today": today, "expiring": rules.iter().map(rule).collect::<Vec<_>>(),
    }))
    .unwrap_or_default();
    text.push('\n');
    text
}

fn values(rules: &[Expiring<'_>]) -> String {
    let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let mut out = String::from("until,days,file,line,rule,because\r\n");
    for Expiring { rule, until, days, place: (file, line) } in rules {
        let because = rule.because.as_deref().unwrap_or_default();
        let _ = write!(out, "{until},{days},{},{line},{},{}\r\n", quoted(file), quoted(&rule.text), quoted(because));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_with_their_letter() {
        assert_eq!(days("30d"), Ok(30));
        assert_eq!(days("0d"), Ok(0));
        for wrong in ["30", "d", "-1d", "3w", "999999d"] {
            assert!(days(wrong).is_err(), "{wrong}");
        }
    }
}
