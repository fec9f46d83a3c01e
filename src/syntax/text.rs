//! The canonical text of the tree's pieces, each on one line.
//!
//! Owns: spacing, quotes and the pieces of a statement between which a line may end. It must not know line widths, comments or
//! the original text.

mod endpoint;

use super::ast::{
    Action, Clause, CloseStatement, Direction, ExpectStatement, GrpcClause, HttpClause, IssuerStatement, JwtClause, NameValues,
    NamespaceAttribute, NamespaceNames, NamespaceStatement, NetworkStatement, Quantifier, RuleStatement, StatementKind, Word, WorkloadFact,
    WorkloadStatement,
};
use super::words;
use super::words::{path_text as path, quoted, value_text as value};
use crate::source::Spanned;
pub(crate) use endpoint::{endpoint, ports};
use endpoint::{labels, push_endpoint};

/// A stretch of a statement inside which no line ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Its text.
    pub(crate) text: String,
    /// Where it ends in the text that the tree was read from.
    pub(crate) end: u32,
    /// What stands before it.
    pub(crate) before: Before,
}

/// Whether a line may end before a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// No: the piece before it does not carry the statement on.
    Glued,
    /// Yes.
    Free,
    /// Yes, and first of all here: a clause starts.
    Clause,
}

/// A statement on one line; a block is left out.
pub(crate) fn statement(kind: &StatementKind) -> String {
    pieces(kind).into_iter().map(|piece| piece.text).collect::<Vec<_>>().join(" ")
}

/// The pieces of a statement in order, with one blank between each two; a block is left out.
pub(crate) fn pieces(kind: &StatementKind) -> Vec<Piece> {
    let mut pieces = Vec::new();
    match kind {
        StatementKind::Namespace(statement) => push_namespace(statement, &mut pieces),
        StatementKind::Close(statement) => push_close(statement, &mut pieces),
        StatementKind::Workload(statement) => push_workload(statement, &mut pieces),
        StatementKind::Group(statement) => {
            push(&mut pieces, Before::Glued, format!("group {} =", statement.name.value), statement.name.span.end);
            push_endpoint(&statement.endpoint, Before::Glued, &mut pieces);
        }
        StatementKind::Network(statement) => push_network(statement, &mut pieces),
        StatementKind::Issuer(statement) => push_issuer(statement, &mut pieces),
        StatementKind::Rule(statement) => push_rule(statement, &mut pieces),
        StatementKind::Expect(statement) => push_expect(statement, &mut pieces),
    }
    pieces
}

/// Adds a piece.
fn push(pieces: &mut Vec<Piece>, before: Before, text: String, end: u32) {
    pieces.push(Piece { text, end, before });
}

/// Adds pieces of a list, all but the last with a comma behind them.
fn push_list(pieces: &mut Vec<Piece>, keyword: &str, first: Before, items: &[(String, u32)]) {
    for (index, (text, end)) in items.iter().enumerate() {
        let comma = if index + 1 < items.len() { "," } else { "" };
        let (before, keyword) = if index == 0 { (first, keyword) } else { (Before::Free, "") };
        push(pieces, before, format!("{keyword}{text}{comma}"), *end);
    }
}

fn push_namespace(statement: &NamespaceStatement, pieces: &mut Vec<Piece>) {
    let keyword = if statement.external.is_some() { "external namespace " } else { "namespace " };
    match &statement.names {
        NamespaceNames::List(names) => {
            let names: Vec<_> = names.iter().map(|name| (unless_keyword(&name.value), name.span.end)).collect();
            push_list(pieces, keyword, Before::Glued, &names);
        }
        NamespaceNames::Labels(terms) => {
            let end = terms.last().map_or(0, |term| term.span.end);
            push(pieces, Before::Glued, format!("{keyword}[{}]", labels(terms)), end);
        }
    }
    for attribute in &statement.attributes {
        push(pieces, Before::Clause, namespace_attribute(&attribute.value), attribute.span.end);
    }
}

