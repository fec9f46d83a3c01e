//! Words, cut by patterns of words or of paths.
//!
//! Owns: `Part`: a word of each cell, and a word that nobody names. It must not know what the words are of.

use std::collections::BTreeSet;

use super::cells::Cells;
use super::{Choice, HeaderTest, Pattern, WordPattern, hosts, word};
use crate::flow::Symbol;
use crate::list::bits::Bits;

/// Words, one of each cell.
#[derive(Debug)]
pub(super) struct Part<P> {
    pub(super) words: Vec<Symbol>,
    pub(super) cells: Cells<P>,
}

impl<P: Pattern<Value = str>> Part<P> {
    pub(super) fn new(words: Vec<Symbol>, patterns: Vec<P>) -> Self {
        let cells = Cells::new(patterns, &words.iter().map(|word| &**word));
        Self { words, cells }
    }
}

impl Part<WordPattern> {
    /// Words that are looked for, and one that nobody names; they are said as the policies write them.
    pub(super) fn of_words(first: char, samples: &BTreeSet<Symbol>, written: &BTreeSet<Symbol>) -> Self {
        Self::of_patterns(first, samples, word::patterns(samples, written))
    }

    fn of_patterns(first: char, samples: &BTreeSet<Symbol>, patterns: Vec<WordPattern>) -> Self {
        let mut seen = BTreeSet::new();
        // Of words that match the same one stands for all.
        let is_new = |word: &Symbol| seen.insert(patterns.iter().map(|pattern| pattern.matches(word)).collect::<Vec<bool>>());
        let words = samples.iter().cloned().chain([fresh(first, samples)]).filter(is_new).collect();
        Self::new(words, patterns)
    }

    /// The same of hosts, by their names.
    pub(super) fn of_hosts(samples: &BTreeSet<Symbol>, written: &BTreeSet<Symbol>) -> Self {
        Self::of_patterns('a', &hosts::samples(samples, written), hosts::patterns(samples, written))
    }

    /// One word for all: whether a request is a preflight hangs on its headers being there, and no policy looks at what they hold.
    pub(super) fn of_one(word: &Symbol) -> Self {
        Self::new(vec![Symbol::clone(word)], Vec::new())
    }

    /// What a header of these cells is, the last of which is no such header; nothing if it may be anything.
    pub(super) fn header(&self, cells: &Bits) -> Option<HeaderTest> {
        let absent = cells.contains(self.words.len());
        let values = cells.intersect(&Bits::below(self.words.len()));
        let values = if values.is_empty() { None } else { self.cells.describe(&values) };
        let test = HeaderTest { values, absent };
        (test != HeaderTest { values: Some(Choice::Any), absent: true }).then_some(test)
    }
}

/// A word that shares no letter with any of these.
pub(super) fn fresh(first: char, words: &BTreeSet<Symbol>) -> Symbol {
    let unused = |letter: &char| !words.iter().any(|word| word.contains(*letter));
    let letter = (first..='z').filter(char::is_ascii_alphabetic).chain('0'..='9').chain('\u{e000}'..='\u{f8ff}').find(unused);
    letter.unwrap_or(first).to_string().into()
}
