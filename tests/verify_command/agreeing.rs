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

const INJECTED_SHOP: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {env: prod, istio-injection: enabled}}\n";

/// The files that a program compiles to but for some, as one text.
fn without(place: &Place, left_out: &[&str]) -> String {
    let mut text = String::new();
    for name in ["networkpolicies", "authorizationpolicies", "peerauthentications"].iter().filter(|name| !left_out.contains(name)) {
        let own = std::fs::read_to_string(place.path(&format!("manifests/shop/{name}.yaml"))).unwrap();
        writeln!(text, "{own}---").unwrap();
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

/// Asks counterexamples back, of many a dozen or so, and wants of `explain` the verdict that the comparison has.
fn ask(place: &Place, edit: &str, manifests: &str) -> Asked {
    place.put("edited.yaml", manifests.as_bytes());
    let ran = place.run("verify intents --manifests edited.yaml --format json");
    let value = json(&ran);
    let mut flows = Vec::new();
    let differences = value["differences"].as_array().unwrap_or_else(|| panic!("{edit}: {value}"));
    for one in differences.iter().step_by(1 + differences.len() / 12) {
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
    let is_any_broken = value["assumptions"].as_array().unwrap().iter().any(|one| one["status"] == "broken");
    assert!(!is_any_broken || value["relation"] != "equal", "{edit}: {value}");
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
    let by_hand = deployment("web", "").replace("{name: main, image: x}", "{name: main, image: x}, {name: istio-proxy, image: proxyv2}");
    let refused = ", sidecar.istio.io/inject: 'false'";
    vec![
        ("no injection alone", vec![], shop(disabled)),
        ("one workload outside alone", vec![], shop("") + "---\n" + &deployments(refused)),
        ("ambient alone", vec![], shop(ambient)),
        ("ops without injection alone", vec![], labelled("ops", &disabled[2..])),
        ("network gate gone, ambient", mesh.clone(), shop(ambient)),
        ("network gate gone, no injection", mesh.clone(), shop(disabled)),
        ("network gate gone, no injection, workloads shown", mesh.clone(), shop(disabled) + "---\n" + &deployments("")),
        ("network gate gone, one workload outside", mesh, shop("") + "---\n" + &deployments(refused)),
        ("open, a proxy by hand", vec![], format!("{open}---\n{}---\n{by_hand}", shop(disabled))),
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

/// Of `*@shop` whoever reads it thinks of every pod there. What holds of those that lack a label is told so.
#[test]
fn labels_that_a_pod_lacks_are_told_where_they_decide() {
    let place = compiled("namespace shop\nallow app=web -> app=db:5432\nallow *@ops -> app=db:80\n", "[mesh]\nmode = \"none\"\n");
    let own = std::fs::read_to_string(place.path("manifests/shop/networkpolicies.yaml")).unwrap();
    let without = "[{key: istio.io/dataplane-mode, operator: DoesNotExist}]";
    let from = format!("[{{from: [{{namespaceSelector: {{}}, podSelector: {{matchExpressions: {without}}}}}]}}]");
    let theirs = network("theirs", &format!("{{podSelector: {{matchLabels: {{app: db}}}}, policyTypes: [Ingress], ingress: {from}}}"));
    let found = ask(&place, "callers without a label", &format!("{own}---\n{theirs}"));
    let told = "istio.io/dataplane-mode!=*@any as other -> app=db@shop:1 in plaintext".to_owned();
    assert!(found.flows.contains(&told), "{:?}", found.flows);
    let other = network("other", "{podSelector: {matchLabels: {app: other}}, policyTypes: [Ingress]}");
    let found = ask(&place, "nothing but another workload's policy", &other);
    assert!(found.flows.iter().any(|flow| flow.contains("-> app!=*@shop:1")), "{:?}", found.flows);
}

/// A caller that no injector reaches proves no identity, and a server that takes mTLS alone stops it. What sidecars would do there is no
/// counterexample, and nothing is called equal.
#[test]
fn what_differs_between_pods_as_they_are_assumed_alone_is_noted() {
    let place = compiled(NEIGHBOURS, CONFIG);
    let ops = "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ops}}, podSelector: {matchLabels: {app: prom}}";
    let rule = format!("{{from: [{{{ops}}}], ports: [{{port: 9001}}]}}");
    let into = network("in", &format!("{{podSelector: {{matchLabels: {{app: db}}}}, policyTypes: [Ingress], ingress: [{rule}]}}"));
    let anybody = caller("ids", "{selector: {matchLabels: {app: db}}, rules: [{to: [{operation: {ports: ['9001']}}]}]}");
    let held = |ops: &str| format!("{}{into}---\n{anybody}---\n{}---\n{}", without(&place, &[]), labelled("ops", ops), INJECTED_SHOP);
    let inside = ask(&place, "injected", &held("istio-injection: enabled"));
    assert_eq!((&*inside.relation, &*inside.notes, inside.status), ("wider", "[]", 1), "{:?}", inside.flows);
    assert!(inside.flows.iter().all(|flow| flow.ends_with(":9001 over mTLS")), "{:?}", inside.flows);
    let outside = ask(&place, "outside", &held("istio-injection: disabled"));
    assert_eq!((&*outside.relation, outside.flows.len(), outside.status), ("undecided", 0, 1), "{:?}", outside.flows);
    let noted = "1 class of connections differs only where pods take part in the mesh as is taken for granted";
    assert!(outside.notes.contains(noted), "{}", outside.notes);
    let ran = place.run("verify intents --manifests edited.yaml");
    assert!(ran.stdout.starts_with("undecided: what differs hangs on how pods take part in the mesh; and "), "{}", ran.stdout);
}

/// Where the manifests turn pods out of the mesh that the intents have in it, what they do with these as they are is looked for as well: a
/// server without its sidecar asks nobody who calls (`semantics.md` §2.1).
#[test]
fn what_only_pods_that_are_turned_out_of_the_mesh_let_in_is_told() {
    let place = compiled(SHOP, CONFIG);
    let refused = deployment("db", ", sidecar.istio.io/inject: 'false'");
    let ways = [
        ("the namespace", labelled("shop", "env: prod, istio-injection: disabled")),
        ("a workload", format!("{INJECTED_SHOP}---\n{refused}")),
    ];
    for (turned, beside) in ways {
        let found = ask(&place, turned, &format!("{}{beside}", without(&place, &[])));
        assert_eq!((&*found.relation, found.status), ("wider", 1), "{turned}: {:?}", found.flows);
        let told = "app=web@shop as web -> app=db@shop:5432 in plaintext";
        assert!(found.flows.iter().any(|flow| flow == told), "{turned}: {:?}", found.flows);
    }
    // The pods of a caller that lost its sidecar are stopped where they were let in, and as the intents say.
    let caller = format!("{}{INJECTED_SHOP}---\n{}", without(&place, &[]), deployment("web", ", sidecar.istio.io/inject: 'false'"));
    let found = ask(&place, "a caller", &caller);
    assert_eq!((&*found.relation, found.status), ("undecided", 1), "{:?}", found.flows);
}

/// Of pods on the network of their node nobody knows what policies do (`semantics.md` §1.7): whatever the manifests do with one as it is, at
/// either end, is no certain difference, and `explain` leaves it open too.
#[test]
fn pods_on_the_network_of_their_node_are_no_certain_difference() {
    let on_host = |app: &str| deployment(app, "").replace("spec: {serviceAccountName", "spec: {hostNetwork: true, serviceAccountName");
    let refused = |app: &str| deployment(app, ", sidecar.istio.io/inject: 'false'");
    let ways = [("the server", [deployment("web", ""), on_host("db")]), ("the client", [on_host("web"), refused("db")])];
    // Nobody else may call, who would find the server without its sidecar.
    let program = SHOP.replace("allow app=probe@[env=prod] -> db:9000 mtls\n", "");
    for (end, shown) in ways {
        let place = compiled(&program, CONFIG);
        let found = ask(&place, end, &format!("{}{INJECTED_SHOP}---\n{}", without(&place, &[]), shown.join("---\n")));
        assert_eq!((&*found.relation, found.status), ("undecided", 1), "{end}: {:?}", found.flows);
        let page = place.run("explain 'app=web@shop -> app=db@shop:5432 plaintext' intents --manifests edited.yaml").stdout;
        assert!(page.starts_with("UNSPECIFIED"), "{end}: {page}");
    }
    // So it is where policies let everybody in, which the comparison finds without looking at who is shown.
    let open = network("open", "{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}");
    let place = compiled(&program, CONFIG);
    let found = ask(&place, "open", &format!("{}{INJECTED_SHOP}---\n{}---\n{open}", without(&place, &[]), on_host("db")));
    let of_db: Vec<&String> = found.flows.iter().filter(|flow| flow.contains("app=db@shop")).collect();
    assert!(found.status == 1 && !of_db.is_empty(), "{:?}", found.flows);
    // Beside it stands what other pods do that are turned out of the mesh.
    let place = compiled(SHOP, CONFIG);
    let shown = [on_host("agent"), deployment("web", ""), refused("db")].join("---\n");
    let found = ask(&place, "another pod", &format!("{}{INJECTED_SHOP}---\n{shown}", without(&place, &[])));
    assert_eq!((&*found.relation, found.status), ("wider", 1), "{:?}", found.flows);
}

/// A namespace that is shown without labels, beside others whose labels take their pods in, is outside of the mesh whether or not its workloads
/// are shown (`semantics.md` §2.1); where no label takes any in, nothing shows it.
#[test]
fn a_namespace_without_labels_is_outside_beside_those_that_join_by_labels() {
    let injected = labelled("other", "istio-injection: enabled");
    let bare = labelled("shop", "env: prod");
    let workloads = [deployment("web", ""), deployment("db", "")].join("---\n");
    let flow = "app=web@shop as web -> app=db@shop:5432 in plaintext";
    for (shown, beside) in [("labels", format!("{injected}---\n{bare}")), ("workloads", format!("{injected}---\n{bare}---\n{workloads}"))] {
        let place = compiled(SHOP, CONFIG);
        let found = ask(&place, shown, &(without(&place, &[]) + &beside));
        assert_eq!((&*found.relation, found.status), ("wider", 1), "{shown}: {:?}", found.flows);
        assert!(found.flows.iter().any(|told| told == flow), "{shown}: {:?}", found.flows);
        let told = place.run("verify intents --manifests edited.yaml").stdout;
        assert!(told.contains("  broken   sidecars capture the ports"), "{shown}: {told}");
        let page = place.run("explain 'app=web@shop -> app=db@shop:5432 plaintext' intents --manifests edited.yaml").stdout;
        assert!(page.contains("no mesh to no mesh") && page.contains("no label takes pods of `shop` into the mesh"), "{shown}: {page}");
        // Whoever says how pods join is believed.
        place.put("twogate.toml", format!("{CONFIG}[mesh]\nmode = \"sidecar\"\n").as_bytes());
        assert_eq!(ask(&place, shown, &(without(&place, &[]) + &beside)).relation, "equal", "{shown}");
    }
    let place = compiled(SHOP, CONFIG);
    let found = ask(&place, "nobody joins by labels", &(without(&place, &[]) + &bare));
    assert_eq!((&*found.relation, found.status), ("equal", 0), "{:?}", found.flows);
}

/// Pods without sidecars speak plaintext: where mTLS alone would have passed, that does.
#[test]
fn what_sidecars_would_let_in_is_told_in_plaintext_of_pods_without_them() {
    let place = compiled(SHOP, CONFIG);
    let held = format!("{}{}---\n{}", without(&place, &[]), super::wider(), labelled("shop", "env: prod, istio-injection: disabled"));
    let found = ask(&place, "outside", &held);
    assert_eq!(found.relation, "wider", "{:?}", found.flows);
    assert_eq!(found.flows[0], "app=web@shop as web -> app=db@shop:5433 in plaintext");
}

/// Whoever asks for callers that prove who they are has a mesh, if nothing but the intents says so: `explain` takes sidecars for granted
/// where `verify` does. Without a word of one neither does of workloads that are shown.
#[test]
fn intents_that_ask_who_calls_speak_of_a_mesh() {
    let shown = format!("{}---\n{}", deployment("web", ""), deployment("db", ""));
    let only = network("only", "{podSelector: {matchLabels: {app: other}}, policyTypes: [Ingress]}");
    let manifests = format!("{only}---\n{}---\n{shown}", labelled("shop", "env: prod"));
    let plain = "namespace shop labels env=prod\nallow app=web -> app=db:5432\n";
    for (program, is_meshed) in [(SHOP, true), (plain, false)] {
        let place = compiled(program, CONFIG);
        let found = ask(&place, program, &manifests);
        assert_eq!(found.relation, "wider");
        let page = place.run("explain 'app=web@shop -> app=db@shop:80' intents --manifests edited.yaml").stdout;
        assert_eq!(page.contains("sidecar to sidecar"), is_meshed, "{page}");
        assert_eq!(page.contains("no manifest speaks of a mesh"), !is_meshed, "{page}");
        assert_eq!(page.contains("no label says that pods of `shop` are in the mesh"), is_meshed, "{page}");
    }
}
