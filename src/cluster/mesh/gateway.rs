//! Gateways: pods whose Envoy stands before nobody, and listens where `Gateway` objects say.
//!
//! Owns: which pods are gateways, where they listen, and what each listener takes. It must not read objects.
//!
//! A listener is made of the servers of `Gateway` objects alone (istio/istio : pilot/pkg/networking/core/gateway.go): no `PeerAuthentication`
//! and no Service has a say in what it takes, and nothing captures other ports of the pod. The policies are those that act on the pod, on
//! filters for HTTP where the server is one of HTTP, TLS or not. Hosts, routes and names asked for in TLS are not looked at: what they
//! refuse, no policy refuses.

use std::collections::BTreeMap;

use super::Mesh;
use super::attachment::{Acts, GATEWAY_NAME, Known, selects};
use super::chain::ChainKind;
use super::end::plane;
use super::proxy::{Attached, Proxy};
use super::read::gateway::Gateway;
use super::services::{Class, selects as leads_to};
use super::test::{Matcher, Test};
use super::truth::Truth;
use super::view::View;
use crate::cluster::ProxyRole;
use crate::cluster::decision::Document;
use crate::cluster::object::Object;
use crate::cluster::question::{Endpoint, Facts, NamedPort};
use crate::flow::{DataPlane, Labels, Peer, Pod, PortSet, Protocol, Request, Symbol, Transport};
use crate::inventory::{PortTarget, ServiceFacts};

/// A `Gateway` of Istio's own kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Classic {
    /// What it is, for reasons.
    pub(super) object: Object,
    /// The labels of its pods, in any namespace; none for all gateways. That `PILOT_SCOPE_GATEWAY_TO_NAMESPACE` is off, as it is by default,
    /// is taken for granted.
    pub(super) selector: Labels,
    /// Where they listen.
    pub(super) servers: Vec<Server>,
    /// Why it may not be there at all.
    pub(super) doubt: Option<&'static str>,
}

/// A server of a `Gateway`, for TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Server {
    /// Its port, as the `Gateway` has it.
    pub(super) port: u16,
    /// What it takes.
    pub(super) takes: Takes,
}

/// What a server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// HTTP.
    Http(Tls),
    /// Bytes.
    Bytes(Tls),
    /// The mesh's own mutual TLS, which it leads on unopened and past all policies (`AUTO_PASSTHROUGH`).
    Through,
    /// Nobody knows, for this reason.
    Unknown(&'static str),
}

/// Which TLS a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    /// None.
    None,
    /// The client's own, which it ends or leads on; nobody proves to be a workload.
    Own,
    /// The same, where the client may show a certificate.
    Optional,
    /// The same, where it must.
    Certificate,
    /// The mesh's mutual TLS.
    Mesh,
}

/// A gateway, for one pod.
#[derive(Debug, Clone)]
pub(super) struct Edge<'m> {
    pub(super) proxy: Proxy<'m>,
    /// What the servers on a port of the pod take, and whose they are.
    opened: BTreeMap<u16, Vec<(Takes, &'m Object)>>,
    /// Whether that is all of them.
    told: Told,
}

/// Whether it is known where a gateway listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    /// No `Gateway` in the manifests is about it.
    Nowhere,
    /// All that are say it.
    Everywhere,
    /// Not every one of them can be understood.
    InPart,
}

/// The class of Gateways for whose pods Istio makes gateways.
pub(super) const GATEWAY_CLASS: &str = "istio";

/// The ports that a gateway's own agent and metrics have, which no policy guards (`semantics.md` §5.3).
pub(super) const OWN_PORTS: [u16; 3] = [15020, 15021, 15090];

/// The label of Services that no gateway takes its ports from.
const UNTRANSLATED: &str = "experimental.istio.io/disable-gateway-port-translation";

const NO_SERVER: &str = "no Gateway in the manifests says what the gateway takes on this port";
const UNREAD: &str = "not everything that opens ports of the gateway can be understood";
const SEVERAL: &str = "several servers of the gateway share the port, and which of them takes the connection is not known";
const DISAGREE: &str = "Services of the gateway lead one port to several of the pod";
const THROUGH: &str = "`AUTO_PASSTHROUGH` leads mTLS on to whomever its client names";
const HAS_CERTIFICATE: &str = "the gateway asks for a certificate, and whether the client has one is not known";
const WHOSE_CERTIFICATE: &str = "whom the gateway takes the client for by its certificate is not known";

