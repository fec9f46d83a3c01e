//! Finds objects in the text of a document, by its indentation or, in JSON on few lines, by its brackets.
//!
//! Owns: where the items of a `List` begin and end, and where an object's name is written. Only places for people come from
//! here, never facts: a text that is laid out in another way has no such places, and the whole document stands for them.

use std::ops::Range;

use serde::de::IgnoredAny;

/// One line that says something.
#[derive(Debug, Clone, Copy)]
struct Line<'t> {
    /// The byte at which its first visible letter stands.
    at: usize,
    /// How many letters stand before that one.
    indent: usize,
    /// What it says, without the blanks around it.
    text: &'t str,
}

/// The lines of a text that are neither blank nor comments.
fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut next = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = next;
        next += line.len();
        let said = line.trim();
        let indent = line.len() - line.trim_start().len();
        (!said.is_empty() && !said.starts_with('#')).then_some(Line { at: start + indent, indent, text: said })
    })
}

/// The texts of the items of a list under the key `items`; none if they are not `count`.
///
/// In block form each begins with its dash; in JSON, each begins with its brace.
pub(crate) fn items(text: &str, count: usize) -> Option<Vec<Range<usize>>> {
    items_by_lines(text, count).or_else(|| items_by_brackets(text).filter(|found| found.len() == count))
}

/// The items of a list whose objects have lines of their own.
fn items_by_lines(text: &str, count: usize) -> Option<Vec<Range<usize>>> {
    let mut lines = lines(text).peekable();
    if lines.peek()?.text == "{" {
        lines.next();
    }
    let keys = lines.peek()?.indent;
    let mut after = lines.skip_while(|line| line.indent != keys || !matches!(line.text, "items:" | "\"items\": [")).skip(1).peekable();
    let first = *after.peek()?;
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut end = text.len();
    for line in after.filter(|line| line.indent <= first.indent) {
        if line.indent < first.indent || !begins_item(line, first) {
            if line.indent == first.indent && first.text == "{" {
                continue;
            }
            end = line.at - line.indent;
            break;
        }
        if let Some(last) = found.last_mut() {
            last.end = line.at - line.indent;
        }
        found.push(line.at - line.indent..text.len());
    }
    if let Some(last) = found.last_mut() {
        last.end = end;
    }
    (found.len() == count).then_some(found)
}

/// The items of a list in JSON, however it is laid out; none if it is no JSON, or an item is no object.
fn items_by_brackets(text: &str) -> Option<Vec<Range<usize>>> {
    if !text.trim_start().starts_with('{') || serde_json::from_str::<IgnoredAny>(text).is_err() {
        return None;
    }
    let mut found = Vec::new();
    let (mut depth, mut key, mut begun) = (0_usize, 0..0, None);
    let mut quote: Option<usize> = None;
    let mut is_escaped = false;
    let mut is_in_items = false;
    for (at, byte) in text.bytes().enumerate() {
        if let Some(start) = quote {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => {
                    quote = None;
                    key = if depth == 1 { start..at } else { key };
                }
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => quote = Some(at + 1),
            b'{' | b'[' => {
                is_in_items |= depth == 1 && byte == b'[' && text.get(key.clone()) == Some("items");
                begun = if is_in_items && depth == 2 { Some(at) } else { begun };
                depth += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                found.extend(begun.filter(|_| depth == 2).map(|start| start..at + 1));
                begun = begun.filter(|_| depth > 2);
                if is_in_items && depth == 1 {
                    return Some(found);
                }
            }
            _ => {}
        }
    }
    None
}

/// Whether a line begins an item as the first item's line does.
fn begins_item(line: Line<'_>, first: Line<'_>) -> bool {
    if first.text == "{" { line.text == "{" } else { line.text == "-" || line.text.starts_with("- ") }
}

