//! Flows that a state cannot have wrong, found end by end instead of pair by pair.
//!
//! Owns: `Settled`. A state is against both sides in a whole flow. Where neither end lets through more than it does on some side, the
//! state opens nothing that this side does not; where neither lets through less, it drops nothing that this side lets through. So ends
//! that are known to be so, one by one, answer for every pair of them. What they do not settle has to be looked at.

mod bounds;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::OnceLock;

use bounds::Bounds;

use super::seen::seen;
use super::side::{Both, Pair, Said, Which};
use super::walk::{Enough, Few, Shows, Wanted, named};
use crate::classes::{
    Among, Part, PathCells, PortClass, TooManyPods, TooManyRequests, address_classes, considered_parts, port_classes, request_classes,
};
use crate::cluster::Endpoint;
use crate::flow::{Cut, DataPlane, Flow, Peer, PodCube, Protocol, Request, Symbol, Transport};
use crate::threads::in_shares;
use crate::verify::{JudgedEnd, Way};

/// The namespaces in which a state has other objects than the sides have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Moved {
    /// Those in which it is not as the base; none if any may be.
    pub(crate) from_base: Option<BTreeSet<Symbol>>,
    /// Those in which it is not as the head; none if any may be.
    pub(crate) from_head: Option<BTreeSet<Symbol>>,
    /// Whether what an end says hangs on the objects of its own namespace alone.
    pub(crate) is_local: bool,
}

/// What is settled of a state.
pub(super) struct Settled<'a> {
    /// What was, and the state.
    pair: &'a Pair<'a>,
    /// What was, and what is to be; none if the state is compared with what was alone.
    sides: Option<&'a Pair<'a>>,
    moved: &'a Moved,
    /// By how many labels pods may be told apart so that all classes of them are looked at.
    keys: usize,
    planes: OnceLock<Planes>,
    /// The ends of namespaces, found when the first of them is asked for.
    ends: OnceLock<BTreeMap<Symbol, Ends>>,
}

/// How all pods of namespaces take part in the mesh, where they do alike.
type Planes = BTreeMap<Symbol, Option<[Option<DataPlane>; 2]>>;

/// The ends of all pods of a namespace, one for each class of them.
struct Ends {
    /// What is known of all without a look.
    known: Bounds,
    out: Vec<Toward>,
    into: Vec<Toward>,
}

/// One end, for all far ends.
struct Toward {
    /// Pods of namespaces that the end tells apart.
    told: BTreeMap<Symbol, Bounds>,
    /// Pods of all others that take part in the mesh alike, by how they do.
    alike: BTreeMap<[Option<DataPlane>; 2], Bounds>,
    addresses: Bounds,
}

impl Toward {
    const UNKNOWN: Self = Self { told: BTreeMap::new(), alike: BTreeMap::new(), addresses: Bounds::NONE };

    fn of(&self, far: Option<&Symbol>, planes: &Planes) -> Bounds {
        let Some(name) = far else { return self.addresses };
        let alike = || planes.get(name).copied().flatten().and_then(|planes| self.alike.get(&planes));
        self.told.get(name).or_else(alike).copied().unwrap_or(Bounds::NONE)
    }
}

impl<'a> Settled<'a> {
    /// Of a state in which no pod is, and no namespace is called, as on one side alone.
    pub(super) const fn new(pair: &'a Pair<'a>, sides: Option<&'a Pair<'a>>, moved: &'a Moved, keys: usize) -> Self {
        Self { pair, sides, moved, keys, planes: OnceLock::new(), ends: OnceLock::new() }
    }

