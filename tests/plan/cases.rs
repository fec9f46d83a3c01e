//! Changes with a trap in them.

use twogate::flow::{Flow, Verdict};
use twogate::plan::{Harm, Options, Others, Plan, Safety, Trials};

use super::walked::{Objects, against, cluster, decide, input, lines, moments, objects, platform, programs, yaml};
use crate::support::flow;

/// A `NetworkPolicy` of namespace `shop`.
fn network(name: &str, spec: &str) -> String {
    format!("---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: {name}\n  namespace: shop\nspec: {spec}\n")
}

/// An object of Istio's in namespace `shop`.
fn istio(kind: &str, name: &str, spec: &str) -> String {
    format!("---\napiVersion: security.istio.io/v1\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: shop\nspec: {spec}\n")
}

/// The objects of a text of such documents.
fn parsed(text: &str) -> Objects {
    let documents = text.split("---\n").filter(|document| !document.is_empty());
    let word = |document: &str, key: &str| {
        let line = document.lines().find_map(|line| line.trim_start().strip_prefix(key)?.strip_prefix(": ").map(str::to_owned));
        line.unwrap_or_default()
    };
    let named = |document: &str| (word(document, "kind"), word(document, "namespace"), word(document, "name"));
    documents.map(|document| (named(document), document.to_owned())).collect()
}

fn labelled() -> [(&'static str, &'static str); 0] {
    []
}

/// The plan from one text to another, which must be safe for these flows too, asked one by one.
fn safe(base: &str, head: &str, flows: &[Flow]) -> Plan {
    let plan = yaml(base, head, Options::default()).plan;
    assert_eq!(plan.safety, Safety::Safe, "{:#?}", plan.steps);
    let platform = twogate::cluster::Platform::default();
    assert_eq!(against(&plan, &parsed(base), &parsed(head), &platform, flows), None, "{:#?}", lines(&plan));
    plan
}

const WEB: &str = "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [";
const DB: &str = "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [";

fn crossing() -> (String, String) {
    let base = network("web", &format!("{WEB}]}}"))
        + &network("db", &format!("{DB}{{from: [{{podSelector: {{matchLabels: {{app: web}}}}}}]}}]}}"));
    let head =
        network("web", &format!("{WEB}{{to: [{{podSelector: {{matchLabels: {{app: db}}}}}}]}}]}}")) + &network("db", &format!("{DB}]}}"));
    (base, head)
}

/// The one end opens by the head alone and the other was open by the base alone: neither side lets the flow through.
#[test]
fn an_end_that_opens_waits_for_the_other_to_close() {
    let (base, head) = crossing();
    let flows = [flow("app=web@shop -> app=db@shop:5432", &labelled())];
    let mut plan = safe(&base, &head, &flows);
    assert_eq!(lines(&plan), ["close: replace NetworkPolicy shop/db", "open: replace NetworkPolicy shop/web"]);
    // Whoever opens first, as is usual, opens what nobody wrote; the walk would have noticed.
    plan.steps.reverse();
    let found = against(&plan, &parsed(&base), &parsed(&head), &twogate::cluster::Platform::default(), &flows);
    assert!(found.is_some_and(|found| found.starts_with("in step 1 no longer Denied")));
    let back = safe(&head, &base, &flows);
    assert_eq!(lines(&back), ["close: replace NetworkPolicy shop/web", "open: replace NetworkPolicy shop/db"]);
}

fn to(names: &[&str]) -> String {
    let peers: Vec<String> = names.iter().map(|name| format!("{{podSelector: {{matchLabels: {{app: {name}}}}}}}")).collect();
    format!("{{to: [{}]}}", peers.join(", "))
}

fn closed() -> String {
    network("closed", "{podSelector: {}, policyTypes: [Ingress, Egress]}")
}

fn open(name: &str, apps: &str) -> String {
    network(
        name,
        &format!(
            "{{podSelector: {{matchExpressions: [{{key: app, operator: In, values: [{apps}]}}]}}, policyTypes: [Ingress], ingress: [{{}}]}}"
        ),
    )
}

