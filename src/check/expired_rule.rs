//! Rules whose last day is past.
//!
//! Owns: `expired-rule`. The day is given: nothing here may ask a clock, so that compiling never depends on one.

use std::collections::BTreeSet;

use super::ends::ours;
use crate::diagnostic::{Diagnostic, code};
use crate::ir::Policy;
use crate::source::Location;

/// A finding for every rule whose last day lies before `today`, a day as `YYYY-MM-DD`; the last day itself still counts.
pub fn expired(policy: &Policy, today: &str) -> Vec<Diagnostic> {
    let dated = ours(policy).filter_map(|(_, rule)| rule.until.as_ref());
    // Days written this way are in the order of their text.
    let past: BTreeSet<(&str, Location)> = dated.map(|(day, at)| (day.as_str(), *at)).filter(|(day, _)| *day < today).collect();
    past.into_iter().map(|(day, at)| finding(day, at)).collect()
}

fn finding(day: &str, at: Location) -> Diagnostic {
    Diagnostic::new(code::EXPIRED_RULE, at, format!("this rule was meant to last until {day}"))
        .label("this day is past")
        .note("the rule still acts: what is compiled never depends on the day")
        .help("remove the rule, or give it a later day")
}

#[cfg(test)]
mod tests {
    use crate::check::expired;
    use crate::check::testing::Program;

    #[test]
    fn the_last_day_still_counts() {
        let program = Program::of("namespace shop\nallow app=a -> app=b:80 until 2027-03-31\nallow app=a -> app=b:81\n");
        let on = |day| program.show(&expired(&program.policy, day));
        assert_eq!(on("2027-03-31"), [""; 0]);
        assert_eq!(on("2027-04-01"), ["warning expired-rule `2027-03-31`"]);
        assert_eq!(on("2027-03-01"), [""; 0]);
    }
}
