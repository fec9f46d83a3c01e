//! Manifests that are there, held against the intents.
//!
//! Owns: `against`: equal, wider, narrower or different, and whether what the proof takes for granted holds in those manifests.

use std::collections::{BTreeMap, BTreeSet};

use super::evaluate::no_objects;
use super::expectations::decide;
use super::on_the_way::on_the_way;
use super::platform::{joining, proof_platform};
use super::told::{AllTold, Teller, Told, unjudged};
use super::{Input, Mesh, Outcome, to_be_asked};
use crate::cluster::{self, Cluster, Decision, Document};
use crate::diagnostic::order::has_error;
use crate::flow::{DataPlane, Flow, PodSet, Symbol, Verdict};
use crate::ir::WorkloadPort;
use crate::source::FileId;
use crate::verify::{
    Assumption, Checked, Elsewhere, Ends, Incomplete, Meshed, Status, Telling, check_assumptions, is_any_turned, prove, prove_as_shown,
    stopped_elsewhere,
};

/// How manifests stand to the intents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// They do what the intents say, but for what a line accepts, and nothing that the comparison takes for granted is otherwise there.
    Equal,
    /// They also let through what no line says, whatever else is left open.
    Wider,
    /// They stop something that a line lets through, whatever else is left open.
    Narrower,
    /// Both.
    Different,
    /// No difference is certain, and it could not be decided: the intents or the manifests have errors, the platform leaves it open, or
    /// something that the comparison takes for granted is not so there.
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
    /// The differences; those that the platform leaves open stand last.
    pub differences: Vec<Told>,
    /// Flows that pass though no line says so, because their line accepts it, in words.
    pub accepted: Vec<String>,
    /// How many classes of flows were decided.
    pub classes: usize,
    /// Whether there may be more differences than were looked for.
    pub is_cut_short: bool,
    /// What could not be compared.
    pub incomplete: Vec<Incomplete>,
    /// What the manifests do besides, of which the comparison says nothing.
    pub notes: Vec<String>,
    /// Whether some connections differ only between pods as they are taken to be in the mesh, and not as the manifests have them.
    pub hangs_on_mesh: bool,
    /// What the comparison takes for granted, and whether the manifests show it.
    pub assumptions: Vec<Checked>,
}

impl Against {
    /// That nothing was compared.
    const fn nothing(outcome: Outcome) -> Self {
        Self {
            outcome,
            relation: Relation::Undecided,
            differences: Vec::new(),
            accepted: Vec::new(),
            classes: 0,
            is_cut_short: false,
            incomplete: Vec::new(),
            notes: Vec::new(),
            hangs_on_mesh: false,
            assumptions: Vec::new(),
        }
    }
}

