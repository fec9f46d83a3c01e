//! CIDR blocks: reading them as strictly as Kubernetes, writing them in canonical form.
//!
//! Owns: `Prefix`, `PrefixError`, `Family`. It must not accept a text that two readers could take for different blocks.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// How many bits an address has.
    pub const fn width(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// The last address, as a number.
    pub(super) const fn last(self) -> u128 {
        match self {
            Self::V4 => u32::MAX as u128,
            Self::V6 => u128::MAX,
        }
    }
}

/// A CIDR block without host bits, such as `10.0.0.0/8` or `2001:db8::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    family: Family,
    first: u128,
    len: u8,
}

/// Why a text is no block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrefixError {
    /// It is no address and no block, for this reason (lower case, no full stop).
    Unreadable(String),
    /// The address is not the first of the block; it could mean either of these.
    HostBits {
        /// The block in which the address lies.
        block: Prefix,
        /// The address alone.
        host: Prefix,
    },
}

impl Prefix {
    /// Reads a block or a bare address, which is a block of one, as strictly as Kubernetes does (`semantics.md` §1.9):
    /// leading zeros, IPv4 addresses in IPv6 form, zones and host bits are errors.
    pub fn parse(text: &str) -> Result<Self, PrefixError> {
        let (address, len) = match text.split_once('/') {
            Some((address, len)) => (address, Some(len)),
            None => (text, None),
        };
        let (family, bits) = read_address(address).map_err(PrefixError::Unreadable)?;
        let host = Self::cut(family, bits, family.width());
        let Some(len) = len else { return Ok(host) };
        let len = read_len(family, len).map_err(PrefixError::Unreadable)?;
        let block = Self::cut(family, bits, len);
        if block.first == bits { Ok(block) } else { Err(PrefixError::HostBits { block, host }) }
    }

    /// The block of one address; an IPv4 address in IPv6 form is the IPv4 address.
    pub fn host(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::cut(Family::V4, u128::from(address.to_bits()), 32),
            IpAddr::V6(address) => Self::cut(Family::V6, address.to_bits(), 128),
        }
    }

    /// Every address of a family.
    pub const fn whole(family: Family) -> Self {
        Self { family, first: 0, len: 0 }
    }

    /// The block of this length in which the address lies; a length or an address past the family's is cut to it.
    pub(super) fn cut(family: Family, address: u128, len: u8) -> Self {
        let len = len.min(family.width());
        Self { family, first: address & family.last() & !host_mask(family, len), len }
    }

    /// The address family.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// How many leading bits are fixed.
    #[expect(clippy::len_without_is_empty, reason = "the length of a prefix, not a count; no block is empty")]
    pub const fn len(&self) -> u8 {
        self.len
    }

    /// The first address.
    pub fn first(&self) -> IpAddr {
        address(self.family, self.first)
    }

    /// The last address.
    pub fn last(&self) -> IpAddr {
        address(self.family, self.range().1)
    }

    /// The first and the last address as numbers, in the family's own width.
    pub fn range(&self) -> (u128, u128) {
        (self.first, self.first | host_mask(self.family, self.len))
    }

    /// Whether it is one address.
    pub const fn is_host(&self) -> bool {
        self.len == self.family.width()
    }

    /// Whether the address is in it; an IPv4 address in IPv6 form is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.covers(&Self::host(address))
    }

    /// Whether all of the other block is in it.
    pub fn covers(&self, other: &Self) -> bool {
        self.family == other.family && self.len <= other.len && Self::cut(self.family, other.first, self.len) == *self
    }

    /// Its lower and its upper half; `None` if it is one address.
    pub(super) fn halves(&self) -> Option<(Self, Self)> {
        if self.is_host() {
            return None;
        }
        let (_, last) = self.range();
        let len = self.len + 1;
        Some((Self { len, ..*self }, Self::cut(self.family, last, len)))
    }
}

/// The bits below the first `len`.
fn host_mask(family: Family, len: u8) -> u128 {
    let free = u32::from(family.width().saturating_sub(len));
    u128::MAX.checked_shr(128 - free).unwrap_or(0)
}

