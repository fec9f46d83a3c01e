//! Pods that carry few labels.
//!
//! Owns: `FewLabels`, the part of a world that is enough where judges are held against each other and tests of labels are mostly
//! alternatives ([`LabelTests`](crate::flow::LabelTests) says which). `k` labels that may stand together in any way make `2^k`
//! classes of pods; those of which some three tests name all labels are of the order of `k^3`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Bits, World};
use crate::flow::{LabelCube, Pod, PodCube, Rest, Symbol, Values};

/// Tests whose labels a pod carries, of so many of them at most.
#[derive(Debug, Clone)]
pub struct Carried<'a> {
    /// The tests.
    pub tests: &'a BTreeSet<LabelCube>,
    /// How many, by the reason for which a pod is worth a look: each list of tests gives one number for each of the same reasons.
    pub most: Vec<usize>,
}

impl<'a> Carried<'a> {
    /// So many of them, by the reason.
    pub fn few(tests: &'a BTreeSet<LabelCube>, most: &[usize]) -> Self {
        Self { tests, most: most.to_vec() }
    }

    /// All of them that hold a pod, for so many reasons.
    pub fn all(tests: &'a BTreeSet<LabelCube>, reasons: usize) -> Self {
        Self { tests, most: vec![usize::MAX; reasons] }
    }
}

/// The pods of a world whose labels are those of a few tests.
#[derive(Debug)]
pub struct FewLabels<'w> {
    world: &'w dyn World,
    /// The keys whose labels may be put to rest, each with its number and with what it rests by.
    keys: BTreeMap<Symbol, (usize, Rest)>,
    /// The tests that give a pod their keys whenever they hold it, whatever the reason.
    given: Vec<Group>,
    /// Those of which a pod has the keys of so many.
    chosen: Vec<Group>,
    /// For each reason, of each group that is chosen from, how many sets of keys a pod carries at most.
    most: Vec<Vec<usize>>,
}

/// Tests of one list, by the sets of keys that they name.
#[derive(Debug)]
struct Group {
    /// By the number of a key, the sets in which it occurs.
    sets: Vec<Vec<Keys>>,
    /// How many keys the largest set has.
    largest: usize,
}

/// Keys that tests name together.
#[derive(Debug, Clone)]
struct Keys {
    /// Their numbers, ascending.
    keys: Vec<usize>,
    /// The tests that name just these.
    tests: Vec<LabelCube>,
}

impl<'w> FewLabels<'w> {
    /// Pods whose labels with these keys, but for those that rest, are named by as many tests of the groups as some reason takes; other
    /// labels they may carry freely. A label rests by being this value, or by not being there where there is none.
    pub fn new(world: &'w dyn World, keys: &BTreeMap<&Symbol, Rest>, groups: &[Carried<'_>]) -> Self {
        let keys: BTreeMap<Symbol, (usize, Rest)> =
            keys.iter().enumerate().map(|(at, (key, rest))| (Symbol::clone(key), (at, rest.clone()))).collect();
        let reasons = groups.iter().map(|carried| carried.most.len()).min().unwrap_or_default();
        let is_given = |carried: &&Carried<'_>| carried.most.iter().all(|most| *most == usize::MAX);
        let (given, chosen): (Vec<&Carried<'_>>, Vec<&Carried<'_>>) = groups.iter().partition(is_given);
        let most = (0..reasons).map(|reason| chosen.iter().filter_map(|carried| carried.most.get(reason).copied()).collect()).collect();
        let of = |list: Vec<&Carried<'_>>| list.into_iter().map(|carried| Group::new(carried.tests, &keys)).collect();
        Self { world, given: of(given), chosen: of(chosen), most, keys }
    }

    /// The keys whose labels may rest, and do not in a pod of this cube, but for those that it has anyway if it has any: ascending.
    fn carried(&self, cube: &LabelCube) -> Vec<usize> {
        let rests = |values: &Values, rest: &Rest| values.contains(rest.as_deref());
        let carried =
            |(key, values): (&Symbol, &Values)| self.keys.get(key).filter(|(_, rest)| !rests(values, rest)).map(|(number, _)| *number);
        let is_given = |key: &usize| self.given.iter().any(|group| group.holding(*key, cube).next().is_some());
        cube.iter().filter_map(carried).filter(|key| !is_given(key)).collect()
    }

    /// What each group that is chosen from offers of these keys to pods of a cube. It is the tests that hold a pod that give it labels.
    fn offers(&self, keys: &[usize], cube: &LabelCube) -> Vec<Offers> {
        let position = |key: &usize| keys.binary_search(key).ok();
        let of = |group: &Group| {
            let mut offers = Offers::default();
            for (at, key) in keys.iter().enumerate() {
                for set in group.holding(*key, cube) {
                    let places: Vec<usize> = set.keys.iter().filter_map(position).collect();
                    // A set stands under each of its keys.
                    if places.first() == Some(&at) {
                        offers.add(places.len(), Bits::of(keys.len(), places.into_iter()));
                    }
                }
            }
            offers
        };
        self.chosen.iter().map(of).collect()
    }
}

