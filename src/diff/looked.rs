//! What manifests look at of a pod besides its account.
//!
//! Owns: `Looked`, by the letters of their texts: what stands in no text is looked at by nobody. It may name too much, never too
//! little.

use std::collections::BTreeSet;

use super::objects::Held;
use crate::cluster::{Cluster, Endpoint};
use crate::flow::{Peer, Symbol};
use crate::inventory::{PortTarget, ServiceFacts};

/// What the objects of both sides may look at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Looked {
    /// The numbers that containers give to names.
    pub(super) at_port_names: bool,
    /// The addresses of pods.
    pub(super) at_addresses: bool,
    /// Keys of labels, of pods or of namespaces.
    pub(super) keys: BTreeSet<Symbol>,
}

/// Words for addresses in policies.
const ADDRESSES: [&str; 4] = ["ipBlock", "IpBlock", "source.ip", "remote.ip"];

impl Looked {
    /// What these objects and Services look at of the workloads of these clusters.
    pub(super) fn new(objects: &[&Held], services: &[&ServiceFacts], clusters: [&Cluster; 2]) -> Self {
        let texts: Vec<&str> = objects.iter().filter(|object| object.may_look()).map(|object| object.text.as_str()).collect();
        let named = |service: &&ServiceFacts| service.ports.iter().any(|port| matches!(port.target, PortTarget::Name(_)));
        let is_looked_at = |key: &Symbol| key.contains("istio") || texts.iter().any(|text| text.contains(&**key));
        Self {
            at_port_names: services.iter().any(named) || texts.iter().any(|text| names_a_port(text)),
            at_addresses: texts.iter().any(|text| ADDRESSES.iter().any(|word| text.contains(word))),
            keys: keys(clusters).into_iter().filter(is_looked_at).collect(),
        }
    }
}

/// The keys of all labels of workloads and of their namespaces.
fn keys(clusters: [&Cluster; 2]) -> BTreeSet<Symbol> {
    let of = |endpoint: &Endpoint| -> Vec<Symbol> {
        let Peer::Pod(pod) = &endpoint.peer else { return Vec::new() };
        pod.labels.keys().chain(pod.namespace_labels.keys()).chain(&endpoint.facts.open_labels).cloned().collect()
    };
    clusters.into_iter().flat_map(Cluster::workloads).flat_map(|workload| of(&workload.endpoint)).collect()
}

/// Whether a text has a `port:` that may be a name.
fn names_a_port(text: &str) -> bool {
    !port_names(text).is_empty()
}

/// What may be names of ports in a text.
pub(super) fn port_names(text: &str) -> BTreeSet<Symbol> {
    const SILENT: [char; 3] = ['"', '\'', ' '];
    let keys = text.match_indices("port").filter_map(|(at, key)| text.get(at + key.len()..));
    let values = keys.filter_map(|rest| rest.trim_start_matches(SILENT).strip_prefix(':')?.split([',', '}', ']', '\n']).next());
    let named = values.filter(|value| value.contains(|letter: char| letter.is_ascii_alphabetic()));
    named.map(|value| value.replace(SILENT, "").into()).collect()
}
