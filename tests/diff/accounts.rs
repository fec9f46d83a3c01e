//! Workloads that run as another account than they did, in a difference: what they gain and lose by it is told of them.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use twogate::cluster::Question;
use twogate::compile::Outcome;
use twogate::diff::{Entry, Kind, programs};
use twogate::flow::Verdict;

use crate::cli::Place;
use crate::support::{compiled, errors, flow};

const NAMES: [&str; 3] = ["web", "job", "cron"];
const ACCOUNTS: [&str; 3] = ["x", "y", "z"];

const RULES: [&str; 9] = [
    "allow as x -> app=api:8080 mtls",
    "allow as y -> app=api:8080 mtls",
    "allow as z -> app=api:8081 mtls http GET /a accept coupled-rules",
    "allow as y|z -> app=api:8081 mtls http GET /b accept coupled-rules",
    "allow app=web -> app=api:8081 mtls http GET /c accept coupled-rules",
    "allow app=job -> app=api:8080 mtls accept coupled-rules",
    "deny as z -> app=api:8080",
    "deny as x -> app=api:8081",
    "allow app=cron -> app=api:8082",
];

fn program(accounts: &[&str], rules: &[&str]) -> Outcome {
    let workloads = NAMES.iter().zip(accounts).map(|(name, account)| format!("workload {name} = app={name} account {account}\n"));
    let out = NAMES.iter().map(|name| format!("allow out app={name} -> app=api:8080-8082\n"));
    let rules = rules.iter().map(|rule| format!("{rule}\n"));
    compiled(&std::iter::once("namespace shop\n".to_owned()).chain(workloads).chain(out).chain(rules).collect::<String>())
}

fn passes(outcome: &Outcome, name: &str, account: &str, call: &str) -> bool {
    let asked = flow(&format!("app={name}@shop as {account} -> app=api@shop:{call}"), &[]);
    outcome.cluster.as_ref().unwrap().decide(&Question::from(&asked)).verdict == Verdict::Allowed
}

#[test]
fn who_gains_by_another_account_is_told() {
    let text = |account: &str| {
        format!(
            "namespace shop\nworkload job = app=job account {account}\nallow as x -> app=api:8080 mtls\nallow out app=job -> app=api:8080\n"
        )
    };
    let place = Place::with(&[("old/a.intent", &text("y")), ("new/a.intent", &text("x"))]);
    let ran = place.run("diff old new --fail-on gained");
    assert_eq!(ran.status, 1, "{}", ran.stdout);
    assert!(ran.stdout.contains("  app=job@shop -> app=api@shop:8080  now allowed, mTLS\n"), "{}", ran.stdout);
    let back = place.run("diff new old");
    assert!(back.stdout.contains("  app=job@shop -> app=api@shop:8080  no longer allowed, mTLS\n"), "{}", back.stdout);
}

/// A rule that says what it said may mean others by it.
#[test]
fn another_account_is_told_as_the_cause_where_no_rule_is() {
    let rules = [
        "allow app=web -> app=api:8081 mtls http GET /c accept coupled-rules",
        "allow as z -> app=api:8081 mtls http GET /a accept coupled-rules",
    ];
    let (base, head) = (program(&["x", "y", "z"], &rules), program(&["z", "y", "z"], &rules));
    assert_eq!((errors(&base), errors(&head)), (vec![], vec![]));
    let found = programs((&base.policy, &base.gates), (&head.policy, &head.gates));
    let told: Vec<(Kind, &str)> = found.entries.iter().map(|entry| (entry.kind, &*entry.who)).collect();
    assert!(told.contains(&(Kind::PortsOrRequests, "app=web@shop")), "{told:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// The manifests decide, each about the pod as its side knows it.
    #[test]
    fn entries_are_what_pods_gain_and_lose(
        rules in subsequence(RULES.to_vec(), 1..6),
        old in prop::collection::vec(select(ACCOUNTS.to_vec()), 3),
        new in prop::collection::vec(select(ACCOUNTS.to_vec()), 3),
    ) {
        let (base, head) = (program(&old, &rules), program(&new, &rules));
        prop_assume!(errors(&base).is_empty() && errors(&head).is_empty());
        let found = programs((&base.policy, &base.gates), (&head.policy, &head.gates));
        prop_assert!(found.incomplete.is_empty());
        for (name, (was, is)) in NAMES.iter().zip(old.iter().zip(&new)) {
            for (port, calls) in [(8080, vec!["8080 mtls"]), (8081, vec!["8081 mtls GET /a", "8081 mtls GET /b", "8081 mtls GET /c"]), (8082, vec!["8082"])] {
                let asked = flow(&format!("app={name}@shop as {is} -> app=api@shop:{port}"), &[]);
                let about = |entry: &&Entry| {
                    entry.source.contains(&asked.source) && entry.destination.contains(&asked.destination) && entry.ports.contains(asked.protocol, port)
                };
                let differ = |call: &&str| passes(&base, name, was, call) != passes(&head, name, is, call);
                let told = found.entries.iter().any(|entry| about(&entry));
                prop_assert_eq!(calls.iter().any(differ), told, "{:?} {:?} {:?} {} {}\n{:#?}", rules, old, new, name, port, found.entries.iter().filter(about).collect::<Vec<_>>());
            }
        }
    }
}
