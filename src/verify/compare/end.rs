//! One end of all flows from or to the pods of one namespace, decided by both judges.
//!
//! Owns: the walk over classes of near ends, far ends, ports and requests, and how long it may take.

use super::{Bench, Comparison, Difference, Incomplete, MAX_DIFFERENCES, differ, transports};
use crate::classes::{DecidingRequests, FarEnd, Limits, Partitions, PathCells, Pods, PortClass, TooManyPods, classes_cut, port_classes};
use crate::cluster::Endpoint;
use crate::flow::{Flow, Peer, PodCube, Protocol, Symbol, Transport, Verdict};
use crate::verify::judge::{JudgedEnd, Way};
use crate::verify::masked::{self, FarPods, Near, Silent};

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
    let classes = subjects(bench, namespace, way, attempt, effort)?;
    effort.0 += attempt.effort_a_class * classes.len();
    let mut run = Run {
        found: &mut found,
        paths,
        partitions: Partitions::default(),
        far_pods: FarPods::default(),
        effort,
        finds: attempt.finds,
        parts: attempt.parts,
        told: Told::default(),
    };
    for class in &classes {
        match compare_subject(Subject { bench, all, namespace, way, class }, &mut run) {
            // What was found stands, and what may be behind it is not known.
            Err(Unsettled::TooMany) if run.told.has_enough() => {
                found.incomplete.push(Incomplete::Pods { namespace: Symbol::clone(namespace), way });
                break;
            }
            settled => settled?,
        }
    }
    Ok(found)
}

/// How many differences of each kind are told.
#[derive(Debug, Default)]
struct Told {
    wider: usize,
    narrower: usize,
    open: usize,
}

impl Told {
    /// Those of one kind, by what the right judge says.
    const fn of(&mut self, right: &Verdict) -> &mut usize {
        match right {
            Verdict::Allowed => &mut self.wider,
            Verdict::Denied => &mut self.narrower,
            Verdict::Unspecified(_) => &mut self.open,
        }
    }

    /// Whether as many of one kind are told as are told of any.
    fn has_enough(&self) -> bool {
        [self.wider, self.narrower, self.open].into_iter().any(|told| told >= MAX_DIFFERENCES)
    }

    /// Whether nothing that is still to be found says more than what is told: what is both wider and narrower, or left open.
    const fn says_all(&self) -> bool {
        self.open >= MAX_DIFFERENCES || (self.wider >= MAX_DIFFERENCES && self.narrower >= MAX_DIFFERENCES)
    }
}

/// What one way of one namespace fills in as it goes.
struct Run<'r> {
    found: &'r mut Comparison,
    paths: &'r mut PathCells,
    partitions: Partitions,
    far_pods: FarPods,
    effort: &'r mut Effort,
    finds: Finds,
    /// How many parts far pods may be cut into, besides those for each cube.
    parts: usize,
    told: Told,
}

impl Run<'_> {
    /// Whether no more differences are to be told. As soon as there are enough of one kind there may be more.
    fn is_full(&mut self) -> bool {
        self.found.is_cut_short |= self.told.has_enough();
        self.told.says_all()
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
    /// How many parts of pods there may be, besides those for each cube.
    parts: usize,
    /// How much may be looked at for each class of near ends besides.
    effort_a_class: usize,
    finds: Finds,
}

impl Attempt {
    /// Before pods of few labels are tried, which take less time as soon as classes multiply.
    pub(super) const FIRST: Self = Self { classes: 512, parts: 1 << 12, effort_a_class: 300, finds: Finds::Differences };
    /// Over the pods that are enough where judges agree.
    pub(super) const AGREEING: Self = Self { finds: Finds::None, ..Self::LAST };
    /// At last.
    pub(super) const LAST: Self = Self { classes: 1 << 15, parts: Limits::NONE.parts, effort_a_class: 0, finds: Finds::Differences };

    const CLASSES_A_CUBE: usize = 16;

    /// How many classes there may be of near ends that so many cubes tell apart.
    const fn most_classes(self, cubes: usize) -> usize {
        self.classes + Self::CLASSES_A_CUBE * cubes
    }
}

/// How much more may be looked at: parts of pods, what cuts say of them, and flows.
#[derive(Debug, Clone)]
pub(in crate::verify) struct Effort(usize);

impl Effort {
    /// Deciding a flow takes as long as looking at so many parts.
    const FLOW: usize = 2;

    /// Looking at a part takes as long as finding of so many that a cube does not cut them.
    const LOOKS: usize = 8;

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

    /// Cuts pods, where as many looks as the limits say are free.
    pub(in crate::verify) fn cut<T>(
        &mut self,
        mut limits: Limits,
        cut: impl FnOnce(&mut Limits) -> Result<T, TooManyPods>,
    ) -> Result<T, TooManyPods> {
        let free = limits.looks;
        limits.looks = free.saturating_add(self.0.saturating_mul(Self::LOOKS));
        let all = limits.looks;
        let found = cut(&mut limits)?;
        self.spend((all - limits.looks).saturating_sub(free).div_ceil(Self::LOOKS))?;
        Ok(found)
    }

    /// Looks at as many parts.
    pub(in crate::verify) fn spend(&mut self, parts: usize) -> Result<(), TooManyPods> {
        self.0 = self.0.checked_sub(parts).ok_or(TooManyPods)?;
        Ok(())
    }

    /// Asks as often whether a cube holds pods of a part.
    pub(in crate::verify) fn spend_looks(&mut self, looks: usize) -> Result<(), TooManyPods> {
        self.spend(looks.div_ceil(Self::LOOKS))
    }

    /// Decides as many flows.
    pub(in crate::verify) fn spend_flows(&mut self, flows: usize) -> Result<(), TooManyPods> {
        self.spend(flows.saturating_mul(Self::FLOW))
    }
}

