//! The page about the kit: what its YAML says is what the files have.

use super::{file, yaml};
use crate::pages::{Page, root};
use serde_yaml::Value;
use std::collections::BTreeSet;

/// The YAML that the page shows, in order.
fn shown() -> Vec<Value> {
    let page = Page::read(root().join("docs/ci.md"));
    let blocks = page.blocks();
    let blocks = blocks.iter().filter(|block| block.language == "yaml");
    blocks.map(|block| serde_yaml::from_str(block.text).unwrap_or_else(|error| panic!("{error}:\n{}", block.text))).collect()
}

fn keys(map: &Value) -> BTreeSet<String> {
    map.as_mapping().unwrap().keys().map(|key| key.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_workflow_gives_inputs_that_exist_and_the_page_names_them_all() {
    let inputs = keys(&yaml("action.yml")["inputs"]);
    let workflow = shown().into_iter().find(|shown| shown.get("jobs").is_some()).unwrap();
    let steps = workflow["jobs"]["twogate"]["steps"].as_sequence().unwrap();
    let step = steps.iter().find(|step| step["uses"].as_str().unwrap().starts_with("example/twogate@")).unwrap();
    let given = keys(&step["with"]);
    assert!(given.is_subset(&inputs), "{given:?}");
    let page = file("docs/ci.md");
    for input in inputs.difference(&given) {
        assert!(page.contains(&format!("`{input}`")), "docs/ci.md does not name the input `{input}`");
    }
}

#[test]
fn hooks_variables_and_the_version_exist() {
    let hooks: Vec<Value> = yaml(".pre-commit-hooks.yaml").as_sequence().unwrap().clone();
    let ids: BTreeSet<&str> = hooks.iter().map(|hook| hook["id"].as_str().unwrap()).collect();
    let page = file("docs/ci.md");
    assert!(ids.iter().all(|id| page.contains(id)), "{ids:?}");
    let configuration = shown().into_iter().find(|shown| shown.get("repos").is_some()).unwrap();
    for hook in configuration["repos"][0]["hooks"].as_sequence().unwrap() {
        assert!(ids.contains(hook["id"].as_str().unwrap()), "{hook:?}");
    }
    let pipeline = shown().into_iter().find(|shown| shown.get("include").is_some()).unwrap();
    let template = yaml("packaging/gitlab/twogate.gitlab-ci.yml");
    assert!(keys(&pipeline["variables"]).is_subset(&keys(&template["variables"])));
    assert!(root().join(pipeline["include"][0]["file"].as_str().unwrap()).is_file());
    let version = concat!("v", env!("CARGO_PKG_VERSION"));
    assert_eq!(configuration["repos"][0]["rev"].as_str(), Some(version));
}

#[test]
fn the_function_s_configuration_is_that_of_the_kit() {
    let configuration = shown().into_iter().find(|shown| shown["kind"].as_str() == Some("Intents")).unwrap();
    assert_eq!(configuration, yaml("packaging/kustomize/policies.yaml"));
}
