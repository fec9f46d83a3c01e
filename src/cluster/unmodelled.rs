//! Objects that may change what becomes of a flow and that the evaluator does not model, or could not read.
//!
//! Owns: which flows each of them may touch, as narrowly as is sound. It must not guess what they do: every such flow is
//! unspecified.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::object::Object;
use super::{Endpoint, Gate, NamespaceLabels, Network, ProxyRole, Way, wire};
use crate::flow::{AddressSet, DataPlane, LabelCube, Labels, NAMESPACE_NAME, Peer, Peers, PodCube, PodSet, Request, Symbol, Values};

/// An object that is not modelled.
#[derive(Debug, Clone)]
pub(super) struct Unmodelled {
    /// What it is called.
    pub(super) object: Object,
    /// Why nothing is known of what it does.
    pub(super) why: Why,
    /// What it may change.
    pub(super) gates: Gates,
    /// The ends of the flows that it may touch: one end is enough.
    pub(super) ends: Ends,
    /// Which of the two ends that may be.
    pub(super) side: Side,
    /// The pods of which it may be, by what their Envoys are for.
    pub(super) proxies: Proxies,
    /// Namespaces of which it changes nothing for those that call their pods.
    pub(super) spared: BTreeSet<Symbol>,
}

/// Which end of a flow an object may act at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Either.
    Either,
    /// The one that is called alone.
    Called,
    /// The one that calls alone.
    Calling,
    /// The one that calls, where it has a sidecar and calls an address.
    CallingAddresses,
}

/// Of whose Envoys an object may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proxies {
    /// Of anybody's.
    Any,
    /// Of all but gateways' and waypoints'.
    Sidecars,
    /// Of gateways', which are not always known to be some.
    Gateways,
    /// The same; what it does to those that are known to be gateways is modelled.
    PerhapsGateways,
}

/// Why nothing is known of what an object does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// It is about gateways alone, and whether a pod is one is not known.
    Role,
    /// Its kind is not modelled.
    Kind,
    /// Its kind is, but not this field, label or annotation of it.
    Setting(&'static str),
    /// It sets this otherwise than the platform is said to be.
    Otherwise(&'static str),
    /// It is a workload, some of whose pods run without the sidecar that it is to have.
    Bare,
    /// It is a workload whose pods a Gateway takes for its own, and which shows no Envoy.
    Unseen,
    /// It could not be read.
    Unreadable,
    /// Several of its name say different things.
    Twice,
    /// This group, of which it is, has no such kind, and another one is meant.
    Group(&'static str),
}

/// What an object may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gates {
    /// What the network lets pass.
    Network,
    /// What the network lets pass, where connections go this way at an end.
    NetworkOneWay(Way),
    /// What the network lets pass at ends that no `NetworkPolicy` isolates: it comes after them (`semantics.md` §1.10).
    NetworkBaseline,
    /// The same, where connections go this way at an end.
    NetworkBaselineOneWay(Way),
    /// What the network lets pass, of which it can only take away.
    NetworkLimits,
    /// What the mesh lets pass; ends outside the mesh are not touched.
    Mesh,
    /// Whether pods that are taken to be outside the mesh are in it, and so what it lets pass there.
    Membership,
    /// Both.
    Both,
}

/// The ends that an object may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ends {
    /// Any.
    All,
    /// These pods.
    Pods(PodCube),
    /// Addresses.
    Addresses,
}

/// The key of the platform that says what becomes of paths before policies look at them.
pub(super) const PATHS: &str = "path-normalization";

/// Something that an installation of the mesh says and that is not modelled, or is said otherwise of the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    /// What says it.
    pub(super) key: &'static str,
    /// Why nothing is known of what it does.
    pub(super) why: Why,
    /// Whose ends it may touch.
    pub(super) ends: Ends,
    /// Which of the two ends.
    pub(super) side: Side,
    /// Of which proxies.
    pub(super) proxies: Proxies,
}

