//! What a question is about: one connection between two peers, and the answer to it.
//!
//! Owns: `Flow` and its parts, `Verdict`. These are plain data; they decide nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Labels, Protocol, Symbol};

/// How a pod takes part in the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataPlane {
    /// Not at all: every connection from and to it is plaintext.
    None,
    /// By a proxy in the pod.
    Sidecar,
    /// By the node's ztunnel.
    Ambient,
}

/// A pod, as far as policy can tell pods apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pod {
    /// Name of its namespace.
    pub namespace: Symbol,
    /// All labels of its namespace, [`super::NAMESPACE_NAME`] included.
    pub namespace_labels: Labels,
    /// All labels of the pod.
    pub labels: Labels,
    /// Name of the service account that it runs as.
    pub account: Symbol,
    /// How it takes part in the mesh.
    pub plane: DataPlane,
}

/// One end of a flow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// A pod on the pod network.
    Pod(Pod),
    /// An address that is no pod's.
    Address(IpAddr),
}

/// How the connection arrives at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Both sides proved their workload identity.
    Mtls,
    /// Neither side did.
    Plaintext,
}

/// The token that a request carries, as the destination sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Token {
    /// No token.
    None,
    /// A token that does not verify.
    Unverified,
    /// A token that verifies.
    Valid {
        /// Who issued it, as named in the program.
        issuer: Symbol,
        /// Every claim and the values that it holds.
        claims: BTreeMap<Symbol, BTreeSet<Symbol>>,
    },
}

/// One HTTP request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    /// The method, upper case.
    pub method: Symbol,
    /// The path after normalisation, without query and fragment; never empty.
    pub path: Symbol,
    /// The host, lower case, as sent: a port may stand behind it, which rules do not look at. A colon without a port says that none is sent;
    /// of a host without a colon it is not known whether one is.
    pub host: Symbol,
    /// Every other header by its lower-case name.
    pub headers: Labels,
    /// The token.
    pub token: Token,
}

/// The headers without which no request is a CORS preflight.
pub const PREFLIGHT_HEADERS: [&str; 2] = ["origin", "access-control-request-method"];

impl Request {
    /// Whether this is a CORS preflight that carries a token: browsers send none, and the mesh does not look at it
    /// (`semantics.md` §4, point 9).
    pub fn is_preflight_with_token(&self) -> bool {
        &*self.method == "OPTIONS" && PREFLIGHT_HEADERS.iter().all(|name| self.headers.contains_key(*name)) && self.token != Token::None
    }

    /// The host without a port.
    pub fn host_name(&self) -> &str {
        host_name(&self.host)
    }
}

/// A host, or a part of one, without the port behind it. The colons of an IPv6 address stand in brackets, of which a part may have but one.
pub fn host_name(host: &str) -> &str {
    let Some(closing) = host.rfind(']') else {
        return if host.starts_with('[') { host } else { host.split(':').next().unwrap_or(host) };
    };
    match host.split_at_checked(closing + 1) {
        Some((name, behind)) if behind.starts_with(':') => name,
        _ => host,
    }
}

/// One connection, and the request on it if it is HTTP.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// Who connects.
    pub source: Peer,
    /// To whom.
    pub destination: Peer,
    /// Over which protocol.
    pub protocol: Protocol,
    /// The port on the destination itself, after any Service translation; 1 to 65535.
    pub port: u16,
    /// How the connection arrives.
    pub transport: Transport,
    /// The request, or nothing where the connection is no HTTP.
    pub request: Option<Request>,
}

/// The answer to whether a flow passes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It passes.
    Allowed,
    /// It does not pass.
    Denied,
    /// The platform leaves it open, for this reason; never to be read as one of the others.
    Unspecified(String),
}