/// Where an object's `metadata.name` is written, key and value.
pub(crate) fn name(text: &str) -> Option<Range<usize>> {
    let mut lines = lines(text).map(without_dash).peekable();
    if lines.peek()?.text == "{" {
        lines.next();
    }
    let keys = lines.peek()?.indent;
    let mut inside = lines.skip_while(|line| line.indent != keys || key(line.text) != "metadata").skip(1).peekable();
    let names = inside.peek()?.indent;
    let found = inside.take_while(|line| line.indent > keys).find(|line| line.indent == names && key(line.text) == "name")?;
    Some(found.at..found.at + found.text.trim_end_matches(',').len())
}

/// A line whose dash, if it begins with one, counts as indentation.
fn without_dash(line: Line<'_>) -> Line<'_> {
    let Some(rest) = line.text.strip_prefix("- ") else { return line };
    let text = rest.trim_start();
    let width = line.text.len() - text.len();
    Line { at: line.at + width, indent: line.indent + width, text }
}

/// The key that a line gives a value to, without its quotes.
fn key(text: &str) -> &str {
    text.split(':').next().unwrap_or_default().trim().trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_end_where_the_next_one_or_another_key_begins() {
        let text = "items:\n- kind: Pod\n  note: |\n    - not an item\n# between\n- kind: Job\nkind: List\n";
        let found = items(text, 2).expect("two items");
        assert_eq!(text.get(found[0].clone()).unwrap(), "- kind: Pod\n  note: |\n    - not an item\n# between\n");
        assert_eq!(text.get(found[1].clone()).unwrap(), "- kind: Job\n");
        assert_eq!(items(text, 3), None);
        assert_eq!(items("kind: List\nitems:\n  - a: 1\n  - b: 2\n", 2).map(|found| found.len()), Some(2));
        assert_eq!(items("items: []\n", 0), None);
        let json =
            "{\n  \"items\": [\n    {\n      \"a\": 1\n    },\n    {\n      \"b\": [\n      ]\n    }\n  ],\n  \"kind\": \"List\"\n}\n";
        let found = items(json, 2).expect("two items");
        assert_eq!(json.get(found[0].clone()).unwrap(), "    {\n      \"a\": 1\n    },\n");
        assert_eq!(json.get(found[1].clone()).unwrap(), "    {\n      \"b\": [\n      ]\n    }\n");
    }

    #[test]
    fn items_of_json_are_found_on_a_single_line_too() {
        let found = |text: &'static str, count| {
            let found = items(text, count)?;
            Some(found.into_iter().map(|range| text.get(range).unwrap()).collect::<Vec<&str>>())
        };
        let line = r#"{"note":{"items":[{"x":1}]},"items":[{"a":"}\"]["},{"b":[{"c":1}]}], "kind":"List"}"#;
        assert_eq!(found(line, 2), Some(vec![r#"{"a":"}\"]["}"#, r#"{"b":[{"c":1}]}"#]));
        assert_eq!(found("{\"items\":\n[{\n},\n {}]}", 2), Some(vec!["{\n}", "{}"]));
        assert_eq!(found(r#"{"items":[1,2]}"#, 2), None);
        assert_eq!(found("{items: [{a: 1}, {b: 2}]}", 2), None);
    }

    #[test]
    fn names_are_found_in_every_usual_layout() {
        let said = |text: &'static str| name(text).and_then(|range| text.get(range));
        assert_eq!(said("kind: Pod\nmetadata:\n  labels:\n    name: x\n  name: web\n"), Some("name: web"));
        assert_eq!(said("- metadata:\n    name: web # the web\n  kind: Pod\n"), Some("name: web # the web"));
        assert_eq!(said("{\n  \"metadata\": {\n    \"name\": \"web\",\n    \"namespace\": \"a\"\n  }\n}"), Some("\"name\": \"web\""));
        assert_eq!(said("kind: Pod\nmetadata: {name: web}\n"), None);
        assert_eq!(said("spec:\n  name: x\nmetadata:\nstatus:\n  name: y\n"), None);
    }
}