    /// Whether no flow from pods of a namespace to pods of another can be against both sides; none stands for addresses.
    pub(super) fn between(&self, source: Option<&Symbol>, destination: Option<&Symbol>) -> bool {
        let by_objects = |name: Option<&Symbol>| name.map_or(Bounds::ALL, |name| self.by_objects(name));
        if by_objects(source).and(by_objects(destination)).settle() {
            return true;
        }
        let of = |name: Option<&Symbol>, far: Option<&Symbol>, list: fn(&Ends) -> &Vec<Toward>| {
            let Some(name) = name else { return Bounds::ALL };
            let Some(ends) = self.ends().get(name) else { return Bounds::NONE };
            let looked = list(ends).iter().fold(Bounds::ALL, |sum, end| sum.and(end.of(far, self.planes())));
            ends.known.or(looked)
        };
        let out = of(source, destination, |ends| &ends.out);
        out.settle() && out.and(of(destination, source, |ends| &ends.into)).settle()
    }

    /// What is known of flows between namespaces whose objects are a side's.
    fn by_objects(&self, name: &Symbol) -> Bounds {
        let is_as = |moved: &Option<BTreeSet<Symbol>>| moved.as_ref().is_some_and(|names| !names.contains(name));
        Bounds::same([is_as(&self.moved.from_base), is_as(&self.moved.from_head)])
    }

    fn planes(&self) -> &Planes {
        let alike = |name: &Symbol| (Symbol::clone(name), self.pair.alike(name));
        self.planes.get_or_init(|| self.pair.all_names().map(alike).collect())
    }

    fn ends(&self) -> &BTreeMap<Symbol, Ends> {
        self.ends.get_or_init(|| {
            let names: Vec<&Symbol> = self.planes().keys().collect();
            in_shares(&names, 1, |names| self.share(names)).into_iter().flatten().collect()
        })
    }

    fn share(&self, names: &[&Symbol]) -> Vec<(Symbol, Ends)> {
        let wanted = Wanted { shows: Shows::AtEnd, keys: self.keys, ..Wanted::any() };
        let few = Few::new(self.pair, &wanted);
        let (planes, paths, enough) = (self.planes(), RefCell::default(), RefCell::default());
        let look = Look { pair: self.pair, sides: self.sides, planes, paths, few: &few, enough };
        let ends = |name: &Symbol| {
            let known = if self.moved.is_local { self.by_objects(name) } else { Bounds::NONE };
            let of = |way: Way| if known == Bounds::ALL { Vec::new() } else { look.of_namespace(name, way) };
            Ends { known, out: of(Way::Egress), into: of(Way::Ingress) }
        };
        names.iter().map(|name| (Symbol::clone(name), ends(name))).collect()
    }
}

/// Pods of few labels, by their namespace and the way of their connections; none where all are looked at.
type FewPods = BTreeMap<(Symbol, Way), Option<Rc<Enough>>>;

/// A look at ends.
struct Look<'a> {
    pair: &'a Pair<'a>,
    sides: Option<&'a Pair<'a>>,
    planes: &'a Planes,
    paths: RefCell<PathCells>,
    few: &'a Few<'a>,
    enough: RefCell<FewPods>,
}

/// A peer as the base sees it, as the state does, and as the head does.
struct Three([Endpoint; 3]);

impl Three {
    /// None if it takes part in the mesh in more than one way, or the head cannot hold it.
    fn new(sides: Option<&Pair<'_>>, peer: &Both) -> Option<Self> {
        let [old, now] = [Which::Base, Which::Head].map(|which| peer.of(which).clone());
        let head = sides.map_or_else(|| Some(old.clone()), |sides| seen(sides, &now))?;
        let all = [old, now, head];
        let [base, now, head] = all.each_ref().map(plane);
        (base == now && now == head).then(|| Self(all.map(Endpoint::from)))
    }

    fn is_meshed(&self) -> bool {
        let Self([base, ..]) = self;
        plane(&base.peer).is_some_and(|plane| plane != DataPlane::None)
    }
}

const fn plane(peer: &Peer) -> Option<DataPlane> {
    match peer {
        Peer::Pod(pod) => Some(pod.plane),
        Peer::Address(_) => None,
    }
}

