//! A listing as a flowchart for Mermaid, which Markdown pages show.
//!
//! Owns: `mermaid`. Workloads are nodes, those of a namespace stand together; an edge is a row. What nobody knows is dotted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::list::{Listing, Side};

use super::{party, passage_ports, ports, reason, single, title, transport};

/// The flowchart.
pub fn mermaid(listing: &Listing) -> String {
    let mut out = String::from("flowchart LR\n");
    let mut namespaces: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, peer) in listing.peers.iter().enumerate() {
        namespaces.entry(&peer.namespace).or_default().push(at);
    }
    for (number, (namespace, peers)) in namespaces.iter().enumerate() {
        let _ = writeln!(out, "  subgraph s{number}[{}]", quoted(namespace));
        for at in peers {
            let own = title(listing, Side::Peer(*at));
            let short = own.strip_prefix(&format!("{namespace}/")).unwrap_or(&own).to_owned();
            let _ = writeln!(out, "    {}[{}]", node(Side::Peer(*at)), quoted(&short));
        }
        out.push_str("  end\n");
    }
    for at in 0..listing.outside.len() {
        let side = Side::Outside(at);
        let _ = writeln!(out, "  {}([{}])", node(side), quoted(&title(listing, side)));
    }
    for row in &listing.rows {
        let (from, to) = (node(row.source), node(row.destination));
        for passage in listing.passages(row) {
            let said = passage.requests.to_string();
            let label = format!("{} {}\n{said}", passage_ports(passage), transport(passage.transport, passage.via.as_ref()));
            let _ = writeln!(out, "  {from} -->|{}| {to}", quoted(label.trim_end()));
        }
    }
    for (number, row) in listing.doubts.iter().enumerate() {
        let [from, to] = [("u", &row.sources), ("v", &row.destinations)].map(|(end, side)| match single(side) {
            Some(side) => node(side),
            // Many are one node that names them.
            None => format!("{end}{number}([{}])", quoted(&party(listing, side))),
        });
        let label = format!("{} {}\n{}", ports(&row.doubt.ports), transport(row.doubt.transport, row.doubt.via.as_ref()), reason(row));
        let _ = writeln!(out, "  {from} -.->|{}| {to}", quoted(&label));
    }
    out
}

fn node(side: Side) -> String {
    match side {
        Side::Peer(at) => format!("p{at}"),
        Side::Outside(at) => format!("a{at}"),
    }
}

/// A quoted text: entities for what Mermaid would read otherwise.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            '|' => out.push_str("#124;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '\n' => out.push_str("<br>"),
            other if other.is_control() => out.extend(other.escape_default()),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
