//! The text of a namespace's file: its head, its lines, and suggestions in comments.
//!
//! Owns: `Draft`, `Block`, and the quoting of words. A line of prose never begins like a suggestion, so that whoever takes the `# ` from
//! each `# allow` gets rules alone.

use super::space::{SaidBy, Space};
use crate::flow::{DataPlane, Symbol};
use crate::format;
use crate::source::{FileId, Source};
use crate::syntax::ast::ItemKind;
use crate::syntax::{self, words};

/// The head of every file.
const HEAD: &str = "\
# Written by `twogate init` from manifests. The namespace is closed: what no line lets through is cut.
# Lines that begin with `# allow` are what the manifests show. Take the `# ` from those that are right.
";

/// Suggestions about the same pods, for the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// The pods.
    pub(super) endpoint: String,
    /// What shows it, one sentence.
    pub(super) remark: String,
    /// Rules in their canonical form.
    pub(super) lines: Vec<String>,
}

/// A file in the making.
#[derive(Debug)]
pub(super) struct Draft {
    /// The namespace that it speaks of.
    pub(super) namespace: Symbol,
    /// Its `namespace` line.
    head: String,
    /// Its `workload` lines.
    workloads: Vec<String>,
    /// What is to be known of pods that have none.
    remarks: Vec<String>,
    /// What the manifests show.
    pub(super) suggestions: Vec<Block>,
    /// Why nothing of it can be taken as it is; the file then says so, and all of it is a comment.
    pub(super) refused: Option<String>,
}

/// Whether suggestions are comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suggestions {
    /// They are.
    Left,
    /// They are rules.
    Taken,
}

/// A suggestion of a file: which block, which line.
pub(super) type SuggestionId = (usize, usize);

impl Draft {
    /// The file of a namespace.
    pub(super) fn new(space: &Space<'_>, suggestions: Vec<Block>) -> Self {
        let plane = match space.plane {
            DataPlane::None => "none",
            DataPlane::Sidecar => "sidecar",
            DataPlane::Ambient => "ambient",
        };
        let mesh = if space.said_by == SaidBy::Itself { format!(" mesh {plane}") } else { String::new() };
        let name = if words::is_word(space.name) && !words::is_keyword(space.name) {
            space.name.to_string()
        } else {
            format!("\"{}\"", space.name)
        };
        let workload = |declared: &super::pods::Declared<'_>| declared.line() + if space.is_unmeshed(declared) { " unmeshed" } else { "" };
        Self {
            namespace: Symbol::clone(space.name),
            head: format!("namespace {name}{mesh}"),
            workloads: space.declared.iter().map(workload).collect(),
            remarks: space.remarks.clone(),
            suggestions,
            refused: None,
        }
    }

    /// The file as it is to be written, but for its form.
    pub(super) fn text(&self) -> String {
        self.render(Suggestions::Left).0
    }

    /// The file, and where in it each suggestion begins.
    pub(super) fn render(&self, suggestions: Suggestions) -> (String, Vec<(usize, SuggestionId)>) {
        let mut text = HEAD.to_owned();
        if let Some(reason) = &self.refused {
            let said = format!("\nTwogate cannot take this namespace yet: {reason}. So all of it is a comment.");
            let lines = said.lines().chain([self.head.as_str()]).chain(self.workloads.iter().map(String::as_str));
            lines.for_each(|line| push_line(&mut text, if line.is_empty() { "#" } else { "# " }, line));
            return (text, Vec::new());
        }
        text.push_str(&self.head);
        text.push('\n');
        push_lines(&mut text, "", &self.workloads);
        push_lines(&mut text, "# ", &self.remarks);
        let mark = if suggestions == Suggestions::Left { "# " } else { "" };
        let mut places = Vec::new();
        for (index, block) in self.suggestions.iter().enumerate().filter(|(_, block)| !block.lines.is_empty()) {
            text.push('\n');
            push_line(&mut text, "# ", &block.remark);
            for (line, rule) in block.lines.iter().enumerate() {
                places.push((text.len(), (index, line)));
                push_line(&mut text, mark, rule);
            }
        }
        (text, places)
    }

    /// What is in it, for people.
    pub(super) fn summary(&self) -> String {
        if let Some(reason) = &self.refused {
            return format!("only comments: {reason}");
        }
        let suggestions: usize = self.suggestions.iter().map(|block| block.lines.len()).sum();
        format!("{}, {}", count(self.workloads.len(), "workload"), count(suggestions, "suggestion"))
    }
}

/// Adds a paragraph.
fn push_lines(text: &mut String, mark: &str, lines: &[String]) {
    if !lines.is_empty() {
        text.push('\n');
    }
    for line in lines {
        push_line(text, mark, line);
    }
}

fn push_line(text: &mut String, mark: &str, line: &str) {
    text.extend([mark, line, "\n"]);
}

fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// A rule in its canonical form; nothing if it is none.
pub(super) fn canonical(rule: &str) -> Option<String> {
    let (tree, findings) = syntax::parse(FileId::default(), &Source::new("suggestion", rule));
    match tree.items.as_slice() {
        [item] if findings.is_empty() => match &item.kind {
            ItemKind::Statement(statement) => Some(format::statement(statement)),
            ItemKind::Comment(_) | ItemKind::Broken => None,
        },
        _ => None,
    }
}

/// `@shop`.
pub(super) fn namespace_behind(name: &str) -> String {
    format!("@{}", words::value_text(name))
}

/// Whether a word can be a name that a program declares.
pub(super) fn is_name(word: &str) -> bool {
    word.starts_with(|letter: char| letter.is_ascii_alphabetic()) && words::is_word(word) && !words::is_keyword(word)
}
