//! The canonical text of endpoints, label tests and ports.
//!
//! Owns: their spelling and the places inside them where a line may end. It must not look at the original text.

use super::{Before, Piece, push, quoted, unless_keyword, value, values};
use crate::source::Spanned;
use crate::syntax::ast::{Endpoint, EndpointKind, LabelTerm, LabelTest, NamespaceTest, PortTest, Ports};

/// An endpoint on one line, its ports included.
pub(crate) fn endpoint(endpoint: &Endpoint) -> String {
    let mut pieces = Vec::new();
    push_endpoint(endpoint, Before::Glued, &mut pieces);
    pieces.into_iter().map(|piece| piece.text).collect::<Vec<_>>().join(" ")
}

/// Adds the pieces of an endpoint; a line may end behind each `or` and `but`.
pub(super) fn push_endpoint(endpoint: &Endpoint, first: Before, pieces: &mut Vec<Piece>) {
    match &endpoint.kind {
        EndpointKind::Or(alternatives) => {
            for (index, alternative) in alternatives.iter().enumerate() {
                push_endpoint(alternative, if index == 0 { first } else { Before::Free }, pieces);
                if index + 1 < alternatives.len() {
                    append(pieces, " or");
                }
            }
        }
        EndpointKind::But(left, right) => {
            push_endpoint(left, first, pieces);
            append(pieces, " but");
            push_endpoint(right, Before::Free, pieces);
        }
        EndpointKind::Group(inside) => {
            let start = pieces.len();
            push_endpoint(inside, first, pieces);
            if let Some(piece) = pieces.get_mut(start) {
                piece.text.insert(0, '(');
            }
            append(pieces, ")");
        }
        simple => push(pieces, first, text(simple), endpoint.span.end),
    }
    if let Some(ports) = &endpoint.ports {
        append(pieces, &self::ports(ports));
    }
    if let Some(piece) = pieces.last_mut() {
        piece.end = piece.end.max(endpoint.span.end);
    }
}

/// Adds to the text of the last piece.
fn append(pieces: &mut [Piece], text: &str) {
    if let Some(piece) = pieces.last_mut() {
        piece.text.push_str(text);
    }
}

/// An endpoint that holds no other.
fn text(kind: &EndpointKind) -> String {
    match kind {
        EndpointKind::Labels { terms, at } if terms.is_empty() => format!("*{}", at_namespace(at.as_ref())),
        EndpointKind::Labels { terms, at } => format!("{}{}", labels(terms), at_namespace(at.as_ref())),
        EndpointKind::Name { name, at } => format!("{}{}", name.value, at_namespace(at.as_ref())),
        EndpointKind::Account { name, at } => format!("as {}{}", unless_keyword(&name.value), at_namespace(at.as_ref())),
        EndpointKind::Address(block) if block.value.contains(':') => format!("[{}]", block.value),
        EndpointKind::Address(block) => block.value.clone(),
        EndpointKind::Internet => "internet".to_owned(),
        EndpointKind::Outside => "outside".to_owned(),
        EndpointKind::Nodes => "nodes".to_owned(),
        EndpointKind::Apiserver => "apiserver".to_owned(),
        EndpointKind::Metadata => "metadata".to_owned(),
        EndpointKind::Anywhere => "anywhere".to_owned(),
        EndpointKind::Host(name) => format!("host {}", quoted(&name.value)),
        EndpointKind::Or(_) | EndpointKind::But(..) | EndpointKind::Group(_) => String::new(),
    }
}

/// Label tests with commas between them.
pub(super) fn labels(terms: &[LabelTerm]) -> String {
    terms.iter().map(label).collect::<Vec<_>>().join(",")
}

/// `app=web|api`.
fn label(term: &LabelTerm) -> String {
    let key = &term.key.value;
    match &term.test {
        LabelTest::In(list) => format!("{key}={}", values(list)),
        LabelTest::NotIn(list) => format!("{key}!={}", values(list)),
        LabelTest::Present => format!("{key}=*"),
        LabelTest::Absent => format!("{key}!=*"),
    }
}

/// `@shop|pay`, or nothing.
fn at_namespace(at: Option<&Spanned<NamespaceTest>>) -> String {
    match at.map(|at| &at.value) {
        None => String::new(),
        Some(NamespaceTest::Any) => "@*".to_owned(),
        Some(NamespaceTest::Names(names)) => format!("@{}", values(names)),
        Some(NamespaceTest::NotNames(names)) => format!("@!{}", values(names)),
        Some(NamespaceTest::Labels(terms)) => format!("@[{}]", labels(terms)),
    }
}

/// `:80|443/tcp`.
pub(crate) fn ports(ports: &Ports) -> String {
    let item = |item: &crate::syntax::ast::PortItem| {
        let port = match &item.port {
            PortTest::Number(number) => number.to_string(),
            PortTest::Range(low, high) => format!("{low}-{high}"),
            PortTest::Any => "*".to_owned(),
            PortTest::Name(name) => value(name),
        };
        item.protocol.as_ref().map(|word| format!("{port}/{}", word.value)).unwrap_or(port)
    };
    format!(":{}", ports.items.iter().map(item).collect::<Vec<_>>().join("|"))
}
