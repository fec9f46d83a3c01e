//! What the API server refuses in a `NetworkPolicy` (`semantics.md` §1.9), each at its place.

use super::{findings, lets_in, platform, policy, read_on};

/// The finding's place as the text there, and what it names.
#[track_caller]
fn refused(yaml: &str, at: &str, names: &str) {
    let found = findings(yaml);
    assert_eq!(found.len(), 1, "{yaml}\n{found:#?}");
    assert!(found[0].starts_with(&format!("invalid-manifest at `{at}")), "{}", found[0]);
    assert!(found[0].contains(names), "{}", found[0]);
}

/// A policy in block form, so that places can be told apart.
fn block(spec: &str) -> String {
    format!("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: p\n  namespace: shop\nspec:\n{spec}")
}

#[test]
fn selectors() {
    let of = |selector: &str| block(&format!("  podSelector:\n{selector}"));
    refused(&of("    matchLabels:\n      app: 5\n"), "5", "`spec.podSelector.matchLabels.app`");
    refused(&of("    matchLabels:\n      -app: web\n"), "web", "`spec.podSelector.matchLabels.-app`");
    refused(&of("    matchLabels:\n      app: -web\n"), "-web", "`spec.podSelector.matchLabels.app`");
    refused(&of("    matchLabels:\n      a/b/c: web\n"), "web", "a/b/c");
    refused(&of(&format!("    matchLabels:\n      app: {}\n", "a".repeat(64))), "aaa", "matchLabels.app");
    refused(&of("    matchExpressions:\n    - key: app\n      operator: Gt\n      values: [a]\n"), "Gt", "matchExpressions[0].operator");
    refused(&of("    matchExpressions:\n    - key: app\n      operator: In\n"), "key: app", "matchExpressions[0].values");
    refused(&of("    matchExpressions:\n    - key: app\n      operator: NotIn\n      values: []\n"), "[]", "matchExpressions[0].values");
    refused(&of("    matchExpressions:\n    - key: app\n      operator: Exists\n      values: [a]\n"), "[a]", "matchExpressions[0].values");
    refused(&of("    matchExpressions:\n    - operator: Exists\n"), "operator: Exists", "matchExpressions[0].key");
    refused(&of("    matchExpressions:\n    - key: app\n      operator: In\n      values: [a b]\n"), "a b", "values[0]");
    refused(
        &of("    matchExpressions:\n    - key: app\n      operator: In\n      values: [a]\n      value: b\n"),
        "value",
        "matchExpressions[0].value",
    );
    refused(&of("    matchExpressions: {key: app}\n"), "{key", "matchExpressions");
}

#[test]
fn types() {
    refused(&block("  policyTypes: [ingress]\n"), "ingress", "policyTypes[0]");
    refused(&block("  policyTypes: [Ingress, Egress, Ingress]\n"), "[Ingress", "policyTypes");
    assert!(findings(&block("  policyTypes: [Ingress, Ingress]\n")).is_empty(), "accepted");
    refused(&block("  policyTypes:\n  - Egress\n  - yes\n"), "yes", "policyTypes[1]");
}

#[test]
fn ports() {
    let of = |port: &str| block(&format!("  ingress:\n  - ports:\n    - {port}\n"));
    refused(&of("port: 0"), "0", "ports[0].port");
    refused(&of("port: 65536"), "65536", "ports[0].port");
    refused(&of("port: -1"), "-1", "ports[0].port");
    refused(&of("port: 8080.5"), "8080.5", "ports[0].port");
    refused(&of("port: 010"), "010", "ports[0].port");
    let why = |port: &str| {
        let (_, found) = read_on(platform(), &of(port));
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].primary.as_ref().unwrap().text.clone()
    };
    assert!(why("port: 010").starts_with("a number without zeros before it is expected"), "{}", why("port: 010"));
    assert!(why("port: 8_080").starts_with("a number of digits alone is expected"), "{}", why("port: 8_080"));
    assert!(findings(&of("port: 80.0")).is_empty(), "80 to the API server, which gets JSON");
    refused(&of("port: '8080'"), "'8080'", "ports[0].port");
    refused(&of("port: Http"), "Http", "ports[0].port");
    refused(&of("port: a--b"), "a--b", "ports[0].port");
    refused(&of("port: a234567890123456"), "a2345", "ports[0].port");
    refused(&of("protocol: tcp"), "tcp", "ports[0].protocol");
    refused(&of("protocol: ICMP"), "ICMP", "ports[0].protocol");
    refused(&of("port: 80\n      protcol: TCP"), "protcol", "ports[0].protcol");
}

