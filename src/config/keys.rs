//! Every key of `twogate.toml`, once: its default, its meaning, and where its value goes.
//!
//! Owns: the table, and `Config::default`. A key that is not in the table does not exist. The defaults as written in the table
//! are those of `Config::default`; a test reads each one.

use std::collections::BTreeSet;

use super::value::{self, Findings, Written, store};
use super::{
    Answer, Cluster, Config, Consent, Diff, Dns, IngressSource, Kustomization, Layout, Lints, Mesh, NetworkPlugin, Output, PodSelector,
    Servers, SyncWaves, Tenancy, Version,
};
use crate::flow::{AddressSet, DataPlane, Intervals, Labels, PathNormalization, PortSet, Prefix, Protocol};

/// A key of the file.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its full name, section and key with a dot between them; `lints.CODE` stands for every code.
    pub name: &'static str,
    /// Its default, as TOML; empty where there is none.
    pub default: &'static str,
    /// What it means and takes, in Markdown.
    pub meaning: &'static str,
    pub(super) set: Setter,
}

/// Reads a value and puts it into the configuration.
type Setter = fn(&mut Config, Written<'_>, &mut Findings<'_>);

const ANSWERS: [(&str, Answer); 3] = [("yes", Answer::Yes), ("no", Answer::No), ("unknown", Answer::Unknown)];

/// Makes a row of the table: where the value goes, and which function reads it.
macro_rules! key {
    ($name:literal, $default:literal, $($place:ident).+, $read:ident $(($words:expr))?, $meaning:literal) => {
        Key {
            name: $name,
            default: $default,
            meaning: $meaning,
            set: |config, written, findings| store(&mut config.$($place).+, value::$read(&written, $(&$words,)? findings)),
        }
    };
}

