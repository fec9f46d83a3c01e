//! Ends that are objects of a cluster: workloads, Services, URLs.
//!
//! Owns: how they are written, the look-up in the inventory, the ports of Services. It must not judge a connection.

mod called;
mod service;
mod workload;
mod written;

use std::collections::BTreeSet;

use super::advice;
use super::draft::Draft;
use super::{Context, Entrance, Object, Scope, Service, Side, Target, named};
use crate::diagnostic::{Diagnostic, code, nearest};
use crate::flow::{LabelCube, PodCube, PodSet, Protocol, Symbol, Values};
use crate::inventory::{InventoryWorkload, Match, PortTarget, ServiceFacts, WorkloadKind};
use crate::ir::{End, Naming, listed_cube};
use crate::source::{Location, Span};

use service::{Behind, behind, from_outside, undeclared};
use workload::{Called, all_namespaces, is_held, unknown, workload};

pub(super) use called::called;
pub(super) use written::{bare, word};

/// An object as it is written.
#[derive(Debug, Clone)]
pub(super) struct Word {
    /// All of it, its port included.
    pub(super) span: Span,
    /// What kind of object.
    kind: Kind,
    /// Its name, and where that stands.
    name: (Symbol, Span),
    /// Its namespace, where it is written.
    pub(super) namespace: Option<Symbol>,
    /// Its port as written, and where that stands.
    port: Option<(Symbol, Span)>,
    /// The protocol behind the port.
    protocol: Option<Protocol>,
    /// What a URL says besides.
    url: Option<Url>,
}

/// What a URL says besides its host and port.
#[derive(Debug, Clone)]
struct Url {
    /// Its host.
    host: Symbol,
    /// Its host as a client sends it ([`Request::host`](crate::flow::Request::host)).
    authority: Symbol,
    /// The path; none where TLS of the application hides it.
    path: Option<Symbol>,
}

/// The kinds that can be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Workload(WorkloadKind),
    Service,
    /// By a bare name: a workload, else a Service.
    Either,
}

/// The short and long words for a kind, as `kubectl` takes them.
const KINDS: [(&[&str], Kind); 11] = [
    (&["deploy", "deployment", "deployments"], Kind::Workload(WorkloadKind::Deployment)),
    (&["sts", "statefulset", "statefulsets"], Kind::Workload(WorkloadKind::StatefulSet)),
    (&["ds", "daemonset", "daemonsets"], Kind::Workload(WorkloadKind::DaemonSet)),
    (&["rs", "replicaset", "replicasets"], Kind::Workload(WorkloadKind::ReplicaSet)),
    (&["rc", "replicationcontroller", "replicationcontrollers"], Kind::Workload(WorkloadKind::ReplicationController)),
    (&["dc", "deploymentconfig", "deploymentconfigs"], Kind::Workload(WorkloadKind::DeploymentConfig)),
    (&["ro", "rollout", "rollouts"], Kind::Workload(WorkloadKind::Rollout)),
    (&["job", "jobs"], Kind::Workload(WorkloadKind::Job)),
    (&["cj", "cronjob", "cronjobs"], Kind::Workload(WorkloadKind::CronJob)),
    (&["po", "pod", "pods"], Kind::Workload(WorkloadKind::Pod)),
    (&["svc", "service", "services"], Kind::Service),
];

/// What an object stands for as a destination.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) targets: Vec<Target>,
    /// For callers that translate the port of a Service without an address; empty where there is nothing to translate.
    pub(super) translated: Vec<Target>,
    pub(super) service: Option<Service>,
    pub(super) entrance: Option<Entrance>,
    /// Whether it is written as a pod.
    pub(super) is_pod: bool,
    url: Option<Url>,
    name: Option<Symbol>,
}

impl Found {
    /// Pods of the language.
    pub(super) fn pods(targets: Vec<Target>) -> Self {
        Self { targets, translated: Vec::new(), service: None, entrance: None, is_pod: false, url: None, name: None }
    }

    /// Whether a URL is what was written.
    pub(super) const fn is_url(&self) -> bool {
        self.url.is_some()
    }

