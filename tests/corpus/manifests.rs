//! Files of the corpus as texts and trees.
//!
//! Owns: the reading of folders, of streams of manifests with their lists taken apart, and of paths into trees. It knows no kind.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_yaml::Value;

/// A text and the name of its file.
pub(super) type Text = (String, String);

/// The manifests of a folder, in the order of their names.
pub(super) fn folder(path: &Path) -> Vec<Text> {
    let mut texts = everything(path);
    texts.retain(|(name, _)| Path::new(name).extension().is_none_or(|extension| extension != "json"));
    texts
}

/// The manifests of a folder and whatever JSON lies among them.
pub(super) fn everything(path: &Path) -> Vec<Text> {
    let mut files = Vec::new();
    collect(path, &mut files);
    files.sort();
    files.iter().map(|file| text(file)).collect()
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml" || extension == "json")
            && path.file_name().is_some_and(|name| name != "expect.yaml")
        {
            files.push(path);
        }
    }
}

/// One file.
pub(super) fn text(path: &Path) -> Text {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (path.file_name().unwrap().to_string_lossy().into_owned(), text)
}

/// A file as one tree.
pub(super) fn tree(path: &Path) -> Value {
    serde_yaml::from_str(&text(path).1).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The objects of a stream, lists taken apart; whatever is no YAML ends it.
pub(super) fn objects(text: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(text).map_while(|document| Value::deserialize(document).ok());
    let mut objects = Vec::new();
    for document in documents {
        if let Value::Sequence(items) = document {
            // No manifest for a server, but one tool writes its resources so.
            objects.extend(items);
            continue;
        }
        let Some(items) = document.get("items").and_then(Value::as_sequence) else {
            objects.push(document);
            continue;
        };
        let stem = kind(&document).strip_suffix("List").unwrap_or_default().to_owned();
        for item in items {
            let mut item = item.clone();
            if let Some(map) = item.as_mapping_mut().filter(|map| !map.contains_key("kind")) {
                map.insert("kind".into(), stem.clone().into());
                map.insert("apiVersion".into(), document.get("apiVersion").cloned().unwrap_or(Value::Null));
            }
            objects.push(item);
        }
    }
    objects
}

/// What follows these keys.
pub(super) fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, key| value.get(*key))
}

/// The word that follows these keys.
pub(super) fn word<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    at(value, path).and_then(Value::as_str)
}

/// The list that follows these keys; empty if there is none.
pub(super) fn list<'v>(value: &'v Value, path: &[&str]) -> &'v [Value] {
    at(value, path).and_then(Value::as_sequence).map_or(&[], Vec::as_slice)
}

/// The kind of an object.
pub(super) fn kind(object: &Value) -> &str {
    word(object, &["kind"]).unwrap_or_default()
}

/// The fields of a line of comma-separated values; quotes protect commas.
pub(super) fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            letter => fields.last_mut().unwrap().push(letter),
        }
    }
    fields
}

#[test]
fn fields_keep_quoted_commas() {
    assert_eq!(fields(r#"a,"b, c",,d"#), ["a", "b, c", "", "d"]);
}
