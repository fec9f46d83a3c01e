//! Intent text to a tree with spans and comments, even from broken text.
//!
//! Owns: the tree (`ast`), the tolerant parser (`parse`), the door for bytes (`decode`) and the one-line text of the tree's
//! pieces. Only here is the parser library named. It must not resolve names or judge meaning.

pub mod ast;
mod cut;
mod decode;
mod erase;
mod expected;
mod foreign;
mod forms;
mod grammar;
mod judge;
mod lower;
mod parse;
pub(crate) mod text;
mod unprintable;
pub(crate) mod words;

pub use decode::decode;
pub use erase::same_statements;
pub use parse::parse;

/// The largest file that is read, in bytes.
pub const MAX_FILE: usize = 64 * 1024 * 1024;
