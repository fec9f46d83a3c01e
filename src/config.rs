//! What the cluster is and how the tool shall behave: `twogate.toml`.
//!
//! Owns: `Config`, its keys with their defaults, and the reading of the file. Every key stands once, in [`KEYS`], with its
//! default and its meaning; the reference page is made from it. It must not look for the file, nor know any intent.

mod date;
mod diff;
mod keys;
mod lints;
mod selector;
mod value;

use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Diagnostic, code, nearest};
use crate::flow::{AddressSet, DataPlane, PathNormalization, PortSet, Symbol};
use crate::source::{FileId, Location, Source, Span};

pub(crate) use date::is_date;
pub use diff::{AllowedExposure, Diff};
pub use keys::{KEYS, Key};
pub use lints::{LintLevel, Lints};
pub use selector::{PodSelector, SelectorError};

use value::{Findings, Written};

/// The largest `twogate.toml` that is read, in bytes.
pub const MAX_FILE: usize = 1 << 20;

/// Namespaces that hold the cluster itself; together with the mesh's root namespace they are managed only if
/// `tenancy.system-namespaces` names them.
pub const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// Everything that `twogate.toml` says, or its defaults, which suit a stock cluster. [`KEYS`] tells what each key means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The mesh.
    pub mesh: Mesh,
    /// The cluster's versions and addresses.
    pub cluster: Cluster,
    /// The cluster's DNS.
    pub dns: Dns,
    /// Where sidecars get their configuration and certificates.
    pub control_plane: Servers,
    /// Who reads metrics from sidecars, and on which of their ports.
    pub scraper: Servers,
    /// What is left of a client's address behind the cluster's edge.
    pub ingress: IngressSource,
    /// What the network plugin does where Kubernetes leaves it open.
    pub network_plugin: NetworkPlugin,
    /// Who may open what.
    pub tenancy: Tenancy,
    /// How manifests are written.
    pub output: Output,
    /// What `twogate diff` accepts.
    pub diff: Diff,
    /// Levels that differ from the findings' own.
    pub lints: Lints,
}

/// What is known of the mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mesh {
    /// How pods take part in namespaces that do not say it themselves. `None`: there is no mesh.
    pub mode: DataPlane,
    /// Whether the file says that.
    pub mode_said: Answer,
    /// The oldest Istio that the manifests shall work with.
    pub istio: Version,
    /// The trust domain of workload identities.
    pub trust_domain: Symbol,
    /// Further trust domains whose identities count as the mesh's own.
    pub trust_domain_aliases: BTreeSet<Symbol>,
    /// The namespace whose policies act on the whole mesh.
    pub root_namespace: Symbol,
    /// What the mesh does to paths before it compares them.
    pub path_normalization: PathNormalization,
    /// Whether sidecars speak to ztunnel over HBONE.
    pub hbone_from_sidecars: Answer,
    /// Whether selector policies also act on waypoints.
    pub layered_waypoint_policies: Answer,
    /// Whether workloads behind a waypoint admit its identity without being told.
    pub auto_allow_waypoint: Answer,
    /// The addresses that the probes of a pod's own node have in ambient mode (`semantics.md` §5.4).
    pub probe_sources: AddressSet,
}

/// What is known of the cluster. An empty set of addresses means that they are not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The oldest Kubernetes that the manifests shall work with.
    pub kubernetes: Version,
    /// The addresses of pods.
    pub pods: AddressSet,
    /// The addresses of Services.
    pub services: AddressSet,
    /// The addresses of nodes.
    pub nodes: AddressSet,
    /// The addresses of the API servers.
    pub api_server: AddressSet,
    /// The addresses at which a cloud hands out a machine's credentials.
    pub metadata: AddressSet,
}

/// Where pods ask for names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dns {
    /// The DNS pods.
    pub pods: Vec<PodSelector>,
    /// The ports that they listen on, which are not those of their Service on every platform (`semantics.md` §5.3).
    pub ports: PortSet,
    /// Addresses of caches on the nodes.
    pub node_local: AddressSet,
}

