//! Pods of counterexamples that only their own labels take into the mesh.
//!
//! Owns: how manifests take a pod that a counterexample stands for, and the label with which they take it as the comparison did. Of a
//! namespace of which nobody says how its pods take part in the mesh, the comparison looks at pods with sidecars; whoever asks about such
//! a pod by its labels hears of one without.

use crate::cluster::Cluster;
use crate::flow::{DataPlane, Flow, Labels, Peer, Pod};
use crate::inventory::namespace_plane;
use crate::ir::Policy;
use crate::meaning::passes;

/// What gives a pod a sidecar where nobody says it of its namespace (`semantics.md` §2.1).
const INJECTED: (&str, &str) = ("sidecar.istio.io/inject", "true");

/// How pods are taken to be in the mesh by whoever asks about them.
#[derive(Debug, Clone, Copy)]
pub struct Meshed<'a> {
    policy: &'a Policy,
    cluster: &'a Cluster,
    /// Of namespaces of which nobody says it, unless the manifests show it.
    unsaid: Option<DataPlane>,
}

impl<'a> Meshed<'a> {
    /// As a program and manifests say it, and as it is taken where neither does.
    pub const fn new(policy: &'a Policy, cluster: &'a Cluster, unsaid: Option<DataPlane>) -> Self {
        Self { policy, cluster, unsaid }
    }

    /// A flow of pods as they are taken by their labels.
    pub fn taken(&self, flow: &Flow) -> Flow {
        ends(flow, |pod| Pod { plane: self.plane(pod), ..pod.clone() })
    }

    /// A flow of the pods that it is of, with the label that says so where nothing else does; none if the program means something else then.
    pub fn labelled(&self, flow: &Flow) -> Option<Flow> {
        let labelled = ends(flow, |pod| self.with_label(pod).unwrap_or_else(|| pod.clone()));
        (passes(self.policy, &labelled) == passes(self.policy, flow)).then_some(labelled)
    }

    /// A pod with a sidecar, with the label that gives it; none if it is taken to have one without, or is not with it.
    fn with_label(&self, pod: &Pod) -> Option<Pod> {
        let (key, value) = INJECTED;
        if pod.plane != DataPlane::Sidecar || self.plane(pod) == DataPlane::Sidecar || pod.labels.contains_key(key) {
            return None;
        }
        let mut labelled = pod.clone();
        labelled.labels.insert(key.into(), value.into());
        (self.plane(&labelled) == DataPlane::Sidecar).then_some(labelled)
    }

    /// How a pod with these labels takes part.
    fn plane(&self, pod: &Pod) -> DataPlane {
        if self.policy.namespace(&pod.namespace).is_some_and(|namespace| namespace.plane.is_some()) {
            return pod.plane;
        }
        let described: Option<&Labels> = self.cluster.namespace_labels(&pod.namespace);
        let namespace_labels = described.unwrap_or(&pod.namespace_labels).clone();
        let unsaid = self.unsaid.unwrap_or_else(|| self.cluster.unsaid_plane(&pod.namespace));
        let usual = namespace_plane(&namespace_labels).unwrap_or(unsaid);
        self.cluster.plane_by_labels(&Pod { namespace_labels, plane: usual, ..pod.clone() }, unsaid).unwrap_or(usual)
    }
}

/// The same flow between other pods.
fn ends(flow: &Flow, change: impl Fn(&Pod) -> Pod) -> Flow {
    let [source, destination] = [&flow.source, &flow.destination].map(|peer| match peer {
        Peer::Pod(pod) => Peer::Pod(change(pod)),
        Peer::Address(_) => peer.clone(),
    });
    Flow { source, destination, ..flow.clone() }
}
