//! Calls that come in at the edge of a cluster: through a load balancer, an external address, or a port of a node.
//!
//! Owns: `decide`, `note`. With which address the caller arrives there is not its own affair (`semantics.md` §1.6), nor is which of two
//! addresses its own policies see: whatever policies tell apart there is unspecified. It must not know how a flow is written.

use std::net::IpAddr;

use super::call::Call;
use super::open::left_open;
use super::question::{Edge, Entrance};
use super::range;
use super::setting::Setting;
use super::world::{self, Known};
use crate::cluster::{Addressed, Decision, Gate, Question, Step, Way};
use crate::config::IngressSource;
use crate::flow::{AddressSet, DataPlane, Family, Peer, Protocol, Transport, Verdict};
use crate::inventory::{ExternalTraffic, TakenBy};

/// With which address a caller arrives.
enum Arrival {
    /// Its own.
    Kept,
    /// One of these, and not its own.
    Changed(Others),
    /// Its own, or one of these.
    Open(Others),
}

/// The addresses with which a caller may arrive in the place of its own.
struct Others {
    addresses: AddressSet,
    /// Why it is not known which.
    doubt: String,
    /// Whether that of the node is, or may be, among them on which the pod runs.
    own_node: OwnNode,
}

/// Whether a caller may arrive with the address of the pod's own node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OwnNode {
    /// It may.
    Perhaps,
    /// It does not.
    Never,
}

/// The answer for a call that comes in at the edge.
pub(super) fn decide(setting: &Setting, call: &Call, entrance: &Entrance) -> Decision {
    let written = setting.cluster.decide(&carried(call, entrance));
    let (kept, others) = match arrival(setting, call, entrance) {
        Arrival::Kept => (vec![written.clone()], None),
        Arrival::Changed(others) => (Vec::new(), Some(others)),
        Arrival::Open(others) => (vec![written.clone()], Some(others)),
    };
    let changed = others.as_ref().map_or_else(Vec::new, |others| arrivals(setting, call, entrance, &others.addresses));
    let doubt = others.as_ref().map(|others| others.doubt.as_str()).unwrap_or_default();
    let from_own_node = others.as_ref().is_some_and(|others| others.own_node == OwnNode::Perhaps);
    let from_own_node: Vec<Verdict> = changed.iter().filter(|_| from_own_node).map(past_network).collect();
    let arrivals: Vec<Decision> = kept.into_iter().chain(changed).collect();
    let entering: Vec<Verdict> = arrivals.iter().map(|decision| verdict(decision, |step| step.gate != Gate::Egress)).collect();
    let leaving = leaving(setting, call, entrance, &written);
    let verdict = together(&entering, &leaving, doubt, &call.source.short);
    let is_it = |decision: &&Decision| std::mem::discriminant(&decision.verdict) == std::mem::discriminant(&verdict);
    // As the flow has it, where that may be what arrives.
    let told = || std::iter::once(&written).filter(|written| arrivals.contains(written)).chain(&arrivals);
    let told = told().find(is_it).or_else(|| told().next()).unwrap_or(&written).clone();
    let told = Decision { verdict, ..told };
    let all: Vec<Verdict> = entering.into_iter().chain(from_own_node).collect();
    let otherwise = matches!(told.verdict, Verdict::Denied) && together(&all, &leaving, doubt, &call.source.short) != Verdict::Denied;
    let told = if otherwise { perhaps_from_own_node(told, entrance) } else { told };
    if told.verdict == Verdict::Allowed && !is_admitted(setting, call, entrance) { perhaps_refused(told, entrance) } else { told }
}