impl Mesh {
    /// What the Envoy of a pod is for: as the manifests say; else one that carries the name of a Gateway is one of its gateways.
    pub(super) fn proxy_role(&self, (pod, facts): Known<'_>) -> ProxyRole {
        match facts.proxy {
            ProxyRole::Unknown if self.is_made_as_gateway(pod) => ProxyRole::Gateway,
            known => known,
        }
    }

    /// Whether a pod carries the name of a Gateway for which Istio makes gateways. Its template for them turns injection off and leaves them
    /// out of ambient mode, so they have just the Envoy that they run (istio/istio : manifests/charts/istio-control/istio-discovery/files/
    /// kube-gateway.yaml).
    pub(crate) fn is_made_as_gateway(&self, pod: &Pod) -> bool {
        pod.labels.get(GATEWAY_NAME).is_some_and(|name| self.makes_gateways(&pod.namespace, name))
    }

    /// Whether there is such a Gateway.
    pub(crate) fn makes_gateways(&self, namespace: &Symbol, name: &str) -> bool {
        let gateway = self.gateways.get(&(Symbol::clone(namespace), Symbol::from(name)));
        gateway.is_some_and(|gateway| &*gateway.class == GATEWAY_CLASS)
    }

    /// The TCP ports on which a gateway has no listener, as all say that open ports of it; none of any other pod. A gateway captures nothing, so
    /// there nobody of the mesh answers.
    pub(crate) fn unopened(&self, end: &Endpoint) -> PortSet {
        let Peer::Pod(pod) = &end.peer else { return PortSet::none() };
        let known = (pod, &end.facts);
        if self.is_tunnel(known) || plane(end) != DataPlane::Sidecar || self.proxy_role(known) != ProxyRole::Gateway {
            return PortSet::none();
        }
        let edge = self.edge(known);
        if edge.told != Told::Everywhere {
            return PortSet::none();
        }
        let opened = edge.ports().map(|port| PortSet::one(Protocol::Tcp, port));
        opened.fold(PortSet::full(Protocol::Tcp), |rest, port| rest.subtract(&port))
    }

    /// The Gateway of the Gateway API that a pod carries the name of.
    pub(super) fn named_gateway(&self, pod: &Pod) -> Option<&Gateway> {
        let name = pod.labels.get(GATEWAY_NAME)?;
        self.gateways.get(&(Symbol::clone(&pod.namespace), Symbol::clone(name)))
    }

    /// A pod that is a gateway.
    pub(super) fn edge<'m>(&'m self, known: Known<'_>) -> Edge<'m> {
        let mut edge = Edge { proxy: self.sidecar_proxy(known), opened: BTreeMap::new(), told: Told::Nowhere };
        self.open_servers(known, &mut edge);
        self.open_listeners(known, &mut edge);
        edge
    }

    /// Opens the servers of Istio's own Gateways. A port of a Service stands for the port of the pod that it leads to.
    fn open_servers<'m>(&'m self, known: Known<'_>, edge: &mut Edge<'m>) {
        let (pod, facts) = known;
        let mut services = self.services_of(pod);
        services.retain(|service| !service.labels.contains_key(UNTRANSLATED));
        for gateway in &self.classic {
            let doubt = match selects(known, &gateway.selector) {
                Acts::No => continue,
                Acts::Yes => gateway.doubt,
                Acts::Perhaps(reason) => Some(reason),
            };
            if doubt.is_none() {
                edge.told = edge.told.max(Told::Everywhere);
            }
            for server in &gateway.servers {
                let takes = doubt.map_or(server.takes, Takes::Unknown);
                let ports = ports(server.port, &services, facts).map(|ports| if ports.is_empty() { vec![server.port] } else { ports });
                edge.open(ports, takes, &gateway.object);
            }
        }
    }

    /// Opens the listeners of Gateways of the Gateway API: of the one for which the pod was made, as they are; and of those that find the pod
    /// behind a Service.
    fn open_listeners<'m>(&'m self, (pod, facts): Known<'_>, edge: &mut Edge<'m>) {
        // Of a gateway the class of its Gateway may have any name.
        if let Some(gateway) = self.named_gateway(pod) {
            edge.open_all(gateway, |port| Some(vec![port]));
        }
        for gateway in self.gateways.values().filter(|gateway| &*gateway.class == GATEWAY_CLASS) {
            let services = gateway.behind.iter().filter_map(|(namespace, name)| self.service(namespace, name));
            for service in services.filter(|service| leads_to(service, pod)) {
                edge.open_all(gateway, |port| ports(port, &[service], facts));
            }
        }
    }
}

