//! States held against both sides.
//!
//! Owns: `Bench`: from a state to the cluster that it is, and the evaluator's answer about it. It knows no order.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use super::items::{Change, Item, State};
use super::object::Id;
use crate::cluster::{self, Cluster, Names, Platform};
use crate::diagnostic::order::has_error;
use crate::diff::{Against, Breach, Entry, Middle, Moved, Pair, Touched, Words, breaches, changes, other_accounts, planes};
use crate::flow::{DataPlane, Flow, PodCube, Symbol};
use crate::source::{Source, Sources};
use crate::verify::{Judge, Manifests, Program, Written};

/// Who judges objects.
pub(super) enum Setting<'a> {
    /// The evaluator, with the names that either side knows.
    Manifests(Names),
    /// The evaluator, and in namespaces of others their program.
    Program(&'a Program<'a>),
}

impl Setting<'_> {
    /// Some objects as a judge.
    pub(super) fn judge<'j>(&'j self, cluster: &'j Cluster) -> Box<dyn Judge + 'j> {
        match self {
            Self::Manifests(names) => Box::new(Manifests::new(cluster, names.clone())),
            Self::Program(program) => Box::new(Written::new(program, cluster)),
        }
    }
}

/// What a state is judged with.
pub(super) struct Bench<'a> {
    pub(super) sides: &'a Pair<'a>,
    pub(super) setting: &'a Setting<'a>,
    pub(super) platform: &'a Platform,
    /// Objects that stay as they are, as one text.
    pub(super) kept: &'a str,
    pub(super) items: &'a [Item],
    /// Pods that a world tells apart from others of their namespace.
    pub(super) apart: &'a [PodCube],
    pub(super) words: &'a Words,
    /// Namespaces that others' programs answer for, who may have other ones on each side.
    pub(super) others: &'a BTreeSet<Symbol>,
    /// Whether the evaluator models every object of both sides.
    pub(super) is_modelled: bool,
    /// Whether what is not put in order and may decide a flow is the same on both sides; states have it as the head does.
    pub(super) is_kept_alike: bool,
    /// How many states were judged.
    pub(super) judged: Cell<usize>,
    /// What was read last.
    pub(super) read: Read,
}

/// Clusters of states, the one that was asked for last at the end: a state is judged, and then compared with the next.
#[derive(Default)]
pub(super) struct Read(RefCell<Vec<Known>>);

/// Which content every object has, and the cluster that this is; none if it cannot be read.
type Known = (Vec<Option<usize>>, Option<Rc<Cluster>>);

/// The most clusters that are kept.
const MAX_READ: usize = 3;

impl Read {
    /// Clusters that are known before anything is read.
    pub(super) fn of(known: Vec<(&State, Rc<Cluster>)>) -> Self {
        Self(RefCell::new(known.into_iter().map(|(state, cluster)| (state.at.clone(), Some(cluster))).collect()))
    }

    fn get(&self, at: &[Option<usize>], read: impl FnOnce() -> Option<Cluster>) -> Option<Rc<Cluster>> {
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
    /// Whether its objects could not be read.
    pub(super) unreadable: bool,
}

impl Wrong {
    pub(super) fn is_nothing(&self) -> bool {
        self.breaches.is_empty() && self.incomplete.is_empty() && !self.unreadable
    }

    pub(super) fn opens(&self) -> bool {
        self.breaches.iter().any(|breach| breach.way == Against::Opens)
    }
}

impl Bench<'_> {
    fn cluster(&self, state: &State) -> Option<Rc<Cluster>> {
        self.read.get(&state.at, || self.read(state))
    }

    fn read(&self, state: &State) -> Option<Cluster> {
        let mut sources = Sources::default();
        let mut files = vec![sources.add(Source::new("kept.yaml", self.kept))];
        for (at, item) in self.items.iter().enumerate() {
            if let Some(version) = item.version(state.of(at)) {
                files.push(sources.add(Source::new(format!("{at}.yaml"), version.object.text.as_str())));
            }
        }
        let (cluster, findings) = cluster::read(&sources, &files, self.platform.clone());
        (!has_error(&findings)).then_some(cluster)
    }

