//! Calls of a pod's own address past a Service that would refuse them.

use super::Files;
use twogate::flow::Verdict;

fn namespace(labels: &str) -> String {
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{{labels}}}}}\n---\n")
}

fn deployment(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: shop}}\n---\n\
         apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  selector: {{matchLabels: {{app: {name}}}}}\n  \
         template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{serviceAccountName: {name}, containers: [{{name: c, ports: [{{containerPort: 8080}}]}}]}}}}\n---\n"
    )
}

fn service(labels: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: api, namespace: shop, labels: {{{labels}}}}}\n\
         spec: {{selector: {{app: api}}, ports: [{{name: tcp, port: 80, targetPort: 8080}}]}}\n---\n"
    )
}

fn istio(kind: &str, name: &str, spec: &str) -> String {
    format!("apiVersion: security.istio.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop}}\nspec: {spec}\n---\n")
}

const WAYPOINT: &str = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: wp, namespace: shop, labels: {istio.io/waypoint-for: service}}\nspec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}\n---\n";

/// A Service whose waypoint lets in somebody else alone.
fn bound() -> String {
    namespace("istio.io/dataplane-mode: ambient")
        + &deployment("web")
        + &deployment("api")
        + &service("istio.io/use-waypoint: wp")
        + WAYPOINT
        + &istio(
            "AuthorizationPolicy",
            "api",
            "{targetRefs: [{group: '', kind: Service, name: api}], rules: [{from: [{source: {serviceAccounts: [shop/other]}}]}]}",
        )
}

/// Sidecars, and a refusal of the caller by its identity, which a call of the pod's own address does not show.
fn refused_by_identity(mode: &str) -> String {
    namespace("istio-injection: enabled")
        + &deployment("web")
        + &deployment("api")
        + &service("")
        + &istio("PeerAuthentication", "default", &format!("{{mtls: {{mode: {mode}}}}}"))
        + &istio("AuthorizationPolicy", "api", "{action: DENY, rules: [{from: [{source: {serviceAccounts: [shop/web]}}]}]}")
}

/// The verdicts on all that a flow stands for, in the order in which they are shown, and whether a note tells of the way past.
fn verdicts(manifests: &str, flow: &str) -> (Vec<Verdict>, bool) {
    let answer = Files { manifests, ..Files::default() }.ask(flow);
    assert!(answer.errors().is_empty(), "{flow}: {:?}", answer.errors());
    let is_told = answer.cases.iter().any(|case| case.notes.iter().any(|note| note.contains("past Service shop/api")));
    (answer.cases.into_iter().map(|case| case.decision.verdict).collect(), is_told)
}

const BOTH: [Verdict; 2] = [Verdict::Denied, Verdict::Allowed];

/// What is refused at a waypoint alone gets in past it (`semantics.md` §2.1, trap 44), so `--expect deny` must not pass.
#[test]
fn what_a_waypoint_refuses_gets_in_past_it() {
    for flow in
        ["app=web@shop -> app=api@shop:8080", "deploy/web@shop -> deploy/api@shop:8080", "deploy/web@shop -> deploy/api@shop:8080 mtls"]
    {
        assert_eq!(verdicts(&bound(), flow), (BOTH.to_vec(), true), "{flow}");
    }
    assert_eq!(verdicts(&bound(), "deploy/web@shop -> svc/api@shop:80"), (vec![Verdict::Denied], false));
}

/// The pod's own policies stand on both ways.
#[test]
fn what_the_pod_refuses_itself_gets_in_neither_way() {
    let closed = bound() + &istio("AuthorizationPolicy", "pod", "{selector: {matchLabels: {app: api}}}");
    assert_eq!(verdicts(&closed, "deploy/web@shop -> deploy/api@shop:8080"), (vec![Verdict::Denied], false));
}

/// A sidecar passes a call of the pod's own address on in plaintext, without an identity (trap 53).
#[test]
fn what_is_refused_by_identity_gets_in_without_one() {
    let flow = "deploy/web@shop -> deploy/api@shop:8080";
    assert_eq!(verdicts(&refused_by_identity("PERMISSIVE"), flow), (BOTH.to_vec(), true));
    assert_eq!(verdicts(&refused_by_identity("STRICT"), flow), (vec![Verdict::Denied], false));
    assert_eq!(verdicts(&refused_by_identity("PERMISSIVE"), &format!("{flow} mtls")), (vec![Verdict::Denied], false));
}

