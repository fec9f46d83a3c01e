//! A listing as comma-separated values (RFC 4180).
//!
//! Owns: `csv`. A line for each pair and each way in which connections of it pass; columns are only ever added at the end.

use crate::list::{DoubtRow, Listing};
use crate::source::{Sources, printable};

use super::{document, party, passage_ports, ports, title, transport};

const HEAD: [&str; 8] = ["source", "destination", "verdict", "ports", "transport", "requests", "reason", "by"];

/// The listing, with the names of the columns first.
pub fn csv(listing: &Listing, sources: &Sources) -> String {
    let mut out = String::new();
    line(&HEAD.map(str::to_owned), &mut out);
    for row in &listing.rows {
        for passage in listing.passages(row) {
            let by: Vec<String> = passage.by.iter().map(|by| document(by, sources)).collect();
            let [from, to] = [row.source, row.destination].map(|side| title(listing, side));
            let transport = transport(passage.transport, passage.via.as_ref());
            let said = passage.requests.to_string();
            line(&[from, to, "allowed".to_owned(), passage_ports(passage), transport, said, String::new(), by.join("; ")], &mut out);
        }
    }
    for DoubtRow { sources, destinations, doubt } in &listing.doubts {
        let [from, to] = [sources, destinations].map(|side| party(listing, side));
        let transport = transport(doubt.transport, doubt.via.as_ref());
        let (said, reason) = (doubt.requests.to_string(), doubt.reason.to_string());
        line(&[from, to, "unspecified".to_owned(), ports(&doubt.ports), transport, said, reason, String::new()], &mut out);
    }
    out
}

fn line(cells: &[String; 8], out: &mut String) {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    out.push_str(&cells.join(","));
    out.push_str("\r\n");
}

/// A value as it stands, or in quotes where it holds what would end it. What a spreadsheet would take for a formula gets a
/// blank before it.
fn quoted(cell: &str) -> String {
    let cell = printable(cell);
    let cell = if cell.starts_with(['=', '+', '@']) { format!(" {cell}") } else { cell.into_owned() };
    if cell.contains(['"', ',']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_value_is_quoted() {
        assert_eq!(quoted("TCP 80"), "TCP 80");
        assert_eq!(quoted("TCP 80,443"), "\"TCP 80,443\"");
        assert_eq!(quoted("say \"a\""), "\"say \"\"a\"\"\"");
        assert_eq!(quoted("=1+1"), " =1+1");
        assert_eq!(quoted("a\nb,\u{1b}[31m"), "\"a\\nb,\\u{1b}[31m\"");
    }
}
