//! The definition, case by case: what passes and what does not, each program small enough to judge by eye.

use twogate::meaning;

use crate::support::{compiled, flow, with_config};

/// Programs of one test and the labels of their namespaces; flows with `+` pass, flows with `-` do not.
fn judged(program: &str, config: &str, labels: &[(&str, &str)], flows: &[&str]) {
    let outcome = with_config(program, config);
    for line in flows {
        let (sign, text) = line.split_once(' ').unwrap();
        let passes = meaning::passes(&outcome.policy, &flow(text, labels));
        assert_eq!(passes, sign == "+", "{text}\n{program}");
    }
}

fn case(program: &str, flows: &[&str]) {
    judged(program, "", &[], flows);
}

#[test]
fn an_allow_opens_both_ends_and_nothing_else() {
    case(
        "namespace shop\nallow app=web -> app=db:5432",
        &[
            "+ app=web@shop -> app=db@shop:5432",
            "- app=web@shop -> app=db@shop:5433",
            "- app=web@shop -> app=db@shop:5432/udp",
            "- app=db@shop -> app=web@shop:5432",
            "- app=web@pay -> app=db@shop:5432",
            "- app=x@shop -> app=db@shop:5432",
        ],
    );
}

#[test]
fn one_sided_rules_open_one_end() {
    case("namespace shop\nallow in app=web@ext -> app=db:1", &["+ app=web@ext -> app=db@shop:1"]);
    // Both ends are judged: `allow in` leaves the caller's end shut.
    case("namespace shop\nallow in app=web -> app=db:1", &["- app=web@shop -> app=db@shop:1"]);
    case("namespace shop\nallow out app=web -> app=db:1", &["- app=web@shop -> app=db@shop:1"]);
    case("namespace shop\nallow in app=web -> app=db:1\nallow out app=web -> app=db:1", &["+ app=web@shop -> app=db@shop:1"]);
}

#[test]
fn unmanaged_ends_always_pass() {
    case(
        "namespace shop\nallow app=web -> app=db",
        &["+ app=x@ext -> app=y@other:1", "+ app=x@ext -> 192.0.2.1:1", "- app=x@ext -> app=db@shop:1", "- app=db@shop -> app=x@ext:1"],
    );
    case("namespace shop\nallow app=web -> app=y@ext:9", &["+ app=web@shop -> app=y@ext:9"]);
}

#[test]
fn addresses_and_anywhere_open_no_end_of_their_own() {
    case(
        "namespace shop\nallow anywhere -> app=web:80",
        &["+ 192.0.2.1 -> app=web@shop:80", "+ app=x@ext -> app=web@shop:80", "- app=api@shop -> app=web@shop:80"],
    );
    case("namespace shop\nallow *@* -> app=web:80", &["+ app=api@shop -> app=web@shop:80", "- 192.0.2.1 -> app=web@shop:80"]);
    case(
        "namespace shop\nallow app=web -> anywhere:80",
        &[
            "+ app=web@shop -> 192.0.2.1:80",
            "+ app=web@shop -> app=x@ext:80",
            "- app=web@shop -> app=api@shop:80",
            "- app=web@shop -> 169.254.169.254:80",
        ],
    );
}

#[test]
fn address_endpoints_never_match_pods() {
    case(
        "namespace shop\nallow 0.0.0.0/0 -> app=web:80",
        &["+ 192.0.2.1 -> app=web@shop:80", "- app=x@ext -> app=web@shop:80", "- [2001:db8::1] -> app=web@shop:80"],
    );
    case(
        "namespace shop\nnetwork office = 203.0.113.0/24 except 203.0.113.128/25\nallow office -> app=web:80",
        &["+ 203.0.113.9 -> app=web@shop:80", "- 203.0.113.200 -> app=web@shop:80"],
    );
}

#[test]
fn open_directions_and_close() {
    let open = "namespace shop open ingress egress\nclose in app=db\nallow app=web -> app=db:5432";
    case(
        open,
        &[
            "+ app=x@ext -> app=web@shop:1",
            "+ app=x@shop -> 192.0.2.1:1",
            "- app=x@shop -> app=db@shop:5432",
            "+ app=web@shop -> app=db@shop:5432",
            "+ app=db@shop -> app=x@ext:1",
        ],
    );
    case(
        "namespace shop open egress\nallow in app=x@ext -> app=db:1",
        &["+ app=web@shop -> 192.0.2.1:1", "- app=web@shop -> app=db@shop:1", "+ app=x@ext -> app=db@shop:1"],
    );
    case("namespace shop open ingress egress\nclose app=db", &["- app=db@shop -> 192.0.2.1:1", "- 192.0.2.1 -> app=db@shop:1"]);
}

