//! Counterexamples in words, with those labels of namespaces that decide and that nobody could look up.
//!
//! Owns: `Telling`. Which flows are told is not asked here.

use std::collections::BTreeSet;

use super::besides::besides;
use super::judge::{Judge, Way};
use super::manifests::Manifests;
use super::program::Program;
use super::proof::names;
use super::words::{by_name, flow_in};
use crate::cluster::{Cluster, Endpoint};
use crate::flow::{Flow, LabelCube, NAMESPACE_NAME, Peer, Pod, PodCube, Symbol, Values};
use crate::ir::{Namespace, Policy};

/// How flows between a program and manifests are told. A flow of a namespace that neither describes stands for one with just the labels that
/// it has there: without them nobody could see why it is decided so.
#[derive(Debug)]
pub struct Telling<'a> {
    policy: &'a Policy,
    cluster: &'a Cluster,
    program: Program<'a>,
    manifests: Manifests<'a>,
}

impl<'a> Telling<'a> {
    /// Flows between a program and manifests.
    pub fn new(policy: &'a Policy, cluster: &'a Cluster) -> Self {
        Self { policy, cluster, program: Program::new(policy), manifests: Manifests::new(cluster, names(policy).alone()) }
    }

    /// A flow, as [`super::flow_words`] has it: `app=web@[kubernetes.io/metadata.name=other,team=x] -> app=db@shop:5432 over mTLS`.
    pub fn flow(&self, flow: &Flow) -> String {
        self.flow_lacking(flow, &[BTreeSet::new(), BTreeSet::new()])
    }

    /// The same, with these labels of source and destination that they lack.
    pub fn flow_lacking(&self, flow: &Flow, lacking: &[BTreeSet<Symbol>; 2]) -> String {
        let other = |pod: &Pod| match &flow.source {
            Peer::Pod(source) if source == pod => (&flow.destination, Way::Ingress),
            _ => (&flow.source, Way::Egress),
        };
        let namespace = |pod: &Pod| {
            let (peer, way) = other(pod);
            self.namespace(pod, peer, way)
        };
        flow_in(flow, &namespace, lacking)
    }

    /// The pods of one end of a flow that its words stand for besides the one that is there.
    pub fn besides(&self, flow: &Flow, way: Way) -> Vec<(Symbol, Pod)> {
        besides((&self.manifests, self.cluster, self.policy), flow, way)
    }

    /// The name of a pod's namespace and its labels that the other end looks at, unless they can be looked up.
    fn namespace(&self, pod: &Pod, other: &Peer, way: Way) -> LabelCube {
        if self.policy.namespace(&pod.namespace).is_some_and(Namespace::is_managed) {
            return by_name(pod);
        }
        let keys = self.looked_at(pod, other, way);
        let has = |key: &Symbol| pod.namespace_labels.get(key);
        let described = self.cluster.namespace_labels(&pod.namespace);
        if described.is_some_and(|labels| keys.iter().all(|key| labels.get(key) == has(key))) {
            return by_name(pod);
        }
        let value = |key: &Symbol| has(key).map_or_else(Values::absent, |value| Values::one(value.clone()));
        keys.iter().fold(by_name(pod), |cube, key| cube.with(key.clone(), value(key)))
    }

    /// The labels of a pod's namespace, but for its name, by which the other end tells it from pods that are like it otherwise.
    fn looked_at(&self, pod: &Pod, other: &Peer, way: Way) -> BTreeSet<Symbol> {
        let other = Endpoint::from(other.clone());
        let judges: [&dyn Judge; 2] = [&self.program, &self.manifests];
        let cuts = judges.into_iter().flat_map(|judge| judge.end(&other, way).cuts());
        let cubes = cuts.flat_map(|cut| cut.peers.pods.cubes().to_vec()).filter(|cube| holds_but_for_labels(cube, pod));
        let mut keys: BTreeSet<Symbol> =
            cubes.flat_map(|cube| cube.namespace.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>()).collect();
        keys.remove(NAMESPACE_NAME);
        keys
    }
}

/// Whether a cube would hold a pod if its namespace had other labels, but for the name.
fn holds_but_for_labels(cube: &PodCube, pod: &Pod) -> bool {
    cube.labels.contains(&pod.labels) && cube.account.contains(Some(&pod.account)) && cube.names().contains(Some(&pod.namespace))
}
