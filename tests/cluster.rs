//! The evaluator on manifests that people wrote: what it reads, what it refuses, and every trap of `semantics.md` that it can show.

mod network_traps;
mod properties;
mod reading;
mod reasons;
mod strictness;
mod twice;
mod unknown_namespaces;
mod unmodelled;
mod wire_traps;
mod workloads;

use twogate::cluster::{self, Addressed, Cluster, Decision, Endpoint, Facts, NamedPort, NamespaceLabels, Network, Platform, Question};
use twogate::diagnostic::{Diagnostic, Level};
use twogate::flow::{AddressSet, DataPlane, Labels, NAMESPACE_NAME, Peer, Pod, Prefix, Protocol, Transport, Verdict};
use twogate::source::{Source, Sources};

/// What every test assumes unless it is about the assumption: a plugin that can do everything, whose blocks match no pods.
fn platform() -> Platform {
    Platform {
        end_port: Some(true),
        named_ports: Some(true),
        sctp: Some(true),
        ipblock_matches_pods: Some(false),
        auto_allow_waypoint: Some(false),
        ..Platform::default()
    }
}

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
    cluster_on(platform(), yaml)
}

/// Findings as `code at TEXT: message`.
fn findings(yaml: &str) -> Vec<String> {
    let mut sources = Sources::default();
    let file = sources.add(Source::new("all.yaml", yaml));
    let (_, findings) = cluster::read(&sources, &[file], platform());
    let say = |finding: &Diagnostic| {
        let at = finding.location().map(|location| sources.slice(location)).unwrap_or_default();
        format!("{} at `{at}`: {}", finding.code, finding.message)
    };
    findings.iter().map(say).collect()
}

/// An object of namespace `shop`, from its spec.
fn object(version: &str, kind: &str, name: &str, spec: &str) -> String {
    format!("---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop}}\nspec: {spec}\n")
}

/// A `NetworkPolicy` of namespace `shop`, from its spec.
fn policy(name: &str, spec: &str) -> String {
    object("networking.k8s.io/v1", "NetworkPolicy", name, spec)
}

/// A policy for every pod of `shop` that lets in what one rule says.
fn lets_in(rule: &str) -> String {
    policy("in", &format!("{{podSelector: {{}}, policyTypes: [Ingress], ingress: [{rule}]}}"))
}

/// A policy for every pod of `shop` that lets out what one rule says.
fn lets_out(rule: &str) -> String {
    policy("out", &format!("{{podSelector: {{}}, policyTypes: [Egress], egress: [{rule}]}}"))
}

/// A pod outside the mesh, as `app=web,tier=front@shop`, or an address.
fn end(text: &str) -> Endpoint {
    if let Ok(address) = text.parse() {
        return Peer::Address(address).into();
    }
    let (own, namespace) = text.split_once('@').unwrap();
    let pairs = own.split(',').filter(|pair| !pair.is_empty() && *pair != "*");
    let labels = pairs.map(|pair| pair.split_once('=').unwrap()).map(|(key, value)| (key.into(), value.into())).collect();
    let namespace_labels = Labels::from([(NAMESPACE_NAME.into(), namespace.into())]);
    Peer::Pod(Pod { namespace: namespace.into(), namespace_labels, labels, account: "default".into(), plane: DataPlane::None }).into()
}

/// The same, with something changed.
trait Changed: Sized {
    fn pod(self, change: impl FnOnce(&mut Pod)) -> Self;
    fn facts(self, change: impl FnOnce(&mut Facts)) -> Self;
    fn in_namespace_labelled(self, key: &str, value: &str) -> Self;
    fn in_unknown_namespace(self) -> Self;
    fn calls_port(self, name: &str, number: u16) -> Self;
    fn at(self, addresses: &[&str]) -> Self;
    fn named(self, pod: &str) -> Self;
    fn on_host_network(self) -> Self;
    fn on_node(self, node: &str) -> Self;
    fn plane(self, plane: DataPlane) -> Self;
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

    fn in_namespace_labelled(self, key: &str, value: &str) -> Self {
        self.pod(|pod| drop(pod.namespace_labels.insert(key.into(), value.into())))
    }

    fn in_unknown_namespace(self) -> Self {
        self.facts(|facts| facts.namespace = NamespaceLabels::NameOnly)
    }

    fn calls_port(self, name: &str, number: u16) -> Self {
        let port = NamedPort { name: name.into(), protocol: Protocol::Tcp, number };
        self.facts(|facts| facts.ports.get_or_insert_default().push(port))
    }

    fn at(self, addresses: &[&str]) -> Self {
        self.facts(|facts| facts.addresses = addresses.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn named(self, pod: &str) -> Self {
        self.facts(|facts| facts.one_pod = Some(pod.into()))
    }

    fn on_host_network(self) -> Self {
        self.facts(|facts| facts.network = Network::Host)
    }

    fn on_node(self, node: &str) -> Self {
        self.facts(|facts| facts.node = Some(node.into()))
    }

    fn plane(self, plane: DataPlane) -> Self {
        self.pod(|pod| pod.plane = plane)
    }
}

fn addresses(text: &str) -> AddressSet {
    text.split_whitespace().map(|text| Prefix::parse(text).unwrap()).collect()
}

/// A plaintext connection to a port such as `80` or `53/udp`.
fn question(source: &Endpoint, destination: &Endpoint, port: &str) -> Question {
    let (port, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
    Question {
        source: source.clone(),
        destination: destination.clone(),
        protocol: protocol.parse().unwrap(),
        port: port.parse().unwrap(),
        transport: Some(Transport::Plaintext),
        request: None,
        addressed: Addressed::Unsaid,
    }
}

fn decide(cluster: &Cluster, source: &Endpoint, destination: &Endpoint, port: &str) -> Decision {
    cluster.decide(&question(source, destination, port))
}

#[track_caller]
fn allowed(cluster: &Cluster, source: &Endpoint, destination: &Endpoint, port: &str) {
    let decision = decide(cluster, source, destination, port);
    assert_eq!(decision.verdict, Verdict::Allowed, "{source} -> {destination}:{port}\n{:#?}", decision.steps);
}

#[track_caller]
fn denied(cluster: &Cluster, source: &Endpoint, destination: &Endpoint, port: &str) {
    let decision = decide(cluster, source, destination, port);
    assert_eq!(decision.verdict, Verdict::Denied, "{source} -> {destination}:{port}\n{:#?}", decision.steps);
}

/// Unspecified, for a reason that holds these words.
#[track_caller]
fn unspecified(cluster: &Cluster, source: &Endpoint, destination: &Endpoint, port: &str, words: &str) {
    let decision = decide(cluster, source, destination, port);
    let Verdict::Unspecified(reason) = &decision.verdict else {
        panic!("{source} -> {destination}:{port} is {:?}\n{:#?}", decision.verdict, decision.steps);
    };
    assert!(reason.contains(words), "{reason}");
}
