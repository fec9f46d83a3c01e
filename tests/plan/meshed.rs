//! Changes of what decides in a mesh besides policies: Services, waypoints, pods that say their own part in the mesh, accounts.

use std::collections::BTreeMap;

use proptest::prelude::*;
use twogate::cluster::{self, Addressed, Cluster, Endpoint, Question};
use twogate::compile::Input;
use twogate::flow::{Labels, Protocol, Request, Token, Transport, Verdict};
use twogate::plan::{Options, Plan, Rollout, Safety, manifests};
use twogate::source::{Source, Sources};

use super::walked::{Objects, apply, lines, moments, revision};

const CONFIG: &str = "[mesh]\nmode = \"none\"\n[network-plugin]\nsctp = \"yes\"\n";

/// Objects by kind, namespace and name.
fn set(objects: Vec<(&str, &str, &str, String)>) -> Objects {
    objects.into_iter().map(|(kind, namespace, name, text)| ((kind.to_owned(), namespace.to_owned(), name.to_owned()), text)).collect()
}

fn given(name: &str, objects: &Objects) -> twogate::diff::Revision {
    let mut input = Input::default();
    let text = objects.values().fold(String::new(), |text, object| text + "---\n" + object);
    input.inventory.push(input.sources.add(Source::new(format!("{name}.yaml"), text)));
    input.config = Some(input.sources.add(Source::new("twogate.toml", CONFIG)));
    revision(name, input)
}

fn rollout(base: &Objects, head: &Objects) -> Rollout {
    manifests(given("before", base), given("after", head), Options::default()).map_err(|unjudged| unjudged.findings).unwrap()
}

fn namespace(name: &str, labels: &str) -> (&'static str, &'static str, String, String) {
    ("Namespace", "", name.to_owned(), format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n"))
}

fn deployment(name: &str, space: &str, account: &str, labels: &str) -> (&'static str, String, String, String) {
    let template = format!(
        "{{metadata: {{labels: {{app: {name}{labels}}}}}, spec: {{serviceAccountName: {account}, containers: [{{name: c, image: x}}]}}}}"
    );
    let text = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {space}}}\nspec: {{selector: {{matchLabels: {{app: {name}}}}}, template: {template}}}\n"
    );
    ("Deployment", space.to_owned(), name.to_owned(), text)
}

fn service(name: &str, space: &str, labels: &str, port: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {space}, labels: {{{labels}}}}}\nspec: {{selector: {{app: {name}}}, ports: [{{{port}, port: 80, targetPort: 8080}}]}}\n"
    )
}

fn policy(kind: &str, (space, name): (&str, &str), spec: &str) -> String {
    let version = if kind == "NetworkPolicy" { "networking.k8s.io/v1" } else { "security.istio.io/v1" };
    format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: {space}}}\nspec: {spec}\n")
}

const GATEWAY: &str = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: wp, namespace: shop, labels: {istio.io/waypoint-for: service}}\nspec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}\n";
const WAYPOINT: &str = "matchLabels: {gateway.networking.k8s.io/gateway-name: wp}";
const BOUND: &str = "istio.io/use-waypoint: wp";

/// A namespace in ambient mode with three workloads, a waypoint and a Service.
fn ambient(service_labels: &str, more: &[(&str, &str, String)]) -> Objects {
    let mut all = Objects::new();
    let mut put = |(kind, space, name, text): (&str, String, String, String)| all.insert((kind.to_owned(), space, name), text);
    let (kind, space, name, text) = namespace("shop", "istio.io/dataplane-mode: ambient");
    put((kind, space.to_owned(), name, text));
    for name in ["web", "db", "x"] {
        put(deployment(name, "shop", name, ""));
    }
    all.extend(set(vec![
        ("Gateway", "shop", "wp", GATEWAY.to_owned()),
        ("Service", "shop", "db", service("db", "shop", service_labels, "name: http")),
    ]));
    all.extend(set(more.iter().map(|(kind, name, text)| (*kind, "shop", *name, text.clone())).collect()));
    all
}

