//! The pods that seeds speak of, so that a namespace is cut no finer than these are told apart.
//!
//! Owns: `Meant`. A namespace of a real application has pods of many labels; a policy that has changed selects some of them.

use crate::diff::seeds::{Place, Sown};
use crate::flow::{PodCube, Symbol};

/// Pods that are looked at; others need not be told apart.
pub(super) struct Meant<'s> {
    /// None for all pods.
    cubes: Option<Vec<&'s PodCube>>,
}

/// With more cubes than these, asking for each costs more than it saves.
const MAX_CUBES: usize = 32;

impl<'s> Meant<'s> {
    /// All pods.
    pub(super) const ALL: Self = Self { cubes: None };

    /// The pods of a namespace at one end of the flows of some seeds.
    pub(super) fn of(name: &Symbol, seeds: &[&'s Sown], end: fn(&Sown) -> &Place) -> Self {
        let places = seeds.iter().map(|seed| end(seed)).filter(|place| place.names.contains(name));
        let cubes: Vec<&PodCube> = places.flat_map(|place| place.pods.cubes()).take(MAX_CUBES + 1).collect();
        Self { cubes: (cubes.len() <= MAX_CUBES).then_some(cubes) }
    }

    /// Whether some pods of a cube may be among them.
    pub(super) fn are_among(&self, cube: &PodCube) -> bool {
        self.cubes.as_ref().is_none_or(|cubes| cubes.iter().any(|own| own.overlaps(cube)))
    }

    /// Whether a test tells some of them from others. One that does not only tells others from them: cut by those first, a namespace
    /// falls into no more parts than before.
    pub(super) fn are_told_apart_by(&self, test: &PodCube) -> bool {
        let cubes = self.cubes.as_deref().unwrap_or_default();
        !(cubes.iter().all(|own| own.is_subset(test)) || cubes.iter().all(|own| !own.overlaps(test)))
    }
}
