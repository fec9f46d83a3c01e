//! What lines accept, in a difference: it is access like any other.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use twogate::cluster::Question;
use twogate::compile::Outcome;
use twogate::diff::{Accesses, Entry, Kind, programs};
use twogate::flow::{Flow, Verdict};

use crate::cli::Place;
use crate::support::{compiled, errors, flow};

const PEOPLE: &str = "namespace shop\nworkload web = app=web account shop\nworkload admin = app=admin account shop\nworkload o = app=orders account o\nworkload p = app=pay account p\n";

fn shop(rules: &[&str]) -> Outcome {
    let accepts = "accept coupled-rules accept shared-account";
    compiled(&rules.iter().fold(PEOPLE.to_owned(), |program, rule| {
        if rule.starts_with("deny") { program + rule + "\n" } else { program + rule + " " + accepts + "\n" }
    }))
}

fn compared(base: &Outcome, head: &Outcome) -> Accesses {
    programs((&base.policy, &base.gates), (&head.policy, &head.gates))
}

const WEB: &str = "allow web -> o:8080 mtls http GET /v1/{*}";
const ADMIN: &str = "allow admin -> o:8080 mtls http GET|DELETE /v1/{*}";
const ADMIN_PUTS: &str = "allow admin -> o:8080 mtls http GET|DELETE|PUT /v1/{*}";

/// `web` gets what `admin` is granted, for both run as one account: who changes `admin`'s line changes what `web` may do.
#[test]
fn who_gains_by_an_accepted_coupling_is_told() {
    let (base, head) = (shop(&[WEB, ADMIN]), shop(&[WEB, ADMIN_PUTS]));
    let gained = compared(&base, &head);
    let told = |entry: &Entry| (entry.kind, entry.who.clone(), entry.after.clone());
    let wanted = |who: &str| (Kind::PortsOrRequests, who.to_owned(), "allowed, mTLS, http DELETE|GET|PUT /v1/{*}".to_owned());
    let entries: Vec<_> = gained.entries.iter().map(told).collect();
    assert_eq!(entries, [wanted("app=admin@shop"), wanted("app=web@shop")]);
    let causes = &gained.entries[1].causes;
    let said: Vec<&str> = causes.iter().map(|cause| &*cause.text).collect();
    assert_eq!(said, [&*format!("`{WEB}` accepts that its callers get what `{ADMIN_PUTS}` grants (was `{ADMIN}`)")]);
    let lost = compared(&head, &base);
    assert_eq!(
        lost.entries.iter().map(|entry| (entry.kind, &*entry.who)).collect::<Vec<_>>(),
        [(Kind::Tightened, "app=admin@shop"), (Kind::Tightened, "app=web@shop")]
    );
    assert!(compared(&head, &head).entries.is_empty());
}

/// An expectation that holds by the lines alone fails by what one of them accepts.
#[test]
fn an_expectation_that_an_accepted_coupling_breaks_is_told() {
    let lines =
        |admin: &str| format!("{PEOPLE}{WEB} accept coupled-rules\n{admin} accept shared-account\nexpect deny web -> o:8080 http PUT\n");
    let place = Place::with(&[("old/shop.intent", &lines(ADMIN)), ("new/shop.intent", &lines(ADMIN_PUTS))]);
    let ran = place.run("diff old new");
    assert!(ran.stdout.contains("expect deny web -> o:8080 http PUT"), "{}", ran.stdout);
    let alone = format!("{PEOPLE}{ADMIN}\n");
    let place = Place::with(&[("old/shop.intent", &alone), ("new/shop.intent", &lines(ADMIN))]);
    let ran = place.run("diff old new");
    assert!(ran.stdout.contains("accepted: `coupled-rules` is accepted here"), "{}", ran.stdout);
}

