//! The shape of a finding, and the table of codes with their pages.
//!
//! Owns: `Diagnostic`, `Code`, levels and the renderers below it. There is no error enum: the check that finds something
//! builds the finding in a small function beside itself. This room must not know the language.

pub mod code;
pub mod github;
pub mod human;
pub mod json;
pub mod level;
pub mod order;
mod place;
mod printable;
pub mod sarif;

use crate::source::{Location, Span};
pub use code::Code;
pub use order::sort;

/// How bad a finding is. Ordered: a note is less than a warning, a warning less than an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Something to know; changes no exit status.
    Note,
    /// Something to look at; changes no exit status.
    Warning,
    /// Nothing is written and the exit status is 1.
    Error,
}

impl Level {
    /// The word for it, as every format prints it and `twogate.toml` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A place and what is to be said of it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The smallest place that shows it.
    pub location: Location,
    /// What is wrong here, understandable without the message; may be empty.
    pub text: String,
}

/// One replacement of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; an empty span inserts.
    pub location: Location,
    /// The new text.
    pub text: String,
}

/// Advice: what to do about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Help {
    /// The advice in words.
    pub text: String,
    /// The advice as edits, if it is certain; empty otherwise.
    pub edits: Vec<Edit>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its code, which knows the page that explains it.
    pub code: Code,
    /// Its level, at first the default one of its code.
    pub level: Level,
    /// What, in one sentence that stands alone: lower case, no full stop, no remedy.
    pub message: String,
    /// Where; none where a finding is about no text of the user's (a missing file).
    pub primary: Option<Label>,
    /// Other places that take part.
    pub related: Vec<Label>,
    /// Why: facts only.
    pub notes: Vec<String>,
    /// What to do.
    pub helps: Vec<Help>,
}

impl Diagnostic {
    /// A finding at a place, at the default level of its code.
    pub fn new(code: Code, location: Location, message: impl Into<String>) -> Self {
        let primary = Some(Label { location, text: String::new() });
        Self { code, level: code.level(), message: message.into(), primary, related: Vec::new(), notes: Vec::new(), helps: Vec::new() }
    }

    /// A finding about no place in any file.
    pub fn unplaced(code: Code, message: impl Into<String>) -> Self {
        Self { primary: None, ..Self::new(code, Location::default(), message) }
    }

    /// Says what is wrong at the primary place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(primary) = &mut self.primary {
            primary.text = text.into();
        }
        self
    }

    /// Adds another place that takes part.
    #[must_use]
    pub fn related(mut self, location: Location, text: impl Into<String>) -> Self {
        self.related.push(Label { location, text: text.into() });
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds advice in words.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.helps.push(Help { text: text.into(), edits: Vec::new() });
        self
    }

    /// Adds advice with the edit that carries it out.
    #[must_use]
    pub fn fix(mut self, text: impl Into<String>, location: Location, replacement: impl Into<String>) -> Self {
        let edits = vec![Edit { location, text: replacement.into() }];
        self.helps.push(Help { text: text.into(), edits });
        self
    }

    /// Sets another level than the default one of the code.
    #[must_use]
    pub fn at_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Where in its file, for sorting: unplaced findings come first.
    pub fn location(&self) -> Option<Location> {
        self.primary.as_ref().map(|label| label.location)
    }

    /// The span of the primary place, if there is one.
    pub fn span(&self) -> Option<Span> {
        self.location().map(|location| location.span)
    }
}

/// The nearest of `candidates` to `written`, if one is near enough to be what was meant.
///
/// Near is an edit distance (insert, delete, replace, swap of neighbours) of at most a third of the longer word, one at least.
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored =
        candidates.into_iter().filter(|candidate| *candidate != written).map(|candidate| (distance(written, candidate), candidate));
    let (score, best) = scored.min()?;
    let longer = written.chars().count().max(best.chars().count());
    (score <= (longer / 3).max(1) && score < longer).then_some(best)
}

/// The edit distance of two words (optimal string alignment).
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(128).collect();
    let right: Vec<char> = right.chars().take(128).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, b) in right.iter().enumerate() {
            let at = |cells: &[usize], index: usize| cells.get(index).copied().unwrap_or(usize::MAX - 1);
            let replace = at(&last, column) + usize::from(a != b);
            let mut best = replace.min(at(&last, column + 1) + 1).min(at(&line, column) + 1);
            let swapped = row > 0 && column > 0 && left.get(row - 1) == Some(b) && right.get(column - 1) == Some(a);
            if swapped {
                best = best.min(at(&before, column - 1) + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut last, line);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_slips_and_refuses_strangers() {
        assert_eq!(nearest("carts", ["cart", "orders"]), Some("cart"));
        assert_eq!(nearest("alow", ["allow", "audit"]), Some("allow"));
        assert_eq!(nearest("wbe", ["web", "db"]), Some("web"));
        assert_eq!(nearest("frontend", ["db", "cart"]), None);
    }
}