/// The plan, which must be safe for all calls of all workloads.
fn safe(base: &Objects, head: &Objects) -> Plan {
    let plan = rollout(base, head).plan;
    assert_eq!(plan.safety, Safety::Safe, "{:#?}", plan.steps);
    assert_eq!(against(&plan, base, head), None, "{:#?}", lines(&plan));
    plan
}

/// A call goes to the waypoint and on from it: each hop is closed by a policy that the other hop knows nothing of.
#[test]
fn both_hops_of_a_call_over_a_waypoint_are_judged() {
    let db = |from: &str| {
        policy("NetworkPolicy", ("shop", "db"), &format!("{{podSelector: {{matchLabels: {{app: db}}}}, policyTypes: [Ingress]{from}}}"))
    };
    let to_waypoint = policy(
        "NetworkPolicy",
        ("shop", "wp"),
        &format!(
            "{{podSelector: {{{WAYPOINT}}}, policyTypes: [Ingress], ingress: [{{from: [{{podSelector: {{matchLabels: {{app: web}}}}}}]}}]}}"
        ),
    );
    let base = ambient(BOUND, &[("NetworkPolicy", "db", db(""))]);
    let head = ambient(
        BOUND,
        &[
            ("NetworkPolicy", "db", db(&format!(", ingress: [{{from: [{{podSelector: {{{WAYPOINT}}}}}]}}]"))),
            ("NetworkPolicy", "wp", to_waypoint),
        ],
    );
    let plan = safe(&base, &head);
    assert_eq!(lines(&plan), ["replace: create NetworkPolicy shop/wp", "open: replace NetworkPolicy shop/db"]);
    assert!(plan.steps[1].opens.iter().any(|line| line.contains("deploy/web@shop") && line.contains("svc/db@shop")), "{:#?}", plan.steps);
}

fn by_accounts(accounts: &str) -> String {
    let rules = format!("rules: [{{from: [{{source: {{serviceAccounts: [{accounts}]}}}}]}}]");
    policy("AuthorizationPolicy", ("shop", "db"), &format!("{{selector: {{matchLabels: {{app: db}}}}, {rules}}}"))
}

/// A Service that takes a waypoint makes other callers of its callers.
#[test]
fn a_service_that_takes_a_waypoint_has_its_place() {
    let base = ambient("", &[("AuthorizationPolicy", "db", by_accounts("shop/web"))]);
    let head = ambient(BOUND, &[("AuthorizationPolicy", "db", by_accounts("shop/wp"))]);
    for (base, head) in [(&base, &head), (&head, &base)] {
        let rollout = rollout(base, head);
        let plan = &rollout.plan;
        assert!(plan.besides.is_empty(), "{:?}", plan.besides);
        // Over the waypoint everybody comes as the waypoint: what lets it in lets in whoever reaches it, and that is the head's.
        assert_eq!(plan.safety, Safety::Safe, "{:#?}", plan.steps);
        assert_eq!(against(plan, base, head), None, "{:#?}", lines(plan));
        assert!(lines(plan).iter().any(|line| line.contains("replace Service shop/db")), "{:#?}", lines(plan));
        let step = plan.steps.iter().find(|step| step.actions.iter().any(|action| action.kind == "Service")).unwrap();
        assert!(!step.opens.is_empty() || !step.closes.is_empty(), "{step:#?}");
    }
}

/// So does a namespace that takes one for all that is in it.
#[test]
fn a_namespace_that_takes_a_waypoint_has_its_place() {
    let side = |labels: &str, accounts: &str| {
        let mut all = ambient("", &[("AuthorizationPolicy", "db", by_accounts(accounts))]);
        let (kind, space, name, text) = namespace("shop", &format!("istio.io/dataplane-mode: ambient{labels}"));
        all.insert((kind.to_owned(), space.to_owned(), name), text);
        all
    };
    let plan = rollout(&side("", "shop/web"), &side(", istio.io/use-waypoint: wp", "shop/wp")).plan;
    let found = lines(&plan);
    assert_eq!(plan.safety, Safety::Safe, "{:#?}", plan.steps);
    assert_eq!(plan.steps[0].name, "side-by-side", "{found:#?}");
}

