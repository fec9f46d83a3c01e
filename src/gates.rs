//! What the two gates are asked to say: the policy in normal form, for the network exactly, for the mesh as it can.
//!
//! Owns: `Gates`, the subtraction of denies, the identity ladder, widening, and the coupling of the two (design §4.1-4.3).
//! It knows what each gate can express and nothing of how it is written; `target` writes it and decides nothing more.

mod callers;
mod coupling;
mod facts;
mod mesh;
mod openings;
mod region;
mod report;
mod transport;
mod unjustified;

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::flow::{Intervals, LabelCube, Peers, PortSet, RequestCube, RequestSet, Symbol};
use crate::ir::{Policy, RuleId};
use crate::syntax::ast::{Action, Direction};

pub use callers::{Callers, Identities};
pub use facts::Facts;
pub use openings::regions;
pub use region::Region;

/// The policy in normal form, and what was found while it was made.
#[derive(Debug, Clone, Default)]
pub struct Gates {
    /// By managed namespace, those of `--with` programs included.
    pub namespaces: BTreeMap<Symbol, NamespaceGates>,
    /// What the two gates cannot say.
    pub findings: Vec<Diagnostic>,
    /// The rules that are coupled, one pair for each such finding.
    pub coupled: Vec<Coupled>,
    /// The rules whose namespaces, chosen by label, are listed by name for the mesh: each with the names.
    pub snapshots: BTreeMap<RuleId, BTreeSet<Symbol>>,
}

/// Two rules by which somebody gains: the network lets callers in by the one, the mesh lets them further by the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coupled {
    /// The rule by which the network lets the callers in.
    pub admitted: RuleId,
    /// The rule whose permission of the mesh covers them too.
    pub granted: RuleId,
}

/// What the gates of one namespace say.
#[derive(Debug, Clone, Default)]
pub struct NamespaceGates {
    /// Pods that are isolated, per direction: only openings let anything through to them.
    pub isolated: Vec<Isolation>,
    /// What the network lets through.
    pub openings: Vec<Opening>,
    /// What the mesh lets through; none where the mesh guards nothing.
    pub mesh: Option<MeshGate>,
}

/// Pods that a direction is closed for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Isolation {
    /// Which pods of the namespace.
    pub subject: LabelCube,
    /// Which way.
    pub direction: Direction,
    /// What isolates them.
    pub by: IsolatedBy,
}

/// What isolates pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IsolatedBy {
    /// Their namespace is closed, or a `close` selects them.
    Closed,
    /// A `deny` reaches them in an open direction; what it leaves is opened again.
    Denied,
}

/// Where an opening comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// An `allow`.
    Rule(RuleId),
    /// The baseline.
    Baseline,
    /// The open direction of its namespace, where a `deny` made it necessary to say so.
    Open,
}

/// Something that one end of pods lets through. Pieces of one rule do not overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Which pods of the namespace.
    pub subject: LabelCube,
    /// Which way.
    pub direction: Direction,
    /// The other end, exactly as the rules say it.
    pub peers: Peers,
    /// On the destination's pods.
    pub ports: PortSet,
    /// Whether the caller must prove its identity.
    pub mtls: Mtls,
    /// Which requests: what the mesh shall let through.
    pub requests: RequestSet,
    /// What it comes from.
    pub cause: Cause,
}

/// Whether a caller must prove its identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mtls {
    /// Only mTLS.
    Required,
    /// Either.
    Optional,
}

impl Opening {
    /// The peers as `NetworkPolicy` can tell them: it knows no accounts, so pods that are known by account alone become all
    /// pods of their namespaces (design §2.2, `as`). The mesh trims them.
    pub fn network_peers(&self) -> Peers {
        let mut peers = self.peers.clone();
        if peers.pods.cubes().iter().all(|cube| cube.account.is_any()) {
            return peers;
        }
        peers.pods =
            peers.pods.cubes().iter().map(|cube| crate::flow::PodCube { account: crate::flow::Values::any(), ..cube.clone() }).collect();
        peers
    }

    /// Its TCP ports: all that the mesh sees of it.
    pub fn tcp(&self) -> &Intervals<u16> {
        self.ports.get(crate::flow::Protocol::Tcp)
    }
}

/// An Istio selector: equalities alone. Empty selects the whole namespace.
pub type Selector = BTreeMap<Symbol, Symbol>;

/// What the mesh is asked to say in one namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MeshGate {
    /// Pods that are closed: everything that no permission names is refused.
    pub closed: BTreeSet<Selector>,
    /// What is let through, refused or logged.
    pub permissions: Vec<Permission>,
    /// Which transport pods accept; the entry without labels is the namespace's own.
    pub transports: BTreeMap<Selector, TransportMode>,
    /// Which issuers' tokens are verified, by issuer name.
    pub tokens: BTreeMap<Selector, BTreeSet<Symbol>>,
}

/// Which transport a pod accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransportMode {
    /// mTLS alone.
    Strict,
    /// mTLS and plaintext.
    Permissive,
}

/// One rule of the mesh: who may call what where. All that it names must hold at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// Lets through, refuses, or logs.
    pub action: Action,
    /// The pods that it selects: a superset of those meant, for `deny` a subset.
    pub selector: Selector,
    /// The callers: a superset of those meant, for `deny` a subset.
    pub callers: Callers,
    /// The ports; none means every port.
    pub ports: Option<BTreeSet<u16>>,
    /// The requests; none means every connection, HTTP or not.
    pub request: Option<RequestCube>,
    /// The rule that it comes from.
    pub rule: RuleId,
}

/// Brings a policy into normal form and finds what the two gates cannot say.
pub fn build(policy: &Policy) -> Gates {
    let facts = Facts::of(policy);
    let mut gates = openings::normalize(policy);
    mesh::project(policy, &facts, &mut gates);
    coupling::check(policy, &facts, &mut gates);
    gates
}
