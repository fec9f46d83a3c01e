//! The other end of a difference.
//!
//! Owns: the search for a flow that shows a difference. Where one judge's end lets through what the other's does not, nothing
//! is gained as long as no such flow passes that judge's other end. Pods that are alike to the end at which the judges differ
//! may be told apart by the other end, so all parts of both classes are looked at.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::compare::{Bench, Difference, Effort, differ, oriented, subjects_within, transports};
use super::judge::{Judge, JudgedEnd, Way};
use crate::classes::{Among, PathCells, TooManyPods, classes_among, deciding_requests, port_classes};
use crate::cluster::Endpoint;
use crate::flow::{
    Cut, DataPlane, Flow, LabelCube, NAMESPACE_NAME, Peer, Peers, PodCube, PortSet, Protocol, RequestSamples, Symbol, Transport, Values,
    Verdict,
};

/// All pods of the two classes of a difference, and the namespaces that are compared.
pub(super) struct Classes<'a> {
    pub(super) near: &'a [PodCube],
    pub(super) far: &'a [PodCube],
    pub(super) namespaces: &'a [Symbol],
}

/// The difference with a flow that shows it end to end; none if the other end stops all of them. An error if that would be looked
/// for among too many pods.
pub(super) fn shown(
    bench: Bench<'_>,
    difference: Difference,
    classes: &Classes<'_>,
    effort: &mut Effort,
    known: &mut FarPods,
) -> Result<Option<Difference>, TooManyPods> {
    let lets_through = if difference.right == Verdict::Denied { Side::Left } else { Side::Right };
    if matches!(difference.among, Among::Addresses(_)) {
        return Ok(Some(difference));
    }
    let other = match difference.way {
        Way::Ingress => Way::Egress,
        Way::Egress => Way::Ingress,
    };
    let search = Search { bench, lets_through, difference: &difference, other, near: classes.near };
    // First of namespaces that nobody rules, where nothing is stopped.
    let written = classes.far.iter().filter_map(PodCube::namespace_names).flatten();
    let names: BTreeSet<&Symbol> = classes.namespaces.iter().chain(written).collect();
    let elsewhere = Values::except(names.iter().map(|name| Symbol::clone(name)));
    let places = std::iter::once((None, elsewhere));
    let places = places.chain(names.into_iter().map(|name| (Some(name), Values::one(Symbol::clone(name)))));
    for (name, named) in places {
        for far in known.at(bench, name, inside(classes.far, &named), other)?.iter() {
            if let Some(flow) = search.passing(far, effort)? {
                return Ok(Some(Difference { flow, ..difference }));
            }
        }
    }
    Ok(None)
}

/// Far pods of all differences of one end, with what was found out about them: many differences have the same.
#[derive(Default)]
pub(super) struct FarPods(HashMap<Taken, Found>);

/// A namespace, none for all that nobody rules, and the parts there that pods were taken from.
type Taken = (Option<Symbol>, Vec<PodCube>);
type Found = Result<Rc<[FarPod]>, TooManyPods>;

impl FarPods {
    /// One pod of each class of these parts that its own end tells apart.
    fn at(&mut self, bench: Bench<'_>, name: Option<&Symbol>, parts: Vec<PodCube>, way: Way) -> Found {
        let find = |parts: Vec<PodCube>| -> Found {
            let pods = match name {
                _ if parts.is_empty() => Vec::new(),
                Some(name) => subjects_within(bench, parts, name, way)?,
                None => classes_among(parts, &[], 0, bench.worlds.near(way))?,
            };
            Ok(pods.into_iter().map(|class| FarPod::new(Endpoint::from(Peer::Pod(class.example)))).collect())
        };
        let key = (name.cloned(), parts);
        if let Some(found) = self.0.get(&key) {
            return found.clone();
        }
        let found = find(key.1.clone());
        self.0.insert(key, found.clone());
        found
    }
}

/// A pod at the end that is not the one at which judges differ.
struct FarPod {
    endpoint: Endpoint,
    left: OnceCell<Seen>,
    right: OnceCell<Seen>,
}

/// How one judge sees a far pod's end.
struct Seen {
    cuts: Vec<Cut>,
    /// The pods, by the cuts that hold them and what else an answer hangs on, of which no flow on these ports passes.
    stopped: RefCell<HashSet<Stopped>>,
}

/// Ports, transport and data plane, and the places of the cuts that hold a pod.
type Stopped = (PortSet, Transport, DataPlane, Vec<usize>);

impl FarPod {
    const fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, left: OnceCell::new(), right: OnceCell::new() }
    }

    fn seen(&self, side: Side, end: &dyn JudgedEnd) -> &Seen {
        let seen = match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        };
        seen.get_or_init(|| Seen { cuts: end.cuts(), stopped: RefCell::default() })
    }
}

/// One of two judges.
#[derive(Debug, Clone, Copy)]
enum Side {
    Left,
    Right,
}

