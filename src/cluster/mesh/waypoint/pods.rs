//! The pods of waypoints, as `NetworkPolicy` and policies about their callers see them.
//!
//! Owns: what Istio gives pods that the manifests do not hold. It must not know which calls go through a waypoint.

use std::collections::BTreeSet;

use crate::cluster::mesh::Mesh;
use crate::cluster::mesh::attachment::GATEWAY_NAME;
use crate::cluster::mesh::read::gateway::Gateway;
use crate::cluster::mesh::read::waypoint::NETWORK;
use crate::cluster::mesh::tunnel::CLASS_NAME;
use crate::cluster::pods;
use crate::cluster::question::{Endpoint, Facts, NamespaceLabels};
use crate::flow::{DataPlane, Labels, Peer, Pod, Symbol};
use crate::inventory::{Inventory, InventoryWorkload, added_to_deployments};

/// The label that says how a pod takes part in ambient mode.
const DATAPLANE_MODE: &str = "istio.io/dataplane-mode";

/// The labels that the template has given to all pods of waypoints since this version.
const KNOWN_SINCE: (u16, u16, u16) = (1, 25, 0);

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
        let mut labels = usual_labels(name, gateway);
        let open_labels = self.open_labels(&labels, gateway);
        labels.retain(|key, _| !open_labels.contains(key));
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

    /// The keys of labels that such a pod may have with values that are not known.
    fn open_labels(&self, labels: &Labels, gateway: &Gateway) -> BTreeSet<Symbol> {
        let mut open: BTreeSet<Symbol> = added_to_deployments().filter(|key| !labels.contains_key(*key)).map(Symbol::from).collect();
        // The network of the installation, if it says one.
        if !gateway.made.has_network {
            open.insert(NETWORK.into());
        }
        if self.platform.istio < KNOWN_SINCE {
            open.extend([CLASS_NAME, DATAPLANE_MODE].map(Symbol::from));
        }
        open
    }
}

/// The labels that are known: what is usual, over that what the Gateway says, and over that what tells whose the pod is.
fn usual_labels(name: &Symbol, gateway: &Gateway) -> Labels {
    let made = &gateway.made;
    let deployment = made.deployment.as_ref().unwrap_or(name);
    let usual = [
        ("sidecar.istio.io/inject", "false"),
        (DATAPLANE_MODE, "none"),
        ("service.istio.io/canonical-name", &**deployment),
        ("service.istio.io/canonical-revision", "latest"),
    ];
    let own = [(GATEWAY_NAME, &**name), (CLASS_NAME, &*gateway.class), ("gateway.istio.io/managed", "istio.io-mesh-controller")];
    let symbols = |(key, value): (&str, &str)| (key.into(), value.into());
    let mut labels: Labels = usual.into_iter().map(symbols).collect();
    labels.extend(made.labels.clone());
    labels.extend(own.into_iter().map(symbols));
    labels
}
