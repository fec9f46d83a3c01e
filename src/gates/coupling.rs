//! The coupling of the two gates: a flow may pass one by one rule and the other by another (design §4.1).
//!
//! Owns: the check that, for every caller, destination and port that the network lets through, the mesh lets through no
//! more than the rules that match those three. It must see every pair of rules; what it may skip it skips by proof.

use std::collections::{BTreeMap, BTreeSet};

use super::callers::{ByLabel, Identities, is_chosen_by_label};
use super::facts::{Facts, whole};
use super::mesh::{Projection, WORTH_A_THREAD, acting_ports, cube, is_guarded, known_names, permissions, special};
use super::region::Region;
use super::report;
use super::unjustified::{Effort, Unjustified, is_within};
use super::{Callers, Cause, Coupled, Gates, IsolatedBy, MeshGate, Mtls, NamespaceGates, Opening};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::level::accepted;
use crate::flow::{AddressSet, Intervals, LabelCube, Peers, PodCube, PodSet, PortSet, Protocol, RequestSet, Symbol, Transport};
use crate::ir::{Namespace, Ownership, Policy, Rule, RuleId};
use crate::syntax::ast::Direction;
use crate::threads::in_shares;

/// One opening with both its faces: what the network lets through by it, and what the mesh does.
pub(super) struct Lane<'a> {
    pub(super) rule: RuleId,
    pub(super) opening: &'a Opening,
    /// What the rules mean.
    pub(super) exact: Region,
    /// What the network lets through: callers known by account alone are all pods of their namespaces there.
    network: Region,
    /// The destinations on which the mesh acts, the ports it acts on, the callers it knows.
    selectors: Vec<LabelCube>,
    acting: Intervals<u16>,
    pub(super) callers: Callers,
}

/// Something gained: callers of `admitted` get what `granted` grants.
pub(super) struct Gain<'a> {
    pub(super) granted: &'a Lane<'a>,
    pub(super) admitted: &'a Lane<'a>,
    pub(super) transport: Transport,
    pub(super) region: Region,
    pub(super) requests: RequestSet,
}

/// Checks every guarded namespace. Where namespaces chosen by label are the reason of a gain, their names are listed instead.
pub(super) fn check(policy: &Policy, facts: &Facts<'_>, gates: &mut Gates) {
    let guarded: Vec<&Namespace> = policy.namespaces.values().filter(|namespace| is_guarded(policy, namespace)).collect();
    let parts = in_shares(&guarded, WORTH_A_THREAD, |share| {
        let mut found = Found::default();
        for namespace in share {
            let half = namespace_check(policy, facts, gates, namespace, &mut found);
            found.halves.extend(half.map(|half| (Symbol::clone(&namespace.name), half)));
        }
        found
    });
    for found in parts {
        found.add_to(gates);
    }
}

/// What the check found.
#[derive(Default)]
struct Found {
    findings: Vec<Diagnostic>,
    coupled: Vec<Coupled>,
    snapshots: BTreeMap<RuleId, BTreeSet<Symbol>>,
    /// New mesh halves, by namespace.
    halves: Vec<(Symbol, MeshGate)>,
}

impl Found {
    fn add_to(self, gates: &mut Gates) {
        gates.findings.extend(self.findings);
        gates.coupled.extend(self.coupled);
        for (rule, names) in self.snapshots {
            gates.snapshots.entry(rule).or_default().extend(names);
        }
        for (name, half) in self.halves {
            if let Some(entry) = gates.namespaces.get_mut(&name) {
                entry.mesh = Some(half);
            }
        }
    }

