//! The workloads of a cluster, as ends that can be asked about.
//!
//! Owns: from an inventory's facts to `Workload`, and which pods of one owner are one workload. It must not read manifests.

mod folded;

use std::collections::{BTreeMap, BTreeSet};

use folded::FoldedPods;

use super::network::{Known, Network as PolicySet, OnNode};
use super::{Endpoint, Facts, NamedPort, NamespaceLabels, Network, Platform, Workload};
use crate::flow::{Labels, NAMESPACE_NAME, Peer, Pod, Prefix, Symbol};
use crate::inventory::{HostNetwork, Inventory, InventoryWorkload, Maker, PodPhase, PortTarget, PortsKnown, WorkloadKind};

/// What anybody looks at who tells pods apart.
#[derive(Debug, Clone, Default)]
pub(super) struct LookedAt {
    /// The keys of the labels that policies look at.
    pub(super) keys: BTreeSet<Symbol>,
    /// The names by which policies and Services call ports.
    pub(super) ports: BTreeSet<Symbol>,
}

impl LookedAt {
    /// What the policies look at, whose keys are given, and the Services of an inventory.
    pub(super) fn by(keys: BTreeSet<Symbol>, network: &PolicySet, inventory: &Inventory) -> Self {
        let targets = inventory.services.iter().flat_map(|service| &service.ports).filter_map(|port| match &port.target {
            PortTarget::Name(name) => Some(name),
            PortTarget::Number(_) => None,
        });
        let ports = network.port_names().chain(targets).cloned().collect();
        Self { keys, ports }
    }
}

/// The workloads of an inventory, by namespace, kind and name.
///
/// Pods of one owner are one, unless they differ in a label that a policy looks at, or in what they are.
pub(super) fn workloads(inventory: &Inventory, platform: &Platform, looked_at: &LookedAt) -> Vec<Workload> {
    let mut all: Vec<Workload> = Vec::with_capacity(inventory.workloads.len());
    let folded = FoldedPods::new(inventory);
    for group in groups(inventory) {
        all.extend(merged(&group, (inventory, &folded), platform, looked_at));
    }
    let key = |workload: &Workload| {
        let Peer::Pod(pod) = &workload.endpoint.peer else { return (Symbol::from(""), Symbol::from(""), Symbol::from("")) };
        (Symbol::clone(&pod.namespace), Symbol::clone(&workload.kind), Symbol::clone(&workload.name))
    };
    all.sort_by_cached_key(key);
    all
}

/// The pods that have ended, each by itself: whatever address it had may be another's by now.
pub(super) fn ended(inventory: &Inventory, platform: &Platform) -> Vec<Workload> {
    let ended = inventory.workloads.iter().filter(|workload| workload.phase == PodPhase::Ended);
    let as_it_was = |pod: &InventoryWorkload| {
        let mut endpoint = endpoint(pod, inventory, platform);
        endpoint.facts.addresses.clear();
        endpoint.facts.node = None;
        let makers = inventory.makers(pod).iter().map(named).collect();
        Workload { kind: pod.kind.name().into(), name: Symbol::clone(&pod.name), endpoint, aliases: Vec::new(), makers }
    };
    ended.map(as_it_was).collect()
}

/// Workloads that come from one owner.
struct Group<'i> {
    /// The owner; the workload itself where nothing made it.
    owner: Maker,
    /// Each with what made it, the owner itself first if it is there.
    workloads: Vec<Made<'i>>,
}

/// A workload with what made it.
type Made<'i> = (&'i InventoryWorkload, Vec<Maker>);

/// The workloads that come from one owner; each other one is by itself. Pods that have ended have no traffic (`semantics.md` §1.4).
fn groups(inventory: &Inventory) -> Vec<Group<'_>> {
    let gone = inventory.gone();
    let mut groups: BTreeMap<(&Symbol, Maker), Vec<Made<'_>>> = BTreeMap::new();
    for workload in inventory.workloads.iter().filter(|workload| workload.phase == PodPhase::Live) {
        let own = (workload.kind, Symbol::clone(&workload.name));
        let mut makers = inventory.makers(workload);
        let owner = makers.last().cloned().unwrap_or_else(|| own.clone());
        makers.extend(gone.get(&(Symbol::clone(&workload.namespace), own)).into_iter().flatten().cloned());
        groups.entry((&workload.namespace, owner)).or_default().push((workload, makers));
    }
    let mut groups: Vec<Group<'_>> = groups.into_iter().map(|((_, owner), workloads)| Group { owner, workloads }).collect();
    for group in &mut groups {
        group.workloads.sort_by_key(|(workload, _)| workload.is_owned());
    }
    groups
}

/// One workload for each way in which those of one owner can be told apart.
fn merged(
    group: &Group<'_>,
    (inventory, folded): (&Inventory, &FoldedPods<'_>),
    platform: &Platform,
    looked_at: &LookedAt,
) -> Vec<Workload> {
    let mut kinds: Vec<Workload> = Vec::new();
    let itself = |(workload, makers): &Made<'_>| Workload {
        kind: workload.kind.name().into(),
        name: Symbol::clone(&workload.name),
        endpoint: endpoint(workload, inventory, platform),
        aliases: Vec::new(),
        makers: makers.iter().map(named).collect(),
    };
    let with_pods = |made: &Made<'_>| {
        let own = itself(made);
        let pods = folded.told_apart(made.0, &own, &looked_at.keys);
        std::iter::once(own).chain(pods)
    };
    let all = group.workloads.iter().flat_map(with_pods);
    for Workload { kind, name, endpoint, makers, .. } in all {
        if let Some(known) = kinds.iter_mut().find(|known| is_alike(&known.endpoint, &endpoint, looked_at)) {
            if (&known.kind, &known.name) != (&kind, &name) {
                known.aliases.push((kind, name));
            }
            known.makers.extend(makers);
            join(&mut known.endpoint, endpoint);
        } else {
            kinds.push(Workload { kind, name, endpoint, aliases: Vec::new(), makers });
        }
    }
    if let [only] = &mut *kinds {
        name_by_owner(only, named(&group.owner));
    }
    for workload in &mut kinds {
        let own = (Symbol::clone(&workload.kind), Symbol::clone(&workload.name));
        workload.makers.remove(&own);
    }
    kinds
}

