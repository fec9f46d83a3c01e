//! The syntax of single values: ports, addresses, accounts, path templates, keys of conditions.
//!
//! Owns: what Istio's webhook says of each. Every function gives the reason why a value is refused, or nothing.

use crate::cluster::mesh::rule::Attribute;
use crate::cluster::mesh::test::is_template;
use crate::diagnostic::nearest;
use crate::flow::{Prefix, PrefixError, Symbol};

/// A port: a decimal from 0 to 65535, no name and no range (`semantics.md` §2.7).
pub(super) fn port(text: &str) -> Option<String> {
    let good = text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok();
    (!good).then(|| "a port is a decimal number from 0 to 65535".to_owned())
}

/// An address or a block.
pub(super) fn address(text: &str) -> Option<String> {
    match Prefix::parse(text) {
        Err(PrefixError::Unreadable(reason)) => Some(reason),
        _ => None,
    }
}

/// A service account: `name` or `namespace/name`, no wildcard, at most 320 letters (`semantics.md` §2.6).
pub(super) fn account(text: &str) -> Option<String> {
    let parts = text.split('/').count();
    let empty = text.split('/').any(str::is_empty);
    (parts > 2 || empty || text.contains('*') || text.len() > 320)
        .then(|| "an account is `name` or `namespace/name`, without wildcards".to_owned())
}

/// A trust domain.
pub(super) fn trust_domain(text: &str) -> Option<String> {
    text.contains('/').then(|| "a trust domain has no `/`".to_owned())
}

/// A path; one with `{*}` or `{**}` in it is a template (`semantics.md` §2.7).
pub(super) fn path(text: &str) -> Option<String> {
    if !is_template(text) {
        return None;
    }
    let mut ended = false;
    for segment in text.split('/') {
        let operator = matches!(segment, "{*}" | "{**}");
        if !operator && segment.contains(['{', '}', '*']) {
            return Some("`{*}` and `{**}` are whole segments, and a template has no other `*` and braces".to_owned());
        }
        if operator && ended {
            return Some("`{**}` is the last operator".to_owned());
        }
        ended |= segment == "{**}";
    }
    None
}

/// The attribute that a condition's key names (`semantics.md` §2.8); the reason if there is none.
pub(super) fn key(text: &str) -> Result<Attribute, String> {
    const PLAIN: [&str; 12] = [
        "source.ip",
        "source.namespace",
        "source.principal",
        "source.serviceAccount",
        "source.trustDomain",
        "remote.ip",
        "destination.ip",
        "destination.port",
        "connection.sni",
        "request.auth.principal",
        "request.auth.audiences",
        "request.auth.presenter",
    ];
    let claim = |name: &str| Attribute::Claim(vec![name.into()]);
    Ok(match text {
        "source.ip" => Attribute::SourceAddress,
        "source.namespace" => Attribute::Namespace,
        "source.principal" => Attribute::Principal,
        "source.serviceAccount" => Attribute::Account,
        "source.trustDomain" => Attribute::TrustDomain,
        "remote.ip" => Attribute::RemoteAddress,
        "destination.ip" => Attribute::DestinationAddress,
        "destination.port" => Attribute::Port,
        "connection.sni" => Attribute::ServerName,
        "request.auth.principal" => Attribute::RequestPrincipal,
        "request.auth.audiences" => claim("aud"),
        "request.auth.presenter" => claim("azp"),
        _ if text.starts_with("experimental.envoy.filters.") => return filter(text),
        _ => {
            return bracketed(text).ok_or_else(|| match nearest(text, PLAIN) {
                Some(close) => format!("there is no attribute of this name; near is `{close}`"),
                None => "there is no attribute of this name".to_owned(),
            });
        }
    })
}

/// `experimental.envoy.filters.a[b]`.
fn filter(text: &str) -> Result<Attribute, String> {
    let inside = text.strip_suffix(']').and_then(|text| text.split_once('['));
    let is_whole = inside.is_some_and(|(_, inside)| !inside.is_empty());
    is_whole.then_some(Attribute::EnvoyFilter).ok_or_else(|| "what a filter says is named as `a[b]`".to_owned())
}

/// `request.headers[x]`, `request.experimental.inline.headers[x]` and `request.auth.claims[a][b]`.
fn bracketed(text: &str) -> Option<Attribute> {
    let named = |name: &str| match brackets(name)?.as_slice() {
        [name] => Some(Symbol::from(name.to_lowercase())),
        _ => None,
    };
    if let Some(name) = text.strip_prefix("request.headers") {
        return named(name).map(Attribute::Header);
    }
    if let Some(name) = text.strip_prefix("request.experimental.inline.headers") {
        return named(name).map(Attribute::InlineHeader);
    }
    brackets(text.strip_prefix("request.auth.claims")?).map(Attribute::Claim)
}

/// `[a][b]` as `a`, `b`.
fn brackets(text: &str) -> Option<Vec<Symbol>> {
    let names: Vec<Symbol> = text.strip_prefix('[')?.strip_suffix(']')?.split("][").map(Symbol::from).collect();
    names.iter().all(|name| !name.is_empty() && !name.contains(['[', ']'])).then_some(names)
}

/// A header that something is copied to.
pub(super) fn copied_header(text: &str) -> Option<String> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (!is_plain).then(|| "a header is named by letters, digits, `-` and `_`".to_owned())
}

/// A time, as Go writes it, that is not shorter than a millisecond.
pub(super) fn time(text: &str) -> Option<String> {
    let is_time = nanoseconds(text.strip_prefix('+').unwrap_or(text)).is_some_and(|time| time >= 1_000_000);
    (!is_time).then(|| "a time of at least `1ms` is expected, as `5s`".to_owned())
}

fn nanoseconds(text: &str) -> Option<u128> {
    const UNITS: [(&str, u128); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("\u{b5}s", 1_000),
        ("\u{3bc}s", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    let (mut rest, mut sum) = (text, None);
    while !rest.is_empty() {
        let (whole, behind) = digits(rest);
        let (part, behind) = behind.strip_prefix('.').map_or(("", behind), digits);
        let unit_end = behind.find(|letter: char| letter == '.' || letter.is_ascii_digit()).unwrap_or(behind.len());
        let (name, next) = behind.split_at_checked(unit_end)?;
        let (_, unit) = UNITS.into_iter().find(|(known, _)| *known == name)?;
        if whole.is_empty() && part.is_empty() {
            return None;
        }
        let number = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u32>().ok().map(u128::from) };
        let scale = 10_u128.checked_pow(u32::try_from(part.len()).ok()?)?;
        let time = number(whole)?.checked_mul(unit)?.checked_add(number(part)?.checked_mul(unit)? / scale)?;
        sum = Some(sum.unwrap_or(0_u128).checked_add(time)?);
        rest = next;
    }
    sum
}

/// The digits at the front, and what is behind them.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}