#[test]
fn the_baseline_stays() {
    let flows = [
        "+ app=web@shop -> k8s-app=kube-dns@kube-system:53/udp",
        "+ app=web@shop -> k8s-app=kube-dns@kube-system:53",
        "+ app=web@shop -> app=istiod@istio-system:15012",
        "- app=web@shop -> k8s-app=kube-dns@kube-system:54",
        "- app=web@shop -> app=x@kube-system:53",
    ];
    case("namespace shop\nallow app=a -> app=b", &flows);
    case("namespace shop mesh none\nallow app=a -> app=b", &["- app=web@shop -> app=istiod@istio-system:15012"]);
    judged(
        "namespace shop\nallow app=a -> app=b",
        "[dns]\nports = [\"5353/udp\"]\n",
        &[],
        &["+ app=web@shop -> k8s-app=kube-dns@kube-system:5353/udp", "- app=web@shop -> k8s-app=kube-dns@kube-system:53/udp"],
    );
}

/// A managed namespace that holds DNS keeps it reachable.
#[test]
fn the_baseline_holds_at_the_servers_end() {
    let config = "[tenancy]\nsystem-namespaces = [\"kube-system\"]\n";
    let program =
        "namespace kube-system mesh none { allow out k8s-app=kube-dns -> outside:53/udp }\nnamespace shop { allow app=x -> app=y }\n";
    judged(
        program,
        config,
        &[],
        &[
            "+ app=x@shop -> k8s-app=kube-dns@kube-system:53/udp",
            "+ app=x@ext -> k8s-app=kube-dns@kube-system:53",
            "- app=x@shop -> app=other@kube-system:53/udp",
        ],
    );
}

#[test]
fn consent_decides_whose_rules_open_an_end() {
    let one = "namespace shop { allow app=web -> app=db@data:1 }\nnamespace data { allow app=x -> app=x }";
    case(one, &["+ app=web@shop -> app=db@data:1"]);
    let both = "[tenancy]\nconsent = \"both\"\n";
    judged(one, both, &[], &["- app=web@shop -> app=db@data:1"]);
    judged(
        "namespace shop { allow app=web -> app=db@data:1 }\nnamespace data { allow app=web@shop -> app=db:1 }",
        both,
        &[],
        &["+ app=web@shop -> app=db@data:1"],
    );
    // A deny cuts at every managed end, whatever consent says.
    judged(
        "namespace shop { allow app=web -> app=db@data:1 }\nnamespace data { allow app=web@shop -> app=db:1 }\nnamespace ops { deny app=web@shop -> app=db@data }",
        both,
        &[],
        &["- app=web@shop -> app=db@data:1"],
    );
}

#[test]
fn deny_beats_allow_open_and_baseline() {
    case(
        "namespace shop\nallow * -> *\ndeny app=batch -> app=db",
        &["+ app=web@shop -> app=db@shop:1", "- app=batch@shop -> app=db@shop:1", "+ app=batch@shop -> app=web@shop:1"],
    );
    case(
        "namespace shop open ingress\ndeny app=batch@ext -> app=db",
        &["- app=batch@ext -> app=db@shop:1", "+ app=web@ext -> app=db@shop:1", "+ 192.0.2.1 -> app=db@shop:1"],
    );
    case(
        "namespace shop\nallow * -> *\ndeny app=quiet -> *@kube-system",
        &["- app=quiet@shop -> k8s-app=kube-dns@kube-system:53/udp", "+ app=web@shop -> k8s-app=kube-dns@kube-system:53/udp"],
    );
    case(
        "namespace shop\nallow * -> *\ndeny * -> app=db:5432",
        &["- app=web@shop -> app=db@shop:5432", "+ app=web@shop -> app=db@shop:5433"],
    );
}

#[test]
fn a_deny_on_requests_is_judged_at_the_destination() {
    let program = "namespace shop\nallow app=web -> app=api:8080 http * /{**}\ndeny app=web -> app=api:8080 http * /admin/{**}, * /admin";
    case(
        program,
        &[
            "+ app=web@shop -> app=api@shop:8080 GET /a",
            "- app=web@shop -> app=api@shop:8080 GET /admin/x",
            "- app=web@shop -> app=api@shop:8080 POST /admin",
        ],
    );
    // The destination is not managed, and the source does not judge requests.
    case(
        "namespace shop\nallow app=web -> app=api@ext:8080\ndeny app=web -> app=api@ext:8080 http * /admin",
        &["+ app=web@shop -> app=api@ext:8080 GET /admin"],
    );
}

