//! A flow cut into its ends and clauses, and the statement of the language that says the same.
//!
//! Owns: `Draft`. What the language cannot say (objects, URLs, a bare request) is taken out or completed here, and every
//! place in the statement is led back to the flow's own text. It must not look names up.

use crate::diagnostic::{Diagnostic, code};
use crate::source::{FileId, Location, Span};
use crate::syntax::words::USUAL_METHODS;

use super::Context;
use super::hidden::Hidden;
use super::host::{self, Sent};
use super::object::{self, Word};
use super::path;
use super::told::{self, Told};

/// The clause for a token that does not verify; the language has no use for it.
pub(super) const BAD_TOKEN: &str = "bad-jwt";

/// The clause for a token that has no subject; the language has no use for it.
pub(super) const NO_SUBJECT: &str = "no-sub";

/// The issuer that stands for one given by its address.
const ISSUER: &str = "asked-issuer";

/// Whether an issuer stands by what tokens call it: in quotes, or with a sign that no declared name has.
fn is_address(issuer: &str) -> bool {
    issuer.starts_with('"') || issuer.contains(['@', ':', '/'])
}

/// The path that stands for one that no rule can name.
const PATH: &str = "/asked";

/// How one end is written.
#[derive(Debug, Clone)]
pub(super) enum Written {
    /// In the language; of a destination, what follows it belongs to the span too.
    Language(Span),
    /// As an object of the cluster.
    Object(Word),
}

/// A flow, cut.
#[derive(Debug, Clone)]
pub(super) struct Draft<'t> {
    /// The file of its text.
    pub(super) flow: FileId,
    /// Its text.
    pub(super) text: &'t str,
    /// Before the arrow.
    pub(super) source: Written,
    /// Behind the arrow.
    pub(super) destination: Written,
    /// The words behind the arrow; of an object those behind it.
    pub(super) rest: Vec<Span>,
    /// A method without a path, which a URL gives.
    pub(super) method: Option<Span>,
    /// Where a token that does not verify is asked for.
    pub(super) bad_token: Option<Span>,
    /// Where a token without a subject is asked for.
    pub(super) no_subject: Option<Span>,
    /// The account that the caller runs as, where that stands behind other words for it.
    pub(super) account: Option<Span>,
    /// Where an issuer stands by its address.
    issuer: Option<Span>,
    /// Where a path stands that no rule can name.
    path: Option<Span>,
    /// Where a host stands with the port that the client writes behind it, or as a URL, behind which it writes none.
    host: Option<(Span, Sent)>,
    /// What words of counterexamples are in the language.
    told: Told,
}

impl<'t> Draft<'t> {
    /// Cuts a flow; a finding if it is nothing of the kind.
    pub(super) fn cut(flow: FileId, text: &'t str) -> Result<Self, Box<Diagnostic>> {
        let whole = Location { file: flow, span: Span::new(0, text.len()) };
        if let Some(word) = words(text, 0).into_iter().next().filter(|span| is_statement_word(slice(text, *span))) {
            return Err(Box::new(no_statement(Location { span: word, ..whole }, slice(text, word))));
        }
        let Some(arrow) = arrow(text) else { return Err(Box::new(no_arrow(whole))) };
        let (source, account) = told::account(text, trimmed(text, Span::new(0, arrow)));
        let mut rest = words(text, arrow + 2);
        let first = rest.first().copied();
        let destination = match first.and_then(|span| object::word(text, span)) {
            Some(word) => {
                rest.remove(0);
                Written::Object(word)
            }
            None => Written::Language(span_of(&rest).unwrap_or_else(|| Span::new(text.len(), text.len()))),
        };
        let source = object::word(text, source).map_or(Written::Language(source), Written::Object);
        let told = Told::take(text, &mut rest);
        let (bad_token, no_subject) = (told.bad_token, told.no_subject);
        let (method, issuer, path, host) = (None, None, None, None);
        let mut draft = Self { flow, text, source, destination, rest, method, bad_token, no_subject, account, issuer, path, host, told };
        draft.take_own_words();
        draft.refuse_remarks()?;
        Ok(draft)
    }

