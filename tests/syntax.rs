//! The language: what is read, what is refused and in which words.

mod cases;
mod helps;
pub(crate) mod trees;

use std::fmt::Write as _;

use proptest::prelude::*;
use twogate::diagnostic::Diagnostic;
use twogate::source::{FileId, Source};
use twogate::syntax::ast::{File, Item, ItemKind, Statement, StatementKind};
use twogate::syntax::{parse, same_statements};

/// Findings as lines of text, with the text under every span.
pub(crate) fn shown(source: &Source, findings: &[Diagnostic]) -> String {
    let mut out = String::new();
    for finding in findings {
        let place = finding.primary.as_ref().map(|label| {
            let position = source.position(label.location.span.start);
            format!("{}:{} `{}` ({})", position.line, position.column, source.slice(label.location.span), label.text)
        });
        writeln!(out, "{} {}: {}", finding.code, place.unwrap_or_default(), finding.message).unwrap();
        for related in &finding.related {
            writeln!(out, "    at `{}`: {}", source.slice(related.location.span), related.text).unwrap();
        }
        for note in &finding.notes {
            writeln!(out, "    note: {note}").unwrap();
        }
        for help in &finding.helps {
            write!(out, "    help: {}", help.text).unwrap();
            for edit in &help.edits {
                write!(out, " [`{}` becomes `{}`]", source.slice(edit.location.span), edit.text).unwrap();
            }
            writeln!(out).unwrap();
        }
    }
    out
}

/// A quarter of the usual cases: the trees are large. `PROPTEST_CASES` asks for more.
pub(crate) fn some_cases() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases / 4, failure_persistence: None, ..usual }
}

/// Reads a text.
fn read(text: &str) -> (Source, File, Vec<Diagnostic>) {
    let source = Source::new("a.intent", text);
    let (tree, findings) = parse(FileId(0), &source);
    (source, tree, findings)
}

/// Compares with a snapshot in `snapshots/syntax`.
fn snapshot(name: &str, shown: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/syntax"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, shown));
}

/// Every example statement of the design, in the forms that one file may hold.
const EXAMPLES: &str = include_str!("syntax/examples.intent");

#[test]
fn every_example_is_read() {
    let (source, tree, findings) = read(EXAMPLES);
    assert_eq!(shown(&source, &findings), "");
    snapshot("examples", &trees::outline(&tree));
}

#[test]
fn a_namespace_may_hold_for_the_whole_file() {
    let (source, tree, findings) =
        read("# shop\nnamespace shop\n\nallow * -> *\nexternal namespace istio-system {\n  workload edge = istio=x\n}\n");
    assert_eq!(shown(&source, &findings), "");
    snapshot("whole-file", &trees::outline(&tree));
}

#[test]
fn the_statements_of_the_reference_are_read() {
    let reference = include_str!("../grammar/intent.pest");
    let chapter = reference.split("# 2. Statements").nth(1).unwrap().split("# 3. Endpoints").next().unwrap();
    let mut seen = 0;
    for row in chapter.lines().filter(|line| line.starts_with("//! | ") && !line.contains("| example |")) {
        for example in row.rsplit(" | ").next().unwrap().split('`').skip(1).step_by(2).filter(|example| example.contains(' ')) {
            let (source, _, findings) = read(&example.replace('…', "\n"));
            assert_eq!(shown(&source, &findings), "", "{example}");
            seen += 1;
        }
    }
    assert!(seen > 14, "only {seen} examples found in the reference");
}

#[test]
fn the_endpoints_of_the_reference_are_read() {
    let reference = include_str!("../grammar/intent.pest");
    let chapter = reference.split("# 3. Endpoints").nth(1).unwrap().split("# 4. Ports").next().unwrap();
    for row in chapter
        .lines()
        .filter(|line| line.starts_with("//! | ") && line.contains('`'))
        .take_while(|line| !line.contains("values, namespaces"))
    {
        for example in row.replace("\\|", "¦").split(" | ").next().unwrap().split('`').skip(1).step_by(2) {
            let endpoint = example.replace('¦', "|").replace('…', "app=x").replace(['A', 'B'], "app=y");
            let (source, _, findings) = read(&format!("allow {endpoint} -> {endpoint}:80"));
            assert_eq!(shown(&source, &findings), "", "{endpoint}");
        }
    }
}

