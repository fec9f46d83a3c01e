//! The traps of `semantics.md` §8.2 and §8.3 that a sidecar can show, each as YAML and the verdicts that it really gives.

use super::samples::{
    allowed, authorization_policy, cluster, denied, findings, meshed, mtls, network_policy, object, peer_authentication, plain, tcp,
    unspecified,
};
use super::{Cluster, Pod, Settings};

const AUTHORIZATION: &str = "AuthorizationPolicy";
const PEER: &str = "PeerAuthentication";

fn web() -> Pod {
    meshed("shop", "app=web", "web")
}

fn db() -> Pod {
    meshed("shop", "app=db", "db")
}

fn dev() -> Pod {
    meshed("dev", "app=tool", "tool")
}

/// A cluster with one policy of namespace `shop`, without a selector.
fn policy(spec: &str) -> Cluster {
    cluster(&authorization_policy(spec))
}

/// A rule of an ALLOW policy.
fn allow(rule: &str) -> Cluster {
    policy(&format!("{{rules: [{rule}]}}"))
}

/// A rule of a DENY policy.
fn deny(rule: &str) -> Cluster {
    policy(&format!("{{action: DENY, rules: [{rule}]}}"))
}

#[test]
fn trap_34_no_rules_is_nothing_and_an_empty_rule_is_everything() {
    for spec in ["{}", "", "{rules: []}", "{action: ALLOW}", "{rules: null}"] {
        denied(&policy(spec), &mtls(&web(), &db(), 80), AUTHORIZATION);
        denied(&policy(spec), &tcp("203.0.113.7", &db(), 80), AUTHORIZATION);
        allowed(&policy(spec), &tcp(&web(), &plain("shop", "app=db"), 80));
        allowed(&policy(spec), &mtls(&web(), &dev(), 80));
    }
    allowed(&allow("{}"), &tcp("203.0.113.7", &db(), 80));
    denied(&deny("{}"), &mtls(&web(), &db(), 80), AUTHORIZATION);
    // A DENY that never matches leaves no ALLOW behind: everything passes (§2.2, step 3).
    allowed(&policy("{action: DENY}"), &mtls(&web(), &db(), 80));
    assert_eq!(findings(&authorization_policy("{action: DENY}")), ["refused: Deny without rules"]);
    assert_eq!(findings(&authorization_policy("{}")), [""; 0]);
}

#[test]
fn trap_35_an_empty_source_list_is_not_nobody() {
    unspecified(&allow("{from: []}"), &mtls(&web(), &db(), 80), "empty `from` or `to`");
    unspecified(&allow("{to: []}"), &mtls(&web(), &db(), 80), "empty `from` or `to`");
    unspecified(&allow("{from: [{source: {}}]}"), &mtls(&web(), &db(), 80), "empty source");
    assert_eq!(findings(&authorization_policy("{rules: [{from: []}]}")), ["never emit: an empty `from` list"]);
    assert_eq!(findings(&authorization_policy("{rules: [{from: [{source: {}}]}]}")), ["refused: an empty source"]);
    assert_eq!(findings(&authorization_policy("{rules: [{from: [{source: {namespaces: []}}]}]}")), ["refused: an empty source"]);
    assert_eq!(findings(&authorization_policy("{rules: [{from: [{}]}]}")), ["refused: a `from` without a source"]);
    assert_eq!(findings(&authorization_policy("{rules: [{to: [{operation: {}}]}]}")), ["refused: an empty operation"]);
}

#[test]
fn trap_36_two_items_are_two_rules() {
    let of = |rules: &str| policy(&format!("{{rules: {rules}}}"));
    let or = of("[{to: [{operation: {paths: [/x]}}]}, {from: [{source: {namespaces: [dev]}}]}]");
    allowed(&or, &mtls(&web(), &db(), 80).http("GET", "/x"));
    allowed(&or, &mtls(&dev(), &db(), 80).http("GET", "/y"));
    denied(&or, &mtls(&web(), &db(), 80).http("GET", "/y"), AUTHORIZATION);
    let and = of("[{to: [{operation: {paths: [/x]}}], from: [{source: {namespaces: [dev]}}]}]");
    denied(&and, &mtls(&web(), &db(), 80).http("GET", "/x"), AUTHORIZATION);
    denied(&and, &mtls(&dev(), &db(), 80).http("GET", "/y"), AUTHORIZATION);
    allowed(&and, &mtls(&dev(), &db(), 80).http("GET", "/x"));
}

#[test]
fn section_2_4_values_are_or_fields_are_and() {
    let cluster = allow(
        "{from: [{source: {namespaces: [shop], principals: [cluster.local/ns/shop/sa/web, cluster.local/ns/dev/sa/tool]}}], to: [{operation: {ports: ['80']}}, {operation: {ports: ['443']}}]}",
    );
    allowed(&cluster, &mtls(&web(), &db(), 80));
    allowed(&cluster, &mtls(&web(), &db(), 443));
    denied(&cluster, &mtls(&web(), &db(), 8080), AUTHORIZATION);
    denied(&cluster, &mtls(&dev(), &db(), 80), AUTHORIZATION);
    let both = allow("{from: [{source: {namespaces: [shop, dev], notNamespaces: [dev]}}]}");
    allowed(&both, &mtls(&web(), &db(), 80));
    denied(&both, &mtls(&dev(), &db(), 80), AUTHORIZATION);
}

