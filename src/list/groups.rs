//! Far ends and ports that an end does not tell apart.
//!
//! Owns: the groups that the cuts of an end make of workloads, addresses and ports (see [`Cut`] for what cuts promise). It
//! must not ask the end anything.

use crate::flow::{AddressSet, Cut, PortSet, RequestSamples};

use super::bits::Bits;
use super::members::Members;

/// Workloads that the same cuts hold.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) members: Bits,
    /// Which cuts.
    pub(super) held: Vec<usize>,
}

/// Addresses that the same cuts hold.
#[derive(Debug, Clone)]
pub(super) struct Outside {
    pub(super) addresses: AddressSet,
    /// Which cuts.
    pub(super) held: Vec<usize>,
}

/// Ports that the same cuts hold.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) ports: PortSet,
    /// Which cuts.
    pub(super) held: Vec<usize>,
}

/// The groups of workloads, given those that differ in what no cut looks at.
pub(super) fn workloads(cuts: &[Cut], apart: &[Bits], members: &mut Members<'_>) -> Vec<Group> {
    let mut groups: Vec<Group> = apart.iter().map(|members| Group { members: members.clone(), held: Vec::new() }).collect();
    for (at, cut) in cuts.iter().enumerate() {
        split(&mut groups, &members.of(&cut.peers.pods), Some(at));
        // A pod that has an address in the set may be judged by that, or not at all.
        let (some, all) = members.at(&cut.peers.addresses);
        split(&mut groups, &some, Some(at));
        split(&mut groups, &all, None);
    }
    groups
}

/// Cuts every group in those of the set, which a cut then holds, and the rest.
pub(super) fn split(groups: &mut Vec<Group>, set: &Bits, cut: Option<usize>) {
    let mut parts = Vec::new();
    for group in groups.iter_mut() {
        let inside = group.members.intersect(set);
        if inside.is_empty() {
            continue;
        }
        let held = group.held.iter().copied().chain(cut).collect();
        if inside == group.members {
            group.held = held;
            continue;
        }
        group.members.remove(&inside);
        parts.push(Group { members: inside, held });
    }
    groups.append(&mut parts);
}

/// The groups of addresses of a space.
pub(super) fn addresses(cuts: &[Cut], space: &AddressSet) -> Vec<Outside> {
    let mut groups = vec![Outside { addresses: space.clone(), held: Vec::new() }];
    for (at, cut) in cuts.iter().enumerate().filter(|(_, cut)| !cut.peers.addresses.is_empty()) {
        let mut parts = Vec::new();
        for group in &mut groups {
            let inside = group.addresses.intersect(&cut.peers.addresses);
            if inside.is_empty() {
                continue;
            }
            let held = group.held.iter().copied().chain([at]).collect();
            let outside = group.addresses.subtract(&inside);
            if outside.is_empty() {
                group.held = held;
                continue;
            }
            group.addresses = outside;
            parts.push(Outside { addresses: inside, held });
        }
        groups.append(&mut parts);
    }
    groups.retain(|group| !group.addresses.is_empty());
    groups
}

/// The groups of ports, given the cuts that hold a far end, and ports that are to stand alone.
pub(super) fn ports(cuts: &[Cut], held: &[usize], alone: &[PortSet]) -> Vec<Ports> {
    let mut groups = vec![Ports { ports: PortSet::all(), held: Vec::new() }];
    for at in held {
        let Some(cut) = cuts.get(*at) else { continue };
        divide(&mut groups, &cut.ports, Some(*at));
    }
    for ports in alone {
        divide(&mut groups, ports, None);
    }
    groups
}

/// Groups of ports that these cuts tell apart besides; which of them hold a group is not said.
pub(super) fn divided(mut groups: Vec<Ports>, cuts: &[Cut]) -> Vec<Ports> {
    for cut in cuts {
        divide(&mut groups, &cut.ports, None);
    }
    groups
}

fn divide(groups: &mut Vec<Ports>, set: &PortSet, cut: Option<usize>) {
    let mut parts = Vec::new();
    for group in groups.iter_mut() {
        if !group.ports.overlaps(set) {
            continue;
        }
        // Most cuts hold all of a group: then there is nothing to copy.
        if group.ports.is_subset(set) {
            group.held.extend(cut);
            continue;
        }
        let held = group.held.iter().copied().chain(cut).collect();
        parts.push(Ports { ports: group.ports.intersect(set), held });
        group.ports = group.ports.subtract(set);
    }
    groups.append(&mut parts);
}

/// What these cuts look at in requests.
pub(super) fn samples<'c>(cuts: &'c [Cut], held: &'c [usize]) -> impl Iterator<Item = &'c RequestSamples> {
    held.iter().filter_map(|at| cuts.get(*at)).map(|cut| &cut.requests)
}
