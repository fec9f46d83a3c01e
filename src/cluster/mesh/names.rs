//! Names of namespaces and accounts that stand for all those that nobody named.
//!
//! Owns: `NameWords`, `Others`: which names patterns of namespaces and accounts tell apart, those that several match at once included, and
//! whether all of them are there. It must not judge any.

mod search;

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::Mesh;
use super::callers::{Callers, Name};
use super::chain::{ChainKind, Policy};
use super::test::{Matcher, Test};
use super::words::Word;
use crate::cluster::Names;
use crate::flow::Symbol;
use search::{Sort, passed, search};

/// Names that patterns match, of all those that they tell apart one each.
#[derive(Debug, Clone, Default)]
pub(super) struct NameWords {
    namespaces: BTreeSet<Symbol>,
    accounts: BTreeSet<Symbol>,
    is_cut_short: bool,
}

/// Who stands for the names that nobody said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::cluster) enum Others {
    /// For each mesh those that its own patterns tell apart.
    #[default]
    Own,
    /// Nobody.
    Nobody,
    /// One of each kind that the patterns of some meshes tell apart together.
    Each,
    /// Some of these: there are too many.
    Some,
}

/// Tests of names of one sort.
#[derive(Debug, Default)]
struct NameTests {
    tests: Vec<Name>,
    /// The single names among them.
    single: BTreeSet<Symbol>,
}

impl Mesh {
    /// Finds the names of its own patterns.
    pub(super) fn find_names(&mut self) {
        self.names = names_of(&[self], &Names::default());
    }

    /// These names, with those of its own patterns if nobody else stands for them.
    pub(super) fn with_own_names<'n>(&self, names: &'n Names) -> Cow<'n, Names> {
        if names.others != Others::Own || self.names.namespaces.is_empty() && self.names.accounts.is_empty() {
            return Cow::Borrowed(names);
        }
        let mut all = names.clone();
        self.names.add_to(&mut all);
        Cow::Owned(all)
    }

    /// Whom any policy names.
    fn all_callers(&self) -> impl Iterator<Item = &Callers> {
        callers(self.policies.values().flatten())
    }

    /// Whom the policies name that act on pods of a namespace.
    fn callers_in(&self, namespace: &str) -> impl Iterator<Item = &Callers> {
        callers(self.near(&self.policies, namespace))
    }
}

/// Whom some policies name.
fn callers<'p>(policies: impl Iterator<Item = &'p Policy>) -> impl Iterator<Item = &'p Callers> {
    let chains = policies.flat_map(|policy| ChainKind::ALL.map(|kind| policy.chain(kind)));
    let clauses = chains.flat_map(|chain| &chain.rules).flat_map(|rule| &rule.clauses);
    let tests = clauses.flat_map(|clause| clause.alternatives.iter().flatten());
    tests.flat_map(Test::matchers).filter_map(|matcher| if let Matcher::Callers(callers) = matcher { Some(callers) } else { None })
}

/// Adds the names that the patterns of several meshes tell apart together.
pub(crate) fn add_names_of(meshes: &[&Mesh], names: &mut Names) {
    let words = names_of(meshes, names);
    words.add_to(names);
    names.others = if words.is_cut_short { Others::Some } else { Others::Each };
}

impl NameWords {
    fn add_to(&self, names: &mut Names) {
        names.namespaces.extend(self.namespaces.iter().cloned());
        names.accounts.extend(self.accounts.iter().cloned());
    }
}

