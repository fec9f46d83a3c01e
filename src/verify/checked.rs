//! Whether assumptions hold in manifests.
//!
//! Owns: the check of each assumption that manifests can show. What they cannot show stays open, and is never taken as held.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::assumption::Assumption;
use super::gateways::is_chosen_besides;
use super::ground::joined;
use super::issuers::misverified;
use super::meshed::shown_plane;
use super::proof::names;
use super::shut::is_shut;
use super::world::PolicyWorld;
use crate::classes::labels_within;
use crate::cluster::{Cluster, Document, NamedPort, Network, ProxyRole, Workload};
use crate::flow::{AddressSet, DataPlane, Labels, Peer, Peers, Pod, PodCube, PodSet, PortSet, Protocol, Symbol};
use crate::inventory::{OutboundCapture, namespace_plane};
use crate::ir::{End, Namespace, Policy, Rule};
use crate::syntax::ast::Action;

/// An assumption, and what manifests say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The assumption.
    pub assumption: Assumption,
    /// What they say.
    pub status: Status,
}

/// What manifests say of an assumption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It holds for everything that they show.
    Holds,
    /// It does not, for this reason.
    Broken(String),
    /// They do not show it.
    Open,
}

impl Status {
    /// This, unless something else speaks against it as well; what is broken stays so.
    fn unless(self, against: impl FnOnce() -> Option<Self>) -> Self {
        match self {
            Self::Broken(_) => self,
            Self::Holds | Self::Open => against().unwrap_or(self),
        }
    }
}

/// Checks assumptions against manifests.
pub fn check_assumptions(policy: &Policy, cluster: &Cluster, assumptions: Vec<Assumption>) -> Vec<Checked> {
    let checked = |assumption: Assumption| Checked { status: status(policy, cluster, &assumption), assumption };
    assumptions.into_iter().map(checked).collect()
}

fn status(policy: &Policy, cluster: &Cluster, assumption: &Assumption) -> Status {
    match assumption {
        Assumption::Account { pods, accounts } => account(cluster, pods, accounts),
        Assumption::AccountPods { namespace, account, pods } => account_pods(cluster, (namespace, account), pods),
        Assumption::NamedPort { pods, name, protocol, number } => named_port(policy, cluster, pods, (name, *protocol, *number)),
        Assumption::NamespaceLabels { namespace, labels, keys } => namespace_labels(cluster, namespace, labels, keys),
        Assumption::KnownLabels { namespace, labels } => known_labels(cluster, namespace, labels),
        Assumption::Captured { namespaces } => captured(policy, cluster, namespaces),
        Assumption::OutsideMesh { namespaces, pods } => outside_mesh(cluster, namespaces, pods),
        Assumption::MeshedCallers => meshed_callers(policy, cluster),
        Assumption::OthersPlanes => others_planes(policy, cluster),
        Assumption::ClientTls { namespaces } => client_tls(cluster, namespaces),
        Assumption::PodNetwork { namespaces } => pod_network(cluster, namespaces),
        Assumption::NoGateways { namespaces } => no_gateways(policy, cluster, namespaces),
        Assumption::NoPodAddress { pods } => addresses(policy, cluster, pods),
        Assumption::Keys { issuer, .. } => keys(policy, cluster, issuer),
        // The policies of the manifests are all in the comparison.
        Assumption::NoOtherPolicies { .. } => Status::Holds,
        Assumption::NamespaceSnapshot { source, namespaces } => namespace_snapshot(cluster, source, namespaces),
        Assumption::Http { .. }
        | Assumption::PathNormalization
        | Assumption::Sctp
        | Assumption::NoSctp
        | Assumption::EndPort
        | Assumption::ServiceAddresses
        | Assumption::Preflight
        | Assumption::WithApplied { .. } => Status::Open,
    }
}

