//! What the API server and Istio's webhook would refuse, and what `semantics.md` says never to emit.
//!
//! It judges objects, not flows; a finding starts with `refused:` or `never emit:` and names the object.

use std::collections::BTreeMap;

use serde_yaml::Value;

use super::address::Block;
use super::authorization::{self, Attribute};
use super::read::{self, Metadata, Parsed};

mod istio;
mod kubernetes;

/// The findings on one stream, in its order; empty means that a server takes every object.
pub(crate) fn validate(yaml_stream: &str) -> Vec<String> {
    let mut seen = Vec::new();
    read::trees(yaml_stream)
        .into_iter()
        .flat_map(|tree| tree.map_or_else(|e| vec![format!("refused: {e}")], |tree| document(&tree, &mut seen)))
        .collect()
}

fn document(tree: &Value, seen: &mut Vec<String>) -> Vec<String> {
    let parsed = match read::parse(tree) {
        Ok(parsed) => parsed,
        Err(error) => return vec![format!("refused: {error}")],
    };
    let mut problems = Problems::default();
    let (kind, meta) = match &parsed {
        Parsed::Network(meta, _) => ("NetworkPolicy", meta),
        Parsed::Authorization(meta, _) => ("AuthorizationPolicy", meta),
        Parsed::Peer(meta, _) => ("PeerAuthentication", meta),
        Parsed::Request(meta, _) => ("RequestAuthentication", meta),
    };
    metadata(meta, &mut problems);
    match &parsed {
        Parsed::Network(_, spec) => kubernetes::network_policy(spec, tree, &mut problems),
        Parsed::Authorization(_, spec) => istio::authorization_policy(spec, &mut problems),
        Parsed::Peer(_, spec) => istio::peer_authentication(spec, &mut problems),
        Parsed::Request(_, spec) => istio::request_authentication(spec, &mut problems),
    }
    dry_run(&parsed, meta, &mut problems);
    let id = format!("{kind} {}/{}", meta.namespace.as_deref().unwrap_or("?"), meta.name.as_deref().unwrap_or("?"));
    if seen.contains(&id) {
        problems.refused("the same object stands twice");
    }
    seen.push(id.clone());
    problems.0.into_iter().map(|(grade, text)| format!("{grade}: {id}: {text}")).collect()
}

/// What one object has wrong with it.
#[derive(Debug, Default)]
struct Problems(Vec<(&'static str, String)>);

impl Problems {
    fn refused(&mut self, text: impl Into<String>) {
        self.0.push(("refused", text.into()));
    }

    fn never_emit(&mut self, text: impl Into<String>) {
        self.0.push(("never emit", text.into()));
    }

    fn refuse_if(&mut self, wrong: bool, text: impl FnOnce() -> String) {
        if wrong {
            self.refused(text());
        }
    }
}

/// §1.9, §1.1.1.
fn metadata(meta: &Metadata, problems: &mut Problems) {
    match &meta.name {
        None => problems.refused("no name"),
        Some(name) => problems.refuse_if(!is_subdomain(name), || format!("the name `{name}` is no DNS-1123 subdomain")),
    }
    match &meta.namespace {
        None => problems.refused("no namespace"),
        Some(name) => problems.refuse_if(!is_dns_label(name), || format!("the namespace `{name}` is no DNS-1123 label")),
    }
    labels(meta.labels.iter().flatten(), problems);
    let annotations = || meta.annotations.iter().flatten();
    for (key, _) in annotations() {
        problems.refuse_if(!is_label_key(key), || format!("the annotation key `{key}` is no qualified name"));
    }
    let size: usize = annotations().map(|(key, value)| key.len() + value.len()).sum();
    problems.refuse_if(size > 256 * 1024, || "the annotations are larger than 256 KiB".to_owned());
}

/// §2.10.
fn dry_run(parsed: &Parsed, meta: &Metadata, problems: &mut Problems) {
    let Some(text) = meta.annotations.iter().flatten().find(|(key, _)| *key == "istio.io/dry-run").map(|(_, value)| value) else { return };
    let falsehoods = ["0", "f", "F", "false", "FALSE", "False"];
    let is_bool = authorization::is_dry_run(Some(text)) || falsehoods.contains(&text.as_str());
    problems.refuse_if(!is_bool, || format!("`istio.io/dry-run: {text}` is no bool"));
    let allowed = match parsed {
        Parsed::Authorization(_, spec) => matches!(spec.action, None | Some(read::Action::Allow | read::Action::Deny)),
        Parsed::Network(..) => true,
        Parsed::Peer(..) | Parsed::Request(..) => false,
    };
    problems.refuse_if(!allowed, || "a dry run is for ALLOW and DENY only".to_owned());
}

fn labels<'a>(labels: impl Iterator<Item = (&'a String, &'a String)>, problems: &mut Problems) {
    for (key, value) in labels {
        problems.refuse_if(!is_label_key(key), || format!("`{key}` is no label key"));
        problems.refuse_if(!is_label_value(value), || format!("`{value}` is no label value"));
    }
}

fn is_alphanumeric(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

/// Non-empty, alphanumeric at both ends, with `extra` inside.
fn is_word(text: &str, inside: impl Fn(char) -> bool, edge: impl Fn(char) -> bool) -> bool {
    text.chars().all(|c| edge(c) || inside(c)) && text.starts_with(&edge) && text.ends_with(&edge)
}

fn is_lower_alphanumeric(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn is_dns_label(text: &str) -> bool {
    text.len() <= 63 && is_word(text, |c| c == '-', is_lower_alphanumeric)
}

fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(|part| is_word(part, |c| c == '-', is_lower_alphanumeric))
}

/// §1.9: an optional prefix and a name.
fn is_label_key(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(is_subdomain) && name.len() <= 63 && is_word(name, |c| "-_.".contains(c), is_alphanumeric)
}

fn is_label_value(value: &str) -> bool {
    value.is_empty() || value.len() <= 63 && is_word(value, |c| "-_.".contains(c), is_alphanumeric)
}
