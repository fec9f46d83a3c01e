//! The `ResourceList` that comes in and the one that goes out.
//!
//! Owns: its shape. Items go out in the text that they came in; where that cannot be kept, as JSON, which says the same to every
//! reader of YAML.

use super::configuration::{self, Configuration};
use super::items::{Form, Item, Items, describe};
use super::results;
use crate::diagnostic::{Diagnostic, code};
use crate::manifest::{Document, Node, Reading, Whereabouts};
use crate::source::{FileId, Source, Sources, Span};
use crate::target::Manifest;

/// The group of the list's `apiVersion`.
const GROUP: &str = "config.kubernetes.io/";
/// The `apiVersion` of an answer whose question has none.
const VERSION: &str = "config.kubernetes.io/v1";

/// Reads a list: the function's configuration and the items. No items come back from what is no `ResourceList`.
pub(super) fn read(document: Document<'_>) -> (Option<Configuration>, Option<Items>, Vec<Diagnostic>) {
    let tree = match document.parse() {
        Ok(tree) => tree,
        Err(finding) => return (None, None, vec![*finding]),
    };
    let root = Node::root(&tree);
    let mut reading = Reading::new(document);
    "the ResourceList".clone_into(&mut reading.object);
    let version = root.get(&mut reading, "apiVersion").text(&mut reading).unwrap_or(VERSION).to_owned();
    if root.get(&mut reading, "kind").text(&mut reading) != Some("ResourceList") || !version.starts_with(GROUP) {
        return (None, None, vec![no_resource_list(document)]);
    }
    let nodes = root.get(&mut reading, "items").list(&mut reading);
    let documents = document.items(nodes.len());
    let Some(json) = as_json(document) else { return (None, None, vec![no_resource(document)]) };
    let parts = nodes.iter().zip(documents).zip(json);
    let all: Vec<Item> = parts.map(|((node, document), json)| Item::new(&node.as_root(), document, json)).collect();
    let own = root.get(&mut reading, "functionConfig");
    let (reference, _) = describe(&own.as_root(), &mut reading);
    let configuration = configuration::read(&own, &mut reading);
    let mut items = Items { file: document.file, version, all, configuration: reference, form: Form::Block };
    if !keeps_items(&items) {
        items.form = Form::Other;
    }
    (Some(configuration), Some(items), reading.into_findings())
}

/// Whether the texts of the items, put together, are the same items.
fn keeps_items(items: &Items) -> bool {
    let mut text = String::new();
    push_items(&mut text, items.all.iter(), Form::Block);
    let source = Source::new("items", format!("items:\n{text}"));
    let span = Span::new(0, source.text().len());
    let document = Document { file: FileId::default(), source: &source, span, object: Whereabouts::Whole, code: code::INVALID_CONFIG };
    as_json(document).is_some_and(|again| again.iter().eq(items.all.iter().map(|item| &item.json)))
}

/// The items of a list, each as JSON; nothing if one of them is what JSON, and so Kubernetes, cannot say.
fn as_json(document: Document<'_>) -> Option<Vec<String>> {
    let value = document.value()?;
    let items = value.get("items").and_then(|items| items.as_sequence());
    items.into_iter().flatten().map(|item| serde_json::to_string(item).ok()).collect()
}

/// The answer: the items, what is generated, and the results. With an error all items stay, those of an earlier run too.
pub(super) fn print(items: &Items, manifests: &[Manifest], findings: &[Diagnostic], sources: &Sources) -> String {
    let mut text = format!("apiVersion: {}\nkind: ResourceList\nitems:", items.version);
    let mut list = String::new();
    let indent = indent(items);
    if crate::diagnostic::order::has_error(findings) {
        push_items(&mut list, items.all.iter(), items.form);
    } else {
        push_items(&mut list, items.staying(), items.form);
    }
    for manifest in manifests {
        list.push_str(&as_item(&manifest.yaml, indent));
    }
    text.push_str(if list.is_empty() { " []\n" } else { "\n" });
    text.push_str(&list);
    text.push_str(&results::print(items, findings, sources));
    text
}

/// The answer to a stream: its documents and what is generated.
pub(super) fn stream(items: &Items, manifests: &[Manifest]) -> String {
    let documents = items.staying().map(|item| item.text.trim_matches('\n'));
    let generated = manifests.iter().map(|manifest| manifest.yaml.trim_end_matches('\n'));
    documents.chain(generated).map(|document| format!("{document}\n")).collect::<Vec<_>>().join("---\n")
}

fn push_items<'a>(list: &mut String, items: impl Iterator<Item = &'a Item>, form: Form) {
    for item in items {
        match form {
            Form::Block => list.push_str(item.text.trim_end_matches('\n')),
            Form::Other => list.extend(["- ", &item.json]),
        }
        list.push('\n');
    }
}

/// How far the items are indented.
fn indent(items: &Items) -> usize {
    let first = items.all.first().filter(|_| items.form == Form::Block);
    first.map_or(0, |item| item.text.len() - item.text.trim_start_matches(' ').len())
}

/// A document as an item of a list.
fn as_item(yaml: &str, indent: usize) -> String {
    let mut item = String::new();
    for (number, line) in yaml.lines().enumerate() {
        let mark = if number == 0 { "- " } else { "  " };
        let line = if line.is_empty() { String::new() } else { format!("{:indent$}{mark}{line}", "") };
        item.push_str(&line);
        item.push('\n');
    }
    item
}

fn no_resource(document: Document<'_>) -> Diagnostic {
    Diagnostic::new(code::INVALID_CONFIG, document.first_line(), "an item of the list holds what no JSON can say")
        .note("the API server reads every resource as JSON")
}

fn no_resource_list(document: Document<'_>) -> Diagnostic {
    Diagnostic::new(code::INVALID_CONFIG, document.first_line(), "this is no ResourceList")
        .label(format!("`kind: ResourceList` of group `{}` is expected", GROUP.trim_end_matches('/')))
        .help("let kustomize or kpt call the function; a file of resources alone says nothing of the program")
}
