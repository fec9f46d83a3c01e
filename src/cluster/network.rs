//! `NetworkPolicy`: the first gate, at both ends of every hop.
//!
//! Owns: the policies as read, and finding those that select a pod. What they say of a connection is `judge`'s and
//! `cases`', by what they tell connections apart `cuts`', and why they say it `explain`'s. It must not know the mesh.

mod cases;
mod cuts;
mod explain;
mod judge;
mod reach;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::object::Object;
use super::selector;
use super::truth::Truth;
use super::{Endpoint, Way};
use crate::flow::{AddressSet, LabelCube, NAMESPACE_NAME, Peer, PortSet, Protocol, Symbol, Values};

pub(super) use cuts::{Known, OnNode, cuts};
pub(super) use explain::step;
pub(super) use judge::{Connection, Untranslated, gate};
pub(super) use read::policy;

/// A policy, its defaults filled in (`semantics.md` §1.1).
#[derive(Debug, Clone)]
pub(super) struct NetworkPolicy {
    /// What it is called.
    pub(super) object: Object,
    /// The pods of its namespace that it selects.
    pub(super) subject: LabelCube,
    /// What it lets in; none if it does not isolate in this direction.
    pub(super) ingress: Option<Vec<Rule>>,
    /// What it lets out; none if it does not isolate in this direction.
    pub(super) egress: Option<Vec<Rule>>,
}

/// One rule: its peers and its ports must both hold (`semantics.md` §1.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rule {
    /// The far ends; none is any.
    pub(super) peers: Option<Vec<PeerTest>>,
    /// The ports; none is any port of any protocol.
    pub(super) ports: Option<PortTests>,
}

/// One peer of a rule (`semantics.md` §1.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PeerTest {
    /// Pods, by the labels of their namespace and their own.
    Pods(NamespaceTest, LabelCube),
    /// Addresses.
    Block(Block),
}

impl PeerTest {
    fn is_every_pod(&self) -> bool {
        matches!(self, Self::Pods(NamespaceTest::Any, labels) if *labels == LabelCube::all())
    }
}

/// Which namespaces a peer is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NamespaceTest {
    /// The policy's own.
    Own,
    /// Any.
    Any,
    /// The one of this name, which is the commonest selector by far.
    Named(Symbol),
    /// Those with such labels.
    Labelled(LabelCube),
}

/// An `ipBlock` (`semantics.md` §1.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// As it is written, for reasons.
    pub(super) written: String,
    /// The addresses in it, without its exceptions.
    pub(super) addresses: AddressSet,
    /// Those of them that are in it however it is read, where it can be read in two ways: bits are set behind its prefix (§1.9).
    pub(super) sure: Option<AddressSet>,
}

/// The ports of a rule (`semantics.md` §1.6).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PortTests {
    /// Those that are in it whatever the network plugin knows.
    pub(super) sure: PortSet,
    /// Those that are in it by `endPort`, without the first of each range.
    pub(super) ranges: PortSet,
    /// Those that are in it by a name.
    pub(super) names: BTreeSet<(Protocol, Symbol)>,
}

/// Every policy, found by the pods that it may select.
#[derive(Debug, Clone, Default)]
pub(super) struct Network {
    policies: Vec<NetworkPolicy>,
    namespaces: BTreeMap<Symbol, Index>,
}

/// The policies of one namespace. Each stands in it under every value of one key that its selector asks for, or among the rest.
#[derive(Debug, Clone, Default)]
struct Index {
    labelled: BTreeMap<Symbol, BTreeMap<Symbol, Vec<usize>>>,
    rest: Vec<usize>,
}

/// A policy that selects a pod, surely or perhaps, and what it says for one direction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Selected<'c> {
    /// The policy.
    pub(super) policy: &'c NetworkPolicy,
    /// Its rules for that direction.
    pub(super) rules: &'c [Rule],
    /// Yes, or a doubt.
    pub(super) applies: Truth<'c>,
}

