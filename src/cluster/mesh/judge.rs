//! What the mesh says to a connection on one route, step by step, and why.
//!
//! Owns: `Judgement`. Every answer comes from the same tests as [`super::MeshEnd`]'s; here they are told.

use std::collections::BTreeSet;

use super::chain::ChainKind;
use super::end::{CARRIED, Entrance, Guard, MeshEnd, plane};
use super::gateway::OWN_PORTS;
use super::misses;
use super::proxy::{Attached, Proxy, is_upper_case};
use super::route::{Course, Route, Speaks, Target};
use super::services::Class;
use super::token::{self, Forward, TokenPolicy};
use super::truth::Truth;
use super::tunnel::ONLY_TUNNEL;
use super::view::{Addresses, Handshake, View, caller};
use super::waypoint::Waypoint;
use super::{Mesh, peer::PeerPolicy};
use crate::cluster::decision::{Document, Gate, Step};
use crate::cluster::question::{Endpoint, Network, Question};
use crate::flow::{DataPlane, Peer, Protocol, Request, Token, Transport, Verdict};
use crate::inventory::ProtocolClass;

/// What the mesh says on a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// How the connection arrives at the pod; none if the mesh does not see it.
    pub(crate) transport: Option<Transport>,
    /// The mesh's gates at the end of each hop of the route.
    pub(crate) steps: Vec<Vec<Step>>,
}

impl Mesh {
    /// What the mesh says to a connection on one of its routes.
    pub(crate) fn judge(&self, question: &Question, route: &Route) -> Judgement {
        if question.protocol != Protocol::Tcp {
            return Judgement { transport: None, steps: route.hops.iter().map(|_| Vec::new()).collect() };
        }
        let course = &route.course;
        let mut steps = Vec::new();
        let mut request = question.request.clone();
        if let Some(waypoint) = course.via.and_then(|at| self.waypoints.get(at)) {
            let proxy = self.waypoint_proxy(waypoint, self.called(&course.target));
            steps.push(self.at_waypoint(question, waypoint, &proxy, course));
            forget_token(&mut request, &proxy);
        }
        if let Some(hop) = route.hops.last() {
            let end = self.end(&hop.to);
            // A waypoint proves its own identity, though no plane of the mesh captures it.
            let from = if course.via.is_some() { in_mesh(&hop.from) } else { hop.from.clone() };
            steps.push(end.tell(&from, question.port, course, request.as_ref()));
        }
        Judgement { transport: Some(course.speaks.transport()), steps }
    }

    /// The gates of a waypoint: its tunnel always speaks mTLS.
    fn at_waypoint(&self, question: &Question, waypoint: &Waypoint, proxy: &Proxy<'_>, course: &Course) -> Vec<Step> {
        let at = place(&waypoint.endpoint);
        let transport = Step { reason: ONLY_TUNNEL.to_owned(), ..step(Gate::Transport, &at, Truth::Yes) };
        let (port, destination) = match self.on_the_way(&course.target) {
            Target::Service(_, _, port) => (*port, Addresses::Within(&self.platform.services)),
            // Who calls a host by its name calls some address of it.
            Target::Entry(at, port) => match (&question.destination.peer, self.entries.get(*at)) {
                (Peer::Address(address), Some(entry)) if !entry.addresses.contains(*address) => {
                    (*port, Addresses::Within(&entry.addresses))
                }
                _ => (*port, Addresses::of(&question.destination, &self.platform.pods, &self.platform.nodes)),
            },
            Target::Pod | Target::SomeService => {
                (question.port, Addresses::of(&question.destination, &self.platform.pods, &self.platform.nodes))
            }
        };
        let view = View {
            caller: caller(&question.source, Transport::Mtls),
            source: Addresses::of(&question.source, &self.platform.pods, &self.platform.nodes),
            destination,
            port,
            request: None,
            token: None,
            handshake: Handshake::Perhaps,
        };
        let mut steps = vec![transport];
        let request = question.request.as_ref();
        tell_proxy(proxy, &at, view, request, self.class_at(course), &mut steps);
        steps
    }

