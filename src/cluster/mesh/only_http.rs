//! Where a proxy on the way takes nothing but HTTP.
//!
//! Owns: `OnlyHttp`. On a port that is declared as HTTP, Envoy has nothing but its reader of HTTP (`semantics.md` §2.2): no policy stops a
//! connection that is none, and it ends there all the same. It must not know policies.

use super::end::{Entrance, Guard, plane};
use super::route::{Course, Route, Target};
use super::truth::Truth;
use super::{Mesh, gateway::OWN_PORTS};
use crate::cluster::question::Question;
use crate::flow::Protocol;
use crate::inventory::ProtocolClass;

/// Whose proxy answers what is no HTTP with HTTP 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnlyHttp {
    /// The waypoint's.
    Waypoint,
    /// The destination's own: its sidecar, or the destination itself if it is a gateway.
    Destination,
}

impl Mesh {
    /// Who surely takes nothing but HTTP of a connection, on every way that it may take.
    pub(crate) fn only_http(&self, question: &Question) -> Option<OnlyHttp> {
        if question.protocol != Protocol::Tcp {
            return None;
        }
        let mut all = self.routes(question).into_iter().map(|route| self.only_http_on(&route, question.port));
        let first = all.next()??;
        all.all(|other| other == Some(first)).then_some(first)
    }

    fn only_http_on(&self, route: &Route, port: u16) -> Option<OnlyHttp> {
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
