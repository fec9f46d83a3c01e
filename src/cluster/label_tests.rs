//! By which labels a cluster tells pods apart.
//!
//! Owns: `Cluster::label_tests`, which keeps the promise of [`LabelTests`] for the answers of every [`super::End`], and
//! `Cluster::selectors`, by which pods are told apart at their own end. It must know exactly which labels of pods are looked at, and
//! what each test does to an answer.

use std::collections::BTreeSet;

use super::unmodelled::Unmodelled;
use super::{Cluster, Way};
use crate::flow::{LabelCube, LabelTests, TestRole};

impl Cluster {
    /// The selectors by which a cluster tells pods of a namespace apart at their own end of connections this way; each once, in order.
    /// One that selects every pod tells nothing apart and is among them if it is there.
    ///
    /// Two pods that differ in nothing but labels, and that the same selectors choose, get the same answers of [`super::End::decide`]. On
    /// egress that is the network gate and what is not modelled: what the mesh says of a connection it says where that arrives, a
    /// `DestinationRule` is in no answer of an end, and which calls of addresses may go over a waypoint hangs on the data plane.
    pub fn selectors(&self, namespace: &str, way: Way) -> Vec<LabelCube> {
        let network = self.network.subjects(namespace, way).chain(self.unmodelled.selectors(namespace, way)).cloned();
        let mut all: BTreeSet<LabelCube> = network.collect();
        if way == Way::Ingress {
            all.extend(self.mesh.selectors(namespace));
        }
        all.into_iter().collect()
    }

    /// The selectors of both ways; each once, in order.
    pub fn all_selectors(&self, namespace: &str) -> Vec<LabelCube> {
        let both = [Way::Ingress, Way::Egress].into_iter().flat_map(|way| self.selectors(namespace, way));
        both.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Every test of pods' labels by which any object tells pods apart, at either end, by the namespaces of these pods.
    ///
    /// The promise of [`LabelTests`] is for what [`super::End::decide`] answers about pods all of whose labels are known: that it is allowed,
    /// denied or unspecified. The reason of what is unspecified may be another one among several. The calls of
    /// [`Cluster::waypoint_calls`] and [`Cluster::told_calls`] stay the same, too, where objects of the manifests name the waypoints.
    ///
    /// # Why it holds
    /// What a label rests by passes no test of its key, so that of pods whose labels rest fewer tests hold and none that did not; a
    /// test among the others that did not hold a pod thus does not come to. Where what is looked at is not just whether a test holds, as in
    /// the labels that name a waypoint, any value passes the test, and a label rests by its absence alone.
    /// *Passing*: one `NetworkPolicy` that selects the near pod and a peer of it that holds the far one, if any policy isolates; one ALLOW
    /// rule of one policy, if any is there. *Stopped*: one policy that isolates, or one DENY, or one ALLOW that is for others.
    /// *Left open*: one `NetworkPolicy` that permits, surely or perhaps, and one ALLOW that does; a DENY that leaves something open would be
    /// the third, and stands among the others, as does whatever is not modelled. What rules let pass only together, whatever labels a
    /// namespace has, needs one test at either end, too (`network`'s `cases`).
    ///
    /// A policy that isolates egress and a peer that rules let in are met by pods that call; one that isolates ingress and a peer that
    /// rules let out to, by those that are called. What a port is taken for follows from the Service that declares it as plain
    /// connections and one that declares it otherwise, or from none; a request whose method is not upper case, which proxies refuse
    /// wherever they see it, is left aside. The mesh asks for the labels of the pod that is called alone, and at its own end.
    ///
    /// # Whose pods a test is of
    /// A selector chooses pods of its object's own namespace, one of an object of the mesh's root namespace those of any
    /// (`semantics.md` §2.1), a peer those of the namespaces that it names. A peer that finds namespaces by other labels is a test of
    /// all: labels of a namespace may not be known, and then it is left open whether it holds.
    ///
    /// # What is looked at
    /// `selector::chooses` and the index of `network`: the selectors of `NetworkPolicy`. `Ends::hold`: objects that are not modelled, by
    /// what they say of their pods; those that may look at labels in other ways leave open all that they may touch, whatever its
    /// labels. The mesh names its own places. Which plane a pod is of is read from manifests' labels once, and a fact of the pod
    /// after that, as is which pods of one owner are one workload.
    pub fn label_tests(&self) -> LabelTests {
        let mut tests = LabelTests::default();
        for (role, way) in [(TestRole::Source, Way::Egress), (TestRole::Destination, Way::Ingress)] {
            self.network.label_tests(way).for_each(|(names, test)| tests.add(role, &names, test.clone()));
        }
        for pods in self.unmodelled.iter().filter_map(Unmodelled::pods) {
            tests.add(TestRole::Other, pods.names(), pods.labels.clone());
        }
        self.mesh.add_label_tests(&mut tests);
        tests
    }
}

#[cfg(test)]
mod tests;