    /// What a waypoint takes a request for, by the port of the Service.
    fn class_at(&self, course: &Course) -> Class {
        if self.class_of(course) == Some(ProtocolClass::Tcp) { Class::Plain } else { Class::Http }
    }
}

/// Takes the token out of a request behind a proxy that verified it, unless it is told to leave it (`semantics.md` §4.7).
fn forget_token(request: &mut Option<Request>, proxy: &Proxy<'_>) {
    let Some(request) = request else { return };
    let kept = token::providers(&proxy.tokens).any(|provider| provider.forward == Forward::Yes);
    if token::judge(&proxy.tokens, request).1.is_some() && !kept {
        request.token = Token::None;
    }
}

/// A waypoint's pod as one that can prove its identity, wherever it runs: its own Envoy does.
pub(crate) fn in_mesh(endpoint: &Endpoint) -> Endpoint {
    let mut endpoint = endpoint.clone();
    endpoint.facts.network = Network::Own;
    if let Peer::Pod(pod) = &mut endpoint.peer {
        pod.plane = DataPlane::Ambient;
    }
    endpoint
}

impl MeshEnd<'_> {
    /// The gates at the pod.
    fn tell(&self, from: &Endpoint, port: u16, course: &Course, request: Option<&Request>) -> Vec<Step> {
        let at = place(self.destination);
        if let Some(reason) = course.impossible {
            return vec![Step { reason: reason.to_owned(), ..step(Gate::Transport, &at, Truth::No) }];
        }
        let transport = course.speaks.transport();
        let mut steps = vec![self.tell_transport(&at, from, port, course)];
        let view = self.view(from, port, transport);
        // TLS of the client's own is bytes to the proxy.
        let request = request.filter(|_| course.speaks != Speaks::Foreign || self.ends_tls(port));
        match &self.guard {
            Guard::None | Guard::Tunnel(_) => {}
            Guard::Sidecar(sidecar) => {
                let mut of_proxy = Vec::new();
                tell_proxy(&sidecar.proxy, &at, view, request, self.class(port), &mut of_proxy);
                match self.entrance(plane(from), port, transport) {
                    Entrance::Captured => steps.extend(of_proxy),
                    Entrance::Tunnel | Entrance::Past => {}
                    Entrance::Carried => steps.extend(of_proxy.into_iter().map(carried)),
                }
            }
            Guard::Gateway(_) if OWN_PORTS.contains(&port) => {}
            Guard::Gateway(gateway) => {
                let mut of_proxy = Vec::new();
                tell_proxy(&gateway.proxy, &at, view, request, self.class(port), &mut of_proxy);
                let doubt = gateway.doubt(port);
                steps.extend(of_proxy.into_iter().map(|step| doubt.map_or(step.clone(), |reason| left_open(step, reason))));
            }
            Guard::Ztunnel(ztunnel) => {
                let caller = tell_caller(&ztunnel.attached, &at, ChainKind::Ztunnel, &view);
                let passes = ztunnel.attached.passes(ChainKind::Ztunnel, &view);
                let caller = past_ztunnel(self.bypasses(from, transport), passes, caller);
                steps.push(caller);
            }
        }
        steps
    }

    /// What both sides speak.
    fn tell_transport(&self, at: &str, from: &Endpoint, port: u16, course: &Course) -> Step {
        let transport = course.speaks.transport();
        let mut arrives = self.arrives(from, port, transport);
        if course.speaks == Speaks::Foreign {
            arrives = Truth::all([arrives, self.takes_foreign(port)]);
        }
        let policies: Vec<&PeerPolicy> = match &self.guard {
            Guard::None | Guard::Gateway(_) | Guard::Tunnel(_) => Vec::new(),
            Guard::Sidecar(sidecar) => sidecar.modes.policies().collect(),
            Guard::Ztunnel(ztunnel) => ztunnel.modes.policies().collect(),
        };
        let mut decided_by: Vec<Document> = policies.iter().map(|policy| policy.object.document(None)).collect();
        if let Guard::Gateway(gateway) = &self.guard {
            decided_by.extend(gateway.documents(port));
        }
        if let Guard::Tunnel(tunnel) = &self.guard {
            decided_by.extend(tunnel.document());
        }
        decided_by.extend(course.rule.clone());
        Step { decided_by, reason: self.why_transport(from, port, course, arrives), ..step(Gate::Transport, at, arrives) }
    }

    /// Whether TLS of a client's own gets through: not where the proxy expects HTTP (`semantics.md` §3.2).
    fn takes_foreign(&self, port: u16) -> Truth {
        match &self.guard {
            Guard::Sidecar(sidecar) if self.entrance(DataPlane::Sidecar, port, Transport::Plaintext) == Entrance::Captured => {
                sidecar.classes.is_http(port).not()
            }
            Guard::Gateway(gateway) => Truth::of(!gateway.takes_no_tls(port)),
            _ => Truth::Yes,
        }
    }

    /// Whether TLS of a client's own ends at the proxy, so that it sees the request.
    fn ends_tls(&self, port: u16) -> bool {
        matches!(&self.guard, Guard::Gateway(gateway) if gateway.ends_tls(port))
    }

    fn why_transport(&self, from: &Endpoint, port: u16, course: &Course, arrives: Truth) -> String {
        let speaks = match course.speaks {
            Speaks::Mtls => "mTLS",
            Speaks::Plaintext => "plaintext",
            Speaks::Foreign => "TLS of its own",
        };
        let no_identity = plane(from) == DataPlane::None && course.speaks == Speaks::Mtls;
        match (&self.guard, arrives) {
            (_, Truth::Open(reason)) => reason.to_owned(),
            (_, Truth::No) if no_identity => "the caller has no identity to prove".to_owned(),
            (Guard::None, Truth::No) => "nothing there terminates mTLS".to_owned(),
            (Guard::None, Truth::Yes) => "the pod takes no part in the mesh".to_owned(),
            (Guard::Gateway(gateway), Truth::No) if course.speaks == Speaks::Foreign && gateway.takes_no_tls(port) => {
                takes(speaks, Truth::No)
            }
            (Guard::Gateway(gateway), arrives) => gateway.why(port, arrives).to_owned(),
            (Guard::Tunnel(tunnel), arrives) => tunnel.why(port, arrives).to_owned(),
            (Guard::Sidecar(_), _) => match (self.entrance(plane(from), port, course.speaks.transport()), arrives) {
                (Entrance::Tunnel, Truth::No) if course.speaks != Speaks::Mtls => "the port of the tunnel takes only mTLS".to_owned(),
                (Entrance::Carried, Truth::Yes) => "the tunnel brings it to the sidecar".to_owned(),
                (Entrance::Past, Truth::Yes) => "the sidecar does not capture this port".to_owned(),
                (Entrance::Tunnel | Entrance::Past | Entrance::Carried, Truth::No) => "nothing on this port terminates mTLS".to_owned(),
                (_, arrives) => takes(speaks, arrives),
            },
            (_, arrives) => takes(speaks, arrives),
        }
    }
}

