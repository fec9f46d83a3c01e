//! What runs in a cluster, read from manifests: namespaces, workloads with their labels and accounts, Services.
//!
//! Owns: the facts, and the reading of what `kubectl get -o yaml`, `kustomize build` and `helm template` print. Facts only: it
//! judges no policy and no intent. What it cannot read it reports; kinds that are no facts for it are passed over.

mod capture;
mod containers;
mod copies;
mod disputed;
mod injection;
mod joining;
mod makers;
mod mesh_config;
mod object;
mod ownership;
mod pod;
mod service;
mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::diagnostic::{Code, Diagnostic, code};
use crate::flow::{DataPlane, LabelCube, Labels, Protocol, Symbol, Values};
use crate::manifest::{Document, MAX_FILE, Reading, Whereabouts, documents};
use crate::source::{FileId, Location, Source, Span};

pub use capture::{Captured, InboundCapture, OutboundCapture};
pub use disputed::Disputed;
pub use makers::Maker;
pub use ownership::{FoldedPod, FoldedSet};
pub use service::{ExternalTraffic, OutsideAddress, PortTarget, ProtocolClass, ServiceFacts, ServiceKind, ServicePort, TakenBy};
pub use workload::{
    AccountNamed, ContainerPort, HostNetwork, HostPort, InitContainers, MeshChoice, Ordinals, POD_INDEX, POD_NAME, PodMesh, PodPhase,
    PortsKnown, ProxyRole, WorkloadKind,
};

use copies::Origin;
pub(crate) use injection::{JOINING_KEYS, NEVER_INJECTED, TEMPLATES, is_never_injected, is_without_mesh, namespace_plane, plane_by_labels};
pub(crate) use mesh_config::{FOREIGN_DOMAINS, MeshConfig, REGISTRY_ONLY};
pub(crate) use object::{is_fact, read_object};
use ownership::{Folded, Owner, Replicas};
pub(crate) use pod::added_to_deployments;

/// What is known to run.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// The namespaces that an object describes, by name; a namespace that only other objects mention is not in it.
    pub namespaces: BTreeMap<Symbol, NamespaceFacts>,
    /// The workloads, ordered by namespace, kind and name.
    pub workloads: Vec<InventoryWorkload>,
    /// The Services, ordered by namespace and name.
    pub services: Vec<ServiceFacts>,
    /// The service accounts that an object describes, by namespace and name. `default` exists in every namespace without one.
    pub accounts: BTreeMap<(Symbol, Symbol), Location>,
    /// Pods that run and went into their owner, as far as they say where they are.
    pub folded_pods: Vec<FoldedPod>,
    /// The same of those that have ended.
    pub ended_pods: Vec<FoldedPod>,
    /// `ReplicaSet`s that run pods and went into their owner.
    pub folded_sets: Vec<FoldedSet>,
    /// What stands more than once and says different things.
    pub disputed: Disputed,
    /// Workloads that went into their owner, and which that is; their own pods may still come in another file.
    folded: BTreeMap<Owner, Folded>,
}

/// What is known of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceFacts {
    /// Its labels, always with [`crate::flow::NAMESPACE_NAME`] (`semantics.md` §1.5).
    pub labels: Labels,
    /// How its pods take part in the mesh, as its labels say; none if they say nothing, and nobody else does
    /// ([`Inventory::keep_unsaid_outside`]).
    pub plane: Option<DataPlane>,
    /// Where its name is written.
    pub location: Location,
}

/// By what pods join the mesh, as manifests show it. The later ones say more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShownJoining {
    /// Nothing shows it.
    #[default]
    Nowhere,
    /// A workload comes with its sidecar.
    ByProxies,
    /// The labels of a namespace take its pods in.
    ByLabels,
}

