//! The one door at which the level of a finding is settled.
//!
//! Owns: `Setting`, `Accept`, `Levels`. An error can be lowered in one way only, by `accept` on the line whose callers gain
//! (`design` promise 1); the configuration silences and lowers notes and warnings, and raises anything. It must not read
//! configuration or intents.

use super::code::{ACCEPTED, ACCEPTS_NOTHING, COUPLED_RULES, DENY_NOT_SEPARABLE};
use super::{Code, Diagnostic, Level, order};
use crate::source::{FileId, Location, Span};
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};

/// The errors that a line may accept: those by which the two gates admit more than any line says.
pub const ACCEPTABLE_ERRORS: &[Code] = &[COUPLED_RULES, DENY_NOT_SEPARABLE];

/// What the configuration says of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Not shown.
    Off,
    /// Shown as a note.
    Note,
    /// Shown as a warning.
    Warning,
    /// Shown as an error: nothing is written.
    Error,
}

impl Setting {
    /// The words for them, as `twogate.toml` writes them.
    pub const NAMES: [&'static str; 4] = ["off", "note", "warning", "error"];

    /// The setting of a word.
    pub fn find(word: &str) -> Option<Self> {
        let settings = [Self::Off, Self::Note, Self::Warning, Self::Error];
        Self::NAMES.into_iter().zip(settings).find(|(name, _)| *name == word).map(|(_, setting)| setting)
    }

    /// Whether it would lower a code that is an error, which no configuration may.
    pub fn lowers_error(self, code: Code) -> bool {
        code.level() == Level::Error && self != Self::Error
    }
}

/// An `accept CODE` of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accept {
    /// The code that is accepted.
    pub code: Code,
    /// The whole statement: what is found in it is accepted.
    pub statement: Location,
    /// The clause itself.
    pub clause: Location,
}

/// How levels are settled in a run.
#[derive(Debug, Clone, Default)]
pub struct Levels {
    overrides: IndexMap<Code, Setting>,
    accepts: Vec<Accept>,
}

impl Levels {
    /// Levels as the configuration wants them.
    pub fn new(overrides: IndexMap<Code, Setting>) -> Self {
        Self { overrides, accepts: Vec::new() }
    }

    /// The same, with what the statements accept.
    #[must_use]
    pub fn accepting(mut self, accepts: Vec<Accept>) -> Self {
        self.accepts = accepts;
        self
    }

    /// The findings at their settled levels, without the silenced ones, in the order given.
    ///
    /// An accepted finding becomes the note `accepted`. An `accept` that met nothing is reported, unless an error remains:
    /// behind an error, checks may not have run.
    pub fn apply(&self, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let accepts = Accepts::new(&self.accepts);
        let mut met: BTreeSet<usize> = BTreeSet::new();
        let mut settled = Vec::with_capacity(findings.len());
        for finding in findings {
            match accepts.covering(&finding) {
                Some(index) => {
                    met.insert(index);
                    settled.extend(self.settle(accepted(finding)));
                }
                None => settled.extend(self.settle(finding)),
            }
        }
        if !order::has_error(&settled) {
            let idle = self.accepts.iter().enumerate().filter(|(index, _)| !met.contains(index));
            settled.extend(idle.filter_map(|(_, accept)| self.settle(accepts_nothing(accept))));
        }
        settled
    }

    /// A finding at the level that the configuration gives it; none if it is silenced. An error stays one.
    fn settle(&self, finding: Diagnostic) -> Option<Diagnostic> {
        let setting = self.overrides.get(&finding.code).filter(|_| finding.level != Level::Error);
        match setting {
            None => Some(finding),
            Some(Setting::Off) => None,
            Some(Setting::Note) => Some(finding.at_level(Level::Note)),
            Some(Setting::Warning) => Some(finding.at_level(Level::Warning)),
            Some(Setting::Error) => Some(finding.at_level(Level::Error)),
        }
    }
}

/// The accepted statements, by code and file, in the order of the text.
struct Accepts(BTreeMap<(Code, FileId), Vec<(Span, usize)>>);

impl Accepts {
    fn new(accepts: &[Accept]) -> Self {
        let mut table: BTreeMap<(Code, FileId), Vec<(Span, usize)>> = BTreeMap::new();
        for (index, accept) in accepts.iter().enumerate() {
            table.entry((accept.code, accept.statement.file)).or_default().push((accept.statement.span, index));
        }
        for spans in table.values_mut() {
            spans.sort();
        }
        Self(table)
    }

    /// The `accept` in whose statement a finding is, if its code may be accepted. Statements never overlap.
    fn covering(&self, finding: &Diagnostic) -> Option<usize> {
        let place = finding.location()?;
        if finding.level == Level::Error && !ACCEPTABLE_ERRORS.contains(&finding.code) {
            return None;
        }
        let spans = self.0.get(&(finding.code, place.file))?;
        let behind = spans.partition_point(|(span, _)| span.start <= place.span.start);
        let (span, index) = behind.checked_sub(1).and_then(|before| spans.get(before))?;
        (place.span.end <= span.end).then_some(*index)
    }
}

/// An accepted finding: the same facts, without the advice that was declined.
pub(crate) fn accepted(finding: Diagnostic) -> Diagnostic {
    let message = format!("`{}` is accepted here: {}", finding.code, finding.message);
    Diagnostic { code: ACCEPTED, level: ACCEPTED.level(), message, helps: Vec::new(), ..finding }
}

