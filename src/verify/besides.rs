//! Pods that a counterexample stands for in words besides the one that it is about.
//!
//! Owns: which pods these are: whoever reads of `*@shop` thinks of every pod there, and asks about those that somebody tells apart by a label
//! of which nothing is said. What manifests do with them is not asked here.

use super::judge::{Judge, Way};
use super::manifests::Manifests;
use crate::classes::labels_within;
use crate::cluster::{Cluster, Endpoint, Network, Workload};
use crate::flow::{Cut, Flow, LabelCube, Peer, Pod, PodCube, Symbol, Values};
use crate::ir::{self, Policy};

/// A pod with labels that another one lacks, and one of their keys.
type Besides = (Symbol, Pod);

/// The pods of one end of a flow that have the same labels as the one that stands there and others: those that the manifests show and, where
/// they show none, those that have labels which policies look at or declared workloads have. Accounts are told of callers alone.
pub(super) fn besides((manifests, cluster, policy): (&Manifests<'_>, &Cluster, &Policy), flow: &Flow, way: Way) -> Vec<Besides> {
    let (own, far, far_way) = match way {
        Way::Egress => (&flow.source, &flow.destination, Way::Ingress),
        Way::Ingress => (&flow.destination, &flow.source, Way::Egress),
    };
    let Peer::Pod(pod) = own else { return Vec::new() };
    let mut shown = shown(cluster, pod, way).peekable();
    if shown.peek().is_some() {
        return shown.filter_map(|there| Some((Symbol::clone(more(there, pod)?), there.clone()))).collect();
    }
    let far = Endpoint::from(far.clone());
    let cuts = manifests.end(&far, far_way).cuts();
    let is_here = |cut: &&Cut| cut.ports.is_empty() || cut.ports.contains(flow.protocol, flow.port);
    let declared = policy.workloads_in(&pod.namespace).iter().map(ir::Workload::cube);
    let mut cubes: Vec<PodCube> = manifests.subjects(&pod.namespace, way).into_iter().chain(declared).collect();
    cubes.extend(cuts.iter().filter(is_here).flat_map(|cut| cut.peers.pods.cubes().to_vec()));
    cubes.sort_unstable();
    cubes.dedup();
    let runs_so = |cube: &PodCube| way == Way::Ingress || cube.account.contains(Some(&pod.account));
    cubes.retain(|cube| cube.namespace.contains(&pod.namespace_labels) && runs_so(cube));
    cubes.iter().flat_map(|cube| entering(&cube.labels, pod).into_iter().chain(leaving(&cube.labels, pod))).collect()
}

/// The pods that manifests show, of those that have all labels of a pod at this end of a flow: whoever asks about it asks about them alone.
pub(super) fn shown<'c>(cluster: &'c Cluster, pod: &Pod, way: Way) -> impl Iterator<Item = &'c Pod> {
    running(cluster, pod, way).map(|(_, there)| there)
}

/// The same, each with its workload.
fn running<'c>(cluster: &'c Cluster, pod: &Pod, way: Way) -> impl Iterator<Item = (&'c Workload, &'c Pod)> {
    let there = cluster.workloads().iter().filter_map(|workload| match &workload.endpoint.peer {
        Peer::Pod(there) => Some((workload, there)),
        Peer::Address(_) => None,
    });
    let has_all = |there: &Pod| pod.labels.iter().all(|(key, value)| there.labels.get(key) == Some(value));
    let runs_so = move |there: &Pod| way == Way::Ingress || there.account == pod.account;
    there.filter(move |(_, there)| there.namespace == pod.namespace && runs_so(there) && has_all(there))
}

/// Whether all pods that manifests show, of those that whoever asks about this one asks about, are on the network of their node; not so
/// if they show none.
pub(super) fn is_on_host_network(cluster: &Cluster, pod: &Pod, way: Way) -> bool {
    let mut shown = running(cluster, pod, way).map(|(workload, _)| workload.endpoint.facts.network == Network::Host).peekable();
    shown.peek().is_some() && shown.all(|is_on_host| is_on_host)
}

/// The key of a label that a pod has and another one lacks.
fn more<'p>(there: &'p Pod, pod: &Pod) -> Option<&'p Symbol> {
    there.labels.keys().find(|key| !pod.labels.contains_key(*key))
}

/// A pod as one that passes tests of labels which it does not pass as it is; none if that takes other values of labels that it has.
fn entering(tests: &LabelCube, pod: &Pod) -> Option<Besides> {
    let mut entering = pod.clone();
    let mut first = None;
    for (key, values) in tests.iter() {
        let own = pod.labels.get(key).map(|value| &**value);
        if values.contains(own) {
            continue;
        }
        if own.is_some() {
            return None;
        }
        entering.labels.extend(labels_within(&LabelCube::of(Symbol::clone(key), values.clone()))?);
        first = first.or_else(|| Some(Symbol::clone(key)));
    }
    Some((first?, entering))
}

/// A pod as those that do not pass tests of labels any more which it passes as it lacks some.
fn leaving(tests: &LabelCube, pod: &Pod) -> Vec<Besides> {
    if !tests.contains(&pod.labels) {
        return Vec::new();
    }
    let lacking = tests.iter().filter(|(key, _)| !pod.labels.contains_key(*key));
    let with = |(key, values): (&Symbol, &Values)| {
        let refused = values.complement().intersect(&Values::present());
        let more = labels_within(&LabelCube::of(Symbol::clone(key), refused)).filter(|more| !more.is_empty())?;
        let mut leaving = pod.clone();
        leaving.labels.extend(more);
        Some((Symbol::clone(key), leaving))
    };
    lacking.filter_map(with).collect()
}
