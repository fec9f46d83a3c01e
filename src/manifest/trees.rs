//! Trees of texts that are read more than once.
//!
//! Owns: `Trees`. Two sides of a comparison hold mostly the same documents, and each side is read by more than one reader; a tree is
//! made once. It must not hold more than a machine has room for.

use std::collections::{HashMap, HashSet};

use super::document::tree;
use super::stream::documents;
use super::value::Tree;
use crate::source::{FileId, Sources};
use crate::threads::in_shares;

/// Of so many bytes trees are kept: a tree takes several times the room of its text. Whoever has more reads it as often as needed.
const MAX_KEPT: usize = 16 << 20;

/// So many documents are worth a thread.
const WORTH_A_THREAD: usize = 64;

/// The trees of documents, by their texts. Those that are no YAML have none.
#[derive(Debug, Default)]
pub(crate) struct Trees<'s>(HashMap<&'s str, Tree<'s>>);

impl<'s> Trees<'s> {
    /// Of all documents of some files.
    pub(crate) fn of(files: impl Iterator<Item = (&'s Sources, FileId)>) -> Self {
        let texts: Vec<&str> = files.filter_map(|(sources, file)| Some(sources.get(file)?.text())).collect();
        if texts.iter().map(|text| text.len()).sum::<usize>() > MAX_KEPT {
            return Self::default();
        }
        let all = texts.into_iter().flat_map(|text| documents(text).filter_map(|span| text.get(span.range())));
        let distinct: Vec<&str> = all.collect::<HashSet<_>>().into_iter().collect();
        let trees = in_shares(&distinct, WORTH_A_THREAD, |share| {
            share.iter().filter_map(|text| Some((*text, tree(text).ok()?))).collect::<Vec<_>>()
        });
        Self(trees.into_iter().flatten().collect())
    }

    /// The tree of a document; none if it has to be read.
    pub(super) fn get(&self, text: &str) -> Option<&Tree<'s>> {
        self.0.get(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    #[test]
    fn every_document_that_is_yaml_has_its_tree() {
        let mut sources = Sources::default();
        let text = "a: 1\n---\n- [x\n---\nb: &b {c: d}\ne: {<<: *b}\n";
        let file = sources.add(Source::new("a.yaml", text));
        let trees = Trees::of([(&sources, file), (&sources, file)].into_iter());
        let found = |text: &str| trees.get(text).map(|tree| format!("{tree:?}"));
        assert_eq!(found("a: 1\n").as_deref(), Some("Map([(Text(\"a\"), Number(Some(1)))])"));
        assert_eq!(found("\n- [x\n"), None);
        let merged = "Map([(Text(\"b\"), Map([(Text(\"c\"), Text(\"d\"))])), (Text(\"e\"), Map([(Text(\"c\"), Text(\"d\"))]))])";
        assert_eq!(found("\nb: &b {c: d}\ne: {<<: *b}\n").as_deref(), Some(merged));
        assert_eq!(trees.0.len(), 2);
    }
}