    fn middle<'m>(&'m self, cluster: &'m Cluster, state: &'m State) -> Middle<'m> {
        Middle::new(self.setting.judge(cluster), self.sides, &state.turned, self.apart)
    }

    /// What is wrong with a state that some changes led to from one with which nothing is.
    pub(super) fn wrong<'c>(&self, state: &State, changes: impl IntoIterator<Item = &'c Change>) -> Wrong {
        self.judged.set(self.judged.get() + 1);
        let Some(cluster) = self.cluster(state) else { return Wrong { unreadable: true, ..Wrong::default() } };
        let (breaches, incomplete) = breaches(&self.middle(&cluster, state), &self.touched(changes), &self.moved(&cluster, state));
        Wrong { breaches, incomplete, unreadable: false }
    }

    /// What passes from one state to another, in words; and flows for those that were not compared.
    pub(super) fn changes(&self, before: &State, after: &State, done: &[Change]) -> (Vec<Entry>, Vec<Flow>) {
        let (Some(old), Some(new)) = (self.cluster(before), self.cluster(after)) else { return <(Vec<Entry>, Vec<Flow>)>::default() };
        let names = self.other_than(after, |at, _| before.of(at));
        let is_local = old.is_modelled() && new.is_modelled();
        let moved = Moved { from_base: names.clone(), from_head: names, is_local };
        changes(&self.middle(&old, before), &self.middle(&new, after), &self.touched(done), &moved, self.words)
    }

    /// In which namespaces a state has other objects than the sides.
    fn moved(&self, cluster: &Cluster, state: &State) -> Moved {
        let from_base = self.other_than(state, |_, item| item.base).map(|mut names| {
            names.extend(self.others.iter().cloned());
            names
        });
        let from_base = from_base.filter(|_| self.is_kept_alike);
        let from_head = self.other_than(state, |_, item| item.head);
        Moved { from_base, from_head, is_local: self.is_modelled && cluster.is_modelled() }
    }

    /// The namespaces in which an object is not as it is there; none if one is that may act on others too.
    fn other_than(&self, state: &State, of: impl Fn(usize, &Item) -> Option<usize>) -> Option<BTreeSet<Symbol>> {
        let other = self.items.iter().enumerate().filter(|(at, item)| state.of(*at) != of(*at, item));
        other.map(|(_, item)| self.namespace(&item.id).filter(|_| item.id.kind != "Namespace")).collect()
    }

    /// The namespace on which an object acts. Istio's objects in the root namespace, and what is not known, may act on any.
    fn namespace(&self, id: &Id) -> Option<Symbol> {
        match id {
            Id { kind, name, .. } if kind == "Namespace" => Some(name.as_str().into()),
            id if id.namespace != self.platform.root_namespace && !id.namespace.is_empty() => Some(Symbol::clone(&id.namespace)),
            _ => None,
        }
    }

    /// What the operator does with a namespace.
    pub(super) fn turn_words(&self, name: &Symbol) -> String {
        let who = if *name == self.sides.fresh { "namespaces that nobody declares".to_owned() } else { format!("namespace {name}") };
        let labels = self.sides.labels(name);
        let labels = if labels.is_empty() { String::new() } else { format!("label {who} {}; ", labels.join(" ")) };
        let plane = match planes(self.sides, name) {
            Some((DataPlane::None, new)) if new != DataPlane::None => format!(": they join the mesh ({})", word(new)),
            Some((old, DataPlane::None)) if old != DataPlane::None => ": they leave the mesh".to_owned(),
            Some((old, new)) if old != new => format!(": from {} to {}", word(old), word(new)),
            _ => match other_accounts(self.sides, self.apart, name) {
                pods if pods.is_empty() => String::new(),
                pods => format!(": they run anew, {}", pods.join(", ")),
            },
        };
        format!("{labels}restart the pods of {who}{plane}")
    }

    /// The flows that changes may touch.
    fn touched<'c>(&self, changes: impl IntoIterator<Item = &'c Change>) -> Touched {
        let name = |change: &Change| match change {
            Change::Turn(name) => Some(Symbol::clone(name)),
            Change::Object(item, _) => self.items.get(*item).and_then(|item| self.namespace(&item.id)),
        };
        let names: Option<BTreeSet<Symbol>> = changes.into_iter().map(name).collect();
        names.filter(|names| !names.contains(&self.sides.fresh)).map_or(Touched::Everything, Touched::Namespaces)
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
