//! What a document holds, as a tree.
//!
//! Owns: `Tree`, and two ways to one. Most documents keep to a small part of YAML: no tags, no merges, and keys that nobody takes for
//! anything but text. Those are read straight into a tree that borrows from their text. Whatever is not so, or is wrong, is left to the
//! YAML library's own values, which know all of YAML.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_yaml::Value;

/// A value of a document.
#[derive(Debug, Clone)]
pub(crate) enum Tree<'s> {
    /// Nothing, or `null`.
    Null,
    Bool(bool),
    /// A number; none if it is no natural one.
    Number(Option<u64>),
    Text(Cow<'s, str>),
    List(Vec<Tree<'s>>),
    /// Keys and values in the order of the text, no key twice.
    Map(Vec<(Tree<'s>, Tree<'s>)>),
    /// A value with a tag that only a program of one's own could know.
    Tagged(Box<Tree<'s>>),
}

/// Maps from this length on are searched for equal keys by a table.
const WORTH_A_TABLE: usize = 16;

impl<'s> Tree<'s> {
    /// The tree of a document that keeps to the small part of YAML; none for any other, and for what is no YAML.
    pub(super) fn quick(text: &'s str) -> Option<Self> {
        // Tags begin with `!`, and `<<` is the key of a merge.
        if text.contains('!') || text.contains("<<") {
            return None;
        }
        serde_yaml::from_str(text).ok()
    }

    /// The value without its tags.
    fn untagged(&self) -> &Self {
        match self {
            Self::Tagged(value) => value.untagged(),
            _ => self,
        }
    }

    /// Writes it as JSON that reads as the same tree, without its tags.
    pub(super) fn write_json(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(Some(number)) => out.push_str(&number.to_string()),
            // Any number that is no natural one.
            Self::Number(None) => out.push_str("-0.5"),
            Self::Text(text) => out.push_str(&serde_json::Value::from(&**text).to_string()),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { ", " });
                    item.write_json(out);
                }
                out.push(']');
            }
            Self::Map(entries) => {
                out.push('{');
                for (at, (key, value)) in entries.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { ", " });
                    key.write_json(out);
                    out.push_str(": ");
                    value.write_json(out);
                }
                out.push('}');
            }
            Self::Tagged(value) => value.write_json(out),
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.untagged(), Self::Null)
    }

    /// The text that it is.
    pub(super) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self.untagged() { Some(text) } else { None }
    }

    /// The natural number that it is.
    pub(super) fn as_number(&self) -> Option<u64> {
        if let Self::Number(number) = self.untagged() { *number } else { None }
    }

    /// How many keys it has as a map.
    pub(super) fn size(&self) -> usize {
        if let Self::Map(entries) = self.untagged() { entries.len() } else { 0 }
    }
}

/// The natural number that `80.0` is to Kubernetes, which writes what it reads as JSON; none for one that is no natural number, or so
/// large that its last digits are lost.
fn whole(number: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_whole = number.fract() == 0.0 && (0.0..EXACT).contains(&number);
    is_whole.then(|| format!("{number:.0}").parse().ok()).flatten()
}

/// The value of a key that is text.
pub(super) fn get<'t, 's>(entries: &'t [(Tree<'s>, Tree<'s>)], key: &str) -> Option<&'t Tree<'s>> {
    let is_it = |own: &Tree<'_>| matches!(own, Tree::Text(text) if *text == key);
    entries.iter().find(|(own, _)| is_it(own)).map(|(_, value)| value)
}

impl From<Value> for Tree<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::Number(number.as_u64().or_else(|| whole(number.as_f64()?))),
            Value::String(text) => Self::Text(Cow::Owned(text)),
            Value::Sequence(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Mapping(entries) => Self::Map(entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect()),
            Value::Tagged(tagged) => Self::Tagged(Box::new(tagged.value.into())),
        }
    }
}

impl<'de> Deserialize<'de> for Tree<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Plain)
    }
}

/// Reads a value of the small part of YAML.
struct Plain;

