//! The words in which np-guard's tools write connections and ends.
//!
//! Owns: `All Connections`, `TCP 80,90-99,UDP 53`, `{protocols:TCP,dst_ports:80,methods:GET, POST}`, and ends as
//! `namespace/name[Kind]` or a range of addresses.

use std::net::Ipv4Addr;

use twogate::flow::{PortSet, Protocol};

use super::expectation::{Granted, Side};
use super::world::{End, protocol};

/// An end of a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named {
    /// A workload, as it is written.
    Workload(String),
    /// Addresses outside, first and last.
    Range(u32, u32),
    /// Whatever forwards from outside (`{ingress-controller}`): an assumption of that tool, never asked.
    Controller,
}

impl Named {
    /// Reads one; an address range may carry the mark `[External]`.
    pub(super) fn read(text: &str) -> Self {
        let bare = text.trim().trim_end_matches("[External]");
        let range = bare.split_once('-').and_then(|(low, high)| {
            let number = |text: &str| text.parse::<Ipv4Addr>().ok().map(u32::from);
            Some(Self::Range(number(low)?, number(high)?))
        });
        match range {
            Some(range) => range,
            None if bare == "{ingress-controller}" => Self::Controller,
            None => Self::Workload(bare.to_owned()),
        }
    }

    /// The addresses, if it is some.
    pub(super) fn range(&self) -> Option<(u32, u32)> {
        match self {
            Self::Range(low, high) => Some((*low, *high)),
            Self::Workload(_) | Self::Controller => None,
        }
    }
}

impl Side for Named {
    fn holds(&self, end: &End) -> bool {
        match self {
            Self::Workload(name) => end.as_pod().is_some() && end.name == *name,
            Self::Range(low, high) => end.as_address().is_some_and(|address| (*low..=*high).contains(&u32::from(address))),
            Self::Controller => false,
        }
    }
}

/// Connections in any of the forms.
pub(super) fn granted(text: &str) -> Granted {
    let text = text.trim();
    if text.eq_ignore_ascii_case("all connections") {
        return Granted::default();
    }
    if text.eq_ignore_ascii_case("no connections") {
        return Granted::ports(PortSet::none());
    }
    match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(inner) => keyed(inner),
        None => plain(text),
    }
}

/// `TCP 80,90-99,UDP 53`; a protocol alone is all its ports, and a port may be a name.
fn plain(text: &str) -> Granted {
    let mut ports = PortSet::none();
    let mut named = None;
    let mut current = Protocol::Tcp;
    for item in text.split(',').map(str::trim) {
        let (word, rest) = item.split_once(' ').unwrap_or((item, ""));
        let rest = match word.parse::<Protocol>() {
            Ok(found) => {
                current = found;
                rest
            }
            Err(_) => word,
        };
        match (rest, range(rest)) {
            ("", _) => ports = ports.union(&PortSet::full(current)),
            (_, Some((low, high))) => ports = ports.union(&PortSet::of(current, low, high)),
            (name, None) => named = Some((current, name.to_owned())),
        }
    }
    Granted { named, ..Granted::ports(ports) }
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    Some((low.parse().ok()?, high.parse().ok()?))
}

/// `protocols:TCP, UDP,dst_ports:53,methods:GET, POST,paths:/a, /b`.
fn keyed(inner: &str) -> Granted {
    let mut granted = Granted::default();
    let (mut protocols, mut ranges) = (Vec::new(), Vec::new());
    let mut key = "";
    for item in inner.split(',') {
        let value = item.split_once(':').map_or(item, |(name, value)| {
            key = name;
            value
        });
        match key {
            "protocols" => protocols.push(protocol(value.trim())),
            "dst_ports" => ranges.push(range(value.trim()).unwrap()),
            "methods" => granted.methods.push(value.trim().to_owned()),
            "paths" => granted.paths.push(value.trim().to_owned()),
            other => panic!("no such key: {other}"),
        }
    }
    granted.ports = ports(&protocols, &ranges);
    granted
}

/// Protocols and ranges of ports, an absent list restricting nothing.
pub(super) fn ports(protocols: &[Protocol], ranges: &[(u16, u16)]) -> Option<PortSet> {
    if protocols.is_empty() && ranges.is_empty() {
        return None;
    }
    let protocols = if protocols.is_empty() { &Protocol::ALL[..] } else { protocols };
    let ranges = if ranges.is_empty() { &[(1, u16::MAX)][..] } else { ranges };
    let each = protocols.iter().flat_map(|protocol| ranges.iter().map(move |(low, high)| PortSet::of(*protocol, *low, *high)));
    Some(each.fold(PortSet::none(), |all, some| all.union(&some)))
}

#[test]
fn connections_are_read_in_every_form() {
    let tcp = |low, high| PortSet::of(Protocol::Tcp, low, high);
    assert_eq!(granted("All Connections"), Granted::default());
    assert_eq!(granted("No Connections"), Granted::ports(PortSet::none()));
    assert_eq!(granted("TCP 1-79,81"), Granted::ports(tcp(1, 79).union(&tcp(81, 81))));
    assert_eq!(granted("TCP 80,UDP 53"), Granted::ports(tcp(80, 80).union(&PortSet::one(Protocol::Udp, 53))));
    assert_eq!(granted("TCP, SCTP").ports, Some(PortSet::full(Protocol::Tcp).union(&PortSet::full(Protocol::Sctp))));
    assert_eq!(granted("TCP http").named, Some((Protocol::Tcp, "http".to_owned())));
    let keyed = granted("{protocols:TCP, UDP,dst_ports:53,60-61,methods:GET, POST,paths:/a, /b}");
    assert_eq!(keyed.methods, ["GET", "POST"]);
    assert_eq!(keyed.paths, ["/a", "/b"]);
    assert!(keyed.ports.unwrap().contains(Protocol::Udp, 61));
}

#[test]
fn ends_are_read() {
    assert_eq!(Named::read("0.0.0.0-255.255.255.255[External]"), Named::Range(0, u32::MAX));
    assert_eq!(Named::read("{ingress-controller}"), Named::Controller);
    assert_eq!(Named::read("a/b-1[Pod] "), Named::Workload("a/b-1[Pod]".to_owned()));
}
