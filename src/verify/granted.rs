//! Flows that do not occur under a program's assumptions.
//!
//! Owns: `Granted`. Each case is an assumption that a proof lists.

use super::compare::RuledOut;
use crate::flow::{AddressSet, Flow, Peer, Protocol};
use crate::ir::{Policy, Rule, Target};
use crate::syntax::ast::Action;

/// What a program's proof takes for granted about flows.
#[derive(Debug)]
pub struct Granted<'a> {
    /// A packet to a Service is judged where it arrives, at a pod (`semantics.md` §1.6): no policy sees these as destinations.
    services: &'a AddressSet,
    /// Ports on which a `deny` on requests stands are served as HTTP: to a connection that is none, no gate could apply it.
    pub(super) denies: Vec<&'a Rule>,
}

impl<'a> Granted<'a> {
    /// What the proof of a program takes for granted.
    pub fn new(policy: &'a Policy) -> Self {
        let denies = policy.rules.iter().filter(|rule| rule.action == Action::Deny && !rule.requests.is_all()).collect();
        Self { services: &policy.config.cluster.services, denies }
    }
}

impl RuledOut for Granted<'_> {
    fn rules_out(&self, flow: &Flow) -> bool {
        if matches!(&flow.destination, Peer::Address(address) if self.services.contains(*address)) {
            return true;
        }
        let reaches = |target: &Target| target.ports.contains(flow.protocol, flow.port) && target.end.matches(&flow.destination);
        flow.protocol == Protocol::Tcp && flow.request.is_none() && self.denies.iter().any(|rule| rule.targets.iter().any(reaches))
    }
}
