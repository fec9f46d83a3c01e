//! One end of all flows from or to the pods of one namespace, decided by both judges.
//!
//! Owns: the walk over classes of near ends, far ends, ports and requests, and how long it may take.

use super::{Bench, Comparison, Difference, Incomplete, MAX_DIFFERENCES, differ, oriented, transports};
use crate::classes::{DecidingRequests, Far, PathCells, Pods, PortClass, TooManyPods, classes_among, far_classes, port_classes};
use crate::cluster::Endpoint;
use crate::flow::{Flow, Peer, PodCube, Protocol, Symbol, Transport, Verdict};
use crate::verify::judge::{JudgedEnd, Way};
use crate::verify::masked::{self, FarPods};

/// An attempt that came to no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsettled {
    /// There are too many classes.
    TooMany,
    /// The judges differ where it was only asked whether they agree.
    Differs,
}

impl From<TooManyPods> for Unsettled {
    fn from(TooManyPods: TooManyPods) -> Self {
        Self::TooMany
    }
}

/// One way of one namespace.
pub(super) fn compare_end(
    bench: Bench<'_>,
    all: &[Symbol],
    (namespace, way): (&Symbol, Way),
    attempt: Attempt,
    effort: &mut Effort,
    paths: &mut PathCells,
) -> Result<Comparison, Unsettled> {
    let mut found = Comparison::default();
    let cubes = subject_cubes(bench, namespace, way);
    let classes = subjects_of(bench, vec![PodCube::in_namespace(namespace)], &cubes, way)?;
    if classes.len() > attempt.classes + Attempt::CLASSES_A_CUBE * cubes.len() {
        return Err(Unsettled::TooMany);
    }
    effort.0 += attempt.effort_a_class * classes.len();
    let mut run = Run { found: &mut found, paths, far_pods: FarPods::default(), effort, finds: attempt.finds };
    for class in &classes {
        compare_subject(Subject { bench, all, namespace, way, class }, &mut run)?;
    }
    Ok(found)
}

/// What one way of one namespace fills in as it goes.
struct Run<'r> {
    found: &'r mut Comparison,
    paths: &'r mut PathCells,
    far_pods: FarPods,
    effort: &'r mut Effort,
    finds: Finds,
}

impl Run<'_> {
    /// Whether no more differences are to be told; then there may be more.
    fn is_full(&mut self) -> bool {
        let is_full = self.found.differences.len() >= MAX_DIFFERENCES;
        self.found.is_cut_short |= is_full;
        is_full
    }
}

/// What an attempt is to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finds {
    /// Differences that show in flows which pass the other end too.
    Differences,
    /// Whether there is none. It comes to no end at the first difference that is not accepted, whether it shows or not: pods that lost
    /// labels may have lost those by which the other end lets them pass.
    None,
}

/// What a comparison is for, and into how many classes pods may fall.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    /// How many classes of near ends there may be, besides those for each cube that tells them apart.
    classes: usize,
    /// How much may be looked at for each class of near ends besides.
    effort_a_class: usize,
    finds: Finds,
}

impl Attempt {
    /// Before pods of few labels are tried, which take less time as soon as classes multiply.
    pub(super) const FIRST: Self = Self { classes: 512, effort_a_class: 300, finds: Finds::Differences };
    /// Over the pods that are enough where judges agree.
    pub(super) const AGREEING: Self = Self { finds: Finds::None, ..Self::LAST };
    /// At last.
    pub(super) const LAST: Self = Self { classes: 1 << 15, effort_a_class: 0, finds: Finds::Differences };

    const CLASSES_A_CUBE: usize = 16;
}

/// How much more may be looked at: parts of far ends, each against every cut, and flows.
#[derive(Debug, Clone)]
pub(in crate::verify) struct Effort(usize);

impl Effort {
    /// Deciding a flow takes as long as looking at so many parts.
    const FLOW: usize = 2;

    /// What all ends together may take over pods of few labels: about as long as somebody waits for it.
    pub(super) const FEW_PODS: Self = Self(20_000_000);

    /// How often ends may try with what others left.
    pub(super) const ROUNDS: usize = 2;

    /// What each of so many ends may take over all pods.
    pub(super) fn first(ends: usize) -> Self {
        Self(10_000_000_usize.checked_div(ends).unwrap_or_default().min(1_000_000))
    }

    /// As much for each of so many ends.
    pub(super) fn share(&self, ends: usize) -> Self {
        Self(self.0.checked_div(ends).unwrap_or_default())
    }

    /// Takes off what somebody spent who had so much and has so much left.
    pub(super) const fn spend_all_but(&mut self, had: &Self, left: &Self) {
        self.0 = self.0.saturating_sub(had.0.saturating_sub(left.0));
    }

    /// Looks at as many parts, each against every cut.
    pub(in crate::verify) fn spend(&mut self, parts: usize) -> Result<(), TooManyPods> {
        self.0 = self.0.checked_sub(parts).ok_or(TooManyPods)?;
        Ok(())
    }

    /// Decides as many flows.
    pub(in crate::verify) fn spend_flows(&mut self, flows: usize) -> Result<(), TooManyPods> {
        self.spend(flows.saturating_mul(Self::FLOW))
    }
}

