//! Which objects made a difference between two sets of manifests.
//!
//! Owns: `Blame`. An object is blamed if it is not the same on both sides and either decides a flow there, or is one of its ends.

use std::collections::{BTreeMap, BTreeSet};

use super::access::nature;
use super::cause::{Item, placed, said, shown};
use super::entry::{Cause, Change};
use super::looked::port_names;
use super::objects::{Altered, Held};
use super::rules::RuleTexts;
use super::side::{Both, Which};
use super::walk::{Call, Cell, LeftOpen};
use crate::cluster::{Addressed, Cluster, Decision, Document, Gate, Question};
use crate::flow::{Flow, Symbol, Transport, Verdict};

/// What may have made a difference.
pub(super) struct Blame<'a> {
    base: &'a Cluster,
    head: &'a Cluster,
    altered: &'a [Altered<'a>],
    /// The same by name; of several groups the first.
    by_name: BTreeMap<String, &'a Altered<'a>>,
    /// The objects behind workloads, by what questions call them.
    workloads: BTreeMap<Symbol, String>,
    rules: RuleTexts,
}

/// Kinds besides policies that may decide how a connection is made.
const OF_CALLS: [&str; 5] = ["Service", "DestinationRule", "Gateway", "Namespace", "ServiceEntry"];

impl<'a> Blame<'a> {
    /// Of two clusters, what is not the same in their objects, and the objects behind workloads.
    pub(super) fn new([base, head]: [&'a Cluster; 2], altered: &'a [Altered<'a>], workloads: BTreeMap<Symbol, String>) -> Self {
        let mut by_name = BTreeMap::new();
        for object in altered {
            by_name.entry(object.any().map(Held::name).unwrap_or_default()).or_insert(object);
        }
        Self { base, head, altered, by_name, workloads, rules: RuleTexts::new(altered) }
    }

    /// The objects that made the difference about a class of flows: those that decide, as far as they are not the same on both
    /// sides; where none of them is, the ends that have changed; else all that have changed in the namespaces of the ends.
    pub(super) fn of(&self, cell: &Cell) -> BTreeSet<Item> {
        let nature = nature(&cell.before, &cell.after, &cell.requests);
        let mut items = BTreeSet::new();
        for which in [Which::Head, Which::Base] {
            let Some((here, there)) = shown(cell, &nature, which) else { continue };
            for (side, flow, verdict) in [(which, here, Verdict::Allowed), (which.other(), there, Verdict::Denied)] {
                let asked = (side, cell.call.as_ref());
                let decision = self.decide(asked, (&cell.caller, &cell.target), &flow);
                let of_verdict = |verdict: &Verdict| decided_by(&decision, verdict);
                items.extend(of_verdict(&verdict).into_iter().filter_map(|name| self.item(&name)));
            }
        }
        if items.is_empty() {
            items.extend(self.behind(&Ends::from(cell)).into_iter().filter_map(|name| self.item(&name)));
        }
        items
    }

    /// The ends that have changed: workloads, their namespaces, and the Service that is called.
    fn ends(&self, ends: &Ends<'_>) -> BTreeSet<String> {
        let workloads = ends.workloads.iter().flatten().filter_map(|title| self.workloads.get(title)).cloned();
        let namespaces = ends.namespaces().into_iter().map(|name| format!("Namespace /{name}"));
        let service = ends.call.iter().flat_map(|call| &call.leads).filter_map(|(addressed, _)| match addressed {
            Addressed::Service { namespace, name, .. } => Some(format!("Service {namespace}/{name}")),
            Addressed::Unsaid | Addressed::Pod => None,
        });
        workloads.chain(namespaces).chain(service).filter(|name| self.altered_object(name).is_some()).collect()
    }

    /// What has changed in the namespaces of the ends, or in none.
    fn near(&self, ends: &Ends<'_>, wanted: impl Fn(&Held) -> bool) -> BTreeSet<String> {
        let near = ends.namespaces();
        let is_near = |object: &&Held| near.contains(&*object.namespace) && wanted(object);
        self.altered.iter().flat_map(Altered::both).filter(is_near).map(Held::name).collect()
    }

    /// The objects that leave a flow open on both sides, as far as they are not the same there, each with why on the head. None if the
    /// rules that do say the same on both sides.
    pub(super) fn of_open(&self, open: &LeftOpen, flow: &Flow) -> Vec<(String, String)> {
        let mut all = BTreeMap::new();
        let sides = [Which::Head, Which::Base].map(|which| self.decide((which, open.call.as_ref()), (&open.caller, &open.target), flow));
        let [head, base] = &sides;
        if self.rules.are_alike(base, head) {
            return Vec::new();
        }
        for step in sides.iter().flat_map(|decision| &decision.steps) {
            let Verdict::Unspecified(reason) = &step.verdict else { continue };
            for name in step.decided_by.iter().map(name_of).filter(|name| self.altered_object(name).is_some()) {
                all.entry(name).or_insert_with(|| reason.clone());
            }
        }
        if all.is_empty() {
            // The policies are the same, and others of them act: it is the ends that are not.
            let reason = if let Verdict::Unspecified(reason) = &head.verdict { reason.clone() } else { String::new() };
            let near = self.behind(&Ends::from(open));
            let names = if near.is_empty() { self.by_name.keys().cloned().collect() } else { near };
            all.extend(names.into_iter().map(|name| (name, reason.clone())));
        }
        all.into_iter().collect()
    }

    /// What has changed about flows but for the policies that decide them: their ends, else whatever is near.
    fn behind(&self, ends: &Ends<'_>) -> BTreeSet<String> {
        let of_ends = self.ends(ends);
        if !of_ends.is_empty() {
            return of_ends;
        }
        let policies = self.near(ends, Held::is_policy);
        if policies.is_empty() { self.near(ends, |object| OF_CALLS.contains(&object.kind.as_str())) } else { policies }
    }

    /// One side.
    pub(super) const fn cluster(&self, which: Which) -> &Cluster {
        match which {
            Which::Base => self.base,
            Which::Head => self.head,
        }
    }

    /// The names of ports in policies that are not the same.
    pub(super) fn port_names(&self) -> BTreeSet<Symbol> {
        let policies = self.altered.iter().flat_map(Altered::both).filter(|object| object.is_policy());
        policies.flat_map(|object| port_names(&object.text)).collect()
    }

    fn decide(&self, asked: (Which, Option<&Call>), ends: (&Both, &Both), flow: &Flow) -> Decision {
        self.cluster(asked.0).decide(&question(asked, ends, flow))
    }

    /// What one side is asked about an open flow.
    pub(super) fn question(open: &LeftOpen, flow: &Flow, which: Which) -> Question {
        question((which, open.call.as_ref()), (&open.caller, &open.target), flow)
    }

    /// How many objects are not the same.
    pub(super) fn count(&self) -> usize {
        self.by_name.len()
    }

    fn altered_object(&self, name: &str) -> Option<&Altered<'a>> {
        self.by_name.get(name).copied()
    }

    /// An object, if it is not the same on both sides.
    fn item(&self, name: &str) -> Option<Item> {
        self.altered_object(name).map(|object| Item::Object(name.to_owned(), object.change))
    }

    pub(super) fn told(&self, item: &Item) -> Cause {
        let Item::Object(name, change) = item else { return said(String::new()) };
        let object = self.altered_object(name);
        let head = object.and_then(|object| Some((Which::Head, object.new?.location)));
        let place = head.or_else(|| Some((Which::Base, object?.old?.location)));
        Cause { change: *change, ..placed(said(readable(name)), place) }
    }
}

/// What one side is asked about a flow.
fn question((which, call): (Which, Option<&Call>), (caller, target): (&Both, &Both), flow: &Flow) -> Question {
    let (addressed, port, transport): (Addressed, u16, Option<Transport>) = match call {
        Some(call) => (call.of(which).0.clone(), call.of(which).1, None),
        None => (Addressed::Unsaid, flow.port, Some(flow.transport)),
    };
    Question {
        source: caller.end(which).clone(),
        destination: target.end(which).clone(),
        protocol: flow.protocol,
        port,
        transport,
        request: flow.request.clone(),
        addressed,
    }
}

/// An object's name, without the namespace where it has none.
pub(super) fn readable(name: &str) -> String {
    name.replacen(" /", " ", 1)
}

/// The ends of flows.
struct Ends<'e> {
    caller: &'e Both,
    target: &'e Both,
    workloads: &'e [Option<Symbol>; 2],
    call: Option<&'e Call>,
}

