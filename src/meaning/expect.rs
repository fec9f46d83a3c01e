//! What the quantifiers of `expect` mean, over a finite world of flows (design §2.3).
//!
//! Owns: the definition. It is written for a world that is listed flow by flow; `check` decides the same over all pods that
//! could exist, and a property test holds the two together.

use std::collections::BTreeMap;

use super::passes;
use crate::flow::{Flow, Peer, Protocol};
use crate::ir::{Expectation, Policy};
use crate::syntax::ast::Quantifier;

/// Whether an expectation holds in a world that consists of these flows. An empty product fails, whatever is expected, and so does one
/// of which no flow meets what is required.
pub fn holds(policy: &Policy, expectation: &Expectation, world: &[Flow]) -> bool {
    let product: Vec<&Flow> =
        world.iter().filter(|flow| to_destination(expectation, flow) && expectation.source.matches(&flow.source)).collect();
    if !product.iter().any(|flow| satisfies(expectation, flow)) {
        return false;
    }
    match expectation.quantifier {
        Quantifier::Deny => !product.iter().any(|flow| satisfies(expectation, flow) && passes(policy, flow)),
        Quantifier::Some => product.iter().any(|flow| satisfies(expectation, flow) && passes(policy, flow)),
        Quantifier::Allow => allows(policy, expectation, &product),
        Quantifier::Only => allows(policy, expectation, &product) && nobody_else(policy, expectation, world),
    }
}

/// For every source, destination and port some transport and request passes; with a requirement, all that satisfy it and are wanted.
fn allows(policy: &Policy, expectation: &Expectation, product: &[&Flow]) -> bool {
    let demands = expectation.transport.is_some() || !expectation.requests.is_all();
    if demands {
        return product.iter().filter(|flow| satisfies(expectation, flow) && expectation.wants(flow)).all(|flow| passes(policy, flow));
    }
    let mut ends: BTreeMap<(String, String, Protocol, u16), bool> = BTreeMap::new();
    for flow in product {
        let key = (format!("{:?}", flow.source), format!("{:?}", flow.destination), flow.protocol, flow.port);
        *ends.entry(key).or_default() |= passes(policy, flow);
    }
    ends.into_values().all(|passes| passes)
}

/// No flow to the destination passes from outside the source, or without what is required.
fn nobody_else(policy: &Policy, expectation: &Expectation, world: &[Flow]) -> bool {
    let outside = |flow: &&Flow| !expectation.source.matches(&flow.source) || !satisfies(expectation, flow);
    !world.iter().filter(|flow| to_destination(expectation, flow)).filter(outside).any(|flow| passes(policy, flow))
}

/// Whether a flow goes to one of the destinations, on its ports.
fn to_destination(expectation: &Expectation, flow: &Flow) -> bool {
    let fits = |end: &crate::ir::End, peer: &Peer| end.matches(peer);
    expectation.targets.iter().any(|target| target.ports.contains(flow.protocol, flow.port) && fits(&target.end, &flow.destination))
}

/// Whether a flow meets the written requirements. UDP and SCTP have no transport to speak of: they count as plaintext.
fn satisfies(expectation: &Expectation, flow: &Flow) -> bool {
    expectation.transport.is_none_or(|transport| flow.transport == transport) && expectation.requests.admits(flow.request.as_ref())
}
