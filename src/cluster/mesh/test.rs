//! One field of a rule, ready to be compared with a connection (`semantics.md` §2.5 to §2.8).
//!
//! Owns: `Test` and `Matcher`: how each attribute is compared, by each proxy. It must not know of rules and policies.

use std::sync::Arc;

use super::callers::{Callers, Reader};
use super::domains;
use super::headers;
use super::hosts::{self, Effect};
use super::rule::{Action, Attribute, Field, Place};
use super::token::UserPattern;
use super::truth::Truth;
use super::view::{Handshake, View};
use super::words::Word;
use crate::cluster::Platform;
use crate::flow::{AddressSet, PathPattern, Prefix, PrefixError, Symbol};

/// A field, with its values read as one proxy reads them.
#[derive(Debug, Clone)]
pub(super) struct Test {
    /// As written, for reasons.
    pub(super) field: Arc<Field>,
    /// What must match; none where nothing has to.
    pub(super) wanted: Option<Matcher>,
    /// What must not match.
    pub(super) unwanted: Option<Matcher>,
}

/// The values of a field, to be compared with what a connection has. Missing data never matches.
#[derive(Debug, Clone)]
pub(super) enum Matcher {
    /// The identity of the caller.
    Callers(Callers),
    /// The trust domain of the caller, which is one of the mesh's: the answer for any caller.
    TrustDomain(Truth),
    /// The address that packets come from.
    Source(AddressSet),
    /// The address that packets go to.
    Destination(AddressSet),
    /// The port, in ascending numbers.
    Ports(Vec<u16>),
    /// The method.
    Methods(Vec<Word>),
    /// The host, lower case, and what becomes of those that match.
    Hosts(Vec<Word>, Effect),
    /// The path, and whether there are patterns besides that a proxy may not take.
    Paths(Vec<PathPattern>, Truth),
    /// A header, by its lower-case name.
    Header(Symbol, Vec<Word>),
    /// The user of a verified token.
    Users(Vec<UserPattern>),
    /// A claim of a verified token.
    Claim(Vec<Symbol>, Vec<Word>),
    /// The server that is named as TLS begins: whatever the values are, only where there is any is known.
    ServerName,
    /// What nobody can tell from a flow.
    Open(&'static str),
}

impl Test {
    /// Reads the values of a field as a proxy does; `own` is the policy's namespace, and `action` what it does.
    pub(super) fn new(field: &Arc<Field>, own: &str, action: Action, reader: Reader, platform: &Platform) -> Self {
        let matcher =
            |values: &[Symbol], effect| (!values.is_empty()).then(|| Matcher::new(field, (values, effect), (own, reader), platform));
        let [wanted, unwanted] = match action {
            Action::Allow => [Effect::LetsIn, Effect::KeepsOut],
            Action::Deny | Action::Custom | Action::Audit => [Effect::KeepsOut, Effect::LetsIn],
        };
        Self { field: Arc::clone(field), wanted: matcher(&field.wanted, wanted), unwanted: matcher(&field.unwanted, unwanted) }
    }

    /// Whether a connection passes (`semantics.md` §2.4): one of the wanted values matches, and none of the others.
    pub(super) fn holds(&self, view: &View<'_>) -> Truth {
        let wanted = self.wanted.as_ref().map_or(Truth::Yes, |matcher| matcher.matches(view));
        match (wanted, &self.unwanted) {
            (Truth::No, _) | (_, None) => wanted,
            (_, Some(unwanted)) => Truth::all([wanted, unwanted.matches(view).not()]),
        }
    }

    /// Whether it may be left open whether some connection passes.
    pub(super) fn may_be_open(&self) -> bool {
        self.matchers().any(Matcher::may_be_open)
    }

