//! `AuthorizationPolicy`: `semantics.md` §2 and the traps of §8.2, at sidecars unless a test says otherwise.

use super::*;

#[test]
fn trap_034_no_rules_is_nothing_and_an_empty_rule_is_everything() {
    for spec in ["{}", "", "{rules: []}", "{action: ALLOW}", "{rules: null}"] {
        let cluster = cluster(&policy(spec));
        denied(&cluster, &mtls(&web(), &db(), 80), Gate::Caller);
        denied(&cluster, &tcp(&address("203.0.113.7"), &db(), 80), Gate::Caller);
        denied(&cluster, &mtls(&ambient("shop", "", "a"), &ambient("shop", "", "b"), 80), Gate::Caller);
        allowed(&cluster, &tcp(&web(), &plain("shop", "app=db"), 80));
        allowed(&cluster, &mtls(&web(), &dev(), 80));
    }
    allowed(&allow("{}"), &tcp(&address("203.0.113.7"), &db(), 80));
    denied(&deny("{}"), &mtls(&web(), &db(), 80), Gate::Caller);
    allowed(&cluster(&policy("{action: AUDIT}")), &mtls(&web(), &db(), 80));
    for action in ["DENY", "CUSTOM, provider: {name: x}"] {
        assert_eq!(findings(&policy(&format!("{{action: {action}}}"))).len(), 1);
        assert_eq!(findings(&policy(&format!("{{action: {action}, rules: []}}"))).len(), 1);
    }
}

#[test]
fn trap_035_an_empty_list_is_neither_nobody_nor_anybody() {
    for list in ["from", "to"] {
        unspecified(&unclear(&format!("{{rules: [{{{list}: []}}]}}")), &mtls(&web(), &db(), 80), "empty `from` or `to`");
        unspecified(&unclear(&format!("{{action: DENY, rules: [{{{list}: []}}]}}")), &mtls(&web(), &db(), 80), "empty `from` or `to`");
        // Where something else decides, it does not matter.
        let other = "{to: [{operation: {ports: ['80']}}]}";
        allowed(&unclear(&format!("{{rules: [{{{list}: []}}, {other}]}}")), &mtls(&web(), &db(), 80));
    }
    let refused = [
        ("{from: [{source: {}}]}", "names at least one thing"),
        ("{from: [{source: {namespaces: []}}]}", "names at least one thing"),
        ("{from: [{}]}", "names at least one thing"),
        ("{to: [{operation: {}}]}", "names at least one thing"),
        ("{when: [{key: source.ip}]}", "needs `values` or `notValues`"),
    ];
    for (rule, words) in refused {
        let found = findings(&policy(&format!("{{rules: [{rule}]}}")));
        assert!(found.len() == 1 && found[0].contains(words), "{rule}: {found:?}");
    }
}

#[test]
fn trap_036_two_items_are_two_rules() {
    let rules = |rules: &str| cluster(&policy(&format!("{{rules: {rules}}}")));
    let or = rules("[{to: [{operation: {paths: [/x]}}]}, {from: [{source: {namespaces: [dev]}}]}]");
    allowed(&or, &mtls(&web(), &db(), 80).http("GET", "/x"));
    allowed(&or, &mtls(&dev(), &db(), 80).http("GET", "/y"));
    denied(&or, &mtls(&web(), &db(), 80).http("GET", "/y"), Gate::Caller);
    let and = rules("[{to: [{operation: {paths: [/x]}}], from: [{source: {namespaces: [dev]}}]}]");
    denied(&and, &mtls(&web(), &db(), 80).http("GET", "/x"), Gate::Caller);
    allowed(&and, &mtls(&dev(), &db(), 80).http("GET", "/x"));
}

#[test]
fn section_2_4_values_are_or_and_fields_are_and() {
    let cluster = allow(
        "{from: [{source: {namespaces: [shop], principals: [cluster.local/ns/shop/sa/web, cluster.local/ns/dev/sa/tool]}}], \
         to: [{operation: {ports: ['80']}}, {operation: {ports: ['443']}}]}",
    );
    allowed(&cluster, &mtls(&web(), &db(), 80));
    allowed(&cluster, &mtls(&web(), &db(), 443));
    denied(&cluster, &mtls(&web(), &db(), 8080), Gate::Caller);
    denied(&cluster, &mtls(&dev(), &db(), 80), Gate::Caller);
    let both = allow("{from: [{source: {namespaces: [shop, dev], notNamespaces: [dev]}}]}");
    allowed(&both, &mtls(&web(), &db(), 80));
    denied(&both, &mtls(&dev(), &db(), 80), Gate::Caller);
}

#[test]
fn trap_037_one_http_value_drops_the_whole_allow_rule_without_http() {
    let mixed = allow("{to: [{operation: {ports: ['80'], methods: [GET]}}, {operation: {ports: ['5432']}}]}");
    allowed(&mixed, &mtls(&web(), &db(), 80).http("GET", "/"));
    denied(&mixed, &mtls(&web(), &db(), 5432), Gate::Caller);
    allowed(&mixed, &mtls(&web(), &db(), 5432).http("POST", "/"));
    for attribute in [
        "from: [{source: {requestPrincipals: ['*']}}]",
        "from: [{source: {notRequestPrincipals: ['*']}}]",
        "when: [{key: 'request.headers[x]', notValues: [v]}]",
        "when: [{key: 'request.auth.claims[iss]', values: [v]}]",
    ] {
        denied(&allow(&format!("{{{attribute}, to: [{{operation: {{ports: ['5432']}}}}]}}")), &mtls(&web(), &db(), 5432), Gate::Caller);
    }
}

#[test]
fn trap_038_an_http_deny_denies_all_tcp_at_a_sidecar() {
    let bare = deny("{to: [{operation: {methods: [DELETE]}}]}");
    denied(&bare, &mtls(&web(), &db(), 5432), Gate::Caller);
    denied(&bare, &mtls(&web(), &db(), 80).http("DELETE", "/"), Gate::Caller);
    allowed(&bare, &mtls(&web(), &db(), 80).http("GET", "/"));
    let with_ports = deny("{to: [{operation: {methods: [DELETE], ports: ['80']}}]}");
    allowed(&with_ports, &mtls(&web(), &db(), 5432));
    denied(&with_ports, &mtls(&web(), &db(), 80), Gate::Caller);
    let from_dev = deny("{from: [{source: {namespaces: [dev]}}], to: [{operation: {methods: [DELETE]}}]}");
    denied(&from_dev, &mtls(&dev(), &db(), 5432), Gate::Caller);
    allowed(&from_dev, &mtls(&web(), &db(), 5432));
}

