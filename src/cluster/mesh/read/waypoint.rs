//! Reads what Gateways of the Gateway API, and classes of them, say of waypoints.
//!
//! Owns: `Serves`, whose calls a waypoint takes (istio/istio : pilot/pkg/serviceregistry/ambient/waypoints.go), and `Made`. It must not know who
//! names a waypoint.

use super::admits::Admits;
use crate::cluster::HBONE;
use crate::cluster::selector;
use crate::flow::{Labels, Symbol};
use crate::manifest::{Node, Reading};

/// Which calls go through a waypoint, by what the client addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Serves {
    /// Calls to Services.
    pub(in super::super) services: bool,
    /// Calls to pods.
    pub(in super::super) workloads: bool,
}

impl Serves {
    /// What is usual.
    pub(in super::super) const USUAL: Self = Self { services: true, workloads: false };

    /// Whether calls to Services go through it.
    pub(in super::super) fn to_services(self) -> bool {
        self.services
    }

    /// Whether calls to pods do.
    pub(in super::super) fn to_workloads(self) -> bool {
        self.workloads
    }

    /// What a label says, on a Gateway or on its class; none if there is no such label. Istio compares it as it is, so that any other word
    /// is for no calls.
    pub(super) fn of(labels: &Labels) -> Option<Self> {
        let word = labels.get("istio.io/waypoint-for")?;
        let (services, workloads) = match &**word {
            "service" => (true, false),
            "workload" => (false, true),
            "all" => (true, true),
            _ => (false, false),
        };
        Some(Self { services, workloads })
    }
}

/// What a Gateway says of the pods that Istio makes for it (istio/istio : pilot/pkg/config/kube/gateway/deploymentcontroller.go,
/// `configureIstioGateway`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in super::super) struct Made {
    /// Labels for them: those of its infrastructure if it has any, else its own.
    pub(in super::super) labels: Labels,
    /// As whom they run; none for its own name.
    pub(in super::super) account: Option<Symbol>,
    /// What their Deployment is called; none for its own name.
    pub(in super::super) deployment: Option<Symbol>,
    /// Whether it has a network of its own, so that they do not get that of the installation.
    pub(in super::super) has_network: bool,
    /// Whether their labels are copied from its own, of which it has some.
    pub(in super::super) copies_labels: bool,
    /// The `ConfigMap` that is laid over them; an empty name where it is not said to be one.
    pub(in super::super) parameters: Option<Symbol>,
    /// Whether they stand behind an address that it names, and are none of Istio's.
    pub(in super::super) is_elsewhere: bool,
}

/// The label that says on which network something is.
pub(in super::super) const NETWORK: &str = "topology.istio.io/network";

/// Reads what a Gateway with these labels and annotations says of its pods.
pub(super) fn made(root: &Node<'_>, own: &Labels, annotations: &Labels, reading: &mut Reading<'_>) -> Made {
    let labels_node = root.follow(reading, &["spec", "infrastructure", "labels"]);
    let of_infrastructure = labels_node.labels(reading);
    let is_left_out = |key: &str| key.starts_with("gateway.networking.k8s.io/");
    let labels =
        if labels_node.is_missing() { own.clone() } else { of_infrastructure.into_iter().filter(|(key, _)| !is_left_out(key)).collect() };
    let said = |key: &str| annotations.get(key).filter(|text| !text.is_empty()).cloned();
    Made {
        labels,
        account: said("gateway.istio.io/service-account"),
        deployment: said("gateway.istio.io/name-override"),
        has_network: own.contains_key(NETWORK),
        copies_labels: labels_node.is_missing() && !own.is_empty(),
        parameters: parameters(root, reading),
        is_elsewhere: is_elsewhere(root, reading),
    }
}

/// The `ConfigMap` that is laid over what is made (`fetchParameters`).
fn parameters(root: &Node<'_>, reading: &mut Reading<'_>) -> Option<Symbol> {
    let node = root.follow(reading, &["spec", "infrastructure", "parametersRef"]);
    if node.is_missing() {
        return None;
    }
    let name = reading.quietly(|reading| {
        let is_one = node.get(reading, "kind").text(reading) == Some("ConfigMap");
        node.get(reading, "name").symbol(reading).filter(|_| is_one)
    });
    Some(name.flatten().unwrap_or_else(|| "".into()))
}

