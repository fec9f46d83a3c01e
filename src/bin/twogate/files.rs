//! Finding and reading files.
//!
//! Owns: `Finder`, `Loader`. Whatever bytes a file holds, it becomes a source or a finding. It must not know what the text
//! means.

use crate::exit::{Failure, reason};
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use twogate::diagnostic::{Diagnostic, code};
use twogate::source::{FileId, Location, Source, Sources, Span};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// Something to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// The standard input, written `-`.
    Stdin,
    /// A file: how to open it, and how findings name it.
    File(PathBuf, String),
}

impl Item {
    /// A file, whatever its name.
    pub(crate) fn file(path: &Path) -> Self {
        Self::File(path.to_owned(), name(path))
    }
}

/// Finds files by the paths that the user gave; no file twice for one purpose, however it is reached.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    seen: BTreeSet<PathBuf>,
    has_stdin: bool,
    problems: Vec<String>,
}

impl Finder {
    /// The files at these paths in their order: files whatever their name, of folders all that end in one of the
    /// extensions, by name, without what is hidden.
    pub(crate) fn find(&mut self, paths: &[PathBuf], extensions: &[&str]) -> Vec<Item> {
        let mut found = Vec::new();
        for path in paths {
            if path.as_os_str() == "-" {
                found.push(Item::Stdin);
                if std::mem::replace(&mut self.has_stdin, true) {
                    self.problems.push("cannot read -: the standard input can be read only once".to_owned());
                }
                continue;
            }
            match fs::metadata(path) {
                Ok(metadata) if metadata.is_dir() => self.walk(path, extensions, &mut found),
                Ok(_) => self.file(path, &mut found),
                Err(error) => self.problem(path, &error),
            }
        }
        found
    }

    /// The same for another purpose, which a file may serve although it serves those before. The standard input serves one of all.
    pub(crate) fn find_anew(&mut self, paths: &[PathBuf], extensions: &[&str]) -> Vec<Item> {
        self.seen.clear();
        self.find(paths, extensions)
    }

    /// Fails if a path could not be looked at.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        Failure::all(self.problems)
    }

    /// The files of a folder and what is below it. A folder that was already looked through adds nothing, so that links in
    /// a circle end.
    fn walk(&mut self, folder: &Path, extensions: &[&str], found: &mut Vec<Item>) {
        let real = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        if !self.seen.insert(real) {
            return;
        }
        let mut entries = match fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
            Ok(entries) => entries,
            Err(error) => return self.problem(folder, &error),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries.iter().filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b".")) {
            let path = entry.path();
            let wanted = path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted));
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => self.walk(&path, extensions, found),
                Ok(_) if wanted => self.file(&path, found),
                Err(error) if wanted => self.problem(&path, &error),
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Adds a file, if it is new.
    fn file(&mut self, path: &Path, found: &mut Vec<Item>) {
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if self.seen.insert(real) {
            found.push(Item::file(path));
        }
    }

    /// Remembers a path that could not be looked at.
    fn problem(&mut self, path: &Path, error: &std::io::Error) {
        self.problems.push(format!("cannot read {}: {}", path.display(), reason(error)));
    }
}

/// The name of a file in findings: as the user gave it, with `/`, and without the `./` of a walk through `.` itself.
fn name(path: &Path) -> String {
    let name = path.to_string_lossy();
    let name = if cfg!(windows) { name.replace('\\', "/") } else { name.into_owned() };
    name.strip_prefix("./").map(str::to_owned).unwrap_or(name)
}

/// Reads files into sources, and gathers what is wrong with their bytes.
#[derive(Debug, Default)]
pub(crate) struct Loader {
    /// All files read so far, those with findings too.
    pub(crate) sources: Sources,
    /// Files that are no text or too large.
    pub(crate) findings: Vec<Diagnostic>,
    problems: Vec<String>,
}

impl Loader {
    /// Reads files; those that are unreadable, no text or too large are left out.
    pub(crate) fn load(&mut self, items: &[Item]) -> Vec<FileId> {
        items.iter().filter_map(|item| self.load_one(item)).collect()
    }

