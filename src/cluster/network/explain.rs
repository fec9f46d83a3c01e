//! Why the network gate says what it says.
//!
//! Owns: the step of one end, with the rules that decided and what the others miss. It decides nothing: it asks `judge` again, rule
//! by rule.

use super::cases::together;
use super::judge::{Connection, gate};
use super::{NamespaceTest, NetworkPolicy, PeerTest, PortTests, Rule, Selected};
use crate::cluster::truth::Truth;
use crate::cluster::unmodelled::Unmodelled;
use crate::cluster::{Document, Gate, Miss, Step, Way};
use crate::flow::{NAMESPACE_NAME, Peer, PodCube, Protocol, Values, Verdict};

/// The step of one end: what the policies that select it say, unless objects that are not modelled could say something else.
pub(in crate::cluster) fn step(selected: &[Selected<'_>], connection: &Connection<'_>, objects: &[&Unmodelled]) -> Step {
    let answer = gate(selected, connection);
    let (verdict, reason) = match objects {
        [] => (answer.verdict(), reason(selected, connection, answer)),
        limits if answer.is_no() && limits.iter().all(|object| object.only_limits()) => {
            (answer.verdict(), reason(selected, connection, answer))
        }
        [first, ..] => (Verdict::Unspecified(first.to_string()), first.to_string()),
    };
    let decided_by = objects.iter().map(|object| object.object.document(None)).chain(deciding(selected, connection, answer));
    Step {
        gate: match connection.way {
            Way::Ingress => Gate::Ingress,
            Way::Egress => Gate::Egress,
        },
        at: connection.near.to_string(),
        decided_by: decided_by.collect(),
        misses: if verdict == Verdict::Allowed { Vec::new() } else { misses(selected, connection) },
        verdict,
        reason,
    }
}

/// The rules that decided; the policies as a whole where no rule did.
fn deciding(selected: &[Selected<'_>], connection: &Connection<'_>, answer: Truth<'_>) -> Vec<Document> {
    let mut found = rules(selected, |one, rule| {
        let said = one.applies.and(connection.rule(one.policy, rule));
        match answer {
            Truth::Yes => said.is_yes(),
            Truth::Unknown(_) => matches!(said, Truth::Unknown(_)),
            Truth::No => false,
        }
    });
    if found.is_empty() && answer.is_yes() {
        // Nobody knows whether these policies select the pod, and each of them would let the connection pass.
        found = rules(selected, |one, rule| connection.rule(one.policy, rule).is_yes());
    }
    if found.is_empty() && answer.is_yes() {
        let together = together(selected, connection);
        found = rules(selected, |_, rule| together.iter().any(|part| std::ptr::eq(part.rule, rule)));
    }
    if found.is_empty() && answer.is_yes() && selected.iter().any(|one| connection.policy(one).is_yes()) {
        found = rules(selected, |one, rule| connection.policy(one).is_yes() && !connection.rule(one.policy, rule).is_no());
    }
    if found.is_empty() { selected.iter().map(|one| one.policy.object.document(None)).collect() } else { found }
}

/// The rules of some policies that meet a test.
fn rules(selected: &[Selected<'_>], meets: impl Fn(&Selected<'_>, &Rule) -> bool) -> Vec<Document> {
    let of = |one: &Selected<'_>| {
        let rules = one.rules.iter().enumerate().filter(|(_, rule)| meets(one, rule));
        rules.map(|(index, _)| one.policy.object.document(Some(index + 1))).collect::<Vec<_>>()
    };
    selected.iter().flat_map(of).collect()
}

/// Why, in one sentence.
fn reason(selected: &[Selected<'_>], connection: &Connection<'_>, answer: Truth<'_>) -> String {
    let (way, isolated) = match connection.way {
        Way::Ingress => ("in", "ingress"),
        Way::Egress => ("out", "egress"),
    };
    let permits = |one: &Selected<'_>| connection.policy(one).is_yes();
    let permits_by_one = |one: &Selected<'_>| one.rules.iter().any(|rule| connection.rule(one.policy, rule).is_yes());
    match answer {
        Truth::Yes if selected.is_empty() => format!("no NetworkPolicy isolates the {isolated} of the pod"),
        Truth::Yes if selected.iter().any(permits_by_one) => format!("a rule lets it {way}"),
        Truth::Yes if !together(selected, connection).is_empty() => {
            format!("rules together let it {way}, whatever labels namespace `{}` has", namespace(connection))
        }
        Truth::Yes if selected.iter().any(permits) => {
            format!("rules together let it {way}, whichever of the addresses it may have the other end uses")
        }
        Truth::Yes => "a pod is always reached from its own node and by itself".to_owned(),
        Truth::Unknown(doubt) => doubt.to_string(),
        Truth::No => {
            let policies = if selected.len() == 1 { "policy that isolates" } else { "policies that isolate" };
            format!("no rule of the {} {policies} the {isolated} of the pod lets it {way}", selected.len())
        }
    }
}

/// The namespace of the far end.
fn namespace<'a>(connection: &Connection<'a>) -> &'a str {
    match &connection.far.peer {
        Peer::Pod(pod) => &pod.namespace,
        Peer::Address(_) => "",
    }
}

