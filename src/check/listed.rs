//! Which workloads of the inventory a selector meets.
//!
//! Owns: the look-up by namespace and label, so that a check of many rules costs no walk over the whole inventory each.

use std::collections::HashMap;
use std::ops::Range;

use crate::flow::{DataPlane, LabelCube, NAMESPACE_NAME, PodCube, Symbol};
use crate::inventory::InventoryWorkload;
use crate::ir::{Policy, meets};

/// The inventory's workloads by the labels of their pods.
#[derive(Debug)]
pub(super) struct Listed<'a> {
    policy: &'a Policy,
    /// In the inventory's order, which is by namespace first.
    workloads: Vec<&'a InventoryWorkload>,
    /// By key and value: indices into the workloads, ascending.
    labelled: HashMap<(&'a str, &'a str), Vec<usize>>,
    /// By key: the workloads whose pods may have it with any value.
    open: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Listed<'a> {
    /// All of a policy's inventory.
    pub(super) fn of(policy: &'a Policy) -> Self {
        Self::of_those(policy, |_| true)
    }

    /// The workloads that pass a test.
    pub(super) fn of_those(policy: &'a Policy, passes: impl Fn(&InventoryWorkload) -> bool) -> Self {
        let workloads = policy.inventory.workloads.iter().filter(|workload| passes(workload)).collect();
        let mut listed = Self { policy, workloads, labelled: HashMap::new(), open: HashMap::new() };
        for (index, workload) in listed.workloads.iter().enumerate() {
            for (key, value) in &workload.labels {
                listed.labelled.entry((key, value)).or_default().push(index);
            }
            for key in &workload.open_keys {
                listed.open.entry(key).or_default().push(index);
            }
        }
        listed
    }

    /// Whether there is no workload at all.
    pub(super) fn is_empty(&self) -> bool {
        self.workloads.is_empty()
    }

    /// The workloads whose pods can be in the cube, in the inventory's order.
    pub(super) fn met(&self, cube: &PodCube) -> impl Iterator<Item = &'a InventoryWorkload> {
        // Looking up a namespace's labels costs more than the rest of the test, and names alone are tested without.
        let by_label = cube.namespace.iter().any(|(key, _)| **key != *NAMESPACE_NAME);
        let candidates = self.candidates(cube).into_iter().filter_map(|index| self.workloads.get(index).copied());
        candidates.filter(move |workload| {
            let home = if by_label { self.policy.namespace(&workload.namespace) } else { None };
            meets(workload, home.map(|namespace| &namespace.labels), cube)
        })
    }

    /// Whether the inventory describes every namespace that a selector names; of namespaces that are not named, every managed one.
    pub(super) fn describes(&self, namespaces: &LabelCube, names: Option<&[Symbol]>) -> bool {
        let described = |name: &str| !self.policy.inventory.workloads_in(name).is_empty();
        if let Some(names) = names {
            return !names.is_empty() && names.iter().all(|name| described(name));
        }
        let mut managed = self.policy.managed().filter(|namespace| namespace.may_match(namespaces)).peekable();
        managed.peek().is_some() && managed.all(|namespace| described(&namespace.name))
    }

    /// Whether the pods of a workload have a sidecar: nothing in the intents or the inventory says otherwise.
    pub(super) fn has_sidecar(&self, workload: &InventoryWorkload) -> bool {
        let stated = self.policy.namespace(&workload.namespace).and_then(|namespace| namespace.plane);
        let plane = self.policy.inventory.plane_of(workload, stated.unwrap_or(self.policy.config.mesh.mode));
        plane == DataPlane::Sidecar && stated != Some(DataPlane::None) && !self.is_declared_unmeshed(workload)
    }

    fn is_declared_unmeshed(&self, workload: &InventoryWorkload) -> bool {
        let declared = self.policy.workloads_in(&workload.namespace).iter();
        declared.filter(|declared| declared.plane == Some(DataPlane::None)).any(|declared| declared.labels.contains(&workload.labels))
    }

    /// The indices that the cheapest test of the cube leaves, ascending.
    fn candidates(&self, cube: &PodCube) -> Vec<usize> {
        let ranges = self.ranges(cube);
        let tests = cube.labels.iter().filter_map(|(key, values)| {
            let valued = values.finite()?.iter().filter_map(|value| self.labelled.get(&(&**key, &**value)));
            Some(valued.chain(self.open.get(&**key)).map(Vec::as_slice).collect::<Vec<&[usize]>>())
        });
        let Some(lists) = tests.min_by_key(|lists| lists.iter().map(|list| list.len()).sum::<usize>()) else {
            return ranges.into_iter().flatten().collect();
        };
        let within = |range: &Range<usize>, list: &[usize]| -> Vec<usize> {
            let from = list.partition_point(|index| *index < range.start);
            list.iter().skip(from).take_while(|index| **index < range.end).copied().collect()
        };
        let mut found: Vec<usize> = ranges.iter().flat_map(|range| lists.iter().flat_map(|list| within(range, list))).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The stretches of the list in which the cube's namespaces lie.
    fn ranges(&self, cube: &PodCube) -> Vec<Range<usize>> {
        let Some(names) = cube.namespace_names() else { return std::iter::once(0..self.workloads.len()).collect() };
        let range = |name: &str| {
            let start = self.workloads.partition_point(|workload| *workload.namespace < *name);
            start..self.workloads.partition_point(|workload| *workload.namespace <= *name)
        };
        names.iter().map(|name| range(name)).collect()
    }
}

/// A workload in words: its kind and name.
pub(super) fn words(workload: &InventoryWorkload) -> String {
    format!("{} `{}`", workload.kind.name(), workload.name)
}

/// A few workloads in words.
pub(super) fn list<'a>(workloads: impl IntoIterator<Item = &'a InventoryWorkload>) -> String {
    const SHOWN: usize = 3;
    let mut named: Vec<String> = workloads.into_iter().take(SHOWN + 1).map(words).collect();
    if named.len() > SHOWN {
        named.truncate(SHOWN);
        named.push("others".to_owned());
    }
    match named.pop() {
        Some(last) if !named.is_empty() => format!("{} and {last}", named.join(", ")),
        Some(only) => only,
        None => String::new(),
    }
}
