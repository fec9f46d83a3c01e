//! `twogate verify`, through the binary: manifests that are equal, wider, narrower, different or undecided, and a dump in which
//! what the proof takes for granted holds, breaks or stays open.

mod agreeing;
mod assumed;
mod beside_open;
mod elsewhere;
mod gateways;
mod named_ports;
mod patterns;
mod told;
mod unjudged;

use std::fmt::Write as _;

use serde_json::Value;

use crate::cli::{Place, Ran};

const SHOP: &str = "namespace shop labels env=prod

workload web = app=web account web
workload db = app=db account db

allow web -> db:5432 mtls
allow app=probe@[env=prod] -> db:9000 mtls
";

const CONFIG: &str = "[cluster]\npod-cidrs = [\"10.244.0.0/16\"]\n";

/// A folder with that program, compiled into `manifests`.
fn shop() -> Place {
    let place = Place::with(&[("intents/shop.intent", SHOP), ("twogate.toml", CONFIG)]);
    assert_eq!(place.run("compile -o manifests").status, 0);
    place
}

fn network(name: &str, spec: &str) -> String {
    format!("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: shop}}\nspec: {spec}\n")
}

fn caller(name: &str, spec: &str) -> String {
    format!("apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: {name}, namespace: shop}}\nspec: {spec}\n")
}

/// Rules that let in more, at both gates.
fn wider() -> String {
    let ingress = network(
        "wide-in",
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5433}]}]}",
    );
    let egress = network(
        "wide-out",
        "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: 5433}]}]}",
    );
    let mesh = caller(
        "wide",
        "{selector: {matchLabels: {app: db}}, action: ALLOW, rules: [{from: [{source: {serviceAccounts: [web]}}], to: [{operation: {ports: ['5433']}}]}]}",
    );
    format!("{ingress}---\n{egress}---\n{mesh}")
}

fn narrower() -> String {
    caller("narrow", "{selector: {matchLabels: {app: db}}, action: DENY, rules: [{to: [{operation: {ports: ['5432']}}]}]}")
}

const UNDECIDED: &str = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: theirs, namespace: shop}\nspec: {endpointSelector: {matchLabels: {app: db}}}\n";

/// Compares with `snapshots/verify/<name>.snap`.
fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(crate::pages::root().join("snapshots/verify"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}\n{}{}", ran.stdout, ran.stderr))
}

