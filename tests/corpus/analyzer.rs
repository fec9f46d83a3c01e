//! The cases of np-guard's netpol-analyzer.
//!
//! Owns: its index (`cases.yaml`), and which reader a case goes to. `NP+Ingress/Route` cases are asked as far as their lines are
//! about pods and addresses; lines about `{ingress-controller}` are that tool's assumption about a pod that no manifest holds.
//! In `ANP/BANP` cases the evaluator must contradict nothing and leave something open (`semantics.md` §1.10).

mod diff;
mod explain;
mod exposure;
mod list;
mod refused;

use std::path::{Path, PathBuf};

use serde_yaml::Value;
use twogate::flow::Protocol;

use super::case::{Case, Comparison, Outcome};
use super::manifests::{self, list as items, word};
use super::world::{self, End, Mesh, World};

const SOURCE: &str = "np-guard-netpol-analyzer";

/// One entry of the index.
#[derive(Debug)]
struct Entry<'v> {
    corpus: &'v Path,
    value: &'v Value,
}

impl Entry<'_> {
    fn word(&self, key: &str) -> Option<&str> {
        word(self.value, &[key])
    }

    fn words(&self, key: &str) -> Vec<&str> {
        items(self.value, &[key]).iter().filter_map(Value::as_str).collect()
    }

    /// The manifests of the folder under a key, read.
    fn world(&self, key: &str) -> World {
        let folder = self.corpus.join("manifests").join(self.word(key).unwrap());
        World::read(&manifests::folder(&folder), Mesh::Nobody)
    }

    /// Its expected files, one a form.
    fn expected(&self) -> Vec<PathBuf> {
        self.words("expected").iter().map(|file| self.corpus.join(file)).collect()
    }

    /// The one expected text.
    fn text(&self) -> String {
        manifests::text(&self.expected()[0]).1
    }

    /// The only connection that it is about, if there is one.
    fn connection(&self) -> Option<(Protocol, u16)> {
        let (protocol, port) = self.word("focus_conn")?.split_once('-').unwrap();
        Some((world::protocol(protocol), port.parse().unwrap()))
    }

    /// Whether its lines are about this pair of ends.
    fn is_about(&self, from: &End, to: &End) -> bool {
        let (workloads, peers) = (self.words("focus_workloads"), self.words("focus_peers"));
        let one_of = |names: &[&str], end: &End| {
            let bare = end.name.split('[').next().unwrap();
            names.iter().any(|name| end.as_pod().is_some() && (bare == *name || bare.rsplit('/').next() == Some(name)))
        };
        let focus = |near: &End, far: &End| one_of(&workloads, near) && (peers.is_empty() || one_of(&peers, far));
        let direction = self.word("focus_direction");
        workloads.is_empty() || direction != Some("ingress") && focus(from, to) || direction != Some("egress") && focus(to, from)
    }

    /// Whether cluster-wide policies take part.
    fn has_cluster_policies(&self) -> bool {
        self.word("class") == Some("ANP/BANP")
    }
}

/// Every case of the index, and every input that must be refused.
pub(super) fn cases(corpus: &Path) -> Vec<Case> {
    let index = manifests::tree(&corpus.join("cases.yaml"));
    let entries = items(&index, &["cases"]).iter().map(|value| Entry { corpus, value });
    entries.map(|entry| case(&entry)).chain(refused::cases(corpus)).collect()
}

fn case(entry: &Entry<'_>) -> Case {
    let kind = entry.word("kind").unwrap();
    let mut comparison = match kind {
        "list" => list::ask(entry),
        "diff" => diff::ask(entry),
        "explain" => explain::ask(entry),
        "exposure" => exposure::ask(entry),
        "explain+exposure" => {
            let mut both = explain::ask(entry);
            both.add(exposure::ask(entry));
            both
        }
        other => panic!("nobody reads cases of kind {other}"),
    };
    if entry.has_cluster_policies() {
        leaves_something_open(&mut comparison);
    }
    Case {
        source: SOURCE,
        kind: format!("{kind}, {}", entry.word("class").unwrap()),
        name: entry.word("id").unwrap().to_owned(),
        outcome: Outcome::Compared(comparison),
    }
}

fn leaves_something_open(comparison: &mut Comparison) {
    if comparison.unspecified.is_empty() {
        comparison.differ.push("a cluster-wide policy is there, and no answer is unspecified".to_owned());
    }
}
