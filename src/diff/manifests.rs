//! Two sets of manifests, compared.
//!
//! Owns: `manifests`: what changes between two clusters, end to end and gate by gate, and which objects did it. Flows whose ends
//! lie in namespaces without a changed object are not looked at: both sides hold the same objects for them. Whatever has changed is
//! accounted for by one of the comparisons, or told as a change whose effect is not known (`ledger`).

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use super::access::{Access, nature};
use super::actual::{Actual, Likeness, actual, object_of};
use super::blame::Blame;
use super::brief::Teller;
use super::calls::{Called, Labelled, Sides, Touched, calls};
use super::concerned::Concerned;
use super::doubt::Doubts;
use super::entry::Entry;
use super::facts::{Fact, found, workloads_of};
use super::kind::kind;
use super::labelled::labelled;
use super::ledger::{self, Known, Waypoints, described, unaccounted};
use super::looked::Looked;
use super::news::with_news;
use super::objects::{Altered, Contents, Held, altered, held, seeds};
use super::parties;
use super::presumed::{presumed, spoken};
use super::programs::{Groups, STOPPED, grouped, key, sort};
use super::report::{Report, Text};
use super::run::{Compared, Revision, Texts, Unjudged};
use super::seeds::{Policies, Seed, sown};
use super::selected::narrowed;
use super::side::{Pair, Said, Which};
use super::supposed::Supposed;
use super::verified;
use super::walk::{Cell, Ground, LeftOpen, Sampled, walk, walk_workloads};
use super::words::Words;
use super::yaml::{Yaml, names};
use crate::cluster::{self, Assumption, Cluster, Joining};
use crate::compile::{Mesh, platform_of_manifests};
use crate::config;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::order::has_error;
use crate::flow::{AddressSet, Flow, Symbol};
use crate::inventory::ShownJoining;
use crate::manifest::Trees;
use crate::source::Sources;
use crate::threads::both;
use crate::verify::flow_words;

/// A side that was read.
struct Seen {
    name: String,
    sources: Sources,
    cluster: Cluster,
    /// What keeps flows unspecified.
    findings: Vec<Diagnostic>,
}

/// Compares two sets of manifests: `inventory` of each input holds them, with its configuration beside.
pub fn manifests(base: Revision, head: Revision) -> Result<Compared, Box<Unjudged>> {
    let mesh = spoken(&base, &head);
    let (old, new) = {
        let inputs = [&base.input, &head.input].into_iter();
        let trees = Trees::of(inputs.flat_map(|input| input.inventory.iter().map(|file| (&input.sources, *file))));
        let (old, new) = both(|| Read::new(&base, mesh, &trees), || Read::new(&head, mesh, &trees));
        // What one side shows of how pods join the mesh holds for the other, too.
        let (before, after) = (old.cluster.shown_joining(), new.cluster.shown_joining());
        (old.beside(after, &base, &trees), new.beside(before, &head, &trees))
    };
    let ((mut base, old), (mut head, new)) = (old.seen(Which::Base, base)?, new.seen(Which::Head, head)?);
    let (clusters, mut presumed) = presumed(mesh, [base.cluster, head.cluster]);
    [base.cluster, head.cluster] = clusters;
    let found = compared(&base, &head, &old, &new);
    presumed.extend(found.presumed);
    let text = if texts(&old) == texts(&new) { Text::Same } else { Text::Changed };
    let report = Report {
        base: base.name.clone(),
        head: head.name.clone(),
        facts: found.facts,
        incomplete: found.incomplete.iter().map(flow_words).chain(found.names).collect(),
        text,
        entries: found.entries,
        // Of two equal texts nothing hangs on it.
        presumed: if text == Text::Changed { presumed } else { Vec::new() },
        ..Report::default()
    };
    let [known_before, known] = [&base.cluster, &head.cluster].map(labelled);
    Ok(Compared { report, texts: Texts { base: base.sources, head: head.sources }, base: known_before, head: known })
}

/// The texts of all objects.
fn texts(contents: &Contents) -> BTreeSet<[&str; 2]> {
    contents.objects.iter().map(Held::texts).collect()
}

