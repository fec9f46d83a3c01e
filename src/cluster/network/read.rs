//! Reads a `NetworkPolicy`, as strictly as an API server with strict field checks.
//!
//! Owns: defaulting (`semantics.md` §1.1), empty and missing forms (§1.3) and what the API server refuses (§1.9). It must not
//! judge whether a rule that is accepted makes sense.

use super::{Block, NamespaceTest, NetworkPolicy, PeerTest, PortTests, Rule};
use crate::cluster::object::Object;
use crate::cluster::{Way, selector};
use crate::diagnostic::Diagnostic;
use crate::flow::{AddressSet, LabelCube, NAMESPACE_NAME, PortSet, Prefix, PrefixError, Protocol, Values};
use crate::manifest::{Node, Reading, names};

/// Reads a policy; what it says is worth nothing if it has findings.
pub(in crate::cluster) fn policy(object: Object, root: &Node<'_>, reading: &mut Reading<'_>) -> NetworkPolicy {
    root.only(reading, &["apiVersion", "kind", "metadata", "spec", "status"]);
    let spec = root.get(reading, "spec");
    spec.only(reading, &["podSelector", "policyTypes", "ingress", "egress"]);
    let subject = selector::read(&spec.get(reading, "podSelector"), reading);
    let ingress = rules(&spec.get(reading, "ingress"), Way::Ingress, reading);
    let egress = rules(&spec.get(reading, "egress"), Way::Egress, reading);
    let (isolates_ingress, isolates_egress) = types(&spec.get(reading, "policyTypes"), !egress.is_empty(), reading);
    NetworkPolicy { object, subject, ingress: isolates_ingress.then_some(ingress), egress: isolates_egress.then_some(egress) }
}

/// Whether a policy isolates ingress and egress (§1.1, points 3 and 4).
fn types(node: &Node<'_>, has_egress: bool, reading: &mut Reading<'_>) -> (bool, bool) {
    let listed = node.list(reading);
    if listed.is_empty() {
        return (true, has_egress);
    }
    if listed.len() > 2 {
        node.wrong(reading, "at most two types are expected");
    }
    let (mut ingress, mut egress) = (false, false);
    for node in listed {
        match node.text(reading) {
            Some("Ingress") => ingress = true,
            Some("Egress") => egress = true,
            None if !node.is_missing() => {}
            _ => node.wrong(reading, "`Ingress` or `Egress` is expected"),
        }
    }
    (ingress, egress)
}

/// Reads `ingress` or `egress`.
fn rules(node: &Node<'_>, way: Way, reading: &mut Reading<'_>) -> Vec<Rule> {
    let peers_key = match way {
        Way::Ingress => "from",
        Way::Egress => "to",
    };
    let listed = node.list(reading);
    let each = listed.iter().map(|node| {
        node.only(reading, &[peers_key, "ports"]);
        let peers = node.get(reading, peers_key).list(reading);
        let peers: Vec<PeerTest> = peers.iter().map(|node| peer(node, reading)).collect();
        let ports = node.get(reading, "ports").list(reading);
        let tests = ports.iter().fold(PortTests::default(), |tests, node| port(tests, node, reading));
        Rule { peers: (!peers.is_empty()).then_some(peers), ports: (!ports.is_empty()).then_some(tests) }
    });
    each.collect()
}

/// Reads one of `from` or `to` (§1.4).
fn peer(node: &Node<'_>, reading: &mut Reading<'_>) -> PeerTest {
    node.only(reading, &["podSelector", "namespaceSelector", "ipBlock"]);
    let pods = node.get(reading, "podSelector");
    let namespaces = node.get(reading, "namespaceSelector");
    let addresses = node.get(reading, "ipBlock");
    let selects = !pods.is_missing() || !namespaces.is_missing();
    if addresses.is_missing() {
        if !selects {
            node.wrong(reading, "`podSelector`, `namespaceSelector` or `ipBlock` is expected");
        }
        let namespace = if namespaces.is_missing() { NamespaceTest::Own } else { namespace(&namespaces, reading) };
        return PeerTest::Pods(namespace, selector::read(&pods, reading));
    }
    if selects {
        addresses.wrong(reading, "an `ipBlock` stands alone");
    }
    PeerTest::Block(block(&addresses, reading))
}

/// Reads a `namespaceSelector` that is there.
fn namespace(node: &Node<'_>, reading: &mut Reading<'_>) -> NamespaceTest {
    let cube = selector::read(node, reading);
    if cube.is_all() {
        return NamespaceTest::Any;
    }
    let name = cube.get(NAMESPACE_NAME).single().filter(|_| cube.iter().len() == 1).cloned();
    name.map_or(NamespaceTest::Labelled(cube), NamespaceTest::Named)
}

/// The two ways in which a CIDR block is read: without the bits behind its prefix, and as the address that they make. They are the same
/// block where there are none (§1.9).
#[derive(Debug, Clone, Copy)]
struct Cidr {
    wide: Prefix,
    narrow: Prefix,
}

