//! Every object that has changed, and by which comparison what it does was looked at.
//!
//! Owns: `Ledger`. What no comparison accounts for is told as a change whose effect is not known: that access did not change may be
//! said only where nothing is left over.

use std::collections::{BTreeMap, BTreeSet};

use super::actual::Actual;
use super::blame::{change_word, readable};
use super::calls::{Called, fits};
use super::facts::{Fact, FactKind, fact};
use super::objects::{Altered, Held};
use super::side::Which;
use crate::cluster::{self, Cluster, Platform};
use crate::diagnostic::code;
use crate::flow::Symbol;
use crate::inventory;
use crate::source::{Source, Sources};

/// What is known of both sides.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) clusters: [&'a Cluster; 2],
    pub(super) workloads: &'a [Actual],
    pub(super) called: &'a Called,
    pub(super) waypoints: Waypoints,
}

/// Whether any waypoint stands, or is named, on either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waypoints {
    None,
    Some,
}

/// Why the effect of a change is not known.
enum Unaccounted {
    /// Its kind is not modelled.
    Kind,
    /// Nothing that it is about is there to be asked about.
    Unseen,
    /// How the mesh is installed is not read from objects.
    Mesh,
    /// Where gateways listen, which may be pods of any namespace.
    Listeners,
}

/// How a mesh or a plugin is installed, and what their policies refer to: nothing of it is read.
const INSTALLS: [(&str, &str); 10] = [
    ("install.istio.io", "IstioOperator"),
    ("sailoperator.io", "Istio"),
    ("sailoperator.io", "IstioCNI"),
    ("sailoperator.io", "IstioRevision"),
    ("sailoperator.io", "ZTunnel"),
    ("gateway.networking.k8s.io", "GatewayClass"),
    ("crd.projectcalico.org", "NetworkSet"),
    ("crd.projectcalico.org", "GlobalNetworkSet"),
    ("projectcalico.org", "NetworkSet"),
    ("projectcalico.org", "GlobalNetworkSet"),
];

/// Classes of Gateways that are waypoints.
const WAYPOINT_CLASS: &str = "istio-waypoint";