/// What was read of a side.
struct Read {
    cluster: Cluster,
    contents: Contents,
    findings: Vec<Diagnostic>,
}

impl Read {
    /// Reads a side of which there may be trees.
    fn new<'s>(revision: &'s Revision, mesh: Mesh, trees: &'s Trees<'s>) -> Self {
        let input = &revision.input;
        let config = input.config.and_then(|file| Some((file, input.sources.get(file)?)));
        let (mut config, mut findings) = config.map(|(file, source)| config::read(file, source)).unwrap_or_default();
        mesh.settle(&mut config);
        let default: Symbol = input.namespace.as_deref().unwrap_or("default").into();
        let platform = cluster::Platform { default_namespace: Some(Symbol::clone(&default)), ..platform_of_manifests(&config) };
        let (cluster, found) = cluster::read_with(&input.sources, &input.inventory, platform, trees);
        findings.extend(found);
        Self { cluster, contents: held(&input.sources, &input.inventory, &default, trees), findings }
    }

    /// The same, where the other side shows this of how pods join the mesh, unless its configuration says it.
    fn beside<'s>(self, shown: ShownJoining, revision: &'s Revision, trees: &'s Trees<'s>) -> Self {
        let platform = self.cluster.platform();
        if platform.joining == Joining::AsTaken || shown <= self.cluster.shown_joining() {
            return self;
        }
        let platform = cluster::Platform { joining: Joining::AsShown { beside: shown }, ..platform.clone() };
        let (cluster, _) = cluster::read_with(&revision.input.sources, &revision.input.inventory, platform, trees);
        Self { cluster, ..self }
    }

    /// The side, with its objects and their texts; its findings if they keep it from being judged.
    fn seen(self, which: Which, revision: Revision) -> Result<(Seen, Contents), Box<Unjudged>> {
        let Self { cluster, contents, findings } = self;
        let Revision { name, input } = revision;
        if has_error(&findings) {
            return Err(Box::new(Unjudged { which, name, sources: input.sources, findings }));
        }
        Ok((Seen { name, sources: input.sources, cluster, findings }, contents))
    }
}

/// All that is told of two sides.
struct Outcome {
    entries: Vec<Entry>,
    facts: Vec<Fact>,
    incomplete: Vec<Flow>,
    /// That names were not told apart, in words.
    names: Option<String>,
    presumed: Option<Assumption>,
}

fn compared(base: &Seen, head: &Seen, old: &Contents, new: &Contents) -> Outcome {
    let clusters = [&base.cluster, &head.cluster];
    let known = names(clusters);
    let [left, right] = clusters.map(|cluster| Yaml::new(cluster, known.clone()));
    let pair = Pair::new(&left, &right);
    let changes = altered(&old.objects, &new.objects);
    let objects: Vec<_> = old.objects.iter().chain(&new.objects).collect();
    let services: Vec<_> = old.services.iter().chain(&new.services).collect();
    let workloads = actual(clusters, &pair, &Looked::new(&objects, &services, clusters));
    let looks = Looks { pair: &pair, clusters, names: &known, contents: [old, new], changes: &changes, workloads: &workloads };
    let seen = looks.all();
    let of_workloads = workloads.iter().map(|workload| (Symbol::clone(&workload.title), workload.object.clone())).collect();
    let blame = Blame::new(clusters, &changes, of_workloads);
    let entries = entries(&pair, &blame, (seen.cells, &seen.few), &seen.concerned, clusters);
    let doubts = Doubts { blame: &blame, names: &known, supposed: Supposed::new(clusters), port_names: OnceCell::new() };
    let open = doubts.culprits(&seen.left_open);
    let incomplete = seen.incomplete.into_iter().chain(open.unasked).collect();
    let mut facts =
        unaccounted(&changes, Known { clusters, workloads: &workloads, called: &seen.called, waypoints: looks.waypoints() }, &open.found);
    facts.extend(described(&changes, clusters));
    facts.extend(verified::policies(clusters));
    facts.extend(found(&base.findings, &head.findings));
    facts.extend(workloads_of(&base.cluster, &head.cluster));
    facts.sort_by_key(|fact| fact.kind);
    // Of two sides with the same objects nothing hangs on it.
    let is_cut_short = known.are_cut_short() && !changes.is_empty();
    let names = is_cut_short.then(|| "callers from further namespaces and accounts, by the patterns of policies".to_owned());
    Outcome { entries, facts, incomplete, names, presumed: seen.port_names }
}

