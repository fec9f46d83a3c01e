//! What is tried between two ends.
//!
//! Owns: `Attempt`: one of each kind of connection that an end tells from others, by its cuts. It must not judge.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::audience;
use super::super::call::Call;
use super::super::setting::Setting;
use super::super::world::Known;
use super::Ends;
use super::pairs::Pair;
use super::words::Likeness;
use crate::classes::{PathCells, PortClass, deciding_requests, port_classes};
use crate::cluster::End;
use crate::flow::{Cut, DataPlane, Labels, Peer, Peers, PortSet, Protocol, Request, RequestSamples, Symbol, Token, Transport};

/// As many connections are tried in all.
const MOST_CALLS: usize = 200_000;

/// As many requests are made of one test, for their names; there is one of every class besides.
const MOST_REQUESTS: usize = 64;

/// One attempt at a connection.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    /// Over which protocol.
    pub(super) protocol: Protocol,
    /// On which port.
    pub(super) port: u16,
    /// All ports that nobody tells from it, as ranges.
    pub(super) ports: Vec<(u16, u16)>,
    /// How it arrives.
    pub(super) transport: Transport,
    /// What is asked; none is no HTTP.
    pub(super) request: Option<Request>,
}

/// Finds what to try.
pub(super) struct Tries<'s> {
    call: &'s Call,
    setting: &'s Setting,
    /// The requests that were found, by who is called and which of its cuts look at them.
    requests: HashMap<(usize, Vec<usize>), Vec<Option<Request>>>,
    cells: PathCells,
    left: usize,
    is_cut_short: bool,
}

impl<'s> Tries<'s> {
    pub(super) fn new(call: &'s Call, setting: &'s Setting) -> Self {
        Self { call, setting, requests: HashMap::new(), cells: PathCells::default(), left: MOST_CALLS, is_cut_short: false }
    }

    /// Whether there was more to try.
    pub(super) const fn are_cut_short(&self) -> bool {
        self.is_cut_short
    }

