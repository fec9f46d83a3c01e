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
        ("sidecar.istio.io/inject: 'true'", "inject.istio.io/templates: grpc-agent"),
        ("sidecar.istio.io/inject: 'true'", "inject.istio.io/templates: 'own, grpc-simple'"),
    ] {
        let pods = annotated("db", annotation).replace("sidecar.istio.io/inject: 'true'", labels);
        let cluster = cluster(&format!("{strict}{pods}"));
        let key = annotation.split(':').next().unwrap();
        unspecified(&cluster, &tcp(&plain("shop", ""), &workload(&cluster, "db"), 80), &format!("by its `{key}`"));
        denied(&cluster, &tcp(&plain("shop", ""), &meshed("shop", "app=other", "other"), 80), Gate::Transport);
    }
}

/// Without an Envoy nobody proves who calls, unless the application does.
#[test]
fn callers_without_envoy_are_left_open() {
    let strict = peer_authentication("shop/strict", "{mtls: {mode: STRICT}}");
    let cluster = cluster(&format!("{strict}{}", annotated("web", "inject.istio.io/templates: grpc-agent")));
    let web = workload(&cluster, "web");
    unspecified(&cluster, &auto(&web, &db(), 80), "by its `inject.istio.io/templates`");
    allowed(&cluster, &mtls(&meshed("shop", "app=other", "other"), &db(), 80));
}

/// What a sidecar does not take over leaves as plaintext, whatever the other side takes.
#[test]
fn calls_that_annotations_keep_from_a_sidecar_may_be_plaintext() {
    let strict = peer_authentication("shop/strict", "{selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}}");
    let services = format!(
        "{}{}{}",
        service("db", "{}", "{name: http, port: 80}"),
        service("as", "{}", "{name: http, port: 8080, targetPort: 80}"),
        labelled("v1", "Service", "shop/open", "{}", "{selector: {app: open}, ports: [{name: http, port: 80}]}")
    );
    let asked = |annotations: &str| {
        let cluster = cluster(&format!("{strict}{services}{}", annotated("web", annotations)));
        let web = workload(&cluster, "web");
        (cluster, web)
    };
    for annotation in [
        "traffic.sidecar.istio.io/excludeOutboundPorts: all",
        "traffic.sidecar.istio.io/excludeOutboundPorts: '443', traffic.sidecar.istio.io/excludeOutboundIPRanges: 10.0.0.0/8",
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
        "traffic.sidecar.istio.io/excludeOutboundPorts: '443, 8443'",
        "traffic.sidecar.istio.io/includeOutboundIPRanges: '*'",
        "traffic.sidecar.istio.io/includeOutboundPorts: '80'",
        "inject.istio.io/templates: gateway, sidecar.istio.io/interceptionMode: NONE",
    ] {
        let (cluster, web) = asked(usual);
        allowed(&cluster, &auto(&web, &db(), 80).service("shop/db", 80));
    }
    // A port that is named is surely left alone, by the number that is called.
    for left in [
        "traffic.sidecar.istio.io/excludeOutboundPorts: '443,80'",
        "traffic.sidecar.istio.io/excludeOutboundPorts: '80', traffic.sidecar.istio.io/excludeOutboundIPRanges: 10.0.0.0/8",
        "traffic.sidecar.istio.io/excludeOutboundPorts: '80', traffic.sidecar.istio.io/includeOutboundPorts: '80'",
    ] {
        let (cluster, web) = asked(left);
        denied(&cluster, &auto(&web, &db(), 80).service("shop/db", 80), Gate::Transport);
        allowed(&cluster, &auto(&web, &meshed("shop", "app=open", "open"), 80).service("shop/open", 80));
        allowed(&cluster, &mtls(&web, &db(), 80).service("shop/db", 80));
    }
    let (cluster, web) = asked("traffic.sidecar.istio.io/excludeOutboundPorts: '8080'");
    denied(&cluster, &auto(&web, &db(), 80).service("shop/as", 8080), Gate::Transport);
    allowed(&cluster, &auto(&web, &db(), 80).service("shop/db", 80));
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
        r#"{"sidecarInjectorWebhook": {"defaultTemplates": ["sidecar", "mine"]}}"#,
        r#"{"global": {"proxy": {"autoInject": "disabled"}}}"#,
        "[",
    ] {
        unspecified(&with(values), &call, "ConfigMap `istio-system/istio-sidecar-injector`");
    }
    // What the injector reads itself need not be what the values say.
    let read = |config: &str| cluster(&format!("{}{closed}", injector("{}").replace("data: {", &format!("data: {{config: '{config}', "))));
    for config in [
        "policy: disabled",
        "neverInjectSelector: [{matchLabels: {app: db}}]",
        "injectedAnnotations: {a: b}",
        "defaultTemplates: [mine]",
        "- a",
    ] {
        unspecified(&read(config), &call, "ConfigMap `istio-system/istio-sidecar-injector`");
    }
    let usual = "{policy: enabled, defaultTemplates: [sidecar], alwaysInjectSelector: [], neverInjectSelector: [], injectedAnnotations: }";
    denied(&read(usual), &call, Gate::Caller);
    // Where the injector is asked at all it injects, unless something else is said.
    denied(&read("alwaysInjectSelector: [{matchLabels: {app: db}}]"), &call, Gate::Caller);
    let usual = r#"{"global": {"proxy": {"excludeInboundPorts": "", "includeInboundPorts": "*", "statusPort": 15020, "excludeIPRanges": "", "includeIPRanges": "*"}}, "sidecarInjectorWebhook": {"neverInjectSelector": [], "injectedAnnotations": {}}}"#;
    denied(&with(usual), &call, Gate::Caller);
}

