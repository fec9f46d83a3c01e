//! Rules that open ends in a namespace not their own.
//!
//! Owns: `foreign-end`, a note: with `consent = "either"` such a rule acts, and the owner should know.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, code};
use crate::flow::{PodSet, Symbol};
use crate::gates::Gates;
use crate::ir::{Ownership, Policy, Rule};
use crate::syntax::ast::{Action, Direction};

/// A note for every rule of ours that opens another managed namespace.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    let ours = policy.rules.iter().filter(|rule| rule.action == Action::Allow && rule.ownership == Ownership::Managed);
    ours.filter_map(|rule| note(policy, rule)).collect()
}

fn note(policy: &Policy, rule: &Rule) -> Option<Diagnostic> {
    let mut owners: BTreeSet<Symbol> = BTreeSet::new();
    if rule.faces(Direction::Out) {
        owners.extend(named(policy, rule, &rule.source.opened()));
    }
    if rule.faces(Direction::In) {
        owners.extend(rule.targets.iter().flat_map(|target| named(policy, rule, &target.end.opened())));
    }
    let first = owners.first()?;
    let list: Vec<&str> = owners.iter().map(|name| &**name).collect();
    let finding = Diagnostic::new(
        code::FOREIGN_END,
        rule.location,
        format!("this rule of `{}` opens pods of `{}`", rule.namespace, list.join("`, `")),
    )
    .label(format!("also changes what `{first}` lets through"))
    .note("with `consent = \"either\"` under `[tenancy]`, a rule opens both its ends, wherever it stands");
    Some(
        finding.help(format!(
            "if the owners of `{first}` shall agree first, set `consent = \"both\"` and let each namespace open its own end"
        )),
    )
}

/// The managed namespaces that a set of pods names, apart from the rule's own. Sets over all namespaces name none.
fn named(policy: &Policy, rule: &Rule, pods: &PodSet) -> Vec<Symbol> {
    let names = pods.cubes().iter().flat_map(|cube| cube.namespace_names().unwrap_or_default());
    names
        .filter(|name| **name != rule.namespace && policy.namespace(name).is_some_and(|namespace| policy.may_open(rule, namespace)))
        .cloned()
        .collect()
}
