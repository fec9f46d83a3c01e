//! `twogate verify`, through the binary: manifests that are equal, wider, narrower, different or undecided, and a dump in which
//! what the proof takes for granted holds, breaks or stays open.

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
        assert_eq!(keys(difference), "flow intents manifests because");
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
    assert!(told < all && told <= 4, "{told} of {all}\n{}", ran.stdout);
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
    assert_eq!(value["relation"], "equal", "{value}");
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = value["assumptions"].as_array().unwrap().iter();
    (
        ran.status,
        all.map(|one| (word(&one["name"]), format!("{}: {}", word(&one["text"]), word(&one["reason"])), word(&one["status"]))).collect(),
    )
}

fn status<'s>(all: &'s [(String, String, String)], name: &str, text: &str) -> &'s str {
    let found: Vec<&(String, String, String)> = all.iter().filter(|one| one.0 == name && one.1.contains(text)).collect();
    assert_eq!(found.len(), 1, "`{name}` with `{text}` in {all:#?}");
    &found[0].2
}

const INJECTED: &str = "labels: injected";

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

/// The first line is what people read: where something is not as the proof takes for granted, it does not say that all is well.
#[test]
fn the_first_line_tells_of_assumptions_that_do_not_hold() {
    let first = |beside: &str| {
        let place = shop();
        place.put("beside.yaml", beside.as_bytes());
        let ran = place.run("verify --manifests manifests --manifests beside.yaml");
        (ran.stdout.lines().next().unwrap_or_default().to_owned(), ran.status)
    };
    let one = client_rule("db.shop.svc.cluster.local", "DISABLE");
    assert_eq!(first(&one), ("equal, but 1 assumption does not hold there: see `broken`".to_owned(), 1));
    let two = format!("{one}---\n{}", labelled("shop", "env: test"));
    assert_eq!(first(&two), ("equal, but 2 assumptions do not hold there: see `broken`".to_owned(), 1));
    assert_eq!(first(&labelled("shop", "env: prod")), ("equal: the manifests do what the intents say".to_owned(), 0));
    let wide = format!("{}---\n{one}", wider());
    let said = "wider: the manifests also let through what no line says; and 1 assumption does not hold there: see `broken`";
    assert_eq!(first(&wide), (said.to_owned(), 1));
}

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

/// What is to be known of one assumption when a program is compiled and held against its own manifests beside others.
fn assumed(program: &str, config: &str, beside: &str, name: &str) -> (String, i32) {
    let place = Place::with(&[("intents/shop.intent", program), ("twogate.toml", config), ("beside.yaml", beside)]);
    assert_eq!(place.run("compile -o manifests").status, 0);
    let ran = place.run("verify --manifests manifests --manifests beside.yaml --format json");
    let value = json(&ran);
    assert_eq!(value["relation"], "equal", "{value}");
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

/// A namespace with the labels by which a rule chooses its callers, of which the mesh does not know.
#[test]
fn a_namespace_that_is_not_on_the_list_breaks_what_is_assumed_of_it() {
    let program = "namespace front labels env=dev {
  workload web = app=web account web
}
namespace shop labels env=prod {
  workload db = app=db account db
  allow app=x@[env=prod] -> db:80 mtls http GET
  allow web@front -> db:80 mtls http POST
}
";
    let cases = [
        (String::new(), "open", 0),
        (labelled("other", "env: test"), "holds", 0),
        (labelled("other", "env: prod"), "broken `other` is one of them too", 1),
        (labelled("shop", "env: prod"), "holds", 0),
    ];
    for (beside, said, exit) in cases {
        assert_eq!(assumed(program, "", &beside, "namespace-snapshot"), (said.to_owned(), exit), "{beside}");
    }
}

