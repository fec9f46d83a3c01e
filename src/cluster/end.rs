//! One end of a pod, asked many times.
//!
//! Owns: `End`. The policies that act on the pod are found once; what they say is `network`'s and the mesh's. Its cuts and its
//! verdicts must look at the same things.

use std::net::{IpAddr, Ipv4Addr};

use super::mesh::{MeshEnd, Readers};
use super::network::{self, Connection, Selected};
use super::truth::{Doubt, Truth};
use super::unmodelled::{Gates, Isolated, Unmodelled};
use super::{Addressed, Cluster, Endpoint, Names, Way, wire};
use crate::flow::{AddressSet, Cut, DataPlane, Peer, Peers, PodSet, PortSet, Protocol, Request, RequestSamples, Transport, Verdict};

/// One end of a pod: the policies that act on it there.
#[derive(Debug, Clone)]
pub struct End<'c> {
    cluster: &'c Cluster,
    subject: &'c Endpoint,
    way: Way,
    selected: Vec<Selected<'c>>,
    /// Something that is not modelled and may change what the network says here.
    network_doubt: Option<&'c Unmodelled>,
    /// Calls of addresses that may go over a waypoint, and the `ServiceEntry` that says it; on egress only.
    outward: Vec<(AddressSet, PortSet, String)>,
    /// What is not modelled and may change what the mesh makes of calls of addresses; on egress only.
    address_doubts: Vec<&'c Unmodelled>,
    /// The mesh, which is asked on ingress only.
    mesh: Option<MeshPart<'c>>,
}

/// The mesh's part of an ingress end.
#[derive(Debug, Clone)]
struct MeshPart<'c> {
    end: MeshEnd<'c>,
    /// Something that is not modelled and may change what the mesh says here.
    doubt: Option<&'c Unmodelled>,
}

impl<'c> End<'c> {
    /// Finds what acts on a pod.
    pub(super) fn new(cluster: &'c Cluster, subject: &'c Endpoint, way: Way) -> Self {
        let selected = cluster.network.selecting(subject, way);
        // What may do more than take away says more.
        let network_doubt = cluster.unmodelled.at_network(subject, way, isolated(&selected)).min_by_key(|object| object.only_limits());
        let mesh =
            (way == Way::Ingress).then(|| MeshPart { end: cluster.mesh.end(subject), doubt: cluster.unmodelled.at_mesh(subject).next() });
        let outward = if way == Way::Egress { cluster.mesh.outward(subject) } else { Vec::new() };
        let address_doubts = if way == Way::Egress { address_doubts(cluster, subject) } else { Vec::new() };
        Self { cluster, subject, way, selected, network_doubt, outward, address_doubts, mesh }
    }

    /// By what this end tells connections apart; see [`Cut`] for what that promises.
    ///
    /// The promise is for far ends of which only the peer is known (`Facts::default`), and for one protocol at a time in the mesh.
    /// Ports are those of the questions. A connection in the mesh's tunnel is judged by the network on port 15008 whatever its own
    /// port is: where that may happen, rules for 15008 are cuts of every TCP port besides.
    pub fn cuts(&self, names: &Names) -> Vec<Cut> {
        let cluster = self.cluster;
        let mut cuts = network::cuts(&self.selected, &cluster.platform, self.subject, self.way, &cluster.known);
        let outward = |(addresses, ports, _): &(AddressSet, PortSet, String)| Cut {
            peers: Peers::from(addresses.clone()),
            ports: ports.clone(),
            requests: RequestSamples::default(),
        };
        cuts.extend(self.outward.iter().map(outward));
        let tcp = |peers: Peers| Cut { peers, ports: PortSet::full(Protocol::Tcp), requests: RequestSamples::default() };
        if !self.address_doubts.is_empty() {
            let addresses = || Peers::from(AddressSet::all());
            let spared = self.subject.facts.spared_outbound();
            cuts.push(tcp(addresses()));
            cuts.extend((!spared.is_empty()).then(|| Cut { ports: spared, ..tcp(addresses()) }));
        }
        let Some(mesh) = &self.mesh else { return cuts };
        cuts.extend(mesh.end.cuts(names));
        // The mesh sees TCP alone, a block may hold a pod whose address is not known, and what is not modelled may hang on who calls.
        if wire::plane(self.subject) != DataPlane::None || mesh.doubt.is_some() {
            cuts.extend([tcp(Peers::all()), tcp(Peers::from(PodSet::all()))]);
        }
        cuts.extend(cluster.unmodelled.iter().filter_map(Unmodelled::mesh_peers).map(tcp));
        cuts
    }

    /// Whether this end lets a connection pass, for the far end, port, transport and request of it. Without reasons, and fast.
    ///
    /// An address is taken for none of the end's own node, those of its probes included; what comes from there is [`Cluster::decide`]'s to judge.
    /// Egress is the network gate alone, but for what may decide about calls of addresses, which have no end of their own; ingress is the
    /// network gate, the transport and the caller together, for a pod that is called directly. A path over a waypoint is [`Cluster::decide`]'s to judge.
    pub fn decide(&self, far: &Endpoint, protocol: Protocol, port: u16, transport: Transport, request: Option<&Request>) -> Verdict {
        let network = self.network(far, protocol, port, transport);
        if network.is_no() {
            return Verdict::Denied;
        }
        both(network, self.in_mesh(far, protocol, port, transport, request))
    }

    /// Whether the network gate by itself, and the mesh by itself, stop a connection for sure.
    pub fn stops(&self, far: &Endpoint, protocol: Protocol, port: u16, transport: Transport, request: Option<&Request>) -> [bool; 2] {
        let network = self.network(far, protocol, port, transport).is_no();
        [network, self.in_mesh(far, protocol, port, transport, request) == Verdict::Denied]
    }

