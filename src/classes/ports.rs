//! Ports, cut along the `ports` of the cuts that hold a far end.
//!
//! Owns: `PortClass` and the partition. Every protocol has at least one class.

use std::collections::BTreeMap;

use super::Bits;
use crate::flow::{Cut, PortSet, Protocol};

/// One class of ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortClass {
    /// Their protocol.
    pub protocol: Protocol,
    /// One of them.
    pub example: u16,
    /// All of them.
    pub ports: PortSet,
    /// Which of the cuts hold it, by their place in the list of all cuts.
    pub cuts: Vec<usize>,
}

/// The classes of ports for a far end that these cuts hold; `active` are their places in `cuts`.
pub fn port_classes(cuts: &[Cut], active: &[usize]) -> Vec<PortClass> {
    Protocol::ALL.into_iter().flat_map(|protocol| classes_of(protocol, cuts, active)).collect()
}

fn classes_of(protocol: Protocol, cuts: &[Cut], active: &[usize]) -> Vec<PortClass> {
    let held: Vec<(usize, &[(u16, u16)])> = active
        .iter()
        .filter_map(|at| Some((*at, cuts.get(*at)?.ports.get(protocol).ranges())))
        .filter(|(_, ranges)| !ranges.is_empty())
        .collect();
    if held.is_empty() {
        return vec![PortClass { protocol, example: 1, ports: PortSet::of(protocol, 1, u16::MAX), cuts: Vec::new() }];
    }
    // Every port at which some cut begins, or the one after its end.
    let mut starts: Vec<u16> = vec![1];
    for (low, high) in held.iter().flat_map(|(_, ranges)| ranges.iter()) {
        starts.push(*low);
        starts.extend(high.checked_add(1));
    }
    starts.sort_unstable();
    starts.dedup();
    let mut classes: BTreeMap<Bits, PortClass> = BTreeMap::new();
    for (place, low) in starts.iter().enumerate() {
        let high = starts.get(place + 1).map_or(u16::MAX, |next| next - 1);
        let mut key = Bits::none(held.len());
        let holds = |ranges: &[(u16, u16)]| {
            let after = ranges.partition_point(|(_, end)| end < low);
            ranges.get(after).is_some_and(|(begin, _)| begin <= low)
        };
        held.iter().enumerate().filter(|(_, (_, ranges))| holds(ranges)).for_each(|(number, _)| key.insert(number));
        let part = PortSet::of(protocol, *low, high);
        if let Some(class) = classes.get_mut(&key) {
            class.ports = class.ports.union(&part);
        } else {
            let cuts = key.iter().filter_map(|number| Some(held.get(number)?.0)).collect();
            classes.insert(key, PortClass { protocol, example: *low, ports: part, cuts });
        }
    }
    let mut classes: Vec<PortClass> = classes.into_values().collect();
    classes.sort_by_key(|class| class.example);
    classes
}
