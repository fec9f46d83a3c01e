//! What the intents say about a connection, and by which lines.
//!
//! Owns: `Said`. It asks `meaning` and adds the places; it must not know any gate.

use std::collections::BTreeSet;

use crate::flow::{Flow, Peer, Pod, Protocol, Request, Symbol, Transport};
use crate::ir::{Policy, Rule, Stance, Workload};
use crate::meaning;
use crate::source::Location;
use crate::syntax::ast::{Action, Direction};

use super::world::Known;

/// What the intents say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Whether the connection passes.
    pub passes: bool,
    /// The end at the caller.
    pub leaves: End,
    /// The end at the destination.
    pub enters: End,
}

/// What the intents say of one end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Whether it lets the connection pass.
    pub passes: bool,
    /// Why.
    pub why: Why,
    /// The lines that decide: those that open it, else those that cut it.
    pub rules: Vec<Line>,
}

/// Why an end passes or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It is no pod, or one of a namespace that the intents do not manage.
    Unmanaged,
    /// Its namespace is open that way.
    Open,
    /// Every pod keeps this.
    Baseline,
    /// A rule opens it.
    Opened,
    /// A `deny` cuts it.
    Cut,
    /// The token does not verify.
    Token,
    /// Nothing opens it.
    Nothing,
}

/// A line of the intents.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// Where it stands.
    pub location: Location,
    /// The namespace that it stands in.
    pub namespace: Symbol,
    /// Its canonical text, without remarks.
    pub text: String,
}

/// What the intents say of a connection between two who are known.
pub(super) fn of(policy: &Policy, flow: &Flow) -> Said {
    let leaves = end(policy, flow, Direction::Out);
    let enters = end(policy, flow, Direction::In);
    Said { passes: leaves.passes && enters.passes, leaves, enters }
}

/// The connection as the intents see it: declared facts stand for those that run.
pub(super) fn flow(
    policy: &Policy,
    ends: (&Known, &Known),
    port: (Protocol, u16),
    transport: Option<Transport>,
    request: Option<&Request>,
) -> Flow {
    Flow {
        source: peer(policy, &ends.0.endpoint.peer),
        destination: peer(policy, &ends.1.endpoint.peer),
        protocol: port.0,
        port: port.1,
        transport: transport.unwrap_or(Transport::Plaintext),
        request: request.cloned(),
    }
}

fn peer(policy: &Policy, peer: &Peer) -> Peer {
    let Peer::Pod(pod) = peer else { return peer.clone() };
    let mut pod = pod.clone();
    if let Some(namespace) = policy.namespace(&pod.namespace).filter(|namespace| namespace.is_managed()) {
        pod.namespace_labels.clone_from(&namespace.labels);
    }
    if let Some(account) = declared(policy, &pod).and_then(|workload| workload.account.clone()) {
        pod.account = account;
    }
    Peer::Pod(pod)
}

/// The declared workload that a pod belongs to.
pub(super) fn declared<'p>(policy: &'p Policy, pod: &Pod) -> Option<&'p Workload> {
    policy.workloads_in(&pod.namespace).iter().find(|workload| workload.labels.contains(&pod.labels))
}

fn end(policy: &Policy, flow: &Flow, direction: Direction) -> End {
    let passes = meaning::passes_end(policy, flow, direction);
    let (opening, cutting): (Vec<&Rule>, Vec<&Rule>) =
        meaning::speaking(policy, flow, direction).partition(|rule| rule.action == Action::Allow);
    let why = match (managed(policy, flow, direction), passes) {
        (None, _) => Why::Unmanaged,
        (Some(_), true) if !opening.is_empty() => Why::Opened,
        (Some(stance), true) => {
            if stance == Stance::Open {
                Why::Open
            } else {
                Why::Baseline
            }
        }
        (Some(_), false) if !cutting.is_empty() => Why::Cut,
        (Some(stance), false) if !opening.is_empty() || stance == Stance::Open => Why::Token,
        (Some(_), false) => Why::Nothing,
    };
    let rules = if why == Why::Cut { cutting } else { opening };
    End { passes, why, rules: rules.into_iter().map(Line::of).collect::<BTreeSet<_>>().into_iter().collect() }
}

/// What holds at this end where no rule speaks; none if it is nobody's whom the intents manage.
fn managed(policy: &Policy, flow: &Flow, direction: Direction) -> Option<Stance> {
    let near = match direction {
        Direction::In => &flow.destination,
        Direction::Out => &flow.source,
    };
    let Peer::Pod(pod) = near else { return None };
    let namespace = policy.namespace(&pod.namespace).filter(|namespace| namespace.is_managed())?;
    let closed = policy.closes.iter().any(|close| close.directions.contains(&direction) && close.pods.contains(pod));
    Some(if closed { Stance::Closed } else { namespace.stance(direction) })
}

impl Line {
    pub(super) fn of(rule: &Rule) -> Self {
        Self { location: rule.location, namespace: rule.namespace.clone(), text: rule.text.clone() }
    }
}
