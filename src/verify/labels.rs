//! By which labels pods are told apart.
//!
//! Owns: which tests of a program are alternatives to each other and which settle more, as [`LabelTests`] tells them apart, and
//! the pods that are enough where all would be too many. An `allow`, a `deny` and an entry of a baseline are alternatives: one
//! that matches does what it does. It takes one test at either end.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::RuledOut;
use super::judge::Way;
use crate::classes::{Carried, FewLabels, World};
use crate::flow::{LabelCube, LabelTests, Pod, PodCube, PodSet, PodTests, Rest, Symbol, TestRole, Values, rest};
use crate::ir::{Baseline, End, Expectation, Policy};
use crate::syntax::ast::Direction;

/// The pods that can exist, as sources and as destinations of flows.
#[derive(Debug, Clone, Copy)]
pub struct Worlds<'w> {
    /// Those that call.
    pub sources: &'w dyn World,
    /// Those that are called.
    pub destinations: &'w dyn World,
}

impl<'w> Worlds<'w> {
    /// The same pods at both ends.
    pub fn both(world: &'w dyn World) -> Self {
        Self { sources: world, destinations: world }
    }

    /// The pods at whose end flows are judged this way.
    pub(super) const fn near(self, way: Way) -> &'w dyn World {
        match way {
            Way::Ingress => self.destinations,
            Way::Egress => self.sources,
        }
    }

    /// The pods at the other end.
    pub(super) const fn far(self, way: Way) -> &'w dyn World {
        match way {
            Way::Ingress => self.sources,
            Way::Egress => self.destinations,
        }
    }
}

/// Pods of few labels, as sources and as destinations.
#[derive(Debug)]
pub(super) struct Few<'w> {
    sources: ByNamespace<'w>,
    destinations: ByNamespace<'w>,
}

/// Pods of few labels, by what tells those of each namespace apart.
#[derive(Debug)]
struct ByNamespace<'w> {
    world: &'w dyn World,
    /// Those of a namespace with tests of its own.
    within: BTreeMap<Symbol, FewLabels<'w>>,
    /// Those of all other namespaces.
    elsewhere: FewLabels<'w>,
    /// What holds the pods of all: those of cubes that are not of stated namespaces.
    anywhere: FewLabels<'w>,
}

/// How many tests name the labels that a pod needs, for each reason why a flow of it may be worth a look: of the first gate, and of
/// the mesh of either judge where the pod is called.
#[derive(Debug)]
pub(super) struct Needed {
    sources: Vec<usize>,
    destinations: Vec<usize>,
    mesh: [Vec<usize>; 2],
    /// Of what says what ports are: as many as a second gate takes into account, at the pod that is called.
    ports: usize,
}

impl Needed {
    /// For a flow that decides an expectation: one test at either end, and one by which the expectation speaks of it.
    pub(super) fn by_expectation() -> Self {
        Self { sources: vec![3], destinations: vec![3], mesh: [vec![1], vec![1]], ports: 2 }
    }

    /// For a flow about which two judges differ at one end, and which passes the other as whoever lets it through says.
    ///
    /// Either the left lets it pass, by one test at each end, and the right does not, by one test of either gate; or the right lets it
    /// pass, by one test at each end and one of the mesh, and the left does not: by one more, if labels make it stop anything
    /// (`left_stops`).
    pub(super) fn by_flows(left_stops: bool) -> Self {
        let right_passes = 2 + usize::from(left_stops);
        Self { sources: vec![3, 3, right_passes], destinations: vec![3, 2, right_passes], mesh: [vec![1, 1, 1], vec![0, 1, 1]], ports: 2 }
    }

    /// For a flow about which two judges differ at one end, whatever the other end says: the same without a test for that.
    pub(super) fn at_end(way: Way, left_stops: bool) -> Self {
        let stopping = usize::from(left_stops);
        match way {
            Way::Ingress => {
                let (destinations, mesh) = (vec![2, 1, 1 + stopping], [vec![1, 1, 1], vec![0, 1, 1]]);
                Self { sources: vec![2, 2, 2], destinations, mesh, ports: 2 }
            }
            Way::Egress => Self { sources: vec![2], destinations: vec![2], mesh: [vec![0], vec![0]], ports: 0 },
        }
    }
}