/// The table of section 5: which statement takes which clause.
#[test]
fn clauses_fit_as_the_reference_says() {
    let reference = include_str!("../grammar/intent.pest");
    let chapter = reference.split("# 5. Requirements").nth(1).unwrap().split("# 6. Words").next().unwrap();
    let rows: Vec<Vec<String>> = chapter
        .lines()
        .filter(|line| line.starts_with("//! | `"))
        .map(|line| {
            line.replace("\\|", "¦")
                .split(" | ")
                .skip(1)
                .map(|cell| cell.replace('¦', "|").trim_matches(['/', '!', '|', ' ']).to_owned())
                .collect()
        })
        .collect();
    assert_eq!(rows.len(), 8);
    for row in rows {
        let clause = match row[0].trim_matches('`') {
            word @ ("mtls" | "plaintext") => word.to_owned(),
            _ => row[1].split('`').nth(1).unwrap().to_owned(),
        };
        for (statement, cell) in ["allow", "deny", "audit", "expect some"].iter().zip(&row[2..]) {
            let (source, _, findings) = read(&format!("{statement} a -> b:80 {clause}"));
            assert_eq!(findings.is_empty(), cell == "yes", "{statement} {clause}: {}", shown(&source, &findings));
        }
    }
}

/// Wrong programs: the code, the text under the primary span and a stretch of the message.
#[test]
fn what_is_wrong_is_said_at_its_place() {
    for (text, expected) in cases::WRONG {
        let (source, _, findings) = read(text);
        let found: Vec<_> = findings.iter().map(|finding| (finding.code.name(), source.slice(finding.span().unwrap()))).collect();
        assert_eq!(found, *expected, "{text}\n{}", shown(&source, &findings));
    }
}

#[test]
fn findings_in_full() {
    let mut out = String::new();
    for (text, _) in cases::WRONG {
        let (source, _, findings) = read(text);
        let text: String = text
            .chars()
            .flat_map(|letter| if letter.is_control() && letter != '\n' { letter.escape_debug().collect() } else { vec![letter] })
            .collect();
        writeln!(out, "{text}\n{}", shown(&source, &findings)).unwrap();
    }
    snapshot("findings", &out);
}

/// Every fix that is offered leads to a text without that finding.
#[test]
fn fixes_heal() {
    for (text, _) in cases::WRONG {
        let (_, _, findings) = read(text);
        for finding in &findings {
            for help in finding.helps.iter().filter(|help| !help.edits.is_empty()) {
                let mut healed = (*text).to_owned();
                for edit in &help.edits {
                    healed.replace_range(edit.location.span.range(), &edit.text);
                }
                let (source, _, left) = read(&healed);
                assert!(left.len() < findings.len(), "{text}\nbecomes\n{healed}\n{}", shown(&source, &left));
            }
        }
    }
}

#[test]
fn what_is_tolerated_reads_the_same() {
    for (left, right) in cases::SAME {
        let ((source, left_tree, findings), (_, right_tree, others)) = (read(left), read(right));
        assert_eq!(shown(&source, &findings), "", "{left:?}");
        assert!(others.is_empty(), "{right:?}");
        assert!(
            same_statements(&left_tree, &right_tree),
            "{left:?}\n{}\n{right:?}\n{}",
            trees::outline(&left_tree),
            trees::outline(&right_tree)
        );
    }
}

#[test]
fn what_differs_is_not_called_the_same() {
    for (left, right) in [
        ("allow a -> b", "allow b -> a"),
        ("allow a -> b:80", "allow a -> b"),
        ("close in a", "close out a"),
        ("allow a -> b", "deny a -> b"),
    ] {
        assert!(!same_statements(&read(left).1, &read(right).1), "{left} {right}");
    }
}

#[test]
fn broken_blocks_keep_their_statements() {
    let (source, tree, findings) = read("namespace a {\n  allow x -> y\n\nnamespace b mesh nome {\n  deny x -> y\n  alow p -> q\n}\n");
    snapshot("broken-blocks", &format!("{}\n{}", shown(&source, &findings), trees::outline(&tree)));
}

#[test]
fn comments_and_blank_lines_are_in_the_tree() {
    let (source, tree, findings) = read(
        "# first\n\n\n# second\nallow a or # why\n  # inside\n  b -> c # behind\n# own\nnamespace n { # head\n  # in block\n} # end\n# last",
    );
    assert_eq!(shown(&source, &findings), "");
    snapshot("comments", &trees::outline(&tree));
}

