//! The promises about labels and headers, on random policies: every choice of what may be taken away is tried.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed};

use super::{WAYPOINT, cluster};
use crate::cluster::{Cluster, Endpoint, Facts, NamedPort, Names, NamespaceLabels, Network, Platform, Way};
use crate::flow::{
    DataPlane, LabelCube, LabelTests, Labels, NAMESPACE_NAME, Peer, Pod, Protocol, Request, Symbol, Token, Transport, Values, Verdict,
};

/// The same policies on each run, unless `PROPTEST_RNG_SEED` says otherwise; `PROPTEST_CASES` asks for more.
fn config() -> Config {
    let given = Config::default();
    let rng_seed = if given.rng_seed == RngSeed::Random { RngSeed::Fixed(1) } else { given.rng_seed };
    Config { rng_seed, failure_persistence: None, max_shrink_iters: 20_000, ..given }
}

type Text = BoxedStrategy<String>;

fn one_of(words: &'static [&'static str]) -> Text {
    select(words).prop_map(str::to_owned).boxed()
}

/// A few, as a YAML list.
fn list(one: Text, sizes: std::ops::Range<usize>) -> Text {
    prop::collection::vec(one, sizes).prop_map(|all| format!("[{}]", all.join(", "))).boxed()
}

/// A selector of Kubernetes. Tests that absence passes are rare, as they leave nothing to be taken away.
fn selector() -> Text {
    let key = || select(&["a", "b", "c", "d"][..]);
    let test = prop_oneof![
        20 => (key(), select(&["[x]", "[z]", "[x, z]"][..])).prop_map(|(key, values)| format!("{{key: {key}, operator: In, values: {values}}}")),
        4 => key().prop_map(|key| format!("{{key: {key}, operator: Exists}}")),
        1 => key().prop_map(|key| format!("{{key: {key}, operator: NotIn, values: [x]}}")),
        1 => key().prop_map(|key| format!("{{key: {key}, operator: DoesNotExist}}")),
    ];
    list(test.boxed(), 0..3).prop_map(|tests| format!("{{matchExpressions: {tests}}}")).boxed()
}

/// Labels of an Istio selector.
fn equalities(least: usize) -> Text {
    let pair = (select(&["a", "b", "c", "d"][..]), select(&["x", "z"][..]));
    let pairs = prop::collection::btree_map(pair.0, pair.1, least..3);
    pairs
        .prop_map(|pairs| format!("{{{}}}", pairs.iter().map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>().join(", ")))
        .boxed()
}

fn network_policy() -> Text {
    let peer = prop_oneof![
        4 => selector().prop_map(|pods| format!("{{podSelector: {pods}}}")),
        4 => selector().prop_map(|pods| format!("{{namespaceSelector: {{}}, podSelector: {pods}}}")),
        1 => selector().prop_map(|pods| format!("{{namespaceSelector: {{matchLabels: {{team: t}}}}, podSelector: {pods}}}")),
        1 => Just("{ipBlock: {cidr: 10.0.0.0/8}}".to_owned()),
    ];
    let ports = one_of(&[
        "[]",
        "[]",
        "[]",
        "[{port: 80}]",
        "[{port: 8080}]",
        "[{port: 8000, endPort: 8100}]",
        "[{port: web}]",
        "[{port: 15008}]",
        "[{protocol: SCTP}]",
    ]);
    let rules = |key: &'static str| {
        let rule =
            (list(peer.clone().boxed(), 0..3), ports.clone()).prop_map(move |(peers, ports)| format!("{{{key}: {peers}, ports: {ports}}}"));
        list(rule.boxed(), 0..3)
    };
    let types = one_of(&["[Ingress]", "[Egress]", "[Ingress, Egress]"]);
    (selector(), types, rules("from"), rules("to"))
        .prop_map(|(pods, types, ingress, egress)| {
            let spec = format!("{{podSelector: {pods}, policyTypes: {types}, ingress: {ingress}, egress: {egress}}}");
            object("networking.k8s.io/v1", "NetworkPolicy", "shop", "", &spec)
        })
        .boxed()
}