/// What all comparisons show.
struct Shown {
    cells: Vec<Cell>,
    few: Sampled,
    concerned: Concerned,
    incomplete: Vec<Flow>,
    left_open: Vec<LeftOpen>,
    called: Called,
    /// What is taken for granted of pods that nobody described.
    port_names: Option<Assumption>,
}

/// Two sides, and what is not the same about them.
struct Looks<'a> {
    pair: &'a Pair<'a>,
    clusters: [&'a Cluster; 2],
    names: &'a cluster::Names,
    contents: [&'a Contents; 2],
    changes: &'a [Altered<'a>],
    workloads: &'a [Actual],
}

impl Looks<'_> {
    /// Classes of flows over every pod that could exist, then workloads that are not like those, then calls that hang on more than
    /// their ends. What an earlier one shows, a later one does not show again.
    fn all(&self) -> Shown {
        let [base, head] = self.clusters;
        let is_one_platform = base.platform() == head.platform();
        let root = &head.platform().root_namespace;
        let seeds = if is_one_platform { seeds(self.changes, root) } else { vec![Seed::Everything] };
        let touched = self.touched(&seeds);
        let none = None::<Policies<'_>>;
        let narrowed = self.narrowed(&seeds);
        let everything = sown(vec![Seed::Everything], none, self.pair);
        let inward = sown(seeds.clone(), none, self.pair);
        let outward = sown(narrowed.iter().map(Seed::with_all_callers).collect(), none, self.pair);
        let classes = walk(self.pair, none, &sown(narrowed, none, self.pair));
        let apart: Vec<&Actual> = self.workloads.iter().filter(|workload| workload.likeness != Likeness::Usual).collect();
        let own = walk_workloads(self.pair, &apart, Ground { everything: &everything, inward: &inward, outward: &outward });
        let mut called = self.called(&touched);
        let (mut cells, mut incomplete, mut few) = (classes.cells, classes.incomplete, classes.few);
        few.extend(own.few);
        incomplete.extend(own.incomplete);
        incomplete.append(&mut called.incomplete);
        let count = cells.len();
        cells.retain(|cell| !self.is_of_unnamed_ports(cell));
        let port_names = if cells.len() < count { Some(Assumption::PortNames) } else { None };
        let concerned = Concerned::new(&apart, &own.cells);
        cells = with_news(cells, own.cells);
        cells = with_news(cells, std::mem::take(&mut called.cells));
        let mut left_open: Vec<LeftOpen> = classes.left_open.into_iter().chain(own.left_open).collect();
        left_open.append(&mut called.left_open);
        Shown { cells, few, concerned, incomplete, left_open, called, port_names }
    }

    /// Whether a class of pods that could exist is left open as nobody knows what such pods call their ports, while all workloads
    /// with their labels say it of themselves: what these do is told of them.
    fn is_of_unnamed_ports(&self, cell: &Cell) -> bool {
        let is_open =
            |access: &Access| [&access.plaintext, &access.mtls].into_iter().flatten().flatten().any(|said| *said == Said::Unspecified);
        let sides = [(&cell.before, &cell.was_why), (&cell.after, &cell.why)];
        let mut reasons = sides.into_iter().filter(|(access, _)| is_open(access)).map(|(_, why)| why).peekable();
        let is_of_names = |why: &Option<String>| why.as_deref().is_some_and(Cluster::is_of_port_names);
        if reasons.peek().is_none() || !reasons.all(is_of_names) {
            return false;
        }
        let are_named =
            |workload: &Actual| [Which::Base, Which::Head].into_iter().all(|which| workload.both.end(which).facts.ports.is_some());
        let is_told = |object: String| {
            let own = self.workloads.iter().find(|workload| workload.object == object);
            own.is_some_and(|workload| workload.likeness != Likeness::Usual && are_named(workload))
        };
        let held = self.clusters.into_iter().flat_map(Cluster::workloads);
        let mut within = held.filter(|workload| cell.destination.contains(&workload.endpoint.peer)).peekable();
        within.peek().is_some() && within.all(|workload| is_told(object_of(workload)))
    }

    /// The seeds as far as pods go of whom nothing is known but their labels.
    fn narrowed(&self, seeds: &[Seed]) -> Vec<Seed> {
        match self.waypoints() {
            Waypoints::None => narrowed(seeds, self.changes, self.clusters, self.names),
            Waypoints::Some => seeds.to_vec(),
        }
    }

    /// Calls between workloads, where anything stands on their way, or a Service has changed.
    fn called(&self, touched: &Touched) -> Called {
        let has_rules = self.objects().any(|held| held.kind == "DestinationRule");
        if self.changes.is_empty() || self.waypoints() == Waypoints::None && !has_rules && touched.services.is_empty() {
            return Called::default();
        }
        let [old, new] = self.contents;
        let sides = Sides { clusters: self.clusters, services: [&old.services, &new.services], names: self.names, pair: self.pair };
        calls(sides, self.workloads, touched)
    }

    fn objects(&self) -> impl Iterator<Item = &super::objects::Held> {
        self.contents.into_iter().flat_map(|contents| &contents.objects)
    }

    fn waypoints(&self) -> Waypoints {
        let is_waypoint = |held: &super::objects::Held| held.about("gatewayClassName").any(|class| class.contains("waypoint"));
        let found = self.objects().any(|held| is_waypoint(held) || held.text.contains("istio.io/use-waypoint"));
        if found { Waypoints::Some } else { Waypoints::None }
    }

    fn touched(&self, seeds: &[Seed]) -> Touched {
        let namespace = |seed: &Seed| match seed {
            Seed::Namespace(name) => Some(Symbol::clone(name)),
            _ => None,
        };
        let rules = || self.changes.iter().flat_map(Altered::both).filter(|held| held.kind == "DestinationRule");
        let labelled = self.objects().any(|held| held.kind == "DestinationRule" && held.text.contains("workloadSelector"));
        Touched {
            namespaces: seeds.iter().map(namespace).collect(),
            services: ledger::services(self.changes),
            hosts: rules().flat_map(|held| held.about("host")).map(str::to_owned).collect(),
            labels: if labelled { Labelled::Yes } else { Labelled::No },
        }
    }
}

