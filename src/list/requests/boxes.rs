//! Few wide boxes instead of many narrow ones.
//!
//! Owns: `cover`. A space of classes has some dimensions with some cells each; a box is a set of cells in every dimension, and
//! holds the classes whose cells are all in it. The boxes found hold the wanted classes and no other.

use std::collections::BTreeMap;

use super::super::bits::Bits;

/// A set of cells in each dimension.
pub(super) type Cells = Vec<Bits>;

/// Beyond so many classes boxes are merged, but not widened: widening asks about each class of each box.
const WIDENED: usize = 1 << 15;

/// Boxes that together hold exactly the wanted classes. A class is a number whose first dimension counts fastest.
pub(super) fn cover(sizes: &[usize], wanted: &Bits) -> Vec<Cells> {
    let mut folded = Folded { sizes: sizes.to_vec(), wanted: wanted.clone(), groups: Vec::new() };
    for at in 0..sizes.len() {
        folded.fold(at);
    }
    let mut boxes: Vec<Cells> = few(&folded.sizes, &folded.wanted).iter().map(|cells| folded.unfold(cells)).collect();
    boxes.sort_unstable();
    boxes
}

/// The same, where classes that differ in one dimension only are in one box or in none together: of each place in all other dimensions
/// one box has all that is wanted there.
pub(super) fn cover_by(at: usize, sizes: &[usize], wanted: &Bits) -> Vec<Cells> {
    let size = sizes.get(at).copied().unwrap_or(1).max(1);
    let step: usize = sizes.iter().take(at).product();
    let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for class in wanted.iter() {
        places.entry(class % step + step * (class / (step * size))).or_default().push(class / step % size);
    }
    let mut alike: BTreeMap<Bits, Vec<usize>> = BTreeMap::new();
    for (place, cells) in places {
        alike.entry(cells.into_iter().collect()).or_default().push(place);
    }
    let others: Vec<usize> = sizes.iter().enumerate().map(|(dimension, size)| if dimension == at { 1 } else { *size }).collect();
    let with = |mut cells: Cells, own: &Bits| {
        if let Some(place) = cells.get_mut(at) {
            *place = own.clone();
        }
        cells
    };
    let boxes = |(own, places): (Bits, Vec<usize>)| {
        let boxes = cover(&others, &places.into_iter().collect());
        boxes.into_iter().map(|cells| with(cells, &own)).collect::<Vec<Cells>>()
    };
    alike.into_iter().flat_map(boxes).collect()
}

/// A space in which cells are one that make no difference to what is wanted, so that boxes are sought among few classes.
struct Folded {
    sizes: Vec<usize>,
    wanted: Bits,
    /// For each dimension that was folded, the cells of each that are one now.
    groups: Vec<Vec<Bits>>,
}

impl Folded {
    /// Makes one of the cells of a dimension that are alike.
    fn fold(&mut self, at: usize) {
        let size = self.sizes.get(at).copied().unwrap_or(1).max(1);
        let step: usize = self.sizes.iter().take(at).product();
        let cell = |class: usize| class / step % size;
        let mut slices: Vec<Vec<usize>> = vec![Vec::new(); size];
        for class in self.wanted.iter() {
            if let Some(slice) = slices.get_mut(cell(class)) {
                slice.push(class - cell(class) * step);
            }
        }
        let mut numbers: BTreeMap<&[usize], usize> = BTreeMap::new();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (cell, slice) in slices.iter().enumerate() {
            let number = *numbers.entry(slice).or_insert(groups.len());
            match groups.get_mut(number) {
                Some(group) => group.push(cell),
                None => groups.push(vec![cell]),
            }
        }
        let place = |class: usize| {
            // The first of a group stands for all.
            let number = groups.iter().position(|group| group.first() == Some(&cell(class)))?;
            Some(class % step + step * (number + groups.len() * (class / (step * size))))
        };
        self.wanted = self.wanted.iter().filter_map(place).collect();
        if let Some(size) = self.sizes.get_mut(at) {
            *size = groups.len();
        }
        self.groups.push(groups.into_iter().map(|group| group.into_iter().collect()).collect());
    }

    /// A box of the whole space.
    fn unfold(&self, cells: &[Bits]) -> Cells {
        let whole = |(cells, groups): (&Bits, &Vec<Bits>)| {
            cells.iter().filter_map(|number| groups.get(number)).fold(Bits::default(), |sum, group| sum.union(group))
        };
        cells.iter().zip(&self.groups).map(whole).collect()
    }
}

/// The boxes, and as few as are easily found.
fn few(sizes: &[usize], wanted: &Bits) -> Vec<Cells> {
    let mut boxes = merged(sizes, wanted);
    if sizes.iter().product::<usize>() <= WIDENED {
        for cells in &mut boxes {
            widen(sizes, wanted, cells);
        }
        boxes.sort_unstable();
        boxes.dedup();
        drop_covered(sizes, wanted, &mut boxes);
        for at in 0..boxes.len() {
            narrow(sizes, at, &mut boxes);
        }
    }
    boxes
}

