//! What nobody knows of connections that both their ends let pass.
//!
//! Owns: `Unheard`, which leaves them open where they arrive, part by part of the ports; and what becomes of calls by the tunnel of pods
//! that are in no mesh. Which ports these are is `cluster`'s, which tells `explain` the same.

use std::collections::BTreeMap;

use super::Reasons;
use super::bits::Bits;
use super::ends::{Asking, Ends, View, pod};
use super::waypoints::{Over, by_view};
use crate::cluster::{Addressed, ClientRule, Cluster, Endpoint, Silence, Way, WaypointCall};
use crate::flow::{DataPlane, PortSet, Protocol, Transport, Verdict};

const UNOPENED: &str =
    "no Gateway opens the port, so the gateway's proxy does not listen there, and whether anything else does is not known";
const NO_TUNNEL: &str = "it is the port of the tunnel, and whether the sidecar listens there is not known: nobody is in ambient mode";

/// What is not known of connections that reach a pod; nothing of those that leave one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Unheard {
    /// On which ports nobody listens who is known, and why.
    silent: Option<(PortSet, &'static str)>,
    /// On which ports sidecars refuse, or may refuse, to call it in plaintext, with the workloads whose sidecars do.
    refused: Vec<(PortSet, Bits)>,
    /// Whether it may be called by the tunnel, though it is in no mesh.
    is_tunnelled_to: bool,
}

/// Workloads by the ports on which their sidecars refuse to call what no Service names.
#[derive(Default)]
pub(super) struct Refusing(Vec<(PortSet, Bits)>);

impl Refusing {
    /// Of these workloads.
    pub(super) fn of(cluster: &Cluster) -> Self {
        let mut found: BTreeMap<PortSet, Vec<usize>> = BTreeMap::new();
        for (at, workload) in cluster.workloads().iter().enumerate() {
            found.entry(cluster.refused_unnamed(&workload.endpoint)).or_default().push(at);
        }
        found.remove(&PortSet::none());
        Self(found.into_iter().map(|(ports, at)| (ports, at.into_iter().collect())).collect())
    }

    /// The same for the ports of a pod on which they refuse to call it in plaintext. That hangs on who calls only by what rules tell clients.
    fn at(&self, cluster: &Cluster, subject: &Endpoint) -> Vec<(PortSet, Bits)> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let calls = cluster.told_calls(subject);
        let workloads = cluster.workloads();
        let mut told: BTreeMap<(usize, Vec<Option<ClientRule>>), Vec<usize>> = BTreeMap::new();
        for (class, (_, members)) in self.0.iter().enumerate() {
            for at in members.iter() {
                let Some(client) = workloads.get(at) else { continue };
                let rules = calls.iter().map(|call| cluster.client_rule(&client.endpoint, subject, &call.addressed)).collect();
                told.entry((class, rules)).or_default().push(at);
            }
        }
        let mut found: BTreeMap<PortSet, Vec<usize>> = BTreeMap::new();
        for members in told.into_values() {
            let Some(client) = members.first().and_then(|at| workloads.get(*at)) else { continue };
            found.entry(cluster.refused_in_plaintext(&client.endpoint, subject)).or_default().extend(members);
        }
        found.into_iter().map(|(ports, at)| (ports, at.into_iter().collect())).collect()
    }
}

impl Unheard {
    /// Of a pod's end.
    pub(super) fn of(cluster: &Cluster, subject: &Endpoint, way: Way, refusing: &Refusing) -> Self {
        if way == Way::Egress {
            return Self::default();
        }
        let words = |silence| match silence {
            Silence::Unopened => UNOPENED,
            Silence::NoTunnel => NO_TUNNEL,
        };
        Self {
            silent: cluster.unheard(subject).map(|unheard| (unheard.ports, words(unheard.silence))),
            refused: refusing.at(cluster, subject),
            is_tunnelled_to: cluster.may_be_tunnelled_to(subject),
        }
    }

    /// Workloads whose sidecars refuse the same.
    pub(super) fn classes(&self) -> impl Iterator<Item = &Bits> {
        self.refused.iter().map(|(_, workloads)| workloads)
    }

    /// The ports on which the sidecar of a far end refuses to call `subject`, of which this is, in plaintext.
    pub(super) fn refused(&self, cluster: &Cluster, far: &Endpoint, subject: &Endpoint) -> PortSet {
        if self.refused.is_empty() { PortSet::none() } else { cluster.refused_in_plaintext(far, subject) }
    }

    /// The ports of which it says different things to a far end that refuses these.
    pub(super) fn apart(&self, refused: PortSet) -> impl Iterator<Item = PortSet> {
        let silent = self.silent.iter().map(|(ports, _)| ports.clone());
        silent.chain(Some(refused).filter(|refused| !refused.is_empty()))
    }

    /// Why a connection of TCP is left open, if gates let it pass; who speaks mutual TLS calls some Service.
    fn reason(&self, refused: &PortSet, port: u16, transport: Transport) -> Option<&'static str> {
        if transport == Transport::Plaintext && refused.contains(Protocol::Tcp, port) {
            return Some(Cluster::UNNAMED);
        }
        self.silence(port)
    }

    /// Why nobody may listen on a port.
    fn silence(&self, port: u16) -> Option<&'static str> {
        self.silent.as_ref().filter(|(ports, _)| ports.contains(Protocol::Tcp, port)).map(|(_, reason)| *reason)
    }

    /// What becomes of a verdict of gates on a connection with a far end that refuses these ports.
    pub(super) fn settle(&self, refused: &PortSet, (protocol, port, transport): (Protocol, u16, Transport), verdict: Verdict) -> Verdict {
        if protocol != Protocol::Tcp || verdict != Verdict::Allowed {
            return verdict;
        }
        self.reason(refused, port, transport).map_or(verdict, |reason| Verdict::Unspecified(reason.to_owned()))
    }

    /// The same of a call of a Service.
    pub(super) fn settle_call(&self, port: u16, verdict: Verdict) -> Verdict {
        if verdict != Verdict::Allowed {
            return verdict;
        }
        self.silence(port).map_or(verdict, |reason| Verdict::Unspecified(reason.to_owned()))
    }
}

impl<'c> Asking<'c> {
    /// What may pass to a pod that is in no mesh and says that it listens for tunnels, group by group of the clients with sidecars: its end
    /// is asked about plaintext alone.
    pub(super) fn over_tunnel(
        &mut self,
        (destination, view): (&Endpoint, &View<'c>),
        clients: &Bits,
        egress: &Ends<'c>,
        reasons: Reasons,
    ) -> Vec<Over> {
        if !view.unheard.is_tunnelled_to {
            return Vec::new();
        }
        let workloads = self.cluster.workloads();
        let has_sidecar = |at: &usize| {
            let plane = workloads.get(*at).and_then(|workload| pod(&workload.endpoint)).map(|pod| pod.plane);
            plane == Some(DataPlane::Sidecar)
        };
        let clients: Bits = clients.iter().filter(has_sidecar).collect();
        let call = WaypointCall { addressed: Addressed::Unsaid, ports: None, waypoint: None, pod: None, cuts: Vec::new() };
        let mut found = Vec::new();
        for (group, _) in &view.groups {
            let samples = view.samples(&group.held);
            for members in by_view(&group.members.intersect(&clients), egress) {
                found.extend(self.asked(&call, (destination, view), members, &samples, reasons));
            }
        }
        found
    }
}
