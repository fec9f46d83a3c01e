//! The hooks for pre-commit, run by pre-commit where it is here.

use super::{Place, file, is_here, yaml};
use std::collections::BTreeMap;

#[test]
fn hooks_have_what_a_manifest_needs() {
    let hooks = yaml(".pre-commit-hooks.yaml");
    let mut by_id = BTreeMap::new();
    for hook in hooks.as_sequence().unwrap() {
        for key in ["id", "name", "description", "entry", "language", "files"] {
            assert!(hook[key].as_str().is_some_and(|text| !text.is_empty()), "{hook:?} has no {key}");
        }
        by_id.insert(hook["id"].as_str().unwrap().to_owned(), hook);
    }
    assert_eq!(by_id.len(), 6);
    for id in ["twogate-fmt", "twogate-check", "twogate-compile"] {
        let (built, system) = (by_id[id], by_id[&format!("{id}-system")]);
        assert_eq!((built["language"].as_str(), system["language"].as_str()), (Some("rust"), Some("system")));
        for key in ["name", "entry", "files", "pass_filenames"] {
            assert_eq!(built[key], system[key], "{id}: {key}");
        }
    }
}

#[test]
fn pre_commit_runs_them() {
    if !is_here("pre-commit") {
        return;
    }
    let mut place = Place::repository();
    let home = place.path(".state/home").display().to_string();
    place.set("PRE_COMMIT_HOME", home);
    // A repository that holds the hooks alone: those that are run here build nothing.
    place.put(".state/hooks/.pre-commit-hooks.yaml", &file(".pre-commit-hooks.yaml"));
    let made = place.run("cd .state/hooks && git init --quiet && git add --all && git commit --quiet --message hooks && pre-commit validate-manifest .pre-commit-hooks.yaml");
    assert_eq!(made.status, 0, "{}", made.all());
    let run = |place: &Place, hook: &str| place.run(&format!("pre-commit try-repo .state/hooks {hook} --all-files"));
    for hook in ["twogate-fmt-system", "twogate-check-system", "twogate-compile-system"] {
        let ran = run(&place, hook);
        assert!(ran.status == 0 && ran.stdout.contains("Passed"), "{hook}: {}", ran.all());
    }
    place.put(
        "intents/shop.intent",
        &super::SHOP[0].1.replace("allow web -> app=db", "allow   web->app=db").replace("5432 mtls because", "5433 mtls because"),
    );
    for (hook, said) in [
        ("twogate-check-system", "error[expectation-failed]"),
        ("twogate-compile-system", "error[expectation-failed]"),
        ("twogate-fmt-system", "files were modified by this hook"),
    ] {
        let ran = run(&place, hook);
        assert!(ran.status == 1 && ran.stdout.contains(said), "{hook}: {}", ran.all());
    }
    assert!(place.read("intents/shop.intent").contains("allow web -> app=db:5433"), "the file is canonical now");
}