/// `pod/` is the pod's own address over whatever transport: between ambient pods it is mTLS anyway, and no waypoint of a Service is on the
/// way (`semantics.md` §2.1).
#[test]
fn a_pods_own_address_stays_that_over_mtls() {
    let by_waypoint_alone = namespace("istio.io/dataplane-mode: ambient")
        + "apiVersion: v1\nkind: Pod\nmetadata: {name: api, namespace: shop, labels: {app: api}}\nspec: {containers: [{name: c, image: i}]}\nstatus: {podIP: 10.244.0.9, phase: Running}\n---\n"
        + &deployment("web")
        + &service("istio.io/use-waypoint: wp")
        + WAYPOINT
        + &istio(
            "AuthorizationPolicy",
            "api",
            "{selector: {matchLabels: {app: api}}, rules: [{from: [{source: {serviceAccounts: [shop/wp]}}]}]}",
        );
    for flow in ["deploy/web@shop -> pod/api@shop:8080", "deploy/web@shop -> 10.244.0.9:8080"] {
        for transport in ["", " mtls"] {
            let asked = format!("{flow}{transport}");
            assert_eq!(verdicts(&by_waypoint_alone, &asked), (vec![Verdict::Denied], false), "{asked}");
        }
    }
    let by_service = verdicts(&by_waypoint_alone, "deploy/web@shop -> svc/api@shop:80 mtls");
    assert_eq!(by_service, (vec![Verdict::Allowed], false));
}

/// A sidecar sends no mTLS there: how it comes to arrive is what nobody knows.
#[test]
fn mtls_to_a_pods_own_address_is_not_what_sidecars_speak() {
    let manifests = namespace("istio-injection: enabled")
        + "apiVersion: v1\nkind: Pod\nmetadata: {name: api, namespace: shop, labels: {app: api}}\nspec: {containers: [{name: c, image: i}]}\n---\n"
        + &deployment("web")
        + &service("")
        + &istio("PeerAuthentication", "default", "{mtls: {mode: STRICT}}");
    let unknown = |manifests: &str, flow: &str| {
        let answer = Files { manifests, ..Files::default() }.ask(flow);
        answer.cases[0].unknown.join("; ")
    };
    let told = "how web comes to speak mTLS";
    assert!(unknown(&manifests, "deploy/web@shop -> pod/api@shop:8080 mtls").contains(told));
    assert!(!unknown(&manifests, "deploy/web@shop -> pod/api@shop:8080").contains(told));
    assert!(!unknown(&manifests, "deploy/web@shop -> svc/api@shop:80 mtls").contains(told));
    let headless = manifests.replace("selector: {app: api}", "clusterIP: None, selector: {app: api}").replace("port: 80,", "port: 8080,");
    assert!(!unknown(&headless, "deploy/web@shop -> pod/api@shop:8080 mtls").contains(told), "{headless}");
}

/// The objects that remedies of a flow add, as manifests; at least one.
fn stopping(manifests: &str, flow: &str) -> Vec<String> {
    let answer = Files { manifests, ..Files::default() }.ask(flow);
    let remedies = answer.cases.iter().flat_map(|case| &case.remedies).filter(|remedy| remedy.refused.is_none());
    let added = remedies.filter_map(|remedy| {
        let [change] = remedy.changes.as_slice() else { panic!("{remedy:?}") };
        let name = change.place.strip_prefix("AuthorizationPolicy shop/")?;
        Some(istio("AuthorizationPolicy", name, change.text.strip_prefix("add ")?))
    });
    let added: Vec<String> = added.collect();
    assert!(!added.is_empty(), "{flow}: {:?}", answer.cases);
    added
}

/// What is offered to stop a flow stops it on each way that it may mean: who is refused by his account gets in by the pod's own address, where
/// he has none (trap 53).
#[test]
fn what_is_offered_to_stop_a_flow_stops_the_call_of_the_pods_own_address_too() {
    let with = |mode: &str, service: &str| {
        let mode = istio("PeerAuthentication", "default", &format!("{{mtls: {{mode: {mode}}}}}"));
        namespace("istio-injection: enabled") + &deployment("web") + &deployment("api") + service + &mode
    };
    let flow = "deploy/web@shop -> deploy/api@shop:8080";
    for (mode, is_named) in [("PERMISSIVE", false), ("STRICT", true)] {
        for service in ["", &service("")] {
            let manifests = with(mode, service);
            for added in stopping(&manifests, flow) {
                assert_eq!(added.contains("notPrincipals"), !is_named, "{mode}: {added}");
                let changed = format!("{manifests}{added}");
                assert_eq!(verdicts(&changed, flow).0, [Verdict::Denied], "{mode}: {added}");
                assert_eq!(verdicts(&changed, &format!("{flow} plaintext")).0, [Verdict::Denied], "{mode}: {added}");
            }
        }
    }
    // Where one way alone is meant the caller's name is enough.
    let manifests = with("PERMISSIVE", &service(""));
    for flow in [format!("{flow} mtls"), "deploy/web@shop -> svc/api@shop:80".to_owned()] {
        for added in stopping(&manifests, &flow) {
            assert!(!added.contains("notPrincipals"), "{flow}: {added}");
        }
    }
}
