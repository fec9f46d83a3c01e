//! What is stopped, or may be, in namespaces that a program does not manage, of what it lets through.
//!
//! Owns: the comparison at their ends. A program says nothing of them, so what is found there is no difference.

use std::collections::BTreeSet;

use super::accepting::Accepting;
use super::compare::{Bench, Comparison, Difference, RuledOut, compare};
use super::granted::Granted;
use super::judge::{Judge, Way};
use super::labels::Worlds;
use super::meshed::kept_out;
use super::proof::Written;
use super::shown::Shown;
use super::world::PolicyWorld;
use crate::classes::fresh_word;
use crate::cluster::{Cluster, Endpoint};
use crate::flow::{
    AddressSet, Cut, Flow, LabelCube, NAMESPACE_NAME, Peer, Peers, PodCube, PodSet, PortSet, RequestSamples, Symbol, Values, Verdict,
};
use crate::gates::Gates;
use crate::ir::{End, Namespace, Policy, Rule};

/// What is stopped at the ends of others.
#[derive(Debug, Clone, Default)]
pub struct Elsewhere {
    /// Flows that a program lets through, one for each class, and a policy of another namespace does not.
    pub stopped: Vec<Difference>,
    /// Flows that a program lets through, and of which it is left open whether they pass the end of another namespace.
    pub open: Vec<Difference>,
    /// Whether these are all, but for more of the same kind.
    pub is_complete: bool,
}

/// Looks for what policies of other namespaces stop, and for what objects that are not modelled may stop there.
pub fn stopped_elsewhere(policy: &Policy, gates: &Gates, cluster: &Cluster) -> Elsewhere {
    let others = looked_at(policy, cluster);
    if others.is_empty() {
        return Elsewhere { is_complete: true, ..Elsewhere::default() };
    }
    let accepting = Accepting::new(policy, gates);
    let written = Written::beside(&accepting, cluster);
    let right = Shown::judge(&written, cluster);
    let world = PolicyWorld::new(policy).without_sidecars(kept_out(policy, cluster));
    let managed = policy.managed().map(|namespace| Symbol::clone(&namespace.name)).collect();
    let ours = Ours { granted: Granted::new(policy, gates), managed };
    let bench = Bench { left: accepting.program(), right: &right, worlds: Worlds::both(&world), ruled_out: &ours };
    let Comparison { differences, incomplete, .. } = compare(bench, &others);
    let mut found = Elsewhere { is_complete: incomplete.is_empty(), ..Elsewhere::default() };
    for difference in differences.into_iter().filter(|difference| difference.left == Verdict::Allowed) {
        match difference.right {
            Verdict::Denied => found.stopped.push(difference),
            Verdict::Unspecified(_) if lets_through(accepting.program(), &difference.flow) => found.open.push(difference),
            _ => {}
        }
    }
    found
}

/// The namespaces of others at whose ends something may be stopped: those in which policies stand and, as what is not modelled may act
/// anywhere, all that somebody names and one that nobody does.
fn looked_at(policy: &Policy, cluster: &Cluster) -> Vec<Symbol> {
    let mut others = cluster.policed();
    if !cluster.is_modelled() {
        others.extend(cluster.namespaces());
        others.extend(policy.namespaces.keys().cloned());
        others.extend(spoken_of(policy));
        others.insert(fresh_word(others.iter().map(|name| &**name)));
    }
    others.retain(|name| !policy.namespace(name).is_some_and(Namespace::is_managed));
    others.into_iter().collect()
}

/// The namespaces that rules and the baselines of managed namespaces name.
fn spoken_of(policy: &Policy) -> BTreeSet<Symbol> {
    let rules = policy.rules.iter().flat_map(Rule::ends);
    let baselines = policy.managed().flat_map(|namespace| policy.baseline(namespace)).map(|entry| entry.peers);
    let peers = rules.map(End::peers).chain(baselines);
    peers.flat_map(|peers| peers.pods.cubes().iter().flat_map(|cube| cube.names().words().to_vec()).collect::<Vec<_>>()).collect()
}

/// Whether a program lets a flow through at both ends: what is left open was looked for among what the manifests let through.
fn lets_through(program: &dyn Judge, flow: &Flow) -> bool {
    let [source, destination] = [&flow.source, &flow.destination].map(|peer| Endpoint::from(peer.clone()));
    let passes = |own: &Endpoint, way: Way, far: &Endpoint| program.end(own, way).verdict(flow, far) == Verdict::Allowed;
    passes(&source, Way::Egress, &destination) && passes(&destination, Way::Ingress, &source)
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
