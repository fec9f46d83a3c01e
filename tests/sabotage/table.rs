//! What a sabotage is, and all of them.
//!
//! Owns: the shape of a row, and how one is applied. The rows are `network`'s, `mesh`'s and `objects`'.

use serde_yaml::Value;

use super::tree::{self, Path};
use super::{mesh, network, objects};

/// A fault, made by hand in one document.
pub(crate) struct Sabotage {
    pub(crate) name: &'static str,
    /// The kinds of documents; empty for all.
    pub(super) kinds: &'static [&'static str],
    /// Where; see [`tree::places`].
    pub(super) places: &'static [&'static str],
    pub(super) change: Change,
}

/// What is done to a place.
pub(super) enum Change {
    /// It goes.
    Remove,
    /// It becomes something else; `false` if there is nothing to do.
    Edit(fn(&mut Value) -> bool),
    /// Others take its place, if there is anything to do.
    Replace(fn(&Value) -> Option<Vec<Value>>),
}

/// One place of a document, sabotaged.
#[derive(Clone)]
pub(crate) struct Sabotaged {
    /// `NetworkPolicy shop/db ingress[0].ports[0]`.
    pub(crate) place: String,
    /// What stands where the document stood.
    pub(crate) documents: Vec<Value>,
}

pub(super) const NETWORK: &[&str] = &["NetworkPolicy"];
pub(super) const CALLER: &[&str] = &["AuthorizationPolicy"];
pub(super) const TRANSPORT: &[&str] = &["PeerAuthentication"];
pub(super) const TOKEN: &[&str] = &["RequestAuthentication"];
pub(super) const MESH: &[&str] = &["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"];
pub(super) const ALL_KINDS: &[&str] = &[];

/// Every sabotage.
pub(crate) fn all() -> Vec<&'static Sabotage> {
    [network::SABOTAGES, mesh::SABOTAGES, objects::SABOTAGES].into_iter().flatten().collect()
}

impl Sabotage {
    /// Every place of a document, sabotaged.
    pub(crate) fn apply(&self, document: &Value) -> Vec<Sabotaged> {
        let kind = document["kind"].as_str().unwrap();
        if !self.kinds.is_empty() && !self.kinds.contains(&kind) {
            return Vec::new();
        }
        let places = self.places.iter().flat_map(|pattern| tree::places(document, pattern));
        places.filter_map(|path| self.at(document, &path)).collect()
    }

    fn at(&self, document: &Value, path: &Path) -> Option<Sabotaged> {
        let mut changed = document.clone();
        let documents = match &self.change {
            Change::Remove if path.is_empty() => Vec::new(),
            Change::Replace(by) if path.is_empty() => by(document)?,
            Change::Remove => {
                tree::splice(&mut changed, path, Vec::new());
                vec![changed]
            }
            Change::Replace(by) => {
                let with = by(tree::node_mut(&mut changed, path))?;
                tree::splice(&mut changed, path, with);
                vec![changed]
            }
            Change::Edit(edit) => {
                if !edit(tree::node_mut(&mut changed, path)) {
                    return None;
                }
                vec![changed]
            }
        };
        let words = |key: &str| document["metadata"][key].as_str().unwrap();
        let place = format!("{} {}/{} {}", document["kind"].as_str().unwrap(), words("namespace"), words("name"), tree::words(path));
        Some(Sabotaged { place: place.trim_end().to_owned(), documents })
    }
}

/// Sets a node, if that changes it.
pub(super) fn set(node: &mut Value, to: impl Into<Value>) -> bool {
    let to = to.into();
    let changes = *node != to;
    *node = to;
    changes
}

/// A node from a line of YAML.
pub(super) fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

/// Gives a key of a map another name; `false` if the map does not have it.
pub(super) fn rename(node: &mut Value, from: &str, to: &str) -> bool {
    let Some(value) = node.as_mapping_mut().and_then(|map| map.shift_remove(from)) else { return false };
    node[to] = value;
    true
}

/// Takes a key out of a map; `false` if the map does not have it.
pub(super) fn take(node: &mut Value, key: &str) -> bool {
    node.as_mapping_mut().is_some_and(|map| map.shift_remove(key).is_some())
}

/// Adds to the end of a word.
pub(super) fn append(node: &mut Value, end: &str) -> bool {
    let Some(word) = node.as_str() else { return false };
    set(node, format!("{word}{end}"))
}

pub(super) fn has(node: &Value, key: &str) -> bool {
    node.get(key).is_some()
}
