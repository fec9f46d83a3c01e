//! What a plan is asked for, and the way to it from two sets of manifests.
//!
//! Owns: `Options`, `Rollout`, `manifests`. A side with errors ends it; what cannot be judged is told and never taken for safe.

use std::collections::{BTreeMap, BTreeSet};

use super::bench::Setting;
use super::lot::Lot;
use super::object::{Id, Object, read};
use super::order::{Ends, findings, items, order};
use super::report::Plan;
use super::scope::Scope;
use super::workloads::runs_pods;
use crate::cluster::{self, Cluster, Joining, Platform};
use crate::compile::{Mesh, platform_of_manifests};
use crate::config;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::order::has_error;
use crate::diff::{Pair, Revision, Unjudged, Which, Words, Yaml, names, presumed, reverified, spoken};
use crate::flow::Symbol;
use crate::inventory::ShownJoining;
use crate::source::{FileId, Source, Sources};
use crate::verify::TOO_MANY_NAMES;

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

/// Kinds that are put in order.
const ORDERED: [&str; 6] =
    ["NetworkPolicy", "AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication", "ServiceAccount", "Namespace"];

/// Kinds of which no flow hangs on one object, beside those that run pods and Services, of which it may.
const BESIDES: [&str; 4] = ["Service", "ConfigMap", "Secret", "Kustomization"];

/// The label of objects that this tool wrote.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Plans the way from one set of manifests to another: `inventory` of each input holds them, with its configuration beside.
pub fn manifests(base: Revision, head: Revision, options: Options) -> Result<Rollout, Box<Unjudged>> {
    let mesh = spoken(&base, &head);
    let (old, mut new) = (Given::new(Which::Base, base, mesh)?, Given::new(Which::Head, head, mesh)?);
    let mut plan = Plan { base: old.name.clone(), head: new.name.clone(), ..Plan::default() };
    let (mut before, mut besides_before) = old.split(&[]);
    let (mut after, mut besides_after) = new.split(&before);
    plan.kept = new.keep(&before, &mut after, options);
    plan.kept.extend(new.leave(&besides_before, &besides_after));
    let platform = joined(&new.platform, [&old, &new]);
    let ([base_cluster, head_cluster], presumed) = presumed(mesh, [old.cluster(&platform), new.cluster(&platform)]);
    plan.assumptions.extend(presumed.iter().map(|presumed| format!("{presumed}; {}", presumed.remedy())));
    plan.unjudged.extend(unjudged([&before, &after], [&base_cluster, &head_cluster]));
    let platform = Platform { sctp: head_cluster.platform().sctp, ..platform };
    let known = names([&base_cluster, &head_cluster]);
    let sides = (Yaml::new(&base_cluster, known.clone()), Yaml::new(&head_cluster, known.clone()));
    let pair = Pair::new(&sides.0, &sides.1);
    let lot = Lot::new([&base_cluster, &head_cluster], &pair);
    let deciding = lot.deciding([&before, &after], [&besides_before, &besides_after]);
    for (own, besides) in [(&mut before, &mut besides_before), (&mut after, &mut besides_after)] {
        let (ordered, rest) = std::mem::take(besides).into_iter().partition(|object: &Object| deciding.ordered.contains(&object.id));
        (*own, *besides) = ([std::mem::take(own), ordered].concat(), rest);
    }
    let kept = beside(&besides_before, &besides_after, &mut plan);
    // Other Services say what ports are taken for.
    let is_kept_alike = plan.unjudged.is_empty() && deciding.ordered.is_empty();
    plan.unjudged.extend(deciding.unplaced.iter().map(words));
    let mut words = Words::default();
    if !platform.nodes.is_empty() {
        words.networks.insert("nodes".into(), platform.nodes.clone());
    }
    let are_names_cut_short = known.are_cut_short();
    let setting = Setting::Manifests(known.clone());
    let (others, is_modelled) = (BTreeSet::new(), base_cluster.is_modelled() && head_cluster.is_modelled());
    let items = items(before, after, &platform.root_namespace);
    let ground = lot.ground(&items, [&besides_before, &besides_after], known);
    if items.iter().any(|item| item.base != item.head) {
        plan.unjudged.extend(ground.unknown([&base_cluster, &head_cluster], &items));
    }
    if are_names_cut_short && items.iter().any(|item| item.base != item.head) {
        plan.unjudged.push(TOO_MANY_NAMES.to_owned());
    }
    let ends = Ends {
        pair: &pair,
        setting: &setting,
        platform: &platform,
        words: &words,
        kept: &kept,
        others: &others,
        is_modelled,
        is_kept_alike,
        scope: &Scope::of(&items, &platform.root_namespace, is_modelled),
        ground: Some(&ground),
        head: &head_cluster,
        clusters: Vec::new(),
    };
    order(&ends, items, &[], options, &mut plan);
    Ok(Rollout { findings: findings(&plan), plan, sources: new.sources })
}

/// Manifests that were read.
struct Given {
    name: String,
    sources: Sources,
    files: Vec<FileId>,
    platform: Platform,
    default_namespace: Symbol,
    /// By what pods join the mesh, as it shows it.
    shown_joining: ShownJoining,
}

