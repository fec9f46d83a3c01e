//! What `validate` says beyond the traps: names, labels, selectors, duplicates, streams.

use super::samples::{authorization_policy, findings, network_policy, object};
use super::{Cluster, validate};

fn named(metadata: &str) -> Vec<String> {
    findings(&format!("apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {metadata}\n"))
}

#[test]
fn names_are_dns_names() {
    let long = "a".repeat(254);
    for bad in ["Web", "web_1", "-web", "web-", "a..b", "web.", ".web", "''", &long, "a/b", "wéb"] {
        assert_eq!(named(&format!("{{name: {bad}, namespace: shop}}")).len(), 1, "{bad}");
    }
    for good in ["web", "web-1", "a.b", "0", &"a".repeat(253)] {
        assert_eq!(named(&format!("{{name: '{good}', namespace: shop}}")), [""; 0], "{good}");
    }
    for bad in ["a.b", "Shop", &"a".repeat(64)] {
        assert_eq!(named(&format!("{{name: web, namespace: {bad}}}")), [format!("refused: the namespace `{bad}` is no DNS-1123 label")]);
    }
    assert_eq!(named("{namespace: shop}"), ["refused: no name"]);
    assert_eq!(named("{name: web}"), ["refused: no namespace"]);
}

#[test]
fn labels_follow_their_syntax() {
    let long = "a".repeat(64);
    for bad in [
        "'': x",
        "'a/': x",
        "'/a': x",
        "'a/b/c': x",
        "'A.b/c': x",
        "'-a': x",
        "'a b': x",
        "a: -x",
        "a: 'x y'",
        "a: x_",
        &format!("{long}: x"),
        &format!("a: {long}"),
    ] {
        assert_eq!(named(&format!("{{name: web, namespace: shop, labels: {{{bad}}}}}")).len(), 1, "{bad}");
        assert_eq!(
            findings(&network_policy(&format!("{{policyTypes: [Ingress], podSelector: {{matchLabels: {{{bad}}}}}}}"))).len(),
            1,
            "{bad}"
        );
    }
    for good in ["a: ''", "A: X", "app.kubernetes.io/name: web_1.a-B", "'1': '1'", &format!("{}: {}", "a".repeat(63), "b".repeat(63))] {
        assert_eq!(named(&format!("{{name: web, namespace: shop, labels: {{{good}}}}}")), [""; 0], "{good}");
    }
    assert_eq!(named("{name: web, namespace: shop, annotations: {'a b': anything goes here!}}").len(), 1);
    assert_eq!(named("{name: web, namespace: shop, annotations: {ab: anything goes here!}}"), [""; 0]);
}

#[test]
fn annotations_have_a_size() {
    let of = |length: usize| named(&format!("{{name: web, namespace: shop, annotations: {{a: {}}}}}", "x".repeat(length)));
    assert_eq!(of(256 * 1024 - 1), [""; 0]);
    assert_eq!(of(256 * 1024), ["refused: the annotations are larger than 256 KiB"]);
}

#[test]
fn expressions_of_a_selector() {
    let of = |expression: &str| {
        findings(&network_policy(&format!("{{policyTypes: [Ingress], podSelector: {{matchExpressions: [{expression}]}}}}")))
    };
    for (expression, finding) in [
        ("{key: a, operator: In}", "refused: `a`: In and NotIn need a value"),
        ("{key: a, operator: NotIn, values: []}", "refused: `a`: In and NotIn need a value"),
        ("{key: a, operator: Exists, values: [x]}", "refused: `a`: Exists and DoesNotExist take no value"),
        ("{key: a, operator: Gt, values: ['1']}", "refused: `Gt` is no operator of a label selector"),
        ("{key: '', operator: Exists}", "refused: `` is no label key"),
        ("{key: a, operator: In, values: ['x y']}", "refused: `x y` is no label value"),
    ] {
        assert_eq!(of(expression), [finding]);
    }
    assert_eq!(of("{key: a, operator: In, values: ['', x]}"), [""; 0]);
}

