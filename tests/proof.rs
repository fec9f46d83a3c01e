//! The proof of what a program compiles to: it holds where it should, what a program accepts is listed and nothing hides behind
//! it, others' policies are seen, and on random programs and random clusters it says what brute force says.

mod accepted;
mod alongside;
mod clusters;
mod few;
mod keys;
mod programs;
mod random;
mod refused;
mod snapshots;

use twogate::cluster::{Cluster, Question};
use twogate::compile::{Outcome, prove};
use twogate::flow::{Flow, Verdict};
use twogate::verify::{Difference, flow_words};

/// What a cluster does with a flow, end to end.
fn decided(cluster: &Cluster, flow: &Flow) -> Verdict {
    cluster.decide(&Question::from(flow)).verdict
}

/// An outcome of which one text was changed before it was proved.
fn broken(outcome: &Outcome, from: &str, to: &str) -> Outcome {
    let mut broken = outcome.clone();
    let hits = broken.files.iter().map(|file| file.text.matches(from).count()).sum::<usize>();
    assert!(hits > 0, "`{from}` stands nowhere in\n{}", crate::support::yaml(&outcome.manifests));
    for file in &mut broken.files {
        file.text = file.text.replacen(from, to, 1).into();
    }
    prove(&mut broken, &[]);
    broken
}

/// The counterexamples of an outcome in words.
fn counterexamples(outcome: &Outcome) -> Vec<String> {
    words(outcome.proof.iter().flat_map(|proof| &proof.differences))
}

/// The accepted flows of an outcome in words.
fn accepted(outcome: &Outcome) -> Vec<String> {
    words(outcome.proof.iter().flat_map(|proof| &proof.accepted))
}

/// Flows in words; those with a bad token, of which there is always one beside one without a token, left out.
fn words<'a>(differences: impl Iterator<Item = &'a Difference>) -> Vec<String> {
    let words = differences.map(|difference| flow_words(&difference.flow));
    words.filter(|words| !words.ends_with(", a token that does not verify")).collect()
}
