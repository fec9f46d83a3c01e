//! The whole way from two sides to a plan.
//!
//! Owns: `intents`, `manifests`. A side with errors ends it; what cannot be judged is told and never taken for safe.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::bench::{Bench, Read, Setting};
use super::items::{Item, State, holds};
use super::object::{Id, Object, read, written};
use super::report::{Harm, Plan, Safety};
use super::search::{Taken, search};
use super::stage::{staged, trials};
use super::steps::steps;
use crate::cluster::{self, Cluster, Platform};
use crate::compile::{Input, Mesh, Outcome, compile, platform, proof_platform, unproved};
use crate::config;
use crate::diagnostic::order::has_error;
use crate::diagnostic::{Diagnostic, code};
use crate::diff::{
    Intents, Pair, Revision, Standing, Unjudged, Which, Words, Yaml, moves, names, planes, presumed, spoken, turning, words_of,
};
use crate::flow::{PodCube, Symbol};
use crate::ir::{Ownership, Policy, Workload};
use crate::source::{FileId, Source, Sources};
use crate::threads::both;
use crate::verify::{Assumption, Program, assumptions};

/// What a plan is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Whether policies are tried out first.
    pub trials: Trials,
    /// What becomes of policies that the head lacks.
    pub others: Others,
}

/// Whether policies are tried out first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trials {
    /// They count at once.
    #[default]
    None,
    /// Copies are applied first that enforce nothing.
    First,
}

/// What becomes of policies of a set of manifests that the other set lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Others {
    /// They are deleted.
    #[default]
    Deleted,
    /// They stay, but for those that this tool wrote.
    Kept,
}

/// A plan, and what it was made from.
#[derive(Debug, Clone, Default)]
pub struct Rollout {
    /// What is told.
    pub plan: Plan,
    /// What was found.
    pub findings: Vec<Diagnostic>,
    /// The texts of the head, for the findings.
    pub sources: Sources,
}

/// Plans the way from one program's manifests to another's.
pub fn intents(base: Revision, head: Revision, options: Options) -> Result<Rollout, Box<Unjudged>> {
    let (old, new) = both(|| Written::new(Which::Base, base), || Written::new(Which::Head, head));
    let (mut old, mut new) = (old?, new?);
    let platform = Platform { default_namespace: Some("default".into()), ..proof_platform(&new.outcome.policy.config) };
    let (before, after) = (Rc::new(old.cluster(&platform)), Rc::new(new.cluster(&platform)));
    let (base_policy, head_policy) = (&old.outcome.policy, &new.outcome.policy);
    let (base_program, head_program) = (Program::new(base_policy), Program::new(head_policy));
    // A program that says nothing knows nothing of the cluster either: not how its pods take part in the mesh.
    let worlds = match (base_policy.managed().next(), head_policy.managed().next()) {
        (None, Some(_)) => (head_policy, head_policy),
        (Some(_), None) => (base_policy, base_policy),
        _ => (base_policy, head_policy),
    };
    let (base_world, head_world) = (Intents::new(worlds.0), Intents::new(worlds.1));
    let judge = |program, cluster| Box::new(crate::verify::Written::new(program, cluster));
    let sides = (Standing::new(judge(&base_program, &before), &base_world), Standing::new(judge(&head_program, &after), &head_world));
    let pair = Pair::new(&sides.0, &sides.1);
    let setting = Setting::Program(&head_program);
    let objects = (old.objects(), new.objects());
    let others = others([base_policy, head_policy]);
    let is_modelled = before.is_modelled() && after.is_modelled();
    let said = words_of(base_policy, head_policy);
    let clusters = vec![Rc::clone(&before), Rc::clone(&after)];
    let ends = Ends {
        pair: &pair,
        setting: &setting,
        platform: &platform,
        words: &said,
        kept: "",
        others: &others,
        is_modelled,
        is_kept_alike: true,
        clusters,
    };
    let mut plan = Plan { base: old.name, head: new.name, ..Plan::default() };
    plan.assumptions = assumed(&old.outcome, &new.outcome);
    order(&ends, objects, &apart(&pair, [base_policy, head_policy]), options, &mut plan);
    Ok(Rollout { findings: findings(&plan), plan, sources: new.outcome.sources })
}

/// The namespaces that others' programs answer for, on either side.
fn others(policies: [&Policy; 2]) -> BTreeSet<Symbol> {
    let all = policies.into_iter().flat_map(|policy| policy.namespaces.values());
    all.filter(|namespace| namespace.ownership == Ownership::With).map(|namespace| Symbol::clone(&namespace.name)).collect()
}

