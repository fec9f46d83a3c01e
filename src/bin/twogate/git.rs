//! What git knows: revisions, their files, where branches part.
//!
//! Owns: the running of `git`, as a process and reading only. It must not know what the files say.

use crate::exit::{Failure, reason};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

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

/// The files of a commit at these paths, in the order of their names. A path that the commit does not hold has none.
pub(crate) fn files(commit: &Commit, paths: &[&Path], wanted: impl Fn(&str) -> bool) -> Result<Vec<Blob>, Failure> {
    let mut arguments = vec!["ls-tree".into(), "-r".into(), "-z".into(), commit.hash.clone(), "--".into()];
    for path in paths {
        let Some(path) = path.to_str() else { continue };
        arguments.push(if path.is_empty() { ".".to_owned() } else { path.to_owned() });
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let listed = run(&arguments)?.ok_or_else(|| Failure::new(format!("git cannot list the files of {}", commit.name)))?;
    let mut found: Vec<(String, String)> = Vec::new();
    for line in listed.split(|byte| *byte == 0) {
        // `100644 blob HASH<TAB>PATH`; links and submodules are no texts.
        let Ok(line) = std::str::from_utf8(line) else { continue };
        let Some((head, path)) = line.split_once('\t') else { continue };
        let mut words = head.split(' ');
        let (mode, kind, hash) = (words.next(), words.next(), words.next());
        if let (Some("100644" | "100755"), Some("blob"), Some(hash)) = (mode, kind, hash)
            && wanted(path)
        {
            found.push((path.to_owned(), hash.to_owned()));
        }
    }
    found.sort();
    found.dedup();
    read(found)
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
