//! The workloads that both sides hold.
//!
//! Owns: `Actual`: which workload of the base is which of the head, and whether it is like every pod of its labels, as far as policies
//! can tell. It must not judge flows.

use std::collections::BTreeMap;

use super::looked::Looked;
use super::side::{Both, Pair, Which};
use crate::cluster::{Cluster, Endpoint, Network, ProxyRole, Way, Workload};
use crate::flow::{LabelCube, Peer, Peers, Pod, PodCube, PodSet, Symbol, Values};

/// A workload of both sides.
#[derive(Debug, Clone)]
pub(super) struct Actual {
    /// What it is called, as questions about it are written: `deploy/web@shop`.
    pub(super) title: Symbol,
    /// Its kind, namespace and name: `Deployment shop/web`.
    pub(super) object: String,
    /// One of its pods.
    pub(super) both: Both,
    /// Its pods, by all that selectors can ask of them, on either side.
    pub(super) peers: Peers,
    /// How far it is like other pods.
    pub(super) likeness: Likeness,
}

/// How far a workload is like every pod of its labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Likeness {
    /// It is not what it was.
    Changed,
    /// More is known of it than its labels, which some policy may ask for.
    Special,
    /// The same, but only of its ports, which nobody asks a caller for, or of what its Envoy is for, where that matters to callers alone.
    Called,
    /// It is.
    Usual,
}

impl Actual {
    /// Whether it can be no more than one pod, which is never its own caller.
    pub(super) fn is_one_pod(&self) -> bool {
        let known = |which: Which| self.both.end(which).facts.one_pod.is_some();
        known(Which::Base) || known(Which::Head)
    }

    /// The pod, on one side.
    pub(super) fn pod(&self, which: Which) -> Option<&Pod> {
        match self.both.of(which) {
            Peer::Pod(pod) => Some(pod),
            Peer::Address(_) => None,
        }
    }
}

/// The workloads of both sides, by kind, namespace and name. Where one side has several pods of one name, each is compared.
pub(super) fn actual(clusters: [&Cluster; 2], pair: &Pair<'_>, looked: &Looked) -> Vec<Actual> {
    let by_name = |cluster: &'_ Cluster| -> BTreeMap<(String, Symbol, Symbol), Vec<Workload>> {
        cluster.workloads().iter().fold(BTreeMap::new(), |mut all: BTreeMap<_, Vec<Workload>>, workload| {
            let key = (workload.namespace().to_owned(), Symbol::clone(&workload.kind), Symbol::clone(&workload.name));
            all.entry(key).or_default().push(workload.clone());
            all
        })
    };
    let [base, head] = clusters.map(by_name);
    let mut all = Vec::new();
    for (key, old) in &base {
        let Some(new) = head.get(key) else { continue };
        for at in 0..old.len().max(new.len()) {
            let (Some(old), Some(new)) = (old.get(at).or_else(|| old.last()), new.get(at).or_else(|| new.last())) else { continue };
            all.push(one([old, new], clusters, pair, looked));
        }
    }
    all
}

fn one([old, new]: [&Workload; 2], clusters: [&Cluster; 2], pair: &Pair<'_>, looked: &Looked) -> Actual {
    let (base, head) = (lasting(old), lasting(new));
    let is_changed = seen(&base, looked) != seen(&head, looked);
    let pods = [&base, &head].into_iter().filter_map(cube).collect::<PodSet>().simplify();
    let both = Both::new(base, head);
    let own = |which: Which| of_side(which, both.end(which), pair, looked);
    let [base, head] = clusters;
    let by_role = of_role(base, both.end(Which::Base)).min(of_role(head, both.end(Which::Head)));
    let likeness = if is_changed { Likeness::Changed } else { own(Which::Base).min(own(Which::Head)).min(by_role) };
    Actual { title: title(new).into(), object: object_of(new), peers: Peers::from(pods), both, likeness }
}

