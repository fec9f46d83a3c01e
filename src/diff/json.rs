//! A difference as JSON; `schemas/diff.schema.json` describes it.
//!
//! Owns: the shape. Fields are added, never renamed: version 1.

use serde::Serialize;

use super::entry::{Cause, Entry};
use super::facts::Fact;
use super::human::place;
use super::report::{Report, Text};
use super::run::Texts;
use crate::verify::flow_words;

/// The whole difference as one JSON object.
pub fn json(report: &Report, texts: &Texts) -> String {
    serde_json::to_string_pretty(&Root::new(report, texts)).unwrap_or_default() + "\n"
}

#[derive(Serialize)]
struct Root<'a> {
    version: u32,
    base: &'a str,
    head: &'a str,
    summary: String,
    counts: serde_json::Map<String, serde_json::Value>,
    #[serde(rename = "textChanged")]
    text_changed: bool,
    #[serde(rename = "rulesWithoutEffect")]
    without_effect: usize,
    entries: Vec<Line<'a>>,
    facts: Vec<Told<'a>>,
    #[serde(rename = "notCompared")]
    incomplete: &'a [String],
    expectations: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifests: Option<Written<'a>>,
    assumptions: Vec<String>,
    #[serde(rename = "noLongerAccepted")]
    expired: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notes: &'a [String],
    #[serde(rename = "safeOrder", skip_serializing_if = "Option::is_none")]
    order: Option<&'a str>,
}

#[derive(Serialize)]
struct Line<'a> {
    kind: &'static str,
    kinds: Vec<&'static str>,
    source: &'a str,
    destination: &'a str,
    ports: &'a str,
    before: &'a str,
    after: &'a str,
    causes: Vec<Reason<'a>>,
    remarks: &'a [String],
    loses: bool,
    example: String,
    callers: &'a [String],
    called: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<Acceptance<'a>>,
}

#[derive(Serialize)]
struct Acceptance<'a> {
    reason: &'a str,
    until: &'a str,
}

#[derive(Serialize)]
struct Reason<'a> {
    change: &'static str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<&'a str>,
}

#[derive(Serialize)]
struct Told<'a> {
    kind: &'static str,
    change: &'static str,
    text: &'a str,
    fails: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
}

#[derive(Serialize)]
struct Written<'a> {
    total: usize,
    changed: Vec<Object<'a>>,
}

#[derive(Serialize)]
struct Object<'a> {
    change: &'static str,
    name: &'a str,
}

impl<'a> Root<'a> {
    fn new(report: &'a Report, texts: &'a Texts) -> Self {
        let counts = report.counts().into_iter().map(|(kind, count)| (kind.name().to_owned(), count.into())).collect();
        let object = |(change, name): &'a (super::Change, String)| Object { change: change.name(), name };
        Self {
            version: 1,
            base: &report.base,
            head: &report.head,
            summary: report.summary(),
            counts,
            text_changed: report.text == Text::Changed,
            without_effect: report.without_effect,
            entries: report.entries.iter().map(|entry| Line::new(entry, texts)).collect(),
            facts: report.facts.iter().map(|fact| Told::new(fact, texts)).collect(),
            incomplete: &report.incomplete,
            expectations: report.expectations,
            manifests: report
                .objects
                .as_ref()
                .map(|objects| Written { total: objects.total, changed: objects.changed.iter().map(object).collect() }),
            assumptions: report.all_assumptions(),
            expired: &report.expired,
            notes: &report.notes,
            order: report.order.as_deref(),
        }
    }
}

impl<'a> Line<'a> {
    fn new(entry: &'a Entry, texts: &Texts) -> Self {
        let example = if entry.kind.is_loss() { &entry.example.base } else { &entry.example.head };
        Self {
            kind: entry.kind.name(),
            kinds: entry.kinds.iter().map(|kind| kind.name()).collect(),
            source: &entry.who,
            destination: &entry.whom,
            ports: &entry.on,
            before: &entry.before,
            after: &entry.after,
            causes: entry.causes.iter().map(|cause| Reason::new(cause, texts)).collect(),
            remarks: &entry.remarks,
            loses: entry.loses(),
            example: flow_words(example),
            callers: &entry.callers,
            called: &entry.called,
            accepted: entry.accepted.as_ref().map(|accepted| Acceptance { reason: &accepted.reason, until: &accepted.until }),
        }
    }
}

impl<'a> Reason<'a> {
    fn new(cause: &'a Cause, texts: &Texts) -> Self {
        Self {
            change: cause.change.name(),
            text: &cause.text,
            was: cause.was.as_deref(),
            place: cause.location.map(|location| place(location, texts.of(cause.side))),
            because: cause.because.as_deref(),
            until: cause.until.as_deref(),
        }
    }
}

impl<'a> Told<'a> {
    fn new(fact: &'a Fact, texts: &Texts) -> Self {
        Self {
            kind: fact.kind.name(),
            change: fact.change.name(),
            text: &fact.text,
            fails: fact.fails,
            place: fact.place.map(|(which, location)| place(location, texts.of(which))),
        }
    }
}
