//! Where sidecars lead requests by themselves: by their host and port, whatever address they are sent to (Istio's page on traffic routing).
//!
//! Owns: which answers hang on that. What objects say of routes is not looked at, but for whether any does.

use serde_json::Value;

use super::{Asked, Routings, may_be_service, proxies};
use crate::cluster::{self, Addressed, Decision};
use crate::explain::call::{Call, Naming, leading};
use crate::explain::place;
use crate::explain::question::HostSaid;
use crate::explain::setting::{Judge, Setting};
use crate::flow::{Peer, Protocol, Transport};
use crate::inventory::{ProtocolClass, ServiceFacts, ServicePort};

/// Why a request that is sent to an address may go elsewhere: its host names a Service, or a `ServiceEntry` with other endpoints, on a port
/// that a listener of every address takes, as those of ports of HTTP are.
pub(super) fn from_address(setting: &Setting, call: &Call, decision: &Decision) -> Option<String> {
    let is_address = call.is_pod || matches!(call.destination.endpoint.peer, Peer::Address(_));
    let is_led = is_address && call.naming == Naming::Other && call.entrance.is_none() && proxies(setting, call, decision).sidecar;
    let request = call.request.as_ref().filter(|_| is_led && call.host != HostSaid::Unsaid)?;
    let host = request.host.split(':').next()?;
    let to = service(setting, call, (host, decision)).or_else(|| entry(setting, call, host))?;
    Some(format!("the client's own sidecar leads requests by their host, and `{host}` may be {to}"))
}

/// The Service to which a request for a host may go. Where it leads to the same pod, and the answer is the same, nothing hangs on it.
fn service(setting: &Setting, call: &Call, (host, decision): (&str, &Decision)) -> Option<String> {
    let Peer::Pod(client) = &call.source.endpoint.peer else { return None };
    let takes = |port: &ServicePort| port.port == call.port && port.protocol == Protocol::Tcp && port.class != ProtocolClass::Tcp;
    let is_it = |service: &&ServiceFacts| {
        may_be_service((&service.namespace, &service.name), host, &client.namespace) && service.ports.iter().any(takes)
    };
    let is_alike = |service: &ServiceFacts| {
        let leads = leading(setting, (&call.source.endpoint, &call.destination.endpoint), (call.protocol, call.port))
            .iter()
            .any(|(other, _)| *other == service);
        let (namespace, name) = (service.namespace.clone(), service.name.clone());
        let addressed = Addressed::Service { namespace, name, port: call.port };
        leads
            && setting.routings.0.is_empty()
            && setting.cluster.decide(&cluster::Question { addressed, ..call.question() }).verdict == decision.verdict
    };
    let ServiceFacts { namespace, name, .. } = setting.inventory.services.iter().filter(is_it).find(|service| !is_alike(service))?;
    Some(format!("a name of Service {namespace}/{name}"))
}

/// The `ServiceEntry` by which a request for a host may go to another address, or to another port.
fn entry(setting: &Setting, call: &Call, host: &str) -> Option<String> {
    let asked = Asked { service: None, host: Some(host) };
    let is_entry = |object: &&Value| place::kind(object) == "ServiceEntry" && place::text(object, &["spec", "resolution"]) != Some("NONE");
    let leads = |object: &&Value| {
        let spec = object.get("spec").unwrap_or(&Value::Null);
        let list = |key| spec.get(key).and_then(Value::as_array).into_iter().flatten();
        let is_meant = list("hosts").filter_map(Value::as_str).any(|own| asked.may_be(own, ""));
        let called = list("ports").filter(|port| port.get("number").and_then(Value::as_u64) == Some(call.port.into()));
        let mut called = called.filter(|port| place::text(port, &["protocol"]).is_some_and(is_http)).peekable();
        let is_called = called.peek().is_some();
        let is_there = |end: &Value| {
            let address = place::text(end, &["address"]).and_then(|address| address.parse().ok());
            address.is_some_and(|address| call.destination.endpoint.peer == Peer::Address(address)) && end.get("ports").is_none()
        };
        let turns = called.any(|port| port.get("targetPort").and_then(Value::as_u64).is_some_and(|target| target != u64::from(call.port)));
        // Pods of its own, or names that Envoy looks up by itself.
        let looks_up = place::text(spec, &["resolution"]).is_some_and(|way| way.starts_with("DNS")) && list("endpoints").next().is_none();
        let leads_on = turns || looks_up || spec.get("workloadSelector").is_some() || list("endpoints").any(|end| !is_there(end));
        is_meant && is_called && leads_on
    };
    setting.objects.iter().filter(is_entry).find(leads).map(|object| format!("one of {}", place::title(object)))
}

/// Whether a protocol of a port is one of HTTP.
fn is_http(protocol: &str) -> bool {
    ["http", "http2", "grpc", "grpc-web"].iter().any(|own| protocol.eq_ignore_ascii_case(own))
}

impl Routings {
    /// Why a request for a Service may not go there as it is judged, though no routing says so: a sidecar leads requests by their host and port.
    /// Those for a host that it does not know it passes on to the address that they are sent to, and not over mTLS (Istio's page on traffic
    /// routing).
    pub(super) fn led_elsewhere(&self, setting: &Setting, call: &Call, decision: &Decision) -> Option<String> {
        let Addressed::Service { namespace, name, .. } = &call.addressed else { return None };
        let Peer::Pod(client) = &call.source.endpoint.peer else { return None };
        let host = Asked::of(call).host?;
        let proxies = proxies(setting, call, decision);
        let is_led = call.naming == Naming::Service && setting.judge == Judge::Given && call.entrance.is_none() && proxies.sidecar;
        if !is_led || may_be_service((namespace, name), host, &client.namespace) {
            return None;
        }
        let asked = Asked { service: None, host: Some(host) };
        if self.0.iter().any(|routing| routing.is_heard(call, proxies) && routing.may_be_about(&asked)) {
            return None;
        }
        let is_others = |other: &ServiceFacts| may_be_service((&other.namespace, &other.name), host, &client.namespace);
        let past = || setting.cluster.decide(&cluster::Question { transport: Some(Transport::Plaintext), ..call.question() });
        let matters = setting.inventory.services.iter().any(is_others) || past().verdict != decision.verdict;
        matters.then(|| {
            format!("the client's own sidecar leads requests by their host, and `{host}` is no name of Service {namespace}/{name}")
        })
    }
}
