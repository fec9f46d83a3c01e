//! Cuts a stream of YAML or JSON documents into its documents.
//!
//! Owns: where one document ends and the next begins; JSON documents stand one behind the other without a word between them. The YAML reader is never given a stream: after one broken document its
//! own iterator does not go on. It must not know what a document says.

use crate::source::Span;

/// The documents of a stream, in order, without those that hold only blank lines, comments and directives.
///
/// A span begins behind its `---`, so that text on the marker's own line (`--- {a: b}`) is kept. A line that starts with `---`
/// and then a blank or the line's end always ends a document, even inside a block of text; so does one that starts with `...`.
pub(crate) fn documents(text: &str) -> impl Iterator<Item = Span> {
    let of_yaml = Documents { text, at: byte_order_mark(text) };
    of_yaml.flat_map(|span| in_json(text, span)).filter(|span| holds_content(text.get(span.range()).unwrap_or_default()))
}

/// The JSON documents that stand one behind the other in a document; itself where it is anything else. YAML has no such thing.
fn in_json(text: &str, whole: Span) -> Vec<Span> {
    let mut parts = Vec::new();
    let mut start = whole.start as usize;
    let end = whole.end as usize;
    while let Some(length) = text.get(start..end).and_then(json) {
        parts.push(Span::new(start, start + length));
        start += length;
    }
    let is_json = text.get(start..end).is_some_and(|rest| rest.trim().is_empty());
    match parts.last_mut() {
        Some(last) if is_json => last.end = whole.end,
        _ => return vec![whole],
    }
    parts
}

/// How long the JSON object is with which a text begins, blanks before it included; none where it begins with something else, or with a
/// map that only YAML knows.
fn json(text: &str) -> Option<usize> {
    let blanks = text.len() - text.trim_start().len();
    let mut open = 0_usize;
    let mut last = b' ';
    let mut quoted = Quoted::No;
    for (at, byte) in text.bytes().enumerate().skip(blanks) {
        quoted = match (quoted, byte) {
            (Quoted::Escape, _) => Quoted::Yes,
            (Quoted::Yes, b'\\') => Quoted::Escape,
            (Quoted::Yes, b'"') => Quoted::No,
            (Quoted::No, b'"') if matches!(last, b'{' | b'[' | b',' | b':') => Quoted::Yes,
            (Quoted::No, b'"' | b'\'' | b'#') => return None,
            (quoted, _) => quoted,
        };
        if quoted == Quoted::No {
            match byte {
                b'{' | b'[' => open += 1,
                b'}' | b']' => open = open.checked_sub(1)?,
                _ => {}
            }
            if open == 0 {
                return (byte == b'}').then_some(at + 1);
            }
        }
        if !byte.is_ascii_whitespace() {
            last = byte;
        }
    }
    None
}

/// Whether a letter of JSON stands in quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quoted {
    No,
    Yes,
    /// Behind a backslash.
    Escape,
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
        // The rest of a marker's own line belongs to its document and is no marker itself.
        let at_line_start = start == byte_order_mark(self.text) || self.text.get(..start).is_some_and(|before| before.ends_with('\n'));
        let first = at_line_start.then_some(0);
        let Some(marker) = first.into_iter().chain(marked_lines(rest)).find(|line| is_marker(rest.get(*line..).unwrap_or_default())) else {
            self.at = self.text.len();
            return Some(Span::new(start, self.at));
        };
        self.at = start + marker + MARKER_LENGTH;
        Some(Span::new(start, start + marker))
    }
}

/// Where in a text the lines behind its first begin that begin as a marker does.
fn marked_lines(text: &str) -> impl Iterator<Item = usize> {
    let pairs = text.as_bytes().windows(2).enumerate();
    pairs.filter(|(_, pair)| matches!(pair, [b'\n', b'-' | b'.'])).map(|(end, _)| end + 1)
}

/// Both `---` and `...` are this long.
const MARKER_LENGTH: usize = 3;

/// Whether a text begins with a document marker, perhaps with more text behind it.
fn is_marker(text: &str) -> bool {
    let rest = text.strip_prefix("---").or_else(|| text.strip_prefix("..."));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// What ends a line, and a comment on it, to YAML 1.1.
const LINE_ENDS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

/// Whether a document holds more than blank lines, comments and directives.
fn holds_content(document: &str) -> bool {
    document.split(LINE_ENDS).any(|line| !line.starts_with('%') && !matches!(line.trim_start().chars().next(), None | Some('#')))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To Kubernetes' reader a comment ends at each of them, and what follows counts.
    #[test]
    fn comments_end_where_yaml_says() {
        for end in LINE_ENDS {
            assert!(holds_content(&format!("# from a tool{end}kind: Pod")), "{end:?}");
            assert!(!holds_content(&format!("# from a tool{end}# and another{end}%YAML 1.1")), "{end:?}");
        }
    }

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
    fn json_documents_stand_one_behind_the_other() {
        assert_eq!(cut("{\"a\": 1}{\"b\": [{}]}\n {\"c\": \"}{\\\"\"}\n"), ["{\"a\": 1}", "{\"b\": [{}]}", "\n {\"c\": \"}{\\\"\"}\n"]);
        assert_eq!(cut("{\"a\": 1}\n---\n{\"b\": 2}\n{\"c\": 3}\n"), ["{\"a\": 1}\n", "\n{\"b\": 2}", "\n{\"c\": 3}\n"]);
        for whole in [
            "{a: '}{'}",
            "{a: 5\", b: \"x}{y\"}",
            "{a: 1} # }{\n",
            "{a: 1}\nb: 2\n",
            "{a: [}{]}",
            "- {a: 1}\n- {b: 2}\n",
            "{a: 1",
            "{a: \"}{",
        ] {
            assert_eq!(cut(whole), [whole]);
        }
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
