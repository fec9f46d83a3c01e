//! The page of results: `RESULTS.md`.
//!
//! Owns: its two parts. The counts are written by `BLESS=1`; the reasons are written by people, and each case that does not
//! simply agree must be in exactly one of their rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use super::case::{Case, Column, Outcome};

const BEGIN: &str = "<!-- counts -->\n";
const END: &str = "<!-- end of counts -->\n";

/// Where the page is.
fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/RESULTS.md")
}

/// The page as it stands.
pub(super) fn read() -> String {
    std::fs::read_to_string(path()).unwrap()
}

/// The page with these counts.
pub(super) fn with_counts(page: &str, cases: &[&Case]) -> String {
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (_, tail) = rest.split_once(END).unwrap();
    format!("{head}{BEGIN}{}{END}{tail}", counts(cases))
}

/// Writes it.
pub(super) fn write(page: &str) {
    std::fs::write(path(), page).unwrap();
}

#[derive(Debug, Default, Clone, Copy)]
struct Row {
    columns: [usize; 4],
    answers: usize,
}

impl Row {
    fn add(&mut self, case: &Case) {
        self.columns[case.column() as usize] += 1;
        if let Outcome::Compared(comparison) = &case.outcome {
            self.answers += comparison.answers;
        }
    }

    fn line(&self, text: &mut String, head: &str) {
        let [agree, open, differ, left_out] = self.columns;
        let cases: usize = self.columns.iter().sum();
        writeln!(text, "| {head} | {cases} | {agree} | {open} | {differ} | {left_out} | {} |", self.answers).unwrap();
    }
}

fn counts(cases: &[&Case]) -> String {
    let mut rows: BTreeMap<(&str, &str), Row> = BTreeMap::new();
    let mut total = Row::default();
    let mut left_out: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for case in cases {
        rows.entry((case.source, &case.kind)).or_default().add(case);
        total.add(case);
        if let Outcome::LeftOut(reason) = &case.outcome {
            *left_out.entry((case.source, reason)).or_default() += 1;
        }
    }
    let mut text =
        "\n| source | kind | cases | agree | open | differ | left out | answers |\n|---|---|--:|--:|--:|--:|--:|--:|\n".to_owned();
    for ((source, kind), row) in &rows {
        row.line(&mut text, &format!("{source} | {kind}"));
    }
    total.line(&mut text, "all |");
    text.push_str("\n| source | left out | why |\n|---|--:|---|\n");
    for ((source, reason), count) in left_out {
        writeln!(text, "| {source} | {count} | {reason} |").unwrap();
    }
    text.push('\n');
    text
}

/// The cases that the rows of the reasons name, and the rows that lack a side or a reason.
fn reasons(page: &str) -> (BTreeMap<String, usize>, Vec<String>) {
    let (_, tail) = page.split_once(END).unwrap();
    let (mut named, mut incomplete) = (BTreeMap::new(), Vec::new());
    for line in tail.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        for name in cells[0].split('`').skip(1).step_by(2) {
            *named.entry(name.to_owned()).or_default() += 1;
        }
        let is_complete = cells.len() == 3 && ["ours", "theirs", "neither", "both"].contains(&cells[1]) && cells[2].len() > 20;
        if !is_complete {
            incomplete.push(line.to_owned());
        }
    }
    (named, incomplete)
}

/// What is wrong with the page's reasons, for the cases of these sources.
pub(super) fn faults(page: &str, cases: &[&Case]) -> Vec<String> {
    let (named, incomplete) = reasons(page);
    let mut faults: Vec<String> = incomplete.into_iter().map(|line| format!("a row without side or reason: {line}")).collect();
    let mut keys = BTreeSet::new();
    for case in cases {
        let key = case.key();
        let wants = matches!(case.column(), Column::Open | Column::Differs);
        match named.get(&key) {
            None if wants => {
                let Outcome::Compared(comparison) = &case.outcome else { continue };
                faults.push(format!("`{key}` ({}) has no reason: {}", case.kind, comparison.first()));
            }
            Some(_) if !wants => faults.push(format!("`{key}` has a reason, but agrees")),
            Some(2..) => faults.push(format!("`{key}` has two reasons")),
            _ => {}
        }
        if !keys.insert(key.clone()) {
            faults.push(format!("two cases are called `{key}`"));
        }
    }
    let sources: BTreeSet<&str> = cases.iter().map(|case| case.source).collect();
    let ours = |name: &str| sources.iter().any(|source| name.starts_with(&format!("{source}/")));
    faults.extend(named.keys().filter(|name| ours(name) && !keys.contains(*name)).map(|name| format!("there is no case `{name}`")));
    faults
}
