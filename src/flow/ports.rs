//! Sets of destination ports per protocol.
//!
//! Owns: `Protocol`, `PortSet`, and how the two are written in the language. It must not know names of ports.

use std::fmt;
use std::str::FromStr;

use super::Intervals;

/// A protocol that `NetworkPolicy` knows (`semantics.md` §1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP, the default wherever none is written.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// Every protocol, in order.
    pub const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::Sctp];

    /// As written in the language: `tcp`, `udp` or `sctp`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

/// As Kubernetes writes it: `TCP`, `UDP` or `SCTP`.
impl fmt::Display for Protocol {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        })
    }
}

/// The text names no protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownProtocol;

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, UnknownProtocol> {
        Self::ALL.into_iter().find(|protocol| text.eq_ignore_ascii_case(protocol.word())).ok_or(UnknownProtocol)
    }
}

/// A set of ports, 1 to 65535, per protocol.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PortSet {
    tcp: Intervals<u16>,
    udp: Intervals<u16>,
    sctp: Intervals<u16>,
}

const FIRST: u16 = 1;
const LAST: u16 = u16::MAX;

impl PortSet {
    /// The empty set.
    pub const fn none() -> Self {
        Self { tcp: Intervals::none(), udp: Intervals::none(), sctp: Intervals::none() }
    }

    /// Every port of every protocol.
    pub fn all() -> Self {
        let every = || Intervals::of(FIRST, LAST);
        Self { tcp: every(), udp: every(), sctp: every() }
    }

    /// Every port of one protocol.
    pub fn full(protocol: Protocol) -> Self {
        Self::of(protocol, FIRST, LAST)
    }

    /// The ports from `low` to `high` of one protocol, both included. Port 0 is no port and never in the set.
    pub fn of(protocol: Protocol, low: u16, high: u16) -> Self {
        Self::from_intervals(protocol, Intervals::of(low, high))
    }

    /// One port of one protocol.
    pub fn one(protocol: Protocol, port: u16) -> Self {
        Self::of(protocol, port, port)
    }

    /// Ports of one protocol; 0 is left out.
    pub fn from_intervals(protocol: Protocol, ports: Intervals<u16>) -> Self {
        let mut set = Self::none();
        *set.get_mut(protocol) = if ports.contains(0) { ports.intersect(&Intervals::of(FIRST, LAST)) } else { ports };
        set
    }

    /// The ports of one protocol.
    pub fn get(&self, protocol: Protocol) -> &Intervals<u16> {
        match protocol {
            Protocol::Tcp => &self.tcp,
            Protocol::Udp => &self.udp,
            Protocol::Sctp => &self.sctp,
        }
    }

    fn get_mut(&mut self, protocol: Protocol) -> &mut Intervals<u16> {
        match protocol {
            Protocol::Tcp => &mut self.tcp,
            Protocol::Udp => &mut self.udp,
            Protocol::Sctp => &mut self.sctp,
        }
    }

    /// This set without the ports of every other protocol.
    #[must_use]
    pub fn only(&self, protocol: Protocol) -> Self {
        Self::from_intervals(protocol, self.get(protocol).clone())
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.each(Intervals::is_empty)
    }

    /// Whether every port of every protocol is in it.
    pub fn is_all(&self) -> bool {
        self.each(is_full)
    }

    /// Whether every port of one protocol is in it.
    pub fn is_full(&self, protocol: Protocol) -> bool {
        is_full(self.get(protocol))
    }

    /// Whether this port of this protocol is in it.
    pub fn contains(&self, protocol: Protocol, port: u16) -> bool {
        self.get(protocol).contains(port)
    }

    /// The protocols of which some port is in it, in order.
    pub fn protocols(&self) -> impl Iterator<Item = Protocol> {
        Protocol::ALL.into_iter().filter(|protocol| !self.get(*protocol).is_empty())
    }

    /// Every range that is in it: by protocol, then ascending, both ends included.
    pub fn ranges(&self) -> impl Iterator<Item = (Protocol, u16, u16)> {
        let of = |protocol| self.get(protocol).ranges().iter().map(move |(low, high)| (protocol, *low, *high));
        Protocol::ALL.into_iter().flat_map(of)
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.zip(other, Intervals::union)
    }

    /// What is in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        self.zip(other, Intervals::intersect)
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        self.zip(other, Intervals::subtract)
    }

    /// What is not in it.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self::all().subtract(self)
    }

    /// Whether all of it is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        Protocol::ALL.into_iter().all(|protocol| self.get(protocol).is_subset(other.get(protocol)))
    }

    /// Whether anything is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        Protocol::ALL.into_iter().any(|protocol| self.get(protocol).overlaps(other.get(protocol)))
    }

    fn each(&self, holds: impl Fn(&Intervals<u16>) -> bool) -> bool {
        Protocol::ALL.into_iter().all(|protocol| holds(self.get(protocol)))
    }

    fn zip(&self, other: &Self, with: impl Fn(&Intervals<u16>, &Intervals<u16>) -> Intervals<u16>) -> Self {
        Self { tcp: with(&self.tcp, &other.tcp), udp: with(&self.udp, &other.udp), sctp: with(&self.sctp, &other.sctp) }
    }
}

