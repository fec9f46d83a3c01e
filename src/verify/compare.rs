//! The comparison of two judges, class by class.
//!
//! Owns: `compare` and what it finds. Every class of flows at every end of the given namespaces is decided once by both. An end
//! at which they differ is a difference only if some flow through it passes the other end too.

use super::judge::{Judge, JudgedEnd, Way};
use super::masked;
use crate::classes::{Among, Far, PathCells, Pods, PortClass, World, classes_within, far_classes, port_classes, request_classes};
use crate::cluster::Endpoint;
use crate::flow::{Cut, DataPlane, Flow, Peer, Pod, PodCube, PortSet, Protocol, Symbol, Transport, Verdict};
use crate::ir::UNCAPTURED;

/// Two judges, and the world that they are compared in.
#[derive(Clone, Copy, Debug)]
pub struct Bench<'a> {
    /// Whoever is held to be right, as a rule.
    pub left: &'a dyn Judge,
    /// Whoever is held against it.
    pub right: &'a dyn Judge,
    /// Which pods can exist.
    pub world: &'a (dyn World + 'a),
    /// Which flows an assumption rules out.
    pub ruled_out: &'a dyn RuledOut,
}

/// An assumption by which some flows do not occur.
pub trait RuledOut: Sync + std::fmt::Debug {
    /// Whether this flow does not occur. The answer must be one for a whole class, of what [`Self::cuts`] cuts too.
    fn rules_out(&self, flow: &Flow) -> bool;

    /// By what it tells flows apart; requests aside, for which it may only look at what some judge looks at.
    fn cuts(&self) -> Vec<Cut>;
}

/// A class of flows about which the two do not agree.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The namespace of the end at which they differ.
    pub namespace: Symbol,
    /// Which end of a connection it is.
    pub way: Way,
    /// Pods there that are alike, as cubes.
    pub subjects: Vec<PodCube>,
    /// Far ends that are alike.
    pub among: Among,
    /// Ports that are alike.
    pub ports: PortSet,
    /// One flow of the class.
    pub flow: Flow,
    /// What the left judge says of that end.
    pub left: Verdict,
    /// What the right judge says of it.
    pub right: Verdict,
}

/// An end whose requests fall into too many classes to be judged.
#[derive(Debug, Clone)]
pub struct Incomplete {
    /// The flow whose requests they are.
    pub flow: Flow,
}

/// What a comparison found.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// The classes about which the two do not agree, of each namespace no more than 64.
    pub differences: Vec<Difference>,
    /// What could not be judged.
    pub incomplete: Vec<Incomplete>,
    /// How many classes of flows were decided.
    pub classes: usize,
}

/// The most differences that are told of one namespace; who has more has one fault that makes them all.
pub(super) const MAX_DIFFERENCES: usize = 64;

/// How many threads share the namespaces.
const THREADS: usize = 2;

