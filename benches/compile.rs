//! Times of parse, resolve, normal form, checks, emission and proof, phase by phase, on programs of growing size.
//!
//! `cargo bench` prints a row for each size: seconds a phase (the median of a few runs), megabytes of text a second for the
//! parser (which reads files side by side, as a run does), and the peak memory of the process so far. Compare rows of one run:
//! machines differ.

#![expect(clippy::indexing_slicing, reason = "seven phases, seven columns")]

mod teams;

use std::time::Instant;

use teams::{RULES_A_NAMESPACE, input};
use twogate::compile::Input;
use twogate::config::Config;
use twogate::gates;
use twogate::inventory::Inventory;
use twogate::ir::{self, Program, Unit};
use twogate::source::{FileId, Source, Sources};
use twogate::{check, cluster, compile, target, verify};

/// The binary's allocator, so that these figures are a user's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The phases, one column each.
const PHASES: usize = 7;

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![100, 1_000, 10_000, 100_000] } else { sizes };
    println!(
        "{:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8} {:>9}",
        "rules", "parse s", "resolve s", "gates s", "checks s", "emit s", "read s", "prove s", "all s", "MB/s", "peak MB"
    );
    for size in sizes {
        row(size);
    }
}

fn row(rules: usize) {
    let program = input(rules.div_ceil(RULES_A_NAMESPACE), "");
    let bytes: usize = program.sources.iter().map(|(_, source)| source.text().len()).sum();
    let runs = if rules > 20_000 { 1 } else { 5 };
    let mut times: Vec<[f64; PHASES]> = (0..runs).map(|_| once(&program)).collect();
    let median = |phase: usize, times: &mut Vec<[f64; PHASES]>| {
        times.sort_by(|left, right| left[phase].total_cmp(&right[phase]));
        times[times.len() / 2][phase]
    };
    let phases: Vec<f64> = (0..PHASES).map(|phase| median(phase, &mut times)).collect();
    let all: f64 = phases.iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "a speed needs no more digits")]
    let speed = bytes as f64 / 1e6 / phases[0];
    println!(
        "{rules:>8} {:>9.4} {:>9.4} {:>9.4} {:>9.4} {:>9.4} {:>9.4} {:>9.4} {all:>9.4} {speed:>8.1} {:>9}",
        phases[0],
        phases[1],
        phases[2],
        phases[3],
        phases[4],
        phases[5],
        phases[6],
        peak()
    );
}

/// Seconds of each phase in one run.
fn once(input: &Input) -> [f64; PHASES] {
    let config = Config::default();
    let inventory = Inventory::default();
    let start = Instant::now();
    let (trees, unreadable) = compile::parse(input);
    let parsed = start.elapsed();
    let units = trees.iter().map(|(file, origin, tree)| Unit { file: *file, tree, origin: *origin }).collect();
    let program = Program { sources: &input.sources, units, config: &config, inventory: &inventory, default_namespace: "default".into() };
    let (policy, findings) = ir::lower(program);
    let resolved = start.elapsed();
    let gates = gates::build(&policy);
    let normal = start.elapsed();
    let lints = check::run(&policy, &gates);
    let checked = start.elapsed();
    let manifests: Vec<_> = target::ALL.iter().flat_map(|target| target.emit(&policy, &gates)).collect();
    let files = target::layout(&policy, &manifests);
    let emitted = start.elapsed();
    let mut written = Sources::default();
    let texts = files.into_iter().filter(|file| !file.path.ends_with("kustomization.yaml"));
    let ids: Vec<FileId> = texts.map(|file| written.add(Source::new(file.path, file.text))).collect();
    let (cluster, unread) = cluster::read(&written, &ids, compile::proof_platform(&config));
    let read = start.elapsed();
    let proof = verify::prove(&policy, &gates, &cluster, verify::Ends::Policed);
    let proved = start.elapsed();
    assert!(
        unreadable.is_empty() && unread.is_empty() && proof.holds() && findings.len() + lints.len() < usize::MAX,
        "the program compiles and is proved"
    );
    let ends = [parsed, resolved, normal, checked, emitted, read, proved];
    let starts = [std::time::Duration::ZERO, parsed, resolved, normal, checked, emitted, read];
    let seconds: [std::time::Duration; PHASES] = std::array::from_fn(|phase| ends[phase].saturating_sub(starts[phase]));
    seconds.map(|time| time.as_secs_f64())
}

/// The peak memory of this process in megabytes, where the platform tells it.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: Option<u64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kilobytes.map_or_else(|| "?".to_owned(), |kilobytes| (kilobytes / 1024).to_string())
}
