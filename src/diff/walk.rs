//! The walk over all classes of flows in which two sides may differ.
//!
//! Owns: `walk` and the `Cell`s that it finds: whole classes, as sets, end to end. Destinations are cut first, then callers as
//! the destination's end tells them apart; a caller's own end is looked at only where the destination lets anything in. Workloads
//! that are not like every pod of their labels are ends of their own (`workloads`).

mod workloads;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

pub(super) use workloads::walk_workloads;

use super::access::{Access, Stops};
use super::seeds::{Policies, Sown};
use super::side::{Both, Pair, Said, Which};
use crate::classes::{Far, Part, PathCells, PortClass, TooManyRequests, address_classes, parts_within, port_classes, request_classes};
use crate::cluster::Addressed;
use crate::flow::{
    Cut, Flow, NAMESPACE_NAME, Peer, Peers, PodCube, PortSet, Protocol, Request, RequestSamples, RequestSet, Symbol, Transport, Verdict,
};
use crate::verify::{JudgedEnd, Way, transports};

/// A class of flows about which the sides differ.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    /// Who calls.
    pub(super) source: Peers,
    /// Who is called.
    pub(super) destination: Peers,
    /// On which ports.
    pub(super) ports: PortSet,
    /// One caller.
    pub(super) caller: Both,
    /// One of those that are called.
    pub(super) target: Both,
    /// The protocol of the ports.
    pub(super) protocol: Protocol,
    /// One of the ports.
    pub(super) port: u16,
    /// The classes of requests.
    pub(super) requests: Vec<Option<Request>>,
    /// What passed.
    pub(super) before: Access,
    /// What passes.
    pub(super) after: Access,
    /// Why it is left open what passes now, where it is.
    pub(super) why: Option<String>,
    /// The workloads that call and are called, where those alone are meant.
    pub(super) workloads: [Option<Symbol>; 2],
    /// How the connection is made, where it is no matter of the two ends alone.
    pub(super) call: Option<Call>,
    /// Sets of requests by which what passes on the way is told in words, besides those of the two ends.
    pub(super) meant: Vec<RequestSet>,
}

/// A connection as its client makes it.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// The Service that is called, on a port of it; none where the pod itself is.
    pub(super) service: Option<(Symbol, u16)>,
    /// What is addressed on each side, and the port of the pod that it leads to.
    pub(super) leads: [(Addressed, u16); 2],
}

/// A flow of which both sides leave open whether it passes.
#[derive(Debug, Clone)]
pub(super) struct LeftOpen {
    /// Who calls.
    pub(super) caller: Both,
    /// Who is called.
    pub(super) target: Both,
    /// As the head sees it.
    pub(super) flow: Flow,
    /// How it is made, where it is no matter of the two ends alone.
    pub(super) call: Option<Call>,
}

/// The most classes that are kept of one walk. Whoever changes more at once is told of as many, and that there are others.
const MAX_CELLS: usize = 30_000;

/// The most classes that one walk asks about on one side, so that it ends while somebody waits for it.
const MAX_LOOKS: usize = 2_000_000;

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The classes about which the sides differ.
    pub(super) cells: Vec<Cell>,
    /// Flows whose pods or requests fall into too many classes.
    pub(super) incomplete: Vec<Flow>,
    /// Flows that both sides leave open: of each reason one for every target and port, and namespace of callers.
    pub(super) left_open: BTreeMap<Openness, LeftOpen>,
}

/// By what flows that both sides leave open are one: the reason, the namespace of the caller, the target and the port.
type Openness = (String, Option<Symbol>, String, Protocol, u16);

/// A class of peers: all of them, and one.
#[derive(Clone)]
struct Piece {
    peers: Peers,
    example: Both,
    held_by: Vec<usize>,
    /// The workload that alone is meant.
    workload: Option<Symbol>,
}

impl Piece {
    fn of_pods(part: Part<Both>) -> Self {
        Self { peers: Peers::from(part.pods), example: part.example, held_by: part.held_by, workload: None }
    }

    fn of_addresses(class: Far) -> Option<Self> {
        let crate::classes::Among::Addresses(addresses) = class.among else { return None };
        Some(Self { peers: Peers::from(addresses), example: Both::address(class.example), held_by: class.cuts, workload: None })
    }
}

/// Walks over the flows of all seeds.
pub(super) fn walk(pair: &Pair<'_>, policies: Option<Policies<'_>>, sown: &[Sown]) -> Found {
    walk_where(pair, policies, sown, |before, after| !before.is_same(after))
}

