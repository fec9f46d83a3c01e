//! Which sources say what to a destination.
//!
//! Owns: `Leaving`. Most sources say the same to most destinations; only what differs is kept by destination.

use std::collections::{BTreeMap, HashMap};

use crate::list::bits::Bits;
use crate::list::ends::Ends;

/// Which workloads hear which answer from the ends of sources, destination by destination.
pub(super) struct Leaving<'a, 'c> {
    pub(super) ends: &'a Ends<'c>,
    /// For each answer that sources give to most destinations, those sources.
    usual: BTreeMap<usize, Bits>,
    /// For each destination, the ends that say something else to it, what they usually say, and what they say to it.
    special: HashMap<usize, Vec<(usize, usize, usize)>>,
    owners: Vec<Bits>,
}

impl<'a, 'c> Leaving<'a, 'c> {
    pub(super) fn new(ends: &'a Ends<'c>) -> Self {
        let owners: Vec<Bits> = ends.views.iter().map(|view| view.owners.iter().copied().collect()).collect();
        let mut leaving = Self { ends, usual: BTreeMap::new(), special: HashMap::new(), owners };
        for (number, (view, owners)) in ends.views.iter().zip(&leaving.owners).enumerate() {
            let widest = view.groups.iter().max_by_key(|(group, _)| group.members.iter().count());
            let Some(usual) = widest.map(|(_, answer)| *answer) else { continue };
            let sum = leaving.usual.entry(usual).or_default();
            *sum = sum.union(owners);
            for (group, answer) in view.groups.iter().filter(|(_, answer)| *answer != usual) {
                for destination in group.members.iter() {
                    leaving.special.entry(destination).or_default().push((number, usual, *answer));
                }
            }
        }
        leaving
    }

    /// For each answer that a destination hears, the sources that give it.
    pub(super) fn toward(&self, destination: usize) -> BTreeMap<usize, Bits> {
        let mut parts = self.usual.clone();
        for (number, usual, answer) in self.special.get(&destination).into_iter().flatten() {
            let Some(owners) = self.owners.get(*number) else { continue };
            if let Some(rest) = parts.get_mut(usual) {
                rest.remove(owners);
            }
            let sum = parts.entry(*answer).or_default();
            *sum = sum.union(owners);
        }
        parts
    }
}
