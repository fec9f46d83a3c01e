//! Ports, cut along the `ports` of the cuts that hold a far end.
//!
//! Owns: `PortClass` and the partition. Every protocol has at least one class.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use super::Bits;
use crate::flow::{Cut, Intervals, PortSet, Protocol};

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
pub fn port_classes<C: Borrow<Cut>>(cuts: &[C], active: &[usize]) -> Vec<PortClass> {
    Protocol::ALL.into_iter().flat_map(|protocol| classes_of(protocol, cuts, active)).collect()
}

fn classes_of<C: Borrow<Cut>>(protocol: Protocol, cuts: &[C], active: &[usize]) -> Vec<PortClass> {
    let held: Vec<(usize, &[(u16, u16)])> = active
        .iter()
        .filter_map(|at| Some((*at, cuts.get(*at)?.borrow().ports.get(protocol).ranges())))
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
    let mut classes: BTreeMap<Bits, Vec<(u16, u16)>> = BTreeMap::new();
    for (place, low) in starts.iter().enumerate() {
        let high = starts.get(place + 1).map_or(u16::MAX, |next| next - 1);
        let mut key = Bits::none(held.len());
        let holds = |ranges: &[(u16, u16)]| {
            let after = ranges.partition_point(|(_, end)| end < low);
            ranges.get(after).is_some_and(|(begin, _)| begin <= low)
        };
        held.iter().enumerate().filter(|(_, (_, ranges))| holds(ranges)).for_each(|(number, _)| key.insert(number));
        classes.entry(key).or_default().push((*low, high));
    }
    let class = |(key, parts): (Bits, Vec<(u16, u16)>)| {
        let cuts = key.iter().filter_map(|number| Some(held.get(number)?.0)).collect();
        let example = parts.first()?.0;
        Some(PortClass { protocol, example, ports: PortSet::from_intervals(protocol, Intervals::collect(parts)), cuts })
    };
    let mut classes: Vec<PortClass> = classes.into_iter().filter_map(class).collect();
    classes.sort_by_key(|class| class.example);
    classes
}
