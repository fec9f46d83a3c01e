//! Who stands at an end of whom little is known, as far as it can be made out.
//!
//! Owns: how somebody is made of a workload, of a set of pods that nobody describes, and of an address, with what people call it. It must not
//! look for anybody among those who are known, nor judge a connection.

use std::net::IpAddr;

use super::Known;
use crate::cluster::{self, Cluster, Endpoint, Facts, NamedPort, NamespaceLabels};
use crate::compile::AskedLabels;
use crate::explain::setting::Judge;
use crate::flow::{AddressSet, DataPlane, LabelCube, Labels, NAMESPACE_NAME, Peer, Pod, PodCube, PodSet, Prefix, Symbol, Values};
use crate::inventory::namespace_plane;
use crate::ir::{Policy, Workload};
use crate::verify::shown_plane;

/// By what somebody is made out whom nobody describes.
#[derive(Debug, Clone, Copy)]
pub(in crate::explain) struct Ground<'s> {
    /// The intents.
    pub(in crate::explain) policy: &'s Policy,
    /// What decides.
    pub(in crate::explain) cluster: &'s Cluster,
    /// Whose word decides.
    pub(in crate::explain) judge: Judge,
}

/// The plainest pod of a set, by the labels that the set asks for; none if the set holds no such pod.
pub(in crate::explain) fn plainest(set: &PodSet, ground: Ground<'_>) -> Option<Known> {
    let cube = set.cubes().first()?;
    let mut known = generic(cube, ground);
    let pod = known.pod().filter(|pod| set.contains(pod))?;
    possible(cube, ground)?;
    let mut text = by_labels(cube, pod).unwrap_or_else(|| text(&known.endpoint.peer, ground.policy));
    let was_known = known.endpoint.facts.namespace == NamespaceLabels::Known;
    tell_namespace(&mut known, set);
    if known.endpoint.facts.namespace == NamespaceLabels::Known && !was_known {
        // Whoever asks again has to say the same of the namespace, of which nobody else says anything.
        text = cube.to_string();
    }
    known.set = Some(text.clone());
    Some(Known { text, ..known })
}

/// Takes the labels that a set asks for of namespaces, or says that they lack, for those of the one in which somebody of it is, where nobody
/// describes that: as the labels of its pods are taken for theirs.
pub(in crate::explain) fn tell_namespace(known: &mut Known, set: &PodSet) {
    let says = |values: &Values| !values.allows_absent() || *values == Values::absent();
    let asks = |cube: &PodCube| cube.namespace.iter().any(|(key, values)| **key != *NAMESPACE_NAME && says(values));
    if !set.cubes().is_empty() && set.cubes().iter().all(asks) {
        known.endpoint.facts.namespace = NamespaceLabels::Known;
    }
}

/// A pod by the labels that a cube asks for; none if it asks for none, or for more than one value of some.
pub(super) fn by_labels(cube: &PodCube, pod: &Pod) -> Option<String> {
    let pairs = cube.labels.equalities().filter(|pairs| !pairs.is_empty())?;
    Some(format!("{}@{}", joined(pairs.iter().map(|(key, value)| (key, value))), pod.namespace))
}

/// A pod of a set with the labels of its namespace, as a flow has them: `app=web@[kubernetes.io/metadata.name=shop,team=x]`. None where they
/// are not taken for known by what the set says, or are those of the plainest pod of the set, `usual`, if that is of the same namespace.
pub(in crate::explain) fn with_namespace_labels(known: &Known, usual: Option<&Pod>, ground: Ground<'_>) -> Option<String> {
    let pod = known.pod()?;
    let usual = usual.filter(|usual| usual.namespace == pod.namespace && usual.namespace_labels != pod.namespace_labels);
    let is_taken = known.endpoint.facts.namespace == NamespaceLabels::Known && !is_described(&pod.namespace, ground.policy, ground.cluster);
    let (labels, _) = known.text.rsplit_once('@').filter(|_| is_taken && usual.is_some())?;
    let others = pod.namespace_labels.iter().filter(|(key, _)| ***key != *NAMESPACE_NAME);
    let own = Symbol::from(NAMESPACE_NAME);
    Some(format!("{labels}@[{}]", joined(std::iter::once((&own, &pod.namespace)).chain(others))))
}

/// A workload of the manifests.
pub(super) fn running(workload: &cluster::Workload, policy: &Policy) -> Known {
    let endpoint = workload.endpoint.clone();
    let namespace = match &endpoint.peer {
        Peer::Pod(pod) => pod.namespace.clone(),
        Peer::Address(_) => "".into(),
    };
    let named = |kind: &Symbol, name: &Symbol| format!("{kind} {namespace}/{name}");
    let name = Some(named(&workload.kind, &workload.name));
    let aliases = workload.aliases.iter().map(|(kind, name)| named(kind, name)).collect();
    let makers = workload.makers.iter().map(|(kind, name)| named(kind, name)).collect();
    let text = text(&endpoint.peer, policy);
    Known { name, aliases, makers, ..Known::nameless(endpoint, text, workload.name.to_string()) }
}