/// The facts about every change of which no comparison says what it does. `open` are objects that leave flows open on both sides,
/// by name, each with why.
pub(super) fn unaccounted(altered: &[Altered<'_>], known: Known<'_>, open: &BTreeMap<String, String>) -> Vec<Fact> {
    let mut kinds = Kinds::default();
    let mut facts = Vec::new();
    for object in altered {
        let Some(held) = object.any() else { continue };
        let why = match (left_over(object, known, &mut kinds), open.get(&held.name())) {
            (Some(why), _) => why.words(),
            (None, Some(reason)) => format!("what passes by it is left open before and after: {reason}"),
            (None, None) => continue,
        };
        let name = readable(&held.name());
        let code = if kinds.is_unmodelled(held) { format!("{}: ", code::UNMODELLED_KIND) } else { String::new() };
        let text = format!("{code}{name} {}: {why}", change_word(object.change));
        let which = if object.new.is_some() { Which::Head } else { Which::Base };
        facts.push(Fact { place: Some((which, held.location)), ..fact(FactKind::Unknown, object.change, text) });
    }
    facts
}

/// Namespaces that an object describes on one side only.
pub(super) fn described(altered: &[Altered<'_>], clusters: [&Cluster; 2]) -> Vec<Fact> {
    let [base, head] = clusters;
    let told = |object: &Altered<'_>| {
        let namespace = object.any().filter(|one| one.kind == "Namespace" && one.group().is_empty())?;
        let (which, cluster, words) = match (object.old, object.new) {
            (None, Some(_)) => (Which::Head, head, "is described now, with"),
            (Some(_), None) => (Which::Base, base, "is no longer described; it had"),
            _ => return None,
        };
        let labels = cluster.namespace_labels(&namespace.own_name)?;
        let own = labels.iter().filter(|(key, _)| ***key != *crate::flow::NAMESPACE_NAME);
        let own: Vec<String> = own.map(|(key, value)| format!("{key}={value}")).collect();
        let own = if own.is_empty() { "no labels".to_owned() } else { format!("labels `{}`", own.join(",")) };
        let text = format!("`{}` {words} {own}", namespace.own_name);
        Some(Fact { place: Some((which, namespace.location)), ..fact(FactKind::Namespace, object.change, text) })
    };
    altered.iter().filter_map(told).collect()
}

impl Unaccounted {
    fn words(&self) -> String {
        match self {
            Self::Kind => "what that does is not known".to_owned(),
            Self::Unseen => "nothing that it acts on is among the manifests, so what that does is not known".to_owned(),
            Self::Listeners => "it may change what gateways take, of which not everything is compared".to_owned(),
            Self::Mesh => "it may change how the mesh or its policies work, and is not read".to_owned(),
        }
    }
}

/// Why no comparison accounts for a change; none if one does.
fn left_over(object: &Altered<'_>, known: Known<'_>, kinds: &mut Kinds) -> Option<Unaccounted> {
    let held = object.any()?;
    if kinds.is_unmodelled(held) {
        return Some(Unaccounted::Kind);
    }
    let is_seen = match (held.group(), held.kind.as_str()) {
        // Classes of flows: every pod that could exist.
        ("networking.k8s.io", "NetworkPolicy") | ("security.istio.io", "PeerAuthentication") => true,
        ("security.istio.io", _) => object.both().all(|held| targets_are_seen(held, known)),
        // What has changed about a workload was asked; what has come or gone is told by itself.
        ("", "Namespace") => namespace_is_seen(object, held, known),
        ("", "Service") => known.waypoints == Waypoints::None || is_called(held, known) || !known.workloads.is_empty(),
        (group, kind) if inventory::is_fact(group, kind) => true,
        ("networking.istio.io", "DestinationRule") => object.both().all(|held| host_is_seen(held, known)),
        ("gateway.networking.k8s.io", "Gateway") => object.both().all(|held| gateway_is_seen(held, known)),
        ("networking.istio.io", "Gateway") => return Some(Unaccounted::Listeners),
        // Hosts outside the mesh, to which no gate stands but a waypoint.
        ("networking.istio.io", "ServiceEntry") => known.waypoints == Waypoints::None && !selects_pods(object),
        (group, kind) => return is_install(group, kind, held, known).then_some(Unaccounted::Mesh),
    };
    (!is_seen).then_some(Unaccounted::Unseen)
}

fn selects_pods(object: &Altered<'_>) -> bool {
    object.both().any(|held| held.text.contains("workloadSelector"))
}

/// Whether an object says how a mesh is installed.
fn is_install(group: &str, kind: &str, held: &Held, known: Known<'_>) -> bool {
    let [_, cluster] = known.clusters;
    let of_mesh =
        (group, kind) == ("", "ConfigMap") && *held.namespace == *cluster.platform().root_namespace && held.own_name.starts_with("istio");
    of_mesh || INSTALLS.contains(&(group, kind))
}

/// Whether everything was asked about that a policy names as its targets.
fn targets_are_seen(held: &Held, known: Known<'_>) -> bool {
    let services = held.about("Service").all(|name| {
        let service = (Symbol::clone(&held.namespace), Symbol::from(name));
        known.called.services.contains(&service)
    });
    let of_waypoints = || !known.called.waypoints.is_empty();
    let gateways = held.about("Gateway").all(|name| {
        let waypoint = Symbol::from(format!("{}/{name}", held.namespace));
        known.called.waypoints.contains(&waypoint) || is_gateway(&held.namespace, name, known)
    });
    let classes = held.about("GatewayClass").all(|_| of_waypoints());
    services && gateways && classes && held.about("ServiceEntry").next().is_none()
}

/// Whether pods that carry the name of a Gateway are gateways: they are judged as all pods with these labels, or by themselves.
fn is_gateway(namespace: &Symbol, name: &str, known: Known<'_>) -> bool {
    known.clusters.into_iter().any(|cluster| cluster.has_gateway(namespace, name))
}

/// Whether a Service's calls were compared.
fn is_called(held: &Held, known: Known<'_>) -> bool {
    known.called.services.contains(&(Symbol::clone(&held.namespace), Symbol::from(held.own_name.as_str())))
}

/// Whether calls of every Service that a host may be were compared, and there is one.
fn host_is_seen(held: &Held, known: Known<'_>) -> bool {
    held.about("host").all(|host| known.called.services.iter().any(|service| fits(host, service)))
}

/// Whether calls over a Gateway were compared, if it is a waypoint; of others, the pods of its namespace are judged by their names.
fn gateway_is_seen(held: &Held, known: Known<'_>) -> bool {
    let waypoint = Symbol::from(format!("{}/{}", held.namespace, held.own_name));
    !held.about("gatewayClassName").any(|class| class == WAYPOINT_CLASS) || known.called.waypoints.contains(&waypoint)
}

/// Whether it is known on both sides which labels a namespace has, or its workloads were asked about.
fn namespace_is_seen(object: &Altered<'_>, held: &Held, known: Known<'_>) -> bool {
    let name: Symbol = held.own_name.as_str().into();
    let is_there = |cluster: &Cluster| cluster.namespaces().contains(&name);
    let has_workloads = || known.workloads.iter().any(|workload| workload.pod(Which::Head).is_some_and(|pod| pod.namespace == name));
    let on_both = object.old.is_some() && object.new.is_some();
    on_both || !known.clusters.into_iter().all(is_there) || has_workloads()
}

/// Which kinds are not modelled.
#[derive(Default)]
struct Kinds(BTreeMap<(String, String), bool>);

impl Kinds {
    /// Whether an object is of a kind that is not modelled: the reader is asked about an object of it that says nothing.
    fn is_unmodelled(&mut self, held: &Held) -> bool {
        let key = (held.version.clone(), held.kind.clone());
        *self.0.entry(key).or_insert_with(|| {
            let text = format!("apiVersion: {}\nkind: {}\nmetadata: {{name: x, namespace: x}}\n", held.version, held.kind);
            let mut sources = Sources::default();
            let file = sources.add(Source::new("kind.yaml", text));
            let platform = Platform { default_namespace: Some("x".into()), ..Platform::default() };
            let (_, findings) = cluster::read(&sources, &[file], platform);
            findings.iter().any(|finding| finding.code == code::UNMODELLED_KIND)
        })
    }
}

/// The Services that have changed, by namespace and name.
pub(super) fn services(altered: &[Altered<'_>]) -> BTreeSet<(Symbol, Symbol)> {
    let services = altered.iter().filter_map(Altered::any).filter(|held| held.kind == "Service" && held.group().is_empty());
    services.map(|held| (Symbol::clone(&held.namespace), Symbol::from(held.own_name.as_str()))).collect()
}
