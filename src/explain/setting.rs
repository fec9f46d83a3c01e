//! What a question is asked of: the policy, the cluster and those who are known in it.
//!
//! Owns: `Setting`, and how one is built from intents, from manifests, and from changed copies of either. It must not know any
//! question.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::place as objects;
use super::question::{self, Context, Question};
use super::routing::Routings;
use super::world::{Ground, World};
use crate::cluster::{self, Cluster, Platform};
use crate::compile::{self, Input, Mesh};
use crate::diagnostic::{Code, Diagnostic, Level, order};
use crate::flow::{Peer, Symbol};
use crate::inventory::{self, Inventory};
use crate::ir::{Origin, Policy, Unit};
use crate::manifest;
use crate::source::{FileId, Location, Source, Sources};
use crate::syntax;

/// Whose word decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judge {
    /// What the intents compile to.
    Compiled,
    /// The manifests given.
    Given,
}

/// What a question is asked of.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    /// All texts.
    pub(super) sources: Sources,
    /// The intents and what belongs to them, without the texts.
    pub(super) input: Input,
    /// Whose word decides.
    pub(super) judge: Judge,
    /// The intents, resolved; empty without intents.
    pub(super) policy: Policy,
    /// What decides.
    pub(super) cluster: Cluster,
    /// The objects that decide.
    pub(super) objects: Vec<Value>,
    /// The objects that the intents compile to.
    pub(super) compiled: Vec<Value>,
    /// What runs.
    pub(super) inventory: Inventory,
    /// Who is known.
    pub(super) world: World,
    /// What stands between clients and those that they ask for.
    pub(super) routings: Routings,
    /// What was found about the intents, by code.
    pub(super) codes: BTreeSet<Code>,
    /// Whether anything said how pods take part in a mesh.
    pub(super) mesh: Mesh,
    /// Whether it may be asked: intents have no error, and of manifests something can be read.
    pub(super) is_readable: bool,
    /// How many errors the given manifests have; what is in error leaves unspecified what it may touch.
    errors: usize,
}

impl Setting {
    /// A setting, with the findings of reading it. If it is not readable it must not be asked.
    pub(super) fn build(input: Input, manifests: &[FileId]) -> (Self, Vec<Diagnostic>) {
        let outcome = compile::to_be_asked(input.clone());
        let mut findings = outcome.findings;
        let mut sources = outcome.sources;
        let is_readable = !order::has_error(&findings);
        let compiled = outcome.manifests.iter().map(|manifest| Source::new("", manifest.yaml.as_str()));
        let compiled: Vec<Value> = compiled.flat_map(|source| manifest::plain(&source)).collect();
        let codes = findings.iter().map(|finding| finding.code).collect();
        let mut objects: Vec<Value> = manifests.iter().filter_map(|file| sources.get(*file)).flat_map(manifest::plain).collect();
        let mut policy = outcome.policy;
        let read: Vec<FileId> = manifests.iter().chain(&input.inventory).chain(&input.alongside).copied().collect();
        let mesh = if manifests.is_empty() { Mesh::Stated } else { Mesh::of(input.config, &sources, &read).beside(&policy) };
        mesh.settle(&mut policy.config);
        let parts = Parts { input: Input { sources: Sources::default(), ..input }, policy, compiled, codes };
        if manifests.is_empty() {
            let read = |files: &[FileId]| files.iter().filter_map(|file| sources.get(*file)).flat_map(manifest::plain).collect::<Vec<_>>();
            let listed = read(&parts.input.inventory).into_iter().filter(objects::is_fact);
            let platform = platform(&parts.policy, &parts.namespace(), Judge::Compiled);
            let others = compile::of_others(&parts.policy, &sources, &parts.input.alongside, &platform);
            let others = others.iter().flat_map(|file| manifest::plain(&Source::new("", &*file.text))).collect::<Vec<_>>();
            let written = parts.compiled.iter().cloned().chain(others);
            let objects = written.chain(listed).chain(read(&parts.input.alongside)).collect();
            let (setting, _) = parts.given(sources, objects, Judge::Compiled);
            return (Self { is_readable, ..setting }, findings);
        }
        let namespace = parts.namespace();
        let mut files = manifests.to_vec();
        let unheld = unheld(&sources, &parts.input.inventory, &objects);
        if !unheld.is_empty() {
            let text = unheld.iter().fold(String::new(), |text, object| text + "---\n" + &object.to_string() + "\n");
            files.push(sources.add(Source::new("inventory", text)));
            objects.extend(unheld);
        }
        let (cluster, found) = cluster::read(&sources, &files, platform(&parts.policy, &namespace, Judge::Given));
        let errors = errors(&found);
        let holds_nothing = compile::no_objects(&cluster, &sources, manifests);
        let is_unread = holds_nothing.is_some() || errors > 0 && cluster.namespaces().is_empty();
        findings.extend(found);
        findings.extend(holds_nothing);
        let inventory = inventory(&sources, &files, &namespace);
        let mut setting = parts.settle(sources, cluster, inventory, objects, Judge::Given);
        setting.mesh = mesh;
        setting.is_readable = is_readable && !is_unread;
        setting.errors = errors;
        (setting, findings)
    }

