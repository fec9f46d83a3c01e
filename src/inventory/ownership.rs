//! Folds workloads into the workloads that made them.
//!
//! Owns: which object owns which. A `ReplicaSet` of a Deployment, or a Pod of a Job, says nothing that its owner does not say;
//! but one that differs from its owner (a rollout is under way, somebody changed a label by hand) is kept as a workload of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{HostNetwork, InventoryWorkload, MeshChoice, PodPhase, WorkloadKind};
use crate::flow::{Labels, Symbol};

/// A workload that another one names as its owner: namespace, kind and name.
pub(super) type Owner = (Symbol, WorkloadKind, Symbol);

/// Whether a workload runs any pods now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replicas {
    /// It says that it runs none.
    Zero,
    /// It runs some, or does not say.
    Some,
}

/// A chain of owners is at most this long: Pod, Job, `CronJob`; one more for good measure.
const LONGEST_CHAIN: usize = 4;

/// A pod that runs and says nothing that the workload which stands for it does not say, but where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldedPod {
    /// Its namespace.
    pub namespace: Symbol,
    /// Its name.
    pub name: Symbol,
    /// The workload that stands for it, by kind and name.
    pub owner: (WorkloadKind, Symbol),
    /// Its labels: what its owner leaves open is said here.
    pub labels: Labels,
    /// Keys that it may also have.
    pub open_keys: BTreeSet<Symbol>,
    /// Its addresses; those of its node where it uses that network. None if they are not known.
    pub addresses: Vec<IpAddr>,
    /// The node that it runs on.
    pub node: Option<Symbol>,
    /// Whether it uses the network of its node.
    pub host_network: HostNetwork,
    /// Whether it runs a sidecar.
    pub sidecar: MeshChoice,
}

/// Takes out the workloads whose owner is there and says the same, or that run nothing, and notes whose they were. Gives the pods
/// among them.
pub(super) fn fold(workloads: &mut Vec<InventoryWorkload>, folded: &mut BTreeMap<Owner, Owner>) -> Vec<FoldedPod> {
    let mut pods = Vec::new();
    if workloads.iter().all(|workload| workload.owner.is_none()) {
        return pods;
    }
    let by_key: BTreeMap<Owner, InventoryWorkload> =
        workloads.iter().filter(|workload| may_own(workload.kind)).map(|workload| (key(workload), workload.clone())).collect();
    let find = |workload: &InventoryWorkload, folded: &BTreeMap<Owner, Owner>| {
        let mut owner = present(workload, &by_key, folded)?;
        for _ in 0..LONGEST_CHAIN {
            match by_key.get(&owner).and_then(|found| present(found, &by_key, folded)) {
                Some(next) => owner = next,
                None => break,
            }
        }
        Some(owner)
    };
    let owners: Vec<Option<Owner>> = workloads.iter().map(|workload| find(workload, folded)).collect();
    let mut owners = owners.into_iter();
    workloads.retain(|workload| {
        let Some(owner) = owners.next().flatten() else { return true };
        let same = by_key.get(&owner).is_some_and(|owner| adds_nothing(workload, owner));
        if same {
            pods.extend(folded_pod(workload, &owner));
            folded.insert(key(workload), owner);
        }
        !same
    });
    pods
}

/// What is left of a pod; none of one that has ended.
fn folded_pod(workload: &InventoryWorkload, (_, kind, name): &Owner) -> Option<FoldedPod> {
    let is_there = workload.kind == WorkloadKind::Pod && workload.phase == PodPhase::Live;
    is_there.then(|| FoldedPod {
        namespace: Symbol::clone(&workload.namespace),
        name: Symbol::clone(&workload.name),
        owner: (*kind, Symbol::clone(name)),
        labels: workload.labels.clone(),
        open_keys: workload.open_keys.clone(),
        addresses: workload.addresses.clone(),
        node: workload.node.clone(),
        host_network: workload.host_network,
        sidecar: workload.mesh.sidecar,
    })
}

/// Whether workloads of this kind make other workloads.
fn may_own(kind: WorkloadKind) -> bool {
    kind != WorkloadKind::Pod
}

/// The owner of a workload that is in the inventory, directly or by way of one that is not.
fn present(workload: &InventoryWorkload, by_key: &BTreeMap<Owner, InventoryWorkload>, folded: &BTreeMap<Owner, Owner>) -> Option<Owner> {
    let owner = workload.owner.as_ref()?;
    if by_key.contains_key(owner) {
        return Some(owner.clone());
    }
    if let Some(further) = folded.get(owner) {
        return by_key.contains_key(further).then(|| further.clone());
    }
    let guess = deployment_behind(workload, owner)?;
    by_key.contains_key(&guess).then_some(guess)
}

/// The Deployment of a `ReplicaSet` that is not in the inventory: the latter's name is the Deployment's and the hash.
pub(super) fn deployment_behind(workload: &InventoryWorkload, owner: &Owner) -> Option<Owner> {
    let (namespace, kind, name) = owner;
    let hash = workload.labels.get("pod-template-hash").filter(|_| *kind == WorkloadKind::ReplicaSet)?;
    let deployment = name.strip_suffix(&**hash)?.strip_suffix('-')?;
    Some((Symbol::clone(namespace), WorkloadKind::Deployment, deployment.into()))
}

/// Whether everything about a workload's pods is already said by its owner, or it has no pods.
fn adds_nothing(workload: &InventoryWorkload, owner: &InventoryWorkload) -> bool {
    if workload.replicas == Replicas::Zero {
        return true;
    }
    let labels = workload.labels.iter().filter(|(key, _)| !owner.open_keys.contains(*key));
    let same_labels = labels.eq(owner.labels.iter());
    let same_proxy =
        (&workload.capture, &workload.outbound) == (&owner.capture, &owner.outbound) && workload.unmodelled == owner.unmodelled;
    same_labels && same_proxy && workload.account == owner.account && workload.host_network == owner.host_network
}

/// What a workload is found by.
fn key(workload: &InventoryWorkload) -> Owner {
    (Symbol::clone(&workload.namespace), workload.kind, Symbol::clone(&workload.name))
}
