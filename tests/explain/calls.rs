//! What is called where no Service is in sight, and what clients see of connections that proxies do not see.

use super::Files;
use twogate::explain::Answer;
use twogate::flow::Verdict;

/// A namespace with these pods, each with a sidecar unless its annotations or the namespace say otherwise, and more.
fn world(label: &str, annotations: &str, more: &str) -> String {
    let pod = |name: &str, annotations: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}, annotations: {{{annotations}}}}}\n\
             spec: {{serviceAccountName: {name}, containers: [{{name: c, image: i}}]}}\n"
        )
    };
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{{label}}}}}\n{}{}{more}",
        pod("web", ""),
        pod("api", annotations)
    )
}

fn peer(mode: &str) -> String {
    format!(
        "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: p, namespace: shop}}\nspec: {{mtls: {{mode: {mode}}}}}\n"
    )
}

fn service(name: &str, app: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\n\
         spec: {{selector: {{app: {app}}}, ports: [{{name: http, port: 80}}]}}\n"
    )
}

fn policy(action: &str, rules: &str) -> String {
    format!(
        "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: shop}}\n\
         spec: {{action: {action}, selector: {{matchLabels: {{app: api}}}}, rules: [{rules}]}}\n"
    )
}

const SIDECARS: &str = "istio-injection: enabled";
const AMBIENT: &str = "istio.io/dataplane-mode: ambient";
const BY_LABELS: &str = "app=web@shop -> app=api@shop:80";

fn ask(manifests: &str, flow: &str) -> Answer {
    let answer = Files { manifests, ..Files::default() }.ask(flow);
    assert_eq!(answer.cases.len(), 1, "{:#?}", answer.findings);
    answer
}

/// The verdict on a flow, and its notes.
fn judged(manifests: &str, flow: &str) -> (Verdict, String) {
    let answer = ask(manifests, flow);
    (answer.cases[0].decision.verdict.clone(), answer.cases[0].notes.join("; "))
}

fn client(manifests: &str, flow: &str) -> String {
    let answer = ask(manifests, flow);
    assert_eq!(answer.cases[0].decision.verdict, Verdict::Denied, "{flow}");
    answer.cases[0].client.clone().unwrap()
}

/// The injector passes by what runs in some namespaces, whatever labels say (istio/istio : `pkg/kube/inject`, `IgnoredNamespaces`).
#[test]
fn no_pod_of_the_system_has_a_sidecar() {
    let strict = format!("{}{}", world(SIDECARS, "", ""), peer("STRICT"));
    let labelled = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system, labels: {istio-injection: enabled}}\n";
    for manifests in [strict.clone(), format!("{strict}{labelled}")] {
        let (verdict, _) = judged(&manifests, "k8s-app=x@kube-system -> app=api@shop:80");
        assert_eq!(verdict, Verdict::Denied, "{manifests}");
    }
    assert_eq!(judged(&strict, "app=x@other -> app=api@shop:80").0, Verdict::Allowed);
}

/// `semantics.md` §3.3: a sidecar speaks mTLS by itself unless the server is told to take none.
#[test]
fn a_call_without_any_service_is_spoken_as_the_server_takes_it() {
    let (verdict, notes) = judged(&world(SIDECARS, "", &peer("DISABLE")), BY_LABELS);
    assert_eq!(verdict, Verdict::Allowed);
    assert!(notes.contains("plaintext, as its PeerAuthentication takes no mTLS"), "{notes}");
    let (verdict, notes) = judged(&world(SIDECARS, "", &peer("PERMISSIVE")), BY_LABELS);
    assert!(verdict == Verdict::Allowed && notes.ends_with("which is mTLS between sidecars"), "{notes}");
}

/// Without a Service a pod is called by its own address (istio/istio#34355), which is plaintext and brings no identity.
#[test]
fn where_a_call_of_the_pod_itself_is_answered_otherwise_it_is_said() {
    let (verdict, notes) = judged(&world(SIDECARS, "", &peer("STRICT")), BY_LABELS);
    assert_eq!(verdict, Verdict::Allowed);
    assert!(notes.contains("a call of the pod's own address, which is plaintext, would be denied"), "{notes}");
    let refuses = policy("DENY", "{from: [{source: {namespaces: [shop]}}]}");
    let (verdict, notes) = judged(&world(SIDECARS, "", &refuses), BY_LABELS);
    assert_eq!(verdict, Verdict::Denied);
    assert!(notes.contains("a call of the pod's own address, which is plaintext, would be allowed"), "{notes}");
    // With Services for others, nobody can tell which it is.
    let (verdict, notes) = judged(&world(SIDECARS, "", &(refuses + &service("web", "web"))), BY_LABELS);
    assert!(matches!(verdict, Verdict::Unspecified(_)), "{verdict:?}");
    assert!(notes.contains("a call of the pod's own address is allowed, one through a Service that they do not hold is denied"), "{notes}");
    let (verdict, notes) = judged(&world(SIDECARS, "", &(peer("DISABLE") + &service("web", "web"))), BY_LABELS);
    assert!(verdict == Verdict::Allowed && notes.contains("the pod itself is called"), "{notes}");
}

