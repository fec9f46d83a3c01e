//! Sets of numbers as sorted, disjoint, inclusive ranges.
//!
//! Owns: `Intervals` over `u16`, `u32` and `u128`. It must not know what the numbers mean.

/// A number type that intervals may run over.
pub trait Point: Copy + Ord + std::fmt::Debug {
    /// The smallest number.
    const MIN: Self;
    /// The largest number.
    const MAX: Self;
    /// The number after this one.
    fn next(self) -> Option<Self>;
    /// The number before this one.
    fn previous(self) -> Option<Self>;
}

macro_rules! point {
    ($($number:ty),*) => {$(
        impl Point for $number {
            const MIN: Self = <$number>::MIN;
            const MAX: Self = <$number>::MAX;
            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }
            fn previous(self) -> Option<Self> {
                self.checked_sub(1)
            }
        }
    )*};
}

point!(u16, u32, u128);

// Small enough that the tests below can ask about every number.
#[cfg(test)]
point!(u8);

/// A set of numbers. Ranges that touch are one range, so equality of values is equality of sets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Intervals<T> {
    ranges: Vec<(T, T)>,
}

impl<T> Default for Intervals<T> {
    fn default() -> Self {
        Self { ranges: Vec::new() }
    }
}

impl<T: Point> Intervals<T> {
    /// The empty set.
    pub const fn none() -> Self {
        Self { ranges: Vec::new() }
    }

    /// Every number of the type.
    pub fn all() -> Self {
        Self { ranges: vec![(T::MIN, T::MAX)] }
    }

    /// The numbers from `low` to `high`, both included; nothing if `low` is above `high`.
    pub fn of(low: T, high: T) -> Self {
        if low > high { Self::none() } else { Self { ranges: vec![(low, high)] } }
    }

