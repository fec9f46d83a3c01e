//! Every format of one difference that has something of everything.

use super::repository::snapshot;
use crate::pages;
use twogate::compile::Input;
use twogate::diagnostic::human::Colour;
use twogate::diff::{
    Change, Compared, Detail, Entry, Kind, MARK, MAX_COMMENT, Objects, Report, Revision, Telling, human, intents, json, markdown, sarif,
};
use twogate::source::Source;

const CONFIG: &str = "[ingress]\nsource = \"client\"\n\n[[diff.allow]]\nflow = \"app=probe@ops -> app=web@shop:9000\"\nreason = \"OPS-3: probes\"\nuntil = \"2027-12-31\"\n";

const BASE: &str = "namespace shop labels env=prod {
  workload web = app=web account web-sa
  workload batch = app=batch account batch-sa
  allow web -> app=api:8080 mtls http GET /v1/{**}, GET /v1
  allow app=api -> app=db:5432 mtls because \"orders\"
  allow app=cron@batch -> web:8080
  allow office -> app=console:8443
  expect deny internet -> *
  expect only app=api -> app=db:5432 mtls
}
network office = 203.0.113.0/24
external namespace batch mesh sidecar {}
";

const HEAD: &str = "namespace shop labels env=prod,tier=one {
  workload web = app=web account web-sa
  workload batch = app=batch account shop-sa
  allow web -> app=api:8080 mtls http GET|POST /v1/{**}, GET /v1
  allow app=api -> app=db:5432
  allow internet -> web:8443
  allow batch -> app=db:5432 mtls until 2027-03-31 because \"SEC-123\"
  allow web -> app=cache:6379 mtls
  allow app=probe@ops -> web:9000
  allow office -> app=console:8443
  expect deny internet -> *
  expect only app=api -> app=db:5432 mtls
}
network office = 203.0.113.0/24
external namespace batch mesh sidecar {}
";

fn revision(name: &str, text: &str) -> Revision {
    let mut input = Input { today: Some("2027-01-01".to_owned()), ..Input::default() };
    let intents = input.sources.add(Source::new("intents/shop.intent", text));
    input.intents.push(intents);
    input.config = Some(input.sources.add(Source::new("twogate.toml", CONFIG)));
    Revision { name: name.to_owned(), input }
}

fn compared(base: &str, head: &str) -> Compared {
    intents(revision("base", base), revision("head", head), Detail::Objects).map_err(|unjudged| unjudged.findings).unwrap()
}

#[test]
fn people_read_it() {
    let compared = compared(BASE, HEAD);
    snapshot("human", &human(&compared.report, &compared.texts, Telling::Brief, Colour::Plain));
    snapshot("verbose", &human(&compared.report, &compared.texts, Telling::Verbose, Colour::Plain));
    let painted = human(&compared.report, &compared.texts, Telling::Brief, Colour::Ansi);
    assert!(painted.contains("\u{1b}[1;31mopened to the internet\u{1b}[0m"));
}

#[test]
fn a_comment_reads_like_the_design() {
    let compared = compared(BASE, HEAD);
    let comment = markdown(&compared.report, &compared.texts);
    assert!(comment.starts_with(MARK));
    snapshot("markdown", &comment);
    assert_eq!(comment, markdown(&compared.report, &compared.texts));
}

#[test]
fn a_comment_is_never_longer_than_a_forge_takes() {
    let line = |number: u32| format!("  allow app=caller-{number} -> app=called-{number}:{}\n", 1000 + number);
    let lines: String = (0..900).map(line).collect();
    let compared = compared("namespace shop {\n}\n", &format!("namespace shop {{\n{lines}}}\n"));
    let comment = markdown(&compared.report, &compared.texts);
    assert!(comment.chars().count() <= MAX_COMMENT, "{}", comment.chars().count());
    assert!(comment.contains("more lines did not fit") && comment.contains("### Twogate: 900 opened to more workloads"));
}

