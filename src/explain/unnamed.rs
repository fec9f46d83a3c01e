//! Calls of what no Service names, in a mesh whose sidecars refuse them (`semantics.md` §5.5).
//!
//! Owns: what becomes of a flow to a port of a pod that no Service of the manifests leads to, or none in plaintext. How sidecars refuse is the evaluator's to say.

use super::call::Call;
use super::setting::{Judge, Setting};
use crate::cluster::{Addressed, Decision, Endpoint, Question};
use crate::flow::{PortSet, Protocol, Transport, Verdict};

/// An answer to a call of which the manifests name no Service, or none that is spoken to so: it is one of the pod's own address, so it is no surer than one of that.
pub(super) fn settle(setting: &Setting, call: &Call, decision: Decision) -> Decision {
    // Who says that it arrives over mTLS, or is taken to, calls some Service.
    let may_be_of_pod = call.addressed == Addressed::Unsaid && call.transport != Some(Transport::Mtls) && !call.is_usual;
    let is_asked = setting.judge == Judge::Given && call.protocol == Protocol::Tcp;
    if !is_asked || !may_be_of_pod || decision.verdict != Verdict::Allowed {
        return decision;
    }
    let ends = (&call.source.endpoint, &call.destination.endpoint);
    if !refused(setting, ends, call.transport).contains(Protocol::Tcp, call.port) {
        return decision;
    }
    let of_pod = setting.cluster.decide(&Question { addressed: Addressed::Pod, ..call.question() });
    if matches!(of_pod.verdict, Verdict::Unspecified(_)) { of_pod } else { decision }
}

/// The ports on which a call that names no Service may be one of the pod's own address that a sidecar refuses.
fn refused(setting: &Setting, (source, destination): (&Endpoint, &Endpoint), transport: Option<Transport>) -> PortSet {
    if transport == Some(Transport::Plaintext) {
        return setting.cluster.refused_in_plaintext(source, destination);
    }
    setting.cluster.refused_unnamed(source).intersect(&setting.cluster.unnamed_ports(destination))
}
