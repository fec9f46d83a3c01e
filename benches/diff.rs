//! Time of a difference after a one-line edit, phase by phase (design §8: 10,000 rules under a second).
//!
//! `cargo bench --bench diff` prints a row for each size and each kind of edit: seconds for reading both sides and comparing what
//! they mean, and the same with everything that is told besides (approximations, expectations, assumptions).

mod teams;

use std::time::Instant;

use teams::{RULES_A_NAMESPACE, input};
use twogate::compile::resolve;
use twogate::diff::{Detail, Revision, intents, programs};

/// The binary's allocator, so that these figures are a user's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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

fn row(rules: usize, name: &str, edit: &str) {
    let namespaces = rules.div_ceil(RULES_A_NAMESPACE);
    let start = Instant::now();
    let (base, head) = (resolve(&input(namespaces, "")), resolve(&input(namespaces, edit)));
    let read = start.elapsed();
    let found = programs(&base.policy, &head.policy);
    let compared = start.elapsed();
    let revision = |edit: &str| Revision { name: String::new(), input: input(namespaces, edit) };
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
