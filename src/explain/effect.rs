//! What a change does besides what it is made for.
//!
//! Owns: `Effect`, `compare`. Two settings are asked about the same connections; only pods whose policies or facts differ between
//! them need be asked about. It must not make a change.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::case::Call;
use super::place;
use super::setting::Setting;
use super::world::{self, Known};
use crate::cluster::{End, Names, Way};
use crate::flow::{
    Cut, DataPlane, Labels, NAMESPACE_NAME, Peer, Pod, Protocol, Request, RequestSamples, Symbol, Token, Transport, Verdict,
};

/// As many ports of one destination are tried.
const MOST_PORTS: usize = 16;

/// As many requests are tried on one connection.
const MOST_REQUESTS: usize = 12;

/// As many connections are tried in all.
const MOST_CALLS: usize = 200_000;

/// What a change does besides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effect {
    /// Who else gains or loses something, in words, the nearest first; empty for nobody.
    pub others: Vec<String>,
    /// How many workloads were compared, and classes of pods that nobody described.
    pub compared: usize,
    /// Whether not all of them could be.
    pub partial: bool,
    /// What is found about the changed intents that was not found before, by code.
    pub findings: Vec<&'static str>,
}

/// Which connections count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Those that pass only afterwards.
    Gained,
    /// Those that pass only before.
    Lost,
}

/// One who is compared, as each setting knows it.
struct Pair {
    title: String,
    before: Known,
    after: Known,
    /// Whether nobody described it: it stands for a class of pods.
    is_class: bool,
}

/// What passes in one of two settings alone, the connection itself left out.
pub(super) fn compare(before: &Setting, after: &Setting, call: &Call, change: Change) -> Effect {
    let pairs = pairs(before, after, call);
    let mut effect = Effect { compared: pairs.len(), ..Effect::default() };
    let moved = Moved::of(before, after);
    let touched: Vec<bool> = pairs.iter().map(|pair| pair.before.endpoint != pair.after.endpoint || moved.touches(pair)).collect();
    let names = names(&pairs);
    let ends: Vec<Ends<'_>> = pairs.iter().map(|pair| Ends::of(before, after, pair, &names)).collect();
    let mut found: BTreeMap<Nearness, BTreeSet<String>> = BTreeMap::new();
    let mut spent = 0;
    for (from, source) in pairs.iter().enumerate() {
        for (to, destination) in pairs.iter().enumerate() {
            let is_touched = [from, to].into_iter().any(|at| touched.get(at).copied().unwrap_or_default());
            if from == to || !is_touched {
                continue;
            }
            let (Some(out), Some(into)) = (ends.get(from), ends.get(to)) else { continue };
            let seen = tries(call, source, destination, into);
            spent += seen.len();
            if spent > MOST_CALLS {
                effect.partial = true;
                break;
            }
            for attempt in seen {
                if differs(out, into, (source, destination), &attempt, change) {
                    let (nearness, text) = words(call, (source, destination), &attempt);
                    found.entry(nearness).or_default().insert(text);
                }
            }
        }
    }
    found.remove(&Nearness::Itself);
    effect.findings = after.codes.difference(&before.codes).map(|code| code.name()).collect();
    effect.others = summarised(found);
    effect
}

/// How near a connection is to the one that was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Nearness {
    /// It is that one.
    Itself,
    /// The same ends and port, another request or transport.
    Otherwise,
    /// Somebody else to the same port.
    Caller,
    /// The same caller to something else.
    Target,
    /// Another class of pods that nobody described.
    Class,
    /// Anything else.
    Elsewhere,
}

/// One attempt at a connection.
#[derive(Debug, Clone)]
struct Attempt {
    protocol: Protocol,
    /// The first and the last of ports that nobody tells apart.
    ports: (u16, u16),
    transport: Transport,
    request: Option<Request>,
}

