//! Trees without the places they were read from, to compare what two texts say.
//!
//! Owns: the comparison. It must not call two trees the same for any reason but spans, blank lines and comments.

use super::ast::{
    Block, Clause, Endpoint, EndpointKind, File, Gap, Item, ItemKind, LabelTerm, LabelTest, NameValues, NamespaceAttribute, NamespaceNames,
    NamespaceTest, PortItem, Ports, Statement, StatementKind, Word, WorkloadFact,
};
use crate::source::{Span, Spanned};

/// Whether two files hold the same statements in the same order; spans, blank lines and comments do not count.
pub fn same_statements(left: &File, right: &File) -> bool {
    erased_items(&left.items) == erased_items(&right.items)
}

/// Items without comments, blank lines and spans.
fn erased_items(items: &[Item]) -> Vec<Item> {
    let kept = items.iter().filter(|item| !matches!(item.kind, ItemKind::Comment(_)));
    kept.map(|item| Item { span: Span::default(), gap: Gap::None, kind: erased_kind(&item.kind) }).collect()
}

fn erased_kind(kind: &ItemKind) -> ItemKind {
    match kind {
        ItemKind::Statement(statement) => {
            let mut kind = statement.kind.clone();
            erase_statement(&mut kind);
            ItemKind::Statement(Statement { span: Span::default(), kind, comments: Vec::new() })
        }
        other => other.clone(),
    }
}

fn erase_statement(kind: &mut StatementKind) {
    match kind {
        StatementKind::Namespace(statement) => {
            statement.external = statement.external.map(|_| Span::default());
            match &mut statement.names {
                NamespaceNames::List(names) => names.iter_mut().for_each(erase_word),
                NamespaceNames::Labels(terms) => terms.iter_mut().for_each(erase_term),
            }
            statement.attributes.iter_mut().for_each(erase_attribute);
            statement.body = statement.body.take().map(|body| Block { span: Span::default(), items: erased_items(&body.items) });
        }
        StatementKind::Close(statement) => {
            statement.directions.iter_mut().for_each(erase_span);
            erase_endpoint(&mut statement.pods);
        }
        StatementKind::Workload(statement) => {
            erase_word(&mut statement.name);
            statement.labels.iter_mut().for_each(erase_term);
            statement.facts.iter_mut().for_each(erase_fact);
        }
        StatementKind::Group(statement) => {
            erase_word(&mut statement.name);
            erase_endpoint(&mut statement.endpoint);
        }
        StatementKind::Network(statement) => {
            erase_word(&mut statement.name);
            statement.blocks.iter_mut().chain(&mut statement.except).for_each(erase_word);
        }
        StatementKind::Issuer(statement) => {
            [&mut statement.name, &mut statement.url]
                .into_iter()
                .chain(&mut statement.jwks)
                .chain(&mut statement.audiences)
                .for_each(erase_word);
        }
        StatementKind::Rule(statement) => {
            statement.direction.iter_mut().for_each(erase_span);
            erase_endpoint(&mut statement.source);
            erase_endpoint(&mut statement.destination);
            statement.clauses.iter_mut().for_each(erase_clause);
        }
        StatementKind::Expect(statement) => {
            erase_span(&mut statement.quantifier);
            erase_endpoint(&mut statement.source);
            erase_endpoint(&mut statement.destination);
            statement.clauses.iter_mut().for_each(erase_clause);
        }
    }
}

fn erase_attribute(attribute: &mut Spanned<NamespaceAttribute>) {
    erase_span(attribute);
    match &mut attribute.value {
        NamespaceAttribute::Labels(labels) => labels.iter_mut().for_each(|(key, value)| [key, value].into_iter().for_each(erase_word)),
        NamespaceAttribute::Mesh(word) | NamespaceAttribute::Waypoint(word) => erase_word(word),
        NamespaceAttribute::Open(words) => words.iter_mut().for_each(erase_word),
    }
}

fn erase_fact(fact: &mut Spanned<WorkloadFact>) {
    erase_span(fact);
    match &mut fact.value {
        WorkloadFact::Account(name) => erase_word(name),
        WorkloadFact::Port { name, number, protocol } => {
            erase_span(number);
            std::iter::once(name).chain(protocol).for_each(erase_word);
        }
        WorkloadFact::Unmeshed => {}
    }
}

fn erase_clause(clause: &mut Spanned<Clause>) {
    erase_span(clause);
    match &mut clause.value {
        Clause::Mtls | Clause::Plaintext => {}
        Clause::Http(http) => {
            for request in &mut http.requests {
                request.methods.iter_mut().chain(&mut request.path).for_each(erase_word);
            }
            http.hosts.iter_mut().for_each(erase_word);
            http.headers.iter_mut().for_each(erase_named_values);
        }
        Clause::Grpc(grpc) => std::iter::once(&mut grpc.service).chain(&mut grpc.methods).for_each(erase_word),
        Clause::Jwt(jwt) => {
            erase_word(&mut jwt.issuer);
            jwt.claims.iter_mut().for_each(erase_named_values);
        }
        Clause::Until(word) | Clause::Because(word) | Clause::Accept(word) => erase_word(word),
    }
}

fn erase_named_values(written: &mut NameValues) {
    std::iter::once(&mut written.name).chain(&mut written.values).for_each(erase_word);
}

fn erase_endpoint(endpoint: &mut Endpoint) {
    endpoint.span = Span::default();
    endpoint.ports.iter_mut().for_each(erase_ports);
    match &mut endpoint.kind {
        EndpointKind::Labels { terms, at } => {
            terms.iter_mut().for_each(erase_term);
            at.iter_mut().for_each(erase_at);
        }
        EndpointKind::Name { name, at } | EndpointKind::Account { name, at } => {
            erase_word(name);
            at.iter_mut().for_each(erase_at);
        }
        EndpointKind::Address(word) | EndpointKind::Host(word) => erase_word(word),
        EndpointKind::Internet
        | EndpointKind::Outside
        | EndpointKind::Nodes
        | EndpointKind::Apiserver
        | EndpointKind::Metadata
        | EndpointKind::Anywhere => {}
        EndpointKind::Or(alternatives) => alternatives.iter_mut().for_each(erase_endpoint),
        EndpointKind::But(left, right) => [left, right].into_iter().for_each(|side| erase_endpoint(side)),
        EndpointKind::Group(inside) => erase_endpoint(inside),
    }
}

fn erase_ports(ports: &mut Ports) {
    ports.span = Span::default();
    for PortItem { span, port: _, protocol } in &mut ports.items {
        *span = Span::default();
        protocol.iter_mut().for_each(erase_word);
    }
}

fn erase_term(term: &mut LabelTerm) {
    term.span = Span::default();
    erase_word(&mut term.key);
    match &mut term.test {
        LabelTest::In(values) | LabelTest::NotIn(values) => values.iter_mut().for_each(erase_word),
        LabelTest::Present | LabelTest::Absent => {}
    }
}

fn erase_at(at: &mut Spanned<NamespaceTest>) {
    erase_span(at);
    match &mut at.value {
        NamespaceTest::Names(names) | NamespaceTest::NotNames(names) => names.iter_mut().for_each(erase_word),
        NamespaceTest::Any => {}
        NamespaceTest::Labels(terms) => terms.iter_mut().for_each(erase_term),
    }
}

fn erase_word(word: &mut Word) {
    erase_span(word);
}

fn erase_span<T>(spanned: &mut Spanned<T>) {
    spanned.span = Span::default();
}
