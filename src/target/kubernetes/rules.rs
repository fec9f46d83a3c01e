//! Openings of one subject in one direction, merged into as few rules as read well.
//!
//! Owns: `Rule`, `FarEnd`, `merge`. The rules admit exactly what the openings do, whatever order those come in.

use std::collections::BTreeMap;

use super::super::settings::ClusterAddresses;
use crate::flow::{AddressSet, LabelCube, NAMESPACE_NAME, PodCube, PodSet, PortSet, Symbol, Values};
use crate::gates::Opening;

/// One rule of a `NetworkPolicy`: all of these ports, to or from all of these peers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rule {
    /// Never empty.
    pub(super) ports: PortSet,
    pub(super) far: FarEnd,
}

/// The peers of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FarEnd {
    /// Every pod and every address: said by leaving the peers out (`semantics.md` trap 16).
    Everyone,
    /// These and nobody else; not nobody.
    These {
        pods: PodSet,
        /// Without those of pods and Services.
        addresses: AddressSet,
    },
}

/// The rules of these openings, in an order of their own.
pub(super) fn merge(openings: &[&Opening], cluster: &ClusterAddresses) -> Vec<Rule> {
    let mut by_ports: BTreeMap<&PortSet, Vec<&Opening>> = BTreeMap::new();
    for opening in openings.iter().filter(|opening| !opening.ports.is_empty()) {
        by_ports.entry(&opening.ports).or_default().push(opening);
    }
    let mut by_peers: BTreeMap<FarEnd, PortSet> = BTreeMap::new();
    for (ports, openings) in by_ports {
        let Some(far) = far_end(&openings, cluster) else { continue };
        by_peers.entry(far).and_modify(|known| *known = known.union(ports)).or_insert_with(|| ports.clone());
    }
    let mut rules: Vec<Rule> = by_peers.into_iter().map(|(far, ports)| Rule { ports, far }).collect();
    rules.sort_unstable();
    rules
}

/// The peers of some openings together; none if nobody is left. An empty list of peers would mean everyone
/// (`semantics.md` §1.3).
fn far_end(openings: &[&Opening], cluster: &ClusterAddresses) -> Option<FarEnd> {
    let mut cubes = Vec::new();
    let mut sets = Vec::new();
    for peers in openings.iter().map(|opening| opening.network_peers()) {
        cubes.extend(peers.pods.cubes().iter().cloned());
        sets.push(peers.addresses);
    }
    let pods = gather(cubes);
    let addresses = union(sets);
    let is_every_pod = pods.cubes().iter().any(|cube| *cube == PodCube::all());
    // Addresses of pods are pods: where all pods are meant, it adds nothing to name them.
    if is_every_pod && addresses.union(&cluster.pods).is_all() {
        return Some(FarEnd::Everyone);
    }
    let addresses = addresses.subtract(&cluster.hidden);
    let is_nobody = pods.is_empty() && addresses.is_empty();
    (!is_nobody).then_some(FarEnd::These { pods, addresses })
}

/// The pods of these cubes in few cubes.
///
/// Cubes that list values of one label, by far the commonest, are put together first: the general way compares all with all.
fn gather(cubes: Vec<PodCube>) -> PodSet {
    let mut listed: BTreeMap<(LabelCube, Symbol), Vec<Symbol>> = BTreeMap::new();
    let mut pods = PodSet::none();
    for cube in cubes {
        let namespace = named(cube.namespace);
        match single_list(&cube.labels) {
            Some((key, words)) => listed.entry((namespace, Symbol::clone(key))).or_default().extend_from_slice(words),
            None => pods.push(PodCube { namespace, labels: cube.labels, account: Values::any() }),
        }
    }
    pods.extend(listed.into_iter().map(|((namespace, key), words)| PodCube {
        namespace,
        labels: LabelCube::of(key, Values::of(words)),
        account: Values::any(),
    }));
    pods.simplify()
}

/// The key and the values of a cube that lists values of one label and tests nothing else.
fn single_list(labels: &LabelCube) -> Option<(&Symbol, &[Symbol])> {
    let mut tests = labels.iter();
    let (key, values) = tests.next()?;
    let words = values.finite()?;
    tests.next().is_none().then_some((key, words))
}

/// A test of namespaces in which the name is never absent, as no namespace lacks it (`semantics.md` §1.5).
fn named(namespace: LabelCube) -> LabelCube {
    let names = namespace.get(NAMESPACE_NAME);
    if names.allows_absent() == names.is_cofinite() {
        return namespace;
    }
    let names = names.clone().always_present();
    namespace.replaced(&NAMESPACE_NAME.into(), names)
}

/// The addresses of all sets, put together pair by pair so that a long list costs little more than its length.
fn union(mut sets: Vec<AddressSet>) -> AddressSet {
    while sets.len() > 1 {
        let join = |pair: &[AddressSet]| match pair {
            [one, other] => one.union(other),
            _ => pair.first().cloned().unwrap_or_default(),
        };
        sets = sets.chunks(2).map(join).collect();
    }
    sets.pop().unwrap_or_default()
}
