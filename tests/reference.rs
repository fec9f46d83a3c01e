//! The reference pages: commands, language, configuration and findings, each made from the one place where it is defined.
//!
//! `BLESS=1` writes them. What a person wrote above the marker of a page is kept.

use crate::pages::{self, root, settle};
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use twogate::config::KEYS;
use twogate::diagnostic::code;

/// Above it a page is written by hand, below it by this test.
const MARKER: &str = "<!-- Below this line the page is written by `just bless`. -->\n";

/// Compares a page's lower half, or writes it.
fn settle_below_the_marker(name: &str, wanted: &str) {
    let path = root().join("docs").join(name);
    let found = std::fs::read_to_string(&path).unwrap();
    let (by_hand, _) = found.split_once(MARKER).unwrap_or_else(|| panic!("docs/{name} has no marker"));
    if let Err(fault) = settle(&path, &format!("{by_hand}{MARKER}\n{wanted}")) {
        panic!("{fault}");
    }
}

/// What `twogate ARGUMENTS --help` prints.
fn help(arguments: &[&str]) -> String {
    let mut process = Command::new(env!("CARGO_BIN_EXE_twogate"));
    let output =
        process.args(arguments).arg("--help").current_dir(pages::root()).env("COLUMNS", "100").stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

/// The commands that `twogate --help` lists.
fn commands() -> Vec<String> {
    let help = help(&[]);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A line that goes on is indented deeper.
    let named = listed.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    named.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn commands_are_those_of_the_help() {
    let mut text = format!("## `twogate`\n\n```text\n{}```\n", help(&[]));
    for command in commands() {
        write!(text, "\n## `twogate {command}`\n\n```text\n{}```\n", help(&[&command])).unwrap();
    }
    settle_below_the_marker("commands.md", &text);
}

#[test]
fn the_language_is_that_of_the_grammar() {
    let grammar = std::fs::read_to_string(root().join("grammar/intent.pest")).unwrap();
    // The first line says what the file is.
    let chapter = grammar.lines().take_while(|line| line.starts_with("//!")).skip(2);
    let lines = chapter.map(|line| line.strip_prefix("//! ").or_else(|| line.strip_prefix("//!")).unwrap());
    // The page has a title of its own; the chapter's headings go one level down.
    let text = lines.fold(String::new(), |text, line| if line.starts_with('#') { text + "#" + line + "\n" } else { text + line + "\n" });
    settle_below_the_marker("language.md", &text);
}

#[test]
fn keys_are_those_of_the_configuration() {
    let mut text = String::new();
    let mut section = "";
    for key in KEYS {
        let (own, name) = key.name.split_once('.').unwrap();
        if own != section {
            section = own;
            write!(text, "{}## `[{section}]`\n\n| key | default | meaning |\n|---|---|---|\n", if text.is_empty() { "" } else { "\n" })
                .unwrap();
        }
        let default = if key.default.is_empty() { String::new() } else { format!("`{}`", key.default) };
        writeln!(text, "| `{name}` | {default} | {} |", key.meaning.replace('|', "\\|")).unwrap();
    }
    settle_below_the_marker("configuration.md", &text);
}

#[test]
fn findings_are_those_of_the_table() {
    let mut text = String::from("| code | level | what it names |\n|---|---|---|\n");
    for code in code::ALL {
        let page = format!("[`{code}`](../src/diagnostic/codes/{code}.md)");
        writeln!(text, "| {page} | {} | {} |", code.level().name(), code.summary().replace('|', "\\|")).unwrap();
    }
    settle_below_the_marker("findings.md", &text);
}
