//! Reads values out of a document's tree and reports those that Kubernetes would refuse.
//!
//! Owns: `Node`, the findings about wrong types and unknown keys. Missing and `null` are the same here, as they are to Kubernetes
//! for every field that is read here. It must not know which fields an object has.

mod fields;
mod labels;

use super::document::{Document, Step};
use super::reading::Reading;
use super::value::{Tree, get};
use super::words;
use crate::diagnostic::{Diagnostic, Level, nearest};
use crate::flow::{Labels, Symbol};
use crate::source::{Location, Span};

/// A place in a document's tree and what stands there.
#[derive(Debug, Clone)]
pub(crate) struct Node<'t> {
    value: &'t Tree<'t>,
    steps: Vec<Step<'t>>,
}

impl<'t> Node<'t> {
    /// The whole document.
    pub(crate) fn root(value: &'t Tree<'t>) -> Self {
        Self { value, steps: Vec::new() }
    }

    /// What stands here as JSON, by itself: what it takes from elsewhere in its document is written out.
    pub(crate) fn json(&self) -> String {
        let mut out = String::new();
        self.value.write_json(&mut out);
        out
    }

    /// Whether nothing stands here.
    pub(crate) fn is_missing(&self) -> bool {
        self.value.is_null()
    }

    /// The value of a key; a missing node where there is none.
    pub(crate) fn get(&self, reading: &mut Reading<'_>, key: &'t str) -> Node<'t> {
        let value = match self.value {
            Tree::Map(entries) => get(entries, key).unwrap_or(&Tree::Null),
            Tree::Null => &Tree::Null,
            _ => {
                self.wrong(reading, "a map is expected");
                &Tree::Null
            }
        };
        self.child(Step::Key(key), value)
    }

    /// What is one step further down.
    fn child(&self, step: Step<'t>, value: &'t Tree<'t>) -> Node<'t> {
        Node { value, steps: self.steps.iter().copied().chain([step]).collect() }
    }

    /// The node at the end of several keys.
    pub(crate) fn follow(&self, reading: &mut Reading<'_>, keys: &[&'t str]) -> Node<'t> {
        keys.iter().fold(self.clone(), |node, key| node.get(reading, key))
    }

    /// The elements of a list; none where it is missing.
    pub(crate) fn list(&self, reading: &mut Reading<'_>) -> Vec<Node<'t>> {
        match self.value {
            Tree::List(elements) => elements.iter().enumerate().map(|(index, value)| self.child(Step::Index(index), value)).collect(),
            Tree::Null => Vec::new(),
            _ => {
                self.wrong(reading, "a list is expected");
                Vec::new()
            }
        }
    }

    /// The text that stands here; none where it is missing or, with a finding, no text.
    pub(crate) fn text(&self, reading: &mut Reading<'_>) -> Option<&'t str> {
        match self.value {
            Tree::Text(text) if reading.reads_as_text(&self.steps, text) => Some(text),
            Tree::Text(text) if words::is_doubtful(text) => {
                self.doubtful(reading);
                Some(text)
            }
            Tree::Text(text) => {
                let read_as = words::other_reading(text).unwrap_or("something else");
                self.unquoted(reading, read_as);
                None
            }
            Tree::Null => None,
            Tree::Bool(_) => {
                self.unquoted(reading, "true or false");
                None
            }
            Tree::Number(_) => {
                self.unquoted(reading, "a number");
                None
            }
            _ => {
                self.wrong(reading, "text is expected");
                None
            }
        }
    }

    /// The text that stands here, as an owned symbol, where it is not empty.
    pub(crate) fn symbol(&self, reading: &mut Reading<'_>) -> Option<Symbol> {
        self.text(reading).filter(|text| !text.is_empty()).map(Symbol::from)
    }

    /// The whole number that stands here.
    pub(crate) fn number(&self, reading: &mut Reading<'_>) -> Option<u64> {
        match self.value {
            Tree::Number(Some(number)) => Some(*number),
            Tree::Null => None,
            _ => {
                self.wrong(reading, "a whole number is expected");
                None
            }
        }
    }

    /// The port number that stands here.
    pub(crate) fn port(&self, reading: &mut Reading<'_>) -> Option<u16> {
        let number = self.number(reading)?;
        let port = u16::try_from(number).ok().filter(|port| *port > 0);
        if port.is_none() {
            self.wrong(reading, "a port is a number from 1 to 65535");
        }
        port
    }

    /// The keys of a map and what stands there, in the order of the text; keys that are no text are left out.
    pub(crate) fn entries(&self) -> Vec<(&'t str, Node<'t>)> {
        let Tree::Map(entries) = self.value else { return Vec::new() };
        let pairs = entries.iter().filter_map(|(key, value)| Some((key.as_text()?, value)));
        pairs.map(|(key, value)| (key, self.child(Step::Key(key), value))).collect()
    }

    /// Reports every key that the API does not have here; it would be refused, or dropped in silence (`semantics.md` §1.9).
    pub(crate) fn only(&self, reading: &mut Reading<'_>, known: &[&str]) {
        match self.value {
            Tree::Map(entries) => {
                for (key, _) in entries.iter().filter(|(key, _)| !key.as_text().is_some_and(|key| known.contains(&key))) {
                    self.unknown_key(reading, key.as_text(), known);
                }
            }
            Tree::Null => {}
            _ => self.wrong(reading, "a map is expected"),
        }
    }

    /// Reports a key that does not exist.
    fn unknown_key(&self, reading: &mut Reading<'_>, key: Option<&'t str>, known: &[&str]) {
        let Some(key) = key else { return self.wrong(reading, "every key here must be text") };
        let steps: Vec<Step<'_>> = self.steps.iter().copied().chain([Step::Name(key)]).collect();
        let message = format!("`{}` of {} does not exist", path(&steps), reading.object);
        let document = reading.document;
        reading.report(&steps, |location| {
            let (written, location) = first_word(document, location);
            let finding = Diagnostic::new(document.code, location, message)
                .label("no such field")
                .note("the API server refuses the object, or drops the field and applies the rest");
            match nearest(key, known.iter().copied()) {
                Some(near) if written == key => finding.fix(format!("did you mean `{near}`?"), location, near),
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding,
            }
        });
    }

    /// Whether a list stands here.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.value, Tree::List(_))
    }

    /// Whether this is a map with a list under a key; reports nothing.
    pub(crate) fn holds_list(&self, key: &str) -> bool {
        matches!(self.value, Tree::Map(entries) if matches!(get(entries, key), Some(Tree::List(_) | Tree::Null)))
    }

    /// The same value as an object of its own.
    pub(crate) fn as_root(&self) -> Node<'t> {
        Node::root(self.value)
    }

    /// Whether a zero stands here, which is nothing to Kubernetes in some fields.
    pub(crate) fn is_zero(&self) -> bool {
        self.value.as_number() == Some(0)
    }

    /// Whether text stands here; tells a port's name from its number.
    pub(crate) fn is_text(&self) -> bool {
        self.value.as_text().is_some()
    }

    /// Whether a number stands here that our reader takes for text, such as `010`.
    pub(crate) fn is_bare_number(&self, reading: &mut Reading<'_>) -> bool {
        let Tree::Text(text) = self.value else { return false };
        words::other_reading(text) == Some("a number") && !reading.reads_as_text(&self.steps, text)
    }

    /// Whether a text of digits alone stands here.
    pub(crate) fn is_digits(&self) -> bool {
        matches!(self.value, Tree::Text(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// Whether `true` stands here.
    pub(crate) fn is_true(&self, reading: &mut Reading<'_>) -> bool {
        match self.value {
            Tree::Bool(value) => *value,
            Tree::Null => false,
            // A plain `yes` is true to Kubernetes and text to us.
            Tree::Text(text) if words::other_reading(text) == Some("true or false") && !reading.reads_as_text(&self.steps, text) => {
                matches!(text.to_ascii_lowercase().as_str(), "y" | "yes" | "on")
            }
            _ => {
                self.wrong(reading, "`true` or `false` is expected");
                false
            }
        }
    }

    /// The labels or annotations that stand here.
    pub(crate) fn labels(&self, reading: &mut Reading<'_>) -> Labels {
        let entries = match self.value {
            Tree::Map(entries) => entries,
            Tree::Null => return Labels::new(),
            _ => {
                self.wrong(reading, "a map is expected");
                return Labels::new();
            }
        };
        let mut labels = Labels::new();
        for (key, value) in entries {
            let Some(key) = key.as_text() else {
                self.wrong(reading, "every key here must be text");
                continue;
            };
            let (name, node) = (self.child(Step::Name(key), value), self.child(Step::Key(key), value));
            let is_text = reading.reads_as_text(&name.steps, key);
            if !is_text && words::is_doubtful(key) {
                name.doubtful(reading);
            } else if !is_text {
                name.unquoted(reading, words::other_reading(key).unwrap_or_default());
                continue;
            }
            if node.is_missing() {
                node.unquoted(reading, "nothing");
            } else if let Some(text) = node.text(reading) {
                labels.insert(key.into(), text.into());
            }
        }
        labels
    }

    /// Reports a finding about this place.
    pub(crate) fn report(&self, reading: &mut Reading<'_>, finding: impl FnOnce(Location) -> Diagnostic) {
        reading.report(&self.steps, finding);
    }

    /// Reports what is wrong here.
    pub(crate) fn wrong(&self, reading: &mut Reading<'_>, why: &str) {
        let message = format!("{} is not what Kubernetes accepts", self.subject(reading));
        let document = reading.document;
        reading.report(&self.steps, |location| {
            let finding = Diagnostic::new(document.code, alone(document, location), message).label(why);
            let is_template = document.source.slice(location.span).starts_with("{{");
            if is_template { finding.help("render the templates first, as `helm template` does") } else { finding }
        });
    }

    /// This place in words; the whole object is no part of itself.
    fn subject(&self, reading: &Reading<'_>) -> String {
        if self.steps.is_empty() {
            return reading.object.clone();
        }
        format!("`{}` of {}", path(&self.steps), reading.object)
    }

    /// Reports a finding that leaves the object as readable as it is, given its message's begin and its place. The place is that of the
    /// value alone where it stands in brackets.
    pub(crate) fn remark(&self, reading: &mut Reading<'_>, finding: impl FnOnce(&str, Location) -> Diagnostic) {
        let subject = format!("`{}` of {}", path(&self.steps), reading.object);
        let document = reading.document;
        reading.remark(&self.steps, |location| finding(&subject, alone(document, location)));
    }

    /// Reports a text that is none to some readers for want of quotes.
    fn doubtful(&self, reading: &mut Reading<'_>) {
        let message = format!("`{}` of {} is true or false to some readers of YAML", path(&self.steps), reading.object);
        let document = reading.document;
        reading.remark(&self.steps, |location| {
            let (written, location) = first_word(document, location);
            let finding = Diagnostic::new(document.code, location, message).at_level(Level::Warning).label("taken for text");
            if !words::is_doubtful(written) {
                return finding.help("write it in quotes");
            }
            finding.fix("write it in quotes", location, format!("\"{written}\""))
        });
    }

    /// Reports a value that has to be text and is none for want of quotes.
    fn unquoted(&self, reading: &mut Reading<'_>, read_as: &str) {
        let what = if matches!(self.steps.last(), Some(Step::Name(_))) { "key " } else { "" };
        let message = format!("{what}`{}` of {} is {read_as}, not text", path(&self.steps), reading.object);
        let document = reading.document;
        let code = document.code;
        reading.report(&self.steps, |location| {
            let (written, location) = first_word(document, location);
            let finding = Diagnostic::new(code, location, message)
                .label("text is expected")
                .note("the API server refuses the object, or reads something else");
            if written.is_empty() || written.contains(['"', '\'', ':', '&', '*']) {
                return finding.help("write it in quotes");
            }
            finding.fix("write it in quotes", location, format!("\"{written}\""))
        });
    }
}

/// The word at a place, and its place without what follows it on the line.
fn first_word(document: Document<'_>, location: Location) -> (&str, Location) {
    let line = document.source.slice(location.span);
    let word = line.split([' ', '\t', ',', '}', ']']).next().unwrap_or_default().trim_end_matches(':');
    let end = location.span.start as usize + word.len();
    let span = Span::new(location.span.start as usize, end);
    (word, Location { span, ..location })
}

/// The place of a value without what follows it on its line: other values and the brackets around them.
fn alone(document: Document<'_>, location: Location) -> Location {
    let line = document.source.slice(location.span);
    let length = match line.chars().next() {
        Some('[' | '{') => return in_brackets(document, location),
        Some(quote @ ('"' | '\'')) => line.get(1..).and_then(|rest| rest.find(quote)).map_or(line.len(), |at| at + 2),
        _ => unquoted_length(line),
    };
    let start = location.span.start as usize;
    Location { span: Span::new(start, start + length), ..location }
}

/// The length of a value without quotes: up to the `,` or the bracket behind it, if it stands in brackets, as one that is closed behind it
/// shows.
fn unquoted_length(line: &str) -> usize {
    let (mut depth, mut comma) = (0_usize, None);
    for (at, letter) in line.char_indices() {
        match letter {
            '[' | '{' => depth += 1,
            ']' | '}' if depth == 0 => return line.get(..comma.unwrap_or(at)).map_or(at, |value| value.trim_end().len()),
            ']' | '}' => depth -= 1,
            ',' if depth == 0 => comma = comma.or(Some(at)),
            _ => {}
        }
    }
    line.len()
}

/// A place without what follows its brackets, if it begins with one that is closed on its line.
fn in_brackets(document: Document<'_>, location: Location) -> Location {
    let line = document.source.slice(location.span);
    let mut depth = 0_usize;
    for (at, letter) in line.char_indices() {
        match letter {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            let start = location.span.start as usize;
            return if at == 0 { location } else { Location { span: Span::new(start, start + at + 1), ..location } };
        }
    }
    location
}

/// A place as people write it, such as `spec.ports[0].name`.
fn path(steps: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Key(key) | Step::Name(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) | Step::Name(key) => text.extend([".", key]),
            Step::Index(index) => text.extend(["[", &index.to_string(), "]"]),
        }
    }
    if text.is_empty() { "the document".to_owned() } else { text }
}
