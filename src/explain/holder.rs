//! Whose an address is, where it may be a pod's and is judged as none.
//!
//! Owns: `settle`. What runs on a node and pods on its network have the same addresses, so no answer about one is flat if it is another
//! for the other; of an address among those of pods that no shown pod has nobody knows which labels stand behind it.

use std::net::IpAddr;

use super::call::Call;
use super::open::left_open;
use super::possible::Possible;
use super::setting::{Judge, Setting};
use super::world::{Known, Standing};
use crate::cluster::{Decision, Gate, Way};
use crate::flow::{Peer, PodCube, PodSet, Verdict};

/// Who may have an address besides whom it is judged as.
struct Holders {
    known: Vec<Known>,
    /// Whether there may be others.
    is_partial: bool,
    /// What is to be said of them.
    reason: String,
}

/// An answer, as far as it does not hang on whose an address is.
pub(super) fn settle(setting: &Setting, call: &Call, decision: Decision) -> Decision {
    if setting.judge != Judge::Given || matches!(decision.verdict, Verdict::Unspecified(_)) {
        return decision;
    }
    let Some((way, holders)) = holders(setting, call) else { return decision };
    let verdict = |known: &Known| {
        let mut question = call.question();
        match way {
            Way::Egress => question.source = known.endpoint.clone(),
            Way::Ingress => question.destination = known.endpoint.clone(),
        }
        setting.cluster.decide(&question).verdict
    };
    let other = holders.known.iter().map(verdict).find(|verdict| *verdict != decision.verdict);
    let reason = match other {
        Some(Verdict::Unspecified(why)) => format!("{}: {why}", holders.reason),
        Some(Verdict::Allowed | Verdict::Denied) => holders.reason,
        None if holders.is_partial => holders.reason,
        None => return decision,
    };
    left_open(decision, &reason, |step| matches!(step.gate, Gate::Egress | Gate::Ingress) && !step.decided_by.is_empty())
}

/// Who may have the address at one end, and which end that is; none if it is whose it is judged as.
fn holders(setting: &Setting, call: &Call) -> Option<(Way, Holders)> {
    let (way, known, far) = match (&call.source.endpoint.peer, &call.destination.endpoint.peer) {
        (Peer::Address(_), Peer::Pod(_)) => (Way::Egress, &call.source, &call.destination),
        (Peer::Pod(_), Peer::Address(_)) => (Way::Ingress, &call.destination, &call.source),
        _ => return None,
    };
    let address = known.range.only()?;
    on_node(setting, known, address).or_else(|| among_pods(setting, call, address, (way, far))).map(|holders| (way, holders))
}

/// The pods on the network of the node that has an address.
fn on_node(setting: &Setting, known: &Known, address: IpAddr) -> Option<Holders> {
    let on_node = setting.world.on_network(address, known.endpoint.facts.node.as_ref());
    let first = on_node.first()?;
    let name = first.name.clone().unwrap_or_else(|| first.text.clone());
    let reason = format!("{address} is also the address of {name}, which is on the network of its node");
    Some(Holders { known: on_node, is_partial: false, reason })
}

/// One of each class of pods, as anybody's an address among those of pods may be.
fn among_pods(setting: &Setting, call: &Call, address: IpAddr, (way, far): (Way, &Known)) -> Option<Holders> {
    let config = &setting.policy.config.cluster;
    let is_other =
        setting.world.addressed().node_at(address).is_some() || config.nodes.contains(address) || config.services.contains(address);
    if !config.pods.contains(address) || is_other {
        return None;
    }
    let possible = Possible::new(setting, (call.protocol, call.port));
    let opposite = if way == Way::Egress { Way::Ingress } else { Way::Egress };
    let far = possible.by_itself(&Standing { known: vec![far.clone()], sets: Vec::new() }, opposite);
    let anybody = Standing { known: Vec::new(), sets: vec![PodSet::from(PodCube::all())] };
    let mut found = possible.before(&anybody, way, &far);
    for known in &mut found.known {
        known.endpoint.facts.addresses = vec![address];
    }
    let reason = format!("{address} is among `cluster.pod-cidrs` and no pod that is shown has it: what passes hangs on whose it is");
    Some(Holders { known: found.known, is_partial: found.is_partial, reason })
}