/// What is known of one workload, which stands for all its pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryWorkload {
    /// Name of its namespace.
    pub namespace: Symbol,
    /// What kind of object it is.
    pub kind: WorkloadKind,
    /// Its name; what stands before the random part where the object has only a `generateName`.
    pub name: Symbol,
    /// The labels that each of its pods has: those of the template, and those that its controller adds with a known value.
    pub labels: Labels,
    /// Keys that its pods may also have, with values that differ from pod to pod or are not known: those that controllers, the
    /// injector and the scheduler add. Never a key of `labels`.
    pub open_keys: BTreeSet<Symbol>,
    /// Name of the service account that its pods run as (`semantics.md` §6).
    pub account: Symbol,
    /// Whether the manifest names that account.
    pub account_named: AccountNamed,
    /// The ports that its containers declare, as written; they inform names only (`semantics.md` §1.6).
    pub ports: Vec<ContainerPort>,
    /// Whether these are all; what cannot be read has none.
    pub ports_known: PortsKnown,
    /// Whether its pods use their node's network.
    pub host_network: HostNetwork,
    /// What it says about the mesh itself; [`Inventory::plane_of`] puts this together with its namespace.
    pub mesh: PodMesh,
    /// What its pods' Envoy is for, if they have one.
    pub proxy: ProxyRole,
    /// Which inbound ports a sidecar captures.
    pub capture: InboundCapture,
    /// Whether a sidecar takes over the connections that its pods make.
    pub outbound: OutboundCapture,
    /// The annotations that may change what its pods' proxy does, and of which that is not understood.
    pub unmodelled: Vec<&'static str>,
    /// Whether init containers run, and may call, before its sidecar does.
    pub init_containers: InitContainers,
    /// The addresses of a running pod; empty for anything else.
    pub addresses: Vec<IpAddr>,
    /// The node of a pod that is already on one.
    pub node: Option<Symbol>,
    /// Whether a pod has come to its end.
    pub phase: PodPhase,
    /// The numbers of the pods of a `StatefulSet`; none for anything else.
    pub ordinals: Option<Ordinals>,
    /// Where its name is written.
    pub location: Location,
    named: Named,
    origin: Origin,
    owner: Option<Owner>,
    replicas: Replicas,
}

/// Whether a name is all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// It is.
    Whole,
    /// The API server appends something random (`generateName`).
    Begun,
}

/// Whether the pods of a workload are in a set of label assignments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// All of them are.
    Yes,
    /// None of them is.
    No,
    /// It hangs on the value of this key, which is not known.
    Perhaps(Symbol),
}

/// Reads a stream of manifests, YAML or JSON.
///
/// `default_namespace` is the namespace of objects that name none (`helm template` prints none). Whatever cannot be read, and
/// whatever a modelled kind says that Kubernetes would refuse, is an `invalid-inventory` error; the rest is still returned.
pub fn read(file: FileId, source: &Source, default_namespace: &Symbol) -> (Inventory, Vec<Diagnostic>) {
    let mut inventory = Inventory::default();
    if source.text().len() > MAX_FILE {
        return (inventory, vec![too_large(file, source)]);
    }
    let whole =
        Document { file, source, span: Span::new(0, source.text().len()), object: Whereabouts::Whole, code: code::INVALID_INVENTORY };
    let mut reading = Reading::new(whole);
    for span in documents(source.text()) {
        if reading.is_hopeless() {
            break;
        }
        object::read(Document { span, ..whole }, default_namespace, &mut inventory, &mut reading);
    }
    let mut findings = reading.into_findings();
    findings.extend(inventory.settle(code::INVALID_INVENTORY));
    (inventory, findings)
}

/// The inventory of several files together, each as [`read`] reads it, and the findings of all.
pub fn read_all<'s>(files: impl IntoIterator<Item = (FileId, &'s Source)>, default_namespace: &Symbol) -> (Inventory, Vec<Diagnostic>) {
    let (mut all, mut findings) = (Inventory::default(), Vec::new());
    for (file, source) in files {
        let (inventory, found) = read(file, source, default_namespace);
        findings.extend(found);
        findings.extend(all.add(inventory, code::INVALID_INVENTORY));
    }
    // Once for all: it looks at every workload, and there may be as many files as workloads.
    findings.extend(all.settle(code::INVALID_INVENTORY));
    (all, findings)
}

