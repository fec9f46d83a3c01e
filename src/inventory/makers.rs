//! Who made a workload, and by which names those are known that went into another.
//!
//! Owns: `Inventory::makers`, `Inventory::gone`, `Inventory::maker_of_none`. A chain of owners is followed through what the manifests hold,
//! what went into its owner, and what names tell. It must not fold anything.

use std::collections::BTreeMap;

use super::ownership::{self, LONGEST_CHAIN, Owner, Replicas};
use super::{Inventory, InventoryWorkload, WorkloadKind};
use crate::flow::Symbol;

/// What made a workload: its kind and its name, in the workload's own namespace.
pub type Maker = (WorkloadKind, Symbol);

impl Inventory {
    /// What made a workload, nearest first: its owner, what made that, and so on as far as anything tells.
    pub fn makers(&self, workload: &InventoryWorkload) -> Vec<Maker> {
        let mut chain: Vec<Owner> = Vec::new();
        let mut next = workload.owner.clone();
        while let Some(owner) = next.filter(|owner| chain.len() < LONGEST_CHAIN && !chain.contains(owner)) {
            next = self.maker_of(&owner, workload);
            chain.push(owner);
        }
        chain.into_iter().map(|(_, kind, name)| (kind, name)).collect()
    }

    /// What made the owner of a workload.
    fn maker_of(&self, owner: &Owner, workload: &InventoryWorkload) -> Option<Owner> {
        if let Some(folded) = self.folded.get(owner) {
            return Some(folded.into.clone());
        }
        if let Some(further) = self.of_key(owner).and_then(|found| found.owner.clone()) {
            return Some(further);
        }
        if let Some(told) = ownership::deployment_behind(workload, owner) {
            return Some(told);
        }
        let guess = ownership::perhaps_behind(workload, owner)?;
        (self.of_key(owner).is_none() && self.of_key(&guess).is_some()).then_some(guess)
    }

    fn of_key(&self, (namespace, kind, name): &Owner) -> Option<&InventoryWorkload> {
        let at = self.workloads.binary_search_by(|workload| workload.key().cmp(&(namespace, *kind, name))).ok()?;
        self.workloads.get(at)
    }

    /// What stands for a workload of a name that says that it runs no pods; none for any other.
    pub fn maker_of_none(&self, namespace: &str, (kind, name): &Maker) -> Option<Maker> {
        let folded = self.folded.get(&(namespace.into(), *kind, Symbol::clone(name)))?;
        let (_, kind, name) = &folded.into;
        (folded.replicas == Replicas::Zero).then(|| (*kind, Symbol::clone(name)))
    }

    /// The workloads into which others went, by namespace, kind and name, each with the names of what runs pods that it stands for.
    pub fn gone(&self) -> BTreeMap<(Symbol, Maker), Vec<Maker>> {
        let mut all: BTreeMap<(Symbol, Maker), Vec<Maker>> = BTreeMap::new();
        let mut add = |namespace: &Symbol, (kind, name): (WorkloadKind, &Symbol), gone: Maker| {
            let own: Maker = (kind, Symbol::clone(name));
            if own != gone {
                all.entry((Symbol::clone(namespace), own)).or_default().push(gone);
            }
        };
        for ((namespace, kind, name), folded) in &self.folded {
            let runs = folded.replicas == Replicas::Some && *kind != WorkloadKind::Pod;
            if runs {
                add(namespace, (folded.into.1, &folded.into.2), (*kind, Symbol::clone(name)));
            }
        }
        for pod in &self.folded_pods {
            if let Some(maker) = &pod.made_by {
                add(&pod.namespace, (pod.owner.0, &pod.owner.1), maker.clone());
            }
        }
        for names in all.values_mut() {
            names.sort_unstable();
            names.dedup();
        }
        all
    }
}
