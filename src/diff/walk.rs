//! The walk over all classes of flows in which two sides may differ.
//!
//! Owns: `walk`: whole classes, as sets, end to end. Destinations are cut first, then callers as the destination's end tells them
//! apart (`into`); a caller's own end is looked at only where the destination lets anything in. Workloads that are not like every pod
//! of their labels are ends of their own (`workloads`). What it finds are `Cell`s.

mod alike;
mod apart;
mod asked;
mod between;
mod cell;
mod few;
mod into;
mod meant;
mod memo;
mod quota;
mod workloads;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) use between::{left_open, passes_somewhere};
pub(super) use cell::{Call, Cell, Found, LeftOpen, Sampled};
pub(super) use few::{Enough, Few};
pub(super) use into::named;
pub(super) use quota::Quota;
pub(super) use workloads::{Ground, walk_workloads};

use super::access::Access;
use super::differing::Differing;
use super::merge::Region;
use super::middle::Middle;
use super::seeds::{Policies, Sown};
use super::side::{Both, Pair, Which};
use crate::classes::{Far, Part, PathCells, TooManyPods, address_classes, considered_parts};
use crate::flow::{Cut, Flow, Peer, Peers, PodCube, PortSet, Protocol, RequestSamples, Symbol, Transport};
use crate::verify::{JudgedEnd, Way};
use between::{Between, Doors};
use into::Into;
use meant::Meant;
use memo::Memo;
use quota::shares;

/// A class of peers: all of them, and one.
#[derive(Clone)]
struct Piece {
    peers: Arc<Peers>,
    example: Both,
    held_by: Vec<usize>,
    /// The workload that alone is meant.
    workload: Option<Symbol>,
}

impl Piece {
    fn of_pods(part: Part<Both>) -> Self {
        Self { peers: Arc::new(Peers::from(part.pods)), example: part.example, held_by: part.held_by, workload: None }
    }

    fn of_addresses(class: Far) -> Option<Self> {
        let crate::classes::Among::Addresses(addresses) = class.among else { return None };
        Some(Self { peers: Arc::new(Peers::from(addresses)), example: Both::address(class.example), held_by: class.cuts, workload: None })
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
    /// Whether classes are told one by one.
    pub(super) told: Told,
    /// How much it finds and asks at most.
    pub(super) quota: Quota,
    /// Flows that are all looked at, also where nothing passes on either side; no class has others besides.
    pub(super) within: Option<&'a Region>,
    /// What is to show among pods of few labels.
    pub(super) shows: Shows<'a>,
    /// By how many labels pods may be told apart so that all classes of them are looked at. By more, those of few labels are.
    pub(super) keys: usize,
    /// What becomes of flows that both sides leave open.
    pub(super) doubts: Open,
}

/// What becomes of flows that both sides leave open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    /// They are found, too.
    Kept,
    /// Nobody asks for them.
    Dropped,
}

/// What is to show among pods of few labels.
#[derive(Clone, Copy)]
pub(super) enum Shows<'a> {
    /// That one side lets pass what the other stops, as a line tells it.
    Difference,
    /// The same, of two states of which more is known: by which objects they differ.
    Step(&'a Differing<'a>),
    /// That a state lets pass what a side stops, or the other way round, at one end alone.
    AtEnd,
    /// What a state and both sides say of a flow, all three of them.
    Against(&'a Middle<'a>, &'a Differing<'a>),
}

/// Six labels make no more than 64 classes of pods.
pub(super) const FEW_KEYS: usize = 6;

/// How callers of one namespace, and ports, are told whose flows to the same pods are alike, though other policies may make them so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// One by one, as it matters by which policies they are alike.
    Apart,
    /// As one.
    Together,
}

impl Wanted<'_> {
    /// Every difference.
    pub(super) fn any() -> Self {
        Self {
            differ: |before, after| !before.is_same(after),
            settled: &|_, _| false,
            told: Told::Apart,
            quota: Quota::WHOLE,
            within: None,
            shows: Shows::Difference,
            keys: FEW_KEYS,
            doubts: Open::Kept,
        }
    }
}

