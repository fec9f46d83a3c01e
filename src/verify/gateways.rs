//! Pods that would be gateways by their labels besides what rules and policies choose them for.
//!
//! Owns: which flows to such pods are taken not to occur, as the manifests show no such pod. A flow is left aside only where the pod
//! without the label that makes it one shows no difference, or the same, so that nothing is hidden which other pods do.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::judge::{Judge, Way};
use crate::cluster::{Cluster, Endpoint, MadePods, ProxyRole, Shape, Workload};
use crate::flow::{Flow, LabelCube, Peer, Pod, PodCube, Symbol, Verdict};
use crate::ir::{Policy, Rule};

/// Who knows which pods would be gateways, and what two judges say of others.
#[derive(Debug)]
pub(super) struct Gateways<'a> {
    policy: &'a Policy,
    cluster: &'a Cluster,
    left: &'a dyn Judge,
    right: &'a dyn Judge,
    /// The namespaces of which the manifests show no such pod.
    namespaces: BTreeSet<Symbol>,
    /// The pods that Istio makes for Gateways, which need not be shown.
    made: Vec<MadePods>,
    /// Those of the namespaces in which such pods would have made a difference.
    taken: Mutex<BTreeSet<Symbol>>,
}

impl<'a> Gateways<'a> {
    /// Those of the namespaces that a program rules.
    pub(super) fn new(policy: &'a Policy, cluster: &'a Cluster, left: &'a dyn Judge, right: &'a dyn Judge) -> Self {
        let ruled = policy.namespaces.values().filter(|namespace| namespace.is_managed()).map(|namespace| &namespace.name);
        let is_shown = |name: &Symbol| in_namespace(cluster, name).any(|workload| is_chosen_besides(policy, cluster, workload));
        let namespaces = ruled.filter(|name| !is_shown(name)).cloned().collect();
        Self { policy, cluster, left, right, namespaces, made: cluster.made_pods().collect(), taken: Mutex::default() }
    }

    /// Whether a flow is to a pod that would be a gateway by one of its labels, and nobody would make a difference without that.
    pub(super) fn rules_out(&self, flow: &Flow) -> bool {
        let Peer::Pod(pod) = &flow.destination else { return false };
        // One that has no other labels is what Istio may make, or anybody's gateway.
        if pod.labels.len() < 2 || !self.namespaces.contains(&pod.namespace) || self.made.iter().any(|made| may_be(made, pod)) {
            return false;
        }
        let is_settled = by_labels(self.cluster, pod).iter().any(|key| self.is_settled_without(flow, pod, key));
        if is_settled && let Ok(mut taken) = self.taken.lock() {
            taken.insert(Symbol::clone(&pod.namespace));
        }
        is_settled
    }

    /// The namespaces in which that made a difference.
    pub(super) fn taken(&self) -> Vec<Symbol> {
        self.taken.lock().map(|taken| taken.iter().cloned().collect()).unwrap_or_default()
    }

    /// Whether nothing is hidden if a flow to this pod is left aside: the pod without the label, and with it as no gateway, either shows no
    /// difference, or the same one, which is told of it without the label.
    fn is_settled_without(&self, flow: &Flow, pod: &Pod, key: &Symbol) -> bool {
        // Whom the program knows by that label it takes for a gateway.
        if is_named(self.policy, pod, key) {
            return false;
        }
        let bare = Flow { destination: Peer::Pod(without(pod, key)), ..flow.clone() };
        let meant = entering(self.left, &bare, &called(&bare));
        let done = entering(self.right, &bare, &called(&bare));
        let (sent, let_out) = (leaving(self.left, &bare, &called(&bare)), leaving(self.right, &bare, &called(&bare)));
        // Labels of the called pod are what callers may be held to, too.
        let no_gateway = with_role(pod, ProxyRole::Sidecar);
        let is_alike = entering(self.left, flow, &called(flow)) == meant
            && entering(self.right, flow, &no_gateway) == done
            && leaving(self.left, flow, &called(flow)) == sent
            && leaving(self.right, flow, &no_gateway) == let_out;
        let shows = || match (&meant, &done) {
            (Verdict::Allowed, Verdict::Denied) => sent == Verdict::Allowed,
            (Verdict::Denied, Verdict::Allowed) => let_out == Verdict::Allowed,
            _ => false,
        };
        is_alike && (meant == done || shows())
    }
}

