//! The spec of a `NetworkPolicy` as the API has it.
//!
//! Owns: the fields and their order, selectors, peers and ports in writing, and the division of a spec that is too large. No
//! list is ever written empty: where it matters, an empty list means everything (`semantics.md` §1.3).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::object::print;
use super::super::split::split;
use super::rules::{FarEnd, Rule};
use crate::flow::{AddressBlock, LabelCube, PodCube, PortSet, Protocol, Symbol, Values};
use crate::ir::PORTS_IN_A_ROW;
use crate::syntax::ast::Direction;

/// Values of one list in a selector of peers; more are several peers, which add up.
const MAX_VALUES: usize = 500;
/// What a line of a rule is indented further in its object than by itself.
const INDENT: usize = 6;

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec {
    pod_selector: LabelSelector,
    policy_types: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ingress: Vec<IngressRule>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    egress: Vec<EgressRule>,
}

#[derive(Debug, Clone, Serialize)]
struct IngressRule {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    from: Vec<Peer>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ports: Vec<Port>,
}

#[derive(Debug, Clone, Serialize)]
struct EgressRule {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    to: Vec<Peer>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ports: Vec<Port>,
}

#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Peer {
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace_selector: Option<LabelSelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod_selector: Option<LabelSelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_block: Option<IpBlock>,
}

#[derive(Debug, Clone, Serialize)]
struct IpBlock {
    cidr: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    except: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
struct Port {
    protocol: String,
    #[serde(rename = "port", skip_serializing_if = "Option::is_none")]
    number: Option<u16>,
    #[serde(rename = "endPort", skip_serializing_if = "Option::is_none")]
    last: Option<u16>,
}

#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct LabelSelector {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    match_labels: BTreeMap<Word, Word>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    match_expressions: Vec<Requirement>,
}

#[derive(Debug, Clone, Serialize)]
struct Requirement {
    key: Word,
    operator: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<Word>,
}

/// A word that is shared with the policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Word(Symbol);

impl Serialize for Word {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The spec of one object: ingress rules, then egress rules.
pub(super) fn spec(namespace: &Symbol, selector: &LabelCube, directions: &BTreeSet<Direction>, rules: (&[Rule], &[Rule])) -> Spec {
    let (ingress, egress) = rules;
    Spec {
        pod_selector: label_selector(selector),
        policy_types: directions.iter().map(|direction| policy_type(*direction)).collect(),
        ingress: ingress.iter().map(|rule| IngressRule { from: peers(namespace, &rule.far), ports: ports(&rule.ports) }).collect(),
        egress: egress.iter().map(|rule| EgressRule { to: peers(namespace, &rule.far), ports: ports(&rule.ports) }).collect(),
    }
}

const fn policy_type(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "Ingress",
        Direction::Out => "Egress",
    }
}

fn peers(namespace: &Symbol, far: &FarEnd) -> Vec<Peer> {
    match far {
        FarEnd::Everyone => Vec::new(),
        FarEnd::These { pods, addresses } => {
            let pods = pods.cubes().iter().flat_map(|cube| pod_peers(namespace, cube));
            pods.chain(addresses.blocks().iter().map(address_peer)).collect()
        }
    }
}

/// The peers that one cube takes: "one of these values, or absent" is two.
fn pod_peers(own: &Symbol, cube: &PodCube) -> Vec<Peer> {
    let is_own = cube.namespace.iter().len() == 1 && cube.names().single() == Some(own);
    let namespaces = if is_own { vec![None] } else { selectors(&cube.namespace).into_iter().map(Some).collect() };
    let labels = selectors(&cube.labels);
    let peer = |namespace: &Option<LabelCube>, labels: &LabelCube| Peer {
        namespace_selector: namespace.as_ref().map(label_selector),
        // By itself it means pods of the policy's own namespace; beside the other it may be left out if it means all.
        pod_selector: (namespace.is_none() || !labels.is_all()).then(|| label_selector(labels)),
        ip_block: None,
    };
    namespaces.iter().flat_map(|namespace| labels.iter().map(move |labels| peer(namespace, labels))).collect()
}

/// A cube as selectors that Kubernetes can say, none of them with an overlong list.
fn selectors(cube: &LabelCube) -> Vec<LabelCube> {
    cube.selectors().into_iter().flat_map(within_lists).collect()
}

fn within_lists(cube: LabelCube) -> Vec<LabelCube> {
    let long = cube.iter().find(|(_, values)| values.finite().is_some_and(|words| words.len() > MAX_VALUES));
    let Some((key, values)) = long.map(|(key, values)| (Symbol::clone(key), values.clone())) else { return vec![cube] };
    let lists = values.words().chunks(MAX_VALUES).map(|words| Values::of(words.iter().cloned()));
    lists.flat_map(|values| within_lists(cube.clone().replaced(&key, values))).collect()
}

