//! Waypoints: `semantics.md` §2.1, §2.11, §5.1 and the traps about them, and the worked example of §10.

use super::*;

/// An installation of which everything is said that waypoints hang on.
pub(super) fn installed() -> Platform {
    Platform {
        layered_waypoint_policies: Some(false),
        auto_allow_waypoint: Some(false),
        hbone_from_sidecars: Some(true),
        ..Platform::default()
    }
}

pub(super) fn waypoint(serves: &str) -> String {
    labelled(
        "gateway.networking.k8s.io/v1",
        "Gateway",
        "shop/waypoint",
        &format!("{{istio.io/waypoint-for: {serves}}}"),
        "{gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}",
    )
}

/// A waypoint for the Service `db`, which leads from port 80 to 8080, and what else there is.
fn behind_waypoint(more: &str) -> Cluster {
    behind_on(installed(), more)
}

fn behind_on(platform: Platform, more: &str) -> Cluster {
    let db = service("db", "{istio.io/use-waypoint: waypoint}", "{name: http, port: 80, targetPort: 8080}");
    cluster_on(platform, &format!("{}{db}{more}", waypoint("service")))
}

fn at_service(spec: &str) -> String {
    let spec = spec.strip_prefix('{').unwrap();
    object("AuthorizationPolicy", "shop/at-waypoint", &format!("{{targetRefs: [{{kind: Service, group: '', name: db}}], {spec}"))
}

fn at_pods(spec: &str) -> String {
    let spec = spec.strip_prefix('{').unwrap();
    object("AuthorizationPolicy", "shop/at-pods", &format!("{{selector: {{matchLabels: {{app: db}}}}, {spec}"))
}

pub(super) fn client() -> Endpoint {
    ambient("shop", "app=web", "web")
}

pub(super) fn server() -> Endpoint {
    ambient("shop", "app=db", "db")
}

fn call(source: &Endpoint) -> Question {
    auto(source, &server(), 8080).service("shop/db", 80)
}

#[test]
fn trap_042_a_rule_on_requests_at_the_pods_shuts_everybody_out() {
    let paths = at_pods("{rules: [{to: [{operation: {paths: [/x]}}]}]}");
    denied(&behind_waypoint(&paths), &call(&client()).http("GET", "/x"), Gate::Caller);
    let there = at_service("{rules: [{to: [{operation: {paths: [/x]}}]}]}");
    allowed(&behind_waypoint(&there), &call(&client()).http("GET", "/x"));
    denied(&behind_waypoint(&there), &call(&client()).http("GET", "/y"), Gate::Caller);
}

#[test]
fn trap_043_behind_a_waypoint_the_caller_is_the_waypoint() {
    let web_only = at_pods("{rules: [{from: [{source: {serviceAccounts: [shop/web]}}]}]}");
    denied(&behind_waypoint(&web_only), &call(&client()), Gate::Caller);
    let waypoint_only = at_pods("{rules: [{from: [{source: {serviceAccounts: [shop/waypoint]}}]}]}");
    allowed(&behind_waypoint(&waypoint_only), &call(&client()));
    let pair = format!("{waypoint_only}{}", at_service("{rules: [{from: [{source: {serviceAccounts: [shop/web]}}]}]}"));
    allowed(&behind_waypoint(&pair), &call(&client()));
    denied(&behind_waypoint(&pair), &call(&ambient("shop", "", "other")), Gate::Caller);
}

#[test]
fn trap_044_a_targeted_policy_alone_is_passed_by() {
    let locked = behind_waypoint(&at_service("{rules: [{from: [{source: {serviceAccounts: [shop/web]}}]}]}"));
    let other = ambient("shop", "", "other");
    denied(&locked, &call(&other), Gate::Caller);
    // The pod's address, a sidecar and a stranger do not meet it.
    allowed(&locked, &call(&other).by_pod_address());
    allowed(&locked, &call(&meshed("shop", "", "other")));
    allowed(&locked, &call(&plain("shop", "")));
    let guard = peer_authentication("shop/default", "{mtls: {mode: STRICT}}")
        + &at_pods("{action: DENY, rules: [{from: [{source: {notPrincipals: [cluster.local/ns/shop/sa/waypoint]}}]}]}");
    let guarded = behind_waypoint(&format!("{}{guard}", at_service("{rules: [{from: [{source: {serviceAccounts: [shop/web]}}]}]}")));
    for source in [other, meshed("shop", "", "other"), plain("shop", "")] {
        for question in [call(&source), call(&source).by_pod_address()] {
            assert_eq!(ask(&guarded, &question).verdict, Verdict::Denied, "{question:?}");
        }
    }
    allowed(&guarded, &call(&client()));
}

