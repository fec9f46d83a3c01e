//! What runs on two sides, and which of it has a place in the order.
//!
//! Owns: `Lot`: which workloads and Services change so that a flow may hang on it, and which of that is not judged. It must not judge flows.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::Ground;
use super::items::Item;
use super::object::{Id, Object};
use super::services::{Services, USE_WAYPOINT, decides, facts, selects};
use super::workloads::{Workload, altered, pod, runs_pods, workloads};
use crate::cluster::{Cluster, Endpoint, Names, Network, ProxyRole};
use crate::diff::{Pair, planes, turning};
use crate::flow::{DataPlane, Symbol};
use crate::inventory::ServiceFacts;

/// The objects beside policies on which a flow may hang, and which are not the same on both sides.
pub(super) struct Deciding {
    /// Those that are put in order.
    pub(super) ordered: BTreeSet<Id>,
    /// Workloads whose pods change though no object of theirs does, or that turn with their namespace and change besides: what they are on the way
    /// is not known.
    pub(super) unplaced: BTreeSet<Id>,
}

fn found<'o>(objects: &'o [Object], id: &Id) -> Option<&'o Object> {
    objects.iter().find(|object| object.id == *id)
}

/// What runs on two sides.
pub(super) struct Lot {
    workloads: Vec<Workload>,
    /// Whether any pod may take part in a mesh.
    is_meshed: bool,
    /// The namespaces whose pods are restarted, or whose labels change.
    turning: BTreeSet<Symbol>,
    /// How pods of namespaces take part in a mesh, of which nothing more is said.
    planes: BTreeMap<Symbol, (DataPlane, DataPlane)>,
}

impl Lot {
    pub(super) fn new(clusters: [&Cluster; 2], pair: &Pair<'_>) -> Self {
        let workloads = workloads(clusters);
        let takes_part = |plane: DataPlane| plane != DataPlane::None;
        let of_namespace = |name: &Symbol| planes(pair, name).is_none_or(|(old, new)| takes_part(old) || takes_part(new));
        let of_workload = |workload: &Workload| workload.ends.iter().filter_map(pod).any(|pod| takes_part(pod.plane));
        let is_meshed = pair.names.iter().any(of_namespace) || workloads.iter().any(of_workload);
        let names = workloads.iter().map(Workload::namespace);
        let planes = names.filter_map(|name| Some((Symbol::clone(name), planes(pair, name)?))).collect();
        Self { workloads, is_meshed, turning: turning(pair, &[]), planes }
    }

    /// The objects beside policies on which a flow may hang, and which are not the same on both sides.
    pub(super) fn deciding(&self, policies: [&[Object]; 2], besides: [&[Object]; 2]) -> Deciding {
        let [old, new] = besides;
        let looking: Vec<&Object> = policies.into_iter().chain(besides).flatten().filter(|object| !runs_pods(&object.id.kind)).collect();
        let replaced = altered(&self.workloads, &looking, &|workload| self.is_usual(workload));
        let replaced = replaced.into_iter().cloned();
        let (mut ordered, unplaced): (BTreeSet<Id>, BTreeSet<Id>) = replaced.partition(|id| self.is_placed(id, [old, new]));
        let is_served = |object: &&Object| self.is_meshed && object.id.kind == "Service" && decides(found(old, &object.id), object);
        ordered.extend(new.iter().filter(is_served).map(|object| object.id.clone()));
        Deciding { ordered, unplaced }
    }

    /// Whether it is one object that replaces pods, and nothing else does at the same time.
    fn is_placed(&self, id: &Id, [old, new]: [&[Object]; 2]) -> bool {
        let is_changed = || found(old, id).is_some_and(|old| found(new, id).is_some_and(|new| !old.is_same(new)));
        !self.turning.contains(&id.namespace) && is_changed()
    }

    /// Whether the pods of a workload take part in the mesh as their namespace says.
    fn is_usual(&self, workload: &Workload) -> bool {
        let [old, new] = workload.ends.each_ref().map(|end| pod(end).map(|pod| pod.plane));
        self.planes.get(workload.namespace()).is_some_and(|usual| old == Some(usual.0) && new == Some(usual.1))
    }

    /// What is known at all moments.
    pub(super) fn ground(self, items: &[Item], besides: [&[Object]; 2], names: Names) -> Ground {
        let [old, new] = besides;
        // What is in no step stands as the head has it.
        let left = old.iter().filter(|object| new.iter().all(|other| other.id != object.id));
        let staying: Vec<&Object> = new.iter().chain(left).collect();
        let ports = if items.iter().any(Item::names_ports) { Ports::Named } else { Ports::Numbered };
        let is_special = |(_, workload): &(usize, &Workload)| !self.is_usual(workload) || is_special(workload, ports);
        let moved = items.iter().filter(|item| item.id.kind == "Service" && item.base != item.head);
        Ground {
            special: self.workloads.iter().enumerate().filter(is_special).map(|(at, _)| at).collect(),
            services: Services::new(&staying, items),
            moving: moved.map(|item| (Symbol::clone(&item.id.namespace), item.id.name.as_str().into())).collect(),
            workloads: self.workloads,
            names,
        }
    }
}

/// How policies speak of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ports {
    /// By number alone.
    Numbered,
    /// Some by the names that pods give them.
    Named,
}

/// Whether more is known of a workload than of every pod of its labels in its namespace, or it is not what it was.
fn is_special(workload: &Workload, ports: Ports) -> bool {
    let known = |end: &Endpoint| {
        let is_gateway = matches!(end.facts.proxy, ProxyRole::Gateway | ProxyRole::Waypoint);
        let has_names = ports == Ports::Named && end.facts.ports.as_ref().is_some_and(|ports| !ports.is_empty());
        end.facts.network != Network::Own || is_gateway || has_names || !end.facts.uncaptured.is_empty()
    };
    let [old, new] = workload.ends.each_ref().map(|end| pod(end).map(|pod| (&pod.account, &pod.labels)));
    old != new || workload.ends.iter().any(known)
}

impl Ground {
    /// Calls over waypoints that cannot be asked about, as nothing is known of the pods.
    pub(super) fn unknown(&self, clusters: [&Cluster; 2], items: &[Item]) -> BTreeSet<String> {
        let is_taking = |name: &str| {
            clusters.iter().any(|cluster| cluster.namespace_labels(name).is_some_and(|labels| labels.contains_key(USE_WAYPOINT)))
        };
        let is_known = |service: &ServiceFacts| self.workloads.iter().any(|workload| workload.ends.iter().any(|end| selects(service, end)));
        let contents = items.iter().flat_map(|item| &item.versions).filter_map(|version| facts(&version.object));
        let services: Vec<ServiceFacts> = self.services.staying().cloned().chain(contents).collect();
        let bound = services.iter().filter(|service| service.labels.contains_key(USE_WAYPOINT) || is_taking(&service.namespace));
        let unknown = bound.filter(|service| !service.selector.is_empty() && !is_known(service));
        let by_service = unknown.map(|service| {
            format!("calls over the waypoint of Service {}/{}: nothing is known of its pods", service.namespace, service.name)
        });
        let held = |name: &Symbol| self.workloads.iter().any(|workload| workload.namespace() == name);
        let names: BTreeSet<Symbol> = clusters.into_iter().flat_map(Cluster::namespaces).collect();
        let empty = names.iter().filter(|name| is_taking(name) && !held(name));
        let by_namespace = empty.map(|name| format!("calls over the waypoint of Namespace {name}: nothing is known of its pods"));
        by_service.chain(by_namespace).collect()
    }
}
