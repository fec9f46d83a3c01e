//! Peers, requests and what passes, in the language's own words.
//!
//! Owns: `Words`. What it prints reads as an endpoint or a clause; it need not be one that a user would write.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::access::Access;
use super::side::Said;
use crate::flow::{
    AddressBlock, AddressSet, LabelCube, Peers, PodCube, PortSet, Prefix, Request, RequestCube, RequestSet, Symbol, Token, TokenTest,
    Transport, Values,
};
use crate::verify::request_words;

/// The names that a program gives to addresses and issuers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    /// Networks by name.
    pub(crate) networks: BTreeMap<Symbol, AddressSet>,
    /// The name of an issuer, by its address.
    pub(crate) issuers: BTreeMap<Symbol, Symbol>,
    /// For whom its tokens must be meant, by its address: lists of which there are several if the two sides do not agree.
    pub(crate) audiences: BTreeMap<Symbol, BTreeSet<BTreeSet<Symbol>>>,
}

/// What a side knows of requests to one pod.
pub(super) struct Told<'t> {
    /// The sets of requests by which it is told what passes; asked for only where not all requests pass.
    pub(super) known: &'t dyn Fn() -> Vec<RequestSet>,
    /// Whether one is refused for its token alone.
    pub(super) refused: &'t dyn Fn(&Request) -> bool,
}

/// The most parts of a list that are named one by one.
const NAMED: usize = 4;

impl Words {
    /// A set of peers.
    pub(super) fn peers(&self, peers: &Peers) -> String {
        let everyone = peers.pods.cubes().iter().any(|cube| *cube == PodCube::all());
        if everyone && peers.addresses.is_all() {
            return "anywhere".to_owned();
        }
        let mut parts: Vec<String> = peers.pods.cubes().iter().map(cube_words).collect();
        parts.extend(self.addresses(&peers.addresses));
        parts.join(" or ")
    }

    /// A set of addresses, part by part.
    fn addresses(&self, addresses: &AddressSet) -> Vec<String> {
        if addresses.is_empty() {
            return Vec::new();
        }
        if addresses.is_all() {
            return vec!["outside".to_owned()];
        }
        let internet = AddressSet::internet();
        let named = self.networks.iter().find(|(_, network)| *network == addresses);
        if let Some((name, _)) = named {
            return vec![name.to_string()];
        }
        if let Some(parts) = all_but(addresses) {
            return parts;
        }
        if internet.is_subset(addresses) {
            let rest = self.addresses(&addresses.subtract(&internet));
            return std::iter::once("internet".to_owned()).chain(rest).collect();
        }
        let mut rest = addresses.clone();
        let mut parts = Vec::new();
        for (name, network) in self.networks.iter().filter(|(_, network)| !network.is_empty()) {
            if network.is_subset(&rest) {
                parts.push(name.to_string());
                rest = rest.subtract(network);
            }
        }
        parts.extend(blocks(&rest));
        parts
    }

    /// What passes: `denied`, `allowed`, `allowed, mTLS`, `allowed, mTLS, grpc shop.Orders/Place`. Sets of requests on `both` sides are
    /// counted alone.
    pub(super) fn access(&self, access: &Access, requests: &[Option<Request>], side: &Told<'_>, both: &BTreeSet<String>) -> String {
        if access.best().iter().all(|said| *said == Said::Denied) {
            return "denied".to_owned();
        }
        if !access.best().contains(&Said::Allowed) {
            return "unspecified".to_owned();
        }
        let over =
            |transport: Transport| access.over(transport).map(|said| self.passing(said, requests, side).map(|words| joined(words, both)));
        let words = match (over(Transport::Plaintext), over(Transport::Mtls)) {
            (Some(Some(plaintext)), Some(Some(mtls))) if plaintext == mtls => vec![plaintext],
            (Some(Some(plaintext)), Some(Some(mtls))) => vec![with("mTLS", &mtls), with("or plaintext", &plaintext)],
            (Some(Some(plaintext)), Some(None)) => vec![with("plaintext", &plaintext)],
            (_, Some(Some(mtls))) => vec![with("mTLS", &mtls)],
            (Some(Some(plaintext)), None) => vec![plaintext],
            _ => Vec::new(),
        };
        let open = if access.best().contains(&Said::Unspecified) { ", the rest unspecified" } else { "" };
        let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
        if words.is_empty() { format!("allowed{open}") } else { format!("allowed, {}{open}", words.join(" ")) }
    }

