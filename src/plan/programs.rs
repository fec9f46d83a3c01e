//! The way from two programs to a plan.
//!
//! Owns: `intents`. A side with errors ends it.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use super::bench::{Setting, read};
use super::object::{self, Object, written};
use super::order::{Ends, findings, items, order};
use super::report::Plan;
use super::run::{Options, Rollout};
use super::scope::Scope;
use crate::cluster::{self, Cluster, Platform};
use crate::compile::{Input, Outcome, compile, proof_platform, unproved};
use crate::diagnostic::order::has_error;
use crate::diff::{Intents, Pair, Revision, Standing, Unjudged, Which, moves, words_of};
use crate::flow::{PodCube, Symbol};
use crate::ir::{End, Ownership, Policy, Rule, Workload};
use crate::source::{FileId, Source, Sources};
use crate::threads::both;
use crate::verify::{Assumption, Program, assumptions};

/// Plans the way from one program's manifests to another's.
pub fn intents(base: Revision, head: Revision, options: Options) -> Result<Rollout, Box<Unjudged>> {
    let (old, new) = both(|| Written::new(Which::Base, base), || Written::new(Which::Head, head));
    let (mut old, mut new) = (old?, new?);
    let platform = Platform { default_namespace: Some("default".into()), ..proof_platform(&new.outcome.policy.config) };
    let after = Rc::new(new.cluster(&platform));
    let items = items(old.objects(), new.objects(), &platform.root_namespace);
    let scope = Scope::of(&items, &platform.root_namespace, after.is_modelled());
    let local = || read(&items, &scope, &platform, "", |_, item| item.base);
    let before = Rc::new(local().unwrap_or_else(|| old.cluster(&platform)));
    let sources = std::mem::take(&mut new.outcome.sources);
    let policies = [&old.outcome.policy, &new.outcome.policy];
    let programs = policies.map(Program::new);
    let [base_world, head_world] = sides(worlds([&old.outcome, &new.outcome]));
    let [was, is] = programs.each_ref().map(Setting::of);
    let old_judge = scope.judge(was.judge(&before), || was.judge(&after));
    let sides = (Standing::new(old_judge, &base_world), Standing::new(is.judge(&after), &head_world));
    let pair = Pair::new(&sides.0, &sides.1);
    let ends = Ends {
        pair: &pair,
        setting: &is,
        platform: &platform,
        words: &words_of(policies[0], policies[1]),
        kept: "",
        others: &others(policies),
        is_modelled: before.is_modelled() && after.is_modelled(),
        is_kept_alike: true,
        scope: &scope,
        head: &after,
        ground: None,
        clusters: vec![Rc::clone(&before), Rc::clone(&after)],
    };
    let mut plan = Plan { base: old.name, head: new.name, ..Plan::default() };
    plan.assumptions = assumed(&old.outcome, &new.outcome);
    order(&ends, items, &apart(&pair, policies), options, &mut plan);
    Ok(Rollout { findings: findings(&plan), plan, sources })
}

/// The programs that say which pods there are on each side. One that says nothing knows nothing of the cluster either: not how its
/// pods take part in the mesh.
fn worlds([base, head]: [&Outcome; 2]) -> [&Outcome; 2] {
    match (base.policy.managed().next(), head.policy.managed().next()) {
        (None, Some(_)) => [head, head],
        (Some(_), None) => [base, base],
        _ => [base, head],
    }
}

/// Both programs. Of a namespace of which neither says how it takes part in the mesh, both take the same, for applying the change does not
/// restart its pods; but those of which the head requires mTLS must be in the mesh by then.
fn sides([base, head]: [&Outcome; 2]) -> [Intents<'_>; 2] {
    let [old, new] = [base, head].map(|outcome| (&outcome.policy, &outcome.gates));
    let is = Intents::before(new, old.0, &BTreeSet::new());
    match required(new.0) {
        Some(joining) => [Intents::before(old, new.0, &joining), is],
        None => [Intents::new(old.0, old.1), is],
    }
}

/// The namespaces of which rules require mTLS; none if these may be any.
fn required(policy: &Policy) -> Option<BTreeSet<Symbol>> {
    let ends = policy.rules.iter().filter(|rule| rule.mtls.is_some()).flat_map(Rule::ends);
    let names: Option<Vec<Vec<Symbol>>> = ends.map(named).collect();
    Some(names?.into_iter().flatten().collect())
}

/// The namespaces of an end, if it names them.
fn named(end: &End) -> Option<Vec<Symbol>> {
    let names: Option<Vec<Vec<Symbol>>> = end.peers().pods.cubes().iter().map(|cube| Some(cube.namespace_names()?.to_vec())).collect();
    Some(names?.into_iter().flatten().collect())
}

/// The namespaces that others' programs answer for, on either side.
fn others(policies: [&Policy; 2]) -> BTreeSet<Symbol> {
    let all = policies.into_iter().flat_map(|policy| policy.namespaces.values());
    all.filter(|namespace| namespace.ownership == Ownership::With).map(|namespace| Symbol::clone(&namespace.name)).collect()
}

/// What is taken for granted of the head, and of the base what differs, which holds only before: accounts, ports by name, and all of it where the
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
    let is_one_of_many = |one: &Assumption| matches!(one, Assumption::Account { .. } | Assumption::NamedPort { .. });
    let more = of(base).into_iter().filter(|one| is_one_of_many(one) || !known.contains(one.name()));
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
        let files = written.map(|file| sources.add(Source::new(file.path.as_str(), Arc::clone(&file.text)))).collect();
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
        object::read(&self.sources, &self.files, "default", &written(&self.outcome.manifests))
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
