//! Kubernetes manifests as texts: documents, their trees, and places in them.
//!
//! Owns: the YAML reader and its findings, and the reading of typed values as Kubernetes would read them. It must not know
//! any kind of object; who reads one says which code its findings carry.

mod document;
mod layout;
pub(crate) mod names;
mod objects;
mod plain;
mod reading;
mod stream;
mod tree;
mod trees;
mod value;
mod words;

pub(crate) use document::{Document, Step, Whereabouts};
pub(crate) use objects::{Object, no_object, objects};
pub use plain::plain;
pub(crate) use reading::Reading;
pub(crate) use stream::documents;
pub(crate) use tree::Node;
pub(crate) use trees::Trees;

/// The largest file of manifests that is read, in bytes.
pub const MAX_FILE: usize = 128 << 20;