/// Whom policies know by the mesh alone never calls, as long as it is not in the mesh.
#[test]
fn namespaces_of_others_without_a_mesh_are_assumed_to_be_so() {
    let program = "namespace shop
external namespace legacy mesh none {}
allow app=old@legacy -> app=db:8080
";
    let inside = one_pod("legacy", "old", "", "").replace("annotations: {}", &format!("annotations: {{{INJECTED_POD}}}"));
    let cases = [
        (String::new(), "open", 0),
        (one_pod("legacy", "old", OUTSIDE, ""), "holds", 0),
        (inside, "broken Pod legacy/old has a sidecar", 1),
    ];
    for (beside, said, exit) in cases {
        assert_eq!(assumed(program, "", &beside, "outside-mesh"), (said.to_owned(), exit), "{beside}");
    }
}

/// Pods of one class of labels, of which some take no part in the mesh: these do not stand for the others.
#[test]
fn callers_of_two_data_planes_are_not_of_one_class() {
    let program = |requests: &str| {
        format!(
            "namespace pay {{
  workload db = app=db account db unmeshed
  workload web = app=web account web
}}
namespace shop {{
  workload api = app=api account api
  allow app=db|web@pay -> api:80 mtls{requests}
}}
"
        )
    };
    let (narrow, wide) = (program(" http GET /a"), program(""));
    let config = "[cluster]\npod-cidrs = [\"10.244.0.0/16\"]\n";
    let theirs = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: theirs, namespace: shop}\n\
                  spec: {selector: {matchLabels: {app: api}}, rules: [{from: [{source: {principals: ['*']}}]}]}\n";
    let files = [("narrow/p.intent", &*narrow), ("wide/p.intent", &*wide), ("twogate.toml", config), ("theirs.yaml", theirs)];
    let place = Place::with(&files);
    assert_eq!(place.run("compile wide -o manifests").status, 0);
    let ran = place.run("verify narrow --manifests manifests");
    assert!(ran.stdout.starts_with("wider") && ran.stdout.contains("app=web@pay as web -> app=api@shop:80 over mTLS"), "{}", ran.stdout);
    // Policies of others are held against the same callers.
    let wider = place.run("check narrow --alongside theirs.yaml");
    assert_eq!((wider.status, wider.stderr.contains("alongside-changes-access")), (1, true), "{}", wider.stderr);
    let told = place.run("diff narrow wide").stdout;
    assert!(told.contains("app=web@pay -> app=api@shop:80  was allowed, mTLS, http GET /a; now allowed, mTLS"), "{told}");
}

/// A policy that chooses namespaces by labels of which the intents say nothing.
#[test]
fn what_hangs_on_labels_of_namespaces_is_assumed_of_them() {
    let program = "external namespace front labels env=dev {}
namespace pay {
  allow out app=web -> *@shop:5432
}
namespace shop mesh none {
  allow app=job -> app=db:5432
}
";
    let chosen = |name: &str| {
        let labels = format!("{{kubernetes.io/metadata.name: {name}, env: prod}}");
        let ingress = format!("[{{from: [{{namespaceSelector: {{matchLabels: {labels}}}}}]}}]");
        network("theirs", &format!("{{podSelector: {{}}, policyTypes: [Ingress], ingress: {ingress}}}")) + "---\n"
    };
    let config = "[cluster]\npod-cidrs = [\"10.244.0.0/16\"]\n";
    let cases = [
        (chosen("pay"), ["open", "open", "open"], 0),
        (chosen("pay") + &labelled("pay", "env: prod"), ["broken it is labelled `env=prod`", "open", "open"], 1),
        (chosen("front") + &labelled("front", "env: prod"), ["open", "open", "broken its `env` is `prod`"], 1),
        (chosen("front") + &labelled("front", "team: a"), ["open", "open", "broken it has no `env`"], 1),
        (chosen("front") + &labelled("front", "team: a, env: dev"), ["open", "open", "holds"], 0),
    ];
    for (beside, said, exit) in cases {
        let place = Place::with(&[("intents/shop.intent", program), ("twogate.toml", config), ("beside.yaml", &beside)]);
        assert_eq!(place.run("compile -o manifests").status, 0);
        let ran = place.run("verify --manifests manifests --manifests beside.yaml --format json");
        let value = json(&ran);
        let words = |key: &str, one: &Value| one[key].as_str().unwrap_or_default().to_owned();
        let all = value["assumptions"].as_array().unwrap().iter().filter(|one| one["name"] == "namespace-labels");
        let all: Vec<String> = all.map(|one| format!("{} {}", words("status", one), words("reason", one)).trim_end().to_owned()).collect();
        assert_eq!((all, ran.status), (said.map(str::to_owned).to_vec(), exit), "{beside}");
    }
}

