//! What objects that are not modelled may touch, where they say so in a plain way.
//!
//! Owns: the reading of the few fields that tell it. Whatever is not plain counts as everything that it could be, so nothing here
//! reports a finding about a field.

use crate::cluster::mesh::MAX_LABELS;
use crate::cluster::unmodelled::{Ends, Gates, equalities};
use crate::cluster::{Way, selector};
use crate::flow::{LabelCube, PodCube, Symbol};
use crate::manifest::{Node, Object, Reading};

/// Where an object says which pods it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Nowhere that is known: an object of an unknown kind.
    Unknown,
    /// A policy of a network plugin about a whole namespace or cluster.
    Network,
    /// What only takes away from what the network lets pass, in its namespace or the cluster.
    Limits,
    /// An object of the mesh about a whole namespace, or about the whole mesh in its root namespace.
    Mesh,
    /// A `NetworkPolicy` of a group that has none, or has none any more, in its `podSelector`.
    Misplaced(&'static str),
    /// A policy for the whole cluster, in its `subject` (`semantics.md` §1.10).
    Subject,
    /// Cilium's policies, in their `endpointSelector`.
    EndpointSelector,
    /// An object of the mesh, in `spec.workloadSelector.labels`. One with `targetRefs` instead acts on gateways and waypoints, of which
    /// nothing is assumed.
    WorkloadSelector,
    /// A `Sidecar`, in the same place.
    Sidecar,
    /// An object of the mesh, in `spec.selector.matchLabels`.
    Selector,
    /// A `ServiceEntry`: it gives pods that it selects further ports with protocols. Without a selector it is about hosts outside the
    /// cluster, which the mesh's half models.
    ServiceEntry,
    /// A `WorkloadEntry`: a machine outside the cluster that takes part in the mesh.
    WorkloadEntry,
    /// Istio's own `Gateway`: it decides what the gateway pods that it selects, in any namespace, take connections for.
    Gateway,
    /// A `ListenerSet` of the Gateway API: it gives a Gateway more listeners.
    ListenerSet,
}

impl Scope {
    /// Whether the mesh's half models objects of this kind where they are plain, so that it matters what else is said of them.
    pub(super) const fn is_modelled_in_part(self) -> bool {
        matches!(self, Self::Gateway | Self::ServiceEntry | Self::ListenerSet)
    }
}

