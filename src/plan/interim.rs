//! Objects that stand for a while, between what was and what is to be.
//!
//! Owns: their content. Whether one is of use is the evaluator's to say. Each is written so that `kubectl apply` of the object
//! that follows takes every trace of it away, or under a name that nothing else has.

use serde_json::{Map, Value, json};

use super::object::{Id, Object, said};
use super::shape::{DRY_RUN, Door, Gate, Shape};
use crate::flow::{LabelCube, Symbol, Values};
use crate::target::print;

/// Which of two objects' rules an object has that stands between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Between {
    /// It lets through what either lets through.
    Wide,
    /// It lets through what stands in both.
    Narrow,
}

/// An object between two of one name that act on the same pods; none if it would be one of the two.
pub(super) fn between(base: (&Object, &Shape), head: (&Object, &Shape), how: Between) -> Option<Object> {
    let (old, new) = (base.1, head.1);
    if old.gate != new.gate || old.subject != new.subject {
        return None;
    }
    let spec = match old.gate {
        Gate::Network => network(old, new, how)?,
        Gate::Allow => vec![("rules", rules(old, new, Door::In, how == Between::Wide))],
        // What is refused more lets through less.
        Gate::Deny => vec![("rules", rules(old, new, Door::In, how == Between::Narrow))],
        Gate::Transport | Gate::Silent | Gate::Other => return None,
    };
    let object = with_spec(head.0, spec)?;
    let is_one = [base.0, head.0].iter().any(|other| other.value().get("spec") == object.value().get("spec"));
    (!is_one).then_some(object)
}

fn rules(old: &Shape, new: &Shape, door: Door, either: bool) -> Value {
    let list = match (old.rules.get(&door), new.rules.get(&door)) {
        (Some(old), Some(new)) if either => new.either(old),
        (Some(old), Some(new)) => new.both(old),
        (Some(only), None) | (None, Some(only)) => only.written.clone(),
        (None, None) => Vec::new(),
    };
    Value::from(list)
}

/// A direction that only one of the two isolates is open in the wide one, and closed as that one has it in the narrow one.
fn network(old: &Shape, new: &Shape, how: Between) -> Option<Vec<(&'static str, Value)>> {
    let (before, after) = (old.doors(), new.doors());
    let doors: Vec<Door> = match how {
        Between::Wide => before.intersection(&after).copied().collect(),
        Between::Narrow => before.union(&after).copied().collect(),
    };
    let words = doors.iter().map(|door| Value::from(direction(*door)));
    let mut spec = vec![("policyTypes", words.collect())];
    for door in [Door::In, Door::Out] {
        let list = if doors.contains(&door) { rules(old, new, door, how == Between::Wide) } else { Value::Null };
        spec.push((if door == Door::In { "ingress" } else { "egress" }, list));
    }
    (!doors.is_empty()).then_some(spec)
}

const fn direction(door: Door) -> &'static str {
    match door {
        Door::In => "Ingress",
        Door::Out => "Egress",
    }
}

