//! Properties over random policies: the fast answer is the explained one, no class of the cuts holds two answers, the model that
//! tests keep agrees, and no text makes the evaluator panic.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::select;

use super::{Changed, Platform, addresses, cluster_on, end, platform, question};
use crate::model;
use twogate::cluster::{self, Cluster, Endpoint, Names, Network, Way};
use twogate::flow::{DataPlane, Peer, Protocol, Transport, Verdict};
use twogate::source::{Source, Sources};

/// A label selector in flow form.
fn selector() -> impl Strategy<Value = String> {
    let value = || select(vec!["a", "b", "c"]);
    let test = prop_oneof![
        (select(vec!["app", "tier"]), value()).prop_map(|(key, value)| format!("{{key: {key}, operator: In, values: [{value}]}}")),
        (select(vec!["app", "tier"]), value(), value())
            .prop_map(|(key, one, two)| format!("{{key: {key}, operator: In, values: [{one}, {two}]}}")),
        (select(vec!["app", "tier"]), value()).prop_map(|(key, value)| format!("{{key: {key}, operator: NotIn, values: [{value}]}}")),
        select(vec!["app", "tier"]).prop_map(|key| format!("{{key: {key}, operator: Exists}}")),
        select(vec!["app", "tier"]).prop_map(|key| format!("{{key: {key}, operator: DoesNotExist}}")),
    ];
    prop_oneof![
        1 => Just("{}".to_owned()),
        2 => value().prop_map(|value| format!("{{matchLabels: {{app: {value}}}}}")),
        3 => prop::collection::vec(test, 1..3).prop_map(|tests| format!("{{matchExpressions: [{}]}}", tests.join(", "))),
    ]
}

fn namespace_selector() -> impl Strategy<Value = String> {
    select(vec![
        "{}",
        "{matchLabels: {kubernetes.io/metadata.name: shop}}",
        "{matchLabels: {kubernetes.io/metadata.name: pay}}",
        "{matchLabels: {team: x}}",
        "{matchExpressions: [{key: team, operator: DoesNotExist}]}",
        "{matchExpressions: [{key: team, operator: Exists}]}",
        "{matchExpressions: [{key: team, operator: NotIn, values: [x]}]}",
        "{matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [pay]}]}",
        "{matchLabels: {team: x, kubernetes.io/metadata.name: pay}}",
    ])
    .prop_map(str::to_owned)
}

fn peer() -> impl Strategy<Value = String> {
    prop_oneof![
        selector().prop_map(|pods| format!("{{podSelector: {pods}}}")),
        namespace_selector().prop_map(|namespaces| format!("{{namespaceSelector: {namespaces}}}")),
        (namespace_selector(), selector())
            .prop_map(|(namespaces, pods)| format!("{{namespaceSelector: {namespaces}, podSelector: {pods}}}")),
        select(vec![
            "{ipBlock: {cidr: 0.0.0.0/0}}",
            "{ipBlock: {cidr: 10.0.0.0/24}}",
            "{ipBlock: {cidr: 10.0.0.0/24, except: [10.0.0.0/30, 10.0.0.8/32]}}",
            "{ipBlock: {cidr: 10.0.0.8/29}}",
            "{ipBlock: {cidr: '::/0', except: ['fd00::/8']}}",
        ])
        .prop_map(str::to_owned),
    ]
}

fn port() -> impl Strategy<Value = String> {
    select(vec![
        "{}",
        "{port: 80}",
        "{port: 80, endPort: 82}",
        "{port: 81, endPort: 15008}",
        "{port: 15008}",
        "{port: web}",
        "{port: api}",
        "{protocol: UDP, port: 80}",
        "{protocol: UDP, port: web}",
        "{protocol: SCTP}",
    ])
    .prop_map(str::to_owned)
}

fn rules(peers: &'static str) -> impl Strategy<Value = String> {
    let rule = (prop::collection::vec(peer(), 0..3), prop::collection::vec(port(), 0..3));
    let rule = rule.prop_map(move |(from, ports)| format!("{{{peers}: [{}], ports: [{}]}}", from.join(", "), ports.join(", ")));
    prop::collection::vec(rule, 0..3).prop_map(|rules| format!("[{}]", rules.join(", ")))
}

