//! The other end of a difference.
//!
//! Owns: the search for a flow that shows a difference. Where one judge's end lets through what the other's does not, nothing
//! is gained as long as no such flow passes that judge's other end. Pods that are alike to the end at which the judges differ
//! may be told apart by the other end, so all parts of both classes are looked at.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::compare::{Bench, Difference, Effort, differ, oriented, subject_cubes, transports};
use super::judge::{Judge, JudgedEnd, Way};
use crate::classes::{Among, Limits, Parts, PathCells, Pods, TooManyPods, World, classes_cut, deciding_requests, port_classes};
use crate::cluster::Endpoint;
use crate::flow::{
    Cut, DataPlane, Flow, LabelCube, NAMESPACE_NAME, Peer, Peers, Pod, PodCube, PortSet, Protocol, RequestSamples, Symbol, Transport,
    Values, Verdict,
};

/// All pods of the two classes of a difference, and the namespaces that are compared.
pub(super) struct Classes<'a> {
    pub(super) near: &'a Near<'a>,
    pub(super) far: &'a Parts,
    pub(super) namespaces: &'a [Symbol],
}

/// The near pods of differences: all of one class.
pub(super) struct Near<'a> {
    parts: &'a [PodCube],
    /// Examples of them where the other end tells none of them apart.
    whole: OnceCell<Rc<[Pods]>>,
}

/// What a search may take, and what was found by others.
pub(super) struct Means<'a> {
    pub(super) effort: &'a mut Effort,
    pub(super) paths: &'a mut PathCells,
    pub(super) far_pods: &'a mut FarPods,
}

/// By what judge and over what transport no flow between the pods of a difference passes the other end: what else differs between
/// these pods on these ports, for another request, does not show either.
#[derive(Default)]
pub(super) struct Silent(Vec<(Side, Transport)>);

impl Silent {
    /// Whether a difference of flows over this transport, of which the right judge says this, cannot show.
    pub(super) fn contains(&self, transport: Transport, right: &Verdict) -> bool {
        self.0.contains(&(Side::letting_through(right), transport))
    }
}

/// The difference with a flow that shows it end to end; none if the other end stops all of them. An error if that would be looked
/// for among too many pods.
///
/// The flow is one that nobody accepts, if there is such a one.
pub(super) fn shown(
    bench: Bench<'_>,
    difference: Difference,
    classes: &Classes<'_>,
    silent: &mut Silent,
    means: &mut Means<'_>,
) -> Result<Option<Difference>, TooManyPods> {
    let lets_through = Side::letting_through(&difference.right);
    if matches!(difference.among, Among::Addresses(_)) {
        return Ok(Some(difference));
    }
    let other = match difference.way {
        Way::Ingress => Way::Egress,
        Way::Egress => Way::Ingress,
    };
    let search = Search { bench, lets_through, difference: &difference, other, near: classes.near, accepted: OnceCell::new() };
    let mut is_silent = true;
    for place in means.far_pods.places(bench, classes).iter() {
        let found = place.pods.get_or_init(|| means.far_pods.at(bench, place, other, means.effort));
        for far in found.clone()?.iter() {
            match search.passing(far, means.effort, means.paths)? {
                Passing::Shows(flow) => return Ok(Some(Difference { flow: *flow, ..difference })),
                Passing::Some => is_silent = false,
                Passing::None => {}
            }
        }
    }
    if is_silent {
        silent.0.push((lets_through, difference.flow.transport));
    }
    let accepted = search.accepted.into_inner();
    Ok(accepted.map(|flow| Difference { flow, ..difference }))
}

impl<'a> Near<'a> {
    pub(super) const fn new(parts: &'a [PodCube]) -> Self {
        Self { parts, whole: OnceCell::new() }
    }

