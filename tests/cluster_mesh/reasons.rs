//! What is told of a decision: the rules that decided, and what a caller misses.

use super::*;

/// The steps of a gate as `verdict: reason; KIND ns/name#rule…; WANTS, has HAS…`.
fn told(cluster: &Cluster, question: &Question) -> Vec<String> {
    let decision = ask(cluster, question);
    let say = |step: &cluster::Step| {
        let rules = step.decided_by.iter().map(|by| format!("{} {}/{}#{}", by.kind, by.namespace, by.name, by.rule.unwrap_or_default()));
        let misses = step.misses.iter().map(|miss| {
            format!("{}#{}: wants {}, has {}", miss.document.name, miss.document.rule.unwrap_or_default(), miss.wants, miss.has)
        });
        let parts: Vec<String> = rules.chain(misses).collect();
        format!("{:?} {:?}: {}; {}", step.gate, step.verdict, step.reason, parts.join("; "))
    };
    decision.steps.iter().filter(|step| !matches!(step.gate, Gate::Egress | Gate::Ingress)).map(say).collect()
}

#[test]
fn a_caller_is_told_what_it_misses() {
    let rules = "{rules: [{from: [{source: {serviceAccounts: [web-sa]}}], to: [{operation: {ports: ['5432', '5433']}}]}]}";
    let steps = told(&cluster(&policy(rules)), &mtls(&meshed("shop", "", "default"), &db(), 9999));
    assert_eq!(
        steps,
        [
            "Transport Allowed: the server takes mTLS; ",
            "Caller Denied: policies allow some callers, and no rule matches this one; AuthorizationPolicy shop/policy#0; \
             policy#1: wants caller shop/web-sa, has shop/default; policy#1: wants port 5432 or 5433, has 9999",
        ]
    );
}

#[test]
fn the_rules_that_match_are_named() {
    let yaml = policy("{rules: [{to: [{operation: {ports: ['81']}}]}, {to: [{operation: {ports: ['80']}}]}, {}]}");
    let steps = told(&cluster(&yaml), &tcp(&plain("shop", ""), &db(), 80));
    assert_eq!(
        steps[1],
        "Caller Allowed: a rule that allows matches; AuthorizationPolicy shop/policy#2; AuthorizationPolicy shop/policy#3"
    );
    let denied = told(&deny("{to: [{operation: {ports: ['80']}}]}"), &tcp(&plain("shop", ""), &db(), 80));
    assert_eq!(denied[1], "Caller Denied: a rule that denies matches; AuthorizationPolicy shop/policy#1");
    assert_eq!(told(&cluster(""), &tcp(&plain("shop", ""), &db(), 80))[1], "Caller Allowed: no policy allows only some callers; ");
}

#[test]
fn requests_and_tokens_are_told() {
    let tokens = object("RequestAuthentication", "shop/tokens", "{jwtRules: [{issuer: 'https://a', jwksUri: 'https://a/k'}]}");
    let rule = policy(
        "{rules: [{from: [{source: {requestPrincipals: ['https://a/bob']}}], to: [{operation: {methods: [PUT], paths: [/x], hosts: ['b.example*']}}], \
         when: [{key: 'request.auth.claims[groups]', values: [admin]}, {key: 'request.headers[x-env]', values: [prod]}]}]}",
    );
    let question = mtls(&web(), &db(), 80).http("GET", "/y").token(valid("https://a", &[("sub", "ann"), ("groups", "ops")]));
    let steps = told(&cluster(&format!("{tokens}{rule}")), &question);
    assert_eq!(steps[1], "Token Allowed: the token verifies; RequestAuthentication shop/tokens#0");
    for words in [
        "wants token of https://a/bob, has https://a/ann",
        "wants method PUT, has GET",
        "wants path /x, has /y",
        "wants host b.example*, has shop.example.com",
        "wants claim groups with admin, has ops",
        "wants header x-env with prod, has no header x-env",
    ] {
        assert!(steps[2].contains(words), "{words}: {}", steps[2]);
    }
    let refused = told(&cluster(&tokens), &question.token(Token::Unverified));
    assert_eq!(refused[1], "Token Denied: the token does not verify; RequestAuthentication shop/tokens#0");
}

