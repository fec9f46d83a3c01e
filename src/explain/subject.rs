//! The subject of a token, where a flow does not name it.
//!
//! Owns: the word that stands for it, and what is to be known of an answer that hangs on it. Nearly every token has a subject, so a flow
//! that names only an issuer means one, of whom no policy speaks. It must not judge.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::call::Call;
use super::json::verdict_word;
use super::place;
use super::setting::Setting;
use crate::cluster::Decision;
use crate::flow::{Request, Symbol, Token, Verdict};
use crate::syntax::words::value_text;

/// The claim that says who somebody is for an issuer.
pub(super) const CLAIM: &str = "sub";

/// The subject of a token of which a flow does not say it. No policy names it, and none has it for a beginning or an end.
const UNNAMED: &str = "(not named)";

/// As many subjects that policies name are asked about.
const MOST_ASKED: usize = 64;

/// The claims of a token with a subject that nobody names, unless they have one.
pub(super) fn add_to(claims: &mut BTreeMap<Symbol, BTreeSet<Symbol>>) {
    claims.entry(CLAIM.into()).or_insert_with(|| BTreeSet::from([UNNAMED.into()]));
}

/// Whether two tokens are one to whoever did not name the first one's subject: they differ in that at most.
pub(super) fn is_same(asked: &Token, other: &Token) -> bool {
    let (Token::Valid { issuer, claims }, Token::Valid { issuer: own, claims: held }) = (asked, other) else { return asked == other };
    if !is_unnamed(claims) {
        return asked == other;
    }
    let besides = |claims: &BTreeMap<Symbol, BTreeSet<Symbol>>| {
        claims.iter().filter(|(name, _)| &***name != CLAIM).map(|(name, values)| (name.clone(), values.clone())).collect::<Vec<_>>()
    };
    issuer == own && besides(claims) == besides(held)
}

/// How policies write the user of a token: by issuer and subject, any subject of the issuer where none is named; none without a subject.
pub(super) fn user(issuer: &str, claims: &BTreeMap<Symbol, BTreeSet<Symbol>>) -> Option<String> {
    let subject = claims.get(CLAIM)?.first()?;
    Some(format!("{issuer}/{}", if is_unnamed(claims) { "*" } else { subject }))
}

/// Whether a claim is the subject that nobody names.
pub(super) fn is_the_unnamed(name: &str, claims: &BTreeMap<Symbol, BTreeSet<Symbol>>) -> bool {
    name == CLAIM && is_unnamed(claims)
}

fn is_unnamed(claims: &BTreeMap<Symbol, BTreeSet<Symbol>>) -> bool {
    claims.get(CLAIM).is_some_and(|subjects| subjects.iter().any(|subject| **subject == *UNNAMED))
}

/// That the answer hangs on the subject which the flow does not name: some subject of a policy, or none, is answered otherwise.
pub(super) fn hangs_on(setting: &Setting, call: &Call, decision: &Decision) -> Option<String> {
    let Token::Valid { issuer, claims } = &call.request.as_ref()?.token else { return None };
    if !is_unnamed(claims) {
        return None;
    }
    let with = |subject: Option<&Symbol>| verdict(setting, call, subject);
    let differs = |verdict: &Verdict| std::mem::discriminant(verdict) != std::mem::discriminant(&decision.verdict);
    let subjects = named(setting, issuer);
    let asked: Vec<(&Symbol, Verdict)> =
        subjects.iter().take(MOST_ASKED).filter_map(|subject| Some((subject, with(Some(subject))?))).collect();
    let passing = asked.iter().find(|(_, verdict)| *verdict == Verdict::Allowed && differs(verdict));
    let other = passing.or_else(|| asked.iter().find(|(_, verdict)| differs(verdict)));
    let by_name = other.map(|(subject, verdict)| format!("with `claim sub={}` it is {}", value_text(subject), verdict_word(verdict)));
    let without = with(None).filter(differs).map(|verdict| format!("without any subject (`no-sub`) it is {}", verdict_word(&verdict)));
    let told: Vec<String> = by_name.into_iter().chain(without).collect();
    let taken = "the flow does not name the subject of the token, so it is taken for one that no policy names";
    (!told.is_empty()).then(|| format!("{taken}; {}", told.join("; ")))
}

/// What the same request with another subject, or with none, is answered.
fn verdict(setting: &Setting, call: &Call, subject: Option<&Symbol>) -> Option<Verdict> {
    let request = call.request.as_ref()?;
    let Token::Valid { issuer, mut claims } = request.token.clone() else { return None };
    claims.remove(CLAIM);
    claims.extend(subject.map(|subject| (CLAIM.into(), BTreeSet::from([subject.clone()]))));
    let request = Request { token: Token::Valid { issuer, claims }, ..request.clone() };
    Some(Call { request: Some(request), ..call.clone() }.decide(setting).verdict)
}

/// The subjects that policies name for an issuer; of a pattern one that it matches.
fn named(setting: &Setting, issuer: &str) -> BTreeSet<Symbol> {
    let mut words = Vec::new();
    let policies = setting.objects.iter().filter(|object| place::kind(object) == "AuthorizationPolicy");
    policies.for_each(|policy| users(policy, &mut words));
    let subject = |word: &str| {
        let subject = match word.rsplit_once('/') {
            Some((own, subject)) => (own == issuer || own.contains('*')).then_some(subject)?,
            None => word,
        };
        let concrete = subject.replace('*', "x");
        (!subject.is_empty() && subject != "*").then(|| Symbol::from(concrete))
    };
    words.into_iter().filter_map(subject).collect()
}

/// The words by which a policy names users of tokens, or subjects.
fn users<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    const FIELDS: [&str; 2] = ["requestPrincipals", "notRequestPrincipals"];
    const KEYS: [&str; 2] = ["request.auth.principal", "request.auth.claims[sub]"];
    match value {
        Value::Array(values) => values.iter().for_each(|value| users(value, found)),
        Value::Object(fields) => {
            let is_condition = place::text(value, &["key"]).is_some_and(|key| KEYS.contains(&key));
            for (name, held) in fields {
                let names_users = FIELDS.contains(&name.as_str()) || is_condition && matches!(name.as_str(), "values" | "notValues");
                let words = held.as_array().filter(|_| names_users);
                match words {
                    Some(words) => found.extend(words.iter().filter_map(Value::as_str)),
                    None => users(held, found),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
