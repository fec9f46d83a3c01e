//! States held against both sides.
//!
//! Owns: `Bench`: from a state to the cluster that it is, and the evaluator's answer about it. It knows no order.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::items::{Change, Item, State, is_policy};
use super::object::Id;
use super::order::Ends;
use super::scope::Scope;
use super::workloads::runs_pods;
use crate::cluster::{self, Cluster, Names, Platform};
use crate::diagnostic::order::has_error;
use crate::diff::{
    Against, Breach, Changed, Differing, Middle, Moved, Touched, Touching, Versions, breaches, changes, other_accounts, planes,
};
use crate::flow::{DataPlane, Flow, PodCube, Symbol};
use crate::source::{Source, Sources};
use crate::verify::{Judge, Manifests, Program, Written};

/// Who judges objects.
pub(super) enum Setting<'a> {
    /// The evaluator, with the names that either side knows.
    Manifests(Names),
    /// The evaluator, and in namespaces of others their program, with the names that it knows.
    Program(&'a Program<'a>, Names),
}

impl<'a> Setting<'a> {
    /// The evaluator, and in namespaces of others this program.
    pub(super) fn of(program: &'a Program<'a>) -> Self {
        Self::Program(program, Written::names(program))
    }

    /// Some objects as a judge.
    pub(super) fn judge<'j>(&'j self, cluster: &'j Cluster) -> Box<dyn Judge + 'j> {
        match self {
            Self::Manifests(names) => Box::new(Manifests::new(cluster, names.clone())),
            Self::Program(program, names) => Box::new(Written::with_names(program, cluster, names.clone())),
        }
    }
}

/// What a state is judged with.
pub(super) struct Bench<'a> {
    /// Both sides, and what is known of them.
    pub(super) ends: &'a Ends<'a>,
    pub(super) items: &'a [Item],
    /// Pods that a world tells apart from others of their namespace.
    pub(super) apart: &'a [PodCube],
    /// Namespaces whose pods or labels are not the same on both sides.
    pub(super) turning: &'a BTreeSet<Symbol>,
    /// How many states were judged.
    pub(super) judged: Cell<usize>,
    /// What was read last.
    pub(super) read: Read,
    /// How many calls among workloads were asked about.
    pub(super) asked: Cell<usize>,
    /// What was read last with all that stands in any namespace.
    pub(super) whole: Read,
}

/// Clusters of states, the one that was asked for last at the end: a state is judged, and then compared with the next.
#[derive(Default)]
pub(super) struct Read(RefCell<Vec<Known>>);

/// Which content every object has, and the cluster that this is; none if it cannot be read.
type Known = (Vec<Option<usize>>, Option<Rc<Cluster>>);

/// The most clusters that are kept.
const MAX_READ: usize = 4;

impl Read {
    /// Clusters that are known before anything is read.
    pub(super) fn of(known: Vec<(&State, Rc<Cluster>)>) -> Self {
        Self(RefCell::new(known.into_iter().map(|(state, cluster)| (state.at.clone(), Some(cluster))).collect()))
    }

    pub(super) fn get(&self, at: &[Option<usize>], read: impl FnOnce() -> Option<Cluster>) -> Option<Rc<Cluster>> {
        let mut known = self.0.borrow_mut();
        let found = known.iter().position(|(of, _)| of == at).map(|place| known.remove(place));
        let (of, cluster) = found.unwrap_or_else(|| (at.to_vec(), read().map(Rc::new)));
        known.push((of, cluster.clone()));
        if known.len() > MAX_READ {
            known.remove(0);
        }
        cluster
    }
}

/// What is wrong with a state.
#[derive(Debug, Clone, Default)]
pub(super) struct Wrong {
    pub(super) breaches: Vec<Breach>,
    pub(super) incomplete: Vec<Flow>,
    /// The first call among workloads that was not asked about.
    pub(super) unasked: Option<Flow>,
    /// Whether its objects could not be read.
    pub(super) unreadable: bool,
}

impl Wrong {
    pub(super) fn is_nothing(&self) -> bool {
        self.breaches.is_empty() && self.incomplete.is_empty() && self.unasked.is_none() && !self.unreadable
    }

    pub(super) fn opens(&self) -> bool {
        self.breaches.iter().any(|breach| breach.way == Against::Opens)
    }
}

/// The objects of a state that have a say where some change, as a cluster; none if it cannot be read.
pub(super) fn read(
    items: &[Item],
    scope: &Scope,
    platform: &Platform,
    kept: &str,
    of: impl Fn(usize, &Item) -> Option<usize>,
) -> Option<Cluster> {
    let mut sources = Sources::default();
    let mut files = vec![sources.add(Source::new("kept.yaml", kept))];
    for (at, item) in items.iter().enumerate().filter(|(_, item)| scope.has_a_say(&item.id, &platform.root_namespace)) {
        if let Some(version) = item.version(of(at, item)) {
            files.push(sources.add(Source::new(format!("{at}.yaml"), version.object.text.as_str())));
        }
    }
    let (cluster, findings) = cluster::read(&sources, &files, platform.clone());
    (!has_error(&findings)).then_some(cluster)
}