/// One end as it was, as it is in the state, and as it is to be.
struct Near<'n> {
    way: Way,
    peer: &'n Three,
    ends: [Box<dyn JudgedEnd + 'n>; 3],
    /// What the first two tell apart; the state's cuts are the head's too.
    cuts: Vec<Cut>,
    /// How many of them are the base's.
    of_base: usize,
}

impl Look<'_> {
    /// All ends of the pods of a namespace.
    fn of_namespace(&self, name: &Symbol, way: Way) -> Vec<Toward> {
        let cubes = self.pair.subjects(name, way);
        let numbered: Vec<(usize, &PodCube)> = cubes.iter().enumerate().collect();
        let Ok(parts) = self.parts(name, &numbered, cubes.len(), way) else { return vec![Toward::UNKNOWN] };
        let end = |peer: &Both| Three::new(self.sides, peer).map_or(Toward::UNKNOWN, |peer| self.of_end(&self.near(&peer, way)));
        parts.iter().map(|part| end(&part.example)).collect()
    }

    /// The pods of a namespace as ends of connections this way, as cubes tell them apart. That a state lets through more or less than a
    /// side takes a test of each of the two, or three.
    fn parts(&self, name: &Symbol, cubes: &[(usize, &PodCube)], size: usize, way: Way) -> Result<Vec<Part<Both>>, TooManyPods> {
        let few = if self.few.are_needed(cubes) { self.enough(name, way) } else { None };
        let is_considered = |cube: &PodCube| few.as_ref().is_none_or(|few| few.are_among(cube));
        let whole = PodCube::in_namespace(name);
        let planes = self.pair.planes(&whole);
        considered_parts(vec![whole], cubes, size, &planes, &is_considered, &mut |cube| self.pair.example_at(cube, way))
    }

    fn enough(&self, name: &Symbol, way: Way) -> Option<Rc<Enough>> {
        let mut known = self.enough.borrow_mut();
        known.entry((Symbol::clone(name), way)).or_insert_with(|| self.few.of(name, way).map(Rc::new)).clone()
    }

    fn near<'n>(&'n self, peer: &'n Three, way: Way) -> Near<'n> {
        let Three([base, now, head]) = peer;
        let judge = |which: Which| self.pair.side(which).judge();
        let third = self.sides.map_or_else(|| judge(Which::Base), |sides| sides.side(Which::Head).judge());
        let ends = [judge(Which::Base).end(base, way), judge(Which::Head).end(now, way), third.end(head, way)];
        let [old, now, _] = &ends;
        let mut cuts = old.cuts();
        let of_base = cuts.len();
        cuts.extend(now.cuts());
        Near { way, peer, ends, cuts, of_base }
    }

    /// One end, for all far ends. Of namespaces that it does not tell apart, and whose pods are alike, one answers for all.
    fn of_end(&self, near: &Near<'_>) -> Toward {
        let told = named(&near.cuts);
        let mut toward = Toward { addresses: self.of_addresses(near).unwrap_or(Bounds::NONE), ..Toward::UNKNOWN };
        for (name, planes) in self.planes {
            let bounds = || self.of_far(near, name).unwrap_or(Bounds::NONE);
            match planes.filter(|_| told.as_ref().is_some_and(|told| !told.contains(name))) {
                Some(planes) => {
                    toward.alike.entry(planes).or_insert_with(bounds);
                }
                None => {
                    toward.told.insert(Symbol::clone(name), bounds());
                }
            }
        }
        toward
    }

    /// One end, for all pods of a namespace; none as soon as it can settle nothing.
    fn of_far(&self, near: &Near<'_>, name: &Symbol) -> Option<Bounds> {
        let cubes = self.narrowed(near, name);
        let numbered: Vec<(usize, &PodCube)> = cubes.iter().map(|(at, cube)| (*at, cube)).collect();
        let parts = self.parts(name, &numbered, near.cuts.len(), near.far_way()).ok()?;
        parts.iter().try_fold(Bounds::ALL, |bounds, part| self.of_class(near, &part.example, &part.held_by, bounds))
    }

    fn of_addresses(&self, near: &Near<'_>) -> Option<Bounds> {
        let mut classes = address_classes(&near.cuts).into_iter().filter(|class| matches!(class.among, Among::Addresses(_)));
        classes.try_fold(Bounds::ALL, |bounds, class| self.of_class(near, &Both::address(class.example), &class.cuts, bounds))
    }

    /// The cuts of an end in words of a namespace.
    fn narrowed(&self, near: &Near<'_>, name: &Symbol) -> Vec<(usize, PodCube)> {
        let side = |at: usize| if at < near.of_base { Which::Base } else { Which::Head };
        let cubes = near.cuts.iter().enumerate().flat_map(|(at, cut)| cut.peers.pods.cubes().iter().map(move |cube| (at, cube)));
        cubes.flat_map(|(at, cube)| self.pair.narrowed(side(at), cube, name).into_iter().map(move |cube| (at, cube))).collect()
    }

    /// One end for one class of far ends.
    fn of_class(&self, near: &Near<'_>, far: &Both, held: &[usize], mut bounds: Bounds) -> Option<Bounds> {
        let far = Three::new(self.sides, far)?;
        let mut flows = near.flows(&far);
        for class in port_classes(&near.cuts, held) {
            for request in self.requests(near, &class).ok()? {
                for transport in transports(near.peer, &far, class.protocol) {
                    for flow in &mut flows {
                        (flow.protocol, flow.port, flow.transport) = (class.protocol, class.example, *transport);
                        flow.request.clone_from(&request);
                    }
                    let [was, now, to_be] = near.said(&flows, &far);
                    bounds = bounds.with(now, [was, to_be]);
                }
            }
            if !bounds.settle() {
                return None;
            }
        }
        Some(bounds)
    }

    /// Only the end that is called looks into connections.
    fn requests(&self, near: &Near<'_>, class: &PortClass) -> Result<Vec<Option<Request>>, TooManyRequests> {
        if class.protocol == Protocol::Tcp && near.way == Way::Ingress {
            request_classes(&near.cuts, &class.cuts, &mut self.paths.borrow_mut())
        } else {
            Ok(vec![None])
        }
    }
}

