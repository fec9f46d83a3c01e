//! What a pod and the node that it runs on send to each other, where a flow names an address.
//!
//! Owns: `settle`. No policy stops what comes from the pod's own node, and that none stops what goes there is said in one place and not in
//! another (`semantics.md` §1.7): a refusal of an address that the pod's own node may have is none for sure. It must not judge a connection
//! by itself.

use super::call::Call;
use super::open::left_open;
use super::setting::Setting;
use super::world::Known;
use crate::cluster::{Decision, Gate, Network, Step};
use crate::flow::{Peer, Verdict};

/// An answer, as far as it does not hang on whether an address is that of the pod's own node.
pub(super) fn settle(setting: &Setting, call: &Call, decision: Decision) -> Decision {
    const CALLED: &str = "whether a pod always reaches its own node is undefined, and the address may be its own node's";
    const CALLS: &str = "the pod's own node always reaches it, and the address may be its own node's";
    if decision.verdict != Verdict::Denied {
        return decision;
    }
    if may_be_own(setting, &call.source, &call.destination) {
        return unsure(decision, Gate::Egress, CALLED);
    }
    if may_be_own(setting, &call.destination, &call.source) {
        return unsure(decision, Gate::Ingress, CALLS);
    }
    decision
}

/// A refusal that is none for sure, if this gate alone refuses.
fn unsure(decision: Decision, gate: Gate, reason: &str) -> Decision {
    let is_other = |step: &Step| step.gate != gate && step.verdict == Verdict::Denied;
    if decision.steps.iter().any(is_other) {
        return decision;
    }
    left_open(decision, reason, |step| step.gate == gate && step.verdict == Verdict::Denied)
}

/// Whether the node on which a pod runs may have the address at the other end. One that a Node has, by which nodes are told apart, the
/// evaluator judges.
fn may_be_own(setting: &Setting, pod: &Known, other: &Known) -> bool {
    let is_pod = matches!(pod.endpoint.peer, Peer::Pod(_)) && pod.endpoint.facts.network == Network::Own;
    if !is_pod || other.endpoint.facts.node.is_some() {
        return false;
    }
    let is_nodes = |address| setting.policy.config.cluster.nodes.contains(address);
    if !other.address().is_some_and(is_nodes) {
        return false;
    }
    let Some(node) = &pod.endpoint.facts.node else { return true };
    let mut own = setting.world.addressed().nodes().iter().filter(|(_, name)| *name == node).map(|(address, _)| *address).peekable();
    own.peek().is_none() || own.any(|own| other.range.contains(own))
}