    /// Takes out the words that the language does not have.
    fn take_own_words(&mut self) {
        let is_url = matches!(&self.destination, Written::Object(word) if word.is_url());
        let mut kept = Vec::new();
        for (at, span) in self.rest.iter().copied().enumerate() {
            let word = self.slice(span);
            let next = self.rest.get(at + 1).map(|next| self.slice(*next)).unwrap_or_default();
            let before = kept.last().map(|before| self.word(*before)).unwrap_or_default();
            if word == BAD_TOKEN {
                self.bad_token = Some(span);
            } else if word == NO_SUBJECT {
                self.no_subject = Some(span);
            } else if is_url && USUAL_METHODS.contains(&word) && !is_path(next) && before != "http" {
                self.method = Some(span);
            } else {
                if before == "jwt" && (is_address(word) || self.told.is_issuer(span)) {
                    self.issuer = Some(span);
                }
                if before == "at" {
                    self.host = host::sent(word).map(|sent| (span, sent));
                }
                let span = bare_path(word, span);
                let two_before = kept.len().checked_sub(2).and_then(|at| kept.get(at)).map(|word| self.slice(*word));
                let is_behind_method = USUAL_METHODS.contains(&before) || two_before == Some("http");
                if is_behind_method && path::is_only_sent(unquoted(self.slice(span))) {
                    self.path = Some(span);
                }
                kept.push(span);
            }
        }
        self.rest = kept;
    }

    /// Remarks belong to rules.
    fn refuse_remarks(&self) -> Result<(), Box<Diagnostic>> {
        let remark = self.rest.iter().copied().find(|span| matches!(self.slice(*span), "until" | "because" | "accept"));
        let Some(span) = remark else { return Ok(()) };
        let finding = self.unclear(span, format!("a flow has no `{}`", self.slice(span)));
        Err(Box::new(finding.label("a remark of rules").help("leave it out")))
    }

    /// The text under a span.
    pub(super) fn slice(&self, span: Span) -> &'t str {
        slice(self.text, span)
    }

    /// A word as the language has it.
    fn word(&self, span: Span) -> &'t str {
        self.told.word(span).unwrap_or_else(|| self.slice(span))
    }

    /// The path as it is sent, where no rule could name it so.
    pub(super) fn sent_path(&self) -> Option<&'t str> {
        self.path.map(|span| path::without_query(unquoted(self.slice(span))))
    }

    /// The host with what the client writes behind it, where that is said: its port, or `:` for none.
    pub(super) fn sent_host(&self) -> Option<&str> {
        self.host.as_ref().map(|(_, sent)| sent.authority.as_str())
    }

    /// Whether a word is the issuer of a token.
    pub(super) fn is_issuer(&self, word: Span) -> bool {
        let at = self.rest.iter().position(|span| span.start <= word.start && word.end <= span.end);
        let before = at.and_then(|at| at.checked_sub(1)).and_then(|at| self.rest.get(at));
        before.is_some_and(|before| self.word(*before) == "jwt")
    }

    /// Turns names that are unknown to the language into objects, where those findings are all that is wrong and the cluster has
    /// objects of these names. Says whether it did.
    pub(super) fn name_objects(&mut self, findings: &[Diagnostic], context: &Context<'_>) -> bool {
        let mut changed = false;
        for finding in findings.iter().filter(|finding| finding.code == code::UNKNOWN_NAME) {
            let Some(at) = finding.span() else { continue };
            let source = match &self.source {
                Written::Language(span) if span.start <= at.start && at.end <= span.end => object::bare(self.text, *span, context),
                _ => None,
            };
            if let Some(word) = source {
                self.source = Written::Object(word);
                changed = true;
                continue;
            }
            let Written::Language(_) = &self.destination else { continue };
            let first = self.rest.first().copied().filter(|first| first.start <= at.start && at.end <= first.end);
            if let Some(word) = first.and_then(|first| object::bare(self.text, first, context)) {
                self.destination = Written::Object(word);
                self.rest.remove(0);
                changed = true;
            }
        }
        changed
    }

    /// The statement that says the same.
    pub(super) fn hidden(&self) -> Hidden {
        let mut hidden = Hidden::default();
        if let Some(issuer) = self.issuer {
            hidden.glue(&format!("issuer {ISSUER} = "));
            let quote = if self.slice(issuer).starts_with('"') { "" } else { "\"" };
            hidden.glue(quote);
            hidden.slice(self.text, issuer);
            hidden.glue(quote);
            hidden.glue(" jwks \"https://unknown\" audience \"unknown\"\n");
        }
        hidden.glue("expect some ");
        match &self.source {
            Written::Language(span) => hidden.slice(self.text, *span),
            Written::Object(_) => hidden.glue("*"),
        }
        hidden.glue(" -> ");
        let is_object = matches!(self.destination, Written::Object(_));
        if is_object {
            hidden.glue("*");
        }
        let mut before = "";
        for (at, span) in self.rest.iter().enumerate() {
            let word = self.word(*span);
            if at > 0 || !before.is_empty() || is_object {
                hidden.glue(" ");
            }
            let next = self.rest.get(at + 1).map(|next| self.slice(*next)).unwrap_or_default();
            if USUAL_METHODS.contains(&word) && before != "http" && !before.ends_with([',', '|']) && (is_path(next) || at > 0 || is_object)
            {
                hidden.glue("http ");
            }
            if self.issuer == Some(*span) {
                hidden.glue(ISSUER);
            } else if self.path == Some(*span) {
                hidden.glue(PATH);
            } else if let Some((_, sent)) = self.host.as_ref().filter(|(host, _)| host == span) {
                hidden.piece(&sent.word, *span);
            } else if self.told.word(*span).is_some() {
                hidden.piece(word, *span);
            } else {
                hidden.slice(self.text, *span);
            }
            before = word;
        }
        hidden
    }
}