#[test]
fn trap_045_nothing_in_the_namespace_is_nothing_at_the_waypoint() {
    let guard = policy("{}") + &at_pods("{rules: [{from: [{source: {serviceAccounts: [shop/waypoint]}}]}]}");
    allowed(&behind_waypoint(&guard), &call(&ambient("dev", "", "x")));
    let class = "{targetRefs: [{kind: GatewayClass, group: gateway.networking.k8s.io, name: istio-waypoint}]}";
    let closed = |id: &str, spec: &str| behind_waypoint(&format!("{guard}{}", object("AuthorizationPolicy", id, spec)));
    denied(&closed("istio-system/closed", class), &call(&client()), Gate::Caller);
    allowed(&closed("shop/closed", class), &call(&client()));
    let gateway = "{targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: waypoint}]}";
    denied(&closed("shop/closed", gateway), &call(&client()), Gate::Caller);
    allowed(&closed("dev/closed", gateway), &call(&client()));
    // Unless selectors act on waypoints as well.
    let layered = |on| behind_on(Platform { layered_waypoint_policies: on, ..installed() }, &guard);
    denied(&layered(Some(true)), &call(&client()), Gate::Caller);
    unspecified(&layered(None), &call(&client()), "selector policies act on waypoints");
}

#[test]
fn trap_046_another_service_is_not_covered() {
    let locked =
        format!("{}{}", at_service("{action: DENY, rules: [{}]}"), service("other", "{}", "{name: http, port: 80, targetPort: 8080}"));
    denied(&behind_waypoint(&locked), &call(&client()), Gate::Caller);
    allowed(&behind_waypoint(&locked), &auto(&client(), &server(), 8080).service("shop/other", 80));
    unspecified(&behind_waypoint(&locked), &auto(&client(), &server(), 8080), "what the client addresses");
}

#[test]
fn trap_047_at_the_waypoint_ports_are_those_of_the_service() {
    let on = |port: u16| behind_waypoint(&at_service(&format!("{{rules: [{{to: [{{operation: {{ports: ['{port}']}}}}]}}]}}")));
    allowed(&on(80), &call(&client()));
    denied(&on(8080), &call(&client()), Gate::Caller);
    let at_ztunnel = |port: u16| behind_waypoint(&at_pods(&format!("{{rules: [{{to: [{{operation: {{ports: ['{port}']}}}}]}}]}}")));
    allowed(&at_ztunnel(8080), &call(&client()));
    denied(&at_ztunnel(80), &call(&client()), Gate::Caller);
}

#[test]
fn trap_069_at_the_waypoint_the_services_port_says_what_is_http() {
    let db = service("db", "{istio.io/use-waypoint: waypoint}", "{name: tcp, port: 80, targetPort: 8080}");
    let rule = at_service("{rules: [{to: [{operation: {methods: [GET]}}]}]}");
    let cluster = cluster_on(installed(), &format!("{}{db}{rule}", waypoint("service")));
    denied(&cluster, &call(&client()).http("GET", "/"), Gate::Caller);
}

#[test]
fn trap_100_the_network_can_be_passed_by_at_the_pods() {
    let network = |peer: &str| {
        object(
            "NetworkPolicy",
            "shop/db",
            &format!(
                "{{podSelector: {{matchLabels: {{app: db}}}}, ingress: [{{from: [{{podSelector: {{matchLabels: {{{peer}}}}}}}], ports: [{{port: 15008}}]}}]}}"
            ),
        )
    };
    let waypoint_only = network("gateway.networking.k8s.io/gateway-name: waypoint");
    allowed(&behind_waypoint(&waypoint_only), &call(&client()));
    denied(&behind_waypoint(&waypoint_only), &call(&client()).by_pod_address(), Gate::Ingress);
    // Admitting the client is not enough, and is too much.
    let client_only = network("app: web");
    denied(&behind_waypoint(&client_only), &call(&client()), Gate::Ingress);
    allowed(&behind_waypoint(&client_only), &call(&client()).by_pod_address());
}

