//! The walk over all classes of flows in which two sides may differ.
//!
//! Owns: `walk` and the `Cell`s that it finds: whole classes, as sets, end to end. Destinations are cut first, then callers as
//! the destination's end tells them apart; a caller's own end is looked at only where the destination lets anything in.

mod between;

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

pub(super) use between::passes_somewhere;
use between::{Between, Doors};

use super::access::Access;
use super::seeds::{Policies, Sown};
use super::side::{Both, Pair, Which};
use crate::classes::{Part, PathCells, TooManyPods, address_classes, parts_within, port_classes};
use crate::cluster::Endpoint;
use crate::flow::{Cut, Flow, NAMESPACE_NAME, Peer, Peers, PodCube, PortSet, Protocol, Request, RequestSamples, Symbol, Transport};
use crate::threads::in_shares;
use crate::verify::{JudgedEnd, Way};

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
    /// Whether anything passes between the two on any port, on each side; none if not all ports were looked at.
    pub(super) somewhere: Option<[bool; 2]>,
}

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The classes about which the sides differ.
    pub(super) cells: Vec<Cell>,
    /// Flows whose pods or requests fall into too many classes.
    pub(super) incomplete: Vec<Flow>,
}

/// A class of peers: all of them, and one.
struct Piece {
    peers: Peers,
    example: Both,
    held_by: Vec<usize>,
}

impl Piece {
    fn of_pods(part: Part<Both>) -> Self {
        Self { peers: Peers::from(part.pods), example: part.example, held_by: part.held_by }
    }
}

/// Walks over the flows of all seeds.
pub(super) fn walk(pair: &Pair<'_>, policies: Option<Policies<'_>>, sown: &[Sown]) -> Found {
    walk_where(pair, policies, sown, &Wanted::any())
}

/// What a walk looks for.
pub(super) struct Wanted<'a> {
    /// What counts as a difference.
    pub(super) differ: fn(&Access, &Access) -> bool,
    /// Whether pods of a namespace need not be looked at as callers of pods of another; none stands for addresses.
    pub(super) settled: &'a (dyn Fn(Option<&Symbol>, Option<&Symbol>) -> bool + Sync),
}

impl Wanted<'_> {
    /// Every difference.
    pub(super) fn any() -> Self {
        Self { differ: |before, after| !before.is_same(after), settled: &|_, _| false }
    }
}

/// The same, for some of all differences.
pub(super) fn walk_where(pair: &Pair<'_>, policies: Option<Policies<'_>>, sown: &[Sown], wanted: &Wanted<'_>) -> Found {
    let walk = || Walk { pair, policies, wanted, paths: RefCell::default(), memo: Memo::default(), too_many: RefCell::default() };
    let mut by_name: BTreeMap<&Symbol, Vec<&Sown>> = BTreeMap::new();
    for seed in sown {
        for name in &seed.destination.names {
            by_name.entry(name).or_default().push(seed);
        }
    }
    let by_name: Vec<(&Symbol, Vec<&Sown>)> = by_name.into_iter().collect();
    let shares = in_shares(&by_name, 1, |share| {
        let (walk, mut found) = (walk(), Found::default());
        for (name, seeds) in share {
            walk.reach_namespace(name, seeds, &mut found);
        }
        (found, walk.too_many.into_inner())
    });
    let (mut found, mut too_many) = (Found::default(), BTreeSet::new());
    for (more, pods) in shares {
        found.cells.extend(more.cells);
        found.incomplete.extend(more.incomplete);
        too_many.extend(pods);
    }
    let outward: Vec<&Sown> = sown.iter().filter(|seed| seed.destination.addresses).collect();
    let walk = walk();
    walk.to_addresses(&outward, &mut found);
    too_many.extend(walk.too_many.into_inner());
    found.incomplete.extend(too_many.into_iter().map(anything_between));
    found
}

