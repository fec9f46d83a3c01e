//! Rules about tokens: many of them are compared as few are, and what is not told apart need not be.

use twogate::classes::{PathCells, request_classes};
use twogate::cluster::{Cluster, Endpoint, Names, Way};
use twogate::flow::{DataPlane, NAMESPACE_NAME, Peer, Pod, Protocol, Transport};

use super::manifests::{compared, lines, read};
use crate::cli::Place;

const SIDECAR: &str = "[mesh]\nmode = \"sidecar\"\n";

const TOKENS: &str = "---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: jwt, namespace: shop}\n\
    spec: {jwtRules: [{issuer: 'https://idp.test', jwksUri: 'https://idp.test/keys'}]}\n";

fn policy(name: &str, app: &str, action: &str, rules: &str) -> String {
    format!(
        "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: {name}, namespace: shop}}\n\
         spec: {{selector: {{matchLabels: {{app: {app}}}}}, action: {action}, rules: [{rules}]}}\n"
    )
}

/// Whoever has no token is stopped on some paths, and of the others each needs one of some groups.
fn guarded(app: &str, groups: &[&str]) -> String {
    let rule = |group: &&str| {
        format!(
            "{{from: [{{source: {{requestPrincipals: ['https://idp.test/*']}}}}], to: [{{operation: {{methods: [GET, POST]}}}}], \
             when: [{{key: 'request.auth.claims[groups]', values: [{group}, admin]}}]}}"
        )
    };
    let allow: Vec<String> = groups.iter().map(rule).collect();
    let bare = "{from: [{source: {notRequestPrincipals: ['*']}}], to: [{operation: {paths: [/api/*], hosts: [shop.test]}}]}";
    policy(&format!("deny-{app}"), app, "DENY", bare) + &policy(app, app, "ALLOW", &allow.join(", "))
}

const GROUPS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// Tokens with any of a dozen groups are thousands; that a rule has another group shows with those of two.
#[test]
fn a_rule_for_a_group_among_many_is_compared() {
    let mut other = GROUPS;
    other[5] = "z";
    let (base, head) = (TOKENS.to_owned() + &guarded("db", &GROUPS), TOKENS.to_owned() + &guarded("db", &other));
    let found = compared(&base, &head, SIDECAR);
    assert!(found.report.incomplete.is_empty(), "{:?}", found.report.incomplete);
    let told = lines(&found);
    assert!(
        told.len() == 1 && told[0].contains("app=db@shop") && told[0].ends_with("but other requests [AuthorizationPolicy shop/db changed]"),
        "{told:#?}"
    );
    assert!(found.report.entries.iter().all(twogate::diff::Entry::loses), "who has the old group loses");
    assert!(lines(&compared(&base, &base, SIDECAR)).is_empty());
}

/// Requests that no policy tells apart are asked about once, so that what a whole team has changed is compared.
#[test]
fn what_many_rules_about_tokens_do_is_compared_to_its_end() {
    let apps = ["db", "api", "web", "bill", "mail", "log"];
    let all = |groups: &[&str]| apps.iter().fold(TOKENS.to_owned(), |text, app| text + &guarded(app, groups));
    let found = compared(&all(&GROUPS[..4]), &all(&GROUPS[..5]), SIDECAR);
    assert!(found.report.incomplete.is_empty(), "{:?}", found.report.incomplete);
    let told = lines(&found);
    assert!(apps.iter().all(|app| told.iter().any(|line| line.contains(app))), "{told:#?}");
}

/// Any of several audiences will do, so each of them that comes or goes lets somebody in, or out.
#[test]
fn an_audience_that_is_not_the_first_is_compared() {
    let with = |more: &str| TOKENS.replace("jwksUri", &format!("{more}, jwksUri"));
    let told = |base: &str, head: &str| lines(&compared(&with(base), &with(head), SIDECAR));
    let (one, two) = ("audiences: [a]", "audiences: [a, b]");
    assert_eq!(told(one, two).len(), 1, "{:?}", told(one, two));
    assert_eq!(told(two, one).len(), 1, "{:?}", told(two, one));
    assert_eq!(told(two, "audiences: [a, c]").len(), 1);
    assert!(told(two, "audiences: [b, a]").is_empty());
    let db = policy("db", "db", "DENY", "{when: [{key: 'request.auth.claims[aud]', values: [a]}]}");
    assert!(!lines(&compared(&(with(two) + &db), &(with(one) + &db), SIDECAR)).is_empty());
}