#[test]
fn types_protocols_and_port_names() {
    for (types, count) in [("[Ingress, Egress]", 0), ("[Ingress, Ingress]", 0), ("[ingress]", 1), ("[Ingress, Egress, Ingress]", 1)] {
        assert_eq!(findings(&network_policy(&format!("{{policyTypes: {types}}}"))).len(), count, "{types}");
    }
    let of = |port: &str| findings(&network_policy(&format!("{{policyTypes: [Ingress], ingress: [{{ports: [{port}]}}]}}")));
    for bad in [
        "{port: 0}",
        "{port: 65536}",
        "{port: '80'}",
        "{port: a--b}",
        "{port: -a}",
        "{port: a-}",
        "{port: HTTP}",
        "{port: abcdefghijklmnop}",
        "{protocol: ICMP}",
        "{protocol: tcp}",
    ] {
        assert_eq!(of(bad).len(), 1, "{bad}");
    }
    for good in ["{port: 1}", "{port: 65535}", "{port: a}", "{port: 1a-b}", "{port: abcdefghijklmno}", "{protocol: SCTP}"] {
        assert_eq!(of(good), [""; 0], "{good}");
    }
}

#[test]
fn istio_selectors_and_targets() {
    for (spec, finding) in [
        ("{selector: {matchLabels: {app: 'w*'}}}", "refused: the selector value `w*`"),
        ("{selector: {matchLabels: {'a*': web}}}", "refused: the selector key `a*`"),
        (
            "{selector: {matchLabels: {app: web}}, targetRefs: [{kind: Service, name: a}]}",
            "refused: more than one of selector, targetRef, targetRefs",
        ),
        ("{targetRefs: [{kind: Pod, name: a}]}", "refused: a target of kind `/Pod`"),
        ("{targetRefs: [{kind: Service, name: a, namespace: b}]}", "refused: a target with a namespace"),
        ("{targetRefs: [{kind: Service, name: ''}]}", "refused: a target without a name"),
        ("{rules: [{from: [{source: {namespaces: ['']}}]}]}", "refused: an empty value in namespaces"),
        ("{rules: [{from: [{source: {trustDomains: [a/b]}}]}]}", "refused: `a/b` is no trust domain"),
        ("{rules: [{from: [{source: {ipBlocks: [10.0.0.1/8]}}]}]}", "refused: `10.0.0.1/8` has host bits set"),
        ("{rules: [{when: [{key: source.ip, values: [x]}]}]}", "refused: `x` is no IP address"),
        ("{rules: [{when: [{key: destination.port, values: [http]}]}]}", "refused: `http` is no port"),
        (
            "{rules: [{from: [{source: {principals: ['spiffe://a/ns/b/sa/c']}}]}]}",
            "never emit: the principal `spiffe://a/ns/b/sa/c` never matches",
        ),
    ] {
        assert_eq!(findings(&authorization_policy(spec)), [finding]);
    }
    let rules = |count: usize| findings(&authorization_policy(&format!("{{rules: [{}]}}", vec!["{}"; count].join(", "))));
    assert_eq!((rules(512).len(), rules(513).len()), (0, 1));
    let template = findings(&authorization_policy("{rules: [{to: [{operation: {paths: ['/a/{**}/{*}']}}]}]}"));
    assert!(template.len() == 1 && template[0].contains("not the last operator"), "{template:?}");
}

#[test]
fn an_object_stands_once() {
    let one = network_policy("{policyTypes: [Ingress]}");
    assert_eq!(findings(&format!("{one}{one}")), ["refused: the same object stands twice"]);
    assert!(Cluster::read(&format!("{one}{one}")).is_err());
    let other = object("networking.k8s.io/v1", "NetworkPolicy", "pay/policy", "{policyTypes: [Ingress]}");
    assert_eq!(findings(&format!("{one}{}{other}", authorization_policy("{}"))), [""; 0]);
}

#[test]
fn a_stream_is_cut_at_its_marks_and_empty_parts_are_nothing() {
    let one = network_policy("{policyTypes: [Ingress]}");
    let stream = format!("# a comment\n---\n\n--- # another\n{one}---\n");
    assert_eq!(validate(&stream), [""; 0]);
    assert!(Cluster::read(&stream).is_ok());
}

#[test]
fn what_is_no_object_of_the_model_is_an_error() {
    for yaml in [
        "a: [",
        "just text",
        "[]",
        "{}",
        "apiVersion: v1\nkind: List\nitems: []",
        "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}",
        "apiVersion: security.istio.io/v1beta1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: b}",
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: b}\nspecs: {}",
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: b, label: {}}",
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: b}\nspec: {action: ALLOW, action: DENY}",
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: b}\nspec: {action: allow}",
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nspec: {}",
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a}\nspec: {}",
    ] {
        assert!(Cluster::read(yaml).is_err(), "{yaml}");
        assert_eq!(validate(yaml).len(), 1, "{yaml}");
    }
}
