//! The pods at both ends of classes, as cubes that can be made wider.
//!
//! Owns: `Ends`. What they may be widened to is asked of whoever widens them.

use std::collections::BTreeSet;

use crate::diff::merge::{Test, tests};
use crate::diff::walk::Cell;
use crate::flow::{LabelCube, Peers, PodCube, Symbol};

/// So many classes are tried for labels by which they are told from others.
const MAX_TRIED: usize = 64;

/// The pods at both ends; none where addresses are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ends {
    pub(super) source: Option<PodCube>,
    pub(super) destination: Option<PodCube>,
}

impl Ends {
    /// Cube by cube.
    pub(super) fn all(cell: &Cell) -> Vec<Self> {
        let cubes = |peers: &Peers| -> Vec<Option<PodCube>> {
            let pods: Vec<Option<PodCube>> = peers.pods.cubes().iter().cloned().map(Some).collect();
            if pods.is_empty() { vec![None] } else { pods }
        };
        let (sources, destinations) = (cubes(&cell.source), cubes(&cell.destination));
        let pairs = sources.iter().flat_map(|source| destinations.iter().map(move |destination| (source.clone(), destination.clone())));
        pairs.map(|(source, destination)| Self { source, destination }).collect()
    }

    /// The smallest ones that hold all of these; none if there are none.
    pub(super) fn hull(all: &[Self]) -> Option<Self> {
        let (first, rest) = all.split_first()?;
        let wider = |one: &Option<PodCube>, other: &Option<PodCube>| Some(hull(one.as_ref()?, other.as_ref()?));
        Some(rest.iter().fold(first.clone(), |sum, ends| Self {
            source: wider(&sum.source, &ends.source),
            destination: wider(&sum.destination, &ends.destination),
        }))
    }

    /// The same pods, and those that have more labels of these keys.
    pub(super) fn with_more(self, [source, destination]: &[BTreeSet<Symbol>; 2]) -> Self {
        let more = |cube: PodCube, keys: &BTreeSet<Symbol>| {
            let kept = cube.labels.iter().filter(|(key, values)| !values.allows_absent() || !keys.contains(*key));
            let labels = kept.fold(LabelCube::all(), |sum, (key, values)| sum.with(Symbol::clone(key), values.clone()));
            PodCube { labels, ..cube }
        };
        Self { source: self.source.map(|cube| more(cube, source)), destination: self.destination.map(|cube| more(cube, destination)) }
    }

    /// Those that lie in no other one, in order.
    pub(super) fn widest(all: BTreeSet<Self>) -> BTreeSet<Self> {
        let mut by_tests: Vec<Self> = all.into_iter().collect();
        // What holds another one has no more tests, so that what is kept never falls out again.
        by_tests.sort_by_cached_key(Self::tests);
        let mut widest: Vec<Self> = Vec::new();
        for ends in by_tests {
            if !widest.iter().any(|wide| ends.is_inside(wide)) {
                widest.push(ends);
            }
        }
        widest.into_iter().collect()
    }

    /// How many tests there are.
    pub(super) fn tests(&self) -> usize {
        [&self.source, &self.destination].into_iter().flatten().map(|cube| tests(cube).len()).sum()
    }

    pub(super) fn is_inside(&self, wide: &Self) -> bool {
        let inside = |one: &Option<PodCube>, wide: &Option<PodCube>| match (one, wide) {
            (Some(one), Some(wide)) => one.is_subset(wide),
            _ => true,
        };
        inside(&self.source, &wide.source) && inside(&self.destination, &wide.destination)
    }

    pub(super) fn overlaps(&self, cell: &Cell) -> bool {
        let overlap = |one: &Option<PodCube>, peers: &Peers| match one {
            Some(one) => peers.pods.cubes().iter().any(|cube| cube.overlaps(one)),
            None => true,
        };
        overlap(&self.source, &cell.source) && overlap(&self.destination, &cell.destination)
    }

    /// The fewest labels that pods of some class within these have besides, at each end, and of no other one; none where these are told
    /// from those by what they lack.
    pub(super) fn besides(&self, cells: &[Cell], others: &[Cell]) -> Option<[LabelCube; 2]> {
        let of = |cell: &Cell| Some([more(self.source.as_ref(), &cell.source)?, more(self.destination.as_ref(), &cell.destination)?]);
        let all = cells.iter().filter_map(of).filter(|[source, destination]| !(source.is_all() && destination.is_all()));
        let mut all: Vec<[LabelCube; 2]> = all.collect::<BTreeSet<_>>().into_iter().collect();
        all.sort_by_key(|[source, destination]| source.iter().count() + destination.iter().count());
        all.truncate(MAX_TRIED);
        all.into_iter().find(|labels| !others.iter().any(|other| self.with(labels).overlaps(other)))
    }

    /// Those of these pods that have more labels.
    fn with(&self, [source, destination]: &[LabelCube; 2]) -> Self {
        let narrow = |cube: &Option<PodCube>, labels: &LabelCube| {
            let cube = cube.as_ref()?;
            Some(PodCube { labels: cube.labels.intersect(labels)?, ..cube.clone() })
        };
        Self { source: narrow(&self.source, source), destination: narrow(&self.destination, destination) }
    }

    /// As wide as is allowed, test by test, but no wider than a hull.
    pub(super) fn widened(&self, hull: &Self, is_allowed: &dyn Fn(&Self) -> bool) -> Self {
        let mut wide = self.clone();
        for test in wide.source.as_ref().map(tests).unwrap_or_default() {
            let next = Self { source: loosened(wide.source.as_ref(), hull.source.as_ref(), &test), ..wide.clone() };
            wide = if is_allowed(&next) { next } else { wide };
        }
        for test in wide.destination.as_ref().map(tests).unwrap_or_default() {
            let next = Self { destination: loosened(wide.destination.as_ref(), hull.destination.as_ref(), &test), ..wide.clone() };
            wide = if is_allowed(&next) { next } else { wide };
        }
        wide
    }
}

/// What pods of a class that a cube holds have by its labels, and not by the cube's; none if it holds none.
fn more(cube: Option<&PodCube>, peers: &Peers) -> Option<LabelCube> {
    let Some(cube) = cube else { return Some(LabelCube::all()) };
    let held = peers.pods.cubes().iter().find_map(|own| own.intersect(cube))?;
    let has = held.labels.iter().filter(|(key, values)| !values.allows_absent() && cube.labels.get(key) != *values);
    Some(has.fold(LabelCube::all(), |sum, (key, values)| sum.with(Symbol::clone(key), values.clone())))
}

/// The smallest cube that holds both.
fn hull(one: &PodCube, other: &PodCube) -> PodCube {
    let labels = |one: &LabelCube, other: &LabelCube| {
        one.iter().fold(LabelCube::all(), |sum, (key, values)| sum.with(Symbol::clone(key), values.union(other.get(key))))
    };
    PodCube {
        namespace: labels(&one.namespace, &other.namespace),
        labels: labels(&one.labels, &other.labels),
        account: one.account.union(&other.account),
    }
}

/// A cube with one of its tests as wide as a hull has it.
fn loosened(cube: Option<&PodCube>, hull: Option<&PodCube>, test: &Test) -> Option<PodCube> {
    let (cube, hull) = (cube?, hull?);
    let mut wide = cube.clone();
    match test {
        Test::Account => wide.account = hull.account.clone(),
        Test::Namespace(key) => wide.namespace = wide.namespace.replaced(key, hull.namespace.get(key).clone()),
        Test::Label(key) => wide.labels = wide.labels.replaced(key, hull.labels.get(key).clone()),
    }
    Some(wide)
}
