//! What has to be applied: every object with the contents that it may have on the way.
//!
//! Owns: `Item`, `State`, `Change`, and in which direction a change goes: whether it can only open, only close, or both, whatever
//! else of the same step is already applied.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::interim::{Between, between, hold, permissive};
use super::object::{Id, Object};
use super::shape::{Door, Gate, Shape};
use crate::diff::Turned;
use crate::flow::{PodSet, Symbol};

/// One content of an object.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) object: Object,
    /// Found when it is asked for, as it is of few of all objects.
    shape: OnceCell<Shape>,
    root: Symbol,
}

impl Version {
    /// What it is to the gates.
    pub(super) fn shape(&self) -> &Shape {
        self.shape.get_or_init(|| Shape::of(&self.object, &self.root))
    }
}

/// What an item is in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// An object of either side.
    Own,
    /// It lets everything pass while policies come or go.
    Hold(Gate, Door),
    /// A copy that is tried out.
    Trial,
}

/// An object, and its contents by number.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) id: Id,
    pub(super) role: Role,
    pub(super) versions: Vec<Version>,
    pub(super) base: Option<usize>,
    pub(super) head: Option<usize>,
    wide: Option<usize>,
    narrow: Option<usize>,
    permissive: Option<usize>,
}

/// Which content every object has at a moment, and which namespaces are as the head has them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct State {
    pub(super) at: Vec<Option<usize>>,
    pub(super) turned: Turned,
}

/// One thing that is done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// An object gets another content, or none.
    Object(usize, Option<usize>),
    /// A namespace gets its labels, and its pods are restarted.
    Turn(Symbol),
}

/// In which direction a change goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trend {
    /// Nothing passes more or less.
    Same,
    /// It can only open.
    Opens,
    /// It can only close.
    Closes,
    /// It may do both.
    Both,
}

impl Item {
    fn new(id: Id, role: Role) -> Self {
        Self { id, role, versions: Vec::new(), base: None, head: None, wide: None, narrow: None, permissive: None }
    }

    /// An object that stands on either side.
    pub(super) fn own(base: Option<Object>, head: Option<Object>, root: &str) -> Option<Self> {
        let id = head.as_ref().or(base.as_ref())?.id.clone();
        let mut item = Self::new(id, Role::Own);
        if let (Some(old), Some(new)) = (&base, &head)
            && old.is_same(new)
        {
            item.base = Some(item.push(new.clone(), root));
            item.head = item.base;
            return Some(item);
        }
        item.base = base.map(|object| item.push(object, root));
        item.head = head.map(|object| item.push(object, root));
        item.wide = item.between(Between::Wide, root);
        item.narrow = item.between(Between::Narrow, root);
        item.permissive = item.permissive(root);
        Some(item)
    }

    /// An object that stands for a while and on neither side.
    pub(super) fn passing(object: Object, role: Role, root: &str) -> Self {
        let mut item = Self::new(object.id.clone(), role);
        item.push(object, root);
        item
    }

    fn push(&mut self, object: Object, root: &str) -> usize {
        self.versions.push(Version { object, shape: OnceCell::new(), root: root.into() });
        self.versions.len() - 1
    }

    pub(super) fn version(&self, at: Option<usize>) -> Option<&Version> {
        self.versions.get(at?)
    }

    fn between(&mut self, how: Between, root: &str) -> Option<usize> {
        let (old, new) = (self.version(self.base)?, self.version(self.head)?);
        let object = between((&old.object, old.shape()), (&new.object, new.shape()), how)?;
        Some(self.push(object, root))
    }

    /// Between one transport alone and the other alone stand both.
    fn permissive(&mut self, root: &str) -> Option<usize> {
        let (old, new) = (self.version(self.base)?, self.version(self.head)?);
        let clash = |one: &Shape, other: &Shape| one.modes.contains("STRICT") && other.modes.contains("DISABLE");
        if new.shape().gate != Gate::Transport || !(clash(old.shape(), new.shape()) || clash(new.shape(), old.shape())) {
            return None;
        }
        let object = permissive(&new.object)?;
        Some(self.push(object, root))
    }

    /// Whether it is a policy that may name ports of pods.
    pub(super) fn names_ports(&self) -> bool {
        self.id.kind == "NetworkPolicy" && self.versions.iter().any(|version| has_named_port(version.object.value()))
    }

    /// The content that comes next on the shortest way.
    pub(super) fn next(&self, at: Option<usize>) -> Option<usize> {
        if self.permissive.is_some() && at == self.base { self.permissive } else { self.head }
    }

