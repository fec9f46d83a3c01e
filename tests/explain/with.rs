//! Programs of others (`--with`): what they write stands in the cluster too, and decides.

use twogate::cluster::Gate;
use twogate::compile::{self, Input};
use twogate::explain::{self, Answer, Ask};
use twogate::flow::Verdict;
use twogate::source::{Source, Sources};

const SHOP: &str = "namespace shop\nworkload web = app=web account web\nallow web -> app=api@pay:8080|8081\n";
const PAY: &str = "namespace pay\nworkload api = app=api account api\nallow app=web@shop -> api:8080|8081\ndeny *@* -> api:8081\n";

/// The answer to a flow in `shop`, beside `pay`.
fn beside(flow: &str, alongside: &str) -> Answer {
    let mut sources = Sources::default();
    let mut add = |name: &str, text: &str| if text.is_empty() { None } else { Some(sources.add(Source::new(name, text))) };
    let intents = add("shop.intent", SHOP).into_iter().collect();
    let with = add("pay.intent", PAY).into_iter().collect();
    let alongside = add("alongside.yaml", alongside).into_iter().collect();
    let input = Input { sources, intents, with, alongside, ..Input::default() };
    let answer = explain::explain(Ask { flow: flow.to_owned(), input, manifests: Vec::new() });
    assert_eq!(answer.disagreement(), None, "{flow}");
    answer
}

#[test]
fn what_others_write_decides() {
    for (port, verdict) in [(8080, Verdict::Allowed), (8081, Verdict::Denied), (9000, Verdict::Denied)] {
        let answer = beside(&format!("web -> app=api@pay:{port}"), "");
        assert_eq!(answer.verdict(), Some(&verdict), "{port}");
    }
    let answer = beside("web -> app=api@pay:8080", "");
    let step = answer.cases[0].decision.steps.iter().find(|step| step.gate == Gate::Ingress).unwrap();
    assert_eq!(step.decided_by.first().map(|document| &*document.namespace), Some("pay"), "its own policy lets it in");
    assert!(explain::human(&answer).contains("from pay.intent:3"), "{}", explain::human(&answer));
}

/// What runs under the same name stands there in its stead, and not beside it.
#[test]
fn what_is_there_already_takes_the_place_of_what_would_be_written() {
    let mut sources = Sources::default();
    let pay = sources.add(Source::new("pay.intent", PAY));
    let applied = compile::compile(Input { sources, intents: vec![pay], ..Input::default() });
    let applied: Vec<&str> = applied.manifests.iter().map(|manifest| manifest.yaml.as_str()).collect();
    let answer = beside("web -> app=api@pay:8080", &applied.join("---\n"));
    assert_eq!(answer.errors(), []);
    assert_eq!(answer.verdict(), Some(&Verdict::Allowed));
}
