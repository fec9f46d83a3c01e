//! How pods take part in the mesh: what they and their namespaces say of injection and of ztunnel, and what an injection adds.
//!
//! Owns: the rules of Istio's webhooks and of its CNI plugin (`semantics.md` §2.1, §8, row 111). It must not read manifests: labels,
//! annotations and containers come to it as they were read.

use super::InventoryWorkload;
use super::containers::Containers;
use super::workload::{HostNetwork, MeshChoice, PodMesh, ProxyRole};
use crate::flow::{DataPlane, Labels, NAMESPACE_NAME, Pod};

const REVISION: &str = "istio.io/rev";
const DATAPLANE_MODE: &str = "istio.io/dataplane-mode";
const INJECTION: &str = "istio-injection";
const INJECT: &str = "sidecar.istio.io/inject";
const REDIRECTION: &str = "ambient.istio.io/redirection";

/// The annotation that the injector leaves on a pod that it gave a sidecar.
const STATUS: &str = "sidecar.istio.io/status";

/// Groups of annotations that say what the sidecar or the ztunnel of a pod does, if it has one (istio/api : annotation/annotations.gen.go).
const TUNING: [&str; 7] = [
    "sidecar.istio.io/",
    "status.sidecar.istio.io/",
    "readiness.status.sidecar.istio.io/",
    "traffic.sidecar.istio.io/",
    "proxy.istio.io/",
    "prometheus.istio.io/",
    "ambient.istio.io/",
];

/// The labels of a namespace by which its pods are injected or taken by ztunnel.
pub(crate) const JOINING_KEYS: [&str; 3] = [INJECTION, REVISION, DATAPLANE_MODE];

/// The namespaces in which the injector does nothing whatever labels say.
pub(crate) const NEVER_INJECTED: [&str; 4] = ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];

/// Whether the injector does nothing in a namespace of this name.
pub(crate) fn is_never_injected(namespace: &str) -> bool {
    NEVER_INJECTED.contains(&namespace)
}

/// The labels that a sidecar's injection adds to a pod; their values hang on the injector's configuration.
const ADDED_BY_INJECTION: [&str; 5] = [
    "service.istio.io/canonical-name",
    "service.istio.io/canonical-revision",
    "security.istio.io/tlsMode",
    "networking.istio.io/tunnel",
    REVISION,
];

/// Those of them that the injection of a gateway adds: its template has neither the label by which clients know that mTLS is taken, nor
/// that of a tunnel.
const ADDED_TO_GATEWAYS: [&str; 3] = ["service.istio.io/canonical-name", "service.istio.io/canonical-revision", REVISION];

/// The annotation that names the templates of an injection; without it, it is that of sidecars.
pub(crate) const TEMPLATES: &str = "inject.istio.io/templates";

/// Whether a label or an annotation says nothing by which there would be a mesh: it keeps pods out of one, or tunes a proxy without giving it.
///
/// What it says is none where that is not understood.
pub(crate) fn is_without_mesh(key: &str, said: Option<&str>) -> bool {
    let is_other = |word: &str| said.is_some_and(|said| said != word);
    match key {
        INJECTION | REDIRECTION => is_other("enabled"),
        DATAPLANE_MODE => is_other("ambient"),
        INJECT => said.is_some_and(refuses),
        STATUS => false,
        _ => TUNING.into_iter().any(|group| key.starts_with(group)),
    }
}

/// How a namespace's labels say that its pods take part in the mesh; none if they say nothing.
///
/// Injection wins over ztunnel, and `istio-injection` over a revision, as in Istio's webhooks (`semantics.md` §8, row 111): with any other
/// value than `enabled` no webhook takes the namespace. Both are unheard where the injector does nothing.
pub(crate) fn namespace_plane(labels: &Labels) -> Option<DataPlane> {
    let is_passed_by = labels.get(NAMESPACE_NAME).is_some_and(|name| is_never_injected(name));
    let injection = labels.get(INJECTION).map(|value| &**value).filter(|value| !is_passed_by || *value != "enabled");
    let mode = labels.get(DATAPLANE_MODE).map(|value| &**value);
    match (injection, mode) {
        (Some("enabled"), _) => Some(DataPlane::Sidecar),
        (None, _) if labels.contains_key(REVISION) && !is_passed_by => Some(DataPlane::Sidecar),
        (_, Some("ambient")) => Some(DataPlane::Ambient),
        (Some(_), _) | (_, Some("none")) => Some(DataPlane::None),
        _ => None,
    }
}

/// How the pods of a workload take part in the mesh, given the labels of their namespace and what is known of its pods.
pub(super) fn plane(workload: &InventoryWorkload, (namespace, said): (&Labels, Option<DataPlane>), default: DataPlane) -> DataPlane {
    // The injector passes by pods on their node's network, but a gateway that is there already captures nothing and runs there as anywhere.
    let is_gateway = workload.proxy == ProxyRole::Gateway && workload.mesh.sidecar == MeshChoice::Present;
    if workload.host_network == HostNetwork::Yes && !is_gateway {
        return DataPlane::None;
    }
    chosen(workload.mesh, &workload.namespace, (namespace, said), default)
}

