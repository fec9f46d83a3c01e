//! Pods of counterexamples that only their own labels take into the mesh.
//!
//! Owns: how manifests take a pod that a counterexample stands for, and the labels with which they take it as the comparison did. Of a
//! namespace of which nobody says how its pods take part in the mesh, the comparison looks at pods that do; whoever asks about such a pod
//! by its labels hears of one that does not. Where no label gives a pod a sidecar, the comparison looks at none with one.

use std::collections::BTreeSet;

use super::besides;
use super::judge::Way;
use crate::cluster::{Cluster, Network, Question};
use crate::flow::{DataPlane, Flow, Labels, NAMESPACE_NAME, Peer, Pod, Symbol};
use crate::inventory::{NEVER_INJECTED, namespace_plane};
use crate::ir::Policy;
use crate::meaning::passes;

/// Labels of a pod that say how it takes part in the mesh (`semantics.md` §8.5, row 111).
type Joining = &'static [(&'static str, &'static str)];

/// What gives a pod a sidecar where nobody says it of its namespace.
const INJECTED: Joining = &[("sidecar.istio.io/inject", "true")];

/// What has a pod join by ztunnel, where its namespace has no sidecars and where it has.
const CAPTURED: [Joining; 2] =
    [&[("istio.io/dataplane-mode", "ambient")], &[("istio.io/dataplane-mode", "ambient"), ("sidecar.istio.io/inject", "false")]];

/// How pods that manifests show take part in the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Running {
    /// All of them like this.
    Alike(DataPlane),
    /// Each as it does.
    Otherwise,
}

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
        ends(flow, |pod, way| Pod { plane: self.plane(pod, way), ..pod.clone() })
    }

    /// A flow of the pods that it is of, with the labels that say so where nothing else does, and else as they are taken; none if the program
    /// means something else then.
    pub fn labelled(&self, flow: &Flow) -> Option<Flow> {
        let labelled = ends(flow, |pod, way| self.joined(pod, way).unwrap_or_else(|| Pod { plane: self.plane(pod, way), ..pod.clone() }));
        (passes(self.policy, &labelled) == passes(self.policy, flow)).then_some(labelled)
    }

    /// Whether the pods of a flow are taken in one way: of those that the manifests show some may take part in the mesh and others not.
    pub fn is_taken_in_one_way(&self, flow: &Flow) -> bool {
        let is_one_way = |peer: &Peer, way: Way| !matches!(peer, Peer::Pod(pod) if self.running(pod, way) == Some(Running::Otherwise));
        is_one_way(&flow.source, Way::Egress) && is_one_way(&flow.destination, Way::Ingress)
    }

    /// What is asked of the manifests about a flow: of an end of which they show no pods but ones on the network of their node it is asked
    /// about such a pod.
    pub fn question(&self, flow: &Flow) -> Question {
        let mut question = Question::from(flow);
        for (end, way) in [(&mut question.source, Way::Egress), (&mut question.destination, Way::Ingress)] {
            if matches!(&end.peer, Peer::Pod(pod) if besides::is_on_host_network(self.cluster, pod, way)) {
                end.facts.network = Network::Host;
            }
        }
        question
    }

    /// Whether a pod is taken like this too where it is said that it lacks labels of those that the manifests show.
    pub fn may_lack(&self, pod: &Pod, way: Way) -> bool {
        self.running(pod, way).is_none() || self.plane_by_labels(pod) == pod.plane
    }

    /// A pod as it takes part in the mesh, with the labels by which it does, else one that the manifests show there; none if it is taken to
    /// do so as it is.
    fn joined(&self, pod: &Pod, way: Way) -> Option<Pod> {
        if self.plane(pod, way) == pod.plane && self.running(pod, way) != Some(Running::Otherwise) {
            return None;
        }
        let ways: &[Joining] = match pod.plane {
            DataPlane::Sidecar => &[INJECTED],
            DataPlane::Ambient => &CAPTURED,
            DataPlane::None => &[],
        };
        let labelled = ways.iter().filter_map(|labels| with_labels(pod, labels));
        labelled.filter(|labelled| self.plane(labelled, way) == pod.plane).chain(shown(self.cluster, &pod.namespace, pod.plane)).next()
    }

    /// Whether no label gives a pod of a namespace a sidecar of which the program does not say how its pods take part.
    fn keeps_out(&self, name: &Symbol) -> bool {
        if self.policy.namespace(name).is_some_and(|namespace| namespace.is_managed() || namespace.plane.is_some()) {
            return false;
        }
        let namespace_labels = Labels::from([(NAMESPACE_NAME.into(), Symbol::clone(name))]);
        let plain = Pod {
            namespace: Symbol::clone(name),
            namespace_labels,
            labels: Labels::new(),
            account: "default".into(),
            plane: DataPlane::None,
        };
        let asking = with_labels(&plain, INJECTED).is_some_and(|asking| self.plane_by_labels(&asking) == DataPlane::Sidecar);
        !asking && self.plane_by_labels(&plain) != DataPlane::Sidecar
    }

    /// How a pod takes part: as the manifests show those that it may be one of, else by its labels.
    pub(super) fn plane(&self, pod: &Pod, way: Way) -> DataPlane {
        match self.running(pod, way) {
            Some(Running::Alike(plane)) => plane,
            Some(Running::Otherwise) | None => self.plane_by_labels(pod),
        }
    }

    /// How the pods take part that the manifests show of those which whoever asks about this one asks about; none if they show none.
    fn running(&self, pod: &Pod, way: Way) -> Option<Running> {
        let mut planes = besides::shown(self.cluster, pod, way).map(|own| self.unsaid.unwrap_or(own.plane));
        let first = planes.next()?;
        Some(if planes.all(|plane| plane == first) { Running::Alike(first) } else { Running::Otherwise })
    }

    /// How a pod of which nobody shows more than its labels takes part: what the manifests show of its namespace stands before what is
    /// declared of that.
    fn plane_by_labels(&self, pod: &Pod) -> DataPlane {
        let mut workloads = self.policy.workloads_in(&pod.namespace).iter().filter(|workload| workload.cube().contains(pod));
        if let Some(stated) = workloads.next().and_then(|workload| workload.plane) {
            return stated;
        }
        let declared = self.policy.namespace(&pod.namespace).and_then(|namespace| namespace.plane);
        let namespace_labels = self.cluster.namespace_labels(&pod.namespace).unwrap_or(&pod.namespace_labels).clone();
        let shown = shown_plane(self.cluster, &pod.namespace);
        let unsaid = self.unsaid.unwrap_or_else(|| self.cluster.unsaid_plane(&pod.namespace));
        let usual = shown.or(declared).or_else(|| namespace_plane(&namespace_labels)).unwrap_or(unsaid);
        self.cluster.plane_by_labels(&Pod { namespace_labels, plane: usual, ..pod.clone() }, usual).unwrap_or(usual)
    }
}

