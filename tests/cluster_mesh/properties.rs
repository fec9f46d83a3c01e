//! Random policies and flows: the end that is called agrees with the whole way, its cuts keep their promise, and a model that
//! somebody else wrote from the same specification says the same.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use twogate::cluster::Names;
use twogate::flow::{Cut, PathPattern, RequestSamples};

use super::*;
use crate::model;

/// How many sets of policies are tried; `TWOGATE_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("TWOGATE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(120)
}

/// The same policies on each run; with `TWOGATE_CASES`, others each time.
fn runner() -> TestRunner {
    let config = Config { cases: cases(), failure_persistence: None, max_shrink_iters: 10_000, ..Config::default() };
    if std::env::var_os("TWOGATE_CASES").is_some() {
        return TestRunner::new(config);
    }
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

fn run(name: &str, judge: impl Fn(&str) -> Result<(), TestCaseError>) {
    if let Err(error) = runner().run(&manifests(), |yaml| judge(&yaml)) {
        panic!("{name}: {error}");
    }
}

/// A list of one to two of some words.
fn words(from: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(from), 1..3)
        .prop_map(|words| format!("[{}]", words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ")))
}

/// One field or its negation.
fn field(name: &'static str, from: &'static [&'static str]) -> impl Strategy<Value = String> {
    let negated = format!("not{}{}", &name[..1].to_uppercase(), &name[1..]);
    (words(from), prop::bool::weighted(0.3)).prop_map(move |(words, not)| format!("{}: {words}", if not { &negated } else { name }))
}

fn source() -> impl Strategy<Value = String> {
    let principals = field(
        "principals",
        &["cluster.local/ns/shop/sa/web", "cluster.local/ns/dev/*", "*/sa/web", "*", "cluster.local/ns/*", "x*", "*w.b"],
    );
    let namespaces = field("namespaces", &["shop", "dev", "d*", "*op", "s*p", "*"]);
    let accounts = field("serviceAccounts", &["web", "shop/db", "dev/tool", "shop/w.b"]);
    let blocks = || field("ipBlocks", &["10.0.0.0/8", "10.0.0.1", "203.0.113.0/24", "2001:db8::/32"]);
    let users = field("requestPrincipals", &["*", "https://a/*", "https://a/ann", "*/ann"]);
    let one = prop_oneof![principals.boxed(), namespaces.boxed(), accounts.boxed(), blocks().boxed(), users.boxed()];
    (one, prop::option::weighted(0.3, blocks())).prop_map(|(one, blocks)| match blocks {
        Some(blocks) if !one.contains("pBlocks") => format!("{{source: {{{one}, {blocks}}}}}"),
        _ => format!("{{source: {{{one}}}}}"),
    })
}

fn operation() -> impl Strategy<Value = String> {
    let ports = field("ports", &["80", "81", "5432", "15020"]);
    let methods = field("methods", &["GET", "PUT", "P*", "*"]);
    let paths = field("paths", &["/a", "/a*", "*/b", "/a/{*}", "/a/{**}", "*"]);
    let hosts = field("hosts", &["h.example", "h.example:*", "h.example:80", "h.*", "*.example", "*"]);
    (prop::option::weighted(0.6, ports), prop_oneof![3 => Just(None), 1 => methods.prop_map(Some).boxed(), 1 => paths.prop_map(Some).boxed(), 1 => hosts.prop_map(Some).boxed()])
        .prop_map(|(ports, more)| {
            let all: Vec<String> = ports.into_iter().chain(more).collect();
            if all.is_empty() { "{operation: {ports: ['80']}}".to_owned() } else { format!("{{operation: {{{}}}}}", all.join(", ")) }
        })
}

fn condition() -> impl Strategy<Value = String> {
    let values = |key: &'static str, from: &'static [&'static str]| {
        (words(from), any::<bool>())
            .prop_map(move |(words, not)| format!("{{key: '{key}', {}: {words}}}", if not { "notValues" } else { "values" }))
    };
    prop_oneof![
        values("source.namespace", &["shop", "de*"]),
        values("source.principal", &["*/sa/tool", "cluster.local/ns/shop/*"]),
        values("source.ip", &["10.0.0.0/8"]),
        values("connection.sni", &["a.example"]),
        values("destination.port", &["80", "5432"]),
        values("request.headers[x-env]", &["prod", "t*", "*"]),
        values("request.auth.claims[groups]", &["admin", "o*"]),
        values("request.auth.audiences", &["shop"]),
    ]
}

fn rule() -> impl Strategy<Value = String> {
    let list = |items: Vec<String>, key: &str| (!items.is_empty()).then(|| format!("{key}: [{}]", items.join(", ")));
    (prop::collection::vec(source(), 0..3), prop::collection::vec(operation(), 0..3), prop::collection::vec(condition(), 0..2)).prop_map(
        move |(from, to, when)| {
            let parts: Vec<String> = [list(from, "from"), list(to, "to"), list(when, "when")].into_iter().flatten().collect();
            format!("{{{}}}", parts.join(", "))
        },
    )
}

fn authorization() -> impl Strategy<Value = String> {
    let place = prop::sample::select(vec!["shop", "shop", "istio-system", "dev"]);
    let selector = prop::sample::select(vec!["", "selector: {matchLabels: {app: db}}, ", "selector: {matchLabels: {app: other}}, "]);
    let action = prop::sample::select(vec!["ALLOW", "ALLOW", "DENY", "AUDIT"]);
    (place, selector, action, prop::collection::vec(rule(), 1..4)).prop_map(|(place, selector, action, rules)| {
        format!("AuthorizationPolicy {place} {{{selector}action: {action}, rules: [{}]}}", rules.join(", "))
    })
}

fn peer() -> impl Strategy<Value = String> {
    let mode = || prop::sample::select(vec!["STRICT", "PERMISSIVE", "DISABLE", "UNSET"]);
    (prop::sample::select(vec!["shop", "istio-system"]), any::<bool>(), mode(), prop::option::of(mode())).prop_map(
        |(place, selects, mode, port)| {
            let selector = if selects { "selector: {matchLabels: {app: db}}, " } else { "" };
            let port = port.filter(|_| selects).map(|mode| format!(", portLevelMtls: {{'80': {{mode: {mode}}}}}")).unwrap_or_default();
            format!("PeerAuthentication {place} {{{selector}mtls: {{mode: {mode}}}{port}}}")
        },
    )
}

fn tokens() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "RequestAuthentication shop {jwtRules: [{issuer: 'https://a', jwksUri: 'https://a/k'}]}",
        "RequestAuthentication shop {jwtRules: [{issuer: 'https://a', jwksUri: 'https://a/k', audiences: [shop]}]}",
        "RequestAuthentication shop {selector: {matchLabels: {app: db}}, jwtRules: [{issuer: 'https://b', jwksUri: 'https://b/k'}]}",
    ])
    .prop_map(str::to_owned)
}

