//! Reads Gateways of the Gateway API, and what they, Services and Namespaces say about waypoints.
//!
//! Owns: the labels that bind (`semantics.md` §2.11). What listeners take is read elsewhere.

use super::listener_set::{self, Admits};
use super::server;
use crate::cluster::mesh::gateway::Server;
use crate::cluster::mesh::listener_set::More;
use crate::cluster::object::Object;
use crate::flow::{Labels, Symbol};
use crate::manifest::{Node, Reading};

/// The class of Gateways that are waypoints.
pub(in super::super) const WAYPOINT_CLASS: &str = "istio-waypoint";

/// A Gateway of the Gateway API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Gateway {
    /// Its class.
    pub(in super::super) class: Symbol,
    /// What its waypoint is for.
    pub(in super::super) serves: Serves,
    /// What it is, for reasons.
    pub(in super::super) object: Object,
    /// Where its pods listen; none if that cannot be understood.
    pub(in super::super) listeners: Option<Vec<Server>>,
    /// Which `ListenerSet`s it lets in.
    pub(in super::super) admits: Admits,
    /// What it asks of the clients of all its listeners.
    pub(in super::super) frontend: Frontend,
    /// Its listeners that others hold, once these are known.
    pub(in super::super) more: Vec<More>,
    /// The Services behind which it finds pods that somebody else made, by namespace and name.
    pub(in super::super) behind: Vec<(Symbol, Symbol)>,
}

/// What a Gateway asks of its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Frontend {
    /// Nothing, unless a listener says it.
    AsksNothing,
    /// Certificates.
    AsksCertificates,
}

/// Which calls go through a waypoint, by what the client addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Serves {
    /// Calls to Services.
    pub(in super::super) services: bool,
    /// Calls to pods.
    pub(in super::super) workloads: bool,
}

impl Serves {
    /// Whether calls to Services go through it.
    pub(in super::super) fn to_services(self) -> bool {
        self.services
    }

    /// Whether calls to pods do.
    pub(in super::super) fn to_workloads(self) -> bool {
        self.workloads
    }
}

/// Reads a Gateway; nothing if it has findings.
pub(in super::super) fn read(named: Object, object: &Node<'_>, reading: &mut Reading<'_>) -> Option<Gateway> {
    let class_node = object.follow(reading, &["spec", "gatewayClassName"]);
    let class = class_node.symbol(reading);
    if class.is_none() && reading.is_clean() {
        class_node.wrong(reading, "a Gateway needs a class");
    }
    let labels = labels(object, reading);
    let serves = match labels.get("istio.io/waypoint-for").map(|value| &**value) {
        Some("workload") => Serves { services: false, workloads: true },
        Some("all") => Serves { services: true, workloads: true },
        Some("none") => Serves { services: false, workloads: false },
        // Istio takes what it does not know for what is usual.
        _ => Serves { services: true, workloads: false },
    };
    let behind = server::behind(object, &named.namespace, reading);
    let (admits, frontend) = (listener_set::admits(object, reading), server::frontend(object, reading));
    let usual = if frontend == Frontend::AsksNothing { "SIMPLE" } else { "MUTUAL" };
    let listeners = server::listeners_of(object, (usual, server::port_of_gateway), reading);
    let gateway = Gateway { class: class?, serves, object: named, listeners, admits, frontend, more: Vec::new(), behind };
    reading.is_clean().then_some(gateway)
}

/// The labels of an object.
pub(in super::super) fn labels(object: &Node<'_>, reading: &mut Reading<'_>) -> Labels {
    object.follow(reading, &["metadata", "labels"]).labels(reading)
}