/// The ends of one who is compared.
struct Ends<'s> {
    before: [End<'s>; 2],
    after: [End<'s>; 2],
    edges: BTreeSet<(Protocol, u16)>,
    requests: Vec<Request>,
}

impl<'s> Ends<'s> {
    fn of(before: &'s Setting, after: &'s Setting, pair: &'s Pair, names: &Names) -> Self {
        let both = |setting: &'s Setting, known: &'s Known| {
            [Way::Egress, Way::Ingress].map(|way| setting.cluster.end(&known.endpoint, way))
        };
        let known_in = before;
        let (before, after) = (both(before, &pair.before), both(after, &pair.after));
        let cuts: Vec<Cut> = before.iter().chain(&after).flat_map(|end| end.cuts(names)).collect();
        let audience = |request| place::with_audience(request, known_in);
        Self { edges: edges(&cuts), requests: requests(&cuts).into_iter().map(audience).collect(), before, after }
    }
}

/// The ports at which an end begins or ceases to tell ports apart.
fn edges(cuts: &[Cut]) -> BTreeSet<(Protocol, u16)> {
    let ranges = cuts.iter().flat_map(|cut| cut.ports.ranges());
    let edges = ranges.flat_map(|(protocol, low, high)| [Some((protocol, low)), high.checked_add(1).map(|next| (protocol, next))]);
    edges.flatten().take(MOST_PORTS).collect()
}

/// Ports that an end does not tell apart, the asked one by itself.
fn cells(call: &Call, into: &Ends<'_>) -> Vec<(Protocol, (u16, u16))> {
    let mut edges = into.edges.clone();
    edges.extend(Protocol::ALL.map(|protocol| (protocol, 1)));
    edges.insert((call.protocol, call.port));
    edges.extend(call.port.checked_add(1).map(|next| (call.protocol, next)));
    let edges: Vec<(Protocol, u16)> = edges.into_iter().collect();
    let end = |at: usize, protocol: Protocol| match edges.get(at + 1) {
        Some((next, port)) if *next == protocol => port.saturating_sub(1),
        _ => u16::MAX,
    };
    edges.iter().enumerate().map(|(at, (protocol, low))| (*protocol, (*low, end(at, *protocol)))).collect()
}

/// One request for each way in which an end looks at requests.
fn requests(cuts: &[Cut]) -> Vec<Request> {
    let mut found = Vec::new();
    for samples in cuts.iter().map(|cut| &cut.requests).filter(|samples| !samples.is_empty()) {
        found.extend(sampled(samples));
        found.dedup();
        if found.len() >= MOST_REQUESTS {
            break;
        }
    }
    found.truncate(MOST_REQUESTS);
    found
}

/// Requests that stand for what a test looks at: each method with each path.
pub(super) fn sampled(samples: &RequestSamples) -> Vec<Request> {
    let methods: Vec<Symbol> = if samples.methods.is_empty() { vec!["GET".into()] } else { samples.methods.iter().cloned().collect() };
    let paths: Vec<Symbol> = if samples.paths.is_empty() {
        vec!["/".into()]
    } else {
        samples.paths.iter().map(|path| concrete(path.as_str()).into()).collect()
    };
    let host: Symbol = samples.hosts.iter().next().cloned().unwrap_or_else(|| "some.host".into());
    let claims = |token: &&Token| match token {
        Token::Valid { claims, .. } => claims.len() + 1,
        Token::None | Token::Unverified => 0,
    };
    // The token with most claims passes wherever any does.
    let token = samples.tokens.iter().max_by_key(claims).cloned().unwrap_or(Token::None);
    let headers: Labels = samples.headers.iter().filter_map(|(key, values)| Some((key.clone(), values.first()?.clone()))).collect();
    let each = methods.iter().flat_map(|method| paths.iter().map(move |path| (method, path)));
    each.take(MOST_REQUESTS)
        .map(|(method, path)| Request {
            method: method.clone(),
            path: path.clone(),
            host: host.clone(),
            headers: headers.clone(),
            token: token.clone(),
        })
        .collect()
}

/// A path that a pattern matches.
fn concrete(pattern: &str) -> String {
    let path = pattern.replace("{**}", "x").replace("{*}", "x").replace('*', "x");
    if path.starts_with('/') { path } else { format!("/{path}") }
}

/// Everything that is tried between two ends.
fn tries(call: &Call, source: &Pair, destination: &Pair, into: &Ends<'_>) -> Vec<Attempt> {
    let meshed = |known: &Known| matches!(&known.endpoint.peer, Peer::Pod(pod) if pod.plane != DataPlane::None);
    let both = meshed(&source.before) && meshed(&destination.before) || meshed(&source.after) && meshed(&destination.after);
    let mut requests: Vec<Option<Request>> = vec![None, call.request.clone()];
    requests.extend(call.request.iter().flat_map(other_tokens).map(Some));
    requests.extend(into.requests.iter().cloned().map(Some));
    requests.sort();
    requests.dedup();
    let mut attempts = Vec::new();
    for (protocol, ports) in cells(call, into) {
        let is_tcp = protocol == Protocol::Tcp;
        for transport in [Transport::Mtls, Transport::Plaintext] {
            if transport == Transport::Mtls && !(both && is_tcp) {
                continue;
            }
            for request in requests.iter().filter(|request| is_tcp || request.is_none()) {
                attempts.push(Attempt { protocol, ports, transport, request: request.clone() });
            }
        }
    }
    attempts
}

/// The same request without a token, and with one of the same issuer that claims nothing but its audience.
fn other_tokens(request: &Request) -> Vec<Request> {
    let Token::Valid { issuer, claims } = &request.token else { return Vec::new() };
    let bare = claims.iter().filter(|(name, _)| &***name == "aud").map(|(name, values)| (name.clone(), values.clone())).collect();
    let tokens = [Token::None, Token::Valid { issuer: issuer.clone(), claims: bare }];
    tokens.into_iter().map(|token| Request { token, ..request.clone() }).collect()
}

/// Whether an attempt passes in the one setting and not in the other.
fn differs(out: &Ends<'_>, into: &Ends<'_>, (source, destination): (&Pair, &Pair), attempt: &Attempt, change: Change) -> bool {
    let passes = |ends: (&[End<'_>; 2], &[End<'_>; 2]), source: &Known, destination: &Known| {
        let ([egress, _], [_, ingress]) = ends;
        let ask = |end: &End<'_>, far: &Known| {
            end.decide(&far.endpoint, attempt.protocol, attempt.ports.0, attempt.transport, attempt.request.as_ref()) == Verdict::Allowed
        };
        ask(egress, destination) && ask(ingress, source)
    };
    let before = passes((&out.before, &into.before), &source.before, &destination.before);
    let after = passes((&out.after, &into.after), &source.after, &destination.after);
    match change {
        Change::Gained => after && !before,
        Change::Lost => before && !after,
    }
}

