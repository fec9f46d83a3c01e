//! Findings that have come or gone.
//!
//! Owns: which of them are told, and as what. It finds nothing itself.

use std::collections::BTreeMap;

use super::{Analysed, Fact, FactKind, fact};
use crate::diagnostic::level::Levels;
use crate::diagnostic::{Code, Diagnostic, Level, code};
use crate::diff::entry::Change;
use crate::diff::side::Which;

/// Findings that say where the two gates only come near to what the lines say.
const APPROXIMATIONS: [Code; 14] = [
    code::ACCEPTED,
    code::SHARED_ACCOUNT,
    code::NAMESPACE_IDENTITY,
    code::COUPLED_RULES,
    code::DENY_NOT_SEPARABLE,
    code::DENY_EVADABLE,
    code::DENY_UNENFORCED,
    code::CIDR_MAY_COVER_PODS,
    code::INTERNET_SOURCE,
    code::INIT_CONTAINER_TRAFFIC,
    code::HOST_NETWORK,
    code::DEFAULT_ACCOUNT,
    code::NAMESPACE_SNAPSHOT,
    code::UNMESHED_CALLER,
];

/// What a finding says. Of callers outside of the mesh each finding says the same, and only its label who they are.
fn words_of(finding: &Diagnostic) -> String {
    let who = finding.primary.as_ref().filter(|label| finding.code == code::UNMESHED_CALLER && !label.text.is_empty());
    let who = who.map(|label| format!(" ({})", label.text)).unwrap_or_default();
    format!("{}: {}{who}", finding.code, finding.message)
}

/// Findings of one side, at settled levels, by what they say.
fn settled(side: Analysed<'_>) -> BTreeMap<(Code, String), Diagnostic> {
    let levels = Levels::new(side.policy.config.lints.settings()).accepting(crate::check::accepts(side.policy));
    let findings = levels.apply(side.findings.to_vec());
    let told = |finding: &Diagnostic| finding.code != code::EXPECTATION_FAILED;
    findings.into_iter().filter(told).map(|finding| ((finding.code, words_of(&finding)), finding)).collect()
}

/// Errors and approximations that have come or gone.
pub(super) fn findings(base: Analysed<'_>, head: Analysed<'_>) -> Vec<Fact> {
    let (old, new) = (settled(base), settled(head));
    // A level may be another one, too: what is an error on one side only has come, or gone, as one.
    let is_new = |finding: &Diagnostic, other: Option<&Diagnostic>| {
        other.is_none_or(|other| finding.level == Level::Error && other.level != Level::Error)
    };
    let come = new.iter().filter(|(key, finding)| is_new(finding, old.get(*key)));
    let gone = old.iter().filter(|(key, finding)| is_new(finding, new.get(*key)));
    let come = come.map(|(_, finding)| (Which::Head, Change::Added, finding));
    let gone = gone.map(|(_, finding)| (Which::Base, Change::Removed, finding));
    let told = |(which, change, finding): (Which, Change, &Diagnostic)| {
        let is_error = finding.level == Level::Error;
        let kind = match (is_error, APPROXIMATIONS.contains(&finding.code)) {
            (true, _) => FactKind::Error,
            (false, true) => FactKind::Approximation,
            (false, false) => return None,
        };
        let place = finding.location().map(|location| (which, location));
        let fails = is_error && change == Change::Added;
        Some(Fact { place, fails, ..fact(kind, change, words_of(finding)) })
    };
    come.chain(gone).filter_map(told).collect()
}

/// Findings about manifests that have come or gone. What is not modelled is told by itself.
pub(in crate::diff) fn found(base: &[Diagnostic], head: &[Diagnostic]) -> Vec<Fact> {
    let told = |finding: &Diagnostic, others: &[Diagnostic]| {
        finding.level > Level::Note
            && finding.code != code::UNMODELLED_KIND
            && !others.iter().any(|other| other.code == finding.code && other.message == finding.message)
    };
    let words = |which: Which, change: Change, finding: &Diagnostic| Fact {
        place: finding.location().map(|location| (which, location)),
        ..fact(FactKind::Approximation, change, format!("{}: {}", finding.code, finding.message))
    };
    let come = head.iter().filter(|finding| told(finding, base)).map(|finding| words(Which::Head, Change::Added, finding));
    let gone = base.iter().filter(|finding| told(finding, head)).map(|finding| words(Which::Base, Change::Removed, finding));
    come.chain(gone).collect()
}
