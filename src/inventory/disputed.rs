//! Objects that stand more than once and say different things.
//!
//! Owns: `Disputed`, and what is left of a workload of which two stand there. Only one of them can be in the cluster, and nobody knows which.

use std::collections::{BTreeMap, BTreeSet};

use super::{InventoryWorkload, MeshChoice, NamespaceFacts, PortsKnown, ServiceFacts, WorkloadKind};
use crate::flow::{DataPlane, Labels, Symbol};

/// Objects of one name that do not say the same.
#[derive(Debug, Clone, Default)]
pub struct Disputed {
    /// Namespaces, with how their pods would take part in the mesh.
    pub namespaces: BTreeMap<Symbol, BTreeSet<Option<DataPlane>>>,
    /// Workloads that differ in more than labels and ports, by namespace, kind and name.
    pub workloads: BTreeSet<(Symbol, WorkloadKind, Symbol)>,
    /// Pods that run without a sidecar, by namespace, kind and name, with what another manifest of theirs says of one.
    pub sidecars: BTreeMap<(Symbol, WorkloadKind, Symbol), MeshChoice>,
    /// Services, by namespace and name, with the pods that they would select.
    pub services: BTreeMap<(Symbol, Symbol), BTreeSet<Labels>>,
}

impl Disputed {
    /// Takes in others.
    pub(super) fn extend(&mut self, other: Self) {
        for (name, planes) in other.namespaces {
            self.namespaces.entry(name).or_default().extend(planes);
        }
        self.workloads.extend(other.workloads);
        self.sidecars.extend(other.sidecars);
        for (name, selectors) in other.services {
            self.services.entry(name).or_default().extend(selectors);
        }
    }

    /// Notes a namespace that stands twice.
    pub(super) fn add_namespace(&mut self, name: &Symbol, both: [&NamespaceFacts; 2]) {
        self.namespaces.entry(Symbol::clone(name)).or_default().extend(both.map(|facts| facts.plane));
    }

    /// Notes a Service that stands twice.
    pub(super) fn add_service(&mut self, both: [&ServiceFacts; 2]) {
        let [first, _] = both;
        let name = (Symbol::clone(&first.namespace), Symbol::clone(&first.name));
        self.services.entry(name).or_default().extend(both.map(|service| service.selector.clone()));
    }

    /// Notes what some manifests say of a sidecar of a pod, where it is none that the pod has.
    pub(super) fn add_sidecars(&mut self, all: [&InventoryWorkload; 2], pod: &InventoryWorkload) {
        for workload in all.into_iter().filter(|workload| workload.mesh.sidecar != pod.mesh.sidecar) {
            self.sidecars.insert((Symbol::clone(&pod.namespace), pod.kind, Symbol::clone(&pod.name)), workload.mesh.sidecar);
        }
    }

    /// Notes a workload that stands twice. The first is left with what both say of labels and ports.
    pub(super) fn add_workload(&mut self, first: &mut InventoryWorkload, later: &InventoryWorkload) {
        let keys: BTreeSet<Symbol> = first.labels.keys().chain(later.labels.keys()).cloned().collect();
        let unlike: Vec<Symbol> = keys.into_iter().filter(|key| first.labels.get(key) != later.labels.get(key)).collect();
        first.labels.retain(|key, _| !unlike.contains(key));
        first.open_keys.extend(unlike);
        if first.ports != later.ports {
            first.ports_known = PortsKnown::No;
        }
        let rest = InventoryWorkload {
            labels: first.labels.clone(),
            open_keys: first.open_keys.clone(),
            ports: first.ports.clone(),
            ports_known: first.ports_known,
            ..later.clone()
        };
        if !rest.says_the_same(first) {
            self.workloads.insert((Symbol::clone(&first.namespace), first.kind, Symbol::clone(&first.name)));
        }
    }
}
