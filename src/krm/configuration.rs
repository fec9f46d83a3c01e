//! The function's own configuration: a program, and how to compile it.
//!
//! Owns: its keys. Nothing in it names a file; a key that does not exist is an error, as in `twogate.toml`.

use crate::diagnostic::{Diagnostic, code, nearest};
use crate::manifest::{Document, Node, Reading};
use crate::source::Location;
use crate::target;

/// What a function is to do.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    /// The texts of the program, each with the name that findings show.
    pub(super) intents: Vec<(String, String)>,
    /// What `twogate.toml` would hold.
    pub(super) config: Option<String>,
    /// The namespace of statements that stand in none.
    pub(super) namespace: Option<String>,
    /// The targets to write for; empty for all.
    pub(super) targets: Vec<String>,
}

/// Where the program stands.
pub(super) const INTENTS: &str = "spec.intents";
/// Where the configuration of the cluster stands.
pub(super) const CONFIG: &str = "spec.config";

const KEYS: [&str; 4] = ["intents", "config", "namespace", "targets"];

/// Reads it from a file of its own.
pub(super) fn read_alone(document: Document<'_>) -> (Option<Configuration>, Vec<Diagnostic>) {
    let tree = match document.parse() {
        Ok(tree) => tree,
        Err(finding) => return (None, vec![*finding]),
    };
    let mut reading = Reading::new(document);
    let configuration = read(&Node::root(&tree), &mut reading);
    (Some(configuration), reading.into_findings())
}

/// Reads it from an object.
pub(super) fn read(object: &Node<'_>, reading: &mut Reading<'_>) -> Configuration {
    reading.begin(reading.document, "the function's configuration");
    let spec = object.get(reading, "spec");
    for (key, node) in spec.entries().into_iter().filter(|(key, _)| !KEYS.contains(key)) {
        node.report(reading, |location| unknown_key(key, location));
    }
    let intents = intents(&spec.get(reading, "intents"), reading);
    let targets = spec.get(reading, "targets").list(reading);
    Configuration {
        intents,
        config: spec.get(reading, "config").text(reading).map(str::to_owned),
        namespace: spec.get(reading, "namespace").text(reading).map(str::to_owned),
        targets: targets.iter().filter_map(|node| target_name(node, reading)).collect(),
    }
}

fn unknown_key(key: &str, location: Location) -> Diagnostic {
    let finding = Diagnostic::new(code::UNKNOWN_KEY, location, format!("the function's configuration has no key `{key}`"));
    match nearest(key, KEYS) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding.help(format!("its keys are {}", KEYS.map(|key| format!("`{key}`")).join(", "))),
    }
}

/// The program: one text, or several under names.
fn intents(node: &Node<'_>, reading: &mut Reading<'_>) -> Vec<(String, String)> {
    if node.is_missing() {
        node.wrong(reading, "the program is expected here, as text");
        return Vec::new();
    }
    if node.is_text() {
        return node.text(reading).map(|text| (INTENTS.to_owned(), text.to_owned())).into_iter().collect();
    }
    let entries = node.entries();
    if entries.is_empty() {
        node.wrong(reading, "a text, or a map of texts, is expected");
    }
    entries.iter().filter_map(|(name, text)| Some((format!("{INTENTS}.{name}"), text.text(reading)?.to_owned()))).collect()
}

fn target_name(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let name = node.text(reading)?;
    if target::find(name).is_none() {
        let names: Vec<&str> = target::ALL.iter().map(|target| target.name()).collect();
        node.wrong(reading, &format!("{} is expected", names.join(" or ")));
        return None;
    }
    Some(name.to_owned())
}
