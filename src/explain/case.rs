//! The connections that a flow stands for, each with its answer.
//!
//! Owns: `Case`, who is asked about, and which of many alike are shown. It must not know how an answer is written.

use super::assume;
use super::call::{self, Call};
use super::client;
use super::origin::{self, Origin};
use super::place;
use super::question::Question;
use super::remedy::{self, Remedy};
use super::said::{self, Said};
use super::setting::{Judge, Setting};
use super::world::Known;
use crate::cluster::{self, Decision, Gate};
use crate::compile::Mesh;
use crate::flow::{Peer, Symbol, Verdict};

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
    /// Whether the destination is a waypoint's pod.
    pub is_waypoint: bool,
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

/// The answers to a question: one of each kind, with what was taken for granted.
pub(super) fn cases(setting: &Setting, question: &Question) -> (Vec<Case>, Vec<String>) {
    let mut notes = question.notes.clone();
    if setting.mesh == Mesh::Unmentioned {
        notes
            .push("no manifest speaks of a mesh, so pods are taken without one; `[mesh] mode` in `twogate.toml` says otherwise".to_owned());
    }
    let (calls, left) = call::calls(setting, question);
    if left > 0 {
        notes.push(format!("{left} more pairs of workloads are not looked at"));
    }
    let mut kinds: Vec<(Kind, Call, Decision, Vec<String>)> = Vec::new();
    for call in calls {
        let decision = call.decide(setting);
        let said = said(setting, &call, &decision);
        let kind = Kind::of(&decision, said.as_ref());
        let title = format!("{} -> {}", called(&call.source), called(&call.destination));
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
    if call.source.endpoint == call.destination.endpoint && call.source.endpoint.facts.one_pod.is_none() {
        notes.push("between two pods of the same kind; what a pod sends to its own address no policy stops".to_owned());
    }
    notes.extend(call.what_is_called(setting));
    notes.extend(alike(others));
    notes.extend(remedy::by_request(setting, call, &decision));
    let differs = said.as_ref().is_some_and(|said| said.passes != (decision.verdict == Verdict::Allowed));
    let broken = if differs && setting.judge == Judge::Given { assume::broken(setting, call, &decision) } else { Vec::new() };
    let disagreement = (differs && setting.judge == Judge::Compiled && !matches!(decision.verdict, Verdict::Unspecified(_))).then(|| {
        format!("the intents and the manifests compiled from them disagree about {} -> {}", call.source.text, call.destination.text)
    });
    Case {
        source: titled(&call.source, &call.written.0),
        source_short: call.source.short.clone(),
        source_name: call.source.name.clone(),
        destination: titled(&call.destination, &call.written.1),
        destination_short: call.destination.short.clone(),
        destination_name: call.destination.name.clone(),
        is_waypoint: setting.cluster.is_waypoint(&question.destination),
        origins: origin::of(setting, call, &decision),
        mode: mode(setting, &decision, call.port),
        client: client::sees(&setting.cluster, &question, &decision, (&call.source.short, &call.destination.short)),
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

/// What it is, else as a flow names it.
fn called(known: &Known) -> &str {
    known.name.as_deref().unwrap_or(&known.text)
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
