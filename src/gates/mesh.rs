//! Openings to permissions: each widened to the nearest superset that the mesh can say.
//!
//! Owns: the mesh half of the normal form (design §4.1 "widen, then trim", §4.3). Whether widening lets anybody gain is
//! `coupling`'s question.

use std::collections::BTreeSet;

use super::callers::{ByLabel, is_chosen_by_label, subset, superset};
use super::facts::Facts;
use super::openings::{regions, subjects};
use super::{Callers, Cause, Gates, IsolatedBy, MeshGate, NamespaceGates, Opening, Permission, Selector, transport};
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{DataPlane, Intervals, LabelCube, PodCube, RequestCube, RequestSet, Symbol, Values};
use crate::ir::{Namespace, Policy, Rule, RuleId, Stance, captured_ports};
use crate::syntax::ast::{Action, Direction};
use crate::threads::in_shares;

/// Selectors into which one set-based selector is spread; past it the test is dropped and the network trims.
const MAX_SELECTORS: usize = 16;
/// Ports that are listed one by one, since the mesh knows no ranges; past it all ports are meant and the network trims.
const MAX_PORTS: usize = 32;

/// Fewer namespaces than these are not worth a thread.
pub(super) const WORTH_A_THREAD: usize = 8;

/// Fills in the mesh half of every meshed namespace.
pub(super) fn project(policy: &Policy, facts: &Facts<'_>, gates: &mut Gates) {
    let special = special(policy);
    let guarded: Vec<&Namespace> = policy.namespaces.values().filter(|namespace| is_guarded(policy, namespace)).collect();
    let projected = in_shares(&guarded, WORTH_A_THREAD, |share| {
        let mut findings = Vec::new();
        let half = |namespace: &&Namespace| {
            let projection = Projection { policy, facts, namespace, special: &special, snapshots: &BTreeSet::new() };
            Some(projection.mesh(gates.namespaces.get(&namespace.name)?, &mut findings))
        };
        let halves: Vec<Option<MeshGate>> = share.iter().map(half).collect();
        (halves, findings)
    });
    let (halves, findings): (Vec<Vec<Option<MeshGate>>>, Vec<Vec<Diagnostic>>) = projected.into_iter().unzip();
    for (namespace, half) in guarded.iter().zip(halves.into_iter().flatten()) {
        let Some(entry) = gates.namespaces.get_mut(&namespace.name) else { continue };
        entry.mesh = half;
    }
    gates.findings.extend(findings.into_iter().flatten());
}

/// Whether the mesh guards a namespace: managed, with sidecars, and not the root namespace, whose objects act everywhere.
pub(super) fn is_guarded(policy: &Policy, namespace: &Namespace) -> bool {
    namespace.is_managed() && namespace.plane == Some(DataPlane::Sidecar) && *namespace.name != *policy.config.mesh.root_namespace
}

/// The rules that the mesh hears of besides openings: denies, audits, and those that demand tokens.
pub(super) fn special(policy: &Policy) -> Vec<RuleId> {
    let speaks = |rule: &Rule| rule.action != Action::Allow || rule.jwt.is_some();
    policy.rules.iter().enumerate().filter(|(_, rule)| speaks(rule)).map(|(index, _)| RuleId(index)).collect()
}

/// The making of one namespace's mesh half.
pub(super) struct Projection<'a> {
    pub(super) policy: &'a Policy,
    pub(super) facts: &'a Facts<'a>,
    pub(super) namespace: &'a Namespace,
    /// Denies, audits and rules with tokens.
    pub(super) special: &'a [RuleId],
    /// Rules that name the namespaces which they choose by label.
    pub(super) snapshots: &'a BTreeSet<RuleId>,
}

impl Projection<'_> {
    /// The mesh half of the namespace.
    pub(super) fn mesh(&self, gates: &NamespaceGates, findings: &mut Vec<Diagnostic>) -> MeshGate {
        let (policy, namespace) = (self.policy, self.namespace);
        let mut mesh = MeshGate { closed: closed(namespace, gates), ..MeshGate::default() };
        for opening in gates.openings.iter().filter(|opening| opening.direction == Direction::In) {
            let Cause::Rule(rule) = opening.cause else { continue };
            let by_label = if self.snapshots.contains(&rule) { ByLabel::Snapshot } else { ByLabel::Live };
            mesh.permissions.extend(permissions(policy, self.facts, &mesh.closed, opening, rule, by_label));
        }
        let special = self.special.iter().filter_map(|id| Some((*id, policy.rule(*id)?)));
        for (id, rule) in special.filter(|(_, rule)| rule.ownership == namespace.ownership) {
            match rule.action {
                Action::Deny => mesh.permissions.extend(refusals(namespace, &mesh.closed, rule, id)),
                Action::Audit => mesh.permissions.extend(audits(self.facts, namespace, rule, id)),
                Action::Allow => tokens(namespace, &mut mesh, rule, findings),
            }
        }
        mesh.transports = transport::modes(&mesh, namespace);
        mesh
    }
}

