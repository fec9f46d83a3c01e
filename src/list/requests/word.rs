//! Patterns of words, and words that read as patterns and are none.
//!
//! Owns: `WordPattern`. It must not know what the words are of.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use super::{Pattern, sorted};
use crate::flow::{Symbol, is_written};

/// Words: `*` for any that is not empty, `ab*` and `*ab` for a beginning or an end, else one word (`semantics.md` §2.5).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WordPattern {
    text: Symbol,
    stars: Stars,
}

/// What a `*` at either end of a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Stars {
    /// Any run of letters.
    Open,
    /// Itself. Said of texts alone that have one there, so that every pattern has one representation.
    Literal,
}

impl WordPattern {
    /// As policies write it.
    pub fn written(text: Symbol) -> Self {
        Self { text, stars: Stars::Open }
    }

    /// One word, whatever it looks like.
    pub fn exact(text: Symbol) -> Self {
        let stars = if is_open(&text) { Stars::Literal } else { Stars::Open };
        Self { text, stars }
    }

    /// The one word that matches; none if it is a pattern.
    pub(super) fn single(&self) -> Option<&Symbol> {
        (self.stars == Stars::Literal || !is_open(&self.text)).then_some(&self.text)
    }

    /// Whether whatever matches has a blank in it.
    pub(super) fn has_blanks(&self) -> bool {
        self.text.contains(' ')
    }

    /// As policies write patterns, for programs: where a `*` at an end stands for itself a `\` stands before it, and before each `\` another.
    pub fn escaped(&self) -> String {
        let plain = self.text.replace('\\', r"\\");
        let literal = |text: &str| text.strip_suffix('*').map(|text| format!(r"{text}\*"));
        if self.stars == Stars::Open {
            // Of two stars the first one is the pattern's (`semantics.md` §2.5).
            let end = plain.strip_prefix('*').and_then(literal);
            return end.map_or(plain, |end| format!("*{end}"));
        }
        let (start, rest) = plain.strip_prefix('*').map_or(("", plain.as_str()), |rest| (r"\*", rest));
        let (rest, end) = rest.strip_suffix('*').map_or((rest, ""), |rest| (rest, r"\*"));
        format!("{start}{rest}{end}")
    }
}

/// The patterns of a policy, and words that none of them matches.
pub(super) fn patterns(samples: &BTreeSet<Symbol>, written: &BTreeSet<Symbol>) -> Vec<WordPattern> {
    with_others(samples.iter().cloned(), written.iter().cloned().map(WordPattern::written).collect())
}

/// These patterns, and those of the words that none of them matches.
pub(super) fn with_others(words: impl Iterator<Item = Symbol>, patterns: BTreeSet<WordPattern>) -> Vec<WordPattern> {
    let is_other = |word: &Symbol| !patterns.iter().any(|pattern| pattern.matches(word));
    let others: Vec<WordPattern> = words.filter(is_other).map(WordPattern::exact).collect();
    sorted(patterns.into_iter().chain(others))
}

/// Whether a text reads as a pattern of several words.
fn is_open(text: &str) -> bool {
    text.starts_with('*') || text.ends_with('*')
}

impl Pattern for WordPattern {
    type Value = str;

    fn matches(&self, word: &str) -> bool {
        match self.stars {
            Stars::Open => is_written(&self.text, word),
            Stars::Literal => *self.text == *word,
        }
    }
}

/// As policies write it; in quotes what would be read otherwise without them.
impl fmt::Display for WordPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &*self.text;
        if self.single().is_some() {
            let is_quoted = self.stars == Stars::Literal || text.is_empty();
            return out.write_str(&if is_quoted { Cow::Owned(in_quotes(text)) } else { plain(text) });
        }
        match (text.strip_prefix('*'), text.strip_suffix('*')) {
            (Some(""), _) => out.write_str("*"),
            (Some(end), _) if end.ends_with('*') => write!(out, "*{}", in_quotes(end)),
            (Some(end), _) => write!(out, "*{}", plain(end)),
            (None, start) => write!(out, "{}*", plain(start.unwrap_or(text))),
        }
    }
}

/// A text that has no blank or mark that stands between words.
fn plain(text: &str) -> Cow<'_, str> {
    let is_odd = |letter: char| letter.is_whitespace() || matches!(letter, '"' | '|');
    if text.contains(is_odd) { Cow::Owned(in_quotes(text)) } else { Cow::Borrowed(text) }
}

fn in_quotes(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_patterns_are_told_apart_in_writing() {
        let [pattern, word] = [WordPattern::written("*-bot".into()), WordPattern::exact("*-bot".into())];
        assert!(pattern.matches("a-bot") && !word.matches("a-bot") && word.matches("*-bot"));
        assert_eq!([pattern.to_string(), word.to_string()], ["*-bot", "\"*-bot\""]);
        assert_eq!([pattern.escaped(), word.escaped()], ["*-bot", r"\*-bot"]);
        assert_eq!(WordPattern::exact("*".into()).escaped(), r"\*");
        assert_eq!(WordPattern::exact(r"a\*".into()).escaped(), r"a\\\*");
        assert_eq!(WordPattern::exact("a*b".into()), WordPattern::written("a*b".into()));
        let shown = |text: &str| WordPattern::written(text.into()).to_string();
        assert_eq!(["a b", "a b*", "* b", "*", "a*b", ""].map(shown), ["\"a b\"", "\"a b\"*", "*\" b\"", "*", "a*b", "\"\""]);
        // What ends in `b*`: nothing here means what holds a `b`.
        let end = WordPattern::written("*b*".into());
        assert!(end.matches("ab*") && !end.matches("abc"));
        assert_eq!([end.to_string(), end.escaped()], ["*\"b*\"", r"*b\*"]);
        assert_eq!(WordPattern::exact("a\"|b".into()).to_string(), "\"a\\\"|b\"");
    }
}
