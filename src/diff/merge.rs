//! Fewer regions for the same flows.
//!
//! Owns: the merging of equal changes over sets of peers and ports, and the widening of sets by pods that cannot exist, so that
//! they read as somebody would write them. The union of the regions never changes but by such pods.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use super::side::Pair;
use super::walk::Cell;
use crate::flow::{NAMESPACE_NAME, Peers, PodCube, PodSet, PortSet, Symbol, Values};
use crate::verify::Way;

/// Flows from some peers to some others on some ports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Region {
    pub(super) source: Peers,
    pub(super) destination: Peers,
    pub(super) ports: PortSet,
}

impl Region {
    /// The flows of a class.
    pub(super) fn of(cell: &Cell) -> Self {
        let (source, destination) = (Peers::clone(&cell.source), Peers::clone(&cell.destination));
        Self { source, destination, ports: cell.ports.clone() }
    }

    /// Whether some flow is in both.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.source.overlaps(&other.source) && self.destination.overlaps(&other.destination) && self.ports.overlaps(&other.ports)
    }

    /// The peers whose end of its flows is looked at this way.
    pub(super) const fn near(&self, way: Way) -> &Peers {
        match way {
            Way::Ingress => &self.destination,
            Way::Egress => &self.source,
        }
    }

    /// Its other end.
    pub(super) const fn far(&self, way: Way) -> &Peers {
        match way {
            Way::Ingress => &self.source,
            Way::Egress => &self.destination,
        }
    }
}

/// Regions in which all flows change alike, in as few as can be found.
pub(super) fn merged(pair: &Pair<'_>, regions: &[Region]) -> Vec<Region> {
    let mut pool = Pool::default();
    let mut all: BTreeSet<Numbers> = regions.iter().map(|region| pool.numbers(pair, region)).collect();
    loop {
        let count = all.len();
        for axis in [Axis::Source, Axis::Destination, Axis::Ports] {
            all = pool.united(all, axis);
        }
        if all.len() == count {
            break;
        }
    }
    let mut wide: BTreeMap<usize, Peers> = BTreeMap::new();
    let mut widened = |number: usize, pool: &Pool| wide.entry(number).or_insert_with(|| widened(pair, pool.peers.get(number))).clone();
    let region = |numbers: Numbers| Region {
        source: widened(numbers.source, &pool),
        destination: widened(numbers.destination, &pool),
        ports: pool.ports.get(numbers.ports),
    };
    let mut regions: Vec<Region> = all.into_iter().map(region).collect();
    regions.sort_unstable();
    regions.dedup();
    regions
}

/// Along what regions are united that agree in all else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axis {
    Source,
    Destination,
    Ports,
}

/// A region, by the numbers of its sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Numbers {
    source: usize,
    destination: usize,
    ports: usize,
}

impl Numbers {
    /// The number along an axis, and those of all else.
    const fn split(self, axis: Axis) -> (usize, Self) {
        match axis {
            Axis::Source => (self.source, Self { source: 0, ..self }),
            Axis::Destination => (self.destination, Self { destination: 0, ..self }),
            Axis::Ports => (self.ports, Self { ports: 0, ..self }),
        }
    }

    const fn with(self, axis: Axis, number: usize) -> Self {
        match axis {
            Axis::Source => Self { source: number, ..self },
            Axis::Destination => Self { destination: number, ..self },
            Axis::Ports => Self { ports: number, ..self },
        }
    }
}

/// Sets by numbers: many regions share them, and the same are united again and again.
#[derive(Default)]
struct Pool {
    peers: Sets<Peers>,
    ports: Sets<PortSet>,
}

impl Pool {
    fn numbers(&mut self, pair: &Pair<'_>, region: &Region) -> Numbers {
        Numbers {
            source: self.peers.number(pair.told(&region.source)),
            destination: self.peers.number(pair.told(&region.destination)),
            ports: self.ports.number(region.ports.clone()),
        }
    }

    fn united(&mut self, all: BTreeSet<Numbers>, axis: Axis) -> BTreeSet<Numbers> {
        let mut groups: BTreeMap<Numbers, BTreeSet<usize>> = BTreeMap::new();
        for numbers in all {
            let (number, rest) = numbers.split(axis);
            groups.entry(rest).or_default().insert(number);
        }
        let sum = |(rest, numbers): (Numbers, BTreeSet<usize>)| {
            let number = match axis {
                Axis::Source | Axis::Destination => self.peers.sum(numbers, |all| union(all.into_iter())),
                Axis::Ports => self.ports.sum(numbers, |all| all.into_iter().fold(PortSet::none(), |sum, ports| sum.union(ports))),
            };
            rest.with(axis, number)
        };
        groups.into_iter().map(sum).collect()
    }
}

