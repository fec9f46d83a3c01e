//! The workloads of a cluster, as ends that can be asked about.
//!
//! Owns: from an inventory's facts to `Workload`, and which pods of one owner are one workload. It must not read manifests.

use std::collections::{BTreeMap, BTreeSet};

use super::network::PortNumbers;
use super::{Endpoint, Facts, NamedPort, NamespaceLabels, Network, Platform, Workload};
use crate::flow::{Labels, NAMESPACE_NAME, Peer, Pod, Symbol};
use crate::inventory::{HostNetwork, Inventory, InventoryWorkload, PodPhase, WorkloadKind};

/// The workloads of an inventory, by namespace, kind and name.
///
/// Pods of one owner are one, unless they differ in a label that a policy looks at, or in what they are.
pub(super) fn workloads(inventory: &Inventory, platform: &Platform, keys: &BTreeSet<Symbol>) -> Vec<Workload> {
    let mut all: Vec<Workload> = Vec::with_capacity(inventory.workloads.len());
    for group in groups(inventory) {
        all.extend(merged(&group, inventory, platform, keys));
    }
    let key = |workload: &Workload| {
        let Peer::Pod(pod) = &workload.endpoint.peer else { return (Symbol::from(""), Symbol::from(""), Symbol::from("")) };
        (Symbol::clone(&pod.namespace), Symbol::clone(&workload.kind), Symbol::clone(&workload.name))
    };
    all.sort_by_cached_key(key);
    all
}

/// The workloads that come from one owner, the owner itself first if it is there; each other one is by itself. Pods that have ended have
/// no traffic (`semantics.md` §1.4).
fn groups(inventory: &Inventory) -> Vec<Vec<&InventoryWorkload>> {
    let mut groups: BTreeMap<(&Symbol, WorkloadKind, Symbol), Vec<&InventoryWorkload>> = BTreeMap::new();
    for workload in inventory.workloads.iter().filter(|workload| workload.phase == PodPhase::Live) {
        let (kind, name) = workload.root_owner().unwrap_or((workload.kind, Symbol::clone(&workload.name)));
        let group = groups.entry((&workload.namespace, kind, name)).or_default();
        if workload.owner().is_none() { group.insert(0, workload) } else { group.push(workload) }
    }
    groups.into_values().collect()
}

/// One workload for each way in which those of one owner can be told apart.
fn merged(group: &[&InventoryWorkload], inventory: &Inventory, platform: &Platform, keys: &BTreeSet<Symbol>) -> Vec<Workload> {
    let mut kinds: Vec<(Workload, usize)> = Vec::new();
    for workload in group {
        let endpoint = endpoint(workload, inventory, platform);
        let known = kinds.iter_mut().find(|(known, _)| is_alike(&known.endpoint, &endpoint, keys));
        if let Some((known, count)) = known {
            *count += 1;
            known.aliases.push((workload.kind.name().into(), Symbol::clone(&workload.name)));
            forget_one_pod(&mut known.endpoint);
        } else {
            let (kind, name) = (workload.kind.name().into(), Symbol::clone(&workload.name));
            kinds.push((Workload { kind, name, endpoint, aliases: Vec::new() }, 1));
        }
    }
    let owner = group.first().and_then(|first| first.root_owner());
    name_by_owner(&mut kinds, owner.map(|(kind, name)| (kind.name().into(), name)));
    kinds.into_iter().map(|(workload, _)| workload).collect()
}

/// Several pods that nothing tells apart are known by their owner, all others by that name besides.
fn name_by_owner(kinds: &mut [(Workload, usize)], owner: Option<(Symbol, Symbol)>) {
    let Some((kind, name)) = owner else { return };
    if let [(workload, 2..)] = kinds {
        let own = (std::mem::replace(&mut workload.kind, kind), std::mem::replace(&mut workload.name, name));
        workload.aliases.push(own);
        return;
    }
    for (workload, _) in kinds {
        workload.aliases.push((Symbol::clone(&kind), Symbol::clone(&name)));
    }
}

/// Whether no policy can tell two workloads apart, their addresses and nodes left aside.
fn is_alike(left: &Endpoint, right: &Endpoint, keys: &BTreeSet<Symbol>) -> bool {
    let (Peer::Pod(left_pod), Peer::Pod(right_pod)) = (&left.peer, &right.peer) else { return false };
    let seen = |end: &Endpoint, pod: &Pod, key: &Symbol| (pod.labels.get(key).cloned(), end.facts.open_labels.contains(key));
    keys.iter().all(|key| seen(left, left_pod, key) == seen(right, right_pod, key))
        && left_pod.account == right_pod.account
        && left_pod.plane == right_pod.plane
        && left.facts.network == right.facts.network
        && left.facts.ports == right.facts.ports
        && left.facts.uncaptured == right.facts.uncaptured
}

/// What holds for one pod only is not known of a workload of several.
pub(super) fn forget_one_pod(endpoint: &mut Endpoint) {
    endpoint.facts.one_pod = None;
    endpoint.facts.addresses.clear();
    endpoint.facts.node = None;
}

/// A pod of a workload.
pub(super) fn endpoint(workload: &InventoryWorkload, inventory: &Inventory, platform: &Platform) -> Endpoint {
    let described = inventory.namespaces.get(&workload.namespace);
    let name_only = || Labels::from([(NAMESPACE_NAME.into(), Symbol::clone(&workload.namespace))]);
    let pod = Pod {
        namespace: Symbol::clone(&workload.namespace),
        namespace_labels: described.map_or_else(name_only, |facts| facts.labels.clone()),
        labels: workload.labels.clone(),
        account: Symbol::clone(&workload.account),
        plane: inventory.plane_of(workload, platform.mesh),
    };
    let facts = Facts {
        ports: Some(named_ports(workload)),
        network: match workload.host_network {
            HostNetwork::Yes => Network::Host,
            HostNetwork::No => Network::Own,
        },
        one_pod: workload.one_pod(),
        addresses: workload.addresses.clone(),
        uncaptured: workload.capture.told_off(),
        node: workload.node.clone(),
        open_labels: workload.open_keys.clone(),
        namespace: if described.is_some() { NamespaceLabels::Known } else { NamespaceLabels::NameOnly },
    };
    Endpoint { peer: Peer::Pod(pod), facts }
}

/// The ports that a workload's containers declare under a name.
fn named_ports(workload: &InventoryWorkload) -> Vec<NamedPort> {
    let named =
        workload.ports.iter().filter_map(|port| Some(NamedPort { name: port.name.clone()?, protocol: port.protocol, number: port.number }));
    named.collect()
}

/// The numbers that workloads give to ports by name.
pub(super) fn port_numbers(workloads: &[Workload]) -> PortNumbers {
    let mut numbers = PortNumbers::new();
    for port in workloads.iter().filter_map(|workload| workload.endpoint.facts.ports.as_ref()).flatten() {
        numbers.entry((port.protocol, Symbol::clone(&port.name))).or_default().insert(port.number);
    }
    numbers
}
