//! Pods that a counterexample stands for in words besides the one that it is about.
//!
//! Owns: which pods these are: whoever reads of `*@shop` thinks of every pod there, and asks about those that somebody tells apart by a label
//! of which nothing is said. What manifests do with them is not asked here.

use super::judge::{Judge, Way};
use super::manifests::Manifests;
use crate::classes::labels_within;
use crate::cluster::{Cluster, Endpoint};
use crate::flow::{Cut, Flow, LabelCube, Peer, Pod, PodCube, Symbol, Values};
use crate::ir::{Policy, Workload};

/// A pod with labels that another one lacks, and one of their keys.
type Besides = (Symbol, Pod);

/// The pods of one end of a flow that have the same labels as the one that stands there and others, which manifests look at or show, or which
/// declared workloads have.
pub(super) fn besides((manifests, cluster, policy): (&Manifests<'_>, &Cluster, &Policy), flow: &Flow, way: Way) -> Vec<Besides> {
    let (own, far, far_way) = match way {
        Way::Egress => (&flow.source, &flow.destination, Way::Ingress),
        Way::Ingress => (&flow.destination, &flow.source, Way::Egress),
    };
    let Peer::Pod(pod) = own else { return Vec::new() };
    let far = Endpoint::from(far.clone());
    let cuts = manifests.end(&far, far_way).cuts();
    let is_here = |cut: &&Cut| cut.ports.is_empty() || cut.ports.contains(flow.protocol, flow.port);
    let told_apart = cuts.iter().filter(is_here).flat_map(|cut| cut.peers.pods.cubes());
    let declared = policy.workloads_in(&pod.namespace).iter().map(Workload::cube);
    let mut cubes: Vec<PodCube> = manifests.subjects(&pod.namespace, way).into_iter().chain(declared).collect();
    cubes.extend(told_apart.cloned());
    cubes.sort_unstable();
    cubes.dedup();
    // Accounts are told of callers alone.
    let runs_so = |cube: &PodCube| way == Way::Ingress || cube.account.contains(Some(&pod.account));
    let is_for = |cube: &&PodCube| cube.namespace.contains(&pod.namespace_labels) && runs_so(cube);
    let told_apart = cubes.iter().filter(is_for).flat_map(|cube| entering(&cube.labels, pod).into_iter().chain(leaving(&cube.labels, pod)));
    let there = cluster.workloads().iter().filter_map(|workload| match &workload.endpoint.peer {
        Peer::Pod(there) => Some(there),
        Peer::Address(_) => None,
    });
    let may_be_one = |there: &&Pod| there.namespace == pod.namespace && (way == Way::Ingress || there.account == pod.account);
    let shown = there.filter(may_be_one).filter_map(|there| shown(there, pod));
    shown.chain(told_apart).collect()
}

/// A pod that the manifests show, if it has the labels of another one and more.
fn shown(there: &Pod, pod: &Pod) -> Option<Besides> {
    let has_all = pod.labels.iter().all(|(key, value)| there.labels.get(key) == Some(value));
    let more = there.labels.keys().find(|key| !pod.labels.contains_key(*key)).filter(|_| has_all)?;
    Some((Symbol::clone(more), there.clone()))
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
