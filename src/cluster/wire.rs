//! Which port a connection has on the wire, where no waypoint is on its way.
//!
//! Owns: the rows of `semantics.md` §5.1 without a waypoint, for a connection whose transport is given. It must not know policies.

use super::Endpoint;
use crate::flow::{DataPlane, Peer, Protocol, Transport};

/// The port of the tunnel in which ztunnel carries connections.
pub const HBONE: u16 = 15008;

/// The destination port that `NetworkPolicy` sees, on both ends.
///
/// What arrives over mTLS at an ambient pod came through the tunnel, and so did what an ambient pod sends over mTLS to a sidecar;
/// between sidecars mTLS has the port of the application, and plaintext always has.
pub(super) fn port(source: &Endpoint, destination: &Endpoint, protocol: Protocol, port: u16, transport: Transport) -> u16 {
    let tunnelled = protocol == Protocol::Tcp && transport == Transport::Mtls && tunnels(plane(source), plane(destination));
    if tunnelled { HBONE } else { port }
}

/// Whether mTLS between two planes runs in the tunnel.
pub(super) fn tunnels(source: DataPlane, destination: DataPlane) -> bool {
    match (source, destination) {
        (_, DataPlane::None) => false,
        (_, DataPlane::Ambient) => true,
        (source, DataPlane::Sidecar) => source == DataPlane::Ambient,
    }
}

/// How an end takes part in the mesh; an address does not.
pub(super) fn plane(end: &Endpoint) -> DataPlane {
    match &end.peer {
        Peer::Pod(pod) => pod.plane,
        Peer::Address(_) => DataPlane::None,
    }
}