/// Whichever of two objects comes first, a new end meets an old one; what both contents share has to stand between them.
#[test]
fn where_both_orders_cross_what_is_shared_stands_between() {
    let side = |reached: &str, opened: &str| {
        closed() + &network("web", &format!("{WEB}{}]}}", to(&["db", reached]))) + &open("a", opened) + &open("b", "db")
    };
    let (base, head) = (side("one", "two"), side("two", "one"));
    let flows = ["db", "one", "two"].map(|app| flow(&format!("app=web@shop -> app={app}@shop:80"), &labelled()));
    let plan = safe(&base, &head, &flows);
    assert_eq!(plan.steps[0].name, "shared");
    assert!(plan.steps[0].actions.iter().any(|action| action.stay == twogate::plan::Stay::Interim), "{:#?}", plan.steps[0]);
    assert_eq!(plan.steps.len(), 2, "{:#?}", lines(&plan));
}

fn stuck() -> (String, String) {
    let web = |apps: &str, reached: &str| {
        let selector =
            format!("{{podSelector: {{matchExpressions: [{{key: app, operator: In, values: [{apps}]}}]}}, policyTypes: [Egress]");
        network("web", &format!("{selector}, egress: [{}]}}", to(&["three", reached])))
    };
    (closed() + &web("web", "one") + &open("a", "two, three"), closed() + &web("web, other", "two") + &open("a", "one, three"))
}

/// No object can stand between these two, so every order opens or drops something; the best one says what.
#[test]
fn a_change_without_a_safe_order_says_so() {
    let (base, head) = stuck();
    let rollout = yaml(&base, &head, Options::default());
    assert_eq!(rollout.plan.safety, Safety::NoSafeOrder);
    let harm: Vec<(usize, &Harm)> = rollout.plan.harm().collect();
    assert!(matches!(harm[0], (1, Harm::Opens(words)) if words.contains("app=web@shop") && words.contains("app=one@shop")), "{harm:?}");
    assert_eq!(rollout.findings.iter().map(|finding| finding.code.name()).collect::<Vec<_>>(), ["no-safe-order"]);
    let flows = [flow("app=web@shop -> app=one@shop:80", &labelled())];
    assert!(against(&rollout.plan, &parsed(&base), &parsed(&head), &twogate::cluster::Platform::default(), &flows).is_some());
    assert_eq!(moments(&rollout.plan, parsed(&base)).1, parsed(&head));
}

const SHOP: &str = "namespace shop\n\nallow app=web -> app=db:5432 mtls\nallow internet -> app=web:8443\n";

/// The first policy that selects a pod isolates it: neither the rules of an application nor the baseline can come first.
#[test]
fn a_namespace_that_closes_for_the_first_time_is_held_open() {
    let plan = programs("", SHOP, Options::default()).plan;
    assert_eq!(plan.safety, Safety::Safe);
    let names: Vec<&str> = plan.steps.iter().map(|step| step.name).collect();
    assert_eq!(names, ["hold-open", "open", "permissive", "close", "strict"], "{:#?}", lines(&plan));
    let (head, platform) = (objects(input(SHOP)), platform(&input(SHOP)));
    let flows = [
        flow("app=web@shop -> k8s-app=kube-dns@kube-system:53/udp", &labelled()),
        flow("app=web@shop -> app=db@shop:5432 mtls", &labelled()),
        flow("8.8.8.8 -> app=web@shop:8443", &labelled()),
    ];
    assert_eq!(against(&plan, &Objects::new(), &head, &platform, &flows), None);
    // Each of the two by itself cuts what both sides let through.
    let alone = |name: &str, flow: &Flow| {
        let only = head.iter().filter(|((kind, _, own), _)| kind == "NetworkPolicy" && own == name);
        decide(&cluster(&only.map(|(key, text)| (key.clone(), text.clone())).collect(), &platform), flow)
    };
    assert_eq!(alone("web", &flows[0]), Verdict::Denied);
    assert_eq!(alone("baseline", &flows[1]), Verdict::Denied);
    // It is the same way back.
    let back = programs(SHOP, "", Options::default()).plan;
    assert_eq!(back.safety, Safety::Safe);
    assert_eq!(against(&back, &head, &Objects::new(), &platform, &flows), None);
}

