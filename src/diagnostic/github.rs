//! Findings as GitHub workflow commands, which become annotations of a pull request.
//!
//! Owns: `render` and the escaping that the runner undoes. It must not shorten what a finding says.

use super::place::{Places, Region};
use super::{Diagnostic, Level, order, printable};
use crate::source::Sources;

/// All findings in their order, one command a line.
pub fn render(findings: &[Diagnostic], sources: &Sources) -> String {
    let mut places = Places::new(sources);
    order::sort(findings, sources).into_iter().map(|finding| command(finding, &mut places)).collect()
}

/// One finding as a command.
fn command(finding: &Diagnostic, places: &mut Places<'_>) -> String {
    let word = match finding.level {
        Level::Note => "notice",
        Level::Warning => "warning",
        Level::Error => "error",
    };
    let place = finding.location().and_then(|location| places.trimmed(location)).map(|region| position(&region));
    let title = property(finding.code.name());
    format!("::{word} {}title={title}::{}\n", place.unwrap_or_default(), data(&body(finding, places)))
}

/// Where a finding is. The runner takes columns only of a stretch within one line.
fn position(region: &Region<'_>) -> String {
    let (start, end) = (region.start, region.end);
    let file = property(region.name);
    if start.line == end.line {
        format!("file={file},line={},col={},endLine={},endColumn={},", start.line, start.column, end.line, end.column)
    } else {
        format!("file={file},line={},endLine={},", start.line, end.line)
    }
}

/// What a finding says: an annotation shows no other place, so the related ones are named in words.
fn body(finding: &Diagnostic, places: &mut Places<'_>) -> String {
    let mut lines = vec![printable::line(&finding.message)];
    let label = finding.primary.iter().map(|label| label.text.as_str()).filter(|text| !text.is_empty());
    lines.extend(label.map(printable::line));
    for label in &finding.related {
        let Some(region) = places.region(label.location) else { continue };
        lines.push(printable::line(&format!("{}:{}:{}: {}", region.name, region.start.line, region.start.column, label.text)));
    }
    lines.extend(finding.notes.iter().map(|note| format!("note: {}", printable::prose(note))));
    lines.extend(finding.helps.iter().map(|help| format!("help: {}", printable::prose(&help.text))));
    lines.join("\n")
}

/// A text behind the second `::`, as the runner wants it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, as the runner wants it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