/// The transports that may occur, on some port of a class.
fn transports(near: &Three, far: &Three, protocol: Protocol) -> &'static [Transport] {
    let is_meshed = protocol == Protocol::Tcp && near.is_meshed() && far.is_meshed();
    if is_meshed { &[Transport::Mtls, Transport::Plaintext] } else { &[Transport::Plaintext] }
}

impl Near<'_> {
    const fn far_way(&self) -> Way {
        match self.way {
            Way::Ingress => Way::Egress,
            Way::Egress => Way::Ingress,
        }
    }

    /// A flow to or from a far end, as each sees it.
    fn flows(&self, far: &Three) -> Vec<Flow> {
        let (Three(near), Three(far)) = (self.peer, far);
        let flow = |(near, far): (&Endpoint, &Endpoint)| {
            let (source, destination) = match self.way {
                Way::Ingress => (far, near),
                Way::Egress => (near, far),
            };
            Flow {
                source: source.peer.clone(),
                destination: destination.peer.clone(),
                protocol: Protocol::Tcp,
                port: 1,
                transport: Transport::Plaintext,
                request: None,
            }
        };
        near.iter().zip(far).map(flow).collect()
    }

    /// What each says of its flow.
    fn said(&self, flows: &[Flow], Three(far): &Three) -> [Said; 3] {
        let mut said = [Said::Unspecified; 3];
        for (((place, end), flow), far) in said.iter_mut().zip(&self.ends).zip(flows).zip(far) {
            *place = Said::from(&end.verdict(flow, far));
        }
        said
    }
}