/// A stream of policies in two namespaces.
fn policies() -> impl Strategy<Value = String> {
    let types = select(vec!["", "policyTypes: [Ingress], ", "policyTypes: [Egress], ", "policyTypes: [Ingress, Egress], "]);
    let policy = (select(vec!["shop", "pay"]), selector(), types, rules("from"), rules("to"));
    prop::collection::vec(policy, 0..5).prop_map(|policies| {
        let mut yaml = String::new();
        for (index, (namespace, subject, types, ingress, egress)) in policies.into_iter().enumerate() {
            let _ = write!(
                yaml,
                "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p{index}, namespace: {namespace}}}\nspec: {{podSelector: {subject}, {types}ingress: {ingress}, egress: {egress}}}\n"
            );
        }
        yaml
    })
}

/// Objects of the mesh, and some that are not modelled.
fn others() -> impl Strategy<Value = String> {
    let istio = |kind: &'static str, spec: &'static str| ("security.istio.io/v1", kind, spec);
    let all = vec![
        istio("AuthorizationPolicy", "{}"),
        istio("AuthorizationPolicy", "{selector: {matchLabels: {app: a}}, rules: [{from: [{source: {namespaces: [pay]}}]}]}"),
        istio("AuthorizationPolicy", "{rules: [{to: [{operation: {ports: ['80', '15008']}}]}]}"),
        istio(
            "AuthorizationPolicy",
            "{action: DENY, rules: [{from: [{source: {notPrincipals: ['*/ns/shop/*']}}], to: [{operation: {ports: ['81']}}]}]}",
        ),
        istio("AuthorizationPolicy", "{rules: [{from: [{source: {ipBlocks: [10.0.0.8/29]}}]}]}"),
        istio("PeerAuthentication", "{mtls: {mode: STRICT}}"),
        istio("PeerAuthentication", "{selector: {matchLabels: {app: a}}, mtls: {mode: PERMISSIVE}, portLevelMtls: {80: {mode: STRICT}}}"),
        ("cilium.io/v2", "CiliumNetworkPolicy", "{endpointSelector: {matchLabels: {app: a}}}"),
        ("networking.istio.io/v1", "Sidecar", "{workloadSelector: {labels: {app: b}}}"),
        ("networking.istio.io/v1", "WorkloadEntry", "{address: 10.0.0.1}"),
        ("example.com/v1", "Firewall", "{}"),
        ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", "{subject: {namespaces: {matchLabels: {team: x}}}}"),
        ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", "{}"),
        ("policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy", "{subject: {namespaces: {}}}"),
    ];
    let one = (select(all), select(vec!["shop", "pay", "istio-system"]));
    prop::collection::vec(one, 0..3).prop_map(|list| {
        let text = |(index, ((version, kind, spec), namespace)): (usize, ((&str, &str, &str), &str))| {
            format!("---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: o{index}, namespace: {namespace}}}\nspec: {spec}\n")
        };
        list.into_iter().enumerate().map(text).collect()
    })
}

/// What the plugin can do, and which addresses pods have.
fn platforms() -> impl Strategy<Value = Platform> {
    let knob = || select(vec![None, Some(true), Some(false)]);
    let pods = select(vec!["", "10.0.0.0/24", "10.0.0.0/16 fd00::/8", "10.9.0.0/16"]);
    let services = select(vec!["", "10.0.0.0/30"]);
    (knob(), knob(), knob(), knob(), pods, services).prop_map(|(end_port, named_ports, sctp, blocks, pods, services)| Platform {
        end_port,
        named_ports,
        sctp,
        ipblock_matches_pods: blocks,
        pods: addresses(pods),
        services: addresses(services),
        ..Platform::default()
    })
}

fn plane() -> impl Strategy<Value = DataPlane> {
    select(vec![DataPlane::None, DataPlane::Sidecar, DataPlane::Ambient])
}

