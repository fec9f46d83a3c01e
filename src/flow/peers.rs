//! Sets of peers: pods that could exist, and addresses.
//!
//! Owns: `PodCube`, `PodSet`, `Peers`. It must not know which pods exist: every set is over all pods that could.

pub use cube::{NAMESPACE_NAME, PodCube};

mod cube;
mod index;
mod simplify;

use std::collections::HashSet;

use index::Index;

use super::{AddressSet, Peer, Pod};

/// A union of cubes, which may overlap.
///
/// Two equal sets may be different values; ask with [`PodSet::is_subset`] both ways.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PodSet(Vec<PodCube>);

impl PodSet {
    /// The empty set.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Every pod.
    pub fn all() -> Self {
        Self(vec![PodCube::all()])
    }

    /// Adds the pods of one cube.
    pub fn push(&mut self, cube: PodCube) {
        if !cube.is_empty() {
            self.0.push(cube);
        }
    }

    /// The cubes; none is empty.
    pub fn cubes(&self) -> &[PodCube] {
        &self.0
    }

    /// Whether no pod is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the pod is in it.
    pub fn contains(&self, pod: &Pod) -> bool {
        self.0.iter().any(|cube| cube.contains(pod))
    }

    /// The pods in either; cubes of the other set that stand in this one already are not repeated.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if self.is_empty() || other.is_empty() {
            return if self.is_empty() { other.clone() } else { self.clone() };
        }
        let known: HashSet<&PodCube> = self.0.iter().collect();
        let new = other.0.iter().filter(|cube| !known.contains(cube));
        Self(self.0.iter().chain(new).cloned().collect())
    }

    /// The pods in both; disjoint cubes where each set's cubes are disjoint.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let others = Index::new(&other.0);
        let meet = |own| others.near(own).filter_map(|(_, cube)| own.intersect(cube));
        Self(self.0.iter().flat_map(meet).collect())
    }

    /// The pods in this set and not in the other; disjoint cubes where this set's cubes are disjoint.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        let others = Index::new(&other.0);
        Self(self.0.iter().flat_map(|cube| minus(cube, &others)).collect())
    }

    /// Whether every pod of this set is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        let others = Index::new(&other.0);
        let within = |cube: &PodCube| others.near(cube).any(|(_, whole)| cube.is_subset(whole)) || minus(cube, &others).is_empty();
        self.0.iter().all(within)
    }

    /// Whether some pod is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let others = Index::new(&other.0);
        self.0.iter().any(|own| others.near(own).any(|(_, cube)| own.overlaps(cube)))
    }

    /// The same set in fewer cubes: those inside another one dropped, those that differ in one test merged; in a fixed order
    /// that does not depend on the order of the cubes before.
    #[must_use]
    pub fn simplify(self) -> Self {
        Self(simplify::simplify(self.0))
    }

    /// The same set with cubes merged that differ in one test, for sets of so many cubes that [`Self::simplify`] would take long: most of
    /// them have fewer cubes then. The order does not depend on that of the cubes before.
    #[must_use]
    pub fn merge(self) -> Self {
        Self(simplify::merge(self.0))
    }
}

/// What is left of one cube.
fn minus(cube: &PodCube, others: &Index<'_>) -> Vec<PodCube> {
    let mut rest = vec![cube.clone()];
    for (_, other) in others.near(cube).filter(|(_, other)| cube.overlaps(other)) {
        rest = rest.iter().flat_map(|piece| piece.subtract(other)).collect();
        if rest.is_empty() {
            break;
        }
    }
    rest
}

impl From<PodCube> for PodSet {
    fn from(cube: PodCube) -> Self {
        std::iter::once(cube).collect()
    }
}

impl FromIterator<PodCube> for PodSet {
    fn from_iter<I: IntoIterator<Item = PodCube>>(cubes: I) -> Self {
        let mut set = Self::none();
        set.extend(cubes);
        set
    }
}

impl Extend<PodCube> for PodSet {
    fn extend<I: IntoIterator<Item = PodCube>>(&mut self, cubes: I) {
        self.0.extend(cubes.into_iter().filter(|cube| !cube.is_empty()));
    }
}

/// A set of peers: pods, and addresses that are no pod's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Peers {
    /// The pods in it.
    pub pods: PodSet,
    /// The addresses in it.
    pub addresses: AddressSet,
}

