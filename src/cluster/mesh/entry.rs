//! Hosts outside the cluster that ambient clients may call over a waypoint: `ServiceEntry` objects without a workload selector
//! (`semantics.md` §2.1, §5.5).
//!
//! Owns: `Entry`, and which of them a call of an address may be one of. It must not know how a connection travels.

use std::net::IpAddr;

use super::Mesh;
use super::waypoint::Binding;
use crate::cluster::ProxyRole;
use crate::cluster::object::Object;
use crate::cluster::question::Endpoint;
use crate::flow::{AddressSet, DataPlane, Intervals, Labels, PortSet, Prefix, Protocol, Symbol};
use crate::inventory::ProtocolClass;

/// An object of kind `ServiceEntry` without a workload selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its namespace.
    pub(super) namespace: Symbol,
    /// Its name.
    pub(super) name: Symbol,
    /// Its own labels.
    pub(super) labels: Labels,
    /// The single addresses that are its hosts'.
    pub(super) addresses: AddressSet,
    /// The blocks of them, which not every version of ambient mode looks at.
    pub(super) blocks: AddressSet,
    /// Where its connections end.
    pub(super) leads: Leads,
    /// Its TCP ports.
    pub(super) ports: Vec<EntryPort>,
}

/// Where connections with the hosts of an entry end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leads {
    /// At one of these addresses.
    To(AddressSet),
    /// Wherever names lead at that time.
    Anywhere,
    /// Nobody knows, and neither is anything else known of the entry but its labels: it cannot be read.
    Unknown,
}

/// A port of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EntryPort {
    /// The port of its hosts.
    pub(super) number: u16,
    /// The port where connections end; none if endpoints give it numbers of their own.
    pub(super) target: Option<u16>,
    /// What the mesh takes it for.
    pub(super) class: ProtocolClass,
}

/// A call of an address, taken as one of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EntryCall {
    /// The entry, by its place in the list.
    pub(super) entry: usize,
    /// The port of the entry; none if it declares none that this could be.
    pub(super) port: Option<u16>,
    /// Whether the address is the entry's own, so that every call of it is one of the entry.
    pub(super) is_own: bool,
    /// Its waypoint.
    pub(super) binding: Binding,
    /// Whether the connection surely ends at the address and port that are called.
    pub(super) ends_there: bool,
}

const UNREADABLE: &str = "a ServiceEntry that is bound to a waypoint, and may lead there, cannot be read";

impl Mesh {
    /// The entries behind waypoints that a call of an address may be one of, and whether an entry without a waypoint owns the
    /// address.
    pub(super) fn entry_calls(&self, address: IpAddr, port: u16) -> (Vec<EntryCall>, bool) {
        let mut calls = Vec::new();
        let mut is_free = false;
        for (at, entry) in self.entries.iter().enumerate() {
            match self.binding_of_entry(entry) {
                Binding::None => is_free |= entry.leads == Leads::Unknown || entry.addresses.contains(address),
                binding if entry.leads == Leads::Unknown => {
                    let binding = if matches!(binding, Binding::Open(_)) { binding } else { Binding::Open(UNREADABLE) };
                    calls.push(EntryCall { entry: at, port: None, is_own: false, binding, ends_there: false });
                }
                binding => calls.extend(entry.call(address, port).map(|call| EntryCall { entry: at, binding, ..call })),
            }
        }
        (calls, is_free)
    }

    /// What calls of a client by address may go over a waypoint: addresses and ports, and the entry, as `shop/api`.
    pub(crate) fn outward(&self, client: &Endpoint) -> Vec<(AddressSet, PortSet, String)> {
        let bound = self.entries.iter().filter(|entry| self.binding_of_entry(entry) != Binding::None);
        match (super::end::plane(client), client.facts.proxy) {
            (DataPlane::Ambient, _) => bound.flat_map(Entry::outward).collect(),
            // No label of a pod has a say in what leaves it.
            (DataPlane::Sidecar, ProxyRole::Gateway) => {
                bound.filter(|entry| self.takes_ingress_of_entry(entry)).flat_map(Entry::outward).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Entry {
    /// An entry of which its labels alone are known. It may lead anywhere: what becomes of calls of it is the same as of any other at both
    /// ends, and not known.
    pub(super) fn unreadable(object: &Object, labels: Labels) -> Self {
        let (namespace, name) = (Symbol::clone(&object.namespace), Symbol::clone(&object.name));
        let (addresses, blocks) = (AddressSet::none(), AddressSet::none());
        Self { namespace, name, labels, addresses, blocks, leads: Leads::Unknown, ports: Vec::new() }
    }

    /// A call of an address as one of this entry; none if it cannot be. Who calls a host by its name is taken to reach the address
    /// where that may be the end of it.
    fn call(&self, address: IpAddr, port: u16) -> Option<EntryCall> {
        let is_own = self.addresses.contains(address);
        let called = EntryCall { entry: 0, port: None, is_own, binding: Binding::None, ends_there: false };
        if is_own || self.blocks.contains(address) {
            let own = self.ports.iter().find(|own| own.number == port);
            let ends_there =
                own.is_some_and(|own| own.target == Some(port)) && self.leads == Leads::To(AddressSet::from(Prefix::host(address)));
            return Some(EntryCall { port: own.map(|own| own.number), ends_there, ..called });
        }
        let own = self.ports.iter().find(|own| own.target.is_none_or(|target| target == port))?;
        let reached = match &self.leads {
            Leads::To(ends) => ends.contains(address),
            Leads::Anywhere | Leads::Unknown => true,
        };
        reached.then_some(EntryCall { port: Some(own.number), ends_there: own.target == Some(port), ..called })
    }

    /// All calls that [`Self::call`] may take for its own, with its name.
    fn outward(&self) -> [(AddressSet, PortSet, String); 2] {
        let name = format!("{}/{}", self.namespace, self.name);
        let ends = self.ports.iter().map(|port| port.target.map_or((1, u16::MAX), |target| (target, target)));
        let ends = PortSet::from_intervals(Protocol::Tcp, Intervals::collect(ends));
        let (reached, ends) = match &self.leads {
            Leads::To(reached) => (reached.clone(), ends),
            Leads::Anywhere => (AddressSet::all(), ends),
            Leads::Unknown => (AddressSet::all(), PortSet::full(Protocol::Tcp)),
        };
        // A port of its own addresses that it does not declare is nowhere said to lead anywhere.
        [(self.addresses.union(&self.blocks), PortSet::full(Protocol::Tcp), name.clone()), (reached, ends, name)]
    }
}
