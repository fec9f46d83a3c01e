//! Lines, indents and comments of a whole file.
//!
//! Owns: where a line ends and where a comment goes. It must not spell anything itself: the pieces come from `syntax::text`.

use crate::syntax::ast::{Comment, File, Gap, Item, ItemKind, NamespaceStatement, Statement, StatementKind};
use crate::syntax::text::{self, Before, Piece};

/// The longest line, in characters, unless one piece alone is longer.
const WIDTH: usize = 100;

/// The deeper indent of a block's statements, and of the lines that carry a statement on.
const INDENT: usize = 2;

/// The canonical text of a file; `original` is the text that the tree was read from.
pub(super) fn file(tree: &File, original: &str) -> String {
    let mut layout = Layout { original, out: String::with_capacity(original.len()) };
    layout.items(&tree.items, 0);
    layout.out
}

/// A text that is being written.
struct Layout<'a> {
    original: &'a str,
    out: String,
}

impl Layout<'_> {
    /// Items on lines of their own.
    fn items(&mut self, items: &[Item], indent: usize) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 && item.gap == Gap::Blank {
                self.out.push('\n');
            }
            match &item.kind {
                ItemKind::Comment(text) => self.line(indent, &comment(text)),
                ItemKind::Statement(statement) => self.statement(statement, indent),
                ItemKind::Broken => self.line(indent, self.original.get(item.span.range()).unwrap_or_default()),
            }
        }
    }

    /// A whole line.
    fn line(&mut self, indent: usize, text: &str) {
        self.start_line(indent);
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// The blanks at the start of a line.
    fn start_line(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    /// A statement with its comments, and with its block if it has one.
    fn statement(&mut self, statement: &Statement, indent: usize) {
        let mut pieces = text::pieces(&statement.kind);
        let StatementKind::Namespace(NamespaceStatement { body: Some(body), .. }) = &statement.kind else {
            let comments: Vec<_> = statement.comments.iter().collect();
            return self.pieces(&pieces, &comments, indent, indent);
        };
        let (inside, behind): (Vec<_>, Vec<_>) = statement.comments.iter().partition(|comment| comment.span.start < body.span.end);
        let is_empty = body.items.is_empty() && inside.is_empty();
        if let Some(last) = pieces.last_mut() {
            last.text.push_str(if is_empty { " {}" } else { " {" });
        }
        if is_empty {
            return self.pieces(&pieces, &behind, indent, indent);
        }
        self.pieces(&pieces, &inside, indent, indent + INDENT);
        self.items(&body.items, indent + INDENT);
        self.start_line(indent);
        self.out.push('}');
        self.comments_behind(&behind, indent);
    }

    /// The pieces of a statement, on one line if they fit and no comment stands between them. Comments that cannot stay on the last line
    /// follow it, indented by `rest`.
    fn pieces(&mut self, pieces: &[Piece], comments: &[&Comment], indent: usize, rest: usize) {
        let mut comments = assign(pieces, comments);
        let behind = comments.split_off(comments.partition_point(|(index, _)| index + 1 < pieces.len()));
        let is_long = indent + length(pieces) > WIDTH || !comments.is_empty();
        let mut comments = comments.into_iter().peekable();
        let mut line = Line::Open { column: indent };
        self.start_line(indent);
        for (index, piece) in pieces.iter().enumerate() {
            let ends = match line {
                Line::Ended => true,
                Line::Open { column } => match piece.before {
                    Before::Clause => is_long,
                    Before::Free => column + 1 + length(run(pieces, index)) > WIDTH,
                    Before::Glued => false,
                },
            };
            let column = self.before_piece(index, ends, line, indent);
            self.out.push_str(&piece.text);
            line = Line::Open { column: column + piece.text.chars().count() };
            while let Some((_, comment)) = comments.next_if(|(owner, _)| *owner == index) {
                line = self.comment_between(comment, line, indent + INDENT);
            }
        }
        let behind: Vec<_> = behind.into_iter().map(|(_, comment)| comment).collect();
        self.comments_behind(&behind, rest);
    }

    /// A blank or a line end before a piece; returns its column.
    fn before_piece(&mut self, index: usize, ends: bool, line: Line, indent: usize) -> usize {
        match line {
            Line::Open { column } if index == 0 => return column,
            Line::Open { column } if !ends => {
                self.out.push(' ');
                return column + 1;
            }
            Line::Open { .. } => self.out.push('\n'),
            Line::Ended => {}
        }
        self.start_line(indent + INDENT);
        indent + INDENT
    }

    /// A comment between two pieces: behind the one before it, or on a line of its own where it had one.
    fn comment_between(&mut self, written: &Comment, line: Line, indent: usize) -> Line {
        match line {
            Line::Open { .. } if self.has_own_line(written) => {
                self.out.push('\n');
                self.line(indent, &comment(&written.text));
            }
            Line::Open { .. } => {
                self.out.push_str("  ");
                self.line(0, &comment(&written.text));
            }
            Line::Ended => self.line(indent, &comment(&written.text)),
        }
        Line::Ended
    }

    /// The end of the line, with a comment behind it; more comments follow on lines of their own.
    fn comments_behind(&mut self, comments: &[&Comment], indent: usize) {
        let mut comments = comments.iter();
        if let Some(first) = comments.next() {
            self.out.push_str("  ");
            self.out.push_str(&comment(&first.text));
        }
        self.out.push('\n');
        for other in comments {
            self.line(indent, &comment(&other.text));
        }
    }

    /// Whether a comment is the first thing on its line.
    fn has_own_line(&self, comment: &Comment) -> bool {
        let before = self.original.get(..comment.span.range().start).unwrap_or_default();
        before.trim_end_matches([' ', '\t']).ends_with('\n')
    }
}

/// The line that is being written.
#[derive(Clone, Copy)]
enum Line {
    /// It has text up to this column.
    Open { column: usize },
    /// A comment has ended it.
    Ended,
}

/// Each comment with the piece that it stands behind: the last one that ends before it, or the next one behind which a line may end.
fn assign<'c>(pieces: &[Piece], comments: &[&'c Comment]) -> Vec<(usize, &'c Comment)> {
    let mut least = 0;
    let owner = |comment: &&'c Comment| {
        let before = pieces.iter().rposition(|piece| piece.end <= comment.span.start).unwrap_or_default().max(least);
        let glued = pieces.iter().skip(before + 1).take_while(|piece| piece.before == Before::Glued).count();
        least = before + glued;
        (least, *comment)
    };
    comments.iter().map(owner).collect()
}

/// The pieces from `index` on up to the next before which a line may end.
fn run(pieces: &[Piece], index: usize) -> &[Piece] {
    let rest = pieces.get(index..).unwrap_or_default();
    let glued = rest.iter().skip(1).take_while(|piece| piece.before == Before::Glued).count();
    rest.get(..=glued).unwrap_or_default()
}

/// How long pieces are on one line, in characters.
fn length(pieces: &[Piece]) -> usize {
    pieces.iter().map(|piece| piece.text.chars().count() + 1).sum::<usize>().saturating_sub(1)
}

/// A comment's text.
fn comment(text: &str) -> String {
    format!("#{}", text.trim_end())
}