/// Every key, by section.
pub const KEYS: &[Key] = &[
    key!(
        "mesh.mode",
        "\"sidecar\"",
        mesh.mode,
        one_of([("none", DataPlane::None), ("sidecar", DataPlane::Sidecar), ("ambient", DataPlane::Ambient)]),
        "How pods take part in the mesh where their namespace does not say it: `\"none\"` (no Istio), `\"sidecar\"` or `\"ambient\"`."
    ),
    key!(
        "mesh.istio",
        "\"1.25\"",
        mesh.istio,
        version,
        "The oldest Istio that the manifests shall work with. From 1.25 on policies name service accounts themselves; before, they name identities with the trust domain."
    ),
    key!("mesh.trust-domain", "\"cluster.local\"", mesh.trust_domain, trust_domain, "The mesh's trust domain."),
    key!(
        "mesh.trust-domain-aliases",
        "[]",
        mesh.trust_domain_aliases,
        trust_domains,
        "Further trust domains whose identities count as the mesh's own."
    ),
    key!(
        "mesh.root-namespace",
        "\"istio-system\"",
        mesh.root_namespace,
        namespace,
        "The namespace whose policies act on the whole mesh. Nothing for Istio is ever written into it."
    ),
    key!(
        "mesh.path-normalization",
        "\"base\"",
        mesh.path_normalization,
        one_of([
            ("none", PathNormalization::None),
            ("base", PathNormalization::Base),
            ("merge-slashes", PathNormalization::MergeSlashes),
            ("decode-and-merge-slashes", PathNormalization::DecodeAndMergeSlashes),
        ]),
        "What the mesh does to paths before it compares them: `\"none\"`, `\"base\"`, `\"merge-slashes\"` or `\"decode-and-merge-slashes\"`."
    ),
    key!(
        "mesh.hbone-from-sidecars",
        "\"yes\"",
        mesh.hbone_from_sidecars,
        one_of(ANSWERS),
        "Ambient: whether sidecars speak HBONE, on port 15008, with ambient pods: `\"yes\"`, `\"no\"` or `\"unknown\"`."
    ),
    key!(
        "mesh.layered-waypoint-policies",
        "\"no\"",
        mesh.layered_waypoint_policies,
        one_of(ANSWERS),
        "Ambient: whether policies with a selector also act on waypoints: `\"yes\"`, `\"no\"` or `\"unknown\"`."
    ),
    key!(
        "mesh.auto-allow-waypoint",
        "\"no\"",
        mesh.auto_allow_waypoint,
        one_of(ANSWERS),
        "Ambient: whether workloads behind a waypoint admit its identity without a policy: `\"yes\"`, `\"no\"` or `\"unknown\"`."
    ),
    key!(
        "mesh.probe-sources",
        "[\"169.254.7.127\", \"fd16:9254:7127:1337:ffff:ffff:ffff:ffff\"]",
        mesh.probe_sources,
        addresses,
        "Ambient: the addresses that probes from a pod's own node come from."
    ),
    key!(
        "cluster.kubernetes",
        "\"1.25\"",
        cluster.kubernetes,
        version,
        "The oldest Kubernetes that the manifests shall work with. From 1.25 on port ranges are stable."
    ),
    key!("cluster.pod-cidrs", "[]", cluster.pods, addresses, "The addresses of pods, as blocks. Empty: not known."),
    key!("cluster.service-cidrs", "[]", cluster.services, addresses, "The addresses of Services, as blocks. Empty: not known."),
    key!(
        "cluster.node-cidrs",
        "[]",
        cluster.nodes,
        addresses,
        "The addresses of nodes, which are also what `nodes` means. Empty: not known."
    ),
    key!(
        "cluster.api-server",
        "[]",
        cluster.api_server,
        addresses,
        "The addresses of the API servers, which are what `apiserver` means. Empty: not known."
    ),
    key!(
        "cluster.metadata",
        "[\"169.254.169.254\", \"fd00:ec2::254\"]",
        cluster.metadata,
        addresses,
        "The addresses at which a cloud hands out a machine's credentials, which are what `metadata` means."
    ),
    key!("dns.pods", "\"k8s-app=kube-dns@kube-system\"", dns.pods, pods, "The pods that answer DNS: one selector or a list of them."),
    key!("dns.ports", "[\"53/udp\", 53]", dns.ports, ports, "The ports on those pods; a number alone is TCP. OpenShift's listen on 5353."),
    key!("dns.node-local", "[]", dns.node_local, addresses, "The addresses of DNS caches on the nodes, such as `[\"169.254.20.10\"]`."),
    key!(
        "control-plane.pods",
        "\"app=istiod@istio-system\"",
        control_plane.pods,
        pods,
        "The pods that sidecars get their configuration and certificates from: one selector or a list of them."
    ),
    key!("control-plane.ports", "[15012]", control_plane.ports, ports, "The ports on those pods."),
    key!(
        "scraper.pods",
        "[]",
        scraper.pods,
        pods,
        "The pods that read metrics from sidecars: one selector or a list of them. Empty: none."
    ),
    key!("scraper.ports", "[15020, 15090]", scraper.ports, ports, "The ports of the sidecars that they read."),
    key!(
        "ingress.source",
        "\"unknown\"",
        ingress,
        ingress_source,
        "What policies see of a client outside the cluster: its own address (`\"client\"`), a node's (`\"nodes\"`), one of a load balancer's (a list of blocks), or `\"unknown\"`."
    ),
    key!(
        "network-plugin.ipblock-matches-pods",
        "\"unknown\"",
        network_plugin.ipblock_matches_pods,
        one_of(ANSWERS),
        "Whether an address block matches pods whose address lies in it: `\"yes\"`, `\"no\"` or `\"unknown\"`."
    ),
    key!(
        "network-plugin.end-port",
        "\"yes\"",
        network_plugin.end_port,
        one_of(ANSWERS),
        "Whether port ranges work: `\"yes\"`, `\"no\"` or `\"unknown\"`."
    ),
    key!(
        "network-plugin.named-ports",
        "\"yes\"",
        network_plugin.named_ports,
        one_of(ANSWERS),
        "Whether named ports work: `\"yes\"`, `\"no\"` or `\"unknown\"`."
    ),
    key!(
        "network-plugin.sctp",
        "\"unknown\"",
        network_plugin.sctp,
        one_of(ANSWERS),
        "Whether SCTP is judged: `\"yes\"`, `\"no\"` or `\"unknown\"`."
    ),
    key!(
        "tenancy.consent",
        "\"either\"",
        tenancy.consent,
        one_of([("either", Consent::Either), ("both", Consent::Both)]),
        "Whether a rule opens both ends of a connection (`\"either\"`), or only those in its own namespace (`\"both\"`)."
    ),
    key!(
        "tenancy.system-namespaces",
        "[]",
        tenancy.system_namespaces,
        namespaces,
        "Namespaces of the system (`kube-system`, `kube-public`, `kube-node-lease`, the root namespace) that may be managed all the same."
    ),
    key!(
        "output.layout",
        "\"kinds\"",
        output.layout,
        one_of([("kinds", Layout::Kinds), ("namespaces", Layout::Namespaces)]),
        "A folder for each namespace with a file for each kind (`\"kinds\"`), or a file for each namespace (`\"namespaces\"`)."
    ),
    key!(
        "output.kustomization",
        "\"write\"",
        output.kustomization,
        one_of([("write", Kustomization::Write), ("omit", Kustomization::Omit)]),
        "Whether a `kustomization.yaml` lists the files: `\"write\"` or `\"omit\"`."
    ),
    key!(
        "output.sync-waves",
        "\"off\"",
        output.sync_waves,
        one_of([("off", SyncWaves::Off), ("argo-cd", SyncWaves::ArgoCd)]),
        "Whether objects carry Argo CD's annotations for a safe order: `\"off\"` or `\"argo-cd\"`."
    ),
    key!(
        "diff.allow",
        "[]",
        diff.allow,
        exposures,
        "Exposures that `twogate diff` accepts, each a table `[[diff.allow]]` with `flow` (as a rule writes its ends: `internet -> app=web@shop:8443`), `reason` and `until` (the last day, as `2027-03-31`)."
    ),
    Key {
        name: "lints.CODE",
        default: "",
        meaning: "The level of a finding: `\"off\"`, `\"note\"`, `\"warning\"` or `\"error\"`. An error cannot be lowered.",
        // `lints::set` reads this section: its keys are the codes.
        set: |_, _, _| {},
    },
];

