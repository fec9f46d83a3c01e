//! What the grammar takes and the language does not: parts that are written twice or do not fit their statement.
//!
//! Owns: the findings about one statement that need its tree but no other statement. It must not resolve names.

pub(super) mod clauses;
mod ports;

use super::ast::{
    Action, Direction, NamespaceAttribute, NamespaceStatement, RuleStatement, StatementKind, WorkloadFact, WorkloadStatement,
};
use crate::diagnostic::{Diagnostic, code};
use crate::source::{FileId, Location, Span, Spanned};

/// The file that a statement stands in.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// Its handle.
    pub(super) file: FileId,
    /// Its whole text.
    pub(super) text: &'a str,
}

impl Place<'_> {
    /// A span of the file.
    fn at(&self, span: Span) -> Location {
        Location { file: self.file, span }
    }

    /// The text under a span.
    fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }

    /// A span and the blanks before it: what goes when a part is removed.
    fn with_blanks_before(&self, span: Span) -> Location {
        let before = self.text.get(..span.range().start).unwrap_or_default();
        self.at(Span::new(before.trim_end_matches([' ', '\t']).len(), span.range().end))
    }
}

/// Adds the findings for one statement. `repeated` are parts for which the tree has only one place.
pub(super) fn statement(place: &Place<'_>, kind: &StatementKind, repeated: &[(&'static str, Span)], findings: &mut Vec<Diagnostic>) {
    for (word, span) in repeated {
        add(findings, || duplicate(place, word, *span, None));
    }
    match kind {
        StatementKind::Namespace(statement) => namespace(place, statement, findings),
        StatementKind::Workload(statement) => workload(place, statement, findings),
        StatementKind::Close(statement) => {
            ports::none_in_close(place, &statement.pods, findings);
            let directions = statement.directions.iter().map(|direction| (word(direction.value), direction.span));
            each_once(place, directions, findings);
        }
        StatementKind::Group(statement) => ports::none_in_group(place, &statement.endpoint, findings),
        StatementKind::Network(_) | StatementKind::Issuer(_) => {}
        StatementKind::Rule(statement) => {
            direction(place, statement, findings);
            ports::none_on_source(place, &statement.source, findings);
            ports::on_destination(place, kind, &statement.destination, findings);
            clauses::check(place, clauses::Carrier::of(statement.action), &statement.clauses, findings);
        }
        StatementKind::Expect(statement) => {
            ports::none_on_source(place, &statement.source, findings);
            ports::on_destination(place, kind, &statement.destination, findings);
            clauses::check(place, clauses::Carrier::Expect, &statement.clauses, findings);
        }
    }
}

/// Each attribute of a namespace stands once.
fn namespace(place: &Place<'_>, statement: &NamespaceStatement, findings: &mut Vec<Diagnostic>) {
    let attributes = statement.attributes.iter().map(|attribute| {
        let word = match attribute.value {
            NamespaceAttribute::Labels(_) => "labels",
            NamespaceAttribute::Mesh(_) => "mesh",
            NamespaceAttribute::Waypoint(_) => "waypoint",
            NamespaceAttribute::Open(_) => "open",
        };
        (word, attribute.span)
    });
    each_once(place, attributes, findings);
    for attribute in &statement.attributes {
        if let NamespaceAttribute::Open(directions) = &attribute.value {
            each_once(place, directions.iter().map(|direction| (direction.value.as_str(), direction.span)), findings);
        }
    }
}

/// Each fact about a workload stands once; ports repeat.
fn workload(place: &Place<'_>, statement: &WorkloadStatement, findings: &mut Vec<Diagnostic>) {
    let facts = statement.facts.iter().filter_map(|fact| match fact.value {
        WorkloadFact::Account(_) => Some(("account", fact.span)),
        WorkloadFact::Unmeshed => Some(("unmeshed", fact.span)),
        WorkloadFact::Port { .. } => None,
    });
    each_once(place, facts, findings);
}

/// `in` and `out` stand behind `allow` alone.
fn direction(place: &Place<'_>, statement: &RuleStatement, findings: &mut Vec<Diagnostic>) {
    let Some(Spanned { value, span }) = &statement.direction else { return };
    let (action, why) = match statement.action {
        Action::Allow => return,
        Action::Deny => ("deny", "a `deny` cuts at every managed end"),
        Action::Audit => ("audit", "an `audit` opens no end"),
    };
    let word = word(*value);
    let finding = Diagnostic::new(code::CLAUSE_NOT_ALLOWED, place.at(*span), format!("`{word}` does not fit a statement with `{action}`"))
        .label(format!("only `allow` takes `{word}`"))
        .note(why)
        .fix(format!("remove `{word}`"), place.with_blanks_before(*span), "");
    findings.push(finding);
}

/// A direction's word.
fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
    }
}

/// So many findings are given for one statement; nobody reads more.
const MOST: usize = 100;

/// Adds a finding, as long as anybody would read it.
fn add(findings: &mut Vec<Diagnostic>, finding: impl FnOnce() -> Diagnostic) {
    if findings.len() < MOST {
        findings.push(finding());
    }
}

/// Adds a finding for every part whose word stood before.
fn each_once<'w>(place: &Place<'_>, parts: impl Iterator<Item = (&'w str, Span)>, findings: &mut Vec<Diagnostic>) {
    let mut seen: Vec<(&str, Span)> = Vec::new();
    for (word, span) in parts {
        match seen.iter().find(|(earlier, _)| *earlier == word) {
            Some((_, first)) => add(findings, || duplicate(place, word, span, Some(*first))),
            None => seen.push((word, span)),
        }
    }
}

/// The finding for a part that is written twice.
fn duplicate(place: &Place<'_>, word: &str, span: Span, first: Option<Span>) -> Diagnostic {
    let finding = Diagnostic::new(code::DUPLICATE_CLAUSE, place.at(span), format!("`{word}` is written twice")).label("the second one");
    let help = if word == "audience" { "write both behind one `audience`, with `|` between them" } else { "keep one of them" };
    let finding = match first {
        Some(first) if place.slice(first) == place.slice(span) => {
            finding.related(place.at(first), "the first one").fix("remove one of them", place.with_blanks_before(span), "")
        }
        Some(first) => finding.related(place.at(first), "the first one").help(help),
        None => finding.help(help),
    };
    finding.note(format!("`{word}` stands once in a statement"))
}
