//! The rules of a policy object, as the least parts that can be told apart.
//!
//! Owns: `Rules` and its parts. A rule with lists lets through whatever one entry of each list lets through, so an object with more
//! of such parts says more; nothing else is concluded here.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The parts of rules, by their text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Rules {
    /// The rules as they are written.
    pub(super) written: Vec<Value>,
    /// Their parts, each a rule of its own.
    parts: BTreeMap<String, Value>,
}

/// The most parts that a rule is taken into; one with more is one part.
const MAX_PARTS: usize = 4096;

impl Rules {
    fn new(written: Vec<Value>, split: impl Fn(&Value) -> Vec<Value>) -> Self {
        let split = |rule: &Value| {
            let parts = split(rule);
            if parts.len() > MAX_PARTS { vec![rule.clone()] } else { parts }
        };
        let parts = written.iter().flat_map(split).map(|part| (sorted(&part).to_string(), part)).collect();
        Self { written, parts }
    }

    /// Whether everything is in it that is in another one.
    pub(super) fn holds(&self, other: &Self) -> bool {
        other.parts.keys().all(|part| self.parts.contains_key(part))
    }

    /// Whether one of them lets everything pass.
    pub(super) fn is_everything(&self) -> bool {
        self.parts.contains_key("{}")
    }

    /// Rules that say what either says: the others' first as far as they are not said here.
    pub(super) fn either(&self, other: &Self) -> Vec<Value> {
        let more = other.parts.iter().filter(|(text, _)| !self.parts.contains_key(*text)).map(|(_, part)| part.clone());
        more.chain(self.written.iter().cloned()).collect()
    }

    /// Rules that say what stands in both.
    pub(super) fn both(&self, other: &Self) -> Vec<Value> {
        if other.holds(self) {
            return self.written.clone();
        }
        self.parts.iter().filter(|(text, _)| other.parts.contains_key(*text)).map(|(_, part)| part.clone()).collect()
    }
}

/// The rules of one direction of a `NetworkPolicy`: a peer and a port each. An empty list is any (`semantics.md` §1.3).
pub(super) fn network_rules(list: Option<&Value>, peers: &str) -> Rules {
    let peer = |choice: Option<Value>| match choice {
        Some(peer) => selected(&peer).into_iter().map(Some).collect(),
        None => vec![None],
    };
    let split = |rule: &Value| {
        let peers_of = choices(rule.get(peers)).into_iter().flat_map(peer).collect();
        product(&[(peers, peers_of), ("ports", choices(rule.get("ports")))])
    };
    Rules::new(items(list), split)
}

/// A peer with one value in each test for any of several.
fn selected(peer: &Value) -> Vec<Value> {
    let Some(map) = peer.as_object() else { return vec![peer.clone()] };
    let mut all: Vec<Map<String, Value>> = vec![Map::new()];
    for (key, value) in map {
        let values = if key.ends_with("Selector") { single_valued(value) } else { vec![value.clone()] };
        if all.len().saturating_mul(values.len()) > MAX_PARTS {
            return vec![peer.clone()];
        }
        all = all.iter().flat_map(|map| values.iter().map(|value| with(map, key, value)).collect::<Vec<_>>()).collect();
    }
    all.into_iter().map(Value::from).collect()
}

/// A selector as selectors whose tests of the kind `In` have one value each, written as `matchLabels`.
fn single_valued(selector: &Value) -> Vec<Value> {
    let tests = items(selector.get("matchExpressions"));
    let labels = selector.get("matchLabels").and_then(Value::as_object).cloned().unwrap_or_default();
    let (lists, others): (Vec<Value>, Vec<Value>) =
        tests.into_iter().partition(|test| test.get("operator").and_then(Value::as_str) == Some("In"));
    let mut all = vec![labels.clone()];
    for test in &lists {
        let key = test.get("key").and_then(Value::as_str).unwrap_or_default();
        let values = items(test.get("values"));
        if labels.contains_key(key) || all.len().saturating_mul(values.len()) > MAX_PARTS {
            return vec![selector.clone()];
        }
        all = all.iter().flat_map(|map| values.iter().map(|value| with(map, key, value)).collect::<Vec<_>>()).collect();
    }
    let whole = |labels: Map<String, Value>| {
        let mut selector = Map::new();
        if !labels.is_empty() {
            selector.insert("matchLabels".to_owned(), labels.into());
        }
        if !others.is_empty() {
            selector.insert("matchExpressions".to_owned(), others.clone().into());
        }
        Value::from(selector)
    };
    all.into_iter().map(whole).collect()
}

fn with(map: &Map<String, Value>, key: &str, value: &Value) -> Map<String, Value> {
    let mut map = map.clone();
    map.insert(key.to_owned(), value.clone());
    map
}

