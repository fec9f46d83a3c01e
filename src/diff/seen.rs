//! A pod, as each side has it.
//!
//! Owns: `agreed` and `seen`: one pod in the eyes of a side; and what of pods and namespaces is not the same on both sides, so that a
//! change has to turn it.

use std::collections::BTreeSet;

use super::side::{Known, Pair, Which};
use crate::classes::fresh_word;
use crate::flow::{DataPlane, LabelCube, Labels, NAMESPACE_NAME, Peer, Pod, PodCube, Symbol, Values};

/// A pod of a cube within one namespace as a side has it: one that the other side can hold too, if there is such a one. Of a
/// namespace of which one side says nothing, what the other says holds for both. A pod that runs as another account on the one
/// side than on the other is the same pod, though its account may lie in the cube on the one side alone.
pub(super) fn agreed(sides: &Pair<'_>, which: Which, cube: &PodCube) -> Option<Pod> {
    let [name] = cube.namespace_names()? else { return None };
    let says_nothing = !sides.side(which).declares(name) && sides.side(which.other()).declares(name);
    let (own, other) = if says_nothing { (which.other(), which) } else { (which, which.other()) };
    let holds = |side: Which, account: Values| {
        if account.is_empty() { None } else { sides.side(side).example(&PodCube { account, ..cube.clone() }) }
    };
    let unheard = || Values::one(fresh_word(cube.account.words().iter().map(|word| &**word)));
    let knows = |side: Which| holds(side, unheard()).is_none();
    let with = |side: Which, pod: &Pod| holds(side, cube.account.intersect(&Values::one(Symbol::clone(&pod.account))));
    match (holds(own, cube.account.clone()), holds(other, cube.account.clone())) {
        (Some(pod), Some(_)) if with(other, &pod).is_some() => Some(pod),
        (Some(pod), Some(theirs)) => Some(with(own, &theirs).unwrap_or(pod)),
        // Who knows an account rules out others for who does not.
        (Some(pod), None) => holds(other, Values::any()).filter(|_| knows(own)).map(|_| pod),
        (None, Some(_)) => holds(own, Values::any()).filter(|_| knows(other)),
        (None, None) => None,
    }
}

/// A peer as the head sees it.
pub(super) fn seen(sides: &Pair<'_>, peer: &Peer) -> Option<Peer> {
    let pod = match peer {
        Peer::Pod(pod) => pod,
        Peer::Address(_) => return Some(peer.clone()),
    };
    let exactly = |labels: &Labels| {
        labels.iter().fold(LabelCube::all(), |cube, (key, value)| cube.with(Symbol::clone(key), Values::one(Symbol::clone(value))))
    };
    let known = [Which::Base, Which::Head].map(|which| sides.side(which).namespace_labels(&pod.namespace).labels);
    let is_open = |key: &Symbol| **key == *NAMESPACE_NAME || !known.iter().any(|labels| labels.contains_key(key));
    let namespace: Labels = pod
        .namespace_labels
        .iter()
        .filter(|(key, _)| is_open(key))
        .map(|(key, value)| (Symbol::clone(key), Symbol::clone(value)))
        .collect();
    let same = PodCube { namespace: exactly(&namespace), labels: exactly(&pod.labels), account: Values::one(Symbol::clone(&pod.account)) };
    // A pod may have another account there.
    let other = PodCube { account: Values::any(), ..same.clone() };
    // Of a namespace of which the head says nothing, what the base says holds.
    let of = |cube: &PodCube| {
        let pod = agreed(sides, Which::Head, cube)?;
        Some(sides.placed(Which::Head, pod))
    };
    let head = of(&same).filter(|head| head.account == pod.account);
    head.or_else(|| of(&other)).map(Peer::Pod)
}

/// Whether the pods of a cube take part in the mesh in another way on the one side than on the other, or run as another account.
pub(crate) fn moves(sides: &Pair<'_>, cube: &PodCube) -> bool {
    let of = |which: Which| agreed(sides, which, cube).map(|pod| (pod.plane, pod.account));
    matches!((of(Which::Base), of(Which::Head)), (Some(old), Some(new)) if old != new)
}

/// The namespaces whose labels, or the place of whose pods in the mesh, are not the same on both sides.
pub(crate) fn turning(sides: &Pair<'_>, apart: &[PodCube]) -> BTreeSet<Symbol> {
    let relabelled = |name: &Symbol| {
        let [old, new] = [Which::Base, Which::Head].map(|which| sides.side(which).namespace_labels(name));
        let lacks = |one: &Known, other: &Known| {
            one.labels.iter().any(|(key, value)| other.labels.get(key).map_or(other.described && one.described, |there| there != value))
        };
        lacks(&old, &new) || lacks(&new, &old)
    };
    let turns = |name: &&Symbol| {
        let own = apart.iter().filter(|cube| cube.namespace_names() == Some(std::slice::from_ref(*name)));
        relabelled(name) || moves(sides, &PodCube::in_namespace(name)) || own.into_iter().any(|cube| moves(sides, cube))
    };
    sides.all_names().filter(turns).cloned().collect()
}

/// How pods of a namespace of which nothing more is said take part in the mesh, on each side.
pub(crate) fn planes(sides: &Pair<'_>, name: &Symbol) -> Option<(DataPlane, DataPlane)> {
    let of = |which: Which| agreed(sides, which, &PodCube::in_namespace(name)).map(|pod| pod.plane);
    Some((of(Which::Base)?, of(Which::Head)?))
}

/// The pods of a namespace that run as another account on the head, as `app=web@shop as web-sa`.
pub(crate) fn other_accounts(sides: &Pair<'_>, apart: &[PodCube], name: &Symbol) -> Vec<String> {
    let of = |cube: &PodCube| {
        let [old, new] = [Which::Base, Which::Head].map(|which| agreed(sides, which, cube).map(|pod| pod.account));
        (old != new)
            .then(|| PodCube { account: Values::any(), ..cube.clone() })
            .zip(new)
            .map(|(pods, account)| format!("{pods} as {account}"))
    };
    apart.iter().filter(|cube| cube.namespace_names() == Some(std::slice::from_ref(name))).filter_map(of).collect()
}

/// Whether pods may be in ambient mode, on either side.
pub(super) fn tunnels(sides: &Pair<'_>, apart: &[PodCube]) -> bool {
    let is_ambient = |cube: &PodCube| {
        [Which::Base, Which::Head].into_iter().any(|which| agreed(sides, which, cube).is_some_and(|pod| pod.plane == DataPlane::Ambient))
    };
    sides.all_names().any(|name| is_ambient(&PodCube::in_namespace(name))) || apart.iter().any(is_ambient)
}
