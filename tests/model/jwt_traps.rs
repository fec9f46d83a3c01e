//! The traps of `semantics.md` §8.4, and §4, at a sidecar: each as YAML and the verdicts that it really gives.

use std::collections::BTreeMap;

use super::samples::{
    allowed, authorization_policy, cluster, denied, findings, meshed, mtls, object, plain, request_authentication, tcp, unspecified, valid,
};
use super::{Claim, Claims, Cluster, Flow, Pod, Token};

const AUTHORIZATION: &str = "AuthorizationPolicy";
const TOKENS: &str = "RequestAuthentication";
const ONE: &str = "{jwtRules: [{issuer: 'https://a', jwksUri: 'https://a/keys', audiences: [shop]}]}";

fn db() -> Pod {
    meshed("shop", "app=db", "db")
}

fn ask(token: Token) -> Flow {
    mtls(&meshed("shop", "app=web", "web"), &db(), 80).http("GET", "/").token(token)
}

fn of(issuer: &str) -> Token {
    Token::Valid(valid(issuer, Some("ann")))
}

/// Tokens of `https://a` for `shop` are checked, and one ALLOW rule stands.
fn one_issuer(rule: &str) -> Cluster {
    cluster(&format!("{}{}", request_authentication(ONE), authorization_policy(&format!("{{rules: [{rule}]}}"))))
}

#[test]
fn trap_89_checking_tokens_asks_for_none() {
    let alone = cluster(&request_authentication(ONE));
    allowed(&alone, &ask(Token::None));
    allowed(&alone, &ask(of("https://a")));
    denied(&alone, &ask(Token::Unverified), TOKENS);
    denied(&alone, &ask(of("https://b")), TOKENS);
    // Raw bytes carry no token, and another pod's policy checks none.
    allowed(&alone, &tcp(&plain("shop", ""), &db(), 80));
    let elsewhere = mtls(&db(), &meshed("dev", "", "x"), 80).http("GET", "/").token(Token::Unverified);
    allowed(&alone, &elsewhere);
    let required = one_issuer("{from: [{source: {requestPrincipals: ['https://a/*']}}]}");
    denied(&required, &ask(Token::None), AUTHORIZATION);
    allowed(&required, &ask(of("https://a")));
}

#[test]
fn section_4_4_policies_combine_and_attach_like_the_others() {
    let b = "{selector: {matchLabels: {app: db}}, jwtRules: [{issuer: 'https://b', audiences: [shop]}]}";
    let root = object("security.istio.io/v1", "RequestAuthentication", "istio-system/b", b);
    let both = cluster(&format!("{}{root}", request_authentication(ONE)));
    allowed(&both, &ask(of("https://a")));
    allowed(&both, &ask(of("https://b")));
    denied(&both, &ask(of("https://c")), TOKENS);
    let web = meshed("shop", "app=web", "web");
    denied(&both, &mtls(&db(), &web, 80).http("GET", "/").token(of("https://b")), TOKENS);
    // Without a policy for the proxy nothing is validated: no refusal, and no principal.
    let none = cluster(&authorization_policy("{rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}"));
    denied(&none, &ask(of("https://a")), AUTHORIZATION);
    allowed(&cluster(""), &ask(Token::Unverified));
}

#[test]
fn trap_90_any_principal_is_of_any_issuer() {
    let two = request_authentication("{jwtRules: [{issuer: 'https://a', audiences: [shop]}, {issuer: 'https://b', audiences: [shop]}]}");
    let with = |rule: &str| cluster(&format!("{two}{}", authorization_policy(&format!("{{rules: [{rule}]}}"))));
    let any = with("{from: [{source: {requestPrincipals: ['*']}}]}");
    allowed(&any, &ask(of("https://a")));
    allowed(&any, &ask(of("https://b")));
    for rule in
        ["{from: [{source: {requestPrincipals: ['https://a/*']}}]}", "{when: [{key: 'request.auth.claims[iss]', values: ['https://a']}]}"]
    {
        allowed(&with(rule), &ask(of("https://a")));
        denied(&with(rule), &ask(of("https://b")), AUTHORIZATION);
        denied(&with(rule), &ask(Token::None), AUTHORIZATION);
    }
}

