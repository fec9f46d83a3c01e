//! The Services of every moment, and which of their changes decide a flow.
//!
//! Owns: `Services`; the calls by a Service that lead to a pod. It asks nobody whether they pass.

use std::collections::BTreeMap;

use super::items::{Item, State};
use super::object::Object;
use crate::cluster::Endpoint;
use crate::flow::{Labels, Protocol, Symbol};
use crate::inventory::{self, PortTarget, ServiceFacts, ServiceKind, ServicePort};
use crate::source::{Source, Sources};

/// The label of a Service or a namespace by which it takes a waypoint.
pub(super) const USE_WAYPOINT: &str = "istio.io/use-waypoint";

/// Services of all moments: those that stay as they are, and those that have contents by number.
#[derive(Debug, Default)]
pub(super) struct Services {
    staying: Vec<ServiceFacts>,
    /// The place of the item, and its contents.
    moving: Vec<(usize, Vec<Option<ServiceFacts>>)>,
}

/// A port of a Service.
pub(super) type Named = (Symbol, Symbol, u16);

impl Services {
    pub(super) fn new(staying: &[&Object], items: &[Item]) -> Self {
        let moving = items.iter().enumerate().filter(|(_, item)| item.id.kind == "Service");
        let contents = |item: &Item| item.versions.iter().map(|version| facts(&version.object)).collect();
        Self {
            staying: staying.iter().filter_map(|object| facts(object)).collect(),
            moving: moving.map(|(at, item)| (at, contents(item))).collect(),
        }
    }

    /// Those that stay as they are.
    pub(super) fn staying(&self) -> impl Iterator<Item = &ServiceFacts> {
        self.staying.iter()
    }

    /// Those of a moment.
    pub(super) fn of<'s>(&'s self, state: &'s State) -> impl Iterator<Item = &'s ServiceFacts> {
        let moving = self.moving.iter().filter_map(|(at, contents)| contents.get(state.of(*at)?)?.as_ref());
        self.staying.iter().chain(moving)
    }
}

/// What a Service says; none if the object is none.
pub(super) fn facts(object: &Object) -> Option<ServiceFacts> {
    if object.id.kind != "Service" {
        return None;
    }
    let mut sources = Sources::default();
    let file = sources.add(Source::new("service.yaml", object.text.as_str()));
    let (read, _) = inventory::read(file, sources.get(file)?, &object.id.namespace);
    read.services.into_iter().next()
}

/// Whether anything that the mesh looks at is not the same in two contents of a Service.
pub(super) fn decides(old: Option<&Object>, new: &Object) -> bool {
    let said = |object: &Object| facts(object).map(|facts| said(&facts));
    match old {
        // What cannot be read is not taken for the same.
        Some(old) if old.is_same(new) => false,
        Some(old) => said(old).is_none() || said(old) != said(new) || spoken(old) != spoken(new),
        None => true,
    }
}

/// Whether the pods behind a Service have an address of it before them.
#[derive(Debug, PartialEq, Eq)]
enum Reached {
    Addressed,
    Straight,
    Elsewhere,
}

/// As much of a Service as decides what passes. What a port is called is nothing but what its protocol is taken for.
type Said = (Reached, Labels, Labels, Vec<String>);

fn said(facts: &ServiceFacts) -> Said {
    let reached = match facts.kind {
        ServiceKind::Headless => Reached::Straight,
        ServiceKind::ExternalName => Reached::Elsewhere,
        ServiceKind::ClusterAddress | ServiceKind::NodePort | ServiceKind::LoadBalancer => Reached::Addressed,
    };
    let labels = facts.labels.iter().filter(|(key, _)| key.contains("istio")).map(|(key, value)| (key.clone(), value.clone())).collect();
    let port = |port: &ServicePort| format!("{} {} {:?} {:?}", port.port, port.protocol, port.target, port.class);
    let mut ports: Vec<String> = facts.ports.iter().map(port).collect();
    ports.sort_unstable();
    (reached, labels, facts.selector.clone(), ports)
}

/// The annotations of a Service that the mesh may look at.
fn spoken(object: &Object) -> Vec<(&String, &serde_json::Value)> {
    let annotations = object.value().get("metadata").and_then(|metadata| metadata.get("annotations")?.as_object());
    annotations.into_iter().flatten().filter(|(key, _)| key.contains("istio.io")).collect()
}

/// The ports of Services that lead to a pod, each with the port of the pod.
pub(super) fn leading<'s>(services: impl Iterator<Item = &'s ServiceFacts>, end: &Endpoint) -> BTreeMap<Named, u16> {
    let mut all = BTreeMap::new();
    for service in services.filter(|service| selects(service, end)) {
        for port in service.ports.iter().filter(|port| port.protocol == Protocol::Tcp) {
            if let Some(led) = leads_to(service, port, end) {
                all.insert((Symbol::clone(&service.namespace), Symbol::clone(&service.name), port.port), led);
            }
        }
    }
    all
}

/// Whether a Service leads to a pod, or may.
pub(super) fn selects(service: &ServiceFacts, end: &Endpoint) -> bool {
    let Some(pod) = super::workloads::pod(end) else { return false };
    let carries = |(key, value): (&Symbol, &Symbol)| pod.labels.get(key) == Some(value) || end.facts.open_labels.contains(key);
    service.namespace == pod.namespace && !service.selector.is_empty() && service.selector.iter().all(carries)
}

fn leads_to(service: &ServiceFacts, port: &ServicePort, end: &Endpoint) -> Option<u16> {
    match &service.arrival(port) {
        PortTarget::Number(number) => Some(*number),
        PortTarget::Name(name) => {
            let ports = end.facts.ports.as_ref()?;
            ports.iter().find(|own| own.name == *name && own.protocol == port.protocol).map(|own| own.number)
        }
    }
}
