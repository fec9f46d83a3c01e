//! By which labels pods are told apart.
//!
//! Owns: which tests of a program are alternatives to each other and which settle more, as [`LabelTests`] tells them apart, and
//! the pods that are enough where all would be too many. An `allow`, a `deny` and an entry of a baseline are alternatives: one
//! that matches does what it does. It takes one test at either end.

use super::compare::RuledOut;
use super::judge::Way;
use crate::classes::{FewLabels, World};
use crate::flow::{LabelCube, LabelTests, PodSet};
use crate::ir::{Baseline, End, Expectation, Policy};

/// The pods of a world that are enough for questions which the answers of some judges settle, by no more than `most` tests for
/// each pod of a flow.
pub(super) fn few_labels<'w>(
    world: &'w dyn World,
    ruled_out: &dyn RuledOut,
    tests: impl IntoIterator<Item = LabelTests>,
    most: usize,
) -> FewLabels<'w> {
    let mut all = LabelTests::default();
    for tests in tests {
        all.rules.extend(tests.rules);
        all.others.extend(tests.others);
    }
    all.rules.extend(world.label_tests());
    for cut in [Way::Ingress, Way::Egress].into_iter().flat_map(|way| ruled_out.cuts(way)) {
        all.others.extend(labels(&cut.peers.pods));
    }
    FewLabels::new(world, &all, most)
}

/// The tests of the pods that an expectation speaks of.
pub(super) fn expected(expectation: &Expectation) -> LabelTests {
    let mut tests = LabelTests::default();
    add_end(&expectation.source, &mut tests);
    expectation.targets.iter().for_each(|target| add_end(&target.end, &mut tests));
    tests
}

/// All tests of a program, and of the baselines of its namespaces.
pub(super) fn label_tests<'a>(policy: &'a Policy, baselines: impl Iterator<Item = &'a Baseline>) -> LabelTests {
    let mut tests = LabelTests::default();
    for rule in &policy.rules {
        add_end(&rule.source, &mut tests);
        for target in &rule.targets {
            add_end(&target.end, &mut tests);
            if rule.jwt.is_some() {
                // Which tokens verify at a pod follows from all rules with `jwt` that name it.
                let pods = target.end.peers().pods;
                tests.others.extend(labels(&pods));
            }
        }
    }
    for entry in baselines {
        tests.rules.insert(entry.subject.clone());
        tests.rules.extend(labels(&entry.peers.pods));
    }
    tests.rules.extend(policy.closes.iter().flat_map(|close| labels(&close.pods)));
    let planes = policy.workloads.iter().filter(|workload| workload.plane.is_some());
    tests.others.extend(planes.map(|workload| workload.labels.clone()));
    tests
}

/// The tests of an end. What it leaves out, and to which of its pods a port belongs, is asked of every pod besides.
fn add_end(end: &End, tests: &mut LabelTests) {
    match end {
        End::Pods(pods, _) => tests.rules.extend(labels(pods)),
        End::Addresses(_) => {}
        End::Or(ends) => ends.iter().for_each(|end| add_end(end, tests)),
        End::But(end, without) => {
            add_end(end, tests);
            let mut left_out = LabelTests::default();
            add_end(without, &mut left_out);
            tests.others.extend(left_out.rules.into_iter().chain(left_out.others));
        }
        End::Within(end, pods) => {
            add_end(end, tests);
            tests.others.extend(labels(pods));
        }
    }
}

fn labels(pods: &PodSet) -> impl Iterator<Item = LabelCube> {
    pods.cubes().iter().map(|cube| cube.labels.clone())
}