/// As people name a kind, and the name.
fn named((kind, name): &Maker) -> (Symbol, Symbol) {
    (kind.name().into(), Symbol::clone(name))
}

/// Pods that nothing tells apart are known by their owner.
fn name_by_owner(workload: &mut Workload, (kind, name): (Symbol, Symbol)) {
    let own = (std::mem::replace(&mut workload.kind, kind), std::mem::replace(&mut workload.name, name));
    if own != (Symbol::clone(&workload.kind), Symbol::clone(&workload.name)) {
        workload.aliases.push(own);
    }
}

/// Whether no policy can tell two workloads apart, their addresses and nodes left aside.
fn is_alike(left: &Endpoint, right: &Endpoint, looked_at: &LookedAt) -> bool {
    let (Peer::Pod(left_pod), Peer::Pod(right_pod)) = (&left.peer, &right.peer) else { return false };
    let called = |port: &&NamedPort| looked_at.ports.contains(&port.name);
    let ports = |end: &Endpoint| end.facts.ports.as_ref().map(|ports| ports.iter().filter(called).cloned().collect::<BTreeSet<_>>());
    let seen = |end: &Endpoint, pod: &Pod, key: &Symbol| (pod.labels.get(key).cloned(), end.facts.open_labels.contains(key));
    looked_at.keys.iter().all(|key| seen(left, left_pod, key) == seen(right, right_pod, key))
        && left_pod.account == right_pod.account
        && left_pod.plane == right_pod.plane
        && left.facts.network == right.facts.network
        && ports(left) == ports(right)
        && left.facts.proxy == right.facts.proxy
        && left.facts.uncaptured == right.facts.uncaptured
        && left.facts.outbound == right.facts.outbound
}

/// Makes one end of two that policies cannot tell apart: it has the addresses of both, if they are known.
fn join(endpoint: &mut Endpoint, other: Endpoint) {
    let (mut own, others) = (std::mem::take(&mut endpoint.facts.addresses), other.facts.addresses);
    forget_one_pod(endpoint);
    if !own.is_empty() && !others.is_empty() {
        own.extend(others);
        own.sort_unstable();
        own.dedup();
        endpoint.facts.addresses = own;
    }
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
    let (labels, open_labels) = labels(workload, platform);
    let pod = Pod {
        namespace: Symbol::clone(&workload.namespace),
        namespace_labels: described.map_or_else(name_only, |facts| facts.labels.clone()),
        labels,
        account: Symbol::clone(&workload.account),
        plane: inventory.plane_of(workload, platform.mesh),
    };
    let facts = Facts {
        ports: (workload.ports_known == PortsKnown::Yes).then(|| named_ports(workload)),
        network: match workload.host_network {
            HostNetwork::Yes => Network::Host,
            HostNetwork::No => Network::Own,
        },
        one_pod: workload.one_pod(),
        addresses: workload.addresses.clone(),
        proxy: workload.proxy,
        uncaptured: workload.capture.told_off(),
        outbound: workload.outbound.clone(),
        node: workload.node.clone(),
        open_labels,
        namespace: if described.is_some() { NamespaceLabels::Known } else { NamespaceLabels::NameOnly },
    };
    Endpoint { peer: Peer::Pod(pod), facts }
}

/// The label under which pods carry the name of their Job, since Kubernetes 1.27.
const JOB_NAME: (&str, (u16, u16, u16)) = ("batch.kubernetes.io/job-name", (1, 27, 0));

/// The labels of a workload's pods, and the keys of those that they may have besides.
pub(super) fn labels(workload: &InventoryWorkload, platform: &Platform) -> (Labels, BTreeSet<Symbol>) {
    let (mut labels, mut open) = (workload.labels.clone(), workload.open_keys.clone());
    let (key, since) = JOB_NAME;
    let is_own = workload.kind == WorkloadKind::Job && labels.get(key) == Some(&workload.name);
    if is_own && platform.kubernetes < since {
        labels.remove(key);
        open.insert(key.into());
    }
    (labels, open)
}

/// The ports that a workload's containers declare under a name.
fn named_ports(workload: &InventoryWorkload) -> Vec<NamedPort> {
    let named =
        workload.ports.iter().filter_map(|port| Some(NamedPort { name: port.name.clone()?, protocol: port.protocol, number: port.number }));
    named.collect()
}

/// What policies must know of workloads.
pub(super) fn known(workloads: &[Workload]) -> Known {
    let mut known = Known::default();
    for port in workloads.iter().filter_map(|workload| workload.endpoint.facts.ports.as_ref()).flatten() {
        known.port_numbers.entry((port.protocol, Symbol::clone(&port.name))).or_default().insert(port.number);
    }
    let mut on_nodes = workloads.iter().map(|workload| &workload.endpoint.facts).filter(|facts| facts.network == Network::Host);
    let located: Vec<Prefix> = on_nodes.clone().flat_map(|facts| &facts.addresses).map(|address| Prefix::host(*address)).collect();
    if !located.is_empty() {
        known.on_nodes.push(OnNode::At(located.into_iter().collect()));
    }
    known.on_nodes.extend(on_nodes.any(|facts| facts.addresses.is_empty()).then_some(OnNode::Anywhere));
    known
}
