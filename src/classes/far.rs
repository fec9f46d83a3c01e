//! Far ends: pods and addresses, cut along the `peers` of all cuts.
//!
//! Owns: `Far` and the partition. Two far ends that the same cuts hold are one class, unless their data planes differ.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Bits, World};
use crate::flow::{AddressSet, Cut, DataPlane, Peer, Pod, PodCube, PodSet};

/// One class of far ends.
#[derive(Debug, Clone)]
pub struct Far {
    /// One of them.
    pub example: Peer,
    /// Others that are alike: a part of the class, the part that the example was taken from.
    pub among: Among,
    /// All pods of the class, part by part; none if it is one of addresses.
    pub parts: Vec<PodCube>,
    /// Which cuts hold it, by their place in the list.
    pub cuts: Vec<usize>,
}

/// What an example was taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Among {
    /// These pods.
    Pods(PodCube),
    /// These addresses.
    Addresses(AddressSet),
}

/// How many parts a list of cubes may cut pods into, for each cube and besides. Tests of one label cut into as many parts as there
/// are tests; tests of labels that may stand together in any way double the parts each.
const PARTS_A_CUBE: usize = 16;
const PARTS_BESIDES: usize = 1 << 15;

/// How many parts may be cut by a cube, all cubes taken together, for each cube and besides.
const CUTS_A_CUBE: usize = 1 << 13;
const CUTS_BESIDES: usize = 1 << 22;

/// Pods fall into more parts than anybody would wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyPods;

/// How much cutting may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How many parts there may be at a time besides some for each cube, if fewer than there ever may be.
    pub parts: usize,
    /// How many parts may be looked at, each for a cube that may cut it: counted down.
    pub looks: usize,
}

impl Limits {
    /// None but those that hold for everybody.
    pub const NONE: Self = Self { parts: PARTS_BESIDES, looks: usize::MAX };

    /// To cut a part takes as long as to find of so many that they are not to be cut.
    pub const LOOKS_A_CUT: usize = 64;

    fn spend(&mut self, looks: usize) -> Result<(), TooManyPods> {
        self.looks = self.looks.checked_sub(looks).ok_or(TooManyPods)?;
        Ok(())
    }
}

/// The classes of far ends, with one pod or address of each that can exist.
pub fn far_classes(cuts: &[Cut], world: &dyn World) -> Result<Vec<Far>, TooManyPods> {
    let mut classes = pod_classes(cuts, world)?;
    classes.extend(address_classes(cuts));
    Ok(classes)
}

/// A part of all pods, and which of the cubes hold it.
pub(super) struct Cell {
    pub(super) cube: PodCube,
    pub(super) held_by: Bits,
}

fn pod_classes(cuts: &[Cut], world: &dyn World) -> Result<Vec<Far>, TooManyPods> {
    let cubes: Vec<(usize, &PodCube)> =
        cuts.iter().enumerate().flat_map(|(at, cut)| cut.peers.pods.cubes().iter().map(move |cube| (at, cube))).collect();
    let classes = classes_within(PodCube::all(), &cubes, cuts.len(), world)?;
    let far =
        |class: Pods| Far { example: Peer::Pod(class.example), among: Among::Pods(class.among), parts: class.parts, cuts: class.held_by };
    Ok(classes.into_iter().map(far).collect())
}

/// One class of pods.
#[derive(Debug, Clone)]
pub struct Pods {
    /// One of them.
    pub example: Pod,
    /// A part of the class, the part that the example was taken from.
    pub among: PodCube,
    /// All of the class, part by part. Whoever else judges its pods may tell the parts apart.
    pub parts: Vec<PodCube>,
    /// The numbers of the cubes that hold it.
    pub held_by: Vec<usize>,
}

/// The classes into which numbered cubes cut the pods of another cube; `size` is above every number.
pub fn classes_within(whole: PodCube, cubes: &[(usize, &PodCube)], size: usize, world: &dyn World) -> Result<Vec<Pods>, TooManyPods> {
    classes_among(vec![whole], cubes, size, world)
}

/// The same of several cubes together.
pub fn classes_among(wholes: Vec<PodCube>, cubes: &[(usize, &PodCube)], size: usize, world: &dyn World) -> Result<Vec<Pods>, TooManyPods> {
    classes_cut(wholes, cubes, size, world, &mut Limits::NONE.clone())
}