#[test]
fn several_services_that_lead_to_a_port_are_named() {
    let manifests = world(SIDECARS, "", &(peer("STRICT") + &service("one", "api") + &service("two", "api")));
    let (_, notes) = judged(&manifests, BY_LABELS);
    assert!(notes.contains("one and two lead to port 80 of api") && !notes.contains("no Service among"), "{notes}");
}

/// istio/ztunnel#691: ztunnel closes connections; only a waypoint answers with HTTP.
#[test]
fn ztunnel_answers_no_request() {
    let closed = policy("ALLOW", "{from: [{source: {namespaces: [other]}}]}");
    let seen = client(&world(AMBIENT, "", &closed), "app=web@shop -> app=api@shop:80 GET /");
    assert!(seen.contains("closes without an answer (no HTTP 403") && seen.contains("ztunnel beside api logs"), "{seen}");
    assert!(!seen.contains("rbac_access_denied"), "{seen}");
}

/// A waypoint calls on under its own name (`semantics.md` §5.3). Where that is not let in, it is the waypoint that answers.
#[test]
fn a_waypoint_answers_what_ztunnel_refuses_it() {
    let waypoint = "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: wp, namespace: shop}\n\
                    spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}\n";
    let label = format!("{AMBIENT}, istio.io/use-waypoint: wp");
    let closed = policy("ALLOW", "{from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}]}");
    let manifests = world(&label, "", &(waypoint.to_owned() + &service("api", "api") + &closed));
    let seen = client(&manifests, "app=web@shop -> svc/api@shop:80 GET /");
    assert_eq!(seen, "HTTP 503 from the waypoint, whose connection closes; ztunnel beside api logs a policy rejection");
    let seen = client(&manifests, "app=web@shop -> svc/api@shop:80");
    assert!(seen.starts_with("the connection opens to the waypoint, then closes") && !seen.contains("HTTP"), "{seen}");
}

/// `semantics.md` §3.2: what the proxy does not capture it does not log.
#[test]
fn a_proxy_that_does_not_capture_a_port_logs_nothing() {
    let manifests = world(SIDECARS, "traffic.sidecar.istio.io/excludeInboundPorts: '80'", &(peer("STRICT") + &service("api", "api")));
    let seen = client(&manifests, "app=web@shop -> svc/api@shop:80 GET /");
    assert!(seen.starts_with("HTTP 503 from web's own proxy") && seen.contains("does not capture port 80 and logs nothing"), "{seen}");
    let own = "an open connection to web's own proxy, which answers what is no HTTP with HTTP 400, and requests with HTTP 503";
    let seen = client(&manifests, "app=web@shop -> svc/api@shop:80");
    assert!(seen.starts_with(own) && !seen.contains("filter_chain"), "{seen}");
    // What it captures, it logs.
    let rule = "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d, namespace: shop}\n\
                spec: {host: api, trafficPolicy: {tls: {mode: DISABLE}}}\n";
    let manifests = world(SIDECARS, "", &(peer("STRICT") + &service("api", "api") + rule));
    let seen = client(&manifests, "app=web@shop -> svc/api@shop:80");
    assert_eq!(seen, format!("{own}; api's proxy logs filter_chain_not_found"));
    // Its own proxy answers what the other one refuses.
    let seen = client(&manifests, "app=web@shop -> svc/api@shop:80 GET /");
    assert_eq!(seen, "HTTP 503 from web's own proxy, whose connection closes; api's proxy logs filter_chain_not_found");
    // Past that, and from outside, nobody does.
    for flow in ["app=web@shop -> svc/api@shop:80 plaintext GET /", "198.51.100.7 -> app=api@shop:80 GET /"] {
        let seen = client(&manifests, flow);
        assert!(seen.starts_with("the connection opens, then resets") && seen.contains("filter_chain_not_found"), "{flow}: {seen}");
    }
}

