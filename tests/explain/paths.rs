//! Paths arrive as the mesh is configured to write them (`semantics.md` §2.7).

use super::Files;

/// A server that takes one path, with sidecars.
const SERVER: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: api}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: api, namespace: shop}
spec: {selector: {matchLabels: {app: api}}, rules: [{to: [{operation: {paths: [/open]}}]}]}
";

/// The answer where the mesh normalises in this way; the usual way for an empty word.
fn page(mode: &str, request: &str) -> String {
    let config = if mode.is_empty() { String::new() } else { format!("[mesh]\npath-normalization = \"{mode}\"\n") };
    let files = Files { manifests: SERVER, config: &config, ..Files::default() };
    files.page(&format!("app=web@shop -> {request}"))
}

#[test]
fn a_path_is_judged_as_it_arrives() {
    let passes = |mode: &str, path: &str| page(mode, &format!("svc/api@shop:80 GET {path}")).starts_with("ALLOWED");
    let judged = |path: &str| ["none", "base", "merge-slashes", "decode-and-merge-slashes"].map(|mode| passes(mode, path));
    assert_eq!(judged("/open"), [true; 4]);
    assert_eq!(judged("//open"), [false, false, true, true]);
    assert_eq!(judged("/%2Fopen"), [false, false, false, true]);
    assert_eq!(judged("/x/../open"), [false, true, true, true]);
    assert_eq!(judged("/./open"), [false, true, true, true]);
    assert_eq!(judged("/x/%2E%2e/open"), [false, true, true, true]);
    assert_eq!(judged("/%6fpen"), [false, true, true, true]);
    assert_eq!(judged("/open/../closed"), [false; 4]);
    assert!(passes("", "/x/../open?q=1"), "what nobody configured is `base`");
    // Quotes are for what would be a comment else.
    assert!(passes("merge-slashes", "\"//open\"") && !passes("none", "\"//open\"") && passes("", "\"/open\""));
    assert!(passes("", "\"/x/../open\"") && !passes("none", "\"/x/../open\""));
}

#[test]
fn what_arrives_is_told() {
    let told = page("merge-slashes", "svc/api@shop:80 GET //open");
    assert!(
        told.contains("GET /open ") && told.contains("`//open` arrives as `/open`: `mesh.path-normalization` is `merge-slashes`"),
        "{told}"
    );
    assert!(!page("merge-slashes", "svc/api@shop:80 GET /open").contains("arrives as"));
    assert!(page("", "http://api.shop/a/../open").contains("`/a/../open` arrives as `/open`"));
    assert!(page("", "app=api@shop:8080 http GET /a/../open").contains("`/a/../open` arrives as `/open`"));
    let outside =
        Files { manifests: &SERVER.replace("enabled", "disabled"), ..Files::default() }.page("app=a@shop -> app=api@shop:8080 GET /a/../b");
    assert!(!outside.contains("arrives as"), "nobody is there who would resolve it: {outside}");
}

/// Counterexamples show such paths: what they hold is in no rule, and servers take it.
#[test]
fn a_path_that_no_rule_can_name_is_asked_as_it_is_sent() {
    for path in ["/x[1]", "\"/x[1]\"", "/x|y^z"] {
        assert!(page("", &format!("svc/api@shop:80 GET {path}")).starts_with("DENIED"), "{path}");
    }
    for open in ["/open?q=[1]", "\"/open?q=1\"", "\"/x/../open?q=1#z\""] {
        let page = page("", &format!("svc/api@shop:80 GET {open}"));
        assert!(page.starts_with("ALLOWED") && page.contains("GET /open "), "{open}: {page}");
    }
}

/// What is no path of a request is still a finding at its place.
#[test]
fn what_no_client_sends_is_a_finding() {
    for wrong in ["GET /a/%zz", "GET /a/{id}", "http GET /a/../b, POST /c", "GET /a/../{**}", "GET \"/a b\"", "GET \"/a[b c\""] {
        let page = page("", &format!("svc/api@shop:80 {wrong}"));
        assert!(page.starts_with("error["), "{wrong}: {page}");
    }
}