/// Whether the pods that Istio makes for a Gateway may be ones of which this is the plainest: they have labels with all of its keys. Of
/// a label that only has to be there, the plainest pod has any value.
fn may_be(made: &MadePods, pod: &Pod) -> bool {
    let may_have = |key: &Symbol| made.shape == Shape::Changed || made.labels.contains_key(key) || made.open_labels.contains(key);
    made.namespace == pod.namespace && pod.labels.keys().all(may_have)
}

/// The end that is called, of which nothing more is known.
fn called(flow: &Flow) -> Endpoint {
    Endpoint::from(flow.destination.clone())
}

/// What a judge says of a flow at the end that is called.
fn entering(judge: &dyn Judge, flow: &Flow, destination: &Endpoint) -> Verdict {
    judge.end(destination, Way::Ingress).verdict(flow, &Endpoint::from(flow.source.clone()))
}

/// What a judge says of a flow at the end that calls; nobody stops an address there.
fn leaving(judge: &dyn Judge, flow: &Flow, destination: &Endpoint) -> Verdict {
    if matches!(flow.source, Peer::Address(_)) {
        return Verdict::Allowed;
    }
    judge.end(&Endpoint::from(flow.source.clone()), Way::Egress).verdict(flow, destination)
}

/// The workloads of a namespace.
fn in_namespace<'c>(cluster: &'c Cluster, namespace: &'c str) -> impl Iterator<Item = &'c Workload> {
    let is_inside = move |workload: &&Workload| matches!(&workload.endpoint.peer, Peer::Pod(pod) if *pod.namespace == *namespace);
    cluster.workloads().iter().filter(is_inside)
}

/// Whether a workload may be a gateway by a label, and rules or policies choose it by others.
pub(super) fn is_chosen_besides(policy: &Policy, cluster: &Cluster, workload: &Workload) -> bool {
    let Peer::Pod(pod) = &workload.endpoint.peer else { return false };
    if workload.endpoint.facts.proxy == ProxyRole::Sidecar {
        return false;
    }
    let keys = by_labels(cluster, pod);
    let is_by_others = |labels: &LabelCube| keys.iter().any(|key| labels.iter().all(|(own, _)| own != key));
    let by_rules = || ends(policy).iter().any(|cube| cube.contains(pod) && is_by_others(&cube.labels));
    let chosen = |labels: &LabelCube| !labels.is_all() && labels.contains(&pod.labels) && is_by_others(labels);
    let by_policies = || [Way::Ingress, Way::Egress].into_iter().any(|way| cluster.selectors(&pod.namespace, way).iter().any(chosen));
    !keys.is_empty() && (by_rules() || by_policies())
}

/// The labels without each of which a pod would be no gateway, and with which it may be one.
fn by_labels(cluster: &Cluster, pod: &Pod) -> Vec<Symbol> {
    if !may_be_one(cluster, pod) {
        return Vec::new();
    }
    pod.labels.keys().filter(|key| !may_be_one(cluster, &without(pod, key))).cloned().collect()
}

/// Whether a pod of which nobody says what its Envoy is for may be a gateway. Waypoints are none: what they do to calls of other pods no
/// end tells.
fn may_be_one(cluster: &Cluster, pod: &Pod) -> bool {
    let anybody = with_role(pod, ProxyRole::Unknown);
    let may_be_classic = || cluster.hangs_on_role(&with_role(pod, ProxyRole::Sidecar), Way::Ingress);
    !cluster.is_waypoint(&anybody) && (cluster.is_gateway(&anybody) || may_be_classic())
}

/// A pod of whose Envoy it is known what it is for.
fn with_role(pod: &Pod, role: ProxyRole) -> Endpoint {
    let mut end = Endpoint::from(Peer::Pod(pod.clone()));
    end.facts.proxy = role;
    end
}

fn without(pod: &Pod, key: &Symbol) -> Pod {
    let mut pod = pod.clone();
    pod.labels.remove(key);
    pod
}

/// Whether a rule or a workload of the program knows pods of this namespace by a label.
fn is_named(policy: &Policy, pod: &Pod, key: &Symbol) -> bool {
    let is_near = |cube: &PodCube| cube.names().contains(Some(&pod.namespace));
    let tests = |cube: &PodCube| cube.labels.iter().any(|(own, _)| own == key);
    let workloads = policy.workloads.iter().map(crate::ir::Workload::cube);
    ends(policy).into_iter().chain(workloads).any(|cube| is_near(&cube) && tests(&cube))
}

/// The pods of which rules speak.
fn ends(policy: &Policy) -> Vec<PodCube> {
    let ends = policy.rules.iter().flat_map(Rule::ends);
    ends.flat_map(|end| end.peers().pods.cubes().to_vec()).collect()
}
