//! By which labels a judge tells pods apart, namespace by namespace.
//!
//! Owns: `LabelTests`, and what it promises. It must not know what a test is for.

use std::collections::{BTreeMap, BTreeSet};

use super::{LabelCube, Symbol, Values};

/// All tests of pods' labels by which a judge tells pods apart, by the namespaces of these pods.
///
/// The contract, about labels alone: leave the pods of a flow their namespaces, accounts and data planes, and put labels of
/// either pod to rest: take them away, or give them a value, so that no test of that key passes any more ([`rest`]); but none of a key that
/// has no such rest, and none that a test of `others` names which holds the pod. What counts for a pod are the tests of *its own* namespace ([`LabelTests::of`]), whichever end
/// it is and wherever the other end lives. Then the answer of either end stays the same as long as the source keeps the keys of at
/// most one test of `sources` that holds it, and the destination those of at most one of `destinations` and, at its own end, one of
/// `mesh` and two of `ports`. Which ones these are differs from flow to flow: they are why the flow passes, or why it does not. A
/// flow that is stopped needs one of `destinations` and `mesh` together, and two of `ports`; and so does one that is left open, so as
/// not to pass for sure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelTests {
    /// Tests of pods of every namespace.
    everywhere: PodTests,
    /// Tests of pods of one namespace only, besides.
    within: BTreeMap<Symbol, PodTests>,
}

/// All tests by which a judge tells the pods of one namespace apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodTests {
    /// Tests of pods that call, at their own end and at the other. They are alternatives to each other: one that holds a pod does
    /// what it does whichever others hold it.
    pub sources: BTreeSet<LabelCube>,
    /// Tests of pods that are called, at their own end and at the other: alternatives too.
    pub destinations: BTreeSet<LabelCube>,
    /// Tests of pods that are called, by a second gate at their own end: alternatives to each other, not to the first gate's.
    pub mesh: BTreeSet<LabelCube>,
    /// Tests of pods that are called, which say what a second gate takes their ports for: what it takes one for at a pod follows from
    /// two of those that hold it, at most.
    pub ports: BTreeSet<LabelCube>,
    /// All other tests: of what settles for a pod which data plane it has, how its connections are protected, which tokens
    /// are checked, and of whatever is not understood. All that hold a pod count.
    pub others: BTreeSet<LabelCube>,
    /// Tests that no answer hangs on, but something else that is asked about flows, and that none may pass which did not: which pods can
    /// exist, or which differences somebody takes.
    pub besides: BTreeSet<LabelCube>,
}

/// What a test is one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestRole {
    /// [`PodTests::sources`].
    Source,
    /// [`PodTests::destinations`].
    Destination,
    /// [`PodTests::mesh`].
    Mesh,
    /// [`PodTests::ports`].
    Port,
    /// [`PodTests::others`].
    Other,
    /// [`PodTests::besides`].
    Beside,
}

impl LabelTests {
    /// Adds a test of pods in namespaces of these names. What holds every pod tells none apart, and neither does what holds none.
    pub fn add(&mut self, role: TestRole, names: &Values, test: LabelCube) {
        if test.is_all() || test.is_empty() {
            return;
        }
        if names.is_cofinite() {
            return self.everywhere.add(role, test);
        }
        for name in names.words() {
            self.within.entry(Symbol::clone(name)).or_default().add(role, test.clone());
        }
    }

    /// Takes in the tests of another judge.
    pub fn extend(&mut self, other: Self) {
        self.everywhere.extend(other.everywhere);
        for (name, tests) in other.within {
            self.within.entry(name).or_default().extend(tests);
        }
    }

    /// The tests of pods of a namespace.
    pub fn of(&self, namespace: &str) -> PodTests {
        let mut tests = self.everywhere.clone();
        tests.extend(self.within.get(namespace).cloned().unwrap_or_default());
        tests
    }

    /// The tests of pods of a namespace that is none of [`LabelTests::namespaces`].
    pub const fn elsewhere(&self) -> &PodTests {
        &self.everywhere
    }

    /// The tests of pods of any namespace, together.
    pub fn of_any(&self) -> PodTests {
        let mut tests = self.everywhere.clone();
        self.within.values().for_each(|within| tests.extend(within.clone()));
        tests
    }

    /// The namespaces whose pods have tests of their own, in order.
    pub fn namespaces(&self) -> impl Iterator<Item = &Symbol> {
        self.within.keys()
    }
}

impl PodTests {
    fn add(&mut self, role: TestRole, test: LabelCube) {
        let tests = match role {
            TestRole::Source => &mut self.sources,
            TestRole::Destination => &mut self.destinations,
            TestRole::Mesh => &mut self.mesh,
            TestRole::Port => &mut self.ports,
            TestRole::Other => &mut self.others,
            TestRole::Beside => &mut self.besides,
        };
        tests.insert(test);
    }