    /// The sets of requests by which it is told what passes.
    pub(super) fn sets(&self, access: &Access, requests: &[Option<Request>], side: &Told<'_>) -> BTreeSet<String> {
        let over = |transport: Transport| self.passing(access.over(transport)?, requests, side);
        [Transport::Plaintext, Transport::Mtls].into_iter().filter_map(over).flatten().collect()
    }

    /// Which requests pass: nothing to be told for everything, none for nothing.
    fn passing(&self, said: &[Said], requests: &[Option<Request>], side: &Told<'_>) -> Option<Vec<String>> {
        let all: Vec<(Option<&Request>, bool)> =
            requests.iter().map(Option::as_ref).zip(said.iter().map(|said| *said == Said::Allowed)).collect();
        if !all.iter().any(|(_, passes)| *passes) {
            return None;
        }
        // A token that does not verify is refused by itself, and no preflight carries one; what passes is told for the others.
        let told: Vec<&(Option<&Request>, bool)> = all.iter().filter(|(request, _)| !is_bad(*request)).collect();
        if told.iter().all(|(_, passes)| *passes) {
            return Some(Vec::new());
        }
        // Where nothing without a token is refused, a token is looked at only if there is one (`semantics.md` §4.1).
        let with_token = |request: Option<&Request>| request.is_some_and(|request| request.token != Token::None);
        if told.iter().all(|(request, passes)| *passes || with_token(*request)) {
            return Some(vec!["but not with every token".to_owned()]);
        }
        let is_refused = |request: Option<&Request>| request.is_some_and(|request| (side.refused)(request));
        let (refused, told): (Vec<_>, Vec<_>) = told.into_iter().partition(|(request, passes)| !passes && is_refused(*request));
        let holds = |set: &RequestSet| {
            let mut admitted = told.iter().filter(|(request, _)| set.admits(*request)).peekable();
            admitted.peek().is_some() && admitted.all(|(_, passes)| *passes)
        };
        let known = (side.known)();
        let wholly: Vec<&RequestSet> = known.iter().filter(|set| !set.is_empty() && holds(set)).collect();
        let left = told.iter().filter(|(request, passes)| *passes && !wholly.iter().any(|set| set.admits(*request)));
        // Any other method reads as more usual than that of preflights.
        let left = left.min_by_key(|(request, _)| request.is_some_and(|request| &*request.method == "OPTIONS"));
        let mut words = self.request_sets(&wholly);
        // What asks for a token speaks of no others.
        let takes_refused = |set: &&RequestSet| refused.iter().any(|(request, _)| set.admits(*request));
        words.extend(wholly.iter().any(takes_refused).then(|| "but not with every token".to_owned()));
        if let Some((request, _)) = left {
            words.push(
                request.map_or_else(|| "what is no HTTP".to_owned(), |request| format!("requests such as {}", request_words(request))),
            );
        }
        Some(words)
    }

    fn request_sets(&self, sets: &[&RequestSet]) -> Vec<String> {
        let mut cubes: Vec<&RequestCube> = sets.iter().flat_map(|set| &set.cubes).collect();
        cubes.sort_unstable();
        cubes.dedup();
        let covered = |cube: &RequestCube| cubes.iter().any(|other| **other != *cube && cube.is_subset(other) && !other.is_subset(cube));
        let cubes: Vec<&RequestCube> = cubes.iter().copied().filter(|cube| !covered(cube)).collect();
        let mut words: Vec<String> = Vec::new();
        if sets.iter().any(|set| set.raw) {
            words.push("what is no HTTP".to_owned());
        }
        // The methods of one gRPC service stand together.
        let mut services: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        let mut others = Vec::new();
        for cube in cubes {
            let tail = self.tail(cube);
            match grpc(cube) {
                Some(calls) => {
                    for (service, call) in calls {
                        services.entry((service, tail.clone())).or_default().push(call);
                    }
                }
                None => others.push(format!("{}{tail}", http(cube))),
            }
        }
        for ((service, tail), mut calls) in services {
            calls.sort_unstable();
            calls.dedup();
            words.push(format!("grpc {service}/{}{tail}", calls.join("|")));
        }
        words.extend(others);
        words
    }

