//! Where two programs may differ at all.
//!
//! Owns: the proof that the rest is equal. What an end says of a flow is a function of the rules that match the flow there, of
//! the namespace's own facts and of its baseline (`meaning`). So two programs agree about every flow that no rule matches
//! which stands on one side only, and whose namespaces and baselines are the same on both.

use std::collections::{BTreeSet, HashMap};

use super::side::{Both, Pair, Which};
use crate::flow::{DataPlane, Peer, Peers, PodSet, PortSet, Protocol, RequestSet, Symbol};
use crate::ir::{Baseline, End, Namespace, Ownership, Policy, Rule, Workload};
use crate::source::Location;
use crate::syntax::ast::{Action, Direction};
use crate::verify::plane_beside;

/// Flows about which the sides may differ, and what that comes from.
#[derive(Debug, Clone)]
pub(super) enum Seed {
    /// Flows that a rule matches, by its place in the policy.
    Rule(Which, usize),
    /// Flows to pods to which a rule says `jwt`: tokens that do not verify are refused whoever sends them.
    Tokens(Which, usize),
    /// Flows from and to the pods of a namespace that is not what it was.
    Namespace(Symbol),
    /// Flows from some peers to some others on some ports, as one side names them, with why.
    Region(Which, Box<Region>),
    /// All flows: something that holds everywhere is not what it was.
    Everything,
}

impl Seed {
    /// Whether it is of flows from or to pods of some labels, and not of all pods of a namespace.
    pub(super) fn is_of_few_pods(&self) -> bool {
        let few = |peers: &Peers| peers.addresses.is_empty() && peers.pods.cubes().iter().all(|cube| !cube.labels.is_all());
        matches!(self, Self::Region(_, region) if few(&region.source) || few(&region.destination))
    }

    /// Flows to the same peers, whoever sends them and on whatever port. Of a caller on its node's network more is known than its labels,
    /// and a policy may speak of it by its address.
    pub(super) fn with_all_callers(&self) -> Self {
        match self {
            Self::Region(which, region) => {
                let region = Region { source: Peers::all(), ports: PortSet::all(), ..(**region).clone() };
                Self::Region(*which, Box::new(region))
            }
            _ => self.clone(),
        }
    }
}

/// What a region comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Why {
    /// In words.
    pub(super) text: String,
    /// Where it stands, and on which side.
    pub(super) location: Option<(Which, Location)>,
}

impl Why {
    /// Something that is no line.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), location: None }
    }
}

/// Flows from some peers to some others.
#[derive(Debug, Clone)]
pub(super) struct Region {
    pub(super) source: Peers,
    pub(super) destination: Peers,
    pub(super) ports: PortSet,
    /// What it comes from.
    pub(super) why: Why,
}

/// The policies of both sides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policies<'a> {
    pub(super) base: &'a Policy,
    pub(super) head: &'a Policy,
}

impl<'a> Policies<'a> {
    /// The policy of one side.
    pub(super) const fn of(self, which: Which) -> &'a Policy {
        match which {
            Which::Base => self.base,
            Which::Head => self.head,
        }
    }

    /// A rule of one side.
    pub(super) fn rule(self, which: Which, at: usize) -> Option<&'a Rule> {
        self.of(which).rules.get(at)
    }
}

/// All that a rule means, without words and places.
#[derive(PartialEq, Eq, Hash)]
struct Content<'a> {
    action: Action,
    direction: Option<Direction>,
    namespace: &'a Symbol,
    ownership: Ownership,
    source: &'a End,
    targets: Vec<(&'a End, &'a PortSet)>,
    mtls: bool,
    requests: &'a RequestSet,
    issuer: Option<(&'a Symbol, &'a [Symbol])>,
}

fn content<'a>(policy: &'a Policy, rule: &'a Rule) -> Content<'a> {
    let issuer = rule.jwt.as_ref().and_then(|(name, _)| policy.issuers.get(name));
    Content {
        action: rule.action,
        direction: rule.direction,
        namespace: &rule.namespace,
        ownership: rule.ownership,
        source: &rule.source,
        targets: rule.targets.iter().map(|target| (&target.end, &target.ports)).collect(),
        mtls: rule.mtls.is_some(),
        requests: &rule.requests,
        issuer: issuer.map(|issuer| (&issuer.url, &*issuer.audiences)),
    }
}