/// RFC 9110, §7.2: a port that is not the scheme's own stands in `Host`, and the scheme's own does not (istio/istio#44080).
#[test]
fn a_url_tells_whether_its_port_stands_behind_the_host() {
    let verdict = |hosts: &str, url: &str| {
        let more = service("api", "api").replace("port: 80}", "port: 8000, targetPort: 80}, {name: http-b, port: 80}")
            + &policy("ALLOW", &format!("{{to: [{{operation: {{hosts: [{hosts}]}}}}]}}"));
        judged(&world(SIDECARS, "", &more), &format!("app=web@shop -> {url}")).0
    };
    let own = "http://api.shop.svc:8000/";
    assert_eq!(verdict("api.shop.svc", own), Verdict::Denied);
    assert_eq!(verdict("'api.shop.svc:8000'", own), Verdict::Allowed);
    assert_eq!(verdict("api.shop.svc, 'api.shop.svc:8000'", own), Verdict::Allowed);
    assert_eq!(verdict("'api.shop.svc:*'", own), Verdict::Allowed);
    for usual in ["http://api.shop.svc/", "http://api.shop.svc:80/"] {
        assert_eq!(verdict("api.shop.svc", usual), Verdict::Allowed, "{usual}");
        assert_eq!(verdict("'api.shop.svc:*'", usual), Verdict::Denied, "{usual}");
    }
    // What no URL says nobody knows.
    let unsaid = verdict("api.shop.svc.cluster.local", "svc/api@shop:8000 GET /");
    assert!(matches!(unsaid, Verdict::Unspecified(_)), "{unsaid:?}");
}

/// Which of the names of a Service a client writes it decides by itself (`semantics.md` §2.7): where policies look at hosts, the one that is
/// taken is told.
#[test]
fn the_host_that_is_taken_is_told_where_policies_look_at_it() {
    let of_hosts = policy("DENY", "{to: [{operation: {hosts: [db.shop]}}]}");
    let told = |more: &str, flow: &str| {
        let answer = Files { manifests: &world(SIDECARS, "", more), ..Files::default() }.ask(flow);
        let note = answer.cases[0].notes.iter().find(|note| note.contains("taken to be for host")).cloned();
        note.map(|note| note.split('`').nth(1).unwrap().to_owned())
    };
    let looked_at = format!("{}{of_hosts}", service("api", "api"));
    assert_eq!(told(&looked_at, "app=web@shop -> svc/api@shop:80 GET /").as_deref(), Some("api.shop.svc.cluster.local"));
    assert_eq!(told(&service("api", "api"), "app=web@shop -> svc/api@shop:80 GET /"), None, "no policy looks at it");
    for said in ["svc/api@shop:80 GET / at api.shop.svc.cluster.local", "http://api.shop.svc/", "svc/api@shop:80"] {
        assert_eq!(told(&looked_at, &format!("app=web@shop -> {said}")), None, "{said}");
    }
}

/// The injection of a sidecar gives every pod the label of mTLS, `istio` unless it has it already (injection-template.yaml).
#[test]
fn a_selector_by_the_label_that_injection_adds_is_decided() {
    let strict = |label: &str| {
        format!(
            "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: x, namespace: shop}}\n\
             spec: {{selector: {{matchLabels: {{{label}}}}}, mtls: {{mode: STRICT}}}}\n"
        )
    };
    let flow = "internet -> app=api@shop:80 plaintext";
    let verdict = |label: &str, annotations: &str| judged(&world(SIDECARS, annotations, &strict(label)), flow).0;
    assert_eq!(verdict("security.istio.io/tlsMode: istio", ""), Verdict::Denied);
    assert_eq!(verdict("security.istio.io/tlsMode: disabled", ""), Verdict::Allowed);
    // What other templates add, and the rest of what this one does, hangs on the injector's configuration.
    for (label, annotations) in [("security.istio.io/tlsMode: istio", "inject.istio.io/templates: own"), ("istio.io/rev: stable", "")] {
        let Verdict::Unspecified(reason) = verdict(label, annotations) else { panic!("{label} {annotations}") };
        assert!(reason.contains("a label whose value is not known"), "{reason}");
    }
}

