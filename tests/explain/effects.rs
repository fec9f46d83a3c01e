//! What a remedy does besides: all of it is told, or that not all was tried.

use std::fmt::Write as _;

use super::Files;
use twogate::explain::Remedy;

/// The remedy of a flow whose change contains some words.
fn remedy(intents: &str, flow: &str, words: &str) -> Remedy {
    let answer = Files { intents, ..Files::default() }.ask(flow);
    assert!(!answer.cases.is_empty(), "{flow}: {:?}", answer.findings);
    let remedies = &answer.cases[0].remedies;
    let found = remedies.iter().find(|remedy| remedy.changes.iter().any(|change| change.text.contains(words)));
    found.unwrap_or_else(|| panic!("{flow}: {words} in {remedies:#?}")).clone()
}

/// Whom it lets in, or stops, besides.
fn others(remedy: &Remedy) -> Vec<String> {
    let effect = remedy.effect.as_ref().unwrap();
    assert!(!effect.partial, "{effect:?}");
    effect.others.clone()
}

#[test]
fn pods_that_only_the_lines_name_are_tried() {
    let intents =
        "namespace shop\nexternal namespace pay {}\nallow *@* -> app=api:8080\ndeny app=web or app=cron@pay or app=job -> app=api\n";
    let found = others(&remedy(intents, "app=web@shop -> app=api@shop:8080", "remove `deny"));
    for who in ["app=cron@pay", "app=job@shop"] {
        assert!(found.iter().any(|other| other == who), "{who} in {found:?}");
    }
}

/// Pods of one label are another caller than those of that label and one more.
#[test]
fn labels_besides_are_tried() {
    let intents = "namespace shop\nworkload api = app=api\nworkload web = app=web\nallow app=web|job -> api:8080\ndeny app=web -> api\ndeny app=job,tier=x -> api\n";
    let found = others(&remedy(intents, "web -> api:8080", "remove `deny app=web"));
    assert!(!found.iter().any(|other| other.contains("job")), "{found:?}");
    let wider = intents.replace("deny app=web -> api\ndeny app=job,tier=x -> api\n", "deny app=web or tier=x -> api\n");
    let found = others(&remedy(&wider, "web -> api:8080", "remove `deny app=web"));
    assert!(found.iter().any(|other| other == "app=job,tier=x@shop"), "{found:?}");
}

#[test]
fn many_ports_are_all_tried() {
    let many: Vec<String> = (0..20).map(|at| (1001 + 2 * at).to_string()).collect();
    let intents = format!(
        "namespace shop\nworkload web = app=web account web\nworkload api = app=api account api\nworkload job = app=job account job\n\
         allow job -> api:{}\nallow web -> api:2001|2003\ndeny web -> api\n",
        many.join("|")
    );
    let found = others(&remedy(&intents, "web -> api:2003", "remove `deny"));
    assert!(found.iter().any(|other| other.contains("port 2001 of app=api@shop")), "{found:?}");
}

#[test]
fn many_requests_are_all_tried() {
    let mut intents =
        "namespace shop\nworkload web = app=web account web\nworkload api = app=api account api\nworkload job = app=job account job\n"
            .to_owned();
    for at in 0..20 {
        writeln!(intents, "allow job -> api:8080 mtls http GET /j{at}").unwrap();
    }
    intents.push_str("allow web -> api:8080 mtls http GET /w1, GET /w2\ndeny web -> api\n");
    let found = others(&remedy(&intents, "web -> api:8080 GET /w1", "remove `deny"));
    assert!(found.iter().any(|other| other == "GET /w2"), "{found:?}");
}

/// The ports that the caller's own end tells apart are tried, too.
#[test]
fn ports_of_the_callers_end_are_tried() {
    let intents = "namespace shop\nworkload web = app=web\nexternal namespace lab {}\nallow out web -> app=x@lab:81\nallow web -> app=x@lab:80|82\ndeny web -> app=x@lab:80|82\n";
    let found = others(&remedy(intents, "web -> app=x@lab:80", "remove `deny"));
    assert!(found.iter().any(|other| other.contains("port 82 of app=x@lab")), "{found:?}");
}

const REQUESTS: &str = "\
namespace shop
issuer corp = \"https://id.example.com\" jwks \"https://id.example.com/keys\" audience \"shop\"
workload web = app=web account web
workload api = app=api account api
allow web -> api:8080 mtls http GET /a header x-env=test
allow web -> api:8080 mtls http GET /b jwt corp claim groups=adm
allow web -> api:8080 mtls http GET /h at h.test
";

/// A line that is added asks for what the flow has: its host, its headers, its claims.
#[test]
fn lines_ask_for_all_that_the_flow_says() {
    // Whoever has a token passes a line that asks for none.
    let with_token = ["GET /c with a token"].as_slice();
    for (flow, line, besides) in [
        ("http GET /c header x-env=test", "add `allow web -> api:8080 mtls http GET /c header x-env=test`", with_token),
        ("http GET /c at h.test", "add `allow web -> api:8080 mtls http GET /c at h.test`", with_token),
        ("http GET /c jwt corp claim groups=adm", "add `allow web -> api:8080 mtls http GET /c jwt corp claim groups=adm`", &[]),
        ("GET /c", "add `allow web -> api:8080 mtls http GET /c`", with_token),
    ] {
        let remedy = remedy(REQUESTS, &format!("web -> api:8080 {flow}"), "add `allow");
        assert_eq!(remedy.changes[0].text, line);
        assert_eq!(others(&remedy), besides, "{line}");
    }
}

/// A line that cannot ask for them says that it does more.
#[test]
fn other_headers_hosts_and_tokens_are_others() {
    let found = |flow: &str| others(&remedy(REQUESTS, &format!("web -> api:8080 {flow}"), "add `deny"));
    assert_eq!(found("http GET /h at h.test"), ["GET /h with a token"]);
    let open = REQUESTS.replace(" header x-env=test", "").replace(" at h.test", "").replace(" claim groups=adm", "");
    let stopped = |flow: &str| others(&remedy(&open, &format!("web -> api:8080 {flow}"), "add `deny"));
    assert_eq!(stopped("http GET /a header x-env=test"), ["GET /a with a token", "GET /a with other headers"]);
    assert_eq!(stopped("http GET /h at h.test"), ["GET /h at another host", "GET /h with a token"]);
    assert_eq!(stopped("GET /a"), ["GET /a with a token"]);
}
