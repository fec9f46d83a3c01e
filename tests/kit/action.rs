//! The GitHub action: its steps as the shell that they are, in a repository made here, with a stand-in for `gh`.

use super::{Place, Ran, file, files_in, is_executable, yaml};
use crate::pages::root;
use serde_yaml::Value;
use std::collections::{BTreeMap, BTreeSet};

/// `gh`, as far as it is used: it notes what it is asked, and answers with the file `.state/answer`, if it is there.
const GH: &str = r#"
echo "gh $*" >> .state/gh.log
for word in "$@"; do
    case "$word" in body=@* | sarif=@*) cat "${word#*=@}" >> .state/gh.log ;; esac
done
if [ -e .state/broken ]; then exit 1; fi
case "$*" in *--paginate*) cat .state/answer 2>/dev/null || true ;; esac
"#;

/// The inputs with their defaults, as a pull request number 7 gives them.
fn inputs() -> BTreeMap<String, String> {
    let action = yaml("action.yml");
    let declared = action["inputs"].as_mapping().unwrap().iter();
    declared.map(|(name, input)| (name.as_str().unwrap().to_owned(), input["default"].as_str().unwrap().to_owned())).collect()
}

/// A value of the action with its expressions filled in.
fn filled(value: &str, inputs: &BTreeMap<String, String>) -> String {
    let mut text = value.to_owned();
    for (name, value) in inputs {
        text = text.replace(&format!("${{{{ inputs.{name} }}}}"), value);
    }
    text = text.replace("${{ github.event.pull_request.number }}", "7").replace("${{ github.token }}", "token");
    assert!(!text.contains("${{"), "{value} is not filled in");
    text
}

/// A repository with a pull request: `main` and one commit more.
fn pull_request() -> Place {
    let mut place = Place::repository();
    place.put(".state/keep", "");
    place.stand_in("gh", GH);
    let here = place.folder.path().display().to_string();
    for (name, value) in [
        ("GITHUB_ACTION_PATH", root().display().to_string()),
        ("GITHUB_REPOSITORY", "example/shop".to_owned()),
        ("GITHUB_SHA", "0123456789abcdef".to_owned()),
        ("GITHUB_REF", "refs/pull/7/merge".to_owned()),
        ("GITHUB_STEP_SUMMARY", format!("{here}/.state/summary.md")),
        ("GITHUB_OUTPUT", format!("{here}/.state/output")),
        ("GITHUB_PATH", format!("{here}/.state/path")),
        ("RUNNER_TEMP", format!("{here}/.state")),
    ] {
        place.set(name, value);
    }
    place
}

