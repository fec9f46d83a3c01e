//! Expectations.
//!
//! Owns: the lowering of `expect`. What they mean is `meaning`'s.

use super::endpoint::{Place, Ranges, Side};
use super::lower::Lowering;
use super::scope::Scoped;
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{PortSet, Symbol};
use crate::format;
use crate::ir::Expectation;
use crate::source::Location;
use crate::syntax::ast::{ExpectStatement, Quantifier};

impl Lowering<'_> {
    /// An expectation of one namespace.
    pub(super) fn expectation(&mut self, scoped: &Scoped<'_>, namespace: &Symbol, statement: &ExpectStatement) -> Expectation {
        let location = Location { file: scoped.file, span: scoped.statement.span };
        let clauses = self.clauses(scoped.file, &statement.clauses);
        let place = |side| Place { namespace: namespace.clone(), file: scoped.file, side, ranges: Ranges::Whole, groups: Vec::new() };
        let source = self.end(&place(Side::IdentifiedSource), &statement.source);
        let targets = self.targets(&place(Side::Destination), &statement.destination, &PortSet::all());
        let quantifier = statement.quantifier.value;
        let needs_ports = matches!(quantifier, Quantifier::Allow | Quantifier::Only);
        if needs_ports && targets.iter().any(|target| target.ports_location.is_none()) {
            let at = Location { file: scoped.file, span: statement.destination.span };
            let finding = Diagnostic::new(code::REQUIREMENT_WITHOUT_PORT, at, "this expectation needs ports").label("no port is written");
            self.findings
                .push(finding.note("it would demand that every port of every protocol passes").help("write the port, as `app=db:5432`"));
        }
        if let (Some(first), Some(second)) = (clauses.mtls, clauses.plaintext) {
            let finding =
                Diagnostic::new(code::CLAUSE_NOT_ALLOWED, second, "no flow is both `mtls` and `plaintext`").label("contradicts `mtls`");
            self.findings.push(finding.related(first, "asked for here").help("keep one of the two"));
        }
        Expectation {
            quantifier,
            source,
            targets,
            transport: clauses.transport(),
            requests: clauses.requests(),
            location,
            text: format::statement(scoped.statement),
        }
    }
}