/// What a pod says of itself counts more than what its namespace says.
#[test]
fn pods_that_say_their_own_part_in_the_mesh_are_judged() {
    let side = |rules: &str, egress: &str| {
        let mut all = Objects::new();
        for (kind, space, name, text) in [namespace("side", "istio-injection: enabled"), namespace("gws", "")] {
            all.insert((kind.to_owned(), space.to_owned(), name), text);
        }
        for (kind, space, name, text) in
            [deployment("gw", "gws", "gw", ", sidecar.istio.io/inject: \"true\""), deployment("web", "side", "web", "")]
        {
            all.insert((kind.to_owned(), space, name), text);
        }
        all.extend(set(vec![
            ("Service", "side", "web", service("web", "side", "", "name: http")),
            (
                "AuthorizationPolicy",
                "side",
                "w",
                policy("AuthorizationPolicy", ("side", "w"), &format!("{{selector: {{matchLabels: {{app: web}}}}{rules}}}")),
            ),
            (
                "NetworkPolicy",
                "gws",
                "e",
                policy(
                    "NetworkPolicy",
                    ("gws", "e"),
                    &format!("{{podSelector: {{matchLabels: {{app: gw}}}}, policyTypes: [Egress]{egress}}}"),
                ),
            ),
        ]));
        all
    };
    let base = side(", rules: [{from: [{source: {serviceAccounts: [gws/gw]}}]}]", "");
    let head = side("", ", egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: side}}}]}]");
    let plan = safe(&base, &head);
    assert_eq!(lines(&plan), ["close: replace AuthorizationPolicy side/w", "open: replace NetworkPolicy gws/e"]);
}

fn sidecars(port: &str, account: &str, rule: &str) -> Objects {
    let mut all = Objects::new();
    let (kind, space, name, text) = namespace("side", "istio-injection: enabled");
    all.insert((kind.to_owned(), space.to_owned(), name), text);
    for (kind, space, name, text) in [deployment("srv", "side", "srv", ""), deployment("cli", "side", account, "")] {
        all.insert((kind.to_owned(), space, name), text);
    }
    let rules = format!("{{selector: {{matchLabels: {{app: srv}}}}, rules: [{rule}]}}");
    all.extend(set(vec![
        ("Service", "side", "srv", service("srv", "side", "", port)),
        ("AuthorizationPolicy", "side", "srv", policy("AuthorizationPolicy", ("side", "srv"), &rules)),
    ]));
    all
}

/// Rules of requests hold only where the Service says that requests are made.
#[test]
fn a_port_becomes_http_before_rules_of_requests_come() {
    let rule = |to: &str| format!("{{from: [{{source: {{serviceAccounts: [side/cli]}}}}]{to}}}");
    let methods = rule(", to: [{operation: {methods: [GET]}}]");
    for (old, new) in [("name: tcp", "name: http"), ("name: tcp", "name: tcp, appProtocol: http")] {
        let (base, head) = (sidecars(old, "cli", &rule("")), sidecars(new, "cli", &methods));
        let plan = safe(&base, &head);
        assert_eq!(lines(&plan), ["replace: replace Service side/srv", "replace: replace AuthorizationPolicy side/srv"]);
        let back = safe(&head, &base);
        assert_eq!(lines(&back), ["replace: replace AuthorizationPolicy side/srv", "replace: replace Service side/srv"]);
    }
}

/// Whoever runs as another account comes as somebody else.
#[test]
fn a_workload_runs_as_another_account_while_both_are_let_in() {
    let rule = |account: &str| format!("{{from: [{{source: {{serviceAccounts: [side/{account}]}}}}]}}");
    let (base, head) = (sidecars("name: tcp", "cli", &rule("cli")), sidecars("name: tcp", "other", &rule("other")));
    let plan = safe(&base, &head);
    assert_eq!(plan.steps.iter().map(|step| step.name).collect::<Vec<_>>(), ["side-by-side", "replace", "close"], "{:#?}", lines(&plan));
    assert_eq!(plan.steps[1].wait, Some("until every pod has been replaced"));
    assert!(plan.besides.is_empty());
}

