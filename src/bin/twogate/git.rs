//! What git knows: revisions, their files, where branches part.
//!
//! Owns: the running of `git`, as a process and reading only. It must not know what the files say.

mod tree;

use crate::exit::{Failure, reason};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use tree::{Lost, Search, Tree};

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    /// Its whole name.
    hash: String,
    /// Its short name, for people.
    pub(crate) name: String,
}

/// A file of a commit: its path from this folder, and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blob {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
}

/// The branches that others are merged into by custom, in the order in which they are looked for.
const DEFAULT_BRANCHES: [&str; 4] = ["origin/main", "origin/master", "main", "master"];

/// The commit of a revision.
pub(crate) fn commit(revision: &str) -> Result<Commit, Failure> {
    let unknown = || Failure::new(format!("`{revision}` is no revision of this repository and no file or folder"));
    if revision.starts_with('-') {
        return Err(unknown());
    }
    if text(&["rev-parse", "--git-dir"])?.is_none() {
        return Err(Failure::new(format!("`{revision}` is no file or folder, and no revision, as this is no git repository")));
    }
    let hash = text(&["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")])?.ok_or_else(unknown)?;
    let name = text(&["rev-parse", "--short", &hash])?.unwrap_or_else(|| hash.clone());
    Ok(Commit { hash, name })
}

/// The commit at which two parted; the first where they have nothing in common.
pub(crate) fn merge_base(base: Commit, head: &Commit) -> Result<Commit, Failure> {
    match text(&["merge-base", &base.hash, &head.hash])? {
        Some(hash) => commit(&hash),
        None => Ok(base),
    }
}

/// The commit that is checked out.
pub(crate) fn head() -> Result<Commit, Failure> {
    if text(&["rev-parse", "--git-dir"])?.is_none() {
        return Err(Failure::new("this folder is in no git repository; give two folders of intents to compare"));
    }
    commit("HEAD").map_err(|_| Failure::new("the repository has no commit yet; give two folders of intents to compare"))
}

/// The branch that changes are merged into.
pub(crate) fn default_branch() -> Result<Commit, Failure> {
    if let Some(branch) = text(&["symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"])? {
        return commit(&branch);
    }
    for branch in DEFAULT_BRANCHES {
        if let Ok(found) = commit(branch) {
            return Ok(found);
        }
    }
    Err(Failure::new("there is no branch `main` or `master` to compare with; name a base, as in `twogate diff HEAD~1`"))
}

/// How git names the mode of a link, and that of a submodule.
const LINK: &str = "120000";
const SUBMODULE: &str = "160000";

/// Something that a commit holds: `100644 blob HASH<TAB>PATH`.
struct Entry {
    mode: String,
    hash: String,
    path: String,
}

/// The files of a commit at these paths, in the order of their names; links are followed as far as the commit holds what they lead to. A
/// path that the commit does not hold has none. None at all if git cannot look there, as outside of the repository or in a submodule.
pub(crate) fn files(commit: &Commit, paths: &[&Path], wanted: impl Fn(&str) -> bool) -> Result<Option<Vec<Blob>>, Failure> {
    let paths: Vec<&str> = paths.iter().filter_map(|path| path.to_str()).map(|path| if path.is_empty() { "." } else { path }).collect();
    let Some(listed) = listed(&["-r"], commit, &paths)? else { return Ok(None) };
    let leads_on = |all: &[Entry]| all.iter().any(|entry| matches!(entry.mode.as_str(), LINK | SUBMODULE));
    if leads_on(&listed) || leads_on(&folders_above(commit, &paths)?) {
        return followed(commit, &paths, &wanted);
    }
    let is_wanted = |entry: &Entry| is_file(entry) && wanted(&entry.path);
    let mut found: Vec<(String, String)> = listed.into_iter().filter(is_wanted).map(|entry| (entry.path, entry.hash)).collect();
    found.sort();
    found.dedup();
    read(found).map(Some)
}

/// Submodules are no texts.
fn is_file(entry: &Entry) -> bool {
    matches!(entry.mode.as_str(), "100644" | "100755")
}