/// Holds manifests against intents, over every pod that could exist.
pub fn against(input: Input, manifests: &[FileId]) -> Against {
    let namespace: Symbol = input.namespace.as_deref().unwrap_or("default").into();
    let configuration = input.config;
    let read: Vec<FileId> = manifests.iter().chain(&input.inventory).chain(&input.alongside).copied().collect();
    let mut outcome = to_be_asked(input);
    if has_error(&outcome.findings) {
        return Against::nothing(outcome);
    }
    let config = &outcome.policy.config;
    let platform =
        cluster::Platform { default_namespace: Some(Symbol::clone(&namespace)), joining: joining(config), ..proof_platform(config) };
    let (cluster, findings) = cluster::read(&outcome.sources, manifests, platform.clone());
    outcome.findings.extend(findings);
    outcome.findings.extend(no_objects(&cluster, &outcome.sources, manifests));
    let unreadable = has_error(&outcome.findings);
    if unreadable {
        return Against::nothing(outcome);
    }
    let proof = prove(&outcome.policy, &outcome.gates, &cluster, Ends::Managed);
    let telling = Telling::new(&outcome.policy, &cluster);
    let accepted = proof.accepted.iter().map(|difference| telling.flow(&difference.flow)).collect();
    let no_mesh = Mesh::of(configuration, &outcome.sources, &read).beside(&outcome.policy) == Mesh::Unmentioned;
    let meshed = Meshed::new(&outcome.policy, &cluster, no_mesh.then_some(DataPlane::None));
    let mut assumptions = check_assumptions(&outcome.policy, &cluster, proof.assumptions);
    let shown = is_any_turned(&assumptions).then(|| prove_as_shown(&outcome.policy, &outcome.gates, &cluster, meshed));
    let found = proof.differences.iter().chain(shown.iter().flat_map(|shown| &shown.differences));
    let unjudged = unjudged(found, (&outcome.sources, manifests), &outcome.policy.config, platform);
    let teller = Teller { policy: &outcome.policy, cluster: &cluster, unjudged, telling: &telling, meshed };
    let AllTold { mut differences, hanging } = teller.told(proof.differences);
    let mut is_cut_short = proof.is_cut_short;
    if let Some(shown) = shown {
        is_cut_short |= shown.is_cut_short;
        differences = beside(differences, teller.told(shown.differences).differences);
    }
    let is_any_broken = assumptions.iter().any(|checked| matches!(checked.status, Status::Broken(_)));
    let is_open = is_any_broken || !proof.incomplete.is_empty() || !hanging.is_empty();
    let relation = relation(differences.iter().map(|told| &told.difference.right), is_open);
    let mut notes = on_the_way(&outcome.sources, manifests, &namespace);
    notes.extend(hanging_on_the_mesh(&hanging));
    if proof.incomplete.is_empty() {
        notes.extend(elsewhere(&stopped_elsewhere(&outcome.policy, &outcome.gates, &cluster), &cluster, &telling));
    }
    for checked in &mut assumptions {
        tell_the_line(checked, &outcome);
    }
    Against {
        relation,
        differences,
        accepted,
        classes: proof.classes,
        is_cut_short,
        incomplete: proof.incomplete,
        notes,
        hangs_on_mesh: !hanging.is_empty(),
        assumptions,
        outcome,
    }
}

/// Differences, and those of others besides that are told of other flows; what is certain comes first.
fn beside(mut differences: Vec<Told>, others: Vec<Told>) -> Vec<Told> {
    let known: BTreeSet<String> = differences.iter().map(|told| told.flow.clone()).collect();
    differences.extend(others.into_iter().filter(|told| !known.contains(&told.flow)));
    differences.sort_by_key(Told::is_left_open);
    differences
}

/// Adds the line that says which number a port's name stands for, where manifests say otherwise.
fn tell_the_line(checked: &mut Checked, outcome: &Outcome) {
    let (Assumption::NamedPort { pods, name, protocol, number }, Status::Broken(why)) = (&checked.assumption, &mut checked.status) else {
        return;
    };
    let says_it = |port: &WorkloadPort| (&port.name, port.protocol, port.number) == (name, *protocol, *number);
    let mut lines = outcome.policy.workloads.iter().filter(|line| line.ports.iter().any(says_it));
    let Some(line) = lines.find(|line| pods.overlaps(&PodSet::from(line.cube()))) else { return };
    let Some(source) = outcome.sources.get(line.location.file) else { return };
    let place = format!("{}:{}", source.name(), source.position(line.location.span.start).line);
    why.extend([", and `", &place, "` says ", &number.to_string()]);
}