/// Disjoint boxes: classes that differ in one dimension only become one, dimension by dimension.
fn merged(sizes: &[usize], wanted: &Bits) -> Vec<Cells> {
    let mut boxes: Vec<Cells> = wanted.iter().map(|class| place(sizes, class)).collect();
    for at in 0..sizes.len() {
        let mut alike: BTreeMap<Cells, Bits> = BTreeMap::new();
        for mut cells in boxes {
            let own = cells.get_mut(at).map(std::mem::take).unwrap_or_default();
            let sum = alike.entry(cells).or_default();
            *sum = sum.union(&own);
        }
        let whole = |(mut cells, own): (Cells, Bits)| {
            if let Some(place) = cells.get_mut(at) {
                *place = own;
            }
            cells
        };
        boxes = alike.into_iter().map(whole).collect();
    }
    boxes
}

/// The cells of one class.
fn place(sizes: &[usize], mut class: usize) -> Cells {
    let mut cells = Vec::with_capacity(sizes.len());
    for size in sizes {
        cells.push(std::iter::once(class % size.max(&1)).collect());
        class /= size.max(&1);
    }
    cells
}

/// The classes of a box.
fn classes(sizes: &[usize], cells: &[Bits]) -> Bits {
    let mut numbers = vec![0];
    let mut step = 1;
    for (size, cells) in sizes.iter().zip(cells) {
        numbers = cells.iter().flat_map(|cell| numbers.iter().map(move |number| number + cell * step).collect::<Vec<_>>()).collect();
        step *= size;
    }
    numbers.into_iter().collect()
}

/// Takes in every cell with which the box still holds wanted classes only.
fn widen(sizes: &[usize], wanted: &Bits, cells: &mut Cells) {
    for (at, size) in sizes.iter().enumerate() {
        for cell in 0..*size {
            let one: Bits = std::iter::once(cell).collect();
            let mut slice = cells.clone();
            let Some(place) = slice.get_mut(at).filter(|own| !own.contains(cell)) else { continue };
            *place = one.clone();
            if classes(sizes, &slice).is_subset(wanted)
                && let Some(own) = cells.get_mut(at)
            {
                *own = own.union(&one);
            }
        }
    }
}

/// Drops boxes whose classes the others hold, narrow ones first.
fn drop_covered(sizes: &[usize], wanted: &Bits, boxes: &mut Vec<Cells>) {
    let mut held: Vec<(Bits, Cells)> = boxes.drain(..).map(|cells| (classes(sizes, &cells), cells)).collect();
    held.sort_by_key(|(classes, _)| classes.iter().count());
    let mut at = 0;
    while at < held.len() {
        let others = held.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, (classes, _))| classes);
        let rest = others.fold(Bits::default(), |sum, classes| sum.union(classes));
        if wanted.is_subset(&rest) {
            held.remove(at);
        } else {
            at += 1;
        }
    }
    boxes.extend(held.into_iter().map(|(_, cells)| cells));
}

/// Takes out of a box every cell that the others hold anyway, in dimensions of which it does not hold all. `GET /a, POST /b`
/// reads better than `GET /a, GET|POST /b`, but `GET, * /b` better than `GET, !GET /b`. The first dimension, whose cells are
/// said by what holds many of them, stays as it is.
fn narrow(sizes: &[usize], at: usize, boxes: &mut [Cells]) {
    let others = boxes.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, cells)| classes(sizes, cells));
    let others = others.fold(Bits::default(), |sum, classes| sum.union(&classes));
    let Some(own) = boxes.get_mut(at) else { return };
    for (dimension, size) in sizes.iter().enumerate().skip(1) {
        for cell in 0..*size {
            let one: Bits = std::iter::once(cell).collect();
            let mut slice = own.clone();
            let is_part = |cells: &&mut Bits| cells.contains(cell) && **cells != one && **cells != Bits::below(*size);
            let Some(place) = slice.get_mut(dimension).filter(is_part) else { continue };
            *place = one.clone();
            if classes(sizes, &slice).is_subset(&others)
                && let Some(cells) = own.get_mut(dimension)
            {
                cells.remove(&one);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn boxes_hold_the_wanted_classes_and_no_other(
            sizes in prop::collection::vec(1_usize..4, 1..4),
            numbers in prop::collection::btree_set(0_usize..64, 0..40),
        ) {
            let count = sizes.iter().product();
            let wanted: Bits = numbers.into_iter().filter(|number| *number < count).collect();
            for boxes in [cover(&sizes, &wanted), merged(&sizes, &wanted)] {
                let held = boxes.iter().map(|cells| classes(&sizes, cells)).fold(Bits::default(), |sum, own| sum.union(&own));
                prop_assert_eq!(held, wanted.clone());
            }
        }
    }

    #[test]
    fn a_cross_is_two_boxes() {
        // Three by three: the middle row and the middle column.
        let wanted: Bits = [1, 3, 4, 5, 7].into_iter().collect();
        let bits = |cells: &[usize]| cells.iter().copied().collect::<Bits>();
        let mut found = cover(&[3, 3], &wanted);
        found.sort_unstable();
        let mut expected = vec![vec![bits(&[0, 1, 2]), bits(&[1])], vec![bits(&[1]), bits(&[0, 1, 2])]];
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
}
