//! Connections that every gate lets pass, and of which is not known all the same whether anybody takes them.
//!
//! Owns: on which ports of a pod nobody listens who is known, which calls of a pod sidecars may refuse to make, and which pods may be called
//! by the tunnel though they are in no mesh. It must not judge: no gate stops these. Whoever tells of whole connections asks here, so that
//! all tell the same.

use super::mesh::UNNAMED;
use super::{Cluster, Endpoint, HBONE};
use crate::flow::{PortSet, Protocol};

/// Ports on which nobody listens who is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unheard {
    /// Which.
    pub ports: PortSet,
    /// Who would listen.
    pub silence: Silence,
}

/// Why nobody listens who is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silence {
    /// The pod is a gateway of which no `Gateway` opens the port.
    Unopened,
    /// The port is that of the tunnel, and nobody is in ambient mode who would call it.
    NoTunnel,
}

impl Cluster {
    /// Why calls are left open that a sidecar refuses, or may.
    pub const UNNAMED: &'static str = UNNAMED;

    /// The ports of an end on which nobody listens who is known; none where somebody may be taken to.
    pub fn unheard(&self, end: &Endpoint) -> Option<Unheard> {
        let unopened = self.mesh.unopened(end);
        if !unopened.is_empty() {
            return Some(Unheard { ports: unopened, silence: Silence::Unopened });
        }
        let is_idle = self.mesh.is_without_tunnels(end);
        is_idle.then(|| Unheard { ports: PortSet::one(Protocol::Tcp, HBONE), silence: Silence::NoTunnel })
    }

    /// Why nobody may listen on a TCP port of an end; none where somebody may be taken to.
    pub fn silence(&self, end: &Endpoint, port: u16) -> Option<Silence> {
        self.unheard(end).filter(|unheard| unheard.ports.contains(Protocol::Tcp, port)).map(|unheard| unheard.silence)
    }

    /// The TCP ports on which the sidecar of a client refuses, or may refuse, to call what no Service names, as the own address of a pod. What
    /// it does not take over it cannot refuse.
    pub fn refused_unnamed(&self, client: &Endpoint) -> PortSet {
        self.mesh.refused_unnamed(client)
    }

    /// The TCP ports of a pod to which no Service of the manifests surely leads.
    pub fn unnamed_ports(&self, destination: &Endpoint) -> PortSet {
        PortSet::full(Protocol::Tcp).subtract(&self.mesh.named_ports(destination))
    }

    /// The TCP ports of a pod on which the sidecar of a client refuses, or may refuse, a call that arrives in plaintext: by Service it may
    /// speak mTLS there, and what no Service names is refused.
    pub fn refused_in_plaintext(&self, client: &Endpoint, destination: &Endpoint) -> PortSet {
        self.mesh.refused_in_plaintext(client, destination)
    }

    /// Whether sidecars may call an end by the tunnel, though it is in no mesh: its label says that it listens there.
    pub fn may_be_tunnelled_to(&self, end: &Endpoint) -> bool {
        self.mesh.may_be_tunnelled_to(end)
    }
}