    /// Both lists of values.
    pub(super) fn matchers(&self) -> impl Iterator<Item = &Matcher> {
        self.wanted.iter().chain(&self.unwanted)
    }
}

/// The header that holds the method: `methods` compares no other.
pub(super) const METHOD: &str = ":method";

const NO_ACCOUNTS: &str = "Istio before 1.25 does not know `serviceAccounts`";
const NO_TRUST_DOMAINS: &str = "Istio before 1.30.2 does not know `trustDomains`";
const DROPPED_TRUST_DOMAINS: &str = "what ztunnel makes of `trustDomains` hangs on Istio's version";
const NO_TEMPLATES: &str = "Istio before 1.22 takes a path template for a plain path";
const ODD_TEMPLATE: &str = "not every proxy takes this path template";

impl Matcher {
    fn new(field: &Field, (values, effect): (&[Symbol], Effect), (own, reader): (&str, Reader), platform: &Platform) -> Self {
        let words = || values.iter().map(|value| Word::read(value)).collect();
        match &field.attribute {
            Attribute::Principal => Self::Callers(Callers::principals(values, reader, platform)),
            Attribute::Namespace => Self::Callers(Callers::namespaces(values, reader, platform)),
            Attribute::Account if platform.istio < (1, 25, 0) => Self::Open(NO_ACCOUNTS),
            Attribute::Account => Self::Callers(Callers::accounts(values, own, reader, platform)),
            Attribute::TrustDomain if reader == Reader::Ztunnel => Self::Open(DROPPED_TRUST_DOMAINS),
            Attribute::TrustDomain if platform.istio < (1, 30, 2) => Self::Open(NO_TRUST_DOMAINS),
            Attribute::TrustDomain => Self::TrustDomain(domains::hold_callers(values, platform)),
            Attribute::SourceAddress => Self::Source(addresses(values)),
            Attribute::DestinationAddress => Self::Destination(addresses(values)),
            Attribute::RemoteAddress => Self::Open("the address of the client behind proxies hangs on the gateway topology"),
            Attribute::Port => Self::Ports(ports(values)),
            Attribute::Copied(_) => Self::Open("a header is looked at that tokens are copied to"),
            Attribute::InlineHeader(_) => Self::Open("which of several values of a header count is not known"),
            Attribute::ServerName => Self::ServerName,
            Attribute::EnvoyFilter => Self::Open("what another filter of Envoy says is not known"),
            Attribute::RequestPrincipal => Self::Users(values.iter().map(|value| UserPattern::read(value)).collect()),
            Attribute::Claim(path) => Self::Claim(path.clone(), words()),
            Attribute::Header(name) if **name == *METHOD => Self::Methods(words()),
            Attribute::Header(name) if name.starts_with(':') || **name == *"host" => {
                Self::Open("a condition on the host or the path as a header")
            }
            Attribute::Header(name) => Self::Header(Symbol::clone(name), words()),
            Attribute::Host => Self::Hosts(values.iter().map(|value| Word::read(&value.to_lowercase())).collect(), effect),
            Attribute::Method => Self::Methods(words()),
            Attribute::Path => paths(values, platform),
        }
    }

    /// Whether it may be left open whether some connection matches: the addresses of pods are not always known, nor the port that a
    /// client writes behind a host, nor what a header is that is there and empty.
    fn may_be_open(&self) -> bool {
        match self {
            Self::Callers(callers) => callers.may_be_open(),
            Self::TrustDomain(answer) | Self::Paths(_, answer) => matches!(answer, Truth::Open(_)),
            Self::Source(_) | Self::Destination(_) | Self::Hosts(..) | Self::ServerName | Self::Open(_) => true,
            Self::Header(name, words) => headers::may_be_open(name, words),
            Self::Ports(_) | Self::Methods(_) | Self::Users(_) | Self::Claim(..) => false,
        }
    }

