//! Faults made by hand in what examples compile to: the proof must catch every one.
//!
//! Each sabotage is tried at its places in every example, at no more than [`PLACES`] of each example unless `TWOGATE_CASES`
//! asks for all. A change that makes no difference is no fault; which changes those are is not the proof's to say: the model of
//! `tests/model` must find nothing in a world sampled around the document, and `sabotage/neutral.txt` says why that is so. The
//! model judges the other answers too: what the reader refuses it must refuse, and every counterexample must be one to it.

mod mesh;
mod network;
mod objects;
mod table;
mod tree;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Deserialize;
use serde_yaml::Value;
use twogate::compile::{Outcome, compile, prove};
use twogate::diagnostic::order::has_error;
use twogate::flow::{Flow, Verdict};
use twogate::meaning;

use crate::agreement::world::modelled;
use crate::examples;
use crate::model;
use table::{Sabotage, Sabotaged};

/// The most places at which a sabotage is tried in one example.
const PLACES: usize = 6;

/// An example as it compiles, and its documents by file.
struct Example {
    name: String,
    outcome: Outcome,
    files: Vec<Vec<Value>>,
}

/// What became of a sabotage at one place.
#[derive(Debug, PartialEq)]
enum Fate {
    /// The reader refuses the text.
    Refused,
    /// The proof finds flows that differ.
    Differs(Vec<Flow>),
    /// Flows whose fate the platform leaves open.
    LeftOpen,
    /// Nobody notices.
    Unnoticed,
}

/// All examples, compiled.
fn all_examples() -> Vec<Example> {
    let example = |folder: &std::path::PathBuf| {
        let outcome = compile(examples::read(folder, examples::Order::Forward));
        assert!(!has_error(&outcome.findings), "{}: {:?}", folder.display(), outcome.findings);
        let files = outcome.files.iter().map(|file| documents(&file.text)).collect();
        Example { name: examples::name(folder), outcome, files }
    };
    examples::examples().iter().map(example).collect()
}

fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text).map(|document| Value::deserialize(document).unwrap()).collect()
}

fn printed(documents: &[Value]) -> String {
    documents.iter().fold(String::new(), |text, document| text + "---\n" + &serde_yaml::to_string(document).unwrap())
}

impl Example {
    /// Where a sabotage applies: the file, the document in it, and what becomes of that; not more than are tried.
    fn places(&self, sabotage: &Sabotage) -> Vec<(usize, usize, Sabotaged)> {
        let mut places = Vec::new();
        for (file, documents) in self.files.iter().enumerate().filter(|(file, _)| self.is_policy(*file)) {
            for (at, document) in documents.iter().enumerate() {
                places.extend(sabotage.apply(document).into_iter().map(|sabotaged| (file, at, sabotaged)));
            }
        }
        let wanted = if std::env::var_os("TWOGATE_CASES").is_some() { places.len() } else { PLACES.min(places.len()) };
        let chosen: BTreeSet<usize> = (0..wanted).map(|number| number * places.len() / wanted).collect();
        places.into_iter().enumerate().filter(|(number, _)| chosen.contains(number)).map(|(_, place)| place).collect()
    }

    fn is_policy(&self, file: usize) -> bool {
        !self.outcome.files[file].path.ends_with("kustomization.yaml")
    }

    /// The documents of a file with one of them sabotaged.
    fn changed(&self, (file, at, sabotaged): &(usize, usize, Sabotaged)) -> Vec<Value> {
        let mut documents = self.files[*file].clone();
        documents.splice(*at..=*at, sabotaged.documents.clone());
        documents
    }

    /// What the proof says if a file holds these documents instead of its own.
    fn proved(&self, file: usize, documents: &[Value]) -> Fate {
        let mut outcome = self.outcome.clone();
        outcome.files[file].text = printed(documents);
        prove(&mut outcome, &[]);
        assert_eq!(outcome.files.is_empty(), has_error(&outcome.findings), "something comes out exactly if the proof holds");
        let proof = outcome.proof.as_ref().unwrap();
        assert!(proof.incomplete.is_empty());
        let definite = proof.differences.iter().filter(|difference| !matches!(difference.right, Verdict::Unspecified(_)));
        let flows: Vec<Flow> = definite.map(|difference| difference.flow.clone()).collect();
        match (has_error(&outcome.findings), flows.is_empty(), proof.differences.is_empty()) {
            (false, ..) => Fate::Unnoticed,
            (true, false, _) => Fate::Differs(flows),
            (true, true, false) => Fate::LeftOpen,
            (true, true, true) => Fate::Refused,
        }
    }

    /// All policies as one stream, with a file changed.
    fn stream(&self, changed: Option<(usize, &[Value])>) -> String {
        let own = self.files.iter().enumerate().filter(|(file, _)| self.is_policy(*file));
        let text = own.map(|(file, documents)| match changed {
            Some((at, other)) if at == file => printed(other),
            _ => printed(documents),
        });
        text.collect()
    }

    /// The first flow around a document that the model decides otherwise after the change.
    fn shows(&self, place: &(usize, usize, Sabotaged), changed: &[Value]) -> Option<Flow> {
        let (file, at, sabotaged) = place;
        let home = |document: &Value| document["metadata"]["namespace"].as_str().unwrap().to_owned();
        let original = home(&self.files[*file][*at]);
        let moved = sabotaged.documents.iter().any(|document| home(document) != original);
        let managed: Vec<String> = self.outcome.policy.managed().map(|namespace| namespace.name.to_string()).collect();
        let near: Vec<&str> = if moved { managed.iter().map(String::as_str).collect() } else { vec![&original] };
        let all: Vec<Value> = self.files.iter().flatten().chain(&sabotaged.documents).cloned().collect();
        let [before, after] =
            [self.stream(None), self.stream(Some((*file, changed)))].map(|text| model::Cluster::read(&text).unwrap());
        let flows = world::flows(&self.outcome.policy, &all, &near);
        flows.into_iter().find(|flow| verdict(&before, flow) != verdict(&after, flow))
    }
}

