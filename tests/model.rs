//! A second opinion, for tests only: what a cluster does with YAML, written from `semantics.md` alone.
//!
//! YAML text goes in, a verdict on one flow comes out, by brute force: no index, no sets, nothing clever, so that a
//! reviewer can hold each rule against the section it cites. It knows nothing of the compiler and must never use a type
//! of the crate `twogate` or be written with an eye on its emitters or its evaluator: its worth is that it is somebody else's reading.
//!
//! Modelled: `NetworkPolicy`, and a sidecar at the destination. Not modelled: ambient mode, waypoints, gateways,
//! `DestinationRule`, a pod that calls itself.

mod address;
mod authorization;
mod network;
mod read;
mod schema;
mod token;
mod transport;
mod truth;
mod validate;
mod values;

mod address_tests;
mod corpus_tests;
mod example_tests;
mod jwt_traps;
mod mesh_traps;
mod network_traps;
mod samples;
mod schema_tests;
mod validate_tests;
mod value_tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

pub(crate) use schema::crd_check;
pub(crate) use truth::Truth;
pub(crate) use validate::validate;

/// Everything that was applied to a cluster, and the facts of the installation that decide how it is read.
#[derive(Debug)]
pub(crate) struct Cluster {
    network_policies: Vec<read::Object<read::NetworkPolicy>>,
    authorization_policies: Vec<read::Object<read::AuthorizationPolicy>>,
    peer_authentications: Vec<read::Object<read::PeerAuthentication>>,
    request_authentications: Vec<read::Object<read::RequestAuthentication>>,
    settings: Settings,
}

/// Facts of the installation: `semantics.md` §9, last paragraph.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// `meshConfig.rootNamespace`.
    pub(crate) root_namespace: String,
    /// The mesh's own trust domain; every pod of the model has an identity in it.
    pub(crate) trust_domain: String,
    /// `trustDomainAliases` of the mesh.
    pub(crate) trust_domain_aliases: Vec<String>,
    /// Does an `ipBlock` match the address of a pod? `semantics.md` §1.8.
    pub(crate) ip_block_matches_pods: PodAddresses,
}

/// Whether the network plugin compares an `ipBlock` with the addresses of pods (`semantics.md` §1.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PodAddresses {
    Matched,
    Ignored,
    Unknown,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            root_namespace: "istio-system".to_owned(),
            trust_domain: "cluster.local".to_owned(),
            trust_domain_aliases: Vec::new(),
            ip_block_matches_pods: PodAddresses::Unknown,
        }
    }
}

/// One connection attempt and, on an established HTTP connection, one request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flow {
    pub(crate) source: Peer,
    pub(crate) destination: Peer,
    pub(crate) protocol: Protocol,
    /// The port on the destination pod, after any Service (`semantics.md` §1.6).
    pub(crate) port: u16,
    /// How the client connects, whatever the server wants.
    pub(crate) transport: Transport,
    pub(crate) payload: Payload,
}

/// One end of a flow.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Peer {
    /// A pod. Two ends are always two pods, even when they look alike.
    Pod(Pod),
    /// Anything that is no pod of the cluster; a host-network pod of another node too.
    Address(IpAddr),
    /// A process of the node that hosts the pod at the other end (kubelet, host-network pod), with the node's address.
    OwnNode(IpAddr),
}

/// What the two gates can see of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pod {
    pub(crate) namespace: String,
    /// The name label is added whether or not it is given (`semantics.md` §1.5).
    pub(crate) namespace_labels: NamespaceLabels,
    pub(crate) labels: BTreeMap<String, String>,
    /// The service account's name; `default` where the pod names none (`semantics.md` §6).
    pub(crate) account: String,
    pub(crate) plane: Plane,
    pub(crate) network: Network,
    /// The declared container ports that have a name.
    pub(crate) ports: Vec<NamedPort>,
    /// Inbound ports that the sidecar leaves alone (`excludeInboundPorts`).
    pub(crate) uncaptured: BTreeSet<u16>,
    /// Absent: an address that no block of the YAML contains.
    pub(crate) ip: Option<IpAddr>,
}

/// The labels of a pod's namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NamespaceLabels {
    Known(BTreeMap<String, String>),
    /// The Namespace object was not seen; only its name is known.
    Unknown,
}

/// The data plane of a pod. Ambient is not modelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plane {
    None,
    Sidecar,
}

/// Whose network a pod uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    Own,
    /// `hostNetwork: true`: never in the mesh, and beyond what `NetworkPolicy` defines (`semantics.md` §1.7).
    Host,
}

/// A named container port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedPort {
    pub(crate) name: String,
    pub(crate) protocol: Protocol,
    pub(crate) number: u16,
}

/// The layer 4 protocol; `Other` is ICMP and the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    Sctp,
    Other,
}

/// How a client connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// With Istio mutual TLS, so with an identity. Only a pod with a sidecar can.
    Mtls,
    Plaintext,
}

