//! Services as destinations: their ports, and the pods behind them.
//!
//! Owns: `Behind`, `behind`, `undeclared`. It must not judge a connection, nor know who calls.

use std::net::IpAddr;

use super::{Found, Word, choices, no_port, no_port_at_all, number, side};
use crate::diagnostic::{Diagnostic, code};
use crate::explain::question::draft::Draft;
use crate::explain::question::{Context, Edge, Entrance, Side, Target, advice, named};
use crate::flow::{LabelCube, PodCube, PodSet, Protocol, Values};
use crate::inventory::{
    FoldedPod, InventoryWorkload, Match, POD_NAME, PodPhase, PortTarget, ServiceFacts, ServiceKind, ServicePort, TakenBy,
};
use crate::ir::{End, Naming};
use crate::source::{Location, Span};

/// The pods to which a port of a Service leads.
pub(super) struct Behind {
    /// With the port at which calls arrive.
    pub(super) targets: Vec<Target>,
    /// With the port at which those of proxies arrive that choose the pod themselves, where that is another one.
    pub(super) translated: Vec<Target>,
}

/// A port by its number that a Service without an address does not declare: whoever calls its name calls the pods, on any port.
pub(super) fn undeclared(service: &ServiceFacts, word: &Word, notes: &mut Vec<String>) -> Option<Found> {
    let port = word.port.as_ref().and_then(|(written, _)| number(written))?;
    let protocol = word.protocol.unwrap_or(Protocol::Tcp);
    let declares = |own: &ServicePort| own.port == port && word.protocol.is_none_or(|protocol| own.protocol == protocol);
    if service.kind != ServiceKind::Headless || service.selector.is_empty() || service.ports.iter().any(declares) {
        return None;
    }
    notes.push(format!(
        "Service {}/{} has no address and no port {port}: asked as a call of its pods' own",
        service.namespace, service.name
    ));
    let target = Target { side: selected(service, word.span), protocol, port };
    let name = Some(service.name.clone());
    Some(Found { is_pod: true, url: word.url.clone(), name, ..Found::pods(vec![target]) })
}

/// How whoever is outside calls a Service by its name; none where it has no address there.
pub(super) fn from_outside(service: &ServiceFacts) -> Option<Entrance> {
    let is_open = matches!(service.kind, ServiceKind::LoadBalancer | ServiceKind::NodePort) || !service.outside.is_empty();
    is_open.then(|| entrance(service, Edge::Name))
}

/// How a Service is called at the edge of the cluster.
pub(super) fn entrance(service: &ServiceFacts, at: Edge) -> Entrance {
    let by = format!("Service {}/{}", service.namespace, service.name);
    let taken_by = taken_by(service, at);
    let sources = service.sources.clone().filter(|_| taken_by != TakenBy::Nodes);
    Entrance { by, traffic: service.traffic, at, taken_by, sources }
}

/// Who takes a call at the edge. By the name of a Service it may be a call of any of its addresses.
fn taken_by(service: &ServiceFacts, at: Edge) -> TakenBy {
    let of_addresses = |is_it: &dyn Fn(IpAddr) -> bool| {
        let own = service.outside.iter().filter(|outside| is_it(outside.address));
        own.map(|outside| outside.taken_by).max()
    };
    match at {
        Edge::Outside(address, _) => of_addresses(&|own| own == address).unwrap_or(TakenBy::Nodes),
        Edge::Name if service.kind == ServiceKind::LoadBalancer => {
            of_addresses(&|_| true).unwrap_or(TakenBy::Balancer).max(TakenBy::Balancer)
        }
        Edge::Node(..) | Edge::Name => TakenBy::Nodes,
    }
}

