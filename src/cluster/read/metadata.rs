//! Reads what an object is called and where it lives.
//!
//! Owns: `metadata` and the versions of a kind (`semantics.md` §1.1 and §1.9). It must not know what a kind says.

use crate::cluster::Platform;
use crate::cluster::object::Object;
use crate::diagnostic::Diagnostic;
use crate::flow::{Labels, Symbol};
use crate::manifest::{self, Node, Reading, names};
use crate::source::printable;

/// The fields of `metadata`.
const FIELDS: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// How many bytes all annotations of an object may have together.
const MAX_ANNOTATIONS: usize = 256 << 10;

/// The name of a modelled object of a namespace; nothing, with a finding, if it has none.
pub(super) fn strict(object: &manifest::Object<'_>, platform: &Platform, reading: &mut Reading<'_>) -> Option<Object> {
    let metadata = object.root.get(reading, "metadata");
    let name = metadata.get(reading, "name");
    let Some(text) = name.symbol(reading) else {
        if reading.is_clean() {
            name.wrong(reading, "a name is expected");
        }
        return None;
    };
    let own = metadata.get(reading, "namespace");
    let default = platform.default_namespace.clone().filter(|_| own.is_missing());
    let Some(written) = own.symbol(reading).or(default).or_else(|| (!own.is_missing()).then(|| "".into())) else {
        no_namespace(object, reading);
        return None;
    };
    reading.object = format!("{} `{written}/{text}`", object.kind);
    metadata.only(reading, &FIELDS);
    if !names::is_object_name(&text) {
        name.wrong(reading, names::OBJECT_NAME);
    }
    let is_name = own.is_missing() || names::is_namespace_name(&written);
    if !is_name && reading.is_clean() {
        own.wrong(reading, names::NAMESPACE_NAME);
    }
    // What is no name may stand for any.
    let namespace = if is_name { written } else { "".into() };
    metadata.get(reading, "labels").checked_labels(reading);
    let annotations = annotations(&metadata.get(reading, "annotations"), reading);
    Some(Object { kind: object.kind.into(), namespace, name: text, location: reading.document.name(), annotations })
}

/// Reads annotations: their keys are those of labels, their values anything.
fn annotations(node: &Node<'_>, reading: &mut Reading<'_>) -> Labels {
    let annotations = node.labels(reading);
    if !annotations.keys().all(|key| names::is_label_key(&key.to_ascii_lowercase())) {
        for (_, child) in node.entries().into_iter().filter(|(key, _)| !names::is_label_key(&key.to_ascii_lowercase())) {
            child.wrong(reading, "an annotation's key is a name of at most 63 letters, with a domain and `/` before it or without");
        }
    }
    if annotations.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > MAX_ANNOTATIONS {
        node.wrong(reading, "all annotations together have at most 256 KiB");
    }
    annotations
}

/// Kinds that are not modelled and live in namespaces.
pub(super) const LIVES_IN_NAMESPACES: [&str; 10] = [
    "CiliumNetworkPolicy",
    "NetworkPolicy",
    "EnvoyFilter",
    "Sidecar",
    "WasmPlugin",
    "ServiceEntry",
    "WorkloadEntry",
    "ListenerSet",
    "XListenerSet",
    "Ingress",
];

/// What an object of another kind is called, as far as it says.
pub(super) fn loose(object: &manifest::Object<'_>, platform: &Platform, reading: &mut Reading<'_>) -> Object {
    let mut text = |key: &'static str| reading.quietly(|reading| object.root.follow(reading, &["metadata", key]).symbol(reading)).flatten();
    let name = text("name").unwrap_or_else(|| "".into());
    // Whether its kind lives in namespaces is not known; without one it may be the cluster's. One that is no name may stand for any.
    let namespace = text("namespace").filter(|name| names::is_namespace_name(name)).unwrap_or_else(|| "".into());
    let says_none = reading.quietly(|reading| object.root.follow(reading, &["metadata", "namespace"]).is_missing()) == Some(true);
    let is_default = says_none && LIVES_IN_NAMESPACES.contains(&object.kind);
    let default = platform.default_namespace.as_ref().filter(|_| is_default);
    // Nobody checks these names.
    let shown = |text: &str| Symbol::from(&*printable(text));
    Object {
        kind: shown(object.kind),
        namespace: default.map_or_else(|| shown(&namespace), Symbol::clone),
        name: shown(&name),
        location: reading.document.name(),
        annotations: Labels::new(),
    }
}

/// The label of objects that are for one istiod of several.
pub(super) const REVISION: &str = "istio.io/rev";

/// Whether an object is for one revision of istiod alone: all others pass it over, and tags of revisions do not count (istio/istio :
/// pkg/config/model.go, `LabelsInRevision`).
pub(super) fn is_of_one_revision(object: &manifest::Object<'_>, reading: &mut Reading<'_>) -> bool {
    let labels = object.root.follow(reading, &["metadata", "labels"]);
    labels.entries().iter().any(|(key, _)| *key == REVISION)
}

/// What an object is called if it names no namespace.
pub(super) fn homeless(object: &manifest::Object<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let is_named = reading.quietly(|reading| !object.root.follow(reading, &["metadata", "namespace"]).is_missing());
    if is_named != Some(false) {
        return None;
    }
    let name = reading.quietly(|reading| object.root.follow(reading, &["metadata", "name"]).symbol(reading)).flatten();
    Some(printable(&name.map_or_else(|| some(object.kind), |name| format!("{} `{name}`", object.kind))).into_owned())
}

/// An object that names no namespace, where nothing says which is meant (`semantics.md` §1.1).
pub(super) fn no_namespace(object: &manifest::Object<'_>, reading: &mut Reading<'_>) {
    let name = object.root.follow(reading, &["metadata", "name"]).symbol(reading);
    let called = name.map_or_else(|| some(object.kind), |name| format!("{} `{name}`", object.kind));
    let (code, location) = (reading.document.code, reading.document.name());
    let finding = Diagnostic::new(code, location, format!("{called} names no namespace"))
        .label("`metadata.namespace` is missing")
        .note("where it ends up hangs on who applies it");
    reading.add(finding);
}

/// Reports a version of a kind that is not one of these.
pub(super) fn version(object: &manifest::Object<'_>, known: &[&str], reading: &mut Reading<'_>) {
    let own = object.version.and_then(|version| version.split_once('/')).map_or("", |(_, version)| version);
    if !known.contains(&own) {
        let node = object.root.get(reading, "apiVersion");
        node.wrong(reading, &format!("`{}/{}` is expected", object.group(), known.join("` or `")));
    }
}

/// An object without a name, by its kind: `an AuthorizationPolicy`.
pub(super) fn some(kind: &str) -> String {
    let article = if kind.starts_with(['A', 'E', 'I', 'O']) { "an" } else { "a" };
    format!("{article} {kind}")
}
