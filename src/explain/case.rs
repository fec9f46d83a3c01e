//! The connections that a flow stands for, each with its answer.
//!
//! Owns: `Case`, who is asked about, and which of many alike are shown. It must not know how an answer is written.

use super::assume;
use super::client;
use super::origin::{self, Origin};
use super::place;
use super::question::{Question, Target};
use super::remedy::{self, Remedy};
use super::said::{self, Said};
use super::setting::{Judge, Setting};
use super::world::Known;
use crate::cluster::{self, Addressed, Decision, Endpoint, Gate};
use crate::flow::{DataPlane, Peer, Protocol, Request, Symbol, Transport, Verdict};
use crate::source::{Location, Span};

/// As many pairs are asked about; the rest of a flow that stands for more is counted.
const MOST_PAIRS: usize = 400;

/// As many answers that differ are shown.
const MOST_CASES: usize = 6;

/// One connection and its answer.
#[derive(Debug, Clone)]
pub struct Case {
    /// The caller, as a flow names it: `app=web@shop`.
    pub source: String,
    /// The caller in a word.
    pub source_short: String,
    /// What the caller is: `Deployment shop/web`; none where nobody described it.
    pub source_name: Option<String>,
    /// The destination, as a flow names it.
    pub destination: String,
    /// The destination in a word.
    pub destination_short: String,
    /// What the destination is.
    pub destination_name: Option<String>,
    /// What was asked of the evaluator.
    pub question: cluster::Question,
    /// Its answer.
    pub decision: Decision,
    /// For each step of the decision, the lines of the intents that its documents come from.
    pub origins: Vec<Option<Origin>>,
    /// What the `PeerAuthentication` at the destination states for the port; none if none decides.
    pub mode: Option<Mode>,
    /// What the client sees; none where it is not known.
    pub client: Option<String>,
    /// What the intents say; none without intents.
    pub said: Option<Said>,
    /// Assumptions of the intents that the manifests break.
    pub broken: Vec<String>,
    /// Changes that would decide otherwise.
    pub remedies: Vec<Remedy>,
    /// What nobody can judge.
    pub unknown: Vec<String>,
    /// What else is to be known of this answer.
    pub notes: Vec<String>,
    /// Where the intents and what was compiled from them disagree.
    pub disagreement: Option<String>,
}

/// What a `PeerAuthentication` states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mode {
    /// Its namespace and name: `shop/default`.
    pub document: String,
    /// The mode: `STRICT`.
    pub mode: String,
}

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
    /// The ends as the flow has them, for what is no pod.
    pub(super) written: (String, String),
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
            request: self.request.clone(),
            addressed: self.addressed.clone(),
        }
    }

    /// The same connection where things are otherwise: its ends as they are known there.
    pub(super) fn in_setting(&self, setting: &Setting) -> Self {
        let destination = setting.world.again(&self.destination, &setting.policy, &setting.cluster);
        Self {
            source: setting.world.again(&self.source, &setting.policy, &setting.cluster),
            addressed: match self.addressed {
                Addressed::Unsaid => usual_service(setting, &destination.endpoint, self.protocol, self.port),
                Addressed::Pod | Addressed::Service { .. } => self.addressed.clone(),
            },
            destination,
            ..self.clone()
        }
    }

    /// Whether nobody said what is called, and no known Service leads there, where that decides how sidecars speak.
    pub(super) fn is_pod_called(&self, setting: &Setting) -> bool {
        let both = is_proxied(&self.source) && is_proxied(&self.destination);
        let known = setting.judge == Judge::Given && !setting.inventory.services.is_empty();
        both && known && self.addressed == Addressed::Unsaid && self.transport.is_none() && self.protocol == Protocol::Tcp
    }

    /// The answer of a setting.
    pub(super) fn decide(&self, setting: &Setting) -> Decision {
        setting.cluster.decide(&self.question())
    }
}

/// The answers to a question: one of each kind, with what was taken for granted.
pub(super) fn cases(setting: &Setting, question: &Question) -> (Vec<Case>, Vec<String>) {
    let mut notes = question.notes.clone();
    let (calls, left) = calls(setting, question);
    if left > 0 {
        notes.push(format!("{left} more pairs of workloads are not looked at"));
    }
    let mut kinds: Vec<(Kind, Call, Decision, Vec<String>)> = Vec::new();
    for call in calls {
        let decision = call.decide(setting);
        let said = said(setting, &call, &decision);
        let kind = Kind::of(&decision, said.as_ref());
        let title = format!("{} -> {}", call.source.text, call.destination.text);
        match kinds.iter_mut().find(|(known, ..)| *known == kind) {
            Some((_, _, _, others)) => others.push(title),
            None => kinds.push((kind, call, decision, Vec::new())),
        }
    }
    if kinds.len() > 1 {
        notes.push("the workloads that the flow stands for are judged differently: one of each kind is shown".to_owned());
    }
    let shown = kinds.into_iter().take(MOST_CASES);
    (shown.map(|(_, call, decision, others)| case(setting, &call, decision, &others)).collect(), notes)
}

