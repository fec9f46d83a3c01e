//! What the manifests show of who calls whom, as rules that a reader may take or leave.
//!
//! Owns: one rule for each port that a Service leads to or a container declares, for each caller that is told its address. Nothing here is
//! known; all of it ends in comments. A rule stands with the pods that it opens.

use super::calls;
use super::evidence::Evidence;
use super::pods::{Declared, is_of_the_mesh, suffix};
use super::space::Space;
use super::text::{Block, canonical, namespace_behind};
use crate::flow::{DataPlane, Protocol, Symbol};
use crate::inventory::{Captured, HostNetwork, Inventory, InventoryWorkload, Match, PortTarget, ServiceFacts, ServiceKind, ServicePort};
use crate::syntax::words::value_text;
use std::collections::{BTreeMap, BTreeSet};

/// Ports of the baseline, which no rule need open: DNS and the mesh's control plane.
const OF_THE_BASELINE: [u16; 2] = [53, 15012];

/// The suggestions of each namespace.
pub(super) fn all<'i>(spaces: &'i [Space<'i>], inventory: &'i Inventory, evidence: &Evidence) -> BTreeMap<Symbol, Vec<Block>> {
    let mut offers = Offers { spaces: spaces.iter().map(|space| (space.name, space)).collect(), inventory, found: BTreeMap::new() };
    for space in spaces {
        inventory.services_in(space.name).iter().for_each(|service| offers.add_service(service));
    }
    for space in spaces {
        offers.add_declared_ports(space);
    }
    for space in spaces {
        offers.add_calls(space, evidence);
    }
    offers.into_blocks()
}

/// A port that pods serve.
#[derive(Debug, Default)]
struct Offer<'i> {
    /// The pods.
    members: Vec<&'i InventoryWorkload>,
    /// The Services that lead there.
    services: BTreeSet<&'i Symbol>,
    /// The Services by which the world outside gets there, and as what it calls.
    exposed: BTreeMap<&'static str, BTreeSet<&'i Symbol>>,
    /// Who is told its address: namespace and line, and by what.
    callers: BTreeMap<(&'i Symbol, &'i str), BTreeSet<String>>,
    /// How those take part in the mesh.
    caller_planes: BTreeSet<DataPlane>,
}

/// What an offer is found by: the namespace that its rules stand in, the endpoint in that namespace's words, the port.
type OfferKey<'i> = (&'i Symbol, String, u16, Protocol);

struct Offers<'i> {
    spaces: BTreeMap<&'i Symbol, &'i Space<'i>>,
    inventory: &'i Inventory,
    found: BTreeMap<OfferKey<'i>, Offer<'i>>,
}

/// Where a Service leads.
struct Destination<'i> {
    endpoint: String,
    members: Vec<&'i InventoryWorkload>,
}

impl<'i> Offers<'i> {
    fn add_service(&mut self, service: &'i ServiceFacts) {
        let Some(destination) = self.destination(service, &service.namespace) else { return };
        for port in &service.ports {
            for number in numbers(service, port, &destination.members) {
                let offer = self.offer(&service.namespace, &destination, number, port.protocol);
                offer.services.insert(&service.name);
                if let Some(world) = world(service.kind) {
                    offer.exposed.entry(world).or_default().insert(&service.name);
                }
            }
        }
    }

    /// Adds the ports of containers that no Service leads to.
    fn add_declared_ports(&mut self, space: &'i Space<'i>) {
        let served: BTreeSet<(*const InventoryWorkload, u16, Protocol)> = self
            .found
            .iter()
            .flat_map(|((_, _, port, protocol), offer)| offer.members.iter().map(|member| (std::ptr::from_ref(*member), *port, *protocol)))
            .collect();
        for declared in &space.declared {
            let destination = Destination { endpoint: declared.name.clone(), members: declared.members.clone() };
            for member in &declared.members {
                for port in member.ports.iter().filter(|port| !served.contains(&(std::ptr::from_ref(*member), port.number, port.protocol)))
                {
                    self.offer(space.name, &destination, port.number, port.protocol);
                }
            }
        }
    }

