//! Calls of a pod that do not go as a connection with the pod itself does.
//!
//! Owns: `Mesh::calls`: which calls of a pod a waypoint stands before, for clients that take waypoints, and by what it tells them
//! apart; `Mesh::told_calls`: those of which rules say how clients speak. What becomes of them is `judge`'s.

use super::Mesh;
use super::attachment::Acts;
use super::cuts::of_proxy;
use super::end::Guard;
use super::services::{arrives, is_told_of_pod};
use super::truth::Truth;
use super::waypoint::{Binding, Called};
use crate::cluster::question::{Addressed, Endpoint, Facts};
use crate::cluster::{Names, WaypointCall};
use crate::flow::{DataPlane, Peer, Pod, PortSet, Protocol, Symbol};
use crate::inventory::{PortTarget, ServiceFacts, ServiceKind, ServicePort};

impl Mesh {
    /// The calls of a pod that do not go straight to it, if their client is in ambient mode, or a gateway that is told to take
    /// waypoints.
    pub(crate) fn calls<'m>(&'m self, destination: &'m Endpoint, names: &Names) -> Vec<WaypointCall<'m>> {
        let Peer::Pod(pod) = &destination.peer else { return Vec::new() };
        let known = (pod, &destination.facts);
        let names = &*self.with_own_names(names);
        let mut calls: Vec<WaypointCall<'m>> = Vec::new();
        calls.extend(self.call(known, Addressed::Pod, None, names));
        let pod_is_bound = !calls.is_empty();
        for (addressed, ports) in self.service_calls(destination) {
            match self.call(known, addressed.clone(), Some(ports.clone()), names) {
                Some(call) => calls.push(call),
                None if pod_is_bound => calls.push(straight(addressed, ports)),
                None => {}
            }
        }
        calls
    }

    /// The calls of a pod by the Services that lead to it, with the ports of the pod that each leads to.
    fn service_calls(&self, destination: &Endpoint) -> Vec<(Addressed, Vec<u16>)> {
        let Peer::Pod(pod) = &destination.peer else { return Vec::new() };
        let calls = self.services_of(pod).into_iter().flat_map(|service| {
            let call = move |port: &ServicePort| (by_name(service, port), leads_to(service, port, destination));
            service.ports.iter().filter(|port| port.protocol == Protocol::Tcp).map(call)
        });
        calls.collect()
    }

    /// The TCP ports of a pod to which Services lead whoever does not choose pods itself, as far as they are known. Of one that is not
    /// exported to everybody some sidecars are not told.
    pub(crate) fn named_ports(&self, destination: &Endpoint) -> PortSet {
        together(self.named_calls(destination).map(|(_, port)| port))
    }

    /// Those of them where the sidecar of a client surely speaks plaintext with some such Service.
    fn plainly_named_ports(&self, client: &Endpoint, destination: &Endpoint) -> PortSet {
        let is_plain = |(addressed, port): &(Addressed, u16)| self.speaks_plaintext((client, destination), addressed.clone(), *port);
        together(self.named_calls(destination).filter(is_plain).map(|(_, port)| port))
    }

    /// The TCP ports of a pod on which the sidecar of a client refuses, or may refuse, a call that arrives in plaintext: no Service leads
    /// there with which it surely speaks that, so it is one of the pod's own address.
    pub(crate) fn refused_in_plaintext(&self, client: &Endpoint, destination: &Endpoint) -> PortSet {
        let refused = self.refused_unnamed(client);
        if refused.is_empty() { refused } else { refused.subtract(&self.plainly_named_ports(client, destination)) }
    }

    /// Calls of a pod by Services of which every sidecar is told, with the port of the pod where they arrive.
    fn named_calls(&self, destination: &Endpoint) -> impl Iterator<Item = (Addressed, u16)> {
        let services = match &destination.peer {
            Peer::Pod(pod) => self.services_of(pod),
            Peer::Address(_) => Vec::new(),
        };
        let told = services.into_iter().filter(|service| service.exported.is_empty());
        told.flat_map(move |service| {
            let is_told = |port: &&ServicePort| is_told_of_pod((service, port), &destination.facts) == Truth::Yes;
            let own = service.ports.iter().filter(|port| port.protocol == Protocol::Tcp).filter(is_told);
            own.flat_map(move |port| arrivals(service, port, destination).into_iter().map(move |arrival| (by_name(service, port), arrival)))
        })
    }

    /// Whether a client that calls a port of a Service surely arrives at this port of a pod, by way of its proxy if it has one.
    pub(crate) fn leads(&self, client: &Endpoint, (service, port): (&ServiceFacts, &ServicePort), (at, number): (&Endpoint, u16)) -> bool {
        let chooses = if port.protocol == Protocol::Tcp { self.chooses_pods(client) } else { Acts::No };
        let is_left_to_sidecar = port.protocol == Protocol::Tcp && super::end::plane(client) == DataPlane::Sidecar && chooses == Acts::No;
        arrives((service, port), (number, &at.facts), chooses) == Truth::Yes
            && (!is_left_to_sidecar || is_told_of_pod((service, port), &at.facts) == Truth::Yes)
    }

