//! What some cuts look at in requests, all together.
//!
//! Owns: `Looked`: the words of every place, and how much of each claim may matter at once. It must not choose requests.

use std::collections::{BTreeMap, BTreeSet};

use crate::flow::{RequestSamples, Symbol};

use super::{Pattern, WordPattern};

/// What some cuts look at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(in super::super) struct Looked {
    /// The words and patterns of all of them.
    pub(super) samples: RequestSamples,
    claims: BTreeMap<Symbol, Matter>,
}

/// How much of a claim may matter at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Matter {
    /// The words of which some cut promises nothing: any of them may matter besides any others.
    settling: BTreeSet<WordPattern>,
    /// How many other values one cut needs to let a request pass, at most.
    lets_pass: usize,
    /// How many one needs to stop it.
    stops: usize,
}

impl Looked {
    /// What these look at.
    pub(in super::super) fn of<'s>(cuts: impl Iterator<Item = &'s RequestSamples>) -> Self {
        let mut all = Self::default();
        for own in cuts {
            all.add(own);
        }
        all
    }

    fn add(&mut self, own: &RequestSamples) {
        let sum = &mut self.samples;
        sum.methods.extend(own.methods.iter().cloned());
        sum.paths.extend(own.paths.iter().cloned());
        sum.hosts.extend(own.hosts.iter().cloned());
        sum.tokens.extend(own.tokens.iter().cloned());
        extend(&mut sum.headers, &own.headers);
        sum.looks_inside |= own.looks_inside;
        sum.written.methods.extend(own.written.methods.iter().cloned());
        sum.written.hosts.extend(own.written.hosts.iter().cloned());
        extend(&mut sum.written.headers, &own.written.headers);
        extend(&mut sum.written.claims, &own.written.claims);
        for (name, values) in own.claim_values() {
            let matter = self.claims.entry(Symbol::clone(name)).or_default();
            match own.few_claims.get(name) {
                Some(count) if own.stops => matter.stops = matter.stops.max(*count),
                Some(count) => matter.lets_pass = matter.lets_pass.max(*count),
                None => {
                    let written = own.written.claims.get(name).into_iter().flatten().flatten();
                    matter.settling.extend(values.into_iter().chain(written).cloned().map(WordPattern));
                }
            }
        }
    }

    /// Whether a value of a claim may matter besides any others.
    pub(super) fn settles(&self, claim: &Symbol, value: &str) -> bool {
        self.claims.get(claim).is_none_or(|matter| matter.settling.iter().any(|pattern| pattern.matches(value)))
    }

    /// Whether some cut stops requests by a claim.
    pub(super) fn is_stopped_by(&self, claim: &Symbol) -> bool {
        self.claims.get(claim).is_some_and(|matter| matter.stops > 0)
    }

    /// How many values of a claim that settle nothing may matter at once: those by which one rule lets a request pass, and those by which
    /// another one stops it all the same.
    pub(super) fn most(&self, claim: &Symbol) -> usize {
        self.claims.get(claim).map_or(0, |matter| matter.lets_pass + matter.stops)
    }
}

fn extend<T: Ord + Clone>(sum: &mut BTreeMap<Symbol, BTreeSet<T>>, own: &BTreeMap<Symbol, BTreeSet<T>>) {
    for (name, values) in own {
        sum.entry(Symbol::clone(name)).or_default().extend(values.iter().cloned());
    }
}
