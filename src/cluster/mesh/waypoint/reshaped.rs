//! Waypoints whose pods are not as Istio usually makes them.
//!
//! Owns: `Reshaped`, and what says so. What is known of such pods is what the manifests hold of them; it must not guess the rest.

use crate::cluster::mesh::Mesh;
use crate::cluster::mesh::attachment::GATEWAY_NAME;
use crate::cluster::mesh::read::gateway::Gateway;
use crate::cluster::mesh::read::overlay::{COPIES, OF_CLASS};
use crate::cluster::object::Object;
use crate::flow::Symbol;
use crate::inventory::Inventory;

/// What makes a waypoint's pods others than they usually are.
#[derive(Debug, Clone)]
pub(in crate::cluster) struct Reshaped {
    /// What says so.
    pub(in crate::cluster) object: Object,
    /// By which of its fields, labels or variables.
    pub(in crate::cluster) key: &'static str,
    /// The waypoint's namespace and name.
    pub(in crate::cluster) waypoint: (Symbol, Symbol),
}

impl Mesh {
    /// What makes the pods of waypoints others than they usually are. Notes these waypoints, of which it is not known as whom they run.
    pub(in crate::cluster) fn find_reshaped(&mut self, inventory: &Inventory) -> Vec<Reshaped> {
        let of_class = self.gateways.iter().filter(|(_, gateway)| self.makes_waypoints(&gateway.class));
        let found: Vec<Reshaped> = of_class
            .flat_map(|(name, gateway)| {
                let all = self.reshapes(inventory, name, gateway);
                all.into_iter().map(|(key, object)| Reshaped { object, key, waypoint: name.clone() })
            })
            .collect();
        self.reshaped = found.iter().map(|reshaped| reshaped.waypoint.clone()).collect();
        found
    }

    fn reshapes(&self, inventory: &Inventory, (namespace, name): &(Symbol, Symbol), gateway: &Gateway) -> Vec<(&'static str, Object)> {
        let mut all = Vec::new();
        // Of one that stands elsewhere Istio makes none (`IsManaged`).
        if gateway.made.is_elsewhere {
            all.push(("spec.addresses", gateway.object.clone()));
        }
        let is_seen = inventory.workloads_in(namespace).iter().any(|workload| workload.labels.get(GATEWAY_NAME) == Some(name));
        if is_seen {
            return all;
        }
        let parameters = gateway.made.parameters.as_ref().filter(|own| self.overlays.may_change(namespace, own));
        all.extend(parameters.map(|_| ("spec.infrastructure.parametersRef", gateway.object.clone())));
        all.extend(self.overlays.of_class(&gateway.class).map(|object| (OF_CLASS, object.clone())));
        let not_copying = self.overlays.not_copying().filter(|_| gateway.made.copies_labels);
        all.extend(not_copying.map(|object| (COPIES, object.clone())));
        all
    }
}
