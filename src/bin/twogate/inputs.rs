//! The arguments that say what to read, and the reading.
//!
//! Owns: `Inputs`. It must not judge what was read; only that there is something.

use crate::exit::Failure;
use crate::files::{Finder, Item, Loader};
use clap::Args;
use std::path::{Component, Path, PathBuf};
use twogate::compile::Input;
use twogate::diagnostic::{Diagnostic, code};
use twogate::source::{FileId, Sources};

/// The extension of intents.
pub(crate) const INTENTS: &[&str] = &["intent"];
/// The extensions of manifests.
pub(crate) const MANIFESTS: &[&str] = &["yaml", "yml", "json"];
/// The name of the configuration.
const CONFIG: &str = "twogate.toml";

/// The names of what policy can be written for.
fn target_names() -> Vec<&'static str> {
    twogate::target::ALL.iter().map(|target| target.name()).collect()
}

/// What to read.
#[derive(Debug, Default, Args)]
pub(crate) struct Inputs {
    /// Files, folders or `-`; without any, `intents` if it is there, else `.`
    #[arg(value_name = "PATHS")]
    pub(crate) paths: Vec<PathBuf>,

    /// Manifests that say what runs: files, folders or `-`; may be repeated
    #[arg(long, value_name = "P")]
    pub(crate) inventory: Vec<PathBuf>,

    /// Intents of others, which are taken as applied and not written; may be repeated
    #[arg(long, value_name = "P")]
    pub(crate) with: Vec<PathBuf>,

    /// Policies of others in the same cluster, which join the proof: files, folders or `-`; may be repeated
    #[arg(long, value_name = "P")]
    pub(crate) alongside: Vec<PathBuf>,

    /// What to write policy for, instead of all; may be repeated
    #[arg(long = "target", value_name = "T", value_parser = clap::builder::PossibleValuesParser::new(target_names()))]
    pub(crate) targets: Vec<String>,

    /// The namespace of statements that stand in none, instead of `default`
    #[arg(short, long, value_name = "NS", value_parser = namespace)]
    pub(crate) namespace: Option<String>,

    /// The configuration, instead of the next `twogate.toml` upwards from the first path
    #[arg(long, value_name = "F")]
    pub(crate) config: Option<PathBuf>,
}

/// What was read.
#[derive(Debug)]
pub(crate) enum Read {
    /// Everything, ready to compile, from so many intent files.
    Ready(Box<Input>, usize),
    /// Findings about the files themselves; what else they say was not looked at.
    Found(Sources, Vec<Diagnostic>),
}

/// What was read, with manifests beside it.
#[derive(Debug)]
pub(crate) enum ReadBeside {
    /// Everything: what to compile, and the manifests.
    Ready(Box<Input>, Vec<FileId>),
    /// Findings about the files themselves; what else they say was not looked at.
    Found(Sources, Vec<Diagnostic>),
}

impl Inputs {
    /// Reads all of it. `today` is the date (`YYYY-MM-DD`) by which rules expire; none leaves that unjudged.
    pub(crate) fn read(self, today: Option<String>) -> Result<Read, Failure> {
        Ok(match self.read_beside(&[], today)? {
            ReadBeside::Ready(input, _) => {
                let files = input.intents.len();
                Read::Ready(input, files)
            }
            ReadBeside::Found(sources, findings) => Read::Found(sources, findings),
        })
    }

    /// Reads all of it, and manifests at other paths beside it.
    pub(crate) fn read_beside(self, manifests: &[PathBuf], today: Option<String>) -> Result<ReadBeside, Failure> {
        let paths = or_default(self.paths.clone());
        self.read_at(&paths, manifests, today)
    }

    /// The same, where manifests may stand for themselves: intents are read only where paths are given, if there are any.
    pub(crate) fn read_judged(self, manifests: &[PathBuf]) -> Result<ReadBeside, Failure> {
        let paths = if manifests.is_empty() { or_default(self.paths.clone()) } else { self.paths.clone() };
        self.read_at(&paths, manifests, None)
    }

    /// Reads intents at these paths, and everything else; no paths, no intents.
    fn read_at(self, paths: &[PathBuf], judged: &[PathBuf], today: Option<String>) -> Result<ReadBeside, Failure> {
        let mut finder = Finder::default();
        // In this order: a file that is the user's own is not another's too.
        let [intents, with] = [paths, &self.with].map(|paths| finder.find(paths, INTENTS));
        let beside = [&self.inventory[..], &self.alongside, judged].map(|paths| finder.find_anew(paths, MANIFESTS));
        let config = self.config.or_else(|| paths.iter().chain(judged).next().and_then(|path| find_config(path)));
        finder.finish()?;
        let mut loader = Loader::default();
        let [intents, with] = [intents, with].map(|items| loader.load(&items));
        let [inventory, alongside, manifests] = beside.map(|items| loader.load(&items));
        let config = config.and_then(|path| loader.load_one(&Item::file(&path)));
        let (sources, mut findings) = loader.finish()?;
        if findings.is_empty() && intents.is_empty() && !paths.is_empty() {
            findings.push(no_input(paths));
        }
        if findings.is_empty() && with.is_empty() && !self.with.is_empty() {
            findings.push(no_input(&self.with));
        }
        if findings.is_empty() {
            let given = [(&self.inventory[..], &inventory), (&self.alongside[..], &alongside), (judged, &manifests)];
            let without = given.into_iter().filter(|(paths, found)| !paths.is_empty() && found.is_empty());
            findings.extend(without.map(|(paths, _)| no_manifests(paths)));
        }
        if !findings.is_empty() {
            return Ok(ReadBeside::Found(sources, findings));
        }
        let (namespace, targets) = (self.namespace, self.targets);
        let input = Input { sources, intents, with, inventory, alongside, config, namespace, targets, today };
        Ok(ReadBeside::Ready(Box::new(input), manifests))
    }
}

