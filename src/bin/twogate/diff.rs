//! `twogate diff`: who gains and who loses access.
//!
//! Owns: the command: which texts are the two sides, in which format the answer is written, and how the run ends.

use crate::date;
use crate::exit::{Exit, Failure};
use crate::files::{Finder, Item, Loader};
use crate::git::{self, Commit};
use crate::inputs::{INTENTS, MANIFESTS, find_config, namespace, no_input, or_default};
use crate::report::{self, Format as Findings};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use twogate::compile::Input;
use twogate::diagnostic::human::Colour;
use twogate::diff::{
    Compared, Condition, Detail, Failing, Report, Revision, Telling, Texts, Unjudged, Which, human, intents, json, manifests, markdown,
    sarif, scope,
};
use twogate::ir::Policy;
use twogate::source::FileId;

/// Say who gains and who loses access, whatever the text did.
///
/// Compared is what the intents mean, over every pod that could exist: moved, renamed or rewritten lines show as nothing.
///
/// BASE and HEAD are git revisions, folders or files of intents. Without HEAD it is the working tree; without BASE it is where
/// the branch left the default branch. Of two revisions, BASE is taken where HEAD left it, as reviewers see a pull request.
///
/// Exit status: 0 access did not change; 1 it did or may have, or with `--fail-on` what that names has happened; 2 it could not be judged.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Diff {
    /// What was: a revision, a folder or a file
    #[arg(value_name = "BASE")]
    base: Option<String>,

    /// What is to be: a revision, a folder or a file; without it the working tree
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

    /// Also show a connection each, all workloads concerned and the manifests that are touched
    #[arg(long)]
    verbose: bool,

    /// How the answer is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "human")]
    format: Format,

    /// Fail only for this: gained, lost, internet, weakened, unspecified, assumption or any, in a scope as `gained@shop` or
    /// `lost@[env=prod]`; may be repeated
    #[arg(long, value_name = "WHAT", value_parser = fail_on)]
    fail_on: Vec<Condition>,

    /// The date by which accepted exposures expire, instead of today's in UTC
    #[arg(long, value_name = "DATE", value_parser = date::parse)]
    today: Option<String>,
}

/// The end of the help.
const EXAMPLES: &str = "\
Examples:
  twogate diff
  twogate diff main --format markdown
  twogate diff HEAD~3 HEAD --fail-on internet --fail-on gained@[env=prod]
  twogate diff old/intents new/intents
  twogate diff --manifests before.yaml after.yaml";

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, on the standard output
    Human,
    /// A comment for a pull request
    Markdown,
    /// One JSON object, as `docs/diff.schema.json` describes it
    Json,
    /// A SARIF 2.1.0 log for code scanning
    Sarif,
}

/// Where a side's texts are.
#[derive(Debug, Clone)]
enum Place {
    /// In a commit.
    Commit(Commit),
    /// In files: the default ones of the working tree, or one that was named.
    Files(Option<PathBuf>),
}

