//! What a cluster does with manifests: YAML text × flow → verdict with reasons, by the rules of `semantics.md`.
//!
//! Owns: the reading of policies and of what they act on, and every decision about a flow. It knows nothing of intents, nor of
//! how this tool writes manifests: it shares no code and no author with `target`, so that each can be held against the other.

mod assumption;
mod decide;
mod decision;
mod end;
mod idle;
mod joined;
mod label_tests;
mod mesh;
mod names;
mod network;
mod object;
mod platform;
mod pods;
mod question;
mod read;
mod selector;
mod truth;
mod unheard;
mod unmodelled;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::flow::{AddressSet, Cut, DataPlane, Labels, NAMESPACE_NAME, Peer, Protocol, Symbol, Transport};
use crate::inventory::{ServiceFacts, ServicePort};
use crate::manifest::Trees;
use crate::source::{FileId, Sources};
use joined::Joined;

pub use crate::inventory::ProxyRole;
pub use assumption::Assumption;
pub use decision::{Decision, Document, Gate, Miss, Step};
pub use end::End;
pub(crate) use mesh::GRPC_CONTENT;
pub use mesh::{ClientRule, ClientTls, Keys, MadePods, OnlyHttp, Readers, Reads, Shape, TokenCopy, Verification};
pub use names::Names;
pub use platform::{Joining, Platform, PlatformFact};
pub use question::{Addressed, Endpoint, Facts, NamedPort, NamespaceLabels, Network, Question};
pub use unheard::{Silence, Unheard};
pub use wire::HBONE;

/// Which way a pod's end faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// Connections that reach the pod.
    Ingress,
    /// Connections that leave it.
    Egress,
}

/// Manifests, read and ready to be asked. A clone shares what was read.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    platform: Platform,
    network: Arc<network::Network>,
    mesh: Arc<mesh::Mesh>,
    unmodelled: Arc<unmodelled::UnmodelledObjects>,
    namespaces: BTreeMap<Symbol, Labels>,
    workloads: Arc<Vec<Workload>>,
    /// The pods that have ended.
    ended: Arc<Vec<Workload>>,
    /// What their policies must know of the workloads.
    known: network::Known,
    /// The files that hold an object, or something that cannot be read.
    held: BTreeSet<FileId>,
    /// Who is in the mesh, or outside of it, though nobody says it of them.
    joined: Joined,
}

/// The pods of one workload that the manifests hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Its kind, as `Deployment`; that of its owner where pods of one owner are one.
    pub kind: Symbol,
    /// Its name.
    pub name: Symbol,
    /// One of its pods.
    pub endpoint: Endpoint,
    /// The kinds and names of the pods and workloads besides that it stands for.
    pub aliases: Vec<(Symbol, Symbol)>,
    /// The kinds and names of what made its pods, or some of them. Other workloads may be of the same.
    pub makers: BTreeSet<(Symbol, Symbol)>,
}

/// A call of a pod that does not go as a connection with the pod itself does.
#[derive(Debug, Clone)]
pub struct WaypointCall<'c> {
    /// What the client addresses.
    pub addressed: Addressed,
    /// The ports of the pod that it leads to; none for any.
    pub ports: Option<Vec<u16>>,
    /// The waypoint, as `shop/waypoint`; none where one is named that the manifests do not hold, and where it goes straight.
    pub waypoint: Option<Symbol>,
    /// One of the waypoint's pods.
    pub pod: Option<&'c Endpoint>,
    /// By what the waypoint tells clients and requests apart. The ports of these cuts are those of what is addressed.
    pub cuts: Vec<Cut>,
}

/// Reads manifests: files of YAML or JSON documents, lists included.
///
/// What is modelled is read strictly, as `invalid-manifest`: whatever the API server or Istio's webhook would refuse. Kinds that
/// cannot affect a flow are passed over by a stated list; everything else makes the flows that it may touch unspecified, with the
/// finding `unmodelled-kind`. So does what cannot be read. The result is the same on every run and however the work is shared.
pub fn read(sources: &Sources, files: &[FileId], platform: Platform) -> (Cluster, Vec<Diagnostic>) {
    read_with(sources, files, platform, &Trees::default())
}