/// A namespace that says nothing of the mesh has sidecars where the injector is told so.
#[test]
fn an_injector_for_every_namespace_leaves_pods_open_that_are_taken_to_have_no_sidecar() {
    let injector = |values: &str| {
        format!(
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio-sidecar-injector, namespace: istio-system}}\ndata: {{values: '{values}'}}\n"
        )
    };
    let namespaces = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: aside, labels: \
                      {istio-injection: disabled}}\n";
    let yaml = |value: &str| {
        let injector = injector(&format!(r#"{{"sidecarInjectorWebhook": {{"enableNamespacesByDefault": {value}}}}}"#));
        format!("{injector}{namespaces}{}", policy("{rules: []}"))
    };
    let on = |default: DataPlane, value: &str| cluster_on(Platform { mesh: default, ..Platform::default() }, &yaml(value));
    let (shop, aside) = (tcp(&plain("far", ""), &plain("shop", "app=db"), 80), tcp(&plain("far", ""), &plain("aside", "app=db"), 80));
    unspecified(&on(DataPlane::None, "true"), &shop, "`sidecarInjectorWebhook.enableNamespacesByDefault`");
    unspecified(&on(DataPlane::None, "true"), &mtls(&db(), &plain("shop", "app=db"), 80), "enableNamespacesByDefault");
    allowed(&on(DataPlane::None, "true"), &aside);
    allowed(&on(DataPlane::None, "false"), &shop);
    // Where the pods of such namespaces are taken to have sidecars nothing is left open.
    allowed(&on(DataPlane::Sidecar, "true"), &shop);
    denied(&on(DataPlane::Sidecar, "true"), &mtls(&web(), &db(), 80), Gate::Caller);
    let udp = Question { protocol: Protocol::Udp, ..shop };
    allowed(&on(DataPlane::None, "true"), &udp);
}

fn mesh_wide(config: &str) -> String {
    format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: istio-system}}\ndata: {{mesh: '{config}'}}\n")
}

fn annotated_service(annotations: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: db, namespace: shop, annotations: {annotations}}}\n\
         spec: {{selector: {{app: db}}, ports: [{{name: http, port: 80}}]}}\n"
    )
}