    /// The same with other objects; none if more or less of them can be read than before.
    pub(super) fn with_objects(&self, objects: Vec<Value>) -> Option<Self> {
        let (policy, compiled, codes) = (self.policy.clone(), self.compiled.clone(), self.codes.clone());
        let parts = Parts { input: self.input.clone(), policy, compiled, codes };
        let (setting, findings) = parts.given(self.sources.clone(), objects, self.judge);
        (errors(&findings) == self.errors).then(|| Self { errors: self.errors, ..setting })
    }

    /// The same with other texts of some files; findings if they do not compile.
    ///
    /// Where given manifests decide, the objects that were compiled from the intents are replaced by those of the new texts.
    pub(super) fn with_texts(&self, texts: &BTreeMap<FileId, String>) -> Result<Self, Vec<Diagnostic>> {
        let mut sources = Sources::default();
        for (id, source) in self.sources.iter() {
            sources.add(Source::new(source.name(), texts.get(&id).map_or(source.text(), String::as_str)));
        }
        let (changed, findings) = Self::build(Input { sources, ..self.input.clone() }, &[]);
        if order::has_error(&findings) {
            return Err(findings.into_iter().filter(|finding| finding.level == Level::Error).collect());
        }
        if self.judge == Judge::Compiled {
            return Ok(changed);
        }
        let objects = self.others().chain(changed.compiled.iter().cloned()).collect();
        let parts = Parts { input: self.input.clone(), policy: changed.policy, compiled: changed.compiled, codes: changed.codes };
        let (setting, findings) = parts.given(changed.sources, objects, Judge::Given);
        if errors(&findings) == self.errors { Ok(Self { errors: self.errors, ..setting }) } else { Err(findings) }
    }

    /// By what somebody is made out whom nobody describes.
    pub(super) const fn ground(&self) -> Ground<'_> {
        Ground { policy: &self.policy, cluster: &self.cluster, judge: self.judge }
    }

    /// A place as people write it: `shop.intent:9`.
    pub(super) fn place(&self, location: Location) -> String {
        place(&self.sources, location)
    }

    /// The objects that no intents were compiled to.
    pub(super) fn others(&self) -> impl Iterator<Item = Value> {
        self.objects.iter().filter(|object| !objects::is_compiled(object)).cloned()
    }

    /// Reads a flow.
    pub(super) fn read(&self, flow: FileId) -> Result<Question, Vec<Diagnostic>> {
        let files = [(&self.input.intents, Origin::Ours), (&self.input.with, Origin::With)];
        let listed = files.into_iter().flat_map(|(files, origin)| files.iter().map(move |file| (*file, origin)));
        let trees: Vec<_> =
            listed.filter_map(|(file, origin)| Some((file, origin, syntax::parse(file, self.sources.get(file)?).0))).collect();
        let units: Vec<Unit<'_>> = trees.iter().map(|(file, origin, tree)| Unit { file: *file, tree, origin: *origin }).collect();
        let context = Context {
            sources: &self.sources,
            units: &units,
            config: &self.policy.config,
            inventory: &self.inventory,
            nodes: self.world.addressed().nodes(),
            namespace: self.input.namespace.as_deref().map(Symbol::from),
            managed_namespace: self.managed_namespace(),
            only_namespace: self.only_namespace(),
            has_manifests: self.judge == Judge::Given,
        };
        question::read(flow, &context)
    }

    /// The only namespace that the intents manage.
    fn managed_namespace(&self) -> Option<Symbol> {
        only(self.policy.managed().map(|namespace| namespace.name.clone()).collect())
    }

    /// The only namespace of the manifests.
    fn only_namespace(&self) -> Option<Symbol> {
        let pods = self.world.pods.iter().filter_map(|known| match &known.endpoint.peer {
            Peer::Pod(pod) => Some(pod.namespace.clone()),
            Peer::Address(_) => None,
        });
        only(pods.chain(self.objects.iter().filter_map(objects::namespace)).collect())
    }
}

