//! Manifests as objects with texts.
//!
//! Owns: which objects are the same on both sides, to the byte, and where the others may make a difference.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::Change;
use super::seeds::Seed;
use crate::diagnostic::code;
use crate::flow::Symbol;
use crate::inventory::{self, Inventory, ServiceFacts};
use crate::manifest::{self, Document, Node, Reading, Trees, Whereabouts, documents, objects};
use crate::source::{FileId, Location, Source, Sources, Span};

/// The objects of one side.
#[derive(Debug, Clone, Default)]
pub(super) struct Contents {
    /// All of them.
    pub(super) objects: Vec<Held>,
    /// The Services among them.
    pub(super) services: Vec<ServiceFacts>,
}

/// An object, and the text that it is written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// Its `apiVersion`, empty if it says none.
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) namespace: Symbol,
    pub(super) own_name: String,
    /// What it says, as a text that can be read by itself.
    pub(super) text: String,
    /// As it is written, without blanks at the ends of lines.
    pub(super) written: String,
    /// Where it begins.
    pub(super) location: Location,
    /// Which objects it is about, where it names them: the targets of a policy, each with its kind; a host; a class of Gateways.
    pub(super) about: Vec<(String, String)>,
}

/// Kinds that decide flows.
const POLICIES: [&str; 4] = ["NetworkPolicy", "AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"];

/// Kinds that matter only to flows from and to their namespace.
const LOCAL: [&str; 5] = ["NetworkPolicy", "AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication", "Service"];

/// The label of a Gateway's pods, which decide how calls over it are made.
const OF_GATEWAY: &str = "gateway.networking.k8s.io/gateway-name";

/// Kinds that hold texts and select nothing.
const SILENT: [&str; 4] = ["ConfigMap", "Secret", "ServiceAccount", "Namespace"];

impl Held {
    /// Its kind, namespace and name.
    pub(super) fn name(&self) -> String {
        format!("{} {}/{}", self.kind, self.namespace, self.own_name)
    }

    /// All by which it may be seen that it is not the same.
    pub(super) fn texts(&self) -> [&str; 2] {
        [&self.text, &self.written]
    }

    /// The group of its `apiVersion`.
    pub(super) fn group(&self) -> &str {
        self.version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Whether it decides flows.
    pub(super) fn is_policy(&self) -> bool {
        POLICIES.contains(&self.kind.as_str())
    }

    /// Whether it is no matter of all pods that could exist: it runs pods, or holds texts.
    pub(super) fn is_of_itself(&self) -> bool {
        let is_workload = inventory::is_fact(self.group(), &self.kind) && !["Service", "Namespace"].contains(&self.kind.as_str());
        is_workload && !self.text.contains(OF_GATEWAY) || self.kind == "ConfigMap"
    }

    /// Whether it may select pods or namespaces by their labels. What runs pods selects its own.
    pub(super) fn may_look(&self) -> bool {
        let is_fact = inventory::is_fact(self.group(), &self.kind) && self.kind != "Service";
        !is_fact && !SILENT.contains(&self.kind.as_str())
    }

    /// What it names of a kind.
    pub(super) fn about(&self, kind: &str) -> impl Iterator<Item = &str> {
        self.about.iter().filter(move |(own, _)| own == kind).map(|(_, name)| name.as_str())
    }
}

/// The objects of files, of which there may be trees; `default` is the namespace of those that name none.
pub(super) fn held<'s>(sources: &'s Sources, files: &[FileId], default: &Symbol, trees: &'s Trees<'s>) -> Contents {
    let mut all = Contents::default();
    let mut inventory = Inventory::default();
    for (file, source) in files.iter().filter_map(|file| Some((*file, sources.get(*file)?))) {
        let whole = whole(file, source);
        let mut reading = Reading::with_trees(whole, trees);
        for span in documents(source.text()) {
            objects(Document { span, ..whole }, &mut reading, &mut |object, reading| {
                let of = if reading.document.span == span { Of::Document } else { Of::List };
                all.objects.push(one(object, of, default, reading));
                if object.kind == "Service" {
                    inventory::read_object(object, default, &mut inventory, reading);
                }
            });
        }
    }
    all.services = inventory.services;
    all
}

/// What an object is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Document,
    /// One of a list may take a part of what it says from elsewhere in the list, and where its text ends is only likely.
    List,
}

