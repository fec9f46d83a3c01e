//! Which pods are in the mesh, as all the manifests together have it.
//!
//! Owns: whom the manifests leave outside of it, and what is left open of pods that may be in it in another way than they are to be. It must
//! not read objects.

use std::collections::BTreeSet;

use super::twins::Noted;
use super::{Manifests, mesh_config};
use crate::cluster::mesh::GATEWAY_NAME;
use crate::cluster::object::Object;
use crate::cluster::pods::labels;
use crate::cluster::unmodelled::{Ends, Gates, Proxies, Side, Unmodelled, Why, equalities};
use crate::cluster::{Joining, Platform, ProxyRole};
use crate::flow::{DataPlane, LabelCube, Labels, Symbol};
use crate::inventory::{InventoryWorkload, MeshChoice, ShownJoining, TEMPLATES};

impl Manifests {
    /// Keeps pods out of the mesh whose namespace has no label that takes them in, where the manifests show how others join and no injector
    /// takes in everybody.
    pub(super) fn settle_joining(&mut self, platform: &Platform) {
        // Maistra's pods ask for their sidecars themselves, in namespaces that are members.
        let is_maistra = self.noted.iter().any(|Noted { name: [group, ..], .. }| **group == *"maistra.io");
        if is_maistra || !self.injects_everywhere.is_empty() {
            return;
        }
        self.shown_joining = self.inventory.shown_joining();
        let shown = self.shown(platform);
        if shown != ShownJoining::Nowhere {
            self.unjoined = self.inventory.keep_unsaid_outside(&self.spoken_for(shown, &platform.root_namespace));
            let of = |workload: &InventoryWorkload| (Symbol::clone(&workload.namespace), labels(workload, platform).0);
            self.taken_in = self.inventory.silent_of_undescribed().map(of).collect();
        }
    }

    /// How the manifests, or those beside them, show others to join.
    fn shown(&self, platform: &Platform) -> ShownJoining {
        match platform.joining {
            Joining::AsTaken => ShownJoining::Nowhere,
            Joining::AsShown { beside } => self.shown_joining.max(beside),
        }
    }

    /// The namespaces of pods that a `Gateway` makes gateways, which have an Envoy without being told to join. And where no label of a
    /// namespace is shown those that have policies of the mesh: whoever wrote them takes its pods to be in it, by a label that does not stand
    /// among these manifests. Where labels of others are, one that has none has none, and its policies act on nobody: Istio injects by labels
    /// alone (istio/istio : manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml). A gateway that shows its Envoy
    /// itself says nothing of its neighbours, and the policies of the root namespace are for all others: only one that chooses a pod there
    /// may mean one.
    fn spoken_for(&self, shown: ShownJoining, root: &Symbol) -> BTreeSet<Symbol> {
        let may_be_meant = shown != ShownJoining::ByLabels;
        let is_chosen = |workload: &InventoryWorkload| {
            let is_meant = may_be_meant
                && workload.namespace == *root
                && self.mesh.selectors_in(root).any(|selector| chooses(selector, &workload.labels));
            is_meant || self.is_selected_by_gateway(&workload.labels)
        };
        let silent = self.inventory.workloads.iter().filter(|workload| workload.mesh.sidecar == MeshChoice::Unsaid);
        let chosen = silent.filter(|workload| is_chosen(workload)).map(|workload| &workload.namespace);
        let policed = self.mesh.policed().filter(|namespace| may_be_meant && *namespace != root);
        chosen.chain(policed).cloned().collect()
    }

    /// Leaves open what pods send and take that are taken to be outside the mesh, where an injector gives a sidecar to all of which nothing is
    /// said.
    pub(super) fn open_unsaid(&mut self, platform: &Platform) {
        if platform.mesh == DataPlane::Sidecar {
            return;
        }
        let unsaid = self.inventory.unsaid_planes();
        for object in &self.injects_everywhere {
            self.unmodelled.extend(unsaid.iter().map(|namespace| Unmodelled {
                object: object.clone(),
                why: Why::Setting(mesh_config::EVERYWHERE),
                gates: Gates::Membership,
                ends: Ends::of_namespace(namespace, LabelCube::all()),
                side: Side::Either,
                proxies: Proxies::Any,
                spared: BTreeSet::new(),
            }));
        }
    }

    /// Leaves open what pods send and take that run without the sidecar that their workload is to have.
    pub(super) fn open_bare(&mut self, platform: &Platform) {
        let bare = self.inventory.folded_pods.iter().filter(|pod| pod.sidecar == MeshChoice::Refused);
        let owners: BTreeSet<_> = bare.map(|pod| (&pod.namespace, pod.owner.0, &pod.owner.1)).collect();
        for workload in &self.inventory.workloads {
            let is_owner = owners.contains(&(&workload.namespace, workload.kind, &workload.name));
            if is_owner && self.inventory.plane_of(workload, platform.mesh) == DataPlane::Sidecar {
                self.unmodelled.push(of_pods(workload, Why::Bare, Side::Either));
            }
            self.unmodelled.extend(self.bare_beside(workload, platform));
        }
    }