    /// The host that a client would send, and the path of a URL.
    pub(super) fn host(&self, namespace: &str) -> (Symbol, Option<Symbol>) {
        if let Some(url) = &self.url {
            return (url.authority.clone(), url.path.clone());
        }
        if let Some(service) = &self.service {
            return (format!("{}.{}.svc.cluster.local", service.name, service.namespace).into(), None);
        }
        (format!("{}.{namespace}", self.name.as_deref().unwrap_or("pod")).into(), None)
    }
}

impl Word {
    pub(super) fn is_url(&self) -> bool {
        self.url.is_some()
    }
}

/// An object as the caller.
pub(super) fn source(
    word: &Word,
    home: &Symbol,
    draft: &Draft<'_>,
    context: &Context<'_>,
    notes: &mut Vec<String>,
) -> Result<Side, Box<Diagnostic>> {
    if let Some((_, at)) = &word.port {
        let finding = draft.unclear(*at, "a port stands on the caller");
        return Err(Box::new(finding.label("whose port would this be?").help("ports follow the destination")));
    }
    if word.kind == Kind::Service {
        let finding = draft.unclear(word.span, "a Service calls nobody");
        return Err(Box::new(finding.label("pods call").help("name the workload, as `deploy/web`, or its labels")));
    }
    if let Some(labels) = declared_labels(word, home, context) {
        return Ok(declared_side(labels, home, word.span));
    }
    let called = workload(word, home, draft, context, notes)?;
    Ok(called.side(word.span))
}

/// An object as the destination.
pub(super) fn destination(
    word: &Word,
    home: &Symbol,
    draft: &Draft<'_>,
    context: &Context<'_>,
    notes: &mut Vec<String>,
) -> Result<Found, Box<Diagnostic>> {
    let is_service = |service: &&ServiceFacts| service.name == word.name.0;
    let workload_named = context.inventory.workloads_in(home).iter().any(|workload| workload.name == word.name.0);
    let service = match word.kind {
        Kind::Workload(_) => None,
        Kind::Either if workload_named => None,
        Kind::Service | Kind::Either => context.inventory.services_in(home).iter().find(is_service),
    };
    if let Some(found) = service.and_then(|service| undeclared(service, word, notes)) {
        return Ok(found);
    }
    if let Some(service) = service {
        let (Behind { targets, translated }, port) = behind(service, word, draft, context)?;
        let called = Service { namespace: service.namespace.clone(), name: service.name.clone(), port };
        if word.url.as_ref().is_some_and(|url| url.path.is_none()) {
            notes.push("the application's own TLS hides the request from the mesh".to_owned());
        }
        let entrance = from_outside(service);
        return Ok(Found { targets, translated, service: Some(called), entrance, is_pod: false, url: word.url.clone(), name: None });
    }
    if word.kind == Kind::Service || declared_labels(word, home, context).is_some() {
        return declared(word, home, draft, context, notes);
    }
    let called = workload(word, home, draft, context, notes)?;
    let targets = on_pod_port(&called, word, draft, context, notes)?;
    let is_pod = word.kind == Kind::Workload(WorkloadKind::Pod);
    Ok(Found { is_pod, url: word.url.clone(), name: Some(word.name.0.clone()), ..Found::pods(targets) })
}

/// The labels of a declared workload that is named as lists name workloads, where no manifest holds one of its name.
fn declared_labels(word: &Word, home: &Symbol, context: &Context<'_>) -> Option<LabelCube> {
    let name = &word.name.0;
    if word.kind != Kind::Either || word.is_url() || is_held(home, name, context.inventory) {
        return None;
    }
    super::language::declared(context, home, name)
}

fn declared_side(labels: LabelCube, home: &Symbol, span: Span) -> Side {
    let pods = PodSet::from(PodCube { namespace: named(home), labels, account: Values::any() });
    Side { end: End::Pods(pods, Naming::ByPod), object: None, span }
}

