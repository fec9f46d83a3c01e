//! Words by what they begin and end in.
//!
//! Owns: `Affixes`: which words stand for all that patterns of beginnings and ends tell apart, those that several patterns match at
//! once included. It must not know what the words are of.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::{Symbol, host_name};

/// Patterns of words: beginnings, ends and whole words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Affixes {
    starts: BTreeSet<Symbol>,
    ends: BTreeSet<Symbol>,
    whole: BTreeSet<Symbol>,
}

/// All words of a kind are alike to every pattern: no patterns but these, and what they begin or end in themselves, match them.
///
/// The longest beginning and the longest end of a word that are patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Kind<'a> {
    start: Option<&'a Symbol>,
    end: Option<&'a Symbol>,
}

impl Affixes {
    /// Adds a beginning.
    pub fn add_start(&mut self, start: Symbol) {
        if !start.is_empty() {
            self.starts.insert(start);
        }
    }

    /// Adds an end.
    pub fn add_end(&mut self, end: Symbol) {
        if !end.is_empty() {
            self.ends.insert(end);
        }
    }

    /// Adds a whole word.
    pub fn add_whole(&mut self, word: Symbol) {
        self.whole.insert(word);
    }

    /// Adds a pattern as policies write it: `ab*` is a beginning, `*ab` an end, `*` anything that is not empty, all else a whole word.
    pub fn add_written(&mut self, written: &str) {
        match (written.strip_prefix('*'), written.strip_suffix('*')) {
            (Some(""), _) => {}
            (Some(end), _) => self.add_end(end.into()),
            (None, Some(start)) => self.add_start(start.into()),
            (None, None) => self.add_whole(written.into()),
        }
    }

    /// Adds a pattern of methods. They are upper case, so what is not matches none.
    pub fn add_written_method(&mut self, written: &str) {
        if !written.contains(|letter: char| letter.is_ascii_lowercase()) {
            self.add_written(written);
        }
    }

    /// Adds a pattern of hosts. A flow's host has no port; what a pattern says of the port shows on the host alone.
    pub fn add_written_host(&mut self, written: &str) {
        let bare = |text: &str| Symbol::from(host_name(text));
        match (written.strip_prefix('*'), written.strip_suffix('*')) {
            (Some(end), _) => self.add_end(bare(end)),
            (None, Some(start)) if host_name(start) == start => self.add_start(start.into()),
            (None, _) => self.add_whole(bare(written)),
        }
    }

    /// Whether a word is one of the whole ones.
    pub fn is_whole(&self, word: &str) -> bool {
        self.whole.contains(word)
    }

    /// Whether no beginning and no end is among them.
    pub fn is_plain(&self) -> bool {
        self.starts.is_empty() && self.ends.is_empty()
    }

    /// Words that together with those known stand for all words that are none of the whole ones, but for the words that no pattern
    /// matches: each beginning alone, each end alone, and each with each, all of them also where one begins or ends in another.
    ///
    /// What is put between a beginning and an end is something that makes no other pattern match, in the letters of `shape` if any of these
    /// does so.
    pub fn joined(&self, known: &BTreeSet<Symbol>, shape: impl Fn(&str) -> String) -> Vec<Symbol> {
        self.words(known, shape, |_| true)
    }

    /// Those of them that begin or end so, and not both.
    pub fn single(&self, known: &BTreeSet<Symbol>, shape: impl Fn(&str) -> String) -> Vec<Symbol> {
        self.words(known, shape, |kind| kind.start.is_none() || kind.end.is_none())
    }

    fn words(&self, known: &BTreeSet<Symbol>, shape: impl Fn(&str) -> String, is_wanted: impl Fn(&Kind<'_>) -> bool) -> Vec<Symbol> {
        if self.is_plain() {
            return Vec::new();
        }
        let starts = || std::iter::once(None).chain(self.starts.iter().map(Some));
        let ends = || std::iter::once(None).chain(self.ends.iter().map(Some));
        let seen: BTreeSet<Kind<'_>> = known.iter().filter(|word| !self.whole.contains(*word)).map(|word| self.kind(word)).collect();
        let kinds = starts().flat_map(|start| ends().map(move |end| Kind { start, end }));
        let is_sought = |kind: &Kind<'_>| *kind != Kind::NONE && is_wanted(kind) && !seen.contains(kind);
        kinds.filter(is_sought).map(|kind| self.word_of(kind, known, &shape)).collect()
    }

    /// The first of some words that no pattern matches, or else one that none does.
    pub fn outside(&self, words: impl IntoIterator<Item = Symbol>, known: &BTreeSet<Symbol>) -> Symbol {
        let is_free = |word: &Symbol| self.kind(word) == Kind::NONE && !self.whole.contains(word) && !known.contains(word);
        words.into_iter().find(is_free).unwrap_or_else(|| self.word_of(Kind::NONE, known, &str::to_owned))
    }

    fn kind(&self, word: &str) -> Kind<'_> {
        let cuts = || (0..=word.len()).filter(|at| word.is_char_boundary(*at));
        let start = cuts().rev().find_map(|at| self.starts.get(word.get(..at)?));
        let end = cuts().find_map(|at| self.ends.get(word.get(at..)?));
        Kind { start, end }
    }