/// The selectors of pods that are closed to ingress and that the mesh can select exactly.
fn closed(namespace: &Namespace, gates: &NamespaceGates) -> BTreeSet<Selector> {
    if namespace.stance(Direction::In) == Stance::Closed {
        return BTreeSet::from([Selector::new()]);
    }
    let isolated = gates.isolated.iter().filter(|isolation| isolation.direction == Direction::In && isolation.by == IsolatedBy::Closed);
    isolated.filter_map(|isolation| isolation.subject.enumerated(MAX_SELECTORS)).flatten().filter_map(|cube| selector(&cube)).collect()
}

/// The permissions of one opening: one per selector and alternative of its requests.
pub(super) fn permissions(
    policy: &Policy,
    facts: &Facts<'_>,
    closed: &BTreeSet<Selector>,
    opening: &Opening,
    rule: RuleId,
    by_label: ByLabel,
) -> Vec<Permission> {
    // Ports that the mesh does not see need no permission, and one for them would only keep plaintext open.
    let tcp = opening.tcp().intersect(captured_ports().get(crate::flow::Protocol::Tcp));
    if tcp.is_empty() {
        return Vec::new();
    }
    let snapshot = |cube: &PodCube| (by_label == ByLabel::Snapshot && is_chosen_by_label(cube)).then(|| known_names(policy, cube));
    let callers = superset(facts, &opening.peers, opening.mtls, &snapshot);
    if matches!(&callers, Callers::Some(identities) if identities.is_empty()) {
        return Vec::new();
    }
    let ports = port_list(&tcp);
    let mut permissions = Vec::new();
    for selector in widened(&opening.subject).into_iter().filter(|selector| is_closed(closed, selector)) {
        for request in alternatives(&opening.requests) {
            permissions.push(Permission {
                action: Action::Allow,
                selector: selector.clone(),
                callers: callers.clone(),
                ports: ports.clone(),
                request,
                rule,
            });
        }
    }
    permissions
}

/// An ALLOW isolates what it selects, so it may select only pods that are closed.
fn is_closed(closed: &BTreeSet<Selector>, selector: &Selector) -> bool {
    closed.iter().any(|closed| closed.iter().all(|(key, value)| selector.get(key) == Some(value)))
}

/// The alternatives of a request set as permissions say them. Connections that are no HTTP are dropped where some requests
/// are denied: the port is assumed to be served as HTTP, since a rule names requests on it.
pub(super) fn alternatives(requests: &RequestSet) -> Vec<Option<RequestCube>> {
    if requests.is_all() {
        return vec![None];
    }
    requests.cubes.iter().cloned().map(Some).collect()
}

/// The ports one by one; none where that would be too many, or all that the mesh sees.
pub(super) fn port_list(ports: &Intervals<u16>) -> Option<BTreeSet<u16>> {
    if captured_ports().get(crate::flow::Protocol::Tcp).is_subset(ports) {
        return None;
    }
    let count: usize = ports.ranges().iter().map(|(low, high)| usize::from(*high) - usize::from(*low) + 1).sum();
    (count <= MAX_PORTS).then(|| ports.ranges().iter().flat_map(|(low, high)| *low..=*high).collect())
}

/// The ports as they act: all of them where none are listed.
pub(super) fn acting_ports(ports: Option<&BTreeSet<u16>>) -> Intervals<u16> {
    match ports {
        None => captured_ports().get(crate::flow::Protocol::Tcp).clone(),
        Some(list) => Intervals::collect(list.iter().map(|port| (*port, *port))),
    }
}

/// The nearest selectors that include a cube: finite tests one by one, all others dropped.
pub(super) fn widened(subject: &LabelCube) -> Vec<Selector> {
    let finite = subject.iter().filter(|(_, values)| values.finite().is_some_and(|words| words.iter().all(|word| !word.is_empty())));
    let finite = finite.fold(LabelCube::all(), |cube, (key, values)| cube.with(key.clone(), values.clone()));
    let cubes = finite.enumerated(MAX_SELECTORS).unwrap_or_else(|| vec![finite.widened()]);
    cubes.iter().filter_map(selector).collect()
}

