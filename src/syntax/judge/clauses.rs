//! Which requirement or remark fits which statement, and that each stands once.
//!
//! Owns: the table of section 5 of the grammar. It must not judge what a clause asks for.

use std::collections::BTreeMap;

use super::{Place, duplicate};
use crate::diagnostic::{Diagnostic, code};
use crate::source::{Span, Spanned};
use crate::syntax::ast::{Action, Clause, HttpClause};

/// A statement that carries clauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    Allow,
    Deny,
    Audit,
    Expect,
}

impl Carrier {
    /// The statement of an action.
    pub(super) fn of(action: Action) -> Self {
        match action {
            Action::Allow => Self::Allow,
            Action::Deny => Self::Deny,
            Action::Audit => Self::Audit,
        }
    }

    /// Its word.
    fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Audit => "audit",
            Self::Expect => "expect",
        }
    }

    /// The clauses that it takes.
    fn takes(self) -> &'static [&'static str] {
        match self {
            Self::Allow => &["mtls", "http", "grpc", "jwt", "until", "because", "accept"],
            Self::Deny => &["http", "grpc", "until", "because"],
            Self::Audit => &["until", "because"],
            Self::Expect => &["mtls", "plaintext", "http", "grpc", "jwt", "because"],
        }
    }
}

/// Whether a clause fits a statement, each by its word; what is no clause of its own, as `header`, fits wherever it was expected.
pub(in crate::syntax) fn fits(statement: &str, clause: &str) -> bool {
    let all = [Carrier::Allow, Carrier::Deny, Carrier::Audit, Carrier::Expect];
    let of_others = || all.into_iter().any(|carrier| carrier.takes().contains(&clause));
    all.into_iter().find(|carrier| carrier.word() == statement).is_none_or(|own| own.takes().contains(&clause) || !of_others())
}

/// Adds the findings for the clauses of one statement.
pub(super) fn check(place: &Place<'_>, carrier: Carrier, clauses: &[Spanned<Clause>], findings: &mut Vec<Diagnostic>) {
    // Of each word its first clause: there are few words, however many clauses there are.
    let mut seen: Vec<(&str, Span)> = Vec::new();
    for clause in clauses {
        let word = word(&clause.value);
        if !carrier.takes().contains(&word) {
            super::add(findings, || unfit(place, carrier, word, clause.span));
            continue;
        }
        if let Clause::Http(http) = &clause.value {
            headers_once(place, http, findings);
        }
        if let Some((_, first)) = seen.iter().find(|(earlier, _)| *earlier == word) {
            if word != "accept" {
                super::add(findings, || duplicate(place, word, clause.span, Some(*first)));
            }
        } else if let Some(other) = seen.iter().find(|(earlier, _)| excludes(word, earlier)) {
            super::add(findings, || exclusive(place, (word, clause.span), *other));
        } else if clauses.len() > 1 {
            seen.push((word, clause.span));
        }
    }
}

/// The word of a clause.
fn word(clause: &Clause) -> &'static str {
    match clause {
        Clause::Mtls => "mtls",
        Clause::Plaintext => "plaintext",
        Clause::Http(_) => "http",
        Clause::Grpc(_) => "grpc",
        Clause::Jwt(_) => "jwt",
        Clause::Until(_) => "until",
        Clause::Because(_) => "because",
        Clause::Accept(_) => "accept",
    }
}

/// Whether two clauses cannot stand on one statement.
fn excludes(left: &str, right: &str) -> bool {
    matches!((left, right), ("http", "grpc") | ("grpc", "http") | ("mtls", "plaintext") | ("plaintext", "mtls"))
}

/// Each header stands once in an `http` clause; the case of its letters does not matter.
fn headers_once(place: &Place<'_>, http: &HttpClause, findings: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    for header in &http.headers {
        let at = header.name.span;
        let first = *seen.entry(header.name.value.to_ascii_lowercase()).or_insert(at);
        if first != at {
            super::add(findings, || {
                Diagnostic::new(code::DUPLICATE_CLAUSE, place.at(at), format!("the header `{}` is written twice", header.name.value))
                    .label("the second one")
                    .related(place.at(first), "the first one")
                    .help("write its values as one list: `header NAME=V|V`")
            });
        }
    }
}

/// The finding for a clause that does not fit its statement.
fn unfit(place: &Place<'_>, carrier: Carrier, word: &str, span: Span) -> Diagnostic {
    let statement = carrier.word();
    if carrier == Carrier::Deny && matches!(word, "mtls" | "jwt") {
        let (who, what) = if word == "mtls" {
            ("callers in plaintext", "only callers with mTLS")
        } else {
            ("callers without a token", "only callers with a token")
        };
        return Diagnostic::new(code::DENY_WITH_IDENTITY, place.at(span), format!("`{word}` stands on a `deny`"))
            .label(format!("{who} would pass"))
            .note(format!("a `deny` that asks for `{word}` would let {who} through"))
            .fix(format!("remove `{word}`: then nobody passes"), place.with_blanks_before(span), "")
            .help(format!("to let {what} in, write `{word}` on the `allow`"));
    }
    let takes = carrier.takes().iter().map(|clause| format!("`{clause}`")).collect::<Vec<_>>().join(", ");
    let finding =
        Diagnostic::new(code::CLAUSE_NOT_ALLOWED, place.at(span), format!("`{word}` does not fit a statement with `{statement}`"))
            .label(format!("`{statement}` does not take this"))
            .note(format!("`{statement}` takes {takes}"));
    match word {
        "plaintext" => finding.note("`plaintext` is a requirement of `expect` alone").help("leave `mtls` out where plaintext may pass"),
        _ => finding.fix(format!("remove `{word}`"), place.with_blanks_before(span), ""),
    }
}

/// The finding for two clauses that cannot stand together.
fn exclusive(place: &Place<'_>, second: (&str, Span), first: (&str, Span)) -> Diagnostic {
    let ((second, at), (first, related)) = (second, first);
    let finding = Diagnostic::new(code::CLAUSE_NOT_ALLOWED, place.at(at), format!("`{second}` stands beside `{first}`"))
        .label(format!("not beside `{first}`"))
        .related(place.at(related), format!("`{first}` stands here"));
    if matches!(second, "http" | "grpc") {
        return finding
            .note("one statement speaks of one kind of request")
            .help("write two statements, one with `http` and one with `grpc`");
    }
    finding.note("no connection is both").help("keep one of them")
}
