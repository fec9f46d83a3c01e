//! Labels, annotations and fields of modelled objects that decide flows and are not modelled: what they may touch is unspecified, and
//! nothing else is.

use super::*;

const REVISED: &str = "{istio.io/rev: canary}";

fn revised(kind: &str, id: &str, spec: &str) -> String {
    let version = if kind == "DestinationRule" { "networking.istio.io/v1" } else { "security.istio.io/v1" };
    labelled(version, kind, id, REVISED, spec)
}

/// A Deployment `shop/NAME` of pods labelled `app: NAME` with a sidecar, and with annotations.
fn annotated(name: &str, annotations: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  selector: {{matchLabels: {{app: \
         {name}}}}}\n  template:\n    metadata:\n      labels: {{app: {name}, sidecar.istio.io/inject: 'true'}}\n      annotations: \
         {{{annotations}}}\n    spec: {{serviceAccountName: {name}, containers: [{{name: c, image: x}}]}}\n"
    )
}

fn codes(yaml: &str) -> Vec<String> {
    let (_, findings) = read_on(Platform::default(), yaml);
    findings.iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect()
}

fn workload(cluster: &Cluster, name: &str) -> Endpoint {
    cluster.workloads().iter().find(|workload| &*workload.name == name).unwrap().endpoint.clone()
}

#[test]
fn a_policy_for_one_revision_acts_on_nobody_for_sure() {
    let yaml = revised("AuthorizationPolicy", "shop/only", "{selector: {matchLabels: {app: db}}, rules: []}");
    let only = cluster(&yaml);
    assert_eq!(codes(&yaml), ["unmodelled-setting AuthorizationPolicy `shop/only` says by `istio.io/rev` what is not modelled"]);
    let why = "AuthorizationPolicy `shop/only` may decide otherwise by its `istio.io/rev`";
    for destination in [db(), ambient("shop", "app=db", "db")] {
        unspecified(&only, &mtls(&web(), &destination, 80), why);
    }
    allowed(&only, &mtls(&db(), &web(), 80));
    allowed(&only, &tcp(&web(), &plain("shop", "app=db"), 80));
    // Where others refuse whatever it does, so does it; the network is not the mesh's.
    let closed = object("NetworkPolicy", "shop/closed", "{podSelector: {matchLabels: {app: db}}}");
    denied(&cluster(&format!("{yaml}{closed}")), &mtls(&web(), &db(), 80), Gate::Ingress);
}

#[test]
fn other_objects_for_one_revision_are_left_open_too() {
    let strict = revised("PeerAuthentication", "shop/strict", "{mtls: {mode: STRICT}}");
    unspecified(&cluster(&strict), &tcp(&plain("shop", ""), &db(), 80), "PeerAuthentication `shop/strict`");
    let everywhere = revised("PeerAuthentication", "istio-system/strict", "{mtls: {mode: STRICT}}");
    unspecified(&cluster(&everywhere), &tcp(&plain("shop", ""), &db(), 80), "PeerAuthentication `istio-system/strict`");
    let tokens = revised("RequestAuthentication", "shop/tokens", "{jwtRules: [{issuer: a, jwks: '{}'}]}");
    unspecified(&cluster(&tokens), &mtls(&web(), &db(), 80).http("GET", "/"), "RequestAuthentication `shop/tokens`");
    let client = revised("DestinationRule", "shop/db", "{host: db, trafficPolicy: {tls: {mode: DISABLE}}}");
    let client = cluster(&format!("{client}{}", service("db", "{}", "{name: http, port: 80}")));
    unspecified(&client, &auto(&web(), &db(), 80).service("shop/db", 80), "DestinationRule `shop/db`");
    let empty = labelled("security.istio.io/v1", "PeerAuthentication", "shop/strict", "{istio.io/rev: ''}", "{mtls: {mode: STRICT}}");
    unspecified(&cluster(&empty), &tcp(&plain("shop", ""), &db(), 80), "istio.io/rev");
}

