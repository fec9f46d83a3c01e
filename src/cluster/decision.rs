//! What a cluster answers, and why.
//!
//! Owns: `Decision` and its parts. A decision names the documents and rules that made it, and what was missing where nothing
//! let the connection pass.

use crate::flow::{Symbol, Transport, Verdict};
use crate::source::Location;

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it passes: every step lets it.
    pub verdict: Verdict,
    /// How it arrives at the destination; none if it is not known or no TCP.
    pub transport: Option<Transport>,
    /// Every gate on the way, in the order of the packet, those behind the first refusal included.
    pub steps: Vec<Step>,
}

impl Decision {
    /// Nothing on the way says anything.
    pub(super) const fn nothing() -> Self {
        Self { verdict: Verdict::Allowed, transport: None, steps: Vec::new() }
    }
}

/// What one gate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which gate.
    pub gate: Gate,
    /// Whose: the pod at which it stands, as `app=db@shop` would be named by its owner; empty for an address.
    pub at: String,
    /// What it says.
    pub verdict: Verdict,
    /// The documents and rules that decided; empty where nothing selects the pod.
    pub decided_by: Vec<Document>,
    /// Rules that would have let the connection pass, or stopped it, and what they miss.
    pub misses: Vec<Miss>,
    /// Why, in one sentence without capital and full stop.
    pub reason: String,
}

/// A gate on a connection's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// `NetworkPolicy` where the packet leaves a pod.
    Egress,
    /// `NetworkPolicy` where the packet reaches a pod.
    Ingress,
    /// `PeerAuthentication` against what the client speaks.
    Transport,
    /// `RequestAuthentication`: a token that does not verify.
    Token,
    /// `AuthorizationPolicy`.
    Caller,
}

/// A rule of a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Document {
    /// Its kind.
    pub kind: Symbol,
    /// Its namespace.
    pub namespace: Symbol,
    /// Its name.
    pub name: Symbol,
    /// Where it is written.
    pub location: Location,
    /// Which of its rules, counted from 1 within `ingress`, `egress` or `rules`; none for the document as a whole.
    pub rule: Option<usize>,
    /// What the document says that it comes from: the lines of its annotations whose key ends in `/rules`.
    pub origin: Vec<String>,
}

/// A rule that did not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// The rule.
    pub document: Document,
    /// What it wants, as `caller shop/web-sa` or `port 5432`.
    pub wants: String,
    /// What the connection has.
    pub has: String,
}
