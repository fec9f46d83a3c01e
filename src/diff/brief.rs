//! Equal changes in few words.
//!
//! Owns: `briefly`. Where labels may stand together in any way, pods that another rule lets in as well fall out of what a rule changes, one
//! combination after the other; nobody wants to read them. So regions hold more than what has changed, where that makes them few: flows that
//! are on both sides what the others were or have become. Where only pods of few labels were looked at, those of more are told with them.
//! Whether all of a region is alike is asked of both sides, and what is not is said.

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
use super::walk::{Cell, FEW_KEYS, Open, Quota, Sampled, Shows, Wanted, walk_where};
use super::words::Words;
use crate::flow::{AddressSet, LabelCube, Peers, PodCube, PodSet, PortSet, Symbol};
use crate::verify::Way;

/// A region as it is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Brief {
    pub(super) region: Region,
    pub(super) extent: Extent,
    /// Labels, of source and destination, that pods of the rest have besides; none where they are not told by labels that they have.
    pub(super) rest: Option<[LabelCube; 2]>,
}

/// How much of a region has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// The rest was, or still is, what the others have become or were.
    Part,
    /// Of the rest that is not so, or it was not found out.
    Mixed,
}

/// Of so many regions it is found out what else there is in them.
pub(super) const MAX_ASKED: usize = 16;

/// As many lines are read as they are.
const FEW_LINES: usize = 3;

/// How often a region may be held against a class before it is told as it is.
const MAX_WEIGHED: usize = 4_000_000;

/// What regions are told with.
#[derive(Clone, Copy)]
pub(super) struct Teller<'a> {
    pub(super) pair: &'a Pair<'a>,
    pub(super) words: &'a Words,
    /// Where only pods of few labels were looked at.
    pub(super) few: &'a Sampled,
    /// By how many labels pods may be told apart so that all classes of them are looked at.
    pub(super) keys: usize,
    /// Of how many regions of pods of few labels it is found out what else there is in them.
    pub(super) asked: usize,
    /// What was to show among pods of few labels.
    pub(super) shows: Shows<'a>,
}

impl<'a> Teller<'a> {
    pub(super) const fn new(pair: &'a Pair<'a>, words: &'a Words, few: &'a Sampled) -> Self {
        Self { pair, words, few, keys: FEW_KEYS, asked: MAX_ASKED, shows: Shows::Difference }
    }
}

/// The regions of classes of one group.
pub(super) fn briefly(teller: Teller<'_>, key: &Key, cells: &[(Cell, Kind)]) -> Vec<Brief> {
    let Teller { pair, words, .. } = teller;
    let mut lots: BTreeMap<Lot, Vec<&Cell>> = BTreeMap::new();
    for (cell, _) in cells {
        lots.entry(Lot::of(cell)).or_default().push(cell);
    }
    let telling = Telling { teller, key, kept: kept(words, pair, key, cells) };
    let exact = |cells: &[&Cell]| merged(pair, &cells.iter().map(|cell| Region::of(cell)).collect::<Vec<_>>());
    let whole =
        |regions: Vec<Region>| regions.into_iter().map(|region| Brief { region, extent: Extent::Whole, rest: None }).collect::<Vec<_>>();
    let (sampled, all): (Vec<_>, Vec<_>) = lots.into_iter().partition(|(lot, _)| telling.few(lot).iter().any(|keys| !keys.is_empty()));
    let told = exact(&all.iter().flat_map(|(_, cells)| cells.iter().copied()).collect::<Vec<_>>());
    let wide = if told.len() > FEW_LINES {
        let wide =
            all.iter().flat_map(|(lot, cells)| telling.widened(lot, cells).unwrap_or_else(|| whole(exact(cells)))).collect::<Vec<_>>();
        Some(united(pair, &wide)).filter(|wide| wide.len() * 2 <= told.len())
    } else {
        None
    };
    let mut briefs = wide.unwrap_or_else(|| whole(told));
    let few: Vec<Brief> = sampled.iter().flat_map(|(lot, cells)| telling.sampled(lot, cells)).collect();
    briefs.extend(united(pair, &few));
    briefs
}

