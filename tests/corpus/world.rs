//! A cluster of the corpus: the evaluator's reading of its manifests, and our own reading of who is in it.
//!
//! Owns: the pods as endpoints, by the names that other tools give them. The evaluator reads pods too; that both readings agree
//! is a case of its own, so neither is taken on trust.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use serde_yaml::Value;
use twogate::cluster::{self, Cluster, Endpoint, Facts, NamedPort, Platform};
use twogate::diagnostic::{Diagnostic, Level, code};
use twogate::flow::{DataPlane, Labels, NAMESPACE_NAME, Peer, Pod, Protocol, Symbol};
use twogate::source::{Source, Sources};

use super::manifests::{Text, at, kind, list, objects, word};

/// The first address of pods: of a block that no policy of the corpus mentions (RFC 2544).
const POD_NETWORK: u32 = 0xc612_0001;

/// One end that may be asked about.
#[derive(Debug, Clone)]
pub(super) struct End {
    /// `namespace/name[Kind]` of whoever owns the pod; an address as it is.
    pub(super) name: String,
    /// `namespace/name` of the pod itself, or of its template.
    pub(super) pod: String,
    /// How many pods there are of it, where it says.
    pub(super) replicas: u64,
    /// The end itself.
    pub(super) endpoint: Endpoint,
}

impl End {
    /// An address that is no pod's.
    pub(super) fn address(address: Ipv4Addr) -> Self {
        let name = address.to_string();
        Self { pod: name.clone(), name, replicas: 1, endpoint: Endpoint::from(Peer::Address(IpAddr::V4(address))) }
    }

    /// The address, if it is one.
    pub(super) fn as_address(&self) -> Option<Ipv4Addr> {
        match self.endpoint.peer {
            Peer::Address(IpAddr::V4(address)) => Some(address),
            _ => None,
        }
    }

    /// The pod, if it is one.
    pub(super) fn as_pod(&self) -> Option<&Pod> {
        match &self.endpoint.peer {
            Peer::Pod(pod) => Some(pod),
            Peer::Address(_) => None,
        }
    }
}

/// How pods take part in the mesh, for a case that does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mesh {
    /// No pod does.
    Nobody,
    /// Those of namespaces with `istio-injection: enabled`.
    Labelled,
    /// Every pod, with this root namespace.
    Everybody(&'static str),
}

impl Mesh {
    /// The namespace whose policies act on all of it.
    fn root_namespace(self) -> &'static str {
        match self {
            Self::Everybody(root) => root,
            Self::Nobody | Self::Labelled => "istio-system",
        }
    }

    /// Whether a pod takes part whose namespace is, or is not, labelled.
    fn takes_in(self, labelled: bool) -> bool {
        match self {
            Self::Nobody => false,
            Self::Labelled => labelled,
            Self::Everybody(_) => true,
        }
    }
}

/// Manifests, read.
#[derive(Debug)]
pub(super) struct World {
    /// The evaluator.
    pub(super) cluster: Cluster,
    /// What it found.
    pub(super) findings: Vec<Diagnostic>,
    /// The ends: pods, later addresses.
    pub(super) ends: Vec<End>,
    /// Numbers that stand in policies or container ports and may be ports.
    pub(super) ports: BTreeSet<u16>,
    /// Blocks of addresses that stand in policies, as first and last address.
    pub(super) blocks: Vec<(u32, u32)>,
    /// Every word that stands in a policy.
    pub(super) words: BTreeSet<String>,
}

/// What the tools of the corpus assume of a platform: everything works, and blocks of addresses are about the outside.
fn platform(mesh: Mesh) -> Platform {
    Platform {
        default_namespace: Some("default".into()),
        mesh: if mesh.takes_in(false) { DataPlane::Sidecar } else { DataPlane::None },
        root_namespace: mesh.root_namespace().into(),
        istio: (1, 31, 0),
        kubernetes: (1, 33, 0),
        ipblock_matches_pods: Some(false),
        end_port: Some(true),
        named_ports: Some(true),
        sctp: Some(true),
        ..Platform::default()
    }
}

