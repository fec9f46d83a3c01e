//! Labels as the API server takes them.
//!
//! Owns: `checked_labels`. It must not know whose labels they are.

use super::Node;
use crate::flow::Labels;
use crate::manifest::{Reading, names};

impl Node<'_> {
    /// The labels that stand here, with a finding for each that the API server refuses (`semantics.md` §1.9).
    pub(crate) fn checked_labels(&self, reading: &mut Reading<'_>) -> Labels {
        let labels = self.labels(reading);
        if labels.iter().all(|(key, value)| names::is_label_key(key) && names::is_label_value(value)) {
            return labels;
        }
        for (key, child) in self.entries() {
            if !names::is_label_key(key) {
                child.wrong(reading, "a label's key is a name of at most 63 letters, with a domain and `/` before it or without");
            } else if labels.get(key).is_some_and(|value| !names::is_label_value(value)) {
                child.wrong(reading, names::LABEL_VALUE);
            }
        }
        labels
    }
}
