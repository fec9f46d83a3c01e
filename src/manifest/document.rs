//! One document of a file of manifests: from text to a tree, and from a place in the tree back to the text.
//!
//! Owns: the call of the YAML reader, its findings, and `place`. The reader gives no positions for valid YAML, so a place is
//! looked up by reading the document again, only when there is something to say about it. It must not know Kubernetes.

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_yaml::Value;

use super::layout;
use super::value::Tree;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{FileId, Location, Source, Span};

/// A document of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Document<'s> {
    /// The file that it stands in.
    pub(crate) file: FileId,
    /// The text of that file.
    pub(crate) source: &'s Source,
    /// Where in the file it stands.
    pub(crate) span: Span,
    /// Where in its text the object stands.
    pub(crate) object: Whereabouts,
    /// The code of what is wrong with it.
    pub(crate) code: Code,
}

/// Where in the text of a document its object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// The text is the object.
    Whole,
    /// The text is one item of a list, its dash included.
    Item,
    /// The text is a list whose items could not be told apart in it, or are those of lists within it.
    Inside(ItemPath),
}

/// The way to an item of a list, or of a list within one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ItemPath {
    /// The number of each item among those of its list, from 0; the outermost list comes first.
    numbers: [usize; MAX_LISTS],
    depth: usize,
}

/// How deep lists may stand within lists to be taken apart.
const MAX_LISTS: usize = 8;

impl ItemPath {
    /// The way to an item of the list at its end; none if that is too deep.
    pub(crate) fn to(mut self, number: usize) -> Option<Self> {
        *self.numbers.get_mut(self.depth)? = number;
        self.depth += 1;
        Some(self)
    }

    /// The number of each item on the way.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = usize> {
        self.numbers.into_iter().take(self.depth)
    }
}

