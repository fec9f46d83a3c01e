//! The two sides of a command: what was and what is to be.
//!
//! Owns: the arguments that name them, and the way from a revision, a folder or manifests to texts. Nothing is compared here.

use crate::exit::{Exit, Failure};
use crate::files::{Finder, Item, Loader};
use crate::git::{self, Commit};
use crate::inputs::{INTENTS, MANIFESTS, find_config, namespace, no_input, or_default};
use crate::report::{self, Format as Findings};
use clap::Args;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use twogate::compile::Input;
use twogate::diagnostic::Diagnostic;
use twogate::diff::{Revision, Unjudged, Which};
use twogate::source::FileId;

/// The arguments that name the two sides.
#[derive(Debug, Args)]
pub(crate) struct Sides {
    /// What was: a revision, a folder, a file, or `-` for the standard input
    #[arg(value_name = "BASE")]
    base: Option<String>,

    /// What is to be: a revision, a folder, a file or `-`; without it the working tree
    #[arg(value_name = "HEAD")]
    head: Option<String>,

    /// Compare anyone's manifests instead: a file, a folder or `-` each, as a cluster's dump
    #[arg(long, num_args = 2, value_names = ["A", "B"], conflicts_with_all = ["base", "head", "intents", "inventory", "with"])]
    manifests: Vec<PathBuf>,

    /// Where revisions and the working tree keep the intents, instead of `intents` if it is there, else `.`; may be repeated
    #[arg(long, value_name = "P")]
    intents: Vec<PathBuf>,

    /// Manifests that say what runs, of the revision if it holds them: files or folders; may be repeated
    #[arg(long, value_name = "P")]
    inventory: Vec<PathBuf>,

    /// Intents of others, which are taken as applied, of the revision if it holds them; may be repeated
    #[arg(long, value_name = "P")]
    with: Vec<PathBuf>,

    /// The configuration, instead of the next `twogate.toml` upwards from the intents
    #[arg(long, value_name = "F")]
    config: Option<PathBuf>,

    /// The namespace of statements that stand in none, instead of `default`
    #[arg(short, long, value_name = "NS", value_parser = namespace)]
    namespace: Option<String>,

    /// Compare with BASE itself and not with where HEAD left it
    #[arg(long)]
    no_merge_base: bool,
}

/// What names the standard input.
const STDIN: &str = "-";

/// The finding that both sides are empty, and so are the same, which is more likely a mistyped path than a wish.
fn nothing_to_compare(paths: &[PathBuf]) -> Diagnostic {
    let finding = no_input(paths).note("both sides are empty, so there is no difference to tell");
    let manifests = Finder::default().find(paths, MANIFESTS);
    if manifests.is_empty() { finding } else { finding.help("what is there are manifests: `--manifests A B` compares those") }
}

fn twice() -> Failure {
    Failure::new("cannot read -: the standard input can be read only once")
}

/// Both sides, read.
pub(crate) enum Read {
    /// Programs.
    Intents(Revision, Revision),
    /// Manifests.
    Manifests(Revision, Revision),
    /// There is nothing to read, which was said.
    Nothing(Exit),
}

/// Where a side's texts are.
#[derive(Debug, Clone)]
enum Place {
    /// In a commit.
    Commit(Commit),
    /// In files: the default ones of the working tree, or one that was named.
    Files(Option<PathBuf>),
}

impl Sides {
    /// Reads both sides. `today` decides which accepted exposures still count.
    pub(crate) fn read(&self, today: Option<&str>) -> Result<Read, Failure> {
        if let [base, head] = self.manifests.as_slice() {
            if base.as_os_str() == STDIN && head.as_os_str() == STDIN {
                return Err(twice());
            }
            let (old, new) = (self.dump(base)?, self.dump(head)?);
            if old.input.inventory.is_empty() && new.input.inventory.is_empty() {
                return Err(Failure::new(format!("there is no manifest in {} and none in {}", base.display(), head.display())));
            }
            return Ok(Read::Manifests(old, new));
        }
        if [&self.base, &self.head].into_iter().flatten().filter(|side| *side == STDIN).count() == 2 {
            return Err(twice());
        }
        let places = self.places()?;
        let (base, head) = (self.revision(&places.0, today)?, self.revision(&places.1, today)?);
        if base.input.intents.is_empty() && head.input.intents.is_empty() {
            let named = match &places {
                (Place::Files(Some(base)), Place::Files(Some(head))) => vec![base.clone(), head.clone()],
                _ => self.folders(),
            };
            report::findings(&[nothing_to_compare(&named)], &head.input.sources, Findings::Human)?;
            return Ok(Read::Nothing(Exit::NotJudged));
        }
        Ok(Read::Intents(base, head))
    }

