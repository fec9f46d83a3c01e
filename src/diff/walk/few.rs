//! Pods of few labels, which are enough where labels may stand together in any way.
//!
//! Owns: how many tests it takes for a difference between the sides to show (`flow::LabelTests` says what of). Where pods have no
//! more keys than anybody would mind, all classes are looked at.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::{FEW_KEYS, Shows, Wanted};
use crate::classes::{Carried, FewLabels, World};
use crate::diff::differing::Differing;
use crate::diff::side::{Pair, Which};
use crate::flow::{LabelCube, LabelTests, Pod, PodCube, PodTests, Symbol, TestRole, Values};
use crate::verify::Way;

/// How many tests say what a port is taken for.
const PORT_TESTS: usize = 2;

/// Pods of few labels, where they are enough.
pub(in crate::diff) struct Enough {
    pods: FewLabels<'static>,
    /// The labels of which they have few.
    pub(super) keys: BTreeSet<Symbol>,
}

impl Enough {
    /// Whether some pods of a cube are among them.
    pub(in crate::diff) fn are_among(&self, cube: &PodCube) -> bool {
        self.pods.is_considered(cube)
    }
}

/// What it takes to tell which pods are enough.
pub(in crate::diff) struct Few<'a> {
    pub(super) pair: &'a Pair<'a>,
    wanted: &'a Wanted<'a>,
    /// The tests of both sides; none if one cannot tell all that it has.
    tests: OnceLock<Option<[LabelTests; 2]>>,
}

impl<'a> Few<'a> {
    pub(in crate::diff) const fn new(pair: &'a Pair<'a>, wanted: &'a Wanted<'a>) -> Self {
        Self { pair, wanted, tests: OnceLock::new() }
    }

    /// Whether cubes cut pods by so many labels that pods of few are looked at.
    pub(in crate::diff) fn are_needed(&self, cubes: &[(usize, &PodCube)]) -> bool {
        let mut keys: Vec<&Symbol> = Vec::new();
        // Most cubes have keys that others had: of so few it takes the least to look them all through.
        for (key, _) in cubes.iter().flat_map(|(_, cube)| cube.labels.iter()) {
            if keys.contains(&key) {
                continue;
            }
            if keys.len() == self.wanted.keys {
                return true;
            }
            keys.push(key);
        }
        false
    }

    /// The pods of a namespace that are enough; none where all are needed.
    pub(in crate::diff) fn of(&self, name: &Symbol, way: Way) -> Option<Enough> {
        let judges = self.tests.get_or_init(|| self.all_tests()).as_ref()?;
        let judges = judges.each_ref().map(|tests| tests.of(name));
        let mut all = PodTests::default();
        for tests in &judges {
            all.extend(tests.clone());
        }
        let settling = all.settling_keys();
        let keys: BTreeSet<&Symbol> =
            all.iter().flat_map(LabelCube::iter).map(|(key, _)| key).filter(|key| !settling.contains(key)).collect();
        let (given, few) = match self.wanted.shows {
            Shows::Difference => (BTreeSet::new(), self.to_differ(&judges, &all, &keys, way)),
            Shows::Step(differing) => {
                let (given, lots) = chosen((differing, 2), name, &keys);
                let of = |tests: &BTreeSet<LabelCube>| missed_too(tests, &keys);
                let few = carried(&all, Counts::step(lots), way).into_iter().map(|(tests, most)| (of(&tests), most));
                (of(&given), few.collect())
            }
            Shows::AtEnd => (BTreeSet::new(), carried(&all, Counts::AT_END, way)),
            Shows::Against(middle, differing) => {
                let (given, lots) = chosen((differing, 3), name, &keys);
                (given, carried(&all, Counts::against(lots, differing.transports(middle)), way))
            }
        };
        let cubes = self.wanted.within.map(|within| within.near(way).pods.cubes()).unwrap_or_default();
        let line: BTreeSet<LabelCube> = cubes.iter().map(|cube| cube.labels.clone()).collect();
        let mut groups = vec![Carried::all(&all.others, 1), Carried::all(&given, 1), Carried::few(&line, &[1])];
        groups.extend(few.iter().map(|(tests, most)| Carried::few(tests, &[*most])));
        let pods = FewLabels::new(&AnyPod, &keys.iter().map(|key| (*key, None)).collect(), &groups);
        Some(Enough { pods, keys: keys.into_iter().cloned().collect() })
    }

    /// For a difference that shows, and that is told of all pods that have more labels.
    fn to_differ(&self, judges: &[PodTests], all: &PodTests, keys: &BTreeSet<&Symbol>, way: Way) -> Vec<(BTreeSet<LabelCube>, usize)> {
        match way {
            Way::Egress => vec![(missed_too(&all.sources, keys), self.most())],
            Way::Ingress => {
                let mesh = judges.iter().map(|tests| (missed_too(&tests.mesh, keys), 1));
                let ports = judges.iter().map(|tests| (missed_too(&tests.ports, keys), PORT_TESTS));
                [(missed_too(&all.destinations, keys), self.most())].into_iter().chain(mesh).chain(ports).collect()
            }
        }
    }