/// The same within limits.
pub fn classes_cut(
    wholes: Vec<PodCube>,
    cubes: &[(usize, &PodCube)],
    size: usize,
    world: &dyn World,
    limits: &mut Limits,
) -> Result<Vec<Pods>, TooManyPods> {
    let mut parts: BTreeMap<Bits, Vec<PodCube>> = BTreeMap::new();
    let mut seen: BTreeSet<(Bits, bool)> = BTreeSet::new();
    let mut found: Vec<(Pod, PodCube, Bits)> = Vec::new();
    let planes = planes_among(&wholes, cubes, world);
    // Where nobody is said to be outside of the mesh, one pod inside it stands for all of its class.
    let enough: &[bool] = if planes.is_empty() { &[true] } else { &[true, false] };
    for cell in cells(wholes, cubes, size, &planes, &|cube| world.is_considered(cube), limits)? {
        parts.entry(cell.held_by.clone()).or_default().push(cell.cube.clone());
        if enough.iter().all(|is_meshed| seen.contains(&(cell.held_by.clone(), *is_meshed))) {
            continue;
        }
        let Some(example) = world.example(&cell.cube) else { continue };
        if seen.insert((cell.held_by.clone(), example.plane != DataPlane::None)) {
            found.push((example, cell.cube, cell.held_by));
        }
    }
    let class = |(example, among, held_by): (Pod, PodCube, Bits)| {
        let parts = parts.get(&held_by).cloned().unwrap_or_default();
        Pods { example, among, parts, held_by: held_by.iter().collect() }
    };
    Ok(found.into_iter().map(class).collect())
}

/// One class of pods, whole.
#[derive(Debug, Clone)]
pub struct Part<E> {
    /// All pods of the class that can exist.
    pub pods: PodSet,
    /// One of them, as the caller tells it.
    pub example: E,
    /// The numbers of the cubes that hold it.
    pub held_by: Vec<usize>,
}

/// The classes into which numbered cubes cut the pods of another cube, each as the set of all its pods.
///
/// `apart` are pods of other data planes than others among them have ([`World::planes`]): they are cut apart, too. `example` gives a pod of
/// a cube that can exist, with whatever else tells classes apart; none if no pod of it can exist.
pub fn parts_within<K: Ord, E>(
    whole: PodCube,
    cubes: &[(usize, &PodCube)],
    size: usize,
    apart: &[PodCube],
    example: &mut dyn FnMut(&PodCube) -> Option<(K, E)>,
) -> Result<Vec<Part<E>>, TooManyPods> {
    considered_parts(vec![whole], cubes, size, apart, &|_| true, example)
}

/// The same of several cubes together, without the parts that are not worth a look, of which no part is ([`World::is_considered`]).
pub fn considered_parts<K: Ord, E>(
    wholes: Vec<PodCube>,
    cubes: &[(usize, &PodCube)],
    size: usize,
    apart: &[PodCube],
    is_considered: &dyn Fn(&PodCube) -> bool,
    example: &mut dyn FnMut(&PodCube) -> Option<(K, E)>,
) -> Result<Vec<Part<E>>, TooManyPods> {
    let mut places: BTreeMap<(Bits, K), usize> = BTreeMap::new();
    let mut parts: Vec<Part<E>> = Vec::new();
    for cell in cells(wholes, cubes, size, apart, is_considered, &mut Limits::NONE.clone())? {
        let Some((key, example)) = example(&cell.cube) else { continue };
        let held_by: Vec<usize> = cell.held_by.iter().collect();
        let place = *places.entry((cell.held_by, key)).or_insert(parts.len());
        match parts.get_mut(place) {
            Some(part) => part.pods.push(cell.cube),
            None => parts.push(Part { pods: PodSet::from(cell.cube), example, held_by }),
        }
    }
    Ok(parts)
}

