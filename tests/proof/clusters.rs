//! Random policies against random policies: what `compare` finds is what brute force finds.
//!
//! No program is in sight: both judges are manifests, and any pod may exist.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::select;
use twogate::classes::{World, fresh_word, labels_within};
use twogate::cluster::{self, Cluster, Names, Platform};
use twogate::flow::{
    DataPlane, Flow, Labels, NAMESPACE_NAME, Peer, Pod, PodCube, Protocol, Request, Symbol, Token, Transport, Values, Verdict,
};
use twogate::source::{Source, Sources};
use twogate::verify::{Bench, Manifests, RuledOut, Worlds, compare};

use super::decided;
use super::random::runner;

/// Everything exists: any labels, any account, all of it in the mesh.
#[derive(Debug)]
struct Everything;

impl World for Everything {
    fn example(&self, cube: &PodCube) -> Option<Pod> {
        let word = |values: &Values| {
            if values.is_cofinite() { Some(fresh_word(values.words().iter().map(|word| &**word))) } else { values.words().first().cloned() }
        };
        let namespace = word(cube.names())?;
        let mut namespace_labels = labels_within(&cube.namespace)?;
        namespace_labels.insert(NAMESPACE_NAME.into(), Symbol::clone(&namespace));
        let pod = Pod {
            namespace,
            namespace_labels,
            labels: labels_within(&cube.labels)?,
            account: word(&cube.account)?,
            plane: DataPlane::Sidecar,
        };
        cube.namespace.contains(&pod.namespace_labels).then_some(pod)
    }
}

impl RuledOut for Everything {
    fn rules_out(&self, _flow: &Flow) -> bool {
        false
    }
}

fn words(list: &[&'static str]) -> BoxedStrategy<String> {
    select(list.to_vec()).prop_map(str::to_owned).boxed()
}

fn selector() -> BoxedStrategy<String> {
    words(&[
        "{}",
        "{matchLabels: {app: a}}",
        "{matchLabels: {app: b}}",
        "{matchLabels: {app: a, tier: x}}",
        "{matchExpressions: [{key: app, operator: In, values: [a, b]}]}",
        "{matchExpressions: [{key: app, operator: NotIn, values: [a]}]}",
        "{matchExpressions: [{key: tier, operator: Exists}]}",
        "{matchExpressions: [{key: tier, operator: DoesNotExist}]}",
    ])
}

fn network_rule(peers: &'static str) -> impl Strategy<Value = String> {
    let namespaces = words(&[
        "{}",
        "{matchLabels: {kubernetes.io/metadata.name: shop}}",
        "{matchLabels: {kubernetes.io/metadata.name: pay}}",
        "{matchLabels: {team: x}}",
        "{matchExpressions: [{key: team, operator: DoesNotExist}]}",
    ]);
    let peer = prop_oneof![
        selector().prop_map(|pods| format!("{{podSelector: {pods}}}")),
        namespaces.clone().prop_map(|namespaces| format!("{{namespaceSelector: {namespaces}}}")),
        (namespaces, selector()).prop_map(|(namespaces, pods)| format!("{{namespaceSelector: {namespaces}, podSelector: {pods}}}")),
        words(&["{ipBlock: {cidr: 203.0.113.0/24}}", "{ipBlock: {cidr: 0.0.0.0/0, except: [203.0.113.0/25]}}"]),
    ];
    let port = words(&["{}", "{port: 80}", "{port: 80, endPort: 82}", "{port: 443}", "{protocol: UDP, port: 53}", "{protocol: UDP}"]);
    (prop::collection::vec(peer, 0..3), prop::collection::vec(port, 0..3))
        .prop_map(move |(from, ports)| format!("{{{peers}: [{}], ports: [{}]}}", from.join(", "), ports.join(", ")))
}

fn network_policy() -> impl Strategy<Value = String> {
    let types = words(&["[Ingress]", "[Egress]", "[Ingress, Egress]"]);
    let rules = |peers| prop::collection::vec(network_rule(peers), 0..3).prop_map(|rules| rules.join(", "));
    (selector(), types, rules("from"), rules("to")).prop_map(|(subject, types, ingress, egress)| {
        format!(
            "networking.k8s.io/v1 NetworkPolicy {{podSelector: {subject}, policyTypes: {types}, ingress: [{ingress}], egress: [{egress}]}}"
        )
    })
}

fn mesh_rule() -> impl Strategy<Value = String> {
    let source = words(&[
        "serviceAccounts: [shop/one]",
        "serviceAccounts: [one, pay/two]",
        "namespaces: [shop]",
        "namespaces: [shop, pay]",
        "principals: ['*']",
        "notNamespaces: [pay]",
        "ipBlocks: [203.0.113.0/24]",
    ]);
    let operation = words(&[
        "ports: ['80']",
        "ports: ['80', '443']",
        "notPorts: ['443']",
        "ports: ['80'], methods: [GET]",
        "ports: ['80'], methods: [GET, POST], paths: [/a, '/b/{*}']",
        "ports: ['80'], notMethods: [GET]",
        "ports: ['80'], hosts: [shop.test], paths: ['/a*']",
    ]);
    (prop::option::of(source), prop::option::of(operation)).prop_map(|(source, operation)| {
        let from = source.map(|source| format!("from: [{{source: {{{source}}}}}]"));
        let to = operation.map(|operation| format!("to: [{{operation: {{{operation}}}}}]"));
        format!("{{{}}}", from.into_iter().chain(to).collect::<Vec<_>>().join(", "))
    })
}

fn mesh_policy() -> impl Strategy<Value = String> {
    let subject = || words(&["", "selector: {matchLabels: {app: a}}, ", "selector: {matchLabels: {app: b, tier: x}}, "]);
    let rules = prop::collection::vec(mesh_rule(), 1..3).prop_map(|rules| rules.join(", "));
    let modes = words(&["STRICT", "PERMISSIVE", "DISABLE", "UNSET"]);
    prop_oneof![
        4 => (subject(), words(&["ALLOW", "ALLOW", "DENY"]), rules).prop_map(|(subject, action, rules)| {
            format!("security.istio.io/v1 AuthorizationPolicy {{{subject}action: {action}, rules: [{rules}]}}")
        }),
        1 => Just("security.istio.io/v1 AuthorizationPolicy {}".to_owned()),
        2 => (subject(), modes).prop_map(|(subject, mode)| format!("security.istio.io/v1 PeerAuthentication {{{subject}mtls: {{mode: {mode}}}}}")),
    ]
}

/// Policies, each as version, kind and spec in one of two namespaces.
fn policies() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let policy = prop_oneof![network_policy().boxed(), mesh_policy().boxed()];
    prop::collection::vec((select(vec!["shop", "pay"]), policy), 1..6)
}

