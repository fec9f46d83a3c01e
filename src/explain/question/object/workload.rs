//! Workloads by their names.
//!
//! Owns: whom a name stands for, and the finding that nobody has it. It must not know ports, nor Services' ways.

use std::collections::BTreeMap;
use std::fmt;

use super::{Kind, Word, may_be_outside};
use crate::diagnostic::{Diagnostic, code, nearest};
use crate::explain::question::draft::{Draft, Written};
use crate::explain::question::{Context, Object, Scope, Side, advice};
use crate::flow::{Labels, PodCube, PodSet, Symbol, Values};
use crate::inventory::{FoldedPod, FoldedSet, Inventory, InventoryWorkload, Maker, POD_NAME, PodPhase, WorkloadKind};
use crate::ir::{End, Naming, listed_cube};
use crate::source::{Location, Span};

/// Whom the name of a workload stands for.
pub(super) struct Called<'c> {
    /// The workload of the name, or one that stands for its pods.
    pub(super) first: &'c InventoryWorkload,
    /// All of them: it, and what was made by it.
    pub(super) all: Vec<&'c InventoryWorkload>,
    /// What is meant.
    pub(super) object: Object,
    /// Labels of the pods that are meant, which their workload leaves open: the name of the one that a `StatefulSet` makes and nobody shows,
    /// or what a `ReplicaSet` gives its own.
    told: Labels,
}

impl Called<'_> {
    /// It as an end of a flow.
    pub(super) fn side(&self, span: Span) -> Side {
        let cube = listed_cube(self.first);
        let with = |cube: PodCube, (key, value): (&Symbol, &Symbol)| cube.labelled(Symbol::clone(key), Values::one(Symbol::clone(value)));
        let cube = self.told.iter().fold(cube, with);
        Side { end: End::Pods(PodSet::from(cube), Naming::ByPod), object: Some(self.object.clone()), span }
    }
}

/// The workloads of a namespace by their names, and by those of what made them.
struct Names<'c> {
    workloads: &'c [InventoryWorkload],
    inventory: &'c Inventory,
    gone: BTreeMap<(Symbol, Maker), Vec<Maker>>,
}

impl<'c> Names<'c> {
    fn new(home: &str, inventory: &'c Inventory) -> Self {
        Self { workloads: inventory.workloads_in(home), inventory, gone: inventory.gone() }
    }

    /// What made pods of a workload, as far as that fits.
    fn maker(&self, workload: &InventoryWorkload, fits: impl Fn(&Maker) -> bool) -> Option<Maker> {
        let key = (Symbol::clone(&workload.namespace), (workload.kind, Symbol::clone(&workload.name)));
        let gone = self.gone.get(&key).into_iter().flatten().cloned();
        self.inventory.makers(workload).into_iter().chain(gone).find(fits)
    }

