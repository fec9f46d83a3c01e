//! The statement of the language that a flow was made into, and the way back.
//!
//! Owns: `Hidden`. What it says is not looked at here.

use super::draft::slice;
use crate::diagnostic::Diagnostic;
use crate::source::{FileId, Location, Span};

/// A text made of pieces of a flow and of other words, and the way back.
#[derive(Debug, Clone, Default)]
pub(super) struct Hidden {
    /// The text.
    pub(super) text: String,
    /// Pieces of the flow: where each begins here, where there, and how long it is.
    pieces: Vec<(usize, usize, usize)>,
}

impl Hidden {
    /// Adds words that come from nowhere.
    pub(super) fn glue(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds a word that stands for a place in the flow.
    pub(super) fn piece(&mut self, word: &str, span: Span) {
        self.pieces.push((self.text.len(), span.range().start, word.len().min(span.range().len())));
        self.text.push_str(word);
    }

    /// Adds a piece of the flow. Line ends become blanks: a flow is one line.
    pub(super) fn slice(&mut self, flow: &str, span: Span) {
        let piece = slice(flow, span);
        self.pieces.push((self.text.len(), span.range().start, piece.len()));
        self.text.extend(piece.chars().map(|letter| if letter == '\n' { ' ' } else { letter }));
    }

    /// The place in the flow that a place here comes from; what comes from nowhere is the piece beside it.
    pub(super) fn back(&self, span: Span) -> Span {
        let (start, end) = (span.range().start, span.range().end);
        let first = self.pieces.iter().find(|(at, _, length)| start < at + length || (start == at + length && start == end));
        let last = self.pieces.iter().rev().find(|(at, _, _)| *at < end || (*at == end && start == end));
        let begin = first.or(self.pieces.last()).map_or(0, |(at, from, length)| from + start.saturating_sub(*at).min(*length));
        let finish = last.or(self.pieces.first()).map_or(0, |(at, from, length)| from + end.saturating_sub(*at).min(*length));
        Span::new(begin.min(finish.max(begin)), finish.max(begin))
    }

    /// A finding about this text as one about the flow.
    pub(super) fn finding(&self, flow: FileId, mut finding: Diagnostic) -> Diagnostic {
        let back = |location: &mut Location| {
            if location.file == flow {
                location.span = self.back(location.span);
            }
        };
        for label in finding.primary.iter_mut().chain(&mut finding.related) {
            back(&mut label.location);
        }
        for edit in finding.helps.iter_mut().flat_map(|help| &mut help.edits) {
            back(&mut edit.location);
        }
        finding
    }
}