/// What decides nothing may be done whenever it suits.
#[test]
fn what_decides_no_flow_is_in_no_step() {
    let rule = "{from: [{source: {serviceAccounts: [side/cli]}}]}";
    let base = sidecars("name: http", "cli", rule);
    let mut head = base.clone();
    let change = |head: &mut Objects, kind: &str, name: &str, from: &str, to: &str| {
        let text = head.get_mut(&(kind.to_owned(), "side".to_owned(), name.to_owned())).unwrap();
        assert!(text.contains(from), "{text}");
        *text = text.replace(from, to);
    };
    change(&mut head, "Service", "srv", "labels: {}", "labels: {team: shop}");
    change(&mut head, "Service", "srv", "name: http", "name: http-web");
    change(&mut head, "Deployment", "cli", "image: x", "image: y");
    change(&mut head, "Deployment", "srv", "labels: {app: srv", "labels: {app: srv, version: '2'");
    let plan = rollout(&base, &head).plan;
    assert_eq!((plan.safety, lines(&plan)), (Safety::Safe, Vec::new()));
    assert_eq!(plan.besides, ["Deployment side/cli", "Deployment side/srv", "Service side/srv"]);
}

/// Pods that take part in the mesh as their namespace says turn with it, whatever else of them changes.
#[test]
fn a_namespace_that_joins_takes_its_workloads_along() {
    let rule = "{from: [{source: {namespaces: [side]}}]}";
    let side = |labels: &str, image: &str| {
        let mut all = sidecars("name: http", "cli", rule);
        let (kind, space, name, text) = namespace("side", labels);
        all.insert((kind.to_owned(), space.to_owned(), name), text);
        let deployment = all.get_mut(&("Deployment".to_owned(), "side".to_owned(), "cli".to_owned())).unwrap();
        *deployment = deployment.replace("image: x", &format!("image: {image}"));
        all
    };
    let plan = rollout(&side("", "x"), &side("istio-injection: enabled", "y")).plan;
    assert_eq!(plan.besides, ["Deployment side/cli"]);
    assert!(plan.unjudged.is_empty(), "{:?}", plan.unjudged);
    // What changes of itself, too, is something else again on the way.
    let mut other = side("istio-injection: enabled", "x");
    other.extend(sidecars("name: http", "other", rule).into_iter().filter(|((kind, _, name), _)| kind == "Deployment" && name == "cli"));
    let plan = rollout(&side("", "x"), &other).plan;
    assert_eq!((plan.safety == Safety::Safe, plan.unjudged), (false, vec!["Deployment side/cli".to_owned()]));
}

/// Nobody deletes a Service for a policy's sake, and what it decides counts on.
#[test]
fn a_service_that_the_head_lacks_stays() {
    let rule = "{from: [{source: {serviceAccounts: [side/cli]}}], to: [{operation: {methods: [GET]}}]}";
    let base = sidecars("name: http", "cli", rule);
    let mut head = base.clone();
    head.retain(|(kind, ..), _| kind != "Service");
    let plan = rollout(&base, &head).plan;
    assert_eq!((plan.safety, lines(&plan), plan.kept), (Safety::Safe, Vec::new(), vec!["Service side/srv".to_owned()]));
}

/// Calls that go over a waypoint to pods of which nothing is known cannot be asked about.
#[test]
fn calls_over_a_waypoint_to_unknown_pods_are_not_judged() {
    let side = |accounts: &str| {
        let mut all = ambient(BOUND, &[("AuthorizationPolicy", "db", by_accounts(accounts))]);
        all.retain(|(kind, ..), _| kind != "Deployment");
        all
    };
    let plan = rollout(&side("shop/web"), &side("shop/wp")).plan;
    assert_eq!(plan.safety, Safety::NotJudged, "{:#?}", lines(&plan));
    assert!(plan.unjudged.iter().any(|what| what.contains("Service shop/db")), "{:?}", plan.unjudged);
    let same = side("shop/web");
    assert_eq!(rollout(&same, &same).plan.safety, Safety::Safe);
}

