//! A program as a side.
//!
//! Owns: `Intents`: which pods a program says to be open without a rule, and which sets of requests its rules speak of.

use std::collections::{BTreeMap, BTreeSet};

use super::coupled::Accepted;
use super::moved::Accounts;
use super::side::{Known, Side};
use crate::classes::World as _;
use crate::flow::{AddressSet, Peer, Pod, PodCube, PodSet, Protocol, Request, RequestSet, Symbol};
use crate::gates::Gates;
use crate::ir::{Close, Namespace, Policy, Rule, RuleId, Stance, Target};
use crate::syntax::ast::{Action, Direction};
use crate::verify::{AcceptedRegion, Accepting, Judge, PolicyWorld, Way};

/// A program, ready to be asked.
#[derive(Debug)]
pub(crate) struct Intents<'p> {
    policy: &'p Policy,
    program: Accepting<'p>,
    world: PolicyWorld<'p>,
    /// The rules that may have a destination in a namespace, by its name.
    by_name: BTreeMap<Symbol, Vec<&'p Rule>>,
    /// The rules that may have one in any namespace, or at an address.
    anywhere: Vec<&'p Rule>,
    /// Namespaces that are told apart from such as nobody knows, besides those of which the program speaks.
    more: BTreeSet<Symbol>,
}

impl<'p> Intents<'p> {
    /// A program with what its lines accept, as its gates were found to let it in.
    pub(crate) fn new(policy: &'p Policy, gates: &'p Gates) -> Self {
        Self::within(PolicyWorld::new(policy), (policy, gates), BTreeSet::new())
    }

    fn within(world: PolicyWorld<'p>, (policy, gates): (&'p Policy, &'p Gates), more: BTreeSet<Symbol>) -> Self {
        let mut by_name: BTreeMap<Symbol, Vec<&Rule>> = BTreeMap::new();
        let mut anywhere = Vec::new();
        for rule in &policy.rules {
            match destinations(rule) {
                Some(names) => {
                    for name in names {
                        by_name.entry(name).or_default().push(rule);
                    }
                }
                None => anywhere.push(rule),
            }
        }
        Self { policy, program: Accepting::new(policy, gates), world, by_name, anywhere, more }
    }

    /// The same, of namespaces that neither program speaks of as both take them, and knowing some more by name.
    pub(super) fn beside(program: (&'p Policy, &'p Gates), other: &Policy, more: &BTreeSet<Symbol>) -> Self {
        Self::within(PolicyWorld::beside(program.0, other), program, more.clone())
    }

    /// The same of a program before another one by which these namespaces join the mesh.
    pub(crate) fn before(program: (&'p Policy, &'p Gates), next: &Policy, joining: &BTreeSet<Symbol>) -> Self {
        Self::within(PolicyWorld::before(program.0, next, joining), program, BTreeSet::new())
    }

    /// The same, of namespaces that the program says nothing of as its mode has them.
    pub(super) fn as_said(program: (&'p Policy, &'p Gates), more: &BTreeSet<Symbol>) -> Self {
        Self::within(PolicyWorld::as_said(program.0), program, more.clone())
    }

    /// Where couplings that are accepted may let something in.
    pub(super) fn accepted(&self) -> Vec<Accepted<'p>> {
        let of = |region: AcceptedRegion| {
            let rule = |id: RuleId| self.policy.rule(id);
            Some(Accepted { admitted: rule(region.admitted)?, granted: rule(region.granted)?, region })
        };
        self.program.regions().filter_map(of).collect()
    }

    /// The rules that may have this destination.
    fn rules_to(&self, destination: &Peer) -> impl Iterator<Item = &'p Rule> {
        let named = match destination {
            Peer::Pod(pod) => self.by_name.get(&pod.namespace),
            Peer::Address(_) => None,
        };
        named.into_iter().flatten().chain(&self.anywhere).copied()
    }
}

