//! Which workload identities a source of a policy names (`semantics.md` §2.6, §6.1).
//!
//! Owns: `Callers` and how the three spellings of an identity become one. Every caller has an identity in one of the mesh's trust
//! domains, so what is left of a principal in each of them is a test of the namespace and one of the account.

use super::domains;
use super::truth::Truth;
use super::words::{Dot, Word, glob};
use crate::cluster::Platform;
use crate::flow::Symbol;

/// The callers that a field names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Callers {
    /// Those of the mesh's own trust domain.
    own: Identities,
    /// Those of its other domains, each of which are not the same.
    others: Vec<Identities>,
}

/// Identities of one trust domain: pairs of a namespace and an account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Identities {
    /// Single identities, sorted.
    exact: Vec<(Symbol, Symbol)>,
    /// Patterns of them.
    patterns: Vec<(Name, Name)>,
    /// Patterns that hold or not, depending on what is not known.
    open: Vec<(Name, Name, &'static str)>,
}

/// A test of a name; names of namespaces and accounts are never empty and hold no `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    /// Any.
    Any,
    /// As a value of a policy compares.
    Like(Word),
    /// With any number of `*` in it.
    Glob(Symbol),
    /// The same, a `.` being any letter.
    Loose(Symbol),
}

/// Which proxy reads a policy; the two do not read every value alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// Envoy: sidecars, gateways and waypoints.
    Envoy,
    /// The node's ztunnel.
    Ztunnel,
}

const UNQUOTED: &str = "Istio before 1.28.7, 1.29.3 and 1.30.0 reads a `.` in such a pattern as any letter";
const PAST_NAMESPACE: &str = "the pattern of namespaces may run past the namespace into the rest of the identity";

impl Name {
    fn exact(text: &str) -> Self {
        Self::Like(Word::Exact(text.into()))
    }

    /// What a pattern asks, in which each `*` is any run of letters.
    fn of_pattern(pattern: &str) -> Self {
        match pattern.bytes().filter(|byte| *byte != b'*').count() {
            0 => Self::Any,
            letters if letters == pattern.len() => Self::exact(pattern),
            _ => Self::Glob(pattern.into()),
        }
    }

    /// Whether a name passes.
    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Like(word) => word.matches(name),
            Self::Glob(pattern) => glob(pattern, name, Dot::Literal),
            Self::Loose(pattern) => glob(pattern, name, Dot::Anything),
        }
    }

    /// The one name that passes, if it is one.
    pub(super) fn single(&self) -> Option<&Symbol> {
        match self {
            Self::Like(Word::Exact(name)) => Some(name),
            _ => None,
        }
    }
}

impl Callers {
    /// Whether an identity is one of them; open where that hangs on its trust domain.
    pub(super) fn hold(&self, namespace: &str, account: &str) -> Truth {
        let own = self.own.hold(namespace, account);
        let is_same = self.others.iter().all(|other| other.hold(namespace, account) == own);
        if is_same { own } else { Truth::Open(domains::TOLD_APART) }
    }

    /// Whether it is left open of some identity whether it is one of them.
    pub(super) const fn may_be_open(&self) -> bool {
        !self.own.open.is_empty() || !self.others.is_empty()
    }

    /// Whether there is any pattern in it.
    pub(super) fn has_patterns(&self) -> bool {
        self.domains().any(|domain| !domain.patterns.is_empty() || !domain.open.is_empty())
    }

    /// Every test in it, those that may not hold included.
    pub(super) fn tests(&self) -> impl Iterator<Item = (Name, Name)> {
        self.domains().flat_map(Identities::parts).flatten()
    }

    /// The same in parts: what [`Callers::hold`] says of an identity hangs on nothing but in which of these it passes a test. Whom a part
    /// names for certain and who may be named stand in different ones, and so do those who may be for different reasons.
    pub(super) fn parts(&self) -> impl Iterator<Item = Vec<(Name, Name)>> {
        self.domains().flat_map(Identities::parts).filter(|tests| !tests.is_empty())
    }

    fn domains(&self) -> impl Iterator<Item = &Identities> {
        std::iter::once(&self.own).chain(&self.others)
    }

