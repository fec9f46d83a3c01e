//! Places for people and tools: lines, columns and line texts of any location, in constant time a question.
//!
//! Owns: `Places`, `Region`, `Place`, `floor`, `ceiling`. Spans that do not fit their text are fitted to it here, so that no renderer has to
//! think about them. It must not know what a finding is.

use crate::source::{FileId, Location, Source, Sources, Span};
use std::collections::BTreeMap;
use std::ops::Range;

/// How many bytes lie between two counts of characters; a column costs at most a look at so many.
const STRIDE: usize = 4096;

/// A point in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Line, from 1.
    pub(super) line: usize,
    /// Column in characters, from 1.
    pub(super) column: usize,
    /// Bytes before it, from 0.
    pub(super) byte: usize,
}

/// A stretch of a file, from its first place to the one past its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region<'a> {
    /// The file.
    pub(super) file: FileId,
    /// The file's name.
    pub(super) name: &'a str,
    /// Its first place.
    pub(super) start: Place,
    /// The place past its last character.
    pub(super) end: Place,
}

/// Answers for all files of a run; a file is looked through when first asked about.
#[derive(Debug)]
pub(super) struct Places<'a> {
    sources: &'a Sources,
    files: BTreeMap<FileId, Index<'a>>,
}

impl<'a> Places<'a> {
    /// Answers about these files.
    pub(super) fn new(sources: &'a Sources) -> Self {
        Self { sources, files: BTreeMap::new() }
    }

    /// The region of a location, cut to the text and to whole characters; none if there is no such file.
    pub(super) fn region(&mut self, location: Location) -> Option<Region<'a>> {
        let index = self.index(location.file)?;
        let span = index.fit(location.span);
        let (start, end) = (index.place(span.start), index.place(span.end));
        Some(Region { file: location.file, name: index.source.name(), start, end })
    }

    /// The same without the line ends at its end: to the end of a last line, not to the start of the next.
    pub(super) fn trimmed(&mut self, location: Location) -> Option<Region<'a>> {
        let Region { file, start, end, .. } = self.region(location)?;
        let covered = self.text(file).get(start.byte..end.byte).unwrap_or_default();
        let span = Span::new(start.byte, start.byte + covered.trim_end_matches(['\n', '\r']).len());
        self.region(Location { file, span })
    }

    /// The whole text of a file.
    pub(super) fn text(&self, file: FileId) -> &'a str {
        self.sources.get(file).map(Source::text).unwrap_or_default()
    }

    /// The bytes of a line (counted from 1) without its end; empty past the last line.
    pub(super) fn line(&mut self, file: FileId, line: usize) -> Range<usize> {
        self.index(file).map(|index| index.line(line)).unwrap_or_default()
    }

    /// The index of a file, made at the first question.
    fn index(&mut self, file: FileId) -> Option<&Index<'a>> {
        let source = self.sources.get(file)?;
        Some(self.files.entry(file).or_insert_with(|| Index::new(source)))
    }
}

/// Where a file's lines begin, and how many characters stand before every [`STRIDE`]th byte.
#[derive(Debug)]
struct Index<'a> {
    source: &'a Source,
    line_starts: Vec<usize>,
    characters: Vec<usize>,
}

impl<'a> Index<'a> {
    /// Looks through a file once.
    fn new(source: &'a Source) -> Self {
        let bytes = source.text().as_bytes();
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(ends).collect();
        let mut before = 0;
        let counted = bytes.chunks(STRIDE).map(|chunk| {
            before += characters(chunk);
            before
        });
        let characters = std::iter::once(0).chain(counted).collect();
        Self { source, line_starts, characters }
    }

    /// A span within the text, at character boundaries.
    fn fit(&self, span: Span) -> Range<usize> {
        let text = self.source.text();
        let start = floor(text, span.start as usize);
        start..ceiling(text, span.end as usize).max(start)
    }

    /// Line and column of a byte.
    fn place(&self, byte: usize) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= byte).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or_default();
        Place { line, column: self.characters_before(byte).saturating_sub(self.characters_before(start)) + 1, byte }
    }

    /// The bytes of a line without its end.
    fn line(&self, line: usize) -> Range<usize> {
        let Some(start) = line.checked_sub(1).and_then(|index| self.line_starts.get(index).copied()) else { return 0..0 };
        let next = self.line_starts.get(line).map_or(self.source.text().len(), |next| next - 1);
        let carriage = next > start && self.source.text().as_bytes().get(next - 1) == Some(&b'\r');
        start..next - usize::from(carriage)
    }

    /// How many characters begin before a byte.
    fn characters_before(&self, byte: usize) -> usize {
        let step = byte / STRIDE;
        let counted = self.characters.get(step).copied().unwrap_or_default();
        counted + self.source.text().as_bytes().get(step * STRIDE..byte).map(characters).unwrap_or_default()
    }
}

/// The last character boundary that is not behind a byte.
pub(super) fn floor(text: &str, byte: usize) -> usize {
    (0..=byte.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

/// The first character boundary that is not before a byte; the end of the text for a byte past it.
pub(super) fn ceiling(text: &str, byte: usize) -> usize {
    (byte..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// How many characters begin in these bytes of UTF-8.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| !matches!(**byte, 0x80..=0xBF)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Sources {
        let mut sources = Sources::default();
        sources.add(Source::new("a.intent", text));
        sources
    }

    fn region(sources: &Sources, start: usize, end: usize) -> ((usize, usize), (usize, usize)) {
        let location = Location { file: FileId(0), span: Span::new(start, end) };
        let region = Places::new(sources).region(location).unwrap();
        ((region.start.line, region.start.column), (region.end.line, region.end.column))
    }

    #[test]
    fn places_agree_with_the_source_on_every_byte() {
        let text = format!("über\r\n数{}x\n\nend", "aé".repeat(5_000));
        let sources = one(&text);
        let source = sources.get(FileId(0)).unwrap();
        let mut places = Places::new(&sources);
        for (byte, _) in text.char_indices() {
            let location = Location { file: FileId(0), span: Span::new(byte, byte) };
            let place = places.region(location).unwrap().start;
            let wanted = source.position(u32::try_from(byte).unwrap());
            assert_eq!((place.line, place.column), (wanted.line, wanted.column), "byte {byte}");
        }
    }

    #[test]
    fn spans_that_do_not_fit_are_cut() {
        let sources = one("aé\n");
        assert_eq!(region(&sources, 2, 2), ((1, 2), (1, 3)));
        assert_eq!(region(&sources, 90, 99), ((2, 1), (2, 1)));
        assert!(Places::new(&sources).region(Location { file: FileId(7), span: Span::default() }).is_none());
        let reversed = Location { file: FileId(0), span: Span { start: 3, end: 1 } };
        assert_eq!(Places::new(&sources).region(reversed).unwrap().start.byte, 3);
    }

    #[test]
    fn lines_come_without_their_ends() {
        let sources = one("one\r\ntwo\n\r\n");
        let mut places = Places::new(&sources);
        let lines: Vec<_> = (0..=5).map(|line| places.line(FileId(0), line)).collect();
        assert_eq!(lines, [0..0, 0..3, 5..8, 9..9, 11..11, 0..0]);
    }
}
