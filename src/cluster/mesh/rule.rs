//! `AuthorizationPolicy` as written: rules, clauses, alternatives, fields (`semantics.md` §2.4).
//!
//! Owns: the plain form that every proxy's reading starts from. It keeps the words and decides nothing.

use std::collections::BTreeSet;

use super::attachment::Attachment;
use crate::cluster::object::Object;
use crate::flow::Symbol;

/// A policy.
#[derive(Debug, Clone)]
pub(super) struct AuthorizationPolicy {
    /// What it is, for reasons.
    pub(super) object: Object,
    /// Where it acts.
    pub(super) attachment: Attachment,
    /// What a match does.
    pub(super) action: Action,
    /// Whether it only reports what it would do (`semantics.md` §2.10).
    pub(super) enforced: Enforced,
    /// Its rules.
    pub(super) rules: Vec<Rule>,
}

/// What a match does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Lets the connection pass, and makes everything else not pass.
    Allow,
    /// Stops it.
    Deny,
    /// Reports it; never changes the verdict.
    Audit,
    /// Asks an external authorizer.
    Custom,
}

/// Whether a policy decides anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enforced {
    /// It does.
    Yes,
    /// It is a dry run.
    No,
}

/// A rule: all of its clauses must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    /// Its number, from 1.
    pub(super) number: usize,
    /// `from`, `to` and each of `when`.
    pub(super) clauses: Vec<Clause>,
}

/// A clause: one of its alternatives must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    /// The alternatives; none for a list that is written and empty, which nobody knows the meaning of (`semantics.md` §2.3).
    pub(super) alternatives: Vec<Vec<Field>>,
}

/// A field with its values and their negation: one of the first must match, and none of the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    /// What it looks at.
    pub(super) attribute: Attribute,
    /// Whether it stands in `when`; some proxies read an attribute there differently.
    pub(super) place: Place,
    /// `values`, `ports` and the like.
    pub(super) wanted: Vec<Symbol>,
    /// `notValues`, `notPorts` and the like.
    pub(super) unwanted: Vec<Symbol>,
}

/// Where a field stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a source or an operation.
    Clause,
    /// In a condition.
    When,
}

/// What a field looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attribute {
    /// The caller's identity as text.
    Principal,
    /// The caller's namespace.
    Namespace,
    /// The caller's account.
    Account,
    /// The caller's trust domain.
    TrustDomain,
    /// The address that packets come from.
    SourceAddress,
    /// The client's address, as proxies before this one tell it.
    RemoteAddress,
    /// The address that packets go to.
    DestinationAddress,
    /// The port that they go to.
    Port,
    /// The name that the client asks for in its TLS handshake.
    ServerName,
    /// Whatever another filter of Envoy left behind.
    EnvoyFilter,
    /// The issuer and subject of the request's token.
    RequestPrincipal,
    /// A claim of that token, by the way down to it.
    Claim(Vec<Symbol>),
    /// A header, by its lower-case name.
    Header(Symbol),
    /// One of the values of a header that stand behind each other with commas, by its lower-case name.
    InlineHeader(Symbol),
    /// A header that a token may have been copied to, by its lower-case name.
    Copied(Symbol),
    /// The request's host.
    Host,
    /// The request's method.
    Method,
    /// The request's path.
    Path,
}

impl AuthorizationPolicy {
    /// Whether it looks at a header that tokens are copied to.
    pub(super) fn looks_at_copy(&self, header: &Symbol) -> bool {
        let clauses = self.rules.iter().flat_map(|rule| &rule.clauses);
        let mut fields = clauses.flat_map(|clause| &clause.alternatives).flatten();
        fields.any(|field| matches!(&field.attribute, Attribute::Copied(name) if name == header))
    }

    /// The same where these headers are copies of tokens; none if it looks at none of them.
    pub(super) fn with_copied(&self, headers: &BTreeSet<&Symbol>) -> Option<Self> {
        let mut policy = self.clone();
        let clauses = policy.rules.iter_mut().flat_map(|rule| &mut rule.clauses);
        let fields = clauses.flat_map(|clause| &mut clause.alternatives).flatten();
        let mut is_changed = false;
        for field in fields {
            if let Some(name) = headers.iter().find(|name| field.attribute.is_told_by(name)) {
                field.attribute = Attribute::Copied(Symbol::clone(name));
                is_changed = true;
            }
        }
        is_changed.then_some(policy)
    }
}

impl Attribute {
    /// Whether a header holds it: what a request is told by are headers of Envoy's, which takes `host` for `:authority`
    /// (`source/common/http/header_map_impl.cc`).
    fn is_told_by(&self, header: &str) -> bool {
        match self {
            Self::Header(name) => **name == *header,
            Self::Host => matches!(header, "host" | ":authority"),
            Self::Method => header == ":method",
            Self::Path => header == ":path",
            _ => false,
        }
    }

    /// Whether it exists only where there is HTTP (`semantics.md` §2.9).
    pub(super) const fn needs_http(&self) -> bool {
        use Attribute::{Claim, Copied, Header, Host, InlineHeader, Method, Path, RequestPrincipal};
        matches!(self, RequestPrincipal | Claim(_) | Header(_) | InlineHeader(_) | Copied(_) | Host | Method | Path)
    }

    /// Whether what is known of it hangs on whether a proxy sees a request.
    pub(super) const fn is_told_by_requests(&self) -> bool {
        self.needs_http() || matches!(self, Self::ServerName)
    }

    /// Whether ztunnel has a field for it (`semantics.md` §2.8): in `when` it knows fewer than elsewhere.
    pub(super) const fn is_known_to_ztunnel(&self, place: Place) -> bool {
        match self {
            Self::Principal | Self::Namespace | Self::SourceAddress | Self::DestinationAddress | Self::Port => true,
            Self::Account | Self::TrustDomain => matches!(place, Place::Clause),
            _ => false,
        }
    }
}