#[test]
fn trap_37_one_http_value_drops_the_whole_allow_rule_on_tcp() {
    let mixed = allow("{to: [{operation: {ports: ['80'], methods: [GET]}}, {operation: {ports: ['5432']}}]}");
    allowed(&mixed, &mtls(&web(), &db(), 80).http("GET", "/"));
    denied(&mixed, &mtls(&web(), &db(), 5432), AUTHORIZATION);
    allowed(&mixed, &mtls(&web(), &db(), 5432).http("POST", "/"));
    let apart = policy("{rules: [{to: [{operation: {ports: ['80'], methods: [GET]}}]}, {to: [{operation: {ports: ['5432']}}]}]}");
    allowed(&apart, &mtls(&web(), &db(), 5432));
    denied(&apart, &mtls(&web(), &db(), 80), AUTHORIZATION);
    for attribute in [
        "from: [{source: {requestPrincipals: ['*']}}]",
        "from: [{source: {notRequestPrincipals: ['*']}}]",
        "when: [{key: 'request.headers[x]', notValues: [y]}]",
    ] {
        denied(&allow(&format!("{{{attribute}, to: [{{operation: {{ports: ['5432']}}}}]}}")), &mtls(&web(), &db(), 5432), AUTHORIZATION);
    }
}

#[test]
fn trap_38_an_http_deny_denies_all_tcp() {
    let bare = deny("{to: [{operation: {methods: [DELETE]}}]}");
    denied(&bare, &mtls(&web(), &db(), 5432), AUTHORIZATION);
    denied(&bare, &mtls(&web(), &db(), 80).http("DELETE", "/"), AUTHORIZATION);
    allowed(&bare, &mtls(&web(), &db(), 80).http("GET", "/"));
    let with_ports = deny("{to: [{operation: {methods: [DELETE], ports: ['80']}}]}");
    allowed(&with_ports, &mtls(&web(), &db(), 5432));
    denied(&with_ports, &mtls(&web(), &db(), 80), AUTHORIZATION);
    // The L4 part of the rule stays.
    let from_dev = deny("{from: [{source: {namespaces: [dev]}}], to: [{operation: {methods: [DELETE]}}]}");
    denied(&from_dev, &mtls(&dev(), &db(), 5432), AUTHORIZATION);
    allowed(&from_dev, &mtls(&web(), &db(), 5432));
}

#[test]
fn trap_41_on_a_sidecar_an_alternative_left_empty_matches_everything() {
    let cluster = deny("{to: [{operation: {ports: ['80']}}, {operation: {methods: [GET]}}]}");
    denied(&cluster, &mtls(&web(), &db(), 5432), AUTHORIZATION);
}

#[test]
fn trap_47_ports_are_those_of_the_pod() {
    let cluster = allow("{to: [{operation: {ports: ['80']}}]}");
    allowed(&cluster, &mtls(&web(), &db(), 80));
    denied(&cluster, &mtls(&web(), &db(), 8080), AUTHORIZATION);
    denied(&allow("{to: [{operation: {notPorts: ['80']}}]}"), &mtls(&web(), &db(), 80), AUTHORIZATION);
    allowed(&allow("{to: [{operation: {notPorts: ['80']}}]}"), &mtls(&web(), &db(), 8080));
}

#[test]
fn trap_48_ports_are_decimals_in_quotes() {
    assert!(Cluster::read(&authorization_policy("{rules: [{to: [{operation: {ports: [8080]}}]}]}")).is_err());
    for text in ["http", "1-9", "65536", "*", "-1", "+1"] {
        let yaml = authorization_policy(&format!("{{rules: [{{to: [{{operation: {{ports: ['{text}']}}}}]}}]}}"));
        assert_eq!(findings(&yaml), [format!("refused: `{text}` is no port")]);
    }
    assert_eq!(findings(&authorization_policy("{rules: [{to: [{operation: {ports: ['0', '65535']}}]}]}")), [""; 0]);
}

#[test]
fn trap_49_a_principal_has_no_scheme() {
    let of = |principal: &str| allow(&format!("{{from: [{{source: {{principals: ['{principal}']}}}}]}}"));
    denied(&of("spiffe://cluster.local/ns/shop/sa/web"), &mtls(&web(), &db(), 80), AUTHORIZATION);
    allowed(&of("cluster.local/ns/shop/sa/web"), &mtls(&web(), &db(), 80));
    denied(&of("cluster.local/ns/shop/sa/web"), &mtls(&dev(), &db(), 80), AUTHORIZATION);
    denied(&of("cluster.local/ns/shop/sa/web"), &tcp(&web(), &db(), 80), AUTHORIZATION);
}

