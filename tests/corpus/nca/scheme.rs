//! A scheme file: a topology, configurations that are sets of policies, and queries about them.
//!
//! Owns: that form and how its paths are followed: a file, a folder, or `folder/**`.

use std::path::{Path, PathBuf};

use serde_yaml::Value;

use crate::corpus::manifests::{self, Text, kind, list, objects, word};
use crate::corpus::world::{Mesh, World};

/// A scheme, with the texts that it names.
#[derive(Debug)]
pub(super) struct Scheme {
    tree: Value,
    folder: PathBuf,
    topology: Vec<Text>,
    mesh: Mesh,
}

impl Scheme {
    /// Reads a scheme and its topology.
    pub(super) fn read(path: &Path, class: &str) -> Self {
        let tree = manifests::tree(path);
        let folder = path.parent().unwrap().to_owned();
        let mut topology = Vec::new();
        let mut seen = Vec::new();
        for key in ["namespaceList", "podList", "resourceList"] {
            let files = tree.get(key).map(|value| resources(&folder, value)).unwrap_or_default();
            for file in files.into_iter().filter(|file| !seen.contains(file)).collect::<Vec<_>>() {
                let (name, text) = manifests::text(&file);
                // No list, which a server refuses; the tool takes it for none.
                topology.push((name, text.replace("\"ports\": {}", "\"ports\": []")));
                seen.push(file);
            }
        }
        // The root namespace that this tool takes for granted.
        let mesh = if class.starts_with("istio") { Mesh::Everybody("istio-config") } else { Mesh::Nobody };
        Self { tree, folder, topology, mesh }
    }

    /// The queries.
    pub(super) fn queries(&self) -> &[Value] {
        list(&self.tree, &["queries"])
    }

    /// The names of the configurations.
    pub(super) fn configurations(&self) -> impl Iterator<Item = &str> {
        list(&self.tree, &["networkConfigList"]).iter().filter_map(|entry| word(entry, &["name"]))
    }

    /// Configurations that say whether they must be refused.
    pub(super) fn refusals(&self) -> impl Iterator<Item = (&str, bool)> {
        let entries = list(&self.tree, &["networkConfigList"]).iter();
        entries.filter_map(|entry| Some((word(entry, &["name"])?, entry.get("expectedError")?.as_u64()? > 0)))
    }

    /// The texts of a configuration's policies.
    pub(super) fn policies(&self, name: &str) -> Vec<Text> {
        let entries = list(&self.tree, &["networkConfigList"]).iter();
        let entry =
            entries.into_iter().find(|entry| word(entry, &["name"]) == Some(name)).unwrap_or_else(|| panic!("no configuration {name}"));
        let named = ["networkPolicyList", "resourceList"].iter().filter_map(|key| entry.get(*key));
        let files = named.flat_map(|value| resources(&self.folder, value)).map(|file| manifests::text(&file));
        files.filter(|text| !self.topology.contains(text)).collect()
    }

    /// The objects of a configuration that are policies, those that lie with the topology included. A name `a/b/c` is the one
    /// policy `c` of namespace `b` in the configuration `a`.
    pub(super) fn policy_objects(&self, name: &str) -> Vec<Value> {
        let (name, only) = name.split_once('/').map_or((name, None), |(name, policy)| (name, Some(policy)));
        let texts = [self.policies(name), self.topology.clone()].concat();
        let all = texts.iter().flat_map(|(_, text)| objects(text)).filter(|object| kind(object).ends_with("Policy"));
        all.filter(|object| only.is_none_or(|only| full_name(object) == only)).collect()
    }

    /// The topology with the policies of a configuration, as they are written.
    pub(super) fn world(&self, name: &str) -> World {
        World::read(&[self.topology.clone(), self.policies(name)].concat(), self.mesh)
    }

    /// The topology with these policies and no other.
    pub(super) fn world_of(&self, policies: &[Value]) -> World {
        let print = |object: &Value| format!("---\n{}", serde_yaml::to_string(object).unwrap());
        let text = policies.iter().map(print).collect::<String>();
        let without = |(name, text): &Text| {
            let kept = objects(text).into_iter().filter(|object| !kind(object).ends_with("Policy"));
            (name.clone(), kept.map(|object| print(&object)).collect::<String>())
        };
        let topology: Vec<Text> = self.topology.iter().map(without).collect();
        World::read(&[topology, vec![("policies.yaml".to_owned(), text)]].concat(), self.mesh)
    }
}

/// `namespace/name` of an object.
pub(super) fn full_name(object: &Value) -> String {
    let namespace = word(object, &["metadata", "namespace"]).unwrap_or("default");
    format!("{namespace}/{}", word(object, &["metadata", "name"]).unwrap_or_default())
}

/// What a query asks, and of which configurations.
pub(super) fn asked(query: &Value) -> (&str, Vec<&str>) {
    let keys = query.as_mapping().unwrap().iter();
    let mut lists = keys.filter_map(|(key, value)| Some((key.as_str()?, value.as_sequence()?)));
    let (ask, names) = lists.next().unwrap();
    (ask, names.iter().filter_map(Value::as_str).collect())
}

/// The files that a path or a list of paths names.
fn resources(folder: &Path, value: &Value) -> Vec<PathBuf> {
    match value {
        Value::String(path) => of_path(folder, path),
        Value::Sequence(list) => list.iter().flat_map(|value| resources(folder, value)).collect(),
        _ => Vec::new(),
    }
}

fn of_path(folder: &Path, path: &str) -> Vec<PathBuf> {
    let path = folder.join(path.trim_end_matches("**"));
    if path.is_file() {
        return vec![path];
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
        let entry = entry.unwrap().path();
        let is_scheme = || manifests::objects(&manifests::text(&entry).1).iter().any(|object| kind(object).is_empty());
        if entry.is_file() && !is_scheme() {
            files.push(entry);
        }
    }
    files.sort();
    files
}