/// A stream of manifests, each object with a name of its own.
fn manifests() -> impl Strategy<Value = String> {
    let objects =
        (prop::collection::vec(authorization(), 0..4), prop::collection::vec(peer(), 0..2), prop::collection::vec(tokens(), 0..2));
    objects.prop_map(|(authorization, peer, tokens)| {
        let all = authorization.into_iter().chain(peer).chain(tokens);
        let text = |(index, one): (usize, String)| {
            let mut parts = one.splitn(3, ' ');
            let (kind, namespace, spec) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
            object(kind, &format!("{namespace}/p{index}"), spec)
        };
        all.enumerate().map(text).collect()
    })
}

fn far_ends(plane: DataPlane) -> Vec<Endpoint> {
    let pods = [("shop", "web"), ("shop", "db"), ("dev", "tool"), ("77", "99"), ("dx", "web"), ("shop", "99"), ("shop", "w.b")];
    let mut all: Vec<Endpoint> = pods.iter().map(|(namespace, account)| pod(namespace, "app=web", account, plane)).collect();
    all.push(plain("shop", "app=web"));
    all.extend(["10.0.0.1", "10.9.9.9", "203.0.113.7", "198.51.100.7", "2001:db8::1"].map(address));
    all
}

fn plane_of(end: &Endpoint) -> DataPlane {
    match &end.peer {
        Peer::Pod(pod) => pod.plane,
        Peer::Address(_) => DataPlane::None,
    }
}

fn transports(far: &Endpoint, near: DataPlane) -> Vec<Transport> {
    let both = plane_of(far) != DataPlane::None && near != DataPlane::None;
    if both { vec![Transport::Plaintext, Transport::Mtls] } else { vec![Transport::Plaintext] }
}