/// All of them, found by namespace.
#[derive(Debug, Clone, Default)]
pub(super) struct UnmodelledObjects {
    objects: Vec<Unmodelled>,
    /// Places of those that touch pods of one namespace only.
    narrow: BTreeMap<Symbol, Vec<usize>>,
    /// Places of the others.
    wide: Vec<usize>,
}

impl Ends {
    /// The pods of a namespace; all ends where an object has none.
    pub(super) fn of_namespace(namespace: &str, labels: LabelCube) -> Self {
        if namespace.is_empty() {
            return if labels.is_all() { Self::All } else { Self::Pods(PodCube { labels, ..PodCube::all() }) };
        }
        Self::Pods(PodCube { labels, ..PodCube::in_namespace(namespace) })
    }

    /// Whether an end is, or may be, one of them.
    fn hold(&self, end: &Endpoint) -> bool {
        match (self, &end.peer) {
            (Self::All, _) | (Self::Addresses, Peer::Address(_)) => true,
            (Self::Addresses, Peer::Pod(_)) | (Self::Pods(_), Peer::Address(_)) => false,
            (Self::Pods(cube), Peer::Pod(pod)) => {
                let name_only = end.facts.namespace == NamespaceLabels::NameOnly;
                let namespace = cube.namespace.iter().all(|(key, values)| {
                    let own = if **key == *NAMESPACE_NAME { Some(&pod.namespace) } else { pod.namespace_labels.get(key) };
                    (name_only && **key != *NAMESPACE_NAME) || values.contains(own.map(|value| &**value))
                });
                let labels = cube
                    .labels
                    .iter()
                    .all(|(key, values)| end.facts.open_labels.contains(key) || values.contains(pod.labels.get(key).map(|value| &**value)));
                namespace && labels
            }
        }
    }
}

impl Unmodelled {
    /// Whether it may change what the network gate says at an end.
    fn touches_network(&self, end: &Endpoint, way: Way, isolated: Isolated) -> bool {
        let at_gate = match self.gates {
            Gates::Network | Gates::NetworkLimits | Gates::Both => true,
            Gates::NetworkOneWay(own) => own == way,
            Gates::NetworkBaseline => isolated == Isolated::No,
            Gates::NetworkBaselineOneWay(own) => own == way && isolated == Isolated::No,
            Gates::Mesh | Gates::Membership => false,
        };
        // An address has no gate of its own; what touches all ends is met at the other one.
        at_gate && self.ends.hold(end) && matches!(end.peer, Peer::Pod(_))
    }

    /// Whether it may change what the mesh says of TCP connections of an end.
    fn touches_mesh(&self, end: &Endpoint) -> bool {
        let at_gate = match self.gates {
            Gates::Mesh => wire::plane(end) != DataPlane::None || matches!(end.peer, Peer::Address(_)),
            // Nobody injects pods on their node's network.
            Gates::Membership => wire::plane(end) == DataPlane::None && end.facts.network == Network::Own,
            Gates::Both => true,
            Gates::Network | Gates::NetworkOneWay(_) | Gates::NetworkBaseline | Gates::NetworkBaselineOneWay(_) | Gates::NetworkLimits => {
                false
            }
        };
        let at_side = self.side != Side::CallingAddresses || wire::plane(end) == DataPlane::Sidecar;
        at_gate && at_side && self.proxies.hold(end.facts.proxy) && self.ends.hold(end)
    }

    /// Whether it may make an end one of the mesh that is taken for none.
    fn may_join(&self, end: &Endpoint) -> bool {
        matches!(self.gates, Gates::Membership | Gates::Both) && self.touches_mesh(end)
    }

    /// Whether a client's sidecar that it is of never meets a call of this port: it does not take that over.
    pub(super) fn is_passed_by(&self, client: &Endpoint, port: u16) -> bool {
        self.side == Side::CallingAddresses && client.facts.spares_outbound(port)
    }

    /// Whether what a gate lets pass may be stopped there by it: what a policy about callers says is nothing to the gates before it.
    pub(super) fn may_change(&self, gate: Gate) -> bool {
        let is_about_callers = matches!(self.why, Why::Unreadable | Why::Twice) && &*self.object.kind == "AuthorizationPolicy";
        !is_about_callers || gate == Gate::Caller
    }

