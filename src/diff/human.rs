//! A difference for people.
//!
//! Owns: the text, and its colours. It decides nothing: order and words are the report's.

use std::fmt::Write as _;

use super::entry::{Cause, Change, Entry, Kind};
use super::facts::{Fact, FactKind};
use super::report::{Report, plural};
use super::run::Texts;
use crate::diagnostic::human::Colour;
use crate::source::{Location, Sources};
use crate::verify::flow_words;

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// A line each, and what did it.
    Brief,
    /// Also a flow each, the workloads concerned and the objects that are touched.
    Verbose,
}

/// The most workloads that are named of one end.
const MAX_NAMED: usize = 6;

/// The whole difference as text.
pub fn human(report: &Report, texts: &Texts, telling: Telling, colour: Colour) -> String {
    let page = Page { report, texts, telling, colour };
    page.text()
}

struct Page<'a> {
    report: &'a Report,
    texts: &'a Texts,
    telling: Telling,
    colour: Colour,
}

impl Page<'_> {
    fn text(&self) -> String {
        let report = self.report;
        let mut out = String::new();
        let _ = writeln!(out, "{}", self.paint("1", &format!("{} → {}: {}", report.base, report.head, report.summary())));
        for kind in Kind::ALL {
            let entries: Vec<(usize, &Entry)> =
                report.entries.iter().enumerate().filter(|(_, entry)| entry.kind == kind && entry.accepted.is_none()).collect();
            if entries.is_empty() {
                continue;
            }
            let _ = writeln!(out, "\n{}", self.paint(code(kind), kind.words()));
            for (place, entry) in entries {
                self.entry(place, entry, &mut out);
            }
        }
        self.accepted(&mut out);
        for kind in FactKind::ALL {
            self.facts(kind, &mut out);
        }
        self.tail(&mut out);
        out
    }

    fn entry(&self, place: usize, entry: &Entry, out: &mut String) {
        let _ = writeln!(out, "  {}  {}", self.paint("1", &line(entry)), change_words(entry));
        for cause in &entry.causes {
            let _ = writeln!(out, "      {}", cause_words(cause, self.texts));
        }
        for remark in &entry.remarks {
            let _ = writeln!(out, "      {remark}");
        }
        let ends = [("from", &entry.callers), ("to", &entry.called)];
        for (word, workloads) in ends.into_iter().filter(|(_, workloads)| !workloads.is_empty()) {
            let shown = if self.telling == Telling::Verbose { usize::MAX } else { MAX_NAMED };
            let _ = writeln!(out, "      {word} {}", listed(workloads, shown));
        }
        if self.telling == Telling::Verbose {
            let _ = writeln!(
                out,
                "      for example {}",
                flow_words(if entry.kind.is_loss() { &entry.example.base } else { &entry.example.head })
            );
            let objects = self.report.objects.as_ref().and_then(|objects| objects.of_entries.get(place));
            for object in objects.into_iter().flatten() {
                let _ = writeln!(out, "      touches {object}");
            }
        }
    }

    fn accepted(&self, out: &mut String) {
        let entries: Vec<&Entry> = self.report.accepted_entries().collect();
        if !entries.is_empty() {
            let _ = writeln!(out, "\naccepted");
        }
        for entry in entries {
            let Some(accepted) = &entry.accepted else { continue };
            let _ = writeln!(out, "  {}  {}", line(entry), change_words(entry));
            let _ = writeln!(out, "      {}, until {}", accepted.reason, accepted.until);
        }
        for expired in &self.report.expired {
            let _ = writeln!(out, "\nno longer accepted: {expired}");
        }
    }

    fn facts(&self, kind: FactKind, out: &mut String) {
        let facts: Vec<&Fact> = self.report.facts.iter().filter(|fact| fact.kind == kind).collect();
        if facts.is_empty() {
            return;
        }
        let _ = writeln!(out, "\n{}", kind.heading());
        for fact in facts {
            let sign = self.paint(if fact.fails { "31" } else { "0" }, fact_sign(fact));
            let _ = writeln!(out, "  {sign} {}{}", fact.text, at(fact, self.texts));
        }
    }

    fn tail(&self, out: &mut String) {
        let report = self.report;
        for flow in &report.incomplete {
            let _ = writeln!(out, "\nnot compared, as its pods or requests fall into too many classes: {flow}");
        }
        let mut lines = Vec::new();
        if report.without_effect > 0 {
            let many = report.without_effect;
            lines.push(format!("{many} rule{} changed and no access with {}", plural(many), if many == 1 { "it" } else { "them" }));
        }
        if let Some(objects) = &report.objects {
            lines.push(object_words(objects));
        }
        lines.extend(report.presumed.iter().map(|presumed| format!("assumes that {presumed}; {}", presumed.remedy())));
        lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
        lines.extend(report.order.iter().map(|order| format!("safe order: {order}")));
        if !lines.is_empty() {
            let _ = writeln!(out, "\n{}", lines.join("\n"));
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        match self.colour {
            Colour::Ansi => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Colour::Plain => text.to_owned(),
        }
    }
}

