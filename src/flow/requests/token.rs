//! What a rule may ask of a token.
//!
//! Owns: `TokenTest`. Every test is monotone: a valid token that passes still passes with more claim values.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Symbol, question::Token};

/// What the token of a request must be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TokenTest {
    /// Anything, no token and one that does not verify included.
    #[default]
    Any,
    /// A valid token.
    Valid {
        /// Who issued it.
        issuer: Symbol,
        /// The name of a claim, and the values of which it must hold at least one. Every pair must hold, and one name may
        /// stand in several pairs.
        claims: BTreeSet<(Symbol, BTreeSet<Symbol>)>,
    },
}

impl TokenTest {
    /// Any valid token of this issuer.
    pub const fn valid(issuer: Symbol) -> Self {
        Self::Valid { issuer, claims: BTreeSet::new() }
    }

    /// This test, and that the claim holds at least one of these values. Of [`TokenTest::Any`] it makes nothing, as a claim
    /// without an issuer says nothing.
    #[must_use]
    pub fn claim(mut self, name: Symbol, values: impl IntoIterator<Item = Symbol>) -> Self {
        if let Self::Valid { claims, .. } = &mut self {
            claims.insert((name, values.into_iter().collect()));
        }
        self
    }

    /// Whether every token passes, no token included.
    pub const fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }

    /// Whether no token can pass, because some claim must hold one of no values.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Any => false,
            Self::Valid { claims, .. } => claims.iter().any(|(_, values)| values.is_empty()),
        }
    }

    /// Whether the token passes.
    pub fn contains(&self, token: &Token) -> bool {
        let Self::Valid { issuer, claims } = self else { return true };
        let Token::Valid { issuer: own, claims: held } = token else { return false };
        let holds = |(name, values): &(Symbol, BTreeSet<Symbol>)| held.get(name).is_some_and(|held| !held.is_disjoint(values));
        issuer == own && claims.iter().all(holds)
    }

    /// The tokens that pass both; `None` if there can be none.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let both = match (self, other) {
            (Self::Any, test) | (test, Self::Any) => test.clone(),
            (Self::Valid { issuer, claims }, Self::Valid { issuer: theirs, claims: more }) => {
                if issuer != theirs {
                    return None;
                }
                Self::Valid { issuer: Symbol::clone(issuer), claims: claims.union(more).cloned().collect() }
            }
        };
        (!both.is_empty()).then_some(both)
    }

    /// Whether every token that passes this test passes the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        match (self, other) {
            _ if self.is_empty() => true,
            (_, Self::Any) => true,
            (Self::Any, Self::Valid { .. }) => false,
            (Self::Valid { issuer, claims }, Self::Valid { issuer: theirs, claims: asked }) => {
                issuer == theirs && asked.iter().all(|asked| claims.iter().any(|own| implies(own, asked)))
            }
        }
    }

    /// This test as a union of tests, each of which every one of `others` either implies outright or does not accept for its
    /// smallest token; tests that differ only in values that no other tells apart stay one.
    pub(super) fn split(&self, others: &[&Self]) -> Vec<Self> {
        let Self::Valid { issuer, claims } = self else { return vec![self.clone()] };
        if others.iter().all(|other| other.is_any()) {
            return vec![self.clone()];
        }
        let mut parts = vec![BTreeSet::new()];
        for (name, values) in claims {
            let groups = groups(name, values, others);
            let with = |part: &BTreeSet<_>, group: &BTreeSet<_>| {
                let mut part = part.clone();
                part.insert((Symbol::clone(name), group.clone()));
                part
            };
            parts = parts.iter().flat_map(|part| groups.iter().map(move |group| with(part, group))).collect();
        }
        parts.into_iter().map(|claims| Self::Valid { issuer: Symbol::clone(issuer), claims }).collect()
    }
}

/// Whether a claim that holds one of the first values must hold one of the second.
fn implies((name, values): &(Symbol, BTreeSet<Symbol>), (asked, accepted): &(Symbol, BTreeSet<Symbol>)) -> bool {
    name == asked && values.is_subset(accepted)
}