    /// Both at once: whether this end lets a connection pass, and which gates by themselves stop it for sure.
    pub fn judge(
        &self,
        far: &Endpoint,
        protocol: Protocol,
        port: u16,
        transport: Transport,
        request: Option<&Request>,
    ) -> (Verdict, [bool; 2]) {
        let network = self.network(far, protocol, port, transport);
        let mesh = self.in_mesh(far, protocol, port, transport, request);
        let stops = [network.is_no(), mesh == Verdict::Denied];
        (both(network, mesh), stops)
    }

    /// By whom requests are read at this end: at ends of which this is the same, requests have the same numbers.
    pub fn readers(&self) -> Readers {
        self.mesh.as_ref().map(|mesh| mesh.end.readers()).unwrap_or_default()
    }

    /// A number for each of these requests, counted from 0 in the order in which they first come: those of one number get the same answer
    /// from every far end, on every port and over every transport.
    pub fn alike(&self, requests: &[Option<Request>]) -> Vec<usize> {
        self.mesh.as_ref().map_or_else(|| vec![0; requests.len()], |mesh| mesh.end.alike(requests))
    }

    /// What the mesh says: nothing, at the end that a connection leaves, unless it is not known what becomes of it there.
    fn in_mesh(&self, far: &Endpoint, protocol: Protocol, port: u16, transport: Transport, request: Option<&Request>) -> Verdict {
        match (&self.mesh, &far.peer) {
            _ if protocol != Protocol::Tcp => Verdict::Allowed,
            (Some(mesh), _) => mesh.decide(self, far, port, transport, request),
            (None, Peer::Address(_)) => {
                let doubt = self.address_doubts.iter().find(|object| !object.is_passed_by(self.subject, port));
                doubt.map_or(Verdict::Allowed, |object| Verdict::Unspecified(object.to_string()))
            }
            (None, Peer::Pod(_)) => Verdict::Allowed,
        }
    }

    /// What the network gate says.
    fn network<'a>(&'a self, far: &'a Endpoint, protocol: Protocol, port: u16, transport: Transport) -> Truth<'a> {
        match self.network_doubt {
            Some(object) if object.only_limits() && self.judged(far, protocol, port, transport).is_no() => Truth::No,
            Some(object) => Truth::Unknown(Doubt::Object(object)),
            None => self.judged(far, protocol, port, transport),
        }
    }

    /// What policies say that are modelled.
    fn judged<'a>(&'a self, far: &'a Endpoint, protocol: Protocol, port: u16, transport: Transport) -> Truth<'a> {
        if let Peer::Address(address) = &far.peer {
            let may_be =
                |(addresses, ports, _): &&(AddressSet, PortSet, String)| addresses.contains(*address) && ports.contains(protocol, port);
            if let Some((.., name)) = self.outward.iter().find(may_be).filter(|_| transport == Transport::Plaintext) {
                return Truth::Unknown(Doubt::Entry { name });
            }
        }
        let port = match self.way {
            Way::Ingress => wire::port(far, self.subject, protocol, port, transport),
            Way::Egress => wire::port(self.subject, far, protocol, port, transport),
        };
        let (near, way) = (self.subject, self.way);
        let (platform, addressed) = (&self.cluster.platform, &Addressed::Unsaid);
        // Who is asked about is of another node, so what comes from the own one is none of these.
        let probes = &NO_ADDRESSES;
        let connection = Connection { platform, near, far, way, protocol, port, addressed, service: None, probes };
        network::gate(&self.selected, &connection)
    }
}

/// No probes: see [`End::judged`].
static NO_ADDRESSES: AddressSet = AddressSet::none();

/// What may change what the mesh makes of calls of addresses by a pod. It is the same for all addresses.
fn address_doubts<'c>(cluster: &'c Cluster, subject: &Endpoint) -> Vec<&'c Unmodelled> {
    let address = Endpoint::from(Peer::Address(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
    let all = cluster.unmodelled.at_mesh(&address).chain(cluster.unmodelled.at_client(subject));
    all.into_iter().filter(|object| matters(object, subject, &address)).collect()
}

/// What two gates in a row say.
fn both(network: Truth<'_>, mesh: Verdict) -> Verdict {
    match (network, mesh) {
        (Truth::No, _) | (_, Verdict::Denied) => Verdict::Denied,
        (Truth::Unknown(doubt), _) => Verdict::Unspecified(doubt.to_string()),
        (Truth::Yes, mesh) => mesh,
    }
}

impl MeshPart<'_> {
    /// What the mesh says.
    fn decide(&self, end: &End<'_>, far: &Endpoint, port: u16, transport: Transport, request: Option<&Request>) -> Verdict {
        let doubt = self.doubt.filter(|object| matters(object, far, end.subject));
        let doubt = doubt.or_else(|| end.cluster.unmodelled.at_client(far).find(|object| matters(object, far, end.subject)));
        match doubt {
            Some(object) => Verdict::Unspecified(object.to_string()),
            None => self.end.decide(far, port, transport, request),
        }
    }
}

/// Whether an object that touches an end of a connection can change what the mesh says of it: where no end is in the mesh, an
/// object of the mesh cannot, and some spare what is called.
pub(super) fn matters(object: &Unmodelled, source: &Endpoint, destination: &Endpoint) -> bool {
    let in_mesh = |end| wire::plane(end) != DataPlane::None;
    object.minds(destination) && (object.gates != Gates::Mesh || in_mesh(source) || in_mesh(destination))
}

/// Whether a policy surely isolates an end.
pub(super) fn isolated(selected: &[Selected<'_>]) -> Isolated {
    if selected.iter().any(|one| one.applies.is_yes()) { Isolated::Yes } else { Isolated::No }
}
