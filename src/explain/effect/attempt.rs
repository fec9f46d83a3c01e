//! What is tried between two ends.
//!
//! Owns: `Attempt`: one of each kind of connection that an end tells from others, by its cuts. It must not judge.

use std::collections::BTreeSet;

use super::super::call::Call;
use super::super::world::Known;
use super::{Ends, Pair};
use crate::flow::{Cut, DataPlane, Labels, Peer, Protocol, Request, RequestSamples, Symbol, Token, Transport};

/// As many ports of one destination are tried.
const MOST_PORTS: usize = 16;

/// As many requests are tried on one connection.
const MOST_REQUESTS: usize = 12;

/// One attempt at a connection.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    /// Over which protocol.
    pub(super) protocol: Protocol,
    /// The first and the last of ports that nobody tells apart.
    pub(super) ports: (u16, u16),
    /// How it arrives.
    pub(super) transport: Transport,
    /// What is asked; none is no HTTP.
    pub(super) request: Option<Request>,
}

/// The ports at which an end begins or ceases to tell ports apart.
pub(super) fn edges(cuts: &[Cut]) -> BTreeSet<(Protocol, u16)> {
    let ranges = cuts.iter().flat_map(|cut| cut.ports.ranges());
    let edges = ranges.flat_map(|(protocol, low, high)| [Some((protocol, low)), high.checked_add(1).map(|next| (protocol, next))]);
    edges.flatten().take(MOST_PORTS).collect()
}

/// Ports that an end does not tell apart, the asked one by itself.
fn cells(call: &Call, into: &Ends<'_>) -> Vec<(Protocol, (u16, u16))> {
    let mut edges = into.edges.clone();
    edges.extend(Protocol::ALL.map(|protocol| (protocol, 1)));
    edges.insert((call.protocol, call.port));
    edges.extend(call.port.checked_add(1).map(|next| (call.protocol, next)));
    let edges: Vec<(Protocol, u16)> = edges.into_iter().collect();
    let end = |at: usize, protocol: Protocol| match edges.get(at + 1) {
        Some((next, port)) if *next == protocol => port.saturating_sub(1),
        _ => u16::MAX,
    };
    edges.iter().enumerate().map(|(at, (protocol, low))| (*protocol, (*low, end(at, *protocol)))).collect()
}

/// One request for each way in which an end looks at requests.
pub(super) fn requests(cuts: &[Cut]) -> Vec<Request> {
    let mut found = Vec::new();
    for samples in cuts.iter().map(|cut| &cut.requests).filter(|samples| !samples.is_empty()) {
        found.extend(sampled(samples));
        found.dedup();
        if found.len() >= MOST_REQUESTS {
            break;
        }
    }
    found.truncate(MOST_REQUESTS);
    found.extend(fresh(cuts));
    found
}

/// A path that nobody's policy names, which stands for all others.
pub(super) const OTHER_PATH: &str = "/~other";

/// A request that matches nothing that an end looks at, if it looks at requests: by a method that no cut names, on another path.
fn fresh(cuts: &[Cut]) -> Option<Request> {
    let looked: Vec<&RequestSamples> = cuts.iter().map(|cut| &cut.requests).filter(|samples| !samples.is_empty()).collect();
    let is_new = |method: &&str| !looked.iter().any(|samples| samples.methods.contains(*method));
    let method = ["PATCH", "DELETE", "PUT", "HEAD", "TRACE"].into_iter().find(is_new).unwrap_or("LINK");
    let request =
        Request { method: method.into(), path: OTHER_PATH.into(), host: "some.host".into(), headers: Labels::new(), token: Token::None };
    (!looked.is_empty()).then_some(request)
}

/// Requests that stand for what a test looks at: each method with each path.
pub(in super::super) fn sampled(samples: &RequestSamples) -> Vec<Request> {
    let methods: Vec<Symbol> = if samples.methods.is_empty() { vec!["GET".into()] } else { samples.methods.iter().cloned().collect() };
    let paths: Vec<Symbol> =
        if samples.paths.is_empty() { vec!["/".into()] } else { samples.paths.iter().map(|path| concrete(path.as_str()).into()).collect() };
    let host: Symbol = samples.hosts.iter().next().cloned().unwrap_or_else(|| "some.host".into());
    let claims = |token: &&Token| match token {
        Token::Valid { claims, .. } => (claims.len() + 1, claims.get("aud").map_or(0, BTreeSet::len)),
        Token::None | Token::Unverified => (0, 0),
    };
    // The token with most claims passes wherever any does, if it is for somebody for whom it verifies.
    let token = samples.tokens.iter().max_by_key(claims).cloned().unwrap_or(Token::None);
    let headers: Labels = samples.headers.iter().filter_map(|(key, values)| Some((key.clone(), values.first()?.clone()))).collect();
    let each = methods.iter().flat_map(|method| paths.iter().map(move |path| (method, path)));
    each.take(MOST_REQUESTS)
        .map(|(method, path)| Request {
            method: method.clone(),
            path: path.clone(),
            host: host.clone(),
            headers: headers.clone(),
            token: token.clone(),
        })
        .collect()
}

/// A path that a pattern matches.
fn concrete(pattern: &str) -> String {
    let path = pattern.replace("{**}", "x").replace("{*}", "x").replace('*', "x");
    if path.starts_with('/') { path } else { format!("/{path}") }
}

/// Everything that is tried between two ends.
pub(super) fn tries(call: &Call, source: &Pair, destination: &Pair, into: &Ends<'_>) -> Vec<Attempt> {
    let meshed = |known: &Known| matches!(&known.endpoint.peer, Peer::Pod(pod) if pod.plane != DataPlane::None);
    let both = meshed(&source.before) && meshed(&destination.before) || meshed(&source.after) && meshed(&destination.after);
    let mut requests: Vec<Option<Request>> = vec![None, call.request.clone()];
    requests.extend(call.request.iter().flat_map(other_tokens).map(Some));
    requests.extend(into.requests.iter().cloned().map(Some));
    requests.sort();
    requests.dedup();
    let mut attempts = Vec::new();
    for (protocol, ports) in cells(call, into) {
        let is_tcp = protocol == Protocol::Tcp;
        for transport in [Transport::Mtls, Transport::Plaintext] {
            if transport == Transport::Mtls && !(both && is_tcp) {
                continue;
            }
            for request in requests.iter().filter(|request| is_tcp || request.is_none()) {
                attempts.push(Attempt { protocol, ports, transport, request: request.clone() });
            }
        }
    }
    attempts
}

/// The same request without a token, and with one of the same issuer that claims nothing but its audience.
fn other_tokens(request: &Request) -> Vec<Request> {
    let Token::Valid { issuer, claims } = &request.token else { return Vec::new() };
    let bare = claims.iter().filter(|(name, _)| &***name == "aud").map(|(name, values)| (name.clone(), values.clone())).collect();
    let tokens = [Token::None, Token::Valid { issuer: issuer.clone(), claims: bare }];
    tokens.into_iter().map(|token| Request { token, ..request.clone() }).collect()
}