#[test]
fn trap_039_an_http_deny_does_nothing_at_ztunnel() {
    let (web, db) = (ambient("shop", "", "web"), ambient("shop", "app=db", "db"));
    let bare = deny("{to: [{operation: {methods: [DELETE]}}]}");
    allowed(&bare, &mtls(&web, &db, 80));
    allowed(&bare, &mtls(&web, &db, 80).http("DELETE", "/"));
    // With a port it is a denial of the port.
    let with_ports = deny("{to: [{operation: {methods: [POST], ports: ['80']}}]}");
    denied(&with_ports, &mtls(&web, &db, 80).http("GET", "/"), Gate::Caller);
    allowed(&with_ports, &mtls(&web, &db, 81));
    // Without clauses it is one of everything.
    denied(&deny("{}"), &mtls(&web, &db, 80), Gate::Caller);
}

#[test]
fn trap_040_a_part_left_empty_kills_the_rule_at_ztunnel() {
    let cluster = deny("{from: [{source: {namespaces: [dev]}}], to: [{operation: {methods: [POST]}}]}");
    allowed(&cluster, &mtls(&ambient("dev", "", "x"), &ambient("shop", "", "db"), 80));
    denied(&cluster, &mtls(&dev(), &db(), 80), Gate::Caller);
    let by_when = deny("{from: [{source: {namespaces: [dev]}}], when: [{key: 'request.headers[x]', values: [v]}]}");
    allowed(&by_when, &mtls(&ambient("dev", "", "x"), &ambient("shop", "", "db"), 80));
}

#[test]
fn trap_041_an_alternative_left_empty_is_everything_at_a_sidecar_and_nothing_at_ztunnel() {
    let cluster = deny("{to: [{operation: {ports: ['80']}}, {operation: {methods: [GET]}}]}");
    denied(&cluster, &mtls(&web(), &db(), 5432), Gate::Caller);
    // What is HTTP there is judged as written.
    allowed(&cluster, &mtls(&web(), &db(), 5432).http("POST", "/"));
    denied(&cluster, &mtls(&web(), &db(), 5432).http("GET", "/"), Gate::Caller);
    let ambient_db = ambient("shop", "app=db", "db");
    allowed(&cluster, &mtls(&ambient("shop", "", "web"), &ambient_db, 5432));
    denied(&cluster, &mtls(&ambient("shop", "", "web"), &ambient_db, 80), Gate::Caller);
}

#[test]
fn trap_047_ports_are_those_of_the_pod() {
    for (source, destination) in [(web(), db()), (ambient("shop", "", "web"), ambient("shop", "app=db", "db"))] {
        let cluster = allow("{to: [{operation: {ports: ['80']}}]}");
        allowed(&cluster, &mtls(&source, &destination, 80));
        denied(&cluster, &mtls(&source, &destination, 8080), Gate::Caller);
        denied(&allow("{to: [{operation: {notPorts: ['80']}}]}"), &mtls(&source, &destination, 80), Gate::Caller);
        allowed(&allow("{when: [{key: destination.port, values: ['80']}]}"), &mtls(&source, &destination, 80));
    }
}

#[test]
fn trap_048_ports_are_decimals_in_quotes() {
    for text in ["http", "1-9", "65536", "*", "-1", "+1"] {
        let found = findings(&policy(&format!("{{rules: [{{to: [{{operation: {{ports: ['{text}']}}}}]}}]}}")));
        assert!(found.len() == 1 && found[0].contains("decimal number from 0 to 65535"), "{text}: {found:?}");
        assert!(found[0].starts_with(&format!("'{text}'")), "{found:?}");
    }
    assert_eq!(findings(&policy("{rules: [{to: [{operation: {ports: [8080]}}]}]}")).len(), 1);
    assert_eq!(findings(&policy("{rules: [{to: [{operation: {ports: ['0', '65535', '080']}}]}]}")), [""; 0]);
}

#[test]
fn trap_049_a_principal_has_no_scheme() {
    let of = |principal: &str| allow(&format!("{{from: [{{source: {{principals: ['{principal}']}}}}]}}"));
    for (web, db, dev) in [(web(), db(), dev()), (ambient("shop", "", "web"), ambient("shop", "", "db"), ambient("dev", "", "tool"))] {
        denied(&of("spiffe://cluster.local/ns/shop/sa/web"), &mtls(&web, &db, 80), Gate::Caller);
        allowed(&of("cluster.local/ns/shop/sa/web"), &mtls(&web, &db, 80));
        denied(&of("cluster.local/ns/shop/sa/web"), &mtls(&dev, &db, 80), Gate::Caller);
        denied(&of("cluster.local/ns/shop/sa/web"), &tcp(&web, &db, 80), Gate::Caller);
    }
}

#[test]
fn trap_050_a_wildcard_in_the_middle_is_a_literal() {
    let of = |principal: &str| allow(&format!("{{from: [{{source: {{principals: ['{principal}']}}}}]}}"));
    let question = mtls(&web(), &db(), 80);
    denied(&of("cluster.local/ns/*/sa/web"), &question, Gate::Caller);
    denied(&of("*ns/shop*"), &question, Gate::Caller);
    for principal in ["cluster.local/ns/shop/*", "*/sa/web", "*/ns/shop/sa/web", "*", "cluster.local/ns/shop/sa/w*"] {
        allowed(&of(principal), &question);
    }
    let request = mtls(&web(), &db(), 80).http("GET", "/api/1/x");
    denied(&allow("{to: [{operation: {paths: [/api/*/x]}}]}"), &request, Gate::Caller);
    allowed(&deny("{to: [{operation: {paths: ['*pi/1*']}}]}"), &request);
    denied(&deny("{to: [{operation: {paths: ['*/x']}}]}"), &request, Gate::Caller);
}

/// A mesh with a trust domain of its own.
fn corp(yaml: &str) -> Cluster {
    let platform =
        Platform { trust_domain: "corp".into(), trust_domain_aliases: ["old".into()].into(), istio: (1, 31, 0), ..Platform::default() };
    cluster_on(platform, yaml)
}

fn principal(principal: &str) -> String {
    policy(&format!("{{rules: [{{from: [{{source: {{principals: ['{principal}']}}}}]}}]}}"))
}

#[test]
fn trap_051_only_five_segments_follow_the_trust_domain() {
    let question = mtls(&web(), &db(), 80);
    denied(&corp(&principal("cluster.local/ns/shop/*")), &question, Gate::Caller);
    for name in ["cluster.local/ns/shop/sa/web", "corp/ns/shop/sa/web", "old/ns/shop/sa/web", "cluster.local/ns/shop/sa/*", "*"] {
        allowed(&corp(&principal(name)), &question);
    }
    denied(&corp(&principal("foreign/ns/shop/sa/web")), &question, Gate::Caller);
    allowed(&corp_alone(&principal("corp/ns/shop/*")), &question);
    // An older Istio does not know the field.
    unspecified(&cluster(&trust_domain("cluster.local")), &question, "before 1.30.2");
}

/// A mesh with a trust domain of its own and no other.
fn corp_alone(yaml: &str) -> Cluster {
    cluster_on(Platform { trust_domain: "corp".into(), istio: (1, 31, 0), ..Platform::default() }, yaml)
}

fn trust_domain(names: &str) -> String {
    policy(&format!("{{rules: [{{from: [{{source: {{trustDomains: [{names}]}}}}]}}]}}"))
}

