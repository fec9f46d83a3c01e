//! The connections that a flow stands for, each with its answer.
//!
//! Owns: `Case`, who is asked about, and which of many alike are shown. It must not know how an answer is written.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::accepted::{self, Acceptance};
use super::assume;
use super::authority;
use super::call::{self, Call, Calls};
use super::client;
use super::entrance;
use super::loopback;
use super::origin::{self, Origin};
use super::place;
use super::question::{Question, Side};
use super::range;
use super::remedy::{self, Remedy};
use super::said::{self, Said};
use super::setting::{Judge, Setting};
use super::spoken;
use super::subject;
use super::world::Known;
use crate::cluster::{self, Cluster, Decision, Endpoint, Gate};
use crate::compile::Mesh;
use crate::flow::{DataPlane, Flow, Peer, Protocol, Symbol, Transport, Verdict};

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
    /// The addresses that the caller stands for, as blocks; empty for a pod.
    pub source_addresses: Vec<String>,
    /// The destination, as a flow names it.
    pub destination: String,
    /// The destination in a word.
    pub destination_short: String,
    /// What the destination is.
    pub destination_name: Option<String>,
    /// The addresses that the destination stands for, as blocks; empty for a pod.
    pub destination_addresses: Vec<String>,
    /// What part the caller and the destination have in the mesh, in a word or two: `sidecar`, `gateway`.
    pub parts: [&'static str; 2],
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
    /// What lets the connection in though the intents refuse it, as a line accepts.
    pub accepted: Vec<Acceptance>,
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

/// The answers to a question.
pub(super) struct Cases {
    /// One of each kind.
    pub(super) shown: Vec<Case>,
    /// The one verdict on all that the question stands for; none if they differ, or if not all were looked at.
    pub(super) verdict: Option<Verdict>,
    /// What was taken for granted.
    pub(super) notes: Vec<String>,
}

/// The answers to a question: one of each kind, with what was taken for granted.
pub(super) fn cases(setting: &Setting, question: &Question) -> Cases {
    let mut notes = question.notes.clone();
    let is_seen = question.targets.iter().any(|target| target.protocol == Protocol::Tcp);
    if setting.mesh == Mesh::Unmentioned && is_seen {
        notes
            .push("no manifest speaks of a mesh, so pods are taken without one; `[mesh] mode` in `twogate.toml` says otherwise".to_owned());
    }
    let Calls { asked: calls, left, is_partial, has_more_readings } = call::calls(setting, question);
    if left > 0 {
        notes.push(format!("{left} more pairs of workloads are not looked at"));
    }
    if is_partial {
        notes.push("the pods that the flow stands for fall into too many classes: not all of them are looked at".to_owned());
    }
    if has_more_readings {
        notes.push("the dots of the claims can be taken in more ways than are looked at: not all of them are".to_owned());
    }
    let is_whole = left == 0 && !is_partial && !has_more_readings;
    let kinds = kinds(setting, calls);
    if kinds.len() > 1 {
        let who = told_apart(&kinds);
        notes.push(format!("the {who} that the flow stands for are judged differently: one of each kind is shown"));
    }
    let verdict = kinds.first().map(|first| first.decision.verdict.clone());
    let agree = is_whole && kinds.iter().zip(kinds.iter().skip(1)).all(|(left, right)| left.kind.verdict == right.kind.verdict);
    let shown = kinds.into_iter().take(MOST_CASES);
    Cases { shown: shown.map(|kind| case(setting, kind, question)).collect(), verdict: verdict.filter(|_| agree), notes }
}

/// Connections that are judged alike.
struct Alike {
    kind: Kind,
    /// The one that is shown.
    call: Call,
    decision: Decision,
    /// The others.
    others: Vec<Call>,
}

/// The calls by how they are judged; those between one pod and addresses are one.
fn kinds(setting: &Setting, calls: Vec<Call>) -> Vec<Alike> {
    let mut kinds: Vec<Alike> = Vec::new();
    for call in calls {
        let decision = call.decide(setting);
        let said = said(setting, &call, &decision);
        let kind = Kind::of(&call, &decision, said.as_ref());
        match kinds.iter_mut().find(|known| known.kind.is_of(&kind)) {
            Some(known) => {
                let mut same = std::iter::once(&mut known.call).chain(&mut known.others);
                if !same.any(|own| own.takes_in(&call)) {
                    known.others.push(call);
                }
            }
            None => kinds.push(Alike { kind, call, decision, others: Vec::new() }),
        }
    }
    kinds
}

/// Who is judged differently, in a word.
fn told_apart(kinds: &[Alike]) -> &'static str {
    let calls = || kinds.iter().flat_map(|kind| std::iter::once(&kind.call).chain(&kind.others));
    let differ = |of: fn(&Call) -> &Known| {
        let first = calls().next().map(of);
        calls().any(|call| first.is_some_and(|first| first.endpoint != of(call).endpoint))
    };
    let is_range = |of: fn(&Call) -> &Known| differ(of) && calls().any(|call| matches!(of(call).endpoint.peer, Peer::Address(_)));
    let is_pod = |of: fn(&Call) -> &Known| differ(of) && calls().any(|call| matches!(of(call).endpoint.peer, Peer::Pod(_)));
    let is_set = |of: fn(&Call) -> &Known| differ(of) && calls().any(|call| of(call).set.is_some());
    if calls().any(|call| calls().any(|other| other.readings != call.readings)) {
        return "readings";
    }
    if calls().any(|call| call.past.is_some()) {
        return "ways of such a call";
    }
    let ends: [fn(&Call) -> &Known; 2] = [|call| &call.source, |call| &call.destination];
    match (ends.into_iter().any(is_pod), ends.into_iter().any(is_range), ends.into_iter().any(is_set)) {
        (_, false, true) => "pods",
        (_, false, false) => "workloads",
        (false, true, _) => "addresses",
        (true, true, true) => "pods and addresses",
        (true, true, false) => "workloads and addresses",
    }
}

