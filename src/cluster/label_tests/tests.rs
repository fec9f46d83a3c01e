//! What a cluster says of the labels, headers and claims that it looks at: the lists of them, and the promises of it on random policies.

mod claims;
mod few_claims;
mod generate;
mod near;
mod paths;
mod random;

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::{Cluster, Names, Platform, Way, read};
use crate::diagnostic::{Level, code};
use crate::flow::{Cut, DataPlane, LabelCube, Labels, NAMESPACE_NAME, Peer, Pod, PodTests, Symbol};
use crate::source::{Source, Sources};

use super::super::Endpoint;

/// A cluster from manifests that can all be read; what may mean everything or nothing is left open by it.
fn cluster(platform: Platform, yaml: &str) -> Cluster {
    let mut sources = Sources::default();
    let file = sources.add(Source::new("all.yaml", yaml));
    let (cluster, findings) = read(&sources, &[file], platform);
    let errors: Vec<_> =
        findings.iter().filter(|finding| finding.level == Level::Error && finding.code != code::UNCLEAR_EMPTY_FIELD).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{yaml}");
    cluster
}

/// An object of namespace `shop`.
fn object(version: &str, kind: &str, spec: &str) -> String {
    format!("---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: one, namespace: shop}}\nspec: {spec}\n")
}

fn network(spec: &str) -> String {
    object("networking.k8s.io/v1", "NetworkPolicy", spec)
}

fn istio(kind: &str, spec: &str) -> String {
    object("security.istio.io/v1", kind, spec)
}

fn service(labels: &str, app: &str, port: &str) -> String {
    let metadata = format!("{{name: {app}, namespace: shop, labels: {labels}}}");
    format!("---\napiVersion: v1\nkind: Service\nmetadata: {metadata}\nspec: {{selector: {{app: {app}}}, ports: [{port}]}}\n")
}

const WAYPOINT: &str = "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: w, namespace: shop}\n\
                        spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}\n";

/// The tests of pods of `shop`, in words: of sources, of destinations, of the mesh, of ports, and the others.
fn listed(yaml: &str) -> [Vec<String>; 5] {
    listed_in("shop", yaml)
}

/// A platform on which it is said that Istio lets no waypoints in by itself, which pods choose by their labels.
fn usual() -> Platform {
    Platform { auto_allow_waypoint: Some(false), ..Platform::default() }
}

