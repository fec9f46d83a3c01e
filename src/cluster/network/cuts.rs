//! By what the policies of one end tell connections apart.
//!
//! Owns: the cuts of `NetworkPolicy`, which promise what [`Cut`] says. It must know exactly what `judge` looks at.

use std::collections::{BTreeMap, BTreeSet};

use super::reach::Reach;
use super::read::namespace_cube;
use super::{Block, NetworkPolicy, PeerTest, Rule, Selected};
use crate::cluster::{Endpoint, Platform, Way, wire};
use crate::flow::{AddressSet, Cut, DataPlane, Peers, PodCube, PodSet, PortSet, Protocol, RequestSamples, Symbol, Values};

/// What must be known of the workloads that are there.
#[derive(Debug, Clone, Default)]
pub(in crate::cluster) struct Known {
    /// The numbers that they give to named ports.
    pub(in crate::cluster) port_numbers: BTreeMap<(Protocol, Symbol), BTreeSet<u16>>,
    /// Where those are that use their node's network: blocks match these whatever they make of pods (`semantics.md` §1.7).
    pub(in crate::cluster) on_nodes: Vec<OnNode>,
}

/// Where pods on their nodes' network are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cluster) enum OnNode {
    /// At these addresses.
    At(AddressSet),
    /// At that of some node.
    Anywhere,
}

/// The cuts of the policies that select an end.
///
/// A connection in the mesh's tunnel is judged on port 15008 whatever its own port is. So where tunnels may reach this end, a rule
/// that holds 15008 is also a cut with every TCP port: among connections over mTLS it lets all ports pass or none.
pub(in crate::cluster) fn cuts(selected: &[Selected<'_>], platform: &Platform, near: &Endpoint, way: Way, known: &Known) -> Vec<Cut> {
    let mut cuts = Vec::new();
    if selected.is_empty() {
        return cuts;
    }
    if platform.sctp != Some(true) {
        cuts.push(cut(Peers::all(), PortSet::full(Protocol::Sctp)));
    }
    if way == Way::Egress && !platform.services.is_empty() {
        cuts.push(cut(Peers::from(platform.services.clone()), PortSet::all()));
    }
    for one in selected {
        for rule in one.rules {
            let ports = port_pieces(rule, near, platform);
            let named = if platform.named_ports == Some(false) { Vec::new() } else { named(rule, near, way, known) };
            for peers in peer_pieces(one.policy, rule, platform, known) {
                cuts.extend(ports.iter().map(|ports| cut(peers.clone(), ports.clone())));
                // Where there is no pod a name stands for nothing, which tells pods from addresses; but a block may hold some pods.
                let apart = match way {
                    Way::Egress => vec![Peers::from(peers.pods), Peers::from(peers.addresses)],
                    Way::Ingress => vec![peers],
                };
                for peers in apart.iter().filter(|peers| !peers.is_empty()) {
                    cuts.extend(named.iter().map(|ports| cut(peers.clone(), ports.clone())));
                }
            }
        }
    }
    cuts
}

fn cut(peers: Peers, ports: PortSet) -> Cut {
    Cut { peers, ports, requests: RequestSamples::default() }
}

/// The far ends that a rule tells apart: one set for each peer.
fn peer_pieces(policy: &NetworkPolicy, rule: &Rule, platform: &Platform, known: &Known) -> Vec<Peers> {
    let Some(peers) = &rule.peers else { return vec![Peers::all()] };
    let each = peers.iter().flat_map(|peer| match peer {
        PeerTest::Pods(namespace, labels) => {
            let namespace = namespace_cube(namespace, &policy.object.namespace);
            vec![Peers::from(PodSet::from(PodCube { namespace, labels: labels.clone(), account: Values::any() }))]
        }
        PeerTest::Block(block) => {
            let addresses = [Some(&block.addresses), block.sure.as_ref()].into_iter().flatten().map(|all| Peers::from(all.clone()));
            let pods = may_hold_pods(block, platform, known).then(|| Peers { pods: PodSet::all(), addresses: AddressSet::none() });
            addresses.chain(pods).collect()
        }
    });
    each.filter(|peers| !peers.is_empty()).collect()
}

/// Whether a block says anything but no of a pod whose address is not known, or of one that is there and uses its node's.
fn may_hold_pods(block: &Block, platform: &Platform, known: &Known) -> bool {
    let holds = |own: &OnNode| match own {
        OnNode::At(addresses) => addresses.overlaps(&block.addresses),
        OnNode::Anywhere => !Reach::of_nodes(platform).inside(block).is_no(),
    };
    platform.ipblock_matches_pods != Some(false) && !Reach::of_pods(platform).inside(block).is_no() || known.on_nodes.iter().any(holds)
}

/// The ports that a rule tells apart by number and by range.
fn port_pieces(rule: &Rule, near: &Endpoint, platform: &Platform) -> Vec<PortSet> {
    let Some(tests) = &rule.ports else { return vec![PortSet::all()] };
    let mut pieces = vec![tests.sure.clone()];
    if platform.end_port != Some(false) {
        pieces.push(tests.ranges.clone());
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces.extend(tunnels(near, &pieces));
    pieces
}

/// Every TCP port, where a rule for the port of the tunnel holds connections over mTLS to any of them.
fn tunnels(near: &Endpoint, pieces: &[PortSet]) -> Option<PortSet> {
    let tunnel = |piece: &PortSet| piece.contains(Protocol::Tcp, wire::HBONE) && !piece.is_full(Protocol::Tcp);
    let reached = wire::plane(near) != DataPlane::None && pieces.iter().any(tunnel);
    reached.then(|| PortSet::full(Protocol::Tcp))
}

/// The ports that names may stand for.
///
/// Where the pod's ports are known these are numbers; where they are not, every port of the protocol is one that it may call so.
/// Towards pods of which only the asker knows the ports, the asker must cut by these too.
fn named(rule: &Rule, near: &Endpoint, way: Way, workloads: &Known) -> Vec<PortSet> {
    let Some(tests) = &rule.ports else { return Vec::new() };
    let own = near.facts.ports.as_ref().filter(|_| way == Way::Ingress);
    let mut pieces = Vec::new();
    for (protocol, name) in &tests.names {
        if let Some(own) = own {
            let called = own.iter().filter(|port| port.name == *name && port.protocol == *protocol);
            pieces.extend(called.map(|port| PortSet::one(*protocol, port.number)));
            continue;
        }
        pieces.push(PortSet::full(*protocol));
        let known = workloads.port_numbers.get(&(*protocol, Symbol::clone(name))).into_iter().flatten();
        pieces.extend(known.filter(|_| way == Way::Egress).map(|number| PortSet::one(*protocol, *number)));
    }
    pieces.extend(tunnels(near, &pieces));
    pieces
}