#[test]
fn each_relation_is_told_by_its_name_and_its_flows() {
    let different = format!("{}---\n{}", wider(), narrower());
    let cases = [
        ("equal", 0, String::new()),
        ("wider", 1, wider()),
        ("narrower", 1, narrower()),
        ("different", 1, different),
        ("undecided", 1, UNDECIDED.to_owned()),
    ];
    let mut text = String::new();
    for (relation, status, beside) in cases {
        let place = shop();
        place.put("manifests/theirs.yaml", beside.as_bytes());
        let arguments = "verify --manifests manifests";
        let ran = place.run(arguments);
        assert_eq!(ran.status, status, "{relation}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.starts_with(&format!("{relation}: ")), "{relation}: {}", ran.stdout);
        writeln!(text, "# {relation}\n{}", ran.transcript(arguments)).unwrap();
        let value = json(&place.run("verify --manifests manifests --format json"));
        assert_eq!(value["relation"], relation);
        let sides: Vec<(bool, bool)> = value["differences"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| (line["intents"] == "allowed", line["manifests"] == "allowed"))
            .collect();
        assert_eq!(sides.contains(&(false, true)), ["wider", "different"].contains(&relation), "{relation}: {sides:?}");
        assert_eq!(sides.contains(&(true, false)), ["narrower", "different", "undecided"].contains(&relation), "{relation}: {sides:?}");
    }
    snapshot("relations", &text);
}

/// A second audience lets tokens for somebody else in, and blanks that end words those whose claim holds a word among others.
/// What manifests do is no matter of promises about the intents.
#[test]
fn a_promise_that_is_broken_does_not_keep_the_comparison_back() {
    let place = shop();
    let before = place.run("verify --manifests manifests");
    let text = std::fs::read_to_string(place.path("intents/shop.intent")).unwrap();
    std::fs::write(place.path("intents/shop.intent"), format!("{text}\nexpect deny *@* -> *@*\n")).unwrap();
    let ran = place.run("verify --manifests manifests");
    assert_eq!((ran.status, ran.stdout), (before.status, before.stdout), "{}", ran.stderr);
    assert!(ran.stderr.contains("warning[expectation-failed]"), "{}", ran.stderr);
}

#[test]
fn tokens_that_the_manifests_accept_besides_are_told() {
    let intents = "namespace shop\nissuer corp = \"https://id.test\" jwks \"https://id.test/keys\" audience \"ours\"\n\
                   workload web = app=web account web\nworkload db = app=db account db\n\
                   allow web -> db:8080 mtls http GET /x jwt corp claim roles=x\n";
    let place = Place::with(&[("intents/shop.intent", intents), ("twogate.toml", CONFIG)]);
    assert_eq!(place.run("compile -o manifests").status, 0);
    let file = "manifests/shop/requestauthentications.yaml";
    let own = std::fs::read_to_string(place.path(file)).unwrap();
    for (line, more) in [("    - ours\n", "    - theirs\n"), ("  - issuer: https://id.test\n", "    spaceDelimitedClaims: [roles]\n")] {
        assert!(own.contains(line), "{own}");
        place.put(file, own.replace(line, &format!("{line}{more}")).as_bytes());
        let ran = place.run("verify --manifests manifests");
        assert_eq!(ran.status, 1, "{more}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.starts_with("wider: "), "{more}: {}", ran.stdout);
    }
    place.put(file, own.as_bytes());
    assert_eq!(place.run("verify --manifests manifests").status, 0);
}

/// That a port with a `deny` of requests is served as HTTP says nothing of what the end that calls lets out, which sees no requests.
#[test]
fn what_callers_are_let_out_to_counts_beside_a_deny_of_requests() {
    for requests in [" http GET /x", ""] {
        let intents = format!(
            "namespace shop\nworkload web = app=web\nworkload db = app=db\nworkload api = app=api\n\
             allow web -> db:8080{requests}\ndeny api -> db:8080 http GET /y\n"
        );
        let place = Place::with(&[("intents/shop.intent", &intents), ("twogate.toml", CONFIG)]);
        let ran = place.run("compile -o manifests");
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert_eq!(place.run("verify --manifests manifests").status, 0);
        let file = "manifests/shop/networkpolicies.yaml";
        let own = std::fs::read_to_string(place.path(file)).unwrap();
        let (before, egress) = own.rsplit_once("name: web").unwrap();
        assert!(egress.contains("app: db"), "{own}");
        place.put(file, format!("{before}name: web{}", egress.replace("app: db", "app: other")).as_bytes());
        let ran = place.run("verify --manifests manifests");
        assert!(ran.stdout.starts_with("narrower: "), "{requests}: {}{}", ran.stdout, ran.stderr);
        // Nor is it less to be told what is let in where nobody looks at requests.
        let (before, ingress) = own.rsplit_once("name: db").unwrap();
        place.put(file, format!("{before}name: db{}", ingress.replacen("app: web", "app: other", 1)).as_bytes());
        let ran = place.run("verify --manifests manifests");
        assert_ne!(ran.status, 0, "{requests}: {}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn json_has_one_shape() {
    let place = shop();
    place.put("manifests/theirs.yaml", wider().as_bytes());
    let value = json(&place.run("verify --manifests manifests --format json"));
    let keys = |value: &Value| value.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&value), "version relation classes differences cutShort accepted notCompared notes assumptions");
    assert_eq!(value["version"], 1);
    assert!(value["classes"].as_u64().unwrap() > 20, "{value}");
    for difference in value["differences"].as_array().unwrap() {
        assert_eq!(keys(difference), "flow intents manifests because documents");
        assert!(difference["flow"].as_str().unwrap().contains(":5433"), "{difference}");
        assert_eq!(difference["because"].as_array().unwrap().len(), 4, "{difference}");
    }
    for assumption in value["assumptions"].as_array().unwrap() {
        assert!(["holds", "broken", "open"].contains(&assumption["status"].as_str().unwrap()), "{assumption}");
        assert_eq!(assumption.get("reason").is_some(), assumption["status"] == "broken", "{assumption}");
    }
}

/// Missing manifests are narrower or wider, not an error.
#[test]
fn a_part_of_the_manifests_is_not_all_of_them() {
    let place = shop();
    let ran = place.run("verify --manifests manifests/shop/networkpolicies.yaml");
    assert_eq!(ran.status, 1);
    assert!(ran.stdout.starts_with("wider: "), "{}", ran.stdout);
    let ran = place.run("verify --manifests manifests/shop/authorizationpolicies.yaml");
    assert!(ran.stdout.starts_with("wider: "), "{}", ran.stdout);
}

/// One cause is one counterexample, with two more and a count.
#[test]
fn one_cause_is_told_once() {
    let place = shop();
    place.put("manifests/theirs.yaml", network("open", "{podSelector: {}, policyTypes: [Ingress], ingress: [{}]}").as_bytes());
    let ran = place.run("verify --manifests manifests");
    let told = ran.stdout.matches("    the intents say ").count();
    let value = json(&place.run("verify --manifests manifests --format json"));
    let all = value["differences"].as_array().unwrap().len();
    assert!(told < all && told <= 5, "{told} of {all}\n{}", ran.stdout);
    assert!(ran.stdout.contains("    so too ") && ran.stdout.contains(" of connections more for the same reason"), "{}", ran.stdout);
}

/// A dump of a cluster: the manifests, and what runs there.
fn dump(account: &str, labels: &str, annotations: &str, address: &str) -> String {
    let place = shop();
    let read = |name: &str| std::fs::read_to_string(place.path(&format!("manifests/shop/{name}.yaml"))).unwrap();
    let mut text = ["networkpolicies", "authorizationpolicies", "peerauthentications"].map(read).join("---\n");
    for (kind, api, app) in [("Deployment", "apps/v1", "web"), ("StatefulSet", "apps/v1", "db")] {
        let account = if app == "web" { account } else { "db" };
        write!(
            text,
            "---\napiVersion: {api}\nkind: {kind}\nmetadata: {{name: {app}, namespace: shop}}\nspec:\n  selector: {{matchLabels: {{app: {app}}}}}\n  template:\n    metadata: {{labels: {{app: {app}}}, annotations: {{{annotations}}}}}\n    spec: {{serviceAccountName: {account}, containers: [{{name: main, image: x}}]}}\n"
        )
        .unwrap();
    }
    write!(
        text,
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: tool, namespace: shop, labels: {{app: tool}}}}\nspec: {{containers: [{{name: main, image: x}}]}}\nstatus: {{podIP: {address}}}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{{labels}}}}}\n"
    )
    .unwrap();
    text
}

