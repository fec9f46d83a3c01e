//! What a reviewer would want to know of an entry of two programs besides.
//!
//! Owns: `remark`. It takes entries as they are told and alters nothing else of them.

use std::collections::BTreeSet;

use super::entry::{Change, Entry, Example, Kind};
use super::inventoried::Inventoried;
use super::otherwise::is_outsider;
use super::seeds::Policies;
use super::side::{Pair, Which};
use crate::flow::Peer;
use crate::verify::Way;

/// Says it, and which workloads are concerned.
pub(super) fn remark(known: &Inventoried<'_>, pair: &Pair<'_>, entry: &mut Entry) {
    foreign(entry);
    let is_open = |entry: &Entry| {
        let called = &entry.destination.pods;
        pair.names_of(Which::Head, called).iter().any(|name| pair.side(Which::Head).open(name, Way::Ingress).overlaps(called))
    };
    if entry.kind == Kind::Weakened && entry.before.contains("mTLS") && entry.after.contains("in plaintext too") && !is_open(entry) {
        entry.remarks.push("the NetworkPolicy alone now tells callers apart".to_owned());
    }
    outsiders(known.policies, entry);
    known.fill_in(pair, entry);
}

/// Pods that are outside of the mesh though they are told with others in the mesh.
fn outsiders(policies: Policies<'_>, entry: &mut Entry) {
    let Example { base, head } = &entry.example;
    let ends = [&base.source, &base.destination, &head.source, &head.destination];
    if ends.into_iter().any(|end| matches!(end, Peer::Pod(pod) if is_outsider(policies, pod))) {
        entry.remarks.push("of pods outside of the mesh, where `mesh.mode` has those of namespaces that do not say it".to_owned());
    }
}

/// A rule that opens another namespace than its own.
fn foreign(entry: &mut Entry) {
    if !entry.kind.is_gain() {
        return;
    }
    let opened: BTreeSet<_> = entry.destination.pods.cubes().iter().filter_map(|cube| cube.namespace_names()).flatten().cloned().collect();
    let rules = entry.causes.iter().filter(|cause| cause.change != Change::Removed && cause.is_rule);
    let remarks: BTreeSet<String> = rules
        .filter_map(|cause| cause.namespace.as_ref())
        .filter(|own| !opened.is_empty() && !opened.contains(*own))
        .map(|own| {
            let list: Vec<String> = opened.iter().take(3).map(|name| format!("`{name}`")).collect();
            format!("opens {} from the intents of `{own}`", list.join(", "))
        })
        .collect();
    entry.remarks.extend(remarks);
}
