//! What the manifests show of the cluster, as `twogate.toml`.
//!
//! Owns: which objects are the cluster's DNS, the mesh's control plane and its scraper, and the text of the file. What nothing
//! shows keeps its default and is not written.

use super::evidence::Evidence;
use crate::config::{Config, PodSelector, Version};
use crate::flow::{DataPlane, Labels, Prefix, Protocol, Symbol};
use crate::inventory::{Inventory, InventoryWorkload, MeshChoice, MeshConfig, PortTarget, ServiceFacts};
use std::collections::BTreeSet;
use std::fmt::Write;

/// The head of the file.
const HEAD: &str = "\
# Written by `twogate init`: what the manifests show of the cluster.
# Keys that are not here have defaults that suit a stock cluster.
";

/// The namespaces in which a cluster's DNS runs.
const DNS_NAMESPACES: [&str; 2] = ["kube-system", "openshift-dns"];

/// What was found.
#[derive(Debug)]
pub(super) struct Settings {
    /// How pods take part in the mesh where their namespace does not say it.
    pub(super) mode: DataPlane,
    mode_because: &'static str,
    istio: Option<Version>,
    /// The lines on what the mesh's own configuration says otherwise than the defaults.
    own: Vec<String>,
    root_namespace: Option<Symbol>,
    control_plane: Vec<PodSelector>,
    dns: Vec<PodSelector>,
    dns_ports: BTreeSet<(Protocol, u16)>,
    node_local: Vec<String>,
    scraper: Vec<PodSelector>,
    pod_cidrs: Vec<String>,
    /// Whether those are of the nodes that are there now.
    pods_of_nodes: Completeness,
    service_cidrs: Vec<String>,
    api_servers: Vec<String>,
    nodes: Vec<String>,
}

/// Whether addresses are all that there will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Completeness {
    /// They are the whole range.
    Whole,
    /// They are those of now.
    Now,
}

impl Settings {
    /// What the manifests show.
    pub(super) fn find(inventory: &Inventory, evidence: &Evidence) -> Self {
        let control_plane = selectors(inventory, |workload| label(workload, "app") == Some("istiod"), &["app"]);
        let (mode, mode_because) = mode(inventory, evidence, &control_plane);
        let is_prometheus =
            |workload: &InventoryWorkload| ["app.kubernetes.io/name", "app"].iter().any(|key| label(workload, key) == Some("prometheus"));
        let dns: Vec<&ServiceFacts> = inventory.services.iter().filter(|service| is_dns(service)).collect();
        let whole = prefixes(&evidence.pod_cidrs);
        let (pod_cidrs, pods_of_nodes) =
            if whole.is_empty() { (prefixes(&evidence.node_pod_cidrs), Completeness::Now) } else { (whole, Completeness::Whole) };
        let mesh = evidence.mesh.as_ref();
        Self {
            mode,
            mode_because,
            istio: evidence.control_plane_versions.iter().filter_map(|tag| version(tag)).min(),
            own: mesh.map(own).unwrap_or_default(),
            root_namespace: root_namespace(mesh, &control_plane),
            dns: dns
                .iter()
                .filter_map(|service| selector(service.selector.clone(), &service.namespace))
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
            dns_ports: dns.iter().flat_map(|service| dns_ports(service, inventory)).collect(),
            node_local: prefixes(&evidence.node_local_dns),
            scraper: if mode == DataPlane::None {
                Vec::new()
            } else {
                selectors(inventory, is_prometheus, &["app.kubernetes.io/name", "app"])
            },
            control_plane,
            pod_cidrs,
            pods_of_nodes,
            service_cidrs: prefixes(&evidence.service_cidrs),
            api_servers: prefixes(&evidence.api_servers),
            nodes: prefixes(&evidence.node_addresses),
        }
    }

    /// Whether a namespace is the mesh's own.
    pub(super) fn is_of_the_mesh(&self, namespace: &str) -> bool {
        let root = self.root_namespace.as_deref().unwrap_or("istio-system");
        root == namespace || self.control_plane.iter().any(|selector| *selector.namespace == *namespace)
    }