    /// Host, headers and token of a set of requests.
    fn tail(&self, cube: &RequestCube) -> String {
        let mut text = String::new();
        if !(cube.hosts.is_cofinite() && cube.hosts.words().is_empty()) {
            let _ = write!(text, " at {}", values(&cube.hosts));
        }
        for (name, header) in cube.headers.iter() {
            let _ = write!(text, " header {name}={}", values(header));
        }
        if let TokenTest::Valid { issuer, claims } = &cube.token {
            let _ = write!(text, " jwt {}", self.issuers.get(issuer).unwrap_or(issuer));
            for (name, held) in claims {
                if **name == *"aud" && self.is_usual(issuer, held) {
                    continue;
                }
                let held: Vec<&str> = held.iter().map(|word| &**word).collect();
                let _ = write!(text, " claim {name}={}", held.join("|"));
            }
        }
        text
    }
}

impl Words {
    /// Whether tokens of an issuer must be meant for one of these, on both sides.
    fn is_usual(&self, issuer: &Symbol, audiences: &BTreeSet<Symbol>) -> bool {
        self.audiences.get(issuer).is_some_and(|lists| lists.len() == 1 && lists.contains(audiences))
    }
}

/// Whether a request carries a token that no gate verifies or looks at, or one of several subjects, which nobody issues.
fn is_bad(request: Option<&Request>) -> bool {
    request.is_some_and(|request| match &request.token {
        Token::None => false,
        Token::Unverified => true,
        Token::Valid { claims, .. } => request.is_preflight_with_token() || claims.get("sub").is_some_and(|subjects| subjects.len() > 1),
    })
}

/// Sets of requests in a line, those on both sides as a number.
fn joined(words: Vec<String>, both: &BTreeSet<String>) -> String {
    let (same, mut own): (Vec<String>, Vec<String>) = words.into_iter().partition(|word| both.contains(word));
    let count = same.len();
    match (count, own.is_empty()) {
        (0, _) => {}
        (_, true) => own.push(format!("{count} that pass on the other side too")),
        (_, false) => own.push(format!("{count} more as on the other side")),
    }
    own.join(", ")
}

fn with(transport: &str, requests: &str) -> String {
    if requests.is_empty() { transport.to_owned() } else { format!("{transport}, {requests}") }
}

/// Ports as they stand behind a destination; empty for every port of every protocol.
pub(super) fn port_words(ports: &PortSet) -> String {
    if ports.is_all() {
        return String::new();
    }
    let text = ports.to_string();
    let ranges: Vec<&str> = text.split('|').collect();
    match ranges.split_at_checked(NAMED) {
        Some((few, rest)) if rest.len() > NAMED => format!("{} and {} more", few.join("|"), rest.len()),
        _ => text,
    }
}

/// Pods, and the accounts that they do not run as.
fn cube_words(cube: &PodCube) -> String {
    let words = placed_words(cube);
    let others = cube.account.words();
    if cube.account.is_cofinite() && !others.is_empty() { format!("{words} as {}", values(&cube.account)) } else { words }
}

/// Pods; a long list of namespaces that are not meant is not spelt out.
fn placed_words(cube: &PodCube) -> String {
    let names = cube.names();
    if names.is_cofinite() && names.words().len() > NAMED {
        let free = PodCube { namespace: LabelCube::all(), ..cube.clone() };
        return free.to_string().replacen("@*", "@(other namespaces)", 1);
    }
    match cube.namespace_names() {
        Some(list) if list.len() > 3 * NAMED => {
            let few = Values::of(list.iter().take(NAMED).cloned());
            let shown = PodCube { namespace: cube.namespace.clone().replaced(&crate::flow::NAMESPACE_NAME.into(), few), ..cube.clone() };
            format!("{shown} and {} more namespaces", list.len() - NAMED)
        }
        _ => cube.to_string(),
    }
}

