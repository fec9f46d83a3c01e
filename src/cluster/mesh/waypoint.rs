//! Waypoints: which calls go through one, and which policies act there (`semantics.md` §2.1, §2.11).
//!
//! Owns: `Waypoint`, `Binding`. It must not know how a connection travels.

mod pods;
mod reshaped;

use std::collections::BTreeSet;
use std::net::IpAddr;

pub(in crate::cluster) use reshaped::Reshaped;

use super::Mesh;
use super::attachment::{GATEWAY_NAME, Known, TargetKind};
use super::chain::ChainKind;
use super::entry::Entry;
use super::proxy::Proxy;
use super::read::admits::{Admits, Admitted, Doubts};
use super::read::gateway::{Gateway, WAYPOINT_CLASS};
use super::read::waypoint::Serves;
use super::services::selects;
use crate::cluster::question::{Endpoint, NamespaceLabels};
use crate::flow::{Labels, NAMESPACE_NAME, Peer, Pod, Symbol};
use crate::inventory::{Inventory, ServiceFacts, ServiceKind};

/// A waypoint, with one of its pods.
#[derive(Debug, Clone)]
pub(super) struct Waypoint {
    /// Its namespace.
    pub(super) namespace: Symbol,
    /// The name of its Gateway.
    pub(super) name: Symbol,
    /// The class of that.
    pub(super) class: Symbol,
    /// Which calls it is for.
    pub(super) serves: Serves,
    /// Of which namespaces it takes calls.
    pub(super) attaches: Admits,
    /// One of its pods.
    pub(super) endpoint: Endpoint,
}

/// Whether a call goes through a waypoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding {
    /// It goes straight to the pod.
    None,
    /// Through this one, by its place in the list.
    Waypoint(usize),
    /// Nobody knows, for this reason.
    Open(&'static str),
}

/// Which waypoints stand before a pod.
#[derive(Debug, Clone, Default)]
pub(super) struct Before<'m> {
    /// A pod of each that surely does.
    pub(super) pods: Vec<&'m Pod>,
    /// Why it may be others, too.
    pub(super) doubt: Option<&'static str>,
}

/// What a client calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Called<'m> {
    /// The pod itself.
    Pod,
    /// A Service, by namespace and name.
    Service(&'m str, &'m str),
    /// A host of a `ServiceEntry`, by namespace and name.
    Entry(&'m str, &'m str),
}

pub(super) const USE: &str = "istio.io/use-waypoint";
pub(super) const USE_NAMESPACE: &str = "istio.io/use-waypoint-namespace";
const CANARY: &str = "istio.io/use-waypoint-canary";
const INGRESS: &str = "istio.io/ingress-use-waypoint";

/// The labels of a namespace by which calls of what is in it go over a waypoint.
pub(in crate::cluster) const WAYPOINT_KEYS: [&str; 4] = [USE, USE_NAMESPACE, CANARY, INGRESS];

const ATTACHMENT: Doubts = Doubts {
    unclear: "which namespaces the waypoint's Gateway lets in cannot be understood",
    unlabelled: "the labels of the namespace, by which the waypoint's Gateway lets it in, are not known",
};

impl Mesh {
    /// The waypoints, each with a pod: that of the inventory, else one as Istio makes it.
    pub(super) fn find_waypoints(&self, inventory: &Inventory) -> Vec<Waypoint> {
        let of_class = self.gateways.iter().filter(|(_, gateway)| self.makes_waypoints(&gateway.class));
        let waypoint = |((namespace, name), gateway): (&(Symbol, Symbol), &Gateway)| {
            let endpoint = self.waypoint_pod(inventory, (namespace, name), gateway);
            let of_class = || self.gateway_classes.get(&gateway.class)?.serves;
            let serves = gateway.serves.or_else(of_class).unwrap_or(Serves::USUAL);
            let (namespace, name, class) = (Symbol::clone(namespace), Symbol::clone(name), Symbol::clone(&gateway.class));
            Waypoint { namespace, name, class, serves, attaches: gateway.attaches.clone(), endpoint }
        };
        of_class.map(waypoint).collect()
    }

