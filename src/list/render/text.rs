//! A listing as a table for people.
//!
//! Owns: `text`. Columns are aligned; a line that begins with `?` tells of connections of which nobody knows whether they pass.

use std::fmt::Write as _;

use crate::list::{Listing, Passage, Side};
use crate::source::{Sources, printable};

use super::{document, party, passage_ports, ports, reason, title, transport};

/// What a column is at most widened to. Longer cells push the rest of their line to the right.
const WIDEST: usize = 60;

/// What passes, in words; many pairs share it.
struct Said {
    /// Ports, transport and requests.
    cells: [String; 3],
    /// Documents and rules, each on a line of its own below.
    by: Vec<String>,
}

/// A line of the table.
struct Line<'a> {
    mark: &'static str,
    ends: [&'a str; 2],
    said: &'a Said,
}

/// A table, a line for each pair and each way in which connections of it pass. Below each line stand the documents and rules,
/// where the listing has them.
pub fn text(listing: &Listing, sources: &Sources) -> String {
    if listing.rows.is_empty() && listing.doubts.is_empty() {
        return "no connection passes\n".to_owned();
    }
    let outside: Vec<String> = (0..listing.outside.len()).map(|at| title(listing, Side::Outside(at))).collect();
    let name = |side: Side| match side {
        Side::Peer(at) => listing.peers.get(at).map_or("", |peer| peer.title.as_str()),
        Side::Outside(at) => outside.get(at).map_or("", String::as_str),
    };
    let answers: Vec<Vec<Said>> =
        listing.answers.iter().map(|passages| passages.iter().map(|passage| said(passage, sources)).collect()).collect();
    let doubts: Vec<([String; 2], Said)> = listing.doubts.iter().map(|row| doubt(listing, row)).collect();
    let head = Said { cells: ["PORTS", "TRANSPORT", "REQUESTS"].map(str::to_owned), by: Vec::new() };
    let mut lines = vec![Line { mark: "  ", ends: ["FROM", "TO"], said: &head }];
    for row in &listing.rows {
        let ends = [row.source, row.destination].map(name);
        lines.extend(answers.get(row.answer).into_iter().flatten().map(|said| Line { mark: "  ", ends, said }));
    }
    lines.extend(doubts.iter().map(|([from, to], said)| Line { mark: "? ", ends: [from, to], said }));
    write(&lines)
}

fn said(passage: &Passage, sources: &Sources) -> Said {
    let transport = transport(passage.transport, passage.via.as_ref());
    let cells = [passage_ports(passage), transport, passage.requests.to_string()];
    Said { cells, by: passage.by.iter().map(|by| document(by, sources)).collect() }
}

fn doubt(listing: &Listing, row: &crate::list::DoubtRow) -> ([String; 2], Said) {
    let ends = [&row.sources, &row.destinations].map(|side| party(listing, side));
    let cells = [ports(&row.doubt.ports), transport(row.doubt.transport, row.doubt.via.as_ref()), reason(row)];
    (ends, Said { cells, by: Vec::new() })
}

impl Line<'_> {
    fn cells(&self) -> impl Iterator<Item = &str> {
        self.ends.into_iter().chain(self.said.cells.iter().map(String::as_str))
    }
}

fn write(lines: &[Line<'_>]) -> String {
    let mut widths = [0; 5];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line.cells()) {
            *width = Some(cell.chars().count()).filter(|own| *own <= WIDEST).map_or(*width, |own| own.max(*width));
        }
    }
    let mut out = String::new();
    for line in lines {
        out.push_str(line.mark);
        for (cell, width) in line.cells().zip(widths) {
            let cell = printable(cell);
            let _ = write!(out, "{cell:width$}  ");
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
        for by in &line.said.by {
            let _ = writeln!(out, "      by {}", printable(by));
        }
    }
    out
}