fn read(policies: &[(&'static str, String)]) -> (Cluster, String) {
    let mut text = String::new();
    for (number, (namespace, policy)) in policies.iter().enumerate() {
        let mut words = policy.splitn(3, ' ');
        let (version, kind, spec) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        writeln!(text, "---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: p{number}, namespace: {namespace}}}\nspec: {spec}")
            .unwrap();
    }
    let mut sources = Sources::default();
    let file = sources.add(Source::new("policies.yaml", text.clone()));
    let platform = Platform {
        ipblock_matches_pods: Some(false),
        end_port: Some(true),
        sctp: Some(true),
        named_ports: Some(true),
        ..Platform::default()
    };
    let (cluster, findings) = cluster::read(&sources, &[file], platform);
    assert!(!twogate::diagnostic::order::has_error(&findings), "{findings:?}\n{text}");
    (cluster, text)
}

fn peer() -> impl Strategy<Value = Peer> {
    let labels = select(vec!["", "app=a", "app=b", "app=a,tier=x", "app=b,tier=x", "tier=y", "app=c"]);
    let pod = (
        select(vec![("shop", ""), ("shop", "team=x"), ("pay", ""), ("pay", "team=x"), ("else", ""), ("else", "team=x")]),
        labels,
        select(vec!["one", "two", "three"]),
    );
    let pod = pod.prop_map(|((namespace, own), labels, account)| {
        let labels_of = |text: &str| -> Labels {
            text.split(',').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (key.into(), value.into())).collect()
        };
        let mut namespace_labels = labels_of(own);
        namespace_labels.insert(NAMESPACE_NAME.into(), namespace.into());
        Peer::Pod(Pod {
            namespace: namespace.into(),
            namespace_labels,
            labels: labels_of(labels),
            account: account.into(),
            plane: DataPlane::Sidecar,
        })
    });
    let address =
        select(vec!["203.0.113.7", "203.0.113.200", "8.8.8.8", "2001:db8::1"]).prop_map(|text| Peer::Address(text.parse().unwrap()));
    prop_oneof![5 => pod, 1 => address]
}

fn request() -> impl Strategy<Value = Request> {
    (select(vec!["GET", "POST", "PUT"]), select(vec!["/a", "/ab", "/b/c", "/b/c/d", "/"]), select(vec!["shop.test", "other.test"]))
        .prop_map(|(method, path, host)| Request {
            method: method.into(),
            path: path.into(),
            host: host.into(),
            headers: Labels::new(),
            token: Token::None,
        })
}

/// A flow that can occur: mTLS is between pods and over TCP, and no request is anywhere else than on TCP.
fn flow() -> impl Strategy<Value = Flow> {
    let port = select(vec![
        (Protocol::Tcp, 80),
        (Protocol::Tcp, 81),
        (Protocol::Tcp, 443),
        (Protocol::Tcp, 9999),
        (Protocol::Udp, 53),
        (Protocol::Udp, 80),
        (Protocol::Sctp, 80),
    ]);
    (peer(), peer(), port, any::<bool>(), prop::option::of(request())).prop_map(
        |(source, destination, (protocol, port), is_plain, request)| {
            let pods = matches!((&source, &destination), (Peer::Pod(_), Peer::Pod(_)));
            let transport = if is_plain || !pods || protocol != Protocol::Tcp { Transport::Plaintext } else { Transport::Mtls };
            Flow { source, destination, protocol, port, transport, request: request.filter(|_| protocol == Protocol::Tcp) }
        },
    )
}

fn kind(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied => "denied",
        Verdict::Unspecified(_) => "unspecified",
    }
}

