//! What no rule lets through of the flows that a pair of rules lets through together.
//!
//! Owns: the search over all rules that match in a region, and how long it may take. It must never say that nothing is left where it
//! has not looked.

use std::cell::Cell;

use super::Mtls;
use super::coupling::Lane;
use super::region::Region;
use crate::flow::{RequestSet, Transport};

/// Steps in one region past which a gain is assumed: no honest program needs more, and an unproven pair is refused.
const MAX_STEPS: usize = 200_000;

/// Regions, weighed by their parts, that are looked at for all pairs of rules of one namespace.
const MAX_WORK: usize = 1_000_000;

/// How much is still looked at for the rules of one namespace.
#[derive(Debug)]
pub(super) struct Effort {
    left: Cell<usize>,
}

impl Effort {
    pub(super) const fn of_a_namespace() -> Self {
        Self { left: Cell::new(MAX_WORK) }
    }

    /// Whether what is found from here on is not all there is.
    pub(super) fn is_spent(&self) -> bool {
        self.left.get() == 0
    }

    pub(super) fn spend(&self, work: usize) {
        self.left.set(self.left.get().saturating_sub(work));
    }
}

/// Whether everything that a permission grants is what this lane's own rule lets through over this transport.
pub(super) fn is_within(need: &RequestSet, lane: &Lane<'_>, transport: Transport) -> bool {
    if transport == Transport::Plaintext && lane.opening.mtls == Mtls::Required {
        return false;
    }
    let own = &lane.opening.requests;
    own.is_all() || need == own || need.is_subset(own)
}

/// Takes what is left of a region, with the requests that no rule lets through there; gives something if that is what was looked for.
pub(super) type Take<'t, T> = &'t dyn Fn(Region, &RequestSet) -> Option<T>;

/// A search in one region.
pub(super) struct Unjustified<'t, T> {
    transport: Transport,
    take: Take<'t, T>,
    effort: &'t Effort,
    steps: usize,
}

impl<'t, T> Unjustified<'t, T> {
    pub(super) const fn new(transport: Transport, take: Take<'t, T>, effort: &'t Effort) -> Self {
        Self { transport, take, effort, steps: 0 }
    }

    /// The first of what no rule that matches in these regions lets through of `need`, as it is taken. None is found, too, when the effort is
    /// spent.
    pub(super) fn first(&mut self, regions: Vec<Region>, need: &RequestSet, lanes: &[&Lane<'_>]) -> Option<T> {
        let regions: Vec<Region> = regions.into_iter().filter(|region| !region.is_empty()).collect();
        self.steps += 1;
        self.effort.spend(1 + regions.iter().map(Region::parts).sum::<usize>());
        if regions.is_empty() || need.is_empty() || self.effort.is_spent() {
            return None;
        }
        let Some((lane, rest)) = lanes.split_first().filter(|_| self.steps < MAX_STEPS) else {
            return regions.into_iter().find_map(|region| (self.take)(region, need));
        };
        if self.transport == Transport::Plaintext && lane.opening.mtls == Mtls::Required {
            return self.first(regions, need, rest);
        }
        let inside: Vec<Region> = regions.iter().filter_map(|region| region.intersect(&lane.exact)).collect();
        if inside.is_empty() {
            return self.first(regions, need, rest);
        }
        if !is_within(need, lane, self.transport) {
            let found = self.first(inside, &need.subtract(&lane.opening.requests), rest);
            if found.is_some() {
                return found;
            }
        }
        // One region after the other: what is looked for is mostly found in the first, and each may fall into many.
        regions.into_iter().find_map(|region| self.first(region.subtract(&lane.exact), need, rest))
    }
}
