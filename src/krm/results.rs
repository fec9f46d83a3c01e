//! Findings as the results of a KRM function.
//!
//! Owns: their shape, and which object and field a place belongs to. A line counts from 1 in the text of the field.

use super::configuration::{CONFIG, INTENTS};
use super::items::{Item, Items, Reference};
use crate::diagnostic::{Diagnostic, Level, order};
use crate::source::{Location, Sources};
use crate::target;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct Results<'a> {
    results: Vec<Entry<'a>>,
}

/// One finding (`Result` of the KRM functions specification, v1).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    message: String,
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_ref: Option<Object<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<Field<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<File<'a>>,
    tags: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    api_version: &'a str,
    kind: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
}

#[derive(Serialize)]
struct Field<'a> {
    path: &'a str,
}

#[derive(Serialize)]
struct File<'a> {
    path: &'a str,
}

/// The results, or nothing if there are no findings.
pub(super) fn print(items: &Items, findings: &[Diagnostic], sources: &Sources) -> String {
    let sorted = order::sort(findings, sources);
    if sorted.is_empty() {
        return String::new();
    }
    target::print(&Results { results: sorted.iter().map(|finding| entry(finding, items, sources)).collect() })
}

fn entry<'a>(finding: &Diagnostic, items: &'a Items, sources: &'a Sources) -> Entry<'a> {
    let location = finding.location();
    let name = location.and_then(|location| sources.get(location.file)).map_or("", |source| source.name());
    let is_ours = name.starts_with(INTENTS) || name == CONFIG;
    let reference = if is_ours { Some(&items.configuration) } else { location.and_then(|location| item(items, location)) };
    let reference = reference.filter(|reference| !reference.kind.is_empty());
    let mut tags = BTreeMap::from([("code", finding.code.name().to_owned())]);
    if let Some((location, source)) = location.filter(|_| is_ours).and_then(|location| Some((location, sources.get(location.file)?))) {
        let position = source.position(location.span.start);
        tags.insert("line", position.line.to_string());
        tags.insert("column", position.column.to_string());
    }
    Entry {
        message: message(finding, &tags),
        severity: severity(finding.level),
        resource_ref: reference.map(|reference| Object {
            api_version: &reference.version,
            kind: &reference.kind,
            name: &reference.name,
            namespace: &reference.namespace,
        }),
        field: is_ours.then_some(Field { path: name }),
        file: reference.and_then(|reference: &Reference| reference.path.as_deref()).map(|path| File { path }),
        tags,
    }
}

/// The object that a place of the list lies in.
fn item(items: &Items, location: Location) -> Option<&Reference> {
    let holds =
        |outer: Location| outer.file == location.file && outer.span.start <= location.span.start && location.span.start < outer.span.end;
    let found: Vec<&Item> = items.all.iter().filter(|item| holds(item.document)).collect();
    match found.as_slice() {
        // What stands behind no item stands in the configuration of the function.
        [] => (location.file == items.file).then_some(&items.configuration),
        [item] => Some(&item.reference),
        // Items that could not be told apart in the text all stand in the same place.
        _ => None,
    }
}

/// What a finding says, with its reasons and its advice on lines of their own.
fn message(finding: &Diagnostic, tags: &BTreeMap<&'static str, String>) -> String {
    let line = tags.get("line").map(|line| format!("line {line}: ")).unwrap_or_default();
    let label = finding.primary.as_ref().map(|label| label.text.as_str()).filter(|text| !text.is_empty());
    let label = label.map(|text| format!(" ({text})")).unwrap_or_default();
    let notes = finding.notes.iter().map(|note| format!("note: {note}"));
    let helps = finding.helps.iter().map(|help| format!("help: {}", help.text));
    let first = format!("{line}{}{label} [{}]", finding.message, finding.code);
    std::iter::once(first).chain(notes).chain(helps).collect::<Vec<_>>().join("\n")
}

fn severity(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "info",
    }
}
