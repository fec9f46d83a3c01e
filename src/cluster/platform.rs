//! What the platform does where manifests do not say it.
//!
//! Owns: `Platform`. Every field has the value of a stock cluster by default; `None` is "nobody said", and whatever hangs on it
//! is unspecified.

use std::collections::BTreeSet;

use crate::flow::{AddressSet, DataPlane, PathNormalization, Symbol};
use crate::inventory::ShownJoining;

/// Facts about a cluster that its manifests do not hold (`semantics.md` §9, last paragraph).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// The namespace of objects that name none; without it, such an object is a finding.
    pub default_namespace: Option<Symbol>,
    /// How pods take part in the mesh where nothing says it.
    pub mesh: DataPlane,
    /// Whether that also holds for described namespaces without a label of the mesh where manifests show how pods join it.
    pub joining: Joining,
    /// The namespace whose Istio policies act on the whole mesh.
    pub root_namespace: Symbol,
    /// The trust domain of workload identities.
    pub trust_domain: Symbol,
    /// Further trust domains that count as the mesh's own.
    pub trust_domain_aliases: BTreeSet<Symbol>,
    /// What becomes of a path before policies see it. Requests are asked about with paths as they arrive.
    pub path_normalization: PathNormalization,
    /// The oldest Istio that may run, as major, minor and patch.
    pub istio: (u16, u16, u16),
    /// The oldest Kubernetes that may run, as major, minor and patch.
    pub kubernetes: (u16, u16, u16),
    /// The addresses of pods; empty if they are not known.
    pub pods: AddressSet,
    /// The addresses of Services; empty if they are not known.
    pub services: AddressSet,
    /// The addresses of nodes; empty if they are not known.
    pub nodes: AddressSet,
    /// Whether an `ipBlock` matches the addresses of pods.
    pub ipblock_matches_pods: Option<bool>,
    /// Whether `endPort` works.
    pub end_port: Option<bool>,
    /// Whether named ports work.
    pub named_ports: Option<bool>,
    /// Whether SCTP is judged. Where it is not, it is as undefined as ICMP, under default denies and under rules that allow it
    /// (`semantics.md` §1.6): its connections with pods that a policy isolates are unspecified, just as where nobody said it.
    pub sctp: Option<bool>,
    /// Whether sidecars speak to ztunnel over HBONE, and ztunnel to sidecars.
    pub hbone_from_sidecars: Option<bool>,
    /// Whether selector policies also act on waypoints.
    pub layered_waypoint_policies: Option<bool>,
    /// Whether workloads behind a waypoint admit its identity without being told.
    pub auto_allow_waypoint: Option<bool>,
    /// The addresses that the probes of a pod's own node have in ambient mode.
    pub probe_sources: AddressSet,
}

/// How pods join the mesh whose namespace is described and says nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joining {
    /// As [`Platform::mesh`] has it.
    AsTaken,
    /// Not at all where the manifests show that others join by labels or proxies, as Istio injects nobody unasked; else as [`Platform::mesh`]
    /// has it.
    AsShown {
        /// What other manifests show of the same cluster.
        beside: ShownJoining,
    },
}

/// A fact about the platform that is a yes or a no, and of which policies as they are read say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlatformFact {
    /// [`Platform::ipblock_matches_pods`].
    BlocksMatchPods,
    /// [`Platform::end_port`].
    EndPort,
    /// [`Platform::named_ports`].
    NamedPorts,
    /// [`Platform::hbone_from_sidecars`].
    HboneFromSidecars,
    /// [`Platform::layered_waypoint_policies`].
    LayeredWaypointPolicies,
    /// [`Platform::auto_allow_waypoint`].
    AutoAllowWaypoint,
}

impl PlatformFact {
    /// All of them, those about the network plugin first.
    pub const ALL: [Self; 6] = [
        Self::BlocksMatchPods,
        Self::EndPort,
        Self::NamedPorts,
        Self::HboneFromSidecars,
        Self::LayeredWaypointPolicies,
        Self::AutoAllowWaypoint,
    ];

    /// Whether the network plugin decides it, and not the mesh.
    pub(super) const fn is_of_network(self) -> bool {
        matches!(self, Self::BlocksMatchPods | Self::EndPort | Self::NamedPorts)
    }
}

impl Platform {
    /// What is known of a fact.
    pub const fn says(&self, fact: PlatformFact) -> Option<bool> {
        match fact {
            PlatformFact::BlocksMatchPods => self.ipblock_matches_pods,
            PlatformFact::EndPort => self.end_port,
            PlatformFact::NamedPorts => self.named_ports,
            PlatformFact::HboneFromSidecars => self.hbone_from_sidecars,
            PlatformFact::LayeredWaypointPolicies => self.layered_waypoint_policies,
            PlatformFact::AutoAllowWaypoint => self.auto_allow_waypoint,
        }
    }

    /// The same platform, where a fact is known.
    pub(super) fn supposing(mut self, fact: PlatformFact, holds: Option<bool>) -> Self {
        let place = match fact {
            PlatformFact::BlocksMatchPods => &mut self.ipblock_matches_pods,
            PlatformFact::EndPort => &mut self.end_port,
            PlatformFact::NamedPorts => &mut self.named_ports,
            PlatformFact::HboneFromSidecars => &mut self.hbone_from_sidecars,
            PlatformFact::LayeredWaypointPolicies => &mut self.layered_waypoint_policies,
            PlatformFact::AutoAllowWaypoint => &mut self.auto_allow_waypoint,
        };
        *place = holds;
        self
    }
}

impl Default for Platform {
    fn default() -> Self {
        Self {
            default_namespace: None,
            mesh: DataPlane::Sidecar,
            joining: Joining::AsTaken,
            root_namespace: "istio-system".into(),
            trust_domain: "cluster.local".into(),
            trust_domain_aliases: BTreeSet::new(),
            path_normalization: PathNormalization::Base,
            istio: (1, 25, 0),
            kubernetes: (1, 30, 0),
            pods: AddressSet::none(),
            services: AddressSet::none(),
            nodes: AddressSet::none(),
            ipblock_matches_pods: None,
            end_port: None,
            named_ports: None,
            sctp: None,
            hbone_from_sidecars: None,
            layered_waypoint_policies: None,
            auto_allow_waypoint: None,
            probe_sources: AddressSet::none(),
        }
    }
}
