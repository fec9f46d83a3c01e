//! Sets of IPv4 and IPv6 addresses, and the CIDR blocks that say them.
//!
//! Owns: `Prefix`, `AddressSet` and the public address space. It must not know which addresses a cluster uses.

pub use blocks::AddressBlock;
pub use prefix::{Family, Prefix, PrefixError};

mod blocks;
mod prefix;

use std::net::IpAddr;

use super::Intervals;

/// A set of addresses of both families, which never mix (`semantics.md` §1.8).
///
/// An IPv4 address in its IPv6-mapped form is the IPv4 address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AddressSet {
    v4: Intervals<u32>,
    v6: Intervals<u128>,
}

/// IPv4 blocks that the IANA special-purpose registry does not call globally reachable, multicast included.
const PRIVATE_V4: [(u32, u8); 14] = [
    (0x0000_0000, 8),  // 0.0.0.0/8 this network
    (0x0a00_0000, 8),  // 10.0.0.0/8 private
    (0x6440_0000, 10), // 100.64.0.0/10 shared by carriers
    (0x7f00_0000, 8),  // 127.0.0.0/8 loopback
    (0xa9fe_0000, 16), // 169.254.0.0/16 link-local
    (0xac10_0000, 12), // 172.16.0.0/12 private
    (0xc000_0000, 24), // 192.0.0.0/24 protocol assignments; its two anycast addresses are no hosts either
    (0xc000_0200, 24), // 192.0.2.0/24 documentation
    (0xc058_6300, 24), // 192.88.99.0/24 6to4 relays, withdrawn
    (0xc0a8_0000, 16), // 192.168.0.0/16 private
    (0xc612_0000, 15), // 198.18.0.0/15 benchmarks
    (0xc633_6400, 24), // 198.51.100.0/24 documentation
    (0xcb00_7100, 24), // 203.0.113.0/24 documentation
    (0xe000_0000, 3),  // 224.0.0.0/4 multicast and 240.0.0.0/4 reserved, broadcast included
];

/// IPv6 blocks that IANA gives out as global unicast addresses, and the well-known prefix that stands for IPv4 (RFC 6052).
const PUBLIC_V6: [(u128, u8); 2] = [
    (0x2000 << 112, 3),                   // 2000::/3
    ((0x64 << 112) | (0xff9b << 96), 96), // 64:ff9b::/96
];

/// What the special-purpose registry takes back from those.
const PRIVATE_V6: [(u128, u8); 4] = [
    (0x2001 << 112, 23),                   // 2001::/23 protocol assignments, Teredo and ORCHID included
    ((0x2001 << 112) | (0xdb8 << 96), 32), // 2001:db8::/32 documentation
    (0x2002 << 112, 16),                   // 2002::/16 6to4
    (0x3fff << 112, 20),                   // 3fff::/20 documentation
];

impl AddressSet {
    /// The empty set.
    pub const fn none() -> Self {
        Self { v4: Intervals::none(), v6: Intervals::none() }
    }

    /// Every address of both families.
    pub fn all() -> Self {
        Self { v4: Intervals::all(), v6: Intervals::all() }
    }

    /// Every address of one family.
    pub fn family(family: Family) -> Self {
        match family {
            Family::V4 => Self { v4: Intervals::all(), v6: Intervals::none() },
            Family::V6 => Self { v4: Intervals::none(), v6: Intervals::all() },
        }
    }

    /// The public unicast addresses, which are what the language calls `internet`.
    ///
    /// IPv4: `0.0.0.0/0` without `0.0.0.0/8`, `10.0.0.0/8`, `100.64.0.0/10`, `127.0.0.0/8`, `169.254.0.0/16`,
    /// `172.16.0.0/12`, `192.0.0.0/24`, `192.0.2.0/24`, `192.88.99.0/24`, `192.168.0.0/16`, `198.18.0.0/15`,
    /// `198.51.100.0/24`, `203.0.113.0/24` and `224.0.0.0/3`. IPv6: `2000::/3` without `2001::/23`, `2001:db8::/32`,
    /// `2002::/16` and `3fff::/20`, and `64:ff9b::/96`, under which clusters without IPv4 reach public IPv4 addresses.
    pub fn internet() -> Self {
        let v4 = |(first, len): &(u32, u8)| Prefix::cut(Family::V4, u128::from(*first), *len);
        let v6 = |(first, len): &(u128, u8)| Prefix::cut(Family::V6, *first, *len);
        let public = Self::family(Family::V4).union(&PUBLIC_V6.iter().map(v6).collect());
        public.subtract(&PRIVATE_V4.iter().map(v4).chain(PRIVATE_V6.iter().map(v6)).collect())
    }