/// An address from its number.
pub(super) fn address(family: Family, bits: u128) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(u32::MAX)).into(),
        Family::V6 => Ipv6Addr::from_bits(bits).into(),
    }
}

/// The fewest prefixes from the address `low` to `high`, both included, ascending.
pub(super) fn cover(family: Family, low: u128, high: u128) -> Vec<Prefix> {
    let mut prefixes = Vec::new();
    let mut next = Some(low);
    while let Some(start) = next.filter(|start| *start <= high) {
        let aligned = family.width().min(trailing_zeros(start));
        let fits = |free: &u8| start | host_mask(family, family.width() - free) <= high;
        let free = (0..=aligned).rev().find(fits).unwrap_or(0);
        let prefix = Prefix::cut(family, start, family.width() - free);
        next = prefix.range().1.checked_add(1);
        prefixes.push(prefix);
    }
    prefixes
}

fn trailing_zeros(number: u128) -> u8 {
    u8::try_from(number.trailing_zeros()).unwrap_or(u8::MAX)
}

fn read_address(text: &str) -> Result<(Family, u128), String> {
    if text.contains(':') { read_v6(text) } else { read_v4(text) }
}

fn read_v4(text: &str) -> Result<(Family, u128), String> {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok((Family::V4, u128::from(address.to_bits())));
    }
    let parts: Vec<&str> = text.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !parts.iter().all(is_number) {
        return Err(format!("`{text}` is not an IP address"));
    }
    if parts.len() != 4 {
        return Err(format!("`{text}` has {} of the four numbers of an IPv4 address", parts.len()));
    }
    // Readers differ on whether such a number is octal.
    if let Some(part) = parts.iter().find(|part| part.len() > 1 && part.starts_with('0')) {
        return Err(format!("`{part}` has a leading zero"));
    }
    let large = parts.iter().find(|part| part.parse::<u8>().is_err()).unwrap_or(&text);
    Err(format!("`{large}` is above 255"))
}

fn read_v6(text: &str) -> Result<(Family, u128), String> {
    if text.contains('%') {
        return Err(format!("`{text}` has a zone, which means something on one machine only"));
    }
    let address: Ipv6Addr = text.parse().map_err(|_| format!("`{text}` is not an IP address"))?;
    if let Some(plain) = address.to_ipv4_mapped() {
        return Err(format!("`{text}` is the IPv4 address `{plain}` in IPv6 form"));
    }
    Ok((Family::V6, address.to_bits()))
}

fn read_len(family: Family, text: &str) -> Result<u8, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("`/{text}` is not a prefix length"));
    }
    if text.len() > 1 && text.starts_with('0') {
        return Err(format!("`/{text}` has a leading zero"));
    }
    let width = family.width();
    text.parse().ok().filter(|len| *len <= width).ok_or_else(|| format!("`/{text}` is above /{width}"))
}

