//! The one order in which findings are shown.
//!
//! Owns: `sort` and `has_error`. It must not judge what a finding says: two findings are one only if they are equal.

use super::{Diagnostic, Level};
use crate::source::{Source, Sources, Span};
use std::cmp::Ordering;

/// The findings by file name, place, code and message, each once; those about no file come first.
///
/// Every renderer calls it, so that no format depends on the order in which checks ran or files were read.
pub fn sort<'a>(findings: &'a [Diagnostic], sources: &Sources) -> Vec<&'a Diagnostic> {
    let mut sorted: Vec<&Diagnostic> = findings.iter().collect();
    sorted.sort_by(|left, right| compare(left, right, sources));
    let mut kept: Vec<&Diagnostic> = Vec::with_capacity(sorted.len());
    for finding in sorted {
        // Equal findings sort together, though others with the same key may stand between them.
        let twin = |other: &&&Diagnostic| compare(other, finding, sources) == Ordering::Equal;
        if !kept.iter().rev().take_while(twin).any(|other| *other == finding) {
            kept.push(finding);
        }
    }
    kept
}

/// Whether any finding is at error level, which means: write nothing, exit status 1.
pub fn has_error(findings: &[Diagnostic]) -> bool {
    findings.iter().any(|finding| finding.level == Level::Error)
}

/// The order of two findings.
fn compare(left: &Diagnostic, right: &Diagnostic, sources: &Sources) -> Ordering {
    let key = |finding: &Diagnostic| (finding.code, std::cmp::Reverse(finding.level));
    place(left, sources)
        .cmp(&place(right, sources))
        .then_with(|| key(left).cmp(&key(right)))
        .then_with(|| left.message.cmp(&right.message))
        .then_with(|| related(left).cmp(related(right)))
}

/// Where a finding sorts: its file's name and its span.
fn place<'a>(finding: &Diagnostic, sources: &'a Sources) -> Option<(&'a str, Span)> {
    let location = finding.location()?;
    let name = sources.get(location.file).map(Source::name).unwrap_or_default();
    Some((name, location.span))
}

/// The spans of the other places, which tell apart findings of one place and one message.
fn related(finding: &Diagnostic) -> impl Iterator<Item = Span> {
    finding.related.iter().map(|label| label.location.span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::code::{COVERED_RULE, DUPLICATE_RULE, NO_INPUT};
    use crate::source::{FileId, Location, Source};

    #[test]
    fn order_is_by_name_not_by_reading_and_twins_are_one() {
        let mut sources = Sources::default();
        let late = sources.add(Source::new("z.intent", "one two"));
        let early = sources.add(Source::new("a.intent", "one two"));
        let at = |file: FileId, start| Location { file, span: Span::new(start, start + 3) };
        let findings = [
            Diagnostic::new(DUPLICATE_RULE, at(late, 0), "z"),
            Diagnostic::new(DUPLICATE_RULE, at(early, 4), "second"),
            Diagnostic::new(DUPLICATE_RULE, at(early, 0), "first, other code"),
            Diagnostic::new(COVERED_RULE, at(early, 0), "first"),
            Diagnostic::new(DUPLICATE_RULE, at(late, 0), "z"),
            Diagnostic::unplaced(NO_INPUT, "nothing"),
        ];
        let messages: Vec<_> = sort(&findings, &sources).iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(messages, ["nothing", "first", "first, other code", "second", "z"]);
    }

    #[test]
    fn findings_that_differ_in_a_note_are_both_kept() {
        let plain = Diagnostic::unplaced(NO_INPUT, "nothing");
        let findings = [plain.clone(), plain.clone().note("why"), plain];
        assert_eq!(sort(&findings, &Sources::default()).len(), 2);
    }
}