/// Pods keep the identity that they have until they are restarted (istio.io, "Trust Domain Migration"), and other meshes bring theirs.
#[test]
fn trap_051_what_tells_the_domains_of_a_mesh_apart_is_open() {
    let question = mtls(&web(), &db(), 80);
    for name in ["corp/ns/shop/*", "old/ns/shop/*", "old/*"] {
        unspecified(&corp(&principal(name)), &question, "trust domains of the mesh apart");
        unspecified(&corp(&principal(name).replace("principals", "notPrincipals")), &question, "trust domains of the mesh apart");
    }
    denied(&corp(&principal("corp/ns/bank/*")), &question, Gate::Caller);
    for names in ["co*", "corp", "old", "'*d'"] {
        unspecified(&corp(&trust_domain(names)), &question, "trust domains of the mesh apart");
        denied(&corp(&trust_domain(names)), &tcp(&web(), &db(), 80), Gate::Caller);
    }
    for names in ["'*'", "corp, old", "'co*', 'ol*'"] {
        allowed(&corp(&trust_domain(names)), &question);
    }
    denied(&corp(&trust_domain("foreign, 'x*'")), &question, Gate::Caller);
    for (names, passes) in [("corp", true), ("'co*'", true), ("old", false)] {
        let cluster = corp_alone(&trust_domain(names));
        if passes { allowed(&cluster, &question) } else { denied(&cluster, &question, Gate::Caller) }
    }
}

#[test]
fn trap_051_a_pattern_of_domains_that_one_of_the_mesh_matches_stands_for_all() {
    let question = mtls(&web(), &db(), 80);
    for name in ["*ld/ns/shop/sa/web", "ol*/ns/shop/sa/web", "ol*/ns/shop/sa/*"] {
        allowed(&corp(&principal(name)), &question);
        let deny = policy(&format!("{{action: DENY, rules: [{{from: [{{source: {{principals: ['{name}']}}}}]}}]}}"));
        denied(&corp(&deny), &question, Gate::Caller);
    }
    denied(&corp(&principal("*xx/ns/shop/sa/web")), &question, Gate::Caller);
    // With a `*` at both ends, it matches nothing in the domain for which it stays.
    unspecified(&corp(&principal("*rp/ns/shop/sa/*")), &question, "trust domains of the mesh apart");
}

#[test]
fn trap_052_ztunnel_expands_no_trust_domain() {
    let question = mtls(&ambient("shop", "", "web"), &ambient("shop", "app=db", "db"), 80);
    denied(&corp(&principal("cluster.local/ns/shop/sa/web")), &question, Gate::Caller);
    denied(&corp(&principal("old/ns/shop/sa/web")), &question, Gate::Caller);
    allowed(&corp(&principal("corp/ns/shop/sa/web")), &question);
    allowed(&corp(&policy("{rules: [{from: [{source: {serviceAccounts: [shop/web]}}]}]}")), &question);
}

#[test]
fn trap_053_plaintext_has_no_identity_to_deny() {
    let cluster = deny("{from: [{source: {namespaces: [dev]}}]}");
    for (web, db, dev) in [(web(), db(), dev()), (ambient("shop", "", "web"), ambient("shop", "", "db"), ambient("dev", "", "tool"))] {
        denied(&cluster, &mtls(&dev, &db, 80), Gate::Caller);
        allowed(&cluster, &tcp(&dev, &db, 80));
        allowed(&cluster, &mtls(&web, &db, 80));
        denied(&deny("{from: [{source: {notNamespaces: [shop]}}]}"), &tcp(&dev, &db, 80), Gate::Caller);
    }
}

#[test]
fn trap_054_not_somebody_is_anybody_else() {
    let cluster = allow("{from: [{source: {notNamespaces: [dev]}}]}");
    for source in [address("203.0.113.7"), plain("dev", ""), dev()] {
        allowed(&cluster, &tcp(&source, &db(), 80));
    }
    denied(&cluster, &mtls(&dev(), &db(), 80), Gate::Caller);
    let only_mesh = allow("{from: [{source: {principals: ['*'], notNamespaces: [dev]}}]}");
    denied(&only_mesh, &tcp(&address("203.0.113.7"), &db(), 80), Gate::Caller);
    allowed(&only_mesh, &mtls(&web(), &db(), 80));
}

#[test]
fn trap_055_an_account_without_namespace_is_of_the_policys_own() {
    let yaml = object("AuthorizationPolicy", "istio-system/all", "{rules: [{from: [{source: {serviceAccounts: [web]}}]}]}");
    denied(&cluster(&yaml), &mtls(&web(), &db(), 80), Gate::Caller);
    allowed(&cluster(&yaml), &mtls(&meshed("istio-system", "", "web"), &db(), 80));
    allowed(&allow("{from: [{source: {serviceAccounts: [web]}}]}"), &mtls(&web(), &db(), 80));
    allowed(&allow("{when: [{key: source.serviceAccount, values: [shop/web]}]}"), &mtls(&web(), &db(), 80));
}

#[test]
fn trap_056_too_many_accounts_are_refused() {
    let many = (0..17).map(|at| format!("a{at}")).collect::<Vec<_>>().join(", ");
    for source in
        [format!("serviceAccounts: [{many}]"), "serviceAccounts: [a], namespaces: [b]".to_owned(), "serviceAccounts: ['a*']".to_owned()]
    {
        assert_eq!(findings(&policy(&format!("{{rules: [{{from: [{{source: {{{source}}}}}]}}]}}"))).len(), 1, "{source}");
    }
}

#[test]
fn trap_057_an_empty_selector_is_all_at_sidecars_and_not_known_in_ambient() {
    let nothing = unclear("{selector: {}}");
    denied(&nothing, &mtls(&web(), &db(), 80), Gate::Caller);
    let question = mtls(&ambient("shop", "", "web"), &ambient("shop", "", "db"), 80);
    unspecified(&nothing, &question, "empty `selector`");
    unspecified(&unclear("{selector: {matchLabels: {}}}"), &question, "empty `selector`");
    // Where it would change nothing, it does not matter.
    allowed(&unclear("{selector: {}, rules: [{}]}"), &question);
    let denying = unclear("{selector: {}, action: DENY, rules: [{to: [{operation: {ports: ['81']}}]}]}");
    allowed(&denying, &question);
}

#[test]
fn trap_058_the_root_namespace_is_the_whole_mesh() {
    let nothing = object("AuthorizationPolicy", "istio-system/nothing", "{}");
    for (source, destination) in [(web(), db()), (ambient("shop", "", "web"), ambient("shop", "app=db", "db"))] {
        denied(&cluster(&nothing), &mtls(&source, &destination, 80), Gate::Caller);
        let selecting = object("AuthorizationPolicy", "istio-system/nothing", "{selector: {matchLabels: {app: db}}}");
        denied(&cluster(&selecting), &mtls(&source, &destination, 80), Gate::Caller);
        let elsewhere = object("AuthorizationPolicy", "dev/nothing", "{}");
        allowed(&cluster(&elsewhere), &mtls(&source, &destination, 80));
    }
    let mesh = Platform { root_namespace: "mesh".into(), ..Platform::default() };
    allowed(&cluster_on(mesh, &nothing), &mtls(&web(), &db(), 80));
}

