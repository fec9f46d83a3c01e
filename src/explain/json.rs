//! The answer for programs.
//!
//! Owns: `render` and the shape, which has a version: a field may be added within a version, never renamed or removed.

use serde::Serialize;

use super::Answer;
use super::accepted::Acceptance;
use super::case::Case;
use super::human::kind;
use super::origin::Origin;
use super::remedy::{Remedy, Wish};
use super::said::{End, Line, Said, Why};
use super::setting;
use crate::cluster::{Document, Gate, Miss, Step};
use crate::flow::{Transport, Verdict};
use crate::source::Sources;

/// The version of the shape.
const VERSION: u32 = 1;

/// The whole answer as one JSON object, with a line end.
pub fn render(answer: &Answer) -> String {
    let cases = answer.cases.iter().map(|case| Connection::of(case, &answer.sources)).collect();
    let whole = Whole {
        version: VERSION,
        verdict: answer.verdict().map(verdict_word),
        answers: cases,
        notes: &answer.notes,
        findings: findings(answer),
    };
    let mut text = serde_json::to_string_pretty(&whole).unwrap_or_default();
    text.push('\n');
    text
}

#[derive(Serialize)]
struct Whole<'a> {
    version: u32,
    /// Null where the connections that the flow stands for are judged differently, or where not all of them were looked at.
    verdict: Option<&'static str>,
    answers: Vec<Connection<'a>>,
    notes: &'a [String],
    /// The errors in the manifests, as `check --format json` has findings.
    findings: serde_json::Value,
}

/// What is told besides, as all findings are written for programs.
fn findings(answer: &Answer) -> serde_json::Value {
    let text = crate::diagnostic::json::render(&answer.told(), &answer.sources, None);
    let whole: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    whole.get("findings").cloned().unwrap_or_default()
}

#[derive(Serialize)]
struct Connection<'a> {
    verdict: &'static str,
    /// Why it is unspecified; null otherwise.
    reason: Option<&'a str>,
    source: Party<'a>,
    destination: Party<'a>,
    protocol: &'static str,
    port: u16,
    /// `mtls` or `plaintext`; null if it is not known or no TCP.
    transport: Option<&'static str>,
    /// What the destination's `PeerAuthentication` states; null if none does.
    mode: Option<Stated<'a>>,
    request: Option<Asked<'a>>,
    gates: Vec<Judged<'a>>,
    client: Option<&'a str>,
    intents: Option<Intents<'a>>,
    remedies: Vec<Advice<'a>>,
    unknown: &'a [String],
    notes: &'a [String],
}

#[derive(Serialize)]
struct Party<'a> {
    flow: &'a str,
    /// `Deployment shop/web`; null where nobody described it.
    name: Option<&'a str>,
    /// The addresses that it stands for, as blocks; null for a pod.
    addresses: Option<&'a [String]>,
}

#[derive(Serialize)]
struct Stated<'a> {
    document: &'a str,
    mode: &'a str,
}

#[derive(Serialize)]
struct Asked<'a> {
    method: &'a str,
    path: &'a str,
    host: &'a str,
}

#[derive(Serialize)]
struct Judged<'a> {
    gate: &'static str,
    kind: &'a str,
    at: &'a str,
    verdict: &'static str,
    reason: &'a str,
    decided_by: Vec<Named<'a>>,
    /// The rules of intents that these documents come from, by place where the intents are at hand.
    from: Vec<Source<'a>>,
    misses: Vec<Missed<'a>>,
}

#[derive(Serialize)]
struct Source<'a> {
    place: Option<String>,
    text: &'a str,
}

#[derive(Serialize)]
struct Named<'a> {
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    /// Counted from 1; null for the whole.
    rule: Option<usize>,
}

#[derive(Serialize)]
struct Missed<'a> {
    document: Named<'a>,
    wants: &'a str,
    has: &'a str,
}

#[derive(Serialize)]
struct Intents<'a> {
    verdict: &'static str,
    leaves: Side<'a>,
    enters: Side<'a>,
    /// What lets the connection in though the intents refuse it, as a line accepts.
    accepted: Vec<Accepted<'a>>,
    broken: &'a [String],
    disagreement: Option<&'a str>,
}

#[derive(Serialize)]
struct Accepted<'a> {
    code: &'static str,
    /// Where the `accept` stands.
    place: String,
    network: Rule<'a>,
    mesh: Rule<'a>,
}

#[derive(Serialize)]
struct Side<'a> {
    passes: bool,
    why: &'static str,
    rules: Vec<Rule<'a>>,
}

#[derive(Serialize)]
struct Rule<'a> {
    place: String,
    namespace: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct Advice<'a> {
    /// `allow` or `stop`.
    to: &'static str,
    changes: Vec<Place<'a>>,
    /// Who else gains or loses something; null if the change was refused.
    others: Option<&'a [String]>,
    /// Who loses something by what is to allow, or gains by what is to stop; null if the change was refused.
    against: Option<&'a [String]>,
    /// For whom it is undecided afterwards, and was not before; null if the change was refused.
    undecided: Option<&'a [String]>,
    compared: usize,
    partial: bool,
    findings: &'a [&'static str],
    refused: Option<&'a str>,
}

#[derive(Serialize)]
struct Place<'a> {
    place: &'a str,
    text: &'a str,
}