/// One step down a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<'t> {
    /// Into the value of a key.
    Key(&'t str),
    /// Into an element of a list, counted from 0.
    Index(usize),
    /// To the key itself; always the last step.
    Name(&'t str),
}

impl<'s> Document<'s> {
    /// The document's own text.
    pub(crate) fn text(self) -> &'s str {
        self.source.slice(self.span)
    }

    /// The document as a tree, with `<<` merged as Kubernetes' reader does; a finding if it is no YAML.
    pub(crate) fn parse(self) -> Result<Tree<'s>, Box<Diagnostic>> {
        tree(self.text()).map_err(|fault| Box::new(self.unreadable(&fault)))
    }

    /// The document as the YAML library has it, which can be printed; none if it is no YAML.
    pub(crate) fn value(self) -> Option<Value> {
        value(self.text()).ok()
    }

    /// Where in the file a place of the tree is written: its first line from where it begins.
    ///
    /// A place that the text does not have (it came in by a merge) is the place of the nearest thing around it.
    pub(crate) fn place(self, steps: &[Step<'_>]) -> Location {
        let mut whole = match self.object {
            Whereabouts::Whole => Vec::new(),
            Whereabouts::Item => vec![Step::Index(0)],
            Whereabouts::Inside(path) => path.numbers().flat_map(|number| [Step::Key("items"), Step::Index(number)]).collect(),
        };
        whole.extend_from_slice(steps);
        let found = Follow { steps: &whole }.deserialize(serde_yaml::Deserializer::from_str(self.text()));
        self.location_of(found.err().as_ref())
    }

    /// Where the object's name is written; the document's first line if it is written in an unusual way.
    pub(crate) fn name(self) -> Location {
        let name = if matches!(self.object, Whereabouts::Inside(_)) { None } else { layout::name(self.text()) };
        let Some(name) = name else { return self.first_line() };
        let start = self.span.start as usize;
        Location { file: self.file, span: Span::new(start + name.start, start + name.end) }
    }

    /// The documents of the items of a list, one each.
    pub(crate) fn items(self, count: usize) -> Vec<Self> {
        let start = self.span.start as usize;
        let within = |range: std::ops::Range<usize>| Span::new(start + range.start, start + range.end);
        match layout::items(self.text(), count) {
            Some(found) => found.into_iter().map(|range| Self { span: within(range), ..self }.as_item()).collect(),
            None => (0..count).filter_map(|number| Some(self.inside(ItemPath::default().to(number)?))).collect(),
        }
    }

    /// The document of an item of a list within this one.
    pub(crate) fn inside(self, path: ItemPath) -> Self {
        Self { object: Whereabouts::Inside(path), ..self }
    }

    /// An item by itself: with its dash as a list of one, with its braces without the comma behind them.
    fn as_item(self) -> Self {
        if !self.text().trim_start().starts_with('{') {
            return Self { object: Whereabouts::Item, ..self };
        }
        let said = self.text().trim_end().trim_end_matches(',').len();
        let start = self.span.start as usize;
        Self { span: Span::new(start, start + said), object: Whereabouts::Whole, ..self }
    }

    /// The first line of the document that says something.
    pub(crate) fn first_line(self) -> Location {
        let mut rest = self.text().trim_start();
        while rest.starts_with('#') {
            rest = rest.split_once('\n').map_or("", |(_, after)| after.trim_start());
        }
        self.to_line_end(self.span.end as usize - rest.len())
    }

    /// From a byte of the file to the end of its line, or as much of a long line as people care to see.
    fn to_line_end(self, start: usize) -> Location {
        let rest = self.source.text().get(start..self.span.end as usize).unwrap_or_default();
        let end = rest.char_indices().take(LONGEST_PLACE).find(|(_, letter)| *letter == '\n' || *letter == '\r');
        let end = end.or_else(|| rest.char_indices().nth(LONGEST_PLACE)).map_or(rest.len(), |(end, _)| end);
        let line = rest.get(..end).unwrap_or_default().trim_end();
        Location { file: self.file, span: Span::new(start, start + line.len()) }
    }

    /// Where an error of the YAML reader points; the document's first line if it does not say.
    fn location_of(self, error: Option<&serde_yaml::Error>) -> Location {
        let Some(at) = error.and_then(serde_yaml::Error::location) else { return self.first_line() };
        self.to_line_end(self.span.start as usize + at.index().min(self.text().len()))
    }

    /// What the YAML reader cannot read.
    fn unreadable(self, fault: &Fault) -> Diagnostic {
        let error = match fault {
            Fault::TooManyBrackets => {
                return self.unread(self.first_line()).label(format!("more than {MAX_OPEN_BRACKETS} brackets are open at once"));
            }
            Fault::Yaml(error) => error,
        };
        let said = error.to_string();
        // The reader's own position counts from the document's start and would mislead.
        let said = said.split(" at line ").next().unwrap_or_default();
        self.unread(self.location_of(Some(error))).label(said.to_owned())
    }

    /// A document that is not read.
    fn unread(self, location: Location) -> Diagnostic {
        let finding = Diagnostic::new(self.code, location, "this document is not YAML that Kubernetes reads")
            .note("a document that cannot be read could hold any workload, so nothing is concluded from the rest");
        if self.text().contains("{{") {
            return finding.help("if it is a template, give what it renders to: `helm template` prints that of a chart");
        }
        finding
    }
}

/// Why a text is no tree.
pub(super) enum Fault {
    TooManyBrackets,
    Yaml(serde_yaml::Error),
}

/// The tree of a document's text.
pub(super) fn tree(text: &str) -> Result<Tree<'_>, Fault> {
    if opens_too_many_brackets(text) {
        return Err(Fault::TooManyBrackets);
    }
    Tree::quick(text).map_or_else(|| value(text).map(Tree::from), Ok)
}

/// A document's text as the YAML library has it.
fn value(text: &str) -> Result<Value, Fault> {
    if opens_too_many_brackets(text) {
        return Err(Fault::TooManyBrackets);
    }
    let mut value: Value = serde_yaml::from_str(text).map_err(Fault::Yaml)?;
    value.apply_merge().map_err(Fault::Yaml)?;
    Ok(value)
}

/// How many letters of a line a place holds at most; JSON may stand on a single line.
const LONGEST_PLACE: usize = 100;

/// How many brackets may be open at once. The YAML reader's time grows with the square of them; what it accepts in the end is
/// far below.
const MAX_OPEN_BRACKETS: usize = 1_000;

