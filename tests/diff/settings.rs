//! What changes in `twogate.toml`: every key that can matter for what passes is told, and none for nothing where its effect is in no line.

use std::collections::BTreeSet;

use twogate::compile::Input;
use twogate::config::KEYS;
use twogate::diff::{Compared, Condition, Detail, Fact, FactKind, Failing, Revision, intents};
use twogate::source::Source;

const HTTP: &str = "namespace shop mesh sidecar\nworkload web = app=web account web\nallow web -> app=api:80 mtls http GET /a\nallow 203.0.113.0/24 -> app=api:81\n";
const PLAIN: &str = "namespace shop mesh sidecar\nworkload web = app=web account web\nallow web -> app=api:80 mtls\n";
const NO_MESH: &str = "namespace shop mesh none\nallow app=web -> app=api:80\n";

fn side(intents: &str, config: &str) -> Revision {
    let mut input = Input::default();
    let file = input.sources.add(Source::new("shop.intent", intents));
    input.intents.push(file);
    input.config = Some(input.sources.add(Source::new("twogate.toml", config)));
    Revision { name: String::new(), input }
}

/// The same intents under two configurations.
fn compared(text: &str, base: &str, head: &str) -> Compared {
    intents(side(text, base), side(text, head), Detail::Access).map_err(|unjudged| unjudged.findings).unwrap()
}

/// `mesh.istio` and a value, as a file of their own.
fn file(key: &str, value: &str) -> String {
    let (section, key) = key.split_once('.').unwrap();
    format!("[{section}]\n{key} = {value}\n")
}

/// What is told of a key that has one value, and then another.
fn told(text: &str, key: &str, [base, head]: [&str; 2]) -> Fact {
    let compared = compared(text, &file(key, base), &file(key, head));
    let of_key = |fact: &&Fact| matches!(fact.kind, FactKind::Setting | FactKind::Unknown) && fact.text.contains(&format!("`{key}`"));
    let facts: Vec<&Fact> = compared.report.facts.iter().filter(of_key).collect();
    let [fact] = facts.as_slice() else { panic!("{key}: {:#?}", compared.report.facts) };
    let any = Condition { failing: Failing::Any, scope: None };
    assert!(any.is_met(&compared.report, [&compared.base, &compared.head]), "{key}");
    assert_eq!(compared.report.changes_access(), fact.kind == FactKind::Unknown || !compared.report.entries.is_empty(), "{key}");
    (*fact).clone()
}

/// Keys and two values each, with whether lines tell what becomes of access.
const LINES: [(&str, [&str; 2]); 18] = [
    ("mesh.mode", ["\"sidecar\"", "\"ambient\""]),
    ("mesh.istio", ["\"1.25\"", "\"1.26\""]),
    ("cluster.kubernetes", ["\"1.25\"", "\"1.27\""]),
    ("cluster.node-cidrs", ["[]", "[\"10.1.0.0/16\"]"]),
    ("cluster.api-server", ["[]", "[\"10.1.0.1\"]"]),
    ("cluster.metadata", ["[]", "[\"169.254.169.254\"]"]),
    ("dns.pods", ["\"a=b@kube-system\"", "[]"]),
    ("dns.ports", ["[53]", "[5353]"]),
    ("dns.node-local", ["[]", "[\"169.254.20.10\"]"]),
    ("control-plane.pods", ["\"a=b@istio-system\"", "[]"]),
    ("control-plane.ports", ["[15012]", "[15013]"]),
    ("scraper.pods", ["\"a=b@metrics\"", "[]"]),
    ("scraper.ports", ["[15020]", "[15090]"]),
    ("tenancy.consent", ["\"either\"", "\"both\""]),
    ("tenancy.system-namespaces", ["[]", "[\"kube-system\"]"]),
    // Nobody had said it.
    ("network-plugin.sctp", ["\"unknown\"", "\"yes\""]),
    ("network-plugin.ipblock-matches-pods", ["\"unknown\"", "\"no\""]),
    ("ingress.source", ["\"unknown\"", "\"client\""]),
];

const UNKNOWN: [(&str, [&str; 2]); 18] = [
    // That a namespace has sidecars is written, and so pods of others are taken for such on both sides.
    ("mesh.mode", ["\"sidecar\"", "\"none\""]),
    // Accounts are written as identities with the trust domain.
    ("mesh.istio", ["\"1.25\"", "\"1.24\""]),
    ("mesh.trust-domain", ["\"cluster.local\"", "\"corp.test\""]),
    ("mesh.trust-domain-aliases", ["[]", "[\"corp.test\"]"]),
    ("mesh.root-namespace", ["\"istio-system\"", "\"istio-config\""]),
    ("mesh.path-normalization", ["\"merge-slashes\"", "\"none\""]),
    ("mesh.hbone-from-sidecars", ["\"yes\"", "\"no\""]),
    ("mesh.layered-waypoint-policies", ["\"no\"", "\"yes\""]),
    ("mesh.auto-allow-waypoint", ["\"no\"", "\"unknown\""]),
    ("mesh.probe-sources", ["[\"169.254.7.127\"]", "[\"10.0.0.1\"]"]),
    ("cluster.pod-cidrs", ["[\"10.0.0.0/16\"]", "[\"10.9.0.0/16\"]"]),
    ("cluster.service-cidrs", ["[]", "[\"10.9.0.0/16\"]"]),
    ("network-plugin.ipblock-matches-pods", ["\"no\"", "\"unknown\""]),
    ("network-plugin.end-port", ["\"yes\"", "\"no\""]),
    ("network-plugin.named-ports", ["\"yes\"", "\"unknown\""]),
    ("network-plugin.sctp", ["\"no\"", "\"yes\""]),
    ("ingress.source", ["\"client\"", "\"nodes\""]),
    ("ingress.source", ["[\"203.0.113.7\"]", "[\"203.0.113.8\"]"]),
];

