//! Findings as JSON, for programs.
//!
//! Owns: `render` and the shape, which has a version: a field may be added within a version, never renamed or removed. It
//! must not shorten or decorate any text.

use super::place::{Places, Region};
use super::{Diagnostic, Edit, Help, Label, order};
use crate::source::{Location, Sources};
use serde::Serialize;

/// The version of the shape.
const VERSION: u32 = 1;

/// All findings in their order as one JSON object, with a line end, and the proof if there was one.
pub fn render(findings: &[Diagnostic], sources: &Sources, proof: Option<&Proved>) -> String {
    let mut places = Places::new(sources);
    let findings = order::sort(findings, sources).into_iter().map(|finding| Finding::new(finding, &mut places)).collect();
    let mut text = serde_json::to_string_pretty(&Document { version: VERSION, findings, proof }).unwrap_or_default();
    text.push('\n');
    text
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    findings: Vec<Finding<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<&'a Proved>,
}

/// A proof in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proved {
    /// Whether what would be written does what the program says.
    pub holds: bool,
    /// How many classes of flows were decided.
    pub classes: usize,
    /// What it takes for granted.
    pub assumptions: Vec<Assumed>,
    /// Flows that pass though no line says so, because their line accepts it; one of each class.
    pub accepted: Vec<String>,
}

/// One thing that a proof takes for granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assumed {
    /// Its name, of a fixed list.
    pub name: &'static str,
    /// What it is.
    pub text: String,
}

#[derive(Serialize)]
struct Finding<'a> {
    code: &'static str,
    level: &'static str,
    message: &'a str,
    /// Null for a finding about no file.
    file: Option<&'a str>,
    span: Option<Stretch>,
    label: &'a str,
    related: Vec<Related<'a>>,
    notes: &'a [String],
    helps: Vec<Advice<'a>>,
}

#[derive(Serialize)]
struct Related<'a> {
    file: Option<&'a str>,
    span: Option<Stretch>,
    label: &'a str,
}

#[derive(Serialize)]
struct Advice<'a> {
    text: &'a str,
    edits: Vec<Change<'a>>,
}

#[derive(Serialize)]
struct Change<'a> {
    file: Option<&'a str>,
    span: Option<Stretch>,
    text: &'a str,
}

#[derive(Serialize)]
struct Stretch {
    start: Point,
    end: Point,
}

/// Line and column count from 1, the column in characters; the byte counts from 0.
#[derive(Serialize)]
struct Point {
    line: usize,
    column: usize,
    byte: usize,
}

impl<'a> Finding<'a> {
    fn new(finding: &'a Diagnostic, places: &mut Places<'a>) -> Self {
        let (file, span) = stretch(finding.location(), places);
        Self {
            code: finding.code.name(),
            level: finding.level.name(),
            message: &finding.message,
            file,
            span,
            label: finding.primary.as_ref().map(|label| label.text.as_str()).unwrap_or_default(),
            related: finding.related.iter().map(|label| Related::new(label, places)).collect(),
            notes: &finding.notes,
            helps: finding.helps.iter().map(|help| Advice::new(help, places)).collect(),
        }
    }
}

impl<'a> Related<'a> {
    fn new(label: &'a Label, places: &mut Places<'a>) -> Self {
        let (file, span) = stretch(Some(label.location), places);
        Self { file, span, label: &label.text }
    }
}

impl<'a> Advice<'a> {
    fn new(help: &'a Help, places: &mut Places<'a>) -> Self {
        Self { text: &help.text, edits: help.edits.iter().map(|edit| Change::new(edit, places)).collect() }
    }
}

impl<'a> Change<'a> {
    fn new(edit: &'a Edit, places: &mut Places<'a>) -> Self {
        let (file, span) = stretch(Some(edit.location), places);
        Self { file, span, text: &edit.text }
    }
}

/// A location as file name and span.
fn stretch<'a>(location: Option<Location>, places: &mut Places<'a>) -> (Option<&'a str>, Option<Stretch>) {
    let Some(region) = location.and_then(|location| places.region(location)) else { return (None, None) };
    (Some(region.name), Some(Stretch::of(&region)))
}

impl Stretch {
    fn of(region: &Region<'_>) -> Self {
        let [start, end] = [region.start, region.end].map(|place| Point { line: place.line, column: place.column, byte: place.byte });
        Self { start, end }
    }
}