/// Names that the patterns of some meshes tell apart, those of them that the meshes themselves name included.
///
/// A connection is judged at one pod, by what acts on its namespace; so only patterns that do are told apart together. Where calls go over
/// waypoints, which are of any namespace, all are.
fn names_of(meshes: &[&Mesh], names: &Names) -> NameWords {
    let all = || meshes.iter().flat_map(|mesh| mesh.all_callers());
    if !all().any(Callers::has_patterns) {
        return NameWords::default();
    }
    let [mut namespaces, mut accounts] = tests_of(all()).map(|tests| Telling::new(tests.single));
    namespaces.known.extend(meshes.iter().flat_map(|mesh| mesh.namespaces.keys()).cloned());
    namespaces.said = &names.namespaces;
    accounts.said = &names.accounts;
    let policed: BTreeSet<&Symbol> = meshes.iter().flat_map(|mesh| mesh.policies.keys()).collect();
    if meshes.iter().any(|mesh| mesh.names_waypoints()) {
        let [by_namespace, by_account] = tests_of(all());
        namespaces.tell(Sort::Namespace, by_namespace.tests);
        accounts.tell(Sort::Account, by_account.tests);
    } else {
        for namespace in policed {
            let [by_namespace, by_account] = tests_of(meshes.iter().flat_map(|mesh| mesh.callers_in(namespace)));
            namespaces.tell(Sort::Namespace, by_namespace.tests);
            accounts.tell(Sort::Account, by_account.tests);
        }
    }
    let is_cut_short = namespaces.is_cut_short || accounts.is_cut_short;
    NameWords { namespaces: namespaces.names, accounts: accounts.names, is_cut_short }
}

/// The tests of namespaces and of accounts of some callers.
fn tests_of<'c>(callers: impl Iterator<Item = &'c Callers>) -> [NameTests; 2] {
    let (mut namespaces, mut accounts) = (NameTests::default(), NameTests::default());
    for (namespace, account) in callers.flat_map(Callers::tests) {
        namespaces.add(namespace);
        accounts.add(account);
    }
    [namespaces, accounts]
}

impl NameTests {
    fn add(&mut self, name: Name) {
        if let Some(single) = name.single() {
            // What ztunnel reads as it stands is nobody's name if a star is in it.
            if !single.contains('*') {
                self.single.insert(Symbol::clone(single));
            }
        } else if name != Name::Any && !self.tests.contains(&name) {
            self.tests.push(name);
        }
    }
}

/// Names of one sort that are told apart.
struct Telling<'n> {
    /// Names that policies or manifests know, which stand for themselves.
    known: BTreeSet<Symbol>,
    /// Names that somebody else has said, which do so too.
    said: &'n BTreeSet<Symbol>,
    /// What stands for all others, and what is known and matches a pattern.
    names: BTreeSet<Symbol>,
    /// The first.
    made: BTreeSet<Symbol>,
    /// The tests that were looked at.
    seen: Vec<Vec<Name>>,
    is_cut_short: bool,
}

/// Nothing that anybody said.
static NOTHING: BTreeSet<Symbol> = BTreeSet::new();

impl Telling<'_> {
    fn new(known: BTreeSet<Symbol>) -> Self {
        Self { known, said: &NOTHING, names: BTreeSet::new(), made: BTreeSet::new(), seen: Vec::new(), is_cut_short: false }
    }

    /// Adds one name of each kind that some tests tell apart, unless one of those is there. What matches none of them needs none, unless
    /// what is taken for such a name may match one.
    fn tell(&mut self, sort: Sort, tests: Vec<Name>) {
        if tests.is_empty() || self.seen.contains(&tests) {
            return;
        }
        let all: Vec<&Name> = tests.iter().collect();
        let taken: BTreeSet<&Symbol> = self.known.iter().chain(self.said).collect();
        let found = search(sort, &all, &taken);
        self.is_cut_short |= found.is_cut_short;
        self.names.extend(self.known.iter().filter(|name| all.iter().any(|test| test.matches(name))).cloned());
        let is_vague = all.iter().any(|test| test.is_vague());
        let there: BTreeSet<Vec<bool>> = self.made.iter().map(|name| passed(&all, name)).collect();
        for (kind, name) in found.names {
            if (is_vague || kind.contains(&true)) && !there.contains(&kind) {
                self.names.insert(Symbol::clone(&name));
                self.made.insert(name);
            }
        }
        self.seen.push(tests);
    }
}

impl Name {
    /// Whether it may match a word that is made to match nothing ([`crate::classes::fresh_word`]): one that shares no letter with any
    /// name, or is one letter many times.
    pub(super) fn is_vague(&self) -> bool {
        match self {
            Self::Like(Word::Prefix(text) | Word::Suffix(text)) | Self::Glob(text) | Self::Loose(text) => {
                text.chars().all(|letter| matches!(letter, 'z' | '.' | '*'))
            }
            Self::Any | Self::Like(_) => false,
        }
    }
}

#[cfg(test)]
mod tests;
