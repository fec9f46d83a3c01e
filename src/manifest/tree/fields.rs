//! Reports the keys of a map that nothing reads.
//!
//! Owns: the finding about an unknown field. A server without strict checks drops such a field and applies the rest, which is
//! then something else than what stands there (`semantics.md` §1.9). It must not know which fields an object has.

use serde_yaml::Value;

use super::{Node, Reading, Step, path};
use crate::diagnostic::{Diagnostic, nearest};

impl<'t> Node<'t> {
    /// Reports every key that is none of these.
    pub(crate) fn only(&self, reading: &mut Reading<'_>, known: &[&str]) {
        for key in self.keys() {
            if !known.contains(&key) {
                self.unknown(reading, key, known);
            }
        }
    }

    /// The keys of a map that are text; none where no map stands.
    pub(crate) fn keys(&self) -> Vec<&'t str> {
        match self.value {
            Value::Mapping(mapping) => mapping.keys().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The values of a map by their keys, written as text or as whole numbers; each key with the node of its value.
    pub(crate) fn entries(&self) -> Vec<(String, Node<'t>)> {
        let Value::Mapping(mapping) = self.value else { return Vec::new() };
        let entry = |(key, value): (&'t Value, &'t Value)| {
            let written = key.as_str().map(str::to_owned).or_else(|| key.as_u64().map(|number| number.to_string()))?;
            let node = match key.as_str() {
                Some(name) => self.child(Step::Key(name), value),
                // A number is no step of a place; the map around it is the nearest.
                None => Node { value, steps: self.steps.clone() },
            };
            Some((written, node))
        };
        mapping.iter().filter_map(entry).collect()
    }

    /// How many keys a map has.
    pub(crate) fn size(&self) -> usize {
        self.value.as_mapping().map_or(0, serde_yaml::Mapping::len)
    }

    /// A key that nothing reads.
    fn unknown(&self, reading: &mut Reading<'_>, key: &'t str, known: &[&str]) {
        let steps = self.child(Step::Name(key), self.value).steps;
        let message = format!("`{}` of {} is a field that does not exist", path(&steps), reading.object);
        let code = reading.document.code;
        let close = nearest(key, known.iter().copied());
        reading.report(&steps, |location| {
            let finding = Diagnostic::new(code, location, message)
                .label("unknown field")
                .note("a server that does not check fields drops it and applies the rest");
            match close {
                Some(close) => finding.help(format!("write `{close}`")),
                None => finding,
            }
        });
    }
}
