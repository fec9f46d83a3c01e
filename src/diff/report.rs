//! Everything that is told of a difference.
//!
//! Owns: `Report`, the counts and the exit. It is data; the formats print it and decide nothing.

use super::entry::{Change, Entry, Kind};
use super::facts::{Fact, FactKind};
use crate::cluster::Assumption;

/// A whole difference.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What the base is called.
    pub base: String,
    /// What the head is called.
    pub head: String,
    /// The differences in access, the riskiest first.
    pub entries: Vec<Entry>,
    /// What else is different.
    pub facts: Vec<Fact>,
    /// Flows that could not be compared, in words.
    pub incomplete: Vec<String>,
    /// How many rules stand on one side only and change nothing.
    pub without_effect: usize,
    /// Whether the text is different at all.
    pub text: Text,
    /// How many expectations the head has.
    pub expectations: usize,
    /// The objects that are written otherwise; none if nobody asked.
    pub objects: Option<Objects>,
    /// What is taken for granted of the platform of both sides, as nobody said it.
    pub presumed: Vec<Assumption>,
    /// What a proof of the head takes for granted.
    pub assumptions: Vec<String>,
    /// The accepted exposures that no longer count, as their last day is over.
    pub expired: Vec<String>,
    /// What is to be known of how the sides were read, in words.
    pub notes: Vec<String>,
    /// In which order the change is safely applied, in one line; none if nobody asked.
    pub order: Option<String>,
}

/// Whether the text is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Text {
    /// It is the same, to the byte.
    #[default]
    Same,
    /// It is not.
    Changed,
}

/// The objects that are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Objects {
    /// Those that are different, each with how: `NetworkPolicy shop/web`.
    pub changed: Vec<(Change, String)>,
    /// How many the head has.
    pub total: usize,
    /// For each entry, those of its namespaces and rules.
    pub of_entries: Vec<Vec<String>>,
}

impl Report {
    /// The differences in access that nobody has accepted.
    pub fn open_entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.accepted.is_none())
    }

    /// The differences in access that somebody has accepted.
    pub fn accepted_entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.accepted.is_some())
    }

    /// How many differences there are of each kind, the riskiest first, without those that are accepted.
    pub fn counts(&self) -> Vec<(Kind, usize)> {
        let count = |kind: Kind| self.open_entries().filter(|entry| entry.kind == kind).count();
        Kind::ALL.into_iter().map(|kind| (kind, count(kind))).filter(|(_, count)| *count > 0).collect()
    }

    /// The summary in one line.
    pub fn summary(&self) -> String {
        let mut parts: Vec<String> = self.counts().into_iter().map(|(kind, count)| counted(kind, count)).collect();
        let taking = self.open_entries().filter(|entry| entry.takes_too()).count();
        if taking > 0 {
            parts.push(format!("{taking} of them take{} something away too", if taking == 1 { "s" } else { "" }));
        }
        let accepted = self.accepted_entries().count();
        if accepted > 0 {
            parts.push(format!("{accepted} accepted"));
        }
        let failing = self.facts.iter().filter(|fact| fact.fails && fact.kind == FactKind::Expectation).count();
        let unknown = self.unknown().count();
        if unknown > 0 {
            parts.push(format!("{unknown} change{} whose effect is not known", plural(unknown)));
        }
        if failing > 0 {
            parts.push(format!("{failing} expectation{} fail{}", plural(failing), if failing == 1 { "s" } else { "" }));
        }
        if !self.incomplete.is_empty() {
            parts.push("not everything could be compared".to_owned());
        }
        if !parts.is_empty() {
            return parts.join(" · ");
        }
        match (self.facts.is_empty(), self.text) {
            (false, _) => "access did not change".to_owned(),
            (true, Text::Changed) => "text changed, access did not".to_owned(),
            (true, Text::Same) => "no difference".to_owned(),
        }
    }

    /// All that is taken for granted, in words.
    pub fn all_assumptions(&self) -> Vec<String> {
        self.presumed.iter().map(ToString::to_string).chain(self.assumptions.iter().cloned()).collect()
    }

    /// What has changed with an effect that is not known: as long as there is any, nobody can say that access did not change.
    pub fn unknown(&self) -> impl Iterator<Item = &Fact> {
        self.facts.iter().filter(|fact| fact.kind == FactKind::Unknown)
    }

    /// Whether the head fails by itself where the base did not: by an expectation, or an error.
    pub fn fails(&self) -> bool {
        self.facts.iter().any(|fact| fact.fails)
    }

    /// Whether access is different, or may be, but for what is accepted.
    pub fn changes_access(&self) -> bool {
        self.open_entries().next().is_some() || self.unknown().next().is_some()
    }
}

/// A number and what it counts.
fn counted(kind: Kind, count: usize) -> String {
    match kind {
        Kind::Weakened => format!("{count} no longer require{} mTLS or a token", if count == 1 { "s" } else { "" }),
        Kind::PortsOrRequests => format!("{count} with more ports or requests"),
        Kind::MtlsToo => format!("{count} with mTLS accepted too"),
        Kind::OneGate => format!("{count} with one gate now alone"),
        _ => format!("{count} {}", kind.words()),
    }
}

/// The `s` behind a number.
pub(super) const fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