#[test]
fn trap_059_no_level_comes_before_another() {
    let all = object("AuthorizationPolicy", "istio-system/all", "{rules: [{}]}");
    allowed(&cluster(&format!("{all}{}", policy("{}"))), &mtls(&web(), &db(), 80));
    let none = policy("{action: DENY, rules: [{}]}");
    denied(&cluster(&format!("{all}{none}")), &mtls(&web(), &db(), 80), Gate::Caller);
}

#[test]
fn trap_060_nothing_is_enforced_outside_the_mesh() {
    let nothing = cluster(&policy("{}"));
    allowed(&nothing, &tcp(&web(), &plain("shop", ""), 80));
    allowed(&nothing, &tcp(&web(), &db().on_host_network(), 80));
    allowed(&nothing, &mtls(&web(), &dev(), 80));
    let selecting = cluster(&policy("{selector: {matchLabels: {app: other}}}"));
    allowed(&selecting, &mtls(&web(), &db(), 80));
}

#[test]
fn trap_061_custom_and_audit_are_not_told_to_ztunnel() {
    let custom = cluster(&policy("{action: CUSTOM, provider: {name: opa}, rules: [{to: [{operation: {ports: ['80']}}]}]}"));
    let question = |port| mtls(&ambient("shop", "", "web"), &ambient("shop", "", "db"), port);
    allowed(&custom, &question(80));
    unspecified(&custom, &mtls(&web(), &db(), 80), "external authorizer");
    allowed(&custom, &mtls(&web(), &db(), 81));
    // Whatever it says, a denial stands.
    let denied_anyway = format!(
        "{}{}",
        object("AuthorizationPolicy", "shop/ask", "{action: CUSTOM, provider: {name: opa}, rules: [{}]}"),
        policy("{action: DENY, rules: [{}]}")
    );
    denied(&cluster(&denied_anyway), &mtls(&web(), &db(), 80), Gate::Caller);
    allowed(&cluster(&policy("{action: AUDIT, rules: [{}]}")), &mtls(&web(), &db(), 80));
    for rule in [
        "{from: [{source: {namespaces: [a]}}]}",
        "{when: [{key: 'request.auth.claims[a]', values: [b]}]}",
        "{when: [{key: source.principal, values: [b]}]}",
    ] {
        assert_eq!(findings(&policy(&format!("{{action: CUSTOM, provider: {{name: opa}}, rules: [{rule}]}}"))).len(), 1, "{rule}");
    }
}

#[test]
fn trap_062_a_dry_run_decides_nothing() {
    let with = |value: &str, spec: &str| {
        format!(
            "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: shop, \
             annotations: {{istio.io/dry-run: '{value}'}}}}\nspec: {spec}\n"
        )
    };
    for value in ["1", "t", "T", "true", "TRUE", "True"] {
        allowed(&cluster(&with(value, "{}")), &mtls(&web(), &db(), 80));
        allowed(&cluster(&with(value, "{action: DENY, rules: [{}]}")), &mtls(&ambient("shop", "", "a"), &ambient("shop", "", "b"), 80));
    }
    for value in ["0", "f", "F", "false", "FALSE", "False"] {
        denied(&cluster(&with(value, "{}")), &mtls(&web(), &db(), 80), Gate::Caller);
    }
    for (value, spec) in [("yes", "{}"), ("tRue", "{}"), ("true", "{action: AUDIT, rules: [{}]}"), ("", "{}")] {
        assert_eq!(findings(&with(value, spec)).len(), 1, "{value} {spec}");
    }
}

#[test]
fn trap_063_blocks_see_whoever_connects() {
    let cluster = allow("{from: [{source: {ipBlocks: [203.0.113.0/24]}}]}");
    allowed(&cluster, &tcp(&address("203.0.113.7"), &db(), 80));
    denied(&cluster, &tcp(&address("198.51.100.7"), &db(), 80), Gate::Caller);
    denied(&cluster, &mtls(&web().at(&["10.0.0.1"]), &db(), 80), Gate::Caller);
    unspecified(&cluster, &mtls(&web(), &db(), 80), "address of the pod is not known");
    let platform = Platform { pods: addresses("10.0.0.0/8"), ..Platform::default() };
    let known = cluster_on(platform, &policy("{rules: [{from: [{source: {ipBlocks: [203.0.113.0/24]}}]}]}"));
    denied(&known, &mtls(&web(), &db(), 80), Gate::Caller);
    unspecified(&cluster, &tcp(&web().at(&["203.0.113.1", "2001:db8::1"]), &db(), 80), "several addresses");
    let but = allow("{from: [{source: {ipBlocks: [203.0.113.0/24], notIpBlocks: [203.0.113.7]}}]}");
    denied(&but, &tcp(&address("203.0.113.7"), &db(), 80), Gate::Caller);
    allowed(&but, &tcp(&address("203.0.113.8"), &db(), 80));
    allowed(&allow("{when: [{key: destination.ip, values: [10.0.0.9]}]}"), &mtls(&web(), &db().at(&["10.0.0.9"]), 80));
}

#[test]
fn trap_064_the_client_behind_proxies_is_not_known() {
    unspecified(&allow("{from: [{source: {remoteIpBlocks: [203.0.113.0/24]}}]}"), &tcp(&address("203.0.113.7"), &db(), 80), "topology");
    unspecified(&allow("{when: [{key: remote.ip, values: [203.0.113.0/24]}]}"), &mtls(&web(), &db(), 80), "topology");
    unspecified(&allow("{when: [{key: connection.sni, values: [x]}]}"), &mtls(&web(), &db(), 80), "handshake");
    unspecified(&allow("{when: [{key: 'experimental.envoy.filters.a[b]', values: [x]}]}"), &mtls(&web(), &db(), 80), "another filter");
}

/// Istio takes such keys; what they compare is one of several values in one header.
#[test]
fn headers_in_line_are_not_known() {
    let rule = "{when: [{key: 'request.experimental.inline.headers[X-Role]', values: [admin]}]}";
    assert_eq!(findings(&policy(&format!("{{rules: [{rule}]}}"))), [""; 0]);
    let request = mtls(&web(), &db(), 80).http("GET", "/").header("x-role", "user, admin");
    unspecified(&allow(rule), &request, "several values");
    unspecified(&deny(rule), &request, "several values");
    // It is of requests alone, as other headers are.
    denied(&allow(rule), &mtls(&web(), &db(), 80), Gate::Caller);
}