#[test]
fn blocks() {
    let of = |text: &str| block(&format!("  ingress:\n  - from:\n    - ipBlock:\n        {text}\n"));
    refused(&of("cidr: 10.0.0.0/33"), "10.0.0.0/33", "ipBlock.cidr");
    refused(&of("cidr: 10.0.0/8"), "10.0.0/8", "ipBlock.cidr");
    refused(&of("cidr: host.example"), "host.example", "ipBlock.cidr");
    refused(&of("cidr: 10.0.0.0/8\n        except: 10.1.0.0/16"), "10.1.0.0/16", "ipBlock.except");
    refused(&of("cidr: 10.0.0.0/8\n        except: [10.1.2.3/16]"), "10.1.2.3/16", "10.1.2.3/16");
    refused(&of("except: []"), "except", "ipBlock.cidr");
    refused(&of("cidr: 10.0.0.0/8\n        excepts: []"), "excepts", "ipBlock.excepts");
}

#[test]
fn metadata() {
    let of = |metadata: &str| format!("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n{metadata}spec: {{}}\n");
    refused(&of("  name: Web\n  namespace: shop\n"), "Web", "metadata.name");
    refused(&of("  name: web_1\n  namespace: shop\n"), "web_1", "metadata.name");
    refused(&of("  name: web\n  namespace: shop.eu\n"), "shop.eu", "metadata.namespace");
    refused(&of("  name: web\n  namespace: shop\n  lables: {}\n"), "lables", "metadata.lables");
    refused(&of("  name: web\n  namespace: shop\n  labels: {app: -x}\n"), "-x", "metadata.labels.app");
    refused(&of("  name: web\n  namespace: shop\n  annotations: {a: 1}\n"), "1", "metadata.annotations.a");
    refused(&of("  name: web\n  namespace: shop\n  annotations: {a b: x}\n"), "x", "metadata.annotations.a b");
    let large = "x".repeat(256 << 10);
    refused(&of(&format!("  name: web\n  namespace: shop\n  annotations:\n    a: {large}\n")), "a: xxx", "metadata.annotations");
    let live = "  name: web\n  namespace: shop\n  uid: 1-2\n  resourceVersion: '5'\n  generation: 3\n  creationTimestamp: '2024-01-01T00:00:00Z'\n  managedFields: []\n  annotations: {Example.com/note: any}\n";
    assert!(findings(&of(live)).is_empty(), "what a live object carries");
}

#[test]
fn versions_and_other_fields() {
    refused(
        "apiVersion: networking.k8s.io/v1beta1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\n",
        "networking.k8s.io/v1beta1",
        "apiVersion",
    );
    refused(&format!("{}rules: []\n", block("  podSelector: {}\n")), "rules", "`rules`");
    assert!(findings(&format!("{}status: {{}}\n", block("  podSelector: {}\n"))).is_empty());
}

#[test]
fn every_fault_of_an_object_is_found_at_once() {
    let yaml = lets_in("{form: [], ports: [{port: 0}, {protocol: tcp}]}, {from: [{}]}");
    assert_eq!(findings(&yaml).len(), 4);
    let many = (0..100).map(|_| "{from: [{}]}").collect::<Vec<_>>().join(", ");
    assert_eq!(findings(&policy("p", &format!("{{ingress: [{many}]}}"))).len(), 20, "and no more than help");
}
