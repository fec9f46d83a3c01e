//! Reads workloads: the pods that a Deployment, a Job or a Pod and their like stand for.
//!
//! Owns: the pod template, the labels that others add to pods, accounts, and what a pod says about the mesh. It must not know
//! which labels an intent asks for.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::containers::Containers;
use super::object::Identity;
use super::ownership::{Owner, Replicas};
use super::{InventoryWorkload, Named, capture};
use crate::flow::{DataPlane, Labels, Protocol, Symbol};
use crate::manifest::{Node, Reading, names};

/// A kind of object that pods come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkloadKind {
    /// Jobs on a schedule.
    CronJob,
    /// One pod on every node.
    DaemonSet,
    /// Pods by way of a `ReplicaSet`.
    Deployment,
    /// Pods by way of a `ReplicationController`, in `OpenShift`.
    DeploymentConfig,
    /// Pods that run to their end.
    Job,
    /// A pod of its own.
    Pod,
    /// A number of pods.
    ReplicaSet,
    /// The predecessor of `ReplicaSet`.
    ReplicationController,
    /// Pods by way of `ReplicaSets`, with Argo Rollouts.
    Rollout,
    /// Pods with names of their own.
    StatefulSet,
}

impl WorkloadKind {
    /// Every kind, by name.
    pub const ALL: [Self; 10] = [
        Self::CronJob,
        Self::DaemonSet,
        Self::Deployment,
        Self::DeploymentConfig,
        Self::Job,
        Self::Pod,
        Self::ReplicaSet,
        Self::ReplicationController,
        Self::Rollout,
        Self::StatefulSet,
    ];

    /// The name that Kubernetes gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CronJob => "CronJob",
            Self::DaemonSet => "DaemonSet",
            Self::Deployment => "Deployment",
            Self::DeploymentConfig => "DeploymentConfig",
            Self::Job => "Job",
            Self::Pod => "Pod",
            Self::ReplicaSet => "ReplicaSet",
            Self::ReplicationController => "ReplicationController",
            Self::Rollout => "Rollout",
            Self::StatefulSet => "StatefulSet",
        }
    }
}

/// A port that a container declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerPort {
    /// Its name, by which policies and Services may call it.
    pub name: Option<Symbol>,
    /// Its number on the pod, 1 to 65535.
    pub number: u16,
    /// Its protocol.
    pub protocol: Protocol,
}

/// Whether a manifest names the service account of its pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountNamed {
    /// It does.
    Yes,
    /// It does not, so that they run as `default` (`semantics.md` §6).
    No,
}

/// Which network a pod uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostNetwork {
    /// Its own.
    No,
    /// Its node's: policies do not select it, and its address is the node's (`semantics.md` §1.7).
    Yes,
}

/// Whether a pod has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodPhase {
    /// It runs, or will, or is no single pod.
    Live,
    /// All its containers have ended for good: it has no traffic, and its address may be another's by now.
    Ended,
}

/// Whether it is known which ports the containers of a workload declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortsKnown {
    /// It is.
    Yes,
    /// What they say cannot be read.
    No,
}

/// Whether something runs, and may call, before a sidecar does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InitContainers {
    /// No init container but the mesh's own and those that go on running beside the application.
    #[default]
    None,
    /// At least one: without a sidecar yet, its calls are plaintext or fail.
    Present,
}

/// What the Envoy of a pod is for, if the pod has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ProxyRole {
    /// Nobody knows.
    #[default]
    Unknown,
    /// It stands before the pod's application: `proxy sidecar`.
    Sidecar,
    /// It is a gateway, which listens where `Gateway` objects say and captures nothing: `proxy router` (`semantics.md` §2.1, §5.5;
    /// istio/istio : manifests/charts/istio-control/istio-discovery/files/{gateway-injection-template,kube-gateway}.yaml).
    Gateway,
    /// It is a waypoint, or an east-west gateway of ambient mode, which takes the tunnel alone and captures nothing: `proxy waypoint`
    /// (`semantics.md` §2.11; istio/istio : manifests/charts/istio-control/istio-discovery/files/waypoint.yaml).
    Waypoint,
}

/// What a pod says about one way of taking part in the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeshChoice {
    /// Nothing; its namespace decides.
    Unsaid,
    /// It asks for it.
    Asked,
    /// It opts out.
    Refused,
    /// It already has it: the manifest is of a running pod, or was injected by hand.
    Present,
}

/// What a pod says about the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodMesh {
    /// About a sidecar.
    pub sidecar: MeshChoice,
    /// About ztunnel.
    pub ambient: MeshChoice,
}

const REVISION: &str = "istio.io/rev";
const DATAPLANE_MODE: &str = "istio.io/dataplane-mode";
const INJECTION: &str = "istio-injection";
const INJECT: &str = "sidecar.istio.io/inject";