    /// `principals`: `<trust domain>/ns/<namespace>/sa/<account>`.
    pub(super) fn principals(values: &[Symbol], reader: Reader, platform: &Platform) -> Self {
        if reader == Reader::Ztunnel {
            // Istio tells ztunnel of no aliases: callers of another domain fail the handshake (`semantics.md` §2.6).
            return Self { own: Identities::principals(values, &platform.trust_domain, Reading::Literal), others: Vec::new() };
        }
        let reading = if quotes(platform) { Reading::Literal } else { Reading::Unquoted };
        let values: Vec<Symbol> = values.iter().flat_map(|value| domains::written_for_all(value, platform)).collect();
        let mut by_domain = domains::of_mesh(platform).map(|domain| Identities::principals(&values, domain, reading));
        let own = by_domain.next().unwrap_or_default();
        let others = by_domain.filter(|other| *other != own).collect();
        Self { own, others }
    }

    /// `namespaces`: the namespace's segment, of any trust domain.
    pub(super) fn namespaces(values: &[Symbol], reader: Reader, platform: &Platform) -> Self {
        Self { own: Identities::namespaces(values, reader, platform), others: Vec::new() }
    }

    /// `serviceAccounts`: `namespace/name`, or a name in the policy's own namespace; no wildcards, any trust domain.
    pub(super) fn accounts(values: &[Symbol], own: &str, reader: Reader, platform: &Platform) -> Self {
        Self { own: Identities::accounts(values, own, reader, platform), others: Vec::new() }
    }
}

/// How a proxy reads a `.` in a pattern of principals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// As a dot.
    Literal,
    /// As any letter, if Istio is old.
    Unquoted,
}

impl Identities {
    fn hold(&self, namespace: &str, account: &str) -> Truth {
        let exact = self.exact.binary_search_by(|(own, name)| (&**own, &**name).cmp(&(namespace, account))).is_ok();
        if exact || self.patterns.iter().any(|(own, name)| own.matches(namespace) && name.matches(account)) {
            return Truth::Yes;
        }
        let open = self.open.iter().find(|(own, name, _)| own.matches(namespace) && name.matches(account));
        open.map_or(Truth::No, |(_, _, reason)| Truth::Open(reason))
    }

    /// The tests that hold for certain, then those that may in their order, a part for each reason as often as it changes: the first one
    /// that an identity passes says why.
    fn parts(&self) -> impl Iterator<Item = Vec<(Name, Name)>> {
        let exact = self.exact.iter().map(|(namespace, account)| (Name::exact(namespace), Name::exact(account)));
        let certain = exact.chain(self.patterns.iter().cloned()).collect();
        let by_reason = self.open.chunk_by(|(_, _, one), (_, _, other)| one == other);
        let perhaps = by_reason.map(|open| open.iter().map(|(own, name, _)| (own.clone(), name.clone())).collect());
        std::iter::once(certain).chain(perhaps)
    }

    /// What principals, as the proxy gets them, ask of identities of one domain.
    fn principals(values: &[Symbol], domain: &str, reading: Reading) -> Self {
        let mut all = Self::default();
        for value in values {
            let word = Word::read(value);
            let unquoted = matches!(&word, Word::Suffix(text) if text.contains('.')) && reading == Reading::Unquoted;
            if let Some((namespace, account)) = identity(&word, domain) {
                if let (Name::Like(Word::Suffix(text) | Word::Exact(text)), true) = (&account, unquoted) {
                    let star = if matches!(&account, Name::Like(Word::Suffix(_))) { "*" } else { "" };
                    all.open.push((namespace.clone(), Name::Loose(format!("{star}{text}").into()), UNQUOTED));
                }
                all.push(namespace, account);
            }
        }
        all.settled()
    }

    fn namespaces(values: &[Symbol], reader: Reader, platform: &Platform) -> Self {
        let mut all = Self::default();
        for value in values {
            if value.bytes().all(|byte| byte == b'*') && (reader == Reader::Envoy || value.len() == 1) {
                all.push(Name::Any, Name::Any);
                continue;
            }
            match reader {
                Reader::Ztunnel => all.push(Name::Like(Word::read(value)), Name::Any),
                Reader::Envoy => all.push_before_slash(value, platform),
            }
        }
        all.settled()
    }

    /// What a pattern asks of identities that must end before a `/`: behind the namespace there is one, and behind the `sa` that follows.
    fn push_before_slash(&mut self, value: &str, platform: &Platform) {
        const BEHIND: &str = "/sa";
        let is_of_pattern = |at: usize| value.get(at..).is_some_and(|rest| glob(rest, BEHIND, Dot::Literal));
        let mut sure = vec![value];
        for (at, _) in value.match_indices('/').filter(|(at, _)| is_of_pattern(*at)) {
            sure.extend(value.get(..at));
        }
        for (at, _) in value.match_indices('*').filter(|(at, _)| is_of_pattern(*at)) {
            let past = value.get(..=at).filter(|start| *start != value && !start.contains('/'));
            self.open.extend(past.map(|start| (Name::of_pattern(start), Name::Any, PAST_NAMESPACE)));
        }
        // No name of a namespace has a `/`, nor is it empty.
        for pattern in sure.into_iter().filter(|pattern| !pattern.contains('/') && !pattern.is_empty()) {
            self.push(Name::of_pattern(pattern), Name::Any);
            if pattern.contains('.') && !quotes(platform) {
                self.open.push((Name::Loose(pattern.into()), Name::Any, UNQUOTED));
            }
        }
    }

