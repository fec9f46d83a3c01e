//! Reads workloads: the pods that a Deployment, a Job or a Pod and their like stand for.
//!
//! Owns: the pod template, the labels that others add to pods, and accounts. It must not know which labels an intent asks for, nor
//! what those about the mesh mean.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::containers::Containers;
use super::copies::Origin;
use super::object::Identity;
use super::ownership::{Owner, Replicas};
use super::workload::{
    AccountNamed, ContainerPort, HostNetwork, MeshChoice, Ordinals, POD_INDEX, POD_NAME, PodMesh, PodPhase, PortsKnown, ProxyRole,
    WorkloadKind,
};
use super::{InventoryWorkload, Named, capture, injection};
use crate::flow::{Labels, Protocol, Symbol};
use crate::manifest::{Node, Reading, names};

/// The labels that newer Kubernetes copies from the node to each pod.
const ADDED_BY_SCHEDULING: [&str; 2] = ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"];

/// The label that tells one generation of a Deployment's pods from another.
const ADDED_BY_DEPLOYMENT: &str = "pod-template-hash";

/// The labels that others add to the pods of any Deployment, with values that are not known here.
pub(crate) fn added_to_deployments() -> impl Iterator<Item = &'static str> {
    [ADDED_BY_DEPLOYMENT].into_iter().chain(ADDED_BY_SCHEDULING)
}

/// The labels that a Job carries its own name in.
const JOB_NAME: [&str; 2] = ["job-name", "batch.kubernetes.io/job-name"];

/// The labels by which a Job finds its pods.
const ADDED_BY_JOBS: [&str; 4] = ["job-name", "batch.kubernetes.io/job-name", "controller-uid", "batch.kubernetes.io/controller-uid"];

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
    let rolled = rolled(object, kind, reading);
    let containers = reading.soundly(|reading| Containers::read(&spec, reading));
    let ports_known = if containers.is_some() { PortsKnown::Yes } else { PortsKnown::No };
    let containers = containers.unwrap_or_default();
    let addresses = if kind == WorkloadKind::Pod { addresses(object, reading) } else { Vec::new() };
    let running = kind == WorkloadKind::Pod && is_in_cluster(object, &addresses, reading);
    let node = spec.get(reading, "nodeName").symbol(reading).filter(|_| kind == WorkloadKind::Pod);
    let (phase, owner, replicas) = (phase(object, kind, reading), owner(object, &name.namespace, reading), replicas(object, reading));
    let Judged { mut labels, annotations, account, host_network, capture } = judged?;
    let mesh = injection::mesh(&labels, &annotations, &containers);
    // Sidecars come with a pod or never: whoever runs without one was made before anybody asked for it.
    let has_none = running && ports_known == PortsKnown::Yes && mesh.sidecar != MeshChoice::Present;
    let mesh = if has_none { PodMesh { sidecar: MeshChoice::Refused, ..mesh } } else { mesh };
    let (outbound, unmodelled) = (capture::outbound(&annotations), capture::unmodelled(&annotations));
    let has_host_ports = host_network == HostNetwork::No;
    let proxy = if ports_known == PortsKnown::Yes { injection::role(&annotations, &containers) } else { ProxyRole::Unknown };
    let mut open_keys = if running { BTreeSet::new() } else { open_keys(kind, name.named, host_network, (mesh, proxy)) };
    if selects_by_itself(object, kind, reading) {
        open_keys.retain(|key| !ADDED_BY_JOBS.contains(key));
    } else {
        labels.extend(own_name(kind, &name));
    }
    labels.retain(|key, _| !rolled.contains(key));
    let open_keys = open_keys.into_iter().map(Symbol::from).filter(|key| !labels.contains_key(key)).chain(rolled).collect();
    Some(InventoryWorkload {
        kind,
        labels,
        open_keys,
        account_named: if account.is_some() { AccountNamed::Yes } else { AccountNamed::No },
        account: account.unwrap_or_else(|| "default".into()),
        ports: containers.ports.into_iter().map(|port| ContainerPort { host: port.host.filter(|_| has_host_ports), ..port }).collect(),
        ports_known,
        host_network,
        mesh,
        proxy,
        capture,
        outbound,
        unmodelled,
        init_containers: containers.init,
        addresses,
        node,
        location: reading.document.name(),
        phase,
        ordinals: ordinals(object, kind, reading),
        named: name.named,
        origin: if running { Origin::Served } else { Origin::Written },
        owner,
        replicas,
        namespace: name.namespace,
        name: name.name,
    })
}

