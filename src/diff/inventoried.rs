//! The workloads of the inventories that an entry of two programs is about.
//!
//! Owns: `Inventoried`. An entry is about pods of some labels, as their namespace makes them take part in the mesh. Of a workload that does so
//! otherwise it is true only if what passes from or to it has changed, too.

use std::collections::{BTreeMap, BTreeSet};

use super::access::{Access, Turn, turns};
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
struct Known<'p> {
    sides: [&'p InventoryWorkload; 2],
    /// How it takes part in the mesh on each side.
    planes: [DataPlane; 2],
}

impl<'p> Inventoried<'p> {
    /// Those of two programs.
    pub(super) fn new(policies: Policies<'p>) -> Self {
        let mut sides: BTreeMap<String, [&InventoryWorkload; 2]> = BTreeMap::new();
        for own in &policies.base.inventory.workloads {
            sides.insert(own.to_string(), [own, own]);
        }
        for own in &policies.head.inventory.workloads {
            sides.entry(own.to_string()).and_modify(|[_, now]| *now = own).or_insert([own, own]);
        }
        let known = |(name, [before, now]): (String, [&'p InventoryWorkload; 2])| {
            let planes = [plane_as_declared(policies.base, before), plane_as_declared(policies.head, now)];
            (name, Known { sides: [before, now], planes })
        };
        Self { policies, known: sides.into_iter().map(known).collect() }
    }

    /// Fills in the workloads that are concerned, and says which ones are not though they have such labels.
    pub(super) fn fill_in(&self, pair: &Pair<'_>, entry: &mut Entry) {
        let mut others = Others::new();
        let ends = [(&entry.source, Way::Egress), (&entry.destination, Way::Ingress)];
        [entry.callers, entry.called] = ends.map(|(peers, way)| self.concerned(pair, entry, (&peers.pods, way), &mut others));
        entry.remarks.extend(others.into_iter().map(|(part, names)| not_of(&names, part)));
    }

    /// Those of some pods of which an entry is true; the others are told.
    fn concerned(&self, pair: &Pair<'_>, entry: &Entry, (pods, way): (&PodSet, Way), others: &mut Others) -> Vec<String> {
        if pods.cubes().iter().any(|cube| *cube == PodCube::all()) {
            return Vec::new();
        }
        let among = self.known.iter().filter(|(_, workload)| workload.may_be_among(pods));
        let (meant, not_meant): (Vec<_>, Vec<_>) = among.partition(|(_, workload)| self.is_true_of(pair, entry, way, workload));
        for (name, workload) in not_meant {
            others.entry(workload.part()).or_default().insert(name.clone());
        }
        meant.into_iter().map(|(name, _)| name.clone()).collect()
    }

    /// Whether an entry is true of a workload that has the labels of those whom it is about.
    fn is_true_of(&self, pair: &Pair<'_>, entry: &Entry, way: Way, workload: &Known<'_>) -> bool {
        let planes = self.planes_shown(&entry.example, way, workload);
        if workload.planes == planes {
            return true;
        }
        if is_about_guards(entry) {
            let [was, is] = workload.planes;
            return (was == DataPlane::None) != (is == DataPlane::None);
        }
        let Example { base, head } = &entry.example;
        let shown = change(pair, [base, head]);
        let pods = workload.pods();
        let [old, new] = [(Which::Base, base), (Which::Head, head)].map(|(which, flow)| with(pair, which, flow, (way, &pods)));
        !shown.is_empty() && change(pair, [&old, &new]) == shown
    }

    /// How those take part in the mesh who show an entry; where addresses do, pods of a workload's namespace of which nothing more is said.
    fn planes_shown(&self, example: &Example, way: Way, workload: &Known<'_>) -> [DataPlane; 2] {
        let [before, now] = workload.sides;
        let of = |which: Which, flow: &Flow, own: &InventoryWorkload| match near(flow, way) {
            Peer::Pod(pod) => pod.plane,
            Peer::Address(_) => plane(self.policies, which, &own.namespace),
        };
        [of(Which::Base, &example.base, before), of(Which::Head, &example.head, now)]
    }
}

impl Known<'_> {
    fn may_be_among(&self, pods: &PodSet) -> bool {
        let holds = |cube: &PodCube| {
            self.sides.iter().any(|own| {
                let has_place = cube.names().contains(Some(&own.namespace)) && cube.account.contains(Some(&own.account));
                has_place && own.matches(&cube.labels) != Match::No
            })
        };
        pods.cubes().iter().any(holds)
    }

    /// How it takes part in the mesh, in words.
    fn part(&self) -> &'static str {
        match self.planes {
            [DataPlane::None, DataPlane::None] => "outside of the mesh",
            [DataPlane::None, _] => "outside of the mesh before",
            [_, DataPlane::None] => "outside of the mesh now",
            _ => "in the mesh",
        }
    }

    /// One of its pods, as each side has it.
    fn pods(&self) -> [Pod; 2] {
        let ([before, now], [was, is]) = (self.sides, self.planes);
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

/// The workloads of which an entry is not true, by how they take part in the mesh.
type Others = BTreeMap<&'static str, BTreeSet<String>>;

/// So many are named.
const NAMED: usize = 6;

/// That an entry is not true of some workloads.
fn not_of(names: &BTreeSet<String>, part: &str) -> String {
    let list: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    match names.len().saturating_sub(NAMED) {
        0 => format!("not of {}: {part}", list.join(", ")),
        more => format!("not of {} and {more} more: {part}", list.join(", ")),
    }
}

/// What has become of a flow, with its ends as each side has them.
fn change(pair: &Pair<'_>, [old, new]: [&Flow; 2]) -> BTreeSet<Turn> {
    turns(&access(pair, Which::Base, old), &access(pair, Which::Head, new), &[])
}

const fn near(flow: &Flow, way: Way) -> &Peer {
    match way {
        Way::Egress => &flow.source,
        Way::Ingress => &flow.destination,
    }
}

/// A flow of one side with a pod as its near end.
fn with(pair: &Pair<'_>, which: Which, flow: &Flow, (way, [before, now]): (Way, &[Pod; 2])) -> Flow {
    let pod = if which == Which::Base { before } else { now };
    let namespace_labels = match near(flow, way) {
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
