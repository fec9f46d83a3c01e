//! Few wide boxes instead of many narrow ones.
//!
//! Owns: `cover`. A space of classes has some dimensions with some cells each; a box is a set of cells in every dimension, and
//! holds the classes whose cells are all in it. The boxes found hold the wanted classes and no other.

use std::collections::BTreeMap;

use super::super::bits::Bits;

/// A set of cells in each dimension.
pub(super) type Cells = Vec<Bits>;

/// Beyond so many classes boxes are merged, but not widened: widening asks about each class of each box.
const WIDENED: usize = 4096;

/// Boxes that together hold exactly the wanted classes. A class is a number whose first dimension counts fastest.
pub(super) fn cover(sizes: &[usize], wanted: &Bits) -> Vec<Cells> {
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
        boxes.sort_unstable();
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
