//! Connections that go over a waypoint.
//!
//! Owns: what passes of the calls that a waypoint stands before. Such a call has two hops and gates at both, so the ends alone
//! cannot say it: the cluster is asked about whole connections, one for each group of clients, port and kind of request that
//! any gate on the way tells apart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cluster::{Addressed, Cluster, Document, Endpoint, Question, Way, WaypointCall};
use crate::flow::{DataPlane, PortSet, Protocol, Request, Symbol, Transport, Verdict};

use super::Reasons;
use super::answer::{Answer, Doubt, Passage, Transports};
use super::apart::Apart;
use super::bits::Bits;
use super::ends::{Asking, Ends, View};
use super::groups;
use super::requests::{Looked, Requests};

/// Clients to which the same is said, and what.
pub(super) struct Over {
    pub(super) clients: Bits,
    pub(super) answer: Answer,
}

/// Who may take waypoints.
pub(super) struct Clients<'c> {
    /// Those whose every call does, and those who are told to take them for Services.
    all: Apart<'c>,
    /// The former.
    pub(super) ambient: Bits,
}

/// What is found for some clients, port by port.
#[derive(Default)]
struct Found {
    passing: BTreeMap<(Transports, Arc<Requests>, BTreeSet<Document>), PortSet>,
    doubted: BTreeMap<(Transports, Arc<Requests>, Symbol), PortSet>,
}

/// What one port says to kinds of requests, by their numbers.
#[derive(Default)]
struct Heard {
    passing: BTreeMap<(Transports, BTreeSet<Document>), Vec<usize>>,
    doubted: BTreeMap<(Transports, Symbol), Vec<usize>>,
}

impl<'c> Clients<'c> {
    /// Of these workloads.
    pub(super) fn new(cluster: &'c Cluster, sources: &Bits) -> Self {
        let workloads = cluster.workloads();
        let of = |is: &dyn Fn(&Endpoint) -> bool| {
            sources.iter().filter(|at| workloads.get(*at).is_some_and(|workload| is(&workload.endpoint))).collect::<Bits>()
        };
        let ambient = |endpoint: &Endpoint| super::ends::pod(endpoint).is_some_and(|pod| pod.plane == DataPlane::Ambient);
        let all = of(&|endpoint| cluster.takes_waypoints(endpoint));
        Self { all: Apart::new(workloads, all), ambient: of(&ambient) }
    }
}