impl Inventory {
    /// Takes in what another file says, with findings of the reader's own code.
    ///
    /// Two objects of one kind and name are one if they say the same; if they do not, the first stands, with a finding.
    pub(crate) fn merge_as(&mut self, other: Self, code: Code) -> Vec<Diagnostic> {
        let mut findings = self.add(other, code);
        findings.extend(self.settle(code));
        findings
    }

    /// The first half of that: the lists are left as they come.
    fn add(&mut self, other: Self, code: Code) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        for (name, facts) in other.namespaces {
            findings.extend(self.add_namespace(name, facts, code));
        }
        self.accounts.extend(other.accounts);
        self.disputed.extend(other.disputed);
        self.folded.extend(other.folded);
        self.folded_pods.extend(other.folded_pods);
        self.ended_pods.extend(other.ended_pods);
        self.folded_sets.extend(other.folded_sets);
        self.workloads.extend(other.workloads);
        self.services.extend(other.services);
        findings
    }

    /// The workloads of one namespace, ordered by kind and name.
    pub fn workloads_in(&self, namespace: &str) -> &[InventoryWorkload] {
        let start = self.workloads.partition_point(|workload| &*workload.namespace < namespace);
        let rest = self.workloads.get(start..).unwrap_or_default();
        let length = rest.partition_point(|workload| &*workload.namespace == namespace);
        rest.get(..length).unwrap_or_default()
    }

    /// The Services of one namespace, ordered by name.
    pub fn services_in(&self, namespace: &str) -> &[ServiceFacts] {
        let start = self.services.partition_point(|service| &*service.namespace < namespace);
        let rest = self.services.get(start..).unwrap_or_default();
        let length = rest.partition_point(|service| &*service.namespace == namespace);
        rest.get(..length).unwrap_or_default()
    }

    /// How the pods of a workload take part in the mesh (`semantics.md` §8, row 111).
    ///
    /// `default` is for a namespace whose labels are not known or say nothing. A sidecar wins over ztunnel; pods on their node's
    /// network take no part.
    pub fn plane_of(&self, workload: &InventoryWorkload, default: DataPlane) -> DataPlane {
        let nothing = Labels::new();
        let (labels, said) = self.namespaces.get(&workload.namespace).map_or((&nothing, None), |facts| (&facts.labels, facts.plane));
        injection::plane(workload, (labels, said), default)
    }

    /// Takes in what an object says about a namespace.
    fn add_namespace(&mut self, name: Symbol, facts: NamespaceFacts, code: Code) -> Option<Diagnostic> {
        if let Some(first) = self.namespaces.get(&name) {
            if first.labels == facts.labels {
                return None;
            }
            self.disputed.add_namespace(&name, [first, &facts]);
            return Some(disagreement(code, "Namespace", &name, [facts.location, first.location]));
        }
        self.namespaces.insert(name, facts);
        None
    }

    /// Brings the lists in order, makes one of what stands twice, and folds workloads into their owners.
    fn settle(&mut self, code: Code) -> Vec<Diagnostic> {
        let (mut findings, disputed) = (Vec::new(), &mut self.disputed);
        self.workloads.sort_by(|left, right| left.key().cmp(&right.key()));
        self.workloads.dedup_by(|later, first| {
            // Of a name that is only begun each object makes another one.
            let twice = later.key() == first.key() && first.named == Named::Whole;
            if !twice {
                return false;
            }
            if let Some(both) = first.joined(later) {
                disputed.add_sidecars([first, later], &both);
                *first = both;
            } else {
                let name = format!("{}/{}", later.namespace, later.name);
                findings.push(disagreement(code, later.kind.name(), &name, [later.location, first.location]));
                disputed.add_workload(first, later);
            }
            true
        });
        self.services.sort_by(|left, right| left.key().cmp(&right.key()));
        self.services.dedup_by(|later, first| {
            let twice = later.key() == first.key();
            if twice && !later.says_the_same(first) {
                let name = format!("{}/{}", later.namespace, later.name);
                findings.push(disagreement(code, "Service", &name, [later.location, first.location]));
                disputed.add_service([first, later]);
            }
            if twice && first.addresses.is_empty() {
                first.addresses = std::mem::take(&mut later.addresses);
            }
            if twice && first.outside.is_empty() {
                first.outside = std::mem::take(&mut later.outside);
            }
            twice
        });
        let gone = ownership::fold(&mut self.workloads, &mut self.folded, &self.disputed.workloads);
        self.folded_sets.extend(gone.sets);
        for pod in gone.pods {
            match pod.phase {
                PodPhase::Live => self.folded_pods.push(pod),
                PodPhase::Ended => self.ended_pods.push(pod),
            }
        }
        findings
    }
}

