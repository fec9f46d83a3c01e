//! `RequestAuthentication` and tokens: `semantics.md` §4 and the traps of §8.4.

use super::*;

const ONE: &str = "{jwtRules: [{issuer: 'https://a', jwksUri: 'https://a/keys', audiences: [shop]}]}";

fn tokens(spec: &str) -> String {
    object("RequestAuthentication", "shop/tokens", spec)
}

/// A request with a token; tokens are for `shop` and of a user unless a test says otherwise.
fn bearing(token: Token) -> Question {
    mtls(&web(), &db(), 80).http("GET", "/").token(token)
}

fn of(issuer: &str) -> Token {
    valid(issuer, &[("aud", "shop"), ("sub", "ann")])
}

/// Tokens of `https://a` for `shop` are checked, and one rule allows.
fn one_issuer(rule: &str) -> Cluster {
    cluster(&format!("{}{}", tokens(ONE), policy(&format!("{{rules: [{rule}]}}"))))
}

#[test]
fn trap_089_checking_tokens_asks_for_none() {
    let alone = cluster(&tokens(ONE));
    allowed(&alone, &bearing(Token::None));
    allowed(&alone, &bearing(of("https://a")));
    denied(&alone, &bearing(Token::Unverified), Gate::Token);
    denied(&alone, &bearing(of("https://b")), Gate::Token);
    allowed(&alone, &tcp(&plain("shop", ""), &db(), 80));
    allowed(&alone, &mtls(&db(), &dev(), 80).http("GET", "/").token(Token::Unverified));
    let required = one_issuer("{from: [{source: {requestPrincipals: ['https://a/*']}}]}");
    denied(&required, &bearing(Token::None), Gate::Caller);
    allowed(&required, &bearing(of("https://a")));
    // Nobody validates here: no refusal, and no user.
    allowed(&cluster(""), &bearing(Token::Unverified));
    denied(&allow("{from: [{source: {requestPrincipals: ['*']}}]}"), &bearing(of("https://a")), Gate::Caller);
}

/// Envoy takes every `iss` for a rule that names none, so its keys are those of every issuer that others name there.
#[test]
fn keys_without_an_issuer_are_those_of_every_issuer() {
    let without = "{jwtRules: [{audiences: [shop], jwksUri: 'https://evil/keys'}]}";
    let of_b = "{jwtRules: [{issuer: 'https://b', jwksUri: 'https://b/keys'}]}";
    let verified = |namespace: &str, others: &str| {
        let yaml = format!("{}{others}{}", tokens(ONE), object("RequestAuthentication", &format!("{namespace}/extra"), without));
        let all = cluster(&yaml).verifications();
        let extra = all.iter().filter(|one| &*one.document.name == "extra");
        extra.map(|one| format!("{} {}", one.issuer, one.keys)).collect::<Vec<_>>()
    };
    let a = "https://a the keys at `https://evil/keys`".to_owned();
    let b = "https://b the keys at `https://evil/keys`".to_owned();
    assert_eq!(verified("shop", ""), std::slice::from_ref(&a));
    assert_eq!(verified("istio-system", ""), std::slice::from_ref(&a));
    assert_eq!(verified("shop", &object("RequestAuthentication", "istio-system/b", of_b)), [a.clone(), b.clone()]);
    // What acts elsewhere alone has nothing to do with it.
    assert_eq!(verified("dev", ""), [""; 0]);
    assert_eq!(verified("shop", &object("RequestAuthentication", "dev/b", of_b)), std::slice::from_ref(&a));
    assert_eq!(verified("istio-system", &object("RequestAuthentication", "dev/b", of_b)), [a, b]);
}

/// Envoy takes `host` for `:authority`, and writes any header of its own where it is told to copy a payload.
#[test]
fn a_copy_to_what_a_request_is_told_by_leaves_that_open() {
    let copied = |more: &str, operation: &str| {
        let spec = format!("{{jwtRules: [{{issuer: 'https://a', jwksUri: 'https://a/keys', {more}}}]}}");
        cluster(&format!("{}{}", tokens(&spec), policy(&format!("{{rules: [{{to: [{{operation: {{{operation}}}}}]}}]}}"))))
    };
    let request = mtls(&web(), &db(), 80).http("GET", "/").token(of("https://a"));
    let to_host = "outputClaimToHeaders: [{header: Host, claim: x}]";
    for (more, operation) in [
        (to_host, "hosts: ['*']"),
        ("outputPayloadToHeader: ':authority'", "hosts: ['*']"),
        ("outputPayloadToHeader: ':path'", "paths: [/]"),
        ("outputPayloadToHeader: ':method'", "methods: [GET]"),
    ] {
        unspecified(&copied(more, operation), &request, "header");
    }
    for (more, operation) in [(to_host, "paths: [/]"), ("outputPayloadToHeader: x-path", "paths: [/]"), (to_host, "methods: [GET]")] {
        allowed(&copied(more, operation), &request);
    }
}