/// Each assumption as its name, the start of its text and its status.
fn statuses(text: &str) -> (i32, Vec<(String, String, String)>) {
    let place = shop();
    let ran = place.run_on("verify --manifests - --format json", text.as_bytes());
    let value = json(&ran);
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = value["assumptions"].as_array().unwrap().iter();
    let all = all.map(|one| (word(&one["name"]), format!("{}: {}", word(&one["text"]), word(&one["reason"])), word(&one["status"])));
    let all: Vec<_> = all.collect();
    let is_any_broken = all.iter().any(|one| one.2 == "broken");
    assert_eq!((value["relation"] == "equal", ran.status), if is_any_broken { (false, 1) } else { (true, 0) }, "{value}");
    (ran.status, all)
}

fn status<'s>(all: &'s [(String, String, String)], name: &str, text: &str) -> &'s str {
    let found: Vec<&(String, String, String)> = all.iter().filter(|one| one.0 == name && one.1.contains(text)).collect();
    assert_eq!(found.len(), 1, "`{name}` with `{text}` in {all:#?}");
    &found[0].2
}

const INJECTED: &str = "labels: injected";

/// What is to be known of one assumption when a program is compiled and held against its own manifests beside others.
fn assumed(program: &str, config: &str, beside: &str, name: &str) -> (String, i32) {
    let place = Place::with(&[("intents/shop.intent", program), ("twogate.toml", config), ("beside.yaml", beside)]);
    assert_eq!(place.run("compile -o manifests").status, 0);
    let ran = place.run("verify --manifests manifests --manifests beside.yaml --format json");
    let value = json(&ran);
    assert_eq!(value["relation"] == "equal", ran.status == 0, "{value}");
    let one = value["assumptions"].as_array().unwrap().iter().find(|one| one["name"] == name);
    let one = one.unwrap_or_else(|| panic!("`{name}` in {value}"));
    (format!("{} {}", one["status"].as_str().unwrap(), one["reason"].as_str().unwrap_or_default()).trim_end().to_owned(), ran.status)
}

