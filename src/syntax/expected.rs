//! What went wrong in a statement that the grammar does not take, in people's words.
//!
//! Owns: the finding for a broken statement: its exact place, what was expected there, and a fix where one is certain. It must not
//! find more than one thing in a statement.

mod slips;
mod wanted;

use pest::error::{Error, ErrorVariant, InputLocation};

use super::grammar::Rule;
use super::words;
use crate::diagnostic::{Diagnostic, code};
use crate::source::{FileId, Location, Span};

/// A statement that the grammar does not take, and where reading stopped.
#[derive(Debug)]
struct Trouble<'t> {
    file: FileId,
    /// Where the statement starts in the file.
    base: u32,
    /// The statement, comments blanked out.
    text: &'t str,
    /// Its first word.
    statement: &'t str,
    /// Where reading stopped.
    at: usize,
    /// Where the token starts at which reading stopped; behind the last token if there is none.
    start: usize,
    /// The token at which reading stopped; empty at the end of the statement.
    found: &'t str,
    /// What would have fitted.
    wanted: &'t [Rule],
}

impl<'t> Trouble<'t> {
    /// The text before the token.
    fn before(&self) -> &'t str {
        self.text.get(..self.start).unwrap_or_default()
    }

    /// The text behind the token.
    fn behind(&self) -> &'t str {
        self.text.get(self.start + self.found.len()..).unwrap_or_default()
    }

    /// Whether one of these would have fitted.
    fn wants(&self, rules: &[Rule]) -> bool {
        self.wanted.iter().any(|rule| rules.contains(rule))
    }

    /// A stretch of the statement, as a place in the file.
    fn place(&self, start: usize, end: usize) -> Location {
        let base = self.base as usize;
        Location { file: self.file, span: Span::new(base + start, base + end) }
    }

    /// The token, as a place in the file.
    fn token(&self) -> Location {
        self.place(self.start, self.start + self.found.len())
    }
}

/// The finding for a statement that the grammar does not take. `base` is where it starts in the file, `statement` its first word.
pub(super) fn explain(file: FileId, base: u32, text: &str, statement: &str, error: &Error<Rule>) -> Diagnostic {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    let wanted = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives.as_slice(),
        ErrorVariant::CustomError { .. } => &[],
    };
    let rest = text.get(at..).unwrap_or_default();
    let token = rest.trim_start_matches([' ', '\t', '\r', '\n']);
    let start = at + rest.len() - token.len();
    let found = token.get(..token_length(token)).unwrap_or_default();
    let trouble = Trouble { file, base, text, statement, at, start, found, wanted };
    slips::find(&trouble).unwrap_or_else(|| plain(&trouble))
}

/// The finding for a line whose first word starts no statement; `meant` is the statement word that it nearly is.
pub(super) fn no_statement(location: Location, text: &str, meant: Option<&str>) -> Diagnostic {
    let word = text.get(..token_length(text)).unwrap_or_default();
    let finding = Diagnostic::new(code::SYNTAX_ERROR, location, format!("`{word}` starts no statement"));
    if let Some(meant) = meant {
        return finding.label(format!("did you mean `{meant}`?")).fix(format!("write `{meant}`"), location, meant);
    }
    if words::CLAUSE.contains(&word) || matches!(word, "or" | "but" | "->") {
        let line = Location { span: Span { end: location.span.start, ..location.span }, ..location };
        return finding
            .label("carries no statement on")
            .note(format!("a line with `{word}` belongs to the statement above only if it is indented deeper"))
            .fix("indent it deeper than the statement above", line, "  ");
    }
    finding.label("no statement word").help(format!("a statement starts with {}", list(words::STATEMENT, "or")))
}

/// The finding for a `{` that opens nothing.
pub(super) fn stray_brace(location: Location) -> Diagnostic {
    Diagnostic::new(code::SYNTAX_ERROR, location, "`{` opens no block here")
        .label("no block can open here")
        .note("only `namespace` and `external namespace` have a block")
        .help("write requirements behind the rule, without braces")
}

/// The finding for a statement that starts behind another on one line.
pub(super) fn crowded(location: Location) -> Diagnostic {
    let start = Location { span: Span { end: location.span.start, ..location.span }, ..location };
    Diagnostic::new(code::SYNTAX_ERROR, location, "a statement starts on a line that already holds one").label("starts here").fix(
        "give it a line of its own",
        start,
        "\n",
    )
}

/// The finding when nothing better is known than what would have fitted.
fn plain(trouble: &Trouble<'_>) -> Diagnostic {
    let expected = wanted::in_words(trouble.wanted);
    if trouble.found.is_empty() {
        let (start, end) = last_token(trouble.text);
        let last = shown(trouble.text.get(start..end).unwrap_or_default());
        let finding =
            Diagnostic::new(code::SYNTAX_ERROR, trouble.place(start, end), format!("the statement ends where {expected} is expected"));
        return finding.label(format!("{expected} is expected behind this")).help(format!("write {expected} behind {last}"));
    }
    let found = shown(trouble.found);
    let finding = Diagnostic::new(code::SYNTAX_ERROR, trouble.token(), format!("expected {expected}, found {found}"));
    match wanted::nearest_keyword(trouble.wanted, trouble.found) {
        Some(keyword) => finding.label(format!("did you mean `{keyword}`?")).fix(format!("write `{keyword}`"), trouble.token(), keyword),
        None => finding.label(format!("expected {expected}")).help(wanted::advice(trouble.wanted, trouble.statement)),
    }
}

/// Where the last token of a text starts and ends.
fn last_token(text: &str) -> (usize, usize) {
    let end = text.trim_end().len();
    let mut at = 0;
    let mut last = (0, end);
    while at < end {
        let rest = text.get(at..end).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start().len();
        let start = at + blanks;
        let length = token_length(text.get(start..end).unwrap_or_default()).max(1);
        last = (start, (start + length).min(end));
        at = start + length;
    }
    last
}

/// User text in backticks, cut if it is long.
fn shown(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
        None => format!("`{text}`"),
    }
}

/// Words in backticks with commas and a last `or`.
fn list(words: &[&str], last: &str) -> String {
    match words.split_last() {
        Some((end, [])) => format!("`{end}`"),
        Some((end, start)) => format!("{} {last} `{end}`", start.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")),
        None => String::new(),
    }
}

/// The length of the token at the start of a text: a word, a quoted text, a path, a sign; 0 if there is none.
pub(super) fn token_length(text: &str) -> usize {
    let word = words::word_length(text.as_bytes());
    let foreign = text.find(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.'))).unwrap_or(text.len());
    match text.chars().next() {
        None => 0,
        Some('"') => quoted_length(text),
        Some('/') => words::path_length(text).max(1),
        Some(first) if first.is_alphanumeric() && !text.get(..foreign).unwrap_or_default().is_ascii() => foreign,
        Some(_) if word > 0 => word,
        Some(first) => {
            ["->", "!=", "=>", "&&", "||"].iter().find(|sign| text.starts_with(**sign)).map_or(first.len_utf8(), |sign| sign.len())
        }
    }
}

/// The length of a quoted text, or of what is left of the line.
fn quoted_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            '"' if !escaped => return at + 1,
            '\n' => return at,
            _ => escaped = letter == '\\' && !escaped,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_whole() {
        let lengths = ["web->db", "\"a \\\" b\" c", "->x", "/a/{**}, b", "größe b", "", "“x”", "!=a"].map(token_length);
        assert_eq!(lengths, [3, 8, 2, 7, 7, 0, 3, 2]);
        assert_eq!(last_token("allow a ->  "), (8, 10));
    }
}
