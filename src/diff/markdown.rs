//! A difference as a comment on a pull request (design §9).
//!
//! Owns: the Markdown, its hidden mark and its limit. The same report gives the same bytes, so that a comment is replaced only
//! when something has changed.

use std::fmt::Write as _;

use super::entry::{Cause, Change, Entry, Kind};
use super::facts::{Fact, FactKind};
use super::human::{at, change_words, fact_sign, line, listed, object_words, place};
use super::report::{Report, plural};
use super::run::Texts;
use crate::verify::flow_words;

/// What a comment begins with, so that it is found again.
pub const MARK: &str = "<!-- twogate -->";

/// The most characters that a forge takes.
pub const MAX_COMMENT: usize = 65_536;

/// Room that is kept besides for the line that says how much did not fit, and for empty lines.
const RESERVE: usize = 256;

/// The end of a list that opens on a click.
const CLOSING: &str = "\n</details>\n";

/// The most assumptions that are named.
const MAX_ASSUMPTIONS: usize = 6;

/// The whole comment.
pub fn markdown(report: &Report, texts: &Texts) -> String {
    let mut page = Page { report, texts, out: String::new(), length: 0, kept: RESERVE, left_out: 0 };
    page.kept += letters(&page.tail());
    page.write();
    page.out
}

struct Page<'a> {
    report: &'a Report,
    texts: &'a Texts,
    out: String,
    /// In characters.
    length: usize,
    /// The room that is kept for what has to stand at the end, in characters.
    kept: usize,
    /// How many lines did not fit.
    left_out: usize,
}

impl Page<'_> {
    fn write(&mut self) {
        self.push(&format!("{MARK}\n### Twogate: {}\n", cell(&self.report.summary())));
        let entries: Vec<&Entry> = self.report.open_entries().collect();
        if !entries.is_empty() {
            self.push("\n| risk | who → whom | port | before → after | because |\n|---|---|---|---|---|\n");
            self.each(&entries, |page, entry| row(entry, page.texts));
        }
        self.failing();
        self.folded("Accepted", &self.report.accepted_entries().collect::<Vec<_>>(), |_, entry| accepted(entry));
        for kind in FactKind::ALL {
            let facts: Vec<&Fact> = self.report.facts.iter().filter(|fact| fact.kind == kind && !fact.fails).collect();
            self.folded(&heading(kind, facts.len()), &facts, |page, fact| fact_line(fact, page.texts));
        }
        self.folded("What is concerned, flow by flow", &entries, |_, entry| detail(entry));
        self.objects();
        let tail = self.tail();
        self.push(&tail);
    }

    fn push(&mut self, text: &str) {
        self.length += letters(text);
        self.out.push_str(text);
    }

    const fn has_room(&self, letters: usize) -> bool {
        self.length + letters + self.kept <= MAX_COMMENT
    }

    /// Adds a piece if there is room for it; else its lines count as left out.
    fn add(&mut self, text: &str) {
        if self.has_room(letters(text)) {
            self.push(text);
        } else {
            self.left_out += text.trim().lines().count();
        }
    }

    fn each<T>(&mut self, all: &[&T], words: impl Fn(&Self, &T) -> String) {
        for one in all {
            let text = words(self, one);
            self.add(&text);
        }
    }

    /// A list that opens on a click.
    fn folded<T>(&mut self, heading: &str, all: &[&T], words: impl Fn(&Self, &T) -> String) {
        let texts: Vec<String> = all.iter().map(|one| words(self, one)).collect();
        let Some(least) = texts.iter().map(|text| letters(text)).min() else { return };
        let opening = format!("\n<details><summary>{}</summary>\n\n", html(heading));
        // Nothing stands without its heading, no heading without something, and what is opened is closed.
        if !self.has_room(letters(&opening) + least + letters(CLOSING)) {
            self.left_out += texts.iter().map(|text| text.lines().count()).sum::<usize>();
            return;
        }
        self.push(&opening);
        self.kept += letters(CLOSING);
        for text in texts {
            self.add(&text);
        }
        self.kept -= letters(CLOSING);
        self.push(CLOSING);
    }

    /// What fails now, unfolded.
    fn failing(&mut self) {
        let failing: Vec<&Fact> = self.report.facts.iter().filter(|fact| fact.fails).collect();
        if failing.is_empty() {
            return;
        }
        self.push("\n");
        self.each(&failing, |page, fact| match fact.kind {
            FactKind::Expectation => format!("- ✗ {} fails{}\n", code(&fact.text), behind(fact, page.texts)),
            _ => format!("- ✗ does not compile: {}{}\n", cell(&fact.text), behind(fact, page.texts)),
        });
    }

    fn objects(&mut self) {
        let Some(objects) = &self.report.objects else { return };
        let changed: Vec<&(Change, String)> = objects.changed.iter().collect();
        let heading = capital(object_words(objects).split(" (").next().unwrap_or_default());
        if changed.is_empty() {
            return self.add(&format!("\n{heading}.\n"));
        }
        self.folded(&heading, &changed, |_, (change, name)| format!("- {} {}\n", change.name(), code(name)));
    }

    /// What stands at the end, whatever else does.
    fn tail(&self) -> String {
        let report = self.report;
        let mut lines = Vec::new();
        if self.left_out > 0 {
            lines.push(format!("{} more lines did not fit; `twogate diff` prints them.", self.left_out));
        }
        for flow in report.incomplete.iter().take(3) {
            lines.push(format!("Not compared, as its pods or requests fall into too many classes: {}", code(flow)));
        }
        lines.extend(report.expired.iter().take(3).map(|expired| format!("No longer accepted: {}", cell(expired))));
        if report.without_effect > 0 {
            lines.push(format!("{} rule{} changed without any effect on access.", report.without_effect, plural(report.without_effect)));
        }
        lines.extend(report.notes.iter().map(|note| format!("Note: {}.", cell(note))));
        lines.extend(report.order.iter().map(|order| format!("Safe order: {}.", cell(order))));
        lines.push(assumed(report));
        let ask = report.open_entries().next().map(|entry| format!(" · ask: {}", code(&format!("twogate explain '{}'", question(entry)))));
        lines.push(format!("{} → {}{}", cell(&report.base), cell(&report.head), ask.unwrap_or_default()));
        let text: String = lines.iter().fold("\n".to_owned(), |text, line| text + line + "\\\n");
        text.trim_end_matches("\\\n").to_owned() + "\n"
    }
}