    /// What was read from the disk for a revision that does not hold it. Where neither revision does, both read the same.
    pub(crate) fn notes(&self) -> Result<Vec<String>, Failure> {
        if !self.manifests.is_empty() || self.with.is_empty() && self.inventory.is_empty() && self.config.is_none() {
            return Ok(Vec::new());
        }
        let (base, head) = self.places()?;
        let (old, new) = (self.lacking(&base), self.lacking(&head));
        let told = |place: &Place, lacks: &BTreeSet<&Path>, other: &BTreeSet<&Path>| -> Vec<String> {
            let Place::Commit(commit) = place else { return Vec::new() };
            let words =
                |path: &&Path| format!("{} does not hold `{}`, so what is on the disk was read for it", commit.name, path.display());
            lacks.difference(other).map(words).collect()
        };
        let mut notes = told(&base, &old, &new);
        notes.extend(told(&head, &new, &old));
        Ok(notes)
    }

    /// The paths that are named and that a revision does not hold, but its repository could.
    fn lacking(&self, place: &Place) -> BTreeSet<&Path> {
        let Place::Commit(commit) = place else { return BTreeSet::new() };
        let all = [(&*self.with, INTENTS), (&*self.inventory, MANIFESTS), (self.config.as_slice(), &[])];
        let is_lacking = |path: &&PathBuf, extensions: &[&str]| {
            let held = from_git(commit, std::slice::from_ref(*path), extensions, &mut Loader::default());
            // In a submodule git cannot look, as it cannot outside of the repository.
            is_inside(path) && !path.starts_with("..") && held.is_ok_and(|files| files.is_none_or(|files| files.is_empty()))
        };
        let lacking = all.into_iter().flat_map(|(paths, extensions)| paths.iter().filter(move |path| is_lacking(path, extensions)));
        lacking.map(PathBuf::as_path).collect()
    }

    /// One side of manifests. A folder without any is a cluster with none, as before the first of them.
    fn dump(&self, path: &Path) -> Result<Revision, Failure> {
        let mut finder = Finder::default();
        let items = finder.find(&[path.to_owned()], MANIFESTS);
        finder.finish()?;
        let config = self.config.clone().or_else(|| find_config(Path::new("")));
        let mut loader = Loader::default();
        let inventory = loader.load(&items);
        let config = config.and_then(|path| loader.load_one(&Item::file(&path)));
        let is_empty = |file: &FileId| loader.sources.get(*file).is_none_or(|source| source.text().trim().is_empty());
        if path.as_os_str() == STDIN && inventory.iter().all(is_empty) {
            return Err(Failure::new("the standard input is empty: whoever was to write the manifests has failed"));
        }
        let input = finished(loader, Input { inventory, config, namespace: self.namespace.clone(), ..Input::default() })?;
        Ok(Revision { name: path.display().to_string(), input })
    }

    /// Which texts are the two sides.
    fn places(&self) -> Result<(Place, Place), Failure> {
        let head = match &self.head {
            Some(written) => named(written)?,
            None => Place::Files(None),
        };
        let base = match &self.base {
            Some(written) => named(written)?,
            None => Place::Commit(git::default_branch().or_else(|failure| git::head().and(Err(failure)))?),
        };
        let Place::Commit(base) = base else { return Ok((base, head)) };
        if self.no_merge_base {
            return Ok((Place::Commit(base), head));
        }
        let parted = match &head {
            Place::Commit(head) => git::merge_base(base, head)?,
            Place::Files(None) => git::merge_base(base, &git::head()?)?,
            Place::Files(Some(_)) => base,
        };
        Ok((Place::Commit(parted), head))
    }

    /// Where intents are by default.
    fn folders(&self) -> Vec<PathBuf> {
        or_default(self.intents.clone())
    }

    fn revision(&self, place: &Place, today: Option<&str>) -> Result<Revision, Failure> {
        let (name, mut input) = match place {
            Place::Commit(commit) => (commit.name.clone(), self.read_commit(commit)?),
            Place::Files(None) => ("working tree".to_owned(), self.read_files(&self.folders())?),
            Place::Files(Some(path)) if path.as_os_str() == STDIN => {
                ("standard input".to_owned(), self.read_files(std::slice::from_ref(path))?)
            }
            Place::Files(Some(path)) => (path.display().to_string(), self.read_files(std::slice::from_ref(path))?),
        };
        input.namespace.clone_from(&self.namespace);
        input.today = today.map(str::to_owned);
        Ok(Revision { name, input })
    }