    fn word_of(&self, kind: Kind<'_>, known: &BTreeSet<Symbol>, shape: &impl Fn(&str) -> String) -> Symbol {
        let (start, end) = (kind.start.map_or("", |text| &**text), kind.end.map_or("", |text| &**text));
        let around = |filling: &str| Symbol::from(format!("{start}{filling}{end}"));
        let fits = |word: &Symbol| self.kind(word) == kind && !self.whole.contains(word) && !known.contains(word);
        let usual = fillings().map(|filling| around(&shape(&filling))).find(fits);
        usual.unwrap_or_else(|| around(&self.unused(known).to_string()))
    }

    /// A letter of which nobody speaks: with it a word begins and ends in what stands before and behind it, and in nothing longer.
    fn unused(&self, known: &BTreeSet<Symbol>) -> char {
        let spoken = [&self.starts, &self.ends, &self.whole, known].into_iter().flatten();
        let spoken: BTreeSet<char> = spoken.flat_map(|text| text.chars()).collect();
        RARE.clone().find(|letter| !spoken.contains(letter)).unwrap_or(*RARE.start())
    }
}

/// Letters that nobody uses, more than fit into any policy.
const RARE: RangeInclusive<char> = '\u{e000}'..='\u{10ffff}';

impl Kind<'_> {
    /// Words that no pattern matches.
    const NONE: Self = Self { start: None, end: None };
}

/// Whether a pattern as policies write it ([`Affixes::add_written`]) matches a word.
pub fn is_written(written: &str, word: &str) -> bool {
    match (written.strip_prefix('*'), written.strip_suffix('*')) {
        (Some(""), _) => !word.is_empty(),
        (Some(end), _) => word.ends_with(end),
        (None, Some(start)) => word.starts_with(start),
        (None, None) => *word == *written,
    }
}

/// What may stand between a beginning and an end: one letter, or two.
fn fillings() -> impl Iterator<Item = String> {
    let letters = || ('x'..='z').chain('a'..='w').chain('0'..='9');
    letters().map(String::from).chain(letters().flat_map(move |one| letters().map(move |two| String::from_iter([one, two]))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn affixes(written: &[String]) -> Affixes {
        let mut affixes = Affixes::default();
        for written in written {
            affixes.add_written(written);
        }
        affixes
    }

    /// Every word of three letters up to a length.
    fn words(longest: usize) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut last = words.clone();
        for _ in 0..longest {
            last = last.iter().flat_map(|word| ["a", "b", "c"].map(|letter| format!("{word}{letter}"))).collect();
            words.extend(last.clone());
        }
        words
    }

    #[test]
    fn of_a_hosts_pattern_the_port_is_left_out() {
        let hosts = |written: &str| {
            let mut affixes = Affixes::default();
            affixes.add_written_host(written);
            let words = |all: &BTreeSet<Symbol>| all.iter().map(|word| (**word).to_owned()).collect::<Vec<_>>().concat();
            [words(&affixes.starts), words(&affixes.ends), words(&affixes.whole)]
        };
        for (written, expected) in [
            ("a.example", ["", "", "a.example"]),
            ("a.example:80", ["", "", "a.example"]),
            ("a.example:*", ["", "", "a.example"]),
            ("a.*", ["a.", "", ""]),
            ("*.example:80", ["", ".example", ""]),
            ("*:80", ["", "", ""]),
            ("[fd00::1]", ["", "", "[fd00::1]"]),
            ("[fd00::1]:80", ["", "", "[fd00::1]"]),
            ("[fd00::1]:*", ["", "", "[fd00::1]"]),
            ("[fd00::1]*", ["[fd00::1]", "", ""]),
            ("[fd00:*", ["[fd00:", "", ""]),
            ("*:1]", ["", ":1]", ""]),
            ("*:1]:80", ["", ":1]", ""]),
        ] {
            assert_eq!(hosts(written), expected, "{written}");
        }
    }

    proptest! {
        #[test]
        fn the_joined_words_stand_for_all(
            written in prop::collection::vec("[ab]{1,2}|[ab]{1,2}\\*|\\*[ab]{1,2}|\\*", 0..7), known in prop::collection::btree_set("[abc]{1,3}", 0..3),
        ) {
            let known: BTreeSet<Symbol> = known.into_iter().map(Symbol::from).collect();
            let affixes = affixes(&written);
            let mut all: Vec<Symbol> = affixes.joined(&known, str::to_owned);
            all.extend(known);
            let signature = |word: &str| written.iter().map(|written| is_written(written, word)).collect::<Vec<bool>>();
            let found: BTreeSet<Vec<bool>> = all.iter().map(|word| signature(word)).collect();
            for word in words(4) {
                let sought = signature(&word);
                let is_plain = !written.iter().any(|written| *written != "*" && is_written(written, &word));
                prop_assert!(is_plain || affixes.is_whole(&word) || found.contains(&sought), "{word} of {written:?}: {all:?}");
            }
        }
    }

    #[test]
    fn what_is_put_between_makes_no_other_pattern_match() {
        let joined = |written: &[&str]| {
            let written: Vec<String> = written.iter().map(|text| (*text).to_owned()).collect();
            affixes(&written).joined(&BTreeSet::new(), str::to_owned)
        };
        let words = joined(&["a*", "*b", "ax*", "ayb"]);
        assert_eq!(words.iter().map(|word| &**word).collect::<Vec<_>>(), ["xb", "ay", "azb", "axx", "axxb"]);
        let letters: Vec<String> = ('a'..='z').chain('0'..='9').map(|letter| format!("a{letter}*")).chain(["a*".to_owned()]).collect();
        let words = joined(&letters.iter().map(|text| &**text).collect::<Vec<_>>());
        assert_eq!((words.len(), words.first().map(|word| &**word)), (37, Some("a\u{e000}")), "no letter is left");
    }
}
