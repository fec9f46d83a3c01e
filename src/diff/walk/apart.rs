//! The pods of a namespace as they take part in the mesh.
//!
//! Owns: `Apart`: the parts of a namespace in which workloads say of themselves how they do, cut once and not for every class of pods that
//! is called. It must not know who calls or is called.

use std::collections::HashMap;

use crate::classes::parts_within;
use crate::diff::side::{Both, Pair};
use crate::flow::PodCube;
use crate::verify::Way;

/// A pod of a part, with how it takes part in the mesh on each side; none if no pod can exist.
type Example = Option<((bool, bool), Both)>;

/// The parts of one namespace, for one way.
pub(super) struct Apart {
    parts: Vec<PodCube>,
    way: Way,
    /// Examples of these parts, which most classes have whole.
    examples: HashMap<PodCube, Example>,
}

impl Apart {
    /// Those of a cube; none if there are too many of them.
    pub(super) fn new(pair: &Pair<'_>, whole: &PodCube, way: Way) -> Option<Self> {
        let planes = pair.planes(whole);
        let mut each = |cube: &PodCube| Some((cube.clone(), ()));
        let parts = parts_within(whole.clone(), &[], 0, &planes, &mut each).ok()?;
        let parts: Vec<PodCube> = parts.into_iter().flat_map(|part| part.pods.cubes().to_vec()).collect();
        let examples = parts.iter().map(|part| (part.clone(), pair.example_at(part, way))).collect();
        Some(Self { parts, way, examples })
    }

    /// The parts that are worth a look.
    pub(super) fn considered(&self, is_considered: &dyn Fn(&PodCube) -> bool) -> Vec<PodCube> {
        self.parts.iter().filter(|part| is_considered(part)).cloned().collect()
    }

    /// A pod of a part of a part.
    pub(super) fn example(&self, pair: &Pair<'_>, cube: &PodCube) -> Example {
        self.examples.get(cube).cloned().unwrap_or_else(|| pair.example_at(cube, self.way))
    }
}