fn request(method: &str) -> Request {
    Request { method: method.into(), path: "/".into(), host: "db.shop".into(), headers: Labels::new(), token: Token::None }
}

/// What each workload may say to each other one, by whatever way it may call it.
type Passing = BTreeMap<String, Verdict>;

fn passing(objects: &Objects) -> Passing {
    let mut sources = Sources::default();
    let text = objects.values().fold(String::new(), |text, object| text + "---\n" + object);
    let file = sources.add(Source::new("cluster.yaml", text));
    let config = sources.add(Source::new("twogate.toml", CONFIG));
    let platform = twogate::compile::platform(&twogate::config::read(config, sources.get(config).unwrap()).0);
    let (cluster, findings) = cluster::read(&sources, &[file], platform);
    assert!(findings.iter().all(|finding| finding.code.name() != "invalid-manifest"), "{findings:?}");
    let mut all = Passing::new();
    for from in cluster.workloads() {
        for to in cluster.workloads().iter().filter(|to| to.name != from.name) {
            for method in ["", "GET", "POST"] {
                let request = (!method.is_empty()).then(|| request(method));
                let name = format!("{} -> {} {method}", from.name, to.name);
                let ends = [&from.endpoint, &to.endpoint];
                all.insert(format!("{name} by its address"), by_address(&cluster, ends, request.as_ref()));
                let services = objects.keys().filter(|(kind, _, own)| kind == "Service" && **own == *to.name);
                for (_, space, own) in services {
                    let addressed = Addressed::Service { namespace: space.as_str().into(), name: own.as_str().into(), port: 80 };
                    all.insert(format!("{name} by Service"), asked(&cluster, ends, (None, addressed), request.clone()));
                }
            }
        }
    }
    all
}

/// By whichever transport it passes best.
fn by_address(cluster: &Cluster, ends: [&Endpoint; 2], request: Option<&Request>) -> Verdict {
    let over = |transport| asked(cluster, ends, (Some(transport), Addressed::Pod), request.cloned());
    let [plaintext, mtls] = [over(Transport::Plaintext), over(Transport::Mtls)];
    if plaintext == Verdict::Denied || mtls == Verdict::Allowed { mtls } else { plaintext }
}

fn asked(
    cluster: &Cluster,
    [from, to]: [&Endpoint; 2],
    (transport, addressed): (Option<Transport>, Addressed),
    request: Option<Request>,
) -> Verdict {
    let (source, destination) = (from.clone(), to.clone());
    cluster.decide(&Question { source, destination, protocol: Protocol::Tcp, port: 8080, transport, request, addressed }).verdict
}

/// The first moment at which some call passes that passes on neither side, or does not that passes on both. What is in no step is done first of
/// all, or last.
fn against(plan: &Plan, base: &Objects, head: &Objects) -> Option<String> {
    let named = |(kind, space, name): &(String, String, String)| format!("{kind} {space}/{name}");
    let beside: Objects =
        head.iter().filter(|(key, _)| plan.besides.contains(&named(key))).map(|(key, text)| (key.clone(), text.clone())).collect();
    let [old, new] = [base, head].map(passing);
    let mut early = base.clone();
    early.extend(beside);
    [base, &early].into_iter().find_map(|start| {
        let (moments, _) = moments(plan, start.clone());
        moments.iter().chain([&(0, start.clone())]).find_map(|(step, objects)| {
            let now = passing(objects);
            let wrong = now.iter().find(|(call, now)| match (old.get(*call), new.get(*call)) {
                (Some(Verdict::Denied), Some(Verdict::Denied)) => **now != Verdict::Denied,
                (Some(Verdict::Allowed), Some(Verdict::Allowed)) => **now != Verdict::Allowed,
                _ => false,
            });
            wrong.map(|(call, now)| format!("in step {step} {now:?}: {call}"))
        })
    })
}

