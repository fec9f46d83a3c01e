//! The mesh's end of connections that reach one pod directly: transport, token and caller together.
//!
//! Owns: `MeshEnd`. The policies that act on the pod are found once; an answer then allocates nothing unless it is left open.

use super::Mesh;
use super::attachment::{Acts, Attachment, Known, selects};
use super::callers::{Callers, Reader};
use super::chain::ChainKind;
use super::gateway::Edge;
use super::peer::Modes;
use super::proxy::{Attached, Proxy, Synthetic};
use super::services::{Class, Classes};
use super::truth::Truth;
use super::tunnel::Tunnel;
use super::view::{Addresses, Handshake, View, caller};
use crate::cluster::object::Object;
use crate::cluster::question::{Endpoint, Network, TLS_MODE};
use crate::cluster::{HBONE, ProxyRole};
use crate::flow::{DataPlane, Labels, Peer, Request, Symbol, Transport, Verdict};

/// The policies of the mesh at the pod that is called.
#[derive(Debug, Clone)]
pub(crate) struct MeshEnd<'m> {
    pub(super) mesh: &'m Mesh,
    pub(super) destination: &'m Endpoint,
    pub(super) guard: Guard<'m>,
    /// Why it is not known what clients that know tunnels speak to the pod.
    mislabelled: Option<&'static str>,
}

/// Who looks at connections that reach a pod.
#[derive(Debug, Clone)]
pub(super) enum Guard<'m> {
    /// Nobody: the pod takes no part in the mesh, or it is an address.
    None,
    /// Its sidecar.
    Sidecar(Box<Sidecar<'m>>),
    /// The pod itself, which is a gateway.
    Gateway(Box<Edge<'m>>),
    /// The pod itself, which is a waypoint or an east-west gateway.
    Tunnel(Tunnel<'m>),
    /// The node's ztunnel.
    Ztunnel(Box<Ztunnel<'m>>),
}

/// A sidecar.
#[derive(Debug, Clone)]
pub(super) struct Sidecar<'m> {
    pub(super) proxy: Proxy<'m>,
    pub(super) modes: Modes<'m>,
    pub(super) classes: Classes,
}

/// A ztunnel, for one pod.
#[derive(Debug, Clone)]
pub(super) struct Ztunnel<'m> {
    pub(super) attached: Attached<'m>,
    pub(super) modes: Modes<'m>,
}

/// Where a connection enters a pod with a sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entrance {
    /// At a port that the sidecar captures.
    Captured,
    /// At the port of the tunnel itself.
    Tunnel,
    /// At a port that the sidecar does not capture, past it: nothing there terminates mTLS.
    Past,
    /// At the sidecar, to which an ambient client's tunnel leads, for a port that it does not capture.
    Carried,
}

/// What is not known of such a connection: the tunnel leads to the sidecar, whose policies are for the ports that it captures.
pub(super) const CARRIED: &str = "whether policies act on a port that the sidecar does not capture is not known of what the tunnel brings";

/// The inbound ports that no sidecar captures (`semantics.md` §3.2).
pub(super) const NEVER_CAPTURED: [u16; 4] = [HBONE, 15020, 15021, 15090];

/// The other ports on which ztunnel itself listens in a pod (`semantics.md`, appendix B).
pub(super) const ZTUNNEL_PORTS: [u16; 4] = [15001, 15006, 15053, 15080];

impl Mesh {
    /// The end of connections that reach a pod directly, with the policies that act on it found once.
    pub(crate) fn end<'m>(&'m self, destination: &'m Endpoint) -> MeshEnd<'m> {
        MeshEnd { mesh: self, destination, guard: self.guard(destination), mislabelled: self.mislabelled(destination) }
    }

    /// Whether a sidecar captures a port of this pod; that of the tunnel is where it listens itself.
    pub(crate) fn captures(destination: &Endpoint, port: u16) -> bool {
        port == HBONE || (!NEVER_CAPTURED.contains(&port) && !destination.facts.uncaptured.contains(port))
    }

    /// Whether a pod has a sidecar to which no pod of ambient mode can tunnel, as there is none: whether it listens for tunnels is not known.
    pub(crate) fn is_without_tunnels(&self, destination: &Endpoint) -> bool {
        let Peer::Pod(pod) = &destination.peer else { return false };
        let known = (pod, &destination.facts);
        let has_sidecar = || plane(destination) == DataPlane::Sidecar && self.proxy_role(known) != ProxyRole::Gateway;
        !self.has_ambient && has_sidecar() && !self.is_tunnel(known)
    }

