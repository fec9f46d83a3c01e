//! What nobody knows of connections that both their ends let pass.
//!
//! Owns: `Unheard`, which leaves them open where they arrive, part by part of the ports; and what becomes of calls by the tunnel of pods
//! that are in no mesh. Which ports these are is `cluster`'s, which tells `explain` the same.

use std::collections::BTreeMap;

use super::Reasons;
use super::bits::Bits;
use super::ends::{Asking, Ends, View, pod};
use super::waypoints::{Over, by_view};
use crate::cluster::{Addressed, Cluster, Endpoint, Silence, Way, WaypointCall};
use crate::flow::{DataPlane, PortSet, Protocol, Transport, Verdict};

const UNOPENED: &str =
    "no Gateway opens the port, so the gateway's proxy does not listen there, and whether anything else does is not known";
const NO_TUNNEL: &str = "it is the port of the tunnel, and whether the sidecar listens there is not known: nobody is in ambient mode";

/// What is not known of connections that reach a pod; nothing of those that leave one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Unheard {
    /// On which ports nobody listens who is known, and why.
    silent: Option<(PortSet, &'static str)>,
    /// To which no Service leads; none where no sidecar minds.
    unnamed: PortSet,
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

    /// Whether none does.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that refuse the same.
    pub(super) fn classes(&self) -> impl Iterator<Item = &Bits> {
        self.0.iter().map(|(_, workloads)| workloads)
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
            unnamed: if refusing.is_empty() { PortSet::none() } else { cluster.unnamed_ports(subject) },
            is_tunnelled_to: cluster.may_be_tunnelled_to(subject),
        }
    }

    /// The ports of which it says different things to a far end.
    pub(super) fn apart(&self, cluster: &Cluster, far: &Endpoint) -> impl Iterator<Item = PortSet> {
        let silent = self.silent.iter().map(|(ports, _)| ports.clone());
        let refused = (!self.unnamed.is_empty()).then(|| self.unnamed.intersect(&cluster.refused_unnamed(far)));
        silent.chain(refused.filter(|refused| !refused.is_empty()))
    }

    /// Why a connection of TCP is left open, if gates let it pass; who speaks mutual TLS calls some Service.
    fn reason(&self, cluster: &Cluster, far: &Endpoint, port: u16, transport: Transport) -> Option<&'static str> {
        let holds = |ports: &PortSet| ports.contains(Protocol::Tcp, port);
        let is_unnamed = transport == Transport::Plaintext && holds(&self.unnamed);
        if is_unnamed && holds(&cluster.refused_unnamed(far)) {
            return Some(Cluster::UNNAMED);
        }
        self.silence(port)
    }

    /// Why nobody may listen on a port.
    fn silence(&self, port: u16) -> Option<&'static str> {
        self.silent.as_ref().filter(|(ports, _)| ports.contains(Protocol::Tcp, port)).map(|(_, reason)| *reason)
    }

    /// What becomes of a verdict of gates on a connection.
    pub(super) fn settle(
        &self,
        cluster: &Cluster,
        far: &Endpoint,
        (protocol, port, transport): (Protocol, u16, Transport),
        verdict: Verdict,
    ) -> Verdict {
        if protocol != Protocol::Tcp || verdict != Verdict::Allowed {
            return verdict;
        }
        self.reason(cluster, far, port, transport).map_or(verdict, |reason| Verdict::Unspecified(reason.to_owned()))
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
