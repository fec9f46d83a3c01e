//! `RequestAuthentication`: which tokens a proxy accepts, and what it knows of the one that it verified (`semantics.md` §4).
//!
//! Owns: `TokenPolicy`, `Provider`, `Verified`, `UserPattern`. It refuses bad tokens and asks for none.
//!
//! A token of a flow carries its issuer and its claims; the audience is the claim `aud`, the subject the claim `sub`. A claim
//! inside another one stands under both names as Istio writes them: `[org][unit]`.

use std::collections::BTreeMap;

use super::attachment::Attachment;
use super::keys::Keys;
use super::truth::Truth;
use super::view::ClaimValues;
use super::words::Word;
use crate::cluster::object::Object;
use crate::flow::{Request, Symbol, Token};

/// An object of kind `RequestAuthentication`.
#[derive(Debug, Clone)]
pub(super) struct TokenPolicy {
    /// What it is, for reasons.
    pub(super) object: Object,
    /// Where it acts.
    pub(super) attachment: Attachment,
    /// Whose tokens it accepts.
    pub(super) providers: Vec<Provider>,
}

/// One issuer whose tokens are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Provider {
    /// The issuer; without one any issuer's that these keys sign.
    pub(super) issuer: Option<Symbol>,
    /// By whose keys tokens are verified.
    pub(super) keys: Keys,
    /// For whom a token must be; empty for anybody.
    pub(super) audiences: Vec<Symbol>,
    /// Whether the token is looked for in the usual places.
    pub(super) place: TokenPlace,
    /// What happens to a request without a token.
    pub(super) presence: Presence,
    /// Whether the token goes on to whoever is behind this proxy.
    pub(super) forward: Forward,
    /// Further claims that hold several words.
    pub(super) spaced: Vec<Symbol>,
    /// The headers that a verified token is copied to.
    pub(super) outputs: Vec<Output>,
}

/// A header that is a copy of a verified token, or of a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Output {
    /// Its name, in lower case.
    pub(super) header: Symbol,
    /// The claim that it holds; none where it is the whole payload.
    pub(super) claim: Option<Symbol>,
}

/// Where a token is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenPlace {
    /// The bearer header, alone or before others.
    Usual,
    /// Only headers, parameters or cookies of its own.
    Own,
}

/// Whether a request may come without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// It may.
    Optional,
    /// It may not, to an Istio that knows the field.
    Required,
}

/// What becomes of a verified token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forward {
    /// It goes on.
    Yes,
    /// It is taken out (`semantics.md` §4.7).
    No,
}

/// A verified token, and whoever verified it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verified<'v> {
    issuer: &'v Symbol,
    claims: &'v BTreeMap<Symbol, ClaimValues>,
    policies: &'v [&'v TokenPolicy],
}

/// Claims that always hold several words.
const SPACED: [&str; 2] = ["scope", "permission"];

impl Provider {
    /// Whether it verifies a token of this issuer with these claims, if it looks where the token is.
    fn verifies(&self, issuer: &str, claims: &BTreeMap<Symbol, ClaimValues>) -> Truth {
        let meant = || claims.get("aud").is_some_and(|held| self.audiences.iter().any(|audience| held.contains(audience)));
        if !self.audiences.is_empty() && !meant() {
            return Truth::No;
        }
        match &self.issuer {
            Some(own) => Truth::of(**own == *issuer),
            None => Truth::Open("a rule without `issuer` accepts whatever its keys sign"),
        }
    }
}

