//! The pods that are known, and those that a set stands for where none is.
//!
//! Owns: `World`, `Known`, and what people call a pod. It must not judge a connection.

mod singles;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;

use crate::cluster::{self, Cluster, Endpoint, Facts, NamedPort, NamespaceLabels};
use crate::compile::{AskedLabels, Believed};
use crate::flow::{AddressSet, DataPlane, LabelCube, Labels, NAMESPACE_NAME, Peer, Pod, PodCube, PodSet, Prefix, Symbol, Values};
use crate::inventory::{Inventory, WorkloadKind, namespace_plane};
use crate::ir::{Policy, Workload};

use super::addressed::{Addressed, OnePod};
use super::possible::alternatives;
use super::question::{Object, Scope, Side};
use super::setting::Judge;

/// Somebody who can stand at an end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// The peer, with what else is known of it.
    pub(super) endpoint: Endpoint,
    /// What it is: `Deployment shop/web`, `workload web`, or nothing where nobody described it.
    pub(super) name: Option<String>,
    /// What it is called besides, in the same way.
    pub(super) aliases: Vec<String>,
    /// What made its pods, or some of them.
    pub(super) makers: Vec<String>,
    /// As a flow names it: `app=web@shop`.
    pub(super) text: String,
    /// In a word or two: `web`.
    pub(super) short: String,
    /// The addresses that it stands for; none for a pod.
    pub(super) range: AddressSet,
    /// The set that it is one pod of, as a flow names it; none for who is known, and for addresses.
    pub(super) set: Option<String>,
    /// The labels that its pods are taken to have, though nobody shows it, as `key=value`.
    pub(super) taken: Vec<String>,
}

/// By what somebody is made out whom nobody describes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'s> {
    /// The intents.
    pub(super) policy: &'s Policy,
    /// What decides.
    pub(super) cluster: &'s Cluster,
    /// Whose word decides.
    pub(super) judge: Judge,
}

/// Who may stand at an end.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// Those who are known, and addresses.
    pub(super) known: Vec<Known>,
    /// Sets of pods none of which is known.
    pub(super) sets: Vec<PodSet>,
}

impl Known {
    /// The pod; none if it is an address.
    pub(super) const fn pod(&self) -> Option<&Pod> {
        match &self.endpoint.peer {
            Peer::Pod(pod) => Some(pod),
            Peer::Address(_) => None,
        }
    }

    /// The address; none if it is a pod.
    pub(super) const fn address(&self) -> Option<IpAddr> {
        match &self.endpoint.peer {
            Peer::Pod(_) => None,
            Peer::Address(address) => Some(*address),
        }
    }

    /// The pods of its namespace that carry the labels by which it is named; none if it is an address.
    pub(super) fn named(&self) -> Option<PodCube> {
        let pod = self.pod()?;
        let (labels, _) = self.text.rsplit_once('@').unwrap_or((&self.text, ""));
        let own = labels.split(',').filter_map(|pair| pod.labels.get_key_value(pair.split_once('=')?.0));
        let whole = PodCube::in_namespace(&pod.namespace);
        Some(own.fold(whole, |cube, (key, value)| cube.labelled(key.clone(), Values::one(value.clone()))))
    }
}

/// Everybody who is known.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    /// The pods, one of each workload.
    pub(super) pods: Vec<Known>,
    /// The pods that have ended: nobody is one of them but who is asked by name.
    ended: Vec<Known>,
    /// The workloads of which nothing is known but what the program declares, whatever account they run as: beside them there may be others.
    declared: Vec<PodCube>,
    /// Whose addresses are known.
    addressed: Addressed,
    /// The addresses of pods and Services, where intents are judged by themselves: nobody else has these (design §5).
    taken: AddressSet,
}

