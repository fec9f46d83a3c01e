//! Calls of which `DestinationRule`s say how clients speak TLS.
//!
//! Owns: `Told`. What two ends say of mutual TLS holds for a client that speaks it. Where a rule tells a client how to speak to a
//! Service, or nobody speaks it unless a rule says so, the cluster is asked about whole calls of it (`semantics.md` §3.3), and what the ends
//! say is left out there.

use std::collections::BTreeMap;

use super::Reasons;
use super::answer::{Away, Transports};
use super::bits::Bits;
use super::ends::{Asking, Ends, View};
use super::waypoints::{Over, by_view};
use crate::cluster::{ClientRule, Endpoint, WaypointCall};
use crate::flow::{PortSet, Protocol};

/// What clients are told of calls of one workload.
pub(super) struct Told<'c> {
    calls: Vec<WaypointCall<'c>>,
    /// Clients that are told the same, with the ports of the workload on which they speak as they are told.
    clients: Vec<(Bits, PortSet)>,
}

impl Told<'_> {
    /// What the ends do not say of whom.
    pub(super) fn away(&self) -> impl Iterator<Item = (Bits, Away)> {
        self.clients.iter().map(|(clients, ports)| (clients.clone(), Away::Mtls(ports.clone())))
    }
}

impl<'c> Asking<'c> {
    /// What these clients are told of calls of a workload.
    pub(super) fn told(&self, destination: usize, clients: &Bits) -> Told<'c> {
        let workloads = self.cluster.workloads();
        let to = workloads.get(destination).map(|workload| &workload.endpoint);
        let calls = to.map(|to| self.cluster.told_calls(to)).unwrap_or_default();
        let is_unannounced = to.is_some_and(|to| self.cluster.is_unannounced(to));
        let mut told: BTreeMap<Vec<Option<ClientRule>>, Vec<usize>> = BTreeMap::new();
        for client in clients.iter().filter(|_| is_unannounced || !calls.is_empty()) {
            let (Some(from), Some(to)) = (workloads.get(client), to) else { continue };
            let rules = calls.iter().map(|call| self.cluster.client_rule(&from.endpoint, to, &call.addressed)).collect();
            told.entry(rules).or_default().push(client);
        }
        let ports = |rules: &[Option<ClientRule>]| {
            if is_unannounced {
                return PortSet::full(Protocol::Tcp);
            }
            let told = calls.iter().zip(rules).filter(|(_, rule)| rule.is_some()).flat_map(|(call, _)| call.ports.iter().flatten());
            told.fold(PortSet::none(), |sum, port| sum.union(&PortSet::one(Protocol::Tcp, *port)))
        };
        let clients = told.iter().map(|(rules, clients)| (clients.iter().copied().collect(), ports(rules)));
        let clients = clients.filter(|(_, ports): &(Bits, PortSet)| !ports.is_empty()).collect();
        Told { calls, clients }
    }

    /// What passes of a call by Service over mutual TLS, group by group of the clients that are told how to speak; the rest is in what
    /// the ends say.
    pub(super) fn over_services(
        &mut self,
        told: &Told<'c>,
        (destination, view): (&Endpoint, &View<'c>),
        egress: &Ends<'c>,
        reasons: Reasons,
    ) -> Vec<Over> {
        let mut found = Vec::new();
        for (clients, ports) in &told.clients {
            for (group, _) in &view.groups {
                let samples = view.samples(&group.held);
                for members in by_view(&group.members.intersect(clients), egress) {
                    for call in &told.calls {
                        let own = call.ports.iter().flatten().copied().filter(|port| ports.contains(Protocol::Tcp, *port)).collect();
                        let call = WaypointCall { ports: Some(own), ..call.clone() };
                        let over = self.asked(&call, (destination, view), members.clone(), &samples, reasons);
                        found.extend(over.map(mutual));
                    }
                }
            }
        }
        found
    }
}

/// What passes over mutual TLS, or may; what is said of plaintext the ends say.
fn mutual(mut over: Over) -> Over {
    over.answer.passages.retain(|passage| passage.transport == Some(Transports::Mtls));
    over.answer.doubts.retain(|doubt| doubt.transport != Some(Transports::Plaintext));
    over
}