/// The classes into which two judges cut the pods of one namespace as near ends. That each cube may be asked about each part which
/// another one cuts off is free: that many classes there are of any rules.
fn subjects(bench: Bench<'_>, namespace: &Symbol, way: Way, attempt: Attempt, effort: &mut Effort) -> Result<Vec<Pods>, Unsettled> {
    let cubes = subject_cubes(bench, namespace, way);
    let numbered: Vec<(usize, &PodCube)> = cubes.iter().enumerate().collect();
    let most = attempt.most_classes(cubes.len());
    let free = cubes.len().saturating_mul(cubes.len() + Limits::LOOKS_A_CUT);
    let limits = Limits { parts: attempt.parts, looks: free };
    let whole = vec![PodCube::in_namespace(namespace)];
    let classes = effort.cut(limits, |limits| classes_cut(whole, &numbered, cubes.len(), bench.worlds.near(way), limits))?;
    if classes.len() > most { Err(Unsettled::TooMany) } else { Ok(classes) }
}

/// By what two judges tell pods of one namespace apart as near ends.
pub(in crate::verify) fn subject_cubes(bench: Bench<'_>, namespace: &str, way: Way) -> Vec<PodCube> {
    let mut cubes = bench.left.subjects(namespace, way);
    cubes.extend(bench.right.subjects(namespace, way));
    cubes.sort_unstable();
    cubes.dedup();
    cubes
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
    run.effort.spend(cuts.len())?;
    let (world, few) = (bench.worlds.far(way), Limits { parts: run.parts, looks: 0 });
    let far_ends = run.effort.cut(few, |limits| run.partitions.far_ends(&cuts, world, limits))?;
    let near_pods = Near::new(&subject.class.parts);
    let mut flow = Flow {
        source: near.peer.clone(),
        destination: near.peer.clone(),
        protocol: Protocol::Tcp,
        port: 0,
        transport: Transport::Plaintext,
        request: None,
    };
    for far in far_ends {
        if run.is_full() {
            return Ok(());
        }
        run.effort.spend(1 + far.parts.count() + far.cuts.len())?;
        let far_end = Endpoint::from(far.example.clone());
        far_side(way, &mut flow).clone_from(&far_end.peer);
        for ports in port_classes(&cuts, &far.cuts) {
            (flow.protocol, flow.port) = (ports.protocol, ports.example);
            let mut judged = Judged { subject, near: &near_pods, far: &far, ports: &ports, silent: Silent::default() };
            judged.all(&ends, &mut flow, &far_end, &mut requests, run)?;
        }
    }
    Ok(())
}

/// The far end of a flow.
const fn far_side(way: Way, flow: &mut Flow) -> &mut Peer {
    match way {
        Way::Ingress => &mut flow.source,
        Way::Egress => &mut flow.destination,
    }
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
    near: &'a Near<'a>,
    far: &'a FarEnd,
    ports: &'a PortClass,
    silent: Silent,
}

impl Judged<'_> {
    /// Decides flows like this one, over every transport and for every request.
    fn all(
        &mut self,
        ends: &Ends<'_>,
        flow: &mut Flow,
        far: &Endpoint,
        requests: &mut DecidingRequests<'_>,
        run: &mut Run<'_>,
    ) -> Result<(), Unsettled> {
        let mut none = [None];
        let requests = if self.subject.way == Way::Ingress && flow.protocol == Protocol::Tcp {
            let Ok(requests) = requests.of(&self.ports.cuts, run.paths) else {
                run.found.incomplete.push(Incomplete::Requests(Box::new(Flow { transport: Transport::Plaintext, ..flow.clone() })));
                return Ok(());
            };
            requests
        } else {
            &mut none
        };
        let transports = transports(self.subject.way, flow);
        if requests.len() >= WORTH_ASKING && ends.refuse(flow, transports, far) {
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
                let (left, right) = (ends.left.verdict(flow, far), ends.right.verdict(flow, far));
                let told = if differ(&left, &right) { self.differ(flow, left, right, run) } else { Ok(()) };
                *request = flow.request.take();
                told?;
            }
        }
        Ok(())
    }

    /// Keeps a difference, unless it cannot show.
    fn differ(&mut self, flow: &Flow, left: Verdict, right: Verdict, run: &mut Run<'_>) -> Result<(), Unsettled> {
        let is_silent = self.silent.contains(flow.transport, &right);
        let ruled_out = self.subject.bench.ruled_out;
        // To the end that calls, a flow without a request is one with any.
        let is_ruled_out = match self.subject.way {
            Way::Ingress => ruled_out.rules_out(flow),
            Way::Egress => ruled_out.rules_out_all(flow),
        };
        if is_silent || *run.told.of(&right) >= MAX_DIFFERENCES || is_ruled_out {
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
        // Of the flows that leave so, some may be accepted where they enter and others not.
        let is_accepted = difference.way == Way::Ingress && ruled_out.accepts(&difference);
        if run.finds == Finds::None && !is_accepted {
            return Err(Unsettled::Differs);
        }
        let classes = masked::Classes { near: self.near, far: &self.far.parts, namespaces: self.subject.all };
        let mut means = masked::Means { effort: run.effort, paths: run.paths, far_pods: &mut run.far_pods };
        let Some(difference) = masked::shown(self.subject.bench, difference, &classes, &mut self.silent, &mut means)? else {
            return Ok(());
        };
        if !ruled_out.accepts(&difference) {
            *run.told.of(&difference.right) += 1;
            run.found.differences.push(difference);
        } else if run.found.accepted.len() < MAX_DIFFERENCES {
            run.found.accepted.push(difference);
        }
        Ok(())
    }
}
