//! A plan, followed object by object by somebody who knows nothing of how it was made.

use std::collections::BTreeMap;

use twogate::cluster::{self, Addressed, Cluster, Platform, Question};
use twogate::compile::{Input, compile, proof_platform};
use twogate::diff::Revision;
use twogate::flow::{Flow, Verdict};
use twogate::plan::{Action, Options, Plan, Rollout, Verb, intents, manifests};
use twogate::source::{Source, Sources};

/// The objects of a cluster, by kind, namespace and name.
pub(crate) type Objects = BTreeMap<(String, String, String), String>;

pub(crate) fn input(text: &str) -> Input {
    let mut input = Input::default();
    let file = input.sources.add(Source::new("intents/shop.intent", text));
    input.intents.push(file);
    input
}

pub(crate) fn revision(name: &str, input: Input) -> Revision {
    Revision { name: name.to_owned(), input }
}

/// The plan from one program to another.
pub(crate) fn programs(base: &str, head: &str, options: Options) -> Rollout {
    intents(revision("base", input(base)), revision("head", input(head)), options).map_err(|unjudged| unjudged.findings).unwrap()
}

fn given(name: &str, text: &str) -> Revision {
    let mut input = Input::default();
    let file = input.sources.add(Source::new(format!("{name}.yaml"), text));
    input.inventory.push(file);
    revision(name, input)
}

/// The plan from one set of manifests to another.
pub(crate) fn yaml(base: &str, head: &str, options: Options) -> Rollout {
    manifests(given("before", base), given("after", head), options).map_err(|unjudged| unjudged.findings).unwrap()
}

/// What a program compiles to.
pub(crate) fn objects(input: Input) -> Objects {
    let written = compile(input).manifests.into_iter();
    written.map(|object| ((object.kind.to_owned(), object.namespace.to_string(), object.name), object.yaml)).collect()
}

/// Does what `kubectl` would do.
pub(crate) fn apply(objects: &mut Objects, action: &Action) {
    let name = (action.kind.clone(), action.namespace.to_string(), action.name.clone());
    match action.verb {
        Verb::Create => assert!(objects.insert(name, action.text.clone()).is_none(), "{} is there already", action.object()),
        Verb::Replace => assert!(objects.insert(name, action.text.clone()).is_some(), "{} is not there", action.object()),
        Verb::Delete => assert!(objects.remove(&name).is_some(), "{} is not there", action.object()),
        Verb::Turn => {}
    }
}

/// Sets of objects that a cluster may hold while a plan is applied: within a step some or all of it, in two orders and as chance
/// has it; small steps in every part.
pub(crate) fn moments(plan: &Plan, mut now: Objects) -> (Vec<(usize, Objects)>, Objects) {
    let mut all = Vec::new();
    let mut chance: u64 = 0x9e37_79b9_7f4a_7c15;
    for (at, step) in plan.steps.iter().enumerate() {
        let parts = if step.actions.len() <= 3 { 1 << step.actions.len() } else { 6 };
        for part in 0..parts {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let wanted = if step.actions.len() <= 3 { part } else { chance >> 32 };
            let mut some = now.clone();
            for (_, action) in step.actions.iter().enumerate().filter(|(bit, _)| wanted & (1 << (bit % 32)) != 0) {
                apply(&mut some, action);
            }
            all.push((at + 1, some));
        }
        let mut backwards = now.clone();
        for action in step.actions.iter().rev() {
            apply(&mut backwards, action);
            all.push((at + 1, backwards.clone()));
        }
        for action in &step.actions {
            apply(&mut now, action);
            all.push((at + 1, now.clone()));
        }
        assert_eq!(backwards, now);
    }
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|(_, objects)| seen.insert(objects.clone()));
    (all, now)
}

pub(crate) fn cluster(objects: &Objects, platform: &Platform) -> Cluster {
    let mut sources = Sources::default();
    let text = objects.values().fold(String::new(), |text, object| text + "---\n" + object);
    let file = sources.add(Source::new("cluster.yaml", text));
    let (cluster, findings) = cluster::read(&sources, &[file], platform.clone());
    assert!(findings.is_empty(), "{findings:?}");
    cluster
}

pub(crate) fn platform(input: &Input) -> Platform {
    proof_platform(&compile(input.clone()).policy.config)
}

pub(crate) fn decide(cluster: &Cluster, flow: &Flow) -> Verdict {
    cluster.decide(&Question { addressed: Addressed::Pod, ..Question::from(flow) }).verdict
}

/// The first moment at which a flow passes that passes on neither side, or does not that passes on both.
pub(crate) fn against(plan: &Plan, base: &Objects, head: &Objects, platform: &Platform, flows: &[Flow]) -> Option<String> {
    let ends = [base, head].map(|objects| cluster(objects, platform));
    let agreed = flows.iter().filter_map(|flow| {
        let [old, new] = [&ends[0], &ends[1]].map(|end| decide(end, flow));
        (old == new).then_some((flow, old))
    });
    let agreed: Vec<(&Flow, Verdict)> = agreed.collect();
    let (moments, last) = moments(plan, base.clone());
    assert_eq!(&last, head, "the last moment is not the head");
    moments.iter().find_map(|(step, objects)| {
        let cluster = cluster(objects, platform);
        let wrong = agreed.iter().find(|(flow, verdict)| decide(&cluster, flow) != *verdict);
        wrong.map(|(flow, verdict)| format!("in step {step} no longer {verdict:?}: {flow:?}"))
    })
}

/// A plan in lines: each step's name, and what is done.
pub(crate) fn lines(plan: &Plan) -> Vec<String> {
    let line = |action: &Action| format!("{} {}", action.verb.name(), action.object());
    plan.steps.iter().map(|step| format!("{}: {}", step.name, step.actions.iter().map(line).collect::<Vec<_>>().join(", "))).collect()
}