/// What a claim holds is one word, or several with blanks between them: that shows of such values alone.
#[test]
fn a_claim_of_which_blanks_end_words_is_compared() {
    let spaced = TOKENS.replace("jwksUri", "spaceDelimitedClaims: [roles], jwksUri");
    for values in ["values: [x]", "values: [x, 'p*'], notValues: [y]", "values: ['*'], notValues: [y]"] {
        let db = policy("db", "db", "ALLOW", &format!("{{when: [{{key: 'request.auth.claims[roles]', {values}}}]}}"));
        let (base, head) = (TOKENS.to_owned() + &db, spaced.clone() + &db);
        assert_eq!(lines(&compared(&base, &head, SIDECAR)).len(), 1, "{values}");
        assert!(lines(&compared(&head, &head, SIDECAR)).is_empty());
    }
}

/// Keys without an issuer may sign for anybody, so who is named in a rule is told apart from those who are not.
#[test]
fn an_issuer_that_only_rules_name_is_compared() {
    let anybody = TOKENS.replace("issuer: 'https://idp.test', ", "");
    let of = |rule: &str| anybody.clone() + &policy("db", "db", "ALLOW", rule);
    let user = |issuer: &str| of(&format!("{{from: [{{source: {{requestPrincipals: ['{issuer}/*']}}}}]}}"));
    let claim = |issuer: &str| of(&format!("{{when: [{{key: 'request.auth.claims[iss]', values: ['{issuer}']}}]}}"));
    for (base, head) in [(user("https://a"), user("https://b")), (claim("https://a"), claim("https://b"))] {
        assert!(!lines(&compared(&base, &head, SIDECAR)).is_empty(), "{base}");
        assert!(lines(&compared(&base, &base, SIDECAR)).is_empty());
    }
}

fn pod(namespace: &str, app: &str, plane: DataPlane) -> Endpoint {
    Endpoint::from(Peer::Pod(Pod {
        namespace: namespace.into(),
        namespace_labels: [(NAMESPACE_NAME.into(), namespace.into())].into(),
        labels: [("app".into(), app.into())].into(),
        account: app.into(),
        plane,
    }))
}

/// Requests of one number get one answer, from whomever, on whatever port and over either transport.
#[test]
fn requests_that_are_alike_get_the_same_answer() {
    let rules = [
        guarded("db", &GROUPS[..3]),
        policy(
            "callers",
            "db",
            "ALLOW",
            "{from: [{source: {principals: ['cluster.local/ns/shop/sa/web']}}], to: [{operation: {hosts: ['a.*', b.test], ports: ['80']}}, {operation: {notPaths: [/x*]}}]}",
        ),
        policy(
            "header",
            "db",
            "DENY",
            "{from: [{source: {namespaces: [dev]}}], when: [{key: 'request.headers[x-a]', values: ['*'], notValues: [ok]}]}",
        ),
        policy("ask", "db", "CUSTOM", "{to: [{operation: {paths: [/ext]}}]}")
            .replace("action: CUSTOM", "action: CUSTOM, provider: {name: p}"),
    ];
    let cluster: Cluster = read(&(TOKENS.to_owned() + &rules.concat()), SIDECAR);
    let mut told_apart = 0;
    for plane in [DataPlane::Sidecar, DataPlane::Ambient, DataPlane::None] {
        let near = pod("shop", "db", plane);
        let end = cluster.end(&near, Way::Ingress);
        let cuts = end.cuts(&Names::default());
        let all: Vec<usize> = (0..cuts.len()).collect();
        let requests = request_classes(&cuts, &all, &mut PathCells::default()).unwrap();
        let numbers = end.alike(&requests);
        let count = numbers.iter().max().unwrap() + 1;
        told_apart = told_apart.max(count);
        for (namespace, account) in [("shop", "web"), ("shop", "other"), ("dev", "web"), ("far", "far")] {
            for far in [DataPlane::Sidecar, DataPlane::None].map(|plane| pod(namespace, account, plane)) {
                for (port, transport) in
                    [80, 81, 15020].into_iter().flat_map(|port| [(port, Transport::Mtls), (port, Transport::Plaintext)])
                {
                    let mut answers = vec![None; count];
                    for (request, number) in requests.iter().zip(&numbers) {
                        let said = end.judge(&far, Protocol::Tcp, port, transport, request.as_ref());
                        assert_eq!(said.0, end.decide(&far, Protocol::Tcp, port, transport, request.as_ref()));
                        assert_eq!(said.1, end.stops(&far, Protocol::Tcp, port, transport, request.as_ref()));
                        let known = answers[*number].get_or_insert_with(|| said.clone());
                        assert_eq!(*known, said, "{request:?} at {port}");
                    }
                }
            }
        }
    }
    assert!(told_apart > 8, "the rules tell requests apart: {told_apart}");
}

