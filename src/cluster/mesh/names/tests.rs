use proptest::prelude::*;

use super::*;
use crate::cluster::mesh::callers::Reader;
use crate::cluster::{Cluster, Platform, read};
use crate::source::{Source, Sources};

const STRICT: (u16, u16, u16) = (1, 30, 0);
/// It reads a `.` as any letter.
const LOOSE: (u16, u16, u16) = (1, 25, 0);

/// The tests of namespaces, and of accounts, of patterns as policies write them.
fn tests(namespaces: &[String], accounts: &[String], istio: (u16, u16, u16)) -> [NameTests; 2] {
    let platform = Platform { istio, ..Platform::default() };
    let symbols = |texts: &[String]| texts.iter().map(|text| Symbol::from(text.as_str())).collect::<Vec<_>>();
    let by_namespace = Callers::namespaces(&symbols(namespaces), Reader::Envoy, &platform);
    let by_account = Callers::principals(&symbols(accounts), Reader::Envoy, &platform);
    tests_of([by_namespace, by_account].iter())
}

/// Every word of some letters up to a length.
fn words(letters: &[&str], longest: usize) -> Vec<String> {
    let mut words = Vec::new();
    let mut last = vec![String::new()];
    for _ in 0..longest {
        last = last.iter().flat_map(|word| letters.iter().map(move |letter| format!("{word}{letter}"))).collect();
        words.extend(last.clone());
    }
    words
}

fn is_valid(sort: Sort, name: &str) -> bool {
    let is_label = |label: &str| {
        let is_end = |letter: Option<char>| letter.is_some_and(|letter| letter != '-');
        is_end(label.chars().next()) && is_end(label.chars().next_back())
    };
    match sort {
        Sort::Namespace => !name.contains('.') && is_label(name),
        Sort::Account => name.split('.').all(is_label),
    }
}

/// What is found beside names that are taken; every name of these words is of a kind that it has, or is taken.
fn stand_for_all(sort: Sort, tests: NameTests, said: &BTreeSet<Symbol>, words: &[String]) -> Result<(), TestCaseError> {
    let all = tests.tests;
    let mut telling = Telling::new(tests.single);
    telling.said = said;
    telling.tell(sort, all.clone());
    let passed = |name: &str| all.iter().map(|test| test.matches(name)).collect::<Vec<bool>>();
    let seen: BTreeSet<Vec<bool>> = telling.made.iter().map(|name| passed(name)).collect();
    prop_assert!(!telling.is_cut_short);
    prop_assert!(telling.made.is_disjoint(said) && telling.made.is_disjoint(&telling.known), "{:?}", telling.made);
    prop_assert!(telling.made.iter().all(|name| is_valid(sort, name)), "{:?}", telling.made);
    prop_assert_eq!(seen.len(), telling.made.len(), "one of each kind");
    for name in words.iter().filter(|name| is_valid(sort, name)) {
        let symbol = Symbol::from(name.as_str());
        let (sought, is_taken) = (passed(name), said.contains(&symbol) || telling.known.contains(&symbol));
        prop_assert!(is_taken || !sought.contains(&true) || seen.contains(&sought), "{name} of {all:?}: {:?}", telling.made);
        // Whoever is known is told from others by every pattern that he matches.
        prop_assert!(!telling.known.contains(&symbol) || !sought.contains(&true) || telling.names.contains(&symbol));
    }
    Ok(())
}

