//! What is refused, and where: strictness, nearest names, hostile input.

use super::*;

#[test]
fn unknown_fields_are_refused_with_the_nearest_name() {
    let fields = |yaml: &str| {
        let (_, findings) = read_on(Platform::default(), yaml);
        let say = |finding: &Diagnostic| {
            format!("{} {}", finding.message, finding.helps.iter().map(|help| help.text.clone()).collect::<String>())
        };
        findings.iter().map(say).collect::<Vec<_>>()
    };
    for (yaml, words) in [
        (policy("{rule: [{}]}"), "`rules`"),
        (policy("{rules: [{form: []}]}"), "`from`"),
        (policy("{rules: [{from: [{source: {namespace: [a]}}]}]}"), "`namespaces`"),
        (policy("{rules: [{to: [{operation: {port: ['80']}}]}]}"), "`ports`"),
        (policy("{rules: [{when: [{key: source.ip, value: [a]}]}]}"), "`values`"),
        (policy("{selector: {matchlabels: {a: b}}}"), "`matchLabels`"),
        (policy("{action: DENY, provider: {nam: x}, rules: [{}]}"), "`name`"),
        (policy("{targetRefs: [{kind: Service, name: a, sectionname: b}]}"), ""),
        (peer_authentication("shop/p", "{mtl: {mode: STRICT}}"), "`mtls`"),
        (object("RequestAuthentication", "shop/r", "{jwtRules: [{issuer: a, jwksuri: 'https://a'}]}"), "`jwksUri`"),
        (object("DestinationRule", "shop/d", "{host: a, trafficPolicies: {}}"), "`trafficPolicy`"),
        (object("DestinationRule", "shop/d", "{host: a, trafficPolicy: {tls: {modes: DISABLE}}}"), "`mode`"),
    ] {
        let found = fields(&yaml);
        assert!(found.iter().any(|found| found.contains(words)), "{yaml}: {found:?}");
    }
}

/// An API server knows no such kind in another version, so what it says acts on nobody.
#[test]
fn policies_of_versions_that_there_are_not_are_refused() {
    for kind in ["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"] {
        let with = |version: &str| {
            let of = |line: &str| {
                if line.starts_with("apiVersion:") { format!("apiVersion: security.istio.io/{version}\n") } else { format!("{line}\n") }
            };
            object(kind, "shop/p", "{}").lines().map(of).collect::<String>()
        };
        for version in ["v1", "v1beta1"] {
            assert_eq!(findings(&with(version)), [""; 0], "{kind} {version}");
        }
        for version in ["v9", "v1alpha1", "v1beta2"] {
            let said = format!("security.istio.io/{version}: `security.istio.io/v1` or `v1beta1` is expected");
            assert_eq!(findings(&with(version)), [said], "{kind}");
        }
    }
}

#[test]
fn empty_fields_are_told_at_their_place_and_the_rest_is_read() {
    let found = |spec: &str| findings(&policy(spec));
    assert_eq!(found("{rules: [{from: [], when: []}]}"), ["[]: any source, or nothing at all?"]);
    assert_eq!(
        found("{rules: [{to: [ ]}, {from: [\n]}]}"),
        ["[ ]: any operation, or nothing at all?", "[: any source, or nothing at all?"]
    );
    assert_eq!(found("{selector: {matchLabels: {}}, rules: []}"), ["{matchLabels: {}}: every pod, or none?"]);
    assert_eq!(found("\n  selector:\n    matchLabels: {}\n  rules:\n  - from: []  # nobody\n").len(), 2);
    assert_eq!(
        found("\n  rules:\n  - to: []  # nobody\n    from: &none []\n  - from: *none\n"),
        ["&none []: any source, or nothing at all?", "[]: any operation, or nothing at all?", "&none []: any source, or nothing at all?"]
    );
    for absent in
        ["{}", "{rules: []}", "{rules: [{from: null, to: null, when: []}]}", "{selector: null}", "{selector: {matchLabels: {a: b}}}"]
    {
        assert_eq!(found(absent), [""; 0], "{absent}");
    }
    // What is refused anyway needs no such advice.
    assert_eq!(found("{rules: [{form: [], from: []}]}"), ["form: no such field"]);
    // What does not hang on the empty field is decided, here and beside it.
    let (cluster, _) = read_on(
        Platform::default(),
        &policy("{selector: {matchLabels: {app: db}}, rules: [{from: [], to: [{operation: {ports: ['80']}}]}]}"),
    );
    unspecified(&cluster, &mtls(&web(), &db(), 80), "empty `from` or `to`");
    denied(&cluster, &mtls(&web(), &db(), 81), Gate::Caller);
    allowed(&cluster, &mtls(&db(), &web(), 80));
    // A generator that repeats its mistake is not told so without end, and the rest of the file is read.
    let many: String = (0..300).map(|at| object("AuthorizationPolicy", &format!("shop/p{at}"), "{rules: [{from: []}]}")).collect();
    let (cluster, findings) = read_on(Platform::default(), &format!("{many}{}", object("AuthorizationPolicy", "dev/last", "{}")));
    assert_eq!(findings.len(), 200);
    denied(&cluster, &mtls(&web(), &dev(), 80), Gate::Caller);
}

