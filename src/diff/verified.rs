//! Tokens that are verified by other keys, and headers that are copies of another part of them.
//!
//! Owns: the facts about it. No flow tells by whose keys its token was verified, so that a change of keys is no entry: whoever signs with
//! the new ones is let in, and whoever signs with the old ones is not. Nor does one tell what a header holds that a proxy fills from a token.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::Change;
use super::facts::{Fact, FactKind, fact};
use super::side::Which;
use crate::cluster::{Cluster, Document, Keys, TokenCopy, Verification};
use crate::flow::Symbol;
use crate::ir::{Issuer, Policy};
use crate::source::Location;

/// Issuers that rules of both programs use, by their `iss`, whose keys are others. Several may share one, each with keys of its own. Of an
/// issuer that no rule uses nothing is written.
pub(super) fn issuers(base: &Policy, head: &Policy) -> Vec<Fact> {
    let (old, new) = (by_url(base), by_url(head));
    let changed = |(url, (location, is)): (&Symbol, &(Location, BTreeSet<Keys>))| {
        let (_, was) = old.get(url).filter(|(_, was)| was != is)?;
        let words = |all: &BTreeSet<Keys>| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        let text = format!("tokens of `{url}` are verified by {}; they were by {}", words(is), words(was));
        Some(Fact { place: Some((Which::Head, *location)), ..fact(FactKind::Unknown, Change::Changed, text) })
    };
    new.iter().filter_map(changed).collect()
}

/// The keys of every `iss`, with a place where they are declared.
fn by_url(policy: &Policy) -> BTreeMap<Symbol, (Location, BTreeSet<Keys>)> {
    let mut all: BTreeMap<Symbol, (Location, BTreeSet<Keys>)> = BTreeMap::new();
    let used: BTreeSet<&Symbol> = policy.rules.iter().filter_map(|rule| rule.jwt.as_ref()).map(|(name, _)| name).collect();
    for Issuer { url, jwks, location, .. } in policy.issuers.values().filter(|issuer| used.contains(&issuer.name)) {
        let (_, keys) = all.entry(Symbol::clone(url)).or_insert_with(|| (*location, BTreeSet::new()));
        keys.insert(jwks.clone().map_or(Keys::Named, Keys::At));
    }
    all
}

/// The ways in which one policy verifies the tokens of one issuer.
type Ways = BTreeSet<Way>;

/// By whose keys, of which claims each word is a value, and where several keys are told apart by it, for whom.
type Way = (Keys, Vec<Symbol>, BTreeSet<Symbol>);

/// A policy's namespace and name, and an issuer.
type Key = (Symbol, Symbol, Symbol);

/// Policies that verify the tokens of an issuer otherwise than before: those that have changed, and those that have come or gone where
/// another one of their namespace verifies tokens of the same issuer on both sides.
pub(super) fn policies(clusters: [&Cluster; 2]) -> Vec<Fact> {
    let mut facts: Vec<Fact> = changes(clusters).iter().map(Reverified::fact).collect();
    facts.extend(copies(clusters).iter().map(Recopied::fact));
    facts
}

/// The same policies, as `RequestAuthentication shop/jwt`.
pub(crate) fn reverified(clusters: [&Cluster; 2]) -> BTreeSet<String> {
    let recopied = copies(clusters).into_iter().map(|copy| policy(&copy.document));
    changes(clusters).iter().map(|change| policy(&change.document)).chain(recopied).collect()
}

/// A policy's name, as it follows its kind.
fn policy(document: &Document) -> String {
    format!("{} {}/{}", document.kind, document.namespace, document.name)
}

/// What a policy copies to one header at which policies look, on one side: in words.
type Copied = BTreeSet<String>;

/// A policy that copies something else to such a header.
struct Recopied {
    which: Which,
    document: Document,
    header: Symbol,
    was: Copied,
    is: Copied,
}

/// The headers at which policies look and that are filled otherwise than before.
fn copies(clusters: [&Cluster; 2]) -> Vec<Recopied> {
    type ByHeader = BTreeMap<(String, Symbol), (Document, Copied)>;
    let by_header = |cluster: &Cluster| {
        cluster.token_copies().into_iter().fold(ByHeader::new(), |mut all, copy| {
            let key = (policy(&copy.document), Symbol::clone(&copy.header));
            let words = held(&copy);
            all.entry(key).or_insert_with(|| (copy.document, Copied::new())).1.insert(words);
            all
        })
    };
    let [mut old, new] = clusters.map(by_header);
    let mut changes = Vec::new();
    for ((name, header), (document, is)) in new {
        let was = old.remove(&(name, Symbol::clone(&header))).map(|(_, was)| was).unwrap_or_default();
        if was != is {
            changes.push(Recopied { which: Which::Head, document, header, was, is });
        }
    }
    let gone = |((_, header), (document, was))| Recopied { which: Which::Base, document, header, was, is: Copied::new() };
    changes.extend(old.into_iter().map(gone));
    changes
}

