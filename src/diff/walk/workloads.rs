//! Flows from and to workloads that are not like every pod of their labels.
//!
//! Owns: `walk_workloads`. A workload that has changed, or of which more is known than its labels, is asked about as it is, with all
//! that each side knows of it: with classes of pods and of addresses at the other end, and with its like.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::between::holding;
use super::few::Few;
use super::memo::Leaving;
use super::{Both, Found, Into, Piece, Walk, Wanted};
use crate::diff::actual::{Actual, Likeness};
use crate::diff::seeds::Sown;
use crate::diff::side::Pair;
use crate::flow::Symbol;
use crate::verify::Way;

/// Where flows of workloads may differ.
#[derive(Debug, Clone, Copy)]
pub(in crate::diff) struct Ground<'s> {
    /// From and to workloads that have changed.
    pub(in crate::diff) everything: &'s [Sown],
    /// To workloads that have not.
    pub(in crate::diff) inward: &'s [Sown],
    /// From workloads that have not.
    pub(in crate::diff) outward: &'s [Sown],
}

/// Walks over the flows of workloads. Those of a workload that has changed are all looked at, others as far as seeds go.
pub(in crate::diff) fn walk_workloads(pair: &Pair<'_>, workloads: &[&Actual], ground: Ground<'_>) -> Found {
    let wanted = Wanted::any();
    let few = Few::new(pair, &wanted);
    let walk = Walk::new(&few, None, &wanted);
    let mut found = Found::default();
    let (changed, same): (Vec<&Actual>, Vec<&Actual>) = workloads.iter().partition(|workload| workload.likeness == Likeness::Changed);
    let is_caller = |workload: &&&Actual| workload.likeness <= Likeness::Special;
    let all: Vec<&Actual> = workloads.iter().filter(is_caller).copied().collect();
    let special: Vec<&Actual> = same.iter().filter(is_caller).copied().collect();
    let [everything, inward, outward] = [ground.everything, ground.inward, ground.outward].map(|sown| sown.iter().collect::<Vec<&Sown>>());
    for (targets, classes, callers, seeds) in [
        (&changed, Callers::Classes, &all, &everything),
        (&same, Callers::None, &changed, &everything),
        (&same, Callers::Classes, &special, &inward),
    ] {
        for target in targets {
            walk.reach_workload(target, (classes, callers), seeds, &mut found);
        }
    }
    for (callers, seeds) in [(&changed, &everything), (&special, &outward)] {
        walk.leave_workloads(callers, seeds, &mut found);
    }
    walk.end(found)
}

/// Whether classes of pods and addresses call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Callers {
    None,
    Classes,
}

impl Piece {
    fn of_workload(workload: &Actual) -> Self {
        Self {
            peers: Arc::new(workload.peers.clone()),
            example: workload.both.clone(),
            held_by: Vec::new(),
            workload: Some(Symbol::clone(&workload.title)),
        }
    }
}

impl Walk<'_> {
    /// All flows of the seeds to a workload, from classes of pods and from these workloads.
    fn reach_workload(&self, target: &Actual, (classes, callers): (Callers, &[&Actual]), seeds: &[&Sown], found: &mut Found) {
        let piece = Piece::of_workload(target);
        let seeds: Vec<&Sown> = seeds.iter().copied().filter(|seed| seed.may_go_to(None, &piece.peers, &piece.example)).collect();
        if seeds.is_empty() {
            return;
        }
        let ends = piece.example.ends(self.pair, Way::Ingress);
        let (cuts, of_base) = ends.cuts();
        let into = Into { walk: self, target: &piece, ends: &ends, cuts: &cuts, of_base, seeds: &seeds };
        if classes == Callers::Classes {
            let names: BTreeSet<&Symbol> = seeds.iter().flat_map(|seed| &seed.source.names).collect();
            for name in into.worth_a_look(names) {
                into.reach_from(name, found);
            }
            if seeds.iter().any(|seed| seed.source.addresses) {
                into.reach_from_addresses(found);
            }
        }
        into.reach_from_workloads(callers, found);
    }

    /// All flows of the seeds from workloads to classes of pods and to addresses.
    fn leave_workloads(&self, callers: &[&Actual], seeds: &[&Sown], found: &mut Found) {
        if callers.is_empty() {
            return;
        }
        let mut by_name: BTreeMap<&Symbol, Vec<&Sown>> = BTreeMap::new();
        for seed in seeds {
            for name in &seed.destination.names {
                by_name.entry(name).or_default().push(seed);
            }
        }
        for (name, seeds) in by_name {
            for target in self.subjects(name, Way::Ingress, &seeds) {
                let ends = target.example.ends(self.pair, Way::Ingress);
                let (cuts, of_base) = ends.cuts();
                Into { walk: self, target: &target, ends: &ends, cuts: &cuts, of_base, seeds: &seeds }.reach_from_workloads(callers, found);
            }
        }
        let outward: Vec<&Sown> = seeds.iter().copied().filter(|seed| seed.destination.addresses).collect();
        for caller in callers {
            self.leave_to_addresses(&Piece::of_workload(caller), &outward, found);
        }
    }
}

impl Into<'_> {
    fn reach_from_workloads(&self, callers: &[&Actual], found: &mut Found) {
        let is_other = |caller: &&&Actual| self.target.workload.as_ref() != Some(&caller.title) || !caller.is_one_pod();
        // A class that is called may be told apart only as somebody calls it: that one of it is no end of a seed's flows says nothing.
        let may_be = |seed: &&Sown| seed.may_go_to(None, &self.target.peers, &self.target.example);
        for caller in callers.iter().filter(is_other) {
            let both: &Both = &caller.both;
            let seeds: Vec<&Sown> = self.seeds.iter().copied().filter(may_be).collect();
            if seeds.is_empty() {
                continue;
            }
            let piece = Piece { held_by: holding(self.cuts, self.of_base, both), ..Piece::of_workload(caller) };
            Into { seeds: &seeds, ..*self }.reach_by(&piece, &Leaving::new(), found);
        }
    }
}
