//! The ways of a connection that a sidecar makes.
//!
//! Owns: what a sidecar speaks to whom, by `DestinationRule`s or by itself (`semantics.md` §3.3). It must not know waypoints.

use std::collections::BTreeSet;

use super::{CLIENT_TLS, Course, FLAG, LABELLED, Route, Speaks, Target, told_apart};
use crate::cluster::mesh::Mesh;
use crate::cluster::mesh::attachment::Acts;
use crate::cluster::mesh::client::{Call, DestinationRule, Said, Tls};
use crate::cluster::mesh::end::plane;
use crate::cluster::mesh::services::is_told_of_pod;
use crate::cluster::mesh::truth::Truth;
use crate::cluster::question::{Addressed, Endpoint, Question};
use crate::flow::{DataPlane, Peer, Pod, PortSet, Protocol, Transport};
use crate::inventory::{OutboundCapture, ServiceFacts, ServiceKind, ServicePort};

/// A client that writes the name of a Service in its request may get through all the same.
pub(crate) const UNNAMED: &str = "the mesh's `outboundTrafficPolicy` refuses calls of what no Service names, as of the addresses of pods";
pub(super) const UNSPOKEN: &str = "the caller's sidecar may speak no plaintext with what is called by Service, and calls of what no Service names, as of \
                                   the addresses of pods, the mesh's `outboundTrafficPolicy` refuses";
const UNTOLD: &str = "what a sidecar does with calls of a Service of which it is not told";

impl Mesh {
    /// The ways of a connection that a pod with a sidecar makes; also as it comes from the application, where the sidecar may leave it so.
    pub(super) fn ways_of_sidecar(&self, question: &Question, ends: (&Pod, &Pod), plain: &Course) -> Vec<Route> {
        let past = || self.route(question, plain);
        let reason = match self.is_left_as_it_comes(question, ends, &plain.target) {
            Truth::Yes => return vec![past()],
            Truth::No => return self.ways_taken_over(question, ends, plain),
            Truth::Open(reason) => reason,
        };
        let mut ways = self.ways_taken_over(question, ends, plain);
        // What a sidecar is not told of it may refuse; what it does not take over it cannot.
        let doubt = (reason == UNTOLD && self.refuses_unnamed).then_some(UNNAMED);
        let past = Route { doubt, ..past() };
        if ways.iter().any(|way| way.is_same(&past)) {
            return ways;
        }
        ways.push(past);
        told_apart(ways, reason)
    }

    /// Whether a sidecar does not touch a connection. Gateways make their own, and are told of everybody.
    pub(in crate::cluster::mesh) fn is_left_as_it_comes(&self, question: &Question, (client, pod): (&Pod, &Pod), target: &Target) -> Truth {
        const PAST: &str = "whether the caller's sidecar takes the connection over, as annotations keep some from it";
        if self.is_gateway(&question.source) {
            return Truth::No;
        }
        let port = match target {
            Target::Pod => Some(question.port),
            Target::Service(_, _, port) | Target::Entry(_, port) => Some(*port),
            Target::SomeService => None,
        };
        let holds = |ports: &BTreeSet<u16>| port.is_some_and(|port| ports.contains(&port));
        match &question.source.facts.outbound {
            OutboundCapture::AllBut(ports) | OutboundCapture::NotAll(ports) if holds(ports) => return Truth::Yes,
            OutboundCapture::NotAll(_) => return Truth::Open(PAST),
            OutboundCapture::AllBut(_) if port.is_none() => return Truth::Open(PAST),
            OutboundCapture::AllBut(_) | OutboundCapture::All => {}
        }
        let called = self.as_service(question, pod, target).and_then(|(called, _)| self.service(called.namespace, called.name));
        let is_untold = called.is_some_and(|service| !service.is_told_to(&client.namespace));
        if is_untold { Truth::Open(UNTOLD) } else { Truth::No }
    }

    /// What a sidecar speaks (`semantics.md` §3.3).
    fn ways_taken_over(&self, question: &Question, (client, pod): (&Pod, &Pod), plain: &Course) -> Vec<Route> {
        let Some((called, known)) = self.as_service(question, pod, &plain.target) else {
            let is_refused = || self.refused_unnamed(&question.source).contains(Protocol::Tcp, question.port);
            let is_refused = question.addressed != Addressed::Unsaid && is_refused();
            return vec![Route { doubt: is_refused.then_some(UNNAMED), ..self.route(question, plain) }];
        };
        let said = if known { self.said(client, called) } else { Said::Nothing };
        let mut ways = self.ways_to_service(question, said, plain);
        // Who says of itself that it listens for tunnels may be called so, whatever else it is.
        if self.may_be_tunnelled_to(&question.destination) {
            let tunnel = Course { speaks: Speaks::Mtls, tunnel: true, rule: None, ..plain.clone() };
            ways.push(self.route(question, &tunnel));
        }
        told_apart(ways, LABELLED)
    }

