//! The path of a request as it arrives: what the mesh does to it before anything compares it (`semantics.md` §2.7).
//!
//! Owns: `arrived`, and which paths are resolved on the way. It must not know patterns.

use crate::flow::PathNormalization;

/// Letters that clients send as they are, though URLs have others for them, and that stand in no path of a rule.
const UNRULED: [char; 4] = ['[', ']', '|', '^'];

/// A path as it arrives where a client sends this one.
pub(super) fn arrived(typed: &str, mode: PathNormalization) -> String {
    match mode {
        PathNormalization::None => typed.to_owned(),
        PathNormalization::Base => base(typed),
        PathNormalization::MergeSlashes => merged(&base(typed)),
        PathNormalization::DecodeAndMergeSlashes => merged(&base(&decoded(typed, |byte| b"/\\".contains(&byte)))),
    }
}

/// Whether a text is a path that a client can send, whatever becomes of it on the way.
fn is_path(text: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "/\\-._~%!$&'()+;:@=".contains(letter) || UNRULED.contains(&letter);
    let is_escape = |rest: &str| rest.get(..2).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    text.starts_with('/') && text.chars().all(is_letter) && text.split('%').skip(1).all(is_escape)
}

/// Whether a text is a path that clients can send and that no rule can name: proxies usually turn it into another one, or it holds
/// letters of which rules have none.
pub(super) fn is_only_sent(text: &str) -> bool {
    let path = without_query(text);
    is_path(path) && (path != text || path.contains(UNRULED) || base(path) != path)
}

/// A path without its query, of which no policy sees anything (`semantics.md` §2.7).
pub(super) fn without_query(path: &str) -> &str {
    path.find(['?', '#']).and_then(|at| path.get(..at)).unwrap_or(path)
}

/// Letters that need no percent sign are written without one, backslashes are slashes, dot segments are resolved.
fn base(path: &str) -> String {
    let plain = decoded(path, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)).replace('\\', "/");
    let mut kept: Vec<&str> = Vec::new();
    let mut is_open = false;
    for segment in plain.split('/').skip(1) {
        is_open = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    if is_open {
        kept.push("");
    }
    format!("/{}", kept.join("/"))
}

/// Slashes in a row are one.
fn merged(path: &str) -> String {
    let mut before = ' ';
    let is_more = |letter: &char| {
        let is_kept = !(before == '/' && *letter == '/');
        before = *letter;
        is_kept
    };
    path.chars().filter(is_more).collect()
}

/// The path with escapes of some bytes decoded.
fn decoded(path: &str, is_decoded: impl Fn(u8) -> bool) -> String {
    let mut pieces = path.split('%');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
        if let Some(byte) = u8::from_str_radix(digits, 16).ok().filter(|byte| is_decoded(*byte)) {
            text.push(char::from(byte));
            text.push_str(rest);
        } else {
            text.push('%');
            text.push_str(piece);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_does_what_it_says() {
        use PathNormalization::{Base, DecodeAndMergeSlashes, MergeSlashes, None};
        let all = |typed: &str| [None, Base, MergeSlashes, DecodeAndMergeSlashes].map(|mode| arrived(typed, mode));
        assert_eq!(all("/a/b"), ["/a/b"; 4]);
        assert_eq!(all("/"), ["/"; 4]);
        assert_eq!(all("//a"), ["//a", "//a", "/a", "/a"]);
        assert_eq!(all("/%2Fa"), ["/%2Fa", "/%2Fa", "/%2Fa", "/a"]);
        assert_eq!(all("/a%5cb"), ["/a%5cb", "/a%5cb", "/a%5cb", "/a/b"]);
        assert_eq!(all("/a\\b"), ["/a\\b", "/a/b", "/a/b", "/a/b"]);
        assert_eq!(all("/a/./b/../c"), ["/a/./b/../c", "/a/c", "/a/c", "/a/c"]);
        assert_eq!(all("/a/%2E%2e/b"), ["/a/%2E%2e/b", "/b", "/b", "/b"]);
        assert_eq!(all("/%70ublic%20x"), ["/%70ublic%20x", "/public%20x", "/public%20x", "/public%20x"]);
        assert_eq!(all("/a/.."), ["/a/..", "/", "/", "/"]);
        assert_eq!(all("/a/b/."), ["/a/b/.", "/a/b/", "/a/b/", "/a/b/"]);
        assert_eq!(all("/../a"), ["/../a", "/a", "/a", "/a"]);
        assert_eq!(all("/a//../b"), ["/a//../b", "/a/b", "/a/b", "/a/b"], "a segment may be empty");
        assert_eq!(all("/a/..%2Fb"), ["/a/..%2Fb", "/a/..%2Fb", "/a/..%2Fb", "/b"]);
        assert_eq!(all("/%252e"), ["/%252e"; 4], "nothing is decoded twice");
    }

    #[test]
    fn what_no_client_sends_is_no_path() {
        assert!(is_path("/a/../%2F;x=1") && is_path("/"));
        for text in ["", "a", "/a b", "/a%2", "/a%zz", "/{id}", "/*", "/a?b", "/ü"] {
            assert!(!is_path(text), "{text}");
        }
    }
}
