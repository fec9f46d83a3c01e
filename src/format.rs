//! Canonical text.
//!
//! Owns: the layout of a whole file, and the one-line text of a statement or an endpoint for findings and annotations. It must
//! not change what a file says: it reads its own output again and refuses if the two trees differ.

mod layout;

use crate::diagnostic::{Diagnostic, code};
use crate::source::{FileId, Location, Source, Span};
use crate::syntax::ast::{Endpoint, File, Item, ItemKind, Statement, StatementKind};
use crate::syntax::{self, same_statements, text};

/// The canonical text of a file.
///
/// Comments are kept, blank lines too, but never more than one; alternatives and clauses stay in their order. A statement that is
/// longer than a hundred columns has its clauses on lines of their own. Errors are the findings of a file that cannot be
/// read as a whole; such a file is not formatted.
pub fn format(file: FileId, source: &Source) -> Result<String, Vec<Diagnostic>> {
    let (tree, findings) = syntax::parse(file, source);
    if !findings.is_empty() {
        return Err(findings);
    }
    let formatted = layout::file(&tree, source.text());
    let (again, findings) = syntax::parse(file, &Source::new(source.name(), formatted.as_str()));
    if !findings.is_empty() || !same_statements(&tree, &again) || comments(&tree) != comments(&again) {
        return Err(vec![changed(file)]);
    }
    Ok(formatted)
}

/// A statement as one line of canonical text; a block is left out.
pub fn statement(statement: &Statement) -> String {
    text::statement(&statement.kind)
}

/// An endpoint as canonical text, its ports included.
pub fn endpoint(endpoint: &Endpoint) -> String {
    text::endpoint(endpoint)
}

/// The text of all comments, sorted: the formatter may carry a comment past a word, but never drops one.
fn comments(tree: &File) -> Vec<&str> {
    let mut found = Vec::new();
    collect_comments(&tree.items, &mut found);
    found.sort_unstable();
    found
}

/// Adds the text of all comments among items.
fn collect_comments<'t>(items: &'t [Item], found: &mut Vec<&'t str>) {
    for item in items {
        match &item.kind {
            ItemKind::Comment(text) => found.push(text),
            ItemKind::Statement(statement) => {
                found.extend(statement.comments.iter().map(|comment| comment.text.as_str()));
                if let StatementKind::Namespace(namespace) = &statement.kind {
                    collect_comments(namespace.body.as_ref().map_or(&[], |body| &body.items), found);
                }
            }
            ItemKind::Broken => {}
        }
    }
}

/// The finding for a text that the formatter would not leave the same.
fn changed(file: FileId) -> Diagnostic {
    let location = Location { file, span: Span::default() };
    Diagnostic::new(code::SYNTAX_ERROR, location, "formatting would change what the file says, so it is left as it is")
        .help("report this file: the fault is in Twogate")
}
