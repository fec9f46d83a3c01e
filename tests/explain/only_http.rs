//! Connections without a request to ports that a proxy reads as HTTP alone.

use super::Files;
use twogate::cluster::Gate;
use twogate::flow::Verdict;

const CONFIG: &str = "[mesh]\nmode = \"none\"\n";
const MESHED: &str = "istio-injection: enabled";

fn pod(name: &str, metadata: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, {metadata}}}\nspec: {{containers: [{{name: main}}]}}\n"
    )
}

fn service(name: &str, port: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\n\
         spec: {{selector: {{app: db}}, ports: [{{{port}, port: 80, targetPort: 8080}}]}}\n"
    )
}

/// A server of a namespace with these labels, two clients, and a Service of one port.
fn shop(namespace: &str, port: &str) -> String {
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{{namespace}}}}}\n")
        + &pod("db", "labels: {app: db}")
        + &pod("web", "labels: {app: web}")
        + &pod("plain", "labels: {app: plain, sidecar.istio.io/inject: \"false\", istio.io/dataplane-mode: none}")
        + &service("db", port)
}

/// What the client sees, and what is told of HTTP.
fn told(manifests: &str, flow: &str) -> (String, Vec<String>) {
    let answer = Files { manifests, config: CONFIG, ..Files::default() }.ask(flow);
    let [case] = answer.cases.as_slice() else { panic!("{flow}: {:?}", answer.findings) };
    assert_eq!(case.decision.verdict, Verdict::Allowed, "{flow}");
    let notes = case.notes.iter().filter(|note| note.contains("HTTP 400")).cloned().collect();
    (case.client.clone().unwrap_or_default(), notes)
}

#[test]
fn what_is_no_http_gets_no_further_than_to_the_proxy() {
    let http = shop(MESHED, "name: http");
    for flow in ["pod/web@shop -> pod/db@shop:8080", "pod/plain@shop -> svc/db@shop:80", "pod/plain@shop -> app=db@shop:8080"] {
        let (seen, notes) = told(&http, flow);
        assert_eq!(seen, "an open connection, on which db's proxy answers what is no HTTP with HTTP 400", "{flow}");
        assert_eq!(notes.len(), 1, "{flow}");
        assert!(notes[0].starts_with("db's proxy reads this port as HTTP alone"), "{notes:?}");
    }
    // With a request it is HTTP.
    let (seen, notes) = told(&http, "pod/web@shop -> svc/db@shop:80 GET /");
    assert_eq!((&*seen, notes.len()), ("the answer of db", 0));
}

/// A sidecar reads what its own pod calls of a Service before anybody else does, whoever is called.
#[test]
fn the_sidecar_of_the_client_answers_first() {
    let called = "pod/web@shop -> svc/db@shop:80";
    let outside = "labels: {app: db, sidecar.istio.io/inject: \"false\"}";
    for manifests in [shop(MESHED, "name: http"), shop(MESHED, "name: http").replace("labels: {app: db}", outside)] {
        let (seen, notes) = told(&manifests, called);
        assert_eq!(seen, "an open connection, on which web's own proxy answers what is no HTTP with HTTP 400");
        assert!(notes.len() == 1 && notes[0].starts_with("web's own proxy reads this port as HTTP alone"), "{notes:?}");
    }
    // What other Services have on the port may change what it listens for; the server's proxy reads it all the same, if there is one.
    let other = service("other", "name: web").replace("app: db", "app: other");
    let (seen, _) = told(&(shop(MESHED, "name: http") + &other), called);
    assert_eq!(seen, "an open connection, on which a proxy on the way answers what is no HTTP with HTTP 400");
    let manifests = shop(MESHED, "name: http").replace("labels: {app: db}", outside) + &other;
    assert_eq!(told(&manifests, called), ("an open connection".to_owned(), Vec::new()));
    // What it does not take over it does not read.
    let past = "labels: {app: web}, annotations: {traffic.sidecar.istio.io/excludeOutboundPorts: \"80\"}";
    let (seen, _) = told(&shop(MESHED, "name: http").replace("labels: {app: web}", past), called);
    assert_eq!(seen, "an open connection, on which db's proxy answers what is no HTTP with HTTP 400");
}

/// A filter of the network closes the connection, whatever is said on it.
#[test]
fn where_a_port_is_read_as_bytes_nobody_answers_requests() {
    let deny = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: closed, namespace: shop}\nspec: {}\n";
    let seen = |manifests: &str| {
        let manifests = manifests.to_owned() + deny;
        let answer = Files { manifests: &manifests, config: CONFIG, ..Files::default() }.ask("pod/web@shop -> svc/db@shop:80 GET /");
        answer.cases[0].client.clone().unwrap_or_default()
    };
    let resets = "the connection opens, then resets (not a timeout)";
    let logs = "; db's proxy logs rbac_access_denied_matched_policy[none]";
    assert_eq!(seen(&shop(MESHED, "name: tcp-db")), format!("{resets}{logs}"));
    assert_eq!(seen(&shop(MESHED, "name: http")), format!("HTTP 403 `RBAC: access denied`{logs}"));
    let disputed = shop(MESHED, "name: http") + &service("raw", "name: tcp");
    assert_eq!(seen(&disputed), format!("HTTP 403 `RBAC: access denied`, or {resets}, where the port is read as bytes{logs}"));
}