/// The tests of pods of a namespace.
fn listed_in(namespace: &str, yaml: &str) -> [Vec<String>; 5] {
    let PodTests { sources, destinations, mesh, ports, others, besides: _ } = cluster(usual(), yaml).label_tests().of(namespace);
    [sources, destinations, mesh, ports, others].map(|cubes| cubes.iter().map(LabelCube::to_string).collect())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

/// The network has these tests and nothing else has any.
#[track_caller]
fn network_lists(spec: &str, sources: &[&str], destinations: &[&str]) {
    assert_eq!(listed(&network(spec)), [words(sources), words(destinations), Vec::new(), Vec::new(), Vec::new()], "{spec}");
}

/// The mesh has these tests, and the network none.
#[track_caller]
fn lists(yaml: &str, mesh: &[&str], others: &[&str]) {
    says(yaml, mesh, &[], others);
}

/// The mesh has these tests, those of ports among them.
#[track_caller]
fn says(yaml: &str, mesh: &[&str], ports: &[&str], others: &[&str]) {
    assert_eq!(listed(yaml), [Vec::new(), Vec::new(), words(mesh), words(ports), words(others)], "{yaml}");
}

#[test]
fn the_network_tells_pods_apart_as_subjects_and_as_peers() {
    let peer = "{namespaceSelector: {matchLabels: {team: a}}, podSelector: {matchExpressions: [{key: tier, operator: Exists}]}}";
    let spec = |rules: &str| format!("{{podSelector: {{matchLabels: {{app: db}}}}, {rules}}}");
    let ingress = format!("ingress: [{{from: [{peer}, {{podSelector: {{}}}}]}}]");
    network_lists(&spec(&ingress), &["tier=*"], &["app=db"]);
    let egress = format!("egress: [{{to: [{{ipBlock: {{cidr: 10.0.0.0/8}}}}]}}, {{to: [{}]}}]", peer.replace("tier", "part"));
    network_lists(&spec(&format!("policyTypes: [Egress], {egress}")), &["app=db"], &["part=*"]);
    network_lists(&spec(&format!("{ingress}, {egress}")), &["app=db", "tier=*"], &["app=db", "part=*"]);
    // Rules for a direction that is not isolated say nothing.
    network_lists(&spec(&format!("policyTypes: [Egress], {ingress}")), &["app=db"], &[]);
    network_lists("{podSelector: {}}", &[], &[]);
    network_lists("{podSelector: {matchLabels: {a: x}}, policyTypes: [Egress]}", &["a=x"], &[]);
    // It selects nothing.
    let never = "{podSelector: {matchLabels: {a: x}, matchExpressions: [{key: a, operator: DoesNotExist}]}}";
    network_lists(never, &[], &[]);
}

#[test]
fn policies_that_allow_or_surely_deny_are_alternatives() {
    let policy = |action: &str, rule: &str| {
        istio("AuthorizationPolicy", &format!("{{selector: {{matchLabels: {{app: db}}}}, action: {action}, rules: [{rule}]}}"))
    };
    lists(&policy("ALLOW", "{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}"), &["app=db"], &[]);
    lists(&policy("DENY", "{from: [{source: {namespaces: [dev]}}]}"), &["app=db"], &[]);
    // Whether these match may be left open.
    for rule in [
        "{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}",
        "{from: [{source: {remoteIpBlocks: [10.0.0.0/8]}}]}",
        "{to: [{operation: {hosts: [h]}}]}",
        "{when: [{key: 'request.headers[x]', notValues: ['*']}]}",
    ] {
        lists(&policy("DENY", rule), &[], &["app=db"]);
    }
    lists(
        &policy("DENY", "{to: [{operation: {paths: ['/{*}/a']}}], when: [{key: 'request.headers[x]', notValues: [v]}]}"),
        &["app=db"],
        &[],
    );
    lists(&policy("CUSTOM, provider: {name: p}", "{to: [{operation: {ports: ['80']}}]}"), &[], &["app=db"]);
    // These change no verdict.
    lists(&policy("AUDIT", "{}"), &[], &[]);
    lists(&policy("ALLOW", "{}").replace("namespace: shop}", "namespace: shop, annotations: {istio.io/dry-run: 'true'}}"), &[], &[]);
    let gateway = "{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: front}], rules: [{}]}";
    lists(&istio("AuthorizationPolicy", gateway), &["gateway.networking.k8s.io/gateway-name=front"], &[]);
    lists(&istio("AuthorizationPolicy", "{targetRefs: [{kind: Service, name: db}], rules: [{}]}"), &[], &[]);
}

#[test]
fn a_denial_that_proxies_read_in_two_ways_counts_beside_others() {
    let deny =
        istio("AuthorizationPolicy", "{selector: {matchLabels: {a: x}}, action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]}");
    lists(&deny, &["a=x"], &[]);
    // One port, taken for bytes by one Service and for anything by another.
    let (plain, other) = ("{name: tcp-x, port: 1, targetPort: 80}", "{name: x, port: 1, targetPort: 80}");
    says(&[deny.clone(), service("{}", "one", plain)].concat(), &["a=x"], &["app=one"], &[]);
    says(&[deny.clone(), service("{}", "one", plain), service("{}", "two", other)].concat(), &[], &["app=one", "app=two"], &["a=x"]);
    let elsewhere = other.replace("80", "81");
    says(&[deny.clone(), service("{}", "one", plain), service("{}", "two", &elsewhere)].concat(), &["a=x"], &["app=one"], &[]);
    // Which number the name stands for is not known.
    says(&[deny, service("{}", "one", &plain.replace("80", "web"))].concat(), &[], &["app=one"], &["a=x"]);
}

#[test]
fn what_settles_something_beside_the_rules_is_an_other() {
    let selector = "selector: {matchLabels: {app: db}}";
    lists(&istio("PeerAuthentication", &format!("{{{selector}, mtls: {{mode: STRICT}}}}")), &[], &["app=db"]);
    let root = istio("PeerAuthentication", &format!("{{{selector}, mtls: {{mode: STRICT}}}}")).replace("shop", "istio-system");
    lists(&root, &[], &[]);
    let tokens = istio("RequestAuthentication", &format!("{{{selector}, jwtRules: [{{issuer: i, jwksUri: 'https://i/k'}}]}}"));
    lists(&tokens, &[], &["app=db"]);
    let web = "{name: tcp-x, port: 1}";
    lists(&service("{}", "web", web), &[], &[]);
    // No pod of it has its tokens looked at.
    lists(&[tokens.clone(), service("{}", "web", web)].concat(), &[], &["app=db"]);
    says(&[tokens.clone(), service("{}", "db", web)].concat(), &[], &["app=db"], &["app=db"]);
    lists(&[tokens, service("{}", "db", "{name: http-x, port: 1}")].concat(), &[], &["app=db"]);
}

#[test]
fn a_test_is_of_the_pods_of_its_own_namespace() {
    let peer = |namespaces: &str| format!("{{namespaceSelector: {namespaces}, podSelector: {{matchLabels: {{tier: x}}}}}}");
    let rule = |peer: &str| network(&format!("{{podSelector: {{matchLabels: {{app: db}}}}, ingress: [{{from: [{peer}]}}]}}"));
    let of = |namespace: &str, yaml: &str| listed_in(namespace, yaml).concat();
    let own = rule("{podSelector: {matchLabels: {tier: x}}}");
    assert_eq!((of("shop", &own), of("dev", &own)), (words(&["tier=x", "app=db"]), words(&[])));
    let named = rule(&peer("{matchLabels: {kubernetes.io/metadata.name: dev}}"));
    assert_eq!((of("shop", &named), of("dev", &named)), (words(&["app=db"]), words(&["tier=x"])));
    let several =
        rule(&peer("{matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [dev, qa]}], matchLabels: {a: b}}"));
    assert_eq!((of("shop", &several), of("qa", &several)), (words(&["app=db"]), words(&["tier=x"])));
    for namespaces in
        ["{}", "{matchLabels: {team: t}}", "{matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [shop]}]}"]
    {
        assert_eq!(of("dev", &rule(&peer(namespaces))), words(&["tier=x"]), "{namespaces}");
    }
    let selector = "{selector: {matchLabels: {app: db}}, rules: [{}]}";
    let policy = istio("AuthorizationPolicy", selector);
    assert_eq!((of("shop", &policy), of("dev", &policy)), (words(&["app=db"]), words(&[])));
    assert_eq!(of("dev", &policy.replace("namespace: shop", "namespace: istio-system")), words(&["app=db"]));
    let filter = object("networking.istio.io/v1alpha3", "EnvoyFilter", "{workloadSelector: {labels: {app: web}}}");
    assert_eq!((of("shop", &filter), of("dev", &filter)), (words(&["app=web"]), words(&[])));
    let tls = "{host: web.dev.svc.cluster.local, workloadSelector: {matchLabels: {app: front}}, subsets: [{name: s, labels: {v: x}, trafficPolicy: {tls: {mode: DISABLE}}}]}";
    let rule = object("networking.istio.io/v1", "DestinationRule", tls);
    let both = [rule, service("{}", "web", "{port: 1}"), service("{}", "web", "{port: 1}").replace("shop", "dev")].concat();
    assert_eq!((of("shop", &both), of("dev", &both)), (words(&["app=front"]), words(&["app=web", "v=x"])));
}

#[test]
fn clients_and_pods_that_rules_of_tls_single_out_are_others() {
    let rule = |tls: &str| {
        let subsets = format!("[{{name: s, labels: {{version: v1}}{tls}}}, {{name: t, labels: {{version: v2}}}}]");
        let spec = format!("{{host: web, workloadSelector: {{matchLabels: {{app: front}}}}, subsets: {subsets}}}");
        [object("networking.istio.io/v1", "DestinationRule", &spec), service("{}", "web", "{port: 1}")].concat()
    };
    lists(&rule(""), &[], &[]);
    lists(&rule(", trafficPolicy: {tls: {mode: DISABLE}}"), &[], &["app=front", "app=web", "version=v1"]);
}

#[test]
fn labels_that_name_waypoints_and_gateways_are_others() {
    let labels = ["gateway.networking.k8s.io/gateway-name=*", "istio=*", "istio.io/use-waypoint=*", "istio.io/use-waypoint-namespace=*"];
    let web = service("{}", "web", "{port: 1}");
    lists(&web, &[], &[]);
    let [.., mesh, others] = listed(&[WAYPOINT, &web].concat());
    assert_eq!(mesh, Vec::<String>::new());
    let expected = labels.iter().chain(&["app=web"]).map(ToString::to_string);
    assert_eq!(others.into_iter().collect::<BTreeSet<_>>(), expected.collect());
    let [.., others] = listed(&service("{istio.io/use-waypoint: w}", "web", "{port: 1}"));
    let expected = labels.iter().chain(&["app=web"]).map(ToString::to_string);
    assert_eq!(others.into_iter().collect::<BTreeSet<_>>(), expected.collect());
}

#[test]
fn what_is_not_modelled_is_an_other_by_what_it_says_of_its_pods() {
    let filter = object("networking.istio.io/v1alpha3", "EnvoyFilter", "{workloadSelector: {labels: {app: web}}}");
    lists(&filter, &[], &["app=web"]);
    let entry = "{hosts: [h], ports: [{number: 1, name: x, protocol: TCP}], workloadSelector: {labels: {app: vm}}}";
    lists(&object("networking.istio.io/v1", "ServiceEntry", entry), &[], &["app=vm"]);
    lists(&object("cilium.io/v2", "CiliumNetworkPolicy", "{endpointSelector: {matchLabels: {app: web}}}"), &[], &["app=web"]);
    // It leaves open every flow of its namespace, whatever the labels are.
    lists(&object("cilium.io/v2", "CiliumNetworkPolicy", "{endpointSelector: {matchLabels: {'k8s:app': web}}}"), &[], &[]);
    lists(&object("example.com/v1", "Firewall", "{selector: {app: web}}"), &[], &[]);
}

/// A pod of `shop` with these labels.
fn pod(namespace: &str, labels: &[(&str, &str)], plane: DataPlane) -> Endpoint {
    let namespace_labels = Labels::from([(NAMESPACE_NAME.into(), namespace.into())]);
    let labels = labels.iter().map(|(key, value)| (Symbol::from(*key), Symbol::from(*value))).collect();
    Peer::Pod(Pod { namespace: namespace.into(), namespace_labels, labels, account: "default".into(), plane }).into()
}

/// The headers that settle something at the end of a pod, in words.
fn settling(yaml: &str) -> Vec<String> {
    let cluster = cluster(usual(), yaml);
    let web = pod("shop", &[("app", "web")], DataPlane::Sidecar);
    let cuts = cluster.end(&web, Way::Ingress).cuts(&Names::default());
    let names: BTreeSet<Symbol> = cuts.into_iter().flat_map(|cut| cut.requests.settling_headers).collect();
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn a_header_settles_what_its_absence_does_and_what_counts_beside_others() {
    let policy = |action: &str, values: &str, more: &str| {
        let when = format!("[{{key: 'request.headers[x]', {values}}}, {{key: 'request.headers[y]', values: [v]}}]");
        istio("AuthorizationPolicy", &format!("{{action: {action}, rules: [{{{more}when: {when}}}]}}"))
    };
    let none: [&str; 0] = [];
    assert_eq!(settling(&policy("ALLOW", "values: [v]", "")), none);
    assert_eq!(settling(&policy("ALLOW", "values: [v], notValues: [w]", "")), ["x"]);
    assert_eq!(settling(&policy("ALLOW", "values: ['*']", "")), none);
    assert_eq!(settling(&policy("DENY", "values: [v]", "")), none);
    assert_eq!(settling(&policy("DENY", "notValues: [v]", "")), ["x"]);
    // What is left open by one is told only where another one lets it pass.
    assert_eq!(settling(&policy("DENY", "values: ['*']", "")), ["x", "y"]);
    assert_eq!(settling(&policy("DENY", "values: [v]", "from: [{source: {ipBlocks: [10.0.0.0/8]}}], ")), ["x", "y"]);
    assert_eq!(settling(&policy("CUSTOM, provider: {name: p}", "values: [v]", "")), ["x", "y"]);
    let tokens = istio("RequestAuthentication", "{jwtRules: [{issuer: i, jwksUri: 'https://i/k'}]}");
    assert_eq!(settling(&tokens), ["access-control-request-method", "origin"]);
}

/// Words of claims, by the claim.
type Words = BTreeMap<Symbol, BTreeSet<Symbol>>;

/// Of which values everything may matter: those that some cut has samples of and promises nothing about.
fn settling_claims(cuts: &[Cut]) -> Words {
    let mut all = Words::new();
    for requests in cuts.iter().map(|cut| &cut.requests) {
        for (name, values) in requests.claim_values().into_iter().filter(|(name, _)| !requests.few_claims.contains_key(*name)) {
            let written = requests.written.claims.get(name).into_iter().flatten().flatten();
            all.entry(name.clone()).or_default().extend(values.into_iter().chain(written).cloned());
        }
    }
    all
}

/// A policy about tokens for every pod of `shop`, with more of its rule.
fn issuer(more: &str) -> String {
    istio("RequestAuthentication", &format!("{{jwtRules: [{{issuer: i, jwksUri: 'https://i/k'{more}}}]}}"))
}
