//! What manifests do to requests on their way, before they arrive anywhere.
//!
//! Owns: the remarks on it. A comparison is of connections and requests as they arrive (`semantics.md` §2), so it decides nothing.

use serde_json::Value;

use crate::manifest::plain;
use crate::source::{FileId, Sources};

/// The kind of objects that may do such things.
const KIND: &str = "VirtualService";

/// Its group.
const GROUP: &str = "networking.istio.io/";

/// What they do, by the field of a route that says it.
const DEEDS: [(&str, &str); 5] = [
    ("fault", "fails"),
    ("redirect", "redirects"),
    ("directResponse", "answers"),
    ("rewrite", "rewrites"),
    ("headers", "changes headers of"),
];

/// A remark on each `VirtualService` that ends or changes requests, in the order of the texts.
pub(super) fn on_the_way(sources: &Sources, manifests: &[FileId], default_namespace: &str) -> Vec<String> {
    let files = manifests.iter().filter_map(|file| sources.get(*file)).filter(|source| source.text().contains(KIND));
    files.flat_map(plain).filter_map(|object| remark(&object, default_namespace)).collect()
}

fn remark(object: &Value, default_namespace: &str) -> Option<String> {
    let text = |place: &str| object.pointer(place).and_then(Value::as_str);
    let is_one = text("/kind") == Some(KIND) && text("/apiVersion").is_some_and(|version| version.starts_with(GROUP));
    let done = if is_one { deeds(object) } else { Vec::new() };
    let (last, others) = done.split_last()?;
    let done = if others.is_empty() { last.clone() } else { format!("{} and {last}", others.join(", ")) };
    let (namespace, name) = (text("/metadata/namespace").unwrap_or(default_namespace), text("/metadata/name").unwrap_or_default());
    Some(format!("{KIND} {namespace}/{name} {done} requests before they arrive, of which this says nothing"))
}

/// What it does, each once.
fn deeds(object: &Value) -> Vec<String> {
    let list = |value: &Value, place: &str| value.pointer(place).and_then(Value::as_array).cloned().unwrap_or_default();
    let routes = list(object, "/spec/http");
    let says = |route: &Value, field: &str| route.get(field).is_some_and(|value| !value.is_null());
    let is_done = |field: &str| routes.iter().any(|route| says(route, field) || list(route, "/route").iter().any(|to| says(to, field)));
    DEEDS.iter().filter(|(field, _)| is_done(field)).map(|(field, verb)| format!("{verb} (`{field}`)")).collect()
}
