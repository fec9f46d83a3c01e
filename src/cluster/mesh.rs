//! The mesh's half of a cluster: who may call whom by Istio's objects, and how connections travel under them.
//!
//! Owns: `Mesh`, which reads the objects, is settled once everything is known, and then answers for one end
//! ([`Mesh::end`]) and for whole ways ([`Mesh::routes`], [`Mesh::judge`]). It must not know `NetworkPolicy`.

mod alike;
mod attachment;
mod callers;
mod calls;
mod chain;
mod client;
mod copies;
mod cuts;
mod declared;
mod domains;
mod end;
mod entry;
mod gateway;
mod headers;
mod hosts;
mod ingress;
mod judge;
mod keys;
mod labels;
mod listener_set;
mod made;
mod misses;
mod names;
mod only_http;
mod peer;
mod proxy;
mod read;
mod route;
mod rule;
mod services;
mod test;
mod token;
mod tokens;
mod truth;
mod tunnel;
mod view;
mod waypoint;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::object::Object;
use super::platform::Platform;
use super::question::{TLS_MODE, TUNNEL};
use crate::flow::{DataPlane, Labels, Symbol};
use crate::inventory::{Inventory, InventoryWorkload, ServiceFacts};
use crate::manifest::{self, Reading};
use chain::Policy;
use client::DestinationRule;
use entry::Entry;
use gateway::{Classic, Takes};
use peer::PeerPolicy;
use read::gateway::Gateway;
use read::ingress::Ingress;
use read::listener_set::ListenerSet;
use read::overlay::Overlays;
use read::waypoint::GatewayClass;
use token::TokenPolicy;
use waypoint::Waypoint;

pub(super) use waypoint::{Reshaped, WAYPOINT_KEYS};

pub use alike::Readers;
pub(super) use attachment::GATEWAY_NAME;
pub use client::{ClientRule, ClientTls};
pub(super) use end::MeshEnd;
pub(super) use gateway::is_named_after;
pub(crate) use headers::GRPC as GRPC_CONTENT;
pub(super) use judge::in_mesh;
pub use keys::{Keys, TokenCopy, Verification};
pub use made::{MadePods, Shape};
pub(super) use names::{Others, add_names_of};
pub use only_http::{OnlyHttp, Reads};
pub(super) use read::MAX_LABELS;
pub(super) use route::{Hop, Route, UNNAMED};

/// The objects of a mesh.
///
/// [`Mesh::read`] takes them in; after the last one, [`Mesh::settle`] makes them ready to be asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Mesh {
    platform: Platform,
    policies: BTreeMap<Symbol, Vec<Policy>>,
    peers: BTreeMap<Symbol, Vec<PeerPolicy>>,
    tokens: BTreeMap<Symbol, Vec<TokenPolicy>>,
    destinations: Vec<DestinationRule>,
    entries: Vec<Entry>,
    gateways: BTreeMap<(Symbol, Symbol), Gateway>,
    /// Which calls the waypoints of a class are for, where the class says it.
    gateway_classes: BTreeMap<Symbol, GatewayClass>,
    classic: Vec<Classic>,
    /// Until it is known for which Gateways they count.
    listener_sets: Vec<ListenerSet>,
    /// Until it is known whose they are.
    ingresses: Vec<Ingress>,
    /// Who serves the classes of `Ingress`es, by their names.
    ingress_classes: BTreeMap<Symbol, Symbol>,
    /// What is laid over the pods of waypoints.
    overlays: Overlays,
    /// Whether sidecars refuse to call what no registry names.
    refuses_unnamed: bool,
    /// The waypoints whose pods are not as they usually are.
    reshaped: BTreeSet<(Symbol, Symbol)>,
    waypoints: Vec<Waypoint>,
    services: Vec<ServiceFacts>,
    /// Their own addresses, as far as they are known.
    service_addresses: BTreeSet<IpAddr>,
    namespaces: BTreeMap<Symbol, Labels>,
    /// The names that stand for all that its patterns tell apart.
    names: names::NameWords,
    /// Whether anything in the mesh is in ambient mode, so that sidecars listen for its tunnels.
    has_ambient: bool,
    /// The keys of labels by which some pods say themselves what they take: mTLS, or the tunnel where they say it otherwise than it is
    /// taken for.
    marks: BTreeSet<&'static str>,
}