/// One transport alone on either side: clients and servers cannot change at the same moment.
#[test]
fn both_transports_stand_between_one_and_the_other() {
    let mode = |mode: &str| istio("PeerAuthentication", "default", &format!("{{mtls: {{mode: {mode}}}}}"));
    for (base, head) in [("DISABLE", "STRICT"), ("STRICT", "DISABLE")] {
        let plan = safe(&mode(base), &mode(head), &[flow("app=web@shop -> app=db@shop:80 mtls", &labelled())]);
        let modes: Vec<&str> = plan.steps.iter().filter_map(|step| step.actions[0].text.split("mode: ").nth(1)).map(str::trim).collect();
        assert_eq!(modes, ["PERMISSIVE", &format!("{head}}}}}")], "{:#?}", plan.steps);
        assert_eq!(plan.steps.iter().map(|step| step.name).collect::<Vec<_>>(), ["permissive", "strict"]);
    }
}

/// What stands in the root namespace acts on every other.
#[test]
fn what_changes_in_the_root_namespace_changes_everywhere() {
    let mode = |mode: &str| {
        let all = istio("PeerAuthentication", "default", &format!("{{mtls: {{mode: {mode}}}}}"));
        all.replace("namespace: shop", "namespace: istio-system") + &network("db", &format!("{DB}{{}}]}}"))
    };
    let plan = safe(&mode("PERMISSIVE"), &mode("STRICT"), &[flow("app=web@shop -> app=db@shop:80 mtls", &labelled())]);
    assert_eq!(lines(&plan), ["replace: replace PeerAuthentication istio-system/default"]);
    assert!(plan.steps[0].closes.iter().any(|line| line.starts_with("*@* -> *@*:")), "{:#?}", plan.steps);
}

/// Whatever part of it is applied, nothing is cut that both sides let through: so it is one step.
#[test]
fn what_requires_mtls_in_one_namespace_is_one_step() {
    let side = |mode: &str| {
        istio("PeerAuthentication", "default", &format!("{{mtls: {{mode: {mode}}}}}"))
            + &istio("PeerAuthentication", "web", &format!("{{selector: {{matchLabels: {{app: web}}}}, mtls: {{mode: {mode}}}}}"))
    };
    let (base, head) = (side("PERMISSIVE"), side("STRICT"));
    let flows = ["web", "db"].map(|app| flow(&format!("app=api@shop -> app={app}@shop:80 mtls"), &labelled()));
    let both = "replace PeerAuthentication shop/default, replace PeerAuthentication shop/web";
    assert_eq!(lines(&safe(&base, &head, &flows)), [format!("strict: {both}")]);
    assert_eq!(lines(&safe(&head, &base, &flows)), [format!("permissive: {both}")]);
}

/// Of two that are not safe in every part each waits for its turn: without its own, `web` is under the other.
#[test]
fn what_is_not_safe_in_every_part_is_done_in_turn() {
    let own =
        |mode: &str| istio("PeerAuthentication", "web", &format!("{{selector: {{matchLabels: {{app: web}}}}, mtls: {{mode: {mode}}}}}"));
    let all = |mode: &str| istio("PeerAuthentication", "default", &format!("{{mtls: {{mode: {mode}}}}}"));
    let flows = [flow("app=api@shop -> app=web@shop:80", &labelled())];
    let found = lines(&safe(&(all("STRICT") + &own("DISABLE")), &all("DISABLE"), &flows));
    let replaced = "replace PeerAuthentication shop/default";
    let expected =
        [format!("permissive: {replaced}"), "permissive: delete PeerAuthentication shop/web".to_owned(), format!("strict: {replaced}")];
    assert_eq!(found, expected);
}

