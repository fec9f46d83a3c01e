//! Why a client's sidecar speaks plaintext to a server that takes none.
//!
//! Owns: the note. Clients heed the `PeerAuthentication` of the mesh and of the namespace that is called, none of workloads (istio/istio :
//! `pilot/pkg/model/authentication.go`, `BestEffortInferServiceMTLSMode`). It must not judge.

use serde_json::Value;

use super::call::{Call, is_proxied};
use super::place;
use super::setting::Setting;
use crate::cluster::{Addressed, Decision, Gate};
use crate::flow::{Transport, Verdict};

/// The policy that keeps clients from mTLS, where the server's own policy refuses what they then say; in a sentence without capital and
/// full stop.
pub(super) fn note(setting: &Setting, call: &Call, decision: &Decision) -> Option<String> {
    let is_refused = decision.steps.iter().any(|step| step.gate == Gate::Transport && step.verdict == Verdict::Denied);
    let is_by_service = matches!(call.addressed, Addressed::Service { .. }) && is_proxied(&call.source) && is_proxied(&call.destination);
    if !is_refused || !is_by_service || call.transport.is_some() || decision.transport != Some(Transport::Plaintext) {
        return None;
    }
    let own = &*call.destination.pod()?.namespace;
    let root = &*setting.policy.config.mesh.root_namespace;
    let policy = [own, root].into_iter().find_map(|namespace| of_all(setting, namespace))?;
    let is_it = place::text(policy, &["spec", "mtls", "mode"]) == Some("DISABLE");
    is_it.then(|| {
        format!(
            "the sidecar of {} speaks plaintext because of {}, DISABLE: clients heed the policy of the namespace or the mesh, not those of workloads",
            call.source.short,
            place::title(policy)
        )
    })
}

/// The policy of all pods of a namespace, if it says how they are spoken to.
fn of_all<'s>(setting: &'s Setting, namespace: &str) -> Option<&'s Value> {
    setting.objects.iter().find(|object| {
        place::kind(object) == "PeerAuthentication"
            && place::text(object, &["metadata", "namespace"]) == Some(namespace)
            && object.pointer("/spec/selector/matchLabels").and_then(Value::as_object).is_none_or(serde_json::Map::is_empty)
            && place::text(object, &["spec", "mtls", "mode"]).is_some_and(|mode| mode != "UNSET")
    })
}