    fn add(&mut self, policy: &Policy, namespace: &Namespace, gains: &[Gain<'_>]) {
        self.findings.extend(gains.iter().map(|gain| {
            let finding = report::gain(policy, namespace, gain);
            if is_accepted_by_others(policy, namespace, gain.admitted.rule, &finding) { accepted(finding) } else { finding }
        }));
        self.coupled.extend(gains.iter().map(|gain| Coupled { admitted: gain.admitted.rule, granted: gain.granted.rule }));
    }
}

/// Whether a `--with` program accepts what its own rule gains in its own namespace: no line of ours could.
fn is_accepted_by_others(policy: &Policy, namespace: &Namespace, rule: RuleId, finding: &Diagnostic) -> bool {
    let is_theirs = |rule: &&Rule| rule.ownership == Ownership::With && namespace.ownership == Ownership::With;
    let accepts = |rule: &Rule| rule.accepts.iter().any(|acceptance| acceptance.code == finding.code);
    policy.rule(rule).filter(is_theirs).is_some_and(accepts)
}

/// Checks one namespace; gives a new mesh half if rules had to be turned into snapshots.
fn namespace_check(policy: &Policy, facts: &Facts<'_>, gates: &Gates, namespace: &Namespace, found: &mut Found) -> Option<MeshGate> {
    let entry = gates.namespaces.get(&namespace.name)?;
    let current = entry.mesh.as_ref()?;
    let search = Search { policy, facts, gates, namespace, effort: Effort::of_a_namespace() };
    let live = search.lanes(entry, current, &BTreeSet::new());
    let gains = search.gains(&live);
    let snapshots: BTreeSet<RuleId> = gains
        .iter()
        .filter(|gain| has_label_namespaces(gain.granted) && search.has_names(gain.granted))
        .map(|gain| gain.granted.rule)
        .collect();
    if snapshots.is_empty() {
        found.add(policy, namespace, &gains);
        found.findings.extend(search.effort.is_spent().then(|| report::too_many_pairs(namespace)));
        return None;
    }
    let lanes = search.lanes(entry, current, &snapshots);
    let gains = search.gains(&lanes);
    found.add(policy, namespace, &gains);
    found.findings.extend(search.effort.is_spent().then(|| report::too_many_pairs(namespace)));
    for rule in &snapshots {
        let cubes = policy.rule(*rule).map(|rule| rule.source.peers().pods).unwrap_or_default();
        found.snapshots.entry(*rule).or_default().extend(cubes.cubes().iter().flat_map(|cube| listed_names(policy, cube)));
    }
    found.findings.extend(snapshots.iter().filter_map(|rule| report::snapshot(policy, *rule)));
    // What this second projection finds was found by the first.
    let projection = Projection { policy, facts, namespace, special: &special(policy), snapshots: &snapshots };
    Some(projection.mesh(entry, &mut Vec::new()))
}

/// The namespaces that are listed by name: those written, and those with the labels.
fn listed_names(policy: &Policy, cube: &PodCube) -> Vec<Symbol> {
    if is_chosen_by_label(cube) {
        return known_names(policy, cube);
    }
    cube.namespace_names().map(<[Symbol]>::to_vec).unwrap_or_default()
}

/// Whether a lane's callers are any identity because their namespaces are chosen by label, and for nothing else.
fn has_label_namespaces(lane: &Lane<'_>) -> bool {
    let any = matches!(&lane.callers, Callers::Some(identities) if identities.any_but.is_some());
    let cubes = lane.opening.peers.pods.cubes();
    any && cubes.iter().all(|cube| cube.namespace_names().is_some() || is_chosen_by_label(cube))
}

struct Search<'a> {
    policy: &'a Policy,
    facts: &'a Facts<'a>,
    gates: &'a Gates,
    namespace: &'a Namespace,
    effort: Effort,
}