impl Peers {
    /// The empty set.
    pub const fn none() -> Self {
        Self { pods: PodSet::none(), addresses: AddressSet::none() }
    }

    /// Every pod and every address.
    pub fn all() -> Self {
        Self { pods: PodSet::all(), addresses: AddressSet::all() }
    }

    /// Whether no peer is in it.
    pub fn is_empty(&self) -> bool {
        self.pods.is_empty() && self.addresses.is_empty()
    }

    /// Whether the peer is in it.
    pub fn contains(&self, peer: &Peer) -> bool {
        match peer {
            Peer::Pod(pod) => self.pods.contains(pod),
            Peer::Address(address) => self.addresses.contains(*address),
        }
    }

    /// The peers in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { pods: self.pods.union(&other.pods), addresses: self.addresses.union(&other.addresses) }
    }

    /// The peers in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self { pods: self.pods.intersect(&other.pods), addresses: self.addresses.intersect(&other.addresses) }
    }

    /// The peers in this set and not in the other.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        Self { pods: self.pods.subtract(&other.pods), addresses: self.addresses.subtract(&other.addresses) }
    }

    /// Whether every peer of this set is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.addresses.is_subset(&other.addresses) && self.pods.is_subset(&other.pods)
    }

    /// Whether some peer is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.addresses.overlaps(&other.addresses) || self.pods.overlaps(&other.pods)
    }

    /// The same set in fewer cubes, see [`PodSet::simplify`].
    #[must_use]
    pub fn simplify(self) -> Self {
        Self { pods: self.pods.simplify(), addresses: self.addresses }
    }
}

impl From<PodSet> for Peers {
    fn from(pods: PodSet) -> Self {
        Self { pods, addresses: AddressSet::none() }
    }
}

