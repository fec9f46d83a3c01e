//! Tokens, cut by what policies ask of them.
//!
//! Owns: a token of each kind that policies tell apart, and the lists of words that say which. Policies that look at different claims may
//! meet in one token, so every choice of claims is one.

use std::collections::{BTreeMap, BTreeSet};

use crate::flow::{Symbol, Token};

use super::cells::Cells;
use super::looked::Role;
use super::part::fresh;
use super::{Choice, Looked, Pattern, Region, TokenPattern, WordPattern};

/// So many kinds of tokens are told apart; where a policy tells more apart, no answer is made up.
const MAX_TOKENS: usize = 2_048;

/// So many values of one claim are tried in every choice; of more, those that may matter at once.
const MAX_VALUES: usize = 4;

/// The same of a claim by which rules stop requests: which of its values those that stop together are has no name where not all are tried.
const MAX_STOPPING_VALUES: usize = 8;

/// So many ways of matching several lists at once are written down.
const MAX_REGIONS: usize = 1_024;

/// The claim that holds one value: a list of subjects is none.
const SUBJECT: &str = "sub";

/// By what policies tell tokens apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TokenLine {
    /// No token.
    None,
    /// One that does not verify.
    Unverified,
    /// One of this issuer.
    Issuer(Symbol),
    /// One of it of whose claim one of the values matches one of these.
    Claim(Symbol, Symbol, Vec<WordPattern>),
}

impl Pattern for TokenLine {
    type Value = Token;

    fn matches(&self, token: &Token) -> bool {
        match self {
            Self::Claim(issuer, name, words) => {
                let Token::Valid { issuer: own, claims } = token else { return false };
                issuer == own && claims.get(name).into_iter().flatten().any(|value| matches_any(words, value))
            }
            plain => plain.patterns().iter().any(|pattern| pattern.matches(token)),
        }
    }
}

impl TokenLine {
    /// The patterns of which each matches some of its tokens, and no others.
    fn patterns(&self) -> Vec<TokenPattern> {
        let valid = |issuer: &Symbol, claim| TokenPattern::Valid { issuer: Symbol::clone(issuer), claim };
        match self {
            Self::None => vec![TokenPattern::None],
            Self::Unverified => vec![TokenPattern::Unverified],
            Self::Issuer(issuer) => vec![valid(issuer, None)],
            Self::Claim(issuer, name, words) => words.iter().map(|word| valid(issuer, Some((Symbol::clone(name), word.clone())))).collect(),
        }
    }
}

/// Tokens, and by what they are told apart: none, a bad one, and of each issuer any, and those with every choice of the values that
/// some policy tells apart. None if they are too many.
pub(super) fn cut(looked: &Looked) -> Option<(Vec<Token>, Cells<TokenLine>)> {
    let mut issuers: BTreeMap<&Symbol, BTreeMap<&Symbol, BTreeSet<Held<'_>>>> = BTreeMap::new();
    for token in &looked.samples.tokens {
        let Token::Valid { issuer, claims } = token else { continue };
        let own = issuers.entry(issuer).or_default();
        for (name, values) in claims {
            own.entry(name).or_default().insert(values.iter().collect());
        }
    }
    let mut tokens = vec![Token::None, Token::Unverified];
    let mut lines = BTreeSet::from([TokenLine::None, TokenLine::Unverified]);
    let (mut partly, mut vague) = (BTreeSet::new(), BTreeSet::new());
    for (issuer, claims) in issuers {
        lines.insert(TokenLine::Issuer(Symbol::clone(issuer)));
        let claims: Vec<Claim<'_>> = claims.into_iter().map(|(name, values)| Claim::new(looked, name, &values)).collect();
        let line =
            |claim: &Claim<'_>, list: &[WordPattern]| TokenLine::Claim(Symbol::clone(issuer), Symbol::clone(claim.name), list.to_vec());
        lines.extend(claims.iter().flat_map(|claim| claim.lists.iter().map(|list| line(claim, list))));
        partly.extend(claims.iter().flat_map(|claim| claim.told_in_part().map(|list| line(claim, list))));
        vague.extend(claims.iter().flat_map(|claim| claim.told_vaguely().map(|list| line(claim, list))));
        tokens.extend(bodies(&claims)?.into_iter().map(|claims| Token::Valid { issuer: Symbol::clone(issuer), claims }));
        if tokens.len() > MAX_TOKENS {
            return None;
        }
    }
    // Of tokens that match the same one stands for all.
    let mut seen = BTreeSet::new();
    tokens.retain(|token| seen.insert(lines.iter().map(|line| line.matches(token)).collect::<Vec<bool>>()));
    let lines = lines.into_iter().filter(|line| tokens.iter().any(|token| line.matches(token))).collect();
    let cells = Cells::new(lines, &tokens.iter()).keeping(|line| partly.contains(line)).barring(|line| vague.contains(line));
    Some((tokens, cells))
}

