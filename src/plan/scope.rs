//! The namespaces in which objects change.
//!
//! Owns: `Scope`, and the judge of a state whose objects were read in these alone. A policy acts on pods of its own namespace, unless it
//! stands in the root namespace; so at an end of a pod elsewhere, all states say what the head says.

use std::collections::BTreeSet;

use super::items::Item;
use super::object::Id;
use crate::cluster::Endpoint;
use crate::flow::{LabelTests, Peer, PodCube, Symbol};
use crate::verify::{Judge, JudgedEnd, Way};

/// The namespaces in which objects are not the same at every moment; none if these may act on pods of any.
#[derive(Debug)]
pub(super) struct Scope(Option<BTreeSet<Symbol>>);

/// Kinds that act on pods of their own namespace, or of any from the root namespace (`semantics.md` §1.1, §2.1, §3.1).
const OF_NAMESPACE: [&str; 4] = ["NetworkPolicy", "AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"];

fn is_of_namespace(id: &Id, root: &str) -> bool {
    OF_NAMESPACE.contains(&id.kind.as_str()) && *id.namespace != *root && !id.namespace.is_empty()
}

impl Scope {
    /// Of the objects of both sides. Of those that are not modelled it is not known on whom they act.
    pub(super) fn of(items: &[Item], root: &str, is_modelled: bool) -> Self {
        let changed = items.iter().filter(|item| item.base != item.head);
        let names = changed.map(|item| is_of_namespace(&item.id, root).then(|| Symbol::clone(&item.id.namespace)));
        Self(if is_modelled { names.collect() } else { None })
    }

    /// All namespaces: where a connection may meet objects of any.
    pub(super) const fn everywhere() -> Self {
        Self(None)
    }

    /// Whether an object has a say at ends in these namespaces.
    pub(super) fn has_a_say(&self, id: &Id, root: &str) -> bool {
        self.0.as_ref().is_none_or(|names| !is_of_namespace(id, root) || names.contains(&id.namespace))
    }

    /// A judge of all ends: of objects that have a say here, and of all those of the head, where that is the one to ask.
    pub(super) fn judge<'j>(&'j self, own: Box<dyn Judge + 'j>, elsewhere: impl FnOnce() -> Box<dyn Judge + 'j>) -> Box<dyn Judge + 'j> {
        match &self.0 {
            Some(names) => Box::new(Local { own, elsewhere: elsewhere(), names }),
            None => own,
        }
    }
}

/// A judge of ends in some namespaces, beside one of all others.
#[derive(Debug)]
struct Local<'j> {
    own: Box<dyn Judge + 'j>,
    elsewhere: Box<dyn Judge + 'j>,
    names: &'j BTreeSet<Symbol>,
}

impl Local<'_> {
    fn of(&self, namespace: &str) -> &dyn Judge {
        if self.names.contains(namespace) { &*self.own } else { &*self.elsewhere }
    }
}

impl Judge for Local<'_> {
    fn subjects(&self, namespace: &str, way: Way) -> Vec<PodCube> {
        self.of(namespace).subjects(namespace, way)
    }

    fn end<'j>(&'j self, pod: &'j Endpoint, way: Way) -> Box<dyn JudgedEnd + 'j> {
        match &pod.peer {
            Peer::Pod(own) => self.of(&own.namespace).end(pod, way),
            Peer::Address(_) => self.own.end(pod, way),
        }
    }

    /// Those of either: more tests than there are hold more pods.
    fn label_tests(&self) -> Option<LabelTests> {
        let mut tests = self.own.label_tests()?;
        tests.extend(self.elsewhere.label_tests()?);
        Some(tests)
    }
}
