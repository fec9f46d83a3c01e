//! Far ends: pods and addresses, cut along the `peers` of all cuts.
//!
//! Owns: `Far` and the partition. Two far ends that the same cuts hold are one class, unless their data planes differ.

use std::collections::HashMap;

use super::{Bits, World};
use crate::flow::{AddressSet, Cut, DataPlane, Peer, Pod, PodCube};

/// One class of far ends.
#[derive(Debug, Clone)]
pub struct Far {
    /// One of them.
    pub example: Peer,
    /// All that are alike.
    pub among: Among,
    /// Which cuts hold it, by their place in the list.
    pub cuts: Vec<usize>,
}

/// Far ends that are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Among {
    /// The pods of these cubes, as far as they can exist.
    Pods(Vec<PodCube>),
    /// These addresses.
    Addresses(AddressSet),
}

/// The classes of far ends, with one pod or address of each that can exist.
pub fn far_classes(cuts: &[Cut], world: &dyn World) -> Vec<Far> {
    let mut classes = pod_classes(cuts, world);
    classes.extend(address_classes(cuts));
    classes
}

/// A part of all pods, and which of the cubes hold it.
struct Cell {
    cube: PodCube,
    held_by: Bits,
}

fn pod_classes(cuts: &[Cut], world: &dyn World) -> Vec<Far> {
    let cubes: Vec<(usize, &PodCube)> =
        cuts.iter().enumerate().flat_map(|(at, cut)| cut.peers.pods.cubes().iter().map(move |cube| (at, cube))).collect();
    let classes = classes_within(&[PodCube::all()], &cubes, cuts.len(), world);
    let far = |class: Pods| Far { example: Peer::Pod(class.example), among: Among::Pods(class.among), cuts: class.held_by };
    classes.into_iter().map(far).collect()
}

/// One class of pods.
#[derive(Debug, Clone)]
pub struct Pods {
    /// One of them.
    pub example: Pod,
    /// All of them, as far as they can exist.
    pub among: Vec<PodCube>,
    /// The numbers of the cubes that hold it.
    pub held_by: Vec<usize>,
}

/// The classes into which numbered cubes cut some pods; `size` is above every number.
///
/// The pods are given as cubes. Where pods of one class take part in the mesh and others do not, there is a class of each; to
/// the first belong also parts of which nobody asked.
pub fn classes_within(whole: &[PodCube], cubes: &[(usize, &PodCube)], size: usize, world: &dyn World) -> Vec<Pods> {
    let mut places: HashMap<(Bits, bool), usize> = HashMap::new();
    let mut classes: Vec<Pods> = Vec::new();
    for cell in whole.iter().flat_map(|whole| cells(whole.clone(), cubes, size)) {
        let mut key = (cell.held_by, true);
        if let Some(class) = places.get(&key).and_then(|place| classes.get_mut(*place)) {
            class.among.push(cell.cube);
            continue;
        }
        let Some(example) = world.example(&cell.cube) else { continue };
        key.1 = example.plane != DataPlane::None;
        if let Some(class) = places.get(&key).and_then(|place| classes.get_mut(*place)) {
            class.among.push(cell.cube);
            continue;
        }
        let held_by = key.0.iter().collect();
        places.insert(key, classes.len());
        classes.push(Pods { example, among: vec![cell.cube], held_by });
    }
    classes
}

/// The pods of a cube, cut along cubes. Equal cubes cut once.
fn cells(whole: PodCube, cubes: &[(usize, &PodCube)], size: usize) -> Vec<Cell> {
    let mut distinct: Vec<(&PodCube, Vec<usize>)> = Vec::new();
    let mut places: HashMap<&PodCube, usize> = HashMap::new();
    for (at, cube) in cubes {
        match places.get(cube).and_then(|place| distinct.get_mut(*place)) {
            Some((_, owners)) => owners.push(*at),
            None => {
                places.insert(cube, distinct.len());
                distinct.push((cube, vec![*at]));
            }
        }
    }
    let mut cells = vec![Cell { cube: whole, held_by: Bits::none(size) }];
    for (cube, owners) in distinct {
        let mut next = Vec::with_capacity(cells.len() + 2);
        for cell in cells {
            split(cell, cube, &owners, &mut next);
        }
        cells = next;
    }
    cells
}

/// Cuts one cell along a cube: what lies in it is held by its owners.
fn split(cell: Cell, cube: &PodCube, owners: &[usize], into: &mut Vec<Cell>) {
    let Some(inside) = cell.cube.intersect(cube) else { return into.push(cell) };
    let mut held_by = cell.held_by.clone();
    owners.iter().for_each(|owner| held_by.insert(*owner));
    into.extend(cell.cube.subtract(cube).into_iter().map(|cube| Cell { cube, held_by: cell.held_by.clone() }));
    into.push(Cell { cube: inside, held_by });
}

fn address_classes(cuts: &[Cut]) -> Vec<Far> {
    let mut cells = vec![(AddressSet::all(), Bits::none(cuts.len()))];
    for (at, cut) in cuts.iter().enumerate().filter(|(_, cut)| !cut.peers.addresses.is_empty()) {
        let mut next = Vec::with_capacity(cells.len() + 1);
        for (cell, held_by) in cells {
            let inside = cell.intersect(&cut.peers.addresses);
            if inside.is_empty() {
                next.push((cell, held_by));
                continue;
            }
            let outside = cell.subtract(&inside);
            let mut both = held_by.clone();
            both.insert(at);
            next.extend((!outside.is_empty()).then_some((outside, held_by)));
            next.push((inside, both));
        }
        cells = next;
    }
    let class = |(cell, held_by): (AddressSet, Bits)| {
        let example = Peer::Address(cell.first()?);
        Some(Far { example, among: Among::Addresses(cell), cuts: held_by.iter().collect() })
    };
    cells.into_iter().filter_map(class).collect()
}