/// By what answers are told apart.
#[derive(Debug, PartialEq, Eq)]
struct Kind {
    verdict: std::mem::Discriminant<Verdict>,
    gate: Option<Gate>,
    intents: Option<bool>,
}

impl Kind {
    fn of(decision: &Decision, said: Option<&Said>) -> Self {
        let gate = decision.steps.iter().find(|step| step.verdict != Verdict::Allowed).map(|step| step.gate);
        Self { verdict: std::mem::discriminant(&decision.verdict), gate, intents: said.map(|said| said.passes) }
    }
}

/// The connections that a question stands for, and how many more there would be.
fn calls(setting: &Setting, question: &Question) -> (Vec<Call>, usize) {
    let sources = setting.world.standing(&question.source, &setting.policy, &setting.cluster);
    let mut calls = Vec::new();
    let mut left = 0;
    for target in &question.targets {
        let destinations = setting.world.standing(&target.side, &setting.policy, &setting.cluster);
        for source in &sources {
            for destination in &destinations {
                if calls.len() < MOST_PAIRS {
                    calls.push(call(question, target, source, destination, setting));
                } else {
                    left += 1;
                }
            }
        }
    }
    (calls, left)
}

fn call(question: &Question, target: &Target, source: &Known, destination: &Known, setting: &Setting) -> Call {
    let service = question.service.clone().map(|service| Addressed::Service {
        namespace: service.namespace,
        name: service.name,
        port: service.port,
    });
    let addressed = service.unwrap_or_else(|| usual_service(setting, &destination.endpoint, target.protocol, target.port));
    let usual = usual_transport(setting, (source, destination), target.protocol, &addressed);
    Call {
        source: source.clone(),
        destination: destination.clone(),
        protocol: target.protocol,
        port: target.port,
        transport: question.transport.or(usual),
        request: question.request.clone().map(|request| place::with_audience(request, setting)),
        addressed,
        is_usual: question.transport.is_none() && usual.is_some(),
        written: (written(setting, question, question.source.span, source), written(setting, question, target.side.span, destination)),
    }
}

/// How a connection arrives where no manifest holds any Service: as through one that a client with a sidecar calls, over mTLS. A
/// call to a pod's own address would be plaintext (`semantics.md` §3.3).
fn usual_transport(setting: &Setting, ends: (&Known, &Known), protocol: Protocol, addressed: &Addressed) -> Option<Transport> {
    let is_known = setting.judge == Judge::Given && !setting.inventory.services.is_empty();
    let unsaid = *addressed == Addressed::Unsaid && protocol == Protocol::Tcp && !is_known;
    (unsaid && is_proxied(ends.0) && is_proxied(ends.1)).then_some(Transport::Mtls)
}

/// Whether a pod has a sidecar.
fn is_proxied(known: &Known) -> bool {
    matches!(&known.endpoint.peer, Peer::Pod(pod) if pod.plane == DataPlane::Sidecar)
}

/// An address as the flow has it: `internet`, a network's name, a block.
fn written(setting: &Setting, question: &Question, span: Span, known: &Known) -> String {
    if matches!(known.endpoint.peer, Peer::Pod(_)) {
        return known.text.clone();
    }
    let text = setting.sources.slice(Location { file: question.flow, span });
    let end = if text.starts_with('[') {
        text.find(']').map(|at| at + 1)
    } else {
        text.find(|letter: char| letter == ':' || letter.is_whitespace())
    };
    text.get(..end.unwrap_or(text.len())).filter(|word| !word.is_empty() && !word.contains('(')).unwrap_or(&known.text).to_owned()
}

/// The Service by which a pod's port is usually called: the only one that leads there.
fn usual_service(setting: &Setting, destination: &Endpoint, protocol: Protocol, number: u16) -> Addressed {
    let Peer::Pod(pod) = &destination.peer else { return Addressed::Unsaid };
    let leads = |service: &&crate::inventory::ServiceFacts| {
        !service.selector.is_empty() && service.selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value))
    };
    let port = |service: &crate::inventory::ServiceFacts| {
        let is_it = |port: &&crate::inventory::ServicePort| {
            port.protocol == protocol && leads_to(&port.target, destination, protocol) == Some(number)
        };
        service.ports.iter().find(is_it).map(|port| port.port)
    };
    let mut found = setting.inventory.services_in(&pod.namespace).iter().filter(leads).filter_map(|service| Some((service, port(service)?)));
    match (found.next(), found.next()) {
        (Some((service, port)), None) => {
            Addressed::Service { namespace: service.namespace.clone(), name: service.name.clone(), port }
        }
        _ => Addressed::Unsaid,
    }
}