/// The pods behind a Service, and the port of its address that is called.
pub(super) fn behind(
    service: &ServiceFacts,
    word: &Word,
    draft: &Draft<'_>,
    context: &Context<'_>,
) -> Result<(Behind, u16), Box<Diagnostic>> {
    if service.selector.is_empty() {
        return Err(Box::new(no_pods(service, word.span, draft)));
    }
    let port = service_port(service, word, draft)?;
    Ok((pods_behind(service, port, word.span, draft, context)?, port.port))
}

/// The pods to which a port of a Service leads.
pub(super) fn pods_behind(
    service: &ServiceFacts,
    port: &ServicePort,
    span: Span,
    draft: &Draft<'_>,
    context: &Context<'_>,
) -> Result<Behind, Box<Diagnostic>> {
    if service.selector.is_empty() {
        return Err(Box::new(no_pods(service, span, draft)));
    }
    if is_without_pods(service, context) {
        return Err(Box::new(no_workload(service, port, span, draft)));
    }
    let arrival = service.arrival(port);
    let targets = on_port(service, (&arrival, port.protocol), span, context);
    if let (PortTarget::Name(name), true) = (&arrival, targets.is_empty()) {
        let message = format!("no pod behind Service `{}/{}` has a port named `{name}`", service.namespace, service.name);
        return Err(Box::new(draft.unclear(span, message).label("leads nowhere").help("ask about the pods and the number of their port")));
    }
    let is_other = port.target != arrival;
    let translated = if is_other { on_port(service, (&port.target, port.protocol), span, context) } else { Vec::new() };
    Ok(Behind { targets, translated })
}

/// The pods of a Service on a port of theirs.
fn on_port(service: &ServiceFacts, (port, protocol): (&PortTarget, Protocol), span: Span, context: &Context<'_>) -> Vec<Target> {
    let name = match port {
        PortTarget::Number(number) => return vec![Target { side: selected(service, span), protocol, port: *number }],
        PortTarget::Name(name) => name,
    };
    let own = context.inventory.workloads_in(&service.namespace).iter();
    let workloads = own.filter(|workload| workload.phase == PodPhase::Live && workload.selected_by(service) != Match::No);
    let of = |workload: &InventoryWorkload| {
        let behind = match workload.selected_by(service) {
            // It stands for more pods than the Service leads to.
            Match::Perhaps(_) => Side { end: selected(service, span).end, ..side(workload, span) },
            Match::Yes | Match::No => side(workload, span),
        };
        let target = |number| Target { side: behind.clone(), protocol, port: number };
        workload.named_port(name, protocol).into_iter().map(target).collect::<Vec<_>>()
    };
    workloads.flat_map(of).collect()
}

/// The pods that a Service selects.
fn selected(service: &ServiceFacts, span: Span) -> Side {
    let with = |cube: LabelCube, (key, value): (&_, &_)| cube.with(Clone::clone(key), Values::one(Clone::clone(value)));
    let labels = service.selector.iter().fold(LabelCube::all(), with);
    let pods = PodSet::from(PodCube { namespace: named(&service.namespace), labels, account: Values::any() });
    Side { end: End::Pods(pods, Naming::ByPod), object: None, span }
}

/// Whether a cluster's workloads are known, and a Service selects none of them.
fn is_without_pods(service: &ServiceFacts, context: &Context<'_>) -> bool {
    let may_lead = |workload: &InventoryWorkload| {
        workload.phase == PodPhase::Live && workload.selected_by(service) != Match::No && has_named(workload, service, context)
    };
    let own = context.inventory.workloads_in(&service.namespace);
    context.has_manifests && !context.inventory.workloads.is_empty() && !own.iter().any(may_lead)
}

/// Whether a workload has a pod of the name that a Service asks for, if it asks for one: it makes or shows it.
fn has_named(workload: &InventoryWorkload, service: &ServiceFacts, context: &Context<'_>) -> bool {
    let (Some(ordinals), Some(name)) = (workload.ordinals, service.selector.get(POD_NAME)) else { return true };
    let is_it = |pod: &FoldedPod| pod.namespace == service.namespace && pod.labels.get(POD_NAME) == Some(name);
    workload.ordinal(name).is_none_or(|number| ordinals.hold(number)) || context.inventory.folded_pods.iter().any(is_it)
}