impl<'e> From<&'e Cell> for Ends<'e> {
    fn from(cell: &'e Cell) -> Self {
        Self { caller: &cell.caller, target: &cell.target, workloads: &cell.workloads, call: cell.call.as_ref() }
    }
}

impl<'e> From<&'e LeftOpen> for Ends<'e> {
    fn from(open: &'e LeftOpen) -> Self {
        Self { caller: &open.caller, target: &open.target, workloads: &open.workloads, call: open.call.as_ref() }
    }
}

impl Ends<'_> {
    /// The namespaces of both.
    fn namespaces(&self) -> BTreeSet<&str> {
        [self.caller, self.target].into_iter().filter_map(super::kind::namespace).collect()
    }
}

/// The names of the objects by which a side says something of a flow.
fn decided_by(decision: &Decision, verdict: &Verdict) -> BTreeSet<String> {
    let steps = decision.steps.iter().filter(|step| step.verdict == *verdict || step.gate == Gate::Transport);
    steps.flat_map(|step| &step.decided_by).map(name_of).collect()
}

fn name_of(document: &Document) -> String {
    format!("{} {}/{}", document.kind, document.namespace, document.name)
}

/// What has become of an object, as it follows its name.
pub(super) const fn change_word(change: Change) -> &'static str {
    match change {
        Change::Added => "has come",
        Change::Removed => "is gone",
        Change::Changed => "has changed",
    }
}
