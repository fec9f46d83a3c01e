//! The objects of a document: one, or the items of its list.
//!
//! Owns: `Object`, and how a list is taken apart. It must not know any kind of object but lists.

use super::document::{Document, ItemPath};
use super::reading::Reading;
use super::tree::Node;
use crate::diagnostic::{Diagnostic, code};

/// An object, and what it says that it is.
#[derive(Debug, Clone)]
pub(crate) struct Object<'t> {
    /// The object itself, as the root of its own tree.
    pub(crate) root: Node<'t>,
    /// Its kind.
    pub(crate) kind: &'t str,
    /// Its `apiVersion`; none if it says none.
    pub(crate) version: Option<&'t str>,
}

impl<'t> Object<'t> {
    /// The group of its `apiVersion`: empty for the core group, and where there is no version.
    pub(crate) fn group(&self) -> &'t str {
        self.version.and_then(|version| version.split_once('/')).map_or("", |(group, _)| group)
    }
}

/// Hands over each object of a document. A finding stands for a document that is no YAML, and for a document or an item that is no
/// object; an empty document holds nothing.
pub(crate) fn objects<'s>(document: Document<'s>, reading: &mut Reading<'s>, take: &mut dyn FnMut(&Object<'_>, &mut Reading<'s>)) {
    reading.begin(document, "the document");
    let tree = match reading.tree(document) {
        Ok(tree) => tree,
        Err(finding) => return reading.add(*finding),
    };
    if tree.is_null() {
        return;
    }
    let root = Node::root(&tree);
    let Some(kind) = kind_of(&root, reading) else { return };
    let version = root.get(reading, "apiVersion").text(reading);
    hand_over(&Object { root, kind, version }, Level { document, path: ItemPath::default() }, reading, take);
}

/// How deep in lists an object stands.
#[derive(Debug, Clone, Copy)]
struct Level<'s> {
    /// The document of the outermost list.
    document: Document<'s>,
    /// The way to the object in that.
    path: ItemPath,
}

impl<'s> Level<'s> {
    /// The documents of the items of a list, one each, and where they stand; none of a list that stands too deep.
    fn items(self, count: usize) -> Option<Vec<(Document<'s>, Self)>> {
        let inner = (0..count).map(|number| Some(Self { path: self.path.to(number)?, ..self })).collect::<Option<Vec<Self>>>()?;
        let is_outermost = self.path == ItemPath::default();
        let documents =
            if is_outermost { self.document.items(count) } else { inner.iter().map(|level| self.document.inside(level.path)).collect() };
        Some(documents.into_iter().zip(inner).collect())
    }
}

/// Hands over an object, or what it holds if it is a list.
fn hand_over<'s>(object: &Object<'_>, level: Level<'s>, reading: &mut Reading<'s>, take: &mut dyn FnMut(&Object<'_>, &mut Reading<'s>)) {
    let Object { root, kind, version } = object;
    // Whatever it calls itself, what has items is taken apart by those who apply it.
    if !root.holds_list("items") && *kind != "List" {
        return take(object, reading);
    }
    let items = root.get(reading, "items").list(reading);
    let Some(inner) = level.items(items.len()) else { return take(object, reading) };
    // One with a name of its own may be an object of its own kind besides.
    if *kind != "List" && !root.follow(reading, &["metadata", "name"]).is_missing() {
        take(object, reading);
    }
    let stem = kind.strip_suffix("List").unwrap_or_default();
    for (item, (document, level)) in items.iter().zip(inner) {
        if reading.is_hopeless() {
            return;
        }
        reading.begin(document, "the item");
        let item = item.as_root();
        if item.is_missing() {
            continue;
        }
        if let Some(object) = of_list(item, stem, *version, reading) {
            hand_over(&object, level, reading, take);
        }
    }
}

/// An item of a list. A list of one type, such as `PodList`, leaves the type out in its items.
fn of_list<'t>(item: Node<'t>, stem: &'t str, version: Option<&'t str>, reading: &mut Reading<'_>) -> Option<Object<'t>> {
    if !stem.is_empty() && item.get(reading, "kind").is_missing() {
        return Some(Object { root: item, kind: stem, version });
    }
    let version = item.get(reading, "apiVersion").text(reading);
    kind_of(&item, reading).map(|kind| Object { root: item, kind, version })
}

/// The kind that an object says it is; a finding if it says none.
fn kind_of<'t>(object: &Node<'t>, reading: &mut Reading<'_>) -> Option<&'t str> {
    if object.is_list() {
        no_object("a document is a list", reading);
        return None;
    }
    if object.is_text() {
        no_object("a document is a text", reading);
        return None;
    }
    let kind = object.get(reading, "kind").text(reading);
    if kind.is_none() && reading.is_clean() {
        no_object("a document has no `kind`", reading);
    }
    kind
}

/// Reports what no API server takes for an object. It cannot hold a policy, unless it is a template, of which nobody knows what it
/// renders to.
pub(crate) fn no_object(message: &str, reading: &mut Reading<'_>) {
    let document = reading.document;
    let finding = |code| Diagnostic::new(code, document.first_line(), message).label("not a Kubernetes object");
    if document.text().lines().any(|line| line.trim_start().starts_with("{{")) {
        return reading.add(finding(document.code).help("give what the template renders to: `helm template` prints that of a chart"));
    }
    let note = "no API server takes it, so it decides nothing here";
    reading.remark(&[], |_| finding(code::NOT_A_MANIFEST).note(note));
}
