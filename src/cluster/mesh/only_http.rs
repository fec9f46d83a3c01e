//! What proxies on the way read: where one takes nothing but HTTP, and where one sees no request at all.
//!
//! Owns: `OnlyHttp`, `Reads`. On a port that is declared as HTTP, Envoy has nothing but its reader of HTTP (`semantics.md` §2.2): no policy stops a
//! connection that is none, and it ends there all the same. It must not know policies.

use super::end::{Entrance, Guard, plane};
use super::route::{Course, Route, Target};
use super::services::Class;
use super::truth::Truth;
use super::{Mesh, gateway::OWN_PORTS};
use crate::cluster::question::{Endpoint, Question};
use crate::flow::{DataPlane, Peer, Protocol};
use crate::inventory::ProtocolClass;

/// Whose proxy answers what is no HTTP with HTTP 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnlyHttp {
    /// The waypoint's.
    Waypoint,
    /// The destination's own: its sidecar, or the destination itself if it is a gateway.
    Destination,
    /// The client's own sidecar, which listens for the port of a Service itself.
    Client,
    /// One of these, and nobody knows which.
    Some,
}

/// What the proxy that decides about a request sees of it (`semantics.md` §2.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// The request.
    Http,
    /// Bytes, on which there is no filter for HTTP.
    Bytes,
    /// One of the two, and nobody knows which.
    Either,
}

impl Mesh {
    /// Who surely takes nothing but HTTP of a connection, on every way that it may take.
    pub(crate) fn only_http(&self, question: &Question) -> Option<OnlyHttp> {
        if question.protocol != Protocol::Tcp {
            return None;
        }
        let mut all = self.routes(question).into_iter().map(|route| self.only_http_on(question, &route));
        let first = all.next()??;
        all.try_fold(first, |first, other| Some(if first == other? { first } else { OnlyHttp::Some }))
    }

    fn only_http_on(&self, question: &Question, route: &Route) -> Option<OnlyHttp> {
        match self.client_reads(question, route) {
            Truth::Yes => Some(OnlyHttp::Client),
            Truth::No => self.server_reads(route, question.port),
            Truth::Open(_) => self.server_reads(route, question.port).map(|_| OnlyHttp::Some),
        }
    }

    /// Whether the sidecar of the client reads a call as HTTP alone. For the ports that Services declare as HTTP it listens on all addresses
    /// (istio/istio : pilot/pkg/networking/core/listener.go), so another Service with that port may have a say.
    fn client_reads(&self, question: &Question, route: &Route) -> Truth {
        const SHARED: &str = "what the client's sidecar listens for hangs on other Services with the same port";
        let (Peer::Pod(client), Peer::Pod(pod)) = (&question.source.peer, &question.destination.peer) else { return Truth::No };
        if plane(&question.source) != DataPlane::Sidecar || self.is_gateway(&question.source) {
            return Truth::No;
        }
        let number = match &route.course.target {
            Target::Service(_, _, port) | Target::Entry(_, port) => *port,
            Target::Pod => question.port,
            Target::SomeService => return Truth::Open(SHARED),
        };
        let taken_over = self.is_left_as_it_comes(question, (client, pod), &route.course.target).not();
        let others = self.services.iter().flat_map(|service| &service.ports);
        let mut declared = others.filter(|port| port.port == number && port.protocol == Protocol::Tcp).map(|port| port.class);
        let reads = match self.class_of(&route.course) {
            Some(ProtocolClass::Http) => {
                let is_alone = declared.all(|class| class == ProtocolClass::Http);
                if is_alone { Truth::Yes } else { Truth::Open(SHARED) }
            }
            // Plain connections have listeners of their own addresses.
            _ if declared.any(|class| class == ProtocolClass::Http) => Truth::Open(SHARED),
            _ => Truth::No,
        };
        Truth::all([taken_over, reads])
    }

    /// Who takes nothing but HTTP of what arrives at a waypoint, or at the destination.
    fn server_reads(&self, route: &Route, port: u16) -> Option<OnlyHttp> {
        let course = &route.course;
        if course.via.is_some() && self.class_of(course) == Some(ProtocolClass::Http) {
            return Some(OnlyHttp::Waypoint);
        }
        let hop = route.hops.last()?;
        let end = self.end(&hop.to);
        let reads = match &end.guard {
            Guard::Sidecar(sidecar) => {
                let entrance = end.entrance(plane(&hop.from), port, course.speaks.transport());
                matches!(entrance, Entrance::Captured | Entrance::Carried) && sidecar.classes.is_http(port) == Truth::Yes
            }
            Guard::Gateway(gateway) => !OWN_PORTS.contains(&port) && gateway.is_http(port),
            Guard::None | Guard::Tunnel(_) | Guard::Ztunnel(_) => false,
        };
        reads.then_some(OnlyHttp::Destination)
    }

    /// What the waypoint on the way sees of a request.
    pub(crate) fn waypoint_reads(&self, question: &Question) -> Reads {
        let routes = self.routes(question);
        let through = routes.iter().filter(|route| route.course.via.is_some());
        let reads = |route: &Route| if self.class_of(&route.course) == Some(ProtocolClass::Tcp) { Reads::Bytes } else { Reads::Http };
        together(through.map(reads))
    }

    /// What the proxy of a pod sees of a request to a port.
    pub(crate) fn reads(&self, end: &Endpoint, port: u16) -> Reads {
        match self.end(end).class(port) {
            Class::Http => Reads::Http,
            Class::Plain => Reads::Bytes,
            Class::Either(_) => Reads::Either,
        }
    }

    /// What the port of a Service, or of a `ServiceEntry`, that a waypoint is called for is declared to be.
    pub(super) fn class_of(&self, course: &Course) -> Option<ProtocolClass> {
        match self.on_the_way(&course.target) {
            Target::Service(namespace, name, port) => {
                let service = self.services.iter().find(|service| service.namespace == *namespace && service.name == *name)?;
                service.ports.iter().find(|own| own.port == *port).map(|own| own.class)
            }
            Target::Entry(at, port) => self.entries.get(*at)?.ports.iter().find(|own| own.number == *port).map(|own| own.class),
            Target::Pod | Target::SomeService => None,
        }
    }
}

/// What is the same of all; of none it is the request.
fn together(all: impl Iterator<Item = Reads>) -> Reads {
    all.reduce(|first, other| if first == other { first } else { Reads::Either }).unwrap_or(Reads::Http)
}
