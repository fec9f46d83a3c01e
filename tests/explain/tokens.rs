//! Tokens of flows: whose they are where a flow does not say it, and what is offered to whoever has one.

use super::Files;
use twogate::flow::Verdict;

/// Two pods with sidecars, an issuer whose tokens are verified, and a policy of these rules.
fn manifests(action: &str, rules: &str) -> String {
    let pod = |name: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}\n\
             spec: {{serviceAccountName: {name}, containers: [{{name: c, image: i}}]}}\n"
        )
    };
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{istio-injection: enabled}}}}\n{}{}\
         ---\napiVersion: v1\nkind: Service\nmetadata: {{name: api, namespace: shop}}\n\
         spec: {{selector: {{app: api}}, ports: [{{name: http, port: 80}}]}}\n\
         ---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {{name: jwt, namespace: shop}}\n\
         spec: {{jwtRules: [{{issuer: 'https://id', jwksUri: 'https://id/keys'}}]}}\n\
         ---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: shop}}\n\
         spec: {{action: {action}, selector: {{matchLabels: {{app: api}}}}, rules: [{rules}]}}\n",
        pod("web"),
        pod("api"),
    )
}

fn users(words: &str) -> String {
    format!("{{from: [{{source: {{requestPrincipals: [{words}]}}}}]}}")
}

/// The verdict on a request with a token, and all notes.
fn judged(manifests: &str, token: &str) -> (Verdict, String) {
    let answer = Files { manifests, ..Files::default() }.ask(&format!("pod/web@shop -> svc/api@shop:80 GET / {token}"));
    assert_eq!(answer.cases.len(), 1, "{:#?}", answer.findings);
    (answer.cases[0].decision.verdict.clone(), answer.cases[0].notes.join("; "))
}

const TOKEN: &str = "jwt \"https://id\"";

/// Nearly every token has a subject, so a flow that names only the issuer means one (`semantics.md` §4.3).
#[test]
fn a_token_of_an_issuer_has_a_subject_that_no_policy_names() {
    for words in ["'*'", "'https://id/*'"] {
        let (verdict, notes) = judged(&manifests("ALLOW", &users(words)), TOKEN);
        assert_eq!(verdict, Verdict::Allowed, "{words}");
        assert!(notes.contains("without any subject (`no-sub`) it is denied"), "{words}: {notes}");
        assert_eq!(judged(&manifests("ALLOW", &users(words)), &format!("{TOKEN} no-sub")).0, Verdict::Denied, "{words}");
        assert_eq!(judged(&manifests("DENY", &users(words)), TOKEN).0, Verdict::Denied, "{words}");
    }
}

#[test]
fn a_subject_that_policies_name_is_told_where_the_answer_hangs_on_it() {
    for words in ["'https://id/alice'", "'https://id/al*'", "'*/alice'"] {
        let (verdict, notes) = judged(&manifests("ALLOW", &users(words)), TOKEN);
        assert_eq!(verdict, Verdict::Denied, "{words}");
        let named = if words.contains("al*") { "alx" } else { "alice" };
        assert!(notes.contains(&format!("with `claim sub={named}` it is allowed")), "{words}: {notes}");
        let (verdict, notes) = judged(&manifests("ALLOW", &users(words)), &format!("{TOKEN} claim sub={named}"));
        assert!(verdict == Verdict::Allowed && !notes.contains("subject"), "{words}: {notes}");
    }
    let condition = "{when: [{key: 'request.auth.claims[sub]', notValues: [mallory]}]}";
    let (verdict, notes) = judged(&manifests("ALLOW", condition), TOKEN);
    assert!(verdict == Verdict::Allowed && notes.contains("with `claim sub=mallory` it is denied"), "{notes}");
    // Where nobody asks for it, nothing is said.
    let (verdict, notes) = judged(&manifests("ALLOW", "{to: [{operation: {methods: [GET]}}]}"), TOKEN);
    assert!(verdict == Verdict::Allowed && !notes.contains("subject"), "{notes}");
}

#[test]
fn what_a_rule_wants_of_a_token_and_what_it_has_can_be_read() {
    let page = |token: &str| {
        let manifests = manifests("ALLOW", &users("'https://id/*'"));
        Files { manifests: &manifests, ..Files::default() }.page(&format!("pod/web@shop -> svc/api@shop:80 GET / {token}"))
    };
    let bare = page(&format!("{TOKEN} no-sub"));
    assert!(bare.contains("wants token of any user of https://id; this connection has a token of https://id without a subject"), "{bare}");
    let none = page("");
    assert!(none.contains("this connection has no token that was verified"), "{none}");
}

