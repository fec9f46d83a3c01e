//! Who has which address, as far as a cluster's dump says it.
//!
//! Owns: `Addressed`. A pod that runs has addresses; one on its node's network has the node's. It must not judge a connection.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;

use super::place;
use super::question::{Object, Scope};
use crate::flow::{AddressSet, Labels, PodCube, Symbol};
use crate::inventory::{FoldedPod, FoldedSet, HostNetwork, Inventory, Ordinals, PodPhase, WorkloadKind};
use crate::ir::End;

/// Pods and nodes by their addresses.
#[derive(Debug, Clone, Default)]
pub(super) struct Addressed {
    pods: BTreeMap<IpAddr, Vec<OnePod>>,
    /// Pods that a workload stands for, each with its own addresses.
    folded: Vec<(OnePod, Vec<IpAddr>)>,
    /// The same of those that have ended, without any address.
    ended: Vec<(OnePod, Vec<IpAddr>)>,
    nodes: BTreeMap<IpAddr, Symbol>,
    /// Pods on the network of their node, with its addresses.
    on_nodes: Vec<(OnePod, Vec<IpAddr>)>,
    /// The `StatefulSets`, whose pods have names that can be told.
    sets: Vec<(Object, Ordinals)>,
    /// `ReplicaSet`s that a workload stands for, each as any of its pods.
    replicas: Vec<OnePod>,
}

/// A pod that has an address for itself.
#[derive(Debug, Clone)]
pub(super) struct OnePod {
    /// What it is called.
    name: Symbol,
    /// The workload that stands for it; it itself where none does.
    pub(super) object: Object,
    /// The node that it runs on.
    pub(super) node: Option<Symbol>,
    /// Its labels, and the keys of others that it may have; none if the workload that stands for it says all.
    pub(super) labels: Option<(Labels, BTreeSet<Symbol>)>,
}

impl Addressed {
    /// From what runs, and from the nodes among some objects; what has ended has no address any more.
    pub(super) fn of(inventory: &Inventory, objects: &[Value]) -> Self {
        let mut all = Self { nodes: objects.iter().flat_map(nodes).collect(), ..Self::default() };
        for workload in inventory.workloads.iter().filter(|workload| workload.phase == PodPhase::Live) {
            let pod = OnePod::new(&workload.namespace, &workload.name, (workload.kind, &workload.name), workload.node.as_ref());
            all.add(&pod, &workload.addresses, workload.host_network);
            all.sets.extend(workload.ordinals.map(|ordinals| (pod.object, ordinals)));
        }
        for folded in &inventory.folded_pods {
            let pod = OnePod::folded(folded);
            all.add(&pod, &folded.addresses, folded.host_network);
            all.folded.push((pod, folded.addresses.clone()));
        }
        all.replicas = inventory.folded_sets.iter().map(OnePod::of_set).collect();
        all.ended = inventory.ended_pods.iter().map(|pod| (OnePod { node: None, ..OnePod::folded(pod) }, Vec::new())).collect();
        all
    }

    fn add(&mut self, pod: &OnePod, addresses: &[IpAddr], host_network: HostNetwork) {
        if host_network == HostNetwork::Yes {
            self.on_nodes.push((pod.clone(), addresses.to_vec()));
        }
        for address in addresses {
            if host_network == HostNetwork::No {
                let known = self.pods.entry(*address).or_default();
                if !known.iter().any(|known| known.one_pod() == pod.one_pod()) {
                    known.push(pod.clone());
                }
            } else if let Some(node) = &pod.node {
                self.nodes.insert(*address, Symbol::clone(node));
            }
        }
    }

    /// The pods that have an address.
    pub(super) fn pods_at(&self, address: IpAddr) -> &[OnePod] {
        self.pods.get(&address).map(Vec::as_slice).unwrap_or_default()
    }

    /// The pod of a name that a workload stands for, with its addresses; one that has ended too.
    pub(super) fn folded(&self, one_pod: &str) -> Option<(&OnePod, &[IpAddr])> {
        self.folded.iter().chain(&self.ended).find(|(pod, _)| *pod.one_pod() == *one_pod).map(|(pod, addresses)| (pod, &**addresses))
    }

    /// All pods that run and that a workload stands for, each with its addresses.
    pub(super) fn all_folded(&self) -> impl Iterator<Item = (&OnePod, &[IpAddr])> {
        self.folded.iter().map(|(pod, addresses)| (pod, &**addresses))
    }