/// A cube of equalities as a selector.
///
/// Istio takes a missing key for an empty value, so a selector with one would also match pods without the key.
fn selector(cube: &LabelCube) -> Option<Selector> {
    let equalities = cube.equalities()?;
    (!equalities.iter().any(|(_, value)| value.is_empty())).then(|| equalities.into_iter().collect())
}

/// A selector as a cube.
pub(super) fn cube(selector: &Selector) -> LabelCube {
    selector.iter().fold(LabelCube::all(), |cube, (key, value)| cube.with(key.clone(), Values::one(value.clone())))
}

/// The namespaces that a test over labels selects as far as they are known.
pub(super) fn known_names(policy: &Policy, cube: &PodCube) -> Vec<Symbol> {
    policy
        .namespaces
        .values()
        .filter(|namespace| cube.namespace.contains(&namespace.labels))
        .map(|namespace| namespace.name.clone())
        .collect()
}

/// A deny as far as the mesh can say a part of it that nobody else falls under. No verdict rests on it: the allows have
/// been cut already. It guards against allows that others add.
fn refusals(namespace: &Namespace, closed: &BTreeSet<Selector>, rule: &Rule, id: RuleId) -> Vec<Permission> {
    if !rule.faces(Direction::In) || !rule.requests.is_all() {
        return Vec::new();
    }
    let mut permissions = Vec::new();
    for region in regions(rule) {
        let Some(callers) = subset(&region.sources) else { continue };
        let tcp = region.ports.get(crate::flow::Protocol::Tcp);
        let ports = port_list(tcp);
        let everything = region.ports.is_full(crate::flow::Protocol::Tcp);
        if tcp.is_empty() || (ports.is_none() && !everything) {
            continue;
        }
        let exact =
            subjects(&region.destinations.pods, namespace).into_iter().filter_map(|subject| subject.enumerated(MAX_SELECTORS)).flatten();
        for selector in exact.filter_map(|cube| selector(&cube)).filter(|selector| is_closed(closed, selector)) {
            permissions.push(Permission {
                action: Action::Deny,
                selector,
                callers: callers.clone(),
                ports: ports.clone(),
                request: None,
                rule: id,
            });
        }
    }
    permissions
}

/// An audit, widened: logging more than was meant changes no verdict.
fn audits(facts: &Facts<'_>, namespace: &Namespace, rule: &Rule, id: RuleId) -> Vec<Permission> {
    let mut permissions = Vec::new();
    for region in regions(rule) {
        let tcp = region.ports.get(crate::flow::Protocol::Tcp);
        if tcp.is_empty() {
            continue;
        }
        let mtls = if rule.mtls.is_some() { super::Mtls::Required } else { super::Mtls::Optional };
        let callers = superset(facts, &region.sources, mtls, &|_| None);
        let selectors: BTreeSet<Selector> = subjects(&region.destinations.pods, namespace).iter().flat_map(widened).collect();
        for selector in selectors {
            for request in alternatives(&rule.requests) {
                permissions.push(Permission {
                    action: Action::Audit,
                    selector: selector.clone(),
                    callers: callers.clone(),
                    ports: port_list(tcp),
                    request,
                    rule: id,
                });
            }
        }
    }
    permissions
}

/// The issuers that pods verify. A `RequestAuthentication` refuses bad tokens for all that it selects, so it is never widened.
fn tokens(namespace: &Namespace, mesh: &mut MeshGate, rule: &Rule, findings: &mut Vec<Diagnostic>) {
    let Some((issuer, location)) = rule.jwt.as_ref().filter(|_| rule.faces(Direction::In)) else { return };
    let mut selectors: BTreeSet<Selector> = BTreeSet::new();
    for region in regions(rule) {
        for subject in subjects(&region.destinations.pods, namespace) {
            let Some(cubes) = subject.enumerated(MAX_SELECTORS) else {
                findings.push(not_selectable(*location));
                continue;
            };
            let chosen: Option<Vec<Selector>> = cubes.iter().map(selector).collect();
            match chosen {
                Some(chosen) => selectors.extend(chosen),
                None => findings.push(not_selectable(*location)),
            }
        }
    }
    for selector in selectors {
        mesh.tokens.entry(selector).or_default().insert(issuer.clone());
    }
}

fn not_selectable(location: crate::source::Location) -> Diagnostic {
    Diagnostic::new(code::SELECTOR_NOT_EXPRESSIBLE, location, "the mesh cannot select exactly these pods for token checks")
        .label("a RequestAuthentication selects by equality only")
        .note("a wider selector would make pods beside them refuse requests with other tokens")
        .help("name the destination by labels with one value each, as `app=web`")
}
