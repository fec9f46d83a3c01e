//! What a modelled object is called and where it stands.
//!
//! Owns: `Object`, the part of every object that decisions name. It must not know any kind.

use super::Document;
use crate::flow::{Labels, Symbol};
use crate::source::Location;

/// An object of the cluster, as decisions name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    /// Its kind.
    pub(super) kind: Symbol,
    /// Its namespace; empty for an object of the whole cluster.
    pub(super) namespace: Symbol,
    /// Its name.
    pub(super) name: Symbol,
    /// Where its name is written.
    pub(super) location: Location,
    /// Its annotations.
    pub(super) annotations: Labels,
}

impl Object {
    /// One of its rules, counted from 1, or the object as a whole.
    pub(super) fn document(&self, rule: Option<usize>) -> Document {
        let lines = self.annotations.iter().filter(|(key, _)| key.ends_with("/rules")).flat_map(|(_, text)| text.lines());
        Document {
            kind: Symbol::clone(&self.kind),
            namespace: Symbol::clone(&self.namespace),
            name: Symbol::clone(&self.name),
            location: self.location,
            rule,
            origin: lines.map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect(),
        }
    }
}

/// As reasons name it: ``NetworkPolicy `shop/db` ``.
impl std::fmt::Display for Object {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() {
            return write!(out, "{} `{}`", self.kind, self.name);
        }
        write!(out, "{} `{}/{}`", self.kind, self.namespace, self.name)
    }
}
