//! The tolerant parser: every statement that can be read is in the tree, every other one gives one finding.
//!
//! Owns: the walk over the cuts of a file, the nesting of blocks and the reading of one statement. It must not fail as a whole.

use std::borrow::Cow;

use pest::Parser;

use super::MAX_FILE;
use super::ast::{Block, Comment, File, Gap, Item, ItemKind, NamespaceStatement, Statement, StatementKind};
use super::cut::{Cut, CutKind, Cutter, Fault, MAX_DEPTH, Start};
use super::expected;
use super::foreign;
use super::forms;
use super::grammar::{Grammar, Rule};
use super::judge;
use super::lower::Lowering;
use super::unprintable;
use super::words;
use crate::diagnostic::{Diagnostic, code, nearest};
use crate::source::{FileId, Location, Source, Span};

/// The longest statement that is read, in bytes.
const MAX_STATEMENT: usize = 8 * 1024 * 1024;

/// So many broken statements are reported one by one; the rest is counted.
const MAX_FINDINGS: usize = 10_000;

/// Reads a file: what could be read as a tree, and findings for the rest.
///
/// It never fails as a whole. A statement that is broken is an [`ItemKind::Broken`] with exactly one finding and hides no other.
pub fn parse(file: FileId, source: &Source) -> (File, Vec<Diagnostic>) {
    if source.text().len() > MAX_FILE {
        return (File::default(), vec![too_large(file, source.text().len())]);
    }
    if let Some(first) = foreign::find(source.text()) {
        // One finding for the file: none of its lines was meant as a statement.
        return (File::default(), vec![foreign::finding(file, first)]);
    }
    let unprintable = unprintable::find(source.text());
    let mut reading = Reading::new(file, source.text(), &unprintable, Closing::ByBrace);
    reading.run();
    if !reading.blocks.is_empty() && !reading.too_deep {
        // A `}` is missing somewhere. It most likely belongs before the next head that is indented no deeper.
        reading = Reading::new(file, source.text(), &unprintable, Closing::ByIndent);
        reading.run();
    }
    let (tree, mut findings) = reading.finish();
    findings.extend(unprintable.iter().take(MAX_FINDINGS).map(|span| unprintable::finding(file, *span, source.text())));
    forms::check(file, &tree, &mut findings);
    findings.sort_by_key(Diagnostic::span);
    (tree, cut_off(findings))
}

/// What ends a block besides its `}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// Nothing.
    ByBrace,
    /// A head that is indented no deeper than the block's own: blocks never nest.
    ByIndent,
}

/// A block that is still open.
#[derive(Debug)]
struct Open {
    /// The head; none if not even its names could be read.
    head: Option<NamespaceStatement>,
    start: u32,
    brace: Span,
    gap: Gap,
    indent: usize,
    comments: Vec<Comment>,
    items: Vec<Item>,
    /// Braces that opened nothing and whose `}` is still to come.
    strays: usize,
}

/// A file that is being read.
#[derive(Debug)]
struct Reading<'a> {
    file: FileId,
    text: &'a str,
    unprintable: &'a [Span],
    closing: Closing,
    items: Vec<Item>,
    strays: usize,
    blocks: Vec<Open>,
    findings: Vec<Diagnostic>,
    too_deep: bool,
}

impl<'a> Reading<'a> {
    fn new(file: FileId, text: &'a str, unprintable: &'a [Span], closing: Closing) -> Self {
        let (items, blocks, findings) = (Vec::new(), Vec::new(), Vec::new());
        Self { file, text, unprintable, closing, items, strays: 0, blocks, findings, too_deep: false }
    }

    /// Reads the whole text.
    fn run(&mut self) {
        let mut cutter = Cutter::new(self.text);
        // Behind a `}` that has been found to close nothing, a statement has its line for itself: without the `}` nothing is wrong.
        let mut is_behind_stray = false;
        while let Some(cut) = cutter.next() {
            let (known, span) = (self.findings.len(), cut.span);
            let is_close = matches!(cut.kind, CutKind::Close);
            let is_crowded = cut.start == Start::Crowded && !is_close && !is_behind_stray && !matches!(cut.kind, CutKind::Comment);
            match cut.kind {
                CutKind::Comment => {
                    let text = self.slice(Span { start: cut.span.start + 1, ..cut.span }).to_owned();
                    self.push(Item { span: cut.span, gap: cut.gap, kind: ItemKind::Comment(text) });
                }
                CutKind::Statement { fault, stray } => self.take_statement(cut, fault, stray),
                CutKind::Head { brace, fault } => self.take_head(cut, brace, fault),
                CutKind::Close => self.take_close(cut),
            }
            if is_crowded && self.findings.len() == known && !self.is_full() {
                let length = expected::token_length(self.slice(span));
                let finding = expected::crowded(self.at(Span::new(span.range().start, span.range().start + length)));
                self.report(finding);
            }
            is_behind_stray = is_close && self.findings.len() > known;
        }
    }