/// What is asked of every class of pods that is called, and answered once.
#[derive(Default)]
struct Memo {
    planes: RefCell<BTreeMap<Symbol, Option<(bool, bool)>>>,
    /// By what callers of a namespace are told apart at their own end.
    subjects: RefCell<BTreeMap<Symbol, Rc<Vec<PodCube>>>>,
    /// Callers, as their own end tells them apart.
    callers: RefCell<BTreeMap<PodCube, Rc<Vec<Caller>>>>,
}

/// Callers that their own end does not tell apart.
struct Caller {
    part: Part<Both>,
    /// The cuts of that end, and how many of them are the base's.
    cuts: OnceCell<(Vec<Cut>, usize)>,
}

struct Walk<'a> {
    pair: &'a Pair<'a>,
    policies: Option<Policies<'a>>,
    wanted: &'a Wanted<'a>,
    paths: RefCell<PathCells>,
    memo: Memo,
    /// One of each lot of pods that fall into too many parts to be looked at.
    too_many: RefCell<BTreeSet<Peer>>,
}

/// A flow that stands for all of pods that were not looked at.
fn anything_between(pod: Peer) -> Flow {
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

/// A peer as an end that can be asked about, on both sides.
struct Near {
    base: Endpoint,
    head: Endpoint,
}

impl Near {
    fn new(peer: &Both) -> Self {
        Self { base: Endpoint::from(peer.of(Which::Base).clone()), head: Endpoint::from(peer.of(Which::Head).clone()) }
    }

    const fn of(&self, which: Which) -> &Endpoint {
        match which {
            Which::Base => &self.base,
            Which::Head => &self.head,
        }
    }

    fn ends<'n>(&'n self, pair: &'n Pair<'_>, way: Way) -> Ends<'n> {
        let of = |which: Which| {
            let near = self.of(which);
            matches!(near.peer, Peer::Pod(_)).then(|| pair.side(which).judge().end(near, way))
        };
        Ends { base: of(Which::Base), head: of(Which::Head) }
    }
}