/// The finding that nobody known stands behind a Service: what an invented pod would be told is no answer.
fn no_workload(service: &ServiceFacts, port: &ServicePort, span: Span, draft: &Draft<'_>) -> Diagnostic {
    let message = format!("no workload among the manifests is behind Service `{}/{}`", service.namespace, service.name);
    let labels: Vec<String> = service.selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let number = match service.arrival(port) {
        PortTarget::Number(number) => number.to_string(),
        PortTarget::Name(_) => "PORT".to_owned(),
    };
    let asked = format!("{}@{}:{number}", labels.join(","), service.namespace);
    draft.unclear(span, message).label("leads nowhere").help(format!("ask by label, as `{asked}`, about pods that are in no manifest"))
}

/// The finding that a Service leads to none of the cluster's pods, as far as it says itself.
fn no_pods(service: &ServiceFacts, span: Span, draft: &Draft<'_>) -> Diagnostic {
    let (does, where_to) = match service.kind {
        ServiceKind::ExternalName => ("is another name for a host", "leads to whatever that name stands for"),
        _ => ("selects no pods", "leads to the addresses of its endpoints, whoever writes these"),
    };
    let finding = draft.unclear(span, format!("Service `{}/{}` {does}", service.namespace, service.name));
    finding.label(where_to).help("ask about the address that it leads to")
}

/// The port of a Service that is meant: by number, by name, or the only one that it has.
fn service_port<'s>(service: &'s ServiceFacts, word: &Word, draft: &Draft<'_>) -> Result<&'s ServicePort, Box<Diagnostic>> {
    let listed = || choices(service.ports.iter().map(|port| (port.port, port.protocol)));
    let fits = |port: &&ServicePort| word.protocol.is_none_or(|protocol| port.protocol == protocol);
    let Some((written, at)) = &word.port else {
        return match service.ports.as_slice() {
            [only] => Ok(only),
            _ => Err(Box::new(no_port(draft, word.span, &listed()))),
        };
    };
    let number = number(written);
    let is_it = |port: &&ServicePort| Some(port.port) == number || port.name.as_deref() == Some(written);
    // Where a number is a port of several protocols, it is TCP's by itself.
    let found = service.ports.iter().filter(fits).filter(is_it).min_by_key(|port| port.protocol != Protocol::Tcp);
    let known_by_name = || service.ports.iter().any(|port| port.name.as_deref() == Some(written));
    if let Some(finding) = no_port_at_all(written, *at, draft).filter(|_| found.is_none() && number.is_none() && !known_by_name()) {
        return Err(Box::new(finding));
    }
    found.ok_or_else(|| {
        let protocol = word.protocol.map_or_else(String::new, |protocol| format!("{protocol} "));
        let finding = Diagnostic::new(
            code::UNKNOWN_OBJECT,
            Location { file: draft.flow, span: *at },
            format!("Service `{}/{}` has no {protocol}port `{written}`", service.namespace, service.name),
        );
        if let Some(other) = service.ports.iter().find(is_it) {
            let finding = finding.note(format!("its ports are {}", listed().join(", ")));
            return Box::new(finding.label("not a port of this protocol").help(advice::other_protocol(written, other.protocol)));
        }
        let behind = service.ports.iter().find(|port| matches!(port.target, PortTarget::Number(target) if Some(target) == number));
        let finding = finding.label("not one of its ports").note(format!("its ports are {}", listed().join(", ")));
        Box::new(match behind {
            Some(port) => finding.fix(
                format!("{written} is the pods' own port; the Service's is {}", port.port),
                Location { file: draft.flow, span: *at },
                port.port.to_string(),
            ),
            None => finding.help("write a port of the Service, or ask about the pods by workload or label"),
        })
    })
}
