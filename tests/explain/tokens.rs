//! Tokens of flows: whose they are where a flow does not say it, and what is offered to whoever has one.

use super::Files;
use twogate::explain::Answer;
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

/// A policy that looks at these claims.
fn on_claims(name: &str, action: &str, keys: &[&str]) -> String {
    let conditions: Vec<String> = keys.iter().map(|key| format!("{{key: 'request.auth.claims{key}', values: [ops]}}")).collect();
    format!(
        "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: {name}, namespace: shop}}\n\
         spec: {{action: {action}, rules: [{{when: [{}]}}]}}\n",
        conditions.join(", ")
    )
}

/// The answer to a request with these claims.
fn with_claims(policies: &str, names: &[&str]) -> Answer {
    let issuer = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n\
                  ---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: corp, namespace: shop}\n\
                  spec: {jwtRules: [{issuer: 'https://corp.example', jwksUri: 'https://corp.example/keys'}]}\n";
    let manifests = format!("{issuer}{policies}");
    let claims: Vec<String> = names.iter().map(|name| format!("claim {name}=ops")).collect();
    let flow = format!("app=web@shop -> app=db@shop:80 http GET /a jwt \"https://corp.example\" {}", claims.join(" "));
    Files { manifests: &manifests, ..Files::default() }.ask(&flow)
}

/// The verdicts on a request with this claim, the one on all of it, and the notes about dots.
fn read(policies: &str, name: &str) -> (Vec<Verdict>, Option<Verdict>, Vec<String>) {
    let answer = with_claims(policies, &[name]);
    let verdicts: Vec<Verdict> = answer.cases.iter().map(|case| case.decision.verdict.clone()).collect();
    let notes: Vec<String> = answer.cases.iter().flat_map(|case| case.notes.clone()).filter(|note| note.contains("dots")).collect();
    (verdicts, answer.verdict().cloned(), notes)
}

/// `semantics.md` §4.3: a claim inside another is no claim with a dot in its name. A flow writes both alike and means what policies look at.
#[test]
fn dots_of_a_claim_are_what_policies_look_at() {
    let (inside, name) = (on_claims("inside", "ALLOW", &["[realm][role]"]), on_claims("name", "DENY", &["[realm.role]"]));
    let way = "the dots of the claim `realm.role` are taken for the way to a claim inside another".to_owned();
    let one = "the dots of the claim `realm.role` are taken for one name".to_owned();
    assert_eq!(read(&inside, "realm.role"), (vec![Verdict::Allowed], Some(Verdict::Allowed), vec![way.clone()]));
    assert_eq!(read(&name, "realm.role"), (vec![Verdict::Denied], Some(Verdict::Denied), vec![]));
    assert_eq!(read(&(inside + &name), "realm.role"), (vec![Verdict::Denied, Verdict::Allowed], None, vec![one, way]));
}

/// Of several dots each may be one of a name or a step of the way.
#[test]
fn each_dot_of_a_claim_may_lead_inside() {
    for key in ["[a.b.d]", "[a][b.d]", "[a.b][d]", "[a][b][d]"] {
        let (verdicts, verdict, notes) = read(&on_claims("deny", "DENY", &[key]), "a.b.d");
        assert_eq!((verdicts, verdict), (vec![Verdict::Denied], Some(Verdict::Denied)), "{key}");
        let told = notes.iter().any(|note| note.ends_with(&format!("are taken for the way to a claim inside another, `{key}`")));
        assert_eq!(told, key != "[a.b.d]", "{key}: {notes:?}");
    }
    for key in ["[a][b]", "[a][b][d][e]", "[a][b.x]", "[ab.d]"] {
        assert_eq!(read(&on_claims("deny", "DENY", &[key]), "a.b.d"), (vec![Verdict::Allowed], Some(Verdict::Allowed), vec![]), "{key}");
    }
    let both = on_claims("allow", "ALLOW", &["[a.b][d]"]) + &on_claims("deny", "DENY", &["[a][b.d]"]);
    let (verdicts, verdict, notes) = read(&both, "a.b.d");
    assert_eq!((verdicts.len(), verdict), (2, None), "{notes:?}");
    assert!(verdicts.contains(&Verdict::Allowed) && verdicts.contains(&Verdict::Denied), "{notes:?}");
    // An address is a name too, and claims may stand inside it.
    let (_, verdict, _) = read(&on_claims("deny", "DENY", &["[https://corp.example/app][role]"]), "\"https://corp.example/app.role\"");
    assert_eq!(verdict, Some(Verdict::Denied));
}

