//! What a manifest of a workload can say, as types.
//!
//! Owns: the kinds of workloads and the words for what is known of their pods. It reads nothing.

use std::net::IpAddr;

use crate::flow::{Protocol, Symbol};

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
    /// The port of its node that leads to it; none on the node's own network, where it is a port of the node anyway.
    pub host: Option<HostPort>,
}

/// A port of a node that leads to one of a pod there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// Its number.
    pub number: u16,
    /// The only address of the node that has it; none for all of them.
    pub address: Option<IpAddr>,
}

/// Whether a manifest names the service account of its pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountNamed {
    /// It does.
    Yes,
    /// It does not, so that they run as `default` (`semantics.md` §6).
    No,
}

/// The numbers that the pods of a `StatefulSet` have in their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ordinals {
    /// The first.
    pub first: u32,
    /// How many pods there are; none if nobody says it.
    pub count: Option<u32>,
}

impl Ordinals {
    /// Whether there is a pod of a number.
    pub fn hold(self, number: u32) -> bool {
        let behind = number.checked_sub(self.first);
        behind.is_some_and(|behind| self.count.is_none_or(|count| behind < count))
    }
}

/// The label in which a pod of a `StatefulSet` has its name.
pub const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
/// The label in which it has its number alone.
pub const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

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