/// A class of far ends may be told apart by their own ends: one of its parts that can get through is enough.
#[test]
fn every_part_of_a_class_is_asked_at_its_other_end() {
    let network = |namespace: &'static str, spec: &str| (namespace, format!("networking.k8s.io/v1 NetworkPolicy {spec}"));
    let part = "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: pay}}, podSelector: {matchLabels: {app: a, tier: x}}}";
    let all = "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: pay}}}";
    let shop = |from: &str| {
        network("shop", &format!("{{podSelector: {{}}, policyTypes: [Ingress], ingress: [{{from: [{from}], ports: [{{port: 80}}]}}]}}"))
    };
    for key in ["app: a", "tier: x", "tier: z"] {
        let pay = [
            network("pay", "{podSelector: {}, policyTypes: [Egress]}"),
            network("pay", &format!("{{podSelector: {{matchLabels: {{{key}}}}}, policyTypes: [Egress], egress: [{{}}]}}")),
        ];
        let [left, right] = [format!("{all}, {part}"), part.to_owned()].map(|from| read(&[&pay[..], &[shop(&from)]].concat()).0);
        let (one, two) = (Manifests::new(&left, Names::default()), Manifests::new(&right, Names::default()));
        for namespaces in [vec!["shop".into()], vec!["pay".into(), "shop".into()]] {
            let found = compare(Bench { left: &one, right: &two, worlds: Worlds::both(&Everything), ruled_out: &Everything }, &namespaces);
            assert!(!found.differences.is_empty(), "pods of `pay` with `{key}` reach `shop` on the left alone");
        }
    }
}

/// The same for near ends: pods that are alike to their own end may be told apart by their callers.
#[test]
fn every_part_of_a_class_of_near_ends_is_asked_too() {
    let network = |namespace: &'static str, spec: &str| (namespace, format!("networking.k8s.io/v1 NetworkPolicy {spec}"));
    let pay = |labels: &str| {
        network(
            "pay",
            &format!(
                "{{podSelector: {{}}, policyTypes: [Egress], egress: [{{to: [{{namespaceSelector: {{}}, podSelector: {{matchLabels: {{{labels}}}}}}}]}}]}}"
            ),
        )
    };
    // All pods of `shop` are closed, and those of `app=a, tier=x` open again by a policy of their own.
    let closed = network("shop", "{podSelector: {}, policyTypes: [Ingress]}");
    let own = network("shop", "{podSelector: {matchLabels: {app: a, tier: x}}, policyTypes: [Ingress], ingress: [{}]}");
    let opened = network(
        "shop",
        "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: pay}}}]}]}",
    );
    for labels in ["app: a", "app: b", "tier: x", "tier: z"] {
        let left = read(&[pay(labels), closed.clone(), own.clone(), opened.clone()]).0;
        let right = read(&[pay(labels), closed.clone(), own.clone()]).0;
        let (one, two) = (Manifests::new(&left, Names::default()), Manifests::new(&right, Names::default()));
        let found = compare(Bench { left: &one, right: &two, worlds: Worlds::both(&Everything), ruled_out: &Everything }, &["shop".into()]);
        assert!(!found.differences.is_empty(), "pods of `pay` reach `{labels}` on the left alone");
    }
}

