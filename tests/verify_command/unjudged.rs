//! `--format json` where errors leave nothing to compare, or to list: programs are told why in the same stream.

use serde_json::Value;

use super::{json, shop};

const BROKEN: &str =
    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: shop}\nspec: {podselector: {}}\n";

fn codes(value: &Value) -> Vec<&str> {
    value["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

#[test]
fn what_could_not_be_compared_for_errors_is_undecided_in_json_too() {
    let place = shop();
    place.put("broken.yaml", BROKEN.as_bytes());
    place.put("none.intent", b"group g = app=a\n");
    place.put("wrong.intent", b"namespace shop\nallow nobody -> app=db\n");
    let cases = [
        ("verify --manifests broken.yaml", "invalid-manifest"),
        ("verify wrong.intent --manifests manifests", "unknown-name"),
        ("verify none.intent --manifests manifests", "no-input"),
    ];
    for (arguments, code) in cases {
        let people = place.run(arguments);
        let ran = place.run(&format!("{arguments} --format json"));
        let value = json(&ran);
        assert_eq!((value["version"].as_u64(), value["relation"].as_str(), ran.status), (Some(1), Some("undecided"), 1), "{value}");
        assert!(codes(&value).contains(&code), "{code} in {value}");
        assert_eq!((people.stdout.as_str(), people.stderr), ("", ran.stderr), "people read the same as before");
    }
}

#[test]
fn what_could_not_be_listed_or_explained_for_errors_is_told_in_json_too() {
    let place = shop();
    place.put("broken.yaml", BROKEN.as_bytes());
    place.put("wrong.intent", b"namespace shop\nallow nobody -> app=db\n");
    let cases = [
        ("list --manifests broken.yaml", "invalid-manifest", 1),
        ("list wrong.intent", "unknown-name", 1),
        ("list --manifests manifests --from a@", "syntax-error", 2),
        ("explain a->b:1 wrong.intent", "unknown-name", 1),
    ];
    for (arguments, code, status) in cases {
        let ran = place.run(&format!("{arguments} --format json"));
        let value = json(&ran);
        assert!(codes(&value).contains(&code), "{code} in {value}");
        assert_eq!(ran.status, status, "{arguments}");
        assert_ne!(place.run(arguments).stdout.chars().next(), Some('{'), "{arguments}");
    }
}

/// What a chart holds is no manifest before it is rendered, and a document that is no map is told as such.
#[test]
fn templates_and_documents_without_fields_are_told_as_what_they_are() {
    let place = shop();
    let said = |text: &str| {
        place.put("broken.yaml", text.as_bytes());
        place.run("verify --manifests broken.yaml").stderr
    };
    let chart = said("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {{ .Values.ns }}\n");
    assert!(chart.contains("help: render the templates first, as `helm template` does"), "{chart}");
    let number = said("12\n");
    assert!(number.contains("]: the document is not what Kubernetes accepts"), "{number}");
    assert!(!number.contains("render"), "{number}");
}