#[test]
fn targets_are_what_istio_takes() {
    for target in [
        "{kind: Pod, name: a}",
        "{kind: Service, group: apps, name: a}",
        "{kind: Gateway, name: a}",
        "{kind: Service}",
        "{kind: Service, name: a, namespace: b}",
    ] {
        assert_eq!(findings(&policy(&format!("{{targetRefs: [{target}]}}"))).len(), 1, "{target}");
        assert_eq!(findings(&policy(&format!("{{targetRef: {target}}}"))).len(), 1, "{target}");
    }
    assert_eq!(findings(&policy("{selector: {matchLabels: {a: b}}, targetRefs: [{kind: Service, name: a}]}")).len(), 1);
    let many = "{kind: Service, name: a}, ".repeat(17);
    assert_eq!(findings(&policy(&format!("{{targetRefs: [{many}]}}"))).len(), 1);
    assert_eq!(
        findings(&policy("{targetRefs: [{kind: Service, name: a}, {kind: ServiceEntry, group: networking.istio.io, name: b}]}")),
        [""; 0]
    );
    // Policies with targets act on no sidecar and on no ztunnel.
    let targeted = cluster(&policy("{targetRefs: [{kind: Service, name: a}]}"));
    allowed(&targeted, &mtls(&web(), &db(), 80));
    allowed(&targeted, &mtls(&ambient("shop", "", "a"), &ambient("shop", "", "b"), 80));
    // One that names a Gateway acts on the pods of that Gateway.
    let at_gateway = cluster(&policy("{targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: edge}]}"));
    let edge = meshed("shop", "gateway.networking.k8s.io/gateway-name=edge", "edge");
    denied(&at_gateway, &mtls(&web(), &edge, 80), Gate::Caller);
    allowed(&at_gateway, &mtls(&web(), &meshed("dev", "gateway.networking.k8s.io/gateway-name=edge", "edge"), 80));
}

#[test]
fn limits_are_istios() {
    let rules = "{}, ".repeat(513);
    assert_eq!(findings(&policy(&format!("{{rules: [{rules}]}}"))).len(), 1);
    let sources = "{source: {namespaces: [a]}}, ".repeat(513);
    assert_eq!(findings(&policy(&format!("{{rules: [{{from: [{sources}]}}]}}"))).len(), 1);
    let long = "a".repeat(321);
    assert_eq!(findings(&policy(&format!("{{rules: [{{from: [{{source: {{serviceAccounts: [{long}]}}}}]}}]}}"))).len(), 1);
    for value in ["''", "null", "5", "true"] {
        assert_eq!(findings(&policy(&format!("{{rules: [{{to: [{{operation: {{methods: [GET, {value}]}}}}]}}]}}"))).len(), 1, "{value}");
    }
    for spec in [
        "{action: allow}",
        "{action: CUSTOM, rules: [{}]}",
        "{provider: {name: a}, rules: [{}]}",
        "{rules: [null]}",
        "{rules: {}}",
        "[]",
        "{rules: [{from: [{source: {ipBlocks: [300.0.0.1]}}]}]}",
    ] {
        assert!(!findings(&policy(spec)).is_empty(), "{spec}");
    }
}

