//! Gateways: pods whose Envoy runs as `proxy router`. Its listeners are made of `Gateway` servers alone (istio/istio :
//! pilot/pkg/networking/core/gateway.go, `pilot/pkg/model/{context,gateway,push_context}.go`), its policies are those of its pod
//! (`semantics.md` §2.1), and what it sends is sent as by any client of the mesh, past waypoints unless it is told otherwise (§2.11, §5.1).

use super::*;

const STRICT: &str = "{mtls: {mode: STRICT}}";

/// The pods of a gateway as the `gateway` chart makes them, with what their template says besides.
fn deployed(labels: &str, annotations: &str, container: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: edge, namespace: edge}}\n\
         spec: {{template: {{metadata: {{labels: {{istio: gw{labels}}}, annotations: {{{annotations}}}}}, \
         spec: {{serviceAccountName: edge, containers: [{container}]}}}}}}\n"
    )
}

const AUTO: &str = "{name: istio-proxy, image: auto}";

fn chart() -> String {
    deployed(", sidecar.istio.io/inject: 'true'", "inject.istio.io/templates: gateway", AUTO)
}

/// A Service of the gateway: 80 leads to 8080, 443 to 8443, both named as they are called from outside.
const LOAD_BALANCER: &str = "---\napiVersion: v1\nkind: Service\nmetadata: {name: edge, namespace: edge}\nspec: {selector: {istio: gw}, \
    ports: [{name: http2, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8443}]}\n";

/// A `Gateway` of Istio's own kind, in a namespace of its own.
fn classic(servers: &str) -> String {
    labelled("networking.istio.io/v1", "Gateway", "shop/gw", "{}", &format!("{{selector: {{istio: gw}}, servers: [{servers}]}}"))
}

fn server(port: u16, protocol: &str, tls: &str) -> String {
    let tls = if tls.is_empty() { String::new() } else { format!(", tls: {{mode: {tls}, credentialName: c}}") };
    format!("{{port: {{number: {port}, name: a{port}, protocol: {protocol}}}, hosts: ['*']{tls}}}")
}

/// The only workload of these manifests.
fn one(cluster: &Cluster) -> Endpoint {
    let [workload] = cluster.workloads() else { panic!("{:?}", cluster.workloads()) };
    workload.endpoint.clone()
}

fn at_gateway(spec: &str) -> String {
    object("AuthorizationPolicy", "edge/p", &format!("{{selector: {{matchLabels: {{istio: gw}}}}, {spec}}}"))
}

fn outside() -> Endpoint {
    address("203.0.113.5")
}

/// Manifests with a gateway as the chart makes it, a Service and these servers, under a mesh that takes mTLS alone.
fn strict(servers: &str, more: &str) -> (Cluster, Endpoint) {
    let strict = peer_authentication("istio-system/default", STRICT);
    let cluster = cluster(&format!("{}{LOAD_BALANCER}{}{strict}{more}", chart(), classic(servers)));
    let edge = one(&cluster);
    (cluster, edge)
}

/// Listeners of a router have the TLS of their server (`buildGatewayListenerTLSContext`); `PeerAuthentication` is read for inbound
/// listeners of sidecars alone (`listener_inbound.go`).
#[test]
fn a_peer_authentication_closes_no_listener_of_a_gateway() {
    let (cluster, edge) = strict(&format!("{}, {}", server(80, "HTTP", ""), server(443, "HTTPS", "SIMPLE")), "");
    for port in [8080, 8443] {
        allowed(&cluster, &auto(&outside(), &edge, port).http("GET", "/"));
        allowed(&cluster, &tcp(&web(), &edge, port).http("GET", "/"));
        denied(&cluster, &mtls(&web(), &edge, port).http("GET", "/"), Gate::Transport);
    }
    // A sidecar with the same labels is closed by it.
    let sidecar = meshed("edge", "istio=gw", "edge").facts(|facts| facts.proxy = ProxyRole::Sidecar);
    denied(&cluster, &tcp(&outside(), &sidecar, 8080), Gate::Transport);
}

/// The servers of `HTTPS` that end TLS have filters for HTTP, and so rules about requests match, whatever a Service calls the port.
#[test]
fn what_ends_at_a_gateway_is_http() {
    let allow = at_gateway("rules: [{to: [{operation: {hosts: ['shop.example.com', 'shop.example.com:*'], paths: ['/a']}}]}]");
    let deny = at_gateway("action: DENY, rules: [{to: [{operation: {paths: ['/admin']}}]}]");
    for (protocol, tls) in [("HTTP", ""), ("http2", ""), ("GRPC-Web", ""), ("HTTPS", "SIMPLE")] {
        let (allowing, edge) = strict(&server(443, protocol, tls), &allow);
        allowed(&allowing, &tcp(&outside(), &edge, 8443).http("GET", "/a"));
        denied(&allowing, &tcp(&outside(), &edge, 8443).http("GET", "/b"), Gate::Caller);
        denied(&allowing, &tcp(&outside(), &edge, 8443), Gate::Caller);
        let (denying, edge) = strict(&server(443, protocol, tls), &deny);
        allowed(&denying, &tcp(&outside(), &edge, 8443).http("GET", "/"));
        denied(&denying, &tcp(&outside(), &edge, 8443).http("GET", "/admin"), Gate::Caller);
    }
}

