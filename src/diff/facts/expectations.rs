//! Expectations that have come or gone, or fail now.
//!
//! Owns: which of them are told. Whether one holds is `verify`'s to say.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::{Analysed, Fact, FactKind, fact};
use crate::diff::entry::Change;
use crate::diff::side::Which;
use crate::flow::Symbol;
use crate::ir::{Expectation, Policy};
use crate::verify::{Accepting, Granted, Held, PolicyWorld, Reach, Worlds, judge};

/// Expectations that have come or gone, and those of the head that fail and held. Each is judged, whatever the entries say: a name in it may
/// mean others than it did.
pub(super) fn expectations(base: Analysed<'_>, head: Analysed<'_>) -> Vec<Fact> {
    let texts = |policy: &Policy| -> BTreeMap<String, usize> {
        policy.expectations.iter().fold(BTreeMap::new(), |mut counts, expectation| {
            *counts.entry(expectation.text.clone()).or_default() += 1;
            counts
        })
    };
    let (old, new) = (texts(base.policy), texts(head.policy));
    let extra = |all: &BTreeMap<String, usize>, text: &str, other: &BTreeMap<String, usize>| {
        all.get(text).copied().unwrap_or_default() > other.get(text).copied().unwrap_or_default()
    };
    if head.policy.expectations.is_empty() && base.policy.expectations.is_empty() {
        return Vec::new();
    }
    let mut facts = Vec::new();
    let (before, judged) = (OnceCell::new(), Judged::new(head));
    for expectation in &head.policy.expectations {
        let is_new = extra(&new, &expectation.text, &old);
        let fails = judged.fails(expectation);
        if !is_new && (!fails || failed_before(before.get_or_init(|| Judged::new(base)), expectation)) {
            continue;
        }
        let change = if is_new { Change::Added } else { Change::Changed };
        let place = Some((Which::Head, expectation.location));
        facts.push(Fact { place, fails, ..fact(FactKind::Expectation, change, expectation.text.clone()) });
    }
    let gone = base.policy.expectations.iter().filter(|expectation| extra(&old, &expectation.text, &new));
    facts.extend(gone.map(|expectation| Fact {
        place: Some((Which::Base, expectation.location)),
        ..fact(FactKind::Expectation, Change::Removed, expectation.text.clone())
    }));
    facts
}

fn failed_before(base: &Judged<'_>, expectation: &Expectation) -> bool {
    let before = base.analysed.policy.expectations.iter().find(|other| other.text == expectation.text);
    before.is_some_and(|before| base.fails(before))
}

/// A program that expectations are decided on, with what its lines accept.
struct Judged<'p> {
    analysed: Analysed<'p>,
    program: Accepting<'p>,
    world: PolicyWorld<'p>,
    granted: Granted<'p>,
    namespaces: Vec<Symbol>,
}

impl<'p> Judged<'p> {
    fn new(analysed: Analysed<'p>) -> Self {
        let (policy, gates) = (analysed.policy, analysed.gates);
        let (program, granted) = (Accepting::new(policy, gates), Granted::new(policy, gates));
        let namespaces = policy.namespaces.keys().cloned().collect();
        Self { analysed, program, world: PolicyWorld::new(policy), granted, namespaces }
    }

    fn fails(&self, expectation: &Expectation) -> bool {
        let worlds = Worlds::both(&self.world);
        let reach = Reach { judge: &self.program, worlds, ruled_out: &self.granted, namespaces: &self.namespaces };
        judge(&reach, expectation) != Held::Yes
    }
}
