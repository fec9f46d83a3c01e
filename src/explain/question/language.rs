//! The parts of a flow that the language can say: parsed and resolved as an expectation is.
//!
//! Owns: the namespaces of ends without `@`, and the one port of a destination. Names, labels, addresses and ports by name are
//! `ir`'s to resolve; its findings are led back into the flow's text.

use super::advice;
use super::draft::Draft;
use super::hidden::Hidden;
use super::object::{choices, no_port};
use super::{Context, Homes, Side, Target};
use crate::diagnostic::{Diagnostic, Level};
use crate::flow::{LabelCube, RequestSet, Symbol, Transport};
use crate::ir::{self, End, Origin, Program, Unit};
use crate::source::{Source, Span, Spanned};
use crate::syntax;
use crate::syntax::ast::{Endpoint, EndpointKind, ExpectStatement, File, Item, ItemKind, NamespaceNames, NamespaceTest, StatementKind};

/// The statement that a flow was made into.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) statement: ExpectStatement,
    tree: File,
    hidden: Hidden,
}

/// What the language made of it.
#[derive(Debug)]
pub(super) struct Meant {
    pub(super) source: End,
    pub(super) targets: Vec<ir::Target>,
    pub(super) transport: Option<Transport>,
    pub(super) requests: RequestSet,
}

/// Parses a flow.
pub(super) fn parse(draft: &Draft<'_>) -> Result<Parsed, Vec<Diagnostic>> {
    let hidden = draft.hidden();
    let (tree, findings) = syntax::parse(draft.flow, &Source::new("flow", hidden.text.as_str()));
    let errors: Vec<Diagnostic> = findings.into_iter().filter(|finding| finding.level == Level::Error).collect();
    if !errors.is_empty() {
        return Err(errors.into_iter().map(|finding| advice::of_a_flow(hidden.finding(draft.flow, finding))).collect());
    }
    let statement = tree.items.iter().find_map(expectation).cloned();
    match statement {
        Some(statement) => Ok(Parsed { statement, tree, hidden }),
        None => Err(vec![draft.unclear(Span::new(0, draft.text.len()), "a flow is one connection").label("not one connection")]),
    }
}

fn expectation(item: &Item) -> Option<&ExpectStatement> {
    let ItemKind::Statement(statement) = &item.kind else { return None };
    let StatementKind::Expect(expect) = &statement.kind else { return None };
    Some(expect)
}

/// The one namespace that an endpoint names.
pub(super) fn namespace(endpoint: &Endpoint) -> Option<Symbol> {
    let at = match &endpoint.kind {
        EndpointKind::Labels { at, .. } | EndpointKind::Name { at, .. } | EndpointKind::Account { at, .. } => at.as_ref()?,
        EndpointKind::Group(inner) | EndpointKind::But(inner, _) => return namespace(inner),
        _ => return None,
    };
    match &at.value {
        NamespaceTest::Names(words) if words.len() == 1 => words.first().map(|word| word.value.as_str().into()),
        _ => None,
    }
}

/// Resolves the statement among the intents.
pub(super) fn resolve(draft: &Draft<'_>, parsed: &Parsed, homes: &Homes, context: &Context<'_>) -> Result<Meant, Vec<Diagnostic>> {
    let mut tree = parsed.tree.clone();
    for item in &mut tree.items {
        let ItemKind::Statement(statement) = &mut item.kind else { continue };
        let StatementKind::Expect(expect) = &mut statement.kind else { continue };
        settle(&mut expect.source, &homes.source, context);
        settle(&mut expect.destination, &homes.destination, context);
    }
    let own = Unit { file: draft.flow, tree: &tree, origin: Origin::Ours };
    let program = Program {
        sources: context.sources,
        units: context.units.iter().copied().chain([own]).collect(),
        config: context.config,
        inventory: context.inventory,
        default_namespace: context.default_namespace(),
    };
    let (policy, findings) = ir::lower(program);
    let is_ours = |finding: &Diagnostic| finding.location().is_some_and(|location| location.file == draft.flow);
    let errors: Vec<Diagnostic> = findings.into_iter().filter(|finding| finding.level == Level::Error && is_ours(finding)).collect();
    if !errors.is_empty() {
        let told = |finding| advice::adapted(parsed.hidden.finding(draft.flow, finding), draft, context);
        return Err(errors.into_iter().map(told).collect());
    }
    let meant = policy.expectations.into_iter().find(|expectation| expectation.location.file == draft.flow).map(|expectation| Meant {
        source: expectation.source,
        targets: expectation.targets,
        transport: expectation.transport,
        requests: expectation.requests,
    });
    meant.ok_or_else(|| vec![draft.unclear(Span::new(0, draft.text.len()), "a flow is one connection").label("not one connection")])
}

/// Gives every end without `@` its namespace. Names of networks belong to none.
fn settle(endpoint: &mut Endpoint, home: &Symbol, context: &Context<'_>) {
    let span = Span { start: endpoint.span.end, ..endpoint.span };
    let here = || Some(Spanned::new(NamespaceTest::Names(vec![Spanned::new(home.to_string(), span)]), span));
    match &mut endpoint.kind {
        EndpointKind::Labels { at, .. } | EndpointKind::Account { at, .. } if at.is_none() => *at = here(),
        EndpointKind::Name { name, at } if at.is_none() && !is_network(context, &name.value) => *at = here(),
        EndpointKind::Or(alternatives) => {
            for alternative in alternatives {
                settle(alternative, home, context);
            }
        }
        EndpointKind::But(inner, without) => {
            settle(inner, home, context);
            settle(without, home, context);
        }
        EndpointKind::Group(inner) => settle(inner, home, context),
        _ => {}
    }
}