    /// Whether it accepts both transports on the way.
    pub(super) const fn is_permitted_first(&self) -> bool {
        self.permissive.is_some()
    }

    /// The way to what stands between the two sides, if it is at the first and there is such a thing. Between contents that act on
    /// other pods stands none at all.
    pub(super) fn interim(&self, number: usize, at: Option<usize>, how: Between) -> Option<Change> {
        let (old, new) = (self.version(self.base)?, self.version(self.head)?);
        if at != self.base || at == self.head {
            return None;
        }
        match how {
            Between::Wide => self.wide.map(|wide| Change::Object(number, Some(wide))),
            // Nobody does without a Service, or without pods.
            Between::Narrow if is_policy(&self.id) && old.shape().subject != new.shape().subject => Some(Change::Object(number, None)),
            Between::Narrow => self.narrow.map(|narrow| Change::Object(number, Some(narrow))),
        }
    }
}

/// Kinds of objects that let pass or refuse.
const POLICIES: [&str; 4] = ["NetworkPolicy", "AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"];

/// Whether a port is given by a name somewhere in it.
fn has_named_port(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(key, value)| key == "port" && value.is_string() || has_named_port(value)),
        Value::Array(list) => list.iter().any(has_named_port),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Whether an object lets pass or refuses by itself.
pub(super) fn is_policy(id: &Id) -> bool {
    POLICIES.contains(&id.kind.as_str())
}

/// Items that hold pods open while policies that newly isolate them come one by one, or while such go.
pub(super) fn holds(items: &[Item], root: &str) -> Vec<Item> {
    let mut namespaces: BTreeMap<&Symbol, Vec<(usize, &Item)>> = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        namespaces.entry(&item.id.namespace).or_default().push((at, item));
    }
    let mut found = Vec::new();
    // Where nothing comes or goes, nothing has to be held.
    namespaces.retain(|_, items| items.iter().any(|(_, item)| item.base != item.head));
    for (namespace, items) in namespaces {
        for (gate, door) in [(Gate::Network, Door::In), (Gate::Network, Door::Out), (Gate::Allow, Door::In)] {
            let of = |which: fn(&Item) -> Option<usize>| isolated(&items, (gate, door), which);
            let ((old, before), (new, after)) = (of(|item| item.base), of(|item| item.head));
            let came: Vec<usize> = after.difference(&before).copied().collect();
            let went: Vec<usize> = before.difference(&after).copied().collect();
            for (pods, moved) in [(new.subtract(&old), came), (old.subtract(&new), went)] {
                if pods.is_empty() || moved.len() < 2 {
                    continue;
                }
                let cubes = pods.simplify().cubes().iter().flat_map(|cube| cube.labels.selectors()).collect::<Vec<_>>();
                let objects: Option<Vec<Object>> =
                    cubes.iter().enumerate().map(|(at, labels)| hold(namespace, gate, door, labels, at)).collect();
                found.extend(objects.unwrap_or_default().into_iter().map(|object| Item::passing(object, Role::Hold(gate, door), root)));
            }
        }
    }
    found
}

/// The pods of a namespace that a side isolates at a gate, and by which of its items.
fn isolated(items: &[(usize, &Item)], (gate, door): (Gate, Door), which: fn(&Item) -> Option<usize>) -> (PodSet, BTreeSet<usize>) {
    let mut pods = PodSet::none();
    let mut by = BTreeSet::new();
    for (at, item) in items {
        if let Some(version) = item.version(which(item)).filter(|version| version.shape().isolates(gate, door)) {
            pods.push(version.shape().subject.clone());
            by.insert(*at);
        }
    }
    (pods, by)
}

impl State {
    /// What was.
    pub(super) fn base(items: &[Item]) -> Self {
        Self { at: items.iter().map(|item| item.base).collect(), turned: Turned::default() }
    }

    /// What is to be.
    pub(super) fn head(items: &[Item]) -> Self {
        Self { at: items.iter().map(|item| item.head).collect(), turned: Turned::default() }
    }

    pub(super) fn of(&self, item: usize) -> Option<usize> {
        self.at.get(item).copied().flatten()
    }

    /// The moments while the pods of a namespace are replaced: it has its labels, and of its pods all are old, or those at one end
    /// of a connection.
    pub(super) fn while_turning(&self, name: &Symbol) -> [Self; 3] {
        let mut none = self.clone();
        none.turned.labels.insert(Symbol::clone(name));
        let (mut callers, mut called) = (none.clone(), none.clone());
        callers.turned.callers.insert(Symbol::clone(name));
        called.turned.called.insert(Symbol::clone(name));
        [none, callers, called]
    }