fn one_pod(namespace: &str, app: &str, annotations: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {app}, namespace: {namespace}, labels: {{app: {app}}}, annotations: {{{annotations}}}}}\nspec: {{serviceAccountName: {app}, containers: [{{name: main, image: x}}]{spec}}}\n"
    )
}

fn labelled(namespace: &str, labels: &str) -> String {
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}, labels: {{{labels}}}}}\n")
}

const INJECTED_POD: &str = "sidecar.istio.io/inject: 'true'";

const OUTSIDE: &str = "sidecar.istio.io/inject: 'false'";

/// The relation of the program's manifests with others beside them, and what `check` says of these.
fn beside(program: &str, theirs: &str) -> (String, Ran) {
    let place = Place::with(&[("intents/shop.intent", program), ("twogate.toml", CONFIG)]);
    assert_eq!(place.run("compile -o manifests").status, 0);
    place.put("theirs.yaml", theirs.as_bytes());
    let ran = place.run("verify --manifests manifests --manifests theirs.yaml");
    (ran.stdout, place.run("check --alongside theirs.yaml"))
}

fn client_rule(host: &str, mode: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: theirs, namespace: ops}}\nspec: {{host: '{host}', trafficPolicy: {{tls: {{mode: {mode}}}}}}}\n"
    )
}

#[test]
fn a_dump_in_which_everything_holds() {
    let (exit, all) = statuses(&dump("web", "env: prod, istio-injection: enabled", "", "10.244.0.7"));
    assert_eq!(status(&all, "account", "app=web"), "holds", "{INJECTED}");
    assert_eq!(status(&all, "account", "app=db"), "holds");
    assert_eq!(status(&all, "captured", ""), "holds");
    assert_eq!(status(&all, "no-other-policies", ""), "holds");
    // The label of the mesh is one that the intents do not know of, and that nobody looks at.
    assert_eq!(status(&all, "namespace-labels", "shop"), "holds");
    assert_eq!(exit, 0);
}

/// Labels that no rule and no policy asks for are of no account, as those of every cluster are; what a policy asks for breaks it, next to
/// what rules ask for.
#[test]
fn labels_of_namespaces_break_it_only_if_somebody_asks_for_them() {
    let theirs = |key: &str| {
        let chosen = format!("{{kubernetes.io/metadata.name: front, {key}: restricted}}");
        let ingress = format!("[{{from: [{{namespaceSelector: {{matchLabels: {chosen}}}}}]}}]");
        let theirs = network("theirs", &format!("{{podSelector: {{}}, policyTypes: [Ingress], ingress: {ingress}}}"));
        theirs.replace("namespace: shop}", "namespace: foo}") + "---\n"
    };
    let security = "pod-security.kubernetes.io/enforce";
    let shop = |labels: &str| labelled("shop", labels);
    let cases = [
        (shop(&format!("env: prod, {security}: restricted")), "holds", 0),
        (shop(&format!("{security}: restricted")), "broken it has none of them", 1),
        (shop(&format!("env: test, {security}: restricted")), "broken it is labelled `env=test`", 1),
        (theirs("team") + &shop(&format!("env: prod, {security}: restricted")), "holds", 0),
        (
            theirs(security) + &shop(&format!("env: prod, {security}: restricted")),
            "broken it is labelled `env=prod,pod-security.kubernetes.io/enforce=restricted`",
            1,
        ),
        (theirs(security) + &shop("env: prod"), "holds", 0),
    ];
    for (beside, said, exit) in cases {
        assert_eq!(assumed(SHOP, CONFIG, &beside, "namespace-labels"), (said.to_owned(), exit), "{beside}");
    }
}