/// What a header holds that is a copy of tokens.
fn held(copy: &TokenCopy) -> String {
    let part = copy.claim.as_ref().map_or_else(|| "the payload".to_owned(), |claim| format!("claim `{claim}`"));
    let issuer = copy.issuer.as_ref().map_or_else(|| "any issuer".to_owned(), |issuer| format!("`{issuer}`"));
    let at = copy.at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
    format!("{part} of tokens of {issuer}{at}")
}

impl Recopied {
    fn fact(&self) -> Fact {
        let words = |all: &Copied| {
            if all.is_empty() { "no copy".to_owned() } else { all.iter().map(String::as_str).collect::<Vec<_>>().join(" or ") }
        };
        let (policy, header, is, was) = (policy(&self.document), &self.header, words(&self.is), words(&self.was));
        let text = format!("{policy}: header `{header}`, at which policies look, holds {is}; it held {was}");
        Fact { place: Some((self.which, self.document.location)), ..fact(FactKind::Unknown, Change::Changed, text) }
    }
}

/// A policy that verifies the tokens of an issuer otherwise on one side.
struct Reverified {
    which: Which,
    document: Document,
    issuer: Symbol,
    was: Ways,
    is: Ways,
}

fn changes([base, head]: [&Cluster; 2]) -> Vec<Reverified> {
    let (old, new) = (Verified::new(base), Verified::new(head));
    let mut changes = Vec::new();
    for (key, (document, is)) in &new.by_policy {
        let was = old.ways(key);
        if !was.is_empty() && !is.is_subset(&was) {
            let (document, issuer) = (document.clone(), Symbol::clone(&key.2));
            changes.push(Reverified { which: Which::Head, document, issuer, was, is: is.clone() });
        }
    }
    for (key, (document, was)) in &old.by_policy {
        let is = new.ways(key);
        let is_told = new.by_policy.get(key).is_some_and(|(_, is)| !is.is_subset(was));
        if !is.is_empty() && !was.is_subset(&is) && !is_told {
            let (document, issuer) = (document.clone(), Symbol::clone(&key.2));
            changes.push(Reverified { which: Which::Base, document, issuer, was: was.clone(), is });
        }
    }
    changes
}

impl Reverified {
    fn fact(&self) -> Fact {
        let (policy, issuer, is, was) = (policy(&self.document), &self.issuer, words(&self.is), words(&self.was));
        let text = format!("{policy}: tokens of `{issuer}` are verified by {is}; they were by {was}");
        Fact { place: Some((self.which, self.document.location)), ..fact(FactKind::Unknown, Change::Changed, text) }
    }
}

/// How the policies of one side verify tokens.
struct Verified {
    by_policy: BTreeMap<Key, (Document, Ways)>,
}

impl Verified {
    fn new(cluster: &Cluster) -> Self {
        let mut by_policy: BTreeMap<Key, (Document, Ways)> = BTreeMap::new();
        for Verification { document, issuer, audiences, keys, spaced } in cluster.verifications() {
            let key = (Symbol::clone(&document.namespace), Symbol::clone(&document.name), issuer);
            let ways = &mut by_policy.entry(key).or_insert_with(|| (document, Ways::new())).1;
            ways.insert((keys, spaced, audiences.into_iter().collect()));
        }
        for (_, ways) in by_policy.values_mut() {
            let keys: BTreeSet<&Keys> = ways.iter().map(|(keys, _, _)| keys).collect();
            if keys.len() < 2 {
                // For whom tokens are is told with the connections that pass by them.
                *ways = ways.iter().map(|(keys, spaced, _)| (keys.clone(), spaced.clone(), BTreeSet::new())).collect();
            }
        }
        Self { by_policy }
    }

    /// How a policy verifies an issuer's tokens, or where it is not there, the others of its namespace.
    fn ways(&self, (namespace, name, issuer): &Key) -> Ways {
        if let Some((_, ways)) = self.by_policy.get(&(namespace.clone(), name.clone(), issuer.clone())) {
            return ways.clone();
        }
        let others = self.by_policy.iter().filter(|((other, _, whose), _)| other == namespace && whose == issuer);
        others.flat_map(|(_, (_, ways))| ways.iter().cloned()).collect()
    }
}

fn words(ways: &Ways) -> String {
    let listed = |words: &mut dyn Iterator<Item = &Symbol>| words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let way = |(keys, spaced, audiences): &Way| {
        let whom = if audiences.is_empty() { String::new() } else { format!(" for {}", listed(&mut audiences.iter())) };
        let values = if spaced.is_empty() { String::new() } else { format!(", each word of {} for a value", listed(&mut spaced.iter())) };
        format!("{keys}{whom}{values}")
    };
    ways.iter().map(way).collect::<Vec<_>>().join(" or ")
}
