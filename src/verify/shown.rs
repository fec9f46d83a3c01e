//! Pods of namespaces that others manage, with the labels of these that the manifests show.
//!
//! Owns: that manifests are asked about them as pods of namespaces that have these labels, and where nobody shows any, may have more than
//! are known: what is not modelled may choose namespaces by them. Which namespaces there are is not asked here.

use std::collections::BTreeSet;

use super::judge::{Judge, JudgedEnd};
use super::twice::{Asked, Besides, Twice};
use crate::cluster::{Cluster, Endpoint, NamespaceLabels};
use crate::flow::{Cut, Flow, Peer, Pod, Symbol, Verdict};

/// What takes namespaces as manifests show them.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    cluster: &'a Cluster,
    /// The labels by which what is not modelled may choose namespaces.
    looked_at: BTreeSet<Symbol>,
}

impl<'a> Shown<'a> {
    /// A judge of these manifests that does.
    pub(super) fn judge(judge: &'a dyn Judge, cluster: &'a Cluster) -> Twice<'a, Self> {
        let looked_at = if cluster.is_modelled() { BTreeSet::new() } else { cluster.namespace_label_keys() };
        Twice { judge, besides: Self { cluster, looked_at } }
    }

    /// A pod whose namespace has the labels that somebody shows besides; where nobody does, it may have any that are not known.
    fn as_shown(&self, end: &Endpoint, own: &Pod) -> Option<Endpoint> {
        let unknown = |key: &&Symbol| !own.namespace_labels.contains_key(*key);
        let mut unknown = self.looked_at.iter().filter(unknown).peekable();
        unknown.peek()?;
        let mut end = end.clone();
        let Some(shown) = self.cluster.namespace_labels(&own.namespace) else {
            end.facts.namespace = NamespaceLabels::NameOnly;
            return Some(end);
        };
        let more = unknown.filter_map(|key| Some((Symbol::clone(key), Symbol::clone(shown.get(key)?))));
        let mut own = own.clone();
        own.namespace_labels.extend(more);
        end.peer = Peer::Pod(own);
        Some(end)
    }
}

impl Besides for Shown<'_> {
    /// Told is the pod with the labels of its namespace that its class has, as if there were no others.
    fn other(&self, pod: &Endpoint) -> Option<Endpoint> {
        match &pod.peer {
            Peer::Pod(own) => self.as_shown(pod, own),
            Peer::Address(_) => None,
        }
    }

    fn either<'j>(&'j self, asked: Asked<'j>) -> Box<dyn JudgedEnd + 'j> {
        Box::new(ShownEnd(asked))
    }
}

/// One end of a pod whose namespace may have more labels than its class.
struct ShownEnd<'j>(Asked<'j>);

impl JudgedEnd for ShownEnd<'_> {
    fn cuts(&self) -> Vec<Cut> {
        self.0.cuts()
    }

    /// What is stopped without more labels is told as that.
    fn verdict(&self, flow: &Flow, far: &Endpoint) -> Verdict {
        match self.0.told.verdict(flow, far) {
            Verdict::Denied => Verdict::Denied,
            _ => self.0.other().verdict(flow, far),
        }
    }

    fn refuses(&self, flow: &Flow, far: &Endpoint) -> bool {
        self.0.told.refuses(flow, far)
    }

    fn stops(&self, flow: &Flow, far: &Endpoint) -> Option<[bool; 2]> {
        self.0.told.stops(flow, far)
    }
}
