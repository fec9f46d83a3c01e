//! Pods that carry few labels.
//!
//! Owns: `FewLabels`, the part of a world that is enough where judges are held against each other and tests of labels are mostly
//! alternatives ([`LabelTests`] says which). `k` labels that may stand together in any way make `2^k` classes of pods; those by
//! which some four tests hold a pod are of the order of `k^4`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Bits, World};
use crate::flow::{LabelCube, LabelTests, Pod, PodCube, Symbol, Values};

/// The pods of a world whose labels are those of a few tests.
#[derive(Debug)]
pub struct FewLabels<'w> {
    world: &'w dyn World,
    /// The keys that a pod may lose, each with its number.
    keys: BTreeMap<Symbol, usize>,
    /// By the number of a key, the keys of each test in which it occurs.
    tests: Vec<Vec<Bits>>,
    /// How many tests' keys a pod carries at most.
    most: usize,
}

impl<'w> FewLabels<'w> {
    /// Pods that carry the keys of no more than `most` tests of rules, and any labels that other tests look at.
    pub fn new(world: &'w dyn World, tests: &LabelTests, most: usize) -> Self {
        let settling = settling_keys(tests);
        let sets: BTreeSet<BTreeSet<&Symbol>> =
            tests.rules.iter().map(|test| test.iter().map(|(key, _)| key).filter(|key| !settling.contains(key)).collect()).collect();
        let names: BTreeSet<&Symbol> = sets.iter().flatten().copied().collect();
        let keys: BTreeMap<Symbol, usize> = names.into_iter().enumerate().map(|(at, key)| (Symbol::clone(key), at)).collect();
        let mut by_key = vec![Vec::new(); keys.len()];
        for set in &sets {
            let numbers: Vec<usize> = set.iter().filter_map(|key| keys.get(*key).copied()).collect();
            for number in &numbers {
                if let Some(list) = by_key.get_mut(*number) {
                    list.push(Bits::of(keys.len(), &numbers));
                }
            }
        }
        Self { world, keys, tests: by_key, most }
    }

    /// The keys that a pod of this cube must have and may lose.
    fn carried(&self, labels: &LabelCube) -> Vec<usize> {
        let carried = |(key, values): (&Symbol, &Values)| self.keys.get(key).copied().filter(|_| !values.allows_absent());
        labels.iter().filter_map(carried).collect()
    }

    /// Whether so many tests have all of these keys.
    fn is_covered(&self, keys: &[usize], most: usize) -> bool {
        let Some(first) = keys.first() else { return true };
        // Every key occurs in some test.
        if keys.len() <= most {
            return true;
        }
        let Some(fewer) = most.checked_sub(1) else { return false };
        self.tests.get(*first).into_iter().flatten().any(|test| {
            let rest: Vec<usize> = keys.iter().copied().filter(|key| !test.contains(*key)).collect();
            self.is_covered(&rest, fewer)
        })
    }
}

impl World for FewLabels<'_> {
    fn example(&self, cube: &PodCube) -> Option<Pod> {
        self.world.example(cube)
    }

    fn is_considered(&self, cube: &PodCube) -> bool {
        self.world.is_considered(cube) && self.is_covered(&self.carried(&cube.labels), self.most)
    }
}

/// The keys of labels that no pod may lose: something may follow from their absence, or from more than one test.
fn settling_keys(tests: &LabelTests) -> BTreeSet<&Symbol> {
    let others = tests.others.iter().flat_map(LabelCube::iter).map(|(key, _)| key);
    let by_absence = tests.rules.iter().flat_map(LabelCube::iter).filter(|(_, values)| values.allows_absent()).map(|(key, _)| key);
    others.chain(by_absence).collect()
}