/// By what answers are told apart.
#[derive(Debug, PartialEq, Eq)]
struct Kind {
    verdict: std::mem::Discriminant<Verdict>,
    intents: Option<bool>,
    by: By,
}

/// By which gate a connection is stopped.
#[derive(Debug, PartialEq, Eq)]
enum By {
    /// This one; none stops it.
    Gate(Option<Gate>),
    /// Whichever: pods that nobody described are many, and these are not told apart by that.
    Any,
}

impl Kind {
    fn of(call: &Call, decision: &Decision, said: Option<&Said>) -> Self {
        let is_set = [&call.source, &call.destination].into_iter().any(|end| end.set.is_some());
        let gate = || decision.steps.iter().find(|step| step.verdict != Verdict::Allowed).map(|step| step.gate);
        let by = if is_set { By::Any } else { By::Gate(gate()) };
        Self { verdict: std::mem::discriminant(&decision.verdict), intents: said.map(|said| said.passes), by }
    }

    /// Whether an answer of another kind needs no page besides one of this.
    fn is_of(&self, other: &Self) -> bool {
        self.verdict == other.verdict && self.intents == other.intents && (other.by == By::Any || self.by == other.by)
    }
}

/// What the intents say of a connection; none without intents.
pub(super) fn said(setting: &Setting, call: &Call, decision: &Decision) -> Option<Said> {
    let is_silent = setting.input.intents.is_empty() && setting.input.with.is_empty();
    // Of what never leaves a pod intents say nothing.
    if is_silent || loopback::is_it(&call.source, &call.destination) {
        return None;
    }
    Some(said::of(&setting.policy, &flow(setting, call, decision)))
}

/// The connection as the intents see it.
fn flow(setting: &Setting, call: &Call, decision: &Decision) -> Flow {
    let transport = decision.transport.or(call.transport);
    said::flow(&setting.policy, (&call.source, &call.destination), (call.protocol, call.port), transport, call.request.as_ref())
}

/// Whether mTLS is asked of a pod that takes no part in the mesh: of such a connection intents say nothing.
fn is_impossible(call: &Call) -> bool {
    let is_outside = |known: &Known| matches!(&known.endpoint.peer, Peer::Pod(pod) if pod.plane == DataPlane::None);
    call.transport == Some(Transport::Mtls) && [&call.source, &call.destination].into_iter().any(is_outside)
}

