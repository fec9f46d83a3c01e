//! The shape of a whole file: which form of `namespace` it uses, and what stands in which block.
//!
//! Owns: the findings for mixed and nested forms and for what an `external` block may hold. It must not look inside statements.

use super::ast::{Block, File, Item, ItemKind, NamespaceStatement, Statement, StatementKind};
use crate::diagnostic::{Diagnostic, code};
use crate::source::{FileId, Location, Span};

/// Adds the findings for a file.
pub(super) fn check(file: FileId, tree: &File, findings: &mut Vec<Diagnostic>) {
    let mut whole_file: Option<Span> = None;
    for (index, statement) in statements(&tree.items).enumerate() {
        let StatementKind::Namespace(namespace) = &statement.kind else { continue };
        let at = Location { file, span: keyword(statement, namespace) };
        match (&namespace.body, whole_file) {
            (Some(body), first) => {
                if let Some(first) = first.filter(|_| namespace.external.is_none()) {
                    findings.push(both_forms(at, Location { file, span: first }));
                }
                check_block(file, namespace, body, findings);
            }
            (None, Some(first)) => findings.push(two_for_the_file(at, Location { file, span: first })),
            (None, None) => {
                whole_file = Some(at.span);
                if index > 0 {
                    findings.push(not_first(at));
                }
            }
        }
    }
}

/// Adds the findings for what stands in a block.
fn check_block(file: FileId, namespace: &NamespaceStatement, body: &Block, findings: &mut Vec<Diagnostic>) {
    for statement in statements(&body.items) {
        match &statement.kind {
            StatementKind::Namespace(inner) => {
                findings.push(nested(
                    Location { file, span: keyword(statement, inner) },
                    Location { file, span: Span { end: body.span.start + 1, ..body.span } },
                ));
                if let Some(body) = &inner.body {
                    check_block(file, inner, body, findings);
                }
            }
            StatementKind::Workload(_) | StatementKind::Group(_) => {}
            kind if namespace.external.is_some() => {
                let word = word(kind);
                let span = Span { end: statement.span.start + u32::try_from(word.len()).unwrap_or_default(), ..statement.span };
                findings.push(not_external(Location { file, span }, word));
            }
            _ => {}
        }
    }
}

/// The statements among items; what is broken counts as nothing.
fn statements(items: &[Item]) -> impl Iterator<Item = &Statement> {
    items.iter().filter_map(|item| match &item.kind {
        ItemKind::Statement(statement) => Some(statement),
        ItemKind::Comment(_) | ItemKind::Broken => None,
    })
}

/// The keyword of a `namespace` statement.
fn keyword(statement: &Statement, namespace: &NamespaceStatement) -> Span {
    let length = if namespace.external.is_some() { "external".len() } else { "namespace".len() };
    Span { end: statement.span.start + u32::try_from(length).unwrap_or_default(), ..statement.span }
}

/// The word that starts a statement of this kind.
fn word(kind: &StatementKind) -> &'static str {
    use super::ast::Action;
    match kind {
        StatementKind::Namespace(_) => "namespace",
        StatementKind::Close(_) => "close",
        StatementKind::Workload(_) => "workload",
        StatementKind::Group(_) => "group",
        StatementKind::Network(_) => "network",
        StatementKind::Issuer(_) => "issuer",
        StatementKind::Rule(rule) => match rule.action {
            Action::Allow => "allow",
            Action::Deny => "deny",
            Action::Audit => "audit",
        },
        StatementKind::Expect(_) => "expect",
    }
}

fn both_forms(at: Location, first: Location) -> Diagnostic {
    Diagnostic::new(code::MIXED_NAMESPACE_FORMS, at, "a `namespace` with a block stands in a file that speaks of one namespace as a whole")
        .label("this one has a block")
        .related(first, "this one holds for the whole file")
        .help("give both a block, or put them into two files")
}

fn two_for_the_file(at: Location, first: Location) -> Diagnostic {
    Diagnostic::new(code::MIXED_NAMESPACE_FORMS, at, "a file speaks of two namespaces as a whole")
        .label("the second one")
        .related(first, "the first one")
        .help("give both a block, or put them into two files")
}

fn not_first(at: Location) -> Diagnostic {
    Diagnostic::new(code::MIXED_NAMESPACE_FORMS, at, "a `namespace` without a block stands below other statements")
        .label("not the first statement of the file")
        .note("it holds for the whole file, and the order of statements means nothing")
        .help("move it to the top, or give it a block")
}

fn nested(at: Location, outer: Location) -> Diagnostic {
    Diagnostic::new(code::MIXED_NAMESPACE_FORMS, at, "a `namespace` stands inside another")
        .label("namespaces never nest")
        .related(outer, "this block is open here")
        .help("move it out of the block")
}

fn not_external(at: Location, word: &str) -> Diagnostic {
    Diagnostic::new(code::SYNTAX_ERROR, at, format!("`{word}` stands in an `external` block"))
        .label("not in an `external` block")
        .note("an `external` block states facts and holds only `workload` and `group`")
        .help("move it into the namespace that it speaks of")
}