/// The namespaces in which the injector does nothing whatever labels say.
const NEVER_INJECTED: [&str; 4] = ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];

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
const TEMPLATES: &str = "inject.istio.io/templates";

/// The labels that newer Kubernetes copies from the node to each pod.
const ADDED_BY_SCHEDULING: [&str; 2] = ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"];

/// The labels that a Job carries its own name in.
const JOB_NAME: [&str; 2] = ["job-name", "batch.kubernetes.io/job-name"];

/// Reads a workload; nothing if something is wrong with what policies and the mesh judge its pods by. Of the rest nothing is known then.
pub(super) fn read(object: &Node<'_>, kind: WorkloadKind, name: Identity, reading: &mut Reading<'_>) -> Option<InventoryWorkload> {
    // A Rollout may say whose pods it runs instead of what they are; those are read where they stand.
    if kind == WorkloadKind::Rollout && !object.follow(reading, &["spec", "workloadRef"]).is_missing() {
        return None;
    }
    let template = template(object, kind, reading);
    let spec = template.get(reading, "spec");
    let judged = reading.soundly(|reading| judged(&template, reading));
    template.follow(reading, &["metadata", "annotations"]).labels(reading);
    let running = kind == WorkloadKind::Pod && !object.follow(reading, &["metadata", "uid"]).is_missing();
    let rolled = rolled(object, kind, reading);
    let containers = reading.soundly(|reading| Containers::read(&spec, reading));
    let ports_known = if containers.is_some() { PortsKnown::Yes } else { PortsKnown::No };
    let containers = containers.unwrap_or_default();
    let addresses = if kind == WorkloadKind::Pod { addresses(object, reading) } else { Vec::new() };
    let node = spec.get(reading, "nodeName").symbol(reading).filter(|_| kind == WorkloadKind::Pod);
    let (phase, owner, replicas) = (phase(object, kind, reading), owner(object, &name.namespace, reading), replicas(object, reading));
    let Judged { mut labels, annotations, account, host_network, capture } = judged?;
    let mesh = mesh(&labels, &annotations, &containers);
    let proxy = if ports_known == PortsKnown::Yes { role(&annotations, &containers) } else { ProxyRole::Unknown };
    let open_keys = if running { BTreeSet::new() } else { open_keys(kind, name.named, host_network, (mesh, proxy)) };
    if kind == WorkloadKind::Job && name.named == Named::Whole {
        labels.extend(JOB_NAME.map(|key| (key.into(), Symbol::clone(&name.name))));
    }
    labels.retain(|key, _| !rolled.contains(key));
    let open_keys = open_keys.into_iter().map(Symbol::from).filter(|key| !labels.contains_key(key)).chain(rolled).collect();
    Some(InventoryWorkload {
        kind,
        labels,
        open_keys,
        account_named: if account.is_some() { AccountNamed::Yes } else { AccountNamed::No },
        account: account.unwrap_or_else(|| "default".into()),
        ports: containers.ports,
        ports_known,
        host_network,
        mesh,
        proxy,
        capture,
        init_containers: containers.init,
        addresses,
        node,
        location: reading.document.name(),
        phase,
        named: name.named,
        owner,
        replicas,
        namespace: name.namespace,
        name: name.name,
    })
}

/// What pods are judged by besides their namespace.
struct Judged {
    labels: Labels,
    annotations: Labels,
    account: Option<Symbol>,
    host_network: HostNetwork,
    capture: capture::InboundCapture,
}

fn judged(template: &Node<'_>, reading: &mut Reading<'_>) -> Judged {
    let spec = template.get(reading, "spec");
    let noted = template.follow(reading, &["metadata", "annotations"]);
    let of_mesh = |key: &str| key.contains("istio.io/");
    // What is wrong with the others is of no matter here, but it is said.
    let annotations = noted
        .entries()
        .into_iter()
        .filter(|(key, _)| of_mesh(key))
        .filter_map(|(key, node)| Some((key.into(), node.text(reading)?.into())));
    let annotations: Labels = annotations.collect();
    Judged {
        labels: template.follow(reading, &["metadata", "labels"]).checked_labels(reading),
        account: account(&spec, reading),
        host_network: if spec.get(reading, "hostNetwork").is_true(reading) { HostNetwork::Yes } else { HostNetwork::No },
        capture: capture::read(&annotations, &noted, reading),
        annotations,
    }
}

