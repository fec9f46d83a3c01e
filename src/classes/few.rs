//! Pods that carry few labels.
//!
//! Owns: `FewLabels`, the part of a world that is enough where judges are held against each other and tests of labels are mostly
//! alternatives ([`LabelTests`](crate::flow::LabelTests) says which). `k` labels that may stand together in any way make `2^k`
//! classes of pods; those of which some three tests name all labels are of the order of `k^3`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Bits, World};
use crate::flow::{LabelCube, Pod, PodCube, Symbol, Values};

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
    /// The keys that a pod may lose, each with its number.
    keys: BTreeMap<Symbol, usize>,
    groups: Vec<Group>,
    /// For each reason, of each group, how many sets of keys a pod carries at most.
    most: Vec<Vec<usize>>,
}

/// By the number of a key, the sets of keys in which it occurs.
#[derive(Debug)]
struct Group(Vec<Vec<Keys>>);

/// Keys that tests name together.
#[derive(Debug, Clone)]
struct Keys {
    keys: Bits,
    /// The tests that name just these.
    tests: Vec<LabelCube>,
}

impl<'w> FewLabels<'w> {
    /// Pods whose labels with these keys, if any, are named by as many tests of the groups as some reason takes; other labels they
    /// may carry freely.
    pub fn new(world: &'w dyn World, keys: &BTreeSet<&Symbol>, groups: &[Carried<'_>]) -> Self {
        let keys: BTreeMap<Symbol, usize> = keys.iter().enumerate().map(|(at, key)| (Symbol::clone(key), at)).collect();
        let reasons = groups.iter().map(|carried| carried.most.len()).min().unwrap_or_default();
        let most = (0..reasons).map(|reason| groups.iter().filter_map(|carried| carried.most.get(reason).copied()).collect()).collect();
        let groups = groups.iter().map(|carried| Group::new(carried.tests, &keys)).collect();
        Self { world, keys, groups, most }
    }

    /// The keys that a pod of this cube must have and may lose.
    fn carried(&self, labels: &LabelCube) -> Bits {
        let carried = |(key, values): (&Symbol, &Values)| self.keys.get(key).copied().filter(|_| !values.allows_absent());
        Bits::of(self.keys.len(), labels.iter().filter_map(carried))
    }

    /// Whether sets of the groups together have all of these keys of a pod of a cube, where of each group so many are left to choose. It
    /// is the tests that hold a pod that give it labels.
    fn is_covered(&self, keys: &Bits, cube: &LabelCube, left: &[usize]) -> bool {
        let Some(first) = keys.iter().next() else { return true };
        self.groups.iter().enumerate().any(|(at, group)| {
            let Some(fewer) = spent(left, at) else { return false };
            let sets = group.0.get(first).into_iter().flatten().filter(|set| set.tests.iter().any(|test| test.overlaps(cube)));
            sets.into_iter().any(|set| self.is_covered(&keys.without(&set.keys), cube, &fewer))
        })
    }
}

/// The numbers with one less at a place; none if there is nothing left at it.
fn spent(left: &[usize], at: usize) -> Option<Vec<usize>> {
    let mut fewer = left.to_vec();
    let number = fewer.get_mut(at)?;
    *number = number.checked_sub(1)?;
    Some(fewer)
}

impl Group {
    fn new(tests: &BTreeSet<LabelCube>, keys: &BTreeMap<Symbol, usize>) -> Self {
        let numbers = |test: &LabelCube| test.iter().filter_map(|(key, _)| keys.get(key).copied()).collect::<BTreeSet<usize>>();
        let mut distinct: BTreeMap<BTreeSet<usize>, Vec<LabelCube>> = BTreeMap::new();
        for test in tests {
            distinct.entry(numbers(test)).or_default().push(test.clone());
        }
        let mut sets: Vec<Vec<Keys>> = vec![Vec::new(); keys.len()];
        for (set, tests) in distinct {
            let together = Keys { keys: Bits::of(keys.len(), set.iter().copied()), tests };
            for number in set {
                if let Some(list) = sets.get_mut(number) {
                    list.push(together.clone());
                }
            }
        }
        Self(sets)
    }
}

impl World for FewLabels<'_> {
    fn example(&self, cube: &PodCube) -> Option<Pod> {
        self.world.example(cube)
    }

    fn is_considered(&self, cube: &PodCube) -> bool {
        if !self.world.is_considered(cube) {
            return false;
        }
        let carried = self.carried(&cube.labels);
        self.most.iter().any(|most| self.is_covered(&carried, &cube.labels, most))
    }
}
