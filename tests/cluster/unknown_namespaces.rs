//! Namespaces whose labels nobody knows: what passes whatever these are, and what hangs on them (`semantics.md` §1.5, and §0.1: it is left
//! open only where the answer depends on something).

use super::reasons::{decided_by, step};
use super::{Changed, allowed, cluster, decide, denied, end, lets_in, lets_out, object, policy, question, unspecified};
use twogate::cluster::{Addressed, Cluster, Endpoint, Gate, Question};
use twogate::flow::{DataPlane, Verdict};

const UNKNOWN: &str = "labels of namespace `other`";

/// A pod of a namespace that no object describes.
fn stranger() -> Endpoint {
    end("app=web@other").in_unknown_namespace()
}

/// A peer by one test of its namespace's labels.
fn peer(test: &str) -> String {
    format!("{{namespaceSelector: {{matchExpressions: [{{{test}}}]}}}}")
}

/// Rules that let in, each from one peer.
fn from_each(tests: &[&str]) -> String {
    tests.iter().map(|test| format!("{{from: [{}]}}", peer(test))).collect::<Vec<_>>().join(", ")
}

/// Whoever meets one of these tests gets in, each by a rule of its own.
fn letting_in(tests: &[&str]) -> Cluster {
    cluster(&lets_in(&from_each(tests)))
}

const IN: &str = "key: env, operator: In, values: [prod]";
const NOT_IN: &str = "key: env, operator: NotIn, values: [prod]";
const THERE: &str = "key: env, operator: Exists";
const NOT_THERE: &str = "key: env, operator: DoesNotExist";

#[test]
fn a_label_and_its_complement_pass_together() {
    let shop = end("*@shop");
    allowed(&letting_in(&[IN, NOT_IN]), &stranger(), &shop, "80");
    allowed(&letting_in(&[NOT_IN, IN]), &stranger(), &shop, "80");
    allowed(&letting_in(&[THERE, NOT_THERE]), &stranger(), &shop, "80");
    let others = "key: env, operator: NotIn, values: [prod, dev]";
    let both = "key: env, operator: In, values: [dev, prod, test]";
    allowed(&letting_in(&[both, others]), &stranger(), &shop, "80");
    // Every value, the lack of it, and those that nobody names.
    allowed(&letting_in(&[IN, "key: env, operator: In, values: [dev]", NOT_THERE, others]), &stranger(), &shop, "80");
    // The way out of a pod is judged by the namespace of whom it calls.
    let out = |tests: &[&str]| lets_out(&from_each(tests).replace("from", "to"));
    allowed(&cluster(&out(&[IN, NOT_IN])), &shop, &stranger(), "80");
    // One rule with two peers.
    allowed(&cluster(&lets_in(&format!("{{from: [{}, {}]}}", peer(IN), peer(NOT_IN)))), &stranger(), &shop, "80");
}

#[test]
fn two_policies_pass_together_where_both_isolate() {
    let one =
        |name: &str, subject: &str, test: &str| policy(name, &format!("{{podSelector: {subject}, ingress: [{}]}}", from_each(&[test])));
    let both = |left: &str, right: &str| cluster(&format!("{}{}", one("a", left, IN), one("b", right, NOT_IN)));
    let (db, app) = (end("app=db,tier=back@shop"), "{matchLabels: {app: db}}");
    allowed(&both("{}", "{}"), &stranger(), &db, "80");
    allowed(&both(app, "{}"), &stranger(), &db, "80");
    allowed(&both(app, app), &stranger(), &db, "80");
    // The other one is for other pods.
    unspecified(&both("{matchLabels: {app: x}}", "{}"), &stranger(), &db, "80", UNKNOWN);
    // Whoever thins pods out by their labels relies on one selector at either end (`Cluster::label_tests`).
    unspecified(&both(app, "{matchLabels: {tier: back}}"), &stranger(), &db, "80", UNKNOWN);
    // It may be selected by either or by both, and one of them would not do.
    let open = db.facts(|facts| facts.open_labels.extend(["app".into()])).pod(|pod| drop(pod.labels.remove("app")));
    unspecified(&both(app, "{}"), &stranger(), &open, "80", UNKNOWN);
    // Each of two that may select it lets it pass by itself.
    let alone = cluster(&policy("a", &format!("{{podSelector: {app}, ingress: [{}]}}", from_each(&[IN, NOT_IN]))));
    allowed(&alone, &stranger(), &open, "80");
}

