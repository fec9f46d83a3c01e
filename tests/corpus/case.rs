//! What a case is and how it came out.
//!
//! Owns: the common form of all sources' results. It reads nothing.

use std::collections::BTreeMap;

/// One expectation that somebody else wrote down.
#[derive(Debug)]
pub(super) struct Case {
    /// The folder of the corpus.
    pub(super) source: &'static str,
    /// What it asks, as the table's row says it.
    pub(super) kind: String,
    /// Its name within the source.
    pub(super) name: String,
    /// How it came out.
    pub(super) outcome: Outcome,
}

impl Case {
    /// Its name among all cases.
    pub(super) fn key(&self) -> String {
        format!("{}/{}", self.source, self.name)
    }

    /// Which column of the table it counts in.
    pub(super) fn column(&self) -> Column {
        match &self.outcome {
            Outcome::LeftOut(_) => Column::LeftOut,
            Outcome::Compared(comparison) if !comparison.differ.is_empty() => Column::Differs,
            Outcome::Compared(comparison) if !comparison.unspecified.is_empty() => Column::Open,
            Outcome::Compared(_) => Column::Agrees,
        }
    }
}

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// Every answer is the expected one.
    Agrees,
    /// No answer is another one, but some are that the platform leaves it open.
    Open,
    /// At least one answer is another one.
    Differs,
    /// Not asked.
    LeftOut,
}

/// How a case came out.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It was asked.
    Compared(Comparison),
    /// It was not, for this reason.
    LeftOut(&'static str),
}

/// Answers held against an expectation.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// How many were compared.
    pub(super) answers: usize,
    /// Those that are other than expected, a line each.
    pub(super) differ: Vec<String>,
    /// Those that are left open, by reason.
    pub(super) unspecified: BTreeMap<String, usize>,
}

impl Comparison {
    /// Takes in another one.
    pub(super) fn add(&mut self, other: Self) {
        self.answers += other.answers;
        self.differ.extend(other.differ);
        for (reason, count) in other.unspecified {
            *self.unspecified.entry(reason).or_default() += count;
        }
    }

    /// Counts one answer; `line` is made only if it is not as expected.
    pub(super) fn hold(&mut self, as_expected: bool, line: impl FnOnce() -> String) {
        self.answers += 1;
        if !as_expected {
            self.differ.push(line());
        }
    }

    /// Counts one answer that is left open.
    pub(super) fn leave_open(&mut self, reason: &str) {
        self.answers += 1;
        *self.unspecified.entry(reason.to_owned()).or_default() += 1;
    }

    /// The first thing that is not as expected, for a message.
    pub(super) fn first(&self) -> String {
        let open = || self.unspecified.iter().map(|(reason, count)| format!("{count} × unspecified: {reason}")).next();
        match self.differ.first() {
            Some(line) => format!("{} of {} differ, first: {line}", self.differ.len(), self.answers),
            None => open().unwrap_or_default(),
        }
    }
}
