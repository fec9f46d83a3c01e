//! Flows to one class of pods.
//!
//! Owns: `Into`: from whom anything may come in, and those that are called cut once more by their callers' own ends.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use super::alike::Looked;
use super::between::{Between, Doors, holding};
use super::memo::{Caller, Leaving, Manner};
use super::{Ends, Found, Piece, Told, Walk};
use crate::classes::port_classes;
use crate::diff::seeds::Sown;
use crate::diff::side::Which;
use crate::flow::{Cut, DataPlane, NAMESPACE_NAME, Peer, Peers, PodCube, PodSet, PortSet, Protocol, Symbol};
use crate::verify::Way;

/// Flows to a class of pods.
#[derive(Clone, Copy)]
pub(super) struct Into<'a> {
    pub(super) walk: &'a Walk<'a>,
    pub(super) target: &'a Piece,
    pub(super) ends: &'a Ends<'a>,
    pub(super) cuts: &'a [Cut],
    /// How many of the cuts are the base's; the rest is the head's.
    pub(super) of_base: usize,
    pub(super) seeds: &'a [&'a Sown],
}

impl Into<'_> {
    /// The cuts of one side's end in words of a namespace.
    fn narrowed(&self, name: &Symbol) -> Vec<(usize, PodCube)> {
        let side = |at: usize| if at < self.of_base { Which::Base } else { Which::Head };
        let cubes = self.cuts.iter().enumerate().flat_map(|(at, cut)| cut.peers.pods.cubes().iter().map(move |cube| (at, cube)));
        cubes.flat_map(|(at, cube)| self.walk.pair.narrowed(side(at), cube, name).into_iter().map(move |cube| (at, cube))).collect()
    }

    /// The namespaces from which anything may come in. Of those that no cut tells apart, and whose pods are alike, one answers for all.
    pub(super) fn worth_a_look<'n>(&self, names: BTreeSet<&'n Symbol>) -> Vec<&'n Symbol> {
        let Some(told_apart) = named(self.cuts).filter(|_| self.walk.wanted.within.is_none()) else { return names.into_iter().collect() };
        let mut quiet: BTreeMap<[Option<DataPlane>; 2], bool> = BTreeMap::new();
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

    pub(super) fn reach_from(&self, name: &Symbol, found: &mut Found) {
        let is_meant = |pods: &PodSet| self.seeds.iter().any(|seed| seed.may_come_from(name, pods));
        for caller in self.callers(name).into_iter().filter(|caller| is_meant(&caller.peers.pods) && self.may_differ(caller)) {
            let mut looked = Looked::default();
            for whole in caller.peers.pods.cubes() {
                let known = self.walk.callers(name, whole);
                let meant = known.all.iter().enumerate().filter(|(_, caller)| is_meant(&caller.part.pods));
                for lot in self.lots(meant) {
                    let Some(first) = lot.first().and_then(|at| known.all.get(*at)) else { continue };
                    let part = Piece::of_pods(first.part.clone());
                    let peers = if lot.len() > 1 { Arc::new(Peers::from(known.sum(&lot))) } else { part.peers };
                    self.reach_alike(&Piece { peers, held_by: caller.held_by.clone(), ..part }, first, &mut looked, found);
                }
            }
        }
    }

    /// The places of callers that are looked at together: those to whose own ends this target is one of many.
    fn lots<'k>(&self, callers: impl Iterator<Item = (usize, &'k Caller)>) -> Vec<Vec<usize>> {
        let are_whole = self.seeds.iter().all(|seed| seed.has_all_ports());
        if self.walk.wanted.told == Told::Apart || !are_whole {
            return callers.map(|(at, _)| vec![at]).collect();
        }
        let mut lots: Vec<(Option<Rc<Manner>>, Vec<usize>)> = Vec::new();
        for (at, caller) in callers {
            let manner = (!self.may_hold(caller)).then(|| caller.manner(self.walk, self.target));
            match lots.iter_mut().find(|(other, _)| manner.is_some() && *other == manner) {
                Some((_, lot)) => lot.push(at),
                None => lots.push((manner, vec![at])),
            }
        }
        lots.into_iter().map(|(_, lot)| lot).collect()
    }

    /// Whether a cut of a caller's own end may hold some of those that are called, and not all pods and ports alike.
    pub(super) fn may_hold(&self, caller: &Caller) -> bool {
        // A workload has addresses, and may be on its node's network: a caller's end may hold it by those.
        if self.target.workload.is_some() {
            return true;
        }
        let (cuts, _) = caller.cuts(self.walk);
        let mut cubes = cuts.iter().filter(|cut| !holds_every_pod(cut)).flat_map(|cut| cut.peers.pods.cubes());
        let own = self.target.peers.pods.cubes();
        cubes.any(|cube| own.iter().any(|part| part.overlaps(cube)))
    }

    /// Whether anything from these callers may come in on either side, on a port of a seed.
    fn may_differ(&self, caller: &Piece) -> bool {
        if self.walk.wanted.within.is_some() {
            return true;
        }
        let between = Between { walk: self.walk, seeds: self.seeds, caller, target: self.target, entered: &caller.held_by };
        let doors = Doors { out: None, into: Some(self.ends) };
        let mut flows = between.flows();
        let cuts: Vec<&Cut> = self.entered(caller).collect();
        let all: Vec<usize> = (0..cuts.len()).collect();
        let ports = port_classes(&cuts, &all);
        ports.iter().any(|class| {
            let Ok(asked) = between.asked(doors, &cuts, class) else { return true };
            let [base, head] = between.both(doors, &mut flows, class, &asked).map(|(access, _)| access);
            !base.is_denied() || !head.is_denied() || base.stops != head.stops
        })
    }

    /// One class of callers: its own end cuts those that are called once more.
    pub(super) fn reach_by(&self, caller: &Piece, own: &Leaving, found: &mut Found) {
        let ends = caller.example.ends(self.walk.pair, Way::Egress);
        let (own, of_base) = own.get_or_init(|| ends.cuts());
        for target in self.called_by(own, *of_base) {
            // What tells peers apart has done its work: ports and requests are what is left of the cuts that hold both.
            let left = target.held_by.iter().filter_map(|at| own.get(*at));
            let cuts: Vec<&Cut> = self.entered(caller).chain(left).collect();
            let held: Vec<usize> = (0..cuts.len()).collect();
            let between = Between { walk: self.walk, seeds: self.seeds, caller, target: &target, entered: &caller.held_by };
            between.compare(Doors { out: Some(&ends), into: Some(self.ends) }, &cuts, &held, found);
        }
    }

    /// The cuts of the end that is called which hold a caller.
    fn entered<'c>(&'c self, caller: &'c Piece) -> impl Iterator<Item = &'c Cut> {
        caller.held_by.iter().filter_map(|at| self.cuts.get(*at))
    }

    /// Those that are called, as the cuts of a caller's end tell them apart.
    fn called_by(&self, own: &[Cut], of_base: usize) -> Vec<Piece> {
        let Peer::Pod(pod) = self.target.example.of(Which::Head) else { return Vec::new() };
        if self.target.workload.is_some() {
            return vec![Piece { held_by: holding(own, of_base, &self.target.example), ..self.target.clone() }];
        }
        let side = |at: usize| if at < of_base { Which::Base } else { Which::Head };
        let cubes = own.iter().enumerate().flat_map(|(at, cut)| cut.peers.pods.cubes().iter().map(move |cube| (at, cube)));
        let whole = &self.target.peers.pods;
        // Most callers name others than these.
        let may_hold = |cube: &PodCube| whole.cubes().iter().any(|part| part.labels.overlaps(&cube.labels));
        let cubes: Vec<(usize, PodCube)> = cubes
            .filter(|(_, cube)| may_hold(cube))
            .flat_map(|(at, cube)| self.walk.pair.narrowed(side(at), cube, &pod.namespace).into_iter().map(move |cube| (at, cube)))
            .collect();
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

    pub(super) fn reach_from_addresses(&self, found: &mut Found) {
        for caller in self.walk.addresses(self.cuts, Way::Ingress) {
            let between = Between { walk: self.walk, seeds: self.seeds, caller: &caller, target: self.target, entered: &caller.held_by };
            let cuts: Vec<&Cut> = self.entered(&caller).collect();
            let held: Vec<usize> = (0..cuts.len()).collect();
            between.compare(Doors { out: None, into: Some(self.ends) }, &cuts, &held, found);
        }
    }
}

/// Whether a cut tells no pods apart, and of ports nothing but their protocols.
fn holds_every_pod(cut: &Cut) -> bool {
    let whole = |protocol: Protocol| {
        let all = PortSet::full(protocol);
        all.is_subset(&cut.ports) || !all.overlaps(&cut.ports)
    };
    cut.peers.pods.cubes().contains(&PodCube::all()) && Protocol::ALL.into_iter().all(whole)
}

/// The namespaces that some cut names; none if a cut tells namespaces apart by anything else than their name, or pods by their
/// account, of which more may be known in one namespace than in another.
pub(in crate::diff) fn named(cuts: &[Cut]) -> Option<BTreeSet<&Symbol>> {
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