/// Only where a proxy reads nothing else: not by its first bytes, not as bytes, not past the proxy, and not without one.
#[test]
fn elsewhere_an_open_connection_is_what_the_client_has() {
    let past = "labels: {app: db}, annotations: {traffic.sidecar.istio.io/excludeInboundPorts: \"8080\"}";
    let cases = [
        shop(MESHED, "name: web"),
        shop(MESHED, "name: tcp-db"),
        shop("istio.io/dataplane-mode: ambient", "name: http"),
        shop("env: test", "name: http"),
        shop(MESHED, "name: http").replace("labels: {app: db}", past),
        shop(MESHED, "name: http") + &service("raw", "name: tcp"),
    ];
    for manifests in &cases {
        assert_eq!(told(manifests, "pod/plain@shop -> svc/db@shop:80"), ("an open connection".to_owned(), Vec::new()), "{manifests}");
    }
}

/// A waypoint reads what its Service declares.
#[test]
fn a_waypoint_reads_http_too() {
    let waypoint = "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: way, namespace: shop}\n\
                    spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}\n";
    let by = "istio.io/dataplane-mode: ambient, istio.io/use-waypoint: way";
    let (seen, notes) = told(&(shop(by, "name: http") + waypoint), "pod/web@shop -> svc/db@shop:80");
    assert_eq!(seen, "an open connection, on which the waypoint answers what is no HTTP with HTTP 400");
    assert!(notes[0].starts_with("the waypoint reads this port as HTTP alone"), "{notes:?}");
    let (seen, notes) = told(&(shop(by, "name: web") + waypoint), "pod/web@shop -> svc/db@shop:80");
    assert_eq!((&*seen, notes.len()), ("an open connection", 0));
}

/// Nothing is said of HTTP where the connection does not come that far.
#[test]
fn who_may_not_connect_is_told_so() {
    let deny = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: none, namespace: shop}\nspec: {}\n";
    let manifests = shop(MESHED, "name: http") + deny;
    let answer = Files { manifests: &manifests, config: CONFIG, ..Files::default() }.ask("pod/web@shop -> svc/db@shop:80");
    assert_eq!(answer.cases[0].decision.verdict, Verdict::Denied);
    assert!(answer.cases[0].decision.steps.iter().any(|step| step.gate == Gate::Caller));
    assert!(!answer.cases[0].notes.iter().any(|note| note.contains("HTTP 400")));
}

/// Who answers a connection that goes no further is who took it: the client's own proxy, where that reads HTTP alone.
#[test]
fn the_sidecar_of_the_client_answers_what_is_refused_behind_it() {
    let policy = |kind: &str, group: &str, spec: &str| {
        format!("---\napiVersion: {group}/v1\nkind: {kind}\nmetadata: {{name: p, namespace: shop}}\nspec: {spec}\n")
    };
    let callers = policy("AuthorizationPolicy", "security.istio.io", "{rules: [{to: [{operation: {paths: [/x]}}]}]}");
    let network = policy("NetworkPolicy", "networking.k8s.io", "{podSelector: {matchLabels: {app: db}}}");
    let seen = |manifests: String, flow: &str| {
        let answer = Files { manifests: &manifests, config: CONFIG, ..Files::default() }.ask(flow);
        assert_eq!(answer.cases[0].decision.verdict, Verdict::Denied, "{flow}");
        answer.cases[0].client.clone().unwrap_or_default()
    };
    let (http, raw, called) = (shop(MESHED, "name: http"), shop(MESHED, "name: tcp-db"), "pod/web@shop -> svc/db@shop:80");
    assert_eq!(
        seen(http.clone() + &callers, called),
        "an open connection, on which web's own proxy answers what is no HTTP with HTTP 400; of requests db's proxy answers those that \
         policies refuse with HTTP 403"
    );
    assert_eq!(
        seen(http.clone() + &network, called),
        "an open connection to web's own proxy, which answers what is no HTTP with HTTP 400, and requests with HTTP 503 with `connection \
         timeout` when it gives up"
    );
    // Where nobody reads HTTP alone the connection itself is what ends, and of one without a sidecar the server's proxy answers.
    assert!(seen(raw.clone() + &callers, called).starts_with("the connection opens, then resets"));
    assert!(seen(raw + &network, called).starts_with("the connection opens to web's own proxy and closes"));
    assert!(
        seen(http.clone() + &callers, "pod/plain@shop -> svc/db@shop:80").starts_with("an open connection, on which db's proxy answers")
    );
    assert!(seen(http + &network, "pod/plain@shop -> svc/db@shop:80").starts_with("a timeout"));
}