fn assumed(report: &Report) -> String {
    let all = report.all_assumptions();
    let few = listed(&all, MAX_ASSUMPTIONS);
    match all.len() {
        0 => "Compared over every possible pod.".to_owned(),
        many => format!("Compared over every possible pod; assumes {many} thing{}: {}.", plural(many), cell(&few)),
    }
}

/// A flow that can be asked about: the entry's own words where they are one flow.
fn question(entry: &Entry) -> String {
    let own = line(entry);
    if !entry.on.is_empty() && ![" or ", " and ", "|", "(", "!", "'"].iter().any(|word| own.contains(word)) {
        return own;
    }
    let flow = if entry.kind.is_loss() { &entry.example.base } else { &entry.example.head };
    let words = flow_words(flow);
    words.split(" over ").next().and_then(|words| words.split(" in plaintext").next()).unwrap_or_default().to_owned()
}

fn row(entry: &Entry, texts: &Texts) -> String {
    let on = if entry.on.is_empty() { "every" } else { &entry.on };
    let causes: Vec<String> = entry.causes.iter().map(|cause| cause_cell(cause, texts)).collect();
    let remarks = entry.remarks.iter().map(|remark| format!("**{}**", cell(remark)));
    let because: Vec<String> = causes.into_iter().chain(remarks).collect();
    format!(
        "| {} {} | {} → {} | {} | {} → {} | {} |\n",
        sign(entry.kind),
        risk(entry.kind),
        cell(&entry.who),
        cell(&entry.whom),
        cell(on),
        cell(&entry.before),
        cell(&entry.after),
        because.join("; ")
    )
}

/// A rule with its place, its reason and its last day.
fn cause_cell(cause: &Cause, texts: &Texts) -> String {
    let place = cause.location.map(|location| code(&place(location, texts.of(cause.side))));
    let mut text = place.unwrap_or_else(|| cell(&cause.text));
    match (&cause.was, cause.change) {
        (Some(was), _) if *was == cause.text => text.push_str(" names something else"),
        (Some(was), _) => {
            let _ = write!(text, " was {}", code(was));
        }
        (None, Change::Removed) => {
            let _ = write!(text, " removed: {}", code(&cause.text));
        }
        (None, _) if !cause.is_rule && cause.location.is_some() => {
            let _ = write!(text, " {}", cell(&cause.text));
        }
        (None, _) => {}
    }
    if cause.is_rule && cause.change != Change::Removed {
        text.push_str(&cause.because.as_ref().map_or_else(|| ", no reason given".to_owned(), |because| format!(" “{}”", cell(because))));
        text.push_str(&cause.until.as_ref().map(|day| format!(", until {day}")).unwrap_or_default());
    }
    text
}