/// Makes a request another one.
type Change = Box<dyn Fn(&mut Request)>;

/// A request of every word that some cut looks at, beside a plain one; each differs from that in one or two things.
fn requests(cuts: &[Cut]) -> Vec<Option<Request>> {
    let plain = Request { method: "QQQ".into(), path: "/qq".into(), host: "qq.qq".into(), headers: Labels::new(), token: Token::None };
    let mut all: BTreeSet<Option<Request>> = [None, Some(plain.clone())].into();
    let mut parts: Vec<Change> = vec![Box::new(|request| request.token = Token::Unverified)];
    for samples in cuts.iter().map(|cut| &cut.requests) {
        for method in samples.methods.clone() {
            parts.push(Box::new(move |request| request.method = method.clone()));
        }
        for path in samples.paths.iter().flat_map(cells) {
            parts.push(Box::new(move |request| request.path = path.clone()));
        }
        for host in samples.hosts.clone() {
            parts.push(Box::new(move |request| request.host = host.clone()));
        }
        for (name, values) in samples.headers.clone() {
            for value in values {
                let name = name.clone();
                parts.push(Box::new(move |request| drop(request.headers.insert(name.clone(), value.clone()))));
            }
        }
        for token in samples.tokens.clone() {
            parts.push(Box::new(move |request| request.token = token.clone()));
        }
    }
    for (at, first) in parts.iter().enumerate() {
        let mut one = plain.clone();
        first(&mut one);
        // Every other part, so that three hundred requests stand for all.
        for second in parts.iter().skip(at + 1).step_by(1 + parts.len() / 16) {
            let mut two = one.clone();
            second(&mut two);
            all.insert(Some(two));
        }
        all.insert(Some(one));
    }
    all.into_iter().collect()
}

/// A path within a pattern, and some just beside it.
fn cells(pattern: &PathPattern) -> Vec<Symbol> {
    let text = pattern.to_string().replace("{**}", "x").replace("{*}", "x").replace('*', "x");
    let path = if text.starts_with('/') { text } else { format!("/{text}") };
    vec![path.clone().into(), format!("{path}/x").into(), format!("{path}x").into()]
}

/// What a judge may tell of a flow by the promise of its cuts.
fn class(cuts: &[Cut], far: &Endpoint, port: u16, transport: Transport, request: Option<&Request>) -> String {
    let of = |cut: &Cut| {
        if !cut.peers.contains(&far.peer) {
            return "-".to_owned();
        }
        if !cut.ports.contains(Protocol::Tcp, port) {
            return "p".to_owned();
        }
        compared(&cut.requests, request)
    };
    let parts: Vec<String> = cuts.iter().map(of).collect();
    format!("{transport:?} {:?} {}", plane_of(far), parts.join(" "))
}

/// How a request compares with samples: which words it equals, which paths it matches, which token it carries.
fn compared(samples: &RequestSamples, request: Option<&Request>) -> String {
    let Some(request) = request else { return if samples.is_empty() { "r".to_owned() } else { "raw".to_owned() } };
    let paths: Vec<bool> = samples.paths.iter().map(|pattern| pattern.matches(&request.path)).collect();
    let word = |words: &BTreeSet<Symbol>, word: &Symbol| words.get(word).cloned();
    let headers: Vec<_> = samples.headers.iter().map(|(name, values)| request.headers.get(name).map(|value| word(values, value))).collect();
    let token = match &request.token {
        _ if samples.tokens.is_empty() => "any".to_owned(),
        token => format!("{token:?}"),
    };
    if samples.is_empty() {
        return "r".to_owned();
    }
    format!("{:?}/{paths:?}/{:?}/{headers:?}/{token}", word(&samples.methods, &request.method), word(&samples.hosts, &request.host))
}

/// A gateway with `db`'s labels besides its own, and what it takes on the ports that policies speak of.
fn edge() -> Endpoint {
    meshed("shop", "app=db,gw=yes", "db").facts(|facts| facts.proxy = ProxyRole::Gateway)
}

/// An east-west gateway of ambient mode with `db`'s labels.
fn tunnel() -> Endpoint {
    meshed("shop", "app=db,gateway.networking.k8s.io/gateway-name=tunnel", "db")
}

