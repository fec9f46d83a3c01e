//! Which namespace each statement speaks of.
//!
//! Owns: the walk over the trees that yields namespace declarations and scoped statements. It must not judge statements.

use crate::flow::Symbol;
use crate::ir::{Origin, Program};
use crate::source::{FileId, Location};
use crate::syntax::ast::{File, Item, ItemKind, LabelTerm, NamespaceNames, NamespaceStatement, Statement, StatementKind};

/// The namespaces that a statement speaks of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope<'a> {
    /// None is given: that of the command line, else `default`.
    Default,
    /// Those of a `namespace` statement.
    Namespace(&'a NamespaceStatement),
}

/// A statement with its scope and file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scoped<'a> {
    pub(super) statement: &'a Statement,
    pub(super) scope: Scope<'a>,
    pub(super) file: FileId,
    pub(super) origin: Origin,
}

/// A `namespace` statement with its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Declaration<'a> {
    pub(super) statement: &'a NamespaceStatement,
    pub(super) file: FileId,
    pub(super) origin: Origin,
}

impl Declaration<'_> {
    /// The names that it lists; none for the form by labels.
    pub(super) fn names(&self) -> Vec<(Symbol, Location)> {
        match &self.statement.names {
            NamespaceNames::List(words) => words.iter().map(|word| (word.value.as_str().into(), self.at(word.span))).collect(),
            NamespaceNames::Labels(_) => Vec::new(),
        }
    }

    /// The label tests of the form by labels.
    pub(super) fn labels(&self) -> Option<&[LabelTerm]> {
        match &self.statement.names {
            NamespaceNames::List(_) => None,
            NamespaceNames::Labels(terms) => Some(terms),
        }
    }

    fn at(&self, span: crate::source::Span) -> Location {
        Location { file: self.file, span }
    }
}

/// All namespace declarations and all other statements of a program, in the order of reading.
pub(super) fn collect<'a>(program: &Program<'a>) -> (Vec<Declaration<'a>>, Vec<Scoped<'a>>) {
    let mut walk = Walk::default();
    for unit in &program.units {
        walk.file(unit.tree, unit.file, unit.origin);
    }
    (walk.declarations, walk.statements)
}

#[derive(Default)]
struct Walk<'a> {
    declarations: Vec<Declaration<'a>>,
    statements: Vec<Scoped<'a>>,
}

impl<'a> Walk<'a> {
    fn file(&mut self, tree: &'a File, file: FileId, origin: Origin) {
        let mut scope = Scope::Default;
        for item in &tree.items {
            let Some(statement) = statement(item) else { continue };
            let StatementKind::Namespace(namespace) = &statement.kind else {
                self.statements.push(Scoped { statement, scope, file, origin });
                continue;
            };
            self.declarations.push(Declaration { statement: namespace, file, origin });
            match &namespace.body {
                None => scope = Scope::Namespace(namespace),
                Some(block) => self.block(&block.items, Scope::Namespace(namespace), file, origin),
            }
        }
    }

    /// A block holds no further `namespace`: the parser has refused that.
    fn block(&mut self, items: &'a [Item], scope: Scope<'a>, file: FileId, origin: Origin) {
        let inner = items.iter().filter_map(statement).filter(|statement| !matches!(statement.kind, StatementKind::Namespace(_)));
        self.statements.extend(inner.map(|statement| Scoped { statement, scope, file, origin }));
    }
}

/// The statement of an item, if it is one.
fn statement(item: &Item) -> Option<&Statement> {
    match &item.kind {
        ItemKind::Statement(statement) => Some(statement),
        ItemKind::Comment(_) | ItemKind::Broken => None,
    }
}
