//! The pages that people read: where they are, and their fenced blocks.
//!
//! Owns: `Page`, `Block`, and the writing of a page whose text a test knows better (`BLESS=1`).

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the package.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A path as the pages write it, from the root and with `/`.
pub(crate) fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/")
}

/// Whether pages are to be corrected instead of judged.
pub(crate) fn is_blessing() -> bool {
    std::env::var_os("BLESS").is_some_and(|value| value != "0" && !value.is_empty())
}

/// A page of Markdown.
pub(crate) struct Page {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// A fenced block.
pub(crate) struct Block<'a> {
    /// What stands behind the opening fence.
    pub(crate) language: &'a str,
    /// The text between the fences.
    pub(crate) text: &'a str,
    /// Where that text starts in the page, in bytes.
    pub(crate) start: usize,
}

impl Page {
    /// Every page of the project that is written for users, by path.
    pub(crate) fn all() -> Vec<Self> {
        let mut paths: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name)).to_vec();
        for entry in fs::read_dir(root().join("docs")).unwrap() {
            paths.push(entry.unwrap().path());
        }
        for entry in fs::read_dir(root().join("examples")).unwrap() {
            paths.push(entry.unwrap().path().join("README.md"));
        }
        paths.sort();
        paths.into_iter().map(Self::read).collect()
    }

    /// The page at a path.
    pub(crate) fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    /// Its fenced blocks, in order.
    pub(crate) fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks = Vec::new();
        let mut open: Option<(&str, usize)> = None;
        let mut at = 0;
        for line in self.text.split_inclusive('\n') {
            let next = at + line.len();
            match (line.trim_end().strip_prefix("```"), open) {
                (Some(language), None) => open = Some((language, next)),
                (Some(_), Some((language, start))) => {
                    blocks.push(Block { language, text: &self.text[start..at], start });
                    open = None;
                }
                (None, _) => {}
            }
            at = next;
        }
        assert!(open.is_none(), "{}: a block is not closed", self.path.display());
        blocks
    }

    /// The line, from 1, of a byte.
    pub(crate) fn line(&self, byte: usize) -> usize {
        self.text[..byte].matches('\n').count() + 1
    }
}

/// Judges a page by its wanted text; corrects it when blessing.
pub(crate) fn settle(path: &Path, wanted: &str) -> Result<(), String> {
    let found = fs::read_to_string(path).unwrap_or_default();
    if found == wanted {
        return Ok(());
    }
    if is_blessing() {
        fs::write(path, wanted).unwrap();
        return Ok(());
    }
    let difference = similar_lines(&found, wanted);
    Err(format!("{} is out of date (`just bless` corrects it):\n{difference}", relative(path)))
}

/// The lines that differ, those that stand there first.
fn similar_lines(found: &str, wanted: &str) -> String {
    let difference = similar::TextDiff::from_lines(found, wanted);
    difference.unified_diff().context_radius(2).to_string()
}