impl Network {
    /// From all policies.
    pub(super) fn new(policies: Vec<NetworkPolicy>) -> Self {
        let mut namespaces: BTreeMap<Symbol, Index> = BTreeMap::new();
        for (at, policy) in policies.iter().enumerate() {
            namespaces.entry(Symbol::clone(&policy.object.namespace)).or_default().add(at, &policy.subject);
        }
        Self { policies, namespaces }
    }

    /// The policies that isolate an end of a pod (`semantics.md` §1.2, `applies`), in the order of the text.
    pub(super) fn selecting<'c>(&'c self, end: &'c Endpoint, way: Way) -> Vec<Selected<'c>> {
        let Peer::Pod(pod) = &end.peer else { return Vec::new() };
        let Some(index) = self.namespaces.get(&pod.namespace) else { return Vec::new() };
        let found = index.near(end).into_iter().filter_map(|at| self.policies.get(at));
        let selected = found.filter_map(|policy| {
            let rules = policy.rules(way)?;
            let applies = selector::chooses(&policy.subject, pod, end);
            (!applies.is_no()).then_some(Selected { policy, rules, applies })
        });
        selected.collect()
    }

    /// All of them, in the order of the text.
    pub(super) fn policies(&self) -> impl Iterator<Item = &NetworkPolicy> {
        self.policies.iter()
    }

    /// The keys by which peers are chosen for the labels of their namespace.
    pub(super) fn namespace_label_keys(&self) -> impl Iterator<Item = &Symbol> {
        let labelled = self.peers().flatten().filter_map(|peer| match peer {
            PeerTest::Pods(NamespaceTest::Labelled(cube), _) => Some(cube),
            _ => None,
        });
        labelled.flat_map(LabelCube::iter).map(|(key, _)| key).filter(|key| ***key != *NAMESPACE_NAME)
    }

    /// The blocks of rules that do not mean every pod besides.
    pub(super) fn blocks(&self) -> impl Iterator<Item = &AddressSet> {
        let peers = self.peers().filter(|peers| !peers.iter().any(PeerTest::is_every_pod));
        peers.flatten().filter_map(|peer| match peer {
            PeerTest::Block(block) => Some(&block.addresses),
            PeerTest::Pods(..) => None,
        })
    }

    /// The peers of each rule that names some.
    fn peers(&self) -> impl Iterator<Item = &Vec<PeerTest>> {
        let rules = self.policies.iter().flat_map(|policy| policy.ingress.iter().chain(&policy.egress).flatten());
        rules.filter_map(|rule| rule.peers.as_ref())
    }

    /// The namespaces of the policies.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = &Symbol> {
        self.namespaces.keys()
    }

    /// The selectors of one namespace's policies that isolate this way, as often as they stand there.
    pub(super) fn subjects(&self, namespace: &str, way: Way) -> impl Iterator<Item = &LabelCube> {
        let policies = self.namespaces.get(namespace).into_iter().flat_map(Index::all).filter_map(|at| self.policies.get(at));
        policies.filter(move |policy| policy.rules(way).is_some()).map(|policy| &policy.subject)
    }

    /// Whether there is any policy.
    pub(super) fn isolates(&self) -> bool {
        !self.policies.is_empty()
    }

    /// Whether a rule names ports of a protocol.
    pub(super) fn speaks_of(&self, protocol: Protocol) -> bool {
        let ports = self.policies.iter().flat_map(NetworkPolicy::all_rules).filter_map(|rule| rule.ports.as_ref());
        ports.into_iter().any(|ports| ports.speak_of(protocol))
    }

    /// The names by which rules call ports.
    pub(super) fn port_names(&self) -> impl Iterator<Item = &Symbol> {
        let rules = self.policies.iter().flat_map(NetworkPolicy::all_rules);
        rules.filter_map(|rule| rule.ports.as_ref()).flat_map(|ports| &ports.names).map(|(_, name)| name)
    }

    /// The keys of pods' labels that any policy looks at.
    pub(super) fn keys(&self) -> BTreeSet<&Symbol> {
        let tests = [Way::Ingress, Way::Egress].into_iter().flat_map(|way| self.label_tests(way));
        tests.flat_map(|(_, test)| test.iter()).map(|(key, _)| key).collect()
    }

    /// Every test of the labels of pods that connections reach, or that they leave: of those that policies isolate this way, and of
    /// those that policies meet as peers at the other end; each with the names of the namespaces of these pods.
    pub(super) fn label_tests(&self, way: Way) -> impl Iterator<Item = (Values, &LabelCube)> {
        let far = match way {
            Way::Ingress => Way::Egress,
            Way::Egress => Way::Ingress,
        };
        self.policies.iter().flat_map(move |policy| {
            let own = &policy.object.namespace;
            let subject = policy.rules(way).map(|_| (Values::one(Symbol::clone(own)), &policy.subject));
            let peers = policy.rules(far).unwrap_or_default().iter().flat_map(|rule| rule.peers.iter().flatten());
            let labels = peers.filter_map(move |peer| match peer {
                PeerTest::Pods(namespaces, labels) => Some((namespaces.names(own), labels)),
                PeerTest::Block(_) => None,
            });
            subject.into_iter().chain(labels)
        })
    }
}

