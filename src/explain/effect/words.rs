//! Connections that a change lets through or stops, in words.
//!
//! Owns: `words`, and how near a connection is to the one that was asked about. It must not judge.

use super::super::call::Call;
use super::super::subject;
use super::super::world::Known;
use super::attempt::{Attempt, OTHER_PATH};
use super::pairs::Pair;
use super::told::Nearness;
use crate::flow::{DataPlane, Pod, Protocol, Request, Token, Transport};

/// What is added where only a token that does not verify makes the difference.
pub(super) const REFUSED: &str = " with a token that does not verify";

/// An attempt in words, by how near it is to the connection that was asked about; one for each range of its ports.
pub(super) fn words(call: &Call, ends: (&Pair, &Pair), attempt: &Attempt) -> Vec<(Nearness, String)> {
    attempt.ports.iter().map(|ports| on_ports(call, ends, attempt, *ports)).collect()
}

fn on_ports(call: &Call, (source, destination): (&Pair, &Pair), attempt: &Attempt, ports: (u16, u16)) -> (Nearness, String) {
    let same_source = is_end(source, &call.source);
    let same_target = is_end(destination, &call.destination) || is_outside(destination, &call.destination);
    let same_port = (attempt.protocol, ports) == (call.protocol, (call.port, call.port));
    let is_class = source.is_class || destination.is_class;
    let is_refused = attempt.request.as_ref().is_some_and(|request| request.token == Token::Unverified);
    let with = if is_refused { REFUSED } else { "" };
    let to = || format!("{} of {}{with}", self::ports(attempt.protocol, ports), destination.title);
    match (same_source, same_target && same_port) {
        (true, true) if is_asked(call, attempt) => (Nearness::Itself, String::new()),
        (true, true) if is_other(attempt) => (Nearness::Anything, otherwise(call, attempt)),
        (true, true) => (Nearness::Otherwise, otherwise(call, attempt)),
        (false, true) if !is_class => (Nearness::Caller, format!("{}{with}", source.title)),
        (false, true) => (Nearness::Class, format!("{}{with}", source.title)),
        (true, false) if !is_class => {
            let is_pod = source.before.range.is_empty();
            (Nearness::Target, format!("{} -> {}", if is_pod { &source.before.short } else { &source.title }, to()))
        }
        _ if is_class => (Nearness::Class, format!("{} -> {}", source.title, to())),
        _ => (Nearness::Elsewhere, format!("{} -> {}", source.title, to())),
    }
}

/// Whether somebody stands at an end that was asked about: he is the one, or some of the addresses.
fn is_end(pair: &Pair, asked: &Known) -> bool {
    let range = &pair.before.range;
    pair.before.endpoint == asked.endpoint || !range.is_empty() && range.is_subset(&asked.range)
}

/// Whether a pod differs from the one that was asked about in that alone that it takes no part in the mesh: what arrives there in plaintext
/// is told as that.
fn is_outside(pair: &Pair, asked: &Known) -> bool {
    let outside = asked.pod().map(|pod| Pod { plane: DataPlane::None, ..pod.clone() });
    outside.is_some() && pair.before.pod() == outside.as_ref()
}

/// Whether an attempt stands for every request that nobody's policy names.
fn is_other(attempt: &Attempt) -> bool {
    attempt.request.as_ref().is_some_and(|request| *request.path == *OTHER_PATH)
}

/// Whether an attempt is what was asked; a host that the flow does not name makes no other request for people, nor do headers.
fn is_asked(call: &Call, attempt: &Attempt) -> bool {
    same_request(call, attempt) && call.transport.is_none_or(|transport| transport == attempt.transport)
}

/// How a request is like the one that was asked about, to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Likeness {
    /// It is the same.
    Same,
    /// The same, with a token that is told in these words.
    Token(&'static str),
    /// It is another one.
    Other,
}

impl Likeness {
    pub(super) fn of(call: &Call, tried: Option<&Request>) -> Self {
        let Some(asked) = call.request.as_ref() else { return if tried.is_none() { Self::Same } else { Self::Other } };
        match tried {
            Some(tried) if is_same_but_for_token(call, asked, tried) && has_token(asked, tried) => Self::Same,
            Some(tried) if is_same_but_for_token(call, asked, tried) => Self::Token(with_token(&tried.token, Some(asked))),
            _ => Self::Other,
        }
    }
}

fn same_request(call: &Call, attempt: &Attempt) -> bool {
    Likeness::of(call, attempt.request.as_ref()) == Likeness::Same
}

fn is_same_but_for_token(call: &Call, asked: &Request, tried: &Request) -> bool {
    same_place(asked, tried) && has_headers(asked, tried) && is_at_host(call, asked, tried)
}

fn same_place(asked: &Request, tried: &Request) -> bool {
    (&asked.method, &asked.path) == (&tried.method, &tried.path)
}

fn has_headers(asked: &Request, tried: &Request) -> bool {
    asked.headers.iter().all(|(name, value)| tried.headers.get(name) == Some(value))
}

fn is_at_host(call: &Call, asked: &Request, tried: &Request) -> bool {
    !call.names_host() || asked.host == tried.host
}

fn has_token(asked: &Request, tried: &Request) -> bool {
    subject::is_same(&asked.token, &tried.token)
}

/// A token in words; another one where the flow has one.
fn with_token(token: &Token, asked: Option<&Request>) -> &'static str {
    match (token, asked.map(|asked| &asked.token)) {
        (Token::None, _) => "without a token",
        (Token::Unverified, _) => REFUSED.trim_ascii(),
        (Token::Valid { .. }, Some(Token::Valid { .. })) => "with another token",
        (Token::Valid { .. }, _) => "with a token",
    }
}

/// Ports in words: a number, a range, or most of all ports.
fn ports(protocol: Protocol, ports: (u16, u16)) -> String {
    let protocol = if protocol == Protocol::Tcp { String::new() } else { format!("/{}", protocol.word()) };
    match ports {
        (low, high) if low == high => format!("port {low}{protocol}"),
        (low, high) if high - low < MANY_PORTS => format!("ports {low}-{high}{protocol}"),
        _ => format!("other ports{protocol}"),
    }
}

/// So many ports in a row are "other ports" to people.
const MANY_PORTS: u16 = 2_000;

/// How an attempt differs from the connection between the same two.
fn otherwise(call: &Call, attempt: &Attempt) -> String {
    let transport = match attempt.transport {
        Transport::Mtls => "over mTLS",
        Transport::Plaintext => "in plaintext",
    };
    if same_request(call, attempt) {
        return format!("the same {transport}");
    }
    let request = match &attempt.request {
        Some(_) if is_other(attempt) => "any other request".to_owned(),
        Some(request) => in_words(call, request),
        None => "connections that are no HTTP".to_owned(),
    };
    let is_same = call.transport.is_none_or(|asked| asked == attempt.transport);
    if is_same { request } else { format!("{request} {transport}") }
}

/// A request by what tells it from the one that was asked about.
fn in_words(call: &Call, tried: &Request) -> String {
    let mut text = format!("{} {}", tried.method, tried.path);
    let Some(asked) = &call.request else {
        if tried.token != Token::None {
            text = format!("{text} {}", with_token(&tried.token, call.request.as_ref()));
        }
        return text;
    };
    if same_place(asked, tried) && !has_headers(asked, tried) {
        text.push_str(" with other headers");
    }
    if same_place(asked, tried) && !is_at_host(call, asked, tried) {
        text.push_str(" at another host");
    }
    if !has_token(asked, tried) {
        text = format!("{text} {}", with_token(&tried.token, call.request.as_ref()));
    }
    text
}