/// The same, with what counts as a difference.
pub(super) fn walk_where(pair: &Pair<'_>, policies: Option<Policies<'_>>, sown: &[Sown], differ: fn(&Access, &Access) -> bool) -> Found {
    let walk = Walk::new(pair, policies, differ);
    let mut by_name: BTreeMap<&Symbol, Vec<&Sown>> = BTreeMap::new();
    for seed in sown {
        for name in &seed.destination.names {
            by_name.entry(name).or_default().push(seed);
        }
    }
    let mut found = Found::default();
    for (name, seeds) in by_name {
        walk.reach_namespace(name, &seeds, &mut found);
    }
    let outward: Vec<&Sown> = sown.iter().filter(|seed| seed.destination.addresses).collect();
    walk.to_addresses(&outward, &mut found);
    walk.end(found)
}

struct Walk<'a> {
    pair: &'a Pair<'a>,
    policies: Option<Policies<'a>>,
    differ: fn(&Access, &Access) -> bool,
    paths: RefCell<PathCells>,
    planes: RefCell<BTreeMap<Symbol, Option<(bool, bool)>>>,
    /// One of each lot of pods that fall into too many parts to be looked at.
    too_many: RefCell<BTreeSet<Peer>>,
    /// How many classes were asked about.
    looks: std::cell::Cell<usize>,
}

/// A flow that stands for all of pods that were not looked at.
pub(super) fn anything_between(pod: Peer) -> Flow {
    let (protocol, transport) = (Protocol::Tcp, Transport::Plaintext);
    Flow { source: pod.clone(), destination: pod, protocol, port: 1, transport, request: None }
}

/// One end of one peer, on both sides.
struct Ends<'a> {
    base: Option<Box<dyn JudgedEnd + 'a>>,
    head: Option<Box<dyn JudgedEnd + 'a>>,
}

impl Ends<'_> {
    fn of(&self, which: Which) -> Option<&(dyn JudgedEnd + '_)> {
        match which {
            Which::Base => self.base.as_deref(),
            Which::Head => self.head.as_deref(),
        }
    }

    /// The cuts of both, each with whose it is.
    fn cuts(&self) -> (Vec<Cut>, usize) {
        let mut cuts = self.base.as_ref().map(|end| end.cuts()).unwrap_or_default();
        let of_base = cuts.len();
        cuts.extend(self.head.as_ref().map(|end| end.cuts()).unwrap_or_default());
        (cuts, of_base)
    }
}

impl Both {
    /// One end of it, on both sides; an address has none.
    fn ends<'n>(&'n self, pair: &'n Pair<'_>, way: Way) -> Ends<'n> {
        let of = |which: Which| {
            let near = self.end(which);
            matches!(near.peer, Peer::Pod(_)).then(|| pair.side(which).judge().end(near, way))
        };
        Ends { base: of(Which::Base), head: of(Which::Head) }
    }
}

