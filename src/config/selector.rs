//! Pods as the configuration names them: `app=istiod@istio-system`.
//!
//! Owns: `PodSelector` and how it is written. It is deliberately less than an endpoint of the language: the configuration says
//! where servers are, not what may reach them.

use std::fmt;

use crate::flow::{Labels, Symbol};

/// Pods with these labels in this namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodSelector {
    /// Every one of these labels; none means all pods of the namespace.
    pub labels: Labels,
    /// Name of the namespace.
    pub namespace: Symbol,
}

/// Why a text is no selector: one sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectorError(pub String);

impl PodSelector {
    /// Reads `key=value,key=value@namespace`, or `*@namespace`.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let Some((labels, namespace)) = text.rsplit_once('@') else {
            return Err(SelectorError(format!("the namespace is missing, as in `{text}@kube-system`")));
        };
        if !is_namespace(namespace) {
            return Err(SelectorError(format!("`{namespace}` is no name of a namespace")));
        }
        let namespace = Symbol::from(namespace);
        if labels == "*" {
            return Ok(Self { labels: Labels::new(), namespace });
        }
        let mut found = Labels::new();
        for label in labels.split(',') {
            let Some((key, value)) = label.split_once('=') else {
                return Err(SelectorError(format!("`{label}` is no label, as in `app=web`")));
            };
            if !is_label_key(key) || !is_label_value(value) {
                return Err(SelectorError(format!("`{label}` is no label that Kubernetes accepts")));
            }
            if found.insert(key.into(), value.into()).is_some() {
                return Err(SelectorError(format!("`{key}` stands twice")));
            }
        }
        Ok(Self { labels: found, namespace })
    }
}

/// As it is written in the configuration.
impl fmt::Display for PodSelector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.labels.is_empty() {
            out.write_str("*")?;
        }
        for (index, (key, value)) in self.labels.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(out, "{comma}{key}={value}")?;
        }
        write!(out, "@{}", self.namespace)
    }
}

/// Whether a text can be the name of a namespace (a DNS label).
pub(super) fn is_namespace(text: &str) -> bool {
    text.len() <= 63 && is_bounded(text, |letter| letter.is_ascii_lowercase() || letter.is_ascii_digit(), |letter| letter == '-')
}

/// Whether a text can be a DNS name in small letters.
pub(super) fn is_domain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_namespace)
}

/// Whether a text can be the key of a label (`semantics.md` §1.9).
fn is_label_key(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(is_domain) && !name.is_empty() && is_label_value(name)
}

/// Whether a text can be the value of a label, which may be empty (`semantics.md` §1.9).
fn is_label_value(text: &str) -> bool {
    let inner = |letter| matches!(letter, '-' | '_' | '.');
    text.len() <= 63 && (text.is_empty() || is_bounded(text, |letter| letter.is_ascii_alphanumeric(), inner))
}

/// Whether a text is not empty, begins and ends with `outer` letters, and has only those and `inner` ones between.
fn is_bounded(text: &str, outer: impl Fn(char) -> bool, inner: impl Fn(char) -> bool) -> bool {
    text.starts_with(&outer) && text.ends_with(&outer) && text.chars().all(|letter| outer(letter) || inner(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_and_written_alike() {
        for text in ["app=istiod@istio-system", "*@kube-system", "a.b/c=,k8s-app=kube-dns@kube-system"] {
            assert_eq!(PodSelector::parse(text).map(|selector| selector.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in
            ["", "app=x", "app@ns", "app=x@", "app=x@Ns", "app=x@a@b", "=x@ns", "a/=x@ns", "a=-x@ns", "a=x,@ns", "a=1,a=2@ns", "@ns"]
        {
            assert!(PodSelector::parse(text).is_err(), "{text}");
        }
    }
}
