//! Places of label cubes in a list, by one label that each of them wants.
//!
//! Owns: `LabelIndex`, which finds the few cubes of many that can hold certain labels. It must not decide: whoever asks still looks whether
//! a cube that it names holds them.

use std::collections::BTreeMap;

use super::{LabelCube, Labels, Symbol};

/// Where in a list stand the cubes that want a label.
#[derive(Debug, Default)]
pub struct LabelIndex {
    /// By key and value. A cube that wants several labels stands under the first.
    wanting: BTreeMap<Symbol, BTreeMap<Symbol, Vec<usize>>>,
    /// The cubes that want no label of one value.
    others: Vec<usize>,
}

impl LabelIndex {
    /// The index of the cubes of a list.
    pub fn of<'c>(cubes: impl IntoIterator<Item = &'c LabelCube>) -> Self {
        let mut index = Self::default();
        for (place, cube) in cubes.into_iter().enumerate() {
            let places = match cube.iter().find_map(|(key, values)| Some((key, values.single()?))) {
                Some((key, value)) => index.wanting.entry(key.clone()).or_default().entry(value.clone()).or_default(),
                None => &mut index.others,
            };
            places.push(place);
        }
        index
    }

    /// The places of the cubes that may hold these labels; every cube that holds them is among them.
    pub fn holding(&self, labels: &Labels) -> impl Iterator<Item = usize> {
        let wanted = labels.iter().filter_map(|(key, value)| self.wanting.get(key)?.get(value));
        self.others.iter().chain(wanted.flatten()).copied()
    }

    /// The places of the cubes that may overlap this one, in ascending order; every cube that overlaps it is among them.
    pub fn overlapping(&self, cube: &LabelCube) -> Vec<usize> {
        let mut places = self.others.clone();
        for (key, by_value) in &self.wanting {
            let values = cube.get(key);
            if values.is_cofinite() {
                let met = by_value.iter().filter(|(value, _)| values.contains(Some(value)));
                places.extend(met.flat_map(|(_, places)| places));
            } else {
                places.extend(values.words().iter().filter_map(|value| by_value.get(value)).flatten());
            }
        }
        places.sort_unstable();
        places
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::labels::tests::cube;
    use super::*;
    use crate::flow::Values;

    prop_compose! {
        fn labels()(
            app in prop::option::of(prop::sample::select(vec!["a", "b", "c", "other"])),
            tier in prop::option::of(prop::sample::select(vec!["a", "b", "c", "other"])),
        ) -> Labels {
            [("app", app), ("tier", tier)].into_iter().filter_map(|(key, value)| Some((key.into(), value?.into()))).collect()
        }
    }

    proptest! {
        /// Nothing that holds labels, or overlaps a cube, is left out, and nothing is named twice.
        #[test]
        fn every_cube_is_found(cubes in prop::collection::vec(cube(), 0..8), labels in labels(), other in cube()) {
            let index = LabelIndex::of(&cubes);
            let mut holding: Vec<usize> = index.holding(&labels).collect();
            holding.sort_unstable();
            let overlapping = index.overlapping(&other);
            for (place, cube) in cubes.iter().enumerate() {
                prop_assert!(!cube.contains(&labels) || holding.contains(&place));
                prop_assert!(!cube.overlaps(&other) || overlapping.contains(&place));
            }
            prop_assert!(holding.windows(2).chain(overlapping.windows(2)).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn cubes_that_want_other_values_are_left_out() {
        let of = |value: &str| LabelCube::of("app".into(), Values::one(value.into()));
        let index = LabelIndex::of(&[of("a"), of("b"), LabelCube::all()]);
        let labels = Labels::from([("app".into(), "b".into())]);
        assert_eq!(index.holding(&labels).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(index.overlapping(&of("a")), [0, 2]);
    }
}
