//! What one label, account, method or host may be: a finite or co-finite set of words, and whether it may be absent.
//!
//! Owns: `Values`. It must not know which attributes can be absent; callers whose attribute is always present use
//! [`Values::always_present`].

use std::cmp::Ordering;
use std::sync::Arc;

use super::Symbol;

/// A set over "absent" and all words.
///
/// Every set has one representation, so equality of values is equality of sets.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Values {
    words: Words,
    cofinite: bool,
    absent: bool,
}

/// Sorted words without repeats. One word, by far the commonest case, needs no allocation, and copies share the rest.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Words {
    Zero,
    One(Symbol),
    Many(Arc<[Symbol]>),
}

static ANY: Values = Values { words: Words::Zero, cofinite: true, absent: true };

impl Words {
    fn from_sorted(mut words: Vec<Symbol>) -> Self {
        match words.len() {
            0 => Self::Zero,
            1 => words.pop().map_or(Self::Zero, Self::One),
            _ => Self::Many(words.into()),
        }
    }

    fn collect(words: impl IntoIterator<Item = Symbol>) -> Self {
        let mut words: Vec<Symbol> = words.into_iter().collect();
        words.sort_unstable();
        words.dedup();
        Self::from_sorted(words)
    }

    fn as_slice(&self) -> &[Symbol] {
        match self {
            Self::Zero => &[],
            Self::One(word) => std::slice::from_ref(word),
            Self::Many(words) => words,
        }
    }

    fn contains(&self, word: &str) -> bool {
        match self {
            Self::Zero => false,
            // Words of different lengths are told apart without reading them.
            Self::One(own) => **own == *word,
            Self::Many(words) => words.binary_search_by(|own| (**own).cmp(word)).is_ok(),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Zero)
    }

    /// The words of `self` that are in `other` (`Keep::Shared`) or are not (`Keep::Own`).
    fn filtered(&self, other: &Self, keep: Keep) -> Self {
        if self.is_empty() || other.is_empty() {
            return if keep == Keep::Own { self.clone() } else { Self::Zero };
        }
        let is_kept = |word: &&Symbol| other.contains(word) == (keep == Keep::Shared);
        // All or none is by far the commonest case, and needs no list.
        let mut words = self.as_slice().iter();
        if words.all(|word| is_kept(&word)) {
            return self.clone();
        }
        Self::from_sorted(self.as_slice().iter().filter(is_kept).cloned().collect())
    }

    fn shared(&self, other: &Self) -> Self {
        // The shorter side leads, so that one word against thousands costs one search.
        if self.as_slice().len() <= other.as_slice().len() {
            self.filtered(other, Keep::Shared)
        } else {
            other.filtered(self, Keep::Shared)
        }
    }

    fn joined(&self, other: &Self) -> Self {
        if self.is_empty() || self == other {
            return other.clone();
        }
        if other.is_empty() {
            return self.clone();
        }
        Self::collect(self.as_slice().iter().chain(other.as_slice()).cloned())
    }

    fn is_disjoint(&self, other: &Self) -> bool {
        let (short, long) = if self.as_slice().len() <= other.as_slice().len() { (self, other) } else { (other, self) };
        !short.as_slice().iter().any(|word| long.contains(word))
    }

    fn is_subset(&self, other: &Self) -> bool {
        self.as_slice().len() <= other.as_slice().len() && self.as_slice().iter().all(|word| other.contains(word))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Own,
    Shared,
}

impl Values {
    /// Everything: any word, or absent.
    pub const fn any() -> Self {
        Self { words: Words::Zero, cofinite: true, absent: true }
    }

    /// The set of everything, for those who hand out references.
    pub fn any_ref() -> &'static Self {
        &ANY
    }

    /// The empty set.
    pub const fn none() -> Self {
        Self { words: Words::Zero, cofinite: false, absent: false }
    }

    /// Exactly this word.
    pub const fn one(word: Symbol) -> Self {
        Self { words: Words::One(word), cofinite: false, absent: false }
    }

    /// One of these words; not absent. As Kubernetes `In` (`semantics.md` §1.5).
    pub fn of(words: impl IntoIterator<Item = Symbol>) -> Self {
        Self { words: Words::collect(words), cofinite: false, absent: false }
    }

