//! Ports on which nobody who is known listens: of gateways, and of tunnels that nobody is there for.
//!
//! Owns: what becomes of the answer there: no policy stops the connection, and whether anybody answers it is not known. It must not judge.

use super::call::Call;
use super::open::left_open;
use super::setting::Setting;
use crate::cluster::{Decision, Silence};
use crate::flow::{Protocol, Verdict};

/// An answer, as far as somebody listens.
pub(super) fn settle(setting: &Setting, call: &Call, decision: Decision) -> Decision {
    if decision.verdict != Verdict::Allowed || call.protocol != Protocol::Tcp {
        return decision;
    }
    match reason(setting, call) {
        Some(reason) => left_open(decision, &reason, |_| false),
        None => decision,
    }
}

/// Why nobody may listen; none where somebody may be taken to.
fn reason(setting: &Setting, call: &Call) -> Option<String> {
    let (port, name) = (call.port, &call.destination.short);
    Some(match setting.cluster.silence(&call.destination.endpoint, port)? {
        Silence::Unopened => {
            format!("no Gateway opens port {port}, so {name}'s proxy does not listen there, and whether anything else does is not known")
        }
        Silence::NoTunnel => {
            format!("port {port} is that of the tunnel, and whether {name}'s sidecar listens there is not known: nobody is in ambient mode")
        }
    })
}
