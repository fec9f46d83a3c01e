//! A first program from what runs: for each namespace a file of intents that closes it, and `twogate.toml`.
//!
//! Owns: what is written and what is not, and the trial of it: whatever comes out of here compiles, as it stands and with every
//! suggestion taken. It decides no access: all that would open something stands in a comment. It reads and writes no file.

mod calls;
mod evidence;
mod pods;
mod settings;
mod space;
mod suggest;
mod text;
mod trial;

use crate::config::SYSTEM_NAMESPACES;
use crate::diagnostic::order::has_error;
use crate::diagnostic::{Diagnostic, code};
use crate::flow::Symbol;
use crate::format;
use crate::inventory::{self, Inventory};
use crate::source::{FileId, Source, Sources};
use evidence::Evidence;
use settings::Settings;
use space::Space;
use std::collections::BTreeSet;
use text::Draft;
use trial::Trial;

/// The path of the configuration, from where the program is written to.
pub const CONFIG: &str = "twogate.toml";
/// The folder of the intents, from where the program is written to.
pub const INTENTS: &str = "intents";

/// A first program.
#[derive(Debug, Clone, Default)]
pub struct Started {
    /// The text of all files, for the findings.
    pub sources: Sources,
    /// What was found in the manifests.
    pub findings: Vec<Diagnostic>,
    /// What to write, by path; empty if any finding is an error.
    pub files: Vec<NewFile>,
}

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Where, with `/` between its parts.
    pub path: String,
    /// All of it.
    pub text: String,
    /// What is in it, in a few words for people.
    pub summary: String,
}

/// Makes a first program of manifests: of what `kubectl get -o yaml`, `kustomize build` or `helm template` print.
///
/// `default_namespace` is the namespace of objects that name none. Namespaces of the system and of the mesh itself are left out.
pub fn start(sources: Sources, manifests: &[FileId], default_namespace: &Symbol) -> Started {
    let (inventory, mut findings) = inventory::read_all(files(&sources, manifests), default_namespace);
    let names = names(&inventory);
    if names.is_empty() && !has_error(&findings) {
        findings.push(nothing_runs());
    }
    if has_error(&findings) {
        return Started { sources, findings, files: Vec::new() };
    }
    let evidence = evidence::read(files(&sources, manifests), default_namespace);
    let settings = Settings::find(&inventory, &evidence);
    let spaces: Vec<Space<'_>> =
        names.iter().filter(|name| !is_left_out(name, &settings)).map(|name| Space::find(name, &inventory, &evidence, &settings)).collect();
    let mut drafts = drafts(&spaces, &inventory, &evidence);
    let trial = Trial { sources: &sources, manifests, default_namespace, config: settings.text() };
    findings.extend(trial.settle(&mut drafts));
    let files = if has_error(&findings) { Vec::new() } else { written(&drafts, &settings) };
    Started { sources, findings, files }
}

fn files<'a>(sources: &'a Sources, ids: &'a [FileId]) -> impl Iterator<Item = (FileId, &'a Source)> {
    ids.iter().filter_map(|file| Some((*file, sources.get(*file)?)))
}

/// Every namespace that any object names.
fn names(inventory: &Inventory) -> BTreeSet<Symbol> {
    let described = inventory.namespaces.keys();
    let used = inventory.workloads.iter().map(|workload| &workload.namespace);
    let served = inventory.services.iter().map(|service| &service.namespace);
    described.chain(used).chain(served).cloned().collect()
}

/// Whether a namespace is not for users' policy: the cluster's own, and those of the mesh.
fn is_left_out(name: &str, settings: &Settings) -> bool {
    SYSTEM_NAMESPACES.contains(&name) || settings.is_of_the_mesh(name)
}

fn drafts(spaces: &[Space<'_>], inventory: &Inventory, evidence: &Evidence) -> Vec<Draft> {
    let mut suggestions = suggest::all(spaces, inventory, evidence);
    let draft = |space: &Space<'_>| Draft::new(space, suggestions.remove(space.name).unwrap_or_default());
    spaces.iter().map(draft).collect()
}

/// The files, intents in their canonical form.
fn written(drafts: &[Draft], settings: &Settings) -> Vec<NewFile> {
    let intents = drafts.iter().map(|draft| {
        let path = format!("{INTENTS}/{}.intent", draft.namespace);
        let text = draft.text();
        let text = format::format(FileId::default(), &Source::new(path.as_str(), text.as_str())).unwrap_or(text);
        NewFile { path, text, summary: draft.summary() }
    });
    let config = NewFile { path: CONFIG.to_owned(), text: settings.text(), summary: settings.summary() };
    intents.chain([config]).collect()
}

fn nothing_runs() -> Diagnostic {
    Diagnostic::unplaced(code::NO_INPUT, "the manifests hold no namespace, no workload and no Service")
        .help("give what runs: `kubectl get namespaces,deployments,statefulsets,daemonsets,cronjobs,services,nodes -A -o yaml`, or the manifests that it comes from")
}