/// The labels in which a Job's pods carry its name, where that is known.
fn own_name(kind: WorkloadKind, name: &Identity) -> Labels {
    if kind != WorkloadKind::Job || name.named != Named::Whole {
        return Labels::new();
    }
    JOB_NAME.map(|key| (key.into(), Symbol::clone(&name.name))).into_iter().collect()
}

/// Whether a Job says itself how it finds its pods: it then gives them no labels for that (kubernetes/kubernetes :
/// pkg/registry/batch/job/strategy.go, `generateSelectorIfNeeded`).
fn selects_by_itself(object: &Node<'_>, kind: WorkloadKind, reading: &mut Reading<'_>) -> bool {
    kind == WorkloadKind::Job && object.follow(reading, &["spec", "manualSelector"]).is_true(reading)
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

/// The addresses that a running pod has; what is no address is told, and is no pod's.
fn addresses(object: &Node<'_>, reading: &mut Reading<'_>) -> Vec<IpAddr> {
    let status = object.get(reading, "status");
    let listed = status.get(reading, "podIPs").list(reading);
    let listed = listed.iter().map(|entry| entry.get(reading, "ip")).collect::<Vec<_>>();
    let all = if listed.is_empty() { vec![status.get(reading, "podIP")] } else { listed };
    all.iter().filter_map(|node| address(node, reading)).collect()
}

/// An address; before a pod or a Service has one, none or an empty text stands there.
pub(super) fn address(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<IpAddr> {
    let text = node.text(reading).filter(|text| !text.is_empty())?;
    let address = text.parse().ok();
    if address.is_none() {
        node.wrong(reading, "an address is expected");
    }
    address
}

/// Whether a pod has passed every webhook: what only the API server gives it is there, or what only a kubelet says of it. That is there
/// while a pod is `Pending`, too: its init containers run with its address.
fn is_in_cluster(object: &Node<'_>, addresses: &[IpAddr], reading: &mut Reading<'_>) -> bool {
    let is_told_of = !object.follow(reading, &["status", "phase"]).is_missing() && !addresses.is_empty();
    is_told_of || !object.follow(reading, &["metadata", "uid"]).is_missing()
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

/// The numbers of the pods of a `StatefulSet`. Without `replicas` somebody else may scale it.
fn ordinals(object: &Node<'_>, kind: WorkloadKind, reading: &mut Reading<'_>) -> Option<Ordinals> {
    if kind != WorkloadKind::StatefulSet {
        return None;
    }
    let number = |path: &[&str], reading: &mut Reading<'_>| {
        let number = object.follow(reading, path).number(reading);
        number.and_then(|number| u32::try_from(number).ok())
    };
    let first = number(&["spec", "ordinals", "start"], reading).unwrap_or_default();
    // What is wrong with this was said before.
    let count = reading.quietly(|reading| number(&["spec", "replicas"], reading)).flatten();
    Some(Ordinals { first, count })
}

/// The keys that others add to a workload's pods with values that are not known here.
fn open_keys(kind: WorkloadKind, name: Named, host_network: HostNetwork, (mesh, proxy): (PodMesh, ProxyRole)) -> BTreeSet<&'static str> {
    let mut keys: BTreeSet<&'static str> = match kind {
        WorkloadKind::Deployment => [ADDED_BY_DEPLOYMENT].into(),
        WorkloadKind::DeploymentConfig => ["deployment", "deploymentconfig"].into(),
        WorkloadKind::Rollout => ["rollouts-pod-template-hash"].into(),
        WorkloadKind::StatefulSet => ["controller-revision-hash", POD_NAME, POD_INDEX].into(),
        WorkloadKind::DaemonSet => ["controller-revision-hash", "pod-template-generation"].into(),
        WorkloadKind::Job | WorkloadKind::CronJob => {
            ["controller-uid", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-completion-index"].into()
        }
        WorkloadKind::Pod | WorkloadKind::ReplicaSet | WorkloadKind::ReplicationController => BTreeSet::new(),
    };
    if kind == WorkloadKind::CronJob || (kind == WorkloadKind::Job && name == Named::Begun) {
        keys.extend(JOB_NAME);
    }
    keys.extend(injection::added(host_network, mesh, proxy));
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
