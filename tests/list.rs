//! `list`: who can reach whom, on clusters that people wrote, and against the evaluator on clusters that nobody did.

mod agreement;

use twogate::cluster::{self, Cluster, Platform};
use twogate::diagnostic::Diagnostic;
use twogate::flow::{AddressSet, Prefix};
use twogate::source::{Source, Sources};

/// A cluster from manifests, and what was found.
fn read(platform: Platform, yaml: &str) -> (Cluster, Vec<Diagnostic>) {
    let mut sources = Sources::default();
    let file = sources.add(Source::new("all.yaml", yaml));
    cluster::read(&sources, &[file], platform)
}

/// Addresses, as blocks with blanks between them.
fn addresses(blocks: &str) -> AddressSet {
    blocks.split_whitespace().map(|block| Prefix::parse(block).unwrap()).collect()
}