impl InventoryWorkload {
    /// Whether its pods are behind a Service. One without a selector selects nothing by itself.
    pub fn selected_by(&self, service: &ServiceFacts) -> Match {
        if service.namespace != self.namespace || service.selector.is_empty() {
            return Match::No;
        }
        let with = |cube: LabelCube, (key, value): (&Symbol, &Symbol)| cube.with(Symbol::clone(key), Values::one(Symbol::clone(value)));
        self.matches(&service.selector.iter().fold(LabelCube::all(), with))
    }

    /// The numbers that its containers give to a named port of a protocol; more than one where they disagree.
    pub fn named_port(&self, name: &str, protocol: Protocol) -> BTreeSet<u16> {
        let is_it = |port: &&ContainerPort| port.protocol == protocol && port.name.as_deref() == Some(name);
        self.ports.iter().filter(is_it).map(|port| port.number).collect()
    }

    /// Whether its pods are in a set of label assignments.
    pub fn matches(&self, cube: &LabelCube) -> Match {
        let mut open = None;
        for (key, values) in cube.iter() {
            if values.is_empty() {
                return Match::No;
            }
            if self.open_keys.contains(key) {
                if **key == *POD_NAME && !self.may_name_pods(values) {
                    return Match::No;
                }
                open = open.or_else(|| Some(Symbol::clone(key)));
            } else if !values.contains(self.labels.get(key).map(|value| &**value)) {
                return Match::No;
            }
        }
        open.map_or(Match::Yes, Match::Perhaps)
    }

    /// The number in the name of a pod that this `StatefulSet` may make, now or later; none for another name.
    pub fn ordinal(&self, pod: &str) -> Option<u32> {
        let written = pod.strip_prefix(&*self.name)?.strip_prefix('-')?;
        let number: u32 = written.parse().ok()?;
        (number.to_string() == *written).then_some(number)
    }

    /// Whether some of these may be names of pods of this `StatefulSet`.
    fn may_name_pods(&self, values: &Values) -> bool {
        self.named == Named::Begun || values.finite().is_none_or(|words| words.iter().any(|word| self.ordinal(word).is_some()))
    }

    /// Whether it names a workload as its owner, whether or not that is in the inventory.
    pub const fn is_owned(&self) -> bool {
        self.owner.is_some()
    }

    /// The one pod that it is, by namespace and name; none for what makes pods, and where a name is not whole.
    pub fn one_pod(&self) -> Option<Symbol> {
        let is_one = self.kind == WorkloadKind::Pod && self.named == Named::Whole;
        is_one.then(|| format!("{}/{}", self.namespace, self.name).into())
    }

    /// What it is ordered and told apart by.
    fn key(&self) -> (&Symbol, WorkloadKind, &Symbol) {
        (&self.namespace, self.kind, &self.name)
    }
}

/// As findings name it: `Deployment shop/web`.
impl std::fmt::Display for InventoryWorkload {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {}/{}", self.kind.name(), self.namespace, self.name)
    }
}

/// A file that is larger than is read.
fn too_large(file: FileId, source: &Source) -> Diagnostic {
    let location = Location { file, span: Span::default() };
    Diagnostic::new(code::FILE_TOO_LARGE, location, format!("`{}` is larger than {} MiB", source.name(), MAX_FILE >> 20))
        .help("give the inventory in several files")
}

/// Two objects of one name that do not say the same.
fn disagreement(code: Code, kind: &str, name: &str, [location, first]: [Location; 2]) -> Diagnostic {
    Diagnostic::new(code, location, format!("{kind} `{name}` stands twice and says different things"))
        .label("this one says something else")
        .related(first, "the first one")
        .note("only one of the two can be in the cluster")
}

#[cfg(test)]
mod tests;
