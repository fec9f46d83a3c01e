//! Inputs that must be refused, or reported while the rest is analysed (`errors.yaml`).
//!
//! Owns: that index. A fatal one must bring a finding at error level; a warning, or a fault in a policy of a kind that is not
//! modelled, any finding.

use std::path::Path;

use super::SOURCE;
use crate::corpus::case::{Case, Comparison, Outcome};
use crate::corpus::manifests::{self, list, word};
use crate::corpus::world::{Mesh, World};

/// Every entry.
pub(super) fn cases(corpus: &Path) -> Vec<Case> {
    let index = manifests::tree(&corpus.join("errors.yaml"));
    let entries = list(&index, &["cases"]).iter();
    entries
        .map(|entry| {
            let part = |key: &str| word(entry, &[key]).unwrap();
            let world = World::read(&manifests::everything(&corpus.join("manifests").join(part("dir"))), Mesh::Nobody);
            let fatal = part("outcome") == "fatal" && part("class") != "ANP/BANP";
            let mut comparison = Comparison::default();
            let as_expected = if fatal { world.refuses() } else { !world.findings.is_empty() };
            comparison.hold(as_expected, || format!("{}: nothing is found", part("says")));
            let name = format!("refused/{}", part("dir"));
            Case { source: SOURCE, kind: format!("refused, {}", part("class")), name, outcome: Outcome::Compared(comparison) }
        })
        .collect()
}