/// However much does not fit: what is folded is closed, what stands in it has its heading, and what did not fit is said unfolded.
#[test]
fn a_comment_that_is_full_is_whole() {
    let Compared { report, texts, .. } = compared(BASE, HEAD);
    let many = |count: usize, words: usize| {
        let entry = |number: usize| Entry { who: format!("app={number}{}@shop", "-long".repeat(words)), ..report.entries[0].clone() };
        let facts = report.facts.iter().cycle().take(count);
        let objects = (0..count).map(|number| (Change::Added, format!("NetworkPolicy shop/{number}")));
        Report {
            entries: (0..count).map(entry).chain(report.entries.iter().cloned()).collect(),
            facts: facts.cloned().collect(),
            objects: Some(Objects { changed: objects.collect(), total: count, of_entries: Vec::new() }),
            notes: vec!["note ".repeat(100 * words)],
            ..report.clone()
        }
    };
    for (count, words) in (40..400).step_by(7).flat_map(|count| [(count, 0), (count, 9)]) {
        let comment = markdown(&many(count, words), &texts);
        assert!(comment.chars().count() <= MAX_COMMENT, "{count}: {}", comment.chars().count());
        let mut is_folded = false;
        for block in comment.split("\n\n") {
            let [opened, closed] = ["<details><summary>", "</details>"].map(|tag| block.matches(tag).count());
            let has_items = block.lines().any(|line| line.starts_with("- "));
            assert!(opened + closed <= 1 && (opened == 0 || !is_folded) && (closed == 0 || is_folded), "{count}: {block}");
            assert!(!has_items || is_folded || block.starts_with("- ✗"), "{count}: {block}");
            is_folded = opened == 1 || is_folded && closed == 0;
        }
        assert!(!comment.contains("</summary>\n\n\n"), "{count}: an empty list");
        let (_, tail) = comment.rsplit_once("</details>\n").unwrap_or(("", &comment));
        assert!(!is_folded && (count < 390 || tail.contains(" more lines did not fit")), "{count}: {tail}");
    }
}

#[test]
fn programs_read_it() {
    let compared = compared(BASE, HEAD);
    let text = json(&compared.report, &compared.texts);
    snapshot("json", &text);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let schema: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(pages::root().join("schemas/diff.schema.json")).unwrap()).unwrap();
    fits(&schema, &schema, &value, "$");
    let log: serde_json::Value = serde_json::from_str(&sarif(&compared.report, &compared.texts)).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), compared.report.open_entries().count());
    let lines: Vec<String> = results
        .iter()
        .map(|result| {
            let place = &result["locations"][0]["physicalLocation"];
            format!(
                "{} {} {}:{}\n{}\n",
                result["level"],
                result["ruleId"],
                place["artifactLocation"]["uri"],
                place["region"]["startLine"],
                result["message"]["text"].as_str().unwrap()
            )
        })
        .collect();
    snapshot("sarif", &lines.join("\n"));
}

/// Whether a value has the shape of a schema, as far as ours use it: types, required and known properties, items, words.
pub(crate) fn fits(root: &serde_json::Value, schema: &serde_json::Value, value: &serde_json::Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        return fits(root, &root["$defs"][name.rsplit('/').next().unwrap()], value, at);
    }
    let is = match schema["type"].as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "boolean" => value.is_boolean(),
        other => panic!("{at}: the schema has a type {other}"),
    };
    assert!(is, "{at}: {value} is no {}", schema["type"]);
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at}: {value} is none of {words:?}");
    }
    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
        fits(root, &schema["items"], item, &format!("{at}[{number}]"));
    }
    let Some(object) = value.as_object() else { return };
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(object.contains_key(name.as_str().unwrap()), "{at}: {name} is missing");
    }
    for (name, part) in object {
        let known = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
        assert!(known.is_object(), "{at}: the schema does not know {name}");
        fits(root, known, part, &format!("{at}.{name}"));
    }
}

#[test]
fn the_schema_knows_every_word() {
    let schema = std::fs::read_to_string(pages::root().join("schemas/diff.schema.json")).unwrap();
    for kind in Kind::ALL {
        assert!(schema.contains(&format!("\"{}\"", kind.name())), "{}", kind.name());
    }
    for kind in twogate::diff::FactKind::ALL {
        assert!(schema.contains(&format!("\"{}\"", kind.name())), "{}", kind.name());
    }
}