/// The parts of cubes in namespaces of these names.
fn inside(cubes: &[PodCube], names: &Values) -> Vec<PodCube> {
    let listed = LabelCube::of(NAMESPACE_NAME.into(), names.clone());
    let part = |cube: &PodCube| Some(PodCube { namespace: cube.namespace.intersect(&listed)?, ..cube.clone() });
    cubes.iter().filter_map(part).filter(|cube| !cube.is_empty()).collect()
}

/// Parts are cut anew for each pair of classes, which takes longer than to look at a part.
const PART: usize = 2;

struct Search<'a> {
    bench: Bench<'a>,
    /// Who lets the flow through.
    lets_through: Side,
    difference: &'a Difference,
    /// The end that is not the one at which the two differ.
    other: Way,
    near: &'a [PodCube],
}

impl Search<'_> {
    /// A flow between the near pods and this far pod that passes the far pod's end.
    fn passing(&self, far: &FarPod, effort: &mut Effort) -> Result<Option<Flow>, TooManyPods> {
        let judge = match self.lets_through {
            Side::Left => self.bench.left,
            Side::Right => self.bench.right,
        };
        let end = judge.end(&far.endpoint, self.other);
        let seen = far.seen(self.lets_through, &*end);
        let cubes: Vec<(usize, &PodCube)> =
            seen.cuts.iter().enumerate().flat_map(|(at, cut)| cut.peers.pods.cubes().iter().map(move |cube| (at, cube))).collect();
        let nears = classes_among(self.near.to_vec(), &cubes, seen.cuts.len(), self.bench.worlds.far(self.other))?;
        effort.spend(PART * (1 + cubes.len()) * nears.iter().map(|near| 1 + near.parts.len()).sum::<usize>())?;
        for near in nears {
            let plane = near.example.plane;
            let near_end = Endpoint::from(Peer::Pod(near.example));
            let held: Vec<usize> = (0..).zip(&seen.cuts).filter(|(_, cut)| cut.peers.contains(&near_end.peer)).map(|(at, _)| at).collect();
            // What the end answers is a function of these and of the request, of which every class was tried.
            let key = (self.difference.ports.clone(), self.difference.flow.transport, plane, held);
            if seen.stopped.borrow().contains(&key) {
                continue;
            }
            let between = Between { search: self, end: &*end, cuts: &seen.cuts, held: &key.3, near: &near_end, far: &far.endpoint };
            match between.find(effort)? {
                Passing::Shows(flow) => return Ok(Some(*flow)),
                Passing::Some => {}
                Passing::None => drop(seen.stopped.borrow_mut().insert(key)),
            }
        }
        Ok(None)
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
    fn find(&self, effort: &mut Effort) -> Result<Passing, TooManyPods> {
        let difference = self.search.difference;
        let (source, destination) = oriented(difference.way, &self.near.peer, &self.far.peer);
        let of_class = |protocol: Protocol, port: u16| difference.ports.contains(protocol, port);
        // Only ports of the class are of interest; its own line keeps every class of ports inside or outside of it.
        let line = Cut { peers: Peers::none(), ports: difference.ports.clone(), requests: RequestSamples::default() };
        let cuts: Vec<Cut> = self.cuts.iter().cloned().chain([line]).collect();
        let lines: Vec<usize> = self.held.iter().copied().chain([self.cuts.len()]).collect();
        let mut result = Passing::None;
        for class in port_classes(&cuts, &lines).iter().filter(|class| of_class(class.protocol, class.example)) {
            let flow = Flow {
                source: source.clone(),
                destination: destination.clone(),
                protocol: class.protocol,
                port: class.example,
                ..difference.flow.clone()
            };
            let passing = match self.search.other {
                Way::Egress => Some(flow).filter(|flow| self.end.verdict(flow, self.near) != Verdict::Denied),
                Way::Ingress => self.entering(&cuts, &class.cuts, flow, effort)?,
            };
            match passing {
                Some(flow) if self.search.differs(&flow, self.near, self.far) => return Ok(Passing::Shows(Box::new(flow))),
                Some(_) => result = Passing::Some,
                None => {}
            }
        }
        Ok(result)
    }

    /// The near end looked at neither transport nor request: any that passes the far end will do.
    fn entering(&self, cuts: &[Cut], held: &[usize], mut flow: Flow, effort: &mut Effort) -> Result<Option<Flow>, TooManyPods> {
        let Ok(mut requests) = deciding_requests(cuts, held, &mut PathCells::default()) else { return Ok(Some(flow)) };
        let transports = transports(Way::Ingress, &flow);
        effort.spend_flows(transports.len() * requests.len())?;
        for transport in transports {
            flow.transport = *transport;
            if self.end.refuses(&flow, self.near) {
                continue;
            }
            for request in &mut requests {
                // Lent to the flow while it is judged.
                flow.request = request.take();
                if self.end.verdict(&flow, self.near) != Verdict::Denied {
                    return Ok(Some(flow));
                }
                *request = flow.request.take();
            }
        }
        Ok(None)
    }
}