    /// Whether what the network stops without it is stopped for sure.
    pub(super) fn only_limits(&self) -> bool {
        self.gates == Gates::NetworkLimits
    }

    /// Whether it may change what becomes of a connection with this request, or without one.
    pub(super) fn minds_request(&self, request: Option<&Request>) -> bool {
        self.why != Why::Otherwise(PATHS) || request.is_some()
    }

    /// Whether another one says the same of the same flows, wherever it is written.
    pub(super) fn touches_the_same(&self, other: &Self) -> bool {
        let flows = |one: &Self| (one.why, one.gates, one.side, one.proxies);
        flows(self) == flows(other) && self.ends == other.ends && self.spared == other.spared
    }

    /// Whether it may change anything for those that call this end.
    pub(super) fn minds(&self, destination: &Endpoint) -> bool {
        match &destination.peer {
            Peer::Pod(pod) => self.side != Side::CallingAddresses && !self.spared.contains(&pod.namespace),
            Peer::Address(_) => true,
        }
    }

    /// The pods that it may touch; none if it looks at no pods.
    pub(super) const fn pods(&self) -> Option<&PodCube> {
        match &self.ends {
            Ends::Pods(cube) => Some(cube),
            Ends::All | Ends::Addresses => None,
        }
    }

    /// The far ends whose connections it may touch in the mesh.
    pub(super) fn mesh_peers(&self) -> Option<Peers> {
        let is_of_mesh = matches!(self.gates, Gates::Mesh | Gates::Membership | Gates::Both);
        if !is_of_mesh || matches!(self.side, Side::Called | Side::CallingAddresses) {
            return None;
        }
        Some(match &self.ends {
            Ends::All => Peers::all(),
            Ends::Pods(cube) => Peers::from(PodSet::from(cube.clone())),
            Ends::Addresses => Peers::from(AddressSet::all()),
        })
    }
}

impl Setting {
    /// One that may touch what proxies send and take anywhere.
    pub(super) const fn anywhere(key: &'static str, proxies: Proxies) -> Self {
        Self { key, why: Why::Setting(key), ends: Ends::All, side: Side::Either, proxies }
    }

    /// One that the platform is said to have otherwise: whatever the mesh says may hang on it.
    pub(super) fn otherwise(key: &'static str) -> Self {
        Self { why: Why::Otherwise(key), ..Self::anywhere(key, Proxies::Any) }
    }

    /// It as that which an object says.
    pub(super) fn of(self, object: Object) -> Unmodelled {
        let Self { key: _, why, ends, side, proxies } = self;
        Unmodelled { object, why, gates: Gates::Mesh, ends, side, proxies, spared: BTreeSet::new() }
    }
}

impl Proxies {
    /// Whether an Envoy that is for this is, or may be, one of them.
    fn hold(self, role: ProxyRole) -> bool {
        match self {
            Self::Any => true,
            Self::Sidecars => matches!(role, ProxyRole::Sidecar | ProxyRole::Unknown),
            Self::Gateways => matches!(role, ProxyRole::Gateway | ProxyRole::Unknown),
            Self::PerhapsGateways => role == ProxyRole::Unknown,
        }
    }
}

/// Whether a `NetworkPolicy` isolates an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Isolated {
    /// One does.
    Yes,
    /// None does, or it is not sure that one does.
    No,
}

impl UnmodelledObjects {
    /// From all of them.
    pub(super) fn new(objects: Vec<Unmodelled>) -> Self {
        let mut all = Self { objects, ..Self::default() };
        for (at, object) in all.objects.iter().enumerate() {
            match &object.ends {
                Ends::Pods(cube) if cube.names().single().is_some() => {
                    let names = cube.names().words().iter();
                    names.for_each(|name| all.narrow.entry(Symbol::clone(name)).or_default().push(at));
                }
                _ => all.wide.push(at),
            }
        }
        all
    }