/// Every place where two policies may differ.
pub(super) fn seeds(policies: Policies<'_>) -> Vec<Seed> {
    if differ_everywhere(policies) {
        return vec![Seed::Everything];
    }
    let mut seeds = changed_rules(policies);
    let names: BTreeSet<&Symbol> = policies.base.namespaces.keys().chain(policies.head.namespaces.keys()).collect();
    for name in names {
        namespace_seeds(policies, name, &mut seeds);
    }
    workload_seeds(policies, &mut seeds);
    seeds
}

/// Whether something that every verdict may hang on is not the same.
fn differ_everywhere(policies: Policies<'_>) -> bool {
    let (base, head) = (&policies.base.config, &policies.head.config);
    base.tenancy.consent != head.tenancy.consent || base.mesh.mode != head.mesh.mode
}

/// The rules that stand on one side only; the same rule twice counts twice.
fn changed_rules(policies: Policies<'_>) -> Vec<Seed> {
    let mut counts: HashMap<Content<'_>, i64> = HashMap::new();
    let judging = |rule: &&Rule| rule.action != Action::Audit;
    for rule in policies.base.rules.iter().filter(judging) {
        *counts.entry(content(policies.base, rule)).or_default() -= 1;
    }
    for rule in policies.head.rules.iter().filter(judging) {
        *counts.entry(content(policies.head, rule)).or_default() += 1;
    }
    let mut seeds = Vec::new();
    for (which, policy, wanted) in [(Which::Base, policies.base, -1), (Which::Head, policies.head, 1)] {
        for (at, rule) in policy.rules.iter().enumerate().filter(|(_, rule)| judging(rule)) {
            let Some(count) = counts.get_mut(&content(policy, rule)) else { continue };
            if count.signum() != wanted {
                continue;
            }
            *count -= wanted;
            seeds.push(Seed::Rule(which, at));
            seeds.extend(rule.jwt.is_some().then_some(Seed::Tokens(which, at)));
        }
    }
    seeds
}

/// What has changed about a namespace. Which pods are open whatever the rules say is told apart (`open`).
fn namespace_seeds(policies: Policies<'_>, name: &Symbol, seeds: &mut Vec<Seed>) {
    let (base, head) = (policies.base.namespace(name), policies.head.namespace(name));
    let is_managed = |namespace: &Namespace| namespace.is_managed();
    let both_managed = base.is_some_and(is_managed) && head.is_some_and(is_managed);
    let planes = [Which::Base, Which::Head].map(|which| plane(policies, which, name));
    let other_facts = matches!((base, head), (Some(base), Some(head)) if base.labels != head.labels || base.ownership != head.ownership);
    if planes.first() != planes.last() || other_facts {
        seeds.push(Seed::Namespace(Symbol::clone(name)));
    }
    let (Some(base), Some(head)) = (base, head) else { return };
    if !both_managed {
        return;
    }
    let (old, new) = (policies.base.baseline(base), policies.head.baseline(head));
    let gone = old.iter().filter(|entry| !new.contains(entry)).map(|entry| (Which::Base, entry));
    let come = new.iter().filter(|entry| !old.contains(entry)).map(|entry| (Which::Head, entry));
    seeds.extend(gone.chain(come).map(|(which, entry)| {
        let why = Why::new(format!("the baseline of namespace `{name}`: {}", entry.why));
        Seed::Region(which, Box::new(baseline_region(name, entry, why)))
    }));
}

/// How the pods of a namespace take part in the mesh, where nothing else is said of them.
pub(super) fn plane(policies: Policies<'_>, which: Which, name: &str) -> DataPlane {
    let own = policies.of(which);
    let elsewhere = || plane_beside(own, policies.of(which.other()));
    own.namespace(name).and_then(|namespace| namespace.plane).unwrap_or_else(elsewhere)
}