#[test]
fn gateways_and_waypoints_of_a_revision_are_there() {
    let waypoint = |labels: &str| {
        let gateway = labelled("gateway.networking.k8s.io/v1", "Gateway", "shop/waypoint", labels, "{gatewayClassName: istio-waypoint}");
        let named = service("db", "{istio.io/use-waypoint: waypoint}", "{name: http, port: 80}");
        let closed = policy("{targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: waypoint}], rules: []}");
        format!("{gateway}{named}{closed}")
    };
    assert!(codes(&waypoint(REVISED)).is_empty());
    let question = auto(&ambient("shop", "app=web", "web"), &ambient("shop", "app=db", "db"), 80).service("shop/db", 80);
    denied(&cluster(&waypoint("{}")), &question, Gate::Caller);
    denied(&cluster(&waypoint(REVISED)), &question, Gate::Caller);
}

#[test]
fn classic_gateways_and_hosts_outside_of_one_revision_are_left_open() {
    for (kind, spec) in [
        ("Gateway", "{selector: {istio: ingress}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}"),
        (
            "ServiceEntry",
            "{hosts: [example.com], addresses: [203.0.113.7], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC}",
        ),
    ] {
        let yaml = labelled("networking.istio.io/v1", kind, "shop/x", REVISED, spec);
        assert_eq!(codes(&yaml), [format!("unmodelled-setting {kind} `shop/x` says by `istio.io/rev` what is not modelled")]);
    }
    // One of which nothing is modelled is told as that.
    let filter = labelled("networking.istio.io/v1alpha3", "EnvoyFilter", "shop/x", REVISED, "{}");
    assert_eq!(codes(&filter), ["unmodelled-kind EnvoyFilter `shop/x` is of a kind that is not modelled"]);
}

#[test]
fn a_proxy_that_is_configured_to_intercept_nothing_captures_nothing_for_sure() {
    let closed = policy("{rules: []}");
    let asked = |annotations: &str| {
        let cluster = cluster(&format!("{closed}{}", annotated("db", annotations)));
        let question = mtls(&web(), &workload(&cluster, "db"), 80);
        (cluster, question)
    };
    for config in ["interceptionMode: NONE", "interception_mode: NONE", "interceptionMode: 2", "concurrency: 2, interceptionMode: NONE"] {
        let (cluster, question) = asked(&format!("proxy.istio.io/config: '{{{config}}}'"));
        unspecified(&cluster, &question, "by its `proxy.istio.io/config`");
    }
    for usual in [
        "proxy.istio.io/config: '{interceptionMode: TPROXY}'",
        "proxy.istio.io/config: '{holdApplicationUntilProxyStarts: true}'",
        "proxy.istio.io/config: '{interceptionMode: NONE}', sidecar.istio.io/interceptionMode: REDIRECT",
        "proxy.istio.io/config: ''",
        "ambient.istio.io/bypass-inbound-capture: 'true'",
    ] {
        let (cluster, question) = asked(usual);
        denied(&cluster, &question, Gate::Caller);
    }
}

#[test]
fn pods_that_bypass_ztunnel_or_bring_their_own_bootstrap_are_left_open() {
    let strict = peer_authentication("shop/strict", "{mtls: {mode: STRICT}}");
    for (labels, annotation) in [
        ("istio.io/dataplane-mode: ambient, sidecar.istio.io/inject: 'false'", "ambient.istio.io/bypass-inbound-capture: 'true'"),
        ("sidecar.istio.io/inject: 'true'", "sidecar.istio.io/bootstrapOverride: own"),
        ("sidecar.istio.io/inject: 'true'", "traffic.sidecar.istio.io/excludeInterfaces: eth1"),
        ("sidecar.istio.io/inject: 'true'", "traffic.sidecar.istio.io/kubevirtInterfaces: net1"),
    ] {
        let pods = annotated("db", annotation).replace("sidecar.istio.io/inject: 'true'", labels);
        let cluster = cluster(&format!("{strict}{pods}"));
        let key = annotation.split(':').next().unwrap();
        unspecified(&cluster, &tcp(&plain("shop", ""), &workload(&cluster, "db"), 80), &format!("by its `{key}`"));
        denied(&cluster, &tcp(&plain("shop", ""), &meshed("shop", "app=other", "other"), 80), Gate::Transport);
    }
}

