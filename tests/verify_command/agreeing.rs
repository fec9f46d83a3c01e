//! Every counterexample, asked back: whoever pastes it into `explain` hears what the comparison says of it.

use std::fmt::Write as _;

use super::{CONFIG, SHOP, caller, json, labelled, network};
use crate::cli::Place;

/// A program and its settings, compiled into `manifests`.
fn compiled(program: &str, config: &str) -> Place {
    let place = Place::with(&[("intents/p.intent", program), ("twogate.toml", config)]);
    let ran = place.run("compile -o manifests");
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    place
}

/// Neighbours that the program knows, by what it declares of them.
const NEIGHBOURS: &str = "namespace shop {
  workload web = app=web account web
  workload db = app=db account db
  allow web -> db:5432 mtls
  allow app=prom@ops -> db:9000 mtls
  allow *@legacy -> web:80
  allow web -> app=x@far:80
}
external namespace ops mesh sidecar {
  workload prom = app=prom account prom
}
external namespace legacy mesh none {}
external namespace far {}
";

/// The files that a program compiles to but for some, as one text.
fn without(place: &Place, left_out: &[&str]) -> String {
    let mut text = String::new();
    for name in ["networkpolicies", "authorizationpolicies", "peerauthentications"].iter().filter(|name| !left_out.contains(name)) {
        let own = std::fs::read_to_string(place.path(&format!("manifests/shop/{name}.yaml"))).unwrap();
        write!(text, "{own}---\n").unwrap();
    }
    text
}

fn deployment(app: &str, labels: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {app}, namespace: shop}}\nspec: {{selector: {{matchLabels: {{app: {app}}}}}, \
         template: {{metadata: {{labels: {{app: {app}{labels}}}}}, spec: {{serviceAccountName: {app}, containers: [{{name: main, image: x}}]}}}}}}\n"
    )
}

/// What is asked of one edit.
struct Asked {
    relation: String,
    flows: Vec<String>,
    notes: String,
    status: i32,
}

/// Asks every counterexample back, and wants of `explain` the verdict that the comparison has.
fn ask(place: &Place, edit: &str, manifests: &str) -> Asked {
    place.put("edited.yaml", manifests.as_bytes());
    let ran = place.run("verify intents --manifests edited.yaml --format json");
    let value = json(&ran);
    let mut flows = Vec::new();
    for one in value["differences"].as_array().unwrap_or_else(|| panic!("{edit}: {value}")) {
        let flow = one["flow"].as_str().unwrap();
        let answer = json(&place.run(&format!("explain '{flow}' intents --manifests edited.yaml --format json")));
        // Namespaces of others are compared with whatever labels they may get; who asks hears that a namespace which is shown has others.
        if flow.contains("@[env=prod,kubernetes.io/metadata.name=ops]") && manifests.contains("name: ops, labels") {
            assert_eq!(answer["findings"][0]["code"], "unclear-flow", "{edit}: {flow}: {answer}");
            continue;
        }
        let said = one["manifests"].as_str().unwrap();
        assert_eq!(answer["verdict"].as_str(), said.split(' ').next(), "{edit}: {flow}: {said}: {answer}");
        flows.push(flow.to_owned());
    }
    let (relation, notes) = (value["relation"].as_str().unwrap().to_owned(), value["notes"].to_string());
    Asked { relation, flows, notes, status: ran.status }
}