    fn read_files(&self, paths: &[PathBuf]) -> Result<Input, Failure> {
        let mut finder = Finder::default();
        let [intents, with] = [paths, &self.with].map(|paths| finder.find(paths, INTENTS));
        let inventory = finder.find_anew(&self.inventory, MANIFESTS);
        finder.finish()?;
        let config = self.config.clone().or_else(|| paths.first().and_then(|path| find_config(path)));
        let mut loader = Loader::default();
        let [intents, with, inventory] = [intents, with, inventory].map(|items| loader.load(&items));
        let config = config.and_then(|path| loader.load_one(&Item::file(&path)));
        finished(loader, Input { intents, with, inventory, config, ..Input::default() })
    }

    /// What a commit holds; what it does not hold and was asked for by name comes from the files.
    fn read_commit(&self, commit: &Commit) -> Result<Input, Failure> {
        let mut loader = Loader::default();
        let folders = self.folders();
        let unlisted = || {
            Failure::new(format!("git cannot list the intents of {}: they are outside of the repository, or in a submodule", commit.name))
        };
        let intents = from_git(commit, &folders, INTENTS, &mut loader)?.ok_or_else(unlisted)?;
        let with = from_git_or_files(commit, &self.with, INTENTS, &mut loader)?;
        let inventory = from_git_or_files(commit, &self.inventory, MANIFESTS, &mut loader)?;
        let config = match &self.config {
            Some(path) => from_git_or_files(commit, std::slice::from_ref(path), &[], &mut loader)?.first().copied(),
            None => folders.first().map(|folder| config_of(commit, folder, &mut loader)).transpose()?.flatten(),
        };
        finished(loader, Input { intents, with, inventory, config, ..Input::default() })
    }
}

/// The standard input, a file or folder if there is one of that name, else a revision.
fn named(written: &str) -> Result<Place, Failure> {
    let path = Path::new(written);
    if written == STDIN || path.exists() { Ok(Place::Files(Some(path.to_owned()))) } else { git::commit(written).map(Place::Commit) }
}

/// Whether a path may be one of a revision.
fn is_inside(path: &Path) -> bool {
    path.is_relative() && path.as_os_str() != STDIN
}

/// The files of a commit at these paths: in folders those with one of the extensions, without what is hidden. None if git cannot look
/// there.
fn from_git(commit: &Commit, paths: &[PathBuf], extensions: &[&str], loader: &mut Loader) -> Result<Option<Vec<FileId>>, Failure> {
    let named = |path: &str| paths.iter().any(|named| named.to_str() == Some(path));
    let wanted = |path: &str| {
        let shown = !path.split('/').any(|part| part.starts_with('.') && part != "." && part != "..");
        let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
        named(path) || shown && extension.is_some_and(|extension| extensions.contains(&extension))
    };
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let blobs = git::files(commit, &paths, wanted)?;
    Ok(blobs.map(|blobs| blobs.into_iter().filter_map(|blob| loader.add(blob.path, blob.bytes)).collect()))
}

/// The same, and the files themselves where the commit holds none at a path.
fn from_git_or_files(commit: &Commit, paths: &[PathBuf], extensions: &[&str], loader: &mut Loader) -> Result<Vec<FileId>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        let held = if is_inside(path) { from_git(commit, std::slice::from_ref(path), extensions, loader)? } else { None };
        if let Some(held) = held.filter(|held| !held.is_empty()) {
            all.extend(held);
            continue;
        }
        let mut finder = Finder::default();
        let items = finder.find(std::slice::from_ref(path), extensions);
        finder.finish()?;
        all.extend(loader.load(&items));
    }
    Ok(all)
}

/// The configuration of a commit nearest to a folder. A place above the repository is none of the commit's.
fn config_of(commit: &Commit, folder: &Path, loader: &mut Loader) -> Result<Option<FileId>, Failure> {
    for above in crate::inputs::config_places(folder) {
        let Some(blobs) = git::files(commit, &[&above], |_| true)? else { return Ok(None) };
        if let Some(blob) = blobs.into_iter().next() {
            return Ok(loader.add(blob.path, blob.bytes));
        }
    }
    Ok(None)
}

/// A side that was read whole; a file that is no text makes it one that cannot be judged.
fn finished(loader: Loader, input: Input) -> Result<Input, Failure> {
    let (sources, findings) = loader.finish()?;
    if let Some(finding) = findings.first() {
        let place = finding.location().and_then(|location| sources.get(location.file)).map(|source| format!("{}: ", source.name()));
        return Err(Failure::new(format!("{}{}", place.unwrap_or_default(), finding.message)));
    }
    Ok(Input { sources, ..input })
}

/// Says why a side could not be judged.
pub(crate) fn not_judged(unjudged: &Unjudged) -> Result<Exit, Failure> {
    report::findings(&unjudged.findings, &unjudged.sources, Findings::Human)?;
    let which = match unjudged.which {
        Which::Base => "base",
        Which::Head => "head",
    };
    Err(Failure::new(format!("the {which} ({}) has errors, so nothing can be said of the difference", unjudged.name)))
}