    /// The tree and the findings; blocks that are still open are closed.
    fn finish(mut self) -> (File, Vec<Diagnostic>) {
        let end = Span::new(self.text.trim_end().len(), self.text.trim_end().len());
        while let Some(block) = self.blocks.pop() {
            if !self.too_deep {
                let finding = unclosed_block(self.at(block.brace));
                self.report(finding);
            }
            self.close(block, end, Vec::new());
        }
        (File { items: self.items }, self.findings)
    }

    /// A statement without a block.
    fn take_statement(&mut self, cut: Cut, fault: Option<Fault>, stray: Option<Span>) {
        self.close_by_indent(&cut);
        let kind = match stray {
            Some(brace) => {
                *self.strays() += 1;
                let fault = fault.unwrap_or(Fault::StrayBrace(brace));
                self.read(&cut, Some(fault))
            }
            None => self.read(&cut, fault),
        };
        let kind = match kind {
            Some(kind) => ItemKind::Statement(Statement { span: cut.span, kind: self.with_block(kind, cut.span), comments: cut.comments }),
            None => ItemKind::Broken,
        };
        self.push(Item { span: cut.span, gap: cut.gap, kind });
    }

    /// The head of a block: what follows stands in the block until its `}`.
    fn take_head(&mut self, cut: Cut, brace: Span, fault: Option<Fault>) {
        self.close_by_indent(&cut);
        if self.blocks.len() >= MAX_DEPTH {
            if !std::mem::replace(&mut self.too_deep, true) {
                let finding = too_deep(self.at(brace));
                self.report(finding);
            }
            *self.strays() += 1;
            return self.push(Item { span: cut.span.to(brace), gap: cut.gap, kind: ItemKind::Broken });
        }
        let head = match self.read(&cut, fault) {
            Some(StatementKind::Namespace(head)) => Some(head),
            _ => self.start_of_head(&cut),
        };
        let (start, gap, indent, comments) = (cut.span.start, cut.gap, cut.indent, cut.comments);
        self.blocks.push(Open { head, start, brace, gap, indent, comments, items: Vec::new(), strays: 0 });
    }

    /// A `}`.
    fn take_close(&mut self, cut: Cut) {
        if *self.strays() > 0 {
            *self.strays() -= 1;
        } else if let Some(block) = self.blocks.pop() {
            self.close(block, cut.span, cut.comments);
        } else {
            if !self.is_full() {
                let finding = stray_close(self.at(cut.span));
                self.report(finding);
            }
            self.push(Item { span: cut.span, gap: cut.gap, kind: ItemKind::Broken });
        }
    }

    /// Closes blocks that this head shows to be unclosed, if a `}` is known to be missing.
    fn close_by_indent(&mut self, cut: &Cut) {
        if self.closing == Closing::ByBrace || cut.start == Start::Crowded || !matches!(self.first_word(cut.span), "namespace" | "external")
        {
            return;
        }
        while let Some(block) = self.blocks.pop_if(|block| cut.indent <= block.indent) {
            let finding = unclosed_block(self.at(block.brace));
            self.report(finding);
            let end = block.items.last().map_or(block.brace.end, |item| item.span.end);
            self.close(block, Span { start: end, end }, Vec::new());
        }
    }

    /// Puts a block with its head among the items around it.
    fn close(&mut self, block: Open, end: Span, comments: Vec<Comment>) {
        let span = Span { start: block.start, end: end.end.max(block.brace.end) };
        let kind = match block.head {
            Some(mut head) => {
                head.body = Some(Block { span: block.brace.to(end), items: block.items });
                let comments = block.comments.into_iter().chain(comments).collect();
                ItemKind::Statement(Statement { span, kind: StatementKind::Namespace(head), comments })
            }
            None => ItemKind::Broken,
        };
        self.push(Item { span, gap: block.gap, kind });
    }

