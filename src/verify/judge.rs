//! Whoever answers questions about flows: a program, or manifests.
//!
//! Owns: the two traits. Each end of a flow is judged alone; a flow passes where both ends let it.

use std::fmt::Debug;

use crate::cluster::Endpoint;
pub use crate::cluster::Way;
use crate::flow::{Cut, Flow, LabelTests, PodCube, Request, Symbol, Verdict};

/// Answers questions about flows, end by end.
pub trait Judge: Sync + Debug {
    /// By what it tells the pods of a namespace apart as the near end this way.
    fn subjects(&self, namespace: &str, way: Way) -> Vec<PodCube>;

    /// The same of pods in namespaces that nobody knows: as many as there may be of them, they are all told apart alike.
    fn subjects_elsewhere(&self, _way: Way) -> Vec<PodCube> {
        Vec::new()
    }

    /// The namespaces whose pods it may judge otherwise than those of a namespace that nobody knows, but for those that are compared.
    fn policed(&self) -> Vec<Symbol> {
        Vec::new()
    }

    /// One end of one pod.
    fn end<'j>(&'j self, pod: &'j Endpoint, way: Way) -> Box<dyn JudgedEnd + 'j>;

    /// By which labels it tells pods apart, everywhere; none if it cannot promise what [`LabelTests`] says. Then all classes of
    /// pods are tried, however many they are.
    fn label_tests(&self) -> Option<LabelTests> {
        None
    }

    /// Of how many tests of labels at most, of one of its pods, it is why a flow passes both ends: one at either end.
    fn tests_to_pass(&self) -> usize {
        2
    }

    /// Whether labels that a pod carries may be why it stops a flow. If not, a flow that it stops stays stopped when its pods lose
    /// any labels that [`LabelTests`] lets them lose.
    fn stops_by_labels(&self) -> bool {
        true
    }
}

/// One end of one pod, ready to be asked many times.
pub trait JudgedEnd {
    /// By what it tells flows apart; [`Cut`] says what that promises.
    fn cuts(&self) -> Vec<Cut>;

    /// Whether it lets a flow pass. `far` is the end of the flow that is not this one.
    fn verdict(&self, flow: &Flow, far: &Endpoint) -> Verdict;

    /// Whether it stops a flow, and all others that differ from it in nothing but the request. It may well say no though it does.
    fn refuses(&self, _flow: &Flow, _far: &Endpoint) -> bool {
        false
    }

    /// Whether the network gate by itself, and the mesh by itself, stop a flow; none where gates are not told apart.
    fn stops(&self, _flow: &Flow, _far: &Endpoint) -> Option<[bool; 2]> {
        None
    }

    /// Both at once: whether it lets a flow pass, and which gates stop it.
    fn judge(&self, flow: &Flow, far: &Endpoint) -> (Verdict, Option<[bool; 2]>) {
        (self.verdict(flow, far), self.stops(flow, far))
    }

    /// A number for each of these requests: flows that differ in nothing but requests of one number get the same answer, and are stopped
    /// by the same gates, whoever is the far end. None if it does not say.
    fn alike(&self, _requests: &[Option<Request>]) -> Option<Vec<usize>> {
        None
    }
}