#[test]
fn moved_lines_are_said_to_change_nothing() {
    let report = |base: &str, head: &str| -> Report { compared(base, head).report };
    assert_eq!(report(BASE, BASE).summary(), "no difference");
    let turned = BASE
        .replace("  allow app=cron@batch -> web:8080\n", "")
        .replace("  expect deny", "  allow app=cron@batch -> app=web:8080\n  expect deny");
    assert_eq!(report(BASE, &turned).summary(), "text changed, access did not");
    let split = BASE.replace(
        "allow office -> app=console:8443",
        "allow 203.0.113.0/25 -> app=console:8443\n  allow 203.0.113.128/25 -> app=console:8443",
    );
    let report = report(BASE, &split);
    assert_eq!((report.entries.len(), report.without_effect), (0, 2));
}

/// What was not compared is never said to be without effect.
#[test]
fn what_was_not_compared_is_in_the_summary() {
    let program = |keys: usize| {
        // Of a label that a pod must not have, its absence says something, so no pod may lose it.
        let rules: Vec<String> = (0..keys).map(|key| format!("  allow key-{key}!=a -> other-{key}=b:80")).collect();
        format!("namespace shop mesh none {{\n{}\n}}\n", rules.join("\n"))
    };
    let report = compared(&program(16), &program(18)).report;
    assert!(!report.incomplete.is_empty(), "the classes are not too many any more");
    assert!(report.summary().ends_with("not everything could be compared"), "{}", report.summary());
    assert_eq!(report.without_effect, 0);
}

/// Pods that another rule lets in as well do not make a change many.
#[test]
fn labels_that_may_stand_together_in_any_way_are_no_more_than_their_rules() {
    let program = |first: &str| {
        let rules: Vec<String> = (1..24).map(|key| format!("  allow key-{key}=a -> other-{key}=b:80\n")).collect();
        format!("namespace shop mesh none {{\n  {first}\n{}}}\n", rules.concat())
    };
    let lines = |compared: &Compared| -> Vec<String> {
        let entries = compared.report.entries.iter();
        entries.map(|entry| format!("{} -> {}:{} {}; {}", entry.who, entry.whom, entry.on, entry.after, entry.remarks.join(", "))).collect()
    };
    let there = compared(&program("allow key-0=a -> other-0=b:80"), &program("allow key-0=a -> other-0=b:81"));
    let expected = [
        "key-0=a@shop -> other-0=b@shop:81 allowed; ",
        "key-0=a@shop -> other-0=b@shop:80 denied; part of it still passes, by something else, as from pods with key-1=a to pods with other-1=b",
    ];
    assert_eq!(lines(&there), expected);
    assert!(there.report.incomplete.is_empty());
    // A pod of the last key is denied whatever else it has, which is said.
    let denied = |first: &str| program(first).replace("key-23=a -> other-23=b:80\n", "key-22=b -> other-22=c:80\n  deny key-23=a -> *\n");
    let there = compared(&denied("allow key-0=a -> other-0=b:80"), &denied("allow key-0=a -> other-0=b:81"));
    let expected = ["81 allowed", "80 denied"]
        .map(|end| format!("key-0=a@shop -> other-0=b@shop:{end}; not all of it: of pods with more labels other rules may decide, as from pods with key-23=a"));
    assert_eq!(lines(&there), expected);
}

#[test]
fn what_becomes_known_of_other_namespaces_counts() {
    let shop = "namespace shop {\n  allow *@[env=prod] -> app=db:5432\n  allow app=job@batch -> app=api:8080 mtls\n}\n";
    let with = |facts: &str| format!("{shop}{facts}");
    let lines = |base: &str, head: &str| -> Vec<String> {
        let report = compared(&with(base), &with(head)).report;
        report.entries.iter().map(|entry| format!("{} -> {}: {} => {}", entry.who, entry.whom, entry.before, entry.after)).collect()
    };
    let prod = "external namespace batch labels env=prod mesh sidecar {}\n";
    let test = "external namespace batch labels env=test mesh sidecar {}\n";
    assert_eq!(lines(prod, test), ["*@batch -> app=db@shop: allowed => denied"]);
    assert_eq!(lines("", prod), [""; 0], "it is only said what holds anyway");
    let out = "external namespace batch labels env=prod mesh none {}\n";
    assert_eq!(lines(prod, out), ["app=job@batch -> app=api@shop: allowed, mTLS => denied"]);
    assert_eq!(lines("", "external namespace batch mesh none {}\n"), ["app=job@batch -> app=api@shop: allowed, mTLS => denied"]);
}
