//! What the policies that select one end of a hop say of a connection.
//!
//! Owns: `semantics.md` §1.2, §1.4 and §1.6 to §1.8. It allocates nothing where rules decide one by one: a doubt refers to what causes it.

use std::net::IpAddr;

use super::reach::Reach;
use super::{Block, NamespaceTest, NetworkPolicy, PeerTest, PortTests, Rule, Selected};
use crate::cluster::truth::{Doubt, Truth};
use crate::cluster::{Addressed, Endpoint, Network, Platform, Way, selector};
use crate::flow::{AddressSet, Peer, Pod, Protocol};

/// A connection, seen from one of its ends.
#[derive(Debug, Clone, Copy)]
pub(in crate::cluster) struct Connection<'a> {
    /// What is known of the platform.
    pub(in crate::cluster) platform: &'a Platform,
    /// The end whose policies are asked.
    pub(in crate::cluster) near: &'a Endpoint,
    /// The other end.
    pub(in crate::cluster) far: &'a Endpoint,
    /// Which way the connection goes at the near end.
    pub(in crate::cluster) way: Way,
    /// Its protocol on the wire.
    pub(in crate::cluster) protocol: Protocol,
    /// Its port on the wire.
    pub(in crate::cluster) port: u16,
    /// What the client addresses.
    pub(in crate::cluster) addressed: &'a Addressed,
    /// The Service whose address its packets may have where they leave the client.
    pub(in crate::cluster) service: Option<Untranslated<'a>>,
    /// The addresses with which probes of the near end's own node arrive there (§5.4); empty where they have the node's, and where an
    /// address is taken for none of that node.
    pub(in crate::cluster) probes: &'a AddressSet,
}

/// The address of a Service, which packets have until they are led to a pod: before or after a policy looks at them (§1.6).
#[derive(Debug, Clone, Copy)]
pub(in crate::cluster) struct Untranslated<'a> {
    /// The addresses of the Service; empty if they are not known.
    pub(in crate::cluster) addresses: &'a [IpAddr],
    /// The port of the Service.
    pub(in crate::cluster) port: u16,
}

/// Whether the far end is on the near end's own node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Own,
    Other,
    Perhaps,
    /// It has an address of which some plugins know that it is the node's, and others do not (§5.4).
    Probe,
}

/// Whether the policies that select an end let a connection pass there.
pub(in crate::cluster) fn gate<'a>(selected: &[Selected<'a>], connection: &Connection<'a>) -> Truth<'a> {
    if selected.is_empty() {
        return Truth::Yes;
    }
    if connection.is_loop() && *connection.addressed == Addressed::Pod {
        return Truth::Yes;
    }
    if connection.near.facts.network == Network::Host {
        return Truth::Unknown(Doubt::HostNetworkSubject);
    }
    if connection.protocol == Protocol::Sctp && connection.platform.sctp != Some(true) {
        return Truth::Unknown(Doubt::Sctp);
    }
    let node = connection.node();
    if node == Node::Own && connection.way == Way::Ingress {
        return Truth::Yes;
    }
    let judged = permitted(selected, connection);
    if connection.is_loop() {
        return judged.unless(Doubt::Hairpin);
    }
    match (node, connection.way) {
        (Node::Other, _) | (Node::Own, Way::Ingress) => judged,
        (Node::Own | Node::Perhaps, Way::Egress) => judged.unless(Doubt::NodeEgress),
        (Node::Perhaps, Way::Ingress) => judged.unless(Doubt::Perhaps),
        (Node::Probe, _) => judged.unless(Doubt::Probe),
    }
}

/// Whether a rule lets the connection pass, or several do together, or perhaps no policy isolates the end at all.
fn permitted<'a>(selected: &[Selected<'a>], connection: &Connection<'a>) -> Truth<'a> {
    let permits = |one: &Selected<'a>| connection.policy(one);
    let sure = selected.iter().filter(|one| one.applies.is_yes());
    let by_sure = match Truth::any(sure.clone().map(permits)) {
        Truth::Unknown(_) if connection.in_every_case(sure.clone().flat_map(|one| connection.on_port(one))) => Truth::Yes,
        by_one => by_one,
    };
    if by_sure.is_yes() {
        return by_sure;
    }
    let mut unsure = selected.iter().filter(|one| !one.applies.is_yes());
    if sure.count() == 0 {
        // Isolated or not, it passes if each of them would let it; else it hangs on which of them select the pod.
        let refusing = unsure.find(|one| !permits(one).is_yes());
        return refusing.map_or(Truth::Yes, |one| one.applies);
    }
    by_sure.or(Truth::any(unsure.map(|one| one.applies.and(permits(one)))))
}

