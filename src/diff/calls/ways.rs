//! How a workload can be called: by its Services, or by its own address where a waypoint stands before it.
//!
//! Owns: the calls of a client, each with the ports of the pod that it leads to; and which Service leads to which pod. It asks nobody
//! whether they pass.

use std::collections::{BTreeMap, BTreeSet};

use super::{Client, Door, SIDES};
use crate::classes::port_classes;
use crate::cluster::{Addressed, Cluster, Way, WaypointCall};
use crate::diff::actual::Actual;
use crate::diff::side::Which;
use crate::diff::walk::Call;
use crate::flow::{Cut, PortSet, Protocol, RequestSamples, Symbol};
use crate::inventory::{PortTarget, ServiceFacts, ServicePort};

impl Door<'_> {
    /// The calls of a client, with the ports of the pod that they lead to.
    pub(super) fn calls(&self, client: &Client) -> Vec<(PortSet, Call)> {
        let mut calls: Vec<(PortSet, Call)> = self.services.iter().flat_map(|service| self.by_service(service)).collect();
        let to_pod = |call: &WaypointCall<'_>| call.addressed == Addressed::Pod;
        if self.over.iter().flatten().any(to_pod) {
            let cuts: Vec<Cut> = self.cuts.iter().cloned().chain(self.egress(client)).collect();
            let all: Vec<usize> = (0..cuts.len()).collect();
            let classes = port_classes(&cuts, &all).into_iter().filter(|class| class.protocol == Protocol::Tcp);
            calls.extend(classes.map(|class| {
                let leads = [(Addressed::Pod, class.example), (Addressed::Pod, class.example)];
                (class.ports, Call { service: None, leads })
            }));
        }
        calls
    }

    /// By what a client's own end tells ports apart.
    fn egress(&self, client: &Client) -> Vec<Cut> {
        let of = |(which, cluster): (Which, &&Cluster)| cluster.end(client.both.end(which), Way::Egress).cuts(self.sides.names);
        let all = SIDES.into_iter().zip(&self.sides.clusters).flat_map(of);
        all.map(|cut| Cut { requests: RequestSamples::default(), ..cut }).collect()
    }

    /// The calls by a Service, on each of its ports. Where it does not lead here, what remains is to call the pod.
    fn by_service(&self, service: &(Symbol, Symbol)) -> Vec<(PortSet, Call)> {
        let [base, head] = [0, 1].map(|side| self.ports_of(service, side));
        let numbers: BTreeSet<u16> = base.keys().chain(head.keys()).copied().collect();
        let call = |number: u16| {
            let (was, is) = (base.get(&number).copied(), head.get(&number).copied());
            let (old, new) = (was.or(is)?, is.or(was)?);
            let lead = |own: Option<u16>, port: u16| {
                let (namespace, name) = service.clone();
                let by_service = Addressed::Service { namespace, name, port: number };
                (if own.is_some() { by_service } else { Addressed::Pod }, port)
            };
            let ports = PortSet::one(Protocol::Tcp, old).union(&PortSet::one(Protocol::Tcp, new));
            let named = Symbol::from(format!("svc/{}@{}", service.1, service.0));
            Some((ports, Call { service: Some((named, number)), leads: [lead(was, old), lead(is, new)] }))
        };
        numbers.into_iter().filter_map(call).collect()
    }

    /// The ports of a Service on one side, each with the port of the pod that it leads to.
    fn ports_of(&self, (namespace, name): &(Symbol, Symbol), side: usize) -> BTreeMap<u16, u16> {
        let (Some(which), Some(services)) = (SIDES.get(side), self.sides.services.get(side)) else { return BTreeMap::new() };
        let is_it =
            |service: &&ServiceFacts| service.namespace == *namespace && service.name == *name && selects(service, self.target, *which);
        let ports = services.iter().filter(is_it).flat_map(|service| service.ports.iter().map(move |port| (service, port)));
        let ports = ports.filter(|(_, port)| port.protocol == Protocol::Tcp);
        ports.filter_map(|(service, port)| Some((port.port, leads_to(service, port, self.target, *which)?))).collect()
    }
}

pub(super) fn name_of(service: &ServiceFacts) -> (Symbol, Symbol) {
    (Symbol::clone(&service.namespace), Symbol::clone(&service.name))
}

/// Whether a Service leads to a workload on one side.
pub(in crate::diff) fn selects(service: &ServiceFacts, target: &Actual, which: Which) -> bool {
    let Some(pod) = target.pod(which) else { return false };
    let open = &target.both.end(which).facts.open_labels;
    let carries = |(key, value): (&Symbol, &Symbol)| pod.labels.get(key) == Some(value) || open.contains(key);
    service.namespace == pod.namespace && !service.selector.is_empty() && service.selector.iter().all(carries)
}

/// The port of a pod that a port of a Service leads to.
fn leads_to(service: &ServiceFacts, port: &ServicePort, target: &Actual, which: Which) -> Option<u16> {
    match &service.arrival(port) {
        PortTarget::Number(number) => Some(*number),
        PortTarget::Name(name) => {
            let ports = target.both.end(which).facts.ports.as_ref()?;
            ports.iter().find(|own| own.name == *name && own.protocol == port.protocol).map(|own| own.number)
        }
    }
}

/// Whether a host may be that of a Service.
pub(in crate::diff) fn fits(host: &str, (_, name): &(Symbol, Symbol)) -> bool {
    host.contains('*') || host.split('.').next() == Some(&**name)
}