#[test]
fn every_key_that_can_matter_is_told() {
    for (key, values) in LINES {
        let fact = told(HTTP, key, values);
        assert_eq!(fact.kind, FactKind::Setting, "{fact:?}");
    }
    for (key, values) in UNKNOWN {
        let fact = told(HTTP, key, values);
        assert!(fact.kind == FactKind::Unknown && fact.text.contains("its effect on what passes is not known"), "{fact:?}");
    }
    let tried: BTreeSet<&str> = LINES.iter().chain(&UNKNOWN).map(|(key, _)| *key).collect();
    let matters = |key: &&str| !key.starts_with("output.") && !key.starts_with("lints.") && *key != "diff.allow";
    assert_eq!(KEYS.iter().map(|key| key.name).filter(matters).collect::<BTreeSet<_>>(), tried);
}

#[test]
fn both_values_of_a_key_are_told() {
    let fact = told(HTTP, "mesh.path-normalization", ["\"merge-slashes\"", "\"none\""]);
    assert!(fact.text.starts_with("`mesh.path-normalization` is `none`; it was `merge-slashes`; "), "{}", fact.text);
    let fact = told(HTTP, "cluster.pod-cidrs", ["[]", "[\"10.9.0.0/16\", \"fd00::/64\"]"]);
    assert!(fact.text.starts_with("`cluster.pod-cidrs` is `10.9.0.0/16`, `fd00::/64`; it was empty; "), "{}", fact.text);
    assert!(fact.text.ends_with("compare the manifests of both sides (`twogate diff --manifests`)"), "{}", fact.text);
    let fact = told(HTTP, "dns.pods", ["[]", "[\"a=b@kube-system\", \"*@dns\"]"]);
    assert_eq!(fact.text, "`dns.pods` is `*@dns`, `a=b@kube-system`; it was empty");
}

/// Defaults count: whoever writes one out has changed nothing.
#[test]
fn values_are_compared_and_not_their_text() {
    let written: String = ["[mesh]\nmode = \"sidecar\"\nistio = \"1.25.0\"\n", "[dns]\nports = [53, \"53/udp\"]\n"].concat();
    assert_eq!(compared(HTTP, "", &written).report.facts, []);
    for quiet in ["[output]\nlayout = \"namespaces\"\n", "[lints]\nunused-name = \"off\"\n"] {
        assert_eq!(compared(HTTP, "", quiet).report.facts, [], "{quiet}");
    }
}

/// Where nothing hangs on a key, its change is a fact and no alarm.
#[test]
fn keys_on_which_nothing_hangs_are_no_alarm() {
    assert_eq!(told(PLAIN, "mesh.path-normalization", ["\"base\"", "\"none\""]).kind, FactKind::Setting);
    for key in ["mesh.trust-domain", "mesh.root-namespace"] {
        let [base, head] =
            ["\"a\"", "\"b\""].map(|value| "[mesh]\nmode = \"none\"\n".to_owned() + &file(key, value).replace("[mesh]\n", ""));
        let compared = compared(NO_MESH, &base, &head);
        assert!(compared.report.facts.iter().all(|fact| fact.kind == FactKind::Setting), "{:?}", compared.report.facts);
        assert_eq!(compared.report.facts.len(), 1);
    }
}

#[test]
fn how_pods_of_others_take_part_in_the_mesh_is_not_passed_over() {
    for others in ["external namespace pay {\n}\nallow *@pay -> app=db:80 mtls\n", "allow *@* -> app=db:80 mtls\n"] {
        let text = format!("namespace shop mesh sidecar\n{others}");
        let report = compared(&text, "", "[mesh]\nmode = \"none\"\n").report;
        assert!(report.changes_access() && report.unknown().any(|fact| fact.text.contains("`mesh.mode`")), "{:?}", report.facts);
    }
}

/// What holds for everybody names its key.
#[test]
fn what_holds_everywhere_names_its_key() {
    let text = "namespace pay {\nallow app=a -> app=db@shop:5432\n}\nnamespace shop {\n}\n";
    let report = compared(text, "", "[tenancy]\nconsent = \"both\"\n").report;
    let causes: Vec<&str> = report.entries.iter().flat_map(|entry| &entry.causes).map(|cause| cause.text.as_str()).collect();
    assert_eq!(causes, ["`tenancy.consent` is `both`; it was `either`"]);
    let report = compared("namespace shop\nallow app=a -> app=db:5432\n", "", "[mesh]\nmode = \"none\"\n").report;
    let causes = report.entries.iter().flat_map(|entry| &entry.causes).map(|cause| cause.text.as_str());
    assert!(causes.clone().any(|cause| cause == "`mesh.mode` is `none`; it was `sidecar`"), "{:?}", causes.collect::<Vec<_>>());
}

/// A finding that both sides have may be an error on one of them only.
#[test]
fn a_finding_that_becomes_an_error_is_told() {
    let raised = "[lints]\nnamespace-identity = \"error\"\n";
    let text = "namespace shop\nallow app=a -> app=db:80 mtls\n";
    let facts = |base: &str, head: &str| compared(text, base, head).report.facts;
    let [come] = &*facts("", raised) else { panic!() };
    assert!(come.kind == FactKind::Error && come.fails && come.text.starts_with("namespace-identity: "), "{come:?}");
    let [gone] = &*facts(raised, "") else { panic!() };
    assert!(gone.kind == FactKind::Error && !gone.fails, "{gone:?}");
    assert_eq!(facts(raised, raised), []);
}
