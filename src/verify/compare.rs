//! The comparison of two judges, class by class.
//!
//! Owns: `compare` and what it finds. Every class of flows at every end of the given namespaces is decided once by both. An end
//! at which they differ is a difference only if some flow through it passes the other end too.

mod end;

use std::fmt;
use std::sync::OnceLock;

use end::{Attempt, Unsettled, compare_end};
pub(super) use end::{Effort, subject_cubes};

use super::judge::{Judge, Way};
use super::labels::{Few, Needed, Worlds};
use super::words::flow_words;
use crate::classes::{Among, PathCells};
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

    /// Whether no flow with these ends occurs, on this port and over this transport, whatever it asks for: the end that calls looks into none.
    fn rules_out_all(&self, flow: &Flow) -> bool {
        self.rules_out(flow)
    }

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

/// What is said where patterns of names tell more of them apart than are looked for.
pub(crate) const TOO_MANY_NAMES: &str =
    "the names of callers' namespaces and accounts, by the patterns of policies, fall into too many classes";

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
    /// The namespaces and accounts of whoever calls, by their names.
    Names,
}

impl fmt::Display for Incomplete {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests(flow) => write!(out, "the requests of `{}` fall into too many classes", flow_words(flow)),
            Self::Pods { namespace, way: Way::Ingress } => write!(out, "who calls pods of `{namespace}` falls into too many classes"),
            Self::Pods { namespace, way: Way::Egress } => write!(out, "whom pods of `{namespace}` call falls into too many classes"),
            Self::Names => out.write_str(TOO_MANY_NAMES),
        }
    }
}

/// What a comparison found.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// The classes about which the two do not agree: of each namespace, way and kind (wider, narrower, left open) no more than 64.
    pub differences: Vec<Difference>,
    /// Those that are accepted, of each namespace no more than 64.
    pub accepted: Vec<Difference>,
    /// What could not be judged.
    pub incomplete: Vec<Incomplete>,
    /// How many classes of flows were decided.
    pub classes: usize,
    /// Whether there may be more differences: those of some kind are as many as are told.
    pub is_cut_short: bool,
}

/// The most differences of one kind that are told of one way of a namespace; who has more has one fault that makes them all.
pub(super) const MAX_DIFFERENCES: usize = 64;

/// Compares both ends of all flows from and to the pods of some namespaces.
pub fn compare(bench: Bench<'_>, namespaces: &[Symbol]) -> Comparison {
    let few = OnceLock::new();
    let all = All { bench, namespaces, few: &few };
    let ends = all.ends();
    let first = Effort::first(ends.len());
    let found = in_shares(&ends, 1, |share| {
        let mut paths = PathCells::default();
        share.iter().map(|end| all.over(bench.worlds, *end, Attempt::FIRST, &mut first.clone(), &mut paths).ok()).collect::<Vec<_>>()
    });
    all.settled(ends.into_iter().zip(found.into_iter().flatten()).collect())
}

/// The same over pods of few labels alone: it finds a difference wherever `compare` finds one, if not the same. None if one of the
/// judges cannot promise what that takes.
pub fn compare_few(bench: Bench<'_>, namespaces: &[Symbol]) -> Option<Comparison> {
    let few = OnceLock::from(Some(Fewer::new(bench)?));
    let all = All { bench, namespaces, few: &few };
    Some(all.settled(all.ends().into_iter().map(|end| (end, None)).collect()))
}

/// The pods of a comparison that are enough.
#[derive(Debug)]
struct Fewer<'w> {
    /// To find that judges agree about flows that leave pods, or that they do not.
    egress: Few<'w>,
    /// The same about flows that enter pods.
    ingress: Few<'w>,
    /// To find every difference that shows.
    flows: Few<'w>,
}

impl<'w> Fewer<'w> {
    fn new(bench: Bench<'w>) -> Option<Self> {
        let tests = [bench.left.label_tests()?, bench.right.label_tests()?];
        let few = |needed: &Needed| Few::new(bench.worlds, bench.ruled_out, &tests, needed);
        let at_end = |way: Way| few(&Needed::at_end(way, bench.left.stops_by_labels()));
        Some(Self {
            egress: at_end(Way::Egress),
            ingress: at_end(Way::Ingress),
            flows: few(&Needed::by_flows(bench.left.stops_by_labels())),
        })
    }

    const fn at_end(&self, way: Way) -> &Few<'w> {
        match way {
            Way::Egress => &self.egress,
            Way::Ingress => &self.ingress,
        }
    }
}