/// The paths given, or the default ones.
pub(crate) fn or_default(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    if !paths.is_empty() {
        return paths;
    }
    let usual = Path::new("intents");
    vec![if usual.is_dir() { usual.to_owned() } else { PathBuf::from(".") }]
}

/// The finding that there is nothing to work on.
pub(crate) fn no_input(paths: &[PathBuf]) -> Diagnostic {
    Diagnostic::unplaced(code::NO_INPUT, format!("there is no intent file in {}", places(paths))).help("intent files end in `.intent`")
}

/// The finding that there are no manifests to judge.
fn no_manifests(paths: &[PathBuf]) -> Diagnostic {
    Diagnostic::unplaced(code::NO_INPUT, format!("there is no manifest in {}", places(paths)))
        .help("manifests end in `.yaml`, `.yml` or `.json`")
}

/// Paths as findings name them.
fn places(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
}

/// The configuration nearest to a path: beside it or in it if it is a folder, else in a folder above.
pub(crate) fn find_config(path: &Path) -> Option<PathBuf> {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
    upwards(folder).map(|folder| folder.join(CONFIG)).find(|config| config.is_file())
}

/// Where the configuration of intents at a path may be, the nearest first.
pub(crate) fn config_places(path: &Path) -> impl Iterator<Item = PathBuf> {
    let folder =
        if path.extension().is_some_and(|extension| extension == "intent") { path.parent().unwrap_or(Path::new("")) } else { path };
    upwards(folder).map(|folder| folder.join(CONFIG))
}

/// A folder and those above it, each named from the same place as the first, so that no finding shows an absolute path
/// that the user did not give.
fn upwards(folder: &Path) -> impl Iterator<Item = PathBuf> {
    // A bare file name has the empty folder above it, which is this one.
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let depth = std::path::absolute(here).map_or(0, |path| path.components().count());
    named_upwards(folder, depth)
}

/// So many folders: the first, and those above it.
fn named_upwards(folder: &Path, depth: usize) -> impl Iterator<Item = PathBuf> {
    let named: PathBuf = folder.components().filter(|part| *part != Component::CurDir).collect();
    std::iter::successors(Some(named), |folder| above(folder)).take(depth)
}

/// The folder above; none above a root.
fn above(folder: &Path) -> Option<PathBuf> {
    match folder.components().next_back() {
        Some(Component::Normal(_)) => folder.parent().map(Path::to_owned),
        Some(Component::ParentDir | Component::CurDir) | None => Some(folder.join("..")),
        Some(Component::RootDir | Component::Prefix(_)) => None,
    }
}

/// A namespace's name (RFC 1123 label), as Kubernetes accepts it.
pub(crate) fn namespace(written: &str) -> Result<String, String> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let label = !written.is_empty() && written.len() <= 63 && written.bytes().all(inner);
    if label && !written.starts_with('-') && !written.ends_with('-') {
        return Ok(written.to_owned());
    }
    Err("a namespace is at most 63 lower-case letters, digits and `-`, with no `-` at its ends".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_above_are_named_from_here() {
        let names = |folder: &str| named_upwards(Path::new(folder), 4).map(|path| path.display().to_string()).collect::<Vec<_>>();
        assert_eq!(names("a/b"), ["a/b", "a", "", ".."]);
        assert_eq!(names("./a"), ["a", "", "..", "../.."]);
        assert_eq!(names("."), ["", "..", "../..", "../../.."]);
        assert_eq!(names("../a"), ["../a", "..", "../..", "../../.."]);
        assert_eq!(names("/a/b"), ["/a/b", "/a", "/"]);
        assert!(upwards(Path::new("")).count() > 1, "a bare file name is looked for upwards too");
    }

    #[test]
    fn namespaces_are_checked_at_the_edge() {
        assert_eq!(namespace("shop-2"), Ok("shop-2".to_owned()));
        for wrong in ["", "Shop", "-a", "a-", "a.b", &"a".repeat(64)] {
            assert!(namespace(wrong).is_err(), "{wrong}");
        }
    }
}