/// A program for sidecars does other things where ztunnel stands (`semantics.md` §5).
#[test]
fn pods_in_ambient_mode_break_what_is_assumed_of_sidecars() {
    let program = "namespace shop\nallow app=web -> app=db:8080 mtls http GET /v1\n";
    let ambient = labelled("shop", "istio.io/dataplane-mode: ambient") + &one_pod("shop", "db", "", "");
    let (said, exit) = assumed(program, "", &ambient, "captured");
    assert_eq!((&*said, exit), ("broken Pod shop/db is in the mesh by ztunnel (ambient) and has no sidecar", 1));
}

#[test]
fn pods_that_are_said_to_be_outside_of_the_mesh_are_looked_at() {
    let program = "namespace shop\nworkload old = app=old account old unmeshed\nallow old -> app=db:5433\nallow app=web -> old:80\n";
    let inside = one_pod("shop", "old", INJECTED_POD, "");
    let outside = one_pod("shop", "old", OUTSIDE, "");
    assert_eq!(assumed(program, "", &inside, "outside-mesh"), ("broken Pod shop/old has a sidecar".to_owned(), 1));
    assert_eq!(assumed(program, "", &outside, "outside-mesh"), ("holds".to_owned(), 0));
    // Without a mesh every pod is said to be outside of it.
    let program = "namespace shop\nallow app=web -> app=db:5432\n";
    let none = "[mesh]\nmode = \"none\"\n";
    let injected = labelled("shop", "istio-injection: enabled") + &one_pod("shop", "db", "", "");
    assert_eq!(assumed(program, none, &injected, "outside-mesh"), ("broken Pod shop/db has a sidecar".to_owned(), 1));
    assert_eq!(assumed(program, none, &one_pod("shop", "db", OUTSIDE, ""), "outside-mesh"), ("holds".to_owned(), 0));
}

#[test]
fn callers_over_mtls_need_sidecars() {
    let program = "namespace shop {\n  allow app=prom@ops -> app=db:5432 mtls\n}\nexternal namespace ops mesh sidecar {\n}\n";
    let said = |annotations: &str| assumed(program, "", &one_pod("ops", "prom", annotations, ""), "meshed-callers");
    assert_eq!(said(OUTSIDE), ("broken Pod ops/prom has no sidecar".to_owned(), 1));
    assert_eq!(said(INJECTED_POD), ("holds".to_owned(), 0));
    // Who may not call by it need not prove who it is.
    assert_eq!(assumed(program, "", &one_pod("ops", "other", "", ""), "meshed-callers").0, "open");
}