/// Tokens are looked at before policies are (`semantics.md` §4.1): a header that a claim is copied to is not what the client wrote.
#[test]
fn headers_that_come_of_tokens_are_not_the_clients() {
    let rule = "{rules: [{when: [{key: 'request.headers[x-env]', values: [prod]}]}]}";
    let copied = |namespace: &str, more: &str| {
        let spec = format!("{{jwtRules: [{{issuer: 'https://a', jwksUri: 'https://a/keys'{more}}}]}}");
        cluster(&format!("{}{}", object("RequestAuthentication", &format!("{namespace}/tokens"), &spec), policy(rule)))
    };
    let written = mtls(&web(), &db(), 80).http("GET", "/").header("x-env", "prod");
    let other = mtls(&web(), &db(), 80).http("GET", "/").header("x-env", "test");
    let (claim, whole) = (", outputClaimToHeaders: [{header: X-Env, claim: env}]", ", outputPayloadToHeader: x-env");
    for (namespace, more) in [("shop", claim), ("istio-system", claim), ("shop", whole)] {
        unspecified(&copied(namespace, more), &written, "header");
        unspecified(&copied(namespace, more), &other, "header");
    }
    for (namespace, more) in [("shop", ""), ("dev", claim), ("shop", ", outputClaimToHeaders: [{header: x-other, claim: env}]")] {
        allowed(&copied(namespace, more), &written);
        denied(&copied(namespace, more), &other, Gate::Caller);
    }
}

#[test]
fn section_4_4_policies_combine() {
    let b = object(
        "RequestAuthentication",
        "istio-system/b",
        "{selector: {matchLabels: {app: db}}, jwtRules: [{issuer: 'https://b', jwksUri: 'https://b/keys'}]}",
    );
    let both = cluster(&format!("{}{b}", tokens(ONE)));
    allowed(&both, &bearing(of("https://a")));
    allowed(&both, &bearing(of("https://b")));
    denied(&both, &bearing(of("https://c")), Gate::Token);
    denied(&both, &bearing(Token::Unverified), Gate::Token);
    denied(&both, &mtls(&db(), &web(), 80).http("GET", "/").token(of("https://b")), Gate::Token);
}

#[test]
fn trap_090_any_principal_is_of_any_issuer() {
    let two = tokens("{jwtRules: [{issuer: 'https://a', jwksUri: 'https://a/k'}, {issuer: 'https://b', jwksUri: 'https://b/k'}]}");
    let with = |rule: &str| cluster(&format!("{two}{}", policy(&format!("{{rules: [{rule}]}}"))));
    let any = with("{from: [{source: {requestPrincipals: ['*']}}]}");
    allowed(&any, &bearing(of("https://a")));
    allowed(&any, &bearing(of("https://b")));
    for rule in
        ["{from: [{source: {requestPrincipals: ['https://a/*']}}]}", "{when: [{key: 'request.auth.claims[iss]', values: ['https://a']}]}"]
    {
        allowed(&with(rule), &bearing(of("https://a")));
        denied(&with(rule), &bearing(of("https://b")), Gate::Caller);
        denied(&with(rule), &bearing(Token::None), Gate::Caller);
    }
}

#[test]
fn trap_091_without_a_subject_there_is_no_principal() {
    let nameless = || bearing(valid("https://a", &[("aud", "shop")]));
    for pattern in ["*", "https://a/*", "https://a/ann", "*/ann", "*nn", "https://a/an*", "*a/ann"] {
        let cluster = one_issuer(&format!("{{from: [{{source: {{requestPrincipals: ['{pattern}']}}}}]}}"));
        denied(&cluster, &nameless(), Gate::Caller);
        allowed(&cluster, &bearing(of("https://a")));
    }
    for pattern in ["https://a/bob", "https://*/ann", "https://a", "https://b/*", "*b/ann"] {
        denied(
            &one_issuer(&format!("{{from: [{{source: {{requestPrincipals: ['{pattern}']}}}}]}}")),
            &bearing(of("https://a")),
            Gate::Caller,
        );
    }
    allowed(&one_issuer("{when: [{key: 'request.auth.claims[iss]', values: ['https://a']}]}"), &nameless());
    allowed(&one_issuer("{from: [{source: {notRequestPrincipals: ['*']}}]}"), &nameless());
    allowed(&one_issuer("{when: [{key: request.auth.principal, values: ['https://a/ann']}]}"), &bearing(of("https://a")));
}

