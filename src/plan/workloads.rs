//! The workloads of two sets of manifests, each as it was and as it is to be.
//!
//! Owns: `Workload`, `workloads`, and which of them are not what they were, as far as anything on the way of a connection looks. It must
//! not judge flows.

use std::collections::{BTreeMap, BTreeSet};

use super::object::{Id, Object};
use crate::cluster::{self, Cluster, Endpoint, Network, ProxyRole};
use crate::diff::title_of;
use crate::flow::{DataPlane, Peer, Pod, Symbol};

/// Kinds that run pods.
const RUNNING: [&str; 9] = ["Deployment", "StatefulSet", "DaemonSet", "DeploymentConfig", "ReplicaSet", "Rollout", "Job", "CronJob", "Pod"];

/// Words in labels by which the mesh knows what a pod is.
const OF_MESH: [&str; 2] = ["istio", "gateway"];

/// Whether objects of a kind run pods.
pub(super) fn runs_pods(kind: &str) -> bool {
    RUNNING.contains(&kind)
}

/// A workload of either side. One that the other side lacks is judged there as if it were there: its pods could exist.
#[derive(Debug, Clone)]
pub(super) struct Workload {
    /// The object that runs it.
    pub(super) id: Id,
    /// What it is called, as questions about it are written: `deploy/web@shop`.
    pub(super) title: String,
    /// One of its pods, as it was and as it is to be.
    pub(super) ends: [Endpoint; 2],
}

impl Workload {
    pub(super) fn namespace(&self) -> &Symbol {
        &self.id.namespace
    }

    /// Whether it can be no more than one pod, which is never its own caller.
    pub(super) fn is_one_pod(&self) -> bool {
        self.ends.iter().any(|end| end.facts.one_pod.is_some())
    }
}

/// The pod that an end is.
pub(super) const fn pod(end: &Endpoint) -> Option<&Pod> {
    match &end.peer {
        Peer::Pod(pod) => Some(pod),
        Peer::Address(_) => None,
    }
}

/// The workloads of both sides, by namespace, kind and name. Where one side has several pods of one name, each is one.
pub(super) fn workloads(clusters: [&Cluster; 2]) -> Vec<Workload> {
    let mut all: BTreeMap<Id, [Vec<&cluster::Workload>; 2]> = BTreeMap::new();
    for (side, cluster) in clusters.into_iter().enumerate() {
        for workload in cluster.workloads() {
            let id = Id { kind: workload.kind.to_string(), namespace: workload.namespace().into(), name: workload.name.to_string() };
            all.entry(id).or_default().get_mut(side).into_iter().for_each(|list| list.push(workload));
        }
    }
    all.iter().flat_map(|(id, sides)| paired(id, sides)).collect()
}

fn paired(id: &Id, [base, head]: &[Vec<&cluster::Workload>; 2]) -> Vec<Workload> {
    let of = |list: &[&cluster::Workload], at: usize| list.get(at).or_else(|| list.last()).map(|workload| lasting(&workload.endpoint));
    let one = |at: usize| {
        let (old, new) = (of(base, at), of(head, at));
        let ends = [old.clone().or_else(|| new.clone())?, new.or(old)?];
        Some(Workload { id: id.clone(), title: title_of(&id.kind, &id.name, &id.namespace), ends })
    };
    (0..base.len().max(head.len())).filter_map(one).collect()
}

/// One of a workload's pods. Those of several are made anew all the time, and have other addresses then, unless these are their nodes'.
fn lasting(endpoint: &Endpoint) -> Endpoint {
    let mut endpoint = endpoint.clone();
    let facts = &mut endpoint.facts;
    if facts.one_pod.is_none() && facts.network == Network::Own {
        facts.addresses.clear();
    }
    endpoint
}

/// The objects that run other pods than before, as far as others could see it: `others` are all objects that run none. Of `usual` pods the
/// place in the mesh is their namespace's.
pub(super) fn altered<'w>(workloads: &'w [Workload], others: &[&Object], usual: &dyn Fn(&Workload) -> bool) -> BTreeSet<&'w Id> {
    let mut known: BTreeMap<&str, bool> = BTreeMap::new();
    let is_looked_at = |word: &str| OF_MESH.iter().any(|own| word.contains(own)) || others.iter().any(|object| object.text.contains(word));
    for workload in workloads {
        for key in workload.ends.iter().flat_map(words) {
            known.entry(key).or_insert_with(|| is_looked_at(key));
        }
    }
    let looked = |word: &str| known.get(word).copied().unwrap_or(true);
    let of = |workload: &Workload| workload.ends.each_ref().map(|end| seen(end, &looked, usual(workload)));
    let mut all: BTreeMap<&Id, [Vec<Endpoint>; 2]> = BTreeMap::new();
    for workload in workloads {
        let [old, new] = of(workload);
        let [was, is] = all.entry(&workload.id).or_default();
        was.push(old);
        is.push(new);
    }
    // Pods that only go are what another set of the same ones leaves.
    all.into_iter().filter(|(_, [was, is])| is.iter().any(|end| !was.contains(end))).map(|(id, _)| id).collect()
}

/// The words of a pod that others may look for: keys of labels, names of ports.
fn words(end: &Endpoint) -> impl Iterator<Item = &str> {
    let labels = pod(end).into_iter().flat_map(|pod| pod.labels.keys()).chain(&end.facts.open_labels);
    labels.chain(end.facts.ports.iter().flatten().map(|port| &port.name)).map(|word| &**word)
}

/// As much of a pod as anything may look at. What its namespace says is the namespace's.
fn seen(endpoint: &Endpoint, is_looked_at: &dyn Fn(&str) -> bool, is_usual: bool) -> Endpoint {
    let mut seen = endpoint.clone();
    if is_usual {
        seen.facts.proxy = ProxyRole::default();
        seen.facts.open_labels.clear();
    }
    if let Peer::Pod(pod) = &mut seen.peer {
        pod.plane = if is_usual { DataPlane::None } else { pod.plane };
        pod.labels.retain(|key, _| is_looked_at(key));
        pod.namespace_labels.clear();
    }
    seen.facts.open_labels.retain(|key| is_looked_at(key));
    seen.facts.ports.iter_mut().for_each(|ports| ports.retain(|port| is_looked_at(&port.name)));
    seen.facts.one_pod = None;
    seen.facts.node = None;
    seen.facts.addresses.clear();
    seen
}
