//! Places in a document, found by a pattern.
//!
//! Owns: patterns such as `spec/ingress|egress/*/ports/*`, and the change of one place. It knows no kind.

use serde_yaml::Value;

/// One step into a document.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    Key(String),
    Item(usize),
}

pub(super) type Path = Vec<Step>;

/// Every place that a pattern names. `a|b` is either key, `*` every item of a list or every key of a map, the empty pattern is
/// the document itself.
pub(super) fn places(tree: &Value, pattern: &str) -> Vec<Path> {
    let mut found = vec![(Path::new(), tree)];
    for segment in pattern.split('/').filter(|segment| !segment.is_empty()) {
        found = found.into_iter().flat_map(|(path, node)| below(&path, node, segment)).collect();
    }
    found.into_iter().map(|(path, _)| path).collect()
}

fn below<'t>(path: &Path, node: &'t Value, segment: &str) -> Vec<(Path, &'t Value)> {
    let to = |step: Step| path.iter().cloned().chain([step]).collect::<Path>();
    match node {
        Value::Sequence(items) if segment == "*" => items.iter().enumerate().map(|(at, item)| (to(Step::Item(at)), item)).collect(),
        Value::Mapping(entries) => {
            let named = |key: &str| segment == "*" || segment.split('|').any(|name| name == key);
            let entries = entries.iter().filter_map(|(key, value)| Some((key.as_str()?, value)));
            entries.filter(|(key, _)| named(key)).map(|(key, value)| (to(Step::Key(key.to_owned())), value)).collect()
        }
        _ => Vec::new(),
    }
}

/// The node at a place.
pub(super) fn node_mut<'t>(tree: &'t mut Value, path: &[Step]) -> &'t mut Value {
    path.iter().fold(tree, |node, step| match step {
        Step::Key(key) => &mut node[key.as_str()],
        Step::Item(at) => &mut node[*at],
    })
}

/// Takes a node away, or puts any number of others in its place; in a map there is room for one at most.
pub(super) fn splice(tree: &mut Value, path: &[Step], with: Vec<Value>) {
    let Some((last, parent)) = path.split_last() else { panic!("a document has no place in itself") };
    match (node_mut(tree, parent), last) {
        (Value::Sequence(items), Step::Item(at)) => {
            items.splice(*at..=*at, with);
        }
        (Value::Mapping(entries), Step::Key(key)) => {
            assert!(with.len() < 2, "a key has one value");
            match with.into_iter().next() {
                Some(value) => entries.insert(key.as_str().into(), value),
                None => entries.shift_remove(key.as_str()),
            };
        }
        _ => panic!("no such place"),
    }
}

/// A place in words: `ingress[0].ports[1]`.
pub(super) fn words(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path.iter().filter(|step| **step != Step::Key("spec".to_owned())) {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.extend([".", key]),
            Step::Item(at) => text.extend(["[", &at.to_string(), "]"]),
        }
    }
    text
}
