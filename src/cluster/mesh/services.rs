//! Which Services lead to a pod, and what the mesh takes a port of it for.
//!
//! Owns: `Classes`, `selects`, `arrives`, `is_told_of_pod`. It must not know policies.

use super::attachment::{Acts, carries};
use super::truth::Truth;
use crate::cluster::question::Facts;
use crate::flow::{Pod, Protocol, Symbol};
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

/// Whether a sidecar is told of a pod for a port of a Service without an address. It listens at the pods' own addresses where the port is of
/// bytes, pod by pod, for those that have an endpoint on it; a pod has none if its containers do not know the name that is called
/// (istio/istio : `pilot/pkg/networking/core/listener.go`, `buildSidecarOutboundListeners`). Of a port of HTTP it listens everywhere.
pub(super) fn is_told_of_pod((service, port): (&ServiceFacts, &ServicePort), facts: &Facts) -> Truth {
    const UNKNOWN: &str = "a Service without an address calls a port by name, and whether the pod has it is not known";
    if service.kind != ServiceKind::Headless || port.class == ProtocolClass::Http {
        return Truth::Yes;
    }
    match (&port.target, &facts.ports) {
        (PortTarget::Number(_), _) => Truth::Yes,
        (PortTarget::Name(_), None) => Truth::Open(UNKNOWN),
        (PortTarget::Name(name), Some(ports)) => Truth::of(ports.iter().any(|own| own.name == *name && own.protocol == port.protocol)),
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
        let tcp = |port: &&ServicePort| port.protocol == Protocol::Tcp;
        let ports = || services.iter().flat_map(|service| service.ports.iter().filter(tcp).map(|port| (*service, port)));
        let declared: Vec<Declaration<'_>> = ports().flat_map(|(service, port)| Declaration::of(service, port, facts)).collect();
        for declaration in declared.iter().filter(|declaration| !declaration.is_overruled(&declared)) {
            let Some(number) = declaration.number else {
                all.said(declaration.class).any = true;
                continue;
            };
            all.said(declaration.class).ports.push(number);
        }
        all
    }

    /// The ports that are declared to be of a class.
    const fn said(&mut self, class: ProtocolClass) -> &mut Said {
        match class {
            ProtocolClass::Tcp => &mut self.plain,
            ProtocolClass::Http => &mut self.http,
            ProtocolClass::Auto | ProtocolClass::Unseen => &mut self.auto,
        }
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

/// What a Service declares a port of a pod to be.
struct Declaration<'s> {
    /// The port; none if it is called by a name of which the number is not known.
    number: Option<u16>,
    class: ProtocolClass,
    /// When the Service was made.
    created: Option<&'s Symbol>,
}

impl<'s> Declaration<'s> {
    /// What a port of a Service declares of a pod.
    fn of(service: &'s ServiceFacts, port: &ServicePort, facts: &Facts) -> Vec<Self> {
        let declared = |number| Self { number, class: port.class, created: service.created.as_ref() };
        match (&port.target, &facts.ports) {
            (PortTarget::Number(number), _) => vec![declared(Some(*number))],
            (PortTarget::Name(_), None) => vec![declared(None)],
            (PortTarget::Name(name), Some(ports)) => {
                let own = ports.iter().filter(|own| own.name == *name && own.protocol == Protocol::Tcp);
                own.map(|own| declared(Some(own.number))).collect()
            }
        }
    }

    /// Whether an older Service says what the port is. Which is the older one is known where all say it that declare the port.
    fn is_overruled(&self, all: &[Self]) -> bool {
        let Some(number) = self.number else { return false };
        let rivals = || all.iter().filter(move |other| other.number == Some(number));
        let is_dated = rivals().all(|other| other.created.is_some());
        is_dated && rivals().any(|other| other.created < self.created)
    }
}

impl Said {
    /// Whether a port may be one of these.
    fn may_hold(&self, port: u16) -> bool {
        self.any || self.ports.contains(&port)
    }
}