/// Whether a pod carries the name of a Gateway.
pub(crate) fn is_named_after(pod: &Pod, name: &str) -> bool {
    pod.labels.get(GATEWAY_NAME).is_some_and(|own| **own == *name)
}

/// The ports of a pod that Services lead a port of theirs to; nothing where that hangs on names that are not known.
fn ports(number: u16, services: &[&ServiceFacts], facts: &Facts) -> Option<Vec<u16>> {
    let mut all = Vec::new();
    let own = services.iter().flat_map(|service| &service.ports);
    for port in own.filter(|port| port.port == number && port.protocol == Protocol::Tcp) {
        match (&port.target, &facts.ports) {
            (PortTarget::Number(number), _) => all.push(*number),
            (PortTarget::Name(_), None) => return None,
            (PortTarget::Name(name), Some(ports)) => {
                let is_it = |own: &&NamedPort| own.name == *name && own.protocol == Protocol::Tcp;
                all.extend(ports.iter().filter(is_it).map(|own| own.number));
            }
        }
    }
    all.sort_unstable();
    all.dedup();
    Some(all)
}

impl<'m> Edge<'m> {
    /// Opens ports of the pod to a server.
    fn open(&mut self, ports: Option<Vec<u16>>, takes: Takes, whose: &'m Object) {
        let Some(ports) = ports else {
            self.told = Told::InPart;
            return;
        };
        // Of several Services the oldest counts.
        let takes = if ports.len() > 1 { Takes::Unknown(DISAGREE) } else { takes };
        for port in ports {
            self.opened.entry(port).or_default().push((takes, whose));
        }
    }

    /// Opens all listeners of a Gateway, those of its `ListenerSet`s among them.
    fn open_all(&mut self, gateway: &'m Gateway, ports: impl Fn(u16) -> Option<Vec<u16>>) {
        self.told = self.told.max(Told::Everywhere);
        let more = gateway.more.iter().map(|more| (&more.object, &more.listeners));
        for (object, listeners) in [(&gateway.object, &gateway.listeners)].into_iter().chain(more) {
            let Some(listeners) = listeners else {
                self.told = Told::InPart;
                continue;
            };
            for server in listeners {
                self.open(ports(server.port), server.takes, object);
            }
        }
    }

    fn at(&self, port: u16) -> &[(Takes, &'m Object)] {
        self.opened.get(&port).map(Vec::as_slice).unwrap_or_default()
    }

    /// The ports that it tells apart.
    pub(super) fn ports(&self) -> impl Iterator<Item = u16> {
        self.opened.keys().copied().chain(OWN_PORTS)
    }

    /// The objects that open a port.
    pub(super) fn documents(&self, port: u16) -> Vec<Document> {
        self.at(port).iter().map(|(_, object)| object.document(None)).collect()
    }

    /// Whether the server on a port ends TLS of the client's own, so that it sees what is in it.
    pub(super) fn ends_tls(&self, port: u16) -> bool {
        let ends = |takes| matches!(takes, Takes::Http(Tls::Own | Tls::Optional | Tls::Certificate));
        !self.at(port).is_empty() && self.at(port).iter().all(|(takes, _)| ends(*takes))
    }

    /// Whether a server on a port surely takes HTTP without TLS, which TLS of a client's own is not.
    pub(super) fn takes_no_tls(&self, port: u16) -> bool {
        !self.at(port).is_empty() && self.at(port).iter().all(|(takes, _)| *takes == Takes::Http(Tls::None))
    }

    /// Whether all servers on a port take HTTP alone, and not within TLS.
    pub(super) fn is_http(&self, port: u16) -> bool {
        !self.at(port).is_empty() && self.at(port).iter().all(|(takes, _)| matches!(takes, Takes::Http(Tls::None | Tls::Mesh)))
    }

    /// What an HTTP request on a port is taken for.
    pub(super) fn class(&self, port: u16) -> Class {
        let class = |takes: Takes| match takes {
            Takes::Http(_) => Class::Http,
            Takes::Bytes(_) | Takes::Through => Class::Plain,
            Takes::Unknown(reason) => Class::Either(reason),
        };
        let mut classes = self.at(port).iter().map(|(takes, _)| class(*takes));
        let Some(first) = classes.next() else { return Class::Either(NO_SERVER) };
        if classes.all(|other| other == first) { first } else { Class::Either(SEVERAL) }
    }

    /// Whether a connection is made at all, by a client of this plane.
    pub(super) fn takes(&self, client: DataPlane, port: u16, transport: Transport) -> Truth {
        if OWN_PORTS.contains(&port) {
            return Truth::of(transport == Transport::Plaintext);
        }
        let mut answers = self.at(port).iter().map(|(takes, _)| takes.takes(client, transport));
        match (answers.next(), transport) {
            (Some(first), _) => {
                if answers.all(|other| other == first) {
                    first
                } else {
                    Truth::Open(SEVERAL)
                }
            }
            // A server that could not be read may refuse it.
            (None, Transport::Plaintext) if self.told == Told::InPart => Truth::Open(UNREAD),
            (None, Transport::Plaintext) => Truth::Yes,
            (None, Transport::Mtls) if self.told == Told::Everywhere => Truth::No,
            (None, Transport::Mtls) => Truth::Open(NO_SERVER),
        }
    }

    /// Whether its policies let a connection pass that is made.
    pub(super) fn passes(&self, view: View<'_>, request: Option<&Request>) -> Truth {
        if OWN_PORTS.contains(&view.port) {
            return Truth::Yes;
        }
        let passes = self.proxy.passes(view, request, self.class(view.port));
        self.doubt(view.port).map_or(passes, Truth::Open)
    }

    /// Why it is not known what its policies say on a port: some ask for the caller, who may be anybody by a certificate.
    pub(super) fn doubt(&self, port: u16) -> Option<&'static str> {
        let asks = |takes: Takes| match takes {
            Takes::Http(tls) | Takes::Bytes(tls) => matches!(tls, Tls::Optional | Tls::Certificate),
            Takes::Through | Takes::Unknown(_) => false,
        };
        let may_show_one = self.at(port).iter().any(|(takes, _)| asks(*takes));
        (may_show_one && asks_who(&self.proxy.attached)).then_some(WHOSE_CERTIFICATE)
    }