/// Whether more brackets and braces are open at once in a text than are read; those in quotes count too. Most texts do not have as many
/// at all, and to count them takes less time than to see how they close.
fn opens_too_many_brackets(text: &str) -> bool {
    let is_opening = |byte: u8| matches!(byte, b'[' | b'{');
    text.bytes().filter(|byte| is_opening(*byte)).count() > MAX_OPEN_BRACKETS && most_open_brackets(text) > MAX_OPEN_BRACKETS
}

/// The most brackets and braces that are open at once.
fn most_open_brackets(text: &str) -> usize {
    let mut open = 0_usize;
    let mut most = 0;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

/// Reads a document only to fail at a place, because a failure is the one thing that the reader gives a position to.
struct Follow<'p> {
    steps: &'p [Step<'p>],
}

impl<'de> DeserializeSeed<'de> for Follow<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// The words of the failure; nobody reads them.
const HERE: &str = "here";

impl<'de> Visitor<'de> for Follow<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(HERE)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (wanted, rest) = match self.steps.split_first() {
            Some((Step::Key(wanted), rest)) => (*wanted, rest),
            Some((Step::Name(wanted), _)) => return seek_key(&mut map, wanted),
            _ => return Err(A::Error::custom(HERE)),
        };
        while let Some(key) = map.next_key::<Value>()? {
            if key.as_str() == Some(wanted) {
                map.next_value_seed(Follow { steps: rest })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Err(A::Error::custom(HERE))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((Step::Index(wanted), rest)) = self.steps.split_first() else { return Err(A::Error::custom(HERE)) };
        for _ in 0..*wanted {
            list.next_element::<IgnoredAny>()?;
        }
        list.next_element_seed(Follow { steps: rest })?;
        Err(A::Error::custom(HERE))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _tagged: A) -> Result<(), A::Error> {
        Err(A::Error::custom(HERE))
    }
}

/// Fails at a key of a map.
fn seek_key<'de, A: MapAccess<'de>>(map: &mut A, wanted: &str) -> Result<(), A::Error> {
    while map.next_key_seed(Key { wanted })?.is_some() {
        map.next_value::<IgnoredAny>()?;
    }
    Err(A::Error::custom(HERE))
}

/// Reads a key only to fail if it is the wanted one.
struct Key<'k> {
    wanted: &'k str,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(HERE)
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<(), E> {
        if key == self.wanted { Err(E::custom(HERE)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::code;

    fn at<'s>(source: &'s Source, steps: &[Step<'_>]) -> &'s str {
        let document = Document {
            file: FileId(0),
            source,
            span: Span::new(0, source.text().len()),
            object: Whereabouts::Whole,
            code: code::INVALID_INVENTORY,
        };
        source.slice(document.place(steps).span)
    }

    #[test]
    fn places_are_found_behind_any_letters() {
        let source = Source::new("a.yaml", "# Größe ß\nwide: \"ß\u{2028}ß\"\nlist:\n- ä: 1\n- {b: yes, c: [x, 8]}\nend: ~\n");
        assert_eq!(at(&source, &[Step::Key("list"), Step::Index(1), Step::Key("b")]), "yes, c: [x, 8]}");
        assert_eq!(at(&source, &[Step::Key("list"), Step::Index(1), Step::Key("c"), Step::Index(1)]), "8]}");
        assert_eq!(at(&source, &[Step::Key("end")]), "~");
        assert_eq!(at(&source, &[Step::Key("list"), Step::Index(1), Step::Name("c")]), "c: [x, 8]}");
        assert_eq!(at(&source, &[Step::Key("list"), Step::Index(0), Step::Key("absent")]), "ä: 1");
    }

    #[test]
    fn what_is_no_yaml_is_one_finding_at_its_place() {
        for text in ["a: [1, 2\nb: 3\n", "a: *nobody\n", "a: 1\na: 2\n", "\t- a\n", "a: \"\n"] {
            let source = Source::new("a.yaml", text);
            let document = Document {
                file: FileId(0),
                source: &source,
                span: Span::new(0, text.len()),
                object: Whereabouts::Whole,
                code: code::INVALID_INVENTORY,
            };
            let finding = document.parse().expect_err(text);
            assert_eq!(finding.code, code::INVALID_INVENTORY);
            assert!(!finding.primary.expect("a place").text.contains("line "), "{text}");
        }
    }
}