fn condition() -> Text {
    one_of(&[
        "{key: 'request.headers[h]', values: [v]}",
        "{key: 'request.headers[h]', values: ['*']}",
        "{key: 'request.headers[h]', notValues: [v]}",
        "{key: 'request.headers[i]', values: [v]}",
        "{key: 'request.headers[i]', values: ['v*']}",
        "{key: 'request.headers[j]', values: [v]}",
        "{key: 'request.headers[origin]', values: [v]}",
        "{key: connection.sni, values: [s]}",
    ])
}

/// Policies of an action. An authorizer is asked before identities and tokens are known, so it cannot ask for them.
fn authorization(actions: &'static [&'static str], sources: &'static [&'static str]) -> Text {
    let to = one_of(&[
        "",
        "",
        "to: [{operation: {ports: ['80']}}], ",
        "to: [{operation: {methods: [GET]}}], ",
        "to: [{operation: {notMethods: [GET]}}], ",
        "to: [{operation: {hosts: [h]}}], ",
        "to: [{operation: {paths: ['/a*']}}], ",
    ]);
    let from = one_of(sources).prop_map(|source| if source.is_empty() { source } else { format!("from: [{{source: {{{source}}}}}], ") });
    let rule = (from, to, list(condition(), 0..3)).prop_map(|(from, to, when)| format!("{{{from}{to}when: {when}}}"));
    let bound = prop_oneof![
        6 => equalities(1).prop_map(|labels| format!("selector: {{matchLabels: {labels}}}, ")),
        2 => Just(String::new()),
        1 => Just("selector: {}, ".to_owned()),
        1 => Just("targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: w}], ".to_owned()),
    ];
    let namespace = one_of(&["shop", "shop", "istio-system"]);
    let dry = prop::bool::weighted(0.1);
    (namespace, bound, one_of(actions), list(rule.boxed(), 1..3), dry)
        .prop_map(|(namespace, bound, action, rules, dry)| {
            let is_dry = dry && (action == "ALLOW" || action == "DENY");
            let annotations = if is_dry { ", annotations: {istio.io/dry-run: 'true'}" } else { "" };
            let spec = format!("{{{bound}action: {action}, rules: {rules}}}");
            object("security.istio.io/v1", "AuthorizationPolicy", &namespace, annotations, &spec)
        })
        .boxed()
}

fn authorizations() -> Text {
    const SOURCES: &[&str] = &[
        "",
        "",
        "namespaces: [shop]",
        "namespaces: [dev]",
        "notNamespaces: [dev]",
        "ipBlocks: [10.0.0.0/8]",
        "requestPrincipals: ['i/*']",
        "notRequestPrincipals: ['*']",
    ];
    let own = authorization(&["ALLOW", "ALLOW", "ALLOW", "DENY", "DENY", "AUDIT"], SOURCES);
    let custom = authorization(&["CUSTOM, provider: {name: p}"], &["", "notIpBlocks: [10.0.0.0/8]"]);
    prop_oneof![7 => own, 1 => custom].boxed()
}

fn others() -> Text {
    let peers = (prop::option::weighted(0.8, equalities(1)), one_of(&["STRICT", "PERMISSIVE", "DISABLE"])).prop_map(|(labels, mode)| {
        let bound = labels.map(|labels| format!("selector: {{matchLabels: {labels}}}, ")).unwrap_or_default();
        object("security.istio.io/v1", "PeerAuthentication", "shop", "", &format!("{{{bound}mtls: {{mode: {mode}}}}}"))
    });
    let tokens = (equalities(1), one_of(&["i", "k"])).prop_map(|(labels, issuer)| {
        let spec = format!("{{selector: {{matchLabels: {labels}}}, jwtRules: [{{issuer: {issuer}, jwksUri: 'https://i/k'}}]}}");
        object("security.istio.io/v1", "RequestAuthentication", "shop", "", &spec)
    });
    let service =
        (equalities(1), one_of(&["tcp-x", "tcp-x", "http-x", "x"]), one_of(&["80", "80", "8080", "web"]), prop::bool::weighted(0.2));
    let service = service.prop_map(|(labels, name, target, is_bound)| {
        let metadata = if is_bound { ", labels: {istio.io/use-waypoint: w}" } else { "" };
        let spec = format!("{{selector: {labels}, ports: [{{name: {name}, port: 1, targetPort: {target}}}]}}");
        object("v1", "Service", "shop", metadata, &spec)
    });
    let filter = equalities(1).prop_map(|labels| {
        object("networking.istio.io/v1alpha3", "EnvoyFilter", "shop", "", &format!("{{workloadSelector: {{labels: {labels}}}}}"))
    });
    let cilium =
        selector().prop_map(|pods| object("cilium.io/v2", "CiliumNetworkPolicy", "shop", "", &format!("{{endpointSelector: {pods}}}")));
    let baseline = selector().prop_map(|pods| {
        let spec = format!("{{subject: {{pods: {{namespaceSelector: {{}}, podSelector: {pods}}}}}}}");
        object("policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy", "", "", &spec)
    });
    prop_oneof![
        3 => peers, 2 => tokens, 4 => service, 1 => filter, 1 => cilium, 1 => baseline, 2 => Just(WAYPOINT.to_owned()),
    ]
    .boxed()
}

