//! Namespaces of which something else is said.
//!
//! Owns: what has changed of a namespace, in words. What that does to connections is not asked here.

use std::collections::BTreeSet;

use super::{Fact, FactKind, fact};
use crate::diff::entry::Change;
use crate::diff::seeds::Policies;
use crate::diff::side::Which;
use crate::flow::{DataPlane, NAMESPACE_NAME, Symbol};
use crate::ir::{Namespace, Ownership, Policy};
use crate::source::Location;

/// Namespaces that become managed or stop, and what else is said of them.
pub(super) fn namespaces(base: &Policy, head: &Policy) -> Vec<Fact> {
    let ours = |namespace: Option<&Namespace>| namespace.filter(|namespace| namespace.ownership == Ownership::Managed).cloned();
    let names: BTreeSet<&Symbol> = base.namespaces.keys().chain(head.namespaces.keys()).collect();
    let mut facts = Vec::new();
    for name in names {
        let (old, new) = (ours(base.namespace(name)), ours(head.namespace(name)));
        let place = |which: Which, namespace: &Namespace| namespace.location.map(|location| (which, location));
        match (&old, &new) {
            (None, Some(new)) => facts.push(Fact {
                place: place(Which::Head, new),
                ..fact(FactKind::Namespace, Change::Added, format!("`{name}` becomes managed"))
            }),
            (Some(old), None) => facts.push(Fact {
                place: place(Which::Base, old),
                ..fact(FactKind::Namespace, Change::Removed, format!("`{name}` is no longer managed"))
            }),
            (Some(old), Some(new)) => facts.extend(
                changed_namespace(old, new)
                    .map(|text| Fact { place: place(Which::Head, new), ..fact(FactKind::Namespace, Change::Changed, text) }),
            ),
            (None, None) => {}
        }
    }
    facts
}

fn changed_namespace(old: &Namespace, new: &Namespace) -> Option<String> {
    let labels = |namespace: &Namespace| {
        let own = namespace.labels.iter().filter(|(key, _)| ***key != *NAMESPACE_NAME);
        let words: Vec<String> = own.map(|(key, value)| format!("{key}={value}")).collect();
        if words.is_empty() { "no labels".to_owned() } else { format!("labels `{}`", words.join(",")) }
    };
    let mut parts = Vec::new();
    if old.labels != new.labels {
        parts.push(format!("{} instead of {}", labels(new), labels(old)));
    }
    if old.plane != new.plane {
        parts.push(format!("mesh {} instead of {}", plane_word(new.plane), plane_word(old.plane)));
    }
    (!parts.is_empty()).then(|| format!("`{}`: {}", new.name, parts.join(", ")))
}

/// What has changed of a namespace, whoever manages it, and where the side that has it says so.
pub(in crate::diff) fn namespace_change(policies: Policies<'_>, name: &Symbol) -> (String, Option<(Which, Location)>) {
    let [old, new] = [policies.base, policies.head].map(|policy| policy.namespace(name));
    let text = match (old, new) {
        (Some(old), Some(new)) => changed_namespace(old, new),
        (None, Some(_)) => Some(format!("`{name}` is described now")),
        (Some(_), None) => Some(format!("`{name}` is no longer described")),
        (None, None) => None,
    };
    let text = text.unwrap_or_else(|| format!("`{name}` is not what it was"));
    let place = |which: Which| {
        let policy = policies.of(which);
        let listed = || policy.inventory.namespaces.get(name).map(|facts| facts.location);
        Some((which, policy.namespace(name).and_then(|namespace| namespace.location).or_else(listed)?))
    };
    (format!("namespace {text}"), place(Which::Head).or_else(|| place(Which::Base)))
}

/// How the language names a data plane.
pub(in crate::diff) const fn plane_word(plane: Option<DataPlane>) -> &'static str {
    match plane {
        Some(DataPlane::None) => "none",
        Some(DataPlane::Sidecar) => "sidecar",
        Some(DataPlane::Ambient) => "ambient",
        None => "unsaid",
    }
}
