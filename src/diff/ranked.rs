//! The classes of flows of one line, the riskiest first.
//!
//! Owns: `Ranked`: what the part of them holds that is told as one region. It says nothing in words.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Example, Kind};
use super::held;
use super::kind::kinds;
use super::merge;
use super::side::Which;
use super::walk::Cell;
use crate::flow::Peer;

/// Classes of flows by who is called, the riskiest first.
pub(super) struct Ranked<'a> {
    by_target: BTreeMap<&'a Peer, Vec<Ranking<'a>>>,
    /// Those of which it is left open what passes, each with why.
    open: Vec<(&'a Cell, &'a String)>,
    /// Every kind that each of them holds, by its place.
    kinds: Vec<BTreeSet<Kind>>,
}

/// A class with its kind, and its place among all.
type Ranking<'a> = (Kind, usize, &'a (Cell, Kind));

impl<'a> Ranked<'a> {
    pub(super) fn new(cells: &'a [(Cell, Kind)]) -> Self {
        let mut by_target: BTreeMap<&Peer, Vec<_>> = BTreeMap::new();
        for (at, cell) in cells.iter().enumerate() {
            by_target.entry(cell.0.target.of(Which::Head)).or_default().push((cell.1, at, cell));
        }
        for list in by_target.values_mut() {
            list.sort_unstable_by_key(|(kind, at, _)| (*kind, *at));
        }
        let open = cells.iter().filter_map(|(cell, _)| Some((cell, cell.why.as_ref()?))).collect();
        Self { by_target, open, kinds: cells.iter().map(|(cell, kind)| kinds(cell, *kind)).collect() }
    }

    /// The classes in a region, each with its place among all.
    fn inside(&self, region: &merge::Region) -> impl Iterator<Item = (usize, &'a Cell)> {
        let lists = self.by_target.iter().filter(|(target, _)| region.destination.contains(target)).map(|(_, list)| list);
        lists.flatten().map(|(_, at, (cell, _))| (*at, cell)).filter(|(_, cell)| region.holds_call(cell))
    }

    /// Every kind that a region holds; those of all if no class stands for it.
    pub(super) fn kinds_in(&self, region: &merge::Region) -> BTreeSet<Kind> {
        let first = self.kinds.first();
        if self.kinds.iter().all(|kinds| Some(kinds) == first) {
            return first.cloned().unwrap_or_default();
        }
        let held: BTreeSet<Kind> = self.inside(region).filter_map(|(at, _)| self.kinds.get(at)).flatten().copied().collect();
        if held.is_empty() { self.kinds.iter().flatten().copied().collect() } else { held }
    }

    /// A flow in a region that is lost, where any is.
    pub(super) fn lost_in(&self, region: &merge::Region) -> Option<Example> {
        let loses = |at: usize| self.kinds.get(at).is_some_and(|kinds| kinds.iter().any(|kind| kind.is_loss()));
        self.inside(region).filter(|(at, _)| loses(*at)).find_map(|(_, cell)| held::lost(cell))
    }

    /// The first of the riskiest in a region.
    pub(super) fn first_in(&self, region: &merge::Region) -> Option<&'a (Cell, Kind)> {
        let lists = self.by_target.iter().filter(|(target, _)| region.destination.contains(target)).map(|(_, list)| list);
        let firsts = lists.filter_map(|list| list.iter().find(|(_, _, (cell, _))| region.holds_call(cell)));
        firsts.min_by_key(|(kind, at, _)| (*kind, *at)).map(|(_, _, cell)| *cell)
    }

    /// Why it is left open what passes in a region.
    pub(super) fn open_in(&self, region: &merge::Region) -> BTreeSet<&'a String> {
        let is_inside = |cell: &Cell| region.holds_call(cell) && region.destination.contains(cell.target.of(Which::Head));
        self.open.iter().filter(|(cell, _)| is_inside(cell)).map(|(_, why)| *why).collect()
    }
}

impl merge::Region {
    /// Whether the caller and the port of a class lie in it.
    fn holds_call(&self, cell: &Cell) -> bool {
        self.ports.contains(cell.protocol, cell.port) && self.source.contains(cell.caller.of(Which::Head))
    }
}