/// The number that a Service's target is on a pod.
fn leads_to(target: &crate::inventory::PortTarget, destination: &Endpoint, protocol: Protocol) -> Option<u16> {
    use crate::inventory::PortTarget;
    match target {
        PortTarget::Number(number) => Some(*number),
        PortTarget::Name(name) => {
            let ports = destination.facts.ports.as_ref()?;
            ports.iter().find(|port| port.name == *name && port.protocol == protocol).map(|port| port.number)
        }
    }
}

/// What the intents say of a connection; none without intents.
pub(super) fn said(setting: &Setting, call: &Call, decision: &Decision) -> Option<Said> {
    if setting.input.intents.is_empty() && setting.input.with.is_empty() {
        return None;
    }
    let transport = decision.transport.or(call.transport);
    let ends = (&call.source, &call.destination);
    let flow = said::flow(&setting.policy, ends, (call.protocol, call.port), transport, call.request.as_ref());
    Some(said::of(&setting.policy, &flow))
}

fn case(setting: &Setting, call: &Call, decision: Decision, others: &[String]) -> Case {
    let question = call.question();
    let said = said(setting, call, &decision);
    let mut notes: Vec<String> = [&call.source, &call.destination].into_iter().filter_map(taken_as).collect();
    notes.dedup();
    if call.is_pod_called(setting) {
        notes.push(format!("no Service among the manifests leads to port {} of {}: the pod itself is called", call.port, call.destination.short));
    }
    if call.is_usual {
        notes.push(format!("taken as a call through a Service of {}, which is mTLS between sidecars", call.destination.short));
    }
    notes.extend(alike(others));
    notes.extend(remedy::by_request(setting, call, &decision));
    let differs = said.as_ref().is_some_and(|said| said.passes != (decision.verdict == Verdict::Allowed));
    let broken = if differs && setting.judge == Judge::Given { assume::broken(setting, call, &decision) } else { Vec::new() };
    let disagreement = (differs && setting.judge == Judge::Compiled && !matches!(decision.verdict, Verdict::Unspecified(_)))
        .then(|| format!("the intents and the manifests compiled from them disagree about {} -> {}", call.source.text, call.destination.text));
    Case {
        source: titled(&call.source, &call.written.0),
        source_short: call.source.short.clone(),
        source_name: call.source.name.clone(),
        destination: titled(&call.destination, &call.written.1),
        destination_short: call.destination.short.clone(),
        destination_name: call.destination.name.clone(),
        origins: origin::of(setting, call, &decision),
        mode: mode(setting, &decision, call.port),
        client: client::sees(&question, &decision, (&call.source.short, &call.destination.short)),
        remedies: remedy::find(setting, call, &decision, said.as_ref()),
        unknown: assume::unknown(setting, call),
        question,
        decision,
        said,
        broken,
        notes,
        disagreement,
    }
}

/// As the flow names it; an address that stands for more says for what.
fn titled(known: &Known, written: &str) -> String {
    if matches!(known.endpoint.peer, Peer::Address(_)) && written != known.text {
        return format!("{written} ({})", known.text);
    }
    known.text.clone()
}

/// What the transport gate's document states; that of the pods wins over that of their namespace (`semantics.md` §3.1).
fn mode(setting: &Setting, decision: &Decision, port: u16) -> Option<Mode> {
    let step = decision.steps.iter().rfind(|step| step.gate == Gate::Transport)?;
    let documents = step.decided_by.iter().filter(|document| &*document.kind == "PeerAuthentication");
    let stated = documents.filter_map(|document| {
        let object = setting.objects.iter().find(|object| place::is(object, &document.kind, &document.namespace, &document.name))?;
        let of_port = place::text(object, &["spec", "portLevelMtls", &port.to_string(), "mode"]);
        let mode = of_port.or_else(|| place::text(object, &["spec", "mtls", "mode"]))?;
        let document = format!("{}/{}", document.namespace, document.name);
        Some((object.pointer("/spec/selector").is_some(), Mode { document, mode: mode.to_owned() }))
    });
    stated.max_by_key(|(has_selector, _)| *has_selector).map(|(_, mode)| mode)
}

/// That a pod is nobody's whom anybody described.
fn taken_as(known: &Known) -> Option<String> {
    let Peer::Pod(pod) = &known.endpoint.peer else { return None };
    if known.name.is_some() {
        return None;
    }
    let account: &Symbol = &pod.account;
    Some(format!("no known workload is {}: taken as a pod with just these labels, account {}/{account}", known.text, pod.namespace))
}

/// That others are judged alike.
fn alike(others: &[String]) -> Option<String> {
    match others {
        [] => None,
        [only] => Some(format!("judged alike: {only}")),
        [first, rest @ ..] => Some(format!("judged alike: {first} and {} more", rest.len())),
    }
}
