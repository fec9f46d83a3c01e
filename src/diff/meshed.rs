//! Workloads of the inventories that take part in the mesh otherwise than they did, or do not although their namespace does, and those that
//! come to their node's network or leave it.
//!
//! Owns: which they are, what is told of them, and both programs with these workloads as if they were declared so: what becomes of access
//! shows as it does for a workload that is declared `unmeshed`.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::entry::Change;
use super::facts::{Fact, FactKind, fact, plane_word};
use super::seeds::{Policies, plane};
use super::side::Which;
use crate::flow::{DataPlane, LabelCube, PodCube, Symbol, Values};
use crate::inventory::{HostNetwork, InventoryWorkload};
use crate::ir::{Namespace, Ownership, Policy, Workload};

/// A workload that takes part in the mesh otherwise than it did, or than its namespace makes others do, or is on another network.
pub(super) struct Turn<'p> {
    old: &'p InventoryWorkload,
    new: &'p InventoryWorkload,
    /// How it did, and how it does.
    planes: [DataPlane; 2],
    /// How others of its namespace did, and do.
    usual: [DataPlane; 2],
    /// Whether a program declares how its pods take part, which then holds for them.
    is_declared: bool,
    /// Whether other workloads have its labels, too, which may not have turned.
    has_alike: bool,
}

/// The workloads that do so by themselves. What their namespace does to them as to all its pods is told of it.
pub(super) fn turns<'p>(base: &'p Policy, head: &'p Policy) -> Vec<Turn<'p>> {
    let has_turned = |turn: &Turn<'p>| {
        let Turn { old, new, usual: [before, now], .. } = turn;
        let is_passed_by = [old, new].iter().all(|own| own.host_network == HostNetwork::Yes);
        let is_steady = turn.is_steady() && (before == now || is_passed_by);
        !(turn.is_as_usual() || is_steady) || old.host_network != new.host_network
    };
    those(base, head, has_turned)
}

/// Workloads of both inventories, those of them that are meant.
fn those<'p>(base: &'p Policy, head: &'p Policy, is_meant: impl Fn(&Turn<'p>) -> bool) -> Vec<Turn<'p>> {
    let before: BTreeMap<String, &InventoryWorkload> =
        base.inventory.workloads.iter().map(|workload| (workload.to_string(), workload)).collect();
    let turn = |new: &'p InventoryWorkload| {
        let old = *before.get(&new.to_string())?;
        let [(old_usual, was), (new_usual, is)] = [part(base, old), part(head, new)];
        let is_declared = declared(base, old).is_some() || declared(head, new).is_some();
        let turn = Turn { old, new, planes: [was, is], usual: [old_usual, new_usual], is_declared, has_alike: false };
        if !is_meant(&turn) {
            return None;
        }
        let labels = turn.labels();
        let is_alike = |policy: &Policy, own: &InventoryWorkload| {
            let others = policy.inventory.workloads_in(&own.namespace).iter().filter(|other| !std::ptr::eq(*other, own));
            others.into_iter().any(|other| labels.contains(&other.labels))
        };
        let has_alike = is_alike(base, old) || is_alike(head, new);
        Some(Turn { has_alike, ..turn })
    };
    head.inventory.workloads.iter().filter_map(turn).collect()
}

/// How pods of its namespace take part in the mesh, and how its own do, as the inventory has them.
fn part(policy: &Policy, workload: &InventoryWorkload) -> (DataPlane, DataPlane) {
    let usual = policy.namespace(&workload.namespace).and_then(|namespace| namespace.plane).unwrap_or(policy.config.mesh.mode);
    (usual, policy.inventory.plane_of(workload, usual))
}

/// How its own pods do, where what a program declares of them holds.
pub(super) fn plane_as_declared(policy: &Policy, workload: &InventoryWorkload) -> DataPlane {
    declared(policy, workload).unwrap_or_else(|| part(policy, workload).1)
}

/// How a program declares that pods with the labels of a workload take part in the mesh.
fn declared(policy: &Policy, own: &InventoryWorkload) -> Option<DataPlane> {
    policy.workloads_in(&own.namespace).iter().find_map(|declared| declared.plane.filter(|_| declared.labels.contains(&own.labels)))
}

