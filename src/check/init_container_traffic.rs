//! Callers that call before their sidecar runs.
//!
//! Owns: `init-container-traffic`, once a workload. Such calls carry no identity, so a rule with `mtls` does not let them in.

use std::collections::BTreeMap;

use super::ends::{ours, selectors};
use super::listed::{Listed, words};
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{PodCube, Symbol};
use crate::gates::Gates;
use crate::inventory::{InitContainers, InventoryWorkload};
use crate::ir::{Policy, Rule};
use crate::syntax::ast::Action;

/// A finding for every workload with a sidecar and init containers that an `allow … mtls` names as its caller.
///
/// Only rules with `mtls` count: another rule makes its destination accept callers without identity as well.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    let listed = Listed::of_those(policy, |workload| workload.init_containers == InitContainers::Present);
    if listed.is_empty() {
        return Vec::new();
    }
    let mut callers: BTreeMap<(&Symbol, &Symbol, &str), (&InventoryWorkload, &Rule)> = BTreeMap::new();
    for (cube, rule) in first_uses(policy) {
        for workload in listed.met(cube).filter(|workload| listed.has_sidecar(workload)) {
            callers.entry((&workload.namespace, &workload.name, workload.kind.name())).or_insert((workload, rule));
        }
    }
    callers.into_values().map(|(workload, rule)| finding(workload, rule)).collect()
}

/// Each selector of a caller that must prove its identity, with the first rule that says it.
fn first_uses(policy: &Policy) -> BTreeMap<&PodCube, &Rule> {
    let mut uses = BTreeMap::new();
    for (_, rule) in ours(policy).filter(|(_, rule)| rule.action == Action::Allow && rule.mtls.is_some()) {
        for cube in selectors(&rule.source) {
            uses.entry(cube).or_insert(rule);
        }
    }
    uses
}

fn finding(workload: &InventoryWorkload, rule: &Rule) -> Diagnostic {
    let finding = Diagnostic::new(
        code::INIT_CONTAINER_TRAFFIC,
        rule.source_location,
        format!("init containers of {} run before its sidecar", words(workload)),
    );
    finding
        .label("what they send proves no identity and is refused")
        .related(workload.location, "has init containers")
        .note("`mtls` lets in callers that prove their identity, and it is the sidecar that does so")
        .help("move the calls into the main container, or run the sidecar as a native one that starts before the init containers")
        .help("if they call nothing that asks for `mtls`, write `accept init-container-traffic`")
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Program, deployment};

    const INIT: &str = "initContainers: [{name: migrate, image: x}]";

    fn found(text: &str, spec: &str) -> Vec<String> {
        Program::of(text).inventory(&deployment("shop", "web", "app: web", spec)).found("init-container-traffic")
    }

    #[test]
    fn early_calls_have_no_identity() {
        let text = "namespace shop\nallow app=web -> app=db:5432 mtls\nallow app=web -> app=cache:6379 mtls\n";
        assert_eq!(found(text, INIT), ["warning init-container-traffic `app=web`"]);
    }

    #[test]
    fn without_mtls_sidecar_or_init_container_nothing_is_lost() {
        let text = "namespace shop\nallow app=web -> app=db:5432 mtls\n";
        assert_eq!(found(text, ""), [""; 0]);
        assert_eq!(found(text, "initContainers: [{name: istio-init, image: x}]"), [""; 0]);
        assert_eq!(found("namespace shop\nallow app=web -> app=db:5432\n", INIT), [""; 0]);
        assert_eq!(found("namespace shop mesh none\nallow app=web -> app=db:5432 mtls\n", INIT), [""; 0]);
    }
}
