//! Two sets of manifests, compared.
//!
//! Owns: `manifests`: what changes between two clusters, end to end and gate by gate, and which objects did it. Flows whose ends
//! lie in namespaces without a changed object are not looked at: both sides hold the same objects for them.

use std::collections::BTreeSet;

use super::access::nature;
use super::cause::{Item, placed, said, shown};
use super::entry::{Cause, Change, Entry};
use super::facts::{Fact, unknown, workloads_of};
use super::kind::kind;
use super::objects::{Held, held, seeds};
use super::programs::{Accesses, Groups, STOPPED, grouped, key, sort};
use super::report::{Report, Text};
use super::run::{Compared, Revision, Texts, Unjudged};
use super::seeds::{Policies, sown};
use super::side::{Pair, Which};
use super::walk::{Cell, walk};
use super::words::Words;
use super::yaml::{Yaml, names};
use crate::cluster::{self, Addressed, Cluster, Decision, Endpoint, Gate, Question};
use crate::compile::platform;
use crate::config;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::order::has_error;
use crate::flow::{AddressSet, Flow, Peers, Symbol, Verdict};
use crate::ir::Policy;
use crate::source::{FileId, Sources};
use crate::verify::flow_words;

/// A side that was read.
struct Seen {
    name: String,
    sources: Sources,
    files: Vec<FileId>,
    cluster: Cluster,
    /// What keeps flows unspecified.
    findings: Vec<Diagnostic>,
}

/// Compares two sets of manifests: `inventory` of each input holds them, with its configuration beside.
pub fn manifests(base: Revision, head: Revision) -> Result<Compared, Box<Unjudged>> {
    let (base, head) = (read(Which::Base, base)?, read(Which::Head, head)?);
    let (old, new) = (held(&base.sources, &base.files), held(&head.sources, &head.files));
    let found = compared(&base, &head, &old, &new);
    let texts = |objects: &[Held]| -> BTreeSet<String> { objects.iter().map(|object| object.text.clone()).collect() };
    let report = Report {
        base: base.name.clone(),
        head: head.name.clone(),
        facts: facts(&base, &head),
        incomplete: found.incomplete.iter().map(flow_words).collect(),
        text: if texts(&old) == texts(&new) { Text::Same } else { Text::Changed },
        entries: found.entries,
        ..Report::default()
    };
    Ok(Compared { report, texts: Texts { base: base.sources, head: head.sources }, head: Policy::default() })
}

/// Workloads that have come or gone, and objects of which it is not known what they do.
fn facts(base: &Seen, head: &Seen) -> Vec<Fact> {
    let mut facts = unknown(&base.findings, &head.findings);
    facts.extend(workloads_of(&base.cluster, &head.cluster));
    facts
}

fn read(which: Which, revision: Revision) -> Result<Seen, Box<Unjudged>> {
    let Revision { name, input } = revision;
    let config = input.config.and_then(|file| Some((file, input.sources.get(file)?)));
    let (config, mut findings) = config.map(|(file, source)| config::read(file, source)).unwrap_or_default();
    let default: Symbol = input.namespace.as_deref().unwrap_or("default").into();
    let platform = cluster::Platform { default_namespace: Some(default), ..platform(&config) };
    let (cluster, found) = cluster::read(&input.sources, &input.inventory, platform);
    findings.extend(found);
    if has_error(&findings) {
        return Err(Box::new(Unjudged { which, name, sources: input.sources, findings }));
    }
    Ok(Seen { name, sources: input.sources, files: input.inventory, cluster, findings })
}

fn compared(base: &Seen, head: &Seen, old: &[Held], new: &[Held]) -> Accesses {
    let mut known = names(&base.cluster);
    let more = names(&head.cluster);
    known.namespaces.extend(more.namespaces);
    known.accounts.extend(more.accounts);
    let sides = [&base.cluster, &head.cluster].map(|cluster| Yaml::new(cluster, known.clone()));
    let [left, right] = &sides;
    let pair = Pair::new(left, right);
    let root = &head.cluster.platform().root_namespace;
    let sown = sown(seeds(old, new, root), None::<Policies<'_>>, &pair);
    let found = walk(&pair, None, &sown);
    let blame = Blame { base: &base.cluster, head: &head.cluster, old, new };
    let words = Words { networks: networks(&head.cluster), ..Words::default() };
    let mut groups = Groups::new();
    for cell in found.cells {
        let items = blame.of(&cell);
        let kind = kind(&pair, &cell, &nature(&cell.before, &cell.after, &cell.requests));
        groups.entry(key(&pair, &words, &cell, items)).or_default().push((cell, kind));
    }
    let mut entries: Vec<Entry> = Vec::new();
    for (key, cells) in groups {
        entries.extend(grouped(&pair, &words, &key, &cells, &|item| blame.told(item)));
    }
    for entry in &mut entries {
        workloads(&base.cluster, &head.cluster, entry);
    }
    let mut entries = without_byways(entries);
    sort(&mut entries);
    Accesses { entries, incomplete: found.incomplete, without_effect: 0 }
}

/// Whoever is let in by two gates is let in by each of them for others too, whom the other gate stops. That is told beside the
/// entry with the same causes, and is one of its own only where there is none.
fn without_byways(entries: Vec<Entry>) -> Vec<Entry> {
    let is_layer = |entry: &Entry| entry.before.starts_with(STOPPED) && entry.after.starts_with(STOPPED);
    let (layers, mut others): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(is_layer);
    for layer in layers {
        let is_beside = |entry: &&mut Entry| {
            entry.causes == layer.causes && entry.ports.overlaps(&layer.ports) && entry.destination.overlaps(&layer.destination)
        };
        match others.iter_mut().filter(|entry| !is_layer(entry)).find(is_beside) {
            Some(entry) => entry.remarks.push(format!("{} -> {}: was {}, now {}", layer.who, layer.whom, layer.before, layer.after)),
            None => others.push(layer),
        }
    }
    others
}

fn networks(cluster: &Cluster) -> std::collections::BTreeMap<Symbol, AddressSet> {
    let nodes = cluster.platform().nodes.clone();
    if nodes.is_empty() { std::collections::BTreeMap::new() } else { [("nodes".into(), nodes)].into() }
}

/// What may have made a difference.
struct Blame<'a> {
    base: &'a Cluster,
    head: &'a Cluster,
    old: &'a [Held],
    new: &'a [Held],
}

