//! Sets of requests as people read them.
//!
//! Owns: `Requests` and its parts, and how they are written. It must not know who judges requests: `space` asks for each kind
//! of request that a judge tells apart, `boxes` makes few wide kinds of many narrow ones.

mod boxes;
mod paths;
mod space;

use std::fmt;

use crate::flow::{PathPattern, Request, Symbol, Token};

pub(super) use space::Spaces;

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
    pub methods: Words,
    /// The path.
    pub paths: Paths,
    /// The host.
    pub hosts: Words,
    /// Other headers, by lower-case name; those that may be anything are left out.
    pub headers: Vec<(Symbol, HeaderTest)>,
    /// The token.
    pub tokens: Tokens,
}

/// What a word may be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Words {
    /// Anything.
    Any,
    /// One of these.
    OneOf(Vec<Symbol>),
    /// None of these.
    NoneOf(Vec<Symbol>),
}

/// What a header may be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeaderTest {
    /// What it may hold; none if it must not be there.
    pub words: Option<Words>,
    /// Whether it may be missing.
    pub absent: bool,
}

/// What a path may be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Paths {
    /// Anything.
    Any,
    /// In one of these.
    In(Vec<PathRegion>),
}

/// The paths that match all of these patterns and none of those; without any patterns to match, every other path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathRegion {
    /// What a path must match.
    pub within: Vec<PathPattern>,
    /// What it must not.
    pub except: Vec<PathPattern>,
}

/// What a token may be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tokens {
    /// Anything, no token included.
    Any,
    /// Anything but one that does not verify.
    NoneOrVerified,
    /// Like one of these, as far as the policies tell tokens apart.
    Like(Vec<Token>),
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

    /// Whether the request, or with `None` a connection that is no HTTP, is in it. Exact for every request whose words and
    /// tokens are among those that policies name, or unlike any of them.
    pub fn admits(&self, request: Option<&Request>) -> bool {
        request.map_or(self.raw, |request| self.kinds.iter().any(|kind| kind.contains(request)))
    }
}

impl RequestKind {
    /// Every request.
    pub const fn any() -> Self {
        Self { methods: Words::Any, paths: Paths::Any, hosts: Words::Any, headers: Vec::new(), tokens: Tokens::Any }
    }

    /// Whether it has no test at all.
    pub fn is_any(&self) -> bool {
        *self == Self::any()
    }

    fn contains(&self, request: &Request) -> bool {
        let passes = |(name, test): &(Symbol, HeaderTest)| test.contains(request.headers.get(name));
        let token = match &self.tokens {
            Tokens::Any => true,
            Tokens::NoneOrVerified => request.token != Token::Unverified,
            Tokens::Like(tokens) => tokens.contains(&request.token),
        };
        token && self.methods.contains(&request.method)
            && self.hosts.contains(&request.host)
            && self.headers.iter().all(passes)
            && self.paths.contains(&request.path)
    }
}

impl Words {
    fn contains(&self, word: &Symbol) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(words) => words.contains(word),
            Self::NoneOf(words) => !words.contains(word),
        }
    }
}

impl HeaderTest {
    fn contains(&self, value: Option<&Symbol>) -> bool {
        value.map_or(self.absent, |value| self.words.as_ref().is_some_and(|words| words.contains(value)))
    }
}

impl Paths {
    fn contains(&self, path: &str) -> bool {
        match self {
            Self::Any => true,
            Self::In(regions) => regions.iter().any(|region| region.contains(path)),
        }
    }
}

impl PathRegion {
    fn contains(&self, path: &str) -> bool {
        self.within.iter().all(|pattern| pattern.matches(path)) && !self.except.iter().any(|pattern| pattern.matches(path))
    }
}

/// Nothing where everything may be said; else as in the language: `GET|HEAD /v1/{**}, POST /v1/orders`.
impl fmt::Display for Requests {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_everything() {
            return Ok(());
        }
        let mut parts: Vec<String> = self.kinds.iter().map(ToString::to_string).collect();
        if self.raw {
            parts.insert(0, "no HTTP".to_owned());
        }
        out.write_str(&parts.join(", "))
    }
}

impl fmt::Display for RequestKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_any() {
            return out.write_str("any HTTP");
        }
        write!(out, "{}", self.methods)?;
        match &self.paths {
            Paths::Any => {}
            Paths::In(regions) => {
                let texts: Vec<String> = regions.iter().map(ToString::to_string).collect();
                write!(out, " {}", texts.join("|"))?;
            }
        }
        if self.hosts != Words::Any {
            write!(out, " at {}", self.hosts)?;
        }
        for (name, test) in &self.headers {
            write!(out, " header {name}{test}")?;
        }
        write!(out, "{}", self.tokens)
    }
}

impl fmt::Display for Words {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => out.write_str("*"),
            Self::OneOf(words) => out.write_str(&words.join("|")),
            Self::NoneOf(words) => write!(out, "!{}", words.join("|")),
        }
    }
}

impl fmt::Display for HeaderTest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = if self.absent { " or none" } else { "" };
        match &self.words {
            None => out.write_str(" absent"),
            Some(Words::NoneOf(words)) => write!(out, "!={}{missing}", words.join("|")),
            Some(words) => write!(out, "={words}{missing}"),
        }
    }
}

impl fmt::Display for PathRegion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |patterns: &[PathPattern], with: &str| patterns.iter().map(ToString::to_string).collect::<Vec<_>>().join(with);
        let within = if self.within.is_empty() { "/*".to_owned() } else { join(&self.within, " and ") };
        out.write_str(&within)?;
        if self.except.is_empty() { Ok(()) } else { write!(out, " but {}", join(&self.except, "|")) }
    }
}

/// Nothing for any token, else ` jwt …` for each kind of token.
impl fmt::Display for Tokens {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::NoneOrVerified => out.write_str(" jwt none or verified"),
            Self::Like(tokens) => write!(out, " jwt {}", tokens.iter().map(token).collect::<Vec<_>>().join(" or ")),
        }
    }
}

fn token(token: &Token) -> String {
    match token {
        Token::None => "none".to_owned(),
        Token::Unverified => "unverified".to_owned(),
        Token::Valid { issuer, claims } => {
            let claim = |(name, values): (&Symbol, &std::collections::BTreeSet<Symbol>)| {
                let values: Vec<&str> = values.iter().map(|value| &**value).collect();
                format!(" {name}={}", values.join("+"))
            };
            format!("{issuer}{}", claims.iter().map(claim).collect::<String>())
        }
    }
}
