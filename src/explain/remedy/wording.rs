//! How a rule that admits or cuts one connection is written.
//!
//! Owns: `Words`. Names of workloads come before labels; what needs quotes gets them.

use std::fmt::Write as _;

use super::super::call::Call;
use super::super::said;
use super::super::subject;
use super::super::world::Known;
use crate::flow::{DataPlane, Peer, Pod, Protocol, Request, Symbol, Token, Transport};
use crate::ir::Policy;
use crate::syntax::words::{path_text, value_text};

/// The words for a connection in rules that stand in one namespace.
#[derive(Debug, Clone)]
pub(in super::super) struct Words {
    /// The caller.
    pub(in super::super) source: String,
    /// The destination without its port.
    pub(in super::super) destination: String,
    /// The port with its colon.
    pub(in super::super) port: String,
    /// Requirements, each with a blank before it.
    pub(in super::super) clauses: String,
    /// The method and path among them.
    pub(in super::super) http: String,
    /// The whole request among them.
    pub(in super::super) request: String,
}

impl Words {
    /// The words in a namespace.
    pub(in super::super) fn of(call: &Call, policy: &Policy, namespace: &Symbol) -> Self {
        let http = call.request.as_ref().map(http).unwrap_or_default();
        let besides = call.request.as_ref().map(|request| besides(call, request, policy)).unwrap_or_default();
        let request = format!("{http}{besides}");
        let mtls = if is_identified(call) && is_guarded(call, policy) { " mtls" } else { "" };
        let port = if call.protocol == Protocol::Tcp { String::new() } else { format!("/{}", call.protocol.word()) };
        Self {
            source: end(&call.source, policy, namespace, &call.written.0.rule),
            destination: end(&call.destination, policy, namespace, &call.written.1.rule),
            port: format!(":{}{port}", call.port),
            clauses: format!("{mtls}{request}"),
            http,
            request,
        }
    }
}

/// Whether both ends prove who they are on this connection.
fn is_identified(call: &Call) -> bool {
    let meshed = |known: &Known| matches!(&known.endpoint.peer, Peer::Pod(pod) if pod.plane != DataPlane::None);
    call.protocol == Protocol::Tcp && call.transport != Some(Transport::Plaintext) && meshed(&call.source) && meshed(&call.destination)
}

/// Whether the intents guard the destination: elsewhere nobody would enforce `mtls`.
fn is_guarded(call: &Call, policy: &Policy) -> bool {
    let Peer::Pod(pod) = &call.destination.endpoint.peer else { return false };
    policy.namespace(&pod.namespace).is_some_and(crate::ir::Namespace::is_managed)
}

/// One end: the name of its workload, else the labels that tell it, else its address as the flow has it.
fn end(known: &Known, policy: &Policy, namespace: &Symbol, written: &str) -> String {
    let Peer::Pod(pod) = &known.endpoint.peer else { return written.to_owned() };
    let at = |own: &Symbol| if own == namespace { String::new() } else { format!("@{own}") };
    if let Some(workload) = said::declared(policy, pod) {
        return format!("{}{}", workload.name, at(&workload.namespace));
    }
    format!("{}{}", labels(pod, &known.text), at(&pod.namespace))
}

/// The labels that tell a pod, as its title has them, in quotes where they need them.
fn labels(pod: &Pod, title: &str) -> String {
    let told = title.rsplit_once('@').map_or(title, |(labels, _)| labels);
    if told == "*" {
        return told.to_owned();
    }
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        debug_assert!(pod.labels.contains_key(key), "a title tells of its own labels");
        format!("{key}={}", value_text(value))
    };
    told.split(',').map(pair).collect::<Vec<_>>().join(",")
}

/// The clause for the method and path of a request, with a blank before it.
fn http(request: &Request) -> String {
    format!(" http {} {}", request.method, path_text(&request.path))
}

/// What a request has besides: its host if the flow names it, its headers, its token.
fn besides(call: &Call, request: &Request, policy: &Policy) -> String {
    let mut text = if call.names_host() { format!(" at {}", value_text(&request.host)) } else { String::new() };
    for (name, value) in &request.headers {
        let _ = write!(text, " header {}={}", value_text(name), value_text(value));
    }
    let Token::Valid { issuer, claims } = &request.token else { return text };
    let Some(known) = policy.issuers.values().find(|known| known.url == *issuer) else { return text };
    let _ = write!(text, " jwt {}", known.name);
    // The audience is the issuer's own, and a claim inside another stands under its name with dots too.
    let asked = claims.iter().filter(|(name, _)| &***name != "aud" && !name.starts_with('[') && !subject::is_the_unnamed(name, claims));
    for (name, value) in asked.flat_map(|(name, values)| values.iter().map(move |value| (name, value))) {
        let _ = write!(text, " claim {}={}", value_text(name), value_text(value));
    }
    text
}