/// The same, of files of which there may be trees already.
pub(crate) fn read_with<'s>(
    sources: &'s Sources,
    files: &[FileId],
    platform: Platform,
    trees: &'s Trees<'s>,
) -> (Cluster, Vec<Diagnostic>) {
    let read::Manifests { policies, inventory, mut mesh, unmodelled, findings, held, shown_joining, unjoined, taken_in, .. } =
        read::read(sources, files, &platform, trees);
    mesh.settle(&platform, &inventory);
    let mut cluster = Cluster {
        network: Arc::new(network::Network::new(policies)),
        mesh: Arc::new(mesh),
        unmodelled: Arc::new(unmodelled::UnmodelledObjects::new(unmodelled)),
        namespaces: inventory.namespaces.iter().map(|(name, facts)| (Symbol::clone(name), facts.labels.clone())).collect(),
        platform,
        held,
        joined: Joined { unsaid_planes: inventory.unsaid_planes(), shown_joining, unjoined, taken_in },
        ..Cluster::default()
    };
    let keys = cluster.keys(inventory.workloads.iter().map(|workload| &workload.namespace).collect());
    let looked_at = pods::LookedAt::by(keys, &cluster.network, &inventory);
    cluster.workloads = Arc::new(pods::workloads(&inventory, &cluster.platform, &looked_at));
    cluster.ended = Arc::new(pods::ended(&inventory, &cluster.platform));
    cluster.known = pods::known(&cluster.workloads);
    (cluster, findings)
}

/// The objects that stand in manifests, of the kinds of which there is one of a name: kind, namespace and name. What cannot be read is left
/// out.
pub fn names(sources: &Sources, files: &[FileId], platform: &Platform) -> BTreeSet<[Symbol; 3]> {
    let read::Manifests { noted, .. } = read::read(sources, files, platform, &Trees::default());
    noted.into_iter().map(|noted| noted.name).map(|[_, kind, namespace, name]| [kind, namespace, name]).collect()
}

impl Cluster {
    /// What is assumed of the platform.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Whether any of these files holds an object of any kind, or something that cannot be read. One of a command that failed holds
    /// nothing, and then nothing is known.
    pub fn holds_anything_of(&self, files: &[FileId]) -> bool {
        files.iter().any(|file| self.held.contains(file))
    }

    /// The same, with more known of the pods of its workloads than the manifests say.
    #[must_use]
    pub fn with_pods(mut self, known: impl Fn(&Workload) -> Endpoint) -> Self {
        let workloads = self.workloads.iter().map(|workload| Workload { endpoint: known(workload), ..workload.clone() });
        self.workloads = Arc::new(workloads.collect());
        self.known = pods::known(&self.workloads);
        self
    }

    /// The workloads that the manifests hold, by namespace, kind and name. Pods of one owner are one, unless a policy may tell
    /// them apart.
    pub fn workloads(&self) -> &[Workload] {
        &self.workloads
    }

    /// The pods that have ended, each by itself, as they would be if they ran. They have no traffic (`semantics.md` §1.4), and no address.
    pub fn ended_pods(&self) -> &[Workload] {
        &self.ended
    }

    /// The labels of a namespace that the manifests describe, its name among them.
    pub fn namespace_labels(&self, namespace: &str) -> Option<&Labels> {
        self.namespaces.get(namespace)
    }

    /// The labels by which `NetworkPolicies` tell namespaces apart, and objects that are not modelled may, but for their names.
    pub fn namespace_label_keys(&self) -> BTreeSet<Symbol> {
        let of_network = self.network.namespace_label_keys();
        let unmodelled =
            self.unmodelled.iter().filter_map(unmodelled::Unmodelled::pods).flat_map(|pods| pods.namespace.iter().map(|(key, _)| key));
        of_network.chain(unmodelled.filter(|key| ***key != *NAMESPACE_NAME)).cloned().collect()
    }