/// A set of tokens in patterns; none if it takes too many words.
pub(super) fn said(choice: Choice<TokenLine>) -> Option<Choice<TokenPattern>> {
    let Choice::In(regions) = choice else { return Some(Choice::Any) };
    let mut said = BTreeSet::new();
    for region in regions {
        let except: BTreeSet<TokenPattern> = region.except.iter().flat_map(TokenLine::patterns).collect();
        let mut ways: Vec<BTreeSet<TokenPattern>> = vec![BTreeSet::new()];
        for line in &region.within {
            let patterns: Vec<TokenPattern> =
                line.patterns().into_iter().filter(|one| !except.iter().any(|out| holds_all(out, one))).collect();
            if ways.len().checked_mul(patterns.len())? > MAX_REGIONS {
                return None;
            }
            let with = |way: &BTreeSet<TokenPattern>, one: &TokenPattern| way.iter().chain([one]).cloned().collect();
            ways = ways.iter().flat_map(|way| patterns.iter().map(move |one| with(way, one))).collect();
        }
        // Who matches fewer of them matches all the same.
        let all = ways.clone();
        ways.retain(|way| !all.iter().any(|other| other != way && other.is_subset(way)));
        said.extend(ways.into_iter().map(|within| (except.iter().cloned().collect(), within.into_iter().collect())));
    }
    Some(Choice::In(said.into_iter().map(|(except, within)| Region { within, except }).collect()))
}

/// Whether a pattern surely matches whatever another one does.
fn holds_all(outer: &TokenPattern, inner: &TokenPattern) -> bool {
    let (TokenPattern::Valid { issuer, claim: Some((name, words)) }, TokenPattern::Valid { issuer: own, claim: Some((claim, word)) }) =
        (outer, inner)
    else {
        return outer == inner;
    };
    (issuer, name) == (own, claim) && (words == word || word.single().is_some_and(|word| words.matches(word)))
}

/// What a claim holds in a token that policies look for.
type Held<'l> = BTreeSet<&'l Symbol>;

/// One claim of the tokens of an issuer.
struct Claim<'l> {
    name: &'l Symbol,
    /// The lists of words of which policies ask for one.
    lists: BTreeSet<Vec<WordPattern>>,
    /// A value of each kind that the lists tell apart, and what it may do.
    values: Vec<(Symbol, Role)>,
    /// How many values that may let a request pass are tried at once, and besides them how many that may stop it; none where every choice is.
    most: Option<[usize; 2]>,
}

/// How many of some values may do nothing but let a request pass, how many nothing but stop it, and how many either.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    lets: usize,
    stops: usize,
    both: usize,
}

impl Counts {
    const fn with(self, role: Role) -> Self {
        match role {
            Role::Settles => self,
            Role::Lets => Self { lets: self.lets + 1, ..self },
            Role::Stops => Self { stops: self.stops + 1, ..self },
            Role::Both => Self { both: self.both + 1, ..self },
        }
    }

    const fn are_within(self, [lets, stops]: [usize; 2]) -> bool {
        self.lets <= lets && self.stops <= stops && self.lets + self.stops + self.both <= lets + stops
    }
}