/// A platform on which all states say alike how pods join the mesh: what either side shows holds for each.
fn joined(platform: &Platform, sides: [&Given; 2]) -> Platform {
    let joining = match platform.joining {
        Joining::AsShown { beside } => Joining::AsShown { beside: sides.iter().map(|side| side.shown_joining).fold(beside, Ord::max) },
        Joining::AsTaken => Joining::AsTaken,
    };
    Platform { joining, ..platform.clone() }
}

impl Given {
    fn new(which: Which, revision: Revision, mesh: Mesh) -> Result<Self, Box<Unjudged>> {
        let Revision { name, input } = revision;
        let config = input.config.and_then(|file| Some((file, input.sources.get(file)?)));
        let (mut config, mut findings) = config.map(|(file, source)| config::read(file, source)).unwrap_or_default();
        mesh.settle(&mut config);
        let default_namespace: Symbol = input.namespace.as_deref().unwrap_or("default").into();
        let platform = Platform { default_namespace: Some(Symbol::clone(&default_namespace)), ..platform_of_manifests(&config) };
        let (cluster, found) = cluster::read(&input.sources, &input.inventory, platform.clone());
        findings.extend(found);
        if has_error(&findings) {
            return Err(Box::new(Unjudged { which, name, sources: input.sources, findings }));
        }
        let shown_joining = cluster.shown_joining();
        Ok(Self { name, sources: input.sources, files: input.inventory, platform, default_namespace, shown_joining })
    }

    fn cluster(&self, platform: &Platform) -> Cluster {
        cluster::read(&self.sources, &self.files, platform.clone()).0
    }

    /// Takes in the objects that stay though these manifests lack them; the names of the policies among them.
    fn keep(&mut self, before: &[Object], own: &mut Vec<Object>, options: Options) -> Vec<String> {
        let mut kept = Vec::new();
        for object in stays(before, own, options) {
            if object.id.kind != "Namespace" && object.id.kind != "ServiceAccount" {
                kept.push(words(&object.id));
            }
            self.files.push(self.sources.add(Source::new("kept.yaml", object.text.as_str())));
            own.push(object);
        }
        kept
    }

    /// Takes in what is not put in order and stays though these manifests lack it, but for what runs pods; the names of that.
    fn leave(&mut self, before: &[Object], after: &[Object]) -> Vec<String> {
        let lacks = |object: &&Object| !runs_pods(&object.id.kind) && after.iter().all(|other| other.id != object.id);
        let left: Vec<&Object> = before.iter().filter(lacks).collect();
        for object in &left {
            self.files.push(self.sources.add(Source::new("kept.yaml", object.text.as_str())));
        }
        let may_decide = |object: &&&Object| object.id.kind == "Service" || !is_beside(&object.id.kind);
        left.iter().filter(may_decide).map(|object| words(&object.id)).collect()
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

/// Whether objects of a kind are in no step, unless some flow hangs on one.
fn is_beside(kind: &str) -> bool {
    BESIDES.contains(&kind) || runs_pods(kind)
}

/// The text of objects that are not put in order, as the head has them and else as the base had them.
fn beside(before: &[Object], after: &[Object], plan: &mut Plan) -> String {
    let mut all: BTreeMap<&Id, &Object> = before.iter().map(|object| (&object.id, object)).collect();
    for object in after {
        let was = all.insert(&object.id, object);
        if was.is_some_and(|was| was.is_same(object)) {
            continue;
        }
        let list = if is_beside(&object.id.kind) { &mut plan.besides } else { &mut plan.unjudged };
        list.push(words(&object.id));
    }
    all.into_values().fold(String::new(), |text, object| text + "---\n" + &object.text)
}

/// Policies of a waypoint or a gateway that are not the same: what they do is not judged end by end. What a gateway takes hangs on more than
/// the labels of its pods.
fn unjudged([before, after]: [&[Object]; 2], clusters: [&Cluster; 2]) -> Vec<String> {
    // By whose keys a token is verified no flow tells.
    let reverified = reverified(clusters);
    let at_gateways: BTreeSet<[Symbol; 3]> = clusters.into_iter().flat_map(Cluster::policies_at_gateways).collect();
    let is_elsewhere = |object: &&Object| {
        let spec = object.value().get("spec");
        let id = [object.id.kind.as_str().into(), Symbol::clone(&object.id.namespace), object.id.name.as_str().into()];
        at_gateways.contains(&id)
            || reverified.contains(&words(&object.id))
            || ["targetRef", "targetRefs"].iter().any(|key| spec.is_some_and(|spec| spec.get(*key).is_some()))
    };
    let changed = |object: &&Object| {
        let same = |all: &[Object]| all.iter().any(|other| other.id == object.id && other.is_same(object));
        !(same(before) && same(after))
    };
    let names: BTreeSet<String> = before.iter().chain(after).filter(changed).filter(is_elsewhere).map(|object| words(&object.id)).collect();
    names.into_iter().collect()
}

fn words(id: &Id) -> String {
    if id.namespace.is_empty() { format!("{} {}", id.kind, id.name) } else { format!("{} {}/{}", id.kind, id.namespace, id.name) }
}
