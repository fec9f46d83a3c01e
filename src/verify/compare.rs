//! The comparison of two judges, class by class.
//!
//! Owns: `compare` and what it finds. Every class of flows at every end of the given namespaces is decided once by both. An end
//! at which they differ is a difference only if some flow through it passes the other end too.

mod end;

use std::fmt;
use std::sync::OnceLock;

use end::{Attempt, compare_end};
pub(super) use end::{Effort, subjects_within};

use super::judge::{Judge, Way};
use super::labels::{Few, Worlds};
use super::words::flow_words;
use crate::classes::{Among, PathCells, TooManyPods};
use crate::flow::{Cut, DataPlane, Flow, Peer, Pod, PodCube, PortSet, Protocol, Symbol, Transport, Verdict};
use crate::ir::UNCAPTURED;
use crate::threads::in_shares;

/// Two judges, and the world that they are compared in.
#[derive(Clone, Copy, Debug)]
pub struct Bench<'a> {
    /// Whoever is held to be right: a program, where pods of few labels are to be enough.
    pub left: &'a dyn Judge,
    /// Whoever is held against it.
    pub right: &'a dyn Judge,
    /// Which pods can exist.
    pub worlds: Worlds<'a>,
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
    let few = OnceLock::new();
    let all = All { bench, namespaces, few: &few };
    let parts = in_shares(namespaces, 1, |part| all.part(part));
    parts.into_iter().fold(Comparison::default(), Comparison::and)
}

/// The same over pods of few labels alone: it finds a difference wherever `compare` finds one, if not the same. None if one of the
/// judges cannot promise what that takes.
pub fn compare_few(bench: Bench<'_>, namespaces: &[Symbol]) -> Option<Comparison> {
    let few = few_labels(bench)?;
    Some(compare(Bench { worlds: few.worlds(), ..bench }, namespaces))
}

/// The pods of a comparison that are enough to find every difference.
fn few_labels(bench: Bench<'_>) -> Option<Few<'_>> {
    let tests = [bench.left.label_tests()?, bench.right.label_tests()?];
    Some(Few::new(bench.worlds, bench.ruled_out, &tests))
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

/// All that is compared.
#[derive(Clone, Copy)]
struct All<'a> {
    bench: Bench<'a>,
    namespaces: &'a [Symbol],
    /// The pods to compare by where all would be too many.
    few: &'a OnceLock<Option<Few<'a>>>,
}

impl All<'_> {
    /// Both ways of a part of all namespaces.
    fn part(self, part: &[Symbol]) -> Comparison {
        let ends = part.iter().flat_map(|namespace| [Way::Egress, Way::Ingress].map(|way| (namespace, way)));
        let mut paths = PathCells::default();
        ends.map(|(namespace, way)| self.end(namespace, way, &mut paths)).fold(Comparison::default(), Comparison::and)
    }

    /// One way of one namespace, over all pods or, if these fall into too many classes, over pods of few labels.
    fn end(self, namespace: &Symbol, way: Way, paths: &mut PathCells) -> Comparison {
        let mut over = |worlds: Worlds<'_>, attempt: Attempt| {
            compare_end(Bench { worlds, ..self.bench }, self.namespaces, (namespace, way), attempt, paths)
        };
        let few = || self.few.get_or_init(|| few_labels(self.bench)).as_ref();
        over(self.bench.worlds, Attempt::FIRST)
            .or_else(|_| over(few().map_or(self.bench.worlds, Few::worlds), Attempt::SECOND))
            .unwrap_or_else(|TooManyPods| Comparison {
                incomplete: vec![Incomplete::Pods { namespace: Symbol::clone(namespace), way }],
                ..Comparison::default()
            })
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
