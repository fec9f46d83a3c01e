//! Equal changes in few words.
//!
//! Owns: `briefly`: regions in which all flows change alike, or are on both sides as the others were or have become. Where labels may stand
//! together in any way, pods that another rule lets in as well fall out of what a rule changes, one combination after the other; nobody
//! wants to read them. Whatever a region holds besides was asked of both sides.

mod ends;

use std::collections::{BTreeMap, BTreeSet};

use ends::Ends;

use super::access::{Access, Mark, nature};
use super::cause::Item;
use super::entry::Kind;
use super::merge::{Region, merged};
use super::programs::{Key, STOPPED, key, said};
use super::seeds::{self, Policies, Seed, Why, sown};
use super::side::{Pair, Which};
use super::walk::{Cell, Quota, Sampled, Wanted, walk_where};
use super::words::Words;
use crate::flow::{AddressSet, Peers, PodCube, PodSet, PortSet, Symbol};
use crate::verify::Way;

/// A region as it is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Brief {
    pub(super) region: Region,
    pub(super) extent: Extent,
}

/// How much of a region has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// The rest was, or still is, what the others have become or were.
    Part,
}

/// How often a region may be held against a class before it is told as it is.
const MAX_WEIGHED: usize = 4_000_000;

/// What regions are told with.
#[derive(Clone, Copy)]
pub(super) struct Teller<'a> {
    pub(super) pair: &'a Pair<'a>,
    pub(super) words: &'a Words,
    /// Where only pods of few labels were looked at.
    pub(super) few: &'a Sampled,
}

/// The regions of classes of one group.
pub(super) fn briefly(teller: Teller<'_>, key: &Key, cells: &[(Cell, Kind)]) -> Vec<Brief> {
    let Teller { pair, words, .. } = teller;
    let mut lots: BTreeMap<Lot, Vec<&Cell>> = BTreeMap::new();
    for (cell, _) in cells {
        lots.entry(Lot::of(cell)).or_default().push(cell);
    }
    let telling = Telling { teller, key, kept: kept(words, pair, key, cells) };
    let all: Vec<Brief> = lots.into_iter().flat_map(|(lot, cells)| telling.lot(&lot, &cells)).collect();
    let of = |extent: Extent| {
        let regions: Vec<Region> = all.iter().filter(|brief| brief.extent == extent).map(|brief| brief.region.clone()).collect();
        merged(pair, &regions).into_iter().map(move |region| Brief { region, extent })
    };
    [Extent::Whole, Extent::Part].into_iter().flat_map(of).collect()
}

/// Classes on the same ports, from the pods of one namespace or the same addresses, to such.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Lot {
    ports: PortSet,
    names: [Option<Symbol>; 2],
    addresses: [AddressSet; 2],
}

impl Lot {
    fn of(cell: &Cell) -> Self {
        let ends = [&cell.source, &cell.destination];
        let name = |peers: &Peers| peers.pods.cubes().first().and_then(|cube| cube.namespace_names()?.first().cloned());
        let addresses = ends.map(|peers| peers.addresses.clone());
        Self { ports: cell.ports.clone(), names: ends.map(|peers| name(peers)), addresses }
    }

    /// The flows between these pods; where there are none, the addresses of the lot are meant.
    fn region(&self, ends: &Ends) -> Region {
        let [from, to] = &self.addresses;
        let peers = |cube: &Option<PodCube>, addresses: &AddressSet| match cube {
            Some(cube) => Peers::from(PodSet::from(cube.clone())),
            None => Peers::from(addresses.clone()),
        };
        Region { source: peers(&ends.source, from), destination: peers(&ends.destination, to), ports: self.ports.clone() }
    }
}

/// What a flow is that has not changed, where it may stand in a region with those that have.
enum Kept {
    /// What is said of it on this side is what is said of them.
    Words(Which, String),
    /// No two gates stop it on this side.
    Gates(Which),
}

/// What may stand among the classes of a group; none if these are not alike enough.
fn kept(words: &Words, pair: &Pair<'_>, key: &Key, cells: &[(Cell, Kind)]) -> Option<Kept> {
    let (first, _) = cells.first()?;
    if key.before.starts_with(STOPPED) && key.after.starts_with(STOPPED) {
        let is_opened = first.before.one_gate(&first.after).is_some();
        return Some(Kept::Gates(if is_opened { Which::Head } else { Which::Base }));
    }
    let which = if cells.iter().all(|(cell, _)| opens(&cell.before, &cell.after, cell) && !opens(&cell.after, &cell.before, cell)) {
        Which::Head
    } else if cells.iter().all(|(cell, _)| opens(&cell.after, &cell.before, cell) && !opens(&cell.before, &cell.after, cell)) {
        Which::Base
    } else {
        return None;
    };
    let [before, after] = said(pair, words, first);
    Some(Kept::Words(which, if which == Which::Base { before } else { after }))
}