/// A pod of which no policy can know more than its labels.
fn generic_pod() -> impl Strategy<Value = Endpoint> {
    let labels = select(vec!["*", "app=a", "app=b", "app=d", "tier=a", "tier=c", "app=a,tier=b", "app=c,tier=d"]);
    let pod = (labels, select(vec!["shop", "pay", "other"]), select(vec![None, Some("x"), Some("y")]), plane());
    pod.prop_map(|(labels, namespace, team, plane)| {
        let pod = end(&format!("{labels}@{namespace}")).plane(plane);
        team.into_iter().fold(pod, |pod, team| pod.in_namespace_labelled("team", team))
    })
}

fn address() -> impl Strategy<Value = Endpoint> {
    select(vec!["10.0.0.0", "10.0.0.1", "10.0.0.4", "10.0.0.8", "10.0.0.9", "10.0.1.0", "203.0.113.7", "fd00::1", "2001:db8::1"])
        .prop_map(end)
}

/// A pod of which something more is known.
fn known_pod() -> impl Strategy<Value = Endpoint> {
    let ports = prop::option::of(prop::collection::vec((select(vec!["web", "api"]), select(vec![80_u16, 81, 15008])), 0..3));
    let address = select(vec![None, Some("10.0.0.1"), Some("10.0.0.9"), Some("fd00::1")]);
    let rest = (prop::bool::ANY, select(vec![None, Some("n1"), Some("n2")]), prop::bool::ANY, prop::bool::ANY);
    (generic_pod(), ports, address, rest).prop_map(|(pod, ports, address, (host, node, name_only, open))| {
        let mut pod = match ports {
            Some(ports) => ports
                .into_iter()
                .fold(pod.facts(|facts| facts.ports = Some(Vec::new())), |pod, (name, number)| pod.calls_port(name, number)),
            None => pod,
        };
        pod = address.into_iter().fold(pod, |pod, address| pod.at(&[address]));
        pod = node.into_iter().fold(pod, Changed::on_node);
        pod = if host { pod.on_host_network().plane(DataPlane::None) } else { pod };
        pod = if name_only { pod.in_unknown_namespace() } else { pod };
        let is_open = open && matches!(&pod.peer, Peer::Pod(pod) if !pod.labels.contains_key("tier"));
        if is_open { pod.facts(|facts| facts.open_labels.extend(["tier".into()])) } else { pod }
    })
}

fn any_end() -> impl Strategy<Value = Endpoint> {
    prop_oneof![3 => generic_pod(), 3 => known_pod(), 2 => address()]
}

fn any_port() -> impl Strategy<Value = (Protocol, u16)> {
    let port = select(vec![1_u16, 79, 80, 81, 82, 83, 15007, 15008, 15009]);
    (prop_oneof![4 => Just(Protocol::Tcp), 1 => Just(Protocol::Udp), 1 => Just(Protocol::Sctp)], port)
}

/// How a connection can arrive: mTLS takes two ends in the mesh, and TCP.
fn transports(source: &Endpoint, destination: &Endpoint, protocol: Protocol) -> Vec<Transport> {
    let in_mesh = |end: &Endpoint| matches!(&end.peer, Peer::Pod(pod) if pod.plane != DataPlane::None);
    let mtls = protocol == Protocol::Tcp && in_mesh(source) && in_mesh(destination);
    if mtls { vec![Transport::Plaintext, Transport::Mtls] } else { vec![Transport::Plaintext] }
}

/// What two gates say together.
fn both(left: Verdict, right: Verdict) -> Verdict {
    match (left, right) {
        (Verdict::Denied, _) | (_, Verdict::Denied) => Verdict::Denied,
        (Verdict::Allowed, other) | (other, Verdict::Allowed) => other,
        (open, _) => open,
    }
}

/// A verdict without its reason.
fn kind(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied => "denied",
        Verdict::Unspecified(_) => "unspecified",
    }
}

/// The verdict of both ends, each asked by itself.
fn by_ends(
    cluster: &Cluster,
    source: &Endpoint,
    destination: &Endpoint,
    (protocol, port): (Protocol, u16),
    transport: Transport,
) -> Verdict {
    let egress = cluster.end(source, Way::Egress).decide(destination, protocol, port, transport, None);
    let ingress = cluster.end(destination, Way::Ingress).decide(source, protocol, port, transport, None);
    both(egress, ingress)
}

