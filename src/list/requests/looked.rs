//! What some cuts look at in requests, all together.
//!
//! Owns: `Looked`: the words of every place, and how much of each claim may matter at once. It must not choose requests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::flow::{RequestSamples, Symbol};

use super::{Pattern, WordPattern};

/// What some cuts look at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(in super::super) struct Looked {
    /// The words and patterns of all of them.
    pub(super) samples: RequestSamples,
    /// Those of each, once.
    parts: BTreeSet<Arc<RequestSamples>>,
    claims: BTreeMap<Symbol, Matter>,
}

/// How much of a claim may matter at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Matter {
    /// The words of which some cut promises nothing: any of them may matter besides any others.
    settling: BTreeSet<WordPattern>,
    /// The words by which cuts let requests pass.
    letting: BTreeSet<WordPattern>,
    /// Those by which cuts stop them.
    stopping: BTreeSet<WordPattern>,
    /// How many values that settle nothing one cut needs to let a request pass, at most.
    lets_pass: usize,
    /// How many one needs to stop it.
    stops: usize,
}

/// What a value of a claim may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Anything, besides any others.
    Settles,
    /// It may let a request pass.
    Lets,
    /// It may stop one.
    Stops,
    /// Either of these.
    Both,
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

    /// What each of them looks at.
    pub(super) fn parts(&self) -> impl Iterator<Item = &RequestSamples> {
        self.parts.iter().map(|part| &**part)
    }

    fn add(&mut self, own: &RequestSamples) {
        if own.is_empty() || !self.parts.insert(Arc::new(own.clone())) {
            return;
        }
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
        extend(&mut sum.written.exact_claims, &own.written.exact_claims);
        for (name, values) in own.claim_values() {
            let written = own.written.claims.get(name).into_iter().flatten().flatten();
            let exact = own.written.exact_claims.get(name).into_iter().flatten().flatten();
            let exact = values.into_iter().chain(exact).cloned().map(WordPattern::exact);
            let words = exact.chain(written.cloned().map(WordPattern::written));
            let matter = self.claims.entry(Symbol::clone(name)).or_default();
            match own.few_claims.get(name) {
                Some(count) if own.stops => {
                    matter.stops = matter.stops.max(*count);
                    matter.stopping.extend(words);
                }
                Some(count) => {
                    matter.lets_pass = matter.lets_pass.max(*count);
                    matter.letting.extend(words);
                }
                None => matter.settling.extend(words),
            }
        }
    }

    /// What a value of a claim may do.
    pub(super) fn role(&self, claim: &Symbol, value: &str) -> Role {
        let Some(matter) = self.claims.get(claim) else { return Role::Settles };
        let is_in = |words: &BTreeSet<WordPattern>| words.iter().any(|pattern| pattern.matches(value));
        match (is_in(&matter.settling), is_in(&matter.letting), is_in(&matter.stopping)) {
            (true, _, _) => Role::Settles,
            (false, true, true) => Role::Both,
            (false, false, true) => Role::Stops,
            (false, _, false) => Role::Lets,
        }
    }

    /// Whether some cut stops requests by a claim.
    pub(super) fn is_stopped_by(&self, claim: &Symbol) -> bool {
        self.claims.get(claim).is_some_and(|matter| matter.stops > 0)
    }

    /// How many values of a claim that settle nothing may matter at once: those by which one rule lets a request pass, and those by which
    /// another one stops it all the same.
    pub(super) fn most(&self, claim: &Symbol) -> [usize; 2] {
        self.claims.get(claim).map_or([0; 2], |matter| [matter.lets_pass, matter.stops])
    }
}

fn extend<T: Ord + Clone>(sum: &mut BTreeMap<Symbol, BTreeSet<T>>, own: &BTreeMap<Symbol, BTreeSet<T>>) {
    for (name, values) in own {
        sum.entry(Symbol::clone(name)).or_default().extend(values.iter().cloned());
    }
}