    /// Reads one statement, or a head without its block. Without a result exactly one finding has been given.
    fn read(&mut self, cut: &Cut, fault: Option<Fault>) -> Option<StatementKind> {
        if self.unprintable.iter().skip(self.first_unprintable(cut.span)).any(|span| span.start < cut.span.end) {
            return None;
        }
        if let Some(fault) = fault {
            if self.is_full() {
                return None;
            }
            let finding = fault.finding(self.file);
            return self.refuse(finding);
        }
        if cut.span.range().len() > MAX_STATEMENT {
            let finding = too_long(self.at(cut.span), cut.span.range().len());
            return self.refuse(finding);
        }
        let text = self.without_comments(cut);
        let word = self.first_word(cut.span);
        let rest = text.get(word.len()..).unwrap_or_default();
        let is_label = rest.starts_with(['=', '/']) || rest.starts_with("!=");
        if let Some(rule) = entry(word).filter(|_| !is_label) {
            return match Grammar::parse(rule, &text) {
                Ok(pairs) => self.lower(pairs.into_iter().next()?, cut.span, 0),
                Err(_) if self.is_full() => None,
                Err(error) => {
                    let finding = expected::explain(self.file, cut.span.start, &text, word, &error);
                    self.refuse(finding)
                }
            };
        }
        if self.is_full() {
            return None;
        }
        let location = self.at(Span::new(cut.span.range().start, cut.span.range().start + expected::token_length(&text)));
        let meant = nearest(word, words::STATEMENT.iter().copied()).filter(|_| !is_label);
        let finding = expected::no_statement(location, &text, meant);
        self.report(finding);
        self.read_as(meant?, word, rest, cut.span)
    }

    /// Reads a statement whose first word is misspelled as what was meant, so that what it declares is not missed.
    fn read_as(&mut self, meant: &str, word: &str, rest: &str, span: Span) -> Option<StatementKind> {
        let text = format!("{meant}{rest}");
        let pairs = Grammar::parse(entry(meant)?, &text).ok()?;
        let shift = i64::try_from(word.len()).ok()? - i64::try_from(meant.len()).ok()?;
        self.lower(pairs.into_iter().next()?, span, shift)
    }

    /// What can be known of a broken head: which namespaces it names.
    fn start_of_head(&mut self, cut: &Cut) -> Option<NamespaceStatement> {
        let text = self.without_comments(cut);
        let pairs = Grammar::parse(Rule::namespace_start, &text).ok()?;
        match Lowering::new(i64::from(cut.span.start)).statement(pairs.into_iter().next()?) {
            Some(StatementKind::Namespace(head)) => Some(head),
            _ => None,
        }
    }

    /// The tree of a statement that the grammar took, with the findings for what does not fit in it.
    fn lower(&mut self, pair: super::grammar::Pair<'_>, span: Span, shift: i64) -> Option<StatementKind> {
        let mut lowering = Lowering::new(i64::from(span.start) + shift);
        let Some(kind) = lowering.statement(pair) else {
            let deep = lowering.too_deep.map(|span| too_deep(self.at(span)));
            let finding = deep.unwrap_or_else(|| unread(self.at(span)));
            return self.refuse(finding);
        };
        let mut findings = Vec::new();
        judge::statement(&judge::Place { file: self.file, text: self.text }, &kind, &lowering.repeated, &mut findings);
        for finding in findings {
            self.report(finding);
        }
        Some(kind)
    }

    /// Gives an `external namespace` without a block an empty one: it never holds for the rest of the file.
    fn with_block(&mut self, kind: StatementKind, span: Span) -> StatementKind {
        match kind {
            StatementKind::Namespace(mut head) if head.external.is_some() && head.body.is_none() => {
                let end = Span { start: span.end, end: span.end };
                let finding = external_without_block(self.at(head.external.unwrap_or(span)), self.at(end));
                self.report(finding);
                head.body = Some(Block { span: end, items: Vec::new() });
                StatementKind::Namespace(head)
            }
            kind => kind,
        }
    }

    /// The text of a statement, with blanks in the place of the comments inside it.
    fn without_comments(&self, cut: &Cut) -> Cow<'a, str> {
        let text = self.slice(cut.span);
        let mut inside = cut.comments.iter().map(|comment| comment.span).filter(|span| span.start < cut.span.end).peekable();
        if inside.peek().is_none() {
            return Cow::Borrowed(text);
        }
        let mut blanked = String::with_capacity(text.len());
        let mut from = cut.span.start;
        for span in inside {
            blanked.push_str(self.slice(Span { start: from, end: span.start }));
            blanked.extend(std::iter::repeat_n(' ', span.range().len()));
            from = span.end;
        }
        blanked.push_str(self.slice(Span { start: from, end: cut.span.end }));
        Cow::Owned(blanked)
    }

    /// How many unprintable characters stand before a span.
    fn first_unprintable(&self, span: Span) -> usize {
        self.unprintable.partition_point(|found| found.start < span.start)
    }

    /// The first word of a span.
    fn first_word(&self, span: Span) -> &'a str {
        let text = self.slice(span);
        text.get(..words::word_length(text.as_bytes())).unwrap_or_default()
    }

    /// The text under a span.
    fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.range()).unwrap_or_default()
    }

    /// A span of this file.
    fn at(&self, span: Span) -> Location {
        Location { file: self.file, span }
    }

    /// The braces that opened nothing in the innermost block.
    fn strays(&mut self) -> &mut usize {
        self.blocks.last_mut().map_or(&mut self.strays, |block| &mut block.strays)
    }

    /// Adds an item to the innermost block.
    fn push(&mut self, item: Item) {
        let is_full = self.is_full() || self.unprintable.len() > MAX_FINDINGS;
        let items = self.blocks.last_mut().map_or(&mut self.items, |block| &mut block.items);
        match items.last_mut() {
            // What nobody will read about need not be told apart: a text of nothing but mistakes would fill the memory.
            Some(last) if is_full && last.kind == ItemKind::Broken && item.kind == ItemKind::Broken => last.span.end = item.span.end,
            _ => items.push(item),
        }
    }

    /// Whether nobody would read further findings.
    fn is_full(&self) -> bool {
        self.findings.len() > MAX_FINDINGS
    }

    /// Adds a finding, as long as anybody would read it.
    fn report(&mut self, finding: Diagnostic) {
        if !self.is_full() {
            self.findings.push(finding);
        }
    }

    /// Adds the finding for a statement that is not in the tree.
    fn refuse<T>(&mut self, finding: Diagnostic) -> Option<T> {
        self.report(finding);
        None
    }
}

