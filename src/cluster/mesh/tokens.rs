//! Tokens that show how a proxy tells tokens apart.
//!
//! Owns: the samples of [`crate::flow::RequestSamples`] that have to do with tokens. It must not judge any.

use std::collections::{BTreeMap, BTreeSet};

use super::test::{Matcher, Test};
use super::token::{TokenPolicy, nested, providers};
use super::words::{Word, samples as words_of};
use crate::flow::{Affixes, RequestSamples, Symbol, Token};

/// The most single claims of which every combination is a sample; with more, each alone and all together are. Who tries tokens combines them.
const MAX_COMBINED: usize = 6;

/// The claim that says who somebody is for an issuer.
const SUBJECT: &str = "sub";

/// The claim that says for whom a token is.
const AUDIENCE: &str = "aud";

/// The claim that says who made a token.
const ISSUER: &str = "iss";

/// One value of a claim.
pub(super) type Claim = (Symbol, Symbol);

/// What tells a browser's question before the request from other requests (`semantics.md` §4.9).
pub(super) fn preflight() -> RequestSamples {
    let header = |name: &str, value: &str| (name.into(), BTreeSet::from([value.into()]));
    RequestSamples {
        methods: BTreeSet::from(["OPTIONS".into()]),
        headers: BTreeMap::from([header("origin", "https://origin"), header("access-control-request-method", "GET")]),
        header_methods: Some(BTreeSet::from(["OPTIONS".into()])),
        ..RequestSamples::default()
    }
}

/// An issuer whose tokens are accepted, if they are for one of these audiences; for anybody if there are none.
pub(super) type Issuer<'p> = (Symbol, &'p [Symbol]);

/// The issuers that are accepted. Where any is, those that some test names are told apart, and one that none does.
pub(super) fn issuers<'p>(policies: &[&'p TokenPolicy], tests: &[&Test]) -> BTreeSet<Issuer<'p>> {
    let named = |matcher: &Matcher| match matcher {
        Matcher::Users(users) => users.iter().map(|user| user.issuer.clone()).collect(),
        Matcher::Claim(path, words) if matches!(path.as_slice(), [name] if **name == *ISSUER) => words.clone(),
        _ => Vec::new(),
    };
    let named: Vec<Word> = tests.iter().flat_map(|test| test.matchers()).flat_map(named).collect();
    let mut issuers = BTreeSet::new();
    for provider in policies.iter().copied().flat_map(|policy| &policy.providers) {
        let of: Vec<Symbol> = match &provider.issuer {
            Some(issuer) => vec![Symbol::clone(issuer)],
            None => words_of(&named).chain(["https://anybody".into()]).collect(),
        };
        issuers.extend(of.into_iter().map(|issuer| (issuer, provider.audiences.as_slice())));
    }
    issuers
}

/// Tokens of these issuers, and of one that is not accepted, with and without what the tests look at.
///
/// `joined` are values that patterns of several tests match, these or others.
pub(super) fn samples(policies: &[&TokenPolicy], issuers: &BTreeSet<Issuer<'_>>, tests: &[&Test], joined: &[Claim]) -> BTreeSet<Token> {
    let mut tokens = BTreeSet::new();
    if issuers.is_empty() {
        return tokens;
    }
    tokens.insert(token("https://nobody", &[]));
    let mut claims: BTreeSet<Claim> = claims(tests).into_iter().collect();
    claims.extend(joined.iter().filter(|claim| asks_for(tests, claim)).cloned());
    let spaced = spaced(policies, &claims);
    claims.extend(spaced);
    let claims: Vec<Claim> = claims.into_iter().collect();
    for (issuer, audiences) in issuers {
        tokens.insert(token(issuer, &[]));
        // Any of them will do, so they are one test; those of which a rule asks for one are another.
        let audiences: Vec<Claim> = audiences.iter().map(|audience| (AUDIENCE.into(), Symbol::clone(audience))).collect();
        for chosen in combinations(&claims) {
            tokens.insert(token(issuer, &[audiences.as_slice(), chosen.as_slice()].concat()));
        }
        let asked = claims.iter().filter(|(name, _)| **name == *AUDIENCE);
        tokens.extend(asked.map(|claim| token(issuer, std::slice::from_ref(claim))));
    }
    tokens
}

fn token(issuer: &str, chosen: &[Claim]) -> Token {
    let mut claims: BTreeMap<Symbol, BTreeSet<Symbol>> = BTreeMap::new();
    for (name, value) in chosen {
        claims.entry(Symbol::clone(name)).or_default().insert(Symbol::clone(value));
    }
    Token::Valid { issuer: issuer.into(), claims }
}

/// Of claims in which some provider takes blanks for the ends of words, each word among others: to whoever does not, it is a word as a whole.
fn spaced(policies: &[&TokenPolicy], claims: &BTreeSet<Claim>) -> Vec<Claim> {
    let is_spaced = |name: &Symbol| providers(policies).any(|provider| provider.spaced.contains(name));
    let among = |(name, word): &Claim| (Symbol::clone(name), format!("other {word} other").into());
    claims.iter().filter(|(name, _)| is_spaced(name)).map(among).collect()
}

/// Whether some test looks for this value.
fn asks_for(tests: &[&Test], (name, value): &Claim) -> bool {
    looked_at(tests).iter().any(|(own, words)| own == name && words.iter().any(|word| word.matches(value)))
}

