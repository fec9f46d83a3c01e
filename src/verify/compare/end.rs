//! One end of all flows from or to the pods of one namespace, decided by both judges.
//!
//! Owns: the walk over classes of near ends, far ends, ports and requests, and how long it may take.

use super::{Bench, Comparison, Difference, Incomplete, MAX_DIFFERENCES, differ, oriented, transports};
use crate::classes::{Far, PathCells, Pods, PortClass, TooManyPods, classes_among, deciding_requests, far_classes, port_classes};
use crate::cluster::Endpoint;
use crate::flow::{Cut, Flow, Peer, PodCube, Protocol, Symbol, Transport, Verdict};
use crate::verify::judge::{JudgedEnd, Way};
use crate::verify::masked;

/// One way of one namespace.
pub(super) fn compare_end(
    bench: Bench<'_>,
    all: &[Symbol],
    (namespace, way): (&Symbol, Way),
    attempt: Attempt,
    paths: &mut PathCells,
) -> Result<Comparison, TooManyPods> {
    let mut found = Comparison::default();
    let cubes = subject_cubes(bench, namespace, way);
    let classes = subjects_of(bench, vec![PodCube::in_namespace(namespace)], &cubes, way)?;
    if classes.len() > attempt.classes + Attempt::CLASSES_A_CUBE * cubes.len() {
        return Err(TooManyPods);
    }
    let mut run = Run { found: &mut found, paths, effort: Effort(attempt.effort + Attempt::EFFORT_A_CLASS * classes.len()) };
    for class in &classes {
        compare_subject(Subject { bench, all, namespace, way, class }, &mut run)?;
    }
    Ok(found)
}

/// What one way of one namespace fills in as it goes.
struct Run<'r> {
    found: &'r mut Comparison,
    paths: &'r mut PathCells,
    effort: Effort,
}

/// How much a comparison may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    /// How many classes of near ends there may be, besides those for each cube that tells them apart.
    classes: usize,
    /// How many parts of far ends may be looked at, each against every cut, besides those for each class of near ends.
    effort: usize,
}

impl Attempt {
    /// Before pods of few labels are tried, which take less time as soon as classes multiply.
    pub(super) const FIRST: Self = Self { classes: 512, effort: 1_000_000 };
    /// Then: about as long as somebody waits for it.
    pub(super) const SECOND: Self = Self { classes: 1 << 15, effort: 20_000_000 };

    const CLASSES_A_CUBE: usize = 16;
    const EFFORT_A_CLASS: usize = 300;
}

/// How many more parts of pods may be looked at.
#[derive(Debug)]
pub(in crate::verify) struct Effort(usize);

impl Effort {
    /// Looks at as many parts, each against every cut.
    pub(in crate::verify) fn spend(&mut self, parts: usize) -> Result<(), TooManyPods> {
        self.0 = self.0.checked_sub(parts).ok_or(TooManyPods)?;
        Ok(())
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
    for far in far_classes(&cuts, bench.worlds.far(way))? {
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
            let Ok(requests) = deciding_requests(cuts, &self.ports.cuts, run.paths) else {
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