/// Everybody who is compared: the two ends, the known, and classes of pods that nobody described.
fn pairs(before: &Setting, after: &Setting, call: &Call) -> Vec<Pair> {
    let again = |known: &Known| after.world.again(known, &after.policy, &after.cluster);
    let mut pairs: Vec<Pair> = Vec::new();
    let ends = [&call.source, &call.destination].into_iter().map(|known| (known, false));
    let known = before.world.pods.iter().map(|known| (known, false));
    for (known, is_class) in ends.chain(known) {
        if !pairs.iter().any(|pair| pair.before == *known) {
            pairs.push(Pair { title: known.text.clone(), before: known.clone(), after: again(known), is_class });
        }
    }
    let sources = classes(&call.source, before, after).into_iter().chain(own_classes(&call.source));
    for (title, class) in sources.chain(classes(&call.destination, before, after)) {
        if !pairs.iter().any(|pair| pair.title == title) {
            pairs.push(Pair { title, before: class.clone(), after: class, is_class: true });
        }
    }
    pairs
}

/// An address, and pods that share only a namespace, an account or a place in the mesh with a known one.
fn classes(known: &Known, before: &Setting, after: &Setting) -> Vec<(String, Known)> {
    let mut found = vec![("addresses outside of the cluster".to_owned(), world::address([198, 51, 100, 77].into()))];
    let Peer::Pod(pod) = &known.endpoint.peer else { return found };
    let (namespace, account) = (&pod.namespace, &pod.account);
    let labels = Labels::new;
    found.push((format!("other pods of {namespace}"), class(known, Pod { labels: labels(), account: "other".into(), ..pod.clone() })));
    found.push((format!("other pods that run as {namespace}/{account}"), class(known, Pod { labels: labels(), ..pod.clone() })));
    let name = elsewhere(before, after);
    let namespace_labels = Labels::from([(NAMESPACE_NAME.into(), name.clone())]);
    found.push(("pods of other namespaces".to_owned(), class(known, Pod { namespace: name, namespace_labels, ..pod.clone() })));
    found
}

/// Pods with the labels of a known caller that are not that caller.
fn own_classes(known: &Known) -> Vec<(String, Known)> {
    let Peer::Pod(pod) = &known.endpoint.peer else { return Vec::new() };
    let mut found = vec![(format!("{} under another account", known.text), class(known, Pod { account: "other".into(), ..pod.clone() }))];
    if pod.plane != DataPlane::None {
        let outside = class(known, Pod { plane: DataPlane::None, ..pod.clone() });
        found.push((format!("{} outside of the mesh", known.text), outside));
    }
    found
}

/// A pod that nobody described.
fn class(known: &Known, pod: Pod) -> Known {
    let mut class = Known { name: None, ..known.clone() };
    class.endpoint.peer = Peer::Pod(pod);
    class
}

/// A namespace that nobody speaks of.
fn elsewhere(before: &Setting, after: &Setting) -> Symbol {
    let is_free = |name: &Symbol| [before, after].into_iter().all(|setting| setting.policy.namespace(name).is_none() && setting.cluster.namespace_labels(name).is_none());
    let names = (0..100).map(|number| Symbol::from(if number == 0 { "elsewhere".to_owned() } else { format!("elsewhere-{number}") }));
    names.into_iter().find(is_free).unwrap_or_else(|| "elsewhere".into())
}

/// The names that patterns are cut by.
fn names(pairs: &[Pair]) -> Names {
    let mut names = Names::default();
    for known in pairs.iter().flat_map(|pair| [&pair.before, &pair.after]) {
        if let Peer::Pod(pod) = &known.endpoint.peer {
            names.namespaces.insert(pod.namespace.clone());
            names.accounts.insert(pod.account.clone());
        }
    }
    names
}