impl From<AddressSet> for Peers {
    fn from(addresses: AddressSet) -> Self {
        Self { pods: PodSet::none(), addresses }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::cube::tests::{cube, pods};
    use super::*;
    use crate::flow::{LabelCube, Symbol, Values};

    fn set() -> impl Strategy<Value = PodSet> {
        prop::collection::vec(cube(), 0..4).prop_map(|cubes| cubes.into_iter().collect())
    }

    fn members(set: &PodSet) -> Vec<bool> {
        pods().iter().map(|pod| set.contains(pod)).collect()
    }

    proptest! {
        #[test]
        fn algebra_agrees_with_membership(ours in set(), theirs in set()) {
            let pairs = members(&ours).into_iter().zip(members(&theirs));
            let each = |of: fn(bool, bool) -> bool| pairs.clone().map(|(own, other)| of(own, other)).collect::<Vec<_>>();
            prop_assert_eq!(members(&ours.intersect(&theirs)), each(|own, other| own && other));
            prop_assert_eq!(members(&ours.union(&theirs)), each(|own, other| own || other));
            prop_assert_eq!(members(&ours.subtract(&theirs)), each(|own, other| own && !other));
            prop_assert_eq!(ours.is_subset(&theirs), each(|own, other| !own || other).into_iter().all(|holds| holds));
            prop_assert_eq!(ours.overlaps(&theirs), each(|own, other| own && other).contains(&true));
            prop_assert_eq!(ours.is_empty(), !members(&ours).contains(&true));
            for result in [ours.intersect(&theirs), ours.union(&theirs), ours.subtract(&theirs)] {
                prop_assert!(result.cubes().iter().all(|cube| !cube.is_empty()));
            }
        }

        #[test]
        fn simplifying_keeps_the_set_and_forgets_the_order(set in set()) {
            let simple = set.clone().simplify();
            prop_assert_eq!(members(&simple), members(&set));
            prop_assert!(simple.cubes().len() <= set.cubes().len());
            prop_assert_eq!(set.cubes().iter().rev().cloned().collect::<PodSet>().simplify(), simple.clone());
            prop_assert_eq!(simple.clone().simplify(), simple.clone());
            let merged = set.clone().merge();
            prop_assert_eq!(members(&merged), members(&set));
            prop_assert!(merged.cubes().len() <= set.cubes().len());
            prop_assert_eq!(set.cubes().iter().rev().cloned().collect::<PodSet>().merge(), merged);
            for (at, cube) in simple.cubes().iter().enumerate() {
                let others = simple.cubes().iter().enumerate().filter(|(other, _)| *other != at);
                prop_assert!(!others.into_iter().any(|(_, other)| cube.is_subset(other)));
            }
        }

        #[test]
        fn subtraction_undone(ours in set(), theirs in set()) {
            let simple = ours.subtract(&theirs).union(&ours.intersect(&theirs)).simplify();
            prop_assert_eq!(members(&simple), members(&ours));
        }
    }

    #[test]
    fn large_sets_are_judged_as_small_ones() {
        let name = |at: usize| format!("ns-{at}");
        let web = |at: usize| PodCube::in_namespace(&name(at)).labelled("app".into(), Values::one("web".into()));
        let large: PodSet = (0..100).map(web).collect();
        let whole: PodSet = (0..100).map(|at| PodCube::in_namespace(&name(at))).collect();
        assert!(large.is_subset(&whole) && !whole.is_subset(&large) && large.overlaps(&whole));
        assert_eq!(large.intersect(&whole), large);
        assert_eq!(whole.subtract(&large).cubes().len(), 100);
        assert!(large.subtract(&whole).is_empty());
        let pair =
            PodCube { namespace: LabelCube::of(NAMESPACE_NAME.into(), Values::of([name(3).into(), name(99).into()])), ..PodCube::all() };
        assert_eq!(PodSet::from(pair.clone()).intersect(&large).cubes(), [web(3), web(99)]);
        assert!(large.union(&PodSet::from(pair.clone())).overlaps(&PodSet::from(PodCube::in_namespace("ns-3"))));
        assert!(PodSet::from(PodCube::in_namespace("ns-99")).is_subset(&large.union(&PodSet::from(pair))), "one cube for two namespaces");
        assert!(!PodSet::from(PodCube::in_namespace("other")).overlaps(&large));
        assert_eq!(PodSet::all().intersect(&large), large);
        assert_eq!(whole.union(&large).simplify().cubes().len(), 1);
    }

    fn labelled(key: &str, values: &[&str]) -> PodCube {
        PodCube::all().labelled(key.into(), Values::of(values.iter().copied().map(Symbol::from)))
    }

    #[test]
    fn cubes_that_differ_in_one_test_merge() {
        let set: PodSet = [labelled("app", &["b"]), labelled("app", &["a"])].into_iter().collect();
        assert_eq!(set.simplify().cubes(), [labelled("app", &["a", "b"])]);
        let halves: PodSet = PodCube::all().subtract(&labelled("app", &["a"])).into_iter().chain([labelled("app", &["a"])]).collect();
        assert_eq!(halves.simplify(), PodSet::all());
        let apart: PodSet = [labelled("app", &["a"]), labelled("tier", &["a"])].into_iter().collect();
        assert_eq!(apart.clone().simplify().cubes().len(), 2);
        let namespaces: PodSet = ["pay", "shop"].map(PodCube::in_namespace).into_iter().collect();
        let merged = namespaces.simplify();
        assert_eq!(merged.cubes().len(), 1);
        assert_eq!(merged.cubes()[0].namespace_names(), Some(&["pay".into(), "shop".into()][..]));
    }

    #[test]
    fn of_two_ways_to_say_one_cube_always_the_same_stays() {
        let said_otherwise = PodCube { account: Values::present(), ..PodCube::all() };
        let set: PodSet = [said_otherwise.clone(), PodCube::all()].into_iter().collect();
        let turned: PodSet = [PodCube::all(), said_otherwise].into_iter().collect();
        assert_eq!(set.simplify(), turned.simplify());
    }

    #[test]
    fn pods_and_addresses_stay_apart() {
        let pods = Peers::from(PodSet::all());
        let addresses = Peers::from(AddressSet::all());
        assert!(!pods.overlaps(&addresses));
        assert_eq!(pods.union(&addresses), Peers::all());
        assert_eq!(Peers::all().subtract(&pods), addresses);
        assert!(pods.intersect(&addresses).is_empty());
        assert!(addresses.is_subset(&Peers::all()) && !Peers::all().is_subset(&addresses));
        let address = Peer::Address("10.0.0.1".parse().unwrap());
        assert!(addresses.contains(&address) && !pods.contains(&address));
        assert!(cube::tests::pods().into_iter().all(|pod| pods.contains(&Peer::Pod(pod))));
    }
}