impl Bench<'_> {
    fn cluster(&self, state: &State) -> Option<Rc<Cluster>> {
        let Ends { scope, platform, kept, .. } = self.ends;
        self.read.get(&state.at, || read(self.items, scope, platform, kept, |at, _| state.of(at)))
    }

    fn middle<'m>(&'m self, cluster: &'m Cluster, state: &'m State) -> Middle<'m> {
        let Ends { scope, setting, head, pair, .. } = self.ends;
        let judge = scope.judge(setting.judge(cluster), || setting.judge(head));
        Middle::new(judge, pair, &state.turned, self.apart, self.turning)
    }

    /// What is wrong with a state that some changes led to from one with which nothing is.
    pub(super) fn wrong(&self, state: &State, changes: &[Change]) -> Wrong {
        self.judged.set(self.judged.get() + 1);
        let of_classes = self.wrong_of_classes(state, changes);
        if of_classes.is_nothing() { self.wrong_of_calls(state, changes) } else { of_classes }
    }

    /// What is wrong over every pod that could exist.
    fn wrong_of_classes(&self, state: &State, changes: &[Change]) -> Wrong {
        // Of pods that could exist, whatever their labels and accounts, nothing hangs on what runs some.
        if changes.iter().all(|change| self.running(change).is_some()) {
            return Wrong::default();
        }
        let Some(cluster) = self.cluster(state) else { return Wrong { unreadable: true, ..Wrong::default() } };
        let differing = Differing::new(self.differing(state), self.ends.platform);
        let (breaches, incomplete) =
            breaches(&self.middle(&cluster, state), &self.touched(changes, state), &self.moved(&cluster, state), &differing);
        Wrong { breaches, incomplete, ..Wrong::default() }
    }

    /// The object that runs pods, if a change is one of such an object.
    pub(super) fn running(&self, change: &Change) -> Option<&Id> {
        let Change::Object(at, _) = change else { return None };
        self.items.get(*at).map(|item| &item.id).filter(|id| runs_pods(&id.kind))
    }

    /// What passes from one state to another, in words.
    pub(super) fn changes(&self, before: &State, after: &State, done: &[Change]) -> Changed {
        let (Some(old), Some(new)) = (self.cluster(before), self.cluster(after)) else { return Changed::default() };
        let names = self.other_than(after, |at, _| before.of(at));
        let is_local = old.is_modelled() && new.is_modelled();
        let moved = Moved { from_base: names.clone(), from_head: names, is_local };
        let differing = Differing::new(self.step(before, after), self.ends.platform);
        let states = [&self.middle(&old, before), &self.middle(&new, after)];
        changes(states, &self.touched(done, after), &moved, &differing, self.ends.words)
    }

    /// In which namespaces a state has other objects than the sides.
    fn moved(&self, cluster: &Cluster, state: &State) -> Moved {
        let from_base = self.other_than(state, |_, item| item.base).map(|mut names| {
            names.extend(self.ends.others.iter().cloned());
            names
        });
        let from_base = from_base.filter(|_| self.ends.is_kept_alike);
        let from_head = self.other_than(state, |_, item| item.head);
        Moved { from_base, from_head, is_local: self.ends.is_modelled && cluster.is_modelled() }
    }

    /// The objects by which the base and a state, the state and the head, and the base and the head differ; none if the three may differ by
    /// more than objects: their pods, their namespaces, or what is not put in order.
    fn differing(&self, state: &State) -> Option<Vec<Versions<'_>>> {
        let is_all = self.turning.is_empty() && self.ends.others.is_empty() && self.ends.is_kept_alike;
        let (base, head) = (|_: usize, item: &Item| item.base, |_: usize, item: &Item| item.head);
        let now = |at: usize, _: &Item| state.of(at);
        is_all.then(|| vec![self.between(base, now), self.between(now, head), self.between(base, head)])
    }

    /// The objects by which two states differ; none if their pods may, or their namespaces.
    fn step(&self, before: &State, after: &State) -> Option<Vec<Versions<'_>>> {
        let mut differing = self.items.iter().enumerate().filter(|(at, _)| before.of(*at) != after.of(*at));
        let are_policies = differing.all(|(_, item)| is_policy(&item.id));
        (are_policies && before.turned == after.turned).then(|| vec![self.between(|at, _| before.of(at), |at, _| after.of(at))])
    }

    fn between(&self, one: impl Fn(usize, &Item) -> Option<usize>, other: impl Fn(usize, &Item) -> Option<usize>) -> Versions<'_> {
        let pairs = self.items.iter().enumerate().map(|(at, item)| (item, one(at, item), other(at, item)));
        let differ = pairs.filter(|(_, one, other)| one != other);
        let versions: (Vec<_>, Vec<_>) = differ.map(|(item, old, new)| (item.version(old), item.version(new))).unzip();
        [versions.0, versions.1].map(|all| all.into_iter().flatten().map(|version| version.object.text.as_str()).collect())
    }

    /// The namespaces in which an object is not as it is there; none if one is that may act on others too.
    fn other_than(&self, state: &State, of: impl Fn(usize, &Item) -> Option<usize>) -> Option<BTreeSet<Symbol>> {
        let other = self.items.iter().enumerate().filter(|(at, item)| state.of(*at) != of(*at, item));
        other.map(|(_, item)| self.namespace(&item.id).filter(|_| item.id.kind != "Namespace")).collect()
    }

    /// The namespaces on which changes act; none if that may be any.
    pub(super) fn acted_on(&self, changes: &[Change]) -> Option<BTreeSet<Symbol>> {
        let of = |change: &Change| match change {
            Change::Turn(name) => Some(Symbol::clone(name)),
            Change::Object(at, _) => self.items.get(*at).and_then(|item| self.namespace(&item.id)),
        };
        changes.iter().map(of).collect::<Option<BTreeSet<Symbol>>>().filter(|names| !names.contains(&self.ends.pair.fresh))
    }

    /// The namespace on which an object acts. Istio's objects in the root namespace, and what is not known, may act on any.
    fn namespace(&self, id: &Id) -> Option<Symbol> {
        match id {
            Id { kind, name, .. } if kind == "Namespace" => Some(name.as_str().into()),
            id if id.namespace != self.ends.platform.root_namespace && !id.namespace.is_empty() => Some(Symbol::clone(&id.namespace)),
            _ => None,
        }
    }

    /// What the operator does with a namespace.
    pub(super) fn turn_words(&self, name: &Symbol) -> String {
        let who = if *name == self.ends.pair.fresh { "namespaces that nobody declares".to_owned() } else { format!("namespace {name}") };
        let labels = self.ends.pair.labels(name);
        let labels = if labels.is_empty() { String::new() } else { format!("label {who} {}; ", labels.join(" ")) };
        let plane = match planes(self.ends.pair, name) {
            Some((DataPlane::None, new)) if new != DataPlane::None => format!(": they join the mesh ({})", word(new)),
            Some((old, DataPlane::None)) if old != DataPlane::None => ": they leave the mesh".to_owned(),
            Some((old, new)) if old != new => format!(": from {} to {}", word(old), word(new)),
            _ => match other_accounts(self.ends.pair, self.apart, name) {
                pods if pods.is_empty() => String::new(),
                pods => format!(": they run anew, {}", pods.join(", ")),
            },
        };
        format!("{labels}restart the pods of {who}{plane}")
    }

    /// The flows that changes which led to a state may touch.
    fn touched(&self, changes: &[Change], state: &State) -> Touched<'_> {
        let mut names: BTreeMap<Symbol, Touching<'_>> = BTreeMap::new();
        for change in changes {
            let (name, contents) = match change {
                Change::Turn(name) => (Some(Symbol::clone(name)), None),
                Change::Object(at, _) => {
                    let item = self.items.get(*at);
                    (item.and_then(|item| self.namespace(&item.id)), item.and_then(|item| self.contents(*at, item, state)))
                }
            };
            let Some(name) = name.filter(|name| *name != self.ends.pair.fresh) else { return Touched::Everything };
            match (names.entry(name).or_insert_with(|| Touching::These(Vec::new())), contents) {
                (Touching::These(all), Some(contents)) => all.push(contents),
                (objects, _) => *objects = Touching::Any,
            }
        }
        Touched::Namespaces(names)
    }

    /// All contents of an object that acts on the pods which it selects and on no others; none if it is not known that it does, or neither
    /// the base nor a state has it. Where there are waypoints, a policy may act on calls that somebody else carries.
    fn contents<'b>(&'b self, at: usize, item: &'b Item, state: &State) -> Option<Vec<&'b str>> {
        let is_there = item.base.is_some() || state.of(at).is_some();
        let is_alone = is_there && is_policy(&item.id) && !self.has_waypoints();
        is_alone.then(|| item.versions.iter().map(|version| version.object.text.as_str()).collect())
    }

    /// Whether calls may go over waypoints.
    pub(super) fn has_waypoints(&self) -> bool {
        let mut texts = self.items.iter().flat_map(|item| &item.versions).map(|version| version.object.text.as_str());
        self.ends.kept.contains("waypoint") || texts.any(|text| text.contains("waypoint"))
    }
}

/// The word for a part in the mesh.
const fn word(plane: DataPlane) -> &'static str {
    match plane {
        DataPlane::None => "none",
        DataPlane::Sidecar => "sidecar",
        DataPlane::Ambient => "ambient",
    }
}