/// Fewer regions for the same flows, those of each extent by themselves.
fn united(pair: &Pair<'_>, all: &[Brief]) -> Vec<Brief> {
    let of = |extent: Extent| {
        let regions: Vec<Region> = all.iter().filter(|brief| brief.extent == extent).map(|brief| brief.region.clone()).collect();
        // What is true of the pods of one region need not be of those of another that is told with it.
        let rest = move |region: &Region| {
            let mut inside = all.iter().filter(|brief| brief.extent == extent && brief.region.overlaps(region)).map(|brief| &brief.rest);
            let first = inside.next()?.as_ref()?;
            inside.all(|rest| rest.as_ref() == Some(first)).then(|| first.clone())
        };
        merged(pair, &regions).into_iter().map(move |region| Brief { rest: rest(&region), region, extent })
    };
    [Extent::Whole, Extent::Part, Extent::Mixed].into_iter().flat_map(of).collect()
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
    /// At each end, the labels of which pods that were not looked at may have more.
    fn few(&self, lot: &Lot) -> [BTreeSet<Symbol>; 2] {
        let keys = |name: &Option<Symbol>, way: Way| name.as_ref().and_then(|name| self.teller.few.get(&(Symbol::clone(name), way)));
        let [source, destination] = &lot.names;
        [keys(source, Way::Egress), keys(destination, Way::Ingress)].map(|keys| keys.cloned().unwrap_or_default())
    }

    /// Classes of pods of few labels, with all pods of more. Whatever such a pod does, one does that has no more of these labels than its
    /// class says; so it stands with that one.
    fn sampled(&self, lot: &Lot, cells: &[&Cell]) -> Vec<Brief> {
        let few = self.few(lot);
        let carried: BTreeSet<Ends> = cells.iter().flat_map(|cell| Ends::all(cell)).map(|ends| ends.with_more(&few)).collect();
        let brief = |(at, ends): (usize, &Ends)| {
            let region = lot.region(ends);
            let (extent, rest) = if at < self.teller.asked { self.extent(ends, &region) } else { (Extent::Mixed, None) };
            Brief { region, extent, rest }
        };
        Ends::widest(carried).iter().enumerate().map(brief).collect()
    }

    /// How much of a region has changed as the group has, and what pods have of which that is not so.
    fn extent(&self, ends: &Ends, region: &Region) -> (Extent, Option<[LabelCube; 2]>) {
        match self.kept.as_ref().and_then(|kept| self.beside(kept, region)) {
            Some(Beside { others, same, .. }) if others.is_empty() && same.is_empty() => (Extent::Whole, None),
            Some(Beside { others, same, alike }) if others.is_empty() => (Extent::Part, ends.besides(&same, &alike)),
            Some(Beside { others, alike, .. }) => (Extent::Mixed, ends.besides(&others, &alike)),
            None => (Extent::Mixed, None),
        }
    }

    /// The classes in regions as wide as others allow; none if that cannot be found out.
    fn widened(&self, lot: &Lot, cells: &[&Cell]) -> Option<Vec<Brief>> {
        let kept = self.kept.as_ref()?;
        let mut all: Vec<Ends> = cells.iter().flat_map(|cell| Ends::all(cell)).collect();
        all.sort_unstable();
        let hull = Ends::hull(&all)?;
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
            Brief { region: lot.region(wide), extent, rest: wide.besides(&beside.same, &beside.alike) }
        };
        Some(told.iter().map(brief).collect())
    }

    /// What else there is in a region; none if there is too much.
    fn beside(&self, kept: &Kept, region: &Region) -> Option<Beside> {
        let Region { source, destination, ports } = region.clone();
        let seed = seeds::Region { source, destination, ports, why: Why::new("what is told") };
        let seeds = sown(vec![Seed::Region(Which::Head, Box::new(seed))], None::<Policies<'_>>, self.teller.pair);
        let wanted = Wanted {
            differ: |_, _| true,
            quota: Quota::SMALL,
            within: Some(region),
            shows: self.teller.shows,
            keys: self.teller.keys,
            doubts: Open::Dropped,
            ..Wanted::any()
        };
        let found = walk_where(self.teller.pair, None, &seeds, &wanted);
        if !found.incomplete.is_empty() {
            return None;
        }
        let mut beside = Beside::default();
        for cell in found.cells {
            if self.is_kept(kept, &cell) {
                beside.same.push(cell);
            } else if self.is_alike(&cell) {
                beside.alike.push(cell);
            } else {
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

/// Classes of a region, by what they are to a group.
#[derive(Default)]
struct Beside {
    /// Those that are of it.
    alike: Vec<Cell>,
    /// Those that must not be told with it.
    others: Vec<Cell>,
    /// Those that may, though nothing has changed about them.
    same: Vec<Cell>,
}

#[cfg(test)]
mod tests;
