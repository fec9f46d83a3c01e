//! Which Services lead to a pod, and what the mesh takes a port of it for.
//!
//! Owns: `Classes`, `selects`, `arrives`. It must not know policies.

use super::attachment::{Acts, carries};
use super::truth::Truth;
use crate::cluster::question::Facts;
use crate::flow::{Pod, Protocol};
use crate::inventory::{PortTarget, ProtocolClass, ServiceFacts, ServiceKind, ServicePort};

/// Whether a Service leads to a pod by its labels.
pub(super) fn selects(service: &ServiceFacts, pod: &Pod) -> bool {
    service.namespace == pod.namespace && !service.selector.is_empty() && carries(pod, &service.selector)
}

/// Whether the target of a Service's port is this port of a pod.
fn reaches(port: &ServicePort, number: u16, facts: &Facts) -> Truth {
    const UNKNOWN: &str = "a Service calls a port by name, and which number the pod gives it is not known";
    match (&port.target, &facts.ports) {
        (PortTarget::Number(target), _) => Truth::of(*target == number),
        (PortTarget::Name(_), None) => Truth::Open(UNKNOWN),
        (PortTarget::Name(name), Some(ports)) => {
            Truth::of(ports.iter().any(|own| own.name == *name && own.protocol == port.protocol && own.number == number))
        }
    }
}

/// Whether a call of a port of a Service gets to this port of a pod. That of a Service without an address nobody translates, sidecars and
/// ztunnel as little as Kubernetes (`ServiceFacts::arrival`); whoever chooses the pod itself, as gateways do, translates it all the same
/// (istio/istio : `pilot/pkg/networking/core/cluster_builder.go`, `convertResolution`).
pub(super) fn arrives((service, port): (&ServiceFacts, &ServicePort), (number, facts): (u16, &Facts), chooses: Acts) -> Truth {
    let translated = reaches(port, number, facts);
    let called = Truth::of(port.port == number);
    match chooses {
        _ if service.kind != ServiceKind::Headless => translated,
        Acts::Yes => translated,
        Acts::No => called,
        Acts::Perhaps(_) if translated == called => called,
        Acts::Perhaps(reason) => Truth::Open(reason),
    }
}

/// What the Services that lead to a pod declare its ports to be (`semantics.md` §2.9, §5.5). Where they do not say the same of a port, the
/// oldest counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Classes {
    /// Plain connections, on which the mesh sees no HTTP.
    plain: Said,
    /// HTTP.
    http: Said,
    /// Whatever the first bytes say.
    auto: Said,
}

/// The ports of which some Service says one thing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Said {
    ports: Vec<u16>,
    /// Whether one is called by a name, of which the number is not known: it may be any port.
    any: bool,
}

/// What a proxy takes an HTTP request on a port for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// HTTP.
    Http,
    /// Bytes.
    Plain,
    /// One of the two, and nobody knows which, for this reason.
    Either(&'static str),
}

const DISPUTED: &str = "Services disagree on whether the port is HTTP";

impl Classes {
    /// What the Services that lead to a pod declare.
    pub(super) fn of(services: &[&ServiceFacts], facts: &Facts) -> Self {
        let mut all = Self::default();
        for port in services.iter().flat_map(|service| &service.ports).filter(|port| port.protocol == Protocol::Tcp) {
            let said = match port.class {
                ProtocolClass::Tcp => &mut all.plain,
                ProtocolClass::Http => &mut all.http,
                ProtocolClass::Auto | ProtocolClass::Unseen => &mut all.auto,
            };
            said.add(&port.target, facts);
        }
        all
    }

    /// What the mesh takes a port for.
    pub(super) fn class(&self, port: u16) -> Class {
        let others = self.http.may_hold(port) || self.auto.may_hold(port);
        if self.plain.ports.contains(&port) && !others {
            Class::Plain
        } else if self.plain.may_hold(port) {
            Class::Either(DISPUTED)
        } else {
            Class::Http
        }
    }

    /// Whether a port is declared as HTTP, so that nothing else is taken there.
    pub(super) fn is_http(&self, port: u16) -> Truth {
        let others = self.plain.may_hold(port) || self.auto.may_hold(port);
        if self.http.ports.contains(&port) && !others {
            Truth::Yes
        } else if self.http.may_hold(port) {
            Truth::Open(DISPUTED)
        } else {
            Truth::No
        }
    }

    /// Every port that is declared as plain connections by somebody.
    pub(super) fn ports(&self) -> impl Iterator<Item = u16> {
        self.plain.ports.iter().copied()
    }
}

impl Said {
    fn add(&mut self, target: &PortTarget, facts: &Facts) {
        match (target, &facts.ports) {
            (PortTarget::Number(number), _) => self.ports.push(*number),
            (PortTarget::Name(_), None) => self.any = true,
            (PortTarget::Name(name), Some(ports)) => {
                let own = ports.iter().filter(|own| own.name == *name && own.protocol == Protocol::Tcp);
                self.ports.extend(own.map(|own| own.number));
            }
        }
    }

    /// Whether a port may be one of these.
    fn may_hold(&self, port: u16) -> bool {
        self.any || self.ports.contains(&port)
    }
}
