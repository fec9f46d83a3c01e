//! Pods that would be gateways by the name of one that they carry.
//!
//! Owns: that manifests are asked about such pods both as gateways and as applications. Anybody's application may carry that label, and
//! what policies say of it then is no less a difference.

use super::judge::{Judge, JudgedEnd, Way};
use crate::cluster::{Cluster, Endpoint, ProxyRole};
use crate::flow::{Cut, Flow, LabelTests, PodCube, Symbol, Verdict};

/// What is said where an application and a gateway with the same labels are answered differently.
const EITHER: &str = "whether the pod is a gateway, whose label it carries, is not known";

/// A judge of manifests that takes pods which nobody shows for a gateway or for an application, wherever their labels are a gateway's.
#[derive(Debug)]
pub(super) struct EitherRole<'a> {
    pub(super) judge: &'a dyn Judge,
    pub(super) cluster: &'a Cluster,
}

impl Judge for EitherRole<'_> {
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
        if pod.facts.proxy != ProxyRole::Unknown || !self.cluster.is_gateway(pod) {
            return told;
        }
        let mut application = pod.clone();
        application.facts.proxy = ProxyRole::Sidecar;
        Box::new(EitherEnd { judge: self.judge, told, application, way })
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

/// One end of a pod that may be either.
struct EitherEnd<'j> {
    judge: &'j dyn Judge,
    /// The pod as its labels say, which is a gateway.
    told: Box<dyn JudgedEnd + 'j>,
    /// The same pod as an application.
    application: Endpoint,
    way: Way,
}

impl EitherEnd<'_> {
    fn as_application(&self) -> Box<dyn JudgedEnd + '_> {
        self.judge.end(&self.application, self.way)
    }
}

impl JudgedEnd for EitherEnd<'_> {
    fn cuts(&self) -> Vec<Cut> {
        let mut cuts = self.told.cuts();
        cuts.extend(self.as_application().cuts());
        cuts
    }

    fn verdict(&self, flow: &Flow, far: &Endpoint) -> Verdict {
        let told = self.told.verdict(flow, far);
        if self.as_application().verdict(flow, far) == told { told } else { Verdict::Unspecified(EITHER.to_owned()) }
    }

    fn refuses(&self, flow: &Flow, far: &Endpoint) -> bool {
        self.told.refuses(flow, far) && self.as_application().refuses(flow, far)
    }

    /// A gate stops a flow where it stops it whatever the pod is.
    fn stops(&self, flow: &Flow, far: &Endpoint) -> Option<[bool; 2]> {
        let ([by_network, by_mesh], [network, mesh]) = (self.told.stops(flow, far)?, self.as_application().stops(flow, far)?);
        Some([by_network && network, by_mesh && mesh])
    }
}