    /// Whether Istio makes a waypoint of a Gateway of a class: its own, or another one that says so.
    pub(super) fn makes_waypoints(&self, class: &str) -> bool {
        class == WAYPOINT_CLASS || self.gateway_classes.get(class).is_some_and(|class| class.makes_waypoints)
    }

    /// The labels of a namespace; its name alone where nothing describes it.
    pub(super) fn labels_of_namespace(&self, namespace: &str) -> Labels {
        let named = || Labels::from([(NAMESPACE_NAME.into(), namespace.into())]);
        self.namespaces.get(namespace).cloned().unwrap_or_else(named)
    }

    /// Whether a pod is a waypoint's.
    pub(super) fn is_waypoint(&self, pod: &Pod) -> bool {
        let gateway = pod.labels.get(GATEWAY_NAME);
        gateway.is_some_and(|name| self.waypoints.iter().any(|own| own.namespace == pod.namespace && own.name == *name))
    }

    /// Which waypoint a call goes through, if its client takes waypoints at all.
    pub(super) fn binding(&self, called: Called<'_>, known: Known<'_>) -> Binding {
        let first = self.first(called, known);
        let Called::Service(namespace, name) = called else { return first };
        let Some(service) = self.service(namespace, name) else { return first };
        shared(first, (&service.labels, &self.labels_about(namespace, known.0)))
    }

    /// The same, but for a second one that may take a share of the calls.
    fn first(&self, called: Called<'_>, (pod, facts): Known<'_>) -> Binding {
        let nothing = Labels::new();
        let (own, namespace) = match called {
            Called::Pod => (&pod.labels, &*pod.namespace),
            Called::Service(namespace, name) => (self.service(namespace, name).map_or(&nothing, |service| &service.labels), namespace),
            Called::Entry(..) => return Binding::None,
        };
        let of_namespace = self.labels_about(namespace, pod);
        let is_own = *namespace == *pod.namespace;
        let described = if is_own { facts.namespace == NamespaceLabels::Known } else { self.namespaces.contains_key(namespace) };
        let takes = if called == Called::Pod { Serves::to_workloads } else { Serves::to_services };
        self.named((own, &of_namespace), namespace, described, takes)
    }

    /// The labels of a namespace, as a pod of it has them.
    fn labels_about(&self, namespace: &str, pod: &Pod) -> Labels {
        if *namespace == *pod.namespace { pod.namespace_labels.clone() } else { self.labels_of_namespace(namespace) }
    }

    /// Which waypoint calls of the hosts of a `ServiceEntry` go through.
    pub(super) fn binding_of_entry(&self, entry: &Entry) -> Binding {
        let of_namespace = self.labels_of_namespace(&entry.namespace);
        let described = self.namespaces.contains_key(&entry.namespace);
        let labels = (&entry.labels, &of_namespace);
        shared(self.named(labels, &entry.namespace, described, Serves::to_services), labels)
    }

    /// The waypoint that labels name, an object's own before those of its namespace.
    fn named(&self, (own, of_namespace): (&Labels, &Labels), namespace: &str, described: bool, takes: fn(Serves) -> bool) -> Binding {
        const UNKNOWN: &str = "the labels of the namespace, which may name a waypoint, are not known";
        // Where the manifests hold no waypoint, none is expected.
        if !own.contains_key(USE) && !described && !self.waypoints.is_empty() {
            return Binding::Open(UNKNOWN);
        }
        let labels = if own.contains_key(USE) { own } else { of_namespace };
        let Some(name) = labels.get(USE).filter(|name| &***name != "none") else { return Binding::None };
        let own = namespace;
        let namespace = labels.get(USE_NAMESPACE).map_or(own, |namespace| &**namespace);
        let found = self.waypoints.iter().enumerate().find(|(_, waypoint)| *waypoint.namespace == *namespace && waypoint.name == *name);
        let Some((at, waypoint)) = found else { return Binding::Open(self.why_unfound(namespace, name)) };
        if !takes(waypoint.serves) {
            return Binding::None;
        }
        // It takes no other calls, which then go straight (`fetchWaypointForTarget`).
        match waypoint.attaches.admit(namespace, own, described.then_some(of_namespace), ATTACHMENT) {
            Admitted::Yes => Binding::Waypoint(at),
            Admitted::No => Binding::None,
            Admitted::Perhaps(reason) => Binding::Open(reason),
        }
    }