impl<'de> Visitor<'de> for Plain {
    type Value = Tree<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value without a tag")
    }

    fn visit_unit<E: Error>(self) -> Result<Tree<'de>, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Tree<'de>, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Tree<'de>, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(Some(number)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(u64::try_from(number).ok()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(whole(number)))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree<'de>, A::Error> {
        let mut map = Vec::new();
        while let Some((Key(key), value)) = entries.next_entry()? {
            map.push((Tree::Text(key), value));
        }
        if has_twins(&map) { Err(A::Error::custom("a key stands twice")) } else { Ok(Tree::Map(map)) }
    }
}

/// A key that is text whether it stands in quotes or not. To find that out by its first letter saves the library from trying it as every
/// kind of number.
struct Key<'s>(Cow<'s, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Tree::Text(text) = deserializer.deserialize_str(Plain)? else { return Err(D::Error::custom("a key is text")) };
        if is_only_text(&text) { Ok(Self(text)) } else { Err(D::Error::custom("a key may be something else than text")) }
    }
}

/// Whether a word is text without quotes, too. No number begins with a letter.
fn is_only_text(word: &str) -> bool {
    const OTHERS: [&str; 3] = ["null", "true", "false"];
    word.starts_with(|letter: char| letter.is_ascii_alphabetic()) && !OTHERS.iter().any(|other| word.eq_ignore_ascii_case(other))
}

/// Whether two keys are the same text.
fn has_twins(entries: &[(Tree<'_>, Tree<'_>)]) -> bool {
    let keys = || entries.iter().map(|(key, _)| key.as_text());
    if entries.len() < WORTH_A_TABLE {
        return keys().enumerate().any(|(at, key)| keys().take(at).any(|other| other == key));
    }
    let mut seen = HashSet::with_capacity(entries.len());
    !keys().all(|key| seen.insert(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree by way of the library's own values.
    fn slow(text: &str) -> Option<String> {
        let mut value: Value = serde_yaml::from_str(text).ok()?;
        value.apply_merge().ok()?;
        Some(format!("{:?}", Tree::from(value)))
    }

    fn quick(text: &str) -> Option<String> {
        Some(format!("{:?}", Tree::quick(text)?))
    }

    #[test]
    fn both_ways_lead_to_the_same_tree() {
        for text in [
            "",
            "# nothing\n",
            "a: 1\nb: -1\nc: 1.5\ni: 80.0\nj: -0.0\nk: 1e400\nl: 1e18\nm: .nan\nd: 0x10\ne: 08\nf: 1e3\ng: 18446744073709551616\n",
            "a: true\nb: 'true'\nc: ~\nd: null\ne:\nf: \"\"\ng: yes\n",
            "a: {b: [c, 'd', \"e\\n\"], f: []}\n\"g\": {}\n'h i': x\n",
            "a: |\n  b\n  c\nd: >-\n  e\n  f\ng: h\n  i\n",
            "a: &a [b, &b c]\nd: *a\ne: *b\n",
            "- a\n- - b\n  - {c: d}\n",
        ] {
            assert_eq!(quick(text), slow(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_of_the_small_part_is_left_to_the_library() {
        for text in [
            "1: a\n",
            "'1': a\n",
            "true: a\n",
            "Null: a\n",
            "~: a\n",
            "a: !b c\n",
            "!!str a: b\n",
            "a: {b: c}\n<<: {d: e}\n",
            "[a]: b\n",
            "a: 1\na: 2\n",
            "a: [1\n",
            "a: *b\n",
            ".a: b\n",
            "äö: ß\n",
            "a: 1\n---\nb: 2\n",
        ] {
            assert_eq!(quick(text), None, "{text}");
        }
    }

    #[test]
    fn keys_that_stand_twice_are_found_in_small_and_large_maps() {
        for size in [2, WORTH_A_TABLE, 40] {
            let text = (0..size).map(|number| format!("k{number}: {number}\n")).collect::<Vec<_>>().concat();
            assert_eq!(quick(&text), slow(&text));
            assert_eq!(quick(&format!("{text}k1: again\n")), None);
        }
    }
}
