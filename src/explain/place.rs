//! Objects as plain data: what they are, whom they select, where they come from.
//!
//! Owns: the questions that the rest of the room asks of an object's fields. It must not decide a connection.

use serde_json::Value;

use crate::flow::{Labels, Symbol};

/// The label and the value by which compiled objects are known.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "twogate");

/// A text field below some keys.
pub(super) fn text<'v>(object: &'v Value, keys: &[&str]) -> Option<&'v str> {
    keys.iter().try_fold(object, |value, key| value.get(key))?.as_str()
}

/// The kind.
pub(super) fn kind(object: &Value) -> &str {
    text(object, &["kind"]).unwrap_or_default()
}

/// The namespace, where it is written.
pub(super) fn namespace(object: &Value) -> Option<Symbol> {
    text(object, &["metadata", "namespace"]).map(Symbol::from)
}

/// `NetworkPolicy shop/db`.
pub(super) fn title(object: &Value) -> String {
    let name = text(object, &["metadata", "name"]).unwrap_or_default();
    match text(object, &["metadata", "namespace"]) {
        Some(namespace) => format!("{} {namespace}/{name}", kind(object)),
        None => format!("{} {name}", kind(object)),
    }
}

/// Whether an object is of this kind and name.
pub(super) fn is(object: &Value, kind: &str, namespace: &str, name: &str) -> bool {
    self::kind(object) == kind && text(object, &["metadata", "name"]) == Some(name) && self::namespace(object).as_deref() == Some(namespace)
}

/// Whether an object states facts and decides nothing: what an inventory is read for.
pub(super) fn is_fact(object: &Value) -> bool {
    const FACTS: [&str; 14] = [
        "CronJob",
        "DaemonSet",
        "Deployment",
        "DeploymentConfig",
        "Job",
        "Namespace",
        "Node",
        "Pod",
        "ReplicaSet",
        "ReplicationController",
        "Rollout",
        "Service",
        "ServiceAccount",
        "StatefulSet",
    ];
    FACTS.contains(&kind(object))
}

/// Whether an object was compiled from intents.
pub(super) fn is_compiled(object: &Value) -> bool {
    text(object, &["metadata", "labels", MANAGED_BY.0]) == Some(MANAGED_BY.1)
}

/// The annotation that holds the rules which an object was compiled from, and what stands behind a rule of another namespace.
const INTENTS: (&str, &str) = ("twogate.dev/intents", "  # in namespace ");

/// The texts of the rules that an object says it comes from, each with its namespace.
pub(super) fn origin(object: &Value) -> Vec<(Symbol, String)> {
    let own = namespace(object).unwrap_or_else(|| "".into());
    let lines = text(object, &["metadata", "annotations", INTENTS.0]).unwrap_or_default().lines();
    lines
        .filter(|line| !line.starts_with('#'))
        .map(|line| match line.split_once(INTENTS.1) {
            Some((text, namespace)) => (namespace.trim().into(), text.trim_end().to_owned()),
            None => (own.clone(), line.trim_end().to_owned()),
        })
        .collect()
}

/// Whether a policy may act on a pod: by namespace and selector. What this cannot tell counts as selected.
pub(super) fn selects(policy: &Value, pod_namespace: &str, labels: &Labels, root: &str) -> bool {
    let namespace = namespace(policy);
    if namespace.as_deref() != Some(pod_namespace) && namespace.as_deref() != Some(root) {
        return false;
    }
    let spec = policy.get("spec").unwrap_or(&Value::Null);
    let selector = spec.get("podSelector").or_else(|| spec.get("selector")).unwrap_or(&Value::Null);
    let equal = selector
        .get("matchLabels")
        .and_then(Value::as_object)
        .is_none_or(|pairs| pairs.iter().all(|(key, value)| labels.get(key.as_str()).map(|own| &**own) == value.as_str()));
    let tests = selector.get("matchExpressions").and_then(Value::as_array);
    equal && tests.is_none_or(|tests| tests.iter().all(|test| holds(test, labels)))
}

fn holds(test: &Value, labels: &Labels) -> bool {
    let own = text(test, &["key"]).and_then(|key| labels.get(key));
    let listed = || {
        let values = test.get("values").and_then(Value::as_array);
        values.is_some_and(|values| values.iter().any(|value| own.is_some_and(|own| value.as_str() == Some(own))))
    };
    match text(test, &["operator"]) {
        Some("In") => listed(),
        Some("NotIn") => !listed(),
        Some("Exists") => own.is_some(),
        Some("DoesNotExist") => own.is_none(),
        _ => true,
    }
}