#[test]
fn the_nearest_alternative_is_told() {
    let rule = policy(
        "{rules: [{from: [{source: {namespaces: [dev], ipBlocks: [192.0.2.0/24]}}, {source: {namespaces: [shop], ipBlocks: [192.0.2.0/24]}}]}]}",
    );
    let steps = told(&cluster(&rule), &mtls(&web().at(&["10.0.0.1"]), &db(), 80));
    assert!(steps[1].ends_with("policy#1: wants address 192.0.2.0/24, has 10.0.0.1"), "{}", steps[1]);
}

#[test]
fn transport_is_told_with_the_policies_in_force() {
    let yaml = format!(
        "{}{}",
        peer_authentication("istio-system/mesh", "{mtls: {mode: STRICT}}"),
        peer_authentication("dev/other", "{mtls: {mode: STRICT}}")
    );
    let steps = told(&cluster(&yaml), &tcp(&plain("shop", ""), &db(), 80));
    assert_eq!(steps[0], "Transport Denied: the server does not take plaintext; PeerAuthentication istio-system/mesh#0");
    let rule = object("DestinationRule", "shop/db", "{host: db, trafficPolicy: {tls: {mode: DISABLE}}}");
    let client =
        told(&cluster(&format!("{yaml}{rule}{}", service("db", "{}", "{port: 80}"))), &auto(&web(), &db(), 80).service("shop/db", 80));
    assert_eq!(
        client[0],
        "Transport Denied: the server does not take plaintext; PeerAuthentication istio-system/mesh#0; DestinationRule shop/db#0"
    );
}

#[test]
fn what_a_proxy_leaves_out_is_told() {
    let rule = "{rules: [{to: [{operation: {methods: [GET]}}]}]}";
    let steps = told(&cluster(&policy(rule)), &mtls(&web(), &db(), 80));
    assert!(steps[1].contains("policy#1: wants it asks for what only HTTP has"), "{}", steps[1]);
}

/// `semantics.md` §2.6: whether older proxies take `web` for `w.b` is open. A rule of which nobody knows whether it matches decides nothing
/// that is certain, and is among those that make an answer open.
#[test]
fn a_rule_that_may_match_decides_nothing_that_is_certain() {
    let perhaps = "{from: [{source: {serviceAccounts: [shop/w.b]}}]}";
    let question = mtls(&web(), &db(), 80);
    let told = |spec: &str| told(&cluster(&policy(spec)), &question).remove(1);
    let [certain, open] = ["shop/policy#2", "shop/policy#1"].map(|rule| format!("AuthorizationPolicy {rule}"));
    assert_eq!(told(&format!("{{rules: [{perhaps}, {{}}]}}")), format!("Caller Allowed: a rule that allows matches; {certain}"));
    assert_eq!(
        told(&format!("{{action: DENY, rules: [{perhaps}, {{}}]}}")),
        format!("Caller Denied: a rule that denies matches; {certain}")
    );
    for action in ["ALLOW", "DENY"] {
        let step = told(&format!("{{action: {action}, rules: [{perhaps}]}}"));
        assert!(step.starts_with("Caller Unspecified") && step.contains(&open), "{step}");
    }
}