/// What labels of namespaces say of the mesh holds for every pod that may come, whether or not the manifests show one
/// (`semantics.md` §2.1).
#[test]
fn labels_of_namespaces_break_what_is_assumed_of_the_mesh() {
    let captured = |labels: &str| assumed("namespace shop\nallow app=web -> app=db:5432 mtls\n", "", &labelled("shop", labels), "captured");
    let turned = |what: &str| (format!("broken the labels of namespace `shop` {what}"), 1);
    assert_eq!(captured("istio.io/dataplane-mode: ambient"), turned("take its pods into the mesh by ztunnel (ambient)"));
    assert_eq!(captured("istio-injection: disabled"), turned("keep its pods out of the mesh"));
    assert_eq!(captured("istio-injection: enabled"), ("open".to_owned(), 0));
    assert_eq!(captured("istio-injection: enabled, istio.io/dataplane-mode: ambient"), ("open".to_owned(), 0));
    let none = "[mesh]\nmode = \"none\"\n";
    let outside =
        assumed("namespace shop\nallow app=web -> app=db:5432\n", none, &labelled("shop", "istio.io/rev: stable"), "outside-mesh");
    assert_eq!(outside, turned("give its pods sidecars"));
    let others = "namespace shop {\n  allow *@ext -> app=db:5432 mtls\n}\nexternal namespace ext mesh sidecar {\n}\n";
    let disabled = labelled("ext", "istio-injection: disabled");
    let wanted = ("broken the labels of namespace `ext` keep its pods out of the mesh".to_owned(), 1);
    assert_eq!(assumed(others, "", &disabled, "meshed-callers"), wanted);
    assert_eq!(assumed(others, "", &disabled, "others-planes"), wanted);
    // Pods that have sidecars by themselves say nothing of those to come.
    let injected = one_pod("shop", "web", INJECTED_POD, "");
    let program = "namespace shop\nallow app=web -> app=db:5432 mtls\n";
    let with = |labels: &str| assumed(program, "", &(labelled("shop", labels) + "---\n" + &injected), "captured");
    assert_eq!(with("istio-injection: enabled"), ("holds".to_owned(), 0));
    assert_eq!(with("team: a"), ("open".to_owned(), 0));
    // Nobody of this namespace may call, and no rule speaks of it.
    let third = labelled("third", "istio.io/dataplane-mode: ambient");
    assert_eq!(assumed(others, "", &third, "meshed-callers").0, "open");
    assert_eq!(assumed(others, "", &third, "others-planes").0, "open");
}

/// A connection that its sidecar does not see is plaintext (`semantics.md` §2.1).
#[test]
fn connections_that_a_sidecar_does_not_take_over_break_what_is_assumed_of_it() {
    let program = "namespace shop\nallow app=web -> app=db:5432 mtls\n";
    let said = |annotation: &str| {
        assumed(program, "", &one_pod("shop", "web", &format!("{INJECTED_POD}, traffic.sidecar.istio.io/{annotation}"), ""), "captured")
    };
    let broken = ("broken Pod shop/web keeps connections that it makes from its sidecar".to_owned(), 1);
    assert_eq!(said("excludeOutboundPorts: '5432'"), broken);
    assert_eq!(said("includeOutboundIPRanges: 10.0.0.0/8"), broken);
    assert_eq!(said("includeOutboundIPRanges: '*'"), ("holds".to_owned(), 0));
}

/// Where the network plugin does not judge SCTP nothing can be proved of it, and all the rest can.
#[test]
fn a_plugin_without_sctp_leaves_the_rest_provable() {
    let no = "[network-plugin]\nsctp = \"no\"\n";
    for program in ["allow app=web -> app=db:5432 mtls", "allow app=web -> app=db", "deny * -> app=db:80"] {
        let program = format!("namespace shop\n{program}\n");
        let beside = labelled("shop", "istio-injection: enabled");
        assert_eq!(assumed(&program, no, &beside, "sctp"), ("open".to_owned(), 0), "{program}");
    }
}

/// `as ACCOUNT` stands for the pods of which it is known: to any other the network opens nothing.
#[test]
fn another_pod_of_an_account_breaks_what_is_assumed_of_it() {
    let program = "namespace shop\nworkload web = app=web account web\nallow as web -> app=db:5432 mtls\nexpect deny app=job -> app=db\n";
    let pod = |app: &str, account: &str| {
        one_pod("shop", app, INJECTED_POD, "").replace(&format!("serviceAccountName: {app}"), &format!("serviceAccountName: {account}"))
    };
    let said = |pods: &str| assumed(program, "", pods, "account-pods");
    assert_eq!(said(&(pod("web", "web") + &pod("job", "job"))), ("holds".to_owned(), 0));
    assert_eq!(said(&(pod("web", "web") + &pod("job", "web"))), ("broken Pod shop/job runs as `web` too".to_owned(), 1));
    assert_eq!(said(&pod("job", "job")).0, "open");
}