    /// Whether clients speak the mesh's mTLS with a pod only where a rule tells them to (`Mesh::by_itself`): it does not say that it takes it.
    pub(crate) fn is_unannounced(&self, destination: &Endpoint) -> bool {
        let end = self.end(destination);
        match end.guard {
            Guard::Gateway(_) | Guard::Sidecar(_) => end.announces() != Truth::Yes,
            Guard::Tunnel(_) => true,
            Guard::None | Guard::Ztunnel(_) => false,
        }
    }

    /// The calls of a pod by Service of which a rule says how clients speak TLS, and those that lead to the same ports; all of one with which
    /// clients speak mTLS by such rules alone.
    pub(crate) fn told_calls<'m>(&'m self, destination: &'m Endpoint) -> Vec<WaypointCall<'m>> {
        let Peer::Pod(pod) = &destination.peer else { return Vec::new() };
        let is_unannounced = self.is_unannounced(destination);
        if !is_unannounced && self.client_tls(&pod.namespace).is_empty() {
            return Vec::new();
        }
        let calls = self.service_calls(destination);
        if is_unannounced {
            return calls.into_iter().map(|(addressed, ports)| straight(addressed, ports)).collect();
        }
        let told = calls.iter().filter(|(addressed, _)| self.is_told(pod, addressed));
        let ports: Vec<u16> = told.flat_map(|(_, ports)| ports).copied().collect();
        let shares = |(_, own): &(Addressed, Vec<u16>)| own.iter().any(|port| ports.contains(port));
        calls.into_iter().filter(shares).map(|(addressed, ports)| straight(addressed, ports)).collect()
    }

    fn call<'m>(&'m self, known: (&Pod, &Facts), addressed: Addressed, ports: Option<Vec<u16>>, names: &Names) -> Option<WaypointCall<'m>> {
        let called = match &addressed {
            Addressed::Service { namespace, name, .. } if !self.is_headless(namespace, name) => Called::Service(namespace, name),
            Addressed::Service { .. } | Addressed::Pod | Addressed::Unsaid => Called::Pod,
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

    /// Whether a client may take waypoints: an ambient pod does, and a gateway may be told to.
    pub(crate) fn takes_waypoints(&self, client: &Endpoint) -> bool {
        let Peer::Pod(pod) = &client.peer else { return false };
        match super::end::plane(client) {
            DataPlane::None => false,
            DataPlane::Ambient => true,
            DataPlane::Sidecar => self.calls_as_gateway((pod, &client.facts)) != Acts::No,
        }
    }

    /// Whether gateways are told to take the waypoint of a call: that of a Service that says so, itself or by its namespace
    /// (`semantics.md` §2.11).
    pub(crate) fn tells_gateways(&self, addressed: &Addressed) -> bool {
        matches!(addressed, Addressed::Service { namespace, name, .. } if self.takes_ingress(namespace, name))
    }
}

/// A call of a port of a Service.
fn by_name(service: &ServiceFacts, port: &ServicePort) -> Addressed {
    Addressed::Service { namespace: Symbol::clone(&service.namespace), name: Symbol::clone(&service.name), port: port.port }
}

fn together(ports: impl Iterator<Item = u16>) -> PortSet {
    ports.fold(PortSet::none(), |sum, port| sum.union(&PortSet::one(Protocol::Tcp, port)))
}

/// A call that meets nobody on its way.
fn straight<'m>(addressed: Addressed, ports: Vec<u16>) -> WaypointCall<'m> {
    WaypointCall { addressed, ports: Some(ports), waypoint: None, pod: None, cuts: Vec::new() }
}

/// The ports of the pod that a port of a Service leads to, as far as they are known: of one without an address that which is called, and
/// that to which gateways translate it.
fn leads_to(service: &ServiceFacts, port: &ServicePort, destination: &Endpoint) -> Vec<u16> {
    let mut ports = translated(port, destination);
    if service.kind == ServiceKind::Headless && !ports.contains(&port.port) {
        ports.push(port.port);
    }
    ports
}

/// The ports of the pod at which whoever calls a port of a Service arrives, as far as they are known.
fn arrivals(service: &ServiceFacts, port: &ServicePort, destination: &Endpoint) -> Vec<u16> {
    if service.kind == ServiceKind::Headless { vec![port.port] } else { translated(port, destination) }
}

fn translated(port: &ServicePort, destination: &Endpoint) -> Vec<u16> {
    match (&port.target, &destination.facts.ports) {
        (PortTarget::Number(number), _) => vec![*number],
        (PortTarget::Name(name), Some(ports)) => {
            ports.iter().filter(|own| own.name == *name && own.protocol == port.protocol).map(|own| own.number).collect()
        }
        (PortTarget::Name(_), None) => Vec::new(),
    }
}