/// What the model says of a flow; none where it leaves that open.
fn verdict(cluster: &model::Cluster, flow: &Flow) -> Option<bool> {
    match cluster.decide(&modelled(flow)) {
        model::Verdict::Allowed => Some(true),
        model::Verdict::Denied { .. } => Some(false),
        model::Verdict::Unspecified(_) => None,
    }
}

/// The changes that are no faults: `example | sabotage | place`, with the reason that stands above them.
fn neutral() -> BTreeMap<String, String> {
    let mut reason = String::new();
    let mut all = BTreeMap::new();
    for line in include_str!("sabotage/neutral.txt").lines().filter(|line| !line.trim().is_empty()) {
        match line.strip_prefix("  ") {
            None => reason = line.to_owned(),
            Some(entry) => assert!(all.insert(entry.to_owned(), reason.clone()).is_none(), "`{entry}` stands twice"),
        }
    }
    all
}

/// What was found in one example.
#[derive(Default)]
struct Found {
    caught: BTreeMap<&'static str, usize>,
    tried: BTreeMap<&'static str, usize>,
    neutral: BTreeSet<String>,
    faults: Vec<String>,
}

impl Found {
    fn try_all(&mut self, example: &Example) {
        for sabotage in table::all() {
            for place in example.places(sabotage) {
                *self.tried.entry(sabotage.name).or_default() += 1;
                let entry = format!("{} | {} | {}", example.name, sabotage.name, place.2.place);
                let changed = example.changed(&place);
                let fate = example.proved(place.0, &changed);
                if fate != Fate::Unnoticed {
                    *self.caught.entry(sabotage.name).or_default() += 1;
                }
                let fault = match fate {
                    Fate::Refused => refused(&example.stream(Some((place.0, &changed)))),
                    Fate::Differs(flows) => confirmed(example, &example.stream(Some((place.0, &changed))), &flows),
                    Fate::LeftOpen => None,
                    Fate::Unnoticed => {
                        self.neutral.insert(entry.clone());
                        example.shows(&place, &changed).map(|flow| format!("not caught: {flow:?}"))
                    }
                };
                self.faults.extend(fault.map(|fault| format!("{entry}: {fault}")));
            }
        }
    }
}

/// The model refuses the text too.
fn refused(text: &str) -> Option<String> {
    let is_refused = !model::validate(text).is_empty() || model::Cluster::read(text).is_err();
    (!is_refused).then(|| "refused, though the model takes it".to_owned())
}

/// To the model every counterexample is one.
fn confirmed(example: &Example, text: &str, flows: &[Flow]) -> Option<String> {
    let cluster = match model::Cluster::read(text) {
        Ok(cluster) => cluster,
        Err(reason) => return Some(format!("decided, though the model refuses it: {reason}")),
    };
    let is_none = |flow: &&Flow| verdict(&cluster, flow) == Some(meaning::passes(&example.outcome.policy, flow));
    flows.iter().find(is_none).map(|flow| format!("to the model this is no counterexample: {flow:?}"))
}

#[test]
fn every_sabotage_of_every_example_is_caught() {
    let examples = all_examples();
    let mut found = Found::default();
    let parts: Vec<Found> = std::thread::scope(|scope| {
        let try_all = |example| {
            scope.spawn(move || {
                let mut found = Found::default();
                found.try_all(example);
                found
            })
        };
        examples.iter().map(try_all).collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for part in parts {
        part.caught.iter().for_each(|(name, count)| *found.caught.entry(name).or_default() += count);
        part.tried.iter().for_each(|(name, count)| *found.tried.entry(name).or_default() += count);
        found.neutral.extend(part.neutral);
        found.faults.extend(part.faults);
    }
    let listed = neutral();
    let mut faults = found.faults;
    faults.extend(found.neutral.iter().filter(|entry| !listed.contains_key(*entry)).map(|entry| format!("unnoticed: {entry}")));
    let all_tried = std::env::var_os("TWOGATE_CASES").is_some();
    faults.extend(listed.keys().filter(|entry| !all_tried && !found.neutral.contains(*entry)).map(|entry| format!("listed, but noticed or not tried: {entry}")));
    for sabotage in table::all() {
        let (tried, caught) = (found.tried.get(sabotage.name).copied(), found.caught.get(sabotage.name).copied());
        faults.extend(tried.is_none().then(|| format!("`{}` applies to no example", sabotage.name)));
        faults.extend(caught.is_none().then(|| format!("`{}` is never caught", sabotage.name)));
    }
    let mut text = String::new();
    faults.iter().for_each(|fault| writeln!(text, "{fault}").unwrap());
    let tried: usize = found.tried.values().sum();
    assert!(faults.is_empty(), "{} faults in {tried} tries\n{text}", faults.len());
}

/// What catches a sabotage is not that the text was printed anew.
#[test]
fn an_untouched_copy_is_proved() {
    for example in all_examples() {
        for (file, documents) in example.files.iter().enumerate().filter(|(file, _)| example.is_policy(*file)) {
            assert_eq!(example.proved(file, documents), Fate::Unnoticed, "{} {}", example.name, example.outcome.files[file].path);
        }
    }
}

#[test]
fn there_are_sabotages_enough_and_no_name_stands_twice() {
    let names: BTreeSet<&str> = table::all().iter().map(|sabotage| sabotage.name).collect();
    assert_eq!(names.len(), table::all().len());
    assert!(names.len() >= 36, "{}", names.len());
}
