//! Objects as plain data, for those who change them.
//!
//! Owns: `plain`. It reports nothing: whoever reads manifests for their meaning does. It must not know any kind.

use serde_json::Value;

use super::document::{Document, Whereabouts};
use super::{MAX_FILE, stream::documents};
use crate::diagnostic::code;
use crate::source::{FileId, Source};

/// The objects of a file, those of lists one by one, in the order of the text; what is no YAML is left out.
pub fn plain(source: &Source) -> Vec<Value> {
    if source.text().len() > MAX_FILE {
        return Vec::new();
    }
    let whole = |span| Document { file: FileId::default(), source, span, object: Whereabouts::Whole, code: code::INVALID_INVENTORY };
    let read = |span| serde_json::to_value(whole(span).value()?).ok();
    documents(source.text()).filter_map(read).flat_map(items).collect()
}

/// The items of a list; an object itself. Items of a list of one kind take kind and version from it.
fn items(mut object: Value) -> Vec<Value> {
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(kind) = kind.strip_suffix("List") else { return vec![object] };
    let version = object.get("apiVersion").cloned().unwrap_or_default();
    let Some(Value::Array(items)) = object.get_mut("items").map(Value::take) else { return vec![object] };
    let typed = |mut item: Value| {
        if let Some(fields) = item.as_object_mut().filter(|_| !kind.is_empty()) {
            fields.entry("kind").or_insert_with(|| kind.into());
            fields.entry("apiVersion").or_insert_with(|| version.clone());
        }
        item
    };
    items.into_iter().map(typed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_fall_into_their_items() {
        let text =
            "kind: List\napiVersion: v1\nitems:\n- {kind: Pod, a: no}\n---\nkind: PodList\napiVersion: v1\nitems:\n- b: 08\n---\n{\n";
        let found: Vec<String> = plain(&Source::new("a.yaml", text)).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[1], r#"{"b":"08","kind":"Pod","apiVersion":"v1"}"#);
    }
}
