//! Manifests that are there, held against the intents.
//!
//! Owns: `against`: equal, wider, narrower or different, and whether what the proof takes for granted holds in those manifests.

use super::expectations::decide;
use super::platform::proof_platform;
use super::{Input, Outcome, compile};
use crate::cluster::{self, Cluster, Decision};
use crate::diagnostic::order::has_error;
use crate::flow::{Symbol, Verdict};
use crate::source::FileId;
use crate::verify::{
    Bench, Checked, Comparison, Difference, Granted, PolicyWorld, Program, Written, assumptions, check_assumptions, compare,
};

/// How manifests stand to the intents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// They do what the intents say.
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
    /// How many classes of flows were decided.
    pub classes: usize,
    /// What the comparison takes for granted, and whether the manifests show it.
    pub assumptions: Vec<Checked>,
}

/// Holds manifests against intents, over every pod that could exist.
pub fn against(input: Input, manifests: &[FileId]) -> Against {
    let mut outcome = compile(input);
    let none = |outcome| Against { outcome, relation: Relation::Undecided, differences: Vec::new(), classes: 0, assumptions: Vec::new() };
    if has_error(&outcome.findings) {
        return none(outcome);
    }
    let platform = cluster::Platform { default_namespace: Some("default".into()), ..proof_platform(&outcome.policy.config) };
    let (cluster, findings) = cluster::read(&outcome.sources, manifests, platform);
    let unreadable = has_error(&findings);
    outcome.findings.extend(findings);
    if unreadable {
        return none(outcome);
    }
    let comparison = compared(&outcome, &cluster);
    let relation = relation(&comparison);
    let differences = comparison.differences.into_iter().map(|difference| (decide(&cluster, &difference.flow), difference));
    let differences = differences.map(|(decision, difference)| (difference, decision)).collect();
    let assumptions = check_assumptions(&outcome.policy, &cluster, assumptions(&outcome.policy, &outcome.gates));
    Against { relation, differences, classes: comparison.classes, assumptions, outcome }
}

fn compared(outcome: &Outcome, cluster: &Cluster) -> Comparison {
    let policy = &outcome.policy;
    let program = Program::new(policy);
    let right = Written::new(&program, cluster);
    let world = PolicyWorld::new(policy);
    let granted = Granted::new(policy, &outcome.gates);
    let managed: Vec<Symbol> = policy.managed().map(|namespace| Symbol::clone(&namespace.name)).collect();
    compare(Bench { left: &program, right: &right, world: &world, ruled_out: &granted }, &managed)
}

fn relation(comparison: &Comparison) -> Relation {
    let mut wider = false;
    let mut narrower = false;
    for difference in &comparison.differences {
        match &difference.right {
            Verdict::Allowed => wider = true,
            Verdict::Denied => narrower = true,
            Verdict::Unspecified(_) => return Relation::Undecided,
        }
    }
    match (wider, narrower) {
        _ if !comparison.incomplete.is_empty() => Relation::Undecided,
        (false, false) => Relation::Equal,
        (true, false) => Relation::Wider,
        (false, true) => Relation::Narrower,
        (true, true) => Relation::Different,
    }
}
