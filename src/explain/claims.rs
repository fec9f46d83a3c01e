//! Claims whose names hold dots: one name, or the way to a claim inside another.
//!
//! Owns: which of the two a flow means. Policies keep them apart (`semantics.md` §4.3) and a flow writes both with dots, so it means what
//! policies look at; where they look at both, it may be either. It must not judge.

use std::collections::BTreeSet;

use serde_json::Value;

use super::call::Call;
use super::place;
use super::setting::Setting;
use crate::flow::{Request, Symbol, Token};

/// More readings of one token than these are not tried: it is then taken to have the claims of all.
const MOST_READINGS: usize = 8;

/// The beginning of a condition's key that looks at a claim.
const KEY: &str = "request.auth.claims";

/// The claims at which the policies of a setting look, as their keys write them behind [`KEY`].
pub(super) fn looked_at(setting: &Setting) -> BTreeSet<&str> {
    let mut keys = BTreeSet::new();
    let policies = setting.objects.iter().filter(|object| place::kind(object) == "AuthorizationPolicy");
    policies.for_each(|policy| add_keys(policy, &mut keys));
    keys
}

fn add_keys<'v>(value: &'v Value, keys: &mut BTreeSet<&'v str>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| add_keys(value, keys)),
        Value::Object(fields) => {
            keys.extend(place::text(value, &["key"]).and_then(|key| key.strip_prefix(KEY)));
            fields.values().for_each(|value| add_keys(value, keys));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A call once for each reading of its token.
pub(super) fn readings(call: Call, looked_at: &BTreeSet<&str>) -> Vec<Call> {
    let mut readings = vec![call];
    for (name, path) in dotted(&readings) {
        let (by_name, by_path) = (looked_at.contains(&*format!("[{name}]")), looked_at.contains(&*path));
        let taken = match (by_name, by_path) {
            (false, true) => vec![(&name, Some("the way to a claim inside another"))],
            (_, false) => vec![(&path, None)],
            (true, true) => vec![(&path, Some("one name")), (&name, Some("the way to a claim inside another"))],
        };
        if readings.len() * taken.len() <= MOST_READINGS {
            let read =
                |call: &Call| taken.iter().map(|(other, word)| without(call, other, word.map(|word| (&name, word)))).collect::<Vec<_>>();
            readings = readings.iter().flat_map(read).collect();
        }
    }
    readings
}

/// The names with dots of a call's token, each with the same as a path.
fn dotted(calls: &[Call]) -> Vec<(Symbol, Symbol)> {
    let Some(Token::Valid { claims, .. }) = calls.first().and_then(|call| call.request.as_ref()).map(|request| &request.token) else {
        return Vec::new();
    };
    let of = |name: &Symbol| Some((Symbol::clone(name), path_of(name).filter(|path| claims.contains_key(path))?));
    claims.keys().filter_map(of).collect()
}

/// The claim inside others that a name with dots means, as the evaluator's tokens call it; none for a plain name and for an address.
pub(super) fn path_of(name: &str) -> Option<Symbol> {
    let is_path = name.contains('.') && !name.contains('/') && name.split('.').all(|part| !part.is_empty());
    is_path.then(|| name.split('.').flat_map(|part| ["[", part, "]"]).collect::<String>().into())
}

/// A call whose token lacks a claim, and what its name is taken for.
fn without(call: &Call, claim: &Symbol, taken: Option<(&Symbol, &str)>) -> Call {
    let mut call = call.clone();
    if let Some(Request { token: Token::Valid { claims, .. }, .. }) = &mut call.request {
        claims.remove(claim);
    }
    call.readings.extend(taken.map(|(name, word)| format!("the dots of the claim `{name}` are taken for {word}")));
    call
}