/// The same, for some of all differences.
pub(super) fn walk_where(pair: &Pair<'_>, policies: Option<Policies<'_>>, sown: &[Sown], wanted: &Wanted<'_>) -> Found {
    let mut by_name: BTreeMap<&Symbol, Vec<&Sown>> = BTreeMap::new();
    for seed in sown {
        for name in &seed.destination.names {
            by_name.entry(name).or_default().push(seed);
        }
    }
    let by_name: Vec<(&Symbol, Vec<&Sown>)> = by_name.into_iter().collect();
    let few = Few::new(pair, wanted);
    let new = || Walk::new(&few, policies, wanted);
    let (walk, mut found) = (new(), Found::default());
    for share in shares(&by_name, wanted.quota, new) {
        walk.too_many.borrow_mut().extend(share.too_many);
        found.extend(share.found);
    }
    let outward: Vec<&Sown> = sown.iter().filter(|seed| seed.destination.addresses).collect();
    walk.to_addresses(&outward, &mut found);
    walk.end(found)
}

struct Walk<'a> {
    pair: &'a Pair<'a>,
    policies: Option<Policies<'a>>,
    wanted: &'a Wanted<'a>,
    paths: RefCell<PathCells>,
    memo: Memo,
    few: &'a Few<'a>,
    /// One of each lot of pods that fall into too many parts to be looked at.
    too_many: RefCell<BTreeSet<Peer>>,
    /// How many classes were asked about.
    looks: std::cell::Cell<usize>,
    /// How much it may find and ask before it ends.
    quota: std::cell::Cell<Quota>,
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
    /// What is asked of flows that reach it.
    asked: asked::Known,
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
        Ends { base: of(Which::Base), head: of(Which::Head), asked: asked::Known::default() }
    }
}

impl<'a> Walk<'a> {
    fn new(few: &'a Few<'a>, policies: Option<Policies<'a>>, wanted: &'a Wanted<'a>) -> Self {
        Self {
            pair: few.pair,
            policies,
            wanted,
            few,
            paths: RefCell::default(),
            memo: Memo::default(),
            too_many: RefCell::default(),
            looks: std::cell::Cell::default(),
            quota: std::cell::Cell::new(wanted.quota),
        }
    }
}