/// What a sidecar does not take over leaves as plaintext, whatever the other side takes.
#[test]
fn calls_that_annotations_keep_from_a_sidecar_may_be_plaintext() {
    let strict = peer_authentication("shop/strict", "{selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}}");
    let services = format!(
        "{}{}",
        service("db", "{}", "{name: http, port: 80}"),
        labelled("v1", "Service", "shop/open", "{}", "{selector: {app: open}, ports: [{name: http, port: 80}]}")
    );
    let asked = |annotations: &str| {
        let cluster = cluster(&format!("{strict}{services}{}", annotated("web", annotations)));
        let web = workload(&cluster, "web");
        (cluster, web)
    };
    for annotation in [
        "traffic.sidecar.istio.io/excludeOutboundPorts: '443'",
        "traffic.sidecar.istio.io/excludeOutboundIPRanges: 10.0.0.0/8",
        "traffic.sidecar.istio.io/includeOutboundIPRanges: 10.0.0.0/8",
        "traffic.sidecar.istio.io/includeOutboundIPRanges: ''",
        "sidecar.istio.io/interceptionMode: NONE",
        "proxy.istio.io/config: '{interceptionMode: NONE}'",
        "sidecar.istio.io/bootstrapOverride: own",
    ] {
        let (cluster, web) = asked(annotation);
        unspecified(&cluster, &auto(&web, &db(), 80).service("shop/db", 80), "whether the caller's sidecar takes the connection over");
        // Where it makes no difference, it is no matter; how a call is said to arrive is not asked for again.
        allowed(&cluster, &auto(&web, &meshed("shop", "app=open", "open"), 80).service("shop/open", 80));
        allowed(&cluster, &mtls(&web, &db(), 80).service("shop/db", 80));
    }
    for usual in [
        "traffic.sidecar.istio.io/excludeOutboundPorts: ''",
        "traffic.sidecar.istio.io/includeOutboundIPRanges: '*'",
        "traffic.sidecar.istio.io/includeOutboundPorts: '80'",
        "inject.istio.io/templates: gateway, sidecar.istio.io/interceptionMode: NONE",
    ] {
        let (cluster, web) = asked(usual);
        allowed(&cluster, &auto(&web, &db(), 80).service("shop/db", 80));
    }
}

/// A Service that keeps to some namespaces is unknown to the sidecars of all others, which pass on what they do not know.
#[test]
fn services_that_are_not_exported_may_be_called_in_plaintext() {
    let strict = peer_authentication("shop/strict", "{mtls: {mode: STRICT}}");
    let asked = |exported: &str, client: &Endpoint| {
        let service = format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: db, namespace: shop, annotations: {{networking.istio.io/exportTo: \
             '{exported}'}}}}\nspec: {{selector: {{app: db}}, ports: [{{name: http, port: 80}}]}}\n"
        );
        (cluster(&format!("{strict}{service}")), auto(client, &db(), 80).service("shop/db", 80))
    };
    for (exported, client) in [("*", dev()), ("", dev()), (".", web()), ("pay, dev", dev()), ("shop", web())] {
        let (cluster, question) = asked(exported, &client);
        allowed(&cluster, &question);
    }
    for (exported, client) in [(".", dev()), ("~", web()), ("pay", dev()), ("dev", web())] {
        let (cluster, question) = asked(exported, &client);
        unspecified(&cluster, &question, "of which it is not told");
    }
}

