//! Tokens, cut by what policies ask of them.
//!
//! Owns: a token of each kind that policies tell apart, and the patterns that say which. Policies that look at different claims may
//! meet in one token, so every choice of claims is one.

use std::collections::{BTreeMap, BTreeSet};

use crate::flow::{RequestSamples, Symbol, Token};

use super::cells::Cells;
use super::space::fresh;
use super::{Pattern, TokenPattern, WordPattern};

/// So many kinds of tokens are told apart; where a policy tells more apart, no answer is made up.
const MAX_TOKENS: usize = 2_048;

/// So many values of one claim are tried in every choice; of more, those of as many values as a rule may need, two at least.
const MAX_VALUES: usize = 4;

/// The values that one claim may hold at once; none where it is not there.
type Held = Option<BTreeSet<Symbol>>;

/// Tokens, and the patterns that say which: none, a bad one, and of each issuer any, and one with each claim that some sample has.
/// None if they are too many.
pub(super) fn cut(samples: &RequestSamples) -> Option<(Vec<Token>, Cells<TokenPattern>)> {
    let tokens = combined(samples, &|_, _| None)?;
    let mut patterns = BTreeSet::new();
    for token in &tokens {
        match token {
            Token::None => drop(patterns.insert(TokenPattern::None)),
            Token::Unverified => drop(patterns.insert(TokenPattern::Unverified)),
            Token::Valid { issuer, claims } => {
                patterns.insert(TokenPattern::Valid { issuer: Symbol::clone(issuer), claim: None });
                let pairs = claims.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
                patterns.extend(
                    pairs
                        .flat_map(|(name, value)| claim(samples, name, value))
                        .map(|claim| TokenPattern::Valid { issuer: Symbol::clone(issuer), claim: Some(claim) }),
                );
            }
        }
    }
    // Of tokens that match the same one stands for all; a value that nobody names stands for all others.
    let mut seen = BTreeSet::new();
    let is_new = |token: &Token| seen.insert(patterns.iter().map(|pattern| pattern.matches(token)).collect::<Vec<bool>>());
    let other = |name: &Symbol, values: &BTreeSet<&Symbol>| {
        let written = samples.written.claims.get(name).into_iter().flatten();
        Some(fresh('a', &values.iter().map(|value| Symbol::clone(value)).chain(written.cloned()).collect()))
    };
    let tokens: Vec<Token> = tokens.into_iter().chain(combined(samples, &other)?).filter(is_new).collect();
    // A claim by which requests are only let in never keeps one out, whatever it holds besides.
    let lets_in = |pattern: &TokenPattern| matches!(pattern, TokenPattern::Valid { claim: Some((name, _)), .. } if samples.few_claims.contains_key(name));
    let cells = Cells::new(patterns.into_iter().collect(), &tokens.iter()).keeping(lets_in);
    Some((tokens, cells))
}

/// What a value of a claim stands for: the words and patterns that hold it, as the policies write them; else itself.
fn claim(samples: &RequestSamples, name: &Symbol, value: &Symbol) -> Vec<(Symbol, WordPattern)> {
    let written = samples.written.claims.get(name).into_iter().flatten().cloned().map(WordPattern);
    let mut patterns: Vec<WordPattern> = written.filter(|pattern| pattern.matches(value)).collect();
    if patterns.is_empty() {
        patterns.push(WordPattern(Symbol::clone(value)));
    }
    patterns.into_iter().map(|pattern| (Symbol::clone(name), pattern)).collect()
}

/// No token, a bad one, and of each issuer one for every choice of the claims that samples of it have.
/// `other` is one more value of a claim, if it wants one.
fn combined(samples: &RequestSamples, other: &dyn Fn(&Symbol, &BTreeSet<&Symbol>) -> Option<Symbol>) -> Option<Vec<Token>> {
    let mut issuers: BTreeMap<&Symbol, BTreeMap<&Symbol, BTreeSet<&Symbol>>> = BTreeMap::new();
    for token in &samples.tokens {
        let Token::Valid { issuer, claims } = token else { continue };
        let own = issuers.entry(issuer).or_default();
        for (name, values) in claims {
            own.entry(name).or_default().extend(values);
        }
    }
    let mut tokens = vec![Token::None, Token::Unverified];
    for (issuer, claims) in issuers {
        let mut bodies: Vec<BTreeMap<Symbol, BTreeSet<Symbol>>> = vec![BTreeMap::new()];
        for (name, values) in claims {
            let other = other(name, &values);
            let values: Vec<&Symbol> = values.into_iter().chain(&other).collect();
            let choices = if **name == *SUBJECT { single(&values) } else { choices(&values, samples.few_claims.get(name).copied())? };
            if bodies.len().checked_mul(choices.len())? > MAX_TOKENS {
                return None;
            }
            let with = |body: &BTreeMap<_, _>, held: &Held| {
                let own = held.iter().map(|held| (Symbol::clone(name), held.clone()));
                body.clone().into_iter().chain(own).collect()
            };
            bodies = bodies.iter().flat_map(|body| choices.iter().map(move |held| with(body, held))).collect();
        }
        tokens.extend(bodies.into_iter().map(|claims| Token::Valid { issuer: Symbol::clone(issuer), claims }));
    }
    (tokens.len() <= MAX_TOKENS).then_some(tokens)
}

/// The claim that holds one value: a list of subjects is none.
const SUBJECT: &str = "sub";

/// Each of these values by itself, and that the claim is not there.
fn single(values: &[&Symbol]) -> Vec<Held> {
    std::iter::once(None).chain(values.iter().map(|value| Some([Symbol::clone(value)].into()))).collect()
}

/// So many of a claim's values are in one token at most.
fn most_values(values: &[&Symbol], needed: Option<usize>) -> usize {
    needed.filter(|_| values.len() > MAX_VALUES).map_or(values.len(), |needed| needed.max(2)).min(values.len())
}

/// Sets of these values, and that the claim is not there: every one of few values, and of many those of as many values as a rule needs to
/// let a request pass, if that is all that is done by the claim. None if they are too many.
fn choices(values: &[&Symbol], needed: Option<usize>) -> Option<Vec<Held>> {
    let most = most_values(values, needed);
    let mut sets: Vec<BTreeSet<Symbol>> = vec![BTreeSet::new()];
    for value in values {
        let with = |set: &BTreeSet<Symbol>| set.iter().chain([*value]).cloned().collect();
        let more: Vec<BTreeSet<Symbol>> = sets.iter().filter(|set| set.len() < most).map(with).collect();
        sets.extend(more);
        if sets.len() > MAX_TOKENS {
            return None;
        }
    }
    // The empty set is none.
    Some(sets.into_iter().map(|set| Some(set).filter(|set| !set.is_empty())).collect())
}
