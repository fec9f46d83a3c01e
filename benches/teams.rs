//! The program that benches measure: many small teams, each in a namespace of its own.

use std::fmt::Write as _;

use twogate::compile::Input;
use twogate::source::{Source, Sources};

/// Rules for each namespace.
pub(crate) const RULES_A_NAMESPACE: usize = 20;

/// The program as one file for each namespace, with more lines in the one in the middle.
pub(crate) fn input(namespaces: usize, more: &str) -> Input {
    let (mut sources, mut intents) = (Sources::default(), Vec::new());
    for team in 0..namespaces {
        let more = if team == namespaces / 2 { more } else { "" };
        let text = text(team, namespaces) + more;
        intents.push(sources.add(Source::new(format!("team-{team}.intent"), text)));
    }
    Input { sources, intents, ..Input::default() }
}

/// A namespace: closed, a chain of workloads with accounts, mTLS between them, some HTTP, some addresses.
fn text(team: usize, namespaces: usize) -> String {
    let mut text = format!("namespace team-{team} labels tenant=t{}\n\nnetwork office-{team} = 203.0.113.0/24\n", team % 50);
    for app in 0..RULES_A_NAMESPACE {
        let _ = writeln!(text, "workload app-{app} = app=app-{app} account sa-{app}");
    }
    for rule in 0..RULES_A_NAMESPACE {
        let next = (rule + 1) % RULES_A_NAMESPACE;
        let _ = match rule % 10 {
            7 => writeln!(text, "allow office-{team} -> app=app-{rule}:8443"),
            8 => writeln!(text, "allow app=app-{rule} -> app=app-{next}@team-{}:9000 mtls", (team + 1) % namespaces),
            9 => writeln!(
                text,
                "allow app=app-{rule} -> app=app-{next}:8080 mtls http GET|HEAD /v1/{{**}}, GET|HEAD /v1, POST /v1/orders because \"order flow\""
            ),
            _ => writeln!(text, "allow app=app-{rule} -> app=app-{next}:5432 mtls"),
        };
    }
    text
}