/// Whether its addresses are others than one that it is to be given (`IsManaged`).
fn is_elsewhere(root: &Node<'_>, reading: &mut Reading<'_>) -> bool {
    let read = reading.quietly(|reading| {
        let addresses = root.follow(reading, &["spec", "addresses"]).list(reading);
        let is_given = |address: &Node<'_>, reading: &mut Reading<'_>| {
            let kind = address.get(reading, "type");
            kind.is_missing() || kind.text(reading) == Some("IPAddress")
        };
        addresses.len() > 1 || addresses.iter().any(|address| !is_given(address, reading))
    });
    read.unwrap_or(true)
}

/// The annotation by which another listener than the tunnel's own is that of the waypoint.
const INBOUND_BINDING: &str = "ambient.istio.io/waypoint-inbound-binding";

/// What a class of Gateways says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct GatewayClass {
    /// Which calls its waypoints are for where they do not say it.
    pub(in super::super) serves: Option<Serves>,
    /// Whether Istio makes a waypoint of each of its Gateways.
    pub(in super::super) makes_waypoints: bool,
}

/// Who makes waypoints, as classes name it (istio/istio : pkg/config/constants/constants.go, `ManagedGatewayMeshController`).
const CONTROLLER: &str = "istio.io/mesh-controller";

/// A class of Gateways, by its name.
pub(in super::super) fn class(root: &Node<'_>, reading: &mut Reading<'_>) -> Option<(Symbol, GatewayClass)> {
    let read = reading.quietly(|reading| {
        let serves = Serves::of(&super::gateway::labels(root, reading));
        let makes_waypoints = root.follow(reading, &["spec", "controllerName"]).text(reading) == Some(CONTROLLER);
        Some((root.follow(reading, &["metadata", "name"]).symbol(reading)?, GatewayClass { serves, makes_waypoints }))
    });
    read.flatten()
}

/// Of which namespaces a waypoint takes calls (`makeAllowedRoutes`).
pub(super) fn admits(root: &Node<'_>, annotations: &Labels, reading: &mut Reading<'_>) -> Admits {
    let by = if annotations.contains_key(INBOUND_BINDING) { by_any_listener } else { by_tunnel };
    let read = reading.quietly(|reading| {
        let listeners = root.follow(reading, &["spec", "listeners"]).list(reading);
        by(&listeners, reading)
    });
    read.unwrap_or(Admits::Unclear)
}

/// The same by the first listener for the tunnel.
fn by_tunnel(listeners: &[Node<'_>], reading: &mut Reading<'_>) -> Admits {
    let is_tunnel = |listener: &&Node<'_>| {
        let is_hbone = listener.get(reading, "protocol").text(reading) == Some("HBONE");
        is_hbone && listener.get(reading, "port").number(reading) == Some(u64::from(HBONE))
    };
    let tunnel = listeners.iter().find(is_tunnel).cloned();
    tunnel.map_or(Admits::Same, |listener| by_listener(&listener, reading))
}

/// The same where any listener may count.
fn by_any_listener(listeners: &[Node<'_>], reading: &mut Reading<'_>) -> Admits {
    let tunnel = by_tunnel(listeners, reading);
    let is_agreed = listeners.iter().all(|listener| by_listener(listener, reading) == tunnel);
    if is_agreed { tunnel } else { Admits::Unclear }
}

/// What a listener says of it (`makeWaypointSelector`).
fn by_listener(listener: &Node<'_>, reading: &mut Reading<'_>) -> Admits {
    let namespaces = listener.follow(reading, &["allowedRoutes", "namespaces"]);
    let selector_node = namespaces.get(reading, "selector");
    match namespaces.get(reading, "from").text(reading) {
        None | Some("Same") => Admits::Same,
        Some("All") => Admits::All,
        Some("Selector") if selector_node.is_missing() => Admits::None,
        Some("Selector") => Admits::Labelled(selector::read(&selector_node, reading)),
        Some(_) => Admits::Unclear,
    }
}
