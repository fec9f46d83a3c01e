//! Sets of label assignments: a conjunction of tests, one set of values per key.
//!
//! Owns: `Labels`, `LabelCube`. It must not know which keys mean something to Kubernetes.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::{Symbol, Values};

/// All labels of one object.
pub type Labels = BTreeMap<Symbol, Symbol>;

/// All label assignments that pass every one of its tests.
///
/// Keys that may be anything are not stored, so that equal cubes that are not empty are equal values.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct LabelCube {
    tests: Vec<(Symbol, Values)>,
}

impl LabelCube {
    /// Every assignment.
    pub const fn all() -> Self {
        Self { tests: Vec::new() }
    }

    /// The assignments whose value of this key is in the set.
    pub fn of(key: Symbol, values: Values) -> Self {
        Self::all().with(key, values)
    }

    /// This cube with one more test; a test of a key that it tests already narrows that test.
    #[must_use]
    pub fn with(mut self, key: Symbol, values: Values) -> Self {
        match self.position(&key) {
            Ok(at) => {
                if let Some((_, own)) = self.tests.get_mut(at) {
                    *own = own.intersect(&values);
                }
            }
            Err(at) if !values.is_any() => self.tests.insert(at, (key, values)),
            Err(_) => {}
        }
        self
    }

    /// Narrows it by another cube, whose words are copied only where they add something.
    fn narrow(&mut self, other: &Self) {
        for (key, values) in &other.tests {
            match self.position(key) {
                Ok(at) => {
                    if let Some((_, own)) = self.tests.get_mut(at).filter(|(_, own)| own != values) {
                        *own = own.intersect(values);
                    }
                }
                Err(at) => self.tests.insert(at, (Symbol::clone(key), values.clone())),
            }
        }
    }

    /// This cube with the test of one key replaced; `Values::any()` removes it.
    #[must_use]
    pub fn replaced(mut self, key: &Symbol, values: Values) -> Self {
        match self.position(key) {
            Ok(at) if values.is_any() => drop(self.tests.remove(at)),
            Ok(at) => {
                if let Some((_, own)) = self.tests.get_mut(at) {
                    *own = values;
                }
            }
            Err(at) if !values.is_any() => self.tests.insert(at, (Symbol::clone(key), values)),
            Err(_) => {}
        }
        self
    }

    /// What the key may be.
    pub fn get(&self, key: &str) -> &Values {
        let found = self.tests.iter().find(|(own, _)| **own == *key);
        found.map_or(Values::any_ref(), |(_, values)| values)
    }

