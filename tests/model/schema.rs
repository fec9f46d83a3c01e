//! Holds Istio objects against the structural schemas of their own definitions, where the schemas are at hand.
//!
//! A small checker: types, required and unknown fields, enums, lengths, counts, bounds, combinations, and three known
//! patterns. Rules in CEL are not run; `validate` says the same in its own words, and a test counts them.

use std::path::PathBuf;

use serde_yaml::Value;

use super::read;

/// What the definitions of the Istio kinds refuse in a stream. `None`, with a line on stderr, when there are no schemas.
/// Other kinds pass unread.
pub(crate) fn crd_check(yaml_stream: &str) -> Option<Vec<String>> {
    let definitions = definitions()?;
    let trees = read::trees(yaml_stream);
    Some(trees.into_iter().flat_map(|tree| tree.map_or_else(|e| vec![e], |tree| document(&definitions, &tree))).collect())
}

/// The definitions, from the folder `TWOGATE_SCHEMAS` or else the one beside the package.
pub(super) fn definitions() -> Option<Vec<Value>> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/schemas");
    let folder = std::env::var_os("TWOGATE_SCHEMAS").map_or(beside, PathBuf::from);
    let file = folder.join("istio-crds.yaml");
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: no schemas at {}", file.display());
        return None;
    };
    Some(read::trees(&text).into_iter().filter_map(Result::ok).collect())
}

fn document(definitions: &[Value], tree: &Value) -> Vec<String> {
    let text = |path: &[&str]| at(tree, path).and_then(Value::as_str).unwrap_or_default();
    let Some((group, version)) = text(&["apiVersion"]).split_once('/') else { return Vec::new() };
    if !group.ends_with(".istio.io") {
        return Vec::new();
    }
    let kind = text(&["kind"]);
    let id = format!("{kind} {}/{}", text(&["metadata", "namespace"]), text(&["metadata", "name"]));
    let Some(schema) = schema(definitions, group, version, kind) else {
        return vec![format!("{id}: no definition of `{kind}` in `{group}/{version}`")];
    };
    let mut problems = Vec::new();
    let Some(object) = tree.as_mapping() else { return vec![format!("{id}: no object")] };
    let head = ["apiVersion", "kind", "metadata"];
    let body = object.iter().filter(|(key, _)| !key.as_str().is_some_and(|key| head.contains(&key)));
    let body = Value::Mapping(body.map(|(key, value)| (key.clone(), value.clone())).collect());
    check(schema, &body, "", Unknown::Refused, &mut problems);
    problems.into_iter().map(|problem| format!("{id}: {problem}")).collect()
}

/// The schema of a kind at a version that is served.
pub(super) fn schema<'a>(definitions: &'a [Value], group: &str, version: &str, kind: &str) -> Option<&'a Value> {
    let named = |d: &&Value| {
        at(d, &["spec", "group"]).and_then(Value::as_str) == Some(group)
            && at(d, &["spec", "names", "kind"]).and_then(Value::as_str) == Some(kind)
    };
    let versions = at(definitions.iter().find(named)?, &["spec", "versions"])?.as_sequence()?;
    let of_version =
        |v: &&Value| at(v, &["name"]).and_then(Value::as_str) == Some(version) && at(v, &["served"]) == Some(&Value::Bool(true));
    at(versions.iter().find(of_version)?, &["schema", "openAPIV3Schema"])
}

fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(*key))
}

/// Fields that a schema does not name: refused, except inside `oneOf` and its like, which name only what they speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unknown {
    Refused,
    Ignored,
}

