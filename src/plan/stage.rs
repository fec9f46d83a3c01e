//! Policies that are tried out before they count (`semantics.md` §2.10).
//!
//! Owns: which `AuthorizationPolicy` is tried out, and the two steps of it. That copies enforce nothing is the evaluator's to say.

use std::collections::BTreeSet;

use super::bench::Bench;
use super::interim::trial;
use super::items::{Change, Item, Role, State};
use super::search::{Phase, Taken};
use super::shape::Gate;
use crate::diff::Changed;
use crate::flow::{DataPlane, Symbol};

/// The policies of the head as copies, in namespaces where one of them is new or changed; and new and changed ones of which no copy
/// is made, with why. Proxies judge copies among themselves, so those that stay are needed for what they let through.
pub(super) fn trials(items: &[Item], plane: &dyn Fn(&Symbol) -> Option<DataPlane>, root: &str) -> (Vec<Item>, Vec<String>) {
    let (mut trials, mut others) = (Vec::new(), Vec::new());
    let policies = || items.iter().filter(|item| item.id.kind == "AuthorizationPolicy");
    let changed: BTreeSet<&Symbol> = policies().filter(|item| item.base != item.head).map(|item| &item.id.namespace).collect();
    for item in policies().filter(|item| changed.contains(&item.id.namespace)) {
        let Some(version) = item.version(item.head) else { continue };
        let name = format!("AuthorizationPolicy {}/{}", item.id.namespace, item.id.name);
        let why = match version.shape().gate {
            Gate::Silent => "it enforces nothing itself",
            Gate::Allow | Gate::Deny if plane(&item.id.namespace) != Some(DataPlane::Ambient) => "",
            Gate::Allow | Gate::Deny => "a ztunnel may enforce a copy, or not get it",
            _ => "what it does is not judged",
        };
        let copy = if why.is_empty() { trial(&version.object) } else { None };
        match copy.filter(|copy| items.iter().all(|item| item.id != copy.id)) {
            Some(copy) => trials.push(Item::passing(copy, Role::Trial, root)),
            None if item.base == item.head => {}
            None => others.push(format!("{name}: {}", if why.is_empty() { "the name of its copy is taken" } else { why })),
        }
    }
    (trials, others)
}

/// The steps that try out all copies and take them away; none if the evaluator sees that they change anything.
pub(super) fn staged(bench: &Bench<'_>, start: &State) -> Vec<Taken> {
    let copies = || bench.items.iter().enumerate().filter(|(_, item)| item.role == Role::Trial).map(|(at, _)| at);
    let up: Vec<Change> = copies().map(|at| Change::Object(at, Some(0))).collect();
    let down: Vec<Change> = copies().map(|at| Change::Object(at, None)).collect();
    let tried = start.after(&up);
    let changes_nothing = || {
        let Changed { entries, untold, .. } = bench.changes(start, &tried, &up);
        entries.is_empty() && untold.is_empty()
    };
    if up.is_empty() || !bench.wrong(&tried, &up).is_nothing() || !changes_nothing() {
        return Vec::new();
    }
    let step = |phase, changes, before: &State, after: &State| Taken {
        phase,
        changes,
        before: before.clone(),
        after: after.clone(),
        wrong: super::bench::Wrong::default(),
    };
    vec![step(Phase::Try, up, start, &tried), step(Phase::EndTry, down, &tried, start)]
}
