//! Finding the cubes of a set that can meet a given one without asking all of them.
//!
//! Owns: an index by namespace name. It is a filter only: what it leaves out is disjoint, what it gives may be too.

use std::collections::BTreeMap;

use super::super::Symbol;
use super::PodCube;

/// Sets smaller than this are walked; an index would cost more than it saves.
const WORTH_AN_INDEX: usize = 32;

/// The cubes of a set by the one namespace that they are in.
pub(super) struct Index<'a> {
    cubes: &'a [PodCube],
    /// Places of the cubes that are in exactly this namespace; empty for a small set.
    narrow: BTreeMap<&'a Symbol, Vec<usize>>,
    /// Places of all others.
    wide: Vec<usize>,
}

impl<'a> Index<'a> {
    pub(super) fn new(cubes: &'a [PodCube]) -> Self {
        let mut index = Self { cubes, narrow: BTreeMap::new(), wide: Vec::new() };
        if cubes.len() < WORTH_AN_INDEX {
            return index;
        }
        for (at, cube) in cubes.iter().enumerate() {
            match cube.namespace_names() {
                Some([name]) => index.narrow.entry(name).or_default().push(at),
                _ => index.wide.push(at),
            }
        }
        index
    }

    /// The cubes that may share a pod with this one and their places, in the order of the set.
    pub(super) fn near(&self, cube: &PodCube) -> impl Iterator<Item = (usize, &'a PodCube)> + use<'a> {
        let cubes = self.cubes;
        let places = match cube.namespace_names() {
            Some(names) if cubes.len() >= WORTH_AN_INDEX => Some(self.places(names)),
            _ => None,
        };
        let every = if places.is_none() { cubes.len() } else { 0 };
        let places = places.into_iter().flatten().chain(0..every);
        places.filter_map(move |at| Some((at, cubes.get(at)?)))
    }

    fn places(&self, names: &[Symbol]) -> Vec<usize> {
        let mut places = self.wide.clone();
        places.extend(names.iter().filter_map(|name| self.narrow.get(name)).flatten());
        places.sort_unstable();
        places
    }
}