/// Sets of keys of one group, by their places among the keys that a pod carries.
#[derive(Debug, Default)]
struct Offers {
    /// None of them is part of another.
    sets: Vec<Bits>,
    /// How many keys the largest has.
    largest: usize,
}

impl Offers {
    /// Adds a set of so many keys, unless there is a better one.
    fn add(&mut self, count: usize, set: Bits) {
        if self.sets.iter().any(|known| set.is_within(known)) {
            return;
        }
        self.sets.retain(|known| !known.is_within(&set));
        self.sets.push(set);
        self.largest = self.largest.max(count);
    }
}

/// Whether sets of these groups together have all of these keys, where of each group so many are left to choose.
fn is_covered(keys: &Bits, groups: &[Offers], left: &[usize]) -> bool {
    let Some(first) = keys.iter().next() else { return true };
    let room = groups.iter().zip(left).map(|(offers, left)| left.saturating_mul(offers.largest));
    if keys.iter().count() > room.fold(0, usize::saturating_add) {
        return false;
    }
    groups.iter().enumerate().any(|(at, offers)| {
        let Some(fewer) = spent(left, at) else { return false };
        let mut sets = offers.sets.iter().filter(|set| set.contains(first));
        sets.any(|set| is_covered(&keys.without(set), groups, &fewer))
    })
}

/// The numbers with one less at a place; none if there is nothing left at it.
fn spent(left: &[usize], at: usize) -> Option<Vec<usize>> {
    let mut fewer = left.to_vec();
    let number = fewer.get_mut(at)?;
    *number = number.checked_sub(1)?;
    Some(fewer)
}

impl Group {
    fn new(tests: &BTreeSet<LabelCube>, keys: &BTreeMap<Symbol, (usize, Rest)>) -> Self {
        let numbers = |test: &LabelCube| test.iter().filter_map(|(key, _)| Some(keys.get(key)?.0)).collect::<BTreeSet<usize>>();
        let mut distinct: BTreeMap<BTreeSet<usize>, Vec<LabelCube>> = BTreeMap::new();
        for test in tests {
            distinct.entry(numbers(test)).or_default().push(test.clone());
        }
        let largest = distinct.keys().map(BTreeSet::len).max().unwrap_or_default();
        let mut sets: Vec<Vec<Keys>> = vec![Vec::new(); keys.len()];
        for (set, tests) in distinct {
            let together = Keys { keys: set.iter().copied().collect(), tests };
            for number in set {
                if let Some(list) = sets.get_mut(number) {
                    list.push(together.clone());
                }
            }
        }
        Self { sets, largest }
    }

    /// The sets in which a key occurs, of tests that hold a pod of a cube.
    fn holding<'g>(&'g self, key: usize, cube: &'g LabelCube) -> impl Iterator<Item = &'g Keys> {
        self.sets.get(key).into_iter().flatten().filter(|set| set.tests.iter().any(|test| test.overlaps(cube)))
    }
}

impl World for FewLabels<'_> {
    fn example(&self, cube: &PodCube) -> Option<Pod> {
        self.world.example(cube)
    }

    fn planes(&self) -> &[PodCube] {
        self.world.planes()
    }

    fn may_be_outside_mesh(&self, pod: &Pod) -> bool {
        self.world.may_be_outside_mesh(pod)
    }

    fn is_considered(&self, cube: &PodCube) -> bool {
        if !self.world.is_considered(cube) {
            return false;
        }
        let carried = self.carried(&cube.labels);
        if carried.is_empty() {
            return !self.most.is_empty();
        }
        // Most that carry too much carry more than all tests could name that are chosen: no test is looked at for these.
        let room = |most: &&Vec<usize>| {
            let each = self.chosen.iter().zip(*most).map(|(group, most)| most.saturating_mul(group.largest));
            carried.len() <= each.fold(0, usize::saturating_add)
        };
        let reasons: Vec<&Vec<usize>> = self.most.iter().filter(room).collect();
        if reasons.is_empty() {
            return false;
        }
        let offers = self.offers(&carried, &cube.labels);
        let all = Bits::of(carried.len(), 0..carried.len());
        reasons.into_iter().any(|most| is_covered(&all, &offers, most))
    }
}