/// What is taken for granted of the head, and of the base what differs, which holds only before: accounts, and all of it where the
/// head manages nothing.
fn assumed(base: &Outcome, head: &Outcome) -> Vec<String> {
    let of = |outcome: &Outcome| match outcome.policy.managed().next() {
        Some(_) => assumptions(&outcome.policy, &outcome.gates),
        None => Vec::new(),
    };
    let all = of(head);
    let known: BTreeSet<&str> = all.iter().map(Assumption::name).collect();
    let told: Vec<String> = all.iter().map(ToString::to_string).collect();
    let own: BTreeSet<&str> = told.iter().map(String::as_str).collect();
    let more = of(base).into_iter().filter(|one| matches!(one, Assumption::Account { .. }) || !known.contains(one.name()));
    let before: Vec<String> =
        more.map(|one| one.to_string()).filter(|one| !own.contains(one.as_str())).map(|one| format!("before: {one}")).collect();
    told.into_iter().chain(before).collect()
}

/// A program that was compiled and proved.
struct Written {
    name: String,
    outcome: Outcome,
    sources: Sources,
    files: Vec<FileId>,
    /// Whether no policies of others join the proof.
    is_alone: bool,
}

impl Written {
    fn new(which: Which, revision: Revision) -> Result<Self, Box<Unjudged>> {
        let Revision { name, input } = revision;
        let is_alone = input.alongside.is_empty();
        // What is not to be applied needs no proof: it is held against everything else as it is.
        let compile = if which == Which::Head { compile } else { unproved };
        let outcome = compile(Input { today: None, targets: Vec::new(), ..input });
        if has_error(&outcome.findings) {
            return Err(Box::new(Unjudged { which, name, sources: outcome.sources, findings: outcome.findings }));
        }
        let mut sources = Sources::default();
        let written = outcome.files.iter().filter(|file| !file.path.ends_with("kustomization.yaml"));
        let files = written.map(|file| sources.add(Source::new(file.path.as_str(), file.text.as_str()))).collect();
        Ok(Self { name, outcome, sources, files, is_alone })
    }

    /// As the proof read it, if that was of nothing else and on this platform.
    fn cluster(&mut self, platform: &Platform) -> Cluster {
        let is_it = |cluster: &Cluster| {
            let known = Platform { default_namespace: platform.default_namespace.clone(), ..cluster.platform().clone() };
            self.is_alone && known == *platform
        };
        self.outcome.cluster.take().filter(is_it).unwrap_or_else(|| cluster::read(&self.sources, &self.files, platform.clone()).0)
    }

    fn objects(&self) -> Vec<Object> {
        read(&self.sources, &self.files, "default", &written(&self.outcome.manifests))
    }
}

/// Pods that are in the mesh in another way than the rest of their namespace, and those that are not the same on both sides.
fn apart(pair: &Pair<'_>, policies: [&Policy; 2]) -> Vec<PodCube> {
    let workloads = || policies.iter().flat_map(|policy| &policy.workloads);
    let mut cubes: BTreeSet<PodCube> = workloads().filter(|workload| workload.plane.is_some()).map(Workload::cube).collect();
    let callers = policies.iter().flat_map(|policy| &policy.rules).flat_map(|rule| rule.source.peers().pods.cubes().to_vec());
    let known: BTreeSet<PodCube> = workloads().map(Workload::cube).chain(callers).collect();
    cubes.extend(known.iter().flat_map(by_namespace).filter(|cube| moves(pair, cube)));
    cubes.into_iter().collect()
}

/// The pods of a cube, namespace by namespace where it names them, whatever their account is.
fn by_namespace(cube: &PodCube) -> Vec<PodCube> {
    let names = cube.namespace_names().unwrap_or_default();
    names.iter().map(|name| PodCube { labels: cube.labels.clone(), ..PodCube::in_namespace(name) }).collect()
}

/// Kinds that are put in order.
const ORDERED: [&str; 6] =
    ["NetworkPolicy", "AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication", "ServiceAccount", "Namespace"];

/// Kinds of which no flow among all pods that could exist hangs on one object.
const BESIDES: [&str; 13] = [
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "DeploymentConfig",
    "ReplicaSet",
    "Rollout",
    "Job",
    "CronJob",
    "Pod",
    "Service",
    "ConfigMap",
    "Secret",
    "Kustomization",
];