/// What somebody changed by hand: the compiled files that are gone, and what stands beside the others.
fn edits() -> Vec<(&'static str, Vec<&'static str>, String)> {
    let shop = |labels: &str| labelled("shop", &format!("env: prod{labels}"));
    let (ambient, disabled, none) =
        (", istio.io/dataplane-mode: ambient", ", istio-injection: disabled", ", istio.io/dataplane-mode: none");
    let open = network("open", "{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}");
    let tunnel = network("tunnel", "{podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: 15008}]}]}");
    let identities = caller("ids", "{rules: [{from: [{source: {principals: ['*']}}]}]}");
    let strangers = caller("strangers", "{action: DENY, rules: [{from: [{source: {notNamespaces: [shop]}}]}]}");
    let ops = "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ops}}";
    let from_ops = network("ops", &format!("{{podSelector: {{}}, policyTypes: [Ingress], ingress: [{{from: [{{{ops}}}]}}]}}"));
    let (network_alone, mesh) = (vec!["authorizationpolicies", "peerauthentications"], vec!["networkpolicies"]);
    let deployments = |web: &str| format!("{}---\n{}", deployment("web", web), deployment("db", ""));
    let refused = ", sidecar.istio.io/inject: 'false'";
    vec![
        ("network gate gone, ambient", mesh.clone(), shop(ambient)),
        ("network gate gone, no injection", mesh.clone(), shop(disabled)),
        ("network gate gone, no injection, workloads shown", mesh.clone(), shop(disabled) + "---\n" + &deployments("")),
        ("network gate gone, one workload outside", mesh, shop("") + "---\n" + &deployments(refused)),
        ("mesh gate gone, no injection", network_alone.clone(), shop(disabled)),
        ("mesh gate gone, ambient", network_alone.clone(), shop(ambient)),
        ("all open, no ztunnel", network_alone.clone(), format!("{open}---\n{}", shop(none))),
        ("open, no injection", vec![], format!("{open}---\n{}", shop(disabled))),
        ("open, ambient", vec!["peerauthentications"], format!("{open}---\n{}", shop(ambient))),
        ("tunnel, no injection", vec![], format!("{tunnel}---\n{}", shop(disabled))),
        ("any identity, ops ambient", network_alone, format!("{identities}---\n{}", labelled("ops", &ambient[2..]))),
        ("ops let in, ops without injection", vec![], format!("{from_ops}---\n{}", labelled("ops", &disabled[2..]))),
        ("strangers denied, shop and ops without injection", vec![], {
            format!("{strangers}---\n{}---\n{}", shop(disabled), labelled("ops", &disabled[2..]))
        }),
        ("strangers denied, ops ambient", vec![], format!("{strangers}---\n{}", labelled("ops", &ambient[2..]))),
    ]
}

/// What manifests show of the mesh is what pods are told as, whatever the comparison takes for granted.
#[test]
fn counterexamples_are_what_the_manifests_do_where_assumptions_are_broken() {
    let mut asked = 0;
    for (program, config) in [(SHOP, CONFIG), (NEIGHBOURS, CONFIG)] {
        let place = compiled(program, config);
        for (edit, left_out, beside) in edits() {
            let found = ask(&place, edit, &(without(&place, &left_out) + &beside));
            asked += found.flows.len();
            assert!(!found.flows.is_empty() || ["equal", "undecided"].contains(&&*found.relation), "{edit}: {}", found.relation);
        }
    }
    assert!(asked > 100, "{asked}");
}

/// A pod that no injector reaches speaks no mTLS. What sidecars would do there is no counterexample, and nothing is called equal.
#[test]
fn what_differs_between_pods_as_they_are_assumed_alone_is_noted() {
    let place = compiled(SHOP, CONFIG);
    let deny = caller("deny", "{action: DENY, rules: [{to: [{operation: {ports: ['5432']}}]}]}");
    let held = without(&place, &[]) + &deny;
    let injected = ask(&place, "injected", &format!("{held}---\n{}", labelled("shop", "env: prod, istio-injection: enabled")));
    assert_eq!((&*injected.relation, &*injected.notes, injected.status), ("narrower", "[]", 1), "{:?}", injected.flows);
    // The flow is of pods without sidecars now: intents and manifests stop it, as there is no mTLS.
    let outside = ask(&place, "outside", &format!("{held}---\n{}", labelled("shop", "env: prod, istio-injection: disabled")));
    assert_eq!((&*outside.relation, outside.status), ("narrower", 1), "{:?}", outside.flows);
}
