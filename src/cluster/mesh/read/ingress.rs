//! Reads `Ingress`es and their classes.
//!
//! Owns: `Ingress`. Nothing is reported: most of them are somebody else's, who may know more than is known here.

use crate::cluster::object::Object;
use crate::flow::Symbol;
use crate::manifest::{Node, Reading};

/// An object of kind `Ingress`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Ingress {
    /// What it is, for reasons.
    pub(in super::super) object: Object,
    /// Whose it is.
    pub(in super::super) class: Class,
    /// Whether TLS ends there with some certificate; none if that cannot be understood.
    pub(in super::super) ends_tls: Option<bool>,
}

/// Whose an `Ingress` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Class {
    /// As an annotation says, which goes before all else.
    Noted(Symbol),
    /// That of this `IngressClass`.
    Named(Symbol),
    /// It does not say it.
    Unsaid,
    /// It cannot be understood.
    Unclear,
}

/// The annotation that says whose an `Ingress` is.
const CLASS: &str = "kubernetes.io/ingress.class";

/// Reads an `Ingress`.
pub(in super::super) fn read(named: &Object, root: &Node<'_>, reading: &mut Reading<'_>) -> Ingress {
    let class = reading.quietly(|reading| {
        let noted = root.follow(reading, &["metadata", "annotations", CLASS]);
        let class_name = root.follow(reading, &["spec", "ingressClassName"]);
        match (noted.is_missing(), class_name.is_missing()) {
            (false, _) => noted.symbol(reading).map(Class::Noted),
            (true, false) => class_name.symbol(reading).map(Class::Named),
            (true, true) => Some(Class::Unsaid),
        }
    });
    let ends_tls = reading.quietly(|reading| {
        let all = root.follow(reading, &["spec", "tls"]).list(reading);
        all.iter().any(|tls| tls.get(reading, "secretName").text(reading).is_some_and(|name| !name.is_empty()))
    });
    Ingress { object: named.clone(), class: class.flatten().unwrap_or(Class::Unclear), ends_tls }
}

/// Reads an `IngressClass`: its name, and who serves it.
pub(in super::super) fn class(root: &Node<'_>, reading: &mut Reading<'_>) -> Option<(Symbol, Symbol)> {
    let read = reading.quietly(|reading| {
        let name = root.follow(reading, &["metadata", "name"]).symbol(reading)?;
        Some((name, root.follow(reading, &["spec", "controller"]).symbol(reading)?))
    });
    read.flatten()
}
