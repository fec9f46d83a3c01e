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

/// The ports of a pod on which the mesh sees no HTTP because a Service declares them so (`semantics.md` §2.9, §5.5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Classes {
    /// Those that every Service declares as plain connections.
    plain: Vec<u16>,
    /// Those that one declares so and another does not; the oldest counts.
    disputed: Vec<u16>,
    /// Those that one declares as HTTP.
    http: Vec<u16>,
    /// Whether a Service declares so some port of which the number is not known.
    unknown: bool,
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
        let mut others = Vec::new();
        for port in services.iter().flat_map(|service| &service.ports).filter(|port| port.protocol == Protocol::Tcp) {
            let numbers: Vec<u16> = match (&port.target, &facts.ports) {
                (PortTarget::Number(number), _) => vec![*number],
                (PortTarget::Name(name), Some(ports)) => {
                    ports.iter().filter(|own| own.name == *name && own.protocol == Protocol::Tcp).map(|own| own.number).collect()
                }
                (PortTarget::Name(_), None) => {
                    all.unknown |= port.class == ProtocolClass::Tcp;
                    continue;
                }
            };
            match port.class {
                ProtocolClass::Tcp => all.plain.extend(numbers),
                ProtocolClass::Http => {
                    all.http.extend(&numbers);
                    others.extend(numbers);
                }
                ProtocolClass::Auto | ProtocolClass::Unseen => others.extend(numbers),
            }
        }
        (all.disputed, all.plain) = all.plain.into_iter().partition(|port| others.contains(port));
        all
    }

    /// What the mesh takes a port for.
    pub(super) fn class(&self, port: u16) -> Class {
        if self.plain.contains(&port) {
            Class::Plain
        } else if self.unknown || self.disputed.contains(&port) {
            Class::Either(DISPUTED)
        } else {
            Class::Http
        }
    }

    /// Whether a port is declared as HTTP by somebody.
    pub(super) fn is_http(&self, port: u16) -> bool {
        self.http.contains(&port)
    }

    /// Every port that is declared as plain connections by somebody.
    pub(super) fn ports(&self) -> impl Iterator<Item = u16> {
        self.plain.iter().chain(&self.disputed).copied()
    }
}
