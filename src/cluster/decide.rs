//! The whole way of one connection, with reasons.
//!
//! Owns: the order of the gates, and what objects that are not modelled make of them. What each gate says is its own room's.

use super::end::{isolated, matters};
use super::mesh::Hop;
use super::network::{self, Connection};
use super::unmodelled::Unmodelled;
use super::{Cluster, Decision, Endpoint, Gate, Question, Step, Way};
use crate::flow::{Peer, Protocol, Verdict};

/// Decides a question: `NetworkPolicy` at both ends of each hop, then the gates of the mesh.
pub(super) fn decide(cluster: &Cluster, question: &Question) -> Decision {
    let path = cluster.mesh.path(&cluster.platform, question);
    let mut steps: Vec<Step> = path.iter().flat_map(|hop| hop_steps(cluster, hop, question)).collect();
    let mut judged = cluster.mesh.judge(&cluster.platform, question);
    if question.protocol == Protocol::Tcp {
        doubt(cluster, question, &mut judged.steps);
    }
    steps.extend(judged.steps);
    Decision { verdict: verdict(&steps), transport: judged.transport, steps }
}

/// The steps of `NetworkPolicy` on a hop; an address has no policies.
fn hop_steps(cluster: &Cluster, hop: &Hop, question: &Question) -> Vec<Step> {
    let ends = [(&hop.from, &hop.to, Way::Egress), (&hop.to, &hop.from, Way::Ingress)];
    let pods = ends.into_iter().filter(|(near, ..)| matches!(near.peer, Peer::Pod(_)));
    let step = |(near, far, way): (&Endpoint, &Endpoint, Way)| {
        let connection = Connection {
            platform: &cluster.platform,
            near,
            far,
            way,
            protocol: hop.protocol,
            port: hop.wire_port,
            addressed: &question.addressed,
        };
        let selected = cluster.network.selecting(near, way);
        let objects: Vec<&Unmodelled> = cluster.unmodelled.at_network(near, isolated(&selected)).collect();
        network::step(&selected, &connection, &objects)
    };
    pods.map(step).collect()
}

/// Lets objects that are not modelled unsettle the mesh's steps.
fn doubt(cluster: &Cluster, question: &Question, steps: &mut Vec<Step>) {
    let (source, destination) = (&question.source, &question.destination);
    let at_destination: Vec<&Unmodelled> = cluster.unmodelled.at_mesh(destination).collect();
    let at_source = cluster.unmodelled.at_mesh(source).filter(|object| !at_destination.iter().any(|other| std::ptr::eq(*other, *object)));
    let objects: Vec<&Unmodelled> =
        at_destination.iter().copied().chain(at_source).filter(|object| matters(object, source, destination)).collect();
    let Some(first) = objects.first() else { return };
    let reason = first.to_string();
    let verdict = Verdict::Unspecified(reason.clone());
    for step in steps.iter_mut() {
        step.verdict = verdict.clone();
    }
    let decided_by = objects.iter().map(|object| object.object.document(None)).collect();
    steps.push(Step { gate: Gate::Caller, at: destination.to_string(), verdict, decided_by, misses: Vec::new(), reason });
}

/// A connection passes if every gate lets it; one sure refusal decides.
fn verdict(steps: &[Step]) -> Verdict {
    if steps.iter().any(|step| step.verdict == Verdict::Denied) {
        return Verdict::Denied;
    }
    let open = steps.iter().find(|step| step.verdict != Verdict::Allowed);
    open.map_or(Verdict::Allowed, |step| step.verdict.clone())
}
