//! Facts in manifests that an inventory has no place for: what containers are told, nodes, the mesh's own settings.
//!
//! Owns: `Evidence`. All of it is hints for a first program and nothing that a verdict may hang on, so what cannot be read is passed over.

use crate::diagnostic::code;
use crate::flow::Symbol;
use crate::inventory::{MeshConfig, WorkloadKind};
use crate::manifest::{Document, Node, Object, Reading, Whereabouts, documents, objects};
use crate::source::{FileId, Source, Span};
use std::collections::{BTreeMap, BTreeSet};

/// A workload as the inventory finds it: namespace, kind, name.
pub(super) type Key = (Symbol, WorkloadKind, Symbol);

/// The longest value that is looked at, in bytes; nobody writes an address in more.
const LONGEST_VALUE: usize = 2048;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// What the containers of each workload are told.
    pub(super) containers: BTreeMap<Key, Vec<Container>>,
    /// Namespaces that hold policy for the mesh.
    pub(super) with_mesh_policy: BTreeSet<Symbol>,
    /// The ranges of pods that single nodes have.
    pub(super) node_pod_cidrs: BTreeSet<String>,
    /// The addresses of nodes.
    pub(super) node_addresses: BTreeSet<String>,
    /// The addresses of the API servers.
    pub(super) api_servers: BTreeSet<String>,
    /// The ranges of all pods of the cluster.
    pub(super) pod_cidrs: BTreeSet<String>,
    /// The ranges of all Services of the cluster.
    pub(super) service_cidrs: BTreeSet<String>,
    /// Tags of the images that the mesh's control plane runs.
    pub(super) control_plane_versions: BTreeSet<String>,
    /// The mesh's own settings.
    pub(super) mesh: Option<MeshConfig>,
    /// Addresses at which caches on the nodes answer DNS.
    pub(super) node_local_dns: BTreeSet<String>,
}

/// What a container is told.
#[derive(Debug, Default)]
pub(super) struct Container {
    /// Its environment, name and value.
    pub(super) variables: Vec<(String, String)>,
    /// The words of its command line.
    pub(super) arguments: Vec<String>,
}

/// Reads it from manifests.
pub(super) fn read<'s>(files: impl Iterator<Item = (FileId, &'s Source)>, default_namespace: &Symbol) -> Evidence {
    let mut evidence = Evidence::default();
    for (file, source) in files {
        let whole =
            Document { file, source, span: Span::new(0, source.text().len()), object: Whereabouts::Whole, code: code::INVALID_INVENTORY };
        let mut reading = Reading::new(whole);
        for span in documents(source.text()) {
            objects(Document { span, ..whole }, &mut reading, &mut |object, reading| {
                // Whatever is wrong with it was told when the inventory was read.
                reading.quietly(|reading| evidence.take(object, default_namespace, reading));
            });
        }
    }
    evidence
}

impl Evidence {
    /// Takes what an object shows.
    fn take(&mut self, object: &Object<'_>, default_namespace: &Symbol, reading: &mut Reading<'_>) {
        let root = &object.root;
        let metadata = root.get(reading, "metadata");
        let namespace = metadata.get(reading, "namespace").symbol(reading).unwrap_or_else(|| Symbol::clone(default_namespace));
        match (object.group(), object.kind) {
            ("", "Node") => self.take_node(root, reading),
            ("", "ConfigMap") => self.take_settings(&root.get(reading, "data"), reading),
            ("", "Endpoints") if *namespace == *"default" => self.take_endpoints(&metadata, root, reading),
            ("security.istio.io", _) => {
                self.with_mesh_policy.insert(namespace);
            }
            ("" | "apps" | "batch" | "extensions", kind) => {
                let Some(kind) = WorkloadKind::ALL.into_iter().find(|known| known.name() == kind) else { return };
                let name = metadata.get(reading, "name").symbol(reading);
                let name = name.or_else(|| metadata.get(reading, "generateName").symbol(reading));
                let Some(name) = name else { return };
                let containers = self.take_containers(&pod_spec(root, kind, reading), reading);
                self.containers.insert((namespace, kind, name), containers);
            }
            _ => {}
        }
    }

