//! The evaluator's mesh half: each trap of `semantics.md` as YAML and the verdicts that it really gives, Istio's own golden files,
//! and properties of random policies.

mod ambient_traps;
mod authorization_traps;
mod client_traps;
mod docs;
mod gateway_traps;
mod golden;
mod ingress_traps;
mod jwt_traps;
mod listener_set_traps;
mod peer_traps;
mod properties;
mod reading;
mod reasons;
mod setting_traps;
mod tunnel_traps;
mod waypoint_binding_traps;
mod waypoint_traps;

use twogate::cluster::{self, Addressed, Cluster, Decision, Endpoint, Facts, Gate, NamedPort, Network, Platform, ProxyRole, Question, Way};
use twogate::diagnostic::{Diagnostic, Level};
use twogate::flow::{
    AddressSet, DataPlane, Labels, NAMESPACE_NAME, Peer, Pod, Prefix, Protocol, Request, Symbol, Token, Transport, Verdict,
};
use twogate::source::{Source, Sources};

/// A cluster from manifests, and all findings.
fn read_on(platform: Platform, yaml: &str) -> (Cluster, Vec<Diagnostic>) {
    let mut sources = Sources::default();
    let file = sources.add(Source::new("all.yaml", yaml));
    cluster::read(&sources, &[file], platform)
}

/// A cluster from manifests without errors.
fn cluster_on(platform: Platform, yaml: &str) -> Cluster {
    let (cluster, findings) = read_on(platform, yaml);
    let errors: Vec<_> = findings.iter().filter(|finding| finding.level == Level::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{yaml}");
    cluster
}

fn cluster(yaml: &str) -> Cluster {
    cluster_on(Platform::default(), yaml)
}

/// The findings on manifests, as `TEXT: label`, each with the text at its place.
fn findings(yaml: &str) -> Vec<String> {
    let mut sources = Sources::default();
    let file = sources.add(Source::new("all.yaml", yaml));
    let (_, findings) = cluster::read(&sources, &[file], Platform::default());
    let say = |finding: &Diagnostic| {
        let at = finding.location().map(|location| sources.slice(location)).unwrap_or_default();
        let label = finding.primary.as_ref().map(|label| label.text.clone()).unwrap_or_default();
        format!("{at}: {label}")
    };
    findings.iter().map(say).collect()
}

/// Any object, from its kind, its `namespace/name` and its spec, which starts on its own line.
fn object(kind: &str, id: &str, spec: &str) -> String {
    let version = match kind {
        "DestinationRule" => "networking.istio.io/v1",
        "Gateway" => "gateway.networking.k8s.io/v1",
        "Service" => "v1",
        "NetworkPolicy" => "networking.k8s.io/v1",
        _ => "security.istio.io/v1",
    };
    labelled(version, kind, id, "{}", spec)
}

fn labelled(version: &str, kind: &str, id: &str, labels: &str, spec: &str) -> String {
    let (namespace, name) = id.split_once('/').unwrap();
    format!(
        "---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}, labels: {labels}}}\nspec: {spec}\n"
    )
}

/// One `AuthorizationPolicy` of namespace `shop`, from its spec.
fn policy(spec: &str) -> String {
    object("AuthorizationPolicy", "shop/policy", spec)
}

/// A policy of namespace `shop`, from a spec of which nothing but one empty field is unclear.
fn unclear(spec: &str) -> Cluster {
    let (cluster, findings) = read_on(Platform::default(), &policy(spec));
    assert_eq!(findings.iter().map(|finding| finding.code.name()).collect::<Vec<_>>(), ["unclear-empty-field"], "{spec}");
    cluster
}

/// A policy of namespace `shop` that allows what one rule says.
fn allow(rule: &str) -> Cluster {
    cluster(&policy(&format!("{{rules: [{rule}]}}")))
}

/// A policy of namespace `shop` that denies what one rule says.
fn deny(rule: &str) -> Cluster {
    cluster(&policy(&format!("{{action: DENY, rules: [{rule}]}}")))
}

fn peer_authentication(id: &str, spec: &str) -> String {
    object("PeerAuthentication", id, spec)
}

/// A Service of namespace `shop` for `app=db`, with one port.
fn service(name: &str, labels: &str, port: &str) -> String {
    labelled("v1", "Service", &format!("shop/{name}"), labels, &format!("{{selector: {{app: db}}, ports: [{port}]}}"))
}

/// A pod: its labels as `app=web,tier=front`.
fn pod(namespace: &str, labels: &str, account: &str, plane: DataPlane) -> Endpoint {
    let pairs = labels.split(',').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap());
    let labels = pairs.map(|(key, value)| (key.into(), value.into())).collect();
    let namespace_labels = Labels::from([(NAMESPACE_NAME.into(), namespace.into())]);
    Peer::Pod(Pod { namespace: namespace.into(), namespace_labels, labels, account: account.into(), plane }).into()
}