/// A declared workload that no manifest holds: a pod with just the labels that it needs.
pub(super) fn declared(workload: &Workload, ground: Ground<'_>) -> Known {
    let policy = ground.policy;
    let mut endpoint = generic(&workload.cube(), ground).endpoint;
    let named = workload.ports.iter().map(|port| NamedPort { name: port.name.clone(), protocol: port.protocol, number: port.number });
    if !workload.ports.is_empty() {
        endpoint.facts.ports = Some(named.collect());
    }
    let text = text(&endpoint.peer, policy);
    let name = format!("workload {}@{}", workload.name, workload.namespace);
    Known { name: Some(name), ..Known::nameless(endpoint, text, workload.name.to_string()) }
}

/// A pod that a cube stands for: with as few labels as will do, and the facts of the declared workload that it belongs to.
fn generic(cube: &PodCube, ground: Ground<'_>) -> Known {
    let Ground { policy, cluster, .. } = ground;
    let namespace = sample(cube.names()).unwrap_or_else(|| "default".into());
    let labels = labels(&cube.labels);
    let mut namespace_labels = namespace_labels(&namespace, policy, cluster);
    if namespace_facts(&namespace, policy, cluster) == NamespaceLabels::NameOnly {
        for (key, value) in self::labels(&cube.namespace) {
            namespace_labels.entry(key).or_insert(value);
        }
    }
    let mut pod = Pod { namespace, namespace_labels, labels, account: "default".into(), plane: DataPlane::None };
    let facts = policy.workloads_in(&pod.namespace).iter().find(|workload| workload.cube().contains(&pod));
    pod.plane = plane(&pod, facts, ground);
    if let Some(account) = sample(&cube.account).filter(|_| !cube.account.is_any()).or_else(|| facts?.account.clone()) {
        pod.account = account;
    }
    undescribed(pod, policy, cluster)
}

/// A pod of a cube that can exist; none if none can: pods of a declared workload run as its account.
pub(in crate::explain) fn possible(cube: &PodCube, ground: Ground<'_>) -> Option<Pod> {
    let known = generic(cube, ground);
    let pod = known.pod().filter(|pod| cube.contains(pod))?;
    let declared = ground.policy.workloads_in(&pod.namespace).iter().filter(|workload| workload.cube().contains(pod));
    let runs_so = |workload: &Workload| workload.account.as_ref().is_none_or(|account| *account == pod.account);
    declared.into_iter().all(runs_so).then(|| pod.clone())
}

/// A pod that nobody described, by all that tells it.
pub(in crate::explain) fn undescribed(pod: Pod, policy: &Policy, cluster: &Cluster) -> Known {
    let facts = policy.workloads_in(&pod.namespace).iter().find(|workload| workload.cube().contains(&pod));
    let short = facts.map_or_else(|| shortened(&pod), |workload| workload.name.to_string());
    let namespace = namespace_facts(&pod.namespace, policy, cluster);
    let labels = if pod.labels.is_empty() { "*".to_owned() } else { joined(&pod.labels) };
    let text = format!("{labels}@{}", pod.namespace);
    let endpoint = Endpoint { peer: Peer::Pod(pod), facts: Facts { namespace, ..Facts::default() } };
    Known::nameless(endpoint, text, short)
}

/// What is known of the labels of a namespace.
fn namespace_facts(namespace: &Symbol, policy: &Policy, cluster: &Cluster) -> NamespaceLabels {
    if is_described(namespace, policy, cluster) { NamespaceLabels::Known } else { NamespaceLabels::NameOnly }
}

/// Whether intents or manifests say which labels a namespace has.
pub(super) fn is_described(namespace: &Symbol, policy: &Policy, cluster: &Cluster) -> bool {
    let is_said = policy.namespace(namespace).is_some_and(|known| known.is_managed() || AskedLabels::of(policy).are_said_of(known));
    is_said || cluster.namespace_labels(namespace).is_some()
}

/// How a pod that no manifest holds takes part in the mesh: as intents declare it of its workload or its own labels tell, else as the labels
/// of its namespace have it in manifests that are judged, else as intents declare it of that.
pub(super) fn plane(pod: &Pod, workload: Option<&Workload>, ground: Ground<'_>) -> DataPlane {
    if let Some(stated) = workload.and_then(|workload| workload.plane) {
        return stated;
    }
    let declared = ground.policy.namespace(&pod.namespace).and_then(|namespace| namespace.plane);
    let said = ground.shown_plane(&pod.namespace).or(declared);
    let unsaid = ground.cluster.unsaid_plane(&pod.namespace);
    let own = ground.own_plane(pod, said.unwrap_or(unsaid));
    own.or(said).or_else(|| namespace_plane(&pod.namespace_labels)).unwrap_or(unsaid)
}

