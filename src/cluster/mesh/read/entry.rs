//! Reads `ServiceEntry` objects that select no workloads.
//!
//! Owns: the fields that say whom a call by address may be for. One in which anything is not as expected is not taken in; what
//! Istio's webhook would say of the others is not its matter.

use std::net::IpAddr;

use super::gateway::labels;
use crate::cluster::mesh::entry::{Entry, EntryPort, Leads};
use crate::cluster::object::Object;
use crate::flow::{AddressSet, Prefix, Symbol};
use crate::inventory::ProtocolClass;
use crate::manifest::{Node, Reading};

/// Reads an entry; nothing if it is not as expected.
pub(in super::super) fn read(object: &Object, root: &Node<'_>, reading: &mut Reading<'_>) -> Option<Entry> {
    let spec = root.get(reading, "spec");
    let endpoints = spec.get(reading, "endpoints").list(reading);
    let mut own = Vec::new();
    for node in spec.get(reading, "addresses").list(reading) {
        own.push(prefix(node.text(reading)?)?);
    }
    let (hosts, blocks): (Vec<Prefix>, Vec<Prefix>) = own.into_iter().partition(|prefix| prefix.first() == prefix.last());
    let addresses = AddressSet::from_iter(hosts);
    let numbered = endpoints.iter().any(|endpoint| !endpoint.get(reading, "ports").is_missing());
    let ports = spec.get(reading, "ports").list(reading);
    let ports = ports.iter().filter_map(|node| port(node, numbered, reading)).collect();
    let resolution = spec.get(reading, "resolution");
    let leads = match resolution.text(reading) {
        Some("STATIC") => {
            ends(&endpoints, reading).unwrap_or_else(|| if endpoints.is_empty() { Leads::To(addresses.clone()) } else { Leads::Anywhere })
        }
        None | Some("NONE") if !addresses.is_empty() => Leads::To(addresses.clone()),
        _ => Leads::Anywhere,
    };
    let labels = labels(root, reading);
    let entry = Entry {
        namespace: Symbol::clone(&object.namespace),
        name: Symbol::clone(&object.name),
        labels,
        addresses,
        blocks: blocks.into_iter().collect(),
        leads,
        ports,
    };
    reading.is_clean().then_some(entry)
}

/// Where endpoints are; none if there are none, or not all of them are addresses.
fn ends(endpoints: &[Node<'_>], reading: &mut Reading<'_>) -> Option<Leads> {
    let mut all = Vec::new();
    for endpoint in endpoints {
        all.push(Prefix::host(endpoint.get(reading, "address").text(reading)?.parse().ok()?));
    }
    (!all.is_empty()).then(|| Leads::To(all.into_iter().collect()))
}

/// A port, if it is one of TCP.
fn port(node: &Node<'_>, numbered: bool, reading: &mut Reading<'_>) -> Option<EntryPort> {
    let number = node.get(reading, "number").port(reading)?;
    let target = node.get(reading, "targetPort").port(reading).unwrap_or(number);
    let protocol = node.get(reading, "protocol").text(reading).unwrap_or_default().to_ascii_uppercase();
    let class = match protocol.as_str() {
        "UDP" => return None,
        "HTTP" | "HTTP2" | "GRPC" | "GRPC-WEB" => ProtocolClass::Http,
        "" => ProtocolClass::Auto,
        _ => ProtocolClass::Tcp,
    };
    Some(EntryPort { number, target: (!numbered).then_some(target), class })
}

/// A block of addresses, or a single one.
fn prefix(text: &str) -> Option<Prefix> {
    text.parse::<IpAddr>().map(Prefix::host).ok().or_else(|| Prefix::parse(text).ok())
}