/// The classes into which two judges cut pods of one namespace as near ends.
pub(in crate::verify) fn subjects_within(
    bench: Bench<'_>,
    wholes: Vec<PodCube>,
    namespace: &str,
    way: Way,
) -> Result<Vec<Pods>, TooManyPods> {
    subjects_of(bench, wholes, &subject_cubes(bench, namespace, way), way)
}

fn subject_cubes(bench: Bench<'_>, namespace: &str, way: Way) -> Vec<PodCube> {
    let mut cubes = bench.left.subjects(namespace, way);
    cubes.extend(bench.right.subjects(namespace, way));
    cubes.sort_unstable();
    cubes.dedup();
    cubes
}

fn subjects_of(bench: Bench<'_>, wholes: Vec<PodCube>, cubes: &[PodCube], way: Way) -> Result<Vec<Pods>, TooManyPods> {
    let numbered: Vec<(usize, &PodCube)> = cubes.iter().enumerate().collect();
    classes_among(wholes, &numbered, cubes.len(), bench.worlds.near(way))
}

/// One end of one pod, judged by both.
struct Ends<'a> {
    left: Box<dyn JudgedEnd + 'a>,
    right: Box<dyn JudgedEnd + 'a>,
}

/// How many requests there are at least for it to be worth asking whether all are stopped.
const WORTH_ASKING: usize = 4;

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

fn compare_subject(subject: Subject<'_>, run: &mut Run<'_>) -> Result<(), Unsettled> {
    if run.is_full() {
        return Ok(());
    }
    let (bench, way) = (subject.bench, subject.way);
    let near = Endpoint::from(Peer::Pod(subject.class.example.clone()));
    let ends = Ends { left: bench.left.end(&near, way), right: bench.right.end(&near, way) };
    let mut cuts = ends.left.cuts();
    cuts.extend(ends.right.cuts());
    cuts.extend(bench.ruled_out.cuts(way));
    let mut requests = DecidingRequests::new(&cuts);
    for far in far_classes(&cuts, bench.worlds.far(way))? {
        if run.is_full() {
            return Ok(());
        }
        run.effort.spend(cuts.len() * (1 + far.parts.len()))?;
        let far_end = Endpoint::from(far.example.clone());
        for ports in port_classes(&cuts, &far.cuts) {
            let judged = Judged { subject, far: &far, ports: &ports };
            judged.all(&ends, [&near, &far_end], &mut requests, run)?;
        }
    }
    Ok(())
}

impl Ends<'_> {
    /// Whether both stop a flow over any of these transports whatever it asks for.
    fn refuse(&self, flow: &mut Flow, transports: &[Transport], far: &Endpoint) -> bool {
        transports.iter().all(|transport| {
            flow.transport = *transport;
            self.left.refuses(flow, far) && self.right.refuses(flow, far)
        })
    }
}

/// The flows of one pod, far end and class of ports.
struct Judged<'a> {
    subject: Subject<'a>,
    far: &'a Far,
    ports: &'a PortClass,
}

impl Judged<'_> {
    fn all(
        &self,
        ends: &Ends<'_>,
        [near, far]: [&Endpoint; 2],
        requests: &mut DecidingRequests<'_>,
        run: &mut Run<'_>,
    ) -> Result<(), Unsettled> {
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
        let mut none = [None];
        let requests = if self.subject.way == Way::Ingress && protocol == Protocol::Tcp {
            let Ok(requests) = requests.of(&self.ports.cuts, run.paths) else {
                run.found.incomplete.push(Incomplete::Requests(Box::new(flow)));
                return Ok(());
            };
            requests
        } else {
            &mut none
        };
        let transports = transports(self.subject.way, &flow);
        if requests.len() >= WORTH_ASKING && ends.refuse(&mut flow, transports, far) {
            // Every one of them is denied by both.
            run.found.classes += transports.len() * requests.len();
            return Ok(run.effort.spend_flows(transports.len())?);
        }
        run.effort.spend_flows(transports.len() * requests.len())?;
        for transport in transports {
            flow.transport = *transport;
            for request in &mut *requests {
                // Lent to the flow while it is judged: to copy a request would take longer than to judge it.
                flow.request = request.take();
                run.found.classes += 1;
                let (left, right) = (ends.left.verdict(&flow, far), ends.right.verdict(&flow, far));
                let told = if differ(&left, &right) { self.differ(&flow, left, right, run) } else { Ok(()) };
                *request = flow.request.take();
                told?;
            }
        }
        Ok(())
    }

    /// Keeps a difference, unless it cannot show.
    fn differ(&self, flow: &Flow, left: Verdict, right: Verdict, run: &mut Run<'_>) -> Result<(), Unsettled> {
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
        if run.finds == Finds::None && !self.subject.bench.ruled_out.accepts(&difference) {
            return Err(Unsettled::Differs);
        }
        let classes = masked::Classes { near: &self.subject.class.parts, far: &self.far.parts, namespaces: self.subject.all };
        let Some(difference) = masked::shown(self.subject.bench, difference, &classes, run.effort, &mut run.far_pods)? else {
            return Ok(());
        };
        let is_accepted = self.subject.bench.ruled_out.accepts(&difference);
        let list = if is_accepted { &mut run.found.accepted } else { &mut run.found.differences };
        if list.len() < MAX_DIFFERENCES {
            list.push(difference);
        }
        Ok(())
    }
}
