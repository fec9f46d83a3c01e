//! A listing as a table for people.
//!
//! Owns: `text`. Columns are aligned; a line that begins with `?` tells of connections of which nobody knows whether they pass.

use crate::list::{Listing, Reasons};
use crate::source::Sources;

use super::{document, passage_ports, ports, title, transport};

/// What a column is at most widened to. Longer cells push the rest of their line to the right.
const WIDEST: usize = 60;

/// A line of the table.
struct Line {
    cells: [String; 5],
    doubted: bool,
    /// Documents and rules, each on a line of its own below.
    by: Vec<String>,
}

/// A table, a line for each pair and each way in which connections of it pass. `reasons` adds the documents and rules, where
/// the listing has them.
pub fn text(listing: &Listing, sources: &Sources, reasons: Reasons) -> String {
    if listing.rows.is_empty() {
        return "no connection passes\n".to_owned();
    }
    let head = ["FROM", "TO", "PORTS", "TRANSPORT", "REQUESTS"].map(str::to_owned);
    let mut lines = vec![Line { cells: head, doubted: false, by: Vec::new() }];
    for row in &listing.rows {
        let ends = || (title(listing, row.source), title(listing, row.destination));
        let Some(answer) = listing.answer(row) else { continue };
        for passage in &answer.passages {
            let (from, to) = ends();
            let cells = [from, to, passage_ports(passage), transport(passage.transport).to_owned(), passage.requests.to_string()];
            let named = if reasons == Reasons::Named { passage.by.as_slice() } else { &[] };
            lines.push(Line { cells, doubted: false, by: named.iter().map(|by| document(by, sources)).collect() });
        }
        for doubt in &answer.doubts {
            let (from, to) = ends();
            let said = doubt.requests.to_string();
            let unknown = if said.is_empty() { format!("unspecified: {}", doubt.reason) } else { format!("{said}; unspecified: {}", doubt.reason) };
            let cells = [from, to, ports(&doubt.ports), transport(doubt.transport).to_owned(), unknown];
            lines.push(Line { cells, doubted: true, by: Vec::new() });
        }
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
            written.push_str(&format!("{cell:width$}  "));
        }
        out.push_str(written.trim_end());
        out.push('\n');
        for by in &line.by {
            out.push_str(&format!("      by {by}\n"));
        }
    }
    out
}
