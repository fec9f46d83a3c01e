//! The words that the inventory knows: keys, values and accounts, by namespace.
//!
//! Owns: the tables in which a slip of the pen is looked up, made once for each namespace that is asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::MAX_CANDIDATES;
use crate::check::listed::Listed;
use crate::diagnostic::nearest;
use crate::flow::{LabelCube, PodCube};
use crate::inventory::InventoryWorkload;
use crate::ir::Policy;

/// The words of each set of namespaces that was asked for, and which of them the inventory describes.
#[derive(Debug, Default)]
pub(super) struct Dictionary<'a> {
    words: BTreeMap<Option<&'a str>, Words<'a>>,
    described: BTreeMap<&'a LabelCube, bool>,
}

/// The words of some workloads.
#[derive(Debug, Default)]
pub(super) struct Words<'a> {
    values: BTreeMap<&'a str, BTreeSet<&'a str>>,
    keys: BTreeMap<&'a str, BTreeSet<&'a str>>,
    pub(super) accounts: BTreeSet<&'a str>,
}

impl<'a> Dictionary<'a> {
    /// Whether the inventory describes all namespaces of a selector.
    pub(super) fn describes(&mut self, listed: &Listed<'_>, cube: &'a PodCube) -> bool {
        *self.described.entry(&cube.namespace).or_insert_with(|| listed.describes(&cube.namespace, cube.namespace_names()))
    }

    /// The words of a selector's namespace; those of the whole inventory where it names none, or several.
    pub(super) fn of(&mut self, policy: &'a Policy, cube: &'a PodCube) -> &Words<'a> {
        let name = match cube.namespace_names() {
            Some([name]) => Some(&**name),
            _ => None,
        };
        let workloads = name.map_or(policy.inventory.workloads.as_slice(), |name| policy.inventory.workloads_in(name));
        self.words.entry(name).or_insert_with(|| Words::of(workloads))
    }
}

impl<'a> Words<'a> {
    fn of(workloads: &'a [InventoryWorkload]) -> Self {
        let mut words = Self::default();
        for workload in workloads {
            words.accounts.insert(&workload.account);
            for (key, value) in &workload.labels {
                words.values.entry(key).or_default().insert(value);
                words.keys.entry(value).or_default().insert(key);
            }
        }
        words
    }

    /// Another value of the same key, near to the one written.
    pub(super) fn near_value(&self, key: &str, value: &str) -> Option<(&'a str, &'a str)> {
        let (key, values) = self.values.get_key_value(key)?;
        nearest(value, values.iter().copied().take(MAX_CANDIDATES)).map(|near| (*key, near))
    }

    /// Other keys with the same value.
    pub(super) fn same_value(&self, key: &str, value: &str) -> Vec<(&'a str, &'a str)> {
        let Some((value, keys)) = self.keys.get_key_value(value) else { return Vec::new() };
        keys.iter().filter(|other| **other != key).map(|other| (*other, *value)).collect()
    }
}