#[test]
fn requirements_are_judged_at_the_destination() {
    case(
        "namespace shop\nallow app=web -> app=db:5432 mtls",
        &["+ app=web@shop -> app=db@shop:5432 mtls", "- app=web@shop -> app=db@shop:5432"],
    );
    let http =
        "namespace shop\nallow app=web -> app=api:8080 http GET|HEAD /v1/{**}, POST /v1/orders at shop.example.com header x-env=test";
    case(
        http,
        &[
            "+ app=web@shop -> app=api@shop:8080 GET /v1/a/b x-env=test",
            "+ app=web@shop -> app=api@shop:8080 POST /v1/orders x-env=test",
            "- app=web@shop -> app=api@shop:8080 POST /v1/a x-env=test",
            "- app=web@shop -> app=api@shop:8080 GET /v1/a",
            "- app=web@shop -> app=api@shop:8080 GET /v1/a host=other.example.com x-env=test",
            "- app=web@shop -> app=api@shop:8080",
            "- app=web@shop -> app=api@shop:8080 GET /v1 x-env=test",
        ],
    );
    case(
        "namespace shop\nallow app=web -> app=api:8080 grpc shop.Cart/Add|Get",
        &[
            "+ app=web@shop -> app=api@shop:8080 POST /shop.Cart/Add",
            "- app=web@shop -> app=api@shop:8080 GET /shop.Cart/Add",
            "- app=web@shop -> app=api@shop:8080 POST /shop.Cart/Empty",
        ],
    );
}

#[test]
fn tokens_are_demanded_and_bad_ones_refused_everywhere_on_the_pod() {
    let program = "issuer corp = \"https://id.example.com\" jwks \"https://id.example.com/keys\" audience \"shop\"\nnamespace shop\nallow app=web -> app=api:8080 http * /admin jwt corp claim groups=admin|ops\nallow app=web -> app=api:8081";
    case(
        program,
        &[
            "+ app=web@shop -> app=api@shop:8080 GET /admin token=admin",
            "+ app=web@shop -> app=api@shop:8080 GET /admin token=dev|ops",
            "- app=web@shop -> app=api@shop:8080 GET /admin token=dev",
            "- app=web@shop -> app=api@shop:8080 GET /admin",
            "+ app=web@shop -> app=api@shop:8081 GET /",
            "- app=web@shop -> app=api@shop:8081 GET / token=bad",
            // A token for another audience does not verify.
            "- app=web@shop -> app=api@shop:8081 GET / token=stray",
            "+ app=web@shop -> app=api@shop:8081",
        ],
    );
}

#[test]
fn audit_changes_no_verdict_and_manages_nothing() {
    case("namespace shop\naudit * -> app=db:5432", &["- app=web@shop -> app=db@shop:5432"]);
    case("audit app=web@ext -> app=db@ext", &["+ app=web@ext -> app=db@ext:1"]);
}

#[test]
fn labels_follow_kubernetes() {
    case(
        "namespace shop\nallow app!=web -> app=db:1",
        &["+ app=api@shop -> app=db@shop:1", "+ *@shop -> app=db@shop:1", "- app=web@shop -> app=db@shop:1"],
    );
    case(
        "namespace shop\nallow tier=* -> app=db:1\nallow tier!=* -> app=api:1",
        &["+ tier=x@shop -> app=db@shop:1", "- *@shop -> app=db@shop:1", "+ *@shop -> app=api@shop:1", "- tier=x@shop -> app=api@shop:1"],
    );
    case(
        "namespace shop\nallow app=web|api,tier=front -> app=db:1",
        &["+ app=api,tier=front@shop -> app=db@shop:1", "- app=api@shop -> app=db@shop:1"],
    );
}

#[test]
fn namespaces_by_name_and_label() {
    let labels = [("shop", "env=prod"), ("pay", "env=prod"), ("dev", "env=test")];
    let program = "namespace shop labels env=prod\nallow in app=web@[env=prod] -> app=db:1\nallow in app=web@!pay -> app=db:2\nallow in app=web@pay|dev -> app=db:3";
    judged(
        program,
        "",
        &labels,
        &[
            "+ app=web@pay -> app=db@shop:1",
            "- app=web@dev -> app=db@shop:1",
            "- app=web@pay -> app=db@shop:2",
            "+ app=web@dev -> app=db@shop:2",
            "+ app=web@dev -> app=db@shop:3",
            "- app=web@ext -> app=db@shop:3",
        ],
    );
}

