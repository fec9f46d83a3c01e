//! Reads one document: what kind of object it is, or which objects its list holds.
//!
//! Owns: the table of kinds, `metadata`, namespaces and service accounts. Kinds are told by group and kind, because `Service`
//! and `Job` are names that others use too.

use super::pod::{self, WorkloadKind};
use super::{Inventory, NamespaceFacts, service};
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{Labels, NAMESPACE_NAME, Symbol};
use crate::manifest::{Document, Node, Reading, Step};

/// What an object is, as far as an inventory cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Namespace,
    ServiceAccount,
    Service,
    Workload(WorkloadKind),
    /// Any other kind: no fact about a workload, a Service or a namespace.
    PassedOver,
}

/// An object's name and where it lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    /// Its namespace.
    pub(super) namespace: Symbol,
    /// Its own name.
    pub(super) name: Symbol,
    /// Whether the name is whole.
    pub(super) whole: Whole,
}

/// Whether a name is all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    /// It is.
    Yes,
    /// The API server appends something random (`generateName`).
    No,
}

/// Reads a document into an inventory.
pub(super) fn read<'s>(document: Document<'s>, default_namespace: &Symbol, inventory: &mut Inventory, reading: &mut Reading<'s>) {
    reading.begin(document, "the document");
    let tree = match document.parse() {
        Ok(tree) => tree,
        Err(finding) => return reading.add(*finding),
    };
    if tree.is_null() {
        return;
    }
    let root = Node::root(&tree);
    let Some(kind) = kind_of(&root, reading) else { return };
    let stem = kind.strip_suffix("List").filter(|stem| stem.is_empty() || root.holds_list("items"));
    let version = root.get(reading, "apiVersion").text(reading);
    let Some(stem) = stem else {
        return read_object(&root, Type { kind, version }, default_namespace, inventory, reading);
    };
    let items = root.get(reading, "items").list(reading);
    let documents = document.items(items.len());
    for (item, document) in items.iter().zip(documents) {
        if reading.is_hopeless() {
            return;
        }
        reading.begin(document, "the item");
        let item = item.as_root();
        if item.is_missing() {
            continue;
        }
        if let Some(own) = item_type(&item, Type { kind: stem, version }, reading) {
            read_object(&item, own, default_namespace, inventory, reading);
        }
    }
}

/// What an object says that it is.
#[derive(Debug, Clone, Copy)]
struct Type<'t> {
    kind: &'t str,
    version: Option<&'t str>,
}

/// The type of an item of a list. A list of one type, such as `PodList`, leaves it out in its items.
fn item_type<'t>(item: &Node<'t>, of_list: Type<'t>, reading: &mut Reading<'_>) -> Option<Type<'t>> {
    if !of_list.kind.is_empty() && item.get(reading, "kind").is_missing() {
        return Some(of_list);
    }
    let version = item.get(reading, "apiVersion").text(reading);
    kind_of(item, reading).map(|kind| Type { kind, version })
}

/// The kind that an object says it is; a finding if it says none.
fn kind_of<'t>(object: &Node<'t>, reading: &mut Reading<'_>) -> Option<&'t str> {
    let kind = object.get(reading, "kind").text(reading);
    if kind.is_none() && reading.is_clean() {
        let location = reading.document.first_line();
        reading.add(
            Diagnostic::new(code::INVALID_INVENTORY, location, "a document of the inventory has no `kind`")
                .label("not a Kubernetes object")
                .help("give only manifests as an inventory"),
        );
    }
    kind
}