/// What each rule that did not let the connection pass misses.
fn misses(selected: &[Selected<'_>], connection: &Connection<'_>) -> Vec<Miss> {
    let mut misses = Vec::new();
    for one in selected {
        for (index, rule) in one.rules.iter().enumerate() {
            let document = || one.policy.object.document(Some(index + 1));
            if let Some((wants, has)) = peer_miss(one.policy, rule, connection) {
                misses.push(Miss { document: document(), wants, has });
            }
            if let Some((wants, has)) = port_miss(rule, connection) {
                misses.push(Miss { document: document(), wants, has });
            }
        }
    }
    misses
}

/// What the peers of a rule want and what the far end is; nothing if they hold it.
fn peer_miss(policy: &NetworkPolicy, rule: &Rule, connection: &Connection<'_>) -> Option<(String, String)> {
    let answer = connection.peers(policy, rule);
    let peers = rule.peers.as_ref().filter(|_| !answer.is_yes())?;
    if let Truth::Unknown(doubt) = answer {
        return Some((format!("{} {}", toward(connection.way), listed(policy, peers)), format!("{}: {doubt}", connection.far)));
    }
    // A single peer can say which half of it fails.
    if let ([PeerTest::Pods(namespace, labels)], Peer::Pod(pod)) = (peers.as_slice(), &connection.far.peer) {
        let with_labels = PeerTest::Pods(NamespaceTest::Any, labels.clone());
        if connection.peer(policy, &with_labels).is_yes() {
            return Some((format!("namespace {}", namespace_words(policy, namespace)), format!("namespace {}", pod.namespace)));
        }
    }
    Some((format!("{} {}", toward(connection.way), listed(policy, peers)), connection.far.to_string()))
}

/// What the ports of a rule want and what the connection's is; nothing if they hold it.
fn port_miss(rule: &Rule, connection: &Connection<'_>) -> Option<(String, String)> {
    let answer = connection.ports(rule);
    let ports = rule.ports.as_ref().filter(|_| !answer.is_yes())?;
    let has = format!("{}/{}", connection.port, connection.protocol.word());
    if let Truth::Unknown(doubt) = answer {
        return Some((format!("port {}", port_words(ports)), format!("port {has}: {doubt}")));
    }
    let protocols = protocols(ports);
    if !protocols.contains(&connection.protocol) {
        let words: Vec<String> = protocols.iter().map(Protocol::to_string).collect();
        return Some((format!("protocol {}", words.join(" or ")), format!("protocol {}", connection.protocol)));
    }
    Some((format!("port {}", port_words(ports)), format!("port {has}")))
}

fn toward(way: Way) -> &'static str {
    match way {
        Way::Ingress => "from",
        Way::Egress => "to",
    }
}

/// The peers of a rule.
fn listed(policy: &NetworkPolicy, peers: &[PeerTest]) -> String {
    let words = peers.iter().map(|peer| match peer {
        PeerTest::Pods(namespace, labels) => {
            let namespace = super::read::namespace_cube(namespace, &policy.object.namespace);
            PodCube { namespace, labels: labels.clone(), account: Values::any() }.to_string()
        }
        PeerTest::Block(block) => block.to_string(),
    });
    words.collect::<Vec<_>>().join(" or ")
}

/// The namespaces of a peer: the name of the only one if it asks for a name and nothing else, else the labels that it wants.
fn namespace_words(policy: &NetworkPolicy, test: &NamespaceTest) -> String {
    let cube = super::read::namespace_cube(test, &policy.object.namespace);
    let mut tests = cube.iter();
    let named = match (tests.next(), tests.next()) {
        (Some((key, values)), None) if **key == *NAMESPACE_NAME => values.single(),
        _ => None,
    };
    named.map_or_else(|| format!("[{cube}]"), ToString::to_string)
}

/// The ports of a rule, by number and by name.
fn port_words(ports: &PortTests) -> String {
    let numbers = ports.sure.union(&ports.ranges);
    let numbers = (!numbers.is_empty()).then(|| numbers.to_string());
    let names = ports
        .names
        .iter()
        .map(|(protocol, name)| if *protocol == Protocol::Tcp { name.to_string() } else { format!("{name}/{}", protocol.word()) });
    numbers.into_iter().chain(names).collect::<Vec<_>>().join("|")
}

/// The protocols that the ports of a rule have.
fn protocols(ports: &PortTests) -> Vec<Protocol> {
    let named = |protocol: &Protocol| ports.names.iter().any(|(own, _)| own == protocol);
    let numbered = |protocol: &Protocol| !ports.sure.get(*protocol).is_empty() || !ports.ranges.get(*protocol).is_empty();
    Protocol::ALL.into_iter().filter(|protocol| named(protocol) || numbered(protocol)).collect()
}
