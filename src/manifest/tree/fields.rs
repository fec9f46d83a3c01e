//! Maps whose keys are numbers.
//!
//! Owns: the reading of such keys, which YAML has as numbers and JSON as text. It must not know what they count.

use super::{Node, Step, Tree};

impl<'t> Node<'t> {
    /// The values of a map by their keys, which are text or whole numbers; other keys are left out.
    pub(crate) fn numbered(&self) -> Vec<(String, Node<'t>)> {
        let Tree::Map(entries) = self.value else { return Vec::new() };
        let entry = |(key, value): &'t (Tree<'t>, Tree<'t>)| {
            let written = key.as_text().map(str::to_owned).or_else(|| key.as_number().map(|number| number.to_string()))?;
            let node = match key.as_text() {
                Some(name) => self.child(Step::Key(name), value),
                // A number is no step of a place; the map around it is the nearest.
                None => Node { value, steps: self.steps.clone() },
            };
            Some((written, node))
        };
        entries.iter().filter_map(entry).collect()
    }

    /// How many keys a map has.
    pub(crate) fn size(&self) -> usize {
        self.value.size()
    }
}
