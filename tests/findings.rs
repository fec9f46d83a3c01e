//! What findings look like in each format: small ones made by hand, drawn, and compared with `snapshots/findings`.

use proptest::prelude::*;
use std::fmt::Write as _;
use std::path::Path;
use twogate::diagnostic::human::Colour;
use twogate::diagnostic::{Diagnostic, Edit, Help, code, github, human, json, sarif};
use twogate::source::{FileId, Location, Source, Sources, Span};

const SHOP: &str = "\
namespace shop

allow app=web -> app=api:8080 mtls http GET  /a
allow app=job -> app=api:8080 mtls http POST /b
allow app=web -> app=bd:5432 mtls   # the order book
";

const PAY: &str = "namespace pay\nworkload web = app=web account default\n";

/// The two files that most of these findings are about.
fn files() -> Sources {
    let mut sources = Sources::default();
    sources.add(Source::new("intents/shop.intent", SHOP));
    sources.add(Source::new("intents/pay.intent", PAY));
    sources
}

/// The place of the nth occurrence (from 0) of a word in a file.
fn place(sources: &Sources, file: u32, word: &str, nth: usize) -> Location {
    let text = sources.get(FileId(file)).unwrap().text();
    let (start, _) = text.match_indices(word).nth(nth).unwrap();
    Location { file: FileId(file), span: Span::new(start, start + word.len()) }
}

fn coupled(sources: &Sources) -> Diagnostic {
    Diagnostic::new(code::COUPLED_RULES, place(sources, 0, "http POST /b", 0), "`app=web` may also send `POST /b` to `app=api:8080`")
        .label("the mesh grants this to namespace `shop`")
        .related(place(sources, 0, "app=web", 0), "the network lets these callers in")
        .related(place(sources, 1, "account default", 0), "an account that `app=job` shares")
        .note("the mesh knows callers by account; the accounts of `app=web` and `app=job` are not declared")
        .help("give `app=job` an account of its own: `workload job = app=job account job-sa`")
}

fn unknown(sources: &Sources) -> Diagnostic {
    let there = place(sources, 0, "app=bd", 0);
    Diagnostic::new(code::SELECTOR_MATCHES_NOTHING, there, "no workload of the inventory has the label `app=bd`")
        .label("no pod has it")
        .fix("`app=db` is near", there, "app=db")
}

fn several_edits(sources: &Sources) -> Diagnostic {
    let line = place(sources, 0, "allow app=job -> app=api:8080 mtls http POST /b\n", 0);
    let insert = Location { file: FileId(1), span: Span::new(PAY.len(), PAY.len()) };
    let edits = vec![
        Edit { location: line, text: String::new() },
        Edit { location: insert, text: "allow app=job@shop -> app=api@shop:8080 mtls\n".into() },
    ];
    let mut finding = Diagnostic::new(code::FOREIGN_END, line, "this rule opens pods of `pay`").label("stands in `shop`");
    finding.helps.push(Help { text: "move it to the file of `pay`".into(), edits });
    finding
}

fn unplaced() -> Diagnostic {
    Diagnostic::unplaced(code::NO_INPUT, "no intent file in `intents`").help("files end in `.intent`")
}

fn all(sources: &Sources) -> Vec<Diagnostic> {
    vec![unknown(sources), several_edits(sources), coupled(sources), unplaced(), unknown(sources)]
}

/// Compares with `snapshots/findings/<name>.snap`.
fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/findings"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn plain(findings: &[Diagnostic], sources: &Sources) -> String {
    human::render(findings, sources, Colour::Plain)
}

#[test]
fn every_format_shows_the_same_findings() {
    let sources = files();
    let findings = all(&sources);
    snapshot("human", &plain(&findings, &sources));
    snapshot("json", &json::render(&findings, &sources, None));
    snapshot("sarif", &sarif::render(&findings, &sources));
    snapshot("github", &github::render(&findings, &sources));
}

#[test]
fn colours_change_nothing_but_colours() {
    let sources = files();
    let coloured = human::render(&all(&sources), &sources, Colour::Ansi);
    assert!(coloured.contains("\u{1b}["));
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain(&all(&sources), &sources));
}