/// One of a workload's pods. Those of several are made anew all the time, and have other addresses then, unless these are their nodes'.
fn lasting(workload: &Workload) -> Endpoint {
    let mut endpoint = workload.endpoint.clone();
    let facts = &mut endpoint.facts;
    if facts.one_pod.is_none() && facts.network == Network::Own {
        facts.addresses.clear();
    }
    endpoint
}

/// As much of a pod as anything may look at.
fn seen(endpoint: &Endpoint, looked: &Looked) -> Endpoint {
    let mut seen = endpoint.clone();
    if let Peer::Pod(pod) = &mut seen.peer {
        pod.labels.retain(|key, _| looked.keys.contains(key));
        pod.namespace_labels.retain(|key, _| looked.keys.contains(key));
    }
    seen.facts.open_labels.retain(|key| looked.keys.contains(key));
    seen.facts.one_pod = None;
    seen.facts.node = None;
    if !looked.at_port_names {
        seen.facts.ports = None;
    }
    if !looked.at_addresses {
        seen.facts.addresses.clear();
    }
    seen
}

/// Pods with these labels and this account.
fn cube(endpoint: &Endpoint) -> Option<PodCube> {
    let Peer::Pod(pod) = &endpoint.peer else { return None };
    let labels = pod.labels.iter().fold(LabelCube::all(), |cube, (key, value)| cube.with(key.clone(), Values::one(value.clone())));
    Some(PodCube { labels, account: Values::one(pod.account.clone()), ..PodCube::in_namespace(&pod.namespace) })
}

/// Whether more is known of a workload than what a class of pods holds.
fn of_side(which: Which, endpoint: &Endpoint, pair: &Pair<'_>, looked: &Looked) -> Likeness {
    let Peer::Pod(pod) = &endpoint.peer else { return Likeness::Usual };
    let facts = &endpoint.facts;
    let usual = pair.example(&PodCube::in_namespace(&pod.namespace));
    let is_usual = |(_, example): ((bool, bool), Both)| matches!(example.of(which), Peer::Pod(example) if example.plane == pod.plane);
    let is_gateway = matches!(facts.proxy, ProxyRole::Gateway | ProxyRole::Waypoint);
    let is_located = looked.at_addresses && !facts.addresses.is_empty();
    if facts.network != Network::Own || is_gateway || is_located || !usual.is_some_and(is_usual) {
        return Likeness::Special;
    }
    let has_names = looked.at_port_names && facts.ports.as_ref().is_some_and(|ports| !ports.is_empty());
    if has_names || !facts.uncaptured.is_empty() { Likeness::Called } else { Likeness::Usual }
}

/// Whether it is known of a workload what its Envoy is for, and of others with its labels that would have to be known.
fn of_role(cluster: &Cluster, endpoint: &Endpoint) -> Likeness {
    match [Way::Egress, Way::Ingress].map(|way| cluster.hangs_on_role(endpoint, way)) {
        _ if cluster.is_unlike_its_labels(endpoint) => Likeness::Special,
        [true, _] => Likeness::Special,
        [false, true] => Likeness::Called,
        [false, false] => Likeness::Usual,
    }
}

/// A workload by kind, namespace and name: `Deployment shop/web`.
pub(super) fn object_of(workload: &Workload) -> String {
    format!("{} {}/{}", workload.kind, workload.namespace(), workload.name)
}

/// What a workload is called in questions.
fn title(workload: &Workload) -> String {
    title_of(&workload.kind, &workload.name, workload.namespace())
}

/// What a workload of a kind, name and namespace is called in questions.
pub(crate) fn title_of(kind: &str, name: &str, namespace: &str) -> String {
    let kind = match kind {
        "Deployment" => "deploy",
        "DeploymentConfig" => "dc",
        "StatefulSet" => "sts",
        "DaemonSet" => "ds",
        "ReplicaSet" => "rs",
        "CronJob" => "cj",
        other => &other.to_lowercase(),
    };
    format!("{kind}/{name}@{namespace}")
}
