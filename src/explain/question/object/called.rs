//! Addresses that lead to pods, as destinations: those of Services, and ports of nodes.
//!
//! Owns: `called`. A Service's address is nobody's for itself: whoever calls it gets to the pods behind it. So does whoever calls the port
//! that nodes have for it, or for a container.

use std::net::IpAddr;

use super::service::{Behind, entrance, pods_behind};
use super::{Found, Url, side};
use crate::diagnostic::Diagnostic;
use crate::explain::question::draft::Draft;
use crate::explain::question::{Context, Edge, Entrance, Service, Target};
use crate::flow::Symbol;
use crate::inventory::{ContainerPort, ExternalTraffic, InventoryWorkload, PodPhase, ServiceFacts, ServicePort, TakenBy};

/// A destination of the language: an address that a known Service has is that Service, which leads to its pods, and so is a port that
/// nodes have for it.
pub(in super::super) fn called(
    targets: Vec<Target>,
    draft: &Draft<'_>,
    context: &Context<'_>,
    notes: &mut Vec<String>,
) -> Result<Found, Box<Diagnostic>> {
    let Some(place) = Place::of(&targets) else { return Ok(Found::pods(targets)) };
    if let Some(service) = place.service(context) {
        let name = format!("{} is the address of Service {}/{}", place.address, service.namespace, service.name);
        let Some(port) = service.ports.iter().find(|port| (port.port, port.protocol) == (place.target.port, place.target.protocol)) else {
            notes.push(format!("{name}, which has no such port: nobody answers there"));
            return Ok(Found::pods(targets));
        };
        notes.push(format!("{name}: asked as a call of it"));
        if service.outside.iter().any(|outside| outside.address == place.address) {
            return place.at_the_edge((service, port), Edge::Outside(place.address, place.target.port), draft, context);
        }
        let called = Service { namespace: service.namespace.clone(), name: service.name.clone(), port: port.port };
        let Behind { targets, translated } = pods_behind(service, port, place.target.side.span, draft, context)?;
        return Ok(Found { service: Some(called), translated, ..Found::pods(targets) });
    }
    let (address, port) = (place.address, place.target.port);
    match (place.node(context), place.node_port(context)) {
        (Some(node), Some((service, own))) => {
            let name = format!("{port} of {node} is the node port of Service {}/{}", service.namespace, service.name);
            notes.push(format!("{name}: asked as a call of it"));
            place.at_the_edge((service, own), Edge::Node(address, port), draft, context)
        }
        (Some(node), None) => Ok(place.host_port(&node, context, notes).unwrap_or_else(|| Found::pods(targets))),
        (None, Some((service, _))) => {
            let name = format!("{port} is the node port of Service {}/{}", service.namespace, service.name);
            notes.push(format!("{name}: if {address} is a node's address, this is a call of that Service; `[cluster] node-cidrs` says it"));
            Ok(Found::pods(targets))
        }
        (None, None) => Ok(Found::pods(targets)),
    }
}

/// The one address and port that a destination is.
struct Place<'t> {
    address: IpAddr,
    target: &'t Target,
}

impl<'t> Place<'t> {
    fn of(targets: &'t [Target]) -> Option<Self> {
        let [target] = targets else { return None };
        let peers = target.side.end.peers();
        let address = peers.addresses.only().filter(|_| peers.pods.is_empty())?;
        Some(Self { address, target })
    }

    /// The Service that has the address, if it leads to pods.
    fn service<'c>(&self, context: &Context<'c>) -> Option<&'c ServiceFacts> {
        let is_it = |port: &ServicePort| (port.port, port.protocol) == (self.target.port, self.target.protocol);
        // What is outside may be others' too, on other ports.
        let is_outside = |service: &ServiceFacts| {
            service.outside.iter().any(|outside| outside.address == self.address) && service.ports.iter().any(is_it)
        };
        let leads = |service: &ServiceFacts| service.addresses.contains(&self.address) || is_outside(service);
        context.inventory.services.iter().find(|service| leads(service) && !service.selector.is_empty())
    }

    /// The node that has the address, in words.
    fn node(&self, context: &Context<'_>) -> Option<String> {
        let named = context.nodes.get(&self.address).map(|name| format!("node {name}"));
        named.or_else(|| context.config.cluster.nodes.contains(self.address).then(|| format!("the node at {}", self.address)))
    }

    /// The Service for which nodes have the port, if this is one of a Service.
    fn node_port<'c>(&self, context: &Context<'c>) -> Option<(&'c ServiceFacts, &'c ServicePort)> {
        let is_it = |port: &ServicePort| port.node_port == Some(self.target.port) && port.protocol == self.target.protocol;
        context.inventory.services.iter().find_map(|service| Some((service, service.ports.iter().find(|port| is_it(port))?)))
    }

    /// A call of a Service at the edge of the cluster, of which proxies of the mesh know nothing.
    fn at_the_edge(
        &self,
        (service, port): (&ServiceFacts, &ServicePort),
        at: Edge,
        draft: &Draft<'_>,
        context: &Context<'_>,
    ) -> Result<Found, Box<Diagnostic>> {
        let Behind { targets, .. } = pods_behind(service, port, self.target.side.span, draft, context)?;
        let entrance = entrance(service, at);
        Ok(Found { entrance: Some(entrance), url: Some(self.host()), ..Found::pods(targets) })
    }

    /// The host that a client sends who calls the address.
    fn host(&self) -> Url {
        let host: Symbol = self.address.to_string().into();
        Url { authority: Symbol::clone(&host), host, path: None }
    }

    /// A call of the pods to which a node leads by a port of a container.
    fn host_port(&self, node: &str, context: &Context<'_>, notes: &mut Vec<String>) -> Option<Found> {
        let hosted = context.inventory.workloads.iter().flat_map(|workload| workload.ports.iter().map(move |port| (workload, port)));
        let hosted: Vec<_> = hosted.filter(|(workload, port)| self.is_hosted(workload, port, context)).collect();
        let by: Vec<String> = hosted.iter().map(|(workload, _)| workload.to_string()).collect();
        let by = format!("a port of {}", by.join(" and "));
        let target = |(workload, port): &(&InventoryWorkload, &ContainerPort)| {
            let side = side(workload, self.target.side.span);
            Target { side, protocol: port.protocol, port: port.number }
        };
        let targets: Vec<Target> = hosted.iter().map(target).collect();
        if targets.is_empty() {
            return None;
        }
        let port = self.target.port;
        notes.push(format!("{port} of {node} is {by}: asked as a call of it"));
        // Whether the node keeps the caller's address is the network plugin's affair.
        let entrance =
            Entrance { by, traffic: ExternalTraffic::Cluster, at: Edge::Node(self.address, port), taken_by: TakenBy::Nodes, sources: None };
        Some(Found { entrance: Some(entrance), url: Some(self.host()), ..Found::pods(targets) })
    }

    /// Whether the node leads to a pod by this port of a container: every node may, unless it is known where the pod runs.
    fn is_hosted(&self, workload: &InventoryWorkload, port: &ContainerPort, context: &Context<'_>) -> bool {
        let Some(host) = &port.host else { return false };
        let is_here = match (&workload.node, context.nodes.get(&self.address)) {
            (Some(own), Some(node)) => own == node,
            _ => true,
        };
        let has_address = host.address.is_none_or(|address| address == self.address);
        let is_port = (host.number, port.protocol) == (self.target.port, self.target.protocol);
        is_here && has_address && is_port && workload.phase == PodPhase::Live
    }
}