impl Blame<'_> {
    /// The objects that made the difference about a class of flows: those that decide, as far as they are not the same on both
    /// sides; where none of them is, all that have changed in the namespaces of its ends.
    fn of(&self, cell: &Cell) -> BTreeSet<Item> {
        let nature = nature(&cell.before, &cell.after, &cell.requests);
        let mut items = BTreeSet::new();
        for which in [Which::Head, Which::Base] {
            let Some((here, there)) = shown(cell, &nature, which) else { continue };
            for (side, flow, verdict) in [(which, here, Verdict::Allowed), (which.other(), there, Verdict::Denied)] {
                items.extend(self.deciding(side, &flow, &verdict).into_iter().filter_map(|name| self.item(name)));
            }
        }
        if items.is_empty() {
            let near: BTreeSet<&str> = [&cell.caller, &cell.target].iter().filter_map(|peer| super::kind::namespace(peer)).collect();
            let changed = self.new.iter().chain(self.old).filter(|object| near.contains(&*object.namespace) && object.is_policy());
            items.extend(changed.filter_map(|object| self.item(object.name())));
        }
        items
    }

    /// The names of the objects by which a side decides a flow.
    fn deciding(&self, which: Which, flow: &Flow, verdict: &Verdict) -> BTreeSet<String> {
        let cluster = match which {
            Which::Base => self.base,
            Which::Head => self.head,
        };
        let decision = decide(cluster, flow);
        let steps = decision.steps.iter().filter(|step| step.verdict == *verdict || step.gate == Gate::Transport);
        steps
            .flat_map(|step| &step.decided_by)
            .map(|document| format!("{} {}/{}", document.kind, document.namespace, document.name))
            .collect()
    }

    /// An object, if it is not the same on both sides.
    fn item(&self, name: String) -> Option<Item> {
        let text = |all: &[Held]| all.iter().find(|object| object.name() == name).map(|object| object.text.clone());
        let change = match (text(self.old), text(self.new)) {
            (Some(old), Some(new)) if old == new => return None,
            (Some(_), Some(_)) => Change::Changed,
            (None, Some(_)) => Change::Added,
            (Some(_), None) => Change::Removed,
            (None, None) => return None,
        };
        Some(Item::Object(name, change))
    }

    fn told(&self, item: &Item) -> Cause {
        let Item::Object(name, change) = item else { return said(String::new()) };
        let find = |all: &[Held]| all.iter().find(|object| object.name() == *name).map(|object| object.location);
        let place = find(self.new).map(|location| (Which::Head, location)).or_else(|| Some((Which::Base, find(self.old)?)));
        Cause { change: *change, ..placed(said(name.clone()), place) }
    }
}

/// What a cluster does with a flow.
fn decide(cluster: &Cluster, flow: &Flow) -> Decision {
    cluster.decide(&Question {
        source: Endpoint::from(flow.source.clone()),
        destination: Endpoint::from(flow.destination.clone()),
        protocol: flow.protocol,
        port: flow.port,
        transport: Some(flow.transport),
        request: flow.request.clone(),
        addressed: Addressed::Unsaid,
    })
}

/// The workloads of either side that are concerned.
fn workloads(base: &Cluster, head: &Cluster, entry: &mut Entry) {
    let concerned = |peers: &Peers| -> Vec<String> {
        if peers.pods.cubes().iter().any(|cube| *cube == crate::flow::PodCube::all()) {
            return Vec::new();
        }
        let all = [base, head].into_iter().flat_map(Cluster::workloads);
        let names: BTreeSet<String> = all
            .filter(|workload| peers.contains(&workload.endpoint.peer))
            .map(|workload| format!("{} {}/{}", workload.kind, workload.namespace(), workload.name))
            .collect();
        names.into_iter().collect()
    };
    entry.callers = concerned(&entry.source);
    entry.called = concerned(&entry.destination);
}