impl Ground<'_> {
    /// How a pod takes part in the mesh by its own labels, as far as they are heard; `usual` is how others of its namespace do where that
    /// has no label which says it.
    ///
    /// Where intents are judged by themselves, pods take part as these declare it: so their proof takes it for granted.
    fn own_plane(&self, pod: &Pod, usual: DataPlane) -> Option<DataPlane> {
        match self.judge {
            Judge::Compiled => self.cluster.plane_of_made(pod),
            Judge::Given => self.cluster.plane_by_labels(pod, usual),
        }
    }

    /// How the pods of a namespace take part in the mesh by its labels in the manifests, where these are judged, or as it has none that take
    /// them in beside namespaces that have: what intents declare of them changes nothing there.
    fn shown_plane(&self, namespace: &str) -> Option<DataPlane> {
        match self.judge {
            Judge::Compiled => None,
            Judge::Given => shown_plane(self.cluster, namespace),
        }
    }

    /// Whether the labels of a pod tell how it takes part in the mesh.
    pub(in crate::explain) fn is_told_by_labels(&self, pod: &Pod) -> bool {
        self.own_plane(pod, DataPlane::None).is_some()
    }
}

/// The labels of a namespace: those of the intents where they manage it, else those of the manifests.
pub(in crate::explain) fn namespace_labels(namespace: &Symbol, policy: &Policy, cluster: &Cluster) -> Labels {
    if let Some(labels) = cluster.namespace_labels(namespace) {
        return labels.clone();
    }
    let name_alone = || Labels::from([(NAMESPACE_NAME.into(), namespace.clone())]);
    policy.namespace(namespace).map_or_else(name_alone, |known| known.labels.clone())
}

/// An assignment that passes the tests, with as few labels as will do.
fn labels(cube: &LabelCube) -> Labels {
    cube.iter().filter(|(_, values)| !values.allows_absent()).filter_map(|(key, values)| Some((key.clone(), sample(values)?))).collect()
}

/// A word of a set; none if it holds none.
fn sample(values: &Values) -> Option<Symbol> {
    if let Some(words) = values.finite() {
        return words.first().cloned();
    }
    let free = |number: usize| Symbol::from(if number == 0 { "some".to_owned() } else { format!("some-{number}") });
    (0..=values.words().len()).map(free).find(|word| values.contains(Some(word)))
}

/// An address as one end.
pub(in crate::explain) fn address(address: IpAddr) -> Known {
    let text = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
    let endpoint = Endpoint { peer: Peer::Address(address), facts: Facts::default() };
    Known { range: AddressSet::from(Prefix::host(address)), ..Known::nameless(endpoint, text.clone(), text) }
}

/// Addresses as one end, by the one that stands best for them; none if there are none.
pub(in crate::explain) fn addresses(range: &AddressSet) -> Option<Known> {
    usual_address(range).map(|address| Known { range: range.clone(), ..self::address(address) })
}

/// The address that best stands for a set: a usual public one if it is in it, else the first.
fn usual_address(addresses: &AddressSet) -> Option<IpAddr> {
    let usual = [IpAddr::from([198, 51, 100, 7]), IpAddr::from([9, 9, 9, 9])];
    usual.into_iter().find(|address| addresses.contains(*address)).or_else(|| addresses.first())
}

/// The labels by which people know pods, best first.
const TELLING: [&str; 5] = ["app", "app.kubernetes.io/name", "k8s-app", "name", "app.kubernetes.io/component"];

/// As a flow names a peer: by the labels of its declared workload, else by the one label that tells most.
fn text(peer: &Peer, policy: &Policy) -> String {
    let pod = match peer {
        Peer::Address(address) => return self::address(*address).text,
        Peer::Pod(pod) => pod,
    };
    let own = policy.workloads_in(&pod.namespace).iter().find(|workload| workload.cube().contains(pod));
    if let Some(pairs) = own.and_then(|workload| workload.labels.equalities()).filter(|pairs| !pairs.is_empty()) {
        return format!("{}@{}", joined(pairs.iter().map(|(key, value)| (key, value))), pod.namespace);
    }
    match telling(pod) {
        Some(pair) => format!("{}@{}", joined([pair]), pod.namespace),
        None if pod.labels.is_empty() => format!("*@{}", pod.namespace),
        None => format!("{}@{}", joined(&pod.labels), pod.namespace),
    }
}

fn telling(pod: &Pod) -> Option<(&Symbol, &Symbol)> {
    TELLING.iter().find_map(|key| pod.labels.get_key_value(*key))
}

fn joined<'a>(pairs: impl IntoIterator<Item = (&'a Symbol, &'a Symbol)>) -> String {
    pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// A pod that nothing names, in a word.
fn shortened(pod: &Pod) -> String {
    telling(pod).map_or_else(|| format!("the pod of {}", pod.namespace), |(_, value)| value.to_string())
}