    /// These pods, as cubes with numbers tell them apart.
    fn cut(&self, cubes: &[(usize, PodCube)], bench: Bench<'_>, way: Way, effort: &mut Effort) -> Result<NearPods, TooManyPods> {
        // Few of the cubes hold any of them as a rule, and most of these hold them all.
        let cubes = overlapping(cubes.iter().map(|(at, cube)| (*at, cube)), self.parts, effort)?;
        let holds_all = |(_, cube): &(usize, &PodCube)| self.parts.iter().all(|part| part.is_subset(cube));
        let (whole, cutting): (Vec<_>, Vec<_>) = cubes.iter().copied().partition(holds_all);
        let find = |cubes: &[(usize, &PodCube)], effort: &mut Effort| -> Result<Rc<[Pods]>, TooManyPods> {
            let size = cubes.iter().map(|(at, _)| at + 1).max().unwrap_or_default();
            let none = Limits { looks: 0, ..Limits::NONE };
            let found = effort.cut(none, |limits| classes_cut(self.parts.to_vec(), cubes, size, bench.worlds.far(way), limits))?;
            effort.spend(found.iter().map(|class| 1 + class.parts.len()).sum())?;
            Ok(found.into())
        };
        if !cutting.is_empty() {
            return Ok(NearPods { classes: find(&cubes, effort)?, held_by: None });
        }
        let mut held_by: Vec<usize> = whole.into_iter().map(|(at, _)| at).collect();
        held_by.dedup();
        let classes = if let Some(known) = self.whole.get() {
            Rc::clone(known)
        } else {
            let classes = find(&[], effort)?;
            Rc::clone(self.whole.get_or_init(|| classes))
        };
        Ok(NearPods { classes, held_by: Some(held_by) })
    }
}

/// Near pods, as the other end tells them apart.
struct NearPods {
    classes: Rc<[Pods]>,
    /// The numbers that hold them if it tells none apart; else each class has its own.
    held_by: Option<Vec<usize>>,
}

impl NearPods {
    /// One pod of each class, and the numbers that hold it, ascending.
    fn iter(&self) -> impl Iterator<Item = (&Pod, &[usize])> {
        self.classes.iter().map(|class| (&class.example, self.held_by.as_deref().unwrap_or(&class.held_by)))
    }
}

/// Those of some cubes that hold any pod of some parts.
fn overlapping<'c>(
    cubes: impl ExactSizeIterator<Item = (usize, &'c PodCube)>,
    parts: &[PodCube],
    effort: &mut Effort,
) -> Result<Vec<(usize, &'c PodCube)>, TooManyPods> {
    effort.spend_looks(cubes.len() * parts.len())?;
    Ok(cubes.filter(|(_, cube)| parts.iter().any(|part| part.overlaps(cube))).collect())
}

/// Far pods of all differences of one end, with what was found out about them: many differences have the same.
#[derive(Default)]
pub(super) struct FarPods {
    places: HashMap<(usize, Vec<usize>), Rc<[Place]>>,
    /// By what pods of a namespace are told apart at their own end.
    subjects: RefCell<HashMap<Symbol, Rc<[PodCube]>>>,
    /// The same of namespaces that nobody knows.
    elsewhere: OnceCell<Rc<[PodCube]>>,
    /// The namespaces that a judge rules though they are not compared.
    policed: OnceCell<Vec<Symbol>>,
}

/// Far pods of one namespace, or of all that nobody rules.
struct Place {
    name: Option<Symbol>,
    parts: Vec<PodCube>,
    /// One pod of each class of them that its own end tells apart.
    pods: OnceCell<Found>,
}

type Found = Result<Rc<[FarPod]>, TooManyPods>;

/// How many lists of places are kept.
const KEPT_PLACES: usize = 1 << 12;

