//! Which transport pods accept: `PeerAuthentication`'s modes (design §4.3).
//!
//! Owns: the choice of modes. A mode is never implicit, and no pod is selected by two entries that differ: of several
//! selecting policies only the oldest counts (`semantics.md` §3.1).

use std::collections::BTreeMap;

use super::mesh::cube;
use super::{Callers, MeshGate, Selector, TransportMode};
use crate::ir::{Namespace, Stance};
use crate::syntax::ast::{Action, Direction};

/// The modes of one namespace: its own under the empty selector, and those of pods that differ from it.
pub(super) fn modes(mesh: &MeshGate, namespace: &Namespace) -> BTreeMap<Selector, TransportMode> {
    let own = Selector::new();
    match namespace.stance(Direction::In) {
        Stance::Closed => closed(mesh, own),
        Stance::Open => open(mesh, own),
    }
}

/// A closed namespace is STRICT but for the pods that some rule reaches without mTLS. Where those cannot be told apart for
/// certain, the whole namespace is PERMISSIVE, and the identities in the permissions carry mTLS.
fn closed(mesh: &MeshGate, own: Selector) -> BTreeMap<Selector, TransportMode> {
    let plain = plain_selectors(mesh);
    if plain.is_empty() {
        return BTreeMap::from([(own, TransportMode::Strict)]);
    }
    if plain.contains(&own) || !are_apart(&plain) {
        return BTreeMap::from([(own, TransportMode::Permissive)]);
    }
    let exceptions = plain.into_iter().map(|selector| (selector, TransportMode::Permissive));
    std::iter::once((own, TransportMode::Strict)).chain(exceptions).collect()
}

/// An open namespace is PERMISSIVE; closed pods that nothing reaches without mTLS are STRICT, if they can be told apart.
fn open(mesh: &MeshGate, own: Selector) -> BTreeMap<Selector, TransportMode> {
    let plain = plain_selectors(mesh);
    let reached = |selector: &Selector| plain.iter().any(|plain| cube(plain).overlaps(&cube(selector)));
    let strict: Vec<Selector> = mesh.closed.iter().filter(|selector| !selector.is_empty() && !reached(selector)).cloned().collect();
    let mut modes = BTreeMap::from([(own, TransportMode::Permissive)]);
    if are_apart(&strict) {
        modes.extend(strict.into_iter().map(|selector| (selector, TransportMode::Strict)));
    }
    modes
}

/// The pods that some permission reaches without identity.
fn plain_selectors(mesh: &MeshGate) -> Vec<Selector> {
    let plain = mesh.permissions.iter().filter(|permission| {
        permission.action == Action::Allow
            && match &permission.callers {
                Callers::Anyone => true,
                Callers::Some(identities) => identities.unidentified,
            }
    });
    let mut selectors: Vec<Selector> = plain.map(|permission| permission.selector.clone()).collect();
    selectors.sort();
    selectors.dedup();
    selectors
}

/// Whether no pod can be selected by two of these.
fn are_apart(selectors: &[Selector]) -> bool {
    let cubes: Vec<_> = selectors.iter().map(cube).collect();
    cubes.iter().enumerate().all(|(index, one)| cubes.iter().skip(index + 1).all(|other| !one.overlaps(other)))
}
