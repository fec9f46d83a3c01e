//! One connection in a setting: who calls whom, and how.
//!
//! Owns: `Call`, and the calls that a question stands for. What nobody said of a call is taken as it usually is, here alone. It must
//! not explain an answer.

use super::audience;
use super::called;
use super::claims::{self, Readings};
use super::disputed;
use super::entrance;
use super::holder;
use super::loopback;
use super::own_node;
use super::possible::Possible;
use super::question::{Edge, Entrance, HostSaid, Question, Side, Target};
use super::range;
use super::setting::{Judge, Setting};
use super::unnamed;
use super::unopened;
use super::world::{self, Known};
use crate::cluster::{self, Addressed, Cluster, Decision, Endpoint, Names, Way};
use crate::flow::{Cut, DataPlane, Peer, Protocol, Request, Symbol, Transport};
use crate::inventory::{ServiceFacts, ServicePort};
use crate::source::Location;

/// As many pairs are asked about; the rest of a flow that stands for more is counted.
const MOST_PAIRS: usize = 2_000;

/// One connection in a setting: who calls whom, and how.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) source: Known,
    pub(super) destination: Known,
    pub(super) protocol: Protocol,
    pub(super) port: u16,
    pub(super) transport: Option<Transport>,
    pub(super) request: Option<Request>,
    pub(super) addressed: Addressed,
    /// Whether nobody said how it arrives, and the usual way was taken.
    pub(super) is_usual: bool,
    /// What the flow says of the host of the request.
    pub(super) host: HostSaid,
    /// What a request is part of.
    pub(super) wording: Wording,
    /// What the flow names for the destination.
    pub(super) naming: Naming,
    /// Whether the flow names the pod itself.
    pub(super) is_pod: bool,
    /// The Service past which the pod itself is called, though the flow does not name it.
    pub(super) past: Option<String>,
    /// By what it comes in at the edge of the cluster; none for a call inside.
    pub(super) entrance: Option<Entrance>,
    /// The ends as the flow has them, for what is no pod.
    pub(super) written: (Written, Written),
    /// What words of the flow are taken for that may mean something else, each in a sentence.
    pub(super) readings: Vec<String>,
    /// The audiences that are accepted of the token of which the flow does not name it; empty if it does, or nobody asks.
    pub(super) audiences: Vec<Symbol>,
}

/// What a request is part of, as a flow says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wording {
    /// A gRPC call.
    Grpc,
    /// Nothing that is said.
    Http,
}

/// What a flow names for its destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// A Service, so that this is what is asked for.
    Service,
    /// Anything else.
    Other,
}

/// Addresses as a flow has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// In words: `internet except 9.0.0.0/8`.
    pub(super) title: String,
    /// As a rule of intents names them.
    pub(super) rule: String,
}

impl Call {
    /// The evaluator's question.
    pub(super) fn question(&self) -> cluster::Question {
        cluster::Question {
            source: self.source.endpoint.clone(),
            destination: self.destination.endpoint.clone(),
            protocol: self.protocol,
            port: self.port,
            transport: self.transport,
            request: self.request.clone().map(|request| self.sent(request)),
            addressed: self.addressed.clone(),
        }
    }

    /// A request with the headers that its kind of call always has: a gRPC call says that it is one.
    fn sent(&self, mut request: Request) -> Request {
        if self.wording == Wording::Grpc {
            request.headers.entry("content-type".into()).or_insert_with(|| cluster::GRPC_CONTENT.into());
        }
        request
    }

    /// The same connection where things are otherwise: its ends as they are known there.
    pub(super) fn in_setting(&self, setting: &Setting) -> Self {
        let again = |known| setting.world.again(known, setting.ground());
        let (source, destination) = (again(&self.source), again(&self.destination));
        let addressed = match self.addressed {
            Addressed::Unsaid => usual_address(setting, (&source, &destination), (self.protocol, self.port)),
            Addressed::Pod | Addressed::Service { .. } => self.addressed.clone(),
        };
        let asked = self.transport.filter(|_| !self.is_usual);
        let port = (self.protocol, self.port);
        let usual = usual_transport(setting, (&source, &destination), port, &addressed).filter(|_| asked.is_none());
        let (transport, is_usual) = (asked.or(usual), usual.is_some());
        Self { source, destination, transport, addressed, is_usual, ..self.clone() }
    }

    /// Takes in the addresses of another call that differs in nothing else. Says whether it is such a one.
    pub(super) fn takes_in(&mut self, other: &Self) -> bool {
        let is_same = (self.protocol, self.port, &self.addressed) == (other.protocol, other.port, &other.addressed);
        let sources = self.source.endpoint == other.source.endpoint;
        let destinations = self.destination.endpoint == other.destination.endpoint;
        let (own, more) = match (sources, destinations) {
            (false, true) => (&mut self.source.range, &other.source.range),
            (true, false) => (&mut self.destination.range, &other.destination.range),
            _ => return false,
        };
        let takes = is_same && !own.is_empty() && !more.is_empty();
        if takes {
            *own = own.union(more);
        }
        takes
    }