#[test]
fn trap_50_a_wildcard_in_the_middle_is_a_literal() {
    let of = |principal: &str| allow(&format!("{{from: [{{source: {{principals: ['{principal}']}}}}]}}"));
    let flow = mtls(&web(), &db(), 80);
    denied(&of("cluster.local/ns/*/sa/web"), &flow, AUTHORIZATION);
    denied(&of("*ns/shop*"), &flow, AUTHORIZATION);
    allowed(&of("cluster.local/ns/shop/*"), &flow);
    allowed(&of("*/sa/web"), &flow);
    allowed(&of("*/ns/shop/sa/web"), &flow);
    allowed(&of("*"), &flow);
    denied(&allow("{to: [{operation: {paths: [/api/*/x]}}]}"), &mtls(&web(), &db(), 80).http("GET", "/api/1/x"), AUTHORIZATION);
}

#[test]
fn trap_51_only_five_segments_follow_the_trust_domain() {
    let corp = |principal: &str| {
        let settings = Settings { trust_domain: "corp".to_owned(), trust_domain_aliases: vec!["old".to_owned()], ..Settings::default() };
        allow(&format!("{{from: [{{source: {{principals: ['{principal}']}}}}]}}")).with_settings(settings)
    };
    let flow = mtls(&web(), &db(), 80);
    denied(&corp("cluster.local/ns/shop/*"), &flow, AUTHORIZATION);
    for principal in
        ["cluster.local/ns/shop/sa/web", "corp/ns/shop/sa/web", "old/ns/shop/sa/web", "cluster.local/ns/shop/sa/*", "corp/ns/shop/*"]
    {
        allowed(&corp(principal), &flow);
    }
    denied(&corp("foreign/ns/shop/sa/web"), &flow, AUTHORIZATION);
    let domain = allow("{from: [{source: {trustDomains: [corp]}}]}");
    denied(&domain, &flow, AUTHORIZATION);
    allowed(&domain.with_settings(Settings { trust_domain: "corp".to_owned(), ..Settings::default() }), &flow);
}

#[test]
fn trap_53_plaintext_has_no_identity_to_deny() {
    let cluster = deny("{from: [{source: {namespaces: [dev]}}]}");
    denied(&cluster, &mtls(&dev(), &db(), 80), AUTHORIZATION);
    allowed(&cluster, &tcp(&dev(), &db(), 80));
    allowed(&cluster, &mtls(&web(), &db(), 80));
    let negative = deny("{from: [{source: {notNamespaces: [shop]}}]}");
    denied(&negative, &tcp(&dev(), &db(), 80), AUTHORIZATION);
    denied(&negative, &tcp(&web(), &db(), 80), AUTHORIZATION);
    allowed(&negative, &mtls(&web(), &db(), 80));
}

#[test]
fn trap_54_a_negation_alone_admits_whoever_has_no_identity() {
    for field in ["notNamespaces: [dev]", "notPrincipals: [cluster.local/ns/dev/sa/tool]", "notServiceAccounts: [dev/tool]"] {
        let alone = allow(&format!("{{from: [{{source: {{{field}}}}}]}}"));
        allowed(&alone, &tcp("203.0.113.7", &db(), 80));
        allowed(&alone, &tcp(&dev(), &db(), 80));
        denied(&alone, &mtls(&dev(), &db(), 80), AUTHORIZATION);
    }
    let positive = allow("{from: [{source: {notNamespaces: [dev], principals: ['*']}}]}");
    denied(&positive, &tcp("203.0.113.7", &db(), 80), AUTHORIZATION);
    allowed(&positive, &mtls(&web(), &db(), 80));
    let without_identity = allow("{from: [{source: {notPrincipals: ['*']}}]}");
    allowed(&without_identity, &tcp(&web(), &db(), 80));
    denied(&without_identity, &mtls(&web(), &db(), 80), AUTHORIZATION);
}

#[test]
fn trap_55_a_bare_account_is_of_the_policys_namespace() {
    let root = cluster(&object(
        "security.istio.io/v1",
        "AuthorizationPolicy",
        "istio-system/p",
        "{rules: [{from: [{source: {serviceAccounts: [web]}}]}]}",
    ));
    denied(&root, &mtls(&web(), &db(), 80), AUTHORIZATION);
    allowed(&root, &mtls(&meshed("istio-system", "", "web"), &db(), 80));
    allowed(&allow("{from: [{source: {serviceAccounts: [web]}}]}"), &mtls(&web(), &db(), 80));
    let whole = allow("{from: [{source: {serviceAccounts: [shop/web]}}]}");
    allowed(&whole, &mtls(&web(), &db(), 80));
    denied(&whole, &mtls(&meshed("dev", "", "web"), &db(), 80), AUTHORIZATION);
    denied(&whole, &mtls(&meshed("shop", "", "webs"), &db(), 80), AUTHORIZATION);
    denied(&whole, &tcp(&web(), &db(), 80), AUTHORIZATION);
}