#[test]
fn the_order_of_reading_and_checking_is_not_seen() {
    let sources = files();
    let mut findings = all(&sources);
    let before = [
        plain(&findings, &sources),
        json::render(&findings, &sources, None),
        sarif::render(&findings, &sources),
        github::render(&findings, &sources),
    ];
    findings.reverse();
    let after = [
        plain(&findings, &sources),
        json::render(&findings, &sources, None),
        sarif::render(&findings, &sources),
        github::render(&findings, &sources),
    ];
    assert_eq!(before, after);
}

#[test]
fn no_findings_are_no_text_for_people_and_valid_documents_for_programs() {
    let sources = files();
    assert_eq!(plain(&[], &sources), "");
    assert_eq!(human::summary(&[], &sources), None);
    assert_eq!(json::render(&[], &sources, None), "{\n  \"version\": 1,\n  \"findings\": []\n}\n");
    assert_eq!(github::render(&[], &sources), "");
    let log: serde_json::Value = serde_json::from_str(&sarif::render(&[], &sources)).unwrap();
    assert_eq!(log["runs"][0]["results"], serde_json::json!([]));
}

#[test]
fn the_summary_counts_in_words() {
    let sources = files();
    let (error, note) = (coupled(&sources), unknown(&sources));
    let words = |findings: &[Diagnostic]| human::summary(findings, &sources).unwrap();
    assert_eq!(words(std::slice::from_ref(&error)), "1 error");
    assert_eq!(words(&[note.clone(), note.clone().note("another"), error.clone()]), "1 error, 2 notes");
    let warning = |number| Diagnostic::unplaced(code::BROAD_RULE, format!("rule {number} is broad"));
    assert_eq!(words(&[warning(1), warning(2), error]), "1 error, 2 warnings");
}

/// Places that are hard to draw: each alone, in one snapshot.
#[test]
fn hard_places_are_drawn() {
    let long = format!("allow app=web -> app=db # {}\nlast", "ab ".repeat(400_000));
    let block = format!("namespace a {{\n{}}}\n", "  allow * -> *\n".repeat(300));
    let cases = [
        ("an empty span in a line", "allow app=web app=db\n", (13, 13)),
        ("the end of the file, behind the last line", "namespace a {\n  allow * -> *\n", (29, 29)),
        ("the end of the file, in the last line", "allow app=web ->", (16, 16)),
        ("an empty file", "", (0, 0)),
        ("past the end", "allow\n", (90, 99)),
        ("inside a character", "allow app=größe -> *\n", (13, 13)),
        ("wide characters and tabs", "allow\tapp=\"数据\" -> app=db\n", (11, 17)),
        ("control characters", "allow app=\u{1b}[31m\u{202e}db\r -> *\r\n", (10, 18)),
        ("a whole line with its end", "deny a=b -> *\r\nallow * -> *\r\n", (0, 15)),
        ("several lines", "namespace a {\n  allow * -> *\n  deny x=y -> *\n}\n", (0, 46)),
        ("more lines than are drawn", block.as_str(), (0, 4_200)),
        ("far into a long line", long.as_str(), (600_000, 600_002)),
        ("most of a long line", long.as_str(), (6, 1_100_000)),
    ];
    let mut text = String::new();
    for (title, source, (start, end)) in cases {
        let mut sources = Sources::default();
        let file = sources.add(Source::new("hard.intent", source));
        let location = Location { file, span: Span { start, end } };
        let finding = Diagnostic::new(code::SYNTAX_ERROR, location, "what stands here is no statement").label("here");
        writeln!(text, "== {title}\n{}", plain(&[finding], &sources)).unwrap();
    }
    snapshot("hard-places", &text);
}

#[test]
fn labels_far_apart_are_drawn_and_too_many_are_counted() {
    let mut source = String::new();
    for line in 1..=1_000 {
        writeln!(source, "allow app=a{line} -> app=b:80").unwrap();
    }
    let mut sources = Sources::default();
    sources.add(Source::new("long.intent", source));
    let rule = |number: usize| place(&sources, 0, &format!("app=a{number} "), 0);
    let mut finding = Diagnostic::new(code::DUPLICATE_RULE, rule(500), "this rule is written 21 times").label("here");
    for number in (20..=400).step_by(20) {
        finding = finding.related(rule(number), "and here");
    }
    snapshot("far-labels", &plain(&[finding], &sources));
}

