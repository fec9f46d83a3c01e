//! Which texts the API server takes for names, labels and port names.
//!
//! Owns: the forms of `semantics.md` §1.9, as tests. It must not report anything.

/// The longest name of an object, and the longest prefix of a label's key.
const LONGEST_NAME: usize = 253;
/// The longest value of a label, and the longest name of a namespace.
const LONGEST_LABEL: usize = 63;
/// The longest name of a port.
const LONGEST_PORT_NAME: usize = 15;

/// What the value of a label must be.
pub(crate) const LABEL_VALUE: &str = "a label's value is at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends";
/// What the name of an object must be.
pub(crate) const OBJECT_NAME: &str =
    "an object's name has lower-case letters, digits, `-` and `.`, with a letter or digit at both ends of each part";
/// What the name of a namespace must be.
pub(crate) const NAMESPACE_NAME: &str = "a namespace's name has at most 63 lower-case letters, digits and `-`";

/// Whether an object may be called so: DNS labels with dots between them.
pub(crate) fn is_object_name(text: &str) -> bool {
    text.len() <= LONGEST_NAME && text.split('.').all(is_dns_word)
}

/// Whether a namespace may be called so.
pub(crate) fn is_namespace_name(text: &str) -> bool {
    text.len() <= LONGEST_LABEL && is_dns_word(text)
}

/// Whether it may be the key of a label: a name, with a domain and a `/` before it or without.
pub(crate) fn is_label_key(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    !name.is_empty() && is_label_value(name) && prefix.is_none_or(is_object_name)
}

/// Whether it may be the value of a label; it may be empty.
pub(crate) fn is_label_value(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends = [text.bytes().next(), text.bytes().next_back()];
    text.len() <= LONGEST_LABEL && text.bytes().all(inside) && ends.into_iter().flatten().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether a port may be called so.
pub(crate) fn is_port_name(text: &str) -> bool {
    text.len() <= LONGEST_PORT_NAME && is_dns_word(text) && !text.contains("--") && text.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// Lower-case letters, digits and `-`, the last not at an end.
fn is_dns_word(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(inside) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_api_server_takes() {
        for (name, holds) in [("db", true), ("a.b-c.0", true), ("A", false), ("a..b", false), ("", false), ("-a", false), ("a_b", false)] {
            assert_eq!(is_object_name(name), holds, "{name}");
        }
        assert!(is_object_name(&"a".repeat(253)) && !is_object_name(&"a".repeat(254)));
        assert!(is_namespace_name("shop") && !is_namespace_name("shop.eu") && !is_namespace_name(&"a".repeat(64)));
        for (key, holds) in
            [("app", true), ("App_1", true), ("example.com/app", true), ("/app", false), ("a/b/c", false), ("", false), ("a b", false)]
        {
            assert_eq!(is_label_key(key), holds, "{key}");
        }
        for (value, holds) in [("", true), ("a", true), ("A_b.c-9", true), ("-a", false), ("a.", false), ("a/b", false), ("ä", false)] {
            assert_eq!(is_label_value(value), holds, "{value}");
        }
        for (name, holds) in
            [("http", true), ("8080", false), ("a--b", false), ("web-2", true), ("Http", false), ("a234567890123456", false)]
        {
            assert_eq!(is_port_name(name), holds, "{name}");
        }
    }
}
