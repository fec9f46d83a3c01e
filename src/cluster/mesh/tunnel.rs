//! Pods that are called by the tunnel alone: waypoints, and the east-west gateways of ambient mode.
//!
//! Owns: `Tunnel`: which pods these are, and what they take from whoever calls them directly. What goes over a waypoint is said elsewhere.
//!
//! Both run `proxy waypoint`, from one template (istio/istio : manifests/charts/istio-control/istio-discovery/files/waypoint.yaml), and
//! listen on the tunnel's port, where they ask for a certificate of the mesh (`pilot/pkg/networking/core/listener_waypoint.go`,
//! `buildConnectTerminateListener`). No policy about pods acts there (`semantics.md` §2.11). What comes in goes to whom the client of the
//! tunnel names. An east-west gateway may have other listeners, of which older versions make nothing and newer ones those of a gateway
//! (`pilot/pkg/config/kube/gateway/gateway_collection.go`).

use super::Mesh;
use super::attachment::Known;
use super::gateway::OWN_PORTS;
use super::read::gateway::Gateway;
use super::truth::Truth;
use crate::cluster::decision::Document;
use crate::cluster::question::Endpoint;
use crate::cluster::{HBONE, ProxyRole};
use crate::flow::{Peer, Pod, Transport};

/// What such a pod takes.
#[derive(Debug, Clone)]
pub(super) struct Tunnel<'m> {
    /// The Gateway that it is of, if the manifests hold that.
    gateway: Option<&'m Gateway>,
    /// Where else it may listen.
    others: Others,
}

/// Where such a pod may listen besides the tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Others {
    /// On these ports, or on none of them.
    Ports(Vec<u16>),
    /// Nobody knows, as its Gateway cannot be understood.
    Unclear,
    /// Nobody knows, as its Gateway is not there.
    Unseen,
}

/// The class of Gateways that are east-west gateways of ambient mode.
pub(super) const EAST_WEST_CLASS: &str = "istio-east-west";

/// The label under which pods carry the class of their Gateway.
pub(super) const CLASS_NAME: &str = "gateway.networking.k8s.io/gateway-class-name";

/// By what such a pod is called (`semantics.md` §3.4): a port that opens to everybody, and then asks for a certificate.
pub(super) const ONLY_TUNNEL: &str = "a waypoint takes only the tunnel, which is mTLS";
const ONLY_TUNNEL_EAST_WEST: &str = "an east-west gateway takes only the tunnel, which is mTLS";
const LEADS_ON: &str = "the tunnel leads on to whom its client names";
const OTHER_LISTENER: &str = "whether an east-west gateway listens on another port than that of the tunnel hangs on its version";
const NO_GATEWAY: &str = "no Gateway in the manifests says whether anything but the tunnel is taken";

impl Mesh {
    /// Whether a pod is a waypoint, or an east-west gateway of ambient mode: it runs as one, or carries the name of such a Gateway.
    pub(super) fn is_tunnel(&self, (pod, facts): Known<'_>) -> bool {
        facts.proxy == ProxyRole::Waypoint || self.is_waypoint(pod) || self.east_west(pod).is_some()
    }

    /// Whether an end is one.
    pub(crate) fn is_of_waypoint(&self, end: &Endpoint) -> bool {
        matches!(&end.peer, Peer::Pod(pod) if self.is_tunnel((pod, &end.facts)))
    }

    /// The Gateway of an east-west gateway.
    fn east_west(&self, pod: &Pod) -> Option<&Gateway> {
        self.named_gateway(pod).filter(|gateway| &*gateway.class == EAST_WEST_CLASS)
    }

    /// What such a pod takes.
    pub(super) fn tunnel(&self, pod: &Pod) -> Tunnel<'_> {
        let gateway = self.named_gateway(pod);
        let class = gateway.map(|gateway| &gateway.class).or_else(|| pod.labels.get(CLASS_NAME));
        let others = match (gateway.map(|gateway| &gateway.listeners), class) {
            // A waypoint has no other listeners, whatever its Gateway says.
            (_, Some(class)) if self.makes_waypoints(class) => Others::Ports(Vec::new()),
            (Some(Some(listeners)), _) => {
                Others::Ports(listeners.iter().map(|listener| listener.port).filter(|port| *port != HBONE).collect())
            }
            (Some(None), _) => Others::Unclear,
            (None, _) => Others::Unseen,
        };
        Tunnel { gateway, others }
    }
}

impl Tunnel<'_> {
    /// The ports that it tells apart.
    pub(super) fn ports(&self) -> Vec<u16> {
        let others = if let Others::Ports(ports) = &self.others { ports.as_slice() } else { &[] };
        [HBONE].into_iter().chain(OWN_PORTS).chain(others.iter().copied()).collect()
    }

    /// The object that says so.
    pub(super) fn document(&self) -> Option<Document> {
        self.gateway.map(|gateway| gateway.object.document(None))
    }

    /// Whether a connection is made at all, by a client who has an identity to prove where it speaks mTLS.
    pub(super) fn takes(&self, port: u16, transport: Transport) -> Truth {
        let is_plain = Truth::of(transport == Transport::Plaintext);
        match (&self.others, transport) {
            _ if OWN_PORTS.contains(&port) => is_plain,
            (_, Transport::Plaintext) if port == HBONE => Truth::No,
            (_, Transport::Mtls) if port == HBONE => Truth::Open(LEADS_ON),
            (Others::Ports(ports), _) if ports.contains(&port) => Truth::Open(OTHER_LISTENER),
            (Others::Unclear, _) => Truth::Open(OTHER_LISTENER),
            (Others::Unseen, Transport::Mtls) => Truth::Open(NO_GATEWAY),
            // Nothing listens there.
            (Others::Ports(_) | Others::Unseen, _) => is_plain,
        }
    }

    /// Why a connection is made, or why not.
    pub(super) fn why(&self, port: u16, takes: Truth) -> &'static str {
        let is_east_west = self.gateway.is_some_and(|gateway| &*gateway.class == EAST_WEST_CLASS);
        match takes {
            Truth::Open(reason) => reason,
            _ if OWN_PORTS.contains(&port) => "it is a port of the proxy's own, which nothing guards",
            _ if port == HBONE && is_east_west => ONLY_TUNNEL_EAST_WEST,
            _ if port == HBONE => ONLY_TUNNEL,
            Truth::Yes => "nothing of the mesh listens on this port",
            Truth::No => "nothing there terminates mTLS",
        }
    }
}
