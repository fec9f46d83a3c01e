//! Ports on which nobody who is known listens.
//!
//! Owns: what becomes of the answer there: no policy stops the connection, and whether anybody answers it is not known. It must not judge.

use super::call::Call;
use super::open::left_open;
use super::setting::Setting;
use crate::cluster::Decision;
use crate::compile::unanswered;
use crate::flow::{Protocol, Verdict};

/// An answer, as far as somebody listens.
pub(super) fn settle(setting: &Setting, call: &Call, decision: Decision) -> Decision {
    if decision.verdict != Verdict::Allowed || call.protocol != Protocol::Tcp {
        return decision;
    }
    let whose = format!("{}'s", call.destination.short);
    match unanswered(&setting.cluster, &call.destination.endpoint, call.port, &whose) {
        Some(reason) => left_open(decision, &reason, |_| false),
        None => decision,
    }
}
