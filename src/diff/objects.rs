//! Manifests as objects with texts.
//!
//! Owns: which objects are the same on both sides, to the byte, and where the others may make a difference.

use std::collections::{BTreeMap, BTreeSet};

use super::seeds::Seed;
use crate::diagnostic::code;
use crate::flow::Symbol;
use crate::manifest::{Document, Reading, Whereabouts, documents, objects};
use crate::source::{FileId, Location, Source, Sources, Span};

/// An object, and the text that it is written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) kind: String,
    pub(super) namespace: Symbol,
    own_name: String,
    /// Its text without blanks at the ends of lines.
    pub(super) text: String,
    /// Where it begins.
    pub(super) location: Location,
}

/// Kinds that decide flows.
const POLICIES: [&str; 4] = ["NetworkPolicy", "AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"];

/// Kinds that matter only to flows from and to their namespace.
const LOCAL: [&str; 13] = [
    "NetworkPolicy",
    "AuthorizationPolicy",
    "PeerAuthentication",
    "RequestAuthentication",
    "ServiceAccount",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
    "CronJob",
    "Pod",
    "ConfigMap",
];

impl Held {
    /// Its kind, namespace and name.
    pub(super) fn name(&self) -> String {
        format!("{} {}/{}", self.kind, self.namespace, self.own_name)
    }

    /// Whether it decides flows.
    pub(super) fn is_policy(&self) -> bool {
        POLICIES.contains(&self.kind.as_str())
    }
}

/// The objects of files.
pub(super) fn held(sources: &Sources, files: &[FileId]) -> Vec<Held> {
    let mut all = Vec::new();
    for (file, source) in files.iter().filter_map(|file| Some((*file, sources.get(*file)?))) {
        let whole = whole(file, source);
        let mut reading = Reading::new(whole);
        for span in documents(source.text()) {
            objects(Document { span, ..whole }, &mut reading, &mut |object, reading| {
                let word = |reading: &mut Reading<'_>, key: &'static str| {
                    let node = object.root.follow(reading, &["metadata", key]);
                    node.text(reading).unwrap_or_default().to_owned()
                };
                let (namespace, own_name) = (word(reading, "namespace"), word(reading, "name"));
                let lines: Vec<&str> = reading.document.text().trim().lines().map(str::trim_end).collect();
                let mut location = reading.document.first_line();
                location.span.end = location.span.start;
                let text = lines.join("\n");
                all.push(Held { kind: object.kind.to_owned(), namespace: namespace.as_str().into(), own_name, text, location });
            });
        }
    }
    all
}

fn whole(file: FileId, source: &Source) -> Document<'_> {
    Document { file, source, span: Span::new(0, source.text().len()), object: Whereabouts::Whole, code: code::INVALID_MANIFEST }
}

/// Where two sets of manifests may differ. An object that acts on more than its namespace may do so everywhere.
pub(super) fn seeds(old: &[Held], new: &[Held], root: &str) -> Vec<Seed> {
    let texts = |all: &[Held]| -> BTreeMap<String, BTreeSet<String>> {
        all.iter().fold(BTreeMap::new(), |mut texts: BTreeMap<String, BTreeSet<String>>, object| {
            texts.entry(object.name()).or_default().insert(object.text.clone());
            texts
        })
    };
    let (before, after) = (texts(old), texts(new));
    let changed = old.iter().chain(new).filter(|object| before.get(&object.name()) != after.get(&object.name()));
    let mut names: BTreeSet<Symbol> = BTreeSet::new();
    for object in changed {
        if object.kind == "Namespace" {
            names.insert(object.own_name.as_str().into());
        } else if LOCAL.contains(&object.kind.as_str()) && !object.namespace.is_empty() && *object.namespace != *root {
            names.insert(Symbol::clone(&object.namespace));
        } else {
            return vec![Seed::Everything];
        }
    }
    names.into_iter().map(Seed::Namespace).collect()
}
