//! Callers that run as the account that every pod of a namespace has if nothing else is said.
//!
//! Owns: `default-account`, once a namespace. To the mesh such callers are all pods of their namespace that name no account
//! (`semantics.md` §6).

use std::collections::BTreeMap;

use super::ends::{ours, selectors};
use super::listed::{Listed, words};
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{DataPlane, PodCube, Symbol};
use crate::gates::Gates;
use crate::inventory::{AccountNamed, InventoryWorkload};
use crate::ir::{Policy, Rule, Workload};
use crate::source::Location;
use crate::syntax::ast::Action;

/// The account of pods that name none.
const DEFAULT: &str = "default";

/// A finding for every namespace whose `default` account an `allow … mtls` lets in.
pub(super) fn check(policy: &Policy, _gates: &Gates) -> Vec<Diagnostic> {
    let listed = Listed::of_those(policy, |workload| *workload.account == *DEFAULT);
    let declared = declared(policy);
    let mut found: BTreeMap<&Symbol, Found<'_>> = BTreeMap::new();
    for (_, rule) in ours(policy).filter(|(_, rule)| rule.action == Action::Allow && rule.mtls.is_some()) {
        // Whoever lets in all pods of a namespace lets in its `default` account on purpose.
        for cube in selectors(&rule.source).into_iter().filter(|cube| !cube.labels.is_all()) {
            for namespace in names(policy, cube) {
                if found.contains_key(namespace) {
                    continue;
                }
                let caller = callers(&listed, declared.get(namespace).map_or(&[], Vec::as_slice), namespace, cube);
                found.extend(caller.map(|caller| (namespace, Found { caller, rule })));
            }
        }
    }
    found.into_iter().map(|(namespace, found)| finding(namespace, &found)).collect()
}

/// Someone who runs as `default`, and the rule that lets them in.
struct Found<'a> {
    caller: Caller<'a>,
    rule: &'a Rule,
}

/// Who says that they run as `default`.
enum Caller<'a> {
    Declared(&'a Workload),
    Listed(&'a InventoryWorkload),
}

fn declared(policy: &Policy) -> BTreeMap<&Symbol, Vec<&Workload>> {
    let mut declared: BTreeMap<&Symbol, Vec<&Workload>> = BTreeMap::new();
    for workload in policy.workloads.iter().filter(|workload| workload.account.is_some()) {
        declared.entry(&workload.namespace).or_default().push(workload);
    }
    declared
}

/// The namespaces with a mesh that a selector can lie in.
fn names<'a>(policy: &'a Policy, cube: &PodCube) -> Vec<&'a Symbol> {
    let named = cube.namespace_names().map(|names| names.iter().filter_map(|name| policy.namespace(name)).collect::<Vec<_>>());
    let all = named.unwrap_or_else(|| policy.namespaces.values().filter(|namespace| namespace.may_match(&cube.namespace)).collect());
    all.into_iter().filter(|namespace| namespace.plane != Some(DataPlane::None)).map(|namespace| &namespace.name).collect()
}

/// The first caller of one namespace that runs as `default`. A `workload` line is believed before the inventory.
fn callers<'a>(listed: &Listed<'a>, declared: &[&'a Workload], namespace: &Symbol, cube: &PodCube) -> Option<Caller<'a>> {
    let by_line = declared.iter().find(|workload| workload.account.as_deref() == Some(DEFAULT) && workload.labels.overlaps(&cube.labels));
    if let Some(workload) = by_line {
        return Some(Caller::Declared(workload));
    }
    let here = PodCube { labels: cube.labels.clone(), account: cube.account.clone(), ..PodCube::in_namespace(namespace) };
    let spoken_for = |workload: &InventoryWorkload| declared.iter().any(|line| line.labels.contains(&workload.labels));
    let mut met = listed.met(&here);
    met.find(|workload| listed.has_sidecar(workload) && !spoken_for(workload)).map(Caller::Listed)
}

fn finding(namespace: &str, found: &Found<'_>) -> Diagnostic {
    let (who, location, label): (String, Location, &str) = match found.caller {
        Caller::Declared(workload) => (format!("workload `{}`", workload.name), workload.location, "runs as `default`"),
        Caller::Listed(workload) if workload.account_named == AccountNamed::No => (words(workload), workload.location, "names no account"),
        Caller::Listed(workload) => (words(workload), workload.location, "runs as `default`"),
    };
    Diagnostic::new(
        code::DEFAULT_ACCOUNT,
        found.rule.source_location,
        format!("callers of this rule run as the `default` account of namespace `{namespace}`"),
    )
    .label(format!("{who} has no account of its own"))
    .related(location, label)
    .note("every pod that names no account runs as `default`: the mesh takes them all for these callers")
    .help("give the callers a service account of their own, and name it in their manifest (`serviceAccountName`)")
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{Program, deployment};

    const RULES: &str = "namespace shop\nallow app=web -> app=db:5432 mtls\nallow app=web,x=y -> app=cache:6379 mtls\n";

    fn found(text: &str, spec: &str) -> Vec<String> {
        Program::of(text).inventory(&deployment("shop", "web", "{app: web, x: \"y\"}", spec)).found("default-account")
    }

    #[test]
    fn a_workload_that_names_no_account_is_told_once() {
        assert_eq!(found(RULES, ""), ["warning default-account `app=web`"]);
        assert_eq!(found(RULES, "serviceAccountName: default").len(), 1);
    }

    #[test]
    fn a_workload_line_is_told_too_and_believed_first() {
        let line = "namespace shop\nworkload web = app=web account default\nallow web -> app=db:5432 mtls\n";
        assert_eq!(found(line, "serviceAccountName: web"), ["warning default-account `web`"]);
        let line = "namespace shop\nworkload web = app=web account web\nallow web -> app=db:5432 mtls\n";
        assert_eq!(found(line, ""), [""; 0]);
    }

    #[test]
    fn own_accounts_whole_namespaces_and_plain_rules_are_fine() {
        assert_eq!(found(RULES, "serviceAccountName: web"), [""; 0]);
        assert_eq!(found("namespace shop\nallow * -> app=db:5432 mtls\nallow app=web -> app=db:5433\n", ""), [""; 0]);
    }
}