    /// Why a connection is made, or why not.
    pub(super) fn why(&self, port: u16, takes: Truth) -> &'static str {
        let speaks_tls = self.at(port).iter().any(|(takes, _)| matches!(takes, Takes::Http(Tls::Own) | Takes::Bytes(Tls::Own)));
        let of_mesh = |takes| matches!(takes, Takes::Http(Tls::Mesh) | Takes::Bytes(Tls::Mesh) | Takes::Through);
        let wants_mesh = self.at(port).iter().any(|(takes, _)| of_mesh(*takes));
        match takes {
            Truth::Open(reason) => reason,
            _ if OWN_PORTS.contains(&port) => "it is a port of the gateway's own, which nothing guards",
            _ if self.at(port).is_empty() => "no Gateway in the manifests opens this port",
            Truth::No if wants_mesh => "the gateway takes only the mesh's mTLS here",
            Truth::No => "the gateway does not end the mesh's mTLS here",
            Truth::Yes if speaks_tls => "the gateway takes TLS of the client's own here",
            Truth::Yes => "the gateway takes it here",
        }
    }
}

impl Takes {
    /// Whether a server takes a connection, by a client of this plane.
    fn takes(self, client: DataPlane, transport: Transport) -> Truth {
        let tls = match self {
            Self::Http(tls) | Self::Bytes(tls) => tls,
            Self::Through if transport == Transport::Mtls => return Truth::Open(THROUGH),
            Self::Through => return Truth::No,
            Self::Unknown(reason) => return Truth::Open(reason),
        };
        match (tls, transport) {
            (Tls::None | Tls::Own | Tls::Optional, Transport::Plaintext) => Truth::Yes,
            (Tls::Certificate, _) | (Tls::Optional, Transport::Mtls) => Truth::Open(HAS_CERTIFICATE),
            (Tls::None | Tls::Own, Transport::Mtls) | (Tls::Mesh, Transport::Plaintext) => Truth::No,
            // What ztunnel sends to a pod without a tunnel is plaintext.
            (Tls::Mesh, Transport::Mtls) => Truth::of(client == DataPlane::Sidecar),
        }
    }
}

/// Whether a rule asks for the caller.
fn asks_who(attached: &Attached<'_>) -> bool {
    let chains = attached.policies().flat_map(|bound| ChainKind::ALL.map(|kind| bound.policy.chain(kind)));
    let tests =
        chains.flat_map(|chain| &chain.rules).flat_map(|rule| &rule.clauses).flat_map(|clause| clause.alternatives.iter().flatten());
    tests.flat_map(Test::matchers).any(|matcher| matches!(matcher, Matcher::Callers(_) | Matcher::TrustDomain(_)))
}