/// A pod with a sidecar.
fn meshed(namespace: &str, labels: &str, account: &str) -> Endpoint {
    pod(namespace, labels, account, DataPlane::Sidecar)
}

/// A pod behind ztunnel.
fn ambient(namespace: &str, labels: &str, account: &str) -> Endpoint {
    pod(namespace, labels, account, DataPlane::Ambient)
}

/// A pod outside the mesh.
fn plain(namespace: &str, labels: &str) -> Endpoint {
    pod(namespace, labels, "default", DataPlane::None)
}

fn address(text: &str) -> Endpoint {
    Peer::Address(text.parse().unwrap()).into()
}

fn addresses(text: &str) -> AddressSet {
    text.split_whitespace().map(|text| Prefix::parse(text).unwrap()).collect()
}

/// The pods that most tests talk about.
fn web() -> Endpoint {
    meshed("shop", "app=web", "web")
}

fn db() -> Endpoint {
    meshed("shop", "app=db", "db")
}

fn dev() -> Endpoint {
    meshed("dev", "app=tool", "tool")
}

/// The same end, with something changed.
trait Changed: Sized {
    fn pod(self, change: impl FnOnce(&mut Pod)) -> Self;
    fn facts(self, change: impl FnOnce(&mut Facts)) -> Self;
    fn at(self, addresses: &[&str]) -> Self;
    fn on_host_network(self) -> Self;
    fn on_node(self, node: &str) -> Self;
    fn in_namespace_labelled(self, key: &str, value: &str) -> Self;
}

impl Changed for Endpoint {
    fn pod(mut self, change: impl FnOnce(&mut Pod)) -> Self {
        let Peer::Pod(pod) = &mut self.peer else { panic!("an address is no pod") };
        change(pod);
        self
    }

    fn facts(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        change(&mut self.facts);
        self
    }