/// The namespaces in which a rule's destinations lie, if it lists them.
fn destinations(rule: &Rule) -> Option<BTreeSet<Symbol>> {
    let mut names = BTreeSet::new();
    for target in &rule.targets {
        let peers = target.end.peers();
        if !peers.addresses.is_empty() {
            return None;
        }
        for cube in peers.pods.cubes() {
            names.extend(cube.namespace_names()?.iter().cloned());
        }
    }
    Some(names)
}

/// The direction of an end, as the language has it.
pub(super) const fn direction(way: Way) -> Direction {
    match way {
        Way::Ingress => Direction::In,
        Way::Egress => Direction::Out,
    }
}

impl Side for Intents<'_> {
    fn judge(&self) -> &dyn Judge {
        &self.program
    }

    fn example(&self, cube: &PodCube) -> Option<Pod> {
        self.world.example(cube)
    }

    fn limits(&self) -> Vec<PodCube> {
        self.world.label_tests()
    }

    fn planes(&self) -> &[PodCube] {
        self.world.planes()
    }

    fn namespace_labels(&self, name: &str) -> Known {
        let listed = self.policy.inventory.namespaces.contains_key(name);
        let known = |namespace: &Namespace| Known { listed, ..Known::described(namespace.labels.clone(), namespace.is_managed()) };
        self.policy.namespace(name).map(known).unwrap_or_default()
    }

    fn declares(&self, name: &str) -> bool {
        self.policy.namespace(name).is_some_and(|namespace| namespace.is_managed() || namespace.plane.is_some())
    }

    fn namespaces(&self) -> BTreeSet<Symbol> {
        let mut names: BTreeSet<Symbol> = self.policy.namespaces.keys().chain(&self.more).cloned().collect();
        for rule in &self.policy.rules {
            let ends = rule.ends();
            for cube in ends.flat_map(|end| end.peers().pods.cubes().to_vec()) {
                names.extend(cube.names().words().iter().cloned());
            }
        }
        for entry in self.policy.namespaces.values().flat_map(|namespace| self.policy.baseline(namespace)) {
            names.extend(entry.peers.pods.cubes().iter().flat_map(|cube| cube.names().words().to_vec()));
        }
        names
    }

    fn requests(&self, source: &Peer, destination: &Peer, (protocol, port): (Protocol, u16)) -> Vec<RequestSet> {
        let fits = |target: &Target| target.ports.contains(protocol, port) && target.end.matches(destination);
        let matching = |action: Action| {
            self.rules_to(destination)
                .filter(move |rule| rule.action == action && rule.source.matches(source) && rule.targets.iter().any(fits))
        };
        let denied = matching(Action::Deny).filter(|rule| !rule.requests.is_all());
        let denied = denied.fold(RequestSet::default(), |sum, rule| sum.union(&rule.requests));
        let mut sets: Vec<RequestSet> = matching(Action::Allow).map(|rule| rule.requests.clone()).collect();
        if !denied.is_empty() {
            let left: Vec<RequestSet> = sets.iter().map(|set| set.subtract(&denied)).collect();
            sets.extend(left);
        }
        if let Peer::Pod(pod) = destination {
            sets.extend(self.program.requests(pod, (protocol, port)));
        }
        sets.into_iter().map(|set| self.policy.verified(set)).collect()
    }

    fn refuses_token(&self, destination: &Peer, request: &Request) -> bool {
        self.program.refuses_token(destination, request)
    }

    fn accounts(&self) -> Vec<Accounts> {
        self.world.accounts().map(|(pods, accounts)| (pods.clone(), accounts.clone())).collect()
    }

    fn taken(&self) -> AddressSet {
        self.policy.config.cluster.pods.union(&self.policy.config.cluster.services)
    }

    fn open(&self, namespace: &str, way: Way) -> PodSet {
        let whole = PodSet::from(PodCube::in_namespace(namespace));
        let Some(known) = self.policy.namespace(namespace).filter(|known: &&Namespace| known.is_managed()) else { return whole };
        let direction = direction(way);
        if known.stance(direction) == Stance::Closed {
            return PodSet::none();
        }
        let closes =
            self.policy.closes.iter().filter(|close: &&Close| *close.namespace == *namespace && close.directions.contains(&direction));
        closes.fold(whole, |open, close| open.subtract(&close.pods))
    }
}
