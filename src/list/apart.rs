//! Workloads that differ in what no cut speaks of.
//!
//! Owns: `Apart`. Cuts promise something of far ends of which only the peer is known. Of workloads more is known: labels with
//! values that are not, addresses, ports by name, a node's network. Those that differ in such a thing stand in different groups,
//! but only where an end looks at anything of the kind.

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::{NamedPort, NamespaceLabels, Network, ProxyRole, Way, Workload};
use crate::flow::{Cut, DataPlane, NAMESPACE_NAME, PodCube, Symbol};

use super::bits::Bits;
use super::ends::pod;

/// The workloads that are asked about, by what they differ in.
pub(super) struct Apart<'c> {
    workloads: &'c [Workload],
    far: Bits,
    /// Keys of labels whose values are not known of some workload.
    open: BTreeSet<&'c Symbol>,
    known: BTreeMap<Looks, Vec<Bits>>,
}

/// What an end looks at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Looks {
    /// Labels that are not known of some workload.
    open: BTreeSet<Symbol>,
    /// Further labels of namespaces than their names.
    namespaces: bool,
    /// Addresses.
    addresses: bool,
    /// Ports by name, of the far end.
    ports: bool,
}

/// By what workloads stand apart.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key<'c> {
    plane: Option<DataPlane>,
    /// What is not modelled may hang on whether a client is a gateway, and so does which waypoints it takes.
    proxy: ProxyRole,
    /// A pod on its node's network is the node to others: each stands alone.
    host: Option<usize>,
    open: BTreeSet<&'c Symbol>,
    name_only: bool,
    has_addresses: bool,
    ports: Option<&'c [NamedPort]>,
}

impl<'c> Apart<'c> {
    /// Of these workloads, those in `far`.
    pub(super) fn new(workloads: &'c [Workload], far: Bits) -> Self {
        let open = workloads.iter().flat_map(|workload| &workload.endpoint.facts.open_labels).collect();
        Self { workloads, far, open, known: BTreeMap::new() }
    }

    /// Whether there is nobody to tell apart.
    pub(super) fn is_empty(&self) -> bool {
        self.far.is_empty()
    }

    /// The workloads that an end with these cuts may tell apart otherwise than by them.
    pub(super) fn of(&mut self, cuts: &[Cut], way: Way) -> &[Bits] {
        let looks = self.looks(cuts, way);
        let (workloads, far) = (self.workloads, &self.far);
        self.known.entry(looks).or_insert_with_key(|looks| {
            let mut groups: BTreeMap<Key<'_>, Vec<usize>> = BTreeMap::new();
            for at in far.iter() {
                if let Some(workload) = workloads.get(at) {
                    groups.entry(key(at, workload, looks)).or_default().push(at);
                }
            }
            groups.into_values().map(|at| at.into_iter().collect()).collect()
        })
    }

    fn looks(&self, cuts: &[Cut], way: Way) -> Looks {
        let cubes = || cuts.iter().flat_map(|cut| cut.peers.pods.cubes());
        let labels = |cube: &PodCube| cube.labels.iter().map(|(key, _)| Symbol::clone(key)).collect::<Vec<_>>();
        Looks {
            open: if self.open.is_empty() {
                BTreeSet::new()
            } else {
                cubes().flat_map(labels).filter(|key| self.open.contains(key)).collect()
            },
            namespaces: cubes().any(|cube| cube.namespace.iter().any(|(key, _)| **key != *NAMESPACE_NAME)),
            addresses: cuts.iter().any(|cut| !cut.peers.addresses.is_empty()),
            ports: way == Way::Egress && !cuts.is_empty(),
        }
    }
}

fn key<'c>(at: usize, workload: &'c Workload, looks: &Looks) -> Key<'c> {
    let facts = &workload.endpoint.facts;
    Key {
        plane: pod(&workload.endpoint).map(|pod| pod.plane),
        proxy: facts.proxy,
        host: (facts.network == Network::Host).then_some(at),
        open: facts.open_labels.iter().filter(|key| looks.open.contains(*key)).collect(),
        name_only: looks.namespaces && facts.namespace == NamespaceLabels::NameOnly,
        has_addresses: looks.addresses && !facts.addresses.is_empty(),
        ports: facts.ports.as_deref().filter(|_| looks.ports),
    }
}