fn baseline_region(name: &Symbol, entry: &Baseline, why: Why) -> Region {
    let cube = crate::flow::PodCube { labels: entry.subject.clone(), ..crate::flow::PodCube::in_namespace(name) };
    let near = Peers::from(PodSet::from(cube));
    let (source, destination) = match entry.direction {
        Direction::In => (entry.peers.clone(), near),
        Direction::Out => (near, entry.peers.clone()),
    };
    Region { source, destination, ports: entry.ports.clone(), why }
}

/// Workloads that take part in the mesh in another way than they did.
fn workload_seeds(policies: Policies<'_>, seeds: &mut Vec<Seed>) {
    let stated =
        |policy: &'_ Policy| policy.workloads.iter().filter(|workload| workload.plane.is_some()).cloned().collect::<Vec<Workload>>();
    let (old, new) = (stated(policies.base), stated(policies.head));
    let lacks = |all: &[Workload], one: &Workload| !all.iter().any(|other| other.plane == one.plane && other.cube() == one.cube());
    let gone = old.iter().filter(|workload| lacks(&new, workload)).map(|workload| (Which::Base, workload));
    let come = new.iter().filter(|workload| lacks(&old, workload)).map(|workload| (Which::Head, workload));
    for (which, workload) in gone.chain(come) {
        let pods = Peers::from(PodSet::from(workload.cube()));
        let text = format!("workload `{}@{}` takes part in the mesh in another way", workload.name, workload.namespace);
        // What both sides say of one workload is one cause.
        let is_it = |other: &&Workload| other.name == workload.name && other.namespace == workload.namespace;
        let place = new.iter().find(is_it).map_or((which, workload.location), |now| (Which::Head, now.location));
        let why = Why { text, location: Some(place) };
        let region = |source: &Peers, destination: &Peers| Region {
            source: source.clone(),
            destination: destination.clone(),
            ports: PortSet::full(Protocol::Tcp),
            why: why.clone(),
        };
        seeds.push(Seed::Region(which, Box::new(region(&pods, &Peers::all()))));
        seeds.push(Seed::Region(which, Box::new(region(&Peers::all(), &pods))));
    }
}

/// One end of the flows of a seed: in which namespaces it may lie, which pods it may be, and whether it may be an address.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) names: BTreeSet<Symbol>,
    pub(super) pods: PodSet,
    pub(super) addresses: bool,
}

/// The places of a seed, ready to be asked for each flow.
#[derive(Debug, Clone)]
pub(super) struct Sown {
    pub(super) seed: Seed,
    pub(super) source: Place,
    pub(super) destination: Place,
}

/// Finds the places of all seeds.
pub(super) fn sown(seeds: Vec<Seed>, policies: Option<Policies<'_>>, pair: &Pair<'_>) -> Vec<Sown> {
    let all = || Place { names: pair.all_names().cloned().collect(), pods: PodSet::all(), addresses: true };
    let place = |which: Which, peers: &Peers| Place {
        names: pair.names_of(which, &peers.pods),
        pods: peers.pods.cubes().iter().flat_map(|cube| pair.moved.common(which, cube)).collect(),
        addresses: !peers.addresses.is_empty(),
    };
    let rule = |which: Which, at: usize| policies.and_then(|policies| policies.rule(which, at));
    let called = |which: Which, rule: &Rule| {
        let peers = rule.targets.iter().fold(Peers::none(), |sum, target| sum.union(&target.end.peers()));
        place(which, &peers)
    };
    let of = |seed: Seed| -> Vec<Sown> {
        let (source, destination) = match &seed {
            Seed::Rule(which, at) => {
                let Some(rule) = rule(*which, *at) else { return Vec::new() };
                (place(*which, &rule.source.peers()), called(*which, rule))
            }
            Seed::Tokens(which, at) => {
                let Some(rule) = rule(*which, *at) else { return Vec::new() };
                (all(), called(*which, rule))
            }
            Seed::Region(which, region) => (place(*which, &region.source), place(*which, &region.destination)),
            Seed::Everything => (all(), all()),
            Seed::Namespace(name) => {
                let here = Place { names: BTreeSet::from([Symbol::clone(name)]), pods: PodSet::all(), addresses: false };
                let from = Sown { seed: seed.clone(), source: here.clone(), destination: all() };
                return vec![from, Sown { seed, source: all(), destination: here }];
            }
        };
        vec![Sown { seed, source, destination }]
    };
    seeds.into_iter().flat_map(of).collect()
}