/// Readings that are judged alike are one answer, which says so.
#[test]
fn readings_that_are_judged_alike_are_told_once() {
    let both = on_claims("one", "DENY", &["[a.b]"]) + &on_claims("way", "DENY", &["[a][b]"]);
    let notes = vec![
        "the dots of the claim `a.b` are taken for one name".to_owned(),
        "one more way to take the dots of its claims is judged alike".to_owned(),
    ];
    let (verdicts, verdict, told) = read(&both, "a.b");
    assert_eq!((verdicts, verdict), (vec![Verdict::Denied], Some(Verdict::Denied)));
    assert_eq!(told, notes);
}

/// Past a bound not all readings are tried; then nothing is said of all of them.
#[test]
fn readings_that_are_not_tried_are_told() {
    let names: Vec<String> = (0..7).map(|number| format!("a{number}.b")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let both = |count: usize| {
        let keys = names.iter().take(count).map(|name| {
            let (outer, inner) = name.split_once('.').unwrap();
            on_claims(&format!("one-{outer}"), "ALLOW", &[&format!("[{name}]")])
                + &on_claims(&format!("way-{outer}"), "ALLOW", &[&format!("[{outer}][{inner}]")])
        });
        // Policies of another namespace look at them too, and do nothing here.
        keys.collect::<String>().replace("namespace: shop", "namespace: other")
    };
    for count in [3, 6] {
        let answer = with_claims(&both(count), &names[..count]);
        assert_eq!(answer.verdict(), Some(&Verdict::Allowed), "{count}: {:?}", answer.notes);
        assert!(!answer.notes.iter().any(|note| note.contains("dots")), "{count}: {:?}", answer.notes);
    }
    let answer = with_claims(&both(7), &names);
    assert_eq!(answer.verdict(), None);
    let note = "the dots of the claims can be taken in more ways than are looked at: not all of them are";
    assert!(answer.notes.iter().any(|own| own == note), "{:?}", answer.notes);
}

/// A rule for a claim inside another asks for it where it stands.
#[test]
fn a_rule_for_a_claim_inside_another_asks_for_it() {
    let answer = with_claims(&on_claims("inside", "ALLOW", &["[realm][role]", "[other]"]), &["realm.role"]);
    let page = twogate::explain::human(&answer);
    assert!(page.contains("{key: \"request.auth.claims[realm][role]\", values: [ops]}"), "{page}");
}

/// What intents say of a claim is said of its name, so where they are asked besides, that is a reading.
#[test]
fn a_claim_that_intents_name_is_read_by_its_name_too() {
    let intents = "namespace shop\nissuer corp = \"https://corp.example\" jwks \"https://corp.example/keys\" audience \"shop\"\n\
                   workload web = app=web\nworkload db = app=db\nallow web -> db:80 http GET /a jwt corp claim a.b=ops\n";
    let manifests = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n\
                     ---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: corp, namespace: shop}\n\
                     spec: {jwtRules: [{issuer: 'https://corp.example', jwksUri: 'https://corp.example/keys', audiences: [shop]}]}\n";
    let manifests = format!("{manifests}{}", on_claims("inside", "ALLOW", &["[a][b]"]));
    let answer = Files { intents, manifests: &manifests, ..Files::default() }.ask("web -> db:80 http GET /a jwt corp claim a.b=ops");
    let told: Vec<(Verdict, Option<bool>)> =
        answer.cases.iter().map(|case| (case.decision.verdict.clone(), case.said.as_ref().map(|said| said.passes))).collect();
    assert_eq!(told, [(Verdict::Denied, Some(true)), (Verdict::Allowed, Some(false))], "{:?}", answer.findings);
}

/// Envoy answers a token that is for others with 403, and one of nobody whom it knows with 401.
#[test]
fn a_client_sees_why_its_token_is_not_accepted() {
    let manifests = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n\
                     ---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: corp, namespace: shop}\n\
                     spec: {jwtRules: [{issuer: 'https://corp.example', jwksUri: 'https://corp.example/keys', audiences: [shop]}]}\n";
    let seen = |flow: &str| {
        let answer = Files { manifests, ..Files::default() }.ask(flow);
        assert_eq!(answer.verdict(), Some(&Verdict::Denied), "{flow}: {:?}", answer.findings);
        answer.cases[0].client.clone().unwrap()
    };
    let others = seen("app=web@shop -> app=db@shop:80 GET / jwt \"https://corp.example\" claim aud=other");
    assert!(others.contains("HTTP 403 `Audiences in Jwt are not allowed`"), "{others}");
    assert!(!seen("app=web@shop -> app=db@shop:80 GET / bad-jwt").contains("403"));
}

