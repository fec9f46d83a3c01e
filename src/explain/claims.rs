//! Claims whose names hold dots: each dot is one of a name, or a step on the way to a claim inside another.
//!
//! Owns: which of them a flow means. Policies keep them apart (`semantics.md` §4.3) and a flow writes all with dots, so it means what
//! is looked at; where several of its readings are, it may be any of them. It must not judge.

use std::collections::BTreeSet;

use serde_json::Value;

use super::call::Call;
use super::place;
use super::setting::Setting;
use crate::flow::{Request, Symbol, Token, TokenTest};

/// More readings of one token than these are not tried.
const MOST_READINGS: usize = 64;

/// The beginning of a condition's key that looks at a claim.
const KEY: &str = "request.auth.claims";

/// The claims at which somebody looks, each as the names on the way to it.
pub(super) type LookedAt = BTreeSet<Vec<Symbol>>;

/// The claims at which the policies of a setting look, and its intents.
pub(super) fn looked_at(setting: &Setting) -> LookedAt {
    let mut ways = BTreeSet::new();
    let policies = setting.objects.iter().filter(|object| place::kind(object) == "AuthorizationPolicy");
    policies.for_each(|policy| add_keys(policy, &mut ways));
    let tokens = setting.policy.rules.iter().flat_map(|rule| &rule.requests.cubes).map(|cube| &cube.token);
    let names = tokens.filter_map(|token| if let TokenTest::Valid { claims, .. } = token { Some(claims) } else { None }).flatten();
    // Intents know names alone.
    ways.extend(names.map(|(name, _)| vec![Symbol::clone(name)]));
    ways
}

fn add_keys(value: &Value, ways: &mut LookedAt) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| add_keys(value, ways)),
        Value::Object(fields) => {
            ways.extend(place::text(value, &["key"]).and_then(|key| way(key.strip_prefix(KEY)?)));
            fields.values().for_each(|value| add_keys(value, ways));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The names on a way, as a key writes it behind [`KEY`]: `[a][b]`.
fn way(brackets: &str) -> Option<Vec<Symbol>> {
    let names = brackets.strip_prefix('[')?.strip_suffix(']')?;
    Some(names.split("][").map(Symbol::from).collect())
}

/// A claim as the evaluator's tokens call it: by its name, or by the way to it.
fn called(way: &[Symbol]) -> Symbol {
    match way {
        [name] => Symbol::clone(name),
        _ => way.iter().flat_map(|name| ["[", name, "]"]).collect::<String>().into(),
    }
}

/// The condition's key that looks at a claim of a token.
pub(super) fn key(claim: &str) -> String {
    if claim.starts_with('[') { format!("{KEY}{claim}") } else { format!("{KEY}[{claim}]") }
}

/// The readings of a token.
pub(super) struct Readings {
    /// A call once for each of them.
    pub(super) calls: Vec<Call>,
    /// Whether there are more.
    pub(super) are_more: bool,
}

/// A call once for each reading of its token.
pub(super) fn readings(call: Call, looked_at: &LookedAt) -> Readings {
    let mut found = Readings { calls: vec![call], are_more: false };
    for name in dotted(&found.calls) {
        let mut ways: Vec<&[Symbol]> = looked_at.iter().filter(|way| way.join(".") == *name).map(Vec::as_slice).collect();
        ways.sort_by_key(|way| way.len());
        // Nobody looks at it as anything else than what it is.
        if ways.iter().all(|way| way.len() == 1) {
            continue;
        }
        found.are_more |= found.calls.len() * ways.len() > MOST_READINGS;
        let read = |call: &Call| ways.iter().map(|way| taken_for(call, &name, way)).collect::<Vec<_>>();
        found.calls = found.calls.iter().flat_map(read).take(MOST_READINGS).collect();
    }
    found
}

/// The names with dots of a call's token.
fn dotted(calls: &[Call]) -> Vec<Symbol> {
    let Some(Token::Valid { claims, .. }) = calls.first().and_then(|call| call.request.as_ref()).map(|request| &request.token) else {
        return Vec::new();
    };
    claims.keys().filter(|name| name.contains('.')).cloned().collect()
}

/// A call whose token has a claim where a way leads, and what its name is taken for.
fn taken_for(call: &Call, name: &Symbol, way: &[Symbol]) -> Call {
    let mut call = call.clone();
    if let Some(Request { token: Token::Valid { claims, .. }, .. }) = &mut call.request
        && let Some(values) = claims.remove(name)
    {
        claims.insert(called(way), values);
    }
    call.readings.push(format!("the dots of the claim `{name}` are taken for {}", in_words(name, way)));
    call
}

/// What a claim is; of a name with several dots some may be its own, so the way is told.
fn in_words(name: &str, way: &[Symbol]) -> String {
    match (way.len(), name.matches('.').count()) {
        (1, _) => "one name".to_owned(),
        (_, 1) => "the way to a claim inside another".to_owned(),
        _ => format!("the way to a claim inside another, `{}`", called(way)),
    }
}