/// A pod that runs without the sidecar that its workload is to have is reached past the mesh's gate, whether or not its address is known.
#[test]
fn a_pod_that_runs_without_its_workloads_sidecar_is_not_passed_over() {
    let program = "namespace shop\nallow app=web -> app=db:5432 mtls\n";
    let stateful_set = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, namespace: shop}\nspec: {selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {serviceAccountName: db, containers: [{name: main, image: x}]}}}\n";
    let pod = |annotations: &str| {
        one_pod("shop", "db", annotations, "").replace(
            "annotations:",
            "ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: x, controller: true}], annotations:",
        )
    };
    let ran = |pod: &str| {
        let place =
            Place::with(&[("intents/shop.intent", program), ("twogate.toml", ""), ("beside.yaml", &format!("{stateful_set}{pod}"))]);
        assert_eq!(place.run("compile -o manifests").status, 0);
        let ran = place.run("verify --manifests manifests --manifests beside.yaml --format json");
        (json(&ran)["relation"].as_str().unwrap().to_owned(), ran.status)
    };
    assert_eq!(ran(&pod(INJECTED_POD)), ("equal".to_owned(), 0));
    assert_eq!(ran(&pod(OUTSIDE)), ("undecided".to_owned(), 1));
}

/// Policies do not reach a pod on its node's network (`semantics.md` §1.7).
#[test]
fn pods_on_the_network_of_their_node_break_what_is_assumed() {
    let program = "namespace shop\nallow app=web -> app=db:5432\n";
    let none = "[mesh]\nmode = \"none\"\n";
    let host = one_pod("shop", "db", "", ", hostNetwork: true");
    let (said, exit) = assumed(program, none, &host, "pod-network");
    assert_eq!((&*said, exit), ("broken Pod shop/db uses the network of its node: policies do not reach it", 1));
}

fn client_rule(host: &str, mode: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: theirs, namespace: ops}}\nspec: {{host: '{host}', trafficPolicy: {{tls: {{mode: {mode}}}}}}}\n"
    )
}

/// A client that is told to speak plaintext proves no identity (`semantics.md` §3.3).
#[test]
fn rules_for_clients_break_what_is_assumed_of_them() {
    let status = |host: &str, mode: &str| assumed(SHOP, CONFIG, &client_rule(host, mode), "client-tls");
    let broken = ("broken DestinationRule ops/theirs asks for something else than the mesh's mTLS".to_owned(), 1);
    for host in ["db.shop.svc.cluster.local", "db.shop", "*.shop.svc.cluster.local", "*.local", "*"] {
        assert_eq!(status(host, "DISABLE"), broken, "{host}");
    }
    assert_eq!(status("db.shop.svc.cluster.local", "SIMPLE"), broken);
    for (host, mode) in [("db.shop.svc.cluster.local", "ISTIO_MUTUAL"), ("db.shopping.svc.cluster.local", "DISABLE"), ("db", "DISABLE")] {
        assert_eq!(status(host, mode), ("holds".to_owned(), 0), "{host} {mode}");
    }
}

/// No flow tells by whose keys a token is verified, so equal manifests are held against the intents' keys besides.
#[test]
fn other_keys_break_what_is_assumed_of_an_issuer() {
    let program = "namespace shop mesh sidecar\n\nissuer corp = \"https://id.test\" jwks \"https://id.test/keys\" audience \"api\"\n\
                   workload api = app=api account api\nworkload web = app=web account web\nallow web -> api:8080 mtls http GET /a jwt corp\n";
    let theirs = |keys: &str| {
        format!(
            "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {{name: theirs, namespace: shop}}\n\
             spec: {{selector: {{matchLabels: {{app: api}}}}, jwtRules: [{{issuer: 'https://id.test', audiences: [api], jwksUri: '{keys}'}}]}}\n"
        )
    };
    let (status, exit) = assumed(program, "", &theirs("https://evil.test/keys"), "keys");
    assert_eq!(exit, 1, "{status}");
    assert_eq!(
        status,
        "broken RequestAuthentication shop/theirs verifies tokens of `https://id.test` by the keys at `https://evil.test/keys`, and not by \
         the keys at `https://id.test/keys`"
    );
    assert_eq!(assumed(program, "", &theirs("https://id.test/keys"), "keys"), ("holds".to_owned(), 0));
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

#[test]
fn rules_for_clients_alongside_are_found() {
    let place = Place::with(&[("intents/shop.intent", SHOP), ("twogate.toml", CONFIG)]);
    place.put("theirs.yaml", client_rule("*.shop.svc.cluster.local", "DISABLE").as_bytes());
    let ran = place.run("compile -o manifests --alongside theirs.yaml");
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("alongside-changes-access") && ran.stderr.contains("theirs.yaml:1:1"), "{}", ran.stderr);
    assert!(!place.path("manifests").exists());
    place.put("theirs.yaml", client_rule("*.shop.svc.cluster.local", "ISTIO_MUTUAL").as_bytes());
    assert_eq!(place.run("compile -o manifests --alongside theirs.yaml").status, 0);
}