fn one(object: &manifest::Object<'_>, of: Of, default: &Symbol, reading: &mut Reading<'_>) -> Held {
    let word =
        |reading: &mut Reading<'_>, key: &'static str| object.root.follow(reading, &["metadata", key]).text(reading).map(str::to_owned);
    let (namespace, own_name) = (word(reading, "namespace"), word(reading, "name").unwrap_or_default());
    let is_local = LOCAL.contains(&object.kind) || inventory::is_fact(object.group(), object.kind) && object.kind != "Namespace";
    let namespace = namespace.map_or_else(|| if is_local { Symbol::clone(default) } else { "".into() }, Symbol::from);
    let lines: Vec<&str> = reading.document.text().trim().lines().map(str::trim_end).collect();
    let mut location = reading.document.first_line();
    location.span.end = location.span.start;
    let written = lines.join("\n");
    let text = if of == Of::Document { written.clone() } else { object.root.json() };
    let about = reading.quietly(|reading| about(&object.root.get(reading, "spec"), reading)).unwrap_or_default();
    let version = object.version.unwrap_or_default().to_owned();
    Held { version, kind: object.kind.to_owned(), namespace, own_name, text, written, location, about }
}

/// What a spec names: targets, a host, a class of Gateways.
fn about(spec: &Node<'_>, reading: &mut Reading<'_>) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut targets = if spec.holds_list("targetRefs") { spec.get(reading, "targetRefs").list(reading) } else { Vec::new() };
    targets.extend(Some(spec.get(reading, "targetRef")).filter(|target| !target.is_missing()));
    for target in targets {
        let mut word = |key: &'static str| target.get(reading, key).text(reading).unwrap_or_default().to_owned();
        all.push((word("kind"), word("name")));
    }
    for key in ["host", "gatewayClassName"] {
        all.extend(spec.get(reading, key).text(reading).map(|text| (key.to_owned(), text.to_owned())));
    }
    all
}

fn whole(file: FileId, source: &Source) -> Document<'_> {
    Document { file, source, span: Span::new(0, source.text().len()), object: Whereabouts::Whole, code: code::INVALID_MANIFEST }
}

/// An object that is not the same on both sides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Altered<'a> {
    /// What has become of it.
    pub(super) change: Change,
    /// It, as it was.
    pub(super) old: Option<&'a Held>,
    /// It, as it is.
    pub(super) new: Option<&'a Held>,
    /// How often it is there on the side that holds more of it.
    pub(super) times: usize,
}

impl<'a> Altered<'a> {
    /// It, as it is, or as it was where it is gone.
    pub(super) fn any(&self) -> Option<&'a Held> {
        self.new.or(self.old)
    }

    /// Both.
    pub(super) fn both(&self) -> impl Iterator<Item = &'a Held> {
        self.old.into_iter().chain(self.new)
    }
}

/// The objects that are not the same on both sides, by kind, namespace and name; those of several groups are told apart.
pub(super) fn altered<'a>(old: &'a [Held], new: &'a [Held]) -> Vec<Altered<'a>> {
    type Texts<'a> = BTreeMap<(String, &'a str), Vec<&'a Held>>;
    let by_name = |all: &'a [Held]| -> Texts<'a> {
        all.iter().fold(BTreeMap::new(), |mut texts: Texts<'a>, object| {
            texts.entry((object.name(), object.group())).or_default().push(object);
            texts
        })
    };
    let texts =
        |all: Option<&Vec<&'a Held>>| -> BTreeSet<[&'a str; 2]> { all.into_iter().flatten().map(|object| object.texts()).collect() };
    let (before, after) = (by_name(old), by_name(new));
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let one = |name: &(String, &str)| {
        let (old, new) = (before.get(name), after.get(name));
        let first = |all: Option<&Vec<&'a Held>>| all.and_then(|all| all.first().copied());
        let (was, is) = (first(old), first(new));
        let change = match (was, is) {
            (Some(_), Some(_)) if texts(old) == texts(new) => return None,
            (Some(_), Some(_)) => Change::Changed,
            (None, _) => Change::Added,
            (Some(_), None) => Change::Removed,
        };
        let times = [old, new].into_iter().flatten().map(Vec::len).max().unwrap_or_default();
        Some(Altered { change, old: was, new: is, times })
    };
    names.into_iter().filter_map(one).collect()
}

/// Where two sets of manifests may differ over all pods that could exist. An object that acts on more than its namespace may do so
/// everywhere; what runs is no matter of all pods, but of its own.
pub(super) fn seeds(altered: &[Altered<'_>], root: &str) -> Vec<Seed> {
    let mut names: BTreeSet<Symbol> = BTreeSet::new();
    for object in altered.iter().flat_map(Altered::both) {
        if object.is_of_itself() {
            continue;
        }
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