/// What the pods of a `Gateway` of Istio's own kind send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sends {
    /// What is theirs, as any client of the mesh does.
    Own,
    /// Also the mTLS of others, who keep their identity (`AUTO_PASSTHROUGH`).
    OfOthers,
}

impl Mesh {
    /// Takes in an object of one of the mesh's kinds. One with findings is left out: what it does is not known.
    pub(super) fn read(&mut self, object: Object, tree: &manifest::Object<'_>, platform: &Platform, reading: &mut Reading<'_>) {
        let root = &tree.root;
        let namespace = Symbol::clone(&object.namespace);
        match tree.kind {
            "AuthorizationPolicy" => {
                if let Some(policy) = read::authorization::read(object, root, reading) {
                    self.policies.entry(namespace).or_default().push(Policy::new(policy, platform));
                }
            }
            "PeerAuthentication" => {
                let policy = read::peer::read(object, root, reading);
                self.peers.entry(namespace).or_default().extend(policy);
            }
            "RequestAuthentication" => {
                let policy = read::request::read(object, root, reading);
                self.tokens.entry(namespace).or_default().extend(policy);
            }
            "DestinationRule" => self.destinations.extend(read::destination::read(object, root, reading)),
            "Gateway" => {
                let key = (namespace, Symbol::clone(&object.name));
                let gateway = read::gateway::read(object, root, reading);
                self.gateways.extend(gateway.map(|gateway| (key, gateway)));
            }
            _ => {}
        }
    }

    /// The labels by which a `Gateway` of Istio's own kind chooses its pods.
    pub(super) fn gateway_selectors(&self) -> impl Iterator<Item = &Labels> {
        self.classic.iter().map(|gateway| &gateway.selector)
    }

    /// Takes in a `Gateway` of Istio's own kind, and says what its pods send; nothing if it is not as expected.
    pub(super) fn read_classic(&mut self, object: &Object, tree: &manifest::Object<'_>, reading: &mut Reading<'_>) -> Option<Sends> {
        let gateway = read::server::classic(object, &tree.root, reading)?;
        let leads_on = gateway.servers.iter().any(|server| server.takes == Takes::Through);
        self.classic.push(gateway);
        Some(if leads_on { Sends::OfOthers } else { Sends::Own })
    }

    /// Takes in a `ListenerSet`; nothing if it cannot be told for which Gateway it is.
    pub(super) fn read_listener_set(&mut self, object: &Object, tree: &manifest::Object<'_>, reading: &mut Reading<'_>) -> Option<()> {
        let set = read::listener_set::read(object, &tree.root, reading)?;
        self.listener_sets.push(set);
        Some(())
    }

    /// Takes in an `Ingress`, or a class of them, whatever is wrong with it.
    pub(super) fn read_ingress(&mut self, object: &Object, tree: &manifest::Object<'_>, reading: &mut Reading<'_>) {
        if tree.kind == "Ingress" {
            self.ingresses.push(read::ingress::read(object, &tree.root, reading));
        } else {
            self.ingress_classes.extend(read::ingress::class(&tree.root, reading));
        }
    }

    /// Takes in a `ConfigMap`, whatever it is for.
    pub(super) fn read_config_map(&mut self, object: &Object, tree: &manifest::Object<'_>, reading: &mut Reading<'_>) {
        let overlays = &mut self.overlays;
        reading.quietly(|reading| overlays.add(object, &tree.root, reading));
    }