impl Search<'_> {
    /// Whether each test over namespace labels selects a known namespace with a mesh: without one there is nothing to list.
    fn has_names(&self, lane: &Lane<'_>) -> bool {
        let by_label = lane.opening.peers.pods.cubes().iter().filter(|cube| is_chosen_by_label(cube));
        let mut by_label = by_label.map(|cube| known_names(self.policy, cube));
        by_label.all(|names| names.iter().any(|name| !self.facts.is_unmeshed(name)))
    }

    /// The openings of pods that the mesh guards.
    fn lanes<'b>(&self, entry: &'b NamespaceGates, mesh: &MeshGate, snapshots: &BTreeSet<RuleId>) -> Vec<Lane<'b>> {
        let mut lanes = Vec::new();
        for opening in entry.openings.iter().filter(|opening| opening.direction == Direction::In) {
            let Cause::Rule(rule) = opening.cause else { continue };
            // Without `mtls` an account of unknown labels is an error of its own, and nothing can be said of its callers.
            if opening.mtls == Mtls::Optional && opening.peers.pods.cubes().iter().any(|cube| !cube.account.is_any()) {
                continue;
            }
            let by_label = if snapshots.contains(&rule) { ByLabel::Snapshot } else { ByLabel::Live };
            let list = permissions(self.policy, self.facts, &mesh.closed, opening, rule, by_label);
            let mut selectors: Vec<LabelCube> = list.iter().map(|permission| cube(&permission.selector)).collect();
            selectors.sort();
            selectors.dedup();
            // Without a permission it grants nothing, and the network still lets its callers in.
            let nobody = || Callers::Some(Identities::default());
            let callers = list.first().map_or_else(nobody, |first| first.callers.clone());
            let acting = list.first().map_or_else(Intervals::none, |first| acting_ports(first.ports.as_ref()));
            let network = opening.network_peers();
            let network = Peers { pods: self.facts.annotated(&network.pods), addresses: network.addresses };
            lanes.push(Lane {
                rule,
                opening,
                exact: self.region(opening.peers.clone(), &opening.subject, opening.tcp().clone()),
                network: self.region(network, &opening.subject, opening.tcp().clone()),
                selectors,
                acting,
                callers,
            });
        }
        lanes
    }

    /// A region that ends at pods of this namespace, over TCP.
    fn region(&self, sources: Peers, subject: &LabelCube, tcp: Intervals<u16>) -> Region {
        let destination = PodCube { labels: subject.clone(), ..whole(&self.namespace.name) };
        let destinations = Peers { pods: PodSet::from(destination), addresses: AddressSet::none() };
        Region { sources, destinations, ports: PortSet::from_intervals(Protocol::Tcp, tcp) }
    }

    /// All gains, the first of each pair of rules, as far as the effort goes.
    fn gains<'b>(&self, lanes: &'b [Lane<'b>]) -> Vec<Gain<'b>> {
        let mut found: BTreeMap<(RuleId, RuleId), Gain<'b>> = BTreeMap::new();
        for granted in lanes {
            for admitted in lanes {
                if found.contains_key(&(granted.rule, admitted.rule)) {
                    continue;
                }
                if self.effort.is_spent() {
                    break;
                }
                let gain = [Transport::Mtls, Transport::Plaintext]
                    .into_iter()
                    .find_map(|transport| self.gain(lanes, granted, admitted, transport));
                if let Some(gain) = gain {
                    found.insert((granted.rule, admitted.rule), gain);
                }
            }
        }
        found.into_values().collect()
    }

    /// What callers that the network lets in by `admitted` gain from the mesh's permission for `granted`.
    fn gain<'b>(&self, lanes: &'b [Lane<'b>], granted: &'b Lane<'b>, admitted: &'b Lane<'b>, transport: Transport) -> Option<Gain<'b>> {
        let need = &granted.opening.requests;
        if transport == Transport::Plaintext && granted.opening.mtls == Mtls::Required {
            return None;
        }
        let is_exact = admitted.exact.sources.pods.cubes().iter().all(|cube| cube.account.is_any());
        if is_exact && is_within(need, admitted, transport) {
            return None;
        }
        let region = self.shared(granted, admitted, transport)?;
        let regions = region.subtract(&granted.exact);
        let others: Vec<&Lane<'_>> = lanes.iter().filter(|lane| !std::ptr::eq(*lane, granted)).collect();
        for region in regions {
            let relevant: Vec<&Lane<'_>> = others.iter().copied().filter(|lane| lane.exact.overlaps(&region)).collect();
            let take = |region: Region, requests: &RequestSet| {
                let region = self.leaves(region)?;
                Some(Gain { granted, admitted, transport, region, requests: requests.clone() })
            };
            let gain = Unjustified::new(transport, &take, &self.effort).first(vec![region], need, &relevant);
            if gain.is_some() {
                return gain;
            }
        }
        None
    }

    /// The flows that the network admits by one lane and the mesh by the other.
    fn shared(&self, granted: &Lane<'_>, admitted: &Lane<'_>, transport: Transport) -> Option<Region> {
        let ports = granted.acting.intersect(admitted.opening.tcp());
        if ports.is_empty() {
            return None;
        }
        let subject = &admitted.opening.subject;
        let pods: PodSet = granted
            .selectors
            .iter()
            .filter_map(|selector| selector.intersect(subject))
            .map(|labels| PodCube { labels, ..whole(&self.namespace.name) })
            .collect();
        if pods.is_empty() {
            return None;
        }
        let mut sources = admitted.network.sources.intersect(&granted.callers.footprint(transport));
        if transport == Transport::Mtls {
            sources = self.identified(&sources);
        }
        let region = Region {
            sources,
            destinations: Peers { pods: pods.simplify(), addresses: AddressSet::none() },
            ports: PortSet::from_intervals(Protocol::Tcp, ports),
        };
        (!region.is_empty()).then_some(region)
    }

    /// Those that can have an identity: pods of namespaces that are not known to have no mesh.
    fn identified(&self, peers: &Peers) -> Peers {
        let meshed = |cube: &&PodCube| cube.namespace_names().is_none_or(|names| names.iter().any(|name| !self.facts.is_unmeshed(name)));
        Peers { pods: peers.pods.cubes().iter().filter(meshed).cloned().collect(), addresses: AddressSet::none() }
    }

    /// The part of a region whose callers can leave: callers of managed namespaces closed to egress need an opening there.
    fn leaves(&self, region: Region) -> Option<Region> {
        if !region.sources.addresses.is_empty() {
            let sources = Peers { pods: PodSet::none(), addresses: region.sources.addresses.clone() };
            return Some(Region { sources, ..region });
        }
        let mut free = region.sources.pods.clone();
        for (name, entry) in &self.gates.namespaces {
            let Some(namespace) = self.policy.namespace(name) else { continue };
            let here = region.sources.pods.cubes().iter().filter(|cube| namespace.may_match(&cube.namespace));
            let here = Peers { pods: here.cloned().collect(), addresses: AddressSet::none() };
            if !here.pods.is_empty() || named(&free, name) {
                free = free.subtract(&isolated(entry, name));
            }
            if here.pods.is_empty() {
                continue;
            }
            let here = Region { sources: here, ..region.clone() };
            for opening in entry.openings.iter().filter(|opening| opening.direction == Direction::Out) {
                self.effort.spend(here.parts());
                if let Some(part) = here.intersect(&through(opening, name)) {
                    return Some(part);
                }
            }
        }
        let sources = Peers { pods: free, addresses: AddressSet::none() };
        (!sources.is_empty()).then_some(Region { sources, ..region })
    }
}

/// What the network lets out by an opening of a namespace.
fn through(opening: &Opening, name: &Symbol) -> Region {
    let near = PodCube { labels: opening.subject.clone(), ..whole(name) };
    let sources = Peers { pods: PodSet::from(near), addresses: AddressSet::none() };
    Region { sources, destinations: opening.network_peers(), ports: opening.ports.clone() }
}

/// Whether some pods of a set are said to be in this namespace, whether or not its labels let them.
fn named(pods: &PodSet, name: &Symbol) -> bool {
    pods.cubes().iter().any(|cube| cube.namespace_names().is_some_and(|names| names.contains(name)))
}

/// The pods of a namespace that egress is closed for.
fn isolated(entry: &NamespaceGates, name: &Symbol) -> PodSet {
    let isolated = entry.isolated.iter().filter(|isolation| isolation.direction == Direction::Out && isolation.by == IsolatedBy::Closed);
    isolated.map(|isolation| PodCube { labels: isolation.subject.clone(), ..whole(name) }).collect()
}