impl World {
    /// Reads manifests.
    pub(super) fn read(texts: &[Text], mesh: Mesh) -> Self {
        let mut sources = Sources::default();
        let files: Vec<_> = texts.iter().map(|(name, text)| sources.add(Source::new(name.clone(), text.clone()))).collect();
        let (cluster, mut findings) = cluster::read(&sources, &files, platform(mesh));
        // Where objects are that name no namespace is the case's to say, and no fault of theirs.
        findings.retain(|finding| finding.code != code::NAMESPACE_MISSING);
        let objects: Vec<Value> = texts.iter().flat_map(|(_, text)| objects(text)).collect();
        let mut ends = ends(&objects, mesh);
        // The mesh looks at the addresses of pods, too.
        for (end, address) in ends.iter_mut().zip(POD_NETWORK..).filter(|_| mesh != Mesh::Nobody) {
            end.endpoint.facts.addresses.push(IpAddr::V4(address.into()));
        }
        let mut world = Self { cluster, findings, ends, ports: BTreeSet::new(), blocks: Vec::new(), words: BTreeSet::new() };
        for object in objects.iter().filter(|object| kind(object).ends_with("Policy") || kind(object).ends_with("PeerAuthentication")) {
            world.notice(object);
        }
        let named = world.ends.iter().filter_map(|end| end.endpoint.facts.ports.as_ref()).flatten();
        world.ports.extend(named.map(|port| port.number));
        world
    }

    /// Whether anything was refused.
    pub(super) fn refuses(&self) -> bool {
        self.errors().next().is_some()
    }

    /// What was refused, a line each.
    pub(super) fn errors(&self) -> impl Iterator<Item = String> {
        let errors = self.findings.iter().filter(|finding| finding.level == Level::Error);
        errors.map(|finding| format!("{}: {}", finding.code.name(), finding.message))
    }