impl World {
    /// The workloads of the manifests; where intents are judged by themselves, the declared ones that no manifest holds too.
    pub(super) fn of(cluster: &Cluster, policy: &Policy, (inventory, objects): (&Inventory, &[Value]), judge: Judge) -> Self {
        let mut pods: Vec<Known> = cluster.workloads().iter().map(|workload| running(workload, policy)).collect();
        let mut ended: Vec<Known> = cluster.ended_pods().iter().map(|pod| running(pod, policy)).collect();
        let addressed = Addressed::of(inventory, objects);
        if judge == Judge::Given {
            tell_apart(&mut pods);
            return Self { pods, ended, addressed, ..Self::default() };
        }
        let believed = Believed::new(policy, inventory);
        for known in pods.iter_mut().chain(&mut ended) {
            known.endpoint = believed.pod(known.endpoint.clone(), known.name.as_deref().unwrap_or_default());
        }
        let (listed, mut stated) = (pods.len(), Vec::new());
        for workload in &policy.workloads {
            let cube = workload.cube();
            let runs = |known: &Known| matches!(&known.endpoint.peer, Peer::Pod(pod) if cube.contains(pod));
            if !pods.iter().take(listed).any(runs) {
                pods.push(declared(workload, Ground { policy, cluster, judge }));
                stated.push(PodCube { account: Values::any(), ..cube });
            }
        }
        tell_apart(&mut pods);
        let taken = policy.config.cluster.pods.union(&policy.config.cluster.services);
        Self { pods, ended, addressed, declared: stated, taken }
    }

    /// Somebody as this world knows them: by name, else by the same labels.
    pub(super) fn again(&self, known: &Known, ground: Ground<'_>) -> Known {
        let Ground { policy, cluster, .. } = ground;
        if let Some(own) = self.pods.iter().chain(&self.ended).find(|own| known.name.is_some() && own.name == known.name) {
            return as_one_pod(own.clone(), known);
        }
        let Peer::Pod(pod) = &known.endpoint.peer else { return known.clone() };
        let mut again = known.clone();
        let declared = policy.workloads_in(&pod.namespace).iter().find(|workload| workload.labels.contains(&pod.labels));
        if let Peer::Pod(own) = &mut again.endpoint.peer {
            own.namespace_labels = namespace_labels(&pod.namespace, policy, cluster);
            own.plane = plane(own, declared, ground);
            if let Some(account) = declared.and_then(|workload| workload.account.clone()) {
                own.account = account;
            }
        }
        again
    }

    /// The part of a set in which no pod is known: nothing where pods run in it, and beside declared workloads all others.
    fn unknown_in(&self, set: PodSet) -> PodSet {
        let is_declared = |pod: &Pod| self.declared.iter().any(|cube| cube.contains(pod));
        let mut inside = self.pods.iter().filter_map(Known::pod).filter(|pod| set.contains(pod)).peekable();
        if inside.peek().is_none() {
            return set;
        }
        if !inside.all(is_declared) {
            return PodSet::none();
        }
        self.declared.iter().fold(set, |rest, cube| rest.subtract(&PodSet::from(cube.clone())))
    }

    /// Those who may stand at this end: the known pods in it, its addresses, and the alternatives in which no pod is known to run; of a
    /// single address whoever has it.
    pub(super) fn standing(&self, side: &Side) -> Standing {
        if let Some(object) = &side.object {
            let own = self.addressed.folded(&format!("{}/{}", object.namespace, object.name)).filter(|_| object.kind == WorkloadKind::Pod);
            if let Some(known) = own.and_then(|(pod, addresses)| self.as_it_is(pod, addresses)) {
                return Standing { known: vec![known], sets: Vec::new() };
            }
            let named = |all: &[Known]| all.iter().filter(|known| is_object(known, object)).cloned().collect::<Vec<_>>();
            let known = named(&self.pods);
            let is_there = object.scope == Scope::WithMade || known.iter().any(|known| side.end.matches(&known.endpoint.peer));
            let singles = if is_there { Vec::new() } else { self.singles(&side.end, Some(object)) };
            if !singles.is_empty() {
                return Standing { known: singles, sets: Vec::new() };
            }
            let known = if known.is_empty() { named(&self.ended) } else { known };
            if !known.is_empty() {
                return Standing { known, sets: Vec::new() };
            }
        }
        let mut known: Vec<Known> = self.pods.iter().filter(|known| side.end.matches(&known.endpoint.peer)).cloned().collect();
        let singles = self.singles(&side.end, None);
        let is_of = |set: &PodSet| singles.iter().filter_map(Known::pod).any(|pod| set.contains(pod));
        let alone = alternatives(&side.end).into_iter().filter(|set| !is_of(set));
        let sets = alone.map(|set| self.unknown_in(set)).filter(|set| !set.is_empty()).collect();
        known.extend(singles);
        let peers = side.end.peers();
        match peers.addresses.only() {
            Some(address) => known.extend(self.at(address)),
            None => known.extend(addresses(&peers.addresses.subtract(&self.taken))),
        }
        Standing { known: known.into_iter().map(|known| as_asked(known, side)).collect(), sets }
    }

