//! The headers of a request: those that a flow names, and those that it has whatever the flow says.
//!
//! Owns: how the values of a rule are compared with a header. It must not know of rules and policies.

use super::truth::Truth;
use super::view::View;
use super::words::Word;
use crate::flow::{Request, Symbol, Token};

/// The header in which a token usually travels, behind [`BEARER`].
pub(super) const AUTHORIZATION: &str = "authorization";

/// What stands before a token.
const BEARER: &str = "Bearer ";

/// The header that says what a request holds.
const CONTENT_TYPE: &str = "content-type";

/// How its value begins for a gRPC call; what it is encoded in may stand behind (grpc/grpc : doc/PROTOCOL-HTTP2.md).
pub(crate) const GRPC: &str = "application/grpc";

/// The header in which a proxy tells the certificate of whoever connects to it.
const CERTIFICATE: &str = "x-forwarded-client-cert";

/// The headers that Envoy sets before any filter looks at a request, unless they are there (`source/common/http/conn_manager_utility.cc`).
const ALWAYS_SET: [&str; 2] = ["x-forwarded-proto", "x-request-id"];

/// How the headers begin that Envoy may add for itself, on either side.
const ENVOY: &str = "x-envoy-";

/// Whether a header of a request has one of these values.
pub(super) fn matches(name: &str, words: &[Word], request: &Request, view: &View<'_>) -> Truth {
    match request.headers.get(name) {
        Some(value) => said(name, words, value),
        None => unsaid(name, words, request, view),
    }
}

/// Whether it may be left open for some request.
pub(super) fn may_be_open(name: &str, words: &[Word]) -> bool {
    let is_told_in_part = [AUTHORIZATION, CONTENT_TYPE].contains(&name);
    words.contains(&Word::Present) || is_told_in_part || may_be_set(name) || name == CERTIFICATE
}

/// The value of a header. Whether one that is there and empty is present to `*` the sources disagree on (`semantics.md` §2.5).
fn said(name: &str, words: &[Word], value: &str) -> Truth {
    let matches = words.iter().any(|word| word.matches(value));
    match value {
        "" if words.contains(&Word::Present) && !matches => Truth::Open("a header is there and empty"),
        GRPC if name == CONTENT_TYPE && !matches && words.iter().any(|word| may_be_longer(word, GRPC)) => {
            Truth::Open("how the messages of a gRPC call are encoded is not known")
        }
        _ => Truth::of(matches),
    }
}

/// A header that the flow does not name: it is not there, unless something else than the caller's choice puts it there.
fn unsaid(name: &str, words: &[Word], request: &Request, view: &View<'_>) -> Truth {
    if may_be_set(name) || name == CERTIFICATE && view.caller.is_some() {
        return Truth::Open("proxies set this header, and what it is then is not known");
    }
    let bears = name == AUTHORIZATION && request.token != Token::None && !view.token.is_some_and(|token| token.is_taken_out());
    if bears && words.iter().any(|word| may_be_longer(word, BEARER)) {
        return Truth::Open("the token may travel in this header");
    }
    Truth::No
}

fn may_be_set(name: &str) -> bool {
    ALWAYS_SET.contains(&name) || name.starts_with(ENVOY)
}

/// Whether a value may match some word that begins so.
fn may_be_longer(word: &Word, start: &str) -> bool {
    match word {
        Word::Present | Word::Suffix(_) => true,
        Word::Prefix(text) => text.starts_with(start) || start.starts_with(&**text),
        Word::Exact(text) => text.starts_with(start),
    }
}

/// A token of which nothing is known: it shows whether a rule looks at the header in which tokens travel.
pub(super) fn some_token() -> Token {
    Token::Valid { issuer: Symbol::from("https://nobody"), claims: std::collections::BTreeMap::new() }
}
