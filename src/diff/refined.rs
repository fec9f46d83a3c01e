//! The judge of a state, made to tell apart what the head tells apart.
//!
//! Owns: `Refined`. It adds cuts and changes no verdict.

use super::seen::seen;
use super::side::{Pair, Which};
use crate::cluster::Endpoint;
use crate::flow::{Cut, Flow, LabelTests, Peers, PodCube, PodSet, PortSet, Request, RequestSamples, Symbol, TestRole, Verdict};
use crate::verify::{Judge, JudgedEnd, Way as End};
use std::collections::BTreeSet;

/// A judge with the cuts of the head besides its own, so that the head says one thing of each class too.
pub(super) struct Refined<'a> {
    pub(super) judge: Box<dyn Judge + 'a>,
    pub(super) sides: &'a Pair<'a>,
    pub(super) apart: &'a [PodCube],
    /// Namespaces of which the head knows other labels.
    pub(super) turning: BTreeSet<Symbol>,
}

impl std::fmt::Debug for Refined<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Refined").field("judge", &self.judge).finish_non_exhaustive()
    }
}

impl Refined<'_> {
    fn head(&self) -> &dyn Judge {
        self.sides.side(Which::Head).judge()
    }

    /// Cuts along pods that are in the mesh in another way than the rest of their namespace.
    fn worlds(&self) -> impl Iterator<Item = Cut> {
        self.apart.iter().map(|cube| Cut {
            peers: Peers::from(PodSet::from(cube.clone())),
            ports: PortSet::none(),
            requests: RequestSamples::default(),
        })
    }

    /// A cut of the head where the labels of a namespace are not yet the head's.
    fn turning(&self, cut: &Cut) -> Option<Cut> {
        let of =
            |name: &Symbol| cut.peers.pods.cubes().iter().flat_map(|cube| self.sides.narrowed(Which::Head, cube, name)).collect::<Vec<_>>();
        let pods: PodSet = self.turning.iter().flat_map(of).collect();
        (!pods.is_empty()).then(|| Cut { peers: Peers::from(pods), ..cut.clone() })
    }
}

impl Judge for Refined<'_> {
    fn subjects(&self, namespace: &str, way: End) -> Vec<PodCube> {
        let mut cubes = self.judge.subjects(namespace, way);
        cubes.extend(self.head().subjects(namespace, way));
        cubes.extend(self.apart.iter().filter(|cube| cube.names().contains(Some(namespace))).cloned());
        cubes
    }

    /// Those of the head besides, as what it says is kept too.
    fn label_tests(&self) -> Option<LabelTests> {
        let mut tests = self.judge.label_tests()?;
        tests.extend(self.head().label_tests()?);
        for cube in self.apart {
            tests.add(TestRole::Other, cube.names(), cube.labels.clone());
        }
        Some(tests)
    }

    fn end<'j>(&'j self, pod: &'j Endpoint, way: End) -> Box<dyn JudgedEnd + 'j> {
        Box::new(RefinedEnd { end: self.judge.end(pod, way), refined: self, pod, way })
    }
}

struct RefinedEnd<'j> {
    end: Box<dyn JudgedEnd + 'j>,
    refined: &'j Refined<'j>,
    pod: &'j Endpoint,
    way: End,
}

impl JudgedEnd for RefinedEnd<'_> {
    fn cuts(&self) -> Vec<Cut> {
        let Self { end, refined, pod, way } = self;
        let mut cuts = end.cuts();
        let more = seen(refined.sides, &pod.peer).map(|peer| refined.head().end(&Endpoint::from(peer), *way).cuts()).unwrap_or_default();
        let turning: Vec<Cut> = more.iter().filter_map(|cut| refined.turning(cut)).collect();
        cuts.extend(more.into_iter().chain(turning).chain(refined.worlds()));
        cuts
    }

    fn verdict(&self, flow: &Flow, far: &Endpoint) -> Verdict {
        self.end.verdict(flow, far)
    }

    fn alike(&self, requests: &[Option<Request>]) -> Option<Vec<usize>> {
        self.end.alike(requests)
    }
}
