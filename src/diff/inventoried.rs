//! The workloads of the inventories that an entry of two programs is about.
//!
//! Owns: `Inventoried`. An entry is about pods of some labels, as their namespace makes them take part in the mesh. Of a workload that does so
//! otherwise it is true only if what passes from or to it has changed, too.

use std::collections::{BTreeMap, BTreeSet};

use super::access::Access;
use super::entry::{Entry, Example};
use super::gates::is_about_guards;
use super::meshed::plane_as_declared;
use super::seeds::{Policies, plane};
use super::side::{Pair, Said, Which};
use crate::cluster::Endpoint;
use crate::flow::{DataPlane, Flow, Labels, Peer, Pod, PodCube, PodSet, Symbol, Transport};
use crate::inventory::{InventoryWorkload, Match};
use crate::verify::Way;

/// The workloads of two programs' inventories.
pub(super) struct Inventoried<'p> {
    pub(super) policies: Policies<'p>,
    /// All of them, by what messages call them.
    known: BTreeMap<String, Known<'p>>,
}

/// A workload as each inventory has it; where one of them does not, as the other does.
struct Known<'p>([&'p InventoryWorkload; 2]);

impl<'p> Inventoried<'p> {
    /// Those of two programs.
    pub(super) fn new(policies: Policies<'p>) -> Self {
        let mut known: BTreeMap<String, Known<'_>> = BTreeMap::new();
        for own in &policies.base.inventory.workloads {
            known.insert(own.to_string(), Known([own, own]));
        }
        for own in &policies.head.inventory.workloads {
            known.entry(own.to_string()).and_modify(|Known([_, now])| *now = own).or_insert(Known([own, own]));
        }
        Self { policies, known }
    }

    /// Fills in the workloads that are concerned, and says which ones are not though they have such labels.
    pub(super) fn fill_in(&self, pair: &Pair<'_>, entry: &mut Entry) {
        let mut others = BTreeSet::new();
        let ends = [(&entry.source, Way::Egress), (&entry.destination, Way::Ingress)];
        [entry.callers, entry.called] = ends.map(|(peers, way)| self.concerned(pair, entry, (&peers.pods, way), &mut others));
        entry.remarks.extend(others);
    }

    /// Those of some pods of which an entry is true; the others are told.
    fn concerned(&self, pair: &Pair<'_>, entry: &Entry, (pods, way): (&PodSet, Way), others: &mut BTreeSet<String>) -> Vec<String> {
        if pods.cubes().iter().any(|cube| *cube == PodCube::all()) {
            return Vec::new();
        }
        let among = self.known.iter().filter(|(_, workload)| workload.may_be_among(pods));
        let is_meant = |workload: &Known<'_>| match workload.turn(self.policies) {
            None => true,
            Some([was, is]) if is_about_guards(entry) => (was == DataPlane::None) != (is == DataPlane::None),
            Some(planes) => changes(pair, &entry.example, way, &workload.pods(planes)),
        };
        let (meant, not_meant): (Vec<_>, Vec<_>) = among.partition(|(_, workload)| is_meant(workload));
        others.extend(not_meant.into_iter().map(|(name, workload)| format!("not of {name}, {}", workload.part(self.policies))));
        meant.into_iter().map(|(name, _)| name.clone()).collect()
    }
}

impl Known<'_> {
    fn may_be_among(&self, pods: &PodSet) -> bool {
        let holds = |cube: &PodCube| {
            self.0.iter().any(|own| {
                let has_place = cube.names().contains(Some(&own.namespace)) && cube.account.contains(Some(&own.account));
                has_place && own.matches(&cube.labels) != Match::No
            })
        };
        pods.cubes().iter().any(holds)
    }

    /// How it takes part in the mesh on each side.
    fn planes(&self, policies: Policies<'_>) -> [DataPlane; 2] {
        let Self([before, now]) = self;
        [plane_as_declared(policies.base, before), plane_as_declared(policies.head, now)]
    }

    /// The same, if that is not how classes of pods of its namespace are compared.
    fn turn(&self, policies: Policies<'_>) -> Option<[DataPlane; 2]> {
        let Self([before, now]) = self;
        let usual = [plane(policies, Which::Base, &before.namespace), plane(policies, Which::Head, &now.namespace)];
        Some(self.planes(policies)).filter(|own| *own != usual)
    }

    /// The same in words.
    fn part(&self, policies: Policies<'_>) -> &'static str {
        if self.planes(policies) == [DataPlane::None; 2] {
            return "which takes no part in the mesh";
        }
        "which takes part in the mesh otherwise than its namespace"
    }

    /// One of its pods, as each side has it.
    fn pods(&self, planes: [DataPlane; 2]) -> [Pod; 2] {
        let Self([before, now]) = self;
        let [was, is] = planes;
        let pod = |own: &InventoryWorkload, plane: DataPlane| Pod {
            namespace: Symbol::clone(&own.namespace),
            namespace_labels: Labels::new(),
            labels: own.labels.clone(),
            account: Symbol::clone(&own.account),
            plane,
        };
        [pod(before, was), pod(now, is)]
    }
}

/// Whether what passes has changed with these pods in the place of those that show it.
fn changes(pair: &Pair<'_>, example: &Example, way: Way, pods: &[Pod; 2]) -> bool {
    let [old, new] = pods;
    let of = |which: Which, shown: &Flow, pod: &Pod| access(pair, which, &with(pair, which, shown, (way, pod)));
    !of(Which::Base, &example.base, old).is_same(&of(Which::Head, &example.head, new))
}

/// A flow with a pod as its near end.
fn with(pair: &Pair<'_>, which: Which, flow: &Flow, (way, pod): (Way, &Pod)) -> Flow {
    let near = if way == Way::Egress { &flow.source } else { &flow.destination };
    let namespace_labels = match near {
        Peer::Pod(shown) if shown.namespace == pod.namespace => shown.namespace_labels.clone(),
        _ => Labels::new(),
    };
    let near = Peer::Pod(pair.placed(which, Pod { namespace_labels, ..pod.clone() }));
    match way {
        Way::Egress => Flow { source: near, ..flow.clone() },
        Way::Ingress => Flow { destination: near, ..flow.clone() },
    }
}

/// What a side lets pass of a flow, over each transport that its ends can speak.
fn access(pair: &Pair<'_>, which: Which, flow: &Flow) -> Access {
    let ends = [&flow.source, &flow.destination].map(|peer| Endpoint::from(peer.clone()));
    let [source, destination] = &ends;
    let judge = pair.side(which).judge();
    let said = |transport: Transport| {
        let flow = Flow { transport, ..flow.clone() };
        let at = |near: &Endpoint, far: &Endpoint, way: Way| match near.peer {
            Peer::Pod(_) => Said::from(&judge.end(near, way).verdict(&flow, far)),
            Peer::Address(_) => Said::Allowed,
        };
        vec![at(source, destination, Way::Egress).min(at(destination, source, Way::Ingress))]
    };
    let is_meshed = |end: &Endpoint| matches!(&end.peer, Peer::Pod(pod) if pod.plane != DataPlane::None);
    let mut access = Access::default();
    access.set(Transport::Plaintext, said(Transport::Plaintext));
    if ends.iter().all(is_meshed) {
        access.set(Transport::Mtls, said(Transport::Mtls));
    }
    access
}
