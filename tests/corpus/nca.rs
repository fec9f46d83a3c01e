//! The schemes of np-guard's network-config-analyzer.
//!
//! Owns: its index (`cases.yaml`), which queries are asked and which are left out. A scheme is read from the folder it lies in.

mod map;
mod query;
mod reach;
mod rule;
mod scheme;

use std::collections::BTreeMap;
use std::path::Path;

use serde_yaml::Value;

use super::case::{Case, Comparison, Outcome};
use super::manifests::{self, list, word};
use scheme::Scheme;

const SOURCE: &str = "np-guard-nca";

/// Every query of every scheme, and every configuration that must be refused or accepted.
pub(super) fn cases(corpus: &Path) -> Vec<Case> {
    let index = manifests::tree(&corpus.join("cases.yaml"));
    let schemes = list(&index, &["schemes"]).iter();
    schemes.flat_map(|entry| of_scheme(&corpus.join("tests"), entry)).collect()
}

fn of_scheme(tests: &Path, entry: &Value) -> Vec<Case> {
    let path = tests.join(word(entry, &["scheme"]).unwrap());
    let class = word(entry, &["class"]).unwrap();
    let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
    let scheme = Scheme::read(&path, class);
    // One configuration is written twice, word by word.
    let refusals: BTreeMap<&str, bool> = scheme.refusals().collect();
    let mut cases: Vec<Case> = refusals.into_iter().map(|(name, refused)| refusal(&scheme, class, &stem, name, refused)).collect();
    let reaches = reach::Reaches::new(&scheme);
    for query in scheme.queries() {
        let (ask, configurations) = scheme::asked(query);
        let output = word(query, &["expectedOutput"]).map(|file| path.parent().unwrap().join(file));
        let form = word(query, &["outputConfiguration", "outputFormat"]).unwrap_or("txt");
        let expected = query.get("expected").and_then(Value::as_u64);
        let outcome = match (class, ask, output, expected) {
            ("np+ingress", ..) => Outcome::LeftOut("an Ingress object restricts a controller that no manifest holds: another tool's model"),
            (_, "connectivityMap", Some(file), _) if file.is_file() => Outcome::Compared(map::ask(&scheme, &configurations, &file)),
            (_, "connectivityMap", Some(_), _) => Outcome::LeftOut("its expected file (a drawing) is not in the corpus"),
            (_, "connectivityMap", None, Some(_)) => Outcome::Compared(accepted(&scheme, &configurations)),
            (_, _, _, None) => Outcome::LeftOut("no count is expected"),
            (_, ask, _, Some(expected)) => Outcome::Compared(query::ask(&reaches, ask, &configurations, expected)),
        };
        let ask = if ask == "connectivityMap" && word(query, &["expectedOutput"]).is_none() { "accepted" } else { ask };
        let name = format!("{stem}:{}.{form}", word(query, &["name"]).unwrap());
        cases.push(Case { source: SOURCE, kind: format!("{ask}, {class}"), name, outcome });
    }
    cases
}

/// A map without a text of it: only that the policies are read.
fn accepted(scheme: &Scheme, configurations: &[&str]) -> Comparison {
    let mut comparison = Comparison::default();
    for configuration in configurations {
        let world = scheme.world(configuration);
        comparison
            .hold(!world.refuses(), || format!("{configuration} is refused: {}", world.errors().take(3).collect::<Vec<_>>().join("; ")));
    }
    comparison
}

fn refusal(scheme: &Scheme, class: &str, stem: &str, name: &str, refused: bool) -> Case {
    let world = scheme.world(name);
    let mut comparison = Comparison::default();
    let said = if refused { "not refused" } else { "refused" };
    comparison.hold(world.refuses() == refused, || format!("{said}: {}", world.errors().take(3).collect::<Vec<_>>().join("; ")));
    Case { source: SOURCE, kind: format!("refused, {class}"), name: format!("{stem}:{name}"), outcome: Outcome::Compared(comparison) }
}