/// All addresses but a few blocks, and what lies in those without being left out; none where that is no shorter than to name each block,
/// or would take in some that are left out.
fn all_but(addresses: &AddressSet) -> Option<Vec<String>> {
    let left_out = addresses.complement().blocks_apart()?;
    let inside: Vec<&Prefix> = left_out.iter().flat_map(|block| &block.except).collect();
    let named = left_out.len() + inside.len();
    if named > NAMED || named >= addresses.blocks().iter().map(AddressBlock::entries).sum() {
        return None;
    }
    let but: Vec<String> = left_out.iter().map(|block| block_words(&block.prefix)).collect();
    let all = format!("(outside but {})", but.join(" but "));
    Some(std::iter::once(all).chain(inside.into_iter().map(block_words)).collect())
}

fn block_words(prefix: &Prefix) -> String {
    let text = prefix.to_string();
    let text = text.strip_suffix("/32").filter(|text| !text.contains(':')).unwrap_or(&text).to_owned();
    if text.contains(':') { format!("[{text}]") } else { text }
}

/// Blocks, each but for what it leaves out, where those are few; else as many as are named and how many more there are.
fn blocks(addresses: &AddressSet) -> Vec<String> {
    let blocks = addresses.blocks();
    if blocks.iter().map(AddressBlock::entries).sum::<usize>() <= NAMED {
        return blocks.iter().map(block_but).collect();
    }
    let prefixes = addresses.prefixes();
    let mut parts: Vec<String> = prefixes.iter().take(NAMED).map(block_words).collect();
    let more = prefixes.len().saturating_sub(NAMED);
    if more > 0 {
        parts.push(format!("{more} more blocks"));
    }
    parts
}

/// A block but for what it leaves out.
fn block_but(block: &AddressBlock) -> String {
    let but: Vec<String> = std::iter::once(&block.prefix).chain(&block.except).map(block_words).collect();
    if block.except.is_empty() { but.concat() } else { format!("({})", but.join(" but ")) }
}

fn values(values: &Values) -> String {
    let words: Vec<&str> = values.words().iter().map(|word| &**word).collect();
    match (values.is_cofinite(), words.is_empty()) {
        (false, true) => "(absent)".to_owned(),
        (false, false) => words.join("|"),
        (true, true) => "*".to_owned(),
        (true, false) => format!("!{}", words.join("|")),
    }
}

/// The calls of a cube that is nothing but gRPC: services and methods.
fn grpc(cube: &RequestCube) -> Option<Vec<(String, String)>> {
    if cube.methods.single().map(|method| &**method) != Some("POST") || !cube.paths.excluded().is_empty() {
        return None;
    }
    let [patterns] = cube.paths.within() else { return None };
    let call = |text: &str| {
        let (service, method) = text.strip_prefix('/')?.split_once('/')?;
        let word = |text: &str| !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        (service.contains('.') && service.split('.').all(word) && word(method)).then(|| (service.to_owned(), method.to_owned()))
    };
    let calls: Vec<(String, String)> = patterns.iter().filter_map(|pattern| call(&pattern.to_string())).collect();
    (calls.len() == patterns.len() && !calls.is_empty()).then_some(calls)
}

/// Methods and paths.
fn http(cube: &RequestCube) -> String {
    let methods = values(&cube.methods);
    let list = |patterns: &[crate::flow::PathPattern]| patterns.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let within: Vec<String> = cube.paths.within().iter().map(|patterns| list(patterns)).collect();
    let mut text = format!("http {methods}");
    if !within.is_empty() {
        let _ = write!(text, " {}", within.join(" within "));
    }
    if !cube.paths.excluded().is_empty() {
        let _ = write!(text, " but {}", list(cube.paths.excluded()));
    }
    text
}
