//! Manifests as objects that can be applied one by one.
//!
//! Owns: `Object`, `Id`, `read`. Two objects are the same if the API server would not tell them apart; what it adds by itself is
//! left out. It must not know what an object does.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::flow::Symbol;
use crate::manifest::{documents, plain};
use crate::source::{FileId, Source, Sources};
use crate::target::{HEADER, Manifest, print};

/// What an object is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id {
    pub(super) kind: String,
    /// Empty for an object of the whole cluster.
    pub(super) namespace: Symbol,
    pub(super) name: String,
}

/// An object, and the text that it is written in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Object {
    pub(super) id: Id,
    /// What it says, parsed when it is asked for: most objects of a large change are the same on both sides.
    pub(super) value: Rc<OnceCell<Value>>,
    /// One YAML document with a line end behind it.
    pub(super) text: String,
    /// The file that it was read from.
    pub(super) file: String,
}

/// Kinds that stand in no namespace, among those that may stand in manifests of policy.
const CLUSTER_WIDE: [&str; 4] = ["Namespace", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "ClusterRole"];

/// What the API server adds by itself.
const ADDED: [&str; 6] = ["managedFields", "resourceVersion", "uid", "generation", "selfLink", "ownerReferences"];

/// What `kubectl apply` adds.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What an object says that is known by now.
pub(super) fn said(value: Value) -> Rc<OnceCell<Value>> {
    Rc::new(OnceCell::from(value))
}

/// Objects as this tool writes them, all of them with their namespaces.
pub(super) fn written(manifests: &[Manifest]) -> Vec<Object> {
    let own = manifests.iter().filter(|manifest| !CLUSTER_WIDE.contains(&manifest.kind));
    own.map(|manifest| {
        let id = Id { kind: manifest.kind.to_owned(), namespace: manifest.namespace.clone(), name: manifest.name.clone() };
        Object { id, value: Rc::default(), text: own_text(&manifest.yaml), file: String::new() }
    })
    .collect()
}

/// The objects of files, in order; each once. Documents whose text is that of a `known` object are not parsed again.
pub(super) fn read(sources: &Sources, files: &[FileId], default_namespace: &str, known: &[Object]) -> Vec<Object> {
    let known: HashMap<&str, &Object> = known.iter().map(|object| (object.text.as_str(), object)).collect();
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    for source in files.iter().filter_map(|file| sources.get(*file)) {
        for span in documents(source.text()) {
            let document = source.slice(span);
            if let Some(object) = known.get(own_text(document).as_str()) {
                if seen.insert(object.id.clone()) {
                    all.push(Object { file: source.name().to_owned(), ..Object::clone(object) });
                }
                continue;
            }
            let values = plain(&Source::new(source.name(), document));
            let alone = values.len() == 1;
            for value in values {
                let Some(object) = object(&value, document, source.name(), default_namespace, alone) else { continue };
                if seen.insert(object.id.clone()) {
                    all.push(object);
                }
            }
        }
    }
    all
}

fn object(value: &Value, document: &str, file: &str, default_namespace: &str, alone: bool) -> Option<Object> {
    let tidy = tidied(value, default_namespace);
    let word = |path: &[&str]| path.iter().try_fold(&tidy, |value, key| value.get(key)).and_then(Value::as_str).unwrap_or_default();
    let kind = word(&["kind"]).to_owned();
    let id = Id { namespace: word(&["metadata", "namespace"]).into(), name: word(&["metadata", "name"]).to_owned(), kind };
    if id.kind.is_empty() || id.name.is_empty() {
        return None;
    }
    let text = if alone && tidy == *value { own_text(document) } else { print(&tidy) };
    Some(Object { id, value: said(tidy), text, file: file.to_owned() })
}

/// The lines of a document, without the line that says who wrote the file.
fn own_text(document: &str) -> String {
    let lines: Vec<&str> = document.lines().map(str::trim_end).filter(|line| *line != HEADER && *line != "---").collect();
    let start = lines.iter().position(|line| !line.is_empty()).unwrap_or_default();
    let lines: Vec<&str> = lines.into_iter().skip(start).collect();
    format!("{}\n", lines.join("\n").trim_end())
}

/// An object without what the cluster adds, in its namespace.
fn tidied(value: &Value, default_namespace: &str) -> Value {
    let mut value = value.clone();
    let Some(object) = value.as_object_mut() else { return value };
    object.shift_remove("status");
    let wide = object.get("kind").and_then(Value::as_str).is_some_and(|kind| CLUSTER_WIDE.contains(&kind));
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return value };
    for key in ADDED {
        metadata.shift_remove(key);
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.shift_remove(LAST_APPLIED);
        if annotations.is_empty() {
            metadata.shift_remove("annotations");
        }
    }
    if !wide {
        metadata.entry("namespace").or_insert_with(|| default_namespace.into());
    }
    value
}

impl Object {
    /// What it says.
    pub(super) fn value(&self) -> &Value {
        self.value.get_or_init(|| plain(&Source::new("object.yaml", self.text.as_str())).into_iter().next().unwrap_or_default())
    }

    /// Whether nothing has to be applied to turn one into the other.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.text == other.text || without_age(self.value()) == without_age(other.value())
    }

    /// Enough of it to delete it.
    pub(super) fn head_only(&self) -> String {
        let mut head = Map::new();
        for key in ["apiVersion", "kind"] {
            head.insert(key.into(), self.value().get(key).cloned().unwrap_or_default());
        }
        let mut metadata = Map::new();
        metadata.insert("name".into(), self.id.name.as_str().into());
        if !self.id.namespace.is_empty() {
            metadata.insert("namespace".into(), (*self.id.namespace).into());
        }
        head.insert("metadata".into(), metadata.into());
        print(&Value::from(head))
    }
}

/// When an object was made is no part of what it is; a lone `null` is what the API server prints for objects that are not made yet.
fn without_age(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("creationTimestamp");
    }
    value
}
