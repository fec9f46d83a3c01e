//! What one proxy knows of one connection.
//!
//! Owns: `View` and its parts. It borrows everything and decides nothing but what an address and a token are.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::token::Verified;
use super::truth::Truth;
use crate::cluster::question::{Endpoint, Network};
use crate::flow::{AddressSet, Peer, Pod, Request, Symbol, Transport};

/// One connection, as one proxy sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'v> {
    /// The workload that proved its identity; none for a plaintext peer.
    pub(super) caller: Option<&'v Pod>,
    /// Where the packets come from.
    pub(super) source: Addresses<'v>,
    /// Where they go to.
    pub(super) destination: Addresses<'v>,
    /// The port that they go to, as this proxy sees it.
    pub(super) port: u16,
    /// The request, on an HTTP filter chain.
    pub(super) request: Option<&'v Request>,
    /// The token of the request, if this proxy verified it.
    pub(super) token: Option<Verified<'v>>,
    /// Whether TLS began the connection.
    pub(super) handshake: Handshake,
}

/// Whether TLS begins a connection, as one proxy sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handshake {
    /// It may, and for which server is not known.
    Perhaps,
    /// Not where the proxy sees a request: its bytes are no TLS, so no server is named either.
    NotOfRequests,
}

/// The address of one end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Addresses<'v> {
    /// One of these.
    Known(&'v [IpAddr]),
    /// This one.
    One(IpAddr),
    /// Some address of this set; of any, if the set is empty.
    Within(&'v AddressSet),
}

impl<'v> Addresses<'v> {
    /// The address of an end; pods of which nothing is known have one of `pods`, or of `nodes` on their node's network.
    pub(super) fn of(end: &'v Endpoint, pods: &'v AddressSet, nodes: &'v AddressSet) -> Self {
        match &end.peer {
            Peer::Address(address) => Self::One(*address),
            Peer::Pod(_) if !end.facts.addresses.is_empty() => Self::Known(&end.facts.addresses),
            Peer::Pod(_) if end.facts.network == Network::Host => Self::Within(nodes),
            Peer::Pod(_) => Self::Within(pods),
        }
    }

    /// Whether the address is in a set.
    pub(super) fn within(self, set: &AddressSet) -> Truth {
        const UNKNOWN: &str = "the address of the pod is not known";
        match self {
            Self::One(address) => Truth::of(set.contains(address)),
            Self::Known(all) => {
                let inside = all.iter().filter(|address| set.contains(**address)).count();
                if inside == all.len() {
                    Truth::Yes
                } else if inside == 0 {
                    Truth::No
                } else {
                    Truth::Open("the pod has several addresses, and which one is used is not known")
                }
            }
            Self::Within(range) if range.is_empty() => Truth::Open(UNKNOWN),
            Self::Within(range) if range.is_subset(set) => Truth::Yes,
            Self::Within(range) if !range.overlaps(set) => Truth::No,
            Self::Within(_) => Truth::Open(UNKNOWN),
        }
    }
}

/// The values of a claim.
pub(super) type ClaimValues = BTreeSet<Symbol>;

/// Whose identity a connection brings: that of a pod in the mesh, if both sides proved theirs.
pub(super) fn caller(end: &Endpoint, transport: Transport) -> Option<&Pod> {
    match &end.peer {
        Peer::Pod(pod) if transport == Transport::Mtls => Some(pod),
        _ => None,
    }
}