/// How a namespace's labels say that its pods take part in the mesh; none if they say nothing.
///
/// Injection wins over ztunnel, and `istio-injection` over a revision, as in Istio's webhooks (`semantics.md` §8, row 111).
pub(crate) fn namespace_plane(labels: &Labels) -> Option<DataPlane> {
    let injection = labels.get(INJECTION).map(|value| &**value);
    let mode = labels.get(DATAPLANE_MODE).map(|value| &**value);
    match (injection, mode) {
        (Some("enabled"), _) => Some(DataPlane::Sidecar),
        (None, _) if labels.contains_key(REVISION) => Some(DataPlane::Sidecar),
        (_, Some("ambient")) => Some(DataPlane::Ambient),
        (Some("disabled"), _) | (_, Some("none")) => Some(DataPlane::None),
        _ => None,
    }
}

/// How the pods of a workload take part in the mesh, given the labels of their namespace.
pub(super) fn plane(workload: &InventoryWorkload, namespace: &Labels, default: DataPlane) -> DataPlane {
    // The injector passes by pods on their node's network, but a gateway that is there already captures nothing and runs there as anywhere.
    let is_gateway = workload.proxy == ProxyRole::Gateway && workload.mesh.sidecar == MeshChoice::Present;
    if workload.host_network == HostNetwork::Yes && !is_gateway {
        return DataPlane::None;
    }
    let said = namespace_plane(namespace);
    let asks_for_ztunnel = matches!(workload.mesh.ambient, MeshChoice::Present | MeshChoice::Asked);
    let forbidden = namespace.get(INJECTION).is_some_and(|value| &**value == "disabled");
    let sidecar = match workload.mesh.sidecar {
        MeshChoice::Present => true,
        _ if NEVER_INJECTED.contains(&&*workload.namespace) => false,
        MeshChoice::Refused => false,
        MeshChoice::Asked => !forbidden,
        // The default is for pods of which nothing is said: one that asks for ztunnel says something.
        MeshChoice::Unsaid if said.is_none() && asks_for_ztunnel => false,
        MeshChoice::Unsaid => said.unwrap_or(default) == DataPlane::Sidecar,
    };
    if sidecar {
        return DataPlane::Sidecar;
    }
    let ambient = match workload.mesh.ambient {
        MeshChoice::Present | MeshChoice::Asked => true,
        MeshChoice::Refused => false,
        MeshChoice::Unsaid => match namespace.get(DATAPLANE_MODE) {
            Some(mode) => &**mode == "ambient",
            None => said.is_none() && default == DataPlane::Ambient,
        },
    };
    if ambient { DataPlane::Ambient } else { DataPlane::None }
}

/// The node that has a pod's `metadata` and `spec`.
fn template<'t>(object: &Node<'t>, kind: WorkloadKind, reading: &mut Reading<'_>) -> Node<'t> {
    let template = match kind {
        WorkloadKind::Pod => return object.clone(),
        WorkloadKind::CronJob => object.follow(reading, &["spec", "jobTemplate", "spec", "template"]),
        _ => object.follow(reading, &["spec", "template"]),
    };
    if template.is_missing() && reading.is_clean() {
        template.wrong(reading, "a pod template is expected");
    }
    template
}

/// The service account that a pod names; `serviceAccount` is the old name of the field.
fn account(spec: &Node<'_>, reading: &mut Reading<'_>) -> Option<Symbol> {
    let nodes = ["serviceAccountName", "serviceAccount"].map(|key| spec.get(reading, key));
    let (node, account) = nodes.iter().find_map(|node| Some((node, node.symbol(reading)?)))?;
    if !names::is_object_name(&account) {
        node.wrong(reading, names::OBJECT_NAME);
    }
    Some(account)
}

/// The addresses that a running pod has; what is no address is no pod's.
fn addresses(object: &Node<'_>, reading: &mut Reading<'_>) -> Vec<IpAddr> {
    let status = object.get(reading, "status");
    let listed = status.get(reading, "podIPs").list(reading);
    let listed = listed.iter().map(|entry| entry.get(reading, "ip")).collect::<Vec<_>>();
    let all = if listed.is_empty() { vec![status.get(reading, "podIP")] } else { listed };
    all.iter().filter_map(|node| node.text(reading)?.parse().ok()).collect()
}

/// Whether a pod has come to its end.
fn phase(object: &Node<'_>, kind: WorkloadKind, reading: &mut Reading<'_>) -> PodPhase {
    let phase = object.follow(reading, &["status", "phase"]).text(reading);
    let has_ended = kind == WorkloadKind::Pod && matches!(phase, Some("Succeeded" | "Failed"));
    if has_ended { PodPhase::Ended } else { PodPhase::Live }
}

/// The workload that made this one.
fn owner(object: &Node<'_>, namespace: &Symbol, reading: &mut Reading<'_>) -> Option<Owner> {
    for reference in object.follow(reading, &["metadata", "ownerReferences"]).list(reading) {
        let kind = reference.get(reading, "kind").text(reading);
        let name = reference.get(reading, "name").symbol(reading);
        let kind = WorkloadKind::ALL.into_iter().find(|known| Some(known.name()) == kind);
        if let (Some(kind), Some(name)) = (kind, name) {
            return Some((Symbol::clone(namespace), kind, name));
        }
    }
    None
}