fn is_full(ports: &Intervals<u16>) -> bool {
    ports.ranges() == [(FIRST, LAST)]
}

/// In the words of the language, without the colon: `5432`, `53|53/udp`, `8000-8100`, `*/tcp`; `none` for the empty set,
/// which the language cannot say.
impl fmt::Display for PortSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return out.write_str("none");
        }
        for (at, (protocol, low, high)) in self.ranges().enumerate() {
            if at > 0 {
                out.write_str("|")?;
            }
            if (low, high) == (FIRST, LAST) {
                write!(out, "*/{}", protocol.word())?;
                continue;
            }
            write!(out, "{low}")?;
            if low < high {
                write!(out, "-{high}")?;
            }
            if protocol != Protocol::Tcp {
                write!(out, "/{}", protocol.word())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PROBES: [u16; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 65532, 65533, 65534, 65535];

    fn members(set: &PortSet) -> Vec<bool> {
        Protocol::ALL.into_iter().flat_map(|protocol| PROBES.map(|port| set.contains(protocol, port))).collect()
    }

    fn set() -> impl Strategy<Value = PortSet> {
        let number = prop_oneof![0_u16..=8, 65533_u16..=65535];
        let part = (prop::sample::select(Protocol::ALL.to_vec()), number.clone(), number);
        let join = |set: PortSet, (protocol, low, high)| set.union(&PortSet::of(protocol, low, high));
        prop::collection::vec(part, 0..5).prop_map(move |parts| parts.into_iter().fold(PortSet::none(), join))
    }

    proptest! {
        #[test]
        fn algebra_agrees_with_membership(ours in set(), theirs in set()) {
            let pairs = members(&ours).into_iter().zip(members(&theirs));
            let each = |of: fn(bool, bool) -> bool| pairs.clone().map(|(own, other)| of(own, other)).collect::<Vec<_>>();
            prop_assert_eq!(members(&ours.intersect(&theirs)), each(|own, other| own && other));
            prop_assert_eq!(members(&ours.union(&theirs)), each(|own, other| own || other));
            prop_assert_eq!(members(&ours.subtract(&theirs)), each(|own, other| own && !other));
            prop_assert_eq!(members(&ours.complement()), each(|own, _| !own));
            prop_assert_eq!(ours.is_subset(&theirs), each(|own, other| !own || other).into_iter().all(|holds| holds));
            prop_assert_eq!(ours.overlaps(&theirs), each(|own, other| own && other).contains(&true));
            prop_assert_eq!(ours.is_empty(), !members(&ours).contains(&true));
            prop_assert_eq!(ours.is_all(), !members(&ours).contains(&false));
            for protocol in Protocol::ALL {
                let only = ours.only(protocol);
                prop_assert!(only.is_subset(&ours) && only.protocols().all(|other| other == protocol));
                prop_assert_eq!(only.get(protocol), ours.get(protocol));
                prop_assert!(!ours.complement().contains(protocol, 0) && !ours.contains(protocol, 0));
            }
        }
    }

    #[test]
    fn written_as_in_the_language() {
        let tcp = |low, high| PortSet::of(Protocol::Tcp, low, high);
        assert_eq!(tcp(5432, 5432).to_string(), "5432");
        assert_eq!(tcp(8000, 8100).union(&tcp(80, 80)).to_string(), "80|8000-8100");
        assert_eq!(tcp(53, 53).union(&PortSet::one(Protocol::Udp, 53)).to_string(), "53|53/udp");
        assert_eq!(PortSet::full(Protocol::Tcp).to_string(), "*/tcp");
        assert_eq!(PortSet::all().to_string(), "*/tcp|*/udp|*/sctp");
        assert_eq!(PortSet::of(Protocol::Sctp, 1, 9).to_string(), "1-9/sctp");
        assert_eq!(PortSet::none().to_string(), "none");
    }

    #[test]
    fn port_zero_is_no_port() {
        assert!(PortSet::one(Protocol::Tcp, 0).is_empty());
        assert_eq!(PortSet::of(Protocol::Tcp, 0, 65535), PortSet::full(Protocol::Tcp));
        assert_eq!(PortSet::from_intervals(Protocol::Udp, Intervals::all()), PortSet::full(Protocol::Udp));
        assert!(PortSet::none().complement().is_all());
    }

    #[test]
    fn protocols_are_read_in_any_case() {
        assert_eq!("tcp".parse(), Ok(Protocol::Tcp));
        assert_eq!("UDP".parse(), Ok(Protocol::Udp));
        assert_eq!("icmp".parse::<Protocol>(), Err(UnknownProtocol));
        assert_eq!(Protocol::Sctp.to_string(), "SCTP");
    }
}
