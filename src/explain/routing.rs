//! What stands between a client and the Service that it asks for: `VirtualService`s, and routes of the Gateway API that a Service is the
//! parent of.
//!
//! Owns: which of them may act on a call, and what they leave open of its answer. A flow that names a Service or a host says what is asked
//! for, and these decide what arrives, and where. Which requests their `match` means is not looked at, but for whether it means all, nor is
//! where they lead others.

mod led;
mod read;

use serde_json::Value;

use super::call::{Call, Naming};
use super::client::passes_waypoint;
use super::setting::{Judge, Setting};
use crate::cluster::{Addressed, Decision, Endpoint, Gate, Step};
use crate::flow::{DataPlane, Peer, Protocol, RequestSamples, Symbol, Verdict};
use crate::inventory::OutboundCapture;

/// All of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Routings(Vec<Routing>);

/// An object that says what becomes of requests, or of connections, to those that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Routing {
    /// As people name it: `VirtualService shop/v`.
    title: String,
    namespace: Symbol,
    about: About,
    /// The namespaces whose clients hear of it, as it names them; empty for all.
    exported: Vec<String>,
    acts: Vec<Act>,
    /// Whether it has routes of requests, and one of them is for all.
    takes_all: bool,
}

/// Whom it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum About {
    /// Hosts, as it names them.
    Hosts(Vec<String>),
    /// Services, by namespace and name, each on one of its ports if it says so.
    Services(Vec<(String, String, Option<u16>)>),
}

/// Something that it does.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Act {
    /// The field that says it.
    field: String,
    deed: Deed,
    to: Layer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Deed {
    /// It changes what policies look at in a request.
    Changes,
    /// It answers the request by itself.
    Ends,
    /// It has routes, and none of them is for all requests: others are answered with 404.
    Lacks,
    /// It leads to this host, on this port if it says so.
    Leads(String, Option<u16>),
    /// It leads to where this does not look.
    LeadsOn,
}

/// To what something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    /// To requests of HTTP.
    Requests,
    /// To connections that are no HTTP.
    Connections,
}

/// Whose proxies do it on the way of a call.
#[derive(Debug, Clone, Copy)]
struct Proxies {
    /// The client's own sidecar, before any policy of the mesh.
    sidecar: bool,
    /// A waypoint, behind its own policies.
    waypoint: bool,
}

/// What a client asks for.
struct Asked<'c> {
    /// The Service: its namespace, its name, and its port.
    service: Option<(&'c str, &'c str, u16)>,
    /// The host of the request, where the flow names it.
    host: Option<&'c str>,
}

impl Routings {
    /// Those among some objects.
    pub(super) fn of(objects: &[Value], default_namespace: &str) -> Self {
        Self(objects.iter().filter_map(|object| read::routing(object, default_namespace)).collect())
    }

    /// An answer, as far as they leave it.
    pub(super) fn settle(&self, setting: &Setting, call: &Call, decision: Decision) -> Decision {
        if matches!(decision.verdict, Verdict::Unspecified(_)) {
            return decision;
        }
        if let Some(reason) = led::from_address(setting, call, &decision) {
            return left_open(decision, &reason);
        }
        if !asks(call) {
            return decision;
        }
        let doubt = self.doubt(setting, call, &decision).map(|(_, reason)| reason);
        match doubt.or_else(|| self.led_elsewhere(setting, call, &decision)) {
            Some(reason) => left_open(decision, &reason),
            None => decision,
        }
    }

    /// What they would do if the call were one of the Service that it is taken for, though the flow names another end; in a sentence without
    /// capital and full stop.
    pub(super) fn note(&self, setting: &Setting, call: &Call, decision: &Decision) -> Option<String> {
        if asks(call) {
            return None;
        }
        let (deed, reason) = self.doubt(setting, call, decision)?;
        let taken = match deed {
            Deed::Changes => "the request is taken as it arrives",
            Deed::Ends | Deed::Lacks | Deed::Leads(..) | Deed::LeadsOn => "it is taken for one that arrives here",
        };
        Some(format!("{reason}; {taken}, as the flow names no Service"))
    }

