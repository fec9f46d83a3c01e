//! Objects that stand more than once among manifests.
//!
//! Owns: which of them are told, and which count once. It must not know what an object means: two say the same if the same stands in them,
//! whatever its order and whatever the API server has added, and `NetworkPolicy` knows of itself when it is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Manifests;
use crate::cluster::network::NetworkPolicy;
use crate::cluster::unmodelled::Unmodelled;
use crate::diagnostic::{Diagnostic, code};
use crate::flow::Symbol;
use crate::manifest::{Document, Node, Reading, Whereabouts};
use crate::source::{Location, Sources, Span};

/// Group, kind, namespace and name: there is one object of each in a cluster.
pub(in crate::cluster) type Name = [Symbol; 4];

/// What an object is called, and where it is written.
#[derive(Debug, Clone)]
pub(in crate::cluster) struct Noted {
    pub(in crate::cluster) name: Name,
    /// Where its name is.
    pub(super) location: Location,
    /// Its document, or its part of a list.
    pub(super) span: Span,
    /// Where it stands in that.
    pub(super) whereabouts: Whereabouts,
}

/// The kind of which it is known by meaning which say the same: its group and its name.
const KNOWN_BY_MEANING: [&str; 2] = ["networking.k8s.io", "NetworkPolicy"];

impl Manifests {
    /// Reports objects of one kind and name that stand more than once and say different things: only one of them can be in the cluster.
    /// Those that say the same are one, as whoever applies both has one.
    pub(super) fn find_twins(&mut self, sources: &Sources, root: &Symbol) {
        let mut by_name: BTreeMap<&Name, Vec<&Noted>> = BTreeMap::new();
        for noted in &self.noted {
            by_name.entry(&noted.name).or_default().push(noted);
        }
        by_name.retain(|_, all| all.len() > 1);
        if by_name.is_empty() {
            return;
        }
        let mut dropped = drop_copies(&mut self.policies);
        let mut copies = BTreeSet::new();
        let (mut findings, mut open) = (Vec::new(), Vec::new());
        for (name, all) in by_name {
            let others = match dropped.remove(name) {
                // Which ones of them have been dropped is all the same: where one is left that says something else, somebody has to look.
                Some(more) => all.get(more + 1..).unwrap_or_default().to_vec(),
                None => unlike(&all, sources),
            };
            if others.is_empty() {
                copies.insert(Name::clone(name));
            }
            let Some(first) = all.first() else { continue };
            if !others.is_empty() {
                open.push((Name::clone(name), first.location));
            }
            findings.extend(others.into_iter().map(|other| twin(other, first.location)));
        }
        self.findings.extend(findings);
        self.open_twins(open, root);
        self.mesh.drop_copies(&copies);
        drop_alike(&mut self.unmodelled, &copies);
    }
}

/// Takes out `NetworkPolicies` that say what one of their name said before; how many there were of each name.
fn drop_copies(policies: &mut Vec<NetworkPolicy>) -> BTreeMap<Name, usize> {
    let mut copies = BTreeMap::new();
    let mut first: BTreeMap<(Symbol, Symbol), NetworkPolicy> = BTreeMap::new();
    policies.retain(|policy| {
        let (namespace, own) = (&policy.object.namespace, &policy.object.name);
        let key = (Symbol::clone(namespace), Symbol::clone(own));
        let is_copy = first.get(&key).is_some_and(|known| known.says_the_same(policy));
        if is_copy {
            let [group, kind] = KNOWN_BY_MEANING.map(Symbol::from);
            *copies.entry([group, kind, Symbol::clone(namespace), Symbol::clone(own)]).or_default() += 1;
        } else {
            first.entry(key).or_insert_with(|| policy.clone());
        }
        !is_copy
    });
    copies
}

/// Those of some objects that are not written as one of them before.
fn unlike<'n>(all: &[&'n Noted], sources: &Sources) -> Vec<&'n Noted> {
    let mut written: Vec<Value> = Vec::new();
    let is_new = |noted: &&&Noted| {
        let Some(content) = content(noted, sources) else { return true };
        let is_new = !written.contains(&content);
        written.extend(is_new.then_some(content));
        is_new
    };
    all.iter().filter(is_new).skip(1).copied().collect()
}

/// What an object says, by itself; nothing if that hangs on what stands around it.
fn content(noted: &Noted, sources: &Sources) -> Option<Value> {
    let (file, span, object) = (noted.location.file, noted.span, noted.whereabouts);
    let document = Document { file, source: sources.get(file)?, span, object, code: code::INVALID_MANIFEST };
    let tree = document.parse().ok()?;
    let (root, mut reading) = (Node::root(&tree), Reading::new(document));
    let node = match object {
        Whereabouts::Whole => root,
        Whereabouts::Item => root.list(&mut reading).into_iter().next()?,
        Whereabouts::Inside(path) => {
            path.numbers().try_fold(root, |list, number| list.get(&mut reading, "items").list(&mut reading).into_iter().nth(number))?
        }
    };
    serde_json::from_str(&node.json()).ok().map(without_bookkeeping)
}

/// What the API server and `kubectl` write into an object for themselves.
const BOOKKEEPING: [&str; 5] = ["uid", "resourceVersion", "generation", "managedFields", "selfLink"];

/// Where `kubectl` keeps what it applied last.
const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// An object without that which says nothing of what it does. Its name, its namespace and its group are those by which it was found, however
/// they are written.
fn without_bookkeeping(mut object: Value) -> Value {
    let Some(fields) = object.as_object_mut() else { return object };
    fields.remove("apiVersion");
    // Of several `PeerAuthentication`s the oldest counts.
    let is_dated = fields.get("kind").is_some_and(|kind| kind == "PeerAuthentication");
    if fields.get("status").and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
        fields.remove("status");
    }
    let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) else { return object };
    let created = (!is_dated).then_some("creationTimestamp");
    for key in BOOKKEEPING.into_iter().chain(["name", "namespace"]).chain(created) {
        metadata.remove(key);
    }
    let annotations = metadata.get_mut("annotations").and_then(Value::as_object_mut);
    let is_left_empty = annotations.is_some_and(|annotations| {
        annotations.remove(APPLIED);
        annotations.is_empty()
    });
    if is_left_empty {
        metadata.remove("annotations");
    }
    object
}

/// Takes out what is not modelled and touches the same as the same object before.
fn drop_alike(unmodelled: &mut Vec<Unmodelled>, copies: &BTreeSet<Name>) {
    if copies.is_empty() {
        return;
    }
    let called: BTreeSet<[&Symbol; 3]> = copies.iter().map(|[_, kind, namespace, name]| [kind, namespace, name]).collect();
    let mut kept: BTreeMap<[Symbol; 3], Vec<Unmodelled>> = BTreeMap::new();
    unmodelled.retain(|one| {
        let name = [&one.object.kind, &one.object.namespace, &one.object.name];
        if !called.contains(&name) {
            return true;
        }
        let kept = kept.entry(name.map(Symbol::clone)).or_default();
        let is_new = !kept.iter().any(|other| other.touches_the_same(one));
        if is_new {
            kept.push(one.clone());
        }
        is_new
    });
}

/// An object that stands twice.
fn twin(noted: &Noted, first: Location) -> Diagnostic {
    let [_, kind, namespace, name] = &noted.name;
    let namespace = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
    Diagnostic::new(code::INVALID_MANIFEST, noted.location, format!("{kind} `{namespace}{name}` stands twice"))
        .label("an object of this name was there before")
        .related(first, "the first one")
        .note("only one of the two can be in the cluster")
}
