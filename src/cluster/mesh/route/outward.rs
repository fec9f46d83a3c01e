//! The ways of a connection to an address.
//!
//! Owns: which calls of an address go over the waypoint of a `ServiceEntry` (`semantics.md` §2.1, §5.5): those of ambient clients. Whether
//! those of gateways that are told to take waypoints do is left open. It must not know what an entry says.

use std::net::IpAddr;

use super::{Course, Route, Target, told_apart};
use crate::cluster::mesh::Mesh;
use crate::cluster::mesh::end::plane;
use crate::cluster::mesh::entry::EntryCall;
use crate::cluster::mesh::waypoint::Binding;
use crate::cluster::question::Question;
use crate::flow::{AddressSet, DataPlane, PortSet, Transport};

const WHAT_IS_CALLED: &str = "what the client addresses: the address itself, or a host of a ServiceEntry that leads there over a waypoint";
const UNDECLARED: &str = "a ServiceEntry that is bound to a waypoint owns the address, and does not declare the port";
const OF_GATEWAY: &str = "whether a gateway takes the waypoint of a ServiceEntry that tells it to is not known";
const ENDS: &str = "where a connection with a host of a ServiceEntry ends is not known";

impl Mesh {
    /// The ways to an address. One of an entry is always called as the entry; one that an entry may lead to is called as itself or by
    /// the name of the entry's host.
    pub(super) fn ways_outward(&self, question: &Question, address: IpAddr) -> Vec<Route> {
        let straight = self.straight(question);
        if question.transport == Some(Transport::Mtls) {
            return vec![straight];
        }
        if plane(&question.source) != DataPlane::Ambient {
            let may_be = |(addresses, ports, _): (AddressSet, PortSet, String)| {
                addresses.contains(address) && ports.contains(question.protocol, question.port)
            };
            let doubt = self.outward(&question.source).into_iter().any(may_be).then_some(OF_GATEWAY);
            return vec![Route { doubt, ..straight }];
        }
        let (calls, is_free) = self.entry_calls(address, question.port);
        let is_taken = !is_free && calls.iter().any(|call| call.is_own);
        let mut routes: Vec<Route> = if is_taken { Vec::new() } else { vec![straight] };
        for call in calls {
            let route = self.by_entry(question, call);
            if !routes.iter().any(|known| known.is_same(&route)) {
                routes.push(route);
            }
        }
        told_apart(routes, WHAT_IS_CALLED)
    }

    fn by_entry(&self, question: &Question, call: EntryCall) -> Route {
        let doubted = |doubt| Route { doubt: Some(doubt), ..self.straight(question) };
        match (call.binding, call.port) {
            (Binding::Waypoint(at), Some(port)) => {
                let course = Course { via: Some(at), ..Course::plain(Target::Entry(call.entry, port)) };
                Route { open_end: (!call.ends_there).then_some(ENDS), ..self.route(question, &course) }
            }
            (Binding::Open(doubt), _) => doubted(doubt),
            (_, None) => doubted(UNDECLARED),
            (Binding::None, Some(_)) => self.straight(question),
        }
    }
}