    fn take_containers(&mut self, spec: &Node<'_>, reading: &mut Reading<'_>) -> Vec<Container> {
        let mut containers = Vec::new();
        for list in ["initContainers", "containers"] {
            for node in spec.get(reading, list).list(reading) {
                let container = container(&node, reading);
                self.take_arguments(&container.arguments);
                self.take_version(&node, reading);
                containers.push(container);
            }
        }
        containers
    }

    /// What the cluster's own servers are told about its addresses.
    fn take_arguments(&mut self, arguments: &[String]) {
        for (index, argument) in arguments.iter().enumerate() {
            let Some(flag) = argument.strip_prefix('-') else { continue };
            let flag = flag.trim_start_matches('-');
            let (flag, value) = flag.split_once('=').unwrap_or((flag, arguments.get(index + 1).map_or("", String::as_str)));
            let values = value.split(',').map(str::to_owned);
            match flag {
                "cluster-cidr" => self.pod_cidrs.extend(values),
                "service-cluster-ip-range" => self.service_cidrs.extend(values),
                // The cache's own address beside that of the DNS Service, which is no node's.
                "localip" => self.node_local_dns.extend(values.filter(|address| address.starts_with("169.254."))),
                _ => {}
            }
        }
    }

    /// Which Istio the control plane is: the tag of istiod's image.
    fn take_version(&mut self, container: &Node<'_>, reading: &mut Reading<'_>) {
        let image = container.get(reading, "image").text(reading).unwrap_or_default();
        if container.get(reading, "name").text(reading) != Some("discovery") || !image.contains("pilot") {
            return;
        }
        let tag = image.rsplit_once(':').map(|(_, tag)| tag).filter(|tag| !tag.contains('/'));
        self.control_plane_versions.extend(tag.map(str::to_owned));
    }

    fn take_node(&mut self, node: &Node<'_>, reading: &mut Reading<'_>) {
        let spec = node.get(reading, "spec");
        let listed = spec.get(reading, "podCIDRs").list(reading);
        let listed: Vec<String> = listed.iter().filter_map(|cidr| cidr.text(reading).map(str::to_owned)).collect();
        let single = spec.get(reading, "podCIDR").text(reading).map(str::to_owned);
        self.node_pod_cidrs.extend(if listed.is_empty() { single.into_iter().collect() } else { listed });
        for address in node.follow(reading, &["status", "addresses"]).list(reading) {
            if address.get(reading, "type").text(reading) == Some("InternalIP") {
                self.node_addresses.extend(address.get(reading, "address").text(reading).map(str::to_owned));
            }
        }
    }

    /// The addresses behind the Service `kubernetes`.
    fn take_endpoints(&mut self, metadata: &Node<'_>, root: &Node<'_>, reading: &mut Reading<'_>) {
        if metadata.get(reading, "name").text(reading) != Some("kubernetes") {
            return;
        }
        for subset in root.get(reading, "subsets").list(reading) {
            for address in subset.get(reading, "addresses").list(reading) {
                self.api_servers.extend(address.get(reading, "ip").text(reading).map(str::to_owned));
            }
        }
    }

    /// The settings of the mesh (key `mesh`) and of `kubeadm` (key `ClusterConfiguration`), each a text of its own.
    fn take_settings(&mut self, data: &Node<'_>, reading: &mut Reading<'_>) {
        if let Some(mesh) = data.get(reading, "mesh").text(reading) {
            self.mesh = self.mesh.take().or_else(|| MeshConfig::read(mesh));
        }
        if let Some(cluster) = data.get(reading, "ClusterConfiguration").text(reading) {
            let ranges = |key| setting(cluster, key).into_iter().flat_map(|list| list.split(',').map(str::to_owned).collect::<Vec<_>>());
            self.pod_cidrs.extend(ranges("podSubnet"));
            self.service_cidrs.extend(ranges("serviceSubnet"));
        }
    }
}

/// The node that has the pod's containers.
fn pod_spec<'t>(root: &Node<'t>, kind: WorkloadKind, reading: &mut Reading<'_>) -> Node<'t> {
    match kind {
        WorkloadKind::Pod => root.get(reading, "spec"),
        WorkloadKind::CronJob => root.follow(reading, &["spec", "jobTemplate", "spec", "template", "spec"]),
        _ => root.follow(reading, &["spec", "template", "spec"]),
    }
}