fn namespace_attribute(attribute: &NamespaceAttribute) -> String {
    match attribute {
        NamespaceAttribute::Labels(labels) => {
            let labels: Vec<_> = labels.iter().map(|(key, word)| format!("{}={}", key.value, value(&word.value))).collect();
            format!("labels {}", labels.join(","))
        }
        NamespaceAttribute::Mesh(mode) => format!("mesh {}", mode.value),
        NamespaceAttribute::Waypoint(name) => format!("waypoint {}", unless_keyword(&name.value)),
        NamespaceAttribute::Open(directions) => {
            format!("open {}", directions.iter().map(|word| word.value.as_str()).collect::<Vec<_>>().join(" "))
        }
    }
}

fn push_close(statement: &CloseStatement, pieces: &mut Vec<Piece>) {
    let mut text = "close".to_owned();
    let mut end = 0;
    for written in &statement.directions {
        text.push(' ');
        text.push_str(direction(written.value));
        end = written.span.end;
    }
    push(pieces, Before::Glued, text, end);
    push_endpoint(&statement.pods, Before::Glued, pieces);
}

fn push_workload(statement: &WorkloadStatement, pieces: &mut Vec<Piece>) {
    push(pieces, Before::Glued, format!("workload {} =", statement.name.value), statement.name.span.end);
    let pods = if statement.labels.is_empty() { "*".to_owned() } else { labels(&statement.labels) };
    push(pieces, Before::Glued, pods, statement.labels.last().map_or(statement.name.span.end, |term| term.span.end));
    for fact in &statement.facts {
        let text = match &fact.value {
            WorkloadFact::Account(name) => format!("account {}", unless_keyword(&name.value)),
            WorkloadFact::Port { name, number, protocol } => {
                let protocol = protocol.as_ref().map(|word| format!("/{}", word.value)).unwrap_or_default();
                format!("port {}={}{protocol}", name.value, number.value)
            }
            WorkloadFact::Unmeshed => "unmeshed".to_owned(),
        };
        push(pieces, Before::Clause, text, fact.span.end);
    }
}

fn push_network(statement: &NetworkStatement, pieces: &mut Vec<Piece>) {
    let list = |blocks: &[Word]| blocks.iter().map(|block| (block.value.clone(), block.span.end)).collect::<Vec<_>>();
    push(pieces, Before::Glued, format!("network {} =", statement.name.value), statement.name.span.end);
    push_list(pieces, "", Before::Glued, &list(&statement.blocks));
    push_list(pieces, "except ", Before::Clause, &list(&statement.except));
}

fn push_issuer(statement: &IssuerStatement, pieces: &mut Vec<Piece>) {
    push(pieces, Before::Glued, format!("issuer {} = {}", statement.name.value, quoted(&statement.url.value)), statement.url.span.end);
    if let Some(jwks) = &statement.jwks {
        push(pieces, Before::Clause, format!("jwks {}", quoted(&jwks.value)), jwks.span.end);
    }
    if let Some(last) = statement.audiences.last() {
        let audiences: Vec<_> = statement.audiences.iter().map(|audience| quoted(&audience.value)).collect();
        push(pieces, Before::Clause, format!("audience {}", audiences.join("|")), last.span.end);
    }
}

fn push_rule(statement: &RuleStatement, pieces: &mut Vec<Piece>) {
    let mut keyword = match statement.action {
        Action::Allow => "allow",
        Action::Deny => "deny",
        Action::Audit => "audit",
    }
    .to_owned();
    let mut end = 0;
    if let Some(written) = &statement.direction {
        keyword.push(' ');
        keyword.push_str(direction(written.value));
        end = written.span.end;
    }
    push(pieces, Before::Glued, keyword, end);
    push_endpoint(&statement.source, Before::Glued, pieces);
    push(pieces, Before::Glued, "->".to_owned(), statement.source.span.end);
    push_endpoint(&statement.destination, Before::Free, pieces);
    push_clauses(&statement.clauses, pieces);
}

