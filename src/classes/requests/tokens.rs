//! Tokens, cut along the tests that judges make of them.
//!
//! Owns: which tokens stand for all: every choice of claims, or those of few values where more decide nothing. It must not judge any.

use std::collections::{BTreeMap, BTreeSet};

use super::looked::is_one_word;
use super::{Looked, MAX_REQUESTS, TooManyRequests};
use crate::classes::witness::fresh_word;
use crate::flow::{RequestSamples, Symbol, Token, is_written};

/// The most sets of values that one claim is tried with.
const MAX_SETS: usize = 1 << 14;

type Claims = BTreeMap<Symbol, BTreeSet<Symbol>>;

/// Of claims the words, as they are written, that some cut looks for without a promise how few of them matter.
#[derive(Debug, Default)]
pub(super) struct Settling<'c>(BTreeMap<&'c Symbol, BTreeSet<&'c Symbol>>);

impl<'c> Settling<'c> {
    /// Of these cuts.
    pub(super) fn of(cuts: impl Iterator<Item = &'c RequestSamples>) -> Self {
        let mut all: BTreeMap<&Symbol, BTreeSet<&Symbol>> = BTreeMap::new();
        for cut in cuts {
            for (name, values) in cut.claim_values().into_iter().filter(|(name, _)| !cut.few_claims.contains_key(*name)) {
                let written = cut.written.claims.get(name).into_iter().flatten().flatten();
                all.entry(name).or_default().extend(values.into_iter().chain(written));
            }
        }
        Self(all)
    }

    /// Whether a value may matter besides any others. Some take it for several words with blanks between them.
    fn has(&self, claim: &Symbol, value: &str) -> bool {
        let matches = |written: &&Symbol| is_written(written, value) || value.split(' ').any(|word| is_written(written, word));
        self.0.get(claim).is_some_and(|words| words.iter().any(matches))
    }
}

/// No token, one that does not verify, and of every issuer and of an unknown one, every choice of claims.
pub(super) fn all(looked: &Looked) -> Result<Vec<Token>, TooManyRequests> {
    let settling = Settling::default();
    those_with(looked, |tests| claim_choices(looked, tests, &Most { of: &|_| usize::MAX, besides: &settling }))
}

/// How many values of each claim are tried at once, besides those that may settle anything.
struct Most<'m> {
    of: &'m dyn Fn(&Symbol) -> usize,
    besides: &'m Settling<'m>,
}

/// The same with few claims: every choice of values that may matter besides any others, and of the others as many as two cuts need.
pub(super) fn few(looked: &Looked, looking: &[&RequestSamples], settling: &Settling<'_>) -> Result<Vec<Token>, TooManyRequests> {
    let needs: BTreeSet<&BTreeMap<Symbol, usize>> = looking.iter().map(|cut| &cut.few_claims).collect();
    let pairs = needs.iter().enumerate().flat_map(|(at, one)| needs.iter().skip(at).map(move |two| [*one, *two]));
    let sums: BTreeSet<BTreeMap<&Symbol, usize>> = pairs.map(sum).collect();
    those_with(looked, |tests| {
        let mut found = BTreeSet::new();
        for sum in &sums {
            let most = |name: &Symbol| sum.get(name).copied().unwrap_or_default();
            found.extend(claim_choices(looked, tests, &Most { of: &most, besides: settling })?);
            if found.len() > MAX_REQUESTS {
                return Err(TooManyRequests);
            }
        }
        Ok(found.into_iter().collect())
    })
}

/// How many values of each claim two cuts need together.
fn sum(needs: [&BTreeMap<Symbol, usize>; 2]) -> BTreeMap<&Symbol, usize> {
    let mut sum = BTreeMap::new();
    for (name, count) in needs.into_iter().flatten() {
        let all: &mut usize = sum.entry(name).or_default();
        *all = all.saturating_add(*count);
    }
    sum
}

/// For each claim the sets of values that judges accept.
type ClaimTests = BTreeMap<Symbol, BTreeSet<BTreeSet<Symbol>>>;

