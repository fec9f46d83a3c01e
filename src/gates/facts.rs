//! What is known of pods besides their labels: accounts and data planes.
//!
//! Owns: the look-up of a selector's service accounts (design §4.3, "Whose service account?"). It must not guess: a selector
//! that nothing describes has unknown accounts.

use std::collections::{BTreeMap, BTreeSet};

use crate::flow::{DataPlane, LabelCube, Labels, NAMESPACE_NAME, PodCube, PodSet, Symbol, Values};
use crate::inventory::InventoryWorkload;
use crate::ir::{Policy, Workload, meets};

/// Values of a selector that are looked up one by one.
const MAX_VALUES: usize = 16;

/// Facts by namespace.
#[derive(Debug, Default)]
pub struct Facts<'a> {
    declared: BTreeMap<&'a str, Vec<&'a Workload>>,
    /// The pods of declared workloads with an account, and that account: made once, as every end of every rule is held against them.
    identified: BTreeMap<&'a str, Vec<(PodCube, &'a Symbol)>>,
    listed: BTreeMap<&'a str, Vec<&'a InventoryWorkload>>,
    planes: BTreeMap<&'a str, Option<DataPlane>>,
    labels: BTreeMap<&'a str, &'a Labels>,
}

/// A part of a selector and the accounts that its pods run as; none if unknown.
#[derive(Debug, Clone)]
pub struct Part {
    /// The pods.
    pub cube: PodCube,
    /// Their accounts.
    pub accounts: Option<BTreeSet<Symbol>>,
}

impl<'a> Facts<'a> {
    /// The facts of a policy.
    pub fn of(policy: &'a Policy) -> Self {
        let mut facts = Self::default();
        for workload in &policy.workloads {
            facts.declared.entry(&workload.namespace).or_default().push(workload);
            if let Some(account) = &workload.account {
                facts.identified.entry(&workload.namespace).or_default().push((workload.cube(), account));
            }
        }
        for workload in &policy.inventory.workloads {
            facts.listed.entry(&workload.namespace).or_default().push(workload);
        }
        facts.labels = policy.namespaces.values().map(|namespace| (&*namespace.name, &namespace.labels)).collect();
        facts.planes = policy.namespaces.values().map(|namespace| (&*namespace.name, namespace.plane)).collect();
        facts
    }

    /// The inventory's workloads of a namespace.
    pub fn listed(&self, namespace: &str) -> &[&'a InventoryWorkload] {
        self.listed.get(namespace).map(Vec::as_slice).unwrap_or_default()
    }

    /// The declared workloads of a namespace.
    pub fn declared(&self, namespace: &str) -> &[&'a Workload] {
        self.declared.get(namespace).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether no pod of a namespace can have a mesh identity.
    pub fn is_unmeshed(&self, namespace: &str) -> bool {
        self.planes.get(namespace).copied().flatten() == Some(DataPlane::None)
    }

    /// A selector of one namespace, cut by what is known of its pods' accounts. The parts do not overlap.
    pub fn parts(&self, namespace: &Symbol, cube: &PodCube) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut rest = vec![cube.clone()];
        for (pods, account) in self.identified.get(&**namespace).into_iter().flatten() {
            if !rest.iter().any(|piece| piece.overlaps(pods)) {
                continue;
            }
            let mut left = Vec::new();
            for piece in rest {
                match piece.intersect(pods) {
                    Some(common) => {
                        parts.push(Part { cube: common, accounts: Some(BTreeSet::from([Symbol::clone(account)])) });
                        left.extend(piece.subtract(pods));
                    }
                    None => left.push(piece),
                }
            }
            rest = left;
        }
        // Each value by itself: that one is listed says nothing of the others.
        let single = |cube: PodCube| match cube.labels.enumerated(MAX_VALUES) {
            Some(list) => list.into_iter().map(|labels| PodCube { labels, ..cube.clone() }).collect(),
            None => vec![cube],
        };
        parts.extend(rest.into_iter().flat_map(single).map(|cube| Part { accounts: self.listed_accounts(namespace, &cube), cube }));
        parts
    }

    /// The accounts of the inventory's workloads that a selector meets; none if it meets none.
    fn listed_accounts(&self, namespace: &str, cube: &PodCube) -> Option<BTreeSet<Symbol>> {
        let met = self.listed(namespace).iter().filter(|workload| meets(workload, self.labels.get(namespace).copied(), cube));
        let accounts: BTreeSet<Symbol> = met.map(|workload| workload.account.clone()).collect();
        (!accounts.is_empty()).then_some(accounts)
    }

    /// A set of pods in which every cube of a named namespace carries the accounts that are known of it.
    ///
    /// What it leaves out cannot exist while the facts hold.
    pub fn annotated(&self, pods: &PodSet) -> PodSet {
        let mut annotated = PodSet::none();
        for cube in pods.cubes() {
            let Some(names) = cube.namespace_names() else {
                annotated.push(cube.clone());
                continue;
            };
            for name in names {
                let inside =
                    PodCube { namespace: cube.namespace.clone().with(NAMESPACE_NAME.into(), Values::one(name.clone())), ..cube.clone() };
                for part in self.parts(name, &inside) {
                    let accounts = part.accounts.map_or_else(Values::any, Values::of);
                    let account = part.cube.account.intersect(&accounts);
                    if !account.is_empty() {
                        annotated.push(PodCube { account, ..part.cube });
                    }
                }
            }
        }
        annotated
    }
}

/// Every pod of a namespace.
pub(super) fn whole(namespace: &Symbol) -> PodCube {
    PodCube {
        namespace: LabelCube::of(NAMESPACE_NAME.into(), Values::one(namespace.clone())),
        labels: LabelCube::all(),
        account: Values::any(),
    }
}
