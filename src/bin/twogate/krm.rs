//! `twogate krm`: the program as a KRM function.
//!
//! Owns: the command. What a function answers is the library's.

use crate::exit::{Exit, Failure};
use crate::files::{Item, Loader};
use crate::report::{self, Format};
use clap::Args;
use std::path::PathBuf;
use twogate::diagnostic::order::has_error;
use twogate::krm::{Answer, on_resource_list, on_stream};
use twogate::source::{FileId, Source, Sources};

/// Run as a KRM function, for kustomize, kpt and kubectl.
///
/// A `ResourceList` is read from the standard input, and written with the policies to the standard output. The program stands in the
/// function's own configuration, under `spec.intents`; the other resources say what runs. Findings become results. kpt calls it with
/// `--exec "twogate krm"`; kustomize with `--enable-alpha-plugins --enable-exec`, by a link named `twogate-krm`, because it passes no
/// arguments. With CONFIG it is one of kustomize's older exec plugins, the only ones that `kubectl kustomize` runs: the resources come
/// and go as a stream of documents.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  twogate krm < resources.yaml\n  twogate krm policies.yaml < inventory.yaml")]
pub(crate) struct Krm {
    /// The function's configuration, where it is not in the `ResourceList`
    #[arg(value_name = "CONFIG")]
    configuration: Option<PathBuf>,
}

impl Krm {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let mut loader = Loader::default();
        let configuration = self.configuration.map(|path| loader.load_one(&Item::file(&path)));
        let resources = loader.load_one(&Item::Stdin);
        let (sources, findings) = loader.finish()?;
        if has_error(&findings) {
            return report::findings(&findings, &sources, Format::Human);
        }
        let resources = taken(&sources, resources);
        let answer: Answer = match configuration {
            Some(configuration) => on_stream(taken(&sources, configuration), resources),
            None => on_resource_list(resources),
        };
        report::print(&answer.text)?;
        report::findings(&answer.findings, &answer.sources, Format::Human)
    }
}

/// A file that was read.
fn taken(sources: &Sources, file: Option<FileId>) -> Source {
    file.and_then(|file| sources.get(file)).cloned().unwrap_or_else(|| Source::new("<stdin>", ""))
}
