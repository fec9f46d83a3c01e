//! The first gate: `NetworkPolicy`, `semantics.md` §1.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::address::Block;
use super::read::{IpBlock, LabelSelector, NetworkPolicy, Object, PolicyPeer, PolicyPort, PortValue, Requirement};
use super::{Cluster, Flow, Gate, NamespaceLabels, Network, Peer, Pod, PodAddresses, Protocol, Truth};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

/// What the source's policies say: egress is judged with the destination as peer (§1.2).
pub(super) fn egress(cluster: &Cluster, flow: &Flow) -> Gate {
    gate(cluster, flow, Direction::Egress)
}

/// What the destination's policies say (§1.2).
pub(super) fn ingress(cluster: &Cluster, flow: &Flow) -> Gate {
    gate(cluster, flow, Direction::Ingress)
}

fn gate(cluster: &Cluster, flow: &Flow, direction: Direction) -> Gate {
    let (name, own, other) = match direction {
        Direction::Egress => ("NetworkPolicy egress", &flow.source, &flow.destination),
        Direction::Ingress => ("NetworkPolicy ingress", &flow.destination, &flow.source),
    };
    // §1.2: an end that is no pod has no policies of its own.
    let Peer::Pod(pod) = own else { return Gate::new(name, Truth::Yes, "this end is no pod") };
    let isolating: Vec<_> = cluster.network_policies.iter().filter(|policy| applies(policy, pod, direction)).collect();
    if isolating.is_empty() {
        return Gate::new(name, Truth::Yes, "no policy selects the pod");
    }
    let why = isolating.iter().map(|policy| policy.id()).collect::<Vec<_>>().join(", ");
    // §1.7: a policy that selects a host-network pod is undefined; §1.6: so are protocols other than these three.
    if pod.network == Network::Host {
        return Gate::new(name, Truth::unknown("a policy selects a host-network pod"), why);
    }
    if flow.protocol == Protocol::Other {
        return Gate::new(name, Truth::unknown("the protocol is none that NetworkPolicy knows"), why);
    }
    // §1.7: what runs on the pod's own node always gets in; whether the pod always gets out to it is disputed.
    let own_node = matches!(other, Peer::OwnNode(_));
    if own_node && direction == Direction::Ingress {
        return Gate::new(name, Truth::Yes, "the pod's own node is always admitted");
    }
    let mut answers: Vec<Truth> = isolating.iter().map(|policy| permits(cluster, policy, other, flow, direction)).collect();
    if own_node {
        answers.push(Truth::unknown("egress to the pod's own node"));
    }
    Gate::new(name, Truth::any(answers), why)
}

/// §1.2 `applies`.
fn applies(policy: &Object<NetworkPolicy>, pod: &Pod, direction: Direction) -> bool {
    let everything = LabelSelector::default();
    // §1.1.2: an absent selector is the empty one.
    let selector = policy.spec.pod_selector.as_ref().unwrap_or(&everything);
    policy.namespace == pod.namespace && types(&policy.spec).contains(&direction) && selects(selector, &pod.labels)
}

/// §1.1.3 and §1.1.4.
fn types(policy: &NetworkPolicy) -> Vec<Direction> {
    let given = policy.policy_types.as_deref().unwrap_or_default();
    if given.is_empty() {
        let has_egress = policy.egress.as_ref().is_some_and(|rules| !rules.is_empty());
        return if has_egress { vec![Direction::Ingress, Direction::Egress] } else { vec![Direction::Ingress] };
    }
    let named = |text: &str, direction| given.iter().any(|each| each == text).then_some(direction);
    [named("Ingress", Direction::Ingress), named("Egress", Direction::Egress)].into_iter().flatten().collect()
}

/// §1.2: one rule whose peers and whose ports both match.
fn permits(cluster: &Cluster, policy: &Object<NetworkPolicy>, other: &Peer, flow: &Flow, direction: Direction) -> Truth {
    let rule = |peers: Option<&Vec<PolicyPeer>>, ports: Option<&Vec<PolicyPort>>| {
        let peers = any_or_all(peers, |peer| peer_matches(cluster, policy, peer, other));
        let ports = any_or_all(ports, |port| port_matches(port, flow));
        Truth::all([peers, ports])
    };
    match direction {
        Direction::Ingress => Truth::any(policy.spec.ingress.iter().flatten().map(|r| rule(r.from.as_ref(), r.ports.as_ref()))),
        Direction::Egress => Truth::any(policy.spec.egress.iter().flatten().map(|r| rule(r.to.as_ref(), r.ports.as_ref()))),
    }
}

/// §1.1.6, §1.3: a missing or empty list restricts nothing.
fn any_or_all<T>(list: Option<&Vec<T>>, matches: impl Fn(&T) -> Truth) -> Truth {
    match list {
        None => Truth::Yes,
        Some(items) if items.is_empty() => Truth::Yes,
        Some(items) => Truth::any(items.iter().map(matches)),
    }
}

