//! Names of namespaces and accounts that stand for all those that nobody named.
//!
//! Owns: `NameWords`: which names patterns of namespaces and accounts tell apart, those that several match at once included. It must
//! not judge any.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::Mesh;
use super::callers::{Callers, Name};
use super::chain::ChainKind;
use super::test::{Matcher, Test};
use super::words::Word;
use crate::cluster::Names;
use crate::flow::{Affixes, Symbol};

/// Names that patterns match, of all those that they tell apart one each.
#[derive(Debug, Clone, Default)]
pub(super) struct NameWords {
    namespaces: BTreeSet<Symbol>,
    accounts: BTreeSet<Symbol>,
}

/// Tests of names of one sort.
#[derive(Debug, Default)]
struct NameTests {
    tests: Vec<Name>,
    /// Names that are known otherwise, and so stand for themselves.
    known: BTreeSet<Symbol>,
    /// Names that somebody has said, which may stand for others only if they were made to.
    said: BTreeSet<Symbol>,
}

impl Mesh {
    /// Finds the names of its own patterns.
    pub(super) fn find_names(&mut self) {
        self.names = names_of(&[self], &Names::default());
    }

    /// These names, with those of its own patterns.
    pub(super) fn with_own_names<'n>(&self, names: &'n Names) -> Cow<'n, Names> {
        if self.names.namespaces.is_empty() && self.names.accounts.is_empty() {
            return Cow::Borrowed(names);
        }
        let mut all = names.clone();
        self.names.add_to(&mut all);
        Cow::Owned(all)
    }

    fn callers(&self) -> impl Iterator<Item = &Callers> {
        let chains = self.policies.values().flatten().flat_map(|policy| ChainKind::ALL.map(|kind| policy.chain(kind)));
        let clauses = chains.flat_map(|chain| &chain.rules).flat_map(|rule| &rule.clauses);
        let tests = clauses.flat_map(|clause| clause.alternatives.iter().flatten());
        tests.flat_map(Test::matchers).filter_map(|matcher| if let Matcher::Callers(callers) = matcher { Some(callers) } else { None })
    }
}

/// Adds the names that the patterns of several meshes tell apart together.
pub(crate) fn add_names_of(meshes: &[&Mesh], names: &mut Names) {
    names_of(meshes, names).add_to(names);
}

impl NameWords {
    fn add_to(&self, names: &mut Names) {
        names.namespaces.extend(self.namespaces.iter().cloned());
        names.accounts.extend(self.accounts.iter().cloned());
    }
}

/// Names that the patterns of some meshes tell apart, besides those that stand for themselves.
fn names_of(meshes: &[&Mesh], names: &Names) -> NameWords {
    let callers = || meshes.iter().flat_map(|mesh| mesh.callers());
    if !callers().any(Callers::has_patterns) {
        return NameWords::default();
    }
    let (mut namespaces, mut accounts) = (NameTests::default(), NameTests::default());
    for (namespace, account) in callers().flat_map(Callers::tests) {
        namespaces.add(namespace);
        accounts.add(account);
    }
    let own = |words: fn(&NameWords) -> &BTreeSet<Symbol>| meshes.iter().flat_map(|mesh| words(&mesh.names)).cloned().collect();
    let (own_namespaces, own_accounts): (BTreeSet<Symbol>, BTreeSet<Symbol>) =
        (own(|words| &words.namespaces), own(|words| &words.accounts));
    namespaces.known.extend(meshes.iter().flat_map(|mesh| mesh.namespaces.keys()).cloned());
    namespaces.said.clone_from(&names.namespaces);
    accounts.said.clone_from(&names.accounts);
    NameWords { namespaces: namespaces.words(&own_namespaces), accounts: accounts.words(&own_accounts) }
}

impl NameTests {
    fn add(&mut self, name: Name) {
        if let Some(single) = name.single() {
            self.known.insert(Symbol::clone(single));
        } else if name != Name::Any && !self.tests.contains(&name) {
            self.tests.push(name);
        }
    }

    /// One name of each sort that the tests tell apart; of those that are given, those that are of use.
    fn words(&self, given: &BTreeSet<Symbol>) -> BTreeSet<Symbol> {
        let mut seen: BTreeSet<Vec<bool>> = BTreeSet::new();
        let mut is_new = |name: &Symbol| {
            let passed: Vec<bool> = self.tests.iter().map(|test| test.matches(name)).collect();
            passed.contains(&true) && seen.insert(passed)
        };
        let made = self.candidates().into_iter().filter(|name| !self.said.contains(name));
        given.iter().cloned().chain(made).filter(|name| !self.known.contains(name)).filter(|name| is_new(name)).collect()
    }

