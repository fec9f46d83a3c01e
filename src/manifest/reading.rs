//! What is being read, and what was found about it.
//!
//! Owns: `Reading`: the findings of a file with their measure, and which words the API server would read as something else. It must
//! not know what an object holds.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::document::{Document, Step};
use super::trees::Trees;
use super::value::Tree;
use super::words;
use crate::diagnostic::Diagnostic;
use crate::source::{Location, Span};

/// The most findings for one object; a broken generator repeats its mistake in every line.
const MAX_FINDINGS_PER_OBJECT: usize = 20;

/// The most findings for one file.
const MAX_FINDINGS_PER_FILE: usize = 200;

/// How many bytes of a file may be read again to find places, so that a hostile file cannot make it endless.
const MAX_EFFORT: usize = 64 << 20;

/// What is being read: a file, the document and the object in it, and what was found so far.
#[derive(Debug)]
pub(crate) struct Reading<'s> {
    /// The document.
    pub(crate) document: Document<'s>,
    /// The object as findings name it, such as "Deployment `shop/web`".
    pub(crate) object: String,
    findings: Vec<Diagnostic>,
    found_before: usize,
    /// How much was found wrong so far, whether or not it was reported, but for what was read quietly.
    faults: usize,
    remarks: Vec<Diagnostic>,
    remarked_before: usize,
    effort: usize,
    bare: Bare,
    trees: Option<&'s Trees<'s>>,
}

/// Which words stand without quotes in a text; asked once a word, because many objects may share one text.
#[derive(Debug, Default)]
struct Bare {
    text: Option<Span>,
    words: BTreeMap<String, bool>,
}

impl<'s> Reading<'s> {
    /// Begins to read a file, of which this is all.
    pub(crate) fn new(document: Document<'s>) -> Self {
        let effort = MAX_EFFORT.max(document.text().len());
        Self {
            document,
            object: String::new(),
            findings: Vec::new(),
            found_before: 0,
            faults: 0,
            remarks: Vec::new(),
            remarked_before: 0,
            effort,
            bare: Bare::default(),
            trees: None,
        }
    }

    /// The same, of a file of which there are trees already.
    pub(crate) fn with_trees(document: Document<'s>, trees: &'s Trees<'s>) -> Self {
        Self { trees: Some(trees), ..Self::new(document) }
    }

    /// The tree of a document; a finding if it is no YAML.
    pub(super) fn tree(&self, document: Document<'s>) -> Result<Cow<'s, Tree<'s>>, Box<Diagnostic>> {
        match self.trees.and_then(|trees| trees.get(document.text())) {
            Some(tree) => Ok(Cow::Borrowed(tree)),
            None => document.parse().map(Cow::Owned),
        }
    }

    /// Goes on to another object.
    pub(crate) fn begin(&mut self, document: Document<'s>, object: impl Into<String>) {
        self.document = document;
        self.object = object.into();
        self.found_before = self.findings.len();
        self.remarked_before = self.remarks.len();
    }

    /// Hands over the findings about the whole file.
    pub(crate) fn into_findings(self) -> Vec<Diagnostic> {
        self.findings.into_iter().chain(self.remarks).collect()
    }

    /// Whether nothing was found about this object.
    pub(crate) fn is_clean(&self) -> bool {
        self.findings.len() == self.found_before
    }