    /// The keys that are tested and what they may be, by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Symbol, &Values)> {
        self.tests.iter().map(|(key, values)| (key, values))
    }

    /// Whether no assignment passes.
    pub fn is_empty(&self) -> bool {
        self.tests.iter().any(|(_, values)| values.is_empty())
    }

    /// Whether every assignment passes.
    pub fn is_all(&self) -> bool {
        self.tests.is_empty()
    }

    /// Whether this assignment passes.
    pub fn contains(&self, labels: &Labels) -> bool {
        self.tests.iter().all(|(key, values)| values.contains(labels.get(key).map(|value| &**value)))
    }

    /// The assignments that pass both; `None` if there are none.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        if !self.overlaps(other) {
            return None;
        }
        let (short, long) = if self.tests.len() <= other.tests.len() { (self, other) } else { (other, self) };
        let mut meet = long.clone();
        meet.narrow(short);
        Some(meet)
    }

    /// Whether some assignment passes both.
    pub fn overlaps(&self, other: &Self) -> bool {
        if self.is_empty() || other.is_empty() {
            return false;
        }
        let (short, long) = if self.tests.len() <= other.tests.len() { (self, other) } else { (other, self) };
        short.tests.iter().all(|(key, values)| values.overlaps(long.get(key)))
    }

    /// The assignments that pass this cube and not the other, as disjoint cubes.
    pub fn subtract(&self, other: &Self) -> Vec<Self> {
        if self.is_empty() {
            return Vec::new();
        }
        if !self.overlaps(other) {
            return vec![self.clone()];
        }
        if self.is_subset(other) {
            return Vec::new();
        }
        let mut pieces = Vec::new();
        let mut rest = self.clone();
        let mut cut: Option<&(Symbol, Values)> = None;
        for test in &other.tests {
            let (key, values) = test;
            let outside = self.get(key).subtract(values);
            if outside.is_empty() {
                continue;
            }
            // What is left is narrowed only where another piece comes of it; of one test, which is the rule, none does.
            if let Some((key, values)) = cut.replace(test) {
                rest = rest.with(Symbol::clone(key), values.clone());
            }
            pieces.push(rest.clone().replaced(key, outside));
        }
        pieces
    }

    /// Whether every assignment that passes this cube passes the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.is_empty() || other.tests.iter().all(|(key, values)| self.get(key).is_subset(values))
    }

    /// Every test as key and value, where each key may be one value only.
    pub fn equalities(&self) -> Option<Vec<(Symbol, Symbol)>> {
        let pair = |(key, values): &(Symbol, Values)| Some((Symbol::clone(key), Symbol::clone(values.single()?)));
        self.tests.iter().map(pair).collect()
    }

    /// The nearest superset that an Istio selector can say: the tests of other than a single value are dropped
    /// (`semantics.md` §2.1).
    #[must_use]
    pub fn widened(&self) -> Self {
        let tests = self.tests.iter().filter(|(_, values)| values.single().is_some()).cloned().collect();
        Self { tests }
    }

    /// The same set as disjoint cubes that test single values only; `None` if they would be more than the limit, or if a
    /// test admits absence or infinitely many values.
    pub fn enumerated(&self, limit: usize) -> Option<Vec<Self>> {
        let mut count = 1_usize;
        for (_, values) in &self.tests {
            count = count.checked_mul(values.finite()?.len())?;
        }
        if count > limit {
            return None;
        }
        let singles = |values: &Values| values.words().iter().cloned().map(Values::one).collect();
        Some(self.split(singles))
    }

    /// The same set as disjoint cubes that are each one Kubernetes `LabelSelector`: "one of these values, or absent" is two
    /// (`semantics.md` §1.5). An empty cube has none.
    pub fn selectors(&self) -> Vec<Self> {
        if self.is_empty() {
            return Vec::new();
        }
        self.split(|values| {
            let two = values.allows_absent() && !values.is_cofinite() && !values.words().is_empty();
            if two { vec![values.intersect(&Values::present()), Values::absent()] } else { vec![values.clone()] }
        })
    }

    /// The product of the parts into which each test falls, in the order of the keys.
    fn split(&self, parts: impl Fn(&Values) -> Vec<Values>) -> Vec<Self> {
        let mut cubes = vec![Self { tests: Vec::with_capacity(self.tests.len()) }];
        for (key, values) in &self.tests {
            let parts = parts(values);
            if let [part] = parts.as_slice() {
                for cube in &mut cubes {
                    cube.tests.push((Symbol::clone(key), part.clone()));
                }
                continue;
            }
            let grow = |cube: Self| {
                let longer = |part: &Values| cube.clone().with(Symbol::clone(key), part.clone());
                parts.iter().map(longer).collect::<Vec<_>>()
            };
            cubes = cubes.into_iter().flat_map(grow).collect();
        }
        cubes
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        // Cubes have one to three tests as a rule, where a walk beats a search.
        for (at, (own, _)) in self.tests.iter().enumerate() {
            match (**own).cmp(key) {
                Ordering::Less => {}
                Ordering::Equal => return Ok(at),
                Ordering::Greater => return Err(at),
            }
        }
        Err(self.tests.len())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    const VALUES: [Option<&str>; 5] = [None, Some("a"), Some("b"), Some("c"), Some("other")];

    fn universe() -> Vec<Labels> {
        let mut all = Vec::new();
        for app in VALUES {
            for tier in VALUES {
                let pairs = [("app", app), ("tier", tier)];
                all.push(pairs.into_iter().filter_map(|(key, value)| Some((key.into(), value?.into()))).collect());
            }
        }
        all
    }

    fn members(cube: &LabelCube) -> Vec<bool> {
        universe().iter().map(|labels| cube.contains(labels)).collect()
    }

    /// How many of the cubes hold each assignment.
    fn holders(cubes: &[LabelCube]) -> Vec<usize> {
        universe().iter().map(|labels| cubes.iter().filter(|cube| cube.contains(labels)).count()).collect()
    }

    prop_compose! {
        fn values()(named in prop::sample::subsequence(vec!["a", "b", "c"], 0..=3), cofinite: bool, absent: bool) -> Values {
            let words = named.into_iter().map(Symbol::from);
            let base = if cofinite { Values::except(words) } else { Values::of(words) };
            if absent { base.union(&Values::absent()) } else { base.intersect(&Values::present()) }
        }
    }

    prop_compose! {
        pub(in super::super) fn cube()(app in prop::option::of(values()), tier in prop::option::of(values())) -> LabelCube {
            let with = |cube: LabelCube, key: &str, values: Option<Values>| values.map_or(cube.clone(), |values| cube.with(key.into(), values));
            with(with(LabelCube::all(), "tier", tier), "app", app)
        }
    }

    proptest! {
        #[test]
        fn algebra_agrees_with_membership(ours in cube(), theirs in cube()) {
            let pairs = members(&ours).into_iter().zip(members(&theirs));
            let each = |of: fn(bool, bool) -> bool| pairs.clone().map(|(own, other)| of(own, other)).collect::<Vec<_>>();
            let both = each(|own, other| own && other);
            prop_assert_eq!(ours.overlaps(&theirs), both.contains(&true));
            prop_assert_eq!(ours.is_empty(), !members(&ours).contains(&true));
            prop_assert_eq!(ours.is_all(), !members(&ours).contains(&false));
            prop_assert_eq!(ours.is_subset(&theirs), each(|own, other| !own || other).into_iter().all(|holds| holds));
            match ours.intersect(&theirs) {
                Some(meet) => prop_assert_eq!(members(&meet), both),
                None => prop_assert!(!both.contains(&true)),
            }
            let pieces = ours.subtract(&theirs);
            prop_assert_eq!(holders(&pieces), each(|own, other| own && !other).into_iter().map(usize::from).collect::<Vec<_>>());
            prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
            if !ours.is_empty() && !theirs.is_empty() {
                prop_assert_eq!(ours == theirs, members(&ours) == members(&theirs));
            }
        }

        #[test]
        fn selectors_split_exactly(cube in cube()) {
            let selectors = cube.selectors();
            prop_assert_eq!(holders(&selectors), members(&cube).into_iter().map(usize::from).collect::<Vec<_>>());
            for (_, values) in selectors.iter().flat_map(LabelCube::iter) {
                prop_assert!(values.is_cofinite() || !values.allows_absent() || values.words().is_empty());
            }
        }

        #[test]
        fn widening_keeps_the_single_values(cube in cube()) {
            let wide = cube.widened();
            prop_assert!(cube.is_subset(&wide));
            prop_assert!(wide.equalities().is_some());
            let singles = cube.iter().filter(|(_, values)| values.single().is_some()).count();
            prop_assert_eq!(wide.iter().len(), singles);
            prop_assert_eq!(cube.equalities().is_some(), cube == wide);
        }

        #[test]
        fn enumeration_is_exact(cube in cube(), limit in 0_usize..10) {
            let finite = cube.iter().all(|(_, values)| values.finite().is_some());
            let count: usize = cube.iter().map(|(_, values)| values.words().len()).product();
            match cube.enumerated(limit) {
                None => prop_assert!(!finite || count > limit),
                Some(cubes) => {
                    prop_assert!(finite && count <= limit);
                    prop_assert_eq!(holders(&cubes), members(&cube).into_iter().map(usize::from).collect::<Vec<_>>());
                    prop_assert!(cubes.iter().all(|cube| cube.equalities().is_some()));
                }
            }
        }
    }

    #[test]
    fn subtraction_follows_the_formula() {
        let one = |key: &str, word: &str| LabelCube::of(key.into(), Values::one(word.into()));
        let not = |word: &str| Values::except([word.into()]);
        let both = one("app", "a").with("tier".into(), Values::one("b".into()));
        let expected = vec![LabelCube::of("app".into(), not("a")), one("app", "a").with("tier".into(), not("b"))];
        assert_eq!(LabelCube::all().subtract(&both), expected);
        assert_eq!(one("app", "a").subtract(&one("app", "b")), [one("app", "a")]);
        assert_eq!(one("app", "a").subtract(&LabelCube::all()), []);
    }

    #[test]
    fn a_test_of_anything_is_not_stored() {
        assert!(LabelCube::of("app".into(), Values::any()).is_all());
        let cube = LabelCube::of("app".into(), Values::present());
        assert!(cube.clone().replaced(&"app".into(), Values::any()).is_all());
        assert_eq!(cube.get("app"), &Values::present());
        assert_eq!(cube.get("tier"), &Values::any());
    }
}