    /// Notes ports and blocks that a policy mentions.
    fn notice(&mut self, value: &Value) {
        match value {
            Value::Number(number) => self.ports.extend(number.as_u64().and_then(|number| u16::try_from(number).ok())),
            Value::String(text) => {
                self.words.insert(text.clone());
                self.ports.extend(text.parse::<u16>().ok());
                self.blocks.extend(block(text));
            }
            Value::Sequence(list) => list.iter().for_each(|value| self.notice(value)),
            Value::Mapping(map) => map.iter().for_each(|(key, value)| {
                self.notice(key);
                self.notice(value);
            }),
            Value::Tagged(tagged) => self.notice(&tagged.value),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Adds one address for each class that the policies' blocks and these ones tell apart.
    pub(super) fn add_addresses(&mut self, blocks: &[(u32, u32)]) {
        let all = self.blocks.iter().chain(blocks);
        let mut starts: BTreeSet<u32> = all.flat_map(|(low, high)| [Some(*low), high.checked_add(1)]).flatten().collect();
        starts.insert(0);
        let starts: Vec<u32> = starts.into_iter().collect();
        for (index, start) in starts.iter().enumerate() {
            // Not the very first one of a block, where there is another: it may be a network's own address.
            let next = starts.get(index + 1).copied().unwrap_or(u32::MAX);
            let inside = if next - start > 1 { start + 1 } else { *start };
            self.ends.push(End::address(inside.into()));
        }
    }
}

/// A block as `10.0.0.0/8`, or a bare address.
pub(super) fn block(text: &str) -> Option<(u32, u32)> {
    let (address, length) = text.split_once('/').unwrap_or((text, "32"));
    let (address, length): (Ipv4Addr, u32) = (address.trim().parse().ok()?, length.trim().parse().ok()?);
    let mask = u32::MAX.checked_shl(32_u32.checked_sub(length)?).unwrap_or(0);
    let low = u32::from(address) & mask;
    Some((low, low | !mask))
}

fn ends(objects: &[Value], mesh: Mesh) -> Vec<End> {
    let namespaces: BTreeMap<&str, Labels> = objects
        .iter()
        .filter(|object| kind(object) == "Namespace")
        .filter_map(|object| Some((word(object, &["metadata", "name"])?, labels(at(object, &["metadata", "labels"])))))
        .collect();
    objects
        .iter()
        .filter_map(|object| Some((object, template(object)?)))
        .map(|(object, path)| end(object, path, &namespaces, mesh))
        .collect()
}

/// Where a workload keeps its pod.
fn template(object: &Value) -> Option<&'static [&'static str]> {
    match kind(object) {
        "Pod" => Some(&[]),
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" => Some(&["spec", "template"]),
        "CronJob" => Some(&["spec", "jobTemplate", "spec", "template"]),
        _ => None,
    }
}

fn end(object: &Value, path: &[&'static str], namespaces: &BTreeMap<&str, Labels>, mesh: Mesh) -> End {
    let inside = |rest: &[&'static str]| at(object, &[path, rest].concat());
    let namespace = word(object, &["metadata", "namespace"]).unwrap_or("default");
    let own = word(object, &["metadata", "name"]).unwrap_or_default();
    let owner = list(object, &["metadata", "ownerReferences"]).first();
    let named = owner.and_then(|owner| Some((word(owner, &["name"])?, word(owner, &["kind"])?)));
    let (name, kind) = named.unwrap_or((own, kind(object)));
    let mut namespace_labels = namespaces.get(namespace).cloned().unwrap_or_default();
    let injected = is_injected(namespace_labels.get("istio-injection").map(|value| &**value), object, path);
    namespace_labels.insert(NAMESPACE_NAME.into(), namespace.into());
    let account = ["serviceAccountName", "serviceAccount"].iter().find_map(|key| inside(&["spec", key])?.as_str());
    let pod = Pod {
        namespace: namespace.into(),
        namespace_labels,
        labels: labels(inside(&["metadata", "labels"])),
        account: account.filter(|account| !account.is_empty()).unwrap_or("default").into(),
        plane: if mesh.takes_in(injected) { DataPlane::Sidecar } else { DataPlane::None },
    };
    let facts = Facts { ports: Some(named_ports(inside(&["spec", "containers"]))), ..Facts::default() };
    End {
        name: format!("{namespace}/{name}[{kind}]"),
        pod: format!("{namespace}/{own}"),
        replicas: at(object, &["spec", "replicas"]).and_then(Value::as_u64).unwrap_or(1),
        endpoint: Endpoint { peer: Peer::Pod(pod), facts },
    }
}

/// Whether a pod has, or gets, a sidecar, or is a proxy itself. One refusal is enough, of the namespace or of the pod.
fn is_injected(namespace: Option<&str>, object: &Value, path: &[&str]) -> bool {
    let inside = |rest: &[&'static str]| at(object, &[path, rest].concat());
    let own = ["labels", "annotations"].iter().find_map(|part| inside(&["metadata", part, "sidecar.istio.io/inject"])?.as_str());
    let mut containers = inside(&["spec", "containers"]).and_then(Value::as_sequence).into_iter().flatten();
    let was_injected = inside(&["metadata", "annotations", "sidecar.istio.io/status"]).is_some();
    let refused = namespace == Some("disabled") || own == Some("false");
    !refused && (namespace == Some("enabled") || own == Some("true"))
        || was_injected
        || containers.any(|container| word(container, &["name"]) == Some("istio-proxy"))
}

fn labels(value: Option<&Value>) -> Labels {
    let pairs = value.and_then(Value::as_mapping).into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((Symbol::from(key.as_str()?), Symbol::from(value.as_str()?)))).collect()
}

fn named_ports(containers: Option<&Value>) -> Vec<NamedPort> {
    let containers = containers.and_then(Value::as_sequence).into_iter().flatten();
    containers
        .flat_map(|container| list(container, &["ports"]))
        .filter_map(|port| {
            Some(NamedPort {
                name: word(port, &["name"])?.into(),
                protocol: protocol(word(port, &["protocol"]).unwrap_or("TCP")),
                number: u16::try_from(at(port, &["containerPort"])?.as_u64()?).ok()?,
            })
        })
        .collect()
}

/// A protocol by its name.
pub(super) fn protocol(text: &str) -> Protocol {
    text.parse().unwrap_or_else(|_| panic!("{text} is no protocol"))
}

#[test]
fn blocks_are_ranges() {
    assert_eq!(block("10.0.0.0/8"), Some((0x0a00_0000, 0x0aff_ffff)));
    assert_eq!(block("0.0.0.0/0"), Some((0, u32::MAX)));
    assert_eq!(block("1.2.3.4"), Some((0x0102_0304, 0x0102_0304)));
    assert_eq!(block("fd00::/8"), None);
}