#[test]
fn refusals_come_last_and_go_first() {
    let deny = istio(
        "AuthorizationPolicy",
        "deny",
        "{action: DENY, selector: {matchLabels: {app: db}}, rules: [{from: [{source: {notNamespaces: [shop]}}]}]}",
    );
    let strict = istio("PeerAuthentication", "default", "{mtls: {mode: STRICT}}");
    let both = format!("{strict}{deny}");
    let flows = [flow("app=web@shop -> app=db@shop:80 mtls", &labelled()), flow("app=web@pay -> app=db@shop:80 mtls", &labelled())];
    assert_eq!(
        lines(&safe("", &both, &flows)),
        ["strict: create PeerAuthentication shop/default", "deny: create AuthorizationPolicy shop/deny"]
    );
    let back = lines(&safe(&both, "", &flows));
    assert_eq!(back, ["open: delete AuthorizationPolicy shop/deny", "permissive: delete PeerAuthentication shop/default"]);
}

/// What new policies ask of callers, they are asked when their pods have what it takes.
#[test]
fn pods_join_the_mesh_before_it_is_required() {
    let program = |mesh: &str, mtls: &str| {
        format!(
            "namespace shop mesh {mesh} {{\n  allow app=web -> app=db:5432{mtls}\n}}\nnamespace pay mesh sidecar {{\n  allow app=web@shop -> app=api:80{mtls}\n}}\n"
        )
    };
    let (out, inside) = (program("none", ""), program("sidecar", " mtls"));
    let plan = programs(&out, &inside, Options::default()).plan;
    assert_eq!(plan.safety, Safety::Safe, "{:#?}", plan.steps);
    let names: Vec<&str> = plan.steps.iter().map(|step| step.name).collect();
    assert_eq!(names, ["hold-open", "open", "side-by-side", "restart", "close", "strict"], "{:#?}", lines(&plan));
    assert!(plan.steps[3].actions[0].text.contains("restart the pods of namespace shop: they join the mesh"));
    let back = programs(&inside, &out, Options::default()).plan;
    assert_eq!(back.safety, Safety::Safe);
    let place = |name: &str| back.steps.iter().position(|step| step.name == name).unwrap();
    assert!(place("permissive") < place("restart"), "{:#?}", lines(&back));
}

/// Policies name both accounts while pods change from the one to the other.
#[test]
fn both_accounts_are_let_in_while_pods_are_replaced() {
    let program = |account: &str| format!("namespace shop\nworkload web = app=web account {account}\nallow web -> app=db:5432 mtls\n");
    let plan = programs(&program("web-sa"), &program("shop-sa"), Options::default()).plan;
    assert_eq!(plan.safety, Safety::Safe);
    assert_eq!(plan.steps.iter().map(|step| step.name).collect::<Vec<_>>(), ["side-by-side", "restart", "close"], "{:#?}", lines(&plan));
    let between = &plan.steps[0].actions[0].text;
    assert!(between.contains("shop/web-sa") && between.contains("shop/shop-sa"), "{between}");
    assert!(plan.steps[1].actions[0].text.contains("app=web@shop as shop-sa"), "{:?}", plan.steps[1].actions);
}

/// The same, where an inventory says who runs as what.
#[test]
fn accounts_of_an_inventory_count_too() {
    let side = |account: &str| {
        let mut input = input("namespace shop\nallow app=web -> app=db:5432 mtls\n");
        let pods = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec: {{selector: {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web}}}}, spec: {{serviceAccountName: {account}, containers: [{{name: c, image: i}}]}}}}}}\n"
        );
        input.inventory.push(input.sources.add(twogate::source::Source::new("pods.yaml", pods)));
        super::walked::revision(account, input)
    };
    let plan =
        twogate::plan::intents(side("web-sa"), side("shop-sa"), Options::default()).map_err(|unjudged| unjudged.findings).unwrap().plan;
    assert_eq!(plan.safety, Safety::Safe, "{:#?}", plan.steps);
    assert_eq!(plan.steps.iter().map(|step| step.name).collect::<Vec<_>>(), ["side-by-side", "restart", "close"], "{:#?}", lines(&plan));
}

