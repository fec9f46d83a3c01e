//! Manifests as a judge.
//!
//! Owns: the adapter. All decisions are `cluster`'s.

use super::judge::{Judge, JudgedEnd, Way};
use crate::classes::fresh_word;
use crate::cluster::{Cluster, End, Endpoint, Names};
use crate::flow::{Cut, Flow, LabelCube, LabelTests, PodCube, Request, Symbol, Verdict};

/// Manifests, with the names that the other judge knows.
#[derive(Debug)]
pub struct Manifests<'c> {
    cluster: &'c Cluster,
    names: Names,
    policed: Vec<Symbol>,
}

impl<'c> Manifests<'c> {
    /// Manifests that are compared with somebody who knows these names; others that their policies tell apart by patterns are added, unless
    /// that was done for all who are compared.
    pub fn new(cluster: &'c Cluster, names: Names) -> Self {
        Self { cluster, names: names.told_apart(cluster), policed: cluster.policed().into_iter().collect() }
    }

    /// The names by which they are compared.
    pub(crate) const fn names(&self) -> &Names {
        &self.names
    }

    /// The manifests.
    pub const fn cluster(&self) -> &'c Cluster {
        self.cluster
    }
}

impl Judge for Manifests<'_> {
    fn subjects(&self, namespace: &str, way: Way) -> Vec<PodCube> {
        let inside = |labels: LabelCube| PodCube { labels, ..PodCube::in_namespace(namespace) };
        self.cluster.selectors(namespace, way).into_iter().map(inside).collect()
    }

    /// Selectors of the root namespace choose pods everywhere.
    fn subjects_elsewhere(&self, way: Way) -> Vec<PodCube> {
        let unknown = fresh_word(self.policed.iter().map(|name| &**name));
        let anywhere = |labels: LabelCube| PodCube { labels, ..PodCube::all() };
        self.cluster.selectors(&unknown, way).into_iter().map(anywhere).collect()
    }

    fn policed(&self) -> Vec<Symbol> {
        self.policed.clone()
    }

    fn label_tests(&self) -> Option<LabelTests> {
        Some(self.cluster.label_tests())
    }

    fn end<'j>(&'j self, pod: &'j Endpoint, way: Way) -> Box<dyn JudgedEnd + 'j> {
        Box::new(ManifestsEnd { end: self.cluster.end(pod, way), names: &self.names })
    }
}

struct ManifestsEnd<'j> {
    end: End<'j>,
    names: &'j Names,
}

impl JudgedEnd for ManifestsEnd<'_> {
    fn cuts(&self) -> Vec<Cut> {
        self.end.cuts(self.names)
    }

    fn verdict(&self, flow: &Flow, far: &Endpoint) -> Verdict {
        self.end.decide(far, flow.protocol, flow.port, flow.transport, flow.request.as_ref())
    }

    /// The network gate looks at no request.
    fn refuses(&self, flow: &Flow, far: &Endpoint) -> bool {
        let [by_network, _] = self.end.stops(far, flow.protocol, flow.port, flow.transport, None);
        by_network
    }

    fn stops(&self, flow: &Flow, far: &Endpoint) -> Option<[bool; 2]> {
        Some(self.end.stops(far, flow.protocol, flow.port, flow.transport, flow.request.as_ref()))
    }

    fn judge(&self, flow: &Flow, far: &Endpoint) -> (Verdict, Option<[bool; 2]>) {
        let (verdict, stops) = self.end.judge(far, flow.protocol, flow.port, flow.transport, flow.request.as_ref());
        (verdict, Some(stops))
    }

    fn alike(&self, requests: &[Option<Request>]) -> Option<Vec<usize>> {
        Some(self.end.alike(requests))
    }
}