    /// The state after some changes.
    pub(super) fn after<'c>(&self, changes: impl IntoIterator<Item = &'c Change>) -> Self {
        let mut state = self.clone();
        for change in changes {
            match change {
                Change::Object(item, to) => {
                    if let Some(at) = state.at.get_mut(*item) {
                        *at = *to;
                    }
                }
                Change::Turn(name) => {
                    let Turned { labels, callers, called } = &mut state.turned;
                    for names in [labels, callers, called] {
                        names.insert(Symbol::clone(name));
                    }
                }
            }
        }
        state
    }
}

/// The pods that are isolated at a gate, whatever of some leaving items is there still.
fn covered(items: &[Item], state: &State, (gate, door): (Gate, Door), namespace: &Symbol, leaving: &BTreeSet<usize>) -> PodSet {
    let standing = items.iter().enumerate().filter(|(at, item)| !leaving.contains(at) && item.id.namespace == *namespace);
    let shapes = standing.filter_map(|(at, item)| item.version(state.of(at))).filter(|version| version.shape().isolates(gate, door));
    shapes.map(|version| version.shape().subject.clone()).collect()
}

/// In which direction a change goes. Of the step that it is part of, `leaving` are the items that stop isolating some pods.
///
/// What opens stays so in every part of a step that only opens, and what closes in one that only closes: rules add up, a pod that
/// is isolated before stays isolated, and a refusal takes away whatever the rest says.
pub(super) fn trend(items: &[Item], state: &State, change: (usize, Option<usize>), leaving: &BTreeSet<usize>) -> Trend {
    let Some(item) = items.get(change.0) else { return Trend::Both };
    let shape = |at: Option<usize>| item.version(at).map(Version::shape).filter(|shape| shape.gate != Gate::Silent);
    let (old, new) = (shape(state.of(change.0)), shape(change.1));
    let Some(gate) = old.or(new).map(|shape| shape.gate) else { return Trend::Same };
    if let (Some(old), Some(new)) = (old, new)
        && (old.gate != new.gate || old.subject != new.subject)
    {
        return Trend::Both;
    }
    match gate {
        Gate::Network | Gate::Allow => {
            let isolated = |door: Door, leaving: &BTreeSet<usize>| {
                let mut without = leaving.clone();
                without.insert(change.0);
                let namespace = old.or(new).and_then(Shape::namespace);
                namespace.map(|namespace| covered(items, state, (gate, door), namespace, &without)).unwrap_or_default()
            };
            // Nothing leaves in a step that only opens.
            let stays = |door: Door| {
                if new.is_some_and(|new| new.rules.contains_key(&door)) {
                    isolated(door, &BTreeSet::new())
                } else {
                    isolated(door, leaving)
                }
            };
            additive(old, new, &stays)
        }
        Gate::Deny => refusing(old, new),
        Gate::Silent => Trend::Same,
        Gate::Transport | Gate::Other => Trend::Both,
    }
}

fn additive(old: Option<&Shape>, new: Option<&Shape>, isolated: &dyn Fn(Door) -> PodSet) -> Trend {
    let trend = |door: Door| {
        let rules = |shape: Option<&Shape>| shape.and_then(|shape| shape.rules.get(&door).cloned());
        let is_isolated = || old.or(new).is_some_and(|shape| shape.pods().is_subset(&isolated(door)));
        match (rules(old), rules(new)) {
            (None, None) => Trend::Same,
            (Some(old), Some(new)) => match (new.holds(&old), old.holds(&new)) {
                (true, true) => Trend::Same,
                (true, false) => Trend::Opens,
                (false, true) => Trend::Closes,
                (false, false) => Trend::Both,
            },
            // Beside what lets everything pass, isolated pods and others are alike.
            (None, Some(new)) if new.is_everything() || is_isolated() => Trend::Opens,
            (Some(old), None) if old.is_everything() || is_isolated() => Trend::Closes,
            _ => Trend::Both,
        }
    };
    trend(Door::In).and(trend(Door::Out))
}

fn refusing(old: Option<&Shape>, new: Option<&Shape>) -> Trend {
    let rules = |shape: Option<&Shape>| shape.and_then(|shape| shape.rules.get(&Door::In).cloned()).unwrap_or_default();
    let (old, new) = (rules(old), rules(new));
    match (new.holds(&old), old.holds(&new)) {
        (true, true) => Trend::Same,
        (true, false) => Trend::Closes,
        (false, true) => Trend::Opens,
        (false, false) => Trend::Both,
    }
}

impl Trend {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Same, trend) | (trend, Self::Same) => trend,
            (one, other) if one == other => one,
            _ => Self::Both,
        }
    }
}