#[test]
fn copies_are_tried_out_and_change_nothing() {
    let head = SHOP.replace("8443\n", "8443\nallow app=api -> app=db:5432 mtls\n");
    let plan = programs(SHOP, &head, Options { trials: Trials::First, ..Options::default() }).plan;
    let found = lines(&plan);
    let copies = ["db", "deny-all", "web"].map(|name| format!("AuthorizationPolicy shop/{name}-dry-run"));
    assert_eq!(found[0], format!("dry-run: {}", copies.clone().map(|copy| format!("create {copy}")).join(", ")));
    assert_eq!(found[1], format!("end-dry-run: {}", copies.map(|copy| format!("delete {copy}")).join(", ")));
    assert!(plan.steps[0].opens.is_empty() && plan.steps[0].closes.is_empty());
    assert!(
        plan.steps[0].actions[0].text.contains("istio.io/dry-run: 'true'")
            || plan.steps[0].actions[0].text.contains("istio.io/dry-run: \"true\"")
    );
    let flows = ["web", "api", "job"].map(|app| flow(&format!("app={app}@shop -> app=db@shop:5432 mtls"), &labelled()));
    assert_eq!(against(&plan, &objects(input(SHOP)), &objects(input(&head)), &platform(&input(&head)), &flows), None);
    // Without a mesh there is nothing to try out.
    let without = |text: &str| text.replace("namespace shop", "namespace shop mesh none").replace(" mtls", "");
    let plan = programs(&without(SHOP), &without(&head), Options { trials: Trials::First, ..Options::default() }).plan;
    assert!(plan.steps.iter().all(|step| step.name != "dry-run"));
}

/// In ambient mode a copy may be enforced (`semantics.md` §2.10).
#[test]
fn copies_are_not_made_for_a_ztunnel() {
    let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels:\n    istio.io/dataplane-mode: ambient\n";
    let side = |port: u16| {
        namespace.to_owned() + &istio("AuthorizationPolicy", "db", &format!("{{rules: [{{to: [{{operation: {{ports: ['{port}']}}}}]}}]}}"))
    };
    let plan = yaml(&side(80), &side(81), Options { trials: Trials::First, ..Options::default() }).plan;
    assert!(plan.steps.iter().all(|step| step.name != "dry-run"));
    assert_eq!(plan.not_tried, ["AuthorizationPolicy shop/db: a ztunnel may enforce a copy, or not get it"]);
}

/// By whose keys a token is verified no flow tells.
#[test]
fn other_keys_are_not_judged() {
    let side = |keys: &str| istio("RequestAuthentication", "jwt", &format!("{{jwtRules: [{{issuer: i, jwksUri: 'https://{keys}'}}]}}"));
    let plan = yaml(&side("one/keys"), &side("two/keys"), Options::default()).plan;
    assert_eq!((plan.safety, plan.unjudged), (Safety::NotJudged, vec!["RequestAuthentication shop/jwt".to_owned()]));
}

/// What a gateway takes hangs on more than its labels, which are all that a plan knows of pods.
#[test]
fn what_policies_do_at_gateways_is_not_judged() {
    let workload = |name: &str, annotations: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  namespace: shop\n\
             spec: {{template: {{metadata: {{labels: {{app: {name}}}, annotations: {{{annotations}}}}}, \
             spec: {{containers: [{{name: istio-proxy, image: auto}}]}}}}}}\n"
        )
    };
    let rest = workload("edge", "inject.istio.io/templates: gateway") + &workload("web", "");
    let deny = |name: &str, app: &str| {
        let rule = "rules: [{to: [{operation: {paths: [/headers]}}]}]";
        istio("AuthorizationPolicy", name, &format!("{{selector: {{matchLabels: {{app: {app}}}}}, action: DENY, {rule}}}"))
    };
    let (edge, web) = (rest.clone() + &deny("edge", "edge"), rest.clone() + &deny("web", "web"));
    for (base, head) in [(&rest, &edge), (&edge, &rest), (&edge, &web)] {
        let plan = yaml(base, head, Options::default()).plan;
        assert_eq!((plan.safety, plan.unjudged), (Safety::NotJudged, vec!["AuthorizationPolicy shop/edge".to_owned()]));
    }
    for (base, head) in [(&rest, &web), (&edge, &edge)] {
        let plan = yaml(base, head, Options::default()).plan;
        assert_eq!((plan.safety, plan.unjudged), (Safety::Safe, Vec::new()));
    }
}