#[test]
fn trap_91_without_a_subject_there_is_no_principal() {
    let nameless = || ask(Token::Valid(valid("https://a", None)));
    let empty = || ask(Token::Valid(valid("https://a", Some(""))));
    for pattern in ["*", "https://a/*", "https://a/ann"] {
        let cluster = one_issuer(&format!("{{from: [{{source: {{requestPrincipals: ['{pattern}']}}}}]}}"));
        denied(&cluster, &nameless(), AUTHORIZATION);
        denied(&cluster, &empty(), AUTHORIZATION);
        allowed(&cluster, &ask(of("https://a")));
    }
    allowed(&one_issuer("{when: [{key: 'request.auth.claims[iss]', values: ['https://a']}]}"), &nameless());
    allowed(&one_issuer("{from: [{source: {notRequestPrincipals: ['*']}}]}"), &nameless());
    denied(&one_issuer("{from: [{source: {requestPrincipals: ['https://a/bob']}}]}"), &ask(of("https://a")), AUTHORIZATION);
    // The two statements of §4.3 read this one differently.
    unspecified(&one_issuer("{from: [{source: {requestPrincipals: ['https://a*']}}]}"), &ask(of("https://a")), "two readings");
}

#[test]
fn trap_92_only_texts_match() {
    let others = BTreeMap::from([
        ("level".to_owned(), Claim::NotText),
        ("groups".to_owned(), Claim::Strings(vec!["admin".to_owned(), "ops".to_owned()])),
        ("scope".to_owned(), Claim::Strings(vec!["read write".to_owned()])),
        ("title".to_owned(), Claim::Strings(vec!["vice president".to_owned()])),
        ("org".to_owned(), Claim::Nested(BTreeMap::from([("unit".to_owned(), Claim::Strings(vec!["blue".to_owned()]))]))),
        ("a.b".to_owned(), Claim::Strings(vec!["dotted".to_owned()])),
        ("azp".to_owned(), Claim::Strings(vec!["app".to_owned()])),
    ]);
    let flow = ask(Token::Valid(Claims { others, ..valid("https://a", Some("ann")) }));
    let with = |key: &str, value: &str| one_issuer(&format!("{{when: [{{key: '{key}', values: ['{value}']}}]}}"));
    for (key, value) in [
        ("request.auth.claims[groups]", "ops"),
        ("request.auth.claims[groups]", "adm*"),
        ("request.auth.claims[scope]", "write"),
        ("request.auth.claims[title]", "vice president"),
        ("request.auth.claims[org][unit]", "blue"),
        ("request.auth.claims[a.b]", "dotted"),
        ("request.auth.claims[sub]", "ann"),
        ("request.auth.audiences", "shop"),
        ("request.auth.presenter", "app"),
        ("request.auth.principal", "https://a/ann"),
    ] {
        allowed(&with(key, value), &flow);
    }
    for (key, value) in [
        ("request.auth.claims[level]", "3"),
        ("request.auth.claims[groups]", "admin ops"),
        ("request.auth.claims[scope]", "read write"),
        ("request.auth.claims[title]", "vice"),
        ("request.auth.claims[a][b]", "dotted"),
        ("request.auth.claims[org]", "blue"),
        ("request.auth.claims[org.unit]", "blue"),
        ("request.auth.claims[absent]", "*"),
    ] {
        denied(&with(key, value), &flow, AUTHORIZATION);
    }
    allowed(&one_issuer("{when: [{key: 'request.auth.claims[level]', notValues: ['3']}]}"), &flow);
    let splitting = "{jwtRules: [{issuer: 'https://a', audiences: [shop], spaceDelimitedClaims: [title]}]}";
    let rule = authorization_policy("{rules: [{when: [{key: 'request.auth.claims[title]', values: [vice]}]}]}");
    allowed(&cluster(&format!("{}{rule}", request_authentication(splitting))), &flow);
}