/// A policy that denies some requests names those, and whoever asks without one hears that others pass.
#[test]
fn what_is_denied_by_some_requests_hangs_on_the_request() {
    let manifests = |rules: &str| {
        format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{istio-injection: enabled}}}}\n\
             ---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: shop}}\n\
             spec: {{action: DENY, rules: {rules}}}\n"
        )
    };
    let hint = "it hangs on the request: `GET /`, for one, would pass";
    let page = |rules: &str| Files { manifests: &manifests(rules), ..Files::default() }.page("app=web@shop -> app=db@shop:80");
    let some = page("[{to: [{operation: {methods: [POST]}}]}]");
    assert!(some.starts_with("DENIED") && some.contains(hint), "{some}");
    let all = page("[{}]");
    assert!(all.starts_with("DENIED") && !all.contains("hangs on"), "{all}");
}

/// The request that would pass is told whole: asked as it is written, it does.
#[test]
fn the_request_that_would_pass_is_told_with_its_token_and_headers() {
    let manifests = |action: &str, rules: &str| {
        format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{istio-injection: enabled}}}}\n\
             ---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {{name: j, namespace: shop}}\n\
             spec: {{jwtRules: [{{issuer: 'https://a', jwksUri: 'https://a/k', audiences: [x]}}]}}\n\
             ---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: shop}}\n\
             spec: {{action: {action}, rules: {rules}}}\n"
        )
    };
    let cases = [
        ("DENY", "[{from: [{source: {notRequestPrincipals: ['*']}}]}]", " jwt \""),
        ("ALLOW", "[{from: [{source: {requestPrincipals: ['*']}}]}]", " jwt \""),
        ("ALLOW", "[{from: [{source: {requestPrincipals: ['https://a/bob']}}]}]", " jwt \"https://a\" claim aud=x claim sub=bob"),
        (
            "ALLOW",
            "[{from: [{source: {requestPrincipals: ['https://a/*']}}], when: [{key: 'request.auth.claims[groups]', values: [admin]}]}]",
            " claim groups=admin",
        ),
        ("ALLOW", "[{when: [{key: 'request.headers[x-team]', values: [a b]}]}]", "`GET / header x-team=\"a b\"`"),
        ("ALLOW", "[{to: [{operation: {methods: [M-SEARCH]}}]}]", "`http M-SEARCH /`"),
        ("ALLOW", "[{to: [{operation: {hosts: [api.example.com, 'api.example.com:*'], paths: [/v1]}}]}]", "`GET /v1 at api.example.com`"),
    ];
    for (action, rules, has) in cases {
        let manifests = manifests(action, rules);
        let ask = |flow: &str| Files { manifests: &manifests, ..Files::default() }.page(flow);
        let page = ask("app=web@shop -> app=db@shop:80");
        let note = page.split_once("it hangs on the request: `").and_then(|(_, rest)| rest.split_once("`, for one, would pass"));
        let Some((request, _)) = note else { panic!("{rules}: {page}") };
        assert!(format!("`{request}`").contains(has), "{rules}: {request}");
        let asked = ask(&format!("app=web@shop -> app=db@shop:80 {request}"));
        assert!(asked.starts_with("ALLOWED"), "{rules}: {request}\n{asked}");
    }
    // No request arrives with such a path, and no flow takes it.
    let page = Files { manifests: &manifests("ALLOW", "[{to: [{operation: {paths: ['/a b', '/x?y=1']}}]}]"), ..Files::default() }
        .page("app=web@shop -> app=db@shop:80");
    assert!(page.starts_with("DENIED") && !page.contains("would pass"), "{page}");
}

/// Clients look at the policies of the mesh and of the namespace alone: who is told that the server takes no plaintext must hear why the
/// client speaks it.
#[test]
fn the_policy_that_keeps_clients_from_mtls_is_named() {
    let of_workload = "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: api, namespace: shop}\nspec: {selector: {matchLabels: {app: api}}, mtls: {mode: STRICT}}\n";
    let world = |mode: &str| world(SIDECARS, "", &format!("{}{of_workload}{}", peer(mode), service("api", "api")));
    let flow = "pod/web@shop -> svc/api@shop:80";
    let (verdict, notes) = judged(&world("DISABLE"), flow);
    assert_eq!(verdict, Verdict::Denied);
    assert!(notes.contains("speaks plaintext because of PeerAuthentication shop/p, DISABLE"), "{notes}");
    let (verdict, notes) = judged(&world("PERMISSIVE"), flow);
    assert!(verdict == Verdict::Allowed && !notes.contains("because of"), "{notes}");
}