/// The policies that stand in one of two settings alone.
struct Moved<'s> {
    policies: Vec<&'s Value>,
    root: &'s str,
}

impl<'s> Moved<'s> {
    fn of(before: &'s Setting, after: &'s Setting) -> Self {
        let texts = |setting: &Setting| setting.objects.iter().map(ToString::to_string).collect::<BTreeSet<String>>();
        let (old, new) = (texts(before), texts(after));
        let gone = before.objects.iter().filter(|object| !new.contains(&object.to_string()));
        let come = after.objects.iter().filter(|object| !old.contains(&object.to_string()));
        let policies = gone.chain(come).filter(|object| !place::is_fact(object)).collect();
        Self { policies, root: &before.policy.config.mesh.root_namespace }
    }

    /// Whether one of them may act on somebody.
    fn touches(&self, pair: &Pair) -> bool {
        let Peer::Pod(pod) = &pair.before.endpoint.peer else { return false };
        self.policies.iter().any(|policy| place::selects(policy, &pod.namespace, &pod.labels, self.root))
    }
}

/// An attempt in words, by how near it is to the connection that was asked about.
fn words(call: &Call, (source, destination): (&Pair, &Pair), attempt: &Attempt) -> (Nearness, String) {
    let same_source = source.before == call.source;
    let same_target = destination.before == call.destination;
    let same_port = (attempt.protocol, attempt.ports) == (call.protocol, (call.port, call.port));
    let is_class = source.is_class || destination.is_class;
    let to = || format!("{} of {}", ports(attempt), destination.title);
    match (same_source, same_target && same_port) {
        (true, true) if is_asked(call, attempt) => (Nearness::Itself, String::new()),
        (true, true) => (Nearness::Otherwise, otherwise(call, attempt)),
        (false, true) if !is_class => (Nearness::Caller, source.title.clone()),
        (false, true) => (Nearness::Class, source.title.clone()),
        (true, false) if !is_class => (Nearness::Target, format!("{} -> {}", source.before.short, to())),
        _ if is_class => (Nearness::Class, format!("{} -> {}", source.title, to())),
        _ => (Nearness::Elsewhere, format!("{} -> {}", source.title, to())),
    }
}

/// Whether an attempt is what was asked; another host alone makes no other request for people.
fn is_asked(call: &Call, attempt: &Attempt) -> bool {
    same_request(call, attempt) && call.transport.is_none_or(|transport| transport == attempt.transport)
}

fn same_request(call: &Call, attempt: &Attempt) -> bool {
    match (&call.request, &attempt.request) {
        (Some(asked), Some(tried)) => (&asked.method, &asked.path, &asked.token) == (&tried.method, &tried.path, &tried.token),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn with_token(token: &Token) -> &'static str {
    match token {
        Token::None => "without a token",
        Token::Unverified => "with a token that does not verify",
        Token::Valid { .. } => "with another token",
    }
}

/// The ports of an attempt: a number, a range, or most of all ports.
fn ports(attempt: &Attempt) -> String {
    let protocol = if attempt.protocol == Protocol::Tcp { String::new() } else { format!("/{}", attempt.protocol.word()) };
    match attempt.ports {
        (low, high) if low == high => format!("port {low}{protocol}"),
        (low, high) if high - low < MANY_PORTS => format!("ports {low}-{high}{protocol}"),
        _ => format!("other ports{protocol}"),
    }
}

/// So many ports in a row are "other ports" to people.
const MANY_PORTS: u16 = 2_000;

/// How an attempt differs from the connection between the same two.
fn otherwise(call: &Call, attempt: &Attempt) -> String {
    let transport = match attempt.transport {
        Transport::Mtls => "over mTLS",
        Transport::Plaintext => "in plaintext",
    };
    if same_request(call, attempt) {
        return format!("the same {transport}");
    }
    let asked = call.request.as_ref().map_or(&Token::None, |request| &request.token);
    let request = match &attempt.request {
        Some(request) if *asked == request.token => format!("{} {}", request.method, request.path),
        Some(request) => format!("{} {} {}", request.method, request.path, with_token(&request.token)),
        None => "connections that are no HTTP".to_owned(),
    };
    let is_same = call.transport.is_none_or(|asked| asked == attempt.transport);
    if is_same { request } else { format!("{request} {transport}") }
}

/// As many are named.
const MOST_NAMED: usize = 4;

/// The nearest by name; the rest is counted.
fn summarised(found: BTreeMap<Nearness, BTreeSet<String>>) -> Vec<String> {
    let all: Vec<String> = found.into_values().flatten().collect();
    let mut others: Vec<String> = all.iter().take(MOST_NAMED).cloned().collect();
    if all.len() > MOST_NAMED {
        others.push(format!("{} more connections", all.len() - MOST_NAMED));
    }
    others
}