#[test]
fn trap_101_the_hops_are_the_waypoints() {
    let waypoint_in = "{podSelector: {matchLabels: {gateway.networking.k8s.io/gateway-name: waypoint}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 15008}]}]}";
    let cluster = behind_waypoint(&object("NetworkPolicy", "shop/waypoint", waypoint_in));
    allowed(&cluster, &call(&client()));
    denied(&cluster, &call(&ambient("shop", "app=x", "x")), Gate::Ingress);
    let out = "{podSelector: {matchLabels: {gateway.networking.k8s.io/gateway-name: waypoint}}, policyTypes: [Egress], egress: [{ports: [{port: 8080}]}]}";
    denied(&behind_waypoint(&object("NetworkPolicy", "shop/waypoint", out)), &call(&client()), Gate::Egress);
}

#[test]
fn trap_102_an_open_port_is_passed_by_in_plaintext() {
    let locked = at_service("{action: DENY, rules: [{}]}");
    allowed(&behind_waypoint(&locked), &call(&plain("shop", "")));
    let strict = peer_authentication("shop/default", "{mtls: {mode: STRICT}}");
    denied(&behind_waypoint(&format!("{locked}{strict}")), &call(&plain("shop", "")), Gate::Transport);
}

#[test]
fn trap_094_a_token_is_gone_behind_the_proxy_that_took_it() {
    let tokens = |forward: bool| {
        let target = object(
            "RequestAuthentication",
            "shop/at-waypoint",
            &format!(
                "{{targetRefs: [{{kind: Service, name: db}}], jwtRules: [{{issuer: 'https://a', jwksUri: 'https://a/k', forwardOriginalToken: {forward}}}]}}"
            ),
        );
        let inside = "{selector: {matchLabels: {app: db}}, jwtRules: [{issuer: 'https://a', jwksUri: 'https://a/k'}]}";
        let rule = at_pods("{rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}");
        behind_waypoint(&format!("{target}{}{rule}", object("RequestAuthentication", "shop/inside", inside)))
    };
    let with_token = || valid("https://a", &[("sub", "ann")]);
    let question = auto(&client(), &db(), 8080).service("shop/db", 80).http("GET", "/").token(with_token());
    denied(&tokens(false), &question, Gate::Caller);
    allowed(&tokens(true), &question);
    denied(&tokens(true), &question.token(Token::Unverified), Gate::Token);
}

#[test]
fn section_2_11_which_calls_a_waypoint_is_for() {
    let locked = at_service("{action: DENY, rules: [{}]}")
        + &object(
            "AuthorizationPolicy",
            "shop/gateway",
            "{targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: waypoint}], action: DENY, rules: [{}]}",
        );
    let with = |serves: &str, labels: &str| {
        let db = service("db", labels, "{name: http, port: 80, targetPort: 8080}");
        cluster_on(installed(), &format!("{}{db}{locked}", waypoint(serves)))
    };
    let bound = "{istio.io/use-waypoint: waypoint}";
    for (serves, service, pod) in [("service", false, true), ("workload", true, false), ("all", false, false), ("none", true, true)] {
        let named = server().pod(|pod| drop(pod.labels.insert("istio.io/use-waypoint".into(), "waypoint".into())));
        let passes = |question: Question| ask(&with(serves, bound), &question).verdict == Verdict::Allowed;
        assert_eq!(passes(auto(&client(), &named, 8080).service("shop/db", 80)), service, "{serves}");
        assert_eq!(passes(auto(&client(), &named, 8080).by_pod_address()), pod, "{serves}");
    }
    allowed(&with("service", "{}"), &call(&client()));
    allowed(&with("service", "{istio.io/use-waypoint: none}"), &call(&client()));
    // A namespace binds what does not say otherwise.
    let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio.io/use-waypoint: waypoint}}\n";
    let in_bound = |labels: &str| {
        let db = service("db", labels, "{name: http, port: 80, targetPort: 8080}");
        cluster_on(installed(), &format!("{}{db}{locked}{namespace}", waypoint("service")))
    };
    let in_shop = |end: Endpoint| end.in_namespace_labelled("istio.io/use-waypoint", "waypoint");
    let question = auto(&in_shop(client()), &in_shop(server()), 8080).service("shop/db", 80);
    denied(&in_bound("{}"), &question, Gate::Caller);
    allowed(&in_bound("{istio.io/use-waypoint: none}"), &question);
    // Labels that nobody has seen may bind it, too.
    let undescribed = server().facts(|facts| facts.namespace = cluster::NamespaceLabels::NameOnly);
    unspecified(&with("service", "{}"), &auto(&client(), &undescribed, 8080).service("shop/db", 80), "labels of the namespace");
    denied(&with("service", bound), &auto(&client(), &undescribed, 8080).service("shop/db", 80), Gate::Caller);
    // One that nobody has seen.
    unspecified(&with("service", "{istio.io/use-waypoint: other}"), &call(&client()), "not in the manifests");
}