impl Walk<'_> {
    /// What was found, with what was not looked at.
    fn end(self, mut found: Found) -> Found {
        found.incomplete.extend(self.too_many.into_inner().into_iter().map(anything_between));
        found.incomplete.extend(found.unkept.take());
        found.few.extend(self.memo.sampled());
        found
    }

    /// Whether so much was found that nothing else of this target is looked at; that is told then.
    fn is_full(&self, found: &Found, target: &Both) -> bool {
        if self.quota.get().holds(found.cells.len(), self.looks.get()) {
            return false;
        }
        self.too_many.borrow_mut().insert(target.of(Which::Head).clone());
        true
    }

    /// The pods of a namespace, as cubes tell them apart, as ends of connections this way.
    fn parts(&self, whole: PodCube, cubes: &[(usize, &PodCube)], size: usize, way: Way) -> Vec<Piece> {
        self.cut(whole, &Meant::ALL, cubes, size, way).into_iter().map(Piece::of_pods).collect()
    }

    fn cut(&self, whole: PodCube, meant: &Meant<'_>, cubes: &[(usize, &PodCube)], size: usize, way: Way) -> Vec<Part<Both>> {
        let example = whole.clone();
        let few = self.few.are_needed(cubes).then(|| self.memo.few(self.few, &whole, way)).flatten();
        // Whichever side the cubes are of, the parts are the same.
        let mut cubes: Vec<(usize, &PodCube)> = cubes.iter().filter(|(_, cube)| cube.overlaps(&whole)).copied().collect();
        cubes.sort_by_key(|(_, cube)| (meant.are_told_apart_by(cube), *cube));
        let is_considered = |cube: &PodCube| meant.are_among(cube) && few.as_ref().is_none_or(|few| few.are_among(cube));
        let apart = few.is_none().then(|| self.memo.apart(self.pair, &whole, way)).flatten();
        let (wholes, planes) = match &apart {
            Some(apart) => (apart.considered(&is_considered), Vec::new()),
            None => (vec![whole], self.pair.planes(&example)),
        };
        let mut pod = |cube: &PodCube| match &apart {
            Some(apart) => apart.example(self.pair, cube),
            None => self.pair.example_at(cube, way),
        };
        let parts = considered_parts(wholes, &cubes, size, &planes, &is_considered, &mut pod);
        parts.unwrap_or_else(|TooManyPods| {
            self.too_many.borrow_mut().extend(self.pair.example(&example).map(|(_, pod)| pod.of(Which::Head).clone()));
            Vec::new()
        })
    }

    /// Those pods of a namespace of which seeds speak, and others that are like them, as both judges tell them apart this way.
    fn subjects(&self, name: &Symbol, way: Way, seeds: &[&Sown]) -> Vec<Piece> {
        let cubes = self.tests(name, way);
        let numbered: Vec<(usize, &PodCube)> = cubes.iter().enumerate().collect();
        let meant = match way {
            Way::Ingress => Meant::of(name, seeds, |seed| &seed.destination),
            Way::Egress => Meant::of(name, seeds, |seed| &seed.source),
        };
        self.cut(PodCube::in_namespace(name), &meant, &numbered, cubes.len(), way).into_iter().map(Piece::of_pods).collect()
    }

    /// By what the pods of a namespace are told apart this way.
    fn tests(&self, name: &Symbol, way: Way) -> Vec<PodCube> {
        let mut cubes = self.pair.subjects(name, way);
        if let Some(within) = self.wanted.within {
            cubes.extend_from_slice(within.near(way).pods.cubes());
        }
        cubes
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
        for target in self.subjects(name, Way::Ingress, &seeds) {
            if self.is_full(found, &target.example) {
                return;
            }
            self.reach_piece(name, &target, &seeds, found);
        }
    }

    /// All flows of the seeds to a class of pods.
    fn reach_piece(&self, own: &Symbol, target: &Piece, seeds: &[&Sown], found: &mut Found) {
        let seeds: Vec<&Sown> =
            seeds.iter().copied().filter(|seed| seed.may_go_to(self.policies, &target.peers, &target.example)).collect();
        if seeds.is_empty() {
            return;
        }
        let ends = target.example.ends(self.pair, Way::Ingress);
        let (cuts, of_base) = ends.cuts();
        self.looks.set(self.looks.get() + cuts.len());
        let into = Into { walk: self, target, ends: &ends, cuts: &cuts, of_base, seeds: &seeds };
        let is_open = |source: Option<&Symbol>| !(self.wanted.settled)(source, Some(own));
        let names: BTreeSet<&Symbol> = seeds.iter().flat_map(|seed| &seed.source.names).filter(|name| is_open(Some(*name))).collect();
        for name in into.worth_a_look(names) {
            if self.is_full(found, &target.example) {
                return;
            }
            into.reach_from(name, found);
        }
        if seeds.iter().any(|seed| seed.source.addresses) && is_open(None) {
            into.reach_from_addresses(found);
        }
    }

    /// All flows of the seeds to addresses.
    fn to_addresses(&self, seeds: &[&Sown], found: &mut Found) {
        let mut names: Vec<&Symbol> = seeds.iter().flat_map(|seed| &seed.source.names).collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| !(self.wanted.settled)(Some(*name), None));
        for caller in names.into_iter().flat_map(|name| self.subjects(name, Way::Egress, seeds)) {
            self.leave_to_addresses(&caller, seeds, found);
        }
    }

    /// The addresses at the far end of connections this way that somebody may have, as the cuts of the near end tell them apart.
    fn addresses(&self, cuts: &[Cut], way: Way) -> Vec<Piece> {
        let (taken, own) = (&self.pair.taken, cuts.len());
        let mut cuts = cuts.to_vec();
        cuts.extend(self.wanted.within.map(|within| line(within.far(way), &PortSet::none())));
        cuts.extend((!taken.is_empty()).then(|| line(&Peers::from(taken.clone()), &PortSet::none())));
        let pieces = address_classes(&cuts).into_iter().filter_map(Piece::of_addresses);
        let known = pieces.filter(|piece| !piece.peers.addresses.is_subset(taken));
        known.map(|piece| Piece { held_by: piece.held_by.iter().copied().filter(|at| *at < own).collect(), ..piece }).collect()
    }

    fn leave_to_addresses(&self, caller: &Piece, seeds: &[&Sown], found: &mut Found) {
        let ends = caller.example.ends(self.pair, Way::Egress);
        let (cuts, _) = ends.cuts();
        for target in self.addresses(&cuts, Way::Egress) {
            let between = Between { walk: self, seeds, caller, target: &target, entered: &[] };
            between.compare(Doors { out: Some(&ends), into: None }, &cuts, &target.held_by, found);
        }
    }
}

/// A cut that only keeps others apart.
fn line(peers: &Peers, ports: &PortSet) -> Cut {
    Cut { peers: peers.clone(), ports: ports.clone(), requests: RequestSamples::default() }
}

#[cfg(test)]
mod tests;