#[test]
fn trap_56_sixteen_accounts_and_nothing_beside_them() {
    let many = |count: usize| {
        let accounts: Vec<String> = (0..count).map(|n| format!("shop/a{n}")).collect();
        authorization_policy(&format!("{{rules: [{{from: [{{source: {{serviceAccounts: [{}]}}}}]}}]}}", accounts.join(", ")))
    };
    assert_eq!(findings(&many(16)), [""; 0]);
    assert_eq!(findings(&many(17)), ["refused: more than 16 serviceAccounts in a list"]);
    for (source, finding) in [
        ("{serviceAccounts: [shop/web], namespaces: [shop]}", "refused: serviceAccounts beside principals or namespaces"),
        ("{serviceAccounts: [shop/web], notPrincipals: ['*']}", "refused: serviceAccounts beside principals or namespaces"),
        ("{serviceAccounts: ['shop/*']}", "refused: `shop/*` is no service account"),
        ("{serviceAccounts: [a/b/c]}", "refused: `a/b/c` is no service account"),
    ] {
        assert_eq!(findings(&authorization_policy(&format!("{{rules: [{{from: [{{source: {source}}}]}}]}}"))), [finding]);
    }
}

#[test]
fn trap_57_an_empty_selector_is_all_on_a_sidecar_and_never_emitted() {
    let spec = "{selector: {}, rules: []}";
    denied(&policy(spec), &mtls(&web(), &db(), 80), AUTHORIZATION);
    assert_eq!(findings(&authorization_policy(spec)), ["never emit: an empty selector"]);
    assert_eq!(findings(&authorization_policy("{selector: {matchLabels: {}}}")), ["never emit: an empty selector"]);
}

#[test]
fn trap_58_the_root_namespace_is_the_whole_mesh() {
    let root = |spec: &str| cluster(&object("security.istio.io/v1", "AuthorizationPolicy", "istio-system/p", spec));
    denied(&root("{}"), &mtls(&web(), &db(), 80), AUTHORIZATION);
    denied(&root("{selector: {matchLabels: {app: db}}}"), &mtls(&web(), &db(), 80), AUTHORIZATION);
    allowed(&root("{selector: {matchLabels: {app: db}}}"), &mtls(&db(), &web(), 80));
    let elsewhere = root("{}").with_settings(Settings { root_namespace: "mesh".to_owned(), ..Settings::default() });
    allowed(&elsewhere, &mtls(&web(), &db(), 80));
}

#[test]
fn trap_59_allow_policies_add_up_at_every_level() {
    let nothing = authorization_policy("{}");
    let root = object("security.istio.io/v1", "AuthorizationPolicy", "istio-system/open", "{rules: [{}]}");
    let flow = mtls(&dev(), &db(), 80);
    denied(&cluster(&nothing), &flow, AUTHORIZATION);
    allowed(&cluster(&format!("{nothing}{root}")), &flow);
    let denying = object(
        "security.istio.io/v1",
        "AuthorizationPolicy",
        "shop/deny",
        "{action: DENY, rules: [{from: [{source: {namespaces: [dev]}}]}]}",
    );
    denied(&cluster(&format!("{nothing}{root}{denying}")), &flow, AUTHORIZATION);
}

#[test]
fn trap_60_without_a_sidecar_the_policy_is_inert() {
    let cluster = policy("{selector: {matchLabels: {app: db}}}");
    allowed(&cluster, &tcp(&web(), &plain("shop", "app=db"), 80));
    allowed(&cluster, &tcp(&web(), &db().on_host_network(), 80));
    allowed(&cluster, &mtls(&db(), &web(), 80));
    denied(&cluster, &mtls(&web(), &db(), 80), AUTHORIZATION);
    denied(&cluster, &mtls(&web(), &meshed("shop", "app=db,version=v1", "db"), 80), AUTHORIZATION);
    // A policy with targets is none of a sidecar's (§2.1), unless the pod is of the Gateway that it names.
    allowed(&policy("{targetRefs: [{kind: Service, name: db}]}"), &mtls(&web(), &db(), 80));
    let front = policy("{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: front}]}");
    allowed(&front, &mtls(&web(), &db(), 80));
    let gateway = meshed("shop", "gateway.networking.k8s.io/gateway-name=front", "front");
    denied(&front, &mtls(&web(), &gateway, 80), AUTHORIZATION);
}

