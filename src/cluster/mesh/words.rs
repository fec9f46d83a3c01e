//! How one value of a policy is compared with one word of a connection (`semantics.md` §2.5).
//!
//! Owns: `Word` and `glob`. It must not know what the word is of.

use std::fmt;

use crate::flow::Symbol;

/// A value of a policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Word {
    /// `*`: anything but nothing.
    Present,
    /// `abc*`.
    Prefix(Symbol),
    /// `*abc`; so `*abc*` asks for the literal end `abc*`.
    Suffix(Symbol),
    /// Anything else, with a `*` in the middle too.
    Exact(Symbol),
}

impl Word {
    /// Reads a value.
    pub(super) fn read(text: &str) -> Self {
        if text == "*" {
            Self::Present
        } else if let Some(suffix) = text.strip_prefix('*') {
            Self::Suffix(suffix.into())
        } else if let Some(prefix) = text.strip_suffix('*') {
            Self::Prefix(prefix.into())
        } else {
            Self::Exact(text.into())
        }
    }

    /// Whether a word matches.
    pub(super) fn matches(&self, word: &str) -> bool {
        match self {
            Self::Present => !word.is_empty(),
            Self::Prefix(text) => word.starts_with(&**text),
            Self::Suffix(text) => word.ends_with(&**text),
            Self::Exact(text) => **text == *word,
        }
    }
}

/// Words that values match: each exact one, and one for each pattern.
pub(super) fn samples(words: &[Word]) -> impl Iterator<Item = Symbol> {
    words.iter().map(|word| match word {
        Word::Present => "any".into(),
        Word::Prefix(text) => format!("{text}x").into(),
        Word::Suffix(text) => format!("x{text}").into(),
        Word::Exact(text) => Symbol::clone(text),
    })
}

/// As a policy writes it.
impl fmt::Display for Word {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => out.write_str("*"),
            Self::Prefix(text) => write!(out, "{text}*"),
            Self::Suffix(text) => write!(out, "*{text}"),
            Self::Exact(text) => out.write_str(text),
        }
    }
}

/// What a `.` of a pattern stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dot {
    /// Itself.
    Literal,
    /// Any letter: older Istio put names into a regular expression without quoting them (`semantics.md` §2.5).
    Anything,
}

/// Whether a pattern, in which each `*` is any run of letters, matches all of a word.
pub(super) fn glob(pattern: &str, word: &str, dot: Dot) -> bool {
    let (pattern, word) = (pattern.as_bytes(), word.as_bytes());
    let same = |own: u8, other: u8| own == other || (dot == Dot::Anything && own == b'.');
    let (mut at, mut seen) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while let Some(letter) = word.get(seen) {
        match pattern.get(at) {
            Some(b'*') => {
                last_star = Some((at, seen));
                at += 1;
            }
            Some(own) if same(*own, *letter) => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((star, from)) = last_star else { return false };
                last_star = Some((star, from + 1));
                at = star + 1;
                seen = from + 1;
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_ends_are_wildcards() {
        let matches = |pattern: &str, word: &str| Word::read(pattern).matches(word);
        assert!(matches("*", "a") && !matches("*", ""));
        assert!(matches("ab*", "abc") && matches("ab*", "ab") && !matches("ab*", "xab"));
        assert!(matches("*bc", "abc") && !matches("*bc", "abcd"));
        assert!(matches("a*c", "a*c") && !matches("a*c", "abc"));
        assert!(matches("*b*", "ab*") && !matches("*b*", "abc"));
    }

    #[test]
    fn each_star_of_a_glob_is_any_run() {
        for (pattern, word, holds) in [
            ("team-*-prod", "team-a-prod", true),
            ("team-*-prod", "team--prod", true),
            ("team-*-prod", "team-prod", false),
            ("*a*b*", "xaxbx", true),
            ("*a*b*", "xbxax", false),
            ("*aab", "aaab", true),
            ("", "", true),
            ("a", "", false),
        ] {
            assert_eq!(glob(pattern, word, Dot::Literal), holds, "{pattern} {word}");
        }
        assert!(glob("a.b", "axb", Dot::Anything) && !glob("a.b", "axb", Dot::Literal));
    }

    #[test]
    fn samples_match_what_they_stand_for() {
        let words: Vec<Word> = ["ab*", "*cd", "e", "*"].map(Word::read).into();
        let samples: Vec<Symbol> = samples(&words).collect();
        assert!(words.iter().all(|word| samples.iter().any(|sample| word.matches(sample))));
    }
}
