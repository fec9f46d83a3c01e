//! What tests of several topics share: a program compiled from text, and flows written as people write them.

use std::collections::BTreeMap;

use twogate::compile::{Input, Outcome, compile};
use twogate::diagnostic::Level;
use twogate::flow::{DataPlane, Flow, Labels, NAMESPACE_NAME, Peer, Pod, Protocol, Request, Symbol, Token, Transport};
use twogate::source::{Source, Sources};
use twogate::target::Manifest;

/// A program in one file, with a configuration.
pub(crate) fn with_config(program: &str, config: &str) -> Outcome {
    let mut sources = Sources::default();
    let intents = vec![sources.add(Source::new("test.intent", program))];
    let config = Some(sources.add(Source::new("twogate.toml", config)));
    compile(Input { sources, intents, config, ..Input::default() })
}

/// A program in one file.
pub(crate) fn compiled(program: &str) -> Outcome {
    with_config(program, "")
}

/// The codes of the findings at error level, each once, sorted.
pub(crate) fn errors(outcome: &Outcome) -> Vec<&'static str> {
    let mut codes: Vec<&str> =
        outcome.findings.iter().filter(|finding| finding.level == Level::Error).map(|finding| finding.code.name()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// The codes of all findings, each once, sorted.
pub(crate) fn codes(outcome: &Outcome) -> Vec<&'static str> {
    let mut codes: Vec<&str> = outcome.findings.iter().map(|finding| finding.code.name()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// All objects as one stream.
pub(crate) fn yaml(manifests: &[Manifest]) -> String {
    manifests.iter().fold(String::new(), |stream, manifest| stream + "---\n" + &manifest.yaml)
}

/// A flow as `app=web@shop as web-sa -> app=db@shop:5432 mtls GET /a host=x token=admin`.
///
/// Without `as` a pod runs as `default`; without `mtls` it connects in plaintext; without a method it is no HTTP. An end that
/// reads as an address is one. Namespaces carry the labels that `labels` gives them.
pub(crate) fn flow(text: &str, labels: &[(&str, &str)]) -> Flow {
    let (source, rest) = text.split_once(" -> ").unwrap();
    let mut words = rest.split_whitespace();
    let (destination, port) = words.next().unwrap().rsplit_once(':').unwrap();
    let (port, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "sctp" => Protocol::Sctp,
        other => panic!("{other} is no protocol"),
    };
    let mut flow = Flow {
        source: peer(source, labels),
        destination: peer(destination, labels),
        protocol,
        port: port.parse().unwrap(),
        transport: Transport::Plaintext,
        request: None,
    };
    let mut method: Option<&str> = None;
    for word in words {
        match (word, word.split_once('=')) {
            ("mtls", _) => flow.transport = Transport::Mtls,
            (_, Some(("host", host))) => flow.request.as_mut().unwrap().host = host.into(),
            (_, Some(("token", groups))) => flow.request.as_mut().unwrap().token = token(groups),
            (_, Some((name, value))) => {
                flow.request.as_mut().unwrap().headers.insert(name.into(), value.into());
            }
            (path, None) if path.starts_with('/') => flow.request = Some(request(method.take().unwrap(), path)),
            (word, None) => method = Some(word),
        }
    }
    flow
}

fn request(method: &str, path: &str) -> Request {
    Request { method: method.into(), path: path.into(), host: "shop.example.com".into(), headers: Labels::new(), token: Token::None }
}

/// `token=bad`, `token=stray` (for another audience), or the groups of a valid one of `https://id.example.com`.
fn token(groups: &str) -> Token {
    if groups == "bad" {
        return Token::Unverified;
    }
    let audience = [Symbol::from(if groups == "stray" { "other" } else { "shop" })].into();
    let groups = groups.split('|').map(Symbol::from).collect();
    Token::Valid { issuer: "https://id.example.com".into(), claims: BTreeMap::from([("groups".into(), groups), ("aud".into(), audience)]) }
}

fn peer(text: &str, labels: &[(&str, &str)]) -> Peer {
    if let Ok(address) = text.trim_matches(['[', ']']).parse() {
        return Peer::Address(address);
    }
    let (text, account) = text.split_once(" as ").unwrap_or((text, "default"));
    let (own, namespace) = text.split_once('@').unwrap_or((text, "default"));
    let pairs = own.split(',').filter(|pair| *pair != "*");
    let own: Labels = pairs.map(|pair| pair.split_once('=').unwrap()).map(|(key, value)| (key.into(), value.into())).collect();
    let mut namespace_labels = Labels::from([(NAMESPACE_NAME.into(), namespace.into())]);
    for (_, pair) in labels.iter().filter(|(name, _)| *name == namespace) {
        let (key, value) = pair.split_once('=').unwrap();
        namespace_labels.insert(key.into(), value.into());
    }
    Peer::Pod(Pod { namespace: namespace.into(), namespace_labels, labels: own, account: account.into(), plane: DataPlane::Sidecar })
}