/// Whether a load balancer is told to take calls from wherever the caller may be. Nodes hold that against callers of the cluster as well, by
/// the addresses that these have (kubernetes/kubernetes : pkg/proxy/iptables/proxier.go, the chains `KUBE-FW`).
fn is_admitted(setting: &Setting, call: &Call, entrance: &Entrance) -> bool {
    let Some(sources) = &entrance.sources else { return true };
    let Known { endpoint, range, .. } = &call.source;
    let pods = &setting.policy.config.cluster.pods;
    match (&endpoint.peer, endpoint.facts.addresses.as_slice()) {
        (Peer::Address(address), _) if range.is_empty() => sources.contains(*address),
        (Peer::Address(_), _) => range.is_subset(sources),
        (Peer::Pod(_), []) if pods.is_empty() => anywhere(call, entrance).is_subset(sources),
        (Peer::Pod(_), []) => pods.is_subset(sources),
        (Peer::Pod(_), own) => own.iter().all(|address| sources.contains(*address)),
    }
}

/// A call that passes if nobody minds from where a load balancer is told to take calls: not all of them look at that.
fn perhaps_refused(told: Decision, entrance: &Entrance) -> Decision {
    let by = &entrance.by;
    let reason = format!(
        "the `loadBalancerSourceRanges` of {by} do not hold the caller for sure: whether it is refused hangs on the load balancer and on what stands in for it on nodes"
    );
    Decision { verdict: Verdict::Unspecified(reason), ..told }
}

/// What becomes of a connection that no policy of the network stops where it arrives.
fn past_network(decision: &Decision) -> Verdict {
    verdict(decision, |step| !matches!(step.gate, Gate::Egress | Gate::Ingress))
}

/// A refusal that does not stand if the caller arrives with the address of the pod's own node, from which it is always reached
/// (`semantics.md` §1.7).
fn perhaps_from_own_node(refusal: Decision, entrance: &Entrance) -> Decision {
    let reason = format!(
        "by way of {} the caller may arrive with the address of the pod's own node, from which a pod is always reached",
        entrance.by
    );
    left_open(refusal, &reason, |step| step.gate == Gate::Ingress && step.verdict == Verdict::Denied)
}

/// One verdict of those on every way that a caller may enter and leave its own pod.
fn together(entering: &[Verdict], leaving: &[Verdict], doubt: &str, caller: &str) -> Verdict {
    if entering.is_empty() {
        return Verdict::Unspecified(doubt.to_owned());
    }
    let all = |verdicts: &[Verdict], wanted: &Verdict| !verdicts.is_empty() && verdicts.iter().all(|verdict| verdict == wanted);
    if all(entering, &Verdict::Denied) || all(leaving, &Verdict::Denied) {
        return Verdict::Denied;
    }
    let open = |verdicts: &[Verdict], doubt: String| {
        let first = verdicts.first()?;
        let alike = verdicts.iter().all(|verdict| std::mem::discriminant(verdict) == std::mem::discriminant(first));
        match first {
            Verdict::Allowed if alike => None,
            Verdict::Unspecified(_) if alike => Some(first.clone()),
            _ => Some(Verdict::Unspecified(doubt)),
        }
    };
    let leaves = || {
        let doubt = format!(
            "policies tell apart what leaves {caller} for the address of the node or that of the pod behind it, and which they see is not known"
        );
        open(leaving, doubt)
    };
    open(entering, doubt.to_owned()).or_else(leaves).unwrap_or(Verdict::Allowed)
}

/// The verdict of some steps alone. Where it is not known which way is taken, the steps are those of one of them and settle nothing.
fn verdict(decision: &Decision, counts: impl Fn(&Step) -> bool) -> Verdict {
    let steps = || decision.steps.iter().filter(|step| counts(step));
    let is_elsewhere = decision.steps.iter().any(|step| !counts(step) && step.verdict != Verdict::Allowed);
    let open = steps().find(|step| matches!(step.verdict, Verdict::Unspecified(_))).map(|step| step.verdict.clone());
    let is_refused = steps().any(|step| step.verdict == Verdict::Denied);
    match (&decision.verdict, is_refused, open) {
        (Verdict::Unspecified(_), false, Some(open)) => open,
        (Verdict::Unspecified(_), false, None) if is_elsewhere => Verdict::Allowed,
        (Verdict::Unspecified(_), ..) => decision.verdict.clone(),
        (_, true, _) => Verdict::Denied,
        (_, false, open) => open.unwrap_or(Verdict::Allowed),
    }
}

