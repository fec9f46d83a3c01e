//! What intents declare of pods that an inventory shows.
//!
//! Owns: `believed`. How pods take part in the mesh and which labels their namespace has is declared by whoever manages them; an inventory
//! seldom holds the Namespace that would say it. It must not judge.

use crate::cluster::{Endpoint, NamespaceLabels};
use crate::flow::{NAMESPACE_NAME, Peer, Symbol};
use crate::inventory::Inventory;
use crate::ir::{End, Namespace, Policy};

/// A pod of an inventory as the intents declare it; `name` is its workload as `Deployment shop/web`. What the manifest of the workload says
/// by itself of the mesh stands before what is declared of the namespace.
pub fn believed(mut endpoint: Endpoint, name: &str, policy: &Policy, inventory: &Inventory) -> Endpoint {
    let Peer::Pod(pod) = &mut endpoint.peer else { return endpoint };
    let Some(namespace) = policy.namespace(&pod.namespace) else { return endpoint };
    if says_all_labels(policy, namespace) {
        pod.namespace_labels.clone_from(&namespace.labels);
        endpoint.facts.namespace = NamespaceLabels::Known;
    }
    let declared = policy.workloads_in(&pod.namespace).iter().find(|workload| workload.labels.contains(&pod.labels));
    let listed = inventory.workloads_in(&pod.namespace).iter().find(|workload| workload.to_string() == name);
    let usual = namespace.plane.unwrap_or(policy.config.mesh.mode);
    let listed = listed.map(|workload| inventory.plane_of(workload, usual));
    pod.plane = declared.and_then(|workload| workload.plane).or(listed).unwrap_or(usual);
    endpoint
}

/// Whether a program says all that policies of it ask of the labels of a namespace: those of another program's it may name only in part.
pub fn says_all_labels(policy: &Policy, namespace: &Namespace) -> bool {
    let ends = policy.rules.iter().flat_map(|rule| std::iter::once(&rule.source).chain(rule.targets.iter().map(|target| &target.end)));
    let is_said = |key: &Symbol| **key == *NAMESPACE_NAME || namespace.labels.contains_key(key);
    let are_said = |end: &End| end.peers().pods.cubes().iter().all(|cube| cube.namespace.iter().all(|(key, _)| is_said(key)));
    let has_labels = namespace.labels.keys().any(|key| **key != *NAMESPACE_NAME);
    namespace.is_managed() || has_labels && ends.into_iter().all(are_said)
}