fn accepted(entry: &Entry) -> String {
    let words = entry.accepted.as_ref().map(|accepted| format!("{}, until {}", cell(&accepted.reason), accepted.until));
    format!("- {} {}: {}\n", code(&line(entry)), cell(&change_words(entry)), words.unwrap_or_default())
}

fn fact_line(fact: &Fact, texts: &Texts) -> String {
    format!("- {} {}{}\n", fact_sign(fact).replace('-', "−").replace('+', "＋"), cell(&fact.text), behind(fact, texts))
}

/// Where a fact stands, behind it.
fn behind(fact: &Fact, texts: &Texts) -> String {
    let place = at(fact, texts);
    if place.is_empty() { place } else { format!(" ({})", code(place.trim())) }
}

fn detail(entry: &Entry) -> String {
    let mut text = format!("- {} {}\n", code(&line(entry)), cell(&change_words(entry)));
    let flow = if entry.kind.is_loss() { &entry.example.base } else { &entry.example.head };
    let _ = writeln!(text, "  - such as {}", code(&flow_words(flow)));
    for (word, workloads) in [("from", &entry.callers), ("to", &entry.called)] {
        if !workloads.is_empty() {
            let _ = writeln!(text, "  - {word} {}", cell(&listed(workloads, 12)));
        }
    }
    text
}

fn heading(kind: FactKind, count: usize) -> String {
    format!("{} ({count})", capital(kind.heading()))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

const fn sign(kind: Kind) -> &'static str {
    match kind {
        Kind::Internet => "🔴",
        Kind::Weakened | Kind::OneGate | Kind::Unspecified => "🟠",
        Kind::Outside | Kind::Across | Kind::Workloads | Kind::PortsOrRequests | Kind::MtlsToo => "🟡",
        Kind::Closed | Kind::Tightened => "⚪",
    }
}

const fn risk(kind: Kind) -> &'static str {
    match kind {
        Kind::Internet => "internet",
        Kind::Outside => "outside",
        Kind::Across => "across namespaces",
        Kind::Workloads => "gained",
        Kind::PortsOrRequests => "more",
        Kind::MtlsToo => "mTLS too",
        Kind::Weakened => "weakened",
        Kind::OneGate => "one gate",
        Kind::Unspecified => "unspecified",
        Kind::Closed => "lost",
        Kind::Tightened => "tightened",
    }
}

/// Text that cannot break a table, nor be taken for markup or a mention. What stands between backquotes stays code.
fn cell(text: &str) -> String {
    let quotes = text.matches('`').count();
    let mut safe = String::with_capacity(text.len());
    for (number, part) in text.split('`').enumerate() {
        let is_code = number % 2 == 1 && quotes.is_multiple_of(2);
        safe.push_str(if number == 0 {
            ""
        } else if quotes.is_multiple_of(2) {
            "`"
        } else {
            "\\`"
        });
        for letter in part.chars() {
            match letter {
                '\n' | '\r' => safe.push(' '),
                '|' => safe.push_str("\\|"),
                _ if is_code => safe.push(letter),
                '<' => safe.push_str("&lt;"),
                '>' => safe.push_str("&gt;"),
                '&' => safe.push_str("&amp;"),
                '@' => safe.push_str("&#64;"),
                '*' | '_' | '[' | ']' | '\\' | '~' | '#' => safe.extend(['\\', letter]),
                _ => safe.push(letter),
            }
        }
    }
    safe
}

/// Text as code; one that holds a backquote stands between two.
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ").replace('|', "\\|");
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

/// How long a text is, as forges count.
fn letters(text: &str) -> usize {
    text.chars().count()
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_a_cell() {
        assert_eq!(cell("a|b <i>@me</i>\n*"), "a\\|b &lt;i&gt;&#64;me&lt;/i&gt; \\*");
        assert_eq!(cell("`a@b*|` @c"), "`a@b*\\|` &#64;c");
        assert_eq!(cell("a`b@c"), "a\\`b&#64;c");
        assert_eq!(code("a|`b`"), "`` a\\|`b` ``");
    }
}
