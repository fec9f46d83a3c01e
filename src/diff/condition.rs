//! When a difference fails a run.
//!
//! Owns: `Condition`, as `--fail-on` writes it, and whether a report meets one.

use super::entry::{Entry, Kind};
use super::facts::{Fact, FactKind};
use super::report::Report;
use crate::compile::{Input, resolve};
use crate::diagnostic::{Diagnostic, Level};
use crate::flow::{PodSet, Symbol};
use crate::ir::Policy;
use crate::source::{Source, Sources};

/// What fails a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failing {
    /// Something passes that did not.
    Gained,
    /// Something passed that does not.
    Lost,
    /// Something is opened to the internet.
    Internet,
    /// mTLS or a token is no longer required, or one gate is alone.
    Weakened,
    /// The platform leaves open what passes.
    Unspecified,
    /// The gates come less near to what the lines say, or a proof takes more for granted.
    Assumption,
    /// Any difference, of access or not.
    Any,
}

impl Failing {
    /// All of them, each with its word.
    pub const ALL: [(&'static str, Self); 7] = [
        ("gained", Self::Gained),
        ("lost", Self::Lost),
        ("internet", Self::Internet),
        ("weakened", Self::Weakened),
        ("unspecified", Self::Unspecified),
        ("assumption", Self::Assumption),
        ("any", Self::Any),
    ];

    /// Whether it names a kind of difference in access.
    const fn names(self, kind: Kind) -> bool {
        match self {
            Self::Gained => kind.is_gain(),
            Self::Lost => kind.is_loss(),
            Self::Internet => matches!(kind, Kind::Internet),
            Self::Weakened => kind.is_weakened(),
            Self::Unspecified => matches!(kind, Kind::Unspecified),
            Self::Assumption => false,
            Self::Any => true,
        }
    }
}

/// The pods of a scope: `shop`, `shop|pay`, `!shop`, `[env=prod]`, as they stand behind `@`. The findings are about a text that
/// holds only the scope.
pub fn scope(written: &str) -> Result<PodSet, Vec<Diagnostic>> {
    let mut sources = Sources::default();
    let file = sources.add(Source::new("--fail-on", format!("expect some *@{written} -> *@{written}")));
    let resolved = resolve(&Input { sources, intents: vec![file], ..Input::default() });
    let errors: Vec<Diagnostic> = resolved.findings.into_iter().filter(|finding| finding.level == Level::Error).collect();
    match resolved.policy.expectations.as_slice() {
        [expectation] if errors.is_empty() => Ok(expectation.source.peers().pods),
        _ => Err(errors),
    }
}

/// What fails a run, and where.
#[derive(Debug, Clone)]
pub struct Condition {
    /// What fails it.
    pub failing: Failing,
    /// In which namespaces, as pods of them; everywhere if none.
    pub scope: Option<PodSet>,
}

impl Condition {
    /// Whether a report about the two meets it. Labels of namespaces count as either has them: a scope is not left by
    /// labelling a namespace otherwise. Facts that are no access have no scope: they count everywhere.
    pub fn is_met(&self, report: &Report, sides: [&Policy; 2]) -> bool {
        let inside = |entry: &&Entry| {
            self.scope.as_ref().is_none_or(|scope| {
                [&entry.source.pods, &entry.destination.pods].into_iter().any(|pods| sides.iter().any(|policy| meets(pods, scope, policy)))
            })
        };
        // A line is told by one kind, and counts for each that it holds.
        let fails = |entry: &&Entry| entry.kinds.iter().any(|kind| self.failing.names(*kind));
        if report.open_entries().filter(fails).any(|entry| inside(&entry)) {
            return true;
        }
        let is_there = |fact: &&Fact| fact.change != super::Change::Removed;
        match self.failing {
            Failing::Any => !report.facts.is_empty(),
            Failing::Unspecified => report.unknown().next().is_some(),
            Failing::Assumption => {
                let counts = |kind: FactKind| matches!(kind, FactKind::Unknown | FactKind::Approximation | FactKind::Assumption);
                report.facts.iter().filter(is_there).any(|fact| counts(fact.kind))
            }
            _ => false,
        }
    }
}

/// Whether some pod is in both, by what is known of the labels of namespaces.
fn meets(pods: &PodSet, scope: &PodSet, policy: &Policy) -> bool {
    let in_scope = |name: &Symbol| {
        let known = policy.namespace(name);
        scope.cubes().iter().any(|cube| match known {
            Some(namespace) => namespace.may_match(&cube.namespace),
            None => cube.names().contains(Some(name)),
        })
    };
    pods.cubes().iter().any(|cube| match cube.namespace_names() {
        Some(names) => names.iter().any(in_scope),
        None => scope.cubes().iter().any(|other| cube.overlaps(other)),
    })
}