    /// Takes in that sidecars refuse to call what no registry names.
    pub(super) const fn refuse_unnamed(&mut self) {
        self.refuses_unnamed = true;
    }

    /// Takes in a Deployment, of which one may be istiod's.
    pub(super) fn read_deployment(&mut self, object: &Object, tree: &manifest::Object<'_>, reading: &mut Reading<'_>) {
        let overlays = &mut self.overlays;
        reading.quietly(|reading| overlays.add_deployment(object, &tree.root, reading));
    }

    /// Takes in a class of Gateways of the Gateway API.
    pub(super) fn read_gateway_class(&mut self, tree: &manifest::Object<'_>, reading: &mut Reading<'_>) {
        self.gateway_classes.extend(read::waypoint::class(&tree.root, reading));
    }

    /// Takes in a `ServiceEntry` that selects no workloads; nothing if it is not as expected.
    pub(super) fn read_entry(&mut self, object: &Object, tree: &manifest::Object<'_>, reading: &mut Reading<'_>) -> Option<()> {
        let entry = read::entry::read(object, &tree.root, reading)?;
        self.entries.push(entry);
        Some(())
    }

    /// Takes in a `ServiceEntry` that selects no workloads and is not as expected: by its labels its calls may go over a waypoint.
    pub(super) fn read_unreadable_entry(&mut self, object: &Object, tree: &manifest::Object<'_>, reading: &mut Reading<'_>) {
        // Labels that cannot be read may name any waypoint; one that no Gateway is found for leaves its calls open.
        let labels = reading.quietly(|reading| read::gateway::labels(&tree.root, reading));
        let labels = labels.unwrap_or_else(|| Labels::from([(waypoint::USE.into(), "".into())]));
        self.entries.push(Entry::unreadable(object, labels));
    }

    /// Takes in what another part of the manifests says; parts come in the order of the text.
    pub(super) fn merge(&mut self, other: Self) {
        for (namespace, policies) in other.policies {
            self.policies.entry(namespace).or_default().extend(policies);
        }
        for (namespace, policies) in other.peers {
            self.peers.entry(namespace).or_default().extend(policies);
        }
        for (namespace, policies) in other.tokens {
            self.tokens.entry(namespace).or_default().extend(policies);
        }
        self.destinations.extend(other.destinations);
        self.entries.extend(other.entries);
        self.gateways.extend(other.gateways);
        self.gateway_classes.extend(other.gateway_classes);
        self.overlays.merge(other.overlays);
        self.refuses_unnamed |= other.refuses_unnamed;
        self.classic.extend(other.classic);
        self.listener_sets.extend(other.listener_sets);
        self.ingresses.extend(other.ingresses);
        self.ingress_classes.extend(other.ingress_classes);
    }

    /// Makes everything ready to be asked, once all objects, workloads, Services and namespaces are known.
    pub(super) fn settle(&mut self, platform: &Platform, inventory: &Inventory) {
        self.platform = platform.clone();
        self.services.clone_from(&inventory.services);
        self.service_addresses = self.services.iter().flat_map(|service| service.addresses.iter().copied()).collect();
        self.namespaces = inventory.namespaces.iter().map(|(name, facts)| (Symbol::clone(name), facts.labels.clone())).collect();
        self.add_listener_sets();
        self.mark_copied_headers();
        self.waypoints = self.find_waypoints(inventory);
        self.find_names();
        self.has_ambient = !self.waypoints.is_empty() || has_ambient(platform, inventory);
        self.marks = self.find_marks(inventory);
    }

