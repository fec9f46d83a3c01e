//! The pods that are known, and those that a set stands for where none is.
//!
//! Owns: `World` and `Known`: who of those that are known stands at an end. It must not judge a connection.

mod made_out;
mod singles;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;

use crate::cluster::{Cluster, Endpoint};
use crate::compile::Believed;
use crate::flow::{AddressSet, Labels, Peer, Pod, PodCube, PodSet, Symbol, Values};
use crate::inventory::{Inventory, WorkloadKind};
use crate::ir::Policy;

use super::addressed::{Addressed, OnePod};
use super::possible::alternatives;
use super::question::{Object, Scope, Side};
use super::setting::Judge;
use made_out::{by_labels, declared, is_described, plane, running};

pub(super) use made_out::{
    Ground, address, addresses, namespace_labels, plainest, possible, tell_namespace, undescribed, with_namespace_labels,
};

/// Somebody who can stand at an end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// The peer, with what else is known of it.
    pub(super) endpoint: Endpoint,
    /// What it is: `Deployment shop/web`, `workload web`, or nothing where nobody described it.
    pub(super) name: Option<String>,
    /// What it is called besides, in the same way.
    pub(super) aliases: Vec<String>,
    /// What made its pods, or some of them.
    pub(super) makers: Vec<String>,
    /// As a flow names it: `app=web@shop`.
    pub(super) text: String,
    /// In a word or two: `web`.
    pub(super) short: String,
    /// The addresses that it stands for; none for a pod.
    pub(super) range: AddressSet,
    /// The set that it is one pod of, as a flow names it; none for who is known, and for addresses.
    pub(super) set: Option<String>,
    /// The labels that its pods are taken to have, though nobody shows it, as `key=value`.
    pub(super) taken: Vec<String>,
}

/// Who may stand at an end.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// Those who are known, and addresses.
    pub(super) known: Vec<Known>,
    /// Sets of pods none of which is known.
    pub(super) sets: Vec<PodSet>,
}

impl Known {
    /// One of whom no more is known than an end, with how a flow names it and the word for it.
    fn nameless(endpoint: Endpoint, text: String, short: String) -> Self {
        let (aliases, makers, taken) = (Vec::new(), Vec::new(), Vec::new());
        Self { endpoint, name: None, aliases, makers, text, short, range: AddressSet::none(), set: None, taken }
    }

    /// The pod; none if it is an address.
    pub(super) const fn pod(&self) -> Option<&Pod> {
        match &self.endpoint.peer {
            Peer::Pod(pod) => Some(pod),
            Peer::Address(_) => None,
        }
    }

    /// The address; none if it is a pod.
    pub(super) const fn address(&self) -> Option<IpAddr> {
        match &self.endpoint.peer {
            Peer::Pod(_) => None,
            Peer::Address(address) => Some(*address),
        }
    }

    /// The pods of its namespace that carry the labels by which it is named; none if it is an address.
    pub(super) fn named(&self) -> Option<PodCube> {
        let pod = self.pod()?;
        let (labels, _) = self.text.rsplit_once('@').unwrap_or((&self.text, ""));
        let own = labels.split(',').filter_map(|pair| pod.labels.get_key_value(pair.split_once('=')?.0));
        let whole = PodCube::in_namespace(&pod.namespace);
        Some(own.fold(whole, |cube, (key, value)| cube.labelled(key.clone(), Values::one(value.clone()))))
    }
}

/// Everybody who is known.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    /// The pods, one of each workload.
    pub(super) pods: Vec<Known>,
    /// The pods that have ended: nobody is one of them but who is asked by name.
    ended: Vec<Known>,
    /// The workloads of which nothing is known but what the program declares, whatever account they run as: beside them there may be others.
    declared: Vec<PodCube>,
    /// Whose addresses are known.
    addressed: Addressed,
    /// The addresses of pods and Services, where intents are judged by themselves: nobody else has these (design §5).
    taken: AddressSet,
}

impl World {
    /// The workloads of the manifests; where intents are judged by themselves, the declared ones that no manifest holds too.
    pub(super) fn of(cluster: &Cluster, policy: &Policy, (inventory, objects): (&Inventory, &[Value]), judge: Judge) -> Self {
        let mut pods: Vec<Known> = cluster.workloads().iter().map(|workload| running(workload, policy)).collect();
        let mut ended: Vec<Known> = cluster.ended_pods().iter().map(|pod| running(pod, policy)).collect();
        let addressed = Addressed::of(inventory, objects);
        if judge == Judge::Given {
            tell_apart(&mut pods);
            return Self { pods, ended, addressed, ..Self::default() };
        }
        let believed = Believed::new(policy, inventory);
        for known in pods.iter_mut().chain(&mut ended) {
            known.endpoint = believed.pod(known.endpoint.clone(), known.name.as_deref().unwrap_or_default());
        }
        let (listed, mut stated) = (pods.len(), Vec::new());
        for workload in &policy.workloads {
            let cube = workload.cube();
            let runs = |known: &Known| matches!(&known.endpoint.peer, Peer::Pod(pod) if cube.contains(pod));
            if !pods.iter().take(listed).any(runs) {
                pods.push(declared(workload, Ground { policy, cluster, judge }));
                stated.push(PodCube { account: Values::any(), ..cube });
            }
        }
        tell_apart(&mut pods);
        let taken = policy.config.cluster.pods.union(&policy.config.cluster.services);
        Self { pods, ended, addressed, declared: stated, taken }
    }

