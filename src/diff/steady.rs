//! What workloads show that take part in the mesh as they did though their namespace does not.
//!
//! Owns: `of_steady`. Other pods may have their labels and turn with the namespace. So classes of pods are compared as those others are, and
//! these workloads besides, as if their labels were declared with `unmeshed`, or without.

use super::meshed::{self, Turning};
use super::programs::{all_sown, sides};
use super::seeds::Policies;
use super::side::{Pair, Which};
use super::walk::{Found, walk};
use crate::flow::Peer;
use crate::gates::Gates;

/// What becomes of flows from and to such workloads.
pub(super) fn of_steady(policies: Policies<'_>, gates: [&Gates; 2]) -> Found {
    let steady = meshed::steady(policies);
    if steady.is_empty() {
        return Found::default();
    }
    let [base, head] = meshed::with_turns(policies, Turning::WithNamespaces);
    let policies = Policies { base: &base, head: &head };
    let [old, new] = sides(policies, gates);
    let pair = Pair::new(&old, &new);
    let mut found = walk(&pair, Some(policies), &all_sown(policies, &pair, [&old, &new]));
    let is_of_one = |peer: &Peer| matches!(peer, Peer::Pod(pod) if steady.iter().any(|own| own.contains(pod)));
    found.cells.retain(|cell| [&cell.caller, &cell.target].into_iter().any(|end| is_of_one(end.of(Which::Head))));
    found
}