#[test]
fn a_gateway_goes_through_the_waypoint_only_if_told() {
    let locked = at_service("{action: DENY, rules: [{}]}");
    let gateway = meshed("ingress", "gateway.networking.k8s.io/gateway-name=edge", "edge");
    allowed(&behind_waypoint(&locked), &call(&gateway));
    let db = service(
        "db",
        "{istio.io/use-waypoint: waypoint, istio.io/ingress-use-waypoint: 'true'}",
        "{name: http, port: 80, targetPort: 8080}",
    );
    let told = cluster_on(installed(), &format!("{}{db}{locked}", waypoint("service")));
    denied(&told, &call(&gateway), Gate::Caller);
    allowed(&told, &call(&meshed("shop", "", "other")));
    unspecified(&told, &call(&meshed("ingress", "istio=ingressgateway", "edge")), "is a gateway");
}

#[test]
fn istio_may_let_waypoints_in_by_itself() {
    let by = |allow| behind_on(Platform { auto_allow_waypoint: allow, ..installed() }, "");
    allowed(&by(Some(true)), &call(&client()));
    // Then nobody else is.
    denied(&by(Some(true)), &call(&client()).by_pod_address(), Gate::Caller);
    allowed(&by(Some(false)), &call(&client()).by_pod_address());
    unspecified(&by(None), &call(&client()).by_pod_address(), "lets waypoints in by itself");
    allowed(&by(None), &call(&client()));
}

/// Where it is not known which waypoint stands before a pod, it is not known whom Istio lets in, and whether it refuses all others.
#[test]
fn istio_may_let_in_waypoints_that_nobody_knows() {
    let by = |labels: &str, allow: bool| {
        let db = service("db", labels, "{name: http, port: 80, targetPort: 8080}");
        let on = Platform { auto_allow_waypoint: Some(allow), ..installed() };
        cluster_on(on, &format!("{}{db}", waypoint("service")))
    };
    let unseen = "{istio.io/use-waypoint: other}";
    let pod = |source: &Endpoint, server: &Endpoint| auto(source, server, 8080).by_pod_address();
    allowed(&by(unseen, false), &pod(&client(), &server()));
    unspecified(&by(unseen, true), &pod(&client(), &server()), "not in the manifests");
    unspecified(&by(unseen, true), &pod(&plain("shop", "app=web"), &server()), "not in the manifests");
    // Nor does a manifest without any Gateway say more.
    let db = service("db", unseen, "{name: http, port: 80, targetPort: 8080}");
    let without = cluster_on(Platform { auto_allow_waypoint: Some(true), ..installed() }, &db);
    unspecified(&without, &pod(&client(), &server()), "not in the manifests");
    // What a pod itself names counts, too, and so may the labels of a namespace that nobody describes.
    let named = server().pod(|pod| drop(pod.labels.insert("istio.io/use-waypoint".into(), "other".into())));
    unspecified(&by("{}", true), &pod(&client(), &named), "not in the manifests");
    let undescribed = server().facts(|facts| facts.namespace = cluster::NamespaceLabels::NameOnly);
    unspecified(&by("{}", true), &pod(&client(), &undescribed), "labels of the namespace");
    // Who is let in beside is let in for sure, and without an identity nobody is.
    let both = service("db", "{istio.io/use-waypoint: waypoint}", "{name: http, port: 80, targetPort: 8080}");
    let both = format!("{}{both}{}", waypoint("service"), db.replace("name: db,", "name: other,"));
    let both = cluster_on(Platform { auto_allow_waypoint: Some(true), ..installed() }, &both);
    let known = ambient("shop", "gateway.networking.k8s.io/gateway-name=waypoint", "waypoint");
    allowed(&both, &pod(&known, &server()));
    unspecified(&both, &pod(&client(), &server()), "not in the manifests");
    denied(&both, &pod(&plain("shop", "app=web"), &server()), Gate::Caller);
}