/// Two clusters that differ by one policy: the comparison and brute force agree about whether and where.
#[test]
fn two_clusters_differ_exactly_where_the_comparison_says() {
    let cases = (policies(), mesh_or_network(), any::<(prop::sample::Index, bool)>(), prop::collection::vec(flow(), 150));
    let [different, equal] = [std::cell::Cell::new(0_u32), std::cell::Cell::new(0_u32)];
    let result = runner(600).run(&cases, |(mut policies, other, (at, is_closed), flows)| {
        let at = at.index(policies.len());
        if is_closed {
            // Where both ends are closed, one of them hides much of what changes at the other.
            policies.extend(
                ["shop", "pay"].map(|name| (name, "networking.k8s.io/v1 NetworkPolicy {policyTypes: [Ingress, Egress]}".to_owned())),
            );
        }
        let mut changed = policies.clone();
        changed[at] = other;
        let ((left, text), (right, other)) = (read(&policies), read(&changed));
        let namespaces = ["shop".into(), "pay".into()];
        let (one, two) = (Manifests::new(&left, Names::default()), Manifests::new(&right, Names::default()));
        let found = compare(Bench { left: &one, right: &two, worlds: Worlds::both(&Everything), ruled_out: &Everything }, &namespaces);
        prop_assert!(found.incomplete.is_empty());
        for difference in &found.differences {
            let (before, after) = (decided(&left, &difference.flow), decided(&right, &difference.flow));
            prop_assert_ne!(kind(&before), kind(&after), "no difference: {:?}\n{}\nagainst\n{}", difference, text, other);
        }
        let counter = if found.differences.is_empty() { &equal } else { &different };
        counter.set(counter.get() + 1);
        if found.differences.is_empty() {
            for flow in &flows {
                prop_assert_eq!(
                    kind(&decided(&left, flow)),
                    kind(&decided(&right, flow)),
                    "not found: {:?}\n{}\nagainst\n{}",
                    flow,
                    text,
                    other
                );
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let (different, equal) = (different.get(), equal.get());
    assert!(different.min(equal) * 20 > different + equal, "{different} different, {equal} equal: one of the two is hardly tried");
}

fn mesh_or_network() -> impl Strategy<Value = (&'static str, String)> {
    (select(vec!["shop", "pay"]), prop_oneof![network_policy().boxed(), mesh_policy().boxed()])
}

/// The ends that a comparison asks say together what the whole way says: both are the same cluster.
#[test]
fn the_symbolic_answer_is_the_concrete_one() {
    let result = runner(400).run(&(policies(), prop::collection::vec(flow(), 60)), |(policies, flows)| {
        let (cluster, text) = read(&policies);
        for flow in &flows {
            let ends = ends(&cluster, flow);
            prop_assert_eq!(kind(&ends), kind(&decided(&cluster, flow)), "{:?}\n{}", flow, text);
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// What the two ends of a flow say together.
fn ends(cluster: &Cluster, flow: &Flow) -> Verdict {
    let (source, destination) = (cluster::Endpoint::from(flow.source.clone()), cluster::Endpoint::from(flow.destination.clone()));
    let asked = |near: &cluster::Endpoint, far: &cluster::Endpoint, way: cluster::Way| {
        if !matches!(near.peer, Peer::Pod(_)) {
            return Verdict::Allowed;
        }
        cluster.end(near, way).decide(far, flow.protocol, flow.port, flow.transport, flow.request.as_ref())
    };
    match (asked(&source, &destination, cluster::Way::Egress), asked(&destination, &source, cluster::Way::Ingress)) {
        (Verdict::Denied, _) | (_, Verdict::Denied) => Verdict::Denied,
        (Verdict::Allowed, other) | (other, _) => other,
    }
}
