//! Changes behind what both sides leave open: an open policy that stays as it was hides none that has changed.

use super::changes::{AMBIENT, NONE, SIDECAR, TO_SERVICE, behind_waypoint, both_ways, istio, namespace, network_policy, pod, shop};
use super::manifests::compared;

/// What is told as not known, one way and the other; nothing else may be.
fn unknown(base: &str, head: &str, config: &str) -> Vec<String> {
    let (there, _) = both_ways(base, head, config);
    there.report.unknown().map(|fact| fact.text.clone()).collect()
}

fn is_silent(base: &str, head: &str, config: &str) {
    for (base, head) in [(base, head), (head, base)] {
        let found = compared(base, head, config);
        assert_eq!(found.report.summary(), "text changed, access did not", "{:#?}", found.report.facts);
    }
}

const TO_DB: &str = "selector: {matchLabels: {app: db}}, ";

/// A rule for whoever proxies say that the client is; `more` stands beside that in its source, `rest` behind it.
fn remote(block: &str, more: &str, rest: &str) -> String {
    format!("{{from: [{{source: {{remoteIpBlocks: [{block}]{more}}}}}]{rest}}}")
}

fn to(operation: &str) -> String {
    format!(", to: [{{operation: {{{operation}}}}}]")
}

/// A policy that is left open and stays, beside one with this rule.
fn beside(at: &str, first: &str, second: &str) -> String {
    istio("AuthorizationPolicy", "a", &format!("{at}rules: [{first}]"))
        + &istio("AuthorizationPolicy", "b", &format!("{at}rules: [{second}]"))
}

const B_CHANGED: &str = "AuthorizationPolicy shop/b has changed: what passes by it is left open before and after: the address of the client behind proxies hangs on the gateway topology";

#[test]
fn an_open_policy_that_stays_hides_no_other() {
    let by_request =
        |block: &str| shop() + &beside(TO_DB, &remote("10.0.0.0/8", "", &to("methods: [GET]")), &remote(block, "", &to("methods: [PUT]")));
    let by_path =
        |block: &str| shop() + &beside(TO_DB, &remote("10.0.0.0/8", "", &to("paths: [/a]")), &remote(block, "", &to("paths: [/b]")));
    let by_port = |block: &str| {
        shop() + &beside(TO_DB, &remote("10.0.0.0/8", "", &to("ports: ['8080']")), &remote(block, "", &to("ports: ['9090']")))
    };
    let by_caller = |block: &str| {
        let of = |account: &str| format!(", principals: [cluster.local/ns/shop/sa/{account}]");
        shop() + &beside(TO_DB, &remote("10.0.0.0/8", &of("web"), ""), &remote(block, &of("api"), ""))
    };
    let by_namespace =
        |block: &str| shop() + &beside(TO_DB, &remote("10.0.0.0/8", ", namespaces: [shop]", ""), &remote(block, ", namespaces: [pay]", ""));
    let by_transport = |block: &str| {
        shop() + &beside(TO_DB, &remote("10.0.0.0/8", ", principals: ['*']", ""), &remote(block, ", notPrincipals: ['*']", ""))
    };
    let all: [&dyn Fn(&str) -> String; 6] = [&by_request, &by_path, &by_port, &by_caller, &by_namespace, &by_transport];
    for with in all {
        assert_eq!(unknown(&with("10.80.0.0/16"), &with("0.0.0.0/0"), SIDECAR), [B_CHANGED], "{}", with("x"));
    }
}

#[test]
fn an_open_refusal_that_stays_hides_no_other() {
    let deny = |name: &str, rule: &str| istio("AuthorizationPolicy", name, &format!("{TO_DB}action: DENY, rules: [{rule}]"));
    let with = |block: &str| {
        shop() + &deny("a", &remote("10.0.0.0/8", "", &to("methods: [GET]"))) + &deny("b", &remote(block, "", &to("methods: [PUT]")))
    };
    assert_eq!(unknown(&with("10.80.0.0/16"), &with("0.0.0.0/0"), SIDECAR), [B_CHANGED]);
}

#[test]
fn an_authorizer_that_stays_hides_no_other() {
    let custom = |name: &str, provider: &str, path: &str| {
        let rule = format!("{{to: [{{operation: {{paths: [{path}]}}}}]}}");
        istio("AuthorizationPolicy", name, &format!("{TO_DB}action: CUSTOM, provider: {{name: {provider}}}, rules: [{rule}]"))
    };
    let with = |provider: &str| shop() + &custom("a", "one", "/a") + &custom("b", provider, "/b");
    assert_eq!(
        unknown(&with("one"), &with("two"), SIDECAR),
        ["AuthorizationPolicy shop/b has changed: what passes by it is left open before and after: an external authorizer decides"]
    );
}

