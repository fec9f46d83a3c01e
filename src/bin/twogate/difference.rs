//! Two texts side by side, as a unified difference.
//!
//! Owns: `unified`, `paint`. It must not decide what a difference means.

use similar::TextDiff;

/// Texts that differ in more lines are not compared line by line: it would take long and nobody would read it.
const MOST_LINES: usize = 20_000;

/// Two versions of a file.
#[derive(Debug)]
pub(crate) struct Versions<'a> {
    /// The file's name.
    pub(crate) name: &'a str,
    /// What is there; none if there is no such file.
    pub(crate) before: Option<&'a str>,
    /// What should be there; none if there should be no such file.
    pub(crate) after: Option<&'a str>,
}

/// What changes from one version to the other, with three lines around, as `patch` reads it.
pub(crate) fn unified(versions: &Versions<'_>) -> String {
    let (before, after) = (versions.before.unwrap_or_default(), versions.after.unwrap_or_default());
    let name = |version: Option<&str>, remark: &str| match version {
        Some(_) => format!("{}\t({remark})", versions.name),
        None => "/dev/null".to_owned(),
    };
    let (old, new) = (name(versions.before, "as it is"), name(versions.after, "as it should be"));
    let changed = changed_lines(before, after);
    if changed > MOST_LINES {
        return format!("--- {old}\n+++ {new}\n({changed} lines differ)\n");
    }
    let text = TextDiff::from_lines(before, after).unified_diff().context_radius(3).header(&old, &new).to_string();
    text.chars().map(visible).collect()
}

/// The same with colours: what goes is red, what comes is green.
pub(crate) fn paint(difference: &str) -> String {
    let mut text = String::with_capacity(difference.len() * 2);
    for line in difference.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        let colour = match line.as_bytes() {
            [b'-', b'-', b'-', ..] | [b'+', b'+', b'+', ..] => "\u{1b}[1m",
            [b'-', ..] => "\u{1b}[31m",
            [b'+', ..] => "\u{1b}[32m",
            [b'@', ..] => "\u{1b}[36m",
            _ => "",
        };
        let reset = if colour.is_empty() { "" } else { "\u{1b}[0m" };
        text.extend([colour, line, reset, end]);
    }
    text
}

/// How many lines lie between the common beginning and the common end, in the longer version.
fn changed_lines(before: &str, after: &str) -> usize {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let shorter = old.len().min(new.len());
    let front = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let back = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    old.len().max(new.len()) - front.saturating_add(back).min(shorter)
}

/// A character as a terminal may show it: a file could hold anything.
fn visible(character: char) -> char {
    if character.is_control() && !matches!(character, '\n' | '\t') { '\u{FFFD}' } else { character }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_read_like_those_of_diff() {
        let versions = Versions { name: "m/a.yaml", before: Some("a: 1\nb: 2\n"), after: Some("a: 1\nb: 3\n") };
        let wanted = "--- m/a.yaml\t(as it is)\n+++ m/a.yaml\t(as it should be)\n@@ -1,2 +1,2 @@\n a: 1\n-b: 2\n+b: 3\n";
        assert_eq!(unified(&versions), wanted);
        let missing = Versions { name: "m/a.yaml", before: None, after: Some("\u{1b}[2Ja\n") };
        assert_eq!(unified(&missing), "--- /dev/null\n+++ m/a.yaml\t(as it should be)\n@@ -0,0 +1 @@\n+\u{FFFD}[2Ja\n");
    }

    #[test]
    fn long_differences_are_counted() {
        let numbers = |from: usize| (from..from + 30_000).map(|number| number.to_string() + "\n").collect::<String>();
        let text = unified(&Versions { name: "a", before: Some(&numbers(0)), after: Some(&numbers(40_000)) });
        assert!(text.ends_with("(30000 lines differ)\n"), "{text}");
        let one = numbers(0).replace("15000\n", "x\n");
        assert!(unified(&Versions { name: "a", before: Some(&numbers(0)), after: Some(&one) }).contains("+x\n"));
    }

    #[test]
    fn paint_only_adds_colours() {
        let plain = "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n z\n\\ No newline at end of file";
        assert_eq!(anstream::adapter::strip_str(&paint(plain)).to_string(), plain);
    }
}
