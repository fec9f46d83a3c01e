//! Policies that select no pod that is known.
//!
//! Owns: `Cluster::idle_policies`. It must not say what a policy lets pass.

use std::collections::BTreeMap;

use super::{Cluster, Document, Endpoint, selector};
use crate::flow::Peer;

impl Cluster {
    /// Each `NetworkPolicy` that surely selects none of the workloads of its namespace, in the order of the text. Of a namespace without
    /// workloads nothing is known, so that no policy of it is among them.
    pub fn idle_policies(&self) -> Vec<Document> {
        let mut namespaces: BTreeMap<&str, Vec<&Endpoint>> = BTreeMap::new();
        for workload in self.workloads() {
            namespaces.entry(workload.namespace()).or_default().push(&workload.endpoint);
        }
        let policies = self.network.policies().filter(|policy| {
            let is_spared = |end: &&Endpoint| match &end.peer {
                Peer::Pod(pod) => selector::chooses(&policy.subject, pod, end).is_no(),
                Peer::Address(_) => true,
            };
            namespaces.get(&*policy.object.namespace).is_some_and(|pods| pods.iter().all(is_spared))
        });
        policies.map(|policy| policy.object.document(None)).collect()
    }
}