/// The pods of the manifests, each with its workload.
fn pods(cluster: &Cluster) -> impl Iterator<Item = (&Workload, &Pod)> {
    cluster.workloads().iter().filter_map(|workload| match &workload.endpoint.peer {
        Peer::Pod(pod) => Some((workload, pod)),
        Peer::Address(_) => None,
    })
}

/// Holds if some pod is concerned and none speaks against it.
fn over<'a>(concerned: impl Iterator<Item = (&'a Workload, &'a Pod)>, against: impl Fn(&Workload, &Pod) -> Option<String>) -> Status {
    let mut seen = false;
    for (workload, pod) in concerned {
        seen = true;
        if let Some(why) = against(workload, pod) {
            return Status::Broken(format!("{} {}/{} {why}", workload.kind, pod.namespace, workload.name));
        }
    }
    if seen { Status::Holds } else { Status::Open }
}

fn account(cluster: &Cluster, cube: &PodCube, accounts: &BTreeSet<Symbol>) -> Status {
    let concerned = pods(cluster).filter(|(_, pod)| cube.labels.contains(&pod.labels) && cube.names().contains(Some(&pod.namespace)));
    over(concerned, |_, pod| (!accounts.contains(&pod.account)).then(|| format!("runs as `{}`", pod.account)))
}

/// Holds if some pod runs as the account, and none but these.
fn account_pods(cluster: &Cluster, (namespace, account): (&Symbol, &Symbol), known: &PodSet) -> Status {
    let concerned = pods(cluster).filter(|(_, pod)| pod.namespace == *namespace && pod.account == *account);
    over(concerned, |_, pod| (!known.contains(pod)).then(|| format!("runs as `{account}` too")))
}

/// Holds if some of these pods declare a port of this name, and all that do declare it under the number: who declares none may serve the
/// number all the same.
fn named_port(policy: &Policy, cluster: &Cluster, among: &PodSet, (name, protocol, number): (&Symbol, Protocol, u16)) -> Status {
    let is_it = |port: &&NamedPort| port.name == *name && port.protocol == protocol;
    let declared = |workload: &Workload| -> Vec<u16> {
        workload.endpoint.facts.ports.iter().flatten().filter(is_it).map(|port| port.number).collect()
    };
    let concerned = pods(cluster).filter(|(workload, pod)| is_among(policy, among, pod) && !declared(workload).is_empty());
    over(concerned, |workload, _| {
        let numbers = declared(workload);
        let other = numbers.first().filter(|_| !numbers.contains(&number))?;
        Some(format!("serves it on {other}"))
    })
}

/// Whether a pod is surely one of these. The labels of its namespace are those that the program says, if it says all of them.
fn is_among(policy: &Policy, among: &PodSet, pod: &Pod) -> bool {
    match policy.namespace(&pod.namespace).filter(|namespace| namespace.is_managed()) {
        Some(namespace) => among.contains(&Pod { namespace_labels: namespace.labels.clone(), ..pod.clone() }),
        None => among.contains(pod),
    }
}

fn namespace_labels(cluster: &Cluster, namespace: &str, stated: &str, keys: &BTreeSet<Symbol>) -> Status {
    let Some(labels) = cluster.namespace_labels(namespace) else { return Status::Open };
    labelled(labels.iter().filter(|(key, _)| keys.contains(*key)), stated)
}

/// Holds if these labels are those that are stated.
fn labelled<'l>(labels: impl Iterator<Item = (&'l Symbol, &'l Symbol)>, stated: &str) -> Status {
    let own: Vec<String> = labels.map(|(key, value)| format!("{key}={value}")).collect();
    match own.join(",") {
        own if own == stated => Status::Holds,
        own if own.is_empty() => Status::Broken("it has none of them".to_owned()),
        own => Status::Broken(format!("it is labelled `{own}`")),
    }
}

fn known_labels(cluster: &Cluster, namespace: &str, known: &Labels) -> Status {
    let Some(labels) = cluster.namespace_labels(namespace) else { return Status::Open };
    match known.iter().find(|(key, value)| labels.get(*key) != Some(*value)) {
        Some((key, _)) => {
            Status::Broken(labels.get(key).map_or_else(|| format!("it has no `{key}`"), |value| format!("its `{key}` is `{value}`")))
        }
        None => Status::Holds,
    }
}