impl<'a> Connection<'a> {
    /// Whether the rules of a policy let the connection pass: one of them, or several whose blocks hold the far end's address together, or
    /// whose selectors its namespace.
    pub(super) fn policy(&self, one: &Selected<'a>) -> Truth<'a> {
        let by_one = Truth::any(one.rules.iter().map(|rule| self.rule(one.policy, rule)));
        let open = || one.rules.iter().filter(|rule| self.ports(rule).is_yes());
        match by_one {
            Truth::Unknown(_) if self.is_within(open().filter_map(|rule| rule.peers.as_deref()).flatten()) => Truth::Yes,
            Truth::Unknown(_) if self.in_every_case(self.on_port(one)) => Truth::Yes,
            _ => by_one,
        }
    }

    /// Whether the blocks among some peers together hold the far end, a pod, whichever of its addresses it uses (§1.8).
    fn is_within<'p>(&self, peers: impl Iterator<Item = &'p PeerTest> + Clone) -> bool {
        let blocks = peers.filter_map(|peer| match peer {
            PeerTest::Block(block) => Some(block),
            PeerTest::Pods(..) => None,
        });
        let blocks_match = self.far.facts.network == Network::Host || self.platform.ipblock_matches_pods == Some(true);
        let is_pod = matches!(self.far.peer, Peer::Pod(_));
        is_pod && blocks_match && blocks.clone().nth(1).is_some() && Reach::of_far(self.far, self.near, self.platform).is_within(blocks)
    }