#[test]
fn several_keys_are_tried_together() {
    let shop = end("*@shop");
    let two = |first: &str, second: &str| format!("{first}}}, {{{second}");
    let team = |operator: &str| format!("key: team, operator: {operator}");
    let rules = [two(IN, &team("Exists")), two(IN, &team("DoesNotExist")), NOT_IN.to_owned()];
    let all: Vec<&str> = rules.iter().map(String::as_str).collect();
    allowed(&letting_in(&all), &stranger(), &shop, "80");
    unspecified(&letting_in(&all[1..]), &stranger(), &shop, "80", UNKNOWN);
    unspecified(&letting_in(&all[..2]), &stranger(), &shop, "80", UNKNOWN);
    // Complements of different keys leave what has neither.
    unspecified(&letting_in(&[IN, "key: team, operator: NotIn, values: [prod]"]), &stranger(), &shop, "80", UNKNOWN);
}

#[test]
fn what_hangs_on_the_labels_stays_open() {
    let shop = end("*@shop");
    let others = "key: env, operator: NotIn, values: [prod, dev]";
    unspecified(&letting_in(&[IN, others]), &stranger(), &shop, "80", UNKNOWN);
    unspecified(&letting_in(&[IN]), &stranger(), &shop, "80", UNKNOWN);
    unspecified(&letting_in(&[IN, NOT_THERE]), &stranger(), &shop, "80", UNKNOWN);
    unspecified(&letting_in(&[NOT_IN, THERE.replace("env", "team").as_str()]), &stranger(), &shop, "80", UNKNOWN);
    // Other ports, and other pods.
    let rules = |left: &str, right: &str| {
        let rule = |test: &str, more: &str| format!("{{from: [{}], ports: [{more}]}}", peer(test));
        cluster(&lets_in(&format!("{}, {}", rule(IN, left), rule(NOT_IN, right))))
    };
    allowed(&rules("{port: 80}", "{port: 80}, {port: 81}"), &stranger(), &shop, "80");
    unspecified(&rules("{port: 80}", "{port: 80}, {port: 81}"), &stranger(), &shop, "81", UNKNOWN);
    denied(&rules("{port: 80}", "{port: 80}, {port: 81}"), &stranger(), &shop, "82");
    let pods = |app: &str| {
        format!("{{from: [{}, {}]}}", peer(IN), peer(NOT_IN).replace("}]}}", &format!("}}]}}, podSelector: {{matchLabels: {{{app}}}}}}}")))
    };
    allowed(&cluster(&lets_in(&pods("app: web"))), &stranger(), &shop, "80");
    unspecified(&cluster(&lets_in(&pods("app: job"))), &stranger(), &shop, "80", UNKNOWN);
    // A block that may hold the pod does not do the rest.
    let block = cluster(&lets_in(&format!("{}, {{from: [{{ipBlock: {{cidr: 10.0.0.0/8}}}}]}}", from_each(&[IN]))));
    unspecified(&block, &stranger(), &shop, "80", UNKNOWN);
    // A selector that meets a pod on its node's network is undefined whatever the labels are (§1.7).
    unspecified(&letting_in(&[IN, NOT_IN]), &stranger().on_host_network(), &shop, "80", "host-network");
}

