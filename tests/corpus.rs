//! The evaluator against real cases: what upstream pages and other tools say of policies that nobody on this project wrote.
//!
//! Owns: where the cases lie, the sources, and that `corpus/RESULTS.md` tells how each came out. The cases lie beside the package, never in it;
//! without them each test says on stderr that it was skipped. A case that does not simply agree is no failure if the page says
//! which side is right and why; whatever the page does not say is one.

mod analyzer;
mod applications;
mod case;
mod connections;
mod cuts;
mod elsewhere;
mod expectation;
mod judge;
mod manifests;
mod nca;
mod page;
mod pairs;
mod scale;
mod workloads;
mod world;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use case::Case;

/// One folder of the corpus.
#[derive(Debug)]
struct Folder {
    name: &'static str,
    cases: fn(&Path) -> Vec<Case>,
    found: OnceLock<Vec<Case>>,
}

impl Folder {
    const fn new(name: &'static str, cases: fn(&Path) -> Vec<Case>) -> Self {
        Self { name, cases, found: OnceLock::new() }
    }

    /// Its cases; none if it is not there.
    fn cases(&self) -> Option<&[Case]> {
        let path = corpus(self.name)?;
        Some(self.found.get_or_init(|| (self.cases)(&path)))
    }
}

static FOLDERS: [Folder; 7] = [
    Folder::new("np-recipes", |path| pairs::cases("np-recipes", path)),
    Folder::new("istio-docs", |path| pairs::cases("istio-docs", path)),
    Folder::new("istio-golden", elsewhere::golden),
    Folder::new("np-guard-netpol-analyzer", analyzer::cases),
    Folder::new("np-guard-nca", nca::cases),
    Folder::new("apps", applications::cases),
    Folder::new("scale", scale::cases),
];

fn corpus(folder: &str) -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let folder = std::env::var_os("TWOGATE_CORPUS").map_or(beside, PathBuf::from).join(folder);
    if !folder.is_dir() {
        eprintln!("skipped: no corpus at {}", folder.display());
        return None;
    }
    Some(folder)
}

/// Every case of a folder agrees, or the page tells its reason.
fn is_told(name: &str) {
    let folder = FOLDERS.iter().find(|folder| folder.name == name).unwrap();
    let Some(cases) = folder.cases() else { return };
    assert!(!cases.is_empty());
    let faults = page::faults(&page::read(), &cases.iter().collect::<Vec<_>>());
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn the_recipes_say_the_same_or_the_page_tells_why() {
    is_told("np-recipes");
}

#[test]
fn the_istio_tasks_say_the_same_or_the_page_tells_why() {
    is_told("istio-docs");
}

#[test]
fn one_analyser_says_the_same_or_the_page_tells_why() {
    is_told("np-guard-netpol-analyzer");
}

#[test]
fn another_analyser_says_the_same_or_the_page_tells_why() {
    is_told("np-guard-nca");
}

#[test]
fn whole_applications_are_connected_as_another_tool_prints_or_the_page_tells_why() {
    is_told("apps");
}

#[test]
fn a_real_cluster_has_the_edges_that_another_evaluator_counts_or_the_page_tells_why() {
    is_told("scale");
}

#[test]
fn the_page_counts_what_is_true() {
    let Some(folders) = FOLDERS.iter().map(Folder::cases).collect::<Option<Vec<_>>>() else { return };
    let cases: Vec<&Case> = folders.into_iter().flatten().collect();
    let page = page::read();
    let counted = page::with_counts(&page, &cases);
    if std::env::var_os("BLESS").is_some() {
        return page::write(&counted);
    }
    assert!(page == counted, "tests/corpus/RESULTS.md counts otherwise; BLESS=1 writes it:\n{counted}");
}
