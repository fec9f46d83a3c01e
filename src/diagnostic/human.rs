//! Findings as text for people, in the look that Rust users know.
//!
//! Owns: `render`, `summary`. Only here and below is the drawing library named. It is given short excerpts instead of whole
//! files, so that a finding costs the same in a file of any size.

mod excerpt;
mod origin;
mod snippet;

use super::place::Places;
use super::{Diagnostic, Level, order, printable};
use crate::source::Sources;
use annotate_snippets::{Group, Renderer};
use std::fmt::Write as _;

/// The most findings that are drawn; all are counted.
const MOST_FINDINGS: usize = 500;

/// Whether the text carries colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Text alone, for files and pipes.
    Plain,
    /// With ANSI escape sequences, for a terminal.
    Ansi,
}

/// All findings in their order, a blank line after each, and a last line that counts them; empty if there are none.
///
/// At most five hundred are drawn, errors before warnings before notes, and a line says so.
pub fn render(findings: &[Diagnostic], sources: &Sources, colour: Colour) -> String {
    let sorted = order::sort(findings, sources);
    let Some(counts) = count(&sorted) else { return String::new() };
    let least = least_level(&sorted);
    let mut places = Places::new(sources);
    let mut text = String::new();
    let mut drawn = 0;
    for finding in sorted.iter().filter(|finding| Some(finding.level) >= least).take(MOST_FINDINGS) {
        text.push_str(&draw(finding, &mut places, colour));
        text.push_str("\n\n");
        drawn += 1;
    }
    if drawn < sorted.len() {
        let _ = writeln!(text, "{drawn} of {} findings are shown", sorted.len());
    }
    text.push_str(&counts);
    text.push('\n');
    text
}

/// How many findings there are of each level, in words: `2 errors, 1 warning`; none if there are none.
pub fn summary(findings: &[Diagnostic], sources: &Sources) -> Option<String> {
    count(&order::sort(findings, sources))
}

/// The lowest level that still fits if as many findings as possible are drawn, the worst first; none if all fit.
fn least_level(sorted: &[&Diagnostic]) -> Option<Level> {
    let fits = |least: Level| sorted.iter().filter(|finding| finding.level >= least).count() <= MOST_FINDINGS;
    [Level::Note, Level::Warning].into_iter().find(|least| fits(*least)).or(Some(Level::Error))
}

/// Counts findings by level, in words.
fn count(sorted: &[&Diagnostic]) -> Option<String> {
    let words = [Level::Error, Level::Warning, Level::Note].into_iter().filter_map(|level| {
        let number = sorted.iter().filter(|finding| finding.level == level).count();
        let plural = if number == 1 { "" } else { "s" };
        (number > 0).then(|| format!("{number} {}{plural}", level.name()))
    });
    let words: Vec<String> = words.collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// One finding, without a line end.
fn draw(finding: &Diagnostic, places: &mut Places<'_>, colour: Colour) -> String {
    let mut origins = origin::Origins::default();
    let title = drawn_level(finding.level).primary_title(printable::line(&finding.message)).id(finding.code.name());
    let mut group = Group::with_title(title).elements(snippet::labels(finding, places, &mut origins));
    if let Some(hidden) = snippet::hidden(finding) {
        group = group.element(annotate_snippets::Level::NOTE.message(hidden));
    }
    for note in &finding.notes {
        group = group.element(annotate_snippets::Level::NOTE.message(printable::prose(note)));
    }
    let mut groups = Vec::new();
    for help in &finding.helps {
        let patches = snippet::patches(&help.edits, places, &mut origins);
        if patches.is_empty() {
            group = group.element(annotate_snippets::Level::HELP.message(printable::prose(&help.text)));
        } else {
            let title = annotate_snippets::Level::HELP.secondary_title(printable::prose(&help.text));
            groups.push(Group::with_title(title).elements(patches));
        }
    }
    groups.insert(0, group);
    origins.fill(&renderer(colour).render(&groups))
}

/// The drawing library's word for a level.
fn drawn_level(level: Level) -> annotate_snippets::Level<'static> {
    match level {
        Level::Note => annotate_snippets::Level::NOTE,
        Level::Warning => annotate_snippets::Level::WARNING,
        Level::Error => annotate_snippets::Level::ERROR,
    }
}

/// The drawing library's settings.
fn renderer(colour: Colour) -> Renderer {
    match colour {
        Colour::Plain => Renderer::plain(),
        Colour::Ansi => Renderer::styled(),
    }
}
