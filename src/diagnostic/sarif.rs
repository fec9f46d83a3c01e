//! Findings as SARIF 2.1.0, for code scanning.
//!
//! Owns: `render` and the part of the format that is used, as own types. Columns are declared and written in Unicode code
//! points, an end column is the one past the last. It must not shorten what a finding says.

use super::place::{Place, Places, Region};
use super::{Code, Diagnostic, Edit, Help, Label, order};
use crate::source::{FileId, Sources};
use serde::Serialize;
use std::collections::BTreeMap;

/// All findings in their order as one SARIF log, with a line end. The rules are the codes that occur, by name.
pub fn render(findings: &[Diagnostic], sources: &Sources) -> String {
    let sorted = order::sort(findings, sources);
    let mut rules: BTreeMap<Code, usize> = sorted.iter().map(|finding| (finding.code, 0)).collect();
    rules.values_mut().enumerate().for_each(|(index, rule)| *rule = index);
    let mut places = Places::new(sources);
    let results = sorted.iter().map(|finding| Finding::new(finding, &rules, &mut places)).collect();
    let run = Run { tool: Tool::new(&rules), column_kind: "unicodeCodePoints", results };
    let log = Log { schema: "https://json.schemastore.org/sarif-2.1.0.json", version: "2.1.0", runs: [run] };
    let mut text = serde_json::to_string_pretty(&log).unwrap_or_default();
    text.push('\n');
    text
}

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool,
    column_kind: &'static str,
    results: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Text<'static>,
    help: Page,
    default_configuration: Configuration,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

/// A page of help. The format asks for plain text beside Markdown.
#[derive(Serialize)]
struct Page {
    text: &'static str,
    markdown: &'static str,
}

#[derive(Serialize)]
struct Text<'a> {
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding<'a> {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: [Location<'a>; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<Fix<'a>>,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    #[serde(rename = "physicalLocation")]
    place: Physical,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Stretch>,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stretch {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fix<'a> {
    description: Text<'a>,
    artifact_changes: Vec<Change<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Change<'a> {
    artifact_location: Artifact,
    replacements: Vec<Replacement<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replacement<'a> {
    deleted_region: Stretch,
    inserted_content: Text<'a>,
}

impl Tool {
    fn new(rules: &BTreeMap<Code, usize>) -> Self {
        let rules = rules.keys().map(|code| Rule {
            id: code.name(),
            short_description: Text { text: code.summary() },
            help: Page { text: code.page(), markdown: code.page() },
            default_configuration: Configuration { level: code.level().name() },
        });
        Self { driver: Driver { name: "twogate", semantic_version: env!("CARGO_PKG_VERSION"), rules: rules.collect() } }
    }
}

impl<'a> Finding<'a> {
    fn new(finding: &'a Diagnostic, rules: &BTreeMap<Code, usize>, places: &mut Places<'a>) -> Self {
        let primary = finding.primary.as_ref().and_then(|label| Location::new(label, None, places));
        let related = finding.related.iter().enumerate();
        let related_locations = related.filter_map(|(index, label)| Location::new(label, Some(index + 1), places)).collect();
        Self {
            rule_id: finding.code.name(),
            rule_index: rules.get(&finding.code).copied().unwrap_or_default(),
            level: finding.level.name(),
            message: Message { text: message(finding) },
            locations: [primary.unwrap_or_else(Location::nowhere)],
            related_locations,
            fixes: finding.helps.iter().filter_map(|help| Fix::new(help, places)).collect(),
        }
    }
}

impl<'a> Location<'a> {
    /// A label's place; none if there is no such file.
    fn new(label: &'a Label, id: Option<usize>, places: &mut Places<'a>) -> Option<Self> {
        let region = places.region(label.location)?;
        let place = Physical { artifact_location: Artifact::new(region.name), region: Some(Stretch::new(&region)) };
        let message = Some(label.text.as_str()).filter(|text| !text.is_empty()).map(|text| Text { text });
        Some(Self { id, place, message })
    }

    /// The place of a finding about no file: code scanning refuses a result without one, so it is the folder.
    fn nowhere() -> Self {
        Self { id: None, place: Physical { artifact_location: Artifact::new("."), region: None }, message: None }
    }
}

impl Artifact {
    fn new(name: &str) -> Self {
        Self { uri: uri(name) }
    }
}

impl Stretch {
    fn new(region: &Region<'_>) -> Self {
        let (Place { line: start_line, column: start_column, .. }, end) = (region.start, region.end);
        Self { start_line, start_column, end_line: end.line, end_column: end.column }
    }
}

impl<'a> Fix<'a> {
    /// An advice with edits; none if it has none or one lies in no file.
    fn new(help: &'a Help, places: &mut Places<'a>) -> Option<Self> {
        let mut files: BTreeMap<FileId, Change<'a>> = BTreeMap::new();
        for edit in &help.edits {
            let region = places.region(edit.location)?;
            let change = files.entry(region.file);
            let empty = || Change { artifact_location: Artifact::new(region.name), replacements: Vec::new() };
            change.or_insert_with(empty).replacements.push(Replacement::new(edit, &region));
        }
        let artifact_changes: Vec<Change<'a>> = files.into_values().collect();
        (!artifact_changes.is_empty()).then_some(Self { description: Text { text: &help.text }, artifact_changes })
    }
}

impl<'a> Replacement<'a> {
    fn new(edit: &'a Edit, region: &Region<'_>) -> Self {
        Self { deleted_region: Stretch::new(region), inserted_content: Text { text: &edit.text } }
    }
}

/// What a finding says, in lines. A fix has its own place in the format, and stands here too for those who only read.
fn message(finding: &Diagnostic) -> String {
    let mut lines = vec![finding.message.clone()];
    lines.extend(finding.primary.iter().map(|label| label.text.clone()).filter(|text| !text.is_empty()));
    lines.extend(finding.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(finding.helps.iter().map(|help| format!("help: {}", help.text)));
    lines.join("\n")
}

/// A file name as a URI reference: relative stays relative, absolute becomes a `file` URI.
fn uri(name: &str) -> String {
    let scheme = if name.starts_with('/') { "file://" } else { "" };
    let mut text = String::from(scheme);
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.extend(
                [byte >> 4, byte & 0xF]
                    .into_iter()
                    .filter_map(|half| char::from_digit(half.into(), 16))
                    .map(|digit| digit.to_ascii_uppercase()),
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_uri_references() {
        assert_eq!(uri("intents/shop.intent"), "intents/shop.intent");
        assert_eq!(uri("über uns/a:b#1.intent"), "%C3%BCber%20uns/a%3Ab%231.intent");
        assert_eq!(uri("/srv/a.intent"), "file:///srv/a.intent");
    }
}
