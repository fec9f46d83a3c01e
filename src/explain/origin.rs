//! Which lines of the intents a gate's documents come from.
//!
//! Owns: `Origin`, `of`. Compiled objects say in an annotation which rules they come from; of these, the ones that speak of the
//! connection count. It must not judge.

use super::call::Call;
use super::place;
use super::said::{self, Line};
use super::setting::Setting;
use crate::cluster::{Decision, Document, Gate, Step};
use crate::flow::{Flow, Verdict};
use crate::ir::Rule;
use crate::syntax::ast::{Action, Direction};

/// Where a gate's documents come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// These lines of the intents.
    Lines(Vec<Line>),
    /// Rules of intents that are not at hand, by their texts.
    Texts(Vec<String>),
    /// What every pod keeps.
    Baseline,
}

/// For each step of a decision, where its documents come from; none where they come from no intents, or where nothing passes.
pub(super) fn of(setting: &Setting, call: &Call, decision: &Decision) -> Vec<Option<Origin>> {
    let transport = decision.transport.or(call.transport);
    let ends = (&call.source, &call.destination);
    let flow = said::flow(&setting.policy, ends, (call.protocol, call.port), transport, call.request.as_ref());
    decision.steps.iter().map(|step| of_step(setting, &flow, step)).collect()
}

fn of_step(setting: &Setting, flow: &Flow, step: &Step) -> Option<Origin> {
    let direction = match step.gate {
        Gate::Egress => Direction::Out,
        Gate::Ingress | Gate::Caller => Direction::In,
        Gate::Transport | Gate::Token => return None,
    };
    if step.verdict != Verdict::Allowed {
        return None;
    }
    let find = |document: &Document| {
        let is_it = |object: &&serde_json::Value| place::is(object, &document.kind, &document.namespace, &document.name);
        setting.objects.iter().find(is_it).filter(|object| place::is_compiled(object))
    };
    let objects: Vec<&serde_json::Value> = step.decided_by.iter().filter_map(find).collect();
    let texts: Vec<_> = objects.iter().flat_map(|object| place::origin(object)).collect();
    if objects.is_empty() {
        return None;
    }
    if texts.is_empty() {
        return Some(Origin::Baseline);
    }
    if setting.policy.rules.is_empty() {
        return Some(Origin::Texts(texts.into_iter().map(|(_, text)| text).collect()));
    }
    let is_named = |rule: &&Rule| texts.iter().any(|(namespace, text)| *namespace == rule.namespace && *text == rule.text.trim_end());
    let rules = setting.policy.rules.iter().filter(is_named).filter(|rule| speaks(rule, flow, direction, step.gate));
    let lines: Vec<Line> = rules.map(Line::of).collect();
    (!lines.is_empty()).then_some(Origin::Lines(lines))
}

/// Whether a rule speaks of a connection, as far as a gate can see: the network knows neither requests nor transports.
fn speaks(rule: &Rule, flow: &Flow, direction: Direction, gate: Gate) -> bool {
    let ends = rule.action == Action::Allow && rule.faces(direction) && rule.joins(flow);
    let transport = rule.mtls.is_none() || flow.transport == crate::flow::Transport::Mtls;
    ends && (gate != Gate::Caller || transport && rule.requests.admits(flow.request.as_ref()))
}