/// The first line is what people read, and the relation what programs read: where something is not as the proof takes for granted, neither
/// says that all is well.
#[test]
fn the_first_line_tells_of_assumptions_that_do_not_hold() {
    let first = |beside: &str| {
        let place = shop();
        place.put("beside.yaml", beside.as_bytes());
        let ran = place.run("verify --manifests manifests --manifests beside.yaml");
        let value = json(&place.run("verify --manifests manifests --manifests beside.yaml --format json"));
        assert!(ran.stdout.starts_with(&format!("{}: ", value["relation"].as_str().unwrap())), "{}: {value}", ran.stdout);
        (ran.stdout.lines().next().unwrap_or_default().to_owned(), ran.status)
    };
    let one = client_rule("db.shop.svc.cluster.local", "DISABLE");
    assert_eq!(first(&one), ("undecided: 1 assumption does not hold there: see `broken`".to_owned(), 1));
    let two = format!("{one}---\n{}", labelled("shop", "env: test"));
    assert_eq!(first(&two), ("undecided: 2 assumptions do not hold there: see `broken`".to_owned(), 1));
    assert_eq!(first(&labelled("shop", "env: prod")), ("equal: the manifests do what the intents say".to_owned(), 0));
    let wide = format!("{}---\n{one}", wider());
    let said = "wider: the manifests also let through what no line says; and 1 assumption does not hold there: see `broken`";
    assert_eq!(first(&wide), (said.to_owned(), 1));
}

/// What policies of others stop at their own ends is no difference, and is told all the same.
#[test]
fn what_other_namespaces_stop_is_noted() {
    let program = format!("{SHOP}allow *@monitoring -> db:9100-9102\nallow web -> app=log@monitoring:514\n");
    let notes = |name: &str, spec: &str| {
        let theirs = network(name, spec).replace("namespace: shop}", "namespace: monitoring}");
        let place = Place::with(&[("intents/shop.intent", &program), ("twogate.toml", CONFIG), ("theirs.yaml", &theirs)]);
        assert_eq!(place.run("compile -o manifests").status, 0);
        let ran = place.run("verify --manifests manifests --manifests theirs.yaml --format json");
        let value = json(&ran);
        assert_eq!((value["relation"].as_str(), ran.status), (Some("equal"), 0), "{value}");
        value["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let only = |port: u16| {
        format!("{{podSelector: {{}}, policyTypes: [Egress], egress: [{{to: [{{namespaceSelector: {{}}}}], ports: [{{port: {port}}}]}}]}}")
    };
    let told = notes("out", &only(9100));
    assert_eq!(told.len(), 1, "{told:?}");
    let stopped = " is stopped by NetworkPolicy monitoring/out, of a namespace that the intents do not manage; they let it through";
    assert!(told[0].contains("monitoring -> app=db@shop:910") && told[0].ends_with(stopped), "{told:?}");
    let told = notes("in", "{podSelector: {matchLabels: {app: log}}, policyTypes: [Ingress]}");
    assert!(told.len() == 1 && told[0].contains("-> app=log@monitoring:514") && told[0].contains("monitoring/in,"), "{told:?}");
    // What stops nothing that a line lets through is not told.
    let all = "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}]}, {to: [{namespaceSelector: {}}]}]}";
    assert_eq!(notes("all", all), Vec::<String>::new());
    assert_eq!(notes("apart", "{podSelector: {matchLabels: {app: apart}}, policyTypes: [Ingress]}"), Vec::<String>::new());
}

/// A `VirtualService` may end or change requests on their way, which no comparison of connections sees; one that only leads them is passed
/// over.
#[test]
fn what_ends_or_changes_requests_on_their_way_is_noted() {
    let service = |http: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: shop}}\n\
             spec: {{hosts: [db.shop.svc.cluster.local], http: [{http}]}}\n"
        )
    };
    let notes = |beside: &str| {
        let place = shop();
        place.put("beside.yaml", beside.as_bytes());
        let ran = place.run("verify --manifests manifests --manifests beside.yaml");
        assert!(ran.stdout.starts_with("equal: "), "{}", ran.stdout);
        let value = json(&place.run("verify --manifests manifests --manifests beside.yaml --format json"));
        let told: Vec<String> = value["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap().to_owned()).collect();
        assert!(told.iter().all(|note| ran.stdout.contains(&format!("  note: {note}\n"))), "{}", ran.stdout);
        (told, ran.status)
    };
    let route = "route: [{destination: {host: db.shop.svc.cluster.local}}]";
    let said = |what: &str| {
        let note = format!("VirtualService shop/v {what} before they arrive, of which this says nothing");
        (vec![note], 0)
    };
    assert_eq!(notes(&service(&format!("{{{route}}}"))), (Vec::new(), 0));
    assert_eq!(
        notes(&service(&format!("{{fault: {{abort: {{httpStatus: 403, percentage: {{value: 100}}}}}}, {route}}}"))),
        said("fails (`fault`) requests")
    );
    assert_eq!(notes(&service("{redirect: {uri: /x}}")), said("redirects (`redirect`) requests"));
    let rewritten = format!("{{rewrite: {{uri: /x}}, {route}}}, {{headers: {{request: {{set: {{x-env: test}}}}}}, {route}}}");
    assert_eq!(notes(&service(&rewritten)), said("rewrites (`rewrite`) and changes headers of (`headers`) requests"));
    let of_route = "{route: [{destination: {host: db}, headers: {request: {add: {x-env: test}}}}]}";
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {}", service(of_route).trim_end().replace('\n', "\n  "));
    assert_eq!(notes(&list), said("changes headers of (`headers`) requests"));
    // Another group's kind of this name is another kind.
    let other = service("{redirect: {uri: /x}}").replace("networking.istio.io/v1", "example.com/v1");
    let place = shop();
    place.put("beside.yaml", other.as_bytes());
    let value = json(&place.run("verify --manifests manifests --manifests beside.yaml --format json"));
    assert_eq!(value["notes"].as_array().unwrap().len(), 0, "{value}");
}

