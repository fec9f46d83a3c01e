//! Kinds of requests in writing, as the language has them where it can say them.
//!
//! Owns: the words. Nothing is shortened.

use crate::flow::{PathPattern, Symbol};

use super::{Choice, HeaderTest, Region, RequestKind, TokenPattern, WordPattern, sorted};

/// One kind, as `GET|HEAD /v1/{**} at shop.example.com header x-role=admin jwt none`.
pub(super) fn kind(kind: &RequestKind) -> String {
    if kind.is_any() {
        return "any HTTP".to_owned();
    }
    let mut text = words(&kind.methods);
    if let Choice::In(regions) = &kind.paths {
        text.push(' ');
        text.push_str(&joined(regions, path));
    }
    if kind.hosts != Choice::Any {
        text.push_str(" at ");
        text.push_str(&words(&kind.hosts));
    }
    for (name, test) in &kind.headers {
        text.push_str(" header ");
        text.push_str(&header(name, test));
    }
    if let Choice::In(regions) = &kind.tokens {
        text.push_str(" jwt ");
        text.push_str(&regions.iter().map(token).collect::<Vec<_>>().join(" or "));
    }
    text
}

/// Regions with `|` between them; where one has exceptions, whose `|` would be taken for that, with `or`.
fn joined<P>(regions: &[Region<P>], each: impl Fn(&Region<P>) -> String) -> String {
    let with = if regions.iter().all(|region| region.except.is_empty()) { "|" } else { " or " };
    regions.iter().map(each).collect::<Vec<_>>().join(with)
}

fn words(choice: &Choice<WordPattern>) -> String {
    match choice {
        Choice::Any => "*".to_owned(),
        Choice::In(regions) => joined(regions, word),
    }
}

fn word(region: &Region<WordPattern>) -> String {
    let list = |patterns: &[WordPattern], with: &str| patterns.iter().map(ToString::to_string).collect::<Vec<_>>().join(with);
    match (region.within.is_empty(), region.except.is_empty()) {
        (true, true) => "*".to_owned(),
        (true, false) => format!("!{}", list(&region.except, "|")),
        (false, true) => list(&region.within, " and "),
        (false, false) => format!("{} but {}", list(&region.within, " and "), list(&region.except, "|")),
    }
}

fn path(region: &Region<PathPattern>) -> String {
    let list = |patterns: &[PathPattern], with: &str| patterns.iter().map(ToString::to_string).collect::<Vec<_>>().join(with);
    let within = if region.within.is_empty() { "/*".to_owned() } else { list(&region.within, " and ") };
    if region.except.is_empty() { within } else { format!("{within} but {}", list(&region.except, "|")) }
}

fn header(name: &Symbol, test: &HeaderTest) -> String {
    match (&test.values, test.absent) {
        (None, _) => format!("{name} absent"),
        (Some(values), true) => format!("{name}={} or absent", words(values)),
        (Some(values), false) => format!("{name}={}", words(values)),
    }
}

fn token(region: &Region<TokenPattern>) -> String {
    let within = if region.within.is_empty() { "any".to_owned() } else { tokens(&region.within) };
    if region.except.is_empty() {
        within
    } else {
        format!("{within} but {}", region.except.iter().map(one_token).collect::<Vec<_>>().join("|"))
    }
}

/// Several patterns of one token: its issuer, then its claims.
fn tokens(patterns: &[TokenPattern]) -> String {
    let issuer = |pattern: &TokenPattern| match pattern {
        TokenPattern::None => "none".to_owned(),
        TokenPattern::Unverified => "unverified".to_owned(),
        TokenPattern::Valid { issuer, .. } => issuer.to_string(),
    };
    let claim = |pattern: &TokenPattern| match pattern {
        TokenPattern::Valid { claim: Some((name, value)), .. } => Some(format!("{name}={value}")),
        _ => None,
    };
    let parts: Vec<String> = sorted(patterns.iter().map(issuer)).into_iter().chain(patterns.iter().filter_map(claim)).collect();
    parts.join(" ")
}

fn one_token(pattern: &TokenPattern) -> String {
    tokens(std::slice::from_ref(pattern))
}