impl FarPods {
    /// Where pods of a class are: first in namespaces that nobody knows, where little is stopped.
    fn places(&mut self, bench: Bench<'_>, classes: &Classes<'_>) -> Rc<[Place]> {
        let (partition, parts) = classes.far.number();
        let key = (partition, parts.to_vec());
        if let Some(known) = self.places.get(&key) {
            return Rc::clone(known);
        }
        let written = classes.far.iter().filter_map(PodCube::namespace_names).flatten();
        let policed = self.policed.get_or_init(|| [bench.left, bench.right].into_iter().flat_map(Judge::policed).collect());
        let names: BTreeSet<&Symbol> = classes.namespaces.iter().chain(written).chain(policed).collect();
        let elsewhere = Values::except(names.iter().map(|name| Symbol::clone(name)));
        let places = std::iter::once((None, elsewhere));
        let places = places.chain(names.into_iter().map(|name| (Some(Symbol::clone(name)), Values::one(Symbol::clone(name)))));
        let place = |(name, named)| Place { name, parts: inside(classes.far, &named), pods: OnceCell::new() };
        let places: Rc<[Place]> = places.map(place).filter(|place| !place.parts.is_empty()).collect();
        if self.places.len() >= KEPT_PLACES {
            self.places.clear();
        }
        self.places.insert(key, Rc::clone(&places));
        places
    }

    /// One pod of each class of the parts of a place that its own end tells apart.
    fn at(&self, bench: Bench<'_>, place: &Place, way: Way, effort: &mut Effort) -> Found {
        let subjects: Rc<[PodCube]> = match &place.name {
            Some(name) => self.subjects(bench, name, way),
            None => self.subjects_elsewhere(bench, way),
        };
        let cubes = overlapping(subjects.iter().enumerate(), &place.parts, effort)?;
        let none = Limits { looks: 0, ..Limits::NONE };
        let cut = |limits: &mut Limits| classes_cut(place.parts.clone(), &cubes, subjects.len(), bench.worlds.near(way), limits);
        let pods = effort.cut(none, cut)?.into_iter().map(|class| class.example);
        // One in the mesh first: what it shows is nearer to what people know.
        let both = |pod: Pod| [outside_mesh(&pod, bench.worlds.near(way), way), Some(pod)].into_iter().rev().flatten();
        Ok(pods.flat_map(both).map(FarPod::of).collect())
    }

    fn subjects_elsewhere(&self, bench: Bench<'_>, way: Way) -> Rc<[PodCube]> {
        let both = || [bench.left, bench.right].into_iter().flat_map(|judge| judge.subjects_elsewhere(way)).collect();
        Rc::clone(self.elsewhere.get_or_init(both))
    }

    fn subjects(&self, bench: Bench<'_>, name: &Symbol, way: Way) -> Rc<[PodCube]> {
        let mut known = self.subjects.borrow_mut();
        Rc::clone(known.entry(Symbol::clone(name)).or_insert_with(|| subject_cubes(bench, name, way).into()))
    }
}

/// A pod at the end that is not the one at which judges differ.
struct FarPod {
    endpoint: Endpoint,
    left: OnceCell<Seen>,
    right: OnceCell<Seen>,
}

/// The same pod outside of the mesh, where it may be called there: nothing of the mesh stops that, and no policy needs to say so.
pub(super) fn outside_mesh(pod: &Pod, world: &dyn World, way: Way) -> Option<Pod> {
    let may_be = way == Way::Ingress && world.may_be_outside_mesh(pod);
    may_be.then(|| Pod { plane: DataPlane::None, ..pod.clone() })
}

/// How one judge sees a far pod's end.
struct Seen {
    cuts: Vec<Cut>,
    /// The pods that each of them names.
    cubes: Vec<(usize, PodCube)>,
    /// The pods, by the cuts that hold them and what else an answer hangs on, of which no flow on these ports passes.
    stopped: RefCell<HashSet<Stopped>>,
}

/// Ports, transport and data plane, and the places of the cuts that hold a pod.
type Stopped = (PortSet, Transport, DataPlane, Vec<usize>);

impl FarPod {
    fn of(pod: Pod) -> Self {
        Self { endpoint: Endpoint::from(Peer::Pod(pod)), left: OnceCell::new(), right: OnceCell::new() }
    }