/// Holds if no namespace that is described has the labels, but for those that are listed.
fn namespace_snapshot(cluster: &Cluster, source: &PodSet, listed: &[Symbol]) -> Status {
    let names = cluster.namespaces();
    let described: Vec<_> = names.iter().filter_map(|name| Some((name, cluster.namespace_labels(name)?))).collect();
    let is_among = |labels: &Labels| source.cubes().iter().any(|cube| cube.namespace.contains(labels));
    match described.iter().find(|(name, labels)| !listed.contains(name) && is_among(labels)) {
        Some((name, _)) => Status::Broken(format!("`{name}` is one of them too")),
        None if described.is_empty() => Status::Open,
        None => Status::Holds,
    }
}

/// What the labels of a namespace do with pods of which nobody says anything else, if it is not this: there may be such pods whether or
/// not the manifests show any (`semantics.md` §2.1).
fn turned_by_labels(cluster: &Cluster, namespace: &str, wanted: impl Fn(DataPlane) -> bool) -> Option<Status> {
    let plane = namespace_plane(cluster.namespace_labels(namespace)?).filter(|plane| !wanted(*plane))?;
    let what = match plane {
        DataPlane::Sidecar => "give its pods sidecars",
        DataPlane::Ambient => "take its pods into the mesh by ztunnel (ambient)",
        DataPlane::None => "keep its pods out of the mesh",
    };
    Some(Status::Broken(format!("the labels of namespace `{namespace}` {what}")))
}

/// That no label takes the pods of a namespace into the mesh, where others show by what pods join. Where some of its pods have sidecars all
/// the same, they may join otherwise, and of those to come nobody knows.
fn unjoined(cluster: &Cluster, namespace: &str) -> Option<Status> {
    let is_silent = cluster.namespace_labels(namespace).is_some_and(|labels| namespace_plane(labels).is_none());
    let is_outside = is_silent && shown_plane(cluster, namespace) == Some(DataPlane::None);
    let joins = |pod: &Pod| *pod.namespace == *namespace && pod.plane != DataPlane::None;
    let told = || format!("no label takes pods of namespace `{namespace}` into the mesh, as labels or proxies do others");
    (is_outside && !pods(cluster).any(|(_, pod)| joins(pod))).then(|| Status::Broken(told()))
}

fn captured(policy: &Policy, cluster: &Cluster, namespaces: &[Symbol]) -> Status {
    let is_sidecar = |plane| plane == DataPlane::Sidecar;
    let turned = || namespaces.iter().find_map(|namespace| turned_by_labels(cluster, namespace, is_sidecar));
    let concerned = pods(cluster).filter(|(_, pod)| namespaces.contains(&pod.namespace) && !is_unmeshed(policy, pod));
    let (world, names) = (PolicyWorld::new(policy), names(policy));
    let by_pods = over(concerned, |workload, pod| {
        let facts = &workload.endpoint.facts;
        // What the network lets nobody in at, no sidecar need stop.
        let lets_in =
            || !is_shut(cluster, &names, &world, &workload.endpoint, &PortSet::from_intervals(Protocol::Tcp, facts.uncaptured.clone()));
        let kept = || (!facts.uncaptured.is_empty() && lets_in()).then(|| "keeps ports from its sidecar".to_owned());
        let sent = || (facts.outbound != OutboundCapture::All).then(|| "keeps connections that it makes from its sidecar".to_owned());
        without_sidecar(pod).or_else(kept).or_else(sent).or_else(|| captures_nothing(facts.proxy).map(str::to_owned))
    });
    let by_policies = || namespaces.iter().find_map(|namespace| for_pods_without(policy, cluster, namespace));
    let unjoined = || namespaces.iter().find_map(|namespace| unjoined(cluster, namespace));
    by_pods.unless(turned).unless(unjoined).unless(by_policies).unless(|| unlabelled(cluster, namespaces.iter()))
}