#[test]
fn ten_thousand_braces_and_parentheses() {
    let names = |findings: &[Diagnostic]| findings.iter().map(|finding| finding.code.name()).collect::<Vec<_>>();
    for parentheses in ["(".repeat(10_000), format!("{}a{} -> b", "(".repeat(10_000), ")".repeat(10_000))] {
        let (source, _, findings) = read(&format!("allow {parentheses}\ndeny a -> b"));
        assert_eq!(names(&findings), ["nesting-too-deep"]);
        assert_eq!(source.slice(findings[0].span().unwrap()), "(");
    }
    for program in [
        "namespace a { ".repeat(10_000),
        "namespace a {\n".repeat(10_000),
        format!("{}{}", "namespace a {\n".repeat(10_000), "}\n".repeat(10_000)),
    ] {
        let (_, _, findings) = read(&program);
        assert_eq!(names(&findings).iter().filter(|name| **name == "nesting-too-deep").count(), 1);
        assert!(names(&findings).iter().all(|name| matches!(*name, "nesting-too-deep" | "mixed-namespace-forms")));
    }
    assert_eq!(names(&read(&"{ ".repeat(10_000)).2), ["nesting-too-deep"]);
    assert_eq!(names(&read(&format!("allow a{} -> b", " but a".repeat(10_000))).2), ["nesting-too-deep"]);
    let deep = format!("allow {}a{} -> b", "(".repeat(64), ")".repeat(64));
    assert_eq!(names(&read(&deep).2), [""; 0]);
}

#[test]
fn long_inputs_are_read_to_their_end() {
    let many = format!("allow a{} -> b", " or a".repeat(50_000));
    assert!(read(&many).2.is_empty());
    for line in ["x".repeat(500_000), "# ".repeat(500_000), "(\n".repeat(15_000), "a or\n".repeat(15_000), "\"\n".repeat(15_000)] {
        let (_, tree, findings) = read(&format!("{line}\nallow a -> b"));
        assert!(findings.len() <= 10_001);
        let last = tree.items.last().unwrap();
        assert!(matches!(last.kind, ItemKind::Statement(_)));
    }
    let (_, _, findings) = read(&" ".repeat(twogate::syntax::MAX_FILE + 1));
    assert_eq!(findings.iter().map(|finding| finding.code.name()).collect::<Vec<_>>(), ["file-too-large"]);
}

/// How many findings speak of an item; what lies between it and the next belongs to it, for there stands what it lacks.
fn findings_in(item: &Item, tree: &File, findings: &[Diagnostic]) -> usize {
    let is_next = |start: u32| tree.items.iter().any(|other| other.span.start == start && start > item.span.start);
    let is_in = |start: u32| start >= item.span.start && start <= item.span.end && !is_next(start);
    findings.iter().filter_map(Diagnostic::span).filter(|span| is_in(span.start)).count()
}

/// What must hold for any text at all.
fn check_any_text(text: &str) -> Result<(), TestCaseError> {
    let (source, tree, findings) = read(text);
    let mut end = 0;
    for item in &tree.items {
        prop_assert!(item.span.start >= end && item.span.range().len() <= text.len(), "items overlap");
        end = item.span.end;
        if matches!(item.kind, ItemKind::Broken) {
            prop_assert!(findings_in(item, &tree, &findings) >= 1, "a broken item without a finding: {:?}", source.slice(item.span));
        }
    }
    for finding in &findings {
        let span = finding.span().unwrap();
        prop_assert!(text.get(span.range()).is_some(), "a span outside the text or inside a character");
        prop_assert!(!finding.message.ends_with('.'));
    }
    let formatted = twogate::format::format(FileId(0), &source);
    if findings.is_empty() {
        let formatted = formatted.unwrap();
        let again = twogate::format::format(FileId(0), &Source::new("a.intent", formatted.as_str()));
        prop_assert_eq!(&again.unwrap(), &formatted);
    } else {
        prop_assert!(formatted.is_err());
    }
    Ok(())
}

