//! The namespaces of a real cluster, with what another evaluator counts in it.
//!
//! Owns: that form: some edges one by one, and the number of all of them.

use std::collections::BTreeSet;
use std::path::Path;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde_yaml::Value;
use twogate::flow::{Protocol, Verdict};

use super::case::{Case, Comparison, Outcome};
use super::expectation::Claim;
use super::judge::Judge;
use super::manifests::{self, Text, at, kind, list, objects};
use super::world::{Mesh, World};

const SOURCE: &str = "scale";

/// The edges and their numbers; and that fields of another product are reported.
pub(super) fn cases(corpus: &Path) -> Vec<Case> {
    let folder = corpus.join("moj-cloud-platform-sample");
    let case = |name: &str, comparison| Case {
        source: SOURCE,
        kind: name.to_owned(),
        name: name.to_owned(),
        outcome: Outcome::Compared(comparison),
    };
    let mut foreign = Comparison::default();
    foreign
        .hold(World::read(&manifests::folder(&folder), Mesh::Nobody).refuses(), || "fields of another product are not reported".to_owned());
    vec![case("edges", edges(&folder)), case("foreign fields", foreign)]
}

fn edges(folder: &Path) -> Comparison {
    let world = World::read(&applied(manifests::folder(folder)), Mesh::Nobody);
    let judge = Judge::new(&world);
    let namespace = |index: usize| world.ends[index].as_pod().unwrap().namespace.to_string();
    let mut comparison = Comparison::default();
    let mut edges = BTreeSet::new();
    for from in 0..world.ends.len() {
        for to in (0..world.ends.len()).filter(|to| namespace(*to) != namespace(from)) {
            match judge.ask(&Claim { from, to, protocol: Protocol::Tcp, port: 8080, request: None, allowed: false }) {
                Verdict::Allowed => drop(edges.insert((namespace(from), namespace(to)))),
                Verdict::Denied => {}
                Verdict::Unspecified(reason) => *comparison.unspecified.entry(reason).or_default() += 1,
            }
        }
    }
    let expected = manifests::tree(&folder.join("expect.yaml"));
    let number = |key: &str| at(&expected, &[key]).and_then(Value::as_u64).unwrap();
    let count = edges.len() as u64;
    comparison.hold(count == number("allowed_pairs"), || format!("{} edges are expected, there are {count}", number("allowed_pairs")));
    // The number leaves out the namespaces that no policy isolates.
    let open: Vec<&str> = list(&expected, &["no_ingress_policy"]).iter().filter_map(Value::as_str).collect();
    let reached = edges.iter().filter(|(from, to)| from == "ingress-controllers" && !open.contains(&to.as_str())).count() as u64;
    comparison.hold(reached == number("from_ingress_controllers_reaches"), || format!("controllers reach {reached}"));
    for line in manifests::text(&folder.join("expect-edges.csv")).1.lines().skip(1) {
        let (from, to) = line.split_once(',').unwrap();
        comparison.hold(edges.contains(&(from.to_owned(), to.to_owned())), || format!("no edge {line}"));
    }
    comparison.answers += world.ends.len() * (world.ends.len() - 1) - 1;
    comparison
}

/// What a server without strict field checks makes of the files: two policies are half in another product's language, and
/// whatever is not Kubernetes' is dropped.
fn applied(texts: Vec<Text>) -> Vec<Text> {
    let known = |object: Value| {
        let is_policy = kind(&object) == "NetworkPolicy";
        let typed = || serde_yaml::to_value(serde_yaml::from_value::<NetworkPolicy>(object.clone()).unwrap()).unwrap();
        let object = if is_policy { typed() } else { object };
        format!("---\n{}", serde_yaml::to_string(&object).unwrap())
    };
    texts.into_iter().map(|(name, text)| (name, objects(&text).into_iter().map(known).collect())).collect()
}
