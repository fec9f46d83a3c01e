//! Calls of what no Service names, where sidecars refuse them.

use super::Files;
use twogate::flow::Verdict;

/// `web` and `db` have sidecars, `old` has none; a Service leads to port 80 of each that is called.
fn world(mesh: &str) -> String {
    let namespace =
        |name: &str, labels: &str| format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {labels}}}\n---\n");
    let pod = |name: &str, namespace: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}, labels: {{app: {name}}}}}\n\
             spec: {{containers: [{{name: c, image: i}}]}}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
             spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80}}]}}\n---\n"
        )
    };
    let spaces = namespace("shop", "{istio-injection: enabled}") + &namespace("plain", "{istio-injection: disabled}");
    let pods = pod("web", "shop") + &pod("db", "shop") + &pod("old", "plain");
    format!("{spaces}{pods}apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: istio-system}}\ndata: {{mesh: '{mesh}'}}\n")
}

const REFUSES: &str = "outboundTrafficPolicy: {mode: REGISTRY_ONLY}";
const PASSES_ON: &str = "outboundTrafficPolicy: {mode: ALLOW_ANY}";

fn judged(manifests: &str, flow: &str) -> Verdict {
    let answer = Files { manifests, ..Files::default() }.ask(flow);
    assert_eq!(answer.cases.len(), 1, "{flow}: {:#?}", answer.findings);
    answer.cases[0].decision.verdict.clone()
}

#[test]
fn a_port_that_no_service_names_is_left_open_where_sidecars_refuse_it() {
    let mesh = world(REFUSES);
    for flow in ["web@shop -> old@plain:9090", "web@shop -> db@shop:9090", "web@shop -> db@shop:9090 GET /", "web@shop -> pod/old@plain:80"]
    {
        let verdict = judged(&mesh, flow);
        assert!(matches!(&verdict, Verdict::Unspecified(reason) if reason.contains("`outboundTrafficPolicy`")), "{flow}: {verdict:?}");
        assert_eq!(judged(&world(PASSES_ON), flow), Verdict::Allowed, "{flow}");
    }
}

#[test]
fn what_a_service_names_and_who_has_no_sidecar_pass_all_the_same() {
    let mesh = world(REFUSES);
    for flow in ["web@shop -> old@plain:80", "web@shop -> svc/db@shop:80", "old@plain -> db@shop:9090", "web@shop -> db@shop:9090 mtls"] {
        assert_eq!(judged(&mesh, flow), Verdict::Allowed, "{flow}");
    }
    let closed =
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n, namespace: plain}\nspec: {podSelector: {}}\n";
    assert_eq!(judged(&format!("{mesh}{closed}"), "web@shop -> old@plain:9090"), Verdict::Denied);
}

/// What a gate refuses for sure is refused, whether the sidecar lets it out or not.
#[test]
fn a_gate_that_refuses_for_sure_decides() {
    let mesh = world(REFUSES);
    for flow in ["web@shop -> db@shop:15020 mtls", "web@shop -> pod/db@shop:15020 mtls"] {
        assert_eq!(judged(&mesh, flow), Verdict::Denied, "{flow}");
    }
    assert!(matches!(judged(&mesh, "web@shop -> db@shop:15020 plaintext"), Verdict::Unspecified(_)));
}

/// The sidecar is told of the pods of a headless Service by their endpoints, which only those have that know the name of the port.
#[test]
fn a_headless_service_names_no_port_that_no_container_has() {
    let mesh = world(REFUSES);
    let headless = |target: &str| {
        let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: headless, namespace: shop}\n\
                       spec: {clusterIP: None, selector: {app: db}, ports: [{name: tcp, port: 9090, targetPort: TARGET}]}\n";
        format!("{mesh}{}", service.replace("TARGET", target))
    };
    for flow in ["web@shop -> db@shop:9090", "web@shop -> svc/headless@shop:9090", "web@shop -> pod/db@shop:9090"] {
        assert_eq!(judged(&headless("8080"), flow), Verdict::Allowed, "{flow}");
        assert!(matches!(judged(&headless("nope"), flow), Verdict::Unspecified(_)), "{flow}");
    }
    assert_eq!(judged(&headless("nope"), "old@plain -> svc/headless@shop:9090"), Verdict::Allowed, "who has no sidecar calls the address");
}