#[test]
fn what_is_known_of_a_namespace_is_no_case() {
    let shop = end("*@shop");
    let name = |operator: &str, name: &str| format!("key: kubernetes.io/metadata.name, operator: {operator}, values: [{name}]}}, {{{IN}");
    // The name is known always: this peer is for another namespace.
    unspecified(&letting_in(&[&name("In", "pay"), NOT_IN]), &stranger(), &shop, "80", UNKNOWN);
    allowed(&letting_in(&[&name("In", "other"), NOT_IN]), &stranger(), &shop, "80");
    allowed(&letting_in(&[&name("NotIn", "pay"), NOT_IN]), &stranger(), &shop, "80");
    // So are all labels of a namespace that is described.
    let known = end("app=web@other").in_namespace_labelled("env", "dev");
    denied(&letting_in(&[IN]), &known, &shop, "80");
    allowed(&letting_in(&[IN, NOT_IN]), &known, &shop, "80");
}

/// A label that decides how a namespace's pods take part in the mesh decides what they send, too, and not just whether a rule holds: in
/// some cases it is not what the pod is taken for.
#[test]
fn labels_that_decide_about_the_mesh_are_no_cases() {
    let strict = object("security.istio.io/v1", "PeerAuthentication", "strict", "{mtls: {mode: STRICT}}");
    let service = object("v1", "Service", "db", "{selector: {app: db}, ports: [{name: tcp, port: 80}]}");
    let (db, meshed) = (end("app=db@shop").plane(DataPlane::Sidecar), stranger().plane(DataPlane::Sidecar));
    // What the client's proxy sends of itself.
    let asked = |tests: &[&str]| {
        let all = cluster(&format!("{strict}{service}{}", lets_in(&from_each(tests))));
        let addressed = Addressed::Service { namespace: "shop".into(), name: "db".into(), port: 80 };
        all.decide(&Question { transport: None, addressed, ..question(&meshed, &db, "80") }).verdict
    };
    let is_open = |tests: &[&str]| {
        let verdict = asked(tests);
        assert!(matches!(&verdict, Verdict::Unspecified(reason) if reason.contains(UNKNOWN)), "{verdict:?}");
    };
    let keys = [
        ("istio-injection", "disabled"),
        ("istio.io/rev", "canary"),
        ("istio.io/dataplane-mode", "none"),
        ("istio.io/use-waypoint", "none"),
        ("istio.io/use-waypoint-namespace", "shop"),
        ("istio.io/use-waypoint-canary", "none"),
        ("istio.io/ingress-use-waypoint", "true"),
    ];
    for (key, value) in keys {
        let test = |operator: &str| format!("key: {key}, operator: {operator}, values: ['{value}']");
        let (with, without) = (test("In"), test("NotIn"));
        is_open(&[&with, &without]);
        unspecified(&letting_in(&[&with, &without]), &stranger(), &end("*@shop"), "80", UNKNOWN);
        let there = |operator: &str| format!("key: {key}, operator: {operator}");
        unspecified(&letting_in(&[&there("Exists"), &there("DoesNotExist")]), &stranger(), &end("*@shop"), "80", UNKNOWN);
        // Nor are they beside labels that are.
        is_open(&[&format!("{IN}}}, {{{with}"), &format!("{IN}}}, {{{without}"), NOT_IN]);
        // What others let pass together does not need them.
        assert_eq!(asked(&[&with, IN, NOT_IN]), Verdict::Allowed, "{key}");
    }
}

#[test]
fn what_no_case_lets_pass_is_denied() {
    let shop = end("*@shop");
    let never = format!("{IN}}}, {{{NOT_IN}");
    denied(&letting_in(&[&never]), &stranger(), &shop, "80");
    let elsewhere = "key: kubernetes.io/metadata.name, operator: In, values: [pay]}, {key: env, operator: Exists";
    denied(&letting_in(&[&never, elsewhere]), &stranger(), &shop, "80");
    // A way in whatever the labels are is none out.
    let both = format!("{}{}", lets_in(&from_each(&[IN, NOT_IN])), policy("closed", "{policyTypes: [Egress]}"));
    denied(&cluster(&both), &shop, &stranger(), "80");
}