#[test]
fn trap_61_custom_and_audit_actions() {
    let custom = policy("{action: CUSTOM, provider: {name: opa}, rules: [{to: [{operation: {ports: ['80']}}]}]}");
    unspecified(&custom, &mtls(&web(), &db(), 80), "external authorizer");
    allowed(&custom, &mtls(&web(), &db(), 443));
    allowed(&policy("{action: AUDIT, rules: [{}]}"), &mtls(&web(), &db(), 80));
    for (spec, finding) in [
        ("{action: CUSTOM, provider: {name: opa}}", "refused: Custom without rules"),
        ("{action: CUSTOM, rules: [{}]}", "refused: CUSTOM without a provider's name"),
        ("{provider: {name: opa}, rules: [{}]}", "refused: a provider without CUSTOM"),
        ("{action: CUSTOM, provider: {name: opa}, rules: [{from: [{source: {namespaces: [dev]}}]}]}", "refused: CUSTOM with an identity"),
    ] {
        assert_eq!(findings(&authorization_policy(spec)), [finding]);
    }
}

#[test]
fn trap_62_a_dry_run_enforces_nothing() {
    let with = |text: &str, spec: &str| {
        format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: shop, annotations: {{istio.io/dry-run: '{text}'}}}}\nspec: {spec}\n"
        )
    };
    let flow = mtls(&web(), &db(), 80);
    for text in ["1", "t", "T", "true", "TRUE", "True"] {
        allowed(&cluster(&with(text, "{}")), &flow);
    }
    denied(&cluster(&with("false", "{}")), &flow, AUTHORIZATION);
    assert_eq!(findings(&with("yes", "{}")), ["refused: `istio.io/dry-run: yes` is no bool"]);
    assert_eq!(findings(&with("true", "{action: AUDIT, rules: [{}]}")), ["refused: a dry run is for ALLOW and DENY only"]);
}

#[test]
fn trap_65_a_host_may_carry_its_port() {
    let of = |hosts: &str| deny(&format!("{{to: [{{operation: {{ports: ['80'], hosts: [{hosts}]}}}}]}}"));
    let ask = |host: &str| mtls(&web(), &db(), 80).http("GET", "/").host(host);
    denied(&of("a.example"), &ask("a.example"), AUTHORIZATION);
    denied(&of("a.example"), &ask("A.Example"), AUTHORIZATION);
    denied(&of("A.example"), &ask("a.example"), AUTHORIZATION);
    allowed(&of("a.example"), &ask("a.example:443"));
    denied(&of("a.example, 'a.example:*'"), &ask("a.example:443"), AUTHORIZATION);
    allowed(&of("a.example, 'a.example:*'"), &ask("a.example.evil"));
}

#[test]
fn trap_66_a_denied_path_has_variants() {
    let cluster = deny("{to: [{operation: {ports: ['80'], paths: [/admin]}}]}");
    let ask = |path: &str| mtls(&web(), &db(), 80).http("GET", path);
    for path in ["/admin", "/x/../admin", "/./admin", "/%61dmin", "/admin?x=1", "/admin#x", "\\admin"] {
        denied(&cluster, &ask(path), AUTHORIZATION);
    }
    for path in ["/admin/", "//admin", "/Admin", "/x%2Fadmin", "/admin%2F"] {
        allowed(&cluster, &ask(path));
    }
}

#[test]
fn trap_67_a_prefix_is_no_subtree() {
    let of = |paths: &str| allow(&format!("{{to: [{{operation: {{paths: [{paths}]}}}}]}}"));
    let ask = |path: &str| mtls(&web(), &db(), 80).http("GET", path);
    allowed(&of("'/admin*'"), &ask("/administrator"));
    let subtree = of("/admin, '/admin/{**}'");
    for path in ["/admin", "/admin/", "/admin/a/b"] {
        allowed(&subtree, &ask(path));
    }
    denied(&subtree, &ask("/administrator"), AUTHORIZATION);
    denied(&of("'/admin/{**}'"), &ask("/admin"), AUTHORIZATION);
}

#[test]
fn trap_68_methods_are_upper_case() {
    let lower = allow("{to: [{operation: {methods: [get]}}]}");
    denied(&lower, &mtls(&web(), &db(), 80).http("GET", "/"), AUTHORIZATION);
    denied(&lower, &mtls(&web(), &db(), 80).http("get", "/"), AUTHORIZATION);
    allowed(&allow("{to: [{operation: {methods: ['*']}}]}"), &mtls(&web(), &db(), 80).http("PURGE", "/"));
    assert_eq!(
        findings(&authorization_policy("{rules: [{to: [{operation: {methods: [get]}}]}]}")),
        ["never emit: the method `get` never matches"]
    );
}

#[test]
fn traps_69_and_73_each_chain_judges_its_own() {
    let cluster = allow("{to: [{operation: {methods: [GET]}}]}");
    allowed(&cluster, &mtls(&web(), &db(), 80).http("GET", "/"));
    denied(&cluster, &mtls(&web(), &db(), 80), AUTHORIZATION);
}

#[test]
fn trap_72_a_namespace_is_a_glob_at_a_sidecar() {
    let cluster = allow("{from: [{source: {namespaces: ['team-*-prod']}}]}");
    allowed(&cluster, &mtls(&meshed("team-a-prod", "", "x"), &db(), 80));
    allowed(&cluster, &mtls(&meshed("team--prod", "", "x"), &db(), 80));
    denied(&cluster, &mtls(&meshed("team-a-prod-eu", "", "x"), &db(), 80), AUTHORIZATION);
    denied(&allow("{from: [{source: {namespaces: [sho]}}]}"), &mtls(&web(), &db(), 80), AUTHORIZATION);
    allowed(&allow("{from: [{source: {namespaces: ['sh*']}}]}"), &mtls(&web(), &db(), 80));
}

