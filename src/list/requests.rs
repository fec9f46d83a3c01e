//! Sets of requests as people read them.
//!
//! Owns: `Requests` and its parts. It must not know who judges requests: `space` asks for each kind of request that a judge tells
//! apart, `boxes` makes few wide kinds of many narrow ones, `cells` says sets in the patterns of the policies, `words` writes them.

mod boxes;
mod cells;
mod hosts;
mod looked;
mod part;
mod paths;
mod places;
mod product;
mod rest;
mod space;
mod tokens;
mod word;
mod words;

use std::collections::BTreeSet;
use std::fmt;

use crate::flow::{PathPattern, Request, Symbol, Token};

pub(super) use looked::Looked;
pub(super) use space::{Space, Spaces};
pub use word::WordPattern;

/// What may be said over a connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Requests {
    /// Whether connections that are no HTTP are in it.
    pub raw: bool,
    /// The HTTP requests in it: those of any of these kinds.
    pub kinds: Vec<RequestKind>,
}

/// The requests that pass each of these tests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKind {
    /// The method.
    pub methods: Choice<WordPattern>,
    /// The path.
    pub paths: Choice<PathPattern>,
    /// The name of the host, whatever port the client writes behind it.
    pub hosts: Choice<WordPattern>,
    /// Other headers, by lower-case name; those that may be anything are left out.
    pub headers: Vec<(Symbol, HeaderTest)>,
    /// The token.
    pub tokens: Choice<TokenPattern>,
}

/// What one part of a request may be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Choice<P> {
    /// Anything.
    Any,
    /// In one of these.
    In(Vec<Region<P>>),
}

/// Whatever matches all of these patterns and none of those; without any to match, everything that matches none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region<P> {
    /// What it must match.
    pub within: Vec<P>,
    /// What it must not.
    pub except: Vec<P>,
}

/// What a header may be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeaderTest {
    /// What it may hold; none if it must not be there.
    pub values: Option<Choice<WordPattern>>,
    /// Whether it may be missing.
    pub absent: bool,
}

/// Tokens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenPattern {
    /// No token.
    None,
    /// One that does not verify.
    Unverified,
    /// One that verifies.
    Valid {
        /// Whose it is.
        issuer: Symbol,
        /// A claim, and what one of its values must match.
        claim: Option<(Symbol, WordPattern)>,
    },
}

/// Something that some values match.
pub trait Pattern: Clone + Ord {
    /// What is matched.
    type Value: ?Sized;

    /// Whether the value matches.
    fn matches(&self, value: &Self::Value) -> bool;
}

impl Requests {
    /// Everything that may be said.
    pub fn everything() -> Self {
        Self { raw: true, kinds: vec![RequestKind::any()] }
    }

    /// Whether everything is in it.
    pub fn is_everything(&self) -> bool {
        self.raw && self.kinds.iter().any(RequestKind::is_any)
    }

    /// Whether the request, or with `None` a connection that is no HTTP, is in it.
    pub fn admits(&self, request: Option<&Request>) -> bool {
        request.map_or(self.raw, |request| self.kinds.iter().any(|kind| kind.contains(request)))
    }
}

impl RequestKind {
    /// Every request.
    pub const fn any() -> Self {
        Self { methods: Choice::Any, paths: Choice::Any, hosts: Choice::Any, headers: Vec::new(), tokens: Choice::Any }
    }

    /// Whether it has no test at all.
    pub fn is_any(&self) -> bool {
        *self == Self::any()
    }

    fn contains(&self, request: &Request) -> bool {
        let passes = |(name, test): &(Symbol, HeaderTest)| test.contains(request.headers.get(name).map(|value| &**value));
        self.methods.contains(&request.method)
            && self.hosts.contains(hosts::name(&request.host))
            && self.headers.iter().all(passes)
            && self.tokens.contains(&request.token)
            && self.paths.contains(&request.path)
    }
}

impl<P: Pattern> Choice<P> {
    fn contains(&self, value: &P::Value) -> bool {
        match self {
            Self::Any => true,
            Self::In(regions) => regions.iter().any(|region| region.contains(value)),
        }
    }
}

impl<P: Pattern> Region<P> {
    fn contains(&self, value: &P::Value) -> bool {
        self.within.iter().all(|pattern| pattern.matches(value)) && !self.except.iter().any(|pattern| pattern.matches(value))
    }
}

impl HeaderTest {
    fn contains(&self, value: Option<&str>) -> bool {
        value.map_or(self.absent, |value| self.values.as_ref().is_some_and(|values| values.contains(value)))
    }
}

impl Pattern for PathPattern {
    type Value = str;

    fn matches(&self, path: &str) -> bool {
        Self::matches(self, path)
    }
}

impl Pattern for TokenPattern {
    type Value = Token;

    fn matches(&self, token: &Token) -> bool {
        match (self, token) {
            (Self::None, Token::None) | (Self::Unverified, Token::Unverified) => true,
            (Self::Valid { issuer, claim }, Token::Valid { issuer: own, claims }) => {
                let holds =
                    |(name, value): &(Symbol, WordPattern)| claims.get(name).is_some_and(|held| held.iter().any(|one| value.matches(one)));
                issuer == own && claim.as_ref().is_none_or(holds)
            }
            _ => false,
        }
    }
}

/// Nothing where everything may be said; else as in the language: `GET|HEAD /v1/{**}, POST /v1/orders`.
impl fmt::Display for Requests {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_everything() {
            return Ok(());
        }
        let raw = self.raw.then(|| "no HTTP".to_owned());
        let parts: Vec<String> = raw.into_iter().chain(self.kinds.iter().map(words::kind)).collect();
        out.write_str(&parts.join(", "))
    }
}

/// The words that some patterns are about, in order.
fn sorted<T: Ord>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    values.into_iter().collect::<BTreeSet<T>>().into_iter().collect()
}