    /// The pods on the network of the node that has an address, by that or by its name.
    pub(super) fn on_network<'a>(&'a self, address: IpAddr, node: Option<&'a Symbol>) -> impl Iterator<Item = &'a OnePod> {
        let is_there = move |(pod, own): &&(OnePod, Vec<IpAddr>)| own.contains(&address) || node.is_some() && pod.node.as_ref() == node;
        self.on_nodes.iter().filter(is_there).map(|(pod, _)| pod)
    }

    /// The `StatefulSets`.
    pub(super) fn sets(&self) -> &[(Object, Ordinals)] {
        &self.sets
    }

    /// The `ReplicaSet`s that a workload stands for, each as any of its pods.
    pub(super) fn replicas(&self) -> &[OnePod] {
        &self.replicas
    }

    /// The node that has an address.
    pub(super) fn node_at(&self, address: IpAddr) -> Option<&Symbol> {
        self.nodes.get(&address)
    }

    /// The nodes by their addresses.
    pub(super) fn nodes(&self) -> &BTreeMap<IpAddr, Symbol> {
        &self.nodes
    }

    /// The first pod that has one of these addresses.
    pub(super) fn pod_within(&self, addresses: &AddressSet) -> Option<&OnePod> {
        self.pods.iter().find(|(address, _)| addresses.contains(**address)).and_then(|(_, pods)| pods.first())
    }
}

/// The addresses of nodes that an object tells: those of a Node, and where a pod runs.
fn nodes(object: &Value) -> Vec<(IpAddr, Symbol)> {
    let (name, listed) = match place::kind(object) {
        "Node" => (["metadata", "name"], (["status", "addresses"], "address")),
        "Pod" => (["spec", "nodeName"], (["status", "hostIPs"], "ip")),
        _ => return Vec::new(),
    };
    let Some(name) = place::text(object, &name).map(Symbol::from) else { return Vec::new() };
    let ([outer, inner], key) = listed;
    let list = object.get(outer).and_then(|outer| outer.get(inner)?.as_array());
    let texts = list.into_iter().flatten().filter_map(|entry| place::text(entry, &[key]));
    let texts = texts.chain(place::text(object, &["status", "hostIP"]));
    texts.filter_map(|text| Some((text.parse().ok()?, name.clone()))).collect()
}

impl OnePod {
    fn new(namespace: &Symbol, name: &Symbol, (kind, owner): (WorkloadKind, &Symbol), node: Option<&Symbol>) -> Self {
        let object = Object { kind, namespace: Symbol::clone(namespace), name: Symbol::clone(owner), scope: Scope::Itself };
        Self { name: Symbol::clone(name), object, node: node.cloned(), labels: None }
    }

    /// A pod that went into its owner.
    fn folded(pod: &FoldedPod) -> Self {
        let (kind, owner) = &pod.owner;
        let labels = Some((pod.labels.clone(), pod.open_keys.clone()));
        Self { labels, ..Self::new(&pod.namespace, &pod.name, (*kind, owner), pod.node.as_ref()) }
    }

    /// Any pod of a `ReplicaSet` that went into its owner.
    fn of_set(set: &FoldedSet) -> Self {
        let (kind, owner) = &set.owner;
        let labels = Some((set.labels.clone(), set.open_keys.clone()));
        Self { labels, ..Self::new(&set.namespace, &set.name, (*kind, owner), None) }
    }

    /// It itself, as an object.
    pub(super) fn itself(&self) -> Object {
        Object { kind: WorkloadKind::Pod, name: Symbol::clone(&self.name), ..self.object.clone() }
    }

    /// Whether it may be at an end, by what it says itself.
    pub(super) fn is_at(&self, end: &End) -> bool {
        let Some((labels, _)) = &self.labels else { return true };
        let holds = |cube: &PodCube| cube.names().contains(Some(&self.object.namespace)) && cube.labels.contains(labels);
        end.peers().pods.cubes().iter().any(holds)
    }

    /// It and no other of its owner's, as the evaluator tells pods apart.
    pub(super) fn one_pod(&self) -> Symbol {
        format!("{}/{}", self.object.namespace, self.name).into()
    }
}

/// As people name it: `Pod shop/web-7f9c`.
impl std::fmt::Display for OnePod {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Pod {}", self.one_pod())
    }
}