fn takes(speaks: &str, arrives: Truth) -> String {
    if arrives == Truth::Yes { format!("the server takes {speaks}") } else { format!("the server does not take {speaks}") }
}

/// The step of ztunnel's policies, given whether it is asked at all and what they say. Where all are let in it makes no difference.
fn past_ztunnel(bypass: Truth, passes: Truth, caller: Step) -> Step {
    match (bypass, Truth::any([bypass, passes])) {
        (Truth::Yes, verdict) => {
            let reason = "what comes from the pod's own node passes ztunnel by".to_owned();
            Step { reason, ..step(Gate::Caller, &caller.at, verdict) }
        }
        (Truth::Open(_), Truth::Open(reason)) => left_open(caller, reason),
        _ => caller,
    }
}

/// A step of a sidecar that may not be asked at all.
fn carried(step: Step) -> Step {
    if step.verdict == Verdict::Allowed { step } else { left_open(step, CARRIED) }
}

/// A step of which nobody knows what it says.
fn left_open(step: Step, reason: &str) -> Step {
    Step { verdict: Verdict::Unspecified(reason.to_owned()), reason: reason.to_owned(), ..step }
}

/// The gates of an Envoy: the token, then the caller.
fn tell_proxy(proxy: &Proxy<'_>, at: &str, view: View<'_>, request: Option<&Request>, class: Class, steps: &mut Vec<Step>) {
    let Some(request) = request.filter(|_| class != Class::Plain) else {
        return steps.push(tell_caller(&proxy.attached, at, ChainKind::Tcp, &view));
    };
    let (good, token) = token::judge(&proxy.tokens, request);
    let seen = View { request: Some(request), token, ..view };
    let mut caller = tell_caller(&proxy.attached, at, ChainKind::Http, &seen);
    if matches!(class, Class::Either(_)) || !proxy.perhaps.is_empty() {
        if let Truth::Open(reason) = proxy.passes(view, Some(request), class) {
            return steps.push(left_open(caller, reason));
        }
        caller.decided_by = read_in_all_ways(proxy, at, seen, class, caller.decided_by);
    }
    if !proxy.tokens.is_empty() {
        let decided_by = proxy.tokens.iter().map(|policy| policy.object.document(None)).collect();
        let reason = match good {
            Truth::Yes if token.is_some() => "the token verifies",
            Truth::Yes => "no token is looked at",
            Truth::No => "the token does not verify",
            Truth::Open(reason) => reason,
        };
        steps.push(Step { decided_by, reason: reason.to_owned(), ..step(Gate::Token, at, good) });
    }
    if !is_upper_case(request) {
        caller = Step { reason: "proxies refuse a method that is not upper case".to_owned(), ..step(Gate::Caller, at, Truth::No) };
    }
    steps.push(caller);
}

