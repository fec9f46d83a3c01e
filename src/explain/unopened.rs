//! Ports of gateways on which their proxies do not listen.
//!
//! Owns: what becomes of the answer there: no policy stops the connection, and nobody who is known answers it. It must not judge.

use super::call::Call;
use super::open::left_open;
use super::setting::Setting;
use crate::cluster::Decision;
use crate::flow::{Protocol, Verdict};

/// An answer, as far as somebody listens.
pub(super) fn settle(setting: &Setting, call: &Call, decision: Decision) -> Decision {
    let passes = decision.verdict == Verdict::Allowed && call.protocol == Protocol::Tcp;
    if !passes || !setting.cluster.is_unopened(&call.destination.endpoint, call.port) {
        return decision;
    }
    let (port, gateway) = (call.port, &call.destination.short);
    let reason =
        format!("no Gateway opens port {port}, so {gateway}'s proxy does not listen there, and whether anything else does is not known");
    left_open(decision, &reason, |_| false)
}