/// What a commit holds at these paths; none if git cannot look there.
fn listed(options: &[&str], commit: &Commit, paths: &[&str]) -> Result<Option<Vec<Entry>>, Failure> {
    let arguments: Vec<&str> =
        ["ls-tree", "-z"].iter().chain(options).copied().chain([commit.hash.as_str(), "--"]).chain(paths.iter().copied()).collect();
    Ok(run(&arguments)?.map(|bytes| bytes.split(|byte| *byte == 0).filter_map(entry).collect()))
}

fn entry(line: &[u8]) -> Option<Entry> {
    let (head, path) = std::str::from_utf8(line).ok()?.split_once('\t')?;
    let mut words = head.split(' ');
    let (mode, hash) = (words.next()?, words.nth(1)?);
    Some(Entry { mode: mode.to_owned(), hash: hash.to_owned(), path: path.to_owned() })
}

/// The folders above these paths: one of them may be a link, behind which git lists nothing.
fn folders_above(commit: &Commit, paths: &[&str]) -> Result<Vec<Entry>, Failure> {
    let top = if paths.iter().any(|path| Path::new(path).is_absolute()) { top()? } else { String::new() };
    let is_inside = |path: &&Path| path.is_relative() || !top.is_empty() && path.starts_with(&top);
    let above = paths.iter().flat_map(|path| Path::new(path).ancestors().skip(1)).filter(is_inside).filter_map(Path::to_str);
    let above: Vec<&str> = above.filter(|path| !matches!(*path, "" | ".")).collect();
    if above.is_empty() {
        return Ok(Vec::new());
    }
    Ok(listed(&[], commit, &above)?.unwrap_or_default())
}

/// The same as `files`, where there are links or submodules.
fn followed(commit: &Commit, paths: &[&str], wanted: &dyn Fn(&str) -> bool) -> Result<Option<Vec<Blob>>, Failure> {
    let tree = whole_tree(commit)?;
    let here = text(&["rev-parse", "--show-prefix"])?.unwrap_or_default();
    let top = top()?;
    let is_harmless = |lost: &Lost| is_harmless(Path::new(&top), lost, wanted);
    let mut search = Search::new(&tree, wanted, &is_harmless);
    for path in paths {
        let from_root = if Path::new(path).is_absolute() { from_root(path)? } else { format!("{here}{path}") };
        search.look(as_shown(path), &from_root);
    }
    let is_asked_for = |shown: &str| paths.iter().any(|path| as_shown(path) == shown);
    if search.lost.iter().any(|(shown, lost)| matches!(lost, Lost::Submodule { target: None, .. }) && is_asked_for(shown)) {
        return Ok(None);
    }
    let lost = |(link, lost): &(String, Lost)| {
        format!("in {} `{link}` is {}: what is to be read there cannot be told; name it by another path", commit.name, lost.words())
    };
    Failure::all(search.lost.iter().map(lost).collect())?;
    let mut found = search.files;
    found.sort();
    read(found).map(Some)
}

/// A path that was asked for, as the files below it are named.
fn as_shown(path: &str) -> &str {
    let shown = path.trim_start_matches("./").trim_end_matches('/');
    if shown == "." { "" } else { shown }
}

/// Whether nothing that is wanted is behind a path that leaves the repository: the disk shows a file there, or git knows the submodule's
/// commit, and in it no link and no file of such a name.
fn is_harmless(top: &Path, lost: &Lost, wanted: &dyn Fn(&str) -> bool) -> bool {
    match lost {
        Lost::Outside { place, .. } => !(top.as_os_str().is_empty() && Path::new(place).is_relative()) && top.join(place).is_file(),
        Lost::Submodule { submodule, hash, place, .. } => {
            let folder = top.join(submodule);
            let Some(folder) = folder.to_str().filter(|_| folder.join(".git").exists()) else { return false };
            let mut arguments = vec!["-C", folder, "ls-tree", "-r", "-z", "--full-tree", hash.as_str(), "--"];
            arguments.extend((!place.is_empty()).then_some(place.as_str()));
            let Ok(Some(bytes)) = run(&arguments) else { return false };
            let leads_on = |entry: &Entry| !is_file(entry);
            !bytes.split(|byte| *byte == 0).filter_map(entry).any(|entry| leads_on(&entry) || wanted(&entry.path))
        }
        Lost::Dangling(_) | Lost::Circle(_) => false,
    }
}

