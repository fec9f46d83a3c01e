//! Differences that the program's author accepted.
//!
//! Owns: the account of them, flow by flow: `accept coupled-rules` on a line covers exactly the flows that the network lets in
//! by that line's openings and the mesh further by the permissions of the other rule of the same finding. Nothing else hides
//! behind it: neither another port, nor another caller, nor another request of the same two rules, nor a caller who may not leave.

use std::collections::BTreeMap;

use super::judge::{Judge, JudgedEnd, Way};
use super::program::samples;
use crate::cluster::Endpoint;
use crate::diagnostic::level::ACCEPTABLE_ERRORS;
use crate::flow::{
    Cut, Flow, LabelCube, LabelTests, Labels, Peer, Peers, Pod, PodCube, PodSet, PortSet, Protocol, RequestCube, RequestSamples,
    RequestSet, Symbol, TestRole, Transport, Values, Verdict,
};
use crate::gates::{Cause, Coupled, Gates, NamespaceGates, Opening, Permission, Selector};
use crate::ir::{Policy, RuleId, captured_ports};
use crate::syntax::ast::{Action, Direction};

/// The couplings that the program accepts.
#[derive(Debug)]
pub(super) struct Accounted<'a> {
    pairs: Vec<Pair<'a>>,
    /// What the network lets out: to it, callers known by account are all pods with their labels.
    exits: BTreeMap<&'a Symbol, Vec<(&'a Opening, Peers)>>,
    /// What the mesh refuses whoever lets it in: of a `deny`, only what could be written so.
    refusals: BTreeMap<&'a Symbol, Vec<&'a Permission>>,
}

/// Whether the program lets a flow leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaves {
    /// Some line does, or it comes from where nobody is managed.
    ByLine,
    /// No line does.
    Unsaid,
}

/// An accepted coupling in one namespace.
#[derive(Debug)]
struct Pair<'a> {
    coupled: &'a Coupled,
    namespace: &'a Symbol,
    /// What the network lets in by the one rule.
    openings: Vec<(&'a Opening, Peers)>,
    /// What the mesh lets further by the other.
    permissions: Vec<&'a Permission>,
}

impl<'a> Accounted<'a> {
    /// The couplings that were found and whose line accepts them.
    pub(super) fn new(policy: &Policy, gates: &'a Gates) -> Self {
        let pairs: Vec<Pair<'a>> = accepted(policy, gates).flat_map(|pair| pairs(gates, pair)).collect();
        let (exits, refusals) =
            if pairs.is_empty() { <(BTreeMap<_, _>, BTreeMap<_, _>)>::default() } else { (exits(gates), refusals(gates)) };
        Self { pairs, exits, refusals }
    }

    /// Whether the program accepts any coupling.
    pub(super) const fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Whether a flow is gained by an accepted coupling at one of its ends: the network lets it in by one rule, the mesh further by the
    /// other, and it lets out the caller whom it knows no better.
    pub(super) fn covers(&self, flow: &Flow, way: Way) -> bool {
        self.enters(flow) && (way == Way::Ingress || self.leaves(flow))
    }

    /// Whether the mesh refuses a flow to a pod, whatever lets it in.
    pub(super) fn is_refused(&self, flow: &Flow) -> bool {
        let Peer::Pod(pod) = &flow.destination else { return false };
        self.refusals_of(pod).any(|refusal| matches(refusal, pod, flow))
    }