/// An `accept` without which the findings were the same.
fn accepts_nothing(accept: &Accept) -> Diagnostic {
    let found = Diagnostic::new(ACCEPTS_NOTHING, accept.clause, format!("`accept {}` accepts nothing", accept.code));
    if accept.code.level() == Level::Error && !ACCEPTABLE_ERRORS.contains(&accept.code) {
        return found.label("an error that no line can accept");
    }
    found.label(format!("`{}` is not found in this statement", accept.code)).help("remove it, so that it cannot hide a later finding")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::code::{DUPLICATE_NAME, DUPLICATE_RULE, SHARED_ACCOUNT};

    fn at(start: usize, end: usize) -> Location {
        Location { file: FileId(0), span: Span::new(start, end) }
    }

    fn levels(settings: &[(Code, Setting)]) -> Levels {
        Levels::new(settings.iter().copied().collect())
    }

    fn accept(code: Code, statement: Location) -> Accept {
        Accept { code, statement, clause: statement }
    }

    fn outcome(levels: &Levels, findings: Vec<Diagnostic>) -> Vec<(&'static str, Level)> {
        levels.apply(findings).iter().map(|finding| (finding.code.name(), finding.level)).collect()
    }

    #[test]
    fn notes_and_warnings_go_where_the_configuration_says() {
        let found = || vec![Diagnostic::new(DUPLICATE_RULE, at(0, 3), "x"), Diagnostic::new(SHARED_ACCOUNT, at(0, 3), "y")];
        let off = levels(&[(DUPLICATE_RULE, Setting::Off), (SHARED_ACCOUNT, Setting::Warning)]);
        assert_eq!(outcome(&off, found()), [("shared-account", Level::Warning)]);
        let up = levels(&[(DUPLICATE_RULE, Setting::Note), (SHARED_ACCOUNT, Setting::Error)]);
        assert_eq!(outcome(&up, found()), [("duplicate-rule", Level::Note), ("shared-account", Level::Error)]);
    }

    #[test]
    fn settings_have_words() {
        assert_eq!(Setting::NAMES.map(Setting::find), [Setting::Off, Setting::Note, Setting::Warning, Setting::Error].map(Some));
        assert_eq!(Setting::find("Off"), None);
        assert!(Setting::Warning.lowers_error(COUPLED_RULES) && !Setting::Error.lowers_error(COUPLED_RULES));
        assert!(!Setting::Off.lowers_error(SHARED_ACCOUNT));
    }

    #[test]
    fn no_setting_lowers_an_error() {
        for setting in [Setting::Off, Setting::Note, Setting::Warning] {
            let levels = levels(&[(DUPLICATE_NAME, setting), (COUPLED_RULES, setting), (SHARED_ACCOUNT, setting)]);
            let raised = Diagnostic::new(SHARED_ACCOUNT, at(0, 3), "y").at_level(Level::Error);
            let found = vec![Diagnostic::new(DUPLICATE_NAME, at(0, 3), "x"), Diagnostic::new(COUPLED_RULES, at(0, 3), "x"), raised];
            let wanted = [("duplicate-name", Level::Error), ("coupled-rules", Level::Error), ("shared-account", Level::Error)];
            assert_eq!(outcome(&levels, found), wanted);
        }
    }

    #[test]
    fn a_line_accepts_its_own_coupling_and_no_other() {
        let levels = Levels::default().accepting(vec![accept(COUPLED_RULES, at(10, 20))]);
        let here = Diagnostic::new(COUPLED_RULES, at(12, 15), "`app=web` gains `POST /b`").help("declined");
        let settled = levels.apply(vec![here]);
        assert_eq!(settled[0].message, "`coupled-rules` is accepted here: `app=web` gains `POST /b`");
        assert!(settled.len() == 1 && settled[0].level == Level::Note && settled[0].helps.is_empty());
        for elsewhere in [at(9, 15), at(15, 21), at(30, 31), Location { file: FileId(1), span: Span::new(12, 15) }] {
            let found = vec![Diagnostic::new(COUPLED_RULES, elsewhere, "x")];
            assert_eq!(outcome(&levels, found), [("coupled-rules", Level::Error)], "{elsewhere:?}");
        }
    }

    #[test]
    fn other_errors_cannot_be_accepted() {
        let levels = Levels::default().accepting(vec![accept(DUPLICATE_NAME, at(0, 20))]);
        assert_eq!(outcome(&levels, vec![Diagnostic::new(DUPLICATE_NAME, at(2, 3), "x")]), [("duplicate-name", Level::Error)]);
        let idle = levels.apply(Vec::new());
        assert_eq!(idle[0].primary.as_ref().map(|label| label.text.as_str()), Some("an error that no line can accept"));
    }

    #[test]
    fn an_idle_accept_is_told_only_when_all_checks_ran() {
        let levels = Levels::default().accepting(vec![accept(SHARED_ACCOUNT, at(0, 20))]);
        assert_eq!(outcome(&levels, Vec::new()), [("accepts-nothing", Level::Warning)]);
        let broken = vec![Diagnostic::new(DUPLICATE_NAME, at(30, 33), "x")];
        assert_eq!(outcome(&levels, broken), [("duplicate-name", Level::Error)]);
        let met = vec![Diagnostic::new(SHARED_ACCOUNT, at(2, 3), "x")];
        assert_eq!(outcome(&levels, met), [("accepted", Level::Note)]);
    }

    #[test]
    fn a_raised_finding_can_still_be_accepted_but_not_silenced() {
        let mut levels = levels(&[(SHARED_ACCOUNT, Setting::Error)]);
        assert_eq!(outcome(&levels, vec![Diagnostic::new(SHARED_ACCOUNT, at(2, 3), "x")]), [("shared-account", Level::Error)]);
        levels = levels.accepting(vec![accept(SHARED_ACCOUNT, at(0, 20))]);
        assert_eq!(outcome(&levels, vec![Diagnostic::new(SHARED_ACCOUNT, at(2, 3), "x")]), [("accepted", Level::Note)]);
    }
}
