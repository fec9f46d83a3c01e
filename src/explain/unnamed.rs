//! Calls of what no Service names, in a mesh whose sidecars refuse them (`semantics.md` §5.5).
//!
//! Owns: what becomes of a flow to a port of a pod that no Service of the manifests leads to. How sidecars refuse is the evaluator's to say.

use super::call::Call;
use super::setting::{Judge, Setting};
use crate::cluster::{Addressed, Decision, Question};
use crate::flow::{Protocol, Transport, Verdict};

/// An answer to a call of which the manifests name no Service: it is one of the pod's own address, so it is no surer than one of that.
pub(super) fn settle(setting: &Setting, call: &Call, decision: Decision) -> Decision {
    // Who says that it arrives over mTLS, or is taken to, calls some Service.
    let may_be_of_pod = call.addressed == Addressed::Unsaid && call.transport != Some(Transport::Mtls) && !call.is_usual;
    let is_asked = setting.judge == Judge::Given && call.protocol == Protocol::Tcp;
    if !is_asked || !may_be_of_pod || decision.verdict != Verdict::Allowed {
        return decision;
    }
    let refused = setting.cluster.refused_unnamed(&call.source.endpoint);
    let is_unnamed = || setting.cluster.unnamed_ports(&call.destination.endpoint).contains(Protocol::Tcp, call.port);
    if !refused.contains(Protocol::Tcp, call.port) || !is_unnamed() {
        return decision;
    }
    let of_pod = setting.cluster.decide(&Question { addressed: Addressed::Pod, ..call.question() });
    if matches!(of_pod.verdict, Verdict::Unspecified(_)) { of_pod } else { decision }
}
