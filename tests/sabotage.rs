//! Faults made by hand in what examples compile to: the proof must catch every one.
//!
//! Each sabotage is tried at its places in every example and every program below, at no more than [`PLACES`] of each unless
//! `TWOGATE_CASES` asks for all. A change that makes no difference is no fault; which changes those are is not the proof's to
//! say: the model of `tests/model` must find nothing in a world sampled around the document, and tell which gates stop what
//! the changed one lets through. The list of these places, with that reason, is `snapshots/sabotage/neutral.snap`. The model
//! judges the other answers too: what the reader refuses it must refuse, and every counterexample must be one to it.

mod mesh;
mod network;
mod objects;
mod oracle;
mod programs;
pub(crate) mod table;
mod tree;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use serde_yaml::Value;
use twogate::compile::{Outcome, compile, prove};
use twogate::diagnostic::order::has_error;
use twogate::flow::{Flow, Verdict};
use twogate::verify::flow_words;

use crate::examples;
use oracle::Oracle;
use table::{Sabotage, Sabotaged};

/// The most places at which a sabotage is tried in one example.
const PLACES: usize = 3;

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

/// One place of an example, sabotaged.
#[derive(Clone)]
struct Place {
    file: usize,
    /// Which document of the file.
    at: usize,
    sabotaged: Sabotaged,
}

/// Whether every place is tried.
fn all_places() -> bool {
    std::env::var_os("TWOGATE_CASES").is_some()
}

/// All examples, compiled.
fn all_examples() -> Vec<Example> {
    let example =
        |folder: &std::path::PathBuf| Example::new(&examples::name(folder), compile(examples::read(folder, examples::Order::Forward)));
    examples::examples().iter().map(example).collect()
}

fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text).map(|document| Value::deserialize(document).unwrap()).collect()
}

fn printed(documents: &[Value]) -> String {
    documents.iter().fold(String::new(), |text, document| text + "---\n" + &serde_yaml::to_string(document).unwrap())
}

impl Example {
    fn new(name: &str, outcome: Outcome) -> Self {
        assert!(!has_error(&outcome.findings), "{name}: {:?}", outcome.findings);
        let files = outcome.files.iter().map(|file| documents(&file.text)).collect();
        Self { name: name.to_owned(), outcome, files }
    }

    /// Where a sabotage applies; not more places than are tried, spread over all.
    fn places(&self, sabotage: &Sabotage) -> Vec<Place> {
        let mut places = Vec::new();
        for (file, documents) in self.files.iter().enumerate().filter(|(file, _)| self.is_policy(*file)) {
            for (at, document) in documents.iter().enumerate() {
                places.extend(sabotage.apply(document).into_iter().map(|sabotaged| Place { file, at, sabotaged }));
            }
        }
        let wanted = if all_places() { places.len() } else { PLACES.min(places.len()) };
        let chosen: BTreeSet<usize> = (0..wanted).map(|number| number * places.len() / wanted).collect();
        places.into_iter().enumerate().filter(|(number, _)| chosen.contains(number)).map(|(_, place)| place).collect()
    }

    fn is_policy(&self, file: usize) -> bool {
        !self.outcome.files[file].path.ends_with("kustomization.yaml")
    }

    /// The documents of a file with one of them sabotaged.
    fn changed(&self, place: &Place) -> Vec<Value> {
        let mut documents = self.files[place.file].clone();
        documents.splice(place.at..=place.at, place.sabotaged.documents.clone());
        documents
    }

    /// What the proof says if a file holds these documents instead of its own.
    fn proved(&self, file: usize, documents: &[Value]) -> Fate {
        let mut outcome = self.outcome.clone();
        outcome.files[file].text = printed(documents).into();
        prove(&mut outcome, &[]);
        assert_eq!(outcome.files.is_empty(), has_error(&outcome.findings), "something comes out exactly if the proof holds");
        // What cannot be read any more is refused without a proof.
        let proof = outcome.proof.clone().unwrap_or_default();
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
}

/// Sabotages that no example shows: the other gate, or another object of the same gate, stops all the same. Each shows as soon
/// as the sabotage beside it takes that away.
const HIDDEN: &[(&str, &str)] =
    &[("weaken mTLS", "drop the callers"), ("drop the mesh's deny-all", "drop a document"), ("let in every pod", "drop the callers")];

/// As many pairs of places are tried in one example.
const PAIRS: usize = 24;

impl Example {
    /// The counterexamples of the proof with several places sabotaged.
    fn differences(&self, places: &[&Place]) -> BTreeSet<String> {
        let mut files = self.files.clone();
        let mut places = places.to_vec();
        // From the back, so that no place moves before its turn.
        places.sort_by_key(|place| std::cmp::Reverse((place.file, place.at)));
        for place in &places {
            files[place.file].splice(place.at..=place.at, place.sabotaged.documents.clone());
        }
        let mut outcome = self.outcome.clone();
        for place in &places {
            outcome.files[place.file].text = printed(&files[place.file]).into();
        }
        prove(&mut outcome, &[]);
        let differences = outcome.proof.iter().flat_map(|proof| &proof.differences);
        differences.map(|difference| format!("{} {:?}", flow_words(&difference.flow), difference.right)).collect()
    }

