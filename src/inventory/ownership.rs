//! Folds workloads into the workloads that made them.
//!
//! Owns: which object owns which. A `ReplicaSet` of a Deployment, or a Pod of a Job, says nothing that its owner does not say;
//! but one that differs from its owner (a rollout is under way, somebody changed a label by hand) is kept as a workload of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{HostNetwork, InventoryWorkload, Maker, MeshChoice, PodPhase, PortsKnown, WorkloadKind};
use crate::flow::{Labels, Protocol, Symbol};

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
pub(super) const LONGEST_CHAIN: usize = 4;

/// What became of a workload that went into its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folded {
    /// The owner that stands for it.
    pub(super) into: Owner,
    /// Whether it runs any pods.
    pub(super) replicas: Replicas,
}

/// A pod that says nothing that the workload which stands for it does not say, but where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldedPod {
    /// Its namespace.
    pub namespace: Symbol,
    /// Its name.
    pub name: Symbol,
    /// The workload that stands for it, by kind and name.
    pub owner: (WorkloadKind, Symbol),
    /// What made it, as it says; that may have gone into its owner too.
    pub made_by: Option<Maker>,
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
    /// Whether it runs at all.
    pub phase: PodPhase,
}

/// A `ReplicaSet` that runs pods and says nothing that the workload which stands for it does not say, but their labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldedSet {
    /// Its namespace.
    pub namespace: Symbol,
    /// Its name.
    pub name: Symbol,
    /// The workload that stands for it, by kind and name.
    pub owner: (WorkloadKind, Symbol),
    /// The labels of its pods: what its owner leaves open is said here.
    pub labels: Labels,
    /// Keys that they may also have.
    pub open_keys: BTreeSet<Symbol>,
}

/// What went into its owner.
#[derive(Debug, Default)]
pub(super) struct Gone {
    pub(super) pods: Vec<FoldedPod>,
    pub(super) sets: Vec<FoldedSet>,
}

/// Takes out the workloads whose owner is there and says the same, or that run nothing, and notes whose they were. Gives the pods
/// among them, and the sets. Those that are disputed stay, as which of two says the same is not known.
pub(super) fn fold(workloads: &mut Vec<InventoryWorkload>, folded: &mut BTreeMap<Owner, Folded>, disputed: &BTreeSet<Owner>) -> Gone {
    let mut gone = Gone::default();
    if workloads.iter().all(|workload| workload.owner.is_none()) {
        return gone;
    }
    let by_key: BTreeMap<Owner, InventoryWorkload> =
        workloads.iter().filter(|workload| may_own(workload.kind)).map(|workload| (key(workload), workload.clone())).collect();
    let find = |workload: &InventoryWorkload, folded: &BTreeMap<Owner, Folded>| {
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
        let same = by_key.get(&owner).is_some_and(|owner| adds_nothing(workload, owner)) && !disputed.contains(&key(workload));
        if same {
            gone.pods.extend(folded_pod(workload, &owner));
            gone.sets.extend(folded_set(workload, &owner));
            folded.insert(key(workload), Folded { into: owner, replicas: workload.replicas });
        }
        !same
    });
    gone
}

/// What is left of a `ReplicaSet` that runs pods; nothing of other workloads.
fn folded_set(workload: &InventoryWorkload, (_, kind, name): &Owner) -> Option<FoldedSet> {
    let runs = workload.kind == WorkloadKind::ReplicaSet && workload.replicas == Replicas::Some;
    runs.then(|| FoldedSet {
        namespace: Symbol::clone(&workload.namespace),
        name: Symbol::clone(&workload.name),
        owner: (*kind, Symbol::clone(name)),
        labels: workload.labels.clone(),
        open_keys: workload.open_keys.clone(),
    })
}

/// What is left of a pod; nothing of other workloads.
fn folded_pod(workload: &InventoryWorkload, (_, kind, name): &Owner) -> Option<FoldedPod> {
    (workload.kind == WorkloadKind::Pod).then(|| FoldedPod {
        namespace: Symbol::clone(&workload.namespace),
        name: Symbol::clone(&workload.name),
        owner: (*kind, Symbol::clone(name)),
        made_by: workload.owner.as_ref().map(|(_, kind, name)| (*kind, Symbol::clone(name))),
        labels: workload.labels.clone(),
        open_keys: workload.open_keys.clone(),
        addresses: workload.addresses.clone(),
        node: workload.node.clone(),
        host_network: workload.host_network,
        sidecar: workload.mesh.sidecar,
        phase: workload.phase,
    })
}

/// Whether workloads of this kind make other workloads.
fn may_own(kind: WorkloadKind) -> bool {
    kind != WorkloadKind::Pod
}

