//! Rules to openings: denies subtracted, ends told apart, only closed directions spoken of.
//!
//! Owns: the exact half of the normal form (design §4.1 deny by subtraction, §4.2). It must not widen anything.

use std::collections::BTreeSet;

use super::region::{Region, subtract_all};
use super::{Cause, Gates, IsolatedBy, Isolation, Mtls, NamespaceGates, Opening};
use crate::config::Answer;
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{AddressSet, LabelCube, NAMESPACE_NAME, Peers, PodCube, PodSet, PortSet, RequestSet, Symbol, Values};
use crate::ir::{Namespace, Policy, Rule, RuleId, Stance};
use crate::syntax::ast::{Action, Direction};
use crate::threads::in_shares;

/// Fewer rules than these are not worth a thread.
const WORTH_A_THREAD: usize = 100;
/// Pieces of one rule past which a `deny` is refused: nobody can review more.
const MAX_PIECES: usize = 64;

/// A part of an `allow` that denies leave, with the requests that they leave there.
#[derive(Debug, Clone)]
struct Piece {
    region: Region,
    requests: RequestSet,
}

/// The exact half of the normal form.
pub(super) fn normalize(policy: &Policy) -> Gates {
    let denies = Denies::of(policy);
    let mut build = Build::new(policy, &denies);
    for namespace in policy.namespaces.values().filter(|namespace| namespace.is_managed()) {
        build.namespace(namespace);
    }
    let rules = policy.rules.iter().enumerate().map(|(index, rule)| (RuleId(index), rule));
    let allows: Vec<(RuleId, &Rule)> = rules.filter(|(_, rule)| rule.action == Action::Allow).collect();
    let parts = in_shares(&allows, WORTH_A_THREAD, |share| {
        let mut part = Build::new(policy, &denies);
        for (id, rule) in share {
            part.rule(*id, rule);
        }
        part
    });
    for part in parts {
        build.add(part);
    }
    build.report_cuts();
    build.gates
}

/// The denies of a policy, each as its regions.
struct Denies {
    list: Vec<Deny>,
}

struct Deny {
    id: RuleId,
    regions: Vec<Region>,
    requests: RequestSet,
}

impl Denies {
    fn of(policy: &Policy) -> Self {
        let denies = policy.rules.iter().enumerate().filter(|(_, rule)| rule.action == Action::Deny);
        let list =
            denies.map(|(index, rule)| Deny { id: RuleId(index), regions: regions(rule), requests: rule.requests.clone() }).collect();
        Self { list }
    }
}

/// The flows that a rule speaks of, by ends and ports.
pub fn regions(rule: &Rule) -> Vec<Region> {
    let sources = rule.source.peers();
    let region =
        |target: &crate::ir::Target| Region { sources: sources.clone(), destinations: target.end.peers(), ports: target.ports.clone() };
    rule.targets.iter().map(region).filter(|region| !region.is_empty()).collect()
}

/// The pods of one namespace as a cube.
fn pods_of(name: &Symbol, labels: LabelCube) -> PodCube {
    PodCube { namespace: LabelCube::of(NAMESPACE_NAME.into(), Values::one(name.clone())), labels, account: Values::any() }
}

fn only_pods(pods: PodSet) -> Peers {
    Peers { pods, addresses: AddressSet::none() }
}

struct Build<'a> {
    policy: &'a Policy,
    gates: Gates,
    denies: &'a Denies,
    /// Which denies cut something.
    cut: BTreeSet<RuleId>,
}

impl<'a> Build<'a> {
    fn new(policy: &'a Policy, denies: &'a Denies) -> Self {
        Self { policy, gates: Gates::default(), denies, cut: BTreeSet::new() }
    }

    /// Adds what later rules open.
    fn add(&mut self, later: Self) {
        for (name, more) in later.gates.namespaces {
            self.gates.namespaces.entry(name).or_default().openings.extend(more.openings);
        }
        self.gates.findings.extend(later.gates.findings);
        self.cut.extend(later.cut);
    }

