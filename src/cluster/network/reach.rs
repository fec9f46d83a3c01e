//! Which addresses an end may use on a connection, and what a block says of them.
//!
//! Owns: `Reach`, and how blocks of one policy hold a pod together (`semantics.md` §1.8). A connection uses one address of a pod, and
//! it is not said which; both of its ends have addresses of the same family. It must not know rules.

use std::net::IpAddr;
use std::sync::LazyLock;

use super::Block;
use crate::cluster::truth::{Doubt, Truth};
use crate::cluster::{Endpoint, Network, Platform};
use crate::flow::{AddressSet, Family, Peer, Prefix};

/// What no pod has for its address: loopback, link-local and multicast addresses (RFC 1122 §3.2.1.3, RFC 3927, RFC 5771, RFC 4291 §2.4).
/// Those of Istio's probes are link-local too (`semantics.md` §5.4).
const OF_NO_POD: [&str; 6] = ["127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "::1/128", "fe80::/10", "ff00::/8"];

/// What a pod may have for its address where nobody says it.
static OF_PODS: LazyLock<AddressSet> = LazyLock::new(|| {
    let prefixes = OF_NO_POD.iter().filter_map(|text| Prefix::parse(text).ok());
    AddressSet::all().subtract(&prefixes.collect())
});

/// What a node may have for its address where nobody says it: any, as what runs there also listens on link-local ones.
static OF_NODES: LazyLock<AddressSet> = LazyLock::new(AddressSet::all);

/// The addresses of which an end uses one.
#[derive(Debug, Clone, Copy)]
pub(in crate::cluster) struct Reach<'a> {
    /// Its own; empty if they are not known.
    own: &'a [IpAddr],
    /// Those of all ends like it.
    all: &'a AddressSet,
    /// The family of the connection, if it is known.
    family: Option<Family>,
}

/// How much of what an end may use lies in a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    None,
    Some,
    All,
}

impl<'a> Reach<'a> {
    /// Of a pod on a network of its own.
    pub(super) fn of_pods(platform: &'a Platform) -> Self {
        let all = if platform.pods.is_empty() { &*OF_PODS } else { &platform.pods };
        Self { own: &[], all, family: None }
    }

    /// Of a pod on its node's network.
    pub(super) fn of_nodes(platform: &'a Platform) -> Self {
        let all = if platform.nodes.is_empty() { &*OF_NODES } else { &platform.nodes };
        Self { own: &[], all, family: None }
    }

    /// Of the far end of a connection, a pod, seen from the near one.
    pub(super) fn of_far(far: &'a Endpoint, near: &Endpoint, platform: &'a Platform) -> Self {
        let usual = if far.facts.network == Network::Host { Self::of_nodes(platform) } else { Self::of_pods(platform) };
        let reach = Self { own: &far.facts.addresses, ..usual };
        let family = only_family(near).filter(|family| reach.uses(*family));
        Self { family, ..reach }
    }

    /// Whether it may use an address of a family.
    fn uses(&self, family: Family) -> bool {
        let is_it = |address: &IpAddr| family_of(*address) == family;
        match (self.own, family) {
            ([], Family::V4) => !self.all.v4().is_empty(),
            ([], Family::V6) => !self.all.v6().is_empty(),
            (own, _) => own.iter().any(is_it),
        }
    }

    /// The families that the connection may be of.
    fn families(self) -> impl Iterator<Item = Family> {
        let may_be = move |family: &Family| self.family.map_or_else(|| self.uses(*family), |own| own == *family);
        [Family::V4, Family::V6].into_iter().filter(may_be)
    }

    /// How much of what it may use on a connection of a family lies in a set.
    fn share(&self, set: &AddressSet, family: Family) -> Share {
        if !self.own.is_empty() {
            let mut own = self.own.iter().filter(|address| family_of(**address) == family).map(|address| set.contains(*address));
            let first = own.next();
            return match first {
                Some(first) if own.any(|other| other != first) => Share::Some,
                Some(true) => Share::All,
                Some(false) | None => Share::None,
            };
        }
        let (overlaps, holds) = match family {
            Family::V4 => (self.all.v4().overlaps(set.v4()), self.all.v4().is_subset(set.v4())),
            Family::V6 => (self.all.v6().overlaps(set.v6()), self.all.v6().is_subset(set.v6())),
        };
        match (overlaps, holds) {
            (false, _) => Share::None,
            (true, true) => Share::All,
            (true, false) => Share::Some,
        }
    }

    /// Whether a block holds the address that it uses.
    pub(super) fn inside(self, block: &'a Block) -> Truth<'a> {
        let shares: Vec<(Share, Share)> =
            self.families().map(|family| (self.share(sure(block), family), self.share(&block.addresses, family))).collect();
        let all = |test: fn(&(Share, Share)) -> bool| shares.iter().all(test);
        if shares.is_empty() {
            return Truth::Unknown(Doubt::AddressUnknown { block });
        }
        if all(|(surest, _)| *surest == Share::All) {
            return Truth::Yes;
        }
        if all(|(_, widest)| *widest == Share::None) {
            return Truth::No;
        }
        if all(|(surest, widest)| surest == widest && *widest != Share::Some) {
            return Truth::Unknown(Doubt::Family { block });
        }
        let is_read_in_two_ways = all(|shares| *shares == (Share::None, Share::All));
        Truth::Unknown(if is_read_in_two_ways { Doubt::HostBits { block } } else { Doubt::AddressUnknown { block } })
    }

    /// Whether some blocks together hold whatever address it uses.
    pub(super) fn is_within<'b>(self, blocks: impl Iterator<Item = &'b Block>) -> bool {
        let together = blocks.fold(AddressSet::none(), |all, block| all.union(sure(block)));
        let mut families = self.families().peekable();
        families.peek().is_some() && families.all(|family| self.share(&together, family) == Share::All)
    }
}

/// The addresses that are in a block however it is read.
fn sure(block: &Block) -> &AddressSet {
    block.sure.as_ref().unwrap_or(&block.addresses)
}

/// The family of every address of an end, if they are known and of one.
fn only_family(end: &Endpoint) -> Option<Family> {
    let mut families = end.facts.addresses.iter().map(|address| family_of(*address));
    let own = match end.peer {
        Peer::Address(address) => Some(family_of(address)),
        Peer::Pod(_) => families.next(),
    };
    own.filter(|own| families.all(|other| other == *own))
}

fn family_of(address: IpAddr) -> Family {
    match address.to_canonical() {
        IpAddr::V4(_) => Family::V4,
        IpAddr::V6(_) => Family::V6,
    }
}
