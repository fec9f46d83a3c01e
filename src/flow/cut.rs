//! By what a judge tells flows apart.
//!
//! Owns: `Cut`, `RequestSamples`. A judge is whoever answers questions about flows at one end of a pod: a program, or a
//! cluster. Its cuts say which flows it may answer differently, so that one flow of each class stands for all of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{PathPattern, Peers, PortSet, Symbol, Token, is_written};

/// One test of a judge at one end of one pod.
///
/// The contract: the judge's answer for a far end, a port, a transport and a request is a function of the transport, the far
/// pod's data plane, and of
/// 1. which cuts hold the far end in `peers`;
/// 2. among those, which hold the port in `ports`;
/// 3. among those, how the request compares with `requests`: which words it equals, which paths it matches, which token it
///    carries.
///
/// So a cut may be larger than the test it stands for (then it only costs time), never smaller. A test that is true *outside*
/// of some set is a cut with that set all the same: the line between inside and outside is what counts, as long as every cut
/// that matters further along holds both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The far ends.
    pub peers: Peers,
    /// The ports, on the destination's pod.
    pub ports: PortSet,
    /// What it looks at in a request.
    pub requests: RequestSamples,
}

/// Words and patterns that a judge compares requests with.
///
/// For a pattern of words (`admin-*`) a sample is one word that matches it, and the pattern is among those that are `written`; whoever
/// writes none compares with the samples as they are. Words that patterns of several cuts match at once are no samples of either: whoever
/// tries requests makes them of what all cuts have written ([`Affixes`](super::Affixes)). A word that shares no letter with any sample
/// stands for all that match nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RequestSamples {
    /// Methods.
    pub methods: BTreeSet<Symbol>,
    /// Paths, as patterns: their cells are found exactly.
    pub paths: BTreeSet<PathPattern>,
    /// Those of them of which a path must match one for anything else to matter: of a request with another path this cut says the
    /// same whatever else is in it. None where no path is without matter.
    pub bound: Option<BTreeSet<PathPattern>>,
    /// The same of methods, as they are written.
    pub bound_methods: Option<BTreeSet<Symbol>>,
    /// The same of hosts, as they are written; of each the part before a port counts.
    pub bound_hosts: Option<BTreeSet<Symbol>>,
    /// Hosts, lower case.
    pub hosts: BTreeSet<Symbol>,
    /// Values of headers, by lower-case name; none is a request without that header, which is always tried too.
    pub headers: BTreeMap<Symbol, BTreeSet<Symbol>>,
    /// The methods of which a request must have one for these headers to matter: of a request with another method this cut says the same
    /// whatever headers it has. None where they may matter with any.
    pub header_methods: Option<BTreeSet<Symbol>>,
    /// Those of the headers that may matter by not being there, or by being there without being named in an alternative of their
    /// own. Of all others a judge's answer needs those of one cut at most: the one that lets a request pass, or stops it.
    pub settling_headers: BTreeSet<Symbol>,
    /// Tokens by which it tells tokens apart: of each a test of one issuer, and for each claim the values of which the test
    /// accepts any one. Every combination of values that tests tell apart is tried, no token and an unverified one too.
    pub tokens: BTreeSet<Token>,
    /// Claims that matter by what they hold alone, as each value may only let an alternative match: by name, how many of its values
    /// an alternative of this cut needs at most. A judge's answer needs such values of one cut at most, as of headers: however many
    /// of the others a token loses, the answer stays. Of claims that a cut has samples of and does not name here, each value that it looks
    /// for may matter besides any others.
    pub few_claims: BTreeMap<Symbol, usize>,
    /// Whether what it tells apart stops requests, rather than letting them pass.
    pub stops: bool,
    /// Whether it tells a connection that is no HTTP from one that is.
    pub looks_inside: bool,
    /// What the samples of words stand for, for those who say in words what passes.
    pub written: WrittenWords,
}

/// The words and patterns of words that a judge compares with, as they are written: `ab*` and `*ab` for a beginning or an end,
/// `*` for anything that is not empty, else one word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WrittenWords {
    /// Of methods.
    pub methods: BTreeSet<Symbol>,
    /// Of hosts.
    pub hosts: BTreeSet<Symbol>,
    /// Of headers, by lower-case name.
    pub headers: BTreeMap<Symbol, BTreeSet<Symbol>>,
    /// Of the claims of tokens, by name: the words of each test, which asks for one of them.
    pub claims: BTreeMap<Symbol, BTreeSet<BTreeSet<Symbol>>>,
    /// The same of tests whose words are compared as they are, where a `*` stands for itself.
    pub exact_claims: BTreeMap<Symbol, BTreeSet<BTreeSet<Symbol>>>,
}

impl RequestSamples {
    /// Whether it looks at nothing of a request.
    pub fn is_empty(&self) -> bool {
        !self.looks_inside
            && self.methods.is_empty()
            && self.paths.is_empty()
            && self.hosts.is_empty()
            && self.headers.is_empty()
            && self.tokens.is_empty()
    }

    /// The claims of tokens that its samples have.
    pub fn claims(&self) -> impl Iterator<Item = &Symbol> {
        let claims = self.tokens.iter().filter_map(|token| if let Token::Valid { claims, .. } = token { Some(claims) } else { None });
        claims.flat_map(BTreeMap::keys)
    }

    /// The values of every claim that its samples have.
    pub fn claim_values(&self) -> BTreeMap<&Symbol, BTreeSet<&Symbol>> {
        let mut all: BTreeMap<&Symbol, BTreeSet<&Symbol>> = BTreeMap::new();
        for token in &self.tokens {
            let Token::Valid { claims, .. } = token else { continue };
            for (name, values) in claims {
                all.entry(name).or_default().extend(values);
            }
        }
        all
    }

    /// Whether anything but the path matters of requests with this one.
    pub fn speaks_of(&self, path: &str) -> bool {
        self.bound.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| pattern.matches(path)))
    }

    /// Whether anything but the method and the host matters of requests with these.
    pub fn speaks_at(&self, method: &str, host: &str) -> bool {
        let is_one_of = |words: &Option<BTreeSet<Symbol>>, matches: &dyn Fn(&str) -> bool| {
            words.as_ref().is_none_or(|words| words.iter().any(|word| matches(word)))
        };
        is_one_of(&self.bound_methods, &|written| is_written(written, method))
            && is_one_of(&self.bound_hosts, &|written| may_match(written, host))
    }

    /// Whether its headers matter of requests with this method.
    pub fn speaks_of_headers(&self, method: &Symbol) -> bool {
        self.header_methods.as_ref().is_none_or(|methods| methods.contains(method))
    }
}

/// Whether a host, or the part of it before a port, may match a pattern, or the part of that before a port.
fn may_match(written: &str, host: &str) -> bool {
    let bare = |text: &'_ str| text.find(':').and_then(|at| text.get(..at)).unwrap_or(text).to_owned();
    is_written(written, host) || is_written(&bare(written), &bare(host))
}
