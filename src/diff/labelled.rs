//! What manifests say of namespaces, for those who ask which of them a scope means.
//!
//! Owns: `labelled`. It must not say anything else of them: manifests declare no namespace as a program does.

use std::collections::BTreeMap;

use crate::cluster::Cluster;
use crate::flow::Symbol;
use crate::ir::{Namespace, Ownership, Policy, Stance};

/// A program that knows the labels of the namespaces that a cluster describes, and nothing else. The labels that an object gives are all
/// that its namespace has.
pub(super) fn labelled(cluster: &Cluster) -> Policy {
    let namespace = |name: Symbol| {
        let labels = cluster.namespace_labels(&name)?.clone();
        let (ownership, stance) = (Ownership::Managed, Stance::Open);
        let known =
            Namespace { name: Symbol::clone(&name), labels, ownership, plane: None, ingress: stance, egress: stance, location: None };
        Some((name, known))
    };
    let namespaces: BTreeMap<Symbol, Namespace> = cluster.namespaces().into_iter().filter_map(namespace).collect();
    Policy { namespaces, ..Policy::default() }
}