/// What an object may touch: its gates, and the ends of the flows.
///
/// `namespace` is its own, empty if it has none; `root` is the mesh's root namespace.
pub(super) fn touched(scope: Scope, object: &Object<'_>, namespace: &str, root: &Symbol, reading: &mut Reading<'_>) -> (Gates, Ends) {
    let everything = LabelCube::all();
    let mut map = |keys: &[&'static str]| map(object, keys, reading);
    match scope {
        Scope::Unknown => (Gates::Both, Ends::of_namespace(namespace, everything)),
        Scope::Limits => (Gates::NetworkLimits, Ends::of_namespace(namespace, everything)),
        Scope::Misplaced(_) => (Gates::Network, Ends::of_namespace(namespace, selected(object, reading).unwrap_or_default())),
        Scope::Network => (Gates::Network, Ends::of_namespace(namespace, everything)),
        Scope::Mesh => (Gates::Mesh, of_mesh(namespace, root, everything)),
        Scope::WorkloadSelector | Scope::Sidecar => (Gates::Mesh, of_mesh(namespace, root, map(&["spec", "workloadSelector", "labels"]))),
        Scope::Selector => (Gates::Mesh, of_mesh(namespace, root, map(&["spec", "selector", "matchLabels"]))),
        // No address is a gateway.
        Scope::Gateway => (Gates::Mesh, Ends::Pods(PodCube { labels: map(&["spec", "selector"]), ..PodCube::all() })),
        Scope::ListenerSet => (Gates::Mesh, Ends::Pods(PodCube::all())),
        Scope::WorkloadEntry => (Gates::Mesh, Ends::Addresses),
        Scope::ServiceEntry => {
            if object.root.follow(reading, &["spec", "workloadSelector"]).is_missing() {
                return (Gates::Mesh, Ends::Addresses);
            }
            touched(Scope::WorkloadSelector, object, namespace, root, reading)
        }
        Scope::Subject => subject(object, reading),
        Scope::EndpointSelector => (Gates::Network, Ends::of_namespace(namespace, endpoint_selector(object, reading).unwrap_or_default())),
    }
}

/// The pods of its namespaces that a modelled policy acts on, whatever else is wrong with it; none if that is not sure.
pub(super) fn selected(object: &Object<'_>, reading: &mut Reading<'_>) -> Option<LabelCube> {
    reading.quietly(|reading| selector_of(object, reading)).flatten()
}

fn selector_of(object: &Object<'_>, reading: &mut Reading<'_>) -> Option<LabelCube> {
    let spec = object.root.get(reading, "spec");
    if object.kind == "NetworkPolicy" {
        let selector = spec.get(reading, "podSelector");
        return (!selector.is_missing()).then(|| selector::read(&selector, reading));
    }
    // What has targets acts on gateways and waypoints in the place of the pods that it selects, or besides.
    let has_targets = ["targetRef", "targetRefs"].iter().any(|key| !spec.get(reading, key).is_missing());
    let selector = spec.get(reading, "selector");
    selector.only(reading, &["matchLabels"]);
    let labels = selector.get(reading, "matchLabels");
    let is_plain = super::is_policy(object.kind) && !has_targets && !labels.is_missing() && labels.entries().len() <= MAX_LABELS;
    is_plain.then(|| equalities(&labels.checked_labels(reading)))
}

/// What a policy for the whole cluster may touch: its subjects.
fn subject(object: &Object<'_>, reading: &mut Reading<'_>) -> (Gates, Ends) {
    let spec = object.root.get(reading, "spec");
    let baseline = object.kind == "BaselineAdminNetworkPolicy" || spec.get(reading, "tier").text(reading) == Some("Baseline");
    let mut has = |key| !matches!(reading.quietly(|reading| spec.get(reading, key).list(reading)), Some(rules) if rules.is_empty());
    let way = match (has("ingress"), has("egress")) {
        (true, false) => Some(Way::Ingress),
        (false, true) => Some(Way::Egress),
        // One without rules is none that anybody meant.
        (true, true) | (false, false) => None,
    };
    let gates = match (baseline, way) {
        (false, None) => Gates::Network,
        (false, Some(way)) => Gates::NetworkOneWay(way),
        (true, None) => Gates::NetworkBaseline,
        (true, Some(way)) => Gates::NetworkBaselineOneWay(way),
    };
    let subject = spec.get(reading, "subject");
    let (namespaces, pods) = (subject.get(reading, "namespaces"), subject.get(reading, "pods"));
    let cube = match (namespaces.is_missing(), pods.is_missing()) {
        (false, true) => plain(&namespaces, reading).map(|namespace| PodCube { namespace, ..PodCube::all() }),
        (true, false) => both(&pods, reading),
        _ => None,
    };
    (gates, cube.map_or(Ends::All, Ends::Pods))
}

/// The two selectors of a `subject.pods`.
fn both(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<PodCube> {
    let namespace = plain(&node.get(reading, "namespaceSelector"), reading)?;
    let labels = plain(&node.get(reading, "podSelector"), reading)?;
    Some(PodCube { namespace, labels, ..PodCube::all() })
}

/// The pods that one of Cilium's policies selects in its namespaces.
///
/// Its keys may carry a source (`k8s:app`), and the namespace may stand among them; such a selector is not plain.
fn endpoint_selector(object: &Object<'_>, reading: &mut Reading<'_>) -> Option<LabelCube> {
    let spec = object.root.get(reading, "spec");
    let single = object.root.get(reading, "specs").is_missing() && spec.get(reading, "nodeSelector").is_missing();
    let selector = spec.get(reading, "endpointSelector");
    let labels = if single && !selector.is_missing() { plain(&selector, reading)? } else { return None };
    let foreign = |key: &Symbol| key.contains(':') || key.starts_with("io.kubernetes.") || key.starts_with("io.cilium.");
    let is_plain = !labels.iter().any(|(key, _)| foreign(key));
    is_plain.then_some(labels)
}

/// A selector, if it is one that Kubernetes would accept.
fn plain(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<LabelCube> {
    reading.quietly(|reading| selector::read(node, reading))
}

/// The pods of an object of the mesh: of its namespace, or of all in the root namespace.
fn of_mesh(namespace: &str, root: &Symbol, labels: LabelCube) -> Ends {
    let namespace = if *namespace == **root { "" } else { namespace };
    Ends::of_namespace(namespace, labels)
}

/// A map of labels as a selector; everything if it is none.
fn map<'t>(object: &Object<'t>, keys: &[&'t str], reading: &mut Reading<'_>) -> LabelCube {
    let labels = reading.quietly(|reading| object.root.follow(reading, keys).labels(reading));
    labels.map(|labels| equalities(&labels)).unwrap_or_default()
}