/// A policy that chooses pods by labels which keep sidecars from them: whoever wrote it has such pods, and the comparison looks at none
/// (`semantics.md` §8.5, row 111).
fn for_pods_without(policy: &Policy, cluster: &Cluster, namespace: &Symbol) -> Option<Status> {
    let namespace_labels = cluster.namespace_labels(namespace).cloned().unwrap_or_default();
    let as_chosen = |labels: Labels| Pod {
        namespace: Symbol::clone(namespace),
        namespace_labels: namespace_labels.clone(),
        labels,
        account: "default".into(),
        plane: DataPlane::Sidecar,
    };
    let mut chosen = cluster.all_selectors(namespace).into_iter().filter_map(|selector| labels_within(&selector)).map(as_chosen);
    let told = chosen.find_map(|pod| {
        let plane = cluster.plane_by_labels(&pod, DataPlane::Sidecar).filter(|plane| *plane != DataPlane::Sidecar)?;
        let what = without_sidecar(&Pod { plane, ..pod.clone() })?;
        (!is_unmeshed(policy, &pod)).then(|| format!("a policy is for `{}@{namespace}`, and such a pod {what}", joined(pod.labels.iter())))
    });
    told.map(Status::Broken)
}

/// Of pods to come nobody knows that they get sidecars, where the labels of their described namespace do not ask for them
/// (`semantics.md` §2.1).
fn unlabelled<'n>(cluster: &Cluster, mut namespaces: impl Iterator<Item = &'n Symbol>) -> Option<Status> {
    let asks_for_nothing = |name: &Symbol| cluster.namespace_labels(name).is_some_and(|labels| namespace_plane(labels).is_none());
    namespaces.any(asks_for_nothing).then_some(Status::Open)
}

/// What a proxy is that listens where it is told to and captures nothing, if it is none beside an application (`semantics.md` §2.1, §5.5).
const fn captures_nothing(role: ProxyRole) -> Option<&'static str> {
    match role {
        ProxyRole::Sidecar => None,
        ProxyRole::Gateway => Some("is a gateway, which captures nothing"),
        ProxyRole::Waypoint => Some("is a waypoint, which captures nothing"),
        ProxyRole::Unknown => Some("has a proxy of templates that are not known, which may be a gateway's"),
    }
}

/// Whether a pod is declared to have no sidecar.
fn is_unmeshed(policy: &Policy, pod: &Pod) -> bool {
    policy.workloads_in(&pod.namespace).iter().any(|workload| workload.plane.is_some() && workload.labels.contains(&pod.labels))
}

/// What a pod is that should have a sidecar, if it has none.
fn without_sidecar(pod: &Pod) -> Option<String> {
    match pod.plane {
        DataPlane::Sidecar => None,
        DataPlane::None => Some("has no sidecar".to_owned()),
        DataPlane::Ambient => Some("is in the mesh by ztunnel (ambient) and has no sidecar".to_owned()),
    }
}

fn outside_mesh(cluster: &Cluster, namespaces: &[Symbol], cubes: &[PodCube]) -> Status {
    let concerned = pods(cluster)
        .filter(|(_, pod)| namespaces.contains(&pod.namespace) || cubes.iter().any(|cube| cube.contains(pod)))
        .collect::<Vec<_>>();
    let forced = namespaces.iter().chain(concerned.iter().map(|(_, pod)| &pod.namespace)).find_map(|namespace| {
        let rule = cluster.client_tls(namespace).into_iter().find(|rule| rule.asks_for_mutual)?;
        Some(Status::Broken(format!("{} asks for the mesh's mTLS", named(&rule.document))))
    });
    let is_outside = |plane| plane == DataPlane::None;
    let turned = || namespaces.iter().find_map(|namespace| turned_by_labels(cluster, namespace, is_outside));
    let by_pods = over(concerned.into_iter(), |_, pod| match pod.plane {
        DataPlane::None => None,
        DataPlane::Sidecar => Some("has a sidecar".to_owned()),
        DataPlane::Ambient => Some("is in the mesh by ztunnel (ambient)".to_owned()),
    });
    forced.unwrap_or_else(|| by_pods.unless(turned))
}