/// An object with other fields in its spec; an empty list is left out, as it means what a missing one does here.
fn with_spec(object: &Object, fields: Vec<(&'static str, Value)>) -> Option<Object> {
    let mut value = object.value().clone();
    let spec = value.get_mut("spec")?.as_object_mut()?;
    for (key, field) in fields {
        if field.is_null() || field.as_array().is_some_and(Vec::is_empty) {
            spec.shift_remove(key);
        } else {
            spec.insert(key.to_owned(), field);
        }
    }
    Some(Object { text: print(&value), value: said(value), id: object.id.clone(), file: object.file.clone() })
}

/// A `PeerAuthentication` that takes both transports wherever the given one names a mode.
pub(super) fn permissive(object: &Object) -> Option<Object> {
    let mut value = object.value().clone();
    let spec = value.get_mut("spec")?.as_object_mut()?;
    let permit = |field: &mut Value| {
        if let Some(mode) = field.get_mut("mode") {
            *mode = "PERMISSIVE".into();
        }
    };
    spec.get_mut("mtls").into_iter().for_each(permit);
    if let Some(ports) = spec.get_mut("portLevelMtls").and_then(Value::as_object_mut) {
        ports.iter_mut().map(|(_, field)| field).for_each(permit);
    }
    Some(Object { text: print(&value), value: said(value), id: object.id.clone(), file: object.file.clone() })
}

/// How objects are called that stand only while a plan is applied.
const STEP: &str = "twogate-step";

/// An object that lets everything pass this way for some pods of a namespace, while their policies come or go one by one.
pub(super) fn hold(namespace: &Symbol, gate: Gate, door: Door, labels: &LabelCube, number: usize) -> Option<Object> {
    let suffix = if number == 0 { String::new() } else { format!("-{}", number + 1) };
    let (kind, version, name, spec) = match gate {
        Gate::Network => {
            let (word, list) = if door == Door::In { ("ingress", "ingress") } else { ("egress", "egress") };
            let mut spec = Map::new();
            spec.insert("podSelector".into(), selector(labels));
            spec.insert("policyTypes".into(), json!([direction(door)]));
            spec.insert(list.into(), json!([{}]));
            ("NetworkPolicy", "networking.k8s.io/v1", format!("{STEP}-open-{word}{suffix}"), spec)
        }
        Gate::Allow => {
            let mut spec = Map::new();
            if !labels.is_all() {
                let pairs = labels.equalities()?;
                let pairs: Map<String, Value> = pairs.iter().map(|(key, value)| (key.to_string(), (**value).into())).collect();
                spec.insert("selector".into(), json!({ "matchLabels": pairs }));
            }
            spec.insert("action".into(), "ALLOW".into());
            spec.insert("rules".into(), json!([{}]));
            ("AuthorizationPolicy", "security.istio.io/v1", format!("{STEP}-open{suffix}"), spec)
        }
        Gate::Deny | Gate::Transport | Gate::Silent | Gate::Other => return None,
    };
    let value = json!({
        "apiVersion": version,
        "kind": kind,
        "metadata": { "name": name, "namespace": **namespace, "labels": { "app.kubernetes.io/managed-by": "twogate" } },
        "spec": spec,
    });
    let id = Id { kind: kind.to_owned(), namespace: Symbol::clone(namespace), name };
    Some(Object { text: print(&value), value: said(value), id, file: String::new() })
}

/// A cube that is one selector, as Kubernetes writes it (`semantics.md` §1.5).
fn selector(cube: &LabelCube) -> Value {
    let mut labels = Map::new();
    let mut tests: Vec<Value> = Vec::new();
    for (key, values) in cube.iter() {
        match values.single() {
            Some(value) => drop(labels.insert(key.to_string(), (**value).into())),
            None => tests.extend(requirements(key, values)),
        }
    }
    let mut selector = Map::new();
    if !labels.is_empty() {
        selector.insert("matchLabels".into(), labels.into());
    }
    if !tests.is_empty() {
        selector.insert("matchExpressions".into(), tests.into());
    }
    selector.into()
}

fn requirements(key: &Symbol, values: &Values) -> Vec<Value> {
    let words: Vec<&str> = values.words().iter().map(|word| &**word).collect();
    let bare = |operator: &str| json!({ "key": **key, "operator": operator });
    let listed = |operator: &str| json!({ "key": **key, "operator": operator, "values": words });
    match (values.is_cofinite(), values.allows_absent()) {
        (false, true) if words.is_empty() => vec![bare("DoesNotExist")],
        (false, _) => vec![listed("In")],
        (true, true) => vec![listed("NotIn")],
        (true, false) if words.is_empty() => vec![bare("Exists")],
        (true, false) => vec![bare("Exists"), listed("NotIn")],
    }
}

/// The longest name of an object.
const MAX_NAME: usize = 253;

/// A copy of an `AuthorizationPolicy` under another name that is only tried out (`semantics.md` §2.10).
pub(super) fn trial(object: &Object) -> Option<Object> {
    let name = format!("{}-dry-run", object.id.name);
    let mut value = object.value().clone();
    let metadata = value.get_mut("metadata")?.as_object_mut()?;
    metadata.insert("name".into(), name.as_str().into());
    metadata.shift_remove("creationTimestamp");
    let annotations = metadata.entry("annotations").or_insert_with(|| Map::new().into());
    annotations.as_object_mut()?.insert(DRY_RUN.into(), "true".into());
    let id = Id { name, ..object.id.clone() };
    (id.name.len() <= MAX_NAME).then(|| Object { text: print(&value), value: said(value), id, file: object.file.clone() })
}