/// What is in no registry gets no further than the sidecar of whoever calls it (`semantics.md` §5.5).
#[test]
fn a_mesh_that_refuses_what_nobody_names_leaves_calls_of_it_open() {
    let named = service("db", "{}", "{name: http, port: 80}");
    let with = |policy: &str| cluster(&format!("{}{named}", mesh_wide(&format!("outboundTrafficPolicy: {policy}"))));
    let only = with("{mode: REGISTRY_ONLY}");
    let outside = address("203.0.113.7");
    unspecified(&only, &tcp(&web(), &outside, 443), "`outboundTrafficPolicy.mode`");
    let leaves = |cluster: &Cluster, from: &Endpoint| {
        cluster.end(from, Way::Egress).decide(&outside, Protocol::Tcp, 443, Transport::Plaintext, None)
    };
    assert!(matches!(leaves(&only, &web()), Verdict::Unspecified(_)));
    assert_eq!(leaves(&with("{mode: ALLOW_ANY}"), &web()), Verdict::Allowed);
    // ztunnel passes on what it does not know, gateways call nothing that is not named, and nobody else is told.
    let gateway = meshed("shop", "app=gw", "gw").facts(|facts| facts.proxy = ProxyRole::Gateway);
    for from in [ambient("shop", "app=web", "web"), plain("shop", "app=web"), gateway] {
        allowed(&only, &tcp(&from, &outside, 443));
        assert_eq!(leaves(&only, &from), Verdict::Allowed);
    }
    let udp = Question { protocol: Protocol::Udp, ..tcp(&web(), &outside, 443) };
    allowed(&only, &udp);
    // What reaches pods is called by the name of a Service, or by their own address, which none names.
    allowed(&only, &auto(&web(), &db(), 80).service("shop/db", 80));
    unspecified(&only, &auto(&web(), &db(), 80).by_pod_address(), "`outboundTrafficPolicy`");
    allowed(&with("{mode: ALLOW_ANY}"), &auto(&web(), &db(), 80).by_pod_address());
    allowed(&only, &auto(&plain("shop", ""), &db(), 80).by_pod_address());
    // A Service of which the caller's sidecar is not told is as unknown to it, where it would be let through otherwise.
    let hidden = annotated_service("{networking.istio.io/exportTo: '~'}");
    let through = auto(&web(), &plain("shop", "app=db"), 80).service("shop/db", 80);
    let on = |policy: &str| cluster(&format!("{}{hidden}", mesh_wide(&format!("outboundTrafficPolicy: {policy}"))));
    unspecified(&on("{mode: REGISTRY_ONLY}"), &through, "not told");
    allowed(&on("{mode: ALLOW_ANY}"), &through);
    allowed(&only, &tcp(&outside, &db(), 80));
}

/// Where identities of other trust domains are taken, somebody outside may have one.
#[test]
fn a_mesh_that_takes_other_trust_domains_may_be_called_from_outside() {
    let strict = peer_authentication("shop/strict", "{mtls: {mode: STRICT}}");
    let call = tcp(&address("203.0.113.7"), &db(), 80);
    let with = |config: &str| cluster(&format!("{}{strict}", mesh_wide(config)));
    unspecified(&with("caCertificates: [{pem: x, trustDomains: [theirs]}]"), &call, "`caCertificates`");
    for config in ["caCertificates: [{pem: x}]", "caCertificates: [{pem: x, trustDomains: [cluster.local]}]"] {
        denied(&with(config), &call, Gate::Transport);
    }
    denied(&with("caCertificates: [{pem: x, trustDomains: [theirs]}]"), &tcp(&plain("shop", ""), &db(), 80), Gate::Transport);
    allowed(&with("caCertificates: [{pem: x, trustDomains: [theirs]}]"), &mtls(&web(), &db(), 80));
}

/// Which of the two is right nobody here knows, so no answer is sure that may hang on it: how paths are changed is nothing to a connection
/// without a request, and no mesh is anything to pods outside of it.
#[test]
fn what_the_mesh_sets_otherwise_than_it_is_taken_for_is_left_open() {
    let open = |config: &str, call: &Question| {
        let (cluster, findings) = read_on(Platform::default(), &mesh_wide(config));
        let codes: Vec<String> = findings.iter().map(|finding| finding.code.to_string()).collect();
        assert_eq!(codes, ["mesh-configured-otherwise"]);
        match cluster.decide(call).verdict {
            Verdict::Unspecified(reason) => Some(reason),
            Verdict::Allowed | Verdict::Denied => None,
        }
    };
    let said = |key: &str| Some(format!("ConfigMap `istio-system/istio` sets `{key}` otherwise than it is taken for"));
    let (connection, request) = (mtls(&web(), &db(), 80), mtls(&web(), &db(), 80).http("GET", "/x"));
    let outside = tcp(&plain("shop", ""), &plain("shop", "app=a"), 80);
    for (config, key) in [("rootNamespace: theirs", "root-namespace"), ("trustDomain: theirs", "trust-domain")] {
        assert_eq!(open(config, &connection), said(key));
        assert_eq!(open(config, &request), said(key));
        assert_eq!(open(config, &outside), None);
    }
    let paths = "pathNormalization: {normalization: MERGE_SLASHES}";
    assert_eq!(open(paths, &request), said("path-normalization"));
    assert_eq!(open(paths, &connection), None);
    let istiod = istiod("{name: PILOT_AUTO_ALLOW_WAYPOINT_POLICY, value: 'true'}");
    let (cluster, _) = read_on(Platform { auto_allow_waypoint: Some(false), ..Platform::default() }, &istiod);
    unspecified(&cluster, &connection, "Deployment `istio-system/istiod` sets `auto-allow-waypoint` otherwise");
}