/// Pods that others call, or that call others, on fixed ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Servers {
    /// The pods; none where there is nothing of the kind.
    pub pods: Vec<PodSelector>,
    /// The ports.
    pub ports: PortSet,
}

/// What an address policy inside the cluster sees of a client outside (`semantics.md` §1.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IngressSource {
    /// Not known.
    Unknown,
    /// The client's own address.
    Client,
    /// The address of a node.
    Nodes,
    /// One of these addresses, a load balancer's as a rule.
    Addresses(AddressSet),
}

/// What the network plugin does where Kubernetes leaves it open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkPlugin {
    /// Whether an `ipBlock` matches the addresses of pods (`semantics.md` §1.8).
    pub ipblock_matches_pods: Answer,
    /// Whether `endPort` works (`semantics.md` §1.6).
    pub end_port: Answer,
    /// Whether named ports work (`semantics.md` §1.6).
    pub named_ports: Answer,
    /// Whether SCTP is judged.
    pub sctp: Answer,
}

/// Who may open what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenancy {
    /// Whose rules open an end.
    pub consent: Consent,
    /// Namespaces of the system that may be managed all the same.
    pub system_namespaces: BTreeSet<Symbol>,
}

/// Whose rules open the ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// A rule opens both ends, wherever they are.
    Either,
    /// A rule opens only the ends in its own namespace.
    Both,
}

/// How manifests are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Into which files.
    pub layout: Layout,
    /// Whether a `kustomization.yaml` stands beside them.
    pub kustomization: Kustomization,
    /// Whether objects say in which order they are to be applied.
    pub sync_waves: SyncWaves,
}

/// Into which files manifests go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// A folder for each namespace, a file in it for each kind.
    Kinds,
    /// A file for each namespace.
    Namespaces,
}

/// Whether a `kustomization.yaml` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kustomization {
    /// It is.
    Write,
    /// It is not.
    Omit,
}

/// Whether objects carry annotations about the order in which they are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncWaves {
    /// They do not.
    Off,
    /// They carry those of Argo CD.
    ArgoCd,
}

/// An answer about a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is so.
    Yes,
    /// It is not so.
    No,
    /// Nobody said.
    Unknown,
}

/// The version of a platform, ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
    /// The third number, 0 where none is written.
    pub patch: u16,
}

impl Version {
    /// A version without a third number.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor, patch: 0 }
    }
}

/// As people write it; a third number only where it is not 0.
impl std::fmt::Display for Version {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{}", self.major, self.minor)?;
        if self.patch == 0 { Ok(()) } else { write!(out, ".{}", self.patch) }
    }
}

impl Config {
    /// Whether a namespace holds the cluster or the mesh itself and may not be managed, as `tenancy.system-namespaces` does
    /// not name it.
    pub fn is_protected(&self, namespace: &str) -> bool {
        let system = SYSTEM_NAMESPACES.contains(&namespace) || *namespace == *self.mesh.root_namespace;
        system && !self.tenancy.system_namespaces.contains(namespace)
    }
}

/// Reads `twogate.toml`.
///
/// Every problem is found in one run: `invalid-config` for text that is no TOML and values that are not what their key takes,
/// `unknown-key`, `unknown-code`, `invalid-address`, `host-bits`. A key with a problem keeps its default.
pub fn read(file: FileId, source: &Source) -> (Config, Vec<Diagnostic>) {
    let mut config = Config::default();
    let mut findings = Findings::new(file, source);
    if source.text().len() > MAX_FILE {
        let location = Location { file, span: Span::default() };
        let message = format!("`{}` is larger than {} KiB", source.name(), MAX_FILE >> 10);
        return (config, vec![Diagnostic::new(code::FILE_TOO_LARGE, location, message)]);
    }
    let (table, errors) = DeTable::parse_recoverable(source.text());
    for error in errors {
        let span = error.span().map_or_else(Span::default, |range| Span::new(range.start, range.end));
        findings.no_toml(span, error.message());
    }
    for (name, value) in table.get_ref() {
        section(&mut config, name, value, &mut findings);
    }
    (config, findings.finish())
}

