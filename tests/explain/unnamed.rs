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
    assert!(matches!(judged(&mesh, "pod/web@shop -> 203.0.113.7:80"), Verdict::Unspecified(_)));
    assert!(matches!(judged(&mesh, "pod/db@shop -> 203.0.113.7:443"), Verdict::Unspecified(_)));
}

/// A `Sidecar` that refuses what it does not tell of refuses no Service of its namespace; the pod's own address it may, and the line says what
/// kind of object decides so: no `AuthorizationPolicy` has its name.
#[test]
fn a_sidecar_that_refuses_what_it_does_not_tell_of_leaves_open_what_no_service_names() {
    let sidecar = |hosts: &str| {
        format!(
            "{}---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: own, namespace: shop}}\n\
             spec: {{egress: [{{hosts: [{hosts}]}}], {REFUSES}}}\n",
            world(PASSES_ON)
        )
    };
    for hosts in ["./*", "./*, istio-system/*"] {
        let mesh = sidecar(hosts);
        for flow in
            ["web@shop -> db@shop:80", "web@shop -> svc/db@shop:80", "web@shop -> db@shop:80 GET /", "web@shop -> svc/db@shop:80 GET /"]
        {
            assert_eq!(judged(&mesh, flow), Verdict::Allowed, "{hosts}: {flow}");
        }
        for flow in ["web@shop -> pod/db@shop:80", "web@shop -> db@shop:9090", "web@shop -> old@plain:80"] {
            let verdict = judged(&mesh, flow);
            assert!(matches!(&verdict, Verdict::Unspecified(reason) if reason.contains("Sidecar `shop/own`")), "{flow}: {verdict:?}");
        }
    }
    let (answer, line) = (Files { manifests: &sidecar("./*"), ..Files::default() }, "shop/own: Sidecar `shop/own` may decide otherwise");
    let page = answer.page("web@shop -> pod/db@shop:80");
    let kinds: Vec<&str> = page.lines().filter(|told| told.contains(line)).filter_map(|told| told.split_whitespace().nth(1)).collect();
    assert_eq!(kinds, ["Sidecar"], "{page}");
    let json: serde_json::Value = serde_json::from_str(&twogate::explain::json(&answer.ask("web@shop -> pod/db@shop:80"))).unwrap();
    let gates = json["answers"][0]["gates"].as_array().unwrap();
    let kinds: Vec<&str> = gates.iter().filter(|gate| gate["gate"] == "caller").filter_map(|gate| gate["kind"].as_str()).collect();
    assert_eq!(kinds, ["AuthorizationPolicy", "Sidecar"]);
}

/// Who else calls by the Service is told of a change that touches those calls, and that calls by other ways were not compared.
#[test]
fn a_change_tells_of_others_whom_a_sidecar_lets_call_a_service() {
    let sidecar = format!(
        "---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: own, namespace: shop}}\nspec: {{egress: [{{hosts: [./*]}}], {REFUSES}}}\n"
    );
    let remedy = |more: &str| {
        let manifests = world(PASSES_ON) + more;
        let page = Files { manifests: &manifests, ..Files::default() }.page("web@shop -> svc/db@shop:80");
        let at = page.lines().skip_while(|line| !line.starts_with("to stop it")).nth(1);
        at.map(|line| line.trim().to_owned()).unwrap_or_default()
    };
    let without = remedy("");
    assert!(without.starts_with("also stops other pods that run as shop/default"), "{without}");
    let with = remedy(&sidecar);
    assert!(with.starts_with("also stops ") && with.contains("other pods that run as shop/default"), "{with}");
    assert!(with.ends_with("(not everything was compared)"), "{with}");
}

/// The same of a policy of the network that is of another kind than the gate.
#[test]
fn a_line_names_the_kind_of_what_is_not_modelled() {
    let other = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: own, namespace: shop}\nspec: {endpointSelector: {}, ingress: [{}]}\n";
    let page = Files { manifests: &format!("{}---\n{other}", world(PASSES_ON)), ..Files::default() }.page("web@shop -> db@shop:80");
    let line = page.lines().find(|line| line.trim_start().starts_with("enters db")).unwrap_or_default();
    assert!(line.contains("CiliumNetworkPolicy  UNSPECIFIED"), "{page}");
}