    /// The address blocks of `NetworkPolicies`, but for those of rules that mean every pod besides.
    pub fn blocks(&self) -> impl Iterator<Item = &AddressSet> {
        self.network.blocks()
    }

    /// The namespaces in which policies stand, the root namespace among them if any does there.
    pub fn policed(&self) -> BTreeSet<Symbol> {
        self.network.namespaces().chain(self.mesh.policed()).cloned().collect()
    }

    /// The namespaces that an object describes or lives in, as far as it may decide a flow.
    pub fn namespaces(&self) -> BTreeSet<Symbol> {
        let workloads = self.workloads.iter().filter_map(|workload| match &workload.endpoint.peer {
            Peer::Pod(pod) => Some(&pod.namespace),
            Peer::Address(_) => None,
        });
        self.namespaces.keys().chain(self.network.namespaces()).chain(self.mesh.namespaces()).chain(workloads).cloned().collect()
    }

    /// Whether every object that may decide a flow is modelled.
    pub fn is_modelled(&self) -> bool {
        self.unmodelled.iter().next().is_none()
    }

    /// One end of connections, with the policies that act on this pod found once.
    pub fn end<'c>(&'c self, subject: &'c Endpoint, way: Way) -> End<'c> {
        End::new(self, subject, way)
    }

    /// The calls of a pod that go over a waypoint if their client takes waypoints ([`Cluster::takes_waypoints`]), in order, the pod's own
    /// address first. Where that is among them, all other calls are, too: those that go straight have no waypoint.
    pub fn waypoint_calls<'c>(&'c self, destination: &'c Endpoint, names: &Names) -> Vec<WaypointCall<'c>> {
        self.mesh.calls(destination, names)
    }

    /// How the tokens of issuers are verified, policy by policy: what no flow tells (`semantics.md` §4.10).
    pub fn verifications(&self) -> Vec<Verification> {
        self.mesh.verifications()
    }

    /// What is copied from tokens to headers at which policies look: what these say then hangs on what is copied (`semantics.md` §2.2).
    pub fn token_copies(&self) -> Vec<TokenCopy> {
        self.mesh.token_copies()
    }

    /// The `DestinationRule`s that speak of TLS with Services of a namespace, in the order of the manifests. What they say is the
    /// client's, so it is in no answer of an [`End`].
    pub fn client_tls(&self, namespace: &str) -> Vec<ClientTls> {
        self.mesh.client_tls(namespace)
    }

    /// Whether clients speak the mesh's mTLS with a pod that may take it only where a `DestinationRule` tells them to: gateways and waypoints
    /// do not say that they take it, and others may have a label that says the opposite (`semantics.md` §3.3).
    pub fn is_unannounced(&self, destination: &Endpoint) -> bool {
        self.mesh.is_unannounced(destination)
    }

    /// Whether a pod takes part in the mesh, or may, as something that is not modelled leaves it open.
    pub fn may_be_in_mesh(&self, end: &Endpoint) -> bool {
        matches!(end.peer, Peer::Pod(_)) && (wire::plane(end) != DataPlane::None || self.unmodelled.may_join(end))
    }

    /// Whether a pod that is asked to speak the mesh's mTLS, or to be spoken to so, surely takes no part in the mesh.
    fn is_mtls_impossible(&self, question: &Question) -> bool {
        let is_outside = |end: &Endpoint| matches!(end.peer, Peer::Pod(_)) && !self.may_be_in_mesh(end);
        question.transport == Some(Transport::Mtls) && [&question.source, &question.destination].into_iter().any(is_outside)
    }

    /// Whether a client that calls a port of a Service surely arrives at this port of a pod (`semantics.md` §5.5). Of a Service without an
    /// address that hangs on who calls: gateways translate its port, and sidecars are told of pods that have what it names.
    pub fn leads(&self, client: &Endpoint, service: (&ServiceFacts, &ServicePort), destination: (&Endpoint, u16)) -> bool {
        self.mesh.leads(client, service, destination)
    }