/// Two keys of one issuer that are exchanged: each signs for those for whom the other did.
#[test]
fn keys_that_are_exchanged_between_audiences_are_told() {
    let policy = |first: &str, second: &str| {
        let rule = |audience: &str, keys: &str| {
            format!("{{issuer: 'https://idp.test', audiences: [{audience}], jwksUri: 'https://idp.test/{keys}'}}")
        };
        format!(
            "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {{name: jwt, namespace: shop}}\nspec: {{jwtRules: [{}, {}]}}\n",
            rule("a", first),
            rule("b", second)
        )
    };
    let place = crate::cli::Place::with(&[("old.yaml", &policy("x", "y")), ("new.yaml", &policy("y", "x"))]);
    let told = place.run("diff --manifests old.yaml new.yaml").stdout;
    assert!(
        told.contains("are verified by the keys at `https://idp.test/x` for `b` or the keys at `https://idp.test/y` for `a`"),
        "{told}"
    );
}

/// In a swap everybody loses what they had, and a wider set takes nothing away.
#[test]
fn a_swap_reads_otherwise_than_a_wider_set() {
    let program = |issuer: &str, audience: &str, claim: &str| {
        format!(
            "namespace shop\nissuer corp = \"{issuer}\" jwks \"https://id.example/keys\" audience {audience}\n\
             workload web = app=web account web\nallow web -> app=api:8080 mtls http GET /a jwt corp {claim}\n"
        )
    };
    let is_lost = |old: [&str; 3], new: [&str; 3]| {
        let [old, new] = [old, new].map(|[issuer, audience, claim]| program(issuer, audience, claim));
        let place = Place::with(&[("old/a.intent", &old), ("new/a.intent", &new)]);
        let text = place.run("diff old new").stdout;
        let json: serde_json::Value = serde_json::from_str(&place.run("diff old new --format json").stdout).unwrap();
        assert_eq!(json["counts"], serde_json::json!({"ports-or-requests": 1}), "{text}");
        let loses = json["entries"][0]["loses"].as_bool().unwrap();
        let remark = "some of what passed no longer does";
        assert_eq!(text.contains("1 with more ports or requests · 1 of them takes something away too\n"), loses, "{text}");
        for format in ["human", "json", "markdown", "sarif"] {
            let written = place.run(&format!("diff old new --format {format}")).stdout;
            assert_eq!(written.contains(remark), loses, "{format}: {written}");
            assert!(format != "sarif" || written.contains("\"ruleId\": \"access-lost\"") == loses, "{written}");
        }
        assert_eq!(place.run("diff old new --fail-on lost").status, i32::from(loses));
        loses
    };
    let plain = ["https://a.test", "\"s\"", "claim g=a"];
    assert!(is_lost(plain, ["https://a.test", "\"t\"", "claim g=a"]));
    assert!(!is_lost(plain, ["https://a.test", "\"s\"|\"t\"", "claim g=a"]));
    assert!(is_lost(plain, ["https://a.test", "\"s\"", "claim g=b"]));
    assert!(!is_lost(plain, ["https://a.test", "\"s\"", "claim g=a|b"]));
    assert!(is_lost(plain, ["https://b.test", "\"s\"", "claim g=a"]));
}

/// Requests with tokens are told as lines say them; whom a token is meant for only where that is not the same on both sides.
#[test]
fn requests_with_tokens_are_told_as_lines_say_them() {
    let program = |audience: &str, line: &str| {
        format!(
            "namespace shop\nissuer corp = \"https://id.example\" jwks \"https://id.example/keys\" audience \"{audience}\"\n\
             workload web = app=web account web\nallow web -> app=api:8080 mtls {line}\n"
        )
    };
    let told = |old: &str, new: &str| {
        let ran = Place::with(&[("old/a.intent", old), ("new/a.intent", new)]).run("diff old new");
        let line = ran.stdout.lines().find(|line| line.contains("app=api@shop:8080  ")).unwrap_or_default().to_owned();
        line.split_once("  was ").map(|(_, words)| words.to_owned()).unwrap_or(ran.stdout)
    };
    let (plain, token) = (program("shop", "http GET /a"), program("shop", "http GET /a jwt corp"));
    let claim = program("shop", "http GET /a jwt corp claim groups=admin|ops");
    assert_eq!(told(&plain, &token), "allowed, mTLS, http GET /a; now allowed, mTLS, http GET /a jwt corp");
    assert_eq!(told(&token, &claim), "allowed, mTLS, http GET /a jwt corp; now allowed, mTLS, http GET /a jwt corp claim groups=admin|ops");
    assert_eq!(
        told(&token, &program("till", "http GET /a jwt corp")),
        "allowed, mTLS, http GET /a jwt corp claim aud=shop; now allowed, mTLS, http GET /a jwt corp claim aud=till"
    );
    let beside = format!("{token}allow app=job -> app=api:9090 http POST /b\n");
    let ran = Place::with(&[("old/a.intent", &token), ("new/a.intent", &beside)]).run("diff old new").stdout;
    assert!(ran.contains("app=job@shop -> app=api@shop:9090  now allowed, http POST /b, but not with every token\n"), "{ran}");
}
