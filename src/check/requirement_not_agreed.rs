//! Requirements at ends that another namespace's rules open.
//!
//! Owns: `requirement-not-agreed`. Where a rule may not open its destination, its requirement binds nobody: the rules that do
//! open it decide (design §2.2, §2.3).

use crate::config::Consent;
use crate::diagnostic::{Diagnostic, code};
use crate::gates::{Gates, Region};
use crate::ir::{Ownership, Policy, Rule};
use crate::syntax::ast::{Action, Direction};

/// Findings about requirements that the opening rules do not share.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    // With consent of either and no other program, a rule opens its destination itself.
    let with = policy.namespaces.values().any(|namespace| namespace.ownership == Ownership::With);
    if policy.config.tenancy.consent == Consent::Either && !with {
        return Vec::new();
    }
    let allows: Vec<&Rule> = policy.rules.iter().filter(|rule| rule.action == Action::Allow && rule.faces(Direction::In)).collect();
    let demanding = allows.iter().filter(|rule| rule.has_requirement());
    let pairs = demanding.flat_map(|rule| allows.iter().filter(|other| other.namespace != rule.namespace).map(|other| (*rule, *other)));
    pairs.filter_map(|(rule, other)| wider(policy, rule, other)).collect()
}

/// A finding if `other` opens what `rule` may not open itself, and lets more through there.
fn wider(policy: &Policy, rule: &Rule, other: &Rule) -> Option<Diagnostic> {
    if is_as_strict(rule, other) {
        return None;
    }
    let foreign = |namespace: &&crate::ir::Namespace| {
        namespace.is_managed() && !policy.may_open(rule, namespace) && policy.may_open(other, namespace)
    };
    let namespace = policy.namespaces.values().filter(foreign).find(|namespace| meet_in(rule, other, namespace))?;
    let finding = Diagnostic::new(
        code::REQUIREMENT_NOT_AGREED,
        rule.location,
        format!("namespace `{}` admits more than this rule requires", namespace.name),
    )
    .label("this requirement binds nobody there")
    .related(other.location, "this rule opens the destination, and demands less")
    .note(format!("a destination is opened by the rules of its own namespace; this rule stands in `{}`", rule.namespace));
    Some(finding.help(format!("agree with the owners of `{}` on the requirement, or leave it out here", namespace.name)))
}

/// Whether everything that `other` lets through meets the requirement of `rule`.
fn is_as_strict(rule: &Rule, other: &Rule) -> bool {
    (rule.mtls.is_none() || other.mtls.is_some()) && other.requests.is_subset(&rule.requests)
}

/// Whether both rules speak of some same flow into this namespace.
fn meet_in(rule: &Rule, other: &Rule, namespace: &crate::ir::Namespace) -> bool {
    let inside = |region: Region| {
        let cubes = region.destinations.pods.cubes().iter().filter(|cube| cube.namespace.contains(&namespace.labels)).cloned().collect();
        Region { destinations: crate::flow::Peers { pods: cubes, addresses: crate::flow::AddressSet::none() }, ..region }
    };
    let ours: Vec<Region> = crate::gates::regions(rule).into_iter().map(inside).collect();
    crate::gates::regions(other).iter().any(|theirs| ours.iter().any(|region| region.overlaps(theirs)))
}
