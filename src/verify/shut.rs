//! Whether anybody gets in at ports that a pod keeps from its sidecar.
//!
//! Owns: `is_shut`, which asks the manifests alone, over all callers that could exist. It must not know what a program says of them.

use super::judge::Way;
use crate::classes::{World, far_classes, port_classes};
use crate::cluster::{Cluster, Endpoint, Names};
use crate::flow::{Cut, Peers, PortSet, Protocol, RequestSamples, Transport, Verdict};

/// Whether these TCP ports of a workload let nobody in, by any transport. What is left open lets somebody in.
pub(super) fn is_shut(cluster: &Cluster, names: &Names, world: &dyn World, workload: &Endpoint, ports: &PortSet) -> bool {
    let end = cluster.end(workload, Way::Ingress);
    let mut cuts = end.cuts(names);
    // The ports themselves are told from all others.
    cuts.push(Cut { peers: Peers::all(), ports: ports.clone(), requests: RequestSamples::default() });
    let Ok(callers) = far_classes(&cuts, world) else { return false };
    callers.into_iter().all(|caller| {
        let asked = port_classes(&cuts, &caller.cuts).into_iter().filter(|class| ports.contains(class.protocol, class.example));
        let far = Endpoint::from(caller.example);
        let mut flows = asked.flat_map(|class| [Transport::Plaintext, Transport::Mtls].map(|transport| (class.example, transport)));
        flows.all(|(port, transport)| end.decide(&far, Protocol::Tcp, port, transport, None) == Verdict::Denied)
    })
}
