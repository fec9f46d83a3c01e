//! Addresses, as far as the ends of a pod may tell them apart.
//!
//! Owns: `parts`, the classes of addresses of which one stands for all; `written`, the blocks that policies name. It must not judge.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;

use super::super::place;
use super::super::world::{self, Known};
use super::pairs::Pair;
use super::strangers::Coverage;
use super::told::ADDRESSES;
use crate::classes::{Among, address_classes};
use crate::flow::{AddressSet, Cut, Peers, PortSet, Prefix, RequestSamples};

/// Addresses are told apart along so many sets at most.
const MOST_SETS: usize = 256;

/// So many parts of them are compared at most.
const MOST_PARTS: usize = 256;

/// The parts of all addresses that no set tells apart, those that are asked about first, then those that are most like them.
pub(super) fn parts<'a>(sets: impl Iterator<Item = &'a AddressSet>, asked: &AddressSet) -> (Vec<AddressSet>, Coverage) {
    let distinct: BTreeSet<&AddressSet> = sets.filter(|set| !set.is_empty()).collect();
    let first = asked.first();
    let mut sets: Vec<&AddressSet> = distinct.into_iter().collect();
    sets.sort_by_key(|set| !first.is_some_and(|first| set.contains(first)));
    let mut coverage = if sets.len() > MOST_SETS { Coverage::Part } else { Coverage::All };
    sets.truncate(MOST_SETS);
    let cut = |set: &AddressSet| Cut { peers: Peers::from(set.clone()), ports: PortSet::none(), requests: RequestSamples::default() };
    let cuts: Vec<Cut> = sets.iter().copied().chain([asked]).map(cut).collect();
    let mut parts: Vec<AddressSet> = address_classes(&cuts).into_iter().filter_map(|class| addresses(class.among)).collect();
    let alike = |part: &AddressSet| {
        let (Some(first), Some(own)) = (first, part.first()) else { return 0 };
        sets.iter().filter(|set| set.contains(first) == set.contains(own)).count()
    };
    parts.sort_by_cached_key(|part| (!part.is_subset(asked), std::cmp::Reverse(alike(part))));
    if parts.len() > MOST_PARTS {
        coverage = Coverage::Part;
        parts.truncate(MOST_PARTS);
    }
    (parts, coverage)
}

fn addresses(among: Among) -> Option<AddressSet> {
    match among {
        Among::Addresses(addresses) => Some(addresses),
        Among::Pods(_) => None,
    }
}

/// A part as one who is compared; the part that holds who was asked about is he. Beside a pod that was asked about it is a class.
pub(super) fn pair(part: &AddressSet, asked: &Known) -> Option<Pair> {
    let is_asked = asked.pod().is_none() && part.is_subset(&asked.range) && asked.address().is_some_and(|address| part.contains(address));
    let known = if is_asked { Some(Known { range: part.clone(), ..asked.clone() }) } else { world::addresses(part) };
    let is_class = asked.pod().is_some();
    known.map(|known| Pair { title: ADDRESSES.to_owned(), before: known.clone(), after: known, is_class, is_caller_alone: false })
}

/// The blocks that policies name, wherever they do.
pub(super) fn written(objects: &[Value]) -> Vec<AddressSet> {
    let mut found = Vec::new();
    objects.iter().filter(|object| !place::is_fact(object)).filter_map(|object| object.get("spec")).for_each(|spec| add(spec, &mut found));
    found
}

fn add(value: &Value, found: &mut Vec<AddressSet>) {
    match value {
        Value::String(text) => found.extend(block(text)),
        Value::Array(values) => values.iter().for_each(|value| add(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| add(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A text as a block, or as one address.
fn block(text: &str) -> Option<AddressSet> {
    let host = || text.parse::<IpAddr>().ok().map(Prefix::host);
    Prefix::parse(text).ok().or_else(host).map(AddressSet::from)
}