/// The owner of a workload that is in the inventory, directly or by way of one that is not.
fn present(workload: &InventoryWorkload, by_key: &BTreeMap<Owner, InventoryWorkload>, folded: &BTreeMap<Owner, Folded>) -> Option<Owner> {
    let owner = workload.owner.as_ref()?;
    if by_key.contains_key(owner) {
        return Some(owner.clone());
    }
    if let Some(further) = folded.get(owner) {
        return by_key.contains_key(&further.into).then(|| further.into.clone());
    }
    let guess = deployment_behind(workload, owner).or_else(|| perhaps_behind(workload, owner))?;
    by_key.contains_key(&guess).then_some(guess)
}

/// The Deployment of a `ReplicaSet` that is not in the inventory: the latter's name is the Deployment's and the hash.
pub(super) fn deployment_behind(workload: &InventoryWorkload, owner: &Owner) -> Option<Owner> {
    let (namespace, kind, name) = owner;
    let hash = workload.labels.get("pod-template-hash").filter(|_| *kind == WorkloadKind::ReplicaSet)?;
    let deployment = name.strip_suffix(&**hash)?.strip_suffix('-')?;
    Some((Symbol::clone(namespace), WorkloadKind::Deployment, deployment.into()))
}

/// What may have made an owner that is not in the inventory, by what stands behind the last dash of its name: a Deployment, where the pod
/// of a `ReplicaSet` does not say the hash; a `CronJob`, where a Job is named after a minute. Whoever asks has to know that there is such a
/// one.
pub(super) fn perhaps_behind(workload: &InventoryWorkload, owner: &Owner) -> Option<Owner> {
    let (namespace, kind, name) = owner;
    let (maker, added) = name.rsplit_once('-')?;
    let kind = match kind {
        WorkloadKind::ReplicaSet if !workload.labels.contains_key("pod-template-hash") => WorkloadKind::Deployment,
        WorkloadKind::Job if is_minute(added) => WorkloadKind::CronJob,
        _ => return None,
    };
    Some((Symbol::clone(namespace), kind, maker.into()))
}

/// Whether a word is the minute for which a `CronJob` makes a Job, counted from 1970 (kubernetes/kubernetes : pkg/controller/cronjob/utils.go).
fn is_minute(word: &str) -> bool {
    word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether everything about a workload's pods is already said by its owner, or it has no pods.
fn adds_nothing(workload: &InventoryWorkload, owner: &InventoryWorkload) -> bool {
    if workload.replicas == Replicas::Zero {
        return true;
    }
    let labels = workload.labels.iter().filter(|(key, _)| !owner.open_keys.contains(*key));
    let same_labels = labels.eq(owner.labels.iter());
    // What two objects of its name say differently is not known of it.
    let is_sure = workload.open_keys.is_subset(&owner.open_keys);
    let same_proxy =
        (&workload.capture, &workload.outbound) == (&owner.capture, &owner.outbound) && workload.unmodelled == owner.unmodelled;
    is_sure
        && same_labels
        && same_proxy
        && has_ports_of(workload, owner)
        && workload.account == owner.account
        && workload.host_network == owner.host_network
}

/// Whether a workload has the ports of its owner, as far as anybody knows ports by what is declared.
fn has_ports_of(workload: &InventoryWorkload, owner: &InventoryWorkload) -> bool {
    [workload, owner].iter().any(|own| own.ports_known == PortsKnown::No) || telling(workload) == telling(owner)
}

/// The name that a sidecar's injection gives one of its ports, the same for all pods: it tells none from its template.
const ADDED_BY_INJECTION: &str = "http-envoy-prom";

/// A port as it is told from others: its name, number and protocol, and the port and address of the node that lead to it.
type Told<'w> = (Option<&'w Symbol>, u16, Protocol, Option<(u16, Option<IpAddr>)>);

/// The ports by which pods are told apart: those that have a name, and those to which a node leads. Numbers alone only inform.
fn telling(workload: &InventoryWorkload) -> BTreeSet<Told<'_>> {
    let told = workload.ports.iter().map(|port| {
        let host = port.host.as_ref().map(|host| (host.number, host.address));
        (port.name.as_ref(), port.number, port.protocol, host)
    });
    let tells = |name: Option<&Symbol>| name.is_some_and(|name| **name != *ADDED_BY_INJECTION);
    told.filter(|(name, _, _, host)| tells(*name) || host.is_some()).collect()
}

/// What a workload is found by.
fn key(workload: &InventoryWorkload) -> Owner {
    (Symbol::clone(&workload.namespace), workload.kind, Symbol::clone(&workload.name))
}