/// A path without quotes and without its query; any other word as it is.
fn bare_path(word: &str, span: Span) -> Span {
    if !word.starts_with('/') {
        return span;
    }
    Span::new(span.range().start, span.range().start + path::without_query(word).len())
}

/// The text under a span.
pub(super) fn slice(text: &str, span: Span) -> &str {
    text.get(span.range()).unwrap_or_default()
}

/// A span without the blanks at its ends.
fn trimmed(text: &str, span: Span) -> Span {
    let inner = slice(text, span);
    let start = span.range().start + (inner.len() - inner.trim_start().len());
    Span::new(start, start + inner.trim().len())
}

/// From the first to the last of some words.
fn span_of(words: &[Span]) -> Option<Span> {
    words.iter().copied().reduce(Span::to)
}

/// The letters of a text, each with whether it stands in quotes.
fn letters(text: &str) -> impl Iterator<Item = (usize, char, bool)> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.char_indices().map(move |(at, letter)| {
        if letter == '"' && !is_escaped {
            is_quoted = !is_quoted;
        }
        is_escaped = is_quoted && letter == '\\' && !is_escaped;
        (at, letter, is_quoted)
    })
}

/// Where the first arrow outside of quotes stands.
fn arrow(text: &str) -> Option<usize> {
    let mut before = ' ';
    for (at, letter, is_quoted) in letters(text) {
        if letter == '>' && before == '-' && !is_quoted {
            return Some(at - 1);
        }
        before = letter;
    }
    None
}

/// The words of a text from a byte on: what blanks outside of quotes and brackets separate.
fn words(text: &str, from: usize) -> Vec<Span> {
    let mut found = Vec::new();
    let mut start: Option<usize> = None;
    for (at, letter, is_quoted) in letters(text.get(from..).unwrap_or_default()) {
        match (letter.is_whitespace() && !is_quoted, start) {
            (true, Some(begun)) => {
                found.push(Span::new(begun, from + at));
                start = None;
            }
            (false, None) => start = Some(from + at),
            (true, None) | (false, Some(_)) => {}
        }
    }
    found.extend(start.map(|begun| Span::new(begun, text.len())));
    found
}

