//! Words and labels that stand for all that were not named.
//!
//! Owns: the choice of a fresh word. It must be alike for every judge to every other word that was not named, so it shares no
//! letter with any named word: no prefix, suffix or part of one can match it.

use crate::flow::{LabelCube, Labels, Symbol, Values};

/// Words to try first, because they read well in a counterexample.
const READABLE: [&str; 5] = ["other", "any", "some", "plus", "huh"];

/// A word that shares no letter with these, or if they use up all letters, one that is longer than all of them.
pub fn fresh_word<'a>(named: impl IntoIterator<Item = &'a str>) -> Symbol {
    Named::of(named).fresh_word()
}

/// What is to be remembered of words to find one that is like none of them.
#[derive(Debug, Clone)]
pub struct Named {
    used: [bool; 128],
    longest: usize,
}

impl Named {
    /// What is to be remembered of these.
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        Self { used: [false; 128], longest: 0 }.and(words)
    }

    /// The same with more words.
    #[must_use]
    pub fn and<'a>(mut self, words: impl IntoIterator<Item = &'a str>) -> Self {
        for word in words {
            self.longest = self.longest.max(word.len());
            for byte in word.bytes() {
                if let Some(flag) = self.used.get_mut(usize::from(byte.to_ascii_lowercase())) {
                    *flag = true;
                }
            }
        }
        self
    }

    /// A word that shares no letter with these, or if they use up all letters, one that is longer than all of them.
    pub fn fresh_word(&self) -> Symbol {
        let is_free = |byte: u8| !self.used.get(usize::from(byte)).copied().unwrap_or(true);
        if let Some(word) = READABLE.into_iter().find(|word| word.bytes().all(is_free)) {
            return word.into();
        }
        let letters = (b'a'..=b'z').chain(b'0'..=b'9');
        match letters.into_iter().find(|letter| is_free(*letter)) {
            Some(letter) => String::from_utf8_lossy(&[letter; 3]).into(),
            None => "z".repeat(self.longest + 1).into(),
        }
    }
}

/// Labels that pass every test of a cube, as few as possible; none if no labels do.
pub fn labels_within(cube: &LabelCube) -> Option<Labels> {
    let mut labels = Labels::new();
    for (key, values) in cube.iter() {
        if values.allows_absent() {
            continue;
        }
        labels.insert(Symbol::clone(key), word_within(values)?);
    }
    Some(labels)
}

/// A word of a set; none if it holds no word.
pub(super) fn word_within(values: &Values) -> Option<Symbol> {
    if values.is_cofinite() {
        return Some(fresh_label(values.words()));
    }
    values.words().first().cloned()
}

/// A label value that is none of these. Labels are only ever compared as a whole, so it may look like them.
fn fresh_label(named: &[Symbol]) -> Symbol {
    let is_new = |word: &str| named.iter().all(|known| **known != *word);
    let numbered = (1..=named.len() + 1).map(|number| format!("other-{number}"));
    std::iter::once("other".to_owned()).chain(numbered).find(|word| is_new(word)).unwrap_or_default().into()
}