    /// Says again what the addresses are called, after others were taken in.
    pub(super) fn name_ranges(&mut self, setting: &Setting, question: &Question) {
        let (protocol, port) = (self.protocol, self.port);
        let is_it = |target: &&Target| {
            (target.protocol, target.port) == (protocol, port) && target.side.end.matches(&self.destination.endpoint.peer)
        };
        let target = question.targets.iter().chain(&question.translated).find(is_it).or(question.targets.first());
        let Some(side) = target.map(|target| &target.side) else { return };
        self.written = (written(setting, question, &question.source, &self.source), written(setting, question, side, &self.destination));
    }

    /// Whether the flow names a host that is no name of whoever is called.
    pub(super) fn names_host(&self) -> bool {
        self.host == HostSaid::Other
    }

    /// That an end is taken for pods of which no manifest shows that they carry its labels, each in a sentence.
    pub(super) fn taken_for(&self) -> Vec<String> {
        let called = match &self.addressed {
            Addressed::Service { namespace, name, .. } if self.naming == Naming::Service => format!("Service {namespace}/{name} leads to"),
            _ => "this is asked of".to_owned(),
        };
        let ends = [(&self.source, "this is asked of"), (&self.destination, &*called)];
        let note = |(known, called): (&Known, &str)| {
            let name = known.name.as_ref().filter(|_| !known.taken.is_empty())?;
            Some(format!("{called} pods with `{}`, and no manifest shows whose these are: taken for pods of {name}", known.taken.join(",")))
        };
        ends.into_iter().filter_map(note).collect()
    }

    /// By what the end that is called tells calls of this caller apart.
    pub(super) fn cuts_at_destination(&self, setting: &Setting) -> Vec<Cut> {
        let account = self.source.pod().map(|pod| pod.account.clone());
        let names = Names::new(setting.cluster.namespaces(), account.into_iter().collect());
        setting.cluster.end(&self.destination.endpoint, Way::Ingress).cuts(&names)
    }

    /// The host that a request is taken to be for, where the flow names none and policies look at hosts; in a sentence without capital and
    /// full stop. Which of the names of a Service a client writes it decides by itself (`semantics.md` §2.7).
    pub(super) fn taken_host(&self, setting: &Setting) -> Option<String> {
        let request = self.request.as_ref().filter(|_| self.host == HostSaid::Unsaid)?;
        let is_looked_at = self.cuts_at_destination(setting).iter().any(|cut| !cut.requests.hosts.is_empty());
        is_looked_at.then(|| format!("the request is taken to be for host `{}`, as the flow names none by `at`", request.host))
    }

    /// The answer of a setting.
    pub(super) fn decide(&self, setting: &Setting) -> Decision {
        let decision = audience::settle(setting, self, self.decide_by_gates(setting));
        disputed::settle(setting, self, unopened::settle(setting, self, decision))
    }

    /// The same, without what the flow leaves open of it.
    pub(super) fn decide_by_gates(&self, setting: &Setting) -> Decision {
        if let Some(entrance) = &self.entrance {
            return entrance::decide(setting, self, entrance);
        }
        let decision = own_node::settle(setting, self, setting.cluster.decide(&self.question()));
        if loopback::is_it(&self.source, &self.destination) {
            return loopback::settle(decision);
        }
        let decision = holder::settle(setting, self, decision);
        let decision = unnamed::settle(setting, self, decision);
        setting.routings.settle(setting, self, decision)
    }
}

/// The connections that a question stands for.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Those that are looked at.
    pub(super) asked: Vec<Call>,
    /// How many more pairs there would be.
    pub(super) left: usize,
    /// Whether pods that nobody described fall into more classes than are looked at.
    pub(super) is_partial: bool,
    /// Whether the names of claims can be read in more ways than are looked at.
    pub(super) has_more_readings: bool,
}

/// The connections that a question stands for.
pub(super) fn calls(setting: &Setting, question: &Question) -> Calls {
    let mut found = Calls::default();
    let looked_at = claims::looked_at(setting);
    for (target, port) in targets(question) {
        let Ends { sources, destinations, is_partial } = ends(setting, &question.source, target);
        found.is_partial |= is_partial;
        for source in sources.iter().filter(|source| port.is_called_by(source, setting)) {
            for destination in &destinations {
                if found.asked.len() < MOST_PAIRS {
                    let calls = pairs(setting, target, source, destination).map(|ends| call(question, target, ends, setting));
                    let calls = calls.flat_map(|call| called::ways(call, question, setting));
                    for Readings { calls, are_more } in calls.map(|call| claims::readings(call, &looked_at)) {
                        found.asked.extend(calls);
                        found.has_more_readings |= are_more;
                    }
                } else {
                    found.left += 1;
                }
            }
        }
    }
    found
}