fn push_expect(statement: &ExpectStatement, pieces: &mut Vec<Piece>) {
    let quantifier = match statement.quantifier.value {
        Quantifier::Allow => "allow",
        Quantifier::Deny => "deny",
        Quantifier::Some => "some",
        Quantifier::Only => "only",
    };
    push(pieces, Before::Glued, format!("expect {quantifier}"), statement.quantifier.span.end);
    push_endpoint(&statement.source, Before::Glued, pieces);
    push(pieces, Before::Glued, "->".to_owned(), statement.source.span.end);
    push_endpoint(&statement.destination, Before::Free, pieces);
    push_clauses(&statement.clauses, pieces);
}

fn push_clauses(clauses: &[Spanned<Clause>], pieces: &mut Vec<Piece>) {
    for clause in clauses {
        let end = clause.span.end;
        match &clause.value {
            Clause::Mtls => push(pieces, Before::Clause, "mtls".to_owned(), end),
            Clause::Plaintext => push(pieces, Before::Clause, "plaintext".to_owned(), end),
            Clause::Http(http) => push_http(http, pieces),
            Clause::Grpc(target) => push(pieces, Before::Clause, grpc(target), end),
            Clause::Jwt(jwt) => push_jwt(jwt, pieces),
            Clause::Until(date) => push(pieces, Before::Clause, format!("until {}", date.value), end),
            Clause::Because(text) => push(pieces, Before::Clause, format!("because {}", quoted(&text.value)), end),
            Clause::Accept(code) => push(pieces, Before::Clause, format!("accept {}", code.value), end),
        }
    }
}

fn push_http(http: &HttpClause, pieces: &mut Vec<Piece>) {
    let request = |request: &super::ast::HttpRequest| {
        let methods = request.methods.iter().map(|method| method.value.as_str()).collect::<Vec<_>>().join("|");
        let end = request.path.as_ref().or(request.methods.last()).map_or(0, |word| word.span.end);
        (request.path.as_ref().map(|written| format!("{methods} {}", path(&written.value))).unwrap_or(methods), end)
    };
    push_list(pieces, "http ", Before::Clause, &http.requests.iter().map(request).collect::<Vec<_>>());
    if let Some(last) = http.hosts.last() {
        push(pieces, Before::Free, format!("at {}", values(&http.hosts)), last.span.end);
    }
    for header in &http.headers {
        push(pieces, Before::Free, format!("header {}", named_values(header)), named_values_end(header));
    }
}

fn grpc(clause: &GrpcClause) -> String {
    let methods = clause.methods.iter().map(|method| method.value.as_str()).collect::<Vec<_>>().join("|");
    if methods.is_empty() { format!("grpc {}", clause.service.value) } else { format!("grpc {}/{methods}", clause.service.value) }
}

fn push_jwt(jwt: &JwtClause, pieces: &mut Vec<Piece>) {
    push(pieces, Before::Clause, format!("jwt {}", jwt.issuer.value), jwt.issuer.span.end);
    for claim in &jwt.claims {
        push(pieces, Before::Free, format!("claim {}", named_values(claim)), named_values_end(claim));
    }
}

/// `groups=admin|ops`.
fn named_values(written: &NameValues) -> String {
    format!("{}={}", value(&written.name.value), values(&written.values))
}

/// Where a name with values ends.
fn named_values_end(written: &NameValues) -> u32 {
    written.values.last().unwrap_or(&written.name).span.end
}

/// Values with `|` between them.
fn values(list: &[Word]) -> String {
    list.iter().map(|word| value(&word.value)).collect::<Vec<_>>().join("|")
}

/// A direction's word.
fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
    }
}

/// The name of something outside the program, in quotes if it is a keyword or no word.
fn unless_keyword(text: &str) -> String {
    if words::is_keyword(text) { quoted(text) } else { value(text) }
}