/// What becomes of the packets that leave the caller, by the pod that they get to and by the address that they are sent to. Where the
/// caller's own node translates it, policies that name the pod are enough, as with a Service's own address (`semantics.md` §1.6); it need
/// not translate that of a load balancer which is a proxy.
fn leaving(setting: &Setting, call: &Call, entrance: &Entrance, written: &Decision) -> Vec<Verdict> {
    let (address, port) = match (&call.source.endpoint.peer, entrance.at) {
        (Peer::Address(_), _) | (_, Edge::Name) => return Vec::new(),
        (_, Edge::Outside(address, port) | Edge::Node(address, port)) => (address, port),
    };
    let to_pod = verdict(written, |step| step.gate == Gate::Egress);
    let is_translated = matches!(entrance.at, Edge::Outside(..)) && entrance.taken_by != TakenBy::Proxy;
    if is_translated && to_pod == Verdict::Allowed {
        return vec![to_pod];
    }
    let destination = world::address(address).endpoint;
    let sent = Question { destination, port, transport: None, addressed: Addressed::Unsaid, ..call.question() };
    vec![to_pod, setting.cluster.decide(&sent).verdict]
}

/// The call behind the edge: what no proxy of the mesh takes for a Service of it goes on in plaintext.
fn carried(call: &Call, entrance: &Entrance) -> Question {
    let mut question = call.question();
    if let (Edge::Outside(..) | Edge::Node(..), Peer::Pod(pod)) = (entrance.at, &mut question.source.peer) {
        pod.plane = DataPlane::None;
    }
    question
}

/// The answers for callers with these addresses.
fn arrivals(setting: &Setting, call: &Call, entrance: &Entrance, addresses: &AddressSet) -> Vec<Decision> {
    let parts = range::apart(setting, &call.destination, Way::Ingress, addresses, (call.protocol, call.port));
    let known = parts.iter().filter_map(world::addresses);
    let transport = call.transport.or((call.protocol == Protocol::Tcp).then_some(Transport::Plaintext));
    let asked = |known: Known| Question { source: known.endpoint, transport, ..carried(call, entrance) };
    known.map(|known| setting.cluster.decide(&asked(known))).collect()
}

/// What becomes of a caller's address: a proxy keeps none, whatever the Service says.
const fn traffic(entrance: &Entrance) -> ExternalTraffic {
    match entrance.taken_by {
        TakenBy::Proxy => ExternalTraffic::Cluster,
        TakenBy::Nodes | TakenBy::Balancer => entrance.traffic,
    }
}