/// What the client sends, as the proxy at the destination classifies it (`semantics.md` §2.9).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Payload {
    /// Judged on a TCP filter chain; an HTTP request to a port that Istio takes for TCP is `Raw` too.
    Raw,
    /// Judged on an HTTP filter chain.
    Http(Request),
}

/// One HTTP request.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// As the client writes it, with any query; the model normalises it (`semantics.md` §2.7, BASE).
    pub(crate) path: String,
    /// `:authority`, with `:port` where the client writes one.
    pub(crate) host: String,
    /// Names compare without case; a name may repeat.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) token: Token,
}

/// The bearer token of a request, at the default location.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Token {
    #[default]
    None,
    /// Present, and no key of any issuer verifies it.
    Unverified,
    /// Signed by its issuer and in date; whether anyone here trusts that issuer is for the YAML to say.
    Valid(Claims),
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Claims {
    pub(crate) issuer: String,
    pub(crate) subject: Option<String>,
    pub(crate) audiences: Vec<String>,
    /// The other claims.
    pub(crate) others: BTreeMap<String, Claim>,
}

/// The value of a claim, as far as a policy can see it (`semantics.md` §4.3).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Claim {
    /// A string (one) or a list of strings.
    Strings(Vec<String>),
    /// A number or a boolean: matches nothing.
    NotText,
    /// An object.
    Nested(BTreeMap<String, Claim>),
}

/// What happens to a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    /// Each reason names the gate and the objects.
    Denied {
        reasons: Vec<String>,
    },
    /// The platform, or what the model knows, leaves it open. Never to be read as either of the others.
    Unspecified(String),
}

/// What one gate says of a flow.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) name: &'static str,
    pub(crate) passes: Truth,
    /// The rule or the objects that decided.
    pub(crate) why: String,
}

impl Gate {
    fn new(name: &'static str, passes: Truth, why: impl Into<String>) -> Self {
        Gate { name, passes, why: why.into() }
    }
}

impl Cluster {
    /// Reads a stream of documents, as `kubectl apply` with strict field checks would.
    ///
    /// # Errors
    /// Another kind, an unknown field, a wrong type, a missing namespace (`semantics.md` §1.1), an object given twice.
    pub(crate) fn read(yaml_stream: &str) -> Result<Cluster, String> {
        read::cluster(yaml_stream)
    }

    /// The same objects in another installation.
    pub(crate) fn with_settings(self, settings: Settings) -> Cluster {
        Cluster { settings, ..self }
    }

    /// Does the flow get through? Every gate must let it pass (`semantics.md` §0.1); one sure refusal decides.
    pub(crate) fn decide(&self, flow: &Flow) -> Verdict {
        if let Some(reason) = flow.impossible() {
            return Verdict::Unspecified(reason);
        }
        let gates = self.gates(flow);
        let reasons: Vec<String> = gates.iter().filter(|g| g.passes == Truth::No).map(|g| format!("{}: {}", g.name, g.why)).collect();
        if !reasons.is_empty() {
            return Verdict::Denied { reasons };
        }
        let open = gates.iter().find_map(|gate| match &gate.passes {
            Truth::Unknown(reason) => Some(format!("{}: {reason}", gate.name)),
            Truth::Yes | Truth::No => None,
        });
        open.map_or(Verdict::Allowed, Verdict::Unspecified)
    }

    /// What each gate says, in the order in which the flow meets them.
    pub(crate) fn gates(&self, flow: &Flow) -> Vec<Gate> {
        let mut gates = vec![network::egress(self, flow), network::ingress(self, flow), transport::gate(self, flow)];
        if let Some(pod) = transport::guarded(flow) {
            let (token_gate, verified) = token::gate(self, pod, flow);
            gates.push(token_gate);
            gates.push(authorization::gate(self, pod, flow, verified));
        }
        gates
    }
}

impl Flow {
    /// Why nobody can send this flow, if so: identity comes from the sidecar of a pod (`semantics.md` §2.1, §3.3), and the
    /// mesh knows TCP only (§5.1).
    fn impossible(&self) -> Option<String> {
        if self.transport == Transport::Plaintext {
            return None;
        }
        if self.protocol != Protocol::Tcp {
            return Some("impossible flow: Istio mutual TLS runs over TCP only".to_owned());
        }
        match &self.source {
            Peer::Pod(pod) if pod.plane == Plane::Sidecar && pod.network == Network::Own => None,
            Peer::Pod(_) | Peer::Address(_) | Peer::OwnNode(_) => {
                Some("impossible flow: the source has no sidecar and cannot speak Istio mutual TLS".to_owned())
            }
        }
    }
}

impl Pod {
    /// A pod without labels, outside the mesh, in a namespace that has no labels but its name.
    pub(crate) fn new(namespace: &str) -> Self {
        Pod {
            namespace: namespace.to_owned(),
            namespace_labels: NamespaceLabels::Known(BTreeMap::new()),
            labels: BTreeMap::new(),
            account: "default".to_owned(),
            plane: Plane::None,
            network: Network::Own,
            ports: Vec::new(),
            uncaptured: BTreeSet::new(),
            ip: None,
        }
    }
}
