//! The lines that a remedy offers, as they are to be written.

use super::Files;
use twogate::explain::Remedy;

fn remedies(files: Files<'_>, flow: &str) -> Vec<Remedy> {
    let answer = files.ask(flow);
    assert!(!answer.cases.is_empty(), "{flow}: {:?}", answer.findings);
    answer.cases[0].remedies.clone()
}

fn texts(remedies: &[Remedy]) -> Vec<Vec<&str>> {
    remedies.iter().map(|remedy| remedy.changes.iter().map(|change| change.text.as_str()).collect()).collect()
}

/// A comment ends with its line: told on one line, it would swallow what stands behind it.
#[test]
fn comments_of_an_altered_line_are_no_part_of_it() {
    let intents = "\
namespace shop
workload web = app=web account web
workload api = app=api account api
allow web -> api:8080 mtls http GET /a,   # reads at night, with header x
                          POST /b  # writes
  because \"x # y\"
";
    let files = Files { intents, ..Files::default() };
    let all = remedies(files, "web -> api:8080 GET /c");
    let wanted = "`allow web -> api:8080 mtls http GET /a, POST /b, GET /c because \"x # y\"`";
    assert!(texts(&all).contains(&vec![wanted]), "{all:#?}");
    let all = remedies(files, "web -> api:8081 GET /a");
    let wanted = "`allow web -> api:8080|8081 mtls http GET /a, POST /b because \"x # y\"`";
    assert!(texts(&all).contains(&vec![wanted]), "{all:#?}");
}

/// `at` and `header` are words of their own, wherever a line breaks.
#[test]
fn requests_are_added_before_hosts_and_headers() {
    let intents = "namespace shop\nworkload web = app=web account web\nworkload api = app=api account api\nallow web -> api:8080 mtls http GET /a\n  at h.test\n  header x=1\n";
    let all = remedies(Files { intents, ..Files::default() }, "web -> api:8080 http GET /c at h.test header x=1");
    assert!(texts(&all).contains(&vec!["`allow web -> api:8080 mtls http GET /a, GET /c at h.test header x=1`"]), "{all:#?}");
}

/// Where both ends consent, a line that is there is not offered again.
#[test]
fn what_an_end_says_already_is_not_added() {
    let config = "[tenancy]\nconsent = \"both\"\n";
    let one = |line: &str, home: &str| {
        let intents = format!(
            "namespace shop {{\n  workload web = app=web\n{}}}\nnamespace pay {{\n  workload api = app=api\n{}}}\n",
            if home == "shop" { format!("  {line}\n") } else { String::new() },
            if home == "pay" { format!("  {line}\n") } else { String::new() }
        );
        let all = remedies(Files { intents: &intents, config, ..Files::default() }, "web@shop -> api@pay:80");
        texts(&all).into_iter().map(|lines| lines.join(" and ")).collect::<Vec<_>>()
    };
    assert_eq!(
        one("", ""),
        ["add `allow in web@shop -> api:80 mtls` in the block of `pay` and add `allow out web -> api@pay:80` in the block of `shop`"]
    );
    assert_eq!(one("allow out web -> app=api@pay:80", "shop"), ["add `allow in web@shop -> api:80 mtls` in the block of `pay`"]);
    assert_eq!(one("allow in app=web@shop -> api:80", "pay"), ["add `allow out web -> api@pay:80` in the block of `shop`"]);
}
