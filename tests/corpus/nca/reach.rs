//! What sets of policies let pass, over one universe of flows, so that they can be compared.
//!
//! Owns: the universe of a scheme: its pods, the classes of addresses and ports of all of its policies together.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_yaml::Value;
use twogate::cluster::Gate;
use twogate::flow::{Protocol, Verdict};

use super::scheme::Scheme;
use crate::corpus::expectation::{Claim, different_pods, port_classes};
use crate::corpus::judge::{Judge, selects};
use crate::corpus::world::World;

/// What one set of policies lets pass.
#[derive(Debug)]
pub(super) struct Reach {
    /// For each flow of the universe.
    pub(super) passes: Vec<bool>,
    /// For each flow, whether a policy acts on it at either end.
    pub(super) captured: Vec<bool>,
    /// Reasons for which flows are left open; they count as not passing.
    pub(super) unspecified: BTreeSet<String>,
    /// The ends that no policy selects, at egress and at ingress, by owner.
    pub(super) unselected: [BTreeSet<String>; 2],
}

/// The universe of a scheme.
#[derive(Debug)]
pub(super) struct Reaches<'s> {
    /// The scheme.
    pub(super) scheme: &'s Scheme,
    blocks: Vec<(u32, u32)>,
    ports: Vec<u16>,
    known: RefCell<BTreeMap<String, Rc<Reach>>>,
}

impl<'s> Reaches<'s> {
    /// Finds the classes.
    pub(super) fn new(scheme: &'s Scheme) -> Self {
        let policies: Vec<Value> = scheme.configurations().flat_map(|name| scheme.policy_objects(name)).collect();
        let world = scheme.world_of(&policies);
        Self { scheme, blocks: world.blocks.clone(), ports: port_classes(&world, []), known: RefCell::default() }
    }

    /// What a set of policies lets pass.
    pub(super) fn of(&self, policies: &[Value]) -> Rc<Reach> {
        let key = serde_yaml::to_string(policies).unwrap();
        if let Some(known) = self.known.borrow().get(&key) {
            return known.clone();
        }
        let reach = Rc::new(self.compute(self.scheme.world_of(policies)));
        self.known.borrow_mut().insert(key, reach.clone());
        reach
    }

    /// How many pods there are.
    pub(super) fn pods(&self) -> usize {
        self.scheme.world_of(&[]).ends.len()
    }

    fn compute(&self, mut world: World) -> Reach {
        world.add_addresses(&self.blocks);
        let judge = Judge::new(&world);
        let pods = || world.ends.iter().filter(|end| end.as_pod().is_some());
        let selected = |gate| pods().filter(|end| selects(&world.cluster, end, gate)).map(|end| end.pod.clone()).collect::<BTreeSet<_>>();
        let (egress, mut ingress) = (selected(Gate::Egress), selected(Gate::Ingress));
        ingress.extend(selected(Gate::Caller));
        let without = |selected: &BTreeSet<String>| pods().filter(|end| !selected.contains(&end.pod)).map(|end| end.name.clone()).collect();
        let unselected = [without(&egress), without(&ingress)];
        let mut reach = Reach { passes: Vec::new(), captured: Vec::new(), unspecified: BTreeSet::new(), unselected };
        for (from, source) in world.ends.iter().enumerate() {
            for (to, destination) in world.ends.iter().enumerate().filter(|(_, end)| different_pods(source, end)) {
                let captured = egress.contains(&source.pod) || ingress.contains(&destination.pod);
                for (protocol, port) in Protocol::ALL.into_iter().flat_map(|protocol| self.ports.iter().map(move |port| (protocol, *port)))
                {
                    let verdict = judge.ask(&Claim { from, to, protocol, port, request: None, allowed: false });
                    reach.passes.push(verdict == Verdict::Allowed);
                    reach.captured.push(captured);
                    if let Verdict::Unspecified(reason) = verdict {
                        reach.unspecified.insert(reason);
                    }
                }
            }
        }
        reach
    }
}

impl Reach {
    /// Whether both let the same pass.
    pub(super) fn equals(&self, other: &Self) -> bool {
        self.passes == other.passes
    }

    /// Whether the other one lets everything pass that this one does.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.passes.iter().zip(&other.passes).all(|(here, there)| !here || *there)
    }

    /// The flows that policies let pass, and not the absence of policies.
    pub(super) fn said(&self) -> impl Iterator<Item = bool> {
        self.passes.iter().zip(&self.captured).map(|(passes, captured)| *passes && *captured)
    }
}