impl Walk<'_> {
    fn new<'w>(pair: &'w Pair<'w>, policies: Option<Policies<'w>>, differ: fn(&Access, &Access) -> bool) -> Walk<'w> {
        Walk {
            pair,
            policies,
            differ,
            paths: RefCell::default(),
            planes: RefCell::default(),
            too_many: RefCell::default(),
            looks: std::cell::Cell::default(),
        }
    }

    /// What was found, with what was not looked at.
    fn end(self, mut found: Found) -> Found {
        found.incomplete.extend(self.too_many.into_inner().into_iter().map(anything_between));
        found
    }

    /// Whether so much was found that nothing else of this target is looked at; that is told then.
    fn is_full(&self, found: &Found, target: &Both) -> bool {
        if found.cells.len() < MAX_CELLS && self.looks.get() < MAX_LOOKS {
            return false;
        }
        self.too_many.borrow_mut().insert(target.of(Which::Head).clone());
        true
    }

    /// The pods of a namespace, as cubes tell them apart, as ends of connections this way.
    fn parts(&self, whole: PodCube, cubes: &[(usize, &PodCube)], size: usize, way: Way) -> Vec<Piece> {
        let example = whole.clone();
        let Ok(parts) = parts_within(whole, cubes, size, &mut |cube| self.pair.example_at(cube, way)) else {
            self.too_many.borrow_mut().extend(self.pair.example(&example).map(|(_, pod)| pod.of(Which::Head).clone()));
            return Vec::new();
        };
        parts.into_iter().map(Piece::of_pods).collect()
    }

    /// The pods of a namespace, as both judges tell them apart this way.
    fn subjects(&self, name: &Symbol, way: Way) -> Vec<Piece> {
        let cubes = self.pair.subjects(name, way);
        let numbered: Vec<(usize, &PodCube)> = cubes.iter().enumerate().collect();
        self.parts(PodCube::in_namespace(name), &numbered, cubes.len(), way)
    }

    fn reach_namespace(&self, name: &Symbol, seeds: &[&Sown], found: &mut Found) {
        for target in self.subjects(name, Way::Ingress) {
            if self.is_full(found, &target.example) {
                return;
            }
            self.reach_piece(&target, seeds, found);
        }
    }

    /// All flows of the seeds to a class of pods.
    fn reach_piece(&self, target: &Piece, seeds: &[&Sown], found: &mut Found) {
        let seeds: Vec<&Sown> = seeds.iter().copied().filter(|seed| seed.has_destination(self.policies, &target.example)).collect();
        if seeds.is_empty() {
            return;
        }
        let ends = target.example.ends(self.pair, Way::Ingress);
        let (cuts, of_base) = ends.cuts();
        self.looks.set(self.looks.get() + cuts.len());
        let into = Into { walk: self, target, ends: &ends, cuts: &cuts, of_base, seeds: &seeds };
        let names: BTreeSet<&Symbol> = seeds.iter().flat_map(|seed| &seed.source.names).collect();
        for name in into.worth_a_look(names) {
            if self.is_full(found, &target.example) {
                return;
            }
            into.reach_from(name, found);
        }
        if seeds.iter().any(|seed| seed.source.addresses) {
            into.reach_from_addresses(found);
        }
    }

    /// How pods of a namespace of which nothing more is said take part in the mesh, on each side; none if there can be none.
    fn planes(&self, name: &Symbol) -> Option<(bool, bool)> {
        if let Some(known) = self.planes.borrow().get(name) {
            return *known;
        }
        let planes = self.pair.example_at(&PodCube::in_namespace(name), Way::Egress).map(|(planes, _)| planes);
        self.planes.borrow_mut().insert(Symbol::clone(name), planes);
        planes
    }

    /// All flows of the seeds to addresses.
    fn to_addresses(&self, seeds: &[&Sown], found: &mut Found) {
        let mut names: Vec<&Symbol> = seeds.iter().flat_map(|seed| &seed.source.names).collect();
        names.sort_unstable();
        names.dedup();
        for caller in names.into_iter().flat_map(|name| self.subjects(name, Way::Egress)) {
            self.leave_to_addresses(&caller, seeds, found);
        }
    }

    fn leave_to_addresses(&self, caller: &Piece, seeds: &[&Sown], found: &mut Found) {
        let ends = caller.example.ends(self.pair, Way::Egress);
        let (cuts, _) = ends.cuts();
        for target in address_classes(&cuts).into_iter().filter_map(Piece::of_addresses) {
            let between = Between { walk: self, seeds, caller, target: &target };
            between.compare(Some(&ends), None, &cuts, &target.held_by, found);
        }
    }
}

/// Flows to a class of pods.
#[derive(Clone, Copy)]
struct Into<'a> {
    walk: &'a Walk<'a>,
    target: &'a Piece,
    ends: &'a Ends<'a>,
    cuts: &'a [Cut],
    /// How many of the cuts are the base's; the rest is the head's.
    of_base: usize,
    seeds: &'a [&'a Sown],
}