/// Everything else is bytes (`semantics.md` §2.9, §5.5): an ALLOW rule about requests never matches, a DENY rule loses what it says of them.
/// A mode that is not written is `PASSTHROUGH`, the first of its kind.
#[test]
fn what_a_gateway_passes_on_is_bytes() {
    let allow = at_gateway("rules: [{to: [{operation: {paths: ['/a']}}]}]");
    let deny = at_gateway("action: DENY, rules: [{to: [{operation: {paths: ['/admin']}}]}]");
    let bytes = [("TCP", ""), ("TLS", "PASSTHROUGH"), ("HTTPS", "PASSTHROUGH"), ("TLS", "SIMPLE"), ("MONGO", ""), ("HTTPS", "''")];
    for (protocol, tls) in bytes {
        let servers = server(443, protocol, tls).replace("mode: '', ", "");
        for policy in [&allow, &deny] {
            let (cluster, edge) = strict(&servers, policy);
            denied(&cluster, &tcp(&outside(), &edge, 8443).http("GET", "/a"), Gate::Caller);
        }
        let (cluster, edge) = strict(&servers, "");
        allowed(&cluster, &tcp(&outside(), &edge, 8443).http("GET", "/a"));
    }
}

/// `ISTIO_MUTUAL` is the mesh's own: only workloads come in, as who they are.
#[test]
fn a_gateway_may_take_the_mutual_tls_of_the_mesh() {
    let only_web =
        at_gateway("rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}], to: [{operation: {paths: ['/a']}}]}]");
    let (cluster, edge) = strict(&server(443, "HTTPS", "ISTIO_MUTUAL"), &only_web);
    allowed(&cluster, &mtls(&web(), &edge, 8443).http("GET", "/a"));
    denied(&cluster, &mtls(&web(), &edge, 8443).http("GET", "/b"), Gate::Caller);
    denied(&cluster, &mtls(&dev(), &edge, 8443).http("GET", "/a"), Gate::Caller);
    denied(&cluster, &tcp(&web(), &edge, 8443).http("GET", "/a"), Gate::Transport);
    denied(&cluster, &tcp(&outside(), &edge, 8443).http("GET", "/a"), Gate::Transport);
    // What ztunnel sends to a pod without a tunnel is plaintext.
    denied(&cluster, &mtls(&ambient("shop", "app=web", "web"), &edge, 8443).http("GET", "/a"), Gate::Transport);
    // A client speaks it if a rule says so; the gateway announces nothing (`semantics.md` §3.3).
    let call = auto(&web(), &edge, 8443).http("GET", "/a").service("edge/edge", 443);
    denied(&cluster, &call, Gate::Transport);
    let rule = object("DestinationRule", "shop/edge", "{host: edge.edge.svc.cluster.local, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}");
    let (told, edge) = strict(&server(443, "HTTPS", "ISTIO_MUTUAL"), &format!("{only_web}{rule}"));
    allowed(&told, &Question { destination: edge, ..call });
}

/// Whom a certificate of others makes the caller, nobody knows; and whether the client has one.
#[test]
fn a_certificate_of_others_leaves_open_who_calls() {
    let only = at_gateway("rules: [{from: [{source: {principals: ['*']}}]}]");
    let by_path = at_gateway("rules: [{to: [{operation: {paths: ['/a']}}]}]");
    let (cluster, edge) = strict(&server(443, "HTTPS", "MUTUAL"), &by_path);
    unspecified(&cluster, &tcp(&outside(), &edge, 8443).http("GET", "/a"), "whether the client has one");
    denied(&cluster, &tcp(&outside(), &edge, 8443).http("GET", "/b"), Gate::Caller);
    let (cluster, edge) = strict(&server(443, "HTTPS", "OPTIONAL_MUTUAL"), &by_path);
    allowed(&cluster, &tcp(&outside(), &edge, 8443).http("GET", "/a"));
    denied(&cluster, &tcp(&outside(), &edge, 8443).http("GET", "/b"), Gate::Caller);
    let (cluster, edge) = strict(&server(443, "HTTPS", "OPTIONAL_MUTUAL"), &only);
    unspecified(&cluster, &tcp(&outside(), &edge, 8443).http("GET", "/a"), "by its certificate");
}