    /// Whether one of the values matches.
    fn matches(&self, view: &View<'_>) -> Truth {
        match self {
            Self::Callers(callers) => view.caller.map_or(Truth::No, |pod| callers.hold(&pod.namespace, &pod.account)),
            Self::TrustDomain(answer) => view.caller.map_or(Truth::No, |_| *answer),
            Self::Source(set) => view.source.within(set),
            Self::Destination(set) => view.destination.within(set),
            Self::Ports(ports) => Truth::of(ports.binary_search(&view.port).is_ok()),
            Self::ServerName => server_name(view),
            Self::Open(reason) => Truth::Open(reason),
            Self::Users(users) => Truth::of(view.token.is_some_and(|token| users.iter().any(|user| token.is_user(user)))),
            Self::Claim(path, words) => Truth::of(view.token.is_some_and(|token| token.claims(path, words))),
            Self::Methods(words) => of_request(view, |request| Truth::of(any(words, &request.method))),
            Self::Hosts(words, effect) => of_request(view, |request| hosts::matches(words, *effect, &request.host)),
            Self::Paths(patterns, rest) => {
                of_request(view, |request| if patterns.iter().any(|pattern| pattern.matches(&request.path)) { Truth::Yes } else { *rest })
            }
            Self::Header(name, words) => of_request(view, |request| headers::matches(name, words, request, view)),
        }
    }
}

/// Where no TLS begins the connection, no server is named, which matches no value (E-RBAC, `RequestedServerNameMatcher`).
fn server_name(view: &View<'_>) -> Truth {
    let has_none = view.handshake == Handshake::NotOfRequests && view.request.is_some();
    if has_none { Truth::No } else { Truth::Open("the name asked for in the TLS handshake is not known") }
}

/// Nothing matches where there is no request.
fn of_request(view: &View<'_>, matches: impl Fn(&crate::flow::Request) -> Truth) -> Truth {
    view.request.map_or(Truth::No, matches)
}

fn any(words: &[Word], text: &str) -> bool {
    words.iter().any(|word| word.matches(text))
}

/// The addresses of blocks; those with bits behind their prefix are the block, as proxies mask them.
fn addresses(values: &[Symbol]) -> AddressSet {
    let block = |value: &Symbol| match Prefix::parse(value) {
        Ok(prefix) => Some(prefix),
        Err(PrefixError::HostBits { block, .. }) => Some(block),
        Err(PrefixError::Unreadable(_)) => None,
    };
    values.iter().filter_map(block).collect()
}

fn ports(values: &[Symbol]) -> Vec<u16> {
    let mut ports: Vec<u16> = values.iter().filter_map(|value| value.parse().ok()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Whether a path value holds an operator of templates (`semantics.md` §2.7).
pub(super) fn is_template(value: &str) -> bool {
    value.contains("{*}") || value.contains("{**}")
}

fn paths(values: &[Symbol], platform: &Platform) -> Matcher {
    let mut patterns = Vec::new();
    let mut rest = Truth::No;
    for value in values {
        if is_template(value) {
            match PathPattern::parse(value) {
                Ok(_) if platform.istio < (1, 22, 0) => rest = Truth::Open(NO_TEMPLATES),
                Ok(pattern) => patterns.push(pattern),
                Err(_) => rest = Truth::Open(ODD_TEMPLATE),
            }
            continue;
        }
        patterns.push(match Word::read(value) {
            Word::Present => PathPattern::starting_with(""),
            Word::Prefix(text) => PathPattern::starting_with(&text),
            Word::Suffix(text) => PathPattern::ending_in(&text),
            Word::Exact(text) => PathPattern::exact(&text),
        });
    }
    Matcher::Paths(patterns, rest)
}

impl Field {
    /// Whether a proxy looks at it on connections without HTTP.
    pub(super) const fn is_read_without_http(&self, reader: Reader) -> bool {
        match reader {
            Reader::Envoy => !self.attribute.needs_http(),
            Reader::Ztunnel => self.attribute.is_known_to_ztunnel(self.place),
        }
    }

    /// Whether it has no values at all.
    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.unwanted.is_empty()
    }

    /// Its name as a policy writes it.
    pub(super) fn name(&self) -> String {
        let (clause, when) = match &self.attribute {
            Attribute::Principal => ("principals", "source.principal"),
            Attribute::Namespace => ("namespaces", "source.namespace"),
            Attribute::Account => ("serviceAccounts", "source.serviceAccount"),
            Attribute::TrustDomain => ("trustDomains", "source.trustDomain"),
            Attribute::SourceAddress => ("ipBlocks", "source.ip"),
            Attribute::RemoteAddress => ("remoteIpBlocks", "remote.ip"),
            Attribute::DestinationAddress => ("destination.ip", "destination.ip"),
            Attribute::Port => ("ports", "destination.port"),
            Attribute::ServerName => ("connection.sni", "connection.sni"),
            Attribute::EnvoyFilter => ("experimental.envoy.filters", "experimental.envoy.filters"),
            Attribute::RequestPrincipal => ("requestPrincipals", "request.auth.principal"),
            Attribute::Claim(path) => return format!("request.auth.claims{}", super::token::nested(path)),
            Attribute::Header(name) | Attribute::Copied(name) => return format!("request.headers[{name}]"),
            Attribute::InlineHeader(name) => return format!("request.experimental.inline.headers[{name}]"),
            Attribute::Host => ("hosts", "hosts"),
            Attribute::Method => ("methods", "methods"),
            Attribute::Path => ("paths", "paths"),
        };
        if self.place == Place::When { when } else { clause }.to_owned()
    }
}