    /// None of these words; absent is in it. As Kubernetes `NotIn` (`semantics.md` §1.5).
    pub fn except(words: impl IntoIterator<Item = Symbol>) -> Self {
        Self { words: Words::collect(words), cofinite: true, absent: true }
    }

    /// Any word, but not absent. As Kubernetes `Exists`.
    pub const fn present() -> Self {
        Self { words: Words::Zero, cofinite: true, absent: false }
    }

    /// Absent only. As Kubernetes `DoesNotExist`.
    pub const fn absent() -> Self {
        Self { words: Words::Zero, cofinite: false, absent: true }
    }

    /// Whether everything is in it.
    pub fn is_any(&self) -> bool {
        self.cofinite && self.absent && self.words.is_empty()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        !self.cofinite && !self.absent && self.words.is_empty()
    }

    /// Whether this word, or `None` for absent, is in it.
    pub fn contains(&self, value: Option<&str>) -> bool {
        match value {
            None => self.absent,
            Some(word) => self.words.contains(word) != self.cofinite,
        }
    }

    /// What is in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let words = match (self.cofinite, other.cofinite) {
            (false, false) => self.words.shared(&other.words),
            (false, true) => self.words.filtered(&other.words, Keep::Own),
            (true, false) => other.words.filtered(&self.words, Keep::Own),
            (true, true) => self.words.joined(&other.words),
        };
        Self { words, cofinite: self.cofinite && other.cofinite, absent: self.absent && other.absent }
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let words = match (self.cofinite, other.cofinite) {
            (false, false) => self.words.joined(&other.words),
            (false, true) => other.words.filtered(&self.words, Keep::Own),
            (true, false) => self.words.filtered(&other.words, Keep::Own),
            (true, true) => self.words.shared(&other.words),
        };
        Self { words, cofinite: self.cofinite || other.cofinite, absent: self.absent || other.absent }
    }

    /// What is in any of these sets.
    pub fn union_of(sets: &[Self]) -> Self {
        // Halves first: joining thousands of words one by one would copy them again each time.
        match sets {
            [] => Self::none(),
            [set] => set.clone(),
            _ => {
                let (left, right) = sets.split_at(sets.len() / 2);
                Self::union_of(left).union(&Self::union_of(right))
            }
        }
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        self.intersect(&other.complement())
    }

    /// What is not in it.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self { words: self.words.clone(), cofinite: !self.cofinite, absent: !self.absent }
    }

    /// Whether all of it is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        if self.absent && !other.absent {
            return false;
        }
        match (self.cofinite, other.cofinite) {
            (false, false) => self.words.is_subset(&other.words),
            (false, true) => self.words.is_disjoint(&other.words),
            (true, false) => false,
            (true, true) => other.words.is_subset(&self.words),
        }
    }

    /// Whether anything is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        if self.absent && other.absent {
            return true;
        }
        match (self.cofinite, other.cofinite) {
            (false, false) => !self.words.is_disjoint(&other.words),
            (false, true) => !self.words.is_subset(&other.words),
            (true, false) => !other.words.is_subset(&self.words),
            // Words never run out: outside two finite sets there is always one more.
            (true, true) => true,
        }
    }

    /// The same set for an attribute that is never absent, in the one form that the algebra keeps: absent is in it exactly
    /// when it is co-finite. Without it two sets of the same words could differ in a case that cannot arise.
    #[must_use]
    pub fn always_present(mut self) -> Self {
        self.absent = self.cofinite;
        self
    }

    /// The one word that is in it, if there is nothing else.
    pub fn single(&self) -> Option<&Symbol> {
        match &self.words {
            Words::One(word) if !self.cofinite && !self.absent => Some(word),
            _ => None,
        }
    }

    /// The words that are in it, or that are out of it where it is co-finite; sorted.
    pub fn words(&self) -> &[Symbol] {
        self.words.as_slice()
    }

    /// Whether all words but finitely many are in it.
    pub fn is_cofinite(&self) -> bool {
        self.cofinite
    }

    /// Whether absent is in it.
    pub fn allows_absent(&self) -> bool {
        self.absent
    }

    /// The words that are in it, where they are finitely many and absent is not in it.
    pub fn finite(&self) -> Option<&[Symbol]> {
        (!self.cofinite && !self.absent).then(|| self.words())
    }
}

