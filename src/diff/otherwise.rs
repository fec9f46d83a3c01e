//! What pods show that take part in the mesh otherwise than those by which their classes are compared.
//!
//! Owns: `otherwise`. Such are workloads that take part as they did, and otherwise than their namespace: classes are compared as other pods
//! of their labels are, which do as the namespace does. And where `mesh.mode` is `none`, such are pods of namespaces of which nobody says how they
//! take part: as they may be in the mesh all the same, classes of them are compared in it. Both are asked about once more as they are said to be.

use std::collections::BTreeSet;

use super::intents::Intents;
use super::meshed::{Turn, with_turns};
use super::seeds::{Policies, Sown};
use super::side::{Pair, Which};
use super::walk::{Cell, Found, Wanted, walk_where};
use crate::flow::{DataPlane, Peer, Pod, PodCube, Symbol};
use crate::gates::Gates;
use crate::verify::plane_beside;

/// What becomes of flows from and to such pods, where seeds have flows of theirs.
pub(super) fn otherwise(policies: Policies<'_>, gates: [&Gates; 2], turns: &[Turn<'_>], sown: &[Sown]) -> Found {
    let steady: Vec<PodCube> = turns.iter().filter(|turn| turn.is_steady()).map(Turn::cube).collect();
    let names: BTreeSet<Symbol> = turns.iter().map(|turn| Symbol::clone(turn.namespace())).collect();
    let has_such = |name: &Symbol| names.contains(name) || has_outsiders(policies) && is_unsaid(policies, name);
    if !sown.iter().any(|sown| sown.source.names.iter().chain(&sown.destination.names).any(has_such)) {
        return Found::default();
    }
    let [base, head] = with_turns(policies, &turns.iter().collect::<Vec<_>>());
    let policies = Policies { base: &base, head: &head };
    let [was, is] = gates;
    let (old, new) = (Intents::as_said((&base, was), &names), Intents::as_said((&head, is), &names));
    let settled = |source: Option<&Symbol>, destination: Option<&Symbol>| ![source, destination].into_iter().flatten().any(has_such);
    let mut found = walk_where(&Pair::new(&old, &new), Some(policies), sown, &Wanted { settled: &settled, ..Wanted::any() });
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
    pod.plane == DataPlane::None && has_outsiders(policies) && is_unsaid(policies, &pod.namespace)
}

/// Whether on a side `mesh.mode` keeps the pods of a namespace outside of the mesh, as nobody says how they take part.
fn is_unsaid(policies: Policies<'_>, name: &str) -> bool {
    [policies.base, policies.head].into_iter().any(|own| {
        let says = own.namespace(name).is_some_and(|namespace| namespace.plane.is_some());
        own.config.mesh.mode == DataPlane::None && !says
    })
}
