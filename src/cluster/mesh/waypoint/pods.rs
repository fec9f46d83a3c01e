//! The pods of waypoints, as `NetworkPolicy` and policies about their callers see them.
//!
//! Owns: what Istio gives pods that the manifests do not hold. It must not know which calls go through a waypoint.

use crate::cluster::mesh::Mesh;
use crate::cluster::mesh::attachment::GATEWAY_NAME;
use crate::cluster::mesh::read::gateway::Gateway;
use crate::cluster::pods;
use crate::cluster::question::{Endpoint, Facts, NamespaceLabels};
use crate::flow::{DataPlane, Peer, Pod, Symbol};
use crate::inventory::{Inventory, InventoryWorkload};

impl Mesh {
    /// A pod of a waypoint, with everything that `NetworkPolicy` asks of it. No plane of the mesh captures it (`semantics.md` §2.11).
    pub(super) fn waypoint_pod(&self, inventory: &Inventory, (namespace, name): (&Symbol, &Symbol), gateway: &Gateway) -> Endpoint {
        let made_for = |workload: &&InventoryWorkload| workload.labels.get(GATEWAY_NAME) == Some(name);
        let mut workloads = inventory.workloads_in(namespace).iter().filter(made_for);
        let mut endpoint = workloads
            .next()
            .map_or_else(|| self.usual_waypoint(namespace, name, gateway), |workload| pods::endpoint(workload, inventory, &self.platform));
        if workloads.next().is_some() {
            pods::forget_one_pod(&mut endpoint);
        }
        if let Peer::Pod(pod) = &mut endpoint.peer {
            pod.plane = DataPlane::None;
        }
        endpoint
    }

    /// A pod of a waypoint as Istio makes it (istio/istio : manifests/charts/istio-control/istio-discovery/files/waypoint.yaml).
    fn usual_waypoint(&self, namespace: &Symbol, name: &Symbol, gateway: &Gateway) -> Endpoint {
        let (labels, open_labels) = self.made_labels(name, gateway);
        let pod = Pod {
            namespace: Symbol::clone(namespace),
            namespace_labels: self.labels_of_namespace(namespace),
            labels,
            account: Symbol::clone(gateway.made.account.as_ref().unwrap_or(name)),
            plane: DataPlane::None,
        };
        let is_described = self.namespaces.contains_key(namespace);
        let known = if is_described { NamespaceLabels::Known } else { NamespaceLabels::NameOnly };
        Endpoint { peer: Peer::Pod(pod), facts: Facts { namespace: known, open_labels, ..Facts::default() } }
    }
}
