//! The comparison of two judges, class by class.
//!
//! Owns: `compare` and what it finds. Every class of flows at every end of the given namespaces is decided once by both. An end
//! at which they differ is a difference only if some flow through it passes the other end too.

use std::fmt;

use super::judge::{Judge, JudgedEnd, Way};
use super::masked;
use super::words::flow_words;
use crate::classes::{
    Among, Far, PathCells, Pods, PortClass, TooManyPods, World, classes_among, far_classes, port_classes, request_classes,
};
use crate::cluster::Endpoint;
use crate::flow::{Cut, DataPlane, Flow, Peer, Pod, PodCube, PortSet, Protocol, Symbol, Transport, Verdict};
use crate::ir::UNCAPTURED;
use crate::threads::in_shares;

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
    /// Whether this flow does not occur.
    fn rules_out(&self, flow: &Flow) -> bool;

    /// Whether a difference is one that somebody knows of and takes. It is kept apart from the others and never in their stead.
    fn accepts(&self, _difference: &Difference) -> bool {
        false
    }

    /// By what it tells far ends apart, so that no class of them is ruled out in part. Pods alone in the namespaces of other cuts
    /// and the destinations and ports of rules are told apart already.
    fn cuts(&self, _way: Way) -> Vec<Cut> {
        Vec::new()
    }
}

/// A class of flows about which the two do not agree.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The namespace of the end at which they differ.
    pub namespace: Symbol,
    /// Which end of a connection it is.
    pub way: Way,
    /// Pods there that are alike.
    pub subjects: PodCube,
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

/// What falls into too many classes to be judged.
#[derive(Debug, Clone)]
pub enum Incomplete {
    /// The requests of flows like this one.
    Requests(Box<Flow>),
    /// The pods at one end of the flows of a namespace, or those at their other end.
    Pods {
        /// The namespace.
        namespace: Symbol,
        /// Which of its flows.
        way: Way,
    },
}

impl fmt::Display for Incomplete {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests(flow) => write!(out, "the requests of `{}` fall into too many classes", flow_words(flow)),
            Self::Pods { namespace, way: Way::Ingress } => write!(out, "who calls pods of `{namespace}` falls into too many classes"),
            Self::Pods { namespace, way: Way::Egress } => write!(out, "whom pods of `{namespace}` call falls into too many classes"),
        }
    }
}

/// What a comparison found.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// The classes about which the two do not agree, of each namespace no more than 64.
    pub differences: Vec<Difference>,
    /// Those that are accepted, of each namespace no more than 64.
    pub accepted: Vec<Difference>,
    /// What could not be judged.
    pub incomplete: Vec<Incomplete>,
    /// How many classes of flows were decided.
    pub classes: usize,
}

/// The most differences that are told of one namespace; who has more has one fault that makes them all.
pub(super) const MAX_DIFFERENCES: usize = 64;

/// Compares both ends of all flows from and to the pods of some namespaces.
pub fn compare(bench: Bench<'_>, namespaces: &[Symbol]) -> Comparison {
    let parts = in_shares(namespaces, 1, |part| compare_all(bench, namespaces, part));
    parts.into_iter().fold(Comparison::default(), Comparison::and)
}

impl Comparison {
    fn and(mut self, other: Self) -> Self {
        self.differences.extend(other.differences);
        self.accepted.extend(other.accepted);
        self.incomplete.extend(other.incomplete);
        self.classes += other.classes;
        self
    }

    /// Whether the two agree about every flow but those that are accepted.
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty() && self.incomplete.is_empty()
    }
}

/// Both ways of a part of all namespaces.
fn compare_all(bench: Bench<'_>, all: &[Symbol], part: &[Symbol]) -> Comparison {
    let ends = part.iter().flat_map(|namespace| [Way::Egress, Way::Ingress].map(|way| (namespace, way)));
    let mut paths = PathCells::default();
    ends.map(|(namespace, way)| compare_end(bench, all, (namespace, way), &mut paths)).fold(Comparison::default(), Comparison::and)
}

/// One way of one namespace.
fn compare_end(bench: Bench<'_>, all: &[Symbol], (namespace, way): (&Symbol, Way), paths: &mut PathCells) -> Comparison {
    let mut found = Comparison::default();
    let too_many = || Incomplete::Pods { namespace: Symbol::clone(namespace), way };
    let Ok(classes) = subjects_within(bench, vec![PodCube::in_namespace(namespace)], namespace, way) else {
        found.incomplete.push(too_many());
        return found;
    };
    let mut run = Run { found: &mut found, paths, effort: Effort::new(classes.len()) };
    let all_done = classes.iter().try_for_each(|class| compare_subject(Subject { bench, all, namespace, way, class }, &mut run));
    if all_done.is_err() {
        found.incomplete.push(too_many());
    }
    found
}

/// What one way of one namespace fills in as it goes.
struct Run<'r> {
    found: &'r mut Comparison,
    paths: &'r mut PathCells,
    effort: Effort,
}

/// How many more parts of pods may be looked at, so that a comparison ends while somebody waits for it.
#[derive(Debug)]
pub(super) struct Effort(usize);

impl Effort {
    /// For each class of pods, and besides.
    const A_CLASS: usize = 300;
    const BESIDES: usize = 20_000_000;

    const fn new(classes: usize) -> Self {
        Self(Self::BESIDES + Self::A_CLASS * classes)
    }

    /// Looks at as many parts, each against every cut.
    pub(super) fn spend(&mut self, parts: usize) -> Result<(), TooManyPods> {
        self.0 = self.0.checked_sub(parts).ok_or(TooManyPods)?;
        Ok(())
    }
}

