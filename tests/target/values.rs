//! Hostile words: what YAML readers take for bools, numbers, nulls or syntax must come back as it was.

use k8s_openapi::api::networking::v1::NetworkPolicy;
use twogate::flow::{LabelCube, Peers, Values};
use twogate::gates::NamespaceGates;
use twogate::syntax::ast::Direction;
use twogate::target::{Kubernetes, Target};

use super::{gates, opening, pods, policy, tcp};

const HOSTILE: [&str; 58] = [
    "",
    "no",
    "No",
    "NO",
    "yes",
    "on",
    "Off",
    "y",
    "N",
    "true",
    "False",
    "null",
    "Null",
    "~",
    "0",
    "08",
    "017",
    "0o17",
    "0O17",
    "0x1F",
    "0X1F",
    "0b11",
    "1_000",
    "1_",
    "1e3",
    "1E3",
    ".5",
    "5.",
    "+1",
    "-1",
    "-0",
    ".inf",
    "-.INF",
    ".nan",
    "NaN",
    "1:20",
    "12:30:45",
    "2024-01-01",
    "2024-01-01T00:00:00Z",
    "*",
    "&a",
    "!x",
    "%x",
    "@x",
    "`x",
    "-",
    "?",
    ":",
    "a: b",
    "a #b",
    "#",
    "{}",
    "[]",
    "<<",
    "=",
    "'\"\\",
    " lead",
    "trail ",
];
const STRANGE: [&str; 8] = ["é", "\u{2028}", "\u{85}", "tab\there", "two\nlines", "two\nlines\n", "\u{feff}", "\u{7f}"];

fn words() -> impl Iterator<Item = &'static str> {
    HOSTILE.into_iter().chain(STRANGE)
}

/// What is printed reads back as the API's own type, and that type writes the same data again.
pub(super) fn lossless(yaml: &str) -> NetworkPolicy {
    let written: serde_yaml::Value = serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    let typed: NetworkPolicy = serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    assert_eq!(serde_yaml::to_value(&typed).unwrap(), written, "{yaml}");
    typed
}

#[test]
fn words_survive_as_values_lists_and_keys() {
    for word in words() {
        let subject = LabelCube::of("app".into(), Values::one(word.into()));
        let key = LabelCube::of(word.into(), Values::one("x".into()));
        let list = LabelCube::of("tier".into(), Values::of([word.into(), "zz".into()]));
        let peers = pods("shop", list).union(&pods("shop", key)).union(&pods(word, LabelCube::all()));
        let openings = vec![opening(subject, Direction::In, peers, tcp(1))];
        let manifests = Kubernetes.emit(&policy(&[word]), &gates(NamespaceGates { openings, ..NamespaceGates::default() }));
        let [manifest] = manifests.as_slice() else { panic!("{word:?}: {manifests:?}") };
        let typed = lossless(&manifest.yaml);
        let spec = typed.spec.unwrap();
        assert_eq!(spec.pod_selector.unwrap().match_labels.unwrap()["app"], word);
        let from = spec.ingress.unwrap()[0].from.clone().unwrap();
        let selectors = || from.iter().filter_map(|peer| peer.pod_selector.clone());
        assert!(selectors().any(|selector| selector.match_labels.is_some_and(|labels| labels.contains_key(word))), "{word:?}");
        let mut expressions = selectors().flat_map(|selector| selector.match_expressions.unwrap_or_default());
        assert!(expressions.any(|test| test.values.is_some_and(|values| values.contains(&word.to_owned()))), "{word:?}");
        let names = from.iter().filter_map(|peer| peer.namespace_selector.clone()?.match_labels);
        assert!(names.into_iter().any(|labels| labels.values().any(|value| value == word)), "{word:?}");
        let intents = typed.metadata.annotations.map(|annotations| annotations["twogate.dev/intents"].clone());
        assert_eq!(intents.unwrap_or_default(), word.trim_end(), "{word:?}");
    }
}

#[test]
fn names_that_look_like_numbers_stay_names() {
    for word in words().filter(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())) {
        let openings = vec![opening(LabelCube::of("app".into(), Values::one(word.into())), Direction::In, Peers::all(), tcp(1))];
        let manifests = Kubernetes.emit(&policy(&[]), &gates(NamespaceGates { openings, ..NamespaceGates::default() }));
        assert_eq!(lossless(&manifests[0].yaml).metadata.name.as_deref(), Some(word));
        // Readers of YAML 1.1 need the quotes that our reader of YAML 1.2 does not.
        assert!(word == "null" || manifests[0].yaml.contains(&format!("name: \"{word}\"")), "{}", manifests[0].yaml);
    }
}