/// What there is to be known besides the answer, each in a sentence.
fn notes(setting: &Setting, (call, decision): (&Call, &Decision), asked: &Question, others: &[String]) -> Vec<String> {
    let mut notes: Vec<String> = [&call.source, &call.destination].into_iter().filter_map(taken_as).collect();
    notes.extend(call.taken_for());
    notes.extend(call.readings.iter().cloned());
    notes.extend(assume::of_the_mesh(setting, call));
    notes.dedup();
    notes.extend(whose_address(setting, &call.source, std::iter::once(&asked.source)));
    notes.extend(whose_address(setting, &call.destination, asked.targets.iter().map(|target| &target.side)));
    notes.dedup();
    if call.source.endpoint == call.destination.endpoint && call.source.endpoint.facts.one_pod.is_none() {
        notes.push("between two pods of the same kind; what a pod sends to its own address no policy stops".to_owned());
    }
    notes.extend(loopback::note(&call.source, &call.destination));
    notes.extend(entrance::note(setting, call));
    notes.extend(arrives_as(setting, call, asked));
    notes.extend(call.what_is_called(setting, decision));
    notes.extend(call.taken_host(setting));
    notes.extend(spoken::note(setting, call, decision));
    notes.extend(setting.routings.note(setting, call, decision));
    notes.extend(alike_note(others));
    notes.extend(remedy::by_request(setting, call, decision));
    notes.extend(subject::hangs_on(setting, call, decision));
    notes.extend(authority::hangs_on(setting, call, decision));
    let short = (&*call.source.short, &*call.destination.short);
    notes.extend(client::only_http(&setting.cluster, &call.question(), decision, short));
    notes
}

fn case(setting: &Setting, alike: Alike, asked: &Question) -> Case {
    let Alike { mut call, decision, mut others, .. } = alike;
    for call in std::iter::once(&mut call).chain(&mut others) {
        call.name_ranges(setting, asked);
    }
    let call = &call;
    let own = alike_title(call);
    let more_readings = more_readings(call, &others);
    let mut others: Vec<String> = others.iter().map(alike_title).filter(|title| *title != own).collect();
    // One call may be there by several readings.
    others.dedup();
    let mut notes = notes(setting, (call, &decision), asked, &others);
    notes.extend(more_readings);
    let question = call.question();
    let said = said(setting, call, &decision);
    let differs = said.as_ref().is_some_and(|said| said.passes != (decision.verdict == Verdict::Allowed));
    let is_gained = differs && decision.verdict == Verdict::Allowed;
    let accepted =
        said.as_ref().filter(|_| is_gained).map_or_else(Vec::new, |said| accepted::of(setting, &flow(setting, call, &decision), said));
    let broken = if differs && setting.judge == Judge::Given { assume::broken(setting, call, &decision) } else { Vec::new() };
    let taken_for_http = if differs { assume::taken_for_http(setting, call) } else { None };
    // Intents speak of who calls, and not of the address with which the call arrives.
    let is_said_of = call.entrance.is_none() && taken_for_http.is_none() && !is_impossible(call);
    let is_comparable = is_said_of && !matches!(decision.verdict, Verdict::Unspecified(_));
    notes.extend(taken_for_http);
    let is_fault = differs && accepted.is_empty() && setting.judge == Judge::Compiled;
    let disagreement = (is_fault && is_comparable).then(|| {
        format!("the intents and the manifests compiled from them disagree about {} -> {}", call.source.text, call.destination.text)
    });
    Case {
        source: titled(&call.source, &call.written.0.title),
        source_short: call.source.short.clone(),
        source_name: call.source.name.clone(),
        source_addresses: range::prefixes(&call.source.range),
        destination: titled(&call.destination, &call.written.1.title),
        destination_short: call.destination.short.clone(),
        destination_name: call.destination.name.clone(),
        destination_addresses: range::prefixes(&call.destination.range),
        parts: parts(&setting.cluster, &question),
        origins: origin::of(setting, call, &decision),
        mode: mode(setting, &decision, call.port),
        client: client::sees(&setting.cluster, &question, &decision, (&call.source.short, &call.destination.short))
            .map(|seen| if asked.is_grpc { client::as_grpc(&seen) } else { seen }),
        remedies: remedy::find(setting, call, &decision, said.as_ref()),
        unknown: assume::unknown(setting, call),
        question,
        decision,
        said,
        accepted,
        broken,
        notes,
        disagreement,
    }
}

