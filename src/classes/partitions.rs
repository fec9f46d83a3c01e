//! Far ends of many near ends, each with cuts of its own.
//!
//! Owns: `Partitions`. Near ends differ in ports and in which rules are theirs more than in the pods that these name, so the same
//! pods are cut along the same cubes again and again. Here that is done once for all cuts that name the same.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::far::{Cell, cells_cut, planes_among};
use super::{Among, Bits, Limits, TooManyPods, World, address_classes};
use crate::flow::{Cut, DataPlane, Peer, Pod, PodCube};

/// Lists of cubes from this length on are cut in their own order instead of that of the cuts, so that more of them are alike.
const WORTH_SORTING: usize = 8;

/// How many parts are kept for other near ends.
const KEPT_PARTS: usize = 1 << 14;

/// All pods, as lists of cubes cut them.
#[derive(Debug, Default)]
pub struct Partitions {
    found: BTreeMap<Vec<PodCube>, Rc<Partition>>,
    /// How many were found, which numbers them.
    count: usize,
    /// How many parts those have that are kept.
    kept: usize,
}

/// All pods, as a list of cubes cuts them.
#[derive(Debug, Default)]
struct Partition {
    number: usize,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    cube: PodCube,
    /// The places of the cubes that hold it.
    held_by: Vec<usize>,
    example: OnceCell<Option<Pod>>,
}

/// One class of far ends, as [`Far`](super::Far) has it.
#[derive(Debug)]
pub struct FarEnd {
    /// One of them.
    pub example: Peer,
    /// The part of the class that the example was taken from.
    pub among: Among,
    /// All pods of the class; none if it is one of addresses.
    pub parts: Parts,
    /// Which cuts hold it, by their place in the list.
    pub cuts: Vec<usize>,
}

/// Some parts of a partition.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    partition: Rc<Partition>,
    places: Vec<usize>,
}

impl Parts {
    /// What tells them from all parts of the same partitions.
    pub fn number(&self) -> (usize, &[usize]) {
        (self.partition.number, &self.places)
    }

    /// How many they are.
    pub const fn count(&self) -> usize {
        self.places.len()
    }

    /// The pods of each.
    pub fn iter(&self) -> impl Iterator<Item = &PodCube> {
        self.places.iter().filter_map(|place| self.partition.parts.get(*place)).map(|part| &part.cube)
    }
}

impl Partitions {
    /// The classes of far ends of these cuts, with one pod or address of each that can exist; in all calls of the same world.
    pub fn far_ends(&mut self, cuts: &[Cut], world: &dyn World, limits: &mut Limits) -> Result<Vec<FarEnd>, TooManyPods> {
        let mut distinct: Vec<(&PodCube, Vec<usize>)> = Vec::new();
        let mut places: BTreeMap<&PodCube, usize> = BTreeMap::new();
        for (at, cube) in cuts.iter().enumerate().flat_map(|(at, cut)| cut.peers.pods.cubes().iter().map(move |cube| (at, cube))) {
            if let Some((_, owners)) = places.get(cube).and_then(|place| distinct.get_mut(*place)) {
                owners.push(at);
            } else {
                places.insert(cube, distinct.len());
                distinct.push((cube, vec![at]));
            }
        }
        if distinct.len() >= WORTH_SORTING {
            distinct.sort_unstable();
        }
        let (cubes, owners): (Vec<&PodCube>, Vec<Vec<usize>>) = distinct.into_iter().unzip();
        let partition = self.of(&cubes, world, limits)?;
        let mut ends = pod_ends(&partition, &owners, cuts.len(), world);
        let address = |far: super::Far| FarEnd { example: far.example, among: far.among, parts: Parts::default(), cuts: far.cuts };
        ends.extend(address_classes(cuts).into_iter().map(address));
        Ok(ends)
    }

    fn of(&mut self, cubes: &[&PodCube], world: &dyn World, limits: &mut Limits) -> Result<Rc<Partition>, TooManyPods> {
        let key: Vec<PodCube> = cubes.iter().copied().cloned().collect();
        if let Some(known) = self.found.get(&key) {
            return Ok(Rc::clone(known));
        }
        let numbered: Vec<(usize, &PodCube)> = cubes.iter().copied().enumerate().collect();
        let whole = vec![PodCube::all()];
        let planes = planes_among(&whole, &numbered, world);
        let numbers: Vec<usize> = (0..cubes.len()).collect();
        let mut distinct: Vec<(&PodCube, &[usize])> = cubes.iter().copied().zip(numbers.chunks(1)).collect();
        let nobody: &[usize] = &[];
        distinct.extend(planes.iter().filter(|plane| !cubes.contains(plane)).map(|plane| (plane, nobody)));
        let cells = cells_cut(whole, &distinct, cubes.len(), &|cube| world.is_considered(cube), limits)?;
        let part = |cell: Cell| Part { cube: cell.cube, held_by: cell.held_by.iter().collect(), example: OnceCell::new() };
        self.count += 1;
        let partition = Rc::new(Partition { number: self.count, parts: cells.into_iter().map(part).collect() });
        if self.kept + partition.parts.len() > KEPT_PARTS {
            self.found.clear();
            self.kept = 0;
        }
        self.kept += partition.parts.len();
        self.found.insert(key, Rc::clone(&partition));
        Ok(partition)
    }
}

/// The classes of pods, where cuts own the cubes of a partition.
fn pod_ends(partition: &Rc<Partition>, owners: &[Vec<usize>], size: usize, world: &dyn World) -> Vec<FarEnd> {
    let mut classes: BTreeMap<Bits, Vec<usize>> = BTreeMap::new();
    let mut seen: BTreeSet<(Bits, bool)> = BTreeSet::new();
    let mut found: Vec<(&Pod, &PodCube, Bits)> = Vec::new();
    for (place, part) in partition.parts.iter().enumerate() {
        let held_by = Bits::of(size, part.held_by.iter().filter_map(|cube| owners.get(*cube)).flatten().copied());
        classes.entry(held_by.clone()).or_default().push(place);
        if seen.contains(&(held_by.clone(), true)) {
            continue;
        }
        let Some(example) = part.example.get_or_init(|| world.example(&part.cube)) else { continue };
        if seen.insert((held_by.clone(), example.plane != DataPlane::None)) {
            found.push((example, &part.cube, held_by));
        }
    }
    let end = |(example, among, held_by): (&Pod, &PodCube, Bits)| FarEnd {
        example: Peer::Pod(example.clone()),
        among: Among::Pods(among.clone()),
        parts: Parts { partition: Rc::clone(partition), places: classes.get(&held_by).cloned().unwrap_or_default() },
        cuts: held_by.iter().collect(),
    };
    found.into_iter().map(end).collect()
}
