//! Pods that may take no part in the mesh though others like them do.
//!
//! Owns: `add`. Of a namespace of which nobody says how its pods take part, some may take none: the mesh stops nothing of what they are
//! sent, and nobody sees their account. It must not judge.

use super::super::setting::Setting;
use super::super::world::Known;
use super::pairs::{OUTSIDE, Pair};
use crate::classes::World;
use crate::flow::{DataPlane, Peer, Pod};
use crate::inventory::namespace_plane;
use crate::verify::PolicyWorld;

/// Adds to those who are compared the same outside of the mesh, where they may stand there.
pub(super) fn add(pairs: &mut Vec<Pair>, (before, after): (&Setting, &Setting)) {
    let facts = [before, after].map(|setting| PolicyWorld::new(&setting.policy));
    let [old, new] = &facts;
    let may = |pair: &Pair| may_be_outside(&pair.before, before, old) && may_be_outside(&pair.after, after, new);
    let found: Vec<Pair> = pairs.iter().filter(|pair| may(pair)).map(outside).collect();
    for pair in found {
        if !pairs.iter().any(|known| is_alike(known, &pair)) {
            pairs.push(pair);
        }
    }
}

/// Whether nobody says that such pods are part of the mesh: neither what runs, nor the intents, nor a label.
fn may_be_outside(known: &Known, setting: &Setting, facts: &PolicyWorld<'_>) -> bool {
    let Some(pod) = known.pod().filter(|_| known.name.is_none()) else { return false };
    facts.may_be_outside_mesh(pod) && namespace_plane(&pod.namespace_labels).is_none() && !setting.ground().is_told_by_labels(pod)
}

/// Whether pods differ in their account at most, which outside of the mesh nobody sees.
fn is_alike(known: &Pair, outside: &Pair) -> bool {
    let (Some(pod), Some(own)) = (outside.before.pod(), known.before.pod()) else { return false };
    *own == Pod { account: own.account.clone(), ..pod.clone() } && known.after.pod().is_some_and(|pod| pod.plane == DataPlane::None)
}

fn outside(pair: &Pair) -> Pair {
    let [before, after] = [&pair.before, &pair.after].map(|known| {
        let mut known = known.clone();
        if let Peer::Pod(pod) = &mut known.endpoint.peer {
            pod.plane = DataPlane::None;
        }
        known
    });
    Pair { title: format!("{}{OUTSIDE}", pair.title), before, after, is_class: true, is_caller_alone: pair.is_caller_alone }
}