/// `builtAutoPassthroughFilterChains` builds its chains without authorization, for the ALPN of the mesh's mTLS alone.
#[test]
fn auto_passthrough_takes_no_plaintext_and_asks_no_policy() {
    let nothing = at_gateway("rules: []");
    let (cluster, edge) = strict(&server(15443, "TLS", "AUTO_PASSTHROUGH"), &nothing);
    denied(&cluster, &tcp(&outside(), &edge, 15443), Gate::Transport);
    let why = format!("{:?}", cluster.decide(&tcp(&outside(), &edge, 15443)));
    assert!(why.contains("takes only the mesh's mTLS"), "{why}");
    unspecified(&strict(&server(15443, "TLS", "AUTO_PASSTHROUGH"), "").0, &mtls(&web(), &edge, 15443), "AUTO_PASSTHROUGH");
    // What comes out may bring the identity of who began it.
    let closed = object("AuthorizationPolicy", "shop/db", "{rules: [{from: [{source: {namespaces: [dev]}}]}]}");
    let (cluster, edge) = strict(&server(15443, "TLS", "AUTO_PASSTHROUGH"), &closed);
    unspecified(&cluster, &mtls(&edge, &db(), 5432), "Gateway `shop/gw`");
    // Passing TLS on does not: the gateway's cluster for a Service is that of any client (`buildOutboundNetworkFilters`).
    let (cluster, edge) = strict(&server(443, "TLS", "PASSTHROUGH"), &closed);
    denied(&cluster, &mtls(&edge, &db(), 5432), Gate::Caller);
}

/// `resolvePorts`: a port that a Service of the pod has stands for the port that it leads to, any other for itself.
#[test]
fn a_server_listens_where_the_service_leads() {
    let allow = at_gateway("rules: [{to: [{operation: {paths: ['/a']}}]}]");
    let get = |edge: &Endpoint, port| tcp(&outside(), edge, port).http("GET", "/a");
    let (cluster, edge) = strict(&server(443, "TCP", ""), &allow);
    denied(&cluster, &get(&edge, 8443), Gate::Caller);
    unspecified(&cluster, &get(&edge, 443), "no Gateway in the manifests");
    let (cluster, edge) = strict(&server(8443, "TCP", ""), &allow);
    denied(&cluster, &get(&edge, 8443), Gate::Caller);
    // A Service may opt out.
    let untranslated = LOAD_BALANCER
        .replace("namespace: edge}", "namespace: edge, labels: {experimental.istio.io/disable-gateway-port-translation: 'true'}}");
    let cluster = cluster_on(Platform::default(), &format!("{}{untranslated}{}{allow}", chart(), classic(&server(443, "TCP", ""))));
    denied(&cluster, &get(&one(&cluster), 443), Gate::Caller);
    unspecified(&cluster, &get(&one(&cluster), 8443), "no Gateway in the manifests");
    // Of several the oldest counts.
    let second = LOAD_BALANCER.replace("name: edge,", "name: other,").replace("8443", "9443");
    let (cluster, edge) = strict(&server(443, "HTTP", ""), &format!("{second}{allow}"));
    for port in [8443, 9443] {
        unspecified(&cluster, &get(&edge, port), "lead one port to several");
        denied(&cluster, &tcp(&outside(), &edge, port).http("GET", "/b"), Gate::Caller);
    }
}

/// Where no `Gateway` says what a port is, it is decided only what is the same on any listener. Nothing of the pod is captured.
#[test]
fn a_port_that_no_server_opens_is_decided_where_it_does_not_matter() {
    let (open, edge) = strict(&server(80, "HTTP", ""), "");
    for question in [tcp(&outside(), &edge, 9000), tcp(&outside(), &edge, 9000).http("GET", "/")] {
        allowed(&open, &question);
    }
    denied(&open, &mtls(&web(), &edge, 9000), Gate::Transport);
    // Where no Gateway is there at all, some may be elsewhere.
    let bare = cluster(&chart());
    allowed(&bare, &tcp(&outside(), &edge, 9000));
    unspecified(&bare, &mtls(&web(), &edge, 9000), "no Gateway in the manifests");
    let by_path = at_gateway("action: DENY, rules: [{to: [{operation: {paths: ['/admin']}}]}]");
    let bare = cluster(&format!("{}{by_path}", chart()));
    denied(&bare, &tcp(&outside(), &edge, 8080).http("GET", "/admin"), Gate::Caller);
    unspecified(&bare, &tcp(&outside(), &edge, 8080).http("GET", "/"), "no Gateway in the manifests");
    let by_address = at_gateway("rules: [{from: [{source: {ipBlocks: [203.0.113.0/24]}}]}]");
    let bare = cluster(&format!("{}{by_address}", chart()));
    allowed(&bare, &tcp(&outside(), &edge, 8080).http("GET", "/"));
    denied(&bare, &tcp(&address("198.51.100.1"), &edge, 8080).http("GET", "/"), Gate::Caller);
    // The agent's own ports stand beside all policies (`semantics.md` §5.3).
    let nothing = cluster(&format!("{}{}", chart(), at_gateway("rules: []")));
    for port in [15020, 15021, 15090] {
        allowed(&nothing, &tcp(&outside(), &edge, port));
    }
    denied(&nothing, &tcp(&outside(), &edge, 15008), Gate::Caller);
}