#[test]
fn an_open_policy_at_a_waypoint_hides_no_other() {
    let with = |block: &str| {
        let at = format!("{TO_SERVICE}, ");
        behind_waypoint() + &beside(&at, &remote("10.0.0.0/8", "", &to("methods: [GET]")), &remote(block, "", &to("methods: [PUT]")))
    };
    assert_eq!(unknown(&with("10.80.0.0/16"), &with("0.0.0.0/0"), AMBIENT), [B_CHANGED]);
}

/// Of a caller whose own end is no other than that of another one it is told, too.
#[test]
fn an_open_way_out_that_stays_hides_no_other() {
    let out = |name: &str, app: &str, block: &str| {
        let spec =
            format!("podSelector: {{matchLabels: {{app: {app}}}}}, policyTypes: [Egress], egress: [{{to: [{{ipBlock: {{{block}}}}}]}}]");
        network_policy(&spec).replace("name: p,", &format!("name: {name},"))
    };
    let api = || pod("api", "shop", "app: api", "", "");
    let with = |block: &str| shop() + &api() + &out("a", "web", "cidr: 10.0.0.0/8") + &out("b", "api", block);
    let found = unknown(&with("cidr: 10.0.0.0/8, except: [10.1.0.0/16]"), &with("cidr: 10.0.0.0/8, except: [10.2.0.0/16]"), NONE);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found.iter().all(|text| text.starts_with("NetworkPolicy shop/b has changed: what passes by it is left open")), "{found:#?}");
}

const LOOKS: &str = "rules: [{when: [{key: 'request.headers[x-role]', values: [admin]}]}]";

fn copying(more: &str) -> String {
    istio("RequestAuthentication", "jwt", &format!("{TO_DB}jwtRules: [{{issuer: X, jwks: '{{}}'{more}}}]"))
}

#[test]
fn another_claim_that_is_copied_to_a_header_at_which_a_policy_looks_is_told() {
    let policy = istio("AuthorizationPolicy", "a", &format!("{TO_DB}{LOOKS}"));
    let with = |more: &str| shop() + &policy + &copying(more);
    let claim = |name: &str| format!(", outputClaimToHeaders: [{{header: x-role, claim: {name}}}]");
    let found = unknown(&with(&claim("role")), &with(&claim("group")), SIDECAR);
    assert_eq!(
        found,
        [
            "RequestAuthentication shop/jwt: header `x-role`, at which policies look, holds claim `group` of tokens of `X` at pods `app=db`; it held claim `role` of tokens of `X` at pods `app=db`"
        ]
    );
    let whole = ", outputPayloadToHeader: x-role";
    assert_eq!(unknown(&with(&claim("role")), &with(whole), SIDECAR).len(), 1);
    let other = ", outputClaimToHeaders: [{header: x-role, claim: role}, {header: x-team, claim: team}]";
    is_silent(&with(&claim("role")), &with(other), SIDECAR);
}

/// Two facts about the network plugin, neither of which is known: this changes something only where ranges of ports work and blocks hold no
/// pods.
#[test]
fn facts_of_the_platform_are_answered_one_by_one() {
    let policy = |rules: &str| {
        shop() + &network_policy(&format!("podSelector: {{matchLabels: {{app: db}}}}, ingress: [{{ports: [{{port: 80}}]}}, {rules}]"))
    };
    let config = &format!("{NONE}[network-plugin]\nend-port = \"unknown\"\nipblock-matches-pods = \"unknown\"\n");
    let (block, api) = ("{ipBlock: {cidr: 10.0.0.0/8}}", "{podSelector: {matchLabels: {app: api}}}");
    let range = "ports: [{port: 80, endPort: 90}]";
    let by_block = policy(&format!("{{from: [{block}], {range}}}"));
    let by_label_too = policy(&format!("{{from: [{block}, {api}], {range}}}"));
    let found = unknown(&by_block, &by_label_too, config);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found.iter().all(|text| text.starts_with("NetworkPolicy shop/p has changed: what passes by it is left open")), "{found:#?}");
    is_silent(&by_label_too, &policy(&format!("{{from: [{api}], {range}}}, {{from: [{block}], {range}}}")), config);
}

const ELSEWHERE: &str = "app: moved";

fn db_of(labels: &str) -> String {
    pod("web", "shop", "app: web", "", "") + &pod("db", "shop", labels, "", "") + &namespace("shop", "")
}

/// The policies are the same, and another one acts on the pod.
#[test]
fn a_pod_that_other_open_policies_select_now_is_told() {
    let open = |name: &str, app: &str, block: &str| {
        istio("AuthorizationPolicy", name, &format!("selector: {{matchLabels: {{app: {app}}}}}, rules: [{}]", remote(block, "", "")))
    };
    let policies = open("a", "db", "10.0.0.0/8") + &open("b", "moved", "0.0.0.0/0");
    let found = unknown(&(db_of("app: db") + &policies), &(db_of(ELSEWHERE) + &policies), SIDECAR);
    assert_eq!(
        found,
        [
            "Pod shop/db has changed: what passes by it is left open before and after: the address of the client behind proxies hangs on the gateway topology"
        ]
    );
}