    /// A pod as it is, at these addresses: what its workload leaves open it says itself.
    fn as_it_is(&self, pod: &OnePod, addresses: &[IpAddr]) -> Option<Known> {
        let mut known = self.pods.iter().find(|known| is_object(known, &pod.object))?.clone();
        let facts = &mut known.endpoint.facts;
        (facts.addresses, facts.node, facts.one_pod) = (addresses.to_vec(), pod.node.clone(), Some(pod.one_pod()));
        if let (Some((labels, open)), Peer::Pod(own)) = (&pod.labels, &mut known.endpoint.peer) {
            own.labels.clone_from(labels);
            facts.open_labels.clone_from(open);
        }
        Some(known)
    }

    /// Who has an address: the pods that are known to, else the node that is, else whoever outside; nobody if only a pod can have it.
    fn at(&self, address: IpAddr) -> Vec<Known> {
        let pods: Vec<Known> = self.addressed.pods_at(address).iter().filter_map(|pod| self.as_it_is(pod, &[address])).collect();
        if !pods.is_empty() || self.taken.contains(address) {
            return pods;
        }
        let mut outside = self::address(address);
        outside.endpoint.facts.node = self.addressed.node_at(address).cloned();
        vec![outside]
    }

    /// The pods on the network of the node that has an address.
    pub(super) fn on_network(&self, address: IpAddr, node: Option<&Symbol>) -> Vec<Known> {
        self.addressed.on_network(address, node).filter_map(|pod| self.as_it_is(pod, &[address])).collect()
    }

    /// Whose addresses are known.
    pub(super) fn addressed(&self) -> &Addressed {
        &self.addressed
    }
}

/// A workload as that one pod of it which was asked about, if one was, or as those pods.
fn as_one_pod(mut own: Known, asked: &Known) -> Known {
    let facts = &asked.endpoint.facts;
    let is_part = facts.one_pod.is_some() || !asked.taken.is_empty();
    let (true, None, Peer::Pod(pod)) = (is_part, &own.endpoint.facts.one_pod, &asked.endpoint.peer) else { return own };
    if let Peer::Pod(known) = &mut own.endpoint.peer {
        known.labels.clone_from(&pod.labels);
    }
    let known = &mut own.endpoint.facts;
    known.one_pod.clone_from(&facts.one_pod);
    known.addresses.clone_from(&facts.addresses);
    known.node.clone_from(&facts.node);
    known.open_labels.clone_from(&facts.open_labels);
    own.taken.clone_from(&asked.taken);
    own
}

