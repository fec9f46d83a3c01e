//! What is different besides access.
//!
//! Owns: `Fact`, all of them in the order in which they are told, and what a proof takes for granted. Each is found by comparing what both
//! programs say of it.

mod expectations;
mod findings;
mod namespaces;
mod workloads;

use std::collections::BTreeSet;

use super::entry::Change;
use super::settings::settings;
use super::side::Which;
use super::verified;
use crate::diagnostic::Diagnostic;
use crate::gates::Gates;
use crate::ir::Policy;
use crate::source::Location;
use crate::verify::{Assumption, assumptions};

use expectations::expectations;
use findings::findings;
pub(super) use findings::found;
use namespaces::namespaces;
pub(super) use namespaces::{namespace_change, plane_word};
pub(super) use workloads::workloads_of;
use workloads::{inventories, workloads};

/// What a fact is about. In the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactKind {
    /// Something has changed, and what that does to what passes is not known.
    Unknown,
    /// Something that keeps the head from being compiled.
    Error,
    /// An expectation.
    Expectation,
    /// A key of `twogate.toml`.
    Setting,
    /// A namespace.
    Namespace,
    /// A workload, declared or of the inventory.
    Workload,
    /// Something that the two gates can only come near to.
    Approximation,
    /// Something that a proof takes for granted.
    Assumption,
}

impl FactKind {
    /// Every kind, in the order in which they are told.
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Error,
        Self::Expectation,
        Self::Setting,
        Self::Namespace,
        Self::Workload,
        Self::Approximation,
        Self::Assumption,
    ];

    /// Its name in machine formats.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Error => "error",
            Self::Expectation => "expectation",
            Self::Setting => "setting",
            Self::Namespace => "namespace",
            Self::Workload => "workload",
            Self::Approximation => "approximation",
            Self::Assumption => "assumption",
        }
    }

    /// A heading for several of them.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Unknown => "changes whose effect is not known",
            Self::Error => "errors",
            Self::Expectation => "expectations",
            Self::Setting => "settings of twogate.toml",
            Self::Namespace => "namespaces",
            Self::Workload => "workloads",
            Self::Approximation => "approximations",
            Self::Assumption => "assumptions",
        }
    }
}

/// One difference that is not access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub kind: FactKind,
    /// Whether it has come, gone, or is something else.
    pub change: Change,
    /// What it is, in words.
    pub text: String,
    /// Where it stands, and on which side.
    pub place: Option<(Which, Location)>,
    /// Whether it fails now: an expectation that does not hold, a program that does not compile.
    pub fails: bool,
}

/// A program, and what was found in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Analysed<'a> {
    pub(super) policy: &'a Policy,
    pub(super) gates: &'a Gates,
    pub(super) findings: &'a [Diagnostic],
}

/// All that is different besides access.
pub(super) fn facts(base: Analysed<'_>, head: Analysed<'_>) -> Vec<Fact> {
    let mut facts = findings(base, head);
    facts.extend(expectations(base, head));
    facts.extend(settings(base.policy, head.policy));
    facts.extend(namespaces(base.policy, head.policy));
    facts.extend(workloads(base.policy, head.policy));
    facts.extend(inventories(base.policy, head.policy));
    facts.extend(taken_for_granted(base, head));
    facts.extend(verified::issuers(base.policy, head.policy));
    facts.sort_by(|left, right| {
        (left.kind, !left.fails, &left.text, left.change).cmp(&(right.kind, !right.fails, &right.text, right.change))
    });
    facts
}

pub(super) fn fact(kind: FactKind, change: Change, text: String) -> Fact {
    Fact { kind, change, text, place: None, fails: false }
}

/// What a proof takes for granted on one side only. Lists of all managed namespaces are told by the namespaces.
fn taken_for_granted(base: Analysed<'_>, head: Analysed<'_>) -> Vec<Fact> {
    let told = |assumption: &Assumption| {
        use Assumption::{Captured, ClientTls, NamespaceLabels, NoOtherPolicies, OutsideMesh, PodNetwork};
        let lists_namespaces = matches!(assumption, Captured { .. } | ClientTls { .. } | NoOtherPolicies { .. } | PodNetwork { .. });
        !lists_namespaces && !matches!(assumption, NamespaceLabels { .. } | OutsideMesh { .. } | Assumption::Keys { .. })
    };
    let all = |side: Analysed<'_>| -> BTreeSet<String> {
        assumptions(side.policy, side.gates).iter().filter(|assumption| told(assumption)).map(ToString::to_string).collect()
    };
    let (old, new) = (all(base), all(head));
    let come = new.difference(&old).map(|text| fact(FactKind::Assumption, Change::Added, text.clone()));
    let gone = old.difference(&new).map(|text| fact(FactKind::Assumption, Change::Removed, text.clone()));
    come.chain(gone).collect()
}