#[test]
fn what_is_not_modelled_at_a_waypoint_leaves_it_open() {
    let filter = |namespace: &str| {
        labelled("networking.istio.io/v1alpha3", "EnvoyFilter", &format!("{namespace}/filter"), "{}", "{configPatches: []}")
    };
    let gateway = waypoint("service").replace("namespace: shop", "namespace: edge");
    let gateway = gateway.replace("HBONE}", "HBONE, allowedRoutes: {namespaces: {from: All}}}");
    let db = service(
        "db",
        "{istio.io/use-waypoint: waypoint, istio.io/use-waypoint-namespace: edge}",
        "{name: http, port: 80, targetPort: 8080}",
    );
    let with = |more: &str| cluster_on(installed(), &format!("{gateway}{db}{more}"));
    allowed(&with(""), &call(&client()));
    unspecified(&with(&filter("edge")), &call(&client()), "EnvoyFilter");
    allowed(&with(&filter("other")), &call(&client()));
}

#[test]
fn behind_a_waypoint_there_may_be_pods_outside_the_mesh() {
    let locked = behind_waypoint(&at_service("{action: DENY, rules: [{}]}"));
    let outside = plain("shop", "app=db");
    denied(&locked, &auto(&client(), &outside, 8080).service("shop/db", 80), Gate::Caller);
    let open = behind_waypoint("");
    let question = auto(&client(), &outside, 8080).service("shop/db", 80);
    allowed(&open, &question);
    assert_eq!(open.decide(&question).transport, Some(Transport::Plaintext));
}

/// The worked example of §10: one intent, each mode of the mesh, and who passes.
#[test]
fn section_10_the_worked_example() {
    let rule = "{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {serviceAccounts: ['shop/web']}}], to: [{operation: {ports: ['5432']}}]}]}";
    let strict = peer_authentication("shop/db-mtls", "{selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}}");
    let mesh = format!("{}{strict}", object("AuthorizationPolicy", "shop/db-in", rule));
    let db_service = service("db", "{}", "{name: tcp, port: 5432}");
    let network = |port: u16, peer: &str| {
        let spec = format!(
            "{{podSelector: {{matchLabels: {{app: db}}}}, policyTypes: [Ingress], ingress: [{{from: [{{podSelector: {{matchLabels: {{{peer}}}}}}}], ports: [{{port: {port}}}]}}]}}"
        );
        object("NetworkPolicy", "shop/db-net", &spec)
    };
    let sidecars = cluster_on(installed(), &format!("{mesh}{db_service}{}", network(5432, "app: web")));
    let tunnels = cluster_on(installed(), &format!("{mesh}{db_service}{}", network(15008, "app: web")));
    let through = |end: &dyn Fn(&str, &str) -> Endpoint, cluster: &Cluster, direct: Gate, raw: bool| {
        let (web, db) = (end("app=web", "web"), end("app=db", "db"));
        allowed(cluster, &auto(&web, &db, 5432).service("shop/db", 5432));
        let by_address = ask(cluster, &auto(&web, &db, 5432).by_pod_address()).verdict;
        assert_eq!(by_address == Verdict::Allowed, raw);
        assert_eq!(ask(cluster, &auto(&web, &db, 9999)).verdict, Verdict::Denied);
        denied(cluster, &auto(&end("app=x", "default"), &db, 5432).service("shop/db", 5432), Gate::Ingress);
        denied(cluster, &auto(&end("app=web", "default"), &db, 5432).service("shop/db", 5432), Gate::Caller);
        denied(cluster, &auto(&end("app=job", "web"), &db, 5432).service("shop/db", 5432), Gate::Ingress);
        denied(cluster, &auto(&plain("shop", "app=web"), &db, 5432), direct);
        allowed(cluster, &auto(&db, &web, 80).service("shop/web", 80));
    };
    through(&|labels, account| meshed("shop", labels, account), &sidecars, Gate::Transport, false);
    through(&|labels, account| ambient("shop", labels, account), &tunnels, Gate::Ingress, true);
}

/// A policy for the waypoint's pods.
fn at_waypoint_pods(spec: &str) -> String {
    let subject = "podSelector: {matchLabels: {gateway.networking.k8s.io/gateway-name: waypoint}}";
    object("NetworkPolicy", "shop/of-waypoint", &format!("{{{subject}, {spec}}}"))
}

