//! What a mesh does to paths before it compares them.
//!
//! Owns: `PathNormalization`, by name alone. What becomes of a path is for those who ask with one as it was typed.

/// What the mesh does to the path of a request before it compares it (`semantics.md` §2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathNormalization {
    /// Nothing.
    None,
    /// Dot segments, backslashes, percent signs before letters that need none.
    Base,
    /// The same, and `//` becomes `/`.
    MergeSlashes,
    /// The same, after `%2F` and `%5C` are decoded.
    DecodeAndMergeSlashes,
}

impl PathNormalization {
    /// As `twogate.toml` writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Base => "base",
            Self::MergeSlashes => "merge-slashes",
            Self::DecodeAndMergeSlashes => "decode-and-merge-slashes",
        }
    }
}