    /// The file.
    pub(super) fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        for section in [self.mesh(), self.cluster(), self.dns(), pods("control-plane", &self.control_plane), pods("scraper", &self.scraper)]
        {
            if !section.is_empty() {
                text.push('\n');
                text.push_str(&section);
            }
        }
        text
    }

    /// What is in it, for people.
    pub(super) fn summary(&self) -> String {
        let found = [
            (Some(mode_word(self.mode)), "mesh "),
            (self.istio.is_some().then_some(""), "Istio's version"),
            ((!self.pod_cidrs.is_empty()).then_some(""), "pod addresses"),
            ((!self.service_cidrs.is_empty()).then_some(""), "Service addresses"),
            ((!self.dns.is_empty()).then_some(""), "DNS"),
            ((!self.control_plane.is_empty()).then_some(""), "istiod"),
            ((!self.scraper.is_empty()).then_some(""), "Prometheus"),
        ];
        found.iter().filter_map(|(word, what)| word.map(|word| format!("{what}{word}"))).collect::<Vec<_>>().join(", ")
    }

    fn mesh(&self) -> String {
        let mut text = format!("[mesh]\n# {}\nmode = \"{}\"\n", self.mode_because, mode_word(self.mode));
        if let Some(version) = self.istio {
            let _ = writeln!(text, "istio = \"{version}\"");
        }
        for line in &self.own {
            let _ = writeln!(text, "{line}");
        }
        if let Some(root) = &self.root_namespace {
            let _ = writeln!(text, "root-namespace = {}", toml_text(root));
        }
        text
    }

    fn cluster(&self) -> String {
        let mut text = String::new();
        if !self.pod_cidrs.is_empty() {
            if self.pods_of_nodes == Completeness::Now {
                text.push_str(
                    "# Of the nodes that are there now. The whole range of the cluster is better: a new node brings a new block.\n",
                );
            }
            let _ = writeln!(text, "pod-cidrs = {}", list(&self.pod_cidrs));
        }
        if !self.service_cidrs.is_empty() {
            let _ = writeln!(text, "service-cidrs = {}", list(&self.service_cidrs));
        }
        if !self.api_servers.is_empty() {
            let _ = writeln!(text, "api-server = {}", list(&self.api_servers));
        }
        if !self.nodes.is_empty() {
            let _ = writeln!(
                text,
                "# The nodes that are there now. Their network is better, if you know it.\n# node-cidrs = {}",
                list(&self.nodes)
            );
        }
        if text.is_empty() { text } else { format!("[cluster]\n{text}") }
    }

    fn dns(&self) -> String {
        let mut text = pods("dns", &self.dns);
        if !self.dns.is_empty() && !self.dns_ports.is_empty() {
            let ports = self.dns_ports.iter().map(|(protocol, port)| match protocol {
                Protocol::Tcp => port.to_string(),
                Protocol::Udp => format!("\"{port}/udp\""),
                Protocol::Sctp => format!("\"{port}/sctp\""),
            });
            let _ = writeln!(text, "ports = [{}]", ports.collect::<Vec<_>>().join(", "));
        }
        if !self.node_local.is_empty() {
            let section = if text.is_empty() { "[dns]\n" } else { "" };
            let _ = writeln!(text, "{section}node-local = {}", list(&self.node_local));
        }
        text
    }
}

fn mode_word(mode: DataPlane) -> &'static str {
    match mode {
        DataPlane::None => "none",
        DataPlane::Sidecar => "sidecar",
        DataPlane::Ambient => "ambient",
    }
}

/// How pods take part in the mesh where nothing says it, and what shows that.
fn mode(inventory: &Inventory, evidence: &Evidence, control_plane: &[PodSelector]) -> (DataPlane, &'static str) {
    let labelled = |plane| inventory.namespaces.values().any(|facts| facts.plane == Some(plane));
    let asks = |workload: &InventoryWorkload| matches!(workload.mesh.sidecar, MeshChoice::Asked | MeshChoice::Present);
    if labelled(DataPlane::Sidecar) || inventory.workloads.iter().any(asks) {
        return (DataPlane::Sidecar, "Namespaces or pods ask for sidecars.");
    }
    if labelled(DataPlane::Ambient) {
        return (DataPlane::Ambient, "Namespaces are labelled for ambient mode.");
    }
    if !evidence.with_mesh_policy.is_empty() {
        return (DataPlane::Sidecar, "There is policy for Istio.");
    }
    if !control_plane.is_empty() {
        return (DataPlane::Sidecar, "istiod runs, and no namespace says how it takes part.");
    }
    (DataPlane::None, "Nothing shows a mesh. With one, say `sidecar`: sidecars need istiod, which a default deny would cut.")
}

fn label<'i>(workload: &'i InventoryWorkload, key: &str) -> Option<&'i str> {
    workload.labels.get(key).map(|value| &**value)
}

/// The pods of the workloads that are wanted, by the first of these labels that they have.
fn selectors(inventory: &Inventory, is_wanted: impl Fn(&InventoryWorkload) -> bool, keys: &[&str]) -> Vec<PodSelector> {
    let found = inventory.workloads.iter().filter(|workload| is_wanted(workload)).filter_map(|workload| {
        let (key, value) = keys.iter().find_map(|key| Some((*key, workload.labels.get(*key)?)))?;
        selector(Labels::from([(key.into(), Symbol::clone(value))]), &workload.namespace)
    });
    found.collect::<BTreeSet<_>>().into_iter().collect()
}

/// A selector, if the configuration can say it.
fn selector(labels: Labels, namespace: &Symbol) -> Option<PodSelector> {
    let selector = PodSelector { labels, namespace: Symbol::clone(namespace) };
    (!selector.labels.is_empty() && PodSelector::parse(&selector.to_string()).as_ref() == Ok(&selector)).then_some(selector)
}

/// Whether a Service is the cluster's DNS.
fn is_dns(service: &ServiceFacts) -> bool {
    DNS_NAMESPACES.contains(&&*service.namespace) && service.ports.iter().any(|port| port.protocol == Protocol::Udp && port.port == 53)
}

