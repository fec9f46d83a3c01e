//! A difference as findings, for code scanning.
//!
//! Owns: which code and level a kind has. A finding stands where the head's line does; where the line is gone it has no place.

use super::entry::{Entry, Kind};
use super::facts::{Fact, FactKind};
use super::human::{cause_words, change_words, line};
use super::report::Report;
use super::run::Texts;
use super::side::Which;
use crate::diagnostic::{Code, Diagnostic, Level, code, sarif as renderer};
use crate::verify::flow_words;

/// The whole difference as a SARIF log over the head's texts.
pub fn sarif(report: &Report, texts: &Texts) -> String {
    renderer::render(&findings(report, texts), &texts.head)
}

/// The differences in access as findings, without those that are accepted, and what nobody could tell: a finding that is missing
/// would read as no difference.
pub fn findings(report: &Report, texts: &Texts) -> Vec<Diagnostic> {
    let unknown = report.facts.iter().filter(|fact| fact.kind == FactKind::Unknown).map(unknown);
    let differences = report.open_entries().flat_map(|entry| of_entry(entry, texts));
    differences.chain(unknown).chain(report.incomplete.iter().map(|flow| not_compared(flow))).collect()
}

/// Something has changed, and what that does is not known.
fn unknown(fact: &Fact) -> Diagnostic {
    match fact.place {
        Some((Which::Head, location)) => Diagnostic::new(code::ACCESS_UNSPECIFIED, location, fact.text.clone()),
        _ => Diagnostic::unplaced(code::ACCESS_UNSPECIFIED, fact.text.clone()),
    }
}

fn not_compared(flow: &str) -> Diagnostic {
    let message = format!("`{flow}` was not compared: its pods or requests fall into too many classes");
    Diagnostic::unplaced(code::ACCESS_UNSPECIFIED, message)
}

/// An entry as a finding, and as one more for whatever it holds besides what it is told by, as where it takes something away in the place
/// of what it gives.
fn of_entry(entry: &Entry, texts: &Texts) -> Vec<Diagnostic> {
    let mut codes: Vec<Code> = Vec::new();
    let mut findings = Vec::new();
    for kind in std::iter::once(entry.kind).chain(entry.kinds.iter().copied()) {
        if !codes.contains(&code_of(kind)) {
            codes.push(code_of(kind));
            findings.push(told(entry, texts, kind));
        }
    }
    findings
}

/// An entry as a finding by one of its kinds.
fn told(entry: &Entry, texts: &Texts, kind: Kind) -> Diagnostic {
    let code = code_of(kind);
    let message = format!("`{}` {}", line(entry), change_words(entry));
    let location = entry.causes.iter().find(|cause| cause.side == Which::Head).and_then(|cause| cause.location);
    let finding = match location {
        Some(location) => Diagnostic::new(code, location, message),
        None => Diagnostic::unplaced(code, message),
    };
    let flow = match &entry.lost {
        Some(lost) if kind.is_loss() => &lost.base,
        _ if entry.kind.is_loss() => &entry.example.base,
        _ => &entry.example.head,
    };
    let finding = entry.causes.iter().fold(finding, |finding, cause| finding.note(cause_words(cause, texts)));
    let finding = entry.remarks.iter().fold(finding, |finding, remark| finding.note(remark.clone()));
    finding.note(format!("such as `{}`", flow_words(flow))).at_level(level(kind))
}

const fn level(kind: Kind) -> Level {
    match kind {
        Kind::Internet => Level::Error,
        Kind::Closed | Kind::Tightened => Level::Note,
        _ => Level::Warning,
    }
}

fn code_of(kind: Kind) -> Code {
    match kind {
        Kind::Internet | Kind::Outside | Kind::Across | Kind::Workloads | Kind::PortsOrRequests | Kind::MtlsToo => code::ACCESS_GAINED,
        Kind::Weakened | Kind::OneGate => code::ACCESS_WEAKENED,
        Kind::Unspecified => code::ACCESS_UNSPECIFIED,
        Kind::Closed | Kind::Tightened => code::ACCESS_LOST,
    }
}