fn arrival(setting: &Setting, call: &Call, entrance: &Entrance) -> Arrival {
    let config = &setting.policy.config;
    let nodes = Some(&config.cluster.nodes).filter(|nodes| !nodes.is_empty());
    let anyones = || nodes.cloned().unwrap_or_else(|| anywhere(call, entrance));
    let by = &entrance.by;
    let own_node = OwnNode::Perhaps;
    let by_proxy = entrance.taken_by == TakenBy::Proxy;
    if matches!(call.source.endpoint.peer, Peer::Pod(_)) {
        return match entrance.traffic {
            _ if by_proxy => {
                let doubt = format!("with which address the caller arrives is not known: by way of {by} it may be that of a load balancer");
                Arrival::Open(Others { addresses: anywhere(call, entrance), doubt, own_node })
            }
            ExternalTraffic::Local => Arrival::Kept,
            ExternalTraffic::Cluster => {
                let doubt = format!("with which address the caller arrives is not known: by way of {by} it may be that of a node");
                Arrival::Open(Others { addresses: anyones(), doubt, own_node })
            }
        };
    }
    match (&config.ingress, traffic(entrance)) {
        (IngressSource::Client, _) | (IngressSource::Nodes | IngressSource::Unknown, ExternalTraffic::Local) => Arrival::Kept,
        (IngressSource::Unknown, ExternalTraffic::Cluster) => {
            let doubt = format!(
                "with which address the caller arrives is not known: {by} may put that of a node or of a load balancer in its place; \
                 `source` under `[ingress]` in `twogate.toml` says it"
            );
            Arrival::Open(Others { addresses: anywhere(call, entrance), doubt, own_node })
        }
        (IngressSource::Addresses(addresses), _) => {
            let doubt = "policies tell apart the addresses of `[ingress] source`, and with which of these addresses the caller arrives is not known";
            let own_node = own_node_within(setting, call, addresses);
            Arrival::Changed(Others { addresses: addresses.clone(), doubt: doubt.to_owned(), own_node })
        }
        (IngressSource::Nodes, ExternalTraffic::Cluster) => {
            let doubt = if nodes.is_some() {
                "callers arrive with the address of a node (`[ingress] source`), and policies tell those of `[cluster] node-cidrs` apart"
            } else {
                "callers arrive with the address of a node (`[ingress] source`), and `node-cidrs` under `[cluster]` does not say which that may be"
            };
            Arrival::Changed(Others { addresses: anyones(), doubt: doubt.to_owned(), own_node })
        }
    }
}

/// Whether the pod's own node may have one of these addresses: by the addresses of that node where they are known, else by those of nodes.
fn own_node_within(setting: &Setting, call: &Call, addresses: &AddressSet) -> OwnNode {
    let nodes = setting.world.addressed().nodes();
    let own = call.destination.endpoint.facts.node.as_ref();
    let known: Vec<IpAddr> = nodes.iter().filter(|(_, node)| own.is_none_or(|own| own == *node)).map(|(address, _)| *address).collect();
    let is_within = match known.as_slice() {
        [] => setting.policy.config.cluster.nodes.overlaps(addresses),
        known => known.iter().any(|address| addresses.contains(*address)),
    };
    if is_within { OwnNode::Perhaps } else { OwnNode::Never }
}

/// The addresses that anybody may put in the place of a caller's: nobody makes IPv6 of IPv4 on the way.
fn anywhere(call: &Call, entrance: &Entrance) -> AddressSet {
    let written = match call.source.endpoint.peer {
        Peer::Address(address) => Some(address),
        Peer::Pod(_) => None,
    };
    let called = match entrance.at {
        Edge::Name => None,
        Edge::Outside(address, _) | Edge::Node(address, _) => Some(address),
    };
    let is_old = called.or(written).is_some_and(|address| address.is_ipv4());
    if is_old { AddressSet::family(Family::V4) } else { AddressSet::all() }
}

/// With which address the caller was taken to arrive, where that is not its own; in a sentence without capital and full stop.
pub(super) fn note(setting: &Setting, call: &Call) -> Option<String> {
    let entrance = call.entrance.as_ref()?;
    let Peer::Address(_) = call.source.endpoint.peer else { return None };
    let by = &entrance.by;
    match (&setting.policy.config.ingress, traffic(entrance)) {
        (IngressSource::Nodes, ExternalTraffic::Cluster) => {
            Some(format!("by way of {by} the caller arrives with the address of a node, as `[ingress] source` says: judged as that"))
        }
        (IngressSource::Addresses(_), _) => {
            Some(format!("by way of {by} the caller arrives with an address of `[ingress] source`: judged as that"))
        }
        (IngressSource::Unknown, ExternalTraffic::Local) => {
            Some(format!("{by} keeps the caller's address (`externalTrafficPolicy: Local`); a load balancer that is a proxy does not"))
        }
        _ => None,
    }
}