/// The rules of an `AuthorizationPolicy`: a source and an operation each; `when` is one condition as a whole.
pub(super) fn istio_rules(list: Option<&Value>) -> Rules {
    let split = |rule: &Value| {
        let inner = |key: &str, wrapped: &str| -> Vec<Option<Value>> {
            let wrap = |inside: Value| {
                let mut outer = Map::new();
                outer.insert(wrapped.to_owned(), inside);
                Some(Value::from(outer))
            };
            let all = choices(rule.get(key)).into_iter();
            all.flat_map(|choice| match choice.as_ref().and_then(|choice| choice.get(wrapped)) {
                Some(fields) => single(fields).into_iter().map(wrap).collect(),
                None => vec![choice],
            })
            .collect()
        };
        let parts = product(&[("from", inner("from", "source")), ("to", inner("to", "operation"))]);
        let with_when = |mut part: Value| {
            if let (Some(when), Some(part)) = (rule.get("when"), part.as_object_mut()) {
                part.insert("when".to_owned(), when.clone());
            }
            part
        };
        parts.into_iter().map(with_when).collect()
    };
    Rules::new(items(list), split)
}

fn items(list: Option<&Value>) -> Vec<Value> {
    list.and_then(Value::as_array).cloned().unwrap_or_default()
}

/// The entries of a list of choices; one that is missing or empty is any.
fn choices(list: Option<&Value>) -> Vec<Option<Value>> {
    let all = items(list);
    if all.is_empty() { vec![None] } else { all.into_iter().map(Some).collect() }
}

/// Every choice of one entry of each list, as rules.
fn product(lists: &[(&str, Vec<Option<Value>>)]) -> Vec<Value> {
    let mut all: Vec<Map<String, Value>> = vec![Map::new()];
    for (key, choices) in lists {
        if all.len().saturating_mul(choices.len()) > MAX_PARTS {
            return vec![Value::Null; MAX_PARTS + 1];
        }
        let add = |map: &Map<String, Value>, choice: &Option<Value>| match choice {
            Some(choice) => with(map, key, &Value::from(vec![choice.clone()])),
            None => map.clone(),
        };
        all = all.iter().flat_map(|map| choices.iter().map(|choice| add(map, choice)).collect::<Vec<_>>()).collect();
    }
    all.into_iter().map(Value::from).collect()
}

/// A source or an operation with one word in each list of which any may hold; the lists of `not…` hold as a whole.
fn single(fields: &Value) -> Vec<Value> {
    let Some(map) = fields.as_object() else { return vec![fields.clone()] };
    let mut all: Vec<Map<String, Value>> = vec![Map::new()];
    for (key, value) in map {
        let words = value.as_array().filter(|words| !key.starts_with("not") && !words.is_empty());
        let values: Vec<Value> = match words {
            Some(words) if all.len().saturating_mul(words.len()) <= MAX_PARTS => {
                words.iter().map(|word| Value::from(vec![word.clone()])).collect()
            }
            _ => vec![value.clone()],
        };
        all = all.iter().flat_map(|map| values.iter().map(|value| with(map, key, value)).collect::<Vec<_>>()).collect();
    }
    all.into_iter().map(Value::from).collect()
}

/// The same with all keys in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<&String, Value> = map.iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::from(ordered.into_iter().map(|(key, value)| (key.clone(), value)).collect::<Map<_, _>>())
        }
        Value::Array(list) => list.iter().map(sorted).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ingress(rules: &Value) -> Rules {
        network_rules(Some(rules), "from")
    }

    #[test]
    fn lists_hold_what_their_entries_hold() {
        let apps = |operator: &str, values: Value| json!({ "podSelector": { "matchExpressions": [{ "key": "app", "operator": operator, "values": values }] } });
        let web = ingress(&json!([{ "from": [{ "podSelector": { "matchLabels": { "app": "web" } } }], "ports": [{ "port": 80 }] }]));
        let both = ingress(&json!([{ "from": [apps("In", json!(["web", "api"]))], "ports": [{ "port": 80 }, { "port": 81 }] }]));
        assert!(both.holds(&web) && !web.holds(&both));
        assert_eq!(both.both(&web).len(), 1);
        assert_eq!(web.either(&both).len(), 4);
        let neither = ingress(&json!([{ "from": [apps("NotIn", json!(["web", "api"]))] }]));
        assert!(!neither.holds(&ingress(&json!([{ "from": [apps("NotIn", json!(["web"]))] }]))), "fewer exceptions are another test");
        assert!(ingress(&json!([{}])).is_everything() && !web.is_everything());
    }

    #[test]
    fn conditions_and_exceptions_stay_whole() {
        let rule = |when: Value| {
            istio_rules(Some(&json!([{ "from": [{ "source": { "namespaces": ["a", "b"], "notPrincipals": ["x", "y"] } }], "when": when }])))
        };
        let one = rule(json!([{ "key": "k", "values": ["1", "2"] }]));
        assert_eq!(one.parts.len(), 2);
        assert!(
            one.parts
                .values()
                .all(|part| part["when"][0]["values"] == json!(["1", "2"])
                    && part["from"][0]["source"]["notPrincipals"] == json!(["x", "y"]))
        );
        assert!(!one.holds(&rule(json!([{ "key": "k", "values": ["1"] }]))));
    }
}