    /// What one of them does that may change the answer, and why.
    fn doubt(&self, setting: &Setting, call: &Call, decision: &Decision) -> Option<(Deed, String)> {
        if self.0.is_empty() || setting.judge != Judge::Given || call.protocol != Protocol::Tcp || call.entrance.is_some() {
            return None;
        }
        let proxies = proxies(setting, call, decision);
        let layer = if call.request.is_some() { Layer::Requests } else { Layer::Connections };
        let asked = Asked::of(call);
        let heard: Vec<&Routing> =
            self.0.iter().filter(|routing| routing.is_heard(call, proxies) && routing.may_be_about(&asked)).collect();
        // The routes of a Service act together; of several VirtualServices for one host the oldest acts alone.
        let is_routed = heard.iter().any(|routing| routing.takes_all && matches!(routing.about, About::Services(_)));
        let is_void = |routing: &Routing, act: &Act| act.deed == Deed::Lacks && is_routed && matches!(routing.about, About::Services(_));
        let acts = heard.iter().flat_map(|routing| routing.acts.iter().map(move |act| (*routing, act)));
        let matters = |(routing, act): &(&Routing, &Act)| {
            act.to == layer && !is_void(routing, act) && routing.matters(act, &asked) && is_open_to(&act.deed, decision)
        };
        let (routing, act) = acts.filter(matters).find(|(_, act)| act.deed != Deed::Changes || is_looked_at(setting, call, proxies))?;
        Some((act.deed.clone(), routing.reason(act)))
    }
}

impl Routing {
    /// Whether it may be told to the proxies of a call: those of its own namespace, unless it is told to others.
    fn is_heard(&self, call: &Call, proxies: Proxies) -> bool {
        let Peer::Pod(client) = &call.source.endpoint.peer else { return false };
        let sees = |name: &String| name == "*" || name == "." && *self.namespace == *client.namespace || **name == *client.namespace;
        // Whose namespace counts for a waypoint is left open.
        proxies.waypoint || proxies.sidecar && (self.exported.is_empty() || self.exported.iter().any(sees))
    }

    fn may_be_about(&self, asked: &Asked<'_>) -> bool {
        match &self.about {
            About::Hosts(hosts) => hosts.iter().any(|host| asked.may_be(host, &self.namespace)),
            About::Services(services) => services.iter().any(|(namespace, name, port)| {
                let is_it =
                    |(own, called, number): (&str, &str, u16)| own == namespace && called == name && port.is_none_or(|port| port == number);
                asked.service.is_some_and(is_it)
            }),
        }
    }

    /// Whether what it does is anything to whoever asks.
    fn matters(&self, act: &Act, asked: &Asked<'_>) -> bool {
        match &act.deed {
            Deed::Changes | Deed::Ends | Deed::Lacks | Deed::LeadsOn => true,
            Deed::Leads(host, port) => !asked.is_asked(host, *port, &self.namespace),
        }
    }

    fn reason(&self, act: &Act) -> String {
        let (title, field) = (&self.title, &act.field);
        match &act.deed {
            Deed::Changes => format!("{title} may change the request on its way, by its `{field}`"),
            Deed::Ends => format!("{title} may answer the request before it arrives, by its `{field}`"),
            Deed::Lacks => format!("{title} may answer the request with 404 before it arrives: none of its `{field}` is for all requests"),
            Deed::Leads(host, port) => {
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                format!("{title} may lead it to `{host}{port}`, by its `{field}`")
            }
            Deed::LeadsOn => format!("{title} may lead it elsewhere, by its `{field}`"),
        }
    }
}

impl<'c> Asked<'c> {
    fn of(call: &'c Call) -> Self {
        let service = match &call.addressed {
            Addressed::Service { namespace, name, port } => Some((&**namespace, &**name, *port)),
            Addressed::Pod | Addressed::Unsaid => None,
        };
        let host = call.request.as_ref().filter(|_| call.names_host()).map(|request| &*request.host);
        Self { service, host: host.map(|host| host.split(':').next().unwrap_or(host)) }
    }

    /// Whether a host that an object of a namespace names may be the one that is asked for.
    fn may_be(&self, host: &str, namespace: &str) -> bool {
        let names = |called: &str| match host.strip_prefix('*') {
            Some(end) => called.ends_with(end),
            None => called == host,
        };
        self.host.is_some_and(names) || self.service.is_some_and(|(own, name, _)| may_be_service((own, name), host, namespace))
    }

