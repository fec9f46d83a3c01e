//! Whether an end's cuts keep their promise: flows that no cut tells apart have the same answer.
//!
//! Owns: that check, on the flows of real cases. It knows of no policy.

use std::collections::BTreeMap;

use twogate::cluster::{End as ClusterEnd, Names};
use twogate::flow::{Cut, DataPlane, Transport, Verdict};

use super::expectation::Claim;
use super::world::End;

/// The cuts of one end, and what it said of each class so far.
#[derive(Debug)]
pub(super) struct Promise {
    cuts: Vec<Cut>,
    /// By far end: the cuts that hold it.
    holding: BTreeMap<usize, Vec<usize>>,
    said: BTreeMap<Class, Verdict>,
}

/// Everything that an answer may hang on: the transport, the far pod's plane, the cuts that hold the far end with whether they
/// hold the port, and the request. Requests are compared whole, which is finer than the promise.
type Class = (Transport, Option<DataPlane>, Vec<(usize, bool)>, Option<(String, String)>);

impl Promise {
    /// Of an end.
    pub(super) fn of(end: &ClusterEnd<'_>) -> Self {
        Self { cuts: end.cuts(&Names::default()), holding: BTreeMap::new(), said: BTreeMap::new() }
    }

    /// Whether this answer is the one that an earlier flow of the same class had.
    pub(super) fn is_kept(&mut self, claim: &Claim, (index, far): (usize, &End), transport: Transport, verdict: &Verdict) -> bool {
        let cuts = &self.cuts;
        let holding = self
            .holding
            .entry(index)
            .or_insert_with(|| (0..cuts.len()).filter(|cut| cuts[*cut].peers.contains(&far.endpoint.peer)).collect());
        let ports = holding.iter().map(|cut| (*cut, cuts[*cut].ports.contains(claim.protocol, claim.port))).collect();
        let class = (transport, far.as_pod().map(|pod| pod.plane), ports, claim.request.clone());
        self.said.entry(class).or_insert_with(|| verdict.clone()) == verdict
    }
}
