//! Sets of small numbers, for which workloads stand somewhere.
//!
//! Owns: `Bits`. Only the stretch between the first and the last number is stored, so that the workloads of one namespace,
//! which are neighbours, cost little wherever they stand.

/// How many numbers one word holds.
const WIDTH: usize = 64;

/// A set of numbers. Every set has one representation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Bits {
    /// How many words of nothing come before the stored ones.
    skipped: usize,
    /// Neither the first nor the last is zero.
    words: Vec<u64>,
}

impl Bits {
    /// The numbers below this one.
    pub(super) fn below(end: usize) -> Self {
        (0..end).collect()
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether the number is in it.
    pub(super) fn contains(&self, number: usize) -> bool {
        self.word(number / WIDTH) & mask(number) != 0
    }

    /// The numbers, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        let ones = |(at, word): (usize, &u64)| {
            let (start, word) = ((self.skipped + at) * WIDTH, *word);
            (0..WIDTH).filter(move |bit| word >> bit & 1 == 1).map(move |bit| start + bit)
        };
        self.words.iter().enumerate().filter(|(_, word)| **word != 0).flat_map(ones)
    }

    /// What is in both.
    pub(super) fn intersect(&self, other: &Self) -> Self {
        let start = self.skipped.max(other.skipped);
        let end = self.end().min(other.end());
        let words = (start..end).map(|at| self.word(at) & other.word(at)).collect();
        Self { skipped: start, words }.trimmed()
    }

    /// What is in either.
    pub(super) fn union(&self, other: &Self) -> Self {
        if self.is_empty() || other.is_empty() {
            return if self.is_empty() { other.clone() } else { self.clone() };
        }
        let start = self.skipped.min(other.skipped);
        let end = self.end().max(other.end());
        Self { skipped: start, words: (start..end).map(|at| self.word(at) | other.word(at)).collect() }
    }

    /// Takes out what is in the other.
    pub(super) fn remove(&mut self, other: &Self) {
        let skipped = self.skipped;
        for at in skipped.max(other.skipped)..self.end().min(other.end()) {
            if let Some(word) = self.words.get_mut(at - skipped) {
                *word &= !other.word(at);
            }
        }
        *self = std::mem::take(self).trimmed();
    }

    /// What is in this set and not in the other.
    pub(super) fn subtract(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        rest.remove(other);
        rest
    }

    /// Whether all of it is in the other.
    pub(super) fn is_subset(&self, other: &Self) -> bool {
        (self.skipped..self.end()).all(|at| self.word(at) & !other.word(at) == 0)
    }

    /// One past the last stored word.
    fn end(&self) -> usize {
        self.skipped + self.words.len()
    }

    fn word(&self, at: usize) -> u64 {
        at.checked_sub(self.skipped).and_then(|at| self.words.get(at)).copied().unwrap_or_default()
    }

    fn trimmed(mut self) -> Self {
        let Some(last) = self.words.iter().rposition(|word| *word != 0) else { return Self::default() };
        self.words.truncate(last + 1);
        let zeros = self.words.iter().take_while(|word| **word == 0).count();
        if zeros > 0 {
            self.words.drain(..zeros);
        }
        self.skipped += zeros;
        self
    }
}

impl FromIterator<usize> for Bits {
    fn from_iter<I: IntoIterator<Item = usize>>(numbers: I) -> Self {
        let mut words: Vec<u64> = Vec::new();
        for number in numbers {
            let at = number / WIDTH;
            if words.len() <= at {
                words.resize(at + 1, 0);
            }
            if let Some(word) = words.get_mut(at) {
                *word |= mask(number);
            }
        }
        Self { skipped: 0, words }.trimmed()
    }
}

/// The bit of a number in its word.
const fn mask(number: usize) -> u64 {
    1 << (number % WIDTH)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn numbers() -> impl Strategy<Value = BTreeSet<usize>> {
        prop::collection::btree_set(0_usize..400, 0..20)
    }

    proptest! {
        #[test]
        fn algebra_agrees_with_that_of_sets(ours in numbers(), theirs in numbers()) {
            let bits = |numbers: &BTreeSet<usize>| numbers.iter().copied().collect::<Bits>();
            let (own, other) = (bits(&ours), bits(&theirs));
            prop_assert_eq!(own.iter().collect::<BTreeSet<_>>(), ours.clone());
            prop_assert_eq!(own.intersect(&other), bits(&(&ours & &theirs)));
            prop_assert_eq!(own.union(&other), bits(&(&ours | &theirs)));
            prop_assert_eq!(own.subtract(&other), bits(&(&ours - &theirs)));
            prop_assert_eq!(own.is_subset(&other), ours.is_subset(&theirs));
            prop_assert_eq!(own.is_empty(), ours.is_empty());
            prop_assert!((0..400).all(|number| own.contains(number) == ours.contains(&number)));
        }
    }

    #[test]
    fn neighbours_cost_little_wherever_they_stand() {
        let far: Bits = (100_000..100_010).collect();
        assert_eq!(far.words.len(), 1);
        assert_eq!(Bits::below(130).iter().count(), 130);
    }
}