/// Sets of one kind by numbers.
struct Sets<T> {
    all: Vec<T>,
    numbers: HashMap<T, usize>,
    sums: HashMap<BTreeSet<usize>, usize>,
}

impl<T> Default for Sets<T> {
    fn default() -> Self {
        Self { all: Vec::new(), numbers: HashMap::new(), sums: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash + Default> Sets<T> {
    fn number(&mut self, set: T) -> usize {
        let next = self.all.len();
        let number = *self.numbers.entry(set.clone()).or_insert(next);
        if number == next {
            self.all.push(set);
        }
        number
    }

    fn get(&self, number: usize) -> T {
        self.all.get(number).cloned().unwrap_or_default()
    }

    /// The number of the union of some.
    fn sum(&mut self, numbers: BTreeSet<usize>, union: impl FnOnce(Vec<&T>) -> T) -> usize {
        if let (Some(only), 1) = (numbers.first(), numbers.len()) {
            return *only;
        }
        if let Some(known) = self.sums.get(&numbers) {
            return *known;
        }
        let sum = union(numbers.iter().filter_map(|number| self.all.get(*number)).collect());
        let number = self.number(sum);
        self.sums.insert(numbers, number);
        number
    }
}

/// Regions that agree in a key, made one each.
pub(super) fn united<T, K: Ord>(regions: Vec<T>, key: impl Fn(&T) -> K, unite: impl Fn(&[T]) -> Option<T>) -> Vec<T> {
    let mut groups: BTreeMap<K, Vec<T>> = BTreeMap::new();
    for region in regions {
        groups.entry(key(&region)).or_default().push(region);
    }
    groups.into_values().filter_map(|all| if all.len() > 1 { unite(&all) } else { all.into_iter().next() }).collect()
}

/// All peers of several sets.
pub(super) fn union<'a>(all: impl Iterator<Item = &'a Peers>) -> Peers {
    let mut pods = Vec::new();
    let mut addresses = crate::flow::AddressSet::none();
    for peers in all {
        pods.extend(peers.pods.cubes().iter().cloned());
        addresses = addresses.union(&peers.addresses);
    }
    let pods: PodSet = pods.into_iter().collect();
    let pods = if pods.cubes().len() > MANY { pods.merge() } else { pods };
    Peers { pods: pods.simplify(), addresses }
}

/// Sets of more cubes are merged before it is looked for cubes inside others.
const MANY: usize = 64;

/// The most cubes that are looked at for widening; who has more is not read cube by cube.
const MAX_WIDENED: usize = 16;

/// The same pods, as far as they can exist, with as few tests as possible.
pub(super) fn widened(pair: &Pair<'_>, peers: Peers) -> Peers {
    let pods = peers.pods.simplify();
    if pods.cubes().len() > MAX_WIDENED {
        return Peers { pods, addresses: peers.addresses };
    }
    let mut set = pods.clone();
    for cube in pods.cubes() {
        let wide = without_needless_tests(pair, cube, &set);
        if wide != *cube {
            set = set.union(&PodSet::from(wide)).simplify();
        }
    }
    Peers { pods: set, addresses: peers.addresses }
}

/// One test of a cube that it may do without.
pub(super) enum Test {
    Account,
    Namespace(Symbol),
    Label(Symbol),
}

/// A cube without the tests that rule out only pods that cannot exist or are in the set anyway.
fn without_needless_tests(pair: &Pair<'_>, cube: &PodCube, set: &PodSet) -> PodCube {
    let mut wide = cube.clone();
    for test in tests(cube) {
        let next = without(&wide, &test);
        let extra = PodSet::from(next.clone()).subtract(set);
        if extra.cubes().iter().all(|piece| pair.is_impossible(piece)) {
            wide = next;
        }
    }
    wide
}

/// The tests of a cube, that of the namespace's name left aside.
pub(super) fn tests(cube: &PodCube) -> Vec<Test> {
    let account = (!cube.account.is_any()).then_some(Test::Account);
    let namespace = cube.namespace.iter().filter(|(key, _)| ***key != *NAMESPACE_NAME).map(|(key, _)| Test::Namespace(Symbol::clone(key)));
    let labels = cube.labels.iter().map(|(key, _)| Test::Label(Symbol::clone(key)));
    account.into_iter().chain(namespace).chain(labels).collect()
}

fn without(cube: &PodCube, test: &Test) -> PodCube {
    let mut wide = cube.clone();
    match test {
        Test::Account => wide.account = Values::any(),
        Test::Namespace(key) => wide.namespace = wide.namespace.replaced(key, Values::any()),
        Test::Label(key) => wide.labels = wide.labels.replaced(key, Values::any()),
    }
    wide
}
