//! Regions: products of callers, destinations and ports.
//!
//! Owns: `Region` and its algebra. A region says nothing of requests or transport.

use crate::flow::{Peers, PortSet};

/// Every flow from one of `sources` to one of `destinations` on one of `ports`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Who calls.
    pub sources: Peers,
    /// Who is called.
    pub destinations: Peers,
    /// On which pod ports.
    pub ports: PortSet,
}

impl Region {
    /// Whether it holds no flow.
    pub fn is_empty(&self) -> bool {
        self.ports.is_empty() || self.sources.is_empty() || self.destinations.is_empty()
    }

    /// Of how many parts its ends are made: what comparing it costs is in line with them.
    pub(super) fn parts(&self) -> usize {
        self.sources.pods.cubes().len() + self.destinations.pods.cubes().len()
    }

    /// Whether some flow is in both. Cheaper than [`Self::intersect`].
    pub fn overlaps(&self, other: &Self) -> bool {
        self.ports.overlaps(&other.ports) && self.destinations.overlaps(&other.destinations) && self.sources.overlaps(&other.sources)
    }

    /// What is in both; none if nothing is.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let ports = self.ports.intersect(&other.ports);
        if ports.is_empty() {
            return None;
        }
        let destinations = self.destinations.intersect(&other.destinations);
        if destinations.is_empty() {
            return None;
        }
        let sources = self.sources.intersect(&other.sources);
        (!sources.is_empty()).then_some(Self { sources, destinations, ports })
    }

    /// What is in this one and not in the other, as regions that do not overlap:
    /// `A − S×D×P = (A.s − S)×A.d×A.p ∪ (A.s ∩ S)×(A.d − D)×A.p ∪ (A.s ∩ S)×(A.d ∩ D)×(A.p − P)`.
    pub fn subtract(self, other: &Self) -> Vec<Self> {
        let Some(common) = self.intersect(other) else { return vec![self] };
        let outside = Self { sources: self.sources.subtract(&other.sources), ..self.clone() };
        let beside = Self {
            sources: common.sources.clone(),
            destinations: self.destinations.subtract(&other.destinations),
            ports: self.ports.clone(),
        };
        let around = Self { ports: self.ports.subtract(&other.ports), ..common };
        [outside, beside, around].into_iter().filter(|region| !region.is_empty()).collect()
    }
}

/// What of several regions lies outside another.
pub(super) fn subtract_all(regions: Vec<Region>, other: &Region) -> Vec<Region> {
    regions.into_iter().flat_map(|region| region.subtract(other)).collect()
}