/// What `methods` compares is the header `:method`. Paths and hosts are not compared as headers are: with the query, and by their capitals.
#[test]
fn the_method_as_a_header_is_the_method() {
    let rule = |values: &str| format!("{{when: [{{key: 'request.headers[:method]', {values}}}]}}");
    let get = mtls(&web(), &db(), 80).http("GET", "/");
    for (values, passes) in
        [("values: [GET]", true), ("values: ['P*', '*ET']", true), ("values: [POST]", false), ("notValues: [GET]", false)]
    {
        if passes {
            allowed(&allow(&rule(values)), &get);
            denied(&deny(&rule(values)), &get, Gate::Caller);
        } else {
            denied(&allow(&rule(values)), &get, Gate::Caller);
            allowed(&deny(&rule(values)), &get);
        }
    }
    denied(&allow(&rule("values: ['*']")), &mtls(&web(), &db(), 80), Gate::Caller);
    for name in [":path", ":authority", "host"] {
        unspecified(&allow(&format!("{{when: [{{key: 'request.headers[{name}]', values: [x]}}]}}")), &get, "as a header");
    }
}

/// A sidecar that sees a request in plaintext saw no TLS before it, in which a server could be named.
#[test]
fn no_server_is_named_where_there_is_no_tls() {
    let rule = "{when: [{key: connection.sni, values: [x, 'y*', '*']}]}";
    denied(&allow(rule), &tcp(&dev(), &db(), 80).http("GET", "/"), Gate::Caller);
    allowed(&deny(rule), &tcp(&dev(), &db(), 80).http("GET", "/"));
    allowed(&allow("{when: [{key: connection.sni, notValues: [x]}]}"), &tcp(&dev(), &db(), 80).http("GET", "/"));
    // The mesh's own TLS names one, and so may a client's that is bytes to the mesh.
    unspecified(&allow(rule), &mtls(&web(), &db(), 80).http("GET", "/"), "handshake");
    unspecified(&allow(rule), &tcp(&dev(), &db(), 80), "handshake");
}

#[test]
fn trap_065_a_host_may_carry_its_port() {
    let request = |host: &str| mtls(&web(), &db(), 80).http("GET", "/").host(host);
    let bare = deny("{to: [{operation: {hosts: [a.example], ports: ['80']}}]}");
    unspecified(&bare, &request("a.example"), "port behind the host");
    allowed(&bare, &request("a.example:443"));
    allowed(&bare, &request("b.example"));
    let both = deny("{to: [{operation: {hosts: [A.example, 'a.example:*'], ports: ['80']}}]}");
    for host in ["a.example", "a.example:443"] {
        denied(&both, &request(host), Gate::Caller);
    }
}

#[test]
fn trap_066_paths_are_compared_as_they_arrive() {
    let cluster = deny("{to: [{operation: {paths: [/admin], ports: ['80']}}]}");
    denied(&cluster, &mtls(&web(), &db(), 80).http("GET", "/admin"), Gate::Caller);
    for path in ["/admin/", "//admin", "/Admin", "/%2Fadmin"] {
        allowed(&cluster, &mtls(&web(), &db(), 80).http("GET", path));
    }
}

#[test]
fn trap_067_a_prefix_is_no_subtree() {
    let passes = |pattern: &str, path: &str| {
        let decision =
            ask(&allow(&format!("{{to: [{{operation: {{paths: ['{pattern}']}}}}]}}")), &mtls(&web(), &db(), 80).http("GET", path));
        decision.verdict == Verdict::Allowed
    };
    assert!(passes("/admin*", "/administrator"));
    assert!(!passes("/admin/{**}", "/administrator") && !passes("/admin/{**}", "/admin") && passes("/admin/{**}", "/admin/x/y"));
    assert!(passes("/a/{*}", "/a/x") && !passes("/a/{*}", "/a/") && !passes("/a/{*}", "/a/x/y"));
    assert!(passes("*", "/") && passes("*/x", "/a/x"));
    for template in ["/{**}/{*}", "/a{*}", "/{*}/*", "/{x}/{*}", "/{**}/{**}"] {
        assert_eq!(findings(&policy(&format!("{{rules: [{{to: [{{operation: {{paths: ['{template}']}}}}]}}]}}"))).len(), 1, "{template}");
    }
    let odd = allow("{to: [{operation: {paths: ['/a=b/{*}']}}]}");
    unspecified(&odd, &mtls(&web(), &db(), 80).http("GET", "/a=b/x"), "path template");
}

#[test]
fn trap_068_methods_are_upper_case() {
    let cluster = allow("{to: [{operation: {methods: [get]}}]}");
    denied(&cluster, &mtls(&web(), &db(), 80).http("GET", "/"), Gate::Caller);
    // Whatever the rules say, a proxy answers such a request with an error.
    denied(&cluster, &mtls(&web(), &db(), 80).http("get", "/"), Gate::Caller);
    allowed(&allow("{to: [{operation: {methods: ['*']}}]}"), &mtls(&web(), &db(), 80).http("GET", "/"));
}

#[test]
fn trap_069_a_port_declared_as_tcp_sees_no_http() {
    let rule = policy("{rules: [{to: [{operation: {methods: [GET]}}]}]}");
    let tcp_port = service("db", "{}", "{name: tcp-db, port: 80, targetPort: 8080}");
    let question = |port| mtls(&web(), &db(), port).http("GET", "/");
    denied(&cluster(&format!("{rule}{tcp_port}")), &question(8080), Gate::Caller);
    allowed(&cluster(&format!("{rule}{tcp_port}")), &question(80));
    allowed(&cluster(&format!("{rule}{}", service("db", "{}", "{name: http, port: 80, targetPort: 8080}"))), &question(8080));
    let both = format!("{rule}{tcp_port}{}", service("web", "{}", "{name: http, port: 80, targetPort: 8080}"));
    unspecified(&cluster(&both), &question(8080), "Services disagree");
    let denying = policy("{action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]}");
    denied(&cluster(&format!("{denying}{tcp_port}")), &mtls(&web(), &db(), 8080).http("POST", "/"), Gate::Caller);
}

/// Which Service is the oldest is known where a dump of the cluster says when each was made (`semantics.md` §5.5).
#[test]
fn trap_069_the_oldest_of_services_that_disagree_says_what_a_port_is() {
    let rule = policy("{rules: [{to: [{operation: {methods: [GET]}}]}]}");
    let at = |name: &str, class: &str, created: &str| {
        let own = service(name, "{}", &format!("{{name: {class}, port: 80, targetPort: 8080}}"));
        let dated = format!("metadata: {{creationTimestamp: '{created}', ");
        if created.is_empty() { own } else { own.replacen("metadata: {", &dated, 1) }
    };
    let both = |http: &str, tcp: &str| cluster(&format!("{rule}{}{}", at("db", "http", http), at("web", "tcp-x", tcp)));
    let call = mtls(&web(), &db(), 8080).http("GET", "/");
    let (old, new) = ("2019-12-31T23:59:59Z", "2020-01-01T00:00:00Z");
    allowed(&both(old, new), &call);
    denied(&both(new, old), &call, Gate::Caller);
    for (http, tcp) in [(old, old), (old, ""), ("", old), ("", ""), ("2019", new)] {
        unspecified(&both(http, tcp), &call, "Services disagree");
    }
    // A third one that is newer changes nothing, and one of another port is none of them.
    let more = |tcp: &str| cluster(&format!("{rule}{}{}{}", at("db", "http", old), at("web", "tcp-x", new), at("x", "tcp-y", tcp)));
    allowed(&more(new), &call);
    denied(&more("2018-01-01T00:00:00Z"), &call, Gate::Caller);
    unspecified(&more(""), &call, "Services disagree");
    let elsewhere = service("x", "{}", "{name: tcp-y, port: 81, targetPort: 8081}");
    allowed(&cluster(&format!("{rule}{}{}{elsewhere}", at("db", "http", old), at("web", "tcp-x", new))), &call);
}

