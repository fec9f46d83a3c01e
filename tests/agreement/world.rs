//! A small world: programs over a few namespaces, labels and ports, and all flows that can tell them apart.

use std::collections::BTreeMap;
use std::net::IpAddr;

use proptest::prelude::*;
use proptest::sample::select;
use twogate::compile::{Input, Outcome};
use twogate::flow::{DataPlane, Flow, Labels, NAMESPACE_NAME, Peer, Pod, PodCube, PodSet, Protocol, Request, Symbol, Token, Transport};
use twogate::ir::Namespace;
use twogate::source::{Source, Sources};
use twogate::syntax::ast::Direction;

use crate::model;

pub(crate) const CONFIG: &str =
    "[cluster]\npod-cidrs = [\"10.244.0.0/16\"]\nservice-cidrs = [\"10.96.0.0/12\"]\n[ingress]\nsource = \"client\"\n";
const ISSUER: &str = "issuer corp = \"https://id.example.com\" jwks \"https://id.example.com/keys\" audience \"shop\"";

/// Lines of a program: first the declarations, which always stand, then rules.
pub(crate) fn program() -> impl Strategy<Value = Vec<String>> {
    let dev = select(vec![
        "namespace dev labels env=test mesh sidecar",
        "namespace dev labels env=test mesh none",
        "namespace dev labels env=test mesh sidecar open ingress",
        "namespace dev labels env=test mesh none open ingress egress",
        "namespace dev labels env=test mesh sidecar open egress",
    ]);
    let facts = prop::collection::vec(
        select(vec![
            "workload web = app=web account web-sa",
            "workload api = app=api account api-sa",
            "workload job = app=job account web-sa",
            "workload raw = app=raw unmeshed",
        ]),
        0..4,
    );
    let closes = prop::collection::vec(select(vec!["close in app=db", "close app=web", "close out tier=front"]), 0..2);
    let rules = prop::collection::vec(rule(), 1..6);
    (dev, facts, closes, rules).prop_map(|(dev, mut facts, mut closes, rules)| {
        facts.sort_unstable();
        facts.dedup();
        closes.sort_unstable();
        closes.dedup();
        let block = |head: &str, lines: &[&str]| {
            format!("{head} {{\n{}\n}}", lines.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"))
        };
        let mut lines = vec![
            ISSUER.to_owned(),
            block("namespace shop labels env=prod mesh sidecar", &facts),
            block("namespace pay labels env=prod,team=pay mesh sidecar", &[]),
            block(dev, &closes),
        ];
        lines.extend(rules);
        lines
    })
}

/// One rule, in a block of its own namespace.
fn rule() -> impl Strategy<Value = String> {
    let home = select(vec!["shop", "shop", "shop", "pay", "dev"]);
    let allow = (select(vec!["allow", "allow", "allow", "allow in", "allow out"]), end(), destination(), requirement()).prop_map(
        |(action, source, target, requirement)| {
            let requirement = if action == "allow out" { String::new() } else { requirement };
            let port = if requirement.contains("http") || requirement.contains("jwt") { ":8080" } else { "" };
            let (target, port) = match target.split_once(':') {
                Some((target, written)) if port.is_empty() => (target.to_owned(), format!(":{written}")),
                Some((target, _)) => (target.to_owned(), port.to_owned()),
                None => (target, port.to_owned()),
            };
            format!("{action} {source} -> {target}{port}{requirement}")
        },
    );
    let deny =
        (end(), destination(), select(vec!["", "", "", " http GET /a", " http * /b/{**}"])).prop_map(|(source, target, requirement)| {
            let target = if requirement.is_empty() { target } else { format!("{}:8080", target.split(':').next().unwrap()) };
            format!("deny {source} -> {target}{requirement}")
        });
    let line = prop_oneof![5 => allow, 1 => deny];
    (home, line).prop_map(|(home, line)| format!("namespace {home} {{\n  {line}\n}}"))
}

fn end() -> impl Strategy<Value = String> {
    select(vec![
        "app=web",
        "app=web",
        "app=api",
        "app=db",
        "app=job",
        "app=web|api",
        "app!=web",
        "tier=front",
        "tier!=*",
        "app=web,tier=front",
        "*",
        "app=web@shop",
        "app=api@pay",
        "*@pay",
        "*@*",
        "app=web@[env=prod]",
        "*@!shop",
        "app=web@ext",
        "*@ext",
        "(* but app=web)",
        "203.0.113.0/24",
        "internet",
        "anywhere",
        "outside",
        "(app=web or 203.0.113.9)",
    ])
    .prop_map(str::to_owned)
}

fn destination() -> impl Strategy<Value = String> {
    let ports = select(vec!["", ":8080", ":5432", ":8080|5432", ":8000-8100", ":53/udp", ":*/tcp", ":8080|53/udp"]);
    (end(), ports).prop_map(|(end, ports)| format!("{end}{ports}"))
}

fn requirement() -> impl Strategy<Value = String> {
    select(vec![
        "",
        "",
        " mtls",
        " mtls",
        " mtls",
        " http GET /a",
        " mtls http GET|POST /a, * /b/{**}",
        " mtls http POST /b/{*}",
        " http * /a at shop.example.com",
        " mtls http GET header x-env=test",
        " http * jwt corp",
        " mtls http GET /a jwt corp claim groups=admin|ops",
    ])
    .prop_map(str::to_owned)
}

/// The program as one file, with its configuration.
pub(crate) fn input(lines: &[String]) -> Input {
    let mut sources = Sources::default();
    let intents = vec![sources.add(Source::new("world.intent", lines.join("\n") + "\n"))];
    let config = Some(sources.add(Source::new("twogate.toml", CONFIG)));
    Input { sources, intents, config, ..Input::default() }
}

/// The same with a file for each line.
pub(crate) fn input_apart(lines: &[String]) -> Input {
    let mut sources = Sources::default();
    let config = Some(sources.add(Source::new("twogate.toml", CONFIG)));
    let intents =
        lines.iter().enumerate().map(|(at, line)| sources.add(Source::new(format!("{at}.intent"), format!("{line}\n")))).collect();
    Input { sources, intents, config, ..Input::default() }
}

fn namespace_labels(name: &str) -> Labels {
    let mut labels = Labels::from([(NAMESPACE_NAME.into(), name.into())]);
    let stated: &[(&str, &str)] = match name {
        "shop" | "ext" => &[("env", "prod")],
        "pay" => &[("env", "prod"), ("team", "pay")],
        "dev" => &[("env", "test")],
        _ => &[("k8s", "yes")],
    };
    labels.extend(stated.iter().map(|(key, value)| (Symbol::from(*key), Symbol::from(*value))));
    labels
}

fn pod(lines: &[String], namespace: &str, labels: &[(&str, &str)], account: &str) -> Pod {
    let labels: Labels = labels.iter().map(|(key, value)| (Symbol::from(*key), Symbol::from(*value))).collect();
    let is = |app: &str| labels.get("app").is_some_and(|value| **value == *app);
    let has = |fact: &str| namespace == "shop" && lines.iter().any(|line| line.contains(fact));
    let account = if has("workload web") && is("web") || has("workload job") && is("job") {
        "web-sa"
    } else if has("workload api") && is("api") {
        "api-sa"
    } else {
        account
    };
    let plane = plane(lines, namespace, &labels);
    Pod { namespace: namespace.into(), namespace_labels: namespace_labels(namespace), labels, account: account.into(), plane }
}

/// Pods and addresses that tell the tests of the generator apart.
fn peers(lines: &[String]) -> Vec<Peer> {
    let mut peers = Vec::new();
    for namespace in ["shop", "pay", "dev", "ext"] {
        peers.push(Peer::Pod(pod(lines, namespace, &[("app", "web")], "default")));
        peers.push(Peer::Pod(pod(lines, namespace, &[("app", "web"), ("tier", "front")], "web-sa")));
        peers.push(Peer::Pod(pod(lines, namespace, &[("app", "api"), ("tier", "back")], "default")));
        peers.push(Peer::Pod(pod(lines, namespace, &[("app", "db")], "db-sa")));
        peers.push(Peer::Pod(pod(lines, namespace, &[("app", "job")], "default")));
        peers.push(Peer::Pod(pod(lines, namespace, &[], "web-sa")));
    }
    peers.push(Peer::Pod(pod(lines, "shop", &[("app", "raw")], "default")));
    peers.push(Peer::Pod(pod(lines, "kube-system", &[("k8s-app", "kube-dns")], "dns")));
    for address in ["203.0.113.9", "203.0.113.77", "8.8.8.8", "192.168.7.7", "2001:db8::1", "169.254.169.254"] {
        peers.push(Peer::Address(address.parse::<IpAddr>().unwrap()));
    }
    peers
}

/// All flows between those, on telling ports, over both transports, with telling requests.
pub(crate) fn flows(lines: &[String]) -> Vec<Flow> {
    let peers = peers(lines);
    let speaks_http = lines.iter().any(|line| line.contains("http") || line.contains("jwt"));
    let mut flows = Vec::new();
    for source in &peers {
        for destination in &peers {
            if matches!((source, destination), (Peer::Address(_), Peer::Address(_))) {
                continue;
            }
            for (protocol, port) in
                [(Protocol::Tcp, 8080), (Protocol::Tcp, 5432), (Protocol::Tcp, 8100), (Protocol::Tcp, 15020), (Protocol::Udp, 53)]
            {
                for transport in transports(source, destination, protocol, port) {
                    let flow = Flow { source: source.clone(), destination: destination.clone(), protocol, port, transport, request: None };
                    if protocol == Protocol::Tcp && port == 8080 && speaks_http {
                        flows.extend(requests().into_iter().map(|request| Flow { request: Some(request), ..flow.clone() }));
                    }
                    flows.push(flow);
                }
            }
        }
    }
    flows
}

/// The same flow as another program's cluster has it: pods take part in the mesh as that program says. None if it cannot arrive
/// there as it is written, for mTLS needs the mesh at both ends.
pub(crate) fn flow_under(lines: &[String], flow: &Flow) -> Option<Flow> {
    let seen = |peer: &Peer| match peer {
        Peer::Pod(of) => Peer::Pod(Pod { plane: plane(lines, &of.namespace, &of.labels), ..of.clone() }),
        Peer::Address(_) => peer.clone(),
    };
    let flow = Flow { source: seen(&flow.source), destination: seen(&flow.destination), ..flow.clone() };
    transports(&flow.source, &flow.destination, flow.protocol, flow.port).contains(&flow.transport).then_some(flow)
}

/// How pods with these labels take part in the mesh.
fn plane(lines: &[String], namespace: &str, labels: &Labels) -> DataPlane {
    let is_raw = labels.get("app").is_some_and(|app| **app == *"raw");
    let says = |words: &[&str]| lines.iter().any(|line| words.iter().all(|word| line.contains(word)));
    let unmeshed = namespace == "dev" && says(&["namespace dev", "mesh none"]) || namespace == "shop" && is_raw && says(&["workload raw"]);
    if unmeshed { DataPlane::None } else { DataPlane::Sidecar }
}

/// A port that the sidecar does not capture takes no mTLS (`semantics.md` §3.2).
fn transports(source: &Peer, destination: &Peer, protocol: Protocol, port: u16) -> Vec<Transport> {
    let meshed = |peer: &Peer| matches!(peer, Peer::Pod(pod) if pod.plane == DataPlane::Sidecar);
    if protocol == Protocol::Tcp && port != 15020 && meshed(source) && meshed(destination) {
        vec![Transport::Mtls, Transport::Plaintext]
    } else {
        vec![Transport::Plaintext]
    }
}

fn requests() -> Vec<Request> {
    let request = |method: &str, path: &str| Request {
        method: method.into(),
        path: path.into(),
        host: "shop.example.com".into(),
        headers: Labels::new(),
        token: Token::None,
    };
    let token = |groups: &[&str]| Token::Valid {
        issuer: "https://id.example.com".into(),
        claims: BTreeMap::from([
            ("groups".into(), groups.iter().map(|group| Symbol::from(*group)).collect()),
            ("aud".into(), [Symbol::from("shop")].into()),
        ]),
    };
    vec![
        request("GET", "/a"),
        request("POST", "/a"),
        request("GET", "/b/c"),
        request("POST", "/b/c/d"),
        request("DELETE", "/z"),
        Request { host: "other.example.com".into(), ..request("GET", "/a") },
        Request { headers: Labels::from([("x-env".into(), "test".into())]), ..request("GET", "/z") },
        Request { token: token(&["admin", "dev"]), ..request("GET", "/a") },
        Request { token: token(&["dev"]), ..request("GET", "/a") },
        Request { token: Token::Unverified, ..request("GET", "/a") },
    ]
}

/// Whether a flow lies within the assumptions that a proof would list.
///
/// A port on which a rule denies requests is taken to be served as HTTP, so connections that are no HTTP do not occur there.
pub(crate) fn is_judged(lines: &[String], flow: &Flow) -> bool {
    let denies_requests = lines.iter().any(|line| line.contains("deny") && line.contains("http"));
    !(denies_requests && flow.protocol == Protocol::Tcp && flow.port == 8080 && flow.request.is_none())
}

/// Whether the openings of the normal form let a flow through at both ends.
pub(crate) fn normal_form(outcome: &Outcome, flow: &Flow) -> bool {
    end_passes(outcome, flow, Direction::Out) && end_passes(outcome, flow, Direction::In)
}

fn end_passes(outcome: &Outcome, flow: &Flow, direction: Direction) -> bool {
    let (near, far) = match direction {
        Direction::In => (&flow.destination, &flow.source),
        Direction::Out => (&flow.source, &flow.destination),
    };
    let Peer::Pod(pod) = near else { return true };
    let Some(gates) = outcome
        .gates
        .namespaces
        .get(&pod.namespace)
        .filter(|_| outcome.policy.namespace(&pod.namespace).is_some_and(Namespace::is_managed))
    else {
        return true;
    };
    if direction == Direction::In && refuses_token(outcome, flow, pod) {
        return false;
    }
    let isolated = gates.isolated.iter().any(|isolation| isolation.direction == direction && isolation.subject.contains(&pod.labels));
    let subject = |labels: &twogate::flow::LabelCube| {
        PodSet::from(PodCube { labels: labels.clone(), ..PodCube::in_namespace(&pod.namespace) }).contains(pod)
    };
    let fits = |opening: &&twogate::gates::Opening| {
        opening.direction == direction
            && subject(&opening.subject)
            && opening.peers.contains(far)
            && opening.ports.contains(flow.protocol, flow.port)
            && (direction == Direction::Out || opening.mtls == twogate::gates::Mtls::Optional || flow.transport == Transport::Mtls)
            && (direction == Direction::Out || opening.requests.admits(flow.request.as_ref()))
    };
    !isolated || gates.openings.iter().any(|opening| fits(&opening))
}

/// The normal form keeps token checks apart from openings: they act on a pod as a whole.
fn refuses_token(outcome: &Outcome, flow: &Flow, pod: &Pod) -> bool {
    let Some(request) = &flow.request else { return false };
    let peer = Peer::Pod(pod.clone());
    let verifies = outcome.policy.rules.iter().any(|rule| {
        rule.jwt.is_some() && rule.direction != Some(Direction::Out) && rule.targets.iter().any(|target| target.end.matches(&peer))
    });
    verifies && request.token == Token::Unverified
}

/// The same flow for the model.
pub(crate) fn modelled(flow: &Flow) -> model::Flow {
    let protocol = match flow.protocol {
        Protocol::Tcp => model::Protocol::Tcp,
        Protocol::Udp => model::Protocol::Udp,
        Protocol::Sctp => model::Protocol::Sctp,
    };
    let transport = match flow.transport {
        Transport::Mtls => model::Transport::Mtls,
        Transport::Plaintext => model::Transport::Plaintext,
    };
    let payload = match &flow.request {
        Some(request) => model::Payload::Http(modelled_request(request)),
        None => model::Payload::Raw,
    };
    model::Flow {
        source: modelled_peer(&flow.source),
        destination: modelled_peer(&flow.destination),
        protocol,
        port: flow.port,
        transport,
        payload,
    }
}

fn modelled_request(request: &Request) -> model::Request {
    let token = match &request.token {
        Token::None => model::Token::None,
        Token::Unverified => model::Token::Unverified,
        Token::Valid { issuer, claims } => model::Token::Valid(model::Claims {
            issuer: issuer.to_string(),
            subject: None,
            audiences: claims.get("aud").into_iter().flatten().map(ToString::to_string).collect(),
            others: claims
                .iter()
                .filter(|(name, _)| ***name != *"aud")
                .map(|(name, values)| (name.to_string(), model::Claim::Strings(values.iter().map(ToString::to_string).collect())))
                .collect(),
        }),
    };
    let headers = request.headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    model::Request { method: request.method.to_string(), path: request.path.to_string(), host: request.host.to_string(), headers, token }
}

fn modelled_peer(peer: &Peer) -> model::Peer {
    let pod = match peer {
        Peer::Address(address) => return model::Peer::Address(*address),
        Peer::Pod(pod) => pod,
    };
    let strings = |labels: &Labels| labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect::<BTreeMap<_, _>>();
    let plane = if pod.plane == DataPlane::Sidecar { model::Plane::Sidecar } else { model::Plane::None };
    model::Peer::Pod(model::Pod {
        namespace: pod.namespace.to_string(),
        namespace_labels: model::NamespaceLabels::Known(strings(&pod.namespace_labels)),
        labels: strings(&pod.labels),
        account: pod.account.to_string(),
        plane,
        network: model::Network::Own,
        ports: Vec::new(),
        uncaptured: std::collections::BTreeSet::new(),
        ip: None,
    })
}
