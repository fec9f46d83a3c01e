//! The levels of findings: `[lints]`.
//!
//! Owns: `Lints`. It may raise any finding and lower those that are no error; an error is never lowered here, because a lowered
//! one would let manifests out that admit what no line admits.

use std::borrow::Cow;
use std::collections::BTreeMap;

use indexmap::IndexMap;
use toml::Spanned;
use toml::de::DeValue;

use super::value::{self, Findings, Written};
use crate::diagnostic::code;
use crate::diagnostic::level::Setting;
use crate::diagnostic::{Code, Diagnostic, Level, nearest};

/// What `[lints]` makes of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LintLevel {
    /// It is not reported.
    Off,
    /// It is reported at this level.
    At(Level),
}

/// Levels that differ from the findings' own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lints {
    levels: BTreeMap<Code, LintLevel>,
}

impl Lints {
    /// What is set for a code; none if nothing is.
    pub fn get(&self, code: Code) -> Option<LintLevel> {
        self.levels.get(&code).copied()
    }

    /// What is set, as the renderers' door takes it.
    pub fn settings(&self) -> IndexMap<Code, Setting> {
        self.levels.iter().map(|(code, level)| (*code, level.setting())).collect()
    }
}

impl LintLevel {
    fn setting(self) -> Setting {
        match self {
            Self::Off => Setting::Off,
            Self::At(Level::Note) => Setting::Note,
            Self::At(Level::Warning) => Setting::Warning,
            Self::At(Level::Error) => Setting::Error,
        }
    }
}

/// The levels as they are written.
pub(super) const LEVELS: [(&str, LintLevel); 4] = [
    ("off", LintLevel::Off),
    ("note", LintLevel::At(Level::Note)),
    ("warning", LintLevel::At(Level::Warning)),
    ("error", LintLevel::At(Level::Error)),
];

/// Reads one line of the section.
pub(super) fn set(lints: &mut Lints, key: &Spanned<Cow<'_, str>>, value: &Spanned<DeValue<'_>>, findings: &mut Findings<'_>) {
    let Some(code) = Code::find(key.get_ref()) else { return findings.add(unknown_code(key, findings)) };
    let name = format!("lints.{code}");
    let written = Written { key: &name, value: value.get_ref(), span: value.span() };
    let Some(level) = value::one_of(&written, &LEVELS, findings) else { return };
    if code.level() == Level::Error && level != LintLevel::At(Level::Error) {
        let location = findings.location(value.span());
        findings.add(
            Diagnostic::new(code::INVALID_CONFIG, location, format!("`{code}` is an error and cannot be lowered"))
                .label("an error cannot be lowered")
                .note("an error means that the manifests would not do what the intents say, or that they cannot be known to")
                .help(format!("take the line out; a rule accepts what the finding names with `accept {code}` where that is possible")),
        );
        return;
    }
    lints.levels.insert(code, level);
}

/// A code that does not exist.
fn unknown_code(key: &Spanned<Cow<'_, str>>, findings: &Findings<'_>) -> Diagnostic {
    let written = key.get_ref();
    let location = findings.location(key.span());
    let finding = Diagnostic::new(code::UNKNOWN_CODE, location, format!("there is no finding `{written}`"));
    match nearest(written, code::ALL.iter().map(|code| code.name())) {
        Some(near) => finding.fix(format!("did you mean `{near}`?"), location, near),
        None => finding.help("every finding shows its code in brackets"),
    }
}