/// Values of claims for each pattern alone, and of the subject, which is one word, for each two that a word can match at once.
pub(super) fn joined(tests: &[&Test]) -> Vec<Claim> {
    let mut claims: BTreeMap<Symbol, Affixes> = BTreeMap::new();
    for (name, written) in written(tests) {
        let patterns = claims.entry(name).or_default();
        for text in written.iter().flatten() {
            patterns.add_written(text);
        }
    }
    let values = |(name, patterns): (Symbol, Affixes)| {
        let known = BTreeSet::new();
        let values = if *name == *SUBJECT { patterns.joined(&known, str::to_owned) } else { patterns.single(&known, str::to_owned) };
        values.into_iter().map(move |value| (Symbol::clone(&name), value))
    };
    claims.into_iter().flat_map(values).collect()
}

/// The claims that tests look at, with what their values are compared with, as the policies have it: the words of each test. A user's
/// subject counts with the issuer beside it alone, so each is a test of its own.
pub(super) fn written(tests: &[&Test]) -> BTreeMap<Symbol, BTreeSet<BTreeSet<Symbol>>> {
    let mut written: BTreeMap<Symbol, BTreeSet<BTreeSet<Symbol>>> = BTreeMap::new();
    for (name, words) in looked_at(tests) {
        let words = words.iter().filter(|word| !is_literal(word)).map(|word| Symbol::from(word.to_string()));
        let lists = written.entry(Symbol::clone(&name)).or_default();
        if *name == *SUBJECT {
            lists.extend(words.map(|word| BTreeSet::from([word])));
        } else {
            lists.insert(words.collect());
        }
    }
    written
}

/// The same of words that read as patterns and are none: a subject, where the issuer beside it has the `*` of its value, or none does.
pub(super) fn exact(tests: &[&Test]) -> BTreeMap<Symbol, BTreeSet<BTreeSet<Symbol>>> {
    let mut exact: BTreeMap<Symbol, BTreeSet<BTreeSet<Symbol>>> = BTreeMap::new();
    for (name, words) in looked_at(tests) {
        let words = words.iter().filter(|word| is_literal(word)).map(|word| BTreeSet::from([Symbol::from(word.to_string())]));
        exact.entry(name).or_default().extend(words);
    }
    exact.retain(|_, lists| !lists.is_empty());
    exact
}

/// Whether a word would be read as a pattern.
fn is_literal(word: &Word) -> bool {
    matches!(word, Word::Exact(text) if reads_as_pattern(text))
}

fn reads_as_pattern(text: &str) -> bool {
    text.starts_with('*') || text.ends_with('*')
}

/// The claims on which it hangs whether a token verifies, as [`written`] has those of tests: of each provider one of its audiences is enough.
/// They are compared as they are; lists in which none reads as a pattern stand first, others second.
pub(super) fn written_by(policies: &[&TokenPolicy]) -> [BTreeMap<Symbol, BTreeSet<BTreeSet<Symbol>>>; 2] {
    let lists = providers(policies).map(|provider| provider.audiences.iter().cloned().collect::<BTreeSet<Symbol>>());
    let lists = lists.filter(|list| !list.is_empty());
    let (exact, plain): (BTreeSet<_>, BTreeSet<_>) = lists.partition(|list| list.iter().any(|audience| reads_as_pattern(audience)));
    [plain, exact].map(|lists| if lists.is_empty() { BTreeMap::new() } else { [(AUDIENCE.into(), lists)].into() })
}

/// The claims that tests look at, each with a word that matches.
fn claims(tests: &[&Test]) -> Vec<Claim> {
    let of = |(name, words): (Symbol, Vec<Word>)| words_of(&words).map(|word| (Symbol::clone(&name), word)).collect::<Vec<_>>();
    let claims: BTreeSet<Claim> = looked_at(tests).into_iter().flat_map(of).collect();
    claims.into_iter().collect()
}

/// The claims that tests look at, and the words of each test.
fn looked_at(tests: &[&Test]) -> Vec<(Symbol, Vec<Word>)> {
    let of = |matcher: &Matcher| {
        let words = match matcher {
            Matcher::Users(users) => users.iter().map(|user| user.subject.clone()).collect(),
            Matcher::Claim(_, words) => words.clone(),
            _ => return None,
        };
        Some((claim_of(matcher)?, words))
    };
    tests.iter().flat_map(|test| test.matchers()).filter_map(of).collect()
}

/// The claim that a matcher looks at, by its name in samples. The issuer is none here.
fn claim_of(matcher: &Matcher) -> Option<Symbol> {
    match matcher {
        Matcher::Users(_) => Some(SUBJECT.into()),
        Matcher::Claim(path, _) => match path.as_slice() {
            [name] => (**name != *ISSUER).then(|| Symbol::clone(name)),
            _ => Some(nested(path).into()),
        },
        _ => None,
    }
}

/// The claims of which a rule with these tests needs few values, and how many: one for each of its tests. Left out are those that some
/// value must not be of, and the subject of a user, who is nobody with two of them: of these each value may stop a match.
pub(super) fn few(tests: &[&Test]) -> BTreeMap<Symbol, usize> {
    let mut few = BTreeMap::new();
    for name in tests.iter().filter_map(|test| test.wanted.as_ref()).filter_map(claim_of) {
        *few.entry(name).or_default() += 1;
    }
    let unwanted = tests.iter().filter_map(|test| test.unwanted.as_ref());
    let users = tests.iter().flat_map(|test| test.matchers()).filter(|matcher| matches!(matcher, Matcher::Users(_)));
    for name in unwanted.chain(users).filter_map(claim_of) {
        few.remove(&name);
    }
    few
}

/// Choices of claims: every one of a few, and of many none, each, and all.
fn combinations(claims: &[Claim]) -> Vec<Vec<Claim>> {
    if claims.len() <= MAX_COMBINED {
        let chosen =
            |mask: usize| claims.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, claim)| claim.clone()).collect();
        return (0..1_usize << claims.len()).map(chosen).collect();
    }
    let each = claims.iter().map(|claim| vec![claim.clone()]);
    [Vec::new(), claims.to_vec()].into_iter().chain(each).collect()
}