impl Comparison {
    fn and(mut self, other: Self) -> Self {
        self.differences.extend(other.differences);
        self.accepted.extend(other.accepted);
        self.incomplete.extend(other.incomplete);
        self.classes += other.classes;
        self.is_cut_short |= other.is_cut_short;
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
    few: &'a OnceLock<Option<Fewer<'a>>>,
}

/// One way of the flows of one namespace.
type NearEnd<'n> = (&'n Symbol, Way);

impl<'a> All<'a> {
    /// Both ways of all namespaces.
    fn ends(self) -> Vec<NearEnd<'a>> {
        self.namespaces.iter().flat_map(|namespace| [Way::Egress, Way::Ingress].map(|way| (namespace, way))).collect()
    }

    /// All ends together; those that are not compared yet are compared over pods of few labels. What that may take is shared fairly:
    /// first all get the same, then those that need more get what the others left, so that no result hangs on the order of work.
    fn settled(self, mut ends: Vec<(NearEnd<'a>, Option<Comparison>)>) -> Comparison {
        let mut left = Effort::FEW_PODS;
        for _ in 0..Effort::ROUNDS {
            let open: Vec<(usize, NearEnd<'a>)> =
                ends.iter().enumerate().filter(|(_, (_, found))| found.is_none()).map(|(at, (end, _))| (at, *end)).collect();
            let effort = left.share(open.len());
            let found = in_shares(&open, 1, |share| {
                let mut paths = PathCells::default();
                let one = |(at, end): &(usize, NearEnd<'_>)| {
                    let mut effort = effort.clone();
                    (*at, self.few_pods(*end, &mut effort, &mut paths), effort)
                };
                share.iter().map(one).collect::<Vec<_>>()
            });
            for (at, found, unspent) in found.into_iter().flatten() {
                let (Ok(found), Some((_, place))) = (found, ends.get_mut(at)) else { continue };
                left.spend_all_but(&effort, &unspent);
                *place = Some(found);
            }
        }
        let each = ends.into_iter().map(|(end, found)| found.unwrap_or_else(|| incomplete(end)));
        each.fold(Comparison::default(), Comparison::and)
    }

    /// Over pods of few labels: of as few as are enough to find that the judges agree or, if they do not, to find every difference.
    fn few_pods(self, end: NearEnd<'_>, effort: &mut Effort, paths: &mut PathCells) -> Result<Comparison, Unsettled> {
        let few = self.few.get_or_init(|| Fewer::new(self.bench)).as_ref();
        let Some(few) = few else { return self.over(self.bench.worlds, end, Attempt::LAST, effort, paths) };
        match self.over(few.at_end(end.1).worlds(), end, Attempt::AGREEING, effort, paths) {
            Err(Unsettled::Differs) => self.over(few.flows.worlds(), end, Attempt::LAST, effort, paths),
            // More pods take no less.
            settled => settled,
        }
    }

    fn over(
        self,
        worlds: Worlds<'_>,
        end: NearEnd<'_>,
        attempt: Attempt,
        effort: &mut Effort,
        paths: &mut PathCells,
    ) -> Result<Comparison, Unsettled> {
        compare_end(Bench { worlds, ..self.bench }, self.namespaces, end, attempt, effort, paths)
    }
}

/// That an end could not be compared.
fn incomplete((namespace, way): NearEnd<'_>) -> Comparison {
    Comparison { incomplete: vec![Incomplete::Pods { namespace: Symbol::clone(namespace), way }], ..Comparison::default() }
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

/// The transports over which a flow can arrive. At the source they make no difference, unless that over mTLS goes to another port: to
/// pods of ambient mode it goes to the port of the tunnel (`semantics.md` §5.1).
pub fn transports(way: Way, flow: &Flow) -> &'static [Transport] {
    let captured = flow.protocol == Protocol::Tcp && !UNCAPTURED.contains(&flow.port);
    let matters = way == Way::Ingress || is_ambient(&flow.destination);
    if matters && captured && is_meshed(&flow.source) && is_meshed(&flow.destination) {
        return &[Transport::Mtls, Transport::Plaintext];
    }
    &[Transport::Plaintext]
}

const fn is_ambient(peer: &Peer) -> bool {
    matches!(peer, Peer::Pod(Pod { plane: DataPlane::Ambient, .. }))
}

fn is_meshed(peer: &Peer) -> bool {
    matches!(peer, Peer::Pod(Pod { plane, .. }) if *plane != DataPlane::None)
}

#[cfg(test)]
mod tests;