/// In canonical form, for IPv6 that of RFC 5952; a single address too carries its length.
impl fmt::Display for Prefix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.first(), self.len)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(text: &str) -> String {
        Prefix::parse(text).unwrap().to_string()
    }

    fn reason(text: &str) -> String {
        match Prefix::parse(text) {
            Err(PrefixError::Unreadable(reason)) => reason,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn canonical_text() {
        assert_eq!(canonical("10.0.0.0/8"), "10.0.0.0/8");
        assert_eq!(canonical("10.1.2.3"), "10.1.2.3/32");
        assert_eq!(canonical("0.0.0.0/0"), "0.0.0.0/0");
        assert_eq!(canonical("::/0"), "::/0");
        assert_eq!(canonical("2001:DB8:0:0:1:0:0:0/96"), "2001:db8:0:0:1::/96");
        assert_eq!(canonical("2001:0db8::0001"), "2001:db8::1/128");
        assert_eq!(canonical("64:ff9b::192.0.2.0/120"), "64:ff9b::c000:200/120");
    }

    #[test]
    fn host_bits_have_two_readings() {
        let readings = |block: &str, host: &str| {
            let read = |text| Prefix::parse(text).unwrap();
            Err(PrefixError::HostBits { block: read(block), host: read(host) })
        };
        assert_eq!(Prefix::parse("10.1.2.3/16"), readings("10.1.0.0/16", "10.1.2.3/32"));
        assert_eq!(Prefix::parse("2001:db8::1/32"), readings("2001:db8::/32", "2001:db8::1/128"));
        assert_eq!(Prefix::parse("0.0.0.1/0"), readings("0.0.0.0/0", "0.0.0.1"));
    }

    #[test]
    fn what_readers_differ_on_is_refused() {
        assert_eq!(reason("010.0.0.0/8"), "`010` has a leading zero");
        assert_eq!(reason("10.0.0.00"), "`00` has a leading zero");
        assert_eq!(reason("10.0.0.0/08"), "`/08` has a leading zero");
        assert_eq!(reason("::ffff:10.0.0.0/104"), "`::ffff:10.0.0.0` is the IPv4 address `10.0.0.0` in IPv6 form");
        assert_eq!(reason("fe80::1%eth0"), "`fe80::1%eth0` has a zone, which means something on one machine only");
        assert_eq!(reason("10.0.0/24"), "`10.0.0` has 3 of the four numbers of an IPv4 address");
        assert_eq!(reason("10.0.0.256"), "`256` is above 255");
        assert_eq!(reason("10.0.0.0/33"), "`/33` is above /32");
        assert_eq!(reason("::/129"), "`/129` is above /128");
        assert_eq!(reason("::/999999999999"), "`/999999999999` is above /128");
        assert_eq!(reason("10.0.0.0/"), "`/` is not a prefix length");
        assert_eq!(reason("10.0.0.0/+8"), "`/+8` is not a prefix length");
        assert_eq!(reason("10.0.0.0/8/8"), "`/8/8` is not a prefix length");
        assert_eq!(reason(" 10.0.0.0"), "` 10.0.0.0` is not an IP address");
        assert_eq!(reason(""), "`` is not an IP address");
        assert_eq!(reason("1:2"), "`1:2` is not an IP address");
        assert_eq!(reason("1.2.3.4.5"), "`1.2.3.4.5` has 5 of the four numbers of an IPv4 address");
    }

    #[test]
    fn ends() {
        let block = Prefix::parse("10.0.0.0/8").unwrap();
        assert_eq!(block.last().to_string(), "10.255.255.255");
        assert!(block.contains("::ffff:10.1.1.1".parse().unwrap()));
        assert!(!block.contains("::a00:0".parse().unwrap()));
        assert_eq!(Prefix::whole(Family::V6).range(), (0, u128::MAX));
        assert!(Prefix::parse("10.0.0.1").unwrap().is_host());
    }

    proptest! {
        #[test]
        fn parsing_never_fails_to_answer(text in "[0-9a-f:./%]{0,20}") {
            if let Ok(prefix) = Prefix::parse(&text) {
                prop_assert_eq!(Prefix::parse(&prefix.to_string()), Ok(prefix));
            }
        }

        #[test]
        fn a_cover_is_exact_and_smallest(low in 0_u128..64, more in 0_u128..=64, base in prop::sample::select(vec![0, u128::MAX - 127])) {
            let (low, high) = (base + low, base + low + more);
            let prefixes = cover(Family::V6, low, high);
            let mut next = Some(low);
            for prefix in &prefixes {
                prop_assert_eq!(Some(prefix.range().0), next);
                next = prefix.range().1.checked_add(1);
            }
            prop_assert_eq!(prefixes.last().map(|prefix| prefix.range().1), Some(high));
            // No two neighbours make one block, hence no smaller cover.
            for pair in prefixes.windows(2) {
                let parent = Prefix::cut(Family::V6, pair[0].first, pair[0].len - 1);
                prop_assert!(pair[0].len != pair[1].len || !parent.covers(&pair[1]));
            }
        }

        #[test]
        fn covering_is_inclusion(ours in any::<(u32, u8)>(), theirs in any::<(u32, u8)>()) {
            let block = |(bits, len): (u32, u8)| Prefix::cut(Family::V4, u128::from(bits & 0xf000_000f), len % 33);
            let (ours, theirs) = (block(ours), block(theirs));
            let inside = ours.range().0 <= theirs.range().0 && theirs.range().1 <= ours.range().1;
            prop_assert_eq!(ours.covers(&theirs), inside);
        }
    }
}