    /// Whether sidecars may call an end by the tunnel that is in no mesh, as its label says that it listens there.
    pub(crate) fn may_be_tunnelled_to(&self, end: &Endpoint) -> bool {
        let is_labelled = || plane(end) == DataPlane::None && self.mislabelled(end).is_some();
        self.platform.hbone_from_sidecars != Some(false) && is_labelled()
    }

    /// The TCP ports on which the sidecar of a client refuses, or may refuse, calls of addresses of pods: all that it takes over, as far as
    /// that is known. Gateways make their own connections, and are told of everybody.
    pub(crate) fn refused_unnamed(&self, client: &Endpoint) -> PortSet {
        if !self.refuses_unnamed || plane(client) != DataPlane::Sidecar || self.is_gateway(client) {
            return PortSet::none();
        }
        PortSet::full(Protocol::Tcp).subtract(&client.facts.spared_outbound())
    }

    /// Whether a call that is said to arrive in plaintext may be one that the client's sidecar refuses: what it does by itself with what is
    /// called is, or may be, to speak mTLS, so that only a call of the pod's own address arrives so (`semantics.md` §3.3, §5.5).
    pub(super) fn is_refused_in_plaintext(&self, question: &Question, courses: &[Route]) -> bool {
        let is_asked = question.transport == Some(Transport::Plaintext) && question.addressed != Addressed::Unsaid;
        is_asked
            && courses.iter().any(|route| route.course.speaks == Speaks::Mtls)
            && self.refused_unnamed(&question.source).contains(Protocol::Tcp, question.port)
    }

    /// Whether the sidecar of a client surely speaks plaintext with a port of a pod that is called so.
    pub(in crate::cluster::mesh) fn speaks_plaintext(&self, ends: (&Endpoint, &Endpoint), addressed: Addressed, port: u16) -> bool {
        let (source, destination) = (ends.0.clone(), ends.1.clone());
        let (protocol, transport, request) = (Protocol::Tcp, None, None);
        let routes = self.routes(&Question { source, destination, protocol, port, transport, request, addressed });
        routes.iter().all(|route| route.course.speaks.transport() == Transport::Plaintext)
    }

    /// What a sidecar speaks to a pod of which its registry knows.
    fn ways_to_service(&self, question: &Question, said: Said<'_>, plain: &Course) -> Vec<Route> {
        let server = plane(&question.destination);
        let with =
            |speaks, rule: Option<&DestinationRule>| Course { speaks, rule: rule.map(|rule| rule.object.document(None)), ..plain.clone() };
        match (said, server) {
            (Said::Open(rule), _) => {
                let mut mtls = with(Speaks::Mtls, Some(rule));
                mtls.tunnel = server == DataPlane::Ambient;
                self.either(question, [&mtls, &with(Speaks::Plaintext, Some(rule))], CLIENT_TLS)
            }
            (Said::Nothing | Said::Tls(Tls::Istio | Tls::Marked, _), DataPlane::Ambient) => {
                let tunnel = Course { tunnel: true, ..with(Speaks::Mtls, None) };
                match self.platform.hbone_from_sidecars {
                    Some(true) => vec![self.route(question, &tunnel)],
                    Some(false) if matches!(said, Said::Nothing) => self.by_itself(question, plain),
                    Some(false) => vec![self.route(question, plain)],
                    None => self.either(question, [&tunnel, plain], FLAG),
                }
            }
            (Said::Tls(tls, rule), DataPlane::Ambient) => {
                let own = if tls == Tls::Foreign { Speaks::Foreign } else { Speaks::Plaintext };
                let tunnel = Course { tunnel: true, ..with(Speaks::Mtls, Some(rule)) };
                self.either(question, [&tunnel, &with(own, Some(rule))], CLIENT_TLS)
            }
            (Said::Tls(Tls::Marked, rule), _) => {
                let courses = [with(Speaks::Mtls, Some(rule)), with(Speaks::Plaintext, Some(rule))];
                self.one_of(question, &courses, self.is_mtls_looked_for(&question.destination))
            }
            (Said::Tls(tls, rule), _) => {
                let speaks = match tls {
                    Tls::Disable | Tls::Unmarked => Speaks::Plaintext,
                    Tls::Istio | Tls::Marked => Speaks::Mtls,
                    Tls::Foreign => Speaks::Foreign,
                };
                vec![self.route(question, &with(speaks, Some(rule)))]
            }
            (Said::Nothing, DataPlane::None | DataPlane::Sidecar) => self.by_itself(question, plain),
        }
    }

