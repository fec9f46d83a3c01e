//! Kubernetes manifests that were given where intents are read.
//!
//! Owns: by what they are told from intents, and the finding. It must not read them.

use crate::diagnostic::{Diagnostic, code};
use crate::source::{FileId, Location, Span};

/// The keys with which objects begin, bare or in quotes. No statement starts with one and a colon.
const FIRST_KEYS: &[&str] = &["apiVersion", "kind", "metadata", "items", "spec", "data"];

/// The first line of a manifest, if a text is one: what is there before anything that could be an intent.
pub(super) fn find(text: &str) -> Option<Span> {
    let behind_mark = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut at = text.len() - behind_mark.len();
    for line in behind_mark.split_inclusive('\n') {
        let (content, start) = (line.trim(), at + line.len() - line.trim_start().len());
        at += line.len();
        if starts_object(content) {
            return Some(Span::new(start, start + content.len()));
        }
        let is_before = content.is_empty() || content == "{" || ["#", "---", "%YAML"].iter().any(|start| content.starts_with(start));
        if !is_before {
            return None;
        }
    }
    None
}

/// Whether a line starts an object, in YAML or JSON.
fn starts_object(line: &str) -> bool {
    let key = line.trim_start_matches(['{', ' ']).split_once(':').map(|(key, _)| key.trim_end());
    key.is_some_and(|key| FIRST_KEYS.contains(&key.trim_matches(['"', '\''])))
}

/// The finding for a whole file, at its first line.
pub(super) fn finding(file: FileId, span: Span) -> Diagnostic {
    Diagnostic::new(code::SYNTAX_ERROR, Location { file, span }, "the file holds Kubernetes manifests, not intents")
        .label("an object starts here")
        .help("commands read manifests behind `--manifests`, `--inventory` or `--alongside`, each of which may be repeated")
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn manifests_are_told_by_what_comes_first() {
        let manifests = [
            "apiVersion: v1\nkind: Pod\n",
            "# Source: chart/templates/a.yaml\n---\n\nkind: Pod\napiVersion: v1\n",
            "{\n    \"apiVersion\": \"v1\",\n",
            "{\"kind\": \"List\"}",
            "---\r\nmetadata: {name: a}\r\n",
            "items:\n- kind: Pod\n",
            "'apiVersion' : v1\n",
            "\u{FEFF}apiVersion: v1\n",
            "%YAML 1.2\n--- # Source: chart/a.yaml\nkind: Pod\n",
        ];
        for text in manifests {
            let span = find(text).and_then(|span| text.get(span.range()));
            assert!(span.is_some_and(|line| line.trim() == line && line.contains(':')), "{text:?} {span:?}");
        }
    }

    #[test]
    fn intents_and_what_was_meant_as_such_are_not() {
        for text in [
            "",
            "# kind: Pod\n",
            "allow a=b -> c=d:1\nkind: Pod\n",
            "namespace kind { }\n",
            "kind=web -> app=db:1\n",
            "{ kind\n",
            "- kind: a\n",
        ] {
            assert_eq!(find(text), None, "{text:?}");
        }
    }
}
