//! Manifests that are there, held against the intents.
//!
//! Owns: `against`: equal, wider, narrower or different, and whether what the proof takes for granted holds in those manifests.

use super::evaluate::no_objects;
use super::expectations::decide;
use super::platform::{joining, proof_platform};
use super::{Input, Outcome, compile};
use crate::cluster::{self, Cluster, Decision};
use crate::diagnostic::order::has_error;
use crate::flow::{Symbol, Verdict};
use crate::source::FileId;
use crate::verify::{Checked, Difference, Ends, Incomplete, check_assumptions, prove};

/// How manifests stand to the intents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// They do what the intents say, but for what a line accepts.
    Equal,
    /// They also let through what no line says.
    Wider,
    /// They stop something that a line lets through.
    Narrower,
    /// Both.
    Different,
    /// It could not be decided: the intents or the manifests have errors, or the platform leaves it open.
    Undecided,
}

impl Relation {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Wider => "wider",
            Self::Narrower => "narrower",
            Self::Different => "different",
            Self::Undecided => "undecided",
        }
    }
}

/// What came of holding manifests against intents.
#[derive(Debug, Clone)]
pub struct Against {
    /// The intents' own run.
    pub outcome: Outcome,
    /// How the two stand.
    pub relation: Relation,
    /// The differences, each with what the cluster does with its flow.
    pub differences: Vec<(Difference, Decision)>,
    /// Flows that pass though no line says so, because their line accepts it.
    pub accepted: Vec<Difference>,
    /// How many classes of flows were decided.
    pub classes: usize,
    /// Whether there may be more differences than were looked for.
    pub is_cut_short: bool,
    /// What could not be compared.
    pub incomplete: Vec<Incomplete>,
    /// What the comparison takes for granted, and whether the manifests show it.
    pub assumptions: Vec<Checked>,
}

/// Holds manifests against intents, over every pod that could exist.
pub fn against(input: Input, manifests: &[FileId]) -> Against {
    let namespace: Symbol = input.namespace.as_deref().unwrap_or("default").into();
    let mut outcome = compile(input);
    let none = |outcome| Against {
        outcome,
        relation: Relation::Undecided,
        differences: Vec::new(),
        accepted: Vec::new(),
        classes: 0,
        is_cut_short: false,
        incomplete: Vec::new(),
        assumptions: Vec::new(),
    };
    if has_error(&outcome.findings) {
        return none(outcome);
    }
    let config = &outcome.policy.config;
    let platform = cluster::Platform { default_namespace: Some(namespace), joining: joining(config), ..proof_platform(config) };
    let (cluster, findings) = cluster::read(&outcome.sources, manifests, platform);
    outcome.findings.extend(findings);
    outcome.findings.extend(no_objects(&cluster, &outcome.sources, manifests));
    let unreadable = has_error(&outcome.findings);
    if unreadable {
        return none(outcome);
    }
    let proof = prove(&outcome.policy, &outcome.gates, &cluster, Ends::Managed);
    let differences: Vec<(Difference, Decision)> =
        proof.differences.into_iter().map(|difference| from_end_to_end(difference, &cluster)).collect();
    let relation = relation(differences.iter().map(|(difference, _)| &difference.right), &proof.incomplete);
    let assumptions = check_assumptions(&outcome.policy, &cluster, proof.assumptions);
    Against {
        relation,
        differences,
        accepted: proof.accepted,
        classes: proof.classes,
        is_cut_short: proof.is_cut_short,
        incomplete: proof.incomplete,
        assumptions,
        outcome,
    }
}

/// A difference with what the cluster does with its flow. What one end lets through may be left open at the other.
fn from_end_to_end(difference: Difference, cluster: &Cluster) -> (Difference, Decision) {
    let decision = decide(cluster, &difference.flow);
    match (&difference.right, &decision.verdict) {
        (Verdict::Allowed, Verdict::Unspecified(_)) => (Difference { right: decision.verdict.clone(), ..difference }, decision),
        _ => (difference, decision),
    }
}

/// What manifests are of which some differences are known, by what each lets become of its flow.
fn relation<'a>(found: impl Iterator<Item = &'a Verdict>, incomplete: &[Incomplete]) -> Relation {
    let mut wider = false;
    let mut narrower = false;
    for verdict in found {
        match verdict {
            Verdict::Allowed => wider = true,
            Verdict::Denied => narrower = true,
            Verdict::Unspecified(_) => return Relation::Undecided,
        }
    }
    match (wider, narrower) {
        _ if !incomplete.is_empty() => Relation::Undecided,
        (false, false) => Relation::Equal,
        (true, false) => Relation::Wider,
        (false, true) => Relation::Narrower,
        (true, true) => Relation::Different,
    }
}
