//! Istio's `Sidecar`: of whom it tells the proxies of the pods that it selects.
//!
//! Owns: the reading of the plain form, as most write it: a list of hosts, and nothing about what comes in. It reports nothing; any
//! other form may change whatever it touches.

use std::collections::BTreeSet;

use crate::flow::Symbol;
use crate::manifest::{Node, Object, Reading};

/// Of whom proxies are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reach {
    /// Of everybody, as without the object.
    Everywhere,
    /// Of every Service of these namespaces, and perhaps of others: calls of those go as they would without the object.
    Namespaces(BTreeSet<Symbol>),
}

/// What a `Sidecar` says of outgoing calls, if it says nothing of those that come in; `namespace` is its own.
///
/// Without `ingress` a proxy takes what reaches it as without the object, and without `egress` it is told of everybody. What it is not
/// told of it passes on as it comes, or refuses.
pub(super) fn reach(object: &Object<'_>, namespace: &str, root: &Symbol, reading: &mut Reading<'_>) -> Option<Reach> {
    reading.quietly(|reading| {
        let spec = object.root.get(reading, "spec");
        let keys = ["workloadSelector", "egress", "outboundTrafficPolicy", "inboundConnectionPool", "ingress"];
        let is_known = spec.entries().iter().all(|(key, _)| keys.contains(key));
        if !is_known || !spec.get(reading, "ingress").list(reading).is_empty() {
            return None;
        }
        let outbound = spec.get(reading, "outboundTrafficPolicy");
        // Where the unknown is refused, so are the addresses of pods; a policy that names no mode refuses it (istio/api :
        // networking/v1alpha3/sidecar.proto, of which it is the first).
        if !outbound.is_missing() && outbound.get(reading, "mode").text(reading) != Some("ALLOW_ANY") {
            return Some(Reach::Namespaces(BTreeSet::new()));
        }
        let listeners = spec.get(reading, "egress").list(reading);
        if listeners.is_empty() {
            return Some(Reach::Everywhere);
        }
        let own = (*namespace != **root).then_some(namespace);
        Some(of_listeners(&listeners, own, reading).unwrap_or(Reach::Namespaces(BTreeSet::new())))
    })?
}

/// The namespaces of which listeners tell all; nothing if one of them is for a port or an address of its own. A dot is `own`.
fn of_listeners(listeners: &[Node<'_>], own: Option<&str>, reading: &mut Reading<'_>) -> Option<Reach> {
    let mut namespaces = BTreeSet::new();
    for listener in listeners {
        if listener.entries().iter().any(|(key, _)| *key != "hosts") {
            return None;
        }
        for host in &listener.get(reading, "hosts").list(reading) {
            match host.text(reading)?.split_once('/') {
                Some(("*", "*")) => return Some(Reach::Everywhere),
                Some((".", "*")) => namespaces.extend(own.map(Symbol::from)),
                Some((namespace, "*")) => drop(namespaces.insert(namespace.into())),
                _ => {}
            }
        }
    }
    Some(Reach::Namespaces(namespaces))
}