fn address_peer(block: &AddressBlock) -> Peer {
    let except = block.except.iter().map(ToString::to_string).collect();
    Peer { ip_block: Some(IpBlock { cidr: block.prefix.to_string(), except }), ..Peer::default() }
}

/// The ports; no entry means every port of every protocol, an entry without a number every port of its protocol
/// (`semantics.md` §1.3).
fn ports(ports: &PortSet) -> Vec<Port> {
    if ports.is_all() {
        return Vec::new();
    }
    let entries = |protocol: Protocol| {
        let entry = move |number, last| Port { protocol: protocol.to_string(), number, last };
        if ports.is_full(protocol) {
            return vec![entry(None, None)];
        }
        let range = |(low, high): &(u16, u16)| {
            if high - low < PORTS_IN_A_ROW {
                (*low..=*high).map(|port| entry(Some(port), None)).collect()
            } else {
                vec![entry(Some(*low), Some(*high))]
            }
        };
        ports.get(protocol).ranges().iter().flat_map(range).collect()
    };
    ports.protocols().flat_map(entries).collect()
}

/// The selector of a cube that is one selector (`semantics.md` §1.5).
fn label_selector(cube: &LabelCube) -> LabelSelector {
    let mut selector = LabelSelector::default();
    for (key, values) in cube.iter() {
        match values.single() {
            Some(value) => drop(selector.match_labels.insert(Word(Symbol::clone(key)), Word(Symbol::clone(value)))),
            None => selector.match_expressions.extend(requirements(key, values)),
        }
    }
    selector
}

/// Any test but that of a single value. `NotIn` and `DoesNotExist` hold for pods without the label.
fn requirements(key: &Symbol, values: &Values) -> Vec<Requirement> {
    let words: Vec<Word> = values.words().iter().cloned().map(Word).collect();
    let requirement = |operator, values| Requirement { key: Word(Symbol::clone(key)), operator, values };
    match (values.is_cofinite(), values.allows_absent()) {
        (false, true) if words.is_empty() => vec![requirement("DoesNotExist", words)],
        (false, _) => vec![requirement("In", words)],
        (true, true) => vec![requirement("NotIn", words)],
        (true, false) if words.is_empty() => vec![requirement("Exists", words)],
        (true, false) => vec![requirement("Exists", Vec::new()), requirement("NotIn", words)],
    }
}

/// A rule of either direction.
enum Either {
    Ingress(IngressRule),
    Egress(EgressRule),
}

/// The same as several specs, each of about at most so many bytes in writing; all name the same directions, as the pods are
/// isolated in all of them.
pub(super) fn parts(spec: &Spec, bytes: usize) -> Vec<Spec> {
    let head = Spec { ingress: Vec::new(), egress: Vec::new(), ..spec.clone() };
    let left = bytes.saturating_sub(print(&head).len());
    let ingress = spec.ingress.iter().flat_map(|rule| products(&rule.from, &rule.ports, left));
    let egress = spec.egress.iter().flat_map(|rule| products(&rule.to, &rule.ports, left));
    let ingress = ingress.map(|(from, ports)| Either::Ingress(IngressRule { from, ports }));
    let rules = ingress.chain(egress.map(|(to, ports)| Either::Egress(EgressRule { to, ports }))).collect();
    let size = |rule: &Either| match rule {
        Either::Ingress(rule) => written(rule),
        Either::Egress(rule) => written(rule),
    };
    split(rules, usize::MAX, left, size).into_iter().map(|rules| filled(head.clone(), rules)).collect()
}

fn filled(mut spec: Spec, rules: Vec<Either>) -> Spec {
    for rule in rules {
        match rule {
            Either::Ingress(rule) => spec.ingress.push(rule),
            Either::Egress(rule) => spec.egress.push(rule),
        }
    }
    spec
}

/// How long a part of an object is where every line is indented.
fn written<T: Serialize>(part: &T) -> usize {
    let text = print(part);
    text.len() + text.lines().count() * INDENT
}

/// A rule as rules of at most about so many bytes. A list that is left out stays out.
fn products(peers: &[Peer], ports: &[Port], bytes: usize) -> Vec<(Vec<Peer>, Vec<Port>)> {
    let (peers, ports) = (chunks(peers, bytes / 2), chunks(ports, bytes / 2));
    peers.iter().flat_map(|peers| ports.iter().map(move |ports| (peers.clone(), ports.clone()))).collect()
}

fn chunks<T: Clone + Serialize>(list: &[T], bytes: usize) -> Vec<Vec<T>> {
    if list.is_empty() { vec![Vec::new()] } else { split(list.to_vec(), usize::MAX, bytes, written) }
}
