//! That an answer hangs on the request, and which request would be answered otherwise.
//!
//! Owns: `by_request`: the request that is told, written as a flow has it, so that asking with it gets the answer that is promised. It must
//! offer no change.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::super::call::Call;
use super::super::effect;
use super::super::setting::Setting;
use super::super::subject;
use crate::cluster::{Decision, Names, Way};
use crate::flow::{Labels, PathPattern, Protocol, Request, Symbol, Token, Verdict};
use crate::syntax::words::{method_text, path_text, value_text};

/// As many requests are tried that policies tell apart.
const MOST_TRIED: usize = 64;

/// That the answer hangs on a request which the flow does not name, or names wrongly: one that would be answered otherwise.
pub(in super::super) fn by_request(setting: &Setting, call: &Call, decision: &Decision) -> Option<String> {
    if let Some(request) = call.request.as_ref().filter(|request| request.token == Token::Unverified) {
        let asked = Request { token: Token::None, ..request.clone() };
        let otherwise = if passes(setting, call, &asked) { "allowed" } else { "not allowed either" };
        return Some(format!("without that token the same request is {otherwise}"));
    }
    if call.request.is_some() || call.protocol != Protocol::Tcp || decision.verdict != Verdict::Denied {
        return None;
    }
    let cuts = setting.cluster.end(&call.destination.endpoint, Way::Ingress).cuts(&Names::default());
    let looking: Vec<_> = cuts.iter().filter(|cut| !cut.requests.is_empty()).collect();
    if looking.is_empty() {
        return None;
    }
    // Policies that stop requests name those that they stop; others pass.
    let others = ["GET", "POST", "PUT"].map(bare);
    let sampled = looking.iter().flat_map(|cut| of_hosts(effect::sampled(&cut.requests), &cut.requests.hosts)).take(MOST_TRIED);
    let request = sampled.chain(others).find(|request| arrives(&request.path) && passes(setting, call, request))?;
    let request = with_least(setting, call, request);
    let host =
        if looking.iter().any(|cut| !cut.requests.hosts.is_empty()) { format!(" at {}", value_text(&request.host)) } else { String::new() };
    let besides = headers(&request) + &token(setting, &request.token);
    let (method, path) = (method_text(&request.method), path_text(&request.path));
    Some(format!("it hangs on the request: `{method} {path}{host}{besides}`, for one, would pass; ask with a request"))
}

/// Whether a request may have such a path when it arrives: a flow takes no other.
fn arrives(path: &str) -> bool {
    PathPattern::parse(path).is_ok()
}

fn passes(setting: &Setting, call: &Call, request: &Request) -> bool {
    Call { request: Some(request.clone()), ..call.clone() }.decide(setting).verdict == Verdict::Allowed
}

/// The same requests to each of these hosts, of which samples have but one.
fn of_hosts(requests: Vec<Request>, hosts: &BTreeSet<Symbol>) -> Vec<Request> {
    let others = requests.iter().flat_map(|request| hosts.iter().map(|host| Request { host: Symbol::clone(host), ..request.clone() }));
    let others: Vec<Request> = others.collect();
    requests.into_iter().chain(others).collect()
}

/// The request without what it does not need to pass.
fn with_least(setting: &Setting, call: &Call, request: Request) -> Request {
    let without_token = Request { token: Token::None, ..request.clone() };
    let request = if passes(setting, call, &without_token) { without_token } else { request };
    let without_headers = Request { headers: Labels::new(), ..request.clone() };
    if passes(setting, call, &without_headers) { without_headers } else { request }
}

/// The clauses for its headers, each with a blank before it.
fn headers(request: &Request) -> String {
    request.headers.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = write!(text, " header {}={}", value_text(name), value_text(value));
        text
    })
}

/// The clause for a token, with a blank before it. A claim inside another stands under its name with dots too.
fn token(setting: &Setting, token: &Token) -> String {
    let (issuer, claims) = match token {
        Token::None => return String::new(),
        Token::Unverified => return " bad-jwt".to_owned(),
        Token::Valid { issuer, claims } => (issuer, claims),
    };
    let known = setting.policy.issuers.values().find(|known| known.url == *issuer);
    let mut text = known.map_or_else(|| format!(" jwt \"{issuer}\""), |known| format!(" jwt {}", known.name));
    let named = claims.iter().filter(|(name, _)| !name.starts_with('[') && !subject::is_the_unnamed(name, claims));
    for (name, value) in named.flat_map(|(name, values)| values.iter().map(move |value| (name, value))) {
        let _ = write!(text, " claim {}={}", value_text(name), value_text(value));
    }
    if !claims.contains_key(subject::CLAIM) {
        text.push_str(" no-sub");
    }
    text
}

/// A request that says nothing besides its method.
fn bare(method: &str) -> Request {
    Request { method: method.into(), path: "/".into(), host: "some.host".into(), headers: Labels::new(), token: Token::None }
}