/// The rule that reads the statements of a word.
fn entry(word: &str) -> Option<Rule> {
    Some(match word {
        "namespace" | "external" => Rule::namespace_statement,
        "close" => Rule::close_statement,
        "workload" => Rule::workload_statement,
        "group" => Rule::group_statement,
        "network" => Rule::network_statement,
        "issuer" => Rule::issuer_statement,
        "allow" | "deny" | "audit" => Rule::rule_statement,
        "expect" => Rule::expect_statement,
        _ => return None,
    })
}

/// Drops what nobody would read, and says so.
fn cut_off(mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if findings.len() > MAX_FINDINGS {
        findings.truncate(MAX_FINDINGS);
        findings.push(Diagnostic::unplaced(
            code::SYNTAX_ERROR,
            format!("a file has more than {MAX_FINDINGS} findings; the others are not shown"),
        ));
    }
    findings
}

fn too_large(file: FileId, length: usize) -> Diagnostic {
    let location = Location { file, span: Span::default() };
    Diagnostic::new(code::FILE_TOO_LARGE, location, format!("the file has {length} bytes, and Twogate reads at most {MAX_FILE}"))
        .help("split it: statements may stand in any number of files")
}

fn too_long(location: Location, length: usize) -> Diagnostic {
    Diagnostic::new(code::FILE_TOO_LARGE, location, format!("the statement has {length} bytes, and Twogate reads at most {MAX_STATEMENT}"))
        .help("split it: two rules admit what one with `or` admits")
}

fn too_deep(location: Location) -> Diagnostic {
    Diagnostic::new(code::NESTING_TOO_DEEP, location, format!("this is nested more than {MAX_DEPTH} deep"))
        .label("too deep here")
        .help("name the inner part with a `group`")
}

fn unread(location: Location) -> Diagnostic {
    Diagnostic::new(code::SYNTAX_ERROR, location, "the statement cannot be read").help("report this text: the fault is in Twogate")
}

fn stray_close(location: Location) -> Diagnostic {
    Diagnostic::new(code::SYNTAX_ERROR, location, "`}` closes no block").label("no block is open here").help("remove it")
}

fn unclosed_block(location: Location) -> Diagnostic {
    Diagnostic::new(code::UNCLOSED_BLOCK, location, "the block is never closed")
        .label("opened here")
        .help("put `}` on a line behind its last statement")
}

fn external_without_block(location: Location, end: Location) -> Diagnostic {
    Diagnostic::new(code::SYNTAX_ERROR, location, "`external namespace` has no block")
        .label("a block belongs to this")
        .note("only a `namespace` holds for the rest of its file")
        .fix("add an empty block", end, " {}")
}

impl Fault {
    /// The finding for what the cutter found.
    fn finding(self, file: FileId) -> Diagnostic {
        let location = Location { file, span: self.span() };
        match self {
            Self::UnclosedQuote(_) => Diagnostic::new(code::UNCLOSED_QUOTE, location, "the quote does not end on its line")
                .label("opened here")
                .help("close it with `\"`; a quoted text stands on one line"),
            Self::BadEscape(_) => Diagnostic::new(code::SYNTAX_ERROR, location, "there is no such escape in a quoted text")
                .label("not an escape")
                .help("write `\\\\` for a backslash and `\\\"` for a quote"),
            Self::TooDeep(_) => too_deep(location),
            Self::StrayBrace(_) => expected::stray_brace(location),
        }
    }
}