    /// What a namespace says by itself: isolation, baseline, and its open directions as far as denies reach them.
    fn namespace(&mut self, namespace: &Namespace) {
        let mut gates = NamespaceGates::default();
        for direction in [Direction::In, Direction::Out] {
            let closed = self.closed(namespace, direction);
            gates.isolated.extend(closed.iter().map(|subject| Isolation { subject: subject.clone(), direction, by: IsolatedBy::Closed }));
            self.baseline(namespace, direction, &closed, &mut gates);
            if namespace.stance(direction) == Stance::Open {
                self.open(namespace, direction, &closed, &mut gates);
            }
        }
        self.baseline_cuts(namespace);
        self.gates.namespaces.insert(namespace.name.clone(), gates);
    }

    /// The parts of a namespace that are closed this way by stance or by `close`.
    fn closed(&self, namespace: &Namespace, direction: Direction) -> Vec<LabelCube> {
        if namespace.stance(direction) == Stance::Closed {
            return vec![LabelCube::all()];
        }
        let closes = self.policy.closes.iter().filter(|close| close.namespace == namespace.name && close.directions.contains(&direction));
        let mut subjects: Vec<LabelCube> = closes.flat_map(|close| subjects(&close.pods, namespace)).collect();
        subjects.sort();
        subjects.dedup();
        subjects
    }

    /// The baseline of the closed parts, less what denies cut out of it.
    fn baseline(&mut self, namespace: &Namespace, direction: Direction, closed: &[LabelCube], gates: &mut NamespaceGates) {
        for entry in self.policy.baseline(namespace).into_iter().filter(|entry| entry.direction == direction) {
            for subject in closed.iter().filter_map(|subject| subject.intersect(&entry.subject)) {
                let near = only_pods(PodSet::from(pods_of(&namespace.name, subject)));
                let region = facing(direction, near, entry.peers.clone(), entry.ports.clone());
                for piece in self.without_denies(region, RequestSet::all(), namespace, direction) {
                    push(gates, namespace, direction, &piece, Mtls::Optional, Cause::Baseline);
                }
            }
        }
    }

    /// Denies that reach the baseline of a namespace, closed or open.
    fn baseline_cuts(&mut self, namespace: &Namespace) {
        for entry in self.policy.baseline(namespace) {
            let near = only_pods(PodSet::from(pods_of(&namespace.name, entry.subject)));
            let region = facing(entry.direction, near, entry.peers, entry.ports);
            let denies = self.denies.list.iter().filter_map(|deny| Some((deny, self.policy.rule(deny.id)?)));
            let meets = |deny: &Deny, rule: &Rule| {
                let judged = rule.ownership == namespace.ownership && rule.faces(entry.direction) && rule.requests.is_all();
                judged && deny.regions.iter().any(|cut| cut.overlaps(&region))
            };
            let cut = denies.filter(|(deny, rule)| meets(deny, rule)).map(|(_, rule)| cuts_baseline(rule, namespace, entry.why));
            self.gates.findings.extend(cut.collect::<Vec<_>>());
        }
    }

    /// An open direction is spoken of only for pods that a deny reaches: they are isolated, and all that is not denied is
    /// opened again. Pods that a `close` selects are left out: rules open them.
    fn open(&mut self, namespace: &Namespace, direction: Direction, closed: &[LabelCube], gates: &mut NamespaceGates) {
        let reached = self.reached(namespace, direction, closed);
        if reached.is_empty() {
            return;
        }
        gates.isolated.extend(reached.cubes().iter().map(|cube| Isolation {
            subject: cube.labels.clone(),
            direction,
            by: IsolatedBy::Denied,
        }));
        let region = facing(direction, only_pods(reached), Peers::all(), PortSet::all());
        for piece in self.without_denies(region, RequestSet::all(), namespace, direction) {
            push(gates, namespace, direction, &piece, Mtls::Optional, Cause::Open);
        }
    }

