//! What a finding points at, and what its fixes change, as the drawing library takes it.
//!
//! Owns: `labels`, `patches`. It must not lay out text.

use super::excerpt::{Excerpt, Lines};
use super::origin::Origins;
use crate::diagnostic::place::{Places, Region};
use crate::diagnostic::{Diagnostic, Edit, Label, printable};
use crate::source::{FileId, Location, Span};
use annotate_snippets::{Annotation, AnnotationKind, Patch, Snippet};
use std::collections::BTreeMap;

/// The most labels of one finding that are drawn.
const MOST_LABELS: usize = 12;
/// Labels farther apart, in lines, are drawn as excerpts of their own; a stretch over more is drawn by its first line.
const FARTHEST: usize = 200;
/// Fixes that touch more lines are told, not drawn.
const MOST_PATCHED_LINES: usize = 40;
/// Fixes that write more bytes are told, not drawn.
const LONGEST_REPLACEMENT: usize = 2_000;

/// A place to point at and how.
struct Mark<'a> {
    region: Region<'a>,
    kind: AnnotationKind,
    text: String,
}

/// What a finding points at, as excerpts to draw, the primary place's first.
pub(super) fn labels(finding: &Diagnostic, places: &mut Places<'_>, origins: &mut Origins) -> Vec<Snippet<'static, Annotation<'static>>> {
    let primary = finding.primary.iter().map(|label| (label, AnnotationKind::Primary));
    let related = finding.related.iter().map(|label| (label, AnnotationKind::Context));
    let shown = primary.chain(related).take(MOST_LABELS);
    let mut marks: Vec<Mark<'_>> = shown.filter_map(|(label, kind)| mark(label, kind, places)).collect();
    let mut snippets = Vec::new();
    while let Some(first) = marks.first() {
        let anchor = first.region;
        let (together, apart): (Vec<_>, Vec<_>) = marks.into_iter().partition(|mark| are_near(&mark.region, &anchor));
        snippets.push(annotated(&together, places, origins));
        marks = apart;
    }
    snippets
}

/// How many places of a finding are not drawn, in words; none if all are.
pub(super) fn hidden(finding: &Diagnostic) -> Option<String> {
    let labels = finding.related.len() + usize::from(finding.primary.is_some());
    match labels.saturating_sub(MOST_LABELS) {
        0 => None,
        1 => Some("1 more place takes part".to_owned()),
        more => Some(format!("{more} more places take part")),
    }
}

/// What edits change, as excerpts to draw, one a file; empty if they are too large or do not fit each other.
pub(super) fn patches(edits: &[Edit], places: &mut Places<'_>, origins: &mut Origins) -> Vec<Snippet<'static, Patch<'static>>> {
    let mut files: BTreeMap<FileId, Vec<(Region<'_>, &str)>> = BTreeMap::new();
    for edit in edits {
        let Some(region) = places.region(edit.location) else { return Vec::new() };
        files.entry(edit.location.file).or_default().push((region, &edit.text));
    }
    let snippets: Option<Vec<_>> = files.into_values().map(|changes| patched(changes, places, origins)).collect();
    snippets.unwrap_or_default()
}

/// A label as a mark; none if there is no such file.
fn mark<'a>(label: &Label, kind: AnnotationKind, places: &mut Places<'a>) -> Option<Mark<'a>> {
    let mut region = places.trimmed(label.location)?;
    if region.end.line - region.start.line > FARTHEST {
        let end = places.line(region.file, region.start.line).end;
        region = places.region(Location { file: region.file, span: Span::new(region.start.byte, end) })?;
    }
    Some(Mark { region, kind, text: printable::line(&label.text) })
}

/// Whether two regions can stand in one excerpt.
fn are_near(left: &Region<'_>, right: &Region<'_>) -> bool {
    left.file == right.file && left.start.line.abs_diff(right.start.line) <= FARTHEST
}

/// An excerpt with its labels.
fn annotated<'a>(marks: &[Mark<'a>], places: &mut Places<'a>, origins: &mut Origins) -> Snippet<'static, Annotation<'static>> {
    let regions: Vec<Region<'a>> = marks.iter().map(|mark| mark.region).collect();
    let excerpt = Excerpt::new(&regions, Lines::NearPlaces, places);
    let annotations = marks.iter().map(|mark| {
        let text = Some(mark.text.clone()).filter(|text| !text.is_empty());
        mark.kind.span(excerpt.range(&mark.region)).label(text)
    });
    let annotations: Vec<_> = annotations.collect();
    let path = regions.first().map(|region| origins.mark(region));
    Snippet::source(excerpt.text).line_start(excerpt.first_line).path(path).annotations(annotations)
}

/// An excerpt with what edits make of it; none if it should not be drawn.
fn patched<'a>(
    mut changes: Vec<(Region<'a>, &str)>,
    places: &mut Places<'a>,
    origins: &mut Origins,
) -> Option<Snippet<'static, Patch<'static>>> {
    changes.sort_by_key(|(region, _)| (region.start.byte, region.end.byte));
    let regions: Vec<Region<'a>> = changes.iter().map(|(region, _)| *region).collect();
    let overlap = regions.windows(2).any(|pair| matches!(pair, [left, right] if left.end.byte > right.start.byte));
    let lines = regions.last()?.end.line - regions.first()?.start.line;
    let written: usize = changes.iter().map(|(_, text)| text.len()).sum();
    if overlap || lines > MOST_PATCHED_LINES || written > LONGEST_REPLACEMENT {
        return None;
    }
    let excerpt = Excerpt::new(&regions, Lines::All, places);
    if !regions.iter().all(|region| excerpt.is_whole(region)) {
        return None;
    }
    let patches: Vec<_> = changes.iter().map(|(region, text)| Patch::new(excerpt.range(region), printable::prose(text))).collect();
    let path = origins.mark_once(regions.first()?);
    Some(Snippet::source(excerpt.text).line_start(excerpt.first_line).path(Some(path)).patches(patches))
}
