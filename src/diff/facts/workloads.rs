//! Workloads, declared or of an inventory, of which something else is said.
//!
//! Owns: what has changed of them, in words. What that does to connections is not asked here.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fact, FactKind, fact};
use crate::cluster::Cluster;
use crate::diff::entry::Change;
use crate::diff::meshed;
use crate::diff::side::Which;
use crate::flow::{DataPlane, Peer, Symbol};
use crate::inventory::InventoryWorkload;
use crate::ir::{Policy, Workload};

/// Declared workloads that have come or gone, or of which something else is said.
pub(super) fn workloads(base: &Policy, head: &Policy) -> Vec<Fact> {
    let all = |policy: &'_ Policy| -> BTreeMap<(Symbol, Symbol), Workload> {
        policy.workloads.iter().map(|workload| ((workload.namespace.clone(), workload.name.clone()), workload.clone())).collect()
    };
    let (old, new) = (all(base), all(head));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let told = |key: &(Symbol, Symbol)| {
        let name = format!("`{}@{}`", key.1, key.0);
        let (change, text, which, workload) = match (old.get(key), new.get(key)) {
            (None, Some(new)) => (Change::Added, format!("{name} = {}", facts_of(new)), Which::Head, new),
            (Some(old), None) => (Change::Removed, format!("{name} = {}", facts_of(old)), Which::Base, old),
            (Some(old), Some(new)) if facts_of(old) != facts_of(new) => {
                (Change::Changed, format!("{name} = {}; it was {}", facts_of(new), facts_of(old)), Which::Head, new)
            }
            _ => return None,
        };
        Some(Fact { place: Some((which, workload.location)), ..fact(FactKind::Workload, change, text) })
    };
    keys.into_iter().filter_map(told).collect()
}

/// What is said of a workload, in the language's words.
fn facts_of(workload: &Workload) -> String {
    let mut text = workload.labels.to_string();
    if let Some(account) = &workload.account {
        text = text + " account " + account;
    }
    let ports: Vec<String> = workload.ports.iter().map(|port| format!("{}={}", port.name, port.number)).collect();
    if !ports.is_empty() {
        text = text + " port " + &ports.join(",");
    }
    if workload.plane == Some(DataPlane::None) {
        text.push_str(" unmeshed");
    }
    text
}

/// Workloads of the inventory that have come or gone, run as another account, or have other labels or another part in the mesh.
pub(super) fn inventories(base: &Policy, head: &Policy) -> Vec<Fact> {
    let all = |policy: &Policy| -> BTreeMap<String, Symbol> {
        policy.inventory.workloads.iter().map(|workload| (workload.to_string(), workload.account.clone())).collect()
    };
    let mut facts = accounts(&all(base), &all(head));
    facts.extend(relabelled(base, head));
    facts.extend(meshed::turns(base, head).iter().filter_map(meshed::told));
    facts
}

/// Workloads of both inventories with other labels than before.
fn relabelled(base: &Policy, head: &Policy) -> Vec<Fact> {
    let old: BTreeMap<String, &InventoryWorkload> =
        base.inventory.workloads.iter().map(|workload| (workload.to_string(), workload)).collect();
    let told = |new: &InventoryWorkload| {
        let name = new.to_string();
        let old = old.get(&name).filter(|old| old.labels != new.labels)?;
        let labels = |workload: &InventoryWorkload| {
            let words: Vec<String> = workload.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            if words.is_empty() { "none".to_owned() } else { format!("`{}`", words.join(",")) }
        };
        let text = format!("{name} has labels {}; they were {}", labels(new), labels(old));
        Some(Fact { place: Some((Which::Head, new.location)), ..fact(FactKind::Workload, Change::Changed, text) })
    };
    head.inventory.workloads.iter().filter_map(told).collect()
}

fn accounts(old: &BTreeMap<String, Symbol>, new: &BTreeMap<String, Symbol>) -> Vec<Fact> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let told = |name: &String| match (old.get(name), new.get(name)) {
        (None, Some(account)) => Some(fact(FactKind::Workload, Change::Added, format!("{name} runs as `{account}`"))),
        (Some(account), None) => Some(fact(FactKind::Workload, Change::Removed, format!("{name} ran as `{account}`"))),
        (Some(before), Some(after)) if before != after => {
            Some(fact(FactKind::Workload, Change::Changed, format!("{name} runs as `{after}`; it ran as `{before}`")))
        }
        _ => None,
    };
    names.into_iter().filter_map(told).collect()
}

/// Workloads of two clusters that have come or gone, or run as another account.
pub(in crate::diff) fn workloads_of(base: &Cluster, head: &Cluster) -> Vec<Fact> {
    let all = |cluster: &Cluster| -> BTreeMap<String, Symbol> {
        let account = |workload: &crate::cluster::Workload| match &workload.endpoint.peer {
            Peer::Pod(pod) => Some((format!("{} {}/{}", workload.kind, pod.namespace, workload.name), pod.account.clone())),
            Peer::Address(_) => None,
        };
        cluster.workloads().iter().filter_map(account).collect()
    };
    accounts(&all(base), &all(head))
}
