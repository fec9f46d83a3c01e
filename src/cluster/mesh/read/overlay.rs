//! Reads what changes the pods that Istio makes for a waypoint, but for its Gateway's own words: `ConfigMap`s that are laid over them, and an
//! istiod that does not copy labels (istio/istio : pilot/pkg/config/kube/gateway/deploymentcontroller.go, `render`,
//! `extractInfrastructureMetadata`).
//!
//! Owns: `Overlays`. What is laid over pods is not modelled: it is only told whether it may change what anybody asks of them.

use std::collections::BTreeSet;

use crate::cluster::object::Object;
use crate::flow::Symbol;
use crate::manifest::{Node, Reading, plain};
use crate::source::Source;

/// What is laid over the pods of waypoints.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Overlays {
    /// The `ConfigMap`s that change nothing that anybody asks of pods, by namespace and name.
    harmless: BTreeSet<(Symbol, Symbol)>,
    /// Those that may change more and are for all Gateways of a class.
    of_classes: Vec<(Symbol, Object)>,
    /// An istiod that does not copy the labels of Gateways.
    not_copying: Option<Object>,
}

/// The label of `ConfigMap`s for all Gateways of a class.
pub(in super::super) const OF_CLASS: &str = "gateway.istio.io/defaults-for-class";

/// The variable of istiod that says whether it copies labels; it does unless that is said not to.
pub(in super::super) const COPIES: &str = "PILOT_ENABLE_GATEWAY_API_COPY_LABELS_ANNOTATIONS";

/// What a `ConfigMap` may lay over that is nothing of pods; Istio lets none of it change a name.
const BESIDE_PODS: [&str; 3] = ["horizontalPodAutoscaler", "podDisruptionBudget", "serviceAccount"];

/// What may be laid over a Deployment and changes nothing that anybody asks of its pods: where it stands, and what may stand below it.
const OF_DEPLOYMENTS: [(&str, &[&str]); 5] = [
    ("", &["spec", "apiVersion", "kind"]),
    ("/spec", &["replicas", "strategy", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds", "template"]),
    ("/spec/template", &["spec"]),
    (
        "/spec/template/spec",
        &[
            "affinity",
            "containers",
            "imagePullSecrets",
            "nodeSelector",
            "priorityClassName",
            "terminationGracePeriodSeconds",
            "tolerations",
            "topologySpreadConstraints",
        ],
    ),
    ("/spec/template/spec/containers", &["name", "resources"]),
];

impl Overlays {
    /// Takes in a `ConfigMap`.
    pub(in super::super) fn add(&mut self, named: &Object, root: &Node<'_>, reading: &mut Reading<'_>) {
        let data = root.get(reading, "data").entries();
        let is_beside = |key: &str, node: &Node<'_>, reading: &mut Reading<'_>| {
            BESIDE_PODS.contains(&key) || (key == "deployment" && node.text(reading).is_some_and(is_harmless))
        };
        if data.iter().all(|(key, node)| is_beside(key, node, reading)) {
            self.harmless.insert((Symbol::clone(&named.namespace), Symbol::clone(&named.name)));
            return;
        }
        let class = super::gateway::labels(root, reading).remove(OF_CLASS);
        self.of_classes.extend(class.map(|class| (class, named.clone())));
    }

    /// Takes in a Deployment, of which one may be istiod's.
    pub(in super::super) fn add_deployment(&mut self, named: &Object, root: &Node<'_>, reading: &mut Reading<'_>) {
        const NOT: [&str; 6] = ["true", "True", "TRUE", "t", "T", "1"];
        let containers = root.follow(reading, &["spec", "template", "spec", "containers"]).list(reading);
        for variable in containers.iter().flat_map(|container| container.get(reading, "env").list(reading)).collect::<Vec<_>>() {
            let is_it = variable.get(reading, "name").text(reading) == Some(COPIES);
            if is_it && !variable.get(reading, "value").text(reading).is_some_and(|value| NOT.contains(&value)) {
                self.not_copying = Some(named.clone());
            }
        }
    }

    /// Takes in those of another part of the manifests.
    pub(in super::super) fn merge(&mut self, other: Self) {
        self.harmless.extend(other.harmless);
        self.of_classes.extend(other.of_classes);
        self.not_copying = self.not_copying.take().or(other.not_copying);
    }

    /// Whether what a `ConfigMap` lays over pods may change something of them. One that is not there may.
    pub(in super::super) fn may_change(&self, namespace: &Symbol, name: &Symbol) -> bool {
        !self.harmless.contains(&(Symbol::clone(namespace), Symbol::clone(name)))
    }

    /// Those that may change pods of all Gateways of a class.
    pub(in super::super) fn of_class<'o>(&'o self, class: &'o str) -> impl Iterator<Item = &'o Object> {
        self.of_classes.iter().filter(move |(own, _)| **own == *class).map(|(_, object)| object)
    }

    /// The istiod that does not copy labels, if one does not.
    pub(in super::super) const fn not_copying(&self) -> Option<&Object> {
        self.not_copying.as_ref()
    }
}

/// Whether a text that is laid over a Deployment changes nothing that anybody asks of its pods.
fn is_harmless(text: &str) -> bool {
    let said = plain(&Source::new("overlay", text));
    let Some(root) = said.first() else { return text.trim().is_empty() };
    OF_DEPLOYMENTS.iter().all(|(place, known)| {
        let Some(node) = root.pointer(place) else { return true };
        let items = node.as_array().map_or_else(|| vec![node], |items| items.iter().collect());
        items.into_iter().all(|item| item.as_object().is_some_and(|map| map.keys().all(|key| known.contains(&key.as_str()))))
    })
}
