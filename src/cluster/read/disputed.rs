//! What hangs on objects of which several of one name say different things.
//!
//! Owns: what is left open then: only one of them can be in the cluster, and nobody knows which. It must not look for them.

use std::collections::BTreeSet;

use super::twins::Name;
use super::{Manifests, is_policy};
use crate::cluster::Way;
use crate::cluster::network::NetworkPolicy;
use crate::cluster::object::Object;
use crate::cluster::unmodelled::{Ends, Gates, Proxies, Side, Unmodelled, Why, equalities};
use crate::flow::{LabelCube, Labels, Symbol};
use crate::source::{FileId, Location, Span};

impl Manifests {
    /// Leaves open what hangs on policies and other objects that decide.
    pub(super) fn open_twins(&mut self, twins: Vec<(Name, Location)>, root: &Symbol) {
        for (name, location) in twins {
            let [group, kind, namespace, own] = &name;
            let of_name = |object: &Object| (&object.kind, &object.namespace, &object.name) == (kind, namespace, own);
            if self.unmodelled.iter().any(|known| of_name(&known.object)) {
                continue;
            }
            let object = object(kind, (namespace, own), location);
            if is_of_network(group) && &**kind == "NetworkPolicy" {
                let all = self.policies.iter().filter(|policy| of_name(&policy.object));
                let touched: Vec<(Gates, Ends)> =
                    all.map(|policy| (ways(policy), Ends::of_namespace(namespace, policy.subject.clone()))).collect();
                self.unmodelled.extend(touched.into_iter().map(|(gates, ends)| twice(&object, gates, ends, Side::Either)));
                continue;
            }
            // What is no policy may say something of its clients anywhere.
            let is_wide = !is_policy(kind) || namespace == root;
            let ends = if is_wide { Ends::All } else { Ends::of_namespace(namespace, LabelCube::all()) };
            let side = if is_policy(kind) { Side::Called } else { Side::Either };
            self.unmodelled.push(twice(&object, Gates::Mesh, ends, side));
        }
    }

    /// Leaves open what hangs on facts: the labels of namespaces, what workloads are, where Services lead to.
    pub(super) fn open_disputed(&mut self) {
        for (name, planes) in &self.inventory.disputed.namespaces {
            let Some(facts) = self.inventory.namespaces.remove(name) else { continue };
            if planes.len() > 1 {
                let object = object("Namespace", ("", name), facts.location);
                let ends = Ends::of_namespace(name, LabelCube::all());
                self.unmodelled.push(twice(&object, Gates::Both, ends, Side::Either));
            }
        }
        for workload in &self.inventory.workloads {
            let key = (Symbol::clone(&workload.namespace), workload.kind, Symbol::clone(&workload.name));
            if self.inventory.disputed.workloads.contains(&key) {
                let object = object(workload.kind.name(), (&workload.namespace, &workload.name), workload.location);
                let ends = Ends::of_namespace(&workload.namespace, equalities(&workload.labels));
                self.unmodelled.push(twice(&object, Gates::Both, ends, Side::Either));
            }
        }
        for ((namespace, name), selectors) in &self.inventory.disputed.services {
            let service = self.inventory.services_in(namespace).iter().find(|service| service.name == *name);
            let location = service.map_or_else(nowhere, |service| service.location);
            let object = object("Service", (namespace, name), location);
            let of = |selector: &Labels| twice(&object, Gates::Mesh, Ends::of_namespace(namespace, equalities(selector)), Side::Called);
            self.unmodelled.extend(selectors.iter().filter(|selector| !selector.is_empty()).map(of));
        }
    }
}

fn nowhere() -> Location {
    Location { file: FileId(0), span: Span::default() }
}

fn is_of_network(group: &str) -> bool {
    group == "networking.k8s.io"
}

fn object(kind: &str, (namespace, name): (&str, &str), location: Location) -> Object {
    Object { kind: kind.into(), namespace: namespace.into(), name: name.into(), location, annotations: Labels::new() }
}

/// What a policy may change: one that isolates one way only says nothing of the other.
fn ways(policy: &NetworkPolicy) -> Gates {
    match (&policy.ingress, &policy.egress) {
        (Some(_), None) => Gates::NetworkOneWay(Way::Ingress),
        (None, Some(_)) => Gates::NetworkOneWay(Way::Egress),
        _ => Gates::Network,
    }
}

fn twice(object: &Object, gates: Gates, ends: Ends, side: Side) -> Unmodelled {
    Unmodelled { object: object.clone(), why: Why::Twice, gates, ends, side, proxies: Proxies::Any, spared: BTreeSet::new() }
}
