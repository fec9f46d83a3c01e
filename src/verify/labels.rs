//! By which labels pods are told apart.
//!
//! Owns: which tests of a program are alternatives to each other and which settle more, as [`LabelTests`] tells them apart, and
//! the pods that are enough where all would be too many. An `allow`, a `deny` and an entry of a baseline are alternatives: one
//! that matches does what it does. It takes one test at either end.

use std::collections::BTreeSet;

use super::compare::RuledOut;
use super::judge::Way;
use crate::classes::{Carried, FewLabels, World};
use crate::flow::{LabelCube, LabelTests, PodSet, Symbol};
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
    sources: FewLabels<'w>,
    destinations: FewLabels<'w>,
}

/// How many tests name the labels that a pod needs, for each reason why a flow of it may be worth a look: of the first gate, and of
/// the mesh of either judge where the pod is called.
#[derive(Debug)]
pub(super) struct Needed {
    sources: Vec<usize>,
    destinations: Vec<usize>,
    mesh: [Vec<usize>; 2],
}

impl Needed {
    /// For a flow that decides an expectation: one test at either end, and one by which the expectation speaks of it.
    pub(super) fn by_expectation() -> Self {
        Self { sources: vec![3], destinations: vec![3], mesh: [vec![1], vec![1]] }
    }

    /// For a flow about which two judges differ at one end, and which passes the other as whoever lets it through says.
    ///
    /// Either the left lets it pass, by one test at each end, and the right does not, by one test of either gate; or the right lets it
    /// pass, by one test at each end and one of the mesh, and the left does not: by one more, if labels make it stop anything
    /// (`left_stops`).
    pub(super) fn by_flows(left_stops: bool) -> Self {
        let right_passes = 2 + usize::from(left_stops);
        Self { sources: vec![3, 3, right_passes], destinations: vec![3, 2, right_passes], mesh: [vec![1, 1, 1], vec![0, 1, 1]] }
    }

    /// For a flow about which two judges differ at one end, whatever the other end says: the same without a test for that.
    pub(super) fn at_end(way: Way, left_stops: bool) -> Self {
        let stopping = usize::from(left_stops);
        match way {
            Way::Ingress => Self { sources: vec![2, 2, 2], destinations: vec![2, 1, 1 + stopping], mesh: [vec![1, 1, 1], vec![0, 1, 1]] },
            Way::Egress => Self { sources: vec![2], destinations: vec![2], mesh: [vec![0], vec![0]] },
        }
    }
}

impl<'w> Few<'w> {
    /// The pods that are enough for a question which the answers of these judges settle, whose tests these are, if so many are needed.
    pub(super) fn new(worlds: Worlds<'w>, ruled_out: &dyn RuledOut, judges: &[LabelTests; 2], needed: &Needed) -> Self {
        let mut all = LabelTests::default();
        for tests in judges {
            all.extend(tests.clone());
        }
        for cut in [Way::Ingress, Way::Egress].into_iter().flat_map(|way| ruled_out.cuts(way)) {
            all.others.extend(labels(&cut.peers.pods));
        }
        for test in worlds.sources.label_tests().into_iter().chain(worlds.destinations.label_tests()) {
            // A limit that absence passes is one that a pod meets by losing a label.
            let by_absence = test.iter().filter(|(_, values)| values.allows_absent());
            all.others.extend(by_absence.map(|(key, values)| LabelCube::of(Symbol::clone(key), values.clone())));
        }
        let settling = all.settling_keys();
        let keys: BTreeSet<&Symbol> =
            all.alternatives().flat_map(LabelCube::iter).map(|(key, _)| key).filter(|key| !settling.contains(key)).collect();
        let carried = |tests, most: &[usize]| Carried { tests, most: most.to_vec() };
        let sources = [carried(&all.sources, &needed.sources)];
        let mesh = judges.iter().zip(&needed.mesh).map(|(tests, most)| carried(&tests.mesh, most));
        let destinations: Vec<Carried<'_>> = std::iter::once(carried(&all.destinations, &needed.destinations)).chain(mesh).collect();
        Self {
            sources: FewLabels::new(worlds.sources, &keys, &sources),
            destinations: FewLabels::new(worlds.destinations, &keys, &destinations),
        }
    }

    pub(super) fn worlds(&self) -> Worlds<'_> {
        Worlds { sources: &self.sources, destinations: &self.destinations }
    }
}

/// The tests of the pods that an expectation speaks of.
pub(super) fn expected(expectation: &Expectation) -> LabelTests {
    let mut tests = LabelTests::default();
    let (mut sources, mut destinations) = (BTreeSet::new(), BTreeSet::new());
    add_end(&expectation.source, &mut sources, &mut tests.others);
    expectation.targets.iter().for_each(|target| add_end(&target.end, &mut destinations, &mut tests.others));
    LabelTests { sources, destinations, ..tests }
}

/// All tests of a program, and of the baselines of its namespaces.
pub(super) fn label_tests<'a>(policy: &'a Policy, baselines: impl Iterator<Item = &'a Baseline>) -> LabelTests {
    let (mut sources, mut destinations, mut others) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for rule in &policy.rules {
        add_end(&rule.source, &mut sources, &mut others);
        for target in &rule.targets {
            add_end(&target.end, &mut destinations, &mut others);
            if rule.jwt.is_some() {
                // Which tokens verify at a pod follows from all rules with `jwt` that name it.
                others.extend(labels(&target.end.peers().pods));
            }
        }
    }
    for entry in baselines {
        let (near, far) = match entry.direction {
            Direction::In => (&mut destinations, &mut sources),
            Direction::Out => (&mut sources, &mut destinations),
        };
        near.insert(entry.subject.clone());
        far.extend(labels(&entry.peers.pods));
    }
    for close in &policy.closes {
        for direction in &close.directions {
            match direction {
                Direction::In => destinations.extend(labels(&close.pods)),
                Direction::Out => sources.extend(labels(&close.pods)),
            }
        }
    }
    let planes = policy.workloads.iter().filter(|workload| workload.plane.is_some());
    others.extend(planes.map(|workload| workload.labels.clone()));
    LabelTests { sources, destinations, mesh: BTreeSet::new(), others }
}

/// The tests of an end. What it leaves out, and to which of its pods a port belongs, is asked of every pod besides.
fn add_end(end: &End, tests: &mut BTreeSet<LabelCube>, others: &mut BTreeSet<LabelCube>) {
    match end {
        End::Pods(pods, _) => tests.extend(labels(pods)),
        End::Addresses(_) => {}
        End::Or(ends) => ends.iter().for_each(|end| add_end(end, tests, others)),
        End::But(end, without) => {
            add_end(end, tests, others);
            let mut left_out = BTreeSet::new();
            add_end(without, &mut left_out, others);
            others.extend(left_out);
        }
        End::Within(end, pods) => {
            add_end(end, tests, others);
            others.extend(labels(pods));
        }
    }
}

fn labels(pods: &PodSet) -> impl Iterator<Item = LabelCube> {
    pods.cubes().iter().map(|cube| cube.labels.clone())
}
