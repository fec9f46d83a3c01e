//! The classes of flows that judges can tell apart, with one flow of each (design §5).
//!
//! Owns: the cutting of far ends, ports and requests along the cuts of any number of judges, so that deciding once a class is
//! deciding for all flows that could exist. It knows neither programs nor manifests: cuts come from judges, and which pods can
//! exist is told by a [`World`].
//!
//! Classes are made lazily, far ends first: only the cuts that hold a far end cut the ports for it, and only those that hold
//! a port cut the requests. The product of all dimensions is never built.

mod far;
mod few;
mod partitions;
mod ports;
mod requests;
mod witness;

use crate::flow::{Pod, PodCube};

pub use far::{
    Among, Far, Limits, Part, Pods, TooManyPods, address_classes, classes_among, classes_cut, classes_within, considered_parts,
    far_classes, parts_within,
};
pub use few::{Carried, FewLabels};
pub use partitions::{FarEnd, Partitions, Parts};
pub use ports::{PortClass, port_classes};
pub use requests::{DecidingRequests, MAX_REQUESTS, PathCells, TooManyRequests, deciding_requests, differing_requests, request_classes};
pub use witness::{Named, fresh_word, labels_within};

/// Which pods can exist.
pub trait World: Sync + std::fmt::Debug {
    /// A pod of this cube that can exist, one that takes part in the mesh if there is such a one; none if no pod of it can.
    ///
    /// All pods of the cube are alike to every judge but for their data plane, so any will do.
    fn example(&self, cube: &PodCube) -> Option<Pod>;

    /// Whether any pod of this cube is worth a look: of a part of pods that are not, no class is made.
    ///
    /// If a cube is not, no part of it is.
    fn is_considered(&self, _cube: &PodCube) -> bool {
        true
    }

    /// The pods that take part in the mesh otherwise than others of their namespace: no class holds some of them and some others, as
    /// its example would stand for a data plane that is not all of its pods'.
    fn planes(&self) -> &[PodCube] {
        &[]
    }

    /// Whether pods that differ from this one in nothing else may take no part in the mesh: nobody says it of their namespace.
    fn may_be_outside_mesh(&self, _pod: &Pod) -> bool {
        false
    }

    /// By what it tells pods that can exist from others, each a limit: pods that a test does not hold may be so too.
    fn label_tests(&self) -> Vec<PodCube> {
        Vec::new()
    }
}

/// Which of a list of things: a set of small numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// No numbers, with room for those below `size`.
    pub(crate) fn none(size: usize) -> Self {
        Self(vec![0; size.div_ceil(64)])
    }

    /// These numbers, with room for those below `size`.
    pub(crate) fn of(size: usize, numbers: impl Iterator<Item = usize>) -> Self {
        let mut bits = Self::none(size);
        numbers.for_each(|number| bits.insert(number));
        bits
    }

    /// The numbers that are not in the other.
    pub(crate) fn without(&self, other: &Self) -> Self {
        let others = other.0.iter().copied().chain(std::iter::repeat(0));
        Self(self.0.iter().zip(others).map(|(word, other)| word & !other).collect())
    }

    /// Whether all of its numbers are in the other.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        let others = other.0.iter().copied().chain(std::iter::repeat(0));
        self.0.iter().zip(others).all(|(word, other)| word & !other == 0)
    }

    /// Adds a number; one beyond the room is left out.
    pub(crate) fn insert(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    /// Whether a number is in it.
    pub(crate) fn contains(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    /// The numbers, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        let numbers = |(at, word): (usize, &u64)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let lowest = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(at * 64 + lowest)
            })
        };
        self.0.iter().enumerate().flat_map(numbers)
    }
}

#[cfg(test)]
mod tests;