impl<'c> Asking<'c> {
    /// The calls of a workload that go over a waypoint; none where nobody takes any.
    pub(super) fn calls(&self, destination: usize, clients: &Clients<'c>) -> Vec<WaypointCall<'c>> {
        let workload = self.cluster.workloads().get(destination).filter(|_| !clients.all.is_empty());
        workload.map(|workload| self.cluster.waypoint_calls(&workload.endpoint, &self.names)).unwrap_or_default()
    }

    /// What passes of one call, group by group of its clients.
    pub(super) fn over(
        &mut self,
        call: &WaypointCall<'c>,
        (destination, view): (&Endpoint, &View<'c>),
        clients: &mut Clients<'c>,
        egress: &Ends<'c>,
        reasons: Reasons,
    ) -> Vec<Over> {
        let mut cuts = call.cuts.clone();
        // Who takes the connection from the client tells clients apart: the waypoint, or else the pod itself.
        cuts.extend(self.cluster.end(call.pod.unwrap_or(destination), Way::Ingress).cuts(&self.names));
        let mut found = Vec::new();
        for group in groups::workloads(&cuts, clients.all.of(&cuts, Way::Ingress), &mut self.members) {
            for members in by_view(&group.members, egress) {
                // Gateways go over a waypoint only where they are told to; their calls that go straight are in no need of a row.
                let members = if self.cluster.tells_gateways(&call.addressed) { members } else { members.intersect(&clients.ambient) };
                if members.is_empty() {
                    continue;
                }
                let samples = Looked::of(groups::samples(&cuts, &group.held).chain(view.all_samples()));
                found.extend(self.asked(call, (destination, view), members, &samples, reasons));
            }
        }
        found
    }

    /// What passes of a call of these clients, whom nobody on the way tells apart.
    pub(super) fn asked(
        &mut self,
        call: &WaypointCall<'c>,
        (destination, view): (&Endpoint, &View<'c>),
        clients: Bits,
        samples: &Looked,
        reasons: Reasons,
    ) -> Option<Over> {
        let client = clients.iter().next().and_then(|at| self.cluster.workloads().get(at))?;
        let asked = Asked { call, client: &client.endpoint, destination, reasons };
        let answer = self.answer_over(&asked, view, samples);
        Some(Over { clients, answer })
    }

    fn answer_over(&mut self, asked: &Asked<'_, 'c>, view: &View<'c>, samples: &Looked) -> Answer {
        let mut found = Found::default();
        let via = asked.call.waypoint.as_ref();
        let Some(space) = self.spaces.of(samples) else { return too_many(via) };
        for (ports, port) in asked.ports(view) {
            let mut heard = Heard::default();
            for (at, question) in space.questions().iter().enumerate() {
                asked.hear((self.cluster, view), port, (at, question.clone()), &mut heard);
            }
            let mut name = |at: Vec<usize>| self.spaces.name(&space, &at.into_iter().collect());
            for ((transport, by), at) in heard.passing {
                let Some(requests) = name(at) else { return too_many(via) };
                let sum = found.passing.entry((transport, requests, by)).or_default();
                *sum = sum.union(&ports);
            }
            for ((transport, reason), at) in heard.doubted {
                let Some(requests) = name(at) else { return too_many(via) };
                let sum = found.doubted.entry((transport, requests, reason)).or_default();
                *sum = sum.union(&ports);
            }
        }
        found.finish(via)
    }
}

/// A call of one client.
struct Asked<'a, 'c> {
    call: &'a WaypointCall<'c>,
    client: &'a Endpoint,
    destination: &'a Endpoint,
    reasons: Reasons,
}

impl Asked<'_, '_> {
    /// The ports that the call leads to, as far as the pod or the waypoint tells them apart, each with one of them.
    fn ports(&self, view: &View<'_>) -> Vec<(PortSet, u16)> {
        if let Some(ports) = &self.call.ports {
            return ports.iter().map(|port| (PortSet::one(Protocol::Tcp, *port), *port)).collect();
        }
        let parts = groups::divided(view.all_ports(), &self.call.cuts).into_iter().map(|group| group.ports.only(Protocol::Tcp));
        let low = |ports: &PortSet| ports.get(Protocol::Tcp).ranges().first().map(|(low, _)| *low);
        parts.filter_map(|ports| low(&ports).map(|low| (ports, low))).collect()
    }

    fn hear(&self, (cluster, view): (&Cluster, &View<'_>), port: u16, (at, request): (usize, Option<Request>), heard: &mut Heard) {
        let decision = cluster.decide(&Question {
            source: self.client.clone(),
            destination: self.destination.clone(),
            protocol: Protocol::Tcp,
            port,
            // Of what a call addresses that only arrives over mutual TLS nothing need be known.
            transport: (self.call.addressed == Addressed::Unsaid).then_some(Transport::Mtls),
            request,
            addressed: self.call.addressed.clone(),
        });
        let transport = match decision.transport {
            Some(Transport::Mtls) => Transports::Mtls,
            Some(Transport::Plaintext) => Transports::Plaintext,
            None => Transports::Either,
        };
        match view.unheard.settle_call(port, decision.verdict) {
            Verdict::Denied => {}
            Verdict::Unspecified(reason) => heard.doubted.entry((transport, reason.into())).or_default().push(at),
            Verdict::Allowed => {
                let named = decision.steps.into_iter().filter(|_| self.reasons == Reasons::Named);
                let by = named.flat_map(|step| step.decided_by).collect();
                heard.passing.entry((transport, by)).or_default().push(at);
            }
        }
    }
}

impl Found {
    fn finish(self, via: Option<&Symbol>) -> Answer {
        let passage = |((transport, requests, by), ports): ((Transports, Arc<Requests>, BTreeSet<Document>), PortSet)| Passage {
            ports,
            transport: Some(transport),
            requests,
            via: via.cloned(),
            by: by.into_iter().collect(),
        };
        let doubt =
            |((transport, requests, reason), ports)| Doubt { ports, transport: Some(transport), requests, via: via.cloned(), reason };
        Answer { passages: self.passing.into_iter().map(passage).collect(), doubts: self.doubted.into_iter().map(doubt).collect() }
    }
}

fn too_many(via: Option<&Symbol>) -> Answer {
    let (ports, requests) = (PortSet::full(Protocol::Tcp), Requests::everything().into());
    let reason = super::ends::TOO_MANY_KINDS.into();
    Answer { passages: Vec::new(), doubts: vec![Doubt { ports, transport: Some(Transports::Either), requests, via: via.cloned(), reason }] }
}

/// Clients by whose egress is the same.
pub(super) fn by_view(clients: &Bits, egress: &Ends<'_>) -> Vec<Bits> {
    let mut views: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for client in clients.iter() {
        views.entry(egress.of.get(client).copied().flatten()).or_default().push(client);
    }
    views.into_values().map(|clients| clients.into_iter().collect()).collect()
}
