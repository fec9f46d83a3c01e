//! Twogate as a KRM function: a `ResourceList` in, the same with the policies and the findings out.
//!
//! Owns: the order of the steps, and that nothing is generated where anything is wrong. The program stands in the function's own
//! configuration, the items say what runs. It reads no file: what it compiles is all in what it is given.

mod answer;
mod configuration;
mod items;
mod results;

use crate::compile::{Input, Outcome, compile};
use crate::diagnostic::order::has_error;
use crate::diagnostic::{Diagnostic, code};
use crate::manifest::{Document, Whereabouts, documents};
use crate::source::{FileId, Source, Sources, Span};
use crate::target::Manifest;
use configuration::Configuration;
use items::Items;

/// What became of a run.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// What to print; empty if the input was not what it should be.
    pub text: String,
    /// The text of all files, for the findings.
    pub sources: Sources,
    /// What was found.
    pub findings: Vec<Diagnostic>,
}

/// Runs on a `ResourceList`, as the KRM functions specification has it: kustomize with `--enable-exec`, kpt.
///
/// `functionConfig.spec` holds `intents` (a text, or a map of texts) and, if need be, `config` (what `twogate.toml` would hold),
/// `namespace` and `targets`. The items come back as they were, and behind them the policies; those of an earlier run are replaced.
/// With an error nothing is generated, and the items come back alone.
pub fn on_resource_list(list: Source) -> Answer {
    let mut sources = Sources::default();
    let file = sources.add(list);
    let (configuration, items, mut findings) = match whole(&sources, file) {
        Ok(document) => answer::read(document),
        Err(finding) => return Answer { text: String::new(), findings: vec![*finding], sources },
    };
    let Some(items) = items else { return Answer { text: String::new(), findings, sources } };
    let manifests = run(configuration, &mut sources, &mut findings, &[file], &items);
    let text = answer::print(&items, &manifests, &findings, &sources);
    Answer { text, sources, findings }
}

/// Runs as one of kustomize's older exec plugins, the only ones that `kubectl kustomize` runs: the configuration is a file of its own, and
/// resources come and go as a stream of documents. A generator gets none.
pub fn on_stream(configuration: Source, resources: Source) -> Answer {
    let mut sources = Sources::default();
    let own = sources.add(configuration);
    let file = sources.add(resources);
    let (configuration, mut findings) = match whole(&sources, own) {
        Ok(document) => configuration::read_alone(document),
        Err(finding) => return Answer { text: String::new(), findings: vec![*finding], sources },
    };
    let items = sources.get(file).map(|source| Items::of_stream(file, source)).unwrap_or_default();
    let manifests = run(configuration, &mut sources, &mut findings, &[file], &items);
    let text = if has_error(&findings) { String::new() } else { answer::stream(&items, &manifests) };
    Answer { text, sources, findings }
}

/// Compiles; what is generated, in the order in which it is safely applied, or nothing and findings.
fn run(
    configuration: Option<Configuration>,
    sources: &mut Sources,
    findings: &mut Vec<Diagnostic>,
    inventory: &[FileId],
    items: &Items,
) -> Vec<Manifest> {
    let Some(configuration) = configuration.filter(|_| !has_error(findings)) else { return Vec::new() };
    let intents = configuration.intents.into_iter().map(|(name, text)| sources.add(Source::new(name, text))).collect();
    let config = configuration.config.map(|text| sources.add(Source::new("spec.config", text)));
    let (namespace, targets) = (configuration.namespace, configuration.targets);
    let input =
        Input { sources: std::mem::take(sources), intents, inventory: inventory.to_vec(), config, namespace, targets, ..Input::default() };
    let Outcome { sources: compiled, findings: found, mut manifests, .. } = compile(input);
    *sources = compiled;
    findings.extend(found);
    findings.extend(manifests.iter().filter_map(|manifest| items.in_the_way(manifest)).map(|item| in_the_way(item.document)));
    if has_error(findings) {
        return Vec::new();
    }
    if manifests.is_empty() {
        findings.push(nothing_managed());
    }
    manifests.sort_by(|left, right| {
        (left.turn, &left.namespace, left.kind, &left.name).cmp(&(right.turn, &right.namespace, right.kind, &right.name))
    });
    manifests
}

/// The one document of a file.
fn whole(sources: &Sources, file: FileId) -> Result<Document<'_>, Box<Diagnostic>> {
    let found = sources.get(file).map(|source| (source, documents(source.text()).collect::<Vec<Span>>()));
    match found {
        Some((source, spans)) => match spans.as_slice() {
            [span] => Ok(Document { file, source, span: *span, object: Whereabouts::Whole, code: code::INVALID_CONFIG }),
            [] => Err(Box::new(not_one("there is nothing to work on"))),
            _ => Err(Box::new(not_one("there is more than one document"))),
        },
        None => Err(Box::new(not_one("there is nothing to work on"))),
    }
}

fn not_one(message: &str) -> Diagnostic {
    Diagnostic::unplaced(code::INVALID_CONFIG, message).help("a KRM function reads one ResourceList on its standard input")
}

fn nothing_managed() -> Diagnostic {
    Diagnostic::unplaced(code::NO_INPUT, "the intents manage no namespace, so there is nothing to generate")
        .help("open a namespace with `namespace NAME`")
}

/// An object that has a generated one's name and is somebody else's.
fn in_the_way(location: crate::source::Location) -> Diagnostic {
    Diagnostic::new(code::STALE_OUTPUT, location, "a policy of this name is to be generated, and this one was not written by Twogate")
        .label("in the way")
        .help("take it out of the resources, or give it another name")
}