#[test]
fn trap_092_claims_are_texts_and_lists_of_texts() {
    let token = || {
        bearing(valid(
            "https://a",
            &[
                ("aud", "shop"),
                ("sub", "ann"),
                ("groups", "admin"),
                ("groups", "ops"),
                ("scope", "read write"),
                ("title", "vice president"),
                ("[org][unit]", "blue"),
                ("a.b", "dotted"),
                ("azp", "app"),
            ],
        ))
    };
    let with = |key: &str, value: &str| one_issuer(&format!("{{when: [{{key: '{key}', values: ['{value}']}}]}}"));
    for (key, value) in [
        ("request.auth.claims[groups]", "ops"),
        ("request.auth.claims[groups]", "adm*"),
        ("request.auth.claims[groups]", "*"),
        ("request.auth.claims[scope]", "write"),
        ("request.auth.claims[title]", "vice president"),
        ("request.auth.claims[org][unit]", "blue"),
        ("request.auth.claims[a.b]", "dotted"),
        ("request.auth.claims[sub]", "ann"),
        ("request.auth.audiences", "shop"),
        ("request.auth.presenter", "app"),
    ] {
        allowed(&with(key, value), &token());
    }
    for (key, value) in [
        ("request.auth.claims[groups]", "admin ops"),
        ("request.auth.claims[title]", "vice"),
        ("request.auth.claims[org.unit]", "blue"),
        ("request.auth.claims[unit]", "blue"),
        ("request.auth.claims[a][b]", "dotted"),
        ("request.auth.claims[level]", "3"),
    ] {
        denied(&with(key, value), &token(), Gate::Caller);
    }
    // Further claims can be named as holding several words.
    let spaced = "{jwtRules: [{issuer: 'https://a', jwksUri: 'https://a/k', spaceDelimitedClaims: [title]}]}";
    let rule = policy("{rules: [{when: [{key: 'request.auth.claims[title]', values: [vice]}]}]}");
    allowed(&cluster(&format!("{}{rule}", tokens(spaced))), &token());
}

#[test]
fn trap_093_without_audiences_tokens_for_others_are_taken() {
    let foreign = || bearing(valid("https://a", &[("aud", "bank"), ("sub", "ann")]));
    denied(&cluster(&tokens(ONE)), &foreign(), Gate::Token);
    denied(&cluster(&tokens(ONE)), &bearing(valid("https://a", &[])), Gate::Token);
    allowed(&cluster(&tokens("{jwtRules: [{issuer: 'https://a', jwksUri: 'https://a/k'}]}")), &foreign());
}

#[test]
fn trap_095_not_any_user_is_every_connection_without_http() {
    let rule = "{action: DENY, rules: [{from: [{source: {notRequestPrincipals: ['*']}}]}]}";
    let at_sidecar = cluster(&format!("{}{}", tokens(ONE), policy(rule)));
    denied(&at_sidecar, &bearing(Token::None), Gate::Caller);
    allowed(&at_sidecar, &bearing(of("https://a")));
    denied(&at_sidecar, &mtls(&web(), &db(), 5432), Gate::Caller);
    allowed(&at_sidecar, &mtls(&ambient("shop", "", "a"), &ambient("shop", "", "b"), 80));
    let form = one_issuer("{from: [{source: {requestPrincipals: ['*']}}], to: [{operation: {ports: ['80']}}]}");
    denied(&form, &mtls(&web(), &db(), 5432), Gate::Caller);
}

#[test]
fn trap_096_ztunnel_checks_no_tokens() {
    let question = mtls(&ambient("shop", "", "a"), &ambient("shop", "app=db", "db"), 80).http("GET", "/").token(Token::Unverified);
    allowed(&cluster(&tokens(ONE)), &question);
    denied(&one_issuer("{from: [{source: {requestPrincipals: ['*']}}]}"), &question, Gate::Caller);
}

#[test]
fn section_4_9_a_preflight_is_not_asked_for_its_token() {
    let preflight = bearing(Token::Unverified)
        .request(|request| request.method = "OPTIONS".into())
        .header("origin", "https://x")
        .header("access-control-request-method", "PUT");
    allowed(&cluster(&tokens(ONE)), &preflight);
    denied(&one_issuer("{to: [{operation: {methods: [GET]}}]}"), &preflight, Gate::Caller);
    denied(&cluster(&tokens(ONE)), &bearing(Token::Unverified).request(|request| request.method = "OPTIONS".into()), Gate::Token);
}

