//! Connections that no line lets in, and that an `accept` covers.

use super::Files;
use twogate::explain;
use twogate::flow::Verdict;

/// Two callers of one account: to the mesh `web` is `admin`, and the line of `web` accepts that.
const SHARED: &str = "\
namespace shop
workload web = app=web account shop
workload admin = app=admin account shop
workload o = app=orders account o
allow web -> o:8080 mtls http GET /v1/orders/{*} accept coupled-rules
allow admin -> o:8080 mtls http GET|DELETE /v1/orders/{*} accept shared-account
";

#[test]
fn what_is_accepted_is_told_with_both_rules() {
    let files = Files { intents: SHARED, ..Files::default() };
    let answer = files.ask("web -> o:8080 DELETE /v1/orders/1");
    assert_eq!(answer.disagreement(), None);
    assert_eq!(answer.verdict(), Some(&Verdict::Allowed));
    let page = explain::human(&answer);
    let line = "accepted       `accept coupled-rules` at shop.intent:5: the network lets it in by shop.intent:5, the mesh further by shop.intent:6";
    assert!(page.lines().any(|own| own == line), "{page}");
    assert!(page.contains("intents say    denied, "), "{page}");
    let json: serde_json::Value = serde_json::from_str(&explain::json(&answer)).unwrap();
    let accepted = &json["answers"][0]["intents"]["accepted"];
    assert_eq!(accepted[0]["code"], "coupled-rules");
    assert_eq!(accepted[0]["place"], "shop.intent:5");
    assert_eq!(accepted[0]["network"]["place"], "shop.intent:5");
    assert_eq!(accepted[0]["mesh"]["place"], "shop.intent:6");
}

#[test]
fn what_lines_let_in_needs_no_acceptance() {
    let files = Files { intents: SHARED, ..Files::default() };
    for flow in ["web -> o:8080 GET /v1/orders/1", "admin -> o:8080 DELETE /v1/orders/1", "web -> o:8080 PUT /v1/orders/1"] {
        let page = files.page(flow);
        assert!(!page.contains("accepted "), "{page}");
    }
}

/// A program of others accepts what it does in its own namespaces.
#[test]
fn others_accept_in_their_own_namespaces() {
    use twogate::compile::Input;
    use twogate::source::{Source, Sources};
    let mut sources = Sources::default();
    let other = sources.add(Source::new("other.intent", SHARED));
    let own = sources.add(Source::new("own.intent", "namespace lab\nworkload x = app=x\n"));
    let input = Input { sources, intents: vec![own], with: vec![other], ..Input::default() };
    let answer =
        explain::explain(explain::Ask { flow: "web@shop -> o@shop:8080 DELETE /v1/orders/1".to_owned(), input, manifests: Vec::new() });
    assert_eq!(answer.disagreement(), None);
    assert!(explain::human(&answer).contains("`accept coupled-rules` at other.intent:5"), "{}", explain::human(&answer));
}

/// Beside a `deny` on requests the intents promise nothing of connections that are none: no fault is told where the mesh stops them.
#[test]
fn what_is_no_request_beside_a_deny_on_requests_is_no_fault() {
    let intents = "namespace shop\nworkload job = app=job account job\nallow job -> app=db:80 mtls\ndeny job -> app=db:80 http *\n";
    let answer = Files { intents, ..Files::default() }.ask("job -> app=db:80");
    let case = &answer.cases[0];
    assert_eq!((case.decision.verdict.clone(), &case.disagreement), (Verdict::Denied, &None));
    let said = "port 80 is taken to be served as HTTP, as `deny job -> app=db:80 http *` stands there";
    assert!(case.notes.iter().any(|note| note.starts_with(said)), "{:?}", case.notes);
    let answer = Files { intents, ..Files::default() }.ask("job -> app=db:80 http GET /");
    assert!(!answer.cases[0].notes.iter().any(|note| note.contains("served as HTTP")), "{:?}", answer.cases[0].notes);
}

/// Of mTLS with a pod outside the mesh the intents say nothing: that it cannot be is no fault.
#[test]
fn mtls_that_cannot_be_spoken_is_no_fault() {
    let intents = "namespace shop\nworkload old = app=old account old unmeshed\nallow old -> app=db:90\n";
    for (flow, verdict) in [("old -> app=db:90 mtls", Verdict::Denied), ("old -> app=db:90", Verdict::Allowed)] {
        let answer = Files { intents, ..Files::default() }.ask(flow);
        let case = &answer.cases[0];
        assert_eq!((case.decision.verdict.clone(), &case.disagreement), (verdict, &None), "{flow}");
    }
}