    /// Somebody as this world knows them: by name, else by the same labels.
    pub(super) fn again(&self, known: &Known, ground: Ground<'_>) -> Known {
        let Ground { policy, cluster, .. } = ground;
        if let Some(own) = self.pods.iter().chain(&self.ended).find(|own| known.name.is_some() && own.name == known.name) {
            return as_one_pod(own.clone(), known);
        }
        let Peer::Pod(pod) = &known.endpoint.peer else { return known.clone() };
        let mut again = known.clone();
        let declared = policy.workloads_in(&pod.namespace).iter().find(|workload| workload.labels.contains(&pod.labels));
        if let Peer::Pod(own) = &mut again.endpoint.peer {
            let described = namespace_labels(&pod.namespace, policy, cluster);
            if is_described(&pod.namespace, policy, cluster) {
                own.namespace_labels = described;
            } else {
                // What the flow says of a namespace that nobody describes still holds, as do the labels for which somebody was made up: by
                // these he is in the mesh or not.
                own.namespace_labels.extend(described);
            }
            own.plane = plane(own, declared, ground);
            if let Some(account) = declared.and_then(|workload| workload.account.clone()) {
                own.account = account;
            }
        }
        again
    }

    /// The part of a set in which no pod is known: nothing where pods run in it, and beside declared workloads all others.
    fn unknown_in(&self, set: PodSet) -> PodSet {
        let is_declared = |pod: &Pod| self.declared.iter().any(|cube| cube.contains(pod));
        let mut inside = self.pods.iter().filter_map(Known::pod).filter(|pod| set.contains(pod)).peekable();
        if inside.peek().is_none() {
            return set;
        }
        if !inside.all(is_declared) {
            return PodSet::none();
        }
        self.declared.iter().fold(set, |rest, cube| rest.subtract(&PodSet::from(cube.clone())))
    }

    /// Those who may stand at this end: the known pods in it, its addresses, and the alternatives in which no pod is known to run; of a
    /// single address whoever has it.
    pub(super) fn standing(&self, side: &Side) -> Standing {
        if let Some(object) = &side.object {
            let own = self.addressed.folded(&format!("{}/{}", object.namespace, object.name)).filter(|_| object.kind == WorkloadKind::Pod);
            if let Some(known) = own.and_then(|(pod, addresses)| self.as_it_is(pod, addresses)) {
                return Standing { known: vec![known], sets: Vec::new() };
            }
            let named = |all: &[Known]| all.iter().filter(|known| is_object(known, object)).cloned().collect::<Vec<_>>();
            let known = named(&self.pods);
            let is_there = object.scope == Scope::WithMade || known.iter().any(|known| side.end.matches(&known.endpoint.peer));
            let singles = if is_there { Vec::new() } else { self.singles(&side.end, Some(object)) };
            if !singles.is_empty() {
                return Standing { known: singles, sets: Vec::new() };
            }
            if !is_there && !known.is_empty() && known.iter().all(|known| self.are_of_another(known, &side.end)) {
                return Standing { known: Vec::new(), sets: Vec::new() };
            }
            let known = if known.is_empty() { named(&self.ended) } else { known };
            if !known.is_empty() {
                return Standing { known, sets: Vec::new() };
            }
        }
        let mut known: Vec<Known> = self.pods.iter().filter(|known| side.end.matches(&known.endpoint.peer)).cloned().collect();
        let singles = self.singles(&side.end, None);
        let is_of = |set: &PodSet| singles.iter().filter_map(Known::pod).any(|pod| set.contains(pod));
        let alone = alternatives(&side.end).into_iter().filter(|set| !is_of(set));
        let sets = alone.map(|set| self.unknown_in(set)).filter(|set| !set.is_empty()).collect();
        known.extend(singles);
        let peers = side.end.peers();
        match peers.addresses.only() {
            Some(address) => known.extend(self.at(address)),
            None => known.extend(addresses(&peers.addresses.subtract(&self.taken))),
        }
        Standing { known: known.into_iter().map(|known| as_asked(known, side)).collect(), sets }
    }