fn errors(findings: &[Diagnostic]) -> usize {
    findings.iter().filter(|finding| finding.level == Level::Error).count()
}

/// The only one of some names.
fn only(mut names: Vec<Symbol>) -> Option<Symbol> {
    names.sort();
    names.dedup();
    if names.len() == 1 { names.pop() } else { None }
}

/// A place as people write it: `shop.intent:9`.
pub(super) fn place(sources: &Sources, location: Location) -> String {
    let Some(source) = sources.get(location.file) else { return String::new() };
    format!("{}:{}", source.name(), source.position(location.span.start).line)
}

/// What a setting is made of besides the cluster.
struct Parts {
    input: Input,
    policy: Policy,
    compiled: Vec<Value>,
    codes: BTreeSet<Code>,
}

impl Parts {
    fn namespace(&self) -> Symbol {
        self.input.namespace.as_deref().unwrap_or("default").into()
    }

    /// A setting whose objects are these.
    fn given(self, sources: Sources, objects: Vec<Value>, judge: Judge) -> (Setting, Vec<Diagnostic>) {
        let mut copies = Sources::default();
        let files: Vec<FileId> = objects.iter().map(|object| copies.add(Source::new(objects::title(object), object.to_string()))).collect();
        let namespace = self.namespace();
        let (cluster, findings) = cluster::read(&copies, &files, platform(&self.policy, &namespace, judge));
        let inventory = inventory(&copies, &files, &namespace);
        (self.settle(sources, cluster, inventory, objects, judge), findings)
    }

    fn settle(self, sources: Sources, cluster: Cluster, inventory: Inventory, objects: Vec<Value>, judge: Judge) -> Setting {
        let world = World::of(&cluster, &self.policy, (&inventory, &objects), judge);
        let routings = Routings::of(&objects, &self.namespace());
        let Self { input, policy, compiled, codes } = self;
        let mesh = Mesh::Stated;
        let (is_readable, errors) = (true, 0);
        Setting { sources, input, judge, policy, cluster, objects, compiled, inventory, world, routings, codes, mesh, is_readable, errors }
    }
}

/// What an inventory says of what runs, beside given manifests that do not say it.
fn unheld(sources: &Sources, inventory: &[FileId], manifests: &[Value]) -> Vec<Value> {
    let held: BTreeSet<String> = manifests.iter().map(objects::title).collect();
    let listed = inventory.iter().filter_map(|file| sources.get(*file)).flat_map(manifest::plain);
    listed.filter(|object| objects::is_fact(object) && !held.contains(&objects::title(object))).collect()
}

/// What is known of the platform; where intents are judged by themselves, what their proof takes for granted too.
fn platform(policy: &Policy, namespace: &Symbol, judge: Judge) -> Platform {
    let known = match judge {
        // Whether the plugin judges SCTP is told of a connection, though a proof takes it to, or nobody to make one.
        Judge::Compiled => Platform { sctp: compile::platform(&policy.config).sctp, ..compile::proof_platform(&policy.config) },
        Judge::Given => compile::platform_of_manifests(&policy.config),
    };
    Platform { default_namespace: Some(namespace.clone()), ..known }
}

/// What runs; what cannot be read has its finding elsewhere.
fn inventory(sources: &Sources, files: &[FileId], default_namespace: &Symbol) -> Inventory {
    let files = files.iter().filter_map(|file| Some((*file, sources.get(*file)?)));
    inventory::read_all(files, default_namespace).0
}