    /// All of them, in the order of the text.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Unmodelled> {
        self.objects.iter()
    }

    /// Those that may change what the network gate says at an end.
    pub(super) fn at_network<'c>(&'c self, end: &'c Endpoint, way: Way, isolated: Isolated) -> impl Iterator<Item = &'c Unmodelled> {
        self.near(end).filter(move |object| object.touches_network(end, way, isolated))
    }

    /// Those that may change what the mesh says of TCP connections that an end makes.
    pub(super) fn at_client<'c, 'e>(&'c self, end: &'e Endpoint) -> impl Iterator<Item = &'c Unmodelled> + use<'c, 'e> {
        self.near(end).filter(|object| object.side != Side::Called && object.touches_mesh(end))
    }

    /// Those that may change what the mesh says of TCP connections that reach an end.
    pub(super) fn at_mesh<'c, 'e>(&'c self, end: &'e Endpoint) -> impl Iterator<Item = &'c Unmodelled> + use<'c, 'e> {
        self.near(end).filter(|object| matches!(object.side, Side::Either | Side::Called) && object.touches_mesh(end))
    }

    /// Whether one of them may make an end one of the mesh that is taken for none.
    pub(super) fn may_join(&self, end: &Endpoint) -> bool {
        self.near(end).any(|object| object.may_join(end))
    }

    fn near<'c, 'e>(&'c self, end: &'e Endpoint) -> impl Iterator<Item = &'c Unmodelled> + use<'c, 'e> {
        let narrow = match &end.peer {
            Peer::Pod(pod) => self.narrow.get(&pod.namespace),
            Peer::Address(_) => None,
        };
        narrow.into_iter().flatten().chain(&self.wide).filter_map(|at| self.objects.get(*at))
    }

    /// The selectors by which they tell pods of a namespace apart, as ends of connections that go this way: what leaves a pod the
    /// mesh judges where it arrives, unless that is an address.
    pub(super) fn selectors<'c>(&'c self, namespace: &str, way: Way) -> impl Iterator<Item = &'c LabelCube> {
        let narrow = self.narrow.get(namespace);
        let all = narrow.into_iter().flatten().chain(&self.wide).filter_map(|at| self.objects.get(*at));
        let is_of_mesh = |gates: Gates| matches!(gates, Gates::Mesh | Gates::Membership);
        let at_end = move |object: &&Unmodelled| match object.gates {
            Gates::NetworkOneWay(own) | Gates::NetworkBaselineOneWay(own) => own == way,
            gates => way == Way::Ingress || !is_of_mesh(gates) || object.side != Side::Called,
        };
        all.filter(at_end).filter_map(|object| match &object.ends {
            Ends::Pods(cube) if !cube.labels.is_all() => Some(&cube.labels),
            _ => None,
        })
    }
}

/// In one sentence without capital and full stop.
impl fmt::Display for Unmodelled {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            Why::Kind => write!(out, "{} may decide otherwise and is not modelled", self.object),
            Why::Setting(key) => write!(out, "{} may decide otherwise by its `{key}`, which is not modelled", self.object),
            Why::Otherwise(key) => write!(out, "{} sets `{key}` otherwise than it is taken for", self.object),
            Why::Bare => write!(out, "pods of {} run without the sidecar that it is to have", self.object),
            Why::Unseen => {
                write!(out, "a Gateway is for the pods of {}, which show no Envoy, and whether they run one is not known", self.object)
            }
            Why::Role => write!(out, "{} decides if the pod is a gateway, and whether it is one is not known", self.object),
            Why::Group(group) => {
                write!(
                    out,
                    "{} is of `{group}`, which has no such kind, and whether it is applied as another one is not known",
                    self.object
                )
            }
            Why::Twice => write!(out, "{} stands twice, and which of the two is in the cluster is not known", self.object),
            Why::Unreadable => write!(out, "{} may decide otherwise and cannot be read", self.object),
        }
    }
}

/// The labels that a map of equalities asks for, as a selector.
pub(super) fn equalities(labels: &Labels) -> LabelCube {
    let with = |cube: LabelCube, (key, value): (&Symbol, &Symbol)| cube.with(Symbol::clone(key), Values::one(Symbol::clone(value)));
    labels.iter().fold(LabelCube::all(), with)
}
