//! What the rules of policies say, whatever these are called and wherever a rule stands in them.
//!
//! Owns: `RuleTexts`. Two sides that leave a flow open by rules that say the same leave it open alike. It must not judge.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::objects::{Altered, Held};
use super::side::Which;
use crate::cluster::{Decision, Document, Gate};
use crate::flow::{Symbol, Verdict};
use crate::manifest::plain;
use crate::source::Source;

/// A policy: its kind, namespace and name.
type Name = [Symbol; 3];

/// A list of rules of a policy on one side, and the number of one, counted from 1. The whole policy is number 0 of no list.
type Place = (Which, Name, &'static str, usize);

/// The rules of policies that are not the same, in words that tell all of what each says.
#[derive(Debug, Default)]
pub(super) struct RuleTexts {
    rules: BTreeMap<Place, String>,
    /// What is not the same.
    altered: BTreeSet<Name>,
}

/// What an answer hangs on.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hinge<'h> {
    /// A rule, or all, of what is the same on both sides.
    Same(&'h Symbol, &'h Symbol, &'h Symbol, Option<usize>),
    /// A rule that says this.
    Rule(&'h str),
    /// Something of one side, of which nobody knows whether it is on the other.
    Of(Which),
}

/// The lists of rules that policies have.
const LISTS: [&str; 3] = ["rules", "ingress", "egress"];

impl RuleTexts {
    /// Those of the policies among some objects. Of one that is there several times nobody knows which one is meant.
    pub(super) fn new(altered: &[Altered<'_>]) -> Self {
        let mut texts = Self { altered: altered.iter().flat_map(Altered::both).map(name).collect(), ..Self::default() };
        for object in altered.iter().filter(|object| object.times == 1) {
            for (which, held) in [(Which::Base, object.old), (Which::Head, object.new)] {
                texts.add(which, held);
            }
        }
        texts
    }

    fn add(&mut self, which: Which, held: Option<&Held>) {
        let Some(held) = held.filter(|held| ["NetworkPolicy", "AuthorizationPolicy"].contains(&held.kind.as_str())) else { return };
        let Some(mut object) = plain(&Source::new("", held.text.as_str())).into_iter().next() else { return };
        let Some(Value::Object(mut spec)) = object.get_mut("spec").map(Value::take) else { return };
        let of_whom = format!("{} {} {}", held.kind, held.namespace, for_istio(&object));
        let whole = format!("{of_whom} {}", in_order(Value::Object(spec.clone())));
        self.rules.insert((which, name(held), "", 0), whole);
        let lists = LISTS.map(|name| (name, spec.remove(name)));
        spec.remove("policyTypes");
        let rest = in_order(Value::Object(spec));
        for (list, rules) in lists {
            let Some(Value::Array(rules)) = rules else { continue };
            for (at, rule) in rules.into_iter().enumerate() {
                let text = format!("{of_whom} {rest} {list} {}", in_order(rule));
                self.rules.insert((which, name(held), list, at + 1), text);
            }
        }
    }

    /// Whether both sides leave a flow open by rules that say the same.
    pub(super) fn are_alike(&self, base: &Decision, head: &Decision) -> bool {
        self.hinges(Which::Base, base) == self.hinges(Which::Head, head)
    }

    /// What each gate hangs on that leaves a flow open.
    fn hinges<'h>(&'h self, which: Which, decision: &'h Decision) -> Vec<(Gate, BTreeSet<Hinge<'h>>)> {
        let open = decision.steps.iter().filter(|step| matches!(step.verdict, Verdict::Unspecified(_)));
        open.map(|step| (step.gate, step.decided_by.iter().map(|document| self.hinge(which, step.gate, document)).collect())).collect()
    }

    fn hinge<'h>(&'h self, which: Which, gate: Gate, document: &'h Document) -> Hinge<'h> {
        let Document { kind, namespace, name, rule, .. } = document;
        let full = [kind, namespace, name].map(Symbol::clone);
        if !self.altered.contains(&full) {
            return Hinge::Same(kind, namespace, name, *rule);
        }
        let list = match gate {
            Gate::Egress => "egress",
            Gate::Ingress => "ingress",
            Gate::Transport | Gate::Token | Gate::Caller => "rules",
        };
        let (list, number) = rule.map_or(("", 0), |rule| (list, rule));
        let text = self.rules.get(&(which, full, list, number));
        text.map_or(Hinge::Of(which), |text| Hinge::Rule(text))
    }
}

fn name(held: &Held) -> Name {
    [held.kind.as_str().into(), Symbol::clone(&held.namespace), held.own_name.as_str().into()]
}

/// What labels and annotations of an object say to Istio: by whom it is read, and whether it acts.
fn for_istio(object: &Value) -> String {
    let said = ["labels", "annotations"].into_iter().filter_map(|field| object.get("metadata")?.get(field)?.as_object()).flatten();
    let own: BTreeMap<&String, &Value> = said.filter(|(key, _)| key.starts_with("istio.io/")).collect();
    own.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

/// The same, with all lists in one order: in policies none means anything.
fn in_order(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(in_order).collect();
            items.sort_by_cached_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(fields) => {
            let sorted: BTreeMap<String, Value> = fields.into_iter().map(|(key, value)| (key, in_order(value))).collect();
            Value::Object(sorted.into_iter().collect())
        }
        other => other,
    }
}