    /// The IPv4 addresses in it, as numbers.
    pub fn v4(&self) -> &Intervals<u32> {
        &self.v4
    }

    /// The IPv6 addresses in it, as numbers.
    pub fn v6(&self) -> &Intervals<u128> {
        &self.v6
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Whether every address of both families is in it.
    pub fn is_all(&self) -> bool {
        self.v4.is_all() && self.v6.is_all()
    }

    /// Whether the address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => self.v4.contains(address.to_bits()),
            IpAddr::V6(address) => self.v6.contains(address.to_bits()),
        }
    }

    /// The smallest address in it, IPv4 first.
    pub fn first(&self) -> Option<IpAddr> {
        let v4 = self.v4.ranges().first().map(|(low, _)| prefix::address(Family::V4, u128::from(*low)));
        v4.or_else(|| self.v6.ranges().first().map(|(low, _)| prefix::address(Family::V6, *low)))
    }

    /// The address, of a set that holds just one.
    pub fn only(&self) -> Option<IpAddr> {
        self.first().filter(|first| *self == Self::from(Prefix::host(*first)))
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { v4: self.v4.union(&other.v4), v6: self.v6.union(&other.v6) }
    }

    /// What is in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self { v4: self.v4.intersect(&other.v4), v6: self.v6.intersect(&other.v6) }
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        Self { v4: self.v4.subtract(&other.v4), v6: self.v6.subtract(&other.v6) }
    }

    /// What is not in it.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self { v4: self.v4.complement(), v6: self.v6.complement() }
    }

    /// Whether all of it is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.v4.is_subset(&other.v4) && self.v6.is_subset(&other.v6)
    }

    /// Whether anything is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.v4.overlaps(&other.v4) || self.v6.overlaps(&other.v6)
    }

    /// The fewest disjoint prefixes that say the set, ascending, IPv4 first.
    pub fn prefixes(&self) -> Vec<Prefix> {
        self.ranges().flat_map(|(family, low, high)| prefix::cover(family, low, high)).collect()
    }

    /// The set as blocks with exceptions, as few of both together as possible; ascending, IPv4 first.
    pub fn blocks(&self) -> Vec<AddressBlock> {
        blocks::fewest(self)
    }

    /// The same where no block lies in what another leaves out, so that what they leave out may be named behind all of them; none where one does.
    pub fn blocks_apart(&self) -> Option<Vec<AddressBlock>> {
        let blocks = self.blocks();
        let lies_within =
            |block: &AddressBlock| blocks.iter().any(|other| other.prefix != block.prefix && other.prefix.covers(&block.prefix));
        let is_any_within = blocks.iter().any(lies_within);
        (!is_any_within).then_some(blocks)
    }

    /// Every range that is in it, both ends included: by family, then ascending.
    fn ranges(&self) -> impl Iterator<Item = (Family, u128, u128)> {
        let v4 = self.v4.ranges().iter().map(|(low, high)| (Family::V4, u128::from(*low), u128::from(*high)));
        v4.chain(self.v6.ranges().iter().map(|(low, high)| (Family::V6, *low, *high)))
    }
}

impl From<Prefix> for AddressSet {
    fn from(prefix: Prefix) -> Self {
        std::iter::once(prefix).collect()
    }
}

impl FromIterator<Prefix> for AddressSet {
    fn from_iter<I: IntoIterator<Item = Prefix>>(prefixes: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for prefix in prefixes {
            let (low, high) = prefix.range();
            match prefix.family() {
                Family::V4 => v4.push((narrow(low), narrow(high))),
                Family::V6 => v6.push((low, high)),
            }
        }
        Self { v4: Intervals::collect(v4), v6: Intervals::collect(v6) }
    }
}