/// The ports that DNS pods listen on.
fn dns_ports(service: &ServiceFacts, inventory: &Inventory) -> Vec<(Protocol, u16)> {
    let ports = service.ports.iter().filter(|port| port.port == 53).flat_map(|port| match &port.target {
        PortTarget::Number(number) => vec![(port.protocol, *number)],
        PortTarget::Name(name) => {
            let pods = inventory.workloads_in(&service.namespace).iter();
            let serving = pods.filter(|workload| workload.selected_by(service) != crate::inventory::Match::No);
            serving.flat_map(|workload| workload.named_port(name, port.protocol)).map(|number| (port.protocol, number)).collect()
        }
    });
    ports.collect()
}

/// The blocks among these texts, in their canonical form; an address alone is a block of one.
fn prefixes(texts: &BTreeSet<String>) -> Vec<String> {
    let found: BTreeSet<Prefix> = texts.iter().filter_map(|text| Prefix::parse(text.trim()).ok()).collect();
    found.into_iter().map(|prefix| prefix.to_string()).collect()
}

/// The version of a tag such as `1.24.2-distroless`.
fn version(tag: &str) -> Option<Version> {
    let number = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u16>().ok();
    let mut parts = tag.split('.');
    let (major, minor) = (number(parts.next()?)?, number(parts.next()?)?);
    (major > 0).then(|| Version { patch: parts.next().and_then(number).unwrap_or_default(), ..Version::new(major, minor) })
}

/// A section that names pods; nothing if there are none.
fn pods(section: &str, selectors: &[PodSelector]) -> String {
    let texts: Vec<String> = selectors.iter().map(ToString::to_string).collect();
    match texts.as_slice() {
        [] => String::new(),
        [one] => format!("[{section}]\npods = {}\n", toml_text(one)),
        several => format!("[{section}]\npods = {}\n", list(several)),
    }
}

fn list(texts: impl IntoIterator<Item: AsRef<str>>) -> String {
    format!("[{}]", texts.into_iter().map(|text| toml_text(text.as_ref())).collect::<Vec<_>>().join(", "))
}

/// The root namespace: what the mesh's configuration says, which has a default where it is silent; without one, where istiod runs.
fn root_namespace(mesh: Option<&MeshConfig>, control_plane: &[PodSelector]) -> Option<Symbol> {
    let Some(mesh) = mesh else { return control_plane.first().map(|selector| Symbol::clone(&selector.namespace)) };
    mesh.root_namespace.clone()
}

/// The lines on trust domains and paths, where the mesh does not have the defaults.
fn own(mesh: &MeshConfig) -> Vec<String> {
    let defaults = Config::default().mesh;
    let domain = mesh.trust_domain.as_ref().filter(|domain| **domain != defaults.trust_domain);
    let aliases = mesh.trust_domain_aliases.as_ref().filter(|aliases| **aliases != defaults.trust_domain_aliases);
    let paths = mesh.path_normalization.filter(|mode| *mode != defaults.path_normalization);
    let lines = [
        domain.map(|domain| format!("trust-domain = {}", toml_text(domain))),
        aliases.map(|aliases| format!("trust-domain-aliases = {}", list(aliases))),
        paths.map(|mode| format!("path-normalization = {}", toml_text(mode.word()))),
    ];
    lines.into_iter().flatten().collect()
}

/// A basic string of TOML; its escapes are JSON's.
fn toml_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_versions_or_nothing() {
        assert_eq!(version("1.24.2-distroless"), Some(Version { major: 1, minor: 24, patch: 2 }));
        assert_eq!(version("1.30"), Some(Version::new(1, 30)));
        assert_eq!(version("1.27-alpha.abc"), Some(Version::new(1, 27)));
        for none in ["latest", "", "0.1", "sha256", "1"] {
            assert_eq!(version(none), None, "{none}");
        }
    }

    #[test]
    fn what_the_mesh_has_by_default_needs_no_line() {
        let lines = |text| own(&MeshConfig::read(text).unwrap());
        assert!(lines("rootNamespace: istio-system\ntrustDomain: cluster.local\npathNormalization: {normalization: BASE}").is_empty());
        assert_eq!(
            lines("trustDomain: corp\ntrustDomainAliases: [old, older]\npathNormalization: {normalization: MERGE_SLASHES}"),
            ["trust-domain = \"corp\"", "trust-domain-aliases = [\"old\", \"older\"]", "path-normalization = \"merge-slashes\""]
        );
    }

    /// What istiod's own namespace is says nothing where its configuration is there.
    #[test]
    fn a_silent_configuration_has_the_default_root_namespace() {
        let istiod = [PodSelector { labels: Labels::default(), namespace: "mesh".into() }];
        assert_eq!(root_namespace(None, &istiod).as_deref(), Some("mesh"));
        assert_eq!(root_namespace(MeshConfig::read("").as_ref(), &istiod), None);
        assert_eq!(root_namespace(MeshConfig::read("rootNamespace: policies").as_ref(), &istiod).as_deref(), Some("policies"));
    }
}