/// Runs the steps as GitHub does: in order, each with its environment, the rest not at all after one that fails.
fn run(place: &mut Place, changed: &[(&str, &str)]) -> Ran {
    let mut inputs = inputs();
    let base = place.run("git rev-parse main").stdout.trim().to_owned();
    inputs.insert("base".to_owned(), base);
    inputs.extend(changed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let action = yaml("action.yml");
    let mut whole = Ran { status: 0, stdout: String::new(), stderr: String::new() };
    for step in action["runs"]["steps"].as_sequence().unwrap() {
        if !is_wanted(step, &inputs) {
            continue;
        }
        let environment = step["env"].as_mapping().into_iter().flatten();
        let mut names = Vec::new();
        for (name, value) in environment {
            names.push(name.as_str().unwrap().to_owned());
            place.set(name.as_str().unwrap(), filled(value.as_str().unwrap(), &inputs));
        }
        let ran = place.run(step["run"].as_str().unwrap());
        for name in &names {
            place.variables.remove(name);
        }
        whole.stdout.push_str(&ran.stdout);
        whole.stderr.push_str(&ran.stderr);
        whole.status = ran.status;
        if ran.status != 0 {
            break;
        }
    }
    whole
}

/// Whether the condition of a step holds; only the forms that the action uses are understood.
fn is_wanted(step: &Value, inputs: &BTreeMap<String, String>) -> bool {
    let Some(condition) = step["if"].as_str() else { return true };
    condition.split(" && ").all(|part| {
        let (name, equal, value) = match (part.split_once(" == "), part.split_once(" != ")) {
            (Some((name, value)), _) => (name, true, value),
            (_, Some((name, value))) => (name, false, value),
            _ => panic!("{part} is not understood"),
        };
        let known = name.strip_prefix("inputs.").map_or("7", |name| inputs[name].as_str());
        (known == value.trim_matches('\'')) == equal
    })
}

#[test]
fn the_action_names_what_is_there() {
    let action = yaml("action.yml");
    let text = file("action.yml");
    let declared: BTreeSet<String> = inputs().into_keys().collect();
    let used = text
        .split("inputs.")
        .skip(1)
        .map(|rest| rest.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').next().unwrap().to_owned());
    assert_eq!(used.collect::<BTreeSet<_>>(), declared);
    let mut scripts = BTreeSet::new();
    let mut given = BTreeSet::new();
    for step in action["runs"]["steps"].as_sequence().unwrap() {
        assert_eq!(step["shell"].as_str(), Some("bash"));
        let path = step["run"].as_str().unwrap().trim_matches('"').strip_prefix("$GITHUB_ACTION_PATH/").unwrap();
        assert!(is_executable(&root().join(path)), "{path} is not executable");
        scripts.insert(root().join(path));
        given.extend(step["env"].as_mapping().into_iter().flatten().map(|(name, _)| name.as_str().unwrap().to_owned()));
    }
    let there: BTreeSet<_> = files_in("packaging/action", ".sh").into_iter().filter(|path| !path.ends_with("common.sh")).collect();
    assert_eq!(there, scripts);
    for path in files_in("packaging/action", ".sh") {
        let script = std::fs::read_to_string(&path).unwrap();
        for name in script.split("TWOGATE_").skip(1) {
            let name = format!("TWOGATE_{}", name.split(|letter: char| !letter.is_ascii_uppercase() && letter != '_').next().unwrap());
            assert!(given.contains(&name), "{}: no step gives {name}", path.display());
        }
    }
}

#[test]
fn scripts_are_bash() {
    let place = Place::with(&[]);
    let all = files_in("packaging/action", ".sh").into_iter().chain([root().join("packaging/release.sh")]);
    for path in all {
        let ran = place.run(&format!("bash -n {}", path.display()));
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{}", path.display());
    }
}

#[test]
fn a_change_that_is_right_passes_and_is_commented() {
    let mut place = pull_request();
    let has_diff = place.has_diff();
    place.run("git switch --quiet --create change");
    place.put("intents/shop.intent", &super::SHOP[0].1.replace("5432 mtls because", "5432|5433 mtls because"));
    assert_eq!(place.run("twogate compile -o manifests").status, 0);
    place.commit("one port more");
    let ran = run(&mut place, &[]);
    assert_eq!(ran.status, 0, "{}", ran.all());
    assert!(ran.stdout.ends_with("nothing wrong\n"), "{}", ran.all());
    let log = place.read(".state/gh.log");
    assert!(log.contains("--method POST repos/example/shop/issues/7/comments --field body=@"), "{log}");
    assert_eq!(log.matches("\n<!-- twogate -->\n").count(), 1, "{log}");
    assert!(log.contains("--method POST repos/example/shop/code-scanning/sarifs --raw-field commit_sha=0123456789abcdef"), "{log}");
    let sarif = place.run("base64 -d .state/twogate/twogate.sarif.gz.base64 | gunzip");
    let sarif: serde_json::Value = serde_json::from_str(&sarif.stdout).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let summary = place.read(".state/summary.md");
    assert!(summary.contains("### Twogate: expectations\n```text\n") && summary.contains("<!-- twogate -->"), "{summary}");
    assert!(place.read(".state/output").starts_with("file="));
    assert!(place.read(".state/twogate/expectations.xml").contains("<testsuite"), "JUnit's XML is left behind");
    if has_diff {
        assert!(log.contains("5433"), "the comment says what is gained:\n{log}");
        let strict = run(&mut place, &[("fail-on", "gained")]);
        assert!(strict.status == 1 && strict.stdout.contains("::error title=Twogate::comparison with"), "{}", strict.all());
    } else {
        eprintln!("skipped: the binary has no `diff`; a stand-in answered");
        assert!(ran.stderr.contains("diff ") && ran.stderr.contains(" --format markdown --intents intents"), "{}", ran.all());
    }
}

#[test]
fn everything_that_is_wrong_is_told_in_one_run() {
    let mut place = pull_request();
    place.has_diff();
    place.run("git switch --quiet --create change");
    let broken = super::SHOP[0].1.replace("expect only web", "allow app=job -> app=db:5432 mtls\nexpect only web");
    place.put("intents/shop.intent", &broken);
    place.commit("a caller more than is expected");
    let ran = run(&mut place, &[("comment", "false")]);
    assert_eq!(ran.status, 1, "{}", ran.all());
    assert!(ran.stdout.contains("::error file=intents/shop.intent,line="), "{}", ran.all());
    assert!(ran.stdout.ends_with("::error title=Twogate::check, policies in manifests, expectations\n"), "{}", ran.all());
    assert!(!place.read(".state/gh.log").contains("/comments"), "no comment was asked for");
}

#[test]
fn stale_policies_alone_fail_with_what_to_run() {
    let mut place = pull_request();
    place.has_diff();
    place.put("manifests/shop/networkpolicies.yaml", "# Generated by twogate; edit the intents instead.\n");
    let ran = run(&mut place, &[("sarif", "false")]);
    assert_eq!(ran.status, 1, "{}", ran.all());
    assert!(ran.stdout.contains("run: twogate compile intents -o manifests\n"), "{}", ran.all());
    assert!(ran.stdout.ends_with("::error title=Twogate::policies in manifests\n"), "{}", ran.all());
    let without = run(&mut place, &[("manifests", ""), ("sarif", "false")]);
    assert_eq!(without.status, 0, "{}", without.all());
}

#[test]
fn one_comment_is_kept_up_to_date_and_never_too_long() {
    let mut place = pull_request();
    place.set("TWOGATE_PULL_REQUEST", "7");
    let comment = root().join("packaging/action/comment.sh").display().to_string();
    assert_eq!(place.run(&comment).stdout, "there is no comparison to comment\n");
    place.put(".state/twogate/diff.md", "### no marker\n");
    place.put(".state/answer", "41\n42\n");
    let ran = place.run(&comment);
    assert_eq!(ran.status, 0, "{}", ran.all());
    let log = place.read(".state/gh.log");
    assert!(log.contains("--method PATCH repos/example/shop/issues/comments/41 --field body=@"), "{log}");
    assert!(log.ends_with("<!-- twogate -->\n### no marker\n"), "{log}");
    assert!(log.contains(r#"--jq .[] | select(.body | startswith("<!-- twogate -->")) | .id"#), "{log}");

    let row = format!("| {} ü |\n", "x".repeat(90));
    place.put(".state/twogate/diff.md", &format!("<!-- twogate -->\n{}", row.repeat(2000)));
    assert_eq!(place.run(&comment).status, 0);
    let body = place.read(".state/twogate/comment.md");
    assert!(body.len() < 65_536 && body.len() > 60_000, "{}", body.len());
    assert!(body.ends_with(&format!("{row}\n*The rest does not fit into a comment; it stands in the summary of the run.*\n")));

    place.put(".state/broken", "");
    let fork = place.run(&comment);
    assert!(fork.status == 0 && fork.stdout.contains("::warning title=Twogate::"), "{}", fork.all());
}

#[test]
fn a_shallow_checkout_gets_what_it_lacks() {
    let mut place = pull_request();
    place.has_diff();
    place.run("git switch --quiet --create change");
    place.put("intents/shop.intent", &super::SHOP[0].1.replace("5432 mtls because", "5432|5433 mtls because"));
    place.commit("one port more");
    let base = place.run("git rev-parse main").stdout.trim().to_owned();
    let here = place.folder.path().display().to_string();
    let cloned = place.run(&format!("git clone --quiet --depth=1 --branch change file://{here} .state/clone"));
    assert_eq!(cloned.status, 0, "{}", cloned.all());
    place.set("TWOGATE_BASE", base);
    place.set("TWOGATE_INTENTS", "intents");
    let script = root().join("packaging/action/diff.sh").display().to_string();
    let ran = place.run(&format!("cd .state/clone && {script} && git cat-file -e \"$TWOGATE_BASE\""));
    assert!(ran.status == 0 && ran.stdout.contains("<!-- twogate -->"), "{}", ran.all());
}