fn symbols(names: &BTreeSet<String>) -> BTreeSet<Symbol> {
    names.iter().map(|name| Symbol::from(name.as_str())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_words_stand_for_all_names(
        namespaces in prop::collection::vec("[abx]{1,2}|\\*?[abx]{1,2}\\*?|[ab]{1,2}\\*[ab]{1,2}|\\*[abx]{1,2}\\*|\\*?[ab]\\*[ab-]\\*[ab]\\*?", 0..6),
        accounts in prop::collection::vec("\\*[ab.]{1,2}|cluster.local/ns/[ab]/sa/[ab.]{1,2}\\*|cluster.local/ns/[ab]{1,2}\\*", 0..6),
        said in prop::collection::btree_set("[abcx]{1,3}", 0..12),
        is_loose: bool,
    ) {
        let istio = if is_loose { LOOSE } else { STRICT };
        let [by_namespace, by_account] = tests(&namespaces, &accounts, istio);
        let words = words(&["a", "b", "c", "-", "."], 4);
        stand_for_all(Sort::Namespace, by_namespace, &symbols(&said), &words)?;
        stand_for_all(Sort::Account, by_account, &symbols(&said), &words)?;
    }

    /// More patterns with something between their stars than could be put behind one another in every choice.
    #[test]
    fn many_patterns_with_something_between_stars_are_told_apart(
        some in prop::collection::btree_set("\\*[a-d]\\*", 1..5),
        more in prop::collection::btree_set("\\*[a-d]{2,3}\\*|[a-d]\\*[a-d]\\*[a-d]|\\*[a-d]\\*[a-d]", 9..12),
        said in prop::collection::btree_set("[abcdx]{1,3}", 0..30),
    ) {
        let namespaces: Vec<String> = some.into_iter().chain(more).collect();
        let [by_namespace, _] = tests(&namespaces, &[], STRICT);
        stand_for_all(Sort::Namespace, by_namespace, &symbols(&said), &words(&["a", "b", "c", "d", "e"], 5))?;
    }
}

#[test]
fn a_pattern_of_which_all_names_but_one_are_taken_finds_that_one() {
    // Of older Istio the names of three letters that begin with `a` and end in `b`, and the one with a dot.
    let [_, by_account] = tests(&[], &["*/a.b".to_owned()], LOOSE);
    let tests: Vec<Name> = by_account.tests;
    assert!(tests.iter().any(|test| matches!(test, Name::Loose(_))), "{tests:?}");
    let letters: Vec<String> = ('a'..='z').chain('0'..='9').map(String::from).chain(["-".to_owned()]).collect();
    let taken: BTreeSet<Symbol> = letters.iter().filter(|letter| **letter != "k").map(|letter| format!("a{letter}b").into()).collect();
    let mut telling = Telling::new([Symbol::from("a.b")].into());
    telling.said = &taken;
    telling.tell(Sort::Account, tests.clone());
    assert_eq!(telling.made, [Symbol::from("akb")].into());
    let taken: BTreeSet<Symbol> = taken.into_iter().chain(["akb".into()]).collect();
    let mut telling = Telling::new([Symbol::from("a.b")].into());
    telling.said = &taken;
    telling.tell(Sort::Account, tests);
    assert!(telling.made.is_empty() && !telling.is_cut_short);
}

#[test]
fn what_is_too_much_is_said() {
    let globs: Vec<String> = ('a'..='n').map(|letter| format!("*{letter}*")).collect();
    let found = |count: usize| {
        let [by_namespace, _] = tests(globs.get(..count).unwrap(), &[], STRICT);
        let mut telling = Telling::new(BTreeSet::new());
        telling.tell(Sort::Namespace, by_namespace.tests);
        (telling.made.len(), telling.is_cut_short)
    };
    assert_eq!(found(9), (511, false));
    assert!(found(14).1);
    // Beginnings and ends are no more than pairs of them.
    let many: Vec<String> = (0..200).map(|at| format!("team-{at:03}-*")).chain((0..3).map(|at| format!("*-{at}"))).collect();
    let [by_namespace, _] = tests(&many, &[], STRICT);
    let mut telling = Telling::new(BTreeSet::new());
    telling.tell(Sort::Namespace, by_namespace.tests);
    assert_eq!((telling.made.len(), telling.is_cut_short), (200 * 4 + 3, false));
}

fn cluster(policies: &[(&str, String)]) -> Cluster {
    let policy = |(at, (namespace, values)): (usize, &(&str, String))| {
        format!(
            "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p{at}, namespace: {namespace}}}\nspec: {{rules: [{{from: [{{source: {{namespaces: [{values}]}}}}]}}]}}\n"
        )
    };
    let text: String = policies.iter().enumerate().map(policy).collect();
    let mut sources = Sources::default();
    let file = sources.add(Source::new("a.yaml", text));
    let (cluster, findings) = read(&sources, &[file], Platform { istio: STRICT, ..Platform::default() });
    assert!(findings.is_empty(), "{findings:?}");
    cluster
}

fn globs(letters: impl Iterator<Item = char>) -> String {
    letters.map(|letter| format!("'*{letter}*'")).collect::<Vec<_>>().join(", ")
}

#[test]
fn patterns_of_different_namespaces_do_not_multiply() {
    let told = |policies: &[(&str, String)]| {
        let mut names = Names::default();
        names.add_told_apart(&[&cluster(policies)]);
        (names.namespaces.len(), names.are_cut_short())
    };
    let (one, two) = (globs('a'..='g'), globs('h'..='n'));
    let (count, is_cut_short) = told(&[("shop", one.clone()), ("web", two.clone())]);
    assert!(count <= 127 * 2 && !is_cut_short, "{count}");
    // Those of the root namespace act on all.
    assert!(told(&[("shop", one), ("istio-system", two)]).1);
}

#[test]
fn who_is_named_by_one_policy_is_told_from_others_by_the_pattern_of_another() {
    let mut names = Names::new(["shop".into()].into(), BTreeSet::new());
    names.add_told_apart(&[&cluster(&[("shop", "xa".to_owned()), ("web", "'*a'".to_owned())])]);
    assert!(names.namespaces.contains("xa"), "{names:?}");
}
