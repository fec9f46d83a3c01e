//! Istio's `Sidecar`: of whom it tells the proxies of the pods that it selects.
//!
//! Owns: the reading of the plain form, as most write it: a list of hosts, and nothing about what comes in. It reports nothing; any
//! other form may change whatever it touches.

use std::collections::BTreeSet;

use crate::cluster::unmodelled::Spared;
use crate::flow::Symbol;
use crate::manifest::{Node, Object, Reading};

/// Whose calls go as they would without the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reach {
    /// Everybody's.
    Everywhere,
    /// Those of these, and perhaps others.
    Of(Spared),
}

/// Of whom listeners tell.
enum Told {
    /// Of everybody.
    Everybody,
    /// Of every Service of these namespaces, and perhaps of others.
    Namespaces(BTreeSet<Symbol>),
    /// It is not known: one of them is for a port or an address of its own.
    Unknown,
}

/// What proxies do with calls of what they are not told of.
#[derive(PartialEq, Eq)]
enum Untold {
    /// They pass them on as they come.
    Passes,
    /// They refuse them, or send them elsewhere.
    Stops,
    /// It is not known.
    Unknown,
}

/// What a `Sidecar` says of outgoing calls, if it says nothing of those that come in; `namespace` is its own.
///
/// Without `ingress` a proxy takes what reaches it as without the object, and without `egress` it is told of everybody. What it is not
/// told of it passes on as it comes, or refuses: so it does with the addresses of pods, which no Service names, then too. Services of which it
/// is told it calls as ever (istio/istio : pilot/pkg/model/sidecar.go, `convertToSidecarScope`).
pub(super) fn reach(object: &Object<'_>, namespace: &str, root: &Symbol, reading: &mut Reading<'_>) -> Option<Reach> {
    reading.quietly(|reading| {
        let spec = object.root.get(reading, "spec");
        let keys = ["workloadSelector", "egress", "outboundTrafficPolicy", "inboundConnectionPool", "ingress"];
        let is_known = spec.entries().iter().all(|(key, _)| keys.contains(key));
        if !is_known || !spec.get(reading, "ingress").list(reading).is_empty() {
            return None;
        }
        let untold = untold(&spec.get(reading, "outboundTrafficPolicy"), reading);
        let listeners = spec.get(reading, "egress").list(reading);
        let own = (*namespace != **root).then_some(namespace);
        let told = if listeners.is_empty() { Told::Everybody } else { of_listeners(&listeners, own, reading).unwrap_or(Told::Unknown) };
        Some(match (told, untold) {
            (Told::Everybody, Untold::Passes) => Reach::Everywhere,
            (Told::Everybody, Untold::Stops) => Reach::Of(Spared::AllServices),
            (Told::Namespaces(namespaces), Untold::Passes) => Reach::Of(Spared::Pods(namespaces)),
            (Told::Namespaces(namespaces), Untold::Stops) => Reach::Of(Spared::Services(namespaces)),
            (Told::Unknown, _) | (_, Untold::Unknown) => Reach::Of(Spared::None),
        })
    })?
}

/// What a policy for outgoing calls makes of those of what is not told. One that names no mode refuses them (istio/api :
/// networking/v1alpha3/sidecar.proto, of which it is the first), and one with a proxy of its own sends them there.
fn untold(policy: &Node<'_>, reading: &mut Reading<'_>) -> Untold {
    if policy.is_missing() {
        return Untold::Passes;
    }
    if policy.entries().iter().any(|(key, _)| !matches!(*key, "mode" | "egressProxy")) {
        return Untold::Unknown;
    }
    let is_any = policy.get(reading, "mode").text(reading) == Some("ALLOW_ANY");
    if is_any && policy.get(reading, "egressProxy").is_missing() { Untold::Passes } else { Untold::Stops }
}

/// Of whom listeners tell; nothing if one of their hosts cannot be read. A dot is `own`.
fn of_listeners(listeners: &[Node<'_>], own: Option<&str>, reading: &mut Reading<'_>) -> Option<Told> {
    let mut namespaces = BTreeSet::new();
    for listener in listeners {
        if listener.entries().iter().any(|(key, _)| *key != "hosts") {
            return Some(Told::Unknown);
        }
        for host in &listener.get(reading, "hosts").list(reading) {
            match host.text(reading)?.split_once('/') {
                Some(("*", "*")) => return Some(Told::Everybody),
                Some((".", "*")) => namespaces.extend(own.map(Symbol::from)),
                Some((namespace, "*")) => drop(namespaces.insert(namespace.into())),
                _ => {}
            }
        }
    }
    Some(Told::Namespaces(namespaces))
}