    fn accounts(values: &[Symbol], own: &str, reader: Reader, platform: &Platform) -> Self {
        const UNQUOTED_ACCOUNTS: &str = "Istio before 1.27.9, 1.28.6 and 1.29.2 reads a `.` in an account's name as any letter";
        let mut all = Self::default();
        for value in values {
            let (namespace, account) = value.split_once('/').unwrap_or((own, value));
            if account.contains('.') && reader == Reader::Envoy && !quotes_accounts(platform) {
                all.open.push((Name::exact(namespace), Name::Loose(account.replace('*', "").into()), UNQUOTED_ACCOUNTS));
            }
            all.push(Name::exact(namespace), Name::exact(account));
        }
        all.settled()
    }

    fn push(&mut self, namespace: Name, account: Name) {
        match (namespace.single(), account.single()) {
            (Some(namespace), Some(account)) => self.exact.push((Symbol::clone(namespace), Symbol::clone(account))),
            _ => self.patterns.push((namespace, account)),
        }
    }

    fn settled(mut self) -> Self {
        self.exact.sort_unstable();
        self.exact.dedup();
        self
    }
}

/// What a value asks of an identity `<domain>/ns/<namespace>/sa/<account>`; none if no identity of this domain matches.
fn identity(word: &Word, domain: &str) -> Option<(Name, Name)> {
    match word {
        Word::Present => Some((Name::Any, Name::Any)),
        Word::Exact(text) => {
            let (namespace, account) = text.strip_prefix(domain)?.strip_prefix("/ns/")?.split_once("/sa/")?;
            Some((Name::exact(namespace), Name::exact(account)))
        }
        Word::Prefix(text) => identity_from(text, domain),
        Word::Suffix(text) => identity_to(text, domain),
    }
}

/// The identities that begin with a text.
fn identity_from(text: &str, domain: &str) -> Option<(Name, Name)> {
    let before = format!("{domain}/ns/");
    if before.starts_with(text) {
        return Some((Name::Any, Name::Any));
    }
    let rest = text.strip_prefix(before.as_str())?;
    let Some((namespace, tail)) = rest.split_once('/') else { return Some((Name::Like(Word::Prefix(rest.into())), Name::Any)) };
    if "sa/".starts_with(tail) {
        return Some((Name::exact(namespace), Name::Any));
    }
    let account = tail.strip_prefix("sa/").filter(|account| !account.contains('/'))?;
    Some((Name::exact(namespace), Name::Like(Word::Prefix(account.into()))))
}

/// The identities that end in a text.
fn identity_to(text: &str, domain: &str) -> Option<(Name, Name)> {
    let Some((before, account)) = text.rsplit_once('/') else { return Some((Name::Any, Name::Like(Word::Suffix(text.into())))) };
    let account = if account.is_empty() { return None } else { Name::exact(account) };
    let Some((before, kind)) = before.rsplit_once('/') else {
        return "sa".ends_with(before).then_some((Name::Any, account));
    };
    if kind != "sa" {
        return None;
    }
    let Some((before, namespace)) = before.rsplit_once('/') else { return Some((Name::Like(Word::Suffix(before.into())), account)) };
    if namespace.is_empty() {
        return None;
    }
    format!("{domain}/ns").ends_with(before).then(|| (Name::exact(namespace), account))
}

/// Whether every Istio that may run quotes patterns of principals and namespaces.
fn quotes(platform: &Platform) -> bool {
    let (major, minor, patch) = platform.istio;
    (major, minor) >= (1, 30) || (major, minor) == (1, 29) && patch >= 3 || (major, minor) == (1, 28) && patch >= 7
}

/// Whether every Istio that may run quotes the names of accounts.
fn quotes_accounts(platform: &Platform) -> bool {
    let (major, minor, patch) = platform.istio;
    let least = match minor {
        27 => 9,
        28 => 6,
        29 => 2,
        _ => 0,
    };
    (major, minor) >= (1, 27) && patch >= least
}

#[cfg(test)]
mod tests;
