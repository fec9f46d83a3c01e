//! `list`: who can reach whom, on clusters that people wrote, and against the evaluator on clusters that nobody did.

mod agreement;
mod callers;
mod claims;
mod command;
mod features;
mod forms;
mod spoken;
mod unheard;
mod words;

use twogate::cluster::{self, Cluster, Platform};
use twogate::diagnostic::Diagnostic;
use twogate::flow::{AddressSet, Prefix};
use twogate::list::{self, Listing, Options, Selection, render};
use twogate::source::{Source, Sources};

/// A cluster from manifests, and what was found.
fn read(platform: Platform, yaml: &str) -> (Cluster, Vec<Diagnostic>) {
    let mut sources = Sources::default();
    let file = sources.add(Source::new("all.yaml", yaml));
    cluster::read(&sources, &[file], platform)
}

/// What every test assumes unless it is about the assumption: a plugin that can do everything, whose blocks match no pods.
fn platform() -> Platform {
    Platform {
        end_port: Some(true),
        named_ports: Some(true),
        sctp: Some(true),
        ipblock_matches_pods: Some(false),
        hbone_from_sidecars: Some(true),
        ..Platform::default()
    }
}

/// Addresses, as blocks with blanks between them.
fn addresses(blocks: &str) -> AddressSet {
    blocks.split_whitespace().map(|block| Prefix::parse(block).unwrap()).collect()
}

/// The lines of a table without its head, its columns with ` | ` between them.
fn cells(listing: &Listing) -> Vec<String> {
    let text = render::text(listing, &Sources::default());
    let line = |line: &str| {
        let (mark, rest) = line.strip_prefix("? ").map_or(("", line), |rest| ("? ", rest));
        mark.to_owned() + &rest.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(" | ")
    };
    text.lines().filter(|line| !line.trim_start().starts_with("FROM ")).map(line).collect()
}

/// The whole list of a cluster whose manifests are fine.
fn lines(yaml: &str) -> Vec<String> {
    let (cluster, findings) = read(platform(), yaml);
    assert!(findings.is_empty(), "{findings:#?}");
    cells(&list::list(&cluster, &Options::default()))
}

/// The list between two ends, each the name of a workload or an address block.
fn on(platform: Platform, yaml: &str, from: &str, to: &str) -> Vec<String> {
    let (cluster, findings) = read(platform, yaml);
    assert!(findings.is_empty(), "{findings:#?}");
    let end = |text: &str| match Prefix::parse(text) {
        Ok(_) => Selection::from(twogate::flow::Peers::from(addresses(text))),
        Err(_) => Selection { names: vec![text.parse().unwrap()], ..Selection::default() },
    };
    cells(&list::list(&cluster, &Options { from: Some(end(from)), to: Some(end(to)), ..Options::default() }))
}