/// What lets a request with a token pass must not let it pass without one.
#[test]
fn a_rule_for_a_token_asks_for_it() {
    let manifests = manifests("ALLOW", &users("'https://other/*'"));
    let answer = Files { manifests: &manifests, ..Files::default() };
    let page = |token: &str| answer.page(&format!("pod/web@shop -> svc/api@shop:80 GET / {TOKEN} {token}"));
    let own = page("");
    assert!(own.contains("{key: request.auth.principal, values: [\"https://id/*\"]}"), "{own}");
    assert!(!own.contains("also admits GET / without a token"), "{own}");
    let named = page("claim sub=alice claim groups=ops");
    assert!(named.contains("values: [\"https://id/alice\"]}, {key: \"request.auth.claims[groups]\", values: [ops]}"), "{named}");
    let bare = page("no-sub");
    assert!(bare.contains("{key: \"request.auth.claims[iss]\", values: [\"https://id\"]}"), "{bare}");
}

#[test]
fn a_word_about_a_subject_needs_a_token_without_one() {
    let manifests = manifests("ALLOW", &users("'*'"));
    let files = Files { manifests: &manifests, ..Files::default() };
    for token in ["no-sub".to_owned(), format!("{TOKEN} claim sub=alice no-sub")] {
        let answer = files.ask(&format!("pod/web@shop -> svc/api@shop:80 GET / {token}"));
        assert!(answer.cases.is_empty() && answer.findings.iter().any(|finding| finding.message.contains("no-sub")), "{token}");
    }
}

/// A token that does not verify is nobody's: `jwt` beside it says the contrary.
#[test]
fn a_token_verifies_or_does_not() {
    let intents = "namespace shop\nissuer corp = \"https://id.example.com\" jwks \"https://id.example.com/keys\" audience \"shop\"\nworkload web = app=web\nworkload api = app=api\nallow web -> api:80 http GET / jwt corp\n";
    let files = super::Files { intents, ..super::Files::default() };
    for flow in
        ["web -> api:80 GET / jwt corp bad-jwt", "web -> api:80 GET / bad-jwt jwt corp", "web -> api:80 GET / jwt corp claim a=b bad-jwt"]
    {
        let answer = files.ask(flow);
        assert!(answer.cases.is_empty(), "{flow}");
        assert!(
            answer.findings.iter().any(|finding| finding.code == twogate::diagnostic::code::UNCLEAR_FLOW),
            "{flow}: {:?}",
            answer.findings
        );
    }
    assert!(!files.ask("web -> api:80 GET / bad-jwt").cases.is_empty());
}

/// `semantics.md` §4.3: a claim inside another is no claim with a dot in its name. A flow writes both alike and means what policies look at.
#[test]
fn dots_of_a_claim_are_what_policies_look_at() {
    let policy = |name: &str, action: &str, key: &str| {
        format!(
            "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: {name}, namespace: shop}}\n\
             spec: {{action: {action}, rules: [{{when: [{{key: 'request.auth.claims{key}', values: [ops]}}]}}]}}\n"
        )
    };
    let asked = |policies: &str| {
        let issuer = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n\
                      ---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: corp, namespace: shop}\n\
                      spec: {jwtRules: [{issuer: 'https://corp.example', jwksUri: 'https://corp.example/keys'}]}\n";
        let manifests = format!("{issuer}{policies}");
        let flow = "app=web@shop -> app=db@shop:80 http GET /a jwt \"https://corp.example\" claim realm.role=ops";
        let answer = Files { manifests: &manifests, ..Files::default() }.ask(flow);
        let verdicts: Vec<Verdict> = answer.cases.iter().map(|case| case.decision.verdict.clone()).collect();
        let notes: Vec<String> = answer.cases.iter().flat_map(|case| case.notes.clone()).filter(|note| note.contains("dots")).collect();
        (verdicts, answer.verdict().cloned(), notes)
    };
    let (inside, name) = (policy("inside", "ALLOW", "[realm][role]"), policy("name", "DENY", "[realm.role]"));
    let way = "the dots of the claim `realm.role` are taken for the way to a claim inside another".to_owned();
    let one = "the dots of the claim `realm.role` are taken for one name".to_owned();
    assert_eq!(asked(&inside), (vec![Verdict::Allowed], Some(Verdict::Allowed), vec![way.clone()]));
    assert_eq!(asked(&name), (vec![Verdict::Denied], Some(Verdict::Denied), vec![]));
    assert_eq!(asked(&(inside + &name)), (vec![Verdict::Denied, Verdict::Allowed], None, vec![one, way]));
}
