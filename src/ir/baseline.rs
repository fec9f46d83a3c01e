//! The flows that a default deny must not cut (design §4.4, `semantics.md` §5.3).
//!
//! Owns: `Baseline` and the list for a namespace. Emission and `explain --baseline` read it; nothing is added elsewhere.

use std::fmt::Write as _;

use crate::config::{Config, PodSelector, Servers};
use crate::flow::{AddressSet, DataPlane, LabelCube, Peers, PodCube, PodSet, PortSet, Values};
use crate::ir::{Namespace, Policy};
use crate::syntax::ast::Direction;

/// One kind of flow that every pod of a namespace keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// Which pods of the namespace keep it.
    pub subject: LabelCube,
    /// Seen from those pods.
    pub direction: Direction,
    /// The other end.
    pub peers: Peers,
    /// On the destination's pod.
    pub ports: PortSet,
    /// Why pods need it, in a few words.
    pub why: &'static str,
}

impl Policy {
    /// What every pod of this namespace keeps under a default deny.
    pub fn baseline(&self, namespace: &Namespace) -> Vec<Baseline> {
        let mut list = vec![dns(&self.config)];
        if namespace.plane == Some(DataPlane::Sidecar) {
            list.push(served(&self.config.control_plane, Direction::Out, "sidecars fetch configuration and certificates"));
            list.push(served(&self.config.scraper, Direction::In, "the scraper reads metrics from sidecars"));
        }
        list.extend(self.serving(namespace));
        list.retain(|entry| !entry.peers.is_empty() && !entry.ports.is_empty());
        list
    }
}

impl Policy {
    /// The other end of what every pod keeps: in a managed namespace that holds DNS or the control plane, their pods stay
    /// reachable for every pod, of unmanaged namespaces too, and for nodes.
    fn serving(&self, namespace: &Namespace) -> Vec<Baseline> {
        let config = &self.config;
        let dns = config.dns.pods.iter().map(|server| (server, &config.dns.ports, "pods look up names here"));
        let control =
            config.control_plane.pods.iter().map(|server| (server, &config.control_plane.ports, "sidecars fetch configuration here"));
        let here = dns.chain(control).filter(|(server, _, _)| server.namespace == namespace.name);
        let peers = Peers { pods: PodSet::all(), addresses: config.cluster.nodes.clone() };
        here.map(|(server, ports, why)| Baseline {
            subject: cube(server).labels,
            direction: Direction::In,
            peers: peers.clone(),
            ports: ports.clone(),
            why,
        })
        .collect()
    }
}

/// A baseline in words, one line a flow, for people.
pub fn describe(policy: &Policy) -> String {
    let mut text = String::new();
    for namespace in policy.managed() {
        let _ = writeln!(text, "{}", namespace.name);
        for entry in policy.baseline(namespace) {
            let _ = writeln!(text, "  {}  # {}", line(&entry), entry.why);
        }
    }
    text
}

/// One flow of the baseline as the language would write it.
fn line(entry: &Baseline) -> String {
    let pods = entry.peers.pods.cubes().iter().map(ToString::to_string);
    let addresses = entry.peers.addresses.prefixes().into_iter().map(|prefix| prefix.to_string());
    let peers = pods.chain(addresses).collect::<Vec<_>>().join(" or ");
    match entry.direction {
        Direction::In => format!("allow in {peers} -> {}:{}", entry.subject, entry.ports),
        Direction::Out => format!("allow out {} -> {peers}:{}", entry.subject, entry.ports),
    }
}

/// Names are looked up over UDP, and over TCP where an answer is large (`semantics.md` trap 7).
fn dns(config: &Config) -> Baseline {
    let peers = Peers { pods: pods(&config.dns.pods), addresses: config.dns.node_local.clone() };
    Baseline { subject: LabelCube::all(), direction: Direction::Out, peers, ports: config.dns.ports.clone(), why: "names are looked up" }
}

fn served(servers: &Servers, direction: Direction, why: &'static str) -> Baseline {
    let peers = Peers { pods: pods(&servers.pods), addresses: AddressSet::none() };
    Baseline { subject: LabelCube::all(), direction, peers, ports: servers.ports.clone(), why }
}

/// The pods of the configuration's selectors.
fn pods(selectors: &[PodSelector]) -> PodSet {
    selectors.iter().map(cube).collect()
}

fn cube(selector: &PodSelector) -> PodCube {
    let labels = selector.labels.iter().fold(LabelCube::all(), |cube, (key, value)| cube.with(key.clone(), Values::one(value.clone())));
    PodCube { labels, ..PodCube::in_namespace(&selector.namespace) }
}
