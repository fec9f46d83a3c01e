//! Names, labels and addresses as Kubernetes accepts them.
//!
//! Owns: the checks of single words, each with its finding. It must not know statements.

use crate::diagnostic::{Diagnostic, code};
use crate::flow::{Prefix, PrefixError};
use crate::source::Location;

/// A namespace, service account or workload name: a DNS label (`semantics.md` §1.9).
pub(super) fn check_name(name: &str, location: Location, what: &str) -> Option<Diagnostic> {
    let letters = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !name.is_empty() && name.len() <= 63 && letters && !name.starts_with('-') && !name.ends_with('-') {
        return None;
    }
    Some(invalid(
        location,
        format!("`{name}` is no {what} name"),
        "at most 63 lower-case letters, digits and `-`, with a letter or digit at both ends",
    ))
}

/// A service account's name: a DNS subdomain.
pub(super) fn check_account(name: &str, location: Location) -> Option<Diagnostic> {
    if is_subdomain(name) {
        return None;
    }
    Some(invalid(location, format!("`{name}` is no service account name"), "at most 253 lower-case letters, digits, `-` and `.`"))
}

/// A label, key and value (`semantics.md` §1.9); every word that does not fit gives a finding.
pub(super) fn check_label(key: &str, key_at: Location, value: &str, value_at: Location) -> Vec<Diagnostic> {
    check_label_key(key, key_at).into_iter().chain(check_label_value(value, value_at)).collect()
}

/// A label key: an optional DNS subdomain and `/`, then at most 63 characters.
pub(super) fn check_label_key(key: &str, location: Location) -> Option<Diagnostic> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let valid = prefix.is_none_or(is_subdomain) && !name.is_empty() && is_label_text(name);
    (!valid).then(|| {
        invalid(
            location,
            format!("`{key}` is no label key"),
            "an optional domain and `/`, then at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends",
        )
    })
}

/// A label value: empty, or at most 63 characters.
pub(super) fn check_label_value(value: &str, location: Location) -> Option<Diagnostic> {
    (!is_label_text(value)).then(|| {
        invalid(
            location,
            format!("`{value}` is no label value"),
            "at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends; or empty",
        )
    })
}

fn is_label_text(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let edge = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63 && bytes.iter().copied().all(inner) && edge(bytes.first()) && edge(bytes.last())
}

fn is_subdomain(text: &str) -> bool {
    let label = |part: &str| {
        let inner = part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        !part.is_empty() && inner && !part.starts_with('-') && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn invalid(location: Location, message: String, rule: &str) -> Diagnostic {
    Diagnostic::new(code::INVALID_NAME, location, message).label("not accepted by Kubernetes").help(format!("write {rule}"))
}

/// An address block as it may stand in an endpoint or a network.
pub(super) fn check_block(text: &str, location: Location) -> Result<Prefix, Box<Diagnostic>> {
    let finding = match Prefix::parse(text) {
        Ok(prefix) => return Ok(prefix),
        Err(PrefixError::HostBits { block, host }) => host_bits(text, location, &block, &host),
        Err(PrefixError::Unreadable(reason)) => Diagnostic::new(code::INVALID_ADDRESS, location, format!("`{text}` is no address block"))
            .label(reason)
            .help("write it as `10.0.0.0/8`, `192.0.2.7` or `[2001:db8::/32]`"),
    };
    Err(Box::new(finding))
}

/// Both readings are offered, none is chosen: plugins disagree on what such a block means (`semantics.md` §1.9).
/// An edit needs no brackets: the span of an address lies inside them.
fn host_bits(text: &str, location: Location, block: &Prefix, host: &Prefix) -> Diagnostic {
    Diagnostic::new(code::HOST_BITS, location, format!("`{text}` has bits set behind its prefix"))
        .label("the whole block, or one address?")
        .note("Kubernetes refuses such a block since 1.36; before that, network plugins disagreed about its meaning")
        .fix(format!("for the whole block write `{block}`"), location, block.to_string())
        .fix(format!("for the one address write `{host}`"), location, host.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kubernetes() {
        let at = Location::default();
        for good in ["a", "web-1", "0a"] {
            assert!(check_name(good, at, "namespace").is_none(), "{good}");
        }
        for bad in ["", "Web", "-a", "a-", "a.b", &"x".repeat(64)] {
            assert!(check_name(bad, at, "namespace").is_some(), "{bad}");
        }
    }

    #[test]
    fn labels_follow_kubernetes() {
        let at = Location::default();
        for (key, value) in [("app", "web"), ("app.kubernetes.io/name", ""), ("a_b.C", "A_b.c-1")] {
            assert!(check_label(key, at, value, at).is_empty(), "{key}={value}");
        }
        assert_eq!(check_label("/x", at, "-a", at).len(), 2);
        assert_eq!(check_label("a/b/c", at, &"v".repeat(64), at).len(), 2);
        assert_eq!(check_label("Dom.ain/x", at, "a b", at).len(), 2);
    }

    #[test]
    fn host_bits_offer_both_readings() {
        let finding = check_block("192.168.1.1/18", Location::default()).unwrap_err();
        let texts: Vec<&str> = finding.helps.iter().flat_map(|help| help.edits.iter().map(|edit| edit.text.as_str())).collect();
        assert_eq!(texts, ["192.168.0.0/18", "192.168.1.1/32"]);
    }
}