/// Where the numbers of a pod's named ports are not known, a name may be any of them.
#[test]
fn trap_069_a_name_may_be_the_port_that_another_service_calls_by_its_number() {
    let rule = policy("{rules: [{to: [{operation: {methods: [GET]}}]}]}");
    let named = |class: &str| service("web", "{}", &format!("{{name: {class}, port: 80, targetPort: web}}"));
    let numbered = |class: &str| service("db", "{}", &format!("{{name: {class}, port: 81, targetPort: 8080}}"));
    let question = |port| mtls(&web(), &db(), port).http("GET", "/");
    let numbers = |number| vec![NamedPort { name: "web".into(), protocol: Protocol::Tcp, number }];
    let on = |number| mtls(&web(), &db().facts(|facts| facts.ports = Some(numbers(number))), 8080).http("GET", "/");
    for (by_name, by_number) in [("http", "tcp-x"), ("tcp-x", "http"), ("any", "tcp-x"), ("tcp-x", "any")] {
        let both = cluster(&format!("{rule}{}{}", named(by_name), numbered(by_number)));
        unspecified(&both, &question(8080), "Services disagree");
        unspecified(&both, &on(8080), "Services disagree");
    }
    let plain = cluster(&format!("{rule}{}{}", named("http"), numbered("tcp-x")));
    denied(&plain, &on(9090), Gate::Caller);
    allowed(&plain, &question(9090));
    denied(&cluster(&format!("{rule}{}{}", named("tcp-y"), numbered("tcp-x"))), &question(8080), Gate::Caller);
}

#[test]
fn trap_070_in_ambient_some_conditions_are_for_http_only() {
    let question = mtls(&ambient("shop", "", "web"), &ambient("shop", "", "db"), 80);
    for key in ["source.serviceAccount", "source.trustDomain"] {
        let rule = format!("{{when: [{{key: {key}, values: [shop]}}]}}")
            .replace("shop]", if key.ends_with('n') { "cluster.local]" } else { "shop/web]" });
        denied(&allow(&rule), &question, Gate::Caller);
        allowed(&deny(&rule), &question);
    }
    for rule in ["{when: [{key: source.namespace, values: [shop]}]}", "{when: [{key: source.principal, values: ['*/sa/web']}]}"] {
        allowed(&allow(rule), &question);
        denied(&deny(rule), &question, Gate::Caller);
    }
    denied(&allow("{from: [{source: {remoteIpBlocks: [0.0.0.0/0]}}]}"), &question, Gate::Caller);
}

#[test]
fn trap_071_what_ztunnel_makes_of_trust_domains_is_not_known() {
    let question = mtls(&ambient("shop", "", "web"), &ambient("shop", "", "db"), 80);
    let cluster = allow("{from: [{source: {trustDomains: [other], namespaces: [shop]}}]}");
    unspecified(&cluster, &question, "trustDomains");
    // Where the rest does not match, it does not matter.
    denied(&cluster, &mtls(&ambient("dev", "", "x"), &ambient("shop", "", "db"), 80), Gate::Caller);
}

#[test]
fn trap_072_a_wildcard_in_a_namespace_is_one_for_envoy_only() {
    let cluster = allow("{from: [{source: {namespaces: ['team-*-prod']}}]}");
    allowed(&cluster, &mtls(&meshed("team-a-prod", "", "x"), &db(), 80));
    denied(&cluster, &mtls(&meshed("team-a-test", "", "x"), &db(), 80), Gate::Caller);
    denied(&cluster, &mtls(&ambient("team-a-prod", "", "x"), &ambient("shop", "", "db"), 80), Gate::Caller);
    let prefix = allow("{from: [{source: {namespaces: ['team-*']}}]}");
    allowed(&prefix, &mtls(&ambient("team-a-prod", "", "x"), &ambient("shop", "", "db"), 80));
}

/// To Envoy a namespace is a pattern between slashes, of an identity that has more of them: `.*/ns/VALUE/.*` (`generator.go`,
/// `srcNamespaceGenerator`).
#[test]
fn a_namespace_with_a_slash_runs_on_to_the_account() {
    let question = mtls(&web(), &db(), 80);
    let with = |value: &str| allow(&format!("{{from: [{{source: {{namespaces: ['{value}']}}}}]}}"));
    for value in ["shop/sa", "*hop/sa", "sh*/sa", "*/sa", "shop/*", "shop/s*", "s*p/*a"] {
        allowed(&with(value), &question);
        let stopped = deny(&format!("{{from: [{{source: {{namespaces: ['{value}']}}}}]}}"));
        denied(&stopped, &question, Gate::Caller);
        denied(&with(value), &tcp(&plain("shop", ""), &db(), 80), Gate::Caller);
        // ztunnel compares names of namespaces.
        denied(&with(value), &mtls(&ambient("shop", "", "web"), &ambient("shop", "", "db"), 80), Gate::Caller);
    }
    for value in ["shop/sa/web", "shop/", "shop/sb", "shop/x*", "dev/sa", "/sa", "hop/sa", "shop/sa/", "ns/shop"] {
        denied(&with(value), &question, Gate::Caller);
    }
    // A star that stands for the slash, too, is left open.
    for value in ["s*a", "*sa", "sh*sa"] {
        unspecified(&with(value), &question, "past the namespace");
    }
    // Old ones take a dot for a letter there as well.
    unspecified(&with("*h.p/sa"), &question, "any letter");
    denied(&with("*h.p/sa"), &mtls(&dev(), &db(), 80), Gate::Caller);
}

#[test]
fn trap_073_a_port_of_either_kind_is_judged_by_what_is_spoken() {
    let yaml = format!(
        "{}{}",
        policy("{rules: [{to: [{operation: {methods: [GET], ports: ['8080']}}]}]}"),
        service("db", "{}", "{name: web, port: 8080}")
    );
    allowed(&cluster(&yaml), &mtls(&web(), &db(), 8080).http("GET", "/"));
    denied(&cluster(&yaml), &mtls(&web(), &db(), 8080), Gate::Caller);
}

