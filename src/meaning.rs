//! What a program means: the definition, flow by flow (design §2.3).
//!
//! Owns: `passes` and what it is made of. It reads the resolved rules as they were written and uses no set algebra of the
//! gates, so that it can be held against them. It must stay short: whoever doubts the tool reads this file.

mod expect;

use crate::flow::{Flow, Peer, Pod, Token, Transport};
use crate::ir::{Baseline, Issuer, Namespace, Policy, Rule, Stance, UNCAPTURED};
use crate::syntax::ast::{Action, Direction};

pub use expect::holds;

/// The claims of a token, each with the values that it holds.
type Claims = std::collections::BTreeMap<crate::flow::Symbol, std::collections::BTreeSet<crate::flow::Symbol>>;

/// Whether the program lets this flow pass: both ends let it, each judged alone.
pub fn passes(policy: &Policy, flow: &Flow) -> bool {
    passes_end(policy, flow, Direction::Out) && passes_end(policy, flow, Direction::In)
}

/// What is said about one end: the rules and the baseline that may have a say there.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// Its rules, or as many of them as may match any flow that is asked about.
    pub rules: &'a [&'a Rule],
    /// The baseline of the namespace at that end.
    pub baseline: &'a [Baseline],
}

/// Whether one end lets the flow pass. An end that is no pod's, or an unmanaged pod's, always does.
pub fn passes_end(policy: &Policy, flow: &Flow, direction: Direction) -> bool {
    let Some((_, namespace)) = managed_end(policy, flow, direction) else { return true };
    let rules: Vec<&Rule> = policy.rules.iter().collect();
    passes_end_by(Said { policy, rules: &rules, baseline: &policy.baseline(namespace) }, flow, direction)
}

/// The same, by what somebody chose to say: for many questions about one end the choice is made once.
pub fn passes_end_by(said: Said<'_>, flow: &Flow, direction: Direction) -> bool {
    let Some((pod, namespace)) = managed_end(said.policy, flow, direction) else { return true };
    if direction == Direction::In && is_refused_token(said, flow) {
        return false;
    }
    if rules(said, Action::Deny).any(|rule| cuts(rule, flow, namespace, direction)) {
        return false;
    }
    is_open(said.policy, namespace, pod, direction)
        || is_baseline(said, flow, pod, direction)
        || rules(said, Action::Allow).any(|rule| opens(said.policy, rule, flow, pod, namespace, direction))
}

/// The rules that decide at one end: every `allow` that opens it for the flow, and every `deny` that cuts the flow there.
pub fn speaking<'a>(policy: &'a Policy, flow: &'a Flow, direction: Direction) -> impl Iterator<Item = &'a Rule> {
    let end = managed_end(policy, flow, direction);
    policy.rules.iter().filter(move |rule| {
        end.is_some_and(|(pod, namespace)| match rule.action {
            Action::Allow => opens(policy, rule, flow, pod, namespace, direction),
            Action::Deny => cuts(rule, flow, namespace, direction),
            Action::Audit => false,
        })
    })
}

/// The managed pod at one end of the flow, with its namespace.
fn managed_end<'a>(policy: &'a Policy, flow: &'a Flow, direction: Direction) -> Option<(&'a Pod, &'a Namespace)> {
    let Peer::Pod(pod) = near(flow, direction) else { return None };
    let namespace = policy.namespace(&pod.namespace)?;
    namespace.is_managed().then_some((pod, namespace))
}

/// The peer whose end is judged in this direction.
fn near(flow: &Flow, direction: Direction) -> &Peer {
    match direction {
        Direction::In => &flow.destination,
        Direction::Out => &flow.source,
    }
}

/// The rules of one action.
fn rules(said: Said<'_>, action: Action) -> impl Iterator<Item = &Rule> {
    said.rules.iter().copied().filter(move |rule| rule.action == action)
}

