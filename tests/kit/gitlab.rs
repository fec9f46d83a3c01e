//! The GitLab template: the scripts of its jobs, run as a runner does, with a stand-in for `curl`.

use super::{Place, Ran, is_here, yaml};
use serde_yaml::Value;

const TEMPLATE: &str = "packaging/gitlab/twogate.gitlab-ci.yml";

/// `curl`, as far as it is used: it notes what it is asked; a question without a method is answered with the notes that there are.
const CURL: &str = r#"
echo "curl $*" >> .state/curl.log
for word in "$@"; do
    case "$word" in body@*) cat "${word#body@}" >> .state/curl.log ;; esac
done
case "$*" in *--request*) ;; *) cat .state/notes.json ;; esac
"#;

/// The lines of a job, in one shell that stops at the first failure.
fn job(place: &Place, name: &str) -> Ran {
    let template = yaml(TEMPLATE);
    let lines: Vec<&str> = template[name]["script"].as_sequence().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    place.run(&format!("set -eo pipefail\n{}", lines.join("\n")))
}

fn merge_request() -> Place {
    let mut place = Place::repository();
    place.put(".state/notes.json", "[]");
    for (name, value) in yaml(TEMPLATE)["variables"].as_mapping().unwrap() {
        place.set(name.as_str().unwrap(), value.as_str().unwrap());
    }
    let base = place.run("git rev-parse main").stdout.trim().to_owned();
    place.set("CI_MERGE_REQUEST_DIFF_BASE_SHA", base);
    place.stand_in("curl", CURL);
    place
}

#[test]
fn jobs_have_a_script_and_an_image() {
    let template = yaml(TEMPLATE);
    let jobs: Vec<(&Value, &Value)> =
        template.as_mapping().unwrap().iter().filter(|(name, _)| name.as_str().unwrap().starts_with("twogate-")).collect();
    assert_eq!(jobs.len(), 3);
    for (name, job) in jobs {
        assert_eq!(job["extends"].as_str(), Some(".twogate"), "{name:?}");
        assert!(!job["script"].as_sequence().unwrap().is_empty(), "{name:?}");
    }
    assert_eq!(template[".twogate"]["image"].as_str(), Some("$TWOGATE_IMAGE"));
}

#[test]
fn checks_pass_and_fail_with_the_intents() {
    let place = merge_request();
    for name in ["twogate-check", "twogate-test"] {
        let ran = job(&place, name);
        assert_eq!(ran.status, 0, "{name}: {}", ran.all());
    }
    assert!(place.read("twogate-expectations.xml").contains("<testsuite"));
    place.put("intents/shop.intent", &super::SHOP[0].1.replace("expect only web", "allow app=job -> app=db:5432 mtls\n\nexpect only web"));
    for name in ["twogate-check", "twogate-test"] {
        let ran = job(&place, name);
        assert_eq!(ran.status, 1, "{name}: {}", ran.all());
    }
}

#[test]
fn the_comparison_becomes_one_note() {
    if !is_here("jq") {
        return;
    }
    let mut place = merge_request();
    let has_diff = place.has_diff();
    place.run("git switch --quiet --create change");
    place.put("intents/shop.intent", &super::SHOP[0].1.replace("5432 mtls because", "5432|5433 mtls because"));
    place.commit("one port more");
    let quiet = job(&place, "twogate-diff");
    assert_eq!((quiet.status, place.read(".state/curl.log").as_str()), (0, ""), "without a token nothing is sent: {}", quiet.all());
    assert!(quiet.stdout.starts_with("<!-- twogate -->\n"), "{}", quiet.all());

    for (name, value) in [
        ("TWOGATE_TOKEN", "secret"),
        ("CI_API_V4_URL", "https://gitlab.example/api/v4"),
        ("CI_PROJECT_ID", "3"),
        ("CI_MERGE_REQUEST_IID", "7"),
    ] {
        place.set(name, value);
    }
    let first = job(&place, "twogate-diff");
    assert_eq!(first.status, 0, "{}", first.all());
    let log = place.read(".state/curl.log");
    assert!(
        log.contains("--request POST")
            && log.contains("https://gitlab.example/api/v4/projects/3/merge_requests/7/notes\n<!-- twogate -->\n"),
        "{log}"
    );
    place.put(
        ".state/notes.json",
        r#"[{"id": 5, "body": "hello"}, {"id": 6, "body": "<!-- twogate -->\nold"}, {"id": 7, "body": "<!-- twogate -->"}]"#,
    );
    place.put(".state/curl.log", "");
    assert_eq!(job(&place, "twogate-diff").status, 0);
    let log = place.read(".state/curl.log");
    assert!(log.contains("--request PUT") && log.contains("/notes/6\n"), "{log}");

    place.set("TWOGATE_FAIL_ON", "gained");
    let strict = job(&place, "twogate-diff");
    assert_eq!(strict.status, 1, "{}", strict.all());
    if !has_diff {
        eprintln!("skipped: the binary has no `diff`; a stand-in answered");
    }
}