    /// A pod as it is, at these addresses: what its workload leaves open it says itself.
    fn as_it_is(&self, pod: &OnePod, addresses: &[IpAddr]) -> Option<Known> {
        let mut known = self.pods.iter().find(|known| is_object(known, &pod.object))?.clone();
        let facts = &mut known.endpoint.facts;
        (facts.addresses, facts.node, facts.one_pod) = (addresses.to_vec(), pod.node.clone(), Some(pod.one_pod()));
        if let (Some((labels, open)), Peer::Pod(own)) = (&pod.labels, &mut known.endpoint.peer) {
            own.labels.clone_from(labels);
            facts.open_labels.clone_from(open);
        }
        Some(known)
    }

    /// Who has an address: the pods that are known to, else the node that is, else whoever outside; nobody if only a pod can have it.
    fn at(&self, address: IpAddr) -> Vec<Known> {
        let pods: Vec<Known> = self.addressed.pods_at(address).iter().filter_map(|pod| self.as_it_is(pod, &[address])).collect();
        if !pods.is_empty() || self.taken.contains(address) {
            return pods;
        }
        let mut outside = self::address(address);
        outside.endpoint.facts.node = self.addressed.node_at(address).cloned();
        vec![outside]
    }

    /// The pods on the network of the node that has an address.
    pub(super) fn on_network(&self, address: IpAddr, node: Option<&Symbol>) -> Vec<Known> {
        self.addressed.on_network(address, node).filter_map(|pod| self.as_it_is(pod, &[address])).collect()
    }

    /// Whose addresses are known.
    pub(super) fn addressed(&self) -> &Addressed {
        &self.addressed
    }
}

/// A workload as that one pod of it which was asked about, if one was, or as those pods.
fn as_one_pod(mut own: Known, asked: &Known) -> Known {
    let facts = &asked.endpoint.facts;
    let is_part = facts.one_pod.is_some() || !asked.taken.is_empty();
    let (true, None, Peer::Pod(pod)) = (is_part, &own.endpoint.facts.one_pod, &asked.endpoint.peer) else { return own };
    if let Peer::Pod(known) = &mut own.endpoint.peer {
        known.labels.clone_from(&pod.labels);
    }
    let known = &mut own.endpoint.facts;
    known.one_pod.clone_from(&facts.one_pod);
    known.addresses.clone_from(&facts.addresses);
    known.node.clone_from(&facts.node);
    known.open_labels.clone_from(&facts.open_labels);
    own.taken.clone_from(&asked.taken);
    own
}

/// Gives pods that are called alike one more label, where one tells all of them apart.
fn tell_apart(pods: &mut [Known]) {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, known) in pods.iter().enumerate() {
        groups.entry(known.text.clone()).or_default().push(at);
    }
    for places in groups.into_values().filter(|places| places.len() > 1) {
        let labels: Vec<Labels> = places.iter().filter_map(|at| pod_labels(pods.get(*at)?).cloned()).collect();
        let keys: BTreeSet<&Symbol> = labels.iter().flat_map(Labels::keys).collect();
        let tells = |key: &&Symbol| {
            let values: BTreeSet<&Symbol> = labels.iter().filter_map(|labels| labels.get(*key)).collect();
            values.len() == places.len()
        };
        let Some(key) = keys.into_iter().find(tells) else { continue };
        for at in places {
            let Some(known) = pods.get_mut(at) else { continue };
            let Some(value) = pod_labels(known).and_then(|labels| labels.get(key)).cloned() else { continue };
            let (told, namespace) = known.text.rsplit_once('@').unwrap_or((&known.text, ""));
            let told = if told == "*" { String::new() } else { format!("{told},") };
            known.text = format!("{told}{key}={value}@{namespace}");
        }
    }
}

fn pod_labels(known: &Known) -> Option<&Labels> {
    match &known.endpoint.peer {
        Peer::Pod(pod) => Some(&pod.labels),
        Peer::Address(_) => None,
    }
}

/// As the question has it: by the labels that it asks for, if it asks for any.
fn as_asked(mut known: Known, side: &Side) -> Known {
    let peers = side.end.peers();
    let ([cube], None) = (peers.pods.cubes(), &side.object) else { return known };
    if let Some(text) = known.pod().and_then(|pod| by_labels(cube, pod)) {
        known.text = text;
    }
    known
}

fn is_object(known: &Known, object: &Object) -> bool {
    let name = format!("{} {}/{}", object.kind.name(), object.namespace, object.name);
    let is_made = object.scope == Scope::WithMade && known.makers.contains(&name);
    is_made || known.name.as_ref() == Some(&name) || known.aliases.contains(&name)
}