/// Which cuts hold a far end, and a port besides.
fn class(cuts: &[twogate::flow::Cut], far: &Endpoint, (protocol, port): (Protocol, u16)) -> Vec<(bool, bool)> {
    let side = |cut: &twogate::flow::Cut| {
        let held = cut.peers.contains(&far.peer);
        (held, held && cut.ports.contains(protocol, port))
    };
    cuts.iter().map(side).collect()
}

/// The same end as the model knows it.
fn modelled(end: &Endpoint, other: &Endpoint) -> model::Peer {
    let own_node = |address| {
        let both = end.facts.node.is_some() && end.facts.node == other.facts.node;
        if both { model::Peer::OwnNode(address) } else { model::Peer::Address(address) }
    };
    let pod = match &end.peer {
        Peer::Address(address) => return own_node(*address),
        Peer::Pod(pod) => pod,
    };
    let text =
        |labels: &twogate::flow::Labels| labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect::<BTreeMap<_, _>>();
    let protocol = |protocol: Protocol| match protocol {
        Protocol::Tcp => model::Protocol::Tcp,
        Protocol::Udp => model::Protocol::Udp,
        Protocol::Sctp => model::Protocol::Sctp,
    };
    let ports = end.facts.ports.iter().flatten();
    let ports = ports.map(|port| model::NamedPort { name: port.name.to_string(), protocol: protocol(port.protocol), number: port.number });
    model::Peer::Pod(model::Pod {
        namespace: pod.namespace.to_string(),
        namespace_labels: match end.facts.namespace {
            cluster::NamespaceLabels::Known => model::NamespaceLabels::Known(text(&pod.namespace_labels)),
            cluster::NamespaceLabels::NameOnly => model::NamespaceLabels::Unknown,
        },
        labels: text(&pod.labels),
        account: pod.account.to_string(),
        plane: model::Plane::None,
        network: match end.facts.network {
            Network::Own => model::Network::Own,
            Network::Host => model::Network::Host,
        },
        ports: ports.collect(),
        uncaptured: std::collections::BTreeSet::new(),
        ip: end.facts.addresses.first().copied(),
    })
}

/// An end that the model can know too: nothing open, a node that is another one, an address.
fn model_end() -> impl Strategy<Value = Endpoint> {
    prop_oneof![3 => known_pod(), 1 => address()].prop_map(|mut end| {
        if let Peer::Pod(pod) = &mut end.peer {
            pod.plane = DataPlane::None;
            end.facts.open_labels.clear();
            end.facts.ports.get_or_insert_default();
            if end.facts.addresses.is_empty() {
                end.facts.addresses.push("192.0.2.1".parse().unwrap());
            }
        }
        end
    })
}

/// The same end; of its namespace only the name is known.
fn in_unknown(end: Endpoint) -> Endpoint {
    if matches!(end.peer, Peer::Pod(_)) { end.in_unknown_namespace() } else { end }
}

/// The same end with each label of its namespace that a policy tells from others.
fn in_known(end: &Endpoint) -> Vec<Endpoint> {
    if matches!(end.peer, Peer::Address(_)) {
        return vec![end.clone()];
    }
    let bare =
        end.clone().facts(|facts| facts.namespace = cluster::NamespaceLabels::Known).pod(|pod| drop(pod.namespace_labels.remove("team")));
    ["x", "other"].into_iter().map(|team| bare.clone().in_namespace_labelled("team", team)).chain([bare.clone()]).collect()
}

fn model_kind(verdict: &model::Verdict) -> &'static str {
    match verdict {
        model::Verdict::Allowed => "allowed",
        model::Verdict::Denied { .. } => "denied",
        model::Verdict::Unspecified(_) => "unspecified",
    }
}