impl<'a> Connection<'a> {
    fn of(case: &'a Case, sources: &Sources) -> Self {
        let question = &case.question;
        let reason = match &case.decision.verdict {
            Verdict::Unspecified(reason) => Some(reason.as_str()),
            Verdict::Allowed | Verdict::Denied => None,
        };
        Self {
            verdict: verdict_word(&case.decision.verdict),
            reason,
            source: Party::of(&case.source, case.source_name.as_deref(), &case.source_addresses),
            destination: Party::of(&case.destination, case.destination_name.as_deref(), &case.destination_addresses),
            protocol: question.protocol.word(),
            port: question.port,
            transport: case.decision.transport.map(|transport| match transport {
                Transport::Mtls => "mtls",
                Transport::Plaintext => "plaintext",
            }),
            mode: case.mode.as_ref().map(|mode| Stated { document: &mode.document, mode: &mode.mode }),
            request: question.request.as_ref().map(|request| Asked {
                method: &request.method,
                path: &request.path,
                host: request.host.trim_end_matches(':'),
            }),
            gates: case.decision.steps.iter().zip(&case.origins).map(|(step, origin)| Judged::of(step, origin.as_ref(), sources)).collect(),
            client: case.client.as_deref(),
            intents: case.said.as_ref().map(|said| Intents::of(said, case, sources)),
            remedies: case.remedies.iter().map(Advice::of).collect(),
            unknown: &case.unknown,
            notes: &case.notes,
        }
    }
}

impl<'a> Party<'a> {
    fn of(flow: &'a str, name: Option<&'a str>, addresses: &'a [String]) -> Self {
        Self { flow, name, addresses: (!addresses.is_empty()).then_some(addresses) }
    }
}

impl<'a> Judged<'a> {
    fn of(step: &'a Step, origin: Option<&'a Origin>, sources: &Sources) -> Self {
        let gate = match step.gate {
            Gate::Egress => "egress",
            Gate::Ingress => "ingress",
            Gate::Transport => "transport",
            Gate::Token => "token",
            Gate::Caller => "caller",
        };
        Self {
            gate,
            kind: kind(step),
            at: &step.at,
            verdict: verdict_word(&step.verdict),
            reason: &step.reason,
            decided_by: step.decided_by.iter().map(Named::of).collect(),
            from: match origin {
                Some(Origin::Lines(lines)) => {
                    lines.iter().map(|line| Source { place: Some(setting::place(sources, line.location)), text: &line.text }).collect()
                }
                Some(Origin::Texts(texts)) => texts.iter().map(|text| Source { place: None, text }).collect(),
                Some(Origin::Baseline) => vec![Source { place: None, text: "the baseline" }],
                None => Vec::new(),
            },
            misses: step.misses.iter().map(Missed::of).collect(),
        }
    }
}

impl<'a> Named<'a> {
    fn of(document: &'a Document) -> Self {
        Self { kind: &document.kind, namespace: &document.namespace, name: &document.name, rule: document.rule }
    }
}

impl<'a> Missed<'a> {
    fn of(miss: &'a Miss) -> Self {
        Self { document: Named::of(&miss.document), wants: &miss.wants, has: &miss.has }
    }
}

impl<'a> Intents<'a> {
    fn of(said: &'a Said, case: &'a Case, sources: &Sources) -> Self {
        Self {
            verdict: if said.passes { "allowed" } else { "denied" },
            leaves: Side::of(&said.leaves, sources),
            enters: Side::of(&said.enters, sources),
            accepted: case.accepted.iter().map(|acceptance| Accepted::of(acceptance, sources)).collect(),
            broken: &case.broken,
            disagreement: case.disagreement.as_deref(),
        }
    }
}

impl<'a> Side<'a> {
    fn of(end: &'a End, sources: &Sources) -> Self {
        let why = match end.why {
            Why::Unmanaged => "unmanaged",
            Why::Open => "open",
            Why::Baseline => "baseline",
            Why::Opened => "opened",
            Why::Cut => "cut",
            Why::Token => "token",
            Why::Nothing => "nothing",
        };
        Self { passes: end.passes, why, rules: end.rules.iter().map(|line| Rule::of(line, sources)).collect() }
    }
}

impl<'a> Accepted<'a> {
    fn of(acceptance: &'a Acceptance, sources: &Sources) -> Self {
        let place = setting::place(sources, acceptance.location);
        let [network, mesh] = [&acceptance.network, &acceptance.mesh].map(|line| Rule::of(line, sources));
        Self { code: acceptance.code, place, network, mesh }
    }
}

impl<'a> Rule<'a> {
    fn of(line: &'a Line, sources: &Sources) -> Self {
        Self { place: setting::place(sources, line.location), namespace: &line.namespace, text: &line.text }
    }
}

impl<'a> Advice<'a> {
    fn of(remedy: &'a Remedy) -> Self {
        Self {
            to: match remedy.wish {
                Wish::Allow => "allow",
                Wish::Stop => "stop",
            },
            changes: remedy.changes.iter().map(|change| Place { place: &change.place, text: &change.text }).collect(),
            others: remedy.effect.as_ref().map(|effect| effect.others.as_slice()),
            against: remedy.effect.as_ref().map(|effect| effect.against.as_slice()),
            undecided: remedy.effect.as_ref().map(|effect| effect.undecided.as_slice()),
            compared: remedy.effect.as_ref().map_or(0, |effect| effect.compared),
            partial: remedy.effect.as_ref().is_some_and(|effect| effect.partial),
            findings: remedy.effect.as_ref().map_or(&[], |effect| effect.findings.as_slice()),
            refused: remedy.refused.as_deref(),
        }
    }
}

pub(super) fn verdict_word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied => "denied",
        Verdict::Unspecified(_) => "unspecified",
    }
}