    /// Adds the callers that are told the address of a Service.
    fn add_calls(&mut self, space: &'i Space<'i>, evidence: &Evidence) {
        for (declared, member) in space.declared.iter().flat_map(|declared| declared.members.iter().map(move |member| (declared, *member)))
        {
            let key = (Symbol::clone(&member.namespace), member.kind, Symbol::clone(&member.name));
            let containers = evidence.containers.get(&key).map(Vec::as_slice).unwrap_or_default();
            for ((namespace, name, port), reasons) in calls::of(containers, space.name, self.inventory) {
                let Some(service) = self.inventory.services_in(namespace).iter().find(|service| service.name == *name) else { continue };
                for port in service.ports.iter().filter(|own| own.port == port) {
                    self.add_call(Caller { space, declared, member }, service, port, &reasons);
                }
            }
        }
    }

    fn add_call(&mut self, caller: Caller<'i>, service: &'i ServiceFacts, port: &ServicePort, reasons: &BTreeSet<String>) {
        let is_ours = self.spaces.contains_key(&service.namespace);
        let owner = if is_ours { &service.namespace } else { caller.space.name };
        let Some(destination) = self.destination(service, owner) else { return };
        for number in numbers(service, port, &destination.members).into_iter().filter(|number| is_ours || !OF_THE_BASELINE.contains(number))
        {
            let plane = caller.space.plane_of(caller.member);
            let offer = self.offer(owner, &destination, number, port.protocol);
            offer.services.insert(&service.name);
            offer.callers.entry((caller.space.name, &caller.declared.name)).or_default().extend(reasons.iter().cloned());
            offer.caller_planes.insert(plane);
        }
    }

    fn offer(&mut self, owner: &'i Symbol, destination: &Destination<'i>, port: u16, protocol: Protocol) -> &mut Offer<'i> {
        let offer = self.found.entry((owner, destination.endpoint.clone(), port, protocol)).or_default();
        if offer.members.is_empty() {
            offer.members.clone_from(&destination.members);
        }
        offer
    }

    /// The pods of a Service in the words of a namespace; none if it has none that a policy could select.
    fn destination(&self, service: &ServiceFacts, owner: &Symbol) -> Option<Destination<'i>> {
        let selected =
            |workload: &&InventoryWorkload| workload.host_network == HostNetwork::No && workload.selected_by(service) != Match::No;
        let members: Vec<&InventoryWorkload> = self.inventory.workloads_in(&service.namespace).iter().filter(selected).collect();
        let first = members.first()?;
        let line = self.spaces.get(&service.namespace).and_then(|space| space.line_of(first));
        let is_all_of = |declared: &&Declared<'_>| {
            declared.members.len() == members.len()
                && declared.members.iter().all(|member| members.iter().any(|other| std::ptr::eq(*other, *member)))
        };
        let words = match line.filter(is_all_of) {
            Some(declared) => declared.name.clone(),
            None => service.selector.iter().map(|(key, value)| format!("{key}={}", value_text(value))).collect::<Vec<_>>().join(","),
        };
        let endpoint = if service.namespace == *owner { words } else { format!("{words}{}", namespace_behind(&service.namespace)) };
        Some(Destination { endpoint, members })
    }

    /// The suggestions in writing.
    fn into_blocks(self) -> BTreeMap<Symbol, Vec<Block>> {
        let mut blocks: BTreeMap<Symbol, Vec<Block>> = BTreeMap::new();
        for ((owner, endpoint, port, protocol), offer) in &self.found {
            if is_of_the_mesh(*port) {
                continue;
            }
            let to = format!("{endpoint}:{port}{}", suffix(*protocol));
            let requirement = if self.can_require_mtls(owner, offer, *port, *protocol) { " mtls" } else { "" };
            let lines: Vec<String> = offer.lines(owner, &to, requirement).iter().filter_map(|line| canonical(line)).collect();
            let blocks = blocks.entry(Symbol::clone(owner)).or_default();
            match blocks.last_mut().filter(|last| last.endpoint == *endpoint && last.remark == offer.remark()) {
                Some(last) => last.lines.extend(lines),
                None => blocks.push(Block { endpoint: endpoint.clone(), remark: offer.remark(), lines }),
            }
        }
        blocks
    }

    /// Whether all that call a port, and all that serve it, prove who they are. One caller that cannot takes the requirement
    /// from all: to the mesh, whoever needs no identity may be anybody.
    fn can_require_mtls(&self, owner: &Symbol, offer: &Offer<'_>, port: u16, protocol: Protocol) -> bool {
        let Some(space) = self.spaces.get(owner) else { return false };
        let serves = |member: &InventoryWorkload| {
            member.namespace == *owner && space.plane_of(member) == DataPlane::Sidecar && member.capture.of(port) == Captured::Yes
        };
        let calls = |declared: &Declared<'_>| declared.members.iter().all(|member| space.plane_of(member) == DataPlane::Sidecar);
        let callers = if offer.callers.is_empty() {
            space.declared.iter().all(calls)
        } else {
            offer.caller_planes.iter().all(|plane| *plane == DataPlane::Sidecar)
        };
        protocol == Protocol::Tcp && offer.exposed.is_empty() && callers && offer.members.iter().all(|member| serves(member))
    }
}

