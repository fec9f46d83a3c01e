//! Calls of a pod that go over a waypoint.
//!
//! Owns: `Mesh::calls`: which calls of a pod a waypoint stands before, for clients that take waypoints, and by what it tells them
//! apart. What it says is `judge`'s.

use super::Mesh;
use super::cuts::of_proxy;
use super::waypoint::{Binding, Called};
use crate::cluster::question::{Addressed, Endpoint, Facts};
use crate::cluster::{Names, WaypointCall};
use crate::flow::{DataPlane, Peer, Pod, Protocol, Symbol};
use crate::inventory::{PortTarget, ServicePort};

impl Mesh {
    /// The calls of a pod that do not go straight to it, if their client is in ambient mode, or a gateway that is told to take
    /// waypoints.
    pub(crate) fn calls<'m>(&'m self, destination: &'m Endpoint, names: &Names) -> Vec<WaypointCall<'m>> {
        let Peer::Pod(pod) = &destination.peer else { return Vec::new() };
        let mut calls: Vec<WaypointCall<'m>> = Vec::new();
        calls.extend(self.call((pod, &destination.facts), Addressed::Pod, None, names));
        for service in self.services_of(pod) {
            for port in service.ports.iter().filter(|port| port.protocol == Protocol::Tcp) {
                let (namespace, name) = (Symbol::clone(&service.namespace), Symbol::clone(&service.name));
                let ports = leads_to(port, destination);
                calls.extend(self.call(
                    (pod, &destination.facts),
                    Addressed::Service { namespace, name, port: port.port },
                    Some(ports),
                    names,
                ));
            }
        }
        calls
    }

    fn call<'m>(&'m self, known: (&Pod, &Facts), addressed: Addressed, ports: Option<Vec<u16>>, names: &Names) -> Option<WaypointCall<'m>> {
        let called = match &addressed {
            Addressed::Service { namespace, name, .. } => Called::Service(namespace, name),
            Addressed::Pod | Addressed::Unsaid => Called::Pod,
        };
        let waypoint = match self.binding(called, known) {
            Binding::None => return None,
            Binding::Open(_) => None,
            Binding::Waypoint(at) => self.waypoints.get(at),
        };
        let mut cuts = Vec::new();
        if let Some(waypoint) = waypoint {
            of_proxy(&self.waypoint_proxy(waypoint, called), names, &mut cuts);
        }
        let name = waypoint.map(|waypoint| Symbol::from(format!("{}/{}", waypoint.namespace, waypoint.name)));
        Some(WaypointCall { addressed, ports, waypoint: name, pod: waypoint.map(|waypoint| &waypoint.endpoint), cuts })
    }

    /// Whether a client may take waypoints: an ambient pod does, and an ingress gateway may be told to.
    pub(crate) fn takes_waypoints(client: &Endpoint) -> bool {
        let Peer::Pod(pod) = &client.peer else { return false };
        let gateway = pod.labels.contains_key(super::attachment::GATEWAY_NAME) || pod.labels.contains_key("istio");
        match super::end::plane(client) {
            DataPlane::None => false,
            DataPlane::Ambient => true,
            DataPlane::Sidecar => gateway,
        }
    }
}

/// The ports of the pod that a port of a Service leads to, as far as they are known.
fn leads_to(port: &ServicePort, destination: &Endpoint) -> Vec<u16> {
    match (&port.target, &destination.facts.ports) {
        (PortTarget::Number(number), _) => vec![*number],
        (PortTarget::Name(name), Some(ports)) => {
            ports.iter().filter(|own| own.name == *name && own.protocol == port.protocol).map(|own| own.number).collect()
        }
        (PortTarget::Name(_), None) => Vec::new(),
    }
}