/// §1.4.
fn peer_matches(cluster: &Cluster, policy: &Object<NetworkPolicy>, peer: &PolicyPeer, other: &Peer) -> Truth {
    match (peer.ip_block.as_ref(), peer.namespace_selector.as_ref(), peer.pod_selector.as_ref()) {
        (Some(block), None, None) => block_matches_peer(cluster, block, other),
        (None, None, None) => Truth::unknown("the server refuses a peer without a field"),
        (Some(_), _, _) => Truth::unknown("the server refuses an ipBlock beside a selector"),
        (None, namespaces, pods) => {
            let Peer::Pod(pod) = other else { return Truth::No };
            let in_namespace = match namespaces {
                None => Truth::of(pod.namespace == policy.namespace),
                Some(selector) => selects_namespace(selector, pod),
            };
            let matched = Truth::all([in_namespace, Truth::of(pods.is_none_or(|selector| selects(selector, &pod.labels)))]);
            // §1.7: as a peer by selector a host-network pod is undefined.
            if pod.network == Network::Host && matched != Truth::No {
                return Truth::unknown("a selector meets a host-network pod");
            }
            matched
        }
    }
}

/// §1.8.
fn block_matches_peer(cluster: &Cluster, block: &IpBlock, other: &Peer) -> Truth {
    match other {
        Peer::Address(ip) | Peer::OwnNode(ip) => block_matches(block, *ip),
        // §1.7: the traffic of a host-network pod is traffic of its node's address.
        Peer::Pod(pod) if pod.network == Network::Host => {
            pod.ip.map_or_else(|| Truth::unknown("the node's address is not known"), |ip| block_matches(block, ip))
        }
        Peer::Pod(pod) => match (pod.ip.map(|ip| block_matches(block, ip)), cluster.settings.ip_block_matches_pods) {
            (None | Some(Truth::No), _) | (_, PodAddresses::Ignored) => Truth::No,
            (Some(matched), PodAddresses::Matched) => matched,
            (Some(_), PodAddresses::Unknown) => Truth::unknown("a pod's address lies in an ipBlock"),
        },
    }
}

fn block_matches(block: &IpBlock, ip: IpAddr) -> Truth {
    let inside = |cidr: &str| Block::parse(cidr).map_or_else(Truth::Unknown, |block| Truth::of(block.contains(ip)));
    let excepted = Truth::any(block.except.iter().flatten().map(|cidr| inside(cidr)));
    Truth::all([inside(&block.cidr), excepted.not()])
}

/// §1.6. The port is always one of the destination, whichever end the policy guards.
fn port_matches(port: &PolicyPort, flow: &Flow) -> Truth {
    let protocol = match port.protocol.as_deref() {
        None | Some("TCP") => Protocol::Tcp,
        Some("UDP") => Protocol::Udp,
        Some("SCTP") => Protocol::Sctp,
        Some(other) => return Truth::unknown(format!("the server refuses the protocol `{other}`")),
    };
    if protocol != flow.protocol {
        return Truth::No;
    }
    match (&port.port, port.end_port) {
        (None, None) => Truth::Yes,
        (Some(PortValue::Number(first)), last) => {
            let last = last.unwrap_or(*first);
            Truth::of((*first..=last).contains(&i64::from(flow.port)))
        }
        (Some(PortValue::Name(name)), None) => Truth::of(named_port_matches(name, flow)),
        (None | Some(PortValue::Name(_)), Some(_)) => Truth::unknown("the server refuses an endPort without a number"),
    }
}

/// §1.6: resolved per destination pod, by name and protocol; where there is no pod it never matches.
fn named_port_matches(name: &str, flow: &Flow) -> bool {
    let Peer::Pod(pod) = &flow.destination else { return false };
    pod.ports.iter().any(|port| port.name == name && port.protocol == flow.protocol && port.number == flow.port)
}

/// §1.5.
fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let equal = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    equal && selector.match_expressions.iter().flatten().all(|requirement| holds(requirement, labels))
}

fn holds(requirement: &Requirement, labels: &BTreeMap<String, String>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let value = labels.get(&requirement.key);
    match requirement.operator.as_str() {
        "In" => value.is_some_and(|value| values.contains(value)),
        "NotIn" => value.is_none_or(|value| !values.contains(value)),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}

const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// §1.5: every namespace carries its name as a label; another label of a namespace that nobody described is unknown.
fn selects_namespace(selector: &LabelSelector, pod: &Pod) -> Truth {
    let name = (NAME_LABEL.to_owned(), pod.namespace.clone());
    match &pod.namespace_labels {
        NamespaceLabels::Known(labels) => Truth::of(selects(selector, &labels.clone().into_iter().chain([name]).collect())),
        NamespaceLabels::Unknown => {
            let by_name = LabelSelector {
                match_labels: selector.match_labels.clone().map(|mut labels| {
                    labels.retain(|key, _| key == NAME_LABEL);
                    labels
                }),
                match_expressions: selector.match_expressions.clone().map(|mut list| {
                    list.retain(|requirement| requirement.key == NAME_LABEL);
                    list
                }),
            };
            let size = |s: &LabelSelector| s.match_labels.iter().flatten().count() + s.match_expressions.iter().flatten().count();
            let rest = if size(&by_name) == size(selector) { Truth::Yes } else { Truth::unknown("namespace labels unknown") };
            Truth::all([Truth::of(selects(&by_name, &BTreeMap::from([name]))), rest])
        }
    }
}
