//! Fewer cubes for the same pods.
//!
//! Owns: dropping cubes inside others and merging cubes that differ in one test. It never makes a cube that is not the exact
//! union of those it replaces.

use std::collections::BTreeMap;

use super::super::{LabelCube, Symbol, Values};
use super::PodCube;
use super::index::Index;

/// One test of a cube.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Namespace(Symbol),
    Label(Symbol),
    Account,
}

/// The same set, in a fixed order.
pub(super) fn simplify(mut cubes: Vec<PodCube>) -> Vec<PodCube> {
    cubes.sort_unstable();
    cubes.dedup();
    drop_contained(&mut cubes);
    while cubes.len() > 1 && merge_once(&mut cubes) {
        drop_contained(&mut cubes);
    }
    cubes
}

/// The same set with cubes merged that differ in one test, in a fixed order; those inside others stay. What [`simplify`] does first takes
/// time with the square of the number of cubes, this does not.
pub(super) fn merge(mut cubes: Vec<PodCube>) -> Vec<PodCube> {
    cubes.sort_unstable();
    cubes.dedup();
    while cubes.len() > 1 && merge_once(&mut cubes) {}
    cubes
}

/// Drops every cube that lies inside another one; of equal sets the first stays. Keeps the order.
fn drop_contained(cubes: &mut Vec<PodCube>) {
    let index = Index::new(cubes);
    let superfluous = |(at, cube): (usize, &PodCube)| {
        index.near(cube).any(|(other_at, other)| other_at != at && makes_superfluous((other_at, other), (at, cube)))
    };
    let mut drop: Vec<bool> = cubes.iter().enumerate().map(superfluous).collect();
    drop.reverse();
    cubes.retain(|_| !drop.pop().unwrap_or_default());
}

/// Whether the first makes the second superfluous; of two equal sets only the earlier does.
fn makes_superfluous((whole_at, whole): (usize, &PodCube), (at, cube): (usize, &PodCube)) -> bool {
    cube.is_subset(whole) && (whole_at < at || !whole.is_subset(cube))
}

/// Merges cubes that differ in one test, test by test. Whether any did.
fn merge_once(cubes: &mut Vec<PodCube>) -> bool {
    let mut slots: Vec<Slot> = cubes.iter().flat_map(slots).collect();
    slots.sort_unstable();
    slots.dedup();
    let before = cubes.len();
    for slot in &slots {
        let mut groups: BTreeMap<PodCube, Vec<Values>> = BTreeMap::new();
        for cube in cubes.drain(..) {
            let (rest, values) = take(cube, slot);
            groups.entry(rest).or_default().push(values);
        }
        cubes.extend(groups.into_iter().map(|(rest, values)| put(rest, slot, Values::union_of(&values))));
    }
    cubes.sort_unstable();
    cubes.len() < before
}

fn slots(cube: &PodCube) -> Vec<Slot> {
    let namespace = cube.namespace.iter().map(|(key, _)| Slot::Namespace(Symbol::clone(key)));
    let labels = cube.labels.iter().map(|(key, _)| Slot::Label(Symbol::clone(key)));
    let account = (!cube.account.is_any()).then_some(Slot::Account);
    namespace.chain(labels).chain(account).collect()
}

/// The cube without one test, and what that test was.
fn take(cube: PodCube, slot: &Slot) -> (PodCube, Values) {
    let without = |cube: LabelCube, key: &Symbol| {
        let values = cube.get(key).clone();
        (cube.replaced(key, Values::any()), values)
    };
    match slot {
        Slot::Namespace(key) => {
            let (namespace, values) = without(cube.namespace, key);
            (PodCube { namespace, ..cube }, values)
        }
        Slot::Label(key) => {
            let (labels, values) = without(cube.labels, key);
            (PodCube { labels, ..cube }, values)
        }
        Slot::Account => (PodCube { account: Values::any(), ..cube.clone() }, cube.account),
    }
}

/// The cube with that test again.
fn put(cube: PodCube, slot: &Slot, values: Values) -> PodCube {
    match slot {
        Slot::Namespace(key) => PodCube { namespace: cube.namespace.with(Symbol::clone(key), values), ..cube },
        Slot::Label(key) => PodCube { labels: cube.labels.with(Symbol::clone(key), values), ..cube },
        Slot::Account => PodCube { account: values, ..cube },
    }
}