    /// Those of a name: the one that has it, and what it made.
    fn called(&self, object: Object, first: &'c InventoryWorkload) -> Called<'c> {
        let own: Maker = (object.kind, Symbol::clone(&object.name));
        let is_of = |workload: &&InventoryWorkload| {
            let is_it = std::ptr::eq(*workload, first) || (workload.kind, &workload.name) == (own.0, &own.1);
            is_it || workload.phase == PodPhase::Live && self.maker(workload, |maker| *maker == own).is_some()
        };
        Called { first, all: self.workloads.iter().filter(is_of).collect(), object, told: Labels::new() }
    }

    /// A `ReplicaSet` that says no more than what made it, by the labels of its pods; none if it is not shown, or if others of its pods are
    /// told apart.
    fn set(&self, home: &Symbol, (kind, name): &Maker, first: &'c InventoryWorkload) -> Option<Called<'c>> {
        let is_it = |set: &&FoldedSet| {
            let is_named = set.namespace == *home && set.name == *name && *kind == WorkloadKind::ReplicaSet;
            is_named && set.owner == (first.kind, Symbol::clone(&first.name))
        };
        let set = self.inventory.folded_sets.iter().find(is_it)?;
        let told = set.labels.iter().filter(|(key, _)| first.open_keys.contains(*key));
        let told: Labels = told.map(|(key, value)| (Symbol::clone(key), Symbol::clone(value))).collect();
        let object = Object { kind: first.kind, namespace: home.clone(), name: first.name.clone(), scope: Scope::Itself };
        (!told.is_empty()).then(|| Called { first, all: vec![first], object, told })
    }
}

/// Whether a workload of this name is held, or what one made.
pub(super) fn is_held(home: &str, name: &str, inventory: &Inventory) -> bool {
    let names = Names::new(home, inventory);
    let is_it = |workload: &InventoryWorkload| *workload.name == *name || names.maker(workload, |(_, maker)| **maker == *name).is_some();
    names.workloads.iter().any(is_it)
}

/// The workload that a word names, with all that it made; or one of the pods of a workload that the manifests hold by its pods alone.
pub(super) fn workload<'c>(
    word: &Word,
    home: &Symbol,
    draft: &Draft<'_>,
    context: &Context<'c>,
    notes: &mut Vec<String>,
) -> Result<Called<'c>, Box<Diagnostic>> {
    let names = Names::new(home, context.inventory);
    let object = |kind: WorkloadKind, name: &Symbol| Object { kind, namespace: home.clone(), name: name.clone(), scope: Scope::WithMade };
    let kind = match word.kind {
        Kind::Workload(kind) => Some(kind),
        Kind::Service | Kind::Either => None,
    };
    let fits = |own: WorkloadKind, name: &Symbol| kind.is_none_or(|kind| kind == own) && *name == word.name.0;
    if let Some(found) = names.workloads.iter().find(|workload| fits(workload.kind, &workload.name)) {
        notes.extend(ended(found.phase, found));
        let called = names.called(object(found.kind, &found.name), found);
        let is_other = |other: &&InventoryWorkload| {
            let is_called = called.all.iter().any(|known| std::ptr::eq(*known, *other));
            fits(other.kind, &other.name) && other.phase == PodPhase::Live && !is_called
        };
        return match names.workloads.iter().find(is_other) {
            Some(other) => Err(Box::new(several([found, other], word, draft))),
            None => Ok(called),
        };
    }
    let made = |workload: &'c InventoryWorkload| Some((workload, names.maker(workload, |(own, name)| fits(*own, name))?));
    let running = || names.workloads.iter().filter(|workload| workload.phase == PodPhase::Live);
    if let Some((found, (own, name))) = running().find_map(made).or_else(|| names.workloads.iter().find_map(made)) {
        notes.extend(ended(found.phase, found));
        let called = names.called(object(own, &name), found);
        let set = if called.all.len() > 1 { None } else { names.set(home, &(own, name), found) };
        return Ok(set.unwrap_or(called));
    }
    if kind == Some(WorkloadKind::Pod)
        && let Some(found) = pod(word, (home, names.workloads), context.inventory, notes)
    {
        return Ok(found);
    }
    let unknown = unknown(word, kind.map_or("workload", WorkloadKind::name), home, draft, context);
    Err(kind.and_then(|kind| scaled_down(word, (home, kind), draft, context.inventory)).map_or(unknown, Box::new))
}

/// The finding that a workload runs no pods, where that is why it is no more than what made it.
fn scaled_down(word: &Word, (home, kind): (&Symbol, WorkloadKind), draft: &Draft<'_>, inventory: &Inventory) -> Option<Diagnostic> {
    let (name, span) = &word.name;
    let (maker_kind, maker) = inventory.maker_of_none(home, &(kind, name.clone()))?;
    let (kind, maker_kind) = (kind.name(), maker_kind.name());
    let message = format!("{kind} `{home}/{name}` runs no pods: it is scaled to 0");
    let finding = Diagnostic::new(code::UNKNOWN_OBJECT, Location { file: draft.flow, span: *span }, message).label("nobody there");
    Some(finding.help(format!("ask about {maker_kind} `{maker}`, which made it")))
}

/// The finding that a name without a kind is that of two workloads, of which neither made the other.
fn several([first, other]: [&InventoryWorkload; 2], word: &Word, draft: &Draft<'_>) -> Diagnostic {
    let finding = draft.unclear(word.span, format!("`{}` may be {first} or {other}", word.name.0)).label("which of them?");
    finding.help("say the kind, as `deploy/web` or `sts/web`")
}

/// That nobody is called, nor calls, who has ended.
fn ended(phase: PodPhase, who: impl fmt::Display) -> Option<String> {
    (phase == PodPhase::Ended).then(|| format!("{who} has ended and has no traffic; it is judged as if it ran"))
}