    /// Names, some of every sort.
    fn candidates(&self) -> Vec<Symbol> {
        let mut affixes = Affixes::default();
        for name in self.known.union(&self.said) {
            affixes.add_whole(Symbol::clone(name));
        }
        let mut between: Vec<&str> = Vec::new();
        let mut texts: Vec<Symbol> = Vec::new();
        for test in &self.tests {
            match test {
                Name::Like(Word::Prefix(text)) => affixes.add_start(Symbol::clone(text)),
                Name::Like(Word::Suffix(text)) => affixes.add_end(Symbol::clone(text)),
                Name::Glob(text) => texts.push(Symbol::clone(text)),
                // Any letter will do for a dot, and the dot itself is what the pattern is that is read otherwise.
                Name::Loose(text) => texts.extend([Symbol::clone(text), text.replace('.', "x").into()]),
                Name::Any | Name::Like(_) => {}
            }
        }
        for text in &texts {
            let Some((start, rest)) = text.split_once('*') else {
                affixes.add_whole(Symbol::clone(text));
                continue;
            };
            let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
            affixes.add_start(start.into());
            affixes.add_end(end.into());
            between.extend((!middle.trim_matches('*').is_empty()).then_some(middle));
        }
        let filling = self.filling();
        let mut candidates = affixes.joined(&BTreeSet::new(), |letter| letter.repeat(3)).unwrap_or_default();
        let whole = |text: &Symbol| Symbol::from(text.replace('*', "xxx"));
        candidates.extend(texts.iter().map(whole));
        // A beginning may also be so near to an end that no pattern of both matches.
        candidates.extend(affixes.overlapping());
        candidates.extend(affixes.around(&[String::new(), filling.clone()]));
        for filling in [filling.as_str(), ""] {
            let filled: Vec<String> = between.iter().map(|text| format!("{filling}{}{filling}", text.replace('*', filling))).collect();
            candidates.extend(affixes.around(&chosen(&filled)));
        }
        candidates.extend(affixes.around(&overlapping(&between)));
        candidates
    }

    /// What stands between parts of a name so that no test looks for it, if there is such a thing.
    fn filling(&self) -> String {
        let looked_for = |letter: &char| {
            self.tests.iter().any(|test| match test {
                Name::Like(Word::Prefix(text) | Word::Suffix(text)) | Name::Glob(text) | Name::Loose(text) => text.contains(*letter),
                Name::Any | Name::Like(_) => false,
            })
        };
        let letter = ('a'..='z').rev().chain('0'..='9').find(|letter| !looked_for(letter)).unwrap_or('x');
        letter.to_string().repeat(2)
    }
}

/// The most patterns with something between their first and last `*` of which every choice is tried; of more, each one and each two.
const MAX_CHOSEN: usize = 8;

/// Texts in which two share letters.
fn overlapping(texts: &[&str]) -> Vec<String> {
    let shared = |one: &str, two: &str| {
        let lengths = (1..one.len().min(two.len())).filter(|length| one.get(one.len() - length..) == two.get(..*length));
        lengths.filter_map(|length| Some(format!("{one}{}", two.get(length..)?))).collect::<Vec<String>>()
    };
    texts.iter().flat_map(|one| texts.iter().filter(move |two| *two != one).flat_map(move |two| shared(one, two))).collect()
}

/// Choices of texts, one after the other.
fn chosen(texts: &[String]) -> Vec<String> {
    let numbers: Vec<usize> = (0..texts.len()).collect();
    let join = |chosen: &[usize]| chosen.iter().filter_map(|at| texts.get(*at)).map(String::as_str).collect::<String>();
    if texts.len() > MAX_CHOSEN {
        let pairs = numbers.iter().flat_map(|one| numbers.iter().skip(*one).map(move |two| [*one, *two]));
        return pairs.map(|pair| join(&pair)).collect();
    }
    let subset = |mask: usize| numbers.iter().copied().filter(|at| mask >> at & 1 == 1).collect::<Vec<usize>>();
    (1..1_usize << texts.len()).map(|mask| join(&subset(mask))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cluster::Platform;
    use crate::cluster::mesh::callers::Reader;

    /// Every word of three letters up to a length.
    fn words(longest: usize) -> Vec<String> {
        let mut words = Vec::new();
        let mut last = vec![String::new()];
        for _ in 0..longest {
            last = last.iter().flat_map(|word| ["a", "b", "c"].map(|letter| format!("{word}{letter}"))).collect();
            words.extend(last.clone());
        }
        words
    }

    /// The tests of namespaces, and of accounts, of patterns as policies write them.
    fn tests(namespaces: &[String], accounts: &[String]) -> [NameTests; 2] {
        let platform = Platform { istio: (1, 30, 0), ..Platform::default() };
        let symbols = |texts: &[String]| texts.iter().map(|text| Symbol::from(text.as_str())).collect::<Vec<_>>();
        let by_namespace = Callers::namespaces(&symbols(namespaces), Reader::Envoy, &platform);
        let by_account = Callers::principals(&symbols(accounts), Reader::Ztunnel, &platform);
        let mut both = [NameTests::default(), NameTests::default()];
        for (namespace, account) in by_namespace.tests().chain(by_account.tests()) {
            both[0].add(namespace);
            both[1].add(account);
        }
        both
    }

    proptest! {
        #[test]
        fn the_words_stand_for_all_names(
            namespaces in prop::collection::vec("[abx]{1,2}|\\*?[abx]{1,2}\\*?|[ab]{1,2}\\*[ab]{1,2}|\\*[abx]{1,2}\\*", 0..6),
            accounts in prop::collection::vec("\\*[ab]{1,2}|cluster.local/ns/[ab]/sa/[ab]{1,2}\\*|cluster.local/ns/[ab]{1,2}\\*", 0..6),
        ) {
            for tests in tests(&namespaces, &accounts) {
                let found = tests.words(&BTreeSet::new());
                let passed = |name: &str| tests.tests.iter().map(|test| test.matches(name)).collect::<Vec<bool>>();
                let seen: BTreeSet<Vec<bool>> = found.iter().map(|name| passed(name)).collect();
                prop_assert!(found.is_disjoint(&tests.known));
                for name in words(4).iter().filter(|name| !tests.known.contains(name.as_str())) {
                    let sought = passed(name);
                    prop_assert!(!sought.contains(&true) || seen.contains(&sought), "{name} of {namespaces:?} {accounts:?}: {found:?}");
                }
            }
        }
    }
}
