//! A listing as JSON, for programs; `schemas/list.schema.json` describes it.
//!
//! Owns: `json` and the shape, which has a version: a field may be added within a version, never renamed or removed. It must
//! not shorten any text.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cluster::Document as Named;
use crate::flow::{DataPlane, PortSet, Protocol, Symbol};
use crate::list::{Choice, HeaderTest, Listing, Party, RequestKind, Requests, Side, TokenPattern, Transports, WordPattern};
use crate::source::Sources;

use super::{place, title};

/// The version of the shape.
const VERSION: u32 = 1;

/// The listing as one JSON object, with a line end.
pub fn json(listing: &Listing, sources: &Sources) -> String {
    let peers = listing.peers.iter().map(Peer::new).collect();
    let rows = listing.rows.iter().map(|row| Row::new(listing, row, sources)).collect();
    let unspecified = listing.doubts.iter().map(|row| Unspecified::new(listing, row)).collect();
    let assumptions = listing.assumptions.iter().map(|assumed| Assumed { name: assumed.name(), text: assumed.to_string() }).collect();
    let document = Document { version: VERSION, peers, rows, unspecified, assumptions };
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    peers: Vec<Peer<'a>>,
    rows: Vec<Row<'a>>,
    unspecified: Vec<Unspecified<'a>>,
    assumptions: Vec<Assumed>,
}

#[derive(Serialize)]
struct Assumed {
    name: &'static str,
    text: String,
}

#[derive(Serialize)]
struct Peer<'a> {
    /// What rows call it.
    #[serde(rename = "peer")]
    title: &'a str,
    namespace: &'a str,
    kind: &'a str,
    name: &'a str,
    labels: BTreeMap<&'a str, &'a str>,
    account: &'a str,
    mesh: &'static str,
}

impl<'a> Peer<'a> {
    fn new(peer: &'a crate::list::ListedPeer) -> Self {
        let mesh = match peer.plane {
            DataPlane::None => "none",
            DataPlane::Sidecar => "sidecar",
            DataPlane::Ambient => "ambient",
        };
        let (namespace, kind, name) = (&*peer.namespace, &*peer.kind, &*peer.name);
        let labels = peer.labels.iter().map(|(key, value)| (&**key, &**value)).collect();
        Self { title: &peer.title, namespace, kind, name, labels, account: &peer.account, mesh }
    }
}

#[derive(Serialize)]
struct Row<'a> {
    source: End,
    destination: End,
    allowed: Vec<Allowed<'a>>,
}

impl<'a> Row<'a> {
    fn new(listing: &'a Listing, row: &crate::list::Row, sources: &'a Sources) -> Self {
        Self {
            source: End::new(listing, row.source),
            destination: End::new(listing, row.destination),
            allowed: listing.passages(row).iter().map(|passage| Allowed::new(passage, sources)).collect(),
        }
    }
}

/// A workload, or addresses with a name for people.
#[derive(Serialize)]
#[serde(untagged)]
enum End {
    Peer { peer: String },
    Outside { name: String, addresses: Vec<String> },
}

impl End {
    fn new(listing: &Listing, side: Side) -> Self {
        let name = title(listing, side);
        match side {
            Side::Peer(_) => Self::Peer { peer: name },
            Side::Outside(at) => {
                let prefixes = listing.outside.get(at).map(crate::flow::AddressSet::prefixes).unwrap_or_default();
                Self::Outside { name, addresses: prefixes.iter().map(ToString::to_string).collect() }
            }
        }
    }
}

#[derive(Serialize)]
struct Allowed<'a> {
    ports: Vec<Range>,
    /// Null where no port is TCP.
    transport: Option<&'static str>,
    /// Null where everything may be said.
    requests: Option<Said<'a>>,
    /// The waypoint that it goes over.
    via: Option<&'a str>,
    by: Vec<Rule<'a>>,
}

/// From each of the sources to each of the destinations.
#[derive(Serialize)]
struct Unspecified<'a> {
    sources: Vec<End>,
    destinations: Vec<End>,
    ports: Vec<Range>,
    transport: Option<&'static str>,
    requests: Option<Said<'a>>,
    via: Option<&'a str>,
    reason: &'a str,
}

#[derive(Serialize)]
struct Range {
    protocol: &'static str,
    from: u16,
    to: u16,
}

#[derive(Serialize)]
struct Rule<'a> {
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    /// Counted from 1; null for the document as a whole.
    #[serde(rename = "rule")]
    number: Option<usize>,
    file: Option<&'a str>,
    line: Option<usize>,
}