#[test]
fn trap_74_uncaptured_ports_meet_no_policy() {
    let both = format!("{}{}", authorization_policy("{}"), peer_authentication("shop/strict", "{mtls: {mode: STRICT}}"));
    let excluding = Pod { uncaptured: [9000].into(), ..db() };
    for port in [15008, 15020, 15021, 15090, 9000] {
        allowed(&cluster(&both), &tcp("203.0.113.7", &excluding, port));
    }
    for port in [22, 80, 15012] {
        assert!(matches!(cluster(&both).decide(&tcp("203.0.113.7", &excluding, port)), super::Verdict::Denied { .. }));
    }
    // What is left to the application does not speak Istio's TLS (§3.3).
    denied(&cluster(&both), &mtls(&web(), &excluding, 9000), "transport");
}

#[test]
fn trap_75_an_unknown_key_drops_the_rule() {
    let when = "when: [{key: destination.labels, values: [x]}]";
    allowed(&deny(&format!("{{{when}}}")), &mtls(&web(), &db(), 80));
    denied(&allow(&format!("{{{when}}}")), &mtls(&web(), &db(), 80), AUTHORIZATION);
    assert_eq!(findings(&authorization_policy(&format!("{{rules: [{{{when}}}]}}"))), ["refused: the condition key `destination.labels`"]);
    for key in
        ["request.header[x]", "request.headers[]", "request.headers[a][b]", "source.labels", "request.auth.claims", "request.auth.claims[a"]
    {
        let yaml = authorization_policy(&format!("{{rules: [{{when: [{{key: '{key}', values: [x]}}]}}]}}"));
        assert_eq!(findings(&yaml), [format!("refused: the condition key `{key}`")]);
    }
    let empty = authorization_policy("{rules: [{when: [{key: source.namespace}]}]}");
    assert_eq!(findings(&empty), ["refused: the condition `source.namespace` without values"]);
}

#[test]
fn section_2_8_conditions_on_the_connection() {
    let of = |condition: &str| allow(&format!("{{when: [{condition}]}}"));
    let (flow, plain_flow) = (mtls(&web(), &db(), 80), tcp(&web(), &db(), 80));
    for condition in [
        "{key: source.namespace, values: [shop]}",
        "{key: source.principal, values: [cluster.local/ns/shop/sa/web]}",
        "{key: source.serviceAccount, values: [shop/web]}",
        "{key: source.trustDomain, values: [cluster.local]}",
    ] {
        allowed(&of(condition), &flow);
        denied(&of(condition), &plain_flow, AUTHORIZATION);
        let negated = condition.replace("values", "notValues");
        denied(&of(&negated), &flow, AUTHORIZATION);
        allowed(&of(&negated), &plain_flow);
    }
    allowed(&of("{key: destination.port, values: ['80']}"), &flow);
    denied(&of("{key: destination.port, values: ['81']}"), &flow, AUTHORIZATION);
    denied(&of("{key: destination.port, values: ['80']}, {key: source.namespace, values: [dev]}"), &flow, AUTHORIZATION);
    allowed(&of("{key: source.ip, values: [203.0.113.0/24, 192.0.2.1]}"), &tcp("192.0.2.1", &db(), 80));
    denied(&of("{key: source.ip, values: [203.0.113.0/24]}"), &tcp("192.0.2.1", &db(), 80), AUTHORIZATION);
    unspecified(&of("{key: connection.sni, values: [x]}"), &flow, "condition");
}

#[test]
fn section_2_6_address_blocks_see_the_last_hop() {
    let of = |field: &str| allow(&format!("{{from: [{{source: {{{field}}}}}]}}"));
    allowed(&of("ipBlocks: [203.0.113.0/24]"), &tcp("203.0.113.7", &db(), 80));
    denied(&of("ipBlocks: [203.0.113.0/24]"), &tcp("198.51.100.7", &db(), 80), AUTHORIZATION);
    allowed(&of("ipBlocks: [10.0.0.9]"), &mtls(&web().at("10.0.0.9"), &db(), 80));
    denied(&of("ipBlocks: [0.0.0.0/0]"), &mtls(&web(), &db(), 80), AUTHORIZATION);
    allowed(&of("notIpBlocks: [203.0.113.0/24]"), &tcp("198.51.100.7", &db(), 80));
    denied(&of("notIpBlocks: [203.0.113.0/24]"), &tcp("203.0.113.7", &db(), 80), AUTHORIZATION);
    unspecified(&of("remoteIpBlocks: [203.0.113.0/24]"), &tcp("203.0.113.7", &db(), 80), "gateway");
}