    /// One connection of every class between two.
    pub(super) fn between(
        &mut self,
        (source, out): (&Pair, &Ends<'_>),
        (number, destination, into): (usize, &Pair, &Ends<'_>),
    ) -> Vec<Attempt> {
        let ([leaving, _], [_, entering]) = (&out.cuts, &into.cuts);
        let asked =
            Cut { peers: Peers::all(), ports: PortSet::one(self.call.protocol, self.call.port), requests: RequestSamples::default() };
        let cuts: Vec<&Cut> = leaving.iter().chain(entering).chain([&asked]).collect();
        let holds = |cut: &Cut, pair: &Pair| [&pair.before, &pair.after].into_iter().any(|known| cut.peers.contains(&known.endpoint.peer));
        let own = |at: usize| if at < leaving.len() { destination } else { source };
        let active: Vec<usize> = cuts.iter().enumerate().filter(|(at, cut)| holds(cut, own(*at))).map(|(at, _)| at).collect();
        let mut attempts = Vec::new();
        for class in port_classes(&cuts, &active) {
            let looking: Vec<usize> =
                class.cuts.iter().filter_map(|at| at.checked_sub(leaving.len())).filter(|at| *at < entering.len()).collect();
            let requests = if class.protocol == Protocol::Tcp { self.requests((number, looking), into) } else { vec![None] };
            attempts.extend(on_ports(&class, &requests, (source, destination)));
        }
        self.is_cut_short |= attempts.len() > self.left;
        attempts.truncate(self.left);
        self.left -= attempts.len();
        attempts
    }

    /// One request of every class, those that people would name before others.
    fn requests(&mut self, (number, looking): (usize, Vec<usize>), into: &Ends<'_>) -> Vec<Option<Request>> {
        let key = (number, looking);
        if let Some(known) = self.requests.get(&key) {
            return known.clone();
        }
        let [_, entering] = &into.cuts;
        let cuts: Vec<&Cut> = key.1.iter().filter_map(|at| entering.get(*at)).collect();
        let mut requests: BTreeSet<Option<Request>> = BTreeSet::from([None, self.call.request.clone()]);
        requests.extend(self.call.request.iter().flat_map(|request| varied(request, self.call)).map(Some));
        let named =
            cuts.iter().filter(|cut| !cut.requests.is_empty()).flat_map(|cut| samples(self.call, &cut.requests)).chain(fresh(&cuts));
        requests.extend(named.map(|request| Some(audience::with_some(request, self.setting))));
        let mut requests: Vec<Option<Request>> = requests.into_iter().collect();
        let named = requests.len();
        let classes = deciding_requests(entering, &key.1, &mut self.cells);
        self.is_cut_short |= classes.is_err();
        let mut classes = classes.unwrap_or_default();
        let tokens: BTreeSet<&Token> = cuts.iter().flat_map(|cut| &cut.requests.tokens).collect();
        if tokens.is_empty() {
            // Nobody looks at them, so whoever asks with one passes as others do.
            classes.retain(|request| request.as_ref().is_none_or(|request| request.token == Token::None));
        }
        let is_told = !tokens.is_empty() || self.call.request.as_ref().is_some_and(|request| request.token != Token::None);
        if is_told {
            requests.extend(with_tokens(self.call, tokens, &classes).into_iter().map(Some));
        }
        requests.extend(classes);
        let ([_, before], [_, after]) = (&into.before, &into.after);
        let requests = told_apart(self.call, requests, named, [before, after]);
        self.requests.insert(key, requests.clone());
        requests
    }
}

/// All of the first requests, and of the rest those that are no other one's like: neither to the ends nor to people.
fn told_apart(call: &Call, requests: Vec<Option<Request>>, first: usize, ends: [&End<'_>; 2]) -> Vec<Option<Request>> {
    let [before, after] = ends.map(|end| end.alike(&requests));
    let mut seen = BTreeSet::new();
    let kinds = before.into_iter().zip(after);
    let with_kinds = requests.into_iter().zip(kinds).enumerate();
    let is_new = |(at, (request, kind)): (usize, (Option<Request>, (usize, usize)))| {
        let is_first = seen.insert((kind, Likeness::of(call, request.as_ref())));
        (is_first || at < first).then_some(request)
    };
    with_kinds.filter_map(is_new).collect()
}

/// An issuer that nobody names: where nobody looks at tokens, its tokens stand for all.
const OTHER_ISSUER: &str = "https://issuer.other.test";

/// The request that was asked about, with every token that is told apart.
fn with_tokens(call: &Call, samples: BTreeSet<&Token>, classes: &[Option<Request>]) -> Vec<Request> {
    let Some(asked) = &call.request else { return Vec::new() };
    let tried = classes.iter().flatten().map(|request| &request.token);
    let other = Token::Valid { issuer: OTHER_ISSUER.into(), claims: BTreeMap::new() };
    let tokens: BTreeSet<&Token> = tried.chain(samples).chain([&Token::None, &Token::Unverified, &other]).collect();
    tokens.into_iter().map(|token| Request { token: token.clone(), ..asked.clone() }).collect()
}

/// Each request over each transport, on ports that nobody tells apart.
fn on_ports(class: &PortClass, requests: &[Option<Request>], (source, destination): (&Pair, &Pair)) -> Vec<Attempt> {
    let meshed = |known: &Known| matches!(&known.endpoint.peer, Peer::Pod(pod) if pod.plane != DataPlane::None);
    let both = meshed(&source.before) && meshed(&destination.before) || meshed(&source.after) && meshed(&destination.after);
    let transports: &[Transport] =
        if both && class.protocol == Protocol::Tcp { &[Transport::Mtls, Transport::Plaintext] } else { &[Transport::Plaintext] };
    let ports: Vec<(u16, u16)> = class.ports.get(class.protocol).ranges().to_vec();
    let attempt = |transport: Transport, request: &Option<Request>| Attempt {
        protocol: class.protocol,
        port: class.example,
        ports: ports.clone(),
        transport,
        request: request.clone(),
    };
    transports.iter().flat_map(|transport| requests.iter().map(|request| attempt(*transport, request))).collect()
}

/// A path that nobody's policy names, which stands for all others.
pub(super) const OTHER_PATH: &str = "/~other";

/// A request that matches nothing that an end looks at, if it looks at requests: by a method that no cut names, on another path.
fn fresh(cuts: &[&Cut]) -> Option<Request> {
    let looked: Vec<&RequestSamples> = cuts.iter().map(|cut| &cut.requests).filter(|samples| !samples.is_empty()).collect();
    let is_new = |method: &&str| !looked.iter().any(|samples| samples.methods.contains(*method));
    let method = ["PATCH", "DELETE", "PUT", "HEAD", "TRACE"].into_iter().find(is_new).unwrap_or("LINK");
    let request =
        Request { method: method.into(), path: OTHER_PATH.into(), host: "some.host".into(), headers: Labels::new(), token: Token::None };
    (!looked.is_empty()).then_some(request)
}

/// Requests that stand for what a test looks at, besides the one that was asked about: of a pattern there are others.
fn samples(call: &Call, samples: &RequestSamples) -> Vec<Request> {
    let usual = sampled(samples);
    let is_asked = |request: &Request| call.request.as_ref().is_some_and(|asked| asked.path == request.path);
    if usual.iter().any(is_asked) { usual.into_iter().chain(sampled_with(samples, "y")).collect() } else { usual }
}

/// Requests that stand for what a test looks at: each method with each path.
pub(in super::super) fn sampled(samples: &RequestSamples) -> Vec<Request> {
    sampled_with(samples, "x")
}

/// The same with this word in the holes of paths.
fn sampled_with(samples: &RequestSamples, word: &str) -> Vec<Request> {
    let methods: Vec<Symbol> = if samples.methods.is_empty() { vec!["GET".into()] } else { samples.methods.iter().cloned().collect() };
    let paths: Vec<Symbol> = if samples.paths.is_empty() {
        vec!["/".into()]
    } else {
        samples.paths.iter().map(|path| concrete(path.as_str(), word).into()).collect()
    };
    let host: Symbol = samples.hosts.iter().next().cloned().unwrap_or_else(|| "some.host".into());
    let claims = |token: &&Token| match token {
        Token::Valid { claims, .. } => (claims.len() + 1, claims.get("aud").map_or(0, BTreeSet::len)),
        Token::None | Token::Unverified => (0, 0),
    };
    // The token with most claims passes wherever any does, if it is for somebody for whom it verifies.
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
fn concrete(pattern: &str, word: &str) -> String {
    let path = pattern.replace("{**}", word).replace("{*}", word).replace('*', word);
    if path.starts_with('/') { path } else { format!("/{path}") }
}

/// The same request with less than it has: without each of its headers, at another host than the one that is named, with other tokens.
fn varied(request: &Request, call: &Call) -> Vec<Request> {
    let mut found = other_tokens(request);
    for name in request.headers.keys() {
        let mut headers = request.headers.clone();
        headers.remove(name);
        found.push(Request { headers, ..request.clone() });
    }
    if call.names_host() {
        found.push(Request { host: "some.host".into(), ..request.clone() });
    }
    found
}

/// The same request without a token, and with one of the same issuer that claims nothing but its audience.
fn other_tokens(request: &Request) -> Vec<Request> {
    let Token::Valid { issuer, claims } = &request.token else { return Vec::new() };
    let bare = claims.iter().filter(|(name, _)| &***name == "aud").map(|(name, values)| (name.clone(), values.clone())).collect();
    let tokens = [Token::None, Token::Valid { issuer: issuer.clone(), claims: bare }];
    tokens.into_iter().map(|token| Request { token, ..request.clone() }).collect()
}