impl NamespaceTest {
    /// The names that the namespace of a peer may have, for a policy of this one. Of labels the name alone is always known
    /// (`semantics.md` §1.5).
    fn names(&self, own: &Symbol) -> Values {
        match self {
            Self::Own => Values::one(Symbol::clone(own)),
            Self::Any => Values::any(),
            Self::Named(name) => Values::one(Symbol::clone(name)),
            Self::Labelled(labels) => labels.get(NAMESPACE_NAME).clone(),
        }
    }
}

impl NetworkPolicy {
    /// Whether two manifests of one policy say the same, wherever they are written.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        (&self.subject, &self.ingress, &self.egress) == (&other.subject, &other.ingress, &other.egress)
    }

    /// Its rules for both directions.
    fn all_rules(&self) -> impl Iterator<Item = &Rule> {
        self.ingress.iter().chain(&self.egress).flatten()
    }

    /// Its rules for a direction; none if it does not isolate there.
    fn rules(&self, way: Way) -> Option<&[Rule]> {
        match way {
            Way::Ingress => self.ingress.as_deref(),
            Way::Egress => self.egress.as_deref(),
        }
    }
}

impl PortTests {
    /// Whether they name ports of a protocol.
    fn speak_of(&self, protocol: Protocol) -> bool {
        let numbers = [&self.sure, &self.ranges].into_iter().any(|ports| !ports.get(protocol).is_empty());
        numbers || self.names.iter().any(|(own, _)| *own == protocol)
    }
}

impl Index {
    fn add(&mut self, at: usize, subject: &LabelCube) {
        let narrow = subject.iter().filter_map(|(key, values)| Some((key, values.finite()?)));
        match narrow.min_by_key(|(_, words)| words.len()) {
            Some((key, words)) => {
                let by_value = self.labelled.entry(Symbol::clone(key)).or_default();
                for word in words {
                    by_value.entry(Symbol::clone(word)).or_default().push(at);
                }
            }
            None => self.rest.push(at),
        }
    }

    /// The places of the policies that may select a pod, ascending.
    fn near(&self, end: &Endpoint) -> Vec<usize> {
        let Peer::Pod(pod) = &end.peer else { return Vec::new() };
        let mut places = self.rest.clone();
        let known = pod.labels.iter().filter_map(|(key, value)| self.labelled.get(key)?.get(value));
        places.extend(known.flatten());
        let open = end.facts.open_labels.iter().filter_map(|key| self.labelled.get(key));
        places.extend(open.flat_map(BTreeMap::values).flatten());
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The places of all its policies; one that asks for several values comes once for each.
    fn all(&self) -> impl Iterator<Item = usize> {
        let labelled = self.labelled.values().flat_map(BTreeMap::values).flatten();
        self.rest.iter().chain(labelled).copied()
    }
}

impl fmt::Display for Block {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.written)
    }
}
