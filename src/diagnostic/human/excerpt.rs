//! The few lines of a file that a finding is about, cut to a size that can be drawn.
//!
//! Owns: `Excerpt`. Whatever the size of a line or a file, an excerpt is small: long lines are cut around the places that
//! are pointed at, and lines that will not be shown are left empty. It must not decide what is pointed at.

use crate::diagnostic::place::{Places, Region, ceiling, floor};
use crate::diagnostic::printable::printable;
use std::ops::Range;

/// Lines this near to a place are copied, since the drawing library may show them.
const NEAR: usize = 5;
/// A line of more bytes is cut.
const LONGEST_LINE: usize = 480;
/// What is shown of a cut line before a place, in bytes.
const BEFORE: usize = 40;
/// What is shown of a cut line behind a place, in bytes.
const BEHIND: usize = 70;

/// Which lines of an excerpt are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// Those near a place.
    NearPlaces,
    /// Every one.
    All,
}

/// Some lines of a file, safe to print, and where its bytes went.
#[derive(Debug)]
pub(super) struct Excerpt<'a> {
    /// The lines.
    pub(super) text: String,
    /// The number of the first.
    pub(super) first_line: usize,
    file: &'a str,
    pieces: Vec<Piece>,
}

/// A stretch of the file that was copied, and where it begins in the excerpt.
#[derive(Debug)]
struct Piece {
    copied: Range<usize>,
    begins: usize,
}

impl<'a> Excerpt<'a> {
    /// The lines from the first to the last that these regions of one file touch.
    pub(super) fn new(regions: &[Region<'a>], lines: Lines, places: &mut Places<'a>) -> Self {
        let file = regions.first().map(|region| region.file).unwrap_or_default();
        let first_line = regions.iter().map(|region| region.start.line).min().unwrap_or(1);
        let last_line = regions.iter().map(|region| region.end.line).max().unwrap_or(1);
        let mut excerpt = Self { text: String::new(), first_line, file: places.text(file), pieces: Vec::new() };
        for line in first_line..=last_line {
            if line > first_line {
                excerpt.text.push('\n');
            }
            if lines == Lines::All || regions.iter().any(|region| is_near(line, region)) {
                excerpt.copy_line(places.line(file, line), &points(regions, line));
            }
        }
        // The drawing library sees no last line where there is none, and an error at the end of a file stands there.
        if excerpt.text.ends_with('\n') {
            excerpt.text.push(' ');
        }
        excerpt
    }

    /// Where a region of the file is in the excerpt; a place that was cut away is where the cut is.
    pub(super) fn range(&self, region: &Region<'_>) -> Range<usize> {
        let start = self.offset(region.start.byte);
        start..self.offset(region.end.byte).max(start)
    }

    /// Whether a region was copied whole.
    pub(super) fn is_whole(&self, region: &Region<'_>) -> bool {
        let original = self.file.get(region.start.byte..region.end.byte).unwrap_or_default();
        let visible = |text: &str| text.chars().filter(|character| !matches!(character, '\n' | '\r')).map(printable).collect::<String>();
        let copied = self.text.get(self.range(region)).unwrap_or_default();
        visible(original) == copied.chars().filter(|character| *character != '\n').collect::<String>()
    }

    /// Copies a line, whole or around some places in it.
    fn copy_line(&mut self, line: Range<usize>, points: &[usize]) {
        let mut shown = line.start;
        for window in self.windows(&line, points) {
            if window.start > shown {
                self.text.push('…');
            }
            self.pieces.push(Piece { copied: window.clone(), begins: self.text.len() });
            self.text.extend(self.file.get(window.clone()).unwrap_or_default().chars().map(printable));
            shown = window.end;
        }
        if shown < line.end {
            self.text.push('…');
        }
    }

    /// The stretches of a line that are shown.
    fn windows(&self, line: &Range<usize>, points: &[usize]) -> Vec<Range<usize>> {
        if line.len() <= LONGEST_LINE {
            return vec![line.clone()];
        }
        let points = if points.is_empty() { std::slice::from_ref(&line.start) } else { points };
        let mut windows: Vec<Range<usize>> = Vec::new();
        for point in points {
            let start = floor(self.file, point.saturating_sub(BEFORE).max(line.start));
            let end = ceiling(self.file, (point + BEHIND).min(line.end));
            match windows.last_mut().filter(|last| last.end >= start) {
                Some(last) => last.end = last.end.max(end),
                None => windows.push(start..end),
            }
        }
        windows
    }

    /// Where a byte of the file is in the excerpt.
    fn offset(&self, byte: usize) -> usize {
        let behind = self.pieces.partition_point(|piece| piece.copied.start <= byte);
        let Some(piece) = behind.checked_sub(1).and_then(|index| self.pieces.get(index)) else { return 0 };
        let before = self.file.get(piece.copied.start..byte.min(piece.copied.end)).unwrap_or_default();
        piece.begins + before.chars().map(|character| printable(character).len_utf8()).sum::<usize>()
    }
}

/// Whether a line is near an end of a region.
fn is_near(line: usize, region: &Region<'_>) -> bool {
    line.abs_diff(region.start.line) <= NEAR || line.abs_diff(region.end.line) <= NEAR
}

/// The bytes in a line where regions begin and end, in order.
fn points(regions: &[Region<'_>], line: usize) -> Vec<usize> {
    let ends = regions.iter().flat_map(|region| [region.start, region.end]);
    let mut points: Vec<usize> = ends.filter(|place| place.line == line).map(|place| place.byte).collect();
    points.sort_unstable();
    points
}