/// The workload that stands for a pod: into which it went, or that is called as the pod's name begins.
fn pod<'c>(
    word: &Word,
    (home, workloads): (&Symbol, &'c [InventoryWorkload]),
    inventory: &Inventory,
    notes: &mut Vec<String>,
) -> Option<Called<'c>> {
    let one = |first: &'c InventoryWorkload, kind: WorkloadKind, name: &Symbol| {
        let object = Object { kind, namespace: home.clone(), name: name.clone(), scope: Scope::Itself };
        Called { first, all: vec![first], object, told: Labels::new() }
    };
    let is_it = |pod: &&FoldedPod| pod.namespace == *home && pod.name == word.name.0;
    let folded = inventory.folded_pods.iter().chain(&inventory.ended_pods).find(is_it);
    let stands = |workload: &&InventoryWorkload| folded.is_some_and(|pod| pod.owner == (workload.kind, Symbol::clone(&workload.name)));
    if let Some(owner) = workloads.iter().find(stands) {
        notes.extend(folded.and_then(|pod| ended(pod.phase, format_args!("Pod {home}/{}", pod.name))));
        return Some(one(owner, WorkloadKind::Pod, &word.name.0));
    }
    let owns = |workload: &&InventoryWorkload| word.name.0.strip_prefix(&*workload.name).is_some_and(|rest| rest.starts_with('-'));
    let owner = workloads.iter().filter(owns).max_by_key(|workload| workload.name.len())?;
    notes.push(format!("pod {home}/{} is taken as one of {owner}", word.name.0));
    let is_made = owner.ordinals.zip(owner.ordinal(&word.name.0)).is_some_and(|(ordinals, number)| ordinals.hold(number));
    let told = is_made.then(|| (Symbol::from(POD_NAME), Symbol::clone(&word.name.0)));
    Some(Called { told: told.into_iter().collect(), ..one(owner, owner.kind, &owner.name) })
}

/// The namespaces of what runs.
pub(super) fn all_namespaces(inventory: &Inventory) -> impl Iterator<Item = &Symbol> {
    let workloads = inventory.workloads.iter().map(|workload| &workload.namespace);
    workloads.chain(inventory.services.iter().map(|service| &service.namespace))
}

/// The finding that no manifest holds an object.
pub(super) fn unknown(word: &Word, kind: &str, home: &Symbol, draft: &Draft<'_>, context: &Context<'_>) -> Box<Diagnostic> {
    let (name, span) = &word.name;
    let location = Location { file: draft.flow, span: *span };
    let inventory = context.inventory;
    if word.url.is_some() && (word.kind == Kind::Either || word.namespace.as_ref().is_some_and(|own| may_be_outside(word, own, context))) {
        let host = word.url.as_ref().map_or(name, |url| &url.host);
        let finding = draft.unclear(*span, format!("`{host}` is no Service of a cluster"));
        return Box::new(finding.label("a name outside").note(advice::NO_NAMES).help(advice::OUTSIDE));
    }
    let finding = Diagnostic::new(code::UNKNOWN_OBJECT, location, format!("there is no {kind} `{name}` in namespace `{home}`"));
    if inventory.workloads.is_empty() && inventory.services.is_empty() {
        let finding = finding.label("no manifest describes what runs");
        return Box::new(if context.has_manifests {
            finding.help("ask by label, as `app=web@shop`: policies alone say whom they select, not what runs")
        } else {
            finding.help("give the manifests with `--inventory`, or a dump with `--manifests`")
        });
    }
    let services = inventory.services.iter().map(|service| (&service.namespace, &service.name, "Service"));
    let workloads = inventory.workloads.iter().map(|workload| (&workload.namespace, &workload.name, workload.kind.name()));
    let is_called = matches!(&draft.destination, Written::Object(called) if called.span == word.span);
    let all: Vec<(&Symbol, &Symbol, &str)> = match word.kind {
        Kind::Service => services.collect(),
        Kind::Either if is_called => workloads.chain(services).collect(),
        Kind::Either | Kind::Workload(_) => workloads.collect(),
    };
    let finding = finding.label("not among the manifests");
    if let Some((namespace, _, kind)) = all.iter().find(|(_, known, _)| *known == name) {
        return Box::new(finding.help(format!("namespace `{namespace}` has a {kind} of this name: `{name}@{namespace}`")));
    }
    let here = all.iter().filter(|(namespace, _, _)| *namespace == home).map(|(_, name, _)| &***name);
    Box::new(match nearest(name, here) {
        Some(near) => {
            // Of a host in a URL the name is what stands before its first dot.
            let start = location.span.range().start;
            let first = Location { span: Span::new(start, start + name.len()), ..location };
            finding.fix(format!("did you mean `{near}`?"), first, near)
        }
        None => finding.help("ask by label, as `app=web@shop`, if its pods are in no manifest"),
    })
}
