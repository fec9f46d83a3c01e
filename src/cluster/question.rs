//! What a cluster can be asked.
//!
//! Owns: `Question` and its parts: a flow, with the facts about its ends that only some policies look at.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use crate::flow::{DataPlane, Flow, Intervals, Peer, Pod, PortSet, Protocol, Request, Symbol, Transport};
use crate::inventory::{OutboundCapture, ProxyRole};

/// One connection that somebody tries to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Who connects.
    pub source: Endpoint,
    /// To whom.
    pub destination: Endpoint,
    /// Over which protocol.
    pub protocol: Protocol,
    /// The port on the destination's pod, after any Service translation.
    pub port: u16,
    /// How it arrives; none for whatever the client's side of the mesh does by itself.
    pub transport: Option<Transport>,
    /// The request, or nothing where the connection is no HTTP.
    pub request: Option<Request>,
    /// What the client addresses.
    pub addressed: Addressed,
}

/// A flow as a question of which nothing more is known than the flow: pods as they are told apart, and no word of what is addressed.
impl From<&Flow> for Question {
    fn from(flow: &Flow) -> Self {
        Self {
            source: Endpoint::from(flow.source.clone()),
            destination: Endpoint::from(flow.destination.clone()),
            protocol: flow.protocol,
            port: flow.port,
            transport: Some(flow.transport),
            request: flow.request.clone(),
            addressed: Addressed::Unsaid,
        }
    }
}

/// What a client addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Addressed {
    /// It is not known, and the answer must not hang on it; where it does, it is unspecified.
    #[default]
    Unsaid,
    /// The pod's own address.
    Pod,
    /// A Service, by namespace and name, on this port of it.
    Service {
        /// The namespace of the Service.
        namespace: Symbol,
        /// Its name.
        name: Symbol,
        /// The port of the Service.
        port: u16,
    },
}

/// One end of a connection: a peer, and what policies may ask of it besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Who it is.
    pub peer: Peer,
    /// What else is known of it.
    pub facts: Facts,
}

/// What is known of an end besides its labels. The default is a pod of which nothing more is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// The named ports of its containers; none if they are not known.
    pub ports: Option<Vec<NamedPort>>,
    /// Which network it uses.
    pub network: Network,
    /// The one pod that it is, by namespace and name; none for any of several, and where it is not known which. Two pods may have one
    /// address, as those on one node's network do, so only this tells whether a pod calls itself (`semantics.md` §1.7).
    pub one_pod: Option<Symbol>,
    /// Its addresses, of which a connection uses one; those of all its pods where it is any of several; empty if they are not known.
    pub addresses: Vec<IpAddr>,
    /// What its Envoy is for, if it has one.
    pub proxy: ProxyRole,
    /// The inbound TCP ports that its sidecar is told not to capture.
    pub uncaptured: Intervals<u16>,
    /// Whether its sidecar takes over the connections that it makes.
    pub outbound: OutboundCapture,
    /// The node that it runs on. An address with a node is a process of that node (`semantics.md` §1.7); one without is taken
    /// for none of the other end's node.
    pub node: Option<Symbol>,
    /// Keys of further labels that it may have, with values that are not known; none of them is a key of its labels.
    pub open_labels: BTreeSet<Symbol>,
    /// How much is known of the labels of its namespace.
    pub namespace: NamespaceLabels,
}

/// The label by which clients know that a pod takes mTLS, and what the injection of a sidecar writes there unless the pod has it already
/// (istio/istio : manifests/charts/istio-control/istio-discovery/files/injection-template.yaml).
pub(super) const TLS_MODE: (&str, &str) = ("security.istio.io/tlsMode", "istio");

/// The label by which clients know that a pod listens for the tunnel itself, and what it says then; injection treats it alike.
pub(super) const TUNNEL: (&str, &str) = ("networking.istio.io/tunnel", "http");

impl Facts {
    /// The TCP ports, as they are called, of which its sidecar surely takes no connection over that the pod makes.
    pub(crate) fn spared_outbound(&self) -> PortSet {
        match &self.outbound {
            OutboundCapture::All => PortSet::none(),
            OutboundCapture::AllBut(ports) | OutboundCapture::NotAll(ports) => {
                ports.iter().fold(PortSet::none(), |sum, port| sum.union(&PortSet::one(Protocol::Tcp, *port)))
            }
        }
    }

    /// Whether its sidecar surely takes no connection to a port over that the pod makes.
    pub(crate) fn spares_outbound(&self, port: u16) -> bool {
        match &self.outbound {
            OutboundCapture::All => false,
            OutboundCapture::AllBut(ports) | OutboundCapture::NotAll(ports) => ports.contains(&port),
        }
    }

    /// The value of a label that no manifest has, where the injection of a sidecar gives it to this pod whatever its configuration.
    pub(super) fn injected(&self, pod: &Pod, key: &str) -> Option<&'static str> {
        let is_injected = pod.plane == DataPlane::Sidecar && self.proxy == ProxyRole::Sidecar && self.open_labels.contains(TLS_MODE.0);
        (is_injected && key == TLS_MODE.0).then_some(TLS_MODE.1)
    }
}

/// How much is known of a namespace's labels (`semantics.md` §1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum NamespaceLabels {
    /// All of them.
    #[default]
    Known,
    /// No object describes it: of its labels only the name is known.
    NameOnly,
}

/// A port that a container declares under a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedPort {
    /// The name.
    pub name: Symbol,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its number.
    pub number: u16,
}

/// Which network a pod uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Network {
    /// Its own.
    #[default]
    Own,
    /// Its node's (`semantics.md` §1.7).
    Host,
}

impl From<Peer> for Endpoint {
    fn from(peer: Peer) -> Self {
        Self { peer, facts: Facts::default() }
    }
}

/// As its owner would name it: `app=db@shop`, `*@shop` without labels, or an address.
impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pod = match &self.peer {
            Peer::Address(address) => return write!(out, "{address}"),
            Peer::Pod(pod) => pod,
        };
        if pod.labels.is_empty() {
            return write!(out, "*@{}", pod.namespace);
        }
        for (index, (key, value)) in pod.labels.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(out, "{comma}{key}={value}")?;
        }
        write!(out, "@{}", pod.namespace)
    }
}