/// An object whose name stands for itself until all are there.
fn object(version: &str, kind: &str, namespace: &str, metadata: &str, spec: &str) -> String {
    let namespace = if namespace.is_empty() { String::new() } else { format!(", namespace: {namespace}") };
    format!("---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: NAME{namespace}{metadata}}}\nspec: {spec}\n")
}

/// Manifests; most hold few objects of the mesh's other kinds, so that labels are left to be taken away.
fn manifests() -> Text {
    let of = |one: Text, sizes: std::ops::Range<usize>| prop::collection::vec(one, sizes);
    let other = prop_oneof![2 => of(others(), 0..1), 3 => of(others(), 1..4)];
    (of(network_policy(), 0..4), of(authorizations(), 0..5), other)
        .prop_map(|(network, mesh, others)| {
            let mut has_waypoint = false;
            let all = network.into_iter().chain(mesh).chain(others).enumerate().map(|(at, text)| {
                let is_twin = text == WAYPOINT && std::mem::replace(&mut has_waypoint, true);
                if is_twin { String::new() } else { text.replace("NAME", &format!("n{at}")) }
            });
            all.collect()
        })
        .boxed()
}

fn platforms() -> impl Strategy<Value = Platform> {
    let said = || prop_oneof![Just(None), Just(Some(true)), Just(Some(false))];
    let istio = select(vec![(1, 20, 0), (1, 25, 0), (1, 30, 0)]);
    ([said(), said(), said(), said(), said(), said()], istio).prop_map(
        |([end_port, named_ports, sctp, blocks, waypoints, hbone], istio)| Platform {
            end_port,
            named_ports,
            sctp,
            ipblock_matches_pods: blocks,
            auto_allow_waypoint: waypoints,
            hbone_from_sidecars: hbone,
            istio,
            ..Platform::default()
        },
    )
}

fn pods() -> impl Strategy<Value = Endpoint> {
    let value = || prop_oneof![1 => Just(None), 2 => Just(Some("x")), 2 => Just(Some("z"))];
    let rare = |value: &'static str| prop::option::weighted(0.15, Just(value));
    let labels = (value(), value(), value(), value(), rare("w"), rare("w"));
    let planes = select(vec![DataPlane::None, DataPlane::Sidecar, DataPlane::Sidecar, DataPlane::Ambient]);
    let known = prop::bool::weighted(0.8);
    (labels, select(&["shop", "shop", "dev"][..]), planes, prop::option::of(select(vec![80, 81])), known, prop::bool::weighted(0.1))
        .prop_map(|((a, b, c, d, gateway, waypoint), namespace, plane, web, is_described, is_host)| {
            let keys = ["a", "b", "c", "d", "gateway.networking.k8s.io/gateway-name", "istio.io/use-waypoint"];
            let pairs = keys.into_iter().zip([a, b, c, d, gateway, waypoint]);
            let labels = pairs.filter_map(|(key, value)| Some((Symbol::from(key), Symbol::from(value?)))).collect();
            let namespace_labels = Labels::from([(NAMESPACE_NAME.into(), namespace.into()), ("team".into(), "t".into())]);
            let ports = web.map(|number| vec![NamedPort { name: "web".into(), protocol: Protocol::Tcp, number }]);
            let facts = Facts {
                ports,
                namespace: if is_described { NamespaceLabels::Known } else { NamespaceLabels::NameOnly },
                network: if is_host { Network::Host } else { Network::Own },
                ..Facts::default()
            };
            Endpoint {
                peer: Peer::Pod(Pod { namespace: namespace.into(), namespace_labels, labels, account: "default".into(), plane }),
                facts,
            }
        })
}