    fn refusals_of(&self, pod: &Pod) -> impl Iterator<Item = &'a Permission> {
        let refusals = self.refusals.get(&pod.namespace).map(Vec::as_slice).unwrap_or_default();
        refusals.iter().copied()
    }

    /// The rules of the couplings that a flow enters by, where an end that does not let it leave by a line lets it leave all the same.
    pub(super) fn entered<'s>(&'s self, flow: &'s Flow, leaves: Leaves) -> impl Iterator<Item = Coupled> + 's {
        let pod = match &flow.destination {
            Peer::Pod(pod) if leaves == Leaves::ByLine || self.leaves(flow) => Some(pod),
            _ => None,
        };
        let pairs = pod.into_iter().flat_map(|pod| self.at(&pod.namespace).map(move |pair| (pod, pair)));
        pairs.filter(|(pod, pair)| pair.admits(pod, flow) && pair.grants(pod, flow)).map(|(_, pair)| *pair.coupled)
    }

    fn leaves(&self, flow: &Flow) -> bool {
        let Peer::Pod(pod) = &flow.source else { return false };
        self.exits_of(pod).any(|(exit, peers)| exit.ports.contains(flow.protocol, flow.port) && peers.contains(&flow.destination))
    }

    /// What the network lets out from a pod.
    fn exits_of(&self, pod: &Pod) -> impl Iterator<Item = &(&'a Opening, Peers)> {
        let exits = self.exits.get(&pod.namespace).map(Vec::as_slice).unwrap_or_default();
        exits.iter().filter(|(exit, _)| exit.subject.contains(&pod.labels))
    }

    fn enters(&self, flow: &Flow) -> bool {
        let Peer::Pod(pod) = &flow.destination else { return false };
        self.at(&pod.namespace).any(|pair| pair.admits(pod, flow) && pair.grants(pod, flow))
    }

    fn at(&self, namespace: &str) -> impl Iterator<Item = &Pair<'a>> {
        self.pairs.iter().filter(move |pair| **pair.namespace == *namespace)
    }

    /// The flows of each coupling, at least: what the network lets in by the one rule.
    pub(super) fn regions(&self) -> impl Iterator<Item = AcceptedRegion> {
        self.pairs.iter().flat_map(|pair| pair.openings.iter().map(|(opening, peers)| pair.region(opening, peers)))
    }

    /// The requests that accepted couplings let further to a pod on a port.
    pub(super) fn requests(&self, pod: &Pod, (protocol, port): (Protocol, u16)) -> Vec<RequestSet> {
        let permissions = self.at(&pod.namespace).flat_map(|pair| &pair.permissions);
        let near = permissions.filter(|one| selects(&one.selector, &pod.labels) && ports(one).contains(protocol, port));
        near.filter_map(|permission| permission.request.as_ref().map(alone)).collect()
    }

    /// By what it tells the pods of a namespace apart.
    pub(super) fn subjects(&self, namespace: &str, way: Way) -> Vec<PodCube> {
        let whole = || PodCube::in_namespace(namespace);
        if way == Way::Egress {
            let exits = self.exits.iter().filter(|(name, _)| ****name == *namespace).flat_map(|(_, exits)| exits);
            return exits.map(|(exit, _)| PodCube { labels: exit.subject.clone(), ..whole() }).collect();
        }
        let labels = self.at(namespace).flat_map(|pair| {
            let openings = pair.openings.iter().map(|(opening, _)| opening.subject.clone());
            openings.chain(pair.permissions.iter().map(|permission| cube(&permission.selector)))
        });
        labels.map(|labels| PodCube { labels, ..whole() }).collect()
    }

    /// By which labels it tells pods apart.
    pub(super) fn label_tests(&self) -> impl Iterator<Item = LabelCube> {
        let exits = self.exits.values().flatten().flat_map(|(exit, peers)| [vec![exit.subject.clone()], labels(peers)]);
        let pairs = self.pairs.iter().flat_map(|pair| {
            let openings = pair.openings.iter().flat_map(|(opening, peers)| [vec![opening.subject.clone()], labels(peers)]);
            let permissions = pair.permissions.iter().map(|permission| {
                let mut tests = labels(&permission_cut(permission).peers);
                tests.push(cube(&permission.selector));
                tests
            });
            openings.chain(permissions).flatten().collect::<Vec<_>>()
        });
        pairs.chain(exits.flatten())
    }

    /// By what it tells flows from or to a pod apart.
    pub(super) fn cuts(&self, pod: &Pod, way: Way) -> Vec<Cut> {
        if way == Way::Egress {
            return self.exits_of(pod).map(opening_cut).collect();
        }
        let cuts = self.at(&pod.namespace).flat_map(|pair| {
            let openings = pair.openings.iter().filter(|(opening, _)| opening.subject.contains(&pod.labels));
            let permissions = pair.permissions.iter().filter(|permission| selects(&permission.selector, &pod.labels));
            openings.map(opening_cut).chain(permissions.map(|permission| permission_cut(permission))).collect::<Vec<_>>()
        });
        let refusals = self.refusals_of(pod).filter(|refusal| selects(&refusal.selector, &pod.labels)).map(permission_cut);
        cuts.chain(refusals).collect()
    }
}

