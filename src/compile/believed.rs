//! What intents declare of pods that an inventory shows.
//!
//! Owns: `Believed`. How pods take part in the mesh and which labels their namespace has is declared by whoever manages them; an inventory
//! seldom holds the Namespace that would say it. It must not judge.

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::{Endpoint, NamespaceLabels};
use crate::flow::{NAMESPACE_NAME, Peer, Symbol};
use crate::inventory::{Inventory, InventoryWorkload};
use crate::ir::{Namespace, Policy, Rule};

/// What a program declares of the pods of an inventory, gathered once for all of them.
#[derive(Debug)]
pub struct Believed<'a> {
    policy: &'a Policy,
    inventory: &'a Inventory,
    /// The workloads of the inventory by what they are called, as `Deployment shop/web`.
    listed: BTreeMap<String, &'a InventoryWorkload>,
    asked: AskedLabels,
}

impl<'a> Believed<'a> {
    /// What a program declares of the pods of an inventory.
    pub fn new(policy: &'a Policy, inventory: &'a Inventory) -> Self {
        let mut listed = BTreeMap::new();
        for workload in &inventory.workloads {
            listed.entry(workload.to_string()).or_insert(workload);
        }
        Self { policy, inventory, listed, asked: AskedLabels::of(policy) }
    }

    /// A pod as the intents declare it; `name` is its workload as `Deployment shop/web`. What the manifest of the workload says by itself of
    /// the mesh stands before what is declared of the namespace.
    pub fn pod(&self, mut endpoint: Endpoint, name: &str) -> Endpoint {
        let Peer::Pod(pod) = &mut endpoint.peer else { return endpoint };
        let Some(namespace) = self.policy.namespace(&pod.namespace) else { return endpoint };
        if self.asked.are_said_of(namespace) {
            pod.namespace_labels.clone_from(&namespace.labels);
            endpoint.facts.namespace = NamespaceLabels::Known;
        }
        let declared = self.policy.workloads_in(&pod.namespace).iter().find(|workload| workload.labels.contains(&pod.labels));
        let usual = namespace.plane.unwrap_or(self.policy.config.mesh.mode);
        let listed = self.listed.get(name).map(|workload| self.inventory.plane_of(workload, usual));
        pod.plane = declared.and_then(|workload| workload.plane).or(listed).unwrap_or(usual);
        endpoint
    }
}

/// The keys of the labels of namespaces for which rules ask.
#[derive(Debug, Clone, Default)]
pub struct AskedLabels(BTreeSet<Symbol>);

impl AskedLabels {
    /// Those for which the rules of a program ask.
    pub fn of(policy: &Policy) -> Self {
        let ends = policy.rules.iter().flat_map(Rule::ends);
        let cubes = ends.flat_map(|end| end.peers().pods.cubes().to_vec());
        let keys = cubes.flat_map(|cube| cube.namespace.iter().map(|(key, _)| Symbol::clone(key)).collect::<Vec<_>>());
        Self(keys.filter(|key| **key != *NAMESPACE_NAME).collect())
    }

    /// Whether a program says all of them of a namespace: those of another program's it may name only in part.
    pub fn are_said_of(&self, namespace: &Namespace) -> bool {
        let has_labels = namespace.labels.keys().any(|key| **key != *NAMESPACE_NAME);
        namespace.is_managed() || has_labels && self.0.iter().all(|key| namespace.labels.contains_key(key))
    }
}
