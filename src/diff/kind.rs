//! How risky a difference is.
//!
//! Owns: the ranking of a class of flows. It must not know rules.

use std::collections::BTreeSet;

use super::access::{Mark, Nature, leaves_open, loses, nature};
use super::entry::Kind;
use super::side::{Both, Pair, Which};
use super::walk::{Cell, passes_somewhere};
use crate::flow::{AddressSet, Peer};

/// The most public IPv4 addresses that one owner is taken to name; a set of more is the internet.
const ONE_OWNERS: u64 = 1 << 16;

/// The largest public IPv6 range that one owner is taken to name, a /32.
const ONE_OWNERS_V6: u128 = 1 << 96;

/// Whether a set of addresses holds so many public ones that anybody may be among them.
pub(super) fn is_internet(addresses: &AddressSet) -> bool {
    if addresses.is_empty() {
        return false;
    }
    let public = addresses.intersect(&AddressSet::internet());
    let v4: u64 = public.v4().ranges().iter().map(|(low, high)| u64::from(high - low) + 1).sum();
    v4 > ONE_OWNERS || public.v6().ranges().iter().any(|(low, high)| high - low >= ONE_OWNERS_V6)
}

/// What kind of difference a class of flows is.
pub(super) fn kind(pair: &Pair<'_>, cell: &Cell, nature: &Nature) -> Kind {
    let elsewhere = |which: Which| match (cell.somewhere, which) {
        (Some([base, _]), Which::Base) => base,
        (Some([_, head]), Which::Head) => head,
        (None, which) => passes_somewhere(pair, which, &cell.caller, &cell.target),
    };
    if nature.has(Mark::Gained) {
        return gain(cell, nature, elsewhere);
    }
    if nature.has(Mark::PlaintextToo) {
        return Kind::Weakened;
    }
    if nature.has(Mark::Unspecified) {
        return Kind::Unspecified;
    }
    if nature.has(Mark::MtlsToo) && !nature.has(Mark::Lost) && !nature.has(Mark::MtlsOnly) {
        return Kind::MtlsToo;
    }
    if nature.has(Mark::OneGate) && !nature.has(Mark::Lost) && !nature.has(Mark::MtlsOnly) {
        return Kind::OneGate;
    }
    if nature.has(Mark::Lost) && !nature.has(Mark::SomeAfter) && !elsewhere(Which::Head) { Kind::Closed } else { Kind::Tightened }
}

fn gain(cell: &Cell, nature: &Nature, elsewhere: impl Fn(Which) -> bool) -> Kind {
    if is_internet(&cell.source.addresses) || is_internet(&cell.destination.addresses) {
        return Kind::Internet;
    }
    if nature.has(Mark::SomeBefore) {
        return if nature.has(Mark::TokenDropped) || nature.has(Mark::PlaintextToo) { Kind::Weakened } else { Kind::PortsOrRequests };
    }
    if elsewhere(Which::Base) {
        return Kind::PortsOrRequests;
    }
    match (namespace(&cell.caller), namespace(&cell.target)) {
        (Some(from), Some(to)) if from == to => Kind::Workloads,
        (Some(_), Some(_)) => Kind::Across,
        _ => Kind::Outside,
    }
}

/// Every kind that a class of flows holds, whose own is the first thing to know of it. That one gate stands alone is what comes with every
/// gain, as it has to pass both of them; there it is no kind of its own.
pub(super) fn kinds(cell: &Cell, kind: Kind) -> BTreeSet<Kind> {
    let nature = nature(&cell.before, &cell.after, &cell.requests);
    let held = [
        (kind, true),
        (Kind::PortsOrRequests, nature.has(Mark::MoreRequests) && !kind.is_gain()),
        (Kind::MtlsToo, nature.has(Mark::MtlsToo)),
        (Kind::Weakened, nature.has(Mark::PlaintextToo) || nature.has(Mark::TokenDropped)),
        (Kind::OneGate, nature.has(Mark::OneGate) && !nature.has(Mark::Gained)),
        (Kind::Unspecified, leaves_open(&cell.after)),
        (Kind::Tightened, loses(&cell.before, &cell.after) && !kind.is_loss()),
    ];
    held.into_iter().filter(|(_, holds)| *holds).map(|(kind, _)| kind).collect()
}

/// Whether a class of flows that is opened was open before, for less.
pub(super) fn is_wider(cell: &Cell, kind: Kind) -> bool {
    kind == Kind::Internet && nature(&cell.before, &cell.after, &cell.requests).has(Mark::SomeBefore)
}

/// The namespace of a pod.
pub(super) fn namespace(peer: &Both) -> Option<&str> {
    match peer.of(Which::Head) {
        Peer::Pod(pod) => Some(&pod.namespace),
        Peer::Address(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Prefix;

    #[test]
    fn an_office_is_not_the_internet() {
        let blocks = |texts: &[&str]| texts.iter().map(|text| Prefix::parse(text).unwrap()).collect::<AddressSet>();
        assert!(is_internet(&AddressSet::internet()) && is_internet(&AddressSet::all()));
        assert!(is_internet(&blocks(&["8.0.0.0/9"])) && is_internet(&blocks(&["2600::/20"])));
        for few in [&["8.8.0.0/16"][..], &["10.0.0.0/8"], &["2600:1f00::/32"], &[]] {
            assert!(!is_internet(&blocks(few)), "{few:?}");
        }
    }
}