/// Whether a program accepts any coupling: then its manifests let in what no line says.
pub fn is_any_accepted(policy: &Policy, gates: &Gates) -> bool {
    accepted(policy, gates).next().is_some()
}

fn accepted<'g>(policy: &Policy, gates: &'g Gates) -> impl Iterator<Item = &'g Coupled> {
    gates.coupled.iter().filter(|pair| accepts(policy, pair.admitted))
}

fn accepts(policy: &Policy, rule: RuleId) -> bool {
    policy.rule(rule).is_some_and(|rule| rule.accepts.iter().any(|acceptance| ACCEPTABLE_ERRORS.contains(&acceptance.code)))
}

/// What the network lets out, by namespace.
fn exits<'a>(gates: &'a Gates) -> BTreeMap<&'a Symbol, Vec<(&'a Opening, Peers)>> {
    let of = |(name, entry): (_, &'a NamespaceGates)| {
        let exits = entry.openings.iter().filter(|opening| opening.direction == Direction::Out);
        (name, exits.map(|opening| (opening, opening.network_peers())).collect())
    };
    gates.namespaces.iter().map(of).collect()
}

/// What the mesh refuses, by namespace.
fn refusals(gates: &Gates) -> BTreeMap<&Symbol, Vec<&Permission>> {
    gates.namespaces.iter().map(|(name, entry)| (name, refused_in(entry))).collect()
}

fn refused_in(entry: &NamespaceGates) -> Vec<&Permission> {
    let permissions = entry.mesh.iter().flat_map(|mesh| &mesh.permissions);
    permissions.filter(|permission| permission.action == Action::Deny).collect()
}

/// A coupling in every namespace in which it shows.
fn pairs<'a>(gates: &'a Gates, coupled: &'a Coupled) -> Vec<Pair<'a>> {
    let (admitted, granted) = (coupled.admitted, coupled.granted);
    let pair = |(namespace, entry): (&'a Symbol, &'a NamespaceGates)| {
        let is_opening = |opening: &&Opening| opening.direction == Direction::In && opening.cause == Cause::Rule(admitted);
        let openings = entry.openings.iter().filter(is_opening).map(|opening| (opening, opening.network_peers())).collect();
        let is_granted = |permission: &&Permission| permission.action == Action::Allow && permission.rule == granted;
        let permissions = entry.mesh.iter().flat_map(|mesh| &mesh.permissions).filter(is_granted).collect();
        Pair { coupled, namespace, openings, permissions }
    };
    gates.namespaces.iter().map(pair).filter(|pair| !pair.openings.is_empty() && !pair.permissions.is_empty()).collect()
}

/// Flows among which those are that an accepted coupling lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedRegion {
    /// The rule whose line accepts it: by its openings the network lets them in.
    pub admitted: RuleId,
    /// The rule by whose permissions the mesh lets them further.
    pub granted: RuleId,
    /// The callers.
    pub source: Peers,
    /// The called.
    pub destination: PodSet,
    /// On these ports.
    pub ports: PortSet,
}

impl Pair<'_> {
    fn region(&self, opening: &Opening, peers: &Peers) -> AcceptedRegion {
        let destination = PodCube { labels: opening.subject.clone(), ..PodCube::in_namespace(self.namespace) };
        let Coupled { admitted, granted } = *self.coupled;
        AcceptedRegion { admitted, granted, source: peers.clone(), destination: destination.into(), ports: opening.ports.clone() }
    }

    fn admits(&self, pod: &Pod, flow: &Flow) -> bool {
        let admits = |(opening, peers): &(&Opening, Peers)| {
            opening.subject.contains(&pod.labels) && opening.ports.contains(flow.protocol, flow.port) && peers.contains(&flow.source)
        };
        self.openings.iter().any(admits)
    }

    fn grants(&self, pod: &Pod, flow: &Flow) -> bool {
        self.permissions.iter().any(|permission| matches(permission, pod, flow))
    }
}

