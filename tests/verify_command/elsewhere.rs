//! What may be stopped in namespaces that the intents do not manage: no difference, and never passed over in silence.

use super::{CONFIG, SHOP, json, network};
use crate::cli::Place;

/// The notes on a program's own manifests beside others.
fn notes(program: &str, theirs: &str) -> Vec<String> {
    let place = Place::with(&[("intents/shop.intent", program), ("twogate.toml", CONFIG), ("theirs.yaml", theirs)]);
    assert_eq!(place.run("compile -o manifests").status, 0);
    let ran = place.run("verify --manifests manifests --manifests theirs.yaml --format json");
    let value = json(&ran);
    assert_eq!((value["relation"].as_str(), ran.status), (Some("equal"), 0), "{value}");
    value["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap().to_owned()).collect()
}

fn baseline_policy(action: &str, subject: &str) -> String {
    format!(
        "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\nmetadata: {{name: default}}\n\
         spec: {{subject: {{namespaces: {subject}}}, {action}}}\n"
    )
}

/// A baseline for the whole cluster acts where no `NetworkPolicy` does, as in the namespace that answers look-ups of names.
#[test]
fn a_baseline_policy_that_may_stop_look_ups_of_names_is_noted() {
    let named = "{matchLabels: {kubernetes.io/metadata.name: kube-system}}";
    let told = notes(SHOP, &baseline_policy("ingress: [{action: Deny, from: [{namespaces: {}}]}]", named));
    assert_eq!(told.len(), 1, "{told:?}");
    let why = "BaselineAdminNetworkPolicy `default` may decide otherwise and is not modelled";
    let may = format!(" may be stopped in a namespace that the intents do not manage ({why}); they let it through");
    assert!(told[0].contains(" -> k8s-app=kube-dns@kube-system:53") && told[0].ends_with(&may), "{told:?}");
    let told = notes(SHOP, &baseline_policy("ingress: [{action: Deny, from: [{namespaces: {}}]}]", "{}"));
    assert!(told.len() == 1 && told[0].contains(", and others of 1 more ("), "{told:?}");
}

/// Nor need the kind be one for clusters, nor the namespace be one that somebody names.
#[test]
fn what_is_not_modelled_is_noted_wherever_a_line_leads() {
    let cilium = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: theirs, namespace: monitoring}\n\
                  spec: {endpointSelector: {matchLabels: {app: log}}}\n";
    let told = notes(&format!("{SHOP}allow web -> app=log@monitoring:514\n"), cilium);
    assert!(told.len() == 1 && told[0].contains("-> app=log@monitoring:514"), "{told:?}");
    assert!(told[0].contains("CiliumNetworkPolicy `monitoring/theirs`"), "{told:?}");
    assert_eq!(notes(SHOP, cilium), Vec::<String>::new(), "no line leads there");
    let outward = baseline_policy("egress: [{action: Deny, to: [{namespaces: {}}]}]", "{}");
    let told = notes(&format!("{SHOP}allow *@[team=x] -> db:9100\n"), &outward);
    assert!(told.iter().any(|note| note.contains("-> app=db@shop:9")), "{told:?}");
}

/// What surely stops a flow is told beside what may.
#[test]
fn what_is_stopped_and_what_may_be_are_told_apart() {
    let theirs = network("theirs", "{podSelector: {}}").replace("namespace: shop}", "namespace: kube-system}");
    let cilium = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: theirs, namespace: istio-system}\nspec: {endpointSelector: {}}\n";
    let told = notes(SHOP, &format!("{theirs}---\n{cilium}"));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains(" is stopped by NetworkPolicy kube-system/theirs, "), "{told:?}");
    assert!(told[1].contains("=istio-system]") && told[1].contains(" may be stopped in "), "{told:?}");
}