#[test]
fn section_2_8_headers() {
    let of = |condition: &str| allow(&format!("{{when: [{{key: 'request.headers[X-Team]', {condition}}}]}}"));
    let ask = || mtls(&web(), &db(), 80).http("GET", "/");
    allowed(&of("values: [red]"), &ask().header("x-team", "red"));
    denied(&of("values: [red]"), &ask().header("x-team", "Red"), AUTHORIZATION);
    denied(&of("values: [red]"), &ask(), AUTHORIZATION);
    denied(&of("values: [red]"), &ask().header("x-team", "red").header("x-team", "blue"), AUTHORIZATION);
    allowed(&of("values: ['red,blue']"), &ask().header("x-team", "red").header("x-team", "blue"));
    allowed(&of("notValues: [red]"), &ask());
    allowed(&of("values: ['*']"), &ask().header("x-team", "x"));
    denied(&of("values: ['*']"), &ask(), AUTHORIZATION);
    unspecified(&of("values: ['*']"), &ask().header("x-team", ""), "present and empty");
}

#[test]
fn trap_77_strict_alone_lets_every_identity_in() {
    let cluster = cluster(&peer_authentication("shop/strict", "{mtls: {mode: STRICT}}"));
    allowed(&cluster, &mtls(&dev(), &db(), 80));
    denied(&cluster, &tcp(&dev(), &db(), 80), PEER);
    denied(&cluster, &tcp("203.0.113.7", &db(), 80), PEER);
    allowed(&cluster, &tcp("203.0.113.7", &db(), 53).over(super::Protocol::Udp));
    allowed(&cluster, &tcp("203.0.113.7", &dev(), 80));
}

#[test]
fn trap_78_without_a_policy_plaintext_passes() {
    let cluster = cluster("");
    allowed(&cluster, &tcp(&plain("shop", ""), &db(), 80));
    allowed(&cluster, &mtls(&web(), &db(), 80));
}

#[test]
fn section_3_1_the_inner_mode_wins() {
    let of = |mesh: &str, namespace: &str, workload: &str| {
        let spec = |mode: &str| format!("{{mtls: {{mode: {mode}}}}}");
        let selecting = format!("{{selector: {{matchLabels: {{app: db}}}}, mtls: {{mode: {workload}}}}}");
        let mesh = peer_authentication("istio-system/mesh", &spec(mesh));
        cluster(&format!(
            "{mesh}{}{}",
            peer_authentication("shop/namespace", &spec(namespace)),
            peer_authentication("shop/workload", &selecting)
        ))
    };
    let (plaintext, identified) = (tcp(&web(), &db(), 80), mtls(&web(), &db(), 80));
    denied(&of("STRICT", "UNSET", "UNSET"), &plaintext, PEER);
    allowed(&of("STRICT", "PERMISSIVE", "UNSET"), &plaintext);
    denied(&of("STRICT", "PERMISSIVE", "STRICT"), &plaintext, PEER);
    denied(&of("PERMISSIVE", "STRICT", "UNSET"), &plaintext, PEER);
    allowed(&of("UNSET", "UNSET", "UNSET"), &plaintext);
    allowed(&of("STRICT", "STRICT", "DISABLE"), &plaintext);
    denied(&of("STRICT", "STRICT", "DISABLE"), &identified, PEER);
    allowed(&of("STRICT", "STRICT", "STRICT"), &identified);
    // A pod that the workload policy does not select keeps the namespace's mode.
    denied(&of("PERMISSIVE", "STRICT", "DISABLE"), &tcp(&db(), &web(), 80), PEER);
    denied(&of("STRICT", "PERMISSIVE", "PERMISSIVE"), &tcp(&web(), &dev(), 80), PEER);
}

#[test]
fn trap_79_a_selector_in_the_root_namespace_is_ignored() {
    let cluster = cluster(&peer_authentication("istio-system/p", "{selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}}"));
    allowed(&cluster, &tcp(&web(), &db(), 80));
    allowed(&cluster, &tcp(&web(), &meshed("istio-system", "app=db", "db"), 80));
}

#[test]
fn trap_80_two_workload_policies_are_never_merged() {
    let of = |id: &str, born: &str, spec: &str| {
        let (namespace, name) = id.split_once('/').unwrap();
        let born = if born.is_empty() { String::new() } else { format!(", creationTimestamp: '{born}'") };
        format!(
            "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: {name}, namespace: {namespace}{born}}}\nspec: {spec}\n"
        )
    };
    let old = "{selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}, portLevelMtls: {80: {mode: PERMISSIVE}}}";
    let new = "{selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}, portLevelMtls: {81: {mode: PERMISSIVE}}}";
    let ages = cluster(&format!("{}{}", of("shop/b", "2026-01-01T00:00:00Z", old), of("shop/a", "2026-02-01T00:00:00Z", new)));
    allowed(&ages, &tcp(&web(), &db(), 80));
    denied(&ages, &tcp(&web(), &db(), 81), PEER);
    let ageless = cluster(&format!("{}{}", of("shop/b", "", old), of("shop/a", "", new)));
    unspecified(&ageless, &tcp(&web(), &db(), 80), "PeerAuthentication");
    unspecified(&ageless, &tcp(&web(), &db(), 81), "PeerAuthentication");
    denied(&ageless, &tcp(&web(), &db(), 82), PEER);
    allowed(&ageless, &mtls(&web(), &db(), 80));
}

