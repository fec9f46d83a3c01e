//! Hosts as clients write them: rules name them without a port, and a client may write one behind (`semantics.md` §2.7).

use super::Files;

/// A gateway that denies requests for one host.
const GATEWAY: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: edge, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: gateway, namespace: edge}
spec: {selector: {app: gateway}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: gateway, namespace: edge}
spec:
  selector: {matchLabels: {app: gateway}}
  template:
    metadata: {labels: {app: gateway}, annotations: {inject.istio.io/templates: gateway}}
    spec: {containers: [{name: istio-proxy, image: proxyv2, args: [proxy, router], ports: [{containerPort: 8080}]}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gateway, namespace: edge}
spec: {selector: {app: gateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: gateway, namespace: edge}
spec: {selector: {matchLabels: {app: gateway}}, action: DENY, rules: [{to: [{operation: {hosts: [DENIED]}}]}]}
";

fn page(denied: &str, host: &str) -> String {
    let manifests = GATEWAY.replace("DENIED", denied);
    let files = Files { manifests: &manifests, ..Files::default() };
    files.page(&format!("203.0.113.7 -> app=gateway@edge:8080 GET / at {host}"))
}

#[test]
fn what_stands_behind_the_host_is_asked_with_it() {
    for (denied, host, verdict) in [
        ("a.com", "\"a.com\"", "UNSPECIFIED"),
        ("a.com", "\"http://a.com\"", "DENIED"),
        ("a.com", "http://A.com/", "DENIED"),
        ("a.com", "\"https://a.com:443\"", "DENIED"),
        ("a.com", "\"a.com:80\"", "ALLOWED"),
        ("a.com", "\"http://a.com:8080/\"", "ALLOWED"),
        ("'a.com:*'", "\"a.com:80\"", "DENIED"),
        ("'a.com:*'", "\"http://a.com\"", "ALLOWED"),
        ("'a.com:80'", "\"a.com:8080\"", "ALLOWED"),
        ("'a.com:80'", "\"a.com:80\"", "DENIED"),
        ("a.com", "\"b.com\"", "ALLOWED"),
        ("'*.com'", "\"a.com\"", "UNSPECIFIED"),
        ("'*.COM'", "\"http://A.com\"", "DENIED"),
        ("'*.com'", "\"a.com:80\"", "ALLOWED"),
        ("'*.com:80'", "\"a.com:80\"", "DENIED"),
        ("'a.*'", "\"a.com\"", "DENIED"),
        ("'A.*'", "\"a.com:80\"", "DENIED"),
        ("'a.*'", "\"b.com\"", "ALLOWED"),
    ] {
        let page = page(denied, host);
        assert!(page.starts_with(verdict), "{denied}, {host}: {page}");
    }
}

#[test]
fn how_to_settle_what_hangs_on_it_is_told() {
    let told = "for `at \"http://a.com\"` it is denied, for `at \"a.com:80\"` it is allowed";
    assert!(page("a.com", "\"a.com\"").contains(told), "{}", page("a.com", "\"a.com\""));
    assert!(!page("a.com", "\"http://a.com\"").contains("clients leave out"));
    assert!(!page("a.com", "\"b.com\"").contains("clients leave out"));
}

/// The port that a client writes is that of what it calls, and a policy may name yet another one.
#[test]
fn the_port_behind_the_host_is_that_of_the_call() {
    let manifests = GATEWAY.replace("DENIED", "'*:80'");
    let by_service = Files { manifests: &manifests, ..Files::default() }.page("203.0.113.7 -> svc/gateway@edge:80 GET / at a.com");
    assert!(by_service.contains("for `at \"http://a.com\"` it is allowed, for `at \"a.com:80\"` it is denied"), "{by_service}");
    let other = page("'a.com:443'", "a.com");
    assert!(other.starts_with("UNSPECIFIED") && !other.contains("clients leave out"), "two answers alike settle nothing: {other}");
}

#[test]
fn what_is_no_host_is_a_finding() {
    for wrong in ["\"a.com:+80\"", "\"::1\"", "\"a.com:x\"", "\"http://a.com/x\"", "\"a.com:70000\"", "\"*.a.com:80\"", "\"ftp://a.com\""] {
        let page = page("a.com", wrong);
        assert!(page.starts_with("error["), "{wrong}: {page}");
    }
}
