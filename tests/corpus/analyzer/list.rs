//! Lists of connections: `source => destination : connections`, as text or JSON.
//!
//! Owns: those two forms. Both are complete: what no line grants is refused.

use serde_yaml::Value;
use twogate::flow::{PortSet, Protocol};

use super::Entry;
use crate::corpus::case::Comparison;
use crate::corpus::connections::{Named, granted};
use crate::corpus::expectation::{Expectation, Grant, Granted, Scope, different_owners, port_classes};
use crate::corpus::judge::compare;
use crate::corpus::manifests::{self, word};
use crate::corpus::world::World;

/// Holds each expected file against the evaluator.
pub(super) fn ask(entry: &Entry<'_>) -> Comparison {
    let mut comparison = Comparison::default();
    for file in entry.expected() {
        let text = manifests::text(&file).1;
        let is_json = file.extension().is_some_and(|extension| extension == "json");
        let grants = if is_json { json(&text, entry) } else { lines(&text, entry) };
        comparison.add(hold(entry, &mut entry.world("dir"), &grants));
    }
    comparison
}

/// Holds a complete list against a cluster.
pub(super) fn hold(entry: &Entry<'_>, world: &mut World, grants: &[Grant<Named>]) -> Comparison {
    world.add_addresses(&ranges(grants));
    let pairs = |from: &_, to: &_| different_owners(from, to) && entry.is_about(from, to);
    let (ports, protocols) = match entry.connection() {
        Some((protocol, port)) => (vec![port], vec![protocol]),
        None => (port_classes(world, grants.iter().map(|grant| &grant.granted)), Protocol::ALL.to_vec()),
    };
    let scope = Scope { ports, protocols, requests: vec![None], pairs: &pairs };
    compare(world, &Expectation::of_list(world, grants, &scope))
}

/// The ranges of addresses that a list names.
pub(super) fn ranges(grants: &[Grant<Named>]) -> Vec<(u32, u32)> {
    grants.iter().flat_map(|grant| [grant.from.range(), grant.to.range()]).flatten().collect()
}

/// The lines of a text, up to where another part begins.
pub(super) fn lines(text: &str, entry: &Entry<'_>) -> Vec<Grant<Named>> {
    let part = text.split("Exposure Analysis Result").next().unwrap();
    let of_line = |line: &str| {
        let (from, rest) = line.split_once(" => ")?;
        let (to, words) = rest.split_once(" : ").map_or((rest, None), |(to, words)| (to, Some(words)));
        Some(grant(from, to, words, entry))
    };
    part.lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with("Permitted connections on"))
        .map(|line| of_line(line).unwrap())
        .collect()
}

fn json(text: &str, entry: &Entry<'_>) -> Vec<Grant<Named>> {
    let items: Vec<Value> = serde_yaml::from_str(text).unwrap();
    let part = |item: &Value, key: &str| word(item, &[key]).map(str::to_owned);
    items.iter().map(|item| grant(&part(item, "src").unwrap(), &part(item, "dst").unwrap(), part(item, "conn").as_deref(), entry)).collect()
}

/// A line; without connections it is about the one that the whole list is about.
fn grant(from: &str, to: &str, words: Option<&str>, entry: &Entry<'_>) -> Grant<Named> {
    let one = || {
        let (protocol, port) = entry.connection().unwrap();
        Granted::ports(PortSet::one(protocol, port))
    };
    Grant { from: Named::read(from), to: Named::read(to), granted: words.map_or_else(one, granted) }
}