/// What a stock cluster is.
impl Default for Config {
    fn default() -> Self {
        Self {
            mesh: Mesh::default(),
            cluster: Cluster::default(),
            dns: Dns {
                pods: vec![pod("k8s-app", "kube-dns", "kube-system")],
                ports: PortSet::one(Protocol::Tcp, 53).union(&PortSet::one(Protocol::Udp, 53)),
                node_local: AddressSet::none(),
            },
            control_plane: Servers { pods: vec![pod("app", "istiod", "istio-system")], ports: PortSet::one(Protocol::Tcp, 15012) },
            scraper: Servers { pods: Vec::new(), ports: tcp([15020, 15090]) },
            ingress: IngressSource::Unknown,
            network_plugin: NetworkPlugin {
                ipblock_matches_pods: Answer::Unknown,
                end_port: Answer::Yes,
                named_ports: Answer::Yes,
                sctp: Answer::Unknown,
            },
            tenancy: Tenancy { consent: Consent::Either, system_namespaces: BTreeSet::new() },
            output: Output { layout: Layout::Kinds, kustomization: Kustomization::Write, sync_waves: SyncWaves::Off },
            diff: Diff::default(),
            lints: Lints::default(),
        }
    }
}

impl Default for Mesh {
    fn default() -> Self {
        Self {
            mode: DataPlane::Sidecar,
            mode_said: Answer::No,
            istio: Version::new(1, 25),
            trust_domain: "cluster.local".into(),
            trust_domain_aliases: BTreeSet::new(),
            root_namespace: "istio-system".into(),
            path_normalization: PathNormalization::Base,
            hbone_from_sidecars: Answer::Yes,
            layered_waypoint_policies: Answer::No,
            auto_allow_waypoint: Answer::No,
            probe_sources: known(["169.254.7.127", "fd16:9254:7127:1337:ffff:ffff:ffff:ffff"]),
        }
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            kubernetes: Version::new(1, 25),
            pods: AddressSet::none(),
            services: AddressSet::none(),
            nodes: AddressSet::none(),
            api_server: AddressSet::none(),
            metadata: known(["169.254.169.254", "fd00:ec2::254"]),
        }
    }
}

/// Pods with one label.
fn pod(key: &str, value: &str, namespace: &str) -> PodSelector {
    PodSelector { labels: Labels::from([(key.into(), value.into())]), namespace: namespace.into() }
}

/// Addresses that are known to be some; a test reads every default.
fn known<const N: usize>(addresses: [&str; N]) -> AddressSet {
    addresses.into_iter().filter_map(|address| Prefix::parse(address).ok()).collect()
}

/// Ports of TCP.
fn tcp<const N: usize>(ports: [u16; N]) -> PortSet {
    PortSet::from_intervals(Protocol::Tcp, Intervals::collect(ports.map(|port| (port, port))))
}