/// What a sidecar does not take over never meets it.
#[test]
fn addresses_on_ports_that_a_sidecar_does_not_take_over_are_open_to_it() {
    let mesh = world(REFUSES).replace(
        "metadata: {name: web, namespace: shop, labels: {app: web}}",
        "metadata: {name: web, namespace: shop, labels: {app: web}, annotations: {traffic.sidecar.istio.io/excludeOutboundPorts: '443'}}",
    );
    assert_eq!(judged(&mesh, "pod/web@shop -> 203.0.113.7:443"), Verdict::Allowed);
    assert_eq!(judged(&mesh, "pod/web@shop -> db@shop:443 plaintext"), Verdict::Allowed);
    assert_eq!(judged(&mesh.replace("'443'", "'80'"), "pod/web@shop -> svc/db@shop:80 plaintext"), Verdict::Allowed);
    assert!(matches!(judged(&mesh, "pod/web@shop -> 203.0.113.7:80"), Verdict::Unspecified(_)));
    assert!(matches!(judged(&mesh, "pod/db@shop -> 203.0.113.7:443"), Verdict::Unspecified(_)));
}

/// A rule for clients of `db`, or a word about what `db` takes.
fn spoken(kind: &str, spec: &str) -> String {
    let group = if kind == "DestinationRule" { "networking" } else { "security" };
    format!("---\napiVersion: {group}.istio.io/v1\nkind: {kind}\nmetadata: {{name: x, namespace: shop}}\nspec: {spec}\n")
}

/// Between sidecars plaintext is a call of the pod's own address, as by Service they speak mTLS (`semantics.md` §3.3, §5.5).
#[test]
fn plaintext_between_sidecars_is_a_call_of_what_no_service_names() {
    for flow in ["web@shop -> db@shop:80 plaintext", "web@shop -> svc/db@shop:80 plaintext", "web@shop -> pod/db@shop:80 plaintext"] {
        let verdict = judged(&world(REFUSES), flow);
        assert!(matches!(&verdict, Verdict::Unspecified(reason) if reason.contains("`outboundTrafficPolicy`")), "{flow}: {verdict:?}");
        assert_eq!(judged(&world(PASSES_ON), flow), Verdict::Allowed, "{flow}");
    }
    for flow in [
        "web@shop -> db@shop:80",
        "web@shop -> svc/db@shop:80 mtls",
        "old@plain -> db@shop:80 plaintext",
        "web@shop -> old@plain:80 plaintext",
    ] {
        assert_eq!(judged(&world(REFUSES), flow), Verdict::Allowed, "{flow}");
    }
    let strict = world(REFUSES) + &spoken("PeerAuthentication", "{mtls: {mode: STRICT}}");
    assert_eq!(judged(&strict, "web@shop -> svc/db@shop:80 plaintext"), Verdict::Denied, "a gate that refuses for sure decides");
}

/// What makes clients speak plaintext with the Service makes it no call of the pod's own address (`semantics.md` §3.3).
#[test]
fn plaintext_that_sidecars_speak_by_service_is_let_out() {
    let rule = |tls: &str| spoken("DestinationRule", &format!("{{host: db, trafficPolicy: {{tls: {{mode: {tls}}}}}}}"));
    for said in [rule("DISABLE"), spoken("PeerAuthentication", "{mtls: {mode: DISABLE}}")] {
        for flow in ["web@shop -> db@shop:80 plaintext", "web@shop -> svc/db@shop:80 plaintext"] {
            assert_eq!(judged(&(world(REFUSES) + &said), flow), Verdict::Allowed, "{flow}: {said}");
        }
        assert!(matches!(judged(&(world(REFUSES) + &said), "web@shop -> pod/db@shop:80 plaintext"), Verdict::Unspecified(_)));
    }
    let mutual = world(REFUSES) + &rule("ISTIO_MUTUAL");
    assert!(matches!(judged(&mutual, "web@shop -> svc/db@shop:80 plaintext"), Verdict::Unspecified(_)));
}

/// With which of two Services, one of which is spoken to in plaintext: some call of it is.
#[test]
fn plaintext_to_one_of_several_services_is_let_out() {
    let other = "---\napiVersion: v1\nkind: Service\nmetadata: {name: other, namespace: shop}\n\
                 spec: {selector: {app: db}, ports: [{name: http, port: 81, targetPort: 80}]}\n";
    let two = world(REFUSES) + other;
    assert!(matches!(judged(&two, "web@shop -> db@shop:80 plaintext"), Verdict::Unspecified(_)));
    let plain = two + &spoken("DestinationRule", "{host: other, trafficPolicy: {tls: {mode: DISABLE}}}");
    assert_eq!(judged(&plain, "web@shop -> svc/other@shop:81 plaintext"), Verdict::Allowed);
    assert!(matches!(judged(&plain, "web@shop -> svc/db@shop:80 plaintext"), Verdict::Unspecified(_)));
    assert_eq!(judged(&plain, "web@shop -> db@shop:80 plaintext"), Verdict::Allowed);
}