/// The pods of other data planes among those that a cube holds, and among all of which only a part is cut. Of all pods some that no cube
/// holds are in namespaces that nobody knows.
pub(super) fn planes_among(wholes: &[PodCube], cubes: &[(usize, &PodCube)], world: &dyn World) -> Vec<PodCube> {
    let named = || wholes.iter().filter(|whole| **whole != PodCube::all()).chain(cubes.iter().map(|(_, cube)| *cube));
    world.planes().iter().filter(|plane| named().any(|cube| cube.overlaps(plane))).cloned().collect()
}

/// The pods of some cubes, cut along cubes; parts that are not worth a look are left out. Equal cubes cut once. What `besides` are cut
/// along holds nothing.
pub(super) fn cells(
    wholes: Vec<PodCube>,
    cubes: &[(usize, &PodCube)],
    size: usize,
    besides: &[PodCube],
    is_considered: &dyn Fn(&PodCube) -> bool,
    limits: &mut Limits,
) -> Result<Vec<Cell>, TooManyPods> {
    let mut distinct: Vec<(&PodCube, Vec<usize>)> = Vec::new();
    // Nobody asks for its order, and to hash many cubes takes less than to compare them.
    let mut places: HashMap<&PodCube, usize> = HashMap::with_capacity(cubes.len());
    for (at, cube) in cubes {
        if let Some((_, owners)) = places.get(cube).and_then(|place| distinct.get_mut(*place)) {
            owners.push(*at);
        } else {
            places.insert(cube, distinct.len());
            distinct.push((cube, vec![*at]));
        }
    }
    distinct.extend(besides.iter().filter(|cube| !places.contains_key(cube)).map(|cube| (cube, Vec::new())));
    let distinct: Vec<(&PodCube, &[usize])> = distinct.iter().map(|(cube, owners)| (*cube, &**owners)).collect();
    cells_cut(wholes, &distinct, size, is_considered, limits)
}

/// The same along cubes that are not equal, each with the numbers of its owners.
pub(super) fn cells_cut(
    wholes: Vec<PodCube>,
    distinct: &[(&PodCube, &[usize])],
    size: usize,
    is_considered: &dyn Fn(&PodCube) -> bool,
    limits: &mut Limits,
) -> Result<Vec<Cell>, TooManyPods> {
    let bound = PARTS_BESIDES.min(limits.parts) + PARTS_A_CUBE * (distinct.len() + wholes.len());
    let mut cuts_left = CUTS_BESIDES + CUTS_A_CUBE * distinct.len();
    let mut cells: Vec<Cell> = wholes.into_iter().map(|cube| Cell { cube, held_by: Bits::none(size) }).collect();
    for (cube, owners) in distinct {
        let mut next = Vec::with_capacity(cells.len() + 2);
        limits.spend(cells.len())?;
        for cell in cells {
            if split(cell, cube, owners, is_considered, &mut next) == Split::Cut {
                limits.spend(Limits::LOOKS_A_CUT)?;
            }
        }
        cuts_left = cuts_left.checked_sub(next.len()).ok_or(TooManyPods)?;
        if next.len() > bound {
            return Err(TooManyPods);
        }
        cells = next;
    }
    Ok(cells)
}

/// What became of a cell.
#[derive(PartialEq, Eq)]
enum Split {
    /// It is as it was.
    Whole,
    /// It was cut, or found to lie in the cube.
    Cut,
}

/// Cuts one cell along a cube: what lies in it is held by its owners.
fn split(cell: Cell, cube: &PodCube, owners: &[usize], is_considered: &dyn Fn(&PodCube) -> bool, into: &mut Vec<Cell>) -> Split {
    let Some(inside) = cell.cube.intersect(cube) else {
        into.push(cell);
        return Split::Whole;
    };
    let outside = cell.cube.subtract(cube).into_iter().filter(|cube| is_considered(cube));
    into.extend(outside.map(|cube| Cell { cube, held_by: cell.held_by.clone() }));
    if is_considered(&inside) {
        let mut held_by = cell.held_by;
        for owner in owners {
            held_by.insert(*owner);
        }
        into.push(Cell { cube: inside, held_by });
    }
    Split::Cut
}

/// The classes of addresses; each holds all that are alike.
pub fn address_classes(cuts: &[Cut]) -> Vec<Far> {
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
        Some(Far { example, among: Among::Addresses(cell), parts: Vec::new(), cuts: held_by.iter().collect() })
    };
    cells.into_iter().filter_map(class).collect()
}