    fn at(self, addresses: &[&str]) -> Self {
        self.facts(|facts| facts.addresses = addresses.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn on_host_network(self) -> Self {
        self.facts(|facts| facts.network = Network::Host)
    }

    fn on_node(self, node: &str) -> Self {
        self.facts(|facts| facts.node = Some(node.into()))
    }

    fn in_namespace_labelled(self, key: &str, value: &str) -> Self {
        self.pod(|pod| drop(pod.namespace_labels.insert(key.into(), value.into())))
    }
}

/// A TCP connection; how it arrives is left to the client's side of the mesh.
fn auto(source: &Endpoint, destination: &Endpoint, port: u16) -> Question {
    Question {
        source: source.clone(),
        destination: destination.clone(),
        protocol: Protocol::Tcp,
        port,
        transport: None,
        request: None,
        addressed: Addressed::Unsaid,
    }
}

fn mtls(source: &Endpoint, destination: &Endpoint, port: u16) -> Question {
    Question { transport: Some(Transport::Mtls), ..auto(source, destination, port) }
}

fn tcp(source: &Endpoint, destination: &Endpoint, port: u16) -> Question {
    Question { transport: Some(Transport::Plaintext), ..auto(source, destination, port) }
}

/// The same question, of something else.
trait Asked: Sized {
    fn http(self, method: &str, path: &str) -> Self;
    fn request(self, change: impl FnOnce(&mut Request)) -> Self;
    fn host(self, host: &str) -> Self;
    fn header(self, name: &str, value: &str) -> Self;
    fn token(self, token: Token) -> Self;
    fn service(self, id: &str, port: u16) -> Self;
    fn by_pod_address(self) -> Self;
}

impl Asked for Question {
    fn http(mut self, method: &str, path: &str) -> Self {
        self.request = Some(Request {
            method: method.into(),
            path: path.into(),
            host: "shop.example.com".into(),
            headers: Labels::new(),
            token: Token::None,
        });
        self
    }

    fn request(mut self, change: impl FnOnce(&mut Request)) -> Self {
        change(self.request.as_mut().expect("an HTTP request"));
        self
    }

    fn host(self, host: &str) -> Self {
        self.request(|request| request.host = host.into())
    }

    fn header(self, name: &str, value: &str) -> Self {
        self.request(|request| drop(request.headers.insert(name.into(), value.into())))
    }

    fn token(self, token: Token) -> Self {
        self.request(|request| request.token = token)
    }

    fn service(mut self, id: &str, port: u16) -> Self {
        let (namespace, name) = id.split_once('/').unwrap();
        self.addressed = Addressed::Service { namespace: namespace.into(), name: name.into(), port };
        self
    }

    fn by_pod_address(mut self) -> Self {
        self.addressed = Addressed::Pod;
        self
    }
}

/// A token that its issuer signed.
fn valid(issuer: &str, claims: &[(&str, &str)]) -> Token {
    let mut held: std::collections::BTreeMap<Symbol, std::collections::BTreeSet<Symbol>> = std::collections::BTreeMap::new();
    for (name, value) in claims {
        held.entry((*name).into()).or_default().insert((*value).into());
    }
    Token::Valid { issuer: issuer.into(), claims: held }
}

/// Asks the whole way, and the end that is called as well where the connection goes there directly: they must agree.
fn ask(cluster: &Cluster, question: &Question) -> Decision {
    let decision = cluster.decide(question);
    let direct = decision.steps.iter().all(|step| step.at.is_empty() || step.at == question.destination.to_string());
    if let (Some(transport), true, Protocol::Tcp) = (question.transport, direct, question.protocol) {
        let end = cluster.end(&question.destination, Way::Ingress);
        let verdict = end.decide(&question.source, question.protocol, question.port, transport, question.request.as_ref());
        let kinds = [&decision.verdict, &verdict].map(std::mem::discriminant);
        assert_eq!(kinds[0], kinds[1], "{:?} and {verdict:?} for {question:#?}\n{:#?}", decision.verdict, decision.steps);
    }
    decision
}

#[track_caller]
fn allowed(cluster: &Cluster, question: &Question) {
    let decision = ask(cluster, question);
    assert_eq!(decision.verdict, Verdict::Allowed, "{question:#?}\n{:#?}", decision.steps);
}

/// Denied, and by this gate first.
#[track_caller]
fn denied(cluster: &Cluster, question: &Question, gate: Gate) {
    let decision = ask(cluster, question);
    assert_eq!(decision.verdict, Verdict::Denied, "{question:#?}\n{:#?}", decision.steps);
    let first = decision.steps.iter().find(|step| step.verdict == Verdict::Denied).unwrap();
    assert_eq!(first.gate, gate, "{question:#?}\n{:#?}", decision.steps);
}

/// Left open, for a reason that holds these words.
#[track_caller]
fn unspecified(cluster: &Cluster, question: &Question, words: &str) {
    let decision = ask(cluster, question);
    let Verdict::Unspecified(reason) = &decision.verdict else { panic!("{:?} for {question:#?}\n{:#?}", decision.verdict, decision.steps) };
    assert!(reason.contains(words), "{reason}");
}