/// Who may stand at the two ends of a connection.
struct Ends {
    sources: Vec<Known>,
    destinations: Vec<Known>,
    is_partial: bool,
}

/// Those who are known, and of pods that nobody described one of every class that the two ends tell apart.
fn ends(setting: &Setting, source: &Side, target: &Target) -> Ends {
    let (sources, destinations) = (setting.world.standing(source), setting.world.standing(&target.side));
    if sources.sets.is_empty() && destinations.sets.is_empty() {
        return Ends { sources: sources.known, destinations: destinations.known, is_partial: false };
    }
    let possible = Possible::new(setting, (target.protocol, target.port));
    let (near, far) = (possible.by_itself(&sources, Way::Egress), possible.by_itself(&destinations, Way::Ingress));
    let (sources, destinations) = (possible.before(&sources, Way::Egress, &far), possible.before(&destinations, Way::Ingress, &near));
    let is_partial = [&near, &far, &sources, &destinations].into_iter().any(|found| found.is_partial);
    Ends { sources: sources.known, destinations: destinations.known, is_partial }
}

/// Which port of a Service without an address somebody gets to.
#[derive(Clone, Copy)]
enum Port {
    /// There is but one.
    Only,
    /// The one that is called.
    Called,
    /// The one that it is translated to.
    Translated,
}

impl Port {
    /// Whether a caller may get to this one: gateways choose the pod themselves, and its port with it.
    fn is_called_by(self, source: &Known, setting: &Setting) -> bool {
        match self {
            Self::Only => true,
            Self::Called => setting.cluster.translates(&source.endpoint) != Some(true),
            Self::Translated => setting.cluster.translates(&source.endpoint) != Some(false),
        }
    }
}

/// The destinations of a question.
fn targets(question: &Question) -> impl Iterator<Item = (&Target, Port)> {
    let usual = if question.translated.is_empty() { Port::Only } else { Port::Called };
    let translated = question.translated.iter().map(|target| (target, Port::Translated));
    question.targets.iter().map(move |target| (target, usual)).chain(translated)
}

/// Two ends; addresses at one of them part by part, as the pod at the other tells them apart. Between addresses nobody judges.
fn pairs(setting: &Setting, target: &Target, source: &Known, destination: &Known) -> impl Iterator<Item = (Known, Known)> {
    let port = (target.protocol, target.port);
    let parts = |near: &Known, way, far: &Known| {
        let is_pod = matches!(near.endpoint.peer, Peer::Pod(_)) && matches!(far.endpoint.peer, Peer::Address(_));
        let has_parts = is_pod && far.range.only().is_none();
        let parts = has_parts.then(|| range::apart(setting, near, way, &far.range, port));
        parts.map_or_else(|| vec![far.clone()], |parts| parts.iter().filter_map(world::addresses).collect())
    };
    let sources = parts(destination, Way::Ingress, source);
    let destinations = parts(source, Way::Egress, destination);
    sources.into_iter().flat_map(move |source| destinations.clone().into_iter().map(move |destination| (source.clone(), destination)))
}

fn call(question: &Question, target: &Target, (source, destination): (Known, Known), setting: &Setting) -> Call {
    let service =
        question.service.clone().map(|service| Addressed::Service { namespace: service.namespace, name: service.name, port: service.port });
    let is_its_address = matches!(destination.endpoint.peer, Peer::Pod(_)) && target.side.end.peers().addresses.only().is_some();
    let is_pod = question.is_pod || is_its_address;
    let entrance = question.entrance.clone().filter(|entrance| entrance.at != Edge::Name || is_outside(&source, setting));
    let is_at_the_edge = entrance.as_ref().is_some_and(|entrance| entrance.at != Edge::Name);
    let pod = (is_pod || is_at_the_edge).then_some(Addressed::Pod);
    // What is called there is no Service to the proxies of the mesh.
    let plaintext = (is_at_the_edge && target.protocol == Protocol::Tcp).then_some(Transport::Plaintext);
    let addressed = service.or(pod).unwrap_or_else(|| usual_address(setting, (&source, &destination), (target.protocol, target.port)));
    let usual = usual_transport(setting, (&source, &destination), (target.protocol, target.port), &addressed);
    let written = (written(setting, question, &question.source, &source), written(setting, question, &target.side, &destination));
    let call = Call {
        source,
        destination,
        protocol: target.protocol,
        port: target.port,
        transport: question.transport.or(usual).or(plaintext),
        request: question.request.clone(),
        addressed,
        is_usual: question.transport.is_none() && usual.is_some(),
        host: question.host,
        wording: if question.is_grpc { Wording::Grpc } else { Wording::Http },
        naming: if question.service.is_some() { Naming::Service } else { Naming::Other },
        is_pod,
        past: None,
        entrance,
        written,
        readings: Vec::new(),
        audiences: Vec::new(),
    };
    audience::chosen(call, setting)
}