/// No token, one that does not verify, and of every issuer and of an unknown one, these choices of claims.
fn those_with(
    looked: &Looked,
    bodies: impl Fn(&ClaimTests) -> Result<Vec<Claims>, TooManyRequests>,
) -> Result<Vec<Token>, TooManyRequests> {
    let mut all = vec![Token::None, Token::Unverified];
    if looked.tokens.is_empty() {
        return Ok(all);
    }
    // A sample is a test of one issuer's tokens, so claims are tried for the issuers whose tests look at them.
    let mut tests: BTreeMap<Symbol, ClaimTests> = BTreeMap::new();
    for token in &looked.tokens {
        let Token::Valid { issuer, claims } = token else { continue };
        let of_issuer = tests.entry(Symbol::clone(issuer)).or_default();
        for (name, values) in claims {
            of_issuer.entry(Symbol::clone(name)).or_default().insert(values.clone());
        }
    }
    for (name, claim) in tests.values_mut().flatten() {
        claim.extend(looked.joined(name).into_iter().map(|word| BTreeSet::from([word])));
    }
    let unknown = fresh_word(tests.keys().map(|issuer| &**issuer));
    for issuer in tests.keys().cloned().chain([format!("https://{unknown}.test").into()]) {
        let bodies = tests.get(&issuer).map_or_else(|| Ok(vec![Claims::new()]), &bodies)?;
        all.extend(bodies.into_iter().map(|claims| Token::Valid { issuer: Symbol::clone(&issuer), claims }));
    }
    Ok(all)
}

/// Every way in which a token can hold these values, of each claim at most so many: a claim that is a list holds any number of them.
fn claim_choices(looked: &Looked, tests: &ClaimTests, most: &Most<'_>) -> Result<Vec<Claims>, TooManyRequests> {
    let mut all = vec![Claims::new()];
    for (name, tests) in tests {
        let choices = subsets(looked, (name, tests), most)?;
        if all.len().checked_mul(choices.len() + 1).is_none_or(|count| count > MAX_REQUESTS) {
            return Err(TooManyRequests);
        }
        let mut next = all.clone();
        for (choice, claims) in choices.iter().flat_map(|choice| all.iter().map(move |claims| (choice, claims))) {
            let mut claims = claims.clone();
            claims.insert(Symbol::clone(name), choice.clone());
            next.push(claims);
        }
        all = next;
    }
    Ok(all)
}

/// The sets of at most so many values that a claim may hold: one that nobody named, and every combination of values that some test
/// tells apart. Values that the same tests accept are alike, so one of them stands for all. A claim that is one word holds none with others.
fn subsets(
    looked: &Looked,
    (name, tests): (&Symbol, &BTreeSet<BTreeSet<Symbol>>),
    most: &Most<'_>,
) -> Result<Vec<BTreeSet<Symbol>>, TooManyRequests> {
    let named: BTreeSet<&Symbol> = tests.iter().flatten().collect();
    let mut alike: BTreeMap<Vec<bool>, (&Symbol, bool)> = BTreeMap::new();
    for word in &named {
        let kind = alike.entry(tests.iter().map(|test| test.contains(*word)).collect()).or_insert((word, false));
        kind.1 |= most.besides.has(name, word);
    }
    let count = (most.of)(name);
    if count == 0 && !alike.values().any(|(_, settles)| *settles) {
        return Ok(Vec::new());
    }
    let is_full = |(set, counted): &(BTreeSet<Symbol>, usize), settles: bool| {
        if is_one_word(name) { !set.is_empty() } else { !settles && *counted >= count }
    };
    // With each set how many of its values are counted.
    let mut chosen: Vec<(BTreeSet<Symbol>, usize)> = vec![(BTreeSet::new(), 0)];
    for (word, settles) in alike.into_values() {
        let with =
            |(set, counted): &(BTreeSet<Symbol>, usize)| (set.iter().chain([word]).cloned().collect(), counted + usize::from(!settles));
        let more: Vec<(BTreeSet<Symbol>, usize)> = chosen.iter().filter(|choice| !is_full(choice, settles)).map(with).collect();
        chosen.extend(more);
        if chosen.len() > MAX_SETS {
            return Err(TooManyRequests);
        }
    }
    let sets = chosen.into_iter().map(|(set, _)| set).filter(|set| !set.is_empty());
    Ok(std::iter::once(BTreeSet::from([looked.unnamed(name, &named)])).chain(sets).collect())
}
