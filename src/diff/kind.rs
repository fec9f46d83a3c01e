//! How risky a difference is.
//!
//! Owns: the ranking of a class of flows. It must not know rules.

use super::access::Nature;
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

/// What kind of difference it is, and what it would be the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kinds {
    pub(super) there: Kind,
    pub(super) back: Kind,
}

/// The kinds of a difference; and, where the two peers only meet on one port more or less, what they would be if they met nowhere
/// else.
pub(super) fn kinds(pair: &Pair<'_>, cell: &Cell, nature: Nature) -> (Kinds, Option<Kinds>) {
    let meets = nature.some_before || nature.some_after;
    let alone = meets && (nature.some_before != nature.some_after);
    // The side on which this port says nothing is the one that is asked about the others.
    let elsewhere = alone && {
        let silent = if nature.some_after { Which::Base } else { Which::Head };
        passes_somewhere(pair, silent, &cell.caller, &cell.called)
    };
    let of = |elsewhere: bool| Kinds { there: kind(cell, nature, elsewhere), back: kind(cell, nature.backwards(), elsewhere) };
    (of(elsewhere), elsewhere.then(|| of(false)))
}

/// `elsewhere` is whether the two peers also meet on other ports.
fn kind(cell: &Cell, nature: Nature, elsewhere: bool) -> Kind {
    if nature.gained {
        return gain(cell, nature, elsewhere);
    }
    if nature.plaintext_too {
        return Kind::Weakened;
    }
    if nature.unspecified {
        return Kind::Unspecified;
    }
    if nature.one_gate && !nature.lost && !nature.mtls_only {
        return Kind::OneGate;
    }
    if nature.lost && !nature.some_after && !elsewhere { Kind::Closed } else { Kind::Tightened }
}

fn gain(cell: &Cell, nature: Nature, elsewhere: bool) -> Kind {
    if is_internet(&cell.source.addresses) || is_internet(&cell.destination.addresses) {
        return Kind::Internet;
    }
    if nature.some_before {
        return if nature.token_dropped || nature.plaintext_too { Kind::Weakened } else { Kind::PortsOrRequests };
    }
    if elsewhere {
        return Kind::PortsOrRequests;
    }
    match (namespace(&cell.caller), namespace(&cell.called)) {
        (Some(from), Some(to)) if from == to => Kind::Workloads,
        (Some(_), Some(_)) => Kind::Across,
        _ => Kind::Outside,
    }
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
