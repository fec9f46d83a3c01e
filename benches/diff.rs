//! Time of a difference after a one-line edit, phase by phase (design §8: 10,000 rules under a second).
//!
//! `cargo bench --bench diff` prints a row for each size and each kind of edit: seconds for reading both sides and comparing what
//! they mean, and the same with everything that is told besides (approximations, expectations, assumptions).
//! Then the same for manifests: both sides read and compared, with one change in each of ten namespaces. And a namespace that joins the
//! mesh: of its workloads every second one keeps out of it by a label of its own, so that all of them are looked at, pair by pair.

mod teams;

use std::time::Instant;

use teams::{RULES_A_NAMESPACE, input};
use twogate::compile::{Input, resolve, unproved};
use twogate::diff::{Detail, Revision, intents, manifests, programs};
use twogate::gates;
use twogate::source::{Source, Sources};

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
    println!("\n{:>9} {:>10} {:>8}", "workloads", "all s", "entries");
    for namespaces in [10, 50] {
        manifests_row(namespaces);
    }
    println!("\n{:>9} {:>10} {:>8}", "joining", "all s", "entries");
    for workloads in [100, 200, 400] {
        joining_row(workloads);
    }
}

/// A program of one namespace, before and after it joins the mesh.
fn joining_row(workloads: usize) {
    let start = Instant::now();
    let compared = intents(joining(workloads, "{}"), joining(workloads, "{istio-injection: enabled}"), Detail::Access);
    let all = start.elapsed();
    let compared = compared.map(|compared| compared.report.entries.len());
    assert!(compared.is_ok(), "the programs can be compared");
    println!("{workloads:>9} {:>10.4} {:>8}", all.as_secs_f64(), compared.unwrap_or_default());
}

/// A chain of workloads in a cluster whose mesh is entered by namespaces that say so; their namespace has these labels.
fn joining(workloads: usize, labels: &str) -> Revision {
    let one = |app: usize| {
        let out = if app.is_multiple_of(2) { "" } else { ", sidecar.istio.io/inject: \"false\"" };
        let own = format!("app: app-{app}, instance: i-{app}");
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app-{app}, namespace: shop}}\n\
             spec: {{selector: {{matchLabels: {{{own}}}}}, template: {{metadata: {{labels: {{{own}{out}}}}}, \
             spec: {{serviceAccountName: sa-{app}, containers: [{{name: main, image: main}}]}}}}}}\n"
        )
    };
    let namespace = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {labels}}}\n");
    let inventory = (0..workloads).map(one).fold(namespace, |text, more| text + &more);
    let rules = (1..workloads).map(|app| format!("allow app=app-{} -> app=app-{app}:8080\n", app - 1));
    let mut sources = Sources::default();
    let intents = vec![sources.add(Source::new("shop.intent", rules.fold("namespace shop\n".to_owned(), |text, more| text + &more)))];
    let inventory = vec![sources.add(Source::new("inventory.yaml", inventory))];
    let config = Some(sources.add(Source::new("twogate.toml", "[mesh]\nmode = \"none\"\n")));
    Revision { name: labels.to_owned(), input: Input { sources, intents, inventory, config, ..Input::default() } }
}

/// Manifests of both layers, with an account and a Deployment for each workload.
fn manifests_row(namespaces: usize) {
    let start = Instant::now();
    let (base, head) = (written(namespaces, "8080"), written(namespaces, "8081"));
    let compiled = start.elapsed();
    let compared = manifests(base, head).map(|compared| compared.report.entries.len());
    let all = start.elapsed().saturating_sub(compiled);
    assert!(compared.is_ok(), "the manifests can be compared");
    let entries = compared.unwrap_or_default();
    println!("{:>9} {:>10.4} {entries:>8}", namespaces * RULES_A_NAMESPACE, all.as_secs_f64());
}

/// What the program compiles to, with another port in ten namespaces.
fn written(namespaces: usize, port: &str) -> Revision {
    let mut program = input(namespaces, "");
    let texts = program.intents.iter().enumerate().map(|(at, file)| {
        let text = program.sources.get(*file).map_or("", Source::text);
        (at, if at < 10 { text.replacen(":8080", &format!(":{port}"), 1) } else { text.to_owned() })
    });
    let mut sources = Sources::default();
    program.intents = texts.map(|(at, text)| sources.add(Source::new(format!("team-{at}.intent"), text))).collect();
    let outcome = unproved(Input { sources, ..program });
    let mut sources = Sources::default();
    let mut inventory: Vec<_> = outcome.files.iter().map(|file| sources.add(Source::new(&*file.path, &*file.text))).collect();
    inventory.extend((0..namespaces).map(|team| sources.add(Source::new(format!("team-{team}.yaml"), workloads(team)))));
    Revision { name: port.to_owned(), input: Input { sources, inventory, ..Input::default() } }
}

fn workloads(team: usize) -> String {
    let one = |app: usize| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app-{app}, namespace: team-{team}}}\n\
             spec: {{selector: {{matchLabels: {{app: app-{app}}}}}, template: {{metadata: {{labels: {{app: app-{app}}}}}, \
             spec: {{serviceAccountName: sa-{app}, containers: [{{name: main, image: main}}]}}}}}}\n"
        )
    };
    let namespace = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: team-{team}, labels: {{istio-injection: enabled}}}}\n");
    (0..RULES_A_NAMESPACE).map(one).fold(namespace, |text, more| text + &more)
}

fn row(rules: usize, name: &str, edit: &str) {
    let namespaces = rules.div_ceil(RULES_A_NAMESPACE);
    let start = Instant::now();
    let (base, head) = (resolve(&input(namespaces, "")), resolve(&input(namespaces, edit)));
    let [base_gates, head_gates] = [&base, &head].map(|side| gates::build(&side.policy));
    let read = start.elapsed();
    let found = programs((&base.policy, &base_gates), (&head.policy, &head_gates));
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
