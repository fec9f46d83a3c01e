//! Which objects made a difference between two sets of manifests.
//!
//! Owns: `Blame`. An object is blamed if it is not the same on both sides and either decides a flow there, or is one of its ends.

use std::collections::{BTreeMap, BTreeSet};

use super::access::nature;
use super::cause::{Item, placed, said, shown};
use super::entry::{Cause, Change};
use super::looked::port_names;
use super::objects::{Altered, Held};
use super::side::{Both, Which};
use super::walk::{Call, Cell, LeftOpen};
use crate::cluster::{Addressed, Cluster, Decision, Gate, Question};
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
        Self { base, head, altered, by_name, workloads }
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
            items = self.ends(cell);
        }
        if items.is_empty() {
            items = self.near(cell, Held::is_policy);
        }
        if items.is_empty() {
            items = self.near(cell, |object| OF_CALLS.contains(&object.kind.as_str()));
        }
        items
    }

    /// The ends that have changed: workloads, their namespaces, and the Service that is called.
    fn ends(&self, cell: &Cell) -> BTreeSet<Item> {
        let workloads = cell.workloads.iter().flatten().filter_map(|title| self.workloads.get(title)).cloned();
        let namespaces = near(cell).into_iter().map(|name| format!("Namespace /{name}"));
        let service = cell.call.iter().flat_map(|call| &call.leads).filter_map(|(addressed, _)| match addressed {
            Addressed::Service { namespace, name, .. } => Some(format!("Service {namespace}/{name}")),
            Addressed::Unsaid | Addressed::Pod => None,
        });
        workloads.chain(namespaces).chain(service).filter_map(|name| self.item(&name)).collect()
    }

    /// What has changed in the namespaces of the ends, or in none.
    fn near(&self, cell: &Cell, wanted: impl Fn(&Held) -> bool) -> BTreeSet<Item> {
        let near = near(cell);
        let is_near = |object: &&Held| near.contains(&*object.namespace) && wanted(object);
        self.altered.iter().flat_map(Altered::both).filter(is_near).filter_map(|object| self.item(&object.name())).collect()
    }

    /// The objects that leave a flow open on both sides, as far as they are not the same there, each with why on the head.
    pub(super) fn of_open(&self, open: &LeftOpen) -> Vec<(String, String)> {
        let mut all = BTreeMap::new();
        for which in [Which::Head, Which::Base] {
            let decision = self.decide((which, open.call.as_ref()), (&open.caller, &open.target), &open.flow);
            for step in &decision.steps {
                let Verdict::Unspecified(reason) = &step.verdict else { continue };
                for document in &step.decided_by {
                    let name = format!("{} {}/{}", document.kind, document.namespace, document.name);
                    if self.altered_object(&name).is_some() {
                        all.entry(name).or_insert_with(|| reason.clone());
                    }
                }
            }
        }
        all.into_iter().collect()
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
    pub(super) fn question(open: &LeftOpen, which: Which) -> Question {
        question((which, open.call.as_ref()), (&open.caller, &open.target), &open.flow)
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

/// The namespaces of both ends.
fn near(cell: &Cell) -> BTreeSet<&str> {
    [&cell.caller, &cell.target].into_iter().filter_map(super::kind::namespace).collect()
}

/// The names of the objects by which a side says something of a flow.
fn decided_by(decision: &Decision, verdict: &Verdict) -> BTreeSet<String> {
    let steps = decision.steps.iter().filter(|step| step.verdict == *verdict || step.gate == Gate::Transport);
    steps.flat_map(|step| &step.decided_by).map(|document| format!("{} {}/{}", document.kind, document.namespace, document.name)).collect()
}

/// What has become of an object, as it follows its name.
pub(super) const fn change_word(change: Change) -> &'static str {
    match change {
        Change::Added => "has come",
        Change::Removed => "is gone",
        Change::Changed => "has changed",
    }
}