impl<'a> Allowed<'a> {
    fn new(passage: &'a crate::list::Passage, sources: &'a Sources) -> Self {
        let rule = |by: &'a Named| {
            let (file, line) = place(by, sources).unzip();
            Rule { kind: &by.kind, namespace: &by.namespace, name: &by.name, number: by.rule, file, line }
        };
        Self {
            ports: ranges(&passage.ports),
            transport: passage.transport.map(transport),
            requests: Said::new(&passage.requests),
            via: passage.via.as_deref(),
            by: passage.by.iter().map(rule).collect(),
        }
    }
}

impl<'a> Unspecified<'a> {
    fn new(listing: &'a Listing, row: &'a crate::list::DoubtRow) -> Self {
        let ends = |party: &Party| match party {
            Party::Peers(peers) => peers.iter().map(|at| End::new(listing, Side::Peer(*at))).collect(),
            Party::Outside(at) => vec![End::new(listing, Side::Outside(*at))],
        };
        let doubt = &row.doubt;
        Self {
            sources: ends(&row.sources),
            destinations: ends(&row.destinations),
            ports: ranges(&doubt.ports),
            transport: doubt.transport.map(transport),
            requests: Said::new(&doubt.requests),
            via: doubt.via.as_deref(),
            reason: &doubt.reason,
        }
    }
}

fn ranges(ports: &PortSet) -> Vec<Range> {
    let word = |protocol| match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Sctp => "SCTP",
    };
    ports.ranges().map(|(protocol, from, to)| Range { protocol: word(protocol), from, to }).collect()
}

const fn transport(transport: Transports) -> &'static str {
    match transport {
        Transports::Mtls => "mtls",
        Transports::Plaintext => "plaintext",
        Transports::Either => "either",
    }
}

#[derive(Serialize)]
struct Said<'a> {
    /// Whether connections that are no HTTP are among them.
    non_http: bool,
    /// The same for people.
    text: String,
    http: Vec<Kind<'a>>,
}

/// Each test is null where anything passes it.
#[derive(Serialize)]
struct Kind<'a> {
    methods: Option<Vec<Region<String>>>,
    paths: Option<Vec<Region<String>>>,
    hosts: Option<Vec<Region<String>>>,
    headers: Vec<Header<'a>>,
    tokens: Option<Vec<Region<Bearer<'a>>>>,
}

/// What matches all of these and none of those.
#[derive(Serialize)]
struct Region<T> {
    all_of: Vec<T>,
    none_of: Vec<T>,
}

#[derive(Serialize)]
struct Header<'a> {
    name: &'a str,
    /// Null where any value passes, or where the header must not be there.
    values: Option<Vec<Region<String>>>,
    present: bool,
    absent: bool,
}

#[derive(Serialize)]
struct Bearer<'a> {
    /// `none`, `unverified`, `verified`, or `exactly` for one that verifies and has no other claims.
    token: &'static str,
    issuer: Option<&'a str>,
    /// Each claim with what one of its values matches.
    claims: BTreeMap<&'a str, Vec<String>>,
}

impl<'a> Said<'a> {
    fn new(requests: &'a Requests) -> Option<Self> {
        let all = requests.is_everything();
        (!all).then(|| Self { non_http: requests.raw, text: requests.to_string(), http: requests.kinds.iter().map(Kind::new).collect() })
    }
}

impl<'a> Kind<'a> {
    fn new(kind: &'a RequestKind) -> Self {
        Self {
            methods: regions(&kind.methods, word),
            paths: regions(&kind.paths, ToString::to_string),
            hosts: regions(&kind.hosts, word),
            headers: kind.headers.iter().map(|(name, test)| Header::new(name, test)).collect(),
            tokens: regions(&kind.tokens, Bearer::new),
        }
    }
}

fn regions<'a, P, T>(choice: &'a Choice<P>, each: impl Fn(&'a P) -> T) -> Option<Vec<Region<T>>> {
    let Choice::In(regions) = choice else { return None };
    let list = |patterns: &'a [P]| patterns.iter().map(&each).collect();
    Some(regions.iter().map(|region| Region { all_of: list(&region.within), none_of: list(&region.except) }).collect())
}

fn word(pattern: &WordPattern) -> String {
    pattern.escaped()
}

impl<'a> Header<'a> {
    fn new(name: &'a Symbol, test: &'a HeaderTest) -> Self {
        let values = test.values.as_ref().and_then(|values| regions(values, word));
        Self { name, values, present: test.values.is_some(), absent: test.absent }
    }
}

impl<'a> Bearer<'a> {
    fn new(pattern: &'a TokenPattern) -> Self {
        let plain = |token| Self { token, issuer: None, claims: BTreeMap::new() };
        match pattern {
            TokenPattern::None => plain("none"),
            TokenPattern::Unverified => plain("unverified"),
            TokenPattern::Valid { issuer, claim } => {
                let claims = claim.iter().map(|(name, value)| (&**name, vec![value.escaped()])).collect();
                Self { issuer: Some(issuer), claims, ..plain("verified") }
            }
        }
    }
}
