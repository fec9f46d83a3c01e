//! What policies of namespaces that a program does not manage stop of what it lets through.
//!
//! Owns: the comparison at their ends. A program says nothing of them, so what is found there is no difference.

use std::collections::BTreeSet;

use super::accepting::Accepting;
use super::compare::{Bench, Comparison, Difference, RuledOut, compare};
use super::granted::Granted;
use super::judge::Way;
use super::labels::Worlds;
use super::proof::Written;
use super::world::PolicyWorld;
use crate::cluster::Cluster;
use crate::flow::{
    AddressSet, Cut, Flow, LabelCube, NAMESPACE_NAME, Peer, Peers, PodCube, PodSet, PortSet, RequestSamples, Symbol, Values, Verdict,
};
use crate::gates::Gates;
use crate::ir::{Namespace, Policy};

/// What is stopped at the ends of others.
#[derive(Debug, Clone, Default)]
pub struct Elsewhere {
    /// Flows that a program lets through, one for each class, and a policy of another namespace does not.
    pub stopped: Vec<Difference>,
    /// Whether these are all, but for more of the same kind.
    pub is_complete: bool,
}

/// Looks for what policies of other namespaces stop.
pub fn stopped_elsewhere(policy: &Policy, gates: &Gates, cluster: &Cluster) -> Elsewhere {
    let is_managed = |name: &Symbol| policy.namespace(name).is_some_and(Namespace::is_managed);
    let others: Vec<Symbol> = cluster.policed().into_iter().filter(|name| !is_managed(name)).collect();
    if others.is_empty() {
        return Elsewhere { stopped: Vec::new(), is_complete: true };
    }
    let accepting = Accepting::new(policy, gates);
    let written = Written::beside(&accepting, cluster);
    let world = PolicyWorld::new(policy);
    let managed = policy.managed().map(|namespace| Symbol::clone(&namespace.name)).collect();
    let ours = Ours { granted: Granted::new(policy, gates), managed };
    let bench = Bench { left: accepting.program(), right: &written, worlds: Worlds::both(&world), ruled_out: &ours };
    let Comparison { differences, incomplete, .. } = compare(bench, &others);
    let is_stopped = |difference: &Difference| difference.left == Verdict::Allowed && difference.right == Verdict::Denied;
    Elsewhere { stopped: differences.into_iter().filter(is_stopped).collect(), is_complete: incomplete.is_empty() }
}

/// That only flows from or to the pods of a program count, and what its proof takes for granted.
#[derive(Debug)]
struct Ours<'a> {
    granted: Granted<'a>,
    managed: BTreeSet<Symbol>,
}

impl Ours<'_> {
    fn joins(&self, flow: &Flow) -> bool {
        [&flow.source, &flow.destination].into_iter().any(|peer| matches!(peer, Peer::Pod(pod) if self.managed.contains(&pod.namespace)))
    }
}

impl RuledOut for Ours<'_> {
    fn rules_out(&self, flow: &Flow) -> bool {
        !self.joins(flow) || self.granted.rules_out(flow)
    }

    fn rules_out_all(&self, flow: &Flow) -> bool {
        !self.joins(flow) || self.granted.rules_out_all(flow)
    }

    fn cuts(&self, way: Way) -> Vec<Cut> {
        let inside = LabelCube::of(NAMESPACE_NAME.into(), Values::of(self.managed.iter().cloned()));
        let pods = PodSet::from(PodCube { namespace: inside, ..PodCube::all() });
        let peers = Peers { pods, addresses: AddressSet::none() };
        let mut cuts = self.granted.cuts(way);
        cuts.push(Cut { peers, ports: PortSet::all(), requests: RequestSamples::default() });
        cuts
    }
}
