//! Addresses of Services, as destinations.
//!
//! Owns: `called`. A Service's address is nobody's for itself: whoever calls it gets to the pods behind it.

use std::net::IpAddr;

use super::Found;
use super::service::{Behind, pods_behind};
use crate::diagnostic::Diagnostic;
use crate::explain::question::draft::Draft;
use crate::explain::question::{Context, Service, Target};
use crate::inventory::{Inventory, ServiceFacts};

/// A destination of the language: an address that a known Service has is that Service, which leads to its pods.
pub(in super::super) fn called(
    targets: Vec<Target>,
    draft: &Draft<'_>,
    context: &Context<'_>,
    notes: &mut Vec<String>,
) -> Result<Found, Box<Diagnostic>> {
    let Some((address, target, service)) = service_at(&targets, context) else { return Ok(Found::pods(targets)) };
    let name = format!("{address} is the address of Service {}/{}", service.namespace, service.name);
    let Some(port) = service.ports.iter().find(|port| (port.port, port.protocol) == (target.port, target.protocol)) else {
        notes.push(format!("{name}, which has no such port: nobody answers there"));
        return Ok(Found::pods(targets));
    };
    notes.push(format!("{name}: asked as a call of it"));
    let called = Service { namespace: service.namespace.clone(), name: service.name.clone(), port: port.port };
    let Behind { targets, translated } = pods_behind(service, port, target.side.span, draft, context)?;
    Ok(Found { service: Some(called), translated, ..Found::pods(targets) })
}

/// The Service that has the one address which a destination is, if it leads to pods.
fn service_at<'f>(targets: &'f [Target], context: &Context<'f>) -> Option<(IpAddr, &'f Target, &'f ServiceFacts)> {
    let [target] = targets else { return None };
    let peers = target.side.end.peers();
    let address = peers.addresses.only().filter(|_| peers.pods.is_empty())?;
    let inventory: &'f Inventory = context.inventory;
    let has_port = |service: &ServiceFacts| service.ports.iter().any(|port| (port.port, port.protocol) == (target.port, target.protocol));
    // What is outside may be others' too, on other ports.
    let leads = |service: &ServiceFacts| service.addresses.contains(&address) || service.outside.contains(&address) && has_port(service);
    let has = |service: &&ServiceFacts| leads(service) && !service.selector.is_empty();
    Some((address, target, inventory.services.iter().find(has)?))
}