    /// Takes in other tests of the same pods.
    pub fn extend(&mut self, other: Self) {
        self.sources.extend(other.sources);
        self.destinations.extend(other.destinations);
        self.mesh.extend(other.mesh);
        self.ports.extend(other.ports);
        self.others.extend(other.others);
        self.besides.extend(other.besides);
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &LabelCube> {
        self.sources.iter().chain(&self.destinations).chain(&self.mesh).chain(&self.ports).chain(&self.others).chain(&self.besides)
    }

    /// Which labels no pod may lose, because something may follow from their absence.
    pub fn settling_keys(&self) -> BTreeSet<&Symbol> {
        self.iter().flat_map(LabelCube::iter).filter(|(_, values)| values.allows_absent()).map(|(key, _)| key).collect()
    }
}

/// What a label rests by: a value, or its absence where that is none.
pub type Rest = Option<Symbol>;

/// What a label of a key is put to rest by, where these are all tests of the key: what none of them lets pass, absence before any value.
/// None if there is no such thing.
pub fn rest<'v>(tests: &(impl Iterator<Item = &'v Values> + Clone)) -> Option<Rest> {
    if tests.clone().all(|values| !values.allows_absent()) {
        return Some(None);
    }
    let named: BTreeSet<&Symbol> = tests.clone().flat_map(Values::words).collect();
    // A value that nobody names stands for all others.
    let others = (0..=named.len()).map(|number| Symbol::from(format!("other-{number}"))).find(|word| !named.contains(word));
    let words = named.into_iter().cloned().chain(others);
    words.into_iter().find(|word| tests.clone().all(|values| !values.contains(Some(&**word)))).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(key: &str, values: Values) -> LabelCube {
        LabelCube::of(key.into(), values)
    }

    fn keys(tests: &PodTests) -> Vec<String> {
        tests.settling_keys().into_iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_namespace_has_its_own_tests_and_those_of_all() {
        let mut tests = LabelTests::default();
        let names = |names: &[&str]| Values::of(names.iter().map(|name| Symbol::from(*name)));
        tests.add(TestRole::Other, &names(&["shop"]), test("app", Values::except(["db".into()])));
        tests.add(TestRole::Other, &names(&["shop"]), test("name", Values::one("db".into())));
        tests.add(TestRole::Source, &names(&["shop", "dev"]), test("part", Values::absent()));
        tests.add(TestRole::Destination, &Values::except(["shop".into()]), test("tier", Values::except(["x".into()])));
        assert_eq!(keys(&tests.of("shop")), ["app", "part", "tier"]);
        assert_eq!(keys(&tests.of("dev")), ["part", "tier"]);
        assert_eq!(keys(&tests.of("any")), ["tier"]);
        assert_eq!(tests.of("any"), *tests.elsewhere());
        assert_eq!(keys(&tests.of_any()), ["app", "part", "tier"]);
        assert_eq!(tests.of("shop").iter().count(), 4);
        assert_eq!(tests.namespaces().map(|name| &**name).collect::<Vec<_>>(), ["dev", "shop"]);
    }

    #[test]
    fn what_holds_all_pods_or_none_is_no_test() {
        let mut tests = LabelTests::default();
        tests.add(TestRole::Other, &Values::any(), LabelCube::all());
        tests.add(TestRole::Other, &Values::one("shop".into()), test("app", Values::of([])));
        assert_eq!(tests, LabelTests::default());
    }

    #[test]
    fn a_label_rests_where_no_test_of_it_passes() {
        let none = Values::absent();
        let [a, b, not_a, not_b] =
            [Values::one("a".into()), Values::one("b".into()), Values::except(["a".into()]), Values::except(["b".into()])];
        let rest = |tests: &[&Values]| rest(&tests.iter().copied());
        assert_eq!(rest(&[]), Some(None));
        assert_eq!(rest(&[&a, &b, &Values::present()]), Some(None));
        assert_eq!(rest(&[&not_a]), Some(Some("a".into())));
        assert_eq!(rest(&[&not_a, &b, &none]), Some(Some("a".into())));
        assert_eq!(rest(&[&none]), Some(Some("other-0".into())));
        assert_eq!(rest(&[&none, &Values::one("other-0".into())]), Some(Some("other-1".into())));
        for tests in [[&not_a, &a], [&not_a, &not_b], [&none, &Values::present()]] {
            assert_eq!(rest(&tests), None, "{tests:?}");
        }
    }
}
