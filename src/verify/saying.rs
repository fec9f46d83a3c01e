//! The workloads of a program that say how they take part in the mesh.
//!
//! Owns: `Saying`, which finds what one of many says of a pod, and the pods that are told apart by it. It knows nothing of namespaces as a whole.

use std::collections::BTreeMap;

use crate::flow::{DataPlane, LabelIndex, Labels, PodCube, PodSet};
use crate::ir::{Policy, Workload};

/// Those of all namespaces.
#[derive(Debug, Default)]
pub(super) struct Saying<'p>(BTreeMap<&'p str, Own<'p>>);

/// A workload, and what it says.
type Said<'p> = (&'p Workload, DataPlane);

/// Those of one namespace. Of several that hold a pod the first is the one that counts.
#[derive(Debug)]
struct Own<'p> {
    list: Vec<Said<'p>>,
    index: LabelIndex,
}

impl<'p> Saying<'p> {
    /// Those of a program.
    pub(super) fn of(policy: &'p Policy) -> Self {
        let mut lists: BTreeMap<&str, Vec<Said<'_>>> = BTreeMap::new();
        for (workload, plane) in policy.workloads.iter().filter_map(|workload| Some((workload, workload.plane?))) {
            lists.entry(&workload.namespace).or_default().push((workload, plane));
        }
        Self(lists.into_iter().map(|(name, list)| (name, Own::new(list))).collect())
    }

    /// What is said of pods of a namespace with these labels; none if nothing is.
    pub(super) fn plane(&self, name: &str, labels: &Labels) -> Option<DataPlane> {
        self.0.get(name)?.plane(labels)
    }

    /// Cubes of pods such that all pods which the same cubes hold have the same said of them. Workloads that say the same, and of whose pods
    /// no other one says anything else, are as few cubes as they make together: a namespace may have thousands.
    pub(super) fn apart(&self) -> impl Iterator<Item = PodCube> {
        self.0.values().flat_map(Own::apart)
    }
}

impl<'p> Own<'p> {
    fn new(list: Vec<Said<'p>>) -> Self {
        Self { index: LabelIndex::of(list.iter().map(|(workload, _)| &workload.labels)), list }
    }

    fn plane(&self, labels: &Labels) -> Option<DataPlane> {
        let holds = |place: &usize| self.list.get(*place).is_some_and(|(workload, _)| workload.labels.contains(labels));
        let (_, plane) = self.list.get(self.index.holding(labels).filter(holds).min()?)?;
        Some(*plane)
    }

    fn apart(&self) -> Vec<PodCube> {
        let (disputed, agreed): (Vec<Said<'_>>, Vec<Said<'_>>) =
            self.list.iter().partition(|(workload, plane)| self.is_disputed(workload, *plane));
        let mut together: BTreeMap<DataPlane, Vec<PodCube>> = BTreeMap::new();
        for (workload, plane) in agreed {
            together.entry(plane).or_default().push(workload.cube());
        }
        let together = together.into_values().flat_map(|cubes| cubes.into_iter().collect::<PodSet>().merge().cubes().to_vec());
        disputed.into_iter().map(|(workload, _)| workload.cube()).chain(together).collect()
    }

    /// Whether another workload says something else of some of its pods.
    fn is_disputed(&self, workload: &Workload, plane: DataPlane) -> bool {
        let others = self.index.overlapping(&workload.labels).into_iter().filter_map(|place| self.list.get(place));
        others.filter(|(_, said)| *said != plane).any(|(other, _)| other.labels.overlaps(&workload.labels))
    }
}

#[cfg(test)]
mod tests;