    /// Whether both the peers and the ports of a rule hold the connection.
    pub(super) fn rule(&self, policy: &'a NetworkPolicy, rule: &'a Rule) -> Truth<'a> {
        let ports = self.ports(rule);
        let judged = if ports.is_no() { ports } else { ports.and(self.peers(policy, rule)) };
        if judged.is_yes() || !self.may_hold_service(rule) { judged } else { judged.or(Truth::Unknown(Doubt::ServiceAddress)) }
    }

    /// Whether a rule would let the connection pass if it saw the Service that is called, and no pod behind it.
    fn may_hold_service(&self, rule: &Rule) -> bool {
        let (Some(service), Some(peers)) = (self.service, &rule.peers) else { return false };
        let holds = |block: &Block| match service.addresses {
            [] => self.platform.services.overlaps(&block.addresses),
            known => known.iter().any(|address| block.addresses.contains(*address)),
        };
        let called = Self { port: service.port, ..*self };
        peers.iter().any(|peer| matches!(peer, PeerTest::Block(block) if holds(block)))
            && rule.ports.as_ref().is_none_or(|ports| !called.numbers(ports).is_no())
    }

    /// Whether the peers of a rule hold the far end.
    pub(super) fn peers(&self, policy: &'a NetworkPolicy, rule: &'a Rule) -> Truth<'a> {
        let Some(peers) = &rule.peers else { return Truth::Yes };
        match Truth::any(peers.iter().map(|peer| self.peer(policy, peer))) {
            Truth::Unknown(_) if self.is_within(peers.iter()) => Truth::Yes,
            Truth::Unknown(_) if self.in_every_case(std::iter::once((policy, rule))) => Truth::Yes,
            by_one => by_one,
        }
    }

    /// Whether the ports of a rule hold the connection's.
    pub(super) fn ports(&self, rule: &'a Rule) -> Truth<'a> {
        let Some(ports) = &rule.ports else { return Truth::Yes };
        let plain = self.numbers(ports);
        if plain.is_yes() || ports.names.is_empty() {
            return self.through_service(plain);
        }
        let names = ports.names.iter().filter(|(protocol, _)| *protocol == self.protocol);
        self.through_service(plain.or(Truth::any(names.map(|(_, name)| self.named_port(name)))))
    }

    /// An answer about a port that may be translated before or after it is judged.
    fn through_service(&self, answer: Truth<'a>) -> Truth<'a> {
        if self.is_service() { answer.unless(Doubt::ServiceAddress) } else { answer }
    }

    /// Whether the connection's port is in by its number.
    fn numbers(&self, ports: &PortTests) -> Truth<'a> {
        if ports.sure.contains(self.protocol, self.port) {
            return Truth::Yes;
        }
        match (ports.ranges.contains(self.protocol, self.port), self.platform.end_port) {
            (false, _) | (true, Some(false)) => Truth::No,
            (true, Some(true)) => Truth::Yes,
            (true, None) => Truth::Unknown(Doubt::EndPort),
        }
    }

    /// Whether the destination's pod calls the port by this name; where there is no pod, nothing does.
    fn named_port(&self, name: &'a str) -> Truth<'a> {
        let destination = match self.way {
            Way::Ingress => self.near,
            Way::Egress => self.far,
        };
        if matches!(destination.peer, Peer::Address(_)) || self.platform.named_ports == Some(false) {
            return Truth::No;
        }
        let Some(ports) = &destination.facts.ports else { return Truth::Unknown(Doubt::PortsUnknown { name }) };
        let is_it = ports.iter().any(|port| *port.name == *name && port.protocol == self.protocol && port.number == self.port);
        match (is_it, self.platform.named_ports) {
            (false, _) => Truth::No,
            (true, Some(_)) => Truth::Yes,
            (true, None) => Truth::Unknown(Doubt::NamedPorts { name }),
        }
    }

    /// Whether one peer of a rule holds the far end (§1.4).
    pub(super) fn peer(&self, policy: &'a NetworkPolicy, peer: &'a PeerTest) -> Truth<'a> {
        if self.is_service() {
            return Truth::Unknown(Doubt::ServiceAddress);
        }
        match (peer, &self.far.peer) {
            (PeerTest::Pods(..), Peer::Address(_)) => Truth::No,
            (PeerTest::Pods(namespace, labels), Peer::Pod(pod)) => {
                let chosen = self.namespace(policy, namespace, pod).and(selector::chooses(labels, pod, self.far));
                let undefined = self.far.facts.network == Network::Host && !chosen.is_no();
                if undefined { Truth::Unknown(Doubt::HostNetworkPeer) } else { chosen }
            }
            (PeerTest::Block(block), Peer::Address(address)) => held(block, *address),
            (PeerTest::Block(block), Peer::Pod(_)) => self.pod_in(block),
        }
    }

    /// Whether a peer's namespaces hold the pod's.
    fn namespace(&self, policy: &NetworkPolicy, test: &'a NamespaceTest, pod: &'a Pod) -> Truth<'a> {
        match test {
            NamespaceTest::Own => Truth::of(pod.namespace == policy.object.namespace),
            NamespaceTest::Any => Truth::Yes,
            NamespaceTest::Named(name) => Truth::of(pod.namespace == *name),
            NamespaceTest::Labelled(cube) => selector::chooses_namespace(cube, pod, self.far),
        }
    }

    /// Whether a block holds the far end, a pod (§1.8).
    ///
    /// The traffic of a pod on its node's network has the node's address and no pod's.
    fn pod_in(&self, block: &'a Block) -> Truth<'a> {
        let inside = Reach::of_far(self.far, self.near, self.platform).inside(block);
        if self.far.facts.network == Network::Host {
            return inside;
        }
        match (inside, self.platform.ipblock_matches_pods) {
            (Truth::No, _) | (_, Some(false)) => Truth::No,
            (inside, Some(true)) => inside,
            (_, None) => Truth::Unknown(Doubt::PodInBlock { block }),
        }
    }

    /// Whether the far end is the address of a Service. A policy may see it before or after its translation (§1.6).
    fn is_service(&self) -> bool {
        let Peer::Address(address) = self.far.peer else { return false };
        self.way == Way::Egress && (self.service.is_some() || self.platform.services.contains(address))
    }

    /// Whether a pod calls itself.
    fn is_loop(&self) -> bool {
        let (near, far) = (&self.near.facts.one_pod, &self.far.facts.one_pod);
        near.is_some() && near == far
    }

    /// Whether the far end has the address with which probes of the pod's own node arrive, and perhaps others of its processes.
    fn is_probe(&self) -> bool {
        let Peer::Address(address) = self.far.peer else { return false };
        self.way == Way::Ingress && self.protocol == Protocol::Tcp && self.probes.contains(address)
    }

    /// Whether the far end is on the near end's node: only what uses the node's network is.
    fn node(&self) -> Node {
        let on_node = match self.far.peer {
            Peer::Pod(_) => self.far.facts.network == Network::Host,
            Peer::Address(_) => self.far.facts.node.is_some(),
        };
        if !on_node {
            return if self.is_probe() { Node::Probe } else { Node::Other };
        }
        match (&self.near.facts.node, &self.far.facts.node) {
            (Some(near), Some(far)) if near == far => Node::Own,
            (Some(_), Some(_)) => Node::Other,
            _ => Node::Perhaps,
        }
    }
}

/// Whether a block holds an address.
fn held(block: &Block, address: IpAddr) -> Truth<'_> {
    let is_sure = block.sure.as_ref().unwrap_or(&block.addresses).contains(address);
    match (is_sure, block.addresses.contains(address)) {
        (true, _) => Truth::Yes,
        (false, false) => Truth::No,
        (false, true) => Truth::Unknown(Doubt::HostBits { block }),
    }
}