/// The label of objects that this tool wrote.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Plans the way from one set of manifests to another: `inventory` of each input holds them, with its configuration beside.
pub fn manifests(base: Revision, head: Revision, options: Options) -> Result<Rollout, Box<Unjudged>> {
    let mesh = spoken(&base, &head);
    let (old, mut new) = (Given::new(Which::Base, base, mesh)?, Given::new(Which::Head, head, mesh)?);
    let mut plan = Plan { base: old.name.clone(), head: new.name.clone(), ..Plan::default() };
    let (before, besides_before) = old.split(&[]);
    let (mut after, besides_after) = new.split(&before);
    for object in stays(&before, &after, options) {
        if object.id.kind != "Namespace" && object.id.kind != "ServiceAccount" {
            plan.kept.push(words(&object.id));
        }
        new.files.push(new.sources.add(Source::new("kept.yaml", object.text.as_str())));
        after.push(object);
    }
    let kept = beside(&besides_before, &besides_after, &mut plan);
    // Services say what ports are taken for; what runs pods decides no flow among all that could exist.
    let is_kept_alike = plan.unjudged.is_empty() && !plan.besides.iter().any(|name| name.starts_with("Service "));
    plan.unjudged.extend(unjudged(&before, &after));
    let platform = new.platform.clone();
    let ([base_cluster, head_cluster], presumed) = presumed(mesh, [old.cluster(&platform), new.cluster(&platform)]);
    plan.assumptions.extend(presumed.iter().map(|presumed| format!("{presumed}; {}", presumed.remedy())));
    let platform = Platform { sctp: head_cluster.platform().sctp, ..platform };
    let known = names([&base_cluster, &head_cluster]);
    let sides = (Yaml::new(&base_cluster, known.clone()), Yaml::new(&head_cluster, known.clone()));
    let pair = Pair::new(&sides.0, &sides.1);
    let mut words = Words::default();
    if !platform.nodes.is_empty() {
        words.networks.insert("nodes".into(), platform.nodes.clone());
    }
    let setting = Setting::Manifests(known);
    let (others, is_modelled) = (BTreeSet::new(), base_cluster.is_modelled() && head_cluster.is_modelled());
    let ends = Ends {
        pair: &pair,
        setting: &setting,
        platform: &platform,
        words: &words,
        kept: &kept,
        others: &others,
        is_modelled,
        is_kept_alike,
        clusters: Vec::new(),
    };
    order(&ends, (before, after), &[], options, &mut plan);
    Ok(Rollout { findings: findings(&plan), plan, sources: new.sources })
}

/// Manifests that were read.
struct Given {
    name: String,
    sources: Sources,
    files: Vec<FileId>,
    platform: Platform,
    default_namespace: Symbol,
}

impl Given {
    fn new(which: Which, revision: Revision, mesh: Mesh) -> Result<Self, Box<Unjudged>> {
        let Revision { name, input } = revision;
        let config = input.config.and_then(|file| Some((file, input.sources.get(file)?)));
        let (mut config, mut findings) = config.map(|(file, source)| config::read(file, source)).unwrap_or_default();
        mesh.settle(&mut config);
        let default_namespace: Symbol = input.namespace.as_deref().unwrap_or("default").into();
        let platform = Platform { default_namespace: Some(Symbol::clone(&default_namespace)), ..platform(&config) };
        let (_, found) = cluster::read(&input.sources, &input.inventory, platform.clone());
        findings.extend(found);
        if has_error(&findings) {
            return Err(Box::new(Unjudged { which, name, sources: input.sources, findings }));
        }
        Ok(Self { name, sources: input.sources, files: input.inventory, platform, default_namespace })
    }

    fn cluster(&self, platform: &Platform) -> Cluster {
        cluster::read(&self.sources, &self.files, platform.clone()).0
    }

    /// The objects that are put in order, and the others.
    fn split(&self, known: &[Object]) -> (Vec<Object>, Vec<Object>) {
        let all = read(&self.sources, &self.files, &self.default_namespace, known);
        all.into_iter().partition(|object| ORDERED.contains(&object.id.kind.as_str()))
    }
}

/// Objects that the head lacks and that stay: namespaces and accounts always, policies of others if that was asked for.
fn stays(before: &[Object], after: &[Object], options: Options) -> Vec<Object> {
    let is_ours = |object: &Object| {
        let label = object.value().get("metadata").and_then(|metadata| metadata.get("labels")?.get(MANAGED_BY)?.as_str());
        label == Some("twogate")
    };
    let stays = |object: &&Object| {
        let is_name = object.id.kind == "Namespace" || object.id.kind == "ServiceAccount";
        is_name || options.others == Others::Kept && !is_ours(object)
    };
    before.iter().filter(|object| after.iter().all(|other| other.id != object.id)).filter(stays).cloned().collect()
}

/// The text of objects that are not put in order, as the head has them and else as the base had them.
fn beside(before: &[Object], after: &[Object], plan: &mut Plan) -> String {
    let mut all: BTreeMap<&Id, &Object> = before.iter().map(|object| (&object.id, object)).collect();
    for object in after {
        let was = all.insert(&object.id, object);
        if was.is_some_and(|was| was.is_same(object)) {
            continue;
        }
        let list = if BESIDES.contains(&object.id.kind.as_str()) { &mut plan.besides } else { &mut plan.unjudged };
        list.push(words(&object.id));
    }
    all.into_values().fold(String::new(), |text, object| text + "---\n" + &object.text)
}