/// The classes into which two judges cut pods of one namespace as near ends.
pub(super) fn subjects_within(bench: Bench<'_>, wholes: Vec<PodCube>, namespace: &str, way: Way) -> Result<Vec<Pods>, TooManyPods> {
    let mut cubes = bench.left.subjects(namespace, way);
    cubes.extend(bench.right.subjects(namespace, way));
    cubes.sort_unstable();
    cubes.dedup();
    let numbered: Vec<(usize, &PodCube)> = cubes.iter().enumerate().collect();
    classes_among(wholes, &numbered, cubes.len(), bench.world)
}

/// One end of one pod, judged by both.
struct Ends<'a> {
    left: Box<dyn JudgedEnd + 'a>,
    right: Box<dyn JudgedEnd + 'a>,
}

/// One class of near ends.
#[derive(Clone, Copy)]
struct Subject<'a> {
    bench: Bench<'a>,
    /// All namespaces that are compared.
    all: &'a [Symbol],
    namespace: &'a Symbol,
    way: Way,
    class: &'a Pods,
}

fn compare_subject(subject: Subject<'_>, run: &mut Run<'_>) -> Result<(), TooManyPods> {
    let (bench, way) = (subject.bench, subject.way);
    let near = Endpoint::from(Peer::Pod(subject.class.example.clone()));
    let ends = Ends { left: bench.left.end(&near, way), right: bench.right.end(&near, way) };
    let mut cuts = ends.left.cuts();
    cuts.extend(ends.right.cuts());
    cuts.extend(bench.ruled_out.cuts(way));
    for far in far_classes(&cuts, bench.world)? {
        run.effort.spend(cuts.len() * (1 + far.parts.len()))?;
        let far_end = Endpoint::from(far.example.clone());
        for ports in port_classes(&cuts, &far.cuts) {
            let judged = Judged { subject, far: &far, ports: &ports };
            judged.all(&ends, &cuts, &far_end, &near, run)?;
        }
    }
    Ok(())
}

/// The flows of one pod, far end and class of ports.
struct Judged<'a> {
    subject: Subject<'a>,
    far: &'a Far,
    ports: &'a PortClass,
}

impl Judged<'_> {
    fn all(&self, ends: &Ends<'_>, cuts: &[Cut], far: &Endpoint, near: &Endpoint, run: &mut Run<'_>) -> Result<(), TooManyPods> {
        let (source, destination) = oriented(self.subject.way, &near.peer, &far.peer);
        let (protocol, port) = (self.ports.protocol, self.ports.example);
        let mut flow = Flow {
            source: source.clone(),
            destination: destination.clone(),
            protocol,
            port,
            transport: Transport::Plaintext,
            request: None,
        };
        let requests = if self.subject.way == Way::Ingress && protocol == Protocol::Tcp {
            let Ok(requests) = request_classes(cuts, &self.ports.cuts, run.paths) else {
                run.found.incomplete.push(Incomplete::Requests(Box::new(flow)));
                return Ok(());
            };
            requests
        } else {
            vec![None]
        };
        for transport in transports(self.subject.way, &flow) {
            flow.transport = *transport;
            for request in &requests {
                flow.request.clone_from(request);
                run.found.classes += 1;
                let (left, right) = (ends.left.verdict(&flow, far), ends.right.verdict(&flow, far));
                if differ(&left, &right) {
                    self.differ(&flow, left, right, run)?;
                }
            }
        }
        Ok(())
    }

    /// Keeps a difference, unless it cannot show.
    fn differ(&self, flow: &Flow, left: Verdict, right: Verdict, run: &mut Run<'_>) -> Result<(), TooManyPods> {
        if run.found.differences.len() >= MAX_DIFFERENCES || self.subject.bench.ruled_out.rules_out(flow) {
            return Ok(());
        }
        let difference = Difference {
            namespace: Symbol::clone(self.subject.namespace),
            way: self.subject.way,
            subjects: self.subject.class.among.clone(),
            among: self.far.among.clone(),
            ports: self.ports.ports.clone(),
            flow: flow.clone(),
            left,
            right,
        };
        let classes = masked::Classes { near: &self.subject.class.parts, far: &self.far.parts, namespaces: self.subject.all };
        let Some(difference) = masked::shown(self.subject.bench, difference, &classes, &mut run.effort)? else { return Ok(()) };
        let is_accepted = self.subject.bench.ruled_out.accepts(&difference);
        let list = if is_accepted { &mut run.found.accepted } else { &mut run.found.differences };
        if list.len() < MAX_DIFFERENCES {
            list.push(difference);
        }
        Ok(())
    }
}

/// Whether two verdicts say different things. What is left open for one reason or another is left open.
pub(super) fn differ(left: &Verdict, right: &Verdict) -> bool {
    match (left, right) {
        (Verdict::Unspecified(_), Verdict::Unspecified(_)) => false,
        _ => left != right,
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
pub fn transports(way: Way, flow: &Flow) -> &'static [Transport] {
    let captured = flow.protocol == Protocol::Tcp && !UNCAPTURED.contains(&flow.port);
    if way == Way::Ingress && captured && is_meshed(&flow.source) && is_meshed(&flow.destination) {
        return &[Transport::Mtls, Transport::Plaintext];
    }
    &[Transport::Plaintext]
}

fn is_meshed(peer: &Peer) -> bool {
    matches!(peer, Peer::Pod(Pod { plane, .. }) if *plane != DataPlane::None)
}
