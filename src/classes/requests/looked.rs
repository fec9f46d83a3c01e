//! What several cuts look at in requests, together.
//!
//! Owns: `Looked`: the words of each place that stand for all others. A word may match patterns of several cuts at once, whoever's
//! they are, so words are made for what all of them have written.

use std::collections::{BTreeMap, BTreeSet};

use crate::classes::witness::fresh_word;
use crate::flow::{Affixes, RequestSamples, Symbol, Token};

/// The claim that is one word: proxies refuse a token in which it is anything but a text. Of all others every test asks whether one of
/// their words matches, and with a word for each pattern a claim has whatever one word for both could have.
const SUBJECT: &str = "sub";

/// Whether no token holds two values of a claim.
pub(super) fn is_one_word(claim: &Symbol) -> bool {
    **claim == *SUBJECT
}

/// What some cuts look at besides the path.
#[derive(Debug, Default)]
pub(super) struct Looked {
    methods: Words,
    hosts: Words,
    headers: BTreeMap<Symbol, Words>,
    /// Tokens by which they tell tokens apart.
    pub(super) tokens: BTreeSet<Token>,
    claims: BTreeMap<Symbol, Words>,
}

/// The words of one place.
#[derive(Debug, Default)]
struct Words {
    samples: BTreeSet<Symbol>,
    /// What they stand for.
    patterns: Affixes,
}

impl Looked {
    /// Of these cuts.
    pub(super) fn of(cuts: &[&RequestSamples]) -> Self {
        let mut all = Self::default();
        for cut in cuts {
            all.methods.add(&cut.methods, &cut.written.methods, Affixes::add_written_method);
            all.hosts.add(&cut.hosts, &cut.written.hosts, Affixes::add_written_host);
            let nothing = BTreeSet::new();
            for (name, values) in &cut.headers {
                let written = cut.written.headers.get(name).unwrap_or(&nothing);
                all.headers.entry(Symbol::clone(name)).or_default().add(values, written, Affixes::add_written);
            }
            for (name, values) in cut.claim_values() {
                let written = cut.written.claims.get(name).into_iter().flatten().flatten().cloned().collect();
                let values = values.into_iter().cloned().collect();
                all.claims.entry(Symbol::clone(name)).or_default().add(&values, &written, Affixes::add_written);
            }
            all.tokens.extend(cut.tokens.iter().cloned());
        }
        all
    }

    /// The methods.
    pub(super) fn methods(&self) -> Vec<Symbol> {
        self.methods.all(str::to_ascii_uppercase, str::to_ascii_uppercase)
    }

    /// The hosts.
    pub(super) fn hosts(&self) -> Vec<Symbol> {
        self.hosts.all(str::to_owned, |word| format!("{word}.test"))
    }

    /// The values of every header.
    pub(super) fn headers(&self) -> BTreeMap<Symbol, Vec<Symbol>> {
        let values = |(name, words): (&Symbol, &Words)| (Symbol::clone(name), words.all(str::to_owned, str::to_owned));
        self.headers.iter().map(values).collect()
    }

    /// Further values of a claim, of which each is to be told from all others.
    pub(super) fn joined(&self, claim: &Symbol) -> Vec<Symbol> {
        let Some(Words { samples, patterns }) = self.claims.get(claim) else { return Vec::new() };
        if is_one_word(claim) { patterns.joined(samples, str::to_owned) } else { patterns.single(samples, str::to_owned) }
    }

    /// A value of a claim that nobody named, and none of these.
    pub(super) fn unnamed(&self, claim: &Symbol, named: &BTreeSet<&Symbol>) -> Symbol {
        let fresh = fresh_word(named.iter().map(|word| &***word));
        let Some(Words { samples, patterns }) = self.claims.get(claim) else { return fresh };
        patterns.outside([fresh], samples)
    }
}

impl Words {
    /// Takes in the words of one cut. Whoever writes no patterns compares with its words as they are.
    fn add(&mut self, samples: &BTreeSet<Symbol>, written: &BTreeSet<Symbol>, add: impl Fn(&mut Affixes, &str)) {
        self.samples.extend(samples.iter().cloned());
        for text in written {
            add(&mut self.patterns, text);
        }
        for word in samples.iter().filter(|_| written.is_empty()) {
            self.patterns.add_whole(Symbol::clone(word));
        }
    }

    /// All that are told apart, and one that nobody named; `joining` and `shape` make words of the right form, adding letters that occur
    /// in no sample only where all samples have that form too.
    fn all(&self, joining: impl Fn(&str) -> String, shape: impl Fn(&str) -> String) -> Vec<Symbol> {
        let joined = self.patterns.joined(&self.samples, joining);
        let named: BTreeSet<Symbol> = self.samples.iter().cloned().chain(joined).collect();
        let fresh = fresh_word(named.iter().map(|word| &**word));
        let shaped = Symbol::from(shape(&fresh));
        let fresh = self.patterns.outside([shaped, fresh], &named);
        named.into_iter().chain([fresh]).collect()
    }
}