/// Whether a word is a path, which may stand in quotes.
fn is_path(word: &str) -> bool {
    word.starts_with('/') || word.starts_with("\"/")
}

/// A path without its quotes; another word, and one with escapes of the language, as it is.
fn unquoted(word: &str) -> &str {
    let inner = word.strip_prefix('"').and_then(|word| word.strip_suffix('"')).filter(|inner| inner.starts_with('/'));
    inner.filter(|inner| !inner.contains(['\\', '"'])).unwrap_or(word)
}

fn is_statement_word(word: &str) -> bool {
    matches!(word, "allow" | "deny" | "audit" | "expect")
}

fn no_statement(at: Location, word: &str) -> Diagnostic {
    let with_blank = Location { span: Span { end: at.span.end + 1, ..at.span }, ..at };
    Diagnostic::new(code::UNCLEAR_FLOW, at, format!("a flow has no `{word}`")).label("starts a rule, not a question").fix(
        "ask without it",
        with_blank,
        "",
    )
}

fn no_arrow(at: Location) -> Diagnostic {
    Diagnostic::new(code::UNCLEAR_FLOW, at, "a flow has an arrow between who calls and who is called")
        .label("no `->` here")
        .help("write it as `app=web -> app=db:5432`, or with objects: `deploy/web@shop -> svc/db:5432`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_lead_back_to_the_flow() {
        let text = "web -> api:80 GET /x";
        let draft = Draft::cut(FileId(0), text).unwrap();
        let hidden = draft.hidden();
        assert_eq!(hidden.text, "expect some web -> api:80 http GET /x");
        for word in ["web", "api:80", "GET", "/x"] {
            let at = hidden.text.find(word).unwrap();
            let back = hidden.back(Span::new(at, at + word.len()));
            assert_eq!(draft.slice(back), word);
        }
        let end = hidden.text.len();
        assert_eq!(hidden.back(Span::new(end, end)), Span::new(text.len(), text.len()));
        assert_eq!(draft.slice(hidden.back(Span::new(0, end))), text);
    }

    #[test]
    fn words_of_its_own_are_taken_out() {
        let cut = |text| Draft::cut(FileId(0), text).map(|draft| draft.hidden().text);
        assert_eq!(cut("a -> b:80 bad-jwt").unwrap(), "expect some a -> b:80");
        assert_eq!(cut("deploy/a -> svc/b:80 POST /x mtls").unwrap(), "expect some * -> * http POST /x mtls");
        assert_eq!(cut("a -> http://b/x POST").unwrap(), "expect some a -> *");
        assert_eq!(cut("a -> b:80 http GET /x").unwrap(), "expect some a -> b:80 http GET /x");
        assert_eq!(cut("a -> b:80 http GET|POST /x, HEAD /y").unwrap(), "expect some a -> b:80 http GET|POST /x, HEAD /y");
        assert_eq!(cut("deploy/a -> svc/b:80 GET \"/x\"").unwrap(), "expect some * -> * http GET \"/x\"");
        assert_eq!(cut("a -> b:80 GET \"/x/../y\"").unwrap(), "expect some a -> b:80 http GET /asked");
        assert_eq!(cut("a -> b:80 GET \"/x?y=1\"").unwrap(), "expect some a -> b:80 http GET /asked");
        assert_eq!(cut("a -> b:80 GET /x at \"c.d:8080\" mtls").unwrap(), "expect some a -> b:80 http GET /x at \"c.d\" mtls");
        assert_eq!(cut("a -> b:80 GET /x at http://c.d/").unwrap(), "expect some a -> b:80 http GET /x at \"c.d\"");
        let issuer = cut("a -> b:80 GET /x jwt \"https://id\"").unwrap();
        assert!(issuer.ends_with("\nexpect some a -> b:80 http GET /x jwt asked-issuer"), "{issuer}");
        assert!(cut("allow a -> b").is_err() && cut("a").is_err() && cut("").is_err());
    }
}
