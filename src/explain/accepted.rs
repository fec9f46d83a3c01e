//! Connections that no line lets in and a line accepts: the two gates let them in together, each by another rule.
//!
//! Owns: `Acceptance`, `of`. An `accept` covers what the network lets in by the rule that it stands at and the mesh lets further by the
//! other rule of the same finding, and nothing else (as in `verify`). It must not judge.

use super::others;
use super::said::{Line, Said};
use super::setting::Setting;
use crate::diagnostic::level::ACCEPTABLE_ERRORS;
use crate::flow::{Flow, Labels, Peer, Pod, Protocol};
use crate::gates::{self, Cause, Coupled, Gates, NamespaceGates, Opening, Permission, Selector};
use crate::ir::{Policy, Rule, captured_ports};
use crate::source::Location;
use crate::syntax::ast::{Action, Direction};

/// What lets a connection in that no line lets in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acceptance {
    /// Where the `accept` stands.
    pub location: Location,
    /// The code that it accepts.
    pub code: &'static str,
    /// The rule by which the network lets the connection in.
    pub network: Line,
    /// The rule by which the mesh lets it further.
    pub mesh: Line,
}

/// What is accepted of a connection that passes though the intents refuse it; nothing unless all that they refuse is accepted.
pub(super) fn of(setting: &Setting, flow: &Flow, said: &Said) -> Vec<Acceptance> {
    let policy = &setting.policy;
    if said.passes || !policy.rules.iter().any(|rule| accepting(rule).is_some()) {
        return Vec::new();
    }
    let mut found = within(policy, flow, said);
    if found.is_empty() {
        // A program of others accepts what it does in its own namespaces.
        found = within(&others::seen_by_others(policy), flow, said);
    }
    found.sort();
    found.dedup();
    found
}

fn within(policy: &Policy, flow: &Flow, said: &Said) -> Vec<Acceptance> {
    let gates = gates::build(policy);
    if !said.leaves.passes && !leaves(&gates, flow) {
        return Vec::new();
    }
    let enters = gates.coupled.iter().filter(|coupled| enters(&gates, coupled, flow));
    enters.filter_map(|coupled| acceptance(policy, *coupled)).collect()
}

fn acceptance(policy: &Policy, coupled: Coupled) -> Option<Acceptance> {
    let (network, mesh) = (policy.rule(coupled.admitted)?, policy.rule(coupled.granted)?);
    let (location, code) = accepting(network)?;
    Some(Acceptance { location, code, network: Line::of(network), mesh: Line::of(mesh) })
}

/// The place and the code of an `accept` of a rule by which somebody may gain.
fn accepting(rule: &Rule) -> Option<(Location, &'static str)> {
    let acceptance = rule.accepts.iter().find(|acceptance| ACCEPTABLE_ERRORS.contains(&acceptance.code))?;
    Some((acceptance.location, acceptance.code.name()))
}

/// Whether the network lets the caller out, whom it knows by labels alone.
fn leaves(gates: &Gates, flow: &Flow) -> bool {
    let Peer::Pod(pod) = &flow.source else { return false };
    openings(gates, pod, Direction::Out)
        .any(|exit| exit.ports.contains(flow.protocol, flow.port) && exit.network_peers().contains(&flow.destination))
}

/// Whether the network lets a connection in by the one rule, and the mesh further by the other.
fn enters(gates: &Gates, coupled: &Coupled, flow: &Flow) -> bool {
    let Peer::Pod(pod) = &flow.destination else { return false };
    let is_admitted = |opening: &Opening| {
        let is_it = opening.cause == Cause::Rule(coupled.admitted) && opening.ports.contains(flow.protocol, flow.port);
        is_it && opening.network_peers().contains(&flow.source)
    };
    openings(gates, pod, Direction::In).any(is_admitted)
        && permissions(gates, pod).any(|permission| permission.rule == coupled.granted && grants(permission, flow))
}

/// What the network opens at a pod.
fn openings<'g>(gates: &'g Gates, pod: &'g Pod, direction: Direction) -> impl Iterator<Item = &'g Opening> {
    let all = gates.namespaces.get(&pod.namespace).map_or(&[][..], |entry: &NamespaceGates| &entry.openings);
    all.iter().filter(move |opening| opening.direction == direction && opening.subject.contains(&pod.labels))
}

/// What the mesh lets further at a pod.
fn permissions<'g>(gates: &'g Gates, pod: &'g Pod) -> impl Iterator<Item = &'g Permission> {
    let mesh = gates.namespaces.get(&pod.namespace).and_then(|entry| entry.mesh.as_ref());
    let all = mesh.map_or(&[][..], |mesh| &mesh.permissions);
    all.iter().filter(|permission| permission.action == Action::Allow && selects(&permission.selector, &pod.labels))
}

fn selects(selector: &Selector, labels: &Labels) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// Whether a permission of the mesh lets a connection further.
fn grants(permission: &Permission, flow: &Flow) -> bool {
    let is_port = match &permission.ports {
        None => captured_ports().contains(flow.protocol, flow.port),
        Some(ports) => flow.protocol == Protocol::Tcp && ports.contains(&flow.port),
    };
    let asks = |cube: &crate::flow::RequestCube| flow.request.as_ref().is_some_and(|request| cube.contains(request));
    is_port && permission.callers.footprint(flow.transport).contains(&flow.source) && permission.request.as_ref().is_none_or(asks)
}
