//! Manifests of one workload that stand more than once and may be of one.
//!
//! Owns: when they may, and what is left of them. What contradicts is `disputed`'s.

use super::{InventoryWorkload, MeshChoice, PodMesh};

/// Where a manifest is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// From whoever wrote it.
    Written,
    /// From a cluster: it says of a pod what only that gives it.
    Served,
}

impl InventoryWorkload {
    /// Whether two manifests of one workload state the same facts, wherever they are written.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        let owner = self.owner.clone();
        let (location, replicas, ordinals, origin) = (self.location, self.replicas, self.ordinals, self.origin);
        *self == Self { ordinals, location, origin, owner, replicas, ..other.clone() }
    }

    /// Both manifests as one, if they may be of one workload: the one from the cluster where only one is, as it says what that has made of the
    /// other one.
    pub(super) fn joined(&self, later: &Self) -> Option<Self> {
        if later.says_the_same(self) {
            return Some(self.clone());
        }
        match (self.origin, later.origin) {
            (Origin::Written, Origin::Written) => None,
            (Origin::Written, Origin::Served) => later.is_made_from(self).then(|| Self { location: self.location, ..later.clone() }),
            (Origin::Served, Origin::Written) => self.is_made_from(later).then(|| self.clone()),
            (Origin::Served, Origin::Served) => {
                let [first, later] = [(self, later), (later, self)].map(|(own, other)| own.placed_as(other));
                later.says_the_same(&first).then_some(first)
            }
        }
    }

    /// Whether a pod of a cluster is what that made of this manifest: it gives a pod an account, a node, addresses, and labels that are open
    /// before that. A sidecar is none of it: with one more changes than that.
    fn is_made_from(&self, written: &Self) -> bool {
        let labels = self.labels.iter().filter(|(key, _)| !written.open_keys.contains(*key));
        let (same_labels, is_sure) = (labels.eq(&written.labels), self.open_keys.is_subset(&written.open_keys));
        let sidecar = if self.mesh.sidecar == MeshChoice::Refused { MeshChoice::Refused } else { written.mesh.sidecar };
        let made = Self {
            labels: self.labels.clone(),
            open_keys: self.open_keys.clone(),
            account_named: self.account_named,
            mesh: PodMesh { sidecar, ..written.mesh },
            ..written.placed_as(self)
        };
        same_labels && is_sure && self.says_the_same(&made)
    }

    /// The same where another manifest says that it is, if it says nothing of that itself.
    fn placed_as(&self, other: &Self) -> Self {
        let addresses = if self.addresses.is_empty() { &other.addresses } else { &self.addresses };
        Self { addresses: addresses.clone(), node: self.node.clone().or_else(|| other.node.clone()), ..self.clone() }
    }
}
