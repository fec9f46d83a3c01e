//! A listing as a table for people.
//!
//! Owns: `text`. Columns are aligned; a line that begins with `?` tells of connections of which nobody knows whether they pass.

use std::fmt::Write as _;

use crate::list::Listing;
use crate::source::Sources;

use super::{document, party, passage_ports, ports, reason, title, transport};

/// What a column is at most widened to. Longer cells push the rest of their line to the right.
const WIDEST: usize = 60;

/// A line of the table.
struct Line {
    cells: [String; 5],
    doubted: bool,
    /// Documents and rules, each on a line of its own below.
    by: Vec<String>,
}

/// A table, a line for each pair and each way in which connections of it pass. Below each line stand the documents and rules,
/// where the listing has them.
pub fn text(listing: &Listing, sources: &Sources) -> String {
    if listing.rows.is_empty() && listing.doubts.is_empty() {
        return "no connection passes\n".to_owned();
    }
    let head = ["FROM", "TO", "PORTS", "TRANSPORT", "REQUESTS"].map(str::to_owned);
    let mut lines = vec![Line { cells: head, doubted: false, by: Vec::new() }];
    for row in &listing.rows {
        for passage in listing.passages(row) {
            let [from, to] = [row.source, row.destination].map(|side| title(listing, side));
            let cells =
                [from, to, passage_ports(passage), transport(passage.transport, passage.via.as_ref()), passage.requests.to_string()];
            lines.push(Line { cells, doubted: false, by: passage.by.iter().map(|by| document(by, sources)).collect() });
        }
    }
    for row in &listing.doubts {
        let [from, to] = [&row.sources, &row.destinations].map(|side| party(listing, side));
        let cells = [from, to, ports(&row.doubt.ports), transport(row.doubt.transport, row.doubt.via.as_ref()), reason(row)];
        lines.push(Line { cells, doubted: true, by: Vec::new() });
    }
    write(&lines)
}

fn write(lines: &[Line]) -> String {
    let width = |column: usize| {
        let widths = lines.iter().filter_map(|line| line.cells.get(column)).map(|cell| cell.chars().count());
        widths.filter(|width| *width <= WIDEST).max().unwrap_or_default()
    };
    let widths: [usize; 5] = std::array::from_fn(width);
    let mut out = String::new();
    for line in lines {
        let mut written = if line.doubted { "? ".to_owned() } else { "  ".to_owned() };
        for (cell, width) in line.cells.iter().zip(widths) {
            let _ = write!(written, "{cell:width$}  ");
        }
        out.push_str(written.trim_end());
        out.push('\n');
        for by in &line.by {
            let _ = writeln!(out, "      by {by}");
        }
    }
    out
}
