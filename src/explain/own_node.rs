//! What a pod sends to the node that it runs on, where a flow names an address.
//!
//! Owns: `settle`. That no policy stops such packets is said in one place and not in another (`semantics.md` §1.7), so a refusal of an address
//! that the pod's own node may have is none for sure. It must not judge a connection by itself.

use std::net::IpAddr;

use super::call::Call;
use super::setting::Setting;
use crate::cluster::{Decision, Gate, Network, Step};
use crate::flow::{Peer, Verdict};

/// An answer, as far as it does not hang on whether what is called is the pod's own node.
pub(super) fn settle(setting: &Setting, call: &Call, decision: Decision) -> Decision {
    const UNDEFINED: &str = "whether a pod always reaches its own node is undefined, and the address may be its own node's";
    let is_own = |address| decision.verdict == Verdict::Denied && may_be_own(setting, call, address);
    if !call.destination.address().is_some_and(is_own) {
        return decision;
    }
    let verdict = Verdict::Unspecified(UNDEFINED.to_owned());
    let open = |step: Step| {
        let is_it = step.gate == Gate::Egress && step.verdict == Verdict::Denied;
        if is_it { Step { verdict: verdict.clone(), reason: UNDEFINED.to_owned(), ..step } } else { step }
    };
    let is_other = |step: &Step| step.gate != Gate::Egress && step.verdict == Verdict::Denied;
    if decision.steps.iter().any(is_other) {
        return decision;
    }
    Decision { steps: decision.steps.into_iter().map(open).collect(), verdict: verdict.clone(), ..decision }
}

/// Whether the node on which the caller runs may have an address. One that a Node has, by which nodes are told apart, the evaluator judges.
fn may_be_own(setting: &Setting, call: &Call, address: IpAddr) -> bool {
    let (source, destination) = (&call.source.endpoint, &call.destination);
    let is_pod = matches!(source.peer, Peer::Pod(_)) && source.facts.network == Network::Own;
    if !is_pod || destination.endpoint.facts.node.is_some() || !setting.policy.config.cluster.nodes.contains(address) {
        return false;
    }
    let Some(node) = &source.facts.node else { return true };
    let mut own = setting.world.addressed().nodes().iter().filter(|(_, name)| *name == node).map(|(address, _)| *address).peekable();
    own.peek().is_none() || own.any(|own| destination.range.contains(own))
}