    /// The pods of an open direction that a deny by ends and ports reaches.
    fn reached(&mut self, namespace: &Namespace, direction: Direction, closed: &[LabelCube]) -> PodSet {
        let mut reached = PodSet::none();
        let mut findings = Vec::new();
        for deny in &self.denies.list {
            let Some(rule) = self.policy.rule(deny.id).filter(|rule| rule.ownership == namespace.ownership && rule.faces(direction)) else {
                continue;
            };
            let near = deny.regions.iter().flat_map(|region| subjects(&near(region, direction).pods, namespace));
            let near: PodSet = near.map(|subject| pods_of(&namespace.name, subject)).collect();
            let near = closed.iter().fold(near, |pods, subject| pods.subtract(&PodSet::from(pods_of(&namespace.name, subject.clone()))));
            if near.is_empty() {
                continue;
            }
            if rule.requests.is_all() {
                reached = reached.union(&near);
            } else if direction == Direction::In {
                findings.push(open_to_requests(rule, namespace));
            }
        }
        self.gates.findings.extend(findings);
        reached.simplify()
    }

    /// The openings of an `allow`, at each end that it opens.
    fn rule(&mut self, id: RuleId, rule: &Rule) {
        let opened_sources = rule.source.opened();
        for target in &rule.targets {
            let sources = rule.source.peers();
            let destinations = target.end.peers();
            if rule.faces(Direction::In) {
                self.end(id, Direction::In, &target.end.opened(), &sources, &target.ports);
            }
            if rule.faces(Direction::Out) {
                self.end(id, Direction::Out, &opened_sources, &destinations, &target.ports);
            }
        }
    }

    /// The openings at one end: in every managed namespace that it reaches and may open, as far as it is closed there.
    fn end(&mut self, id: RuleId, direction: Direction, opened: &PodSet, far: &Peers, ports: &PortSet) {
        let policy = self.policy;
        let Some(rule) = policy.rule(id) else { return };
        for namespace in reached_namespaces(policy, opened) {
            if !policy.may_open(rule, namespace) {
                continue;
            }
            let closed: PodSet = self.closed(namespace, direction).into_iter().map(|subject| pods_of(&namespace.name, subject)).collect();
            let near: PodSet = subjects(opened, namespace).into_iter().map(|subject| pods_of(&namespace.name, subject)).collect();
            let near = near.intersect(&closed);
            if near.is_empty() || far.is_empty() || ports.is_empty() {
                continue;
            }
            let requests = if direction == Direction::In { rule.requests.clone() } else { RequestSet::all() };
            let mtls = if rule.mtls.is_some() { Mtls::Required } else { Mtls::Optional };
            let region = facing(direction, only_pods(near), far.clone(), ports.clone());
            let pieces = self.without_denies(region, requests, namespace, direction);
            let gates = self.gates.namespaces.entry(namespace.name.clone()).or_default();
            for piece in &pieces {
                push(gates, namespace, direction, piece, mtls, Cause::Rule(id));
            }
        }
    }

    /// What denies leave of a region at one end. At the source, denies on requests are not judged (design §2.3).
    fn without_denies(&mut self, region: Region, requests: RequestSet, namespace: &Namespace, direction: Direction) -> Vec<Piece> {
        let mut pieces = vec![Piece { region, requests }];
        let mut cuts = Vec::new();
        let mut findings = Vec::new();
        for deny in &self.denies.list {
            let Some(rule) = self.policy.rule(deny.id).filter(|rule| rule.ownership == namespace.ownership && rule.faces(direction)) else {
                continue;
            };
            let by_requests = !rule.requests.is_all();
            if by_requests && direction == Direction::Out {
                continue;
            }
            for cut in &deny.regions {
                if !pieces.iter().any(|piece| piece.region.overlaps(cut)) {
                    continue;
                }
                findings.extend(self.cut_finding(rule, &pieces, cut));
                let before = pieces.clone();
                pieces = if by_requests { cut_requests(pieces, cut, &deny.requests) } else { cut_regions(pieces, cut) };
                if keeps_unlabelled(&before, &pieces, cut) {
                    cuts.push(deny.id);
                }
            }
            if size(&pieces) > MAX_PIECES {
                findings.push(too_fragmented(rule, size(&pieces)));
                break;
            }
        }
        self.cut.extend(cuts);
        self.gates.findings.extend(findings);
        pieces
    }

