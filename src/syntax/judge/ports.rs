//! Where a port may stand.
//!
//! Owns: the findings for ports on sources, in groups, inside `but`, in `close`, and on some alternatives only. It must not look
//! at the ports themselves.

use super::Place;
use crate::diagnostic::{Diagnostic, code};
use crate::source::Span;
use crate::syntax::ast::{Endpoint, EndpointKind, Ports, StatementKind};
use crate::syntax::text;

/// Adds a finding for every port of a source.
pub(super) fn none_on_source(place: &Place<'_>, source: &Endpoint, findings: &mut Vec<Diagnostic>) {
    each_port(source, &mut |ports| {
        super::add(findings, || {
            Diagnostic::new(code::PORT_ON_SOURCE, place.at(ports.span), "a port stands on a source")
                .label("a source has no port")
                .note("callers connect from ports that the system picks at random")
                .fix("remove it; ports follow the destination", place.with_blanks_before(ports.span), "")
        });
    });
}

/// Adds a finding for every port in a `group`.
pub(super) fn none_in_group(place: &Place<'_>, endpoint: &Endpoint, findings: &mut Vec<Diagnostic>) {
    each_port(endpoint, &mut |ports| {
        super::add(findings, || {
            Diagnostic::new(code::PORT_IN_GROUP, place.at(ports.span), "a port stands in a `group`")
                .label("a group names pods and addresses, not ports")
                .fix("remove it; write the port where the group is a destination", place.with_blanks_before(ports.span), "")
        });
    });
}

/// Adds a finding for every port in a `close`.
pub(super) fn none_in_close(place: &Place<'_>, endpoint: &Endpoint, findings: &mut Vec<Diagnostic>) {
    each_port(endpoint, &mut |ports| {
        super::add(findings, || {
            Diagnostic::new(code::CLAUSE_NOT_ALLOWED, place.at(ports.span), "a port does not fit a statement with `close`")
                .label("`close` isolates whole pods")
                .fix("remove it; what stays open is what an `allow` opens", place.with_blanks_before(ports.span), "")
        });
    });
}

/// Adds the findings for the ports of a destination.
pub(super) fn on_destination(place: &Place<'_>, statement: &StatementKind, destination: &Endpoint, findings: &mut Vec<Diagnostic>) {
    match &destination.kind {
        EndpointKind::Or(alternatives) => {
            for alternative in alternatives {
                none_inside(place, alternative, findings);
            }
            let with = alternatives.iter().filter(|alternative| alternative.ports.is_some()).count();
            if with > 0 && with < alternatives.len() {
                findings.push(on_some(place, statement, alternatives));
            }
        }
        _ => none_inside(place, destination, findings),
    }
}

/// Adds a finding for every port inside an endpoint, its own not counted.
fn none_inside(place: &Place<'_>, endpoint: &Endpoint, findings: &mut Vec<Diagnostic>) {
    let mut report = |ports: &Ports, inside: &str| {
        super::add(findings, || {
            Diagnostic::new(code::PORT_IN_GROUP, place.at(ports.span), format!("a port stands inside {inside}"))
                .label(format!("not inside {inside}"))
                .note("a port holds for the whole of `A but B` and for the whole of `( … )`")
                .help(format!("write it behind the whole: `({}){}`", "…", place.slice(ports.span)))
        });
    };
    match &endpoint.kind {
        EndpointKind::Group(inside) => each_port(inside, &mut |ports| report(ports, "parentheses")),
        EndpointKind::But(left, right) => {
            each_port(left, &mut |ports| report(ports, "`but`"));
            each_port(right, &mut |ports| report(ports, "`but`"));
        }
        _ => {}
    }
}

/// Visits the ports of an endpoint and of all endpoints in it.
fn each_port(endpoint: &Endpoint, visit: &mut dyn FnMut(&Ports)) {
    match &endpoint.kind {
        EndpointKind::Or(alternatives) => alternatives.iter().for_each(|alternative| each_port(alternative, visit)),
        EndpointKind::But(left, right) => {
            each_port(left, visit);
            each_port(right, visit);
        }
        EndpointKind::Group(inside) => each_port(inside, visit),
        _ => {}
    }
    if let Some(ports) = &endpoint.ports {
        visit(ports);
    }
}

/// So many alternatives are written out in a help.
const MOST_SHOWN: usize = 12;

/// The finding for ports on some alternatives only; its help writes both readings out.
fn on_some(place: &Place<'_>, statement: &StatementKind, alternatives: &[Endpoint]) -> Diagnostic {
    let (with, without): (Vec<_>, Vec<_>) = alternatives.iter().cloned().partition(|alternative| alternative.ports.is_some());
    let at = without.first().map_or_else(Span::default, |endpoint| endpoint.span);
    let mut finding = Diagnostic::new(code::PORTS_ON_SOME_ALTERNATIVES, place.at(at), "some alternatives have a port and some have none")
        .label("this one has none");
    if let Some(ports) = with.first().and_then(|endpoint| endpoint.ports.as_ref()) {
        finding = finding.related(place.at(ports.span), "whose port is this?");
    }
    if alternatives.len() > MOST_SHOWN {
        return finding.help("if all share the port, put them in parentheses; if the others are open on every port, write two statements");
    }
    if let Some(shared) = shared(statement, alternatives) {
        finding = finding.help(format!("if all share the port: `{}`", text::statement(&shared)));
    }
    let [all_ports, own_ports] = [without, with].map(|part| text::statement(&with_destination(statement, one_of(part))));
    finding.help(format!("if the others are open on every port, two statements: `{all_ports}` and `{own_ports}`"))
}

/// The statement with one port for all alternatives, if they write no more than one.
fn shared(statement: &StatementKind, alternatives: &[Endpoint]) -> Option<StatementKind> {
    let mut ports: Option<Ports> = None;
    let mut bare = alternatives.to_vec();
    for alternative in &mut bare {
        let Some(own) = alternative.ports.take() else { continue };
        if ports.as_ref().is_some_and(|ports| text::ports(ports) != text::ports(&own)) {
            return None;
        }
        ports = Some(own);
    }
    let inside = Box::new(one_of(bare));
    Some(with_destination(statement, Endpoint { span: inside.span, kind: EndpointKind::Group(inside), ports }))
}

/// Alternatives as one endpoint.
fn one_of(mut alternatives: Vec<Endpoint>) -> Endpoint {
    match alternatives.len() {
        1 => alternatives.remove(0),
        _ => Endpoint { span: Span::default(), kind: EndpointKind::Or(alternatives), ports: None },
    }
}

/// The statement with another destination.
fn with_destination(statement: &StatementKind, destination: Endpoint) -> StatementKind {
    match statement.clone() {
        StatementKind::Rule(rule) => StatementKind::Rule(crate::syntax::ast::RuleStatement { destination, ..rule }),
        StatementKind::Expect(expect) => StatementKind::Expect(crate::syntax::ast::ExpectStatement { destination, ..expect }),
        other => other,
    }
}
