//! Services as they are called: headless ones.

use super::Files;
use twogate::flow::Verdict;

const NO_MESH: &str = "[mesh]\nmode = \"none\"\n";

/// What runs: `a` listens on 8080, `b` calls.
const RUNNING: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: s}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: a, namespace: s}
spec:
  template:
    metadata: {labels: {app: a}}
    spec: {containers: [{name: c, ports: [{name: web, containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: b, namespace: s}
spec:
  template:
    metadata: {labels: {app: b}}
    spec: {containers: [{name: c}]}
---
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}, {type: Hostname, address: n1}]}
---
";

fn service(name: &str, spec: &str) -> String {
    format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: s}}\nspec: {spec}\n---\n")
}

/// A policy that lets into `a` whoever is named, on a port.
fn lets_in(from: &str, port: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: s}}\n\
         spec: {{podSelector: {{matchLabels: {{app: a}}}}, ingress: [{{from: [{from}], ports: [{{port: {port}}}]}}]}}\n"
    )
}

const FROM_B: &str = "{podSelector: {matchLabels: {app: b}}}";

fn verdict(manifests: &str, config: &str, flow: &str) -> Verdict {
    let answer = Files { manifests, config, ..Files::default() }.ask(flow);
    assert!(answer.errors().is_empty(), "{flow}: {:?}", answer.errors());
    answer.verdict().cloned().unwrap_or_else(|| panic!("{flow}: no one verdict"))
}

/// Nobody translates the port of a Service without an address (kubernetes/kubernetes#20488).
#[test]
fn a_headless_service_leads_to_the_port_that_is_called() {
    for target in ["8080", "web"] {
        let headless = service("hl", &format!("{{clusterIP: None, selector: {{app: a}}, ports: [{{port: 80, targetPort: {target}}}]}}"));
        let lets = |port: &str| format!("{RUNNING}{headless}{}", lets_in(FROM_B, port));
        for flow in ["app=b@s -> svc/hl@s:80", "app=b@s -> svc/hl@s", "app=b@s -> http://hl.s.svc.cluster.local/", "b@s -> hl@s:80"] {
            assert_eq!(verdict(&lets("8080"), NO_MESH, flow), Verdict::Denied, "{flow} {target}");
            assert_eq!(verdict(&lets("80"), NO_MESH, flow), Verdict::Allowed, "{flow} {target}");
            assert_eq!(verdict(&lets("web"), NO_MESH, flow), Verdict::Denied, "{flow} {target}");
        }
        // The pods take a call on whichever port they listen, declared by the Service or not.
        assert_eq!(verdict(&lets("8080"), NO_MESH, "app=b@s -> svc/hl@s:8080"), Verdict::Allowed);
        assert_eq!(verdict(&lets("80"), NO_MESH, "app=b@s -> svc/hl@s:8080"), Verdict::Denied);
    }
    let usual = service("hl", "{selector: {app: a}, ports: [{port: 80, targetPort: 8080}]}");
    assert_eq!(verdict(&format!("{RUNNING}{usual}{}", lets_in(FROM_B, "8080")), NO_MESH, "app=b@s -> svc/hl@s:80"), Verdict::Allowed);
}

/// Nor does a sidecar: it keeps the address that is called (istio/istio#37405, istio/istio#51908). A gateway chooses the pod itself.
#[test]
fn a_headless_service_is_called_alike_in_a_mesh() {
    let meshed = RUNNING.replacen("{name: s}", "{name: s, labels: {istio-injection: enabled}}", 1);
    let gateway = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: gw, namespace: s}\nspec:\n  template:\n    \
                   metadata: {labels: {app: b, role: gw}, annotations: {inject.istio.io/templates: gateway}}\n    \
                   spec: {containers: [{name: istio-proxy, image: auto}]}\n---\n";
    let headless = service("hl", "{clusterIP: None, selector: {app: a}, ports: [{name: tcp-x, port: 80, targetPort: 8080}]}");
    let lets = |port: &str| format!("{meshed}{gateway}{headless}{}", lets_in(FROM_B, port));
    let strict = "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: d, namespace: s}\nspec: {mtls: {mode: STRICT}}\n";
    let flow = "deploy/b@s -> svc/hl@s:80";
    assert_eq!(verdict(&lets("8080"), "", flow), Verdict::Denied);
    assert_eq!(verdict(&format!("{}{strict}", lets("80")), "", flow), Verdict::Allowed, "the sidecar speaks mTLS on a port of the Service");
    assert_eq!(verdict(&format!("{}{strict}", lets("8080")), "", "deploy/b@s -> svc/hl@s:8080"), Verdict::Denied, "and on no other");
    assert_eq!(verdict(&lets("8080"), "", "deploy/gw@s -> svc/hl@s:80"), Verdict::Allowed);
    assert_eq!(verdict(&lets("80"), "", "deploy/gw@s -> svc/hl@s:80"), Verdict::Denied);
}
