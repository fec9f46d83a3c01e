//! Rules of which denies leave nothing.
//!
//! Owns: `allow-wholly-denied`. What denies leave is the normal form's to say; this compares it with what there was to leave.

use std::collections::HashSet;

use super::ends::ours;
use crate::diagnostic::{Diagnostic, code};
use crate::flow::PodSet;
use crate::gates::{Cause, Gates, Region};
use crate::ir::{Namespace, Policy, Rule, RuleId, Stance, Target};
use crate::syntax::ast::{Action, Direction};

/// Denies that are shown beside a rule.
const SHOWN: usize = 3;

/// A finding for every `allow` that would open something and, because of denies, opens nothing.
///
/// A rule whose requests are denied at the destination still opens the source, which judges no requests: it is not idle.
pub(super) fn check(policy: &Policy, gates: &Gates) -> Vec<Diagnostic> {
    let denies: Vec<&Rule> = ours(policy).map(|(_, rule)| rule).filter(|rule| rule.action == Action::Deny).collect();
    if denies.is_empty() {
        return Vec::new();
    }
    let open = openings(gates);
    let allows = ours(policy).filter(|(id, rule)| rule.action == Action::Allow && !open.contains(id));
    let lost = allows.filter(|(_, rule)| [Direction::In, Direction::Out].iter().any(|direction| would_open(policy, rule, *direction)));
    lost.filter_map(|(_, rule)| finding(rule, &guilty(&denies, rule))).collect()
}

/// The rules that open something in the normal form.
fn openings(gates: &Gates) -> HashSet<RuleId> {
    let openings = gates.namespaces.values().flat_map(|namespace| &namespace.openings);
    let caused = |opening: &crate::gates::Opening| match opening.cause {
        Cause::Rule(rule) => Some(rule),
        Cause::Baseline | Cause::Open => None,
    };
    openings.filter_map(caused).collect()
}

/// Whether a rule would open anything in a direction, were there no denies.
fn would_open(policy: &Policy, rule: &Rule, direction: Direction) -> bool {
    if !rule.faces(direction) {
        return false;
    }
    match direction {
        Direction::Out => opens_something(policy, rule, &rule.source.opened(), direction),
        Direction::In => rule.targets.iter().any(|target| opens_something(policy, rule, &target.end.opened(), direction)),
    }
}

/// Whether a rule opens any of these pods: some of them are managed, and closed this way.
fn opens_something(policy: &Policy, rule: &Rule, pods: &PodSet, direction: Direction) -> bool {
    let closes = |namespace: &Namespace, labels| {
        let mut here = policy.closes.iter().filter(|close| close.namespace == namespace.name && close.directions.contains(&direction));
        here.any(|close| close.pods.cubes().iter().any(|cube| cube.labels.overlaps(labels)))
    };
    let shuts = |namespace: &Namespace, labels| namespace.stance(direction) == Stance::Closed || closes(namespace, labels);
    pods.cubes().iter().any(|cube| {
        let reached = |namespace: &Namespace| {
            namespace.is_managed() && cube.namespace.contains(&namespace.labels) && policy.may_open(rule, namespace)
        };
        match cube.namespace_names() {
            Some(names) => names.iter().filter_map(|name| policy.namespace(name)).any(|home| reached(home) && shuts(home, &cube.labels)),
            None => policy.namespaces.values().any(|home| reached(home) && shuts(home, &cube.labels)),
        }
    })
}

/// The denies that meet a rule.
fn guilty<'a>(denies: &[&'a Rule], rule: &Rule) -> Vec<&'a Rule> {
    let regions: Vec<Region> = rule.targets.iter().map(|target| region(rule, target)).collect();
    let meets = |deny: &&&Rule| {
        deny.targets.iter().any(|target| {
            let cut = region(deny, target);
            regions.iter().any(|region| region.overlaps(&cut))
        })
    };
    denies.iter().filter(meets).copied().collect()
}

fn region(rule: &Rule, target: &Target) -> Region {
    Region { sources: rule.source.peers(), destinations: target.end.peers(), ports: target.ports.clone() }
}

fn finding(rule: &Rule, denies: &[&Rule]) -> Option<Diagnostic> {
    denies.first()?;
    let finding =
        Diagnostic::new(code::ALLOW_WHOLLY_DENIED, rule.location, "everything that this rule allows is denied").label("has no effect");
    let finding = denies.iter().take(SHOWN).fold(finding, |finding, deny| finding.related(deny.location, "denied here"));
    let finding = if denies.len() > SHOWN { finding.note(format!("{} more denies meet this rule", denies.len() - SHOWN)) } else { finding };
    Some(
        finding
            .note("`deny` beats `allow`, whatever their order")
            .help("remove this rule, or leave its callers out of the `deny` with `but`"),
    )
}

#[cfg(test)]
mod tests {
    use crate::check::testing::found;

    fn denied(text: &str) -> Vec<String> {
        found("allow-wholly-denied", &format!("namespace shop\n{text}"))
    }

    const LOST: [&str; 1] = ["warning allow-wholly-denied `allow app=a -> app=b:80`"];

    #[test]
    fn a_rule_that_denies_eat_up_is_told() {
        assert_eq!(denied("allow app=a -> app=b:80\ndeny * -> app=b\n"), LOST);
        assert_eq!(denied("allow app=a -> app=b:80\ndeny app=a -> *@*\ndeny app=a -> app=b,x=y\n"), LOST);
        assert_eq!(denied("allow app=a -> app=b:80\ndeny app=a -> app=b:1-79\ndeny app=a -> app=b:80-90\n"), LOST);
        assert_eq!(denied("allow in app=a -> app=b:80 http GET /a\ndeny * -> app=b:80 http * /{**}\n").len(), 1);
        assert_eq!(denied("allow in 203.0.113.0/24 -> app=b:80\ndeny outside -> app=b\n").len(), 1);
    }

    #[test]
    fn a_rule_of_which_something_is_left_is_not() {
        assert_eq!(denied("allow app=a -> app=b:80\ndeny app=a,x=y -> app=b\n"), [""; 0]);
        assert_eq!(denied("allow app=a -> app=b:80|81\ndeny app=a -> app=b:80\n"), [""; 0]);
        assert_eq!(denied("allow app=a -> app=b:80\ndeny app=c -> app=b:80\n"), [""; 0]);
        assert_eq!(denied("allow app=a -> app=b:80 or 203.0.113.1:443\ndeny app=a -> app=b\n"), [""; 0]);
        assert_eq!(denied("allow app=a -> app=b:80\n"), [""; 0]);
        // The source judges no requests: there the rule still opens what another rule may let in.
        assert_eq!(denied("allow app=a -> app=b:80 http GET /a\ndeny * -> app=b:80 http * /{**}\n"), [""; 0]);
    }
}