    /// Whether a sabotage that shows nothing alone shows beside another one.
    fn shows_beside(&self, hidden: &Sabotage, other: &Sabotage) -> bool {
        let pairs = self.places(hidden).into_iter().flat_map(|one| self.places(other).into_iter().map(move |two| (one.clone(), two)));
        let apart = pairs.filter(|(one, two)| (one.file, one.at) != (two.file, two.at));
        apart.take(PAIRS).any(|(one, two)| {
            let (alone, together) = (self.differences(&[&one]), self.differences(&[&one, &two]));
            alone.is_empty() && !together.is_empty() && together != self.differences(&[&two])
        })
    }
}

#[test]
fn what_hides_a_sabotage_is_a_second_lock_that_the_proof_sees_fall() {
    let mut examples = all_examples();
    examples.extend(programs::all());
    let find = |name: &str| table::all().into_iter().find(|sabotage| sabotage.name == name).unwrap();
    for (hidden, other) in HIDDEN {
        let shows = examples.iter().any(|example| example.shows_beside(find(hidden), find(other)));
        assert!(shows, "`{hidden}` shows in no example, not even with `{other}`");
    }
}

/// What was found in one example.
#[derive(Default)]
struct Found {
    caught: BTreeMap<&'static str, usize>,
    tried: BTreeMap<&'static str, usize>,
    /// Reason, then example, sabotage and place.
    neutral: BTreeSet<(String, String)>,
    /// Of the faults that the proof finds, some are shown to the sampled world: so many, and so many it sees.
    shown: (usize, usize),
    faults: Vec<String>,
}

/// Every so many found faults, one is shown to the sampled world.
const SHOWN: usize = 10;

impl Found {
    fn try_all(example: &Example) -> Self {
        let mut found = Self::default();
        let oracle = Oracle::new(example);
        for sabotage in table::all() {
            for place in example.places(sabotage) {
                *found.tried.entry(sabotage.name).or_default() += 1;
                found.try_one(example, &oracle, sabotage, &place);
            }
        }
        found
    }

    fn try_one(&mut self, example: &Example, oracle: &Oracle<'_>, sabotage: &'static Sabotage, place: &Place) {
        let entry = format!("{} | {} | {}", example.name, sabotage.name, place.sabotaged.place);
        let changed = example.changed(place);
        let stream = || example.stream(Some((place.file, &changed)));
        let fate = example.proved(place.file, &changed);
        if fate != Fate::Unnoticed {
            *self.caught.entry(sabotage.name).or_default() += 1;
        }
        if matches!(fate, Fate::Differs(_)) && self.caught.values().sum::<usize>() % SHOWN == 0 {
            self.shown = (self.shown.0 + 1, self.shown.1 + usize::from(oracle.sees(place, &stream())));
        }
        let fault = match fate {
            Fate::Refused => oracle::refuses(&stream()),
            Fate::Differs(flows) => oracle.confirms(&stream(), &flows),
            Fate::LeftOpen => None,
            Fate::Unnoticed => match oracle.finds_nothing(place, &stream()) {
                Ok(reason) => {
                    self.neutral.insert((reason, entry.clone()));
                    None
                }
                Err(fault) => Some(fault),
            },
        };
        self.faults.extend(fault.map(|fault| format!("{entry}: {fault}")));
    }

    fn and(mut self, other: Self) -> Self {
        other.caught.iter().for_each(|(name, count)| *self.caught.entry(name).or_default() += count);
        other.tried.iter().for_each(|(name, count)| *self.tried.entry(name).or_default() += count);
        self.neutral.extend(other.neutral);
        self.faults.extend(other.faults);
        self.shown = (self.shown.0 + other.shown.0, self.shown.1 + other.shown.1);
        self
    }

    /// The neutral places by reason.
    fn listed(&self) -> String {
        let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        self.neutral.iter().for_each(|(reason, entry)| reasons.entry(reason).or_default().push(entry));
        reasons.iter().fold(String::new(), |text, (reason, entries)| text + reason + "\n  " + &entries.join("\n  ") + "\n")
    }
}

#[test]
fn every_sabotage_of_every_example_is_caught() {
    let mut examples = all_examples();
    examples.extend(programs::all());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Found::default();
        while let Some(example) = examples.get(next.fetch_add(1, Ordering::Relaxed)) {
            found = found.and(Found::try_all(example));
        }
        found
    };
    let found = std::thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().map(|thread| thread.join().unwrap()).fold(Found::default(), Found::and)
    });
    let mut faults = found.faults.clone();
    for sabotage in table::all() {
        faults.extend((!found.tried.contains_key(sabotage.name)).then(|| format!("`{}` applies to no example", sabotage.name)));
        let is_hidden = HIDDEN.iter().any(|(name, _)| *name == sabotage.name);
        faults.extend((!is_hidden && !found.caught.contains_key(sabotage.name)).then(|| format!("`{}` is never caught", sabotage.name)));
    }
    let (tried, caught): (usize, usize) = (found.tried.values().sum(), found.caught.values().sum());
    assert!(faults.is_empty(), "{} faults in {tried} tries\n{}", faults.len(), faults.join("\n"));
    assert!(caught * 3 > tried * 2, "only {caught} of {tried} are faults: the places are badly chosen");
    let (shown, seen) = found.shown;
    assert!(seen * 4 > shown * 3, "the sampled worlds are too small to be asked: they see {seen} of {shown} faults");
    if !all_places() {
        snapshot("neutral", &found.listed());
    }
}

/// Compares with `snapshots/sabotage/<name>.snap`.
fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(crate::pages::root().join("snapshots/sabotage"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
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