impl Into<'_> {
    /// The cuts of one side's end in words of a namespace.
    fn narrowed(&self, name: &Symbol) -> Vec<(usize, PodCube)> {
        let side = |at: usize| if at < self.of_base { Which::Base } else { Which::Head };
        let cubes = self.cuts.iter().enumerate().flat_map(|(at, cut)| cut.peers.pods.cubes().iter().map(move |cube| (at, cube)));
        cubes.filter_map(|(at, cube)| Some((at, self.walk.pair.narrowed(side(at), cube, name)?))).collect()
    }

    /// The namespaces from which anything may come in. Those that no cut tells apart are alike: one of them answers for all.
    fn worth_a_look<'n>(&self, names: BTreeSet<&'n Symbol>) -> Vec<&'n Symbol> {
        let Some(told_apart) = self.named() else { return names.into_iter().collect() };
        let mut quiet: BTreeMap<(bool, bool), bool> = BTreeMap::new();
        let is_worth = |name: &&Symbol| {
            if told_apart.contains(*name) {
                return true;
            }
            let Some(planes) = self.walk.planes(name) else { return true };
            !*quiet.entry(planes).or_insert_with(|| !self.callers(name).iter().any(|caller| self.may_differ(caller)))
        };
        names.into_iter().filter(is_worth).collect()
    }

    /// The namespaces that some cut names; none if a cut tells namespaces apart by anything else than their name, or pods by their
    /// account, of which more may be known in one namespace than in another.
    fn named(&self) -> Option<BTreeSet<&Symbol>> {
        let mut named = BTreeSet::new();
        for cube in self.cuts.iter().flat_map(|cut| cut.peers.pods.cubes()) {
            let by_name = cube.namespace.iter().all(|(key, _)| **key == *NAMESPACE_NAME);
            if cube.names().is_cofinite() && !(by_name && cube.account.is_any()) {
                return None;
            }
            named.extend(cube.names().words());
        }
        Some(named)
    }

    /// The pods of a namespace, as the end that they call tells them apart.
    fn callers(&self, name: &Symbol) -> Vec<Piece> {
        let cubes = self.narrowed(name);
        let numbered: Vec<(usize, &PodCube)> = cubes.iter().map(|(at, cube)| (*at, cube)).collect();
        self.walk.parts(PodCube::in_namespace(name), &numbered, self.cuts.len(), Way::Egress)
    }

    fn reach_from(&self, name: &Symbol, found: &mut Found) {
        let mut subjects = None;
        for caller in self.callers(name).into_iter().filter(|caller| self.may_differ(caller)) {
            let cubes = subjects.get_or_insert_with(|| self.walk.pair.subjects(name, Way::Egress));
            let numbered: Vec<(usize, &PodCube)> = cubes.iter().enumerate().collect();
            for whole in caller.peers.pods.cubes() {
                for part in self.walk.parts(whole.clone(), &numbered, cubes.len(), Way::Egress) {
                    let caller = Piece { held_by: caller.held_by.clone(), ..part };
                    self.reach_by(&caller, found);
                }
            }
        }
    }

    /// Whether anything from these callers may come in on either side, on a port of a seed.
    fn may_differ(&self, caller: &Piece) -> bool {
        let between = Between { walk: self.walk, seeds: self.seeds, caller, target: self.target };
        let doors = Doors { out: None, into: Some(self.ends) };
        let ports = port_classes(self.cuts, &caller.held_by);
        ports.iter().any(|class| {
            let Ok(requests) = between.requests(self.cuts, class) else { return true };
            let [base, head] = [Which::Base, Which::Head].map(|which| between.access(which, doors, class, &requests).0);
            !base.is_denied() || !head.is_denied() || base.stops != head.stops
        })
    }

    /// One class of callers: its own end cuts those that are called once more.
    fn reach_by(&self, caller: &Piece, found: &mut Found) {
        let ends = caller.example.ends(self.walk.pair, Way::Egress);
        let (own, of_base) = ends.cuts();
        for target in self.called_by(&own, of_base) {
            let mut cuts = self.cuts.to_vec();
            let mut held = caller.held_by.clone();
            for at in &target.held_by {
                let Some(cut) = own.get(*at) else { continue };
                held.push(cuts.len());
                cuts.push(Cut { peers: Peers::all(), ports: cut.ports.clone(), requests: RequestSamples::default() });
            }
            let between = Between { walk: self.walk, seeds: self.seeds, caller, target: &target };
            between.compare(Some(&ends), Some(self.ends), &cuts, &held, found);
        }
    }

    /// Those that are called, as the cuts of a caller's end tell them apart.
    fn called_by(&self, own: &[Cut], of_base: usize) -> Vec<Piece> {
        let Peer::Pod(pod) = self.target.example.of(Which::Head) else { return Vec::new() };
        if self.target.workload.is_some() {
            return vec![Piece { held_by: holding(own, of_base, &self.target.example), ..self.target.clone() }];
        }
        let side = |at: usize| if at < of_base { Which::Base } else { Which::Head };
        let cubes = own.iter().enumerate().flat_map(|(at, cut)| cut.peers.pods.cubes().iter().map(move |cube| (at, cube)));
        let cubes: Vec<(usize, PodCube)> =
            cubes.filter_map(|(at, cube)| Some((at, self.walk.pair.narrowed(side(at), cube, &pod.namespace)?))).collect();
        let whole = &self.target.peers.pods;
        let is_whole = |cube: &PodCube| whole.cubes().iter().all(|part| part.is_subset(cube));
        let is_apart = |cube: &PodCube| whole.cubes().iter().all(|part| !part.overlaps(cube));
        if cubes.iter().all(|(_, cube)| is_whole(cube) || is_apart(cube)) {
            let mut held_by: Vec<usize> = cubes.iter().filter(|(_, cube)| is_whole(cube)).map(|(at, _)| *at).collect();
            held_by.dedup();
            return vec![Piece { held_by, ..self.target.clone() }];
        }
        let numbered: Vec<(usize, &PodCube)> = cubes.iter().map(|(at, cube)| (*at, cube)).collect();
        whole.cubes().iter().flat_map(|cube| self.walk.parts(cube.clone(), &numbered, own.len(), Way::Ingress)).collect()
    }

    fn reach_from_addresses(&self, found: &mut Found) {
        for caller in address_classes(self.cuts).into_iter().filter_map(Piece::of_addresses) {
            let between = Between { walk: self.walk, seeds: self.seeds, caller: &caller, target: self.target };
            between.compare(None, Some(self.ends), self.cuts, &caller.held_by, found);
        }
    }
}