/// Reads an object of a kind.
fn read_object(object: &Node<'_>, own: Type<'_>, default_namespace: &Symbol, inventory: &mut Inventory, reading: &mut Reading<'_>) {
    let kind_name = own.kind;
    reading.object = format!("a {kind_name}");
    let Some(version) = own.version else { return without_version(object, kind_name, reading) };
    let kind = table(version.split_once('/').map_or("", |(group, _)| group), kind_name);
    if kind == Kind::PassedOver {
        return;
    }
    let Some(name) = metadata(object, kind, default_namespace, reading) else { return };
    reading.object = match kind {
        Kind::Namespace => format!("Namespace `{}`", name.name),
        _ => format!("{kind_name} `{}/{}`", name.namespace, name.name),
    };
    match kind {
        Kind::Namespace => namespace(object, name.name, inventory, reading),
        Kind::ServiceAccount => {
            let location = reading.document.name();
            inventory.accounts.entry((name.namespace, name.name)).or_insert(location);
        }
        Kind::Service => inventory.services.extend(service::read(object, name, reading)),
        Kind::Workload(kind) => inventory.workloads.extend(pod::read(object, kind, name, reading)),
        Kind::PassedOver => {}
    }
}

/// An object without `apiVersion`: nobody can tell whether it is one of the kinds that count.
fn without_version(object: &Node<'_>, kind: &str, reading: &mut Reading<'_>) {
    let could_be = ["", "apps", "batch"].into_iter().any(|group| table(group, kind) != Kind::PassedOver);
    if could_be && reading.is_clean() {
        object.get(reading, "apiVersion").wrong(reading, "`apiVersion` is missing");
    }
}

/// Which kind a group and kind are; the core group is empty.
fn table(group: &str, kind: &str) -> Kind {
    match (group, kind) {
        ("", "Namespace") => Kind::Namespace,
        ("", "ServiceAccount") => Kind::ServiceAccount,
        ("", "Service") => Kind::Service,
        ("", "Pod") => Kind::Workload(WorkloadKind::Pod),
        ("", "ReplicationController") => Kind::Workload(WorkloadKind::ReplicationController),
        ("apps" | "extensions", "Deployment") => Kind::Workload(WorkloadKind::Deployment),
        ("apps" | "extensions", "ReplicaSet") => Kind::Workload(WorkloadKind::ReplicaSet),
        ("apps" | "extensions", "DaemonSet") => Kind::Workload(WorkloadKind::DaemonSet),
        ("apps", "StatefulSet") => Kind::Workload(WorkloadKind::StatefulSet),
        ("batch", "Job") => Kind::Workload(WorkloadKind::Job),
        ("batch", "CronJob") => Kind::Workload(WorkloadKind::CronJob),
        _ => Kind::PassedOver,
    }
}

/// An object's name and namespace; a finding and nothing if it has none.
fn metadata(object: &Node<'_>, kind: Kind, default_namespace: &Symbol, reading: &mut Reading<'_>) -> Option<Identity> {
    let metadata = object.get(reading, "metadata");
    let name = metadata.get(reading, "name").symbol(reading);
    let generated = metadata.get(reading, "generateName").symbol(reading);
    let namespace = metadata.get(reading, "namespace").symbol(reading).unwrap_or_else(|| Symbol::clone(default_namespace));
    let may_be_generated = matches!(kind, Kind::Workload(_));
    let (name, whole) = match (name, generated) {
        (Some(name), _) => (name, Whole::Yes),
        (None, Some(name)) if may_be_generated => (name, Whole::No),
        _ => {
            if reading.is_clean() {
                let message = format!("{} has no name", reading.object);
                reading.report(&[Step::Key("metadata")], |location| {
                    Diagnostic::new(code::INVALID_INVENTORY, location, message).label("`metadata.name` is missing")
                });
            }
            return None;
        }
    };
    Some(Identity { namespace, name, whole })
}

/// Reads a Namespace.
fn namespace(object: &Node<'_>, name: Symbol, inventory: &mut Inventory, reading: &mut Reading<'_>) {
    let mut labels: Labels = object.follow(reading, &["metadata", "labels"]).labels(reading);
    labels.insert(NAMESPACE_NAME.into(), Symbol::clone(&name));
    let plane = pod::namespace_plane(&labels);
    let facts = NamespaceFacts { labels, plane, location: reading.document.name() };
    if let Some(finding) = inventory.add_namespace(name, facts) {
        reading.add(finding);
    }
}