/// A `deny` takes from the line that it meets; from what an accepted coupling lets in only what the mesh can refuse by itself.
#[test]
fn what_a_deny_does_to_what_is_accepted_is_what_the_manifests_do() {
    let deny = "deny web -> o:8080 http PUT /v1/{*}";
    let (base, head) = (shop(&[WEB, ADMIN, deny]), shop(&[WEB, ADMIN_PUTS, deny]));
    let puts = flow("app=web@shop as shop -> app=orders@shop:8080 mtls PUT /v1/a", &[]);
    assert!(errors(&head).is_empty(), "{:?}", errors(&head));
    let gains = passes(&head, &puts) && !passes(&base, &puts);
    let entries: Vec<String> = compared(&base, &head).entries.into_iter().map(|entry| entry.who).collect();
    assert_eq!(entries.iter().any(|who| who == "app=web@shop"), gains, "{entries:?}");
    // Nothing changes where the coupling lets in what the new line denies.
    let denied = shop(&[WEB, ADMIN_PUTS, deny]);
    let before = shop(&[WEB, ADMIN_PUTS]);
    let still = passes(&denied, &puts);
    let lost: Vec<String> = compared(&before, &denied).entries.into_iter().map(|entry| entry.who).collect();
    assert_eq!(lost.is_empty(), still, "{lost:?}");
}

const RULES: [&str; 13] = [
    WEB,
    ADMIN,
    ADMIN_PUTS,
    "allow web -> o:8080 mtls http POST /v2/a",
    "allow admin -> o:8080|9090 mtls http GET /v2/{**}",
    "allow web -> p:8080 mtls",
    "allow admin -> p:8080 mtls http GET /v1/a",
    "allow app=job -> o:8080 mtls http GET /v1/a",
    "allow *@* -> p:8080 mtls http GET /v2/a",
    "deny app=job -> o:8080 http DELETE /v1/a",
    "deny web -> o:8080 http DELETE /v1/a",
    "deny admin -> o:8080 http GET /v2/a",
    "deny * -> o:8080 http PUT /v1/a",
];

fn flows() -> Vec<Flow> {
    let mut flows = Vec::new();
    for source in ["app=web@shop as shop", "app=admin@shop as shop", "app=job@shop as shop", "app=job@shop as job", "app=x@else as shop"] {
        for target in ["app=orders@shop", "app=pay@shop"] {
            for call in ["GET /v1/a", "DELETE /v1/a", "PUT /v1/a", "POST /v2/a", "GET /v2/a", "GET /v3"] {
                for port in [8080, 9090] {
                    flows.push(flow(&format!("{source} -> {target}:{port} mtls {call}"), &[]));
                }
            }
        }
    }
    flows
}

fn passes(outcome: &Outcome, flow: &Flow) -> bool {
    let cluster = outcome.cluster.as_ref().unwrap();
    cluster.decide(&Question::from(flow)).verdict == Verdict::Allowed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// The manifests decide: where those of two programs differ about a flow an entry tells it, and every entry shows a flow about which
    /// they do.
    #[test]
    fn entries_are_where_manifests_differ(kept in subsequence(RULES.to_vec(), 1..5), more in select(RULES.to_vec()), less in 0_usize..5) {
        let mut changed = kept.clone();
        changed.retain(|rule| *rule != more);
        if less < changed.len() {
            changed.remove(less);
        }
        changed.push(more);
        let (base, head) = (shop(&kept), shop(&changed));
        prop_assume!(errors(&base).is_empty() && errors(&head).is_empty());
        let found = compared(&base, &head);
        prop_assert!(found.incomplete.is_empty());
        for entry in &found.entries {
            let passes = (passes(&base, &entry.example.base), passes(&head, &entry.example.head));
            prop_assert_ne!(passes.0, passes.1, "{:?}\n{:?}\n{:?}", kept, changed, entry);
        }
        let told = |flow: &Flow| {
            found.entries.iter().any(|entry| {
                entry.source.contains(&flow.source) && entry.destination.contains(&flow.destination) && entry.ports.contains(flow.protocol, flow.port)
            })
        };
        for flow in flows() {
            prop_assert!(passes(&base, &flow) == passes(&head, &flow) || told(&flow), "{:?}\n{:?}\n{:?}", kept, changed, flow);
        }
    }
}
