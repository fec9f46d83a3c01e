//! Cuts a file's text into statements, comments and the two ends of blocks, in one pass and without failing.
//!
//! Owns: where a statement starts and ends, what is the head of a block, which comments belong to what. It knows quotes,
//! comments, parentheses, braces and the words that start or carry on a statement; it must not know the rest of the grammar.

use super::ast::{Comment, Gap};
use super::words;
use crate::diagnostic::nearest;
use crate::source::Span;

/// How deep parentheses or braces may nest.
pub(super) const MAX_DEPTH: usize = 64;

/// What stands next in the text.
#[derive(Debug)]
pub(super) struct Cut {
    /// What it is.
    pub(super) kind: CutKind,
    /// From its first to its last character.
    pub(super) span: Span,
    /// Whether a blank line stands before it.
    pub(super) gap: Gap,
    /// The column of the first character of its line that is no blank.
    pub(super) indent: usize,
    /// Whether it is the first thing on its line, or the first in a block.
    pub(super) start: Start,
    /// The comments inside it and behind it on its line.
    pub(super) comments: Vec<Comment>,
}

/// Where something starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// As the first thing on its line, or directly behind the `{` of a block.
    Fresh,
    /// Behind something else on the same line.
    Crowded,
}

/// The kinds of things in a text.
#[derive(Debug)]
pub(super) enum CutKind {
    /// A comment on a line of its own.
    Comment,
    /// A statement without a block.
    Statement {
        /// What the cutter found wrong with it.
        fault: Option<Fault>,
        /// A `{` in it where no block can open, and whose `}` is not in it.
        stray: Option<Span>,
    },
    /// The head of a block, its `{` not included, and what the cutter found wrong with it.
    Head {
        /// Where the `{` stands.
        brace: Span,
        /// What is wrong with the head, if anything is.
        fault: Option<Fault>,
    },
    /// A `}` that ends a block.
    Close,
}

/// What the cutter itself can find wrong with a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The quote that opens here does not end on its line.
    UnclosedQuote(Span),
    /// This escape inside quotes is none.
    BadEscape(Span),
    /// Here parentheses or braces nest too deep.
    TooDeep(Span),
    /// This `{` stands where no block can open.
    StrayBrace(Span),
}

/// A walk over the text of a file.
#[derive(Debug)]
pub(super) struct Cutter<'a> {
    text: &'a str,
    at: usize,
    indent: usize,
    /// Whether only blanks stand before `at` on its line.
    on_new_line: bool,
    /// Whether only blanks stand between the `{` of a block and `at`.
    in_new_block: bool,
    /// Up to here parentheses do not carry a line on: one that opened before is known not to close.
    unclosed_until: usize,
}

/// How far a statement has been read.
#[derive(Debug, Default)]
struct Progress {
    /// The end of its last character that is neither blank nor comment.
    end: usize,
    parentheses: usize,
    braces: Vec<usize>,
    comments: Vec<Comment>,
    fault: Option<Fault>,
    /// How far it had been read when parentheses first carried it over a line end.
    before_parentheses: Option<(usize, usize, usize)>,
}

impl Progress {
    /// Keeps the first thing that is wrong.
    fn blame(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }
}