/// Reads an `ipBlock` (§1.8, §1.9).
fn block(node: &Node<'_>, reading: &mut Reading<'_>) -> Block {
    node.only(reading, &["cidr", "except"]);
    let cidr_node = node.get(reading, "cidr");
    let whole = cidr(&cidr_node, reading);
    let written = cidr_node.text(reading).unwrap_or_default().to_owned();
    let mut block = Block { written, addresses: AddressSet::none(), sure: None };
    let Some(whole) = whole else { return block };
    let mut except = Vec::new();
    for node in node.get(reading, "except").list(reading) {
        let Some(part) = cidr(&node, reading) else { continue };
        if !whole.wide.covers(&part.wide) || whole.wide == part.wide {
            node.wrong(reading, &format!("it must lie in `{}` and be smaller", whole.wide));
        }
        except.push(part);
    }
    for (at, part) in except.iter().enumerate() {
        block.written.push_str(if at == 0 { " except " } else { ", " });
        block.written.push_str(&part.wide.to_string());
    }
    block.addresses = AddressSet::from(whole.wide).subtract(&except.iter().map(|part| part.narrow).collect());
    let sure = AddressSet::from(whole.narrow).subtract(&except.iter().map(|part| part.wide).collect());
    block.sure = (sure != block.addresses).then_some(sure);
    block
}

/// Reads a CIDR block; nothing, with a finding, if the API server would refuse it.
fn cidr(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Cidr> {
    let Some(text) = node.text(reading) else {
        if node.is_missing() {
            node.wrong(reading, "a block such as `10.0.0.0/8` is expected");
        }
        return None;
    };
    match Prefix::parse(text) {
        Ok(prefix) if text.contains('/') => Some(Cidr { wide: prefix, narrow: prefix }),
        Ok(prefix) => {
            node.wrong(reading, &format!("a prefix length is missing, as in `{prefix}`"));
            None
        }
        Err(PrefixError::Unreadable(why)) => {
            node.wrong(reading, &why);
            None
        }
        Err(PrefixError::HostBits { block, host }) => {
            host_bits(node, text, [block, host], reading);
            Some(Cidr { wide: block, narrow: host })
        }
    }
}

/// A block with bits behind its prefix: newer API servers refuse it, and plugins have read it in two ways. Only the addresses on which
/// these differ are left open.
fn host_bits(node: &Node<'_>, text: &str, [block, host]: [Prefix; 2], reading: &mut Reading<'_>) {
    let code = reading.document.code;
    let message = format!("`{text}` of {} has bits set behind its prefix", reading.object);
    node.remark(reading, |_, location| {
        Diagnostic::new(code, location, message)
            .label(format!("either `{block}` or `{host}`"))
            .note("Kubernetes refuses it from 1.36 on; before that, network plugins read it differently")
    });
}

/// Reads one of `ports` into the ports of its rule (§1.6).
fn port(mut tests: PortTests, node: &Node<'_>, reading: &mut Reading<'_>) -> PortTests {
    node.only(reading, &["protocol", "port", "endPort"]);
    let protocol = protocol(&node.get(reading, "protocol"), reading);
    let port = node.get(reading, "port");
    let end = node.get(reading, "endPort");
    if port.is_missing() {
        if !end.is_missing() {
            end.wrong(reading, "`endPort` needs a `port` to begin at");
        }
        tests.sure = tests.sure.union(&PortSet::full(protocol));
        return tests;
    }
    if port.is_text() {
        if !end.is_missing() {
            end.wrong(reading, "`endPort` needs a number as `port`");
        }
        if port.is_bare_number(reading) {
            port.wrong(reading, if port.is_digits() { ZEROS } else { OTHERWISE });
            return tests;
        }
        match port.text(reading) {
            Some(name) if names::is_port_name(name) => {
                tests.names.insert((protocol, name.into()));
            }
            Some(_) => port.wrong(reading, PORT),
            None => {}
        }
        return tests;
    }
    let Some(first) = port.port(reading) else { return tests };
    tests.sure = tests.sure.union(&PortSet::one(protocol, first));
    let Some(last) = end.port(reading) else { return tests };
    if last < first {
        end.wrong(reading, "`endPort` must not be below `port`");
    }
    if let Some(second) = first.checked_add(1) {
        tests.ranges = tests.ranges.union(&PortSet::of(protocol, second, last));
    }
    tests
}

const ZEROS: &str = "a number without zeros before it is expected: `010` is 8 to some readers of YAML and 10 to others";

const OTHERWISE: &str = "a number of digits alone is expected: some readers of YAML take this for a number, and some for text";

const PORT: &str = "a port is a number from 1 to 65535, or a name of at most 15 lower-case letters, digits and `-` with a letter in it";

/// The protocol of a port, TCP where none is written.
fn protocol(node: &Node<'_>, reading: &mut Reading<'_>) -> Protocol {
    let text = node.text(reading);
    let known = Protocol::ALL.into_iter().find(|protocol| text.is_some_and(|text| protocol.to_string() == text));
    if known.is_none() && text.is_some() {
        node.wrong(reading, "`TCP`, `UDP` or `SCTP` is expected");
    }
    known.unwrap_or(Protocol::Tcp)
}

/// The cube of a selector of pods and the one of their namespaces, as peers of a policy in this namespace have them.
pub(super) fn namespace_cube(test: &NamespaceTest, own: &str) -> LabelCube {
    let named = |name: &str| LabelCube::of(NAMESPACE_NAME.into(), Values::one(name.into()));
    match test {
        NamespaceTest::Own => named(own),
        NamespaceTest::Any => LabelCube::all(),
        NamespaceTest::Named(name) => named(name),
        NamespaceTest::Labelled(cube) => cube.clone(),
    }
}