/// What decides about a caller of whom all readings of a request say the same, given what does as it is read first: what does in each of
/// them, or else all that does in any.
fn read_in_all_ways(proxy: &Proxy<'_>, at: &str, seen: View<'_>, class: Class, first: Vec<Document>) -> Vec<Document> {
    let mut others = Vec::new();
    if matches!(class, Class::Either(_)) {
        others.push(tell_caller(&proxy.attached, at, ChainKind::Tcp, &View { request: None, token: None, ..seen }).decided_by);
    }
    if let Some(request) = seen.request.filter(|_| !proxy.perhaps.is_empty()) {
        let all: Vec<&TokenPolicy> = proxy.tokens.iter().chain(&proxy.perhaps).copied().collect();
        let token = token::judge(&all, request).1;
        others.push(tell_caller(&proxy.attached, at, ChainKind::Http, &View { token, ..seen }).decided_by);
    }
    let is_in_all = |document: &&Document| others.iter().all(|other| other.contains(document));
    let common: Vec<Document> = first.iter().filter(is_in_all).cloned().collect();
    if !common.is_empty() {
        return common;
    }
    let all: BTreeSet<Document> = first.into_iter().chain(others.into_iter().flatten()).collect();
    all.into_iter().collect()
}

/// What the policies at a point say of the caller, and which of them.
fn tell_caller(attached: &Attached<'_>, at: &str, kind: ChainKind, view: &View<'_>) -> Step {
    let passes = attached.passes(kind, view);
    let (decided_by, reason) = match passes {
        Truth::No => match misses::certain(&attached.deny, kind, view) {
            denying if !denying.is_empty() => (denying, "a rule that denies matches"),
            _ => (misses::acting(&attached.allow), "policies allow some callers, and no rule matches this one"),
        },
        Truth::Yes if attached.allow.is_empty() => (Vec::new(), "no policy allows only some callers"),
        Truth::Yes => (misses::letting_in(attached, kind, view), "a rule that allows matches"),
        Truth::Open(reason) => (misses::matching(attached, kind, view), reason),
    };
    let unmet = if passes == Truth::Yes { Vec::new() } else { misses::of(attached, kind, view) };
    Step { decided_by, misses: unmet, reason: reason.to_owned(), ..step(Gate::Caller, at, passes) }
}

/// A step without reasons yet.
fn step(gate: Gate, at: &str, passes: Truth) -> Step {
    Step { gate, at: at.to_owned(), verdict: passes.verdict(), decided_by: Vec::new(), misses: Vec::new(), reason: String::new() }
}

/// A pod as its owner would name it; nothing for an address.
fn place(endpoint: &Endpoint) -> String {
    if matches!(endpoint.peer, Peer::Pod(_)) { endpoint.to_string() } else { String::new() }
}
