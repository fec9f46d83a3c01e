//! Flows that both sides leave open, and whether a change is behind it.
//!
//! Owns: `culprits`. What the platform can do, and which addresses pods have, is the same on both sides, whatever it is. So an open
//! flow is asked about with those settled in every way; what then differs, or is still left open by something that has changed,
//! is a change whose effect is not known.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::blame::Blame;
use super::side::Which;
use super::supposed::Supposed;
use super::walk::LeftOpen;
use crate::classes::address_classes;
use crate::cluster::{Endpoint, NamedPort, Names, NamespaceLabels, Question, Way};
use crate::flow::{Flow, Peer, Symbol};

/// What is asked about open flows.
pub(super) struct Doubts<'a> {
    pub(super) blame: &'a Blame<'a>,
    pub(super) names: &'a Names,
    pub(super) supposed: Supposed,
    /// The names of ports in policies that are not the same.
    pub(super) port_names: OnceCell<BTreeSet<Symbol>>,
}

/// Who may be why flows are left open on both sides.
#[derive(Debug, Default)]
pub(super) struct Culprits {
    /// The objects that have changed, each with the reason.
    pub(super) found: BTreeMap<String, String>,
    /// A flow that was not asked about any more, as there are too many.
    pub(super) unasked: Option<Flow>,
}

/// So many open flows are asked about, and so often is it tried how what is not known of one may turn out.
const MAX_FLOWS: usize = 400_000;
const MAX_TRIES: usize = 200_000;

impl Doubts<'_> {
    /// The objects that have changed and may be why flows are left open on both sides. Every open flow is asked about until all objects are
    /// found: that one is left open by what has not changed says nothing of the next.
    pub(super) fn culprits(&self, open: &[LeftOpen]) -> Culprits {
        let mut culprits = Culprits::default();
        let (mut flows, mut tries) = (0, 0);
        for open in open {
            for flow in open.flows() {
                if culprits.found.len() == self.blame.count() {
                    return culprits;
                }
                if flows == MAX_FLOWS || tries == MAX_TRIES {
                    culprits.unasked = Some(flow);
                    return culprits;
                }
                flows += 1;
                let suspects = self.blame.of_open(open, &flow).into_iter();
                let suspects: Vec<(String, String)> = suspects.filter(|(name, _)| !culprits.found.contains_key(name)).collect();
                if suspects.is_empty() {
                    continue;
                }
                tries += 1;
                if !self.is_alike(open, &flow) {
                    culprits.found.extend(suspects);
                }
            }
        }
        culprits
    }

    /// Whether both sides say the same of a flow, however what is not known turns out.
    fn is_alike(&self, open: &LeftOpen, flow: &Flow) -> bool {
        let addresses = self.addresses(open);
        let called = self.port_names.get_or_init(|| self.blame.port_names());
        let unnamed = [Vec::new()].into_iter();
        let numbered = |name: &Symbol| NamedPort { name: Symbol::clone(name), protocol: flow.protocol, number: flow.port };
        let named = called.iter().map(|name| vec![numbered(name)]);
        let ports: Vec<Vec<NamedPort>> = unnamed.chain(named).collect();
        let mut chances = addresses.iter().flat_map(|pair| ports.iter().map(move |ports| Chance { addresses: *pair, ports }));
        let questions = [Which::Base, Which::Head].map(|which| Blame::question(open, flow, which));
        chances.all(|chance| self.supposed.agree(&questions.clone().map(|question| chance.question(question))))
    }

    /// Addresses for both ends: one of each class that anybody tells apart, at one end and at the other.
    fn addresses(&self, open: &LeftOpen) -> Vec<(Option<IpAddr>, Option<IpAddr>)> {
        let mut cuts = Vec::new();
        for which in [Which::Base, Which::Head] {
            let cluster = self.blame.cluster(which);
            for (end, way) in [(&open.caller, Way::Egress), (&open.target, Way::Ingress)] {
                if matches!(end.of(which), Peer::Pod(_)) {
                    cuts.extend(cluster.end(end.end(which), way).cuts(self.names));
                }
            }
            if open.call.is_some() {
                cuts.extend(cluster.waypoint_calls(open.target.end(which), self.names).into_iter().flat_map(|call| call.cuts));
            }
        }
        let pods = &self.blame.cluster(Which::Head).platform().pods;
        let examples: BTreeSet<IpAddr> = address_classes(&cuts)
            .into_iter()
            .filter_map(|class| match class.example {
                Peer::Address(address) => Some(address),
                Peer::Pod(_) => None,
            })
            .filter(|address| pods.is_empty() || pods.contains(*address))
            .collect();
        let other = |address: &IpAddr| examples.iter().find(|other| *other != address).copied();
        let mut pairs: Vec<_> = examples.iter().flat_map(|own| [(Some(*own), other(own)), (other(own), Some(*own))]).collect();
        pairs.extend(pairs.is_empty().then_some((None, None)));
        pairs
    }
}

/// How things may be that are not known of two pods.
struct Chance<'a> {
    addresses: (Option<IpAddr>, Option<IpAddr>),
    ports: &'a [NamedPort],
}

impl Chance<'_> {
    /// A question about pods of which nothing more is open.
    fn question(&self, question: Question) -> Question {
        let (source, destination) = self.addresses;
        Question { source: self.settled(question.source, source), destination: self.settled(question.destination, destination), ..question }
    }

    fn settled(&self, mut end: Endpoint, address: Option<IpAddr>) -> Endpoint {
        if end.facts.addresses.is_empty() {
            end.facts.addresses.extend(address);
        }
        end.facts.ports.get_or_insert_with(|| self.ports.to_vec());
        end.facts.open_labels.clear();
        end.facts.namespace = NamespaceLabels::Known;
        end
    }
}