/// Two servers of one port are told apart by the name that TLS asks for, which a flow does not say.
#[test]
fn servers_that_share_a_port_must_agree() {
    let allow = at_gateway("rules: [{to: [{operation: {paths: ['/a']}}]}]");
    let both = |first: (&str, &str), second: (&str, &str)| {
        let second = server(443, second.0, second.1).replace("a443", "b443").replace("'*'", "b.example.com");
        strict(&format!("{}, {second}", server(443, first.0, first.1)), &allow)
    };
    let (same, edge) = both(("HTTPS", "SIMPLE"), ("HTTPS", "SIMPLE"));
    allowed(&same, &tcp(&outside(), &edge, 8443).http("GET", "/a"));
    let (other, edge) = both(("HTTPS", "SIMPLE"), ("TLS", "PASSTHROUGH"));
    unspecified(&other, &tcp(&outside(), &edge, 8443).http("GET", "/a"), "several servers");
    denied(&other, &tcp(&outside(), &edge, 8443).http("GET", "/b"), Gate::Caller);
    // Two that take the same certificates of clients are as open as one.
    let (same, edge) = both(("TLS", "ISTIO_MUTUAL"), ("TLS", "ISTIO_MUTUAL"));
    denied(&same, &tcp(&outside(), &edge, 8443), Gate::Transport);
    denied(&same, &mtls(&web(), &edge, 8443), Gate::Caller);
    let (same, edge) = both(("HTTPS", "MUTUAL"), ("HTTPS", "MUTUAL"));
    unspecified(&same, &tcp(&outside(), &edge, 8443).http("GET", "/a"), "whether the client has one");
    let (other, edge) = both(("HTTPS", "SIMPLE"), ("HTTPS", "ISTIO_MUTUAL"));
    unspecified(&other, &tcp(&outside(), &edge, 8443).http("GET", "/a"), "several servers");
}

/// No template of gateways has the label `security.istio.io/tlsMode` (gateway-injection-template.yaml, kube-gateway.yaml), so clients
/// speak plaintext by themselves (`mtls_checker.go`), and ztunnel and waypoints go without a tunnel.
#[test]
fn clients_of_the_mesh_call_a_gateway_in_plaintext() {
    let (cluster, edge) = strict(&server(80, "HTTP", ""), "");
    for client in [web(), ambient("shop", "app=web", "web"), plain("shop", "app=web")] {
        let question = auto(&client, &edge, 8080).http("GET", "/").service("edge/edge", 80);
        allowed(&cluster, &question);
        let decision = cluster.decide(&question);
        assert_eq!(decision.transport, Some(Transport::Plaintext), "{client}");
    }
    // Whoever gives it the label breaks the calls: the listener does not speak it.
    let labelled = chart().replace("{istio: gw", "{security.istio.io/tlsMode: istio, istio: gw");
    let cluster = super::cluster(&format!("{labelled}{LOAD_BALANCER}{}", classic(&server(80, "HTTP", ""))));
    denied(&cluster, &auto(&web(), &one(&cluster), 8080).http("GET", "/").service("edge/edge", 80), Gate::Transport);
    // TLS of a client's own ends at a server that has some, and nowhere else.
    let rule = object("DestinationRule", "edge/edge", "{host: edge, trafficPolicy: {tls: {mode: SIMPLE}}}");
    let servers = format!("{}, {}", server(80, "HTTP", ""), server(443, "HTTPS", "SIMPLE"));
    let allow = at_gateway("rules: [{to: [{operation: {paths: ['/a']}}]}]");
    let (cluster, edge) = strict(&servers, &format!("{rule}{allow}"));
    let call = |port, of_service| auto(&web(), &edge, port).http("GET", "/a").service("edge/edge", of_service);
    allowed(&cluster, &call(8443, 443));
    denied(&cluster, &call(8080, 80), Gate::Transport);
    let decision = cluster.decide(&call(8080, 80));
    let reasons: Vec<&str> = decision.steps.iter().filter(|step| step.gate == Gate::Transport).map(|step| &*step.reason).collect();
    assert_eq!(reasons, ["the server does not take TLS of its own"]);
}