fn with_listeners(yaml: &str) -> Cluster {
    let server = |port: u16, protocol: &str, tls: &str| {
        let tls = if tls.is_empty() { String::new() } else { format!(", tls: {{mode: {tls}, credentialName: c}}") };
        format!("{{port: {{number: {port}, name: a, protocol: {protocol}}}, hosts: ['*']{tls}}}")
    };
    let servers = [server(80, "HTTPS", "SIMPLE"), server(81, "HTTPS", "OPTIONAL_MUTUAL"), server(5432, "TLS", "ISTIO_MUTUAL")];
    let spec = format!("{{selector: {{gw: 'yes'}}, servers: [{}]}}", servers.join(", "));
    let classic = labelled("networking.istio.io/v1", "Gateway", "shop/gw", "{}", &spec);
    let listeners = "[{name: mesh, port: 15008, protocol: HBONE}, {name: b, port: 81, protocol: TLS}]";
    let east_west = object("Gateway", "shop/tunnel", &format!("{{gatewayClassName: istio-east-west, listeners: {listeners}}}"));
    cluster(&format!("{yaml}{classic}{east_west}"))
}

#[test]
fn flows_that_no_cut_tells_apart_get_one_answer() {
    let told = std::cell::Cell::new(0_usize);
    let names = Names::new(["shop", "dev", "dx"].map(Symbol::from).into(), ["web", "db", "tool", "w.b"].map(Symbol::from).into());
    run("flows_that_no_cut_tells_apart_get_one_answer", |yaml| {
        let cluster = with_listeners(yaml);
        for near in [db(), ambient("shop", "app=db", "db"), edge(), tunnel()] {
            let end = cluster.end(&near, Way::Ingress);
            let cuts = end.cuts(&names);
            let mut answers: BTreeMap<String, (Verdict, String)> = BTreeMap::new();
            for request in requests(&cuts) {
                for far in far_ends(plane_of(&near)) {
                    for (port, transport) in [80, 81, 5432, 9999, 15008, 15020]
                        .into_iter()
                        .flat_map(|port| transports(&far, plane_of(&near)).into_iter().map(move |one| (port, one)))
                    {
                        let verdict = end.decide(&far, Protocol::Tcp, port, transport, request.as_ref());
                        let flow = format!("{far} {port} {transport:?} {request:?}");
                        let class = class(&cuts, &far, port, transport, request.as_ref());
                        let (known, other) = answers.entry(class).or_insert_with(|| (verdict.clone(), flow.clone()));
                        let alike = std::mem::discriminant(known) == std::mem::discriminant(&verdict);
                        prop_assert!(alike, "{yaml}\n{other}: {known:?}\n{flow}: {verdict:?}");
                    }
                }
            }
            told.set(
                told.get()
                    + answers.values().map(|(verdict, _)| std::mem::discriminant(verdict)).collect::<std::collections::HashSet<_>>().len()
                    - 1,
            );
        }
        Ok(())
    });
    assert!(told.get() > cases() as usize / 4, "only {} ends told anything apart", told.get());
}

#[test]
fn the_end_that_is_called_agrees_with_the_whole_way() {
    run("the_end_that_is_called_agrees_with_the_whole_way", |yaml| {
        let cluster = with_listeners(yaml);
        for near in [db(), ambient("shop", "app=db", "db"), plain("shop", "app=db"), edge(), tunnel()] {
            let cuts = cluster.end(&near, Way::Ingress).cuts(&Names::default());
            for (at, request) in requests(&cuts).into_iter().enumerate() {
                for far in far_ends(plane_of(&near)).into_iter().skip(at % 3).step_by(3) {
                    for transport in transports(&far, plane_of(&near)) {
                        // The helper compares the two.
                        ask(
                            &cluster,
                            &Question { request: request.clone(), ..ask_of(&far, &near, [80, 5432, 15020, 15008][at % 4], transport) },
                        );
                    }
                }
            }
        }
        Ok(())
    });
}

fn ask_of(source: &Endpoint, destination: &Endpoint, port: u16, transport: Transport) -> Question {
    Question { transport: Some(transport), ..auto(source, destination, port) }
}