#[test]
fn what_a_token_rule_leaves_open() {
    let anybody = cluster(&tokens("{jwtRules: [{jwksUri: 'https://a/k'}]}"));
    unspecified(&anybody, &bearing(of("https://z")), "without `issuer`");
    denied(&anybody, &bearing(Token::Unverified), Gate::Token);
    let elsewhere = cluster(&tokens("{jwtRules: [{issuer: 'https://a', fromHeaders: [{name: x-token}]}]}"));
    unspecified(&elsewhere, &bearing(of("https://a")), "place of its own");
    allowed(&elsewhere, &bearing(Token::None));
    let asked = cluster(&tokens("{jwtRules: [{issuer: 'https://a', presence: REQUIRED}]}"));
    unspecified(&asked, &bearing(Token::None), "presence: REQUIRED");
    allowed(&asked, &bearing(of("https://a")));
}

/// Who names the bearer header looks where a token is looked for anyway; any other header, prefix or place may hold the token or not.
#[test]
fn section_4_5_the_bearer_header_may_be_named() {
    let at = |places: &str| cluster(&tokens(&format!("{{jwtRules: [{{issuer: 'https://a', {places}}}]}}")));
    let bearer = "{name: Authorization, prefix: 'Bearer '}";
    let named = [
        format!("fromHeaders: [{bearer}]"),
        "fromHeaders: [{name: authorization, prefix: 'Bearer '}]".to_owned(),
        format!("fromHeaders: [{{name: x-token}}, {bearer}]"),
        format!("fromHeaders: [{bearer}], fromParams: [token]"),
    ];
    for places in named {
        allowed(&at(&places), &bearing(of("https://a")));
        denied(&at(&places), &bearing(of("https://b")), Gate::Token);
        denied(&at(&places), &bearing(Token::Unverified), Gate::Token);
        allowed(&at(&places), &bearing(Token::None));
    }
    let others = [
        "fromHeaders: [{name: Authorization}]",
        "fromHeaders: [{name: Authorization, prefix: 'JWT '}]",
        "fromHeaders: [{name: x-token, prefix: 'Bearer '}]",
        "fromParams: [access_token]",
        "fromCookies: [token]",
    ];
    for places in others {
        unspecified(&at(places), &bearing(of("https://a")), "place of its own");
    }
}

#[test]
fn section_4_10_what_is_refused() {
    for rule in [
        "{}",
        "{issuer: ''}",
        "{issuer: a, jwks: x, jwksUri: 'https://a'}",
        "{issuer: a, jwksUri: 'ftp://a'}",
        "{issuer: a, audiences: ['']}",
        "{issuer: a, audience: [x]}",
        "{issuer: a, fromHeaders: [{prefix: x}]}",
        "{issuer: a, presence: MAYBE}",
        "{issuer: a, forwardOriginalToken: 'yes'}",
        "{issuer: a, outputClaimToHeaders: [{header: x}]}",
        "{issuer: a, outputClaimToHeaders: [{header: ':authority', claim: x}]}",
        "{issuer: a, outputClaimToHeaders: [{header: x.y, claim: x}]}",
        "{issuer: a, timeout: apple}",
        "{issuer: a, timeout: 5}",
        "{issuer: a, timeout: '5'}",
        "{issuer: a, timeout: 0s}",
        "{issuer: a, timeout: 999us}",
        "{issuer: a, timeout: -1s}",
        "{jwks: '{\"keys\": []}'}",
    ] {
        assert_eq!(findings(&tokens(&format!("{{jwtRules: [{rule}]}}"))).len(), 1, "{rule}");
    }
    for timeout in ["5s", "10ms", "1.5s", "1h2m3s", "1000us", "0s1ms", ".5s"] {
        assert_eq!(findings(&tokens(&format!("{{jwtRules: [{{issuer: a, timeout: {timeout}}}]}}"))), [""; 0], "{timeout}");
    }
    assert_eq!(findings(&tokens("{jwtRules: [{issuer: a, outputClaimToHeaders: [{header: X-a_1, claim: x}]}]}")), [""; 0]);
    let two = "{selector: {matchLabels: {a: b}}, targetRefs: [{kind: Service, name: db}], jwtRules: []}";
    assert_eq!(findings(&tokens(two)).len(), 1);
}