impl<'a> Cutter<'a> {
    /// A walk from the start; a byte order mark is passed over.
    pub(super) fn new(text: &'a str) -> Self {
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, at, indent: 0, on_new_line: true, in_new_block: false, unclosed_until: 0 }
    }

    /// What stands next; none at the end of the text.
    pub(super) fn next(&mut self) -> Option<Cut> {
        let gap = self.pass_blanks();
        let start = if self.on_new_line || self.in_new_block { Start::Fresh } else { Start::Crowded };
        (self.on_new_line, self.in_new_block) = (false, false);
        let (at, indent) = (self.at, self.indent);
        let mut cut = match self.byte(at)? {
            b'#' => {
                self.at = self.line_end(at);
                Cut { kind: CutKind::Comment, span: self.comment(at).span, gap, indent, start, comments: Vec::new() }
            }
            b'}' => {
                self.at = at + 1;
                Cut { kind: CutKind::Close, span: Span::new(at, at + 1), gap, indent, start, comments: Vec::new() }
            }
            _ => self.statement(gap, start),
        };
        if !matches!(cut.kind, CutKind::Comment) {
            self.take_comment_behind(&mut cut.comments);
        }
        Some(cut)
    }

    /// Reads a statement, or the head of a block, that starts here.
    fn statement(&mut self, gap: Gap, start: Start) -> Cut {
        let (from, indent) = (self.at, self.indent);
        let is_head = matches!(self.word(from), "namespace" | "external");
        let mut progress = Progress { end: from, ..Progress::default() };
        let mut brace = None;
        let mut at = from;
        while let Some(byte) = self.byte(at) {
            match byte {
                b'\n' => match self.goes_on(from, at, is_head, &mut progress) {
                    Some(next) => at = next,
                    None => break,
                },
                b'{' if is_head || progress.braces.is_empty() && self.is_nearly_head(from, at) => {
                    brace = Some(Span::new(at, at + 1));
                    at += 1;
                    break;
                }
                b'}' if progress.braces.pop().is_none() && self.closes_block(at) => break,
                _ => at = self.step(at, byte, &mut progress),
            }
        }
        self.at = self.give_back(at, &mut progress);
        self.in_new_block = brace.is_some();
        let fault = progress.fault;
        let kind = match brace {
            Some(brace) => CutKind::Head { brace, fault },
            None => CutKind::Statement { fault, stray: progress.braces.first().map(|open| Span::new(*open, open + 1)) },
        };
        Cut { kind, span: Span::new(from, progress.end), gap, indent, start, comments: progress.comments }
    }

    /// Reads one character, quoted text or comment and returns where the next starts.
    fn step(&self, at: usize, byte: u8, progress: &mut Progress) -> usize {
        match byte {
            b' ' | b'\t' | b'\r' => return at + 1,
            b'#' => {
                progress.comments.push(self.comment(at));
                return self.line_end(at);
            }
            b'"' => {
                let end = self.quoted(at, progress);
                progress.end = end;
                return end;
            }
            b'(' => {
                progress.parentheses += 1;
                if progress.parentheses > MAX_DEPTH {
                    progress.blame(Fault::TooDeep(Span::new(at, at + 1)));
                }
            }
            b')' => {
                progress.parentheses = progress.parentheses.saturating_sub(1);
                if progress.parentheses == 0 {
                    progress.before_parentheses = None;
                }
            }
            b'{' => {
                progress.end = self.brace(at, progress);
                return progress.end;
            }
            _ => {}
        }
        progress.end = at + 1;
        at + 1
    }

    /// Passes over a `{`. One inside a word is a part of a path, with its `}` if that follows; one that stands apart is counted.
    fn brace(&self, at: usize, progress: &mut Progress) -> usize {
        let before = at.checked_sub(1).and_then(|before| self.byte(before));
        if before.is_none_or(|byte| byte.is_ascii_whitespace() || byte == b'{') {
            progress.braces.push(at);
            if progress.braces.len() > MAX_DEPTH {
                progress.blame(Fault::TooDeep(Span::new(at, at + 1)));
            }
            return at + 1;
        }
        let behind = self.text.as_bytes().get(at + 1..).unwrap_or_default();
        let length = behind.iter().take_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'{' | b'}' | b'"' | b'#')).count();
        if behind.get(length) == Some(&b'}') { at + length + 2 } else { at + 1 }
    }

    /// Reads quoted text up to its closing quote or the end of the line, and returns where it ends.
    fn quoted(&self, open: usize, progress: &mut Progress) -> usize {
        let mut at = open + 1;
        loop {
            match self.byte(at) {
                Some(b'"') => return at + 1,
                Some(b'\\') => {
                    let next = self.text.get(at + 1..).and_then(|rest| rest.chars().next()).filter(|next| !matches!(next, '\r' | '\n'));
                    let end = at + 1 + next.map_or(0, char::len_utf8);
                    if !matches!(next, Some('"' | '\\')) {
                        progress.blame(Fault::BadEscape(Span::new(at, end)));
                    }
                    at = end;
                }
                None | Some(b'\n') => {
                    progress.blame(Fault::UnclosedQuote(Span::new(open, open + 1)));
                    return self.trimmed_end(open, at);
                }
                Some(_) => at += 1,
            }
        }
    }

    /// Whether the statement from `from` goes on behind the line end at `newline`, and where.
    fn goes_on(&mut self, from: usize, newline: usize, is_head: bool, progress: &mut Progress) -> Option<usize> {
        let (next, indent) = self.next_code(newline)?;
        if self.byte(next) == Some(b'}') || self.starts_statement(next) {
            return None;
        }
        let joined = self.text.get(from..progress.end).is_some_and(ends_in_joint);
        let carried = indent > self.indent && self.carries_on(next) || is_head && self.byte(next) == Some(b'{');
        if !joined && !carried {
            if progress.parentheses == 0 || newline < self.unclosed_until {
                return None;
            }
            progress.before_parentheses.get_or_insert((newline, progress.end, progress.comments.len()));
        }
        self.collect_comments(newline, next, &mut progress.comments);
        Some(next)
    }

    /// Where the statement really ends: lines that only an unclosed parenthesis drew in are given back.
    fn give_back(&mut self, at: usize, progress: &mut Progress) -> usize {
        match progress.before_parentheses.take() {
            Some((newline, end, comments)) if progress.parentheses > 0 => {
                self.unclosed_until = at;
                progress.end = end;
                progress.comments.truncate(comments);
                progress.braces.retain(|brace| *brace < end);
                progress.fault = progress.fault.filter(|fault| fault.starts_before(end));
                newline
            }
            _ => at,
        }
    }

    /// Whether a `}` ends a block: nothing of the statement that it stands in follows on its line.
    fn closes_block(&self, at: usize) -> bool {
        let behind = self.text.get(at + 1..).unwrap_or_default().trim_start_matches([' ', '\t', '\r']);
        behind.is_empty() || behind.starts_with(['\n', '#', '}']) || self.starts_statement(self.text.len() - behind.len())
    }

    /// Whether the statement from `from` is the head of the block that opens at `brace` but for a slip of the pen in its first word.
    fn is_nearly_head(&self, from: usize, brace: usize) -> bool {
        let word = self.word(from);
        let stands_apart = brace.checked_sub(1).and_then(|before| self.byte(before)).is_some_and(|byte| byte.is_ascii_whitespace());
        stands_apart
            && !words::STATEMENT.contains(&word)
            && matches!(nearest(word, words::STATEMENT.iter().copied()), Some("namespace" | "external"))
    }

    /// Whether a statement starts here: a statement word that is no label key.
    fn starts_statement(&self, at: usize) -> bool {
        let word = self.word(at);
        let rest = self.text.get(at + word.len()..).unwrap_or_default();
        words::STATEMENT.contains(&word) && !rest.starts_with(['=', '/']) && !rest.starts_with("!=")
    }

    /// Whether a deeper line that starts here carries a statement on.
    fn carries_on(&self, at: usize) -> bool {
        let rest = self.text.get(at..).unwrap_or_default();
        let word = self.word(at);
        words::CLAUSE.contains(&word) || matches!(word, "or" | "but") || rest.starts_with("->")
    }

    /// The word that starts here; empty if none does.
    fn word(&self, at: usize) -> &'a str {
        let rest = self.text.get(at..).unwrap_or_default();
        rest.get(..words::word_length(rest.as_bytes())).unwrap_or_default()
    }

    /// The first thing behind a line end that is neither blank nor comment, and its column.
    fn next_code(&self, newline: usize) -> Option<(usize, usize)> {
        let (mut at, mut column) = (newline, 0);
        loop {
            match self.byte(at)? {
                b'\n' => column = 0,
                b'#' => {
                    at = self.line_end(at);
                    continue;
                }
                byte @ (b' ' | b'\t' | b'\r') => column = next_column(column, byte),
                _ => return Some((at, column)),
            }
            at += 1;
        }
    }

    /// Adds the comments between two places, between which nothing else stands.
    fn collect_comments(&self, from: usize, to: usize, comments: &mut Vec<Comment>) {
        let mut at = from;
        while at < to {
            if self.byte(at) == Some(b'#') {
                comments.push(self.comment(at));
                at = self.line_end(at);
            } else {
                at += 1;
            }
        }
    }

    /// Adds the comment that stands next on this line, if one does.
    fn take_comment_behind(&mut self, comments: &mut Vec<Comment>) {
        let blanks = self.text.get(self.at..).unwrap_or_default().bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        if self.byte(self.at + blanks) == Some(b'#') {
            comments.push(self.comment(self.at + blanks));
            self.at = self.line_end(self.at + blanks);
        }
    }

    /// Passes over blanks and line ends; says whether a blank line was among them.
    fn pass_blanks(&mut self) -> Gap {
        let mut line_ends = 0;
        while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) = self.byte(self.at) {
            if byte == b'\n' {
                line_ends += 1;
                self.on_new_line = true;
                self.indent = 0;
            } else if self.on_new_line {
                self.indent = next_column(self.indent, byte);
            }
            self.at += 1;
        }
        if line_ends > 1 { Gap::Blank } else { Gap::None }
    }

    /// The comment that starts here.
    fn comment(&self, at: usize) -> Comment {
        let end = self.trimmed_end(at, self.line_end(at));
        Comment { span: Span::new(at, end), text: self.text.get(at + 1..end).unwrap_or_default().to_owned() }
    }

    /// `end` without the blanks before it.
    fn trimmed_end(&self, from: usize, end: usize) -> usize {
        from + self.text.get(from..end).unwrap_or_default().trim_end_matches([' ', '\t', '\r']).len()
    }

    /// Where the line of a place ends.
    fn line_end(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        at + rest.find('\n').unwrap_or(rest.len())
    }

    /// The byte at a place.
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }
}

