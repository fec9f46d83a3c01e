//! What objects that are not modelled may touch, where they say so in a plain way.
//!
//! Owns: the reading of the few fields that tell it. Whatever is not plain counts as "everything that it could be", so nothing here
//! reports a finding about a field; an object that touches no flow is nothing.

use crate::cluster::selector;
use crate::cluster::unmodelled::{Ends, Gates, equalities};
use crate::flow::{LabelCube, PodCube, Symbol};
use crate::manifest::{Node, Object, Reading};

/// An object of an unknown kind.
pub(super) fn anything(_object: &Object<'_>, namespace: &str, _root: &Symbol, _reading: &mut Reading<'_>) -> Option<(Gates, Ends)> {
    Some((Gates::Both, Ends::of_namespace(namespace, LabelCube::all())))
}

/// A policy of a network plugin about a whole namespace or cluster.
pub(super) fn network(_object: &Object<'_>, namespace: &str, _root: &Symbol, _reading: &mut Reading<'_>) -> Option<(Gates, Ends)> {
    Some((Gates::Network, Ends::of_namespace(namespace, LabelCube::all())))
}

/// An object of the mesh about a whole namespace, or about the whole mesh in its root namespace.
pub(super) fn mesh(_object: &Object<'_>, namespace: &str, root: &Symbol, _reading: &mut Reading<'_>) -> Option<(Gates, Ends)> {
    Some((Gates::Mesh, of_mesh(namespace, root, LabelCube::all())))
}

/// A policy for the whole cluster, with the pods that its `subject` selects (`semantics.md` §1.10).
pub(super) fn cluster_network_policy(object: &Object<'_>, _: &str, _: &Symbol, reading: &mut Reading<'_>) -> Option<(Gates, Ends)> {
    let spec = object.root.get(reading, "spec");
    let baseline = object.kind == "BaselineAdminNetworkPolicy" || spec.get(reading, "tier").text(reading) == Some("Baseline");
    let gates = if baseline { Gates::NetworkBaseline } else { Gates::Network };
    let subject = spec.get(reading, "subject");
    let (namespaces, pods) = (subject.get(reading, "namespaces"), subject.get(reading, "pods"));
    let cube = match (namespaces.is_missing(), pods.is_missing()) {
        (false, true) => plain(&namespaces, reading).map(|namespace| PodCube { namespace, ..PodCube::all() }),
        (true, false) => both(&pods, reading),
        _ => None,
    };
    Some((gates, cube.map_or(Ends::All, Ends::Pods)))
}

/// The two selectors of a `subject.pods`.
fn both(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<PodCube> {
    let namespace = plain(&node.get(reading, "namespaceSelector"), reading)?;
    let labels = plain(&node.get(reading, "podSelector"), reading)?;
    Some(PodCube { namespace, labels, ..PodCube::all() })
}

/// Cilium's policies, with the pods that their `endpointSelector` selects.
///
/// Its keys may carry a source (`k8s:app`), and the namespace may stand among them; such a selector is not plain.
pub(super) fn cilium(object: &Object<'_>, namespace: &str, _: &Symbol, reading: &mut Reading<'_>) -> Option<(Gates, Ends)> {
    let spec = object.root.get(reading, "spec");
    let single = !spec.is_missing() && object.root.get(reading, "specs").is_missing() && spec.get(reading, "nodeSelector").is_missing();
    let selector = spec.get(reading, "endpointSelector");
    let labels = if single && !selector.is_missing() { plain(&selector, reading) } else { None };
    let foreign =
        |key: &Symbol| key.contains(':') || key.starts_with("io.kubernetes.") || key.starts_with("io.cilium.") || &**key == "reserved";
    let labels = labels.filter(|labels| !labels.iter().any(|(key, _)| foreign(key)));
    Some((Gates::Network, Ends::of_namespace(namespace, labels.unwrap_or_default())))
}

/// A selector, if it is one that Kubernetes would accept.
fn plain(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<LabelCube> {
    reading.quietly(|reading| selector::read(node, reading))
}

/// An object of the mesh with `spec.workloadSelector.labels`. One with `targetRefs` acts on gateways and waypoints alone, of which
/// nothing is assumed.
pub(super) fn workload_selector(object: &Object<'_>, namespace: &str, root: &Symbol, reading: &mut Reading<'_>) -> Option<(Gates, Ends)> {
    let labels = map(object, &["spec", "workloadSelector", "labels"], reading);
    Some((Gates::Mesh, of_mesh(namespace, root, labels)))
}

/// An object of the mesh with `spec.selector.matchLabels`.
pub(super) fn selector(object: &Object<'_>, namespace: &str, root: &Symbol, reading: &mut Reading<'_>) -> Option<(Gates, Ends)> {
    let labels = map(object, &["spec", "selector", "matchLabels"], reading);
    Some((Gates::Mesh, of_mesh(namespace, root, labels)))
}

/// A `ServiceEntry`: it gives pods that it selects further ports with protocols. Without a selector it is about hosts outside the
/// cluster, to which the mesh is no gate.
pub(super) fn service_entry(object: &Object<'_>, namespace: &str, root: &Symbol, reading: &mut Reading<'_>) -> Option<(Gates, Ends)> {
    if object.root.follow(reading, &["spec", "workloadSelector"]).is_missing() {
        return None;
    }
    workload_selector(object, namespace, root, reading)
}

/// A `WorkloadEntry`: a machine outside the cluster that takes part in the mesh.
pub(super) fn addresses(_object: &Object<'_>, _namespace: &str, _root: &Symbol, _reading: &mut Reading<'_>) -> Option<(Gates, Ends)> {
    Some((Gates::Mesh, Ends::Addresses))
}

/// Istio's own `Gateway`: it decides what the gateway pods that it selects, in any namespace, take connections for.
pub(super) fn gateway(object: &Object<'_>, _: &str, _: &Symbol, reading: &mut Reading<'_>) -> Option<(Gates, Ends)> {
    Some((Gates::Mesh, Ends::of_namespace("", map(object, &["spec", "selector"], reading))))
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