/// What the model says whatever labels a namespace has of which it knows none, by every case that a rule tells apart; one case of each end
/// with each of the other.
fn model_in_every_case(cluster: &model::Cluster, flow: &model::Flow) -> &'static str {
    let filled = |peer: &model::Peer| match peer {
        model::Peer::Pod(pod) if matches!(pod.namespace_labels, model::NamespaceLabels::Unknown) => {
            let known = [None, Some("x"), Some("other")].map(|team| {
                let name = ("kubernetes.io/metadata.name".to_owned(), pod.namespace.clone());
                let team = team.map(|team| ("team".to_owned(), team.to_owned()));
                let namespace_labels = model::NamespaceLabels::Known(std::iter::once(name).chain(team).collect());
                model::Peer::Pod(model::Pod { namespace_labels, ..pod.clone() })
            });
            known.to_vec()
        }
        other => vec![other.clone()],
    };
    let destinations = filled(&flow.destination);
    let flows = filled(&flow.source).into_iter().flat_map(|source| {
        destinations.iter().map(move |destination| model::Flow { source: source.clone(), destination: destination.clone(), ..flow.clone() })
    });
    let all: std::collections::BTreeSet<_> = flows.map(|flow| model_kind(&cluster.decide(&flow))).collect();
    if all.len() == 1 { all.into_iter().next().unwrap() } else { "unspecified" }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_fast_answer_is_the_explained_one(
        yaml in (policies(), others()), platform in platforms(), ends in prop::collection::vec((any_end(), any_end(), any_port()), 8),
    ) {
        let yaml = yaml.0 + &yaml.1;
        let cluster = cluster_on(platform, &yaml);
        for (source, destination, port) in ends {
            for transport in transports(&source, &destination, port.0) {
                let mut asked = question(&source, &destination, "1");
                (asked.protocol, asked.port) = port;
                asked.transport = Some(transport);
                let explained = cluster.decide(&asked);
                let fast = by_ends(&cluster, &source, &destination, port, transport);
                prop_assert_eq!(kind(&fast), kind(&explained.verdict), "{:?}\n{}", asked, yaml);
            }
        }
    }

    #[test]
    fn flows_that_no_cut_tells_apart_have_one_answer(
        yaml in (policies(), others()), platform in platforms(), subject in prop_oneof![generic_pod(), known_pod()],
        far in prop::collection::vec((prop_oneof![3 => generic_pod(), 1 => address()], any_port()), 60),
    ) {
        let yaml = yaml.0 + &yaml.1;
        let cluster = cluster_on(platform, &yaml);
        for way in [Way::Ingress, Way::Egress] {
            let end = cluster.end(&subject, way);
            let cuts = end.cuts(&Names::default());
            let mut answers: BTreeMap<_, (&'static str, &Endpoint, (Protocol, u16))> = BTreeMap::new();
            for (far, port) in &far {
                let plane = match &far.peer {
                    Peer::Pod(pod) => Some(pod.plane),
                    Peer::Address(_) => None,
                };
                let (source, destination) = if way == Way::Ingress { (far, &subject) } else { (&subject, far) };
                for transport in transports(source, destination, port.0) {
                    let answer = kind(&end.decide(far, port.0, port.1, transport, None));
                    let key = (transport, plane.unwrap_or(DataPlane::None), class(&cuts, far, *port));
                    let first = answers.entry(key).or_insert((answer, far, *port));
                    prop_assert_eq!(first.0, answer, "{:?}: {} {:?} and {} {:?} over {:?}\n{:#?}\n{}", way, first.1, first.2, far, port, transport, cuts, yaml);
                }
            }
        }
    }

    #[test]
    fn the_model_of_the_tests_agrees(
        yaml in policies(), blocks in select(vec![(None, model::PodAddresses::Unknown), (Some(true), model::PodAddresses::Matched), (Some(false), model::PodAddresses::Ignored)]),
        ends in prop::collection::vec((model_end(), model_end(), any_port()), 8),
    ) {
        let cluster = cluster_on(Platform { ipblock_matches_pods: blocks.0, ..platform() }, &yaml);
        let settings = model::Settings { ip_block_matches_pods: blocks.1, ..model::Settings::default() };
        let other = model::Cluster::read(&yaml).unwrap().with_settings(settings);
        for (mut source, mut destination, (protocol, port)) in ends {
            // The model knows a host-network pod as one of another node.
            source.facts.node = matches!(source.peer, Peer::Pod(_)).then(|| "n1".into());
            destination.facts.node = matches!(destination.peer, Peer::Pod(_)).then(|| "n2".into());
            let flow = model::Flow {
                source: modelled(&source, &destination),
                destination: modelled(&destination, &source),
                protocol: match protocol {
                    Protocol::Tcp => model::Protocol::Tcp,
                    Protocol::Udp => model::Protocol::Udp,
                    Protocol::Sctp => model::Protocol::Sctp,
                },
                port,
                transport: model::Transport::Plaintext,
                payload: model::Payload::Raw,
            };
            let expected = model_kind(&other.decide(&flow));
            let said = by_ends(&cluster, &source, &destination, (protocol, port), Transport::Plaintext);
            // The model asks rule by rule. What several let pass together, it lets pass whatever the labels are.
            let filled = if kind(&said) == expected { expected } else { model_in_every_case(&other, &flow) };
            prop_assert_eq!(kind(&said), filled, "{} {:?} -> {} {:?}\n{:?}\n{}", source, source.facts, destination, destination.facts, flow, yaml);
            prop_assert!(expected == filled || expected == "unspecified");
        }
    }

    /// What is said of a namespace of whose labels nobody knows any is what is said of it with any labels.
    #[test]
    fn what_is_said_of_unknown_namespaces_holds_of_all(
        yaml in policies(), platform in platforms(), ends in prop::collection::vec((any_end(), any_end(), any_port()), 12),
    ) {
        let cluster = cluster_on(platform, &yaml);
        for (source, destination, port) in ends {
            let (source, destination) = (in_unknown(source), in_unknown(destination));
            let said = by_ends(&cluster, &source, &destination, port, Transport::Plaintext);
            if kind(&said) == "unspecified" {
                continue;
            }
            for source in in_known(&source) {
                for destination in in_known(&destination) {
                    let known = by_ends(&cluster, &source, &destination, port, Transport::Plaintext);
                    prop_assert_eq!(kind(&said), kind(&known), "{} -> {}\n{}", source, destination, yaml);
                }
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        ask(&text);
        ask(&format!("kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {{name: p, namespace: shop}}\nspec: {text}"));
    }

    #[test]
    fn no_slip_of_the_pen_makes_it_panic(yaml in policies(), at in 0_usize..2000, letter in select(vec!['{', '[', '}', ']', ':', '-', ' ', '\n', '"', '&', '*', '0', 'ä', '\u{0}'])) {
        let places: Vec<usize> = yaml.char_indices().map(|(place, _)| place).collect();
        if let Some(place) = places.get(at % places.len().max(1)) {
            let mut changed = yaml.clone();
            changed.insert(*place, letter);
            ask(&changed);
            changed.remove(*place);
            changed.truncate(*place);
            ask(&changed);
        }
    }
}

/// Reads a text and asks everything of what comes out.
fn ask(text: &str) {
    let mut sources = Sources::default();
    let file = sources.add(Source::new("hostile.yaml", text));
    let (cluster, _) = cluster::read(&sources, &[file], Platform::default());
    let (source, destination) = (end("app=a@shop"), end("app=b@shop"));
    let _ = cluster.decide(&question(&source, &destination, "80"));
    for way in [Way::Ingress, Way::Egress] {
        let end = cluster.end(&destination, way);
        let _ = (end.cuts(&Names::default()), end.decide(&source, Protocol::Tcp, 80, Transport::Plaintext, None));
        let _ = cluster.selectors("shop", way);
    }
    let _ = cluster.label_tests();
}

/// Many texts as one.
fn numbered(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect::<Vec<_>>().concat()
}

#[test]
fn hostile_sizes_and_depths_are_findings() {
    let head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: ";
    for text in [
        "[".repeat(100_000),
        format!("{head}{}{}", "{podSelector: ".repeat(500), "}".repeat(500)),
        format!("{head}{}", "- ".repeat(50_000)),
        format!("{head}{{ingress: [{}]}}", "{from: [{}]}, ".repeat(20_000)),
        format!("a: &a [x]\n{}", numbered(50, |index| format!("b{index}: &b{index} [*a, *a]\n"))),
        "---\n".repeat(100_000),
        format!("{head}{{podSelector: {{matchLabels: {{{}}}}}}}", numbered(20_000, |index| format!("k{index}: v, "))),
    ] {
        ask(&text);
    }
}