/// Gives pods that are called alike one more label, where one tells all of them apart.
fn tell_apart(pods: &mut [Known]) {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, known) in pods.iter().enumerate() {
        groups.entry(known.text.clone()).or_default().push(at);
    }
    for places in groups.into_values().filter(|places| places.len() > 1) {
        let labels: Vec<Labels> = places.iter().filter_map(|at| pod_labels(pods.get(*at)?).cloned()).collect();
        let keys: BTreeSet<&Symbol> = labels.iter().flat_map(Labels::keys).collect();
        let tells = |key: &&Symbol| {
            let values: BTreeSet<&Symbol> = labels.iter().filter_map(|labels| labels.get(*key)).collect();
            values.len() == places.len()
        };
        let Some(key) = keys.into_iter().find(tells) else { continue };
        for at in places {
            let Some(known) = pods.get_mut(at) else { continue };
            let Some(value) = pod_labels(known).and_then(|labels| labels.get(key)).cloned() else { continue };
            let (told, namespace) = known.text.rsplit_once('@').unwrap_or((&known.text, ""));
            let told = if told == "*" { String::new() } else { format!("{told},") };
            known.text = format!("{told}{key}={value}@{namespace}");
        }
    }
}

fn pod_labels(known: &Known) -> Option<&Labels> {
    match &known.endpoint.peer {
        Peer::Pod(pod) => Some(&pod.labels),
        Peer::Address(_) => None,
    }
}

/// As the question has it: by the labels that it asks for, if it asks for any.
fn as_asked(mut known: Known, side: &Side) -> Known {
    let peers = side.end.peers();
    let ([cube], None) = (peers.pods.cubes(), &side.object) else { return known };
    if let Some(text) = known.pod().and_then(|pod| by_labels(cube, pod)) {
        known.text = text;
    }
    known
}

/// A pod by the labels that a cube asks for; none if it asks for none, or for more than one value of some.
fn by_labels(cube: &PodCube, pod: &Pod) -> Option<String> {
    let pairs = cube.labels.equalities().filter(|pairs| !pairs.is_empty())?;
    Some(format!("{}@{}", joined(pairs.iter().map(|(key, value)| (key, value))), pod.namespace))
}

/// The plainest pod of a set, by the labels that the set asks for; none if the set holds no such pod.
pub(super) fn plainest(set: &PodSet, ground: Ground<'_>) -> Option<Known> {
    let cube = set.cubes().first()?;
    let mut known = generic(cube, ground);
    let pod = known.pod().filter(|pod| set.contains(pod))?;
    possible(cube, ground)?;
    let text = by_labels(cube, pod).unwrap_or_else(|| text(&known.endpoint.peer, ground.policy));
    known.set = Some(text.clone());
    Some(Known { text, ..known })
}

/// A workload of the manifests.
fn running(workload: &cluster::Workload, policy: &Policy) -> Known {
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
    Known {
        endpoint,
        name,
        aliases,
        makers,
        text,
        short: workload.name.to_string(),
        range: AddressSet::none(),
        set: None,
        taken: Vec::new(),
    }
}

fn is_object(known: &Known, object: &Object) -> bool {
    let name = format!("{} {}/{}", object.kind.name(), object.namespace, object.name);
    let is_made = object.scope == Scope::WithMade && known.makers.contains(&name);
    is_made || known.name.as_ref() == Some(&name) || known.aliases.contains(&name)
}

/// A declared workload that no manifest holds: a pod with just the labels that it needs.
fn declared(workload: &Workload, ground: Ground<'_>) -> Known {
    let policy = ground.policy;
    let mut endpoint = generic(&workload.cube(), ground).endpoint;
    let named = workload.ports.iter().map(|port| NamedPort { name: port.name.clone(), protocol: port.protocol, number: port.number });
    if !workload.ports.is_empty() {
        endpoint.facts.ports = Some(named.collect());
    }
    let text = text(&endpoint.peer, policy);
    let name = format!("workload {}@{}", workload.name, workload.namespace);
    Known {
        endpoint,
        name: Some(name),
        aliases: Vec::new(),
        makers: Vec::new(),
        text,
        short: workload.name.to_string(),
        range: AddressSet::none(),
        set: None,
        taken: Vec::new(),
    }
}