    /// Whether a host and port to which something leads are those that are asked for.
    fn is_asked(&self, host: &str, port: Option<u16>, namespace: &str) -> bool {
        match self.service {
            Some((own, name, number)) => may_be_service((own, name), host, namespace) && port.is_none_or(|port| port == number),
            // Of a host outside of the cluster nobody says on which port it is called.
            None => self.host == Some(host),
        }
    }
}

/// Whether a host may be a Service. A name without dots is one of the object's own namespace; which domain the cluster has nobody says.
fn may_be_service((namespace, name): (&str, &str), host: &str, own: &str) -> bool {
    let start = format!("{name}.{namespace}");
    let is_longer =
        |host: &str| host.strip_prefix(start.as_str()).is_some_and(|rest| rest.is_empty() || rest == ".svc" || rest.starts_with(".svc."));
    match host.strip_prefix('*') {
        Some(end) => match end.split_once(".svc") {
            Some((before, _)) => start.ends_with(before),
            None => end.is_empty() || start.ends_with(end) || format!("{start}.svc.cluster.local").ends_with(end),
        },
        None if !host.contains('.') => host == name && own == namespace,
        None => is_longer(host),
    }
}

/// Whether a flow names what is asked for, a Service or a host.
fn asks(call: &Call) -> bool {
    call.naming == Naming::Service || call.names_host()
}

/// Whose proxies stand on the way of a call.
fn proxies(setting: &Setting, call: &Call, decision: &Decision) -> Proxies {
    let source = &call.source.endpoint;
    let is_sidecar = matches!(&source.peer, Peer::Pod(pod) if pod.plane == DataPlane::Sidecar) && !setting.cluster.is_gateway(source);
    Proxies { sidecar: is_sidecar && may_capture(source, call), waypoint: passes_waypoint(decision) }
}

/// Whether a sidecar may take over a connection that its pod makes.
fn may_capture(source: &Endpoint, call: &Call) -> bool {
    let called = if let Addressed::Service { port, .. } = call.addressed { port } else { call.port };
    match &source.facts.outbound {
        OutboundCapture::All => true,
        OutboundCapture::AllBut(ports) | OutboundCapture::NotAll(ports) => !ports.contains(&called),
    }
}

/// Whether an answer may be another one where this is done.
fn is_open_to(deed: &Deed, decision: &Decision) -> bool {
    let refused = decision.steps.iter().find(|step| step.verdict == Verdict::Denied);
    match deed {
        Deed::Changes => refused.is_none_or(|step| matches!(step.gate, Gate::Token | Gate::Caller)),
        // What is refused does not arrive either way.
        Deed::Ends | Deed::Lacks => decision.verdict == Verdict::Allowed,
        Deed::Leads(..) | Deed::LeadsOn => refused.is_none_or(|step| !super::client::is_waypoint(decision, step)),
    }
}

/// Whether policies that come behind the proxies which change a request look at any: a waypoint changes it behind its own, and past it there
/// are those of ztunnel, which sees no requests.
fn is_looked_at(setting: &Setting, call: &Call, proxies: Proxies) -> bool {
    if !proxies.sidecar {
        return false;
    }
    if proxies.waypoint {
        return true;
    }
    call.cuts_at_destination(setting).iter().any(|cut| {
        let words = RequestSamples { stops: false, looks_inside: false, ..cut.requests.clone() };
        words != RequestSamples::default()
    })
}

/// An answer of which nobody knows what it is, and with it what is said of the request where it arrives.
fn left_open(decision: Decision, reason: &str) -> Decision {
    let verdict = Verdict::Unspecified(reason.to_owned());
    let open = |step: Step| match step.gate {
        Gate::Token | Gate::Caller => Step { verdict: verdict.clone(), reason: format!("{}, but {reason}", step.reason), ..step },
        Gate::Egress | Gate::Ingress | Gate::Transport => step,
    };
    Decision { steps: decision.steps.into_iter().map(open).collect(), verdict: verdict.clone(), ..decision }
}
