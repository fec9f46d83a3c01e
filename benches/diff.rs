//! Time of a difference after a one-line edit, phase by phase (design §8: 10,000 rules under a second).
//!
//! `cargo bench --bench diff` prints a row for each size and each kind of edit: seconds for reading both sides and comparing what
//! they mean, and the same with everything that is told besides (approximations, expectations, assumptions).

use std::fmt::Write as _;
use std::time::Instant;

use twogate::compile::{Input, resolve};
use twogate::diff::{Detail, Revision, intents, programs};
use twogate::source::{Source, Sources};

/// The binary's allocator, so that these figures are a user's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rules for each namespace, as in a cluster of many small teams.
const RULES_A_NAMESPACE: usize = 20;

/// What is done to the program.
const EDITS: [(&str, &str); 4] = [
    ("nothing", ""),
    ("one line", "allow app=app-3 -> app=app-9:9999 mtls\n"),
    ("one line, from everywhere", "allow *@* -> app=app-9:9999\n"),
    ("a deny everywhere", "deny app=app-3@* -> *@*:9000\n"),
];

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_000, 10_000] } else { sizes };
    println!("{:>8} {:>26} {:>10} {:>10} {:>10} {:>8}", "rules", "edit", "read s", "compare s", "all s", "entries");
    for size in sizes {
        for (name, edit) in EDITS {
            row(size, name, edit);
        }
    }
}

/// A program: each namespace closed, a chain of workloads with accounts, mTLS between them, some HTTP, some addresses.
fn input(rules: usize, edit: &str) -> Input {
    let mut sources = Sources::default();
    let mut intents = Vec::new();
    let teams = rules.div_ceil(RULES_A_NAMESPACE);
    for team in 0..teams {
        let mut text = format!("namespace team-{team} labels tenant=t{}\n\nnetwork office-{team} = 203.0.113.0/24\n", team % 50);
        for app in 0..RULES_A_NAMESPACE {
            let _ = writeln!(text, "workload app-{app} = app=app-{app} account sa-{app}");
        }
        for rule in 0..RULES_A_NAMESPACE {
            let next = (rule + 1) % RULES_A_NAMESPACE;
            let _ = match rule % 10 {
                7 => writeln!(text, "allow office-{team} -> app=app-{rule}:8443"),
                8 => writeln!(text, "allow app=app-{rule} -> app=app-{next}@team-{}:9000 mtls", (team + 1) % teams),
                9 => writeln!(text, "allow app=app-{rule} -> app=app-{next}:8080 mtls http GET|HEAD /v1/{{**}}, GET|HEAD /v1"),
                _ => writeln!(text, "allow app=app-{rule} -> app=app-{next}:5432 mtls"),
            };
        }
        if team == teams / 2 {
            text.push_str(edit);
        }
        intents.push(sources.add(Source::new(format!("team-{team}.intent"), text)));
    }
    Input { sources, intents, ..Input::default() }
}

fn row(rules: usize, name: &str, edit: &str) {
    let start = Instant::now();
    let (base, head) = (resolve(&input(rules, "")), resolve(&input(rules, edit)));
    let read = start.elapsed();
    let found = programs(&base.policy, &head.policy);
    let compared = start.elapsed();
    let revision = |edit: &str| Revision { name: String::new(), input: input(rules, edit) };
    let start = Instant::now();
    let whole = intents(revision(""), revision(edit), Detail::Access).map(|compared| compared.report.entries.len());
    let all = start.elapsed();
    assert!(whole.is_ok_and(|entries| entries == found.entries.len()), "the program can be judged");
    println!(
        "{rules:>8} {name:>26} {:>10.4} {:>10.4} {:>10.4} {:>8}",
        read.as_secs_f64(),
        compared.saturating_sub(read).as_secs_f64(),
        all.as_secs_f64(),
        found.entries.len()
    );
}