impl Walk<'_> {
    /// The pods of a namespace, as cubes tell them apart, as ends of connections this way.
    fn parts(&self, whole: PodCube, cubes: &[(usize, &PodCube)], size: usize, way: Way) -> Vec<Piece> {
        self.cut(whole, cubes, size, way).into_iter().map(Piece::of_pods).collect()
    }

    fn cut(&self, whole: PodCube, cubes: &[(usize, &PodCube)], size: usize, way: Way) -> Vec<Part<Both>> {
        let example = whole.clone();
        parts_within(whole, cubes, size, &mut |cube| self.pair.example_at(cube, way)).unwrap_or_else(|TooManyPods| {
            self.too_many.borrow_mut().extend(self.pair.example(&example).map(|(_, pod)| pod.of(Which::Head).clone()));
            Vec::new()
        })
    }

    /// The pods of a namespace, as both judges tell them apart this way.
    fn subjects(&self, name: &Symbol, way: Way) -> Vec<Piece> {
        let cubes = self.pair.subjects(name, way);
        let numbered: Vec<(usize, &PodCube)> = cubes.iter().enumerate().collect();
        self.parts(PodCube::in_namespace(name), &numbered, cubes.len(), way)
    }

    fn reach_namespace(&self, name: &Symbol, seeds: &[&Sown], found: &mut Found) {
        let calls = |seed: &&Sown| {
            let is_open = |source: &Symbol| !(self.wanted.settled)(Some(source), Some(name));
            seed.source.names.iter().any(is_open) || seed.source.addresses && !(self.wanted.settled)(None, Some(name))
        };
        let seeds: Vec<&Sown> = seeds.iter().copied().filter(calls).collect();
        if seeds.is_empty() {
            return;
        }
        for target in self.subjects(name, Way::Ingress) {
            self.reach_piece(name, &target, &seeds, found);
        }
    }

    /// All flows of the seeds to a class of pods.
    fn reach_piece(&self, own: &Symbol, target: &Piece, seeds: &[&Sown], found: &mut Found) {
        let seeds: Vec<&Sown> = seeds.iter().copied().filter(|seed| seed.has_destination(self.policies, &target.example)).collect();
        if seeds.is_empty() {
            return;
        }
        let near = Near::new(&target.example);
        let ends = near.ends(self.pair, Way::Ingress);
        let (cuts, of_base) = ends.cuts();
        let into = Into { walk: self, target, near: &near, ends: &ends, cuts: &cuts, of_base, seeds: &seeds };
        let is_open = |source: Option<&Symbol>| !(self.wanted.settled)(source, Some(own));
        let names: BTreeSet<&Symbol> = seeds.iter().flat_map(|seed| &seed.source.names).filter(|name| is_open(Some(*name))).collect();
        for name in into.worth_a_look(names) {
            into.reach_from(name, found);
        }
        if seeds.iter().any(|seed| seed.source.addresses) && is_open(None) {
            into.reach_from_addresses(found);
        }
    }

    /// How pods of a namespace of which nothing more is said take part in the mesh, on each side; none if there can be none.
    fn planes(&self, name: &Symbol) -> Option<(bool, bool)> {
        if let Some(known) = self.memo.planes.borrow().get(name) {
            return *known;
        }
        let planes = self.pair.example_at(&PodCube::in_namespace(name), Way::Egress).map(|(planes, _)| planes);
        self.memo.planes.borrow_mut().insert(Symbol::clone(name), planes);
        planes
    }

    /// Callers of a namespace, as their own end tells them apart.
    fn callers(&self, name: &Symbol, whole: &PodCube) -> Rc<Vec<Caller>> {
        if let Some(known) = self.memo.callers.borrow().get(whole) {
            return Rc::clone(known);
        }
        let cubes = Rc::clone(
            self.memo.subjects.borrow_mut().entry(Symbol::clone(name)).or_insert_with(|| Rc::new(self.pair.subjects(name, Way::Egress))),
        );
        let numbered: Vec<(usize, &PodCube)> = cubes.iter().enumerate().collect();
        let parts = self.cut(whole.clone(), &numbered, cubes.len(), Way::Egress).into_iter();
        let callers: Rc<Vec<Caller>> = Rc::new(parts.map(|part| Caller { part, cuts: OnceCell::new() }).collect());
        self.memo.callers.borrow_mut().insert(whole.clone(), Rc::clone(&callers));
        callers
    }

    /// All flows of the seeds to addresses.
    fn to_addresses(&self, seeds: &[&Sown], found: &mut Found) {
        let mut names: Vec<&Symbol> = seeds.iter().flat_map(|seed| &seed.source.names).collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| !(self.wanted.settled)(Some(*name), None));
        for caller in names.into_iter().flat_map(|name| self.subjects(name, Way::Egress)) {
            let near = Near::new(&caller.example);
            let ends = near.ends(self.pair, Way::Egress);
            let (cuts, _) = ends.cuts();
            for class in address_classes(&cuts) {
                let crate::classes::Among::Addresses(addresses) = class.among else { continue };
                let target = Piece { peers: Peers::from(addresses), example: Both::address(class.example), held_by: class.cuts };
                let between = Between { walk: self, seeds, caller: &caller, target: &target };
                let doors = Doors { out: Some(&ends), into: None, far: (&near, &Near::new(&target.example)) };
                between.compare(doors, &cuts, &target.held_by, found);
            }
        }
    }
}