/// A pod that a cube stands for: with as few labels as will do, and the facts of the declared workload that it belongs to.
pub(super) fn generic(cube: &PodCube, ground: Ground<'_>) -> Known {
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
pub(super) fn possible(cube: &PodCube, ground: Ground<'_>) -> Option<Pod> {
    let known = generic(cube, ground);
    let pod = known.pod().filter(|pod| cube.contains(pod))?;
    let declared = ground.policy.workloads_in(&pod.namespace).iter().filter(|workload| workload.cube().contains(pod));
    let runs_so = |workload: &Workload| workload.account.as_ref().is_none_or(|account| *account == pod.account);
    declared.into_iter().all(runs_so).then(|| pod.clone())
}

/// A pod that nobody described, by all that tells it.
pub(super) fn undescribed(pod: Pod, policy: &Policy, cluster: &Cluster) -> Known {
    let facts = policy.workloads_in(&pod.namespace).iter().find(|workload| workload.cube().contains(&pod));
    let short = facts.map_or_else(|| shortened(&pod), |workload| workload.name.to_string());
    let namespace = namespace_facts(&pod.namespace, policy, cluster);
    let labels = if pod.labels.is_empty() { "*".to_owned() } else { joined(&pod.labels) };
    let text = format!("{labels}@{}", pod.namespace);
    let endpoint = Endpoint { peer: Peer::Pod(pod), facts: Facts { namespace, ..Facts::default() } };
    Known {
        text,
        short,
        name: None,
        aliases: Vec::new(),
        makers: Vec::new(),
        range: AddressSet::none(),
        set: None,
        taken: Vec::new(),
        endpoint,
    }
}

/// What is known of the labels of a namespace.
fn namespace_facts(namespace: &Symbol, policy: &Policy, cluster: &Cluster) -> NamespaceLabels {
    let described = policy.namespace(namespace).is_some_and(|known| known.is_managed() || AskedLabels::of(policy).are_said_of(known));
    let known = described || cluster.namespace_labels(namespace).is_some();
    if known { NamespaceLabels::Known } else { NamespaceLabels::NameOnly }
}

/// How a pod that no manifest holds takes part in the mesh: as intents declare it or its own labels tell, else as the labels of its
/// namespace have it.
fn plane(pod: &Pod, workload: Option<&Workload>, ground: Ground<'_>) -> DataPlane {
    if let Some(stated) = workload.and_then(|workload| workload.plane) {
        return stated;
    }
    let declared = ground.policy.namespace(&pod.namespace).and_then(|namespace| namespace.plane);
    let unsaid = ground.cluster.unsaid_plane(&pod.namespace);
    let own = ground.own_plane(pod, declared.unwrap_or(unsaid));
    own.or(declared).or_else(|| namespace_plane(&pod.namespace_labels)).unwrap_or(unsaid)
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

    /// Whether the labels of a pod tell how it takes part in the mesh.
    pub(super) fn is_told_by_labels(&self, pod: &Pod) -> bool {
        self.own_plane(pod, DataPlane::None).is_some()
    }
}

/// The labels of a namespace: those of the intents where they manage it, else those of the manifests.
pub(super) fn namespace_labels(namespace: &Symbol, policy: &Policy, cluster: &Cluster) -> Labels {
    if let Some(labels) = cluster.namespace_labels(namespace) {
        return labels.clone();
    }
    let name_alone = || Labels::from([(NAMESPACE_NAME.into(), namespace.clone())]);
    policy.namespace(namespace).map_or_else(name_alone, |known| known.labels.clone())
}

/// An assignment that passes the tests, with as few labels as will do.
pub(super) fn labels(cube: &LabelCube) -> Labels {
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
pub(super) fn address(address: IpAddr) -> Known {
    let text = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
    Known {
        endpoint: Endpoint { peer: Peer::Address(address), facts: Facts::default() },
        name: None,
        aliases: Vec::new(),
        makers: Vec::new(),
        short: text.clone(),
        text,
        range: AddressSet::from(Prefix::host(address)),
        set: None,
        taken: Vec::new(),
    }
}

/// Addresses as one end, by the one that stands best for them; none if there are none.
pub(super) fn addresses(range: &AddressSet) -> Option<Known> {
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
