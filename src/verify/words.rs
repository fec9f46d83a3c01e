//! Flows in words.
//!
//! Owns: how counterexamples are written: in the language's own words as far as it has them.

use std::collections::BTreeSet;

use crate::flow::{Flow, LabelCube, NAMESPACE_NAME, Peer, Pod, PodCube, PortSet, Protocol, Request, Symbol, Token, Transport, Values};
use crate::syntax::words::{method_text, path_text, value_text};

/// A flow: `app=web@shop as web-sa -> app=db@shop:5432 over mTLS`.
pub fn flow_words(flow: &Flow) -> String {
    flow_in(flow, &by_name, &[BTreeSet::new(), BTreeSet::new()])
}

/// The same, where this is written of the namespaces of its pods, and of these labels of source and destination that they lack them.
pub(super) fn flow_in(flow: &Flow, namespace: &dyn Fn(&Pod) -> LabelCube, [of_source, of_destination]: &[BTreeSet<Symbol>; 2]) -> String {
    let lacking = |cube: PodCube, keys: &BTreeSet<Symbol>| keys.iter().fold(cube, |cube, key| cube.labelled(key.clone(), Values::absent()));
    let source = match &flow.source {
        Peer::Pod(pod) => lacking(cube(pod, namespace(pod), Values::one(pod.account.clone())), of_source).to_string(),
        Peer::Address(_) => peer_words(&flow.source),
    };
    let destination = match &flow.destination {
        // The account of a destination is nothing that any gate looks at.
        Peer::Pod(pod) => lacking(cube(pod, namespace(pod), Values::any()), of_destination).to_string(),
        Peer::Address(_) => peer_words(&flow.destination),
    };
    let port = PortSet::one(flow.protocol, flow.port);
    let mut text = format!("{source} -> {destination}:{port}");
    if flow.protocol == Protocol::Tcp {
        text.push_str(match flow.transport {
            Transport::Mtls => " over mTLS",
            Transport::Plaintext => " in plaintext",
        });
    }
    if let Some(request) = &flow.request {
        text.push_str(", ");
        text.push_str(&request_words(request));
    }
    text
}

/// A peer: its labels, namespace and account, or its address.
pub fn peer_words(peer: &Peer) -> String {
    match peer {
        Peer::Pod(pod) => cube(pod, by_name(pod), Values::one(pod.account.clone())).to_string(),
        Peer::Address(address) if address.is_ipv6() => format!("[{address}]"),
        Peer::Address(address) => address.to_string(),
    }
}

/// Pods of one end: labels and namespace, and the account where it matters.
pub fn subject_words(pods: &PodCube) -> String {
    pods.to_string()
}

/// The namespace of a pod by its name alone.
pub(super) fn by_name(pod: &Pod) -> LabelCube {
    LabelCube::of(NAMESPACE_NAME.into(), Values::one(pod.namespace.clone()))
}

fn cube(pod: &Pod, namespace: LabelCube, account: Values) -> PodCube {
    let labels = pod.labels.iter().fold(LabelCube::all(), |cube, (key, value)| cube.with(key.clone(), Values::one(value.clone())));
    PodCube { namespace, labels, account }
}

/// A request: `GET /v1 at shop.test, header x=1, no token`.
pub fn request_words(request: &Request) -> String {
    let mut text = format!("{} {} at {}", method_text(&request.method), path_text(&request.path), value_text(&request.host));
    for (name, value) in &request.headers {
        text.extend([", header ", &value_text(name), "=", &value_text(value)]);
    }
    match &request.token {
        Token::None => {}
        Token::Unverified => text.push_str(", a token that does not verify"),
        Token::Valid { issuer, claims } => {
            text.extend([", a token of ", issuer]);
            // A claim inside another stands under its name with dots too.
            for (name, values) in claims.iter().filter(|(name, _)| !name.starts_with('[')) {
                let values: Vec<String> = values.iter().map(|value| value_text(value)).collect();
                text.extend([" with ", &value_text(name), "=", &values.join("|")]);
            }
        }
    }
    text
}