/// Which pods are gateways the template, or the arguments of the proxy that is there, say; `SetGatewaysForProxy` looks at routers alone, so
/// a `Gateway` is nothing to any other pod, whatever labels it has.
#[test]
fn what_a_proxy_is_for_says_the_template_or_its_arguments() {
    const GATEWAY: &str = "inject.istio.io/templates: gateway";
    let role = |annotations: &str, container: &str| one(&cluster(&deployed("", annotations, container))).facts.proxy;
    let running = |arguments: &str| format!("{{name: istio-proxy, image: istio/proxyv2, args: [{arguments}]}}");
    let cases = [
        ("", "{name: app, image: i}".to_owned(), ProxyRole::Sidecar),
        ("", AUTO.to_owned(), ProxyRole::Sidecar),
        (GATEWAY, AUTO.to_owned(), ProxyRole::Gateway),
        (GATEWAY, format!("{AUTO}, {{name: app, image: i}}"), ProxyRole::Gateway),
        ("inject.istio.io/templates: 'gateway,spire'", AUTO.to_owned(), ProxyRole::Gateway),
        ("inject.istio.io/templates: 'sidecar,own'", AUTO.to_owned(), ProxyRole::Sidecar),
        ("inject.istio.io/templates: own", AUTO.to_owned(), ProxyRole::Unknown),
        ("inject.istio.io/templates: 'gateway,sidecar'", AUTO.to_owned(), ProxyRole::Unknown),
        ("", running("proxy, router, --domain, a"), ProxyRole::Gateway),
        ("", running("proxy, sidecar"), ProxyRole::Sidecar),
        (GATEWAY, running("proxy, sidecar"), ProxyRole::Sidecar),
        ("", running("proxy, waypoint"), ProxyRole::Waypoint),
        ("", running("sidecar"), ProxyRole::Unknown),
        ("", "{name: app, image: i, args: [proxy, router]}".to_owned(), ProxyRole::Sidecar),
        // An image of the mesh's proxy is one under any name, and whoever writes the command writes what would be its arguments.
        (
            "",
            "{name: istio-proxy, image: istio/proxyv2, command: [/usr/local/bin/pilot-agent, proxy, router]}".to_owned(),
            ProxyRole::Gateway,
        ),
        ("", "{name: istio-proxy, image: istio/proxyv2, command: [pilot-agent, proxy], args: [router]}".to_owned(), ProxyRole::Gateway),
        ("", "{name: edge, image: docker.io/istio/proxyv2, args: [proxy, router]}".to_owned(), ProxyRole::Gateway),
        ("", "{name: edge, image: 'gcr.io:5000/istio/proxyv2:1.26.0-distroless', args: [proxy, router]}".to_owned(), ProxyRole::Gateway),
        ("", "{name: edge, image: 'istio/proxyv2@sha256:0', command: [pilot-agent, proxy, waypoint]}".to_owned(), ProxyRole::Waypoint),
        ("", "{name: edge, image: istio/proxyv2, args: [sleep]}".to_owned(), ProxyRole::Sidecar),
        ("", "{name: edge, image: istio/proxyv2-tests, args: [proxy, router]}".to_owned(), ProxyRole::Sidecar),
    ];
    for (annotations, container, expected) in cases {
        assert_eq!(role(annotations, &container), expected, "{annotations} {container}");
    }
    let closed = object("AuthorizationPolicy", "edge/p", "{rules: [{to: [{operation: {paths: ['/a']}}]}]}");
    let gateway = classic(&server(8080, "TCP", ""));
    let of = |annotations: &str, container: &str| {
        let cluster = cluster(&format!("{}{gateway}{closed}", deployed(", sidecar.istio.io/inject: 'true'", annotations, container)));
        let edge = one(&cluster);
        (cluster, tcp(&outside(), &edge, 8080).http("GET", "/a"))
    };
    let (cluster, question) = of(GATEWAY, AUTO);
    denied(&cluster, &question, Gate::Caller);
    let (cluster, question) = of("", "{name: app, image: i}");
    allowed(&cluster, &question);
    let (cluster, question) = of("inject.istio.io/templates: own", AUTO);
    unspecified(&cluster, &question, "Gateway `shop/gw` decides if the pod is a gateway");
}

/// A `Gateway` that is not as expected leaves open what becomes of gateways, and of nobody else.
#[test]
fn a_gateway_that_cannot_be_understood_opens_gateways_alone() {
    for servers in ["{hosts: [a]}", "{port: {number: 80}}", "{port: {number: 80, protocol: HTTP}, tls: {mode: 3}}", "5"] {
        let (cluster, findings) = read_on(Platform::default(), &format!("{}{}", chart(), classic(servers)));
        assert_eq!(findings.iter().map(|finding| finding.code.name()).collect::<Vec<_>>(), ["unmodelled-kind"], "{servers}");
        let edge = one(&cluster);
        unspecified(&cluster, &tcp(&outside(), &edge, 80), "Gateway `shop/gw` may decide otherwise");
        let sidecar = edge.facts(|facts| facts.proxy = ProxyRole::Sidecar);
        allowed(&cluster, &tcp(&outside(), &sidecar, 80));
    }
    for servers in [
        "{port: {number: 80, protocol: HTTP}, bind: 10.0.0.1}",
        "{port: {number: 80, protocol: OWN}}",
        "{port: {number: 80, protocol: HTTPS}}",
        "{port: {number: 80, protocol: TLS}, tls: {mode: LATER}}",
    ] {
        let (cluster, edge) = strict(servers, &at_gateway("rules: [{to: [{operation: {paths: ['/a']}}]}]"));
        unspecified(&cluster, &tcp(&outside(), &edge, 8080).http("GET", "/a"), "a server of a Gateway");
        denied(&cluster, &tcp(&outside(), &edge, 8080).http("GET", "/b"), Gate::Caller);
    }
}

/// A Gateway of the Gateway API as Istio deploys it: pods with its name, listeners on its own ports (kube-gateway.yaml).
fn api(listeners: &str) -> String {
    object("Gateway", "edge/gw", &format!("{{gatewayClassName: istio, listeners: [{listeners}]}}"))
}

fn of_api() -> Endpoint {
    meshed("edge", "gateway.networking.k8s.io/gateway-name=gw", "gw-istio")
}

