//! The parser that pest makes of `grammar/intent.pest`.
//!
//! Owns: the generated parser and the names for its pairs. Nothing outside `syntax` may see a pest type.

/// Reads one statement at a time; the cutter has found where it starts and ends.
#[derive(pest_derive::Parser)]
#[grammar = "grammar/intent.pest"]
pub(super) struct Grammar;

/// A piece of a statement that a rule of the grammar has read.
pub(super) type Pair<'i> = pest::iterators::Pair<'i, Rule>;