    fn seen(&self, side: Side, bench: Bench<'_>, way: Way) -> &Seen {
        let (seen, judge) = match side {
            Side::Left => (&self.left, bench.left),
            Side::Right => (&self.right, bench.right),
        };
        seen.get_or_init(|| {
            let mut cuts = judge.end(&self.endpoint, way).cuts();
            cuts.extend(bench.ruled_out.cuts(way));
            let cubes = cuts.iter().enumerate().flat_map(|(at, cut)| cut.peers.pods.cubes().iter().map(move |cube| (at, cube.clone())));
            Seen { cubes: cubes.collect(), cuts, stopped: RefCell::default() }
        })
    }
}

/// One of two judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

impl Side {
    /// Who lets a flow through about which the two differ, by what the right one says.
    fn letting_through(right: &Verdict) -> Self {
        if *right == Verdict::Denied { Self::Left } else { Self::Right }
    }
}

/// The parts that are in namespaces of these names.
fn inside(parts: &Parts, names: &Values) -> Vec<PodCube> {
    let listed = LabelCube::of(NAMESPACE_NAME.into(), names.clone());
    let part = |cube: &PodCube| Some(PodCube { namespace: cube.namespace.intersect(&listed)?, ..cube.clone() });
    parts.iter().filter_map(part).filter(|cube| !cube.is_empty()).collect()
}

struct Search<'a> {
    bench: Bench<'a>,
    /// Who lets the flow through.
    lets_through: Side,
    difference: &'a Difference,
    /// The end that is not the one at which the two differ.
    other: Way,
    near: &'a Near<'a>,
    /// A flow that shows the difference and that is accepted: others may not be.
    accepted: OnceCell<Flow>,
}

impl Search<'_> {
    /// Whether the difference is accepted where this flow is what shows it.
    fn accepts(&self, flow: &Flow) -> bool {
        self.bench.ruled_out.accepts(&Difference { flow: flow.clone(), ..self.difference.clone() })
    }

    /// What flows between the near pods and this far pod pass the far pod's end.
    fn passing(&self, far: &FarPod, effort: &mut Effort, paths: &mut PathCells) -> Result<Passing, TooManyPods> {
        let judge = match self.lets_through {
            Side::Left => self.bench.left,
            Side::Right => self.bench.right,
        };
        let seen = far.seen(self.lets_through, self.bench, self.other);
        let end = OnceCell::new();
        let mut result = Passing::None;
        for (near, held) in self.near.cut(&seen.cubes, self.bench, self.other, effort)?.iter() {
            // What the end answers is a function of these and of the request, of which every class was tried.
            let key = (self.difference.ports.clone(), self.difference.flow.transport, near.plane, held.to_vec());
            if seen.stopped.borrow().contains(&key) {
                continue;
            }
            effort.spend(1 + seen.cuts.len())?;
            let near_end = Endpoint::from(Peer::Pod(near.clone()));
            let end = &**end.get_or_init(|| judge.end(&far.endpoint, self.other));
            let between = Between { search: self, end, cuts: &seen.cuts, held, near: &near_end, far: &far.endpoint };
            match between.find(effort, paths)? {
                Passing::Shows(flow) => return Ok(Passing::Shows(flow)),
                Passing::Some => result = Passing::Some,
                Passing::None => drop(seen.stopped.borrow_mut().insert(key)),
            }
        }
        Ok(result)
    }

    /// Whether the two judges still differ about the near pod: another pod of its class may be no part of the mesh.
    fn differs(&self, flow: &Flow, near: &Endpoint, far: &Endpoint) -> bool {
        let can_prove = |peer: &Peer| matches!(peer, Peer::Pod(pod) if pod.plane != DataPlane::None);
        if flow.transport == Transport::Mtls && !(can_prove(&flow.source) && can_prove(&flow.destination)) {
            return false;
        }
        if self.bench.ruled_out.rules_out(flow) {
            return false;
        }
        let verdict = |judge: &dyn Judge| judge.end(near, self.difference.way).verdict(flow, far);
        differ(&verdict(self.bench.left), &verdict(self.bench.right))
    }
}