#[test]
fn a_gateway_of_the_gateway_api_listens_where_it_says() {
    let listeners = "{name: a, port: 80, protocol: HTTP}, {name: b, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: c}]}}, \
        {name: c, port: 8443, protocol: TLS, tls: {mode: Passthrough}}, {name: d, port: 9000, protocol: TCP}, \
        {name: e, port: 444, protocol: HTTPS, tls: {options: {gateway.istio.io/tls-terminate-mode: ISTIO_MUTUAL}}}, \
        {name: f, port: 445, protocol: HTTPS, tls: {options: {gateway.istio.io/tls-terminate-mode: MUTUAL}}}";
    let named = "targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: gw}]";
    let allow = object("AuthorizationPolicy", "edge/p", &format!("{{{named}, rules: [{{to: [{{operation: {{paths: ['/a']}}}}]}}]}}"));
    let strict = peer_authentication("istio-system/default", STRICT);
    let cluster = cluster(&format!("{}{strict}{allow}", api(listeners)));
    let get = |port, path: &str| tcp(&outside(), &of_api(), port).http("GET", path);
    for port in [80, 443] {
        allowed(&cluster, &get(port, "/a"));
        denied(&cluster, &get(port, "/b"), Gate::Caller);
    }
    for port in [8443, 9000] {
        denied(&cluster, &get(port, "/a"), Gate::Caller);
    }
    denied(&cluster, &get(444, "/a"), Gate::Transport);
    allowed(&cluster, &mtls(&web(), &of_api(), 444).http("GET", "/a"));
    unspecified(&cluster, &get(445, "/a"), "whether the client has one");
    unspecified(&cluster, &get(81, "/a"), "no Gateway in the manifests");
    // What the whole Gateway asks of clients' certificates counts, what it shows to those behind it does not (GEP-91, GEP-3155).
    for (tls, is_asked) in [("frontend: {default: {validation: {caCertificateRefs: [{name: c}]}}}", true), ("backend: {}", false)] {
        let yaml = api(listeners).replace("gatewayClassName: istio", &format!("gatewayClassName: istio, tls: {{{tls}}}"));
        let cluster = super::cluster(&format!("{yaml}{strict}{allow}"));
        if is_asked {
            unspecified(&cluster, &get(443, "/a"), "whether the client has one");
        } else {
            allowed(&cluster, &get(443, "/a"));
        }
    }
    // Of a pod that is known to be a gateway, the class may be anybody's.
    let own = super::cluster(&format!("{}{strict}", api(listeners).replace("gatewayClassName: istio", "gatewayClassName: own")));
    let known = of_api().facts(|facts| facts.proxy = ProxyRole::Gateway);
    denied(&own, &Question { destination: known.clone(), ..get(444, "/a") }, Gate::Transport);
    allowed(&own, &Question { destination: known, ..get(443, "/a") });
    // One of another class, namespace or name is none of these.
    let other = |yaml: String| super::cluster(&format!("{yaml}{strict}"));
    for yaml in [
        api(listeners).replace("gatewayClassName: istio", "gatewayClassName: other"),
        api(listeners).replace("namespace: edge", "namespace: shop"),
        api(listeners).replace("name: gw,", "name: other,"),
    ] {
        denied(&other(yaml), &get(80, "/a"), Gate::Transport);
    }
    denied(
        &other(api(listeners)),
        &Question { destination: of_api().facts(|facts| facts.proxy = ProxyRole::Sidecar), ..get(80, "/a") },
        Gate::Transport,
    );
}

/// A listener that cannot be read may be on any port, and ask for mTLS there.
#[test]
fn listeners_of_the_gateway_api_that_cannot_be_read_leave_open_what_no_other_opens() {
    for listeners in ["5", "{name: a, port: '8443', protocol: HTTPS}", "{name: a, protocol: TLS, port: 0}"] {
        let opened = "{name: b, port: 80, protocol: HTTP}";
        let cluster = cluster(&api(&format!("{listeners}, {opened}")));
        unspecified(&cluster, &tcp(&outside(), &of_api(), 8443), "not everything that opens ports");
    }
    let known = cluster(&api("{name: b, port: 80, protocol: HTTP}"));
    allowed(&known, &tcp(&outside(), &of_api(), 8443));
}

/// Policies find its pods by the Gateway's name, and by labels (`semantics.md` §2.1).
#[test]
fn policies_find_a_gateway_by_name_and_by_label() {
    let http = api("{name: a, port: 80, protocol: HTTP}");
    let closed_by =
        |id: &str, attached: &str| cluster(&format!("{http}{}", object("AuthorizationPolicy", id, &format!("{{{attached} rules: []}}"))));
    let get = tcp(&outside(), &of_api(), 80).http("GET", "/");
    let named = "targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: gw}],";
    let selected = "selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: gw}},";
    for (id, attached) in [("edge/p", named), ("edge/p", selected), ("edge/p", ""), ("istio-system/p", ""), ("istio-system/p", selected)] {
        denied(&closed_by(id, attached), &get, Gate::Caller);
    }
    for (id, attached) in [("shop/p", named), ("istio-system/p", named), ("shop/p", selected), ("edge/p", &named.replace("gw", "other"))] {
        allowed(&closed_by(id, attached), &get);
    }
}