/// Somebody who calls.
#[derive(Clone, Copy)]
struct Caller<'i> {
    space: &'i Space<'i>,
    declared: &'i Declared<'i>,
    member: &'i InventoryWorkload,
}

impl Offer<'_> {
    /// The rules: for the world outside, for each caller that is known, or for the namespace if none is.
    fn lines(&self, owner: &Symbol, to: &str, requirement: &str) -> Vec<String> {
        let outside = self.exposed.keys().map(|world| format!("allow {world} -> {to}"));
        let callers = self.callers.iter().map(|((namespace, name), reasons)| {
            let elsewhere = if *namespace == owner { String::new() } else { namespace_behind(namespace) };
            let reasons: Vec<&str> = reasons.iter().map(String::as_str).collect();
            format!("allow {name}{elsewhere} -> {to}{requirement} because \"{}\"", reasons.join(", "))
        });
        let mut lines: Vec<String> = outside.chain(callers).collect();
        if lines.is_empty() {
            lines.push(format!("allow * -> {to}{requirement}"));
        }
        lines
    }

    /// What shows it.
    fn remark(&self) -> String {
        let names = |services: &BTreeSet<&Symbol>| services.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let what = if self.services.is_empty() {
            "A port that its containers declare".to_owned()
        } else {
            format!("Service {}", names(&self.services))
        };
        let exposed = self.exposed.iter().map(|(world, services)| {
            let what = if *world == "internet" { "a load balancer" } else { "a port of every node" };
            format!("{} is {what}", names(services))
        });
        let unknown = self.callers.is_empty() && self.exposed.is_empty();
        let unknown = unknown.then(|| "nothing shows who calls it, so each line lets in the whole namespace".to_owned());
        [what].into_iter().chain(exposed).chain(unknown).collect::<Vec<_>>().join("; ") + "."
    }
}

/// As what the world outside calls a Service of this kind; none if it cannot.
fn world(kind: ServiceKind) -> Option<&'static str> {
    match kind {
        ServiceKind::LoadBalancer => Some("internet"),
        ServiceKind::NodePort => Some("outside"),
        ServiceKind::ClusterAddress | ServiceKind::Headless | ServiceKind::ExternalName => None,
    }
}

/// The numbers that a Service's port has on the pods behind it, for those who call the Service.
fn numbers(service: &ServiceFacts, port: &ServicePort, members: &[&InventoryWorkload]) -> BTreeSet<u16> {
    match service.arrival(port) {
        PortTarget::Number(number) => BTreeSet::from([number]),
        PortTarget::Name(name) => members.iter().flat_map(|member| member.named_port(&name, port.protocol)).collect(),
    }
}