    fn guard<'m>(&'m self, destination: &'m Endpoint) -> Guard<'m> {
        let Peer::Pod(pod) = &destination.peer else { return Guard::None };
        let known = (pod, &destination.facts);
        if self.is_tunnel(known) {
            return Guard::Tunnel(self.tunnel(pod));
        }
        match plane(destination) {
            DataPlane::None => Guard::None,
            DataPlane::Sidecar if self.proxy_role(known) == ProxyRole::Gateway => Guard::Gateway(Box::new(self.edge(known))),
            DataPlane::Sidecar => Guard::Sidecar(Box::new(Sidecar {
                proxy: self.sidecar_proxy(known),
                modes: self.modes(known),
                classes: Classes::of(&self.services_of(pod), &destination.facts),
            })),
            DataPlane::Ambient => Guard::Ztunnel(Box::new(Ztunnel { attached: self.at_ztunnel(known), modes: self.modes(known) })),
        }
    }

    pub(super) fn modes(&self, known: Known<'_>) -> Modes<'_> {
        let (pod, _) = known;
        let of = |namespace: &str| self.peers.get(namespace).into_iter().flatten().collect::<Vec<_>>();
        let root = of(&self.platform.root_namespace);
        let own = if pod.namespace == self.platform.root_namespace { Vec::new() } else { of(&pod.namespace) };
        Modes::of(known, &root, &own)
    }

    /// What acts on a sidecar (`semantics.md` §2.1).
    pub(super) fn sidecar_proxy(&self, known: Known<'_>) -> Proxy<'_> {
        let (pod, _) = known;
        let root = &*self.platform.root_namespace;
        let mut proxy = Proxy::default();
        for policy in self.near(&self.policies, &pod.namespace).filter(|policy| policy.counts(ChainKind::Http)) {
            let attachment = &policy.written.attachment;
            let acts = attachment.on_sidecar(&policy.written.object.namespace, root, known);
            match self.targets_known(attachment, acts) {
                Acts::No => {}
                Acts::Yes => proxy.attached.add(policy, None),
                Acts::Perhaps(reason) => proxy.attached.add(policy, Some(reason)),
            }
        }
        for policy in self.near(&self.tokens, &pod.namespace) {
            match policy.attachment.on_sidecar(&policy.object.namespace, root, known) {
                Acts::No => {}
                Acts::Yes => proxy.tokens.push(policy),
                Acts::Perhaps(_) => proxy.perhaps.push(policy),
            }
        }
        proxy
    }

    /// The objects that act on the proxy of a gateway, or may; none of any other end.
    pub(crate) fn acting_on_gateway(&self, end: &Endpoint) -> Vec<&Object> {
        let Peer::Pod(pod) = &end.peer else { return Vec::new() };
        if !self.is_gateway(end) {
            return Vec::new();
        }
        let Proxy { attached, tokens, perhaps, .. } = self.sidecar_proxy((pod, &end.facts));
        let policies = attached.policies().map(|bound| &bound.policy.written.object);
        policies.chain(tokens.into_iter().chain(perhaps).map(|policy| &policy.object)).collect()
    }

    /// What becomes of a policy with targets: an Istio that does not know them takes it for one of the namespace.
    fn targets_known(&self, attachment: &Attachment, acts: Acts) -> Acts {
        const UNKNOWN: &str = "Istio before 1.22 does not know `targetRefs` and takes the policy for one of its whole namespace";
        let unknown = self.platform.istio < (1, 22, 0) && !attachment.targets().is_empty();
        if unknown { Acts::Perhaps(UNKNOWN) } else { acts }
    }

    /// What ztunnel is told for a pod.
    fn at_ztunnel(&self, known: Known<'_>) -> Attached<'_> {
        let (pod, _) = known;
        let root = &*self.platform.root_namespace;
        let mut attached = Attached::default();
        for policy in self.near(&self.policies, &pod.namespace).filter(|policy| policy.counts(ChainKind::Ztunnel)) {
            match policy.written.attachment.on_ztunnel(&policy.written.object.namespace, root, known) {
                Acts::No => {}
                Acts::Yes => attached.add(policy, None),
                Acts::Perhaps(reason) => attached.add(policy, Some(reason)),
            }
        }
        attached.waypoints = self.synthetic(known);
        attached
    }

    /// The waypoints of a pod, where Istio may let them in by itself.
    fn synthetic(&self, known: Known<'_>) -> Option<Synthetic> {
        const UNSAID: &str = "whether Istio lets waypoints in by itself is not known";
        let doubt = match self.platform.auto_allow_waypoint {
            Some(false) => return None,
            Some(true) => None,
            None => Some(UNSAID),
        };
        let before = self.waypoints_of(known);
        let accounts: Vec<Symbol> = before.pods.iter().map(|pod| format!("{}/{}", pod.namespace, pod.account).into()).collect();
        let callers = Callers::accounts(&accounts, "", Reader::Ztunnel, &self.platform);
        match before.doubt {
            None if accounts.is_empty() => None,
            None => Some(Synthetic { callers, more: None, doubt }),
            // Without any that surely stands there it may be that nobody is let in, which lets everybody in.
            Some(more) => Some(Synthetic { callers, more: Some(more), doubt: doubt.or(accounts.is_empty().then_some(more)) }),
        }
    }
}

impl MeshEnd<'_> {
    /// Whether a connection to this pod passes the mesh, for its far end, port, transport and request.
    pub(crate) fn decide(&self, far: &Endpoint, port: u16, transport: Transport, request: Option<&Request>) -> Verdict {
        self.passes(far, port, transport, request).verdict()
    }

    /// The same, in three values.
    pub(super) fn passes(&self, far: &Endpoint, port: u16, transport: Transport, request: Option<&Request>) -> Truth {
        let arrives = self.arrives(far, port, transport);
        if arrives == Truth::No {
            return Truth::No;
        }
        let view = self.view(far, port, transport);
        match &self.guard {
            Guard::None | Guard::Tunnel(_) => arrives,
            Guard::Sidecar(sidecar) => {
                let judged = || sidecar.proxy.passes(view, request, sidecar.classes.class(port));
                match self.entrance(plane(far), port, transport) {
                    Entrance::Captured => Truth::all([arrives, judged()]),
                    Entrance::Tunnel | Entrance::Past => arrives,
                    Entrance::Carried => Truth::all([arrives, judged().unless(CARRIED)]),
                }
            }
            Guard::Gateway(gateway) => Truth::all([arrives, gateway.passes(view, request)]),
            Guard::Ztunnel(ztunnel) => {
                let judged = || Truth::all([arrives, ztunnel.attached.passes(ChainKind::Ztunnel, &view)]);
                Truth::any([self.bypasses(far, transport), judged()])
            }
        }
    }

    /// What the pod's proxy knows of a connection, without its request.
    pub(super) fn view<'v>(&'v self, far: &'v Endpoint, port: u16, transport: Transport) -> View<'v> {
        let platform = &self.mesh.platform;
        View {
            caller: caller(far, transport),
            source: Addresses::of(far, &platform.pods, &platform.nodes),
            destination: Addresses::of(self.destination, &platform.pods, &platform.nodes),
            port,
            request: None,
            token: None,
            handshake: match (&self.guard, transport) {
                // Gateways end the TLS of clients.
                (Guard::Sidecar(_), Transport::Plaintext) => Handshake::NotOfRequests,
                _ => Handshake::Perhaps,
            },
        }
    }

    /// Whether a connection is made at all as it claims: what both sides speak (`semantics.md` §3.2, §3.3).
    pub(super) fn arrives(&self, far: &Endpoint, port: u16, transport: Transport) -> Truth {
        let client = plane(far);
        match (self.mislabelled, &self.guard) {
            // Who says so outside of the mesh may know tunnels by itself.
            (Some(reason), Guard::None) if transport == Transport::Mtls && client != DataPlane::None => Truth::Open(reason),
            (Some(reason), _) if client == DataPlane::Ambient => {
                Truth::all([self.takes(far, (port, client), transport), Truth::Open(reason)])
            }
            _ => self.takes(far, (port, client), transport),
        }
    }

    /// Whether the pod takes what a client sends that speaks as it claims.
    fn takes(&self, far: &Endpoint, (port, client): (u16, DataPlane), transport: Transport) -> Truth {
        if transport == Transport::Mtls && (client == DataPlane::None || self.has_no_tunnel(client)) {
            return Truth::No;
        }
        match &self.guard {
            Guard::None => Truth::of(transport == Transport::Plaintext),
            Guard::Sidecar(sidecar) => match self.entrance(client, port, transport) {
                Entrance::Captured => sidecar.modes.at_sidecar(port, transport, client),
                Entrance::Tunnel => self.takes_tunnels(transport),
                Entrance::Past => Truth::of(transport == Transport::Plaintext),
                Entrance::Carried => Truth::Yes,
            },
            Guard::Gateway(gateway) => gateway.takes(client, port, transport),
            Guard::Tunnel(tunnel) => tunnel.takes(port, transport),
            Guard::Ztunnel(_) if port == HBONE => Truth::No,
            Guard::Ztunnel(_) if ZTUNNEL_PORTS.contains(&port) => Truth::Open("it is one of ztunnel's own ports"),
            Guard::Ztunnel(ztunnel) => Truth::any([self.bypasses(far, transport), ztunnel.modes.at_ztunnel(port, transport)]),
        }
    }

    /// Whether two proxies of different kinds have no way to speak mTLS with each other.
    fn has_no_tunnel(&self, client: DataPlane) -> bool {
        let server = if matches!(self.guard, Guard::Tunnel(_)) { client } else { plane(self.destination) };
        server != client && server != DataPlane::None && self.mesh.platform.hbone_from_sidecars == Some(false)
    }

    /// Where a connection of a client of this plane enters a pod with a sidecar.
    pub(super) fn entrance(&self, client: DataPlane, port: u16, transport: Transport) -> Entrance {
        if port == HBONE {
            return Entrance::Tunnel;
        }
        match (Mesh::captures(self.destination, port), transport, client) {
            (true, ..) => Entrance::Captured,
            (false, Transport::Mtls, DataPlane::Ambient) => Entrance::Carried,
            (false, ..) => Entrance::Past,
        }
    }

    /// Whether a sidecar takes connections to the tunnel's own port (`semantics.md` §3.2, §3.3).
    ///
    /// Where it listens there, it takes mTLS alone, whatever the mode; where it does not, the port is one that it does not capture. In
    /// a mesh without ambient mode nobody calls it, and as what it counts is not said: there it is both.
    fn takes_tunnels(&self, transport: Transport) -> Truth {
        const LISTENS: &str = "whether sidecars listen on the port of the tunnel hangs on how the mesh is installed";
        match self.mesh.platform.hbone_from_sidecars {
            _ if !self.mesh.has_ambient => Truth::Yes,
            Some(listens) => Truth::of(listens == (transport == Transport::Mtls)),
            None => Truth::Open(LISTENS),
        }
    }

    /// Whether ztunnel does not look at a connection, because it comes from the pod's own node (`semantics.md` §5.4).
    pub(super) fn bypasses(&self, far: &Endpoint, transport: Transport) -> Truth {
        const ONLY_KUBELET: &str = "whether ztunnel looks at what host-network pods of the same node send hangs on how it is installed";
        const WHICH_NODE: &str = "whether the caller is on the pod's own node is not known";
        if transport == Transport::Mtls {
            return Truth::No;
        }
        let same_node = match (&far.facts.node, &self.destination.facts.node) {
            (Some(own), Some(other)) => Some(own == other),
            _ => None,
        };
        match &far.peer {
            Peer::Address(address) if self.mesh.platform.probe_sources.contains(*address) => Truth::Yes,
            // An address with a node is a process of it; one without is of no node that matters.
            Peer::Address(_) => Truth::of(same_node == Some(true)),
            Peer::Pod(_) if far.facts.network == Network::Own => Truth::No,
            Peer::Pod(_) => match same_node {
                Some(true) => Truth::Open(ONLY_KUBELET),
                Some(false) => Truth::No,
                None => Truth::Open(WHICH_NODE),
            },
        }
    }

    /// Whether clients hear that the pod takes mTLS: by its label, which the injection of a sidecar gives it unless somebody wrote another one,
    /// and which no template of a gateway has (istio/istio : manifests/charts/istio-control/istio-discovery/files/{injection-template,
    /// gateway-injection-template,kube-gateway}.yaml). Whether there is a proxy that takes it they do not ask.
    pub(super) fn announces(&self) -> Truth {
        let Peer::Pod(pod) = &self.destination.peer else { return Truth::No };
        let (key, value) = TLS_MODE;
        let written = pod.labels.get(key).map(|written| **written == *value);
        match &self.guard {
            Guard::Sidecar(_) => Truth::of(written != Some(false)),
            Guard::Gateway(_) => match selects((pod, &self.destination.facts), &Labels::from([(key.into(), value.into())])) {
                Acts::Yes => Truth::Yes,
                Acts::No => Truth::No,
                Acts::Perhaps(reason) => Truth::Open(reason),
            },
            Guard::None | Guard::Ztunnel(_) => Truth::of(written == Some(true)),
            Guard::Tunnel(_) => Truth::No,
        }
    }

    /// What an HTTP request on a port is taken for.
    pub(super) fn class(&self, port: u16) -> Class {
        match &self.guard {
            Guard::Sidecar(sidecar) => sidecar.classes.class(port),
            Guard::Gateway(gateway) => gateway.class(port),
            Guard::None | Guard::Ztunnel(_) | Guard::Tunnel(_) => Class::Plain,
        }
    }
}

/// How an end takes part in the mesh: addresses do not, and of pods on their node's network only gateways, which capture nothing.
pub(super) fn plane(end: &Endpoint) -> DataPlane {
    match &end.peer {
        Peer::Pod(pod) if end.facts.network == Network::Own || end.facts.proxy == ProxyRole::Gateway => pod.plane,
        _ => DataPlane::None,
    }
}