/// What part both ends have in the mesh.
fn parts(cluster: &Cluster, question: &cluster::Question) -> [&'static str; 2] {
    let part = |end: &Endpoint| match &end.peer {
        Peer::Address(_) => "outside",
        Peer::Pod(pod) => match pod.plane {
            DataPlane::None => "no mesh",
            DataPlane::Sidecar if cluster.is_gateway(end) => "gateway",
            DataPlane::Sidecar => "sidecar",
            DataPlane::Ambient => "ambient",
        },
    };
    let to = if cluster.is_waypoint(&question.destination) { "waypoint" } else { part(&question.destination) };
    [part(&question.source), to]
}

/// Who calls whom: what they are, else as a flow names them.
fn alike_title(call: &Call) -> String {
    let called = |known: &Known, title: &str| known.name.clone().or_else(|| known.set.clone()).unwrap_or_else(|| title.to_owned());
    format!("{} -> {}", called(&call.source, &call.written.0.title), called(&call.destination, &call.written.1.title))
}

/// As the flow names it; an address that stands for more says for what.
fn titled(known: &Known, written: &str) -> String {
    if matches!(known.endpoint.peer, Peer::Address(_)) && written != known.text {
        return format!("{written} ({})", known.text);
    }
    known.text.clone()
}

/// That a path arrives as another one, where a proxy stands on the way (`semantics.md` §2.7).
fn arrives_as(setting: &Setting, call: &Call, asked: &Question) -> Option<String> {
    let typed = asked.typed_path.as_ref()?;
    let in_mesh = |known: &Known| matches!(&known.endpoint.peer, Peer::Pod(pod) if pod.plane != DataPlane::None);
    let (arrived, mode) = (&call.request.as_ref()?.path, setting.policy.config.mesh.path_normalization.word());
    let is_meshed = in_mesh(&call.source) || in_mesh(&call.destination);
    is_meshed.then(|| format!("`{typed}` arrives as `{arrived}`: `mesh.path-normalization` is `{mode}`"))
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
    let (pod, set) = (known.pod()?, known.set.as_ref()?);
    let account: &Symbol = &pod.account;
    Some(if *set == known.text {
        format!("no known workload is {set}: taken as a pod with just these labels, account {}/{account}", pod.namespace)
    } else {
        format!("no known workload is {set}: this one is {}, account {}/{account}", known.text, pod.namespace)
    })
}

/// Who has the address that the flow names; of several addresses that some are pods', who are not meant by them.
fn whose_address<'q>(setting: &Setting, known: &Known, mut sides: impl Iterator<Item = &'q Side>) -> Option<String> {
    let addressed = setting.world.addressed();
    if let Peer::Pod(_) = known.endpoint.peer {
        let of = |address: &IpAddr| addressed.pods_at(*address).iter().find(|pod| Some(pod.one_pod()) == known.endpoint.facts.one_pod);
        let (address, pod) = sides.find_map(|side| {
            let address = side.end.peers().addresses.only()?;
            Some((address, of(&address)?))
        })?;
        return Some(format!("{address} is the address of {pod}: asked as that pod"));
    }
    if let Some(node) = &known.endpoint.facts.node {
        return Some(format!("{} is the address of node {node}: asked as a process of it", known.short));
    }
    let is_block = sides.any(|side| matches!(side.end.peers().addresses.prefixes().as_slice(), [only] if only.first() != only.last()));
    let pod = addressed.pod_within(&known.range).filter(|_| is_block)?;
    Some(format!("pods have some of these addresses, as {pod}; what holds for pods is asked by their names"))
}

/// That the same connection is judged alike where the dots of its claims are taken otherwise.
fn more_readings(call: &Call, others: &[Call]) -> Option<String> {
    let own = alike_title(call);
    let same = others.iter().filter(|other| alike_title(other) == own).map(|other| &other.readings);
    let readings: BTreeSet<&Vec<String>> = same.filter(|readings| **readings != call.readings).collect();
    match readings.len() {
        0 => None,
        1 => Some("one more way to take the dots of its claims is judged alike".to_owned()),
        more => Some(format!("{more} more ways to take the dots of its claims are judged alike")),
    }
}

/// That others are judged alike.
fn alike_note(others: &[String]) -> Option<String> {
    match others {
        [] => None,
        [only] => Some(format!("judged alike: {only}")),
        [first, rest @ ..] => Some(format!("judged alike: {first} and {} more", rest.len())),
    }
}
