//! Reads one document: what kind of object it is, or which objects its list holds.
//!
//! Owns: the table of kinds, `metadata`, namespaces and service accounts. Kinds are told by group and kind, because `Service`
//! and `Job` are names that others use too.

use super::workload::WorkloadKind;
use super::{Inventory, Named, NamespaceFacts, service};
use super::{injection, pod};
use crate::diagnostic::Diagnostic;
use crate::flow::{Labels, NAMESPACE_NAME, Symbol};
use crate::manifest::{Document, Node, Object, Reading, Step, names, objects};

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
    pub(super) named: Named,
}

/// Whether an object of this group and kind is a fact for an inventory.
pub(crate) fn is_fact(group: &str, kind: &str) -> bool {
    table(group, kind) != Kind::PassedOver
}

/// Reads a document into an inventory.
pub(super) fn read<'s>(document: Document<'s>, default_namespace: &Symbol, inventory: &mut Inventory, reading: &mut Reading<'s>) {
    objects(document, reading, &mut |object, reading| read_object(object, default_namespace, inventory, reading));
}

/// Reads an object, if it is of one of the kinds that are facts.
pub(crate) fn read_object(object: &Object<'_>, default_namespace: &Symbol, inventory: &mut Inventory, reading: &mut Reading<'_>) {
    let kind_name = object.kind;
    reading.object = format!("a {kind_name}");
    if object.version.is_none() {
        return without_version(&object.root, kind_name, reading);
    }
    let kind = table(object.group(), kind_name);
    if kind == Kind::PassedOver {
        return;
    }
    let root = &object.root;
    let Some(name) = metadata(root, kind, default_namespace, reading) else { return };
    reading.object = match kind {
        Kind::Namespace => format!("Namespace `{}`", name.name),
        _ => format!("{kind_name} `{}/{}`", name.namespace, name.name),
    };
    match kind {
        Kind::Namespace => namespace(root, name.name, inventory, reading),
        Kind::ServiceAccount => {
            let location = reading.document.name();
            inventory.accounts.entry((name.namespace, name.name)).or_insert(location);
        }
        Kind::Service => inventory.services.extend(service::read(root, name, reading)),
        Kind::Workload(kind) => inventory.workloads.extend(pod::read(root, kind, name, reading)),
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
        ("apps.openshift.io", "DeploymentConfig") => Kind::Workload(WorkloadKind::DeploymentConfig),
        ("argoproj.io", "Rollout") => Kind::Workload(WorkloadKind::Rollout),
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
    let (name, named) = match (name, generated) {
        (Some(name), _) => (name, Named::Whole),
        (None, Some(name)) if may_be_generated => (name, Named::Begun),
        _ => {
            if reading.is_clean() {
                let message = format!("{} has no name", reading.object);
                let code = reading.document.code;
                reading.report(&[Step::Key("metadata")], |location| {
                    Diagnostic::new(code, location, message).label("`metadata.name` is missing")
                });
            }
            return None;
        }
    };
    let name_node = metadata.get(reading, if named == Named::Whole { "name" } else { "generateName" });
    if kind == Kind::Namespace && !names::is_namespace_name(&name) {
        name_node.wrong(reading, names::NAMESPACE_NAME);
    } else if !names::is_object_name(if named == Named::Whole { &name } else { name.trim_end_matches(['-', '.']) }) {
        name_node.wrong(reading, names::OBJECT_NAME);
    }
    let home = metadata.get(reading, "namespace");
    if !home.is_missing() && !names::is_namespace_name(&namespace) {
        home.wrong(reading, names::NAMESPACE_NAME);
    }
    reading.is_clean().then_some(Identity { namespace, name, named })
}

/// Reads a Namespace.
fn namespace(object: &Node<'_>, name: Symbol, inventory: &mut Inventory, reading: &mut Reading<'_>) {
    let mut labels: Labels = object.follow(reading, &["metadata", "labels"]).checked_labels(reading);
    labels.insert(NAMESPACE_NAME.into(), Symbol::clone(&name));
    let plane = injection::namespace_plane(&labels);
    let facts = NamespaceFacts { labels, plane, location: reading.document.name() };
    if let Some(finding) = inventory.add_namespace(name, facts, reading.document.code) {
        reading.add(finding);
    }
}