    /// What is to be said of a cut besides that it was made.
    fn cut_finding(&self, deny: &Rule, pieces: &[Piece], cut: &Region) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        let mixed = |near: &Peers, cut: &Peers| !near.addresses.is_empty() && near.pods.overlaps(&cut.pods);
        let splits = pieces.iter().any(|piece| {
            piece.region.overlaps(cut)
                && (mixed(&piece.region.sources, &cut.sources) || mixed(&piece.region.destinations, &cut.destinations))
        });
        let by_address = self.policy.config.network_plugin.ipblock_matches_pods != Answer::No;
        if splits && by_address && self.policy.config.cluster.pods.is_empty() {
            findings.push(needs_pod_cidrs(deny));
        }
        findings
    }

    /// Denies that pods escape by dropping a label.
    fn report_cuts(&mut self) {
        let policy = self.policy;
        self.gates.findings.extend(self.cut.iter().filter_map(|id| policy.rule(*id)).map(evadable));
    }
}

/// Whether a cut left pods that are selected for not carrying a label which was not asked for before.
fn keeps_unlabelled(before: &[Piece], after: &[Piece], cut: &Region) -> bool {
    let ends: [fn(&Region) -> &Peers; 2] = [|region| &region.sources, |region| &region.destinations];
    ends.into_iter().any(|end| {
        let keys: BTreeSet<&Symbol> = end(cut).pods.cubes().iter().flat_map(|cube| cube.labels.iter().map(|(key, _)| key)).collect();
        keys.into_iter().any(|key| {
            let cubes = |pieces: &'_ [Piece]| pieces.iter().flat_map(|piece| end(&piece.region).pods.cubes().to_vec()).collect::<Vec<_>>();
            let negative = |cube: &PodCube| !cube.labels.get(key).is_any() && cube.labels.get(key).allows_absent();
            !cubes(before).iter().any(negative) && cubes(after).iter().any(negative)
        })
    })
}

/// A region whose near end, seen in a direction, is given first.
fn facing(direction: Direction, near: Peers, far: Peers, ports: PortSet) -> Region {
    match direction {
        Direction::In => Region { sources: far, destinations: near, ports },
        Direction::Out => Region { sources: near, destinations: far, ports },
    }
}

/// The end of a region that is judged in a direction.
fn near(region: &Region, direction: Direction) -> &Peers {
    match direction {
        Direction::In => &region.destinations,
        Direction::Out => &region.sources,
    }
}

/// The managed namespaces in which a set of pods can lie.
fn reached_namespaces<'a>(policy: &'a Policy, pods: &PodSet) -> Vec<&'a Namespace> {
    let mut names: BTreeSet<&Symbol> = BTreeSet::new();
    for cube in pods.cubes() {
        match cube.namespace_names() {
            Some(list) => names.extend(list.iter().filter_map(|name| policy.namespaces.get_key_value(name).map(|(name, _)| name))),
            None => names.extend(policy.namespaces.keys()),
        }
    }
    let managed = names.into_iter().filter_map(|name| policy.namespaces.get(name)).filter(|namespace| namespace.is_managed());
    managed.filter(|namespace| pods.cubes().iter().any(|cube| cube.namespace.contains(&namespace.labels))).collect()
}

/// The pods of a set that lie in one namespace, as label cubes.
pub(super) fn subjects(pods: &PodSet, namespace: &Namespace) -> Vec<LabelCube> {
    let inside = pods.cubes().iter().filter(|cube| cube.namespace.contains(&namespace.labels));
    inside.map(|cube| cube.labels.clone()).collect()
}