/// Pods that are not managed and may call over mTLS by some rule.
fn meshed_callers(policy: &Policy, cluster: &Cluster) -> Status {
    let is_managed = |pod: &Pod| policy.namespace(&pod.namespace).is_some_and(Namespace::is_managed);
    let may_call = |rule: &Rule, workload: &Workload| {
        rule.action == Action::Allow && rule.mtls.is_some() && rule.source.matches(&workload.endpoint.peer)
    };
    let is_sidecar = |plane| plane == DataPlane::Sidecar;
    let calls = |rule: &Rule, labels: &Labels| rule.action == Action::Allow && rule.mtls.is_some() && holds(&rule.source, labels);
    let mut calling = others(policy, cluster).filter(|(_, labels)| policy.rules.iter().any(|rule| calls(rule, labels)));
    let turned = || calling.find_map(|(namespace, _)| turned_by_labels(cluster, &namespace, is_sidecar));
    let concerned = pods(cluster).filter(|(workload, pod)| !is_managed(pod) && policy.rules.iter().any(|rule| may_call(rule, workload)));
    let concerned: Vec<_> = concerned.collect();
    let homes = concerned.iter().map(|(_, pod)| &pod.namespace);
    over(concerned.iter().copied(), |_, pod| without_sidecar(pod)).unless(turned).unless(|| unlabelled(cluster, homes))
}

/// The namespaces that the manifests describe and nobody here manages, with their labels.
fn others<'c>(policy: &Policy, cluster: &'c Cluster) -> impl Iterator<Item = (Symbol, &'c Labels)> {
    let is_managed = |name: &Symbol| policy.namespace(name).is_some_and(Namespace::is_managed);
    let names = cluster.namespaces().into_iter().filter(move |name| !is_managed(name));
    names.filter_map(|name| cluster.namespace_labels(&name).map(|labels| (name, labels)))
}

/// Whether pods of a namespace with these labels may be among an end's.
fn holds(end: &End, labels: &Labels) -> bool {
    end.peers().pods.cubes().iter().any(|cube| cube.namespace.contains(labels))
}

/// Pods that are not managed: those of which something is said, and those that rules speak of, which are in no ambient mode otherwise.
fn others_planes(policy: &Policy, cluster: &Cluster) -> Status {
    let said = |pod: &Pod| policy.namespace(&pod.namespace).and_then(|namespace| namespace.plane);
    let is_managed = |pod: &Pod| policy.namespace(&pod.namespace).is_some_and(Namespace::is_managed);
    let names = |rule: &Rule, peer: &Peer| rule.source.matches(peer) || rule.targets.iter().any(|target| target.end.matches(peer));
    let is_named = |workload: &Workload| policy.rules.iter().any(|rule| names(rule, &workload.endpoint.peer));
    let concerned = pods(cluster).filter(|(workload, pod)| !is_managed(pod) && (said(pod).is_some() || is_named(workload)));
    let by_default = policy.config.mesh.mode;
    let speaks = |rule: &Rule, labels: &Labels| holds(&rule.source, labels) || rule.targets.iter().any(|target| holds(&target.end, labels));
    let turned = |(namespace, labels): (Symbol, &Labels)| match policy.namespace(&namespace).and_then(|found| found.plane) {
        Some(plane) => turned_by_labels(cluster, &namespace, |found| found == plane),
        None if !policy.rules.iter().any(|rule| speaks(rule, labels)) => None,
        None => turned_by_labels(cluster, &namespace, |found| (found == DataPlane::Ambient) == (by_default == DataPlane::Ambient)),
    };
    let by_pods = over(concerned, |workload, pod| {
        let differs = match said(pod) {
            Some(plane) => plane != pod.plane || plane == DataPlane::Sidecar && !workload.endpoint.facts.uncaptured.is_empty(),
            None => (pod.plane == DataPlane::Ambient) != (by_default == DataPlane::Ambient),
        };
        differs.then(|| match pod.plane {
            DataPlane::Ambient => "is in the mesh by ztunnel (ambient), and sidecars speak with it on another port".to_owned(),
            DataPlane::Sidecar => "has a sidecar, or keeps ports from it".to_owned(),
            DataPlane::None => "is not in the mesh".to_owned(),
        })
    });
    by_pods.unless(|| others(policy, cluster).find_map(turned))
}

