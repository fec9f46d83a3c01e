//! Clusters to be asked: from manifests, or from what intents compile to.
//!
//! Owns: `Judged`, `given`, `emitted`. Whatever is read here is read as anybody's YAML; that some of it was written a moment ago
//! changes nothing.

use std::sync::Arc;

use super::{Believed, Input, Mesh, Outcome, platform, platform_of_manifests};
use crate::cluster::{self, Cluster, Platform, Workload};
use crate::config::Config;
use crate::diagnostic::level::Levels;
use crate::diagnostic::{Diagnostic, Level, code};
use crate::flow::Peer;
use crate::source::{FileId, Source, Sources};

/// Manifests, read and ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    /// The text of all files, for findings and reasons.
    pub sources: Sources,
    /// What was found, at settled levels.
    pub findings: Vec<Diagnostic>,
    /// What can be asked.
    pub cluster: Cluster,
    /// What the cluster is.
    pub config: Config,
    /// Whether anything said how pods take part in a mesh.
    pub mesh: Mesh,
}

impl Judged {
    /// Whether there are errors in this file. What a configuration in error meant is not known, so nothing that hangs on it is to be answered.
    pub fn has_errors_in(&self, file: Option<FileId>) -> bool {
        let is_there = |finding: &&Diagnostic| file.is_some() && finding.location().map(|location| location.file) == file;
        self.findings.iter().filter(is_there).any(|finding| finding.level == Level::Error)
    }
}

/// Anybody's manifests, with the inventory of the input; its intents are left aside.
pub fn given(input: &Input, manifests: &[FileId]) -> Judged {
    let mut findings = Vec::new();
    let mut config = super::read_config(input, &mut findings);
    let files: Vec<FileId> = manifests.iter().chain(&input.inventory).chain(&input.alongside).copied().collect();
    let mesh = Mesh::of(input.config, &input.sources, &files);
    mesh.settle(&mut config);
    let namespace = input.namespace.as_deref().unwrap_or("default");
    let platform = Platform { default_namespace: Some(namespace.into()), ..platform_of_manifests(&config) };
    let judged = judged(input.sources.clone(), &files, findings, platform, config);
    let mut judged = Judged { mesh, ..judged };
    judged.findings.extend(no_objects(&judged.cluster, &judged.sources, manifests));
    judged
}

/// The finding that manifests hold no object at all, as what a failed command leaves behind (code `no-input`); none if they do.
pub fn no_objects(cluster: &Cluster, sources: &Sources, manifests: &[FileId]) -> Option<Diagnostic> {
    if manifests.is_empty() || cluster.holds_anything_of(manifests) {
        return None;
    }
    let names: Vec<String> = manifests.iter().filter_map(|file| Some(format!("`{}`", sources.get(*file)?.name()))).take(3).collect();
    let finding = Diagnostic::unplaced(code::NO_INPUT, format!("there is no object in {}", names.join(", ")));
    Some(finding.note("no manifest is no proof that everything passes").help("look at what wrote it: a command that fails writes nothing"))
}

/// What intents compiled to, with the inventory that they were compiled with and the policies of others beside it. Nothing is to
/// be asked if the outcome has an error.
pub fn emitted(outcome: &Outcome, input: &Input) -> Judged {
    let mut sources = outcome.sources.clone();
    let written = outcome.files.iter().filter(|file| !file.path.ends_with("kustomization.yaml"));
    let written = written.map(|file| sources.add(Source::new(file.path.as_str(), Arc::clone(&file.text))));
    let files: Vec<FileId> = written.chain(input.inventory.iter().chain(&input.alongside).copied()).collect();
    let namespace = input.namespace.as_deref().unwrap_or("default");
    let config = outcome.policy.config.clone();
    let platform = Platform { default_namespace: Some(namespace.into()), ..platform(&config) };
    let judged = judged(sources, &files, Vec::new(), platform, config);
    let believed = Believed::new(&outcome.policy, &outcome.policy.inventory);
    let as_declared = |workload: &Workload| {
        let pod = workload.endpoint.clone();
        let namespace = if let Peer::Pod(pod) = &pod.peer { pod.namespace.to_string() } else { String::new() };
        believed.pod(pod, &format!("{} {namespace}/{}", workload.kind, workload.name))
    };
    Judged { cluster: judged.cluster.with_pods(as_declared), ..judged }
}

fn judged(sources: Sources, files: &[FileId], mut findings: Vec<Diagnostic>, platform: Platform, config: Config) -> Judged {
    let (cluster, found) = cluster::read(&sources, files, platform);
    findings.extend(found);
    let findings = Levels::new(config.lints.settings()).apply(findings);
    Judged { sources, findings, cluster, config, mesh: Mesh::Stated }
}