/// Whether the pod's namespace is open this way and no `close` selects the pod.
fn is_open(policy: &Policy, namespace: &Namespace, pod: &Pod, direction: Direction) -> bool {
    let closed =
        |close: &crate::ir::Close| close.namespace == namespace.name && close.directions.contains(&direction) && close.pods.contains(pod);
    namespace.stance(direction) == Stance::Open && !policy.closes.iter().any(closed)
}

/// Whether the flow is one that a default deny must not cut (design §4.4).
fn is_baseline(said: Said<'_>, flow: &Flow, pod: &Pod, direction: Direction) -> bool {
    let far = match direction {
        Direction::In => &flow.source,
        Direction::Out => &flow.destination,
    };
    let fits = |entry: &Baseline| {
        entry.direction == direction
            && entry.subject.contains(&pod.labels)
            && entry.peers.contains(far)
            && entry.ports.contains(flow.protocol, flow.port)
    };
    said.baseline.iter().any(fits)
}

/// Whether a `deny` matches the flow at this end. At the source a `deny` on requests is not judged at all.
fn cuts(rule: &Rule, flow: &Flow, namespace: &Namespace, direction: Direction) -> bool {
    if rule.ownership != namespace.ownership || !rule.faces(direction) || !rule.joins(flow) {
        return false;
    }
    match direction {
        Direction::Out => rule.requests.is_all(),
        Direction::In => matches_request(rule, flow),
    }
}

/// Whether an `allow` opens this end and matches the flow there. At the source it is matched by ends and ports alone.
fn opens(policy: &Policy, rule: &Rule, flow: &Flow, pod: &Pod, namespace: &Namespace, direction: Direction) -> bool {
    if !policy.may_open(rule, namespace) || !rule.faces(direction) || !rule.joins(flow) {
        return false;
    }
    match direction {
        Direction::Out => rule.source.opens(pod),
        Direction::In => opens_target(rule, flow, pod) && matches_transport(rule, flow) && matches_request(rule, flow),
    }
}

/// Whether one of the rule's destinations names the pod, on the flow's port.
fn opens_target(rule: &Rule, flow: &Flow, pod: &Pod) -> bool {
    rule.targets.iter().any(|target| target.ports.contains(flow.protocol, flow.port) && target.end.opens(pod))
}

/// Whether the flow proves an identity, if the rule wants that.
fn matches_transport(rule: &Rule, flow: &Flow) -> bool {
    rule.mtls.is_none() || flow.transport == Transport::Mtls
}

/// Whether the flow's request is one of the rule's.
fn matches_request(rule: &Rule, flow: &Flow) -> bool {
    match &flow.request {
        Some(request) => rule.requests.contains(request),
        None => rule.requests.raw,
    }
}

/// Whether the request carries a token that does not verify, to a pod to which any rule says `jwt`. A token of an issuer
/// that no such rule names does not verify there, nor does one for another audience. On a port that the mesh does not capture
/// nobody looks for one.
pub fn is_refused_token(said: Said<'_>, flow: &Flow) -> bool {
    let Some(request) = &flow.request else { return false };
    if UNCAPTURED.contains(&flow.port) {
        return false;
    }
    let reaches = |target: &crate::ir::Target| target.end.matches(&flow.destination);
    let wants = |rule: &&Rule| rule.jwt.is_some() && rule.faces(Direction::In) && rule.targets.iter().any(reaches);
    let mut issuers = rules(said, Action::Allow).filter(wants).filter_map(|rule| rule.jwt.as_ref()).peekable();
    if issuers.peek().is_none() {
        return false;
    }
    match &request.token {
        Token::None => false,
        Token::Unverified => true,
        Token::Valid { issuer, claims } => {
            let verifies = |known: &Issuer| known.url == *issuer && is_for(known, claims);
            !issuers.filter_map(|(name, _)| said.policy.issuers.get(name)).any(verifies)
        }
    }
}

/// Whether a token is meant for one of the audiences that an issuer's tokens must name, if it must name any.
fn is_for(issuer: &Issuer, claims: &Claims) -> bool {
    issuer.audiences.is_empty() || claims.get("aud").is_some_and(|held| issuer.audiences.iter().any(|audience| held.contains(audience)))
}
