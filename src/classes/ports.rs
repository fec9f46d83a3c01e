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
    let held =
        || active.iter().filter_map(|at| Some((*at, cuts.get(*at)?.borrow().ports.get(protocol)))).filter(|(_, ports)| !ports.is_empty());
    let Some((_, first)) = held().next() else {
        return vec![PortClass { protocol, example: FIRST, ports: PortSet::full(protocol), cuts: Vec::new() }];
    };
    // Most cuts that hold a far end are about the same ports: those of one rule, as several judges have it.
    if held().all(|(_, ports)| ports == first) {
        return inside_and_outside(protocol, first, held().map(|(at, _)| at).collect());
    }
    let held: Vec<(usize, &Intervals<u16>)> = held().collect();
    let mut classes: BTreeMap<Bits, Vec<(u16, u16)>> = BTreeMap::new();
    for part in parts(&held) {
        let mut key = Bits::none(held.len());
        held.iter().enumerate().filter(|(_, (_, ports))| ports.contains(part.0)).for_each(|(number, _)| key.insert(number));
        classes.entry(key).or_default().push(part);
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

/// The classes of ports where all cuts hold the same.
fn inside_and_outside(protocol: Protocol, inside: &Intervals<u16>, cuts: Vec<usize>) -> Vec<PortClass> {
    let outside = Intervals::of(FIRST, u16::MAX).subtract(inside);
    let class = |ports: Intervals<u16>, cuts: Vec<usize>| {
        let example = ports.ranges().first()?.0;
        Some(PortClass { protocol, example, ports: PortSet::from_intervals(protocol, ports), cuts })
    };
    let mut classes: Vec<PortClass> = [class(inside.clone(), cuts), class(outside, Vec::new())].into_iter().flatten().collect();
    classes.sort_by_key(|class| class.example);
    classes
}

/// All ports, parted wherever a set begins and behind where it ends.
fn parts(held: &[(usize, &Intervals<u16>)]) -> Vec<(u16, u16)> {
    let mut starts: Vec<u16> = vec![FIRST];
    for (low, high) in held.iter().flat_map(|(_, ports)| ports.ranges()) {
        starts.push(*low);
        starts.extend(high.checked_add(1));
    }
    starts.sort_unstable();
    starts.dedup();
    let ends = starts.iter().skip(1).map(|next| next - 1).chain([u16::MAX]);
    starts.iter().copied().zip(ends).collect()
}

/// The first port; 0 is none.
const FIRST: u16 = 1;
