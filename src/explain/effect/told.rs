//! What is told of a change: by how near it is to the connection that was asked about, addresses of one kind together.
//!
//! Owns: `Told`, `Nearness`, and how many are named. It must not judge.

use std::collections::{BTreeMap, BTreeSet};

use super::super::call::Call;
use super::super::range;
use super::pairs::OUTSIDE;
use super::words::REFUSED;
use crate::flow::AddressSet;

/// How near a connection is to the one that was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Nearness {
    /// It is that one.
    Itself,
    /// The same ends and port, and any request at all.
    Anything,
    /// The same ends and port, another request or transport.
    Otherwise,
    /// Somebody else to the same port.
    Caller,
    /// The same caller to something else.
    Target,
    /// Another class of pods that nobody described.
    Class,
    /// Anything else.
    Elsewhere,
}

/// What stands in a line for its addresses.
pub(super) const ADDRESSES: &str = "\u{0}";

/// As many are named.
const MOST_NAMED: usize = 4;

/// All that is told of one kind of change: lines, each with the addresses that stand in it.
#[derive(Debug, Default)]
pub(super) struct Told(BTreeMap<Nearness, BTreeMap<String, AddressSet>>);

impl Told {
    /// Adds a line, and addresses to it.
    pub(super) fn add(&mut self, nearness: Nearness, line: &str, addresses: &AddressSet) {
        let known = self.0.entry(nearness).or_default().entry(line.to_owned()).or_insert_with(AddressSet::none);
        *known = known.union(addresses);
    }

    /// The nearest by name; the rest is counted. The connection itself is not told.
    pub(super) fn summarised(mut self, call: &Call) -> Vec<String> {
        self.0.remove(&Nearness::Itself);
        let lines = self.0.into_values().flatten();
        let all: Vec<String> = lines.map(|(line, addresses)| in_words(call, &line, &addresses)).collect();
        let known: BTreeSet<&String> = all.iter().collect();
        let is_said = |text: &String| {
            [OUTSIDE, REFUSED].into_iter().any(|besides| text.contains(besides) && known.contains(&text.replace(besides, "")))
        };
        let told: Vec<&String> = all.iter().filter(|text| !is_said(text)).collect();
        let mut others: Vec<String> = told.iter().take(MOST_NAMED).map(|text| (*text).clone()).collect();
        if told.len() > MOST_NAMED {
            let more = told.len() - MOST_NAMED;
            others.push(format!("{more} more {}", if more == 1 { "connection" } else { "connections" }));
        }
        others
    }
}

/// A line with its addresses: as the flow has them where they are those that it asks about.
fn in_words(call: &Call, line: &str, addresses: &AddressSet) -> String {
    if !line.contains(ADDRESSES) {
        return line.to_owned();
    }
    let asked = [(&call.source, &call.written.0), (&call.destination, &call.written.1)];
    let written = asked.into_iter().find(|(known, _)| known.range == *addresses).map(|(_, written)| written.title.clone());
    let internet = AddressSet::internet();
    let whole = if addresses.is_subset(&internet) { internet } else { AddressSet::all() };
    line.replace(ADDRESSES, &written.unwrap_or_else(|| range::words(addresses, (&whole, None))))
}