/// Whether a workload says that it runs no pods.
fn replicas(object: &Node<'_>, reading: &mut Reading<'_>) -> Replicas {
    match object.follow(reading, &["spec", "replicas"]).number(reading) {
        Some(0) => Replicas::Zero,
        _ => Replicas::Some,
    }
}

/// What a pod's labels, annotations and containers say about the mesh.
fn mesh(labels: &Labels, annotations: &Labels, containers: &Containers) -> PodMesh {
    let injected = containers.proxy.is_some() || annotations.contains_key("sidecar.istio.io/status");
    let redirected = annotations.get("ambient.istio.io/redirection").is_some_and(|value| &**value == "enabled");
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
fn role(annotations: &Labels, containers: &Containers) -> ProxyRole {
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
fn injection(labels: &Labels, annotations: &Labels) -> MeshChoice {
    let wish = |value: &str| match value.to_ascii_lowercase().as_str() {
        "y" | "yes" | "true" | "on" => MeshChoice::Asked,
        "" => MeshChoice::Unsaid,
        _ => MeshChoice::Refused,
    };
    let by_label = labels.get(INJECT).map_or(MeshChoice::Unsaid, |value| wish(value));
    let by_annotation = annotations.get(INJECT).map_or(MeshChoice::Unsaid, |value| wish(value));
    match (by_label, by_annotation) {
        (MeshChoice::Unsaid, MeshChoice::Refused) => MeshChoice::Refused,
        (MeshChoice::Unsaid, _) if labels.contains_key(REVISION) => MeshChoice::Asked,
        (by_label, _) => by_label,
    }
}

/// The keys that others add to a workload's pods with values that are not known here.
fn open_keys(kind: WorkloadKind, name: Named, host_network: HostNetwork, (mesh, proxy): (PodMesh, ProxyRole)) -> BTreeSet<&'static str> {
    let mut keys: BTreeSet<&'static str> = match kind {
        WorkloadKind::Deployment => ["pod-template-hash"].into(),
        WorkloadKind::DeploymentConfig => ["deployment", "deploymentconfig"].into(),
        WorkloadKind::Rollout => ["rollouts-pod-template-hash"].into(),
        WorkloadKind::StatefulSet => {
            ["controller-revision-hash", "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"].into()
        }
        WorkloadKind::DaemonSet => ["controller-revision-hash", "pod-template-generation"].into(),
        WorkloadKind::Job | WorkloadKind::CronJob => {
            ["controller-uid", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-completion-index"].into()
        }
        WorkloadKind::Pod | WorkloadKind::ReplicaSet | WorkloadKind::ReplicationController => BTreeSet::new(),
    };
    if kind == WorkloadKind::CronJob || (kind == WorkloadKind::Job && name == Named::Begun) {
        keys.extend(JOB_NAME);
    }
    if host_network == HostNetwork::No && mesh.sidecar != MeshChoice::Refused {
        if matches!(proxy, ProxyRole::Gateway | ProxyRole::Waypoint) {
            keys.extend(ADDED_TO_GATEWAYS);
        } else {
            keys.extend(ADDED_BY_INJECTION);
        }
    }
    keys.extend(ADDED_BY_SCHEDULING);
    keys
}

/// The keys of labels that a Rollout gives some of its pods and not others, whatever their template says.
fn rolled(object: &Node<'_>, kind: WorkloadKind, reading: &mut Reading<'_>) -> BTreeSet<Symbol> {
    const SETS: [[&str; 2]; 4] =
        [["canary", "canaryMetadata"], ["canary", "stableMetadata"], ["blueGreen", "activeMetadata"], ["blueGreen", "previewMetadata"]];
    if kind != WorkloadKind::Rollout {
        return BTreeSet::new();
    }
    let mut of = |[strategy, set]: [&str; 2]| object.follow(reading, &["spec", "strategy", strategy, set, "labels"]).labels(reading);
    SETS.into_iter().flat_map(|set| of(set).into_keys()).collect()
}

/// The protocol of a port, TCP where none is written (`semantics.md` §1.1).
pub(super) fn protocol(port: &Node<'_>, reading: &mut Reading<'_>) -> Protocol {
    let node = port.get(reading, "protocol");
    let Some(text) = node.text(reading) else { return Protocol::Tcp };
    // Kubernetes tells capitals from small letters here.
    let known = Protocol::ALL.into_iter().find(|protocol| protocol.to_string() == text);
    if known.is_none() {
        node.wrong(reading, "`TCP`, `UDP` or `SCTP` is expected");
    }
    known.unwrap_or(Protocol::Tcp)
}
