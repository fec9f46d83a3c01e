//! Pods that would be gateways by the name of one that they carry.
//!
//! Owns: that manifests are asked about such pods both as gateways and as applications. Anybody's application may carry that label, and
//! what policies say of it then is no less a difference.

use super::judge::{Judge, JudgedEnd};
use super::twice::{Asked, Besides, Twice};
use crate::cluster::{Cluster, Endpoint, ProxyRole};
use crate::flow::{Cut, Flow, Verdict};

/// What is said where an application and a gateway with the same labels are answered differently.
const EITHER: &str = "whether the pod is a gateway, whose label it carries, is not known";

/// What takes pods which nobody shows for a gateway or for an application, wherever their labels are a gateway's.
#[derive(Debug)]
pub(super) struct EitherRole<'a> {
    cluster: &'a Cluster,
}

impl<'a> EitherRole<'a> {
    /// A judge of these manifests that does.
    pub(super) fn judge(judge: &'a dyn Judge, cluster: &'a Cluster) -> Twice<'a, Self> {
        Twice { judge, besides: Self { cluster } }
    }
}

impl Besides for EitherRole<'_> {
    /// Told is the pod as its labels say, which is a gateway; besides, it may be an application.
    fn other(&self, pod: &Endpoint) -> Option<Endpoint> {
        if pod.facts.proxy != ProxyRole::Unknown || !self.cluster.is_gateway(pod) {
            return None;
        }
        let mut application = pod.clone();
        application.facts.proxy = ProxyRole::Sidecar;
        Some(application)
    }

    fn either<'j>(&'j self, asked: Asked<'j>) -> Box<dyn JudgedEnd + 'j> {
        Box::new(EitherEnd(asked))
    }
}

/// One end of a pod that may be either.
struct EitherEnd<'j>(Asked<'j>);

impl JudgedEnd for EitherEnd<'_> {
    fn cuts(&self) -> Vec<Cut> {
        self.0.cuts()
    }

    fn verdict(&self, flow: &Flow, far: &Endpoint) -> Verdict {
        let told = self.0.told.verdict(flow, far);
        if self.0.other().verdict(flow, far) == told { told } else { Verdict::Unspecified(EITHER.to_owned()) }
    }

    fn refuses(&self, flow: &Flow, far: &Endpoint) -> bool {
        self.0.told.refuses(flow, far) && self.0.other().refuses(flow, far)
    }

    /// A gate stops a flow where it stops it whatever the pod is.
    fn stops(&self, flow: &Flow, far: &Endpoint) -> Option<[bool; 2]> {
        let ([by_network, by_mesh], [network, mesh]) = (self.0.told.stops(flow, far)?, self.0.other().stops(flow, far)?);
        Some([by_network && network, by_mesh && mesh])
    }
}