/// A policy of which nobody knows whether it selects the pod decides only where no other one does.
#[test]
fn a_policy_that_may_act_decides_only_where_no_other_does() {
    let hashed = db().facts(|facts| facts.open_labels = ["hash".into()].into());
    let perhaps = |action: &str| {
        let selected = "{selector: {matchLabels: {hash: abc}}";
        object(
            "AuthorizationPolicy",
            "shop/perhaps",
            &format!("{selected}, action: {action}, rules: [{{to: [{{operation: {{ports: ['80']}}}}]}}]}}"),
        )
    };
    let told = |yaml: &str, port: u16| told(&cluster(yaml), &mtls(&web(), &hashed, port)).remove(1);
    let all = policy("{rules: [{}]}");
    let none = policy("{}");
    assert_eq!(told(&(perhaps("ALLOW") + &all), 80), "Caller Allowed: a rule that allows matches; AuthorizationPolicy shop/policy#1");
    assert_eq!(told(&perhaps("ALLOW"), 80), "Caller Allowed: a rule that allows matches; AuthorizationPolicy shop/perhaps#1");
    let refused = told(&(perhaps("ALLOW") + &none), 81);
    let reason = "Caller Denied: policies allow some callers, and no rule matches this one; AuthorizationPolicy shop/policy#0; perhaps#1: ";
    assert!(refused.starts_with(reason), "{refused}");
    let stopped = told(&(perhaps("DENY") + &policy("{action: DENY, rules: [{}]}")), 80);
    assert_eq!(stopped, "Caller Denied: a rule that denies matches; AuthorizationPolicy shop/policy#1");
}

/// Where Services disagree on whether a port is HTTP, what is said either way is said by the rules that match either way, and a token that
/// does not verify is what stops a request that no rule lets in otherwise.
#[test]
fn what_two_readings_say_alike_is_told_by_what_both_rest_on() {
    let services = service("one", "{}", "{name: http, port: 80}") + &service("two", "{}", "{name: tcp, port: 80}");
    let tokens = object("RequestAuthentication", "shop/tokens", "{jwtRules: [{issuer: 'https://a', jwksUri: 'https://a/k'}]}");
    let question = mtls(&web(), &db(), 80).http("GET", "/x");
    let on_path = "{to: [{operation: {paths: [/x]}}]}";
    let both = cluster(&format!("{services}{}", policy(&format!("{{rules: [{on_path}, {{}}]}}"))));
    assert_eq!(told(&both, &question)[1..], ["Caller Allowed: a rule that allows matches; AuthorizationPolicy shop/policy#2"]);
    let stopped = cluster(&format!("{services}{tokens}{}", policy(&format!("{{rules: [{on_path}]}}"))));
    let steps = told(&stopped, &question.clone().token(Token::Unverified));
    assert_eq!(steps[1], "Token Denied: the token does not verify; RequestAuthentication shop/tokens#0");
    let user = policy("{rules: [{from: [{source: {requestPrincipals: ['https://a/ann']}}]}, {to: [{operation: {ports: ['80']}}]}]}");
    let steps = told(&cluster(&format!("{services}{tokens}{user}")), &question.token(valid("https://a", &[("sub", "ann")])));
    assert_eq!(steps[2], "Caller Allowed: a rule that allows matches; AuthorizationPolicy shop/policy#2");
}

/// `semantics.md` §5.4: only what surely comes from the pod's own node passes ztunnel by; of whom it is not known, that is what leaves an
/// answer open, and where policies let everybody in it does not matter.
#[test]
fn who_passes_ztunnel_by_is_said_of_the_own_node_alone() {
    let here = ambient("shop", "app=db", "db").on_node("a");
    let on_host = plain("kube-system", "").on_host_network();
    let passes = "what comes from the pod's own node passes ztunnel by";
    let told = |yaml: &str, source: &Endpoint| told(&cluster(yaml), &tcp(source, &here, 80)).remove(1);
    let none = policy("{}");
    let open = "no policy allows only some callers";
    for source in [&on_host, &on_host.clone().on_node("a"), &on_host.clone().on_node("b")] {
        assert_eq!(told("", source), format!("Caller Allowed: {open}; "), "{source:?}");
    }
    let unknown = told(&none, &on_host);
    assert!(unknown.contains("Unspecified(\"whether the caller is on the pod's own node is not known\"): whether the caller"), "{unknown}");
    let refused = told(&none, &on_host.clone().on_node("b"));
    assert!(refused.starts_with("Caller Denied: policies allow some callers"), "{refused}");
    // A process of the node itself is let in whatever policies say.
    let own = told(&none, &address("10.9.0.1").on_node("a"));
    assert_eq!(own, format!("Caller Allowed: {passes}; "));
}