    /// What is left open of a pod that runs without the sidecar that another manifest of it would get.
    fn bare_beside(&self, workload: &InventoryWorkload, platform: &Platform) -> Option<Unmodelled> {
        let key = (Symbol::clone(&workload.namespace), workload.kind, Symbol::clone(&workload.name));
        let sidecar = *self.inventory.disputed.sidecars.get(&key)?;
        let mut written = workload.clone();
        written.mesh.sidecar = sidecar;
        let plane = |workload: &InventoryWorkload| self.inventory.plane_of(workload, platform.mesh);
        if plane(&written) != DataPlane::Sidecar {
            return None;
        }
        let bare = of_pods(workload, Why::Bare, Side::Either);
        Some(if plane(workload) == DataPlane::None { Unmodelled { gates: Gates::Membership, ..bare } } else { bare })
    }

    /// Leaves open what pods send and take that a Gateway is for, where they show no Envoy and none would be injected: they have one by a name
    /// that nobody knows, or the Gateway is for nobody.
    pub(super) fn open_unseen_gateways(&mut self, platform: &Platform) {
        let unsaid = self.inventory.unsaid_planes();
        for workload in self.inventory.workloads.iter().filter(|workload| workload.mesh.sidecar != MeshChoice::Present) {
            let is_made = workload.labels.get(GATEWAY_NAME).is_some_and(|name| self.mesh.makes_gateways(&workload.namespace, name));
            if !is_made && !self.is_selected_by_gateway(&workload.labels) {
                continue;
            }
            let unseen = of_pods(workload, Why::Unseen, Side::Either);
            if self.inventory.plane_of(workload, platform.mesh) == DataPlane::None {
                self.unmodelled.push(Unmodelled { gates: Gates::Membership, ..unseen });
            } else if self.is_spoken_for(workload, platform) && unsaid.contains(&workload.namespace) {
                // As a client it is taken for a gateway, which it is if its Gateway is for anybody.
                self.unmodelled.push(Unmodelled { side: Side::Called, ..unseen });
            }
        }
    }

    /// Whether a workload, of whose namespace nothing is said, is in the mesh for its Gateway's sake alone, which takes it for an Envoy.
    fn is_spoken_for(&self, workload: &InventoryWorkload, platform: &Platform) -> bool {
        let is_silent = workload.mesh.sidecar == MeshChoice::Unsaid && workload.proxy != ProxyRole::Gateway;
        is_silent && self.shown(platform) != ShownJoining::Nowhere
    }

    /// Whether a `Gateway` of Istio's own kind is for pods with these labels; one for all pods is for those that are gateways.
    fn is_selected_by_gateway(&self, labels: &Labels) -> bool {
        self.mesh.gateway_selectors().any(|selector| !selector.is_empty() && chooses(selector, labels))
    }

    /// Leaves open what reaches pods of which annotations say something that is not modelled.
    pub(super) fn open_annotated(&mut self, platform: &Platform) {
        for workload in &self.inventory.workloads {
            let plane = self.inventory.plane_of(workload, platform.mesh);
            for key in workload.unmodelled.iter().filter(|key| is_heard(key, plane)) {
                // Whoever has no Envoy calls without one, too.
                let side = if *key == TEMPLATES { Side::Either } else { Side::Called };
                self.unmodelled.push(of_pods(workload, Why::Setting(key), side));
            }
        }
    }
}

/// Whether a selector chooses pods with these labels.
fn chooses(selector: &Labels, labels: &Labels) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// Whether pods that take part in the mesh in this way mind an annotation: each is about one of the ways.
fn is_heard(key: &str, plane: DataPlane) -> bool {
    let of_ztunnel = key.starts_with("ambient.");
    plane == if of_ztunnel { DataPlane::Ambient } else { DataPlane::Sidecar }
}

/// A workload as an object that may change what the mesh does with its pods.
fn of_pods(workload: &InventoryWorkload, why: Why, side: Side) -> Unmodelled {
    let object = Object {
        kind: workload.kind.name().into(),
        namespace: Symbol::clone(&workload.namespace),
        name: Symbol::clone(&workload.name),
        location: workload.location,
        annotations: Labels::new(),
    };
    let ends = Ends::of_namespace(&workload.namespace, equalities(&workload.labels));
    Unmodelled { object, why, gates: Gates::Mesh, ends, side, proxies: Proxies::Any, spared: BTreeSet::new() }
}
