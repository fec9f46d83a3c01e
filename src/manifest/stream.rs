//! Cuts a stream of YAML documents into its documents.
//!
//! Owns: where one document ends and the next begins. The YAML reader is never given a stream: after one broken document its
//! own iterator does not go on. It must not know what a document says.

use crate::source::Span;

/// The documents of a stream, in order, without those that hold only blank lines, comments and directives.
///
/// A span begins behind its `---`, so that text on the marker's own line (`--- {a: b}`) is kept. A line that starts with `---`
/// and then a blank or the line's end always ends a document, even inside a block of text; so does one that starts with `...`.
pub(crate) fn documents(text: &str) -> impl Iterator<Item = Span> {
    Documents { text, at: byte_order_mark(text) }.filter(|span| holds_content(text.get(span.range()).unwrap_or_default()))
}

/// How many bytes of byte order mark the text begins with.
fn byte_order_mark(text: &str) -> usize {
    if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 }
}

/// Walks over a text, document by document, empty ones included.
struct Documents<'t> {
    text: &'t str,
    at: usize,
}

impl Iterator for Documents<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let start = self.at;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let mut end = start;
        // The rest of a marker's own line belongs to its document and is no marker itself.
        let at_line_start = start == byte_order_mark(self.text) || self.text.get(..start).is_some_and(|before| before.ends_with('\n'));
        for (index, line) in rest.split_inclusive('\n').enumerate() {
            if (index > 0 || at_line_start) && is_marker(line) {
                self.at = end + MARKER_LENGTH;
                return Some(Span::new(start, end));
            }
            end += line.len();
        }
        self.at = end;
        Some(Span::new(start, end))
    }
}

/// Both `---` and `...` are this long.
const MARKER_LENGTH: usize = 3;

/// Whether a line is a document marker, perhaps with more text behind it.
fn is_marker(line: &str) -> bool {
    let rest = line.strip_prefix("---").or_else(|| line.strip_prefix("..."));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Whether a document holds more than blank lines, comments and directives.
fn holds_content(document: &str) -> bool {
    document.lines().any(|line| !line.starts_with('%') && !matches!(line.trim_start().chars().next(), None | Some('#')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        documents(text).map(|span| text.get(span.range()).unwrap()).collect()
    }

    #[test]
    fn markers_end_documents_and_their_own_line_is_kept() {
        assert_eq!(cut("a: 1\n---\nb: 2\n"), ["a: 1\n", "\nb: 2\n"]);
        assert_eq!(cut("--- {a: 1}\n--- # note\nb: 2"), [" {a: 1}\n", " # note\nb: 2"]);
        assert_eq!(cut("a: 1\r\n---\r\nb: 2\r\n"), ["a: 1\r\n", "\r\nb: 2\r\n"]);
        assert_eq!(cut("a: |\n  text\n---\nb: 2"), ["a: |\n  text\n", "\nb: 2"]);
    }

    #[test]
    fn what_only_looks_like_a_marker_is_none() {
        assert_eq!(cut("a: |\n  ---\n  text\n"), ["a: |\n  ---\n  text\n"]);
        assert_eq!(cut("----\n"), ["----\n"]);
        assert_eq!(cut("--- ---\n"), [" ---\n"]);
    }

    #[test]
    fn empty_documents_comments_and_directives_vanish() {
        assert!(cut("").is_empty());
        assert!(cut("---\n---\n\n---").is_empty());
        assert!(cut("# Source: chart/templates/x.yaml\n---\n  # nothing here\n").is_empty());
        assert_eq!(cut("%YAML 1.1\n---\na: 1\n...\n%YAML 1.1\n---\nb: 2\n"), ["\na: 1\n", "\nb: 2\n"]);
        assert_eq!(cut("\u{feff}---\na: 1\n"), ["\na: 1\n"]);
    }
}