/// The values, those together that the same tests of that claim accept.
fn groups(name: &Symbol, values: &BTreeSet<Symbol>, others: &[&TokenTest]) -> Vec<BTreeSet<Symbol>> {
    let mut groups: BTreeMap<Vec<bool>, BTreeSet<Symbol>> = BTreeMap::new();
    for value in values {
        let accepts = |other: &&TokenTest| match other {
            TokenTest::Any => Vec::new(),
            TokenTest::Valid { claims, .. } => {
                claims.iter().filter(|(asked, _)| asked == name).map(|(_, accepted)| accepted.contains(value)).collect()
            }
        };
        groups.entry(others.iter().flat_map(accepts).collect()).or_default().insert(Symbol::clone(value));
    }
    groups.into_values().collect()
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    const GROUPS: [&str; 3] = ["a", "b", "other"];

    /// One token for every way in which the strategy's tests can tell tokens apart.
    pub(in super::super) fn tokens() -> Vec<Token> {
        let mut all = vec![Token::None, Token::Unverified];
        for issuer in ["corp", "other"] {
            for mask in 0..8_usize {
                for role in [None, Some("a")] {
                    let held = GROUPS.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, group)| Symbol::from(*group));
                    let mut claims = BTreeMap::from([(Symbol::from("groups"), held.collect::<BTreeSet<_>>())]);
                    claims.extend(role.map(|role| ("role".into(), BTreeSet::from([role.into()]))));
                    all.push(Token::Valid { issuer: issuer.into(), claims });
                }
            }
        }
        all
    }

    pub(in super::super) fn test() -> impl Strategy<Value = TokenTest> {
        let groups = prop::collection::vec(prop::sample::subsequence(GROUPS.to_vec(), 0..=3), 0..3);
        let valid = (prop::sample::select(vec!["corp", "other"]), groups, any::<bool>()).prop_map(|(issuer, groups, role)| {
            let test = TokenTest::valid(issuer.into());
            let test = if role { test.claim("role".into(), ["a".into()]) } else { test };
            groups.into_iter().fold(test, |test, words| test.claim("groups".into(), words.into_iter().map(Symbol::from)))
        });
        prop_oneof![1 => Just(TokenTest::Any), 8 => valid]
    }

    proptest! {
        #[test]
        fn comparisons_agree_with_membership(ours in test(), theirs in test()) {
            let pairs: Vec<(bool, bool)> = tokens().iter().map(|token| (ours.contains(token), theirs.contains(token))).collect();
            prop_assert_eq!(ours.is_empty(), pairs.iter().all(|(own, _)| !own));
            prop_assert_eq!(ours.is_subset(&theirs), pairs.iter().all(|(own, other)| !own || *other));
            let both: Vec<bool> = pairs.iter().map(|(own, other)| *own && *other).collect();
            match ours.intersect(&theirs) {
                Some(meet) => prop_assert_eq!(tokens().iter().map(|token| meet.contains(token)).collect::<Vec<_>>(), both),
                None => prop_assert!(!both.contains(&true)),
            }
        }

        #[test]
        fn a_split_is_the_whole(ours in test(), others in prop::collection::vec(test(), 0..3)) {
            let parts = ours.split(&others.iter().collect::<Vec<_>>());
            for token in tokens() {
                prop_assert_eq!(parts.iter().any(|part| part.contains(&token)), ours.contains(&token));
            }
        }
    }

    #[test]
    fn a_split_tells_apart_no_more_than_it_must() {
        let words = |words: &[&str]| words.iter().copied().map(Symbol::from).collect::<Vec<_>>();
        let claim = |names: &[&str]| TokenTest::valid("corp".into()).claim("groups".into(), words(names));
        let parts = claim(&["a", "b", "c", "d"]).split(&[&claim(&["a", "x"])]);
        assert_eq!(parts, [claim(&["b", "c", "d"]), claim(&["a"])]);
        assert_eq!(claim(&["a", "b"]).split(&[&TokenTest::Any]), [claim(&["a", "b"])]);
        assert_eq!(TokenTest::Any.split(&[&claim(&["a"])]), [TokenTest::Any]);
    }
}