#[test]
fn trap_93_without_audiences_any_will_do() {
    let foreign = ask(Token::Valid(Claims { audiences: vec!["other".to_owned()], ..valid("https://a", Some("ann")) }));
    denied(&cluster(&request_authentication(ONE)), &foreign, TOKENS);
    let open = "{jwtRules: [{issuer: 'https://a', jwks: '{}'}]}";
    allowed(&cluster(&request_authentication(open)), &foreign);
    assert_eq!(findings(&request_authentication(open)), ["never emit: a jwtRule without audiences"]);
    assert_eq!(findings(&request_authentication(ONE)), [""; 0]);
}

#[test]
fn trap_94_a_token_that_was_stripped_is_no_token() {
    let rule = one_issuer("{from: [{source: {requestPrincipals: ['https://a/*']}}]}");
    denied(&rule, &ask(Token::None), AUTHORIZATION);
}

#[test]
fn trap_95_a_deny_of_the_tokenless_denies_tcp() {
    let with = |to: &str| {
        let deny = format!("{{action: DENY, rules: [{{from: [{{source: {{notRequestPrincipals: ['*']}}}}]{to}}}]}}");
        cluster(&format!("{}{}", request_authentication(ONE), authorization_policy(&deny)))
    };
    let raw = |port| mtls(&meshed("shop", "app=web", "web"), &db(), port);
    denied(&with(""), &raw(5432), AUTHORIZATION);
    denied(&with(""), &ask(Token::None), AUTHORIZATION);
    allowed(&with(""), &ask(of("https://a")));
    allowed(&with(", to: [{operation: {ports: ['80']}}]"), &raw(5432));
    denied(&with(", to: [{operation: {ports: ['80']}}]"), &raw(80), AUTHORIZATION);
}

#[test]
fn section_4_9_a_preflight_is_not_checked_but_still_judged() {
    let preflight = |token| {
        let flow = mtls(&meshed("shop", "app=web", "web"), &db(), 80).http("OPTIONS", "/").token(token);
        flow.header("Origin", "https://x").header("Access-Control-Request-Method", "GET")
    };
    allowed(&cluster(&request_authentication(ONE)), &preflight(Token::Unverified));
    let bare = mtls(&meshed("shop", "app=web", "web"), &db(), 80).http("OPTIONS", "/").token(Token::Unverified);
    denied(&cluster(&request_authentication(ONE)), &bare, TOKENS);
    denied(&one_issuer("{from: [{source: {requestPrincipals: ['*']}}]}"), &preflight(of("https://a")), AUTHORIZATION);
}

#[test]
fn section_4_10_what_the_model_leaves_open_and_what_is_refused() {
    let with = |rule: &str| request_authentication(&format!("{{jwtRules: [{rule}]}}"));
    let nameless = "{jwksUri: 'https://a/keys', audiences: [shop]}";
    unspecified(&cluster(&with(nameless)), &ask(of("https://a")), "without issuer");
    let elsewhere = "{issuer: 'https://a', audiences: [shop], fromHeaders: [{name: x-token}]}";
    unspecified(&cluster(&with(elsewhere)), &ask(of("https://a")), "another place");
    allowed(&cluster(&with(elsewhere)), &ask(Token::None));
    for (rule, finding) in [
        ("{issuer: '', audiences: [shop]}", "refused: an empty issuer"),
        ("{issuer: a, audiences: [shop], jwks: x, jwksUri: 'https://a'}", "refused: jwks beside jwksUri"),
        ("{issuer: a, audiences: [shop], jwksUri: 'file:///a'}", "refused: the jwksUri Some(\"file:///a\")"),
        ("{issuer: a, audiences: ['']}", "refused: an empty value in audiences"),
        (nameless, "never emit: a jwtRule without issuer"),
    ] {
        assert_eq!(findings(&with(rule)), [finding]);
    }
    assert!(Cluster::read(&with("{issuer: a, audience: [shop]}")).is_err());
    assert_eq!(findings(&with("{audiences: [shop]}"))[0], "refused: neither issuer nor jwksUri");
}
