//! Flows that both sides leave open, and whether a change is behind it.
//!
//! Owns: `culprits`. What the platform can do, and which addresses pods have, is the same on both sides, whatever it is. So an open
//! flow is asked about with those settled either way; what then differs, or is still left open by something that has changed,
//! is a change whose effect is not known.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::blame::Blame;
use super::side::Which;
use super::walk::LeftOpen;
use crate::classes::address_classes;
use crate::cluster::{Cluster, Decision, Endpoint, NamedPort, Names, NamespaceLabels, Platform, Question, Way};
use crate::flow::{Peer, Symbol, Verdict};

/// Both sides again, with every question about the platform answered with yes, and with no.
type Settled = [[Cluster; 2]; 2];

/// An answer to every question about the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
}

/// How a side is read on another platform.
pub(super) type Reread<'a> = &'a dyn Fn(Which, Platform) -> Cluster;

/// What is asked about open flows.
pub(super) struct Doubts<'a> {
    pub(super) blame: &'a Blame<'a>,
    pub(super) names: &'a Names,
    pub(super) reread: Reread<'a>,
    pub(super) settled: OnceCell<Settled>,
    /// The names of ports in policies that are not the same.
    pub(super) port_names: OnceCell<BTreeSet<Symbol>>,
}

impl Doubts<'_> {
    /// The objects that have changed and may be why flows are left open on both sides, each with the reason.
    pub(super) fn culprits(&self, open: &[LeftOpen]) -> BTreeMap<String, String> {
        let mut found: BTreeMap<String, String> = BTreeMap::new();
        for flow in open {
            let suspects: Vec<(String, String)> =
                self.blame.of_open(flow).into_iter().filter(|(name, _)| !found.contains_key(name)).collect();
            if !suspects.is_empty() && !self.is_alike(flow) {
                found.extend(suspects);
            }
        }
        found
    }

    /// Whether both sides say the same of a flow, however what is not known turns out.
    fn is_alike(&self, open: &LeftOpen) -> bool {
        let settled = self.settled.get_or_init(|| {
            [Answer::Yes, Answer::No]
                .map(|answer| [Which::Base, Which::Head].map(|which| (self.reread)(which, self.platform(which, answer))))
        });
        let addresses = self.addresses(open);
        let called = self.port_names.get_or_init(|| self.blame.port_names());
        let unnamed = [Vec::new()].into_iter();
        let numbered = |name: &Symbol| NamedPort { name: Symbol::clone(name), protocol: open.flow.protocol, number: open.flow.port };
        let named = called.iter().map(|name| vec![numbered(name)]);
        let ports: Vec<Vec<NamedPort>> = unnamed.chain(named).collect();
        let chances = || addresses.iter().flat_map(|pair| ports.iter().map(move |ports| Chance { addresses: *pair, ports }));
        settled.iter().all(|[base, head]| {
            chances().all(|chance| {
                let said = |cluster: &Cluster, which: Which| plain(cluster.decide(&chance.question(Blame::question(open, which))));
                let (old, new) = (said(base, Which::Base), said(head, Which::Head));
                old.is_some() && old == new
            })
        })
    }

    /// The platform with all that is open about it answered alike.
    fn platform(&self, which: Which, answer: Answer) -> Platform {
        let own = self.blame.cluster(which).platform().clone();
        let or = |known: Option<bool>| known.or(Some(answer == Answer::Yes));
        Platform {
            ipblock_matches_pods: or(own.ipblock_matches_pods),
            end_port: or(own.end_port),
            named_ports: or(own.named_ports),
            // Where SCTP is not judged, no policy decides it.
            sctp: Some(true),
            hbone_from_sidecars: or(own.hbone_from_sidecars),
            layered_waypoint_policies: or(own.layered_waypoint_policies),
            auto_allow_waypoint: or(own.auto_allow_waypoint),
            ..own
        }
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

/// What is said, without its reason; none where it is left open.
fn plain(decision: Decision) -> Option<Verdict> {
    Some(decision.verdict).filter(|verdict| !matches!(verdict, Verdict::Unspecified(_)))
}
