//! Reads `RequestAuthentication`.
//!
//! Owns: its fields and what is refused of them (`semantics.md` §4.10).

use super::super::keys::Keys;
use super::super::token::{Forward, Output, Presence, Provider, TokenPlace, TokenPolicy};
use super::{Allowed, attachment, dry_run, spec, values, words};
use crate::cluster::object::Object;
use crate::manifest::{Node, Reading};

/// The most rules (`semantics.md` §4.10).
const MAX_RULES: usize = 4096;

/// The most claims that are named as holding several words.
const MAX_SPACED: usize = 64;

/// The longest address of keys.
const MAX_URI: usize = 2048;

/// Reads a policy; nothing if it has findings.
pub(in super::super) fn read(object: Object, root: &Node<'_>, reading: &mut Reading<'_>) -> Option<TokenPolicy> {
    let spec = spec(root, reading);
    spec.only(reading, &["selector", "targetRef", "targetRefs", "jwtRules"]);
    dry_run(&object, Allowed::No, root, reading);
    let attachment = attachment(&spec, reading);
    let node = spec.get(reading, "jwtRules");
    let rules = node.list(reading);
    if rules.len() > MAX_RULES {
        node.wrong(reading, "at most 4096 rules are accepted");
    }
    let providers = rules.iter().map(|node| provider(node, reading)).collect();
    let policy = TokenPolicy { object, attachment, providers };
    reading.is_clean().then_some(policy)
}

const FIELDS: [&str; 14] = [
    "issuer",
    "audiences",
    "jwksUri",
    "jwks_uri",
    "jwks",
    "fromHeaders",
    "fromParams",
    "fromCookies",
    "outputPayloadToHeader",
    "outputClaimToHeaders",
    "forwardOriginalToken",
    "timeout",
    "presence",
    "spaceDelimitedClaims",
];

fn provider(node: &Node<'_>, reading: &mut Reading<'_>) -> Provider {
    node.only(reading, &FIELDS);
    if node.is_missing() {
        node.wrong(reading, "a rule is expected");
    }
    let issuer_node = node.get(reading, "issuer");
    let issuer = issuer_node.symbol(reading);
    if issuer.is_none() && !issuer_node.is_missing() {
        issuer_node.wrong(reading, "an issuer is not empty");
    }
    let keys = keys(node, reading);
    if issuer.is_none() && !matches!(keys, Keys::At(_)) && reading.is_clean() {
        node.wrong(reading, "`issuer` or `jwksUri` is expected");
    }
    let timeout = node.get(reading, "timeout");
    if let Some(reason) = timeout.text(reading).and_then(values::time) {
        timeout.wrong(reading, &reason);
    }
    let spaced = words(node, "spaceDelimitedClaims", reading);
    if spaced.len() > MAX_SPACED {
        node.get(reading, "spaceDelimitedClaims").wrong(reading, "at most 64 claims are accepted");
    }
    Provider {
        issuer,
        keys,
        audiences: words(node, "audiences", reading),
        place: place(node, reading),
        presence: presence(node, reading),
        forward: if node.get(reading, "forwardOriginalToken").is_true(reading) { Forward::Yes } else { Forward::No },
        spaced,
        outputs: outputs(node, reading),
    }
}

/// Whose keys these are; at most one of the three ways to give keys is accepted.
fn keys(node: &Node<'_>, reading: &mut Reading<'_>) -> Keys {
    let nodes = ["jwksUri", "jwks_uri", "jwks"].map(|key| node.get(reading, key));
    if nodes.iter().filter(|node| !node.is_missing()).count() > 1 {
        node.wrong(reading, "only one of `jwksUri` and `jwks` can be set");
    }
    let [first, second, inline] = &nodes;
    for node in [first, second] {
        let Some(text) = node.text(reading) else { continue };
        let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        if host.is_none_or(str::is_empty) || text.len() > MAX_URI {
            node.wrong(reading, "an address that begins with `https://` or `http://` is expected");
        }
    }
    let at = [first, second].iter().find_map(|node| node.symbol(reading)).map(Keys::At);
    let written = inline.text(reading).map(|text| Keys::Written(text.into()));
    at.or(written).unwrap_or(Keys::Named)
}

/// Where the token is looked for. Who names the bearer header among other places looks there as who names none.
fn place(node: &Node<'_>, reading: &mut Reading<'_>) -> TokenPlace {
    let headers = node.get(reading, "fromHeaders").list(reading);
    let bearers = headers.iter().filter(|header| is_bearer(header, reading)).count();
    let params = words(node, "fromParams", reading);
    let cookies = words(node, "fromCookies", reading);
    let names_none = headers.is_empty() && params.is_empty() && cookies.is_empty();
    if bearers > 0 || names_none { TokenPlace::Usual } else { TokenPlace::Own }
}

/// Whether a header that is named for tokens is the one that is looked into where none is named (`semantics.md` §4.5).
fn is_bearer(header: &Node<'_>, reading: &mut Reading<'_>) -> bool {
    header.only(reading, &["name", "prefix"]);
    let name_node = header.get(reading, "name");
    let name = name_node.symbol(reading);
    if name.is_none() {
        name_node.wrong(reading, "a header needs a name");
    }
    let prefix = header.get(reading, "prefix").symbol(reading);
    name.is_some_and(|name| name.eq_ignore_ascii_case("authorization")) && prefix.as_deref() == Some("Bearer ")
}

fn presence(node: &Node<'_>, reading: &mut Reading<'_>) -> Presence {
    let node = node.get(reading, "presence");
    match node.text(reading) {
        None | Some("OPTIONAL") => Presence::Optional,
        Some("REQUIRED") => Presence::Required,
        Some(_) => {
            node.wrong(reading, "`OPTIONAL` or `REQUIRED` is expected");
            Presence::Optional
        }
    }
}

/// The headers that tokens are copied to.
fn outputs(node: &Node<'_>, reading: &mut Reading<'_>) -> Vec<Output> {
    let whole = node.get(reading, "outputPayloadToHeader").text(reading);
    let mut outputs: Vec<Output> = whole.iter().map(|header| Output { header: header.to_lowercase().into(), claim: None }).collect();
    for copy in node.get(reading, "outputClaimToHeaders").list(reading) {
        copy.only(reading, &["header", "claim"]);
        let [header, claim] = ["header", "claim"].map(|key| {
            let part = copy.get(reading, key);
            let said = part.symbol(reading);
            if said.is_none() {
                part.wrong(reading, "a header and a claim are expected");
            }
            if let Some(reason) = said.as_deref().filter(|_| key == "header").and_then(values::copied_header) {
                part.wrong(reading, &reason);
            }
            said
        });
        outputs.extend(header.map(|header| Output { header: header.to_lowercase().into(), claim }));
    }
    outputs
}