    /// The union of any number of ranges, in any order.
    pub fn collect(ranges: impl IntoIterator<Item = (T, T)>) -> Self {
        let mut ranges: Vec<(T, T)> = ranges.into_iter().filter(|(low, high)| low <= high).collect();
        ranges.sort_unstable();
        let mut joined: Vec<(T, T)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match joined.last_mut() {
                Some((_, end)) if end.next().is_none_or(|next| low <= next) => *end = high.max(*end),
                _ => joined.push((low, high)),
            }
        }
        Self { ranges: joined }
    }

    /// The ranges, ascending; between two of them lies at least one number that is not in the set.
    pub fn ranges(&self) -> &[(T, T)] {
        &self.ranges
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether every number is in it.
    pub fn is_all(&self) -> bool {
        self.ranges.as_slice() == [(T::MIN, T::MAX)]
    }

    /// Whether the number is in it.
    pub fn contains(&self, number: T) -> bool {
        let at = self.ranges.partition_point(|(_, high)| *high < number);
        self.ranges.get(at).is_some_and(|(low, _)| *low <= number)
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if other.is_empty() || self == other {
            return self.clone();
        }
        if self.is_empty() {
            return other.clone();
        }
        Self::collect(self.ranges.iter().chain(&other.ranges).copied())
    }

    /// What is in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let mut ranges = Vec::new();
        self.meet(other, |low, high| {
            ranges.push((low, high));
            Meet::GoOn
        });
        Self { ranges }
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        if self.is_empty() || other.is_empty() {
            return self.clone();
        }
        self.intersect(&other.complement())
    }

    /// What is not in it.
    #[must_use]
    pub fn complement(&self) -> Self {
        let mut gaps = Vec::with_capacity(self.ranges.len() + 1);
        let mut start = Some(T::MIN);
        for (low, high) in &self.ranges {
            if let (Some(start), Some(end)) = (start, low.previous())
                && start <= end
            {
                gaps.push((start, end));
            }
            start = high.next();
        }
        gaps.extend(start.map(|start| (start, T::MAX)));
        Self { ranges: gaps }
    }

    /// Whether all of it is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        let mut rest = other.ranges.iter().peekable();
        self.ranges.iter().all(|(low, high)| {
            while rest.next_if(|(_, end)| end < low).is_some() {}
            rest.peek().is_some_and(|(start, end)| start <= low && high <= end)
        })
    }

    /// Whether any number is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let mut found = false;
        self.meet(other, |_, _| {
            found = true;
            Meet::Stop
        });
        found
    }

    /// Calls `with` for each range that is in both, ascending, until it says stop.
    fn meet(&self, other: &Self, mut with: impl FnMut(T, T) -> Meet) {
        let (mut ours, mut theirs) = (self.ranges.iter().peekable(), other.ranges.iter().peekable());
        while let (Some(&&(low, high)), Some(&&(start, end))) = (ours.peek(), theirs.peek()) {
            let (from, to) = (low.max(start), high.min(end));
            if from <= to && with(from, to) == Meet::Stop {
                return;
            }
            if high <= end {
                ours.next();
            } else {
                theirs.next();
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Meet {
    GoOn,
    Stop,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn members(set: &Intervals<u8>) -> Vec<bool> {
        (0..=u8::MAX).map(|number| set.contains(number)).collect()
    }

    /// Ranges that like to touch, to nest and to reach both ends.
    fn set() -> impl Strategy<Value = Intervals<u8>> {
        let number = prop_oneof![0_u8..=8, 120_u8..=130, 250_u8..=u8::MAX];
        prop::collection::vec((number.clone(), number), 0..5).prop_map(Intervals::collect)
    }

    proptest! {
        #[test]
        fn collecting_agrees_with_membership(ranges in prop::collection::vec((0_u8..12, 0_u8..12), 0..6)) {
            let set = Intervals::collect(ranges.clone());
            for number in 0..=u8::MAX {
                let expected = ranges.iter().any(|(low, high)| (*low..=*high).contains(&number));
                prop_assert_eq!(set.contains(number), expected);
            }
        }

        #[test]
        fn algebra_agrees_with_membership(ours in set(), theirs in set()) {
            let pairs = members(&ours).into_iter().zip(members(&theirs));
            let each = |of: fn(bool, bool) -> bool| pairs.clone().map(|(own, other)| of(own, other)).collect::<Vec<_>>();
            prop_assert_eq!(members(&ours.intersect(&theirs)), each(|own, other| own && other));
            prop_assert_eq!(members(&ours.union(&theirs)), each(|own, other| own || other));
            prop_assert_eq!(members(&ours.subtract(&theirs)), each(|own, other| own && !other));
            prop_assert_eq!(members(&ours.complement()), each(|own, _| !own));
            prop_assert_eq!(ours.is_subset(&theirs), each(|own, other| !own || other).into_iter().all(|holds| holds));
            prop_assert_eq!(ours.overlaps(&theirs), each(|own, other| own && other).contains(&true));
            prop_assert_eq!(ours.is_empty(), !members(&ours).contains(&true));
            prop_assert_eq!(ours.is_all(), !members(&ours).contains(&false));
        }

        #[test]
        fn every_result_is_in_canonical_form(ours in set(), theirs in set()) {
            for result in [ours.union(&theirs), ours.intersect(&theirs), ours.subtract(&theirs), ours.complement()] {
                prop_assert!(result.ranges().iter().all(|(low, high)| low <= high));
                let apart = |pair: &[(u8, u8)]| u16::from(pair[0].1) + 1 < u16::from(pair[1].0);
                prop_assert!(result.ranges().windows(2).all(apart));
            }
        }
    }

    #[test]
    fn ends_of_the_type() {
        let all = Intervals::<u128>::all();
        assert!(all.complement().is_empty());
        assert_eq!(Intervals::none().complement(), all);
        let last = Intervals::of(u128::MAX, u128::MAX);
        assert_eq!(all.subtract(&last).ranges(), [(0, u128::MAX - 1)]);
        assert_eq!(all.subtract(&last).union(&last), all);
        assert!(Intervals::of(5_u16, 4).is_empty());
    }
}
