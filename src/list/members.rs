//! Which workloads are in a set of peers.
//!
//! Owns: `Members`. Each label, account and name is looked up once for all workloads; a set of peers is then a few operations
//! on sets of numbers, and asked for again, none.

use std::collections::{BTreeMap, HashMap};

use crate::cluster::{NamespaceLabels, Workload};
use crate::flow::{AddressSet, LabelCube, NAMESPACE_NAME, Peer, PodCube, PodSet, Symbol, Values};

use super::bits::Bits;

/// The workloads by what their pods carry.
#[derive(Debug)]
pub(super) struct Members<'c> {
    workloads: &'c [Workload],
    /// Every workload that is pods.
    all: Bits,
    labels: Keys,
    namespaces: Keys,
    accounts: Holders,
    /// Who may have a label with a value that is not known, by key.
    open: BTreeMap<Symbol, Bits>,
    /// Of whose namespace only the name is known.
    name_only: Bits,
    known: HashMap<PodSet, Bits>,
    /// Those whose addresses are known.
    located: Vec<usize>,
    known_addresses: HashMap<AddressSet, (Bits, Bits)>,
}

/// Each key with those who have it.
type Keys = BTreeMap<Symbol, Holders>;

/// Who has which value of one attribute.
#[derive(Debug, Default)]
struct Holders {
    values: BTreeMap<Symbol, Bits>,
    present: Bits,
}

impl Holders {
    fn new(values: BTreeMap<Symbol, Vec<usize>>) -> Self {
        let present = values.values().flatten().copied().collect();
        Self { values: values.into_iter().map(|(value, at)| (value, at.into_iter().collect())).collect(), present }
    }
}

impl<'c> Members<'c> {
    /// Looks everything up.
    pub(super) fn new(workloads: &'c [Workload]) -> Self {
        let mut labels: BTreeMap<Symbol, BTreeMap<Symbol, Vec<usize>>> = BTreeMap::new();
        let mut namespaces: BTreeMap<Symbol, BTreeMap<Symbol, Vec<usize>>> = BTreeMap::new();
        let mut accounts: BTreeMap<Symbol, Vec<usize>> = BTreeMap::new();
        let mut all = Vec::new();
        for (at, workload) in workloads.iter().enumerate() {
            let Peer::Pod(pod) = &workload.endpoint.peer else { continue };
            all.push(at);
            accounts.entry(Symbol::clone(&pod.account)).or_default().push(at);
            for (map, own) in [(&mut labels, &pod.labels), (&mut namespaces, &pod.namespace_labels)] {
                for (key, value) in own {
                    map.entry(Symbol::clone(key)).or_default().entry(Symbol::clone(value)).or_default().push(at);
                }
            }
        }
        let mut open: BTreeMap<Symbol, Vec<usize>> = BTreeMap::new();
        for (at, workload) in workloads.iter().enumerate() {
            for key in &workload.endpoint.facts.open_labels {
                open.entry(Symbol::clone(key)).or_default().push(at);
            }
        }
        let is_name_only = |workload: &Workload| workload.endpoint.facts.namespace == NamespaceLabels::NameOnly;
        let name_only = workloads.iter().enumerate().filter(|(_, workload)| is_name_only(workload)).map(|(at, _)| at).collect();
        let keys = |map: BTreeMap<Symbol, _>| map.into_iter().map(|(key, values)| (key, Holders::new(values))).collect();
        Self {
            workloads,
            all: all.into_iter().collect(),
            labels: keys(labels),
            namespaces: keys(namespaces),
            accounts: Holders::new(accounts),
            open: open.into_iter().map(|(key, at)| (key, at.into_iter().collect())).collect(),
            name_only,
            known: HashMap::new(),
            located: workloads.iter().enumerate().filter(|(_, one)| !one.endpoint.facts.addresses.is_empty()).map(|(at, _)| at).collect(),
            known_addresses: HashMap::new(),
        }
    }

    /// The workloads whose pods are in the set, or may be, as not all of their labels are known.
    pub(super) fn of(&mut self, pods: &PodSet) -> Bits {
        if let Some(known) = self.known.get(pods) {
            return known.clone();
        }
        let found = pods.cubes().iter().map(|cube| self.cube(cube)).fold(Bits::default(), |sum, bits| sum.union(&bits));
        self.known.insert(pods.clone(), found.clone());
        found
    }

    /// The workloads of which an address is in the set, and those of which every one is. A rule by address may judge a pod by
    /// those, if they are known.
    pub(super) fn at(&mut self, addresses: &AddressSet) -> (Bits, Bits) {
        if addresses.is_empty() || self.located.is_empty() {
            return (Bits::default(), Bits::default());
        }
        let (workloads, located) = (self.workloads, &self.located);
        let held = |all: bool| {
            let holds = |at: &usize| {
                let mut own = workloads.get(*at).into_iter().flat_map(|workload| &workload.endpoint.facts.addresses);
                if all { own.all(|address| addresses.contains(*address)) } else { own.any(|address| addresses.contains(*address)) }
            };
            located.iter().copied().filter(holds).collect()
        };
        self.known_addresses.entry(addresses.clone()).or_insert_with(|| (held(false), held(true))).clone()
    }

    fn cube(&self, cube: &PodCube) -> Bits {
        // The name of the namespace first: it leaves the fewest.
        let named = passing(&self.all, self.namespaces.get(NAMESPACE_NAME), cube.names());
        let of_namespace = |key: &Symbol| if **key == *NAMESPACE_NAME { None } else { Some(&self.name_only) };
        let found = tested(named, &self.namespaces, &cube.namespace, of_namespace);
        let found = tested(found, &self.labels, &cube.labels, |key| self.open.get(key));
        passing(&found, Some(&self.accounts), &cube.account)
    }
}

/// Those that pass every test, or may pass it: `open` are those whose value of a key is not known.
fn tested<'b>(found: Bits, keys: &Keys, cube: &LabelCube, open: impl Fn(&Symbol) -> Option<&'b Bits>) -> Bits {
    cube.iter().fold(found, |found, (key, values)| {
        let sure = passing(&found, keys.get(key), values);
        open(key).map_or(sure.clone(), |open| sure.union(&found.intersect(open)))
    })
}

/// Those of `among` that pass one test, given who has which value.
fn passing(among: &Bits, holders: Option<&Holders>, values: &Values) -> Bits {
    if values.is_any() {
        return among.clone();
    }
    let holder = |word| holders?.values.get(word);
    let named = values.words().iter().filter_map(holder).fold(Bits::default(), |sum, bits| sum.union(bits));
    let none = Bits::default();
    let present = holders.map_or(&none, |holders| &holders.present);
    match (values.is_cofinite(), values.allows_absent()) {
        (true, true) => among.subtract(&named),
        (true, false) => among.intersect(present).subtract(&named),
        (false, true) => among.intersect(&named).union(&among.subtract(present)),
        (false, false) => among.intersect(&named),
    }
}