    /// What a sidecar speaks where no rule says it: mTLS to whoever says that it takes it, unless the server is told to take none
    /// (I-AUTOMTLS).
    fn by_itself(&self, question: &Question, plain: &Course) -> Vec<Route> {
        let mtls = Course { speaks: Speaks::Mtls, ..plain.clone() };
        self.one_of(question, &[mtls, plain.clone()], self.is_spoken_to_in_mtls(&question.destination, question.port))
    }

    /// The first of two courses, if something holds, and else the second.
    fn one_of(&self, question: &Question, [first, second]: &[Course; 2], holds: Truth) -> Vec<Route> {
        match holds {
            Truth::Yes => vec![self.route(question, first)],
            Truth::No => vec![self.route(question, second)],
            Truth::Open(reason) => self.either(question, [first, second], reason),
        }
    }

    /// Whether clients look for the marks of a pod at all: not where its whole namespace is told to take no mTLS, whatever stands for the pod
    /// alone (istio/istio : `pilot/pkg/model/push_context.go`, `BestEffortInferServiceMTLSMode`).
    fn is_mtls_looked_for(&self, destination: &Endpoint) -> Truth {
        let Peer::Pod(pod) = &destination.peer else { return Truth::No };
        self.modes((pod, &destination.facts)).takes_mtls_anywhere()
    }

    /// What a sidecar speaks to a pod that it calls by Service, where no rule says it; none if that is not known.
    pub(crate) fn spoken_by_itself(&self, destination: &Endpoint, port: u16) -> Option<Transport> {
        match self.is_spoken_to_in_mtls(destination, port) {
            Truth::Yes => Some(Transport::Mtls),
            Truth::No => Some(Transport::Plaintext),
            Truth::Open(_) => None,
        }
    }

    /// Whether sidecars by themselves speak mTLS to a pod.
    fn is_spoken_to_in_mtls(&self, destination: &Endpoint, port: u16) -> Truth {
        let Peer::Pod(pod) = &destination.peer else { return Truth::No };
        match self.end(destination).announces() {
            Truth::No => Truth::No,
            announces => {
                let modes = self.modes((pod, &destination.facts));
                Truth::all([announces, modes.takes_mtls(port), modes.takes_mtls_anywhere()])
            }
        }
    }

    /// A call as one of a Service, and whether rules can name that; none for a call of the pod, which sidecars pass on as it is,
    /// unless a headless Service declares the port. Gateways are told of no address of a pod but by a Service.
    fn as_service<'q>(&'q self, question: &Question, pod: &'q Pod, target: &'q Target) -> Option<(Call<'q>, bool)> {
        let is_gateway = self.chooses_pods(&question.source) == Acts::Yes;
        let is_told = |service: &ServiceFacts, port: &ServicePort| {
            is_gateway || is_told_of_pod((service, port), &question.destination.facts) != Truth::No
        };
        match target {
            Target::Service(namespace, name, port) => {
                let is_declared = |own: &&ServicePort| own.port == *port && own.protocol == Protocol::Tcp;
                let declared = self.service(namespace, name).and_then(|service| Some((service, service.ports.iter().find(is_declared)?)));
                let is_told = declared.is_none_or(|(service, port)| is_told(service, port));
                is_told.then_some((Call { namespace, name, port: *port, pod }, true))
            }
            Target::SomeService => Some((Call { namespace: &pod.namespace, name: "", port: question.port, pod }, false)),
            Target::Entry(..) => None,
            Target::Pod if is_gateway => None,
            Target::Pod => {
                let headless = self.services_of(pod).into_iter().filter(|service| service.kind == ServiceKind::Headless);
                let call = |service: &'q ServiceFacts| {
                    let declares = |port: &&ServicePort| port.port == question.port && port.protocol == Protocol::Tcp;
                    let port = service.ports.iter().find(declares).filter(|port| is_told(service, port))?.port;
                    Some((Call { namespace: &service.namespace, name: &service.name, port, pod }, true))
                };
                headless.into_iter().find_map(call)
            }
        }
    }
}
