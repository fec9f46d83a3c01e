//! Permissions of one selector and action, merged into as few rules as read well.
//!
//! Owns: `Rule`, `merge`. The rules match exactly what the permissions do, whatever order those come in. Permissions for
//! requests and for connections never share a rule: on a connection that is no HTTP, Istio drops such a rule whole
//! (`semantics.md` trap 37).

use std::collections::{BTreeMap, BTreeSet};

use crate::flow::RequestCube;
use crate::gates::{Callers, Permission};

/// One rule: all of these callers, on all of these ports, with these requests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rule<'a> {
    /// None is every connection.
    pub(super) request: Option<&'a RequestCube>,
    /// None is every port; never empty.
    pub(super) ports: Option<BTreeSet<u16>>,
    /// Never nobody.
    pub(super) callers: Callers,
}

/// What a rule says but for its callers.
type Operation<'a> = (Option<&'a RequestCube>, Option<&'a BTreeSet<u16>>);

/// The rules of these permissions, in an order of their own. A permission that matches nothing gives none.
pub(super) fn merge<'a>(permissions: &[&'a Permission]) -> Vec<Rule<'a>> {
    let mut by_operation: BTreeMap<Operation<'a>, Callers> = BTreeMap::new();
    for permission in permissions.iter().filter(|permission| matches_something(permission)) {
        let operation = (permission.request.as_ref(), permission.ports.as_ref());
        match by_operation.get_mut(&operation) {
            Some(callers) => join(callers, &permission.callers),
            None => drop(by_operation.insert(operation, permission.callers.clone())),
        }
    }
    let mut by_callers: BTreeMap<(Option<&RequestCube>, Callers), Option<BTreeSet<u16>>> = BTreeMap::new();
    for ((request, ports), callers) in by_operation {
        let union = |known: &mut Option<BTreeSet<u16>>| match (known, ports) {
            (Some(known), Some(more)) => known.extend(more),
            (known, _) => *known = None,
        };
        by_callers.entry((request, reduced(callers))).and_modify(union).or_insert_with(|| ports.cloned());
    }
    let mut rules: Vec<Rule<'a>> = by_callers.into_iter().map(|((request, callers), ports)| Rule { request, ports, callers }).collect();
    rules.sort_unstable();
    rules
}

fn matches_something(permission: &Permission) -> bool {
    let somebody = |callers: &Callers| match callers {
        Callers::Anyone => true,
        Callers::Some(identities) => !identities.is_empty(),
    };
    somebody(&permission.callers)
        && permission.ports.as_ref().is_none_or(|ports| !ports.is_empty())
        && permission.request.as_ref().is_none_or(|request| !request.is_empty())
}

/// Adds callers to others.
fn join(callers: &mut Callers, more: &Callers) {
    match (&mut *callers, more) {
        (Callers::Anyone, _) => {}
        (_, Callers::Anyone) => *callers = Callers::Anyone,
        (Callers::Some(known), Callers::Some(more)) => known.join(more),
    }
}

/// Callers without what a wider identity says already.
fn reduced(callers: Callers) -> Callers {
    match callers {
        Callers::Anyone => Callers::Anyone,
        Callers::Some(identities) => Callers::Some(identities.reduced()),
    }
}