impl PartialOrd for Values {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Finite before co-finite, then by words, then without absent before with: an order for output, not inclusion.
impl Ord for Values {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_words = || self.words().cmp(other.words());
        self.cofinite.cmp(&other.cofinite).then_with(by_words).then(self.absent.cmp(&other.absent))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every word that the strategies use, one more, and absent: enough to tell any two of their sets apart.
    const UNIVERSE: [Option<&str>; 5] = [None, Some("a"), Some("b"), Some("c"), Some("other")];

    fn members(values: &Values) -> Vec<bool> {
        UNIVERSE.iter().map(|value| values.contains(*value)).collect()
    }

    fn words(text: &str) -> Vec<Symbol> {
        text.split_whitespace().map(Symbol::from).collect()
    }

    prop_compose! {
        fn values()(named in prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 0..4), cofinite: bool, absent: bool) -> Values {
            let words = named.into_iter().map(Symbol::from);
            let base = if cofinite { Values::except(words) } else { Values::of(words) };
            if absent { base.union(&Values::absent()) } else { base.intersect(&Values::present()) }
        }
    }

    proptest! {
        #[test]
        fn algebra_agrees_with_membership(ours in values(), theirs in values()) {
            let pairs = members(&ours).into_iter().zip(members(&theirs));
            let each = |of: fn(bool, bool) -> bool| pairs.clone().map(|(own, other)| of(own, other)).collect::<Vec<_>>();
            prop_assert_eq!(members(&ours.intersect(&theirs)), each(|own, other| own && other));
            prop_assert_eq!(members(&ours.union(&theirs)), each(|own, other| own || other));
            prop_assert_eq!(members(&ours.subtract(&theirs)), each(|own, other| own && !other));
            prop_assert_eq!(members(&ours.complement()), each(|own, _| !own));
            prop_assert_eq!(ours.is_subset(&theirs), each(|own, other| !own || other).into_iter().all(|holds| holds));
            prop_assert_eq!(ours.overlaps(&theirs), each(|own, other| own && other).contains(&true));
            prop_assert_eq!(ours.is_empty(), !members(&ours).contains(&true));
            prop_assert_eq!(ours.is_any(), !members(&ours).contains(&false));
            prop_assert_eq!(ours == theirs, members(&ours) == members(&theirs));
            prop_assert_eq!(ours.cmp(&theirs).is_eq(), ours == theirs);
        }

        #[test]
        fn a_union_of_many_is_every_union(sets in prop::collection::vec(values(), 0..6)) {
            prop_assert_eq!(Values::union_of(&sets), sets.iter().fold(Values::none(), |sum, set| sum.union(set)));
        }

        #[test]
        fn an_attribute_that_is_always_present_has_one_form(ours in values(), theirs in values()) {
            let (left, right) = (ours.clone().always_present(), theirs.clone().always_present());
            prop_assert_eq!(&members(&left)[1..], &members(&ours)[1..]);
            prop_assert_eq!(left == right, members(&ours)[1..] == members(&theirs)[1..]);
            for result in [left.intersect(&right), left.union(&right), left.subtract(&right), left.complement()] {
                prop_assert_eq!(result.clone().always_present(), result);
            }
        }
    }

    #[test]
    fn kubernetes_operators() {
        let not_in = Values::except(words("a b"));
        assert!(not_in.contains(None), "`NotIn` selects objects without the key");
        assert!(!Values::of(words("a b")).contains(None));
        assert!(!Values::present().contains(None));
        assert!(Values::present().contains(Some("")), "an empty value is present");
        assert_eq!(Values::present().complement(), Values::absent());
    }

    #[test]
    fn single_is_one_word_and_nothing_else() {
        assert_eq!(Values::one("a".into()).single().map(|word| &**word), Some("a"));
        assert_eq!(Values::of(words("a a")).single().map(|word| &**word), Some("a"));
        assert_eq!(Values::of(words("a b")).single(), None);
        assert_eq!(Values::except(words("a")).single(), None);
        assert_eq!(Values::one("a".into()).union(&Values::absent()).single(), None);
        assert_eq!(Values::none().single(), None);
    }

    #[test]
    fn words_come_sorted_and_once() {
        assert_eq!(Values::of(words("c a b a")).words(), words("a b c"));
        assert_eq!(Values::of(words("b a")).finite(), Some(&words("a b")[..]));
        assert_eq!(Values::except(words("b a")).finite(), None);
        assert_eq!(Values::absent().finite(), None);
    }
}
