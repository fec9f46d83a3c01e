//! Canonical text.

use proptest::prelude::*;
use twogate::format::format;
use twogate::source::{FileId, Source};
use twogate::syntax::{parse, same_statements};

/// Formats a text that has no findings.
fn formatted(text: &str) -> String {
    match format(FileId(0), &Source::new("a.intent", text)) {
        Ok(formatted) => formatted,
        Err(findings) => panic!("{text}\n{}", crate::syntax::shown(&Source::new("a.intent", text), &findings)),
    }
}

/// Compares with a snapshot in `snapshots/format`, and holds the promises of every output.
fn snapshot(name: &str, text: &str) {
    let out = formatted(text);
    assert_eq!(formatted(&out), out, "a second run changes nothing");
    assert!(out.ends_with('\n') && !out.ends_with("\n\n") && !out.contains('\r') && !out.contains("\n\n\n") && !out.contains(" \n"));
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/format"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, out));
}

#[test]
fn the_examples() {
    snapshot("examples", include_str!("syntax/examples.intent"));
}

#[test]
fn long_statements() {
    snapshot(
        "long",
        "namespace shop {\n\
         allow web -> app=api:8080 mtls http GET|HEAD /v1/orders/{**}, POST /v1/orders, DELETE /v1/orders/{*} because \"order flow\" until 2027-03-31\n\
         group backends = app=one-of-many-backends or app=another-of-many-backends or app=the-third-of-them or app=the-last-of-them\n\
         allow (app=one-of-many-backends or app=another-of-many-backends) but app=the-third-of-them -> (app=the-last-of-them or app=x):443|8000-8100/tcp mtls\n\
         network office = 203.0.113.0/24, 198.51.100.0/24, 192.0.2.0/24, 2001:db8:1::/48, 2001:db8:2::/48 except 203.0.113.128/25, 192.0.2.1\n\
         workload web = app=web,app.kubernetes.io/name=the-web-shop-of-ours account the-web-shop port http=8080 port metrics=9090\n\
         }\n\
         namespace the-first-of-many-namespaces, the-second-of-many-namespaces, the-third-of-them labels env=prod mesh sidecar {}\n",
    );
}

#[test]
fn comments() {
    snapshot(
        "comments",
        "# top\n\n\n\n#second   \nallow a or # why a\n  b or    # why b\n  # and now\n  c -> d # end\n\
         allow a -> b # short\n  # needed\n  mtls # strict\n  http GET /a, # one\n  POST /b # two\n\
         allow (a # in group\n  or b) -> c\n\
         namespace n mesh none { # head\n# first\n\n\n  allow x -> y\n\n  # last\n\n} # behind\n\
         namespace m { # only\n}\nnamespace o {} # empty\n\
         allow p -> # odd\n q\n# bottom",
    );
}

#[test]
fn spacing_and_quotes() {
    snapshot(
        "spacing",
        "\u{feff}\n\n  allow\tapp=\"web\",  tier=\"a b\"|  \"\" ->b :80|443\r\n\r\n\r\ndeny   as \"http\"->[10.0.0.0/8]  \r\n\
         allow a->c:080 http GET   \"/plain\" , POST \"/a b\" at \"shop.example.com\"\n\
         namespace \"audit\",\"2048\" { close   in out  *@\"x\" }\n",
    );
}

#[test]
fn what_is_broken_is_not_formatted() {
    let source = Source::new("a.intent", "allow a -> b\nalow c -> d\n");
    let findings = format(FileId(0), &source).unwrap_err();
    assert_eq!(findings, parse(FileId(0), &source).1);
    assert_eq!(formatted(""), "");
    assert_eq!(formatted("\n\n \n"), "");
}

proptest! {
    #![proptest_config(crate::syntax::some_cases())]

    /// A comment wherever a line may end stays, and changes nothing else.
    #[test]
    fn comments_stay(file in crate::syntax::trees::file(), places in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..6)) {
        let mut text = crate::syntax::trees::written(&file);
        let mut count = 0;
        for (place, own_line) in places {
            let blanks: Vec<usize> = text.char_indices().filter(|(_, letter)| matches!(letter, ' ' | '\n')).map(|(at, _)| at).collect();
            let Some(at) = (!blanks.is_empty()).then(|| blanks[place.index(blanks.len())]) else { continue };
            let changed = format!("{}{} # comment {count}\n  {}", &text[..at], if own_line { "\n " } else { "" }, &text[at..]);
            let (tree, findings) = parse(FileId(0), &Source::new("a.intent", changed.as_str()));
            if findings.is_empty() && same_statements(&tree, &file) {
                text = changed;
                count += 1;
            }
        }
        let out = formatted(&text);
        for comment in 0..count {
            prop_assert_eq!(out.matches(&format!("# comment {comment}\n")).count(), text.matches(&format!("# comment {comment}\n")).count(), "{}\n{}", text, out);
        }
        let (tree, _) = parse(FileId(0), &Source::new("a.intent", out.as_str()));
        prop_assert!(same_statements(&tree, &file));
        prop_assert_eq!(formatted(&out), out);
    }
}
