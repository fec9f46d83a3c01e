//! A workload, and the ways in which it can be called at several moments.
//!
//! Owns: `Door`: whose calls of it are asked about, and by which ways. What they are answered is `asked`'s.

use std::collections::{BTreeMap, BTreeSet};

use super::{Between, Calls};
use crate::classes::port_classes;
use crate::cluster::{Addressed, Way, WaypointCall};
use crate::flow::{Cut, Flow, PortSet, Protocol, Request, Symbol, Transport};
use crate::plan::services::{Named, leading};

/// A workload, and how it can be called.
pub(super) struct Door<'c, 'a> {
    pub(super) calls: &'c Calls<'a>,
    pub(super) target: usize,
    /// The ports of Services that lead to it, at each moment.
    pub(super) leads: Vec<BTreeMap<Named, u16>>,
    /// By what anybody on the way tells connections apart, with the moment.
    pub(super) cuts: Vec<(usize, Cut)>,
    /// Whether calls of its own address may go over a waypoint at some moment.
    is_bound: bool,
    /// The ports of Services by which calls are no plain connections, at some moment.
    apart: BTreeSet<Named>,
    /// The namespaces where something on the way stands.
    near: BTreeSet<Symbol>,
}

/// What is called.
#[derive(Debug, Clone)]
pub(super) struct Called {
    pub(super) protocol: Protocol,
    /// The port of the pod; of a Service, one to which it leads at some moment.
    pub(super) port: u16,
    /// All ports that are like it; none of a Service.
    pub(super) ports: PortSet,
    pub(super) by: By,
}

/// How it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum By {
    /// By its own address, over either transport.
    Address,
    /// By its own address, over what the client's side chooses.
    AddressAsChosen,
    /// By a port of a Service.
    Service(Named),
}

impl<'c, 'a> Door<'c, 'a> {
    pub(super) fn new(calls: &'c Calls<'a>, target: usize) -> Self {
        let names = &calls.ground.names;
        let mut door = Self {
            calls,
            target,
            leads: Vec::new(),
            cuts: Vec::new(),
            is_bound: false,
            apart: BTreeSet::new(),
            near: calls.ground.workloads.get(target).map(|workload| Symbol::clone(workload.namespace())).into_iter().collect(),
        };
        for (at, moment) in calls.moments.iter().enumerate() {
            let Some(end) = moment.called(target) else { continue };
            let own = moment.cluster.end(end, Way::Ingress).cuts(names);
            door.cuts.extend(own.into_iter().map(|cut| (at, cut)));
            door.leads.push(leading(moment.services.iter().copied(), end));
            for call in moment.cluster.waypoint_calls(end, names).into_iter().chain(moment.cluster.told_calls(end)) {
                let at_pod = call.pod.map(|pod| moment.cluster.end(pod, Way::Ingress).cuts(names)).unwrap_or_default();
                door.meet(call, at, at_pod);
            }
        }
        let moving = |named: &&Named| calls.ground.moving.contains(&(Symbol::clone(&named.0), Symbol::clone(&named.1)));
        let moved: Vec<Named> = door.leads.iter().flat_map(BTreeMap::keys).filter(moving).cloned().collect();
        door.apart.extend(moved);
        door
    }

    /// Takes in a call that is no plain connection.
    fn meet(&mut self, call: WaypointCall<'_>, at: usize, at_pod: Vec<Cut>) {
        self.near.extend(call.waypoint.as_ref().and_then(|name| name.split('/').next()).map(Symbol::from));
        self.cuts.extend(call.cuts.into_iter().chain(at_pod).map(|cut| (at, cut)));
        match call.addressed {
            Addressed::Service { namespace, name, port } => {
                self.apart.insert((namespace, name, port));
            }
            Addressed::Pod | Addressed::Unsaid => self.is_bound = true,
        }
    }

    /// Whether calls of a workload are asked about: something has changed where they pass, and they hang on more than their ends.
    pub(super) fn is_asked_by(&self, source: usize) -> bool {
        let Calls { ground, alone, .. } = self.calls;
        let Some(client) = ground.workloads.get(source) else { return false };
        if alone.is_some_and(|alone| alone != source) || source == self.target && client.is_one_pod() && alone.is_none() {
            return false;
        }
        let is_near = self.calls.is_touched(client.namespace()) || self.near.iter().any(|name| self.calls.is_touched(name));
        is_near && (self.is_special(source) || self.is_bound || !self.apart.is_empty())
    }

    /// Whether either end is not like every pod of its labels.
    fn is_special(&self, source: usize) -> bool {
        [source, self.target].iter().any(|at| self.calls.ground.special.contains(at))
    }

    /// The ways in which a client can call it that are asked about; `out` are the cuts of the client's own end.
    pub(super) fn ways(&self, source: usize, out: &[Cut]) -> Vec<Called> {
        let is_special = self.is_special(source);
        let mut ways = if is_special || self.is_bound { self.by_address(out) } else { Vec::new() };
        let named: BTreeSet<&Named> =
            self.leads.iter().flat_map(BTreeMap::keys).filter(|named| is_special || self.apart.contains(*named)).collect();
        let by_service = |named: &Named| {
            let port = self.leads.iter().find_map(|leads| leads.get(named).copied())?;
            Some(Called { protocol: Protocol::Tcp, port, ports: PortSet::none(), by: By::Service(named.clone()) })
        };
        ways.extend(named.into_iter().filter_map(by_service));
        ways
    }

    fn by_address(&self, out: &[Cut]) -> Vec<Called> {
        let cuts: Vec<&Cut> = self.cuts.iter().map(|(_, cut)| cut).chain(out).collect();
        let all: Vec<usize> = (0..cuts.len()).collect();
        let called = |class: crate::classes::PortClass| {
            let is_chosen = self.is_bound && class.protocol == Protocol::Tcp;
            let by = if is_chosen { By::AddressAsChosen } else { By::Address };
            Called { protocol: class.protocol, port: class.example, ports: class.ports, by }
        };
        port_classes(&cuts, &all).into_iter().map(called).collect()
    }

    /// A connection as what is to be has its ends.
    pub(super) fn flow(&self, between: &Between, called: &Called, (transport, request): (Transport, Option<Request>)) -> Option<Flow> {
        let moment = self.calls.moments.last()?;
        Some(Flow {
            source: moment.calling(between.source)?.peer.clone(),
            destination: moment.called(between.target)?.peer.clone(),
            protocol: called.protocol,
            port: called.port,
            transport,
            request,
        })
    }

    /// Who calls, and what.
    pub(super) fn words(&self, between: &Between, called: &Called) -> (String, String) {
        let title = |at: usize| self.calls.ground.workloads.get(at).map(|workload| workload.title.clone()).unwrap_or_default();
        let whom = match &called.by {
            By::Service((namespace, name, port)) => format!("svc/{name}@{namespace}:{port}"),
            By::Address | By::AddressAsChosen => title(between.target),
        };
        (title(between.source), whom)
    }
}