/// One that names the host of a Service is for the pods behind that, which somebody else made.
#[test]
fn a_gateway_of_the_gateway_api_may_be_for_pods_of_others() {
    let manual = |host: &str| {
        object(
            "Gateway",
            "edge/api",
            &format!(
                "{{gatewayClassName: istio, addresses: [{{type: Hostname, value: {host}}}], listeners: [{{name: a, port: 443, protocol: TCP}}]}}"
            ),
        )
    };
    let allow = at_gateway("rules: [{to: [{operation: {paths: ['/a']}}]}]");
    for (host, decided) in [("edge.edge.svc.cluster.local", true), ("edge", true), ("other.edge.svc.cluster.local", false)] {
        let cluster = cluster(&format!("{}{LOAD_BALANCER}{}{allow}", chart(), manual(host)));
        let get = tcp(&outside(), &one(&cluster), 8443).http("GET", "/a");
        if decided { denied(&cluster, &get, Gate::Caller) } else { unspecified(&cluster, &get, "no Gateway in the manifests") }
    }
}

/// A token is verified where requests are seen: at the gateway that ends TLS, too.
#[test]
fn a_gateway_that_ends_tls_verifies_tokens() {
    let named = "targetRef: {kind: Gateway, group: gateway.networking.k8s.io, name: gw}";
    let more = object("RequestAuthentication", "edge/jwt", &format!("{{{named}, jwtRules: [{{issuer: i, jwksUri: 'https://i/jwks'}}]}}"))
        + &object("AuthorizationPolicy", "edge/p", &format!("{{{named}, rules: [{{from: [{{source: {{requestPrincipals: [i/a]}}}}]}}]}}"));
    let cluster = cluster(&(api("{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: c}]}}") + &more));
    let get = || tcp(&outside(), &of_api(), 443).http("GET", "/");
    denied(&cluster, &get(), Gate::Caller);
    allowed(&cluster, &get().token(valid("i", &[("iss", "i"), ("sub", "a")])));
    denied(&cluster, &get().token(Token::Unverified), Gate::Token);
}

/// Gateways go past waypoints unless the Service, or its namespace, says otherwise (`semantics.md` §2.11, §5.1); sidecars always do.
#[test]
fn only_pods_that_are_gateways_take_the_waypoint_of_gateways() {
    let waypoint = labelled("gateway.networking.k8s.io/v1", "Gateway", "shop/waypoint", "{}", "{gatewayClassName: istio-waypoint}");
    let labels = "{istio.io/use-waypoint: waypoint, istio.io/ingress-use-waypoint: 'true'}";
    let db = service("db", labels, "{name: http, port: 80, targetPort: 8080}");
    let named = "targetRefs: [{kind: Service, group: '', name: db}]";
    let locked = object("AuthorizationPolicy", "shop/p", &format!("{{{named}, action: DENY, rules: [{{}}]}}"));
    let platform = Platform {
        hbone_from_sidecars: Some(true),
        layered_waypoint_policies: Some(false),
        auto_allow_waypoint: Some(false),
        ..Platform::default()
    };
    let cluster = cluster_on(platform, &format!("{waypoint}{db}{locked}"));
    let db = ambient("shop", "app=db", "db").facts(|facts| facts.namespace = cluster::NamespaceLabels::Known);
    let from = |role| meshed("edge", "istio=ingressgateway", "edge").facts(|facts| facts.proxy = role);
    let call = |role| auto(&from(role), &db, 8080).service("shop/db", 80);
    denied(&cluster, &call(ProxyRole::Gateway), Gate::Caller);
    allowed(&cluster, &call(ProxyRole::Sidecar));
    unspecified(&cluster, &call(ProxyRole::Unknown), "whether the caller is a gateway");
    let takes = |role| cluster.takes_waypoints(&from(role));
    assert_eq!([ProxyRole::Gateway, ProxyRole::Sidecar, ProxyRole::Unknown].map(takes), [true, false, true]);
}

/// Hosts outside may be told in the same way; and a `Sidecar` is nothing to gateways (`SetSidecarScope`).
#[test]
fn what_a_gateway_sends_outside_may_take_a_waypoint() {
    let waypoint = labelled("gateway.networking.k8s.io/v1", "Gateway", "shop/waypoint", "{}", "{gatewayClassName: istio-waypoint}");
    let entry = |more: &str| {
        let spec =
            "{hosts: [a.example.com], addresses: [203.0.113.5], ports: [{number: 443, name: tls, protocol: TLS}], resolution: STATIC}";
        labelled("networking.istio.io/v1", "ServiceEntry", "shop/a", &format!("{{istio.io/use-waypoint: waypoint{more}}}"), spec)
    };
    let edge = |role| meshed("edge", "istio=gw", "edge").facts(|facts| facts.proxy = role);
    let told = cluster(&format!("{waypoint}{}", entry(", istio.io/ingress-use-waypoint: 'true'")));
    unspecified(&told, &auto(&edge(ProxyRole::Gateway), &outside(), 443), "takes the waypoint");
    allowed(&told, &auto(&edge(ProxyRole::Gateway), &address("203.0.113.6"), 443));
    allowed(&told, &auto(&edge(ProxyRole::Sidecar), &outside(), 443));
    allowed(&cluster(&format!("{waypoint}{}", entry(""))), &auto(&edge(ProxyRole::Gateway), &outside(), 443));
    let sidecar = labelled("networking.istio.io/v1", "Sidecar", "istio-system/default", "{}", "{egress: [{hosts: [./*]}]}");
    let scoped = cluster(&sidecar);
    allowed(&scoped, &auto(&edge(ProxyRole::Gateway), &db(), 5432));
    unspecified(&scoped, &auto(&edge(ProxyRole::Sidecar), &db(), 5432), "Sidecar `istio-system/default`");
}