/// Sidecars come with a pod: one that ran before its namespace asked for them has none until it is made anew.
#[test]
fn pods_that_run_without_a_sidecar_are_not_behind_one() {
    let closed = format!("{}{}", policy("{rules: []}"), peer_authentication("shop/strict", "{mtls: {mode: STRICT}}"));
    let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n";
    let made = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: db, namespace: shop}\nspec:\n  template: {metadata: {labels: \
                {app: db}}, spec: {containers: [{name: c, image: x}]}}\n";
    let pod = |owner: &str, containers: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: db-h-1, namespace: shop, uid: u, labels: {{app: db, pod-template-hash: h}}, \
             ownerReferences: [{owner}]}}\nspec: {{containers: [{{name: c, image: x}}{containers}]}}\nstatus: {{podIP: 10.0.0.1}}\n"
        )
    };
    let owner = "{apiVersion: apps/v1, kind: ReplicaSet, name: db-h, uid: r, controller: true}";
    let proxy = ", {name: istio-proxy, image: istio/proxyv2, args: [proxy, sidecar]}";
    let alone = cluster(&format!("{closed}{namespace}{}", pod("", "")));
    allowed(&alone, &tcp(&address("203.0.113.7"), &alone.workloads()[0].endpoint.clone(), 80));
    let alone = cluster(&format!("{closed}{namespace}{}", pod("", proxy)));
    denied(&alone, &tcp(&address("203.0.113.7"), &alone.workloads()[0].endpoint.clone(), 80), Gate::Transport);

    let yaml = format!("{closed}{namespace}{made}{}", pod(owner, ""));
    let bare = cluster(&yaml);
    assert_eq!(codes(&yaml), ["unmodelled-setting Deployment `shop/db` has pods that run without the sidecar that it is to have"]);
    unspecified(&bare, &tcp(&address("203.0.113.7"), &workload(&bare, "db"), 80), "run without the sidecar");
    let yaml = format!("{closed}{namespace}{made}{}", pod(owner, proxy));
    assert!(codes(&yaml).is_empty());
    denied(&cluster(&yaml), &tcp(&address("203.0.113.7"), &workload(&cluster(&yaml), "db"), 80), Gate::Transport);
    let no_mesh = Platform { mesh: DataPlane::None, ..Platform::default() };
    let (_, findings) = read_on(no_mesh, &format!("{closed}{made}{}", pod(owner, "")));
    assert!(findings.is_empty(), "{findings:#?}");
}

/// The port by which the agent tells of itself is captured by nobody, in the place of the usual one (istio/istio :
/// manifests/charts/istio-control/istio-discovery/files/injection-template.yaml).
#[test]
fn a_port_that_is_the_agents_is_not_captured_for_sure() {
    let pods = |annotations: &str| format!("{}{}", annotated("db", annotations), policy("{selector: {matchLabels: {app: db}}, rules: []}"));
    let own = pods("status.sidecar.istio.io/port: '8080'");
    let on = cluster(&own);
    unspecified(&on, &tcp(&plain("shop", ""), &workload(&on, "db"), 8080), "`status.sidecar.istio.io/port`");
    let usual = cluster(&pods("status.sidecar.istio.io/port: '15020'"));
    denied(&usual, &tcp(&plain("shop", ""), &workload(&usual, "db"), 8080), Gate::Caller);
}

/// What the injector captures where pods do not say it.
#[test]
fn an_injector_that_captures_less_leaves_sidecars_open() {
    let injector = |values: &str| {
        format!(
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio-sidecar-injector, namespace: istio-system}}\ndata: {{values: '{values}'}}\n"
        )
    };
    let closed = policy("{selector: {matchLabels: {app: db}}, rules: []}");
    let with = |values: &str| cluster(&format!("{}{closed}", injector(values)));
    let call = tcp(&plain("shop", ""), &db(), 8080);
    for values in [
        r#"{"global": {"proxy": {"excludeInboundPorts": "8080"}}}"#,
        r#"{"global": {"proxy": {"includeInboundPorts": "80"}}}"#,
        r#"{"global": {"proxy": {"includeInboundPorts": ""}}}"#,
        r#"{"global": {"proxy": {"statusPort": 8080}}}"#,
        r#"{"global": {"proxy": {"excludeIPRanges": "10.0.0.0/8"}}}"#,
        r#"{"sidecarInjectorWebhook": {"neverInjectSelector": [{"matchLabels": {"app": "db"}}]}}"#,
        r#"{"sidecarInjectorWebhook": {"injectedAnnotations": {"a": "b"}}}"#,
        "[",
    ] {
        unspecified(&with(values), &call, "ConfigMap `istio-system/istio-sidecar-injector`");
    }
    let usual = r#"{"global": {"proxy": {"excludeInboundPorts": "", "includeInboundPorts": "*", "statusPort": 15020, "excludeIPRanges": "", "includeIPRanges": "*"}}, "sidecarInjectorWebhook": {"neverInjectSelector": [], "injectedAnnotations": {}}}"#;
    denied(&with(usual), &call, Gate::Caller);
}