/// What is asked of an end about another one.
#[derive(Debug, Clone)]
struct Asked {
    protocol: Protocol,
    port: u16,
    transport: Transport,
    request: Option<Request>,
}

fn asked() -> impl Strategy<Value = Asked> {
    let protocol = select(vec![Protocol::Tcp, Protocol::Tcp, Protocol::Tcp, Protocol::Tcp, Protocol::Udp, Protocol::Sctp]);
    let value = || prop_oneof![2 => Just(None), 6 => Just(Some("v")), 1 => Just(Some("w")), 1 => Just(Some(""))];
    let issued = |issuer: &str| Token::Valid { issuer: issuer.into(), claims: std::collections::BTreeMap::default() };
    let tokens = select(vec![Token::None, Token::Unverified, issued("i"), issued("k")]);
    let words = (select(&["GET", "OPTIONS"][..]), select(&["/a", "/b"][..]), select(&["h", "g"][..]));
    let request = (words, [value(), value(), value(), value(), value()], tokens).prop_map(|((method, path, host), values, token)| {
        let names = ["h", "i", "j", "origin", "access-control-request-method"];
        let headers = names.into_iter().zip(values).filter_map(|(name, value)| Some((Symbol::from(name), Symbol::from(value?)))).collect();
        Request { method: method.into(), path: path.into(), host: host.into(), headers, token }
    });
    let transport = select(vec![Transport::Mtls, Transport::Plaintext]);
    (protocol, select(vec![80, 80, 8080, 15008]), transport, prop::option::weighted(0.7, request))
        .prop_map(|(protocol, port, transport, request)| Asked { protocol, port, transport, request })
}

/// An answer without its reason.
fn kind(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Allowed => 0,
        Verdict::Denied => 1,
        Verdict::Unspecified(_) => 2,
    }
}

fn labels(end: &Endpoint) -> &Labels {
    let Peer::Pod(pod) = &end.peer else { panic!("it is a pod") };
    &pod.labels
}

fn only(end: &Endpoint, kept: impl Fn(&Symbol) -> bool) -> Endpoint {
    let mut end = end.clone();
    let Peer::Pod(pod) = &mut end.peer else { panic!("it is a pod") };
    pod.labels.retain(|key, _| kept(key));
    end
}

/// A pod with each choice of its labels that may be taken away, by the bits of those that are left.
struct Reduced {
    free: Vec<Symbol>,
    ends: Vec<Endpoint>,
    /// The bits of the tests that hold it, each once.
    tests: BTreeSet<usize>,
}

impl Reduced {
    fn new(end: &Endpoint, tests: &LabelTests) -> Self {
        let passes_absent = |(key, values): (&Symbol, &Values)| values.allows_absent().then(|| Symbol::clone(key));
        let kept: BTreeSet<Symbol> = tests.others.iter().flat_map(LabelCube::iter).map(|(key, _)| Symbol::clone(key)).collect();
        let kept: BTreeSet<Symbol> =
            kept.into_iter().chain(tests.rules.iter().flat_map(LabelCube::iter).filter_map(passes_absent)).collect();
        let free: Vec<Symbol> = labels(end).keys().filter(|key| !kept.contains(*key)).cloned().collect();
        let bit = |key: &Symbol| free.iter().position(|own| own == key);
        let ends = (0..1_usize << free.len()).map(|mask| only(end, |key| bit(key).is_none_or(|bit| mask >> bit & 1 == 1))).collect();
        let holding = tests.rules.iter().filter(|cube| cube.contains(labels(end)));
        let tests = holding.map(|cube| cube.iter().filter_map(|(key, _)| bit(key)).fold(0, |mask, bit| mask | 1 << bit)).collect();
        Self { free, ends, tests }
    }

