//! Gateways, and pods with their labels: of each workload that the manifests hold it is told what becomes of it.

use twogate::diff::Entry;

use super::manifests::{compared, lines};

const SIDECAR: &str = "[mesh]\nmode = \"sidecar\"\n";
const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";
const TEMPLATE: &str = "inject.istio.io/templates: gateway";

fn deployment(name: &str, labels: &str, annotations: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\n\
         spec: {{template: {{metadata: {{labels: {{{labels}}}, annotations: {{{annotations}}}}}, spec: {{containers: [{{name: c, image: auto}}]}}}}}}\n"
    )
}

fn deny(app: &str) -> String {
    format!(
        "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: deny, namespace: shop}}\n\
         spec: {{selector: {{matchLabels: {{app: {app}}}}}, action: DENY, rules: [{{}}]}}\n"
    )
}

/// One of Istio's own kind.
fn classic(selector: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: gw, namespace: shop}}\n\
         spec: {{{selector}servers: [{{port: {{number: 80, name: a, protocol: HTTP}}, hosts: ['*']}}]}}\n"
    )
}

fn of_api(class: &str) -> String {
    format!(
        "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: gw, namespace: shop}}\n\
         spec: {{gatewayClassName: {class}, listeners: [{{name: a, port: 80, protocol: HTTP}}]}}\n"
    )
}

const SHOP: &str = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n";

/// That pods which nobody described may be gateways hides nothing of a workload that has a sidecar.
#[test]
fn what_a_sidecar_loses_is_told_beside_a_gateway() {
    let api = format!("{GATEWAY_NAME}: gw");
    for (labels, gateway) in [
        ("istio: ingressgateway", classic("selector: {istio: ingressgateway}, ")),
        ("istio: ingressgateway", classic("")),
        ("istio: ingressgateway, app: web", classic("selector: {app: web}, ")),
        (&api, of_api("istio")),
    ] {
        let base = SHOP.to_owned() + &deployment("gw", labels, TEMPLATE) + &deployment("web", "app: web", "") + &gateway;
        let found = compared(&base, &(base.clone() + &deny("web")), SIDECAR);
        let is_of_web = |entry: &&Entry| {
            entry.kind.is_loss() && (entry.called.contains(&"Deployment shop/web".to_owned()) || entry.whom.contains("deploy/web@shop"))
        };
        assert!(found.report.entries.iter().any(|entry| is_of_web(&entry)), "{gateway}{:#?}", lines(&found));
        // What is still left open is told with its reason.
        let open: Vec<String> = found.report.unknown().map(|fact| fact.text.clone()).collect();
        assert!(open.iter().all(|text| text.contains("decides if the pod is a gateway")), "{open:?}");
    }
}

/// A Deployment that stays a gateway, or stays none, whatever class its Gateway has, loses nothing by another class: of pods with its
/// name of which nothing else is known that is not known.
#[test]
fn what_becomes_of_a_gateway_of_another_class_is_told_of_its_pods() {
    let strict = "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: strict, namespace: shop}\n\
                  spec: {mtls: {mode: STRICT}}\n";
    let labels = format!("{GATEWAY_NAME}: gw");
    for annotations in [TEMPLATE, ""] {
        let with = |class: &str| SHOP.to_owned() + strict + &deployment("gw-istio", &labels, annotations) + &of_api(class);
        let own = "Deployment shop/gw-istio".to_owned();
        let found = compared(&with("istio"), &with("other"), SIDECAR);
        let names = |entry: &Entry| entry.called.contains(&own) || entry.callers.contains(&own) || entry.whom.contains("deploy/gw-istio");
        assert!(!found.report.entries.iter().any(names), "{annotations}: {:#?}", lines(&found));
        let is_left_out = |entry: &Entry| entry.remarks.iter().any(|remark| remark.contains(&own));
        assert!(found.report.entries.iter().any(is_left_out), "{annotations}: {:#?}", lines(&found));
    }
    // As a waypoint it takes everything that comes to it.
    let with = |class: &str| SHOP.to_owned() + strict + &deployment("gw-istio", &labels, "") + &of_api(class);
    let found = compared(&with("istio"), &with("istio-waypoint"), SIDECAR);
    assert!(
        found.report.entries.iter().any(|entry| entry.kind.is_gain() && entry.called.contains(&"Deployment shop/gw-istio".to_owned())
            || entry.whom.contains("deploy/gw-istio")),
        "{:#?}",
        lines(&found)
    );
}
