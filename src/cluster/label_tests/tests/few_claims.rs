//! Of which claims few values are needed, and of which nothing is promised.

use super::{cluster, issuer, istio, pod, settling_claims, words};
use crate::cluster::{Endpoint, Names, Platform, Way};
use crate::flow::{Cut, DataPlane};

/// What the cuts at the end of a pod promise about claims, in words; what settles something is no promise.
fn promised_at(end: &Endpoint, platform: Platform, yaml: &str) -> Vec<String> {
    let cluster = cluster(platform, yaml);
    let cuts = cluster.end(end, Way::Ingress).cuts(&Names::default());
    let settling = settling_claims(&cuts);
    let of = |cut: &Cut| {
        let few = cut.requests.few_claims.iter().filter(|(name, _)| !settling.contains_key(*name));
        few.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    cuts.iter().map(of).filter(|cut| !cut.is_empty()).collect()
}

fn promised(yaml: &str) -> Vec<String> {
    promised_at(&pod("shop", &[("app", "web")], DataPlane::Sidecar), Platform::default(), yaml)
}

/// What is promised about one rule of an action, where tokens are verified.
#[track_caller]
fn promises(action: &str, rule: &str, expected: &[&str]) {
    let policy = istio("AuthorizationPolicy", &format!("{{action: {action}, rules: [{rule}]}}"));
    assert_eq!(promised(&[issuer(""), policy].concat()), words(expected), "{action} {rule}");
}

/// A rule that asks claims, each as its key and the rest of the condition.
fn asking(conditions: &[(&str, &str)]) -> String {
    let when = conditions.iter().map(|(claim, values)| format!("{{key: 'request.auth.claims{claim}', {values}}}"));
    format!("{{when: [{}]}}", when.collect::<Vec<_>>().join(", "))
}

#[test]
fn of_a_claim_as_many_values_are_needed_as_a_rule_asks_for() {
    for action in ["ALLOW", "DENY"] {
        promises(action, &asking(&[("[a]", "values: [v]")]), &["a 1"]);
        promises(action, &asking(&[("[a]", "values: [v, w, 'x*', '*']")]), &["a 1"]);
        promises(action, &asking(&[("[a]", "values: [v]"), ("[a]", "values: [w]"), ("[b]", "values: [v]")]), &["a 2, b 1"]);
        promises(action, &asking(&[("[a][b]", "values: [v]"), ("[scope]", "values: [v]")]), &["[a][b] 1, scope 1"]);
        promises(action, &asking(&[("[sub]", "values: [v]")]), &["sub 1"]);
        // A token's issuer is none of its claims.
        promises(action, &asking(&[("[iss]", "values: [v]")]), &[]);
    }
    let two = [asking(&[("[a]", "values: [v]")]), asking(&[("[a]", "values: [v]"), ("[a]", "values: [w]")])].join(", ");
    promises("ALLOW", &two, &["a 1", "a 2"]);
}

#[test]
fn a_claim_that_must_not_hold_something_is_not_promised() {
    promises("ALLOW", &asking(&[("[a]", "notValues: [v]")]), &[]);
    promises("ALLOW", &asking(&[("[a]", "values: [v], notValues: [w]"), ("[b]", "values: [v]")]), &["b 1"]);
    promises("DENY", &asking(&[("[a]", "values: [v]"), ("[a]", "notValues: [w]")]), &[]);
    // Nor by others that look at it.
    let two = [asking(&[("[a]", "values: [v]"), ("[b]", "values: [v]")]), asking(&[("[a]", "notValues: [v]")])].join(", ");
    promises("ALLOW", &two, &["b 1"]);
}

/// Two subjects are none, so that one too many stops what each of them lets pass.
#[test]
fn the_subject_of_a_user_is_not_promised() {
    let with = |source: &str| asking(&[("[a]", "values: [v]"), ("[sub]", "values: [v]")]).replace("{when", &format!("{{{source}when"));
    for values in ["requestPrincipals: ['i/*']", "requestPrincipals: ['*']", "notRequestPrincipals: ['i/*']"] {
        promises("ALLOW", &with(&format!("from: [{{source: {{{values}}}}}], ")), &["a 1"]);
    }
    promises("ALLOW", &with(""), &["a 1, sub 1"]);
    let principal = "{when: [{key: request.auth.principal, values: ['i/*']}]}";
    promises("ALLOW", principal, &[]);
    promises("ALLOW", &[principal, &with("")].join(", "), &["a 1"]);
}

#[test]
fn where_several_rules_make_one_answer_no_claim_is_promised() {
    let asks = asking(&[("[a]", "values: [v]")]);
    let open = |more: &str| asks.replace("{when", &format!("{{{more}, when"));
    let source = "from: [{source: {ipBlocks: [10.0.0.0/8]}}]";
    promises("ALLOW", &open(source), &["a 1"]);
    promises("DENY", &open(source), &[]);
    promises("DENY", &open("to: [{operation: {hosts: [h]}}]"), &[]);
    promises("DENY", &[open(source), asking(&[("[b]", "values: [v]")])].join(", "), &["b 1"]);
    // What changes no verdict is not looked at.
    promises("AUDIT", &asks, &[]);
    let policy = istio("AuthorizationPolicy", &format!("{{rules: [{asks}]}}"));
    let dry = policy.replace("namespace: shop}", "namespace: shop, annotations: {istio.io/dry-run: 'true'}}");
    assert_eq!(promised(&[issuer(""), dry].concat()), words(&[]));
    // Nor is it told whether these act.
    let target = "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: w}]";
    let targeted = istio("AuthorizationPolicy", &format!("{{{target}, rules: [{asks}]}}"));
    let web = pod("shop", &[("app", "web")], DataPlane::Sidecar);
    let gateway = pod("shop", &[("gateway.networking.k8s.io/gateway-name", "w")], DataPlane::Sidecar);
    let old = Platform { istio: (1, 20, 0), ..Platform::default() };
    assert_eq!(promised_at(&gateway, Platform::default(), &[issuer(""), targeted.clone()].concat()), words(&["a 1"]));
    assert_eq!(promised_at(&gateway, old.clone(), &[issuer(""), targeted].concat()), words(&[]));
    let mut unknown = web;
    unknown.facts.open_labels.insert("b".into());
    assert_eq!(promised_at(&unknown, old, &[issuer(""), policy.clone()].concat()), words(&["a 1"]));
    let selected = |text: &str| text.replace("spec: {", "spec: {selector: {matchLabels: {b: x}}, ");
    for yaml in [[issuer(""), selected(&policy)].concat(), [selected(&issuer("")), policy].concat()] {
        assert_eq!(promised_at(&unknown, Platform::default(), &yaml), words(&[]), "{yaml}");
    }
}

#[test]
fn the_audience_is_not_promised_where_a_token_must_be_for_somebody() {
    let asks = asking(&[("[a]", "values: [v]"), ("[aud]", "values: [v]")]);
    for key in ["request.auth.claims[aud]", "request.auth.audiences"] {
        let policy = istio("AuthorizationPolicy", &format!("{{rules: [{}]}}", asks.replace("request.auth.claims[aud]", key)));
        assert_eq!(promised(&[issuer(""), policy.clone()].concat()), words(&["a 1, aud 1"]));
        assert_eq!(promised(&[issuer(", audiences: [v]"), policy].concat()), words(&["a 1"]));
    }
}
