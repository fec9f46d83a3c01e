//! Random programs: the proof, the meaning and the evaluator say the same, and faults in what they compile to are found.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::Deserialize;
use serde_yaml::Value;
use twogate::compile::{Outcome, compile, prove};
use twogate::diagnostic::order::has_error;
use twogate::flow::{Flow, Verdict};
use twogate::meaning;
use twogate::verify::{Granted, RuledOut};

use super::decided;
use crate::agreement::world::{self, flows, program};
use crate::sabotage::table;

/// How often something is tried; `TWOGATE_CASES` asks for more.
pub(super) fn cases(usual: u32) -> u32 {
    std::env::var("TWOGATE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// The same cases on each run; with `TWOGATE_CASES`, others each time.
pub(super) fn runner(usual: u32) -> TestRunner {
    let config = Config { cases: cases(usual), failure_persistence: None, max_shrink_iters: 4_000, ..Config::default() };
    if std::env::var_os("TWOGATE_CASES").is_some() {
        return TestRunner::new(config);
    }
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// The flows of the small world that keep to what the proof assumes.
fn assumed(lines: &[String], outcome: &Outcome) -> Vec<Flow> {
    let granted = Granted::new(&outcome.policy, &outcome.gates);
    flows(lines).into_iter().filter(|flow| world::is_judged(lines, flow) && !granted.rules_out(flow)).collect()
}

/// Whether a cluster does with a flow what the program says.
fn agrees(outcome: &Outcome, flow: &Flow) -> Result<(), String> {
    let (meant, done) = (meaning::passes(&outcome.policy, flow), decided(outcome.cluster.as_ref().unwrap(), flow));
    if done == if meant { Verdict::Allowed } else { Verdict::Denied } { Ok(()) } else { Err(format!("meant: {meant}, done: {done:?}")) }
}

/// Where there is no other error the proof holds, and the evaluator does what the program means.
#[test]
fn what_compiles_is_proved_and_decided_as_meant() {
    let proved = std::cell::Cell::new(0_u32);
    let result = runner(250).run(&program(), |lines| {
        let outcome = compile(world::input(&lines));
        let failed = outcome.findings.iter().find(|finding| ["proof-failed", "proof-incomplete"].contains(&finding.code.name()));
        prop_assert!(failed.is_none(), "{}\n{failed:?}", lines.join("\n"));
        if has_error(&outcome.findings) {
            return Ok(());
        }
        proved.set(proved.get() + 1);
        for flow in assumed(&lines, &outcome) {
            let agreed = agrees(&outcome, &flow);
            prop_assert!(agreed.is_ok(), "{}\nflow: {flow:?}\n{agreed:?}", lines.join("\n"));
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(proved.get() * 5 > cases(250), "only {} programs were proved", proved.get());
}

/// A random sabotage of a document: its name, and the text of the file after it.
pub(super) fn sabotaged(outcome: &Outcome, chosen: &[Index; 3]) -> Option<(String, usize, String)> {
    let files: Vec<usize> = (0..outcome.files.len()).filter(|file| !outcome.files[*file].path.ends_with("kustomization.yaml")).collect();
    let file = files[chosen[0].index(files.len())];
    let documents: Vec<Value> =
        serde_yaml::Deserializer::from_str(&outcome.files[file].text).map(|document| Value::deserialize(document).unwrap()).collect();
    let at = chosen[1].index(documents.len());
    let places =
        table::all().into_iter().flat_map(|sabotage| sabotage.apply(&documents[at]).into_iter().map(move |place| (sabotage.name, place)));
    let places: Vec<_> = places.collect();
    let (name, place) = places.get(chosen[2].index(places.len()))?;
    let mut changed = documents.clone();
    changed.splice(at..=at, place.documents.clone());
    let text = changed.iter().fold(String::new(), |text, document| text + "---\n" + &serde_yaml::to_string(document).unwrap());
    Some((format!("{name}: {}", place.place), file, text))
}

/// If the proof of a sabotaged program finds nothing, no flow of the small world shows anything; what it finds is real.
#[test]
fn what_a_proof_does_not_find_is_not_there() {
    let [found, missed] = [std::cell::Cell::new(0_u32), std::cell::Cell::new(0_u32)];
    let result = runner(400).run(&(program(), any::<[Index; 3]>()), |(lines, chosen)| {
        let mut outcome = compile(world::input(&lines));
        if has_error(&outcome.findings) {
            return Ok(());
        }
        let Some((name, file, text)) = sabotaged(&outcome, &chosen) else { return Ok(()) };
        outcome.files[file].text = text.as_str().into();
        prove(&mut outcome, &[]);
        // What cannot be read any more is found without a proof.
        for difference in outcome.proof.iter().flat_map(|proof| &proof.differences) {
            let agreed = agrees(&outcome, &difference.flow);
            prop_assert!(agreed.is_err(), "{}\n{name}\nno difference: {difference:?}", lines.join("\n"));
        }
        if has_error(&outcome.findings) {
            found.set(found.get() + 1);
            return Ok(());
        }
        missed.set(missed.get() + 1);
        for flow in assumed(&lines, &outcome) {
            let agreed = agrees(&outcome, &flow);
            prop_assert!(agreed.is_ok(), "{}\n{name}\nnot found: {flow:?}\n{agreed:?}\n{text}", lines.join("\n"));
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(found.get() > missed.get(), "{} found, {} without effect", found.get(), missed.get());
}