#[test]
fn a_dump_without_a_doubt_is_exit_status_0() {
    let (exit, all) = statuses(&dump("web", "env: prod", "sidecar.istio.io/inject: 'true'", "10.244.0.7"));
    assert_eq!(status(&all, "namespace-labels", "shop"), "holds", "{all:#?}");
    assert!(all.iter().all(|one| one.2 != "broken"), "{all:#?}");
    assert_eq!(exit, 0);
}

#[test]
fn a_dump_in_which_assumptions_break() {
    let (exit, all) = statuses(&dump("default", "env: test", "traffic.sidecar.istio.io/excludeInboundPorts: '9000'", "10.244.0.7"));
    assert_eq!(status(&all, "account", "app=web"), "broken");
    assert_eq!(status(&all, "account", "runs as `default`"), "broken");
    assert_eq!(status(&all, "account", "app=db"), "holds");
    assert_eq!(status(&all, "namespace-labels", "env=test"), "broken");
    assert_eq!(status(&all, "captured", "keeps ports from its sidecar"), "broken");
    assert_eq!(exit, 1);
}

/// A port that is kept from the sidecar is nobody's way in where the network lets nobody in at it.
#[test]
fn ports_that_are_kept_from_sidecars_matter_where_somebody_gets_in() {
    let pod =
        |app: &str, port: u16| one_pod("shop", app, &format!("{INJECTED_POD}, traffic.sidecar.istio.io/excludeInboundPorts: '{port}'"), "");
    let captured = |beside: &str| assumed(SHOP, CONFIG, beside, "captured");
    assert_eq!(captured(&pod("db", 9102)), ("holds".to_owned(), 0));
    assert_eq!(captured(&pod("web", 9000)), ("holds".to_owned(), 0));
    // A line opens it.
    let broken = "broken Pod shop/db keeps ports from its sidecar";
    assert_eq!(captured(&pod("db", 9000)).0, broken);
    assert_eq!(captured(&pod("db", 5432)).0, broken);
    // So does a policy of others, to whom the mesh alone said no.
    let open = network("open", "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}], ports: [{port: 9102}]}]}");
    assert_eq!(captured(&format!("{}---\n{open}", pod("db", 9102))).0, broken);
    assert_eq!(captured(&format!("{}---\n{open}", pod("db", 9103))).0, "holds");
}