impl Diff {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        if let [base, head] = self.manifests.as_slice() {
            return self.run_manifests(base, head);
        }
        let (base, head) = self.places()?;
        let (base, head) = (self.revision(&base)?, self.revision(&head)?);
        if base.input.intents.is_empty() && head.input.intents.is_empty() {
            return report::findings(&[no_input(&self.folders())], &head.input.sources, Findings::Human).map(|_| Exit::NotJudged);
        }
        let detail = if self.verbose || matches!(self.format, Format::Markdown | Format::Json) { Detail::Objects } else { Detail::Access };
        match intents(base, head, detail) {
            Ok(compared) => self.finish(&compared),
            Err(unjudged) => not_judged(&unjudged),
        }
    }

    /// Compares manifests.
    fn run_manifests(&self, base: &Path, head: &Path) -> Result<Exit, Failure> {
        if base.as_os_str() == "-" && head.as_os_str() == "-" {
            return Err(Failure::new("cannot read -: the standard input can be read only once"));
        }
        match manifests(self.dump(base)?, self.dump(head)?) {
            Ok(compared) => self.finish(&compared),
            Err(unjudged) => not_judged(&unjudged),
        }
    }

    fn dump(&self, path: &Path) -> Result<Revision, Failure> {
        let mut finder = Finder::default();
        let items = finder.find(&[path.to_owned()], MANIFESTS);
        finder.finish()?;
        let config = self.config.clone().or_else(|| find_config(Path::new("")));
        let mut loader = Loader::default();
        let inventory = loader.load(&items);
        let config = config.and_then(|path| loader.load_one(&Item::file(&path)));
        if inventory.is_empty() {
            return Err(Failure::new(format!("there is no manifest in {}", path.display())));
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

    fn revision(&self, place: &Place) -> Result<Revision, Failure> {
        let today = Some(self.today.clone().unwrap_or_else(date::today));
        let (name, mut input) = match place {
            Place::Commit(commit) => (commit.name.clone(), self.read_commit(commit)?),
            Place::Files(None) => ("working tree".to_owned(), self.read_files(&self.folders())?),
            Place::Files(Some(path)) => (path.display().to_string(), self.read_files(std::slice::from_ref(path))?),
        };
        input.namespace.clone_from(&self.namespace);
        input.today = today;
        Ok(Revision { name, input })
    }

    fn read_files(&self, paths: &[PathBuf]) -> Result<Input, Failure> {
        let mut finder = Finder::default();
        let [intents, with] = [paths, &self.with].map(|paths| finder.find(paths, INTENTS));
        let inventory = finder.find(&self.inventory, MANIFESTS);
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
        let intents = from_git(commit, &folders, INTENTS, &mut loader)?;
        let with = from_git_or_files(commit, &self.with, INTENTS, &mut loader)?;
        let inventory = from_git_or_files(commit, &self.inventory, MANIFESTS, &mut loader)?;
        let config = match &self.config {
            Some(path) => from_git_or_files(commit, std::slice::from_ref(path), &[], &mut loader)?.first().copied(),
            None => folders.first().and_then(|folder| config_of(commit, folder, &mut loader)),
        };
        finished(loader, Input { intents, with, inventory, config, ..Input::default() })
    }

    /// Writes the answer and says how the run ends.
    fn finish(&self, compared: &Compared) -> Result<Exit, Failure> {
        let Compared { report, texts, head } = compared;
        self.write(report, texts)?;
        Ok(self.exit(report, head))
    }

    fn write(&self, report: &Report, texts: &Texts) -> Result<(), Failure> {
        let telling = if self.verbose { Telling::Verbose } else { Telling::Brief };
        match self.format {
            Format::Human => report::print_coloured(|colour: Colour| human(report, texts, telling, colour)),
            Format::Markdown => report::print(&markdown(report, texts)),
            Format::Json => report::print(&json(report, texts)),
            Format::Sarif => report::print(&sarif(report, texts)),
        }
    }

    fn exit(&self, report: &Report, head: &Policy) -> Exit {
        let fails = if self.fail_on.is_empty() {
            report.changes_access()
        } else {
            self.fail_on.iter().any(|condition| condition.is_met(report, head))
        };
        match (fails, report.incomplete.is_empty()) {
            (true, _) => Exit::Found,
            (false, false) => Exit::NotJudged,
            (false, true) => Exit::Fine,
        }
    }
}

/// A file or folder if there is one of that name, else a revision.
fn named(written: &str) -> Result<Place, Failure> {
    let path = Path::new(written);
    if path.exists() { Ok(Place::Files(Some(path.to_owned()))) } else { git::commit(written).map(Place::Commit) }
}

/// The files of a commit at these paths: in folders those with one of the extensions, without what is hidden.
fn from_git(commit: &Commit, paths: &[PathBuf], extensions: &[&str], loader: &mut Loader) -> Result<Vec<FileId>, Failure> {
    let named = |path: &str| paths.iter().any(|named| named.to_str() == Some(path));
    let wanted = |path: &str| {
        let shown = !path.split('/').any(|part| part.starts_with('.') && part != "." && part != "..");
        let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
        named(path) || shown && extension.is_some_and(|extension| extensions.contains(&extension))
    };
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let blobs = git::files(commit, &paths, wanted)?;
    Ok(blobs.into_iter().filter_map(|blob| loader.add(blob.path, blob.bytes)).collect())
}

/// The same, and the files themselves where the commit holds none at a path.
fn from_git_or_files(commit: &Commit, paths: &[PathBuf], extensions: &[&str], loader: &mut Loader) -> Result<Vec<FileId>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        let is_inside = path.is_relative() && path.as_os_str() != "-";
        let held =
            if is_inside { from_git(commit, std::slice::from_ref(path), extensions, loader).unwrap_or_default() } else { Vec::new() };
        if !held.is_empty() {
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
fn config_of(commit: &Commit, folder: &Path, loader: &mut Loader) -> Option<FileId> {
    for above in crate::inputs::config_places(folder) {
        let blobs = git::files(commit, &[&above], |_| true).ok()?;
        if let Some(blob) = blobs.into_iter().next() {
            return loader.add(blob.path, blob.bytes);
        }
    }
    None
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
fn not_judged(unjudged: &Unjudged) -> Result<Exit, Failure> {
    report::findings(&unjudged.findings, &unjudged.sources, Findings::Human)?;
    let which = match unjudged.which {
        Which::Base => "base",
        Which::Head => "head",
    };
    Err(Failure::new(format!("the {which} ({}) has errors, so nothing can be said of the difference", unjudged.name)))
}

/// `gained`, `lost@shop`, `internet@[env=prod]`.
fn fail_on(written: &str) -> Result<Condition, String> {
    let (word, written_scope) = written.split_once('@').map_or((written, None), |(word, scope)| (word, Some(scope)));
    let words = || Failing::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let failing = Failing::ALL.iter().find(|(name, _)| *name == word).map(|(_, failing)| *failing);
    let failing = failing.ok_or_else(|| format!("it is one of {}", words()))?;
    let scope = written_scope.map(scope).transpose();
    let scope = scope.map_err(|findings| {
        let why = findings.first().map(|finding| finding.message.clone()).unwrap_or_default();
        format!("the scope cannot be read: {why}")
    })?;
    Ok(Condition { failing, scope })
}
