//! The workloads of which an entry about classes of pods is true.
//!
//! Owns: `Concerned`. Workloads of which more is known than their labels were asked about by themselves; of these an entry about pods with
//! such labels is true only as far as that showed the same.

use std::collections::{BTreeMap, BTreeSet};

use super::actual::{Actual, Likeness, object_of};
use super::entry::Entry;
use super::side::Said;
use super::walk::Cell;
use crate::cluster::{Cluster, Network, Workload};
use crate::flow::{Peers, PodCube, PortSet, Symbol};
use crate::verify::Way;

/// What was shown of workloads by themselves.
#[derive(Default)]
pub(super) struct Concerned {
    /// The workloads that were asked about at this end of flows, by what messages call them.
    asked: BTreeSet<(String, Way)>,
    /// What differs of them.
    shown: BTreeMap<(String, Way), Vec<Shown>>,
}

/// A difference of flows from or to a workload.
struct Shown {
    ports: PortSet,
    /// Whether something passes that did not, and whether something does not that did.
    turns: [bool; 2],
}

impl Concerned {
    /// Of workloads that were asked about by themselves, and what that showed.
    pub(super) fn new(apart: &[&Actual], cells: &[Cell]) -> Self {
        let titles: BTreeMap<&Symbol, &str> = apart.iter().map(|own| (&own.title, own.object.as_str())).collect();
        let called = apart.iter().map(|own| (own.object.clone(), Way::Ingress));
        let calling = apart.iter().filter(|own| own.likeness != Likeness::Called).map(|own| (own.object.clone(), Way::Egress));
        let mut all = Self { asked: called.chain(calling).collect(), shown: BTreeMap::new() };
        for cell in cells {
            for (title, way) in cell.workloads.iter().zip([Way::Egress, Way::Ingress]) {
                let Some(object) = title.as_ref().and_then(|title| titles.get(title)) else { continue };
                all.shown.entry(((*object).to_owned(), way)).or_default().push(Shown::of(cell));
            }
        }
        all
    }

    /// Fills in the workloads of either side that are concerned. An entry about classes of pods is not about those on their node's network
    /// either, which Kubernetes leaves undefined (`semantics.md` §1.7): they have entries of their own.
    pub(super) fn fill_in(&self, clusters: [&Cluster; 2], entry: &mut Entry) {
        let mut others = BTreeSet::new();
        entry.callers = self.within(clusters, (&entry.source, Way::Egress), entry, &mut others);
        entry.called = self.within(clusters, (&entry.destination, Way::Ingress), entry, &mut others);
        entry.remarks.extend(others.iter().map(|name| format!("not of {name}, of which more is known than its labels")));
    }

    /// Those of some peers of which an entry is true; the others are told.
    fn within(&self, clusters: [&Cluster; 2], (peers, way): (&Peers, Way), entry: &Entry, others: &mut BTreeSet<String>) -> Vec<String> {
        if peers.pods.cubes().iter().any(|cube| *cube == PodCube::all()) {
            return Vec::new();
        }
        let all = clusters.into_iter().flat_map(Cluster::workloads);
        let has_own_network = |workload: &&Workload| workload.endpoint.facts.network == Network::Own;
        let within = all.filter(has_own_network).filter(|workload| peers.contains(&workload.endpoint.peer));
        let names: BTreeSet<String> = within.map(object_of).collect();
        let (true_of, not_of): (Vec<String>, Vec<String>) = names.into_iter().partition(|name| self.is_true_of(entry, (name, way)));
        others.extend(not_of);
        true_of
    }

    fn is_true_of(&self, entry: &Entry, (name, way): (&str, Way)) -> bool {
        let place = (name.to_owned(), way);
        let shown = || self.shown.get(&place).into_iter().flatten();
        !self.asked.contains(&place) || shown().any(|shown| shown.is_like(entry))
    }
}

impl Shown {
    fn of(cell: &Cell) -> Self {
        let said = || cell.before.best().into_iter().zip(cell.after.best());
        let has = |turn: fn(Said, Said) -> bool| said().any(|(old, new)| turn(old, new));
        Self { ports: cell.ports.clone(), turns: [has(|old, new| new > old), has(|old, new| new < old)] }
    }

    /// Whether it is a difference of the kind of an entry, on one of its ports.
    fn is_like(&self, entry: &Entry) -> bool {
        let [gains, loses] = self.turns;
        let is_of_kind = match (entry.kind.is_gain(), entry.kind.is_loss()) {
            (true, _) => gains,
            (_, true) => loses,
            _ => true,
        };
        // How requests have to be sent may differ where as many pass.
        (is_of_kind || !gains && !loses) && self.ports.overlaps(&entry.ports)
    }
}