#[test]
fn trap_074_the_proxys_own_ports_are_not_captured() {
    let nothing = cluster(&policy("{}"));
    for port in [15020, 15021, 15090] {
        allowed(&nothing, &tcp(&address("203.0.113.7"), &db(), port));
        denied(&nothing, &mtls(&web(), &db(), port), Gate::Transport);
    }
    let told = db().facts(|facts| facts.uncaptured = twogate::flow::Intervals::of(9000, 9010));
    allowed(&nothing, &tcp(&web(), &told, 9005));
    denied(&nothing, &tcp(&web(), &told, 9011), Gate::Caller);
    // Neither does a mode act there, of the pod or of the port, nor a DENY, nor a token that does not verify.
    let strict =
        "{selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}, portLevelMtls: {'15020': {mode: STRICT}, '9005': {mode: STRICT}}}";
    let token = "{jwtRules: [{issuer: https://a, jwks: '{}'}]}";
    let all = cluster(&format!(
        "{}{}{}",
        policy("{action: DENY, rules: [{}]}"),
        peer_authentication("shop/strict", strict),
        object("RequestAuthentication", "shop/token", token)
    ));
    for port in [15020, 15021, 15090, 9005] {
        allowed(&all, &tcp(&plain("dev", ""), &told, port).http("GET", "/").token(Token::Unverified));
        denied(&all, &mtls(&web(), &told, port), Gate::Transport);
    }
    // Behind ztunnel these ports are as any other, whatever the annotation says.
    for port in [15020, 9005] {
        let told = ambient("shop", "app=db", "db").facts(|facts| facts.uncaptured = twogate::flow::Intervals::of(9000, 9010));
        denied(&nothing, &tcp(&plain("dev", ""), &told, port), Gate::Caller);
    }
}

#[test]
fn the_tunnels_own_port_takes_mtls_alone_where_sidecars_listen_there() {
    let labelled = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: other, labels: {istio.io/dataplane-mode: ambient}}\n";
    let pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: other, labels: {istio.io/dataplane-mode: ambient, sidecar.istio.io/inject: 'false'}}\nspec: {containers: [{name: a}]}\n";
    let waypoint = object("Gateway", "other/waypoint", "{gatewayClassName: istio-waypoint}");
    let disabled = format!("{}{}", peer_authentication("shop/disabled", "{mtls: {mode: DISABLE}}"), policy("{}"));
    let on = |listens, yaml: &str| cluster_on(Platform { hbone_from_sidecars: listens, ..Platform::default() }, yaml);
    let told = db().facts(|facts| facts.uncaptured = twogate::flow::Intervals::of(15000, 15010));
    for (destination, ambient) in [(&db(), labelled), (&db(), pod), (&told, waypoint.as_str())] {
        // No mode and no policy acts there.
        for yaml in [ambient.to_owned(), format!("{ambient}{disabled}")] {
            let (listens, silent, unknown) = (on(Some(true), &yaml), on(Some(false), &yaml), on(None, &yaml));
            allowed(&listens, &mtls(&web(), destination, 15008));
            for source in [&web(), &plain("dev", ""), &address("203.0.113.7")] {
                denied(&listens, &tcp(source, destination, 15008), Gate::Transport);
                // Where nobody listens, the application may.
                allowed(&silent, &tcp(source, destination, 15008));
                unspecified(&unknown, &tcp(source, destination, 15008), "listen on the port of the tunnel");
            }
            denied(&silent, &mtls(&web(), destination, 15008), Gate::Transport);
            unspecified(&unknown, &mtls(&web(), destination, 15008), "listen on the port of the tunnel");
        }
        // Outside the mesh it is a port as any other.
        allowed(&on(Some(true), ambient), &tcp(&web(), &plain("shop", "app=db"), 15008));
    }
    // In a mesh that is ambient where nothing says otherwise, too.
    let mesh = Platform { mesh: DataPlane::Ambient, hbone_from_sidecars: Some(true), ..Platform::default() };
    denied(&cluster_on(mesh, ""), &tcp(&web(), &db(), 15008), Gate::Transport);
    // Without ambient mode nothing is in the way of plaintext.
    allowed(&on(Some(true), &disabled), &tcp(&web(), &db(), 15008));
}

#[test]
fn trap_075_an_unknown_key_is_refused() {
    for key in [
        "source.namespaces",
        "destination.labels[app]",
        "request.header[x]",
        "request.headers",
        "request.headers[a][b]",
        "request.auth.claims[]",
        "",
    ] {
        let found = findings(&policy(&format!("{{action: DENY, rules: [{{when: [{{key: '{key}', values: [x]}}]}}]}}")));
        assert!(found.len() == 1 && found[0].contains("no attribute of this name"), "{key}: {found:?}");
    }
    assert!(findings(&policy("{rules: [{when: [{key: source.namespaces, values: [x]}]}]}"))[0].contains("near is `source.namespace`"));
    for key in ["experimental.envoy.filters.a.b.x", "experimental.envoy.filters.a[]", "experimental.envoy.filters.a[b]c"] {
        let found = findings(&policy(&format!("{{rules: [{{when: [{{key: '{key}', values: [x]}}]}}]}}")));
        assert!(found.len() == 1 && found[0].contains("`a[b]`"), "{key}: {found:?}");
    }
    // A cluster that was not asked to check may hold it all the same, and there the rule is gone: nobody relies on its denial, nor
    // on what an ALLOW beside it lets in.
    let unknown = policy("{action: DENY, rules: [{when: [{key: source.namespaces, values: [dev]}]}]}");
    let everybody = object("AuthorizationPolicy", "shop/all", "{rules: [{}]}");
    let (cluster, _) = read_on(Platform::default(), &format!("{unknown}{everybody}"));
    for source in [&web(), &dev()] {
        unspecified(&cluster, &mtls(source, &db(), 80), "cannot be read");
    }
    allowed(&cluster, &tcp(&address("203.0.113.7"), &dev(), 80));
}

#[test]
fn trap_076_older_istio_takes_a_dot_for_any_letter() {
    let rule = policy("{rules: [{from: [{source: {serviceAccounts: [shop/a.b]}}]}]}");
    let question = mtls(&meshed("shop", "", "axb"), &db(), 80);
    unspecified(&cluster(&rule), &question, "any letter");
    denied(&cluster_on(Platform { istio: (1, 30, 0), ..Platform::default() }, &rule), &question, Gate::Caller);
    allowed(&cluster(&rule), &mtls(&meshed("shop", "", "a.b"), &db(), 80));
    denied(&cluster(&rule), &mtls(&ambient("shop", "", "axb"), &ambient("shop", "", "db"), 80), Gate::Caller);
    let suffix = principal("*/sa/a.b");
    unspecified(&cluster(&suffix), &question, "any letter");
}

