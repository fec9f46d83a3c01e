//! The words of the language, and what a word is.
//!
//! Owns: the lists of keywords and the tests on single tokens. It must agree with `grammar/intent.pest`, which a test holds.

/// Words that start a statement.
pub(crate) const STATEMENT: &[&str] =
    &["namespace", "external", "close", "workload", "group", "network", "issuer", "allow", "deny", "audit", "expect"];

/// Words with which a deeper line carries a statement on.
pub(crate) const CLAUSE: &[&str] = &[
    "mtls",
    "plaintext",
    "http",
    "at",
    "header",
    "grpc",
    "jwt",
    "claim",
    "until",
    "because",
    "accept",
    "labels",
    "mesh",
    "waypoint",
    "open",
    "account",
    "port",
    "unmeshed",
    "except",
    "jwks",
    "audience",
];

/// The other words that are no names.
pub(crate) const OTHER: &[&str] =
    &["internet", "in", "outside", "out", "or", "but", "as", "host", "nodes", "apiserver", "metadata", "anywhere"];

/// Whether a word is a keyword, so that nothing can be named by it without quotes.
pub(crate) fn is_keyword(word: &str) -> bool {
    STATEMENT.contains(&word) || CLAUSE.contains(&word) || OTHER.contains(&word)
}

/// Whether a text is one word: letters and digits, joined by `-` `_` `.` and ending in none of those.
pub(crate) fn is_word(text: &str) -> bool {
    !text.is_empty() && word_length(text.as_bytes()) == text.len()
}

/// How many bytes of the start of `bytes` are one word.
pub(crate) fn word_length(bytes: &[u8]) -> usize {
    let run = bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric() || is_joiner(**byte)).count();
    let joiners = bytes.iter().take(run).rev().take_while(|byte| is_joiner(**byte)).count();
    if bytes.first().copied().is_some_and(is_joiner) { 0 } else { run - joiners }
}

/// Whether a byte joins the parts of a word.
fn is_joiner(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.')
}

/// A value as the language writes it, in quotes if it is no word.
pub(crate) fn value_text(value: &str) -> String {
    if is_word(value) { value.to_owned() } else { quoted(value) }
}

/// A path as the language writes it, in quotes if it needs them.
pub(crate) fn path_text(path: &str) -> String {
    if is_bare_path(path) { path.to_owned() } else { quoted(path) }
}

/// A text in quotes.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The methods that requests usually have. In a flow they may stand without `http` before them.
pub(crate) const USUAL_METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"];

/// A method as a flow writes it, with `http` before it where it needs that.
pub(crate) fn method_text(method: &str) -> String {
    if USUAL_METHODS.contains(&method) { method.to_owned() } else { format!("http {method}") }
}

/// Whether a path pattern can stand without quotes.
pub(crate) fn is_bare_path(text: &str) -> bool {
    text.starts_with('/') && path_length(text) == text.len()
}

/// How many bytes of the start of `text` are a path without quotes.
pub(crate) fn path_length(text: &str) -> usize {
    let mut length = 0;
    while let Some(rest) = text.get(length..).filter(|rest| !rest.is_empty()) {
        let step = path_step(rest);
        if step == 0 {
            break;
        }
        length += step;
    }
    length
}

/// The length of the path character or closed pattern at the start of `rest`; none is 0.
fn path_step(rest: &str) -> usize {
    match rest.as_bytes().first() {
        Some(b'{') if rest.starts_with("{**}") => 4,
        Some(b'{') if rest.starts_with("{*}") => 3,
        Some(byte) if byte.is_ascii_alphanumeric() || b"/-._~%!$&'*+;=:@".contains(byte) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words in quotes of a rule of the grammar.
    fn quoted_in(rule: &str) -> Vec<&'static str> {
        let grammar = include_str!("../../grammar/intent.pest");
        let rest = grammar.split_once(&format!("\n{rule} = ")).unwrap().1;
        rest.split("\n\n").next().unwrap().split('"').skip(1).step_by(2).collect()
    }

    #[test]
    fn the_grammar_has_the_same_keywords() {
        assert_eq!(quoted_in("statement_word"), STATEMENT);
        assert_eq!(quoted_in("clause_word"), CLAUSE);
        assert_eq!(quoted_in("keyword"), OTHER);
    }

    #[test]
    fn words_never_end_in_a_joiner() {
        assert_eq!(word_length(b"web->db"), 3);
        assert_eq!(word_length(b"a--b__c.d-"), 9);
        assert_eq!(word_length(b"-a"), 0);
        assert!(is_word("2027-03-31") && !is_word("") && !is_word("a-") && !is_word("a b"));
    }

    #[test]
    fn paths_take_closed_patterns_only() {
        assert!(is_bare_path("/v1/{**}") && is_bare_path("/a/{*}/b;c=%20"));
        assert!(!is_bare_path("/v1/{*") && !is_bare_path("/a,b") && !is_bare_path("v1") && !is_bare_path("/{id}"));
    }
}
