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

const OTHER: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: other, labels: {team: q}}\n---\n";
const KUBE_SYSTEM: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system}\n---\n";
const ISTIO_SYSTEM: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: istio-system}\n---\n";

/// What is not modelled may choose a namespace by a label that it has, or that nobody says it has not.
#[test]
fn what_chooses_namespaces_by_a_label_is_noted_unless_they_are_known_to_lack_it() {
    let program = format!("{SHOP}allow web -> app=x@other:80\n");
    let theirs = |selector: &str, namespaces: &str| {
        let baseline = baseline_policy("ingress: [{action: Deny, from: [{namespaces: {}}]}]", selector);
        notes(&program, &format!("{namespaces}{KUBE_SYSTEM}{ISTIO_SYSTEM}{baseline}"))
    };
    let q = "{matchLabels: {team: q}}";
    let is_of_other = |told: &[String]| told.len() == 1 && told[0].contains("-> app=x@other:80") && !told[0].contains(" more (");
    for (selector, namespaces) in [(q, OTHER), (q, ""), ("{matchExpressions: [{key: team, operator: Exists}]}", OTHER)] {
        let told = theirs(selector, namespaces);
        assert!(is_of_other(&told), "{selector} {namespaces}: {told:?}");
    }
    for namespaces in [OTHER.replace("team: q", "team: z"), OTHER.replace("team: q", "squad: q")] {
        assert_eq!(theirs(q, &namespaces), Vec::<String>::new(), "{namespaces}");
    }
    let without =
        "{matchExpressions: [{key: team, operator: DoesNotExist}, {key: kubernetes.io/metadata.name, operator: In, values: [other]}]}";
    assert_eq!(theirs(without, OTHER), Vec::<String>::new());
}

/// Of a label that intents say a namespace has, they are right; and where a line leads to namespaces with a label, those have it.
#[test]
fn labels_that_intents_say_count_where_no_namespace_is_shown() {
    let ingress = "ingress: [{action: Deny, from: [{namespaces: {}}]}]";
    let theirs =
        |value: &str| format!("{KUBE_SYSTEM}{ISTIO_SYSTEM}{}", baseline_policy(ingress, &format!("{{matchLabels: {{team: {value}}}}}")));
    let external = "namespace shop\nallow app=web -> app=x@other:80\nexternal namespace other labels team=z {\n}\n";
    assert_eq!(notes(external, &theirs("q")), Vec::<String>::new());
    assert_eq!(notes(external, &theirs("z")).len(), 1);
    let labelled = "namespace shop\nallow app=web -> app=x@[team=z]:80\n";
    assert_eq!(notes(labelled, &theirs("q")), Vec::<String>::new());
    assert!(notes(labelled, &theirs("z"))[0].contains("-> app=x@"));
}