/// Pieces from which random programs are made.
const PIECES: &[&str] = &[
    "allow",
    "deny",
    "namespace",
    "external",
    "workload",
    "group",
    "network",
    "issuer",
    "expect",
    "close",
    "audit",
    "web",
    "app=web",
    "a|b",
    "->",
    "or",
    "but",
    "as",
    "in",
    "out",
    "*",
    "@shop",
    "@*",
    "@[a=b]",
    ":80",
    ":80|443/udp",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ",",
    "|",
    ":",
    "=",
    "!=",
    "\"",
    "\"x\"",
    "\\",
    "#",
    "# c\n",
    "\n",
    "\n  ",
    "\n\n",
    "\t",
    "\r\n",
    " ",
    "mtls",
    "http",
    "GET",
    "/x/{**}",
    "/x{",
    "grpc",
    "a.B/C",
    "jwt",
    "claim",
    "until",
    "because",
    "accept",
    "internet",
    "10.0.0.0/8",
    "2001:db8::1",
    "host",
    "only",
    "mesh none",
    "ü",
    "→",
    "\u{202e}",
    "\0",
    "-",
    ".",
    "alow",
    "namspace",
];

proptest! {
    #![proptest_config(crate::syntax::some_cases())]

    #[test]
    fn a_tree_survives_its_text(file in trees::file()) {
        let text = trees::written(&file);
        let (source, tree, findings) = read(&text);
        prop_assert_eq!(shown(&source, &findings), "", "{}", text);
        prop_assert!(same_statements(&file, &tree), "{}\n{}\n{}", text, trees::outline(&file), trees::outline(&tree));
        let formatted = twogate::format::format(FileId(0), &source).unwrap();
        let (again, tree, _) = read(&formatted);
        prop_assert!(same_statements(&file, &tree), "{}\n{}", text, formatted);
        prop_assert_eq!(twogate::format::format(FileId(0), &again).unwrap(), formatted);
    }

    #[test]
    fn any_characters_are_read(text in "\\PC*|[ -~\n\t]{0,80}|(?s:.{0,60})") {
        check_any_text(&text)?;
    }

    #[test]
    fn any_bytes_are_decoded(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (source, finding) = twogate::syntax::decode("a.intent", bytes.clone(), FileId(0));
        prop_assert_eq!(finding.is_none(), std::str::from_utf8(&bytes).is_ok());
        check_any_text(source.text())?;
    }

    #[test]
    fn any_pieces_are_read(pieces in prop::collection::vec((prop::sample::select(PIECES), any::<bool>()), 0..40)) {
        let text: String = pieces.iter().flat_map(|(piece, blank)| [*piece, if *blank { " " } else { "" }]).collect();
        check_any_text(&text)?;
    }

    #[test]
    fn any_change_of_a_good_program_is_read(at in any::<prop::sample::Index>(), length in 0usize..6, piece in prop::sample::select(PIECES)) {
        let mut letters: Vec<char> = EXAMPLES.chars().collect();
        let at = at.index(letters.len());
        letters.splice(at..(at + length).min(EXAMPLES.chars().count()), piece.chars());
        check_any_text(&letters.into_iter().collect::<String>())?;
    }

    /// A broken line hides no other, and gives one finding if it is not in the tree.
    #[test]
    fn a_broken_line_hides_no_other(kinds in prop::collection::vec(trees::statement(), 2..6), which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), piece in prop::sample::select(PIECES)) {
        prop_assume!(!piece.contains('\n'));
        let lines: Vec<String> = kinds.iter().map(|kind| trees::written(&File { items: vec![trees::item(kind.clone())] }).trim_end().to_owned()).collect();
        let which = which.index(lines.len());
        let letters: Vec<char> = lines[which].chars().collect();
        let at = at.index(letters.len());
        let broken: String = letters[..at].iter().copied().chain(piece.chars()).chain(letters[at..].iter().copied()).collect();
        let mut text = lines.clone();
        text[which] = broken;
        let (source, tree, findings) = read(&text.join("\n"));
        for (index, kind) in kinds.iter().enumerate().filter(|(index, _)| *index != which) {
            let wanted = File { items: vec![trees::item(kind.clone())] };
            let position = index + 1;
            let found = tree.items.iter().any(|item| {
                source.position(item.span.start).line == position && same_statements(&File { items: vec![item.clone()] }, &wanted)
            });
            // A change that opens a block takes the lines below into it.
            let opened = tree.items.iter().any(|item| matches!(&item.kind, ItemKind::Statement(Statement { kind: StatementKind::Namespace(_), .. })));
            prop_assert!(found || opened, "line {position} is lost:\n{}\n{}", text.join("\n"), shown(&source, &findings));
        }
        for item in &tree.items {
            if matches!(item.kind, ItemKind::Broken) {
                prop_assert_eq!(findings_in(item, &tree, &findings), 1, "{}\n{}", text.join("\n"), shown(&source, &findings));
            }
        }
    }
}