#[test]
fn what_a_dump_does_not_show_stays_open() {
    let place = shop();
    let text = ["networkpolicies", "authorizationpolicies", "peerauthentications"]
        .map(|name| std::fs::read_to_string(place.path(&format!("manifests/shop/{name}.yaml"))).unwrap())
        .join("---\n");
    let (exit, all) = statuses(&text);
    for name in ["namespace-labels", "captured"] {
        assert_eq!(status(&all, name, ""), "open", "{name}");
    }
    assert!(all.iter().filter(|one| one.0 == "account").all(|one| one.2 == "open"), "{all:#?}");
    assert_eq!(exit, 0, "what is not shown is no finding");
}

/// Pods with addresses that the configuration does not know of, where a rule names addresses.
#[test]
fn the_addresses_of_pods_are_held_against_the_configuration() {
    let program = format!("{SHOP}allow web -> 203.0.113.7:443\n");
    for (address, wanted, exit) in [("10.244.0.7", "holds", 0), ("203.0.113.7", "broken", 1)] {
        let place = Place::with(&[("intents/shop.intent", &program), ("twogate.toml", CONFIG)]);
        assert_eq!(place.run("compile -o manifests").status, 0);
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: tool, namespace: shop, labels: {{app: tool}}, annotations: {{sidecar.istio.io/inject: 'true'}}}}\nspec: {{containers: [{{name: main, image: x}}]}}\nstatus: {{podIP: {address}}}\n"
        );
        place.put("pods.yaml", pod.as_bytes());
        let ran = place.run("verify --manifests manifests --manifests pods.yaml --format json");
        let value = json(&ran);
        let one = value["assumptions"].as_array().unwrap().iter().find(|one| one["name"] == "no-pod-address").unwrap();
        assert_eq!((one["status"].as_str().unwrap(), ran.status), (wanted, exit), "{one}");
    }
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

/// What the network lets in, whoever it is, so that the mesh alone decides.
fn open_network() -> String {
    network("open", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{ports: [{port: 5432}]}]}") + "---\n"
}

/// Policies of others that let in callers from namespaces that have each of these letters in their names; patterns of some letters more
/// let in nobody.
fn callers_with(letters: &str, more: impl Iterator<Item = char>) -> String {
    let globs: Vec<String> = more.map(|letter| format!("'*{letter}*'")).collect();
    let nobody = format!("{{from: [{{source: {{namespaces: [{}], notNamespaces: ['*']}}}}]}}", globs.join(", "));
    let tests: Vec<String> = letters.chars().map(|letter| format!("{{key: source.namespace, values: ['*{letter}*']}}")).collect();
    let to = "to: [{operation: {ports: ['5432']}}]";
    let rules = format!("[{}, {{{to}, when: [{}]}}]", nobody.replacen('{', &format!("{{{to}, "), 1), tests.join(", "));
    open_network() + &caller("theirs", &format!("{{selector: {{matchLabels: {{app: db}}}}, rules: {rules}}}"))
}

/// The relation of the program's manifests with others beside them, and what `check` says of these.
fn beside(program: &str, theirs: &str) -> (String, Ran) {
    let place = Place::with(&[("intents/shop.intent", program), ("twogate.toml", CONFIG)]);
    assert_eq!(place.run("compile -o manifests").status, 0);
    place.put("theirs.yaml", theirs.as_bytes());
    let ran = place.run("verify --manifests manifests --manifests theirs.yaml");
    (ran.stdout, place.run("check --alongside theirs.yaml"))
}