#[test]
fn both_versions_are_read() {
    let old = policy("{}").replace("security.istio.io/v1", "security.istio.io/v1beta1");
    denied(&cluster(&old), &mtls(&web(), &db(), 80), Gate::Caller);
}

/// Whatever stands there, an answer comes.
#[test]
fn hostile_input_never_ends_in_a_fault() {
    let pieces = [
        "{}",
        "[]",
        "null",
        "''",
        "5",
        "-1",
        "true",
        "x",
        "[null]",
        "[[]]",
        "{a: b}",
        "[{}]",
        "'*'",
        "['*', '']",
        "{matchLabels: 5}",
        "[{source: 5}]",
        "{key: []}",
        "99999999999999999999",
        "1.5",
        "{1: 2}",
        "{null: 1}",
    ];
    let templates = [
        ("AuthorizationPolicy", "%"),
        ("AuthorizationPolicy", "{rules: %}"),
        ("AuthorizationPolicy", "{rules: [{from: %, to: %, when: %}]}"),
        ("AuthorizationPolicy", "{rules: [{from: [{source: {principals: %, ipBlocks: %}}]}]}"),
        ("AuthorizationPolicy", "{rules: [{to: [{operation: {ports: %, paths: %, hosts: %}}]}]}"),
        ("AuthorizationPolicy", "{rules: [{when: [{key: %, values: %}]}]}"),
        ("AuthorizationPolicy", "{selector: %, action: %, targetRefs: %}"),
        ("PeerAuthentication", "{selector: {matchLabels: {a: b}}, mtls: %, portLevelMtls: %}"),
        ("PeerAuthentication", "{selector: {matchLabels: {a: b}}, portLevelMtls: {80: %}}"),
        ("RequestAuthentication", "{jwtRules: %}"),
        ("RequestAuthentication", "{jwtRules: [{issuer: %, audiences: %, fromHeaders: %, jwksUri: %}]}"),
        ("DestinationRule", "{host: %, trafficPolicy: %, subsets: %}"),
        ("DestinationRule", "{host: a, trafficPolicy: {tls: %, portLevelSettings: %}}"),
        ("Gateway", "{gatewayClassName: %}"),
    ];
    for (kind, template) in templates {
        for piece in pieces {
            let (cluster, _) = read_on(Platform::default(), &object(kind, "shop/p", &template.replace('%', piece)));
            for (source, destination) in [(web(), db()), (ambient("shop", "", "a"), ambient("shop", "", "b"))] {
                let question = mtls(&source, &destination, 80).http("GET", "/");
                ask(&cluster, &question);
                cluster.end(&destination, Way::Ingress).cuts(&cluster::Names::default());
                ask(&cluster, &auto(&source, &destination, 80));
            }
        }
    }
}

/// Services are looked up in their order, however few documents there are.
#[test]
fn the_order_of_documents_changes_no_answer() {
    let gets = policy("{rules: [{to: [{operation: {methods: [GET]}}]}]}");
    let declared = service("db", "{}", "{name: tcp-db, port: 5432}");
    let others = ["dev/a", "ops/a", "shop/zz"].map(|id| object("Service", id, "{selector: {app: other}, ports: [{port: 1}]}"));
    let question = mtls(&web(), &db(), 5432).http("GET", "/").service("shop/db", 5432);
    let said = |yaml: &[&str]| ask(&cluster(&yaml.concat()), &question).verdict;
    // The port is declared as plain connections, so that no rule about methods matches.
    assert_eq!(said(&[&gets, &declared]), Verdict::Denied);
    for other in &others {
        assert_eq!(said(&[&gets, &declared, other]), Verdict::Denied, "{other}");
        assert_eq!(said(&[other, &declared, &gets]), Verdict::Denied, "{other}");
    }
    let [one, two, three] = &others;
    assert_eq!(said(&[three, &declared, two, &gets, one]), Verdict::Denied);
    // Of two of one name that say different things one would be left out, and nobody knows which.
    let twin = declared.replace("tcp-db", "http-db");
    assert_eq!(findings(&[declared, twin].concat()).len(), 1);
}