impl Fault {
    /// Where it is.
    pub(super) fn span(self) -> Span {
        match self {
            Self::UnclosedQuote(span) | Self::BadEscape(span) | Self::TooDeep(span) | Self::StrayBrace(span) => span,
        }
    }

    /// Whether it lies before a place.
    fn starts_before(self, end: usize) -> bool {
        self.span().range().start < end
    }
}

/// The column behind a blank; a tab reaches to the next multiple of eight.
fn next_column(column: usize, byte: u8) -> usize {
    match byte {
        b'\t' => (column / 8 + 1) * 8,
        b' ' => column + 1,
        _ => column,
    }
}

/// Whether a statement that ends like this goes on in the next line.
fn ends_in_joint(text: &str) -> bool {
    if text.ends_with([',', '|', '=']) || text.ends_with("->") {
        return true;
    }
    let before = text.strip_suffix("or").or_else(|| text.strip_suffix("but"));
    before.is_some_and(|before| before.ends_with([' ', '\t', '\n', '\r', ')', ']', '"']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(text: &str) -> Vec<String> {
        let mut cutter = Cutter::new(text);
        let mut found = Vec::new();
        while let Some(cut) = cutter.next() {
            let kind = match cut.kind {
                CutKind::Comment => "comment",
                CutKind::Statement { fault: None, stray: None } => "statement",
                CutKind::Statement { .. } => "fault",
                CutKind::Head { .. } => "head",
                CutKind::Close => "close",
            };
            found.push(format!("{kind} {}", text.get(cut.span.range()).unwrap().replace('\n', "/")));
        }
        found
    }

    #[test]
    fn a_statement_goes_on_where_the_language_says_so() {
        assert_eq!(
            cuts("allow a or # why\n b -> c\n  mtls\ndeny a -> b"),
            ["statement allow a or # why/ b -> c/  mtls", "statement deny a -> b"]
        );
        assert_eq!(cuts("allow a\nmtls"), ["statement allow a", "statement mtls"]);
        assert_eq!(cuts("allow a,\nallow=x -> b"), ["statement allow a,/allow=x -> b"]);
        assert_eq!(cuts("allow (a\n b) -> c"), ["statement allow (a/ b) -> c"]);
    }

    #[test]
    fn an_unclosed_parenthesis_draws_nothing_in() {
        assert_eq!(
            cuts("allow (a -> b\nalow x -> y\ndeny c -> d"),
            ["statement allow (a -> b", "statement alow x -> y", "statement deny c -> d"]
        );
    }

    #[test]
    fn blocks_open_in_heads_only() {
        assert_eq!(
            cuts("namespace a { allow * -> * http GET /x/{**} } # end"),
            ["head namespace a", "statement allow * -> * http GET /x/{**}", "close }"]
        );
        assert_eq!(cuts("allow a -> b {\n mtls\n}\n"), ["fault allow a -> b {/ mtls", "close }"]);
    }
}