/// Which of several audiences a token is for, a flow may leave open: where policies tell them apart there is no flat answer.
#[test]
fn an_audience_that_the_flow_does_not_name_decides_nothing() {
    let of = |action: &str, audiences: &str, rule: &str| {
        let rules =
            if rule.is_empty() { "{}".to_owned() } else { format!("{{when: [{{key: request.auth.audiences, values: [{rule}]}}]}}") };
        manifests(action, &rules).replace("https://id/keys'}", &format!("https://id/keys', audiences: [{audiences}]}}"))
    };
    for action in ["ALLOW", "DENY"] {
        for (audiences, rule) in [("a, b", "a"), ("b, a", "a"), ("a, b, c", "b")] {
            let told = of(action, audiences, rule);
            let (verdict, _) = judged(&told, TOKEN);
            let Verdict::Unspecified(reason) = verdict else { panic!("{action} {audiences} {rule}: {verdict:?}") };
            assert!(reason.contains("does not name the audience"), "{reason}");
            let own = if action == "ALLOW" { Verdict::Allowed } else { Verdict::Denied };
            assert_eq!(judged(&told, &format!("{TOKEN} claim aud={rule}")).0, own, "{action}");
        }
    }
    // All that are accepted are judged alike.
    assert_eq!(judged(&of("ALLOW", "a, b", "a, b"), TOKEN).0, Verdict::Allowed);
    assert_eq!(judged(&of("ALLOW", "a, b", ""), TOKEN).0, Verdict::Allowed);
    assert_eq!(judged(&of("ALLOW", "a", "a"), TOKEN).0, Verdict::Allowed);
    assert_eq!(judged(&of("ALLOW", "a, b", "c"), TOKEN).0, Verdict::Denied);
    assert_eq!(judged(&of("ALLOW", "a, b", "a"), &format!("{TOKEN} claim aud=c")).0, Verdict::Denied);
}

/// A token is for whom it is accepted, not for those who are asked elsewhere.
/// Where a rule of the issuer wants no audience, every token is accepted, and one of a listed audience is one of several.
#[test]
fn a_token_is_not_taken_for_an_audience_that_nobody_has_to_have() {
    let rules = "---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: second, namespace: shop}\n\
                 spec: {jwtRules: [{issuer: 'https://id', jwksUri: 'https://id/keys', audiences: [pay]}]}\n";
    for action in ["DENY", "ALLOW"] {
        let all = format!("{}{rules}", manifests(action, "{when: [{key: 'request.auth.audiences', values: [pay]}]}"));
        let verdict = judged(&all, TOKEN).0;
        assert!(matches!(verdict, Verdict::Unspecified(_)), "{action}: {verdict:?}");
    }
    assert_eq!(judged(&format!("{}{rules}", manifests("ALLOW", "{}")), TOKEN).0, Verdict::Allowed);
}

/// What is open for another reason is not put down to the token.
#[test]
fn an_audience_is_not_what_leaves_an_idle_tunnel_open() {
    let all = manifests("ALLOW", "{}").replace("https://id/keys'}", "https://id/keys', audiences: [shop, pay]}");
    let flow = format!("pod/web@shop -> pod/api@shop:15008 GET / {TOKEN}");
    let verdict = Files { manifests: &all, ..Files::default() }.ask(&flow).verdict;
    assert!(matches!(&verdict, Some(Verdict::Unspecified(reason)) if reason.contains("is that of the tunnel")), "{verdict:?}");
}

#[test]
fn an_audience_of_another_namespace_is_not_taken() {
    let other = "---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: first, namespace: pay}\n\
                 spec: {jwtRules: [{issuer: 'https://id', jwksUri: 'https://id/keys', audiences: [pay]}]}\n";
    let own = manifests("ALLOW", "{}").replace("https://id/keys'}", "https://id/keys', audiences: [shop]}");
    for all in [format!("{other}---\n{own}"), format!("{own}{other}")] {
        assert_eq!(judged(&all, TOKEN).0, Verdict::Allowed);
    }
}