/// What tells a gateway's answers apart is told: the pods behind one Service, by what their Envoys are for.
#[test]
fn pods_of_one_owner_are_two_workloads_where_one_is_a_gateway() {
    let pod = |name: &str, args: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: edge, uid: u, labels: {{istio: gw}}, \
             ownerReferences: [{{apiVersion: apps/v1, kind: ReplicaSet, name: edge-1}}]}}\n\
             spec: {{containers: [{{name: istio-proxy, image: istio/proxyv2, args: [proxy, {args}]}}]}}\n"
        )
    };
    let count = |second: &str| cluster(&(pod("edge-1-a", "router") + &pod("edge-1-b", second))).workloads().len();
    assert_eq!((count("router"), count("sidecar")), (1, 2));
}

/// No template is injected into pods on their node's network (istio/istio : pkg/kube/inject/inject.go, `injectRequired`), but a gateway that is
/// rendered whole runs there (istio/istio#45610): its policies act, and it calls as who it is. What is no gateway takes no part.
#[test]
fn a_gateway_on_the_network_of_its_node_is_one() {
    let on_node = |annotations: &str, container: &str| {
        deployed(", sidecar.istio.io/inject: 'true'", annotations, container).replace("spec: {service", "spec: {hostNetwork: true, service")
    };
    let strict = peer_authentication("istio-system/default", STRICT);
    let deny = at_gateway("action: DENY, rules: [{to: [{operation: {paths: ['/admin']}}]}]");
    let servers = classic(&server(80, "HTTP", ""));
    let only = object("AuthorizationPolicy", "shop/db", "{rules: [{from: [{source: {principals: [cluster.local/ns/edge/sa/edge]}}]}]}");
    let of = |annotations: &str, container: &str| {
        let cluster = cluster(&format!("{}{LOAD_BALANCER}{servers}{strict}{deny}{only}", on_node(annotations, container)));
        let edge = one(&cluster);
        (cluster, edge)
    };
    let running = |role: &str| format!("{{name: istio-proxy, image: istio/proxyv2, args: [proxy, {role}]}}");
    let (cluster, edge) = of("", &running("router"));
    denied(&cluster, &tcp(&outside(), &edge, 8080).http("GET", "/admin"), Gate::Caller);
    allowed(&cluster, &tcp(&outside(), &edge, 8080).http("GET", "/"));
    allowed(&cluster, &mtls(&edge, &db(), 5432));
    for (annotations, container) in [("inject.istio.io/templates: gateway", AUTO.to_owned()), ("", running("sidecar"))] {
        let (cluster, edge) = of(annotations, &container);
        allowed(&cluster, &tcp(&outside(), &edge, 8080).http("GET", "/admin"));
        denied(&cluster, &mtls(&edge, &db(), 5432), Gate::Transport);
    }
}

/// Gateways often run in the root namespace, where rules for the whole mesh stand: those do not come before what a Service's own namespace
/// says of it (istio/istio : `pilot/pkg/model/push_context.go`, `destinationRule`).
#[test]
fn a_gateway_in_the_root_namespace_hears_a_service_before_the_mesh() {
    let edge = meshed("istio-system", "istio=gw", "edge").facts(|facts| facts.proxy = ProxyRole::Gateway);
    let strict = peer_authentication("istio-system/default", STRICT);
    let says = |id: &str, host: &str, mode: &str, more: &str| {
        object("DestinationRule", id, &format!("{{host: '{host}', trafficPolicy: {{tls: {{mode: {mode}}}}}{more}}}"))
    };
    let of = |rules: &[String]| cluster(&format!("{}{strict}{}", service("db", "{}", "{port: 5432}"), rules.concat()));
    let call = auto(&edge, &db(), 5432).service("shop/db", 5432);
    let mesh = |mode: &str, more: &str| says("istio-system/all", "*.local", mode, more);
    let own = |mode: &str| says("shop/db", "db", mode, "");
    allowed(&of(&[mesh("DISABLE", ""), own("ISTIO_MUTUAL")]), &call);
    denied(&of(&[mesh("ISTIO_MUTUAL", ""), own("DISABLE")]), &call, Gate::Transport);
    denied(&of(&[mesh("DISABLE", "")]), &call, Gate::Transport);
    for private in [", exportTo: ['.']", ", exportTo: [istio-system]"] {
        denied(&of(&[mesh("DISABLE", private), own("ISTIO_MUTUAL")]), &call, Gate::Transport);
    }
    allowed(&of(&[mesh("DISABLE", ", exportTo: ['.', shop]"), own("ISTIO_MUTUAL")]), &call);
}
