//! Random manifests, pods and questions, made so that several tests hold most pods.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::select;

use super::WAYPOINT;
use crate::cluster::{Endpoint, Facts, NamedPort, NamespaceLabels, Network, Platform};
use crate::flow::{DataPlane, Labels, NAMESPACE_NAME, Peer, Pod, Protocol, Request, Symbol, Token, Transport};

pub(super) type Text = BoxedStrategy<String>;

fn one_of(words: &'static [&'static str]) -> Text {
    select(words).prop_map(str::to_owned).boxed()
}

/// A few, as a YAML list.
fn list(one: Text, sizes: std::ops::Range<usize>) -> Text {
    prop::collection::vec(one, sizes).prop_map(|all| format!("[{}]", all.join(", "))).boxed()
}

/// Whether selectors may hold tests that absence passes. Where they do, they leave little to be taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absence {
    Passes,
    Never,
}

const KEYS: [&str; 4] = ["a", "b", "c", "d"];

/// A selector of Kubernetes, which most pods pass: what several tests hold is where it matters which of them are kept.
fn selector(absence: Absence) -> Text {
    let key = || select(&KEYS[..]);
    let values = prop_oneof![5 => Just("[x]"), 1 => Just("[z]"), 1 => Just("[x, z]")];
    let within = (key(), values).prop_map(|(key, values)| format!("{{key: {key}, operator: In, values: {values}}}"));
    let exists = key().prop_map(|key| format!("{{key: {key}, operator: Exists}}"));
    let not_in = key().prop_map(|key| format!("{{key: {key}, operator: NotIn, values: [z]}}"));
    let not_there = key().prop_map(|key| format!("{{key: {key}, operator: DoesNotExist}}"));
    let test = match absence {
        Absence::Never => prop_oneof![8 => within, 1 => exists].boxed(),
        Absence::Passes => prop_oneof![8 => within, 1 => exists, 1 => not_in, 1 => not_there].boxed(),
    };
    let tests = prop_oneof![1 => list(test.clone(), 0..1), 6 => list(test.clone(), 1..2), 1 => list(test, 2..3)];
    tests.prop_map(|tests| format!("{{matchExpressions: {tests}}}")).boxed()
}

/// Labels of an Istio selector.
fn equalities() -> Text {
    let pair = (select(&KEYS[..]), prop_oneof![5 => Just("x"), 1 => Just("z")]);
    let pairs = prop_oneof![4 => prop::collection::btree_map(pair.0.clone(), pair.1.clone(), 1), 1 => prop::collection::btree_map(pair.0, pair.1, 2)];
    pairs
        .prop_map(|pairs| format!("{{{}}}", pairs.iter().map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>().join(", ")))
        .boxed()
}

