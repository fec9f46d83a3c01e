//! Tokens, cut along the tests that judges make of them.
//!
//! Owns: which tokens stand for all: every choice of claims, or those of few values where more decide nothing. It must not judge any.

use std::collections::{BTreeMap, BTreeSet};

use super::{Looked, MAX_REQUESTS, TooManyRequests};
use crate::classes::witness::fresh_word;
use crate::flow::{RequestSamples, Symbol, Token};

/// The most sets of values that one claim is tried with.
const MAX_SETS: usize = 1 << 14;

type Claims = BTreeMap<Symbol, BTreeSet<Symbol>>;

/// The claims that a cut looks at without a promise how little of them matters.
pub(super) fn unpromised(samples: &RequestSamples) -> impl Iterator<Item = &Symbol> {
    samples.claims().filter(|name| !samples.few_claims.contains_key(*name))
}

/// No token, one that does not verify, and of every issuer and of an unknown one, every choice of claims.
pub(super) fn all(looked: &Looked) -> Result<Vec<Token>, TooManyRequests> {
    those_with(looked, |tests| claim_choices(looked, tests, &|_| usize::MAX))
}

/// The same with few claims: every choice for those of which everything may matter, and of the others as many values as two cuts need.
pub(super) fn few(looked: &Looked, looking: &[&RequestSamples], settling: &BTreeSet<&Symbol>) -> Result<Vec<Token>, TooManyRequests> {
    let needs: BTreeSet<&BTreeMap<Symbol, usize>> = looking.iter().map(|cut| &cut.few_claims).collect();
    let pairs = needs.iter().enumerate().flat_map(|(at, one)| needs.iter().skip(at).map(move |two| [*one, *two]));
    let sums: BTreeSet<BTreeMap<&Symbol, usize>> = pairs.map(sum).collect();
    those_with(looked, |tests| {
        let mut found = BTreeSet::new();
        for sum in &sums {
            let most = |name: &Symbol| if settling.contains(name) { usize::MAX } else { sum.get(name).copied().unwrap_or_default() };
            found.extend(claim_choices(looked, tests, &most)?);
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
fn claim_choices(looked: &Looked, tests: &ClaimTests, most: &dyn Fn(&Symbol) -> usize) -> Result<Vec<Claims>, TooManyRequests> {
    let mut all = vec![Claims::new()];
    for (name, tests) in tests {
        let choices = subsets(looked, (name, tests), most(name))?;
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
/// tells apart. Values that the same tests accept are alike, so one of them stands for all.
fn subsets(
    looked: &Looked,
    (name, tests): (&Symbol, &BTreeSet<BTreeSet<Symbol>>),
    most: usize,
) -> Result<Vec<BTreeSet<Symbol>>, TooManyRequests> {
    if most == 0 {
        return Ok(Vec::new());
    }
    let named: BTreeSet<&Symbol> = tests.iter().flatten().collect();
    let mut alike: BTreeMap<Vec<bool>, &Symbol> = BTreeMap::new();
    for word in &named {
        alike.entry(tests.iter().map(|test| test.contains(*word)).collect()).or_insert(word);
    }
    let mut sets: Vec<BTreeSet<Symbol>> = vec![BTreeSet::from([looked.unnamed(name, &named)])];
    let mut chosen: Vec<BTreeSet<Symbol>> = vec![BTreeSet::new()];
    for word in alike.into_values() {
        let with = chosen.iter().filter(|set| set.len() < most).map(|set| set.iter().chain([word]).cloned().collect());
        let with: Vec<BTreeSet<Symbol>> = with.collect();
        chosen.extend(with);
        if chosen.len() > MAX_SETS {
            return Err(TooManyRequests);
        }
    }
    sets.extend(chosen.into_iter().filter(|set| !set.is_empty()));
    Ok(sets)
}