/// Two gates ask the same namespace, each by itself: what only both together rule out is left open.
#[test]
fn each_gate_is_asked_by_itself() {
    let within = format!("{}{}", lets_in(&from_each(&[IN])), lets_out(&from_each(&[NOT_IN]).replace("from", "to")));
    let (web, db) = (end("app=web@shop").in_unknown_namespace(), end("app=db@shop").in_unknown_namespace());
    unspecified(&cluster(&within), &web, &db, "80", "labels of namespace `shop`");
}

#[test]
fn more_cases_than_anybody_tries_stay_open() {
    // Many values are no more cases than few.
    let values = (0..2000).map(|number| format!("v{number}")).collect::<Vec<_>>().join(", ");
    let test = |operator: &str| format!("key: env, operator: {operator}, values: [{values}]");
    allowed(&letting_in(&[&test("In"), &test("NotIn")]), &stranger(), &end("*@shop"), "80");
    // Each pair of keys doubles the cases that the rules before it leave.
    let pairs = |count: usize| {
        let pair = |number: usize| {
            let test = |key: &str| format!("key: {key}{number}, operator: NotIn, values: [x]");
            format!("{}}}, {{{}", test("a"), test("b"))
        };
        let rest = ["key: a0, operator: In, values: [x]", "key: b0, operator: In, values: [x]"];
        let all: Vec<String> = (0..count).map(pair).chain(rest.map(str::to_owned)).collect();
        letting_in(&all.iter().map(String::as_str).collect::<Vec<_>>())
    };
    allowed(&pairs(8), &stranger(), &end("*@shop"), "80");
    unspecified(&pairs(9), &stranger(), &end("*@shop"), "80", UNKNOWN);
}

#[test]
fn the_reason_names_the_rules_that_let_it_pass_together() {
    let rules = format!(
        "{}, {{from: [{{ipBlock: {{cidr: 10.0.0.0/8}}}}]}}, {}",
        from_each(&[IN]),
        from_each(&["key: env, operator: In, values: [dev]", NOT_IN])
    );
    let other = policy("other", &format!("{{ingress: [{}]}}", from_each(&["key: team, operator: Exists"])));
    let all = cluster(&format!("{}{other}", lets_in(&rules)));
    let decision = decide(&all, &stranger(), &end("*@shop"), "80");
    let step = step(&decision, Gate::Ingress);
    assert_eq!(step.verdict, Verdict::Allowed);
    assert_eq!(step.reason, "rules together let it in, whatever labels namespace `other` has");
    // What lets it pass only together with these, and what they do not need, is none of them.
    assert_eq!(decided_by(step), ["in#1", "in#4"]);
    assert!(step.misses.is_empty());
}

#[test]
fn rules_of_two_policies_are_both_named() {
    let one = |name: &str, test: &str| policy(name, &format!("{{ingress: [{}]}}", from_each(&[test])));
    let decision = decide(&cluster(&format!("{}{}", one("a", IN), one("b", NOT_IN))), &stranger(), &end("*@shop"), "80");
    let step = step(&decision, Gate::Ingress);
    assert_eq!((step.verdict.clone(), decided_by(step)), (Verdict::Allowed, vec!["a#1".to_owned(), "b#1".to_owned()]));
    assert_eq!(step.reason, "rules together let it in, whatever labels namespace `other` has");
    assert!(step.misses.is_empty());
}

/// One rule whose peers are complements is a rule that lets it in.
#[test]
fn a_rule_that_holds_whatever_the_labels_are_is_named_alone() {
    let all = cluster(&lets_in(&format!("{{ports: [{{port: 81}}]}}, {{from: [{}, {}]}}", peer(IN), peer(NOT_IN))));
    let decision = decide(&all, &stranger(), &end("*@shop"), "80");
    let step = step(&decision, Gate::Ingress);
    assert_eq!((decided_by(step), &*step.reason), (vec!["in#2".to_owned()], "a rule lets it in"));
}