    /// The keys of labels by which some pods say themselves what they take.
    fn find_marks(&self, inventory: &Inventory) -> BTreeSet<&'static str> {
        let is_marked = |key: &&str| inventory.workloads.iter().any(|workload| workload.labels.contains_key(*key));
        let mut marks: BTreeSet<&str> = [TLS_MODE.0, TUNNEL.0].into_iter().filter(is_marked).collect();
        // Most have the label of a tunnel with their sidecar.
        let is_usual = |workload: &InventoryWorkload| match workload.labels.get(TUNNEL.0) {
            Some(value) => **value == *TUNNEL.1 && inventory.plane_of(workload, self.platform.mesh) == DataPlane::Sidecar,
            None => true,
        };
        if self.platform.hbone_from_sidecars == Some(true) && inventory.workloads.iter().all(is_usual) {
            marks.remove(TUNNEL.0);
        }
        marks
    }

    /// Knows more of its platform than when it was settled.
    pub(super) fn know(&mut self, platform: &Platform) {
        self.platform.clone_from(platform);
    }

    /// Marks the headers at which policies look and that tokens are copied to, which is done before policies are asked
    /// (`semantics.md` §2.2). Which pods either acts on is not told apart, but by namespace.
    fn mark_copied_headers(&mut self) {
        let headers = |tokens: &'_ Vec<TokenPolicy>| {
            tokens
                .iter()
                .flat_map(|policy| &policy.providers)
                .flat_map(|provider| &provider.outputs)
                .map(|output| Symbol::clone(&output.header))
                .collect::<Vec<_>>()
        };
        let copied: BTreeMap<Symbol, Vec<Symbol>> =
            self.tokens.iter().map(|(namespace, tokens)| (Symbol::clone(namespace), headers(tokens))).collect();
        if copied.values().all(Vec::is_empty) {
            return;
        }
        let root = &self.platform.root_namespace;
        for (namespace, policies) in &mut self.policies {
            let near = copied.iter().filter(|(other, _)| namespace == root || *other == root || *other == namespace);
            let headers: BTreeSet<&Symbol> = near.flat_map(|(_, headers)| headers).collect();
            for policy in policies {
                if let Some(written) = policy.written.with_copied(&headers) {
                    *policy = Policy::new(written, &self.platform);
                }
            }
        }
    }

    /// The namespaces that hold objects of the mesh.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = &Symbol> {
        let waypoints = self.gateways.keys().map(|(namespace, _)| namespace);
        self.policies.keys().chain(self.peers.keys()).chain(self.tokens.keys()).chain(waypoints)
    }

    /// The rules that speak of TLS with Services of a namespace.
    pub(super) fn client_tls(&self, namespace: &str) -> Vec<ClientTls> {
        client::rules_about(&self.destinations, namespace)
    }

    /// The namespaces in which policies stand.
    pub(super) fn policed(&self) -> impl Iterator<Item = &Symbol> {
        self.policies.keys().chain(self.peers.keys()).chain(self.tokens.keys())
    }

    /// The selectors of policies that stand in a namespace.
    pub(super) fn selectors_in(&self, namespace: &str) -> impl Iterator<Item = &Labels> {
        let policies = self.policies.get(namespace).into_iter().flatten().map(|policy| &policy.written.attachment);
        let tokens = self.tokens.get(namespace).into_iter().flatten().map(|policy| &policy.attachment);
        policies.chain(tokens).filter_map(attachment::Attachment::labels)
    }

    /// What a pod's own namespace and the root namespace hold.
    fn near<'m, T>(&'m self, all: &'m BTreeMap<Symbol, Vec<T>>, namespace: &str) -> impl Iterator<Item = &'m T> {
        let root = &*self.platform.root_namespace;
        let own = all.get(namespace).filter(|_| namespace != root);
        all.get(root).into_iter().chain(own).flatten()
    }
}

/// Whether pods are in ambient mode, or would be.
fn has_ambient(platform: &Platform, inventory: &Inventory) -> bool {
    let declared = inventory.namespaces.values().any(|facts| facts.plane == Some(DataPlane::Ambient));
    let is = |workload| inventory.plane_of(workload, platform.mesh) == DataPlane::Ambient;
    platform.mesh == DataPlane::Ambient || declared || inventory.workloads.iter().any(is)
}