fn entries(
    pair: &Pair<'_>,
    blame: &Blame<'_>,
    (cells, few): (Vec<Cell>, &Sampled),
    concerned: &Concerned,
    clusters: [&Cluster; 2],
) -> Vec<Entry> {
    let [_, head] = clusters;
    let words = Words { networks: networks(head), ..Words::default() };
    let (mut of_classes, mut of_workloads) = (Groups::new(), Groups::new());
    for cell in cells {
        let items = blame.of(&cell);
        let kind = kind(pair, &cell, &nature(&cell.before, &cell.after, &cell.requests));
        let groups = if cell.workloads.iter().any(Option::is_some) { &mut of_workloads } else { &mut of_classes };
        groups.entry(key(pair, &words, &cell, items)).or_default().push((cell, kind));
    }
    let told = |item: &_| blame.told(item);
    let teller = Teller::new(pair, &words, few);
    let mut entries: Vec<Entry> = Vec::new();
    entries.extend(of_classes.iter().flat_map(|(key, cells)| grouped(teller, key, cells, &told)));
    for entry in &mut entries {
        concerned.fill_in(clusters, entry);
    }
    entries.extend(of_workloads.iter().flat_map(|(key, cells)| parties::told(pair, &words, key, cells, &told)));
    let mut entries = without_byways(entries);
    sort(&mut entries);
    entries
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

fn networks(cluster: &Cluster) -> BTreeMap<Symbol, AddressSet> {
    let nodes = cluster.platform().nodes.clone();
    if nodes.is_empty() { BTreeMap::new() } else { [("nodes".into(), nodes)].into() }
}
