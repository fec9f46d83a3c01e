//! Objects that stand more than once among manifests.
//!
//! Owns: which of them are told, and which count once. It must not read text.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::{Manifests, Name};
use crate::cluster::network::NetworkPolicy;
use crate::diagnostic::{Diagnostic, code};
use crate::flow::Symbol;
use crate::source::Location;

/// The group of `NetworkPolicy`.
const GROUP: &str = "networking.k8s.io";

impl Manifests {
    /// Reports objects of one kind and name that stand more than once: only one of them can be in the cluster.
    pub(super) fn find_twins(&mut self) {
        let mut copies = self.drop_copies();
        let mut first: BTreeMap<&Name, Location> = BTreeMap::new();
        for (name, location) in &self.names {
            match first.entry(name) {
                Entry::Vacant(entry) => drop(entry.insert(*location)),
                Entry::Occupied(entry) => match copies.get_mut(name) {
                    Some(more) if *more > 0 => *more -= 1,
                    _ => self.findings.push(twin(name, *location, *entry.get())),
                },
            }
        }
    }

    /// Takes out `NetworkPolicies` that say what one of their name said before; how many there were of each name.
    fn drop_copies(&mut self) -> BTreeMap<Name, usize> {
        let mut copies = BTreeMap::new();
        let mut first: BTreeMap<(Symbol, Symbol), NetworkPolicy> = BTreeMap::new();
        let name = |policy: &NetworkPolicy| (Symbol::clone(&policy.object.namespace), Symbol::clone(&policy.object.name));
        let distinct: BTreeSet<_> = self.policies.iter().map(name).collect();
        if distinct.len() == self.policies.len() {
            return copies;
        }
        self.policies.retain(|policy| {
            let (namespace, own) = name(policy);
            let known = first.entry((Symbol::clone(&namespace), Symbol::clone(&own)));
            let Entry::Occupied(known) = known else {
                known.or_insert_with(|| policy.clone());
                return true;
            };
            let is_copy = known.get().says_the_same(policy);
            if is_copy {
                *copies.entry([GROUP.into(), "NetworkPolicy".into(), namespace, own]).or_default() += 1;
            }
            !is_copy
        });
        copies
    }
}

/// An object that stands twice.
fn twin([_, kind, namespace, name]: &Name, location: Location, first: Location) -> Diagnostic {
    let namespace = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
    Diagnostic::new(code::INVALID_MANIFEST, location, format!("{kind} `{namespace}{name}` stands twice"))
        .label("an object of this name was there before")
        .related(first, "the first one")
        .note("only one of the two can be in the cluster")
}
