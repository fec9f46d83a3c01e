//! Time of a plan: of namespaces that close for the first time, and of one changed line among many.
//!
//! `cargo bench --bench plan` prints a row for each size and each kind of change: seconds for compiling and proving both sides, and for
//! the whole plan, which does so too. `cargo bench --bench plan -- 50` takes other sizes, in namespaces of 20 rules.

use std::fmt::Write as _;
use std::time::Instant;

use twogate::compile::{Input, compile};
use twogate::diff::Revision;
use twogate::plan::{Options, Safety, intents};
use twogate::source::{Source, Sources};

/// Rules for each namespace, as in a cluster of many small teams.
const RULES_A_NAMESPACE: usize = 20;

/// The line that is added.
const LINE: &str = "allow app=app-3 -> app=app-9:9999 mtls\n";

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    println!("{:>10} {:>16} {:>10} {:>10} {:>6}", "namespaces", "change", "compile s", "plan s", "steps");
    for namespaces in if sizes.is_empty() { vec![2, 5, 10] } else { sizes.clone() } {
        row("all close", namespaces, Input::default, || input(namespaces, ""));
    }
    for namespaces in if sizes.is_empty() { vec![50, 500] } else { sizes } {
        row("one line", namespaces, || input(namespaces, ""), || input(namespaces, LINE));
    }
}

/// A program: each namespace closed, a chain of workloads with accounts, mTLS between them, some HTTP, some addresses.
fn input(namespaces: usize, edit: &str) -> Input {
    let mut sources = Sources::default();
    let mut intents = Vec::new();
    for team in 0..namespaces {
        let mut text = format!("namespace team-{team} labels tenant=t{}\n\nnetwork office-{team} = 203.0.113.0/24\n", team % 50);
        for app in 0..RULES_A_NAMESPACE {
            let _ = writeln!(text, "workload app-{app} = app=app-{app} account sa-{app}");
        }
        for rule in 0..RULES_A_NAMESPACE {
            let next = (rule + 1) % RULES_A_NAMESPACE;
            let _ = match rule % 10 {
                7 => writeln!(text, "allow office-{team} -> app=app-{rule}:8443"),
                8 => writeln!(text, "allow app=app-{rule} -> app=app-{next}@team-{}:9000 mtls", (team + 1) % namespaces),
                9 => writeln!(text, "allow app=app-{rule} -> app=app-{next}:8080 mtls http GET|HEAD /v1/{{**}}, GET|HEAD /v1"),
                _ => writeln!(text, "allow app=app-{rule} -> app=app-{next}:5432 mtls"),
            };
        }
        if team == namespaces / 2 {
            text.push_str(edit);
        }
        intents.push(sources.add(Source::new(format!("team-{team}.intent"), text)));
    }
    Input { sources, intents, ..Input::default() }
}

fn row(name: &str, namespaces: usize, base: impl Fn() -> Input, head: impl Fn() -> Input) {
    let start = Instant::now();
    let _ = (compile(base()), compile(head()));
    let compiled = start.elapsed();
    let revision = |name: &str, input: Input| Revision { name: name.to_owned(), input };
    let start = Instant::now();
    let steps = intents(revision("base", base()), revision("head", head()), Options::default()).map(|rollout| {
        assert_eq!(rollout.plan.safety, Safety::Safe, "the change has a safe order");
        rollout.plan.steps.len()
    });
    let planned = start.elapsed();
    assert!(steps.is_ok(), "both sides compile");
    println!(
        "{namespaces:>10} {name:>16} {:>10.4} {:>10.4} {:>6}",
        compiled.as_secs_f64(),
        planned.as_secs_f64(),
        steps.unwrap_or_default()
    );
}
