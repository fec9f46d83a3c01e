//! A listing as a graph for Graphviz.
//!
//! Owns: `dot`. Workloads are nodes, those of a namespace stand together; an edge is a row. What nobody knows is dashed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::list::{Listing, Side};
use crate::source::printable;

use super::{party, passage_ports, ports, reason, single, title, transport};

/// The graph.
pub fn dot(listing: &Listing) -> String {
    let mut out = String::from("digraph connections {\n  rankdir=LR;\n  node [shape=box];\n");
    let mut namespaces: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, peer) in listing.peers.iter().enumerate() {
        namespaces.entry(&peer.namespace).or_default().push(at);
    }
    for (number, (namespace, peers)) in namespaces.iter().enumerate() {
        let _ = writeln!(out, "  subgraph cluster_{number} {{\n    label={};", quoted(namespace));
        for at in peers {
            let own = title(listing, Side::Peer(*at));
            let short = own.strip_prefix(&format!("{namespace}/")).unwrap_or(&own).to_owned();
            let _ = writeln!(out, "    {} [label={}];", quoted(&own), quoted(&short));
        }
        out.push_str("  }\n");
    }
    for at in 0..listing.outside.len() {
        let _ = writeln!(out, "  {} [shape=ellipse];", quoted(&title(listing, Side::Outside(at))));
    }
    for row in &listing.rows {
        let ends = format!("{} -> {}", quoted(&title(listing, row.source)), quoted(&title(listing, row.destination)));
        for passage in listing.passages(row) {
            let said = passage.requests.to_string();
            let label = format!("{} {}\n{said}", passage_ports(passage), transport(passage.transport, passage.via.as_ref()));
            let _ = writeln!(out, "  {ends} [label={}];", quoted(label.trim_end()));
        }
    }
    for (number, row) in listing.doubts.iter().enumerate() {
        let [from, to] = [("from", &row.sources), ("to", &row.destinations)].map(|(end, side)| {
            // Many are one node that names them.
            let id = single(side).map_or_else(|| format!("doubt_{number}_{end}"), |side| title(listing, side));
            if single(side).is_none() {
                let _ = writeln!(out, "  {} [label={}, shape=plaintext];", quoted(&id), quoted(&party(listing, side)));
            }
            quoted(&id)
        });
        let label = format!("{} {}\n{}", ports(&row.doubt.ports), transport(row.doubt.transport, row.doubt.via.as_ref()), reason(row));
        let _ = writeln!(out, "  {from} -> {to} [label={}, style=dashed];", quoted(&label));
    }
    out.push_str("}\n");
    out
}

/// A quoted string of the DOT language.
fn quoted(text: &str) -> String {
    let lines = text.split('\n').map(|line| printable(line).replace('\\', "\\\\").replace('"', "\\\""));
    format!("\"{}\"", lines.collect::<Vec<_>>().join("\\n"))
}