/// Names are tried that match any choice of many patterns with something between two stars, not only each two.
#[test]
fn a_name_that_matches_five_of_many_patterns_is_tried() {
    let (told, checked) = beside(SHOP, &callers_with("bdfhi", 'a'..='i'));
    assert!(told.starts_with("wider:"), "{told}");
    assert!(checked.status == 1 && checked.stderr.contains("alongside-changes-access"), "{}", checked.stderr);
}

/// Where patterns tell more names apart than are tried, nothing is called equal.
#[test]
fn names_of_too_many_patterns_are_not_taken_for_proved() {
    let (told, checked) = beside(SHOP, &callers_with("bdfhjln", 'a'..='p'));
    assert!(told.starts_with("undecided: not every connection could be compared\n"), "{told}");
    let names =
        "\n  not compared: the names of callers' namespaces and accounts, by the patterns of policies, fall into too many classes\n";
    assert!(told.contains(names), "{told}");
    assert!(checked.status == 1 && checked.stderr.contains("proof-incomplete"), "{}", checked.stderr);
}

/// Names that stand for all that a pattern matches are none that the program knows, for these are not as all others are.
#[test]
fn a_name_that_the_program_knows_stands_for_no_other() {
    let pattern =
        "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {namespaces: ['*q*']}}], to: [{operation: {ports: ['5432']}}]}]}";
    // Whatever name a cluster by itself would take for that pattern: the shortest ones, and those with letters around it.
    let known = ["q", "xq", "qx", "xqx", "xxq", "qxx", "zzqzz", "xxxqxxx", "zzq", "qzz", "xxxq", "qxxx", "zzqxxx", "xxxqzz"];
    let program = known
        .iter()
        .fold(SHOP.to_owned(), |program, name| program + &format!("external namespace {name} {{}}\nallow *@{name} -> db:5432 mtls\n"));
    let (told, checked) = beside(&program, &(open_network() + &caller("theirs", pattern)));
    assert!(told.starts_with("wider:"), "{told}");
    assert!(checked.stderr.contains("alongside-changes-access"), "{}", checked.stderr);
}

/// Who is named by one policy is held by the patterns of another one: what that looks at in requests is tried for him too.
#[test]
fn a_name_of_one_policy_is_held_by_the_pattern_of_another() {
    let by_path = "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {namespaces: ['*a']}}], to: [{operation: {paths: [/x], ports: ['5432']}}]}]}";
    let one = "{selector: {matchLabels: {app: db}}, action: DENY, rules: [{from: [{source: {notNamespaces: [xa, shop]}}]}]}";
    let theirs = open_network() + &caller("path", by_path) + "---\n" + &caller("one", one);
    let (told, checked) = beside(SHOP, &theirs);
    assert!(told.contains("/x"), "{told}");
    assert!(checked.stderr.contains("alongside-changes-access"), "{}", checked.stderr);
}

/// Without a configuration a pod's address speaks against a block that holds it, and only there.
#[test]
fn a_block_that_holds_a_pod_breaks_what_is_assumed() {
    let program = "namespace shop\nallow app=web -> 10.0.0.0/8:443 accept cidr-may-cover-pods\n";
    let pod = |address: &str, spec: &str| one_pod("shop", "tool", INJECTED_POD, spec) + &format!("status: {{podIP: {address}}}\n");
    let status = |address: &str, spec: &str| assumed(program, "", &pod(address, spec), "no-pod-address").0;
    assert_eq!(status("10.244.0.6", ""), "broken Pod shop/tool has the address `10.244.0.6`");
    assert_eq!(status("172.16.0.6", ""), "holds");
    let anywhere = "namespace shop\nallow anywhere -> app=web:443\n";
    assert_eq!(assumed(anywhere, "", &pod("10.244.0.6", ""), "no-pod-address").0, "holds");
    // The address of a node is no pod's.
    assert_eq!(status("10.1.0.6", ", hostNetwork: true"), "open");
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