#[test]
fn section_2_8_headers_are_compared_by_lower_case_name() {
    let cluster = allow("{when: [{key: 'request.headers[X-Env]', values: ['te*'], notValues: [testing]}]}");
    let request = mtls(&web(), &db(), 80).http("GET", "/");
    denied(&cluster, &request.clone(), Gate::Caller);
    allowed(&cluster, &request.clone().header("x-env", "test"));
    denied(&cluster, &request.clone().header("x-env", "testing"), Gate::Caller);
    denied(&cluster, &request.clone().header("x-env", "prod"), Gate::Caller);
    let without = allow("{when: [{key: 'request.headers[x-env]', notValues: ['*']}]}");
    allowed(&without, &request.clone());
    denied(&without, &request.clone().header("x-env", "a"), Gate::Caller);
    unspecified(&allow("{when: [{key: 'request.headers[:authority]', values: [a]}]}"), &request, "as a header");
}

/// A token travels behind `Bearer` unless the flow's client puts it elsewhere, and is taken out by whoever verifies it.
#[test]
fn the_header_in_which_tokens_travel_is_not_taken_for_absent() {
    let rule = |value: &str| format!("{{when: [{{key: 'request.headers[Authorization]', values: ['{value}']}}]}}");
    let request = mtls(&web(), &db(), 80).http("GET", "/");
    let of_a = valid("https://a", &[("sub", "ann")]);
    for value in ["*", "Bearer *", "Bear*", "*abc", "Bearer abc"] {
        for token in [&of_a, &Token::Unverified] {
            unspecified(&deny(&rule(value)), &request.clone().token(token.clone()), "may travel in this header");
            unspecified(&allow(&rule(value)), &request.clone().token(token.clone()), "may travel in this header");
        }
        denied(&allow(&rule(value)), &request, Gate::Caller);
    }
    denied(&allow(&rule("Basic *")), &request.clone().token(of_a.clone()), Gate::Caller);
    allowed(&deny(&rule("token")), &request.clone().token(of_a.clone()));
    denied(&deny(&rule("Bearer *")), &request.clone().header("authorization", "Bearer abc"), Gate::Caller);
    let verified = |more: &str| {
        let tokens =
            object("RequestAuthentication", "shop/tokens", &format!("{{jwtRules: [{{issuer: 'https://a', jwks: '{{}}'{more}}}]}}"));
        cluster(&format!("{tokens}{}", policy(&format!("{{action: DENY, rules: [{}]}}", rule("*")))))
    };
    allowed(&verified(""), &request.clone().token(of_a.clone()));
    unspecified(&verified(", forwardOriginalToken: true"), &request.clone().token(of_a), "may travel in this header");
    denied(&verified(""), &request.token(Token::Unverified), Gate::Token);
}

/// Envoy writes some headers before it judges a request.
#[test]
fn headers_that_proxies_set_are_not_taken_for_absent() {
    let rule = |name: &str| format!("{{when: [{{key: 'request.headers[{name}]', values: [http]}}]}}");
    let request = |question: Question| question.http("GET", "/");
    for name in ["x-forwarded-proto", "X-Request-Id", "x-forwarded-client-cert", "x-envoy-attempt-count"] {
        unspecified(&deny(&rule(name)), &request(mtls(&web(), &db(), 80)), "proxies set this header");
        unspecified(&allow(&rule(name)), &request(mtls(&web(), &db(), 80)), "proxies set this header");
        denied(&deny(&rule(name)), &request(mtls(&web(), &db(), 80)).header(&name.to_lowercase(), "http"), Gate::Caller);
    }
    let plaintext = request(tcp(&plain("shop", ""), &db(), 80));
    unspecified(&deny(&rule("x-forwarded-proto")), &plaintext, "proxies set this header");
    allowed(&deny(&rule("x-forwarded-client-cert")), &plaintext);
}

/// What a gRPC call is encoded in stands behind its type.
#[test]
fn the_type_of_a_grpc_call_may_be_longer() {
    let rule = |value: &str| format!("{{when: [{{key: 'request.headers[content-type]', values: ['{value}']}}]}}");
    let call = mtls(&web(), &db(), 80).http("POST", "/p.S/Get").header("content-type", "application/grpc");
    for value in ["*", "application/*", "application/grpc*", "application/grpc"] {
        denied(&deny(&rule(value)), &call, Gate::Caller);
    }
    for value in ["application/grpc+proto", "application/grpc+*", "*+proto"] {
        unspecified(&deny(&rule(value)), &call, "encoded");
    }
    for value in ["application/json", "text/*"] {
        allowed(&deny(&rule(value)), &call);
    }
}

#[test]
fn what_a_selector_asks_of_labels_that_are_not_known_is_left_open() {
    let nothing = cluster(&policy("{selector: {matchLabels: {pod-template-hash: abc}}}"));
    let hashed = db().facts(|facts| facts.open_labels = ["pod-template-hash".into()].into());
    unspecified(&nothing, &mtls(&web(), &hashed, 80), "value is not known");
    allowed(&nothing, &mtls(&web(), &db(), 80));
}

#[test]
fn udp_is_not_seen_by_the_mesh() {
    let nothing = cluster(&policy("{}"));
    let question = Question { protocol: Protocol::Udp, ..tcp(&web(), &db(), 53) };
    allowed(&nothing, &question);
    assert_eq!(nothing.decide(&question).transport, None);
}

#[test]
fn who_has_no_identity_cannot_prove_one() {
    let open = cluster("");
    denied(&open, &mtls(&plain("shop", ""), &db(), 80), Gate::Transport);
    denied(&open, &mtls(&address("203.0.113.7"), &db(), 80), Gate::Transport);
    denied(&open, &mtls(&web(), &plain("shop", ""), 80), Gate::Transport);
    denied(&open, &mtls(&web().on_host_network(), &db(), 80), Gate::Transport);
    allowed(&open, &tcp(&plain("shop", ""), &db(), 80));
}

/// What stands behind the colon need be no port: a request for `b.other:x.example` ends as `*.example` wants it, and where virtual hosts are
/// looked for it is one for `b.other`.
#[test]
fn a_pattern_of_hosts_ends_keeps_no_host_out_for_sure() {
    let call = |host: &str| mtls(&web(), &db(), 80).http("GET", "/").host(host);
    let only = allow("{to: [{operation: {hosts: ['*.example']}}]}");
    allowed(&only, &call("b.other:x.example"));
    unspecified(&only, &call("b.other"), "whether the client writes the port");
    denied(&only, &call("b.other:80"), Gate::Caller);
    let exact = allow("{to: [{operation: {hosts: ['b.other:x.example']}}]}");
    unspecified(&exact, &call("b.other"), "whether the client writes the port");
    denied(&exact, &call("x.example"), Gate::Caller);
    // Who writes so is only stopped by what denies it, and every other client of that host is not.
    let closed = deny("{to: [{operation: {hosts: ['*.example'], ports: ['80']}}]}");
    denied(&closed, &call("b.other:x.example"), Gate::Caller);
    allowed(&closed, &call("b.other"));
    let all_but = deny("{to: [{operation: {notHosts: ['*.example'], ports: ['80']}}]}");
    allowed(&all_but, &call("b.other:x.example"));
    unspecified(&all_but, &call("b.other"), "whether the client writes the port");
}
