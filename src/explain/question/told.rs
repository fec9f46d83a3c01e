//! The words in which counterexamples are told, which are more than the language has.
//!
//! Owns: what `app=web@shop as web-sa -> app=db@shop:5432 over mTLS, GET /v1 at db, a token of https://id.test with sub=x` is in the
//! language. Whoever is shown such a flow asks about it as it stands.

use std::collections::BTreeMap;

use super::draft::slice;
use crate::source::Span;

/// What was found of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    /// Words that the language has otherwise, by where they begin.
    otherwise: BTreeMap<usize, &'static str>,
    /// Where an issuer stands by its address without quotes.
    issuer: Option<Span>,
    /// Where a token that does not verify is told.
    pub(super) bad_token: Option<Span>,
    /// Where a token without a subject is told.
    pub(super) no_subject: Option<Span>,
}

/// The words for a token that does not verify.
const BAD_TOKEN: [&str; 6] = ["a", "token", "that", "does", "not", "verify"];

impl Told {
    /// Takes out of the words behind the arrow what the language has no word for.
    pub(super) fn take(text: &str, words: &mut Vec<Span>) -> Self {
        let mut told = Self::default();
        let mut kept = Vec::with_capacity(words.len());
        let mut rest = words.as_slice();
        while let Some((first, behind)) = rest.split_first() {
            let said = |count: usize| rest.iter().take(count).map(|span| bare(text, *span)).collect::<Vec<_>>();
            rest = behind;
            match said(6).as_slice() {
                ["over", "mTLS", ..] | ["in", "plaintext", ..] => continue,
                ["mTLS", ..] => {
                    told.otherwise.insert(first.range().start, "mtls");
                }
                all if all == BAD_TOKEN => {
                    told.bad_token = Some(*first);
                    rest = behind.get(BAD_TOKEN.len() - 1..).unwrap_or_default();
                    continue;
                }
                ["a", "token", "of", _, ..] => {
                    rest = told.token(text, behind, &mut kept);
                    continue;
                }
                _ => {}
            }
            let next = rest.first().map(|next| slice(text, *next));
            let is_told = matches!(bare(text, *first), "mTLS" | "plaintext") || matches!(next, Some("header" | "a"));
            kept.push(if is_told { without_comma(text, *first) } else { *first });
        }
        *words = kept;
        told
    }

    /// Takes a token from behind its first word: `token of ISSUER with sub=x with groups=a|b`; what is left.
    fn token<'w>(&mut self, text: &str, words: &'w [Span], kept: &mut Vec<Span>) -> &'w [Span] {
        let [_, of, issuer, rest @ ..] = words else { return words };
        self.otherwise.insert(of.range().start, "jwt");
        self.issuer = Some(*issuer);
        kept.extend([*of, *issuer]);
        let (mut rest, mut has_subject) = (rest, false);
        while let [with, claim, behind @ ..] = rest
            && slice(text, *with) == "with"
        {
            self.otherwise.insert(with.range().start, "claim");
            has_subject |= slice(text, *claim).starts_with("sub=");
            kept.extend([*with, *claim]);
            rest = behind;
        }
        self.no_subject = (!has_subject).then_some(*issuer);
        rest
    }

    /// What a word is in the language, if that is another one.
    pub(super) fn word(&self, span: Span) -> Option<&'static str> {
        self.otherwise.get(&span.range().start).copied()
    }

    /// Whether a word is an issuer without quotes.
    pub(super) fn is_issuer(&self, span: Span) -> bool {
        self.issuer == Some(span) && self.issuer.is_some()
    }
}

/// A caller without the account behind it, and that account: `app=web@shop as web-sa`.
pub(super) fn account(text: &str, source: Span) -> (Span, Option<Span>) {
    let written = slice(text, source);
    let Some((before, account)) = written.rsplit_once(" as ") else { return (source, None) };
    let (before, account) = (before.trim_end(), account.trim());
    if before.is_empty() || account.is_empty() || account.contains(|letter: char| letter.is_whitespace() || "@)\"".contains(letter)) {
        return (source, None);
    }
    let start = source.range().start;
    let end = source.range().end;
    (Span::new(start, start + before.len()), Some(Span::new(end - account.len(), end)))
}

/// A word without the comma behind it.
fn bare(text: &str, span: Span) -> &str {
    slice(text, without_comma(text, span))
}

fn without_comma(text: &str, span: Span) -> Span {
    let word = slice(text, span);
    Span::new(span.range().start, span.range().start + word.strip_suffix(',').unwrap_or(word).len())
}

#[cfg(test)]
mod tests {
    use super::super::draft::Draft;
    use crate::source::FileId;

    /// What a counterexample says, in the language.
    fn hidden(text: &str) -> String {
        Draft::cut(FileId(0), text).unwrap().hidden().text
    }

    #[test]
    fn counterexamples_are_read_as_they_are_told() {
        assert_eq!(hidden("app=web@shop as web -> app=db@shop:5432 over mTLS"), "expect some app=web@shop -> app=db@shop:5432 mtls");
        assert_eq!(hidden("as web@shop -> app=db@shop:80 in plaintext"), "expect some as web@shop -> app=db@shop:80 plaintext");
        let requests = "expect some a -> b:80 mtls http GET /x at db header x=1";
        assert_eq!(hidden("a -> b:80 over mTLS, GET /x at db, header x=1"), requests);
        assert_eq!(
            hidden("a -> b:80 in plaintext, GET /x at db, a token that does not verify"),
            "expect some a -> b:80 plaintext http GET /x at db"
        );
        assert_eq!(
            hidden("a -> b:80 over mTLS, http ANY \"/a,b\" at db, header h=\"x header y=1\", header z=\"b,\""),
            "expect some a -> b:80 mtls http ANY \"/a,b\" at db header h=\"x header y=1\" header z=\"b,\""
        );
        let token = hidden("a -> b:80 over mTLS, GET /x at db, a token of https://id.test with groups=a|b with sub=x");
        assert!(token.starts_with("issuer asked-issuer = \"https://id.test\" jwks"), "{token}");
        assert!(token.ends_with("\nexpect some a -> b:80 mtls http GET /x at db jwt asked-issuer claim groups=a|b claim sub=x"), "{token}");
    }

    #[test]
    fn tokens_are_as_they_are_told() {
        let cut = |text| Draft::cut(FileId(0), text).unwrap();
        assert!(cut("a -> b:80 in plaintext, GET /x at db, a token that does not verify").bad_token.is_some());
        assert!(cut("a -> b:80 in plaintext, GET /x at db, a token of https://id.test").no_subject.is_some());
        assert!(cut("a -> b:80 in plaintext, GET /x at db, a token of https://id.test with sub=x").no_subject.is_none());
    }

    #[test]
    fn accounts_behind_other_words_are_taken_out() {
        let account = |text| {
            let draft = Draft::cut(FileId(0), text).unwrap();
            draft.account.map(|span| draft.slice(span).to_owned())
        };
        assert_eq!(account("app=web@shop as web -> b:80").as_deref(), Some("web"));
        assert_eq!(account("as web@shop -> b:80"), None);
        assert_eq!(account("app=a or as web@shop -> b:80"), None);
    }
}