/// How a pod of which nothing but its labels is known takes part in the mesh, where they say something of it; none where they do not.
///
/// `default` is for a namespace whose labels say nothing.
pub(crate) fn plane_by_labels(pod: &Pod, default: DataPlane) -> Option<DataPlane> {
    let mesh = mesh(&pod.labels, &Labels::new(), &Containers::default());
    let says_something = (mesh.sidecar, mesh.ambient) != (MeshChoice::Unsaid, MeshChoice::Unsaid);
    says_something.then(|| chosen(mesh, &pod.namespace, (&pod.namespace_labels, namespace_plane(&pod.namespace_labels)), default))
}

/// What comes of what pods on a network of their own say, in a namespace of this name and these labels.
fn chosen(mesh: PodMesh, name: &str, (namespace, said): (&Labels, Option<DataPlane>), default: DataPlane) -> DataPlane {
    let asks_for_ztunnel = matches!(mesh.ambient, MeshChoice::Present | MeshChoice::Asked);
    // The webhook for pods that ask looks at no namespace with this label, whatever its value.
    let forbidden = namespace.get(INJECTION).is_some_and(|value| &**value != "enabled");
    let sidecar = match mesh.sidecar {
        MeshChoice::Present => true,
        _ if is_never_injected(name) => false,
        MeshChoice::Refused => false,
        MeshChoice::Asked => !forbidden,
        // The default is for pods of which nothing is said: one that asks for ztunnel says something.
        MeshChoice::Unsaid if said.is_none() && asks_for_ztunnel => false,
        MeshChoice::Unsaid => said.unwrap_or(default) == DataPlane::Sidecar,
    };
    if sidecar {
        return DataPlane::Sidecar;
    }
    let ambient = match mesh.ambient {
        MeshChoice::Present | MeshChoice::Asked => true,
        MeshChoice::Refused => false,
        MeshChoice::Unsaid => match namespace.get(DATAPLANE_MODE) {
            Some(mode) => &**mode == "ambient",
            None => said.is_none() && default == DataPlane::Ambient,
        },
    };
    if ambient { DataPlane::Ambient } else { DataPlane::None }
}

/// Whether a workload says nothing of the mesh, and the injector does not pass its pods by whatever anybody says.
pub(super) fn is_unsaid(workload: &InventoryWorkload) -> bool {
    let PodMesh { sidecar, ambient } = workload.mesh;
    let is_passed_by = workload.host_network == HostNetwork::Yes || is_never_injected(&workload.namespace);
    (sidecar, ambient) == (MeshChoice::Unsaid, MeshChoice::Unsaid) && !is_passed_by
}

/// What a pod's labels, annotations and containers say about the mesh.
pub(super) fn mesh(labels: &Labels, annotations: &Labels, containers: &Containers) -> PodMesh {
    let injected = containers.proxy.is_some() || annotations.contains_key(STATUS);
    let redirected = annotations.get(REDIRECTION).is_some_and(|value| &**value == "enabled");
    let ambient = match labels.get(DATAPLANE_MODE).map(|mode| &**mode) {
        _ if redirected => MeshChoice::Present,
        Some("ambient") => MeshChoice::Asked,
        Some("none") => MeshChoice::Refused,
        _ => MeshChoice::Unsaid,
    };
    let sidecar = if injected { MeshChoice::Present } else { injection(labels, annotations) };
    PodMesh { sidecar, ambient }
}

/// What the proxy of a pod is for: as its own arguments say if it is there already, else as the template that injects it has it.
pub(super) fn role(annotations: &Labels, containers: &Containers) -> ProxyRole {
    if let Some(role) = containers.proxy {
        return role;
    }
    let Some(templates) = annotations.get(TEMPLATES) else { return ProxyRole::Sidecar };
    let names = |wanted: &str| templates.split(',').any(|name| name.trim() == wanted);
    match (names("sidecar"), names("gateway")) {
        (true, false) => ProxyRole::Sidecar,
        (false, true) => ProxyRole::Gateway,
        // Templates of one's own may be of anything.
        _ => ProxyRole::Unknown,
    }
}

/// What a pod says about injection. The label wins; the annotation can only opt out, as the webhooks look at labels.
///
/// Only `true` as it is written, or a revision, sends a pod to the injector where its namespace does not. The injector itself, where it is
/// asked, takes other words for the same (istio/istio : manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml,
/// pkg/kube/inject/inject.go).
fn injection(labels: &Labels, annotations: &Labels) -> MeshChoice {
    match labels.get(INJECT).or_else(|| annotations.get(INJECT)) {
        Some(value) if refuses(value) => MeshChoice::Refused,
        _ if labels.get(INJECT).is_some_and(|value| &**value == "true") || labels.contains_key(REVISION) => MeshChoice::Asked,
        _ => MeshChoice::Unsaid,
    }
}

/// Whether a value about injection is none of the words by which the injector takes a pod that is sent to it.
fn refuses(value: &str) -> bool {
    !matches!(value.to_ascii_lowercase().as_str(), "" | "y" | "yes" | "true" | "on")
}

/// The keys of the labels that an injection adds to the pods of a proxy, if there is one.
pub(super) fn added(host_network: HostNetwork, mesh: PodMesh, proxy: ProxyRole) -> &'static [&'static str] {
    if host_network == HostNetwork::Yes || mesh.sidecar == MeshChoice::Refused {
        return &[];
    }
    match proxy {
        ProxyRole::Gateway | ProxyRole::Waypoint => &ADDED_TO_GATEWAYS,
        ProxyRole::Sidecar | ProxyRole::Unknown => &ADDED_BY_INJECTION,
    }
}