const FILTER: &str = "---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: x, namespace: istio-system}
spec: {a: 1}
";

/// Whatever an object that is not modelled leaves open, it hides no other change.
#[test]
fn what_is_not_modelled_hides_no_change() {
    let why = "what passes by it is left open before and after: EnvoyFilter `istio-system/x` may decide otherwise and is not modelled";
    let policy = istio("AuthorizationPolicy", "p", "selector: {matchLabels: {app: db}}");
    let token = |issuer: &str| istio("RequestAuthentication", "p", &format!("{TO_DB}jwtRules: [{{issuer: {issuer}, jwks: '{{}}'}}]"));
    for (base, head, told) in [
        (db_of("app: db") + &policy, db_of(ELSEWHERE) + &policy, "Pod shop/db has changed"),
        (shop() + &token("A"), shop() + &token("B"), "RequestAuthentication shop/p has changed"),
        (shop(), shop() + &token("A"), "RequestAuthentication shop/p has come"),
        (shop(), shop() + &policy, "AuthorizationPolicy shop/p has come"),
    ] {
        assert_eq!(unknown(&(base + FILTER), &(head + FILTER), SIDECAR), [format!("{told}: {why}")]);
    }
}

/// Where a rule stands, and what its policy is called, is no matter, nor what becomes of the rules beside it.
#[test]
fn an_open_rule_that_says_the_same_is_no_doubt() {
    let policy = |name: &str, rules: &[&str]| istio("AuthorizationPolicy", name, &format!("{TO_DB}rules: [{}]", rules.join(", ")));
    let (one, other) = (&*remote("10.0.0.0/8", "", &to("methods: [GET]")), &*remote("10.80.0.0/16", "", &to("methods: [PUT, POST]")));
    let both = shop() + &policy("a", &[one, other]);
    let turned = remote("10.80.0.0/16", "", &to("methods: [POST, PUT]"));
    for same in [
        policy("a", &[other, one]),
        policy("b", &[one, other]),
        policy("a", &[one]) + &policy("b", &[&turned]),
        policy("a", &[one, &turned, one]),
    ] {
        is_silent(&both, &(shop() + &same), SIDECAR);
    }
    // So are whole policies, where an object that is not modelled may decide otherwise than they do.
    is_silent(&(both.clone() + FILTER), &(shop() + &policy("b", &[other, one]) + FILTER), SIDECAR);
    let sure = format!("{{from: [{{source: {{namespaces: [pay]}}}}]{}}}", to("methods: [DELETE]"));
    let found = compared(&both, &(shop() + &policy("a", &[one, other, &sure])), SIDECAR);
    assert_eq!(found.report.unknown().count(), 0, "{:#?}", found.report);
    assert_eq!(found.report.entries.len(), 1, "{:#?}", found.report);
    let refusing = policy("a", &[one, other]).replace("rules:", "action: DENY, rules:");
    let with = |refusing: &str| shop() + &policy("b", &["{}"]) + refusing;
    assert_eq!(unknown(&with(&refusing), &with(&refusing.replace("10.80", "10.81")), SIDECAR).len(), 1);
    assert!(compared(&both, &(shop() + &refusing), SIDECAR).report.changes_access());
}

/// By whom a policy is read is a part of what it says; what else its labels are is not.
#[test]
fn an_open_policy_of_another_revision_is_a_doubt() {
    let policy = |labels: &str| {
        let rules = format!("{TO_DB}rules: [{}]", remote("10.0.0.0/8", "", ""));
        shop() + &istio("AuthorizationPolicy", "p", &rules).replacen("name: p", &format!("name: p, labels: {{{labels}}}"), 1)
    };
    let of = |revision: &str| policy(&format!("istio.io/rev: {revision}"));
    assert_eq!(unknown(&of("canary"), &of("stable"), SIDECAR).len(), 1);
    is_silent(&policy("team: a"), &policy("team: b"), SIDECAR);
}

/// A block at a waypoint is held against the addresses of callers as one at their pods is.
#[test]
fn a_block_at_a_waypoint_that_holds_other_pods_now_is_not_known() {
    let with = |block: &str| {
        behind_waypoint()
            + &istio("AuthorizationPolicy", "p", &format!("{TO_SERVICE}, rules: [{{from: [{{source: {{ipBlocks: [{block}]}}}}]}}]"))
    };
    assert_eq!(unknown(&with("10.0.0.0/8"), &with("10.0.0.0/9"), AMBIENT).len(), 1);
    is_silent(&with("10.0.0.0/8"), &with("10.0.0.0/9, 10.128.0.0/9"), AMBIENT);
}
