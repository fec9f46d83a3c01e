//! Pods of namespaces that others manage, with the labels of these that the manifests show.
//!
//! Owns: that manifests are asked about them as pods of namespaces that have these labels, and where nobody shows any, may have more than
//! are known: what is not modelled may choose namespaces by them. Which namespaces there are is not asked here.

use std::collections::BTreeSet;

use super::judge::{Judge, JudgedEnd, Way};
use crate::cluster::{Cluster, Endpoint, NamespaceLabels};
use crate::flow::{Cut, Flow, LabelTests, Peer, Pod, PodCube, Symbol, Verdict};

/// A judge of manifests that takes namespaces as these show them.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    judge: &'a dyn Judge,
    cluster: &'a Cluster,
    /// The labels by which what is not modelled may choose namespaces.
    looked_at: BTreeSet<Symbol>,
}

impl<'a> Shown<'a> {
    /// A judge of these manifests.
    pub(super) fn new(judge: &'a dyn Judge, cluster: &'a Cluster) -> Self {
        let looked_at = if cluster.is_modelled() { BTreeSet::new() } else { cluster.namespace_label_keys() };
        Self { judge, cluster, looked_at }
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

impl Judge for Shown<'_> {
    fn subjects(&self, namespace: &str, way: Way) -> Vec<PodCube> {
        self.judge.subjects(namespace, way)
    }

    fn subjects_elsewhere(&self, way: Way) -> Vec<PodCube> {
        self.judge.subjects_elsewhere(way)
    }

    fn policed(&self) -> Vec<Symbol> {
        self.judge.policed()
    }

    fn end<'j>(&'j self, pod: &'j Endpoint, way: Way) -> Box<dyn JudgedEnd + 'j> {
        let told = self.judge.end(pod, way);
        let Peer::Pod(own) = &pod.peer else { return told };
        let Some(shown) = self.as_shown(pod, own) else { return told };
        Box::new(ShownEnd { judge: self.judge, told, shown, way })
    }

    fn label_tests(&self) -> Option<LabelTests> {
        self.judge.label_tests()
    }

    fn tests_to_pass(&self) -> usize {
        self.judge.tests_to_pass()
    }

    fn stops_by_labels(&self) -> bool {
        self.judge.stops_by_labels()
    }
}

/// One end of a pod whose namespace may have more labels than its class.
struct ShownEnd<'j> {
    judge: &'j dyn Judge,
    /// The pod with the labels of its namespace that its class has, as if there were no others.
    told: Box<dyn JudgedEnd + 'j>,
    /// The same pod with others.
    shown: Endpoint,
    way: Way,
}

impl ShownEnd<'_> {
    fn as_shown(&self) -> Box<dyn JudgedEnd + '_> {
        self.judge.end(&self.shown, self.way)
    }
}

impl JudgedEnd for ShownEnd<'_> {
    fn cuts(&self) -> Vec<Cut> {
        let mut cuts = self.told.cuts();
        cuts.extend(self.as_shown().cuts());
        cuts
    }

    /// What is stopped without more labels is told as that.
    fn verdict(&self, flow: &Flow, far: &Endpoint) -> Verdict {
        match self.told.verdict(flow, far) {
            Verdict::Denied => Verdict::Denied,
            _ => self.as_shown().verdict(flow, far),
        }
    }

    fn refuses(&self, flow: &Flow, far: &Endpoint) -> bool {
        self.told.refuses(flow, far)
    }

    fn stops(&self, flow: &Flow, far: &Endpoint) -> Option<[bool; 2]> {
        self.told.stops(flow, far)
    }
}