/// An IPv4 address as the number that it is.
fn narrow(address: u128) -> u32 {
    u32::try_from(address).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(text: &str) -> AddressSet {
        text.split_whitespace().map(|text| Prefix::parse(text).unwrap()).collect()
    }

    fn prefixes() -> impl Strategy<Value = Vec<Prefix>> {
        let v4 = (0_u32..16, 28_u8..=32).prop_map(|(bits, len)| Prefix::cut(Family::V4, u128::from(u32::MAX - bits), len));
        let v6 = (0_u128..16, 124_u8..=128).prop_map(|(bits, len)| Prefix::cut(Family::V6, bits, len));
        prop::collection::vec(prop_oneof![v4, v6], 0..6)
    }

    /// Both ends of both families, as near to them as the strategies go.
    fn universe() -> Vec<IpAddr> {
        let v4 = (0..20).map(|bits| prefix::address(Family::V4, u128::from(u32::MAX - bits)));
        v4.chain((0..20).map(|bits| prefix::address(Family::V6, bits))).chain(["::".parse().unwrap(), "0.0.0.0".parse().unwrap()]).collect()
    }

    fn members(set: &AddressSet) -> Vec<bool> {
        universe().into_iter().map(|address| set.contains(address)).collect()
    }

    proptest! {
        #[test]
        fn algebra_agrees_with_membership(ours in prefixes(), theirs in prefixes()) {
            let holds = |prefixes: &[Prefix], address: IpAddr| prefixes.iter().any(|prefix| prefix.contains(address));
            let each = |of: fn(bool, bool) -> bool| {
                universe().into_iter().map(|address| of(holds(&ours, address), holds(&theirs, address))).collect::<Vec<_>>()
            };
            let (left, right): (AddressSet, AddressSet) = (ours.iter().copied().collect(), theirs.iter().copied().collect());
            prop_assert_eq!(members(&left.intersect(&right)), each(|own, other| own && other));
            prop_assert_eq!(members(&left.union(&right)), each(|own, other| own || other));
            prop_assert_eq!(members(&left.subtract(&right)), each(|own, other| own && !other));
            prop_assert_eq!(members(&left.complement()), each(|own, _| !own));
            prop_assert_eq!(left.is_subset(&right), each(|own, other| !own || other).into_iter().all(|holds| holds));
            prop_assert_eq!(left.overlaps(&right), each(|own, other| own && other).contains(&true));
            prop_assert_eq!(left.prefixes().into_iter().collect::<AddressSet>(), left.clone());
            prop_assert_eq!(left.first(), left.prefixes().first().map(Prefix::first));
        }
    }

    #[test]
    fn families_never_mix() {
        assert!(!set("0.0.0.0/0").contains("::1".parse().unwrap()));
        assert!(!set("::/0").contains("1.2.3.4".parse().unwrap()));
        assert!(!set("::/0").contains("::ffff:1.2.3.4".parse().unwrap()), "that is an IPv4 address");
        assert_eq!(AddressSet::family(Family::V4).complement(), AddressSet::family(Family::V6));
        assert!(set("0.0.0.0/0 ::/0").is_all());
    }

    #[test]
    fn internet_is_public_unicast() {
        let internet = AddressSet::internet();
        for public in
            ["1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "172.32.0.0", "223.255.255.255", "2600::1", "64:ff9b::101:101"]
        {
            assert!(internet.contains(public.parse().unwrap()), "{public}");
        }
        let private = "0.1.2.3 10.0.0.1 100.64.0.1 127.0.0.1 169.254.169.254 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 \
            198.19.255.255 198.51.100.1 203.0.113.9 224.0.0.1 240.0.0.1 255.255.255.255 :: ::1 64:ff9b:1::1 100::1 2001::1 2001:db8::1 \
            2002::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 ff02::1";
        for private in private.split_whitespace() {
            assert!(!internet.contains(private.parse().unwrap()), "{private}");
        }
        let v4: Vec<_> = internet.blocks().into_iter().filter(|block| block.prefix.family() == Family::V4).collect();
        assert_eq!(v4.iter().map(|block| block.prefix.to_string()).collect::<Vec<_>>(), ["0.0.0.0/0"]);
        assert_eq!(v4[0].except.len(), PRIVATE_V4.len());
    }
}