/// A Deployment `istio-system/istiod` with variables.
fn istiod(variables: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: istiod, namespace: istio-system}}\nspec:\n  selector: {{matchLabels: \
         {{app: istiod}}}}\n  template:\n    metadata: {{labels: {{app: istiod}}}}\n    spec: {{containers: [{{name: discovery, image: x, env: [{variables}]}}]}}\n"
    )
}

#[test]
fn what_istiod_is_told_is_held_against_what_is_taken_for_granted() {
    let no = || Platform {
        auto_allow_waypoint: Some(false),
        layered_waypoint_policies: Some(false),
        hbone_from_sidecars: Some(true),
        ..Platform::default()
    };
    let told = |platform: Platform, name: &str, value: &str| {
        let (cluster, findings) = read_on(platform, &istiod(&format!("{{name: {name}, value: '{value}'}}")));
        assert_eq!(cluster.workloads().len(), 1);
        findings.iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect::<Vec<_>>()
    };
    for (name, value, key, theirs, ours) in [
        ("PILOT_AUTO_ALLOW_WAYPOINT_POLICY", "true", "auto-allow-waypoint", "yes", "no"),
        ("ENABLE_LAYERED_WAYPOINT_AUTHORIZATION_POLICIES", "1", "layered-waypoint-policies", "yes", "no"),
        ("PILOT_ENABLE_SENDING_HBONE", "false", "hbone-from-sidecars", "no", "yes"),
        ("PILOT_ENABLE_SIDECAR_LISTENING_HBONE", "F", "hbone-from-sidecars", "no", "yes"),
    ] {
        let wanted = format!("mesh-configured-otherwise `{key}` is \"{theirs}\" in the mesh, and is taken for \"{ours}\" here");
        assert_eq!(told(no(), name, value), [wanted]);
        // Where nobody said it, what hangs on it is left open anyway.
        assert_eq!(told(Platform::default(), name, value), [""; 0]);
    }
    assert_eq!(told(no(), "PILOT_AUTO_ALLOW_WAYPOINT_POLICY", "false"), [""; 0]);
    assert_eq!(told(no(), "PILOT_TRACE_SAMPLING", "1.0"), [""; 0]);
}

#[test]
fn variables_of_istiod_of_which_nothing_is_modelled_leave_open_what_they_may_touch() {
    let closed = format!("{}{}", policy("{rules: []}"), peer_authentication("shop/strict", "{mtls: {mode: STRICT}}"));
    let with = |variable: &str| cluster(&format!("{}{closed}", istiod(&format!("{{name: {variable}}}"))));
    let outside = tcp(&address("203.0.113.7"), &db(), 80);
    unspecified(&with("PILOT_SKIP_VALIDATE_TRUST_DOMAIN, value: 'true'"), &outside, "`PILOT_SKIP_VALIDATE_TRUST_DOMAIN`");
    denied(&with("PILOT_SKIP_VALIDATE_TRUST_DOMAIN, value: 'false'"), &outside, Gate::Transport);
    denied(&with("PILOT_SKIP_VALIDATE_TRUST_DOMAIN, value: 'true'"), &mtls(&web(), &db(), 80), Gate::Caller);
    let gateway = meshed("shop", "app=gw,gateway.networking.k8s.io/gateway-name=gw", "gw").facts(|facts| facts.proxy = ProxyRole::Gateway);
    for variable in ["ENABLE_SELECTOR_BASED_K8S_GATEWAY_POLICY, value: 'false'", "ENABLE_SELECTOR_BASED_K8S_GATEWAY_POLICY, valueFrom: {}"]
    {
        unspecified(&with(variable), &tcp(&address("203.0.113.7"), &gateway, 80), "`ENABLE_SELECTOR_BASED_K8S_GATEWAY_POLICY`");
        denied(&with(variable), &mtls(&web(), &db().facts(|facts| facts.proxy = ProxyRole::Sidecar), 80), Gate::Caller);
    }
    unspecified(&with("AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY, value: 'true'"), &mtls(&web(), &db(), 80), "DRY_RUN");
    unspecified(&with("PILOT_PREFER_SENDING_HBONE, value: 'true'"), &mtls(&web(), &db(), 80), "PILOT_PREFER_SENDING_HBONE");
}