/// One side of a change, as numbers.
type Side = [usize; 9];

/// The objects of a side: `mesh` is how its namespace takes part in the mesh.
fn side(mesh: usize, choice: Side) -> Objects {
    let pick = |at: usize, from: &[&'static str]| from[choice[at] % from.len()];
    let labels = ["istio.io/dataplane-mode: ambient", "istio-injection: enabled"][mesh % 2];
    let mut all = ambient(pick(0, &["", BOUND]), &[]);
    let (kind, space, name, text) = namespace("shop", labels);
    all.insert((kind.to_owned(), space.to_owned(), name), text);
    let (kind, space, name, text) = namespace("edge", "");
    all.insert((kind.to_owned(), space.to_owned(), name), text);
    let own = ["istio.io/dataplane-mode: ambient", "sidecar.istio.io/inject: 'true'"][mesh % 2];
    let more = ["", &format!(", {own}")][choice[1] % 2].to_owned();
    for (kind, space, name, text) in
        [deployment("gw", "edge", pick(2, &["gw", "other"]), &more), deployment("web", "shop", pick(3, &["web", "web", "other"]), "")]
    {
        all.insert((kind.to_owned(), space, name), text);
    }
    let port = pick(4, &["name: http", "name: tcp", "name: tcp, appProtocol: http"]);
    let bound = pick(0, &["", BOUND]);
    all.extend(set(vec![("Service", "shop", "db", service("db", "shop", bound, port))]));
    let to = pick(5, &["", ", to: [{operation: {methods: [GET]}}]", ", to: [{operation: {methods: [POST]}}]"]);
    let accounts = pick(6, &["shop/web", "shop/wp", "shop/web, shop/wp", "edge/gw", "shop/other, edge/other"]);
    let rules =
        format!("{{selector: {{matchLabels: {{app: db}}}}, rules: [{{from: [{{source: {{serviceAccounts: [{accounts}]}}}}]{to}}}]}}");
    if choice[6] % 7 != 6 {
        all.extend(set(vec![("AuthorizationPolicy", "shop", "db", policy("AuthorizationPolicy", ("shop", "db"), &rules))]));
    }
    for (at, name, selector) in [(7, "db", "matchLabels: {app: db}"), (8, "wp", WAYPOINT)] {
        let from = |peers: &str| format!("{{podSelector: {{{selector}}}, policyTypes: [Ingress], ingress: [{{from: [{peers}]}}]}}");
        let spec = match choice[at] % 4 {
            0 => continue,
            1 => from(&format!("{{podSelector: {{{WAYPOINT}}}}}")),
            2 => from("{podSelector: {matchLabels: {app: web}}}"),
            _ => from("{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: edge}}}"),
        };
        all.extend(set(vec![("NetworkPolicy", "shop", name, policy("NetworkPolicy", ("shop", name), &spec))]));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever changes of Services, workloads and policies: a plan that is told as safe is safe for every call among workloads.
    #[test]
    fn what_changes_in_a_mesh_opens_and_drops_nothing_on_the_way(mesh in 0usize..2, one in any::<[u8; 9]>(), other in any::<[u8; 9]>(), same in any::<[bool; 9]>()) {
        let old: Side = one.map(usize::from);
        let mut new: Side = other.map(usize::from);
        for (at, _) in same.iter().enumerate().filter(|(_, same)| **same) {
            new[at] = old[at];
        }
        let (base, head) = (side(mesh, old), side(mesh, new));
        let plan = rollout(&base, &head).plan;
        if plan.safety == Safety::Safe {
            let mut last = base.clone();
            plan.steps.iter().flat_map(|step| &step.actions).for_each(|action| apply(&mut last, action));
            let beside = |key: &(String, String, String)| plan.besides.contains(&format!("{} {}/{}", key.0, key.1, key.2));
            prop_assert!(head.iter().all(|(key, _)| last.contains_key(key) || beside(key)));
            prop_assert_eq!(against(&plan, &base, &head), None, "{:#?}\n{:#?}\n{:#?}", base, head, lines(&plan));
        }
    }
}
