//! What pods show that take part in the mesh otherwise than those by which their classes are compared.
//!
//! Owns: `otherwise`. Such are workloads that take part as they did, and otherwise than their namespace: classes are compared as other pods
//! of their labels are, which do as the namespace does. And where `mesh.mode` is `none`, such are pods of namespaces of which nobody says how they
//! take part: as they may be in the mesh all the same, classes of them are compared in it. Both are asked about once more as they are said to be.

use std::collections::BTreeSet;

use super::intents::Intents;
use super::meshed::{self, Declaring};
use super::programs::{all_sown, sides};
use super::seeds::Policies;
use super::side::{Pair, Which};
use super::walk::{Cell, Found, walk};
use crate::flow::{DataPlane, Peer, Pod, Symbol};
use crate::gates::Gates;
use crate::verify::plane_beside;

/// What becomes of flows from and to such pods.
pub(super) fn otherwise(policies: Policies<'_>, gates: [&Gates; 2], names: &BTreeSet<Symbol>) -> Found {
    let steady = meshed::steady(policies);
    if steady.is_empty() && !has_outsiders(policies) {
        return Found::default();
    }
    let [base, head] = meshed::with_turns(policies, Declaring::Apart);
    let policies = Policies { base: &base, head: &head };
    let [old, new] = sides(policies, gates, names).map(Intents::where_modes_hold);
    let pair = Pair::new(&old, &new);
    let mut found = walk(&pair, Some(policies), &all_sown(policies, &pair, [&old, &new]));
    let is_meant = |peer: &Peer| match peer {
        Peer::Pod(pod) => is_outsider(policies, pod) || steady.iter().any(|own| own.contains(pod)),
        Peer::Address(_) => false,
    };
    let is_about = |cell: &Cell, which: Which| [&cell.caller, &cell.target].into_iter().any(|end| is_meant(end.of(which)));
    found.cells.retain(|cell| [Which::Base, Which::Head].into_iter().any(|which| is_about(cell, which)));
    found
}

/// Whether classes of pods are compared in the mesh that are said to be outside of it.
fn has_outsiders(policies: Policies<'_>) -> bool {
    [Which::Base, Which::Head].into_iter().any(|which| {
        let own = policies.of(which);
        own.config.mesh.mode == DataPlane::None && plane_beside(own, policies.of(which.other())) != DataPlane::None
    })
}

/// Whether a pod is outside of the mesh as nobody says that its namespace is in it.
pub(super) fn is_outsider(policies: Policies<'_>, pod: &Pod) -> bool {
    let is_unsaid = |which: Which| {
        let own = policies.of(which);
        own.config.mesh.mode == DataPlane::None && own.namespace(&pod.namespace).is_none_or(|namespace| namespace.plane.is_none())
    };
    pod.plane == DataPlane::None && has_outsiders(policies) && [Which::Base, Which::Head].into_iter().any(is_unsaid)
}