/// A workload or Service that no manifest holds: the declared workload of its name, if there is one.
fn declared(
    word: &Word,
    home: &Symbol,
    draft: &Draft<'_>,
    context: &Context<'_>,
    notes: &mut Vec<String>,
) -> Result<Found, Box<Diagnostic>> {
    let labels = super::language::declared(context, home, &word.name.0).ok_or_else(|| unknown(word, "Service", home, draft, context))?;
    let Some((written, at)) = &word.port else { return Err(Box::new(no_port(draft, word.span, &[]))) };
    let port = number(written).ok_or_else(|| draft.unclear(*at, format!("`{written}` is no port of a pod")).label("no number"))?;
    if word.kind == Kind::Service {
        let name = &word.name.0;
        notes.push(format!("no manifest holds Service {home}/{name}: taken as workload `{name}`, and {port} as its pod port"));
    }
    let side = declared_side(labels, home, word.span);
    let target = Target { side, protocol: word.protocol.unwrap_or(Protocol::Tcp), port };
    Ok(Found { url: word.url.clone(), name: Some(word.name.0.clone()), ..Found::pods(vec![target]) })
}

/// A workload's pods on the port that is meant: all of them, unless they give its name different numbers.
fn on_pod_port(
    called: &Called<'_>,
    word: &Word,
    draft: &Draft<'_>,
    context: &Context<'_>,
    notes: &mut Vec<String>,
) -> Result<Vec<Target>, Box<Diagnostic>> {
    let protocol = word.protocol.unwrap_or(Protocol::Tcp);
    let ports = || called.all.iter().flat_map(|workload| &workload.ports);
    let listed = choices(ports().map(|port| (port.number, port.protocol)));
    let Some((written, at)) = &word.port else { return Err(Box::new(no_port(draft, word.span, &listed))) };
    let whole = |port| vec![Target { side: called.side(word.span), protocol, port }];
    if let Some(number) = number(written) {
        notes.extend(translated(called.first, number, &ports().map(|port| port.number).collect(), context));
        return Ok(whole(number));
    }
    let each: Vec<_> = called.all.iter().map(|workload| (*workload, workload.named_port(written, protocol))).collect();
    let numbers: BTreeSet<u16> = each.iter().flat_map(|(_, numbers)| numbers).copied().collect();
    if let (Some(number), 1) = (numbers.first(), numbers.len()) {
        return Ok(whole(*number));
    }
    if !numbers.is_empty() && each.iter().all(|(_, numbers)| numbers.len() <= 1) {
        let target = |(workload, numbers): (&InventoryWorkload, BTreeSet<u16>)| {
            let port = numbers.first().copied()?;
            Some(Target { side: side(workload, word.span), protocol, port })
        };
        return Ok(each.into_iter().filter_map(target).collect());
    }
    if let Some(finding) = no_port_at_all(written, *at, draft) {
        return Err(Box::new(finding));
    }
    Err(Box::new(no_named_port(called.first, written, protocol, Location { file: draft.flow, span: *at })))
}

/// The finding that a text behind a colon is no port: several of them, a number that none has, or what has no ports; none if it may be
/// a name.
fn no_port_at_all(written: &str, at: Span, draft: &Draft<'_>) -> Option<Diagnostic> {
    let is_numbers = !written.is_empty() && written.bytes().all(|byte| byte.is_ascii_digit() || b"-|,".contains(&byte));
    if written.eq_ignore_ascii_case("icmp") {
        let finding = draft.unclear(at, format!("`{written}` is no port")).label("has no ports");
        return Some(finding.note("NetworkPolicy knows TCP, UDP and SCTP; whether ICMP passes is the network plugin's affair"));
    }
    if let Some((_, protocol)) = written.split_once('/') {
        let finding = draft.unclear(at, format!("`{protocol}` is no protocol")).label("not `tcp`, `udp` or `sctp`");
        return Some(finding.help("leave it out for TCP"));
    }
    if !is_numbers {
        return None;
    }
    if written.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(draft.unclear(at, format!("`{written}` is no port")).label("ports are 1 to 65535"));
    }
    let finding = draft.unclear(at, "a flow goes to one port, and these are several").label("more than one port");
    Some(finding.help("ask about one of them"))
}

