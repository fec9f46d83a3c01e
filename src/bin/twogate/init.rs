//! `twogate init`: a first program from what runs.
//!
//! Owns: the command, and that no file is ever replaced. What stands in the files is the library's.

use crate::exit::{Exit, Failure, reason};
use crate::files::{Finder, Loader};
use crate::inputs::{self, MANIFESTS};
use crate::replace::Pending;
use crate::report::{self, Format};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use twogate::diagnostic::order::has_error;
use twogate::init::{NewFile, start};

/// Write a first program from manifests or a dump of a cluster.
///
/// Each namespace gets a file in `intents` that closes it and says who runs there; what the manifests show of who calls whom
/// stands in it as comments. `twogate.toml` says what the cluster is. Files that are there already are never touched. For a dump pipe
/// `kubectl get nodes,namespaces,deployments,statefulsets,daemonsets,cronjobs,services,configmaps -A -o yaml` into `twogate init -`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  twogate init inventory.yaml -o first\n  twogate init - -o second < inventory.yaml")]
pub(crate) struct Init {
    /// Manifests that say what runs: files, folders or `-`
    #[arg(value_name = "P", required = true)]
    paths: Vec<PathBuf>,

    /// The folder to write `intents` and `twogate.toml` to
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    output: PathBuf,

    /// The namespace of objects that name none, instead of `default`
    #[arg(short, long, value_name = "NS", value_parser = inputs::namespace)]
    namespace: Option<String>,
}

impl Init {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let mut finder = Finder::default();
        let items = finder.find(&self.paths, MANIFESTS);
        finder.finish()?;
        let mut loader = Loader::default();
        let manifests = loader.load(&items);
        let (sources, findings) = loader.finish()?;
        if has_error(&findings) {
            return report::findings(&findings, &sources, Format::Human);
        }
        let namespace = self.namespace.as_deref().unwrap_or("default").into();
        let started = start(sources, &manifests, &namespace);
        if report::findings(&started.findings, &started.sources, Format::Human)? == Exit::Found {
            return Ok(Exit::Found);
        }
        let folder: PathBuf = self.output.components().collect();
        refuse_existing(&folder, &started.files)?;
        write(&folder, &started.files)?;
        tell(&folder, &started.files)?;
        Ok(Exit::Fine)
    }
}

/// Fails if any of the files is there, or cannot be known not to be.
fn refuse_existing(folder: &Path, files: &[NewFile]) -> Result<(), Failure> {
    let problem = |file: &NewFile| {
        let path = folder.join(&file.path);
        match path.symlink_metadata() {
            Ok(_) => Some(format!("{} is there already; nothing was written", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => Some(format!("cannot look at {}: {}", path.display(), reason(&error))),
        }
    };
    Failure::all(files.iter().filter_map(problem).collect())
}

/// Writes all files beside their places first. Then each takes its place, if that is still free.
fn write(folder: &Path, files: &[NewFile]) -> Result<(), Failure> {
    let mut pending = Vec::with_capacity(files.len());
    for file in files {
        let path = folder.join(&file.path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|error| Failure::file("make", parent, &error))?;
        pending.push(Pending::write(&path, &file.text).map_err(|error| Failure::file("write", &path, &error))?);
    }
    for file in pending {
        let path = file.target().to_owned();
        file.commit_new().map_err(|error| Failure::file("write", &path, &error))?;
    }
    Ok(())
}

/// Says what was written and what comes next.
fn tell(folder: &Path, files: &[NewFile]) -> Result<(), Failure> {
    for file in files {
        report::say(&format!("{}: {}", folder.join(&file.path).display(), file.summary))?;
    }
    let intents = folder.join(twogate::init::INTENTS);
    report::say(
        "Everything in these namespaces is closed now. Before you apply any of it, take the `# ` from the suggestions that are right.",
    )?;
    report::say(&format!("Then: twogate check {}", intents.display()))
}
