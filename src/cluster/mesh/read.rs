//! Reads the mesh's objects as strictly as the server and Istio's webhook (`semantics.md` §2.3, §2.12, §3.1, §4.10).
//!
//! Owns: what is common to them: selectors, targets, lists of words. An object with a finding is not taken in, because no
//! cluster would have it. It must not know what an object does.

pub(super) mod admits;
pub(super) mod authorization;
pub(super) mod destination;
mod empty;
pub(super) mod entry;
pub(super) mod gateway;
pub(super) mod ingress;
pub(super) mod listener_set;
pub(super) mod overlay;
pub(super) mod peer;
pub(super) mod request;
pub(super) mod server;
pub(super) mod values;
pub(super) mod waypoint;

use super::attachment::{Attachment, Target, TargetKind};
use crate::cluster::object::Object;
use crate::flow::Symbol;
use crate::manifest::{Node, Reading};

/// The `spec` of an object, after a look at the keys beside it.
pub(super) fn spec<'t>(root: &Node<'t>, reading: &mut Reading<'_>) -> Node<'t> {
    root.only(reading, &["apiVersion", "kind", "metadata", "spec", "status"]);
    root.get(reading, "spec")
}

/// The words of a list; each must be text that is not empty.
pub(super) fn words(parent: &Node<'_>, key: &'static str, reading: &mut Reading<'_>) -> Vec<Symbol> {
    checked(parent, key, reading, |_| None)
}

/// The words of a list, each looked at: the reason if it is none of the kind.
pub(super) fn checked(
    parent: &Node<'_>,
    key: &'static str,
    reading: &mut Reading<'_>,
    problem: impl Fn(&str) -> Option<String>,
) -> Vec<Symbol> {
    let mut words = Vec::new();
    for node in parent.get(reading, key).list(reading) {
        let Some(text) = node.text(reading) else {
            if node.is_missing() {
                node.wrong(reading, "text is expected");
            }
            continue;
        };
        let why = if text.is_empty() { Some("an empty text matches nothing, and Istio refuses it".to_owned()) } else { problem(text) };
        match why {
            Some(why) => node.wrong(reading, &why),
            None => words.push(text.into()),
        }
    }
    words
}

/// Where an object acts, of those kinds that may name targets.
pub(super) fn attachment(spec: &Node<'_>, reading: &mut Reading<'_>) -> Attachment {
    let nodes = ["selector", "targetRef", "targetRefs"].map(|key| spec.get(reading, key));
    let given: Vec<&Node<'_>> = nodes.iter().filter(|node| !node.is_missing()).collect();
    if let [_, second, ..] = given.as_slice() {
        second.wrong(reading, "only one of `selector`, `targetRef` and `targetRefs` can be set");
    }
    let [selector, target, targets] = &nodes;
    let listed = targets.list(reading);
    if listed.len() > MAX_TARGETS {
        targets.wrong(reading, "at most 16 targets are accepted");
    }
    let single = (!target.is_missing()).then(|| target.clone()).filter(|_| listed.is_empty());
    let targets: Vec<Target> = listed.iter().chain(&single).filter_map(|node| self::target(node, reading)).collect();
    if targets.is_empty() { self::selector(selector, reading) } else { Attachment::Targets(targets) }
}

/// The most targets of one object (`semantics.md` §2.12).
const MAX_TARGETS: usize = 16;

/// The most labels of a selector (`semantics.md` §2.12).
pub(in crate::cluster) const MAX_LABELS: usize = 4096;

/// A selector, which knows only equality of labels.
pub(super) fn selector(node: &Node<'_>, reading: &mut Reading<'_>) -> Attachment {
    if node.is_missing() {
        return Attachment::Everywhere;
    }
    node.only(reading, &["matchLabels"]);
    let labels_node = node.get(reading, "matchLabels");
    let labels = labels_node.labels(reading);
    if labels.len() > MAX_LABELS {
        labels_node.wrong(reading, "at most 4096 labels are accepted");
    }
    for (key, value) in &labels {
        let bad = key.is_empty() || key.contains('*') || value.contains('*') || value.len() > 63;
        if bad {
            labels_node.wrong(reading, "a label has a key, no `*`, and at most 63 letters in its value");
        }
    }
    if labels.is_empty() { Attachment::EmptySelector } else { Attachment::Labels(labels) }
}

/// One target.
fn target(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Target> {
    node.only(reading, &["group", "kind", "name", "namespace"]);
    let group = node.get(reading, "group").text(reading).unwrap_or_default();
    let kind_node = node.get(reading, "kind");
    let kind = match (group, kind_node.text(reading).unwrap_or_default()) {
        ("" | "core", "Service") => Some(TargetKind::Service),
        ("networking.istio.io", "ServiceEntry") => Some(TargetKind::ServiceEntry),
        ("gateway.networking.k8s.io", "Gateway") => Some(TargetKind::Gateway),
        ("gateway.networking.k8s.io", "GatewayClass") => Some(TargetKind::GatewayClass),
        _ => None,
    };
    if kind.is_none() {
        kind_node.wrong(reading, "a target is a Service, a ServiceEntry, a Gateway or a GatewayClass, with its group");
    }
    let name_node = node.get(reading, "name");
    let name = name_node.symbol(reading);
    if name.is_none() {
        name_node.wrong(reading, "a target needs a name");
    }
    let namespace = node.get(reading, "namespace");
    if namespace.text(reading).is_some_and(|text| !text.is_empty()) {
        namespace.wrong(reading, "a target is always in the object's own namespace");
    }
    Some(Target { kind: kind?, name: name? })
}

/// The annotation of a dry run (`semantics.md` §2.10).
const DRY_RUN: &str = "istio.io/dry-run";

/// Whether an object may be a dry run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowed {
    /// It may.
    Yes,
    /// It may not.
    No,
}

/// What an object says about a dry run, as Go reads truth; a finding where nothing may be said.
pub(super) fn dry_run(object: &Object, allowed: Allowed, root: &Node<'_>, reading: &mut Reading<'_>) -> bool {
    let Some(text) = object.annotations.get(DRY_RUN) else { return false };
    let node = root.follow(reading, &["metadata", "annotations", DRY_RUN]);
    if allowed == Allowed::No {
        node.wrong(reading, "only an AuthorizationPolicy that allows or denies can be a dry run");
    }
    let is = |words: [&str; 6]| words.contains(&&**text);
    if is(["1", "t", "T", "TRUE", "true", "True"]) {
        return true;
    }
    if !is(["0", "f", "F", "FALSE", "false", "False"]) {
        node.wrong(reading, "`true` or `false` is expected");
    }
    false
}