    /// How the sidecar of a client speaks with a pod that it calls by Service, where no `DestinationRule` says it (`semantics.md` §3.3): mTLS
    /// where the pod takes it there; none if that is not known.
    pub fn spoken_by_itself(&self, destination: &Endpoint, port: u16) -> Option<Transport> {
        self.mesh.spoken_by_itself(destination, port)
    }

    /// The calls of a pod by Service about which some `DestinationRule` says how clients speak TLS, and those that lead to the same ports
    /// of it; all of them where clients speak mTLS by such rules alone. They are straight calls all. Which clients hear it says [`Cluster::client_rule`].
    pub fn told_calls<'c>(&'c self, destination: &'c Endpoint) -> Vec<WaypointCall<'c>> {
        self.mesh.told_calls(destination)
    }

    /// The `DestinationRule` that says how a client speaks TLS in a call of a pod (`semantics.md` §3.3), as far as one does.
    pub fn client_rule(&self, client: &Endpoint, destination: &Endpoint, addressed: &Addressed) -> Option<ClientRule> {
        self.mesh.client_rule(client, destination, addressed)
    }

    /// Whether a reason for which a flow is left open is that nobody knows what a pod calls its ports (`semantics.md` §1.6).
    pub fn is_of_port_names(reason: &str) -> bool {
        truth::is_of_port_names(reason)
    }

    /// Whether a client's calls may go over a waypoint where one stands.
    pub fn takes_waypoints(&self, client: &Endpoint) -> bool {
        self.mesh.takes_waypoints(client)
    }

    /// Whether gateways take the waypoint of a call, too; else they go straight (`semantics.md` §2.11).
    pub fn tells_gateways(&self, addressed: &Addressed) -> bool {
        self.mesh.tells_gateways(addressed)
    }

    /// Whether an end is a waypoint's pod, or that of an east-west gateway of ambient mode, which is one by another name: it runs as one, or
    /// carries the name of such a Gateway of its namespace.
    pub fn is_waypoint(&self, end: &Endpoint) -> bool {
        self.mesh.is_of_waypoint(end)
    }

    /// Whether a caller gets to the port of the pods that a Service without an address names as its target, as gateways do, and not to
    /// the one that is called; none where nobody knows.
    pub fn translates(&self, client: &Endpoint) -> Option<bool> {
        self.mesh.translates(client)
    }

    /// Whether an end is a gateway, as the manifests say.
    pub fn is_gateway(&self, end: &Endpoint) -> bool {
        self.mesh.is_gateway(end)
    }

    /// Whose proxy on the way surely takes nothing but HTTP, so that it answers a connection which is none with HTTP 400; none where there
    /// is no such one, or where ways differ.
    pub fn only_http(&self, question: &Question) -> Option<OnlyHttp> {
        self.mesh.only_http(question)
    }

    /// What the proxy of an end sees of a request to a port of it: where it takes the port for plain connections, it sees none.
    pub fn reads(&self, end: &Endpoint, port: u16) -> Reads {
        self.mesh.reads(end, port)
    }

    /// What the waypoint on the way sees of a request.
    pub fn waypoint_reads(&self, question: &Question) -> Reads {
        self.mesh.waypoint_reads(question)
    }

    /// Whether more is left open of connections this way at a pod with these labels of which nobody says whether its Envoy is a gateway than
    /// at this end.
    pub fn hangs_on_role(&self, end: &Endpoint, way: Way) -> bool {
        let mut anybody = end.clone();
        anybody.facts.proxy = ProxyRole::Unknown;
        let count = |end: &Endpoint| match way {
            Way::Ingress => self.unmodelled.at_mesh(end).count(),
            Way::Egress => self.unmodelled.at_client(end).count(),
        };
        count(&anybody) > count(end)
    }

    /// Whether there are gateways that carry the name of a Gateway of the Gateway API: Istio makes them, or the manifests hold them.
    pub fn has_gateway(&self, namespace: &Symbol, name: &str) -> bool {
        let carries =
            |end: &Endpoint| matches!(&end.peer, Peer::Pod(pod) if pod.namespace == *namespace && mesh::is_named_after(pod, name));
        let held = || self.workloads.iter().any(|workload| carries(&workload.endpoint) && self.is_gateway(&workload.endpoint));
        self.mesh.makes_gateways(namespace, name) || held()
    }

