//! Fewer regions for the same flows.
//!
//! Owns: the merging of equal changes over sets of peers and ports, and the widening of sets by pods that cannot exist, so that
//! they read as somebody would write them. The union of the regions never changes but by such pods.

use std::collections::BTreeMap;

use super::side::Pair;
use crate::flow::{NAMESPACE_NAME, Peers, PodCube, PodSet, PortSet, Symbol, Values};

/// Flows from some peers to some others on some ports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Region {
    pub(super) source: Peers,
    pub(super) destination: Peers,
    pub(super) ports: PortSet,
}

/// Regions in which all flows change alike, in as few as can be found.
pub(super) fn merged(pair: &Pair<'_>, regions: Vec<Region>) -> Vec<Region> {
    let told =
        |region: Region| Region { source: pair.told(&region.source), destination: pair.told(&region.destination), ports: region.ports };
    let mut regions: Vec<Region> = regions.into_iter().map(told).collect();
    loop {
        let count = regions.len();
        regions = united(
            regions,
            |region| (region.destination.clone(), region.ports.clone()),
            |all| {
                let source = union(all.iter().map(|region| &region.source));
                all.first().map(|first| Region { source, ..first.clone() })
            },
        );
        regions = united(
            regions,
            |region| (region.source.clone(), region.ports.clone()),
            |all| {
                let destination = union(all.iter().map(|region| &region.destination));
                all.first().map(|first| Region { destination, ..first.clone() })
            },
        );
        regions = united(
            regions,
            |region| (region.source.clone(), region.destination.clone()),
            |all| {
                let ports = all.iter().fold(PortSet::none(), |sum, region| sum.union(&region.ports));
                all.first().map(|first| Region { ports, ..first.clone() })
            },
        );
        if regions.len() == count {
            break;
        }
    }
    let widened = |region: Region| Region {
        source: widened(pair, region.source),
        destination: widened(pair, region.destination),
        ports: region.ports,
    };
    let mut regions: Vec<Region> = regions.into_iter().map(widened).collect();
    regions.sort_unstable();
    regions.dedup();
    regions
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
    Peers { pods: pods.into_iter().collect::<PodSet>().simplify(), addresses }
}

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
enum Test {
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
fn tests(cube: &PodCube) -> Vec<Test> {
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