impl<'l> Claim<'l> {
    fn new(looked: &Looked, name: &'l Symbol, held: &BTreeSet<Held<'l>>) -> Self {
        let mut lists = lists(looked, name, held);
        let is_listed = |value: &Symbol| lists.iter().any(|list| matches_any(list, value));
        // Of a claim that may hold several words with blanks between them one at a time is told.
        let is_told = |value: &Symbol| !value.contains(' ') || is_listed(value);
        let values: BTreeSet<&Symbol> = held.iter().flatten().copied().filter(|value| is_told(value)).collect();
        // What no list holds is compared with as it is: one of these values will do.
        let bare = |held: &Held<'_>| -> Vec<WordPattern> {
            let others = held.iter().filter(|value| is_told(value) && !is_listed(value));
            others.map(|value| WordPattern::exact(Symbol::clone(value))).collect()
        };
        let bare: Vec<Vec<WordPattern>> = held.iter().map(bare).filter(|list| !list.is_empty()).collect();
        lists.extend(bare);
        let words = lists.iter().flatten().map(|word| word.to_string().into());
        let unnamed = fresh('a', &values.iter().copied().cloned().chain(words).collect());
        let mut kinds: BTreeMap<Vec<bool>, Symbol> = BTreeMap::new();
        // What has blanks may be several words to whoever judges it, so it stands for others only where nothing else does.
        let (spaced, whole): (Vec<&Symbol>, Vec<&Symbol>) = values.iter().copied().chain([&unnamed]).partition(|value| value.contains(' '));
        for value in whole.into_iter().chain(spaced) {
            let kind: Vec<bool> = lists.iter().map(|list| matches_any(list, value)).collect();
            // A value that is in no list is as good as none.
            if kind.contains(&true) {
                kinds.entry(kind).or_insert_with(|| Symbol::clone(value));
            }
        }
        let with_role = |value: Symbol| {
            let role = looked.role(name, &value);
            (value, role)
        };
        let values: Vec<(Symbol, Role)> = kinds.into_values().map(with_role).collect();
        let every = if looked.is_stopped_by(name) { MAX_STOPPING_VALUES } else { MAX_VALUES };
        let most = (values.len() > every && **name != *SUBJECT).then(|| looked.most(name));
        Self { name, lists, values, most }
    }

    /// The lists of which more may match at once than are tried.
    fn told_in_part(&self) -> impl Iterator<Item = &Vec<WordPattern>> {
        let all = self.values.iter().fold(Counts::default(), |counts, (_, role)| counts.with(*role));
        let is_in_part = self.most.is_some_and(|most| !all.are_within(most));
        self.lists.iter().filter(move |list| is_in_part && self.has(list, |role| role != Role::Settles))
    }

    /// Those of them which a token may match besides any that are tried: of some value not every set that is tried is tried with it, as none
    /// stops a request by it.
    fn told_vaguely(&self) -> impl Iterator<Item = &Vec<WordPattern>> {
        self.told_in_part().filter(|list| self.has(list, |role| role == Role::Lets))
    }

    /// Whether some value matches a list that does so.
    fn has(&self, list: &[WordPattern], is: impl Fn(Role) -> bool) -> bool {
        self.values.iter().any(|(value, role)| is(*role) && matches_any(list, value))
    }

    /// Sets of its values that are tried, the empty one for a token without it. None if they are too many.
    fn choices(&self) -> Option<Vec<BTreeSet<Symbol>>> {
        if **self.name == *SUBJECT {
            return Some(
                std::iter::once(BTreeSet::new()).chain(self.values.iter().map(|(value, _)| [Symbol::clone(value)].into())).collect(),
            );
        }
        let mut sets: Vec<(BTreeSet<Symbol>, Counts)> = vec![(BTreeSet::new(), Counts::default())];
        for (value, role) in &self.values {
            let with = |(set, counts): &(BTreeSet<Symbol>, Counts)| {
                let counts = counts.with(*role);
                self.most.is_none_or(|most| counts.are_within(most)).then(|| (set.iter().chain([value]).cloned().collect(), counts))
            };
            let more: Vec<(BTreeSet<Symbol>, Counts)> = sets.iter().filter_map(with).collect();
            sets.extend(more);
            if sets.len() > MAX_TOKENS {
                return None;
            }
        }
        Some(sets.into_iter().map(|(set, _)| set).collect())
    }
}

/// The lists of words of which policies ask for one, of a claim of an issuer whose tokens hold these samples of it: what none of them matches
/// is asked of other issuers' tokens. Words with blanks, which no word of several is, stand in lists of their own.
fn lists(looked: &Looked, name: &Symbol, held: &BTreeSet<Held<'_>>) -> BTreeSet<Vec<WordPattern>> {
    let written = looked.samples.written.claims.get(name).into_iter().flatten();
    let exact = looked.samples.written.exact_claims.get(name).into_iter().flatten();
    let written = written.map(|list| list.iter().cloned().map(WordPattern::written).collect::<Vec<_>>());
    let exact = exact.map(|list| list.iter().cloned().map(WordPattern::exact).collect::<Vec<_>>());
    let is_held = |word: &WordPattern| held.iter().flatten().any(|value| word.matches(value));
    let own = written.chain(exact).filter(|list| list.iter().all(is_held));
    let parts = own.map(|list| list.into_iter().partition::<Vec<WordPattern>, _>(WordPattern::has_blanks));
    parts.flat_map(|(spaced, whole)| [spaced, whole]).filter(|list| !list.is_empty()).collect()
}

/// Every choice of what these claims hold.
fn bodies(claims: &[Claim<'_>]) -> Option<Vec<BTreeMap<Symbol, BTreeSet<Symbol>>>> {
    let mut bodies = vec![BTreeMap::new()];
    for claim in claims {
        let choices = claim.choices()?;
        if bodies.len().checked_mul(choices.len())? > MAX_TOKENS {
            return None;
        }
        let with = |body: &BTreeMap<Symbol, BTreeSet<Symbol>>, held: &BTreeSet<Symbol>| {
            let own = Some((Symbol::clone(claim.name), held.clone())).filter(|(_, held)| !held.is_empty());
            body.clone().into_iter().chain(own).collect()
        };
        bodies = bodies.iter().flat_map(|body| choices.iter().map(move |held| with(body, held))).collect();
    }
    Some(bodies)
}

fn matches_any(words: &[WordPattern], value: &str) -> bool {
    words.iter().any(|word| word.matches(value))
}

#[cfg(test)]
mod tests;