/// The colour of a kind.
const fn code(kind: Kind) -> &'static str {
    match kind {
        Kind::Internet => "1;31",
        Kind::Weakened | Kind::OneGate | Kind::Unspecified => "35",
        Kind::Outside | Kind::Across | Kind::Workloads | Kind::PortsOrRequests | Kind::MtlsToo => "33",
        Kind::Closed | Kind::Tightened => "32",
    }
}

/// Who reaches whom: `app=web@shop -> app=db@data:5432`.
pub(super) fn line(entry: &Entry) -> String {
    let colon = if entry.on.is_empty() { "" } else { ":" };
    let group = |text: &str| if !entry.on.is_empty() && text.contains(" or ") { format!("({text})") } else { text.to_owned() };
    format!("{} -> {}{colon}{}", entry.who, group(&entry.whom), entry.on)
}

/// What has become of it: `now allowed, mTLS`.
pub(super) fn change_words(entry: &Entry) -> String {
    match (entry.before.as_str(), entry.after.as_str()) {
        ("denied", after) => format!("now {after}"),
        (before, "denied") => format!("no longer {before}"),
        (before, after) => format!("was {before}; now {after}"),
    }
}

/// What did it: `shop.intent:14  allow … (added)`.
pub(super) fn cause_words(cause: &Cause, texts: &Texts) -> String {
    let mut text = cause.location.map(|location| format!("{}  ", place(location, texts.of(cause.side)))).unwrap_or_default();
    text.push_str(&cause.text);
    if cause.is_rule || cause.location.is_some() {
        let change = match (&cause.was, cause.change) {
            (Some(was), _) if *was == cause.text => "  (what it names has changed)".to_owned(),
            (Some(was), _) => format!("  (was `{was}`)"),
            (None, Change::Added) => "  (added)".to_owned(),
            (None, Change::Removed) => "  (removed)".to_owned(),
            (None, Change::Changed) => String::new(),
        };
        text.push_str(&change);
    }
    text.push_str(&reason(cause));
    text
}

/// `because` and `until` of a rule.
pub(super) fn reason(cause: &Cause) -> String {
    if !cause.is_rule {
        return String::new();
    }
    let because = cause.because.as_ref().map_or_else(|| ", no reason given".to_owned(), |because| format!(", because \"{because}\""));
    let until = cause.until.as_ref().map(|day| format!(", until {day}")).unwrap_or_default();
    match cause.change {
        Change::Removed => String::new(),
        Change::Added | Change::Changed => format!("{because}{until}"),
    }
}

/// A place as people write it: `shop.intent:14`.
pub(super) fn place(location: Location, sources: &Sources) -> String {
    let Some(source) = sources.get(location.file) else { return String::new() };
    format!("{}:{}", source.name(), source.position(location.span.start).line)
}

/// Where a fact stands.
pub(super) fn at(fact: &Fact, texts: &Texts) -> String {
    fact.place.map(|(which, location)| format!("  {}", place(location, texts.of(which)))).unwrap_or_default()
}

/// A sign before a fact.
pub(super) const fn fact_sign(fact: &Fact) -> &'static str {
    match (fact.fails, fact.change) {
        (true, _) => "✗",
        (false, Change::Added) => "+",
        (false, Change::Removed) => "-",
        (false, Change::Changed) => "~",
    }
}

/// How many objects are written otherwise.
pub(super) fn object_words(objects: &super::report::Objects) -> String {
    let few: Vec<String> = objects.changed.iter().map(|(_, name)| name.clone()).collect();
    match few.len() {
        0 => format!("manifests: none of {} changes", objects.total),
        many => format!("manifests: {many} of {} change{} ({})", objects.total, if many == 1 { "s" } else { "" }, listed(&few, MAX_NAMED)),
    }
}

/// A list, the first few one by one.
pub(super) fn listed(words: &[String], most: usize) -> String {
    let shown: Vec<&str> = words.iter().take(most).map(String::as_str).collect();
    let more = words.len().saturating_sub(most);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", shown.join(", "))
}
