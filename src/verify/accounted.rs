//! Differences that the program's author accepted.
//!
//! Owns: the account of them, flow by flow: `accept coupled-rules` on a line covers exactly the flows whose ends are that
//! line's and whose request and transport another rule of the same finding grants. Nothing else hides behind it.

use crate::diagnostic::code;
use crate::flow::{Flow, Transport};
use crate::gates::{Coupled, Gates};
use crate::ir::{Policy, Rule};

/// The couplings that the program accepts.
#[derive(Debug)]
pub(super) struct Accounted<'a> {
    pairs: Vec<(&'a Rule, &'a Rule)>,
}

impl<'a> Accounted<'a> {
    /// The couplings that were found and whose line accepts them.
    pub(super) fn new(policy: &'a Policy, gates: &Gates) -> Self {
        let rules = |pair: &Coupled| Some((policy.rule(pair.admitted)?, policy.rule(pair.granted)?));
        let accepts = |(admitted, _): &(&Rule, &Rule)| {
            let lowered = [code::COUPLED_RULES, code::DENY_NOT_SEPARABLE];
            admitted.accepts.iter().any(|acceptance| lowered.contains(&acceptance.code))
        };
        Self { pairs: gates.coupled.iter().filter_map(rules).filter(accepts).collect() }
    }

    /// Whether a flow is gained by an accepted coupling: the network lets it in by one rule, the mesh further by the other.
    pub(super) fn covers(&self, flow: &Flow) -> bool {
        self.pairs.iter().any(|(admitted, granted)| has_ends_of(admitted, flow) && has_rest_of(granted, flow))
    }
}

fn has_ends_of(rule: &Rule, flow: &Flow) -> bool {
    let reaches = |target: &crate::ir::Target| target.ports.contains(flow.protocol, flow.port) && target.end.matches(&flow.destination);
    rule.source.matches(&flow.source) && rule.targets.iter().any(reaches)
}

fn has_rest_of(rule: &Rule, flow: &Flow) -> bool {
    (rule.mtls.is_none() || flow.transport == Transport::Mtls) && rule.requests.admits(flow.request.as_ref())
}