/// Compares both ends of all flows from and to the pods of some namespaces.
pub fn compare(bench: Bench<'_>, namespaces: &[Symbol]) -> Comparison {
    let share = namespaces.len().div_ceil(THREADS).max(1);
    let parts: Vec<Comparison> = std::thread::scope(|scope| {
        let threads: Vec<_> = namespaces.chunks(share).map(|part| scope.spawn(move || compare_all(bench, part))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    parts.into_iter().fold(Comparison::default(), Comparison::and)
}

impl Comparison {
    fn and(mut self, other: Self) -> Self {
        self.differences.extend(other.differences);
        self.incomplete.extend(other.incomplete);
        self.classes += other.classes;
        self
    }

    /// Whether the two agree about every flow.
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty() && self.incomplete.is_empty()
    }
}

fn compare_all(bench: Bench<'_>, namespaces: &[Symbol]) -> Comparison {
    let ends = namespaces.iter().flat_map(|namespace| [Way::Egress, Way::Ingress].map(|way| (namespace, way)));
    let mut paths = PathCells::default();
    ends.map(|(namespace, way)| compare_end(bench, namespace, way, &mut paths)).fold(Comparison::default(), Comparison::and)
}

/// One way of one namespace.
fn compare_end(bench: Bench<'_>, namespace: &Symbol, way: Way, paths: &mut PathCells) -> Comparison {
    let mut found = Comparison::default();
    for class in subjects(bench, namespace, way) {
        compare_subject(bench, namespace, way, &class, &mut found, paths);
    }
    found
}

/// The classes of pods of a namespace that the two judges tell apart as near ends.
pub(super) fn subjects(bench: Bench<'_>, namespace: &str, way: Way) -> Vec<Pods> {
    subjects_within(bench, &[PodCube::in_namespace(namespace)], namespace, way)
}

/// The same, of a part of the namespace.
pub(super) fn subjects_within(bench: Bench<'_>, whole: &[PodCube], namespace: &str, way: Way) -> Vec<Pods> {
    let mut cubes = bench.left.subjects(namespace, way);
    cubes.extend(bench.right.subjects(namespace, way));
    cubes.sort_unstable();
    cubes.dedup();
    let numbered: Vec<(usize, &PodCube)> = cubes.iter().enumerate().collect();
    classes_within(whole, &numbered, cubes.len(), bench.world)
}

/// One end of one pod, judged by both.
struct Ends<'a> {
    left: Box<dyn JudgedEnd + 'a>,
    right: Box<dyn JudgedEnd + 'a>,
}

fn compare_subject(bench: Bench<'_>, namespace: &Symbol, way: Way, class: &Pods, found: &mut Comparison, paths: &mut PathCells) {
    let near = Endpoint::from(Peer::Pod(class.example.clone()));
    let ends = Ends { left: bench.left.end(&near, way), right: bench.right.end(&near, way) };
    let mut cuts = ends.left.cuts();
    cuts.extend(ends.right.cuts());
    cuts.extend(bench.ruled_out.cuts());
    for far in far_classes(&cuts, bench.world) {
        let far_end = Endpoint::from(far.example.clone());
        for ports in port_classes(&cuts, &far.cuts) {
            let mut judged = Judged { bench, namespace, way, class, far: &far, ports: &ports };
            judged.all(&ends, &cuts, &far_end, &near, (&mut *found, &mut *paths));
        }
    }
}

/// The flows of one pod, far end and class of ports.
struct Judged<'a> {
    bench: Bench<'a>,
    namespace: &'a Symbol,
    way: Way,
    class: &'a Pods,
    far: &'a Far,
    ports: &'a PortClass,
}

impl Judged<'_> {
    fn all(&mut self, ends: &Ends<'_>, cuts: &[Cut], far: &Endpoint, near: &Endpoint, (found, paths): (&mut Comparison, &mut PathCells)) {
        let (source, destination) = oriented(self.way, &near.peer, &far.peer);
        let (protocol, port) = (self.ports.protocol, self.ports.example);
        let mut flow = Flow {
            source: source.clone(),
            destination: destination.clone(),
            protocol,
            port,
            transport: Transport::Plaintext,
            request: None,
        };
        let requests = if self.way == Way::Ingress && protocol == Protocol::Tcp {
            match request_classes(cuts, &self.ports.cuts, paths) {
                Ok(requests) => requests,
                Err(_) => return found.incomplete.push(Incomplete { flow }),
            }
        } else {
            vec![None]
        };
        for transport in transports(self.way, &flow) {
            flow.transport = *transport;
            for request in &requests {
                flow.request.clone_from(request);
                found.classes += 1;
                let (left, right) = (ends.left.verdict(&flow, far), ends.right.verdict(&flow, far));
                if left != right {
                    self.differ(&flow, left, right, found);
                }
            }
        }
    }

    /// Keeps a difference, unless it cannot show.
    fn differ(&self, flow: &Flow, left: Verdict, right: Verdict, found: &mut Comparison) {
        if found.differences.len() >= MAX_DIFFERENCES || self.bench.ruled_out.rules_out(flow) {
            return;
        }
        let difference = Difference {
            namespace: Symbol::clone(self.namespace),
            way: self.way,
            subjects: self.class.among.clone(),
            among: self.far.among.clone(),
            ports: self.ports.ports.clone(),
            flow: flow.clone(),
            left,
            right,
        };
        found.differences.extend(masked::shown(self.bench, difference));
    }
}

/// Source and destination, of a near and a far end.
pub(super) const fn oriented<'a>(way: Way, near: &'a Peer, far: &'a Peer) -> (&'a Peer, &'a Peer) {
    match way {
        Way::Ingress => (far, near),
        Way::Egress => (near, far),
    }
}

/// The transports over which a flow can arrive. At the source they make no difference.
pub(super) fn transports(way: Way, flow: &Flow) -> &'static [Transport] {
    let captured = flow.protocol == Protocol::Tcp && !UNCAPTURED.contains(&flow.port);
    if way == Way::Ingress && captured && is_meshed(&flow.source) && is_meshed(&flow.destination) {
        return &[Transport::Mtls, Transport::Plaintext];
    }
    &[Transport::Plaintext]
}

fn is_meshed(peer: &Peer) -> bool {
    matches!(peer, Peer::Pod(Pod { plane, .. }) if *plane != DataPlane::None)
}