impl Sown {
    /// Whether these two peers are ends of some of its flows.
    pub(super) fn has_ends(&self, policies: Option<Policies<'_>>, source: &Both, destination: &Both) -> bool {
        let rule = |which: Which, at: usize| policies.and_then(|policies| policies.rule(which, at));
        match &self.seed {
            Seed::Rule(which, at) => rule(*which, *at).is_some_and(|rule| {
                rule.source.matches(source.of(*which)) && rule.targets.iter().any(|target| target.end.matches(destination.of(*which)))
            }),
            Seed::Tokens(which, at) => {
                rule(*which, *at).is_some_and(|rule| rule.targets.iter().any(|target| target.end.matches(destination.of(*which))))
            }
            Seed::Namespace(_) => in_place(&self.source, source) && in_place(&self.destination, destination),
            Seed::Region(which, region) => region.source.contains(source.of(*which)) && region.destination.contains(destination.of(*which)),
            Seed::Everything => true,
        }
    }

    /// Whether some of these peers may be the destination of some of its flows. By rules they are told apart, and one of them answers for
    /// all; those of a region may be told apart only as somebody calls them.
    pub(super) fn may_go_to(&self, policies: Option<Policies<'_>>, peers: &Peers, one: &Both) -> bool {
        let rule = |which: Which, at: usize| policies.and_then(|policies| policies.rule(which, at));
        match &self.seed {
            Seed::Rule(which, at) | Seed::Tokens(which, at) => {
                rule(*which, *at).is_some_and(|rule| rule.targets.iter().any(|target| target.end.matches(one.of(*which))))
            }
            Seed::Region(_, region) => {
                overlap(&self.destination.pods, &peers.pods) || region.destination.addresses.overlaps(&peers.addresses)
            }
            Seed::Namespace(_) => in_place(&self.destination, one),
            Seed::Everything => true,
        }
    }

    /// Whether some of these pods of a namespace may be the source of some of its flows.
    pub(super) fn may_come_from(&self, name: &Symbol, pods: &PodSet) -> bool {
        self.source.names.contains(name) && overlap(&self.source.pods, pods)
    }

    /// Whether its flows are on every port.
    pub(super) fn has_all_ports(&self) -> bool {
        match &self.seed {
            Seed::Namespace(_) | Seed::Everything => true,
            Seed::Region(_, region) => region.ports.is_all(),
            Seed::Rule(..) | Seed::Tokens(..) => false,
        }
    }

    /// Whether a destination and a port on it are those of some of its flows, for ends that are.
    pub(super) fn has_port(&self, policies: Option<Policies<'_>>, destination: &Both, protocol: Protocol, port: u16) -> bool {
        match &self.seed {
            Seed::Rule(which, at) => policies.and_then(|policies| policies.rule(*which, *at)).is_some_and(|rule| {
                rule.targets.iter().any(|target| target.ports.contains(protocol, port) && target.end.matches(destination.of(*which)))
            }),
            Seed::Tokens(..) => protocol == Protocol::Tcp,
            Seed::Region(_, region) => region.ports.contains(protocol, port),
            Seed::Namespace(_) | Seed::Everything => true,
        }
    }
}

/// Whether two sets share a pod, as far as their cubes show it.
fn overlap(left: &PodSet, right: &PodSet) -> bool {
    left.cubes().iter().any(|cube| right.cubes().iter().any(|other| cube.overlaps(other)))
}

fn in_place(place: &Place, peer: &Both) -> bool {
    match peer.of(Which::Head) {
        Peer::Pod(pod) => place.names.contains(&pod.namespace),
        Peer::Address(_) => place.addresses,
    }
}