impl<'w> Few<'w> {
    /// The pods that are enough for a question which the answers of these judges settle, whose tests these are, if so many are needed.
    pub(super) fn new(worlds: Worlds<'w>, ruled_out: &dyn RuledOut, judges: &[LabelTests; 2], needed: &Needed) -> Self {
        let mut others = LabelTests::default();
        for cut in [Way::Ingress, Way::Egress].into_iter().flat_map(|way| ruled_out.cuts(way)) {
            add(&mut others, TestRole::Other, &cut.peers.pods);
        }
        // A pod whose labels rest must not meet a limit that it did not meet.
        for cube in worlds.sources.label_tests().into_iter().chain(worlds.destinations.label_tests()) {
            others.add(TestRole::Beside, cube.names(), cube.labels.clone());
        }
        let reasons = needed.sources.len();
        let judges: Vec<LabelTests> = judges.iter().cloned().chain([others]).collect();
        let sources = |tests: &[PodTests], keys: &Resting<'_>| {
            let all = together(tests);
            let groups = [Carried::few(&all.sources, &needed.sources), Carried::all(&all.others, reasons)];
            FewLabels::new(worlds.sources, keys, &groups)
        };
        let destinations = |tests: &[PodTests], keys: &Resting<'_>| {
            let all = together(tests);
            let ports = Carried { tests: &all.ports, most: vec![needed.ports; reasons] };
            let groups = [Carried::few(&all.destinations, &needed.destinations), Carried::all(&all.others, reasons), ports];
            let mesh = tests.iter().zip(&needed.mesh).map(|(tests, most)| Carried::few(&tests.mesh, most));
            FewLabels::new(worlds.destinations, keys, &groups.into_iter().chain(mesh).collect::<Vec<_>>())
        };
        Self {
            sources: ByNamespace::new(worlds.sources, &judges, &sources),
            destinations: ByNamespace::new(worlds.destinations, &judges, &destinations),
        }
    }

    pub(super) fn worlds(&self) -> Worlds<'_> {
        Worlds { sources: &self.sources, destinations: &self.destinations }
    }
}

/// Keys whose labels may be put to rest, each with what it rests by.
type Resting<'t> = BTreeMap<&'t Symbol, Rest>;

impl<'w> ByNamespace<'w> {
    /// By the tests of some judges; `few` makes the pods that are enough for the tests of each judge and for keys whose labels may rest.
    ///
    /// What lets a key rest among the tests of all namespaces does so in each. A key for which nothing does may rest in some of them, by
    /// one thing here and another one there; so pods that may be of any keep it.
    fn new(world: &'w dyn World, judges: &[LabelTests], few: &dyn Fn(&[PodTests], &Resting<'_>) -> FewLabels<'w>) -> Self {
        let anywhere: Vec<PodTests> = judges.iter().map(LabelTests::of_any).collect();
        let (all, everywhere) = (values(&anywhere), resting(&anywhere, &Resting::new()));
        let of = |tests: &[PodTests]| {
            let told = values(tests);
            // Where a key is in no test, absence will do.
            let absent = all.keys().filter(|key| !told.contains_key(*key)).map(|key| (*key, None));
            let own: Resting<'_> = absent.chain(resting(tests, &everywhere)).collect();
            few(tests, &own.into_iter().chain(everywhere.clone()).collect())
        };
        let names: BTreeSet<&Symbol> = judges.iter().flat_map(LabelTests::namespaces).collect();
        let within = |name: &Symbol| judges.iter().map(|tests| tests.of(name)).collect::<Vec<_>>();
        Self {
            world,
            within: names.into_iter().map(|name| (Symbol::clone(name), of(&within(name)))).collect(),
            elsewhere: of(&judges.iter().map(|tests| tests.elsewhere().clone()).collect::<Vec<_>>()),
            anywhere: few(&anywhere, &everywhere),
        }
    }
}

