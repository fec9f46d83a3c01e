//! How a connection travels: the hops that `NetworkPolicy` sees, and what each proxy on the way is told (`semantics.md` §5.1).
//!
//! Owns: `Route`, `Hop`. Where nobody said what the client addresses, or how the mesh is installed, there are several routes,
//! and the answer must be the same on each. It must not judge a route.

mod outward;
mod sidecar;

pub(crate) use sidecar::UNNAMED;
use sidecar::UNSPOKEN;

use super::Mesh;
use super::attachment::{self, Acts, GATEWAY_NAME, Known};
use super::end::plane;
use super::services::arrives;
use super::truth::Truth;
use super::waypoint::{Binding, Called};
use crate::cluster::decision::Document;
use crate::cluster::question::{Addressed, Endpoint, Question, TUNNEL};
use crate::cluster::{HBONE, ProxyRole};
use crate::flow::{DataPlane, Peer, Pod, Protocol, Symbol, Transport};
use crate::inventory::ServicePort;

/// One way that a connection may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// What `NetworkPolicy` sees, in the order of the packet; never empty.
    pub(crate) hops: Vec<Hop>,
    /// What decides between this route and the others; none if it is the only one.
    pub(crate) hangs_on: Option<&'static str>,
    /// Why this way is not known well enough to be judged: its verdict is unspecified for this reason.
    pub(crate) doubt: Option<&'static str>,
    /// Why what policies say of the last hop is not known, if they say anything.
    pub(crate) open_end: Option<&'static str>,
    pub(super) course: Course,
}

/// A stretch between two pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hop {
    /// Whose packets.
    pub(crate) from: Endpoint,
    /// To whom.
    pub(crate) to: Endpoint,
    /// Over which protocol.
    pub(crate) protocol: Protocol,
    /// The port on `to`: that of the tunnel where the connection travels in it.
    pub(crate) wire_port: u16,
}

/// What the mesh does on a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Course {
    /// The waypoint that it goes through.
    pub(super) via: Option<usize>,
    /// What is called.
    pub(super) target: Target,
    /// What the last client on the way speaks.
    pub(super) speaks: Speaks,
    /// Whether the last hop is in the tunnel.
    pub(super) tunnel: bool,
    /// What made the client speak so.
    pub(super) rule: Option<Document>,
    /// Why such a call cannot be made at all.
    pub(super) impossible: Option<&'static str>,
}

/// What a client calls, with the port that it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// The pod.
    Pod,
    /// A Service, by namespace and name, on a port of it.
    Service(Symbol, Symbol, u16),
    /// Some Service that the manifests do not hold.
    SomeService,
    /// A host outside, by the place of its `ServiceEntry`, on a port of that.
    Entry(usize, u16),
}

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    /// The mesh's mutual TLS.
    Mtls,
    /// Plaintext.
    Plaintext,
    /// TLS of its own, which is bytes to the mesh.
    Foreign,
}

const WHAT_IS_CALLED: &str = "what the client addresses: a Service, or the pod itself";
const FLAG: &str = "whether sidecars and ztunnel speak HBONE with each other";
const CLIENT_TLS: &str = "client TLS unknown";
const LABELLED: &str = "whether the pod listens for tunnels: its label `networking.istio.io/tunnel` says otherwise than it is taken for";

impl Speaks {
    /// How it arrives.
    pub(super) const fn transport(self) -> Transport {
        match self {
            Self::Mtls => Transport::Mtls,
            Self::Plaintext | Self::Foreign => Transport::Plaintext,
        }
    }
}

impl Mesh {
    /// The ways that a connection may take. UDP and SCTP travel as they are.
    pub(crate) fn routes(&self, question: &Question) -> Vec<Route> {
        let pod = match &question.destination.peer {
            Peer::Pod(pod) if question.protocol == Protocol::Tcp => pod,
            Peer::Address(address) if question.protocol == Protocol::Tcp => return self.ways_outward(question, *address),
            _ => return vec![self.straight(question)],
        };
        let mut routes: Vec<Route> = Vec::new();
        for target in self.targets(question, pod) {
            for route in self.ways(question, pod, target) {
                if !routes.iter().any(|known| known.is_same(&route)) {
                    routes.push(route);
                }
            }
        }
        told_apart(routes, WHAT_IS_CALLED)
    }

