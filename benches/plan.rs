//! Time of a plan: of namespaces that close for the first time, and of one changed line among many.
//!
//! `cargo bench --bench plan` prints a row for each size and each kind of change: seconds for compiling and proving both sides, for telling
//! their difference, and for the whole plan, which compiles both and proves the head. `cargo bench --bench plan -- 50` takes other sizes, in namespaces of 20 rules.

mod teams;

use std::time::Instant;

use teams::input;
use twogate::compile::{Input, compile};
use twogate::diff::{self, Detail, Revision};
use twogate::plan::{Options, Safety, intents};

/// The binary's allocator, so that these figures are a user's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The line that is added.
const LINE: &str = "allow app=app-3 -> app=app-9:9999 mtls\n";

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    println!("{:>10} {:>16} {:>10} {:>10} {:>10} {:>6}", "namespaces", "change", "compile s", "diff s", "plan s", "steps");
    for namespaces in if sizes.is_empty() { vec![2, 5, 10] } else { sizes.clone() } {
        row("all close", namespaces, Input::default, || input(namespaces, ""));
    }
    for namespaces in if sizes.is_empty() { vec![50, 500] } else { sizes } {
        row("one line", namespaces, || input(namespaces, ""), || input(namespaces, LINE));
    }
}

fn row(name: &str, namespaces: usize, base: impl Fn() -> Input, head: impl Fn() -> Input) {
    let start = Instant::now();
    let _ = (compile(base()), compile(head()));
    let compiled = start.elapsed();
    let revision = |name: &str, input: Input| Revision { name: name.to_owned(), input };
    let start = Instant::now();
    assert!(diff::intents(revision("base", base()), revision("head", head()), Detail::Access).is_ok(), "both sides compile");
    let compared = start.elapsed();
    let start = Instant::now();
    let steps = intents(revision("base", base()), revision("head", head()), Options::default()).map(|rollout| {
        assert_eq!(rollout.plan.safety, Safety::Safe, "the change has a safe order");
        rollout.plan.steps.len()
    });
    let planned = start.elapsed();
    assert!(steps.is_ok(), "both sides compile");
    println!(
        "{namespaces:>10} {name:>16} {:>10.4} {:>10.4} {:>10.4} {:>6}",
        compiled.as_secs_f64(),
        compared.as_secs_f64(),
        planned.as_secs_f64(),
        steps.unwrap_or_default()
    );
}