    /// Why a waypoint is not known that labels name.
    fn why_unfound(&self, namespace: &str, name: &Symbol) -> &'static str {
        let is_other = self.gateways.contains_key(&(Symbol::from(namespace), Symbol::clone(name)));
        if is_other {
            "the Gateway that is named as a waypoint is of another class than `istio-waypoint`, and no GatewayClass says that Istio makes waypoints of it"
        } else {
            "a waypoint is named whose Gateway is not in the manifests"
        }
    }

    /// Whether a Service has no address, so that its name stands for its pods.
    pub(super) fn is_headless(&self, namespace: &str, name: &str) -> bool {
        self.service(namespace, name).is_some_and(|service| service.kind == ServiceKind::Headless)
    }

    /// Whether a gateway's calls of a Service go through its waypoint, too; of one without an address they do not (istio/istio :
    /// `pilot/pkg/xds/endpoints/endpoint_builder.go`, `findServiceWaypoint`).
    pub(super) fn takes_ingress(&self, namespace: &str, name: &str) -> bool {
        if self.is_headless(namespace, name) {
            return false;
        }
        let own = self.service(namespace, name).and_then(|service| service.labels.get(INGRESS).cloned());
        let of_namespace = || self.namespaces.get(namespace).and_then(|labels| labels.get(INGRESS).cloned());
        own.or_else(of_namespace).is_some_and(|value| &*value == "true")
    }

    /// Whether a gateway's calls of the hosts of an entry may go through its waypoint, too.
    pub(super) fn takes_ingress_of_entry(&self, entry: &Entry) -> bool {
        let of_namespace = || self.namespaces.get(&entry.namespace).and_then(|labels| labels.get(INGRESS));
        entry.labels.get(INGRESS).or_else(of_namespace).is_some_and(|value| &**value == "true")
    }

    /// Whether any object may tell gateways to call over waypoints, of those that are read so far.
    pub(crate) fn sends_gateways_to_waypoints(&self, inventory: &Inventory) -> bool {
        let services = inventory.services.iter().map(|service| &service.labels);
        let namespaces = inventory.namespaces.values().map(|facts| &facts.labels);
        let entries = self.entries.iter().map(|entry| &entry.labels);
        services.chain(namespaces).chain(entries).any(|labels| labels.get(INGRESS).is_some_and(|value| &**value == "true"))
    }

    /// A Service by its name.
    pub(crate) fn service(&self, namespace: &str, name: &str) -> Option<&ServiceFacts> {
        let key = |service: &ServiceFacts| (&*service.namespace, &*service.name).cmp(&(namespace, name));
        self.services.binary_search_by(key).ok().and_then(|at| self.services.get(at))
    }

    /// Whether an address is a Service's own.
    pub(crate) fn is_address_of_service(&self, address: IpAddr) -> bool {
        self.service_addresses.contains(&address)
    }

    /// The Services of a namespace.
    pub(super) fn services_in(&self, namespace: &str) -> &[ServiceFacts] {
        let start = self.services.partition_point(|service| *service.namespace < *namespace);
        let rest = self.services.get(start..).unwrap_or_default();
        rest.get(..rest.partition_point(|service| *service.namespace == *namespace)).unwrap_or_default()
    }

    /// The Services that lead to a pod.
    pub(super) fn services_of(&self, pod: &Pod) -> Vec<&ServiceFacts> {
        self.services_in(&pod.namespace).iter().filter(|service| selects(service, pod)).collect()
    }

    /// The waypoints that stand before a pod, or may, however it is called.
    pub(super) fn waypoints_of(&self, known: Known<'_>) -> Before<'_> {
        const RESHAPED: &str = "as whom a waypoint runs whose pods are not the usual ones is not known";
        let services = self.services_of(known.0);
        let by_service = services.iter().map(|service| Called::Service(&service.namespace, &service.name));
        let mut before = Before::default();
        let mut found = BTreeSet::new();
        for called in by_service.chain([Called::Pod]) {
            match self.first(called, known) {
                Binding::None => {}
                Binding::Waypoint(at) => drop(found.insert(at)),
                Binding::Open(reason) => before.doubt = Some(reason),
            }
        }
        for waypoint in found.into_iter().filter_map(|at| self.waypoints.get(at)) {
            let name = (Symbol::clone(&waypoint.namespace), Symbol::clone(&waypoint.name));
            match &waypoint.endpoint.peer {
                _ if self.reshaped.contains(&name) => before.doubt = Some(RESHAPED),
                Peer::Pod(pod) => before.pods.push(pod),
                Peer::Address(_) => {}
            }
        }
        before
    }

    /// What acts at a waypoint on a call: targets alone, unless the mesh is told otherwise.
    pub(super) fn waypoint_proxy(&self, waypoint: &Waypoint, called: Called<'_>) -> Proxy<'_> {
        const LAYERED: &str = "whether selector policies act on waypoints, too, is not known";
        let mut proxy = Proxy::default();
        let targeted = |own: &str, attachment: &super::attachment::Attachment| {
            attachment.targets().iter().any(|target| match target.kind {
                TargetKind::Gateway => *own == *waypoint.namespace && target.name == waypoint.name,
                TargetKind::Service => called == Called::Service(own, &target.name),
                TargetKind::GatewayClass => *own == *self.platform.root_namespace && target.name == waypoint.class,
                TargetKind::ServiceEntry => called == Called::Entry(own, &target.name),
            })
        };
        let layered = match self.platform.layered_waypoint_policies {
            Some(true) => Some(None),
            Some(false) => None,
            None => Some(Some(LAYERED)),
        };
        let Peer::Pod(pod) = &waypoint.endpoint.peer else { return proxy };
        for policy in self.policies.values().flatten().filter(|policy| policy.counts(ChainKind::Http)) {
            let (own, attachment) = (&*policy.written.object.namespace, &policy.written.attachment);
            let selected = || {
                attachment.on_sidecar(own, &self.platform.root_namespace, (pod, &waypoint.endpoint.facts)) != super::attachment::Acts::No
            };
            if targeted(own, attachment) {
                proxy.attached.add(policy, None);
            } else if let Some(doubt) = layered.filter(|_| attachment.targets().is_empty() && selected()) {
                proxy.attached.add(policy, doubt);
            }
        }
        proxy.tokens = self.tokens.values().flatten().filter(|policy| targeted(&policy.object.namespace, &policy.attachment)).collect();
        proxy
    }
}

/// The same for calls of which a second waypoint may take a share, that an object's labels name, or those of its namespace where these name
/// the first (`getUseWaypointCanary`).
fn shared(binding: Binding, (own, of_namespace): (&Labels, &Labels)) -> Binding {
    const SHARED: &str = "how many of the calls a second waypoint takes is not known";
    let inherited = || of_namespace.get(CANARY).filter(|_| !own.contains_key(USE));
    let second = own.get(CANARY).or_else(inherited).filter(|name| !matches!(&***name, "" | "none"));
    match binding {
        Binding::Waypoint(_) if second.is_some() => Binding::Open(SHARED),
        binding => binding,
    }
}