/// The folder of the repository.
fn top() -> Result<String, Failure> {
    Ok(text(&["rev-parse", "--show-toplevel"])?.unwrap_or_default())
}

/// An absolute path, from the root of the repository.
fn from_root(path: &str) -> Result<String, Failure> {
    let top = top()?;
    let real = std::fs::canonicalize(path).unwrap_or_default();
    let inside = Path::new(path).strip_prefix(&top).or_else(|_| real.strip_prefix(&top)).ok().and_then(Path::to_str);
    inside
        .map(str::to_owned)
        .ok_or_else(|| Failure::new(format!("cannot tell where {path} is in the repository; name it from this folder")))
}

/// Everything that a commit holds.
fn whole_tree(commit: &Commit) -> Result<Tree, Failure> {
    let unlisted = || Failure::new(format!("git cannot list the files of {}", commit.name));
    let entries = listed(&["-r", "--full-tree"], commit, &[])?.ok_or_else(unlisted)?;
    let mut tree = Tree::default();
    let mut links = Vec::new();
    for entry in entries {
        if entry.mode == LINK {
            links.push((entry.path, entry.hash));
        } else if entry.mode == SUBMODULE {
            tree.add_submodule(&entry.path, &entry.hash);
        } else if is_file(&entry) {
            tree.add_file(&entry.path, &entry.hash);
        }
    }
    for link in read(links)? {
        tree.add_link(&link.path, &String::from_utf8_lossy(&link.bytes));
    }
    Ok(tree)
}

/// The bytes of many files, by one process.
fn read(files: Vec<(String, String)>) -> Result<Vec<Blob>, Failure> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |error: &std::io::Error| Failure::new(format!("cannot read from git: {}", reason(error)));
    let mut process = Command::new("git")
        .args(["cat-file", "--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(&error))?;
    let asked = files.iter().fold(String::new(), |asked, (_, hash)| asked + hash + "\n");
    let stdin = process.stdin.take();
    // Written by another thread: git answers before it has read everything.
    let writer = std::thread::spawn(move || stdin.map_or(Ok(()), |mut stdin| stdin.write_all(asked.as_bytes())));
    let mut answers = process.stdout.take().map(BufReader::new);
    let mut blobs = Vec::with_capacity(files.len());
    for (path, _) in files {
        let bytes = answers.as_mut().and_then(|answers| answer(answers).ok());
        let bytes = bytes.ok_or_else(|| Failure::new(format!("cannot read {path} from git")))?;
        blobs.push(Blob { path, bytes });
    }
    drop(answers);
    let _ = writer.join();
    process.wait().map_err(|error| failed(&error))?;
    Ok(blobs)
}

/// One answer: a line with the size, the bytes, a line end.
fn answer(answers: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut head = String::new();
    answers.read_line(&mut head)?;
    let size = head.trim_end().rsplit(' ').next().and_then(|size| size.parse::<u64>().ok());
    let size = size.ok_or_else(|| std::io::Error::other("no such file"))?;
    let mut bytes = Vec::new();
    answers.take(size).read_to_end(&mut bytes)?;
    answers.read_exact(&mut [0])?;
    Ok(bytes)
}

/// What git prints, as one word; none if it fails or prints nothing.
fn text(arguments: &[&str]) -> Result<Option<String>, Failure> {
    let printed = run(arguments)?.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    Ok(printed.filter(|text| !text.is_empty()))
}

/// What git prints; none if it fails.
fn run(arguments: &[&str]) -> Result<Option<Vec<u8>>, Failure> {
    let output = Command::new("git").args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| Failure::new(format!("cannot run git: {}", reason(&error))))?;
    Ok(output.status.success().then_some(output.stdout))
}
