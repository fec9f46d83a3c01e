//! Which pods take part in the mesh where nobody says it of them.
//!
//! Owns: what the labels of namespaces and pods, and what the manifests show of others, let be taken of such pods (`semantics.md` §2.1). It
//! must not judge a connection.

use std::collections::BTreeSet;

use super::mesh::WAYPOINT_KEYS;
use super::{Cluster, Endpoint, Network, ProxyRole};
use crate::flow::{DataPlane, Labels, Peer, Pod, Symbol};
use crate::inventory::{JOINING_KEYS, ShownJoining, is_never_injected, plane_by_labels};

/// Whether a label of a namespace has a say in how its pods take part in the mesh, or over which waypoints they are called.
pub(super) fn decides_about_mesh(key: &str) -> bool {
    JOINING_KEYS.contains(&key) || WAYPOINT_KEYS.contains(&key)
}

/// Who is in the mesh, or outside of it, though nobody says it of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Joined {
    /// The namespaces that the manifests describe without a word on how pods of theirs take part in the mesh.
    pub(super) unsaid_planes: BTreeSet<Symbol>,
    /// By what pods join the mesh, as the manifests show it.
    pub(super) shown_joining: ShownJoining,
    /// Those whose pods are outside the mesh, as no label of theirs takes them in and the manifests show that labels or proxies do.
    pub(super) unjoined: BTreeSet<Symbol>,
    /// The namespaces and labels of workloads that are taken in as the manifests show others to be, where nobody describes their namespaces.
    pub(super) taken_in: BTreeSet<(Symbol, Labels)>,
}

impl Cluster {
    /// Whether pods of a namespace that the manifests describe are taken into the mesh though nothing says that they are in it:
    /// [`Platform::mesh`](super::Platform::mesh) does. Istio injects no such pods unless it is told to.
    pub fn is_meshed_by_default(&self, namespace: &str) -> bool {
        self.unsaid_plane(namespace) != DataPlane::None && self.joined.unsaid_planes.contains(namespace)
    }

    /// Whether pods of a namespace that says nothing of the mesh are outside of it, as the manifests show by which labels or proxies others
    /// join it ([`Joining::AsShown`](super::Joining::AsShown)).
    pub fn is_unjoined(&self, namespace: &str) -> bool {
        self.joined.unjoined.contains(namespace)
    }

    /// By what pods join the mesh, as the manifests show it.
    pub const fn shown_joining(&self) -> ShownJoining {
        self.joined.shown_joining
    }

    /// Whether the mesh's policies of a namespace act on none of its pods that are taken to be outside of the mesh.
    pub fn has_idle_policies(&self, namespace: &str) -> bool {
        self.is_unjoined(namespace) && self.mesh.policed().any(|policed| **policed == *namespace)
    }

    /// Whether there are workloads that are outside the mesh for that alone.
    pub fn has_unjoined(&self) -> bool {
        let is_out = |end: &Endpoint| match &end.peer {
            Peer::Pod(pod) => pod.plane == DataPlane::None && end.facts.network == Network::Own && self.is_unjoined(&pod.namespace),
            Peer::Address(_) => false,
        };
        self.workloads.iter().any(|workload| is_out(&workload.endpoint))
    }

    /// Whether an end is a workload that is taken into the mesh as the manifests show others to be: neither it nor anybody who describes its
    /// namespace says that it is in it.
    pub fn is_taken_in(&self, end: &Endpoint) -> bool {
        let Peer::Pod(pod) = &end.peer else { return false };
        let is_in = pod.plane != DataPlane::None && end.facts.network == Network::Own;
        is_in && self.joined.taken_in.contains(&(Symbol::clone(&pod.namespace), pod.labels.clone()))
    }

    /// Whether there are workloads that are in the mesh for that alone.
    pub fn has_taken_in(&self) -> bool {
        self.workloads.iter().any(|workload| self.is_taken_in(&workload.endpoint))
    }

    /// How pods of a namespace take part in the mesh of which nothing is said, and that has no label which says it. Whatever is said, no
    /// injector gives one to pods of the system.
    pub fn unsaid_plane(&self, namespace: &str) -> DataPlane {
        let is_passed_by = self.platform.mesh == DataPlane::Sidecar && is_never_injected(namespace);
        if is_passed_by || self.is_unjoined(namespace) { DataPlane::None } else { self.platform.mesh }
    }

    /// The namespaces of which [`Cluster::is_meshed_by_default`] holds.
    pub fn meshed_by_default(&self) -> impl Iterator<Item = &Symbol> {
        self.joined.unsaid_planes.iter().filter(|namespace| self.is_meshed_by_default(namespace))
    }

    /// Whether an end is, or is not, a gateway, or takes part in the mesh, where a pod with its labels of which nobody says more would be taken
    /// for the opposite.
    pub fn is_unlike_its_labels(&self, end: &Endpoint) -> bool {
        let Peer::Pod(pod) = &end.peer else { return false };
        let mut anybody = end.clone();
        anybody.facts.proxy = ProxyRole::Unknown;
        let is_elsewhere = |plane: DataPlane| plane != pod.plane;
        let by_labels = self.plane_by_labels(pod, self.unsaid_plane(&pod.namespace));
        self.is_gateway(end) != self.is_gateway(&anybody) || by_labels.is_some_and(is_elsewhere)
    }

    /// How a pod that no manifest holds takes part in the mesh whatever anybody says, where its labels tell: one that carries the name of a
    /// Gateway for which Istio makes gateways has an Envoy of its own.
    pub fn plane_of_made(&self, pod: &Pod) -> Option<DataPlane> {
        self.mesh.is_made_as_gateway(pod).then_some(DataPlane::Sidecar)
    }

    /// How a pod that no manifest holds takes part in the mesh, where its own labels speak of that, as those of a workload do; `usual` is how
    /// the pods do of a namespace whose labels say nothing.
    pub fn plane_by_labels(&self, pod: &Pod, usual: DataPlane) -> Option<DataPlane> {
        self.plane_of_made(pod).or_else(|| plane_by_labels(pod, usual))
    }
}
