//! Who can reach whom among the workloads of a cluster, as sets of ports.
//!
//! Owns: the question for all pairs at once, its answer as plain data, and how that is written. What a policy does is
//! `cluster`'s; nothing is judged here.
//!
//! A connection passes if the egress of its source and the ingress of its destination let it. So each end is asked on its own,
//! once for each group of far ends, ports and requests that it tells apart, and a pair's answer is what both its ends say.

mod answer;
mod apart;
mod bits;
mod ends;
mod groups;
mod idle;
mod members;
mod pairs;
mod reasons;
pub mod render;
mod requests;
mod selection;
mod told;
mod unheard;
mod waypoints;

use crate::cluster::{Assumption, Cluster, Workload};
use crate::flow::{AddressSet, DataPlane, Labels, Peer, Symbol};

pub use answer::{Doubt, Passage, Transports};
pub use idle::idle;
pub use requests::{Choice, HeaderTest, Pattern, Region, RequestKind, Requests, TokenPattern, WordPattern};
pub use selection::{Selection, WorkloadName, WorkloadNameError};

/// What is to be listed.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Sources; none for everybody.
    pub from: Option<Selection>,
    /// Destinations; none for everybody.
    pub to: Option<Selection>,
    /// Which pairs.
    pub scope: Scope,
    /// Whether each passage names the documents and rules that let it.
    pub reasons: Reasons,
}

/// Which pairs are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// All of them.
    #[default]
    All,
    /// Those with addresses outside the cluster at one end.
    Outside,
}

/// Whether each passage names the documents and rules that let it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reasons {
    /// It does not, which is faster.
    #[default]
    Omitted,
    /// It does.
    Named,
}

/// Who can reach whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// The workloads that were asked for, by namespace, kind and name, whether anybody reaches them or not.
    pub peers: Vec<ListedPeer>,
    /// The addresses that are no pod's, as far as that is known.
    pub space: AddressSet,
    /// Those sets of them that rows name.
    pub outside: Vec<AddressSet>,
    /// What passes between pairs; pairs between which the same passes share one.
    pub answers: Vec<Vec<Passage>>,
    /// A row for each pair between which anything passes; by source, then destination.
    pub rows: Vec<Row>,
    /// What is taken for granted of the platform, as it would leave a row open between all.
    pub assumptions: Vec<Assumption>,
    /// What passes or not as the platform pleases, for many pairs at once. Nothing passes that is in no row of either list.
    pub doubts: Vec<DoubtRow>,
}

/// A workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPeer {
    /// What rows call it: `shop/web[Deployment]`. Pods of one owner that policies tell apart also have the labels in which they
    /// differ: `shop/web[Deployment]{track=canary}`.
    pub title: String,
    /// Its namespace.
    pub namespace: Symbol,
    /// Its kind.
    pub kind: Symbol,
    /// Its name.
    pub name: Symbol,
    /// The labels of its pods.
    pub labels: Labels,
    /// The service account of its pods.
    pub account: Symbol,
    /// How its pods take part in the mesh.
    pub plane: DataPlane,
}

/// What passes from one peer to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Who connects.
    pub source: Side,
    /// To whom.
    pub destination: Side,
    /// What passes, by its place in [`Listing::answers`].
    pub answer: usize,
}

/// Connections of which nobody knows whether they pass: from each of some peers to each of others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DoubtRow {
    /// Who connects.
    pub sources: Party,
    /// To whom.
    pub destinations: Party,
    /// Which connections, and why nobody knows.
    pub doubt: Doubt,
}

/// One side of connections of which nobody knows whether they pass.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// Workloads, by their places in [`Listing::peers`], ascending.
    Peers(Vec<usize>),
    /// Addresses, by their place in [`Listing::outside`].
    Outside(usize),
}

/// One side of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// A workload, by its place in [`Listing::peers`].
    Peer(usize),
    /// Addresses, by their place in [`Listing::outside`].
    Outside(usize),
}

/// Lists who can reach whom.
///
/// Where nobody said whether the network plugin judges SCTP and no policy speaks of it, it is taken to do so: else there were a doubt
/// about every pod that a policy isolates.
pub fn list(cluster: &Cluster, options: &Options) -> Listing {
    if !Cluster::leave_sctp_open(&[cluster]) {
        return pairs::Pairs::new(cluster, options).list();
    }
    let judging = cluster.clone().with_sctp_judged();
    let mut listing = pairs::Pairs::new(&judging, options).list();
    listing.assumptions.push(Assumption::Sctp);
    listing
}

impl Listing {
    /// What passes in a row.
    pub fn passages(&self, row: &Row) -> &[Passage] {
        self.answers.get(row.answer).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The workloads as rows show them.
fn peers(workloads: &[Workload]) -> Vec<ListedPeer> {
    let mut peers: Vec<ListedPeer> = workloads.iter().filter_map(peer).collect();
    let mut start = 0;
    while let Some(first) = peers.get(start) {
        let title = first.title.clone();
        let length = peers.iter().skip(start).take_while(|peer| peer.title == title).count();
        if length > 1
            && let Some(alike) = peers.get_mut(start..start + length)
        {
            tell_apart(alike);
        }
        start += length;
    }
    peers
}

fn peer(workload: &Workload) -> Option<ListedPeer> {
    let Peer::Pod(pod) = &workload.endpoint.peer else { return None };
    Some(ListedPeer {
        title: format!("{}/{}[{}]", pod.namespace, workload.name, workload.kind),
        namespace: Symbol::clone(&pod.namespace),
        kind: Symbol::clone(&workload.kind),
        name: Symbol::clone(&workload.name),
        labels: pod.labels.clone(),
        account: Symbol::clone(&pod.account),
        plane: pod.plane,
    })
}

/// Adds to titles that are the same the labels in which their pods differ.
fn tell_apart(alike: &mut [ListedPeer]) {
    let keys: std::collections::BTreeSet<Symbol> = alike.iter().flat_map(|peer| peer.labels.keys().cloned()).collect();
    let value = |peer: &ListedPeer, key: &Symbol| peer.labels.get(key).cloned();
    let differs = |key: &Symbol| alike.windows(2).any(|pair| matches!(pair, [left, right] if value(left, key) != value(right, key)));
    let keys: Vec<Symbol> = keys.into_iter().filter(differs).collect();
    for peer in alike.iter_mut() {
        let own: Vec<String> = keys.iter().filter_map(|key| Some(format!("{key}={}", value(peer, key)?))).collect();
        peer.title = format!("{}{{{}}}", peer.title, own.join(","));
    }
}