/// Every provider of some policies.
pub(super) fn providers<'v>(policies: &'v [&'v TokenPolicy]) -> impl Iterator<Item = &'v Provider> {
    policies.iter().flat_map(|policy| &policy.providers)
}

/// Whether a proxy with these policies lets a request pass, as far as its token goes, and what it verified.
pub(super) fn judge<'v>(policies: &'v [&'v TokenPolicy], request: &'v Request) -> (Truth, Option<Verified<'v>>) {
    const ELSEWHERE: &str = "a token is looked for in a place of its own, and where the request carries it is not known";
    if providers(policies).next().is_none() || is_preflight(request) {
        return (Truth::Yes, None);
    }
    let (issuer, claims) = match &request.token {
        Token::None => {
            let asked = providers(policies).any(|provider| provider.presence == Presence::Required);
            let open = Truth::Open("whether Istio knows `presence: REQUIRED` is not known");
            return (if asked { open } else { Truth::Yes }, None);
        }
        Token::Unverified if providers(policies).any(|provider| provider.place == TokenPlace::Own) => {
            return (Truth::Open(ELSEWHERE), None);
        }
        Token::Unverified => return (Truth::No, None),
        Token::Valid { issuer, claims } => (issuer, claims),
    };
    if providers(policies).any(|provider| provider.place == TokenPlace::Own) {
        return (Truth::Open(ELSEWHERE), Some(Verified { issuer, claims, policies }));
    }
    // Several providers look in one place, so it is enough that one verifies (`semantics.md` §4.4).
    let verified = Truth::any(providers(policies).map(|provider| provider.verifies(issuer, claims)));
    (verified, (verified != Truth::No).then_some(Verified { issuer, claims, policies }))
}

/// A browser's question before the request, which carries no token and is not asked for one (`semantics.md` §4.9).
fn is_preflight(request: &Request) -> bool {
    let has = |name: &str| request.headers.get(name).is_some_and(|value| !value.is_empty());
    &*request.method == "OPTIONS" && has("origin") && has("access-control-request-method")
}

impl<'v> Verified<'v> {
    /// The issuer and the subject, as requests are named in reasons.
    pub(super) fn name(&self) -> String {
        match (self.subject(), self.claims.get("sub").is_some_and(|held| !held.is_empty())) {
            (Some(subject), _) => format!("{}/{subject}", self.issuer),
            (None, false) => format!("a token of {} without a subject", self.issuer),
            (None, true) => format!("a token of {} with several subjects", self.issuer),
        }
    }

    /// Whether it is taken out of the request before anybody looks at its headers (`semantics.md` §4.7), whoever verified it.
    pub(super) fn is_taken_out(&self) -> bool {
        providers(self.policies).all(|provider| provider.place == TokenPlace::Usual && provider.forward == Forward::No)
    }

    /// The subject; a list of them is none.
    fn subject(&self) -> Option<&'v str> {
        let held = self.claims.get("sub")?;
        held.first().filter(|_| held.len() == 1).map(|subject| &**subject)
    }

    /// Whether the token is of a user that a pattern names.
    pub(super) fn is_user(&self, pattern: &UserPattern) -> bool {
        pattern.issuer.matches(self.issuer) && self.subject().is_some_and(|subject| pattern.subject.matches(subject))
    }

    /// Whether a claim holds a word that matches one of the values.
    pub(super) fn claims(&self, path: &[Symbol], words: &[Word]) -> bool {
        let matches = |text: &str| words.iter().any(|word| word.matches(text));
        match path {
            [name] if **name == *"iss" => matches(self.issuer),
            [name] if self.is_spaced(name) => self.held(name).any(|value| value.split(' ').any(matches)),
            [name] => self.held(name).any(|value| matches(value)),
            _ => self.held(&nested(path)).any(|value| matches(value)),
        }
    }

    /// Every value of a claim.
    pub(super) fn held(&self, name: &str) -> impl Iterator<Item = &'v Symbol> {
        self.claims.get(name).into_iter().flatten()
    }

    /// Whether a claim holds several words with blanks between them: to whoever verified the token.
    fn is_spaced(&self, name: &Symbol) -> bool {
        let spaces = |provider: &Provider| provider.spaced.contains(name) && provider.verifies(self.issuer, self.claims) != Truth::No;
        SPACED.contains(&&**name) || providers(self.policies).any(spaces)
    }
}

/// The name under which a flow's token holds a claim inside another one.
pub(super) fn nested(path: &[Symbol]) -> String {
    path.iter().flat_map(|name| ["[", name, "]"]).collect()
}

/// A value of `requestPrincipals`: what it asks of the issuer and of the subject.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UserPattern {
    /// The issuer.
    pub(super) issuer: Word,
    /// The subject, which a token must have.
    pub(super) subject: Word,
}

impl UserPattern {
    /// Reads a value, which is cut at its last `/` because issuers are addresses (`semantics.md` §4.3).
    pub(super) fn read(text: &str) -> Self {
        let exact = |text: &str| Word::Exact(text.into());
        let parts = text.rsplit_once('/');
        let (issuer, subject) = match (parts, text.strip_prefix('*'), text.strip_suffix('*')) {
            _ if text == "*" => (Word::Present, Word::Present),
            (Some((issuer, subject)), Some(_), _) => (ending(issuer), exact(subject)),
            (None, Some(end), _) => (Word::Present, Word::Suffix(end.into())),
            (Some((issuer, subject)), None, Some(_)) => (exact(issuer), Word::read(subject)),
            (None, None, Some(start)) => (Word::Prefix(start.into()), Word::Present),
            (Some((issuer, subject)), None, None) => (exact(issuer), exact(subject)),
            (None, None, None) => (exact(text), exact("")),
        };
        Self { issuer, subject }
    }
}

/// What stands behind a leading `*`, as an end; anything where nothing does.
fn ending(text: &str) -> Word {
    match text.strip_prefix('*') {
        Some("") => Word::Present,
        Some(end) => Word::Suffix(end.into()),
        None => Word::Exact(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_cut_at_the_last_slash() {
        let read = |text: &str| {
            let pattern = UserPattern::read(text);
            (pattern.issuer, pattern.subject)
        };
        let exact = |text: &str| Word::Exact(text.into());
        assert_eq!(read("*"), (Word::Present, Word::Present));
        assert_eq!(read("https://a/*"), (exact("https://a"), Word::Present));
        assert_eq!(read("https://a/an*"), (exact("https://a"), Word::Prefix("an".into())));
        assert_eq!(read("https://a/ann"), (exact("https://a"), exact("ann")));
        assert_eq!(read("*/ann"), (Word::Present, exact("ann")));
        assert_eq!(read("*a/ann"), (Word::Suffix("a".into()), exact("ann")));
        assert_eq!(read("*nn"), (Word::Present, Word::Suffix("nn".into())));
        assert_eq!(read("issuer*"), (Word::Prefix("issuer".into()), Word::Present));
        assert_eq!(read("issuer"), (exact("issuer"), exact("")));
    }
}