    /// What may have to be kept: the keys of at most so many tests.
    fn choices(&self, most: usize) -> BTreeSet<usize> {
        let grow =
            |all: BTreeSet<usize>, _| all.iter().flat_map(|own| self.tests.iter().map(move |test| own | test)).chain(all.clone()).collect();
        (0..most).fold(BTreeSet::from([0]), grow)
    }
}

/// Whether one choice of what is kept leaves an answer as it is, whatever else is taken away: every other pod is tried.
fn is_kept(cluster: &Cluster, way: Way, [near, far]: [&Reduced; 2], asked: &Asked) -> bool {
    let answers: Vec<Vec<u8>> = near
        .ends
        .iter()
        .map(|near| {
            let end = cluster.end(near, way);
            let ask = |far: &Endpoint| kind(&end.decide(far, asked.protocol, asked.port, asked.transport, asked.request.as_ref()));
            far.ends.iter().map(ask).collect()
        })
        .collect();
    let whole = answers[near.ends.len() - 1][far.ends.len() - 1];
    let near_choices = near.choices(if whole == 1 { 1 } else { 2 });
    let far_choices = far.choices(1);
    let above = |mask: usize, all: usize| (0..all).filter(move |other| other & mask == mask);
    let stays = |own: usize, other: usize| {
        above(own, near.ends.len()).all(|own| above(other, far.ends.len()).all(|other| answers[own][other] == whole))
    };
    near_choices.iter().any(|own| far_choices.iter().any(|other| stays(*own, *other)))
}

/// Whether an answer needs the headers that settle something and those of one cut at most, whatever else is taken away.
fn needs_one_cut(cluster: &Cluster, near: &Endpoint, far: &Endpoint, asked: &Asked) -> bool {
    let Some(request) = &asked.request else { return true };
    let end = cluster.end(near, Way::Ingress);
    let names = Names { namespaces: BTreeSet::from(["shop".into(), "dev".into()]), accounts: BTreeSet::default() };
    let cuts = end.cuts(&names);
    let settling: BTreeSet<&Symbol> = cuts.iter().flat_map(|cut| &cut.requests.settling_headers).collect();
    let free: Vec<&Symbol> = request.headers.keys().filter(|name| !settling.contains(name)).collect();
    let answer = |mask: usize| {
        let mut request = request.clone();
        request.headers.retain(|name, _| free.iter().position(|own| *own == name).is_none_or(|bit| mask >> bit & 1 == 1));
        kind(&end.decide(far, asked.protocol, asked.port, asked.transport, Some(&request)))
    };
    let answers: Vec<u8> = (0..1_usize << free.len()).map(answer).collect();
    let whole = answers[answers.len() - 1];
    let of = |named: &dyn Fn(&Symbol) -> bool| (0..free.len()).filter(|bit| named(free[*bit])).fold(0, |mask, bit| mask | 1 << bit);
    let choices = cuts.iter().map(|cut| of(&|name| cut.requests.headers.contains_key(name))).chain([0]);
    let stays = |mask: usize| (0..answers.len()).filter(|other| other & mask == mask).all(|other| answers[other] == whole);
    choices.into_iter().any(stays)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_answer_needs_the_labels_of_few_tests(
        yaml in manifests(), platform in platforms(), ends in prop::collection::vec((pods(), pods(), asked()), 6),
    ) {
        let cluster = cluster(platform, &yaml);
        let tests = cluster.label_tests();
        for (near, far, asked) in &ends {
            let [own, other] = [near, far].map(|end| Reduced::new(end, &tests));
            for way in [Way::Ingress, Way::Egress] {
                let stays = is_kept(&cluster, way, [&own, &other], asked);
                prop_assert!(stays, "{:?}: {:#?}\nfar {:#?}\n{:?}\nfree {:?} {:?}\n{}", way, near, far, asked, own.free, other.free, yaml);
            }
        }
    }

    #[test]
    fn an_answer_needs_the_headers_of_one_cut(
        yaml in manifests(), platform in platforms(), ends in prop::collection::vec((pods(), pods(), asked()), 6),
    ) {
        let cluster = cluster(platform, &yaml);
        for (near, far, asked) in &ends {
            prop_assert!(needs_one_cut(&cluster, near, far, asked), "{:#?}\nfar {:#?}\n{:#?}\n{}", near, far, asked, yaml);
        }
    }
}
