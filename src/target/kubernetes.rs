//! `NetworkPolicy` (`networking.k8s.io/v1`).
//!
//! Owns: which objects a namespace gets. How openings become rules is in `rules`, how rules are written in `document`. It
//! prints isolations and openings as they stand; nothing is opened or closed here that `gates` did not decide.

mod document;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use super::name::{Role, name, part};
use super::object::{Object, Wave, intents};
use super::settings::{ClusterAddresses, cluster_addresses};
use super::split::MAX_OBJECT;
use super::{Coverage, Manifest, Target, WORTH_A_THREAD};
use crate::config::SyncWaves;
use crate::flow::{LabelCube, Symbol};
use crate::gates::{Cause, Gates, NamespaceGates, Opening};
use crate::ir::{Need, Ownership, Policy, RuleId};
use crate::syntax::ast::Direction;
use crate::threads::in_shares;

/// `NetworkPolicies`: pods by label and addresses, on ports of every protocol, at both ends.
#[derive(Debug, Clone, Copy)]
pub struct Kubernetes;

impl Target for Kubernetes {
    fn name(&self) -> &'static str {
        "kubernetes"
    }

    fn covers(&self, need: Need) -> Coverage {
        match need {
            Need::Labels
            | Need::LabelSets
            | Need::NamespaceNames
            | Need::NamespaceLabels
            | Need::Addresses
            | Need::Egress
            | Need::Ingress
            | Need::Ports
            | Need::PortRanges
            | Need::Udp
            | Need::Sctp
            | Need::DenyEnds => Coverage::Full,
            Need::Accounts => Coverage::Partial("a NetworkPolicy knows no service accounts: all pods of their namespaces pass"),
            Need::Mtls => Coverage::No("a NetworkPolicy sees labels and addresses, and no identity"),
            Need::Http | Need::HttpMethods | Need::HttpPaths | Need::HttpHosts | Need::HttpHeaders | Need::Tokens => {
                Coverage::No("a NetworkPolicy judges connections, not requests")
            }
            Need::Audit => Coverage::No("a NetworkPolicy logs nothing"),
            Need::DenyRequests => Coverage::No("a NetworkPolicy judges connections, not requests"),
        }
    }

    fn emit(&self, policy: &Policy, gates: &Gates) -> Vec<Manifest> {
        let printer = Printer { policy, addresses: cluster_addresses(&policy.config), waves: policy.config.output.sync_waves };
        let is_ours = |name: &Symbol| policy.namespace(name).is_some_and(|namespace| namespace.ownership == Ownership::Managed);
        let namespaces: Vec<(&Symbol, &NamespaceGates)> = gates.namespaces.iter().filter(|(name, _)| is_ours(name)).collect();
        let print = |share: &[(&Symbol, &NamespaceGates)]| -> Vec<Manifest> {
            share.iter().flat_map(|(name, gates)| printer.namespace(name, gates)).collect()
        };
        in_shares(&namespaces, WORTH_A_THREAD, print).into_iter().flatten().collect()
    }
}

/// What one object says of one selector.
#[derive(Debug, Default)]
struct Subject<'a> {
    /// Directions that are closed and of which no opening may speak.
    isolated: BTreeSet<Direction>,
    ingress: Vec<&'a Opening>,
    egress: Vec<&'a Opening>,
}

impl<'a> Subject<'a> {
    fn openings(&mut self, direction: Direction) -> &mut Vec<&'a Opening> {
        match direction {
            Direction::In => &mut self.ingress,
            Direction::Out => &mut self.egress,
        }
    }

    /// The directions of which the object speaks: always named, as leaving them to be guessed isolates ingress
    /// (`semantics.md` §1.1).
    fn directions(&self) -> BTreeSet<Direction> {
        let ingress = (!self.ingress.is_empty()).then_some(Direction::In);
        let egress = (!self.egress.is_empty()).then_some(Direction::Out);
        self.isolated.iter().copied().chain(ingress).chain(egress).collect()
    }

    fn rules(&self) -> impl Iterator<Item = RuleId> {
        self.ingress.iter().chain(&self.egress).filter_map(|opening| match opening.cause {
            Cause::Rule(rule) => Some(rule),
            Cause::Baseline | Cause::Open => None,
        })
    }
}

struct Printer<'a> {
    policy: &'a Policy,
    addresses: ClusterAddresses,
    waves: SyncWaves,
}

impl Printer<'_> {
    /// All objects of one namespace, by name.
    fn namespace(&self, namespace: &Symbol, gates: &NamespaceGates) -> Vec<Manifest> {
        let subjects = subjects(gates);
        let objects = subjects.iter().flat_map(|((selector, role), subject)| self.subject(namespace, selector, *role, subject));
        let mut manifests: Vec<Manifest> = objects.collect();
        manifests.sort_by(|one, other| one.name.cmp(&other.name));
        manifests
    }

    /// The object of one subject, or several if one would be too large: policies add up (`semantics.md` §1.2).
    fn subject(&self, namespace: &Symbol, selector: &LabelCube, role: Role, subject: &Subject<'_>) -> Vec<Manifest> {
        let ingress = rules::merge(&subject.ingress, &self.addresses);
        let egress = rules::merge(&subject.egress, &self.addresses);
        let directions = subject.directions();
        let spec = document::spec(namespace, selector, &directions, (&ingress, &egress));
        let wave = if role == Role::DefaultDeny { Wave::Denies } else { Wave::Allows };
        let (name, intents) = (name(selector, role), intents(self.policy, namespace, subject.rules()));
        let object = Object {
            api_version: "networking.k8s.io/v1",
            kind: "NetworkPolicy",
            namespace,
            name: &name,
            intents: &intents,
            wave,
            waves: self.waves,
        };
        let whole = object.manifest(&spec);
        if whole.yaml.len() <= MAX_OBJECT {
            return vec![whole];
        }
        let parts = document::parts(&spec, MAX_OBJECT.saturating_sub(intents.len() * 2));
        if parts.is_empty() {
            return vec![whole];
        }
        let print = |(at, spec)| Object { name: &part(&name, at + 1), ..object }.manifest(&spec);
        parts.into_iter().enumerate().map(print).collect()
    }
}

/// The objects of a namespace by selector and role.
fn subjects(gates: &NamespaceGates) -> BTreeMap<(LabelCube, Role), Subject<'_>> {
    let mut subjects: BTreeMap<(LabelCube, Role), Subject<'_>> = BTreeMap::new();
    for isolation in &gates.isolated {
        let role = if isolation.subject.is_all() { Role::DefaultDeny } else { Role::Allow };
        for selector in isolation.subject.selectors() {
            subjects.entry((selector, role)).or_default().isolated.insert(isolation.direction);
        }
    }
    for opening in &gates.openings {
        let role = if opening.cause == Cause::Baseline { Role::Baseline } else { Role::Allow };
        for selector in opening.subject.selectors() {
            subjects.entry((selector, role)).or_default().openings(opening.direction).push(opening);
        }
    }
    subjects
}