fn network_policy(absence: Absence) -> Text {
    let peer = prop_oneof![
        2 => selector(absence).prop_map(|pods| format!("{{podSelector: {pods}}}")),
        3 => selector(absence).prop_map(|pods| format!("{{namespaceSelector: {{}}, podSelector: {pods}}}")),
        2 => selector(absence).prop_map(|pods| format!("{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: dev}}}}, podSelector: {pods}}}")),
        1 => selector(absence).prop_map(|pods| format!("{{namespaceSelector: {{matchLabels: {{team: t}}}}, podSelector: {pods}}}")),
        1 => selector(absence).prop_map(|pods| format!("{{namespaceSelector: {{matchExpressions: [{{key: team, operator: NotIn, values: [t]}}]}}, podSelector: {pods}}}")),
        1 => Just("{ipBlock: {cidr: 10.0.0.0/8}}".to_owned()),
    ];
    let ports = prop_oneof![
        6 => Just("[]".to_owned()),
        3 => one_of(&["[{port: 80}]", "[{port: 8080}]", "[{port: 8000, endPort: 8100}]", "[{port: web}]", "[{port: 15008}]", "[{protocol: SCTP}]"]),
    ];
    let rules = |key: &'static str| {
        let rule =
            (list(peer.clone().boxed(), 0..3), ports.clone()).prop_map(move |(peers, ports)| format!("{{{key}: {peers}, ports: {ports}}}"));
        list(rule.boxed(), 0..3)
    };
    let types = one_of(&["[Ingress]", "[Egress]", "[Ingress, Egress]"]);
    (selector(absence), types, rules("from"), rules("to"))
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
        "{key: 'request.headers[i]', notValues: [v]}",
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
        "",
        "",
        "",
        "",
        "",
        "",
        "to: [{operation: {ports: ['80']}}], ",
        "to: [{operation: {methods: [GET]}}], ",
        "to: [{operation: {notMethods: [GET]}}], ",
        "to: [{operation: {hosts: [h]}}], ",
        "to: [{operation: {paths: ['/a*']}}], ",
    ]);
    let from = one_of(sources).prop_map(|source| if source.is_empty() { source } else { format!("from: [{{source: {{{source}}}}}], ") });
    let when = prop_oneof![3 => list(condition(), 0..1), 4 => list(condition(), 1..2), 1 => list(condition(), 2..3)];
    let rule = (from, to, when).prop_map(|(from, to, when)| format!("{{{from}{to}when: {when}}}"));
    let bound = prop_oneof![
        12 => equalities().prop_map(|labels| format!("selector: {{matchLabels: {labels}}}, ")),
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

fn others(absence: Absence) -> Text {
    let peers = (prop::option::weighted(0.8, equalities()), one_of(&["STRICT", "PERMISSIVE", "DISABLE"])).prop_map(|(labels, mode)| {
        let bound = labels.map(|labels| format!("selector: {{matchLabels: {labels}}}, ")).unwrap_or_default();
        object("security.istio.io/v1", "PeerAuthentication", "shop", "", &format!("{{{bound}mtls: {{mode: {mode}}}}}"))
    });
    let bound = prop_oneof![
        6 => equalities().prop_map(|labels| format!("selector: {{matchLabels: {labels}}}")),
        1 => Just("targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: w}]".to_owned()),
    ];
    let tokens = (bound, one_of(&["i", "k"])).prop_map(|(bound, issuer)| {
        let spec = format!("{{{bound}, jwtRules: [{{issuer: {issuer}, jwksUri: 'https://i/k'}}]}}");
        object("security.istio.io/v1", "RequestAuthentication", "shop", "", &spec)
    });
    let service =
        (equalities(), one_of(&["tcp-x", "tcp-x", "http-x", "x"]), one_of(&["80", "80", "8080", "web"]), prop::bool::weighted(0.2));
    let service = service.prop_map(|(labels, name, target, is_bound)| {
        let metadata = if is_bound { ", labels: {istio.io/use-waypoint: w}" } else { "" };
        let spec = format!("{{selector: {labels}, ports: [{{name: {name}, port: 1, targetPort: {target}}}]}}");
        object("v1", "Service", "shop", metadata, &spec)
    });
    let filter = equalities().prop_map(|labels| {
        object("networking.istio.io/v1alpha3", "EnvoyFilter", "shop", "", &format!("{{workloadSelector: {{labels: {labels}}}}}"))
    });
    let listener = equalities().prop_map(|labels| {
        let spec = format!("{{selector: {labels}, servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ['*']}}]}}");
        object("networking.istio.io/v1", "Gateway", "shop", "", &spec)
    });
    let cilium = selector(absence)
        .prop_map(|pods| object("cilium.io/v2", "CiliumNetworkPolicy", "shop", "", &format!("{{endpointSelector: {pods}}}")));
    let baseline = selector(absence).prop_map(|pods| {
        let spec = format!("{{subject: {{pods: {{namespaceSelector: {{}}, podSelector: {pods}}}}}}}");
        object("policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy", "", "", &spec)
    });
    prop_oneof![
        3 => peers, 2 => tokens, 4 => service, 1 => filter, 1 => listener, 1 => cilium, 1 => baseline, 2 => waypoint(),
    ]
    .boxed()
}

/// A waypoint, for calls of Services or of pods, in one of two namespaces.
fn waypoint() -> Text {
    let serves = one_of(&["service", "all", "all", "workload"]);
    (serves, one_of(&["shop", "shop", "dev"]))
        .prop_map(|(serves, namespace)| {
            let metadata = format!("{{name: w, namespace: {namespace}, labels: {{istio.io/waypoint-for: {serves}}}}}");
            WAYPOINT.replace("{name: w, namespace: shop}", &metadata)
        })
        .boxed()
}

/// The namespace of an object, if it is a waypoint.
fn waypoint_namespace(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("{name: w, namespace: ")?;
    rest.split(',').next().map(str::to_owned)
}

/// An object whose name stands for itself until all are there.
pub(super) fn object(version: &str, kind: &str, namespace: &str, metadata: &str, spec: &str) -> String {
    let namespace = if namespace.is_empty() { String::new() } else { format!(", namespace: {namespace}") };
    format!("---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: NAME{namespace}{metadata}}}\nspec: {spec}\n")
}

/// Manifests; most hold few objects of the mesh's other kinds, so that labels are left to be taken away.
pub(super) fn manifests() -> Text {
    prop_oneof![4 => manifests_with(Absence::Never), 1 => manifests_with(Absence::Passes)].boxed()
}

/// The namespaces of objects and pods, the first of them most often.
const NAMESPACES: [&str; 4] = ["shop", "shop", "shop", "dev"];

/// The same object in one of the namespaces.
fn anywhere(text: Text) -> Text {
    (text, select(&NAMESPACES[..]))
        .prop_map(|(text, namespace)| text.replace("namespace: shop", &format!("namespace: {namespace}")))
        .boxed()
}

/// What a namespace closes for all of its pods, so that others must open it.
fn defaults() -> Text {
    let closed = object("networking.k8s.io/v1", "NetworkPolicy", "shop", "", "{podSelector: {}, policyTypes: [Ingress, Egress]}");
    let nobody = object("security.istio.io/v1", "AuthorizationPolicy", "shop", "", "{}");
    let strict = object("security.istio.io/v1", "PeerAuthentication", "shop", "", "{mtls: {mode: STRICT}}");
    let maybe = |text: String| prop_oneof![Just(String::new()), Just(text)];
    (maybe(closed), maybe(nobody), maybe(strict))
        .prop_map(|(closed, nobody, strict)| [closed, nobody, strict].concat().replace("NAME", "all"))
        .boxed()
}

fn manifests_with(absence: Absence) -> Text {
    let of = |one: Text, sizes: std::ops::Range<usize>| prop::collection::vec(one, sizes);
    let other = prop_oneof![2 => of(anywhere(others(absence)), 0..1), 3 => of(anywhere(others(absence)), 1..4)];
    (anywhere(defaults()), of(anywhere(network_policy(absence)), 0..4), of(anywhere(authorizations()), 0..6), other)
        .prop_map(|(defaults, network, mesh, others)| {
            let mut waypoints = BTreeSet::new();
            let all = network.into_iter().chain(mesh).chain(others).enumerate().map(|(at, text)| text.replace("NAME", &format!("n{at}")));
            // One waypoint of a namespace is enough.
            let all = all.filter(|text| waypoint_namespace(text).is_none_or(|namespace| waypoints.insert(namespace)));
            std::iter::once(defaults).chain(all).collect()
        })
        .boxed()
}

pub(super) fn platforms() -> impl Strategy<Value = Platform> {
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

/// The labels that pods carry, with values of which some are those that manifests name.
pub(super) const LABELS: [(&str, &[&str]); 7] = [
    ("a", &["x", "z"]),
    ("b", &["x", "z"]),
    ("c", &["x", "z"]),
    ("d", &["x", "z"]),
    ("gateway.networking.k8s.io/gateway-name", &["w", "v"]),
    ("istio.io/use-waypoint", &["w", "none", "v"]),
    ("istio.io/use-waypoint-namespace", &["shop", "dev"]),
];

pub(super) fn pods() -> impl Strategy<Value = Endpoint> {
    let value = || prop_oneof![1 => Just(None), 8 => Just(Some("x")), 1 => Just(Some("z"))];
    let rare = |values: &'static [&'static str]| prop::option::weighted(0.1, select(values));
    let labels = (value(), value(), value(), value(), rare(&["w", "v"]), rare(&["w", "w", "none", "v"]), rare(&["shop", "dev"]));
    let planes = prop_oneof![1 => Just(DataPlane::None), 5 => Just(DataPlane::Sidecar), 2 => Just(DataPlane::Ambient)];
    let known = prop::bool::weighted(0.8);
    let facts = (prop::option::of(select(vec![80, 81])), known, prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    (labels, select(&["shop", "shop", "dev"][..]), planes, facts).prop_map(
        |((a, b, c, d, gateway, waypoint, of), namespace, plane, (web, is_described, is_host, is_bound))| {
            let pairs = LABELS.into_iter().map(|(key, _)| key).zip([a, b, c, d, gateway, waypoint, of]);
            let labels = pairs.filter_map(|(key, value)| Some((Symbol::from(key), Symbol::from(value?)))).collect();
            let mut namespace_labels = Labels::from([(NAMESPACE_NAME.into(), namespace.into()), ("team".into(), "t".into())]);
            namespace_labels.extend(is_bound.then(|| ("istio.io/use-waypoint".into(), "w".into())));
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
        },
    )
}

/// What is asked of an end about another one.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) protocol: Protocol,
    pub(super) port: u16,
    pub(super) transport: Transport,
    pub(super) request: Option<Request>,
}

pub(super) fn asked() -> impl Strategy<Value = Asked> {
    let protocol = prop_oneof![18 => Just(Protocol::Tcp), 1 => Just(Protocol::Udp), 1 => Just(Protocol::Sctp)];
    let value = || prop_oneof![2 => Just(None), 6 => Just(Some("v")), 1 => Just(Some("w")), 1 => Just(Some(""))];
    let issued = |issuer: &str| Token::Valid { issuer: issuer.into(), claims: BTreeMap::default() };
    let tokens = select(vec![Token::None, Token::Unverified, issued("i"), issued("k")]);
    let words = (select(&["GET", "OPTIONS"][..]), select(&["/a", "/b"][..]), select(&["h", "g"][..]));
    let request = (words, [value(), value(), value(), value(), value()], tokens).prop_map(|((method, path, host), values, token)| {
        let names = ["h", "i", "j", "origin", "access-control-request-method"];
        let headers = names.into_iter().zip(values).filter_map(|(name, value)| Some((Symbol::from(name), Symbol::from(value?)))).collect();
        Request { method: method.into(), path: path.into(), host: host.into(), headers, token }
    });
    let transport = select(vec![Transport::Mtls, Transport::Plaintext]);
    (protocol, prop_oneof![6 => Just(80), 1 => Just(8080), 1 => Just(15008)], transport, prop::option::weighted(0.85, request))
        .prop_map(|(protocol, port, transport, request)| Asked { protocol, port, transport, request })
}
