//! What the Services of one namespace declare of the TCP ports of their pods.
//!
//! Owns: `Declared`: which of them may tell pods apart by what they declare, and whether two may disagree. It must not know which pods
//! they lead to.

use std::collections::{BTreeMap, BTreeSet};

use super::Mesh;
use crate::flow::{Protocol, Symbol};
use crate::inventory::{PortTarget, ProtocolClass, ServiceFacts, ServicePort};

/// Ports of pods, by what Services of one namespace declare them to be.
#[derive(Debug, Clone, Default)]
pub(super) struct Declared {
    /// Plain connections.
    plain: Ports,
    /// Anything else.
    others: Ports,
}

/// Ports of pods, as Services call them.
#[derive(Debug, Clone, Default)]
struct Ports {
    numbers: BTreeSet<u16>,
    /// Whether one is called by a name, which may be any number.
    has_names: bool,
}

impl Mesh {
    /// What Services declare, by their namespace.
    pub(super) fn declared(&self) -> BTreeMap<&Symbol, Declared> {
        let mut all: BTreeMap<&Symbol, Declared> = BTreeMap::new();
        for service in &self.services {
            all.entry(&service.namespace).or_default().add(service);
        }
        all
    }
}

impl Declared {
    /// What the Services of one namespace declare.
    pub(super) fn of(services: &[ServiceFacts]) -> Self {
        let mut all = Self::default();
        for service in services {
            all.add(service);
        }
        all
    }

    fn add(&mut self, service: &ServiceFacts) {
        for port in tcp(service) {
            let ports = if port.class == ProtocolClass::Tcp { &mut self.plain } else { &mut self.others };
            match port.target {
                PortTarget::Number(number) => drop(ports.numbers.insert(number)),
                PortTarget::Name(_) => ports.has_names = true,
            }
        }
    }

    /// Whether one of these Services may tell its pods from others by its ports: it declares one as plain connections, or in another way
    /// one that another Service may declare so (`semantics.md` §5.5).
    pub(super) fn are_told_by(&self, service: &ServiceFacts) -> bool {
        tcp(service).any(|port| port.class == ProtocolClass::Tcp || self.plain.may_hold(&port.target))
    }

    /// Whether these Services may disagree on a port of some pod, or declare as plain connections one whose number is not known.
    pub(super) fn may_be_disputed(&self) -> bool {
        let by_name = self.plain.has_names || (self.others.has_names && !self.plain.numbers.is_empty());
        by_name || !self.plain.numbers.is_disjoint(&self.others.numbers)
    }
}

impl Ports {
    /// Whether a port may be one of these, of some pod.
    fn may_hold(&self, target: &PortTarget) -> bool {
        match target {
            PortTarget::Number(number) => self.has_names || self.numbers.contains(number),
            PortTarget::Name(_) => self.has_names || !self.numbers.is_empty(),
        }
    }
}

fn tcp(service: &ServiceFacts) -> impl Iterator<Item = &ServicePort> {
    service.ports.iter().filter(|port| port.protocol == Protocol::Tcp)
}