/// What runs the waypoint.
fn running_waypoint(kind: &str, more: &str) -> String {
    let labels = "{gateway.networking.k8s.io/gateway-name: waypoint, part: proxy}";
    let spec =
        format!("serviceAccountName: waypoint, {more}containers: [{{name: proxy, ports: [{{name: tunnel, containerPort: 15008}}]}}]");
    if kind == "Pod" {
        return format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: waypoint-1, namespace: shop, labels: {labels}}}\nspec: {{{spec}}}\nstatus: {{podIP: 10.1.0.7, podIPs: [{{ip: 10.1.0.7}}]}}\n"
        );
    }
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: waypoint, namespace: shop}}\nspec: {{template: {{metadata: {{labels: {labels}}}, spec: {{{spec}}}}}}}\n"
    )
}

/// The traps 99 to 101 at the waypoint's own pods: both of its hops meet policies there.
#[test]
fn policies_for_the_waypoints_pods_count_on_both_hops() {
    let from = |labels: &str, port: &str| {
        format!("policyTypes: [Ingress], ingress: [{{from: [{{podSelector: {{matchLabels: {{{labels}}}}}}}], ports: [{{port: {port}}}]}}]")
    };
    let to = |labels: &str, port: &str| {
        format!("policyTypes: [Egress], egress: [{{to: [{{podSelector: {{matchLabels: {{{labels}}}}}}}], ports: [{{port: {port}}}]}}]")
    };
    let on = |spec: &str| behind_waypoint(&at_waypoint_pods(spec));
    let call = call(&client());
    allowed(&on(&from("app: web", "15008")), &call);
    denied(&on(&from("app: web", "8080")), &call, Gate::Ingress);
    denied(&on(&from("app: other", "15008")), &call, Gate::Ingress);
    allowed(&on(&to("app: db", "15008")), &call);
    denied(&on(&to("app: db", "8080")), &call, Gate::Egress);
    denied(&on(&to("app: other", "15008")), &call, Gate::Egress);
    // A name is the waypoint's own, where it is known what the waypoint runs as.
    let named = at_waypoint_pods(&from("app: web", "tunnel"));
    let known = Platform { named_ports: Some(true), ..installed() };
    allowed(&behind_on(known.clone(), &(named.clone() + &running_waypoint("Deployment", ""))), &call);
    denied(&behind_on(known.clone(), &(named.replace("tunnel", "other") + &running_waypoint("Deployment", ""))), &call, Gate::Ingress);
    unspecified(&behind_on(known, &named), &call, "tunnel");
}

#[test]
fn the_waypoints_pod_is_the_one_that_runs() {
    // A label that Istio does not give it by itself.
    let in_to_server = |peer: &str| {
        object(
            "NetworkPolicy",
            "shop/db",
            &format!("{{podSelector: {{matchLabels: {{app: db}}}}, ingress: [{{from: [{peer}], ports: [{{port: 15008}}]}}]}}"),
        )
    };
    let part = in_to_server("{podSelector: {matchLabels: {part: proxy}}}");
    denied(&behind_waypoint(&part), &call(&client()), Gate::Ingress);
    allowed(&behind_waypoint(&(part + &running_waypoint("Deployment", ""))), &call(&client()));
    // Its address.
    let block = |cidr: &str| in_to_server(&format!("{{ipBlock: {{cidr: {cidr}}}}}"));
    let matching = || Platform { ipblock_matches_pods: Some(true), ..installed() };
    let with = |cidr: &str, running: &str| behind_on(matching(), &(block(cidr) + running));
    let pod = running_waypoint("Pod", "");
    allowed(&with("10.1.0.7/32", &pod), &call(&client()));
    denied(&with("10.1.0.8/32", &pod), &call(&client()), Gate::Ingress);
    // Of several pods none is the one.
    unspecified(
        &with("10.1.0.7/32", &(pod.clone() + &pod.replace("waypoint-1", "waypoint-2").replace("10.1.0.7", "10.1.0.8"))),
        &call(&client()),
        "address",
    );
    unspecified(&with("10.1.0.7/32", ""), &call(&client()), "address");
    // On its node's network, policies for it and selectors that meet it are undefined (§1.7); it proves its identity all the same.
    let host = running_waypoint("Deployment", "hostNetwork: true, ");
    let only_waypoint = at_pods("{rules: [{from: [{source: {serviceAccounts: [shop/waypoint]}}]}]}");
    allowed(&behind_waypoint(&format!("{host}{only_waypoint}")), &call(&client()));
    unspecified(&behind_waypoint(&format!("{host}{}", at_waypoint_pods("policyTypes: [Ingress]"))), &call(&client()), "host-network");
    // Nobody describes its namespace: which labels that has is not known.
    let team = in_to_server("{namespaceSelector: {matchLabels: {team: a}}}");
    unspecified(&behind_waypoint(&team), &call(&client()), "labels of namespace `shop`");
    let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a}}\n";
    allowed(&behind_waypoint(&format!("{team}{namespace}")), &call(&client()));
}