/// Whether a permission speaks of a flow to this pod.
fn matches(permission: &Permission, pod: &Pod, flow: &Flow) -> bool {
    selects(&permission.selector, &pod.labels)
        && ports(permission).contains(flow.protocol, flow.port)
        && permission.callers.footprint(flow.transport).contains(&flow.source)
        && permission.request.as_ref().is_none_or(|cube| flow.request.as_ref().is_some_and(|request| cube.contains(request)))
}

/// The tests of labels of some pods.
fn labels(peers: &Peers) -> Vec<LabelCube> {
    peers.pods.cubes().iter().map(|cube| cube.labels.clone()).collect()
}

fn opening_cut((opening, peers): &(&Opening, Peers)) -> Cut {
    Cut { peers: peers.clone(), ports: opening.ports.clone(), requests: RequestSamples::default() }
}

fn permission_cut(permission: &Permission) -> Cut {
    let callers = &permission.callers;
    let peers = callers.footprint(Transport::Mtls).union(&callers.footprint(Transport::Plaintext));
    let requests = permission.request.as_ref().map(|cube| samples(&alone(cube))).unwrap_or_default();
    Cut { peers, ports: ports(permission), requests }
}

fn alone(cube: &RequestCube) -> RequestSet {
    RequestSet { cubes: vec![cube.clone()], raw: false }
}

/// The ports on which a permission acts.
fn ports(permission: &Permission) -> PortSet {
    match &permission.ports {
        None => captured_ports(),
        Some(list) => list.iter().fold(PortSet::none(), |ports, port| ports.union(&PortSet::one(Protocol::Tcp, *port))),
    }
}

fn selects(selector: &Selector, labels: &Labels) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

fn cube(selector: &Selector) -> LabelCube {
    selector.iter().fold(LabelCube::all(), |cube, (key, value)| cube.with(Symbol::clone(key), Values::one(Symbol::clone(value))))
}

/// A judge, with flows told apart by what is accepted too: so a class is accepted as a whole or not at all.
#[derive(Debug)]
pub(super) struct Watched<'a> {
    pub(super) judge: &'a dyn Judge,
    pub(super) accounted: &'a Accounted<'a>,
}

impl Judge for Watched<'_> {
    fn subjects(&self, namespace: &str, way: Way) -> Vec<PodCube> {
        let mut subjects = self.judge.subjects(namespace, way);
        subjects.extend(self.accounted.subjects(namespace, way));
        subjects
    }

    fn subjects_elsewhere(&self, way: Way) -> Vec<PodCube> {
        self.judge.subjects_elsewhere(way)
    }

    fn policed(&self) -> Vec<Symbol> {
        self.judge.policed()
    }

    fn label_tests(&self) -> Option<LabelTests> {
        let mut tests = self.judge.label_tests()?;
        // A flow that is not covered stays so as long as its pods pass no test that they did not.
        self.accounted.label_tests().for_each(|test| tests.add(TestRole::Beside, Values::any_ref(), test));
        Some(tests)
    }

    fn end<'j>(&'j self, pod: &'j Endpoint, way: Way) -> Box<dyn JudgedEnd + 'j> {
        let end = self.judge.end(pod, way);
        match &pod.peer {
            Peer::Pod(own) if !self.accounted.is_empty() => Box::new(WatchedEnd { end, accounted: self.accounted.cuts(own, way) }),
            _ => end,
        }
    }
}

struct WatchedEnd<'j> {
    end: Box<dyn JudgedEnd + 'j>,
    accounted: Vec<Cut>,
}

impl JudgedEnd for WatchedEnd<'_> {
    fn cuts(&self) -> Vec<Cut> {
        let mut cuts = self.end.cuts();
        cuts.extend(self.accounted.iter().cloned());
        cuts
    }

    fn verdict(&self, flow: &Flow, far: &Endpoint) -> Verdict {
        self.end.verdict(flow, far)
    }

    fn refuses(&self, flow: &Flow, far: &Endpoint) -> bool {
        self.end.refuses(flow, far)
    }
}