#[test]
fn or_and_but() {
    case(
        "namespace shop\nallow (app=web or app=api) but tier=old -> app=db:1",
        &["+ app=web@shop -> app=db@shop:1", "+ app=api@shop -> app=db@shop:1", "- app=web,tier=old@shop -> app=db@shop:1"],
    );
    case(
        "namespace shop\nallow * -> app=a:1 or app=b:2",
        &["+ app=x@shop -> app=a@shop:1", "- app=x@shop -> app=a@shop:2", "+ app=x@shop -> app=b@shop:2"],
    );
    case("namespace shop\nallow * but app=web -> app=b:2", &["+ app=x@shop -> app=b@shop:2", "- app=web@shop -> app=b@shop:2"]);
}

#[test]
fn named_ports_hold_for_the_pods_that_have_them() {
    let program = "namespace shop\nworkload web = app=web,v=1 port http=8080\nworkload new = app=web,v=2 port http=9090\nallow app=api -> app=web:http";
    case(
        program,
        &[
            "+ app=api@shop -> app=web,v=1@shop:8080",
            "- app=api@shop -> app=web,v=1@shop:9090",
            "+ app=api@shop -> app=web,v=2@shop:9090",
            "- app=api@shop -> app=web@shop:8080",
        ],
    );
}

#[test]
fn programs_given_as_context_are_judged_by_their_own_rules() {
    use twogate::compile::{Input, compile};
    use twogate::source::{Source, Sources};
    let mut sources = Sources::default();
    let intents = vec![sources.add(Source::new("a.intent", "namespace shop\nallow app=web -> app=db@data:1\n"))];
    let with = vec![sources.add(Source::new("b.intent", "namespace data\nallow app=web@shop -> app=db:2\n"))];
    let outcome = compile(Input { sources, intents, with, ..Input::default() });
    for (text, expected) in
        [("app=web@shop -> app=db@data:1", false), ("app=web@shop -> app=db@data:2", false), ("app=x@ext -> app=db@data:2", false)]
    {
        assert_eq!(meaning::passes(&outcome.policy, &flow(text, &[])), expected, "{text}");
    }
    assert!(outcome.manifests.iter().all(|manifest| &*manifest.namespace == "shop"), "nothing is written for the other program");
}

/// The quantifiers, over a world of three pods and one port.
#[test]
fn quantifiers_of_expect() {
    let holds = |rules: &str, expectation: &str| {
        let outcome = compiled(&format!("namespace shop\n{rules}\nexpect {expectation}\n"));
        let pods = ["app=web@shop", "app=api@shop", "app=db@shop"];
        let ends = pods.iter().flat_map(|from| pods.iter().map(move |to| (from, to)));
        let texts = ends.flat_map(|(from, to)| ["", " mtls", " GET /a", " mtls GET /a"].map(|how| format!("{from} -> {to}:1{how}")));
        let world: Vec<_> = texts.map(|text| flow(&text, &[])).collect();
        meaning::holds(&outcome.policy, &outcome.policy.expectations[0], &world)
    };
    let rule = "allow app=web -> app=db:1 mtls";
    assert!(holds(rule, "deny app=api -> app=db"));
    assert!(!holds(rule, "deny app=web -> app=db"));
    assert!(holds(rule, "deny app=web -> app=db:1 plaintext"));
    assert!(holds(rule, "allow app=web -> app=db:1"), "some transport passes");
    assert!(holds(rule, "allow app=web -> app=db:1 mtls"));
    assert!(!holds(rule, "allow app=web -> app=db:1 plaintext"));
    assert!(!holds(rule, "allow app=web or app=api -> app=db:1"));
    assert!(holds(rule, "some * -> app=db:1"));
    assert!(!holds(rule, "some app=api -> app=db:1"));
    assert!(holds(rule, "only app=web -> app=db:1"));
    assert!(holds(rule, "only app=web -> app=db:1 mtls"));
    assert!(!holds("allow * -> app=db:1", "only app=web -> app=db:1"));
    assert!(!holds("allow app=web -> app=db:1", "only app=web -> app=db:1 mtls"));
    assert!(!holds(rule, "deny app=nobody@nowhere -> app=db"), "an empty product fails");
}
