//! Ranges of addresses: the parts that are judged alike, and what a part is called.
//!
//! Owns: `apart`, `words`, `rule`. It must not decide a connection.

use super::setting::Setting;
use super::world::Known;
use crate::classes::{Among, address_classes};
use crate::cluster::{Names, Way};
use crate::flow::{AddressBlock, AddressSet, Cut, Family, Peers, Prefix, Protocol};
use crate::verify::{Judge, Program};

/// As many blocks are named; the rest is counted.
const MOST_NAMED: usize = 3;

/// As many blocks stand in one rule.
const MOST_IN_RULE: usize = 4;

/// The parts of some addresses that neither the cluster nor the intents tell apart, seen from the pod at the other end.
pub(super) fn apart(setting: &Setting, near: &Known, way: Way, whole: &AddressSet, port: (Protocol, u16)) -> Vec<AddressSet> {
    let end = setting.cluster.end(&near.endpoint, way);
    let program = Program::new(&setting.policy);
    let cuts = end.cuts(&Names::default()).into_iter().chain(program.end(&near.endpoint, way).cuts());
    let within = |cut: Cut| {
        let peers = Peers::from(cut.peers.addresses.intersect(whole));
        // A cut without ports tells far ends apart on every port.
        let has_port = cut.ports.is_empty() || cut.ports.contains(port.0, port.1);
        let is_cut = has_port && !peers.addresses.is_empty() && peers.addresses != *whole;
        is_cut.then_some(Cut { peers, ..cut })
    };
    let mut cuts: Vec<Cut> = cuts.filter_map(within).collect();
    cuts.sort_by(|left, right| left.peers.addresses.cmp(&right.peers.addresses));
    cuts.dedup_by(|left, right| left.peers.addresses == right.peers.addresses);
    let classes = address_classes(&cuts).into_iter().filter_map(|class| match class.among {
        Among::Addresses(addresses) => Some(addresses.intersect(whole)),
        Among::Pods(_) => None,
    });
    classes.filter(|part| !part.is_empty()).collect()
}

/// A part of addresses in words: its blocks, or the whole but for others where those are fewer. The whole may have a name of its own.
pub(super) fn words(part: &AddressSet, (whole, name): (&AddressSet, Option<&str>)) -> String {
    let known = [("any address", AddressSet::all()), ("internet", AddressSet::internet())];
    let name = name.or_else(|| known.iter().find(|(_, known)| known == whole).map(|(name, _)| *name));
    if let Some(name) = name.filter(|_| part == whole) {
        return name.to_owned();
    }
    let Some(name) = name else { return blocks(part) };
    let rest = whole.subtract(part).prefixes();
    if rest.len() < entries(part) {
        return format!("{name} except {}", named(rest.iter().map(prefix)));
    }
    let families = [("IPv4", Family::V4), ("IPv6", Family::V6)].map(|(word, family)| (word, AddressSet::family(family)));
    let of_both = families.iter().all(|(_, family)| whole.overlaps(family));
    let told = families.iter().filter(|(_, family)| part.overlaps(family)).map(|(word, family)| {
        let (own, all) = (part.intersect(family), whole.intersect(family));
        let rest = all.subtract(&own).prefixes();
        match (rest.is_empty(), rest.len() < entries(&own)) {
            (true, _) if of_both => format!("{word} of {name}"),
            (false, true) if of_both => format!("{word} of {name} except {}", named(rest.iter().map(prefix))),
            _ => blocks(&own),
        }
    });
    told.collect::<Vec<_>>().join(" and ")
}

/// How many blocks and exceptions say a set.
fn entries(set: &AddressSet) -> usize {
    set.blocks().iter().map(AddressBlock::entries).sum()
}

/// A set as blocks; what a block leaves out ends before the next one.
fn blocks(set: &AddressSet) -> String {
    let blocks = set.blocks();
    let between = if blocks.iter().any(|block| !block.except.is_empty()) { " and " } else { ", " };
    joined(blocks.iter().map(block), between)
}

/// The blocks of some addresses, as JSON has them.
pub(super) fn prefixes(range: &AddressSet) -> Vec<String> {
    range.prefixes().iter().map(ToString::to_string).collect()
}

/// A part of addresses as a rule of intents names it; none if it takes too many blocks.
pub(super) fn rule(part: &AddressSet) -> Option<String> {
    let prefixes = part.prefixes();
    let text = |prefix: &Prefix| {
        let text = self::prefix(prefix);
        if text.contains(':') { format!("[{text}]") } else { text }
    };
    (prefixes.len() <= MOST_IN_RULE).then(|| prefixes.iter().map(text).collect::<Vec<_>>().join(" or "))
}

/// A block and what is not in it.
fn block(block: &AddressBlock) -> String {
    let except = named(block.except.iter().map(prefix));
    if except.is_empty() { prefix(&block.prefix) } else { format!("{} except {except}", prefix(&block.prefix)) }
}

/// A block; one of a single address is that address.
fn prefix(prefix: &Prefix) -> String {
    if prefix.first() == prefix.last() { prefix.first().to_string() } else { prefix.to_string() }
}

/// The first few of some, and how many more there are.
fn named(all: impl Iterator<Item = String>) -> String {
    joined(all, ", ")
}

/// The same with other words between them.
fn joined(all: impl Iterator<Item = String>, between: &str) -> String {
    let all: Vec<String> = all.collect();
    let first = all.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(between);
    match all.len().saturating_sub(MOST_NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
