//! The pages keep their word: each command that a page shows is run, each program parses, each link leads somewhere.
//!
//! A ```` ```console ```` block holds commands, each a line `$ twogate …` (or `$ cargo run -- …`, which is the same), and below it what the
//! command prints: findings first, as a terminal shows them, then the standard output; `2>/dev/null` leaves the findings out.
//! The standard input is the last ```` ```intent ```` block above.
//! A line `...` stands for any number of lines, and `[exit 1]` at the end for an exit status that is not 0. `BLESS=1` writes
//! what is printed now, about as short as it was shown.

use crate::pages::{self, Block, Page};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use twogate::diagnostic::human::{self, Colour};
use twogate::diagnostic::order::has_error;
use twogate::source::{Source, Sources};

/// A command of a page with the text that stands below it.
struct Shown<'a> {
    command: &'a str,
    output: &'a str,
}

/// The commands of a console block.
fn commands<'a>(block: &Block<'a>) -> Vec<Shown<'a>> {
    let starts: Vec<usize> =
        block.text.match_indices("$ ").map(|(at, _)| at).filter(|at| *at == 0 || block.text[..*at].ends_with('\n')).collect();
    assert_eq!(starts.first(), Some(&0), "a console block begins with a command:\n{}", block.text);
    let ends = starts.iter().skip(1).copied().chain([block.text.len()]);
    let parts = starts.iter().zip(ends).map(|(start, end)| &block.text[*start..end]);
    parts
        .map(|part| {
            let (command, output) = part.split_once('\n').unwrap();
            Shown { command: command.strip_prefix("$ ").unwrap(), output }
        })
        .collect()
}

/// The arguments of a command for the binary; none if it is another program.
fn arguments(command: &str) -> Option<&str> {
    ["twogate ", "cargo run -- ", "cargo run -q -- "].iter().find_map(|start| command.strip_prefix(start))
}

/// What a command prints, with a line about its exit status if that is not 0.
fn run(command: &str, input: &str) -> String {
    let (command, has_findings) = command.strip_suffix(" 2>/dev/null").map_or((command, true), |command| (command, false));
    let arguments = arguments(command).unwrap_or_else(|| panic!("`{command}` does not run Twogate; write it in a `sh` block"));
    let mut process = Command::new(env!("CARGO_BIN_EXE_twogate"));
    process.args(words(arguments)).current_dir(pages::root()).env("COLUMNS", "100");
    process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "RUST_BACKTRACE"] {
        process.env_remove(variable);
    }
    let mut child = process.spawn().unwrap();
    // A command that reads nothing closes its end first; that is no fault.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let mut text = if has_findings { String::from_utf8(output.stderr).unwrap() } else { String::new() };
    text.push_str(&String::from_utf8(output.stdout).unwrap());
    if !output.status.success() {
        writeln!(text, "[exit {}]", output.status.code().unwrap()).unwrap();
    }
    text
}

/// The words of a command line; single quotes hold blanks together.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    parts
        .flat_map(|(index, part)| if index % 2 == 1 { vec![part.to_owned()] } else { part.split_whitespace().map(str::to_owned).collect() })
        .collect()
}

/// Whether a printed text is what a page shows.
fn is_shown(shown: &[&str], printed: &[&str]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((&"...", rest)) => (0..=printed.len()).any(|skipped| is_shown(rest, &printed[skipped..])),
        Some((line, rest)) => printed.first() == Some(line) && is_shown(rest, &printed[1..]),
    }
}

/// What is printed, as short as it was shown: each `...` stays where it was, and the lines around it are those of now.
fn shortened<'a>(shown: &[&'a str], printed: &[&'a str]) -> Vec<&'a str> {
    if is_shown(shown, printed) {
        return shown.to_vec();
    }
    let mut lines = Vec::new();
    for operation in similar::capture_diff_slices(similar::Algorithm::Myers, shown, printed) {
        let (old, new) = (&shown[operation.old_range()], &printed[operation.new_range()]);
        let Some(first) = old.iter().position(|line| *line == "...") else {
            lines.extend(new);
            continue;
        };
        // As many lines as were shown before and behind what is left out.
        let last = old.iter().rposition(|line| *line == "...").unwrap();
        let (before, behind) = (first.min(new.len()), old.len() - last - 1);
        lines.extend(&new[..before]);
        lines.push("...");
        lines.extend(&new[new.len().saturating_sub(behind).max(before)..]);
    }
    if is_shown(&lines, printed) { lines } else { printed.to_vec() }
}

/// A page with the output of its commands as it is now.
fn corrected(page: &Page) -> String {
    let mut text = String::new();
    let mut done = 0;
    let mut input = "";
    for block in page.blocks() {
        if block.language == "intent" {
            input = block.text;
        }
        if block.language != "console" {
            continue;
        }
        text.push_str(&page.text[done..block.start]);
        done = block.start + block.text.len();
        for shown in commands(&block) {
            let printed = run(shown.command, input);
            let lines = |text| -> Vec<_> { str::lines(text).collect() };
            writeln!(text, "$ {}", shown.command).unwrap();
            for line in shortened(&lines(shown.output), &lines(&printed)) {
                writeln!(text, "{line}").unwrap();
            }
        }
    }
    text + &page.text[done..]
}

#[test]
fn commands_print_what_the_pages_show() {
    let faults: Vec<String> = Page::all().iter().filter_map(|page| pages::settle(&page.path, &corrected(page)).err()).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn programs_on_the_pages_parse() {
    let mut programs = 0;
    for page in Page::all() {
        for block in page.blocks().iter().filter(|block| block.language == "intent") {
            let mut sources = Sources::default();
            let place = format!("{}:{}", pages::relative(&page.path), page.line(block.start));
            let file = sources.add(Source::new(place, block.text));
            let (_, findings) = twogate::syntax::parse(file, sources.get(file).unwrap());
            assert!(!has_error(&findings), "{}", human::render(&findings, &sources, Colour::Plain));
            programs += 1;
        }
    }
    assert!(programs >= 5, "the pages show {programs} programs");
}

#[test]
fn links_lead_somewhere() {
    let mut faults = Vec::new();
    for page in Page::all() {
        for (start, _) in page.text.match_indices("](") {
            let target = page.text[start + 2..].split(')').next().unwrap().split('#').next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            if !page.path.parent().unwrap().join(target).exists() {
                faults.push(format!("{}:{}: {target}", pages::relative(&page.path), page.line(start)));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn elisions_stand_for_any_lines() {
    let shown = |shown: &str, printed: &str| is_shown(&shown.lines().collect::<Vec<_>>(), &printed.lines().collect::<Vec<_>>());
    assert!(shown("a\n...\nc", "a\nb\nb\nc"));
    assert!(shown("...\nc", "c"));
    assert!(shown("...", ""));
    assert!(!shown("a\n...\nc", "a\nb"));
    assert!(!shown("a", "a\nb"));
    let lines = |text: &'static str| -> Vec<&str> { text.lines().collect() };
    assert_eq!(shortened(&lines("a\n...\nx\ny"), &lines("a\nb\nc\nz\ny")), ["a", "...", "z", "y"]);
    assert_eq!(shortened(&lines("a\n..."), &lines("b\nc\nd")), ["b", "..."]);
    assert_eq!(shortened(&lines("a\nb"), &lines("a\nc\nd")), ["a", "c", "d"]);
    assert_eq!(words("explain 'app=web -> app=db:5432' x"), ["explain", "app=web -> app=db:5432", "x"]);
}