/// How the pods of a namespace take part in the mesh of which nobody says more, as manifests show it: by its labels, or as it has none that
/// take them in beside namespaces that have (`semantics.md` §2.1); none if they do not show it.
pub(crate) fn shown_plane(cluster: &Cluster, name: &str) -> Option<DataPlane> {
    namespace_plane(cluster.namespace_labels(name)?).or_else(|| cluster.is_unjoined(name).then_some(DataPlane::None))
}

/// A pod with these labels besides; none if it has any of them, of whatever value.
fn with_labels(pod: &Pod, labels: Joining) -> Option<Pod> {
    if labels.iter().any(|(key, _)| pod.labels.contains_key(*key)) {
        return None;
    }
    let mut labelled = pod.clone();
    labelled.labels.extend(labels.iter().map(|(key, value)| ((*key).into(), (*value).into())));
    Some(labelled)
}

/// The pods of a namespace that the manifests show, and that take part in the mesh like this.
fn shown(cluster: &Cluster, namespace: &str, plane: DataPlane) -> impl Iterator<Item = Pod> {
    let pods = cluster.workloads().iter().filter_map(|workload| match &workload.endpoint.peer {
        Peer::Pod(pod) => Some(pod),
        Peer::Address(_) => None,
    });
    pods.filter(move |pod| *pod.namespace == *namespace && pod.plane == plane).cloned()
}

/// The namespaces whose pods have no sidecars whatever their labels say, where nobody but manifests speaks of them: their own labels keep
/// injectors out, or their names do.
pub(super) fn kept_out(policy: &Policy, cluster: &Cluster) -> BTreeSet<Symbol> {
    let mut names = cluster.namespaces();
    names.extend(NEVER_INJECTED.into_iter().map(Symbol::from));
    let meshed = Meshed::new(policy, cluster, None);
    names.retain(|name| meshed.keeps_out(name) && shown(cluster, name, DataPlane::Sidecar).next().is_none());
    names
}

/// The same flow between other pods.
fn ends(flow: &Flow, change: impl Fn(&Pod, Way) -> Pod) -> Flow {
    let [source, destination] = [(&flow.source, Way::Egress), (&flow.destination, Way::Ingress)].map(|(peer, way)| match peer {
        Peer::Pod(pod) => Peer::Pod(change(pod, way)),
        Peer::Address(_) => peer.clone(),
    });
    Flow { source, destination, ..flow.clone() }
}