/// Whether anything passes, or by more ways, that did not.
fn opens(before: &Access, after: &Access, cell: &Cell) -> bool {
    let nature = nature(before, after, &cell.requests);
    [Mark::Gained, Mark::PlaintextToo, Mark::MtlsToo, Mark::OneGate].into_iter().any(|mark| nature.has(mark))
}

struct Telling<'a> {
    teller: Teller<'a>,
    key: &'a Key,
    kept: Option<Kept>,
}

impl Telling<'_> {
    fn lot(&self, lot: &Lot, cells: &[&Cell]) -> Vec<Brief> {
        let regions: Vec<Region> = cells.iter().map(|cell| Region::of(cell)).collect();
        let exact = merged(self.teller.pair, &regions);
        let is_sampled = self.is_sampled(lot).contains(&true);
        let wide = (exact.len() > 1 || is_sampled).then(|| self.widened(lot, cells)).flatten();
        match wide.filter(|wide| is_sampled || wide.len() <= exact.len()) {
            Some(wide) => wide,
            None => exact.into_iter().map(|region| Brief { region, extent: Extent::Whole }).collect(),
        }
    }

    /// Whether the pods of either end were looked at only as far as they have few labels.
    fn is_sampled(&self, lot: &Lot) -> [bool; 2] {
        let [source, destination] = &lot.names;
        let is_few =
            |name: &Option<Symbol>, way: Way| name.as_ref().is_some_and(|name| self.teller.few.contains(&(Symbol::clone(name), way)));
        [is_few(source, Way::Egress), is_few(destination, Way::Ingress)]
    }

    /// The classes in regions as wide as others allow; none if that cannot be found out.
    fn widened(&self, lot: &Lot, cells: &[&Cell]) -> Option<Vec<Brief>> {
        let kept = self.kept.as_ref()?;
        let mut all: Vec<Ends> = cells.iter().flat_map(|cell| Ends::all(cell)).collect();
        all.sort_unstable();
        let hull = Ends::hull(&all)?.without_lacks(self.is_sampled(lot));
        let beside = self.beside(kept, &lot.region(&hull))?;
        let mut told: Vec<Ends> = Vec::new();
        let mut left = MAX_WEIGHED;
        for ends in &all {
            if told.iter().any(|wide| ends.is_inside(wide)) {
                continue;
            }
            left = left.checked_sub(ends.tests() * beside.others.len() + beside.same.len() + all.len())?;
            told.push(ends.widened(&hull, &|wide| !beside.others.iter().any(|other| wide.overlaps(other))));
        }
        let brief = |wide: &Ends| {
            let extent = if beside.same.iter().any(|other| wide.overlaps(other)) { Extent::Part } else { Extent::Whole };
            Brief { region: lot.region(wide), extent }
        };
        Some(told.iter().map(brief).collect())
    }

    /// What else there is in a region; none if there is too much.
    fn beside(&self, kept: &Kept, region: &Region) -> Option<Beside> {
        let Region { source, destination, ports } = region.clone();
        let seed = seeds::Region { source, destination, ports, why: Why::new("what is told") };
        let seeds = sown(vec![Seed::Region(Which::Head, Box::new(seed))], None::<Policies<'_>>, self.teller.pair);
        let wanted = Wanted { differ: |_, _| true, quota: Quota::SMALL, within: Some(region), ..Wanted::any() };
        let found = walk_where(self.teller.pair, None, &seeds, &wanted);
        if !found.incomplete.is_empty() {
            return None;
        }
        let mut beside = Beside::default();
        for cell in found.cells {
            if self.is_kept(kept, &cell) {
                beside.same.push(cell);
            } else if !self.is_alike(&cell) {
                beside.others.push(cell);
            }
        }
        Some(beside)
    }

    fn is_kept(&self, kept: &Kept, cell: &Cell) -> bool {
        let words = |which: Which| {
            let [before, after] = said(self.teller.pair, self.teller.words, cell);
            if which == Which::Base { before } else { after }
        };
        cell.before.is_same(&cell.after)
            && match kept {
                Kept::Words(which, meant) => words(*which) == *meant,
                Kept::Gates(Which::Base) => !cell.before.is_stopped_twice(),
                Kept::Gates(Which::Head) => !cell.after.is_stopped_twice(),
            }
    }

    /// Whether a class has changed as those of the group have.
    fn is_alike(&self, cell: &Cell) -> bool {
        let own: Key = key(self.teller.pair, self.teller.words, cell, BTreeSet::<Item>::new());
        !cell.before.is_same(&cell.after) && own.before == self.key.before && own.after == self.key.after
    }
}

/// Classes that are not of a group.
#[derive(Default)]
struct Beside {
    /// Those that must not be told with it.
    others: Vec<Cell>,
    /// Those that may, though nothing has changed about them.
    same: Vec<Cell>,
}

#[cfg(test)]
mod tests;
