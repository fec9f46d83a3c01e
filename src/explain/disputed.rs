//! Calls of a Service of which several of one name say different things.
//!
//! Owns: what becomes of the answer: where such a Service leads to is not known. It must not judge.

use super::call::{Call, Naming};
use super::setting::Setting;
use crate::cluster::{Addressed, Decision};
use crate::flow::{Symbol, Verdict};

/// An answer, as far as it does not hang on which of several Services is in the cluster.
pub(super) fn settle(setting: &Setting, call: &Call, decision: Decision) -> Decision {
    let services = &setting.inventory.disputed.services;
    if services.is_empty() {
        return decision;
    }
    let called = match &call.addressed {
        Addressed::Service { namespace, name, .. } if call.naming == Naming::Service => {
            Some((Symbol::clone(namespace), Symbol::clone(name)))
        }
        _ => None,
    };
    let is_by = |(namespace, name): &(Symbol, Symbol)| {
        call.entrance.as_ref().is_some_and(|entrance| entrance.by == format!("Service {namespace}/{name}"))
    };
    let Some((namespace, name)) = services.keys().find(|own| called.as_ref() == Some(own) || is_by(own)) else { return decision };
    let reason = format!("Service `{namespace}/{name}` stands twice, and where it leads to is not known");
    Decision { verdict: Verdict::Unspecified(reason), ..decision }
}