#[test]
fn nothing_is_called_proved_beside_what_cannot_be_read() {
    let place = Place::with(&[("a.intent", "namespace shop\nallow app=web -> app=db:5432\n"), ("theirs.yaml", "kind: NetworkPolicy\n")]);
    let ran = place.run("check --alongside theirs.yaml");
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("invalid-manifest") && !ran.stderr.contains("proved over"), "{}", ran.stderr);
    let json = place.run("check --alongside theirs.yaml --format json");
    assert!(json.status == 1 && !json.stdout.contains("\"proof\": {"), "{}", json.stdout);
}

/// Policies of so many keys that their pods fall into too many classes are not called equal, and not called open either.
#[test]
fn what_could_not_be_compared_is_told() {
    let place = shop();
    // Pods without a label, and pods with it: one of the two is held whatever the label is, so no class of fewer labels will do.
    let test = |key: usize, operator: &str| format!("{{podSelector: {{matchExpressions: [{{key: key-{key}, operator: {operator}}}]}}}}");
    let policy = |number: usize| {
        let [without, with] =
            ["DoesNotExist", "Exists"].map(|operator| network(&format!("n{number}-{}", operator.to_lowercase()), &test(number, operator)));
        format!("{without}---\n{with}")
    };
    let theirs: Vec<String> = (0..40).map(policy).collect();
    place.put("theirs.yaml", theirs.join("---\n").as_bytes());
    let ran = place.run("verify --manifests manifests --manifests theirs.yaml");
    assert_eq!(ran.status, 1);
    assert!(ran.stdout.starts_with("undecided: not every connection could be compared\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("\n  not compared: who calls pods of `shop` falls into too many classes\n"), "{}", ran.stdout);
    let value = json(&place.run("verify --manifests manifests --manifests theirs.yaml --format json"));
    // Policies of connections that reach pods tell no pods apart as callers.
    assert_eq!(value["notCompared"].as_array().unwrap().len(), 1, "{value}");
}

/// What a line accepts is no difference, and is told.
#[test]
fn accepted_couplings_are_equal() {
    let program = "namespace shop\nallow app=web -> app=api:8080 mtls http GET /a accept coupled-rules\nallow in app=job -> app=api:8080 mtls http POST /b\n";
    let place = Place::with(&[("intents/shop.intent", program)]);
    assert_eq!(place.run("compile -o manifests").status, 0);
    let ran = place.run("verify --manifests manifests");
    assert_eq!(ran.status, 0, "{}", ran.stdout);
    assert!(ran.stdout.starts_with("equal: "), "{}", ran.stdout);
    assert!(ran.stdout.contains("  accepted: app=web@shop as other -> app=api@shop:8080 over mTLS, POST /b"), "{}", ran.stdout);
}

#[test]
fn errors_on_either_side_are_undecided_and_told() {
    let place = shop();
    place.put(
        "broken.yaml",
        b"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: shop}\nspec: {podselector: {}}\n",
    );
    let ran = place.run("verify --manifests broken.yaml");
    assert_eq!((ran.status, ran.stdout.as_str()), (1, ""));
    assert!(ran.stderr.contains("error[invalid-manifest]"), "{}", ran.stderr);
    place.put("intents/more.intent", b"namespace shop\nallow nobody -> db\n");
    let ran = place.run("verify --manifests manifests");
    assert_eq!((ran.status, ran.stdout.as_str()), (1, ""));
    assert!(ran.stderr.contains("error[unknown-name]"), "{}", ran.stderr);
    let ran = place.run("verify --manifests nowhere");
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
    assert_eq!(place.run("verify").status, 2, "manifests must be named");
}

/// A program that manages nothing says nothing that manifests could be held against.
#[test]
fn a_program_that_manages_no_namespace_is_equal_to_nothing() {
    for text in ["", "group g = app=a\n", "network n = 203.0.113.0/24\n"] {
        let place = Place::with(&[("p.intent", text), ("m.yaml", &wider())]);
        let ran = place.run("verify p.intent --manifests m.yaml");
        assert_eq!((ran.status, ran.stdout.as_str()), (1, ""), "{text}{}", ran.stderr);
        assert!(ran.stderr.contains("error[no-input]: the intents manage no namespace"), "{}", ran.stderr);
    }
}