/// A sidecar flow for the other model.
fn modelled(question: &Question) -> model::Flow {
    let end = |end: &Endpoint| match &end.peer {
        Peer::Address(address) => model::Peer::Address(*address),
        Peer::Pod(pod) => {
            let text = |labels: &Labels| labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect::<BTreeMap<_, _>>();
            model::Peer::Pod(model::Pod {
                namespace: pod.namespace.to_string(),
                namespace_labels: model::NamespaceLabels::Known(text(&pod.namespace_labels)),
                labels: text(&pod.labels),
                account: pod.account.to_string(),
                plane: if pod.plane == DataPlane::Sidecar { model::Plane::Sidecar } else { model::Plane::None },
                network: model::Network::Own,
                ports: Vec::new(),
                uncaptured: BTreeSet::new(),
                ip: end.facts.addresses.first().copied(),
            })
        }
    };
    let payload = question.request.as_ref().map_or(model::Payload::Raw, |request| {
        model::Payload::Http(model::Request {
            method: request.method.to_string(),
            path: request.path.to_string(),
            host: request.host.to_string(),
            headers: request.headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            token: modelled_token(&request.token),
        })
    });
    model::Flow {
        source: end(&question.source),
        destination: end(&question.destination),
        protocol: model::Protocol::Tcp,
        port: question.port,
        transport: if question.transport == Some(Transport::Mtls) { model::Transport::Mtls } else { model::Transport::Plaintext },
        payload,
    }
}

fn modelled_token(token: &Token) -> model::Token {
    let Token::Valid { issuer, claims } = token else {
        return if *token == Token::None { model::Token::None } else { model::Token::Unverified };
    };
    let held = |name: &str| claims.get(name).into_iter().flatten().map(ToString::to_string).collect::<Vec<_>>();
    let others = claims.keys().filter(|name| !["sub", "aud"].contains(&&***name));
    model::Token::Valid(model::Claims {
        issuer: issuer.to_string(),
        subject: held("sub").first().cloned(),
        audiences: held("aud"),
        others: others.map(|name| (name.to_string(), model::Claim::Strings(held(name)))).collect(),
    })
}

#[test]
fn another_reading_of_the_specification_agrees() {
    let both = std::cell::Cell::new([0_usize; 3]);
    run("another_reading_of_the_specification_agrees", |yaml| {
        let cluster = cluster(yaml);
        let other = model::Cluster::read(yaml).map_err(TestCaseError::fail)?;
        let near = db().at(&["10.1.1.1"]);
        let cuts = cluster.end(&near, Way::Ingress).cuts(&Names::default());
        for (at, request) in requests(&cuts).into_iter().enumerate() {
            // A list of subjects is no subject; the other model knows no such tokens.
            if matches!(&request, Some(Request { token: Token::Valid { claims, .. }, .. }) if claims.get("sub").is_some_and(|all| all.len() > 1))
            {
                continue;
            }
            for far in far_ends(DataPlane::Sidecar).into_iter().skip(at % 2).step_by(2) {
                let far = if plane_of(&far) == DataPlane::Sidecar { far.at(&["10.0.0.1"]) } else { far };
                let far = if matches!(far.peer, Peer::Pod(_)) && far.facts.addresses.is_empty() { far.at(&["10.9.9.9"]) } else { far };
                for transport in transports(&far, DataPlane::Sidecar) {
                    let question = Question { request: request.clone(), ..ask_of(&far, &near, [80, 81, 5432, 15020][at % 4], transport) };
                    let (own, theirs) = (ask(&cluster, &question).verdict, other.decide(&modelled(&question)));
                    let mut count = both.get();
                    match (&own, &theirs) {
                        (Verdict::Allowed, model::Verdict::Allowed) => count[0] += 1,
                        (Verdict::Denied, model::Verdict::Denied { .. }) => count[1] += 1,
                        (Verdict::Unspecified(_), _) | (_, model::Verdict::Unspecified(_)) => count[2] += 1,
                        _ => prop_assert!(false, "{yaml}\n{question:#?}\n{own:?}, the other model: {theirs:?}"),
                    }
                    both.set(count);
                }
            }
        }
        Ok(())
    });
    let [allowed, denied, open] = both.get();
    assert!(allowed > 500 && denied > 500 && open * 5 < allowed + denied, "{allowed} allowed, {denied} denied, {open} open");
}