/// Every statement of the intents outside of blocks and inside of them.
fn statements<'a>(context: &Context<'a>) -> impl Iterator<Item = &'a StatementKind> {
    context.units.iter().flat_map(|unit| {
        let own = |item: &'a Item| match &item.kind {
            ItemKind::Statement(statement) => Some(&statement.kind),
            ItemKind::Comment(_) | ItemKind::Broken => None,
        };
        unit.tree.items.iter().filter_map(own).flat_map(move |kind| {
            let inner: &'a [Item] = match kind {
                StatementKind::Namespace(namespace) => namespace.body.as_ref().map_or(&[], |body| &body.items),
                _ => &[],
            };
            std::iter::once(kind).chain(inner.iter().filter_map(own))
        })
    })
}

/// The only namespace that declares a name, where the usual one does not.
pub(super) fn declared_in(endpoint: &Endpoint, usual: &Symbol, context: &Context<'_>) -> Option<Symbol> {
    let name = match &endpoint.kind {
        EndpointKind::Name { name, .. } => &name.value,
        EndpointKind::Group(inner) => return declared_in(inner, usual, context),
        _ => return None,
    };
    let mut homes: Vec<Symbol> = context.units.iter().flat_map(|unit| homes(&unit.tree.items, name, context)).collect();
    homes.sort();
    homes.dedup();
    if homes.contains(usual) || homes.len() > 1 { None } else { homes.pop() }
}

/// The namespaces of a file in which a workload or group of this name is declared.
fn homes(items: &[Item], name: &str, context: &Context<'_>) -> Vec<Symbol> {
    let mut here = vec![context.default_namespace()];
    let mut found = Vec::new();
    for item in items {
        let ItemKind::Statement(statement) = &item.kind else { continue };
        let StatementKind::Namespace(head) = &statement.kind else {
            if declares(&statement.kind, name) {
                found.extend(here.iter().cloned());
            }
            continue;
        };
        let NamespaceNames::List(words) = &head.names else { continue };
        let names: Vec<Symbol> = words.iter().map(|word| word.value.as_str().into()).collect();
        let Some(body) = &head.body else {
            here = names;
            continue;
        };
        let inner = body.items.iter().any(|item| matches!(&item.kind, ItemKind::Statement(inner) if declares(&inner.kind, name)));
        if inner {
            found.extend(names);
        }
    }
    found
}

fn declares(kind: &StatementKind, name: &str) -> bool {
    match kind {
        StatementKind::Workload(workload) => workload.name.value == name,
        StatementKind::Group(group) => group.name.value == name,
        _ => false,
    }
}

fn is_network(context: &Context<'_>, name: &str) -> bool {
    statements(context).any(|kind| matches!(kind, StatementKind::Network(network) if network.name.value == name))
}

/// The labels of a declared workload.
pub(super) fn declared(context: &Context<'_>, namespace: &Symbol, name: &str) -> Option<LabelCube> {
    let program = Program {
        sources: context.sources,
        units: context.units.to_vec(),
        config: context.config,
        inventory: context.inventory,
        default_namespace: context.default_namespace(),
    };
    let (policy, _) = ir::lower(program);
    policy.workloads_in(namespace).iter().find(|workload| *workload.name == *name).map(|workload| workload.labels.clone())
}

/// The destinations, each with its one port.
pub(super) fn targets(
    draft: &Draft<'_>,
    targets: &[ir::Target],
    span: Span,
    context: &Context<'_>,
) -> Result<Vec<Target>, Box<Diagnostic>> {
    let mut found = Vec::new();
    for target in targets {
        let Some(written) = target.ports_location else {
            let known = known_ports(target, context);
            let first = draft.rest.first().copied().unwrap_or(span);
            return Err(Box::new(no_port(draft, first, &known)));
        };
        let mut ranges = target.ports.ranges();
        let (Some((protocol, low, high)), None) = (ranges.next(), ranges.next()) else {
            return Err(Box::new(several_ports(draft, written.span, span)));
        };
        if low != high {
            return Err(Box::new(several_ports(draft, written.span, span)));
        }
        let side = Side { end: target.end.clone(), object: None, span };
        found.push(Target { side, protocol, port: low });
    }
    Ok(found)
}

/// The ports that the pods of a destination are known to have.
fn known_ports(target: &ir::Target, context: &Context<'_>) -> Vec<String> {
    let pods = target.end.peers().pods;
    let has = |workload: &&crate::inventory::InventoryWorkload| pods.overlaps(&crate::flow::PodSet::from(ir::listed_cube(workload)));
    let ports = context.inventory.workloads.iter().filter(has).flat_map(|workload| workload.ports.iter());
    choices(ports.map(|port| (port.number, port.protocol)))
}

fn several_ports(draft: &Draft<'_>, hidden: Span, whole: Span) -> Diagnostic {
    let back = draft.hidden().back(hidden);
    let span = if back.start < whole.start { whole } else { back };
    draft.unclear(span, "a flow goes to one port, and these are several").label("more than one port").help("ask about one of them")
}
