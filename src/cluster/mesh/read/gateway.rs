//! Reads Gateways of the Gateway API.
//!
//! Owns: `Gateway`. What listeners take is read elsewhere, and what is said of waypoints.

use super::admits::Admits;
use super::waypoint::{self, Made, Serves};
use super::{listener_set, server};
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
    /// What its waypoint is for; none if it does not say it.
    pub(in super::super) serves: Option<Serves>,
    /// Of which namespaces its waypoint takes calls.
    pub(in super::super) attaches: Admits,
    /// What it says of its pods, if it is Istio that makes them.
    pub(in super::super) made: Made,
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

/// Reads a Gateway; nothing if it has findings.
pub(in super::super) fn read(named: Object, object: &Node<'_>, reading: &mut Reading<'_>) -> Option<Gateway> {
    let class_node = object.follow(reading, &["spec", "gatewayClassName"]);
    let class = class_node.symbol(reading);
    if class.is_none() && reading.is_clean() {
        class_node.wrong(reading, "a Gateway needs a class");
    }
    let labels = labels(object, reading);
    let (serves, attaches) = (Serves::of(&labels), waypoint::admits(object, &named.annotations, reading));
    let made = waypoint::made(object, &labels, &named.annotations, reading);
    let behind = server::behind(object, &named.namespace, reading);
    let (admits, frontend) = (listener_set::admits(object, reading), server::frontend(object, reading));
    let usual = if frontend == Frontend::AsksNothing { "SIMPLE" } else { "MUTUAL" };
    let listeners = server::listeners_of(object, (usual, server::port_of_gateway), reading);
    let gateway = Gateway { class: class?, serves, attaches, made, object: named, listeners, admits, frontend, more: Vec::new(), behind };
    reading.is_clean().then_some(gateway)
}

/// The labels of an object.
pub(in super::super) fn labels(object: &Node<'_>, reading: &mut Reading<'_>) -> Labels {
    object.follow(reading, &["metadata", "labels"]).labels(reading)
}