/// The keys of these tests, each with what every test of it lets pass.
fn values(judges: &[PodTests]) -> BTreeMap<&Symbol, Vec<&Values>> {
    let mut all: BTreeMap<&Symbol, Vec<&Values>> = BTreeMap::new();
    for (key, values) in judges.iter().flat_map(PodTests::iter).flat_map(LabelCube::iter) {
        all.entry(key).or_default().push(values);
    }
    all
}

/// The keys of these tests whose labels may be put to rest, but for those that are known.
fn resting<'t>(judges: &'t [PodTests], known: &Resting<'_>) -> Resting<'t> {
    let unknown = values(judges).into_iter().filter(|(key, _)| !known.contains_key(key));
    unknown.filter_map(|(key, values)| Some((key, rest(&values.iter().copied())?))).collect()
}

/// The tests of several judges, as one's.
fn together(judges: &[PodTests]) -> PodTests {
    let mut all = PodTests::default();
    for tests in judges {
        all.extend(tests.clone());
    }
    all
}

impl World for ByNamespace<'_> {
    fn example(&self, cube: &PodCube) -> Option<Pod> {
        self.world.example(cube)
    }

    fn planes(&self) -> &[PodCube] {
        self.world.planes()
    }

    fn is_considered(&self, cube: &PodCube) -> bool {
        let (names, of) = (cube.names(), |name: &Symbol| self.within.get(name).unwrap_or(&self.elsewhere));
        if !names.is_cofinite() {
            return names.words().iter().any(|name| of(name).is_considered(cube));
        }
        let is_elsewhere = self.within.keys().all(|name| !names.contains(Some(name.as_ref())));
        if is_elsewhere { self.elsewhere.is_considered(cube) } else { self.anywhere.is_considered(cube) }
    }
}

/// The tests of the pods that an expectation speaks of.
pub(super) fn expected(expectation: &Expectation) -> LabelTests {
    let mut tests = LabelTests::default();
    add_end(&expectation.source, TestRole::Source, &mut tests);
    expectation.targets.iter().for_each(|target| add_end(&target.end, TestRole::Destination, &mut tests));
    tests
}

/// All tests of a program, and of the baselines of its namespaces, each with the name of its namespace.
pub(super) fn label_tests<'a>(policy: &'a Policy, baselines: impl Iterator<Item = (&'a str, &'a Baseline)>) -> LabelTests {
    let mut tests = LabelTests::default();
    for rule in &policy.rules {
        add_end(&rule.source, TestRole::Source, &mut tests);
        for target in &rule.targets {
            add_end(&target.end, TestRole::Destination, &mut tests);
            if rule.jwt.is_some() {
                // Which tokens verify at a pod follows from all rules with `jwt` that name it.
                add(&mut tests, TestRole::Other, &target.end.peers().pods);
            }
        }
    }
    for (namespace, entry) in baselines {
        let (near, far) = match entry.direction {
            Direction::In => (TestRole::Destination, TestRole::Source),
            Direction::Out => (TestRole::Source, TestRole::Destination),
        };
        tests.add(near, &Values::one(namespace.into()), entry.subject.clone());
        add(&mut tests, far, &entry.peers.pods);
    }
    for close in &policy.closes {
        for direction in &close.directions {
            let role = match direction {
                Direction::In => TestRole::Destination,
                Direction::Out => TestRole::Source,
            };
            add(&mut tests, role, &close.pods);
        }
    }
    for workload in policy.workloads.iter().filter(|workload| workload.plane.is_some()) {
        tests.add(TestRole::Other, &Values::one(Symbol::clone(&workload.namespace)), workload.labels.clone());
    }
    tests
}

