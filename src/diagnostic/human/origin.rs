//! The `file:line:column` above an excerpt.
//!
//! Owns: `Origins`. The drawing library counts lines and columns in the excerpt that it is given; what is true of the whole
//! file is put in after drawing. It must not draw.

use crate::diagnostic::place::Region;
use crate::diagnostic::printable;
use crate::source::FileId;

/// Begins the mark of an origin. User text never holds it: `printable` replaces it.
const OPEN: char = '\u{E000}';
/// Ends the mark of an origin.
const CLOSE: char = '\u{E001}';

/// The origins of one finding's excerpts, in the order of their marks.
#[derive(Debug, Default)]
pub(super) struct Origins(Vec<(FileId, String)>);

impl Origins {
    /// A new mark, which stands for a region's origin until the text is drawn.
    pub(super) fn mark(&mut self, region: &Region<'_>) -> String {
        let name = printable::line(region.name);
        self.0.push((region.file, format!("{name}:{}:{}", region.start.line, region.start.column)));
        written(self.0.len() - 1)
    }

    /// The mark of an excerpt of the same file, if there is one: what has been announced is not announced again.
    pub(super) fn mark_once(&mut self, region: &Region<'_>) -> String {
        match self.0.iter().position(|(file, _)| *file == region.file) {
            Some(index) => written(index),
            None => self.mark(region),
        }
    }

    /// The drawn text with every mark, and the line and column that the library put behind it, replaced by the truth.
    pub(super) fn fill(&self, drawn: &str) -> String {
        let mut text = String::with_capacity(drawn.len() + 64);
        let mut rest = drawn;
        while let Some((before, after)) = rest.split_once(OPEN) {
            text.push_str(before);
            let Some((index, after)) = after.split_once(CLOSE) else { break };
            if let Some((_, origin)) = index.parse::<usize>().ok().and_then(|index| self.0.get(index)) {
                text.push_str(origin);
            }
            rest = after.trim_start_matches(|character: char| character == ':' || character.is_ascii_digit());
        }
        text.push_str(rest);
        text
    }
}

/// A mark as text.
fn written(index: usize) -> String {
    format!("{OPEN}{index}{CLOSE}")
}