/// A waypoint, a host outside that is bound to it, and what else there is.
fn host_behind_waypoint(entry: &str, more: &str) -> Cluster {
    host_behind(&waypoint("service"), "{istio.io/use-waypoint: waypoint}", entry, more)
}

pub(super) fn host_behind(gateway: &str, labels: &str, entry: &str, more: &str) -> Cluster {
    let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
    let entry = labelled("networking.istio.io/v1", "ServiceEntry", "shop/api", labels, entry);
    cluster_on(installed(), &format!("{gateway}{namespace}{entry}{more}"))
}

pub(super) const API: &str = "{hosts: [api.example.com], addresses: [203.0.113.9], ports: [{number: 443, name: tls, protocol: TLS}], resolution: STATIC, \
                   endpoints: [{address: 203.0.113.9}]}";

/// The same host, whose addresses only names tell.
const API_BY_NAME: &str =
    "{hosts: [api.example.com], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS, location: MESH_EXTERNAL}";

fn egress_of_web(to: &str) -> String {
    object(
        "NetworkPolicy",
        "shop/egress",
        &format!("{{podSelector: {{matchLabels: {{app: web}}}}, policyTypes: [Egress], egress: [{to}]}}"),
    )
}

fn for_api(spec: &str) -> String {
    let target = "targetRefs: [{kind: ServiceEntry, group: networking.istio.io, name: api}]";
    object("AuthorizationPolicy", "shop/for-api", &format!("{{{target}{spec}}}"))
}

const ONLY_THE_HOST: &str = "{to: [{ipBlock: {cidr: 203.0.113.9/32}}], ports: [{port: 443}]}";
const ONLY_THE_WAYPOINT: &str =
    "{to: [{podSelector: {matchLabels: {gateway.networking.k8s.io/gateway-name: waypoint}}}], ports: [{port: 15008}]}";

#[test]
fn a_host_outside_that_is_bound_to_a_waypoint_is_called_over_it() {
    let call = auto(&client(), &address("203.0.113.9"), 443);
    allowed(&host_behind_waypoint(API, ""), &call);
    denied(&host_behind_waypoint(API, &for_api("")), &call, Gate::Caller);
    allowed(
        &host_behind_waypoint(
            API,
            &for_api(", rules: [{from: [{source: {serviceAccounts: [shop/web]}}], to: [{operation: {ports: ['443']}}]}]"),
        ),
        &call,
    );
    denied(&host_behind_waypoint(API, &egress_of_web(ONLY_THE_HOST)), &call, Gate::Egress);
    allowed(&host_behind_waypoint(API, &egress_of_web(ONLY_THE_WAYPOINT)), &call);
    // Sidecars pass waypoints by, and so does another address.
    allowed(&host_behind_waypoint(API, &for_api("")), &auto(&meshed("shop", "app=web", "web"), &address("203.0.113.9"), 443));
    allowed(&host_behind_waypoint(API, &for_api("")), &auto(&client(), &address("203.0.113.10"), 443));
    let unbound = labelled("networking.istio.io/v1", "ServiceEntry", "shop/api", "{}", API);
    let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
    let straight = cluster_on(installed(), &format!("{}{namespace}{unbound}{}", waypoint("service"), egress_of_web(ONLY_THE_HOST)));
    allowed(&straight, &call);
}

#[test]
fn the_second_hop_to_a_host_outside_is_the_waypoints() {
    let of_waypoint = "{podSelector: {matchLabels: {gateway.networking.k8s.io/gateway-name: waypoint}}, policyTypes: [Egress], egress: []}";
    let closed = object("NetworkPolicy", "shop/waypoint", of_waypoint);
    let call = auto(&client(), &address("203.0.113.9"), 443);
    denied(&host_behind_waypoint(API, &closed), &call, Gate::Egress);
    let elsewhere = API.replace("endpoints: [{address: 203.0.113.9}]", "endpoints: [{address: 203.0.113.7}]");
    unspecified(&host_behind_waypoint(&elsewhere, &closed), &call, "ends is not known");
    allowed(&host_behind_waypoint(&elsewhere, ""), &call);
}