/// The ends that flows between two peers pass; one that is not given lets everything pass.
#[derive(Clone, Copy)]
struct Doors<'a> {
    out: Option<&'a Ends<'a>>,
    into: Option<&'a Ends<'a>>,
}

/// Flows between two classes of peers.
struct Between<'a> {
    walk: &'a Walk<'a>,
    seeds: &'a [&'a Sown],
    caller: &'a Piece,
    target: &'a Piece,
}

impl Between<'_> {
    /// Compares both sides on every class of ports of the seeds.
    fn compare(&self, out: Option<&Ends<'_>>, into: Option<&Ends<'_>>, cuts: &[Cut], held: &[usize], found: &mut Found) {
        let policies = self.walk.policies;
        let (source, target) = (&self.caller.example, &self.target.example);
        let seeds: Vec<&&Sown> = self.seeds.iter().filter(|seed| seed.has_ends(policies, source, target)).collect();
        if seeds.is_empty() {
            return;
        }
        let doors = Doors { out, into };
        for class in port_classes(cuts, held) {
            if !seeds.iter().any(|seed| seed.has_port(policies, target, class.protocol, class.example)) {
                continue;
            }
            let Ok(requests) = self.requests(cuts, &class) else {
                found.incomplete.push(self.flow(Which::Head, &class));
                continue;
            };
            let [(before, _), (after, why)] = [Which::Base, Which::Head].map(|which| self.access(which, doors, &class, &requests));
            if let Some((transport, at)) = left_open(&before, &after) {
                let request = requests.get(at).cloned().flatten();
                self.leave_open(Flow { transport, request, ..self.flow(Which::Head, &class) }, why.clone(), found);
            }
            if (self.walk.differ)(&before, &after) {
                found.cells.push(self.cell(class, requests, before, after, why));
            }
        }
    }

    fn cell(&self, class: PortClass, requests: Vec<Option<Request>>, before: Access, after: Access, why: Option<String>) -> Cell {
        Cell {
            source: self.caller.peers.clone(),
            destination: self.target.peers.clone(),
            ports: class.ports,
            caller: self.caller.example.clone(),
            target: self.target.example.clone(),
            protocol: class.protocol,
            port: class.example,
            requests,
            before,
            after,
            why,
            workloads: [self.caller.workload.clone(), self.target.workload.clone()],
            call: None,
            meant: Vec::new(),
        }
    }

    fn leave_open(&self, flow: Flow, why: Option<String>, found: &mut Found) {
        let namespace = match &flow.source {
            Peer::Pod(pod) => Some(Symbol::clone(&pod.namespace)),
            Peer::Address(_) => None,
        };
        let target = self.target.example.end(Which::Head).to_string();
        let key = (why.unwrap_or_default(), namespace, target, flow.protocol, flow.port);
        let (caller, target) = (&self.caller.example, &self.target.example);
        found.left_open.entry(key).or_insert_with(|| LeftOpen { caller: caller.clone(), target: target.clone(), flow, call: None });
    }

    /// The classes of requests on a class of ports; only a TCP connection to a pod can be looked into.
    fn requests(&self, cuts: &[Cut], class: &PortClass) -> Result<Vec<Option<Request>>, TooManyRequests> {
        let is_pod = matches!(self.target.example.of(Which::Head), Peer::Pod(_));
        if class.protocol == Protocol::Tcp && is_pod {
            request_classes(cuts, &class.cuts, &mut self.walk.paths.borrow_mut())
        } else {
            Ok(vec![None])
        }
    }

    fn flow(&self, which: Which, class: &PortClass) -> Flow {
        Flow {
            source: self.caller.example.of(which).clone(),
            destination: self.target.example.of(which).clone(),
            protocol: class.protocol,
            port: class.example,
            transport: Transport::Plaintext,
            request: None,
        }
    }

    /// What passes on one side, and why that is left open where it is.
    fn access(&self, which: Which, doors: Doors<'_>, class: &PortClass, requests: &[Option<Request>]) -> (Access, Option<String>) {
        self.walk.looks.set(self.walk.looks.get() + requests.len());
        let mut flow = self.flow(which, class);
        let mut access = Access::default();
        let mut why = None;
        let (out, into) = (doors.out.and_then(|ends| ends.of(which)), doors.into.and_then(|ends| ends.of(which)));
        let (from, to) = (self.caller.example.end(which), self.target.example.end(which));
        for transport in transports(Way::Ingress, &flow) {
            flow.transport = *transport;
            let mut said = Vec::with_capacity(requests.len());
            for request in requests {
                flow.request.clone_from(request);
                let left = out.map_or(Verdict::Allowed, |end| end.verdict(&flow, to));
                let entered = match &left {
                    Verdict::Denied => Verdict::Denied,
                    _ => into.map_or(Verdict::Allowed, |end| end.verdict(&flow, from)),
                };
                for verdict in [&left, &entered] {
                    if let Verdict::Unspecified(reason) = verdict {
                        why.get_or_insert_with(|| reason.clone());
                    }
                }
                said.push(Said::from(&left).min(Said::from(&entered)));
                let stops = into.and_then(|end| end.stops(&flow, from));
                access.stops.extend(stops.map(|[network, mesh]| Stops { network: network || left == Verdict::Denied, mesh }));
            }
            access.set(*transport, said);
        }
        (access, why)
    }
}