/// Whether the file says anything of the mesh.
pub fn speaks_of_mesh(source: &Source) -> bool {
    let (table, _) = DeTable::parse_recoverable(source.text());
    table.get_ref().iter().any(|(name, value)| name.get_ref() == MESH && value.get_ref().as_table().is_some_and(|keys| !keys.is_empty()))
}

/// Reads one section of the file.
fn section(config: &mut Config, name: &Spanned<std::borrow::Cow<'_, str>>, value: &Spanned<DeValue<'_>>, findings: &mut Findings<'_>) {
    let section = name.get_ref();
    if !sections().any(|known| known == section) {
        return unknown_section(name, findings);
    }
    let DeValue::Table(table) = value.get_ref() else {
        return findings.no_section(value.span(), section);
    };
    for (key, value) in table {
        if section == LINTS {
            lints::set(&mut config.lints, key, value, findings);
            continue;
        }
        let full = format!("{section}.{}", key.get_ref());
        match KEYS.iter().find(|known| known.name == full) {
            Some(known) => {
                (known.set)(config, Written { key: known.name, value: value.get_ref(), span: value.span() }, findings);
                note_mode(config, known);
            }
            None => unknown_key(section, key, findings),
        }
    }
}

/// Notes that the file says how pods take part in the mesh.
fn note_mode(config: &mut Config, key: &Key) {
    if key.name == "mesh.mode" {
        config.mesh.mode_said = Answer::Yes;
    }
}

/// The section whose keys are codes of findings.
const LINTS: &str = "lints";

/// The section of the mesh.
const MESH: &str = "mesh";

/// The sections of the file, in the order of the keys; some come more than once.
fn sections() -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter_map(|key| key.name.split_once('.')).map(|(section, _)| section)
}

/// The keys of a section, without its name.
fn keys_of(section: &str) -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter_map(|key| key.name.split_once('.')).filter(move |(own, _)| *own == section).map(|(_, key)| key)
}

/// A section that does not exist.
fn unknown_section(name: &Spanned<std::borrow::Cow<'_, str>>, findings: &mut Findings<'_>) {
    let written = name.get_ref();
    let location = findings.location(name.span());
    let finding = Diagnostic::new(code::UNKNOWN_KEY, location, format!("`{written}` is no section of `twogate.toml`"));
    // A key outside its section is the likelier slip where the name is exactly a key's.
    let home = KEYS.iter().find(|key| key.name.split_once('.').is_some_and(|(_, key)| key == written));
    findings.add(match (home, nearest(written, sections())) {
        (Some(key), _) => finding.help(format!("write it as `{}`", key.name)),
        (None, Some(near)) => finding.fix(format!("did you mean `{near}`?"), location, near),
        (None, None) => finding.help(format!("the sections are {}", value::listed(&sections().collect::<BTreeSet<_>>(), "and"))),
    });
}

/// A key that its section does not have.
fn unknown_key(section: &str, key: &Spanned<std::borrow::Cow<'_, str>>, findings: &mut Findings<'_>) {
    let written = key.get_ref();
    let location = findings.location(key.span());
    let finding = Diagnostic::new(code::UNKNOWN_KEY, location, format!("`{section}` has no key `{written}`"));
    let elsewhere = KEYS.iter().find(|known| known.name.split_once('.').is_some_and(|(_, known)| known == written));
    findings.add(match (nearest(written, keys_of(section)), elsewhere) {
        (_, Some(known)) => finding.help(format!("the key is `{}`", known.name)),
        (Some(near), None) => finding.fix(format!("did you mean `{near}`?"), location, near),
        (None, None) => finding.help(format!("its keys are {}", value::listed(&keys_of(section).collect::<Vec<_>>(), "and"))),
    });
}

#[cfg(test)]
mod tests;
