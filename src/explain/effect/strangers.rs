//! Pods that nobody described, as far as a change may tell them from all who are compared.
//!
//! Owns: `Partition`, which finds one pod of every class. By what pods are told apart the policies say themselves, before and after the
//! change. It must not judge.

use std::collections::BTreeSet;

use super::super::possible::alternatives;
use super::super::setting::Setting;
use super::super::world::{self, Known};
use super::pairs::Pair;
use crate::classes::{Limits, World, classes_cut};
use crate::cluster::NamespaceLabels;
use crate::flow::{Labels, NAMESPACE_NAME, Pod, PodCube};
use crate::ir::{End, Rule};

/// So many classes at most, besides some for each test.
const LIMITS: Limits = Limits { parts: 256, looks: 1 << 17 };

/// So many pods that policies name are compared where classes are too many.
const MOST_NAMED: usize = 64;

/// Whether somebody of every class is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coverage {
    All,
    Part,
}

/// Pods, cut along tests.
pub(super) struct Partition<'s> {
    before: &'s Setting,
    after: &'s Setting,
    /// By what pods are told apart.
    tests: Vec<PodCube>,
}

impl<'s> Partition<'s> {
    pub(super) fn new((before, after): (&'s Setting, &'s Setting), tests: BTreeSet<PodCube>) -> Self {
        Self { before, after, tests: tests.into_iter().collect() }
    }

    /// Adds one pod of every class of some pods of which nobody is compared yet.
    pub(super) fn complete(&self, pairs: &mut Vec<Pair>, wholes: Vec<PodCube>) -> Coverage {
        let compared: Vec<Pod> = pairs.iter().filter_map(|pair| pair.before.pod().cloned()).collect();
        let mut seen: BTreeSet<Vec<usize>> = compared.iter().map(|pod| self.held(pod)).collect();
        let mut called: BTreeSet<Vec<usize>> = compared.iter().map(|pod| self.held_by_labels(pod)).collect();
        let cubes: Vec<(usize, &PodCube)> = self.tests.iter().enumerate().collect();
        let (pods, coverage) = match classes_cut(wholes, &cubes, cubes.len(), self, &mut LIMITS.clone()) {
            Ok(classes) => (classes.into_iter().map(|class| class.example).collect(), Coverage::All),
            Err(_) => (self.named(), Coverage::Part),
        };
        for pod in pods {
            if seen.insert(self.held(&pod)) {
                // Nobody asks for the account of who is called.
                let is_caller_alone = !called.insert(self.held_by_labels(&pod));
                pairs.push(Pair { is_caller_alone, ..self.pair(pod) });
            }
        }
        coverage
    }

    /// Adds the pods that changed lines name, one of each alternative of which nobody is compared yet.
    pub(super) fn name(&self, pairs: &mut Vec<Pair>) {
        for set in self.changed_lines().flat_map(ends).flat_map(alternatives).take(MOST_NAMED) {
            if !pairs.iter().filter_map(|pair| pair.before.pod()).any(|pod| set.contains(pod)) {
                let pod = set.cubes().iter().find_map(|cube| self.example(cube));
                pairs.extend(pod.map(|pod| self.pair(pod)));
            }
        }
    }

    /// The lines that stand in one of the two programs alone.
    fn changed_lines(&self) -> impl Iterator<Item = &Rule> {
        let (before, after) = (&self.before.policy.rules, &self.after.policy.rules);
        let lacks = |rules: &[Rule], rule: &Rule| !rules.iter().any(|own| own.namespace == rule.namespace && own.text == rule.text);
        before.iter().filter(move |rule| lacks(after, rule)).chain(after.iter().filter(move |rule| lacks(before, rule)))
    }

    /// The plainest pods that the tests name.
    fn named(&self) -> Vec<Pod> {
        self.tests.iter().filter_map(|test| self.example(test)).take(MOST_NAMED).collect()
    }

    /// The tests that hold a pod.
    fn held(&self, pod: &Pod) -> Vec<usize> {
        self.tests.iter().enumerate().filter(|(_, test)| test.contains(pod)).map(|(at, _)| at).collect()
    }

    /// The same whatever account it runs as.
    fn held_by_labels(&self, pod: &Pod) -> Vec<usize> {
        let holds = |test: &PodCube| test.labels.contains(&pod.labels) && test.namespace.contains(&pod.namespace_labels);
        self.tests.iter().enumerate().filter(|(_, test)| holds(test)).map(|(at, _)| at).collect()
    }

    /// Whether some test tells pods with these labels apart by their account.
    fn tells_by_account(&self, pod: &Pod) -> bool {
        let tells = |test: &PodCube| !test.account.is_any() && test.labels.contains(&pod.labels);
        self.tests.iter().any(|test| tells(test) && test.namespace.contains(&pod.namespace_labels))
    }

    fn pair(&self, pod: Pod) -> Pair {
        let mut before = world::undescribed(pod, &self.before.policy, &self.before.cluster);
        if before.pod().is_some_and(|pod| !self.is_known(pod)) {
            // It was made up for what the tests ask of its namespace, so that has these labels and no others.
            before.endpoint.facts.namespace = NamespaceLabels::Known;
        }
        let after = self.after.world.again(&before, self.after.ground());
        Pair { title: self.title(&before), before, after, is_class: true, is_caller_alone: false }
    }

    /// Whether anybody speaks of the namespace of a pod.
    fn is_known(&self, pod: &Pod) -> bool {
        self.before.policy.namespace(&pod.namespace).is_some()
            || self.before.cluster.namespaces().contains(&pod.namespace)
            || self.tests.iter().any(|test| test.names().words().contains(&pod.namespace))
    }

    /// As a flow names it; a namespace of which nobody speaks is any.
    fn title(&self, known: &Known) -> String {
        let Some(pod) = known.pod() else { return known.text.clone() };
        let is_plain = &*pod.account == "default" && !self.tells_by_account(pod);
        let account = if is_plain { String::new() } else { format!(" as {}", pod.account) };
        if self.is_known(pod) {
            return format!("{}{account}", known.text);
        }
        let labels = known.text.rsplit_once('@').map_or("*", |(labels, _)| labels);
        let own: Labels = pod.namespace_labels.iter().filter(|(key, _)| &***key != NAMESPACE_NAME).map(clone).collect();
        let own: Vec<String> = own.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let place = if own.is_empty() { "*".to_owned() } else { format!("[{}]", own.join(",")) };
        format!("{labels}@{place}{account}")
    }
}

/// Both ends of a line.
fn ends(rule: &Rule) -> Vec<&End> {
    rule.targets.iter().map(|target| &target.end).chain([&rule.source]).collect()
}

fn clone<K: Clone, V: Clone>((key, value): (&K, &V)) -> (K, V) {
    (key.clone(), value.clone())
}

impl std::fmt::Debug for Partition<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Partition").field("tests", &self.tests).finish_non_exhaustive()
    }
}

impl World for Partition<'_> {
    fn example(&self, cube: &PodCube) -> Option<Pod> {
        let pod = world::possible(cube, self.before.ground())?;
        // Who runs is known with the account that it runs as.
        let same = |own: &Pod| own.namespace == pod.namespace && own.labels == pod.labels && own.account != pod.account;
        let is_known = self.before.world.pods.iter().filter_map(Known::pod).any(same);
        (!is_known).then_some(pod)
    }
}