    /// By how many tests a pod is held, at most: one side lets a flow pass, and the other stops it, by one more if labels make it stop
    /// any. Within a region, whose own tests hold all pods, there is asked for those that pass otherwise, or do not.
    fn most(&self) -> usize {
        let judges = [Which::Base, Which::Head].map(|which| self.pair.side(which).judge());
        let passes = judges.iter().map(|judge| judge.tests_to_pass()).max().unwrap_or_default();
        let stops = self.wanted.within.is_none() && judges.iter().any(|judge| judge.stops_by_labels());
        passes + usize::from(stops)
    }

    /// The tests of both sides, with what limits which pods can exist.
    fn all_tests(&self) -> Option<[LabelTests; 2]> {
        let of = |which: Which| {
            let side = self.pair.side(which);
            let mut tests = side.judge().label_tests()?;
            for cube in side.limits() {
                // A limit that absence passes is one that a pod meets by losing a label.
                for (key, values) in cube.labels.iter().filter(|(_, values)| values.allows_absent()) {
                    tests.add(TestRole::Other, cube.names(), LabelCube::of(Symbol::clone(key), values.clone()));
                }
            }
            Some(tests)
        };
        Some([of(Which::Base)?, of(Which::Head)?])
    }
}

/// The tests of which a pod of a namespace keeps all: of those choices that have no more keys than anybody would mind, the one that
/// leaves the fewest lots.
fn chosen((differing, judges): (&Differing<'_>, usize), name: &Symbol, keys: &BTreeSet<&Symbol>) -> (BTreeSet<LabelCube>, usize) {
    let tests = |(tests, lots): (LabelTests, usize)| (tests.of(name).iter().cloned().collect::<BTreeSet<_>>(), lots);
    let is_small = |(tests, _): &(BTreeSet<LabelCube>, usize)| {
        let own: BTreeSet<&Symbol> = tests.iter().flat_map(LabelCube::iter).map(|(key, _)| key).filter(|key| keys.contains(key)).collect();
        own.len() <= FEW_KEYS
    };
    differing.choices(judges).into_iter().map(tests).rfind(is_small).unwrap_or((BTreeSet::new(), judges))
}

/// Of how many tests a pod keeps the labels, by what they are: of either gate, and of what ports are taken for.
#[derive(Debug, Clone, Copy)]
struct Counts {
    pods: usize,
    mesh: usize,
    ports: usize,
}

impl Counts {
    /// For what two judges say of a flow at one end.
    const AT_END: Self = Self { pods: 2, mesh: 2, ports: 2 * PORT_TESTS };

    /// For what two judges say of a flow over one transport.
    const fn step(lots: usize) -> Self {
        Self { pods: 2 * lots, mesh: lots, ports: PORT_TESTS * lots }
    }

    /// For all that judges say of a flow, at both ends and over either transport. What objects do that some judges have in common takes
    /// one test at either end and one of the mesh, for as many transports as policies tell apart; the mesh may always do so. That
    /// these fall into so many lots, each of which has its own, makes it as many times more.
    const fn against(lots: usize, transports: usize) -> Self {
        Self { pods: 2 * lots * transports, mesh: 2 * lots, ports: PORT_TESTS * lots }
    }
}

/// So many tests of the pods that call, or of those that are called.
fn carried(all: &PodTests, counts: Counts, way: Way) -> Vec<(BTreeSet<LabelCube>, usize)> {
    match way {
        Way::Egress => vec![(all.sources.clone(), counts.pods)],
        Way::Ingress => {
            vec![(all.destinations.clone(), counts.pods), (all.mesh.clone(), counts.mesh), (all.ports.clone(), counts.ports)]
        }
    }
}

/// The tests as such of pods that have all of these labels which they name, with whatever values: one that misses a test by a label is not
/// found among those that have none, though it is like them, and has to be told with them.
fn missed_too(tests: &BTreeSet<LabelCube>, keys: &BTreeSet<&Symbol>) -> BTreeSet<LabelCube> {
    let loosely = |test: &LabelCube| {
        let named = test.iter().map(|(key, _)| key).filter(|key| keys.contains(*key));
        named.fold(LabelCube::all(), |sum, key| sum.with(Symbol::clone(key), Values::present()))
    };
    tests.iter().map(loosely).collect()
}

/// All pods: which can exist is asked of both sides.
#[derive(Debug)]
struct AnyPod;

impl World for AnyPod {
    fn example(&self, _cube: &PodCube) -> Option<Pod> {
        None
    }
}