/// The finding that a workload has no port of a name.
fn no_named_port(workload: &InventoryWorkload, written: &str, protocol: Protocol, at: Location) -> Diagnostic {
    let message = format!("{workload} has no {protocol} port named `{written}`");
    let finding = Diagnostic::new(code::UNRESOLVED_NAMED_PORT, at, message).label("number not known");
    let other = workload.ports.iter().find(|port| port.name.as_deref() == Some(written) && port.protocol != protocol);
    if let Some(port) = other {
        return finding.help(advice::other_protocol(written, port.protocol));
    }
    let same = workload.ports.iter().filter(|port| port.protocol == protocol);
    match nearest(written, same.filter_map(|port| port.name.as_deref())) {
        Some(near) => finding.fix(format!("did you mean `{near}`?"), at, near),
        None => finding.help("write the number of the port on the pod"),
    }
}

/// A word about a number that a Service has and the pods do not.
fn translated(workload: &InventoryWorkload, number: u16, own: &BTreeSet<u16>, context: &Context<'_>) -> Option<String> {
    if own.contains(&number) {
        return None;
    }
    let services = context.inventory.services_in(&workload.namespace).iter();
    let service = services
        .filter(|service| workload.selected_by(service) == Match::Yes)
        .find(|service| service.ports.iter().any(|port| port.port == number && service.arrival(port) != PortTarget::Number(number)))?;
    Some(format!(
        "{number} is a port of Service {0}/{1}, not of its pods: ask `svc/{1}@{0}:{number}` for what the Service leads to",
        service.namespace, service.name
    ))
}

fn side(workload: &InventoryWorkload, span: Span) -> Side {
    let object = Object { kind: workload.kind, namespace: workload.namespace.clone(), name: workload.name.clone(), scope: Scope::Itself };
    Side { end: End::Pods(PodSet::from(listed_cube(workload)), Naming::ByPod), object: Some(object), span }
}

/// Ports as a flow names them, ascending: `80`, and with the protocol where it is not TCP or others have the number too.
pub(super) fn choices(ports: impl Iterator<Item = (u16, Protocol)>) -> Vec<String> {
    let ports: BTreeSet<(u16, Protocol)> = ports.collect();
    let is_shared = |number: u16| ports.range((number, Protocol::ALL[0])..).take_while(|(other, _)| *other == number).count() > 1;
    let text = |(number, protocol): &(u16, Protocol)| {
        let is_plain = *protocol == Protocol::Tcp && !is_shared(*number);
        if is_plain { number.to_string() } else { format!("{number}/{}", protocol.word()) }
    };
    ports.iter().map(text).collect()
}

/// A port number.
fn number(written: &str) -> Option<u16> {
    written.parse().ok().filter(|number| *number > 0)
}

/// The finding that a destination has no port.
pub(super) fn no_port(draft: &Draft<'_>, span: Span, known: &[String]) -> Diagnostic {
    let at = Span { start: span.end, ..span };
    let finding = draft.unclear(span, "a flow goes to one port, and this destination has none").label("which port?");
    match known {
        [] => finding.help("write it behind the destination, as `app=db:5432`"),
        [only] => finding.fix(format!("its pods have one: `:{only}`"), Location { file: draft.flow, span: at }, format!(":{only}")),
        _ => finding.help(format!("write one of {}", known.join(", "))),
    }
}

/// The namespace that an object is written with; none if that may be the end of a name outside.
pub(super) fn namespace(word: &Word, context: &Context<'_>) -> Option<Symbol> {
    word.namespace.clone().filter(|namespace| !may_be_outside(word, namespace, context))
}

/// Whether the host of a URL may be a name outside: of one with a single dot nobody can tell which it is, unless its namespace is known.
fn may_be_outside(word: &Word, namespace: &Symbol, context: &Context<'_>) -> bool {
    let inventory = context.inventory;
    let is_known = inventory.namespaces.contains_key(namespace) || all_namespaces(inventory).any(|known| known == namespace);
    word.url.as_ref().is_some_and(|url| url.host.split('.').count() == 2) && !is_known
}