/// Operators that install a mesh are told its configuration too; what they do not name may be said elsewhere.
#[test]
fn what_operators_are_told_of_the_mesh_is_held_against_what_is_taken_for_granted() {
    let told = |kind: &str, spec: &str| {
        let (version, home) =
            if kind == "IstioOperator" { ("install.istio.io/v1alpha1", ", namespace: istio-system") } else { ("sailoperator.io/v1", "") };
        let yaml = format!("---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: default{home}}}\nspec: {spec}\n");
        let (cluster, findings) = read_on(Platform::default(), &yaml);
        (cluster, findings.iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect::<Vec<_>>())
    };
    let wanted = "mesh-configured-otherwise `trust-domain` is \"corp.example\" in the mesh, and is taken for \"cluster.local\" here";
    for (kind, spec) in [
        ("IstioOperator", "{meshConfig: {trustDomain: corp.example}}"),
        ("IstioOperator", "{values: {meshConfig: {trustDomain: corp.example}}}"),
        ("Istio", "{namespace: istio-system, values: {meshConfig: {trustDomain: corp.example}}}"),
        ("IstioRevision", "{values: {meshConfig: {trustDomain: corp.example}}}"),
    ] {
        assert_eq!(told(kind, spec).1, [wanted], "{kind} {spec}");
    }
    for (kind, spec) in [("IstioOperator", "{profile: demo, meshConfig: {accessLogFile: /dev/stdout}}"), ("Istio", "{version: v1.24.0}")] {
        assert_eq!(told(kind, spec).1, [""; 0], "{kind} {spec}");
    }
    let outside = address("203.0.113.7");
    let (cluster, _) = told("IstioOperator", "{meshConfig: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}}");
    unspecified(&cluster, &tcp(&web(), &outside, 443), "`outboundTrafficPolicy.mode`");
    let (cluster, _) = told("Istio", "{values: {global: {proxy: {excludeInboundPorts: '80'}}}}");
    unspecified(&cluster, &mtls(&web(), &db(), 80), "excludeInboundPorts");
}

/// Maistra's control plane makes policies and sidecars in the namespaces that are its members.
#[test]
fn a_control_plane_of_maistra_leaves_open_what_its_members_take() {
    let plane = "---\napiVersion: maistra.io/v2\nkind: ServiceMeshControlPlane\nmetadata: {name: basic, namespace: istio-system}\n\
                 spec: {security: {dataPlane: {mtls: true}}}\n";
    let roll = |members: &str| {
        format!(
            "---\napiVersion: maistra.io/v1\nkind: ServiceMeshMemberRoll\nmetadata: {{name: default, namespace: istio-system}}\nspec: {members}\n"
        )
    };
    let call = tcp(&plain("far", "app=x"), &db(), 80);
    unspecified(&cluster(plane), &call, "ServiceMeshControlPlane");
    allowed(&cluster(plane), &tcp(&plain("far", "app=x"), &plain("near", "app=y"), 80));
    let listed = cluster(&roll("{members: [shop]}"));
    unspecified(&listed, &tcp(&plain("far", "app=x"), &plain("shop", "app=y"), 80), "ServiceMeshMemberRoll");
    allowed(&listed, &tcp(&plain("far", "app=x"), &plain("near", "app=y"), 80));
    for any in ["{members: ['*']}", "{memberSelectors: [{matchLabels: {a: b}}]}", "{members: x}"] {
        unspecified(&cluster(&roll(any)), &tcp(&plain("far", "app=x"), &plain("near", "app=y"), 80), "ServiceMeshMemberRoll");
    }
}
