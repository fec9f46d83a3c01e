//! Listings in writing.
//!
//! Owns: a renderer for each form, one file each, and the words that they share. Each form has the same order, that of the
//! rows. Nothing is judged, and nothing is left out but, in forms that are tables or graphs, what is assumed.

mod csv;
mod dot;
mod json;
mod mermaid;
mod text;

use std::fmt;

use crate::cluster::Document;
use crate::flow::{AddressBlock, AddressSet, Intervals, PortSet, Prefix, Protocol, Symbol};
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

/// Addresses in as few words as there are for them: as blocks, as `any address` or `internet` but for others, or as `internet`, which would
/// be dozens of blocks, and what is there besides.
fn addresses(listing: &Listing, set: &AddressSet) -> String {
    if *set == listing.space {
        return ANY_ADDRESS.to_owned();
    }
    let internet = AddressSet::internet().intersect(&listing.space);
    let mut ways: Vec<Words> = all_but(ANY_ADDRESS, &listing.space.subtract(set)).into_iter().collect();
    if set.is_subset(&internet) {
        ways.extend(all_but(INTERNET, &internet.subtract(set)));
    } else if !internet.is_empty() && internet.is_subset(set) {
        let rest = blocks(&set.subtract(&internet));
        ways.push(Words { said: format!("{INTERNET}, {}", rest.said), count: 1 + rest.count });
    }
    ways.push(blocks(set));
    // Of two that take as many words the first, which has a name.
    ways.into_iter().min_by_key(|words| words.count).map_or_else(String::new, |words| words.said)
}

/// All addresses that there are.
const ANY_ADDRESS: &str = "any address";
/// Those that anybody may have ([`AddressSet::internet`]).
const INTERNET: &str = "internet";

/// A set in words.
struct Words {
    said: String,
    /// How many names and blocks they are.
    count: usize,
}

/// What has a name but for others, and what lies in the blocks of those without being one; none where that would take in some of the others.
fn all_but(name: &str, others: &AddressSet) -> Option<Words> {
    let blocks = others.blocks_apart()?;
    let whole = but(name, &blocks.iter().map(|block| block.prefix).collect::<Vec<_>>());
    let said: Vec<String> = std::iter::once(whole).chain(blocks.iter().flat_map(|block| &block.except).map(ToString::to_string)).collect();
    Some(Words { count: said.len() + blocks.len(), said: said.join(", ") })
}

fn blocks(set: &AddressSet) -> Words {
    let blocks = set.blocks();
    let said: Vec<String> = blocks.iter().map(|block| but(block.prefix, &block.except)).collect();
    Words { said: said.join(", "), count: blocks.iter().map(AddressBlock::entries).sum() }
}

/// A set but for blocks.
fn but(whole: impl fmt::Display, others: &[Prefix]) -> String {
    let others: Vec<String> = others.iter().map(ToString::to_string).collect();
    if others.is_empty() { whole.to_string() } else { format!("{whole} except {}", others.join(" ")) }
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