/// A transport and the place of a request of which both leave open whether they pass.
pub(super) fn left_open(before: &Access, after: &Access) -> Option<(Transport, usize)> {
    [Transport::Mtls, Transport::Plaintext].into_iter().find_map(|transport| {
        let mut said = before.over(transport)?.iter().zip(after.over(transport)?);
        said.position(|said| said == (&Said::Unspecified, &Said::Unspecified)).map(|at| (transport, at))
    })
}

/// The places of the cuts that hold a peer, each as its own side sees it; the first ones are the base's.
fn holding(cuts: &[Cut], of_base: usize, peer: &Both) -> Vec<usize> {
    let holds = |(at, cut): &(usize, &Cut)| cut.peers.contains(peer.of(if *at < of_base { Which::Base } else { Which::Head }));
    cuts.iter().enumerate().filter(holds).map(|(at, _)| at).collect()
}

/// Whether anything passes on one side between two peers, on any port.
pub(super) fn passes_somewhere(pair: &Pair<'_>, which: Which, caller: &Both, target: &Both) -> bool {
    let walk = Walk::new(pair, None, |_, _| true);
    let piece = |peer: &Both| Piece { peers: Peers::none(), example: peer.clone(), held_by: Vec::new(), workload: None };
    let (from_piece, to_piece) = (piece(caller), piece(target));
    let between = Between { walk: &walk, seeds: &[], caller: &from_piece, target: &to_piece };
    let (out, into) = (caller.ends(pair, Way::Egress), target.ends(pair, Way::Ingress));
    let cuts_of = |ends: &Ends<'_>, far: &Both| {
        let cuts = ends.of(which).map(JudgedEnd::cuts).unwrap_or_default();
        cuts.into_iter().filter(|cut| cut.peers.contains(far.of(which))).collect::<Vec<_>>()
    };
    let mut cuts = cuts_of(&into, caller);
    let looked_into = cuts.len();
    cuts.extend(cuts_of(&out, target));
    for cut in cuts.iter_mut().skip(looked_into) {
        cut.requests = RequestSamples::default();
    }
    let held: Vec<usize> = (0..cuts.len()).collect();
    port_classes(&cuts, &held).iter().any(|class| {
        let Ok(requests) = between.requests(&cuts, class) else { return true };
        let (access, _) = between.access(which, Doors { out: Some(&out), into: Some(&into) }, class, &requests);
        access.best().contains(&Said::Allowed)
    })
}