#[test]
fn what_is_not_modelled_is_not_judged() {
    let other = "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata:\n  name: other\n  namespace: shop\nspec: {}\n";
    let (base, head) = crossing();
    let rollout = yaml(&base, &(head.clone() + other), Options::default());
    assert_eq!(rollout.plan.safety, Safety::NotJudged);
    assert_eq!(rollout.plan.unjudged, ["CiliumNetworkPolicy shop/other"]);
    // A workload is in no step, and hinders none.
    let workload = "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: shop\ndata: {}\n";
    let rollout = yaml(&base, &(head + workload), Options::default());
    assert_eq!(rollout.plan.safety, Safety::Safe);
    assert_eq!(rollout.plan.besides, ["ConfigMap shop/settings"]);
}

#[test]
fn policies_of_others_stay_if_asked_for() {
    let ours = network("ours", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]}")
        .replace("namespace: shop\n", "namespace: shop\n  labels:\n    app.kubernetes.io/managed-by: twogate\n");
    let base = crossing().0 + &ours;
    let deleted = yaml(&base, &network("new", "{podSelector: {}, policyTypes: [Ingress]}"), Options::default()).plan;
    assert!(deleted.kept.is_empty() && lines(&deleted).join("\n").contains("delete NetworkPolicy shop/web"), "{:#?}", lines(&deleted));
    let kept = Options { others: Others::Kept, ..Options::default() };
    let plan = yaml(&base, &network("new", "{podSelector: {}, policyTypes: [Ingress]}"), kept).plan;
    assert_eq!(plan.kept, ["NetworkPolicy shop/web", "NetworkPolicy shop/db"]);
    let found = lines(&plan).join("\n");
    assert!(found.contains("delete NetworkPolicy shop/ours") && !found.contains("shop/web"), "{found}");
}

/// What the cluster adds to an object is nothing to apply.
#[test]
fn what_a_dump_adds_is_no_change() {
    let plain = crossing().0;
    let dump = plain.replace(
        "  namespace: shop\n",
        "  namespace: shop\n  uid: 0c9f\n  resourceVersion: '7'\n  creationTimestamp: '2027-01-01T00:00:00Z'\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: '{}'\n",
    );
    assert_eq!(lines(&yaml(&dump, &plain, Options::default()).plan), Vec::<String>::new());
}

/// Labels of a namespace change at once for every policy that looks at them.
#[test]
fn a_namespace_gets_other_labels() {
    let namespace = |env: &str| format!("---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: pay\n  labels:\n    env: {env}\n");
    let db = |env: &str| network("db", &format!("{DB}{{from: [{{namespaceSelector: {{matchLabels: {{env: {env}}}}}}}]}}]}}"));
    let rollout = yaml(&(namespace("test") + &db("test")), &(namespace("prod") + &db("prod")), Options::default());
    let plan = rollout.plan;
    assert_eq!(plan.safety, Safety::Safe, "{:#?}", plan.steps);
    let names: Vec<&str> = plan.steps.iter().map(|step| step.name).collect();
    assert_eq!(names, ["side-by-side", "restart", "close"], "{:#?}", lines(&plan));
    assert!(plan.steps[1].actions[0].text.starts_with("label namespace pay env=prod"), "{:?}", plan.steps[1].actions);
}

/// An object that accepts both transports accepts them on every port; one that changes a single port needs none.
#[test]
fn one_port_leaves_mtls_without_a_step_between() {
    let peer = |ports: &str| {
        istio("PeerAuthentication", "db", &format!("{{selector: {{matchLabels: {{app: db}}}}, mtls: {{mode: STRICT}}{ports}}}"))
    };
    let plan = safe(&peer(""), &peer(", portLevelMtls: {80: {mode: DISABLE}}"), &[]);
    assert_eq!(lines(&plan), ["strict: replace PeerAuthentication shop/db"]);
}

