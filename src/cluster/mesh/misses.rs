//! Why rules do not match, in words (for `explain`).
//!
//! Owns: which rules matched, and for each that did not the tests that failed: what it wants and what the connection has.

use super::chain::{ChainKind, ReadRule, all};
use super::proxy::{Attached, Bound};
use super::rule::{Attribute, Field};
use super::test::{METHOD, Test};
use super::truth::Truth;
use super::view::{Addresses, View};
use crate::cluster::decision::{Document, Miss};
use crate::flow::Symbol;

/// The most misses of one step; a list of hundreds helps nobody.
const MAX_MISSES: usize = 64;

/// The most values of one test that are told.
const MAX_VALUES: usize = 6;

/// The rules that match, or may, whatever they do.
pub(super) fn matching(attached: &Attached<'_>, kind: ChainKind, view: &View<'_>) -> Vec<Document> {
    attached.policies().flat_map(|bound| rules(bound, kind, |rule| rule.holds(view) != Truth::No)).collect()
}

/// Of these policies, those that surely act.
pub(super) fn acting(list: &[Bound<'_>]) -> Vec<Document> {
    list.iter().filter(|bound| bound.doubt.is_none()).map(|bound| bound.policy.written.object.document(None)).collect()
}

/// The rules of such policies that surely match.
pub(super) fn certain(list: &[Bound<'_>], kind: ChainKind, view: &View<'_>) -> Vec<Document> {
    let acting = list.iter().filter(|bound| bound.doubt.is_none());
    acting.flat_map(|bound| rules(bound, kind, |rule| rule.holds(view) == Truth::Yes)).collect()
}

/// The rules by which a connection passes: where nobody knows whether any policy acts that lets callers in, each of them does.
pub(super) fn letting_in(attached: &Attached<'_>, kind: ChainKind, view: &View<'_>) -> Vec<Document> {
    let certain = certain(&attached.allow, kind, view);
    let lets_waypoints_in = attached.waypoints.as_ref().is_some_and(|waypoints| waypoints.doubt.is_none());
    if !certain.is_empty() || lets_waypoints_in {
        return certain;
    }
    attached.allow.iter().flat_map(|bound| rules(bound, kind, |rule| rule.holds(view) == Truth::Yes)).collect()
}

/// The rules of a policy that meet a test.
fn rules(bound: &Bound<'_>, kind: ChainKind, meets: impl Fn(&ReadRule) -> bool) -> Vec<Document> {
    let rules = &bound.policy.chain(kind).rules;
    rules.iter().filter(|rule| meets(rule)).map(|rule| document(bound, rule.number)).collect()
}

/// What the rules that would let the connection pass miss.
pub(super) fn of(attached: &Attached<'_>, kind: ChainKind, view: &View<'_>) -> Vec<Miss> {
    let mut misses = Vec::new();
    for bound in &attached.allow {
        let chain = bound.policy.chain(kind);
        for rule in chain.rules.iter().filter(|rule| rule.holds(view) == Truth::No) {
            misses.extend(of_rule(bound, rule, view));
        }
        for (number, reason) in &chain.dropped {
            let has = if kind == ChainKind::Ztunnel { "a connection at ztunnel" } else { "a connection without HTTP" };
            misses.push(Miss { document: document(bound, *number), wants: (*reason).to_owned(), has: has.to_owned() });
        }
        if misses.len() > MAX_MISSES {
            break;
        }
    }
    misses.truncate(MAX_MISSES);
    misses
}

fn document(bound: &Bound<'_>, number: usize) -> Document {
    bound.policy.written.object.document(Some(number))
}

/// Of each clause that fails, the alternative that comes nearest.
fn of_rule(bound: &Bound<'_>, rule: &ReadRule, view: &View<'_>) -> Vec<Miss> {
    let own = &bound.policy.written.object.namespace;
    let failing = rule.clauses.iter().filter(|clause| clause.holds(view) == Truth::No);
    let nearest = failing.filter_map(|clause| {
        let alternatives = clause.alternatives.iter().filter(|tests| all(tests, view) == Truth::No);
        alternatives.min_by_key(|tests| tests.iter().filter(|test| test.holds(view) == Truth::No).count())
    });
    let tests = nearest.flatten().filter(|test| test.holds(view) == Truth::No);
    tests.map(|test| Miss { document: document(bound, rule.number), wants: wants(test, own), has: has(&test.field, view) }).collect()
}

/// What a test asks for.
fn wants(test: &Test, own: &str) -> String {
    let field = &test.field;
    let (values, not) = if field.wanted.is_empty() { (&field.unwanted, "other than ") } else { (&field.wanted, "") };
    let shown: Vec<String> = values.iter().take(MAX_VALUES).map(|value| shown(field, value, own)).collect();
    let more = if values.len() > MAX_VALUES { ", …" } else { "" };
    format!("{} {not}{}{more}", subject(field), shown.join(" or "))
}

/// A value with what it leaves unsaid.
fn shown(field: &Field, value: &Symbol, own: &str) -> String {
    match field.attribute {
        Attribute::Account if !value.contains('/') => format!("{own}/{value}"),
        Attribute::RequestPrincipal if &**value == "*" => "any user".to_owned(),
        Attribute::RequestPrincipal => match value.strip_suffix("/*") {
            Some(issuer) if !issuer.starts_with('*') => format!("any user of {issuer}"),
            _ => value.to_string(),
        },
        _ => value.to_string(),
    }
}

fn subject(field: &Field) -> String {
    match &field.attribute {
        Attribute::Principal | Attribute::Account => "caller".to_owned(),
        Attribute::Namespace => "caller in namespace".to_owned(),
        Attribute::TrustDomain => "caller of trust domain".to_owned(),
        Attribute::SourceAddress => "address".to_owned(),
        Attribute::DestinationAddress => "destination address".to_owned(),
        Attribute::Port => "port".to_owned(),
        Attribute::Host => "host".to_owned(),
        Attribute::Method => "method".to_owned(),
        Attribute::Path => "path".to_owned(),
        Attribute::RequestPrincipal => "token of".to_owned(),
        Attribute::Claim(path) => format!("claim {} with", joined(path, ".")),
        Attribute::Header(name) => format!("header {name} with"),
        Attribute::RemoteAddress | Attribute::ServerName | Attribute::EnvoyFilter | Attribute::InlineHeader(_) | Attribute::Copied(_) => {
            field.name()
        }
    }
}

/// What the connection has of what a test asks for.
fn has(field: &Field, view: &View<'_>) -> String {
    let request = |part: &dyn Fn(&crate::flow::Request) -> String| view.request.map_or_else(|| "no request".to_owned(), part);
    match &field.attribute {
        Attribute::Principal | Attribute::Account | Attribute::Namespace | Attribute::TrustDomain => {
            view.caller.map_or_else(|| "no identity".to_owned(), |pod| format!("{}/{}", pod.namespace, pod.account))
        }
        Attribute::SourceAddress => address(view.source),
        Attribute::DestinationAddress => address(view.destination),
        Attribute::Port => view.port.to_string(),
        Attribute::Host => request(&|request| request.host.trim_end_matches(':').to_owned()),
        Attribute::Method => request(&|request| request.method.to_string()),
        Attribute::Path => request(&|request| request.path.to_string()),
        Attribute::Header(name) if **name == *METHOD => request(&|request| request.method.to_string()),
        Attribute::Header(name) => request(&|request| match request.headers.get(name) {
            Some(value) => value.to_string(),
            None => format!("no header {name}"),
        }),
        Attribute::RequestPrincipal => view.token.map_or_else(|| "no token that was verified".to_owned(), |token| token.name()),
        Attribute::Claim(path) => claim(path, view),
        Attribute::ServerName => "no TLS, in which a server is named".to_owned(),
        Attribute::RemoteAddress | Attribute::EnvoyFilter | Attribute::InlineHeader(_) | Attribute::Copied(_) => "not known".to_owned(),
    }
}

fn claim(path: &[Symbol], view: &View<'_>) -> String {
    let Some(token) = view.token else { return "no token that was verified".to_owned() };
    let key = match path {
        [name] => name.to_string(),
        _ => super::token::nested(path),
    };
    let held: Vec<Symbol> = token.held(&key).take(MAX_VALUES).cloned().collect();
    match (&*key, held.is_empty()) {
        ("iss", true) => token.name(),
        (_, true) => format!("no claim {}", joined(path, ".")),
        (_, false) => joined(&held, ", "),
    }
}

fn address(addresses: Addresses<'_>) -> String {
    match addresses {
        Addresses::One(address) => address.to_string(),
        Addresses::Known(all) => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        Addresses::Within(_) => "an address that is not known".to_owned(),
    }
}

fn joined(words: &[Symbol], between: &str) -> String {
    words.iter().map(|word| &**word).collect::<Vec<_>>().join(between)
}