#[test]
fn fixes_that_cannot_be_drawn_are_told() {
    let sources = files();
    let whole = Location { file: FileId(0), span: Span::new(0, 60) };
    let overlapping = vec![Edit { location: whole, text: "a".into() }, Edit { location: whole, text: "b".into() }];
    let mut finding = coupled(&sources);
    finding.helps = vec![Help { text: "rewrite the file".into(), edits: overlapping }];
    let text = plain(&[finding], &sources);
    assert!(text.contains("= help: rewrite the file"), "{text}");
}

#[test]
fn commands_escape_what_the_runner_reads() {
    let mut sources = Sources::default();
    let file = sources.add(Source::new("a,b:c%.intent", "allow\nallow\n"));
    let over_lines = Location { file, span: Span::new(0, 11) };
    let finding = Diagnostic::new(code::SYNTAX_ERROR, over_lines, "100% wrong:\r\n::error::no").note("one\ntwo");
    let wanted = "::error file=a%2Cb%3Ac%25.intent,line=1,endLine=2,title=syntax-error::100%25 wrong:␍␊::error::no%0Anote: one%0Atwo\n";
    assert_eq!(github::render(&[finding], &sources), wanted);
}

#[test]
fn many_findings_are_counted_and_the_worst_are_drawn() {
    let sources = files();
    let mut findings: Vec<_> = (0..3_000).map(|number| Diagnostic::unplaced(code::BROAD_RULE, format!("rule {number} is broad"))).collect();
    findings.push(coupled(&sources));
    let text = plain(&findings, &sources);
    assert!(text.contains("error[coupled-rules]"));
    assert!(text.ends_with("1 of 3001 findings are shown\n1 error, 3000 warnings\n"));
}

/// A line of 50 MB with a thousand findings all along it; each must cost the same wherever it stands.
#[test]
fn a_huge_line_costs_no_more_than_a_short_one() {
    const SIZE: usize = 50 << 20;
    let mut sources = Sources::default();
    let file = sources.add(Source::new("huge.intent", "ä".repeat(SIZE / 2)));
    let at = |number: usize| Location { file, span: Span::new(number * (SIZE / 1_000), number * (SIZE / 1_000) + 6) };
    let findings: Vec<_> = (0..1_000).map(|number| Diagnostic::new(code::SYNTAX_ERROR, at(number), "no statement").label("here")).collect();
    let text = plain(&findings, &sources);
    assert!(text.len() < 500 * 1_000, "{} bytes for people", text.len());
    let column = 999 * (SIZE / 1_000) / 2 + 1;
    let json = json::render(&findings, &sources, None);
    assert!(json.contains(&format!("\"column\": {column}")));
    assert!(json.len() < 1_000 * 1_000 && sarif::render(&findings, &sources).len() < 1_000 * 1_000);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any text, any spans, any edits: no panic, and the formats for programs stay readable.
    #[test]
    fn any_finding_can_be_drawn(
        times in 1..30usize,
        text in "([a-z =>\u{1b}\t\r\n\u{202e}äß数]|\r\n|\n\n){0,60}",
        spans in proptest::collection::vec((0..900u32, 0..900u32), 1..16),
        edits in proptest::collection::vec((0..900u32, 0..900u32, "[a-z\n\t数]{0,5}"), 0..3),
        words in "[ -~\n\u{1b}ä数]{0,20}",
    ) {
        let mut sources = Sources::default();
        let file = sources.add(Source::new("any.intent", text.repeat(times)));
        let at = |(start, end)| Location { file, span: Span { start, end } };
        let mut finding = Diagnostic::new(code::SYNTAX_ERROR, at(spans[0]), words.clone()).label(words.clone()).note(words.clone());
        for span in &spans[1..] {
            finding = finding.related(at(*span), words.clone());
        }
        let edits = edits.into_iter().map(|(start, end, text)| Edit { location: at((start, end)), text }).collect();
        finding.helps.push(Help { text: words, edits });
        let findings = [finding];
        let drawn = human::render(&findings, &sources, Colour::Plain);
        prop_assert!(drawn.ends_with("1 error\n"));
        prop_assert!(!drawn.chars().any(|character| character.is_control() && character != '\n'));
        let hidden = ['\u{202e}', '\u{E000}', '\u{E001}'];
        prop_assert!(!drawn.contains(hidden));
        for document in [json::render(&findings, &sources, None), sarif::render(&findings, &sources)] {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&document).is_ok());
        }
        prop_assert_eq!(github::render(&findings, &sources).lines().count(), 1);
    }
}
