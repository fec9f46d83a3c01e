//! Listings in writing.
//!
//! Owns: a renderer for each form, one file each, and the words that they share. Each form has the same order, that of the
//! rows. Nothing is judged, and nothing is left out but, in forms that are tables or graphs, what is assumed.

mod csv;
mod dot;
mod json;
mod mermaid;
mod text;

use crate::cluster::Document;
use crate::flow::{AddressSet, Intervals, PortSet, Protocol, Symbol};
use crate::source::Sources;

use super::{DoubtRow, Listing, Party, Passage, Side, Transports};

pub use csv::csv;
pub use dot::dot;
pub use json::json;
pub use mermaid::mermaid;
pub use text::text;

/// What a side of a row is called.
fn title(listing: &Listing, side: Side) -> String {
    match side {
        Side::Peer(at) => listing.peers.get(at).map(|peer| peer.title.clone()).unwrap_or_default(),
        Side::Outside(at) => listing.outside.get(at).map(|set| addresses(listing, set)).unwrap_or_default(),
    }
}

/// What a side of a doubt is called: `any workload`, whole namespaces as `shop/*`, others by their names.
fn party(listing: &Listing, party: &Party) -> String {
    let peers = match party {
        Party::Outside(at) => return title(listing, Side::Outside(*at)),
        Party::Peers(peers) => peers,
    };
    if peers.len() == listing.peers.len() && peers.len() > 1 {
        return "any workload".to_owned();
    }
    let namespace = |at: usize| listing.peers.get(at).map(|peer| &*peer.namespace);
    let mut names = Vec::new();
    for group in peers.chunk_by(|left, right| namespace(*left) == namespace(*right)) {
        match namespace_of_all(listing, group) {
            Some(whole) => names.push(format!("{whole}/*")),
            None => names.extend(group.iter().map(|at| title(listing, Side::Peer(*at)))),
        }
    }
    names.join(", ")
}

/// The namespace of several workloads, if they are all that are listed of it. Those of a namespace are neighbours.
fn namespace_of_all<'a>(listing: &'a Listing, group: &[usize]) -> Option<&'a str> {
    let namespace = |at: usize| listing.peers.get(at).map(|peer| &*peer.namespace);
    let (first, last) = (*group.first()?, *group.last()?);
    let own = namespace(first);
    let neighbours = [first.checked_sub(1), last.checked_add(1)].into_iter().flatten();
    let is_whole = last - first + 1 == group.len() && neighbours.into_iter().all(|at| namespace(at) != own);
    own.filter(|_| is_whole && group.len() > 1)
}

/// The one side that a doubt is about, where it is one.
fn single(party: &Party) -> Option<Side> {
    match party {
        Party::Outside(at) => Some(Side::Outside(*at)),
        Party::Peers(peers) => match peers.as_slice() {
            [at] => Some(Side::Peer(*at)),
            _ => None,
        },
    }
}

/// Why nobody knows, after what would be said.
fn reason(row: &DoubtRow) -> String {
    let said = row.doubt.requests.to_string();
    if said.is_empty() { format!("unspecified: {}", row.doubt.reason) } else { format!("{said}; unspecified: {}", row.doubt.reason) }
}

/// Addresses as blocks; `any address` and `internet`, which would be dozens of blocks, by their names.
fn addresses(listing: &Listing, set: &AddressSet) -> String {
    if *set == listing.space {
        return "any address".to_owned();
    }
    let internet = AddressSet::internet().intersect(&listing.space);
    let mut names = Vec::new();
    let mut rest = set.clone();
    if !internet.is_empty() && internet.is_subset(set) {
        names.push("internet".to_owned());
        rest = set.subtract(&internet);
    }
    for block in rest.blocks() {
        let except: Vec<String> = block.except.iter().map(ToString::to_string).collect();
        let but = if except.is_empty() { String::new() } else { format!(" except {}", except.join(" ")) };
        names.push(format!("{}{but}", block.prefix));
    }
    names.join(", ")
}

/// Ports as `TCP 80,443,8000-8100; UDP 53`; `all ports` for all of them.
fn ports(ports: &PortSet) -> String {
    if ports.is_all() {
        return "all ports".to_owned();
    }
    let of = |protocol| format!("{protocol} {}", numbers(ports, protocol));
    ports.protocols().map(of).collect::<Vec<_>>().join("; ")
}

fn numbers(ports: &PortSet, protocol: Protocol) -> String {
    if ports.is_full(protocol) { "*".to_owned() } else { ranges(ports.get(protocol)) }
}

fn ranges(ports: &Intervals<u16>) -> String {
    let range = |(low, high): &(u16, u16)| if low == high { low.to_string() } else { format!("{low}-{high}") };
    ports.ranges().iter().map(range).collect::<Vec<_>>().join(",")
}

/// The ports of a passage, `all connections` where nothing at all is refused.
fn passage_ports(passage: &Passage) -> String {
    let whole = passage.ports.is_all() && passage.requests.is_everything() && passage.transport != Some(Transports::Mtls);
    if whole { "all connections".to_owned() } else { ports(&passage.ports) }
}

/// The transport, `-` where no port is TCP, and the waypoint on the way.
fn transport(transport: Option<Transports>, via: Option<&Symbol>) -> String {
    let via = via.map(|waypoint| format!(" via {waypoint}")).unwrap_or_default();
    format!("{}{via}", transport.map_or("-", Transports::word))
}

/// A document, the rule in it, and where it is written.
fn document(document: &Document, sources: &Sources) -> String {
    let rule = document.rule.map(|rule| format!(" rule {rule}")).unwrap_or_default();
    let place = place(document, sources).map(|(file, line)| format!(" ({file}:{line})")).unwrap_or_default();
    format!("{} {}/{}{rule}{place}", document.kind, document.namespace, document.name)
}

/// The file and the line of a document.
fn place<'s>(document: &Document, sources: &'s Sources) -> Option<(&'s str, usize)> {
    let source = sources.get(document.location.file)?;
    Some((source.name(), source.position(document.location.span.start).line))
}
