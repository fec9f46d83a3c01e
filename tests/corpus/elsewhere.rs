//! Cases that other tests ask, or that are no matter of reachability: counted only.
//!
//! Owns: the index of Istio's golden files.

use std::path::Path;

use super::case::{Case, Outcome};
use super::manifests::{self, list, word};

const GOLDEN: &str = "istio-golden";

/// Istio's golden files.
pub(super) fn golden(corpus: &Path) -> Vec<Case> {
    let index = manifests::tree(&corpus.join("cases.yaml"));
    let mut cases = Vec::new();
    for kind in ["envoy_rbac", "ztunnel"] {
        let names = list(&index, &[kind]).iter().map(|entry| word(entry, &["name"]).unwrap());
        cases.extend(names.map(|name| case(kind, name, "asked by `tests/cluster_mesh/golden.rs`, where none may differ")));
    }
    cases.push(case("analysis", "analysis", "messages of a linter about policies without workloads: no flow hangs on them"));
    cases
}

fn case(kind: &str, name: &str, why: &'static str) -> Case {
    Case { source: GOLDEN, kind: kind.to_owned(), name: format!("{kind}/{name}"), outcome: Outcome::LeftOut(why) }
}