/// What was found between two pods.
enum Passing {
    /// A flow that passes the far end, and about which the judges differ.
    Shows(Box<Flow>),
    /// Flows that pass the far end, and about which the judges do not differ.
    Some,
    /// None that passes the far end.
    None,
}

/// Two pods.
struct Between<'a> {
    search: &'a Search<'a>,
    /// The far end, of the judge who lets the flow through.
    end: &'a dyn JudgedEnd,
    cuts: &'a [Cut],
    /// The cuts that hold the near pod.
    held: &'a [usize],
    near: &'a Endpoint,
    far: &'a Endpoint,
}

impl Between<'_> {
    fn find(&self, effort: &mut Effort, paths: &mut PathCells) -> Result<Passing, TooManyPods> {
        let difference = self.search.difference;
        let (source, destination) = oriented(difference.way, &self.near.peer, &self.far.peer);
        let of_class = |protocol: Protocol, port: u16| difference.ports.contains(protocol, port);
        // Only ports of the class are of interest; its own line keeps every class of ports inside or outside of it.
        let held = self.held.iter().filter_map(|at| self.cuts.get(*at)).map(|cut| &cut.ports).chain([&difference.ports]);
        let line = |ports: &PortSet| Cut { peers: Peers::none(), ports: ports.clone(), requests: RequestSamples::default() };
        let lines: Vec<Cut> = held.map(line).collect();
        let classes = port_classes(&lines, &(0..lines.len()).collect::<Vec<_>>());
        effort.spend_flows(classes.len())?;
        let mut result = Passing::None;
        for class in classes.iter().filter(|class| of_class(class.protocol, class.example)) {
            let flow = Flow {
                source: source.clone(),
                destination: destination.clone(),
                protocol: class.protocol,
                port: class.example,
                ..difference.flow.clone()
            };
            let passing = match self.search.other {
                Way::Egress => Some(flow).filter(|flow| self.end.verdict(flow, self.near) != Verdict::Denied),
                Way::Ingress => {
                    let held: Vec<usize> = class.cuts.iter().filter_map(|at| self.held.get(*at).copied()).collect();
                    self.entering(&held, flow, effort, paths)?
                }
            };
            let Some(flow) = passing else { continue };
            effort.spend_flows(2)?;
            result = Passing::Some;
            if !self.search.differs(&flow, self.near, self.far) {
                continue;
            }
            if !self.search.accepts(&flow) {
                return Ok(Passing::Shows(Box::new(flow)));
            }
            self.search.accepted.get_or_init(|| flow);
        }
        Ok(result)
    }

    /// The near end looked at no request, and mostly not at the transport: any that passes the far end will do, best one that nobody
    /// accepts.
    fn entering(&self, held: &[usize], mut flow: Flow, effort: &mut Effort, paths: &mut PathCells) -> Result<Option<Flow>, TooManyPods> {
        let Ok(mut requests) = deciding_requests(self.cuts, held, paths) else { return Ok(Some(flow)) };
        let looked = [flow.transport];
        let transports = if transports(Way::Egress, &flow).len() > 1 { &looked } else { transports(Way::Ingress, &flow) };
        effort.spend_flows(transports.len() * requests.len())?;
        let mut accepted = None;
        for transport in transports {
            flow.transport = *transport;
            if self.end.refuses(&flow, self.near) {
                continue;
            }
            for request in &mut requests {
                // Lent to the flow while it is judged.
                flow.request = request.take();
                if self.end.verdict(&flow, self.near) != Verdict::Denied && !self.search.bench.ruled_out.rules_out(&flow) {
                    if !self.search.accepts(&flow) {
                        return Ok(Some(flow));
                    }
                    accepted.get_or_insert_with(|| flow.clone());
                }
                *request = flow.request.take();
            }
        }
        Ok(accepted)
    }
}