/// What is stopped, or may be, in namespaces that the intents do not manage, in words: one flow for the same policies or the same reason.
fn elsewhere(found: &Elsewhere, cluster: &Cluster, telling: &Telling<'_>) -> Vec<String> {
    let mut told: BTreeMap<String, &Flow> = BTreeMap::new();
    for difference in &found.stopped {
        told.entry(stopping(&decide(cluster, &difference.flow))).or_insert(&difference.flow);
    }
    let mut open: BTreeMap<&str, (&Flow, BTreeSet<&Symbol>)> = BTreeMap::new();
    for difference in &found.open {
        let Verdict::Unspecified(why) = &difference.right else { continue };
        open.entry(why).or_insert_with(|| (&difference.flow, BTreeSet::new())).1.insert(&difference.namespace);
    }
    let stopped = told.into_iter().map(|(policies, flow)| {
        format!("`{}` is stopped by {policies}, of a namespace that the intents do not manage; they let it through", telling.flow(flow))
    });
    let left_open = open.into_iter().map(|(why, (flow, namespaces))| {
        let more = match namespaces.len() - 1 {
            0 => String::new(),
            1 => ", and others of 1 more".to_owned(),
            more => format!(", and others of {more} more"),
        };
        format!("`{}` may be stopped in a namespace that the intents do not manage{more} ({why}); they let it through", telling.flow(flow))
    });
    let cut_short = "what policies of namespaces that the intents do not manage stop could not be looked at everywhere".to_owned();
    stopped.chain(left_open).chain((!found.is_complete).then_some(cut_short)).collect()
}

/// The policies that stop a flow, as `NetworkPolicy shop/a and NetworkPolicy shop/b`.
fn stopping(decision: &Decision) -> String {
    let stopping = decision.steps.iter().filter(|step| step.verdict == Verdict::Denied).flat_map(|step| &step.decided_by);
    let name = |document: &Document| format!("{} {}/{}", document.kind, document.namespace, document.name);
    let names: BTreeSet<String> = stopping.map(name).collect();
    if names.is_empty() { "policies".to_owned() } else { names.into_iter().collect::<Vec<_>>().join(" and ") }
}

/// That some connections differ only between pods which take part in the mesh otherwise than the manifests have them: whoever asks about one
/// of these hears of no difference.
fn hanging_on_the_mesh(hanging: &[Told]) -> Option<String> {
    let first = hanging.first()?;
    let classes = match hanging.len() {
        1 => "1 class of connections differs".to_owned(),
        more => format!("{more} classes of connections differ"),
    };
    let flow = &first.flow;
    Some(format!(
        "{classes} only where pods take part in the mesh as is taken for granted, and not as the manifests have them, such as `{flow}`"
    ))
}

/// What manifests are of which some differences are known, by what each lets become of its flow. What is left open beside a certain
/// difference does not take that back. Nothing is equal where something `is_open`: it could not be compared, differs between pods as they
/// are taken for granted alone, or hangs on what is not so there.
fn relation<'a>(found: impl Iterator<Item = &'a Verdict>, mut is_open: bool) -> Relation {
    let (mut wider, mut narrower) = (false, false);
    for verdict in found {
        match verdict {
            Verdict::Allowed => wider = true,
            Verdict::Denied => narrower = true,
            Verdict::Unspecified(_) => is_open = true,
        }
    }
    match (wider, narrower) {
        (true, true) => Relation::Different,
        (true, false) => Relation::Wider,
        (false, true) => Relation::Narrower,
        (false, false) if is_open => Relation::Undecided,
        (false, false) => Relation::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What could not be compared, as what the platform leaves open, is no more than what is certain.
    #[test]
    fn a_certain_difference_decides_the_relation() {
        let open = Verdict::Unspecified(String::new());
        let of = |found: &[&Verdict], is_open| relation(found.iter().copied(), is_open);
        for is_open in [false, true] {
            assert_eq!(of(&[&open, &Verdict::Allowed], is_open), Relation::Wider);
            assert_eq!(of(&[&Verdict::Denied, &open], is_open), Relation::Narrower);
            assert_eq!(of(&[&Verdict::Denied, &open, &Verdict::Allowed], is_open), Relation::Different);
            assert_eq!(of(&[&open], is_open), Relation::Undecided);
        }
        assert_eq!(of(&[], true), Relation::Undecided);
        assert_eq!(of(&[], false), Relation::Equal);
    }
}
