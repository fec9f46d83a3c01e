//! Which Services stand before a destination's pods.
//!
//! Owns: the look-up from pods to Services, and from a Service's port to the ports of its pods.

use std::collections::{BTreeSet, HashMap};

use super::listed::Listed;
use crate::flow::{PodCube, Symbol, Values};
use crate::inventory::{InventoryWorkload, Match, PortTarget, ServiceFacts, ServicePort};
use crate::ir::Policy;

/// The Services before the pods of selectors, each selector looked up once: destinations are written again and again.
#[derive(Debug)]
pub(super) struct Services<'a> {
    table: Table<'a>,
    known: HashMap<&'a PodCube, Served<'a>>,
}

/// What is known of a destination: its workloads, and the Services that select pods of it.
#[derive(Debug)]
pub(super) struct Served<'a> {
    pub(super) workloads: Vec<&'a InventoryWorkload>,
    pub(super) services: Vec<&'a ServiceFacts>,
}

impl<'a> Services<'a> {
    /// The Services of a policy's inventory.
    pub(super) fn of(policy: &'a Policy) -> Self {
        Self { table: Table::of(policy), known: HashMap::new() }
    }

    /// What is known of the pods of a selector.
    pub(super) fn before(&mut self, cube: &'a PodCube) -> &Served<'a> {
        self.known.entry(cube).or_insert_with(|| self.table.look_up(cube))
    }
}

/// The inventory's Services by the first label of their selector.
#[derive(Debug)]
struct Table<'a> {
    services: &'a [ServiceFacts],
    listed: Listed<'a>,
    by_label: HashMap<(&'a str, &'a str, &'a str), Vec<usize>>,
}

impl<'a> Table<'a> {
    fn of(policy: &'a Policy) -> Self {
        let services = policy.inventory.services.as_slice();
        let mut by_label: HashMap<_, Vec<usize>> = HashMap::new();
        for (index, service) in services.iter().enumerate() {
            if let Some((key, value)) = service.selector.first_key_value() {
                by_label.entry((&*service.namespace, &**key, &**value)).or_default().push(index);
            }
        }
        Self { services, listed: Listed::of(policy), by_label }
    }

    fn look_up(&self, cube: &PodCube) -> Served<'a> {
        let workloads: Vec<&InventoryWorkload> = self.listed.met(cube).collect();
        let mut found: BTreeSet<usize> = BTreeSet::new();
        for workload in &workloads {
            found.extend(self.with(&workload.namespace, workload.labels.iter(), |service| workload.selected_by(service) != Match::No));
        }
        // Pods that no workload describes: those of a selector that says all that the Service asks for.
        let said = |service: &ServiceFacts| {
            service.selector.iter().all(|(key, value)| cube.labels.get(key).is_subset(&Values::one(value.clone())))
        };
        for namespace in cube.namespace_names().unwrap_or_default() {
            let singles = cube.labels.iter().filter_map(|(key, values)| Some((key, values.single()?)));
            found.extend(self.with(namespace, singles, said));
        }
        Served { workloads, services: found.into_iter().filter_map(|index| self.services.get(index)).collect() }
    }

    /// The Services of a namespace whose selector starts with one of the labels, and that pass a test.
    fn with<'l>(
        &self,
        namespace: &str,
        labels: impl Iterator<Item = (&'l Symbol, &'l Symbol)>,
        passes: impl Fn(&ServiceFacts) -> bool,
    ) -> Vec<usize> {
        let starting = labels.filter_map(|(key, value)| self.by_label.get(&(namespace, &**key, &**value)));
        starting.flatten().copied().filter(|index| self.services.get(*index).is_some_and(&passes)).collect()
    }
}

impl Served<'_> {
    /// The numbers that a Service port stands for on the pods; none where they are not known.
    pub(super) fn numbers(&self, service: &ServiceFacts, port: &ServicePort) -> BTreeSet<u16> {
        let name = match &port.target {
            PortTarget::Number(number) => return BTreeSet::from([*number]),
            PortTarget::Name(name) => name,
        };
        let selected = self.workloads.iter().filter(|workload| workload.selected_by(service) != Match::No);
        selected.flat_map(|workload| workload.named_port(name, port.protocol)).collect()
    }
}