/// Policies of a waypoint or a gateway that are not the same: what they do is not judged end by end.
fn unjudged(before: &[Object], after: &[Object]) -> Vec<String> {
    let is_elsewhere = |object: &&Object| {
        let spec = object.value().get("spec");
        ["targetRef", "targetRefs"].iter().any(|key| spec.is_some_and(|spec| spec.get(*key).is_some()))
    };
    let changed = |object: &&Object| {
        let same = |all: &[Object]| all.iter().any(|other| other.id == object.id && other.is_same(object));
        !(same(before) && same(after))
    };
    let names: BTreeSet<String> = before.iter().chain(after).filter(is_elsewhere).filter(changed).map(|object| words(&object.id)).collect();
    names.into_iter().collect()
}

fn words(id: &Id) -> String {
    if id.namespace.is_empty() { format!("{} {}", id.kind, id.name) } else { format!("{} {}/{}", id.kind, id.namespace, id.name) }
}

/// What both kinds of sides are judged with.
struct Ends<'a> {
    pair: &'a Pair<'a>,
    setting: &'a Setting<'a>,
    platform: &'a Platform,
    words: &'a Words,
    kept: &'a str,
    others: &'a BTreeSet<Symbol>,
    is_modelled: bool,
    is_kept_alike: bool,
    /// Those of both sides, where states hold nothing but their objects.
    clusters: Vec<Rc<Cluster>>,
}

/// Finds the order, and says it in the plan.
fn order(ends: &Ends<'_>, (before, after): (Vec<Object>, Vec<Object>), apart: &[PodCube], options: Options, plan: &mut Plan) {
    let root = &*ends.platform.root_namespace;
    let mut items = items(before, after, root);
    items.extend(holds(&items, root));
    if options.trials == Trials::First {
        let plane = |name: &Symbol| planes(ends.pair, name).map(|(_, new)| new);
        let (copies, others) = trials(&items, &plane, root);
        items.extend(copies);
        plan.not_tried = others;
    }
    let Ends { pair, setting, platform, words, kept, others, is_modelled, is_kept_alike, ref clusters } = *ends;
    let (start, end) = (State::base(&items), State::head(&items));
    let bench = Bench {
        sides: pair,
        setting,
        platform,
        kept,
        items: &items,
        apart,
        words,
        others,
        is_modelled,
        is_kept_alike,
        judged: Cell::new(0),
        read: Read::of([&start, &end].into_iter().zip(clusters.iter().cloned()).collect()),
    };
    let turning = turning(pair, apart);
    let mut taken: Vec<Taken> = staged(&bench, &start);
    taken.extend(search(&bench, &turning, &start));
    plan.steps = steps(&bench, &taken);
    plan.safety = safety(plan);
}

/// Every object of either side, by kind, namespace and name.
fn items(before: Vec<Object>, after: Vec<Object>, root: &str) -> Vec<Item> {
    let mut pairs: BTreeMap<Id, (Option<Object>, Option<Object>)> = BTreeMap::new();
    for object in before {
        let place = pairs.entry(object.id.clone()).or_default();
        place.0 = Some(object);
    }
    for object in after {
        let place = pairs.entry(object.id.clone()).or_default();
        place.1 = Some(object);
    }
    pairs.into_values().filter_map(|(old, new)| Item::own(old, new, root)).collect()
}

fn safety(plan: &Plan) -> Safety {
    let does_harm = |harm: &Harm| matches!(harm, Harm::Opens(_) | Harm::Drops(_));
    if plan.harm().any(|(_, harm)| does_harm(harm)) {
        return Safety::NoSafeOrder;
    }
    let is_judged = plan.unjudged.is_empty() && plan.harm().next().is_none();
    if is_judged { Safety::Safe } else { Safety::NotJudged }
}

/// The finding that no order is safe, with the flows that show it.
fn findings(plan: &Plan) -> Vec<Diagnostic> {
    if plan.safety != Safety::NoSafeOrder {
        return Vec::new();
    }
    let finding = Diagnostic::unplaced(code::NO_SAFE_ORDER, "no order was found in which every moment of the change is safe");
    let notes = plan.harm().map(|(step, harm)| match harm {
        Harm::Opens(flow) => format!("step {step} of the best order lets through what neither side allows: `{flow}`"),
        Harm::Drops(flow) => format!("step {step} of the best order stops what both sides allow: `{flow}`"),
        Harm::NotJudged(why) => format!("step {step} of the best order cannot be judged: {why}"),
    });
    let finding = notes.take(6).fold(finding, Diagnostic::note);
    vec![finding.help("make the change in two, first what opens and then what closes; or apply it while these connections are not in use")]
}
