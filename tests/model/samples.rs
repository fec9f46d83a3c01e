//! Short ways to write a cluster, a pod and a flow, so that a test shows its YAML and its verdicts and nothing else.

use std::net::IpAddr;

use super::{
    Claims, Cluster, Flow, NamedPort, NamespaceLabels, Network, Payload, Peer, Plane, Pod, Protocol, Request, Token, Transport, Verdict,
};

/// One `NetworkPolicy` of namespace `shop`, from its spec.
pub(super) fn network_policy(spec: &str) -> String {
    object("networking.k8s.io/v1", "NetworkPolicy", "shop/policy", spec)
}

/// One `AuthorizationPolicy` of namespace `shop`, from its spec.
pub(super) fn authorization_policy(spec: &str) -> String {
    object("security.istio.io/v1", "AuthorizationPolicy", "shop/policy", spec)
}

/// One `PeerAuthentication`, from its `namespace/name` and its spec.
pub(super) fn peer_authentication(id: &str, spec: &str) -> String {
    object("security.istio.io/v1", "PeerAuthentication", id, spec)
}

/// One `RequestAuthentication` of namespace `shop`, from its spec.
pub(super) fn request_authentication(spec: &str) -> String {
    object("security.istio.io/v1", "RequestAuthentication", "shop/tokens", spec)
}

/// Any object, from its `namespace/name` and its spec, which starts on its own line.
pub(super) fn object(version: &str, kind: &str, id: &str, spec: &str) -> String {
    let (namespace, name) = id.split_once('/').unwrap();
    format!("---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n")
}

pub(super) fn cluster(yaml: &str) -> Cluster {
    Cluster::read(yaml).unwrap()
}

/// A pod outside the mesh: its labels as `app=web,tier=front`.
pub(super) fn plain(namespace: &str, labels: &str) -> Pod {
    let pairs = labels.split(',').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap());
    Pod { labels: pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(), ..Pod::new(namespace) }
}

/// A pod with a sidecar and a service account.
pub(super) fn meshed(namespace: &str, labels: &str, account: &str) -> Pod {
    Pod { plane: Plane::Sidecar, account: account.to_owned(), ..plain(namespace, labels) }
}

impl Pod {
    pub(super) fn in_namespace_labelled(mut self, key: &str, value: &str) -> Self {
        match &mut self.namespace_labels {
            NamespaceLabels::Known(labels) => labels.insert(key.to_owned(), value.to_owned()),
            NamespaceLabels::Unknown => None,
        };
        self
    }

    pub(super) fn in_unknown_namespace(self) -> Self {
        Pod { namespace_labels: NamespaceLabels::Unknown, ..self }
    }

    pub(super) fn with_port(mut self, name: &str, protocol: Protocol, number: u16) -> Self {
        self.ports.push(NamedPort { name: name.to_owned(), protocol, number });
        self
    }

    pub(super) fn at(self, ip: &str) -> Self {
        Pod { ip: ip.parse().ok(), ..self }
    }

    pub(super) fn on_host_network(self) -> Self {
        Pod { network: Network::Host, ..self }
    }
}

/// The end of a flow, from a pod or the text of an address.
pub(super) trait End {
    fn peer(&self) -> Peer;
}

impl End for Pod {
    fn peer(&self) -> Peer {
        Peer::Pod(self.clone())
    }
}

impl End for str {
    fn peer(&self) -> Peer {
        Peer::Address(self.parse::<IpAddr>().unwrap())
    }
}

impl End for Peer {
    fn peer(&self) -> Peer {
        self.clone()
    }
}

/// A TCP connection in plaintext that carries no HTTP.
pub(super) fn tcp(source: &(impl End + ?Sized), destination: &(impl End + ?Sized), port: u16) -> Flow {
    let (source, destination) = (source.peer(), destination.peer());
    Flow { source, destination, protocol: Protocol::Tcp, port, transport: Transport::Plaintext, payload: Payload::Raw }
}

/// The same with Istio mutual TLS.
pub(super) fn mtls(source: &(impl End + ?Sized), destination: &(impl End + ?Sized), port: u16) -> Flow {
    Flow { transport: Transport::Mtls, ..tcp(source, destination, port) }
}

impl Flow {
    pub(super) fn over(self, protocol: Protocol) -> Flow {
        Flow { protocol, ..self }
    }

    pub(super) fn http(self, method: &str, path: &str) -> Flow {
        let request = Request { method: method.to_owned(), path: path.to_owned(), host: "db.shop".to_owned(), ..Request::default() };
        Flow { payload: Payload::Http(request), ..self }
    }

    pub(super) fn host(self, host: &str) -> Flow {
        self.with(|request| host.clone_into(&mut request.host))
    }

    pub(super) fn header(self, name: &str, value: &str) -> Flow {
        self.with(|request| request.headers.push((name.to_owned(), value.to_owned())))
    }

    pub(super) fn token(self, token: Token) -> Flow {
        self.with(|request| request.token = token)
    }

    fn with(mut self, change: impl FnOnce(&mut Request)) -> Flow {
        let Payload::Http(request) = &mut self.payload else { panic!("no HTTP request to change") };
        change(request);
        self
    }
}

/// A valid token of an issuer, for the audience `shop`.
pub(super) fn valid(issuer: &str, subject: Option<&str>) -> Claims {
    Claims { issuer: issuer.to_owned(), subject: subject.map(str::to_owned), audiences: vec!["shop".to_owned()], ..Claims::default() }
}

#[track_caller]
pub(super) fn allowed(cluster: &Cluster, flow: &Flow) {
    assert_eq!(cluster.decide(flow), Verdict::Allowed, "{flow:#?}");
}

/// Denied, by a gate whose reason holds `gate` and by no other.
#[track_caller]
pub(super) fn denied(cluster: &Cluster, flow: &Flow, gate: &str) {
    match cluster.decide(flow) {
        Verdict::Denied { reasons } => assert!(reasons.len() == 1 && reasons[0].contains(gate), "{gate}: {reasons:?}"),
        other => panic!("{other:?} for {flow:#?}"),
    }
}

/// Left open, for a reason that holds `words`.
#[track_caller]
pub(super) fn unspecified(cluster: &Cluster, flow: &Flow, words: &str) {
    match cluster.decide(flow) {
        Verdict::Unspecified(reason) => assert!(reason.contains(words), "{reason}"),
        other => panic!("{other:?} for {flow:#?}"),
    }
}

/// The findings of `validate` on one object, each without its grade and the object's name, as `grade: text`.
pub(super) fn findings(yaml: &str) -> Vec<String> {
    let words = |finding: String| {
        let (grade, rest) = finding.split_once(": ").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        format!("{grade}: {}", rest.split_once(": ").map_or(rest.as_str(), |(_, text)| text))
    };
    super::validate(yaml).into_iter().map(words).collect()
}