impl Turn<'_> {
    /// The labels that its pods had and have.
    fn labels(&self) -> LabelCube {
        let kept = self.new.labels.iter().filter(|(key, value)| self.old.labels.get(*key) == Some(*value));
        kept.fold(LabelCube::all(), |cube, (key, value)| cube.with(Symbol::clone(key), Values::one(Symbol::clone(value))))
    }

    /// Whether its labels tell it from others, and policies select it as they select others.
    fn is_like_declared(&self) -> bool {
        self.is_selected() && !self.has_alike && !self.labels().is_all()
    }

    /// Whether policies select it as they select others.
    fn is_selected(&self) -> bool {
        [self.old, self.new].iter().all(|own| own.host_network == HostNetwork::No)
    }

    /// Whether what it gains or loses can be found as if it was declared. Of one that takes part as it did it can though others have its
    /// labels, as these are looked at besides.
    fn can_be_declared(&self) -> bool {
        self.is_like_declared() || self.is_steady() && self.is_selected()
    }

    /// Whether it takes part as others of its namespace do.
    fn is_as_usual(&self) -> bool {
        self.planes == self.usual
    }

    /// Its namespace.
    pub(super) const fn namespace(&self) -> &Symbol {
        &self.new.namespace
    }

    /// Whether it takes part as it did.
    pub(super) fn is_steady(&self) -> bool {
        let [was, is] = self.planes;
        was == is
    }

    /// Whether it takes part as classes of its namespace are compared: where nobody says how these do, they are looked at in the mesh.
    pub(super) fn is_as_compared(&self, policies: Policies<'_>) -> bool {
        self.planes == [Which::Base, Which::Head].map(|which| plane(policies, which, self.namespace()))
    }

    /// Its pods, as they are declared.
    pub(super) fn cube(&self) -> PodCube {
        PodCube { labels: self.labels(), ..PodCube::in_namespace(&self.new.namespace) }
    }

    fn as_declared(&self, which: Which) -> Workload {
        let [was, is] = self.planes;
        Workload {
            name: Symbol::clone(&self.new.name),
            namespace: Symbol::clone(&self.new.namespace),
            labels: self.labels(),
            account: None,
            ports: Vec::new(),
            plane: Some(if which == Which::Base { was } else { is }),
            location: if which == Which::Base { self.old.location } else { self.new.location },
        }
    }
}

/// What is told of one, if anything. What the entries do not show is a change whose effect nobody knows.
pub(super) fn told(turn: &Turn<'_>) -> Option<Fact> {
    let is_shown = turn.is_like_declared() || turn.is_declared && turn.old.host_network == turn.new.host_network;
    let words = match turn.planes {
        [was, is] if was == is => match (turn.old.host_network, turn.new.host_network) {
            (HostNetwork::No, HostNetwork::Yes) => "is on its node's network now".to_owned(),
            (HostNetwork::Yes, HostNetwork::No) => "is no longer on its node's network".to_owned(),
            _ if is_shown => return None,
            _ => "takes part in the mesh as it did, and its namespace does not".to_owned(),
        },
        [_, DataPlane::None] => "is no longer in the mesh".to_owned(),
        [DataPlane::None, _] => "is in the mesh now".to_owned(),
        [was, is] => format!("takes part in the mesh by {}; it did by {}", plane_word(Some(is)), plane_word(Some(was))),
    };
    let text = format!("{} {words}", turn.new);
    let told = if is_shown {
        fact(FactKind::Workload, Change::Changed, text)
    } else {
        fact(FactKind::Unknown, Change::Changed, format!("{text}; its effect on what passes is not known"))
    };
    Some(Fact { place: Some((Which::Head, turn.new.location)), ..told })
}

/// The workloads that take part otherwise than their namespace, or than they did, that nobody declares, and that can be taken for declared; those
/// of more labels first, as the first one that has a pod's labels says how it takes part.
pub(super) fn undeclared(policies: Policies<'_>) -> Vec<Turn<'_>> {
    let mut turns = those(policies.base, policies.head, |turn| !turn.is_as_usual());
    turns.retain(|turn| !turn.is_declared && turn.can_be_declared());
    turns.sort_by_key(|turn| Reverse(turn.labels().iter().count()));
    turns
}

/// Both programs, with workloads as if they were declared so, and namespaces that come to say how their pods take part, or no longer say it.
pub(super) fn with_turns<'p>(policies: Policies<'p>, turns: &[&Turn<'_>]) -> [Cow<'p, Policy>; 2] {
    [Which::Base, Which::Head].map(|which| {
        let policy = policies.of(which);
        let outside = outside(policies, which);
        if turns.is_empty() && outside.is_empty() {
            return Cow::Borrowed(policy);
        }
        let mut own = policy.clone();
        own.namespaces.extend(outside.into_iter().map(|namespace| (Symbol::clone(&namespace.name), namespace)));
        own.workloads.extend(turns.iter().map(|turn| turn.as_declared(which)));
        own.workloads.sort_by(|left, right| left.namespace.cmp(&right.namespace));
        Cow::Owned(own)
    })
}

/// The namespaces of which this side says nothing of the mesh and the other one does, where `mesh.mode` keeps such outside. A proof has to
/// take their pods for meshed as soon as any are, and so would two of them: a namespace that joins would do so unseen. Of one that this side
/// does not know at all nothing else is other than there: what nobody said of it has not changed.
fn outside(policies: Policies<'_>, which: Which) -> Vec<Namespace> {
    let (own, other) = (policies.of(which), policies.of(which.other()));
    if own.config.mesh.mode != DataPlane::None {
        return Vec::new();
    }
    let said = other.namespaces.values().filter(|namespace| namespace.plane.is_some());
    let unsaid = said.filter_map(|there| match own.namespace(&there.name) {
        Some(known) => known.plane.is_none().then(|| known.clone()),
        None => Some(Namespace { ownership: Ownership::Unmanaged, location: None, ..there.clone() }),
    });
    unsaid.map(|namespace| Namespace { plane: Some(DataPlane::None), ..namespace }).collect()
}