    /// Reads a file.
    pub(crate) fn load_one(&mut self, item: &Item) -> Option<FileId> {
        let (name, bytes) = match item {
            Item::Stdin => ("<stdin>".to_owned(), bounded(std::io::stdin().lock())),
            Item::File(path, name) => (name.clone(), fs::File::open(path).and_then(bounded)),
        };
        match bytes {
            Ok(bytes) => self.add(name, bytes),
            Err(error) => {
                self.problems.push(format!("cannot read {name}: {}", reason(&error)));
                None
            }
        }
    }

    /// The sources and findings; fails if a file could not be read.
    pub(crate) fn finish(self) -> Result<(Sources, Vec<Diagnostic>), Failure> {
        Failure::all(self.problems)?;
        Ok((self.sources, self.findings))
    }

    /// Makes bytes a source, or a finding.
    pub(crate) fn add(&mut self, name: String, bytes: Vec<u8>) -> Option<FileId> {
        if bytes.len() as u64 > MAX_FILE {
            let file = self.sources.add(Source::new(name, ""));
            self.findings.push(file_too_large(file));
            return None;
        }
        match String::from_utf8(bytes) {
            Ok(text) => Some(self.sources.add(Source::new(name, text))),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let file = self.sources.add(Source::new(name, String::from_utf8_lossy(error.as_bytes())));
                self.findings.push(invalid_utf8(file, at, error.as_bytes()));
                None
            }
        }
    }
}

/// All bytes of a stream, or one more than the largest file has.
fn bounded(stream: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn file_too_large(file: FileId) -> Diagnostic {
    let message = format!("the file is larger than {} MiB", MAX_FILE >> 20);
    Diagnostic::new(code::FILE_TOO_LARGE, Location { file, span: Span::default() }, message)
        .help("split it; the order of files never matters")
}

fn invalid_utf8(file: FileId, at: usize, bytes: &[u8]) -> Diagnostic {
    let byte = bytes.get(at).copied().unwrap_or_default();
    // The source holds U+FFFD, three bytes long, where the bad bytes were.
    let location = Location { file, span: Span::new(at, at + '\u{FFFD}'.len_utf8()) };
    let found =
        Diagnostic::new(code::INVALID_UTF8, location, "the file is not UTF-8 text").label(format!("byte 0x{byte:02X} is not UTF-8"));
    match bytes {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => found.help("save it as UTF-8; it looks like UTF-16"),
        _ => found.help("save it as UTF-8"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        folder
    }

    fn names(folder: &Path, paths: &[&str]) -> Vec<String> {
        let paths: Vec<_> = paths.iter().map(|path| folder.join(path)).collect();
        let mut finder = Finder::default();
        let found = finder.find(&paths, &["intent"]);
        finder.finish().unwrap();
        let prefix = format!("{}/", folder.display());
        let name = |item| match item {
            Item::File(_, name) => name.strip_prefix(&prefix).unwrap().to_owned(),
            Item::Stdin => "-".to_owned(),
        };
        found.into_iter().map(name).collect()
    }

    #[test]
    fn folders_are_walked_by_name_without_the_hidden() {
        let folder = folder(&["b.intent", "a/z.intent", "a/c.intent", ".git/x.intent", "a/.h.intent", "a/readme.md", "a.intent"]);
        assert_eq!(names(folder.path(), &[""]), ["a/c.intent", "a/z.intent", "a.intent", "b.intent"]);
    }

    #[test]
    fn a_file_is_taken_once_and_whatever_its_name() {
        let folder = folder(&["a/x.intent", "a/readme.md"]);
        assert_eq!(names(folder.path(), &["a/readme.md", "a", "a/x.intent"]), ["a/readme.md", "a/x.intent"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_in_a_circle_end_and_links_to_files_are_followed() {
        let folder = folder(&["a/x.intent", "b/y.txt"]);
        std::os::unix::fs::symlink("..", folder.path().join("a/up")).unwrap();
        std::os::unix::fs::symlink("y.txt", folder.path().join("b/y.intent")).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("b/other")).unwrap();
        assert_eq!(names(folder.path(), &[""]), ["a/x.intent", "b/y.intent"]);
    }

    #[test]
    fn the_bad_byte_is_pointed_at() {
        let mut loader = Loader::default();
        assert_eq!(loader.add("a.intent".into(), b"allow\n\xFFx".to_vec()), None);
        let (sources, findings) = loader.finish().unwrap();
        assert_eq!(sources.slice(findings[0].location().unwrap()), "\u{FFFD}");
        assert_eq!(findings[0].code, code::INVALID_UTF8);
    }
}