fn check(schema: &Value, value: &Value, path: &str, unknown: Unknown, problems: &mut Vec<String>) {
    if !has_type(schema, value) {
        problems.push(format!("{path}: {value:?} is not of type {:?}", schema.get("type")));
        return;
    }
    if schema.get("enum").and_then(Value::as_sequence).is_some_and(|allowed| !allowed.contains(value)) {
        problems.push(format!("{path}: {value:?} is none of the allowed values"));
    }
    bounds(schema, value, path, problems);
    combinations(schema, value, path, problems);
    match value {
        Value::Mapping(_) => fields(schema, value, path, unknown, problems),
        Value::Sequence(items) => {
            if let Some(item_schema) = schema.get("items") {
                items.iter().enumerate().for_each(|(index, item)| check(item_schema, item, &format!("{path}[{index}]"), unknown, problems));
            }
        }
        Value::String(text) => {
            if let Some(regex) = schema.get("pattern").and_then(Value::as_str).filter(|regex| !matches_pattern(regex, text)) {
                problems.push(format!("{path}: `{text}` does not match `{regex}`"));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Tagged(_) => {}
    }
}

/// A null is of no type here: none of the fields is nullable.
fn has_type(schema: &Value, value: &Value) -> bool {
    let integer = value.is_i64() || value.is_u64();
    if schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
        return integer || value.is_string();
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => value.is_string(),
        Some("integer") => integer,
        Some("number") => value.is_number(),
        Some("boolean") => value.is_bool(),
        Some("array") => value.is_sequence(),
        Some("object") => value.is_mapping(),
        Some(_) => false,
        None => true,
    }
}

fn bounds(schema: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
    let size = match value {
        Value::String(text) => Some((text.chars().count(), "minLength", "maxLength")),
        Value::Sequence(items) => Some((items.len(), "minItems", "maxItems")),
        Value::Mapping(map) => Some((map.len(), "minProperties", "maxProperties")),
        Value::Number(_) | Value::Null | Value::Bool(_) | Value::Tagged(_) => None,
    };
    let limit = |name: &str| schema.get(name).and_then(Value::as_u64);
    if let Some((size, least, most)) = size {
        let size = size as u64;
        if limit(least).is_some_and(|least| size < least) || limit(most).is_some_and(|most| size > most) {
            problems.push(format!("{path}: a size of {size} is outside {:?} to {:?}", limit(least), limit(most)));
        }
    }
    if let Some(number) = value.as_f64() {
        let limit = |name: &str| schema.get(name).and_then(Value::as_f64);
        if limit("minimum").is_some_and(|least| number < least) || limit("maximum").is_some_and(|most| number > most) {
            problems.push(format!("{path}: {number} is out of bounds"));
        }
    }
}

fn combinations(schema: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
    let fits = |schema: &Value| {
        let mut inner = Vec::new();
        check(schema, value, path, Unknown::Ignored, &mut inner);
        inner.is_empty()
    };
    let fitting =
        |name: &str| schema.get(name).and_then(Value::as_sequence).map(|list| (list.iter().filter(|s| fits(s)).count(), list.len()));
    let wrong = fitting("oneOf").is_some_and(|(count, _)| count != 1)
        || fitting("anyOf").is_some_and(|(count, _)| count == 0)
        || fitting("allOf").is_some_and(|(count, all)| count != all)
        || schema.get("not").is_some_and(fits);
    if wrong {
        problems.push(format!("{path}: a combination that the schema forbids"));
    }
}

fn fields(schema: &Value, value: &Value, path: &str, unknown: Unknown, problems: &mut Vec<String>) {
    let required = schema.get("required").and_then(Value::as_sequence).into_iter().flatten().filter_map(Value::as_str);
    for name in required.filter(|name| value.get(*name).is_none()) {
        problems.push(format!("{path}: `{name}` is missing"));
    }
    let open = schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
    for (key, field) in value.as_mapping().into_iter().flatten() {
        let name = key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned);
        let known = schema.get("properties").and_then(|properties| properties.get(&name)).or_else(|| schema.get("additionalProperties"));
        match known {
            Some(inner) => check(inner, field, &format!("{path}.{name}"), unknown, problems),
            None if open || unknown == Unknown::Ignored => {}
            None => problems.push(format!("{path}: `{name}` is no field")),
        }
    }
}

/// The patterns of the three kinds, spelt out; another one counts as not matched, so that it cannot pass unread.
fn matches_pattern(regex: &str, text: &str) -> bool {
    let word = |text: &str, first: fn(char) -> bool, edge: fn(char) -> bool| {
        text.starts_with(first) && text.ends_with(edge) && text.chars().all(|c| edge(c) || c == '-')
    };
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    match regex {
        r"^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" => {
            text.is_empty() || text.split('.').all(|part| word(part, lower, lower))
        }
        "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$" => word(text, |c| c.is_ascii_alphabetic(), |c| c.is_ascii_alphanumeric()),
        "^[-_A-Za-z0-9]+$" => !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'),
        _ => false,
    }
}