    /// What a target is on the way, where addresses alone tell: a Service without one is the pod (`semantics.md` §5.5).
    pub(super) fn on_the_way<'t>(&self, target: &'t Target) -> &'t Target {
        match target {
            Target::Service(namespace, name, _) if self.is_headless(namespace, name) => &Target::Pod,
            _ => target,
        }
    }

    /// As waypoints look at a target; some Service is none that a waypoint is bound to.
    pub(super) fn called<'t>(&'t self, target: &'t Target) -> Called<'t> {
        match self.on_the_way(target) {
            Target::Service(namespace, name, _) => Called::Service(namespace, name),
            Target::Entry(at, _) => self.entries.get(*at).map_or(Called::Pod, |entry| Called::Entry(&entry.namespace, &entry.name)),
            Target::Pod | Target::SomeService => Called::Pod,
        }
    }

    /// A connection that no proxy touches.
    fn straight(&self, question: &Question) -> Route {
        let speaks = match question.transport {
            Some(Transport::Mtls) => Speaks::Mtls,
            _ => Speaks::Plaintext,
        };
        self.route(question, &Course { speaks, ..Course::plain(Target::Pod) })
    }

    /// What may be called: what the question says, else the pod and every Service that leads to its port.
    fn targets(&self, question: &Question, pod: &Pod) -> Vec<Target> {
        match &question.addressed {
            Addressed::Pod => return vec![Target::Pod],
            Addressed::Service { namespace, name, port } => {
                return vec![Target::Service(Symbol::clone(namespace), Symbol::clone(name), *port)];
            }
            Addressed::Unsaid => {}
        }
        let mut targets = vec![Target::Pod];
        let chooses = self.chooses_pods(&question.source);
        for service in self.services_of(pod) {
            let arrival = (question.port, &question.destination.facts);
            let leads = |port: &&ServicePort| port.protocol == Protocol::Tcp && arrives((service, port), arrival, chooses) != Truth::No;
            let target = |port: &ServicePort| Target::Service(Symbol::clone(&service.namespace), Symbol::clone(&service.name), port.port);
            targets.extend(service.ports.iter().filter(leads).map(target));
        }
        if targets.len() == 1 {
            targets.push(Target::SomeService);
        }
        targets
    }

    /// The ways to a target, those that do not end as the question says left out.
    fn ways(&self, question: &Question, pod: &Pod, target: Target) -> Vec<Route> {
        let courses = self.courses(question, pod, &target);
        let wanted = |route: &Route| question.transport.is_none_or(|asked| route.course.speaks.transport() == asked);
        let unspoken = self.is_refused_in_plaintext(question, &courses).then_some(UNSPOKEN);
        let doubt = courses.iter().find_map(|route| route.doubt).or(unspoken);
        let doubted = |route: Route| Route { doubt: route.doubt.or(unspoken), ..route };
        let routes: Vec<Route> = courses.into_iter().filter(wanted).map(doubted).collect();
        if !routes.is_empty() {
            return routes;
        }
        let planes = [plane(&question.source), plane(&question.destination)];
        let tunnel = question.transport == Some(Transport::Mtls) && planes.contains(&DataPlane::Ambient);
        let speaks = if question.transport == Some(Transport::Mtls) { Speaks::Mtls } else { Speaks::Plaintext };
        let impossible = self.impossible(question, pod, &target);
        // How it arrives says nothing of the way that it takes.
        vec![Route { doubt, ..self.route(question, &Course { speaks, tunnel, impossible, ..Course::plain(target) }) }]
    }

    /// What the client's side does by itself.
    fn courses(&self, question: &Question, pod: &Pod, target: &Target) -> Vec<Route> {
        let plain = Course { impossible: self.impossible(question, pod, target), ..Course::plain(target.clone()) };
        let client = match &question.source.peer {
            Peer::Pod(client) if plane(&question.source) != DataPlane::None => client,
            _ => return vec![self.route(question, &plain)],
        };
        let binding = self.binding(self.called(target), (pod, &question.destination.facts));
        match plane(&question.source) {
            DataPlane::None => vec![self.route(question, &plain)],
            DataPlane::Ambient => match binding {
                Binding::Open(doubt) => {
                    let routes = self.last_hop(question, &plain).into_iter();
                    routes.map(|route| Route { doubt: Some(doubt), ..route }).collect()
                }
                Binding::None => self.last_hop(question, &plain),
                Binding::Waypoint(at) => self.last_hop(question, &Course { via: Some(at), ..plain }),
            },
            DataPlane::Sidecar => {
                let Some(ingress) = self.ingress((client, &question.source.facts), target, binding) else {
                    return self.ways_of_sidecar(question, (client, pod), &plain);
                };
                match ingress {
                    Binding::Waypoint(at) => self.last_hop(question, &Course { via: Some(at), ..plain }),
                    Binding::Open(doubt) => vec![Route { doubt: Some(doubt), ..self.route(question, &plain) }],
                    Binding::None => self.ways_of_sidecar(question, (client, pod), &plain),
                }
            }
        }
    }

    /// The waypoint of a call by an ingress gateway, where the Service wants that; open where it is not sure that it is one.
    fn ingress(&self, client: Known<'_>, target: &Target, binding: Binding) -> Option<Binding> {
        let Target::Service(namespace, name, _) = target else { return None };
        if binding == Binding::None || !self.takes_ingress(namespace, name) {
            return None;
        }
        match self.calls_as_gateway(client) {
            Acts::Yes => Some(binding),
            Acts::Perhaps(reason) => Some(Binding::Open(reason)),
            Acts::No => None,
        }
    }

    /// Whether a pod with an Envoy calls as a gateway does.
    pub(super) fn calls_as_gateway(&self, client: Known<'_>) -> Acts {
        const PERHAPS: &str = "whether the caller is a gateway is not known";
        let (pod, _) = client;
        match self.proxy_role(client) {
            ProxyRole::Gateway => Acts::Yes,
            ProxyRole::Unknown | ProxyRole::Waypoint if pod.labels.contains_key(GATEWAY_NAME) => Acts::Yes,
            ProxyRole::Unknown if pod.labels.get("istio").is_some_and(|value| value.contains("gateway")) => Acts::Perhaps(PERHAPS),
            ProxyRole::Sidecar | ProxyRole::Waypoint | ProxyRole::Unknown => Acts::No,
        }
    }

    /// Whether a caller chooses the pods behind a Service itself, where others call the addresses that a name stands for.
    pub(super) fn chooses_pods(&self, client: &Endpoint) -> Acts {
        match &client.peer {
            Peer::Pod(pod) if plane(client) == DataPlane::Sidecar => self.calls_as_gateway((pod, &client.facts)),
            _ => Acts::No,
        }
    }

    /// Whether a caller gets to the port of the pods that a Service without an address names as its target; none where nobody knows.
    pub(crate) fn translates(&self, client: &Endpoint) -> Option<bool> {
        match self.chooses_pods(client) {
            Acts::Yes => Some(true),
            Acts::No => Some(false),
            Acts::Perhaps(_) => None,
        }
    }

    /// Whether an end is a gateway.
    pub(crate) fn is_gateway(&self, end: &Endpoint) -> bool {
        matches!(&end.peer, Peer::Pod(pod) if self.proxy_role((pod, &end.facts)) == ProxyRole::Gateway)
    }

    /// What an ambient client, or a waypoint, speaks to the pod.
    fn last_hop(&self, question: &Question, course: &Course) -> Vec<Route> {
        let tunnel = Course { speaks: Speaks::Mtls, tunnel: true, ..course.clone() };
        match self.is_tunnelled_to(&question.destination) {
            Truth::Yes => vec![self.route(question, &tunnel)],
            Truth::No => vec![self.route(question, course)],
            Truth::Open(reason) => self.either(question, [&tunnel, course], reason),
        }
    }

    /// Whether clients that know tunnels call an end by one. Of pods that are not in ambient mode their label tells, and most get that with
    /// their sidecar (I-AMB, `setTunnelProtocol`; I-INJ); whether anything listens there it does not tell.
    fn is_tunnelled_to(&self, end: &Endpoint) -> Truth {
        let by_itself = match (plane(end), self.platform.hbone_from_sidecars) {
            (DataPlane::Ambient, _) => return Truth::Yes,
            (DataPlane::None, _) | (DataPlane::Sidecar, Some(false)) => Truth::No,
            // Gateways do not say that they listen for tunnels; of waypoints nobody thinks as of workloads.
            (DataPlane::Sidecar, _) if self.is_gateway(end) || self.is_of_waypoint(end) => Truth::No,
            (DataPlane::Sidecar, Some(true)) => Truth::Yes,
            (DataPlane::Sidecar, None) => Truth::Open(FLAG),
        };
        let Peer::Pod(pod) = &end.peer else { return by_itself };
        match pod.labels.get(TUNNEL.0) {
            Some(value) if Truth::of(**value == *TUNNEL.1) != by_itself => Truth::Open(LABELLED),
            Some(_) | None => by_itself,
        }
    }

    /// Why it is not known what clients that know tunnels speak to an end, where its label is what leaves that open.
    pub(super) fn mislabelled(&self, end: &Endpoint) -> Option<&'static str> {
        let is_labelled = matches!(&end.peer, Peer::Pod(pod) if pod.labels.contains_key(TUNNEL.0));
        (is_labelled && self.is_tunnelled_to(end) == Truth::Open(LABELLED)).then_some(LABELLED)
    }

    /// Why a call of a Service cannot reach this pod and port; none if it can, or if the Service is not known.
    fn impossible(&self, question: &Question, pod: &Pod, target: &Target) -> Option<&'static str> {
        let Target::Service(namespace, name, port) = target else { return None };
        let service = self.services.iter().find(|service| service.namespace == *namespace && service.name == *name)?;
        let known = (pod, &question.destination.facts);
        // A label that is not known may be what the Service asks for.
        if !service.selector.is_empty() && attachment::selects(known, &service.selector) == Acts::No {
            return Some("the Service that is called does not lead to this pod");
        }
        let Some(own) = service.ports.iter().find(|own| own.port == *port && own.protocol == Protocol::Tcp) else {
            return Some("the Service that is called has no such port");
        };
        let leads = arrives((service, own), (question.port, &question.destination.facts), self.chooses_pods(&question.source));
        (leads == Truth::No).then_some("the port of the Service that is called does not lead to this port of the pod")
    }

    fn either(&self, question: &Question, courses: [&Course; 2], hangs_on: &'static str) -> Vec<Route> {
        courses.map(|course| Route { hangs_on: Some(hangs_on), ..self.route(question, course) }).into()
    }

    /// The hops of a course.
    fn route(&self, question: &Question, course: &Course) -> Route {
        let hop =
            |from: &Endpoint, to: &Endpoint, wire_port| Hop { from: from.clone(), to: to.clone(), protocol: question.protocol, wire_port };
        let last_port = if course.tunnel { HBONE } else { question.port };
        let hops = match course.via.and_then(|at| self.waypoints.get(at)) {
            Some(waypoint) => {
                vec![hop(&question.source, &waypoint.endpoint, HBONE), hop(&waypoint.endpoint, &question.destination, last_port)]
            }
            None => vec![hop(&question.source, &question.destination, last_port)],
        };
        Route { hops, hangs_on: None, doubt: None, open_end: None, course: course.clone() }
    }
}

