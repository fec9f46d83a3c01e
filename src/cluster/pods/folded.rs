//! The pods that went into their workload.
//!
//! Owns: `FoldedPods`: which of them stand beside it, as a policy looks at a label that it leaves open and they say. It must not read manifests.

use std::collections::{BTreeMap, BTreeSet};

use super::named;
use crate::cluster::{Endpoint, Workload};
use crate::flow::{Peer, Symbol};
use crate::inventory::{FoldedPod, Inventory, InventoryWorkload, Maker, WorkloadKind};

/// The pods of an inventory that went into their workload, by that.
pub(super) struct FoldedPods<'i> {
    inventory: &'i Inventory,
    by_owner: BTreeMap<(&'i Symbol, &'i Maker), Vec<&'i FoldedPod>>,
}

impl<'i> FoldedPods<'i> {
    pub(super) fn new(inventory: &'i Inventory) -> Self {
        let mut by_owner: BTreeMap<(&Symbol, &Maker), Vec<&FoldedPod>> = BTreeMap::new();
        for pod in &inventory.folded_pods {
            by_owner.entry((&pod.namespace, &pod.owner)).or_default().push(pod);
        }
        Self { inventory, by_owner }
    }

    /// The pods of a workload that are told from what it says by one of these keys.
    pub(super) fn told_apart(&self, workload: &InventoryWorkload, own: &Workload, keys: &BTreeSet<Symbol>) -> Vec<Workload> {
        let open: Vec<&Symbol> = workload.open_keys.intersection(keys).collect();
        if open.is_empty() {
            return Vec::new();
        }
        let owner = (workload.kind, Symbol::clone(&workload.name));
        let makers: BTreeSet<(Symbol, Symbol)> = self.inventory.makers(workload).iter().chain([&owner]).map(named).collect();
        let pods = self.by_owner.get(&(&workload.namespace, &owner)).into_iter().flatten();
        let tells = |pod: &&&FoldedPod| open.iter().any(|key| says_more(pod, &own.endpoint, key));
        let told = |pod: &&FoldedPod| Workload {
            kind: WorkloadKind::Pod.name().into(),
            name: Symbol::clone(&pod.name),
            endpoint: as_it_is(pod, &own.endpoint),
            aliases: Vec::new(),
            makers: pod.made_by.iter().map(named).chain(makers.iter().cloned()).collect(),
        };
        pods.filter(tells).map(told).collect()
    }
}

/// Whether a pod says of a label what its workload leaves open, and no injector writes by itself.
fn says_more(pod: &FoldedPod, own: &Endpoint, key: &Symbol) -> bool {
    let Peer::Pod(known) = &own.peer else { return false };
    let value = pod.labels.get(key).map(|value| &**value);
    !pod.open_keys.contains(key) && (value.is_none() || own.facts.injected(known, key) != value)
}

/// A pod as it is; what it does not say itself, its workload says.
fn as_it_is(pod: &FoldedPod, own: &Endpoint) -> Endpoint {
    let mut endpoint = own.clone();
    if let Peer::Pod(known) = &mut endpoint.peer {
        known.labels.clone_from(&pod.labels);
    }
    let facts = &mut endpoint.facts;
    facts.open_labels.clone_from(&pod.open_keys);
    facts.addresses.clone_from(&pod.addresses);
    facts.node.clone_from(&pod.node);
    facts.one_pod = Some(format!("{}/{}", pod.namespace, pod.name).into());
    endpoint
}
