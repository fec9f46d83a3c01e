//! Label selectors: reading them as strictly as the API server, and asking whether they choose an object of which not every label
//! is known.
//!
//! Owns: `semantics.md` §1.5. It must not know what a selector is for.

use super::truth::{Doubt, Truth};
use crate::flow::{LabelCube, NAMESPACE_NAME, Pod, Symbol, Values};
use crate::manifest::{Node, Reading, names};

use super::{Endpoint, NamespaceLabels};

/// Reads a `LabelSelector`: every test of it must hold, and one without tests chooses everything.
pub(super) fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> LabelCube {
    node.only(reading, &["matchLabels", "matchExpressions"]);
    let equal = node.get(reading, "matchLabels");
    let cube = equal.checked_labels(reading);
    let cube = cube.into_iter().fold(LabelCube::all(), |cube, (key, value)| cube.with(key, Values::one(value)));
    let expressions = node.get(reading, "matchExpressions").list(reading);
    expressions.iter().filter_map(|node| expression(node, reading)).fold(cube, |cube, (key, values)| cube.with(key, values))
}

/// Reads one of `matchExpressions`; nothing if it has no meaning.
fn expression(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<(Symbol, Values)> {
    node.only(reading, &["key", "operator", "values"]);
    let key_node = node.get(reading, "key");
    let key = key_node.text(reading);
    if key.is_none() && !key_node.is_missing() {
        return None;
    }
    if !key.is_some_and(names::is_label_key) {
        key_node.wrong(reading, "the key of a label is expected");
        return None;
    }
    let listed = node.get(reading, "values");
    let given = listed.list(reading);
    let mut values = Vec::new();
    for value in &given {
        match value.text(reading) {
            Some(text) if names::is_label_value(text) => values.push(Symbol::from(text)),
            Some(_) => value.wrong(reading, names::LABEL_VALUE),
            None if value.is_missing() => values.push("".into()),
            None => {}
        }
    }
    let operator = node.get(reading, "operator");
    let set = match (operator.text(reading), given.is_empty()) {
        (Some("In"), false) => Values::of(values),
        (Some("NotIn"), false) => Values::except(values),
        (Some("Exists"), true) => Values::present(),
        (Some("DoesNotExist"), true) => Values::absent(),
        (Some("In" | "NotIn"), true) => {
            listed.wrong(reading, "at least one value is expected");
            return None;
        }
        (Some("Exists" | "DoesNotExist"), false) => {
            listed.wrong(reading, "this operator takes no values");
            return None;
        }
        (None, _) if !operator.is_missing() => return None,
        _ => {
            operator.wrong(reading, "`In`, `NotIn`, `Exists` or `DoesNotExist` is expected");
            return None;
        }
    };
    key.map(|key| (key.into(), set))
}

/// Whether a selector of pods chooses this pod.
pub(super) fn chooses<'a>(cube: &LabelCube, pod: &'a Pod, end: &'a Endpoint) -> Truth<'a> {
    let open = &end.facts.open_labels;
    if open.is_empty() {
        return Truth::of(cube.contains(&pod.labels));
    }
    let each = cube.iter().map(|(key, values)| match open.get(key) {
        Some(key) if end.facts.injected(pod, key).is_some() => Truth::of(values.contains(end.facts.injected(pod, key))),
        Some(key) if is_always_there(key) => of_any_value(values, key),
        Some(key) if !values.is_any() && !values.is_empty() => Truth::Unknown(Doubt::Label { key }),
        _ => Truth::of(values.contains(pod.labels.get(key).map(|value| &**value))),
    });
    each.fold(Truth::Yes, Truth::and)
}

/// The labels that controllers give to each of their pods, in every version, with a value that is not known before: they are open where
/// such a controller makes the pod.
const ALWAYS_THERE: [&str; 4] =
    ["pod-template-hash", "rollouts-pod-template-hash", "controller-revision-hash", "statefulset.kubernetes.io/pod-name"];

fn is_always_there(key: &str) -> bool {
    ALWAYS_THERE.contains(&key)
}

/// Whether a label that is there is among some values, whatever its own is.
fn of_any_value<'a>(values: &Values, key: &'a Symbol) -> Truth<'a> {
    let there = values.intersect(&Values::present());
    if there.is_empty() {
        return Truth::No;
    }
    if Values::present().is_subset(values) { Truth::Yes } else { Truth::Unknown(Doubt::Label { key }) }
}

/// Whether a selector of namespaces chooses the namespace of this pod.
///
/// Every namespace has its name as a label; the other labels of one that no object describes are not known.
pub(super) fn chooses_namespace<'a>(cube: &LabelCube, pod: &'a Pod, end: &'a Endpoint) -> Truth<'a> {
    let each = cube.iter().map(|(key, values)| {
        if **key == *NAMESPACE_NAME {
            return Truth::of(values.contains(Some(&pod.namespace)));
        }
        if end.facts.namespace == NamespaceLabels::NameOnly && !values.is_empty() {
            return Truth::Unknown(Doubt::NamespaceLabels { namespace: &pod.namespace });
        }
        Truth::of(values.contains(pod.namespace_labels.get(key).map(|value| &**value)))
    });
    each.fold(Truth::Yes, Truth::and)
}