/// Whether a caller stands outside of the cluster, as far as anybody knows: neither on a node nor among the pods.
fn is_outside(known: &Known, setting: &Setting) -> bool {
    let cluster = &setting.policy.config.cluster;
    let is_inside = |address| cluster.nodes.contains(address) || cluster.pods.contains(address);
    matches!(known.endpoint.peer, Peer::Address(address) if known.endpoint.facts.node.is_none() && !is_inside(address))
}

/// How a connection arrives where no manifest holds any Service: as through one that a client with a sidecar calls, over mTLS unless the
/// server is told to take none. A call to a pod's own address would be plaintext, and so is one to a gateway (`semantics.md` §3.3).
fn usual_transport(
    setting: &Setting,
    ends: (&Known, &Known),
    (protocol, port): (Protocol, u16),
    addressed: &Addressed,
) -> Option<Transport> {
    let unsaid = *addressed == Addressed::Unsaid && protocol == Protocol::Tcp && !are_services_known(setting);
    let is_announced = || !setting.cluster.is_unannounced(&ends.1.endpoint);
    let is_usual = unsaid && is_proxied(ends.0) && is_proxied(ends.1) && is_announced();
    setting.cluster.spoken_by_itself(&ends.1.endpoint, port).filter(|_| is_usual)
}

/// Whether the manifests tell which Services there are: they hold some.
pub(super) fn are_services_known(setting: &Setting) -> bool {
    setting.judge == Judge::Given && !setting.inventory.services.is_empty()
}

/// Whether a pod has a sidecar.
pub(super) fn is_proxied(known: &Known) -> bool {
    matches!(&known.endpoint.peer, Peer::Pod(pod) if pod.plane == DataPlane::Sidecar)
}

/// Addresses as the flow has them: `internet`, a network's name, a block, or a part of these.
fn written(setting: &Setting, question: &Question, side: &Side, known: &Known) -> Written {
    if matches!(known.endpoint.peer, Peer::Pod(_)) {
        return Written { title: known.text.clone(), rule: known.text.clone() };
    }
    let peers = side.end.peers();
    let text = before_port(setting.sources.slice(Location { file: question.flow, span: side.span }));
    let name = Some(text).filter(|name| !name.is_empty() && peers.pods.is_empty());
    let part = range::rule(&known.range).filter(|_| known.range != peers.addresses || name.is_none());
    let rule = part.unwrap_or_else(|| name.unwrap_or(&known.text).to_owned());
    Written { title: range::words(&known.range, (&peers.addresses, name)), rule }
}

/// An end without its port and what follows; a colon in brackets is one of an address.
fn before_port(text: &str) -> &str {
    let mut in_brackets = false;
    let colon = text.char_indices().find(|(_, letter)| {
        in_brackets = (in_brackets || *letter == '[') && *letter != ']';
        *letter == ':' && !in_brackets
    });
    colon.and_then(|(at, _)| text.get(..at)).unwrap_or(text).trim()
}

/// What is usually called where nothing says it: the only Service that leads to a port; the pod itself where none does and its sidecar
/// does not capture the port, so that only what comes in plaintext gets in.
fn usual_address(setting: &Setting, (source, known): (&Known, &Known), (protocol, number): (Protocol, u16)) -> Addressed {
    let destination = &known.endpoint;
    match leading(setting, (&source.endpoint, destination), (protocol, number)).as_slice() {
        [(service, port)] => Addressed::Service { namespace: service.namespace.clone(), name: service.name.clone(), port: *port },
        [] if is_proxied(known) && protocol == Protocol::Tcp && !Cluster::captures(destination, number) => Addressed::Pod,
        _ => Addressed::Unsaid,
    }
}

/// The Services that lead a caller to a port of a pod, each with the port of its own that does.
pub(super) fn leading<'s>(
    setting: &'s Setting,
    (source, destination): (&Endpoint, &Endpoint),
    (protocol, number): (Protocol, u16),
) -> Vec<(&'s ServiceFacts, u16)> {
    let Peer::Pod(pod) = &destination.peer else { return Vec::new() };
    let leads = |service: &&ServiceFacts| {
        !service.selector.is_empty() && service.selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value))
    };
    let port = |service: &ServiceFacts| {
        let is_it =
            |port: &&ServicePort| port.protocol == protocol && setting.cluster.leads(source, (service, port), (destination, number));
        service.ports.iter().find(is_it).map(|port| port.port)
    };
    let services = setting.inventory.services_in(&pod.namespace).iter().filter(leads);
    services.filter_map(|service| Some((service, port(service)?))).collect()
}
