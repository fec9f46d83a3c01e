//! Connections that no line lets in and a line accepts: the two gates let them in together, each by another rule.
//!
//! Owns: `Acceptance`, `of`: how it is told. Which connections an `accept` covers is `verify`'s. It must not judge.

use super::said::{Line, Said};
use super::setting::Setting;
use crate::compile::seen_by_others;
use crate::diagnostic::level::ACCEPTABLE_ERRORS;
use crate::flow::Flow;
use crate::gates::{self, Coupled};
use crate::ir::{Policy, Rule};
use crate::source::Location;
use crate::verify::{Accepting, Leaves};

/// What lets a connection in that no line lets in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acceptance {
    /// Where the `accept` stands.
    pub location: Location,
    /// The code that it accepts.
    pub code: &'static str,
    /// The rule by which the network lets the connection in.
    pub network: Line,
    /// The rule by which the mesh lets it further.
    pub mesh: Line,
}

/// What is accepted of a connection that passes though the intents refuse it; nothing unless all that they refuse is accepted.
pub(super) fn of(setting: &Setting, flow: &Flow, said: &Said) -> Vec<Acceptance> {
    let policy = &setting.policy;
    if said.passes || !policy.rules.iter().any(|rule| accepting(rule).is_some()) {
        return Vec::new();
    }
    let mut found = within(policy, flow, said);
    if found.is_empty() {
        // A program of others accepts what it does in its own namespaces.
        found = within(&seen_by_others(policy), flow, said);
    }
    found.sort();
    found.dedup();
    found
}

fn within(policy: &Policy, flow: &Flow, said: &Said) -> Vec<Acceptance> {
    let gates = gates::build(policy);
    let leaves = if said.leaves.passes { Leaves::ByLine } else { Leaves::Unsaid };
    Accepting::new(policy, &gates).letting_in(flow, leaves).filter_map(|coupled| acceptance(policy, coupled)).collect()
}

fn acceptance(policy: &Policy, coupled: Coupled) -> Option<Acceptance> {
    let (network, mesh) = (policy.rule(coupled.admitted)?, policy.rule(coupled.granted)?);
    let (location, code) = accepting(network)?;
    Some(Acceptance { location, code, network: Line::of(network), mesh: Line::of(mesh) })
}

/// The place and the code of an `accept` of a rule by which somebody may gain.
fn accepting(rule: &Rule) -> Option<(Location, &'static str)> {
    let acceptance = rule.accepts.iter().find(|acceptance| ACCEPTABLE_ERRORS.contains(&acceptance.code))?;
    Some((acceptance.location, acceptance.code.name()))
}
