//! Flows that do not occur under a program's assumptions.
//!
//! Owns: `Granted`. Each case is an assumption that a proof lists.

use std::collections::BTreeSet;

use super::compare::RuledOut;
use super::judge::Way;
use super::program::{Leaf, leaves};
use crate::flow::{
    AddressSet, Cut, Flow, LabelCube, NAMESPACE_NAME, Peer, Peers, Pod, PodCube, PodSet, PortSet, Protocol, Request, RequestSamples,
    Symbol, Values,
};
use crate::gates::Gates;
use crate::ir::{Policy, Rule};
use crate::syntax::ast::Action;

/// What a program's proof takes for granted about flows.
#[derive(Debug)]
pub struct Granted<'a> {
    /// A packet to a Service is judged where it arrives, at a pod (`semantics.md` §1.6), and none is sent from such an address: no
    /// policy sees these.
    services: &'a AddressSet,
    /// Whoever has one of these addresses is a pod.
    pods: &'a AddressSet,
    /// Rules whose namespaces are listed by name for the mesh: no other namespace has the labels that they ask for.
    pub(super) snapshots: Vec<(&'a Rule, &'a BTreeSet<Symbol>)>,
    /// Ports on which a `deny` on requests stands are served as HTTP: to a connection that is none, no gate could apply it.
    pub(super) denies: Vec<&'a Rule>,
}

impl<'a> Granted<'a> {
    /// What the proof of a program takes for granted.
    pub fn new(policy: &'a Policy, gates: &'a Gates) -> Self {
        let denies = policy.rules.iter().filter(|rule| rule.action == Action::Deny && !rule.requests.is_all()).collect();
        let snapshots = gates.snapshots.iter().filter_map(|(id, names)| Some((policy.rule(*id)?, names))).collect();
        Self { services: &policy.config.cluster.services, pods: &policy.config.cluster.pods, snapshots, denies }
    }
}

impl RuledOut for Granted<'_> {
    fn cuts(&self, way: Way) -> Vec<Cut> {
        let cut = |peers: Peers| Cut { peers, ports: PortSet::all(), requests: RequestSamples::default() };
        let mut cuts = Vec::new();
        let inside = self.pods.union(self.services);
        if !inside.is_empty() {
            cuts.push(cut(Peers { pods: PodSet::none(), addresses: inside }));
        }
        if way == Way::Ingress {
            let named = |names: &BTreeSet<Symbol>| LabelCube::of(NAMESPACE_NAME.into(), Values::of(names.iter().cloned()));
            let pods = |names| PodSet::from(PodCube { namespace: named(names), ..PodCube::all() });
            cuts.extend(self.snapshots.iter().map(|(_, names)| cut(Peers { pods: pods(names), addresses: AddressSet::none() })));
            // Whom such a rule meets, and whom it would meet by the namespace's name alone, is no one class where it has no say either.
            let leaves = self.snapshots.iter().flat_map(|(rule, _)| leaves(&rule.source)).map(Leaf::peers);
            cuts.extend(
                leaves.flat_map(|leaf| [by_name(&leaf.pods), leaf.pods]).map(|pods| cut(Peers { pods, addresses: AddressSet::none() })),
            );
            let http = self.denies.iter().flat_map(|rule| &rule.targets).map(|target| target.ports.clone());
            // What is no request there is ruled out, so where nobody looks at requests there is to be one all the same.
            let requests = RequestSamples { looks_inside: true, ..RequestSamples::default() };
            cuts.extend(http.map(|ports| Cut { peers: Peers::all(), ports, requests: requests.clone() }));
        }
        cuts
    }

    fn rules_out(&self, flow: &Flow) -> bool {
        let is_preflight = flow.request.as_ref().is_some_and(Request::is_preflight_with_token);
        if is_preflight || self.rules_out_all(flow) {
            return true;
        }
        flow.protocol == Protocol::Tcp && flow.request.is_none() && self.denies.iter().any(|rule| rule.reaches(flow))
    }

    fn rules_out_all(&self, flow: &Flow) -> bool {
        let is_inside =
            |peer: &Peer| matches!(peer, Peer::Address(address) if self.pods.contains(*address) || self.services.contains(*address));
        is_inside(&flow.source) || is_inside(&flow.destination) || self.comes_from_elsewhere(flow)
    }
}

impl Granted<'_> {
    /// Whether a rule that was listed by name meets a caller for the labels of a namespace that is not on the list.
    fn comes_from_elsewhere(&self, flow: &Flow) -> bool {
        let Peer::Pod(caller) = &flow.source else { return false };
        let is_elsewhere = |names: &BTreeSet<Symbol>| !names.contains(&caller.namespace);
        self.snapshots.iter().any(|(rule, names)| is_elsewhere(names) && is_met_for_labels(rule, caller))
    }
}

/// The pods that are among others whatever labels their namespace has.
fn by_name(pods: &PodSet) -> PodSet {
    let named = |cube: &PodCube| {
        let needs_label = cube.namespace.iter().any(|(key, values)| **key != *NAMESPACE_NAME && !values.allows_absent());
        (!needs_label).then(|| PodCube { namespace: LabelCube::of(NAMESPACE_NAME.into(), cube.names().clone()), ..cube.clone() })
    };
    pods.cubes().iter().filter_map(named).fold(PodSet::none(), |sum, cube| sum.union(&PodSet::from(cube)))
}

/// Whether a rule has a caller for the labels that its namespace has. That no other namespace has some labels may be so; that there is no
/// namespace but those that are known, or none without a label, nobody can take for granted.
fn is_met_for_labels(rule: &Rule, caller: &Pod) -> bool {
    let name = |(key, _): &(&Symbol, &Symbol)| ***key == *NAMESPACE_NAME;
    let bare = caller.namespace_labels.iter().filter(name).map(|(key, value)| (Symbol::clone(key), Symbol::clone(value))).collect();
    let without = Pod { namespace_labels: bare, ..caller.clone() };
    rule.source.matches(&Peer::Pod(caller.clone())) && !rule.source.matches(&Peer::Pod(without))
}