#[test]
fn what_a_host_outside_leads_to_by_name_may_be_called_over_the_waypoint() {
    let call = auto(&client(), &address("198.51.100.1"), 443);
    unspecified(&host_behind_waypoint(API_BY_NAME, &for_api("")), &call, "what the client addresses");
    allowed(&host_behind_waypoint(API_BY_NAME, ""), &call);
    allowed(&host_behind_waypoint(API_BY_NAME, &for_api("")), &auto(&client(), &address("198.51.100.1"), 80));
    unspecified(&host_behind_waypoint(API, &for_api("")), &auto(&client(), &address("203.0.113.9"), 80), "does not declare the port");
}

#[test]
fn an_end_leaves_open_what_goes_over_the_waypoint_of_a_host_outside() {
    let (cluster, client) = (host_behind_waypoint(API, ""), client());
    let end = cluster.end(&client, Way::Egress);
    let ask = |text: &str, port| end.decide(&address(text), Protocol::Tcp, port, Transport::Plaintext, None);
    assert_eq!(ask("203.0.113.10", 443), Verdict::Allowed);
    let open = Verdict::Unspecified("a call of it may go over the waypoint of ServiceEntry `shop/api`".to_owned());
    assert_eq!(ask("203.0.113.9", 443), open);
    assert!(end.cuts(&cluster::Names::default()).iter().any(|cut| cut.peers.addresses == addresses("203.0.113.9/32")));
}

/// What it says of addresses is not known, and so any call of one may be one of it: the network sees the waypoint then.
#[test]
fn a_host_outside_that_cannot_be_read_leaves_both_ends_open() {
    let broken = API.replace("203.0.113.9]", "no-address]");
    let (call, other) = (auto(&client(), &address("203.0.113.9"), 443), auto(&client(), &address("198.51.100.1"), 80));
    for yaml in [egress_of_web(ONLY_THE_HOST), egress_of_web(ONLY_THE_WAYPOINT), egress_of_web("")] {
        let cluster = host_behind_waypoint(&broken, &yaml);
        for call in [&call, &other] {
            assert!(matches!(cluster.decide(call).verdict, Verdict::Unspecified(_)), "{yaml}");
            let Peer::Address(to) = call.destination.peer else { panic!("it is an address") };
            let client = client();
            let end = cluster.end(&client, Way::Egress);
            let said = end.decide(&address(&to.to_string()), Protocol::Tcp, call.port, Transport::Plaintext, None);
            assert!(matches!(said, Verdict::Unspecified(_)), "{said:?} {yaml}");
            let udp = end.decide(&address(&to.to_string()), Protocol::Udp, call.port, Transport::Plaintext, None);
            assert!(!matches!(udp, Verdict::Unspecified(_)), "{yaml}");
        }
    }
    // A sidecar passes waypoints by, and the network decides about what it sends.
    let sidecar = auto(&meshed("shop", "app=web", "web"), &address("203.0.113.9"), 443);
    denied(&host_behind_waypoint(&broken, &egress_of_web("")), &sidecar, Gate::Egress);
    // Bound to no waypoint, it changes no way.
    let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
    let unbound = labelled("networking.istio.io/v1", "ServiceEntry", "shop/api", "{}", &broken);
    let straight = |more: &str| cluster_on(installed(), &format!("{}{namespace}{unbound}{more}", waypoint("service")));
    denied(&straight(&egress_of_web("")), &call, Gate::Egress);
}

#[test]
fn a_waypoint_that_is_missing_is_missed_however_the_call_arrives() {
    let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio.io/use-waypoint: waypoint}}\n";
    let db = service("db", "{}", "{name: http, port: 80, targetPort: 8080}");
    let missing = cluster_on(installed(), &format!("{namespace}{db}"));
    let client = client().in_namespace_labelled("istio.io/use-waypoint", "waypoint");
    let server = server().in_namespace_labelled("istio.io/use-waypoint", "waypoint");
    for transport in [None, Some(Transport::Mtls), Some(Transport::Plaintext)] {
        let call = Question { transport, ..auto(&client, &server, 8080).service("shop/db", 80) };
        let Verdict::Unspecified(reason) = missing.decide(&call).verdict else { panic!("{call:#?}") };
        assert!(reason.contains("Gateway is not in the manifests"), "{reason}");
    }
}