/// The `DestinationRule`s of the manifests are all that there are.
fn client_tls(cluster: &Cluster, namespaces: &[Symbol]) -> Status {
    let rule = namespaces.iter().find_map(|namespace| cluster.client_tls(namespace).into_iter().find(|rule| rule.asks_for_other));
    rule.map_or(Status::Holds, |rule| Status::Broken(format!("{} asks for something else than the mesh's mTLS", named(&rule.document))))
}

/// Holds if some policy verifies its tokens so, and none otherwise; who else signs nobody sees.
fn keys(policy: &Policy, cluster: &Cluster, issuer: &Symbol) -> Status {
    if let Some(wrong) = misverified(policy, cluster).into_iter().find(|wrong| wrong.found.issuer == *issuer) {
        return Status::Broken(wrong.words());
    }
    if cluster.verifications().iter().any(|found| found.issuer == *issuer) { Status::Holds } else { Status::Open }
}

fn named(document: &Document) -> String {
    format!("{} {}/{}", document.kind, document.namespace, document.name)
}

fn pod_network(cluster: &Cluster, namespaces: &[Symbol]) -> Status {
    let concerned = pods(cluster).filter(|(_, pod)| namespaces.contains(&pod.namespace));
    over(concerned, |workload, _| {
        let network = workload.endpoint.facts.network;
        (network == Network::Host).then(|| "uses the network of its node: policies do not reach it".to_owned())
    })
}

fn no_gateways(policy: &Policy, cluster: &Cluster, namespaces: &[Symbol]) -> Status {
    let concerned = pods(cluster).filter(|(_, pod)| namespaces.contains(&pod.namespace));
    let is_one = |workload: &Workload| is_chosen_besides(policy, cluster, workload);
    over(concerned, |workload, _| is_one(workload).then(|| "may be a gateway, by its labels".to_owned()))
}

/// Pods on the network of their node have its address, which is no pod's. Blocks of the manifests are judged for what they are where the
/// addresses of pods are configured; where they are not, they are taken to hold none.
fn addresses(policy: &Policy, cluster: &Cluster, configured: &AddressSet) -> Status {
    let mut written: Vec<AddressSet> = policy.rules.iter().flat_map(written).collect();
    if configured.is_empty() {
        written.extend(cluster.blocks().cloned());
    }
    let is_written = |address: IpAddr| written.iter().any(|block| block.contains(address));
    let concerned = pods(cluster).filter(|(workload, _)| {
        let facts = &workload.endpoint.facts;
        facts.network != Network::Host && !facts.addresses.is_empty()
    });
    over(concerned, |workload, _| {
        let outside = |address: &&IpAddr| !configured.is_empty() && !configured.contains(**address);
        let addresses = &workload.endpoint.facts.addresses;
        let found = addresses.iter().find(|address| outside(address) || is_written(**address))?;
        Some(format!("has the address `{found}`"))
    })
}

/// The address blocks of a rule. An end that is every pod too means a pod whether or not a block holds its address.
fn written(rule: &Rule) -> Vec<AddressSet> {
    let ends = rule.ends();
    let blocks = |peers: Peers| (!peers.pods.cubes().contains(&PodCube::all())).then_some(peers.addresses);
    ends.filter_map(|end| blocks(end.peers())).filter(|addresses| !addresses.is_empty()).collect()
}