/// The tests of an end. What it leaves out, and to which of its pods a port belongs, is asked of every pod besides.
fn add_end(end: &End, role: TestRole, tests: &mut LabelTests) {
    match end {
        End::Pods(pods, _) => add(tests, role, pods),
        End::Addresses(_) => {}
        End::Or(ends) => ends.iter().for_each(|end| add_end(end, role, tests)),
        End::But(end, without) => {
            add_end(end, role, tests);
            add_end(without, TestRole::Other, tests);
        }
        End::Within(end, pods) => {
            add_end(end, role, tests);
            add(tests, TestRole::Other, pods);
        }
    }
}

/// Adds what tells these pods from others of their namespaces.
fn add(tests: &mut LabelTests, role: TestRole, pods: &PodSet) {
    pods.cubes().iter().for_each(|cube| tests.add(role, cube.names(), cube.labels.clone()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classes::labels_within;
    use crate::flow::{Cut, DataPlane, Flow};

    /// Pods of any labels, none of which is asked for besides.
    #[derive(Debug)]
    struct AnyPod;

    impl World for AnyPod {
        fn example(&self, cube: &PodCube) -> Option<Pod> {
            let (namespace, account) = ("shop".into(), "default".into());
            Some(Pod { namespace, namespace_labels: [].into(), labels: labels_within(&cube.labels)?, account, plane: DataPlane::None })
        }
    }

    impl RuledOut for AnyPod {
        fn cuts(&self, _way: Way) -> Vec<Cut> {
            Vec::new()
        }

        fn rules_out(&self, _flow: &Flow) -> bool {
            false
        }
    }

    const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

    fn cube(key: &str, values: Values) -> LabelCube {
        LabelCube::of(key.into(), values)
    }

    /// Tests of pods of `shop` that pass unless a label is `x`, and one more.
    fn tests(role: TestRole, names: &Values, more: LabelCube) -> [LabelTests; 2] {
        let mut tests = LabelTests::default();
        for key in KEYS {
            tests.add(TestRole::Source, &Values::one("shop".into()), cube(key, Values::except(["x".into()])));
        }
        tests.add(role, names, more);
        [tests, LabelTests::default()]
    }

    /// Whether pods of some namespaces are looked at that have `x` for none of the first so many keys, and for all others.
    fn is_considered(tests: &[LabelTests; 2], names: Values, moved: usize) -> bool {
        let few = Few::new(Worlds::both(&AnyPod), &AnyPod, tests, &Needed::at_end(Way::Egress, false));
        let value = |at: usize| if at < moved { Values::absent() } else { Values::one("x".into()) };
        let labels = KEYS.iter().enumerate().fold(LabelCube::all(), |labels, (at, key)| labels.with((*key).into(), value(at)));
        few.worlds().sources.is_considered(&PodCube {
            labels,
            namespace: LabelCube::of(crate::flow::NAMESPACE_NAME.into(), names),
            ..PodCube::all()
        })
    }

    #[test]
    fn pods_at_rest_but_for_few_labels_are_looked_at() {
        let shop = || Values::one("shop".into());
        let usual = tests(TestRole::Source, &shop(), cube("a", Values::one("y".into())));
        assert_eq!([0, 2, 3].map(|moved| is_considered(&usual, shop(), moved)), [true, true, false]);
        // Whoever is not to pass a test that he did not must not come to rest in it; then the key is kept whole.
        let besides = tests(TestRole::Beside, &Values::any(), cube("a", Values::one("x".into())));
        assert_eq!([3, 4].map(|moved| is_considered(&besides, shop(), moved)), [true, false]);
        // By what a key rests in one namespace it does not in another one, and pods that may be of any keep it.
        let elsewhere = tests(TestRole::Source, &Values::one("pay".into()), cube("a", Values::one("x".into())));
        assert_eq!([2, 3].map(|moved| is_considered(&elsewhere, shop(), moved)), [true, false]);
        assert_eq!([3, 4].map(|moved| is_considered(&elsewhere, Values::except(["dev".into()]), moved)), [true, false]);
    }
}
