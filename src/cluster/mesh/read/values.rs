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
        _ if text.starts_with("experimental.envoy.filters.") => Attribute::EnvoyFilter,
        _ => {
            return bracketed(text).ok_or_else(|| match nearest(text, PLAIN) {
                Some(close) => format!("there is no attribute of this name; near is `{close}`"),
                None => "there is no attribute of this name".to_owned(),
            });
        }
    })
}

/// `request.headers[x]` and `request.auth.claims[a][b]`.
fn bracketed(text: &str) -> Option<Attribute> {
    if let Some(name) = text.strip_prefix("request.headers") {
        let name = brackets(name)?;
        return match name.as_slice() {
            [name] => Some(Attribute::Header(name.to_lowercase().into())),
            _ => None,
        };
    }
    brackets(text.strip_prefix("request.auth.claims")?).map(Attribute::Claim)
}

/// `[a][b]` as `a`, `b`.
fn brackets(text: &str) -> Option<Vec<Symbol>> {
    let names: Vec<Symbol> = text.strip_prefix('[')?.strip_suffix(']')?.split("][").map(Symbol::from).collect();
    names.iter().all(|name| !name.is_empty() && !name.contains(['[', ']'])).then_some(names)
}
