//! Calls of a pod to itself that never leave it: those of loopback addresses.
//!
//! Owns: which calls these are, and what becomes of them (`semantics.md` §1.7). No packet of them gets to where a policy is enforced, and
//! sidecars leave them alone unless they are told otherwise.

use super::world::Known;
use crate::cluster::{Decision, Gate, Step};
use crate::flow::{AddressSet, Peer, Prefix, Verdict};

/// The addresses under which everybody calls only themselves (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3).
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// Why no policy has a say.
const REASON: &str = "a pod always reaches itself: what goes to a loopback address does not leave it";

/// Whether a pod calls itself by a loopback address.
pub(super) fn is_it(source: &Known, destination: &Known) -> bool {
    let loopback: AddressSet = LOOPBACK.iter().filter_map(|text| Prefix::parse(text).ok()).collect();
    let range = &destination.range;
    matches!(source.endpoint.peer, Peer::Pod(_)) && !range.is_empty() && range.subtract(&loopback).is_empty()
}

/// The answer to such a call, in which policies have no say.
pub(super) fn settle(decision: Decision) -> Decision {
    let of_egress = decision.steps.into_iter().filter(|step| step.gate == Gate::Egress);
    let passed =
        |step: Step| Step { verdict: Verdict::Allowed, decided_by: Vec::new(), misses: Vec::new(), reason: REASON.to_owned(), ..step };
    Decision { verdict: Verdict::Allowed, steps: of_egress.map(passed).collect(), ..decision }
}

/// What is to be known of such a call.
pub(super) fn note(source: &Known, destination: &Known) -> Option<String> {
    let is_it = is_it(source, destination);
    is_it.then(|| format!("{} is whoever calls it: no policy can stop this connection", destination.text))
}