/// While a policy holds ingress open, nothing that opens egress can come: an order without it is looked for, too.
#[test]
fn what_holds_pods_open_may_stand_in_the_way() {
    let base = network("one", "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}");
    let head = network("one", "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}], ports: [{port: 443}]}]}")
        + &network(
            "two",
            "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: job}}}], ports: [{port: 443}]}]}",
        );
    let flows = ["app=web@shop -> app=db@shop:443", "app=job@shop -> app=db@shop:443", "app=job@shop -> app=web@shop:80"];
    let plan = safe(&base, &head, &flows.map(|words| flow(words, &labelled())));
    assert_eq!(lines(&plan), ["replace: replace NetworkPolicy shop/one", "open: create NetworkPolicy shop/two"]);
}

/// Equal changes are told as one line, which says where it is not true of all of it.
#[test]
fn a_line_that_is_true_in_part_says_so() {
    let rule = |name: &str, to: &str, from: &str| {
        network(name, &format!("{{podSelector: {{{to}}}, policyTypes: [Ingress], ingress: [{{from: [{{podSelector: {{{from}}}}}]}}]}}"))
    };
    let labels = |key: &str| format!("matchLabels: {{{key}: a}}");
    let others: String =
        (1..4).map(|at| rule(&format!("other-{at}"), &labels(&format!("to-{at}")), &labels(&format!("from-{at}")))).collect();
    let base = rule("all", "", &labels("one")) + &others;
    let head = base.clone() + &rule("more", "", &labels("two"));
    let plan = safe(&base, &head, &[]);
    let opens: Vec<&str> = plan.steps.iter().flat_map(|step| &step.opens).map(String::as_str).collect();
    let part = "one!=a,two=a@shop -> *@shop: denied → allowed; part of it passed before, by something else, as from pods with from-1=a to pods with to-1=a";
    assert_eq!(opens, [part]);
}

/// A course that is stuck may go on by what does no harm; others are tried only where it does some.
#[test]
fn what_holds_pods_open_may_go_early() {
    let select = |labels: &str, more: &str| format!("{{podSelector: {labels}{more}}}");
    let base = network("one", &select("{matchExpressions: [{key: four, operator: Exists}]}", ", policyTypes: [Egress]"))
        + &network("two", &select("{matchLabels: {one: b}}", ", policyTypes: [Egress], egress: [{}]"));
    let head = network("one", &select("{}", ""))
        + &network("two", &select("{matchExpressions: [{key: none, operator: Exists}]}", ", ingress: [{}]"));
    let flows = ["one=b,four=x@shop -> none=x@shop:80", "one=b@shop -> four=x@shop:80", "four=x@shop -> none=x,one=b@shop:80"];
    safe(&base, &head, &flows.map(|words| flow(words, &labelled())));
}

/// Where patterns tell more names of callers apart than are tried, no order is called safe.
#[test]
fn names_of_too_many_patterns_are_not_taken_for_judged() {
    let globs: Vec<String> = ('a'..='p').map(|letter| format!("'*{letter}*'")).collect();
    let rules =
        format!("{{selector: {{matchLabels: {{app: db}}}}, rules: [{{from: [{{source: {{namespaces: [{}]}}}}]}}]}}", globs.join(", "));
    let base = istio("AuthorizationPolicy", "db", &rules);
    let head = istio("AuthorizationPolicy", "db", &rules.replace("'*p*'", "p"));
    let plan = yaml(&base, &head, Options::default()).plan;
    assert!(plan.unjudged.iter().any(|what| what.contains("by the patterns of policies")), "{:?}", plan.unjudged);
    assert_ne!(plan.safety, Safety::Safe);
    assert!(yaml(&head, &head, Options::default()).plan.unjudged.is_empty());
}
