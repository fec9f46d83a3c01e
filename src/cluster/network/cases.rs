//! What peers of several rules say together of a pod of a namespace whose labels nobody knows.
//!
//! Owns: deciding by cases. An answer is left open where it hangs on something (`semantics.md` §0.1): where one rule lets in what has a
//! label and another one what does not, it hangs on nothing. Labels that decide about the mesh are no such cases: the other gates
//! take the pod for what it is assumed to be, which it is not in all of them. It must not know ports.

use super::judge::Connection;
use super::{NamespaceTest, NetworkPolicy, PeerTest, Rule, Selected};
use crate::cluster::joined::decides_about_mesh;
use crate::cluster::{NamespaceLabels, Network, selector};
use crate::flow::{LabelCube, NAMESPACE_NAME, Peer, Pod, Values};

/// So many kinds of namespaces are told apart; what would take more is left open.
const MOST: usize = 256;

/// A peer that holds the far end if its namespace has certain labels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'c> {
    policy: &'c NetworkPolicy,
    /// Its rule.
    pub(super) rule: &'c Rule,
    /// The labels of the namespaces that it means.
    namespaces: &'c LabelCube,
    /// Those of the pods.
    pods: &'c LabelCube,
}

impl<'a> Connection<'a> {
    /// Whether the peers of some rules, whose ports hold the connection's, hold the far end whatever labels its namespace has.
    pub(super) fn in_every_case(&self, rules: impl Iterator<Item = (&'a NetworkPolicy, &'a Rule)>) -> bool {
        self.unknown_namespace().is_some_and(|pod| covering(&self.parts(pod, rules), pod).is_some())
    }

    /// The far end, if it is a pod of a namespace whose labels nobody knows. What selectors make of one on its node's network is undefined
    /// whatever these are (§1.7).
    fn unknown_namespace(&self) -> Option<&'a Pod> {
        let (Peer::Pod(pod), facts) = (&self.far.peer, &self.far.facts) else { return None };
        (facts.namespace == NamespaceLabels::NameOnly && facts.network == Network::Own).then_some(pod)
    }

    /// The peers of some rules that hold the far end if its namespace has the labels that they want, and these say nothing of the mesh.
    fn parts(&self, pod: &'a Pod, rules: impl Iterator<Item = (&'a NetworkPolicy, &'a Rule)>) -> Vec<Part<'a>> {
        let peers = rules.flat_map(|(policy, rule)| rule.peers.iter().flatten().map(move |peer| (policy, rule, peer)));
        let labelled = peers.filter_map(|(policy, rule, peer)| match peer {
            // What hangs on how the pod takes part in the mesh is left open: in the case that such a peer holds, other gates may say
            // something else than they do of the pod as it is asked about.
            PeerTest::Pods(NamespaceTest::Labelled(namespaces), _) if namespaces.iter().any(|(key, _)| decides_about_mesh(key)) => None,
            PeerTest::Pods(NamespaceTest::Labelled(namespaces), pods) => Some(Part { policy, rule, namespaces, pods }),
            _ => None,
        });
        labelled.filter(|part| selector::chooses(part.pods, pod, self.far).is_yes()).collect()
    }

    /// The rules of a policy whose ports hold the connection's.
    pub(super) fn on_port(&self, one: &Selected<'a>) -> impl Iterator<Item = (&'a NetworkPolicy, &'a Rule)> {
        let policy = one.policy;
        one.rules.iter().filter(|rule| self.ports(rule).is_yes()).map(move |rule| (policy, rule))
    }
}

/// The peers that let a connection pass together whatever labels the far end's namespace has, and none that they do not need; empty where
/// none do.
pub(super) fn together<'a>(selected: &[Selected<'a>], connection: &Connection<'a>) -> Vec<Part<'a>> {
    let Some(pod) = connection.unknown_namespace() else { return Vec::new() };
    let of = |some: &[Selected<'a>]| {
        let parts = connection.parts(pod, some.iter().flat_map(|one| connection.on_port(one)));
        covering(&parts, pod).map(|parts| needed(parts, pod)).unwrap_or_default()
    };
    let sure: Vec<Selected<'a>> = selected.iter().filter(|one| one.applies.is_yes()).copied().collect();
    // Of policies of which nobody knows whether they select the pod each one must let it pass by itself.
    if sure.is_empty() { selected.iter().flat_map(|one| of(std::slice::from_ref(one))).collect() } else { of(&sure) }
}

/// Some of the parts that hold a pod whatever labels its namespace has.
///
/// At most one selector of the near pod and one of the far one that want a label are among them: who leaves labels of pods aside keeps
/// those of one test at either end (`Cluster::label_tests`).
fn covering<'c>(parts: &[Part<'c>], pod: &Pod) -> Option<Vec<Part<'c>>> {
    if !parts.iter().any(|part| holds_unlabelled(part.namespaces)) {
        return None;
    }
    let pairs = parts.iter().flat_map(|near| parts.iter().map(move |far| (&near.policy.subject, far.pods)));
    let mut tried: Vec<(&LabelCube, &LabelCube)> = Vec::new();
    for (subject, pods) in pairs {
        if tried.contains(&(subject, pods)) {
            continue;
        }
        tried.push((subject, pods));
        let is_of = |cube: &LabelCube, own: &LabelCube| cube.is_all() || cube == own;
        let group: Vec<Part<'c>> =
            parts.iter().filter(|part| is_of(&part.policy.subject, subject) && is_of(part.pods, pods)).copied().collect();
        if hold_every_case(&group, pod) {
            return Some(group);
        }
    }
    None
}

/// Without those that the others do not need.
fn needed<'c>(mut parts: Vec<Part<'c>>, pod: &Pod) -> Vec<Part<'c>> {
    for part in parts.clone().into_iter().rev() {
        let without: Vec<Part<'c>> = parts.iter().filter(|other| !std::ptr::eq(other.namespaces, part.namespaces)).copied().collect();
        if hold_every_case(&without, pod) {
            parts = without;
        }
    }
    parts
}

/// Whether one of the parts holds, whatever labels besides its name the pod's namespace has.
fn hold_every_case(parts: &[Part<'_>], pod: &Pod) -> bool {
    let mut rest = vec![LabelCube::of(NAMESPACE_NAME.into(), Values::one(pod.namespace.clone()))];
    for part in parts {
        rest = rest.iter().flat_map(|case| case.subtract(part.namespaces)).collect();
        if rest.is_empty() || rest.len() > MOST {
            break;
        }
    }
    rest.is_empty()
}

/// Whether a selector may mean a namespace that has no label but its name: one of those that hold every case does.
fn holds_unlabelled(namespaces: &LabelCube) -> bool {
    namespaces.iter().all(|(key, values)| **key == *NAMESPACE_NAME || values.allows_absent())
}
