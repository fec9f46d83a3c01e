//! Clusters to be asked: from manifests, or from what intents compile to.
//!
//! Owns: `Judged`, `given`, `emitted`. Whatever is read here is read as anybody's YAML; that some of it was written a moment ago
//! changes nothing.

use super::{Input, Outcome, platform};
use crate::cluster::{self, Cluster, Platform};
use crate::config::Config;
use crate::diagnostic::level::Levels;
use crate::diagnostic::{Diagnostic, code};
use crate::flow::{DataPlane, Symbol};
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
    /// Whether nothing said anything of a mesh, so that pods are taken without one.
    pub without_mesh: bool,
}

/// Anybody's manifests, with the inventory of the input; its intents are left aside.
pub fn given(input: &Input, manifests: &[FileId]) -> Judged {
    let mut findings = Vec::new();
    let mut config = super::read_config(input, &mut findings);
    let files: Vec<FileId> = manifests.iter().chain(&input.inventory).chain(&input.alongside).copied().collect();
    let without_mesh = input.config.is_none() && !speaks_of_mesh(&input.sources, &files);
    if without_mesh {
        config.mesh.mode = DataPlane::None;
    }
    let namespace = input.namespace.as_deref().unwrap_or("default");
    let judged = judged(input.sources.clone(), &files, findings, namespace.into(), config);
    let mut judged = Judged { without_mesh, ..judged };
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

/// Whether manifests speak of Istio at all, comments left aside.
pub fn speaks_of_mesh(sources: &Sources, files: &[FileId]) -> bool {
    let mut texts = files.iter().filter_map(|file| sources.get(*file)).map(Source::text);
    texts.any(|text| text.match_indices("istio").any(|(at, _)| is_word_of_mesh(text, at)))
}

/// Whether `istio` at a place begins a word by which objects take part in the mesh, outside a line of comment.
fn is_word_of_mesh(text: &str, at: usize) -> bool {
    let (before, behind) = (text.get(..at).unwrap_or_default(), text.get(at..).unwrap_or_default());
    let line = before.rsplit('\n').next().unwrap_or_default();
    ["istio.io", "istio-injection", "istio-proxy"].into_iter().any(|word| behind.starts_with(word)) && !line.trim_start().starts_with('#')
}

/// What intents compiled to, with the inventory that they were compiled with and the policies of others beside it. Nothing is to
/// be asked if the outcome has an error.
pub fn emitted(outcome: &Outcome, input: &Input) -> Judged {
    let mut sources = outcome.sources.clone();
    let written = outcome.files.iter().filter(|file| !file.path.ends_with("kustomization.yaml"));
    let written = written.map(|file| sources.add(Source::new(file.path.as_str(), file.text.as_str())));
    let files: Vec<FileId> = written.chain(input.inventory.iter().chain(&input.alongside).copied()).collect();
    let namespace = input.namespace.as_deref().unwrap_or("default");
    judged(sources, &files, Vec::new(), namespace.into(), outcome.policy.config.clone())
}

fn judged(sources: Sources, files: &[FileId], mut findings: Vec<Diagnostic>, namespace: Symbol, config: Config) -> Judged {
    let platform = Platform { default_namespace: Some(namespace), ..platform(&config) };
    let (cluster, found) = cluster::read(&sources, files, platform);
    findings.extend(found);
    let findings = Levels::new(config.lints.settings()).apply(findings);
    Judged { sources, findings, cluster, config, without_mesh: false }
}