fn container(node: &Node<'_>, reading: &mut Reading<'_>) -> Container {
    let mut container = Container::default();
    let short = |text: &&str| text.len() <= LONGEST_VALUE;
    for variable in node.get(reading, "env").list(reading) {
        let name = variable.get(reading, "name").text(reading);
        let value = variable.get(reading, "value").text(reading).filter(short);
        container.variables.extend(name.zip(value).map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    for list in ["command", "args"] {
        for word in node.get(reading, list).list(reading) {
            container.arguments.extend(word.text(reading).filter(short).map(str::to_owned));
        }
    }
    container
}

/// The value of a key that stands on a line of its own in a small YAML text.
fn setting(text: &str, key: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(':'))?;
    let value = value.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(text: &str) -> Evidence {
        let source = Source::new("dump.yaml", text);
        read([(FileId::default(), &source)].into_iter(), &"default".into())
    }

    #[test]
    fn the_cluster_says_what_it_is() {
        let found = evidence(
            "kind: Node\napiVersion: v1\nmetadata: {name: a}\nspec: {podCIDR: 10.244.0.0/24, podCIDRs: [10.244.0.0/24, 'fd00::/64']}\n\
             status: {addresses: [{type: InternalIP, address: 192.0.2.7}, {type: Hostname, address: a}]}\n---\n\
             kind: Node\napiVersion: v1\nmetadata: {name: b}\nspec: {podCIDR: 10.244.1.0/24}\n---\n\
             kind: ConfigMap\napiVersion: v1\nmetadata: {name: istio}\ndata: {mesh: \"rootNamespace: mesh-root # here\\ntrustDomain: 'corp.example'\\n\"}\n---\n\
             kind: ConfigMap\napiVersion: v1\nmetadata: {name: kubeadm-config}\ndata: {ClusterConfiguration: \"networking:\\n  podSubnet: 10.244.0.0/16\\n  serviceSubnet: 10.96.0.0/12\\n\"}\n---\n\
             kind: Endpoints\napiVersion: v1\nmetadata: {name: kubernetes, namespace: default}\nsubsets: [{addresses: [{ip: 192.0.2.1}]}]\n",
        );
        let all = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(all(&found.node_pod_cidrs), "10.244.0.0/24 10.244.1.0/24 fd00::/64");
        assert_eq!((all(&found.node_addresses), all(&found.api_servers)), ("192.0.2.7".into(), "192.0.2.1".into()));
        assert_eq!((all(&found.pod_cidrs), all(&found.service_cidrs)), ("10.244.0.0/16".into(), "10.96.0.0/12".into()));
        let mesh = found.mesh.unwrap();
        assert_eq!((mesh.root_namespace.as_deref(), mesh.trust_domain.as_deref()), (Some("mesh-root"), Some("corp.example")));
    }

    #[test]
    fn servers_are_asked_for_their_arguments() {
        let found = evidence(
            "kind: Pod\napiVersion: v1\nmetadata: {name: kcm, namespace: kube-system}\nspec: {containers: [{name: x, command: [kube-controller-manager, --cluster-cidr=10.0.0.0/8, --service-cluster-ip-range, 10.96.0.0/12]}]}\n---\n\
             kind: DaemonSet\napiVersion: apps/v1\nmetadata: {name: cache}\nspec: {template: {spec: {containers: [{name: x, args: [-localip, '169.254.20.10,10.96.0.10']}]}}}\n---\n\
             kind: Deployment\napiVersion: apps/v1\nmetadata: {name: istiod}\nspec: {template: {spec: {containers: [{name: discovery, image: 'registry.example:5000/istio/pilot:1.24.2-distroless'}]}}}\n",
        );
        assert_eq!(found.pod_cidrs, ["10.0.0.0/8".to_owned()].into());
        assert_eq!(found.service_cidrs, ["10.96.0.0/12".to_owned()].into());
        assert_eq!(found.node_local_dns, ["169.254.20.10".to_owned()].into());
        assert_eq!(found.control_plane_versions, ["1.24.2-distroless".to_owned()].into());
        assert_eq!(found.containers.len(), 3);
    }
}
