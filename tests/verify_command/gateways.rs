//! Pods that are gateways, or would be: shown, made by Istio, or only of the labels that a `Gateway` chooses.

use super::{CONFIG, INJECTED_POD, SHOP, assumed, beside, narrower, network, one_pod, wider};
use crate::cli::Place;

/// A gateway of Istio's own kind, and one of the Gateway API.
const GATEWAYS: [&str; 2] = [
    "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: istio-system}\n\
     spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}\n",
    "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: shop}\n\
     spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}\n",
];

/// Pods that would be gateways besides what rules choose them for are taken for none that exist, unless the manifests show one; what pods
/// without such labels show is told as ever.
#[test]
fn pods_that_would_be_gateways_besides_are_assumed_not_to_be() {
    let labels = ["istio: ingressgateway", "gateway.networking.k8s.io/gateway-name: g"];
    for (gateway, label) in GATEWAYS.into_iter().zip(labels) {
        let none = |beside: &str| assumed(SHOP, CONFIG, &format!("{gateway}---\n{beside}"), "no-gateways");
        assert_eq!(none(""), ("open".to_owned(), 0), "{gateway}");
        assert_eq!(none(&one_pod("shop", "tool", INJECTED_POD, "")), ("holds".to_owned(), 0), "{gateway}");
        let relation = |program: &str, theirs: &str| {
            let (told, _) = beside(program, &format!("{gateway}---\n{theirs}"));
            told.split([':', ',']).next().unwrap_or_default().to_owned()
        };
        // One that is there may be a gateway.
        let shown = |annotations: &str| {
            let pod = one_pod("shop", "db", annotations, "");
            pod.replace("labels: {app: db}", &format!("labels: {{app: db, {label}}}"))
        };
        assert_ne!(relation(SHOP, &shown("inject.istio.io/templates: theirs")), "equal", "{gateway}");
        // Before an application stands no gateway, whatever its labels are.
        assert_eq!(relation(SHOP, &shown(INJECTED_POD)), "equal", "{gateway}");
        assert_eq!(relation(SHOP, &wider()), "wider", "{gateway}");
        assert_eq!(relation(SHOP, &narrower()), "narrower", "{gateway}");
        // A policy for pods with that label lets in more, whatever else they have.
        let open = network("open", &format!("{{podSelector: {{matchLabels: {{{label}}}}}, policyTypes: [Ingress], ingress: [{{}}]}}"));
        assert!(["wider", "different", "undecided"].contains(&&*relation(SHOP, &open)), "{gateway}");
        // Whom the program knows by that label is a gateway.
        let named = format!("{SHOP}allow web -> app=db,{}:7000 mtls\n", label.replace(": ", "="));
        assert_ne!(relation(&named, ""), "equal", "{gateway}");
    }
}

/// Labels by which a pod would be a gateway are labels to callers' policies, too: what these let out to it no assumption hides.
#[test]
fn what_leaves_toward_pods_that_would_be_gateways_is_no_less_a_difference() {
    let program = "namespace shop {\n  workload web = app=web account web\n}\nnamespace pay {\n  workload db = app=db account db\n  \
                   allow web@shop -> db:5432\n}\n";
    let place = Place::with(&[("intents/p.intent", program), ("twogate.toml", "[tenancy]\nconsent = \"both\"\n")]);
    assert_eq!(place.run("compile -o manifests").status, 0);
    let out = network(
        "extra",
        "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: \
         {kubernetes.io/metadata.name: pay}}, podSelector: {matchLabels: {version: v1}}}]}]}",
    );
    let gateway = GATEWAYS[0].replace("istio-system", "pay").replace("istio: ingressgateway", "version: v1");
    place.put("beside.yaml", format!("{out}---\n{gateway}").as_bytes());
    let ran = place.run("verify --manifests manifests --manifests beside.yaml");
    assert!(ran.stdout.starts_with("undecided: ") || ran.stdout.starts_with("wider: "), "{}", ran.stdout);
    let ran = place.run("check --alongside beside.yaml");
    assert!(ran.status == 1 && ran.stderr.contains("error[alongside-changes-access]"), "{}", ran.stderr);
}

/// An application may carry the name of a `Gateway`: what a policy of others says of pods with that label is a difference for the
/// application, whatever it is for the gateway.
#[test]
fn pods_that_carry_the_name_of_a_gateway_may_be_applications() {
    let program = "namespace shop {\n  allow internet -> *:8080\n}\n";
    let strict = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: theirs, namespace: shop}\n\
                  spec: {selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: g}}, mtls: {mode: STRICT}}\n";
    let relation = |theirs: &str| beside(program, theirs).0.split(':').next().unwrap_or_default().to_owned();
    assert_eq!(relation(GATEWAYS[1]), "equal");
    assert_eq!(relation(strict), "narrower");
    // A gateway that runs and that a policy of others chooses by another label is one besides.
    let by_other = network("theirs", "{podSelector: {matchLabels: {edge: 'yes'}}, policyTypes: [Ingress], ingress: [{}]}");
    let labels = "labels: {edge: 'yes', gateway.networking.k8s.io/gateway-name: g}";
    let runs = one_pod("shop", "g-istio", "inject.istio.io/templates: theirs", "").replace("labels: {app: g-istio}", labels);
    assert!(runs.contains(labels), "{runs}");
    let (told, _) = beside(program, &format!("{}---\n{by_other}---\n{runs}", GATEWAYS[1]));
    assert!(!told.contains("is a gateway besides"), "nothing is taken for granted of pods like it: {told}");
    assert_eq!(relation(&format!("{}---\n{strict}", GATEWAYS[1])), "undecided");
}

/// The pods that Istio makes for a `Gateway` need not be shown: policies of others that choose them by the labels which they will carry open
/// them, whatever the pods without those labels are.
#[test]
fn pods_that_istio_will_make_for_a_gateway_may_be_chosen_by_their_labels() {
    let program = "namespace shop {\n  workload db = app=db account db\n  allow app=web -> db:5432 mtls\n}\n";
    let gateway = GATEWAYS[1].replace("spec: {", "spec: {infrastructure: {labels: {edge: 'yes'}}, ");
    // Calls without an identity alone, which STRICT keeps from applications and not from gateways.
    let opened = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: theirs, namespace: shop}\n\
                  spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: g}], \
                  rules: [{from: [{source: {notPrincipals: ['*']}}]}]}\n";
    let relation = |label: &str| {
        let spec = format!("{{podSelector: {{matchLabels: {{{label}}}}}, policyTypes: [Ingress], ingress: [{{ports: [{{port: 80}}]}}]}}");
        let (told, _) = beside(program, &format!("{gateway}---\n{opened}---\n{}", network("theirs", &spec)));
        told.split([':', ',']).next().unwrap_or_default().to_owned()
    };
    for label in
        ["edge: 'yes'", "gateway.istio.io/managed: istio.io-gateway-controller", "istio.io/gateway-name: g", "pod-template-hash: abc"]
    {
        assert_eq!(relation(label), "undecided", "{label}");
    }
    // Which label they do not have.
    assert_eq!(relation("team: nobody"), "equal");
}
