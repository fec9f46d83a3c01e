//! What gates say of a connection, a line each, as `twogate test` and `twogate verify` show it.
//!
//! Owns: the lines. `twogate explain` tells more, in a form of its own.

use crate::report;
use twogate::cluster::{Decision, Document, Gate, Step};
use twogate::flow::{Flow, Verdict};
use twogate::ir::Policy;
use twogate::meaning::speaking;
use twogate::source::Sources;
use twogate::syntax::ast::{Action, Direction};

/// As many documents are named in one line.
const NAMED: usize = 2;

/// The gates that decided: all of them if the connection passes, else those that stop it or leave it open.
pub(crate) fn deciding(decision: &Decision) -> impl Iterator<Item = &Step> {
    let counts = |step: &&Step| decision.verdict == Verdict::Allowed || step.verdict != Verdict::Allowed;
    decision.steps.iter().filter(counts)
}

/// A gate's line: `enters app=db@shop  NetworkPolicy shop/db, ingress rule 1`.
pub(crate) fn line(step: &Step) -> String {
    format!("{}  {}", place(step), said(step, &|_| String::new()))
}

/// The same with the places of the objects: `… NetworkPolicy shop/db, ingress rule 1 (db.yaml:12)`.
pub(crate) fn line_with_places(step: &Step, sources: &Sources) -> String {
    let written = |document: &Document| match report::place(document.location, sources) {
        nowhere if nowhere.is_empty() => nowhere,
        place => format!(" ({place})"),
    };
    format!("{}  {}", place(step), said(step, &written))
}

/// The same with the line of the intents that opens the gate for this flow: `… (from `allow app=web -> app=db:5432`)`.
pub(crate) fn line_with_origin(step: &Step, policy: &Policy, flow: &Flow) -> String {
    let direction = match step.gate {
        Gate::Egress => Direction::Out,
        Gate::Ingress | Gate::Caller => Direction::In,
        Gate::Transport | Gate::Token => return line(step),
    };
    let opens = |rule: &&twogate::ir::Rule| rule.action == Action::Allow && step.verdict == Verdict::Allowed;
    match speaking(policy, flow, direction).find(opens).filter(|_| !step.decided_by.is_empty()) {
        Some(rule) => format!("{} (from `{}`)", line(step), rule.text.trim_end()),
        None => line(step),
    }
}

/// Where a gate stands.
fn place(step: &Step) -> String {
    match step.gate {
        Gate::Egress => format!("leaves {}", step.at),
        Gate::Ingress => format!("enters {}", step.at),
        Gate::Transport => "transport".to_owned(),
        Gate::Token => "token".to_owned(),
        Gate::Caller => "caller".to_owned(),
    }
}

/// The kind of the objects that decide at a gate.
const fn kind(gate: Gate) -> &'static str {
    match gate {
        Gate::Egress | Gate::Ingress => "NetworkPolicy",
        Gate::Transport => "PeerAuthentication",
        Gate::Token => "RequestAuthentication",
        Gate::Caller => "AuthorizationPolicy",
    }
}

/// What a gate says: the rule that lets the connection through, or why none does, with what is said of each object besides.
fn said(step: &Step, beside: &dyn Fn(&Document) -> String) -> String {
    if step.decided_by.is_empty() {
        return format!("{}: {}", kind(step.gate), step.reason);
    }
    let mut shown = String::new();
    let mut kind: &str = "";
    for document in step.decided_by.iter().take(NAMED) {
        let separator = if shown.is_empty() { "" } else { ", " };
        let told = if *document.kind == *kind { String::new() } else { format!("{} ", document.kind) };
        shown.extend([separator, &told, &named(document, step.gate), &beside(document)]);
        kind = &document.kind;
    }
    let more = step.decided_by.len().saturating_sub(NAMED);
    if more > 0 {
        shown.extend([" and ", &more.to_string(), " more"]);
    }
    if step.verdict == Verdict::Allowed && step.gate != Gate::Transport {
        return shown;
    }
    format!("{shown}: {}", step.reason)
}

/// `shop/db, ingress rule 1`.
fn named(document: &Document, gate: Gate) -> String {
    let list = match gate {
        Gate::Egress => "egress ",
        Gate::Ingress => "ingress ",
        Gate::Transport | Gate::Token | Gate::Caller => "",
    };
    let rule = document.rule.map(|rule| format!(", {list}rule {rule}")).unwrap_or_default();
    format!("{}/{}{rule}", document.namespace, document.name)
}
