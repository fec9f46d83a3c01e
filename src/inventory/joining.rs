//! By what pods join the mesh, and of whom nothing says that they do.
//!
//! Owns: what all facts together show of it (`semantics.md` §2.1). What one pod and its namespace say is `injection`'s.

use std::collections::BTreeSet;

use super::injection::is_unsaid;
use super::{Inventory, InventoryWorkload, MeshChoice, NamespaceFacts, ProxyRole, ShownJoining};
use crate::flow::{DataPlane, Symbol};

impl Inventory {
    /// By what pods join the mesh, as far as anything shows it.
    pub fn shown_joining(&self) -> ShownJoining {
        let has_sidecar =
            |workload: &InventoryWorkload| workload.mesh.sidecar == MeshChoice::Present && workload.proxy == ProxyRole::Sidecar;
        let takes_in = |facts: &NamespaceFacts| matches!(facts.plane, Some(DataPlane::Sidecar | DataPlane::Ambient));
        if self.namespaces.values().any(takes_in) {
            return ShownJoining::ByLabels;
        }
        if self.workloads.iter().any(has_sidecar) { ShownJoining::ByProxies } else { ShownJoining::Nowhere }
    }

    /// Takes pods of described namespaces that say nothing of the mesh, but for these, for ones outside of it, unless they say something
    /// themselves. Gives the namespaces.
    pub fn keep_unsaid_outside(&mut self, but: &BTreeSet<Symbol>) -> BTreeSet<Symbol> {
        let unsaid = self.namespaces.iter_mut().filter(|(name, facts)| facts.plane.is_none() && !but.contains(*name));
        unsaid
            .map(|(name, facts)| {
                facts.plane = Some(DataPlane::None);
                Symbol::clone(name)
            })
            .collect()
    }

    /// The namespaces that are described, and nothing says how pods of theirs take part in the mesh: some that are known, or any if none is.
    pub fn unsaid_planes(&self) -> BTreeSet<Symbol> {
        let is_unsaid = |name: &Symbol| {
            let own = self.workloads_in(name);
            own.is_empty() || own.iter().any(is_unsaid)
        };
        let described = self.namespaces.iter().filter(|(_, facts)| facts.plane.is_none()).map(|(name, _)| name);
        described.filter(|name| is_unsaid(name)).cloned().collect()
    }

    /// The workloads that say nothing of the mesh, in namespaces of which nothing but the name is known.
    pub fn silent_of_undescribed(&self) -> impl Iterator<Item = &InventoryWorkload> {
        let is_undescribed = |workload: &InventoryWorkload| !self.namespaces.contains_key(&workload.namespace);
        self.workloads.iter().filter(move |workload| is_undescribed(workload) && is_unsaid(workload))
    }
}