fn push(gates: &mut NamespaceGates, namespace: &Namespace, direction: Direction, piece: &Piece, mtls: Mtls, cause: Cause) {
    let far = match direction {
        Direction::In => &piece.region.sources,
        Direction::Out => &piece.region.destinations,
    };
    if piece.requests.is_empty() {
        return;
    }
    for subject in subjects(&near(&piece.region, direction).pods, namespace) {
        gates.openings.push(Opening {
            subject,
            direction,
            peers: far.clone(),
            ports: piece.region.ports.clone(),
            mtls,
            requests: piece.requests.clone(),
            cause,
        });
    }
}

fn cut_regions(pieces: Vec<Piece>, cut: &Region) -> Vec<Piece> {
    let without = |piece: Piece| {
        let requests = piece.requests;
        piece.region.subtract(cut).into_iter().map(move |region| Piece { region, requests: requests.clone() })
    };
    pieces.into_iter().flat_map(without).collect()
}

fn cut_requests(pieces: Vec<Piece>, cut: &Region, denied: &RequestSet) -> Vec<Piece> {
    let mut left = Vec::new();
    for piece in pieces {
        let Some(common) = piece.region.intersect(cut) else {
            left.push(piece);
            continue;
        };
        let requests = piece.requests.clone();
        left.extend(subtract_all(vec![piece.region], cut).into_iter().map(|region| Piece { region, requests: requests.clone() }));
        left.push(Piece { region: common, requests: requests.subtract(denied) });
    }
    left
}

/// How many cubes the pieces are made of: what a reader of the manifests would have to look at.
fn size(pieces: &[Piece]) -> usize {
    let cubes = |peers: &Peers| peers.pods.cubes().len() + usize::from(!peers.addresses.is_empty());
    pieces.iter().map(|piece| cubes(&piece.region.sources).max(1) * cubes(&piece.region.destinations).max(1)).sum()
}

fn cuts_baseline(deny: &Rule, namespace: &Namespace, why: &str) -> Diagnostic {
    Diagnostic::new(code::DENY_CUTS_BASELINE, deny.location, "this `deny` cuts traffic that every pod needs")
        .label(format!("in namespace `{}`: {why}", namespace.name))
        .note("pods that cannot resolve names or fetch their certificates fail in ways that are hard to trace")
        .help("name the destinations that are meant, or leave the baseline out with `but`; `twogate explain --baseline` lists it")
}

fn needs_pod_cidrs(deny: &Rule) -> Diagnostic {
    Diagnostic::new(code::NEEDS_POD_CIDRS, deny.location, "this `deny` takes pods away from a set that also holds addresses")
        .label("pods would still match by address")
        .note("a block of addresses that holds pod addresses would let the denied pods through on most network plugins")
        .help("set `pod-cidrs = [\"…\"]` under `[cluster]` in `twogate.toml`, so that pod addresses can be cut out")
}

fn open_to_requests(deny: &Rule, namespace: &Namespace) -> Diagnostic {
    Diagnostic::new(
        code::DENY_NOT_SEPARABLE,
        deny.location,
        format!("requests cannot be denied in `{}`, which is open to ingress", namespace.name),
    )
    .label("everything else stays allowed there")
    .note("a denied request is taken out of the rules that allow; an open namespace has none")
    .help("close these pods with `close in …` and allow what they need, or deny the whole port")
}

fn too_fragmented(deny: &Rule, pieces: usize) -> Diagnostic {
    Diagnostic::new(code::DENY_TOO_FRAGMENTED, deny.location, format!("this `deny` cuts an `allow` into {pieces} pieces"))
        .label(format!("more than {MAX_PIECES} pieces"))
        .note("NetworkPolicy has no deny: each exception is written as everything that is not excepted")
        .help("say what is allowed instead, or give the denied pods one label of their own")
}

fn evadable(deny: &Rule) -> Diagnostic {
    Diagnostic::new(code::DENY_EVADABLE, deny.location, "pods escape this `deny` by dropping a label")
        .label("tests a label that a pod may not carry")
        .note("NetworkPolicy has no deny: the pods that stay allowed are selected by `NotIn` or `DoesNotExist`, which a pod without the label satisfies")
        .help("write the `allow` for the pods that shall pass, by labels that they carry")
}