/// Flows to a class of pods.
struct Into<'a> {
    walk: &'a Walk<'a>,
    target: &'a Piece,
    near: &'a Near,
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
        let Some(told_apart) = named(self.cuts) else { return names.into_iter().collect() };
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

    /// The pods of a namespace, as the end that they call tells them apart.
    fn callers(&self, name: &Symbol) -> Vec<Piece> {
        let cubes = self.narrowed(name);
        let numbered: Vec<(usize, &PodCube)> = cubes.iter().map(|(at, cube)| (*at, cube)).collect();
        self.walk.parts(PodCube::in_namespace(name), &numbered, self.cuts.len(), Way::Egress)
    }

    fn reach_from(&self, name: &Symbol, found: &mut Found) {
        for caller in self.callers(name).into_iter().filter(|caller| self.may_differ(caller)) {
            for whole in caller.peers.pods.cubes() {
                for known in self.walk.callers(name, whole).iter() {
                    let caller = Piece { held_by: caller.held_by.clone(), ..Piece::of_pods(known.part.clone()) };
                    self.reach_by(&caller, &known.cuts, found);
                }
            }
        }
    }

    /// Whether anything from these callers may come in on either side, on a port of a seed.
    fn may_differ(&self, caller: &Piece) -> bool {
        let between = Between { walk: self.walk, seeds: self.seeds, caller, target: self.target };
        let far = Near::new(&caller.example);
        let doors = Doors { out: None, into: Some(self.ends), far: (&far, self.near) };
        let mut flows = between.flows();
        let ports = port_classes(self.cuts, &caller.held_by);
        ports.iter().any(|class| {
            let Ok(requests) = between.requests(self.cuts, class) else { return true };
            let [base, head] = doors.both(&mut flows, class, &requests).map(|(access, _)| access);
            !base.is_denied() || !head.is_denied() || base.stops != head.stops
        })
    }

    /// One class of callers: its own end cuts those that are called once more.
    fn reach_by(&self, caller: &Piece, cuts: &OnceCell<(Vec<Cut>, usize)>, found: &mut Found) {
        let near = Near::new(&caller.example);
        let ends = near.ends(self.walk.pair, Way::Egress);
        let (own, of_base) = cuts.get_or_init(|| ends.cuts());
        for target in self.called_by(own, *of_base) {
            let mut cuts = self.cuts.to_vec();
            let mut held = caller.held_by.clone();
            for at in &target.held_by {
                let Some(cut) = own.get(*at) else { continue };
                held.push(cuts.len());
                cuts.push(Cut { peers: Peers::all(), ports: cut.ports.clone(), requests: RequestSamples::default() });
            }
            let between = Between { walk: self.walk, seeds: self.seeds, caller, target: &target };
            let own = (!target.example.is_copy(&self.target.example)).then(|| Near::new(&target.example));
            let doors = Doors { out: Some(&ends), into: Some(self.ends), far: (&near, own.as_ref().unwrap_or(self.near)) };
            between.compare(doors, &cuts, &held, found);
        }
    }

    /// Those that are called, as the cuts of a caller's end tell them apart.
    fn called_by(&self, own: &[Cut], of_base: usize) -> Vec<Piece> {
        let Peer::Pod(pod) = self.target.example.of(Which::Head) else { return Vec::new() };
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
            return vec![Piece { peers: self.target.peers.clone(), example: self.target.example.clone(), held_by }];
        }
        let numbered: Vec<(usize, &PodCube)> = cubes.iter().map(|(at, cube)| (*at, cube)).collect();
        whole.cubes().iter().flat_map(|cube| self.walk.parts(cube.clone(), &numbered, own.len(), Way::Ingress)).collect()
    }

    fn reach_from_addresses(&self, found: &mut Found) {
        for class in address_classes(self.cuts) {
            let crate::classes::Among::Addresses(addresses) = class.among else { continue };
            let caller = Piece { peers: Peers::from(addresses), example: Both::address(class.example), held_by: class.cuts };
            let between = Between { walk: self.walk, seeds: self.seeds, caller: &caller, target: self.target };
            let doors = Doors { out: None, into: Some(self.ends), far: (&Near::new(&caller.example), self.near) };
            between.compare(doors, self.cuts, &caller.held_by, found);
        }
    }
}

/// The namespaces that some cut names; none if a cut tells namespaces apart by anything else than their name, or pods by their
/// account, of which more may be known in one namespace than in another.
pub(super) fn named(cuts: &[Cut]) -> Option<BTreeSet<&Symbol>> {
    let mut named = BTreeSet::new();
    for cube in cuts.iter().flat_map(|cut| cut.peers.pods.cubes()) {
        let by_name = cube.namespace.iter().all(|(key, _)| **key == *NAMESPACE_NAME);
        if cube.names().is_cofinite() && !(by_name && cube.account.is_any()) {
            return None;
        }
        named.extend(cube.names().words());
    }
    Some(named)
}