    /// Whether the file has so many findings that more would help nobody.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.findings.len() >= MAX_FINDINGS_PER_FILE
    }

    /// Reports a finding about a place of the tree, unless the object already has enough of them.
    pub(crate) fn report(&mut self, steps: &[Step<'_>], finding: impl FnOnce(Location) -> Diagnostic) {
        self.faults += 1;
        if self.findings.len() - self.found_before >= MAX_FINDINGS_PER_OBJECT {
            return;
        }
        let location = self.place(steps).unwrap_or_else(|| self.document.first_line());
        self.add(finding(location));
    }

    /// Reports a finding that leaves the object as readable as it is, within the same measure.
    pub(crate) fn remark(&mut self, steps: &[Step<'_>], finding: impl FnOnce(Location) -> Diagnostic) {
        let of_object = self.remarks.len() - self.remarked_before;
        if of_object >= MAX_FINDINGS_PER_OBJECT || self.remarks.len() >= MAX_FINDINGS_PER_FILE {
            return;
        }
        let location = self.place(steps).unwrap_or_else(|| self.document.first_line());
        self.remarks.push(finding(location));
    }

    /// Reads something of which nothing is to be reported; nothing comes back if there would have been a finding.
    pub(crate) fn quietly<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let (before, faults, remarked) = (self.findings.len(), self.faults, self.remarks.len());
        let value = self.soundly(read);
        self.findings.truncate(before);
        self.faults = faults;
        self.remarks.truncate(remarked);
        value
    }

    /// Reads a part of an object; nothing comes back if something is wrong with it, which is reported.
    pub(crate) fn soundly<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let before = self.faults;
        let value = read(self);
        (self.faults == before).then_some(value)
    }

    /// Adds a finding that knows its place.
    pub(crate) fn add(&mut self, finding: Diagnostic) {
        self.faults += 1;
        let about_this = self.findings.get(self.found_before..).unwrap_or_default();
        if !about_this.contains(&finding) {
            self.findings.push(finding);
        }
    }

    /// Where a place of the tree is written; none once the effort is spent.
    fn place(&mut self, steps: &[Step<'_>]) -> Option<Location> {
        self.effort = self.effort.checked_sub(self.document.text().len())?;
        Some(self.document.place(steps))
    }

    /// Whether Kubernetes reads this word as text where it stands.
    pub(super) fn reads_as_text(&mut self, steps: &[Step<'_>], word: &str) -> bool {
        if words::other_reading(word).is_none() || !self.stands_bare(word) {
            return true;
        }
        // Quotes make it text; where the place cannot be found, the worse reading counts.
        let written = self.place(steps).map(|location| self.document.source.slice(location.span));
        written.is_some_and(|written| without_anchor(written).starts_with(['"', '\'', '|', '>', '!']))
    }

    /// Whether a word stands somewhere in the document without quotes.
    fn stands_bare(&mut self, word: &str) -> bool {
        let document = self.document;
        if self.bare.text != Some(document.span) {
            self.bare = Bare { text: Some(document.span), words: BTreeMap::new() };
        }
        *self.bare.words.entry(word.to_owned()).or_insert_with(|| stands_bare(document.text(), word))
    }
}

/// What stands behind an anchor such as `&name`, which does not change how a word is read.
fn without_anchor(written: &str) -> &str {
    if !written.starts_with('&') {
        return written;
    }
    written.split_once([' ', '\t']).map_or("", |(_, rest)| rest.trim_start())
}

/// Whether a word may stand somewhere in a text as a whole value without quotes; cheap, and enough to clear most documents.
fn stands_bare(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        let behind = text.get(at + word.len()..).and_then(|rest| rest.chars().next());
        !is_inside_word(before) && !behind.is_some_and(char::is_alphanumeric)
    })
}

/// Whether what follows this text only carries on a word or a quoted text. A colon joins words, unless blanks stand behind it or
/// a quoted key before it.
fn is_inside_word(before: &str) -> bool {
    let mut letters = before.chars().rev();
    match letters.next() {
        Some('"' | '\'') => true,
        Some(':') => letters.next().is_some_and(char::is_alphanumeric),
        letter => letter.is_some_and(char::is_alphanumeric),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::code;
    use crate::manifest::Whereabouts;
    use crate::source::{Source, Sources};

    /// A finding that stands there already, or one too many, is added to nothing; it is a fault all the same.
    #[test]
    fn what_is_wrong_is_heard_quietly_too() {
        let mut sources = Sources::default();
        let file = sources.add(Source::new("all.yaml", "a: 1\n"));
        let source = sources.get(file).unwrap();
        let span = Span::new(0, source.text().len());
        let mut reading = Reading::new(Document { file, source, span, object: Whereabouts::Whole, code: code::INVALID_MANIFEST });
        let fault = |text: String| move |location| Diagnostic::new(code::INVALID_MANIFEST, location, text);
        assert_eq!(reading.quietly(|reading| reading.report(&[], fault("quiet".to_owned()))), None);
        assert!(reading.is_clean());
        // What was quiet is no fault of what is read around it.
        assert_eq!(reading.soundly(|reading| reading.quietly(|reading| reading.report(&[], fault("quiet".to_owned())))), Some(None));
        reading.report(&[], fault("loud".to_owned()));
        assert_eq!(reading.quietly(|reading| reading.report(&[], fault("loud".to_owned()))), None);
        assert_eq!(reading.quietly(|_| 5), Some(5));
        (0..MAX_FINDINGS_PER_OBJECT).for_each(|number| reading.report(&[], fault(number.to_string())));
        assert_eq!(reading.quietly(|reading| reading.report(&[], fault("more".to_owned()))), None);
    }
}