#[test]
fn trap_81_port_modes_are_for_pod_ports() {
    let cluster = cluster(&peer_authentication(
        "shop/p",
        "{selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}, portLevelMtls: {80: {mode: DISABLE}, '81': {mode: UNSET}}}",
    ));
    denied(&cluster, &tcp(&web(), &db(), 8080), PEER);
    allowed(&cluster, &tcp(&web(), &db(), 80));
    denied(&cluster, &mtls(&web(), &db(), 80), PEER);
    denied(&cluster, &tcp(&web(), &db(), 81), PEER);
}

#[test]
fn trap_82_port_modes_need_a_selector() {
    let of = |spec: &str| findings(&peer_authentication("shop/p", spec));
    assert_eq!(of("{mtls: {mode: STRICT}, portLevelMtls: {80: {mode: DISABLE}}}"), ["refused: portLevelMtls without a selector"]);
    let selecting =
        |ports: &str| of(&format!("{{selector: {{matchLabels: {{app: db}}}}, mtls: {{mode: STRICT}}, portLevelMtls: {ports}}}"));
    assert_eq!(selecting("{}"), ["refused: portLevelMtls without an entry"]);
    assert_eq!(selecting("{0: {mode: STRICT}}").len(), 1);
    assert_eq!(selecting("{65536: {mode: STRICT}}").len(), 1);
    assert_eq!(selecting("{http: {mode: STRICT}}").len(), 1);
    assert_eq!(selecting("{80: {mode: STRICT}}"), [""; 0]);
    assert!(Cluster::read(&peer_authentication("shop/p", "{mtls: {mode: strict}}")).is_err());
}

#[test]
fn trap_84_an_unset_mode_inherits_on_a_sidecar_and_is_never_emitted() {
    let strict = peer_authentication("istio-system/mesh", "{mtls: {mode: STRICT}}");
    let unset = peer_authentication("shop/namespace", "{mtls: {mode: UNSET}}");
    denied(&cluster(&format!("{strict}{unset}")), &tcp(&web(), &db(), 80), PEER);
    for spec in ["{mtls: {mode: UNSET}}", "{mtls: {}}", "{}"] {
        assert_eq!(findings(&peer_authentication("shop/p", spec)), ["never emit: no explicit mode"]);
    }
}

#[test]
fn traps_85_and_86_the_client_decides_how_it_connects() {
    let strict = cluster(&peer_authentication("shop/p", "{mtls: {mode: STRICT}}"));
    // A DestinationRule that disables TLS, and a call to a bare pod address, both arrive in plaintext.
    denied(&strict, &tcp(&web(), &db(), 80), PEER);
    denied(&strict, &mtls(&web(), &plain("shop", "app=db"), 80), "transport");
    allowed(&strict, &tcp(&web(), &plain("shop", "app=db"), 80));
}

#[test]
fn trap_87_a_port_exception_lets_plaintext_in() {
    let cluster = cluster(&peer_authentication(
        "shop/p",
        "{selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}, portLevelMtls: {9443: {mode: PERMISSIVE}}}",
    ));
    denied(&cluster, &tcp("192.0.2.1", &db(), 443), PEER);
    allowed(&cluster, &tcp("192.0.2.1", &db(), 9443));
    allowed(&cluster, &mtls(&web(), &db(), 9443));
}

#[test]
fn trap_88_nobody_without_a_sidecar_speaks_mutual_tls() {
    let cluster = cluster("");
    unspecified(&cluster, &mtls(&plain("shop", ""), &db(), 80), "impossible flow");
    unspecified(&cluster, &mtls("203.0.113.7", &db(), 80), "impossible flow");
    unspecified(&cluster, &mtls(&web().on_host_network(), &db(), 80), "impossible flow");
    unspecified(&cluster, &mtls(&web(), &db(), 53).over(super::Protocol::Udp), "impossible flow");
}

#[test]
fn section_0_1_every_gate_must_open() {
    let network = network_policy(
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}",
    );
    let mesh = authorization_policy("{selector: {matchLabels: {app: db}}, rules: [{from: [{source: {serviceAccounts: [shop/web]}}]}]}");
    let both = cluster(&format!("{network}{mesh}"));
    allowed(&both, &mtls(&web(), &db(), 80));
    denied(&both, &mtls(&meshed("shop", "app=web", "other"), &db(), 80), AUTHORIZATION);
    denied(&both, &mtls(&meshed("shop", "app=job", "web"), &db(), 80), "NetworkPolicy ingress");
}