/// Routes with what decides between them; one alone hangs on nothing.
fn told_apart(mut routes: Vec<Route>, hangs_on: &'static str) -> Vec<Route> {
    let several = routes.len() > 1;
    for route in &mut routes {
        route.hangs_on = if several { route.hangs_on.or(Some(hangs_on)) } else { None };
    }
    routes
}

impl Route {
    /// Whether all that is not known of it is whether the client's own sidecar refuses it: what gates refuse for sure stays refused.
    pub(crate) fn may_only_be_refused(&self) -> bool {
        matches!(self.doubt, Some(UNNAMED | UNSPOKEN))
    }

    /// Whether every gate sees the same on both.
    fn is_same(&self, other: &Self) -> bool {
        let (own, theirs) = (&self.course, &other.course);
        let target = own.via.is_none() || own.target == theirs.target;
        let speaks = (own.via, own.speaks, own.tunnel, own.impossible) == (theirs.via, theirs.speaks, theirs.tunnel, theirs.impossible);
        target && speaks && (self.doubt, self.open_end) == (other.doubt, other.open_end)
    }
}

impl Course {
    /// Straight to the target, in plaintext.
    const fn plain(target: Target) -> Self {
        Self { via: None, target, speaks: Speaks::Plaintext, tunnel: false, rule: None, impossible: None }
    }
}