    /// The pods that Istio makes for the Gateways of the Gateway API that the manifests hold, of its own classes: gateways, waypoints and
    /// east-west gateways of ambient mode. They are told as Istio makes them, also where the manifests hold them as well.
    pub fn made_pods(&self) -> impl Iterator<Item = MadePods> {
        self.mesh.made_pods()
    }

    /// The policies that decide about requests at a gateway which the manifests hold, or may, by kind, namespace and name.
    pub fn policies_at_gateways(&self) -> BTreeSet<[Symbol; 3]> {
        let acting = self.workloads.iter().flat_map(|workload| self.mesh.acting_on_gateway(&workload.endpoint));
        acting.map(|object| [&object.kind, &object.namespace, &object.name].map(Symbol::clone)).collect()
    }

    /// Whether the sidecar of a pod, if it has one, captures connections to a port of it (`semantics.md` §3.2). That of the tunnel is its
    /// own.
    pub fn captures(destination: &Endpoint, port: u16) -> bool {
        mesh::Mesh::captures(destination, port)
    }

    /// Whether a connection passes, hop by hop and gate by gate, and why.
    pub fn decide(&self, question: &Question) -> Decision {
        decide::decide(self, question)
    }

    /// Whether clusters that are judged together leave every SCTP connection with a pod that a policy isolates open, as nobody said
    /// whether their network plugin judges it (`semantics.md` §1.6), and no policy speaks of SCTP.
    pub fn leave_sctp_open(clusters: &[&Self]) -> bool {
        let is_silent = |cluster: &&Self| cluster.platform.sctp.is_none() && !cluster.network.speaks_of(Protocol::Sctp);
        clusters.iter().all(is_silent) && clusters.iter().any(|cluster| cluster.network.isolates())
    }

    /// This cluster on a network plugin that judges SCTP.
    #[must_use]
    pub fn with_sctp_judged(self) -> Self {
        Self { platform: Platform { sctp: Some(true), ..self.platform }, ..self }
    }

    /// This cluster on a platform of which one more fact is known: it is asked for as flows are judged, so nothing has to be read again.
    #[must_use]
    pub(crate) fn supposing(&self, fact: PlatformFact, holds: Option<bool>) -> Self {
        let platform = self.platform.clone().supposing(fact, holds);
        let mut mesh = Arc::clone(&self.mesh);
        if !fact.is_of_network() {
            Arc::make_mut(&mut mesh).know(&platform);
        }
        Self { platform, mesh, ..self.clone() }
    }

    /// The keys of pods' labels that anything looks at, of the mesh's in these namespaces; those that tell which way a call goes
    /// ([`Cluster::decide`]) among them.
    fn keys(&self, namespaces: BTreeSet<&Symbol>) -> BTreeSet<Symbol> {
        if namespaces.is_empty() {
            return BTreeSet::new();
        }
        let mut keys: BTreeSet<Symbol> = self.network.keys().into_iter().cloned().collect();
        for cube in namespaces.into_iter().flat_map(|namespace| self.all_selectors(namespace)) {
            keys.extend(cube.iter().map(|(key, _)| Symbol::clone(key)));
        }
        keys.extend(self.mesh.route_keys());
        keys
    }
}

impl Workload {
    /// Whether it is of this kind and name, or some of its pods are, or were made by what is.
    pub fn is_of(&self, is_it: impl Fn(&Symbol, &Symbol) -> bool) -> bool {
        is_it(&self.kind, &self.name) || self.aliases.iter().chain(&self.makers).any(|(kind, name)| is_it(kind, name))
    }

    /// The namespace of its pods.
    pub fn namespace(&self) -> &str {
        match &self.endpoint.peer {
            Peer::Pod(pod) => &pod.namespace,
            Peer::Address(_) => "",
        }
    }
}
